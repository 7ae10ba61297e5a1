/* The verdict, fed by hand: what converged is, and that each of its conditions, broken
 * alone, denies it. */
#include "monitor_kit.h"

enum { PARTITIONS = 3, BROKEN = 1 };

static struct iso_lag *lag;
static struct iso_definition *definition;
static struct iso_report reports[AP + 1][PARTITIONS];
static int64_t ends[AP + 1][PARTITIONS];
static bool missing[AP + 1][PARTITIONS];

/* Three regions, a log each, 10 records in every slice of every log, all applied: the
 * ground that each test breaks in one place, at partition BROKEN. */
static void begin(void)
{
    struct iso_lag_options options = {.stale_after_ms = KIT_STALE_MS,
                                      .stopped_after_ms = KIT_STOPPED_MS};
    lag = iso_lag_new(&options);
    definition = kit_definition(
        "packages", (struct kit_shape){.regions = AP, .partitions = PARTITIONS});
    memset(missing, 0, sizeof missing);
    for (unsigned n = EU; n <= AP; n++) {
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            struct iso_report *report = &reports[n][p];
            *report = kit_report("packages", n, p);
            ends[n][p] = 10;
            for (uint16_t log = EU; log <= AP; log++) {
                kit_stand(report, log, 10, KIT_NOW);
                iso_vector_move(&report->slice.vector, log, 8);
            }
            report->slice.tally.live = (struct iso_digest){100 + p, 7};
            report->slice.tally.mortal = (struct iso_digest){200 + p, 7};
            report->slice.tally.values = 5;
            report->slice.ledger = (struct iso_digest){300 + p, 7};
            report->slice.ledger_rows = 2;
        }
    }
}

static struct iso_slice *us(void)
{
    return &reports[US][BROKEN].slice;
}

static void feed(void)
{
    iso_lag_feed_definition(lag, definition);
    for (unsigned n = EU; n <= AP; n++) {
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            if (ends[n][p] >= 0)
                iso_lag_feed_end(lag, &(struct iso_lag_end){.collection = "packages",
                                                            .log = (uint16_t)n,
                                                            .partition = p,
                                                            .end = ends[n][p],
                                                            .asked_ms = KIT_NOW - 40});
            if (missing[n][p])
                iso_report_release(&reports[n][p]);
            else
                iso_lag_feed_report(lag, &reports[n][p], KIT_NOW - 100 * n);
        }
    }
}

static struct iso_verdict verdict(void)
{
    struct iso_verdict verdict;
    feed();
    iso_lag_verdict(lag, "packages", KIT_NOW, 0, &verdict);
    iso_lag_free(lag);
    iso_definition_free(definition);
    return verdict;
}

static void ck_verdict(enum iso_verdict_state state, const char *why)
{
    struct iso_verdict got = verdict();
    ck_assert_msg(got.state == state, "%s: %s", iso_verdict_state_name(got.state),
                  got.why);
    ck_assert_msg(strstr(got.why, why) != NULL, "'%s' lacks '%s'", got.why, why);
    ck_assert_uint_eq(got.slices, PARTITIONS);
    ck_assert_uint_eq(got.equal, PARTITIONS - 1);
    ck_assert_uint_eq(got.diverged, state == ISO_VERDICT_DIVERGED);
    ck_assert_uint_eq(got.pending, state != ISO_VERDICT_DIVERGED);
    ck_assert_uint_eq(got.values, 0);
}

START_TEST(regions_that_hold_the_same_at_the_ends_are_converged)
{
    begin();
    struct iso_verdict got = verdict();
    ck_assert_int_eq(got.state, ISO_VERDICT_CONVERGED);
    ck_assert_str_eq(got.why, "");
    ck_assert_uint_eq(got.slices, PARTITIONS);
    ck_assert_uint_eq(got.equal, PARTITIONS);
    ck_assert_uint_eq(got.pending + got.diverged, 0);
    ck_assert_uint_eq(got.values, 15);
    ck_assert_uint_eq(got.ledger_rows, 6);
    ck_assert_uint_eq(got.live.low, 303);
    ck_assert_uint_eq(got.ledger.high, 21);
    ck_assert_int_eq(got.at_ms, KIT_NOW - 40);
    ck_assert_int_eq(got.oldest_ms, 300);
}
END_TEST

START_TEST(a_frontier_behind_one_end_denies_converged)
{
    begin();
    iso_slice_log(us(), AP)->frontier = 9;
    ck_verdict(ISO_VERDICT_CONSISTENT,
               "partition 1: us has still to apply 1 records of log 3");
}
END_TEST

START_TEST(a_log_that_a_store_has_not_begun_denies_converged)
{
    begin();
    us()->log_count = 2;
    ck_verdict(ISO_VERDICT_CONSISTENT, "us has still to apply 10 records of log 3");
}
END_TEST

START_TEST(a_region_that_was_not_heard_denies_converged)
{
    begin();
    missing[US][BROKEN] = true;
    ck_verdict(ISO_VERDICT_UNKNOWN, "partition 1: nothing was heard of us");
}
END_TEST

START_TEST(an_end_that_is_not_known_denies_converged)
{
    begin();
    ends[AP][BROKEN] = -1;
    ck_verdict(ISO_VERDICT_UNKNOWN, "partition 1: the end of log 3");
}
END_TEST

START_TEST(vectors_that_differ_deny_converged)
{
    begin();
    iso_vector_move(&us()->vector, EU, 9);
    ck_verdict(ISO_VERDICT_CONSISTENT, "eu and us are past the ends");
}
END_TEST

START_TEST(a_slice_that_was_stopped_denies_converged_and_says_why)
{
    begin();
    reports[US][BROKEN].state = ISO_SLICE_STOPPED;
    snprintf(reports[US][BROKEN].why, sizeof reports[US][BROKEN].why,
             "ISO_LOG_DIVERGED at 7");
    ck_verdict(ISO_VERDICT_CONSISTENT, "us has stopped it: ISO_LOG_DIVERGED at 7");
}
END_TEST

START_TEST(a_slice_that_was_parked_denies_converged)
{
    begin();
    reports[US][BROKEN].state = ISO_SLICE_PARKED;
    ck_verdict(ISO_VERDICT_CONSISTENT, "us has parked it");
}
END_TEST

START_TEST(other_live_values_at_one_vector_are_diverged)
{
    begin();
    us()->tally.live.high++;
    ck_verdict(ISO_VERDICT_DIVERGED,
               "partition 1: eu and us have applied the same writes and hold "
               "different live values");
}
END_TEST

START_TEST(other_tombstones_at_one_vector_and_one_H_are_diverged)
{
    begin();
    us()->tally.mortal.low++;
    ck_verdict(ISO_VERDICT_DIVERGED, "different tombstones");
}
END_TEST

START_TEST(another_ledger_at_one_vector_is_diverged)
{
    begin();
    us()->ledger.low++;
    ck_verdict(ISO_VERDICT_DIVERGED, "different conflict ledgers");
    begin();
    us()->ledger_rows++;
    ck_verdict(ISO_VERDICT_DIVERGED, "different conflict ledgers");
}
END_TEST

START_TEST(damage_is_seen_while_writes_are_on_their_way)
{
    begin();
    us()->tally.live.low++;
    for (unsigned n = EU; n <= AP; n++) {
        for (uint32_t p = 0; p < PARTITIONS; p++)
            ends[n][p] = 1000;
    }
    missing[AP][0] = true;
    struct iso_verdict got = verdict();
    ck_assert_int_eq(got.state, ISO_VERDICT_DIVERGED);
    ck_assert_uint_eq(got.diverged, 1);
    ck_assert_uint_eq(got.pending, 2);
}
END_TEST

START_TEST(other_tombstones_at_another_H_are_not_compared)
{
    begin();
    us()->tally.mortal.low++;
    us()->swept_min_ms = us()->swept_max_ms = 3600000;
    struct iso_verdict got = verdict();
    ck_assert_int_eq(got.state, ISO_VERDICT_CONVERGED);
    begin();
    for (unsigned n = EU; n <= AP; n++) /* in the middle of a sweep, each its own way */
        reports[n][BROKEN].slice.swept_max_ms = 3600000;
    us()->tally.mortal.low++;
    got = verdict();
    ck_assert_int_eq(got.state, ISO_VERDICT_CONVERGED);
}
END_TEST

START_TEST(a_daemon_that_was_closed_at_the_ends_holds_what_it_holds)
{
    begin();
    for (uint32_t p = 0; p < PARTITIONS; p++)
        reports[US][p].state = ISO_SLICE_CLOSED;
    struct iso_verdict got = verdict();
    ck_assert_int_eq(got.state, ISO_VERDICT_CONVERGED);
}
END_TEST

START_TEST(regions_that_cannot_be_compared_anywhere_are_pending)
{
    begin();
    for (unsigned n = EU; n <= AP; n++) {
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            ends[n][p] = 50;
            iso_vector_move(&reports[n][p].slice.vector, EU, 8 + n);
        }
    }
    struct iso_verdict got = verdict();
    ck_assert_int_eq(got.state, ISO_VERDICT_PENDING);
    ck_assert_uint_eq(got.pending, PARTITIONS);
}
END_TEST

START_TEST(a_collection_that_is_not_defined_is_unknown)
{
    begin();
    feed();
    struct iso_verdict got;
    uint64_t waiting;
    iso_lag_verdict(lag, "other", KIT_NOW, 0, &got);
    ck_assert_int_eq(got.state, ISO_VERDICT_UNKNOWN);
    ck_assert_str_eq(got.why, "there is no collection other");
    ck_assert(!iso_lag_caught_up(lag, "other", INT64_MIN, &waiting));
    ck_assert(waiting == ISO_UNKNOWN_COUNT);
    iso_lag_free(lag);
    iso_definition_free(definition);
}
END_TEST

START_TEST(the_regions_of_a_pair_that_differs_are_named)
{
    begin();
    us()->tally.live.low++;
    iso_vector_move(&reports[AP][BROKEN].slice.vector, EU, 9); /* not comparable */
    struct iso_verdict got = verdict();
    ck_assert_int_eq(got.state, ISO_VERDICT_DIVERGED);
    ck_assert_uint_eq(got.diverged_regions, 1 << (EU - 1) | 1 << (US - 1));
    begin();
    got = verdict();
    ck_assert_uint_eq(got.diverged_regions, 0);
}
END_TEST

START_TEST(a_difference_is_remembered_while_vectors_move_apart)
{
    begin();
    us()->tally.live.low++;
    feed();
    struct iso_verdict got;
    iso_lag_verdict(lag, "packages", KIT_NOW, 0, &got);
    struct iso_report moved = kit_report("packages", US, BROKEN);
    for (uint16_t log = EU; log <= AP; log++)
        kit_stand(&moved, log, 10, KIT_NOW);
    iso_vector_move(&moved.slice.vector, EU, 9);
    iso_lag_feed_report(lag, &moved, KIT_NOW);
    iso_lag_verdict(lag, "packages", KIT_NOW, 0, &got);
    ck_assert_int_eq(got.state, ISO_VERDICT_DIVERGED);
    ck_assert(strstr(got.why, "partition 1: eu and us") != NULL);
    ck_assert(strstr(got.why, "held different data when they last were") != NULL);
    iso_lag_free(lag);
    iso_definition_free(definition);
}
END_TEST

/* us was heard 200 ms ago, ap 300. */
START_TEST(what_was_heard_before_the_question_is_not_believed)
{
    begin();
    feed();
    struct iso_verdict got;
    iso_lag_verdict(lag, "packages", KIT_NOW, KIT_NOW - 300, &got);
    ck_assert_int_eq(got.state, ISO_VERDICT_CONVERGED);
    iso_lag_verdict(lag, "packages", KIT_NOW, KIT_NOW - 299, &got);
    ck_assert_int_eq(got.state, ISO_VERDICT_UNKNOWN);
    ck_assert(strstr(got.why, "ap was not heard since the question was asked") != NULL);
    ck_assert_uint_eq(got.equal, 0);
    iso_lag_free(lag);
    iso_definition_free(definition);
}
END_TEST

/* ---- the cut, and the certificate ---- */

START_TEST(one_cut_has_one_digest_and_another_has_another)
{
    begin();
    struct iso_verdict first = verdict();
    begin();
    us()->tally.live.low++;
    struct iso_verdict same = verdict();
    ck_assert(iso_digest_equal(first.cut, same.cut));
    begin();
    ends[AP][BROKEN] = 11;
    struct iso_verdict other = verdict();
    ck_assert(!iso_digest_equal(first.cut, other.cut));
    begin();
    ends[AP][BROKEN] = -1;
    struct iso_verdict unknown = verdict();
    ck_assert_uint_eq(unknown.cut.low | unknown.cut.high, 0);
}
END_TEST

static void ck_certificate(const struct iso_verdict *got, const char *begins,
                           const char *const *holds)
{
    struct iso_buf line = {0};
    iso_verdict_certificate("packages", got, &line);
    const char *text = iso_buf_text(&line);
    ck_assert_msg(strncmp(text, begins, strlen(begins)) == 0, "%s", text);
    ck_assert(strchr(text, '\n') == NULL);
    for (size_t i = 0; holds[i] != NULL; i++)
        ck_assert_msg(strstr(text, holds[i]) != NULL, "'%s' lacks '%s'", text,
                      holds[i]);
    iso_buf_release(&line);
}

START_TEST(a_certificate_says_what_was_proven_at_which_cut)
{
    begin();
    struct iso_verdict got = verdict();
    ck_assert_uint_eq(got.regions, 3);
    ck_assert_uint_eq(got.mortal.low, 603);
    static const char *const holds[] = {
        " cut=2023-11-14T22:13:19.960Z ",
        " regions=eu,us,ap slices=3 equal=3 values=15 ledger_rows=6 "
        "live=0000000000000015000000000000012f mortal=0000000000000015000000000000025b "
        "ledger=00000000000000150000000000000387 oldest_report_ms=300",
        " cut_digest=", NULL};
    ck_certificate(
        &got,
        "isostasy certificate v1: collection=packages verdict=converged cut=", holds);
}
END_TEST

START_TEST(a_certificate_of_anything_else_begins_with_that)
{
    begin();
    us()->tally.live.low++;
    struct iso_verdict got = verdict();
    static const char *const diverged[] = {" equal=2 pending=0 diverged=1 ", NULL};
    ck_certificate(&got,
                   "NOT CONVERGED, isostasy certificate v1: collection=packages "
                   "verdict=diverged cut=",
                   diverged);
    begin();
    ends[AP][BROKEN] = -1;
    got = verdict();
    static const char *const unknown[] = {" cut_digest=unknown ", NULL};
    ck_certificate(&got, "NOT CONVERGED, ", unknown);
    got.at_ms = INT64_MAX; /* whatever it holds */
    ck_certificate(&got, "NOT CONVERGED, ", unknown);
}
END_TEST

/* ---- caught up ---- */

static bool caught_up(uint64_t *waiting)
{
    feed();
    bool is = iso_lag_caught_up(lag, "packages", INT64_MIN, waiting);
    iso_lag_free(lag);
    iso_definition_free(definition);
    return is;
}

START_TEST(regions_at_the_ends_are_caught_up_whatever_they_hold)
{
    uint64_t waiting;
    begin();
    us()->tally.live.low++;
    ck_assert(caught_up(&waiting));
    ck_assert_uint_eq(waiting, 0);
}
END_TEST

START_TEST(what_waits_for_the_region_furthest_behind_is_counted)
{
    uint64_t waiting;
    begin();
    iso_slice_log(us(), EU)->frontier = 3;
    iso_slice_log(&reports[US][0].slice, AP)->frontier = 8;
    iso_slice_log(&reports[EU][0].slice, AP)->frontier = 5;
    ck_assert(!caught_up(&waiting));
    ck_assert_uint_eq(waiting, 9);
}
END_TEST

START_TEST(what_is_not_known_is_not_caught_up)
{
    uint64_t waiting;
    begin();
    missing[AP][BROKEN] = true;
    ck_assert(!caught_up(&waiting));
    ck_assert(waiting == ISO_UNKNOWN_COUNT);
    begin();
    ends[EU][BROKEN] = -1;
    ck_assert(!caught_up(&waiting));
    ck_assert(waiting == ISO_UNKNOWN_COUNT);
}
END_TEST

static Suite *verdict_suite(void)
{
    Suite *suite = suite_create("verdict");
    TCase *cases = tcase_create("verdict");
    tcase_add_test(cases, regions_that_hold_the_same_at_the_ends_are_converged);
    tcase_add_test(cases, a_frontier_behind_one_end_denies_converged);
    tcase_add_test(cases, a_log_that_a_store_has_not_begun_denies_converged);
    tcase_add_test(cases, a_region_that_was_not_heard_denies_converged);
    tcase_add_test(cases, an_end_that_is_not_known_denies_converged);
    tcase_add_test(cases, vectors_that_differ_deny_converged);
    tcase_add_test(cases, a_slice_that_was_stopped_denies_converged_and_says_why);
    tcase_add_test(cases, a_slice_that_was_parked_denies_converged);
    tcase_add_test(cases, other_live_values_at_one_vector_are_diverged);
    tcase_add_test(cases, other_tombstones_at_one_vector_and_one_H_are_diverged);
    tcase_add_test(cases, another_ledger_at_one_vector_is_diverged);
    tcase_add_test(cases, damage_is_seen_while_writes_are_on_their_way);
    tcase_add_test(cases, other_tombstones_at_another_H_are_not_compared);
    tcase_add_test(cases, a_daemon_that_was_closed_at_the_ends_holds_what_it_holds);
    tcase_add_test(cases, regions_that_cannot_be_compared_anywhere_are_pending);
    tcase_add_test(cases, a_collection_that_is_not_defined_is_unknown);
    tcase_add_test(cases, the_regions_of_a_pair_that_differs_are_named);
    tcase_add_test(cases, a_difference_is_remembered_while_vectors_move_apart);
    tcase_add_test(cases, what_was_heard_before_the_question_is_not_believed);
    tcase_add_test(cases, one_cut_has_one_digest_and_another_has_another);
    tcase_add_test(cases, a_certificate_says_what_was_proven_at_which_cut);
    tcase_add_test(cases, a_certificate_of_anything_else_begins_with_that);
    tcase_add_test(cases, regions_at_the_ends_are_caught_up_whatever_they_hold);
    tcase_add_test(cases, what_waits_for_the_region_furthest_behind_is_counted);
    tcase_add_test(cases, what_is_not_known_is_not_caught_up);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(verdict_suite());
}
