/* What the monitor makes of what it reads: looks at what waits, the order of questions,
 * clocks, retention, dead letters, and how the clusters do. */
#include "monitor_bus_kit.h"

enum { HOUR_MS = 3600000 };

static void refresh(void)
{
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
}

/* ---- looks ---- */

START_TEST(heartbeats_that_wait_are_no_lag)
{
    setup_level();
    iso_clock_manual_add(&now, 1000);
    for (int i = 0; i < 4; i++)
        append_write(i / 2, i % 2, ISO_HEARTBEAT, 4);
    refresh();
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(row(i)->records_behind, 2);
        ck_assert_int_eq(row(i)->lag_ms, 0);
        ck_assert(row(i)->lag_exact);
        ck_assert_int_eq(row(i)->staleness_ms, 1000);
        ck_assert_int_eq(row(i)->state, ISO_LAG_OK);
    }
}
END_TEST

START_TEST(lag_counts_from_the_first_write_behind_heartbeats)
{
    setup_level();
    for (uint64_t seq = 4; seq < 7; seq++) {
        iso_clock_manual_add(&now, 1000);
        append_write(0, 1, ISO_HEARTBEAT, seq);
    }
    iso_clock_manual_add(&now, 500);
    append_write(0, 1, ISO_PUT, 7);
    append_write(0, 1, ISO_DELETE, 8);
    iso_clock_manual_add(&now, 300);
    refresh();
    ck_assert_int_eq(row(0)->lag_ms, 300);
    ck_assert(row(0)->lag_exact);
    ck_assert_uint_eq(row(0)->records_behind, 5);
    for (int n = 0; n < 5; n++) {
        iso_clock_manual_add(&now, 1000); /* nobody applies it: a second a second */
        append_write(0, 1, ISO_HEARTBEAT, 9 + (uint64_t)n);
        refresh();
        ck_assert_int_eq(row(0)->lag_ms, 1300 + 1000 * n);
    }
}
END_TEST

START_TEST(a_look_goes_on_where_the_one_before_ended)
{
    setup_level();
    append_write(1, 0, ISO_HEARTBEAT, 4);
    refresh();
    ck_assert_int_eq(row(1)->lag_ms, 0);
    iso_clock_manual_add(&now, 200);
    append_write(1, 0, ISO_PUT, 5);
    iso_clock_manual_add(&now, 50);
    refresh();
    ck_assert_int_eq(row(1)->lag_ms, 50);
    ck_assert(row(1)->lag_exact);
    report(EU, 3, 5);
    refresh();
    ck_assert_int_eq(row(1)->lag_ms, 0);
}
END_TEST

START_TEST(a_record_whose_header_is_nonsense_is_no_write)
{
    setup_level();
    struct iso_message message = {.topic = "packages.1",
                                  .has_key = true,
                                  .has_value = true,
                                  .has_header = true,
                                  .key = iso_bytes_text("key"),
                                  .value = iso_bytes_text("value"),
                                  .header = iso_bytes_text("nonsense")};
    ck_ok(iso_bus_publish(sides[0].other, &message, "iso", TIMEOUT_MS, NULL, &why));
    refresh();
    ck_assert_uint_eq(row(0)->records_behind, 1);
    ck_assert_int_eq(row(0)->lag_ms, 0);
}
END_TEST

/* ---- the order of questions ---- */

/* As who waits until everything up to the ends is applied asks: once for the ends. */
START_TEST(reports_go_on_while_the_ends_are_kept)
{
    setup_level();
    append(0, 0, 2);
    refresh();
    ck_assert_uint_eq(row(0)->records_behind, 2);
    append(0, 0, 5);
    report(US, 5, 3);
    ck_ok(iso_monitor_refresh(monitor, false, TIMEOUT_MS, &why));
    ck_assert_uint_eq(row(0)->records_behind, 0);
    refresh();
    ck_assert_uint_eq(row(0)->records_behind, 5);
}
END_TEST

/* ---- clocks ---- */

static void report_live(unsigned region, int64_t eu, int64_t us)
{
    report(region, eu, us);
    refresh();
}

START_TEST(the_clock_of_a_cluster_is_known_from_what_is_read_live)
{
    struct iso_monitor_cluster clusters[2];
    setup_level();
    ck_assert_uint_eq(iso_monitor_clusters(monitor, clusters, 2), 2);
    ck_assert(!clusters[0].has_clock && !clusters[1].has_clock);
    for (int n = 0; n < 4; n++) {
        iso_clock_manual_add(&now, 1000);
        report_live(EU, 3, 3);
    }
    iso_monitor_clusters(monitor, clusters, 2);
    ck_assert_str_eq(clusters[0].name, "home");
    ck_assert(clusters[0].answers && clusters[0].has_clock);
    ck_assert_int_le(llabs(clusters[0].clock_ms), clusters[0].clock_error_ms);
    ck_assert_int_le(clusters[0].clock_error_ms, 500);
    ck_assert(!clusters[1].has_clock); /* nothing came from there */
    ck_assert_int_eq(clusters[1].heard_ms, now.now_ms);
}
END_TEST

/* The brokers of the memory bus go by another clock than the monitor. */
START_TEST(brokers_that_are_an_hour_off_change_no_age_by_more_than_the_error)
{
    struct iso_clock_manual ours;
    for (int sign = -1; sign <= 1; sign += 2) {
        iso_clock_manual_init(&ours, now.now_ms + sign * HOUR_MS);
        options.clock = &ours.clock;
        if (sign < 0)
            topics();
        ck_ok(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why));
        for (int n = 0; n < 5; n++) {
            iso_clock_manual_add(&now, 250);
            iso_clock_manual_add(&ours, 250);
            report(EU, 0, 0);
            report(US, 0, 0);
            iso_clock_manual_add(&now, 50);
            iso_clock_manual_add(&ours, 50);
            refresh();
        }
        struct iso_monitor_cluster clusters[2];
        iso_monitor_clusters(monitor, clusters, 2);
        ck_assert(clusters[0].has_clock);
        ck_assert_int_le(llabs(clusters[0].clock_ms + sign * HOUR_MS),
                         clusters[0].clock_error_ms);
        ck_assert_int_le(clusters[0].clock_error_ms, 200);
        const struct iso_lag_row *rows;
        iso_lag_rows(iso_monitor_lag(monitor), "packages", ours.now_ms, &rows);
        ck_assert_int_le(rows[0].staleness_ms, 50 + 200);
        ck_assert_int_le(rows[0].report_age_ms, 50 + 200);
        ck_assert_int_eq(rows[0].state, ISO_LAG_OK);
        iso_monitor_close(monitor);
        monitor = NULL;
    }
    options.clock = &now.clock;
}
END_TEST

/* ---- retention ---- */

START_TEST(how_long_a_topic_is_kept_is_asked)
{
    struct iso_topic_config config[] = {{"message.timestamp.type", "LogAppendTime"},
                                        {"retention.ms", "3600000"}};
    for (int i = 0; i < 2; i++)
        topic(i, "iso.status", 1);
    ck_ok(iso_bus_topic_create(sides[0].other,
                               &(struct iso_topic){"packages.1", 2, 1, config, 2},
                               TIMEOUT_MS, &why));
    config[1].value = "-1";
    ck_ok(iso_bus_topic_create(sides[1].other,
                               &(struct iso_topic){"packages.2", 2, 1, config, 2},
                               TIMEOUT_MS, &why));
    append(0, 0, 1);
    append(1, 0, 1);
    report(EU, 0, 0);
    report(US, 0, 0);
    ck_ok(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why));
    iso_clock_manual_add(&now, 600);
    refresh();
    ck_assert_int_eq(row(0)->deleted_in_ms, HOUR_MS - 600);
    ck_assert_int_eq(row(1)->deleted_in_ms, ISO_UNKNOWN_MS);
    iso_memory_trim(sides[0].cluster, "packages.1", 0, 1);
    iso_clock_manual_add(&now, 10);
    refresh();
    ck_assert_uint_eq(row(0)->lost, 1);
    ck_assert_int_eq(row(0)->state, ISO_LAG_LOST);
}
END_TEST

/* ---- dead letters ---- */

static void letter(int side, int64_t offset)
{
    struct iso_dead_letter made = {.collection = iso_bytes_text("packages"),
                                   .topic = iso_bytes_text("packages.1"),
                                   .offset = offset,
                                   .append_ms = now.now_ms,
                                   .error = iso_bytes_text("ISO_REFUSED"),
                                   .reason = iso_bytes_text("it is too late"),
                                   .has_key = true,
                                   .has_value = true,
                                   .key = iso_bytes_text("key"),
                                   .value = iso_bytes_text("a secret")};
    struct iso_buf key = {0}, value = {0};
    iso_dead_letter_key(&made, &key);
    iso_dead_letter_encode(&made, &value);
    publish(side, "iso.dead-letter", 0, &key, &value);
}

START_TEST(the_newest_dead_letters_of_all_clusters_are_told_the_newest_first)
{
    struct iso_monitor_letter letters[ISO_MONITOR_LETTERS_MAX];
    uint64_t held;
    setup_level();
    ck_assert_uint_eq(
        iso_monitor_letters(monitor, letters, ISO_MONITOR_LETTERS_MAX, &held), 0);
    ck_assert_uint_eq(held, 0);
    for (int i = 0; i < 2; i++)
        topic(i, "iso.dead-letter", 1);
    for (int64_t n = 0; n < 100; n++) {
        iso_clock_manual_add(&now, 1);
        letter(n % 10 == 0, n);
    }
    letter(0, 99); /* twice is once */
    struct iso_buf key = {0}, value = {0};
    iso_buf_print(&value, "nonsense");
    publish(0, "iso.dead-letter", 0, &key, &value);
    refresh();
    size_t count =
        iso_monitor_letters(monitor, letters, ISO_MONITOR_LETTERS_MAX, &held);
    ck_assert_uint_eq(count, ISO_MONITOR_LETTERS_MAX);
    ck_assert_uint_eq(held, 102);
    for (size_t i = 0; i < count; i++) {
        const struct iso_dead_letter *told = letters[i].letter;
        ck_assert_int_eq(told->offset, 99 - (int64_t)i);
        ck_assert_str_eq(letters[i].cluster, told->offset % 10 == 0 ? "far" : "home");
        ck_assert(iso_bytes_equal(told->reason, iso_bytes_text("it is too late")));
        ck_assert(iso_bytes_equal(told->key, iso_bytes_text("key")));
        ck_assert(told->value.size == 0 && told->value_cut);
    }
    iso_clock_manual_add(&now, 1);
    letter(1, 100);
    refresh();
    ck_assert_uint_eq(iso_monitor_letters(monitor, letters, 3, &held), 3);
    ck_assert_int_eq(letters[0].letter->offset, 100);
    ck_assert_int_eq(letters[2].letter->offset, 98);
    ck_assert_uint_eq(held, 103);
}
END_TEST

/* ---- clusters ---- */

START_TEST(a_cluster_that_does_not_answer_says_why_and_since_when)
{
    struct iso_monitor_cluster clusters[2];
    setup_level();
    int64_t heard_ms = now.now_ms;
    iso_memory_cut(sides[1].bus, true);
    iso_clock_manual_add(&now, 1000);
    refresh();
    ck_assert_uint_eq(iso_monitor_clusters(monitor, clusters, 1), 2);
    iso_monitor_clusters(monitor, clusters, 2);
    ck_assert(clusters[0].answers && !clusters[1].answers);
    ck_assert_str_eq(clusters[0].why, "");
    ck_assert_str_ne(clusters[1].why, "");
    ck_assert_int_eq(clusters[0].heard_ms, now.now_ms);
    ck_assert_int_eq(clusters[1].heard_ms, heard_ms);
    const struct iso_lag_region *regions;
    iso_lag_regions(iso_monitor_lag(monitor), "packages", now.now_ms, &regions);
    ck_assert_str_eq(regions[0].cluster, "home");
    ck_assert_str_eq(regions[1].cluster, "far");
    iso_memory_cut(sides[1].bus, false);
    iso_clock_manual_add(&now, AWAY_MS);
    refresh();
    iso_monitor_clusters(monitor, clusters, 2);
    ck_assert(clusters[1].answers);
}
END_TEST

static Suite *monitor_look_suite(void)
{
    Suite *suite = suite_create("monitor_look");
    TCase *cases = tcase_create("monitor_look");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, heartbeats_that_wait_are_no_lag);
    tcase_add_test(cases, lag_counts_from_the_first_write_behind_heartbeats);
    tcase_add_test(cases, a_look_goes_on_where_the_one_before_ended);
    tcase_add_test(cases, a_record_whose_header_is_nonsense_is_no_write);
    tcase_add_test(cases, reports_go_on_while_the_ends_are_kept);
    tcase_add_test(cases, the_clock_of_a_cluster_is_known_from_what_is_read_live);
    tcase_add_test(cases,
                   brokers_that_are_an_hour_off_change_no_age_by_more_than_the_error);
    tcase_add_test(cases, how_long_a_topic_is_kept_is_asked);
    tcase_add_test(cases,
                   the_newest_dead_letters_of_all_clusters_are_told_the_newest_first);
    tcase_add_test(cases, a_cluster_that_does_not_answer_says_why_and_since_when);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(monitor_look_suite());
}
