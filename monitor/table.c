/* The tables themselves: collections, logs and clusters come, and are found again.
 *
 * Everything that is kept of a log stands at the log's place in the newest definition.
 * When a definition brings new logs, places move, and all that was kept moves with them
 * (relocate). Memory is bounded by the definitions. Nothing here can fail.
 */
#include "monitor/table.h"

#include "base/mem.h"

struct iso_lag *iso_lag_new(const struct iso_lag_options *options)
{
    struct iso_lag *lag = iso_alloc_zero(1, sizeof *lag);
    lag->options = *options;
    return lag;
}

void iso_table_report_free(struct table_report *report)
{
    if (report == NULL)
        return;
    iso_free(report->why);
    iso_free(report->frontiers);
    iso_free(report->stands);
    iso_free(report->sources);
    iso_buf_release(&report->latency);
    iso_buf_release(&report->loser_key);
    iso_free(report);
}

static void reports_free(struct table_report **reports, uint32_t partitions)
{
    for (uint32_t i = 0; reports != NULL && i < partitions; i++)
        iso_table_report_free(reports[i]);
    iso_free(reports);
}

static void collection_free(struct table_collection *collection)
{
    for (unsigned i = 0; i <= ISO_REGION_MAX; i++) {
        reports_free(collection->reports[i], collection->partitions);
        iso_free(collection->latency[i]);
    }
    iso_table_commits_free(collection);
    for (size_t i = 0; i < collection->log_count; i++) {
        for (uint32_t p = 0; p < collection->partitions; p++)
            iso_table_place_release(&collection->logs[i].places[p]);
        iso_free(collection->logs[i].places);
    }
    iso_free(collection->logs);
    iso_free(collection);
}

void iso_lag_free(struct iso_lag *lag)
{
    if (lag == NULL)
        return;
    for (size_t i = 0; i < lag->collection_count; i++)
        collection_free(lag->collections[i]);
    for (size_t i = 0; i < lag->cluster_count; i++)
        iso_free(lag->clusters[i].name);
    iso_free(lag->clusters);
    iso_free(lag->collections);
    iso_free(lag->rows);
    iso_free(lag->regions);
    iso_free(lag->wanted);
    iso_buf_release(&lag->scratch);
    iso_free(lag);
}

/* ---- finding ---- */

/* The first collection whose name is not below `name`. */
static size_t collection_index(const struct iso_lag *lag, const char *name)
{
    size_t low = 0, high = lag->collection_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(lag->collections[middle]->definition->collection, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct table_collection *iso_table_collection(const struct iso_lag *lag,
                                              const char *name)
{
    size_t at = collection_index(lag, name);
    if (at < lag->collection_count &&
        strcmp(lag->collections[at]->definition->collection, name) == 0)
        return lag->collections[at];
    return NULL;
}

int iso_table_log(const struct table_collection *collection, uint16_t number)
{
    for (size_t i = 0; i < collection->log_count; i++) {
        if (collection->logs[i].number == number)
            return (int)i;
    }
    return -1;
}

uint16_t iso_table_cluster(struct iso_lag *lag, const char *name)
{
    for (size_t i = 0; i < lag->cluster_count; i++) {
        if (strcmp(lag->clusters[i].name, name) == 0)
            return (uint16_t)i;
    }
    if (lag->cluster_count == TABLE_NO_CLUSTER)
        return TABLE_NO_CLUSTER;
    lag->clusters =
        iso_realloc(lag->clusters, (lag->cluster_count + 1) * sizeof *lag->clusters);
    lag->clusters[lag->cluster_count] =
        (struct table_cluster){.name = iso_strdup(name)};
    return (uint16_t)lag->cluster_count++;
}

int64_t iso_table_end(const struct table_collection *collection, size_t index,
                      uint32_t partition, int64_t *asked_ms)
{
    const struct table_place *place = &collection->logs[index].places[partition];
    const int64_t *ends = collection->definition->logs[index].ends;
    if (asked_ms != NULL)
        *asked_ms = ends != NULL ? INT64_MAX : place->asked_ms;
    return ends != NULL ? ends[partition] : place->end;
}

/* ---- definitions ---- */

static struct table_collection *collection_add(struct iso_lag *lag,
                                               const struct iso_definition *definition)
{
    size_t at = collection_index(lag, definition->collection);
    size_t count = lag->collection_count;
    lag->collections =
        iso_realloc(lag->collections, (count + 1) * sizeof(*lag->collections));
    memmove(lag->collections + at + 1, lag->collections + at,
            (count - at) * sizeof(*lag->collections));
    struct table_collection *added = iso_alloc_zero(1, sizeof *added);
    added->definition = definition;
    added->partitions = definition->partitions;
    lag->collections[at] = added;
    lag->collection_count++;
    return added;
}

static struct table_place *places_new(uint32_t partitions)
{
    struct table_place *places = iso_alloc_zero(partitions, sizeof *places);
    for (uint32_t i = 0; i < partitions; i++)
        iso_table_place_release(&places[i]);
    return places;
}

static unsigned sole_writer(const struct iso_definition_log *log)
{
    if (log->writers == 0 || (log->writers & (log->writers - 1)) != 0)
        return 0;
    return (unsigned)__builtin_ctzll(log->writers) + 1;
}

/* What stood in a log that one region wrote, as that of a log which several write. */
static void sources_spread(struct table_report *report, struct table_stand *stand,
                           unsigned sole)
{
    const struct table_source spread[] = {{0, stand->newest_ms, stand->strange},
                                          {sole, stand->newest_ms, stand->writes}};
    size_t count = report->source_count;
    report->source_room = count + 2;
    report->sources =
        iso_realloc(report->sources, report->source_room * sizeof *report->sources);
    memcpy(report->sources + count, spread, sizeof spread);
    stand->source_first = (uint32_t)count;
    stand->source_count = 2;
    report->source_count = count + 2;
}

/* Brings a report from the places of the logs that were to those that are. */
static void relocate(struct table_report *report, const struct table_collection *was,
                     const struct table_log *logs, size_t count)
{
    struct table_stand *stands = iso_alloc_zero(count + 1, sizeof *stands);
    int64_t *frontiers = iso_alloc((count + 1) * sizeof *frontiers);
    for (size_t i = 0; i < count; i++) {
        int from = iso_table_log(was, logs[i].number);
        frontiers[i] = from < 0 ? -1 : report->frontiers[from];
        stands[i] = from < 0 ? (struct table_stand){.append_ms = ISO_UNKNOWN_MS,
                                                    .newest_ms = ISO_UNKNOWN_MS,
                                                    .moved_ms = ISO_UNKNOWN_MS}
                             : report->stands[from];
        if (from >= 0 && was->logs[from].sole != 0 && logs[i].sole == 0)
            sources_spread(report, &stands[i], was->logs[from].sole);
    }
    iso_free(report->stands);
    iso_free(report->frontiers);
    report->stands = stands;
    report->frontiers = frontiers;
}

static void logs_replace(struct iso_lag *lag, struct table_collection *collection)
{
    const struct iso_definition *definition = collection->definition;
    size_t count = definition->log_count;
    struct table_log *logs = iso_alloc_zero(count + 1, sizeof *logs);
    for (size_t i = 0; i < count; i++) {
        int was = iso_table_log(collection, definition->logs[i].number);
        if (was >= 0)
            logs[i] = collection->logs[was];
        else
            logs[i] = (struct table_log){.number = definition->logs[i].number,
                                         .retention_ms = ISO_UNKNOWN_MS,
                                         .places = places_new(collection->partitions)};
        logs[i].cluster = iso_table_cluster(lag, definition->logs[i].cluster);
        logs[i].sole = sole_writer(&definition->logs[i]);
    }
    for (unsigned region = 1; region <= ISO_REGION_MAX; region++) {
        for (uint32_t p = 0; p < collection->partitions; p++) {
            struct table_report *report = iso_table_report(collection, region, p);
            if (report != NULL)
                relocate(report, collection, logs, count);
        }
    }
    iso_table_commits_free(collection); /* it is asked again */
    iso_free(collection->logs);
    collection->logs = logs;
    collection->log_count = count;
}

/* Does it say of its logs what we know already? They are never taken back. */
static bool logs_known(const struct table_collection *collection,
                       const struct iso_definition *definition)
{
    if (collection->logs == NULL || collection->log_count != definition->log_count)
        return false;
    for (size_t i = 0; i < definition->log_count; i++) {
        if (collection->logs[i].number != definition->logs[i].number ||
            collection->logs[i].sole != sole_writer(&definition->logs[i]))
            return false;
    }
    return true;
}

void iso_lag_feed_definition(struct iso_lag *lag,
                             const struct iso_definition *definition)
{
    struct table_collection *collection =
        iso_table_collection(lag, definition->collection);
    if (collection == NULL)
        collection = collection_add(lag, definition);
    iso_assert(definition->partitions == collection->partitions);
    if (definition->number < collection->definition->number)
        return;
    collection->definition = definition;
    if (!logs_known(collection, definition))
        logs_replace(lag, collection);
}
