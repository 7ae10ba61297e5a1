/* The live verdict: by vectors and digests alone, steady while heartbeats pass, and
 * denied by whoever is not heard and by what is known to wait. */
#include "monitor/table.h"

#include "lag_kit.h"

static struct iso_report held(unsigned region, int64_t vector)
{
    struct iso_report report = level(region, 0, 10);
    for (uint16_t log = EU; log <= AP; log++)
        iso_vector_move(&report.slice.vector, log, vector);
    report.slice.tally.live.low = (uint64_t)vector;
    report.slice.tally.values = 3;
    return report;
}

static void begin_held(void)
{
    begin_level();
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = held(n, 9);
        iso_lag_feed_report(lag, &report, KIT_NOW - 100 * n);
    }
}

static struct iso_verdict live_at(int64_t now_ms)
{
    struct iso_verdict got;
    iso_lag_verdict(lag, "packages", now_ms, INT64_MIN, &got);
    return got;
}

static void ck_live(int64_t now_ms, enum iso_verdict_state state, const char *why)
{
    struct iso_verdict got = live_at(now_ms);
    ck_assert_msg(got.state == state, "%s: %s", iso_verdict_state_name(got.state),
                  got.why);
    ck_assert_msg(strstr(got.why, why) != NULL, "'%s' lacks '%s'", got.why, why);
}

START_TEST(heartbeats_that_wait_leave_it_converged_at_one_cut)
{
    begin_held();
    struct iso_verdict first = live_at(KIT_NOW);
    ck_assert_int_eq(first.state, ISO_VERDICT_CONVERGED);
    ck_assert(!first.asked);
    ck_assert_int_eq(first.at_ms, KIT_NOW - 300);
    ck_assert_uint_eq(first.values, 3);
    for (uint16_t log = EU; log <= AP; log++)
        feed_end(log, 0, 15);
    struct iso_verdict later = live_at(KIT_NOW);
    ck_assert_int_eq(later.state, ISO_VERDICT_CONVERGED);
    ck_assert(iso_digest_equal(first.cut, later.cut));
    struct iso_verdict asked;
    iso_lag_verdict(lag, "packages", KIT_NOW, 0, &asked);
    ck_assert_int_eq(asked.state, ISO_VERDICT_CONSISTENT);
    ck_assert(asked.asked);
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = held(n, 12);
        iso_lag_feed_report(lag, &report, KIT_NOW);
    }
    ck_assert(!iso_digest_equal(first.cut, live_at(KIT_NOW).cut));
    finish();
}
END_TEST

START_TEST(vectors_that_differ_deny_it_and_there_is_no_cut)
{
    begin_held();
    struct iso_report report = held(US, 12);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_live(KIT_NOW, ISO_VERDICT_CONSISTENT,
            "partition 0: eu and us have not applied the same writes yet");
    ck_assert_uint_eq(live_at(KIT_NOW).cut.low | live_at(KIT_NOW).cut.high, 0);
    finish();
}
END_TEST

START_TEST(a_daemon_that_is_not_heard_denies_it_by_name)
{
    begin_held();
    ck_live(KIT_NOW + KIT_STOPPED_MS - 300, ISO_VERDICT_CONVERGED, "");
    ck_live(KIT_NOW + KIT_STOPPED_MS - 299, ISO_VERDICT_CONSISTENT,
            "the daemon of ap was last heard 15.0 s ago");
    struct iso_report report = held(US, 9);
    report.state = ISO_SLICE_CLOSED;
    iso_lag_feed_report(lag, &report, KIT_NOW - 2000);
    ck_live(KIT_NOW, ISO_VERDICT_CONSISTENT, "the daemon of us was stopped 2.0 s ago");
    finish();
}
END_TEST

START_TEST(a_write_that_is_known_to_wait_for_too_long_denies_it)
{
    begin_held();
    feed_end(EU, 0, 14);
    saw(EU, 0, 10, KIT_NOW - KIT_STALE_MS);
    ck_live(KIT_NOW, ISO_VERDICT_CONVERGED, "");
    ck_live(KIT_NOW + 1, ISO_VERDICT_CONSISTENT,
            "partition 0: a write in log 1 waits for 5.0 s, and no region has applied");
    finish();
}
END_TEST

START_TEST(other_data_at_one_vector_is_diverged)
{
    begin_held();
    struct iso_report report = held(US, 9);
    report.slice.tally.live.low++;
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_live(KIT_NOW, ISO_VERDICT_DIVERGED, "partition 0: eu and us have applied");
    finish();
}
END_TEST

START_TEST(a_region_that_was_never_heard_leaves_it_unknown)
{
    begin((struct kit_shape){.regions = 3, .partitions = 1});
    for (unsigned n = EU; n <= US; n++) {
        struct iso_report report = held(n, 9);
        iso_lag_feed_report(lag, &report, KIT_NOW);
        feed_end((uint16_t)n, 0, 10);
    }
    feed_end(AP, 0, 10);
    ck_live(KIT_NOW, ISO_VERDICT_UNKNOWN, "nothing was heard of ap");
    finish();
}
END_TEST

/* ---- whom to believe ---- */

/* The brokers stamped the reports `ahead_ms` before the question, by their own clock.
 */
static enum iso_verdict_state asked_with(int64_t clock_ms, int64_t before_ms)
{
    struct iso_verdict got;
    begin_level();
    iso_lag_feed_clock(lag, "home", clock_ms);
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = held(n, 9);
        iso_table_feed_report(lag, &report, KIT_NOW - before_ms + clock_ms, "home",
                              ISO_UNKNOWN_MS);
    }
    iso_lag_verdict(lag, "packages", KIT_NOW + 2000, KIT_NOW, &got);
    finish();
    return got.state;
}

START_TEST(an_answer_rests_on_reports_that_were_surely_made_since_the_question)
{
    static const int64_t clocks_ms[] = {0, 700, -700, 3600000, -3600000};
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(asked_with(clocks_ms[i], 0), ISO_VERDICT_CONVERGED);
        ck_assert_int_eq(asked_with(clocks_ms[i], 1), ISO_VERDICT_UNKNOWN);
    }
}
END_TEST

/* By a clock of which nothing is known they are an hour younger than the question. */
static enum iso_verdict_state asked_without_clock(const char *cluster, int64_t after_ms)
{
    struct iso_verdict got;
    uint64_t waiting;
    begin_level();
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = held(n, 9);
        iso_table_feed_report(lag, &report, KIT_NOW + 3600000, cluster, after_ms);
    }
    iso_lag_verdict(lag, "packages", KIT_NOW + 2000, KIT_NOW, &got);
    ck_assert(iso_lag_caught_up(lag, "packages", KIT_NOW, &waiting) ==
              (got.state == ISO_VERDICT_CONVERGED));
    finish();
    return got.state;
}

START_TEST(without_a_known_clock_only_what_was_seen_to_come_since_is_believed)
{
    static const char *const clusters[] = {"home",
                                           NULL}; /* NULL: daemons' own clocks */
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(asked_without_clock(clusters[i], ISO_UNKNOWN_MS),
                         ISO_VERDICT_UNKNOWN);
        ck_assert_int_eq(asked_without_clock(clusters[i], KIT_NOW - 1),
                         ISO_VERDICT_UNKNOWN);
        ck_assert_int_eq(asked_without_clock(clusters[i], KIT_NOW),
                         ISO_VERDICT_CONVERGED);
    }
}
END_TEST

static Suite *verdict_live_suite(void)
{
    Suite *suite = suite_create("verdict_live");
    TCase *cases = tcase_create("verdict_live");
    tcase_add_test(cases, heartbeats_that_wait_leave_it_converged_at_one_cut);
    tcase_add_test(cases, vectors_that_differ_deny_it_and_there_is_no_cut);
    tcase_add_test(cases, a_daemon_that_is_not_heard_denies_it_by_name);
    tcase_add_test(cases, a_write_that_is_known_to_wait_for_too_long_denies_it);
    tcase_add_test(cases, other_data_at_one_vector_is_diverged);
    tcase_add_test(cases, a_region_that_was_never_heard_leaves_it_unknown);
    tcase_add_test(cases,
                   an_answer_rests_on_reports_that_were_surely_made_since_the_question);
    tcase_add_test(cases,
                   without_a_known_clock_only_what_was_seen_to_come_since_is_believed);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(verdict_live_suite());
}
