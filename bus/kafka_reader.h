/* kafka_reader.h - a Kafka reader and the partitions it reads; private to
 * bus/kafka_reader.c (open, fetch) and bus/kafka_assignment.c (who reads what from
 * where).
 */
#ifndef ISO_BUS_KAFKA_READER_H
#define ISO_BUS_KAFKA_READER_H

#include "bus/kafka.h"

struct kafka_assignment {
    uint32_t id;
    struct kafka_topic *topic;
    int partition;
    int64_t next;
    rd_kafka_resp_err_t trouble; /* heard by the error callback, not yet told */
    bool stands;                 /* stopped: behind a hole, or until resume_ms */
    int64_t resume_ms;           /* steady; 0: only by assign */
};

struct kafka_topic {
    struct kafka_topic *next;
    rd_kafka_topic_t *rkt; /* its opaque is this struct */
    struct kafka_assignment **slots;
    int slot_count;
    char name[];
};

struct kafka_reader {
    struct kafka_trouble trouble; /* first: the callbacks' opaque */
    struct iso_reader reader;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    char *header;
    struct kafka_committer *committer; /* NULL: commits go nowhere */
    struct kafka_topic *topics;
    struct kafka_assignment **assignments; /* by id */
    size_t count;
    size_t troubled;               /* how many have a trouble */
    size_t resuming;               /* how many have a resume_ms */
    rd_kafka_message_t **messages; /* what `records` points into */
    size_t message_count;
    struct iso_record *records;
    size_t room;
    struct iso_why trouble_text; /* of the last fetch */
};

static inline struct kafka_reader *kafka_reader_of(struct iso_reader *reader)
{
    return (struct kafka_reader *)((char *)reader -
                                   offsetof(struct kafka_reader, reader));
}

/* The assignment of `id`, or NULL. */
struct kafka_assignment *iso_kafka_assignment_find(const struct kafka_reader *reader,
                                                   uint32_t id);

/* The partition that a message of librdkafka's is about, NULL when nobody reads it. */
struct kafka_assignment *iso_kafka_assignment_of(const rd_kafka_message_t *message);

/* Stops what it reads; it stands until it is assigned, or, when `resume_ms` is not 0,
 * until that moment of the steady clock. */
void iso_kafka_assignment_stop(struct kafka_reader *reader,
                               struct kafka_assignment *assignment, int64_t resume_ms);

/* Starts again what has stood until now. */
void iso_kafka_assignments_resume(struct kafka_reader *reader);
void iso_kafka_assignments_release(struct kafka_reader *reader);

/* The slots of the port. */
enum iso_err iso_kafka_assign(struct iso_reader *reader, uint32_t id,
                              const struct iso_place *place, struct iso_why *why);
enum iso_err iso_kafka_unassign(struct iso_reader *reader, uint32_t id,
                                struct iso_why *why);

#endif
