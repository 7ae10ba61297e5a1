/* What looks at the records that wait tell, what counts tell without a look, and how
 * honest the rest is: never younger than the truth. */
#include "lag_kit.h"

static void ck_lag(const struct iso_lag_row *at, int64_t lag_ms, bool exact)
{
    ck_assert_int_eq(at->lag_ms, lag_ms);
    ck_assert_int_eq(at->lag_exact, exact);
}

static bool wants(uint16_t log, int64_t offset)
{
    const char *collection;
    uint16_t got;
    uint32_t partition;
    int64_t at;
    for (size_t n = 0; iso_lag_wanted(lag, n, &collection, &got, &partition, &at);
         n++) {
        if (got == log && at == offset)
            return true;
    }
    return false;
}

static bool wants_nothing(void)
{
    const char *collection;
    uint16_t log;
    uint32_t partition;
    int64_t offset;
    return !iso_lag_wanted(lag, 0, &collection, &log, &partition, &offset);
}

/* us has read eu's log up to `frontier` and counted `writes` there. */
static void us_stands(int64_t frontier, uint64_t writes, int64_t append_ms)
{
    struct iso_report report = level(US, 0, 10);
    kit_stand(&report, EU, frontier, append_ms);
    kit_source(&report, EU, EU, writes, append_ms);
    iso_lag_feed_report(lag, &report, KIT_NOW);
}

/* ---- what counts tell ---- */

START_TEST(where_counts_are_those_of_the_peak_nothing_waits_without_a_look)
{
    begin_level();
    us_stands(7, 10, KIT_NOW - 3000); /* the three records after it are heartbeats */
    ck_lag(row(EU, US), 0, true);
    ck_assert_uint_eq(row(EU, US)->records_behind, 3);
    ck_assert(wants_nothing());
    finish();
}
END_TEST

START_TEST(where_counts_differ_what_waits_is_no_older_than_the_record_before)
{
    begin_level();
    us_stands(7, 9, KIT_NOW - 3000);
    ck_lag(row(EU, US), 3000, false);
    ck_assert(wants(EU, 7));
    saw_none(EU, 0, 7, 8, KIT_NOW - 2500);
    ck_lag(row(EU, US), 2500, false);
    ck_assert(wants(EU, 8));
    saw(EU, 0, 8, KIT_NOW - 2000);
    ck_lag(row(EU, US), 2000, true);
    ck_assert(wants_nothing());
    finish();
}
END_TEST

START_TEST(what_nobody_has_read_is_looked_for_behind_the_peak_once_for_all)
{
    begin_level();
    us_stands(7, 10, KIT_NOW - 3000);
    feed_end(EU, 0, 12);
    ck_lag(row(EU, US), 1000, false); /* the newest that eu and ap have read */
    ck_lag(row(EU, AP), 1000, false);
    ck_assert(wants(EU, 10));
    ck_assert(!wants(EU, 7));
    saw_none(EU, 0, 10, 12, KIT_NOW - 400);
    ck_lag(row(EU, US), 0, true);
    ck_lag(row(EU, AP), 0, true);
    ck_assert(wants_nothing());
    finish();
}
END_TEST

/* The log was quiet for a minute, then a write came: nobody looked yet. */
START_TEST(what_waits_came_after_we_saw_that_the_log_ended_there)
{
    begin_level();
    us_stands(10, 10, KIT_NOW - 60000);
    struct iso_report report = level(AP, 0, 10);
    kit_stand(&report, EU, 10, KIT_NOW - 60000);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    report = level(EU, 0, 10);
    kit_stand(&report, EU, 10, KIT_NOW - 60000);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    feed_end(EU, 0, 11);
    ck_lag(row(EU, US), 1000, false);
    ck_state(row(EU, US), ISO_LAG_OK, NULL);
    feed_end_at(EU, 0, 14, KIT_NOW + 500);
    ck_lag(row(EU, US), 1000, false);
    us_stands(11, 10, KIT_NOW - 700); /* not a write: the next is of the end after */
    ck_lag(row(EU, US), 0, false);
    finish();
}
END_TEST

/* ---- looks ---- */

START_TEST(a_topic_of_heartbeats_is_0_behind_and_fresh)
{
    begin_level();
    for (unsigned n = EU; n <= AP; n++) {
        feed_end((uint16_t)n, 0, 11);
        saw_none((uint16_t)n, 0, 10, 11, KIT_NOW - 100);
    }
    for (unsigned s = EU; s <= AP; s++) {
        for (unsigned t = EU; t <= AP; t++) {
            if (s == t)
                continue;
            ck_lag(row(s, t), 0, true);
            ck_assert_int_eq(row(s, t)->staleness_ms, 1000);
            ck_state(row(s, t), ISO_LAG_OK, NULL);
        }
    }
    finish();
}
END_TEST

START_TEST(a_look_that_found_no_write_goes_on_when_the_end_moves)
{
    begin_level();
    feed_end_at(EU, 0, 12, KIT_NOW - 900);
    saw_none(EU, 0, 10, 12, KIT_NOW - 800);
    ck_lag(row(EU, US), 0, true);
    feed_end(EU, 0, 15);
    ck_lag(row(EU, US), 800, false); /* no older than the last that was seen */
    ck_assert(wants(EU, 12));
    ck_assert(!wants(EU, 10));
    saw_write(EU, 0, 12, EU, KIT_NOW - 300);
    ck_lag(row(EU, US), 300, true);
    ck_assert(wants_nothing());
    feed_end(EU, 0, 99);
    ck_lag(row(EU, US), 300, true); /* the oldest stays the oldest */
    ck_assert(wants_nothing());
    finish();
}
END_TEST

START_TEST(what_was_seen_is_kept_until_a_region_has_passed_it)
{
    begin_level();
    feed_end(EU, 0, 30);
    struct iso_lag_seen seen = {.collection = "packages",
                                .log = EU,
                                .offset = 10,
                                .upto = 25,
                                .append_ms = KIT_NOW - 900,
                                .upto_ms = KIT_NOW - 500,
                                .firsts = {{EU, 20, KIT_NOW - 700}},
                                .first_count = 1};
    iso_lag_feed_seen(lag, &seen);
    ck_lag(row(EU, US), 700, true);
    us_stands(15, 10, KIT_NOW - 750);
    ck_lag(row(EU, US), 700, true);
    us_stands(21, 11, KIT_NOW - 690); /* the write is applied: look for the next */
    ck_lag(row(EU, US), 690, false);
    ck_assert(wants(EU, 21));
    finish();
}
END_TEST

START_TEST(in_a_shared_log_the_first_write_of_each_source_is_seen_at_once)
{
    begin((struct kit_shape){.regions = 3, .partitions = 1, .shared = true});
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = kit_report("packages", n, 0);
        kit_stand(&report, 1, 10, KIT_NOW - 5000);
        kit_source(&report, 1, EU, 4, KIT_NOW - 5000);
        kit_source(&report, 1, US, 4, KIT_NOW - 5000);
        iso_lag_feed_report(lag, &report, KIT_NOW);
    }
    feed_end(1, 0, 20);
    struct iso_lag_seen seen = {
        .collection = "packages",
        .log = 1,
        .offset = 10,
        .upto = 20,
        .append_ms = KIT_NOW - 900,
        .upto_ms = KIT_NOW - 100,
        .firsts = {{US, 11, KIT_NOW - 800}, {EU, 17, KIT_NOW - 300}},
        .first_count = 2};
    iso_lag_feed_seen(lag, &seen);
    ck_lag(row(EU, AP), 300, true);
    ck_lag(row(US, AP), 800, true);
    ck_lag(row(AP, EU), 0, true); /* ap has written nothing */
    finish();
}
END_TEST

START_TEST(a_record_of_a_plain_client_may_be_of_any_region)
{
    begin((struct kit_shape){.regions = 2, .partitions = 1, .shared = true});
    for (unsigned n = EU; n <= US; n++) {
        struct iso_report report = kit_report("packages", n, 0);
        kit_stand(&report, 1, 10, KIT_NOW - 5000);
        iso_lag_feed_report(lag, &report, KIT_NOW);
    }
    feed_end(1, 0, 12);
    saw_write(1, 0, 10, 0, KIT_NOW - 600);
    ck_lag(row(EU, US), 600, true);
    ck_lag(row(US, EU), 600, true);
    finish();
}
END_TEST

START_TEST(nonsense_that_was_seen_counts_for_nothing)
{
    begin_level();
    feed_end(EU, 0, 20);
    saw_none(EU, 0, 10, 10, KIT_NOW);
    saw_none(EU, 0, 10, 3, KIT_NOW);
    saw_none(EU, 0, 15, 20, KIT_NOW); /* where nobody stands */
    saw_none(EU, 7, 10, 20, KIT_NOW);
    saw_none(9, 0, 10, 20, KIT_NOW);
    saw_write(EU, 0, 10, 5000, KIT_NOW);
    ck_lag(row(EU, US), 0, false);
    ck_assert(wants(EU, 11));
    finish();
}
END_TEST

static Suite *lag_seen_suite(void)
{
    Suite *suite = suite_create("lag_seen");
    TCase *cases = tcase_create("lag_seen");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases,
                   where_counts_are_those_of_the_peak_nothing_waits_without_a_look);
    tcase_add_test(cases,
                   where_counts_differ_what_waits_is_no_older_than_the_record_before);
    tcase_add_test(cases,
                   what_nobody_has_read_is_looked_for_behind_the_peak_once_for_all);
    tcase_add_test(cases, what_waits_came_after_we_saw_that_the_log_ended_there);
    tcase_add_test(cases, a_topic_of_heartbeats_is_0_behind_and_fresh);
    tcase_add_test(cases, a_look_that_found_no_write_goes_on_when_the_end_moves);
    tcase_add_test(cases, what_was_seen_is_kept_until_a_region_has_passed_it);
    tcase_add_test(cases,
                   in_a_shared_log_the_first_write_of_each_source_is_seen_at_once);
    tcase_add_test(cases, a_record_of_a_plain_client_may_be_of_any_region);
    tcase_add_test(cases, nonsense_that_was_seen_counts_for_nothing);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(lag_seen_suite());
}
