/* One cluster: away and back, its reader, and where its logs begin and end.
 *
 *   ends       one question for all partitions of all logs; when one topic is not
 *              there, a question for each log, so that it alone stays unknown
 *   committed  where no report of a region is there (cluster_commits.c)
 *   retention  a question for each topic, a few at a time, every ten minutes
 *
 * Reports are in cluster_status.c, looks at what waits in cluster_look.c, dead letters
 * in cluster_letters.c, the clock in cluster_clock.c.
 *
 * How it can fail: the cluster is away: ISO_UNAVAILABLE, and it is left alone for
 * AWAY_MS.
 */
#include <stdlib.h>

#include "monitor/cluster.h"

#include "base/log.h"
#include "base/mem.h"
#include "monitor/table.h"

enum {
    AWAY_MS = 3000,
    FETCH_MAX = 1000,
    READER_MEMORY = 16 << 20,
    RETENTION_MS = 600000,
    RETENTION_AT_ONCE = 8,
};

int iso_cluster_left_ms(int64_t until_ms)
{
    int64_t left_ms = until_ms - iso_steady_ms(&iso_clock_machine);
    return left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

void iso_cluster_release(struct iso_cluster *cluster)
{
    iso_reader_close(cluster->reader);
    iso_cluster_letters_release(cluster);
    iso_free(cluster->status);
    iso_free(cluster->positions);
    iso_free(cluster->ends);
    iso_buf_release(&cluster->scratch);
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

/* What came of a question. */
static enum iso_err answered(struct iso_cluster *cluster, enum iso_err err,
                             const struct iso_why *why)
{
    if (err != ISO_OK) {
        iso_cluster_leave(cluster, why);
    } else {
        cluster->away = false;
        cluster->heard_ms = iso_now_ms(cluster->clock);
    }
    return err;
}

/* ---- what the reader brings ---- */

enum iso_err iso_cluster_fetch(struct iso_cluster *cluster, int wait_ms,
                               struct iso_why *why)
{
    const struct iso_record *records;
    size_t count;
    enum iso_err err =
        iso_reader_fetch(cluster->reader, FETCH_MAX, wait_ms, &records, &count, why);
    for (size_t i = 0; err == ISO_OK && i < count; i++) {
        const struct iso_record *record = &records[i];
        if (record->id < cluster->status_count)
            iso_cluster_status_take(cluster, record);
        else if (record->id == UINT32_MAX)
            iso_fail(&cluster->why, record->err, "%s", record->text);
        else if (record->id >= CLUSTER_LETTER)
            iso_cluster_letter_take(cluster, record);
        else if (record->id >= CLUSTER_LOOK)
            iso_cluster_look_take(cluster, record);
    }
    return err;
}

enum iso_err iso_cluster_reader(struct iso_cluster *cluster, struct iso_why *why)
{
    struct iso_reader_options options = {
        .memory_max = READER_MEMORY, .client_id = "isostasy-monitor", .header = "iso"};
    if (cluster->reader != NULL)
        return ISO_OK;
    return iso_reader_open(cluster->bus, &options, &cluster->reader, why);
}

enum iso_err iso_cluster_reports(struct iso_cluster *cluster, int64_t until_ms,
                                 struct iso_why *why)
{
    if (iso_cluster_left(cluster)) {
        *why = cluster->why;
        return why->err;
    }
    uint64_t before = cluster->reports;
    enum iso_err err = iso_cluster_status_follow(cluster, until_ms, why);
    if (err == ISO_UNAVAILABLE && cluster->reports != before)
        return err; /* there is much to read: it goes on, and is not left alone */
    if (err == ISO_OK)
        err = iso_cluster_letters_follow(cluster, until_ms, why);
    return answered(cluster, err, why);
}

/* ---- ends ---- */

static void ends_add(struct iso_cluster *cluster, const char *topic, uint32_t partition,
                     struct cluster_end end)
{
    if (cluster->end_count == cluster->end_room) {
        cluster->end_room = cluster->end_room == 0 ? 64 : cluster->end_room * 2;
        cluster->positions = iso_realloc(
            cluster->positions, cluster->end_room * sizeof *cluster->positions);
        cluster->ends =
            iso_realloc(cluster->ends, cluster->end_room * sizeof *cluster->ends);
    }
    cluster->positions[cluster->end_count] =
        (struct iso_position){.topic = topic, .partition = (int)partition};
    cluster->ends[cluster->end_count++] = end;
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
                ends_add(cluster, log->topic, p,
                         (struct cluster_end){definition->collection, log->number});
        }
    }
}

static void end_take(struct iso_cluster *cluster, size_t index, int64_t asked_ms)
{
    const struct iso_position *position = &cluster->positions[index];
    iso_lag_feed_end(cluster->lag, &(struct iso_lag_end){
                                       .collection = cluster->ends[index].collection,
                                       .log = cluster->ends[index].log,
                                       .partition = (uint32_t)position->partition,
                                       .begin = position->begin,
                                       .end = position->end,
                                       .asked_ms = asked_ms});
}

static enum iso_err ends_ask(struct iso_cluster *cluster, size_t first, size_t count,
                             int64_t until_ms, struct iso_why *why)
{
    int64_t asked_ms = iso_now_ms(cluster->clock);
    enum iso_err err = iso_bus_ends(cluster->bus, cluster->positions + first, count,
                                    iso_cluster_left_ms(until_ms), why);
    for (size_t i = first; err == ISO_OK && i < first + count; i++)
        end_take(cluster, i, asked_ms);
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

enum iso_err iso_cluster_ends(struct iso_cluster *cluster, bool all, int64_t until_ms,
                              struct iso_why *why)
{
    if (iso_cluster_left(cluster)) {
        *why = cluster->why;
        return why->err;
    }
    cluster->end_count = 0;
    for (size_t i = 0; i < cluster->lag->collection_count; i++)
        ends_of(cluster, cluster->lag->collections[i], all);
    enum iso_err err = ends_ask(cluster, 0, cluster->end_count, until_ms, why);
    if (err == ISO_NOT_FOUND || err == ISO_DENIED)
        err = ends_ask_each(cluster, until_ms, why);
    return answered(cluster, err, why);
}

/* ---- retention ---- */

static void retention_take(void *user, const char *name, const char *value)
{
    int64_t *retention_ms = user;
    char *rest;
    if (strcmp(name, "retention.ms") != 0 || value == NULL)
        return;
    long long ms = strtoll(value, &rest, 10);
    if (rest != value && *rest == '\0' && ms >= -1)
        *retention_ms = ms;
}

static void retention_ask(struct iso_cluster *cluster, const char *collection,
                          const struct iso_definition_log *log, int64_t until_ms)
{
    struct iso_why why;
    int64_t retention_ms = ISO_UNKNOWN_MS;
    if (iso_bus_topic_config(cluster->bus, log->topic, iso_cluster_left_ms(until_ms),
                             retention_take, &retention_ms, &why) != ISO_OK)
        retention_ms = ISO_UNKNOWN_MS;
    iso_lag_feed_retention(cluster->lag, collection, log->number, retention_ms);
}

/* The logs of this cluster from the n-th on, a few of them; how many there are. */
static size_t retention_some(struct iso_cluster *cluster, size_t from, int64_t until_ms)
{
    size_t n = 0;
    for (size_t c = 0; c < cluster->lag->collection_count; c++) {
        const struct iso_definition *definition =
            cluster->lag->collections[c]->definition;
        for (size_t i = 0; i < definition->log_count; i++) {
            const struct iso_definition_log *log = &definition->logs[i];
            if (strcmp(log->cluster, cluster->name) != 0)
                continue;
            if (n >= from && n < from + RETENTION_AT_ONCE)
                retention_ask(cluster, definition->collection, log, until_ms);
            n++;
        }
    }
    return n;
}

void iso_cluster_retention(struct iso_cluster *cluster, int64_t until_ms)
{
    int64_t now_ms = iso_steady_ms(cluster->clock);
    bool began = cluster->retention_next > 0;
    if (cluster->away || (!began && cluster->retention_ms >= 0 &&
                          now_ms - cluster->retention_ms < RETENTION_MS))
        return;
    if (!began)
        cluster->retention_ms = now_ms;
    size_t from = cluster->retention_next;
    size_t count = retention_some(cluster, from, until_ms);
    cluster->retention_next =
        from + RETENTION_AT_ONCE < count ? from + RETENTION_AT_ONCE : 0;
}
