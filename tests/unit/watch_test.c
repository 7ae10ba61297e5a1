/* A watch over three regions that are fed by hand: the status it publishes, the trends,
 * and what is news. */
#include "watch_world.h"

enum { EVENTS_MAX = 64 };

static struct world world;
static struct iso_watch_event events[EVENTS_MAX];
static uint64_t heard; /* the newest event that was read */

static void setup(void)
{
    world_init(&world);
    heard = 0;
}
static void teardown(void)
{
    world_release(&world);
}

/* The pair in the newest status; good until the next look. */
static const struct iso_status_pair *pair_of(const char *source, const char *target)
{
    const struct iso_status *status = iso_watch_status(world.watch);
    const struct iso_status_pair *pair =
        iso_status_pair(status, "packages", source, target);
    ck_assert_ptr_nonnull(pair);
    iso_status_release(world.watch, status); /* the watch holds it on */
    return pair;
}

static void ck_state(const char *source, const char *target, enum iso_lag_state state)
{
    const struct iso_status_pair *pair = pair_of(source, target);
    ck_assert_msg(pair->state == state, "%s -> %s: %s: %s", source, target,
                  iso_lag_state_name(pair->state), pair->why);
}

static size_t news(void)
{
    size_t count = iso_watch_events(world.watch, heard, events, EVENTS_MAX);
    if (count > 0)
        heard = events[count - 1].id;
    return count;
}

static void ck_event(size_t at, enum iso_watch_kind kind, const char *was,
                     const char *is)
{
    ck_assert_msg(events[at].kind == kind, "%s: %s",
                  iso_watch_kind_name(events[at].kind), events[at].why);
    ck_assert_str_eq(events[at].was, was);
    ck_assert_str_eq(events[at].is, is);
}

/* ---- the status ---- */

START_TEST(before_the_first_look_there_is_no_status)
{
    ck_assert_ptr_null(iso_watch_status(world.watch));
    iso_status_release(world.watch, NULL);
    ck_assert_uint_eq(news(), 0);
}
END_TEST

START_TEST(a_status_says_all_of_its_look)
{
    world_run(&world, 3);
    const struct iso_status *status = iso_watch_status(world.watch);
    ck_assert_uint_eq(status->look, 3);
    ck_assert_int_eq(status->at_ms, KIT_NOW + 3 * SECOND);
    ck_assert_int_eq(status->started_ms, KIT_NOW);
    ck_assert_int_eq(status->interval_ms, SECOND);
    ck_assert_uint_eq(status->collection_count, 1);
    const struct iso_status_collection *at = iso_status_collection(status, "packages");
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_null(iso_status_collection(status, "others"));
    ck_assert_str_eq(at->name, "packages");
    ck_assert_str_eq(at->resolver, "lww");
    ck_assert_uint_eq(at->partitions, 1);
    ck_assert_uint_eq(at->pair_count, 6);
    ck_assert_uint_eq(at->region_count, 3);
    ck_assert_uint_eq(at->log_count, 3);
    ck_assert_str_eq(at->logs[1].topic, "packages.2");
    ck_assert_str_eq(at->logs[1].cluster, "home");
    ck_assert(!at->logs[1].closed);
    ck_assert_int_eq(at->logs[1].ends[0], 100);
    ck_assert_int_eq(at->verdict.state, ISO_VERDICT_CONVERGED);
    ck_assert_int_eq(at->verdict_since_ms, KIT_NOW + SECOND);
    ck_assert_ptr_nonnull(strstr(at->certificate, "packages"));
    ck_assert_ptr_null(iso_status_pair(status, "packages", "eu", "eu"));
    ck_assert_ptr_null(iso_status_pair(status, "others", "eu", "us"));
    ck_assert_ptr_eq(iso_status_pair(status, NULL, "eu", "us"), &at->pairs[0]);
    iso_status_release(world.watch, status);
}
END_TEST

START_TEST(a_status_that_is_held_does_not_change)
{
    world_run(&world, 1);
    const struct iso_status *held = iso_watch_status(world.watch);
    const struct iso_status *twice = iso_watch_status(world.watch);
    ck_assert_ptr_eq(held, twice);
    iso_status_release(world.watch, twice);
    world.written[EU] = 5000;
    world_run(&world, 10);
    ck_assert_uint_eq(held->look, 1);
    ck_assert_int_eq(held->collections[0].logs[0].ends[0], 100);
    ck_assert_int_eq(held->collections[0].pairs[0].state, ISO_LAG_OK);
    iso_status_release(world.watch, held);
    ck_state("eu", "us", ISO_LAG_STALLED);
}
END_TEST

START_TEST(the_sum_is_the_worst_of_all)
{
    struct iso_status_sum sum;
    world_run(&world, 1);
    const struct iso_status *status = iso_watch_status(world.watch);
    iso_status_sum(status, &sum);
    ck_assert_int_eq(sum.state, ISO_LAG_OK);
    ck_assert_int_eq(sum.verdict, ISO_VERDICT_CONVERGED);
    ck_assert_uint_eq(sum.pairs, 6);
    ck_assert_uint_eq(sum.pairs_ok, 6);
    iso_status_release(world.watch, status);
    world.regions[US].closed = true;
    world_run(&world, 3);
    status = iso_watch_status(world.watch);
    iso_status_sum(status, &sum);
    ck_assert_int_eq(sum.state, ISO_LAG_STOPPED);
    ck_assert_uint_eq(sum.pairs_ok, 4);
    ck_assert_ptr_nonnull(strstr(sum.why, "the daemon of us was stopped"));
    iso_status_release(world.watch, status);
    struct iso_status nothing = {0};
    iso_status_sum(&nothing, &sum);
    ck_assert_int_eq(sum.state, ISO_LAG_UNKNOWN);
    ck_assert_int_eq(sum.verdict, ISO_VERDICT_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(sum.why, "no collection"));
}
END_TEST

START_TEST(a_daemon_that_closed_and_one_that_is_silent_have_rules_of_their_own)
{
    world_run(&world, 3);
    world.regions[US].closed = true;
    world.regions[AP].silent = true;
    world_run(&world, 20);
    ck_state("eu", "us", ISO_LAG_STOPPED);
    ck_state("eu", "ap", ISO_LAG_STOPPED);
    ck_assert_str_eq(pair_of("eu", "us")->rule, "stopped.closed");
    ck_assert_str_eq(pair_of("eu", "ap")->rule, "stopped.silent");
    ck_state("ap", "eu", ISO_LAG_OK);
}
END_TEST

START_TEST(a_stopped_region_stays_visible_and_one_that_left_does_not)
{
    struct iso_sample samples[ISO_SAMPLES_FINE];
    world.regions[AP].silent = true;
    world_run(&world, 600);
    ck_assert_uint_eq(
        iso_watch_samples(world.watch, &(struct iso_watch_pair){"packages", "eu", "ap"},
                          ISO_TREND_FINE, samples, ISO_SAMPLES_FINE),
        ISO_SAMPLES_FINE);
    struct iso_definition *next = kit_definition(
        "packages", (struct kit_shape){.regions = REGIONS, .partitions = 1});
    next->number = 2;
    next->region_count = 2;
    next->logs[AP - 1].writers = 0;
    iso_lag_feed_definition(world.lag, next);
    world_run(&world, 1);
    const struct iso_status *status = iso_watch_status(world.watch);
    ck_assert_ptr_null(iso_status_pair(status, "packages", "eu", "ap"));
    ck_assert_ptr_nonnull(iso_status_pair(status, "packages", "eu", "us"));
    iso_status_release(world.watch, status);
    ck_assert_uint_eq(
        iso_watch_samples(world.watch, &(struct iso_watch_pair){"packages", "eu", "ap"},
                          ISO_TREND_FINE, samples, ISO_SAMPLES_FINE),
        0);
    ck_assert_uint_eq(iso_watch_samples(world.watch,
                                        &(struct iso_watch_pair){NULL, "eu", "us"},
                                        ISO_TREND_FINE, samples, ISO_SAMPLES_FINE),
                      ISO_SAMPLES_FINE);
    iso_definition_free(world.definition);
    world.definition = next;
}
END_TEST

/* ---- trends ---- */

START_TEST(a_trend_shows_every_look_and_the_worst_of_each_minute)
{
    struct iso_sample samples[ISO_SAMPLES_COARSE];
    world_run(&world, 90);
    world.written[EU] = 300;
    world_apply(&world, US);
    world_run(&world, 7);
    world_apply(&world, 0);
    world_run(&world, 60);
    size_t count =
        iso_watch_samples(world.watch, &(struct iso_watch_pair){"packages", "eu", "us"},
                          ISO_TREND_FINE, samples, ISO_SAMPLES_FINE);
    ck_assert_uint_eq(count, 157);
    ck_assert_int_eq(samples[0].at_ms, KIT_NOW + SECOND);
    ck_assert_uint_eq(samples[89].records_behind, 0);
    ck_assert_uint_eq(samples[90].records_behind, 200);
    ck_assert_uint_eq(samples[97].records_behind, 0);
    ck_assert_int_eq(samples[156].at_ms, world.now_ms);
    count =
        iso_watch_samples(world.watch, &(struct iso_watch_pair){"packages", "eu", "us"},
                          ISO_TREND_COARSE, samples, ISO_SAMPLES_COARSE);
    ck_assert_uint_ge(count, 3);
    ck_assert_uint_le(count, 4);
    size_t behind = 0;
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(samples[i].at_ms % 60000, 0);
        behind += samples[i].records_behind == 200;
    }
    ck_assert_uint_eq(behind, 1);
    ck_assert_uint_eq(
        iso_watch_samples(world.watch,
                          &(struct iso_watch_pair){"packages", "eu", "mars"},
                          ISO_TREND_FINE, samples, 1),
        0);
}
END_TEST

/* ---- news ---- */

START_TEST(a_quiet_system_has_no_news)
{
    world_run(&world, 300);
    ck_assert_uint_eq(news(), 0);
}
END_TEST

START_TEST(a_busy_system_has_no_news)
{
    for (int i = 0; i < 300; i++) {
        world_apply(&world, 0);
        for (int r = 1; r <= REGIONS; r++)
            world.written[r] += i % 20 < 15 ? 10 : 0; /* bursts of 15 s, pauses of 5 */
        world_run(&world, 1);
    }
    for (size_t i = 0, count = news(); i < count; i++)
        ck_assert_int_eq(events[i].kind, ISO_WATCH_VERDICT);
    world_run(&world, 10);
    news();
    world_run(&world, 300);
    ck_assert_uint_eq(news(), 0);
}
END_TEST

START_TEST(a_daemon_that_stops_and_comes_back_is_told_once_each)
{
    world_run(&world, 5);
    world.regions[US].closed = true;
    world_run(&world, 30);
    ck_assert_uint_eq(news(), 3);
    ck_event(2, ISO_WATCH_VERDICT, "converged", "consistent");
    for (size_t i = 0; i < 2; i++) {
        ck_event(i, ISO_WATCH_STATE, "ok", "stopped");
        ck_assert_str_eq(events[i].target, "us");
        ck_assert_str_eq(events[i].collection, "packages");
        ck_assert_ptr_nonnull(strstr(events[i].why, "start isostasyd there"));
        ck_assert_int_eq(events[i].at_ms, KIT_NOW + 7 * SECOND);
    }
    world.regions[US].closed = false;
    world.regions[US].started_ms = world.now_ms;
    world_run(&world, 30);
    ck_assert_uint_eq(news(), 4);
    ck_event(0, ISO_WATCH_DAEMON, "", "restarted");
    ck_assert_str_eq(events[0].source, "us");
    ck_event(1, ISO_WATCH_STATE, "stopped", "ok");
    ck_event(2, ISO_WATCH_STATE, "stopped", "ok");
    ck_event(3, ISO_WATCH_VERDICT, "consistent", "converged");
}
END_TEST

START_TEST(what_is_wrong_at_the_first_look_is_told)
{
    world.regions[US].closed = true;
    world_run(&world, 5);
    ck_assert_uint_eq(news(), 2);
    ck_event(0, ISO_WATCH_STATE, "", "stopped");
}
END_TEST

START_TEST(another_store_is_told)
{
    world_run(&world, 5);
    world.regions[AP].store = 77;
    world_run(&world, 5);
    ck_assert_uint_ge(news(), 1);
    ck_event(0, ISO_WATCH_DAEMON, "", "replaced");
    ck_assert_str_eq(events[0].source, "ap");
    ck_assert_ptr_nonnull(strstr(events[0].why, "another store holds packages in ap"));
    world_run(&world, 60);
    ck_assert_uint_eq(news(), 0);
}
END_TEST

START_TEST(a_clock_that_is_off_is_told_once_and_shown_with_every_pair_of_its_region)
{
    world_run(&world, 5);
    world.regions[EU].clock_ms = 3600000;
    world_run(&world, 60);
    ck_assert_uint_eq(news(), 1);
    ck_event(0, ISO_WATCH_WARNING, "", "clock");
    ck_assert_str_eq(events[0].source, "eu");
    ck_assert_str_eq(events[0].why,
                     "the clock of eu is 3,600 s ahead of its brokers: see its time "
                     "synchronisation");
    const char *warning = "the clock of eu is 3,600 s ahead of its brokers";
    ck_assert_str_eq(pair_of("eu", "us")->warning, warning);
    ck_assert_str_eq(pair_of("ap", "eu")->warning, warning);
    ck_assert_str_eq(pair_of("ap", "us")->warning, "");
    ck_state("eu", "us", ISO_LAG_OK);
    world.regions[EU].clock_ms = 900;
    world_run(&world, 60);
    ck_assert_uint_eq(news(), 1);
    ck_event(0, ISO_WATCH_WARNING, "clock", "");
    ck_assert_str_eq(pair_of("eu", "us")->warning, "");
}
END_TEST

START_TEST(retention_is_warned_of_before_it_comes_to_pass)
{
    world.retention_ms = 3600 * SECOND;
    world_run(&world, 5);
    world.regions[US].closed = true;
    world_run(&world, 5);
    ck_assert_uint_eq(news(), 2);
    world.written[EU] = 200;
    world_apply(&world, US);
    world_run(&world, 20);
    ck_assert(pair_of("eu", "us")->retention_warning);
    ck_assert_ptr_nonnull(strstr(pair_of("eu", "us")->warning,
                                 "retention deletes what waits of eu for us in "));
    ck_assert(!pair_of("eu", "ap")->retention_warning);
    size_t count = news(), warnings = 0;
    for (size_t i = 0; i < count; i++)
        warnings += events[i].kind == ISO_WATCH_WARNING;
    ck_assert_uint_eq(warnings, 1);
}
END_TEST

START_TEST(damage_is_told_and_is_the_worst_of_all)
{
    world_run(&world, 20);
    world.regions[AP].digest = 4711;
    world_run(&world, 5);
    struct iso_status_sum sum;
    const struct iso_status *status = iso_watch_status(world.watch);
    iso_status_sum(status, &sum);
    ck_assert_int_eq(sum.verdict, ISO_VERDICT_DIVERGED);
    ck_assert_int_eq(sum.state, ISO_LAG_DIVERGED);
    ck_assert_int_eq(status->collections[0].verdict_since_ms, KIT_NOW + 21 * SECOND);
    iso_status_release(world.watch, status);
    size_t count = news(), verdicts = 0;
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind != ISO_WATCH_VERDICT)
            continue;
        ck_event(i, ISO_WATCH_VERDICT, "converged", "diverged");
        ck_assert_str_ne(events[i].why, "");
        verdicts++;
    }
    ck_assert_uint_eq(verdicts, 1);
    ck_state("eu", "ap", ISO_LAG_DIVERGED);
    ck_state("eu", "us", ISO_LAG_OK);
}
END_TEST

START_TEST(a_region_that_stays_behind_is_a_verdict_and_a_short_wait_is_none)
{
    world_run(&world, 20);
    world.written[EU] += 50;
    world_apply(&world, US);
    world_run(&world, 4);
    world_apply(&world, 0);
    world_run(&world, 20);
    ck_assert_uint_eq(news(), 0);
    world.written[EU] += 50;
    world_apply(&world, US);
    world_run(&world, 60);
    size_t count = news(), verdicts = 0;
    for (size_t i = 0; i < count; i++)
        verdicts += events[i].kind == ISO_WATCH_VERDICT;
    ck_assert_uint_eq(verdicts, 1);
}
END_TEST

START_TEST(the_newest_events_are_remembered_and_asked_for_by_number)
{
    world_run(&world, 5);
    for (int i = 0; i < ISO_WATCH_EVENTS_MAX + 100; i++) {
        world.regions[US].started_ms++;
        world_run(&world, 1);
    }
    static struct iso_watch_event all[ISO_WATCH_EVENTS_MAX + 200];
    size_t count = iso_watch_events(world.watch, 0, all, sizeof all / sizeof *all);
    ck_assert_uint_eq(count, ISO_WATCH_EVENTS_MAX);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(all[i].id, 101 + i);
    ck_assert_uint_eq(iso_watch_events(world.watch, all[count - 3].id, all, 10), 2);
    ck_assert_uint_eq(iso_watch_events(world.watch, 100000, all, 10), 0);
    ck_assert_uint_eq(iso_watch_events(world.watch, 500, all, 10), 10);
    ck_assert_uint_eq(all[0].id, 501);
}
END_TEST

static TCase *cases(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, before_the_first_look_there_is_no_status);
    tcase_add_test(tests, a_status_says_all_of_its_look);
    tcase_add_test(tests, a_status_that_is_held_does_not_change);
    tcase_add_test(tests, the_sum_is_the_worst_of_all);
    tcase_add_test(tests,
                   a_daemon_that_closed_and_one_that_is_silent_have_rules_of_their_own);
    tcase_add_test(tests, a_stopped_region_stays_visible_and_one_that_left_does_not);
    tcase_add_test(tests, a_trend_shows_every_look_and_the_worst_of_each_minute);
    tcase_add_test(tests, a_quiet_system_has_no_news);
    tcase_add_test(tests, a_busy_system_has_no_news);
    tcase_add_test(tests, a_daemon_that_stops_and_comes_back_is_told_once_each);
    tcase_add_test(tests, what_is_wrong_at_the_first_look_is_told);
    tcase_add_test(tests, another_store_is_told);
    tcase_add_test(
        tests,
        a_clock_that_is_off_is_told_once_and_shown_with_every_pair_of_its_region);
    tcase_add_test(tests, retention_is_warned_of_before_it_comes_to_pass);
    tcase_add_test(tests, damage_is_told_and_is_the_worst_of_all);
    tcase_add_test(tests,
                   a_region_that_stays_behind_is_a_verdict_and_a_short_wait_is_none);
    tcase_add_test(tests, the_newest_events_are_remembered_and_asked_for_by_number);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("watch");
    suite_add_tcase(suite, cases());
    return kit_main(suite);
}
