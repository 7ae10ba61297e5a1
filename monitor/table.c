/* Feeding: reports, ends and ages go into tables, and are found again.
 *
 * What comes from the status topic may have been written by anybody: a report that
 * names a collection, region or partition that no definition has is dropped, so memory
 * is bounded by the definitions. Nothing here can fail.
 */
#include "monitor/table.h"

#include "base/mem.h"

struct iso_lag *iso_lag_new(const struct iso_lag_options *options)
{
    struct iso_lag *lag = iso_alloc_zero(1, sizeof *lag);
    lag->options = *options;
    return lag;
}

static void report_free(struct table_report *report)
{
    if (report == NULL)
        return;
    iso_free(report->why);
    iso_free(report->stands);
    iso_free(report->sources);
    iso_vector_release(&report->vector);
    iso_free(report);
}

static void reports_free(struct table_report **reports, uint32_t partitions)
{
    for (uint32_t i = 0; reports != NULL && i < partitions; i++)
        report_free(reports[i]);
    iso_free(reports);
}

static void collection_free(struct table_collection *collection)
{
    for (unsigned i = 0; i <= ISO_REGION_MAX; i++)
        reports_free(collection->reports[i], collection->partitions);
    for (size_t i = 0; i < collection->log_count; i++) {
        for (uint32_t p = 0; p < collection->partitions; p++)
            iso_free(collection->logs[i].places[p].ages);
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
    iso_free(lag->collections);
    iso_free(lag->rows);
    iso_free(lag->wanted);
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

static struct table_log *log_find(const struct table_collection *collection,
                                  uint16_t number)
{
    for (size_t i = 0; i < collection->log_count; i++) {
        if (collection->logs[i].number == number)
            return &collection->logs[i];
    }
    return NULL;
}

const struct table_report *iso_table_report(const struct table_collection *collection,
                                            unsigned region, uint32_t partition)
{
    struct table_report **reports = collection->reports[region];
    return reports == NULL ? NULL : reports[partition];
}

const struct table_stand *iso_table_stand(const struct table_report *report,
                                          uint16_t log)
{
    size_t low = 0, high = report->stand_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (report->stands[middle].log < log)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < report->stand_count && report->stands[low].log == log)
        return &report->stands[low];
    return NULL;
}

int64_t iso_table_frontier(const struct table_report *report, uint16_t log)
{
    const struct table_stand *stand = iso_table_stand(report, log);
    return stand == NULL ? 0 : stand->frontier;
}

const struct table_source *iso_table_source(const struct table_report *report,
                                            const struct table_stand *stand,
                                            unsigned region)
{
    for (size_t i = 0; stand != NULL && i < stand->source_count; i++) {
        const struct table_source *source = &report->sources[stand->source_first + i];
        if (source->region == region)
            return source;
    }
    return NULL;
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

static const struct table_age *place_age(const struct table_place *place,
                                         int64_t offset)
{
    for (size_t i = 0; i < place->age_count; i++) {
        if (place->ages[i].offset == offset)
            return &place->ages[i];
    }
    return NULL;
}

int64_t iso_table_append_ms(const struct table_collection *collection, size_t index,
                            uint32_t partition, int64_t offset)
{
    const struct table_age *age =
        place_age(&collection->logs[index].places[partition], offset);
    return age == NULL ? ISO_UNKNOWN_MS : age->append_ms;
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

static struct table_log log_new(uint16_t number, uint32_t partitions)
{
    struct table_log log = {.number = number,
                            .places =
                                iso_alloc_zero(partitions, sizeof(struct table_place))};
    for (uint32_t i = 0; i < partitions; i++)
        log.places[i].end = -1;
    return log;
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
    if (collection->logs != NULL && collection->log_count == definition->log_count)
        return; /* logs are never taken back */
    struct table_log *logs = iso_alloc_zero(definition->log_count, sizeof *logs);
    for (size_t i = 0; i < definition->log_count; i++) {
        const struct table_log *was = log_find(collection, definition->logs[i].number);
        logs[i] = was != NULL
                      ? *was
                      : log_new(definition->logs[i].number, collection->partitions);
    }
    iso_free(collection->logs);
    collection->logs = logs;
    collection->log_count = definition->log_count;
}

/* ---- reports ---- */

/* Where a report belongs; NULL when no definition knows of it. */
static struct table_report **report_place(struct iso_lag *lag,
                                          const struct iso_report *report)
{
    struct table_collection *collection = iso_table_collection(lag, report->collection);
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

static void sources_fill(struct table_report *kept, const struct iso_slice *slice)
{
    size_t count = 0;
    for (size_t i = 0; i < slice->log_count; i++)
        count += slice->logs[i].source_count;
    kept->sources = iso_realloc(kept->sources, (count + 1) * sizeof *kept->sources);
    kept->source_count = 0;
    for (size_t i = 0; i < slice->log_count; i++) {
        for (size_t s = 0; s < slice->logs[i].source_count; s++) {
            const struct iso_slice_source *source = &slice->logs[i].sources[s];
            kept->sources[kept->source_count++] =
                (struct table_source){.region = source->region,
                                      .append_ms = source->append_ms,
                                      .writes = source->writes};
        }
    }
}

/* The new stands, with what the old ones remember of progress. Another store's progress
 * is not this one's. */
static void stands_fill(struct table_report *kept, const struct iso_slice *slice,
                        bool same_store)
{
    struct table_stand *stands = iso_alloc_zero(slice->log_count + 1, sizeof *stands);
    size_t first = 0;
    for (size_t i = 0; i < slice->log_count; i++) {
        const struct iso_slice_log *log = &slice->logs[i];
        const struct table_stand *was =
            same_store ? iso_table_stand(kept, log->log) : NULL;
        stands[i] = (struct table_stand){
            .log = log->log,
            .frontier = log->frontier,
            .refused = log->refused,
            .append_ms = log->record_offset < 0 ? ISO_UNKNOWN_MS : log->append_ms,
            .moved_ms = was == NULL                     ? ISO_UNKNOWN_MS
                        : log->frontier > was->frontier ? kept->heard_ms
                                                        : was->moved_ms,
            .source_first = first,
            .source_count = log->source_count,
        };
        first += log->source_count;
    }
    iso_free(kept->stands);
    kept->stands = stands;
    kept->stand_count = slice->log_count;
}

/* A sentence that anybody may have written goes to terminals and into JSON: ASCII only.
 */
static char *why_new(const char *text)
{
    if (text[0] == '\0')
        return NULL;
    char *why = iso_strdup(text);
    for (char *at = why; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
    }
    return why;
}

static void report_keep(struct table_report *kept, struct iso_report *report,
                        bool same_store)
{
    struct iso_slice *slice = &report->slice;
    memcpy(kept->store, report->store, sizeof kept->store);
    kept->state = report->state;
    iso_free(kept->why);
    kept->why = why_new(report->why);
    stands_fill(kept, slice, same_store);
    sources_fill(kept, slice);
    struct iso_vector vector = kept->vector;
    kept->vector = slice->vector;
    slice->vector = vector; /* released with the report */
    kept->tally = slice->tally;
    kept->swept_min_ms = slice->swept_min_ms;
    kept->swept_max_ms = slice->swept_max_ms;
    kept->ledger_rows = slice->ledger_rows;
    kept->ledger = slice->ledger;
}

void iso_lag_feed_report(struct iso_lag *lag, struct iso_report *report,
                         int64_t heard_ms)
{
    struct table_report **place = report_place(lag, report);
    bool same_store = place != NULL && *place != NULL &&
                      memcmp((*place)->store, report->store, sizeof report->store) == 0;
    bool counts = place != NULL &&
                  (*place == NULL || same_store || heard_ms >= (*place)->heard_ms);
    if (counts) {
        if (*place == NULL)
            *place = iso_alloc_zero(1, sizeof **place);
        (*place)->heard_ms = heard_ms;
        report_keep(*place, report, same_store);
    }
    iso_report_release(report);
}

/* ---- ends and ages ---- */

static struct table_place *place_find(struct iso_lag *lag, const char *name,
                                      uint16_t log, uint32_t partition)
{
    struct table_collection *collection = iso_table_collection(lag, name);
    struct table_log *found = collection == NULL ? NULL : log_find(collection, log);
    if (found == NULL || partition >= collection->partitions)
        return NULL;
    return &found->places[partition];
}

void iso_lag_feed_end(struct iso_lag *lag, const char *collection, uint16_t log,
                      uint32_t partition, int64_t end, int64_t asked_ms)
{
    struct table_place *place = place_find(lag, collection, log, partition);
    if (place == NULL)
        return;
    place->end = end;
    place->asked_ms = asked_ms;
}

static bool somebody_stands_at(const struct table_collection *collection, uint16_t log,
                               uint32_t partition, int64_t offset)
{
    for (unsigned region = 1; region <= ISO_REGION_MAX; region++) {
        const struct table_report *report =
            iso_table_report(collection, region, partition);
        if (report != NULL && iso_table_frontier(report, log) == offset)
            return true;
    }
    return false;
}

/* Forgets the ages of offsets that every region has left. */
static void ages_sweep(const struct table_collection *collection, uint16_t log,
                       uint32_t partition, struct table_place *place)
{
    size_t kept = 0;
    for (size_t i = 0; i < place->age_count; i++) {
        if (somebody_stands_at(collection, log, partition, place->ages[i].offset))
            place->ages[kept++] = place->ages[i];
    }
    place->age_count = kept;
}

void iso_lag_feed_waiting(struct iso_lag *lag, const char *collection, uint16_t log,
                          uint32_t partition, int64_t offset, int64_t append_ms)
{
    struct table_place *place = place_find(lag, collection, log, partition);
    if (place == NULL)
        return;
    ages_sweep(iso_table_collection(lag, collection), log, partition, place);
    if (place_age(place, offset) != NULL)
        return;
    if (place->age_count == place->age_room) {
        place->age_room = place->age_room == 0 ? 2 : place->age_room * 2;
        place->ages = iso_realloc(place->ages, place->age_room * sizeof *place->ages);
    }
    place->ages[place->age_count++] =
        (struct table_age){.offset = offset, .append_ms = append_ms};
}
