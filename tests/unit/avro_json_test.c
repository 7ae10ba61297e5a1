/* JSON into data (iso_avro_from_json): what is taken and what is refused with which
 * words, and that it is the inverse of iso_avro_to_json over random schemas and data.
 */
#include <float.h>
#include <math.h>

#include "base/mem.h"
#include "schema/write.h"
#include "tests/unit/avro_draw.h"
#include "tests/unit/schema_text.h"

enum { SCHEMAS = 400, DATA = 10, NUMBERS = 4000, SEED = 90210 };

/* Into a buffer that has something before: it stays. What is taken passes the walk. */
static enum iso_err take(const struct iso_avro *schema, struct iso_bytes json,
                         struct iso_buf *datum, struct iso_why *why)
{
    struct iso_buf buf = {0};
    iso_buf_add(&buf, "before", 6);
    enum iso_err err = iso_avro_from_json(schema, json, &buf, why);
    ck_assert(iso_bytes_begins(iso_buf_bytes(&buf), iso_bytes_text("before")));
    iso_buf_clear(datum);
    iso_buf_add(datum, buf.data + 6, buf.size - 6);
    iso_buf_release(&buf);
    if (err == ISO_OK)
        ck_assert_int_eq(iso_avro_check(schema, iso_buf_bytes(datum), NULL), ISO_OK);
    else
        ck_assert(datum->size == 0 && err == ISO_BAD_DATA && why->text[0] != '\0');
    return err;
}

static struct iso_buf quoted(const char *text)
{
    struct iso_buf json = {0};
    for (; *text != '\0'; text++)
        iso_buf_add_u8(&json, *text == '\'' ? '"' : (uint8_t)*text);
    return json;
}

#define CART                                                      \
    RECORD("shop.Cart",                                           \
           FIELD("id", "'long'") "," FIELD_OR(                    \
               "note", "['null','string']",                       \
               "null") "," FIELD("cart",                          \
                                 MAP("'long'")) "," FIELD("next", \
                                                          "['null','shop.Cart']"))

static const struct {
    const char *schema, *json, *hex;
} taken[] = {
    {"'null'", "null", ""},
    {"'boolean'", "true", "01"},
    {"'int'", "-2147483648", "ffffffff0f"},
    {"'long'", "9223372036854775807", "feffffffffffffffff01"},
    {"'long'", " -9223372036854775808 ", "ffffffffffffffffff01"},
    {"'float'", "1.5", "0000c03f"},
    {"'float'", "3", "00004040"},
    {"'float'", "0.1", "cdcccc3d"},
    {"'float'", "'-Infinity'", "000080ff"},
    {"'double'", "-0.0", "0000000000000080"},
    {"'double'", "9007199254740993", "0000000000004043"},
    {"'double'", "'NaN'", "000000000000f87f"},
    {"'bytes'", "'\\u0000\xc3\xbf\x7f\xc2\x80'", "0800ff7f80"},
    {"'string'", "'a\\u0000b'", "06610062"},
    {"'string'", "'NaN'", "064e614e"},
    {FIXED("F", "2"), "'A\xc3\x80'", "41c0"},
    {FIXED("F", "0"), "''", ""},
    {ENUM("E", "'A','B'"), "'B'", "02"},
    {ARRAY("'int'"), "[]", "00"},
    {ARRAY("'int'"), "[1,-1]", "04020100"},
    {MAP("'int'"), "{'b':1,'a':2}",
     "04026202026104"
     "00"},
    {"['null','string','long']", "null", "00"},
    {"['null','string','long']", "{'string':'x'}", "020278"},
    {"['null'," MAP("['null','int']") "]", "{'map':{'a':{'int':1}}}", "02020261020200"},
    {"[" RECORD("n.R", "") ",'null']", "{'n.R':{}}", "00"},
    {RECORD("R", ""), "{}", ""},
    {CART, "{'next':null,'cart':{},'id':1}", "02000000"},
    {CART,
     "{'id':1,'note':{'string':'n'},'cart':{'a':5},'next':{'shop.Cart':"
     "{'id':2,'cart':{},'next':null}}}",
     "0202026e0202610a000204000000"},
};

START_TEST(json_that_is_a_datum_is_taken)
{
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        struct iso_avro *schema = schema_parse(taken[i].schema);
        struct iso_buf json = quoted(taken[i].json), datum = {0}, hex = {0};
        struct iso_why why;
        if (take(schema, iso_buf_bytes(&json), &datum, &why) != ISO_OK)
            ck_abort_msg("%s: %s", taken[i].json, why.text);
        iso_hex_encode(&hex, iso_buf_bytes(&datum));
        ck_assert_msg(strcmp(iso_buf_text(&hex), taken[i].hex) == 0, "%s: %s",
                      taken[i].json, iso_buf_text(&hex));
        iso_buf_release(&json);
        iso_buf_release(&datum);
        iso_buf_release(&hex);
        iso_avro_free(schema);
    }
}
END_TEST

static const struct {
    const char *schema, *json, *words;
} refused[] = {
    {"'null'", "", "is empty: write null, or the value"},
    {"'null'", "nul", "the value is no JSON: line 1, column"},
    {"'null'", "0", "the top: the integer 0 stands there, wanted is null"},
    {"'boolean'", "'true'", "a string stands there, wanted is boolean"},
    {"'int'", "2147483648",
     "the integer 2147483648 stands there, wanted is int, -2147483648..2147483647"},
    {"'int'", "1.0", "the number 1.0 stands there, wanted is int"},
    {"'long'", "9223372036854775808", "too big integer"},
    {"'long'", "true", "the boolean true stands there, wanted is long"},
    {"'float'", "1e39", "wanted is float, which does not reach so far"},
    {"'float'", "'nan'", "a string stands there, wanted is float"},
    {"'double'", "1e400", "real number overflow"},
    {"'double'", "'INF'", "wanted is double"},
    {"'string'", "7", "the integer 7 stands there, wanted is string"},
    {"'string'", "'\\ud800'", "the value is no JSON"},
    {"'bytes'", "'\xc4\x80'",
     "a string stands there, wanted is bytes: a string of characters "
     "U+0000..U+00FF"},
    {"'bytes'", "[]", "an array stands there, wanted is bytes"},
    {FIXED("n.F", "2"), "'abc'",
     "wanted is the fixed n.F: a string of 2 characters U+0000..U+00FF"},
    {ENUM("E", "'A','B'"), "'C'",
     "the top: \"C\" stands there, wanted is a symbol of the enum E: A, B"},
    {ENUM("E", "'A','B'"), "'A\\u0000'", "wanted is a symbol"},
    {ENUM("E", ""), "'A'", "nothing, since it is empty"},
    {"[]", "null", "a union of nothing, since it is empty"},
    {ARRAY("'int'"), "{}", "an object stands there, wanted is array"},
    {ARRAY("'int'"), "[1,null]", "field [1]: null stands there, wanted is int"},
    {MAP("'int'"), "[]", "an array stands there, wanted is map"},
    {MAP("'int'"), "{'a':1,'a':2}", "duplicate object key"},
    {MAP(ARRAY("'int'")), "{'k':[[]]}", "field [\"k\"][0]: an array stands there"},
    {CART, "{'id':1,'cart':{'sku':'x'},'next':null}",
     "field cart[\"sku\"]: a string stands there, wanted is long"},
    {CART, "{'cart':{},'next':null}",
     "field id: it is left out, and the record shop.Cart gives it no default: "
     "wanted is long"},
    {CART, "{'id':1,'cart':{},'next':null,'nxt':1}",
     "field nxt: the record shop.Cart has no such field: leave it out, or name a "
     "schema that has it"},
    {CART,
     "{'id':1,'cart':{},'next':{'shop.Cart':{'id':2,'cart':{},'next':null,"
     "'note':{'string':3}}}}",
     "field next.note: the integer 3 stands there, wanted is string"},
    {"['null','string']", "'x'",
     "a string stands there, wanted is a value of a union of null, string: "
     "write {\"string\": \"x\"}"},
    {"['null','string']", "7", ", written null or {\"branch\": value}"},
    {"['null','string']", "{'strng':'x'}", "{\"branch\": value}"},
    {"['null','string']", "{'null':null}", "null is written as it is"},
    {"['string','long']", "null", "null stands there"},
    {"['null'," RECORD("n.R", FIELD("a", "'int'") "," FIELD("b", "'int'")) "]",
     "{'a':1,'b':2}", "write {\"n.R\": {\"a\":1,\"b\":2}}"},
    {"['null'," RECORD("n.R", "") "]", "{'R':{}}", "null, n.R"},
    {"['null','string']",
     "['0123456789012345678901234567890123456789"
     "0123456789012345678901234567890']",
     "an array stands there"},
};

START_TEST(json_that_is_no_datum_is_refused_with_the_place_and_what_is_wanted)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct iso_avro *schema = schema_parse(refused[i].schema);
        struct iso_buf json = quoted(refused[i].json), datum = {0};
        struct iso_why why = {0};
        if (take(schema, iso_buf_bytes(&json), &datum, &why) == ISO_OK)
            ck_abort_msg("taken: %s", refused[i].json);
        ck_assert_msg(strstr(why.text, refused[i].words) != NULL, "%s: %s",
                      refused[i].json, why.text);
        ck_assert_int_eq(iso_avro_from_json(schema, iso_buf_bytes(&json), &datum, NULL),
                         ISO_BAD_DATA);
        iso_buf_release(&json);
        iso_buf_release(&datum);
        iso_avro_free(schema);
    }
}
END_TEST

START_TEST(what_is_shown_of_a_value_is_cut_between_characters)
{
    struct iso_avro *schema = schema_parse("['null','string']");
    for (int lead = 0; lead < 4; lead++) {
        struct iso_buf json = {0}, datum = {0};
        iso_buf_print(&json, "\"%.*s", lead, "abc");
        for (int i = 0; i < 40; i++)
            iso_buf_print(&json, "\xf0\x9f\x8c\x8b");
        iso_buf_print(&json, "\"");
        struct iso_why why;
        ck_assert_int_eq(take(schema, iso_buf_bytes(&json), &datum, &why),
                         ISO_BAD_DATA);
        ck_assert_ptr_nonnull(strstr(why.text, "\xf0\x9f\x8c\x8b…}"));
        json_t *valid = json_string(why.text); /* NULL: not UTF-8 */
        ck_assert_ptr_nonnull(valid);
        json_decref(valid);
        iso_buf_release(&json);
        iso_buf_release(&datum);
    }
    iso_avro_free(schema);
}
END_TEST

/* ---- limits ---- */

static enum iso_err nested_take(const struct iso_avro *schema, const char *open,
                                const char *inner, const char *close, int levels)
{
    struct iso_buf json = {0}, datum = {0};
    for (int i = 0; i < levels; i++)
        iso_buf_print(&json, "%s", open);
    iso_buf_print(&json, "%s", inner);
    for (int i = 0; i < levels; i++)
        iso_buf_print(&json, "%s", close);
    struct iso_why why = {0};
    enum iso_err err = take(schema, iso_buf_bytes(&json), &datum, &why);
    if (err != ISO_OK)
        ck_assert_msg(strstr(why.text, "64 deep") || strstr(why.text, "65536 items") ||
                          strstr(why.text, "longer than") ||
                          strstr(why.text, "no JSON") || strstr(why.text, "split it"),
                      "%s", why.text);
    iso_buf_release(&json);
    iso_buf_release(&datum);
    return err;
}

START_TEST(depth_items_and_bytes_are_bounded_as_in_the_walk)
{
    struct iso_avro *list = schema_parse(RECORD("L", FIELD("n", "['null','L']")));
    ck_assert_int_eq(nested_take(list, "{\"n\":{\"L\":", "{\"n\":null}", "}}", 63),
                     ISO_OK);
    ck_assert_int_eq(nested_take(list, "{\"n\":{\"L\":", "{\"n\":null}", "}}", 64),
                     ISO_BAD_DATA);
    ck_assert_int_eq(nested_take(list, "{\"n\":{\"L\":", "{\"n\":null}", "}}", 50000),
                     ISO_BAD_DATA);
    iso_avro_free(list);
    struct iso_avro *nulls = schema_parse(ARRAY("'null'"));
    ck_assert_int_eq(nested_take(nulls, "", "[null", "", 1), ISO_BAD_DATA);
    struct iso_buf many = {0}, datum = {0};
    struct iso_why why;
    for (int i = 0; i < ISO_AVRO_ITEMS_MAX; i++)
        iso_buf_print(&many, "%snull", i == 0 ? "[" : ",");
    iso_buf_print(&many, "]");
    ck_assert_int_eq(take(nulls, iso_buf_bytes(&many), &datum, &why), ISO_OK);
    many.size--;
    iso_buf_print(&many, ",null]");
    ck_assert_int_eq(take(nulls, iso_buf_bytes(&many), &datum, &why), ISO_BAD_DATA);
    ck_assert_ptr_nonnull(strstr(why.text, "more than 65536 items"));
    iso_avro_free(nulls);
    iso_buf_release(&many);
    iso_buf_release(&datum);
    struct iso_avro *text = schema_parse("'string'");
    ck_assert_int_eq(nested_take(text, "a", "", "", 3), ISO_BAD_DATA);
    for (int more = 0; more < 2; more++) {
        struct iso_buf blank = {0};
        iso_buf_print(&blank, "%*s", (16 << 20) + more, "\"a\"");
        ck_assert_int_eq(iso_avro_from_json(text, iso_buf_bytes(&blank), &datum, NULL),
                         more ? ISO_BAD_DATA : ISO_OK);
        iso_buf_release(&blank);
    }
    iso_buf_release(&datum);
    iso_avro_free(text);
}
END_TEST

START_TEST(a_datum_is_at_most_as_long_as_a_value)
{
    struct iso_avro *schema = schema_parse("'bytes'");
    for (int more = 0; more < 2; more++) {
        struct iso_buf json = {0}, datum = {0};
        struct iso_why why;
        iso_buf_print(&json, "\"%*s\"", ISO_VALUE_MAX - 3 + more, "");
        enum iso_err err = take(schema, iso_buf_bytes(&json), &datum, &why);
        ck_assert_int_eq(err, more ? ISO_BAD_DATA : ISO_OK);
        ck_assert(!more || strstr(why.text, "the top: with it the datum is longer than "
                                            "983040 bytes: make it shorter"));
        iso_buf_release(&json);
        iso_buf_release(&datum);
    }
    iso_avro_free(schema);
}
END_TEST

/* Few letters, very many fields: each {} would take 2000 defaults of no bytes. */
START_TEST(defaults_that_json_leaves_out_are_paid_for)
{
    struct iso_buf text = {0}, json = {0}, datum = {0};
    iso_buf_print(&text, "{'type':'array','items':{'type':'record','name':'R',"
                         "'fields':[");
    for (int i = 0; i < 2000; i++)
        iso_buf_print(&text, "%s{'name':'f%d','type':'null','default':null}",
                      i > 0 ? "," : "", i);
    iso_buf_print(&text, "]}}");
    struct iso_avro *schema = schema_parse(iso_buf_text(&text));
    for (int i = 0; i < 60000; i++)
        iso_buf_print(&json, "%s{}", i == 0 ? "[" : ",");
    iso_buf_print(&json, "]");
    struct iso_why why;
    ck_assert_int_eq(take(schema, iso_buf_bytes(&json), &datum, &why), ISO_BAD_DATA);
    ck_assert_msg(strstr(why.text, "too many parts") != NULL, "%s", why.text);
    iso_avro_free(schema);
    iso_buf_release(&text);
    iso_buf_release(&json);
}
END_TEST

/* ---- there and back ---- */

/* What JSON cannot tell apart: the bits of a NaN, the blocks of an array, a key that
 * stands twice. So the second time must be the same, and the JSON always. */
static void there_and_back(const struct iso_avro *schema, struct iso_bytes datum,
                           struct model *model, json_t *type)
{
    struct iso_buf shown = {0}, again = {0}, back = {0}, twice = {0};
    struct iso_why why;
    if (iso_avro_to_json(schema, datum, &shown, &why) != ISO_OK ||
        take(schema, iso_buf_bytes(&shown), &back, &why) != ISO_OK ||
        iso_avro_to_json(schema, iso_buf_bytes(&back), &again, &why) != ISO_OK ||
        take(schema, iso_buf_bytes(&again), &twice, &why) != ISO_OK)
        ck_abort_msg("seed %d: %s: %s", SEED, why.text, iso_buf_text(&shown));
    ck_assert_str_eq(iso_buf_text(&shown), iso_buf_text(&again));
    ck_assert(iso_bytes_equal(iso_buf_bytes(&back), iso_buf_bytes(&twice)));
    ck_assert(model_takes(model, type, iso_buf_bytes(&back)));
    iso_buf_release(&shown);
    iso_buf_release(&again);
    iso_buf_release(&back);
    iso_buf_release(&twice);
}

/* The JSON with a few bytes changed is taken or refused, as take() holds it to. */
static void damaged_take(const struct iso_avro *schema, struct iso_bytes datum,
                         struct iso_chance *chance)
{
    struct iso_buf json = {0}, back = {0};
    struct iso_why why;
    ck_assert_int_eq(iso_avro_to_json(schema, datum, &json, &why), ISO_OK);
    for (int i = 0; i < 3; i++) {
        damage(chance, &json);
        take(schema, iso_buf_bytes(&json), &back, &why);
    }
    iso_buf_release(&json);
    iso_buf_release(&back);
}

static int schema_and_back(struct drawer *drawer)
{
    drawer->done = json_array();
    drawer->open = json_array();
    json_t *type = type_draw(drawer, "", 0, false);
    struct model model = {.named = json_object()};
    names_collect(model.named, type, "");
    char *json = json_dumps(type, JSON_ENCODE_ANY);
    struct iso_avro *schema = NULL;
    ck_assert_int_eq(iso_avro_parse(iso_bytes_text(json), &schema, NULL), ISO_OK);
    struct iso_buf datum = {0};
    int sound = 0;
    for (int i = 0; i < DATA; i++) {
        datum_begin(drawer, &model, type, &datum);
        if (iso_avro_check(schema, iso_buf_bytes(&datum), NULL) != ISO_OK)
            continue; /* one that dived too deep */
        there_and_back(schema, iso_buf_bytes(&datum), &model, type);
        damaged_take(schema, iso_buf_bytes(&datum), &drawer->chance);
        sound++;
    }
    iso_buf_release(&datum);
    iso_avro_free(schema);
    free(json);
    json_decref(model.named);
    json_decref(type);
    json_decref(drawer->done);
    json_decref(drawer->open);
    return sound;
}

START_TEST(what_is_shown_is_read_back_as_the_same)
{
    struct drawer drawer = {0};
    iso_chance_seeded_init(&drawer.chance, SEED);
    int sound = 0;
    for (int i = 0; i < SCHEMAS; i++)
        sound += schema_and_back(&drawer);
    ck_assert_int_gt(sound, SCHEMAS * DATA / 2);
}
END_TEST

/* Between the zeros before and behind. */
static int digits_of(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && digits == 0))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        digits++;
    }
    return digits - zeros;
}

static int digits_needed(double real, bool single)
{
    char text[60];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, real);
        double back = strtod(text, NULL);
        if (single ? (float)back == (float)real : back == real)
            return digits_of(text);
    }
    return 17;
}

/* The bytes come back, and not a digit is there in vain. */
static void number_and_back(const struct iso_avro *schema, struct iso_bytes datum,
                            int digits)
{
    struct iso_buf shown = {0}, back = {0};
    struct iso_why why;
    ck_assert_int_eq(iso_avro_to_json(schema, datum, &shown, &why), ISO_OK);
    ck_assert_int_eq(take(schema, iso_buf_bytes(&shown), &back, &why), ISO_OK);
    ck_assert_msg(iso_bytes_equal(iso_buf_bytes(&back), datum), "%s",
                  iso_buf_text(&shown));
    ck_assert_msg(digits_of(iso_buf_text(&shown)) == digits, "%s",
                  iso_buf_text(&shown));
    iso_buf_release(&shown);
    iso_buf_release(&back);
}

START_TEST(floats_and_doubles_come_back_bit_by_bit_and_are_short)
{
    static const double edges[] = {0.0,
                                   -0.0,
                                   0.1,
                                   1.0 / 3,
                                   1e22,
                                   1e23,
                                   5e-324,
                                   DBL_MIN,
                                   DBL_MAX,
                                   (double)FLT_MIN,
                                   (double)FLT_MAX,
                                   1.40129846432481707e-45,
                                   16777217.0,
                                   -1.5};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    struct iso_avro *doubles = schema_parse("'double'");
    struct iso_avro *floats = schema_parse("'float'");
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, SEED);
    for (size_t i = 0; i < EDGES + NUMBERS; i++) {
        uint64_t bits = iso_chance_draw(&chance);
        uint32_t half = (uint32_t)(bits >> 32);
        double real;
        float single;
        memcpy(&real, &bits, sizeof real);
        memcpy(&single, &half, sizeof single);
        if (i < EDGES) {
            real = edges[i];
            single = (float)real;
        }
        if (!isnan(real) && !isinf(real))
            number_and_back(doubles, iso_bytes(&real, sizeof real),
                            digits_needed(real, false));
        if (!isnan(single) && !isinf(single))
            number_and_back(floats, iso_bytes(&single, sizeof single),
                            digits_needed((double)single, true));
    }
    iso_avro_free(doubles);
    iso_avro_free(floats);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("avro_json");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, json_that_is_a_datum_is_taken);
    tcase_add_test(tests,
                   json_that_is_no_datum_is_refused_with_the_place_and_what_is_wanted);
    tcase_add_test(tests, what_is_shown_of_a_value_is_cut_between_characters);
    tcase_add_test(tests, depth_items_and_bytes_are_bounded_as_in_the_walk);
    tcase_add_test(tests, a_datum_is_at_most_as_long_as_a_value);
    tcase_add_test(tests, defaults_that_json_leaves_out_are_paid_for);
    tcase_add_test(tests, what_is_shown_is_read_back_as_the_same);
    tcase_add_test(tests, floats_and_doubles_come_back_bit_by_bit_and_are_short);
    Suite *suite = suite_create("avro_json");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
