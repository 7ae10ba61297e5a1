/* Metrics of a source region and a target region. Families stand in a table: name,
 * unit, words, and a function that says the value, or that it is not known.
 *
 * A family is written for each pair, or for each target region: then the worst source
 * is said, and a source that is not known makes it unknown.
 */
#include "monitor/view_metrics.h"

#include <stdio.h>

enum merge { WORST_IS_MOST, WORST_IS_LEAST, SUM };

struct pair_family {
    const char *name, *unit, *help;
    enum iso_metric metric;
    enum merge merge;
    bool (*value)(const struct iso_status_pair *pair, int64_t now_ms, double *value);
};

static bool pair_lag(const struct iso_status_pair *pair, int64_t now_ms, double *value)
{
    (void)now_ms;
    return iso_metrics_ms(pair->row.lag_ms, value);
}

static bool pair_records(const struct iso_status_pair *pair, int64_t now_ms,
                         double *value)
{
    (void)now_ms;
    return iso_metrics_count(pair->row.records_behind, value);
}

static bool pair_newest(const struct iso_status_pair *pair, int64_t now_ms,
                        double *value)
{
    (void)now_ms;
    return iso_metrics_ms(pair->row.newest_ms, value);
}

static bool pair_deadline(const struct iso_status_pair *pair, int64_t now_ms,
                          double *value)
{
    int64_t left_ms = pair->row.deleted_in_ms, at_ms;
    return left_ms != ISO_UNKNOWN_MS &&
           !__builtin_add_overflow(now_ms, left_ms, &at_ms) &&
           iso_metrics_ms(at_ms, value);
}

static bool pair_caught_up(const struct iso_status_pair *pair, int64_t now_ms,
                           double *value)
{
    int64_t at_ms;
    return pair->eta_ms != ISO_UNKNOWN_MS &&
           !__builtin_add_overflow(now_ms, pair->eta_ms, &at_ms) &&
           iso_metrics_ms(at_ms, value);
}

static bool pair_applied(const struct iso_status_pair *pair, int64_t now_ms,
                         double *value)
{
    (void)now_ms;
    return iso_metrics_count(pair->row.applied, value);
}

static bool pair_lost(const struct iso_status_pair *pair, int64_t now_ms, double *value)
{
    (void)now_ms;
    return iso_metrics_count(pair->row.lost, value);
}

static const struct pair_family pair_families[] = {
    {"isostasy_lag", "seconds",
     "Age of the oldest write of the source that the target has not applied; 0: none "
     "waits.",
     ISO_GAUGE, WORST_IS_MOST, pair_lag},
    {"isostasy_lag", "records", "Records of the source that wait in the target.",
     ISO_GAUGE, SUM, pair_records},
    {"isostasy_newest_applied_timestamp", "seconds",
     "When the newest record of the source that the target has applied was appended, "
     "heartbeats included.",
     ISO_GAUGE, WORST_IS_LEAST, pair_newest},
    {"isostasy_retention_deadline_timestamp", "seconds",
     "When retention takes the oldest record that waits.", ISO_GAUGE, WORST_IS_LEAST,
     pair_deadline},
    {"isostasy_caught_up_timestamp", "seconds",
     "When nothing will wait any more, as fast as it goes now.", ISO_GAUGE,
     WORST_IS_MOST, pair_caught_up},
    {"isostasy_applied_records", NULL,
     "Records of the source's logs that the target has passed.", ISO_COUNTER, SUM,
     pair_applied},
    {"isostasy_lost_records", NULL,
     "Records that retention took before the target had read them.", ISO_COUNTER, SUM,
     pair_lost},
};
enum { PAIR_FAMILIES = sizeof pair_families / sizeof pair_families[0] };

/* A deadline or a time of arrival that one source lacks is no gap in what is known of
 * the others; everything else is. */
static bool may_lack(const struct pair_family *row)
{
    return row->value == pair_deadline || row->value == pair_caught_up;
}

static double merged(enum merge merge, double a, double b)
{
    switch (merge) {
    case WORST_IS_MOST:
        return a > b ? a : b;
    case WORST_IS_LEAST:
        return a < b ? a : b;
    case SUM:
        return a + b;
    }
    return a;
}

/* Of all sources of one target; false: not known. */
static bool target_value(const struct metrics *at,
                         const struct iso_status_collection *collection,
                         const char *target, const struct pair_family *row,
                         double *value)
{
    bool has = false;
    for (size_t i = 0; i < collection->pair_count; i++) {
        const struct iso_status_pair *pair = &collection->pairs[i];
        double one;
        if (strcmp(pair->row.target, target) != 0)
            continue;
        bool known = row->value(pair, at->status->at_ms, &one);
        if (!known && !may_lack(row))
            return false;
        if (known)
            *value = has ? merged(row->merge, *value, one) : one;
        has = has || known;
    }
    return has;
}

static struct metrics_labels pair_labels(const struct iso_status_pair *pair)
{
    return (struct metrics_labels){
        .names = {"collection", "source_region", "target_region", NULL},
        .values = {pair->row.collection, pair->row.source, pair->row.target, NULL}};
}

static struct metrics_labels
target_labels(const struct iso_status_collection *collection, const char *target)
{
    return (struct metrics_labels){.names = {"collection", "target_region", NULL, NULL},
                                   .values = {collection->name, target, NULL, NULL}};
}

static void write_pair_family(struct metrics *at,
                              const struct iso_status_collection *collection,
                              const struct pair_family *row)
{
    double value;
    if (at->granularity == ISO_BY_REGION) {
        for (size_t i = 0; i < collection->region_count; i++) {
            const char *target = collection->regions[i].region;
            struct metrics_labels labels = target_labels(collection, target);
            if (target_value(at, collection, target, row, &value))
                iso_metrics_sample(at, value, &labels);
        }
        return;
    }
    for (size_t i = 0; i < collection->pair_count; i++) {
        const struct iso_status_pair *pair = &collection->pairs[i];
        struct metrics_labels labels = pair_labels(pair);
        if (row->value(pair, at->status->at_ms, &value))
            iso_metrics_sample(at, value, &labels);
    }
}

/* ---- states ---- */

static const char *state_name(int state)
{
    return iso_lag_state_name((enum iso_lag_state)state);
}

static bool target_state(const struct iso_status_collection *collection,
                         const char *target, enum iso_lag_state *state)
{
    bool has = false;
    for (size_t i = 0; i < collection->pair_count; i++) {
        const struct iso_status_pair *pair = &collection->pairs[i];
        if (strcmp(pair->row.target, target) != 0)
            continue;
        if (!has ||
            iso_lag_state_severity(pair->state) > iso_lag_state_severity(*state))
            *state = pair->state;
        has = true;
    }
    return has;
}

static void write_states(struct metrics *at,
                         const struct iso_status_collection *collection)
{
    enum iso_lag_state state = ISO_LAG_UNKNOWN;
    if (at->granularity == ISO_BY_REGION) {
        for (size_t i = 0; i < collection->region_count; i++) {
            const char *target = collection->regions[i].region;
            struct metrics_labels labels = target_labels(collection, target);
            if (target_state(collection, target, &state))
                iso_metrics_states(at, &labels, state_name, ISO_LAG_STATES, (int)state);
        }
        return;
    }
    for (size_t i = 0; i < collection->pair_count; i++) {
        struct metrics_labels labels = pair_labels(&collection->pairs[i]);
        iso_metrics_states(at, &labels, state_name, ISO_LAG_STATES,
                           (int)collection->pairs[i].state);
    }
}

/* ---- latency ---- */

static void write_latency(struct metrics *at, const struct iso_latency *latency,
                          const struct metrics_labels *labels)
{
    const char *const *name = labels->names, *const *text = labels->values;
    double bounds[ISO_LATENCY_BOUNDS];
    for (size_t i = 0; i < ISO_LATENCY_BOUNDS; i++)
        bounds[i] = (double)iso_latency_bounds_ms[i] / 1000;
    at->series += ISO_LATENCY_BOUNDS + 3; /* buckets, count and sum */
    if (!at->counting)
        iso_exposition_histogram(&at->out, bounds, latency->counts, ISO_LATENCY_BOUNDS,
                                 (double)latency->sum_ms / 1000, name[0], text[0],
                                 name[1], text[1], name[2], text[2], (char *)NULL);
}

static void target_latency(struct metrics *at,
                           const struct iso_status_collection *collection,
                           const char *target)
{
    struct iso_latency all = {0};
    bool has = false;
    for (size_t i = 0; i < collection->pair_count; i++) {
        const struct iso_lag_row *row = &collection->pairs[i].row;
        if (strcmp(row->target, target) != 0 || !row->has_latency)
            continue;
        iso_latency_merge(&all, &row->latency);
        has = true;
    }
    struct metrics_labels labels = target_labels(collection, target);
    if (has)
        write_latency(at, &all, &labels);
}

static void write_latencies(struct metrics *at,
                            const struct iso_status_collection *collection)
{
    for (size_t i = 0; at->granularity == ISO_BY_REGION && i < collection->region_count;
         i++)
        target_latency(at, collection, collection->regions[i].region);
    for (size_t i = 0; at->granularity != ISO_BY_REGION && i < collection->pair_count;
         i++) {
        struct metrics_labels labels = pair_labels(&collection->pairs[i]);
        if (collection->pairs[i].row.has_latency)
            write_latency(at, &collection->pairs[i].row.latency, &labels);
    }
}

/* ---- partitions ---- */

static void write_partitions(struct metrics *at, const struct iso_status_pair *pair,
                             bool (*value)(const struct iso_lag_slice *slice, double *))
{
    for (size_t i = 0; i < pair->row.worst_count; i++) {
        char partition[16];
        double one;
        snprintf(partition, sizeof partition, "%u",
                 (unsigned)pair->row.worst[i].partition);
        struct metrics_labels labels = pair_labels(pair);
        labels.names[3] = "partition";
        labels.values[3] = partition;
        if (value(&pair->row.worst[i], &one))
            iso_metrics_sample(at, one, &labels);
    }
}

static bool slice_lag(const struct iso_lag_slice *slice, double *value)
{
    return iso_metrics_ms(slice->lag_ms, value);
}

static bool slice_records(const struct iso_lag_slice *slice, double *value)
{
    return iso_metrics_count(slice->records_behind, value);
}

static void each_pair(struct metrics *at,
                      bool (*value)(const struct iso_lag_slice *slice, double *))
{
    for (size_t i = 0; i < at->status->collection_count; i++) {
        const struct iso_status_collection *collection = &at->status->collections[i];
        for (size_t k = 0; k < collection->pair_count; k++)
            write_partitions(at, &collection->pairs[k], value);
    }
}

/* ---- all of it ---- */

static void each_collection(struct metrics *at,
                            void (*write)(struct metrics *,
                                          const struct iso_status_collection *))
{
    for (size_t i = 0; i < at->status->collection_count; i++)
        write(at, &at->status->collections[i]);
}

void iso_metrics_pairs(struct metrics *at)
{
    for (size_t f = 0; f < PAIR_FAMILIES; f++) {
        const struct pair_family *row = &pair_families[f];
        iso_metrics_family(at, row->name, row->metric, row->unit, row->help);
        for (size_t i = 0; i < at->status->collection_count; i++)
            write_pair_family(at, &at->status->collections[i], row);
    }
    iso_metrics_family(at, "isostasy_pair_state", ISO_GAUGE, NULL,
                       "1 for the state that holds, 0 for the others.");
    each_collection(at, write_states);
    if (!at->slim) {
        iso_metrics_family(at, "isostasy_replication_latency", ISO_HISTOGRAM, "seconds",
                           "From the append of a write to the commit that holds it, of "
                           "all that was applied since the daemon's start.");
        each_collection(at, write_latencies);
    }
    if (at->granularity == ISO_BY_PARTITION) {
        iso_metrics_family(at, "isostasy_partition_lag", ISO_GAUGE, "seconds",
                           "Of the worst partitions: age of the oldest write that "
                           "waits.");
        each_pair(at, slice_lag);
        iso_metrics_family(at, "isostasy_partition_lag", ISO_GAUGE, "records",
                           "Of the worst partitions: records that wait.");
        each_pair(at, slice_records);
    }
}
