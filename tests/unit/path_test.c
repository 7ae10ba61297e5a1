/* Where parts stand (schema/path.h): round trips, their order, damage. */
#include <check.h>
#include <stdlib.h>

#include "schema/path.h"
#include "tests/unit/mutate.h"

enum { SEED = 511, ROUNDS = 20000 };

static struct iso_bytes draw(struct iso_chance *chance, uint8_t *room, size_t most)
{
    size_t size = iso_chance_draw(chance) % (most + 1);
    for (size_t i = 0; i < size; i++) /* a tiny alphabet, so that many are alike */
        room[i] = (uint8_t)(iso_chance_draw(chance) % 2 ? 0 : 0xff);
    return iso_bytes(room, size);
}

static struct iso_path path_draw(struct iso_chance *chance, uint8_t room[3][3])
{
    struct iso_path path = {.field = draw(chance, room[0], 2)};
    path.has_member = iso_chance_draw(chance) % 2;
    path.has_element = iso_chance_draw(chance) % 2;
    if (path.has_member)
        path.member = draw(chance, room[1], 3);
    if (path.has_element)
        path.element = draw(chance, room[2], 3);
    return path;
}

static bool same(const struct iso_path *a, const struct iso_path *b)
{
    return iso_bytes_equal(a->field, b->field) && a->has_member == b->has_member &&
           a->has_element == b->has_element && iso_bytes_equal(a->member, b->member) &&
           iso_bytes_equal(a->element, b->element);
}

START_TEST(a_path_is_read_as_it_was_written_and_no_other_has_its_bytes)
{
    struct iso_chance chance;
    struct iso_buf bytes[2] = {0};
    int alike = 0;
    iso_chance_seeded_init(&chance, SEED);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t room[2][3][3];
        struct iso_path paths[2], back;
        for (int i = 0; i < 2; i++) {
            paths[i] = path_draw(&chance, room[i]);
            iso_buf_clear(&bytes[i]);
            iso_path_encode(&paths[i], &bytes[i]);
            ck_assert(iso_path_decode(iso_buf_bytes(&bytes[i]), &back));
            ck_assert(same(&paths[i], &back));
        }
        bool equal =
            iso_bytes_equal(iso_buf_bytes(&bytes[0]), iso_buf_bytes(&bytes[1]));
        ck_assert(equal == same(&paths[0], &paths[1]));
        alike += equal;
        ck_assert(equal || !iso_bytes_begins(iso_buf_bytes(&bytes[0]),
                                             iso_buf_bytes(&bytes[1])));
    }
    ck_assert_int_gt(alike, 10);
    iso_buf_release(&bytes[0]);
    iso_buf_release(&bytes[1]);
}
END_TEST

START_TEST(the_longest_path_has_a_size_of_sixteen_bits)
{
    uint8_t *text = calloc(1, ISO_ELEMENT_MAX);
    struct iso_path path = {.field = iso_bytes(text, ISO_FIELD_NAME_MAX),
                            .has_member = true,
                            .has_element = true,
                            .member = iso_bytes(text, ISO_MEMBER_MAX),
                            .element = iso_bytes(text, ISO_ELEMENT_MAX)};
    struct iso_buf bytes = {0};
    struct iso_path back;
    iso_path_encode(&path, &bytes);
    ck_assert_uint_lt(bytes.size, UINT16_MAX);
    ck_assert(iso_path_decode(iso_buf_bytes(&bytes), &back) && same(&path, &back));
    iso_buf_release(&bytes);
    free(text);
}
END_TEST

static void try_bad(struct iso_bytes bad, void *again)
{
    struct iso_path path;
    if (!iso_path_decode(bad, &path))
        return;
    iso_buf_clear(again);
    iso_path_encode(&path, again);
    ck_assert(iso_bytes_equal(bad, iso_buf_bytes(again))); /* one form each */
}

START_TEST(damaged_paths_are_none_or_others)
{
    struct iso_path path = {.field = iso_bytes_text("groups"),
                            .has_member = true,
                            .has_element = true,
                            .member = iso_bytes_text("g"),
                            .element = iso_bytes_text("\2")};
    struct iso_buf bytes = {0}, again = {0};
    iso_path_encode(&path, &bytes);
    mutate_truncations(iso_buf_bytes(&bytes), try_bad, &again);
    mutate_flips(iso_buf_bytes(&bytes), try_bad, &again);
    mutate_random(iso_buf_bytes(&bytes), SEED, ROUNDS, try_bad, &again);
    iso_buf_release(&bytes);
    iso_buf_release(&again);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("path");
    tcase_add_test(tests, a_path_is_read_as_it_was_written_and_no_other_has_its_bytes);
    tcase_add_test(tests, the_longest_path_has_a_size_of_sixteen_bits);
    tcase_add_test(tests, damaged_paths_are_none_or_others);
    Suite *suite = suite_create("path");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
