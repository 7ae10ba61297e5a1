/* memory_log.h - the cluster behind the memory bus; private to bus/memory*.c.
 *
 *   cluster ── topic ── partition ── record, record, …        offset = begin + index
 *
 * A record is counted: a reader that has returned it holds it, so that trimming the log
 * does not pull it away. Whoever touches a cluster, or what hangs on it, holds its
 * lock.
 */
#ifndef ISO_BUS_MEMORY_LOG_H
#define ISO_BUS_MEMORY_LOG_H

#include <pthread.h>

#include "bus/memory.h"
#include "bus/port.h"

struct memory_record {
    int holders;
    int64_t append_ms;
    int64_t steady_ms; /* when it came, by a clock that never steps */
    bool append_by_broker;
    bool has_key, has_value, has_header;
    struct iso_bytes key, value, header, header_name; /* in `bytes` */
    uint8_t bytes[];
};

struct memory_partition {
    struct memory_record **records;
    size_t count, room;
    int64_t begin;
    int elections; /* by which its tail was lost */
};

struct memory_config {
    char *name, *value;
};

struct memory_topic {
    char *name;
    struct memory_partition *partitions;
    int partition_count;
    struct memory_config *config;
    size_t config_count;
    bool append_by_broker; /* message.timestamp.type */
    int64_t message_max;   /* max.message.bytes */
};

/* What one group has committed of one partition. */
struct memory_committed {
    char *group, *topic;
    int partition;
    int64_t next;
};

struct iso_memory_cluster {
    pthread_mutex_t lock;
    const struct iso_clock *clock;
    struct memory_topic **topics;
    size_t topic_count;
    struct memory_committed *commits;
    size_t commit_count;
    int buses;
};

struct memory_bus {
    struct iso_bus bus;
    struct iso_memory_cluster *cluster;
    unsigned cut; /* which ways, iso_memory_way */
    int64_t delay_ms;
    int lose_answers, duplicate; /* how many are still to be lost, doubled */
    bool fence;
    int users; /* publishers and readers that are open */
};

static inline struct memory_bus *memory_bus_of(struct iso_bus *bus)
{
    return (struct memory_bus *)bus; /* its first member */
}

/* NULL when there is none. The lock is held. */
struct memory_topic *iso_memory_topic(struct iso_memory_cluster *cluster,
                                      const char *name);
struct memory_partition *iso_memory_partition(struct iso_memory_cluster *cluster,
                                              const char *topic, int partition);

/* Puts a copy of `message` behind the last record; says its offset. The lock is held.
 */
int64_t iso_memory_append(struct iso_memory_cluster *cluster,
                          struct memory_topic *topic, const struct iso_message *message,
                          const char *header_name);

/* The offset behind the last record that this bus may see by now. The lock is held. */
int64_t iso_memory_visible_end(const struct memory_bus *bus,
                               const struct memory_partition *partition);

/* Lets go of a record; frees it with its last holder. The lock is held. */
void iso_memory_record_drop(struct memory_record *record);

/* Keeps a position. The lock is held. */
void iso_memory_commit(struct iso_memory_cluster *cluster, const char *group,
                       const struct iso_place *place);
void iso_memory_commits_release(struct iso_memory_cluster *cluster);
enum iso_err iso_memory_committed(struct iso_bus *bus, const char *group,
                                  struct iso_committed *positions, size_t count,
                                  int timeout_ms, struct iso_why *why);
/* ISO_UNAVAILABLE while the bus is cut off. */
enum iso_err iso_memory_reachable(const struct memory_bus *bus, struct iso_why *why);

enum iso_err iso_memory_publisher_open(struct iso_bus *bus,
                                       const struct iso_publisher_options *options,
                                       struct iso_publisher **publisher,
                                       struct iso_why *why);
enum iso_err iso_memory_reader_open(struct iso_bus *bus,
                                    const struct iso_reader_options *options,
                                    struct iso_reader **reader, struct iso_why *why);

#endif
