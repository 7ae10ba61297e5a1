/* The JSON views: whatever a status holds, the answer is valid, has the members that
 * openapi.json describes and no others, and says null where nothing is known. */
#include "monitor/view_parts.h"
#include "openapi.h"
#include "view_draw.h"

enum { STATUSES = 300 };

static struct iso_status *status;

static void setup(void)
{
    openapi_load();
}

static void teardown(void)
{
    json_decref(openapi);
}

static json_t *with_at(json_t *object)
{
    json_object_set_new(object, "at_ms", json_integer(1));
    return object;
}

static void ck_views(void)
{
    ck_openapi("Status", iso_view_status(status));
    ck_openapi("Convergence", iso_view_convergence(status));
    ck_openapi("Conflicts", iso_view_conflicts(status));
    ck_openapi("DeadLetters", iso_view_dead_letters(status));
    for (size_t i = 0; i < status->collection_count; i++) {
        const struct iso_status_collection *collection = &status->collections[i];
        ck_openapi("Verdict", iso_view_verdict(collection));
        for (size_t k = 0; k < collection->pair_count; k++) {
            ck_openapi("PairDetail", with_at(iso_view_pair(&collection->pairs[k])));
            ck_openapi("PairExplanation",
                       iso_view_explain(status, &collection->pairs[k]));
        }
    }
}

START_TEST(every_view_of_every_status_is_as_openapi_json_says)
{
    uint64_t seed = draw_seed();
    printf("view_test: ISO_SEED=%llu\n", (unsigned long long)seed);
    iso_chance_seeded_init(&chance, seed);
    for (int i = 0; i < STATUSES; i++) {
        status = draw_status();
        ck_views();
        draw_free(status);
    }
}
END_TEST

START_TEST(trends_and_events_are_as_openapi_json_says)
{
    struct iso_watch_event event = {.id = 7, .at_ms = 5, .kind = ISO_WATCH_CLUSTER};
    struct iso_sample samples[2] = {
        {.at_ms = 1, .lag_ms = ISO_UNKNOWN_MS, .records_behind = ISO_UNKNOWN_COUNT},
        {.at_ms = 2, .lag_ms = 3, .state = ISO_LAG_OK}};
    json_t *trend = iso_view_trend(samples, 2);
    ck_assert_uint_eq(json_array_size(trend), 2);
    ck_assert(json_is_null(json_object_get(json_array_get(trend, 0), "lag_ms")));
    for (size_t i = 0; i < 2; i++)
        ck_openapi("Sample", json_incref(json_array_get(trend, i)));
    json_decref(trend);
    ck_openapi("Event", iso_view_event(&event));
    snprintf(event.collection, sizeof event.collection, "cart");
    snprintf(event.why, sizeof event.why, "bad \xff text");
    for (int kind = ISO_WATCH_STATE; kind <= ISO_WATCH_CLUSTER; kind++) {
        event.kind = (enum iso_watch_kind)kind;
        ck_openapi("Event", iso_view_event(&event));
    }
}
END_TEST

/* The checker itself must see what is wrong. */
START_TEST(a_member_that_is_missing_unknown_or_of_another_type_is_found)
{
    struct iso_watch_event event = {.id = 7, .at_ms = 5};
    const json_t *schema = openapi_schema("Event");
    char fault[512];
    json_t *value = iso_view_event(&event);
    ck_assert(openapi_fits(schema, value, "Event", fault));
    json_object_set_new(value, "more", json_true());
    ck_assert(!openapi_fits(schema, value, "Event", fault));
    ck_assert_str_eq(fault, "Event.more: not described");
    json_object_del(value, "more");
    json_object_del(value, "reason");
    ck_assert(!openapi_fits(schema, value, "Event", fault));
    ck_assert_str_eq(fault, "Event.reason: missing");
    json_object_set_new(value, "reason", json_integer(3));
    ck_assert(!openapi_fits(schema, value, "Event", fault));
    json_object_set_new(value, "reason", json_null());
    json_object_set_new(value, "kind", json_string("other"));
    ck_assert(!openapi_fits(schema, value, "Event", fault));
    json_decref(value);
}
END_TEST

/* ---- values ---- */

static struct iso_status_pair one_pair(void)
{
    struct iso_status_pair pair = {.state = ISO_LAG_LAGGING,
                                   .since_ms = 1000,
                                   .rule = "late.grows",
                                   .why = "it grows",
                                   .eta_ms = ISO_UNKNOWN_MS,
                                   .applied_rate = 2.5,
                                   .written_rate = -1,
                                   .latency_p50_ms = ISO_UNKNOWN_MS,
                                   .latency_p99_ms = ISO_UNKNOWN_MS,
                                   .row = {.collection = "cart",
                                           .source = "eu",
                                           .target = "us",
                                           .records_behind = 12,
                                           .lag_ms = 65000,
                                           .staleness_ms = ISO_UNKNOWN_MS,
                                           .written = ISO_UNKNOWN_COUNT,
                                           .deleted_in_ms = ISO_UNKNOWN_MS,
                                           .state = ISO_LAG_STALLED,
                                           .worst = {{.partition = 3,
                                                      .log = 1,
                                                      .frontier = -1,
                                                      .end = 9,
                                                      .records_behind = 12,
                                                      .lag_ms = 65000,
                                                      .staleness_ms = ISO_UNKNOWN_MS}},
                                           .worst_count = 1}};
    return pair;
}

static const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    ck_assert_msg(value != NULL, "there is no %s", name);
    return value;
}

static const char *text(const json_t *object, const char *name)
{
    return json_string_value(member(object, name));
}

START_TEST(what_is_not_known_is_null_and_what_is_known_is_as_it_was)
{
    struct iso_status_pair pair = one_pair();
    json_t *view = iso_view_pair(&pair);
    const json_t *evidence = member(view, "evidence");
    ck_assert_str_eq(text(view, "state"), "lagging");
    ck_assert_str_eq(text(view, "rule"), "late.grows");
    ck_assert_str_eq(text(view, "reason"), "it grows");
    ck_assert_int_eq(json_integer_value(member(view, "since_ms")), 1000);
    ck_assert_int_eq(json_integer_value(member(view, "lag_ms")), 65000);
    ck_assert(json_is_null(member(view, "staleness_ms")));
    ck_assert(json_is_null(member(view, "eta_ms")));
    ck_assert(json_is_null(member(view, "warning")));
    ck_assert_str_eq(text(evidence, "looks_like"), "stalled");
    ck_assert(json_is_null(member(evidence, "written")));
    ck_assert(json_real_value(member(evidence, "applied_per_second")) == 2.5);
    ck_assert(json_is_null(member(evidence, "written_per_second")));
    const json_t *worst = json_array_get(member(view, "worst_partitions"), 0);
    ck_assert(json_is_null(member(worst, "frontier")));
    ck_assert_int_eq(json_integer_value(member(worst, "end")), 9);
    ck_assert(json_is_null(member(member(view, "latency"), "count")));
    json_decref(view);
}
END_TEST

START_TEST(text_that_is_no_utf8_is_escaped_and_never_lost)
{
    struct iso_status_pair pair = one_pair();
    snprintf(pair.why, sizeof pair.why, "log \xc3\xa9 of \xff\xfe");
    json_t *view = iso_view_pair(&pair);
    ck_assert_str_eq(text(view, "reason"), "log \\xc3\\xa9 of \\xff\\xfe");
    json_decref(view);
    snprintf(pair.why, sizeof pair.why, "log \xc3\xa9");
    view = iso_view_pair(&pair);
    ck_assert_str_eq(text(view, "reason"), "log \xc3\xa9");
    json_decref(view);
}
END_TEST

START_TEST(rules_are_asked_the_gravest_first_up_to_the_one_that_decides)
{
    struct iso_status_pair pair = one_pair();
    struct iso_status empty = {.at_ms = 5};
    for (int state = 0; state < ISO_LAG_STATES; state++) {
        pair.state = (enum iso_lag_state)state;
        json_t *view = iso_view_explain(&empty, &pair);
        const json_t *rules = member(view, "rules_asked");
        int last = 1 << 30;
        bool decided = false;
        ck_assert_uint_eq(json_array_size(rules), ISO_LAG_STATES);
        for (size_t i = 0; i < json_array_size(rules); i++) {
            const json_t *rule = json_array_get(rules, i);
            int asks = 0;
            while (strcmp(iso_lag_state_name((enum iso_lag_state)asks),
                          text(rule, "asks_for")) != 0)
                asks++;
            int severity = iso_lag_state_severity((enum iso_lag_state)asks);
            ck_assert_int_le(severity, last);
            last = severity;
            ck_assert_int_eq(json_is_null(member(rule, "answer")), decided);
            decided = decided || json_is_true(member(rule, "answer"));
            ck_assert(!json_is_true(member(rule, "answer")) || asks == state);
        }
        ck_assert(decided);
        json_decref(view);
    }
}
END_TEST

START_TEST(what_was_measured_is_told_in_sentences)
{
    static const char *const said[] = {
        "The oldest of the newest reports of us is 1.5 s old.",
        "At most 12 records of eu wait.",
        "The oldest write that waits is at most 65 s old.",
        "No record of eu was applied in us yet.",
        "Retention takes the oldest record that waits in 2 h.",
    };
    struct iso_status_pair pair = one_pair();
    struct iso_status empty = {.at_ms = 5};
    pair.row.report_age_ms = 1500;
    pair.row.deleted_in_ms = 7200000;
    json_t *view = iso_view_explain(&empty, &pair);
    const json_t *measured = member(view, "measured");
    ck_assert_uint_eq(json_array_size(measured), sizeof said / sizeof said[0]);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        ck_assert_str_eq(json_string_value(json_array_get(measured, i)), said[i]);
    ck_assert_ptr_nonnull(strstr(text(view, "holds"), "The last look saw stalled."));
    json_decref(view);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view");
    TCase *cases = tcase_create("view");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, every_view_of_every_status_is_as_openapi_json_says);
    tcase_add_test(cases, trends_and_events_are_as_openapi_json_says);
    tcase_add_test(cases, a_member_that_is_missing_unknown_or_of_another_type_is_found);
    tcase_add_test(cases, what_is_not_known_is_null_and_what_is_known_is_as_it_was);
    tcase_add_test(cases, text_that_is_no_utf8_is_escaped_and_never_lost);
    tcase_add_test(cases, rules_are_asked_the_gravest_first_up_to_the_one_that_decides);
    tcase_add_test(cases, what_was_measured_is_told_in_sentences);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
