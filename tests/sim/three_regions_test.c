/* Three regions converge, from a seed: the daemon's own loop on the memory bus. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

#include "base/mem.h"
#include "consumer/rows.h"
#include "schema/digest.h"
#include "schema/slice.h"

enum { SEEDS = 60, STEPS = 400 };

static uint64_t first_seed(void)
{
    const char *text = getenv("ISO_SIM_SEED");
    return text ? strtoull(text, NULL, 10) : 1;
}

static int seed_count(void)
{
    return getenv("ISO_SIM_SEED") ? 1 : SEEDS;
}

/* The committed state of a slice, as its report would say it. */
static void slice_of(struct world_region *region, uint32_t partition,
                     struct iso_slice *slice)
{
    struct iso_snapshot *snapshot;
    struct iso_why why;
    struct iso_buf key = {0};
    struct iso_bytes value;
    ck_assert_int_eq(iso_snapshot_open(region->store, &snapshot, &why), ISO_OK);
    iso_rows_key_slice(&key, 1, partition);
    ck_assert_int_eq(
        iso_snapshot_get(snapshot, ISO_META, iso_buf_bytes(&key), &value, &why),
        ISO_OK);
    ck_assert_int_eq(iso_slice_decode(value, slice, &why), ISO_OK);
    iso_snapshot_close(snapshot);
    iso_buf_release(&key);
}

static void assert_slices_equal(struct world *world, uint64_t seed)
{
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++) {
        struct iso_slice first = {0};
        slice_of(&world->regions[0], p, &first);
        for (int i = 1; i < WORLD_REGIONS; i++) {
            struct iso_slice other = {0};
            slice_of(&world->regions[i], p, &other);
            ck_assert_msg(
                iso_vector_equal(&first.vector, &other.vector) &&
                    iso_digest_equal(first.tally.live, other.tally.live) &&
                    iso_digest_equal(first.tally.mortal, other.tally.mortal) &&
                    iso_digest_equal(first.ledger, other.ledger) &&
                    first.effective == other.effective,
                "seed %llu: slice %u of %s differs", (unsigned long long)seed, p,
                world->regions[i].name);
            for (size_t l = 0; l < first.log_count; l++)
                ck_assert_msg(
                    iso_digest_equal(first.logs[l].prefix, other.logs[l].prefix),
                    "seed %llu: slice %u of %s read another log",
                    (unsigned long long)seed, p, world->regions[i].name);
            iso_slice_release(&other);
        }
        iso_slice_release(&first);
    }
}

static void assert_exports_equal(struct world *world, uint64_t seed, bool losers,
                                 struct iso_buf *first)
{
    world_export(&world->regions[0], losers, first);
    for (int i = 1; i < WORLD_REGIONS; i++) {
        struct iso_buf other = {0};
        world_export(&world->regions[i], losers, &other);
        ck_assert_msg(iso_bytes_equal(iso_buf_bytes(first), iso_buf_bytes(&other)),
                      "seed %llu: %s of %s differ:\n%s\n---\n%s",
                      (unsigned long long)seed, losers ? "losers" : "entries",
                      world->regions[i].name, iso_buf_text(first),
                      iso_buf_text(&other));
        iso_buf_release(&other);
    }
}

/* Runs a world to its end; what it came to, as bytes. */
static void run(uint64_t seed, struct iso_buf *outcome, struct world_counts *counts)
{
    struct world world;
    world_open(&world, seed, seed % 2 == 0);
    for (int i = 0; i < STEPS; i++)
        world_step(&world);
    ck_assert_msg(world_settle(&world), "seed %llu: the regions do not come to rest",
                  (unsigned long long)seed);
    assert_exports_equal(&world, seed, false, outcome);
    struct iso_buf losers = {0};
    assert_exports_equal(&world, seed, true, &losers);
    assert_slices_equal(&world, seed);
    iso_buf_add_bytes(outcome, iso_buf_bytes(&losers));
    iso_buf_release(&losers);
    ck_assert_msg(world.counts.durable == world.counts.writes,
                  "seed %llu: %llu of %llu writes became durable",
                  (unsigned long long)seed, (unsigned long long)world.counts.durable,
                  (unsigned long long)world.counts.writes);
    *counts = world.counts;
    world_close(&world);
}

START_TEST(regions_hold_the_same_after_cuts_crashes_and_duplicates)
{
    struct world_counts sum = {0}, counts;
    uint64_t seed = first_seed();
    for (int i = 0; i < seed_count(); i++, seed++) {
        struct iso_buf outcome = {0};
        run(seed, &outcome, &counts);
        sum.writes += counts.writes;
        sum.crashes += counts.crashes;
        sum.cuts += counts.cuts;
        sum.contexts += counts.contexts;
        sum.duplicates += counts.duplicates;
        sum.lost_answers += counts.lost_answers;
        iso_buf_release(&outcome);
    }
    printf("%d seeds: %llu writes (%llu with a context), %llu crashes, %llu cuts, %llu "
           "duplicates, %llu lost answers\n",
           seed_count(), (unsigned long long)sum.writes,
           (unsigned long long)sum.contexts, (unsigned long long)sum.crashes,
           (unsigned long long)sum.cuts, (unsigned long long)sum.duplicates,
           (unsigned long long)sum.lost_answers);
    if (seed_count() > 1)
        ck_assert(sum.crashes > 10 && sum.cuts > 10 && sum.contexts > 100);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_world)
{
    for (uint64_t seed = 1001; seed < 1004; seed++) {
        struct iso_buf first = {0}, second = {0};
        struct world_counts counts;
        run(seed, &first, &counts);
        run(seed, &second, &counts);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&first), iso_buf_bytes(&second)));
        ck_assert(first.size > 0);
        iso_buf_release(&first);
        iso_buf_release(&second);
    }
}
END_TEST

/* The checker itself: a region whose store lost one committed entry is found out. */
START_TEST(a_region_that_lost_an_entry_is_found_out)
{
    struct world world;
    struct iso_why why;
    world_open(&world, 7, false);
    for (int i = 0; i < STEPS; i++)
        world_step(&world);
    ck_assert(world_settle(&world));
    struct iso_buf before = {0}, after = {0};
    world_export(&world.regions[1], false, &before);
    struct iso_txn *txn;
    struct iso_snapshot *snapshot;
    struct iso_cursor *cursor;
    struct iso_bytes key, value, all = {0};
    ck_assert_int_eq(iso_snapshot_open(world.regions[1].store, &snapshot, &why),
                     ISO_OK);
    ck_assert_int_eq(iso_cursor_open(snapshot, ISO_ENTRY, all, all, &cursor, &why),
                     ISO_OK);
    ck_assert_int_eq(iso_txn_begin(world.regions[1].store, &txn, &why), ISO_OK);
    bool deleted = false;
    while (iso_cursor_next(cursor, &key, &value, &why) == ISO_OK && !deleted) {
        deleted = value.size > 1 && (value.data[1] & 7) == 0; /* a plain value */
        if (deleted)
            iso_txn_delete(txn, ISO_ENTRY, key);
    }
    iso_cursor_close(cursor);
    iso_snapshot_close(snapshot);
    ck_assert(deleted);
    ck_assert_int_eq(iso_txn_commit(txn, &why), ISO_OK);
    world_export(&world.regions[1], false, &after);
    ck_assert(!iso_bytes_equal(iso_buf_bytes(&before), iso_buf_bytes(&after)));
    iso_buf_release(&before);
    iso_buf_release(&after);
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("three regions");
    TCase *tcase = tcase_create("world");
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, regions_hold_the_same_after_cuts_crashes_and_duplicates);
    tcase_add_test(tcase, the_same_seed_gives_the_same_world);
    tcase_add_test(tcase, a_region_that_lost_an_entry_is_found_out);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
