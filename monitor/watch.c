/* A look, step by step: rows, regions and verdicts are asked of the lag; clusters, then
 * regions, then pairs are judged; the status that comes of it is published; samples and
 * events are added. All of that is one thread's work, without any lock but for the last
 * two steps.
 *
 *   status_lock   held while a pointer is swapped or counted: nanoseconds
 *   lock          trends and events: held while a look's samples are added (some tenths
 *                 of a millisecond for 2,450 pairs), or while some are read
 *
 * Nothing here can fail.
 */
#include "monitor/watch.h"

#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"
#include "monitor/events.h"
#include "monitor/status.h"
#include "monitor/tell.h"
#include "monitor/tracks.h"

struct iso_watch {
    struct iso_watch_options options;
    int64_t started_ms;
    uint64_t looks;
    pthread_mutex_t status_lock, lock;
    struct iso_status *status; /* the newest; the watch holds it, too */
    struct tracks tracks;
    struct events events;
    struct tell tell;
};

static void locked(pthread_mutex_t *lock)
{
    iso_assert(pthread_mutex_lock(lock) == 0);
}

static void unlocked(pthread_mutex_t *lock)
{
    iso_assert(pthread_mutex_unlock(lock) == 0);
}

/* ---- new, free ---- */

struct iso_watch *iso_watch_new(const struct iso_watch_options *options, int64_t now_ms)
{
    struct iso_watch *watch = iso_alloc_zero(1, sizeof *watch);
    watch->options = *options;
    watch->started_ms = now_ms;
    iso_tell_init(&watch->tell, options->interval_ms);
    iso_assert(pthread_mutex_init(&watch->status_lock, NULL) == 0);
    iso_assert(pthread_mutex_init(&watch->lock, NULL) == 0);
    return watch;
}

void iso_watch_free(struct iso_watch *watch)
{
    if (watch == NULL)
        return;
    iso_status_free(watch->status);
    iso_tracks_release(&watch->tracks);
    iso_events_release(&watch->events);
    iso_tell_release(&watch->tell);
    pthread_mutex_destroy(&watch->status_lock);
    pthread_mutex_destroy(&watch->lock);
    iso_free(watch);
}

/* ---- the newest status ---- */

const struct iso_status *iso_watch_status(struct iso_watch *watch)
{
    locked(&watch->status_lock);
    struct iso_status *status = watch->status;
    if (status != NULL)
        status->holders++;
    unlocked(&watch->status_lock);
    return status;
}

void iso_status_release(struct iso_watch *watch, const struct iso_status *status)
{
    if (status == NULL)
        return;
    struct iso_status *held = (struct iso_status *)(uintptr_t)status;
    locked(&watch->status_lock);
    iso_assert(held->holders > 0);
    bool last = --held->holders == 0;
    unlocked(&watch->status_lock);
    if (last)
        iso_status_free(held);
}

static void publish(struct iso_watch *watch, struct iso_status *status)
{
    status->holders = 1;
    locked(&watch->status_lock);
    const struct iso_status *old = watch->status;
    watch->status = status;
    unlocked(&watch->status_lock);
    iso_status_release(watch, old);
}

/* ---- a look ---- */

/* What is asked of a lag at one moment, and how far it was taken in. */
struct watch_look {
    struct iso_watch *watch;
    struct iso_lag *lag;
    struct iso_status *status;
    int64_t now_ms;
    const struct iso_lag_row *rows;
    const struct iso_lag_region *regions;
    size_t row_count, region_count;
    const struct table_collection *table; /* at hand */
    size_t target;                        /* in the collection's regions */
};

/* Which store each slice of a region is in: the first half of its name, by partition.
 */
static void stores_of(const struct table_collection *table, unsigned region,
                      uint64_t *stores)
{
    for (uint32_t p = 0; p < table->partitions; p++) {
        const struct table_report *report = iso_table_report(table, region, p);
        stores[p] = 0;
        if (report != NULL)
            memcpy(&stores[p], report->store, sizeof stores[p]);
    }
}

static unsigned number_of(const struct table_collection *table, const char *region)
{
    const struct iso_definition_region *at =
        iso_definition_region_named(table->definition, region);
    return at == NULL ? 0 : at->number;
}

static void look_at_regions(const struct watch_look *look,
                            const struct iso_status_collection *collection)
{
    uint64_t *stores = iso_alloc((look->table->partitions + 1) * sizeof *stores);
    for (size_t i = 0; i < collection->region_count; i++) {
        const struct iso_lag_region *region = &collection->regions[i];
        iso_assert(region->slices == look->table->partitions);
        stores_of(look->table, number_of(look->table, region->region), stores);
        iso_tell_region(&look->watch->tell, region, stores, look->now_ms);
    }
    iso_free(stores);
}

/* The region of a row's target: mostly the one behind that of the row before. */
static const struct iso_lag_region *
target_of(struct watch_look *look, const struct iso_status_collection *collection,
          const struct iso_lag_row *row)
{
    for (size_t i = 0; i < collection->region_count; i++) {
        size_t at = (look->target + i) % collection->region_count;
        if (strcmp(collection->regions[at].region, row->target) != 0)
            continue;
        look->target = at + 1;
        return &collection->regions[at];
    }
    return NULL;
}

/* Did one of the daemons of a pair that looks stopped say goodbye? */
static bool closed(const struct watch_look *look, const struct iso_lag_row *row)
{
    unsigned region =
        row->state == ISO_LAG_STOPPED ? number_of(look->table, row->target) : 0;
    for (size_t i = 0; region != 0 && i < row->worst_count; i++) {
        const struct table_report *report =
            iso_table_report(look->table, region, row->worst[i].partition);
        if (report != NULL && row->worst[i].state == ISO_LAG_STOPPED)
            return report->state == ISO_SLICE_CLOSED;
    }
    return false;
}

static void look_at_pair(struct watch_look *look,
                         const struct iso_status_collection *collection,
                         const struct iso_lag_row *row, struct iso_status_pair *pair)
{
    struct tell *tell = &look->watch->tell;
    const struct iso_lag_region *target = target_of(look, collection, row);
    const struct iso_status_cluster *cluster =
        iso_status_cluster(look->status, target == NULL ? "" : target->cluster);
    bool away = cluster != NULL && !cluster->answers;
    struct judge_sight sight = {
        .now_ms = look->now_ms,
        .away = away ? cluster->name : NULL,
        .away_heard_ms = away ? cluster->heard_ms : ISO_UNKNOWN_MS,
        .closed = closed(look, row),
        .clocks = {iso_tell_clock(tell, row->source),
                   iso_tell_clock(tell, row->target)},
        .retention_warning_ms = look->watch->options.retention_warning_ms,
        .rule = &tell->rule};
    if (strcmp(row->source, row->target) == 0)
        sight.clocks[1] = NULL;
    pair->row = *row;
    struct track *track = iso_tracks_take(&look->watch->tracks, row);
    iso_judge_take(&track->judge, &sight, pair);
    iso_tell_pair(tell, track, pair, look->now_ms);
}

static size_t rows_of(const struct watch_look *look, const char *collection)
{
    size_t count = 0;
    while (count < look->row_count &&
           strcmp(look->rows[count].collection, collection) == 0)
        count++;
    return count;
}

static size_t regions_of(const struct watch_look *look, const char *collection)
{
    size_t count = 0;
    while (count < look->region_count &&
           strcmp(look->regions[count].collection, collection) == 0)
        count++;
    return count;
}

/* Does the monitor not hear the cluster, and has not for longer than is believed? */
static const struct iso_status_cluster *blind(const struct watch_look *look,
                                              const char *name)
{
    const struct iso_status_cluster *cluster = iso_status_cluster(look->status, name);
    if (cluster == NULL || cluster->answers ||
        (cluster->heard_ms != ISO_UNKNOWN_MS &&
         look->now_ms - cluster->heard_ms < JUDGE_BELIEF_MS))
        return NULL;
    return cluster;
}

/* Where the monitor itself does not hear a cluster, it is not the daemons there that
 * are silent: nothing is known of them, nor of what is written into its logs. What was
 * found to differ stays found. */
static void verdict_blind(const struct watch_look *look,
                          const struct iso_status_collection *collection,
                          struct iso_verdict *verdict)
{
    const struct iso_status_cluster *cluster = NULL;
    if (verdict->state == ISO_VERDICT_DIVERGED)
        return;
    for (size_t i = 0; cluster == NULL && i < collection->region_count; i++) {
        cluster = blind(look, collection->regions[i].cluster);
        if (cluster != NULL)
            snprintf(verdict->why, sizeof verdict->why,
                     "cluster %.64s does not answer the monitor: what %s holds by now "
                     "is not known",
                     cluster->name, collection->regions[i].region);
    }
    for (size_t i = 0; cluster == NULL && i < collection->log_count; i++) {
        const struct iso_status_log *log = &collection->logs[i];
        cluster = log->closed ? NULL : blind(look, log->cluster);
        if (cluster != NULL)
            snprintf(verdict->why, sizeof verdict->why,
                     "cluster %.64s does not answer the monitor: what was written into "
                     "log %u (%.64s) by now is not known",
                     cluster->name, (unsigned)log->number, log->topic);
    }
    if (cluster != NULL)
        verdict->state = ISO_VERDICT_UNKNOWN;
}

/* Rows and regions come by collection, in the order of the table. */
static void look_at_collection(struct watch_look *look)
{
    const char *name = look->table->definition->collection;
    size_t rows = rows_of(look, name), regions = regions_of(look, name);
    struct iso_status_collection *collection =
        iso_status_add_collection(look->status, look->table, rows, regions);
    iso_status_take_regions(collection, look->regions);
    look_at_regions(look, collection);
    for (size_t i = 0; i < rows; i++)
        look_at_pair(look, collection, &look->rows[i], &collection->pairs[i]);
    look->rows += rows;
    look->row_count -= rows;
    look->regions += regions;
    look->region_count -= regions;
    struct iso_verdict verdict;
    iso_lag_verdict(look->lag, name, look->now_ms, INT64_MIN, &verdict);
    verdict_blind(look, collection, &verdict);
    iso_status_take_verdict(collection, &verdict);
    iso_tell_collection(&look->watch->tell, collection, look->now_ms);
}

/* ---- samples and events ---- */

static struct iso_sample sample_of(const struct iso_status_pair *pair, int64_t at_ms)
{
    return (struct iso_sample){.at_ms = at_ms,
                               .lag_ms = pair->row.lag_ms,
                               .staleness_ms = pair->row.staleness_ms,
                               .latency_p50_ms = pair->latency_p50_ms,
                               .latency_p99_ms = pair->latency_p99_ms,
                               .records_behind = pair->row.records_behind,
                               .state = pair->state};
}

/* Tracks are in the order of the status' pairs. */
static void remember(struct iso_watch *watch, const struct iso_status *status)
{
    size_t at = 0;
    locked(&watch->lock);
    iso_tracks_end(&watch->tracks);
    for (size_t i = 0; i < status->collection_count; i++) {
        const struct iso_status_collection *collection = &status->collections[i];
        for (size_t n = 0; n < collection->pair_count; n++) {
            struct iso_sample sample = sample_of(&collection->pairs[n], status->at_ms);
            iso_trend_add(&watch->tracks.list.tracks[at++]->trend, &sample);
        }
    }
    for (size_t i = 0; i < watch->tell.event_count; i++)
        iso_events_add(&watch->events, &watch->tell.events[i]);
    unlocked(&watch->lock);
    iso_tracks_sweep(&watch->tracks);
}

static void look_all(struct iso_watch *watch, struct iso_lag *lag,
                     struct iso_monitor *monitor, int64_t now_ms)
{
    struct watch_look look = {.watch = watch,
                              .lag = lag,
                              .status = iso_status_new(&watch->options),
                              .now_ms = now_ms};
    look.status->look = ++watch->looks;
    look.status->at_ms = now_ms;
    look.status->started_ms = watch->started_ms;
    iso_tell_begin(&watch->tell);
    if (monitor != NULL)
        iso_status_take_monitor(look.status, monitor);
    for (size_t i = 0; i < look.status->cluster_count; i++)
        iso_tell_cluster(&watch->tell, &look.status->clusters[i], now_ms);
    look.row_count = iso_lag_rows(lag, NULL, now_ms, &look.rows);
    look.region_count = iso_lag_regions(lag, NULL, now_ms, &look.regions);
    for (size_t i = 0; i < lag->collection_count; i++) {
        look.table = lag->collections[i];
        look.target = 0;
        look_at_collection(&look);
    }
    iso_assert(look.row_count == 0 && look.region_count == 0);
    iso_tell_end(&watch->tell);
    remember(watch, look.status);
    publish(watch, look.status);
}

void iso_watch_look(struct iso_watch *watch, struct iso_monitor *monitor,
                    int64_t now_ms)
{
    look_all(watch, iso_monitor_lag(monitor), monitor, now_ms);
}

void iso_watch_look_at(struct iso_watch *watch, struct iso_lag *lag, int64_t now_ms)
{
    look_all(watch, lag, NULL, now_ms);
}

/* ---- trends and events ---- */

size_t iso_watch_samples(struct iso_watch *watch, const struct iso_watch_pair *pair,
                         enum iso_trend trend, struct iso_sample *samples, size_t max)
{
    locked(&watch->lock);
    const struct track *track = iso_tracks_find(&watch->tracks, pair);
    size_t count =
        track == NULL ? 0 : iso_trend_read(&track->trend, trend, samples, max);
    unlocked(&watch->lock);
    return count;
}

size_t iso_watch_events(struct iso_watch *watch, uint64_t after,
                        struct iso_watch_event *events, size_t max)
{
    locked(&watch->lock);
    size_t count = iso_events_read(&watch->events, after, events, max);
    unlocked(&watch->lock);
    return count;
}
