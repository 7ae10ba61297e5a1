/* What a daemon tells of itself is true: latencies, its start, the newest loser. */
#include <check.h>
#include <stdio.h>

#include "world.h"

#include "schema/report.h"

static struct world_plan plan = {.seed = 11};

/* The newest report of every slice of one region. */
struct told {
    const char *region;
    struct iso_report newest[WORLD_PARTITIONS];
};

static enum iso_err told_each(void *user, const struct iso_record *record,
                              struct iso_why *why)
{
    struct told *told = user;
    struct iso_report report = {0};
    ck_assert_int_eq(iso_report_decode(record->value, &report, why), ISO_OK);
    if (strcmp(report.region, told->region) != 0) {
        iso_report_release(&report);
        return ISO_OK;
    }
    struct iso_report *newest = &told->newest[report.slice.partition];
    iso_report_release(newest);
    *newest = report;
    return ISO_OK;
}

static void told_read(struct world *world, const char *region, struct told *told)
{
    struct iso_why why = {0};
    struct iso_walk walk = {
        .topic = "iso.status", .timeout_ms = 1000, .each = told_each, .user = told};
    *told = (struct told){.region = region};
    ck_assert_int_eq(iso_bus_read(world->admins[0], &walk, NULL, &why), ISO_OK);
    for (int p = 0; p < WORLD_PARTITIONS; p++)
        ck_assert(told->newest[p].has_health);
}

static void told_release(struct told *told)
{
    for (int p = 0; p < WORLD_PARTITIONS; p++)
        iso_report_release(&told->newest[p]);
}

static struct iso_latency told_latency(const struct told *told)
{
    struct iso_latency sum = {0};
    for (int p = 0; p < WORLD_PARTITIONS; p++) {
        const struct iso_health *health = &told->newest[p].health;
        for (size_t s = 0; s < health->source_count; s++)
            iso_latency_merge(&sum, &health->sources[s].latency);
    }
    return sum;
}

static uint64_t told_effective(const struct told *told)
{
    uint64_t sum = 0;
    for (int p = 0; p < WORLD_PARTITIONS; p++)
        sum += told->newest[p].slice.effective;
    return sum;
}

static void writes(struct world *world, int count)
{
    for (int i = 0; i < count; i++) {
        world_write(world, &world->regions[world_dice(world, WORLD_REGIONS)]);
        world_turn(world);
    }
}

START_TEST(each_write_that_has_an_effect_is_counted_once)
{
    struct world world;
    world_open(&world, &plan);
    writes(&world, 300);
    ck_assert(world_settle(&world));
    for (int r = 0; r < WORLD_REGIONS; r++) {
        struct told told;
        told_read(&world, world.regions[r].name, &told);
        struct iso_latency latency = told_latency(&told);
        ck_assert_uint_gt(told_effective(&told), 0);
        ck_assert_uint_eq(iso_latency_count(&latency), told_effective(&told));
        told_release(&told);
    }
    world_close(&world);
}
END_TEST

START_TEST(a_slow_network_is_seen_in_the_latency_of_that_region_alone)
{
    struct world world;
    struct told told;
    world_open(&world, &plan);
    ck_assert(world_settle(&world));
    iso_memory_delay(world.regions[1].buses[0], 4000);
    writes(&world, 100);
    for (int i = 0; i < 200; i++) {
        iso_clock_manual_add(&world.clock, 100);
        world_turn(&world);
    }
    told_read(&world, world.regions[1].name, &told);
    struct iso_latency late = told_latency(&told);
    ck_assert_uint_gt(iso_latency_count(&late), 0);
    ck_assert_int_gt(iso_latency_quantile_ms(&late, 0.01), 2500);
    told_release(&told);
    told_read(&world, world.regions[0].name, &told);
    struct iso_latency soon = told_latency(&told);
    ck_assert_int_le(iso_latency_quantile_ms(&soon, 0.99), 2500);
    told_release(&told);
    world_close(&world);
}
END_TEST

START_TEST(a_daemon_that_starts_anew_says_so_and_counts_from_nothing)
{
    struct world world;
    struct told told;
    world_open(&world, &plan);
    writes(&world, 100);
    ck_assert(world_settle(&world));
    told_read(&world, world.regions[0].name, &told);
    int64_t started_ms = told.newest[0].health.started_ms;
    uint64_t effective = told_effective(&told);
    told_release(&told);
    iso_shard_close(world.regions[0].shards[0]);
    world.regions[0].shards[0] = NULL;
    iso_clock_manual_add(&world.clock, 5000);
    world_region_start(&world.regions[0], 0);
    writes(&world, 50);
    ck_assert(world_settle(&world));
    told_read(&world, world.regions[0].name, &told);
    struct iso_latency latency = told_latency(&told);
    ck_assert_int_ge(told.newest[0].health.started_ms, started_ms + 5000);
    ck_assert_uint_eq(iso_latency_count(&latency), told_effective(&told) - effective);
    told_release(&told);
    world_close(&world);
}
END_TEST

START_TEST(a_clock_that_is_off_is_told_and_latency_is_right_all_the_same)
{
    struct world world;
    struct told told;
    struct iso_clock_manual off;
    world_open(&world, &plan);
    ck_assert(world_settle(&world));
    iso_clock_manual_init(&off, world.clock.now_ms + 3600000);
    off.steady_ms = world.clock.steady_ms;
    iso_shard_close(world.regions[0].shards[0]);
    world.regions[0].daemon_clock = &off.clock;
    world_region_start(&world.regions[0], 0);
    for (int i = 0; i < 300; i++) {
        if (i % 3 == 0)
            world_write(&world, &world.regions[1]);
        iso_clock_manual_add(&world.clock, 50);
        iso_clock_manual_add(&off, 50);
        world_turn(&world);
    }
    told_read(&world, "eu", &told);
    ck_assert(told.newest[0].health.has_clock);
    int64_t error_ms = told.newest[0].health.clock_error_ms;
    ck_assert_int_le(error_ms, 100);
    ck_assert_int_ge(told.newest[0].health.clock_ms, 3600000 - error_ms);
    ck_assert_int_le(told.newest[0].health.clock_ms, 3600000 + error_ms);
    struct iso_latency latency = told_latency(&told);
    ck_assert_int_le(iso_latency_quantile_ms(&latency, 1), 1000);
    told_release(&told);
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("told");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, each_write_that_has_an_effect_is_counted_once);
    tcase_add_test(all, a_slow_network_is_seen_in_the_latency_of_that_region_alone);
    tcase_add_test(all, a_daemon_that_starts_anew_says_so_and_counts_from_nothing);
    tcase_add_test(all, a_clock_that_is_off_is_told_and_latency_is_right_all_the_same);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
