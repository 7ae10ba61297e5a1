/* What the table of lag says of a region: its state, and why. */
#include "lag_kit.h"

/* ---- states ---- */

START_TEST(a_daemon_that_was_closed_is_stopped)
{
    begin_level();
    struct iso_report report = level(US, 0, 10);
    report.state = ISO_SLICE_CLOSED;
    iso_lag_feed_report(lag, &report, KIT_NOW - 2000);
    ck_state(row(EU, US), ISO_LAG_STOPPED, "the daemon of us was stopped 2.0 s ago");
    ck_state(row(US, EU), ISO_LAG_OK, NULL);
    finish();
}
END_TEST

START_TEST(a_daemon_that_falls_silent_is_stopped)
{
    begin_level();
    struct iso_report report = level(AP, 0, 10);
    iso_lag_feed_report(lag, &report, KIT_NOW + 15000);
    const struct iso_lag_row *at = row_at(EU, US, KIT_NOW + 15000);
    ck_assert_int_eq(at->report_age_ms, 15500);
    ck_state(at, ISO_LAG_STOPPED,
             "partition 0: the daemon of us was last heard 15.5 s");
    finish();
}
END_TEST

START_TEST(a_parked_slice_is_named_with_its_reason)
{
    begin_level();
    struct iso_report report = level(US, 0, 10);
    report.state = ISO_SLICE_STOPPED;
    snprintf(report.why, sizeof report.why, "ISO_LOG_DIVERGED at offset 7\x1b[31m");
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_state(row(EU, US), ISO_LAG_PARKED,
             "partition 0: ISO_LOG_DIVERGED at offset 7?[31m");
    report = level(US, 0, 10);
    report.state = ISO_SLICE_PARKED;
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_state(row(EU, US), ISO_LAG_PARKED, "it does not say why");
    finish();
}
END_TEST

START_TEST(a_slice_that_waits_is_lagging_and_says_why)
{
    begin_level();
    struct iso_report report = level(US, 0, 10);
    report.state = ISO_SLICE_WAITING;
    snprintf(report.why, sizeof report.why, "Kafka is away");
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_state(row(EU, US), ISO_LAG_LAGGING, "waiting: Kafka is away");
    finish();
}
END_TEST

/* us stands at 10 of 50 since its reports began; then it goes on. */
START_TEST(a_late_region_that_moves_is_catching_up_and_one_that_does_not_is_stalled)
{
    begin_level();
    feed_end(EU, 0, 50);
    saw(EU, 0, 10, KIT_NOW - KIT_STALE_MS);
    ck_state(row(EU, US), ISO_LAG_OK, NULL);
    ck_state(row_at(EU, US, KIT_NOW + 1), ISO_LAG_LAGGING, "at offset 10");
    struct iso_report again = level(US, 0, 10); /* heard once, nothing is known */
    iso_lag_feed_report(lag, &again, KIT_NOW);
    ck_state(row_at(EU, US, KIT_NOW + 1), ISO_LAG_STALLED,
             "partition 0: a write in log 1 waits for 5.0 s, at offset 10");
    struct iso_report report = level(US, 0, 20);
    iso_lag_feed_report(lag, &report, KIT_NOW + 1000);
    saw(EU, 0, 20, KIT_NOW - KIT_STALE_MS);
    ck_state(row_at(EU, US, KIT_NOW + 1000), ISO_LAG_CATCHING_UP, "at offset 20");
    ck_assert(row_at(EU, US, KIT_NOW + 1000)->moves);
    report = level(US, 0, 20);
    iso_lag_feed_report(lag, &report, KIT_NOW + 1000 + KIT_STALE_MS);
    ck_state(row_at(EU, US, KIT_NOW + 7000), ISO_LAG_CATCHING_UP, "at offset 20");
    report = level(US, 0, 20);
    iso_lag_feed_report(lag, &report, KIT_NOW + 1001 + KIT_STALE_MS);
    ck_state(row_at(EU, US, KIT_NOW + 7000), ISO_LAG_STALLED, "at offset 20");
    ck_assert(!row_at(EU, US, KIT_NOW + 7000)->moves);
    finish();
}
END_TEST

/* Slice 0 gets on, slice 1 does not: it is named, and there is hope. */
START_TEST(one_slice_that_gets_on_is_catching_up_unless_its_daemon_is_silent)
{
    begin((struct kit_shape){.regions = 2, .partitions = 2});
    for (uint32_t p = 0; p < 2; p++) {
        for (int64_t n = 0; n < 2; n++) {
            struct iso_report report = kit_report("packages", US, p);
            kit_stand(&report, EU, p == 0 ? 5 + n : 5, KIT_NOW - 8000 - 1000 * p);
            iso_lag_feed_report(lag, &report, KIT_NOW - 1 + n);
        }
        feed_end(EU, p, 50);
    }
    ck_state(row(EU, US), ISO_LAG_CATCHING_UP,
             "partition 1: a write in log 1 waits for at most 9.0 s, at offset 5");
    ck_state(row_at(EU, US, KIT_NOW + KIT_STALE_MS), ISO_LAG_CATCHING_UP, "offset 5");
    feed_end(EU, 0, 6);
    ck_state(row(EU, US), ISO_LAG_STALLED, "partition 1: a write in log 1");
    feed_end(EU, 0, 50);
    ck_state(row_at(EU, US, KIT_NOW + KIT_STALE_MS + 1), ISO_LAG_LAGGING, "offset 5");
    finish();
}
END_TEST

/* Slice 0 gets on all the time. Slice 1 is the younger of the two, and left behind. */
START_TEST(a_slice_that_is_left_for_long_is_stalled_and_named_though_others_move)
{
    begin((struct kit_shape){.regions = 2, .partitions = 3});
    int64_t now_ms = KIT_NOW;
    for (int64_t n = 0; n <= KIT_STOPPED_MS / 1000 + 1; n++, now_ms += 1000) {
        for (uint32_t p = 0; p < 3; p++) {
            struct iso_report report = kit_report("packages", US, p);
            kit_stand(&report, EU, p == 1 ? 5 : 5 + n, KIT_NOW - (p == 0 ? 9000 : 1));
            iso_lag_feed_report(lag, &report, now_ms);
            feed_end_at(EU, p, 50, now_ms);
        }
        if (n == KIT_STOPPED_MS / 1000)
            ck_state(row_at(EU, US, now_ms), ISO_LAG_CATCHING_UP, "partition 1");
    }
    now_ms -= 1000;
    ck_state(row_at(EU, US, now_ms), ISO_LAG_STALLED,
             "partition 1: a write in log 1 waits for at most 16.0 s, at offset 5");
    ck_assert(row_at(EU, US, now_ms)->moves);
    struct iso_report report = kit_report("packages", US, 1);
    kit_stand(&report, EU, 6, KIT_NOW);
    iso_lag_feed_report(lag, &report, now_ms);
    ck_state(row_at(EU, US, now_ms), ISO_LAG_CATCHING_UP, "partition 0");
    finish();
}
END_TEST

START_TEST(the_progress_of_another_store_is_none)
{
    begin_level();
    feed_end(EU, 0, 50);
    struct iso_report report = level(US, 0, 20);
    memset(report.store, 0x77, sizeof report.store);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    saw(EU, 0, 20, KIT_NOW - 6000);
    ck_state(row(EU, US), ISO_LAG_LAGGING, "at offset 20");
    report = level(US, 0, 20);
    memset(report.store, 0x77, sizeof report.store);
    iso_lag_feed_report(lag, &report, KIT_NOW + 1);
    ck_state(row(EU, US), ISO_LAG_STALLED, "at offset 20");
    finish();
}
END_TEST

START_TEST(of_two_stores_of_a_region_the_one_heard_last_counts)
{
    begin_level();
    struct iso_report report = level(US, 0, 4);
    memset(report.store, 0x77, sizeof report.store);
    iso_lag_feed_report(lag, &report, KIT_NOW - 501);
    ck_assert_uint_eq(row(EU, US)->records_behind, 0);
    report = level(US, 0, 4);
    memset(report.store, 0x77, sizeof report.store);
    iso_lag_feed_report(lag, &report, KIT_NOW - 499);
    ck_assert_uint_eq(row(EU, US)->records_behind, 6);
    finish();
}
END_TEST

/* Nothing but heartbeats, and us gets none of eu's any more. */
START_TEST(a_pair_that_is_cut_is_stalled_when_what_it_applied_last_is_stale)
{
    begin_level();
    feed_end(EU, 0, 15);
    saw_none(EU, 0, 10, 15, KIT_NOW - 100);
    struct iso_report report = level(AP, 0, 10);
    kit_stand(&report, EU, 15, KIT_NOW);
    kit_source(&report, EU, EU, 10, KIT_NOW);
    iso_lag_feed_report(lag, &report, KIT_NOW + 4900);
    report = level(US, 0, 10);
    iso_lag_feed_report(lag, &report, KIT_NOW + 4900);
    ck_state(row_at(EU, US, KIT_NOW + 4900), ISO_LAG_OK, NULL);
    const struct iso_lag_row *at = row_at(EU, US, KIT_NOW + 4901);
    ck_state(at, ISO_LAG_STALLED,
             "partition 0: us has heard nothing of eu for 5.0 s, and records of log 1 "
             "wait at offset 10: is its way to cluster home open?");
    ck_assert_int_eq(at->lag_ms, 0);
    ck_assert_int_eq(at->staleness_ms, 5901);
    ck_state(row_at(EU, AP, KIT_NOW + 4901), ISO_LAG_OK, NULL);
    ck_state(row_at(AP, US, KIT_NOW + 4901), ISO_LAG_OK, NULL);
    finish();
}
END_TEST

START_TEST(a_source_that_is_silent_leaves_its_targets_well)
{
    begin_level();
    for (unsigned n = US; n <= AP; n++) {
        struct iso_report report = level(n, 0, 10);
        iso_lag_feed_report(lag, &report, KIT_NOW + 14000);
    }
    const struct iso_lag_row *at = row_at(EU, US, KIT_NOW + 14000);
    ck_assert_int_eq(at->staleness_ms, 15000);
    ck_assert_int_eq(at->lag_ms, 0);
    ck_state(at, ISO_LAG_OK, NULL);
    finish();
}
END_TEST

START_TEST(a_late_region_whose_daemon_is_not_heard_of_late_is_lagging)
{
    begin_level();
    feed_end(EU, 0, 50);
    saw(EU, 0, 10, KIT_NOW - 100);
    ck_state(row_at(EU, US, KIT_NOW + 9000), ISO_LAG_LAGGING, "waits for 9.1 s");
    finish();
}
END_TEST

/* ---- diverged ---- */

static void hold(unsigned region, int64_t at, uint64_t live, int store)
{
    struct iso_report report = level(region, 0, 10);
    memset(report.store, store, sizeof report.store);
    iso_vector_move(&report.slice.vector, EU, at);
    report.slice.tally.live.low = live;
    iso_lag_feed_report(lag, &report, KIT_NOW);
}

START_TEST(a_pair_that_holds_different_data_is_diverged_until_it_is_seen_mended)
{
    begin_level();
    for (unsigned n = EU; n <= AP; n++)
        hold(n, 9, n == US ? 6 : 5, (int)n);
    ck_state(row(EU, US), ISO_LAG_DIVERGED,
             "partition 0: eu and us have applied the same writes and hold different "
             "data");
    ck_state(row(US, EU), ISO_LAG_DIVERGED, "us and eu");
    ck_state(row(AP, US), ISO_LAG_DIVERGED, "ap and us");
    ck_state(row(EU, AP), ISO_LAG_OK, NULL);
    hold(US, 10, 7, US); /* it goes on, and cannot be compared */
    ck_assert_int_eq(row(EU, US)->state, ISO_LAG_DIVERGED);
    hold(EU, 10, 7, EU);
    ck_state(row(EU, US), ISO_LAG_OK, NULL);
    ck_assert_int_eq(row(AP, US)->state, ISO_LAG_DIVERGED);
    hold(US, 8, 7, 0x55); /* built anew */
    ck_assert_int_ne(row(AP, US)->state, ISO_LAG_DIVERGED);
    finish();
}
END_TEST

/* ---- names ---- */

START_TEST(ten_states_have_ten_names_and_no_two_are_equally_bad)
{
    static const char *names[] = {"unknown", "ok",      "catching_up", "lagging",
                                  "stalled", "stopped", "parked",      "rewound",
                                  "lost",    "diverged"};
    ck_assert_uint_eq(ISO_LAG_STATES, 10);
    for (int i = 0; i < ISO_LAG_STATES; i++) {
        ck_assert_str_eq(iso_lag_state_name(i), names[i]);
        ck_assert_int_ge(iso_lag_state_severity(i), iso_lag_state_severity(ISO_LAG_OK));
        ck_assert_int_le(iso_lag_state_severity(i),
                         iso_lag_state_severity(ISO_LAG_DIVERGED));
        for (int k = 0; k < i; k++)
            ck_assert_int_ne(iso_lag_state_severity(i), iso_lag_state_severity(k));
    }
    ck_assert_int_eq(iso_lag_state_severity((enum iso_lag_state)99), 0);
    ck_assert_str_eq(iso_lag_state_name((enum iso_lag_state)99), "unknown");
}
END_TEST

static Suite *lag_state_suite(void)
{
    Suite *suite = suite_create("lag_state");
    TCase *cases = tcase_create("lag_state");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_daemon_that_was_closed_is_stopped);
    tcase_add_test(cases, a_daemon_that_falls_silent_is_stopped);
    tcase_add_test(cases, a_parked_slice_is_named_with_its_reason);
    tcase_add_test(cases, a_slice_that_waits_is_lagging_and_says_why);
    tcase_add_test(
        cases,
        a_late_region_that_moves_is_catching_up_and_one_that_does_not_is_stalled);
    tcase_add_test(cases,
                   one_slice_that_gets_on_is_catching_up_unless_its_daemon_is_silent);
    tcase_add_test(
        cases, a_slice_that_is_left_for_long_is_stalled_and_named_though_others_move);
    tcase_add_test(cases, the_progress_of_another_store_is_none);
    tcase_add_test(cases, of_two_stores_of_a_region_the_one_heard_last_counts);
    tcase_add_test(cases,
                   a_pair_that_is_cut_is_stalled_when_what_it_applied_last_is_stale);
    tcase_add_test(cases, a_source_that_is_silent_leaves_its_targets_well);
    tcase_add_test(cases, a_late_region_whose_daemon_is_not_heard_of_late_is_lagging);
    tcase_add_test(
        cases, a_pair_that_holds_different_data_is_diverged_until_it_is_seen_mended);
    tcase_add_test(cases, ten_states_have_ten_names_and_no_two_are_equally_bad);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(lag_state_suite());
}
