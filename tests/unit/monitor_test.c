/* The half of the monitor that reads Kafka, over two clusters in memory: what travels
 * is read, goes on where it was, and a cluster that is away takes nothing else with it.
 */
#include "monitor_bus_kit.h"

/* ---- opening ---- */

START_TEST(without_a_control_topic_there_is_nothing_to_monitor)
{
    options.prefix = "other.";
    ck_assert_int_eq(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why),
                     ISO_NO_DEFINITION);
    ck_assert(strstr(why.text, "other.control is not on cluster home") != NULL);
    options.prefix = "iso.";
}
END_TEST

START_TEST(a_home_cluster_that_is_away_cannot_be_opened)
{
    iso_memory_cut(sides[0].bus, true);
    ck_assert_int_eq(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why),
                     ISO_UNAVAILABLE);
}
END_TEST

START_TEST(without_a_cluster_the_setting_is_named)
{
    struct iso_settings *settings = iso_settings_new();
    ck_assert_int_eq(iso_monitor_open(settings, TIMEOUT_MS, &monitor, &why),
                     ISO_SETTING);
    ck_assert(strstr(why.text, "cluster.home.servers") != NULL);
    iso_settings_free(settings);
}
END_TEST

START_TEST(a_control_topic_that_was_made_anew_asks_for_a_new_start)
{
    setup_level();
    iso_memory_truncate(sides[0].cluster, "iso.control", 0, 0);
    ck_assert_int_eq(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why),
                     ISO_NO_DEFINITION);
    ck_assert(strstr(why.text,
                     "iso.control of cluster home is gone or was made anew") != NULL);
}
END_TEST

/* ---- reading ---- */

START_TEST(what_both_clusters_hold_is_read)
{
    setup_level();
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(row(i)->records_behind, 0);
        ck_assert_int_eq(row(i)->lag_ms, 0);
        ck_assert_int_eq(row(i)->state, ISO_LAG_OK);
    }
    ck_assert_int_eq(verdict(), ISO_VERDICT_CONVERGED);
    ck_assert_str_eq(iso_control_collection(iso_monitor_control(monitor), 0),
                     "packages");
}
END_TEST

START_TEST(a_record_that_waits_is_looked_at_for_its_append_time)
{
    setup_level();
    iso_clock_manual_add(&now, 2000);
    append(0, 1, 1);
    iso_clock_manual_add(&now, 700);
    append(0, 1, 4);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_uint_eq(row(0)->records_behind, 5);
    ck_assert_int_eq(row(0)->lag_ms, 700); /* 2700 is the age of the one before */
    ck_assert_int_eq(row(0)->staleness_ms, 2700);
    ck_assert_uint_eq(row(1)->records_behind, 0);
    ck_assert_int_eq(verdict(), ISO_VERDICT_CONSISTENT);
}
END_TEST

START_TEST(a_record_that_is_no_longer_there_is_looked_for_in_vain)
{
    setup_level();
    append(0, 1, 4);
    iso_memory_trim(sides[0].cluster, "packages.1", 1, 5);
    iso_clock_manual_add(&now, 900);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_uint_eq(row(0)->records_behind, 4);
    ck_assert_int_eq(row(0)->lag_ms, 900);
}
END_TEST

START_TEST(reports_that_come_later_are_read_later)
{
    setup_level();
    for (int n = 0; n < 3; n++) {
        append(0, 0, 1);
        append(0, 1, 1);
        ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
        ck_assert_uint_eq(row(0)->records_behind, 2);
        report(EU, 4 + n, 3);
        report(US, 4 + n, 3);
        ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
        ck_assert_uint_eq(row(0)->records_behind, 0);
    }
}
END_TEST

START_TEST(a_daemon_is_as_old_as_its_newest_report_in_the_topic)
{
    topics();
    report(US, 0, 0);
    iso_clock_manual_add(&now, 3600000);
    ck_ok(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why));
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_int_eq(row(0)->report_age_ms, 3600000);
    ck_assert_int_eq(row(0)->state, ISO_LAG_STOPPED);
}
END_TEST

START_TEST(ends_are_read_again_only_when_asked_but_for_those_never_read)
{
    setup_level();
    append(0, 0, 1);
    ck_ok(iso_monitor_refresh(monitor, false, TIMEOUT_MS, &why));
    ck_assert_int_eq(verdict(), ISO_VERDICT_CONVERGED);
    iso_monitor_close(monitor);
    ck_ok(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why));
    clocks();
    ck_ok(iso_monitor_refresh(monitor, false, TIMEOUT_MS, &why));
    ck_assert_int_eq(verdict(), ISO_VERDICT_CONSISTENT);
}
END_TEST

/* What us' daemon would commit of both logs, where each stands. */
static void commit(int64_t eu, int64_t us)
{
    for (int side = 0; side < 2; side++) {
        struct iso_reader *reader;
        struct iso_reader_options opened = {.header = "iso", .group = "isostasy.us"};
        ck_ok(iso_reader_open(sides[side].other, &opened, &reader, &why));
        for (int p = 0; p < 2; p++) {
            uint32_t id = (uint32_t)p;
            ck_ok(iso_reader_assign(reader, id, side == 0 ? "packages.1" : "packages.2",
                                    p, 0, &why));
            iso_reader_commit(reader, &id, side == 0 ? &eu : &us, 1);
        }
        iso_reader_close(reader);
    }
}

START_TEST(a_region_without_a_report_is_counted_by_what_its_group_committed)
{
    topics();
    for (int i = 0; i < 4; i++)
        append(i / 2, i % 2, 3);
    report(EU, 3, 3);
    commit(2, 3);
    ck_ok(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why));
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert(row(0)->committed);
    ck_assert_uint_eq(row(0)->records_behind, 2);
    ck_assert_int_eq(row(0)->state, ISO_LAG_UNKNOWN);
    ck_assert(!row(1)->committed);
    ck_assert_int_eq(verdict(), ISO_VERDICT_UNKNOWN);
    commit(3, 3);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_uint_eq(row(0)->records_behind, 2); /* it is not asked every time */
    iso_clock_manual_add(&now, 5000);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_uint_eq(row(0)->records_behind, 0);
    report(US, 3, 3);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert(!row(0)->committed);
    ck_assert_int_eq(row(0)->state, ISO_LAG_OK);
}
END_TEST

START_TEST(what_nobody_committed_stays_unknown)
{
    topics();
    append(0, 0, 3);
    report(EU, 3, 3);
    ck_ok(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why));
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert(!row(0)->committed);
    ck_assert(row(0)->records_behind == ISO_UNKNOWN_COUNT);
}
END_TEST

START_TEST(reports_that_are_damaged_or_of_another_collection_count_for_nothing)
{
    setup_level();
    struct iso_buf key = {0}, value = {0};
    iso_buf_print(&key, "us/0/packages/0");
    iso_buf_print(&value, "nonsense");
    publish(1, "iso.status", 0, &key, &value);
    struct iso_report other = kit_report("packages", US, 0);
    other.slice.definition_id[0] ^= 1; /* of that name, but made before this one */
    report_send(1, &other);
    other = kit_report("elsewhere", US, 0);
    report_send(1, &other);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_int_eq(verdict(), ISO_VERDICT_CONVERGED);
}
END_TEST

START_TEST(a_collection_that_is_defined_later_is_seen)
{
    setup_level();
    struct iso_definition *later =
        kit_definition("later", (struct kit_shape){.regions = 2, .partitions = 1});
    define(later);
    iso_definition_free(later);
    append(0, 0, 1);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    const struct iso_lag_row *rows;
    ck_assert_uint_eq(
        iso_lag_rows(iso_monitor_lag(monitor), "later", now.now_ms, &rows), 2);
    ck_assert_int_eq(rows[0].state, ISO_LAG_UNKNOWN);
    ck_assert_uint_eq(row(0)->records_behind, 1); /* though those topics are missing */
}
END_TEST

START_TEST(topics_that_are_not_there_yet_are_unknown_and_read_when_they_are)
{
    ck_ok(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why));
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_int_eq(row(0)->state, ISO_LAG_UNKNOWN);
    ck_assert(row(0)->records_behind == ISO_UNKNOWN_COUNT);
    ck_assert_int_eq(verdict(), ISO_VERDICT_UNKNOWN);
    topics();
    clocks();
    report(EU, 0, 0);
    report(US, 0, 0);
    ck_ok(iso_monitor_refresh(monitor, false, TIMEOUT_MS, &why));
    ck_assert_int_eq(verdict(), ISO_VERDICT_CONVERGED);
}
END_TEST

START_TEST(a_status_topic_that_lost_its_beginning_is_read_on)
{
    setup_level();
    append(0, 0, 1);
    for (int i = 0; i < 2; i++)
        report(US, 4, 3);
    iso_memory_trim(sides[1].cluster, "iso.status", 0, 4);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_uint_eq(row(0)->records_behind, 0);
}
END_TEST

/* ---- away ---- */

START_TEST(a_cluster_that_is_away_leaves_the_others_live_and_is_asked_again_later)
{
    setup_level();
    iso_memory_cut(sides[1].bus, true);
    append(0, 0, 2);
    report(EU, 5, 3);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_uint_eq(row(0)->records_behind, 2); /* us was heard before */
    iso_memory_cut(sides[1].bus, false);
    report(US, 5, 3);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_uint_eq(row(0)->records_behind, 2); /* left alone for now */
    iso_clock_manual_add(&now, AWAY_MS);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert_uint_eq(row(0)->records_behind, 0);
}
END_TEST

START_TEST(what_a_cluster_said_that_is_away_for_long_is_not_believed)
{
    setup_level();
    iso_memory_cut(sides[1].bus, true);
    iso_clock_manual_add(&now, KIT_STOPPED_MS + 1);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
    ck_assert(row(1)->records_behind == ISO_UNKNOWN_COUNT);
    ck_assert_int_eq(row(1)->lag_ms, ISO_UNKNOWN_MS);
    ck_assert_int_eq(row(0)->state, ISO_LAG_STOPPED);
}
END_TEST

START_TEST(a_home_cluster_that_is_away_is_said_while_the_others_are_read)
{
    setup_level();
    iso_memory_cut(sides[0].bus, true);
    append(1, 0, 2);
    ck_assert_int_eq(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why),
                     ISO_UNAVAILABLE);
    ck_assert_str_ne(why.text, "");
    ck_assert_uint_eq(row(1)->records_behind, 2);
    ck_assert_int_eq(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why),
                     ISO_UNAVAILABLE);
    iso_memory_cut(sides[0].bus, false);
    iso_clock_manual_add(&now, AWAY_MS);
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
}
END_TEST

static Suite *monitor_suite(void)
{
    Suite *suite = suite_create("monitor");
    TCase *cases = tcase_create("monitor");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, without_a_control_topic_there_is_nothing_to_monitor);
    tcase_add_test(cases, a_home_cluster_that_is_away_cannot_be_opened);
    tcase_add_test(cases, without_a_cluster_the_setting_is_named);
    tcase_add_test(cases, a_control_topic_that_was_made_anew_asks_for_a_new_start);
    tcase_add_test(cases, what_both_clusters_hold_is_read);
    tcase_add_test(cases, a_record_that_waits_is_looked_at_for_its_append_time);
    tcase_add_test(cases, a_record_that_is_no_longer_there_is_looked_for_in_vain);
    tcase_add_test(cases, reports_that_come_later_are_read_later);
    tcase_add_test(cases, a_daemon_is_as_old_as_its_newest_report_in_the_topic);
    tcase_add_test(cases, ends_are_read_again_only_when_asked_but_for_those_never_read);
    tcase_add_test(cases,
                   a_region_without_a_report_is_counted_by_what_its_group_committed);
    tcase_add_test(cases, what_nobody_committed_stays_unknown);
    tcase_add_test(cases,
                   reports_that_are_damaged_or_of_another_collection_count_for_nothing);
    tcase_add_test(cases, a_collection_that_is_defined_later_is_seen);
    tcase_add_test(cases,
                   topics_that_are_not_there_yet_are_unknown_and_read_when_they_are);
    tcase_add_test(cases, a_status_topic_that_lost_its_beginning_is_read_on);
    tcase_add_test(
        cases, a_cluster_that_is_away_leaves_the_others_live_and_is_asked_again_later);
    tcase_add_test(cases, what_a_cluster_said_that_is_away_for_long_is_not_believed);
    tcase_add_test(cases,
                   a_home_cluster_that_is_away_is_said_while_the_others_are_read);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(monitor_suite());
}
