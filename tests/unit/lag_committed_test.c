/* A region of which no report is there is counted by what its consumer group has
 * committed; that is said, and proves nothing.
 */
#include "lag_kit.h"

static void commit(unsigned region, uint16_t log, int64_t next, int64_t asked_ms)
{
    iso_lag_feed_committed(lag, &(struct iso_lag_committed){.collection = "packages",
                                                            .region = region,
                                                            .log = log,
                                                            .next = next,
                                                            .asked_ms = asked_ms});
}

/* eu and us are level at 10 records a log, and of ap no report is there. */
static void begin_without_ap(void)
{
    begin((struct kit_shape){.regions = 3, .partitions = 1});
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = level(n, 0, 10);
        if (n == AP)
            iso_report_release(&report);
        else
            iso_lag_feed_report(lag, &report, KIT_NOW - 500);
        feed_end_at((uint16_t)n, 0, 10, KIT_NOW - 1000);
    }
}

START_TEST(what_waits_is_counted_by_committed_offsets_where_no_report_is)
{
    begin_without_ap();
    ck_unknown_behind(row(EU, AP), "nothing was heard of ap");
    ck_assert(!row(EU, AP)->committed);
    commit(AP, 1, 7, KIT_NOW - 200);
    commit(AP, 2, 10, KIT_NOW - 200);
    saw(1, 0, 7, KIT_NOW - 3000);
    const struct iso_lag_row *at = row(EU, AP);
    ck_state(at, ISO_LAG_UNKNOWN, "counted by the offsets that its group committed");
    ck_assert(at->committed);
    ck_assert_uint_eq(at->records_behind, 3);
    ck_assert_int_eq(at->lag_ms, 3000);
    ck_assert(at->lag_exact);
    ck_assert_int_eq(at->report_ms, ISO_UNKNOWN_MS);
    ck_assert_int_eq(at->worst[0].frontier, 7);
    ck_assert_int_eq(at->worst[0].end, 10);
    at = row(US, AP);
    ck_state(at, ISO_LAG_UNKNOWN, "no report of ap");
    ck_assert_uint_eq(at->records_behind, 0);
    ck_assert_int_eq(at->lag_ms, 0);
    ck_state(row(EU, US), ISO_LAG_OK, NULL);
    ck_assert(!row(EU, US)->committed);
    finish();
}
END_TEST

START_TEST(where_nothing_is_committed_nothing_is_known)
{
    begin_without_ap();
    commit(AP, 1, 7, KIT_NOW);
    commit(AP, 2, -1, KIT_NOW); /* a group forgets what nobody uses */
    ck_assert_uint_eq(row(EU, AP)->records_behind, 3);
    ck_unknown_behind(row(US, AP), "no report of ap");
    commit(AP, 1, -1, KIT_NOW);
    ck_unknown_behind(row(EU, AP), "no report of ap");
    finish();
}
END_TEST

START_TEST(of_what_is_committed_a_place_is_wanted_that_nobody_looked_at)
{
    const char *collection;
    uint16_t log;
    uint32_t partition;
    int64_t offset;
    begin_without_ap();
    commit(AP, 1, 7, KIT_NOW);
    ck_assert(iso_lag_wanted(lag, 0, &collection, &log, &partition, &offset));
    ck_assert_uint_eq(log, 1);
    ck_assert_int_eq(offset, 7);
    ck_assert(!iso_lag_wanted(lag, 1, &collection, &log, &partition, &offset));
    finish();
}
END_TEST

START_TEST(offsets_that_do_not_move_are_stopped_only_where_something_waits)
{
    enum { LONG_MS = 3 * KIT_STOPPED_MS + 1000 };
    begin_without_ap();
    int64_t then_ms = KIT_NOW + LONG_MS;
    commit(AP, 1, 7, KIT_NOW);
    commit(AP, 2, 10, KIT_NOW);
    commit(AP, 1, 7, then_ms);
    commit(AP, 2, 10, then_ms);
    for (uint16_t n = 1; n <= 3; n++)
        feed_end_at(n, 0, 10, then_ms);
    ck_state(row_at(EU, AP, then_ms), ISO_LAG_STOPPED, "have not moved for");
    commit(AP, 1, 8, then_ms); /* its daemon runs, whatever became of its reports */
    ck_state(row_at(EU, AP, then_ms), ISO_LAG_UNKNOWN, "no report of ap");
    commit(AP, 1, 10, then_ms);
    then_ms += LONG_MS;
    commit(AP, 1, 10, then_ms);
    for (uint16_t n = 1; n <= 3; n++)
        feed_end_at(n, 0, 10, then_ms);
    ck_state(row_at(EU, AP, then_ms), ISO_LAG_UNKNOWN, "no report of ap");
    finish();
}
END_TEST

START_TEST(offsets_that_nobody_could_ask_for_again_are_forgotten)
{
    begin_without_ap();
    commit(AP, 1, 7, KIT_NOW);
    feed_end_at(1, 0, 10, KIT_NOW + 70000);
    ck_unknown_behind(row_at(EU, AP, KIT_NOW + 70000), "nothing was heard of ap");
    finish();
}
END_TEST

START_TEST(a_report_counts_more_than_what_was_committed)
{
    begin_without_ap();
    commit(AP, 1, 7, KIT_NOW);
    struct iso_report report = level(AP, 0, 10);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_state(row(EU, AP), ISO_LAG_OK, NULL);
    ck_assert(!row(EU, AP)->committed);
    commit(AP, 1, 3, KIT_NOW);
    ck_state(row(EU, AP), ISO_LAG_OK, NULL);
    finish();
}
END_TEST

START_TEST(what_is_committed_makes_no_verdict_and_no_peak)
{
    struct iso_verdict verdict;
    uint64_t waiting;
    begin_without_ap();
    for (uint16_t n = 1; n <= 3; n++)
        commit(AP, n, 10, KIT_NOW);
    iso_lag_verdict(lag, "packages", KIT_NOW, INT64_MIN, &verdict);
    ck_assert_int_eq(verdict.state, ISO_VERDICT_UNKNOWN);
    ck_assert_msg(strstr(verdict.why, "nothing was heard of ap") != NULL, "%s",
                  verdict.why);
    ck_assert(!iso_lag_caught_up(lag, "packages", INT64_MIN, &waiting));
    ck_assert(waiting == ISO_UNKNOWN_COUNT);
    commit(AP, 1, 999999, KIT_NOW); /* of another log under the same name */
    ck_state(row(EU, US), ISO_LAG_OK, NULL);
    ck_assert_uint_eq(row(EU, AP)->records_behind, 0);
    finish();
}
END_TEST

START_TEST(in_a_shared_log_all_that_is_behind_may_be_the_sources)
{
    begin((struct kit_shape){.regions = 3, .partitions = 1, .shared = true});
    struct iso_report report = kit_report("packages", EU, 0);
    kit_stand(&report, 1, 10, KIT_NOW - 1000);
    kit_source(&report, 1, EU, 4, KIT_NOW - 1000);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    feed_end(1, 0, 10);
    commit(US, 1, 6, KIT_NOW);
    const struct iso_lag_row *at = row(EU, US);
    ck_assert(at->committed);
    ck_assert_uint_eq(at->records_behind, 4);
    ck_assert(!at->records_exact);
    finish();
}
END_TEST

START_TEST(what_no_definition_names_is_left_out)
{
    begin_without_ap();
    commit(9, 1, 7, KIT_NOW);
    commit(AP, 77, 7, KIT_NOW);
    iso_lag_feed_committed(lag, &(struct iso_lag_committed){
                                    .collection = "others", .region = AP, .log = 1});
    iso_lag_feed_committed(
        lag, &(struct iso_lag_committed){
                 .collection = "packages", .region = AP, .log = 1, .partition = 1});
    ck_unknown_behind(row(EU, AP), "nothing was heard of ap");
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lag by committed offsets");
    TCase *tests = tcase_create("lag by committed offsets");
    tcase_add_test(tests,
                   what_waits_is_counted_by_committed_offsets_where_no_report_is);
    tcase_add_test(tests, where_nothing_is_committed_nothing_is_known);
    tcase_add_test(tests, of_what_is_committed_a_place_is_wanted_that_nobody_looked_at);
    tcase_add_test(tests,
                   offsets_that_do_not_move_are_stopped_only_where_something_waits);
    tcase_add_test(tests, offsets_that_nobody_could_ask_for_again_are_forgotten);
    tcase_add_test(tests, a_report_counts_more_than_what_was_committed);
    tcase_add_test(tests, what_is_committed_makes_no_verdict_and_no_peak);
    tcase_add_test(tests, in_a_shared_log_all_that_is_behind_may_be_the_sources);
    tcase_add_test(tests, what_no_definition_names_is_left_out);
    suite_add_tcase(suite, tests);
    return kit_main(suite);
}
