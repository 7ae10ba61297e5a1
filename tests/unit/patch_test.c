/* Patches (schema/patch.h): the decoder against the walk and avro-c, damage, and what a
 * patch may say. */
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "schema/patch.h"
#include "tests/unit/fields_kit.h"

enum { SEED = 5120, ROUNDS = 20000 };

static struct iso_why why;

static uint64_t below(struct iso_chance *chance, uint64_t n)
{
    return iso_chance_draw(chance) % n;
}

/* ---- random patches, as Avro, in any blocks ---- */

typedef void item_draw(struct iso_chance *chance, struct iso_buf *out);

static void array_draw(struct iso_chance *chance, struct iso_buf *out, item_draw *item)
{
    for (uint64_t blocks = below(chance, 3); blocks > 0; blocks--) {
        struct iso_buf items = {0};
        int64_t count = (int64_t)below(chance, 3) + 1;
        for (int64_t i = 0; i < count; i++)
            item(chance, &items);
        bool sized = below(chance, 2);
        iso_avro_add_long(out, sized ? -count : count);
        if (sized)
            iso_avro_add_long(out, (int64_t)items.size + (below(chance, 50) == 0));
        iso_buf_add_bytes(out, iso_buf_bytes(&items));
        iso_buf_release(&items);
    }
    iso_avro_add_long(out, 0);
}

static void text_draw(struct iso_chance *chance, struct iso_buf *out)
{
    uint8_t text[5];
    size_t size = below(chance, sizeof text);
    for (size_t i = 0; i < size; i++)
        text[i] = (uint8_t)('a' + below(chance, 26));
    iso_avro_add_bytes(out, iso_bytes(text, size));
}

static void version_draw(struct iso_chance *chance, struct iso_buf *out)
{
    iso_buf_add_u64(out, iso_chance_draw(chance));
    iso_buf_add_u64(out, iso_chance_draw(chance));
}

static void sum_draw(struct iso_chance *chance, struct iso_buf *out)
{
    static const int64_t logs[] = {1, 65000, 300, 7, 0, 65001};
    static const int64_t regions[] = {1, 2, 64, 33, 0, 65};
    iso_avro_add_long(out, logs[below(chance, 4 + (below(chance, 9) == 0) * 2)]);
    iso_avro_add_long(out, regions[below(chance, 4 + (below(chance, 9) == 0) * 2)]);
    iso_avro_add_long(out,
                      below(chance, 30) == 0 ? 0 : 1 + (int64_t)below(chance, 900));
    iso_avro_add_long(out, (int64_t)iso_chance_draw(chance));
}

static void step_draw(struct iso_chance *chance, struct iso_buf *out)
{
    text_draw(chance, out);
    bool member = below(chance, 2);
    iso_avro_add_long(out, member);
    if (member)
        text_draw(chance, out);
    iso_avro_add_long(out, (int64_t)below(chance, ISO_STEP_OPERATIONS));
    text_draw(chance, out);
    array_draw(chance, out, version_draw);
    array_draw(chance, out, sum_draw);
}

static void patch_draw(struct iso_chance *chance, struct iso_buf *out)
{
    iso_buf_clear(out);
    iso_buf_add_u64(out, iso_chance_draw(chance));
    iso_buf_add_u8(out, (uint8_t)below(chance, 2));
    array_draw(chance, out, version_draw);
    array_draw(chance, out, step_draw);
}

/* ---- what avro-c says of it, as JSON, and what our decoder says ---- */

static json_t *bytes_json(struct iso_bytes bytes)
{
    struct iso_buf text = {0};
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] >= 0x80)
            iso_buf_add_u8(&text, (uint8_t)(0xc0 | bytes.data[i] >> 6));
        iso_buf_add_u8(&text, bytes.data[i] >= 0x80
                                  ? (uint8_t)(0x80 | (bytes.data[i] & 0x3f))
                                  : bytes.data[i]);
    }
    json_t *json =
        json_stringn(text.size > 0 ? (const char *)text.data : "", text.size);
    iso_buf_release(&text);
    return json;
}

static json_t *names_json(struct iso_names names)
{
    json_t *array = json_array();
    for (size_t i = 0; i < names.count; i++)
        json_array_append_new(array, bytes_json(iso_bytes(names.data + 16 * i, 16)));
    return array;
}

static json_t *string_json(struct iso_bytes text)
{
    return json_stringn(text.size > 0 ? (const char *)text.data : "", text.size);
}

static json_t *patch_json(const struct iso_patch *patch)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < patch->step_count; i++) {
        const struct iso_step *step = &patch->steps[i];
        json_t *sums = json_array();
        for (size_t n = 0; n < step->sum_count; n++)
            json_array_append_new(sums, json_pack("{s:i,s:i,s:I,s:I}", "log",
                                                  step->sums[n].log, "region",
                                                  step->sums[n].region, "next",
                                                  (json_int_t)step->sums[n].next, "sum",
                                                  (json_int_t)step->sums[n].sum));
        json_t *member = json_null();
        if (step->has_member)
            member = json_pack("{s:o}", "string", string_json(step->member));
        json_array_append_new(steps, json_pack("{s:o,s:o,s:s,s:o,s:o,s:o}", "field",
                                               string_json(step->field), "member",
                                               member, "operation",
                                               iso_step_operation_name(step->operation),
                                               "value", bytes_json(step->value), "seen",
                                               names_json(step->seen), "sums", sums));
    }
    return json_pack("{s:o,s:b,s:o,s:o}", "schema",
                     bytes_json(iso_bytes(patch->fingerprint, 8)), "put", patch->put,
                     "mark", names_json(patch->mark), "steps", steps);
}

/* Logs, regions and nexts within their ranges: what Avro does not know. */
static bool in_range(json_t *json)
{
    size_t i, n;
    json_t *step, *sum;
    json_array_foreach(json_object_get(json, "steps"), i, step)
    {
        json_array_foreach(json_object_get(step, "sums"), n, sum)
        {
            json_int_t log = json_integer_value(json_object_get(sum, "log"));
            json_int_t region = json_integer_value(json_object_get(sum, "region"));
            if (log < 1 || log > 65000 || region < 1 || region > 64 ||
                json_integer_value(json_object_get(sum, "next")) < 1)
                return false;
        }
    }
    return true;
}

static json_t *oracle(struct iso_bytes bytes)
{
    struct iso_buf text = {0};
    json_t *json = NULL;
    if (iso_avro_to_json(iso_avsc(ISO_AVSC_PATCH), bytes, &text, NULL) == ISO_OK)
        json = json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL, NULL);
    iso_buf_release(&text);
    if (json != NULL && !in_range(json)) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

enum planted { NONE, LOSES_A_VERSION, LOSES_A_SUM, TAKES_MORE, PLANTED };

static bool alike(enum planted planted, struct iso_bytes bytes, struct iso_patch *patch,
                  int taken[2])
{
    uint8_t *exact = malloc(bytes.size + 1);
    memcpy(exact, bytes.data, bytes.size);
    json_t *theirs = oracle(bytes), *ours = NULL;
    bool decodes =
        iso_patch_decode(iso_bytes(exact, bytes.size), patch, &why) == ISO_OK;
    if (!decodes && planted == TAKES_MORE && bytes.size > 0)
        decodes =
            iso_patch_decode(iso_bytes(exact, bytes.size - 1), patch, NULL) == ISO_OK;
    for (size_t i = 0; decodes && i < patch->step_count; i++) {
        struct iso_step *step = &patch->steps[i];
        step->seen.count -= planted == LOSES_A_VERSION && step->seen.count > 1;
        step->sum_count -= planted == LOSES_A_SUM && step->sum_count > 1;
    }
    if (decodes)
        ours = patch_json(patch);
    bool same = (ours != NULL) == (theirs != NULL) &&
                (ours == NULL || json_equal(ours, theirs));
    taken[theirs != NULL]++;
    json_decref(ours);
    json_decref(theirs);
    free(exact);
    return same;
}

static int rounds_alike(enum planted planted, int taken[2])
{
    struct iso_chance chance;
    struct iso_buf bytes = {0};
    struct iso_patch patch = {0};
    int round = 0;
    iso_chance_seeded_init(&chance, SEED);
    for (bool same = true; same && round < ROUNDS; round += same) {
        patch_draw(&chance, &bytes);
        for (uint64_t n = below(&chance, 3); n > 0 && bytes.size > 1; n--)
            bytes.data[below(&chance, bytes.size)] ^= (uint8_t)(1 << below(&chance, 8));
        bytes.size -= below(&chance, 9) == 0;
        if (below(&chance, 9) == 0)
            iso_buf_add_u8(&bytes, 0);
        same = alike(planted, iso_buf_bytes(&bytes), &patch, taken);
    }
    iso_patch_release(&patch);
    iso_buf_release(&bytes);
    return round;
}

START_TEST(our_decoder_and_avro_c_say_the_same_of_every_patch)
{
    int taken[2] = {0};
    ck_assert_msg(rounds_alike(NONE, taken) == ROUNDS, "seed %d: round %d", SEED,
                  taken[0] + taken[1] - 1);
    ck_assert_int_gt(taken[true], ROUNDS / 10);
    ck_assert_int_gt(taken[false], ROUNDS / 10);
}
END_TEST

START_TEST(the_comparison_finds_a_decoder_that_is_wrong)
{
    for (int planted = NONE + 1; planted < PLANTED; planted++) {
        int taken[2] = {0};
        ck_assert_msg(rounds_alike((enum planted)planted, taken) < ROUNDS,
                      "mistake %d goes unseen", planted);
    }
}
END_TEST

START_TEST(what_is_encoded_is_decoded_without_allocating)
{
    struct iso_chance chance;
    struct iso_buf bytes = {0}, again = {0}, third = {0};
    struct iso_patch patch = {0}, back = {0};
    iso_chance_seeded_init(&chance, SEED);
    for (int round = 0; round < 3000; round++) {
        patch_draw(&chance, &bytes);
        if (iso_patch_decode(iso_buf_bytes(&bytes), &patch, NULL) != ISO_OK)
            continue;
        iso_buf_clear(&again);
        iso_buf_clear(&third);
        iso_patch_encode(&patch, &again);
        ck_assert_int_eq(iso_patch_decode(iso_buf_bytes(&again), &back, &why), ISO_OK);
        uint64_t before = iso_mem_count();
        ck_assert_int_eq(iso_patch_decode(iso_buf_bytes(&again), &back, &why), ISO_OK);
        ck_assert_uint_eq(iso_mem_count(), before);
        ck_assert_uint_eq(back.names.size, 0); /* one block: borrowed */
        iso_patch_encode(&back, &third);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&again), iso_buf_bytes(&third)));
    }
    iso_patch_release(&patch);
    iso_patch_release(&back);
    iso_buf_release(&bytes);
    iso_buf_release(&again);
    iso_buf_release(&third);
}
END_TEST

/* ---- limits ---- */

static enum iso_err counted(size_t steps, size_t names, size_t sums)
{
    struct iso_patch patch = {0}, back = {0};
    struct iso_buf bytes = {0}, versions = {0};
    for (size_t i = 0; i < steps; i++)
        iso_patch_step_add(&patch)->field = iso_bytes_text("f");
    iso_buf_reserve(&versions, 16 * names + 1);
    memset(versions.data, 1, 16 * names);
    struct iso_sum *some = calloc(sums + 1, sizeof *some);
    for (size_t i = 0; i < sums; i++)
        some[i] = (struct iso_sum){1, 1, 1, 1};
    patch.steps[0].seen = (struct iso_names){versions.data, names / 2};
    patch.mark = (struct iso_names){versions.data, names - names / 2};
    patch.steps[0].sums = some;
    patch.steps[0].sum_count = sums;
    iso_patch_encode(&patch, &bytes);
    enum iso_err err = iso_patch_decode(iso_buf_bytes(&bytes), &back, &why);
    iso_patch_release(&patch);
    iso_patch_release(&back);
    iso_buf_release(&bytes);
    iso_buf_release(&versions);
    free(some);
    return err;
}

START_TEST(a_patch_is_bounded)
{
    ck_assert_int_eq(
        counted(ISO_PATCH_STEPS_MAX, ISO_PATCH_SEEN_MAX, ISO_PATCH_SUMS_MAX), ISO_OK);
    ck_assert_int_eq(counted(ISO_PATCH_STEPS_MAX + 1, 0, 0), ISO_BAD_DATA);
    ck_assert_int_eq(counted(1, ISO_PATCH_SEEN_MAX + 1, 0), ISO_BAD_DATA);
    ck_assert_int_eq(counted(1, 0, ISO_PATCH_SUMS_MAX + 1), ISO_BAD_DATA);
    /* Nine bytes that say 2^62 steps cost nothing. */
    struct iso_patch patch = {0};
    struct iso_buf bytes = {0};
    iso_buf_add(&bytes, "12345678\0\0", 10);
    iso_avro_add_long(&bytes, INT64_C(1) << 62);
    uint64_t before = iso_mem_count();
    ck_assert_int_eq(iso_patch_decode(iso_buf_bytes(&bytes), &patch, NULL),
                     ISO_BAD_DATA);
    ck_assert_uint_eq(iso_mem_count(), before);
    iso_buf_release(&bytes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("patch");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, our_decoder_and_avro_c_say_the_same_of_every_patch);
    tcase_add_test(tests, the_comparison_finds_a_decoder_that_is_wrong);
    tcase_add_test(tests, what_is_encoded_is_decoded_without_allocating);
    tcase_add_test(tests, a_patch_is_bounded);
    Suite *suite = suite_create("patch");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
