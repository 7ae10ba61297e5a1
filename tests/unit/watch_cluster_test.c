/* A watch over a monitor of two clusters in memory: what is shown while one of them, or
 * both, do not answer; clusters and dead letters in a status. eu is at home, us is far.
 */
#include "monitor/watch.h"
#include "monitor_bus_kit.h"

enum { SECOND = 1000, EVENTS_MAX = 16 };

static struct iso_watch *watch;
static struct iso_watch_event events[EVENTS_MAX];

static void begin(void)
{
    struct iso_watch_options by = {.interval_ms = SECOND,
                                   .retention_warning_ms = 6 * 3600 * SECOND};
    setup();
    setup_level();
    watch = iso_watch_new(&by, now.now_ms);
}

static void end(void)
{
    iso_watch_free(watch);
    teardown();
}

/* So many seconds: daemons report, the monitor refreshes, whatever comes of it, and
 * looks. */
static void run(int seconds)
{
    for (int i = 0; i < seconds; i++) {
        iso_clock_manual_add(&now, SECOND);
        report(EU, 3, 3);
        report(US, 3, 3);
        iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why);
        iso_watch_look(watch, monitor, now.now_ms);
    }
}

static void cut(int side, bool cut)
{
    iso_memory_cut(sides[side].bus, cut);
}

/* The pair in the newest status; good until the next look. */
static const struct iso_status_pair *pair_of(const char *source, const char *target)
{
    const struct iso_status *status = iso_watch_status(watch);
    const struct iso_status_pair *pair = iso_status_pair(status, NULL, source, target);
    iso_status_release(watch, status);
    ck_assert_ptr_nonnull(pair);
    return pair;
}

static void ck_pair(const char *source, const char *target, enum iso_lag_state state,
                    const char *says)
{
    const struct iso_status_pair *pair = pair_of(source, target);
    ck_assert_msg(pair->state == state, "%s -> %s: %s: %s", source, target,
                  iso_lag_state_name(pair->state), pair->why);
    ck_assert_msg(strstr(pair->why, says) != NULL, "'%s' lacks '%s'", pair->why, says);
}

START_TEST(clusters_that_answer_are_shown_and_no_news)
{
    run(5);
    const struct iso_status *status = iso_watch_status(watch);
    ck_assert_uint_eq(status->cluster_count, 2);
    ck_assert_str_eq(status->clusters[0].name, "home");
    ck_assert_str_eq(status->clusters[1].name, "far");
    for (int i = 0; i < 2; i++) {
        ck_assert(status->clusters[i].answers);
        ck_assert_str_eq(status->clusters[i].why, "");
        ck_assert_int_ne(status->clusters[i].heard_ms, ISO_UNKNOWN_MS);
    }
    iso_status_release(watch, status);
    ck_pair("eu", "us", ISO_LAG_OK, "nothing of eu waits for us");
    ck_assert_uint_eq(iso_watch_events(watch, 0, events, EVENTS_MAX), 0);
}
END_TEST

START_TEST(behind_a_cluster_that_is_away_nobody_is_called_stopped)
{
    run(5);
    cut(1, true);
    for (int i = 0; i < 40; i++) {
        run(1);
        ck_assert_int_ne(pair_of("eu", "us")->state, ISO_LAG_STOPPED);
    }
    ck_pair("eu", "us", ISO_LAG_UNKNOWN,
            "cluster far does not answer the monitor for ");
    ck_assert_str_eq(pair_of("eu", "us")->rule, "unknown.blind");
    const struct iso_status *status = iso_watch_status(watch);
    ck_assert(status->clusters[0].answers);
    ck_assert(!status->clusters[1].answers);
    ck_assert_str_ne(status->clusters[1].why, "");
    const struct iso_verdict *verdict = &status->collections[0].verdict;
    ck_assert_int_eq(verdict->state, ISO_VERDICT_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(verdict->why, "cluster far does not answer"));
    iso_status_release(watch, status);
    size_t count = iso_watch_events(watch, 0, events, EVENTS_MAX);
    ck_assert_uint_ge(count, 1);
    ck_assert_int_eq(events[0].kind, ISO_WATCH_CLUSTER);
    ck_assert_str_eq(events[0].is, "away");
    ck_assert_ptr_nonnull(strstr(events[0].why, "cluster far does not answer"));
    for (size_t i = 1; i < count; i++) /* what us did is not known, and so no news */
        ck_assert_str_ne(events[i].target, "us");
}
END_TEST

static void report_at_home(unsigned region)
{
    for (uint32_t p = 0; p < 2; p++) {
        struct iso_report made = kit_report("packages", region, p);
        for (uint16_t log = 1; log <= 2; log++) {
            kit_stand(&made, log, 3, now.now_ms);
            kit_source(&made, log, log, 3, now.now_ms);
        }
        report_send(0, &made);
    }
}

/* All daemons report at home; only a log lies in the cluster that is away. */
START_TEST(while_the_cluster_of_a_log_is_away_nothing_is_said_to_be_converged)
{
    struct iso_verdict got = {0};
    for (int i = 0; i < 15; i++) {
        iso_clock_manual_add(&now, SECOND);
        report_at_home(EU);
        report_at_home(US);
        cut(1, i >= 3);
        iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why);
        iso_watch_look(watch, monitor, now.now_ms);
        const struct iso_status *status = iso_watch_status(watch);
        got = status->collections[0].verdict;
        iso_status_release(watch, status);
        if (i < 5)
            ck_assert_int_eq(got.state, ISO_VERDICT_CONVERGED);
    }
    ck_assert_int_eq(got.state, ISO_VERDICT_UNKNOWN);
    ck_assert_str_eq(got.why,
                     "cluster far does not answer the monitor: what was written into "
                     "log 2 (packages.2) by now is not known");
}
END_TEST

START_TEST(a_cluster_that_comes_back_is_told_and_seen_again)
{
    run(5);
    cut(1, true);
    run(30);
    cut(1, false);
    run(15);
    ck_pair("eu", "us", ISO_LAG_OK, "nothing of eu waits for us");
    ck_pair("us", "eu", ISO_LAG_OK, "nothing of us waits for eu");
    size_t count = iso_watch_events(watch, 0, events, EVENTS_MAX);
    size_t back = 0;
    for (size_t i = 0; i < count; i++)
        back +=
            events[i].kind == ISO_WATCH_CLUSTER && strcmp(events[i].is, "answers") == 0;
    ck_assert_uint_eq(back, 1);
    run(60);
    ck_assert_uint_eq(iso_watch_events(watch, 0, events, EVENTS_MAX), count);
}
END_TEST

START_TEST(with_kafka_away_the_status_goes_on_and_pretends_nothing)
{
    run(5);
    cut(0, true);
    cut(1, true);
    run(30);
    struct iso_status_sum sum;
    const struct iso_status *status = iso_watch_status(watch);
    ck_assert_uint_eq(status->look, 35);
    ck_assert_int_eq(status->at_ms, now.now_ms);
    iso_status_sum(status, &sum);
    ck_assert_int_eq(sum.state, ISO_LAG_UNKNOWN);
    ck_assert_uint_eq(sum.pairs_ok, 0);
    iso_status_release(watch, status);
}
END_TEST

START_TEST(dead_letters_are_shown_and_cut)
{
    static char reason[4000];
    memset(reason, 'r', sizeof reason - 1);
    struct iso_dead_letter made = {.collection = iso_bytes_text("packages"),
                                   .topic = iso_bytes_text("packages.1"),
                                   .partition = 1,
                                   .offset = 7,
                                   .append_ms = now.now_ms,
                                   .error = iso_bytes_text("ISO_REFUSED"),
                                   .reason = iso_bytes_text(reason),
                                   .has_key = true,
                                   .has_value = true,
                                   .key = iso_bytes_text("key"),
                                   .value = iso_bytes_text("a secret")};
    struct iso_buf key = {0}, value = {0};
    topic(1, "iso.dead-letter", 1);
    iso_dead_letter_key(&made, &key);
    iso_dead_letter_encode(&made, &value);
    publish(1, "iso.dead-letter", 0, &key, &value);
    run(5);
    const struct iso_status *status = iso_watch_status(watch);
    ck_assert_uint_eq(status->letters_held, 1);
    ck_assert_uint_eq(status->letter_count, 1);
    const struct iso_status_letter *letter = &status->letters[0];
    ck_assert_str_eq(letter->cluster, "far");
    ck_assert(iso_bytes_equal(letter->letter.topic, iso_bytes_text("packages.1")));
    ck_assert(iso_bytes_equal(letter->letter.error, iso_bytes_text("ISO_REFUSED")));
    ck_assert(iso_bytes_equal(letter->letter.key, iso_bytes_text("key")));
    ck_assert_uint_eq(letter->letter.reason.size, 1024);
    ck_assert_int_eq(letter->letter.offset, 7);
    ck_assert(letter->letter.has_value && letter->letter.value_cut);
    ck_assert_uint_eq(letter->letter.value.size, 0);
    iso_status_release(watch, status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch_cluster");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, clusters_that_answer_are_shown_and_no_news);
    tcase_add_test(tests, behind_a_cluster_that_is_away_nobody_is_called_stopped);
    tcase_add_test(tests,
                   while_the_cluster_of_a_log_is_away_nothing_is_said_to_be_converged);
    tcase_add_test(tests, a_cluster_that_comes_back_is_told_and_seen_again);
    tcase_add_test(tests, with_kafka_away_the_status_goes_on_and_pretends_nothing);
    tcase_add_test(tests, dead_letters_are_shown_and_cut);
    suite_add_tcase(suite, tests);
    return kit_main(suite);
}
