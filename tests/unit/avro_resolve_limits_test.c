/* What hostile or merely large schemas, and defaults, may cost a resolution. */
#include <stdio.h>
#include <stdlib.h>

#include "schema/avro_resolve.h"
#include "tests/unit/schema_text.h"

static enum iso_err read_as(const struct iso_avro *writer,
                            const struct iso_avro *reader, struct iso_bytes datum,
                            struct iso_why *why)
{
    struct iso_avro_resolution *resolution = iso_avro_resolution_new(writer, reader);
    struct iso_buf out = {0};
    iso_buf_add_u8(&out, 1);
    enum iso_err err = iso_avro_read_as(resolution, datum, &out, why);
    ck_assert(err == ISO_OK || out.size == 1);
    iso_buf_release(&out);
    iso_avro_resolution_free(resolution);
    return err;
}

/* `count` times `format`, which takes a number, between `head` and `tail`. */
static struct iso_avro *parse_many(const char *head, const char *format, int from,
                                   int step, int count, const char *tail)
{
    struct iso_buf json = {0};
    iso_buf_print(&json, "%s", head);
    for (int i = 0; i < count; i++) {
        iso_buf_print(&json, "%s", i > 0 ? "," : "");
        int n = from + i * step;
        iso_buf_print(&json, format, n, n, n > 0 ? n - 1 : n);
    }
    iso_buf_print(&json, "%s", tail);
    struct iso_avro *schema = schema_parse(iso_buf_text(&json));
    iso_buf_release(&json);
    return schema;
}

START_TEST(a_datum_that_is_none_of_the_writers_is_bad_data)
{
    struct iso_avro *writer = schema_parse("'int'"), *reader = schema_parse("'long'");
    struct iso_why why = {0};
    ck_assert_int_eq(read_as(writer, reader, iso_bytes("\x02\x02", 2), &why),
                     ISO_BAD_DATA);
    ck_assert_int_eq(read_as(writer, reader, iso_bytes("\x02\x02", 2), NULL),
                     ISO_BAD_DATA);
    ck_assert_int_eq(read_as(writer, reader, iso_bytes("\x02", 1), NULL), ISO_OK);
    iso_avro_free(writer);
    iso_avro_free(reader);
}
END_TEST

START_TEST(schemas_that_meet_in_too_many_ways_are_refused_and_cost_little)
{
    struct iso_avro *writer =
        parse_many("[", "{'type':'fixed','name':'w%d.F%d','size':1}", 0, 1, 4000, "]");
    struct iso_avro *reader =
        parse_many("[", "{'type':'fixed','name':'r%d.G%d','size':1}", 0, 1, 4000, "]");
    struct iso_why why = {0};
    ck_assert_int_eq(iso_avro_can_read(reader, writer, &why), ISO_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(why.text, "make its unions smaller"));
    iso_avro_free(writer);
    iso_avro_free(reader);
}
END_TEST

/* `length` types, each with the next in it, the last with the first. `only` is a field
 * in which they are defined, and that the other side has not. */
static struct iso_avro *ring(int length, const char *only)
{
    char head[150], tail[100];
    snprintf(head, sizeof head,
             "{'type':'record','name':'t0.T','fields':[{'name':'%s','default':null,"
             "'type':['null',",
             only);
    snprintf(tail, sizeof tail, "]},{'name':'n','type':['null','t%d.T']}]}",
             length - 1);
    return parse_many(head,
                      "{'type':'record','name':'t%d.T','doc':'%d','fields':[{'name':"
                      "'n','type':['null','t%d.T']}]}",
                      1, 1, length - 1, tail);
}

START_TEST(schemas_that_meet_in_too_many_pairs_are_refused)
{
    struct iso_avro *writer = ring(40, "w"), *reader = ring(41, "r");
    struct iso_why why = {0};
    ck_assert_int_eq(iso_avro_can_read(reader, writer, &why), ISO_OK);
    iso_avro_free(writer);
    iso_avro_free(reader);
    writer = ring(600, "w"); /* each meets each, once round both */
    reader = ring(601, "r");
    ck_assert_int_eq(iso_avro_can_read(reader, writer, &why), ISO_TOO_LARGE);
    ck_assert_int_eq(read_as(writer, reader, iso_bytes("\0\0", 2), &why),
                     ISO_TOO_LARGE);
    iso_avro_free(writer);
    iso_avro_free(reader);
}
END_TEST

START_TEST(a_large_schema_is_read_by_its_mirror)
{
    const char *format = "{'name':'f%d','type':'int'}";
    struct iso_avro *writer =
        parse_many("{'type':'record','name':'R','fields':[", format, 0, 1, 20000, "]}");
    struct iso_avro *reader = parse_many("{'type':'record','name':'R','fields':[",
                                         format, 19999, -1, 20000, "]}");
    struct iso_why why = {0};
    uint8_t datum[20000] = {[0] = 2};
    struct iso_avro_resolution *resolution = iso_avro_resolution_new(writer, reader);
    struct iso_buf out = {0};
    ck_assert_int_eq(
        iso_avro_read_as(resolution, iso_bytes(datum, sizeof datum), &out, &why),
        ISO_OK);
    ck_assert_uint_eq(out.size, sizeof datum);
    ck_assert_uint_eq(out.data[sizeof datum - 1], 2);
    iso_buf_release(&out);
    iso_avro_resolution_free(resolution);
    iso_avro_free(writer);
    iso_avro_free(reader);
}
END_TEST

/* Type n has a field of type n - 1, and only the last names them in this order: the
 * stack must not grow with the schema. */
START_TEST(a_long_chain_of_types_is_followed_to_its_end)
{
    const char *head =
        "{'type':'record','name':'R','fields':[{'name':'z','type':['null',"
        "{'type':'record','name':'T0','fields':[{'name':'e','type':%s}]}"
        "]},";
    const char *format = "{'name':'f%d','type':['null',{'type':'record','name':'T%d',"
                         "'fields':[{'name':'n','type':'T%d'}]}]}";
    struct iso_buf first = {0}, second = {0};
    iso_buf_print(&first, head, "'string'");
    iso_buf_print(&second, head, "'int'");
    struct iso_avro *writer =
        parse_many(iso_buf_text(&first), format, 1, 1, 8000, "]}");
    struct iso_avro *reader =
        parse_many(iso_buf_text(&second), format, 1, 1, 8000, "]}");
    struct iso_why why = {0};
    ck_assert_int_eq(iso_avro_can_read(writer, writer, &why), ISO_OK);
    ck_assert_int_eq(iso_avro_can_read(reader, writer, &why), ISO_INCOMPATIBLE);
    ck_assert_ptr_nonnull(strstr(why.text, "expects int, and string was written"));
    iso_avro_free(writer);
    iso_avro_free(reader);
    iso_buf_release(&first);
    iso_buf_release(&second);
}
END_TEST

START_TEST(defaults_cannot_make_an_answer_without_bound)
{
    struct iso_avro *writer = schema_parse(ARRAY(RECORD("R", "")));
    struct iso_buf json = {0};
    iso_buf_print(&json,
                  "{'type':'array','items':{'type':'record','name':'R','fields':["
                  "{'name':'s','type':'string','default':'%0300d'}]}}",
                  0);
    struct iso_avro *reader = schema_parse(iso_buf_text(&json));
    struct iso_buf datum = {0};
    struct iso_why why = {0};
    iso_avro_add_long(&datum, 65000);
    iso_avro_add_long(&datum, 0);
    ck_assert_int_eq(read_as(writer, reader, iso_buf_bytes(&datum), &why),
                     ISO_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(why.text, "longer than 16777216 bytes"));
    iso_buf_clear(&datum);
    iso_avro_add_long(&datum, 50000);
    iso_avro_add_long(&datum, 0);
    ck_assert_int_eq(read_as(writer, reader, iso_buf_bytes(&datum), &why), ISO_OK);
    iso_buf_release(&datum);
    iso_buf_release(&json);
    iso_avro_free(writer);
    iso_avro_free(reader);
}
END_TEST

START_TEST(defaults_cannot_nest_deeper_than_data_may)
{
    struct iso_avro *writer = schema_parse(LIST("L", FIELD("v", "'int'"), "n"));
    struct iso_avro *reader =
        schema_parse(LIST("L", FIELD_OR("a", ARRAY(ARRAY("'int'")), "[[1]]"), "n"));
    struct iso_buf datum = {0};
    struct iso_why why = {0};
    for (int deep = 1; deep < 62; deep++)
        iso_buf_add(&datum, "\x02\x02", 2);
    iso_buf_add(&datum, "\x02\x00", 2);
    ck_assert_int_eq(read_as(writer, reader, iso_buf_bytes(&datum), &why), ISO_OK);
    iso_buf_clear(&datum);
    for (int deep = 1; deep < 63; deep++)
        iso_buf_add(&datum, "\x02\x02", 2);
    iso_buf_add(&datum, "\x02\x00", 2);
    ck_assert_int_eq(read_as(writer, reader, iso_buf_bytes(&datum), &why),
                     ISO_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(why.text, "nested more than 64 deep"));
    iso_buf_release(&datum);
    iso_avro_free(writer);
    iso_avro_free(reader);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("avro_resolve_limits");
    tcase_add_test(tests, a_datum_that_is_none_of_the_writers_is_bad_data);
    tcase_add_test(tests,
                   schemas_that_meet_in_too_many_ways_are_refused_and_cost_little);
    tcase_add_test(tests, schemas_that_meet_in_too_many_pairs_are_refused);
    tcase_add_test(tests, a_large_schema_is_read_by_its_mirror);
    tcase_add_test(tests, a_long_chain_of_types_is_followed_to_its_end);
    tcase_add_test(tests, defaults_cannot_make_an_answer_without_bound);
    tcase_add_test(tests, defaults_cannot_nest_deeper_than_data_may);
    tcase_set_timeout(tests, 60);
    Suite *suite = suite_create("avro_resolve_limits");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
