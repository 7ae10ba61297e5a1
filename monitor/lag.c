/* The table of lag: a row for each source region and target region, summed over slices.
 *
 * One pass over everything that was fed, slice by slice and in it target by target, so
 * that what a daemon said of a slice is read once, in the order in which it is kept,
 * for all sources at once. What waits and since when is look.c's; what follows for the
 * row is row.c's; here is which rows there are, and what state a slice is in.
 *
 * Of several things that are wrong with a slice the gravest is said
 * (iso_lag_state_severity). One slice that is not known makes the row's sums unknown: a
 * sum over the rest would look better than the truth.
 */
#include <stdio.h>

#include "base/mem.h"
#include "monitor/row.h"

/* A target, in the slice that is looked at. */
struct lag_target {
    const struct look *look;
    unsigned number;
    struct table_report *report; /* NULL: nothing is known */
    bool heard;                  /* its daemon, of late */
    struct row_slice *slices;    /* by source */
    uint64_t *counts;            /* room for one log's, by source */
    int64_t *newest_ms;
};

static void said_worsen(struct row_said *said, struct row_said more)
{
    if (iso_row_worse(&more, said))
        *said = more;
}

/* ---- what was committed ---- */

/* Positions that nobody could ask for again are not believed for longer. */
enum { COMMITTED_BELIEF_MS = 60000 };
/* Daemons commit much more rarely than they report. */
enum { COMMITTED_PATIENCE = 3 };

static struct table_report *known(const struct look *look, unsigned region)
{
    struct table_report *report =
        iso_table_known(look->collection, region, look->partition);
    bool old = report != NULL && report->committed &&
               iso_table_age_ms(look->now_ms, report->heard_ms) > COMMITTED_BELIEF_MS;
    return old ? NULL : report;
}

static bool committed_waits(const struct look *look, const struct table_report *report)
{
    for (size_t i = 0; i < look->collection->log_count; i++) {
        const struct look_log *log = &look->logs[i];
        if (log->writers != 0 && log->end_known && report->frontiers[i] >= 0 &&
            report->frontiers[i] < log->end)
            return true;
    }
    return false;
}

/* Nothing but positions is known. They move while the daemon runs, of whatever slice,
 * so where something waits and none has moved for long, it does not run. */
static struct row_said committed_said(const struct look *look, unsigned region,
                                      const struct table_report *report)
{
    const struct table_commits *commits = look->collection->commits[region];
    int64_t since_ms =
        commits->moved_ms == ISO_UNKNOWN_MS ? commits->since_ms : commits->moved_ms;
    struct row_said said = {.state = ISO_LAG_UNKNOWN,
                            .rule = ROW_COMMITTED,
                            .partition = look->partition,
                            .amount = iso_table_age_ms(look->now_ms, since_ms)};
    if (said.amount > COMMITTED_PATIENCE * look->lag->options.stopped_after_ms &&
        committed_waits(look, report)) {
        said.state = ISO_LAG_STOPPED;
        said.rule = ROW_UNMOVED;
    }
    return said;
}

/* ---- the daemon ---- */

static struct row_said daemon_said(const struct look *look,
                                   const struct table_report *report)
{
    int64_t age_ms =
        iso_table_age_ms(look->now_ms, iso_table_heard_ms(look->lag, report));
    struct row_said said = {
        .state = ISO_LAG_OK, .partition = look->partition, .amount = age_ms};
    if (report->state == ISO_SLICE_CLOSED) {
        said.state = ISO_LAG_STOPPED;
        said.rule = ROW_CLOSED;
    } else if (age_ms > look->lag->options.stopped_after_ms) {
        said.state = ISO_LAG_STOPPED;
        said.rule = ROW_SILENT;
    } else if (report->state == ISO_SLICE_PARKED ||
               report->state == ISO_SLICE_STOPPED) {
        said.state = ISO_LAG_PARKED;
        said.rule = ROW_HALTED;
    } else if (report->state == ISO_SLICE_WAITING) {
        said.state = ISO_LAG_LAGGING;
        said.rule = ROW_WAITING;
    }
    return said;
}

/* ---- one log ---- */

static bool moves_in(const struct lag_target *target, const struct table_stand *stand)
{
    return target->heard && stand->moved_ms != ISO_UNKNOWN_MS &&
           iso_table_age_ms(target->report->heard_ms, stand->moved_ms) <=
               target->look->lag->options.stale_after_ms;
}

/* What is wrong in one log, for every source that writes it. */
static struct row_said log_said(const struct lag_target *target, size_t index)
{
    const struct look *look = target->look;
    const struct look_log *log = &look->logs[index];
    struct table_stand *stand = &target->report->stands[index];
    int64_t frontier = iso_table_frontier(target->report, index);
    struct row_said said = {
        .state = ISO_LAG_OK, .partition = look->partition, .log = index};
    if (!log->end_known) {
        said.state = ISO_LAG_UNKNOWN;
        said.rule = ROW_NO_END;
        return said;
    }
    if (target->report->committed)
        return said; /* it may have applied more than it committed */
    if (frontier >= log->end) {
        stand->high = frontier; /* it is where it ever was, and all there is */
        return said;
    }
    if (log->begin > frontier) {
        said.state = ISO_LAG_LOST;
        said.rule = ROW_LOST;
        said.amount = (log->begin < log->end ? log->begin : log->end) - frontier;
    } else if (frontier < stand->high) {
        said.state = ISO_LAG_REWOUND;
        said.rule = ROW_REWOUND;
        said.amount = stand->high - frontier;
    }
    return said;
}

/* Too late: gets on, stands still, or that is not known: the daemon is not heard, or
 * was heard only once. */
static enum iso_lag_state late_state(const struct lag_target *target, bool moves)
{
    if (moves)
        return ISO_LAG_CATCHING_UP;
    bool twice = target->report->heard_ms > target->report->since_ms;
    return target->heard && twice ? ISO_LAG_STALLED : ISO_LAG_LAGGING;
}

/* Late, and left where it is for long, by a daemon that is heard. */
static bool is_stuck(const struct lag_target *target, const struct table_stand *stand,
                     const struct row_said *said)
{
    const struct table_report *report = target->report;
    int64_t patience_ms = target->look->lag->options.stopped_after_ms;
    int64_t since_ms =
        stand->moved_ms == ISO_UNKNOWN_MS ? report->since_ms : stand->moved_ms;
    return said->state == ISO_LAG_STALLED && said->amount > patience_ms &&
           iso_table_age_ms(report->heard_ms, since_ms) > patience_ms;
}

/* The target's records of one log, for one source. */
static void slice_add(const struct lag_target *target, size_t index, unsigned source,
                      const struct look_wait *wait, const struct row_said *said)
{
    const struct look *look = target->look;
    const struct look_log *log = &look->logs[index];
    const struct table_stand *stand = &target->report->stands[index];
    struct row_slice *slice = &target->slices[source];
    int64_t frontier = iso_table_frontier(target->report, index);
    said_worsen(&slice->said, *said);
    slice->refused += stand->refused;
    slice->applied += (uint64_t)frontier;
    slice->written += log->end_known ? (uint64_t)log->end : 0;
    slice->end_unknown = slice->end_unknown || !log->end_known;
    if (said->rule == ROW_LOST)
        slice->lost += (uint64_t)said->amount;
    if (slice->log_records <= wait->records) {
        slice->log = index;
        slice->log_records = wait->records;
        slice->frontier = target->report->frontiers[index];
        slice->end = log->end_known ? log->end : -1;
    }
    if (!log->end_known || frontier >= log->end)
        return;
    slice->records += wait->records;
    slice->exact = slice->exact && wait->exact;
    if (wait->since_ms == ISO_UNKNOWN_MS) {
        slice->since_unknown = true;
        said_worsen(&slice->said, (struct row_said){ISO_LAG_UNKNOWN, ROW_NO_AGE,
                                                    look->partition, index, 0});
        return;
    }
    if (wait->since_ms == INT64_MAX)
        return;
    int64_t since_ms = iso_table_moment(wait->since_ms, log->clock_ms);
    if (since_ms < slice->since_ms ||
        (since_ms == slice->since_ms && wait->since_exact)) {
        slice->since_ms = since_ms;
        slice->since_exact = wait->since_exact;
    }
}

/* What is late in one log, and when retention takes it. */
static void slice_late(const struct lag_target *target, size_t index, unsigned source,
                       const struct look_wait *wait, int64_t first_ms)
{
    const struct look *look = target->look;
    const struct look_log *log = &look->logs[index];
    const struct table_stand *stand = &target->report->stands[index];
    struct row_slice *slice = &target->slices[source];
    int64_t stale_after_ms = look->lag->options.stale_after_ms;
    struct row_said said = {.partition = look->partition, .log = index};
    if (first_ms != ISO_UNKNOWN_MS)
        said.amount =
            iso_table_age_ms(look->now_ms, iso_table_moment(first_ms, log->clock_ms));
    if (said.amount > stale_after_ms)
        said.rule = ROW_STALE;
    if (wait->since_ms != ISO_UNKNOWN_MS && wait->since_ms != INT64_MAX) {
        int64_t age_ms = iso_table_age_ms(
            look->now_ms, iso_table_moment(wait->since_ms, log->clock_ms));
        if (age_ms > stale_after_ms) {
            said.rule = ROW_LATE;
            said.amount = age_ms;
        }
    }
    if (said.rule != ROW_FINE) {
        bool moves = moves_in(target, stand);
        slice->moves = slice->moves || moves;
        said.state = late_state(target, moves);
        said_worsen(&slice->said, said);
        if (is_stuck(target, stand, &said))
            said_worsen(&slice->stuck, said);
    }
    if (first_ms != ISO_UNKNOWN_MS && log->retention_ms > 0 &&
        log->begin <= iso_table_frontier(target->report, index)) {
        int64_t deleted_ms = iso_table_less_ms(
            iso_table_moment(first_ms, log->clock_ms), -log->retention_ms);
        if (deleted_ms < slice->deleted_ms)
            slice->deleted_ms = deleted_ms;
    }
}

/* When the newest record of the source that the target has applied was appended. */
static void slice_newest(const struct lag_target *target, size_t index, unsigned source,
                         int64_t newest_ms)
{
    struct row_slice *slice = &target->slices[source];
    int64_t at_ms = iso_table_moment(newest_ms, target->look->logs[index].clock_ms);
    if (at_ms > slice->newest_ms)
        slice->newest_ms = at_ms;
}

static void source_in(const struct lag_target *target, size_t index, unsigned source,
                      const struct look_counted *counted, const struct row_said *said)
{
    const struct look_log *log = &target->look->logs[index];
    const struct table_stand *stand = &target->report->stands[index];
    int64_t frontier = iso_table_frontier(target->report, index);
    struct look_wait wait = {.since_ms = INT64_MAX, .exact = true};
    bool waits = log->end_known && frontier < log->end;
    if (waits)
        iso_look_wait(log, stand, frontier, source, counted, &wait);
    slice_add(target, index, source, &wait, said);
    if (waits && wait.records > 0)
        slice_late(target, index, source, &wait,
                   iso_look_first_ms(log, stand, frontier));
}

/* Nothing is committed in the log: how far the target is there is not known. */
static void log_nowhere(const struct lag_target *target, size_t index)
{
    for (uint64_t left = target->look->logs[index].writers; left != 0;
         left &= left - 1) {
        struct row_slice *slice = &target->slices[__builtin_ctzll(left) + 1];
        slice->end_unknown = true;
        slice->log = index;
    }
}

static void target_log(const struct lag_target *target, size_t index)
{
    const struct look_log *log = &target->look->logs[index];
    const struct table_stand *stand = &target->report->stands[index];
    bool nothing = target->report->committed;
    struct row_said said = log_said(target, index);
    if (log->writers == 0)
        return; /* of no region */
    if (nothing && target->report->frontiers[index] < 0) {
        log_nowhere(target, index);
        return;
    }
    if (log->sole != 0) {
        struct look_counted counted = {nothing, stand->writes, stand->strange,
                                       log->writes, log->strange};
        source_in(target, index, log->sole, &counted, &said);
        slice_newest(target, index, log->sole, stand->newest_ms);
        return;
    }
    iso_look_counts(target->report, stand, target->counts, target->newest_ms);
    for (uint64_t left = log->writers; left != 0; left &= left - 1) {
        unsigned source = (unsigned)__builtin_ctzll(left) + 1;
        struct look_counted counted = {nothing, target->counts[source],
                                       target->counts[0], log->of[source], log->of[0]};
        source_in(target, index, source, &counted, &said);
        slice_newest(target, index, source, target->newest_ms[source]);
    }
}

/* ---- one target ---- */

/* Everything that one target says of the slice, for all sources. */
static void target_look(struct lag_target *target)
{
    const struct look *look = target->look;
    const struct iso_definition *definition = look->collection->definition;
    struct row_said daemon = {
        .state = ISO_LAG_UNKNOWN, .rule = ROW_NO_REPORT, .partition = look->partition};
    target->heard = false;
    if (target->report != NULL && target->report->committed) {
        daemon = committed_said(look, target->number, target->report);
    } else if (target->report != NULL) {
        daemon = daemon_said(look, target->report);
        target->heard = daemon.amount <= look->lag->options.stale_after_ms;
    }
    const struct row_slice begun = {.said = daemon,
                                    .stuck = {.state = ISO_LAG_OK, .amount = -1},
                                    .exact = true,
                                    .since_ms = INT64_MAX,
                                    .newest_ms = ISO_UNKNOWN_MS,
                                    .deleted_ms = INT64_MAX,
                                    .frontier = -1,
                                    .end = -1};
    for (size_t i = 0; i < definition->region_count; i++)
        memcpy(&target->slices[definition->regions[i].number], &begun, sizeof begun);
    for (size_t i = 0; target->report != NULL && i < look->collection->log_count; i++)
        target_log(target, i);
}

/* Regions that hold different things: said of the pair. */
static void slice_apart(const struct look *look, const struct row_sum *sum,
                        struct row_slice *slice, const struct table_report *report)
{
    const struct table_report *other =
        iso_table_report(look->collection, sum->source, look->partition);
    if (report == NULL || other == NULL || sum->source == sum->target ||
        !iso_table_apart(report, sum->target, other, sum->source))
        return;
    said_worsen(&slice->said, (struct row_said){.state = ISO_LAG_DIVERGED,
                                                .rule = ROW_APART,
                                                .partition = look->partition});
}

/* ---- rows ---- */

static bool writes_anywhere(const struct iso_definition *definition, unsigned region)
{
    for (size_t i = 0; i < definition->log_count; i++) {
        if ((definition->logs[i].writers >> (region - 1) & 1) != 0)
            return true;
    }
    return false;
}

static struct iso_lag_row *row_add(struct iso_lag *lag)
{
    if (lag->row_count == lag->row_room) {
        lag->row_room = lag->row_room == 0 ? 16 : lag->row_room * 2;
        lag->rows = iso_realloc(lag->rows, lag->row_room * sizeof *lag->rows);
    }
    struct iso_lag_row *row = &lag->rows[lag->row_count++];
    *row = (struct iso_lag_row){.state = ISO_LAG_OK};
    return row;
}

/* Adds a row for each pair; a region that is alone is shown to itself. */
static void rows_add(struct iso_lag *lag, const struct iso_definition *definition)
{
    for (size_t s = 0; s < definition->region_count; s++) {
        const struct iso_definition_region *source = &definition->regions[s];
        if (!writes_anywhere(definition, source->number))
            continue;
        for (size_t t = 0; t < definition->region_count; t++) {
            if (t == s && definition->region_count > 1)
                continue;
            struct iso_lag_row *row = row_add(lag);
            snprintf(row->collection, sizeof row->collection, "%s",
                     definition->collection);
            snprintf(row->source, sizeof row->source, "%s", source->name);
            snprintf(row->target, sizeof row->target, "%s",
                     definition->regions[t].name);
        }
    }
}

/* The sums of a collection's rows, ordered by target: as slices are gone through. */
struct lag_sums {
    struct row_sum *sums;
    struct row_rank *ranks;    /* ISO_LAG_WORST_MAX for each sum */
    struct iso_lag_row **rows; /* of each sum */
    size_t count;
};

static void sums_init(struct lag_sums *sums, struct iso_lag *lag,
                      const struct iso_definition *definition, size_t first)
{
    size_t count = lag->row_count - first;
    sums->sums = iso_alloc_zero(count + 1, sizeof *sums->sums);
    sums->rows = iso_alloc_zero(count + 1, sizeof *sums->rows);
    sums->ranks = iso_alloc_zero((count + 1) * ISO_LAG_WORST_MAX, sizeof *sums->ranks);
    sums->count = 0;
    for (size_t t = 0; t < definition->region_count; t++) {
        const struct iso_definition_region *target = &definition->regions[t];
        for (size_t i = first; i < lag->row_count; i++) {
            struct iso_lag_row *row = &lag->rows[i];
            if (strcmp(row->target, target->name) != 0)
                continue;
            sums->rows[sums->count] = row;
            unsigned source =
                iso_definition_region_named(definition, row->source)->number;
            iso_row_sum_init(&sums->sums[sums->count], source, target->number, row,
                             sums->ranks + sums->count * ISO_LAG_WORST_MAX);
            sums->count++;
        }
    }
}

/* One slice of every pair. */
static void sums_add(struct lag_sums *sums, const struct look *look)
{
    struct row_slice slices[ISO_REGION_MAX + 1];
    uint64_t counts[ISO_REGION_MAX + 1];
    int64_t newest_ms[ISO_REGION_MAX + 1];
    struct lag_target target = {
        .look = look, .slices = slices, .counts = counts, .newest_ms = newest_ms};
    for (size_t i = 0; i < sums->count; i++) {
        struct row_sum *sum = &sums->sums[i];
        if (sum->target != target.number) {
            target.number = sum->target;
            target.report = known(look, sum->target);
            target_look(&target);
        }
        slice_apart(look, sum, &slices[sum->source], target.report);
        iso_row_sum_add(sum, look, target.report, &slices[sum->source]);
    }
}

static void collection_rows(struct iso_lag *lag, struct table_collection *collection,
                            int64_t now_ms)
{
    size_t first = lag->row_count;
    struct lag_sums sums;
    struct look look;
    rows_add(lag, collection->definition);
    sums_init(&sums, lag, collection->definition, first);
    iso_look_init(&look, lag, collection, now_ms);
    for (uint32_t p = 0; p < collection->partitions; p++) {
        iso_table_compare(collection, p);
        iso_look_at(&look, p);
        sums_add(&sums, &look);
    }
    for (size_t i = 0; i < sums.count; i++)
        iso_row_sum_end(&sums.sums[i], &look, sums.rows[i]);
    iso_look_release(&look);
    iso_free(sums.sums);
    iso_free(sums.rows);
    iso_free(sums.ranks);
}

size_t iso_lag_rows(struct iso_lag *lag, const char *collection, int64_t now_ms,
                    const struct iso_lag_row **rows)
{
    lag->row_count = 0;
    for (size_t i = 0; i < lag->collection_count; i++) {
        struct table_collection *at = lag->collections[i];
        if (collection == NULL || strcmp(at->definition->collection, collection) == 0)
            collection_rows(lag, at, now_ms);
    }
    *rows = lag->rows;
    return lag->row_count;
}
