/* Which rows there are, what feeds them, which places are looked at, and how fast. */
#include "lag_kit.h"

/* ---- rows ---- */

START_TEST(every_pair_has_a_row_in_order_and_a_region_alone_is_shown_to_itself)
{
    begin_level();
    struct iso_definition *alone =
        kit_definition("alone", (struct kit_shape){.regions = 1, .partitions = 1});
    iso_lag_feed_definition(lag, alone);
    const struct iso_lag_row *rows;
    ck_assert_uint_eq(iso_lag_rows(lag, NULL, KIT_NOW, &rows), 7);
    static const char *expected[][2] = {{"eu", "eu"}, {"eu", "us"}, {"eu", "ap"},
                                        {"us", "eu"}, {"us", "ap"}, {"ap", "eu"},
                                        {"ap", "us"}};
    for (size_t i = 0; i < 7; i++) {
        ck_assert_str_eq(rows[i].collection, i == 0 ? "alone" : "packages");
        ck_assert_str_eq(rows[i].source, expected[i][0]);
        ck_assert_str_eq(rows[i].target, expected[i][1]);
    }
    ck_assert_uint_eq(iso_lag_rows(lag, "nothing", KIT_NOW, &rows), 0);
    finish();
    iso_definition_free(alone);
}
END_TEST

START_TEST(a_region_that_may_not_write_is_no_source)
{
    begin((struct kit_shape){.regions = 2, .partitions = 1, .shared = true});
    definition->logs[0].writers = 1;
    const struct iso_lag_row *rows;
    ck_assert_uint_eq(iso_lag_rows(lag, NULL, KIT_NOW, &rows), 1);
    ck_assert_str_eq(rows[0].source, "eu");
    finish();
}
END_TEST

START_TEST(a_report_that_no_definition_knows_of_is_dropped)
{
    begin((struct kit_shape){.regions = 2, .partitions = 1});
    struct iso_report report = kit_report("other", US, 0);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    report = kit_report("packages", US, 1);
    kit_stand(&report, EU, 5, KIT_NOW);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    report = kit_report("packages", AP, 0);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    report = kit_report("packages", US, 0);
    snprintf(report.region, sizeof report.region, "eu");
    iso_lag_feed_report(lag, &report, KIT_NOW);
    iso_lag_feed_end(lag, &(struct iso_lag_end){.collection = "other", .log = 1});
    feed_end(9, 0, 5);
    feed_end(1, 1, 5);
    saw(9, 0, 5, KIT_NOW);
    ck_state(row(EU, US), ISO_LAG_UNKNOWN, "nothing was heard of us");
    finish();
}
END_TEST

START_TEST(a_newer_definition_keeps_what_is_known_and_an_older_one_changes_nothing)
{
    begin_level();
    struct iso_definition *newer =
        kit_definition("packages", (struct kit_shape){.regions = 3, .partitions = 1});
    newer->number = 2;
    kit_log_add(newer, 1);
    iso_lag_feed_definition(lag, newer);
    iso_lag_feed_definition(lag, definition);
    ck_unknown_behind(row(EU, US), "the end of log 4");
    ck_assert_uint_eq(row(US, EU)->records_behind, 0);
    feed_end(4, 0, 2);
    ck_assert_uint_eq(row(EU, US)->records_behind, 2);
    finish();
    iso_definition_free(newer);
}
END_TEST

/* ---- what should be looked at ---- */

static bool wanted(size_t n, uint16_t log, int64_t offset)
{
    const char *collection;
    uint16_t got;
    uint32_t partition;
    int64_t at;
    if (!iso_lag_wanted(lag, n, &collection, &got, &partition, &at))
        return false;
    ck_assert_str_eq(collection, "packages");
    ck_assert_uint_eq(partition, 0);
    ck_assert_uint_eq(got, log);
    ck_assert_int_eq(at, offset);
    return true;
}

START_TEST(a_place_is_wanted_once_the_oldest_first_until_its_age_is_known)
{
    begin_level();
    ck_assert(!wanted(0, 0, 0));
    feed_end(US, 0, 11);
    struct iso_report report = level(AP, 0, 4);
    for (size_t i = 0; i < 3; i++)
        report.slice.logs[i].append_ms = KIT_NOW - 2000;
    iso_lag_feed_report(lag, &report, KIT_NOW);
    feed_end(EU, 0, 4);
    feed_end(AP, 0, 4);
    ck_assert(wanted(0, US, 4));
    ck_assert(wanted(1, US, 10)); /* where both eu and us stand */
    ck_assert(!wanted(2, 0, 0));
    saw(US, 0, 4, KIT_NOW);
    ck_assert(wanted(0, US, 10));
    ck_assert(!wanted(1, 0, 0));
    finish();
}
END_TEST

START_TEST(an_age_is_forgotten_when_every_region_has_gone_on)
{
    begin_level();
    feed_end(EU, 0, 30);
    saw(EU, 0, 10, KIT_NOW - 700);
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = level(n, 0, 20);
        iso_lag_feed_report(lag, &report, KIT_NOW);
    }
    saw(EU, 0, 20, KIT_NOW - 600);
    ck_assert_int_eq(row(EU, US)->lag_ms, 600);
    struct iso_report report = level(US, 0, 10);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    ck_assert(wanted(0, EU, 10));
    finish();
}
END_TEST

/* ---- many ---- */

START_TEST(fifty_regions_of_200_partitions_are_shown_in_seconds)
{
    enum { REGIONS = 50, PARTITIONS = 200, SECONDS_MAX = 20 };
    int64_t begun_ms = iso_steady_ms(&iso_clock_machine);
    begin((struct kit_shape){.regions = REGIONS, .partitions = PARTITIONS});
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        for (unsigned n = 1; n <= REGIONS; n++) {
            struct iso_report report = kit_report("packages", n, p);
            for (uint16_t log = 1; log <= REGIONS; log++) {
                kit_stand(&report, log, 10, KIT_NOW - 1000);
                kit_source(&report, log, log, 10, KIT_NOW - 1000);
            }
            iso_lag_feed_report(lag, &report, KIT_NOW);
            feed_end((uint16_t)n, p, n == 7 ? 12 : 10);
        }
    }
    const struct iso_lag_row *rows;
    ck_assert_uint_eq(iso_lag_rows(lag, NULL, KIT_NOW, &rows), REGIONS * (REGIONS - 1));
    ck_assert_uint_eq(row(7, 33)->records_behind, 2 * PARTITIONS);
    ck_assert_uint_eq(row(8, 33)->records_behind, 0);
    uint64_t waiting;
    ck_assert(!iso_lag_caught_up(lag, "packages", INT64_MIN, &waiting));
    ck_assert_uint_eq(waiting, 2 * PARTITIONS);
    struct iso_verdict verdict;
    iso_lag_verdict(lag, "packages", KIT_NOW, 0, &verdict);
    ck_assert_uint_eq(verdict.pending, PARTITIONS);
    finish();
    ck_assert_int_lt(iso_steady_ms(&iso_clock_machine) - begun_ms, SECONDS_MAX * 1000);
}
END_TEST

static Suite *lag_rows_suite(void)
{
    Suite *suite = suite_create("lag_rows");
    TCase *cases = tcase_create("lag_rows");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases,
                   every_pair_has_a_row_in_order_and_a_region_alone_is_shown_to_itself);
    tcase_add_test(cases, a_region_that_may_not_write_is_no_source);
    tcase_add_test(cases, a_report_that_no_definition_knows_of_is_dropped);
    tcase_add_test(
        cases, a_newer_definition_keeps_what_is_known_and_an_older_one_changes_nothing);
    tcase_add_test(cases,
                   a_place_is_wanted_once_the_oldest_first_until_its_age_is_known);
    tcase_add_test(cases, an_age_is_forgotten_when_every_region_has_gone_on);
    tcase_add_test(cases, fifty_regions_of_200_partitions_are_shown_in_seconds);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(lag_rows_suite());
}
