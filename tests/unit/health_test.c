/* What a daemon tells of itself (schema/health.h), alone and in a report. */
#include <check.h>

#include "base/clock.h"
#include "base/mem.h"
#include "schema/report.h"

static struct iso_health sample(void)
{
    struct iso_health health = {
        .started_ms = 1700000000000,
        .has_clock = true,
        .clock_ms = -3600000,
        .clock_error_ms = 2,
        .has_store = true,
        .store_used = 1 << 30,
        .store_free = UINT64_MAX,
        .has_oldest = true,
        .oldest_ms = 1699999000000,
        .has_loser = true,
        .loser_version = {.hlc = 77, .node = 88},
        .loser_log = 2,
        .loser_offset = 4096,
        .loser_at_ms = 1700000000123,
    };
    iso_buf_add(&health.loser_key, "\x00\xff", 2);
    iso_latency_add(&iso_health_source_add(&health, 3)->latency, 7);
    iso_latency_add(&iso_health_source_add(&health, 3)->latency, INT64_MAX);
    iso_latency_add(&iso_health_source_add(&health, 0)->latency, -5);
    iso_health_source_add(&health, 64);
    return health;
}

START_TEST(a_health_is_what_was_put_in_and_the_walk_accepts_it)
{
    struct iso_health health = sample(), read = {0};
    struct iso_buf out = {0}, again = {0};
    struct iso_why why = {0};
    iso_health_encode(&health, &out);
    ck_assert_msg(
        iso_avro_check(iso_avsc(ISO_AVSC_HEALTH), iso_buf_bytes(&out), &why) == ISO_OK,
        "%s", why.text);
    ck_assert_int_eq(iso_health_decode(iso_buf_bytes(&out), &read, &why), ISO_OK);
    ck_assert_int_eq(read.clock_ms, -3600000);
    ck_assert_uint_eq(read.store_free, INT64_MAX); /* the most that a long says */
    ck_assert_uint_eq(read.source_count, 3);
    ck_assert_uint_eq(read.sources[0].region, 0);
    ck_assert_uint_eq(read.sources[0].latency.counts[0], 1);
    ck_assert_uint_eq(read.sources[0].latency.sum_ms, 0);
    ck_assert_uint_eq(read.sources[1].latency.counts[1], 1);
    ck_assert_uint_eq(read.sources[1].latency.counts[ISO_LATENCY_BOUNDS], 1);
    ck_assert_uint_eq(read.sources[1].latency.sum_ms, INT64_MAX);
    ck_assert_uint_eq(iso_latency_count(&read.sources[2].latency), 0);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&read.loser_key),
                              iso_buf_bytes(&health.loser_key)));
    iso_health_encode(&read, &again);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&again), iso_buf_bytes(&out)));
    uint64_t before = iso_mem_count();
    ck_assert_int_eq(iso_health_decode(iso_buf_bytes(&out), &read, &why), ISO_OK);
    ck_assert_uint_eq(iso_mem_count(), before); /* again into it: nothing allocated */
    iso_health_release(&read);
    iso_health_release(&health);
    iso_buf_release(&out);
    iso_buf_release(&again);
}
END_TEST

START_TEST(nothing_known_is_a_health_too)
{
    struct iso_health empty = {0}, read = sample();
    struct iso_buf out = {0};
    iso_health_encode(&empty, &out);
    ck_assert_int_eq(
        iso_avro_check(iso_avsc(ISO_AVSC_HEALTH), iso_buf_bytes(&out), NULL), ISO_OK);
    ck_assert_int_eq(iso_health_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
    ck_assert(!read.has_clock && !read.has_store && !read.has_oldest &&
              !read.has_loser);
    ck_assert_uint_eq(read.source_count, 0);
    ck_assert_uint_eq(read.loser_key.size, 0);
    iso_health_release(&read);
    iso_buf_release(&out);
}
END_TEST

START_TEST(a_clock_that_no_clock_shows_is_refused)
{
    struct iso_health health = sample(), read = {0};
    struct iso_buf out = {0};
    health.clock_ms = INT64_MIN;
    iso_health_encode(&health, &out);
    ck_assert_int_eq(iso_health_decode(iso_buf_bytes(&out), &read, NULL), ISO_BAD_DATA);
    health.clock_ms = 0;
    health.clock_error_ms = INT64_MAX;
    iso_buf_clear(&out);
    iso_health_encode(&health, &out);
    ck_assert_int_eq(iso_health_decode(iso_buf_bytes(&out), &read, NULL), ISO_BAD_DATA);
    iso_health_release(&read);
    iso_health_release(&health);
    iso_buf_release(&out);
}
END_TEST

START_TEST(a_report_carries_it_and_one_without_it_says_so)
{
    struct iso_report report = {
        .region = "eu", .region_number = 3, .collection = "packages"};
    struct iso_report read = {0};
    struct iso_buf out = {0};
    iso_report_encode(&report, &out);
    ck_assert_int_eq(iso_report_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
    ck_assert(!read.has_health);
    report.has_health = true;
    report.health = sample();
    iso_buf_clear(&out);
    iso_report_encode(&report, &out);
    ck_assert_int_eq(
        iso_avro_check(iso_avsc(ISO_AVSC_REPORT), iso_buf_bytes(&out), NULL), ISO_OK);
    ck_assert_int_eq(iso_report_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
    ck_assert(read.has_health);
    ck_assert_int_eq(read.health.started_ms, 1700000000000);
    ck_assert_uint_eq(read.health.source_count, 3);
    iso_report_release(&read);
    iso_report_release(&report);
    iso_buf_release(&out);
}
END_TEST

START_TEST(a_quantile_lies_in_the_bucket_that_holds_it)
{
    struct iso_latency latency = {0};
    ck_assert_int_eq(iso_latency_quantile_ms(&latency, 0.5), -1);
    for (int i = 0; i < 90; i++)
        iso_latency_add(&latency, 8); /* the bucket above 5, up to 10 */
    for (int i = 0; i < 10; i++)
        iso_latency_add(&latency, 2000);
    int64_t middle = iso_latency_quantile_ms(&latency, 0.5);
    ck_assert(middle > 5 && middle <= 10);
    ck_assert_int_eq(iso_latency_quantile_ms(&latency, 0.9), 10);
    int64_t late = iso_latency_quantile_ms(&latency, 0.99);
    ck_assert(late > 1000 && late <= 2500);
    struct iso_latency sum = latency;
    iso_latency_merge(&sum, &latency);
    ck_assert_uint_eq(iso_latency_count(&sum), 200);
    ck_assert_int_eq(iso_latency_quantile_ms(&sum, 0.5), middle);
    for (int i = 0; i < 1000; i++)
        iso_latency_add(&latency, INT64_MAX);
    ck_assert_int_eq(iso_latency_quantile_ms(&latency, 0.99), 3600000);
}
END_TEST

static void decode_any(struct iso_bytes bytes, bool valid)
{
    struct iso_health health = {0};
    struct iso_why why = {0};
    enum iso_err err = iso_health_decode(bytes, &health, &why);
    bool walks = iso_avro_check(iso_avsc(ISO_AVSC_HEALTH), bytes, NULL) == ISO_OK;
    ck_assert(err == ISO_OK || err == ISO_BAD_DATA);
    ck_assert(err != ISO_OK || walks); /* it refuses whatever the walk refuses */
    ck_assert(!valid || err == ISO_OK);
    if (err != ISO_OK)
        ck_assert(health.source_count == 0 && !health.has_loser);
    iso_health_release(&health);
}

START_TEST(any_bytes_are_a_health_or_are_refused)
{
    struct iso_health health = sample();
    struct iso_buf out = {0};
    iso_health_encode(&health, &out);
    decode_any(iso_buf_bytes(&out), true);
    for (size_t i = 0; i < out.size; i++)
        decode_any(iso_bytes(out.data, i), false);
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, 6);
    for (int i = 0; i < 20000; i++) {
        size_t place = iso_chance_draw(&chance) % out.size;
        uint8_t was = out.data[place];
        out.data[place] = (uint8_t)iso_chance_draw(&chance);
        decode_any(iso_buf_bytes(&out), false);
        if (i % 3 != 0)
            out.data[place] = was;
        if (i % 100 == 99) {
            iso_buf_clear(&out);
            iso_health_encode(&health, &out);
        }
    }
    iso_health_release(&health);
    iso_buf_release(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("health");
    TCase *all = tcase_create("all");
    tcase_add_test(all, a_health_is_what_was_put_in_and_the_walk_accepts_it);
    tcase_add_test(all, nothing_known_is_a_health_too);
    tcase_add_test(all, a_clock_that_no_clock_shows_is_refused);
    tcase_add_test(all, a_report_carries_it_and_one_without_it_says_so);
    tcase_add_test(all, a_quantile_lies_in_the_bucket_that_holds_it);
    tcase_add_test(all, any_bytes_are_a_health_or_are_refused);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
