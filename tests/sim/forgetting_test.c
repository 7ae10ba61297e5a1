/* Worlds in which before_max is some seconds: everywhere something is forgotten all the
 * time, at other moments in every region, while daemons crash, networks are cut for
 * longer than that, disks fail and liars write. In the end all regions hold the same,
 * swept to the same step, and nothing that is over is left anywhere. */
#include "world_run.h"

#include <check.h>

static struct world_plan with_all(struct world_plan plan)
{
    plan.full_disks = plan.bad_disks = plan.hostile = true;
    plan.skewed = plan.fences = true;
    plan.forgets = true;
    return plan;
}

static void forgets(struct world_plan plan)
{
    struct world_counts sum = world_run_all(plan);
    ck_assert(world_one_seed() || (sum.swept > 50 && sum.deletes > 50));
}

START_TEST(regions_that_forget_hold_the_same)
{
    forgets((struct world_plan){.forgets = true});
}
END_TEST

START_TEST(regions_that_forget_fields_hold_the_same)
{
    forgets((struct world_plan){.forgets = true, .resolver = "fields", .fields = true});
}
END_TEST

START_TEST(regions_that_forget_siblings_hold_the_same)
{
    forgets((struct world_plan){.forgets = true, .resolver = "siblings"});
}
END_TEST

START_TEST(regions_that_forget_hold_the_same_through_all_of_it)
{
    forgets(with_all((struct world_plan){0}));
    forgets(with_all((struct world_plan){.resolver = "fields", .fields = true}));
    forgets(with_all((struct world_plan){.resolver = "siblings"}));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forgetting");
    TCase *tests = tcase_create("forgetting");
    tcase_set_timeout(tests, 280);
    tcase_add_test(tests, regions_that_forget_hold_the_same);
    tcase_add_test(tests, regions_that_forget_fields_hold_the_same);
    tcase_add_test(tests, regions_that_forget_siblings_hold_the_same);
    tcase_add_test(tests, regions_that_forget_hold_the_same_through_all_of_it);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
