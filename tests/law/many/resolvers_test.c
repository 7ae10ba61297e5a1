/* Every shipped resolver keeps the law: random schedules with real and with forged
 * contexts, and every interleaving of small cases with each write delivered twice. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/law/law_run.h"

enum { RANDOM_CASES = 100000, SCHEDULES = 100000 };

static void run_random(size_t n, bool forged)
{
    const struct iso_resolver *resolver = iso_resolver_at(n);
    struct law_options options = law_options_of(resolver);
    struct law_report report;
    law_run_random(resolver->name, &options, forged, RANDOM_CASES, &report);
    if (report.cases < 1000)
        return;
    ck_assert_uint_gt(report.swept, 0);
    ck_assert_uint_gt(report.duplicates, report.cases / 2);
    if (options.model->child != NULL)
        ck_assert_uint_gt(report.dead, report.cases / 20);
    if (strcmp(resolver->name, "siblings") == 0) {
        ck_assert_uint_eq(report.losers, 0);
        return;
    }
    ck_assert_uint_gt(report.conflicts, report.cases / 10);
    ck_assert_uint_gt(report.losers, report.cases / 10);
    ck_assert_uint_gt(report.restored, report.cases / 20);
}

START_TEST(any_interleaving_gives_what_the_set_of_writes_says)
{
    run_random((size_t)_i, false);
}
END_TEST

START_TEST(forged_contexts_keep_the_law)
{
    run_random((size_t)_i, true);
}
END_TEST

START_TEST(every_interleaving_with_every_write_twice_gives_the_same)
{
    const struct iso_resolver *resolver = iso_resolver_at((size_t)_i);
    struct law_options options = law_options_of(resolver);
    struct law_report report;
    law_run_schedules(resolver->name, &options, false, SCHEDULES, &report);
    law_run_schedules(resolver->name, &options, true, SCHEDULES, &report);
}
END_TEST

int main(void)
{
    int resolvers = 0;
    while (iso_resolver_at((size_t)resolvers) != NULL)
        resolvers++;
    Suite *suite = suite_create("resolvers");
    TCase *law = tcase_create("law");
    tcase_set_timeout(law, 0); /* as long as ISO_LAW_CASES asks for */
    setvbuf(stdout, NULL, _IOLBF, 0);
    tcase_add_loop_test(law, any_interleaving_gives_what_the_set_of_writes_says, 0,
                        resolvers);
    tcase_add_loop_test(law, forged_contexts_keep_the_law, 0, resolvers);
    tcase_add_loop_test(law, every_interleaving_with_every_write_twice_gives_the_same,
                        0, resolvers);
    suite_add_tcase(suite, law);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
