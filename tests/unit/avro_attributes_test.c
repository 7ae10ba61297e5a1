/* Defaults, aliases, enum defaults and merge rules as the parser keeps them
 * (schema/avro_node.h); what of them is refused; and that no schema of 1 MiB, however
 * hostile, costs more than its length. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "schema/avro_node.h"
#include "schema/avro_parser.h"
#include "tests/unit/schema_text.h"

/* The last field of the record at the top. */
static const struct iso_avro_edge *last_field(const struct iso_avro *schema)
{
    const struct iso_avro_node *root = &schema->nodes[schema->root];
    ck_assert_int_eq(root->kind, ISO_AVRO_RECORD);
    return &schema->edges[root->first + root->count - 1];
}

#define OF(type, fallback) RECORD("R", FIELD_OR("f", type, fallback))
#define NESTED(fallback)                                                       \
    RECORD("R", FIELD_OR("f",                                                  \
                         RECORD("S", FIELD_OR("a", "'int'", "7") "," FIELD_OR( \
                                         "b", "['null','string']",             \
                                         "'x'") "," FIELD("c", "'boolean'")),  \
                         fallback))

static const struct {
    const char *schema, *hex;
} kept[] = {
    {OF("'null'", "null"), ""},
    {OF("'boolean'", "true"), "01"},
    {OF("'int'", "-1"), "01"},
    {OF("'long'", "-9223372036854775808"), "ffffffffffffffffff01"},
    {OF("'float'", "1"), "0000803f"},
    {OF("'double'", "'NaN'"), "000000000000f87f"},
    {OF("'bytes'", "'\\u00ff\\u0000'"), "04ff00"},
    {OF("'string'", "'\\u0000'"), "0200"},
    {OF(FIXED("F", "2"), "'ab'"), "6162"},
    {OF(ENUM("E", "'A','B'"), "'B'"), "02"},
    {OF(ARRAY("'int'"), "[]"), "00"},
    {OF(ARRAY("'int'"), "[1,2]"), "04020400"},
    {OF(MAP("'int'"), "{'a':1}"), "0202610200"},
    /* Of a union, the first branch that takes it. */
    {OF("['null','string']", "null"), "00"},
    {OF("['string','null']", "'x'"), "000278"},
    {OF("['null','string']", "'x'"), "020278"},
    {OF("['int','long','double']", "1"), "0002"},
    {OF("['int','long','double']", "3000000000"), "0280f882ad16"},
    {OF("['int','long','double']", "0.5"), "04000000000000e03f"},
    {OF("['bytes','string']", "'\xc4\x80'"), "0204c480"},
    {OF("['null'," ARRAY("['int','string']") "]", "[1,'a',2]"), "0206000202026100040"
                                                                "0"},
    {OF("[" RECORD("A", FIELD("x", "'int'")) "," RECORD("B", FIELD("y", "'int'")) "]",
        "{'y':1}"),
     "0202"},
    /* What a record's default leaves out takes its own. */
    {NESTED("{'c':true}"), "0e02027801"},
    {NESTED("{'c':false,'b':null,'a':1}"), "020000"},
    /* Also when that stands behind it, and through a recursion that ends. */
    {RECORD("R", FIELD_OR("n", "['null','R']", "null") "," FIELD_OR("f", "['null','R']",
                                                                    "{'f':null}")),
     "020000"},
    {RECORD("R", FIELD_OR("f", ARRAY("'R'"), "[{'f':[]},{'f':[{'f':[]}]}]")),
     "040002000000"},
    {RECORD("R",
            FIELD("s", RECORD("S", FIELD_OR("t", "['null','R']", "null"))) "," FIELD_OR(
                "f", "'S'", "{}")),
     "00"},
};

START_TEST(defaults_are_kept_as_data)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        struct iso_avro *schema = schema_parse(kept[i].schema);
        const struct iso_avro_edge *field = last_field(schema);
        struct iso_buf hex = {0};
        ck_assert(field->has_fallback);
        iso_hex_encode(&hex, iso_avro_fallback(schema, field));
        ck_assert_msg(strcmp(iso_buf_text(&hex), kept[i].hex) == 0, "%s: %s",
                      kept[i].schema, iso_buf_text(&hex));
        iso_buf_release(&hex);
        iso_avro_free(schema);
    }
    struct iso_avro *none = schema_parse(RECORD("R", FIELD("f", "'null'")));
    ck_assert(!last_field(none)->has_fallback);
    iso_avro_free(none);
}
END_TEST

START_TEST(aliases_and_rules_are_kept_by_their_names)
{
    struct iso_avro *schema = schema_parse(
        "{'type':'record','name':'n.R','aliases':['Old','m.Older','R'],'fields':["
        "{'name':'e','type':{'type':'enum','name':'E','namespace':'o','aliases':['D'],"
        "'symbols':['A','B'],'default':'B'}},"
        "{'name':'f','type':'o.E','aliases':['g','h'],'merge':'max'}]}");
    static const char *const expected[] = {"n.Old", "m.Older", "n.R"};
    const struct iso_avro_node *root = &schema->nodes[schema->root];
    ck_assert_uint_eq(root->aliases.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_str_eq(
            iso_avro_name(schema, schema->aliases[root->aliases.first + i]),
            expected[i]);
    const struct iso_avro_edge *field = last_field(schema);
    ck_assert_uint_eq(field->aliases.count, 2);
    ck_assert_str_eq(iso_avro_name(schema, schema->aliases[field->aliases.first + 1]),
                     "h");
    ck_assert_str_eq(iso_avro_name(schema, field->merge), "max");
    ck_assert_uint_eq(schema->edges[root->first].merge, 0);
    const struct iso_avro_node *symbols = &schema->nodes[field->node];
    ck_assert_uint_eq(symbols->symbol, 2);
    ck_assert_uint_eq(root->symbol, 0);
    ck_assert_str_eq(iso_avro_name(schema, schema->aliases[symbols->aliases.first]),
                     "o.D");
    iso_avro_free(schema);
}
END_TEST

START_TEST(schemas_that_others_write_are_taken)
{
    static const char *const schemas[] = {
        "{'type':{'type':{'type':'int'}}}",
        "{'type':['null',{'type':'int'}]}",
        "[]",
        ENUM("E", ""),
        "{'type':'error','name':'E','fields':[]}",
        "{'type':'record','name':'R','namespace':null,'fields':[]}",
        "{'type':'record','name':'R','namespace':'','fields':[]}",
        "{'type':'record','name':'R','aliases':['R'],'fields':[]}",
        "{'type':'int','logicalType':'date','default':'not looked at'}",
        OF("{'type':'bytes','logicalType':'decimal','precision':4}", "'\\u0001'"),
    };
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++)
        iso_avro_free(schema_parse(schemas[i]));
}
END_TEST

static enum iso_err parse(const char *text, size_t size, struct iso_why *why)
{
    struct iso_avro *schema = NULL;
    enum iso_err err = iso_avro_parse(iso_bytes(text, size), &schema, why);
    iso_avro_free(schema);
    return err;
}

static const struct {
    const char *schema, *words;
} wrong[] = {
    {OF("'int'", "'1'"), "wrong at R.f: its default: the top: a string stands "
                         "there, wanted is int"},
    {OF("'null'", "0"), "R.f: its default: the top: the integer 0"},
    {OF("['null','string']", "1"),
     "the integer 1 stands there, wanted is a value of a union of null, string"},
    {OF("['null']", "1"), "the integer 1 stands there, wanted is null"},
    {OF("[]", "null"), "nothing, since it is empty"},
    {OF("'float'", "1e39"), "does not reach so far"},
    {OF(FIXED("F", "2"), "'abc'"), "the fixed F"},
    {OF(ENUM("E", "'A'"), "'Z'"), "\"Z\" stands there"},
    {OF(ARRAY("'int'"), "[0,'x']"), "field [1]: a string"},
    {OF(MAP(ARRAY("'int'")), "{'k':[null]}"), "field [\"k\"][0]: null"},
    {NESTED("{}"), "field c: it is left out, and the record S gives it no default"},
    {NESTED("{'c':true,'d':1}"), "field d: the record S has no such field"},
    {NESTED("{'c':true,'a':'x'}"), "field a: a string"},
    /* R's default has an S, whose default has an R … */
    {RECORD("R", FIELD_OR("f", "'R'", "{}")),
     "R.f: its default: field f: the default contains itself without end"},
    {RECORD("R", FIELD_OR("f", RECORD("S", FIELD_OR("g", "'R'", "{}")), "{}")),
     "contains itself"},
    {"{'type':'record','name':'R','aliases':'S','fields':[]}", "R: what is no array"},
    {"{'type':'record','name':'R','aliases':null,'fields':[]}", "no array"},
    {"{'type':'record','name':'R','aliases':[7],'fields':[]}",
     "R: not an alias: (no text)"},
    {"{'type':'record','name':'R','aliases':['a-b'],'fields':[]}", "a-b"},
    {"{'type':'record','name':'R','aliases':['a\\u0000b'],'fields':[]}", "no text"},
    {"{'type':'record','name':'R','fields':[{'name':'f','type':'int','aliases':"
     "['a.b']}]}",
     "R.f: not an alias: a.b"},
    {"{'type':'record','name':'R','fields':[{'name':'f','type':'int','merge':1}]}",
     "R.f: what is no text is merge"},
    {"{'type':'enum','name':'E','symbols':['A'],'default':'B'}",
     "E: the default is none of the enum's symbols: B"},
    {"{'type':'enum','name':'E','symbols':['A'],'default':null}", "(no text)"},
    {"{'type':'enum','name':'E','symbols':['A\\u0000']}", "not a symbol"},
    {"{'type':'fixed','name':'F\\u0000','size':1}", "not the name of a type"},
    {"'int\\u0000'", "a type is"},
    {"{'type':7}", "type"},
    {"{'type':{'type':{'typ':'int'}}}", "type"},
    {"['int',{'type':['null']}]", "a union stands in a union"},
};

START_TEST(wrong_attributes_are_refused_with_the_place_and_the_reason)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[600];
        snprintf(text, sizeof text, "%s", wrong[i].schema);
        for (char *c = text; *c != '\0'; c++)
            *c = *c == '\'' ? '"' : *c;
        struct iso_why why = {0};
        ck_assert_msg(parse(text, strlen(text), &why) == ISO_BAD_DATA, "%s", text);
        ck_assert_msg(strstr(why.text, wrong[i].words) != NULL, "%s: %s", text,
                      why.text);
        ck_assert_int_eq(parse(text, strlen(text), NULL), ISO_BAD_DATA);
    }
}
END_TEST

/* ---- hostile ---- */

static void print_plain(struct iso_buf *text, const char *part)
{
    for (; *part != '\0'; part++)
        iso_buf_add_u8(text, *part == '\'' ? '"' : (uint8_t)*part);
}

/* Before, as many of `part` with a number for its %d as fit into 1 MiB, behind. */
static struct iso_buf filled(const char *before, const char *part, const char *behind)
{
    struct iso_buf text = {0};
    print_plain(&text, before);
    for (int i = 0; text.size + 200 + strlen(behind) < 1 << 20; i++) {
        char one[400];
        snprintf(one, sizeof one, part, i);
        if (i > 0)
            iso_buf_add_u8(&text, ',');
        print_plain(&text, one);
    }
    print_plain(&text, behind);
    return text;
}

/* A bound on processor time that what costs the square of its length is far beyond, and
 * a slow machine with sanitizers is not. */
static void cheap(struct iso_buf *text, const char *words)
{
    clock_t before = clock();
    struct iso_why why = {0};
    enum iso_err err = parse(iso_buf_text(text), text->size, &why);
    double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    if (words == NULL)
        ck_assert_msg(err == ISO_OK, "%s", why.text);
    else
        ck_assert_msg(err == ISO_BAD_DATA && strstr(why.text, words) != NULL, "%s: %s",
                      words, why.text);
    ck_assert_msg(seconds < 20, "%.1f s: %.80s", seconds, iso_buf_text(text));
    iso_buf_release(text);
}

START_TEST(names_that_repeat_a_long_namespace_are_bounded)
{
    char space[1000], before[1200];
    memset(space, 'a', sizeof space);
    static const int lengths[] = {400, 520};
    for (size_t i = 0; i < 2; i++) {
        snprintf(before, sizeof before, "{'type':'record','name':'%.*s.R','aliases':[",
                 lengths[i], space);
        struct iso_buf text = filled(before, "'b%d'", "],'fields':[]}");
        cheap(&text, i == 0 ? "4 MiB" : "longer than 512 bytes");
        snprintf(before, sizeof before, "{'type':'record','name':'%.*s.R','fields':[",
                 lengths[i], space);
        text = filled(before, "{'name':'f%d','type':['null','R']}", "]}");
        cheap(&text, i == 0 ? NULL : "longer than 512 bytes");
    }
}
END_TEST

/* Each of 30 records has two of the next: 2^30 longs, nulls, or trials of branches. */
static void doubling(const char *type, const char *fallback, const char *words)
{
    struct iso_buf text = {0};
    for (int i = 0; i < 30; i++) {
        char one[200];
        snprintf(one, sizeof one,
                 "{'type':'record','name':'R%d','fields':[{'name':'a','type':", i);
        print_plain(&text, one);
    }
    print_plain(&text, type);
    for (int i = 30; i > 0; i--) {
        const char *own = i == 30 ? fallback : "{}";
        char one[200], name[20] = "", *rest = one;
        snprintf(name, sizeof name, "'R%d'", i);
        snprintf(rest, sizeof one,
                 ",'default':%s},{'name':'b','type':%s,'default':%s}]}", own,
                 i == 30 ? type : name, own);
        print_plain(&text, one);
    }
    cheap(&text, words);
}

START_TEST(defaults_that_double_are_bounded)
{
    doubling("'string'",
             "'0123456789012345678901234567890123456789012345678901234567890123'",
             "longer than 1 MiB");
    doubling("'null'", "null", "too many parts");
}
END_TEST

START_TEST(defaults_of_many_fields_and_branches_are_cheap)
{
    struct iso_buf text = filled("{'type':'record','name':'R','fields':[",
                                 "{'name':'f%d','type':'int','default':7}", "]}");
    cheap(&text, NULL);
    /* Many records as branches, each of which takes almost all of a default. */
    struct iso_buf items = {0};
    for (int i = 0; i < 60000; i++)
        iso_buf_print(&items, "1,");
    struct iso_buf behind = {0};
    iso_buf_print(&behind, "],'default':{'m':[%s'x']}}]}", iso_buf_text(&items));
    text = filled("{'type':'record','name':'R','fields':[{'name':'f','type':[",
                  "{'type':'record','name':'B%d','fields':[{'name':'m','type':"
                  "{'type':'array','items':'int'}}]}",
                  iso_buf_text(&behind));
    cheap(&text, "too many parts");
    /* A large enum, whose last symbol a long array repeats. */
    iso_buf_clear(&items);
    iso_buf_clear(&behind);
    for (int i = 0; i < 60000; i++)
        iso_buf_print(&items, "'Z',");
    iso_buf_print(&behind, ",'Z']}},'default':[%s'Z']}]}", iso_buf_text(&items));
    text = filled("{'type':'record','name':'R','fields':[{'name':'f','type':"
                  "{'type':'array','items':{'type':'enum','name':'E','symbols':[",
                  "'s%d'", iso_buf_text(&behind));
    cheap(&text, "too many parts");
    iso_buf_release(&items);
    iso_buf_release(&behind);
}
END_TEST

/* Unions in unions of records: each level may be tried as any of six. */
START_TEST(branches_in_branches_are_not_tried_for_ever)
{
    struct iso_buf text = {0};
    print_plain(&text, "{'type':'record','name':'R','fields':[{'name':'f','type':[");
    for (int i = 0; i < 6; i++) {
        char one[200];
        snprintf(one, sizeof one,
                 "%s{'type':'record','name':'B%d','fields':[{'name':'x','type':"
                 "['null','B0'%s]}]}",
                 i > 0 ? "," : "", i, i == 0 ? "" : ",'B1'");
        print_plain(&text, one);
    }
    print_plain(&text, "],'default':");
    for (int i = 0; i < 40; i++)
        print_plain(&text, "{'x':");
    print_plain(&text, "7");
    for (int i = 0; i < 40; i++)
        print_plain(&text, "}");
    print_plain(&text, "}]}");
    cheap(&text, "R.f: its default: ");
}
END_TEST

START_TEST(a_default_is_as_deep_as_a_datum_may_be)
{
    static const int levels[] = {62, 63, 64, 1000};
    for (size_t i = 0; i < 4; i++) {
        struct iso_buf text = {0};
        print_plain(&text, "{'type':'record','name':'R','fields':[{'name':'f','type':"
                           "{'type':'record','name':'L','fields':[{'name':'n','type':"
                           "['null','L']}]},'default':");
        for (int level = 0; level < levels[i]; level++)
            print_plain(&text, "{'n':");
        print_plain(&text, "{'n':null}");
        for (int level = 0; level < levels[i]; level++)
            print_plain(&text, "}");
        print_plain(&text, "}]}");
        cheap(&text, levels[i] < 64 ? NULL : "64 deep");
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("avro_attributes");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, defaults_are_kept_as_data);
    tcase_add_test(tests, aliases_and_rules_are_kept_by_their_names);
    tcase_add_test(tests, schemas_that_others_write_are_taken);
    tcase_add_test(tests, wrong_attributes_are_refused_with_the_place_and_the_reason);
    tcase_add_test(tests, names_that_repeat_a_long_namespace_are_bounded);
    tcase_add_test(tests, defaults_that_double_are_bounded);
    tcase_add_test(tests, defaults_of_many_fields_and_branches_are_cheap);
    tcase_add_test(tests, branches_in_branches_are_not_tried_for_ever);
    tcase_add_test(tests, a_default_is_as_deep_as_a_datum_may_be);
    Suite *suite = suite_create("avro_attributes");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
