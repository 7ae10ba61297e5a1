/* Admission, the duplicate filter, T and the bound against a dumb model: every seq that
 * was admitted stands in a list, and each rule of DESIGN.md, sections 4 and 5, is a
 * line. */
#include "apply_world.h"

#include "consumer/filter.h"

enum { SEEDS = 10 };

struct seen {
    uint64_t node, seq, hlc;
    bool forgotten, closed; /* the latter: it never came, its gap was closed */
};

struct model {
    bool begun, never_forgets, believes_broker; /* the latter two: planted mistakes */
    int64_t t_ms, bound_ms;
    uint64_t top;
    struct seen seen[4 * RECORDS];
    size_t count;
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void model_forget(struct model *model, uint64_t node)
{
    uint64_t newest = 0;
    for (size_t i = 0; i < model->count; i++)
        if (model->seen[i].node == node && !model->seen[i].forgotten &&
            model->seen[i].hlc > newest)
            newest = model->seen[i].hlc;
    for (size_t i = 0; i < model->count; i++)
        if (model->seen[i].node == node && iso_hlc_ms(newest) < model->bound_ms)
            model->seen[i].forgotten = true;
}

static bool model_has(const struct model *model, uint64_t node, uint64_t seq)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->seen[i].node == node && model->seen[i].seq == seq &&
            !model->seen[i].forgotten)
            return true;
    return false;
}

/* More than 16 intervals: what is missing between the lowest two is never known. */
static void model_close_gap(struct model *model, uint64_t node)
{
    uint64_t lowest = UINT64_MAX;
    size_t intervals = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct seen *one = &model->seen[i];
        if (one->node != node || one->forgotten)
            continue;
        intervals += !model_has(model, node, one->seq - 1);
        lowest = one->seq < lowest ? one->seq : lowest;
    }
    if (intervals <= ISO_FILTER_INTERVALS)
        return;
    while (model_has(model, node, lowest))
        lowest++;
    for (; !model_has(model, node, lowest); lowest++)
        model->seen[model->count++] = (struct seen){node, lowest, 0, false, true};
}

static enum iso_outcome model_filter(struct model *model, const struct iso_write *write)
{
    enum iso_outcome outcome = ISO_APPLIED;
    uint64_t hlc = write->version.hlc;
    if (!model->never_forgets)
        model_forget(model, write->version.node);
    for (size_t i = 0; i < model->count; i++) {
        const struct seen *old = &model->seen[i];
        if (old->node != write->version.node || old->forgotten)
            continue;
        if (old->seq == write->seq)
            return ISO_DUPLICATE;
        bool orderly = (old->seq < write->seq) == (old->hlc < hlc) && old->hlc != hlc;
        if (!old->closed && !orderly)
            outcome = ISO_SET_ASIDE;
    }
    if (outcome != ISO_APPLIED)
        return outcome;
    model->seen[model->count++] =
        (struct seen){write->version.node, write->seq, hlc, false, false};
    model_close_gap(model, write->version.node);
    return outcome;
}

static void model_time(struct model *model, uint64_t hlc, int64_t append_ms,
                       bool header)
{
    if (hlc > model->top)
        model->top = hlc;
    if (header)
        model->t_ms = larger(model->t_ms, model->believes_broker
                                              ? append_ms
                                              : smaller(append_ms, iso_hlc_ms(hlc)));
    model->bound_ms = larger(model->bound_ms, model->t_ms - BEFORE_MAX_MS);
}

static enum iso_outcome model_step(struct model *model, const struct made *made)
{
    const struct iso_record *record = &made->record;
    int64_t append_ms = record->append_ms;
    uint64_t hlc = made->write.version.hlc;
    bool header = record->header_count > 0;
    if (!model->begun) { /* its first DEFINE, appended when it says */
        model->begun = true;
        model->t_ms = model->bound_ms = NOW_MS;
        model->top = BIRTH;
        model->seen[model->count++] =
            (struct seen){made->write.version.node, 1, BIRTH, false, false};
        return ISO_APPLIED;
    }
    if (!header && !record->has_key)
        return ISO_SET_ASIDE;
    if (!header) {
        uint64_t most = iso_hlc_of_ms(model->t_ms + AFTER_MAX_MS);
        hlc = model->top + 1 > iso_hlc_of_ms(append_ms) ? model->top + 1
                                                        : iso_hlc_of_ms(append_ms);
        model_time(model, hlc < most ? hlc : most, append_ms, false);
        return ISO_APPLIED;
    }
    if (made->broken || iso_hlc_ms(hlc) < model->bound_ms || hlc < BIRTH ||
        iso_hlc_ms(hlc) > append_ms + AFTER_MAX_MS)
        return ISO_SET_ASIDE;
    enum iso_outcome outcome = model_filter(model, &made->write);
    if (outcome == ISO_APPLIED)
        model_time(model, hlc, append_ms, true);
    return outcome;
}

/* ---- the two side by side ---- */

static struct world world;
static struct model model;

/* The first record on which they differ; RECORDS when none. */
static size_t agree(uint64_t seed, size_t log, struct model planted, size_t outcomes[4])
{
    struct slice_ground ground;
    size_t n = 0;
    model = planted;
    world_init(&world, seed);
    ground_init(&ground, AP, two_logs());
    for (; n < RECORDS; n++) {
        const struct made *made = &world.records[log][n];
        enum iso_outcome expected = model_step(&model, made);
        ground_begin(&ground);
        ck_ok(iso_apply_record(
            ground.apply, ground.txn,
            &(struct iso_apply_input){log_numbers[log], &made->record, false},
            &ground.outcome, &ground.why));
        const struct iso_slice_log *is = ground_log(&ground, log_numbers[log]);
        outcomes[ground.outcome]++;
        if (ground.outcome != expected || is->t_ms != model.t_ms ||
            is->bound_ms != model.bound_ms || is->top != model.top)
            break;
        if (n % 97 == 96)
            ground_commit(&ground);
    }
    ground_release(&ground);
    world_release(&world);
    return n;
}

START_TEST(every_verdict_time_and_bound_is_the_models)
{
    size_t outcomes[4] = {0};
    for (size_t log = 0; log < LOGS; log++) {
        size_t n = agree((uint64_t)_i, log, (struct model){0}, outcomes);
        ck_assert_msg(n == RECORDS, "seed %d, log %zu: they differ at record %zu", _i,
                      log, n);
    }
    ck_assert_uint_gt(outcomes[ISO_APPLIED], RECORDS);
    ck_assert_uint_gt(outcomes[ISO_DUPLICATE], RECORDS / 50);
    ck_assert_uint_gt(outcomes[ISO_SET_ASIDE], RECORDS / 50);
}
END_TEST

START_TEST(mistakes_in_the_model_are_seen)
{
    size_t outcomes[4] = {0}, never = RECORDS, broker = RECORDS;
    for (uint64_t seed = 0; seed < SEEDS && never == RECORDS; seed++)
        never = agree(seed, 0, (struct model){.never_forgets = true}, outcomes);
    for (uint64_t seed = 0; seed < SEEDS && broker == RECORDS; seed++)
        broker = agree(seed, 0, (struct model){.believes_broker = true}, outcomes);
    ck_assert_uint_lt(never, RECORDS);
    ck_assert_uint_lt(broker, RECORDS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply_model");
    TCase *tests = tcase_create("apply_model");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, every_verdict_time_and_bound_is_the_models, 0, SEEDS);
    tcase_add_test(tests, mistakes_in_the_model_are_seen);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
