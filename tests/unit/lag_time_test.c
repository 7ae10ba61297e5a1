/* Clocks that are wrong, records that retention takes, and frontiers that fall. */
#include "lag_kit.h"

enum { HOUR_MS = 3600000 };

static void feed_span(uint16_t log, int64_t begin, int64_t end)
{
    iso_lag_feed_end(lag, &(struct iso_lag_end){.collection = "packages",
                                                .log = log,
                                                .begin = begin,
                                                .end = end,
                                                .asked_ms = KIT_NOW});
}

/* us has read eu's log up to `frontier`, in a store of its own. */
static void us_stands(int64_t frontier, int store, int64_t heard_ms)
{
    struct iso_report report = level(US, 0, 10);
    memset(report.store, store, sizeof report.store);
    kit_stand(&report, EU, frontier, KIT_NOW - 1000);
    kit_source(&report, EU, EU, (uint64_t)frontier, KIT_NOW - 1000);
    iso_lag_feed_report(lag, &report, heard_ms);
}

/* ---- clocks ---- */

/* The brokers' clock is off by so much: so is all that they stamp. */
static void begin_skewed(int64_t clock_ms)
{
    begin((struct kit_shape){.regions = 2, .partitions = 1});
    for (unsigned n = EU; n <= US; n++) {
        struct iso_report report = kit_report("packages", n, 0);
        for (uint16_t log = 1; log <= 2; log++) {
            kit_stand(&report, log, 10, KIT_NOW - 1000 + clock_ms);
            kit_source(&report, log, log, 10, KIT_NOW - 1000 + clock_ms);
        }
        iso_lag_feed_report(lag, &report, KIT_NOW);
        feed_span((uint16_t)n, 0, 12);
        saw((uint16_t)n, 0, 10, KIT_NOW - 700 + clock_ms);
    }
    iso_lag_feed_clock(lag, "home", clock_ms);
}

START_TEST(a_brokers_clock_that_is_off_is_put_right)
{
    static const int64_t off_ms[] = {HOUR_MS, -HOUR_MS, 1001, -1001};
    for (size_t i = 0; i < 4; i++) {
        begin_skewed(off_ms[i]);
        ck_assert_int_eq(row(EU, US)->lag_ms, 700);
        ck_assert_int_eq(row(EU, US)->staleness_ms, 1000);
        ck_assert_int_eq(row(EU, US)->newest_ms, KIT_NOW - 1000);
        ck_state(row(EU, US), ISO_LAG_OK, NULL);
        finish();
    }
}
END_TEST

START_TEST(a_difference_of_a_second_is_left_alone)
{
    begin_skewed(900);
    ck_assert_int_eq(row(EU, US)->lag_ms, 0);
    ck_assert_int_eq(row(EU, US)->staleness_ms, 100);
    finish();
    begin_skewed(-1000);
    ck_assert_int_eq(row(EU, US)->lag_ms, 1700);
    finish();
}
END_TEST

START_TEST(impossible_clocks_change_no_age_below_0)
{
    static const int64_t clocks_ms[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        begin_skewed(0);
        iso_lag_feed_clock(lag, "home", clocks_ms[i]);
        iso_lag_feed_clock(lag, "nobody's", clocks_ms[i]);
        ck_assert_int_ge(row(EU, US)->lag_ms, 0);
        ck_assert_int_ge(row(EU, US)->staleness_ms, 0);
        finish();
    }
}
END_TEST

START_TEST(the_clock_of_a_daemon_does_not_matter_and_its_offset_is_shown)
{
    begin_level();
    struct iso_report report = level(US, 0, 10);
    report.at_ms = KIT_NOW + HOUR_MS;
    report.has_health = report.health.has_clock = true;
    report.health.started_ms = KIT_NOW;
    report.health.clock_ms = HOUR_MS;
    report.health.clock_error_ms = 20;
    iso_lag_feed_report(lag, &report, KIT_NOW - 500);
    feed_end(EU, 0, 11);
    saw(EU, 0, 10, KIT_NOW - 300);
    ck_assert_int_eq(row(EU, US)->lag_ms, 300);
    ck_assert_int_eq(row(EU, US)->staleness_ms, 1000);
    ck_assert_int_eq(row(EU, US)->report_age_ms, 500);
    const struct iso_lag_region *regions;
    ck_assert_uint_eq(iso_lag_regions(lag, "packages", KIT_NOW, &regions), 3);
    ck_assert(regions[US - 1].has_clock && !regions[EU - 1].has_clock);
    ck_assert_int_eq(regions[US - 1].clock_ms, HOUR_MS);
    ck_assert_int_eq(regions[US - 1].clock_error_ms, 20);
    finish();
}
END_TEST

/* ---- retention ---- */

START_TEST(the_time_until_retention_takes_what_waits_is_known)
{
    begin_level();
    ck_assert_int_eq(row(EU, US)->deleted_in_ms, ISO_UNKNOWN_MS);
    feed_span(EU, 0, 12);
    ck_assert_int_eq(row(EU, US)->deleted_in_ms, ISO_UNKNOWN_MS); /* not asked yet */
    iso_lag_feed_retention(lag, "packages", EU, HOUR_MS);
    ck_assert_int_eq(row(EU, US)->deleted_in_ms, HOUR_MS - 1000); /* at the earliest */
    saw_none(EU, 0, 10, 12, KIT_NOW - 400); /* of what does not count as lag, too */
    ck_assert_int_eq(row(EU, US)->deleted_in_ms, HOUR_MS - 400);
    ck_assert_int_eq(row_at(EU, US, KIT_NOW + 2 * HOUR_MS)->deleted_in_ms,
                     ISO_UNKNOWN_MS); /* by then the end is not known any more */
    iso_lag_feed_retention(lag, "packages", EU, 100);
    ck_assert_int_eq(row(EU, US)->deleted_in_ms, 0);
    iso_lag_feed_retention(lag, "packages", EU, -1);
    ck_assert_int_eq(row(EU, US)->deleted_in_ms, ISO_UNKNOWN_MS);
    iso_lag_feed_retention(lag, "packages", EU, ISO_UNKNOWN_MS);
    ck_assert_int_eq(row(EU, US)->deleted_in_ms, ISO_UNKNOWN_MS);
    iso_lag_feed_retention(lag, "packages", 9, 5);
    iso_lag_feed_retention(lag, "other", EU, 5);
    finish();
}
END_TEST

START_TEST(what_retention_took_before_it_was_read_is_counted_and_named)
{
    begin_level();
    iso_lag_feed_retention(lag, "packages", EU, HOUR_MS);
    feed_span(EU, 10, 40);
    ck_assert_uint_eq(row(EU, US)->lost, 0);
    feed_span(EU, 25, 40);
    ck_assert_uint_eq(row(EU, US)->lost, 15);
    ck_assert_int_eq(row(EU, US)->deleted_in_ms, ISO_UNKNOWN_MS);
    ck_state(row(EU, US), ISO_LAG_LOST,
             "partition 0: 15 records of log 1 were deleted before us read them (it "
             "stands at 10, the log begins at 25)");
    ck_state(row(US, EU), ISO_LAG_OK, NULL);
    const char *collection; /* what is gone is not looked for */
    uint16_t log;
    uint32_t partition;
    int64_t offset;
    ck_assert(!iso_lag_wanted(lag, 0, &collection, &log, &partition, &offset));
    us_stands(25, US, KIT_NOW); /* seeded */
    ck_assert_uint_eq(row(EU, US)->lost, 0);
    ck_assert_int_ne(row(EU, US)->state, ISO_LAG_LOST);
    finish();
}
END_TEST

START_TEST(a_log_that_is_empty_again_has_lost_what_was_not_read)
{
    begin_level();
    feed_span(EU, 40, 40);
    ck_assert_uint_eq(row(EU, US)->lost, 30);
    ck_assert_int_eq(row(EU, US)->state, ISO_LAG_LOST);
    us_stands(40, US, KIT_NOW);
    ck_state(row(EU, US), ISO_LAG_OK, NULL);
    finish();
}
END_TEST

/* ---- rewound ---- */

START_TEST(a_frontier_that_fell_is_rewound_until_it_is_back)
{
    begin_level();
    feed_end(EU, 0, 20);
    us_stands(4, US, KIT_NOW);
    ck_state(row(EU, US), ISO_LAG_REWOUND,
             "partition 0: us stands 6 records of log 1 below where it was");
    ck_assert_int_eq(row(EU, AP)->state, ISO_LAG_OK);
    us_stands(9, US, KIT_NOW);
    ck_assert_int_eq(row(EU, US)->state, ISO_LAG_REWOUND);
    us_stands(10, US, KIT_NOW);
    ck_assert_int_eq(row(EU, US)->state, ISO_LAG_OK);
    finish();
}
END_TEST

START_TEST(another_store_that_is_behind_the_one_before_is_rewound_in_any_order)
{
    for (int order = 0; order < 2; order++) {
        begin_level();
        feed_end(EU, 0, 40);
        if (order == 0)
            us_stands(30, 0x71, KIT_NOW - 100);
        us_stands(12, 0x72, KIT_NOW);
        if (order == 1)
            us_stands(30, 0x71, KIT_NOW - 100);
        ck_state(row(EU, US), ISO_LAG_REWOUND, "18 records");
        us_stands(30, 0x72, KIT_NOW);
        ck_assert_int_ne(row(EU, US)->state, ISO_LAG_REWOUND);
        finish();
    }
}
END_TEST

START_TEST(a_claim_beyond_the_end_is_forgotten_at_the_end)
{
    begin_level();
    us_stands(INT64_MAX, US, KIT_NOW);
    us_stands(8, US, KIT_NOW);
    ck_assert_int_eq(row(EU, US)->state, ISO_LAG_REWOUND);
    us_stands(10, US, KIT_NOW);
    ck_state(row(EU, US), ISO_LAG_OK, NULL);
    feed_end(EU, 0, 12);
    ck_assert_int_eq(row(EU, US)->state, ISO_LAG_OK);
    finish();
}
END_TEST

static Suite *lag_time_suite(void)
{
    Suite *suite = suite_create("lag_time");
    TCase *cases = tcase_create("lag_time");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_brokers_clock_that_is_off_is_put_right);
    tcase_add_test(cases, a_difference_of_a_second_is_left_alone);
    tcase_add_test(cases, impossible_clocks_change_no_age_below_0);
    tcase_add_test(cases,
                   the_clock_of_a_daemon_does_not_matter_and_its_offset_is_shown);
    tcase_add_test(cases, the_time_until_retention_takes_what_waits_is_known);
    tcase_add_test(cases, what_retention_took_before_it_was_read_is_counted_and_named);
    tcase_add_test(cases, a_log_that_is_empty_again_has_lost_what_was_not_read);
    tcase_add_test(cases, a_frontier_that_fell_is_rewound_until_it_is_back);
    tcase_add_test(cases,
                   another_store_that_is_behind_the_one_before_is_rewound_in_any_order);
    tcase_add_test(cases, a_claim_beyond_the_end_is_forgotten_at_the_end);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(lag_time_suite());
}
