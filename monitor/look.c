/* What waits, of whom, and since when.
 *
 * Of a source's writes that a region has not applied, some were counted by a region
 * that is ahead, and some nobody has read yet. So what waits
 *
 *   in a log that only the source writes    is end - frontier, of which some records
 *                                           may be heartbeats
 *   in a shared log                         are the source's writes at the peak, less
 *                                           those the target counted, and all that
 *                                           nobody has read (may be anybody's)
 *
 * and the oldest write that waits is looked for
 *
 *   behind the frontier     where the counts differ: it is below the peak
 *   behind the peak         else: what is below was counted, and is no write
 *   nowhere                 when the peak is at the end besides: none waits
 *
 * Where nobody looked, what waits is younger than the newest record before it, and than
 * the moment when we saw that the log ended there; where somebody looked and found no
 * write, than the last record seen. Then that age is shown as a bound: too much, never
 * too little. Where nothing is known the answer is unknown.
 */
#include "monitor/look.h"

#include "base/mem.h"

enum { COUNTS = ISO_REGION_MAX + 1 };

void iso_look_init(struct look *look, struct iso_lag *lag,
                   struct table_collection *collection, int64_t now_ms)
{
    const struct iso_definition *definition = collection->definition;
    size_t shared = 0;
    uint64_t regions = 0;
    *look = (struct look){.lag = lag, .collection = collection, .now_ms = now_ms};
    look->logs = iso_alloc_zero(collection->log_count + 1, sizeof *look->logs);
    for (size_t i = 0; i < definition->region_count; i++)
        regions |= UINT64_C(1) << (definition->regions[i].number - 1);
    for (size_t i = 0; i < collection->log_count; i++)
        shared += collection->logs[i].sole == 0;
    look->counts = iso_alloc_zero((shared + 1) * COUNTS, sizeof *look->counts);
    shared = 0;
    for (size_t i = 0; i < collection->log_count; i++) {
        const struct table_log *log = &collection->logs[i];
        look->logs[i] =
            (struct look_log){.writers = definition->logs[i].writers & regions,
                              .sole = log->sole,
                              .number = log->number,
                              .clock_ms = lag->clusters[log->cluster].clock_ms,
                              .retention_ms = log->retention_ms};
        if (log->sole == 0)
            look->logs[i].of = look->counts + COUNTS * ++shared;
    }
}

void iso_look_release(struct look *look)
{
    iso_free(look->logs);
    iso_free(look->counts);
}

/* ---- the peak ---- */

void iso_look_counts(const struct table_report *report, const struct table_stand *stand,
                     uint64_t *counts, int64_t *newest_ms)
{
    for (size_t i = 0; i < COUNTS; i++)
        counts[i] = 0;
    for (size_t i = 0; newest_ms != NULL && i < COUNTS; i++)
        newest_ms[i] = ISO_UNKNOWN_MS;
    for (size_t i = 0; i < stand->source_count; i++) {
        const struct table_source *source = &report->sources[stand->source_first + i];
        counts[source->region] = source->writes;
        if (newest_ms != NULL)
            newest_ms[source->region] = source->append_ms;
    }
}

/* Who stands beyond the end read another log: it was cut off or made anew, or the end
 * is older than the report. Nothing that it counted is the others' measure. */
static void peak_raise(struct look_log *log, const struct table_report *report,
                       const struct table_stand *stand, int64_t frontier)
{
    if (log->end >= 0 && frontier > log->end)
        return;
    if (frontier > log->frontier) {
        log->frontier = frontier;
        log->append_ms = stand->append_ms;
    }
    if (log->writes < stand->writes)
        log->writes = stand->writes;
    if (log->strange < stand->strange)
        log->strange = stand->strange;
    for (size_t i = 0; i < stand->source_count; i++) {
        const struct table_source *source = &report->sources[stand->source_first + i];
        if (log->of != NULL && log->of[source->region] < source->writes)
            log->of[source->region] = source->writes;
    }
}

static void log_turn(struct look *look, size_t index)
{
    struct look_log *log = &look->logs[index];
    int64_t asked_ms;
    log->place = &look->collection->logs[index].places[look->partition];
    log->end = iso_table_end(look->collection, index, look->partition, &asked_ms);
    log->begin = log->place->begin;
    log->end_known = log->end >= 0 && iso_table_age_ms(look->now_ms, asked_ms) <=
                                          look->lag->options.stopped_after_ms;
    log->frontier = 0;
    log->append_ms = ISO_UNKNOWN_MS;
    log->writes = log->strange = 0;
    if (log->of != NULL)
        memset(log->of, 0, COUNTS * sizeof *log->of);
}

void iso_look_at(struct look *look, uint32_t partition)
{
    const struct table_collection *collection = look->collection;
    const struct iso_definition *definition = collection->definition;
    look->partition = partition;
    for (size_t i = 0; i < collection->log_count; i++)
        log_turn(look, i);
    for (size_t r = 0; r < definition->region_count; r++) {
        const struct table_report *report =
            iso_table_report(collection, definition->regions[r].number, partition);
        for (size_t i = 0; report != NULL && i < collection->log_count; i++) {
            if (report->frontiers[i] >= 0)
                peak_raise(&look->logs[i], report, &report->stands[i],
                           report->frontiers[i]);
        }
    }
}

/* ---- what waits ---- */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* Not before this moment, by the brokers' clock, was what stands at `offset` appended:
 * after the record before it, and after we saw that the log ended there. */
static int64_t bound_ms(const struct look_log *log, int64_t offset, int64_t before_ms)
{
    int64_t mark_ms = iso_table_mark_ms(log->place, offset);
    if (mark_ms == ISO_UNKNOWN_MS)
        return before_ms;
    return later(before_ms, iso_table_less_ms(mark_ms, -log->clock_ms));
}

/* The first write of `source` in [from, to), of which nothing but a bound is known
 * where nobody looked. */
static void wait_since(const struct look_log *log, int64_t from, int64_t to,
                       unsigned source, struct look_wait *wait)
{
    const struct table_seen *seen = iso_table_seen(log->place, from);
    wait->want = from;
    if (seen == NULL)
        return;
    int64_t first_ms = INT64_MAX;
    for (size_t i = 0; i < seen->first_count; i++) {
        const struct iso_lag_first *first = &seen->firsts[i];
        if (first->region != source && first->region != 0)
            continue;
        if (first->offset < from)
            return; /* the region has passed it: who comes next was not looked for */
        if (first->append_ms < first_ms)
            first_ms = first->append_ms;
    }
    wait->want = -1;
    if (first_ms != INT64_MAX || seen->upto >= to) {
        wait->since_ms = first_ms;
        wait->since_exact = true;
        return;
    }
    wait->want = seen->upto;
    wait->since_ms = bound_ms(log, seen->upto, later(wait->since_ms, seen->upto_ms));
}

void iso_look_wait(const struct look_log *log, const struct table_stand *stand,
                   int64_t frontier, unsigned source,
                   const struct look_counted *counted, struct look_wait *wait)
{
    uint64_t of_source = less(counted->peak_of_source, counted->of_source);
    uint64_t strange = less(counted->peak_strange, counted->strange);
    int64_t peak = log->frontier < log->end ? log->frontier : log->end;
    *wait = (struct look_wait){
        .exact = true, .since_ms = INT64_MAX, .since_exact = true, .want = -1};
    if (frontier >= log->end)
        return;
    if (counted->nothing) {
        wait->records = (uint64_t)(log->end - frontier);
        wait->exact = log->sole != 0;
    } else if (log->sole != 0) {
        wait->records = (uint64_t)(log->end - frontier);
    } else {
        uint64_t unread = (uint64_t)(log->end - peak);
        wait->records = of_source + strange + unread;
        wait->exact = strange + unread == 0;
    }
    bool counts = of_source + strange > 0 || counted->nothing;
    if (!counts && peak == log->end)
        return;
    wait->since_exact = false;
    if (counts) {
        wait->since_ms = bound_ms(log, frontier, stand->append_ms);
        wait_since(log, frontier, log->end, source, wait);
    } else {
        wait->since_ms = bound_ms(log, peak, later(log->append_ms, stand->append_ms));
        wait_since(log, peak, log->end, source, wait);
    }
}

int64_t iso_look_first_ms(const struct look_log *log, const struct table_stand *stand,
                          int64_t frontier)
{
    const struct table_seen *seen = iso_table_seen(log->place, frontier);
    if (seen != NULL && seen->offset == frontier && seen->append_ms != ISO_UNKNOWN_MS)
        return seen->append_ms;
    return bound_ms(log, frontier, stand->append_ms);
}
