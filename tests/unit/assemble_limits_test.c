/* Records of hostile size, put together: each part was admitted, all of them together
 * are too much. */
#include "assemble_ground.h"

#define WRITER                                                             \
    "{'type':'record','name':'W','fields':["                               \
    "{'name':'ids','merge':'set','type':{'type':'array','items':'long'}}," \
    "{'name':'lows','merge':'map:min','type':{'type':'map',"               \
    "'values':'string'}}]}"

static void setup(void)
{
    collection(WRITER, NULL);
}

START_TEST(more_elements_than_a_datum_may_have_are_too_large)
{
    struct iso_shown_part part = {
        .path = {.field = iso_bytes_text("ids"), .has_element = true},
        .rule = ISO_RULE_SET};
    read_by(WRITER);
    for (int64_t n = 0; n <= ISO_AVRO_ITEMS_MAX; n++) {
        uint8_t element[ISO_AVRO_LONG_MAX];
        size_t size = (size_t)(iso_avro_put_long(element, n) - element);
        part.path.element = iso_bytes(element, size);
        kit_part_add(&parts, part);
    }
    refuse(ISO_TOO_LARGE, "over a limit");
    parts.count--;
    ck_assert_int_eq(assemble(), ISO_OK);
}
END_TEST

START_TEST(parts_that_are_too_long_together_are_too_large)
{
    enum { TEXT = 1 << 20, TEXTS = 17 };
    struct iso_buf datum = {0};
    char *text = iso_alloc(TEXT);
    memset(text, 'x', TEXT);
    iso_avro_add_bytes(&datum, iso_bytes(text, TEXT));
    for (unsigned i = 0; i < TEXTS; i++) {
        char member = (char)('a' + i);
        kit_part_add(&parts, (struct iso_shown_part){
                                 .path = {.field = iso_bytes_text("lows"),
                                          .has_member = true,
                                          .member = iso_bytes(&member, 1)},
                                 .rule = ISO_RULE_MIN,
                                 .fingerprint = iso_schemas_fingerprint(schemas, 0),
                                 .datum = iso_buf_bytes(&datum)});
    }
    read_by(WRITER);
    refuse(ISO_TOO_LARGE, "lows[\"p\"]");
    parts.count = 15;
    ck_assert_int_eq(assemble(), ISO_OK);
    iso_buf_release(&datum);
    iso_free(text);
}
END_TEST

/* Defaults of a schema are bounded, but many records in one can each ask for them. */
START_TEST(defaults_that_are_too_long_together_are_too_large)
{
    enum { TEXT = 200000, MEMBERS = 128 };
    struct iso_buf schema = {0};
    instead("{'type':'record','name':'W','fields':["
            "{'name':'m','merge':'map','type':{'type':'map',"
            "'values':{'type':'record','name':'S','fields':[]}}}]}",
            NULL);
    for (unsigned i = 0; i < MEMBERS; i++) {
        char member = (char)i;
        kit_part_add(&parts, (struct iso_shown_part){
                                 .path = {.field = iso_bytes_text("m"),
                                          .has_member = true,
                                          .member = iso_bytes(&member, 1)},
                                 .fingerprint = iso_schemas_fingerprint(schemas, 0)});
    }
    iso_buf_print(&schema, "{'type':'record','name':'R','fields':[{'name':'m','type':"
                           "{'type':'map','values':{'type':'record','name':'S',"
                           "'fields':[{'name':'t','type':'string','default':'");
    for (unsigned i = 0; i < TEXT; i++)
        iso_buf_add_u8(&schema, 'x');
    iso_buf_print(&schema, "'}]}}}]}");
    read_by(iso_buf_text(&schema));
    refuse(ISO_TOO_LARGE, "shorter defaults");
    iso_buf_release(&schema);
}
END_TEST

START_TEST(a_part_that_is_as_deep_as_it_may_be_is_too_deep_in_a_record)
{
    static const char list[] =
        "{'type':'record','name':'W','fields':["
        "{'name':'a','default':null,'type':['null',{'type':'record','name':'L',"
        "'fields':["
        "{'name':'next','type':['null','L']}]}]}]}";
    struct iso_buf datum = {0};
    instead(list, NULL);
    for (unsigned i = 0; i < ISO_AVRO_DEPTH_MAX; i++)
        iso_buf_add_u8(&datum, 2);
    iso_buf_add_u8(&datum, 0);
    kit_part_add(&parts, (struct iso_shown_part){
                             .path.field = iso_bytes_text("a"),
                             .fingerprint = iso_schemas_fingerprint(schemas, 0),
                             .datum = iso_buf_bytes(&datum)});
    read_by(list);
    refuse(ISO_TOO_LARGE, "64 deep");
    parts.parts[0].datum.data++;
    parts.parts[0].datum.size--;
    ck_assert_int_eq(assemble(), ISO_OK);
    iso_buf_release(&datum);
}
END_TEST

/* Each of the fields has a type that has all of them below it: compiled one by one they
 * would be the square of a schema. */
START_TEST(what_fields_have_in_common_is_resolved_once)
{
    enum { FIELDS = 3000 };
    struct iso_buf schema = {0};
    iso_buf_print(&schema, "{'type':'record','name':'R','fields':[{'name':'first',"
                           "'default':null,'type':['null',{'type':'record','name':'S',"
                           "'fields':[");
    for (unsigned i = 0; i < FIELDS; i++)
        iso_buf_print(&schema, "%s{'name':'s%u','type':'%s'}", i > 0 ? "," : "", i,
                      i % 2 ? "int" : "long");
    iso_buf_print(&schema, "]}]}");
    for (unsigned i = 0; i < FIELDS; i++)
        iso_buf_print(&schema, ",{'name':'f%u','default':null,'type':['null','S']}", i);
    iso_buf_print(&schema, "]}");
    instead(iso_buf_text(&schema), NULL);
    kit_part_add(&parts, (struct iso_shown_part){
                             .path.field = iso_bytes_text("f7"),
                             .fingerprint = iso_schemas_fingerprint(schemas, 0),
                             .datum = iso_bytes("", 1)});
    read_by(iso_buf_text(&schema));
    ck_assert_int_eq(assemble(), ISO_OK);
    ck_assert_uint_eq(got.size, 1 + FIELDS + 1);
    iso_buf_release(&schema);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assemble_limits");
    TCase *tests = tcase_create("assemble_limits");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, more_elements_than_a_datum_may_have_are_too_large);
    tcase_add_test(tests, parts_that_are_too_long_together_are_too_large);
    tcase_add_test(tests, defaults_that_are_too_long_together_are_too_large);
    tcase_add_test(tests, a_part_that_is_as_deep_as_it_may_be_is_too_deep_in_a_record);
    tcase_add_test(tests, what_fields_have_in_common_is_resolved_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
