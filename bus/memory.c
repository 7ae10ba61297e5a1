/* The memory cluster: its logs, its controls, and the questions a bus may ask of it.
 *
 * One lock a cluster; nothing is done under it but copying. Nothing waits: a question
 * is answered at once, and a timeout is never slept away, since nobody else would act
 * meanwhile in a test that has one thread. What a real cluster would refuse (a topic
 * that is not there, a record over the topic's limit) is refused alike.
 */
#include "bus/memory.h"

#include <stdlib.h>

#include "base/mem.h"
#include "bus/memory_log.h"

/* What Kafka answers for a topic that was made without a word about it. */
static const struct iso_topic_config config_defaults[] = {
    {"cleanup.policy", "delete"},
    {"message.timestamp.type", "CreateTime"},
    {"retention.ms", "604800000"},
    {"retention.bytes", "-1"},
    {"max.message.bytes", "1048588"},
    {"min.insync.replicas", "1"},
    {"segment.bytes", "1073741824"},
    {"compression.type", "producer"},
    {"unclean.leader.election.enable", "false"},
};
enum { CONFIG_DEFAULTS = sizeof config_defaults / sizeof config_defaults[0] };

static const struct iso_bus_port memory_port;

/* ---- logs ---- */

struct memory_topic *iso_memory_topic(struct iso_memory_cluster *cluster,
                                      const char *name)
{
    for (size_t i = 0; i < cluster->topic_count; i++) {
        if (strcmp(cluster->topics[i]->name, name) == 0)
            return cluster->topics[i];
    }
    return NULL;
}

struct memory_partition *iso_memory_partition(struct iso_memory_cluster *cluster,
                                              const char *topic, int partition)
{
    struct memory_topic *found = iso_memory_topic(cluster, topic);
    if (found == NULL || partition < 0 || partition >= found->partition_count)
        return NULL;
    return &found->partitions[partition];
}

void iso_memory_record_drop(struct memory_record *record)
{
    int64_t *account = iso_mem_account(NULL); /* what is in a log is nobody's */
    if (--record->holders == 0)
        iso_free(record);
    iso_mem_account(account);
}

static struct iso_bytes record_copy(uint8_t **at, struct iso_bytes from)
{
    struct iso_bytes copy = {.data = *at, .size = from.size};
    if (from.size > 0)
        memcpy(*at, from.data, from.size);
    *at += from.size;
    return copy;
}

static struct memory_record *record_new(const struct iso_message *message,
                                        const char *header_name)
{
    struct iso_bytes name = iso_bytes_text(header_name);
    struct memory_record *record =
        iso_alloc(sizeof *record + message->key.size + message->value.size +
                  message->header.size + name.size);
    *record = (struct memory_record){.holders = 1,
                                     .has_key = message->has_key,
                                     .has_value = message->has_value,
                                     .has_header = message->has_header};
    uint8_t *at = record->bytes;
    record->key = record_copy(&at, message->key);
    record->value = record_copy(&at, message->value);
    record->header = record_copy(&at, message->header);
    record->header_name = record_copy(&at, name);
    return record;
}

int64_t iso_memory_append(struct iso_memory_cluster *cluster,
                          struct memory_topic *topic, const struct iso_message *message,
                          const char *header_name)
{
    struct memory_partition *partition = &topic->partitions[message->partition];
    int64_t *account = iso_mem_account(NULL);
    if (partition->count == partition->room) {
        partition->room = partition->room ? partition->room * 2 : 64;
        partition->records = iso_realloc(
            partition->records, partition->room * sizeof(struct memory_record *));
    }
    struct memory_record *record = record_new(message, header_name);
    iso_mem_account(account);
    record->append_ms = iso_now_ms(cluster->clock);
    record->steady_ms = iso_steady_ms(cluster->clock);
    record->append_by_broker = topic->append_by_broker;
    partition->records[partition->count++] = record;
    return partition->begin + (int64_t)partition->count - 1;
}

int64_t iso_memory_visible_end(const struct memory_bus *bus,
                               const struct memory_partition *partition)
{
    size_t end = partition->count;
    if (bus->delay_ms > 0) {
        int64_t limit_ms = iso_steady_ms(bus->cluster->clock) - bus->delay_ms;
        while (end > 0 && partition->records[end - 1]->steady_ms >= limit_ms)
            end--;
    }
    return partition->begin + (int64_t)end;
}

/* Drops records [from, to) by index, to being the end or from the beginning. */
static void partition_drop(struct memory_partition *partition, size_t from, size_t to)
{
    if (from == to)
        return;
    for (size_t i = from; i < to; i++)
        iso_memory_record_drop(partition->records[i]);
    memmove(partition->records + from, partition->records + to,
            (partition->count - to) * sizeof(struct memory_record *));
    partition->count -= to - from;
}

/* ---- cluster and controls ---- */

struct iso_memory_cluster *iso_memory_cluster_new(const struct iso_clock *clock)
{
    struct iso_memory_cluster *cluster = iso_alloc_zero(1, sizeof *cluster);
    iso_assert(pthread_mutex_init(&cluster->lock, NULL) == 0);
    cluster->clock = clock;
    return cluster;
}

static void config_free(struct memory_config *config, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        iso_free(config[i].name);
        iso_free(config[i].value);
    }
    iso_free(config);
}

static void topic_free(struct memory_topic *topic)
{
    for (int i = 0; i < topic->partition_count; i++) {
        struct memory_partition *partition = &topic->partitions[i];
        if (partition->count > 0)
            partition_drop(partition, 0, partition->count);
        iso_free(partition->records);
    }
    config_free(topic->config, topic->config_count);
    iso_free(topic->partitions);
    iso_free(topic->name);
    iso_free(topic);
}

void iso_memory_cluster_free(struct iso_memory_cluster *cluster)
{
    if (cluster == NULL)
        return;
    iso_assert(cluster->buses == 0);
    for (size_t i = 0; i < cluster->topic_count; i++)
        topic_free(cluster->topics[i]);
    iso_free(cluster->topics);
    iso_memory_commits_release(cluster);
    pthread_mutex_destroy(&cluster->lock);
    iso_free(cluster);
}

struct iso_bus *iso_bus_memory_open(struct iso_memory_cluster *cluster)
{
    struct memory_bus *bus = iso_alloc_zero(1, sizeof *bus);
    bus->bus.port = &memory_port;
    bus->cluster = cluster;
    pthread_mutex_lock(&cluster->lock);
    cluster->buses++;
    pthread_mutex_unlock(&cluster->lock);
    return &bus->bus;
}

void iso_memory_cut(struct iso_bus *bus, bool cut)
{
    iso_memory_cut_ways(bus, cut ? ISO_MEMORY_IN | ISO_MEMORY_OUT : 0);
}

void iso_memory_cut_ways(struct iso_bus *bus, unsigned ways)
{
    memory_bus_of(bus)->cut = ways;
}

void iso_memory_delay(struct iso_bus *bus, int64_t ms)
{
    memory_bus_of(bus)->delay_ms = ms;
}

void iso_memory_lose_answers(struct iso_bus *bus, int n)
{
    memory_bus_of(bus)->lose_answers = n;
}

void iso_memory_duplicate(struct iso_bus *bus, int n)
{
    memory_bus_of(bus)->duplicate = n;
}

void iso_memory_fence(struct iso_bus *bus)
{
    memory_bus_of(bus)->fence = true;
}

void iso_memory_trim(struct iso_memory_cluster *cluster, const char *topic,
                     int partition, int64_t begin)
{
    struct memory_partition *at = iso_memory_partition(cluster, topic, partition);
    iso_assert(at != NULL);
    int64_t end = at->begin + (int64_t)at->count;
    if (begin <= at->begin)
        return;
    partition_drop(at, 0, (size_t)((begin < end ? begin : end) - at->begin));
    at->begin = begin < end ? begin : end;
}

void iso_memory_truncate(struct iso_memory_cluster *cluster, const char *topic,
                         int partition, int64_t end)
{
    struct memory_partition *at = iso_memory_partition(cluster, topic, partition);
    iso_assert(at != NULL && end >= at->begin);
    if (end < at->begin + (int64_t)at->count)
        partition_drop(at, (size_t)(end - at->begin), at->count);
    at->elections++;
}

void iso_memory_recreate(struct iso_memory_cluster *cluster, const char *topic)
{
    struct memory_topic *at = iso_memory_topic(cluster, topic);
    iso_assert(at != NULL);
    for (int i = 0; i < at->partition_count; i++) {
        struct memory_partition *partition = &at->partitions[i];
        if (partition->count > 0)
            partition_drop(partition, 0, partition->count);
        partition->begin = 0;
    }
}

/* ---- the bus ---- */

static void memory_close(struct iso_bus *base)
{
    struct memory_bus *bus = memory_bus_of(base);
    iso_assert(bus->users == 0);
    pthread_mutex_lock(&bus->cluster->lock);
    bus->cluster->buses--;
    pthread_mutex_unlock(&bus->cluster->lock);
    iso_free(bus);
}

enum iso_err iso_memory_reachable(const struct memory_bus *bus, struct iso_why *why)
{
    if (bus->cut != 0)
        return iso_fail(why, ISO_UNAVAILABLE, "the memory cluster is cut off: heal it");
    return ISO_OK;
}

static enum iso_err topic_missing(const char *topic, struct iso_why *why)
{
    return iso_fail(why, ISO_NOT_FOUND, "topic %s does not exist: create it", topic);
}

static enum iso_err memory_brokers(struct iso_bus *base, int timeout_ms, int *brokers,
                                   struct iso_why *why)
{
    (void)timeout_ms;
    *brokers = 1;
    return iso_memory_reachable(memory_bus_of(base), why);
}

static enum iso_err memory_partitions(struct iso_bus *base, const char *topic,
                                      int timeout_ms, int *partitions,
                                      struct iso_why *why)
{
    (void)timeout_ms;
    struct memory_bus *bus = memory_bus_of(base);
    enum iso_err err = iso_memory_reachable(bus, why);
    if (err != ISO_OK)
        return err;
    pthread_mutex_lock(&bus->cluster->lock);
    const struct memory_topic *found = iso_memory_topic(bus->cluster, topic);
    if (found != NULL)
        *partitions = found->partition_count;
    pthread_mutex_unlock(&bus->cluster->lock);
    return found != NULL ? ISO_OK : topic_missing(topic, why);
}

static void topic_set(struct memory_topic *topic, const char *name, const char *value)
{
    size_t i = 0;
    while (i < topic->config_count && strcmp(topic->config[i].name, name) != 0)
        i++;
    if (i == topic->config_count) {
        topic->config = iso_realloc(topic->config, (i + 1) * sizeof *topic->config);
        topic->config[i] = (struct memory_config){.name = iso_strdup(name)};
        topic->config_count++;
    }
    iso_free(topic->config[i].value);
    topic->config[i].value = iso_strdup(value);
    if (strcmp(name, "message.timestamp.type") == 0)
        topic->append_by_broker = strcmp(value, "LogAppendTime") == 0;
    if (strcmp(name, "max.message.bytes") == 0)
        topic->message_max = strtoll(value, NULL, 10);
}

static struct memory_topic *topic_new(const struct iso_topic *spec)
{
    struct memory_topic *topic = iso_alloc_zero(1, sizeof *topic);
    topic->name = iso_strdup(spec->name);
    topic->partition_count = spec->partitions;
    topic->partitions =
        iso_alloc_zero((size_t)spec->partitions, sizeof *topic->partitions);
    for (size_t i = 0; i < CONFIG_DEFAULTS; i++)
        topic_set(topic, config_defaults[i].name, config_defaults[i].value);
    for (size_t i = 0; i < spec->count; i++)
        topic_set(topic, spec->config[i].name, spec->config[i].value);
    return topic;
}

static enum iso_err memory_topic_create(struct iso_bus *base,
                                        const struct iso_topic *spec, int timeout_ms,
                                        struct iso_why *why)
{
    (void)timeout_ms;
    struct memory_bus *bus = memory_bus_of(base);
    struct iso_memory_cluster *cluster = bus->cluster;
    enum iso_err err = iso_memory_reachable(bus, why);
    if (err != ISO_OK)
        return err;
    if (spec->replication > 1)
        return iso_fail(why, ISO_SETTING,
                        "topic %s cannot have %d replicas: the cluster has 1 broker",
                        spec->name, spec->replication);
    pthread_mutex_lock(&cluster->lock);
    bool exists = iso_memory_topic(cluster, spec->name) != NULL;
    if (!exists) {
        cluster->topics =
            iso_realloc(cluster->topics,
                        (cluster->topic_count + 1) * sizeof(struct memory_topic *));
        cluster->topics[cluster->topic_count++] = topic_new(spec);
    }
    pthread_mutex_unlock(&cluster->lock);
    if (exists)
        return iso_fail(why, ISO_EXISTS, "topic %s exists already", spec->name);
    return ISO_OK;
}

/* The caller's to free. The lock is held. */
static struct memory_config *config_copy(const struct memory_topic *topic)
{
    struct memory_config *copy = iso_alloc(topic->config_count * sizeof *copy);
    for (size_t i = 0; i < topic->config_count; i++)
        copy[i] = (struct memory_config){.name = iso_strdup(topic->config[i].name),
                                         .value = iso_strdup(topic->config[i].value)};
    return copy;
}

/* `each` is called without the lock, so that it may ask the bus. */
static enum iso_err
memory_topic_config(struct iso_bus *base, const char *topic, int timeout_ms,
                    void (*each)(void *user, const char *name, const char *value),
                    void *user, struct iso_why *why)
{
    (void)timeout_ms;
    struct memory_bus *bus = memory_bus_of(base);
    enum iso_err err = iso_memory_reachable(bus, why);
    if (err != ISO_OK)
        return err;
    pthread_mutex_lock(&bus->cluster->lock);
    const struct memory_topic *found = iso_memory_topic(bus->cluster, topic);
    struct memory_config *config = found != NULL ? config_copy(found) : NULL;
    size_t count = found != NULL ? found->config_count : 0;
    pthread_mutex_unlock(&bus->cluster->lock);
    if (found == NULL)
        return topic_missing(topic, why);
    for (size_t i = 0; i < count; i++)
        each(user, config[i].name, config[i].value);
    config_free(config, count);
    return ISO_OK;
}

static enum iso_err memory_topic_set(struct iso_bus *base, const char *topic,
                                     const struct iso_topic_config *setting,
                                     int timeout_ms, struct iso_why *why)
{
    (void)timeout_ms;
    struct memory_bus *bus = memory_bus_of(base);
    enum iso_err err = iso_memory_reachable(bus, why);
    if (err != ISO_OK)
        return err;
    pthread_mutex_lock(&bus->cluster->lock);
    struct memory_topic *found = iso_memory_topic(bus->cluster, topic);
    if (found != NULL)
        topic_set(found, setting->name, setting->value);
    pthread_mutex_unlock(&bus->cluster->lock);
    return found != NULL ? ISO_OK : topic_missing(topic, why);
}

static enum iso_err memory_ends(struct iso_bus *base, struct iso_position *positions,
                                size_t count, int timeout_ms, struct iso_why *why)
{
    (void)timeout_ms;
    struct memory_bus *bus = memory_bus_of(base);
    enum iso_err err = iso_memory_reachable(bus, why);
    if (err != ISO_OK)
        return err;
    pthread_mutex_lock(&bus->cluster->lock);
    for (size_t i = 0; err == ISO_OK && i < count; i++) {
        const struct memory_partition *partition = iso_memory_partition(
            bus->cluster, positions[i].topic, positions[i].partition);
        if (partition == NULL) {
            err = iso_fail(why, ISO_NOT_FOUND, "%s/%d does not exist",
                           positions[i].topic, positions[i].partition);
            break;
        }
        positions[i].begin = partition->begin;
        positions[i].end = partition->begin + (int64_t)partition->count;
    }
    pthread_mutex_unlock(&bus->cluster->lock);
    return err;
}

static const struct iso_bus_port memory_port = {
    .still = true,
    .close = memory_close,
    .brokers = memory_brokers,
    .partitions = memory_partitions,
    .topic_create = memory_topic_create,
    .topic_config = memory_topic_config,
    .topic_set = memory_topic_set,
    .ends = memory_ends,
    .committed = iso_memory_committed,
    .written = memory_ends, /* there are no transactions */
    .publisher_open = iso_memory_publisher_open,
    .reader_open = iso_memory_reader_open,
};
