/* The law test is shown mistakes about large values: what keeps and drops their rows is
 * compiled here once more. Built with every value large (ISO_VALUE_ASIDE); it runs its
 * own number of cases. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define PLANTED(X)               \
    X(large_values_stay_behind)  \
    X(large_values_are_not_kept) \
    X(what_is_held_is_dropped)

#include "tests/law/planted.h"

#include "resolver/part_aside.c"

#include "tests/law/law_run.h"

enum { CASES = 5000 };

static void run(const char *resolver, enum planted mistake)
{
    struct law_options options = law_options_of(iso_resolver_find(resolver));
    struct law_report report = {0};
    options.cases = CASES;
    planted = mistake;
    bool holds = law_random(&options, &report);
    planted = PLANTED_NOTHING;
    ck_assert_msg(holds == (mistake == PLANTED_NOTHING), "%s, %s: %s", resolver,
                  planted_names[mistake], holds ? "not caught" : report.text);
}

START_TEST(a_planted_mistake_is_caught)
{
    _Static_assert(ISO_VALUE_ASIDE == 0, "every value is large");
    run("fields", (enum planted)_i);
    run("siblings", (enum planted)_i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("aside_mutants");
    TCase *mutants = tcase_create("mutants");
    tcase_set_timeout(mutants, 120);
    tcase_add_loop_test(mutants, a_planted_mistake_is_caught, PLANTED_NOTHING,
                        PLANTED_END);
    suite_add_tcase(suite, mutants);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
