/* Failures: every code has a name, words and a kind; sentences are kept, put in front
 * of, and cut at the end of their room. */
#include "base/err.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

START_TEST(every_code_is_named_and_has_words)
{
#define ONE(name, number, kind, words)                        \
    ck_assert_int_eq(ISO_##name, number);                     \
    ck_assert_str_eq(iso_err_name(ISO_##name), "ISO_" #name); \
    ck_assert_str_eq(iso_err_words(ISO_##name), words);       \
    ck_assert_int_eq(iso_err_kind(ISO_##name), ISO_##kind);
    ISO_ERRORS(ONE)
#undef ONE
}
END_TEST

START_TEST(a_code_from_a_stranger_is_fatal_and_still_named)
{
    ck_assert_int_eq(iso_err_kind((enum iso_err)9999), ISO_FATAL);
    ck_assert_ptr_nonnull(iso_err_name((enum iso_err)9999));
    ck_assert_ptr_nonnull(iso_err_words((enum iso_err)9999));
    ck_assert_int_eq(iso_err_exit((enum iso_err)9999), EX_SOFTWARE);
}
END_TEST

START_TEST(a_failure_returns_its_code_and_keeps_its_sentence)
{
    struct iso_why why = {0};
    ck_assert_int_eq(iso_fail(&why, ISO_IO, "%s: %d", "disk", 5), ISO_IO);
    ck_assert_int_eq(why.err, ISO_IO);
    ck_assert_str_eq(why.text, "disk: 5");
    ck_assert_int_eq(iso_fail(NULL, ISO_REFUSED, "nobody asks"), ISO_REFUSED);
}
END_TEST

START_TEST(a_place_is_put_before_the_sentence)
{
    struct iso_why why = {0};
    iso_fail(&why, ISO_BAD_DATA, "byte 3 is wrong");
    ck_assert_int_eq(iso_fail_at(&why, ISO_BAD_DATA, "slice %d", 7), ISO_BAD_DATA);
    ck_assert_str_eq(why.text, "slice 7: byte 3 is wrong");
}
END_TEST

START_TEST(a_sentence_that_is_too_long_is_cut_and_terminated)
{
    struct iso_why why = {0};
    char long_text[2 * sizeof why.text];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    iso_fail(&why, ISO_IO, "%s", long_text);
    ck_assert_uint_eq(strlen(why.text), sizeof why.text - 1);
    iso_fail_at(&why, ISO_IO, "place");
    ck_assert_uint_lt(strlen(why.text), sizeof why.text);
    ck_assert(strncmp(why.text, "place: xxx", 10) == 0);
    iso_fail_at(&why, ISO_IO, "%s", long_text);
    ck_assert_uint_eq(strlen(why.text), sizeof why.text - 1);
}
END_TEST

START_TEST(exit_statuses_are_those_of_sysexits)
{
    ck_assert_int_eq(iso_err_exit(ISO_OK), 0);
    ck_assert_int_eq(iso_err_exit(ISO_NOT_FOUND), 1);
    ck_assert_int_eq(iso_err_exit(ISO_TIMEOUT), 1);
    ck_assert_int_eq(iso_err_exit(ISO_USAGE), EX_USAGE);
    ck_assert_int_eq(iso_err_exit(ISO_SETTING), EX_CONFIG);
    ck_assert_int_eq(iso_err_exit(ISO_UNAVAILABLE), EX_UNAVAILABLE);
    ck_assert_int_eq(iso_err_exit(ISO_IO), EX_IOERR);
#define ONE(name, number, kind, words) \
    ck_assert(ISO_##name == ISO_OK || iso_err_exit(ISO_##name) != 0);
    ISO_ERRORS(ONE)
#undef ONE
}
END_TEST

START_TEST(a_broken_promise_ends_the_process)
{
    iso_assert(1 + 1 == 2);
    iso_assert(1 + 1 == 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("err");
    TCase *tcase = tcase_create("err");
    tcase_add_test(tcase, every_code_is_named_and_has_words);
    tcase_add_test(tcase, a_code_from_a_stranger_is_fatal_and_still_named);
    tcase_add_test(tcase, a_failure_returns_its_code_and_keeps_its_sentence);
    tcase_add_test(tcase, a_place_is_put_before_the_sentence);
    tcase_add_test(tcase, a_sentence_that_is_too_long_is_cut_and_terminated);
    tcase_add_test(tcase, exit_statuses_are_those_of_sysexits);
    tcase_add_test_raise_signal(tcase, a_broken_promise_ends_the_process, 6);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
