/* A producer in a collection of fields: what it refuses before it sends, what a write
 * with a context becomes on its way, and what the context says afterwards. */
#include "tests/unit/fields_kit.h"
#include "tests/unit/producer_ground.h"
#include "tests/unit/schema_kit.h"

#include "schema/patch.h"
#include "schema/seen.h"

static struct ground g;
static struct iso_edit *edit;
static struct iso_buf context, value;
static struct ground_log sent;

static void setup_resolver(const char *resolver)
{
    ground_init_topic(&g, 1, "LogAppendTime", "1114112");
    g.definition->format = ISO_FORMAT_AVRO;
    snprintf(g.definition->resolver, sizeof g.definition->resolver, "%s", resolver);
    g.definition->limits.value_max = ISO_VALUE_MAX;
    kit_schema(g.definition, KIT_USER, 0);
    ck_ok(iso_definition_encode(g.definition, &g.why));
    ground_producer_open(&g);
}

static void setup(void)
{
    setup_resolver("fields");
    ck_ok(iso_edit_new(iso_producer_schemas(g.producer), 0, &edit, &g.why));
}

static void teardown(void)
{
    iso_edit_free(edit);
    edit = NULL;
    iso_buf_release(&context);
    iso_buf_release(&value);
    ground_log_release(&sent);
    ground_release(&g);
}

/* ---- calls ---- */

#define RECORD(name, visits)                                                       \
    "{\"name\":\"" name "\",\"tags\":[\"a\"],\"visits\":" visits ","               \
    "\"vip\":false,\"last\":0,\"first\":0,\"notes\":{},\"cart\":{},\"groups\":{}," \
    "\"flags\":{},\"tops\":{}}"

static const struct iso_bytes key = {(const uint8_t *)"key", 3};

static enum iso_err put(const char *json, struct iso_buf *with)
{
    const struct iso_schemas *schemas = iso_producer_schemas(g.producer);
    struct iso_write_options options = {.context = with};
    iso_buf_clear(&value);
    iso_value_begin(schemas, 0, &value);
    ck_ok(iso_avro_from_json(iso_schemas_at(schemas, 0), iso_bytes_text(json), &value,
                             &g.why));
    return iso_producer_put(g.producer, key, iso_buf_bytes(&value), &options, &g.why);
}

static enum iso_err patch(struct iso_buf *with)
{
    struct iso_write_options options = {.context = with};
    return iso_producer_patch(g.producer, key, edit, &options, &g.why);
}

static void step(enum iso_step_operation operation, const char *field, const char *json)
{
    if (operation == ISO_STEP_UNSET)
        ck_ok(iso_edit_unset(edit, field, NULL, &g.why));
    else
        ck_ok(
            iso_edit_json(edit, operation, field, NULL, iso_bytes_text(json), &g.why));
}

static void refused(enum iso_err err, enum iso_err want, const char *words)
{
    struct iso_producer_stats stats;
    ck_assert_msg(err == want, "%s: %s", iso_err_name(err), g.why.text);
    ck_assert_msg(strstr(g.why.text, words) != NULL, "%s", g.why.text);
    iso_producer_stats(g.producer, &stats);
    ck_assert_uint_eq(stats.queued, 0);
}

/* The n-th record of the log, and its patch, if it has one. */
static const struct ground_record *record_at(size_t n, struct iso_patch *of)
{
    ground_flush(&g);
    ground_log_release(&sent);
    ground_log_read(&g, 0, &sent);
    ck_assert_uint_gt(sent.count, n);
    const struct ground_record *record = &sent.records[n];
    if (record->write.operation == ISO_PATCH)
        ck_ok(iso_patch_decode(iso_buf_bytes(&record->value), of, &g.why));
    return record;
}

static bool names_equal(const struct iso_step *a, struct iso_version version)
{
    return a->seen.count == 1 && iso_version_equal(iso_names_at(a->seen, 0), version);
}

/* ---- what is refused ---- */

START_TEST(what_could_not_be_applied_is_refused_before_it_is_sent)
{
    setup();
    refused(patch(NULL), ISO_USAGE, "no operation");
    refused(put(RECORD("Ada", "3"), NULL), ISO_BAD_DATA, "visits");
    struct iso_write_options expiring = {.has_expiry = true,
                                         .expiry_ms = GROUND_NOW_MS + 1000};
    step(ISO_STEP_INCREMENT, "visits", "1");
    refused(iso_producer_patch(g.producer, key, edit, &expiring, &g.why), ISO_BAD_DATA,
            "visits");
    refused(iso_producer_put(g.producer, key, iso_buf_bytes(&value), &expiring, &g.why),
            ISO_BAD_DATA, "expir");
    iso_buf_add(&context, "\x07nothing of ours", 16);
    refused(patch(&context), ISO_BAD_DATA, "");
    refused(put(RECORD("Ada", "0"), &context), ISO_BAD_DATA, "");
    struct iso_write_options options = {.context = &context};
    refused(iso_producer_delete(g.producer, key, &options, &g.why), ISO_BAD_DATA, "");
    ck_assert_uint_eq(context.size, 16); /* and stays what it was */
    teardown();
}
END_TEST

START_TEST(a_collection_of_whole_values_takes_no_patch)
{
    static const char *const resolvers[] = {"lww", "siblings", "plugin:cart"};
    struct ground fields;
    setup();
    step(ISO_STEP_SET, "name", "\"Ada\"");
    fields = g;
    setup_resolver(resolvers[_i]);
    refused(patch(NULL), ISO_USAGE, "keeps values whole");
    ground_release(&g);
    g = fields;
    teardown();
}
END_TEST

/* ---- what is sent ---- */

START_TEST(a_blind_put_travels_as_it_is_and_a_put_with_a_context_as_the_difference)
{
    struct iso_patch of = {0};
    setup();
    ck_ok(put(RECORD("Ada", "0"), NULL));
    const struct ground_record *record = record_at(0, &of);
    ck_assert_int_eq(record->write.operation, ISO_PUT);
    ck_assert(record->write.blind);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&record->value), iso_buf_bytes(&value)));

    ck_ok(put(RECORD("Ada", "2"), &context)); /* shown nothing: all of it */
    record = record_at(1, &of);
    ck_assert_int_eq(record->write.operation, ISO_PATCH);
    ck_assert(!record->write.blind && of.put);
    size_t all = of.step_count;
    struct iso_version first = record->write.version;

    ck_ok(put(RECORD("Bob", "5"), &context));
    record = record_at(2, &of);
    ck_assert(of.put && of.mark.count == 1);
    ck_assert_uint_eq(of.step_count, 2); /* the name, and three visits */
    ck_assert_uint_gt(all, of.step_count);
    for (size_t n = 0; n < 2; n++) {
        const struct iso_step *at = &of.steps[n];
        struct iso_avro_cursor number = iso_avro_read(at->value);
        if (at->operation == ISO_STEP_SET)
            ck_assert(names_equal(at, first));
        else
            ck_assert(at->operation == ISO_STEP_INCREMENT &&
                      iso_avro_long(&number) == 3);
    }
    ck_assert_int_gt(iso_version_compare(record->write.version, first), 0);
    iso_patch_release(&of);
    teardown();
}
END_TEST

START_TEST(a_patch_names_what_its_session_wrote_last)
{
    struct iso_patch of = {0};
    setup();
    step(ISO_STEP_SET, "name", "\"Ada\"");
    step(ISO_STEP_ADD, "tags", "\"x\"");
    ck_ok(patch(&context));
    struct iso_version first = record_at(0, &of)->write.version;
    ck_assert_uint_eq(of.step_count, 2);
    ck_assert(!of.put);
    ck_assert_uint_eq(of.steps[0].seen.count + of.steps[1].seen.count, 0);
    iso_edit_clear(edit);
    step(ISO_STEP_REMOVE, "tags", "\"x\"");
    ck_ok(patch(&context));
    record_at(1, &of);
    ck_assert_uint_eq(of.step_count, 1);
    ck_assert(names_equal(&of.steps[0], first));
    iso_patch_release(&of);
    teardown();
}
END_TEST

START_TEST(a_reset_takes_back_what_its_session_has_added)
{
    struct iso_patch of = {0};
    setup();
    for (int n = 0; n < 3; n++) {
        iso_edit_clear(edit);
        step(ISO_STEP_INCREMENT, "visits", "7");
        ck_ok(patch(&context));
    }
    iso_edit_clear(edit);
    step(ISO_STEP_UNSET, "visits", NULL);
    ck_ok(patch(&context));
    record_at(3, &of);
    ck_assert_uint_eq(of.step_count, 2); /* the reset comes first */
    ck_assert_int_eq(of.steps[0].operation, ISO_STEP_UNSET);
    ck_assert_uint_eq(of.steps[0].sum_count, 0);
    ck_assert_int_eq(of.steps[1].operation, ISO_STEP_INCREMENT);
    struct iso_avro_cursor number = iso_avro_read(of.steps[1].value);
    ck_assert_int_eq(iso_avro_long(&number), -21);
    iso_patch_release(&of);
    teardown();
}
END_TEST

START_TEST(a_delete_names_all_that_it_takes_away_and_refuses_what_it_cannot_name)
{
    struct iso_patch of = {0};
    setup();
    ck_ok(put(RECORD("Ada", "0"), &context));
    struct iso_version first = record_at(0, &of)->write.version;
    struct iso_write_options options = {.context = &context};
    ck_ok(iso_producer_delete(g.producer, key, &options, &g.why));
    const struct ground_record *record = record_at(1, &of);
    ck_assert_int_eq(record->write.operation, ISO_DELETE);
    ck_assert(!record->write.blind && !record->has_value);
    /* `seen` was borrowed from the header that was read. */
    struct iso_buf scratch = {0};
    struct iso_write write;
    ck_ok(iso_write_decode(iso_buf_bytes(&record->header), &scratch, &write, &g.why));
    ck_ok(iso_patch_decode(write.seen, &of, &g.why));
    ck_ok(iso_patch_check_seen(&of, iso_producer_schemas(g.producer), &g.why));
    ck_assert(of.mark.count == 1 && iso_version_equal(iso_names_at(of.mark, 0), first));
    ck_assert_uint_gt(of.step_count, 0);

    iso_edit_clear(edit);
    step(ISO_STEP_INCREMENT, "visits", "1");
    ck_ok(patch(&context));
    ck_err(iso_producer_delete(g.producer, key, &options, &g.why), ISO_STALE);
    ck_assert_ptr_nonnull(strstr(g.why.text, "read"));
    ck_ok(iso_producer_delete(g.producer, key, NULL, &g.why)); /* blind it can */
    iso_buf_release(&scratch);
    iso_patch_release(&of);
    teardown();
}
END_TEST

/* ---- what is too much ---- */

START_TEST(a_context_that_no_header_can_carry_is_said_so_and_stays_usable)
{
    setup();
    for (int n = 0; n < 20; n++) {
        char tag[200];
        snprintf(tag, sizeof tag, "\"%0*d\"", 180, n);
        step(ISO_STEP_ADD, "tags", tag);
    }
    ck_ok(patch(&context)); /* twenty elements: more than 1,024 bytes of header */
    struct iso_buf before = {0};
    struct iso_write_options options = {.context = &context};
    iso_buf_add_bytes(&before, iso_buf_bytes(&context));
    ck_err(iso_producer_delete(g.producer, key, &options, &g.why), ISO_TOO_LARGE);
    ck_assert_msg(strstr(g.why.text, "without a context") != NULL ||
                      strstr(g.why.text, "blind") != NULL,
                  "%s", g.why.text);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&before), iso_buf_bytes(&context)));
    iso_edit_clear(edit);
    step(ISO_STEP_SET, "name", "\"Ada\"");
    ck_ok(patch(&context));
    iso_buf_release(&before);
    teardown();
}
END_TEST

START_TEST(a_delete_may_name_a_field_that_is_newer_than_its_producer)
{
    uint8_t name[ISO_VERSION_SIZE] = {0, 0, 0, 0, 0, 0, 0, 1};
    struct iso_buf path = {0};
    struct iso_seen seen = {.hlc = 1};
    struct iso_write_options options = {.context = &context};
    struct iso_producer_stats stats;
    setup();
    iso_path_encode(&(struct iso_path){.field = iso_bytes_text("newer")}, &path);
    iso_seen_add(&seen, &(struct iso_seen_part){.path = iso_buf_bytes(&path),
                                                .rule = ISO_RULE_LWW,
                                                .shown = true,
                                                .names = {name, 1}});
    iso_seen_encode(&seen, &context);
    ck_ok(iso_producer_delete(g.producer, key, &options, &g.why));
    iso_producer_stats(g.producer, &stats);
    ck_assert_uint_eq(stats.queued, 1);
    iso_seen_release(&seen);
    iso_buf_release(&path);
    teardown();
}
END_TEST

START_TEST(a_write_of_what_was_read_beats_what_was_read)
{
    struct iso_seen seen = {.hlc = iso_hlc_of_ms(GROUND_NOW_MS + 20000) | 5};
    struct iso_patch of = {0};
    setup();
    iso_seen_encode(&seen, &context);
    step(ISO_STEP_SET, "name", "\"Ada\"");
    ck_ok(patch(&context));
    ck_assert_uint_gt(record_at(0, &of)->write.version.hlc, seen.hlc);
    seen.hlc = iso_hlc_of_ms(GROUND_NOW_MS + GROUND_AFTER_MAX_MS + 10000);
    iso_buf_clear(&context);
    iso_seen_encode(&seen, &context);
    ck_err(patch(&context), ISO_CLOCK_SKEW);
    iso_seen_release(&seen);
    iso_patch_release(&of);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer_fields");
    TCase *tests = tcase_create("producer_fields");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, what_could_not_be_applied_is_refused_before_it_is_sent);
    tcase_add_loop_test(tests, a_collection_of_whole_values_takes_no_patch, 0, 3);
    tcase_add_test(
        tests, a_blind_put_travels_as_it_is_and_a_put_with_a_context_as_the_difference);
    tcase_add_test(tests, a_patch_names_what_its_session_wrote_last);
    tcase_add_test(tests, a_reset_takes_back_what_its_session_has_added);
    tcase_add_test(
        tests, a_delete_names_all_that_it_takes_away_and_refuses_what_it_cannot_name);
    tcase_add_test(tests,
                   a_context_that_no_header_can_carry_is_said_so_and_stays_usable);
    tcase_add_test(tests, a_delete_may_name_a_field_that_is_newer_than_its_producer);
    tcase_add_test(tests, a_write_of_what_was_read_beats_what_was_read);
    suite_add_tcase(suite, tests);
    return ground_main(suite);
}
