/* The table of lag: a row for each source region and target region, summed over slices.
 *
 * Slice by slice, first the peak of every log is found: how far the most advanced
 * region has read, and how many writes of each region it counted there. Then what waits
 * for a target is
 *
 *   in a log that only the source writes    end − frontier
 *   in a shared log                         the source's writes at the peak, less those
 *                                           the target counted (exact: a count is a
 *                                           function of the prefix read), and all that
 *                                           nobody has read yet (may be anybody's)
 *
 * The age of what waits is that of the record at the target's frontier. Where nobody
 * looked at it, the newest record before it is older, so its age is shown: too much by
 * the time that the log was quiet there, never too little.
 *
 * One slice that is not known makes the row's sums unknown: a sum over the rest would
 * look better than the truth.
 */
#include <stdio.h>

#include "base/mem.h"
#include "monitor/table.h"

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
    case ISO_LAG_STOPPED:
        return "stopped";
    case ISO_LAG_PARKED:
        return "parked";
    }
    return "unknown";
}

/* What the most advanced region read of one log, in one slice. */
struct lag_peak {
    int64_t frontier;
    int64_t append_ms;
    uint64_t writes[ISO_REGION_MAX + 1]; /* by region; 0: records without our header */
};

struct lag_look {
    const struct iso_lag *lag;
    const struct table_collection *collection;
    struct lag_peak *peaks; /* by log */
    int64_t now_ms;
    uint32_t partition;
};

/* A row while it is being summed. */
struct lag_sum {
    struct iso_lag_row *row;
    unsigned source, target;
    bool records_unknown, behind_unknown, staleness_unknown, age_unknown;
    bool moves;   /* some slice that is late gets on */
    int severity; /* of what `why` says */
};

/* ---- what is said of a row: the worst of its slices, the first of them ---- */

static int state_severity(enum iso_lag_state state)
{
    switch (state) {
    case ISO_LAG_OK:
        return 1; /* a remark */
    case ISO_LAG_CATCHING_UP:
        return 2;
    case ISO_LAG_LAGGING:
        return 3;
    case ISO_LAG_UNKNOWN:
        return 4;
    case ISO_LAG_PARKED:
        return 5;
    case ISO_LAG_STOPPED:
        return 6;
    }
    return 0;
}

static bool sum_worsens(struct lag_sum *sum, enum iso_lag_state state)
{
    int severity = state_severity(state);
    if (severity <= sum->severity)
        return false;
    sum->severity = severity;
    sum->row->state = state;
    return true;
}

/* Says of the slice why the row is in `state`, unless worse was said already. */
#define sum_say(sum, state, partition, format, ...)                                   \
    do {                                                                              \
        if (sum_worsens((sum), (state)))                                              \
            snprintf((sum)->row->why, sizeof(sum)->row->why, "partition %u: " format, \
                     (unsigned)(partition), __VA_ARGS__);                             \
    } while (0)

static double seconds(int64_t ms)
{
    return (double)ms / 1000.0;
}

/* ---- one slice ---- */

static void peak_raise(struct lag_peak *peak, const struct table_report *report,
                       const struct table_stand *stand)
{
    if (stand->frontier > peak->frontier) {
        peak->frontier = stand->frontier;
        peak->append_ms = stand->append_ms;
    }
    for (size_t i = 0; i < stand->source_count; i++) {
        const struct table_source *source = &report->sources[stand->source_first + i];
        if (peak->writes[source->region] < source->writes)
            peak->writes[source->region] = source->writes;
    }
}

static void look_at(struct lag_look *look, uint32_t partition)
{
    const struct table_collection *collection = look->collection;
    look->partition = partition;
    for (size_t i = 0; i < collection->log_count; i++)
        look->peaks[i] = (struct lag_peak){.append_ms = ISO_UNKNOWN_MS};
    for (unsigned region = 1; region <= ISO_REGION_MAX; region++) {
        const struct table_report *report =
            iso_table_report(collection, region, partition);
        for (size_t i = 0; report != NULL && i < collection->log_count; i++) {
            const struct table_stand *stand =
                iso_table_stand(report, collection->logs[i].number);
            if (stand != NULL)
                peak_raise(&look->peaks[i], report, stand);
        }
    }
}

/* What waits of the source in one log, and from where on. */
struct lag_waiting {
    uint64_t records;
    bool exact;
    int64_t from;
    int64_t before_ms; /* append time of the newest record below `from` */
    int64_t behind_ms;
};

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t writes_of(const struct table_report *report,
                          const struct table_stand *stand, unsigned region)
{
    const struct table_source *source = iso_table_source(report, stand, region);
    return source == NULL ? 0 : source->writes;
}

static struct lag_waiting waiting_in(const struct lag_look *look,
                                     const struct lag_sum *sum, size_t index,
                                     const struct table_report *report, int64_t end)
{
    const struct iso_definition_log *log = &look->collection->definition->logs[index];
    const struct lag_peak *peak = &look->peaks[index];
    const struct table_stand *stand = iso_table_stand(report, log->number);
    struct lag_waiting waiting = {.exact = true,
                                  .from = stand == NULL ? 0 : stand->frontier,
                                  .before_ms = stand == NULL ? ISO_UNKNOWN_MS
                                                             : stand->append_ms};
    if (log->writers == UINT64_C(1) << (sum->source - 1)) {
        waiting.records = end > waiting.from ? (uint64_t)(end - waiting.from) : 0;
        return waiting;
    }
    uint64_t of_source =
        less(peak->writes[sum->source], writes_of(report, stand, sum->source));
    uint64_t of_nobody = less(peak->writes[0], writes_of(report, stand, 0));
    uint64_t unread = end > peak->frontier ? (uint64_t)(end - peak->frontier) : 0;
    waiting.records = of_source + of_nobody + unread;
    waiting.exact = of_nobody + unread == 0;
    if (of_source + of_nobody == 0) {
        waiting.from = peak->frontier;
        waiting.before_ms = peak->append_ms;
    }
    return waiting;
}

/* Old records wait. One slice that gets on is enough to hope: a daemon applies what
 * waits slice by slice. One that is silent gets nowhere. */
static void sum_late(const struct lag_look *look, struct lag_sum *sum,
                     const struct table_report *report, size_t index,
                     const struct lag_waiting *waiting)
{
    int64_t stale_after_ms = look->lag->options.stale_after_ms;
    uint16_t log = look->collection->logs[index].number;
    const struct table_stand *stand = iso_table_stand(report, log);
    bool heard = iso_table_age_ms(look->now_ms, report->heard_ms) <= stale_after_ms;
    if (heard && stand != NULL && stand->moved_ms != ISO_UNKNOWN_MS &&
        iso_table_age_ms(report->heard_ms, stand->moved_ms) <= stale_after_ms)
        sum->moves = true;
    sum_say(sum, ISO_LAG_LAGGING, look->partition,
            "%s%llu records wait in log %u, the oldest for %.1f s",
            waiting->exact ? "" : "up to ", (unsigned long long)waiting->records,
            (unsigned)log, seconds(waiting->behind_ms));
}

static void sum_log(const struct lag_look *look, struct lag_sum *sum,
                    const struct table_report *report, size_t index)
{
    const struct iso_definition_log *log = &look->collection->definition->logs[index];
    int64_t asked_ms;
    int64_t end = iso_table_end(look->collection, index, look->partition, &asked_ms);
    if (end < 0 || look->now_ms - look->lag->options.stopped_after_ms > asked_ms) {
        sum->records_unknown = sum->behind_unknown = true;
        sum_say(sum, ISO_LAG_UNKNOWN, look->partition,
                "the end of log %u (%.64s on cluster %.32s) is not known: is that "
                "cluster in the settings, and does it answer?",
                (unsigned)log->number, log->topic, log->cluster);
        return;
    }
    struct lag_waiting waiting = waiting_in(look, sum, index, report, end);
    if (waiting.records == 0)
        return;
    sum->row->records_behind += waiting.records;
    sum->row->records_exact = sum->row->records_exact && waiting.exact;
    int64_t append_ms =
        iso_table_append_ms(look->collection, index, look->partition, waiting.from);
    if (append_ms == ISO_UNKNOWN_MS)
        append_ms = waiting.before_ms;
    if (append_ms == ISO_UNKNOWN_MS) {
        sum->behind_unknown = true;
        sum_say(sum, ISO_LAG_UNKNOWN, look->partition,
                "since when records wait in log %u is not known yet",
                (unsigned)log->number);
        return;
    }
    waiting.behind_ms = iso_table_age_ms(look->now_ms, append_ms);
    if (sum->row->behind_ms < waiting.behind_ms)
        sum->row->behind_ms = waiting.behind_ms;
    if (waiting.behind_ms > look->lag->options.stale_after_ms)
        sum_late(look, sum, report, index, &waiting);
}

/* When the newest record of the source that the target has applied was appended. */
static int64_t newest_ms_of(const struct lag_look *look, const struct lag_sum *sum,
                            const struct table_report *report, size_t index)
{
    const struct table_stand *stand =
        iso_table_stand(report, look->collection->logs[index].number);
    const struct table_source *source = iso_table_source(report, stand, sum->source);
    return source == NULL ? ISO_UNKNOWN_MS : source->append_ms;
}

static void sum_staleness(const struct lag_look *look, struct lag_sum *sum,
                          int64_t newest_ms)
{
    int64_t staleness_ms = iso_table_age_ms(look->now_ms, newest_ms);
    if (newest_ms == ISO_UNKNOWN_MS)
        sum->staleness_unknown = true;
    else if (sum->row->staleness_ms < staleness_ms)
        sum->row->staleness_ms = staleness_ms;
}

/* What the daemon says of itself, and for how long it has said nothing. */
static void sum_daemon(const struct lag_look *look, struct lag_sum *sum,
                       const struct table_report *report)
{
    int64_t age_ms = iso_table_age_ms(look->now_ms, report->heard_ms);
    const char *why = report->why == NULL ? "it does not say why" : report->why;
    const char *state = iso_slice_state_name(report->state);
    if (sum->row->report_age_ms < age_ms)
        sum->row->report_age_ms = age_ms;
    if (report->state == ISO_SLICE_CLOSED)
        sum_say(sum, ISO_LAG_STOPPED, look->partition,
                "the daemon of %s was stopped %.1f s ago", sum->row->target,
                seconds(age_ms));
    else if (age_ms > look->lag->options.stopped_after_ms)
        sum_say(sum, ISO_LAG_STOPPED, look->partition,
                "the daemon of %s was last heard %.1f s ago", sum->row->target,
                seconds(age_ms));
    else if (report->state == ISO_SLICE_PARKED || report->state == ISO_SLICE_STOPPED)
        sum_say(sum, ISO_LAG_PARKED, look->partition, "%s", why);
    else if (report->state == ISO_SLICE_WAITING)
        sum_say(sum, ISO_LAG_LAGGING, look->partition, "%s: %s", state, why);
}

static void sum_slice(const struct lag_look *look, struct lag_sum *sum)
{
    const struct iso_definition *definition = look->collection->definition;
    const struct table_report *report =
        iso_table_report(look->collection, sum->target, look->partition);
    if (report == NULL) {
        sum->records_unknown = sum->behind_unknown = true;
        sum->staleness_unknown = sum->age_unknown = true;
        sum_say(sum, ISO_LAG_UNKNOWN, look->partition,
                "nothing was heard of %s: has its isostasyd been started?",
                sum->row->target);
        return;
    }
    sum_daemon(look, sum, report);
    int64_t newest_ms = ISO_UNKNOWN_MS;
    for (size_t i = 0; i < definition->log_count; i++) {
        if ((definition->logs[i].writers >> (sum->source - 1) & 1) == 0)
            continue;
        sum_log(look, sum, report, i);
        const struct table_stand *stand =
            iso_table_stand(report, look->collection->logs[i].number);
        sum->row->refused += stand != NULL ? stand->refused : 0;
        int64_t here_ms = newest_ms_of(look, sum, report, i);
        newest_ms = here_ms > newest_ms ? here_ms : newest_ms;
    }
    sum_staleness(look, sum, newest_ms);
}

static void sum_end(struct lag_sum *sum)
{
    struct iso_lag_row *row = sum->row;
    if (row->state == ISO_LAG_LAGGING && sum->moves)
        row->state = ISO_LAG_CATCHING_UP;
    if (sum->records_unknown)
        row->records_behind = ISO_UNKNOWN_COUNT;
    if (sum->behind_unknown)
        row->behind_ms = ISO_UNKNOWN_MS;
    if (sum->staleness_unknown)
        row->staleness_ms = ISO_UNKNOWN_MS;
    if (sum->age_unknown)
        row->report_age_ms = ISO_UNKNOWN_MS;
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
    *row = (struct iso_lag_row){.state = ISO_LAG_OK, .records_exact = true};
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

static void collection_rows(struct iso_lag *lag, struct table_collection *collection,
                            int64_t now_ms)
{
    const struct iso_definition *definition = collection->definition;
    size_t first = lag->row_count;
    rows_add(lag, definition);
    size_t count = lag->row_count - first;
    struct lag_sum *sums = iso_alloc_zero(count + 1, sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        struct iso_lag_row *row = &lag->rows[first + i];
        sums[i].row = row;
        sums[i].source = iso_definition_region_named(definition, row->source)->number;
        sums[i].target = iso_definition_region_named(definition, row->target)->number;
    }
    struct lag_look look = {
        .lag = lag,
        .collection = collection,
        .peaks = iso_alloc_zero(collection->log_count + 1, sizeof *look.peaks),
        .now_ms = now_ms};
    for (uint32_t p = 0; p < collection->partitions; p++) {
        look_at(&look, p);
        for (size_t i = 0; i < count; i++)
            sum_slice(&look, &sums[i]);
    }
    for (size_t i = 0; i < count; i++)
        sum_end(&sums[i]);
    iso_free(look.peaks);
    iso_free(sums);
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
