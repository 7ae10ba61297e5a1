/* How fast a pair gets on, until when nothing waits, and how long its writes were under
 * way: by time, however often somebody looked. */
#include <math.h>

#include "watch_kit.h"

#include "base/clock.h"

static struct kit kit;

static void setup(void)
{
    kit_init(&kit);
}

/* ---- rates ---- */

/* A second: so many more applied and written. */
static const struct iso_status_pair *second(uint64_t applied, uint64_t written)
{
    kit_stand(&kit, kit.row.applied + applied, kit.row.written + written, 31000);
    return kit_look(&kit, SECOND);
}

START_TEST(what_becomes_less_is_catching_up_and_says_when_it_is_done)
{
    kit_late(&kit, ISO_LAG_CATCHING_UP, "");
    ck_pair(kit_look(&kit, 0), ISO_LAG_CATCHING_UP, "late.moves");
    ck_assert_ptr_nonnull(strstr(kit.pair.why, "it gets on"));
    for (int i = 0; i < 4; i++)
        second(830, 120);
    ck_pair(&kit.pair, ISO_LAG_CATCHING_UP, "late.shrinks");
    ck_assert_double_eq_tol(kit.pair.applied_rate, 830, 0.01);
    ck_assert_double_eq_tol(kit.pair.written_rate, 120, 0.01);
    ck_assert_int_eq(kit.pair.eta_ms, (12400 - 4 * 710) * 1000 / 710);
    ck_assert_str_eq(kit.pair.why,
                     "9,560 records of eu wait for us, the oldest for 31 s; 830/s "
                     "applied, 120/s written: done in about 13 s");
}
END_TEST

START_TEST(what_moves_and_does_not_become_less_is_lagging)
{
    kit_late(&kit, ISO_LAG_CATCHING_UP, "");
    kit_look(&kit, 0);
    for (int i = 0; i < 5; i++)
        second(120, 830);
    ck_pair(&kit.pair, ISO_LAG_LAGGING, "late.grows");
    ck_assert_int_eq(kit.pair.eta_ms, ISO_UNKNOWN_MS);
    ck_assert_str_eq(
        kit.pair.why,
        "15,950 records of eu wait for us, the oldest for 31 s; 120/s applied, 830/s "
        "written: it has not caught up for 2.0 s; give the daemon of us more processor "
        "time or memory (daemon.memory.max), or write less");
}
END_TEST

START_TEST(an_end_that_is_days_away_is_no_end)
{
    kit_late(&kit, ISO_LAG_CATCHING_UP, "");
    kit_stand(&kit, 0, 1000000000, 31000);
    kit_look(&kit, 0);
    for (int i = 0; i < 6; i++)
        second(1010, 10);
    ck_pair(&kit.pair, ISO_LAG_LAGGING, "late.grows");
    ck_assert_int_eq(kit.pair.eta_ms, ISO_UNKNOWN_MS);
}
END_TEST

START_TEST(rates_are_of_time_and_not_of_looks)
{
    kit_late(&kit, ISO_LAG_CATCHING_UP, "");
    kit_look(&kit, 0);
    int64_t steps[] = {100, 100, 7000, 100, 3000, 100, 100, 12000, 500};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        kit_stand(&kit, kit.row.applied + (uint64_t)steps[i], kit.row.written, 31000);
        kit_look(&kit, steps[i]);
    }
    ck_assert_double_eq_tol(kit.pair.applied_rate, 1000, 0.01);
    ck_assert_double_eq_tol(kit.pair.written_rate, 0, 0.01);
}
END_TEST

START_TEST(rates_are_of_the_last_minute)
{
    for (int i = 0; i < 120; i++)
        second(10, 10);
    for (int i = 0; i < 61; i++)
        second(500, 500);
    ck_assert_double_eq_tol(kit.pair.applied_rate, 500, 0.01);
    ck_assert_double_eq_tol(kit.pair.written_rate, 500, 0.01);
}
END_TEST

START_TEST(looks_that_are_an_hour_apart_have_rates_too)
{
    kit_look(&kit, 0);
    kit_stand(&kit, 10000 + 7200, 10000 + 3600, 0);
    kit_look(&kit, HOUR);
    ck_assert_double_eq_tol(kit.pair.applied_rate, 2, 0.001);
    kit_stand(&kit, kit.row.applied + 3600, 10000 + 7200, 0);
    kit_look(&kit, HOUR);
    ck_assert_double_eq_tol(kit.pair.applied_rate, 1, 0.001);
    ck_assert_double_eq_tol(kit.pair.written_rate, 1, 0.001);
}
END_TEST

START_TEST(what_stood_still_is_no_guide_to_how_fast_it_goes_now)
{
    kit_late(&kit, ISO_LAG_STALLED, "");
    for (int i = 0; i < 50; i++)
        second(0, 100);
    kit.row.state = ISO_LAG_CATCHING_UP;
    for (int i = 0; i < 5; i++)
        second(2000, 100);
    ck_pair(&kit.pair, ISO_LAG_CATCHING_UP, "late.shrinks");
    ck_assert_double_eq_tol(kit.pair.applied_rate, 2000, 0.01);
}
END_TEST

START_TEST(a_frontier_that_falls_begins_the_rates_anew)
{
    for (int i = 0; i < 10; i++)
        second(100, 100);
    kit_stand(&kit, 50, kit.row.written, 31000);
    kit_look(&kit, SECOND);
    ck_assert(kit.pair.applied_rate < 0);
    for (int i = 0; i < 3; i++)
        second(300, 0);
    ck_assert_double_eq_tol(kit.pair.applied_rate, 300, 0.01);
}
END_TEST

START_TEST(a_steady_pace_is_seen_as_it_is_however_it_is_looked_at)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct iso_chance chance;
        iso_chance_seeded_init(&chance, seed);
        setup();
        size_t known = 0;
        for (int i = 0; i < 500; i++) {
            uint64_t kind = iso_chance_draw(&chance) % 50;
            int64_t step_ms = kind == 0   ? HOUR
                              : kind == 1 ? -(int64_t)(10 * SECOND)
                              : kind < 20 ? (int64_t)(iso_chance_draw(&chance) % 900)
                                          : SECOND;
            uint64_t moved =
                step_ms < 0 ? 0 : (uint64_t)step_ms * 3; /* 3,000 a second */
            kit_stand(&kit, kit.row.applied + moved, kit.row.written + 2 * moved, 0);
            kit_look(&kit, step_ms);
            if (kit.pair.applied_rate < 0)
                continue;
            known++;
            ck_assert_msg(fabs(kit.pair.applied_rate - 3000) < 0.01 &&
                              fabs(kit.pair.written_rate - 6000) < 0.01,
                          "seed %d, look %d: %f", (int)seed, i, kit.pair.applied_rate);
        }
        ck_assert_uint_gt(known, 300);
    }
}
END_TEST

/* ---- latency ---- */

START_TEST(latency_is_of_what_was_applied_in_the_last_five_minutes)
{
    kit.row.has_latency = true;
    for (int i = 0; i < 1000; i++)
        iso_latency_add(&kit.row.latency, 3000000);
    kit_look(&kit, 0); /* what was before is history */
    ck_assert_int_eq(kit.pair.latency_p50_ms, ISO_UNKNOWN_MS);
    for (int i = 0; i < 99; i++)
        iso_latency_add(&kit.row.latency, 40);
    iso_latency_add(&kit.row.latency, 9000);
    kit_look(&kit, SECOND);
    ck_assert_int_gt(kit.pair.latency_p50_ms, 25);
    ck_assert_int_le(kit.pair.latency_p50_ms, 50);
    ck_assert_int_le(kit.pair.latency_p99_ms, 50);
    for (int i = 0; i < 10; i++)
        iso_latency_add(&kit.row.latency, 9000);
    kit_look(&kit, SECOND);
    ck_assert_int_gt(kit.pair.latency_p99_ms, 5000);
    for (int i = 0; i < 340; i++)
        kit_look(&kit, SECOND);
    ck_assert_int_eq(kit.pair.latency_p50_ms, ISO_UNKNOWN_MS);
}
END_TEST

START_TEST(a_histogram_that_falls_begins_anew)
{
    kit.row.has_latency = true;
    for (int i = 0; i < 1000; i++)
        iso_latency_add(&kit.row.latency, 40);
    kit_look(&kit, 0);
    kit.row.latency = (struct iso_latency){0};
    iso_latency_add(&kit.row.latency, 40);
    kit_look(&kit, SECOND);
    ck_assert_int_eq(kit.pair.latency_p50_ms, ISO_UNKNOWN_MS);
    iso_latency_add(&kit.row.latency, 300);
    kit_look(&kit, SECOND);
    ck_assert_int_gt(kit.pair.latency_p50_ms, 250);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch_pace");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, what_becomes_less_is_catching_up_and_says_when_it_is_done);
    tcase_add_test(tests, what_moves_and_does_not_become_less_is_lagging);
    tcase_add_test(tests, an_end_that_is_days_away_is_no_end);
    tcase_add_test(tests, rates_are_of_time_and_not_of_looks);
    tcase_add_test(tests, rates_are_of_the_last_minute);
    tcase_add_test(tests, looks_that_are_an_hour_apart_have_rates_too);
    tcase_add_test(tests, what_stood_still_is_no_guide_to_how_fast_it_goes_now);
    tcase_add_test(tests, a_frontier_that_falls_begins_the_rates_anew);
    tcase_add_test(tests, latency_is_of_what_was_applied_in_the_last_five_minutes);
    tcase_add_test(tests, a_histogram_that_falls_begins_anew);
    tcase_add_test(tests, a_steady_pace_is_seen_as_it_is_however_it_is_looked_at);
    suite_add_tcase(suite, tests);
    return kit_main(suite);
}
