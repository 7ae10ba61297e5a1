/* Feeding reports: what is asked of them later is kept, in the order of the logs.
 *
 * What comes from the status topic may have been written by anybody: a report that
 * names a collection, region or partition that no definition has is dropped, and what
 * it says of logs that no definition has is left out. Numbers may be anything.
 *
 * How far any store of a region ever was is remembered for the region, whichever store
 * counts now: so a store that was built anew, or put back from a backup, is seen to be
 * rewound, in whatever order the reports of the two came.
 */
#include "base/mem.h"
#include "monitor/table.h"

/* Where a report belongs; NULL when no definition knows of it. */
static struct table_report **report_place(struct table_collection *collection,
                                          const struct iso_report *report)
{
    if (collection == NULL || report->slice.partition >= collection->partitions)
        return NULL;
    const struct iso_definition_region *region =
        iso_definition_region(collection->definition, report->region_number);
    if (region == NULL || strcmp(region->name, report->region) != 0)
        return NULL;
    struct table_report ***reports = &collection->reports[region->number];
    if (*reports == NULL)
        *reports = iso_alloc_zero(collection->partitions, sizeof **reports);
    return &(*reports)[report->slice.partition];
}

struct table_report *iso_table_report_new(const struct table_collection *collection)
{
    struct table_report *report = iso_alloc_zero(1, sizeof *report);
    size_t count = collection->log_count;
    report->started_max_ms = INT64_MIN;
    report->frontiers = iso_alloc((count + 1) * sizeof *report->frontiers);
    report->stands = iso_alloc_zero(count + 1, sizeof *report->stands);
    for (size_t i = 0; i < count; i++) {
        report->frontiers[i] = -1;
        report->stands[i].moved_ms = ISO_UNKNOWN_MS;
    }
    return report;
}

/* The place of a log in the definition, which has mostly the same logs in the same
 * order: `hint` is where it is looked for first. -1: it is not there. */
static int log_place(const struct table_collection *collection, uint16_t number,
                     size_t hint)
{
    if (hint < collection->log_count && collection->logs[hint].number == number)
        return (int)hint;
    return iso_table_log(collection, number);
}

/* ---- stands ---- */

static void source_keep(struct table_report *kept,
                        const struct iso_slice_source *source)
{
    if (kept->source_count == kept->source_room) {
        kept->source_room = kept->source_room == 0 ? 4 : kept->source_room * 2;
        kept->sources =
            iso_realloc(kept->sources, kept->source_room * sizeof *kept->sources);
    }
    kept->sources[kept->source_count++] = (struct table_source){
        .region = source->region > ISO_REGION_MAX ? 0 : source->region,
        .append_ms = source->append_ms,
        .writes = source->writes};
}

static void sources_keep(struct table_report *kept, struct table_stand *stand,
                         const struct iso_slice_log *log, unsigned sole)
{
    stand->source_first = (uint32_t)kept->source_count;
    for (size_t i = 0; i < log->source_count; i++) {
        const struct iso_slice_source *source = &log->sources[i];
        if (sole == 0) {
            source_keep(kept, source);
        } else if (source->region == sole) {
            stand->newest_ms = source->append_ms;
            stand->writes = source->writes;
        } else if (source->region == 0) {
            stand->strange = source->writes;
        }
    }
    stand->source_count = (uint32_t)kept->source_count - stand->source_first;
}

static void stand_keep(struct table_report *kept, size_t index, unsigned sole,
                       const struct iso_slice_log *log, bool same_store)
{
    struct table_stand *stand = &kept->stands[index];
    int64_t was = kept->frontiers[index];
    int64_t frontier = log->frontier < 0 ? 0 : log->frontier;
    int64_t moved_ms = !same_store || was < 0 ? ISO_UNKNOWN_MS
                       : frontier > was       ? kept->heard_ms
                                              : stand->moved_ms;
    *stand = (struct table_stand){
        .append_ms = log->record_offset < 0 ? ISO_UNKNOWN_MS : log->append_ms,
        .newest_ms = ISO_UNKNOWN_MS,
        .moved_ms = moved_ms,
        .high = stand->high < frontier ? frontier : stand->high,
        .refused = log->refused,
    };
    kept->frontiers[index] = frontier;
    kept->refused += log->refused;
    sources_keep(kept, stand, log, sole);
}

/* A log that the report does not tell of was not begun by its store. */
static void stand_forget(struct table_report *kept, size_t index)
{
    kept->frontiers[index] = -1;
    kept->stands[index] = (struct table_stand){.append_ms = ISO_UNKNOWN_MS,
                                               .newest_ms = ISO_UNKNOWN_MS,
                                               .moved_ms = ISO_UNKNOWN_MS,
                                               .high = kept->stands[index].high};
}

static void stands_keep(const struct table_collection *collection,
                        struct table_report *kept, const struct iso_slice *slice,
                        bool same_store)
{
    size_t next = 0; /* the first place that was not told of yet */
    kept->source_count = 0;
    kept->refused = 0;
    kept->floor_ms = ISO_UNKNOWN_MS;
    kept->floor_log = 0;
    for (size_t i = 0; i < slice->log_count; i++) {
        const struct iso_slice_log *log = &slice->logs[i];
        int place = log_place(collection, log->log, next);
        if (place < 0 || (size_t)place < next)
            continue; /* no definition knows of it, or it was told of twice */
        while (next < (size_t)place)
            stand_forget(kept, next++);
        stand_keep(kept, next, collection->logs[next].sole, log, same_store);
        const int64_t *ends = collection->definition->logs[next].ends;
        bool open = ends == NULL || log->frontier < ends[slice->partition];
        if (open && log->bound_ms != INT64_MIN &&
            (kept->floor_log == 0 || log->bound_ms < kept->floor_ms)) {
            kept->floor_ms = log->bound_ms;
            kept->floor_log = log->log;
        }
        next++;
    }
    while (next < collection->log_count)
        stand_forget(kept, next++);
}

static void highs_raise(const struct table_collection *collection,
                        struct table_report *kept, const struct iso_slice *slice)
{
    for (size_t i = 0; i < slice->log_count; i++) {
        int place = log_place(collection, slice->logs[i].log, i);
        if (place >= 0 && kept->stands[place].high < slice->logs[i].frontier)
            kept->stands[place].high = slice->logs[i].frontier;
    }
}

/* ---- the rest ---- */

/* A sentence that anybody may have written goes to terminals and into JSON: ASCII only.
 */
static void plain(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
    }
}

static void why_keep(struct table_report *kept, const char *why)
{
    if (kept->why != NULL && strcmp(kept->why, why) == 0)
        return;
    iso_free(kept->why);
    kept->why = why[0] == '\0' ? NULL : iso_strdup(why);
    if (kept->why != NULL)
        plain(kept->why);
}

static void proof_keep(struct iso_lag *lag, struct table_proof *proof,
                       const struct iso_slice *slice)
{
    iso_buf_clear(&lag->scratch);
    for (size_t i = 0; i < slice->vector.count; i++) {
        iso_buf_add_u16(&lag->scratch, slice->vector.items[i].log);
        iso_buf_add_u64(&lag->scratch, (uint64_t)slice->vector.items[i].offset);
    }
    *proof = (struct table_proof){.vector = iso_hash128(iso_buf_bytes(&lag->scratch)),
                                  .live = slice->tally.live,
                                  .mortal = slice->tally.mortal,
                                  .ledger = slice->ledger,
                                  .ledger_rows = slice->ledger_rows,
                                  .swept_min_ms = slice->swept_min_ms,
                                  .swept_max_ms = slice->swept_max_ms};
}

static void counts_keep(struct table_report *kept, const struct iso_report *report)
{
    const struct iso_slice *slice = &report->slice;
    kept->values = slice->tally.values;
    kept->tombstones = slice->tally.tombstones;
    kept->expiring = slice->tally.expiring;
    kept->alarms = slice->alarms;
    kept->gaps = slice->gaps;
    kept->dropped_rows = slice->dropped_rows;
    kept->dropped_bytes = slice->dropped_bytes;
    memcpy(kept->software, report->software, sizeof kept->software);
    kept->software[sizeof kept->software - 1] = '\0';
    plain(kept->software);
}

static void health_keep(struct table_report *kept, const struct iso_report *report)
{
    const struct iso_health *health = &report->health;
    kept->has_health = report->has_health;
    kept->started_ms = health->started_ms;
    kept->has_clock = report->has_health && health->has_clock;
    kept->clock_ms = health->clock_ms;
    kept->clock_error_ms = health->clock_error_ms;
    kept->has_store = report->has_health && health->has_store;
    kept->store_used = health->store_used;
    kept->store_free = health->store_free;
    kept->has_oldest = report->has_health && health->has_oldest;
    kept->oldest_ms = health->oldest_ms;
    kept->has_loser = report->has_health && health->has_loser;
    iso_buf_clear(&kept->loser_key);
    if (!kept->has_loser)
        return;
    iso_buf_add_bytes(&kept->loser_key, iso_buf_bytes(&health->loser_key));
    kept->loser_version = health->loser_version;
    kept->loser_log = health->loser_log;
    kept->loser_offset = health->loser_offset;
    kept->loser_at_ms = health->loser_at_ms;
}

static void report_keep(struct iso_lag *lag, struct table_collection *collection,
                        struct table_report *kept, const struct iso_report *report,
                        bool same_store)
{
    bool same_process = same_store && kept->has_health && report->has_health &&
                        kept->started_ms == report->health.started_ms;
    iso_table_latency_feed(collection, report->region_number, kept, report,
                           same_process);
    memcpy(kept->store, report->store, sizeof kept->store);
    kept->state = report->state;
    if (!same_store) {
        kept->apart = 0;
        kept->since_ms = kept->heard_ms;
    }
    why_keep(kept, report->why);
    stands_keep(collection, kept, &report->slice, same_store);
    proof_keep(lag, &kept->proof, &report->slice);
    counts_keep(kept, report);
    health_keep(kept, report);
}

void iso_table_feed_report(struct iso_lag *lag, struct iso_report *report,
                           int64_t heard_ms, const char *cluster, int64_t after_ms)
{
    struct table_collection *collection = iso_table_collection(lag, report->collection);
    struct table_report **place = report_place(collection, report);
    if (place != NULL) {
        bool first = *place == NULL;
        if (first) {
            iso_table_commits_drop(collection, report->region_number,
                                   report->slice.partition);
            *place = iso_table_report_new(collection);
        }
        struct table_report *kept = *place;
        bool same_store =
            !first && memcmp(kept->store, report->store, sizeof report->store) == 0;
        if (first || same_store || heard_ms >= kept->heard_ms) {
            kept->heard_ms = heard_ms;
            kept->after_ms = after_ms;
            kept->cluster =
                cluster == NULL ? TABLE_NO_CLUSTER : iso_table_cluster(lag, cluster);
            report_keep(lag, collection, kept, report, same_store);
        } else {
            highs_raise(collection, kept, &report->slice);
        }
    }
    iso_report_release(report);
}

void iso_lag_feed_report(struct iso_lag *lag, struct iso_report *report,
                         int64_t heard_ms)
{
    iso_table_feed_report(lag, report, heard_ms, NULL, heard_ms);
}
