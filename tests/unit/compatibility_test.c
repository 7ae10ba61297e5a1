/* Which schema may follow which, mode by mode. */
#include <stdlib.h>

#include "schema/compatibility.h"
#include "tests/unit/schema_text.h"

/* What became of one record: `dropped` and `added` are to `plain` what their names say.
 */
enum { PLAIN, ADDED, NEEDED, DROPPED, COUNTED, SCHEMAS };

static const char *const texts[SCHEMAS] = {
    [PLAIN] = RECORD("R", FIELD("a", "'int'") "," FIELD_OR("b", "'int'", "1")),
    [ADDED] = RECORD("R", FIELD("a", "'int'") "," FIELD_OR(
                              "b", "'int'", "1") "," FIELD_OR("c", "'int'", "1")),
    [NEEDED] = RECORD("R", FIELD("a", "'int'") "," FIELD_OR(
                               "b", "'int'", "1") "," FIELD("d", "'int'")),
    [DROPPED] = RECORD("R", FIELD_OR("b", "'int'", "1")),
    [COUNTED] = RECORD("R", FIELD("a", "'int'") ",{'name':'b','type':'int','default':1,"
                                                "'merge':'counter'}"),
};

static struct iso_avro *schemas[SCHEMAS];

static void schemas_make(void)
{
    for (int i = 0; i < SCHEMAS; i++)
        schemas[i] = schema_parse(texts[i]);
}

static void schemas_free(void)
{
    for (int i = 0; i < SCHEMAS; i++)
        iso_avro_free(schemas[i]);
}

/* 'y' or 'n' for each mode, in the order of their numbers. */
static const struct {
    const char *what, *verdicts;
    int known[3]; /* the oldest first; -1 ends it */
    int coming;
} examples[] = {
    {"the first", "yyyyyyy", {-1}, PLAIN},
    {"the same again", "yyyyyyy", {PLAIN, -1}, PLAIN},
    {"a field with a default", "yyyyyyy", {PLAIN, -1}, ADDED},
    {"a field without one", "nnyynny", {PLAIN, -1}, NEEDED},
    {"a field without a default goes", "yynnnny", {PLAIN, -1}, DROPPED},
    {"a field with a default goes", "yyyyyyy", {ADDED, -1}, PLAIN},
    {"the last has it, the first had not", "ynyyyny", {PLAIN, NEEDED, -1}, NEEDED},
    {"the last has it not, the first had", "yyynyny", {PLAIN, DROPPED, -1}, DROPPED},
    {"another rule", "nnnnnnn", {PLAIN, -1}, COUNTED},
    {"another rule than long ago", "nnnnnnn", {COUNTED, DROPPED, -1}, PLAIN},
};

START_TEST(each_mode_lets_follow_what_its_name_says)
{
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct iso_avro *known[3];
        size_t count = 0;
        for (; count < 3 && examples[i].known[count] >= 0; count++)
            known[count] = schemas[examples[i].known[count]];
        for (int mode = 0; mode < ISO_COMPATIBILITIES; mode++) {
            struct iso_why why = {0};
            enum iso_err err = iso_compatibility_check((enum iso_compatibility)mode,
                                                       schemas[examples[i].coming],
                                                       known, count, &why);
            enum iso_err want =
                examples[i].verdicts[mode] == 'y' ? ISO_OK : ISO_INCOMPATIBLE;
            ck_assert_msg(err == want, "%s, %s: %s", examples[i].what,
                          iso_compatibility_name((enum iso_compatibility)mode),
                          why.text);
        }
    }
}
END_TEST

static void says(enum iso_compatibility mode, int known, int coming, const char *words)
{
    const struct iso_avro *both[2] = {schemas[known], schemas[coming]};
    struct iso_why why = {0};
    ck_assert_int_eq(iso_compatibility_check(mode, schemas[coming], both, 2, &why),
                     ISO_INCOMPATIBLE);
    ck_assert_str_eq(why.text, words);
    ck_assert_int_eq(iso_compatibility_check(mode, schemas[coming], both, 2, NULL),
                     ISO_INCOMPATIBLE);
}

START_TEST(a_refusal_names_mode_schema_field_reason_and_remedy)
{
    says(ISO_COMPATIBLE_BACKWARD_TRANSITIVE, PLAIN, NEEDED,
         "BACKWARD_TRANSITIVE: who has the new schema must read data of schema 1: the "
         "reader's schema cannot take the field d: its record R has the field d, which "
         "was not written: give the field d a default, or an alias if it was renamed");
    says(ISO_COMPATIBLE_FULL_TRANSITIVE, PLAIN, DROPPED,
         "FULL_TRANSITIVE: who has schema 1 must read data of the new one: the "
         "reader's schema cannot take the field a: its record R has the field a, which "
         "was not written: give the field a a default, or an alias if it was renamed");
    says(ISO_COMPATIBLE_NONE, PLAIN, COUNTED,
         "NONE, after schema 1: the field b is merged by counter in one schema and by "
         "lww in the other: a field never gets another rule: give the new field "
         "another name, or make a new collection");
}
END_TEST

START_TEST(modes_have_names)
{
    enum iso_compatibility mode;
    for (int i = 0; i < ISO_COMPATIBILITIES; i++) {
        const char *name = iso_compatibility_name((enum iso_compatibility)i);
        ck_assert(iso_compatibility_parse(name, &mode));
        ck_assert_int_eq(mode, i);
    }
    ck_assert(iso_compatibility_parse("full_Transitive", &mode));
    ck_assert_int_eq(mode, ISO_COMPATIBLE_FULL_TRANSITIVE);
    ck_assert(!iso_compatibility_parse("", &mode));
    ck_assert(!iso_compatibility_parse("FULLY", &mode));
    ck_assert_str_eq(iso_compatibility_name(ISO_COMPATIBLE_FORWARD), "FORWARD");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("compatibility");
    tcase_add_unchecked_fixture(tests, schemas_make, schemas_free);
    tcase_add_test(tests, each_mode_lets_follow_what_its_name_says);
    tcase_add_test(tests, a_refusal_names_mode_schema_field_reason_and_remedy);
    tcase_add_test(tests, modes_have_names);
    Suite *suite = suite_create("compatibility");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
