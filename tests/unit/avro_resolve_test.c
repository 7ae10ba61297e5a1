/* Schema resolution, rule by rule: the tables hold writer, reader, a datum, and the
 * answer byte for byte or the words of the refusal. What random schemas do to it is
 * asked by tests/interop, of another implementation. */
#include <stdlib.h>

#include "schema/avro_resolve.h"
#include "tests/unit/schema_text.h"

struct example {
    const char *what, *writer, *reader;
    const char *datum, *answer; /* hexadecimal … */
    const char *refusal;        /* … or what the sentence must have in it */
    const char *unreadable;     /* what iso_avro_can_read must say; NULL: yes */
};

static struct iso_buf from_hex(const char *hex)
{
    struct iso_buf bytes = {0};
    size_t size = strlen(hex) / 2;
    iso_buf_reserve(&bytes, size + 1);
    bytes.size = size;
    ck_assert_msg(iso_hex_decode(iso_bytes_text(hex), bytes.data, size), "%s", hex);
    return bytes;
}

static void example_read(const struct example *example, const struct iso_avro *writer,
                         const struct iso_avro *reader)
{
    struct iso_avro_resolution *resolution = iso_avro_resolution_new(writer, reader);
    struct iso_buf datum = from_hex(example->datum), out = {0}, hex = {0};
    struct iso_why why = {0};
    iso_buf_add_u8(&out, 0xee); /* what stands there stays */
    enum iso_err err = iso_avro_read_as(resolution, iso_buf_bytes(&datum), &out, &why);
    if (example->refusal != NULL) {
        ck_assert_msg(err == ISO_INCOMPATIBLE, "%s: error %d", example->what, err);
        ck_assert_msg(strstr(why.text, example->refusal) != NULL, "%s: %s",
                      example->what, why.text);
        ck_assert_uint_eq(out.size, 1);
    } else {
        ck_assert_msg(err == ISO_OK, "%s: %s", example->what, why.text);
        iso_hex_encode(&hex, iso_bytes(out.data + 1, out.size - 1));
        ck_assert_msg(strcmp(iso_buf_text(&hex), example->answer) == 0, "%s: %s",
                      example->what, iso_buf_text(&hex));
        err = iso_avro_check(reader, iso_bytes(out.data + 1, out.size - 1), &why);
        ck_assert_msg(err == ISO_OK, "%s: %s", example->what, why.text);
    }
    ck_assert_uint_eq(out.data[0], 0xee);
    iso_buf_release(&datum);
    iso_buf_release(&out);
    iso_buf_release(&hex);
    iso_avro_resolution_free(resolution);
}

static void example_try(const struct example *example)
{
    struct iso_avro *writer = schema_parse(example->writer),
                    *reader = schema_parse(example->reader);
    if (example->datum != NULL)
        example_read(example, writer, reader);
    struct iso_why why = {0};
    enum iso_err err = iso_avro_can_read(reader, writer, &why);
    if (example->unreadable == NULL) {
        ck_assert_msg(err == ISO_OK, "%s: %s", example->what, why.text);
    } else {
        ck_assert_msg(err == ISO_INCOMPATIBLE, "%s: can be read", example->what);
        ck_assert_msg(strstr(why.text, example->unreadable) != NULL, "%s: %s",
                      example->what, why.text);
    }
    iso_avro_free(writer);
    iso_avro_free(reader);
}

static const struct example promotions[] = {
    {"int to int", "'int'", "'int'", "03", "03", NULL, NULL},
    {"int to long", "'int'", "'long'", "03", "03", NULL, NULL},
    {"int to float", "'int'", "'float'", "03", "000000c0", NULL, NULL},
    {"int to double", "'int'", "'double'", "03", "00000000000000c0", NULL, NULL},
    {"long to float rounds once", "'long'", "'float'", "82808010", "0000804b", NULL,
     NULL},
    {"long to double", "'long'", "'double'", "03", "00000000000000c0", NULL, NULL},
    {"float to double", "'float'", "'double'", "0000c03f", "000000000000f83f", NULL,
     NULL},
    {"string to bytes", "'string'", "'bytes'", "04c3a9", "04c3a9", NULL, NULL},
    {"bytes to string", "'bytes'", "'string'", "04c3a9", "04c3a9", NULL, NULL},
    {"bytes that are no text", "'bytes'", "'string'", "0461c3", NULL, "not UTF-8",
     NULL},
    {"long to int", "'long'", "'int'", "02", NULL, "expects int, and long", "widen it"},
    {"double to float", "'double'", "'float'", "0000000000000000", NULL,
     "expects float, and double", "widen it"},
    {"float to long", "'float'", "'long'", "00000000", NULL, "expects long",
     "expects long"},
    {"int to string", "'int'", "'string'", "02", NULL, "expects string",
     "expects string"},
    {"boolean to int", "'boolean'", "'int'", "01", NULL, "expects int", "expects int"},
    {"null to string", "'null'", "'string'", "", NULL, "expects string",
     "expects string"},
    {"array to map", ARRAY("'int'"), MAP("'int'"), "00", NULL, "expects map",
     "expects map"},
    {"fixed to bytes", FIXED("F", "1"), "'bytes'", "00", NULL, "expects bytes",
     "expects bytes"},
};

static const struct example names[] = {
    {"the namespace does not count", FIXED("a.F", "1"), FIXED("b.F", "1"), "07", "07",
     NULL, NULL},
    {"another name", FIXED("F", "1"), FIXED("G", "1"), "07", NULL,
     "expects the type G, and F was written: give the type G the alias",
     "give the type G the alias \"F\""},
    {"another size", FIXED("F", "2"), FIXED("F", "1"), "0708", NULL,
     "expects 1 bytes in the fixed F, and 2 were written", "keep the size"},
    {"an alias is in its type's namespace", RECORD("a.Old", FIELD("f", "'int'")),
     "{'type':'record','name':'a.New','aliases':['Old'],'fields':[" FIELD("f",
                                                                          "'int'") "]}",
     "02", "02", NULL, NULL},
    {"an alias in another namespace", RECORD("b.Old", FIELD("f", "'int'")),
     "{'type':'record','name':'a.New','aliases':['Old'],'fields':[" FIELD("f",
                                                                          "'int'") "]}",
     "02", NULL, "expects the type a.New, and b.Old", "alias \"b.Old\""},
    {"an alias with a namespace", ENUM("b.Old", "'A'"),
     "{'type':'enum','name':'a.New','aliases':['x.y','b.Old'],'symbols':['A']}", "00",
     "00", NULL, NULL},
    {"an alias of the writer's means nothing",
     "{'type':'fixed','name':'Old','aliases':['New'],'size':1}", FIXED("New", "1"),
     "00", NULL, "expects the type New", "expects the type New"},
};

static const struct example records[] = {
    {"a field that only the writer has",
     RECORD("R", FIELD("a", "'string'") "," FIELD("b", "'int'")),
     RECORD("R", FIELD("b", "'long'")), "04686907", "07", NULL, NULL},
    {"a field that only the reader has", RECORD("R", FIELD("b", "'int'")),
     RECORD("R", FIELD_OR("a", "'string'", "'hi'") "," FIELD("b", "'int'") "," FIELD_OR(
                     "c", "'boolean'", "true")),
     "07", "0468690701", NULL, NULL},
    {"without a default", RECORD("R", FIELD("b", "'int'")),
     RECORD("R", FIELD("b", "'int'") "," FIELD("c", "'int'")), "07", NULL,
     "cannot take the field c: its record R has the field c, which was not written: "
     "give the field c a default",
     "give the field c a default"},
    {"fields in another order",
     RECORD("R",
            FIELD("a", "'int'") "," FIELD("b", "'string'") "," FIELD("c", "'boolean'")),
     RECORD("R", FIELD("c", "'boolean'") "," FIELD("a", "'double'") "," FIELD(
                     "b", "'bytes'")),
     "0304686901", "0100000000000000c0046869", NULL, NULL},
    {"another order, a default between, one passed over",
     RECORD("R", FIELD("a", "'int'") "," FIELD("x", ARRAY("'string'")) "," FIELD(
                     "b", "'string'")),
     RECORD("R",
            FIELD("b", "'string'") "," FIELD_OR("n", "'null'", "null") "," FIELD_OR(
                "d", "'int'", "-3") "," FIELD("a", "'int'")),
     "0301040261000261", "02610503", NULL, NULL},
    {"a renamed field", RECORD("R", FIELD("x", "'int'")),
     RECORD("R", FIELD_ONCE("y", "'int'", "x")), "07", "07", NULL, NULL},
    {"a name goes before an alias",
     RECORD("R", FIELD("x", "'int'") "," FIELD("y", "'int'")),
     RECORD("R", FIELD_ONCE("y", "'int'", "x")), "0204", "04", NULL, NULL},
    {"who has the name takes it, not who was called so",
     RECORD("R", FIELD("x", "'int'")),
     RECORD("R", "{'name':'y','type':'int','aliases':['x'],'default':9}," FIELD(
                     "x", "'int'")),
     "02", "1202", NULL, NULL},
    {"the first alias of two", RECORD("R", FIELD("a", "'int'") "," FIELD("b", "'int'")),
     RECORD("R", "{'name':'y','type':'int','aliases':['b','a']}"), "0204", "04", NULL,
     NULL},
    {"two ask for one by an alias", RECORD("R", FIELD("a", "'int'")),
     RECORD("R", FIELD_ONCE("y", "'int'", "a") "," FIELD_ONCE("z", "'int'", "a")), "02",
     NULL, "has the field z", "has the field z"},
    {"two renamed records that change places",
     RECORD("R", FIELD("l", RECORD("A", FIELD("f", "'int'"))) "," FIELD(
                     "r", RECORD("B", FIELD("f", "'string'")))),
     RECORD(
         "R",
         FIELD("r",
               "{'type':'record','name':'C','aliases':['B'],'fields':[" FIELD(
                   "f", "'bytes'") "]}") "," FIELD("l",
                                                   "{'type':'record','name':'D',"
                                                   "'aliases':['A'],'fields':[" FIELD(
                                                       "f", "'float'") "]}")),
     "03046869", "046869000000c0", NULL, NULL},
    {"records without fields", RECORD("R", ""), RECORD("R", ""), "", "", NULL, NULL},
    {"nothing written, all by default", RECORD("R", ""),
     RECORD("R", FIELD_OR("m", MAP("'int'"), "{'k':5}")), "", "02026b0a00", NULL, NULL},
};

static const struct example enums[] = {
    {"symbols in another order", ENUM("E", "'A','B','C'"), ENUM("E", "'C','B','A'"),
     "00", "04", NULL, NULL},
    {"more symbols", ENUM("E", "'A','B'"), ENUM("E", "'A','B','C'"), "02", "02", NULL,
     NULL},
    {"a symbol that is there", ENUM("E", "'A','B'"), ENUM("E", "'B'"), "02", "00", NULL,
     "lacks the symbol A"},
    {"a symbol that is not there", ENUM("E", "'A','B'"), ENUM("E", "'B'"), "00", NULL,
     "its enum E lacks the symbol A: keep the symbol, or give the enum a default",
     "give the enum a default"},
    {"the reader's default", ENUM("E", "'A','B'"), ENUM_OR("E", "'B','Z'", "Z"), "00",
     "02", NULL, NULL},
    {"the writer's default means nothing", ENUM_OR("E", "'A','B'", "B"),
     ENUM("E", "'B'"), "00", NULL, "lacks the symbol A", "lacks the symbol A"},
};

static const struct example unions[] = {
    {"both", "['null','int']", "['int','null']", "0206", "0006", NULL, NULL},
    {"into a union", "'int'", "['null','int']", "06", "0206", NULL, NULL},
    {"its own type goes before those it widens to", "'int'", "['long','double','int']",
     "06", "0406", NULL, NULL},
    {"the first that it widens to", "'int'", "['string','double','long']", "06",
     "020000000000000840", NULL, NULL},
    {"out of a union", "['null','int']", "'long'", "0206", "06", NULL,
     "expects long, and null was written"},
    {"out of a union, the wrong branch", "['null','int']", "'long'", "00", NULL,
     "expects long, and null", "expects long, and null"},
    {"no branch", "'string'", "['null','int']", "00", NULL,
     "no branch for string, which was written: add the branch string",
     "add the branch string"},
    {"a branch that only some data use", "['null','int','string']", "['null','int']",
     "0206", "0206", NULL, "no branch for string"},
    {"the full name goes before the name", FIXED("b.F", "1"),
     "[" FIXED("a.F", "1") "," FIXED("b.F", "1") "]", "07", "0207", NULL, NULL},
    {"an alias goes before the name without namespace", FIXED("c.F", "1"),
     "[" FIXED("a.F", "1") ",{'type':'fixed','name':'G','aliases':['c.F'],'size':1}]",
     "07", "0207", NULL, NULL},
    {"the name without namespace, of the right size", FIXED("c.F", "1"),
     "[" FIXED("a.F", "2") "," FIXED("b.F", "1") "]", "07", "0207", NULL, NULL},
    {"the branch is the whole array", ARRAY("'int'"), "['null'," ARRAY("'string'") "]",
     "020200", NULL, "the field [0]", "the field []: it expects string"},
    {"what is not there harms nobody", ARRAY("'int'"), "['null'," ARRAY("'string'") "]",
     "00", "0200", NULL, "the field []: it expects string"},
};

static const struct example containers[] = {
    {"an array", ARRAY("'int'"), ARRAY("'float'"), "04020300", "040000803f000000c000",
     NULL, NULL},
    {"blocks, one with its size", ARRAY("'int'"), ARRAY("'float'"), "010202020300",
     "020000803f02000000c000", NULL, NULL},
    {"a map", MAP("'bytes'"), MAP("'string'"), "02026b026100", "02026b026100", NULL,
     NULL},
    {"an array with blocks that say their size is passed over",
     RECORD("R", FIELD("x", ARRAY("'int'")) "," FIELD("y", "'int'")),
     RECORD("R", FIELD("y", "'int'")), "0102020006", "06", NULL, NULL},
    {"the place of what cannot be read",
     RECORD("R", FIELD("x", ARRAY(MAP(RECORD("I", FIELD("e", ENUM("E", "'A','B'"))))))),
     RECORD("R", FIELD("x", ARRAY(MAP(RECORD("I", FIELD("e", ENUM("E", "'A'"))))))),
     "0402026100000202610200"
     "00",
     NULL, "the field x[1][0].e: its enum E lacks the symbol B",
     "the field x[][].e: its enum E lacks the symbol B"},
};

static const struct example recursions[] = {
    {"a list", LIST("L", FIELD("v", "'int'"), "n"), LIST("L", FIELD("v", "'int'"), "n"),
     "02020400", "02020400", NULL, NULL},
    {"a list of wider values", LIST("L", FIELD("v", "'int'"), "n"),
     LIST("L", FIELD("v", "'float'"), "n"), "02020400", "0000803f020000004000", NULL,
     NULL},
    {"a list that is turned round", LIST("L", FIELD("v", "'int'"), "n"),
     "{'type':'record','name':'L','fields':[{'name':'n','type':['L','null']}," FIELD(
         "v", "'int'") "]}",
     "02020400", "00020402", NULL, NULL},
    {"a list that lost its end", LIST("L", FIELD("v", "'int'"), "n"),
     "{'type':'record','name':'L','fields':[" FIELD("v",
                                                    "'int'") ",{'name':'n','type':["
                                                             "'int','L']}]}",
     "020204020600", NULL, "the field n.n.n: its union has no branch for null",
     "the field n: its union"},
};

#define EACH(examples)                                                 \
    for (size_t i = 0; i < sizeof(examples) / sizeof *(examples); i++) \
    example_try(&(examples)[i])

START_TEST(numbers_widen_and_texts_are_bytes)
{
    EACH(promotions);
}
END_TEST

START_TEST(types_are_found_by_name_or_alias)
{
    EACH(names);
}
END_TEST

START_TEST(fields_are_found_passed_over_filled_in_and_turned)
{
    EACH(records);
}
END_TEST

START_TEST(symbols_are_found_or_become_the_default)
{
    EACH(enums);
}
END_TEST

START_TEST(branches_are_found)
{
    EACH(unions);
}
END_TEST

START_TEST(items_are_read_one_by_one)
{
    EACH(containers);
}
END_TEST

START_TEST(recursive_schemas_are_read)
{
    EACH(recursions);
}
END_TEST

START_TEST(a_rule_never_changes)
{
#define MERGED(rule) "{'name':'n','type':'long'" rule "}"
    struct iso_avro *none =
        schema_parse(RECORD("R", FIELD("x", "'int'") "," MERGED("")));
    struct iso_avro *lww = schema_parse(RECORD("R", MERGED(",'merge':'lww'")));
    struct iso_avro *counter = schema_parse(RECORD("R", MERGED(",'merge':'counter'")));
    struct iso_avro *other = schema_parse(RECORD("R", FIELD("y", "'int'")));
    struct iso_avro *number = schema_parse("'int'");
    struct iso_why why = {0};
    ck_assert_int_eq(iso_avro_same_rules(none, lww, &why), ISO_OK);
    ck_assert_int_eq(iso_avro_same_rules(counter, counter, &why), ISO_OK);
    ck_assert_int_eq(iso_avro_same_rules(counter, other, &why), ISO_OK);
    ck_assert_int_eq(iso_avro_same_rules(counter, number, &why), ISO_OK);
    ck_assert_int_eq(iso_avro_same_rules(number, counter, &why), ISO_OK);
    ck_assert_int_eq(iso_avro_same_rules(none, counter, &why), ISO_INCOMPATIBLE);
    ck_assert_ptr_nonnull(
        strstr(why.text, "the field n is merged by lww in one schema and by counter"));
    ck_assert_int_eq(iso_avro_same_rules(counter, none, NULL), ISO_INCOMPATIBLE);
    iso_avro_free(none);
    iso_avro_free(lww);
    iso_avro_free(counter);
    iso_avro_free(other);
    iso_avro_free(number);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("avro_resolve");
    tcase_add_test(tests, numbers_widen_and_texts_are_bytes);
    tcase_add_test(tests, types_are_found_by_name_or_alias);
    tcase_add_test(tests, fields_are_found_passed_over_filled_in_and_turned);
    tcase_add_test(tests, symbols_are_found_or_become_the_default);
    tcase_add_test(tests, branches_are_found);
    tcase_add_test(tests, items_are_read_one_by_one);
    tcase_add_test(tests, recursive_schemas_are_read);
    tcase_add_test(tests, a_rule_never_changes);
    tcase_set_timeout(tests, 60);
    Suite *suite = suite_create("avro_resolve");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
