/* What a value is held to when it is applied: each bad one is a dead letter that names
 * the reason, the rest goes on, and a region that restarts, or begins later, judges
 * alike. */
#include "apply_ground.h"

#include "consumer/admit.h"
#include "schema/dead_letter.h"
#include "schema_kit.h"

enum { GOOD, BROKEN, LYING, SCHEMAS };
enum { RAW = 99 }; /* the bytes are the whole value */

static struct slice_ground ground;
static struct iso_buf value;

/* One that is right, one that does not parse, one under another's fingerprint. */
static struct iso_definition *def_schemas(uint32_t number, enum iso_format format)
{
    static const uint8_t broken[ISO_FINGERPRINT_SIZE] = {9, 8, 7};
    uint8_t of_string[ISO_FINGERPRINT_SIZE];
    struct iso_definition *definition = def_bare(number, 1);
    definition->format = format;
    kit_schema(definition, KIT_POINT, 10);
    kit_schema_named(definition, "{\"type\":\"record\"}", broken, 11);
    kit_fingerprint("\"string\"", of_string);
    kit_schema_named(definition, "\"long\"", of_string, 12);
    return definition;
}

static struct iso_buf slice_bytes(const struct iso_apply *apply)
{
    struct iso_buf bytes = {0};
    iso_slice_encode(iso_apply_slice(apply), &bytes);
    return bytes;
}

/* The write of `seq`, with schema `n`'s datum; NULL why it is not applied. */
static void value_make(struct slice_ground *at, uint64_t seq, size_t n,
                       const void *bytes, size_t size)
{
    char key[16];
    snprintf(key, sizeof key, "key%d", (int)(seq % 3));
    made_write(&at->made, (struct draft){at->next, US, 5, seq, (int64_t)(10 * seq), key,
                                         "replaced"});
    iso_buf_clear(&at->made.value);
    if (n == RAW)
        iso_buf_add(&at->made.value, bytes, size);
    else
        iso_buf_add_bytes(&at->made.value,
                          kit_value(&value, at->definition, n, bytes, size));
    made_seal(&at->made);
}

static const struct bad {
    const char *name;
    size_t schema;
    const char *bytes;
    size_t size;
    enum iso_err err;
    const char *words;
} bads[] = {
    {"cut short", GOOD, "\x06\x04q", 3, ISO_BAD_DATA, "not what its schema says"},
    {"too long", GOOD, KIT_DATUM "x", 4, ISO_BAD_DATA, "not what its schema says"},
    {"no text", GOOD, "\x06\x02\xff", 3, ISO_BAD_DATA, "field s"},
    {"empty", RAW, "", 0, ISO_BAD_DATA, "does not begin"},
    {"other frame", RAW, "\xc3\x02qqqqqqqqq", 11, ISO_BAD_DATA, "does not begin"},
    {"does not parse", BROKEN, "\x02", 1, ISO_REFUSED, "cannot be used"},
    {"wrong fingerprint", LYING, "\x02", 1, ISO_REFUSED, "of its text is"},
};
enum { BADS = sizeof bads / sizeof bads[0] };

static const struct bad unknown[] = {
    [ISO_FORMAT_AVRO] = {"unknown fingerprint", RAW, "\xc3\x01\1\2\3\4\5\6\7\x08\x02",
                         11, ISO_REFUSED, "fingerprint 0102030405060708"},
    [ISO_FORMAT_CONFLUENT] = {"unknown id", RAW, "\0\0\0\0\x7f\x02", 6, ISO_REFUSED,
                              "schema register packages --id 127"},
};

static const struct bad *bad_of(enum iso_format format, size_t n)
{
    return n < BADS ? &bads[n] : &unknown[format];
}

static void expect_letter(struct slice_ground *at, const struct bad *bad)
{
    struct iso_buf key = {0};
    struct iso_bytes row;
    struct iso_dead_letter letter;
    iso_rows_key_outbox(&key, COLLECTION, 0, LOG, at->next - 1);
    ck_ok(iso_txn_get(at->txn, ISO_OUTBOX, iso_buf_bytes(&key), &row, &at->why));
    ck_ok(iso_dead_letter_decode(row, &letter, &at->why));
    ck_assert_msg(iso_bytes_equal(letter.error, iso_bytes_text(iso_err_name(bad->err))),
                  "%s: %.*s", bad->name, (int)letter.error.size,
                  (const char *)letter.error.data);
    ck_assert_msg(memmem(letter.reason.data, letter.reason.size, bad->words,
                         strlen(bad->words)) != NULL,
                  "%s: %.*s", bad->name, (int)letter.reason.size,
                  (const char *)letter.reason.data);
    iso_buf_release(&key);
}

/* Each bad value with a good one behind it, from write `from` up to `to`. */
static void apply_some(struct slice_ground *at, size_t from, size_t to)
{
    enum iso_format format = at->definition->format;
    for (size_t n = from; n < to; n++) {
        const struct bad *bad = bad_of(format, n / 2);
        if (n % 2 == 1) {
            value_make(at, n + 1, GOOD, KIT_DATUM, 3);
            ground_expect(at, ISO_APPLIED);
            continue;
        }
        value_make(at, n + 1, bad->schema, bad->bytes, bad->size);
        ground_expect(at, ISO_SET_ASIDE);
        expect_letter(at, bad);
    }
}

enum { ALL = 2 * (BADS + 1) };

static void restart(struct slice_ground *at)
{
    ground_commit(at);
    iso_apply_close(at->apply);
    ground_open(at, EU);
}

START_TEST(each_bad_value_is_a_dead_letter_and_the_rest_goes_on)
{
    ground_init(&ground, EU, def_encoded(def_schemas(1, (enum iso_format)_i)));
    ground_define(&ground);
    apply_some(&ground, 0, ALL);
    ck_assert_uint_eq(ground_log(&ground, LOG)->refused, BADS + 1);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->effective, BADS + 1);
    ground_release(&ground);
    iso_buf_release(&value);
}
END_TEST

START_TEST(a_region_that_restarts_at_any_record_judges_alike)
{
    struct slice_ground whole;
    ground_init(&whole, EU, def_encoded(def_schemas(1, (enum iso_format)_i)));
    ground_define(&whole);
    apply_some(&whole, 0, ALL);
    for (size_t at = 0; at <= ALL; at++) {
        ground_init(&ground, EU, def_encoded(def_schemas(1, (enum iso_format)_i)));
        ground_define(&ground);
        apply_some(&ground, 0, at);
        restart(&ground);
        apply_some(&ground, at, ALL);
        struct iso_buf is = slice_bytes(ground.apply), want = slice_bytes(whole.apply);
        ck_assert_msg(iso_bytes_equal(iso_buf_bytes(&is), iso_buf_bytes(&want)),
                      "restarted before record %zu", at);
        iso_buf_release(&is);
        iso_buf_release(&want);
        ground_release(&ground);
    }
    ground_release(&whole);
    iso_buf_release(&value);
}
END_TEST

/* Two texts under one fingerprint, of which one has it. Whoever is met first must not
 * decide over the other, or a region that restarts between them judges otherwise. */
START_TEST(which_schema_was_met_first_decides_nothing)
{
    static const enum iso_outcome outcomes[] = {ISO_SET_ASIDE, ISO_APPLIED};
    for (int order = 0; order < 4; order++) {
        struct iso_definition *two = def_bare(1, 1);
        uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
        two->format = ISO_FORMAT_CONFLUENT;
        kit_fingerprint("\"string\"", fingerprint);
        kit_schema_named(two, "\"bytes\"", fingerprint, 1); /* would take what 2 says */
        kit_schema(two, "\"string\"", 2);
        ground_init(&ground, EU, def_encoded(two));
        ground_define(&ground);
        for (int n = 0; n < 2; n++) {
            size_t schema = (size_t)((n + order) % 2);
            value_make(&ground, (uint64_t)n + 1, schema, "\x02q", 2);
            ground_expect(&ground, outcomes[schema]);
            if (order >= 2)
                restart(&ground);
        }
        value_make(&ground, 3, 1, "\x02\xff", 2); /* bytes, but no string */
        ground_expect(&ground, ISO_SET_ASIDE);
        ground_release(&ground);
    }
    iso_buf_release(&value);
}
END_TEST

START_TEST(a_schema_counts_from_the_define_that_names_it_on)
{
    ground_init(&ground, EU, def_encoded(def_schemas(1, ISO_FORMAT_AVRO)));
    struct iso_definition *second = def_schemas(2, ISO_FORMAT_AVRO);
    kit_schema(second, "\"double\"", 13);
    def_encoded(second);
    ground_define(&ground);
    iso_buf_clear(&value);
    kit_value(&value, second, SCHEMAS, "\0\0\0\0\0\0\0\0", 8);
    struct iso_buf coming = {0};
    iso_buf_add_bytes(&coming, iso_buf_bytes(&value));
    value_make(&ground, 1, RAW, coming.data, coming.size);
    ground_expect(&ground, ISO_SET_ASIDE);
    control_add(ground.control, second);
    value_make(&ground, 2, RAW, coming.data, coming.size);
    ground_expect(&ground, ISO_SET_ASIDE); /* announced is not defined */
    made_define(&ground.made, ground.next, EU, 2, 25, second);
    ground_expect(&ground, ISO_APPLIED);
    value_make(&ground, 3, RAW, coming.data, coming.size);
    ground_expect(&ground, ISO_APPLIED);
    value_make(&ground, 4, GOOD, KIT_DATUM, 3);
    ground_expect(&ground, ISO_APPLIED);
    restart(&ground);
    value_make(&ground, 5, RAW, coming.data, coming.size);
    ground_expect(&ground, ISO_APPLIED);
    ck_assert_uint_eq(ground_log(&ground, LOG)->refused, 2);
    iso_buf_release(&coming);
    iso_buf_release(&value);
    iso_definition_free(second);
    ground_release(&ground);
}
END_TEST

START_TEST(a_value_allocates_nothing_when_it_is_judged)
{
    ground_init(&ground, EU, def_encoded(def_schemas(1, ISO_FORMAT_AVRO)));
    ground_define(&ground);
    uint64_t allocated = 0;
    for (uint64_t seq = 1; seq <= 300; seq++) {
        value_make(&ground, seq, GOOD, KIT_DATUM, 3);
        ground_begin(&ground);
        uint64_t before = iso_mem_count();
        ground_expect(&ground, ISO_APPLIED);
        allocated += seq > 100 ? iso_mem_count() - before : 0;
    }
    ck_assert_uint_eq(allocated, 0);
    iso_buf_release(&value);
    ground_release(&ground);
}
END_TEST

/* ---- a DEFINE that would leave values without their schema ---- */

/* Admission of definition 2 of `control` while `now` is in force. */
static enum iso_err admit_second(const struct iso_definition *now,
                                 const struct iso_definition *second,
                                 struct iso_why *why)
{
    struct iso_control *control = iso_control_new();
    struct iso_definition *first = def_encoded(def_bare(1, 1));
    control_add(control, first);
    struct iso_known known = {.control = control, .collection = "packages"};
    iso_known_use(&known, iso_control_definition(control, "packages", 1));
    control_add(control, second);
    struct iso_slice_log log = {.log = LOG, .definition = 1, .birth = BIRTH};
    struct iso_admit admit = {.definition = now,
                              .where = iso_definition_log(now, LOG),
                              .log = &log,
                              .known = &known};
    struct made made = {0};
    const struct iso_definition *inforce;
    made_define(&made, 1, EU, 2, 20, second);
    enum iso_err err =
        iso_admit_define(&admit, &made.record, &made.write, &inforce, why);
    made_release(&made);
    iso_known_release(&known);
    iso_control_free(control);
    iso_definition_free(first);
    return err;
}

START_TEST(a_define_that_takes_a_schema_away_is_refused)
{
    struct iso_why why = {0};
    struct iso_definition *with = def_bare(1, 1), *without = def_bare(2, 1);
    def_encoded(with);
    def_encoded(without);
    ck_ok(admit_second(with, without, &why));
    iso_definition_free(with);
    with = def_bare(1, 1);
    with->format = ISO_FORMAT_AVRO;
    kit_schema(with, KIT_POINT, 0);
    def_encoded(with);
    ck_err(admit_second(with, without, &why), ISO_REFUSED);
    ck_assert_msg(strstr(why.text, "definition 2 of packages cannot come after 1") &&
                      strstr(why.text, "format") &&
                      strstr(why.text, "announce another"),
                  "%s", why.text);
    iso_definition_free(with);
    iso_definition_free(without);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply_value");
    TCase *tests = tcase_create("apply_value");
    tcase_add_loop_test(tests, each_bad_value_is_a_dead_letter_and_the_rest_goes_on,
                        ISO_FORMAT_AVRO, ISO_FORMAT_CONFLUENT + 1);
    tcase_add_loop_test(tests, a_region_that_restarts_at_any_record_judges_alike,
                        ISO_FORMAT_AVRO, ISO_FORMAT_CONFLUENT + 1);
    tcase_add_test(tests, which_schema_was_met_first_decides_nothing);
    tcase_add_test(tests, a_schema_counts_from_the_define_that_names_it_on);
    tcase_add_test(tests, a_value_allocates_nothing_when_it_is_judged);
    tcase_add_test(tests, a_define_that_takes_a_schema_away_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
