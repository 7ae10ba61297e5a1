/* Which places are worth looking at in Kafka: those where something may wait, and it is
 * not known since when.
 *
 * Each costs a fetch, so those come first that can be the oldest, by the append time of
 * the record before them. The list is made when the first is asked for, in one pass
 * over the tables; beyond WANTED_MAX the youngest are left out until next time. Nothing
 * here can fail.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "monitor/look.h"

enum { WANTED_MAX = 1024, WANTED_SORT_AT = 8 * WANTED_MAX };

static int wanted_order(const void *a, const void *b)
{
    const struct table_wanted *left = a, *right = b;
    return (left->append_ms > right->append_ms) - (left->append_ms < right->append_ms);
}

static void wanted_cut(struct iso_lag *lag)
{
    if (lag->wanted_count > 1)
        qsort(lag->wanted, lag->wanted_count, sizeof *lag->wanted, wanted_order);
    if (lag->wanted_count > WANTED_MAX)
        lag->wanted_count = WANTED_MAX;
}

/* The places in one partition of one log, while they are collected. */
struct wanted_in {
    struct iso_lag *lag;
    const struct look *look;
    size_t index; /* of the log */
    size_t group; /* where this log and partition begin in the list */
};

static void wanted_add(const struct wanted_in *in, int64_t offset, int64_t append_ms)
{
    struct iso_lag *lag = in->lag;
    for (size_t i = in->group; i < lag->wanted_count; i++) {
        if (lag->wanted[i].offset != offset)
            continue; /* another region stands there too */
        if (append_ms < lag->wanted[i].append_ms)
            lag->wanted[i].append_ms = append_ms;
        return;
    }
    if (lag->wanted_count == lag->wanted_room) {
        lag->wanted_room = lag->wanted_room == 0 ? 64 : lag->wanted_room * 2;
        lag->wanted = iso_realloc(lag->wanted, lag->wanted_room * sizeof *lag->wanted);
    }
    lag->wanted[lag->wanted_count++] =
        (struct table_wanted){.collection = in->look->collection,
                              .log = in->look->logs[in->index].number,
                              .partition = in->look->partition,
                              .offset = offset,
                              .append_ms = append_ms};
}

static void wanted_source(const struct wanted_in *in, const struct table_stand *stand,
                          int64_t frontier, unsigned source,
                          const struct look_counted *counted)
{
    struct look_wait wait;
    iso_look_wait(&in->look->logs[in->index], stand, frontier, source, counted, &wait);
    if (wait.want >= 0)
        wanted_add(in, wait.want, wait.since_ms);
}

/* Where a region stands, for the age of the first record there of whatever kind: only
 * where it could be late. */
static void wanted_first(const struct wanted_in *in, const struct table_stand *stand,
                         int64_t frontier)
{
    const struct look *look = in->look;
    const struct look_log *log = &look->logs[in->index];
    int64_t first_ms = iso_look_first_ms(log, stand, frontier);
    int64_t before_ms = iso_table_moment(first_ms, log->clock_ms);
    const struct table_seen *seen = iso_table_seen(log->place, frontier);
    if (seen != NULL && seen->offset == frontier)
        return;
    if (before_ms == ISO_UNKNOWN_MS ||
        iso_table_age_ms(look->now_ms, before_ms) > look->lag->options.stale_after_ms)
        wanted_add(in, frontier, first_ms);
}

static void wanted_region(const struct wanted_in *in, const struct table_report *report)
{
    const struct look_log *log = &in->look->logs[in->index];
    const struct table_stand *stand = &report->stands[in->index];
    int64_t frontier = iso_table_frontier(report, in->index);
    bool nowhere = report->committed && report->frontiers[in->index] < 0;
    if (nowhere || frontier >= log->end || log->begin > frontier)
        return;
    wanted_first(in, stand, frontier);
    if (log->writers == 0)
        return; /* of no region */
    if (log->sole != 0) {
        struct look_counted counted = {report->committed, stand->writes, stand->strange,
                                       log->writes, log->strange};
        wanted_source(in, stand, frontier, log->sole, &counted);
        return;
    }
    uint64_t counts[ISO_REGION_MAX + 1];
    iso_look_counts(report, stand, counts, NULL);
    for (uint64_t left = log->writers; left != 0; left &= left - 1) {
        unsigned source = (unsigned)__builtin_ctzll(left) + 1;
        struct look_counted counted = {report->committed, counts[source], counts[0],
                                       log->of[source], log->of[0]};
        wanted_source(in, stand, frontier, source, &counted);
    }
}

static void wanted_slice(struct iso_lag *lag, const struct look *look)
{
    const struct iso_definition *definition = look->collection->definition;
    for (size_t i = 0; i < look->collection->log_count; i++) {
        struct wanted_in in = {
            .lag = lag, .look = look, .index = i, .group = lag->wanted_count};
        for (size_t r = 0; look->logs[i].end >= 0 && r < definition->region_count;
             r++) {
            const struct table_report *report = iso_table_known(
                look->collection, definition->regions[r].number, look->partition);
            if (report != NULL)
                wanted_region(&in, report);
        }
    }
}

static void wanted_collect(struct iso_lag *lag, int64_t now_ms)
{
    lag->wanted_count = 0;
    for (size_t c = 0; c < lag->collection_count; c++) {
        struct look look;
        iso_look_init(&look, lag, lag->collections[c], now_ms);
        for (uint32_t p = 0; p < lag->collections[c]->partitions; p++) {
            iso_look_at(&look, p);
            wanted_slice(lag, &look);
            if (lag->wanted_count >= WANTED_SORT_AT)
                wanted_cut(lag);
        }
        iso_look_release(&look);
    }
    wanted_cut(lag);
}

/* By the newest moment that it was fed; nobody tells the time here. */
static int64_t newest_ms(const struct iso_lag *lag)
{
    int64_t newest_ms = 0;
    for (size_t c = 0; c < lag->collection_count; c++) {
        const struct table_collection *collection = lag->collections[c];
        for (size_t i = 0; i < collection->log_count; i++) {
            if (newest_ms < collection->logs[i].places[0].asked_ms)
                newest_ms = collection->logs[i].places[0].asked_ms;
        }
    }
    return newest_ms;
}

bool iso_lag_wanted(struct iso_lag *lag, size_t n, const char **collection,
                    uint16_t *log, uint32_t *partition, int64_t *offset)
{
    if (n == 0)
        wanted_collect(lag, newest_ms(lag));
    if (n >= lag->wanted_count)
        return false;
    const struct table_wanted *wanted = &lag->wanted[n];
    *collection = wanted->collection->definition->collection;
    *log = wanted->log;
    *partition = wanted->partition;
    *offset = wanted->offset;
    return true;
}
