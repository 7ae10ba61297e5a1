/* The numbers of the table of lag, in each shape of logs, and what is not known. */
#include "lag_kit.h"

/* ---- counts and ages ---- */

START_TEST(a_quiet_collection_is_0_behind_and_fresh)
{
    begin_level();
    const struct iso_lag_row *at = row(EU, US);
    ck_assert_uint_eq(at->records_behind, 0);
    ck_assert(at->records_exact);
    ck_assert_int_eq(at->lag_ms, 0);
    ck_assert_int_eq(at->staleness_ms, 1000);
    ck_assert_int_eq(at->report_age_ms, 500);
    ck_state(at, ISO_LAG_OK, NULL);
    finish();
}
END_TEST

START_TEST(what_waits_in_the_log_of_the_source_is_counted_and_aged)
{
    begin_level();
    feed_end(EU, 0, 14);
    saw(EU, 0, 10, KIT_NOW - 300);
    const struct iso_lag_row *at = row(EU, US);
    ck_assert_uint_eq(at->records_behind, 4);
    ck_assert(at->records_exact);
    ck_assert_int_eq(at->lag_ms, 300);
    ck_state(at, ISO_LAG_OK, NULL);
    ck_assert_uint_eq(row(US, AP)->records_behind, 0);
    ck_assert_int_eq(row(US, AP)->lag_ms, 0);
    finish();
}
END_TEST

START_TEST(what_was_refused_is_counted_where_the_target_has_read)
{
    begin((struct kit_shape){.regions = 2, .partitions = 2});
    for (uint32_t p = 0; p < 2; p++) {
        struct iso_report report = kit_report("packages", US, p);
        kit_stand(&report, EU, 10, KIT_NOW - 1000);
        iso_slice_log(&report.slice, EU)->refused = 3 + p;
        iso_lag_feed_report(lag, &report, KIT_NOW - 100);
    }
    ck_assert_uint_eq(row(EU, US)->refused, 7);
    ck_assert_uint_eq(row(US, EU)->refused, 0);
    finish();
}
END_TEST

START_TEST(the_worst_slice_is_shown)
{
    begin((struct kit_shape){.regions = 2, .partitions = 3});
    for (uint32_t p = 0; p < 3; p++) {
        struct iso_report report = kit_report("packages", US, p);
        kit_stand(&report, EU, 10, KIT_NOW - 1000 * (p + 1));
        kit_source(&report, EU, EU, 10, KIT_NOW - 1000 * (p + 1));
        iso_lag_feed_report(lag, &report, KIT_NOW - 100 * (p + 1));
        feed_end(EU, p, 10 + p);
        saw(EU, p, 10, KIT_NOW - 400 * p);
    }
    const struct iso_lag_row *at = row(EU, US);
    ck_assert_uint_eq(at->records_behind, 3);
    ck_assert_int_eq(at->lag_ms, 800);
    ck_assert_int_eq(at->staleness_ms, 3000);
    ck_assert_int_eq(at->report_age_ms, 300);
    finish();
}
END_TEST

START_TEST(without_its_append_time_a_record_is_as_old_as_the_one_before)
{
    begin_level();
    feed_end(EU, 0, 12);
    ck_assert_int_eq(row(EU, US)->lag_ms, 1000);
    saw(EU, 0, 10, KIT_NOW - 200);
    ck_assert_int_eq(row(EU, US)->lag_ms, 200);
    finish();
}
END_TEST

START_TEST(a_clock_that_is_ahead_makes_0_and_never_less)
{
    begin_level();
    feed_end(EU, 0, 11);
    saw(EU, 0, 10, KIT_NOW + 5000);
    const struct iso_lag_row *at = row_at(EU, US, KIT_NOW - 100000);
    ck_assert_int_eq(at->lag_ms, 0);
    ck_assert_int_eq(at->staleness_ms, 0);
    ck_assert_int_eq(at->report_age_ms, 0);
    finish();
}
END_TEST

START_TEST(a_report_of_impossible_times_is_shown_as_very_old)
{
    begin_level();
    struct iso_report report = level(US, 0, 10);
    kit_source(&report, EU, EU, 10, INT64_MIN + 1);
    kit_stand(&report, EU, 10, INT64_MIN + 1);
    iso_lag_feed_report(lag, &report, INT64_MIN + 1);
    report = level(US, 0, 11);
    iso_lag_feed_report(lag, &report, INT64_MAX);
    report = level(US, 0, 9);
    kit_source(&report, EU, EU, 9, INT64_MIN + 1);
    kit_stand(&report, EU, 9, INT64_MIN + 1);
    iso_lag_feed_report(lag, &report, INT64_MIN + 1);
    ck_assert_int_eq(row(EU, US)->staleness_ms, INT64_MAX);
    ck_assert_int_eq(row(EU, US)->lag_ms, INT64_MAX);
    ck_assert_int_eq(row(EU, US)->report_age_ms, INT64_MAX);
    finish();
}
END_TEST

START_TEST(a_region_ahead_of_the_ends_as_they_were_read_is_0_behind)
{
    begin_level();
    feed_end(EU, 0, 7);
    ck_assert_uint_eq(row(EU, US)->records_behind, 0);
    ck_assert_int_eq(row(EU, US)->lag_ms, 0);
    finish();
}
END_TEST

/* us stood at 500 of a log that was cut off at 12 since. */
START_TEST(a_region_beyond_the_end_is_no_measure_for_the_others)
{
    begin_level();
    struct iso_report report = level(US, 0, 500);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    feed_end(EU, 0, 12);
    saw(EU, 0, 10, KIT_NOW - 700);
    ck_assert_uint_eq(row(EU, AP)->records_behind, 2);
    ck_assert_int_eq(row(EU, AP)->lag_ms, 700);
    ck_assert_int_eq(row(US, AP)->lag_ms, 0); /* its log ends at 10, as ever */
    report = level(AP, 0, 12);
    kit_stand(&report, US, 10, KIT_NOW);
    kit_source(&report, US, US, 10, KIT_NOW);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    saw_none(EU, 0, 10, 12, KIT_NOW - 700);
    ck_state(row(EU, AP), ISO_LAG_OK, NULL);
    ck_assert_int_eq(row(EU, AP)->lag_ms, 0);
    finish();
}
END_TEST

/* In a shared log, what it counted there is no measure either. */
START_TEST(what_was_counted_beyond_the_end_of_a_shared_log_does_not_wait)
{
    begin((struct kit_shape){.regions = 3, .partitions = 1, .shared = true});
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = kit_report("packages", n, 0);
        kit_stand(&report, 1, n == US ? 500 : 8, KIT_NOW - 1000);
        kit_source(&report, 1, EU, n == US ? 400 : 4, KIT_NOW - 1000);
        iso_lag_feed_report(lag, &report, KIT_NOW);
    }
    feed_end(1, 0, 10);
    saw_none(1, 0, 8, 10, KIT_NOW - 500); /* heartbeats */
    ck_assert_uint_eq(row(EU, AP)->records_behind, 2);
    ck_assert_int_eq(row(EU, AP)->lag_ms, 0);
    finish();
}
END_TEST

START_TEST(a_closed_log_ends_where_its_definition_says)
{
    begin_level();
    int64_t *ends = iso_alloc(sizeof *ends);
    ends[0] = 25;
    definition->logs[EU - 1].ends = ends;
    ck_assert_uint_eq(row(EU, US)->records_behind, 15);
    ck_assert_uint_eq(row_at(EU, US, KIT_NOW + 3600000)->records_behind, 15);
    finish();
}
END_TEST

/* ---- shared logs ---- */

/* One log, three writers, end 100: eu has read all of it, us up to 60, ap up to 30. Of
 * eu's writes us counted 20 of 40, ap 10; of us's writes all counted the same 5. */
static void begin_shared(int64_t end)
{
    begin((struct kit_shape){.regions = 3, .partitions = 1, .shared = true});
    const int64_t frontiers[] = {100, 60, 30};
    const uint64_t writes[] = {40, 20, 10};
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = kit_report("packages", n, 0);
        kit_stand(&report, 1, frontiers[n - 1], KIT_NOW - 100 * n);
        kit_source(&report, 1, EU, writes[n - 1], KIT_NOW - 100 * n);
        kit_source(&report, 1, US, 5, KIT_NOW - 4000);
        iso_lag_feed_report(lag, &report, KIT_NOW);
    }
    feed_end(1, 0, end);
}

START_TEST(in_a_shared_log_only_the_writes_of_the_source_wait)
{
    begin_shared(100);
    ck_assert_uint_eq(row(EU, US)->records_behind, 20);
    ck_assert_uint_eq(row(EU, AP)->records_behind, 30);
    ck_assert(row(EU, AP)->records_exact);
    ck_assert_int_eq(row(EU, AP)->lag_ms, 300);
    saw(1, 0, 30, KIT_NOW - 250);
    ck_assert_int_eq(row(EU, AP)->lag_ms, 250);
    finish();
}
END_TEST

START_TEST(in_a_shared_log_that_is_read_by_some_region_others_writes_do_not_wait)
{
    begin_shared(100);
    ck_assert_uint_eq(row(US, AP)->records_behind, 0);
    ck_assert(row(US, AP)->records_exact);
    ck_assert_int_eq(row(US, AP)->lag_ms, 0);
    finish();
}
END_TEST

START_TEST(what_no_region_has_read_of_a_shared_log_may_be_anybodys)
{
    begin_shared(107);
    const struct iso_lag_row *at = row(US, AP);
    ck_assert_uint_eq(at->records_behind, 7);
    ck_assert(!at->records_exact);
    ck_assert_int_eq(at->lag_ms, 100); /* as old as the newest that eu has read */
    saw(1, 0, 100, KIT_NOW - 30);
    ck_assert_int_eq(row(US, AP)->lag_ms, 30);
    ck_assert_uint_eq(row(EU, AP)->records_behind, 37);
    ck_assert(!row(EU, AP)->records_exact);
    finish();
}
END_TEST

START_TEST(records_of_plain_clients_in_a_shared_log_count_for_every_source)
{
    begin_shared(100);
    struct iso_report report = kit_report("packages", EU, 0);
    kit_stand(&report, 1, 100, KIT_NOW);
    kit_source(&report, 1, 0, 3, KIT_NOW);
    kit_source(&report, 1, US, 5, KIT_NOW);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_assert_uint_eq(row(US, AP)->records_behind, 3);
    ck_assert(!row(US, AP)->records_exact);
    ck_assert_int_gt(row(US, AP)->lag_ms, 0);
    finish();
}
END_TEST

START_TEST(a_store_that_was_built_again_waits_for_what_it_has_not_counted_yet)
{
    begin_shared(100);
    struct iso_report report = kit_report("packages", US, 0);
    memset(report.store, 0x77, sizeof report.store);
    kit_stand(&report, 1, 3, KIT_NOW - 9000);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_assert_uint_eq(row(EU, US)->records_behind, 40);
    finish();
}
END_TEST

/* ---- what is not known ---- */

START_TEST(a_region_that_was_never_heard_is_unknown_and_nothing_of_it_is_0)
{
    begin((struct kit_shape){.regions = 2, .partitions = 2});
    for (uint32_t p = 0; p < 2; p++)
        feed_end(EU, p, 0);
    struct iso_report report = kit_report("packages", US, 0);
    kit_stand(&report, EU, 0, 0);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    const struct iso_lag_row *at = row(EU, US);
    ck_unknown_behind(at, "partition 1: nothing was heard of us");
    ck_assert_int_eq(at->staleness_ms, ISO_UNKNOWN_MS);
    ck_assert_int_eq(at->report_age_ms, ISO_UNKNOWN_MS);
    finish();
}
END_TEST

START_TEST(an_end_that_was_never_read_is_unknown)
{
    begin_level();
    finish();
    begin((struct kit_shape){.regions = 3, .partitions = 1});
    struct iso_report report = level(US, 0, 10);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_unknown_behind(row(EU, US), "the end of log 1 (packages.1 on cluster home)");
    ck_assert_int_eq(row(EU, US)->staleness_ms, 1000);
    finish();
}
END_TEST

START_TEST(an_end_that_was_read_too_long_ago_is_unknown)
{
    begin_level();
    feed_end(EU, 0, 10);
    struct iso_report report = level(US, 0, 10);
    int64_t later_ms = KIT_NOW + KIT_STOPPED_MS + 1;
    iso_lag_feed_report(lag, &report, later_ms);
    ck_unknown_behind(row_at(EU, US, later_ms), "is not known");
    ck_assert_uint_eq(row_at(EU, US, later_ms - 1)->records_behind, 0);
    finish();
}
END_TEST

START_TEST(a_record_of_unknown_age_behind_none_is_not_0_old)
{
    begin((struct kit_shape){.regions = 2, .partitions = 1});
    struct iso_report report = kit_report("packages", US, 0);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    feed_end(EU, 0, 6);
    const struct iso_lag_row *at = row(EU, US);
    ck_assert_uint_eq(at->records_behind, 6);
    ck_assert_int_eq(at->lag_ms, ISO_UNKNOWN_MS);
    ck_assert_int_eq(at->staleness_ms, ISO_UNKNOWN_MS);
    ck_state(at, ISO_LAG_UNKNOWN, "since when records wait in log 1");
    finish();
}
END_TEST

START_TEST(a_source_of_which_nothing_was_applied_has_unknown_staleness)
{
    begin((struct kit_shape){.regions = 2, .partitions = 2});
    for (uint32_t p = 0; p < 2; p++) {
        struct iso_report report = kit_report("packages", US, p);
        kit_stand(&report, EU, 4, KIT_NOW);
        if (p == 0)
            kit_source(&report, EU, EU, 3, KIT_NOW);
        iso_lag_feed_report(lag, &report, KIT_NOW);
        feed_end(EU, p, 4);
    }
    ck_assert_int_eq(row(EU, US)->staleness_ms, ISO_UNKNOWN_MS);
    ck_assert_uint_eq(row(EU, US)->records_behind, 0);
    finish();
}
END_TEST

static Suite *lag_suite(void)
{
    Suite *suite = suite_create("lag");
    TCase *cases = tcase_create("lag");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_quiet_collection_is_0_behind_and_fresh);
    tcase_add_test(cases, what_waits_in_the_log_of_the_source_is_counted_and_aged);
    tcase_add_test(cases, what_was_refused_is_counted_where_the_target_has_read);
    tcase_add_test(cases, the_worst_slice_is_shown);
    tcase_add_test(cases, without_its_append_time_a_record_is_as_old_as_the_one_before);
    tcase_add_test(cases, a_clock_that_is_ahead_makes_0_and_never_less);
    tcase_add_test(cases, a_report_of_impossible_times_is_shown_as_very_old);
    tcase_add_test(cases, a_region_ahead_of_the_ends_as_they_were_read_is_0_behind);
    tcase_add_test(cases, a_region_beyond_the_end_is_no_measure_for_the_others);
    tcase_add_test(cases,
                   what_was_counted_beyond_the_end_of_a_shared_log_does_not_wait);
    tcase_add_test(cases, a_closed_log_ends_where_its_definition_says);
    tcase_add_test(cases, in_a_shared_log_only_the_writes_of_the_source_wait);
    tcase_add_test(
        cases, in_a_shared_log_that_is_read_by_some_region_others_writes_do_not_wait);
    tcase_add_test(cases, what_no_region_has_read_of_a_shared_log_may_be_anybodys);
    tcase_add_test(cases,
                   records_of_plain_clients_in_a_shared_log_count_for_every_source);
    tcase_add_test(cases,
                   a_store_that_was_built_again_waits_for_what_it_has_not_counted_yet);
    tcase_add_test(cases,
                   a_region_that_was_never_heard_is_unknown_and_nothing_of_it_is_0);
    tcase_add_test(cases, an_end_that_was_never_read_is_unknown);
    tcase_add_test(cases, an_end_that_was_read_too_long_ago_is_unknown);
    tcase_add_test(cases, a_record_of_unknown_age_behind_none_is_not_0_old);
    tcase_add_test(cases, a_source_of_which_nothing_was_applied_has_unknown_staleness);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(lag_suite());
}
