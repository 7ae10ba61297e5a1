/* The duplicate filter against a dumb one: a table of all seqs, with what each one's
 * hlc was, and a rule of one line for every promise. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "consumer/filter.h"
#include "schema/version.h"

enum { SEQS = 400, BOUND_STEPS = 100000 };

/* ---- the dumb filter ---- */

struct dumb {
    bool inside[SEQS + 2];
    uint64_t hlc[SEQS + 2]; /* 0: inside by a closed gap */
};

static size_t dumb_runs(const struct dumb *dumb)
{
    size_t runs = 0;
    for (size_t s = 1; s <= SEQS; s++)
        runs += dumb->inside[s] && !dumb->inside[s - 1];
    return runs;
}

static uint64_t dumb_newest(const struct dumb *dumb)
{
    uint64_t newest = 0;
    for (size_t s = 1; s <= SEQS; s++)
        if (dumb->hlc[s] > newest)
            newest = dumb->hlc[s];
    return newest;
}

static void dumb_close_lowest(struct dumb *dumb)
{
    size_t s = 1;
    while (!dumb->inside[s])
        s++;
    while (dumb->inside[s])
        s++;
    for (; !dumb->inside[s]; s++)
        dumb->inside[s] = true;
}

static enum iso_filter_answer dumb_take(struct dumb *dumb, uint64_t seq, uint64_t hlc,
                                        int64_t bound_ms, uint64_t *gaps)
{
    if (dumb_runs(dumb) > 0 && iso_hlc_ms(dumb_newest(dumb)) < bound_ms) {
        *gaps += dumb_runs(dumb) - 1;
        memset(dumb, 0, sizeof *dumb);
    }
    if (dumb->inside[seq])
        return ISO_FILTER_DUPLICATE;
    for (size_t s = 1; s <= SEQS; s++)
        if (dumb->hlc[s] != 0 && (s < seq ? dumb->hlc[s] >= hlc : dumb->hlc[s] <= hlc))
            return ISO_FILTER_DISORDER;
    dumb->inside[seq] = true;
    dumb->hlc[seq] = hlc;
    if (dumb_runs(dumb) > ISO_FILTER_INTERVALS) {
        dumb_close_lowest(dumb);
        *gaps += 1;
    }
    return ISO_FILTER_NEW;
}

/* ---- the two side by side ---- */

struct subject {
    enum iso_filter_answer (*take)(struct iso_filter *filter, uint64_t seq,
                                   uint64_t hlc, int64_t bound_ms, uint64_t *gaps);
};

/* A plausible record: mostly the next seq, its hlc near the line that seq and hlc make.
 */
static void draw(struct iso_chance *chance, uint64_t *last, uint64_t *seq,
                 uint64_t *hlc, int64_t *bound_ms)
{
    uint64_t r = iso_chance_draw(chance);
    *last += r % 4 == 0 ? 1 + r / 8 % 3 : 0;
    if (*last > SEQS - 20)
        *last = 1;
    *seq = r % 3 != 0 ? *last + 1 + r / 16 % 16 : 1 + r / 16 % (*last + 10);
    *hlc = iso_hlc_of_ms((int64_t)*seq * 2) + r / 1024 % 3;
    if (r / 4096 % 16 == 0)
        *hlc = iso_hlc_of_ms((int64_t)(2 * *seq + r / 65536 % 40));
    if (r / 4096 % 64 == 1)
        *bound_ms = (int64_t)(2 * *last + r / (UINT64_C(1) << 32) % 90);
}

/* How many of `steps` random steps the two agree on; `steps` when on all. */
static int agree(struct subject subject, uint64_t seed, int steps)
{
    struct iso_chance chance;
    struct iso_filter filter = {0}, again;
    struct dumb dumb = {0};
    struct iso_buf row = {0};
    struct iso_why why;
    uint64_t last = 1, seq, hlc, gaps = 0, dumb_gaps = 0;
    int64_t bound_ms = 0;
    int step = 0;
    iso_chance_seeded_init(&chance, seed);
    for (; step < steps; step++) {
        draw(&chance, &last, &seq, &hlc, &bound_ms);
        enum iso_filter_answer answer =
            subject.take(&filter, seq, hlc, bound_ms, &gaps);
        if (answer != dumb_take(&dumb, seq, hlc, bound_ms, &dumb_gaps) ||
            gaps != dumb_gaps || filter.count != dumb_runs(&dumb) ||
            iso_filter_newest(&filter) != dumb_newest(&dumb))
            break;
        iso_filter_encode(&filter, &row);
        ck_assert_int_eq(iso_filter_decode(iso_buf_bytes(&row), &again, &why), ISO_OK);
        ck_assert_uint_eq(again.count, filter.count);
        ck_assert_mem_eq(again.intervals, filter.intervals,
                         filter.count * sizeof filter.intervals[0]);
    }
    iso_buf_release(&row);
    return step;
}

START_TEST(it_answers_as_a_table_of_all_seqs_would)
{
    int step = agree((struct subject){iso_filter_take}, 20261, BOUND_STEPS);
    ck_assert_msg(step == BOUND_STEPS, "seed 20261: they differ at step %d", step);
}
END_TEST

/* ---- mistakes that the comparison must see ---- */

static enum iso_filter_answer last_only(struct iso_filter *filter, uint64_t seq,
                                        uint64_t hlc, int64_t bound_ms, uint64_t *gaps)
{
    if (filter->count > 0 && seq <= filter->intervals[filter->count - 1].last)
        return ISO_FILTER_DUPLICATE;
    return iso_filter_take(filter, seq, hlc, bound_ms, gaps);
}

static enum iso_filter_answer early(struct iso_filter *filter, uint64_t seq,
                                    uint64_t hlc, int64_t bound_ms, uint64_t *gaps)
{
    return iso_filter_take(filter, seq, hlc, bound_ms + 1, gaps);
}

static enum iso_filter_answer any_order(struct iso_filter *filter, uint64_t seq,
                                        uint64_t hlc, int64_t bound_ms, uint64_t *gaps)
{
    enum iso_filter_answer answer = iso_filter_take(filter, seq, hlc, bound_ms, gaps);
    return answer == ISO_FILTER_DISORDER ? ISO_FILTER_NEW : answer;
}

static enum iso_filter_answer uncounted(struct iso_filter *filter, uint64_t seq,
                                        uint64_t hlc, int64_t bound_ms, uint64_t *gaps)
{
    uint64_t nobody = 0;
    (void)gaps;
    return iso_filter_take(filter, seq, hlc, bound_ms, &nobody);
}

START_TEST(planted_mistakes_are_seen)
{
    const struct subject mistakes[] = {{last_only}, {early}, {any_order}, {uncounted}};
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        ck_assert_msg(agree(mistakes[i], 20261, BOUND_STEPS) < BOUND_STEPS,
                      "mistake %zu was not seen", i);
}
END_TEST

START_TEST(a_seventeenth_interval_closes_the_lowest_gap_and_it_is_counted)
{
    struct iso_filter filter = {0};
    uint64_t gaps = 0;
    for (uint64_t i = 0; i < ISO_FILTER_INTERVALS; i++)
        ck_assert_int_eq(iso_filter_take(&filter, 10 + 2 * i, 100 + i, 0, &gaps),
                         ISO_FILTER_NEW);
    ck_assert_uint_eq(filter.count, ISO_FILTER_INTERVALS);
    ck_assert_uint_eq(gaps, 0);
    ck_assert_int_eq(iso_filter_take(&filter, 60, 200, 0, &gaps), ISO_FILTER_NEW);
    ck_assert_uint_eq(filter.count, ISO_FILTER_INTERVALS);
    ck_assert_uint_eq(gaps, 1);
    ck_assert_int_eq(iso_filter_take(&filter, 11, 101, 0, &gaps), ISO_FILTER_DUPLICATE);
    ck_assert_int_eq(iso_filter_take(&filter, 9, 99, 0, &gaps), ISO_FILTER_NEW);
}
END_TEST

START_TEST(a_changed_row_is_damage)
{
    struct iso_filter filter = {0}, back;
    struct iso_buf row = {0};
    struct iso_why why;
    uint64_t gaps = 0;
    iso_filter_take(&filter, 1, 5, 0, &gaps);
    iso_filter_take(&filter, 3, 7, 0, &gaps);
    iso_filter_encode(&filter, &row);
    for (size_t bit = 0; bit < row.size * 8; bit++) {
        row.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_int_eq(iso_filter_decode(iso_buf_bytes(&row), &back, &why),
                         ISO_DAMAGED);
        row.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < row.size; size++)
        ck_assert_int_eq(iso_filter_decode(iso_bytes(row.data, size), &back, &why),
                         ISO_DAMAGED);
    iso_buf_release(&row);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("filter");
    TCase *tests = tcase_create("filter");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, it_answers_as_a_table_of_all_seqs_would);
    tcase_add_test(tests, planted_mistakes_are_seen);
    tcase_add_test(tests,
                   a_seventeenth_interval_closes_the_lowest_gap_and_it_is_counted);
    tcase_add_test(tests, a_changed_row_is_damage);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
