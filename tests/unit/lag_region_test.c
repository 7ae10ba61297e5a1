/* What daemons tell of themselves: regions, histograms of latency, the worst slices. */
#include "lag_kit.h"

static struct iso_report told(unsigned region, uint32_t partition, int64_t started_ms)
{
    struct iso_report report = level(region, partition, 10);
    report.has_health = true;
    report.health.started_ms = started_ms;
    return report;
}

static void took(struct iso_report *report, unsigned source, size_t bucket,
                 uint64_t count)
{
    struct iso_latency *latency =
        &iso_health_source_add(&report->health, source)->latency;
    latency->counts[bucket] += count;
    latency->sum_ms += count * 10;
}

/* ---- latency ---- */

START_TEST(latencies_are_summed_over_slices_by_source_and_target)
{
    begin((struct kit_shape){.regions = 3, .partitions = 2});
    ck_assert(!row(EU, US)->has_latency);
    for (uint32_t p = 0; p < 2; p++) {
        struct iso_report report = told(US, p, 1);
        took(&report, EU, 2, 5 + p);
        took(&report, EU, 15, 1);
        took(&report, AP, 3, 100);
        iso_lag_feed_report(lag, &report, KIT_NOW);
    }
    const struct iso_lag_row *at = row(EU, US);
    ck_assert(at->has_latency);
    ck_assert_uint_eq(at->latency.counts[2], 11);
    ck_assert_uint_eq(at->latency.counts[15], 2);
    ck_assert_uint_eq(at->latency.counts[3], 0);
    ck_assert_uint_eq(at->latency.sum_ms, 130);
    ck_assert_uint_eq(row(AP, US)->latency.counts[3], 200);
    ck_assert(!row(US, EU)->has_latency);
    finish();
}
END_TEST

static uint64_t counted(void)
{
    return iso_latency_count(&row(EU, US)->latency);
}

static void tell(int64_t started_ms, uint64_t count, int store, int64_t heard_ms)
{
    struct iso_report report = told(US, 0, started_ms);
    memset(report.store, store, sizeof report.store);
    if (count > 0)
        took(&report, EU, 4, count);
    iso_lag_feed_report(lag, &report, heard_ms);
}

START_TEST(a_histogram_never_falls_whatever_restarts)
{
    begin_level();
    tell(1000, 40, 1, KIT_NOW);
    ck_assert_uint_eq(counted(), 40);
    tell(1000, 50, 1, KIT_NOW);
    ck_assert_uint_eq(counted(), 50);
    tell(2000, 0, 1, KIT_NOW); /* started anew */
    ck_assert_uint_eq(counted(), 50);
    tell(2000, 3, 1, KIT_NOW);
    ck_assert_uint_eq(counted(), 53);
    tell(3000, 2, 7, KIT_NOW); /* another store */
    ck_assert_uint_eq(counted(), 55);
    tell(3000, 1, 7, KIT_NOW); /* nonsense */
    ck_assert_uint_eq(counted(), 55);
    struct iso_report older = level(US, 0, 10); /* an older daemon says nothing */
    memset(older.store, 7, sizeof older.store);
    iso_lag_feed_report(lag, &older, KIT_NOW);
    ck_assert_uint_eq(counted(), 55);
    finish();
}
END_TEST

START_TEST(two_daemons_that_claim_one_slice_are_not_counted_again_and_again)
{
    begin_level();
    for (int n = 0; n < 20; n++) {
        tell(1000, 40, 1, KIT_NOW + n);
        tell(2000, 60, 2, KIT_NOW + n);
    }
    ck_assert_uint_eq(counted(), 100);
    finish();
}
END_TEST

START_TEST(counts_beyond_measure_fill_a_histogram_and_no_more)
{
    begin_level();
    for (int64_t n = 1; n < 4; n++)
        tell(1000 * n, UINT64_MAX, 1, KIT_NOW);
    ck_assert(row(EU, US)->latency.counts[4] == UINT64_MAX);
    finish();
}
END_TEST

/* ---- regions ---- */

/* Two of three slices of us. */
static void tell_slices(void)
{
    for (uint32_t p = 0; p < 2; p++) {
        struct iso_report report = told(US, p, 1000 + p);
        struct iso_slice *slice = &report.slice;
        slice->tally = (struct iso_tally){
            .values = 5, .tombstones = 2 + (int64_t)p, .expiring = 1};
        slice->ledger_rows = 4;
        slice->dropped_rows = 3;
        slice->dropped_bytes = 30;
        slice->alarms = 1;
        slice->gaps = 2;
        slice->swept_min_ms = 500 - (int64_t)p;
        iso_slice_log(slice, EU)->bound_ms = 9000 - (int64_t)p;
        iso_slice_log(slice, US)->bound_ms = 9500;
        iso_slice_log(slice, 3)->bound_ms = 1; /* no definition knows of it */
        iso_slice_log(slice, EU)->refused = 6;
        report.health.has_store = report.health.has_loser = true;
        report.health.store_used = 70 + p;
        report.health.store_free = 7;
        iso_buf_print(&report.health.loser_key, "key%u", (unsigned)p);
        report.health.loser_at_ms = 10 + p;
        report.health.loser_log = EU;
        report.health.loser_offset = 5;
        iso_lag_feed_report(lag, &report, KIT_NOW - 100 + (int64_t)p);
    }
}

START_TEST(a_region_is_summed_over_its_slices_as_its_daemons_told)
{
    begin((struct kit_shape){.regions = 2, .partitions = 3});
    tell_slices();
    const struct iso_lag_region *regions;
    ck_assert_uint_eq(iso_lag_regions(lag, NULL, KIT_NOW, &regions), 2);
    const struct iso_lag_region *us = &regions[1];
    ck_assert_str_eq(us->collection, "packages");
    ck_assert_str_eq(us->region, "us");
    ck_assert_str_eq(us->cluster, "home");
    ck_assert_str_eq(us->software, "0.1.0");
    ck_assert_uint_eq(us->slices, 3);
    ck_assert_uint_eq(us->heard, 2);
    ck_assert_int_eq(us->report_ms, KIT_NOW - 100);
    ck_assert_int_eq(us->started_ms, 1001);
    ck_assert_int_eq(us->values, 10);
    ck_assert_int_eq(us->tombstones, 5);
    ck_assert_int_eq(us->expiring, 2);
    ck_assert_uint_eq(us->ledger_rows, 8);
    ck_assert_uint_eq(us->dropped_rows, 6);
    ck_assert_uint_eq(us->dropped_bytes, 60);
    ck_assert_uint_eq(us->refused, 12);
    ck_assert_uint_eq(us->alarms, 2);
    ck_assert_uint_eq(us->gaps, 4);
    ck_assert_int_eq(us->floor_ms, 8999);
    ck_assert_uint_eq(us->floor_log, EU);
    ck_assert_uint_eq(us->floor_partition, 1);
    ck_assert_int_eq(us->swept_ms, 499);
    ck_assert(us->has_store && us->has_loser && !us->has_clock);
    ck_assert_uint_eq(us->store_used, 71);
    ck_assert_int_eq(us->loser_at_ms, 11);
    ck_assert(iso_bytes_equal(us->loser_key, iso_bytes_text("key1")));
    ck_assert_int_eq(regions[0].swept_ms, ISO_UNKNOWN_MS);
    ck_assert_uint_eq(regions[0].heard, 0);
    ck_assert_int_eq(regions[0].report_ms, ISO_UNKNOWN_MS);
    ck_assert_int_eq(regions[0].floor_ms, ISO_UNKNOWN_MS);
    ck_assert_int_eq(regions[0].started_ms, ISO_UNKNOWN_MS);
    ck_assert_uint_eq(iso_lag_regions(lag, "other", KIT_NOW, &regions), 0);
    finish();
}
END_TEST

START_TEST(the_oldest_that_waits_is_that_of_the_slices_that_know_it)
{
    static const struct {
        bool known[3];
        int64_t told_ms[3], oldest_ms;
    } rows[] = {
        {{false, false, false}, {0, 5, 0}, ISO_UNKNOWN_MS},
        {{false, true, false}, {3, 0, 0}, 0},
        {{true, true, true}, {0, 700, 900}, 700},
        {{true, true, false}, {900, 0, 100}, 900},
        {{true, true, true}, {0, 0, 0}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct iso_lag_region *regions;
        begin((struct kit_shape){.regions = 2, .partitions = 3});
        for (uint32_t p = 0; p < 3; p++) {
            struct iso_report report = told(US, p, 1);
            report.health.has_oldest = rows[i].known[p];
            report.health.oldest_ms = rows[i].told_ms[p];
            iso_lag_feed_report(lag, &report, KIT_NOW);
        }
        iso_lag_regions(lag, NULL, KIT_NOW, &regions);
        ck_assert_int_eq(regions[1].oldest_ms, rows[i].oldest_ms);
        ck_assert_int_eq(regions[0].oldest_ms, ISO_UNKNOWN_MS);
        finish();
    }
}
END_TEST

START_TEST(a_closed_log_holds_the_floor_until_it_is_applied_to_its_end)
{
    const struct iso_lag_region *regions;
    begin((struct kit_shape){.regions = 2, .partitions = 1});
    definition->logs[EU - 1].ends = iso_alloc(sizeof(int64_t));
    definition->logs[EU - 1].ends[0] = 25;
    for (int64_t frontier = 24; frontier <= 26; frontier++) {
        struct iso_report report = level(US, 0, frontier);
        iso_slice_log(&report.slice, EU)->bound_ms = 1000;
        iso_slice_log(&report.slice, US)->bound_ms = 2000;
        iso_lag_feed_report(lag, &report, KIT_NOW + frontier);
        ck_assert_uint_eq(iso_lag_regions(lag, NULL, KIT_NOW + 100, &regions), 2);
        ck_assert_int_eq(regions[1].floor_ms, frontier < 25 ? 1000 : 2000);
        ck_assert_uint_eq(regions[1].floor_log, frontier < 25 ? EU : US);
    }
    finish();
}
END_TEST

START_TEST(a_slice_that_was_never_swept_leaves_it_unknown)
{
    static const int64_t swept_ms[] = {0, 500, 0};
    begin((struct kit_shape){.regions = 2, .partitions = 3});
    for (uint32_t p = 0; p < 3; p++) {
        const struct iso_lag_region *regions;
        struct iso_report report = level(EU, p, 10);
        report.slice.swept_min_ms = swept_ms[(p + 1) % 3];
        iso_lag_feed_report(lag, &report, KIT_NOW);
        iso_lag_regions(lag, NULL, KIT_NOW, &regions);
        ck_assert_int_eq(regions[0].swept_ms, p == 0 ? 500 : ISO_UNKNOWN_MS);
    }
    finish();
}
END_TEST

/* ---- the worst slices ---- */

START_TEST(the_worst_slices_are_told_the_worst_first)
{
    enum { PARTITIONS = 40 };
    begin((struct kit_shape){.regions = 2, .partitions = PARTITIONS});
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        struct iso_report report = kit_report("packages", US, p);
        kit_stand(&report, EU, 10, KIT_NOW - 1000);
        kit_source(&report, EU, EU, 10, KIT_NOW - 1000);
        if (p == 31)
            report.state = ISO_SLICE_STOPPED;
        iso_lag_feed_report(lag, &report, KIT_NOW);
        feed_end(EU, p, p % 2 == 0 ? 10 : 11);
        if (p % 2 == 1) /* in no order */
            saw(EU, p, 10, KIT_NOW - 100 - 7 * p % 40);
    }
    const struct iso_lag_row *at = row(EU, US);
    ck_assert_uint_eq(at->worst_count, ISO_LAG_WORST_MAX);
    ck_assert_uint_eq(at->worst[0].partition, 31);
    ck_assert_int_eq(at->worst[0].state, ISO_LAG_PARKED);
    for (size_t i = 1; i < at->worst_count; i++) {
        const struct iso_lag_slice *slice = &at->worst[i];
        ck_assert_uint_eq(slice->partition % 2, 1);
        ck_assert_int_eq(slice->state, ISO_LAG_OK);
        ck_assert_uint_eq(slice->log, EU);
        ck_assert_int_eq(slice->frontier, 10);
        ck_assert_int_eq(slice->end, 11);
        ck_assert_uint_eq(slice->records_behind, 1);
        ck_assert_int_eq(slice->lag_ms, 100 + 7 * slice->partition % 40);
        ck_assert_int_eq(slice->staleness_ms, 1000);
        if (i > 1)
            ck_assert_int_le(slice->lag_ms, at->worst[i - 1].lag_ms);
    }
    ck_assert_int_eq(at->worst[1].lag_ms, 139);
    finish();
}
END_TEST

START_TEST(a_slice_that_was_never_heard_is_among_the_worst_and_unknown)
{
    begin((struct kit_shape){.regions = 2, .partitions = 2});
    struct iso_report report = level(US, 1, 10);
    iso_lag_feed_report(lag, &report, KIT_NOW);
    feed_end(EU, 0, 10);
    feed_end(EU, 1, 10);
    const struct iso_lag_row *at = row(EU, US);
    ck_assert_uint_eq(at->worst_count, 2);
    ck_assert_uint_eq(at->worst[0].partition, 0);
    ck_assert_int_eq(at->worst[0].state, ISO_LAG_UNKNOWN);
    ck_assert_int_eq(at->worst[0].lag_ms, ISO_UNKNOWN_MS);
    ck_assert(at->worst[0].records_behind == ISO_UNKNOWN_COUNT);
    ck_assert_int_eq(at->worst[0].frontier, -1);
    ck_assert_int_eq(at->worst[0].end, -1);
    ck_assert(at->written == ISO_UNKNOWN_COUNT);
    finish();
}
END_TEST

START_TEST(what_was_applied_and_written_is_summed_for_rates)
{
    begin((struct kit_shape){.regions = 2, .partitions = 2});
    for (uint32_t p = 0; p < 2; p++) {
        struct iso_report report = level(US, p, 10 + p);
        iso_lag_feed_report(lag, &report, KIT_NOW);
        feed_end(EU, p, 20);
    }
    ck_assert_uint_eq(row(EU, US)->applied, 21);
    ck_assert_uint_eq(row(EU, US)->written, 40);
    finish();
}
END_TEST

static Suite *lag_region_suite(void)
{
    Suite *suite = suite_create("lag_region");
    TCase *cases = tcase_create("lag_region");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, latencies_are_summed_over_slices_by_source_and_target);
    tcase_add_test(cases, a_histogram_never_falls_whatever_restarts);
    tcase_add_test(cases,
                   two_daemons_that_claim_one_slice_are_not_counted_again_and_again);
    tcase_add_test(cases, counts_beyond_measure_fill_a_histogram_and_no_more);
    tcase_add_test(cases, a_region_is_summed_over_its_slices_as_its_daemons_told);
    tcase_add_test(cases, the_oldest_that_waits_is_that_of_the_slices_that_know_it);
    tcase_add_test(cases, a_closed_log_holds_the_floor_until_it_is_applied_to_its_end);
    tcase_add_test(cases, a_slice_that_was_never_swept_leaves_it_unknown);
    tcase_add_test(cases, the_worst_slices_are_told_the_worst_first);
    tcase_add_test(cases, a_slice_that_was_never_heard_is_among_the_worst_and_unknown);
    tcase_add_test(cases, what_was_applied_and_written_is_summed_for_rates);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(lag_region_suite());
}
