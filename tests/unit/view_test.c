/* Values for who reads them: as they were written, as another schema sees them, and as
 * JSON. */
#include "apply_ground.h"

#include "schema/view.h"
#include "schema_kit.h"

#define READER                                                     \
    "{\"type\":\"record\",\"name\":\"P\",\"fields\":["             \
    "{\"name\":\"text\",\"type\":\"string\",\"aliases\":[\"s\"]}," \
    "{\"name\":\"x\",\"type\":\"long\"},"                          \
    "{\"name\":\"more\",\"type\":\"string\",\"default\":\"none\"}]}"
#define NARROW                                         \
    "{\"type\":\"record\",\"name\":\"P\",\"fields\":[" \
    "{\"name\":\"x\",\"type\":\"int\"},{\"name\":\"y\",\"type\":\"int\"}]}"

static struct iso_definition *definition;
static struct iso_view *view;
static struct iso_buf value, out;
static struct iso_why why;

static void setup(void)
{
    definition = def_bare(1, 1);
    definition->format = ISO_FORMAT_AVRO;
    kit_schema(definition, KIT_POINT, 1);
    kit_schema(definition, "\"int\"", 2);
}

static void teardown(void)
{
    iso_view_free(view);
    iso_definition_free(definition);
    iso_buf_release(&value);
    iso_buf_release(&out);
}

static void view_make(const char *reader)
{
    enum iso_err err = iso_view_new(definition, reader, &view, &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
}

static enum iso_err datum_of(struct iso_bytes bytes)
{
    iso_buf_clear(&out);
    return iso_view_datum(view, bytes, &out, &why);
}

static void expect_json(struct iso_bytes bytes, const char *want)
{
    iso_buf_clear(&out);
    enum iso_err err = iso_view_json(view, bytes, &out, &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    ck_assert_str_eq(iso_buf_text(&out), want);
}

static void expect_out(const char *want, size_t size)
{
    ck_assert(iso_bytes_equal(iso_buf_bytes(&out), iso_bytes(want, size)));
}

START_TEST(a_value_is_read_as_it_was_written)
{
    view_make(NULL);
    ck_ok(datum_of(kit_value(&value, definition, 0, KIT_DATUM, 3)));
    expect_out(KIT_DATUM, 3);
    expect_json(iso_buf_bytes(&value), "{\"x\":3,\"s\":\"q\"}");
    expect_json(kit_value(&value, definition, 1, "\x08", 1), "4");
}
END_TEST

START_TEST(a_value_is_read_as_another_schema_sees_it)
{
    view_make(READER);
    for (int round = 0; round < 2; round++) {
        ck_ok(datum_of(kit_value(&value, definition, 0, KIT_DATUM, 3)));
        expect_out("\x02q\x06\x08none", 8);
    }
    expect_json(iso_buf_bytes(&value), "{\"text\":\"q\",\"x\":3,\"more\":\"none\"}");
}
END_TEST

START_TEST(what_the_reader_cannot_take_is_said_and_nothing_is_appended)
{
    view_make(NARROW);
    ck_err(datum_of(kit_value(&value, definition, 0, KIT_DATUM, 3)), ISO_INCOMPATIBLE);
    ck_assert_msg(strstr(why.text, "y") != NULL, "%s", why.text);
    ck_assert_uint_eq(out.size, 0);
    ck_err(iso_view_json(view, iso_buf_bytes(&value), &out, &why), ISO_INCOMPATIBLE);
    ck_err(datum_of(kit_value(&value, definition, 0, "\x06", 1)), ISO_BAD_DATA);
    ck_err(datum_of(iso_bytes("\xc3\x01\1\2\3\4\5\6\7\x08\x02", 11)), ISO_REFUSED);
    ck_assert_uint_eq(out.size, 0);
}
END_TEST

START_TEST(a_damaged_value_is_none_without_a_reader_too)
{
    view_make(NULL);
    ck_err(datum_of(kit_value(&value, definition, 0, "\x06", 1)), ISO_BAD_DATA);
    ck_err(iso_view_json(view, iso_buf_bytes(&value), &out, &why), ISO_BAD_DATA);
    ck_err(datum_of(iso_bytes_text("plain")), ISO_BAD_DATA);
    ck_assert_uint_eq(out.size, 0);
}
END_TEST

START_TEST(an_opaque_value_is_itself_and_in_json_what_is_text_of_it)
{
    definition->format = ISO_FORMAT_OPAQUE;
    definition->schema_count = 0;
    view_make(NULL);
    ck_ok(datum_of(iso_bytes("a\0b", 3)));
    expect_out("a\0b", 3);
    expect_json(iso_bytes("a\0\"\\\n", 5), "\"a\\u0000\\\"\\\\\\u000a\"");
    expect_json(iso_bytes_text("\xc3\xa4\xff\xc3!"),
                "\"\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd!\"");
    expect_json(iso_bytes_text(""), "\"\"");
    ck_err(iso_view_new(definition, READER, &view, &why), ISO_USAGE);
    definition->schema_count = 2;
}
END_TEST

START_TEST(a_readers_schema_that_does_not_parse_is_refused)
{
    ck_err(iso_view_new(definition, "{", &view, &why), ISO_BAD_DATA);
    ck_assert_ptr_null(view);
    iso_view_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view");
    TCase *tests = tcase_create("view");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_value_is_read_as_it_was_written);
    tcase_add_test(tests, a_value_is_read_as_another_schema_sees_it);
    tcase_add_test(tests, what_the_reader_cannot_take_is_said_and_nothing_is_appended);
    tcase_add_test(tests, a_damaged_value_is_none_without_a_reader_too);
    tcase_add_test(tests, an_opaque_value_is_itself_and_in_json_what_is_text_of_it);
    tcase_add_test(tests, a_readers_schema_that_does_not_parse_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
