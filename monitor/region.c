/* The regions, each as its own daemons last told of it, summed over its slices. */
#include <stdio.h>

#include "base/mem.h"
#include "monitor/table.h"

static struct iso_lag_region *region_add(struct iso_lag *lag)
{
    if (lag->region_count == lag->region_room) {
        lag->region_room = lag->region_room == 0 ? 8 : lag->region_room * 2;
        lag->regions =
            iso_realloc(lag->regions, lag->region_room * sizeof *lag->regions);
    }
    struct iso_lag_region *region = &lag->regions[lag->region_count++];
    *region = (struct iso_lag_region){.report_ms = ISO_UNKNOWN_MS,
                                      .started_ms = ISO_UNKNOWN_MS,
                                      .floor_ms = ISO_UNKNOWN_MS,
                                      .swept_ms = ISO_UNKNOWN_MS,
                                      .oldest_ms = ISO_UNKNOWN_MS};
    return region;
}

static int64_t added(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void counts_add(struct iso_lag_region *region, const struct table_report *report)
{
    region->values = added(region->values, report->values);
    region->tombstones = added(region->tombstones, report->tombstones);
    region->expiring = added(region->expiring, report->expiring);
    region->ledger_rows += report->proof.ledger_rows;
    region->dropped_rows += report->dropped_rows;
    region->dropped_bytes += report->dropped_bytes;
    region->refused += report->refused;
    region->alarms += report->alarms;
    region->gaps += report->gaps;
}

static void floor_add(struct iso_lag_region *region, const struct table_report *report,
                      uint32_t partition)
{
    if (report->floor_ms != ISO_UNKNOWN_MS &&
        (region->floor_ms == ISO_UNKNOWN_MS || report->floor_ms < region->floor_ms)) {
        region->floor_ms = report->floor_ms;
        region->floor_log = report->floor_log;
        region->floor_partition = partition;
    }
    int64_t swept_ms = report->proof.swept_min_ms;
    if (swept_ms <= 0)
        swept_ms = ISO_UNKNOWN_MS; /* smaller than any */
    if (region->heard == 1 || swept_ms < region->swept_ms)
        region->swept_ms = swept_ms;
}

/* Where nothing waits nothing is old: such a slice says so only when no other has more
 * to say. */
static void oldest_add(struct iso_lag_region *region, const struct table_report *report)
{
    int64_t oldest_ms = report->oldest_ms < 0 ? 0 : report->oldest_ms;
    if (!report->has_oldest)
        return;
    if (region->oldest_ms == ISO_UNKNOWN_MS || region->oldest_ms == 0 ||
        (oldest_ms != 0 && oldest_ms < region->oldest_ms))
        region->oldest_ms = oldest_ms;
}

/* What a daemon tells of itself: the newest of what its slices told, and it says the
 * same in all of them. */
static void health_add(struct iso_lag_region *region, const struct table_report *report,
                       int64_t *newest_ms)
{
    if (report->has_health && report->started_ms > region->started_ms)
        region->started_ms = report->started_ms;
    if (report->has_loser &&
        (!region->has_loser || report->loser_at_ms > region->loser_at_ms)) {
        region->has_loser = true;
        region->loser_key = iso_buf_bytes(&report->loser_key);
        region->loser_version = report->loser_version;
        region->loser_log = report->loser_log;
        region->loser_offset = report->loser_offset;
        region->loser_at_ms = report->loser_at_ms;
    }
    if (report->heard_ms < *newest_ms)
        return;
    *newest_ms = report->heard_ms;
    memcpy(region->software, report->software, sizeof region->software);
    region->has_clock = report->has_clock;
    region->clock_ms = report->has_clock ? report->clock_ms : 0;
    region->clock_error_ms = report->has_clock ? report->clock_error_ms : 0;
    region->has_store = report->has_store;
    region->store_used = report->has_store ? report->store_used : 0;
    region->store_free = report->has_store ? report->store_free : 0;
    if (region->store_free == INT64_MAX) /* a store without a bound */
        region->store_free = ISO_UNKNOWN_COUNT;
}

static void region_fill(const struct iso_lag *lag,
                        const struct table_collection *collection,
                        const struct iso_definition_region *named,
                        struct iso_lag_region *region)
{
    const struct iso_definition_log *own =
        iso_definition_log_of(collection->definition, named->number);
    const char *cluster = own == NULL ? "" : own->cluster;
    int64_t newest_ms = INT64_MIN;
    region->slices = collection->partitions;
    for (uint32_t p = 0; p < collection->partitions; p++) {
        const struct table_report *report =
            iso_table_report(collection, named->number, p);
        if (report == NULL)
            continue;
        int64_t heard_ms = iso_table_heard_ms(lag, report);
        if (region->heard++ == 0 || heard_ms < region->report_ms)
            region->report_ms = heard_ms;
        if (report->cluster != TABLE_NO_CLUSTER)
            cluster = lag->clusters[report->cluster].name;
        counts_add(region, report);
        floor_add(region, report, p);
        oldest_add(region, report);
        health_add(region, report, &newest_ms);
    }
    snprintf(region->collection, sizeof region->collection, "%s",
             collection->definition->collection);
    snprintf(region->region, sizeof region->region, "%s", named->name);
    snprintf(region->cluster, sizeof region->cluster, "%.63s", cluster);
}

size_t iso_lag_regions(struct iso_lag *lag, const char *collection, int64_t now_ms,
                       const struct iso_lag_region **regions)
{
    (void)now_ms; /* moments, not ages */
    lag->region_count = 0;
    for (size_t i = 0; i < lag->collection_count; i++) {
        const struct table_collection *at = lag->collections[i];
        const struct iso_definition *definition = at->definition;
        if (collection != NULL && strcmp(definition->collection, collection) != 0)
            continue;
        for (size_t r = 0; r < definition->region_count; r++)
            region_fill(lag, at, &definition->regions[r], region_add(lag));
    }
    *regions = lag->regions;
    return lag->region_count;
}
