/* Clocks and chance: a manual clock stands until it is turned; a seed repeats its
 * draws. */
#include "base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

START_TEST(the_machine_clock_is_unix_time_in_milliseconds)
{
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t now = iso_now_ms(&iso_clock_machine);
    ck_assert_int_ge(now, before - 1000);
    ck_assert_int_le(now, before + 60000);
}
END_TEST

START_TEST(the_steady_clock_never_steps_back)
{
    int64_t last = iso_steady_ms(&iso_clock_machine);
    for (int i = 0; i < 1000; i++) {
        int64_t now = iso_steady_ms(&iso_clock_machine);
        ck_assert_int_ge(now, last);
        last = now;
    }
}
END_TEST

START_TEST(a_manual_clock_stands_until_it_is_turned)
{
    struct iso_clock_manual manual;
    iso_clock_manual_init(&manual, 5000);
    const struct iso_clock *clock = &manual.clock;
    ck_assert_int_eq(iso_now_ms(clock), 5000);
    ck_assert_int_eq(iso_steady_ms(clock), 0);
    iso_clock_manual_add(&manual, 250);
    ck_assert_int_eq(iso_now_ms(clock), 5250);
    ck_assert_int_eq(iso_steady_ms(clock), 250);
    manual.now_ms -= 1000; /* only the wall clock may step back */
    ck_assert_int_eq(iso_now_ms(clock), 4250);
    ck_assert_int_eq(iso_steady_ms(clock), 250);
}
END_TEST

START_TEST(a_seed_repeats_its_draws)
{
    struct iso_chance a, b, c;
    iso_chance_seeded_init(&a, 7);
    iso_chance_seeded_init(&b, 7);
    iso_chance_seeded_init(&c, 8);
    int differ = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t draw = iso_chance_draw(&a);
        ck_assert_uint_eq(draw, iso_chance_draw(&b));
        differ += draw != iso_chance_draw(&c);
    }
    ck_assert_int_eq(differ, 100);
}
END_TEST

/* The first outputs for state 0, which every splitmix64 must give. */
START_TEST(seeded_chance_is_splitmix64)
{
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, 0);
    ck_assert_uint_eq(iso_chance_draw(&chance), UINT64_C(0xe220a8397b1dcdaf));
    ck_assert_uint_eq(iso_chance_draw(&chance), UINT64_C(0x6e789e6aa1b965f4));
}
END_TEST

START_TEST(the_machines_chance_does_not_repeat)
{
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    uint64_t a = iso_chance_draw(&chance);
    uint64_t b = iso_chance_draw(&chance);
    uint64_t c = iso_chance_draw(&chance);
    ck_assert(a != b && b != c && a != c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("clock");
    tcase_add_test(tcase, the_machine_clock_is_unix_time_in_milliseconds);
    tcase_add_test(tcase, the_steady_clock_never_steps_back);
    tcase_add_test(tcase, a_manual_clock_stands_until_it_is_turned);
    tcase_add_test(tcase, a_seed_repeats_its_draws);
    tcase_add_test(tcase, seeded_chance_is_splitmix64);
    tcase_add_test(tcase, the_machines_chance_does_not_repeat);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
