/* From slices to a row: sums, the worst of all, and the sentence that explains it.
 *
 * The sentence is written once, at the end, from what was remembered of the worst
 * slice.
 */
#include <stdio.h>

#include "monitor/row.h"

const char *iso_lag_state_name(enum iso_lag_state state)
{
    switch (state) {
    case ISO_LAG_UNKNOWN:
        return "unknown";
    case ISO_LAG_OK:
        return "ok";
    case ISO_LAG_CATCHING_UP:
        return "catching_up";
    case ISO_LAG_LAGGING:
        return "lagging";
    case ISO_LAG_STALLED:
        return "stalled";
    case ISO_LAG_STOPPED:
        return "stopped";
    case ISO_LAG_PARKED:
        return "parked";
    case ISO_LAG_REWOUND:
        return "rewound";
    case ISO_LAG_LOST:
        return "lost";
    case ISO_LAG_DIVERGED:
        return "diverged";
    }
    return "unknown";
}

static const int8_t severity_of[ISO_LAG_STATES] = {
    [ISO_LAG_OK] = 1,        [ISO_LAG_CATCHING_UP] = 2,
    [ISO_LAG_REWOUND] = 3, /* it gets what it had again */
    [ISO_LAG_LAGGING] = 4,   [ISO_LAG_STALLED] = 5,
    [ISO_LAG_UNKNOWN] = 6, /* it may be anything */
    [ISO_LAG_PARKED] = 7,    [ISO_LAG_STOPPED] = 8,
    [ISO_LAG_LOST] = 9, /* does not pass by itself: data is gone */
    [ISO_LAG_DIVERGED] = 10,
};

int iso_lag_state_severity(enum iso_lag_state state)
{
    return (size_t)state < ISO_LAG_STATES ? severity_of[state] : 0;
}

bool iso_row_worse(const struct row_said *a, const struct row_said *b)
{
    if (severity_of[a->state] != severity_of[b->state])
        return severity_of[a->state] > severity_of[b->state];
    return a->rule != ROW_FINE && a->amount > b->amount;
}

void iso_row_sum_init(struct row_sum *sum, unsigned source, unsigned target,
                      struct iso_lag_row *row, struct row_rank *ranks)
{
    *sum = (struct row_sum){.source = source,
                            .target = target,
                            .said = {.state = ISO_LAG_OK, .amount = -1},
                            .stuck = {.state = ISO_LAG_OK, .amount = -1},
                            .exact = true,
                            .since_ms = INT64_MAX,
                            .since_exact = true,
                            .newest_ms = INT64_MAX,
                            .report_ms = INT64_MAX,
                            .deleted_ms = INT64_MAX,
                            .worst = row->worst,
                            .ranks = ranks};
}

/* ---- the worst slices ---- */

/* By what slices are ordered: moments, not ages, so that nothing is reckoned for those
 * that are not shown. */
static bool rank_worse(const struct row_rank *a, const struct row_rank *b)
{
    if (a->severity != b->severity)
        return a->severity > b->severity;
    if (a->since_ms != b->since_ms)
        return a->since_ms < b->since_ms;
    if (a->records != b->records)
        return a->records > b->records;
    return a->newest_ms < b->newest_ms;
}

/* Ranks are kept in order, slices stay where they are: one that is pushed out leaves
 * its place to the one that comes. */
static void worst_add(struct row_sum *sum, struct row_rank rank,
                      const struct iso_lag_slice *slice)
{
    size_t at = sum->worst_count;
    if (at < ISO_LAG_WORST_MAX) {
        rank.slot = (uint32_t)at;
        sum->worst_count++;
    } else {
        rank.slot = sum->ranks[--at].slot;
    }
    for (; at > 0 && rank_worse(&rank, &sum->ranks[at - 1]); at--)
        sum->ranks[at] = sum->ranks[at - 1];
    sum->ranks[at] = rank;
    sum->worst[rank.slot] = *slice;
    sum->least = sum->ranks[ISO_LAG_WORST_MAX - 1];
}

static void worst_order(const struct row_sum *sum)
{
    struct iso_lag_slice were[ISO_LAG_WORST_MAX];
    memcpy(were, sum->worst, sizeof were);
    for (size_t i = 0; i < sum->worst_count; i++)
        sum->worst[i] = were[sum->ranks[i].slot];
}

static int64_t age_of(const struct look *look, int64_t then_ms)
{
    return then_ms == ISO_UNKNOWN_MS ? ISO_UNKNOWN_MS
                                     : iso_table_age_ms(look->now_ms, then_ms);
}

static int64_t lag_of(const struct look *look, bool unknown, int64_t since_ms)
{
    if (unknown)
        return ISO_UNKNOWN_MS;
    return since_ms == INT64_MAX ? 0 : iso_table_age_ms(look->now_ms, since_ms);
}

/* ---- sums ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void sum_report(struct row_sum *sum, const struct look *look,
                       const struct table_report *report)
{
    if (report == NULL || report->committed)
        sum->report_unknown = true;
    else
        sum->report_ms = least(sum->report_ms, iso_table_heard_ms(look->lag, report));
}

void iso_row_sum_add(struct row_sum *sum, const struct look *look,
                     const struct table_report *report, const struct row_slice *slice)
{
    bool nothing = report == NULL;
    bool since_unknown = nothing || slice->since_unknown || slice->end_unknown;
    sum_report(sum, look, report);
    if (iso_row_worse(&slice->said, &sum->said))
        sum->said = slice->said;
    if (iso_row_worse(&slice->stuck, &sum->stuck))
        sum->stuck = slice->stuck;
    sum->records += slice->records;
    sum->written += slice->written;
    sum->refused += slice->refused;
    sum->lost += slice->lost;
    sum->applied += slice->applied;
    sum->exact = sum->exact && slice->exact;
    sum->moves = sum->moves || slice->moves;
    sum->committed = sum->committed || (!nothing && report->committed);
    sum->end_unknown = sum->end_unknown || nothing || slice->end_unknown;
    sum->since_unknown = sum->since_unknown || since_unknown;
    sum->newest_unknown = sum->newest_unknown || slice->newest_ms == ISO_UNKNOWN_MS;
    if (slice->since_ms < sum->since_ms) {
        sum->since_ms = slice->since_ms;
        sum->since_exact = slice->since_exact;
    }
    sum->newest_ms = least(sum->newest_ms, slice->newest_ms);
    sum->deleted_ms = least(sum->deleted_ms, slice->deleted_ms);
    struct row_rank rank = {.severity = severity_of[slice->said.state],
                            .since_ms = since_unknown ? INT64_MIN : slice->since_ms,
                            .records = slice->records,
                            .newest_ms = slice->newest_ms};
    if (sum->worst_count == ISO_LAG_WORST_MAX && !rank_worse(&rank, &sum->least))
        return;
    struct iso_lag_slice shown = {
        .partition = look->partition,
        .log = nothing ? 0 : look->logs[slice->log].number,
        .frontier = slice->frontier,
        .end = slice->end,
        .records_behind =
            nothing || slice->end_unknown ? ISO_UNKNOWN_COUNT : slice->records,
        .lag_ms = lag_of(look, since_unknown, slice->since_ms),
        .staleness_ms = age_of(look, slice->newest_ms),
        .state = slice->said.state};
    worst_add(sum, rank, &shown);
}

/* A region that is late gets on partition by partition, so one that moves is hope for
 * all, but not for one that has been left for long. */
static void sum_state(struct row_sum *sum, struct iso_lag_row *row)
{
    bool late = sum->said.rule == ROW_LATE || sum->said.rule == ROW_STALE;
    if (late && sum->moves && sum->stuck.rule != ROW_FINE)
        sum->said = sum->stuck;
    row->state = sum->said.state;
    if (late && sum->moves && sum->stuck.rule == ROW_FINE)
        row->state = ISO_LAG_CATCHING_UP;
}

void iso_row_sum_end(struct row_sum *sum, const struct look *look,
                     struct iso_lag_row *row)
{
    const struct table_latency *latency = look->collection->latency[sum->target];
    sum_state(sum, row);
    row->records_behind = sum->end_unknown ? ISO_UNKNOWN_COUNT : sum->records;
    row->records_exact = sum->exact;
    row->lag_ms = lag_of(look, sum->since_unknown, sum->since_ms);
    row->lag_exact = sum->since_exact && !sum->since_unknown;
    row->newest_ms = sum->newest_unknown ? ISO_UNKNOWN_MS : sum->newest_ms;
    row->staleness_ms = age_of(look, row->newest_ms);
    row->report_ms = sum->report_unknown ? ISO_UNKNOWN_MS : sum->report_ms;
    row->report_age_ms = age_of(look, row->report_ms);
    row->refused = sum->refused;
    row->applied = sum->applied;
    row->written = sum->end_unknown ? ISO_UNKNOWN_COUNT : sum->written;
    row->moves = sum->moves;
    row->committed = sum->committed;
    row->lost = sum->lost;
    row->deleted_in_ms = ISO_UNKNOWN_MS;
    if (sum->deleted_ms != INT64_MAX)
        row->deleted_in_ms = iso_table_age_ms(sum->deleted_ms, look->now_ms);
    row->has_latency = latency != NULL;
    if (latency != NULL)
        row->latency = latency->sources[sum->source];
    worst_order(sum);
    row->worst_count = sum->worst_count;
    iso_row_why(sum, look, row, row->why, sizeof row->why);
}
