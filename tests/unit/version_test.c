/* Versions and the clock that issues them (schema/version.h). */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "schema/version.h"

enum { AFTER_MAX_MS = 60000, ROUNDS = 20000 };
static const int64_t now_ms = 1700000000000;

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static enum iso_err issue(struct iso_hlc *hlc, int64_t now, uint64_t *issued,
                          int64_t *wait_ms)
{
    struct iso_why why;
    return iso_hlc_issue(hlc, now, AFTER_MAX_MS, issued, wait_ms, &why);
}

START_TEST(the_order_of_versions_is_the_order_of_their_bytes)
{
    uint64_t seed = 7;
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, seed);
    for (int i = 0; i < ROUNDS; i++) {
        /* Few bits, so that ties and near misses come often; then all of them. */
        uint64_t mask = i % 2 ? UINT64_MAX : 0x8000000000000101u;
        struct iso_version a = {iso_chance_draw(&chance) & mask,
                                iso_chance_draw(&chance) & mask};
        struct iso_version b = {iso_chance_draw(&chance) & mask,
                                iso_chance_draw(&chance) & mask};
        uint8_t x[ISO_VERSION_SIZE], y[ISO_VERSION_SIZE];
        iso_version_put(x, a);
        iso_version_put(y, b);
        ck_assert_int_eq(sign(iso_version_compare(a, b)), sign(memcmp(x, y, sizeof x)));
        ck_assert(iso_version_equal(a, b) == (iso_version_compare(a, b) == 0));
        ck_assert(iso_version_equal(iso_version_get(x), a));
    }
}
END_TEST

START_TEST(a_version_is_32_digits_and_back)
{
    struct iso_version version = {iso_hlc_of_ms(now_ms) | 3, iso_node(7, 0xabcdef)};
    char text[ISO_VERSION_DIGITS + 1];
    iso_version_text(version, text);
    ck_assert_str_eq(text, "018bcfe5680000030007000000abcdef");
    struct iso_version back;
    ck_assert(iso_version_parse(text, &back));
    ck_assert(iso_version_equal(version, back));
    ck_assert(!iso_version_parse("018bcfe568000003000700000abcdef", &back));
    ck_assert(!iso_version_parse("018bcfe5680000030007000000abcdefa", &back));
    ck_assert(!iso_version_parse("018bcfe5680000030007000000abcdeg", &back));
    ck_assert(!iso_version_parse("", &back));
    ck_assert_uint_eq(iso_node_region(version.node), 7);
    ck_assert_int_eq(iso_hlc_ms(version.hlc), now_ms);
}
END_TEST

START_TEST(what_is_issued_follows_the_clock_and_always_grows)
{
    struct iso_hlc hlc;
    iso_hlc_init(&hlc);
    uint64_t issued = 0, before = 0;
    int64_t wait_ms;
    ck_assert_int_eq(issue(&hlc, now_ms, &issued, &wait_ms), ISO_OK);
    ck_assert_uint_eq(issued, iso_hlc_of_ms(now_ms));
    /* More than a millisecond has counters for: it runs into the next one. */
    for (int i = 0; i < 70000; i++) {
        before = issued;
        ck_assert_int_eq(issue(&hlc, now_ms, &issued, &wait_ms), ISO_OK);
        ck_assert_uint_eq(issued, before + 1);
    }
    ck_assert_int_eq(iso_hlc_ms(issued), now_ms + 1);
    ck_assert_int_eq(issue(&hlc, now_ms + 5, &issued, &wait_ms), ISO_OK);
    ck_assert_uint_eq(issued, iso_hlc_of_ms(now_ms + 5));
}
END_TEST

START_TEST(a_clock_that_is_set_back_does_not_set_versions_back)
{
    struct iso_hlc hlc;
    iso_hlc_init(&hlc);
    uint64_t issued, before;
    int64_t wait_ms;
    ck_assert_int_eq(issue(&hlc, now_ms, &before, &wait_ms), ISO_OK);
    ck_assert_int_eq(issue(&hlc, now_ms - 50000, &issued, &wait_ms), ISO_OK);
    ck_assert_uint_eq(issued, before + 1);
    ck_assert_int_eq(issue(&hlc, -1, &issued, &wait_ms), ISO_CLOCK_SKEW);
    ck_assert_int_eq(issue(&hlc, INT64_MIN, &issued, &wait_ms), ISO_CLOCK_SKEW);
}
END_TEST

START_TEST(a_write_made_after_reading_beats_what_was_read)
{
    struct iso_hlc hlc;
    iso_hlc_init(&hlc);
    uint64_t seen = iso_hlc_of_ms(now_ms + 4000) | 9, issued;
    int64_t wait_ms;
    iso_hlc_observe(&hlc, seen);
    iso_hlc_observe(&hlc, seen - 1);
    ck_assert_int_eq(issue(&hlc, now_ms, &issued, &wait_ms), ISO_OK);
    ck_assert_uint_eq(issued, seen + 1);
}
END_TEST

START_TEST(ahead_of_the_clock_it_waits_and_far_ahead_it_refuses)
{
    static const struct {
        int64_t ahead_ms, wait_ms;
        enum iso_err err;
    } rows[] = {
        {AFTER_MAX_MS - 5000, 0, ISO_OK},
        {AFTER_MAX_MS - 4999, 1, ISO_AGAIN},
        {AFTER_MAX_MS, 5000, ISO_AGAIN},
        {AFTER_MAX_MS + 5000, 10000, ISO_AGAIN},
        {AFTER_MAX_MS + 5001, 0, ISO_CLOCK_SKEW},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct iso_hlc hlc;
        iso_hlc_init(&hlc);
        uint64_t seen = iso_hlc_of_ms(now_ms + rows[i].ahead_ms), issued = 0;
        iso_hlc_observe(&hlc, seen);
        int64_t wait_ms = -1;
        ck_assert_int_eq(issue(&hlc, now_ms, &issued, &wait_ms), rows[i].err);
        ck_assert_int_eq(wait_ms, rows[i].wait_ms);
        if (rows[i].err == ISO_AGAIN) {
            ck_assert_int_eq(issue(&hlc, now_ms + wait_ms, &issued, &wait_ms), ISO_OK);
            ck_assert_uint_eq(issued, seen + 1);
        }
    }
    struct iso_hlc hlc;
    iso_hlc_init(&hlc);
    iso_hlc_observe(&hlc, UINT64_MAX);
    uint64_t issued = 1;
    int64_t wait_ms;
    ck_assert_int_eq(issue(&hlc, now_ms, &issued, &wait_ms), ISO_CLOCK_SKEW);
    ck_assert_int_eq(issue(&hlc, INT64_MAX, &issued, &wait_ms), ISO_CLOCK_SKEW);
    ck_assert_uint_eq(issued, 1);
}
END_TEST

START_TEST(a_short_after_max_still_lets_a_right_clock_issue)
{
    struct iso_hlc hlc;
    iso_hlc_init(&hlc);
    uint64_t issued;
    int64_t wait_ms;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(iso_hlc_issue(&hlc, now_ms, 1000, &issued, &wait_ms, NULL),
                         ISO_OK);
    iso_hlc_observe(&hlc, iso_hlc_of_ms(now_ms + 1));
    ck_assert_int_eq(iso_hlc_issue(&hlc, now_ms, 1000, &issued, &wait_ms, NULL),
                     ISO_AGAIN);
    ck_assert_int_eq(wait_ms, 1);
}
END_TEST

START_TEST(nothing_above_the_reservation_is_issued_and_nothing_below_it_again)
{
    struct iso_hlc hlc;
    iso_hlc_resume(&hlc, 0);
    uint64_t issued = 0, newest = 0;
    int64_t wait_ms = -1;
    ck_assert_int_eq(issue(&hlc, now_ms, &issued, &wait_ms), ISO_AGAIN);
    ck_assert_int_eq(wait_ms, 0);
    uint64_t promised = iso_hlc_reservation(&hlc, now_ms, 10);
    ck_assert_int_eq(iso_hlc_ms(promised), now_ms + 10);
    iso_hlc_reserve(&hlc, promised);
    int64_t now = now_ms;
    while (issue(&hlc, now, &issued, &wait_ms) == ISO_OK) {
        ck_assert_uint_gt(issued, newest);
        ck_assert_uint_le(issued, promised);
        newest = issued;
        now++;
    }
    ck_assert_int_eq(now, now_ms + 11);
    ck_assert_int_eq(wait_ms, 0);

    /* Killed; its clock is back by a minute when it starts again. */
    struct iso_hlc again;
    iso_hlc_resume(&again, promised);
    now = now_ms - 40000;
    uint64_t next = iso_hlc_reservation(&again, now, 10);
    ck_assert_uint_gt(next, promised);
    iso_hlc_reserve(&again, next);
    ck_assert_int_eq(issue(&again, now, &issued, &wait_ms), ISO_OK);
    ck_assert_uint_gt(issued, promised);
    iso_hlc_reserve(&again, promised); /* an older promise takes nothing back */
    ck_assert_uint_eq(again.reserved, next);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("version");
    tcase_add_test(tests, the_order_of_versions_is_the_order_of_their_bytes);
    tcase_add_test(tests, a_version_is_32_digits_and_back);
    tcase_add_test(tests, what_is_issued_follows_the_clock_and_always_grows);
    tcase_add_test(tests, a_clock_that_is_set_back_does_not_set_versions_back);
    tcase_add_test(tests, a_write_made_after_reading_beats_what_was_read);
    tcase_add_test(tests, ahead_of_the_clock_it_waits_and_far_ahead_it_refuses);
    tcase_add_test(tests, a_short_after_max_still_lets_a_right_clock_issue);
    tcase_add_test(tests,
                   nothing_above_the_reservation_is_issued_and_nothing_below_it_again);
    Suite *suite = suite_create("version");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
