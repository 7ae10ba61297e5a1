/* What the consumer groups of regions have committed in a cluster, asked where no
 * report of a region is there: it was never written, or its topic lost it. Daemons
 * commit under "isostasy.REGION", in the cluster of each log, for other people's tools.
 *
 * A few regions are asked a round, each in a question of its own that opens a client
 * (bus/kafka_committed.c), every COMMITS_MS. Of all questions of a round none takes
 * longer than ASK_MS, and the first that fails ends it for a while: the group's broker
 * may be away while all others answer. Nothing is asked while reports are there.
 */
#include "base/log.h"
#include "base/mem.h"
#include "monitor/cluster.h"
#include "monitor/table.h"

enum {
    COMMITS_MS = 5000,
    COMMITS_AGAIN_MS = 30000, /* after one that failed */
    REGIONS_AT_ONCE = 4,
    ASK_MS = 1000,
};

struct question {
    struct iso_cluster *cluster;
    const struct table_collection *collection;
    const struct iso_definition_region *region;
    struct iso_committed *positions;
    uint16_t *logs; /* whose they are */
    size_t count;
};

static bool here(const struct question *question, const struct iso_definition_log *log)
{
    return strcmp(log->cluster, question->cluster->name) == 0;
}

static bool reported(const struct question *question, uint32_t partition)
{
    return iso_table_report(question->collection, question->region->number,
                            partition) != NULL;
}

static bool is_missing(const struct question *question)
{
    const struct iso_definition *definition = question->collection->definition;
    bool logs = false;
    for (size_t i = 0; !logs && i < definition->log_count; i++)
        logs = here(question, &definition->logs[i]);
    for (uint32_t p = 0; logs && p < question->collection->partitions; p++) {
        if (!reported(question, p))
            return true;
    }
    return false;
}

static void question_positions(struct question *question)
{
    const struct iso_definition *definition = question->collection->definition;
    uint32_t partitions = question->collection->partitions;
    size_t most = definition->log_count * partitions;
    question->positions = iso_alloc((most + 1) * sizeof *question->positions);
    question->logs = iso_alloc((most + 1) * sizeof *question->logs);
    for (size_t i = 0; i < definition->log_count; i++) {
        for (uint32_t p = 0; here(question, &definition->logs[i]) && p < partitions;
             p++) {
            if (reported(question, p))
                continue;
            question->positions[question->count] = (struct iso_committed){
                .topic = definition->logs[i].topic, .partition = (int)p};
            question->logs[question->count++] = definition->logs[i].number;
        }
    }
}

static enum iso_err question_ask(struct question *question, int64_t until_ms,
                                 struct iso_why *why)
{
    char group[sizeof ISO_MONITOR_GROUP + ISO_REGION_NAME_MAX];
    struct iso_cluster *cluster = question->cluster;
    snprintf(group, sizeof group, ISO_MONITOR_GROUP "%s", question->region->name);
    question_positions(question);
    int64_t asked_ms = iso_now_ms(cluster->clock);
    int left_ms = iso_cluster_left_ms(until_ms);
    enum iso_err err =
        iso_bus_committed(cluster->bus, group, question->positions, question->count,
                          left_ms < ASK_MS ? left_ms : ASK_MS, why);
    for (size_t i = 0; err == ISO_OK && i < question->count; i++)
        iso_lag_feed_committed(
            cluster->lag,
            &(struct iso_lag_committed){
                .collection = question->collection->definition->collection,
                .region = question->region->number,
                .log = question->logs[i],
                .partition = (uint32_t)question->positions[i].partition,
                .next = question->positions[i].next,
                .asked_ms = asked_ms});
    iso_free(question->positions);
    iso_free(question->logs);
    return err;
}

/* Regions without a report, from the n-th on, a few of them; how many there are. */
static enum iso_err commits_some(struct iso_cluster *cluster, size_t from,
                                 size_t *count, int64_t until_ms, struct iso_why *why)
{
    *count = 0;
    for (size_t c = 0; c < cluster->lag->collection_count; c++) {
        const struct table_collection *collection = cluster->lag->collections[c];
        for (size_t r = 0; r < collection->definition->region_count; r++) {
            struct question question = {.cluster = cluster,
                                        .collection = collection,
                                        .region = &collection->definition->regions[r]};
            if (!is_missing(&question))
                continue;
            size_t n = (*count)++;
            bool turn = n >= from && n < from + REGIONS_AT_ONCE;
            enum iso_err err = turn ? question_ask(&question, until_ms, why) : ISO_OK;
            if (err != ISO_OK)
                return err;
        }
    }
    return ISO_OK;
}

void iso_cluster_commits(struct iso_cluster *cluster, int64_t until_ms)
{
    struct iso_why why;
    size_t count, from = cluster->commits_next;
    int64_t now_ms = iso_steady_ms(cluster->clock);
    if (cluster->away || now_ms < cluster->commits_ms)
        return;
    if (commits_some(cluster, from, &count, until_ms, &why) != ISO_OK) {
        iso_log_why(ISO_WARN, "monitor.committed", &why);
        cluster->commits_next = 0;
        cluster->commits_ms = now_ms + COMMITS_AGAIN_MS;
        return;
    }
    bool more = from + REGIONS_AT_ONCE < count;
    cluster->commits_next = more ? from + REGIONS_AT_ONCE : 0;
    if (!more)
        cluster->commits_ms = now_ms + COMMITS_MS;
}
