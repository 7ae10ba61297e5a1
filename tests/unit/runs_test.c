/* Things by path that are added to (schema/runs.h): whatever the order, what was added
 * is found and in the end ascends; and it takes few comparisons and moves, which are
 * counted, since a clock would say something else on every machine. */
#include <check.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

static size_t compared, moved;
#define iso_bytes_compare(a, b) (compared++, iso_bytes_compare(a, b))
#define memcpy(to, from, count) (moved += (count), memcpy(to, from, count))
#define memmove(to, from, count) (moved += (count), memmove(to, from, count))
#include "schema/runs.c"
#undef iso_bytes_compare
#undef memcpy
#undef memmove

struct thing {
    struct iso_bytes path;
    uint8_t name[8];
    uint64_t number;
};

static struct iso_runs runs;
static size_t room;

static void things_drop(void)
{
    iso_free(runs.things);
    runs = (struct iso_runs){.size = sizeof(struct thing)};
    room = 0;
}

static struct thing *thing(size_t n)
{
    return (struct thing *)runs.things + n;
}

static struct iso_bytes name_of(uint64_t number, uint8_t name[8])
{
    iso_put_u64(name, number);
    return iso_bytes(name, 8);
}

/* Things carry their name along: paths point into the thing that stands first. */
static bool add(uint64_t number)
{
    static uint8_t names[1 << 17][8];
    static size_t count;
    size_t at;
    uint8_t name[8];
    if (iso_runs_find(&runs, name_of(number, name), &at)) {
        iso_assert(thing(at)->number == number);
        return false;
    }
    if (iso_runs_room(&runs) > room) {
        room = 2 * iso_runs_room(&runs);
        runs.things = iso_realloc(runs.things, room * runs.size);
    }
    uint8_t *kept = names[count++ % (1 << 17)];
    *thing(runs.count) =
        (struct thing){.path = name_of(number, kept), .number = number};
    at = iso_runs_add(&runs, at);
    iso_assert(thing(at)->number == number);
    return true;
}

static void settle(void)
{
    iso_runs_settle(&runs);
    ck_assert_uint_eq(runs.sorted, runs.count);
    bool ascends = true;
    for (size_t i = 1; i < runs.count; i++)
        ascends &= thing(i - 1)->number < thing(i)->number;
    ck_assert(ascends);
}

START_TEST(what_is_added_is_found_and_in_the_end_ascends)
{
    enum { NUMBERS = 400 };
    struct iso_chance chance;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        bool there[NUMBERS] = {false};
        size_t count = 0;
        uint8_t name[8];
        iso_chance_seeded_init(&chance, seed);
        things_drop();
        size_t steps = iso_chance_draw(&chance) % 500;
        uint64_t most = 1 + iso_chance_draw(&chance) % NUMBERS;
        for (size_t i = 0; i < steps; i++) {
            uint64_t number = iso_chance_draw(&chance) % most;
            ck_assert_msg(add(number) == !there[number], "seed %zu", (size_t)seed);
            count += !there[number];
            there[number] = true;
            if (iso_chance_draw(&chance) % 128 == 0)
                settle();
        }
        ck_assert_uint_eq(runs.count, count);
        for (uint64_t number = 0; number < NUMBERS; number++) {
            size_t at;
            ck_assert(iso_runs_find(&runs, name_of(number, name), &at) ==
                      there[number]);
        }
        settle();
    }
    things_drop();
}
END_TEST

/* ---- the work ---- */

enum { MANY = 20000, MORE = 2048, LOG = 15 };

enum order { ASCENDING, DESCENDING, MIXED, ALTERNATING };

/* The n-th of MORE numbers that are odd, where those of the MANY are even. */
static uint64_t drawn(enum order order, uint64_t n)
{
    uint64_t place = order == ASCENDING    ? n
                     : order == DESCENDING ? MORE - 1 - n
                     : order == MIXED      ? n * 1021 % MORE
                     : n % 2 == 0          ? n / 2
                                           : MORE - 1 - n / 2;
    return place * (2 * MANY / MORE) | 1;
}

static void many(void)
{
    things_drop();
    for (uint64_t n = 0; n < MANY; n++)
        add(2 * n);
    settle();
    compared = moved = 0;
}

START_TEST(many_come_into_many_by_little_work)
{
    many();
    for (uint64_t n = 0; n < MORE; n++)
        ck_assert(add(drawn((enum order)_i, n)));
    iso_runs_settle(&runs);
    moved /= runs.size;
    ck_assert_msg(compared < (size_t)MORE * LOG * LOG, "%zu comparisons", compared);
    ck_assert_msg(moved < MANY + (size_t)MORE * LOG * 2, "%zu moves", moved);
    ck_assert_uint_eq(runs.count, MANY + MORE);
    settle();
    things_drop();
}
END_TEST

START_TEST(one_comes_into_many_by_a_search_and_one_move)
{
    many();
    add(MANY | 1);
    iso_runs_settle(&runs);
    ck_assert_uint_le(compared, 3 * LOG);
    ck_assert_uint_le(moved / runs.size, MANY / 2 + 2);
    things_drop();
}
END_TEST

/* Settled after each thing it is insertion again: the count says so. */
START_TEST(the_count_sees_insertion_one_by_one)
{
    many();
    for (uint64_t n = 0; n < MORE / 8; n++) {
        add(drawn(MIXED, n));
        iso_runs_settle(&runs);
    }
    ck_assert_uint_gt(moved / runs.size, MANY + (size_t)MORE * LOG * 2);
    things_drop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runs");
    TCase *tests = tcase_create("runs");
    tcase_set_timeout(tests, 120);
    things_drop();
    tcase_add_test(tests, what_is_added_is_found_and_in_the_end_ascends);
    tcase_add_loop_test(tests, many_come_into_many_by_little_work, ASCENDING,
                        ALTERNATING + 1);
    tcase_add_test(tests, one_comes_into_many_by_a_search_and_one_move);
    tcase_add_test(tests, the_count_sees_insertion_one_by_one);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
