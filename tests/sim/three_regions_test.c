/* Three regions converge, from a seed: the daemon's own loop on the memory bus. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

#include "base/mem.h"
#include "schema/entry.h"

enum { SEEDS = 16, STEPS = 400 };

static uint64_t number_given(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static bool one_seed(void)
{
    return getenv("ISO_SIM_SEED") != NULL;
}

static int seed_count(void)
{
    return one_seed() ? 1 : (int)number_given("ISO_SIM_SEEDS", SEEDS);
}

/* Runs a world to its end; what it came to, as bytes. */
static void run(const struct world_plan *plan, struct iso_buf *outcome,
                struct world_counts *counts)
{
    struct world world;
    world_open(&world, plan);
    for (int i = 0; i < STEPS; i++)
        world_step(&world);
    ck_assert_msg(world_settle(&world), "seed %llu: the regions do not come to rest",
                  (unsigned long long)plan->seed);
    world_check(&world, outcome);
    uint64_t answered = world.counts.durable + world.counts.refused;
    ck_assert_msg(
        plan->skewed || plan->later ? answered <= world.counts.writes
                                    : world.counts.durable == world.counts.writes,
        "seed %llu: %llu of %llu writes became durable", (unsigned long long)plan->seed,
        (unsigned long long)world.counts.durable,
        (unsigned long long)world.counts.writes);
    *counts = world.counts;
    world_close(&world);
}

static void counts_add(struct world_counts *sum, const struct world_counts *counts)
{
    const uint64_t *from = (const uint64_t *)counts;
    uint64_t *to = (uint64_t *)sum;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

/* `faults` is what may happen; where logs, clusters, shards and collections are comes
 * from the seed. */
static struct world_counts run_all(struct world_plan faults)
{
    struct world_counts sum = {0}, counts;
    uint64_t seed = number_given("ISO_SIM_SEED", number_given("ISO_SIM_FROM", 1));
    for (int i = 0; i < seed_count(); i++, seed++) {
        struct iso_buf outcome = {0};
        struct world_plan plan = faults;
        plan.seed = seed;
        plan.per_region = seed % 2 == 0;
        plan.two_clusters = seed / 2 % 2 == 1;
        plan.two_shards = seed / 4 % 2 == 1;
        plan.two_collections = seed / 8 % 2 == 1;
        plan.later = seed % 3 == 0;
        plan.avro = seed % 5 % 2 == 0;
        run(&plan, &outcome, &counts);
        counts_add(&sum, &counts);
        iso_buf_release(&outcome);
    }
    printf("%d seeds: %llu writes (%llu with a context), %llu crashes, %llu cuts, %llu "
           "duplicates, %llu lost answers, %llu by others, %llu refused, %llu failures "
           "of stores, %llu clients fenced\n",
           seed_count(), (unsigned long long)sum.writes,
           (unsigned long long)sum.contexts, (unsigned long long)sum.crashes,
           (unsigned long long)sum.cuts, (unsigned long long)sum.duplicates,
           (unsigned long long)sum.lost_answers, (unsigned long long)sum.hostile,
           (unsigned long long)sum.refused, (unsigned long long)sum.store_failures,
           (unsigned long long)sum.fences);
    return sum;
}

START_TEST(regions_hold_the_same_after_cuts_crashes_and_duplicates)
{
    struct world_counts sum = run_all((struct world_plan){0});
    ck_assert(one_seed() || (sum.crashes > 10 && sum.cuts > 10 && sum.contexts > 100));
}
END_TEST

START_TEST(regions_hold_the_same_while_disks_fill_up)
{
    struct world_counts sum = run_all((struct world_plan){.full_disks = true});
    ck_assert(one_seed() || sum.store_failures > 100);
}
END_TEST

START_TEST(regions_hold_the_same_while_disks_fail)
{
    struct world_counts sum =
        run_all((struct world_plan){.full_disks = true, .bad_disks = true});
    ck_assert(one_seed() || sum.store_failures > 100);
}
END_TEST

START_TEST(regions_hold_the_same_whatever_other_clients_write)
{
    struct world_counts sum = run_all((struct world_plan){.hostile = true});
    ck_assert(one_seed() || sum.hostile > 100);
}
END_TEST

START_TEST(regions_hold_the_same_while_clocks_step_and_clients_are_fenced)
{
    struct world_counts sum =
        run_all((struct world_plan){.skewed = true, .fences = true});
    ck_assert(one_seed() || (sum.refused > 10 && sum.fences > 100));
}
END_TEST

START_TEST(regions_hold_the_same_through_all_of_it)
{
    run_all((struct world_plan){.full_disks = true,
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
        run(&plan, &first, &counts);
        run(&plan, &second, &counts);
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
    static const enum iso_space spaces[] = {ISO_ENTRY, ISO_LEDGER, ISO_BUCKET};
    for (int i = 0; i < 3; i++) {
        struct world world;
        struct world_plan plan = {.seed = 7};
        world_open(&world, &plan);
        for (int n = 0; n < STEPS; n++)
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
