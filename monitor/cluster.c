/* One reader serves a cluster for the monitor's whole life: its low numbers follow the
 * partitions of the status topic, numbers from AGE_FIRST on look at single records and
 * are gone when these have come.
 *
 *   ends      one question for all partitions of all logs; when one topic is not there,
 *             a question for each log, so that it alone stays unknown
 *   status    from the beginning, since it is compacted; then what is new
 *   ages      the first record at or behind an offset
 *
 * How it can fail: the cluster is away: ISO_UNAVAILABLE, and it is left alone for
 * AWAY_MS. A report that does not decode is logged and counts for nothing; the topic is
 * open to anybody. A hole in the status topic (it was made anew) begins it again.
 */
#include "monitor/cluster.h"

#include "base/log.h"
#include "base/mem.h"
#include "monitor/table.h"

enum {
    AWAY_MS = 3000,
    FETCH_MAX = 1000,
    FETCH_WAIT_MS = 50,
    AGE_FIRST = 1 << 20,
    READER_MEMORY = 16 << 20,
};

int iso_cluster_left_ms(int64_t until_ms)
{
    int64_t left_ms = until_ms - iso_steady_ms(&iso_clock_machine);
    return left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

void iso_cluster_release(struct iso_cluster *cluster)
{
    iso_reader_close(cluster->reader);
    iso_free(cluster->status);
    iso_free(cluster->positions);
    iso_free(cluster->ends);
    *cluster = (struct iso_cluster){0};
}

/* ---- away ---- */

void iso_cluster_leave(struct iso_cluster *cluster, const struct iso_why *why)
{
    cluster->why = *why;
    cluster->away = true;
    cluster->away_until_ms = iso_steady_ms(cluster->clock) + AWAY_MS;
    iso_log(ISO_WARN, "monitor.away", "cluster=%s err=%s why=\"%.400s\"", cluster->name,
            iso_err_name(why->err), why->text);
}

bool iso_cluster_left(const struct iso_cluster *cluster)
{
    return cluster->away && iso_steady_ms(cluster->clock) < cluster->away_until_ms;
}

/* ---- what the reader brings ---- */

static void report_take(struct iso_cluster *cluster, const struct iso_record *record)
{
    struct iso_report report = {0};
    struct iso_why why;
    if (!record->has_value)
        return;
    if (iso_report_decode(record->value, &report, &why) != ISO_OK) {
        iso_log_why(ISO_WARN, "monitor.report", &why);
        return;
    }
    const struct iso_definition *first =
        iso_control_definition(cluster->control, report.collection, 1);
    bool ours = first != NULL &&
                memcmp(first->id, report.slice.definition_id, sizeof first->id) == 0;
    bool stamped = record->append_by_broker && record->append_ms >= 0;
    if (ours)
        iso_lag_feed_report(cluster->lag, &report,
                            stamped ? record->append_ms : report.at_ms);
    iso_report_release(&report);
}

static void status_take(struct iso_cluster *cluster, const struct iso_record *record)
{
    struct cluster_status *status = &cluster->status[record->id];
    switch (record->event) {
    case ISO_RECORD:
        status->next = record->offset + 1;
        report_take(cluster, record);
        return;
    case ISO_AT_END:
        if (status->next < record->offset)
            status->next = record->offset;
        return;
    case ISO_HOLE:
        status->assigned = false;
        return;
    case ISO_TROUBLE:
        iso_fail(&cluster->why, record->err, "%s", record->text);
        return;
    }
}

static void age_take(struct iso_cluster *cluster, const struct iso_record *record)
{
    size_t index = record->id - AGE_FIRST;
    if (index >= cluster->age_count || cluster->ages[index].answered ||
        record->event == ISO_TROUBLE)
        return;
    struct cluster_age *age = &cluster->ages[index];
    age->answered = true;
    cluster->age_waiting--;
    if (record->event == ISO_RECORD)
        iso_lag_feed_waiting(cluster->lag, age->collection, age->log, age->partition,
                             age->offset, record->append_ms);
}

/* Takes in what is there, waiting up to wait_ms for the first. */
static enum iso_err cluster_fetch(struct iso_cluster *cluster, int wait_ms,
                                  struct iso_why *why)
{
    const struct iso_record *records;
    size_t count;
    enum iso_err err =
        iso_reader_fetch(cluster->reader, FETCH_MAX, wait_ms, &records, &count, why);
    for (size_t i = 0; err == ISO_OK && i < count; i++) {
        if (records[i].id < cluster->status_count)
            status_take(cluster, &records[i]);
        else if (records[i].id != UINT32_MAX && records[i].id >= AGE_FIRST)
            age_take(cluster, &records[i]);
        else if (records[i].event == ISO_TROUBLE)
            iso_fail(&cluster->why, records[i].err, "%s", records[i].text);
    }
    return err;
}

static enum iso_err cluster_reader(struct iso_cluster *cluster, struct iso_why *why)
{
    struct iso_reader_options options = {
        .memory_max = READER_MEMORY, .client_id = "isostasy-monitor", .header = "iso"};
    if (cluster->reader != NULL)
        return ISO_OK;
    return iso_reader_open(cluster->bus, &options, &cluster->reader, why);
}

/* ---- ends ---- */

static void ends_add(struct iso_cluster *cluster, const char *collection,
                     const struct iso_definition_log *log, uint32_t partition)
{
    if (cluster->end_count == cluster->end_room) {
        cluster->end_room = cluster->end_room == 0 ? 64 : cluster->end_room * 2;
        cluster->positions = iso_realloc(
            cluster->positions, cluster->end_room * sizeof *cluster->positions);
        cluster->ends =
            iso_realloc(cluster->ends, cluster->end_room * sizeof *cluster->ends);
    }
    cluster->positions[cluster->end_count] =
        (struct iso_position){.topic = log->topic, .partition = (int)partition};
    cluster->ends[cluster->end_count] =
        (struct cluster_end){.collection = collection, .log = log->number};
    cluster->end_count++;
}

static void ends_of(struct iso_cluster *cluster,
                    const struct table_collection *collection, bool all)
{
    const struct iso_definition *definition = collection->definition;
    for (size_t i = 0; i < definition->log_count; i++) {
        const struct iso_definition_log *log = &definition->logs[i];
        if (log->ends != NULL || strcmp(log->cluster, cluster->name) != 0)
            continue; /* of a closed log the definition says them */
        for (uint32_t p = 0; p < collection->partitions; p++) {
            if (all || iso_table_end(collection, i, p, NULL) < 0)
                ends_add(cluster, definition->collection, log, p);
        }
    }
}

static enum iso_err ends_ask(struct iso_cluster *cluster, size_t first, size_t count,
                             int64_t until_ms, struct iso_why *why)
{
    int64_t asked_ms = iso_now_ms(cluster->clock);
    enum iso_err err = iso_bus_ends(cluster->bus, cluster->positions + first, count,
                                    iso_cluster_left_ms(until_ms), why);
    for (size_t i = first; err == ISO_OK && i < first + count; i++)
        iso_lag_feed_end(cluster->lag, cluster->ends[i].collection,
                         cluster->ends[i].log,
                         (uint32_t)cluster->positions[i].partition,
                         cluster->positions[i].end, asked_ms);
    return err;
}

/* Log by log: what is missing or forbidden is one log's trouble. */
static enum iso_err ends_ask_each(struct iso_cluster *cluster, int64_t until_ms,
                                  struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    size_t first = 0;
    while (err == ISO_OK && first < cluster->end_count) {
        size_t count = 1;
        while (first + count < cluster->end_count &&
               cluster->positions[first + count].topic ==
                   cluster->positions[first].topic)
            count++;
        err = ends_ask(cluster, first, count, until_ms, why);
        if (err == ISO_NOT_FOUND || err == ISO_DENIED) {
            iso_log_why(ISO_WARN, "monitor.ends", why);
            err = ISO_OK;
        }
        first += count;
    }
    return err;
}

static enum iso_err cluster_ends(struct iso_cluster *cluster, bool all,
                                 int64_t until_ms, struct iso_why *why)
{
    cluster->end_count = 0;
    for (size_t i = 0; i < cluster->lag->collection_count; i++)
        ends_of(cluster, cluster->lag->collections[i], all);
    enum iso_err err = ends_ask(cluster, 0, cluster->end_count, until_ms, why);
    if (err == ISO_NOT_FOUND || err == ISO_DENIED)
        err = ends_ask_each(cluster, until_ms, why);
    return err;
}

/* ---- status ---- */

static enum iso_err status_partitions(struct iso_cluster *cluster, int64_t until_ms,
                                      struct iso_why *why)
{
    int count;
    if (cluster->status_count > 0)
        return ISO_OK;
    enum iso_err err = iso_bus_partitions(cluster->bus, cluster->status_topic,
                                          iso_cluster_left_ms(until_ms), &count, why);
    if (err != ISO_OK)
        return err == ISO_NOT_FOUND ? ISO_OK : err; /* no daemon writes here yet */
    iso_assert(count < AGE_FIRST);
    cluster->status_count = (size_t)count;
    cluster->status = iso_alloc_zero(cluster->status_count, sizeof *cluster->status);
    return ISO_OK;
}

/* Follows every partition, and again from its beginning if it was made anew. */
static enum iso_err status_assign(struct iso_cluster *cluster,
                                  const struct iso_position *positions,
                                  struct iso_why *why)
{
    enum iso_err err = cluster_reader(cluster, why);
    for (size_t i = 0; err == ISO_OK && i < cluster->status_count; i++) {
        struct cluster_status *status = &cluster->status[i];
        bool inside =
            status->next >= positions[i].begin && status->next <= positions[i].end;
        if (status->assigned && inside)
            continue;
        status->next = positions[i].begin;
        err = iso_reader_assign(cluster->reader, (uint32_t)i, cluster->status_topic,
                                (int)i, status->next, why);
        status->assigned = err == ISO_OK;
    }
    return err;
}

static bool status_read(const struct iso_cluster *cluster,
                        const struct iso_position *positions)
{
    for (size_t i = 0; i < cluster->status_count; i++) {
        if (cluster->status[i].assigned && cluster->status[i].next < positions[i].end)
            return false;
    }
    return true;
}

/* Up to the ends that it has now; what the time does not suffice for comes next time.
 */
static enum iso_err status_follow(struct iso_cluster *cluster,
                                  struct iso_position *positions, int64_t until_ms,
                                  struct iso_why *why)
{
    for (size_t i = 0; i < cluster->status_count; i++)
        positions[i] =
            (struct iso_position){.topic = cluster->status_topic, .partition = (int)i};
    enum iso_err err = iso_bus_ends(cluster->bus, positions, cluster->status_count,
                                    iso_cluster_left_ms(until_ms), why);
    if (err == ISO_OK)
        err = status_assign(cluster, positions, why);
    if (err != ISO_OK)
        return err;
    cluster->why = (struct iso_why){.text = "nothing was heard of it"};
    int left_ms = 1;
    while (err == ISO_OK && left_ms > 0 && !status_read(cluster, positions)) {
        left_ms = iso_cluster_left_ms(until_ms);
        err = cluster_fetch(cluster, left_ms < FETCH_WAIT_MS ? left_ms : FETCH_WAIT_MS,
                            why);
    }
    if (err == ISO_OK && !status_read(cluster, positions))
        return iso_fail(why, ISO_UNAVAILABLE,
                        "%s of cluster %s could not be read to its end in time: %.300s",
                        cluster->status_topic, cluster->name, cluster->why.text);
    return err;
}

enum iso_err iso_cluster_refresh(struct iso_cluster *cluster, bool all_ends,
                                 int64_t until_ms, struct iso_why *why)
{
    if (iso_cluster_left(cluster)) {
        *why = cluster->why;
        return why->err;
    }
    enum iso_err err = cluster_ends(cluster, all_ends, until_ms, why);
    if (err == ISO_OK)
        err = status_partitions(cluster, until_ms, why);
    if (err == ISO_OK && cluster->status_count > 0) {
        struct iso_position *positions =
            iso_alloc_zero(cluster->status_count, sizeof *positions);
        err = status_follow(cluster, positions, until_ms, why);
        iso_free(positions);
    }
    if (err != ISO_OK)
        iso_cluster_leave(cluster, why);
    else
        cluster->away = false;
    return err;
}

/* ---- ages ---- */

bool iso_cluster_age_ask(struct iso_cluster *cluster, const char *topic,
                         const struct cluster_age *age)
{
    struct iso_why why;
    if (cluster->away || cluster->age_count == CLUSTER_AGES_MAX ||
        cluster_reader(cluster, &why) != ISO_OK)
        return false;
    /* ISO_EXISTS: another place of that partition is being looked at. */
    if (iso_reader_assign(cluster->reader, AGE_FIRST + (uint32_t)cluster->age_count,
                          topic, (int)age->partition, age->offset, &why) != ISO_OK)
        return false;
    cluster->ages[cluster->age_count++] = *age;
    cluster->age_waiting++;
    return true;
}

size_t iso_cluster_age_poll(struct iso_cluster *cluster, int wait_ms)
{
    struct iso_why why;
    if (cluster->age_waiting > 0 && cluster_fetch(cluster, wait_ms, &why) != ISO_OK)
        return 0;
    return cluster->age_waiting;
}

void iso_cluster_age_stop(struct iso_cluster *cluster)
{
    struct iso_why why;
    for (size_t i = 0; i < cluster->age_count; i++)
        iso_reader_unassign(cluster->reader, AGE_FIRST + (uint32_t)i, &why);
    cluster->age_count = cluster->age_waiting = 0;
}
