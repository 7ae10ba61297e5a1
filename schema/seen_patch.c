/* From what was shown to what is sent. Every step takes along the names, or sums, of
 * its part; a reset is followed by what takes back the session's own increments, which
 * no reader has shown it and which the reset could not name.
 *
 * A PUT goes through the record part by part and compares each with what was shown, by
 * hash; then through what was shown, for what the record does not have any more. Its
 * increments are the only values that stand nowhere else: they are written into the
 * patch's own buffer, and steps point there when it no longer moves. */
#include "base/mem.h"
#include "schema/avro_node.h"
#include "schema/seen_part.h"

struct filling {
    const struct iso_seen *seen;
    struct iso_patch *out;
    size_t names, sums; /* so far */
    struct iso_why *why;
};

static void filling_begin(struct filling *filling)
{
    static const struct iso_path mark;
    size_t at;
    iso_patch_clear(filling->out);
    if (iso_seen_find(filling->seen, &mark, &at))
        filling->out->mark = filling->seen->parts[at].names;
    filling->names = filling->out->mark.count;
}

static enum iso_err filling_end(const struct filling *filling, enum iso_err err)
{
    struct iso_patch *out = filling->out;
    size_t at = 0;
    for (size_t i = 0; i < out->step_count; i++) {
        struct iso_step *step = &out->steps[i];
        if (step->value.size == 0 || step->value.data != NULL)
            continue;
        step->value.data = out->names.data + at;
        at += step->value.size;
    }
    if (err == ISO_OK && filling->names <= ISO_PATCH_SEEN_MAX &&
        filling->sums <= ISO_PATCH_SUMS_MAX && out->step_count <= ISO_PATCH_STEPS_MAX)
        return ISO_OK;
    iso_patch_clear(out);
    if (err != ISO_OK)
        return err;
    return iso_fail(filling->why, ISO_TOO_LARGE,
                    "the write touches more of what was read than a patch can name (%d "
                    "steps, %d versions, %d sums): change less at once, or write "
                    "without a context",
                    (int)ISO_PATCH_STEPS_MAX, (int)ISO_PATCH_SEEN_MAX,
                    (int)ISO_PATCH_SUMS_MAX);
}

/* One more step, with what was shown of its part (NULL: nothing was). */
static struct iso_step *step_add(struct filling *filling, const struct iso_path *path,
                                 enum iso_step_operation operation,
                                 const struct iso_seen_part *shown)
{
    struct iso_step *step = iso_patch_step_add(filling->out);
    step->field = path->field;
    step->has_member = path->has_member;
    step->member = path->member;
    step->operation = operation;
    if (path->has_element)
        step->value = path->element;
    if (shown != NULL) {
        step->seen = shown->names;
        filling->names += shown->names.count;
    }
    if (shown != NULL && operation == ISO_STEP_UNSET) {
        step->sums = shown->sums;
        step->sum_count = shown->sum_count;
        filling->sums += shown->sum_count;
    }
    return step;
}

/* An increment whose value stands in the patch's buffer. */
static void increment_add(struct filling *filling, const struct iso_path *path,
                          uint64_t by)
{
    size_t before = filling->out->names.size;
    struct iso_step *step = step_add(filling, path, ISO_STEP_INCREMENT, NULL);
    iso_avro_add_long(&filling->out->names, (int64_t)by);
    step->value.size = filling->out->names.size - before;
}

/* A reset of what was read and of what the session has added since. */
static void unset_add(struct filling *filling, const struct iso_path *path,
                      const struct iso_seen_part *shown)
{
    step_add(filling, path, ISO_STEP_UNSET, shown);
    if (shown != NULL && shown->rule == ISO_RULE_COUNTER && shown->added != 0)
        increment_add(filling, path, 0 - (uint64_t)shown->added);
}

static const struct iso_seen_part *shown_at(const struct filling *filling,
                                            const struct iso_path *path)
{
    size_t at;
    return iso_seen_find(filling->seen, path, &at) ? &filling->seen->parts[at] : NULL;
}

/* ---- PATCH ---- */

enum iso_err iso_seen_fill(const struct iso_seen *seen, const struct iso_patch *patch,
                           struct iso_patch *out, struct iso_why *why)
{
    struct filling filling = {.seen = seen, .out = out, .why = why};
    filling_begin(&filling);
    memcpy(out->fingerprint, patch->fingerprint, sizeof out->fingerprint);
    out->put = patch->put;
    if (!out->put)
        out->mark = (struct iso_names){0};
    for (size_t i = 0; i < patch->step_count; i++) {
        const struct iso_step *step = &patch->steps[i];
        struct iso_path path = {.field = step->field,
                                .has_member = step->has_member,
                                .member = step->member};
        path.has_element =
            step->operation == ISO_STEP_ADD || step->operation == ISO_STEP_REMOVE;
        if (path.has_element)
            path.element = step->value;
        if (step->operation == ISO_STEP_UNSET)
            unset_add(&filling, &path, shown_at(&filling, &path));
        else
            step_add(&filling, &path, step->operation, shown_at(&filling, &path))
                ->value = step->value;
    }
    return filling_end(&filling, ISO_OK);
}

/* ---- PUT ---- */

struct putting {
    struct filling filling;
    const struct iso_fields *fields;
    bool was_there; /* something of the record was shown */
    bool *is_there; /* by part of what was shown: the record has it */
};

static void put_count(struct putting *putting, const struct iso_fields_part *part,
                      const struct iso_seen_part *shown)
{
    struct iso_avro_cursor cursor = iso_avro_read(part->datum);
    uint64_t was = shown != NULL ? (uint64_t)shown->value : 0;
    uint64_t by = (uint64_t)iso_avro_long(&cursor) - was;
    /* A new member is there though it be 0; a field is there without anything. */
    bool is_new = part->path.has_member && (shown == NULL || !shown->shown);
    if (by != 0 || is_new)
        increment_add(&putting->filling, &part->path, by);
}

/* A record that its reader was shown had this field by its default, and still has: that
 * is no change, and must not beat somebody who did set it meanwhile. */
static bool stays_default(const struct putting *putting,
                          const struct iso_fields_part *part,
                          const struct iso_seen_part *shown)
{
    struct iso_bytes datum;
    return putting->was_there && !part->path.has_member &&
           (shown == NULL || !shown->shown) &&
           iso_field_default(putting->fields, part->field, &datum) &&
           iso_bytes_equal(datum, part->datum);
}

/* Rules lww, max, min. */
static void put_value(struct putting *putting, const struct iso_fields_part *part,
                      const struct iso_seen_part *shown)
{
    enum iso_step_operation operation =
        part->field->rule == ISO_RULE_MAX   ? ISO_STEP_RAISE
        : part->field->rule == ISO_RULE_MIN ? ISO_STEP_LOWER
                                            : ISO_STEP_SET;
    if (stays_default(putting, part, shown))
        return;
    uint64_t hash = iso_seen_hash(iso_fields_fingerprint(putting->fields), part->datum);
    if (shown == NULL || !shown->shown || shown->hash != hash)
        step_add(&putting->filling, &part->path, operation, shown)->value = part->datum;
}

static void put_part(struct putting *putting, const struct iso_fields_part *part)
{
    size_t at;
    const struct iso_seen_part *shown = NULL;
    if (iso_seen_find(putting->filling.seen, &part->path, &at)) {
        shown = &putting->filling.seen->parts[at];
        putting->is_there[at] = true;
    }
    bool is_shown = shown != NULL && shown->shown;
    switch (part->field->rule) {
    case ISO_RULE_COUNTER:
        put_count(putting, part, shown);
        break;
    case ISO_RULE_SET:
        if (!is_shown)
            step_add(&putting->filling, &part->path, ISO_STEP_ADD, shown);
        break;
    case ISO_RULE_FLAG:
        if (is_shown != (part->datum.data[0] != 0))
            step_add(&putting->filling, &part->path,
                     is_shown ? ISO_STEP_DISABLE : ISO_STEP_ENABLE, shown);
        break;
    case ISO_RULE_LWW:
    case ISO_RULE_MAX:
    case ISO_RULE_MIN:
    case ISO_RULES:
        put_value(putting, part, shown);
    }
}

/* What the record could have named, and does not: members and elements. */
static void put_gone(struct putting *putting, const struct iso_seen_part *shown)
{
    struct iso_path path;
    iso_assert(iso_path_decode(shown->path, &path));
    const struct iso_field *field = iso_fields_find(putting->fields, path.field);
    if (!shown->shown || field == NULL || field->rule != shown->rule ||
        field->is_map != path.has_member)
        return;
    /* On what the session has counted on, a reset leaves 0: more it cannot say. */
    if (shown->rule == ISO_RULE_COUNTER && shown->counted && shown->value == 0)
        return;
    if (shown->rule == ISO_RULE_SET)
        step_add(&putting->filling, &path, ISO_STEP_REMOVE, shown);
    else
        unset_add(&putting->filling, &path, shown);
}

enum iso_err iso_seen_put(const struct iso_seen *seen, const struct iso_fields *fields,
                          struct iso_bytes datum, struct iso_patch *out,
                          struct iso_why *why)
{
    struct putting putting = {.filling = {.seen = seen, .out = out, .why = why},
                              .fields = fields};
    struct iso_fields_walk walk = iso_fields_walk(fields, datum);
    struct iso_fields_part part;
    filling_begin(&putting.filling);
    for (size_t i = 0; i < seen->count; i++)
        putting.was_there |= seen->parts[i].shown;
    putting.is_there = iso_alloc_zero(seen->count + 1, sizeof *putting.is_there);
    memcpy(out->fingerprint, iso_fields_fingerprint(fields), sizeof out->fingerprint);
    out->put = true;
    while (iso_fields_next(&walk, &part))
        put_part(&putting, &part);
    for (size_t i = 0; i < seen->count; i++)
        if (!putting.is_there[i])
            put_gone(&putting, &seen->parts[i]);
    iso_free(putting.is_there);
    return filling_end(&putting.filling, ISO_OK);
}

/* ---- DELETE ---- */

static enum iso_err delete_counter(struct filling *filling, const struct iso_path *path,
                                   const struct iso_seen_part *shown)
{
    if (shown->counted)
        return iso_fail(filling->why, ISO_STALE,
                        "this session has counted on the counter %.*s since it read, "
                        "and a delete takes away only what was read: read the key "
                        "again, then delete it with the new context",
                        (int)path->field.size, (const char *)path->field.data);
    if (shown->shown)
        step_add(filling, path, ISO_STEP_UNSET, shown);
    return ISO_OK;
}

static enum iso_err delete_part(struct filling *filling,
                                const struct iso_seen_part *shown)
{
    struct iso_path path;
    iso_assert(iso_path_decode(shown->path, &path));
    if (shown->rule == ISO_RULE_COUNTER)
        return delete_counter(filling, &path, shown);
    if (!shown->shown || path.field.size == 0)
        return ISO_OK;
    if (shown->rule == ISO_RULE_SET)
        step_add(filling, &path, ISO_STEP_REMOVE, shown);
    else if (shown->rule == ISO_RULE_FLAG)
        step_add(filling, &path, ISO_STEP_DISABLE, shown);
    else if (shown->rule == ISO_RULE_LWW)
        step_add(filling, &path, ISO_STEP_UNSET, shown);
    return ISO_OK;
}

enum iso_err iso_seen_delete(const struct iso_seen *seen, struct iso_patch *out,
                             struct iso_why *why)
{
    struct filling filling = {.seen = seen, .out = out, .why = why};
    enum iso_err err = ISO_OK;
    filling_begin(&filling);
    for (size_t i = 0; i < seen->count && err == ISO_OK; i++)
        err = delete_part(&filling, &seen->parts[i]);
    err = filling_end(&filling, err);
    if (err != ISO_OK)
        return err;
    struct iso_buf bytes = {0};
    iso_patch_encode(out, &bytes);
    if (bytes.size > ISO_WRITE_SEEN_MAX)
        err = iso_fail(why, ISO_TOO_LARGE,
                       "a delete would name %zu parts of the record in %zu bytes, more "
                       "than the %d that its header has for them: remove parts of it "
                       "first, or delete without a context",
                       out->step_count, bytes.size, (int)ISO_WRITE_SEEN_MAX);
    iso_buf_release(&bytes);
    return err;
}
