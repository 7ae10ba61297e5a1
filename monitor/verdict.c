/* The verdict: do all regions hold the same?
 *
 * Slice by slice, the reports are laid beside each other. Two whose vectors are equal
 * have applied the same writes, so their digests must be equal, whatever is in flight
 * elsewhere: if they are not, the slice has diverged, and nothing makes up for it. A
 * slice that was found different once is diverged until it is found the same (proof.c).
 *
 * A slice is equal when all vectors are equal, every region has reported, and runs.
 * Besides, to whoever asks
 *
 *   up to the ends    every region stands at or behind every end, and was heard since;
 *                     the cut is those ends
 *   live              every region is heard, and no write is known that waits too long;
 *                     the cut is those vectors. Heartbeats move ends and no vectors, so
 *                     a quiet system is steadily converged
 *
 * Everything else is pending, with the reason. `converged` is a claim, so each
 * condition alone denies it. What is missing (a report, an end) makes the verdict
 * unknown, never good.
 */
#include <stdarg.h>
#include <stdio.h>

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
    GRIEVANCE_UNLIKE, /* not at one vector */
    GRIEVANCE_BEHIND,
    GRIEVANCE_HALTED,
    GRIEVANCE_BLIND,
    GRIEVANCE_DIVERGED,
};

struct judge {
    const struct table_collection *collection;
    const struct iso_lag *lag;
    int64_t now_ms, heard_from_ms;
    bool asked; /* up to the ends; else live */
    struct iso_verdict *verdict;
    enum grievance said;  /* by verdict->why */
    enum grievance slice; /* the gravest of the slice at hand … */
    char why[sizeof((struct iso_verdict_slice *)NULL)->why]; /* … in a sentence */
    bool blind;      /* something is missing in some slice */
    size_t compared; /* pairs of reports at one vector */
    uint32_t partition;
    int64_t *ends;      /* of the slice at hand, by log */
    struct iso_buf cut; /* of all slices, to be hashed */
    bool cut_unknown;
    struct table_report *reports[ISO_REGION_MAX]; /* of the slice at hand, as regions
                                                     are; NULL: not believed */
};

/* Is there room to list the slice at hand? What diverged pushes others out. */
static bool judge_lists(const struct judge *judge, enum grievance grievance)
{
    const struct iso_verdict *verdict = judge->verdict;
    return verdict->unequal_count < ISO_VERDICT_SLICES_MAX ||
           (grievance == GRIEVANCE_DIVERGED &&
            verdict->diverged < ISO_VERDICT_SLICES_MAX);
}

__attribute__((format(printf, 3, 4))) static void
judge_say(struct judge *judge, enum grievance grievance, const char *format, ...)
{
    struct iso_verdict *verdict = judge->verdict;
    bool said = judge->said >= grievance;
    if (judge->slice >= grievance)
        return;
    judge->slice = grievance;
    if (said && !judge_lists(judge, grievance))
        return;
    char why[sizeof verdict->why];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    snprintf(judge->why, sizeof judge->why, "%.*s", (int)sizeof judge->why - 1, why);
    if (said)
        return;
    judge->said = grievance;
    snprintf(verdict->why, sizeof verdict->why, "partition %u: %.*s",
             (unsigned)judge->partition, (int)sizeof verdict->why - 32, why);
}

/* Puts the slice at hand where it belongs: behind those that diverged, or at the end.
 */
static void judge_list(struct judge *judge)
{
    struct iso_verdict *verdict = judge->verdict;
    if (!judge_lists(judge, judge->slice))
        return;
    size_t at =
        judge->slice == GRIEVANCE_DIVERGED ? verdict->diverged : verdict->unequal_count;
    size_t last = verdict->unequal_count < ISO_VERDICT_SLICES_MAX
                      ? verdict->unequal_count++
                      : ISO_VERDICT_SLICES_MAX - 1;
    struct iso_verdict_slice *slice = &verdict->unequal[at];
    iso_assert(at <= last);
    memmove(slice + 1, slice, (last - at) * sizeof *slice);
    slice->partition = judge->partition;
    slice->state = judge->slice == GRIEVANCE_DIVERGED ? ISO_VERDICT_DIVERGED
                   : judge->slice == GRIEVANCE_BLIND  ? ISO_VERDICT_UNKNOWN
                                                      : ISO_VERDICT_PENDING;
    memcpy(slice->why, judge->why, sizeof slice->why);
}

static const struct iso_definition_region *region_at(const struct judge *judge,
                                                     size_t index)
{
    return &judge->collection->definition->regions[index];
}

/* Was it surely made at or after the moment of the question, by our clock? Either it
 * was not there yet after that moment; or its brokers stamped it, and how far their
 * clock may be ahead of ours is known. */
static bool believed(const struct judge *judge, const struct table_report *report)
{
    if (!judge->asked || report->after_ms >= judge->heard_from_ms)
        return true;
    if (report->cluster == TABLE_NO_CLUSTER)
        return false;
    const struct table_cluster *cluster = &judge->lag->clusters[report->cluster];
    return cluster->clock_known &&
           iso_table_less_ms(report->heard_ms, cluster->ahead_ms) >=
               judge->heard_from_ms;
}

/* The reports of a slice, as far as they are believed. */
static void judge_turn(struct judge *judge, uint32_t partition)
{
    judge->partition = partition;
    judge->slice = GRIEVANCE_NONE;
    for (size_t i = 0; i < judge->collection->definition->region_count; i++) {
        struct table_report *report =
            iso_table_report(judge->collection, region_at(judge, i)->number, partition);
        judge->reports[i] = report != NULL && believed(judge, report) ? report : NULL;
    }
}

/* ---- is it there? ---- */

/* The cut of a question is hashed as numbers of logs, partitions and ends, big-endian,
 * in order. */
static void cut_add(struct judge *judge, uint16_t log, int64_t end)
{
    iso_buf_add_u16(&judge->cut, log);
    iso_buf_add_u32(&judge->cut, judge->partition);
    iso_buf_add_u64(&judge->cut, (uint64_t)end);
}

static void judge_ends(struct judge *judge)
{
    for (size_t i = 0; i < judge->collection->log_count; i++) {
        const struct iso_definition_log *log = &judge->collection->definition->logs[i];
        int64_t asked_ms;
        int64_t end = iso_table_end(judge->collection, i, judge->partition, &asked_ms);
        judge->ends[i] = end;
        if (judge->asked)
            cut_add(judge, log->number, end);
        if (judge->asked && end >= 0 && asked_ms < judge->verdict->at_ms)
            judge->verdict->at_ms = asked_ms;
        if (end >= 0)
            continue;
        judge->cut_unknown = true;
        judge_say(judge, GRIEVANCE_BLIND,
                  "the end of log %u (%.64s on cluster %.32s) is not known",
                  (unsigned)log->number, log->topic, log->cluster);
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

/* Live: a daemon that is gone holds what it held, but what it would apply is not
 * known. */
static void judge_silence(struct judge *judge,
                          const struct iso_definition_region *region,
                          const struct table_report *report, int64_t age_ms)
{
    if (report->state == ISO_SLICE_CLOSED)
        judge_say(judge, GRIEVANCE_HALTED, "the daemon of %s was stopped %.1f s ago",
                  region->name, (double)age_ms / 1000.0);
    else if (age_ms > judge->lag->options.stopped_after_ms)
        judge_say(judge, GRIEVANCE_HALTED, "the daemon of %s was last heard %.1f s ago",
                  region->name, (double)age_ms / 1000.0);
}

/* Live: a write that was seen behind where the most advanced region stands. */
static void judge_waiting(struct judge *judge, size_t index)
{
    const struct table_collection *collection = judge->collection;
    const struct table_log *log = &collection->logs[index];
    const struct table_place *place = &log->places[judge->partition];
    int64_t peak = 0, clock_ms = judge->lag->clusters[log->cluster].clock_ms;
    if (place->seen_count == 0)
        return;
    for (size_t i = 0; i < collection->definition->region_count; i++) {
        int64_t frontier = judge->reports[i] == NULL
                               ? 0
                               : iso_table_frontier(judge->reports[i], index);
        bool beyond = judge->ends[index] >= 0 && frontier > judge->ends[index];
        if (peak < frontier && !beyond)
            peak = frontier;
    }
    const struct table_seen *seen = iso_table_seen(place, peak);
    for (size_t i = 0; seen != NULL && i < seen->first_count; i++) {
        int64_t age_ms = iso_table_age_ms(
            judge->now_ms, iso_table_moment(seen->firsts[i].append_ms, clock_ms));
        if (seen->firsts[i].offset >= peak &&
            age_ms > judge->lag->options.stale_after_ms)
            judge_say(judge, GRIEVANCE_BEHIND,
                      "a write in log %u waits for %.1f s, and no region has applied "
                      "it",
                      (unsigned)log->number, (double)age_ms / 1000.0);
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
    int64_t heard_ms = iso_table_heard_ms(judge->lag, report);
    int64_t age_ms = iso_table_age_ms(judge->now_ms, heard_ms);
    if (judge->verdict->oldest_ms < age_ms)
        judge->verdict->oldest_ms = age_ms;
    if (!judge->asked && heard_ms < judge->verdict->at_ms)
        judge->verdict->at_ms = heard_ms;
    if (report->state == ISO_SLICE_PARKED || report->state == ISO_SLICE_STOPPED)
        judge_say(judge, GRIEVANCE_HALTED, "%s has %s it: %s", region->name,
                  iso_slice_state_name(report->state),
                  report->why == NULL ? "it does not say why" : report->why);
    if (judge->asked)
        judge_reach(judge, region, report);
    else
        judge_silence(judge, region, report, age_ms);
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
        judge_say(
            judge, GRIEVANCE_UNLIKE,
            judge->asked
                ? "%s and %s are past the ends, but not at one point: writes go on"
                : "%s and %s have not applied the same writes yet",
            one->name, other->name);
    }
}

/* The cut of a live verdict is that of all vectors, when they are equal. */
static void judge_vectors(struct judge *judge)
{
    const struct table_report *first = judge->reports[0];
    bool equal = first != NULL;
    for (size_t i = 1; equal && i < judge->collection->definition->region_count; i++)
        equal = judge->reports[i] != NULL &&
                iso_digest_equal(judge->reports[i]->proof.vector, first->proof.vector);
    if (!equal) {
        judge->cut_unknown = true;
        return;
    }
    iso_buf_add_u64(&judge->cut, first->proof.vector.high);
    iso_buf_add_u64(&judge->cut, first->proof.vector.low);
}

static void judge_slice(struct judge *judge, uint32_t partition)
{
    size_t count = judge->collection->definition->region_count;
    judge_turn(judge, partition);
    iso_table_compare(judge->collection, partition);
    judge_ends(judge);
    for (size_t i = 0; i < count; i++)
        judge_region(judge, i);
    for (size_t i = 0; !judge->asked && i < judge->collection->log_count; i++)
        judge_waiting(judge, i);
    if (!judge->asked)
        judge_vectors(judge);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; judge->reports[i] != NULL && k < count; k++) {
            if (judge->reports[k] != NULL)
                judge_pair(judge, i, k);
        }
    }
    judge->verdict->slices++;
    if (judge->slice != GRIEVANCE_NONE)
        judge_list(judge);
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
    struct iso_verdict *verdict = judge->verdict;
    size_t size = 0;
    for (size_t i = 0; i < verdict->regions; i++)
        size += (size_t)snprintf(verdict->names + size, sizeof verdict->names - size,
                                 "%s%s", i == 0 ? "" : ",", region_at(judge, i)->name);
}

static void judge_all(struct judge *judge)
{
    const struct table_collection *collection = judge->collection;
    struct iso_verdict *verdict = judge->verdict;
    verdict->asked = judge->asked;
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
                          .asked = heard_from_ms != INT64_MIN,
                          .verdict = verdict};
    if (judge.collection != NULL)
        judge_all(&judge);
    else
        snprintf(verdict->why, sizeof verdict->why, "there is no collection %s",
                 collection);
}

/* ---- caught up ---- */

/* Records that wait for one region, in all slices and logs. */
static uint64_t region_waiting(const struct judge *judge, unsigned region)
{
    const struct table_collection *collection = judge->collection;
    uint64_t waiting = 0;
    for (uint32_t p = 0; p < collection->partitions; p++) {
        const struct table_report *report = iso_table_report(collection, region, p);
        if (report == NULL || !believed(judge, report))
            return ISO_UNKNOWN_COUNT;
        for (size_t i = 0; i < collection->log_count; i++) {
            int64_t end = iso_table_end(collection, i, p, NULL);
            int64_t frontier = iso_table_frontier(report, i);
            if (end < 0)
                return ISO_UNKNOWN_COUNT;
            if (frontier < end)
                waiting += (uint64_t)(end - frontier);
        }
    }
    return waiting;
}

bool iso_lag_caught_up(struct iso_lag *lag, const char *collection,
                       int64_t heard_from_ms, uint64_t *waiting)
{
    const struct judge judge = {.collection = iso_table_collection(lag, collection),
                                .lag = lag,
                                .heard_from_ms = heard_from_ms,
                                .asked = heard_from_ms != INT64_MIN};
    *waiting = judge.collection == NULL ? ISO_UNKNOWN_COUNT : 0;
    size_t count =
        judge.collection == NULL ? 0 : judge.collection->definition->region_count;
    for (size_t i = 0; i < count; i++) {
        uint64_t of_region = region_waiting(&judge, region_at(&judge, i)->number);
        if (*waiting < of_region)
            *waiting = of_region;
    }
    return *waiting == 0;
}
