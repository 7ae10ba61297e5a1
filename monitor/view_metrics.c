/* /metrics. What is not known has no series, and never a NaN, -1 or false 0. Moments
 * are told as moments: who wants an age subtracts it from time(), and an age that
 * nobody renews any more cannot look young.
 *
 * Everything is walked once without writing, to count series; so `auto` knows how fine
 * it may be. Labels of a pair are collection, source_region and target_region; of what
 * a region tells of itself, collection and region.
 */
#include "monitor/view_metrics.h"

/* ---- writing ---- */

bool iso_metrics_ms(int64_t ms, double *value)
{
    *value = (double)ms / 1000;
    return ms != ISO_UNKNOWN_MS;
}

bool iso_metrics_count(uint64_t count, double *value)
{
    *value = (double)count;
    return count != ISO_UNKNOWN_COUNT;
}

void iso_metrics_family(struct metrics *at, const char *name, enum iso_metric metric,
                        const char *unit, const char *help)
{
    if (!at->counting)
        iso_exposition_family(&at->out, name, metric, unit, help);
}

void iso_metrics_sample(struct metrics *at, double value,
                        const struct metrics_labels *labels)
{
    const char *const *name = labels->names, *const *text = labels->values;
    at->series++;
    if (!at->counting)
        iso_exposition_sample(&at->out, value, name[0], text[0], name[1], text[1],
                              name[2], text[2], name[3], text[3], (char *)NULL);
}

void iso_metrics_states(struct metrics *at, struct metrics_labels *labels,
                        const char *(*name)(int state), int states, int holds)
{
    size_t last = 0;
    while (labels->names[last] != NULL)
        last++;
    labels->names[last] = "state";
    for (int state = 0; state < states; state++) {
        labels->values[last] = name(state);
        if (state == holds || !at->slim)
            iso_metrics_sample(at, state == holds, labels);
    }
    labels->names[last] = NULL;
}

void iso_metrics_single(struct metrics *at, const struct metrics_single *single)
{
    static const struct metrics_labels none = {.names = {NULL}};
    iso_metrics_family(at, single->name, single->metric, single->unit, single->help);
    iso_metrics_sample(at, single->value, &none);
}

/* ---- regions ---- */

static bool told(const struct iso_lag_region *region, uint64_t count, double *value)
{
    return region->heard > 0 && iso_metrics_count(count, value);
}

static bool region_report(const struct iso_lag_region *region, double *value)
{
    return iso_metrics_ms(region->report_ms, value);
}

static bool region_started(const struct iso_lag_region *region, double *value)
{
    return iso_metrics_ms(region->started_ms, value);
}

static bool region_slices(const struct iso_lag_region *region, double *value)
{
    return iso_metrics_count(region->slices, value);
}

static bool region_heard(const struct iso_lag_region *region, double *value)
{
    return iso_metrics_count(region->heard, value);
}

static bool region_values(const struct iso_lag_region *region, double *value)
{
    return told(region, (uint64_t)region->values, value);
}

static bool region_tombstones(const struct iso_lag_region *region, double *value)
{
    return told(region, (uint64_t)region->tombstones, value);
}

static bool region_expiring(const struct iso_lag_region *region, double *value)
{
    return told(region, (uint64_t)region->expiring, value);
}

static bool region_conflicts(const struct iso_lag_region *region, double *value)
{
    return told(region, region->ledger_rows, value);
}

static bool region_dropped(const struct iso_lag_region *region, double *value)
{
    return told(region, region->dropped_rows, value);
}

static bool region_dropped_bytes(const struct iso_lag_region *region, double *value)
{
    return told(region, region->dropped_bytes, value);
}

static bool region_refused(const struct iso_lag_region *region, double *value)
{
    return told(region, region->refused, value);
}

static bool region_alarms(const struct iso_lag_region *region, double *value)
{
    return told(region, region->alarms, value);
}

static bool region_gaps(const struct iso_lag_region *region, double *value)
{
    return told(region, region->gaps, value);
}

static bool region_floor(const struct iso_lag_region *region, double *value)
{
    return iso_metrics_ms(region->floor_ms, value);
}

static bool region_oldest(const struct iso_lag_region *region, double *value)
{
    return region->oldest_ms > 0 && iso_metrics_ms(region->oldest_ms, value);
}

static bool region_swept(const struct iso_lag_region *region, double *value)
{
    return region->swept_ms > 0 && iso_metrics_ms(region->swept_ms, value);
}

static bool region_clock(const struct iso_lag_region *region, double *value)
{
    return region->has_clock && iso_metrics_ms(region->clock_ms, value);
}

static bool region_clock_error(const struct iso_lag_region *region, double *value)
{
    return region->has_clock && iso_metrics_ms(region->clock_error_ms, value);
}

static bool region_used(const struct iso_lag_region *region, double *value)
{
    return region->has_store && iso_metrics_count(region->store_used, value);
}

static bool region_free(const struct iso_lag_region *region, double *value)
{
    return region->has_store && iso_metrics_count(region->store_free, value);
}

static const struct region_family {
    const char *name, *unit, *help;
    enum iso_metric metric;
    bool slim; /* is written when series are few, too */
    bool (*value)(const struct iso_lag_region *region, double *value);
} region_families[] = {
    {"isostasy_report_timestamp", "seconds",
     "When the region was heard: the oldest of its slices' newest reports.", ISO_GAUGE,
     true, region_report},
    {"isostasy_daemon_start_timestamp", "seconds",
     "When a daemon of the region last started, by its clock.", ISO_GAUGE, false,
     region_started},
    {"isostasy_slices", NULL, "Slices of the collection.", ISO_GAUGE, false,
     region_slices},
    {"isostasy_slices_heard", NULL, "Slices of which the region has reported.",
     ISO_GAUGE, false, region_heard},
    {"isostasy_values", NULL, "Keys that have a value.", ISO_GAUGE, false,
     region_values},
    {"isostasy_tombstones", NULL, "Deleted keys that are not forgotten yet.", ISO_GAUGE,
     false, region_tombstones},
    {"isostasy_expiring_values", NULL, "Values that expire.", ISO_GAUGE, false,
     region_expiring},
    {"isostasy_conflicts", NULL, "Values that lost, in the conflict ledger.", ISO_GAUGE,
     true, region_conflicts},
    {"isostasy_conflicts_dropped", NULL,
     "Values that the ledger's bounds dropped; that they lost is still known.",
     ISO_COUNTER, false, region_dropped},
    {"isostasy_conflicts_dropped", "bytes", "Bytes of the values dropped.", ISO_COUNTER,
     false, region_dropped_bytes},
    {"isostasy_refused", NULL, "Records refused; each has a dead letter.", ISO_COUNTER,
     true, region_refused},
    {"isostasy_alarms", NULL, "Equal versions with different content.", ISO_COUNTER,
     true, region_alarms},
    {"isostasy_gaps", NULL, "Writes that never came.", ISO_COUNTER, false, region_gaps},
    {"isostasy_floor_timestamp", "seconds",
     "Below it tombstones may be forgotten: the smallest over slices.", ISO_GAUGE,
     false, region_floor},
    {"isostasy_forgetting_oldest_timestamp", "seconds",
     "The oldest that waits to be forgotten; none where nothing waits.", ISO_GAUGE,
     false, region_oldest},
    {"isostasy_swept_timestamp", "seconds",
     "To which all buckets were swept: the smallest.", ISO_GAUGE, false, region_swept},
    {"isostasy_clock_offset", "seconds",
     "The daemon's clock minus that of its brokers.", ISO_GAUGE, true, region_clock},
    {"isostasy_clock_error", "seconds", "Give or take so much.", ISO_GAUGE, false,
     region_clock_error},
    {"isostasy_store_used", "bytes", "What the store holds.", ISO_GAUGE, true,
     region_used},
    {"isostasy_store_free", "bytes", "What it may still grow by.", ISO_GAUGE, true,
     region_free},
};

static void write_region_family(struct metrics *at,
                                const struct iso_status_collection *collection,
                                const struct region_family *row)
{
    for (size_t i = 0; i < collection->region_count; i++) {
        const struct iso_lag_region *region = &collection->regions[i];
        struct metrics_labels labels = {
            .names = {"collection", "region", NULL},
            .values = {collection->name, region->region, NULL}};
        double value;
        if (row->value(region, &value))
            iso_metrics_sample(at, value, &labels);
    }
}

static void write_regions(struct metrics *at)
{
    for (size_t f = 0; f < sizeof region_families / sizeof region_families[0]; f++) {
        const struct region_family *row = &region_families[f];
        if (at->slim && !row->slim)
            continue;
        iso_metrics_family(at, row->name, row->metric, row->unit, row->help);
        for (size_t i = 0; i < at->status->collection_count; i++)
            write_region_family(at, &at->status->collections[i], row);
    }
}

/* ---- all of it ---- */

static void write_all(struct metrics *at, const struct iso_view_self *self)
{
    iso_metrics_self(at, self);
    if (at->status == NULL)
        return;
    iso_metrics_clusters(at);
    iso_metrics_collections(at);
    write_regions(at);
    iso_metrics_pairs(at);
}

/* As fine as makes at most series_max. */
static void choose(struct metrics *at, const struct iso_metrics_options *options)
{
    at->granularity = options->granularity;
    if (options->granularity != ISO_BY_AUTO)
        return;
    struct metrics pairs = {
        .status = at->status, .granularity = ISO_BY_PAIR, .counting = true};
    struct metrics regions = {
        .status = at->status, .granularity = ISO_BY_REGION, .counting = true};
    write_all(&pairs, options->self);
    write_all(&regions, options->self);
    at->granularity = pairs.series <= options->series_max ? ISO_BY_PAIR : ISO_BY_REGION;
    at->slim = at->granularity == ISO_BY_REGION && regions.series > options->series_max;
}

void iso_view_metrics(const struct iso_status *status,
                      const struct iso_metrics_options *options, struct iso_buf *out)
{
    struct metrics at = {.status = status, .out = {.open = options->open}};
    choose(&at, options);
    write_all(&at, options->self);
    iso_exposition_end(&at.out);
    iso_buf_add_bytes(out, iso_buf_bytes(&at.out.text));
    iso_buf_release(&at.out.text);
}

enum iso_granularity iso_granularity_parse(const char *name)
{
    if (strcmp(name, "region") == 0)
        return ISO_BY_REGION;
    if (strcmp(name, "pair") == 0)
        return ISO_BY_PAIR;
    return strcmp(name, "partition") == 0 ? ISO_BY_PARTITION : ISO_BY_AUTO;
}
