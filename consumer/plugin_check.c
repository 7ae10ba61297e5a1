/* Cases are tried a batch at a time: each is asked once, again in the opposite order,
 * and once more in a fresh process in an order that was drawn. What a plug-in keeps
 * between questions, where its memory stands and who was asked before then show as
 * another answer. Seeds are drawn from a few, mostly, so that equal values are common;
 * versions too, so that only the node tells two apart.
 *
 * How it can fail: a case fails, then it is shrunk (plugin_shrink.c); when it does not
 * fail alone, what went before it mattered, and the sentence says so. */
#include "consumer/plugin_state.h"

#include <inttypes.h>

#include "base/mem.h"

enum { BATCH = 128, SEEDS_FEW = 16 };

struct check {
    struct iso_plugin_child *child;
    struct iso_plugin_report *report;
    struct iso_chance chance;
    struct iso_plugin_case cases[BATCH];
    struct iso_plugin_run first[BATCH], later;
    size_t count; /* of this batch */
    size_t order[BATCH];
};

static uint64_t draw_below(struct check *check, uint64_t bound)
{
    return iso_chance_draw(&check->chance) % bound;
}

/* ---- drawing ---- */

static uint64_t seed_draw(struct check *check)
{
    return draw_below(check, 4) == 0 ? iso_chance_draw(&check->chance)
                                     : draw_below(check, SEEDS_FEW);
}

static void case_draw(struct check *check, struct iso_plugin_case *drawn)
{
    bool alike = draw_below(check, 6) == 0; /* one value many times */
    uint64_t seed = seed_draw(check), hlc = 1, node = 0;
    drawn->count = 1 + draw_below(check, ISO_PLUGIN_SIBLINGS_MAX);
    for (size_t n = 0; n < drawn->count; n++) {
        uint64_t later = draw_below(check, 3);
        hlc += later;
        node = (later > 0 ? 0 : node) + 1 + draw_below(check, 3);
        drawn->siblings[n].seed = alike ? seed : seed_draw(check);
        drawn->siblings[n].version = (struct iso_version){hlc, node};
    }
}

static void order_draw(struct check *check)
{
    for (size_t n = 0; n < check->count; n++) {
        size_t other = draw_below(check, n + 1);
        check->order[n] = check->order[other];
        check->order[other] = n;
    }
}

/* ---- asking ---- */

/* Case `at` once more, compared with the first time. */
static enum iso_err case_again(struct check *check, size_t at, const char *when,
                               struct iso_why *why)
{
    enum iso_err err =
        iso_plugin_run(check->child, &check->cases[at], &check->later, why);
    check->report->answers++;
    return err != ISO_OK
               ? err
               : iso_plugin_runs_compare(&check->first[at], &check->later, when, why);
}

/* *at says which case failed. */
static enum iso_err batch_ask(struct check *check, size_t *at, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (size_t n = 0; err == ISO_OK && n < check->count; n++) {
        *at = n;
        err = iso_plugin_run(check->child, &check->cases[n], &check->first[n], why);
        check->report->answers++;
    }
    for (size_t n = check->count; err == ISO_OK && n-- > 0;) {
        *at = n;
        err = case_again(check, n, "after other questions", why);
    }
    if (err != ISO_OK)
        return err;
    iso_plugin_child_stop(check->child);
    order_draw(check);
    for (size_t n = 0; err == ISO_OK && n < check->count; n++) {
        *at = check->order[n];
        err = case_again(check, *at, "in another process", why);
    }
    return err;
}

/* ---- telling ---- */

static void siblings_tell(const struct iso_plugin_report *report, struct iso_buf *text)
{
    for (size_t n = 0; n < report->count; n++)
        iso_buf_print(text, "%s%" PRIu64, n == 0 ? "" : ", ", report->siblings[n].seed);
}

/* Case `at` failed as `why` says. */
static enum iso_err failure_tell(struct check *check, size_t at, struct iso_why *why)
{
    struct iso_plugin_report *report = check->report;
    struct iso_why found = *why;
    struct iso_buf seeds = {0};
    bool alone =
        iso_plugin_shrink(check->child, &check->cases[at], report, why) != ISO_OK;
    if (!alone) {
        *why = found;
        report->count = check->cases[at].count;
        report->given = 0;
        for (size_t n = 0; n < report->count; n++) {
            report->siblings[n].seed = check->cases[at].siblings[n].seed;
            report->siblings[n].version = check->cases[at].siblings[n].version;
        }
    }
    siblings_tell(report, &seeds);
    found = *why;
    iso_fail(why, ISO_REFUSED,
             "it breaks the rules of plug-ins: %.300s; with %zu sibling%s, of seed%s "
             "%s%s",
             found.text, report->count, report->count == 1 ? "" : "s",
             report->count == 1 ? "" : "s", iso_buf_text(&seeds),
             alone ? "" : " (not when asked alone: what it was asked before matters)");
    iso_buf_release(&seeds);
    return ISO_REFUSED;
}

static void check_free(struct check *check)
{
    for (size_t n = 0; n < BATCH; n++)
        iso_plugin_run_release(&check->first[n]);
    iso_plugin_run_release(&check->later);
    iso_free(check);
}

enum iso_err iso_plugin_check(struct iso_plugin_child *child, uint64_t cases,
                              uint64_t seed, struct iso_plugin_report *report,
                              struct iso_why *why)
{
    struct check *check = iso_alloc_zero(1, sizeof *check);
    struct iso_why own = {0};
    struct iso_why *said = why != NULL ? why : &own;
    enum iso_err err = ISO_OK;
    check->child = child;
    check->report = report;
    iso_chance_seeded_init(&check->chance, seed);
    while (err == ISO_OK && report->cases < cases) {
        size_t at = 0;
        uint64_t left = cases - report->cases;
        check->count = left < BATCH ? (size_t)left : BATCH;
        for (size_t n = 0; n < check->count; n++)
            case_draw(check, &check->cases[n]);
        err = batch_ask(check, &at, said);
        report->cases += err == ISO_OK ? check->count : at;
        if (iso_plugin_failed(err))
            err = failure_tell(check, at, said);
    }
    check_free(check);
    return err;
}
