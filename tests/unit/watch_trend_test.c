/* The rings of a trend, against a model that keeps every sample. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "monitor/trend.h"

enum { MODEL_MAX = 20000, RUNS = 20 };

static struct iso_sample kept[ISO_SAMPLES_COARSE];

static struct iso_sample sample(int64_t at_ms, int64_t ms, uint64_t records)
{
    return (struct iso_sample){.at_ms = at_ms,
                               .lag_ms = ms,
                               .staleness_ms = ms,
                               .latency_p50_ms = ms,
                               .latency_p99_ms = ms,
                               .records_behind = records,
                               .state = ISO_LAG_OK};
}

static void ck_same(const struct iso_sample *a, const struct iso_sample *b)
{
    ck_assert_int_eq(a->at_ms, b->at_ms);
    ck_assert_int_eq(a->lag_ms, b->lag_ms);
    ck_assert_int_eq(a->staleness_ms, b->staleness_ms);
    ck_assert_int_eq(a->latency_p50_ms, b->latency_p50_ms);
    ck_assert_int_eq(a->latency_p99_ms, b->latency_p99_ms);
    ck_assert(a->records_behind == b->records_behind);
    ck_assert_int_eq(a->state, b->state);
}

START_TEST(an_empty_trend_shows_nothing)
{
    struct trend trend = {0};
    ck_assert_uint_eq(iso_trend_read(&trend, ISO_TREND_FINE, kept, 10), 0);
    ck_assert_uint_eq(iso_trend_read(&trend, ISO_TREND_COARSE, kept, 10), 0);
    iso_trend_release(&trend);
    iso_trend_release(&trend);
}
END_TEST

START_TEST(what_is_not_known_stays_so_and_what_is_beyond_all_measure_is_the_most)
{
    struct trend trend = {0};
    struct iso_sample unknown = sample(1000, ISO_UNKNOWN_MS, ISO_UNKNOWN_COUNT);
    unknown.state = ISO_LAG_UNKNOWN;
    struct iso_sample most = sample(3000, INT64_MAX, UINT64_MAX - 1);
    struct iso_sample least = sample(5000, -5, 0);
    iso_trend_add(&trend, &unknown);
    iso_trend_add(&trend, &most);
    iso_trend_add(&trend, &least);
    ck_assert_uint_eq(iso_trend_read(&trend, ISO_TREND_FINE, kept, 10), 3);
    ck_same(&kept[0], &unknown);
    ck_assert_int_eq(kept[1].lag_ms, UINT32_MAX - 1);
    ck_assert(kept[1].records_behind == (UINT64_C(1) << 56) - 2);
    ck_assert_int_eq(kept[2].lag_ms, 0);
    iso_trend_release(&trend);
}
END_TEST

START_TEST(looks_within_a_second_make_one_sample_of_the_worst)
{
    struct trend trend = {0};
    for (int i = 0; i < 10; i++) {
        struct iso_sample at = sample(60000 + i * 100, i == 3 ? 700 : 5, 1);
        at.state = i == 4 ? ISO_LAG_STALLED : ISO_LAG_OK;
        iso_trend_add(&trend, &at);
    }
    ck_assert_uint_eq(iso_trend_read(&trend, ISO_TREND_FINE, kept, 10), 2);
    ck_assert_int_eq(kept[0].lag_ms, 700);
    ck_assert_int_eq(kept[0].state, ISO_LAG_STALLED);
    ck_assert_int_eq(kept[1].lag_ms, 5);
    iso_trend_release(&trend);
}
END_TEST

START_TEST(a_minute_in_which_something_was_known_shows_that)
{
    struct trend trend = {0};
    struct iso_sample at = sample(120000, ISO_UNKNOWN_MS, ISO_UNKNOWN_COUNT);
    iso_trend_add(&trend, &at);
    at = sample(121000, 30, 7);
    iso_trend_add(&trend, &at);
    at = sample(122000, ISO_UNKNOWN_MS, ISO_UNKNOWN_COUNT);
    iso_trend_add(&trend, &at);
    ck_assert_uint_eq(iso_trend_read(&trend, ISO_TREND_COARSE, kept, 10), 1);
    ck_assert_int_eq(kept[0].at_ms, 120000);
    ck_assert_int_eq(kept[0].lag_ms, 30);
    ck_assert(kept[0].records_behind == 7);
    iso_trend_release(&trend);
}
END_TEST

START_TEST(a_clock_that_is_set_back_goes_on_with_the_next_sample)
{
    struct trend trend = {0};
    struct iso_sample at = sample(7200000, 1, 1);
    iso_trend_add(&trend, &at);
    at = sample(3600000, 2, 2);
    iso_trend_add(&trend, &at);
    ck_assert_uint_eq(iso_trend_read(&trend, ISO_TREND_FINE, kept, 10), 2);
    ck_assert_int_eq(kept[1].at_ms, 3600000);
    ck_assert_uint_eq(iso_trend_read(&trend, ISO_TREND_COARSE, kept, 10), 2);
    iso_trend_release(&trend);
}
END_TEST

/* ---- the model ---- */

static struct iso_sample all[MODEL_MAX], minutes[MODEL_MAX];

static int64_t worse(int64_t a, int64_t b)
{
    return a > b ? a : b; /* ISO_UNKNOWN_MS is the least of all */
}

/* The worst of each minute, by looking at all samples again; says how many. */
static size_t model_minutes(size_t count)
{
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        struct iso_sample at = all[i];
        at.at_ms -= at.at_ms % 60000;
        if (made == 0 || minutes[made - 1].at_ms != at.at_ms) {
            minutes[made++] = at;
            continue;
        }
        struct iso_sample *held = &minutes[made - 1];
        held->lag_ms = worse(held->lag_ms, at.lag_ms);
        held->staleness_ms = worse(held->staleness_ms, at.staleness_ms);
        held->latency_p50_ms = worse(held->latency_p50_ms, at.latency_p50_ms);
        held->latency_p99_ms = worse(held->latency_p99_ms, at.latency_p99_ms);
        if (held->records_behind == ISO_UNKNOWN_COUNT ||
            (at.records_behind != ISO_UNKNOWN_COUNT &&
             at.records_behind > held->records_behind))
            held->records_behind = at.records_behind;
        if (iso_lag_state_severity(at.state) > iso_lag_state_severity(held->state))
            held->state = at.state;
    }
    return made;
}

static int64_t draw_ms(struct iso_chance *chance)
{
    uint64_t drawn = iso_chance_draw(chance) % 1000;
    return drawn < 100 ? ISO_UNKNOWN_MS : (int64_t)drawn;
}

static void ck_tail(const struct trend *trend, enum iso_trend which, size_t most,
                    const struct iso_sample *expected, size_t count)
{
    size_t wanted = count < most ? count : most;
    ck_assert_uint_eq(iso_trend_read(trend, which, kept, most), wanted);
    for (size_t i = 0; i < wanted; i++)
        ck_same(&kept[i], &expected[count - wanted + i]);
    size_t few = wanted < 3 ? wanted : 3;
    ck_assert_uint_eq(iso_trend_read(trend, which, kept, few), few);
    for (size_t i = 0; i < few; i++)
        ck_same(&kept[i], &expected[count - few + i]);
}

START_TEST(rings_hold_the_newest_of_what_was_ever_added)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct iso_chance chance;
        iso_chance_seeded_init(&chance, seed);
        struct trend trend = {0};
        int64_t at_ms = 1700000000000;
        size_t count = (size_t)(iso_chance_draw(&chance) % MODEL_MAX);
        int64_t step_ms = 1000 + (int64_t)(iso_chance_draw(&chance) % 5000);
        for (size_t i = 0; i < count; i++) {
            at_ms += step_ms + (int64_t)(iso_chance_draw(&chance) % 300);
            uint64_t records = iso_chance_draw(&chance) % 50;
            all[i] = (struct iso_sample){
                .at_ms = at_ms,
                .lag_ms = draw_ms(&chance),
                .staleness_ms = draw_ms(&chance),
                .latency_p50_ms = draw_ms(&chance),
                .latency_p99_ms = draw_ms(&chance),
                .records_behind = records == 0 ? ISO_UNKNOWN_COUNT : records,
                .state =
                    (enum iso_lag_state)(iso_chance_draw(&chance) % ISO_LAG_STATES)};
            iso_trend_add(&trend, &all[i]);
        }
        ck_tail(&trend, ISO_TREND_FINE, ISO_SAMPLES_FINE, all, count);
        ck_tail(&trend, ISO_TREND_COARSE, ISO_SAMPLES_COARSE, minutes,
                model_minutes(count));
        ck_assert_uint_le((trend.fine.room + trend.coarse.room) *
                              sizeof(struct trend_sample),
                          TREND_BYTES_MAX);
        iso_trend_release(&trend);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch_trend");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, an_empty_trend_shows_nothing);
    tcase_add_test(
        tests, what_is_not_known_stays_so_and_what_is_beyond_all_measure_is_the_most);
    tcase_add_test(tests, looks_within_a_second_make_one_sample_of_the_worst);
    tcase_add_test(tests, a_minute_in_which_something_was_known_shows_that);
    tcase_add_test(tests, a_clock_that_is_set_back_goes_on_with_the_next_sample);
    tcase_add_test(tests, rings_hold_the_newest_of_what_was_ever_added);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
