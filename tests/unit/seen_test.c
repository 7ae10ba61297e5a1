/* Contexts of fields (schema/seen.h): a PUT becomes the patch that makes of what was
 * read what is written, held to a dumb model of a record; sessions that go on; bytes
 * that come back damaged. Single steps: seen_steps_test.c. */
#include <stdlib.h>

#include "tests/unit/mutate.h"
#include "tests/unit/seen_model.h"

enum { SEED = 54, ROUNDS = 3000 };

static const struct iso_sum one_sum[] = {{1, 2, 3, 4}};

static void setup(void)
{
    kit = kit_fields(KIT_USER);
}

static void teardown(void)
{
    kit_fields_free(&kit);
}

/* What a reader of the model is shown. */
static void seen_of(struct iso_chance *chance, struct model *model,
                    struct iso_seen *seen)
{
    static const uint8_t names[3 * ISO_VERSION_SIZE] = {1, [16] = 2, [32] = 3};
    iso_seen_clear(seen);
    seen->hlc = 77;
    qsort(model->items, model->count, sizeof model->items[0], item_order);
    static const uint8_t mark[2];
    struct iso_seen_part first = {
        .path = {mark, 2}, .shown = true, .names = {names, 1}};
    iso_seen_add(seen, &first);
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = &model->items[i];
        struct iso_seen_part part = {
            .path = iso_buf_bytes(&item->path), .rule = item->rule, .shown = true};
        if (item->rule == ISO_RULE_COUNTER) {
            part.sums = one_sum;
            part.sum_count = 1;
            part.value = item->number;
        } else if (item->rule != ISO_RULE_MAX && item->rule != ISO_RULE_MIN) {
            part.names = (struct iso_names){names, 1 + below(chance, 3)};
        }
        if (item->rule != ISO_RULE_SET && item->rule != ISO_RULE_FLAG &&
            item->rule != ISO_RULE_COUNTER)
            part.hash = iso_seen_hash(iso_fields_fingerprint(kit.fields),
                                      iso_buf_bytes(&item->datum));
        iso_seen_add(seen, &part);
    }
}

/* Each step names what was shown of its part. */
static void steps_name(const struct iso_seen *seen, const struct iso_patch *patch)
{
    for (size_t i = 0; i < patch->step_count; i++) {
        const struct iso_step *step = &patch->steps[i];
        struct iso_path path = {.field = step->field,
                                .has_member = step->has_member,
                                .member = step->member};
        struct iso_buf bytes = {0};
        path.has_element =
            step->operation == ISO_STEP_ADD || step->operation == ISO_STEP_REMOVE;
        if (path.has_element)
            path.element = step->value;
        iso_path_encode(&path, &bytes);
        size_t want = 0;
        for (size_t n = 0; n < seen->count; n++)
            if (iso_bytes_equal(seen->parts[n].path, iso_buf_bytes(&bytes)))
                want = seen->parts[n].names.count;
        ck_assert_uint_eq(step->seen.count, want);
        iso_buf_release(&bytes);
    }
}

/* Mistakes that the library could make, to show that the model sees them. */
enum planted {
    NONE,
    LOSES_A_STEP,
    FORGETS_ITS_INCREMENTS,
    SHOWS_WHAT_IS_GONE,
    PLANTED
};

static void plant(enum planted planted, struct iso_patch *patch)
{
    for (size_t i = 0; i < patch->step_count; i++) {
        bool loses = planted == LOSES_A_STEP && i > 3;
        bool forgets = planted == FORGETS_ITS_INCREMENTS && i > 0 &&
                       patch->steps[i - 1].operation == ISO_STEP_UNSET &&
                       patch->steps[i].operation == ISO_STEP_INCREMENT;
        bool shows = planted == SHOWS_WHAT_IS_GONE &&
                     patch->steps[i].operation == ISO_STEP_REMOVE;
        if (!loses && !forgets && !shows)
            continue;
        patch->step_count--;
        memmove(&patch->steps[i], &patch->steps[i + 1],
                (patch->step_count - i) * sizeof patch->steps[0]);
        return;
    }
}

struct session {
    struct iso_chance chance;
    struct iso_buf record;
    struct model is, want;
    struct iso_seen seen;
    struct iso_patch patch;
};

static void session_begin(struct session *session)
{
    record_draw(&session->chance, &session->record);
    model_of(&session->is, iso_buf_bytes(&session->record));
    seen_of(&session->chance, &session->is, &session->seen);
    travel(&session->seen);
}

static void session_put(struct session *session)
{
    ck_assert_int_eq(iso_seen_put(&session->seen, kit.fields,
                                  iso_buf_bytes(&session->record), &session->patch,
                                  &why),
                     ISO_OK);
}

/* One PUT; false: the store then has another record, or the session would write again.
 */
static bool session_step(struct session *session, enum planted planted, uint64_t hlc)
{
    struct iso_patch *patch = &session->patch;
    record_draw(&session->chance, &session->record);
    model_of(&session->want, iso_buf_bytes(&session->record));
    session_put(session);
    ck_assert_msg(iso_patch_check(patch, kit.fields, &why) == ISO_OK, "%s", why.text);
    ck_assert(patch->put && patch->mark.count == 1);
    steps_name(&session->seen, patch);
    plant(planted, patch);
    for (size_t i = 0; i < patch->step_count; i++)
        model_step(&session->is, &patch->steps[i]);
    iso_seen_advance(&session->seen, kit.fields, patch,
                     (struct iso_version){hlc, iso_node(1, 1)});
    travel(&session->seen);
    ck_assert_uint_eq(session->seen.hlc, hlc);
    session_put(session);
    return model_is(&session->is, &session->want) && patch->step_count == 0;
}

/* Sessions of ten PUTs each, until the first difference. */
static int rounds_alike(enum planted planted)
{
    struct session session = {0};
    int round = 0;
    iso_chance_seeded_init(&session.chance, SEED);
    for (bool same = true; same && round < ROUNDS; round += same) {
        if (round % 10 == 0)
            session_begin(&session);
        same = session_step(&session, planted, 1000 + (uint64_t)round);
    }
    model_clear(&session.is);
    model_clear(&session.want);
    iso_buf_release(&session.record);
    iso_seen_release(&session.seen);
    iso_patch_release(&session.patch);
    return round;
}

START_TEST(a_put_is_the_patch_between_what_was_read_and_what_is_written)
{
    int round = rounds_alike(NONE);
    ck_assert_msg(round == ROUNDS, "seed %d: round %d", SEED, round);
}
END_TEST

START_TEST(the_model_sees_a_patch_that_is_wrong)
{
    for (int planted = NONE + 1; planted < PLANTED; planted++)
        ck_assert_msg(rounds_alike((enum planted)planted) < ROUNDS,
                      "mistake %d goes unseen", planted);
}
END_TEST

/* ---- damage ---- */

static void try_bad(struct iso_bytes bad, void *arg)
{
    struct iso_seen *seen = arg;
    struct iso_patch patch = {0};
    if (iso_seen_decode(bad, seen, &why) == ISO_OK)
        travel(seen);
    else
        ck_assert(seen->count == 0 && why.err == ISO_BAD_DATA);
    iso_seen_delete(seen, &patch, NULL); /* believed, but never a crash */
    iso_patch_release(&patch);
}

START_TEST(a_damaged_context_is_none_or_another)
{
    struct iso_chance chance;
    struct iso_buf record = {0}, bytes = {0};
    struct model model = {0};
    struct iso_seen seen = {0};
    iso_chance_seeded_init(&chance, SEED);
    for (int round = 0; round < 5; round++) {
        record_draw(&chance, &record);
        model_of(&model, iso_buf_bytes(&record));
        seen_of(&chance, &model, &seen);
        iso_buf_clear(&bytes);
        iso_seen_encode(&seen, &bytes);
        mutate_truncations(iso_buf_bytes(&bytes), try_bad, &seen);
        mutate_flips(iso_buf_bytes(&bytes), try_bad, &seen);
        mutate_random(iso_buf_bytes(&bytes), SEED, 2000, try_bad, &seen);
    }
    ck_assert_int_eq(iso_seen_decode(iso_bytes("\1", 1), &seen, &why), ISO_BAD_DATA);
    model_clear(&model);
    iso_seen_release(&seen);
    iso_buf_release(&record);
    iso_buf_release(&bytes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("seen");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_put_is_the_patch_between_what_was_read_and_what_is_written);
    tcase_add_test(tests, the_model_sees_a_patch_that_is_wrong);
    tcase_add_test(tests, a_damaged_context_is_none_or_another);
    Suite *suite = suite_create("seen");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
