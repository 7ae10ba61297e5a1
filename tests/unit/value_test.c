/* Values in their formats: a datum of a schema that the definition names, or refused
 * with the reason and the remedy. */
#include "apply_ground.h"

#include "consumer/parsed.h"
#include "schema_kit.h"

static struct iso_definition *definition;
static struct iso_schemas *schemas;
static struct iso_buf value;
static struct iso_why why;

static void setup(void)
{
    definition = def_bare(3, 1);
    definition->format = ISO_FORMAT_AVRO;
}

static void teardown(void)
{
    iso_schemas_free(schemas);
    iso_definition_free(definition);
    iso_buf_release(&value);
}

static void schemas_make(void)
{
    iso_schemas_free(schemas);
    schemas = iso_schemas_new(definition);
}

static void said(const char *words)
{
    ck_assert_msg(strstr(why.text, words) != NULL, "no \"%s\" in: %s", words, why.text);
}

static enum iso_err check(size_t n, const char *datum, size_t size)
{
    iso_buf_clear(&value);
    iso_value_begin(schemas, n, &value);
    iso_buf_add(&value, datum, size);
    return iso_value_check(schemas, iso_buf_bytes(&value), &why);
}

static enum iso_err check_bytes(const char *bytes, size_t size)
{
    return iso_value_check(schemas, iso_bytes(bytes, size), &why);
}

#define DATUM(text) text, sizeof(text) - 1

START_TEST(an_avro_value_is_one_datum_of_a_schema_that_the_definition_names)
{
    kit_schema(definition, "\"string\"", 0);
    kit_schema(definition, "\"long\"", 0);
    schemas_make();
    ck_assert_uint_eq(iso_schemas_count(schemas), 2);
    ck_assert_int_eq(iso_schemas_format(schemas), ISO_FORMAT_AVRO);
    ck_ok(check(0, DATUM("\x04hi")));
    ck_ok(check(1, DATUM("\x04")));
    ck_err(check(0, DATUM("\x04h")), ISO_BAD_DATA);
    said("not what its schema says");
    ck_err(iso_value_check(schemas, iso_buf_bytes(&value), NULL), ISO_BAD_DATA);
    ck_err(check(0, DATUM("\x04hi!")), ISO_BAD_DATA);
    ck_err(check(1, DATUM("\x04hi")), ISO_BAD_DATA);
    ck_err(check(1, DATUM("")), ISO_BAD_DATA);
    ck_err(check_bytes(DATUM("\xc3\x01\x01\x02\x03\x04\x05\x06\x07\x08\x04hi")),
           ISO_REFUSED);
    said("0102030405060708");
    said("definition 3 of packages does not name");
    said("`isostasy schema register packages FILE`");
    said("`isostasy dead-letter replay`");
    ck_err(check_bytes(DATUM("\xc3\x02\x01\x02\x03\x04\x05\x06\x07\x08")),
           ISO_BAD_DATA);
    said("single-object");
    ck_err(check_bytes(DATUM("\xc3\x01\x01\x02\x03\x04\x05\x06\x07")), ISO_BAD_DATA);
    ck_err(check_bytes(DATUM("")), ISO_BAD_DATA);
}
END_TEST

START_TEST(a_confluent_value_is_one_datum_of_the_id_that_the_definition_names)
{
    definition->format = ISO_FORMAT_CONFLUENT;
    kit_schema(definition, "\"string\"", 10);
    kit_schema(definition, "\"long\"", 0x01020304);
    kit_schema(definition, "{\"type\": \"string\"}",
               9); /* of one fingerprint with 10 */
    schemas_make();
    ck_ok(check_bytes(DATUM("\0\0\0\0\x0a\x04hi")));
    ck_ok(check_bytes(DATUM("\0\0\0\0\x09\x04hi")));
    ck_ok(check_bytes(DATUM("\0\1\2\3\4\x04")));
    ck_err(check_bytes(DATUM("\0\1\2\3\4\x04hi")), ISO_BAD_DATA);
    ck_err(check_bytes(DATUM("\0\0\0\0\x0b\x04hi")), ISO_REFUSED);
    said("registry id 11");
    said("`isostasy schema register packages --id 11`");
    said("`isostasy dead-letter replay`");
    ck_err(check_bytes(DATUM("\1\0\0\0\x0a\x04hi")), ISO_BAD_DATA);
    said("serializer");
    ck_err(check_bytes(DATUM("\0\0\0\0")), ISO_BAD_DATA);
}
END_TEST

START_TEST(an_opaque_value_is_always_well)
{
    definition->format = ISO_FORMAT_OPAQUE;
    schemas_make();
    ck_ok(check_bytes(DATUM("\xc3\x02")));
    ck_ok(check_bytes(DATUM("")));
    iso_value_begin(schemas, 0, &value);
    ck_assert_uint_eq(value.size, 0);
}
END_TEST

/* Beside a good one: each of the bad refuses its own values and no others. */
START_TEST(a_schema_that_cannot_be_used_refuses_its_own_values_and_says_why)
{
    static const uint8_t other[ISO_FINGERPRINT_SIZE] = {7};
    kit_schema_named(definition, "{\"type\": \"wrong\"}", other, 0);
    kit_schema(definition, "\"string\"", 0);
    uint8_t of_int[ISO_FINGERPRINT_SIZE];
    kit_fingerprint("\"int\"", of_int);
    kit_schema_named(definition, "\"long\"", of_int, 0);
    schemas_make();
    for (int round = 0; round < 2; round++) {
        ck_err(check(0, DATUM("\x04hi")), ISO_REFUSED);
        said("cannot be used as definition 3 of packages has it (the Avro schema is");
        said("wrong");
        ck_ok(check(1, DATUM("\x04hi")));
        ck_err(check(2, DATUM("\x04")), ISO_REFUSED);
        said("the fingerprint of its text is");
        said("`isostasy schema register packages FILE`");
    }
    ck_assert_ptr_null(iso_schemas_at(schemas, 0));
    ck_assert_ptr_nonnull(iso_schemas_at(schemas, 1));
    ck_assert_ptr_null(iso_schemas_at(schemas, 2));
}
END_TEST

START_TEST(a_value_that_is_begun_is_opened_by_its_schema)
{
    struct iso_value opened;
    for (int format = ISO_FORMAT_AVRO; format <= ISO_FORMAT_CONFLUENT; format++) {
        struct iso_definition *many = def_bare(1, 1);
        many->format = (enum iso_format)format;
        for (int i = 0; i < 100; i++) {
            char json[64];
            snprintf(json, sizeof json,
                     "{\"type\":\"fixed\",\"name\":\"F\",\"size\":%d}", i + 1);
            kit_schema(many, json, (i * 7919 + 13) % 1000 + 1);
        }
        struct iso_schemas *made = iso_schemas_new(many);
        for (size_t n = 0; n < 100; n++) {
            iso_buf_clear(&value);
            iso_value_begin(made, n, &value);
            iso_buf_add(&value, "datum", 5);
            ck_ok(iso_value_open(made, iso_buf_bytes(&value), &opened, &why));
            ck_assert_uint_eq(opened.schema, n);
            ck_assert(iso_bytes_equal(opened.datum, iso_bytes_text("datum")));
        }
        iso_schemas_free(made);
        iso_definition_free(many);
    }
}
END_TEST

START_TEST(a_schema_is_found_by_its_canonical_form)
{
    struct iso_avro *asked;
    size_t n = 99;
    kit_schema(definition, "\"long\"", 0);
    kit_schema(definition, KIT_POINT, 0);
    schemas_make();
    ck_ok(iso_avro_parse(
        iso_bytes_text("{\"type\": \"record\", \"name\": \"P\", \"doc\": \"else\", "
                       "\"fields\": [{\"name\": \"x\", \"type\": {\"type\": \"int\"}}, "
                       "{\"name\": \"s\", \"type\": \"string\", \"default\": \"\"}]}"),
        &asked, &why));
    ck_ok(iso_schemas_find(schemas, asked, &n, &why));
    ck_assert_uint_eq(n, 1);
    iso_avro_free(asked);
    ck_ok(iso_avro_parse(iso_bytes_text("\"int\""), &asked, &why));
    ck_err(iso_schemas_find(schemas, asked, &n, &why), ISO_NOT_FOUND);
    said("`isostasy schema register packages FILE`");
    iso_avro_free(asked);
    iso_schemas_free(NULL);
}
END_TEST

START_TEST(a_check_allocates_nothing)
{
    kit_schema(definition, KIT_POINT, 0);
    schemas_make();
    ck_ok(check(0, DATUM(KIT_DATUM)));
    uint64_t before = iso_mem_count();
    for (int i = 0; i < 1000; i++) {
        ck_ok(iso_value_check(schemas, iso_buf_bytes(&value), &why));
        ck_err(check_bytes(DATUM("\xc3\x01\1\2\3\4\5\6\7\x08")), ISO_REFUSED);
    }
    ck_assert_uint_eq(iso_mem_count(), before);
}
END_TEST

/* ---- what slices share ---- */

START_TEST(schemas_are_parsed_once_and_go_with_the_last_who_holds_them)
{
    struct iso_parsed parsed = {0};
    kit_schema(definition, "\"long\"", 0);
    def_encoded(definition);
    struct iso_definition *alike = def_bare(3, 1), *later = def_bare(4, 1);
    alike->format = later->format = ISO_FORMAT_AVRO;
    kit_schema(alike, "\"long\"", 0);
    def_encoded(alike);
    def_encoded(later);
    const struct iso_schemas *a = iso_parsed_take(&parsed, definition);
    const struct iso_schemas *b = iso_parsed_take(&parsed, alike);
    const struct iso_schemas *c = iso_parsed_take(&parsed, later);
    ck_assert_ptr_eq(a, b);
    ck_assert_ptr_ne(a, c);
    iso_parsed_give(&parsed, a);
    iso_parsed_give(&parsed, NULL);
    ck_assert_uint_eq(iso_schemas_count(b), 1);
    iso_parsed_give(&parsed, c);
    iso_parsed_give(&parsed, b);
    ck_assert_ptr_null(parsed.first);
    iso_definition_free(alike);
    iso_definition_free(later);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("value");
    TCase *tests = tcase_create("value");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests,
                   an_avro_value_is_one_datum_of_a_schema_that_the_definition_names);
    tcase_add_test(tests,
                   a_confluent_value_is_one_datum_of_the_id_that_the_definition_names);
    tcase_add_test(tests, an_opaque_value_is_always_well);
    tcase_add_test(tests,
                   a_schema_that_cannot_be_used_refuses_its_own_values_and_says_why);
    tcase_add_test(tests, a_value_that_is_begun_is_opened_by_its_schema);
    tcase_add_test(tests, a_schema_is_found_by_its_canonical_form);
    tcase_add_test(tests, a_check_allocates_nothing);
    tcase_add_test(tests, schemas_are_parsed_once_and_go_with_the_last_who_holds_them);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
