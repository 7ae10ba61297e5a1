/* Three regions converge, from a seed: the daemon's own loop on the memory bus. */
#include "world_run.h"
#include <check.h>

#include "schema/entry.h"

START_TEST(regions_hold_the_same_after_cuts_crashes_and_duplicates)
{
    struct world_counts sum = world_run_all((struct world_plan){0});
    ck_assert(world_one_seed() ||
              (sum.crashes > 10 && sum.cuts > 10 && sum.contexts > 100));
}
END_TEST

START_TEST(regions_hold_the_same_while_disks_fill_up)
{
    struct world_counts sum = world_run_all((struct world_plan){.full_disks = true});
    ck_assert(world_one_seed() || sum.store_failures > 100);
}
END_TEST

START_TEST(regions_hold_the_same_while_disks_fail)
{
    struct world_counts sum =
        world_run_all((struct world_plan){.full_disks = true, .bad_disks = true});
    ck_assert(world_one_seed() || sum.store_failures > 100);
}
END_TEST

START_TEST(regions_hold_the_same_whatever_other_clients_write)
{
    struct world_counts sum = world_run_all((struct world_plan){.hostile = true});
    ck_assert(world_one_seed() || sum.hostile > 100);
}
END_TEST

START_TEST(regions_hold_the_same_while_clocks_step_and_clients_are_fenced)
{
    struct world_counts sum =
        world_run_all((struct world_plan){.skewed = true, .fences = true});
    ck_assert(world_one_seed() || (sum.refused > 10 && sum.fences > 100));
}
END_TEST

START_TEST(regions_hold_the_same_through_all_of_it)
{
    world_run_all((struct world_plan){.full_disks = true,
                                      .bad_disks = true,
                                      .hostile = true,
                                      .skewed = true,
                                      .fences = true});
}
END_TEST

START_TEST(the_same_seed_gives_the_same_world)
{
    for (uint64_t seed = 1001; seed < 1004; seed++) {
        struct iso_buf first = {0}, second = {0};
        struct world_counts counts;
        struct world_plan plan = {.seed = seed,
                                  .per_region = seed % 2 == 0,
                                  .full_disks = true,
                                  .bad_disks = true,
                                  .hostile = true,
                                  .avro = seed % 2 == 1};
        world_run(&plan, &first, &counts);
        world_run(&plan, &second, &counts);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&first), iso_buf_bytes(&second)));
        ck_assert(first.size > 0);
        iso_buf_release(&first);
        iso_buf_release(&second);
    }
}
END_TEST

/* Takes one row out of a store; of entries, one of that kind (−1: any row). */
static void row_lose(struct iso_store *store, enum iso_space space, int kind)
{
    struct iso_why why;
    struct iso_txn *txn;
    struct iso_snapshot *snapshot;
    struct iso_cursor *cursor;
    struct iso_bytes key, value, all = {0};
    ck_assert_int_eq(iso_snapshot_open(store, &snapshot, &why), ISO_OK);
    ck_assert_int_eq(iso_cursor_open(snapshot, space, all, all, &cursor, &why), ISO_OK);
    ck_assert_int_eq(iso_txn_begin(store, &txn, &why), ISO_OK);
    bool lost = false;
    while (iso_cursor_next(cursor, &key, &value, &why) == ISO_OK && !lost) {
        lost = kind < 0 || (value.size > 1 && (value.data[1] & 7) == kind);
        if (lost)
            iso_txn_delete(txn, space, key);
    }
    iso_cursor_close(cursor);
    iso_snapshot_close(snapshot);
    ck_assert(lost);
    ck_assert_int_eq(iso_txn_commit(txn, &why), ISO_OK);
}

/* The checker itself: a region whose store lost one committed row is found out. */
START_TEST(a_region_that_lost_a_row_is_found_out)
{
    static const enum iso_space spaces[] = {ISO_ENTRY, ISO_LEDGER, ISO_BUCKET,
                                            ISO_MORTAL};
    for (int i = 0; i < 4; i++) {
        struct world world;
        struct world_plan plan = {.seed = 7};
        world_open(&world, &plan);
        for (int n = 0; n < WORLD_STEPS; n++)
            world_step(&world);
        ck_assert(world_settle(&world));
        struct iso_buf before = {0}, after = {0};
        world_export(&world.regions[1], 0, false, &before);
        ck_assert_uint_eq(world_faults(&world), 0);
        row_lose(world.regions[1].stores[0], spaces[i],
                 spaces[i] == ISO_ENTRY ? ISO_VALUE : -1);
        ck_assert_uint_gt(world_faults(&world), 0);
        world_export(&world.regions[1], 0, false, &after);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&before), iso_buf_bytes(&after)) ==
                  (spaces[i] != ISO_ENTRY));
        iso_buf_release(&before);
        iso_buf_release(&after);
        world_close(&world);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("three regions");
    TCase *tcase = tcase_create("world");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, regions_hold_the_same_after_cuts_crashes_and_duplicates);
    tcase_add_test(tcase, regions_hold_the_same_while_disks_fill_up);
    tcase_add_test(tcase, regions_hold_the_same_while_disks_fail);
    tcase_add_test(tcase, regions_hold_the_same_whatever_other_clients_write);
    tcase_add_test(tcase,
                   regions_hold_the_same_while_clocks_step_and_clients_are_fenced);
    tcase_add_test(tcase, regions_hold_the_same_through_all_of_it);
    tcase_add_test(tcase, the_same_seed_gives_the_same_world);
    tcase_add_test(tcase, a_region_that_lost_a_row_is_found_out);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
