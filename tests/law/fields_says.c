/* A writer that was shown something is a region that has applied those writes and no
 * others; its context is the library's, and so is the patch that is made of it. The
 * drawing's own pieces say the same to the model. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/law/fields_drawing.h"
#include "tests/law/fields_says.h"

static struct law_random drawn;
static struct law_options options;
static struct law_region reader;
static struct iso_buf session;
static const struct iso_sum *claimed; /* by a reset, instead of what it was shown */
static struct iso_why why;

void law_say_begin(void)
{
    options = (struct law_options){.resolver = iso_resolver_find("fields"),
                                   .model = &law_fields_model};
    drawn.options = &options;
    iso_chance_seeded_init(&drawn.chance, 1);
    law_case_clear(&drawn.law);
    drawn.law.profile = (unsigned)shape_profiles() - 1; /* every field */
}

/* ---- what is read ---- */

/* Applies those writes, in that order, and shows. */
static const struct iso_shown *shown_after(const char *writes)
{
    static struct law_report report;
    law_region_reset(&reader, &options, &drawn.law);
    for (; *writes != '\0'; writes++)
        law_region_deliver(&reader, (size_t)(*writes - 'a'), &report);
    ck_assert_int_eq(options.resolver->show(drawn.law.writes[0].key,
                                            iso_buf_bytes(&reader.row), 0,
                                            &reader.shown, &why),
                     ISO_OK);
    return &reader.shown;
}

/* A datum as JSON, without quotes; good until the next. */
static const char *datum_text(const struct shape_path *path, struct iso_bytes datum)
{
    static struct iso_buf json;
    const struct iso_fields *fields =
        iso_schemas_fields(shape_profile(drawn.law.profile)->schemas, 0);
    iso_buf_clear(&json);
    ck_assert_int_eq(iso_field_json(fields, iso_fields_find(fields, path->path.field),
                                    datum, &json, &why),
                     ISO_OK);
    char *text = (char *)iso_buf_text(&json);
    size_t size = strlen(text);
    if (text[0] != '"')
        return text;
    text[size - 1] = '\0';
    return text + 1;
}

static void name_print(const struct iso_path *path, struct iso_buf *text)
{
    iso_buf_print(text, "%s%.*s", text->size > 0 ? " " : "", (int)path->field.size,
                  (const char *)path->field.data);
    if (path->has_member)
        iso_buf_print(text, ".%.*s", (int)path->member.size,
                      (const char *)path->member.data);
}

static void part_print(const struct iso_shown_part *part, struct iso_buf *text)
{
    struct shape_path path = {.path = part->path};
    name_print(&part->path, text);
    if (part->rule == ISO_RULE_COUNTER)
        iso_buf_print(text, "=%" PRId64, part->number);
    else if (part->rule == ISO_RULE_SET)
        iso_buf_print(text, "+%s", datum_text(&path, part->path.element));
    else if (part->rule != ISO_RULE_FLAG)
        iso_buf_print(text, "=%s", datum_text(&path, part->datum));
}

/* ---- what is written ---- */

/* The number of the path that the word begins with; the word goes on behind it. */
static size_t path_of(const char **word)
{
    const struct shape_path *paths;
    size_t count = shape_paths(&paths), size = strcspn(*word, "+-=!. ");
    const char *rest = *word + size;
    bool has_member = *rest == '.';
    if (has_member)
        rest += 2; /* members are called x */
    for (size_t n = 0; n < count; n++) {
        const struct iso_path *path = &paths[n].path;
        if (!iso_bytes_equal(path->field, iso_bytes(*word, size)) || paths[n].is_mark ||
            path->has_member != has_member || (has_member && path->member.size != 1) ||
            (path->has_element &&
             strcmp(datum_text(&paths[n], path->element), rest + 1) != 0))
            continue;
        *word = rest;
        return n;
    }
    ck_abort_msg("there is no path %s", *word);
}

static void value_say(size_t at, const char *text)
{
    struct law_op *op = law_drawing_op(LAW_SET, at);
    const struct shape_path *path = &law_drawing.paths[at];
    while (strcmp(datum_text(path, path->values[op->rank]), text) != 0)
        ck_assert_uint_lt(++op->rank, SHAPE_VALUES);
    law_drawing_step(&law_drawing.asked, at, law_operation_of(path->rule, false))
        ->value = path->values[op->rank];
}

static void count_say(size_t at, const char *text)
{
    uint8_t number[ISO_AVRO_LONG_MAX];
    char *end;
    int64_t by = strtoll(text, &end, 10);
    ck_assert(end > text && *end == '\0');
    size_t size = (size_t)(iso_avro_put_long(number, by) - number);
    law_drawing_op(LAW_COUNT, at)->by = by;
    law_drawing_step(&law_drawing.asked, at, ISO_STEP_INCREMENT)->value =
        iso_bytes(law_drawing_copy(number, size), size);
}

static void word_say(const char *word)
{
    if (strcmp(word, "put") == 0) {
        law_drawing.asked.put = true;
        law_drawing_op(LAW_SET, 0);
        return;
    }
    size_t at = path_of(&word);
    enum iso_rule rule = law_drawing.paths[at].rule;
    bool removes = word[0] == '!' || (rule == ISO_RULE_SET && word[0] == '-');
    if (word[0] == '=') {
        value_say(at, word + 1);
    } else if (rule == ISO_RULE_COUNTER && !removes) {
        count_say(at, word);
    } else {
        law_drawing_step(&law_drawing.asked, at, law_operation_of(rule, removes));
        if (removes)
            law_drawing_remove(at);
        else
            law_drawing_op(LAW_SET, at);
    }
}

static void patch_say(struct iso_coming *write, const char *what)
{
    static const struct iso_seen nothing;
    char words[100], *rest = words;
    write->operation = ISO_PATCH;
    iso_patch_clear(&law_drawing.asked);
    memcpy(law_drawing.asked.fingerprint, write->fingerprint, ISO_FINGERPRINT_SIZE);
    snprintf(words, sizeof words, "%s", what);
    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        word_say(word);
    ck_assert_int_eq(iso_seen_fill(write->blind ? &nothing : &law_drawing.seen,
                                   &law_drawing.asked, &law_drawing.filled, &why),
                     ISO_OK);
    if (claimed == NULL)
        return;
    law_drawing.is_forged = true;
    law_drawing.filled.steps[0].sums = law_drawing.ops[0].sums = claimed;
    law_drawing.filled.steps[0].sum_count = law_drawing.ops[0].sum_count = 1;
    claimed = NULL;
}

void law_says_in(uint16_t log, unsigned region, int64_t ms, const char *what,
                 const char *saw)
{
    struct iso_coming write = {.version = {iso_hlc_of_ms(ms), iso_node(region, 1)},
                               .log = log,
                               .blind = saw == BLIND};
    if (saw != BLIND && strcmp(saw, GOES_ON) != 0) {
        iso_buf_clear(&session);
        if (saw[0] != '\0')
            iso_buf_add_bytes(&session, iso_buf_bytes(&shown_after(saw)->context));
        else
            iso_seen_encode(&(struct iso_seen){0}, &session);
    }
    law_drawing_begin(&drawn, &write, write.blind ? NULL : &session);
    law_drawing_schema(0);
    if (strcmp(what, "DELETE") != 0)
        patch_say(&write, what);
    else
        ck_assert(law_drawing_delete());
    iso_buf_clear(&law_drawing.bytes);
    if (write.operation == ISO_PATCH || !write.blind)
        iso_patch_encode(&law_drawing.filled, &law_drawing.bytes);
    law_case_add(&drawn.law, &write);
    law_fields_added(&drawn, drawn.law.count - 1);
    if (!write.blind)
        law_fields_advance(&drawn, drawn.law.count - 1, &session);
}

void law_says(unsigned region, int64_t ms, const char *what, const char *saw)
{
    law_says_in((uint16_t)region, region, ms, what, saw);
}

/* ---- what comes of it ---- */

/* The losers as the writes that wrote them: name:a. */
static void rows_print(struct iso_buf *text)
{
    for (size_t w = 0; w < drawn.law.count; w++) {
        for (size_t n = 0; n < reader.row_count; n++) {
            const struct law_row *row = &reader.rows[n];
            struct iso_bytes encoded, datum;
            const uint8_t *fingerprint;
            struct iso_path path;
            if (row->rule != ISO_LOSER_FIELD ||
                !iso_version_equal(row->version, drawn.law.writes[w].version))
                continue;
            ck_assert(iso_loser_field_decode(iso_bytes(row->value, row->size), &encoded,
                                             &fingerprint, &datum) &&
                      iso_path_decode(encoded, &path));
            name_print(&path, text);
            iso_buf_print(text, ":%c", (int)('a' + w));
        }
    }
}

void law_say_claim(const struct iso_sum *sum)
{
    claimed = sum;
}

void law_say_succeeds(uint16_t log, uint16_t older)
{
    drawn.law.succeeds[log][older] = true;
}

void law_comes_to(const char *held, const char *lost)
{
    static struct iso_buf is, rows;
    struct law_report report = {0};
    char all[LAW_WRITES_MAX + 1] = "";
    ck_assert_msg(law_every_order(&options, &drawn.law, &report), "%s", report.text);
    ck_assert_msg(law_every_order_swept(&options, &drawn.law, &report), "%s",
                  report.text);
    for (size_t n = 0; n < drawn.law.count; n++)
        all[n] = (char)('a' + n);
    const struct iso_shown *shown = shown_after(all);
    iso_buf_clear(&is);
    iso_buf_clear(&rows);
    for (size_t n = 0; n < shown->field_count; n++)
        part_print(&shown->fields[n], &is);
    rows_print(&rows);
    ck_assert_str_eq(shown->found ? iso_buf_text(&is) : "-", held);
    ck_assert_str_eq(iso_buf_text(&rows), lost);
}
