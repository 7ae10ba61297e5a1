/* kafka.h - what the files of the Kafka bus share; private to bus/kafka*.c, the only
 * ones that see librdkafka.
 *
 *   kafka.c            the bus: settings to a client, errors to ours, trouble
 *   kafka_admin.c      questions and topics; kafka_question.h: how they are asked
 *   kafka_alter.c      one setting of a topic
 *   kafka_written.c    ends, open transactions included
 *   kafka_publisher.c  sending, and each record's fate
 *   kafka_reader.c     reading from offsets that the owner names
 *   kafka_commit.c     positions, for other people's tools
 *   kafka_committed.c  what was committed so, by anybody
 */
#ifndef ISO_BUS_KAFKA_H
#define ISO_BUS_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "bus/port.h"

enum { KAFKA_MEMORY_DEFAULT = 64 * 1024 * 1024 };

struct kafka_setting {
    char *name, *value;
};

/* What a client last said that its cluster suffers from. Filled by librdkafka's error
 * callback on whichever thread polls, read by any. */
struct kafka_trouble {
    pthread_mutex_t lock;
    struct iso_why why; /* ISO_OK: none */
    const struct kafka_bus *bus;
    /* True when it was not the cluster's trouble but one partition's; may be NULL. */
    bool (*take)(struct kafka_trouble *trouble, rd_kafka_resp_err_t err,
                 const char *reason);
};

struct kafka_bus {
    struct iso_bus bus;
    char *name;
    char *servers;
    struct kafka_setting *settings; /* the operator's kafka.*, without the prefix */
    size_t setting_count;
    rd_kafka_t *admin;            /* asks questions, makes topics */
    struct kafka_trouble trouble; /* the admin client's */
};

static inline struct kafka_bus *kafka_bus_of(struct iso_bus *bus)
{
    return (struct kafka_bus *)bus; /* its first member */
}

/* A configuration row. A *default* yields to the operator's settings, a *promise* does
 * not. A row with a NULL name ends a table. */
struct kafka_row {
    const char *name, *value;
};

/* Makes a client of the bus's cluster: defaults, the operator's settings, promises;
 * then `prepare` (may be NULL) sets callbacks. `opaque` is what callbacks are given;
 * its first member is a struct kafka_trouble. ISO_SETTING names what was wrong. */
struct kafka_client {
    rd_kafka_type_t type;
    const char *client_id; /* NULL: "isostasy" */
    const struct kafka_row *defaults, *promises;
    void (*prepare)(rd_kafka_conf_t *conf);
    void *opaque;
};
enum iso_err iso_kafka_client_new(const struct kafka_bus *bus,
                                  const struct kafka_client *client, rd_kafka_t **rk,
                                  struct iso_why *why);

/* librdkafka's error as ours; UNAVAILABLE for all that may pass. */
enum iso_err iso_kafka_err(rd_kafka_resp_err_t err);

void iso_kafka_trouble_init(struct kafka_trouble *trouble, const struct kafka_bus *bus);
void iso_kafka_trouble_release(struct kafka_trouble *trouble);
void iso_kafka_trouble_clear(struct kafka_trouble *trouble);
enum iso_err iso_kafka_trouble_get(struct kafka_trouble *trouble, struct iso_why *why);

enum iso_err iso_kafka_brokers(struct iso_bus *bus, int timeout_ms, int *brokers,
                               struct iso_why *why);
enum iso_err iso_kafka_partitions(struct iso_bus *bus, const char *topic,
                                  int timeout_ms, int *partitions, struct iso_why *why);
enum iso_err iso_kafka_topic_create(struct iso_bus *bus, const struct iso_topic *spec,
                                    int timeout_ms, struct iso_why *why);
enum iso_err
iso_kafka_topic_config(struct iso_bus *bus, const char *topic, int timeout_ms,
                       void (*each)(void *user, const char *name, const char *value),
                       void *user, struct iso_why *why);
enum iso_err iso_kafka_topic_set(struct iso_bus *bus, const char *topic,
                                 const struct iso_topic_config *setting, int timeout_ms,
                                 struct iso_why *why);
enum iso_err iso_kafka_ends(struct iso_bus *bus, struct iso_position *positions,
                            size_t count, int timeout_ms, struct iso_why *why);
enum iso_err iso_kafka_committed(struct iso_bus *bus, const char *group,
                                 struct iso_committed *positions, size_t count,
                                 int timeout_ms, struct iso_why *why);
enum iso_err iso_kafka_written(struct iso_bus *bus, struct iso_position *positions,
                               size_t count, int timeout_ms, struct iso_why *why);
enum iso_err iso_kafka_publisher_open(struct iso_bus *bus,
                                      const struct iso_publisher_options *options,
                                      struct iso_publisher **publisher,
                                      struct iso_why *why);
enum iso_err iso_kafka_reader_open(struct iso_bus *bus,
                                   const struct iso_reader_options *options,
                                   struct iso_reader **reader, struct iso_why *why);

#endif
