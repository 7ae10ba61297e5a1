/* What happens, step by step, in worlds that nothing is left to chance in: each test is
 * a story, and what must come of it is its trace. */
#include "tests/sim/story.h"

#include <check.h>

START_TEST(two_regions_write_while_they_are_cut_off_and_one_value_wins_everywhere)
{
    story_begin(&(struct sim_plan){.regions = 2});
    at(5);
    put(US, "cart", "tea");
    at(10);
    applies_each();
    cuts(EU);
    at(20);
    put_seen(US, "cart", "tea and milk");
    at(30);
    put_seen(EU, "cart", "tea and bread");
    applies_each();
    at(70);
    heals(EU);
    applies_each();
    shows(EU, "cart");
    shows(US, "cart");
    story_is("[    5] us > cart: tea\n"
             "[   10] eu < 20/0:1 cart 5.0@us: take\n"
             "[   10] us < 20/0:1 cart 5.0@us: take\n"
             "[   10] eu ! cut off\n"
             "[   20] us > cart: tea and milk\n"
             "[   30] eu > cart: tea and bread\n"
             "[   30] us < 20/0:2 cart 20.0@us, held 5.0@us: take\n"
             "[   70] eu ! healed\n"
             "[   70] eu < 10/0:1 cart 30.0@eu, held 5.0@us: take\n"
             "[   70] eu < 20/0:2 cart 20.0@us, held 30.0@eu: beaten\n"
             "[   70] us < 10/0:1 cart 30.0@eu, held 20.0@us: take\n"
             "[   70] eu ? cart: tea and bread, 1 lost\n"
             "[   70] us ? cart: tea and bread, 1 lost\n");
}
END_TEST

START_TEST(what_was_deleted_does_not_come_back_with_a_late_write)
{
    story_begin(&(struct sim_plan){.regions = 2});
    at(10);
    put(EU, "cart", "tea");
    applies_each();
    cuts(US);
    at(20);
    put(US, "cart", "milk");
    at(30);
    deletes_seen(EU, "cart");
    applies_each();
    at(40);
    heals(US);
    applies_each();
    shows(EU, "cart");
    shows(US, "cart");
    story_is("[   10] eu > cart: tea\n"
             "[   10] eu < 10/0:1 cart 10.0@eu: take\n"
             "[   10] us < 10/0:1 cart 10.0@eu: take\n"
             "[   10] us ! cut off\n"
             "[   20] us > cart: milk\n"
             "[   30] eu > cart: deleted\n"
             "[   30] eu < 10/0:2 cart 30.0@eu, held 10.0@eu: take\n"
             "[   40] us ! healed\n"
             "[   40] eu < 20/0:1 cart 20.0@us, held 30.0@eu: beaten\n"
             "[   40] us < 10/0:2 cart 30.0@eu, held 10.0@eu: take\n"
             "[   40] us < 20/0:1 cart 20.0@us, held 30.0@eu: beaten\n"
             "[   40] eu ? cart: nothing, 1 lost\n"
             "[   40] us ? cart: nothing, 1 lost\n");
}
END_TEST

START_TEST(a_daemon_that_dies_before_its_commit_applies_once)
{
    story_begin(&(struct sim_plan){.regions = 2});
    at(10);
    put(US, "cart", "tea");
    dies(EU, SIM_COMMIT_DIES_BEFORE);
    applies(EU);
    at(20);
    applies(EU);
    shows(EU, "cart");
    story_is("[   10] us > cart: tea\n"
             "[   10] eu/0 dies in a commit\n"
             "[   10] eu/0 starts\n"
             "[   10] eu < 20/0:1 cart 10.0@us: take\n"
             "[   20] eu ? cart: tea\n");
}
END_TEST

START_TEST(a_daemon_that_dies_behind_its_commit_applies_once)
{
    story_begin(&(struct sim_plan){.regions = 2, .resolver = SIM_FIELDS});
    at(10);
    counts(US, "cart", 3);
    dies(EU, SIM_COMMIT_DIES_AFTER);
    applies(EU);
    at(20);
    applies(EU);
    shows(EU, "cart");
    story_is("[   10] us > cart: visits +3\n"
             "[   10] eu/0 dies in a commit\n"
             "[   10] eu < 20/0:1 cart 10.0@us: take\n"
             "[   10] eu/0 starts\n"
             "[   20] eu ? cart: visits 3\n");
}
END_TEST

START_TEST(a_reset_takes_what_it_saw_and_no_more)
{
    story_begin(&(struct sim_plan){.regions = 2, .resolver = SIM_FIELDS});
    at(10);
    counts(EU, "cart", 5);
    at(20);
    counts(US, "cart", 2);
    applies_each();
    at(30);
    cuts(US);
    counts(US, "cart", 4);
    at(40);
    resets(EU, "cart");
    applies_each();
    shows(EU, "cart");
    at(50);
    heals(US);
    applies_each();
    shows(EU, "cart");
    shows(US, "cart");
    story_is("[   10] eu > cart: visits +5\n"
             "[   20] us > cart: visits +2\n"
             "[   20] eu < 10/0:1 cart 10.0@eu: take\n"
             "[   20] eu < 20/0:1 cart 20.0@us, held 10.0@eu: take\n"
             "[   20] us < 10/0:1 cart 10.0@eu: take\n"
             "[   20] us < 20/0:1 cart 20.0@us, held 10.0@eu: take\n"
             "[   30] us ! cut off\n"
             "[   30] us > cart: visits +4\n"
             "[   40] eu > cart: visits reset\n"
             "[   40] eu < 10/0:2 cart 40.0@eu, held 20.0@us: take\n"
             "[   40] eu ? cart: nothing\n"
             "[   50] us ! healed\n"
             "[   50] eu < 20/0:2 cart 30.0@us, held 40.0@eu: beaten\n"
             "[   50] us < 10/0:2 cart 40.0@eu, held 20.0@us: take\n"
             "[   50] us < 20/0:2 cart 30.0@us, held 40.0@eu: beaten\n"
             "[   50] eu ? cart: visits 4\n"
             "[   50] us ? cart: visits 4\n");
}
END_TEST

START_TEST(a_session_that_goes_to_another_region_is_told_what_is_missing)
{
    story_begin(&(struct sim_plan){.regions = 2});
    at(10);
    put(EU, "cart", "tea");
    applies_each();
    at(20);
    session_put(EU, "cart", "milk");
    session_reads(US, "cart");
    at(30);
    applies(US);
    session_reads(US, "cart");
    story_is("[   10] eu > cart: tea\n"
             "[   10] eu < 10/0:1 cart 10.0@eu: take\n"
             "[   10] us < 10/0:1 cart 10.0@eu: take\n"
             "[   20] eu > cart: milk\n"
             "[   20] us ? cart: tea, stale: 1 missing\n"
             "[   30] us < 10/0:2 cart 20.0@eu, held 10.0@eu: take\n"
             "[   30] us ? cart: milk\n");
}
END_TEST

START_TEST(siblings_stay_until_who_saw_them_writes)
{
    story_begin(&(struct sim_plan){.regions = 3, .resolver = SIM_SIBLINGS});
    at(10);
    put(EU, "list", "tea");
    at(20);
    put(US, "list", "milk");
    applies_each();
    shows(AP, "list");
    at(30);
    put_seen(AP, "list", "tea, milk");
    applies_each();
    shows(EU, "list");
    story_is("[   10] eu > list: tea\n"
             "[   20] us > list: milk\n"
             "[   20] eu < 10/0:1 list 10.0@eu: take\n"
             "[   20] eu < 20/0:1 list 20.0@us, held 10.0@eu: take\n"
             "[   20] us < 10/0:1 list 10.0@eu: take\n"
             "[   20] us < 20/0:1 list 20.0@us, held 10.0@eu: take\n"
             "[   20] ap < 10/0:1 list 10.0@eu: take\n"
             "[   20] ap < 20/0:1 list 20.0@us, held 10.0@eu: take\n"
             "[   20] ap ? list: milk and tea\n"
             "[   30] ap > list: tea, milk\n"
             "[   30] eu < 30/0:1 list 30.0@ap, held 20.0@us: take\n"
             "[   30] us < 30/0:1 list 30.0@ap, held 20.0@us: take\n"
             "[   30] ap < 30/0:1 list 30.0@ap, held 20.0@us: take\n"
             "[   30] eu ? list: tea, milk\n");
}
END_TEST

START_TEST(a_tombstone_goes_when_no_write_can_come_that_it_beats)
{
    story_begin(&(struct sim_plan){.regions = 2, .before_max_ms = 2400});
    at(10);
    put(EU, "cart", "tea");
    applies_each();
    at(20);
    deletes_seen(EU, "cart");
    applies_each();
    holds(US);
    for (int64_t ms = 1000; ms < 6000; ms += 500) {
        at(ms);
        applies_each();
    }
    holds(EU);
    holds(US);
    shows(US, "cart");
    story_is("[   10] eu > cart: tea\n"
             "[   10] eu < 10/0:1 cart 10.0@eu: take\n"
             "[   10] us < 10/0:1 cart 10.0@eu: take\n"
             "[   20] eu > cart: deleted\n"
             "[   20] eu < 10/0:2 cart 20.0@eu, held 10.0@eu: take\n"
             "[   20] us < 10/0:2 cart 20.0@eu, held 10.0@eu: take\n"
             "[   20] us = 1 tombstones, 0 expiring, swept up to 0\n"
             "[ 5500] eu = 0 tombstones, 0 expiring, swept up to 2600\n"
             "[ 5500] us = 0 tombstones, 0 expiring, swept up to 2600\n"
             "[ 5500] us ? cart: nothing\n");
}
END_TEST

START_TEST(a_region_that_is_away_holds_the_floor_until_its_log_goes_on)
{
    story_begin(&(struct sim_plan){.regions = 2, .before_max_ms = 2400});
    at(10);
    put(EU, "cart", "tea");
    applies_each();
    at(20);
    cuts(US);
    put(US, "list", "written while away");
    deletes_seen(EU, "cart");
    for (int64_t ms = 1000; ms < 6000; ms += 500) {
        at(ms);
        applies(EU);
    }
    holds(EU);
    heals(US);
    for (int64_t ms = 6000; ms < 9000; ms += 500) {
        at(ms);
        applies_each();
    }
    holds(EU);
    holds(US);
    shows(EU, "list");
    shows(US, "cart");
    story_is("[   10] eu > cart: tea\n"
             "[   10] eu < 10/0:1 cart 10.0@eu: take\n"
             "[   10] us < 10/0:1 cart 10.0@eu: take\n"
             "[   20] us ! cut off\n"
             "[   20] us > list: written while away\n"
             "[   20] eu > cart: deleted\n"
             "[ 1000] eu < 10/0:2 cart 20.0@eu, held 10.0@eu: take\n"
             "[ 5500] eu = 1 tombstones, 0 expiring, swept up to 0\n"
             "[ 5500] us ! healed\n"
             "[ 6000] eu < 20/0:1 list 20.0@us: take\n"
             "[ 6000] us < 10/0:2 cart 20.0@eu, held 10.0@eu: take\n"
             "[ 6000] us < 20/0:1 list 20.0@us: take\n"
             "[ 8500] eu = 0 tombstones, 0 expiring, swept up to 5600\n"
             "[ 8500] us = 0 tombstones, 0 expiring, swept up to 5600\n"
             "[ 8500] eu ? list: written while away\n"
             "[ 8500] us ? cart: nothing\n");
}
END_TEST

START_TEST(a_definition_in_the_middle_opens_a_log)
{
    story_begin(&(struct sim_plan){.regions = 2});
    at(10);
    put(EU, "cart", "tea");
    applies_each();
    at(20);
    ck_assert(sim_define_later(story_region(EU)->sim));
    applies_each();
    at(30);
    put(EU, "cart", "milk");
    applies_each();
    shows(US, "cart");
    story_is("[   10] eu > cart: tea\n"
             "[   10] eu < 10/0:1 cart 10.0@eu: take\n"
             "[   10] us < 10/0:1 cart 10.0@eu: take\n"
             "[   20] definition 2 opens log 25\n"
             "[   20] eu < 10/0:2 20.0@eu: define\n"
             "[   20] eu < 20/0:1 20.0@us: define\n"
             "[   20] eu < 25/0:0 20.0@us: define\n"
             "[   20] us < 10/0:2 20.0@eu: define\n"
             "[   20] us < 20/0:1 20.0@us: define\n"
             "[   20] us < 25/0:0 20.0@us: define\n"
             "[   30] eu > cart: milk\n"
             "[   30] eu < 10/0:3 cart 30.0@eu, held 10.0@eu: take\n"
             "[   30] us < 10/0:3 cart 30.0@eu, held 10.0@eu: take\n"
             "[   30] us ? cart: milk\n");
}
END_TEST

START_TEST(a_value_with_an_expiry_is_hidden_at_once_and_goes_later)
{
    story_begin(&(struct sim_plan){.regions = 2, .before_max_ms = 2400});
    at(10);
    put_until(EU, "cart", "tea", 500);
    applies_each();
    shows(US, "cart");
    at(600);
    shows(US, "cart");
    holds(US);
    for (int64_t ms = 1000; ms < 6000; ms += 500) {
        at(ms);
        applies_each();
    }
    holds(US);
    story_is("[   10] eu > cart: tea\n"
             "[   10] eu < 10/0:1 cart 10.0@eu: take\n"
             "[   10] us < 10/0:1 cart 10.0@eu: take\n"
             "[   10] us ? cart: tea\n"
             "[  600] us ? cart: nothing\n"
             "[  600] us = 0 tombstones, 1 expiring, swept up to 0\n"
             "[ 5500] us = 0 tombstones, 0 expiring, swept up to 2600\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stories");
    TCase *tests = tcase_create("stories");
    tcase_add_test(
        tests, two_regions_write_while_they_are_cut_off_and_one_value_wins_everywhere);
    tcase_add_test(tests, what_was_deleted_does_not_come_back_with_a_late_write);
    tcase_add_test(tests, a_daemon_that_dies_before_its_commit_applies_once);
    tcase_add_test(tests, a_daemon_that_dies_behind_its_commit_applies_once);
    tcase_add_test(tests, a_reset_takes_what_it_saw_and_no_more);
    tcase_add_test(tests,
                   a_session_that_goes_to_another_region_is_told_what_is_missing);
    tcase_add_test(tests, siblings_stay_until_who_saw_them_writes);
    tcase_add_test(tests, a_tombstone_goes_when_no_write_can_come_that_it_beats);
    tcase_add_test(tests, a_region_that_is_away_holds_the_floor_until_its_log_goes_on);
    tcase_add_test(tests, a_definition_in_the_middle_opens_a_log);
    tcase_add_test(tests, a_value_with_an_expiry_is_hidden_at_once_and_goes_later);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
