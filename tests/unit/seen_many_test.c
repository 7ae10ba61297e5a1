/* A context of very many parts after a write that touches thousands of them
 * (iso_seen_advance): it holds what it must, and what it moves is counted, since a
 * clock would say something else on every machine. */
#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "schema/seen_part.h"
#include "tests/unit/fields_kit.h"

static size_t moved;
#define memcpy(to, from, count) (moved += (count), memcpy(to, from, count))
#define memmove(to, from, count) (moved += (count), memmove(to, from, count))
#include "schema/runs.c"
#include "schema/seen_advance.c"
#undef memcpy
#undef memmove

enum { MANY = 20000, STEPS = 4096 };

/* Elements are numbers in 4 bytes, a size before them. */
static struct iso_bytes element(uint32_t number, uint8_t bytes[5])
{
    bytes[0] = 8;
    iso_put_u32(bytes + 1, number);
    return iso_bytes(bytes, 5);
}

static struct iso_path path_of(uint32_t number, uint8_t bytes[5])
{
    return (struct iso_path){.field = iso_bytes_text("tags"),
                             .has_element = true,
                             .element = element(number, bytes)};
}

/* Even numbers below 2 · MANY. */
static void many(struct iso_seen *seen)
{
    static const uint8_t name[ISO_VERSION_SIZE] = {1};
    struct iso_buf path = {0};
    for (uint32_t n = 0; n < MANY; n++) {
        uint8_t bytes[5];
        struct iso_path at = path_of(2 * n, bytes);
        iso_buf_clear(&path);
        iso_path_encode(&at, &path);
        struct iso_seen_part part = {.path = iso_buf_bytes(&path),
                                     .rule = ISO_RULE_SET,
                                     .shown = true,
                                     .names = {name, 1}};
        iso_seen_add(seen, &part);
    }
    iso_buf_release(&path);
}

/* Every other step removes what is there, the others add what is not. */
static uint32_t number_of(uint32_t step)
{
    uint32_t place = step * 1021 % STEPS;
    return place * (2 * MANY / STEPS) / 2 * 2 + (step & 1);
}

START_TEST(thousands_of_steps_move_little_in_a_large_context)
{
    static uint8_t bytes[STEPS][5];
    struct kit_fields kit = kit_fields(KIT_USER);
    struct iso_seen seen = {0};
    struct iso_patch patch = {0};
    size_t removed = 0, at;
    many(&seen);
    for (uint32_t i = 0; i < STEPS; i++) {
        struct iso_step *step = iso_patch_step_add(&patch);
        step->field = iso_bytes_text("tags");
        step->operation = i & 1 ? ISO_STEP_ADD : ISO_STEP_REMOVE;
        step->value = element(number_of(i), bytes[i]);
        removed += !(i & 1);
    }
    moved = 0;
    iso_seen_advance(&seen, kit.fields, &patch, (struct iso_version){9, 9});
    moved /= sizeof(struct iso_seen_part);
    ck_assert_msg(moved < MANY + 16 * 2 * (size_t)STEPS, "%zu moves", moved);
    ck_assert_uint_eq(seen.count, MANY - removed + (STEPS - removed));
    bool ascends = true;
    for (size_t i = 1; i < seen.count; i++)
        ascends &= iso_bytes_compare(seen.parts[i - 1].path, seen.parts[i].path) < 0;
    ck_assert(ascends);
    for (uint32_t i = 0; i < STEPS; i++) {
        uint8_t other[5];
        struct iso_path path = path_of(number_of(i), other);
        ck_assert(iso_seen_find(&seen, &path, &at) == (i & 1));
    }
    iso_patch_release(&patch);
    iso_seen_release(&seen);
    kit_fields_free(&kit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seen_many");
    TCase *tests = tcase_create("seen_many");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, thousands_of_steps_move_little_in_a_large_context);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
