/* What of a look is news, where three regions and one partition are not enough to see
 * it: stores of many slices, clocks of several collections, verdicts. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "monitor/tell.h"

enum { SECOND = 1000, SLICES = 4 };

static struct tell tell;
static struct iso_lag_region region;
static int64_t now_ms;

static void setup(void)
{
    iso_tell_init(&tell, SECOND);
    now_ms = INT64_C(1700000000000);
    region = (struct iso_lag_region){.slices = SLICES, .started_ms = now_ms};
    snprintf(region.collection, sizeof region.collection, "packages");
    snprintf(region.region, sizeof region.region, "eu");
}

static void teardown(void)
{
    iso_tell_release(&tell);
}

/* A look at the region, whose slices are in these stores; says how many events. */
static size_t look(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const uint64_t stores[SLICES] = {a, b, c, d};
    now_ms += SECOND;
    iso_tell_begin(&tell);
    iso_tell_region(&tell, &region, stores, now_ms);
    iso_tell_end(&tell);
    return tell.event_count;
}

START_TEST(slices_that_are_heard_one_after_the_other_are_no_news)
{
    ck_assert_uint_eq(look(0, 0, 0, 0), 0);
    ck_assert_uint_eq(look(7, 0, 0, 0), 0);
    ck_assert_uint_eq(look(7, 0, 8, 7), 0);
    ck_assert_uint_eq(look(7, 7, 8, 7), 0);
    ck_assert_uint_eq(look(0, 7, 8, 7), 0);
    ck_assert_uint_eq(look(7, 7, 8, 7), 0);
}
END_TEST

START_TEST(a_store_that_takes_over_slice_by_slice_is_told_once)
{
    look(7, 7, 7, 7);
    ck_assert_uint_eq(look(9, 7, 7, 7), 1);
    ck_assert_str_eq(tell.events[0].is, "replaced");
    ck_assert_str_eq(tell.events[0].collection, "packages");
    ck_assert_uint_eq(look(9, 9, 7, 7), 0);
    ck_assert_uint_eq(look(9, 9, 9, 9), 0);
    ck_assert_uint_eq(look(9, 11, 9, 9), 1);
}
END_TEST

START_TEST(a_region_that_left_and_comes_back_is_begun_anew)
{
    look(7, 7, 7, 7);
    iso_tell_begin(&tell);
    iso_tell_end(&tell);
    ck_assert_uint_eq(tell.stores.count, 0);
    ck_assert_uint_eq(tell.regions.count, 0);
    ck_assert_uint_eq(look(9, 9, 9, 9), 0);
}
END_TEST

START_TEST(one_daemon_of_two_collections_is_told_of_once)
{
    const uint64_t stores[SLICES] = {7, 7, 7, 7};
    size_t starts = 0, clocks = 0;
    region.has_clock = true;
    for (int i = 0; i < 20; i++) {
        if (i == 5) {
            region.started_ms += 90 * SECOND;
            region.clock_ms = -7200000;
        }
        now_ms += SECOND;
        iso_tell_begin(&tell);
        for (int n = 0; n < 2; n++) {
            snprintf(region.collection, sizeof region.collection, "collection-%d", n);
            iso_tell_region(&tell, &region, stores, now_ms);
        }
        iso_tell_end(&tell);
        for (size_t e = 0; e < tell.event_count; e++) {
            starts += tell.events[e].kind == ISO_WATCH_DAEMON;
            clocks += tell.events[e].kind == ISO_WATCH_WARNING;
            ck_assert_str_eq(tell.events[e].collection, "");
            ck_assert_str_eq(tell.events[e].source, "eu");
        }
    }
    ck_assert_uint_eq(starts, 1);
    ck_assert_uint_eq(clocks, 1);
    ck_assert_str_eq(iso_tell_clock(&tell, "eu"),
                     "the clock of eu is 7,200 s behind its brokers");
    ck_assert_ptr_null(iso_tell_clock(&tell, "us"));
}
END_TEST

START_TEST(a_clock_that_may_be_right_is_not_called_wrong)
{
    region.has_clock = true;
    region.clock_ms = 1800;
    region.clock_error_ms = 900;
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(look(7, 7, 7, 7), 0);
    region.clock_error_ms = 100;
    ck_assert_uint_eq(look(7, 7, 7, 7) + look(7, 7, 7, 7), 1);
}
END_TEST

/* A look at a verdict; says how many events. */
static size_t judged(enum iso_verdict_state state)
{
    struct iso_status_collection collection = {.verdict = {.state = state}};
    snprintf(collection.name, sizeof collection.name, "packages");
    now_ms += SECOND;
    iso_tell_begin(&tell);
    iso_tell_collection(&tell, &collection, now_ms);
    iso_tell_end(&tell);
    return tell.event_count;
}

START_TEST(what_traffic_keeps_apart_is_told_when_it_lasts)
{
    ck_assert_uint_eq(judged(ISO_VERDICT_CONVERGED), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(
            judged(i % 7 == 0 ? ISO_VERDICT_CONVERGED : ISO_VERDICT_PENDING), 0);
    size_t told = 0;
    for (int i = 0; i < 100; i++)
        told += judged(i % 2 == 0 ? ISO_VERDICT_PENDING : ISO_VERDICT_CONSISTENT);
    ck_assert_uint_eq(told, 1);
    for (int i = 0; i < 3; i++)
        told += judged(ISO_VERDICT_CONVERGED);
    ck_assert_uint_eq(told, 2);
    ck_assert_str_eq(tell.events[0].is, "converged");
}
END_TEST

START_TEST(damage_is_told_after_two_looks_and_at_the_first)
{
    judged(ISO_VERDICT_CONVERGED);
    ck_assert_uint_eq(judged(ISO_VERDICT_DIVERGED), 0);
    ck_assert_uint_eq(judged(ISO_VERDICT_DIVERGED), 1);
    ck_assert_str_eq(tell.events[0].was, "converged");
    ck_assert_str_eq(tell.events[0].is, "diverged");
    teardown();
    setup();
    ck_assert_uint_eq(judged(ISO_VERDICT_DIVERGED), 1);
    ck_assert_str_eq(tell.events[0].was, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch_tell");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, slices_that_are_heard_one_after_the_other_are_no_news);
    tcase_add_test(tests, a_store_that_takes_over_slice_by_slice_is_told_once);
    tcase_add_test(tests, a_region_that_left_and_comes_back_is_begun_anew);
    tcase_add_test(tests, one_daemon_of_two_collections_is_told_of_once);
    tcase_add_test(tests, a_clock_that_may_be_right_is_not_called_wrong);
    tcase_add_test(tests, what_traffic_keeps_apart_is_told_when_it_lasts);
    tcase_add_test(tests, damage_is_told_after_two_looks_and_at_the_first);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
