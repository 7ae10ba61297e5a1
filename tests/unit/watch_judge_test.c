/* What is held of a pair of regions: states, rules and sentences, warnings; and what is
 * said while the monitor itself is blind. */
#include "watch_kit.h"

static struct kit kit;

static void setup(void)
{
    kit_init(&kit);
}

/* ---- states ---- */

START_TEST(the_first_look_at_a_pair_counts_at_once)
{
    kit_late(&kit, ISO_LAG_STALLED, "");
    const struct iso_status_pair *pair = kit_look(&kit, 0);
    ck_pair(pair, ISO_LAG_STALLED, "late.stands");
    ck_assert_int_eq(pair->since_ms, KIT_NOW);
}
END_TEST

START_TEST(a_pair_is_ok_when_nothing_waits)
{
    const struct iso_status_pair *pair = kit_look(&kit, 0);
    ck_pair(pair, ISO_LAG_OK, "ok.level");
    ck_assert_str_eq(pair->why,
                     "nothing of eu waits for us; the newest it has is 0.4 s old");
    ck_assert_str_eq(pair->warning, "");
    ck_assert_int_eq(pair->eta_ms, ISO_UNKNOWN_MS);
    ck_assert_int_eq(pair->latency_p50_ms, ISO_UNKNOWN_MS);
    ck_assert(pair->applied_rate < 0);
    kit_stand(&kit, 10000, 10001, 800);
    pair = kit_look(&kit, SECOND);
    ck_pair(pair, ISO_LAG_OK, "ok.young");
    ck_assert_str_eq(pair->why, "1 record of eu waits for us, the oldest for 0.8 s");
}
END_TEST

START_TEST(another_state_is_entered_after_two_looks_and_left_after_three)
{
    kit_look(&kit, 0);
    kit_late(&kit, ISO_LAG_STALLED, "");
    ck_pair(kit_look(&kit, SECOND), ISO_LAG_OK, "ok.level");
    const struct iso_status_pair *pair = kit_look(&kit, SECOND);
    ck_pair(pair, ISO_LAG_STALLED, "late.stands");
    ck_assert_int_eq(pair->since_ms, KIT_NOW + SECOND);
    kit.row = kit_row();
    kit_look(&kit, SECOND);
    ck_pair(kit_look(&kit, SECOND), ISO_LAG_STALLED, "late.stands");
    ck_pair(kit_look(&kit, SECOND), ISO_LAG_OK, "ok.level");
    ck_assert_int_eq(kit.pair.since_ms, KIT_NOW + 3 * SECOND);
}
END_TEST

/* While one look differs, the sentence is that of the look that showed what is held. */
START_TEST(a_sentence_speaks_of_the_state_that_is_held)
{
    kit_late(&kit, ISO_LAG_PARKED, "partition 3: the definition is too new");
    kit_look(&kit, 0);
    kit.row = kit_row();
    const struct iso_status_pair *pair = kit_look(&kit, SECOND);
    ck_pair(pair, ISO_LAG_PARKED, "parked.slice");
    ck_assert_ptr_nonnull(strstr(pair->why, "partition 3: the definition is too new"));
}
END_TEST

static void ck_says(enum iso_lag_state state, const char *row_why, const char *rule,
                    const char *why)
{
    kit_init(&kit);
    kit_late(&kit, state, row_why);
    kit_look(&kit, 0);
    const struct iso_status_pair *pair = kit_look(&kit, 5 * SECOND);
    ck_pair(pair, state, rule);
    ck_assert_str_eq(pair->why, why);
}

START_TEST(what_stands_still_is_stalled)
{
    ck_says(ISO_LAG_STALLED, "", "late.stands",
            "us has applied nothing of eu for 5.0 s, though its daemon is heard; "
            "12,400 records of eu "
            "wait for us, the oldest for 31 s: see its log");
    ck_says(ISO_LAG_STALLED,
            "partition 0: us has heard nothing of eu: is its way to cluster far open?",
            "late.stands",
            "us has applied nothing of eu for 5.0 s: partition 0: us has heard nothing "
            "of eu: is its "
            "way to cluster far open? 12,400 records of eu wait for us, the oldest for "
            "31 s: see its log");
}
END_TEST

START_TEST(a_daemon_that_waits_says_for_what)
{
    ck_says(ISO_LAG_LAGGING, "partition 0: waiting: Kafka is away", "late.waits",
            "us is late for 5.0 s: partition 0: waiting: Kafka is away; 12,400 records "
            "of eu wait for us, the oldest for 31 s");
}
END_TEST

START_TEST(what_only_the_row_knows_is_said_with_it)
{
    ck_says(ISO_LAG_PARKED, "partition 3: too new", "parked.slice",
            "us does not apply all for 5.0 s: partition 3: too new; a person is asked: "
            "see its log");
    ck_says(
        ISO_LAG_REWOUND, "partition 3: 7 below", "rewound.frontier",
        "us stands below where it stood for 5.0 s: partition 3: 7 below; it goes on "
        "by itself while the logs reach back so far");
    ck_says(ISO_LAG_LOST, "partition 3: 9 deleted", "lost.retention",
            "us lost records to retention for 5.0 s: partition 3: 9 deleted; let the "
            "topics keep more");
    ck_says(ISO_LAG_DIVERGED, "partition 3: eu and us differ", "diverged.digest",
            "us holds other data than another region at the same point for 5.0 s: "
            "partition 3: eu and us differ; do not read there until it is mended");
    ck_says(ISO_LAG_UNKNOWN, "partition 3: no end", "unknown.measure",
            "how us does for eu is not known: partition 3: no end");
}
END_TEST

START_TEST(a_daemon_that_closed_and_one_that_is_silent_are_told_apart)
{
    ck_says(ISO_LAG_STOPPED, "", "stopped.silent",
            "the daemon of us was last heard 5.3 s ago; 12,400 records of eu wait for "
            "us, the oldest for 31 s: see whether isostasyd runs there and reaches its "
            "cluster");
    kit.sight.closed = true;
    const struct iso_status_pair *pair = kit_look(&kit, SECOND);
    ck_pair(pair, ISO_LAG_STOPPED, "stopped.closed");
    ck_assert_ptr_nonnull(strstr(pair->why, "the daemon of us was stopped 6.3 s ago"));
    ck_assert_ptr_nonnull(strstr(pair->why, ": start isostasyd there"));
}
END_TEST

START_TEST(a_region_that_was_never_heard_is_unknown_and_nothing_of_it_is_a_number)
{
    kit.row.state = ISO_LAG_UNKNOWN;
    kit.row.report_age_ms = kit.row.report_ms = ISO_UNKNOWN_MS;
    kit.row.records_behind = kit.row.written = ISO_UNKNOWN_COUNT;
    kit.row.lag_ms = kit.row.staleness_ms = ISO_UNKNOWN_MS;
    kit_settle(&kit);
    ck_pair(&kit.pair, ISO_LAG_UNKNOWN, "unknown.report");
    ck_assert(kit.pair.written_rate < 0);
    ck_assert_int_eq(kit.pair.eta_ms, ISO_UNKNOWN_MS);
}
END_TEST

START_TEST(what_rests_on_committed_offsets_is_said_as_such)
{
    snprintf(kit.row.why, sizeof kit.row.why,
             "partition 0: no report of us is on its status topic");
    kit.row.state = ISO_LAG_UNKNOWN;
    kit.row.report_age_ms = kit.row.report_ms = ISO_UNKNOWN_MS;
    kit.row.committed = true;
    kit.row.records_behind = 12400;
    kit.row.lag_ms = 31 * SECOND;
    kit_settle(&kit);
    ck_pair(&kit.pair, ISO_LAG_UNKNOWN, "unknown.committed");
    ck_assert_str_eq(kit.pair.why,
                     "12,400 records of eu wait for us, the oldest for 31 s (by "
                     "committed offsets); partition 0: no report of us is on its "
                     "status topic");
    kit.row.state = ISO_LAG_STOPPED;
    kit_settle(&kit);
    ck_pair(&kit.pair, ISO_LAG_STOPPED, "stopped.committed");
    ck_assert_ptr_nonnull(strstr(kit.pair.why, "(by committed offsets); partition 0"));
}
END_TEST

START_TEST(a_sentence_that_is_too_long_is_cut_between_characters)
{
    char why[256] = "";
    for (int i = 0; i < 127; i++)
        memcpy(why + 2 * i, "\xc3\xa9", 3);
    kit_late(&kit, ISO_LAG_DIVERGED, why);
    kit_look(&kit, 0);
    size_t size = strlen(kit.pair.why);
    ck_assert_uint_ge(size, ISO_WATCH_WHY_MAX - 3);
    ck_assert_uint_lt(size, ISO_WATCH_WHY_MAX);
    const char *accents = strstr(kit.pair.why, "\xc3\xa9");
    ck_assert_ptr_nonnull(accents);
    size_t tail = strspn(accents, "\xc3\xa9");
    ck_assert_uint_eq(tail % 2, 0);
}
END_TEST

/* ---- warnings ---- */

START_TEST(retention_that_comes_near_is_warned_of_in_time)
{
    kit_late(&kit, ISO_LAG_STOPPED, "");
    kit.row.deleted_in_ms = 7 * (int64_t)HOUR;
    kit_settle(&kit);
    ck_assert(!kit.pair.retention_warning);
    ck_assert_str_eq(kit.pair.warning, "");
    kit.row.deleted_in_ms = 5 * (int64_t)HOUR + 10 * 60 * SECOND;
    ck_assert(!kit_look(&kit, SECOND)->retention_warning);
    ck_assert(kit_look(&kit, SECOND)->retention_warning);
    ck_assert_str_eq(kit.pair.warning,
                     "retention deletes what waits of eu for us in 5 h 10 min: let us "
                     "catch up, or raise retention.ms of the topic");
    kit.row.deleted_in_ms = 0;
    kit_look(&kit, SECOND);
    ck_assert_ptr_nonnull(strstr(kit.pair.warning, "at any moment"));
    kit.row.deleted_in_ms = ISO_UNKNOWN_MS;
    kit_look(&kit, SECOND);
    ck_assert(kit_look(&kit, SECOND)->retention_warning);
    ck_assert(!kit_look(&kit, SECOND)->retention_warning);
    ck_assert_str_eq(kit.pair.warning, "");
}
END_TEST

START_TEST(clocks_and_retention_are_warned_of_together)
{
    char clock[128];
    struct judge_text text = {.text = clock, .room = sizeof clock};
    iso_judge_clock(&text, "eu", 3600000, "its brokers");
    ck_assert_str_eq(clock, "the clock of eu is 3,600 s ahead of its brokers");
    text = (struct judge_text){.text = clock, .room = sizeof clock};
    iso_judge_clock(&text, "eu", -61000, "its brokers");
    ck_assert_str_eq(clock, "the clock of eu is 61 s behind its brokers");
    kit.sight.clocks[0] = clock;
    kit_look(&kit, 0);
    ck_assert_str_eq(kit.pair.warning, clock);
    kit.row.deleted_in_ms = 60 * SECOND;
    kit_settle(&kit);
    ck_assert_ptr_nonnull(strstr(kit.pair.warning, "in 60 s: "));
    ck_assert_ptr_nonnull(strstr(kit.pair.warning, "topic; the clock of eu is 61 s"));
}
END_TEST

START_TEST(durations_are_said_as_people_say_them)
{
    static const struct {
        int64_t ms;
        const char *said;
    } cases[] = {{-5, "0.0 s"},
                 {0, "0.0 s"},
                 {17300, "17 s"},
                 {320000, "5 min 20 s"},
                 {11400000, "3 h 10 min"},
                 {187200000, "2 d 4 h"},
                 {7200000, "2 h"},
                 {INT64_MAX, "106751991167 d 7 h"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char said[64];
        struct judge_text text = {.text = said, .room = sizeof said};
        iso_judge_duration(&text, cases[i].ms);
        ck_assert_str_eq(said, cases[i].said);
    }
    char said[64];
    struct judge_text text = {.text = said, .room = sizeof said};
    iso_judge_count(&text, 999);
    iso_judge_print(&text, " ");
    iso_judge_count(&text, 1000);
    iso_judge_print(&text, " ");
    iso_judge_count(&text, UINT64_MAX);
    ck_assert_str_eq(said, "999 1,000 18,446,744,073,709,551,615");
}
END_TEST

/* ---- blind ---- */

static void blind(void)
{
    kit.row.state = ISO_LAG_STOPPED; /* as it must look to who hears nothing */
    kit.sight.away = "us-east";
    kit.sight.away_heard_ms = kit.now_ms;
}

START_TEST(a_monitor_that_hears_nothing_calls_nobody_stopped)
{
    kit_settle(&kit);
    blind();
    for (int i = 0; i < 100; i++)
        ck_assert_int_ne(kit_look(&kit, SECOND)->state, ISO_LAG_STOPPED);
}
END_TEST

START_TEST(a_good_state_that_nobody_confirms_is_soon_unknown)
{
    kit_settle(&kit);
    blind();
    for (int i = 0; i < 10; i++)
        kit_look(&kit, SECOND);
    ck_pair(&kit.pair, ISO_LAG_OK, "ok.level");
    ck_assert_str_eq(
        kit.pair.why,
        "cluster us-east does not answer the monitor for 10 s; of us this "
        "was known 10 s ago: ok: nothing of eu waits for us; the newest it "
        "has is 0.4 s old");
    for (int i = 0; i < 2; i++)
        kit_look(&kit, SECOND);
    ck_pair(&kit.pair, ISO_LAG_UNKNOWN, "unknown.blind");
    ck_assert_ptr_nonnull(strstr(kit.pair.why, "of us this was known 12 s ago: ok: "));
}
END_TEST

START_TEST(a_bad_state_is_shown_with_its_age_while_the_monitor_is_blind)
{
    kit_late(&kit, ISO_LAG_PARKED, "partition 3: too new");
    kit_settle(&kit);
    blind();
    for (int i = 0; i < 300; i++)
        kit_look(&kit, SECOND);
    ck_pair(&kit.pair, ISO_LAG_PARKED, "parked.slice");
    ck_assert_ptr_nonnull(strstr(kit.pair.why, "known 5 min ago: parked: us does "));
}
END_TEST

START_TEST(a_monitor_that_never_heard_anything_knows_nothing)
{
    blind();
    kit.sight.away_heard_ms = ISO_UNKNOWN_MS;
    kit_look(&kit, 0);
    ck_pair(&kit.pair, ISO_LAG_UNKNOWN, "unknown.blind");
    ck_assert_str_eq(kit.pair.why,
                     "cluster us-east does not answer the monitor; of us, whose daemon "
                     "reports there, nothing is known: see whether its brokers run and "
                     "can be reached");
}
END_TEST

START_TEST(who_sees_again_judges_again)
{
    kit_settle(&kit);
    blind();
    for (int i = 0; i < 30; i++)
        kit_look(&kit, SECOND);
    kit.sight.away = NULL;
    kit.row = kit_row();
    ck_assert_int_eq(kit_look(&kit, SECOND)->state, ISO_LAG_UNKNOWN);
    kit_look(&kit, SECOND);
    ck_pair(kit_look(&kit, SECOND), ISO_LAG_OK, "ok.level");
}
END_TEST

static TCase *cases(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, the_first_look_at_a_pair_counts_at_once);
    tcase_add_test(tests, a_pair_is_ok_when_nothing_waits);
    tcase_add_test(tests,
                   another_state_is_entered_after_two_looks_and_left_after_three);
    tcase_add_test(tests, a_sentence_speaks_of_the_state_that_is_held);
    tcase_add_test(tests, what_stands_still_is_stalled);
    tcase_add_test(tests, a_daemon_that_waits_says_for_what);
    tcase_add_test(tests, what_only_the_row_knows_is_said_with_it);
    tcase_add_test(tests, a_daemon_that_closed_and_one_that_is_silent_are_told_apart);
    tcase_add_test(
        tests, a_region_that_was_never_heard_is_unknown_and_nothing_of_it_is_a_number);
    tcase_add_test(tests, what_rests_on_committed_offsets_is_said_as_such);
    tcase_add_test(tests, a_sentence_that_is_too_long_is_cut_between_characters);
    tcase_add_test(tests, retention_that_comes_near_is_warned_of_in_time);
    tcase_add_test(tests, clocks_and_retention_are_warned_of_together);
    tcase_add_test(tests, durations_are_said_as_people_say_them);
    tcase_add_test(tests, a_monitor_that_hears_nothing_calls_nobody_stopped);
    tcase_add_test(tests, a_good_state_that_nobody_confirms_is_soon_unknown);
    tcase_add_test(tests, a_bad_state_is_shown_with_its_age_while_the_monitor_is_blind);
    tcase_add_test(tests, a_monitor_that_never_heard_anything_knows_nothing);
    tcase_add_test(tests, who_sees_again_judges_again);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("watch_judge");
    suite_add_tcase(suite, cases());
    return kit_main(suite);
}
