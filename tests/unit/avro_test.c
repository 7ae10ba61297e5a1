/* Avro's primitives, the schemas that are taken and refused, hostile data, and JSON
 * (schema/avro.h). That the walk takes exactly what the specification allows is
 * avro_walk_test's. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "schema/avro.h"

static struct iso_avro *schema_of(const char *json)
{
    struct iso_avro *schema = NULL;
    struct iso_why why;
    if (iso_avro_parse(iso_bytes_text(json), &schema, &why) != ISO_OK)
        ck_abort_msg("%s: %s", json, why.text);
    return schema;
}

/* Hexadecimal digits, spaces between them allowed. */
static struct iso_buf bytes_of(const char *hex)
{
    struct iso_buf text = {0}, bytes = {0};
    for (; *hex != '\0'; hex++)
        if (*hex != ' ')
            iso_buf_add_u8(&text, (uint8_t)*hex);
    iso_buf_reserve(&bytes, text.size / 2 + 1);
    bytes.size = text.size / 2;
    ck_assert(iso_hex_decode(iso_buf_bytes(&text), bytes.data, bytes.size));
    iso_buf_release(&text);
    return bytes;
}

START_TEST(longs_are_what_the_specification_says_and_come_back)
{
    static const struct {
        int64_t value;
        const char *hex;
    } rows[] = {{0, "00"},
                {-1, "01"},
                {1, "02"},
                {-2, "03"},
                {2, "04"},
                {-64, "7f"},
                {64, "8001"},
                {-65, "8101"},
                {8192, "808001"},
                {INT64_MAX, "feffffffffffffffff01"},
                {INT64_MIN, "ffffffffffffffffff01"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct iso_buf buf = {0}, hex = {0};
        iso_avro_add_long(&buf, rows[i].value);
        iso_hex_encode(&hex, iso_buf_bytes(&buf));
        ck_assert_str_eq(iso_buf_text(&hex), rows[i].hex);
        struct iso_avro_cursor cursor = iso_avro_read(iso_buf_bytes(&buf));
        ck_assert_int_eq(iso_avro_long(&cursor), rows[i].value);
        ck_assert(iso_avro_done(&cursor));
        iso_buf_release(&buf);
        iso_buf_release(&hex);
    }
}
END_TEST

START_TEST(a_read_that_fails_answers_nothing_from_then_on)
{
    static const char *const longs[] = {"", "80", "ffffffffffffffffff02",
                                        "ffffffffffffffffffff01",
                                        "80808080808080808080808000"};
    for (size_t i = 0; i < sizeof longs / sizeof longs[0]; i++) {
        struct iso_buf buf = bytes_of(longs[i]);
        struct iso_avro_cursor cursor = iso_avro_read(iso_buf_bytes(&buf));
        ck_assert_int_eq(iso_avro_long(&cursor), 0);
        ck_assert(cursor.failed && !iso_avro_done(&cursor));
        ck_assert_int_eq(iso_avro_int(&cursor), 0);
        ck_assert(!iso_avro_boolean(&cursor));
        ck_assert_uint_eq(iso_avro_bytes(&cursor).size, 0);
        ck_assert_ptr_null(iso_avro_fixed(&cursor, 0));
        ck_assert_int_eq(iso_avro_branch(&cursor, 5), 0);
        ck_assert_uint_eq(iso_avro_block(&cursor, 5), 0);
        iso_buf_release(&buf);
    }
    struct iso_avro_cursor nothing = iso_avro_read((struct iso_bytes){0});
    ck_assert(iso_avro_done(&nothing));
}
END_TEST

static bool reads(const char *hex, int what)
{
    struct iso_buf buf = bytes_of(hex);
    struct iso_avro_cursor cursor = iso_avro_read(iso_buf_bytes(&buf));
    if (what == 'i')
        iso_avro_int(&cursor);
    else if (what == 'o')
        iso_avro_boolean(&cursor);
    else if (what == 'b')
        iso_avro_bytes(&cursor);
    else if (what == 'u')
        iso_avro_branch(&cursor, 2);
    else
        iso_avro_block(&cursor, 3);
    bool well = iso_avro_done(&cursor);
    iso_buf_release(&buf);
    return well;
}

START_TEST(what_is_out_of_range_fails)
{
    ck_assert(reads("feffffff0f", 'i') && !reads("8080808010", 'i'));
    ck_assert(reads("ffffffff0f", 'i') && !reads("8180808010", 'i'));
    ck_assert(reads("00", 'o') && reads("01", 'o') && !reads("02", 'o'));
    ck_assert(!reads("ff", 'o') && !reads("", 'o'));
    ck_assert(reads("00", 'b') && reads("04 6162", 'b') && !reads("04 61", 'b'));
    ck_assert(!reads("01", 'b') && !reads("feffffffffffffffff01", 'b'));
    ck_assert(reads("00", 'u') && reads("02", 'u'));
    ck_assert(!reads("04", 'u') && !reads("01", 'u'));
    ck_assert(reads("00", 'a') && reads("06", 'a') && !reads("08", 'a'));
    ck_assert(reads("05 00", 'a') && !reads("05 02", 'a') && !reads("05 01", 'a'));
    ck_assert(!reads("07 00", 'a'));
    ck_assert(!reads("ffffffffffffffffff01 00", 'a')); /* INT64_MIN items */
}
END_TEST

START_TEST(schemas_that_the_specification_forbids_are_refused_with_the_place)
{
    static const struct {
        const char *json, *words;
    } rows[] = {
        {"", "no JSON"},
        {"{\"type\":\"int\",\"type\":\"int\"}", "no JSON"},
        {"7", "a type is"},
        {"{}", "type"},
        {"{\"type\":7}", "type"},
        {"\"lng\"", "lng"},
        {"[\"int\",[\"null\"]]", "union"},
        {"[\"int\",\"int\"]", "int"},
        {"[{\"type\":\"array\",\"items\":\"int\"},{\"type\":\"array\",\"items\":"
         "\"long\"}]",
         "array"},
        {"{\"type\":\"array\"}", "items"},
        {"{\"type\":\"map\",\"items\":\"int\"}", "values"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "size"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2.5}", "size"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":1048577}", "size"},
        {"{\"type\":\"fixed\",\"size\":1}", "name"},
        {"{\"type\":\"fixed\",\"name\":\"a..b\",\"size\":1}", "a..b"},
        {"{\"type\":\"fixed\",\"name\":\"7\",\"size\":1}", "7"},
        {"{\"type\":\"fixed\",\"name\":\"x.long\",\"size\":1}", "primitive"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"a.\",\"size\":1}",
         "namespace"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":7}", "symbols"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "A"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A-B\"]}", "A-B"},
        {"{\"type\":\"record\",\"name\":\"R\"}", "fields"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}", "type"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"type\":\"int\"}]}",
         "name"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":"
         "\"int\"},"
         "{\"name\":\"a\",\"type\":\"int\"}]}",
         "R: two fields"},
        {"{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[{\"name\":\"a\",\"type\":"
         "{\"type\":\"fixed\",\"name\":\"R\",\"size\":1}}]}",
         "n.R.a: two types are called n.R"},
        /* The name R within n is n.R, and there is none without a namespace. */
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":"
         "{\"type\":\"record\",\"name\":\"n.S\",\"fields\":["
         "{\"name\":\"r\",\"type\":[\"null\",\"R\"]}]}}]}",
         "R.a.n.S.r"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct iso_avro *schema;
        struct iso_why why;
        if (iso_avro_parse(iso_bytes_text(rows[i].json), &schema, &why) == ISO_OK)
            ck_abort_msg("taken: %s", rows[i].json);
        ck_assert_int_eq(why.err, ISO_BAD_DATA);
        ck_assert_msg(strstr(why.text, rows[i].words) != NULL, "%s: %s", rows[i].json,
                      why.text);
    }
}
END_TEST

static struct iso_buf nested(const char *open, const char *inner, const char *close,
                             int levels)
{
    struct iso_buf json = {0};
    for (int i = 0; i < levels; i++)
        iso_buf_print(&json, "%s", open);
    iso_buf_print(&json, "%s", inner);
    for (int i = 0; i < levels; i++)
        iso_buf_print(&json, "%s", close);
    return json;
}

START_TEST(schemas_are_bounded_in_depth_and_size)
{
    static const struct {
        int levels;
        enum iso_err err;
    } rows[] = {{63, ISO_OK}, {64, ISO_BAD_DATA}, {5000, ISO_BAD_DATA}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct iso_buf json =
            nested("{\"type\":\"array\",\"items\":", "\"int\"", "}", rows[i].levels);
        struct iso_avro *schema = NULL;
        ck_assert_int_eq(iso_avro_parse(iso_buf_bytes(&json), &schema, NULL),
                         rows[i].err);
        iso_avro_free(schema);
        iso_buf_release(&json);
    }
    struct iso_buf large = nested(" ", "\"int\"", "", 1 << 20);
    struct iso_avro *schema = NULL;
    ck_assert_int_eq(iso_avro_parse(iso_buf_bytes(&large), &schema, NULL),
                     ISO_BAD_DATA);
    iso_buf_release(&large);
}
END_TEST

#define LIST                                                               \
    "{\"type\":\"record\",\"name\":\"L\",\"namespace\":\"n\",\"fields\":[" \
    "{\"name\":\"v\",\"type\":\"string\"},"                                \
    "{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}"

/* Takes back what it says; nothing was allocated for it. */
static enum iso_err check(const struct iso_avro *schema, struct iso_bytes datum,
                          struct iso_why *why)
{
    uint64_t before = iso_mem_count();
    enum iso_err err = iso_avro_check(schema, datum, why);
    ck_assert_uint_eq(iso_mem_count(), before);
    return err;
}

START_TEST(hostile_data_are_refused_without_an_allocation)
{
    static const struct {
        const char *json, *hex, *words;
    } rows[] = {
        {"\"boolean\"", "02", "does not decode"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "04",
         "decode"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "01",
         "decode"},
        {"[\"null\",\"int\"]", "04", "decode"},
        {"[\"null\",\"int\"]", "ffffffffffffffffff01", "decode"},
        {"{\"type\":\"array\",\"items\":\"null\"}", "feffffff0f 00", "decode"},
        {"{\"type\":\"array\",\"items\":\"null\"}", "ffffffffffffffffff01 00 00",
         "decode"},
        {"{\"type\":\"array\",\"items\":\"int\"}", "feffffff0f", "decode"},
        {"{\"type\":\"map\",\"values\":\"null\"}", "02 0261 00 00", "left over"},
        {"{\"type\":\"array\",\"items\":\"int\"}", "03 04 8001 04 00",
         "size that it says"},
        {"\"bytes\"", "feffffff0f 00", "decode"},
        {"\"string\"", "ffffffffffffffffff01", "decode"},
        {"\"string\"", "04 c328", "UTF-8"},
        {"\"string\"", "06 eda080", "UTF-8"},
        {"{\"type\":\"map\",\"values\":\"int\"}", "02 02ff 00 00", "UTF-8"},
        {"\"null\"", "00", "left over"},
        {"\"int\"", "00 00", "left over"},
        {"\"double\"", "00000000000000", "decode"},
        {LIST, "0261 02 0262 02 04c328 00", "field next.next.v: a string"},
        {"{\"type\":\"array\",\"items\":" LIST "}", "04 0261 00 02ff", "field [1].v"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct iso_avro *schema = schema_of(rows[i].json);
        struct iso_buf datum = bytes_of(rows[i].hex);
        struct iso_why why = {0};
        ck_assert_int_eq(check(schema, iso_buf_bytes(&datum), &why), ISO_BAD_DATA);
        ck_assert_msg(strstr(why.text, rows[i].words) != NULL, "%s %s: %s",
                      rows[i].json, rows[i].hex, why.text);
        iso_buf_release(&datum);
        iso_avro_free(schema);
    }
}
END_TEST

/* A list of `levels` records, each with the text "a". */
static enum iso_err list_check(struct iso_avro *schema, int levels)
{
    struct iso_buf datum = {0};
    for (int i = 0; i < levels; i++)
        iso_buf_add(&datum, i + 1 < levels ? "\x02\x61\x02" : "\x02\x61\x00", 3);
    enum iso_err err = check(schema, iso_buf_bytes(&datum), NULL);
    iso_buf_release(&datum);
    return err;
}

START_TEST(recursion_is_bounded_in_the_datum)
{
    struct iso_avro *list = schema_of(LIST);
    ck_assert_int_eq(list_check(list, 1), ISO_OK);
    ck_assert_int_eq(list_check(list, ISO_AVRO_DEPTH_MAX), ISO_OK);
    ck_assert_int_eq(list_check(list, ISO_AVRO_DEPTH_MAX + 1), ISO_BAD_DATA);
    ck_assert_int_eq(list_check(list, 20000), ISO_BAD_DATA);
    iso_avro_free(list);
    /* A record that contains itself has no datum, and asks for no byte on the way. */
    struct iso_avro *endless =
        schema_of("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                  "{\"name\":\"a\",\"type\":\"R\"},{\"name\":\"b\",\"type\":\"R\"}]}");
    ck_assert_int_eq(check(endless, (struct iso_bytes){0}, NULL), ISO_BAD_DATA);
    iso_avro_free(endless);
}
END_TEST

START_TEST(what_takes_no_bytes_is_bounded_over_the_whole_datum)
{
    /* 65,536 nulls may stand in one array, or in many; one more may not. */
    struct iso_avro *many = schema_of(
        "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"null\"}}");
    for (int more = 0; more < 2; more++) {
        struct iso_buf datum = {0};
        iso_avro_add_long(&datum, 16);
        for (int i = 0; i < 16; i++) {
            iso_avro_add_long(&datum, (i < 15 ? 4095 : 4095 + more));
            iso_avro_add_long(&datum, 0);
        }
        iso_avro_add_long(&datum, 0);
        ck_assert_int_eq(check(many, iso_buf_bytes(&datum), NULL),
                         more ? ISO_BAD_DATA : ISO_OK);
        iso_buf_release(&datum);
    }
    iso_avro_free(many);
    /* 2^30 nulls in no byte at all: each record has two of the next. */
    struct iso_buf json = {0};
    for (int i = 0; i < 30; i++)
        iso_buf_print(&json,
                      "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":["
                      "{\"name\":\"a\",\"type\":",
                      i);
    iso_buf_print(&json, "\"null\"}]}");
    for (int i = 29; i > 0; i--)
        iso_buf_print(&json, "},{\"name\":\"b\",\"type\":\"R%d\"}]}", i);
    struct iso_why why = {0};
    struct iso_avro *doubling = schema_of(iso_buf_text(&json));
    ck_assert_int_eq(check(doubling, (struct iso_bytes){0}, &why), ISO_BAD_DATA);
    ck_assert_ptr_nonnull(strstr(why.text, "take no bytes"));
    iso_avro_free(doubling);
    iso_buf_release(&json);
}
END_TEST

START_TEST(json_is_what_the_specification_says)
{
    static const struct {
        const char *schema, *hex, *json;
    } rows[] = {
        {"\"null\"", "", "null"},
        {"\"boolean\"", "01", "true"},
        {"\"int\"", "01", "-1"},
        {"\"long\"", "ffffffffffffffffff01", "-9223372036854775808"},
        {"\"float\"", "0000c03f", "1.5"},
        {"\"double\"", "000000000000f8bf", "-1.5"},
        {"\"double\"", "000000000000f87f", "\"NaN\""},
        {"\"float\"", "000080ff", "\"-Infinity\""},
        {"\"bytes\"", "04 00ff", "\"\\u0000ÿ\""},
        {"\"string\"", "00", "\"\""},
        {"\"string\"", "06 610062", "\"a\\u0000b\""},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "417f", "\"A\x7f\""},
        {"{\"type\":\"array\",\"items\":\"int\"}", "03 04 02 04 02 06 00", "[1,2,3]"},
        {"{\"type\":\"map\",\"values\":\"int\"}", "02 0261 02 00", "{\"a\":1}"},
        {"[\"null\",\"string\"]", "02 0261", "{\"string\":\"a\"}"},
        {"[\"null\",{\"type\":\"map\",\"values\":\"null\"}]", "02 00", "{\"map\":{}}"},
        {LIST, "0261 02 0262 00",
         "{\"v\":\"a\",\"next\":{\"n.L\":{\"v\":\"b\",\"next\":null}}}"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":["
         "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"x.E\",\"symbols\":"
         "[\"A\",\"B\"]}},{\"name\":\"again\",\"type\":[\"null\",\"x.E\"]},"
         "{\"name\":\"all\",\"type\":{\"type\":\"array\",\"items\":\"x.E\"}}]}",
         "02 02 00 04 00 02 00",
         "{\"e\":\"B\",\"again\":{\"x.E\":\"A\"},\"all\":[\"A\",\"B\"]}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct iso_avro *schema = schema_of(rows[i].schema);
        struct iso_buf datum = bytes_of(rows[i].hex), json = {0};
        struct iso_why why;
        for (int twice = 0; twice < 2; twice++) {
            iso_buf_clear(&json);
            if (iso_avro_to_json(schema, iso_buf_bytes(&datum), &json, &why) != ISO_OK)
                ck_abort_msg("%s: %s", rows[i].schema, why.text);
            ck_assert_str_eq(iso_buf_text(&json), rows[i].json);
        }
        iso_buf_add_u8(&datum, 0);
        ck_assert_int_eq(iso_avro_to_json(schema, iso_buf_bytes(&datum), &json, &why),
                         ISO_BAD_DATA);
        iso_buf_release(&datum);
        iso_buf_release(&json);
        iso_avro_free(schema);
    }
}
END_TEST

START_TEST(what_avro_c_cannot_hold_is_shown_all_the_same)
{
    static const struct {
        const char *schema, *hex, *json;
    } rows[] = {
        {"{\"type\":\"array\",\"items\":"
         "{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}}",
         "06 00", "[{},{},{}]"},
        {"{\"type\":\"array\",\"items\":"
         "{\"type\":\"fixed\",\"name\":\"F\",\"size\":0}}",
         "04 00", "[\"\",\"\"]"},
        {"[\"null\",{\"type\":\"fixed\",\"name\":\"F\",\"size\":0},"
         "{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}]",
         "04", "{\"R\":{}}"},
        {"{\"type\":\"array\",\"items\":[]}", "00", "[]"},
        {"{\"type\":\"array\",\"items\":"
         "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}}",
         "00", "[]"},
        {"[\"null\",{\"type\":\"record\",\"name\":\"R\",\"fields\":["
         "{\"name\":\"a\",\"type\":\"R\"}]}]",
         "00", "null"},
        /* Keys that come twice, or differ behind a NUL only. */
        {"{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"int\"}}",
         "04 00 02 02 00 00 02 04 00 00", "{\"\":[2]}"},
        {"{\"type\":\"map\",\"values\":\"int\"}", "04 04 6100 02 06 610000 04 00",
         "{\"a\\u0000\":1,\"a\\u0000\\u0000\":2}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct iso_avro *schema = schema_of(rows[i].schema);
        struct iso_buf datum = bytes_of(rows[i].hex), json = {0};
        struct iso_why why;
        if (iso_avro_to_json(schema, iso_buf_bytes(&datum), &json, &why) != ISO_OK)
            ck_abort_msg("%s: %s", rows[i].schema, why.text);
        ck_assert_str_eq(iso_buf_text(&json), rows[i].json);
        iso_buf_release(&datum);
        iso_buf_release(&json);
        iso_avro_free(schema);
    }
}
END_TEST

static void *json_many(void *arg)
{
    static const uint8_t heartbeat[] = {6, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
                                        1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0};
    (void)arg;
    size_t good = 0;
    for (int i = 0; i < 200; i++) {
        struct iso_buf json = {0};
        struct iso_bytes datum = iso_bytes(heartbeat, sizeof heartbeat - i % 2);
        good +=
            iso_avro_to_json(iso_avsc(ISO_AVSC_WRITE), datum, &json, NULL) == ISO_OK;
        iso_buf_release(&json);
    }
    return (void *)good;
}

START_TEST(several_threads_may_ask_for_json_at_once)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, json_many, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *good;
        ck_assert_int_eq(pthread_join(threads[i], &good), 0);
        ck_assert_uint_eq((size_t)good, 100);
    }
}
END_TEST

START_TEST(our_own_schemas_parse)
{
    for (unsigned i = 0; i < ISO_AVSC_COUNT; i++) {
        ck_assert_ptr_nonnull(iso_avsc((enum iso_avsc)i));
        struct iso_avro *schema;
        ck_assert_int_eq(iso_avro_parse(iso_avsc_json((enum iso_avsc)i), &schema, NULL),
                         ISO_OK);
        iso_avro_free(schema);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("avro");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, longs_are_what_the_specification_says_and_come_back);
    tcase_add_test(tests, a_read_that_fails_answers_nothing_from_then_on);
    tcase_add_test(tests, what_is_out_of_range_fails);
    tcase_add_test(tests,
                   schemas_that_the_specification_forbids_are_refused_with_the_place);
    tcase_add_test(tests, schemas_are_bounded_in_depth_and_size);
    tcase_add_test(tests, hostile_data_are_refused_without_an_allocation);
    tcase_add_test(tests, recursion_is_bounded_in_the_datum);
    tcase_add_test(tests, what_takes_no_bytes_is_bounded_over_the_whole_datum);
    tcase_add_test(tests, json_is_what_the_specification_says);
    tcase_add_test(tests, what_avro_c_cannot_hold_is_shown_all_the_same);
    tcase_add_test(tests, several_threads_may_ask_for_json_at_once);
    tcase_add_test(tests, our_own_schemas_parse);
    Suite *suite = suite_create("avro");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
