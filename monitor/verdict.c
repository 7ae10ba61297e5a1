/* The verdict: do all regions hold the same, up to the ends as they were fed?
 *
 * Slice by slice, the reports are laid beside each other. Two whose vectors are equal
 * have applied the same writes, so their digests must be equal, whatever is in flight
 * elsewhere: if they are not, the slice has diverged, and nothing makes up for it. A
 * slice is equal when besides every region has reported, stands at or behind every end,
 * runs, and all vectors are equal. Everything else is pending, with the reason.
 *
 * `converged` is a claim, so each condition alone denies it. What is missing (a report,
 * an end) makes the verdict unknown, never good. A slice that was found different once
 * is diverged until it is found the same (proof.c).
 */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
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
    const struct iso_lag *lag;
    int64_t now_ms, heard_from_ms;
    struct iso_verdict *verdict;
    enum grievance said;  /* by verdict->why */
    enum grievance slice; /* the gravest of the slice at hand */
    bool blind;           /* something is missing in some slice */
    size_t compared;      /* pairs of reports at one vector */
    uint32_t partition;
    int64_t *ends;      /* of the slice at hand, by log */
    struct iso_buf cut; /* of all slices, to be hashed */
    bool cut_unknown;
    struct table_report *reports[ISO_REGION_MAX]; /* of the slice at hand, as regions
                                                     are; NULL: not believed */
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

/* The reports of a slice, as far as they are believed. */
static void judge_turn(struct judge *judge, uint32_t partition)
{
    judge->partition = partition;
    judge->slice = GRIEVANCE_NONE;
    for (size_t i = 0; i < judge->collection->definition->region_count; i++) {
        struct table_report *report =
            iso_table_report(judge->collection, region_at(judge, i)->number, partition);
        bool believed = report != NULL &&
                        iso_table_heard_ms(judge->lag, report) >= judge->heard_from_ms;
        judge->reports[i] = believed ? report : NULL;
    }
}

/* ---- is it there? ---- */

/* The cut is hashed as numbers of logs, partitions and ends, big-endian, in order. */
static void judge_ends(struct judge *judge)
{
    for (size_t i = 0; i < judge->collection->log_count; i++) {
        const struct iso_definition_log *log = &judge->collection->definition->logs[i];
        int64_t asked_ms;
        int64_t end = iso_table_end(judge->collection, i, judge->partition, &asked_ms);
        judge->ends[i] = end;
        iso_buf_add_u16(&judge->cut, log->number);
        iso_buf_add_u32(&judge->cut, judge->partition);
        iso_buf_add_u64(&judge->cut, (uint64_t)end);
        if (end < 0) {
            judge->cut_unknown = true;
            judge_say(judge, GRIEVANCE_BLIND,
                      "the end of log %u (%.64s on cluster %.32s) is not known",
                      (unsigned)log->number, log->topic, log->cluster);
        } else if (asked_ms < judge->verdict->at_ms) {
            judge->verdict->at_ms = asked_ms;
        }
    }
}

static void judge_reach(struct judge *judge, const struct iso_definition_region *region,
                        const struct table_report *report)
{
    for (size_t i = 0; i < judge->collection->log_count; i++) {
        int64_t end = judge->ends[i];
        int64_t frontier = iso_table_frontier(report, i);
        if (frontier < end)
            judge_say(judge, GRIEVANCE_BEHIND,
                      "%s has still to apply %lld records of log %u", region->name,
                      (long long)(end - frontier),
                      (unsigned)judge->collection->logs[i].number);
    }
}

static void judge_unheard(struct judge *judge,
                          const struct iso_definition_region *region)
{
    if (iso_table_report(judge->collection, region->number, judge->partition) == NULL)
        judge_say(judge, GRIEVANCE_BLIND,
                  "nothing was heard of %s: has its isostasyd been started?",
                  region->name);
    else
        judge_say(judge, GRIEVANCE_BLIND,
                  "%s was not heard since the question was asked: is its isostasyd "
                  "running?",
                  region->name);
}

static void judge_region(struct judge *judge, size_t index)
{
    const struct iso_definition_region *region = region_at(judge, index);
    const struct table_report *report = judge->reports[index];
    if (report == NULL) {
        judge_unheard(judge, region);
        return;
    }
    int64_t age_ms =
        iso_table_age_ms(judge->now_ms, iso_table_heard_ms(judge->lag, report));
    if (judge->verdict->oldest_ms < age_ms)
        judge->verdict->oldest_ms = age_ms;
    if (report->state == ISO_SLICE_PARKED || report->state == ISO_SLICE_STOPPED)
        judge_say(judge, GRIEVANCE_HALTED, "%s has %s it: %s", region->name,
                  iso_slice_state_name(report->state),
                  report->why == NULL ? "it does not say why" : report->why);
    judge_reach(judge, region, report);
}

/* ---- is it the same? ---- */

static void judge_pair(struct judge *judge, size_t first, size_t second)
{
    const struct table_report *a = judge->reports[first];
    const struct table_report *b = judge->reports[second];
    const struct iso_definition_region *one = region_at(judge, first);
    const struct iso_definition_region *other = region_at(judge, second);
    bool comparable = iso_digest_equal(a->proof.vector, b->proof.vector);
    judge->compared += comparable;
    if (iso_table_apart(a, one->number, b, other->number)) {
        const char *what = iso_table_difference(&a->proof, &b->proof);
        judge->verdict->diverged_regions |=
            UINT64_C(1) << (one->number - 1) | UINT64_C(1) << (other->number - 1);
        judge_say(judge, GRIEVANCE_DIVERGED,
                  "%s and %s have applied the same writes and %s different %s: one of "
                  "them is damaged",
                  one->name, other->name, what != NULL ? "hold" : "held",
                  what != NULL ? what : "data when they last were at one point");
    } else if (!comparable && judge->slice < GRIEVANCE_UNLIKE) {
        judge_say(judge, GRIEVANCE_UNLIKE,
                  "%s and %s are past the ends, but not at one point: writes go on",
                  one->name, other->name);
    }
}

static void judge_slice(struct judge *judge, uint32_t partition)
{
    size_t count = judge->collection->definition->region_count;
    judge_turn(judge, partition);
    iso_table_compare(judge->collection, partition);
    judge_ends(judge);
    for (size_t i = 0; i < count; i++)
        judge_region(judge, i);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; judge->reports[i] != NULL && k < count; k++) {
            if (judge->reports[k] != NULL)
                judge_pair(judge, i, k);
        }
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

/* What each region holds: asked of one, since all are equal. The mortal digests are
 * equal where every H is; where not, they cannot be compared, and this is one of them.
 */
static void judge_sum(struct judge *judge)
{
    unsigned number = region_at(judge, 0)->number;
    for (uint32_t p = 0; p < judge->collection->partitions; p++) {
        const struct table_report *report =
            iso_table_report(judge->collection, number, p);
        judge->verdict->values += (uint64_t)report->values;
        judge->verdict->ledger_rows += report->proof.ledger_rows;
        iso_digest_add(&judge->verdict->live, report->proof.live);
        iso_digest_add(&judge->verdict->mortal, report->proof.mortal);
        iso_digest_add(&judge->verdict->ledger, report->proof.ledger);
    }
}

static void judge_names(const struct judge *judge)
{
    char *at = judge->verdict->names;
    for (size_t i = 0; i < judge->verdict->regions; i++)
        at += sprintf(at, "%s%s", i == 0 ? "" : ",", region_at(judge, i)->name);
}

static void judge_all(struct judge *judge)
{
    const struct table_collection *collection = judge->collection;
    struct iso_verdict *verdict = judge->verdict;
    verdict->regions = collection->definition->region_count;
    judge_names(judge);
    judge->ends = iso_alloc((collection->log_count + 1) * sizeof *judge->ends);
    for (uint32_t p = 0; p < collection->partitions; p++)
        judge_slice(judge, p);
    if (!judge->cut_unknown)
        verdict->cut = iso_hash128(iso_buf_bytes(&judge->cut));
    iso_free(judge->ends);
    iso_buf_release(&judge->cut);
    verdict->state = judge_state(judge);
    if (verdict->state == ISO_VERDICT_CONVERGED)
        judge_sum(judge);
}

void iso_lag_verdict(struct iso_lag *lag, const char *collection, int64_t now_ms,
                     int64_t heard_from_ms, struct iso_verdict *verdict)
{
    *verdict = (struct iso_verdict){.state = ISO_VERDICT_UNKNOWN, .at_ms = now_ms};
    struct judge judge = {.collection = iso_table_collection(lag, collection),
                          .lag = lag,
                          .now_ms = now_ms,
                          .heard_from_ms = heard_from_ms,
                          .verdict = verdict};
    if (judge.collection != NULL)
        judge_all(&judge);
    else
        snprintf(verdict->why, sizeof verdict->why, "there is no collection %s",
                 collection);
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
        int64_t frontier = iso_table_frontier(report, index);
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

/* ---- the certificate ---- */

static void digest_print(struct iso_buf *out, const char *name,
                         struct iso_digest digest)
{
    char text[ISO_DIGEST_DIGITS + 1];
    iso_digest_text(digest, text);
    iso_buf_print(out, " %s=%s", name, text);
}

static void time_print(struct iso_buf *out, const char *name, int64_t ms)
{
    time_t second = (time_t)(ms / 1000);
    struct tm parts;
    char text[64];
    if (ms < 0 || gmtime_r(&second, &parts) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        iso_buf_print(out, " %s=unknown", name);
    else
        iso_buf_print(out, " %s=%s.%03dZ", name, text, (int)(ms % 1000));
}

void iso_verdict_certificate(const char *collection, const struct iso_verdict *verdict,
                             struct iso_buf *out)
{
    bool converged = verdict->state == ISO_VERDICT_CONVERGED;
    if (!converged)
        iso_buf_print(out, "NOT CONVERGED, ");
    iso_buf_print(out, "isostasy certificate v1: collection=%s verdict=%s", collection,
                  iso_verdict_state_name(verdict->state));
    time_print(out, "cut", verdict->at_ms);
    if (verdict->cut.low != 0 || verdict->cut.high != 0)
        digest_print(out, "cut_digest", verdict->cut);
    else
        iso_buf_print(out, " cut_digest=unknown");
    iso_buf_print(out, " regions=%s slices=%zu equal=%zu", verdict->names,
                  verdict->slices, verdict->equal);
    if (converged) {
        iso_buf_print(out, " values=%llu ledger_rows=%llu",
                      (unsigned long long)verdict->values,
                      (unsigned long long)verdict->ledger_rows);
        digest_print(out, "live", verdict->live);
        digest_print(out, "mortal", verdict->mortal);
        digest_print(out, "ledger", verdict->ledger);
    } else {
        iso_buf_print(out, " pending=%zu diverged=%zu", verdict->pending,
                      verdict->diverged);
    }
    iso_buf_print(out, " oldest_report_ms=%lld", (long long)verdict->oldest_ms);
}
