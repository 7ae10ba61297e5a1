/* Rules of fields (schema/rule.h): which types they take, how a record is gone through
 * part by part, what a PUT must keep, how extremes compare. */
#include <stdlib.h>

#include "schema/avro_resolve.h"
#include "schema/seen.h"
#include "tests/unit/fields_kit.h"

static struct iso_why why;

/* ---- what a schema may say ---- */

static enum iso_err one_field(const char *type, const char *merge, bool has_default,
                              const char *fallback)
{
    char json[600];
    struct iso_avro *schema;
    struct iso_fields *fields = NULL;
    snprintf(
        json, sizeof json,
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"it\",\"type\":"
        "%s%s%s%s%s%s}]}",
        type, merge != NULL ? ",\"merge\":\"" : "", merge != NULL ? merge : "",
        merge != NULL ? "\"" : "", has_default ? ",\"default\":" : "",
        has_default ? fallback : "");
    why = (struct iso_why){0};
    ck_assert_msg(iso_avro_parse(iso_bytes_text(json), &schema, &why) == ISO_OK,
                  "%s: %s", json, why.text);
    enum iso_err err = iso_fields_new(schema, &fields, &why);
    if (err != ISO_OK)
        ck_assert_ptr_nonnull(strstr(why.text, "field it"));
    iso_fields_free(fields);
    iso_avro_free(schema);
    return err;
}

static const struct {
    const char *type, *fallback;
} types[] = {
    {"\"int\"", "0"},
    {"\"long\"", "0"},
    {"\"float\"", "0"},
    {"\"double\"", "0"},
    {"\"string\"", "\"\""},
    {"\"bytes\"", "\"\""},
    {"\"boolean\"", "false"},
    {"[\"null\",\"long\"]", "null"},
    {"{\"type\":\"array\",\"items\":\"string\"}", "[]"},
    {"{\"type\":\"array\",\"items\":\"bytes\"}", "[]"},
    {"{\"type\":\"array\",\"items\":\"int\"}", "[]"},
    {"{\"type\":\"array\",\"items\":\"long\"}", "[]"},
    {"{\"type\":\"array\",\"items\":\"double\"}", "[]"},
    {"{\"type\":\"array\",\"items\":\"boolean\"}", "[]"},
    {"{\"type\":\"map\",\"values\":\"long\"}", "{}"},
    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}", "\"a\""},
};
enum { TYPES = sizeof types / sizeof types[0] };

START_TEST(each_rule_takes_its_types_and_no_others)
{
    static const struct {
        const char *merge;
        const char *takes; /* y or n for each type above */
    } rules[] = {
        {NULL, "yyyyyyyyyyyyyyyy"},      {"lww", "yyyyyyyyyyyyyyyy"},
        {"counter", "nynnnnnnnnnnnnnn"}, {"set", "nnnnnnnnyyyynnnn"},
        {"flag", "nnnnnnynnnnnnnnn"},    {"max", "yyyyyynnnnnnnnnn"},
        {"min", "yyyyyynnnnnnnnnn"},
    };
    for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
        for (size_t t = 0; t < TYPES; t++) {
            bool takes = rules[r].takes[t] == 'y';
            enum iso_err err =
                one_field(types[t].type, rules[r].merge, true, types[t].fallback);
            ck_assert_msg(err == (takes ? ISO_OK : ISO_BAD_DATA), "%s of %s",
                          rules[r].merge, types[t].type);
            char merge[40], map[200];
            snprintf(merge, sizeof merge, "map:%s",
                     rules[r].merge != NULL ? rules[r].merge : "lww");
            snprintf(map, sizeof map, "{\"type\":\"map\",\"values\":%s}",
                     types[t].type);
            err = one_field(map, merge, false, NULL);
            ck_assert_msg(err == (takes ? ISO_OK : ISO_BAD_DATA), "%s of %s", merge,
                          map);
        }
    }
    ck_assert_int_eq(one_field(types[14].type, "map", false, NULL), ISO_OK);
    ck_assert_int_eq(one_field(types[0].type, "map", true, "0"), ISO_BAD_DATA);
}
END_TEST

START_TEST(what_a_record_can_lack_needs_a_default)
{
    static const struct {
        const char *type, *merge;
        enum iso_err want;
    } rows[] = {
        {"\"int\"", NULL, ISO_BAD_DATA},      {"\"int\"", "lww", ISO_BAD_DATA},
        {"\"int\"", "max", ISO_BAD_DATA},     {"\"int\"", "min", ISO_BAD_DATA},
        {"\"long\"", "counter", ISO_OK},      {"\"boolean\"", "flag", ISO_OK},
        {"\"int\"", "median", ISO_BAD_DATA},  {"\"int\"", "", ISO_BAD_DATA},
        {"\"int\"", "map:map", ISO_BAD_DATA},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_int_eq(one_field(rows[i].type, rows[i].merge, false, NULL),
                         rows[i].want);
    struct iso_avro *schema;
    struct iso_fields *fields;
    ck_assert_int_eq(iso_avro_parse(iso_bytes_text("\"int\""), &schema, NULL), ISO_OK);
    ck_assert_int_eq(iso_fields_new(schema, &fields, &why), ISO_BAD_DATA);
    iso_avro_free(schema);
    char name[257], json[400];
    memset(name, 'n', 256);
    name[256] = '\0';
    for (int size = 255; size <= 256; size++) {
        snprintf(json, sizeof json,
                 "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"%s\","
                 "\"type\":\"int\",\"default\":0}]}",
                 name + 256 - size);
        ck_assert_int_eq(iso_avro_parse(iso_bytes_text(json), &schema, NULL), ISO_OK);
        ck_assert_int_eq(iso_fields_new(schema, &fields, &why),
                         size == 255 ? ISO_OK : ISO_BAD_DATA);
        if (size == 255)
            iso_fields_free(fields);
        iso_avro_free(schema);
    }
}
END_TEST

START_TEST(a_counter_is_a_long_and_who_says_int_is_told)
{
    ck_assert_int_eq(one_field("\"int\"", "counter", true, "0"), ISO_BAD_DATA);
    ck_assert_str_eq(why.text,
                     "the field it of the schema, merged by counter: the rule takes a "
                     "\"long\" (a sum of ints outgrows an int): declare it so, or "
                     "give it another rule");
    ck_assert_int_eq(
        one_field("{\"type\":\"map\",\"values\":\"int\"}", "map:counter", false, NULL),
        ISO_BAD_DATA);
    ck_assert_ptr_nonnull(strstr(why.text, "takes a map of: a \"long\""));
}
END_TEST

START_TEST(a_field_is_found_by_its_name_without_allocating)
{
    struct kit_fields kit = kit_fields(KIT_USER);
    const struct iso_field *field;
    size_t n = 0;
    uint64_t before = iso_mem_count();
    for (; (field = iso_fields_at(kit.fields, n)) != NULL; n++)
        ck_assert_ptr_eq(iso_fields_find(kit.fields, iso_bytes_text(field->name)),
                         field);
    ck_assert_uint_eq(n, 11);
    static const char *const others[] = {"", "nam", "name2", "NAME", "zzz", "visit"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_ptr_null(iso_fields_find(kit.fields, iso_bytes_text(others[i])));
    ck_assert_uint_eq(iso_mem_count(), before);
    kit_fields_free(&kit);
}
END_TEST

/* ---- the walk ---- */

static void walk_text(const struct kit_fields *kit, struct iso_bytes datum,
                      struct iso_buf *text)
{
    struct iso_fields_walk walk = iso_fields_walk(kit->fields, datum);
    struct iso_fields_part part;
    iso_buf_clear(text);
    while (iso_fields_next(&walk, &part)) {
        iso_path_text(&part.path, text);
        iso_buf_print(text, "=");
        iso_hex_encode(text, part.datum);
        iso_buf_print(text, " ");
    }
    ck_assert(!iso_fields_next(&walk, &part));
    ck_assert(iso_avro_done(&walk.cursor));
}

START_TEST(a_record_is_gone_through_part_by_part)
{
    struct kit_fields kit = kit_fields(KIT_USER);
    struct iso_buf datum = {0}, text = {0};
    walk_text(&kit,
              kit_datum(&kit,
                        "{\"name\":\"A\",\"tags\":[\"x\",\"y\"],\"visits\":3,"
                        "\"vip\":true,\"last\":7,\"first\":0.5,\"notes\":{\"k\":\"v\"},"
                        "\"cart\":{\"a\":1},\"groups\":{\"g\":[1,2],\"h\":[]},"
                        "\"flags\":{\"f\":false},\"tops\":{\"t\":9}}",
                        &datum),
              &text);
    ck_assert_str_eq(iso_buf_text(&text),
                     "name=0241 tags{\\x02x}=0278 tags{\\x02y}=0279 visits=06 "
                     "vip=01 last=0e first=000000000000e03f notes[\"k\"]=0276 "
                     "cart[\"a\"]=02 groups[\"g\"]{\\x02}=02 groups[\"g\"]{\\x04}=04 "
                     "flags[\"f\"]=00 tops[\"t\"]=12 ");
    walk_text(&kit,
              kit_datum(&kit,
                        "{\"name\":\"\",\"tags\":[],\"visits\":0,\"vip\":"
                        "false,\"last\":0,\"first\":0,\"notes\":{},\"cart\":{},"
                        "\"groups\":{},\"flags\":{},\"tops\":{}}",
                        &datum),
              &text);
    ck_assert_str_eq(iso_buf_text(&text), "name=00 visits=00 vip=00 last=00 "
                                          "first=0000000000000000 ");
    iso_buf_release(&datum);
    iso_buf_release(&text);
    kit_fields_free(&kit);
}
END_TEST

#define KIT_GROUPS                                                               \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"g\",\"merge\":" \
    "\"map:set\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\","     \
    "\"items\":\"int\"}}},{\"name\":\"z\",\"merge\":\"counter\",\"type\":\"long\"}]}"

START_TEST(blocks_make_no_difference_to_the_walk)
{
    struct kit_fields kit = kit_fields(KIT_GROUPS);
    struct iso_buf text = {0};
    /* Two blocks of one member; in the second two blocks of elements, one with size. */
    static const uint8_t datum[] = {0x02, 0x02, 'a',  0x02, 0x02, 0x00, 0x01,
                                    0x14, 0x02, 'b',  0x02, 0x04, 0x03, 0x04,
                                    0x06, 0x08, 0x00, 0x00, 0x0a};
    struct iso_bytes bytes = iso_bytes(datum, sizeof datum);
    struct iso_buf fixed = {0};
    iso_buf_add_bytes(&fixed, bytes);
    fixed.data[7] = 2 * 9; /* of the second block: "b" and its set */
    ck_assert_msg(iso_avro_check(kit.schema, iso_buf_bytes(&fixed), &why) == ISO_OK,
                  "%s", why.text);
    walk_text(&kit, iso_buf_bytes(&fixed), &text);
    ck_assert_str_eq(iso_buf_text(&text),
                     "g[\"a\"]{\\x02}=02 g[\"b\"]{\\x04}=04 g[\"b\"]{\\x06}=06 "
                     "g[\"b\"]{\\x08}=08 z=0a ");
    iso_buf_release(&fixed);
    iso_buf_release(&text);
    kit_fields_free(&kit);
}
END_TEST

/* ---- what a PUT must keep ---- */

#define KIT_SET(type)                                                            \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"s\",\"merge\":" \
    "\"set\",\"type\":{\"type\":\"array\",\"items\":\"" type "\"}}]}"
#define KIT_MAP                                                                  \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"m\",\"merge\":" \
    "\"map\",\"type\":{\"type\":\"map\",\"values\":\"null\"}}]}"

static enum iso_err put_checked(const struct kit_fields *kit, struct iso_buf *datum)
{
    why = (struct iso_why){0};
    enum iso_err err = iso_avro_check(kit->schema, iso_buf_bytes(datum), &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    err = iso_fields_check_put(kit->fields, iso_buf_bytes(datum), false, &why);
    ck_assert(err == ISO_OK || (why.err == err && why.text[0] != '\0'));
    iso_buf_clear(datum);
    return err;
}

START_TEST(elements_and_members_have_a_longest_and_one_form)
{
    struct kit_fields texts = kit_fields(KIT_SET("string"));
    struct kit_fields numbers = kit_fields(KIT_SET("long"));
    struct kit_fields map = kit_fields(KIT_MAP);
    struct iso_buf datum = {0};
    char *text = calloc(1, ISO_ELEMENT_MAX + 1);
    memset(text, 'e', ISO_ELEMENT_MAX);
    for (int more = 0; more < 2; more++) {
        /* Its length takes three bytes. */
        iso_avro_add_long(&datum, 1);
        iso_avro_add_bytes(&datum,
                           iso_bytes(text, (size_t)(ISO_ELEMENT_MAX - 3 + more)));
        iso_avro_add_long(&datum, 0);
        ck_assert_int_eq(put_checked(&texts, &datum), more ? ISO_BAD_DATA : ISO_OK);
        iso_avro_add_long(&datum, 1);
        iso_avro_add_bytes(&datum, iso_bytes(text, (size_t)(ISO_MEMBER_MAX + more)));
        iso_avro_add_long(&datum, 0);
        ck_assert_int_eq(put_checked(&map, &datum), more ? ISO_BAD_DATA : ISO_OK);
    }
    static const uint8_t longs[][4] = {{2, 0x82, 0x00, 0}, {2, 0x82, 0x01, 0}};
    for (int i = 0; i < 2; i++) { /* 1 in two bytes; 65 */
        iso_buf_add(&datum, longs[i], 4);
        ck_assert_int_eq(put_checked(&numbers, &datum), i == 0 ? ISO_BAD_DATA : ISO_OK);
    }
    iso_buf_add(&datum, "\2\x82\0x\0", 5);
    ck_assert_int_eq(put_checked(&texts, &datum), ISO_BAD_DATA);
    free(text);
    iso_buf_release(&datum);
    kit_fields_free(&texts);
    kit_fields_free(&numbers);
    kit_fields_free(&map);
}
END_TEST

START_TEST(a_map_names_no_member_twice)
{
    struct kit_fields map = kit_fields(KIT_MAP);
    struct iso_buf datum = {0};
    static const int counts[] = {1,   2, 3, 100, ISO_MEMBERS_FEW, ISO_MEMBERS_FEW + 1,
                                 5000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (int twice = -1; twice < counts[i]; twice += 1 + counts[i] / 3) {
            char name[20];
            iso_avro_add_long(&datum, counts[i] + (twice >= 0));
            for (int n = 0; n < counts[i]; n++) {
                snprintf(name, sizeof name, "m%d", n * 7919 % 100003);
                iso_avro_add_text(&datum, name);
            }
            snprintf(name, sizeof name, "m%d", twice * 7919 % 100003);
            if (twice >= 0)
                iso_avro_add_text(&datum, name);
            iso_avro_add_long(&datum, 0);
            uint64_t before = iso_mem_count();
            ck_assert_int_eq(put_checked(&map, &datum),
                             twice >= 0 ? ISO_BAD_DATA : ISO_OK);
            if (counts[i] <= ISO_MEMBERS_FEW && twice < 0)
                ck_assert_uint_eq(iso_mem_count(), before);
        }
    }
    iso_buf_release(&datum);
    kit_fields_free(&map);
}
END_TEST

START_TEST(extremes_do_not_expire_and_counters_are_not_put_blind)
{
    struct kit_fields kit = kit_fields(KIT_USER), plain = kit_fields(KIT_SET("int"));
    struct iso_buf datum = {0};
    static const char *const user = "{\"name\":\"\",\"tags\":[],\"visits\":%d,"
                                    "\"vip\":true,\"last\":0,\"first\":0,\"notes\":{},"
                                    "\"cart\":{\"a\":%d},\"groups\":{},\"flags\":{},"
                                    "\"tops\":{}}";
    char json[400];
    for (int i = 0; i < 4; i++) {
        snprintf(json, sizeof json, user, i & 1, i & 2);
        struct iso_bytes bytes = kit_datum(&kit, json, &datum);
        ck_assert_int_eq(iso_fields_check_put(kit.fields, bytes, false, &why), ISO_OK);
        ck_assert_int_eq(iso_fields_check_put(kit.fields, bytes, true, &why),
                         ISO_BAD_DATA);
        ck_assert_ptr_nonnull(strstr(why.text, "last"));
        ck_assert_int_eq(iso_fields_check_blind(kit.fields, bytes, &why),
                         i == 0 ? ISO_OK : ISO_BAD_DATA);
    }
    kit_datum(&plain, "{\"s\":[1,1]}", &datum);
    ck_assert_int_eq(
        iso_fields_check_put(plain.fields, iso_buf_bytes(&datum), true, &why), ISO_OK);
    iso_buf_release(&datum);
    kit_fields_free(&kit);
    kit_fields_free(&plain);
}
END_TEST

/* ---- comparing ---- */

#define KIT_MAX(type, fallback)                                                  \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"merge\":" \
    "\"max\",\"type\":\"" type "\",\"default\":" fallback "}]}"

/* Data in ascending order. */
static void ascending(const char *schema, struct iso_buf *data, size_t count)
{
    struct kit_fields kit = kit_fields(schema);
    const struct iso_field *field = iso_fields_at(kit.fields, 0);
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            int order = iso_field_compare(kit.fields, field, iso_buf_bytes(&data[a]),
                                          iso_buf_bytes(&data[b]));
            ck_assert_msg((order > 0) - (order < 0) == (a > b) - (a < b),
                          "%s: %zu and %zu give %d", schema, a, b, order);
        }
    }
    for (size_t i = 0; i < count; i++)
        iso_buf_release(&data[i]);
    kit_fields_free(&kit);
}

static void little(struct iso_buf *buf, uint64_t bits, size_t size)
{
    for (size_t i = 0; i < size; i++)
        iso_buf_add_u8(buf, (uint8_t)(bits >> 8 * i));
}

START_TEST(extremes_are_in_a_total_order)
{
    static const int64_t longs[] = {INT64_MIN, -65, -64, -1, 0, 1, 63, 64, INT64_MAX};
    struct iso_buf data[12] = {0};
    for (size_t i = 0; i < 9; i++)
        iso_avro_add_long(&data[i], longs[i]);
    ascending(KIT_MAX("long", "0"), data, 9);
    for (size_t i = 1; i < 8; i++)
        iso_avro_add_long(&data[i - 1], longs[i]);
    ascending(KIT_MAX("int", "0"), data, 7);
    static const char *const texts[] = {"", "a", "aa", "ab", "b", "\xc3\xa9"};
    for (size_t i = 0; i < 6; i++)
        iso_avro_add_text(&data[i], texts[i]);
    ascending(KIT_MAX("string", "\"\""), data, 6);
    /* -inf, -1, smallest below 0, -0, 0, smallest, 1, inf, then NaNs by their bits */
    static const uint32_t floats[] = {0xff800000, 0xbf800000, 0x80000001, 0x80000000,
                                      0x00000000, 0x00000001, 0x3f800000, 0x7f800000,
                                      0x7f800001, 0x7fc00000, 0xff800001, 0xffffffff};
    static const uint64_t doubles[] = {
        0xfff0000000000000, 0xbff0000000000000, 0x8000000000000001, 0x8000000000000000,
        0x0000000000000000, 0x0000000000000001, 0x3ff0000000000000, 0x7ff0000000000000,
        0x7ff0000000000001, 0x7ff8000000000000, 0xfff0000000000001, 0xffffffffffffffff};
    for (size_t i = 0; i < 12; i++)
        little(&data[i], floats[i], 4);
    ascending(KIT_MAX("float", "0"), data, 12);
    for (size_t i = 0; i < 12; i++)
        little(&data[i], doubles[i], 8);
    ascending(KIT_MAX("double", "0"), data, 12);
}
END_TEST

/* ---- what never changes ---- */

static enum iso_err same(const char *one, const char *other)
{
    struct iso_avro *schemas[2];
    for (int i = 0; i < 2; i++) {
        char json[400];
        snprintf(
            json, sizeof json,
            "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"it\",%s}]}",
            i == 0 ? one : other);
        ck_assert_msg(iso_avro_parse(iso_bytes_text(json), &schemas[i], &why) == ISO_OK,
                      "%s: %s", json, why.text);
    }
    enum iso_err err = iso_avro_same_rules(schemas[0], schemas[1], &why);
    ck_assert_int_eq(iso_avro_same_rules(schemas[1], schemas[0], NULL), err);
    iso_avro_free(schemas[0]);
    iso_avro_free(schemas[1]);
    return err;
}

#define ARRAY(items) "\"type\":{\"type\":\"array\",\"items\":\"" items "\"}"
#define MAP(values) "\"type\":{\"type\":\"map\",\"values\":\"" values "\"}"

START_TEST(neither_a_rule_nor_the_type_under_it_changes)
{
    static const struct {
        const char *one, *other;
        enum iso_err want;
    } rows[] = {
        {"\"type\":\"int\"", "\"type\":\"string\"", ISO_OK},
        {"\"type\":\"int\"", "\"type\":\"int\",\"merge\":\"lww\"", ISO_OK},
        {"\"type\":\"int\"", "\"type\":\"int\",\"merge\":\"max\"", ISO_INCOMPATIBLE},
        {"\"type\":\"int\",\"merge\":\"max\"", "\"type\":\"long\",\"merge\":\"max\"",
         ISO_OK},
        {"\"type\":\"int\",\"merge\":\"max\"", "\"type\":\"double\",\"merge\":\"max\"",
         ISO_INCOMPATIBLE},
        {"\"type\":\"bytes\",\"merge\":\"min\"",
         "\"type\":\"string\",\"merge\":\"min\"", ISO_INCOMPATIBLE},
        {ARRAY("int") ",\"merge\":\"set\"", ARRAY("long") ",\"merge\":\"set\"", ISO_OK},
        {ARRAY("int") ",\"merge\":\"set\"", ARRAY("bytes") ",\"merge\":\"set\"",
         ISO_INCOMPATIBLE},
        {MAP("int") ",\"merge\":\"map\"", MAP("string") ",\"merge\":\"map:lww\"",
         ISO_OK},
        {MAP("int") ",\"merge\":\"map:counter\"",
         MAP("long") ",\"merge\":\"map:counter\"", ISO_OK},
        {MAP("int") ",\"merge\":\"map:max\"", MAP("float") ",\"merge\":\"map:max\"",
         ISO_INCOMPATIBLE},
        {MAP("int") ",\"merge\":\"map:max\"", MAP("int") ",\"merge\":\"map\"",
         ISO_INCOMPATIBLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(same(rows[i].one, rows[i].other) == rows[i].want, "%s and %s",
                      rows[i].one, rows[i].other);
        if (rows[i].want != ISO_OK)
            ck_assert_ptr_nonnull(strstr(why.text, "name"));
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("rule");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, each_rule_takes_its_types_and_no_others);
    tcase_add_test(tests, what_a_record_can_lack_needs_a_default);
    tcase_add_test(tests, a_counter_is_a_long_and_who_says_int_is_told);
    tcase_add_test(tests, a_field_is_found_by_its_name_without_allocating);
    tcase_add_test(tests, a_record_is_gone_through_part_by_part);
    tcase_add_test(tests, blocks_make_no_difference_to_the_walk);
    tcase_add_test(tests, elements_and_members_have_a_longest_and_one_form);
    tcase_add_test(tests, a_map_names_no_member_twice);
    tcase_add_test(tests, extremes_do_not_expire_and_counters_are_not_put_blind);
    tcase_add_test(tests, extremes_are_in_a_total_order);
    tcase_add_test(tests, neither_a_rule_nor_the_type_under_it_changes);
    Suite *suite = suite_create("rule");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
