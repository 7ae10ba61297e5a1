/* Every rule of fields keeps the law by itself: records of that rule alone, so that its
 * writes meet all the time. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/law/fields_shape.h"
#include "tests/law/law_run.h"

enum { RANDOM_CASES = 100000, WRITES_MAX = 6 };

static void run_rule(size_t n, bool forged)
{
    struct law_options options = law_options_of(iso_resolver_find("fields"));
    struct law_report report;
    char what[64];
    options.first_profile = (unsigned)n;
    options.profiles = 1;
    options.writes_max = WRITES_MAX;
    snprintf(what, sizeof what, "fields of rule %s", shape_profile(n)->name);
    law_run_random(what, &options, forged, RANDOM_CASES, &report);
}

START_TEST(any_interleaving_gives_what_the_set_of_writes_says)
{
    run_rule((size_t)_i, false);
}
END_TEST

START_TEST(forged_contexts_keep_the_law)
{
    run_rule((size_t)_i, true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rules");
    TCase *law = tcase_create("law");
    tcase_set_timeout(law, 0); /* as long as ISO_LAW_CASES asks for */
    setvbuf(stdout, NULL, _IOLBF, 0);
    tcase_add_loop_test(law, any_interleaving_gives_what_the_set_of_writes_says, 0,
                        (int)shape_rules);
    tcase_add_loop_test(law, forged_contexts_keep_the_law, 0, (int)shape_rules);
    suite_add_tcase(suite, law);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
