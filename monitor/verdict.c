/* The verdict: do all regions hold the same, up to the ends as they were fed?
 *
 * Slice by slice, the reports are laid beside each other. Two whose vectors are equal
 * have applied the same writes, so their digests must be equal, whatever is in flight
 * elsewhere: if they are not, the slice has diverged, and nothing makes up for it. A
 * slice is equal when besides every region has reported, stands at or behind every end,
 * runs, and all vectors are equal. Everything else is pending, with the reason.
 *
 * `converged` is a claim, so each condition alone denies it. What is missing (a report,
 * an end) makes the verdict unknown, never good.
 */
#include <stdarg.h>
#include <stdio.h>

#include "monitor/table.h"

const char *iso_verdict_state_name(enum iso_verdict_state state)
{
    switch (state) {
    case ISO_VERDICT_UNKNOWN:
        return "unknown";
    case ISO_VERDICT_PENDING:
        return "pending";
    case ISO_VERDICT_CONSISTENT:
        return "consistent";
    case ISO_VERDICT_CONVERGED:
        return "converged";
    case ISO_VERDICT_DIVERGED:
        return "diverged";
    }
    return "unknown";
}

/* Why a slice is not equal; of all slices the gravest is said, the first of its kind.
 */
enum grievance {
    GRIEVANCE_NONE,
    GRIEVANCE_UNLIKE, /* all there, but not at one vector */
    GRIEVANCE_BEHIND,
    GRIEVANCE_HALTED,
    GRIEVANCE_BLIND,
    GRIEVANCE_DIVERGED,
};

struct judge {
    const struct table_collection *collection;
    int64_t now_ms;
    struct iso_verdict *verdict;
    enum grievance said;  /* by verdict->why */
    enum grievance slice; /* the gravest of the slice at hand */
    bool blind;           /* something is missing in some slice */
    size_t compared;      /* pairs of reports at one vector */
    uint32_t partition;
};

__attribute__((format(printf, 3, 4))) static void
judge_say(struct judge *judge, enum grievance grievance, const char *format, ...)
{
    if (judge->slice < grievance)
        judge->slice = grievance;
    if (judge->said >= grievance)
        return;
    judge->said = grievance;
    char *why = judge->verdict->why;
    size_t room = sizeof judge->verdict->why;
    int begun = snprintf(why, room, "partition %u: ", (unsigned)judge->partition);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why + begun, room - (size_t)begun, format, arguments);
    va_end(arguments);
}

static const struct iso_definition_region *region_at(const struct judge *judge,
                                                     size_t index)
{
    return &judge->collection->definition->regions[index];
}

static const struct table_report *report_at(const struct judge *judge, size_t index)
{
    return iso_table_report(judge->collection, region_at(judge, index)->number,
                            judge->partition);
}

/* ---- is it there? ---- */

static void judge_ends(struct judge *judge)
{
    for (size_t i = 0; i < judge->collection->log_count; i++) {
        const struct iso_definition_log *log = &judge->collection->definition->logs[i];
        int64_t asked_ms;
        int64_t end = iso_table_end(judge->collection, i, judge->partition, &asked_ms);
        if (end < 0)
            judge_say(judge, GRIEVANCE_BLIND,
                      "the end of log %u (%.64s on cluster %.32s) is not known",
                      (unsigned)log->number, log->topic, log->cluster);
        else if (asked_ms < judge->verdict->at_ms)
            judge->verdict->at_ms = asked_ms;
    }
}

static void judge_reach(struct judge *judge, const struct iso_definition_region *region,
                        const struct table_report *report)
{
    for (size_t i = 0; i < judge->collection->log_count; i++) {
        uint16_t log = judge->collection->logs[i].number;
        int64_t end = iso_table_end(judge->collection, i, judge->partition, NULL);
        int64_t frontier = iso_table_frontier(report, log);
        if (frontier < end)
            judge_say(judge, GRIEVANCE_BEHIND,
                      "%s has still to apply %lld records of log %u", region->name,
                      (long long)(end - frontier), (unsigned)log);
    }
}

static void judge_region(struct judge *judge, size_t index)
{
    const struct iso_definition_region *region = region_at(judge, index);
    const struct table_report *report = report_at(judge, index);
    if (report == NULL) {
        judge_say(judge, GRIEVANCE_BLIND,
                  "nothing was heard of %s: has its isostasyd been started?",
                  region->name);
        return;
    }
    int64_t age_ms = iso_table_age_ms(judge->now_ms, report->heard_ms);
    if (judge->verdict->oldest_ms < age_ms)
        judge->verdict->oldest_ms = age_ms;
    if (report->state == ISO_SLICE_PARKED || report->state == ISO_SLICE_STOPPED)
        judge_say(judge, GRIEVANCE_HALTED, "%s has %s it: %s", region->name,
                  iso_slice_state_name(report->state),
                  report->why == NULL ? "it does not say why" : report->why);
    judge_reach(judge, region, report);
}

/* ---- is it the same? ---- */

/* Mortal parts go when they are swept: comparable only where all of both slices was
 * swept up to one H. */
static bool mortal_comparable(const struct table_report *a,
                              const struct table_report *b)
{
    return a->swept_min_ms == a->swept_max_ms && b->swept_min_ms == b->swept_max_ms &&
           a->swept_min_ms == b->swept_min_ms;
}

/* What differs at equal vectors; NULL: nothing. */
static const char *difference(const struct table_report *a,
                              const struct table_report *b)
{
    if (!iso_digest_equal(a->tally.live, b->tally.live))
        return "live values";
    if (mortal_comparable(a, b) && !iso_digest_equal(a->tally.mortal, b->tally.mortal))
        return "tombstones or expiring values";
    if (!iso_digest_equal(a->ledger, b->ledger) || a->ledger_rows != b->ledger_rows)
        return "conflict ledgers";
    return NULL;
}

static void judge_pair(struct judge *judge, size_t first, size_t second)
{
    const struct table_report *a = report_at(judge, first);
    const struct table_report *b = report_at(judge, second);
    if (a == NULL || b == NULL)
        return;
    const char *one = region_at(judge, first)->name;
    const char *other = region_at(judge, second)->name;
    if (!iso_vector_equal(&a->vector, &b->vector)) {
        judge_say(judge, GRIEVANCE_UNLIKE,
                  "%s and %s are past the ends, but not at one point: writes go on",
                  one, other);
        return;
    }
    judge->compared++;
    const char *what = difference(a, b);
    if (what != NULL)
        judge_say(judge, GRIEVANCE_DIVERGED,
                  "%s and %s have applied the same writes and hold different %s: one "
                  "of them is damaged",
                  one, other, what);
}

static void judge_slice(struct judge *judge, uint32_t partition)
{
    size_t count = judge->collection->definition->region_count;
    judge->partition = partition;
    judge->slice = GRIEVANCE_NONE;
    judge_ends(judge);
    for (size_t i = 0; i < count; i++)
        judge_region(judge, i);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++)
            judge_pair(judge, i, k);
    }
    judge->verdict->slices++;
    if (judge->slice == GRIEVANCE_NONE)
        judge->verdict->equal++;
    else if (judge->slice == GRIEVANCE_DIVERGED)
        judge->verdict->diverged++;
    else
        judge->verdict->pending++;
    judge->blind = judge->blind || judge->slice == GRIEVANCE_BLIND;
}

static enum iso_verdict_state judge_state(const struct judge *judge)
{
    const struct iso_verdict *verdict = judge->verdict;
    if (verdict->diverged > 0)
        return ISO_VERDICT_DIVERGED;
    if (judge->blind)
        return ISO_VERDICT_UNKNOWN;
    if (verdict->equal == verdict->slices)
        return ISO_VERDICT_CONVERGED;
    return judge->compared > 0 ? ISO_VERDICT_CONSISTENT : ISO_VERDICT_PENDING;
}

/* What each region holds: asked of one, since all are equal. */
static void judge_sum(struct judge *judge)
{
    for (uint32_t p = 0; p < judge->collection->partitions; p++) {
        judge->partition = p;
        const struct table_report *report = report_at(judge, 0);
        judge->verdict->values += (uint64_t)report->tally.values;
        judge->verdict->ledger_rows += report->ledger_rows;
        iso_digest_add(&judge->verdict->live, report->tally.live);
        iso_digest_add(&judge->verdict->ledger, report->ledger);
    }
}

void iso_lag_verdict(struct iso_lag *lag, const char *collection, int64_t now_ms,
                     struct iso_verdict *verdict)
{
    *verdict = (struct iso_verdict){.state = ISO_VERDICT_UNKNOWN, .at_ms = now_ms};
    struct judge judge = {.collection = iso_table_collection(lag, collection),
                          .now_ms = now_ms,
                          .verdict = verdict};
    if (judge.collection == NULL) {
        snprintf(verdict->why, sizeof verdict->why, "there is no collection %s",
                 collection);
        return;
    }
    for (uint32_t p = 0; p < judge.collection->partitions; p++)
        judge_slice(&judge, p);
    verdict->state = judge_state(&judge);
    if (verdict->state == ISO_VERDICT_CONVERGED)
        judge_sum(&judge);
}

/* ---- caught up ---- */

/* Records that wait for one region, in all slices and logs. */
static uint64_t region_waiting(const struct table_collection *collection,
                               unsigned region)
{
    uint64_t waiting = 0;
    size_t places = collection->log_count * collection->partitions;
    for (size_t i = 0; i < places; i++) {
        size_t index = i / collection->partitions;
        uint32_t partition = (uint32_t)(i % collection->partitions);
        const struct table_report *report =
            iso_table_report(collection, region, partition);
        int64_t end = iso_table_end(collection, index, partition, NULL);
        if (report == NULL || end < 0)
            return ISO_UNKNOWN_COUNT;
        int64_t frontier = iso_table_frontier(report, collection->logs[index].number);
        if (frontier < end)
            waiting += (uint64_t)(end - frontier);
    }
    return waiting;
}

bool iso_lag_caught_up(struct iso_lag *lag, const char *collection, uint64_t *waiting)
{
    const struct table_collection *at = iso_table_collection(lag, collection);
    *waiting = at == NULL ? ISO_UNKNOWN_COUNT : 0;
    for (size_t i = 0; at != NULL && i < at->definition->region_count; i++) {
        uint64_t of_region = region_waiting(at, at->definition->regions[i].number);
        if (*waiting < of_region)
            *waiting = of_region;
    }
    return *waiting == 0;
}
