/* What is held of a level that is seen again and again: the rule, by hand and against a
 * model that keeps all it ever saw and asks the rule of it as it is written. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "monitor/hold.h"

enum { SECOND = 1000, LOOKS = 400, RUNS = 500 };

static const struct hold_rule rule = {
    .enter = 2, .leave = 3, .apart_least_ms = 500, .apart_most_ms = 60000};

/* Looks a second apart; what is held after each, as digits. */
static void ck_held(const struct hold_rule *by, const char *seen, const char *held)
{
    struct hold hold = {0};
    for (size_t i = 0; seen[i] != '\0'; i++) {
        iso_hold_take(&hold, by, seen[i] - '0', (int64_t)(i + 1) * SECOND);
        ck_assert_msg(hold.level == held[i] - '0', "after %.*s: %d, not %c", (int)i + 1,
                      seen, hold.level, held[i]);
    }
}

START_TEST(the_first_look_counts_at_once)
{
    ck_held(&rule, "3", "3");
    ck_held(&rule, "0", "0");
}
END_TEST

START_TEST(worse_is_entered_after_two_looks_and_left_after_three)
{
    ck_held(&rule, "0440001", "0044400");
    ck_held(&rule, "400400400", "444444444");
}
END_TEST

START_TEST(what_swings_to_and_fro_does_not_flap)
{
    ck_held(&rule, "0404040404040404", "0000000000000000");
    ck_held(&rule, "4004004004040040", "4444444444444444");
}
END_TEST

START_TEST(looks_that_differ_enter_the_mildest_and_leave_for_the_worst_of_them)
{
    ck_held(&rule, "0255", "0025");
    ck_held(&rule, "51211", "55522");
    ck_held(&rule, "0123456", "0012345");
}
END_TEST

START_TEST(it_is_held_since_the_first_look_that_showed_it)
{
    struct hold hold = {0};
    const int seen[] = {0, 4, 4, 0, 0, 0};
    const int64_t since[] = {1000, 1000, 2000, 2000, 2000, 4000};
    for (int i = 0; i < 6; i++) {
        bool changed = iso_hold_take(&hold, &rule, seen[i], (i + 1) * SECOND);
        ck_assert_int_eq(hold.since_ms, since[i]);
        ck_assert(changed == (i == 0 || i == 2 || i == 5));
    }
}
END_TEST

START_TEST(looks_that_come_at_once_count_as_one)
{
    struct hold hold = {0};
    iso_hold_take(&hold, &rule, 0, 1000);
    for (int i = 0; i < 10; i++)
        iso_hold_take(&hold, &rule, 4, 2000 + i);
    ck_assert_int_eq(hold.level, 0);
    iso_hold_take(&hold, &rule, 4, 2500);
    ck_assert_int_eq(hold.level, 4);
}
END_TEST

START_TEST(a_look_after_a_long_sleep_is_the_first_of_a_row)
{
    struct hold hold = {0};
    iso_hold_take(&hold, &rule, 0, 1000);
    iso_hold_take(&hold, &rule, 4, 2000);
    iso_hold_take(&hold, &rule, 4, 3600000);
    ck_assert_int_eq(hold.level, 0);
    iso_hold_take(&hold, &rule, 4, 3601000);
    ck_assert_int_eq(hold.level, 4);
    ck_assert_int_eq(hold.since_ms, 3600000);
}
END_TEST

START_TEST(a_clock_that_is_set_back_begins_a_new_row)
{
    struct hold hold = {0};
    iso_hold_take(&hold, &rule, 0, 3600000);
    iso_hold_take(&hold, &rule, 4, 3601000);
    iso_hold_take(&hold, &rule, 4, 5000);
    ck_assert_int_eq(hold.level, 0);
    ck_assert_int_eq(hold.since_ms, 5000);
    iso_hold_take(&hold, &rule, 4, 6000);
    ck_assert_int_eq(hold.level, 4);
}
END_TEST

START_TEST(patience_is_for_what_is_not_grave)
{
    struct hold_rule patient = rule;
    patient.patience = 5;
    patient.grave = 3;
    ck_held(&patient, "0111101111100", "0000000000111");
    ck_held(&patient, "0331", "0033");
    ck_held(&patient, "013133", "000003");
}
END_TEST

/* ---- the model ---- */

struct model {
    struct hold_look looks[LOOKS]; /* that counted, the oldest first */
    int count, begin;              /* from `begin` on they are one after the other */
    int held;
};

/* Were the last n looks all worse (better, with sign -1)? Then the one nearest to what
 * is held. */
static bool model_asks(const struct model *model, int n, int sign, int *nearest)
{
    for (int i = 1; i <= n; i++) {
        int at = model->count - i;
        if (at < model->begin)
            return false;
        int level = model->looks[at].level;
        if (level * sign <= model->held * sign)
            return false;
        if (i == 1 || level * sign < *nearest * sign)
            *nearest = level;
    }
    return true;
}

static void model_take(struct model *model, int level, int64_t at_ms)
{
    int64_t apart =
        model->count == 0 ? 0 : at_ms - model->looks[model->count - 1].at_ms;
    if (model->count > 0 && apart >= 0 && apart < rule.apart_least_ms)
        return;
    if (apart < 0 || apart > rule.apart_most_ms)
        model->begin = model->count;
    model->looks[model->count++] = (struct hold_look){.at_ms = at_ms, .level = level};
    int nearest = 0;
    if (model->count == 1)
        model->held = level;
    else if (model_asks(model, 2, 1, &nearest) || model_asks(model, 3, -1, &nearest))
        model->held = nearest;
}

static int64_t step_ms(struct iso_chance *chance)
{
    uint64_t kind = iso_chance_draw(chance) % 20;
    if (kind == 0)
        return 3600000;
    if (kind == 1)
        return -7000;
    if (kind < 5)
        return (int64_t)(iso_chance_draw(chance) % 500);
    return 1000;
}

START_TEST(any_looks_are_held_as_the_rule_is_written)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct iso_chance chance;
        iso_chance_seeded_init(&chance, seed);
        struct model model = {0};
        struct hold hold = {0};
        int64_t at_ms = 1000000000;
        uint64_t levels = 2 + iso_chance_draw(&chance) % 5;
        for (int i = 0; i < LOOKS; i++) {
            int level = (int)(iso_chance_draw(&chance) % levels);
            at_ms += step_ms(&chance);
            model_take(&model, level, at_ms);
            iso_hold_take(&hold, &rule, level, at_ms);
            ck_assert_msg(hold.level == model.held, "seed %d, look %d: %d, not %d",
                          (int)seed, i, hold.level, model.held);
            ck_assert_int_le(hold.since_ms, at_ms);
        }
    }
}
END_TEST

/* The model must see a rule that is off by one. */
START_TEST(a_rule_that_enters_too_late_is_seen)
{
    struct hold_rule planted = rule;
    planted.enter = 3;
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, 1);
    struct model model = {0};
    struct hold hold = {0};
    bool differs = false;
    for (int i = 0; i < LOOKS; i++) {
        int level = (int)(iso_chance_draw(&chance) % 3);
        model_take(&model, level, (i + 1) * SECOND);
        iso_hold_take(&hold, &planted, level, (i + 1) * SECOND);
        differs = differs || hold.level != model.held;
    }
    ck_assert(differs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch_hold");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_first_look_counts_at_once);
    tcase_add_test(tests, worse_is_entered_after_two_looks_and_left_after_three);
    tcase_add_test(tests, what_swings_to_and_fro_does_not_flap);
    tcase_add_test(tests,
                   looks_that_differ_enter_the_mildest_and_leave_for_the_worst_of_them);
    tcase_add_test(tests, it_is_held_since_the_first_look_that_showed_it);
    tcase_add_test(tests, looks_that_come_at_once_count_as_one);
    tcase_add_test(tests, a_look_after_a_long_sleep_is_the_first_of_a_row);
    tcase_add_test(tests, a_clock_that_is_set_back_begins_a_new_row);
    tcase_add_test(tests, patience_is_for_what_is_not_grave);
    tcase_add_test(tests, any_looks_are_held_as_the_rule_is_written);
    tcase_add_test(tests, a_rule_that_enters_too_late_is_seen);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
