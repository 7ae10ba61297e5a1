/* Operations as people write them (cli/patch_parse.h), and moments (cli/when.h). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/patch_parse.h"
#include "cli/when.h"
#include "schema/avro_node.h"
#include "tests/unit/fields_kit.h"

static struct iso_why why;

/* ---- what is understood ---- */

static const struct {
    const char *text, *field, *member; /* member NULL: none */
    enum iso_step_operation operation;
    bool resets;
    int64_t by;
    const char *value; /* "": it has none */
} good[] = {
    {"visits += 1", "visits", NULL, ISO_STEP_INCREMENT, false, 1, ""},
    {"visits -= 2", "visits", NULL, ISO_STEP_INCREMENT, false, -2, ""},
    {"visits-=-2", "visits", NULL, ISO_STEP_INCREMENT, false, 2, ""},
    {"v+=0", "v", NULL, ISO_STEP_INCREMENT, false, 0, ""},
    {"v += 9223372036854775807 ", "v", NULL, ISO_STEP_INCREMENT, false, INT64_MAX, ""},
    {"v += -9223372036854775808", "v", NULL, ISO_STEP_INCREMENT, false, INT64_MIN, ""},
    {"tags add \"x\"", "tags", NULL, ISO_STEP_ADD, false, 0, "\"x\""},
    {"tags add\"x\"", "tags", NULL, ISO_STEP_ADD, false, 0, "\"x\""},
    {" tags\tremove\n7 ", "tags", NULL, ISO_STEP_REMOVE, false, 0, "7"},
    {"cart[\"sku\"] -= 2", "cart", "sku", ISO_STEP_INCREMENT, false, -2, ""},
    {"cart [ \"a]\\\"b\" ] unset", "cart", "a]\"b", ISO_STEP_UNSET, false, 0, ""},
    {"cart[\"\"] unset", "cart", "", ISO_STEP_UNSET, false, 0, ""},
    {"cart[\"\\u00e9\\\\\"]=1", "cart", "\xc3\xa9\\", ISO_STEP_SET, false, 0, "1"},
    {"name = \"Ada\"", "name", NULL, ISO_STEP_SET, false, 0, "\"Ada\""},
    {"name={\"string\":\"A = b\"}", "name", NULL, ISO_STEP_SET, false, 0,
     "{\"string\":\"A = b\"}"},
    {"name = null", "name", NULL, ISO_STEP_SET, false, 0, "null"},
    {"name unset", "name", NULL, ISO_STEP_UNSET, false, 0, ""},
    {"unset unset", "unset", NULL, ISO_STEP_UNSET, false, 0, ""},
    {"visits reset", "visits", NULL, ISO_STEP_UNSET, true, 0, ""},
    {"online enable", "online", NULL, ISO_STEP_ENABLE, false, 0, ""},
    {"online disable", "online", NULL, ISO_STEP_DISABLE, false, 0, ""},
    {"last_seen raise 5", "last_seen", NULL, ISO_STEP_RAISE, false, 0, "5"},
    {"price lower 3.5e1", "price", NULL, ISO_STEP_LOWER, false, 0, "3.5e1"},
};

START_TEST(every_operation_is_understood_as_it_is_written)
{
    struct cli_operation operation;
    why = (struct iso_why){0};
    ck_assert_msg(iso_cli_operation_parse(good[_i].text, &operation, &why) == ISO_OK,
                  "%s: %s", good[_i].text, why.text);
    ck_assert_str_eq(iso_buf_text(&operation.field), good[_i].field);
    ck_assert(operation.has_member == (good[_i].member != NULL));
    if (operation.has_member)
        ck_assert_str_eq(iso_buf_text(&operation.member), good[_i].member);
    ck_assert_int_eq(operation.operation, good[_i].operation);
    ck_assert(operation.resets == good[_i].resets);
    ck_assert_int_eq(operation.by, good[_i].by);
    ck_assert_msg(iso_bytes_equal(operation.value, iso_bytes_text(good[_i].value)),
                  "%.*s", (int)operation.value.size,
                  (const char *)operation.value.data);
    iso_cli_operation_release(&operation);
    iso_cli_operation_release(&operation);
}
END_TEST

/* ---- what is not ---- */

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "ends at character 1: wanted the name of a field"},
    {"   ", "ends at character 4: wanted the name of a field"},
    {"9lives = 1", "character 1, at '9lives = 1': wanted the name of a field"},
    {"\xc3\xa9 = 1", "character 1"},
    {"visits", "ends at character 7: wanted =, +=, -=, add"},
    {"visits + 1", "character 8, at '+ 1': wanted =, +="},
    {"visits ++ 1", "character 8"},
    {"visits +-= 1", "character 8"},
    {"visits == 1", "wanted a value as JSON"},
    {"visits += one", "character 11, at 'one': wanted a whole number"},
    {"visits +=", "ends at character 10: wanted a whole number"},
    {"visits += 1.5", "character 12, at '.5': wanted the end"},
    {"visits += +1", "wanted a whole number"},
    {"visits += 9223372036854775808", "that a long can hold"},
    {"visits -= -9223372036854775808", "that a long can hold"},
    {"visits += 1 2", "character 13, at '2': wanted the end"},
    {"name = Ada", "character 8, at 'Ada': wanted a value as JSON (a text"},
    {"name =", "ends at character 7: wanted a value"},
    {"name = \"Ada", "wanted a value as JSON"},
    {"name = {\"a\":1", "wanted a value as JSON"},
    {"name = 1 2", "wanted a value as JSON"},
    {"name set \"Ada\"", "character 6, at 'set \"Ada\"': wanted =, +="},
    {"name unset now", "character 12, at 'now': wanted the end"},
    {"name.first = 1", "character 5, at '.first = 1'"},
    {"cart[sku] += 1", "character 6, at 'sku] += 1': wanted the name of a member"},
    {"cart[\"sku] += 1", "character 6"},
    {"cart[\"sku\\", "character 6"},
    {"cart[\"sku\"", "ends at character 11: wanted ] behind"},
    {"cart[\"sku\" += 1", "character 12, at '+= 1': wanted ]"},
    {"cart[\"\\u0000\"] += 1", "without U+0000"},
    {"cart[\"\\x\"] += 1", "as a JSON string"},
    {"cart[\"\xff\"] += 1", "as a JSON string"},
    {"cart[\"\xc3\xa9\"] ! 1", "character 11, at '! 1'"},
    {"cart[] += 1", "character 6, at '] += 1'"},
    {"cart[\"a\"][\"b\"] += 1", "character 10"},
};

START_TEST(what_is_no_operation_is_refused_at_its_place)
{
    struct cli_operation operation;
    why = (struct iso_why){0};
    ck_assert_int_eq(iso_cli_operation_parse(bad[_i].text, &operation, &why),
                     ISO_USAGE);
    ck_assert_msg(strstr(why.text, bad[_i].says) != NULL, "%s: %s", bad[_i].text,
                  why.text);
    iso_cli_operation_release(&operation);
}
END_TEST

/* Whatever stands there: it ends, within the text, with an answer. The sanitizers
 * watch. */
START_TEST(hostile_operations_are_understood_or_refused)
{
    static const char alphabet[] = "aA9_ \t\"\"\\[]{}+-==..,:\xc3\xa9\x01 unsetadd";
    struct iso_chance chance;
    uint64_t seed = 20260504;
    char text[24];
    iso_chance_seeded_init(&chance, seed);
    for (int round = 0; round < 20000; round++) {
        size_t size = iso_chance_draw(&chance) % (sizeof text - 1);
        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[iso_chance_draw(&chance) % (sizeof alphabet - 1)];
        text[size] = '\0';
        struct cli_operation operation;
        why = (struct iso_why){0};
        enum iso_err err = iso_cli_operation_parse(text, &operation, &why);
        ck_assert_msg(err == ISO_OK || (err == ISO_USAGE && why.text[0] != '\0'),
                      "seed %llu, round %d: %s", (unsigned long long)seed, round, text);
        iso_cli_operation_release(&operation);
    }
}
END_TEST

START_TEST(a_long_operation_is_cut_in_the_sentence)
{
    struct iso_buf text = {0};
    struct cli_operation operation;
    iso_buf_print(&text, "name = ");
    for (int i = 0; i < 100000; i++)
        iso_buf_print(&text, "[\xc3\xa9");
    ck_assert_int_eq(iso_cli_operation_parse(iso_buf_text(&text), &operation, &why),
                     ISO_USAGE);
    ck_assert_uint_lt(strlen(why.text), 200);
    ck_assert_ptr_nonnull(strstr(why.text, "character 8"));
    ck_assert_ptr_nonnull(strstr(why.text, "\xe2\x80\xa6"));
    iso_cli_operation_release(&operation);
    iso_buf_release(&text);
}
END_TEST

/* ---- moments ---- */

static const struct {
    const char *text;
    int64_t ms; /* −1: it is none */
} moments[] = {
    {"1970-01-01", 0},
    {"2026-01-15", 1768435200000},
    {"2026-01-15Z", 1768435200000},
    {"2026-01-15T12:00", 1768478400000},
    {"2026-01-15 12:00:01", 1768478401000},
    {"2026-01-15T12:00:01.25Z", 1768478401250},
    {"2026-01-15T12:00:01.123456789Z", 1768478401123},
    {"2h", 1768478400000 - 7200000},
    {"90d", 1768478400000 - INT64_C(90) * 86400000},
    {"2026-02-30", -1},
    {"2026-13-01", -1},
    {"2026-01-15T24:00", -1},
    {"2026-01-15T12", -1},
    {"2026-01-15T12:00:00Zx", -1},
    {"2026-1-5", -1},
    {"yesterday", -1},
    {"", -1},
};

START_TEST(a_moment_is_a_date_or_how_long_ago)
{
    int64_t ms = -2;
    enum iso_err err = iso_cli_when_parse(moments[_i].text, 1768478400000, &ms, &why);
    if (moments[_i].ms < 0) {
        ck_assert_int_eq(err, ISO_USAGE);
        return;
    }
    ck_assert_msg(err == ISO_OK, "%s: %s", moments[_i].text, why.text);
    ck_assert_int_eq(ms, moments[_i].ms);
}
END_TEST

START_TEST(a_moment_is_written_as_it_is_read)
{
    struct iso_buf text = {0};
    int64_t ms;
    iso_cli_when_text(1768478401250, &text);
    ck_assert_str_eq(iso_buf_text(&text), "2026-01-15T12:00:01.250Z");
    ck_assert_int_eq(iso_cli_when_parse(iso_buf_text(&text), 0, &ms, &why), ISO_OK);
    ck_assert_int_eq(ms, 1768478401250);
    iso_buf_clear(&text);
    iso_cli_when_text(-5, &text);
    ck_assert_str_eq(iso_buf_text(&text), "-5ms");
    iso_buf_release(&text);
}
END_TEST

/* ---- a part's datum as JSON ---- */

static const struct {
    const char *field, *json;
} shown[] = {
    {"name", "\"A\\u0000b\""}, {"tags", "\"x\""},  {"visits", "-7"}, {"vip", "true"},
    {"first", "2.5"},          {"notes", "\"n\""}, {"groups", "3"},
};

START_TEST(a_part_is_shown_as_the_json_that_it_was_made_of)
{
    struct kit_fields kit = kit_fields(KIT_USER);
    struct iso_buf datum = {0}, json = {0};
    const struct iso_field *field =
        iso_fields_find(kit.fields, iso_bytes_text(shown[_i].field));
    ck_assert_int_eq(iso_avro_node_from_json(kit.schema, field->part,
                                             iso_bytes_text(shown[_i].json), &datum,
                                             &why),
                     ISO_OK);
    ck_assert_int_eq(
        iso_field_json(kit.fields, field, iso_buf_bytes(&datum), &json, &why), ISO_OK);
    ck_assert_str_eq(iso_buf_text(&json), shown[_i].json);
    iso_buf_add_u8(&datum, 0);
    ck_assert_int_eq(
        iso_field_json(kit.fields, field, iso_buf_bytes(&datum), &json, &why),
        ISO_BAD_DATA);
    iso_buf_release(&datum);
    iso_buf_release(&json);
    kit_fields_free(&kit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("patch_parse");
    TCase *tests = tcase_create("words");
    tcase_add_loop_test(tests, every_operation_is_understood_as_it_is_written, 0,
                        sizeof good / sizeof good[0]);
    tcase_add_loop_test(tests, what_is_no_operation_is_refused_at_its_place, 0,
                        sizeof bad / sizeof bad[0]);
    tcase_add_test(tests, hostile_operations_are_understood_or_refused);
    tcase_add_test(tests, a_long_operation_is_cut_in_the_sentence);
    tcase_add_loop_test(tests, a_moment_is_a_date_or_how_long_ago, 0,
                        sizeof moments / sizeof moments[0]);
    tcase_add_test(tests, a_moment_is_written_as_it_is_read);
    tcase_add_loop_test(tests, a_part_is_shown_as_the_json_that_it_was_made_of, 0,
                        sizeof shown / sizeof shown[0]);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
