/* bus.h - publish, read, seek, ends: what isostasy needs of Kafka, and no more.
 *
 * This is the port behind which the queue lives. It knows topics, partitions, offsets,
 * keys, values and one header; it knows no write. Two buses here: `kafka` (the only
 * file with librdkafka) and `memory` (logs in this process, with cuts, delays and
 * append time under a test's control, bus/memory.h).
 *
 *   struct iso_bus         one cluster, as this process sees it; questions and topics
 *   struct iso_publisher   sends records, reports each one's fate exactly once
 *   struct iso_reader      reads partitions from offsets that its owner names: there is
 * no group and no committed position that would be read back
 *
 * A reader sees committed records only. The log has holes where transaction markers and
 * aborted records stand; that is ordinary. What is never ordinary is an offset that is
 * no longer there: it is reported as an event with a name, never jumped over.
 *
 * Threads: a bus from any; a publisher's send from any, its poll from one at a time; a
 * reader belongs to one thread.
 */
#ifndef ISO_BUS_BUS_H
#define ISO_BUS_BUS_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/settings.h"

struct iso_bus;
struct iso_publisher;
struct iso_reader;

enum { ISO_BUS_TOPIC_MAX = 249 };   /* bytes of a topic's name: Kafka's own bound */
enum { ISO_MESSAGE_MAX = 1114112 }; /* bytes: what clients and topics must allow */

/* Opens cluster `name` of `settings` (servers, kafka.*). Does not wait for Kafka:
 * ISO_SETTING is the only failure. */
enum iso_err iso_bus_kafka_open(const struct iso_settings *settings, const char *name,
                                struct iso_bus **bus, struct iso_why *why);
void iso_bus_close(
    struct iso_bus *bus); /* after its publishers and readers; NULL fine */

/* "librdkafka 2.0.2", for --version. */
const char *iso_bus_library(void);

/* ---- questions; each waits at most timeout_ms and answers ISO_UNAVAILABLE past it
 * ---- */

/* Is the cluster there, and how many brokers has it? */
enum iso_err iso_bus_brokers(struct iso_bus *bus, int timeout_ms, int *brokers,
                             struct iso_why *why);

/* The number of partitions; ISO_NOT_FOUND; ISO_DENIED. */
enum iso_err iso_bus_partitions(struct iso_bus *bus, const char *topic, int timeout_ms,
                                int *partitions, struct iso_why *why);

struct iso_topic_config {
    const char *name; /* "cleanup.policy" */
    const char *value;
};

struct iso_topic {
    const char *name;
    int partitions, replication;
    const struct iso_topic_config *config; /* `count` of them */
    size_t count;
};

/* Makes a topic and waits until its leaders are known. ISO_EXISTS when it is there;
 * ISO_DENIED; ISO_SETTING when the cluster refuses its numbers or its config. */
enum iso_err iso_bus_topic_create(struct iso_bus *bus, const struct iso_topic *topic,
                                  int timeout_ms, struct iso_why *why);

/* Calls `each` for every setting of the topic. ISO_NOT_FOUND; ISO_DENIED. */
enum iso_err
iso_bus_topic_config(struct iso_bus *bus, const char *topic, int timeout_ms,
                     void (*each)(void *user, const char *name, const char *value),
                     void *user, struct iso_why *why);

/* Sets one setting of the topic, and leaves the others that were set as they are; waits
 * until it shows. Of two who set at the same moment one may undo the other's.
 * ISO_NOT_FOUND; ISO_DENIED; ISO_SETTING: the cluster refuses the value. */
enum iso_err iso_bus_topic_set(struct iso_bus *bus, const char *topic,
                               const struct iso_topic_config *setting, int timeout_ms,
                               struct iso_why *why);

/* Where a partition begins and ends: the offset of its first record that is still
 * there, and the offset behind the last that a reader may see: records of a transaction
 * that is still open, and what came after them, are not counted. ISO_NOT_FOUND names
 * the first partition that does not exist. */
struct iso_position {
    const char *topic;
    int partition;
    int64_t begin, end; /* answers */
};
enum iso_err iso_bus_ends(struct iso_bus *bus, struct iso_position *positions,
                          size_t count, int timeout_ms, struct iso_why *why);

/* What a consumer group has committed of a partition, as whoever commits under that
 * name last wrote it: for other people's tools, and for who has nothing better. */
struct iso_committed {
    const char *topic;
    int partition;
    int64_t next; /* answer: the offset that it would read next; -1: none is kept */
};
/* ISO_DENIED. Where the partition or the group does not exist, nothing is committed.
 * Opens a client of that group for it, which joins nothing: costs some connections, and
 * up to a second beyond timeout_ms when the group's broker does not answer. */
enum iso_err iso_bus_committed(struct iso_bus *bus, const char *group,
                               struct iso_committed *positions, size_t count,
                               int timeout_ms, struct iso_why *why);

/* The same ends, with what stands in transactions that are still open, and behind: what
 * the log holds, whoever may see it. `begin` is left alone. Opens a client for it. */
enum iso_err iso_bus_written(struct iso_bus *bus, struct iso_position *positions,
                             size_t count, int timeout_ms, struct iso_why *why);

/* ---- publishing ---- */

/* How a record that was sent ended. */
enum iso_fate {
    ISO_SENT,     /* in the log, at `offset`, acknowledged by all in-sync replicas */
    ISO_NOT_SENT, /* surely in no log: `err` says why (ISO_TOO_LARGE, ISO_DENIED, …) */
    ISO_MAYBE_SENT, /* it may be in the log: an answer was lost. `err` is ISO_UNKNOWN,
                       or ISO_UNAVAILABLE when this publisher never put it on the
                       network */
};

struct iso_delivery {
    void *opaque; /* as given to send */
    enum iso_fate fate;
    enum iso_err err;
    int64_t offset;    /* -1 when not known */
    int64_t append_ms; /* the broker's append time; -1 when not known */
};

struct iso_publisher_options {
    int linger_ms;      /* how long a record may wait for company */
    int64_t memory_max; /* bytes that may wait to be sent; 0: 64 MiB */
    const char *client_id;
    const char *header; /* the name of the one header, "iso" */
    void (*delivered)(void *user, const struct iso_delivery *delivery);
    void *user;
};

enum iso_err iso_publisher_open(struct iso_bus *bus,
                                const struct iso_publisher_options *options,
                                struct iso_publisher **publisher, struct iso_why *why);
/* Records without an answer get ISO_MAYBE_SENT. NULL is fine. */
void iso_publisher_close(struct iso_publisher *publisher);

struct iso_message {
    const char *topic;
    int partition;
    bool has_key, has_value, has_header;
    struct iso_bytes key, value, header; /* borrowed until delivered */
    void *opaque;
};

/* Hands a record over: acks=all, idempotent, retried until it is answered. An error
 * means that it was not taken and `delivered` will not be called for it. ISO_AGAIN: the
 * queue is full, poll and try again. ISO_TOO_LARGE, ISO_NOT_FOUND: no queue will ever
 * take it. ISO_FENCED: this publisher cannot go on (an idempotent producer after a lost
 * answer): close it, open another, send again what has no answer. Any thread. */
enum iso_err iso_publisher_send(struct iso_publisher *publisher,
                                const struct iso_message *message, struct iso_why *why);

/* Calls `delivered` for what was answered, waiting up to timeout_ms for the first; says
 * how many. ISO_FENCED as above. */
enum iso_err iso_publisher_poll(struct iso_publisher *publisher, int timeout_ms,
                                int *delivered, struct iso_why *why);

/* The cluster's trouble as this publisher last heard it (all brokers down, bad
 * password, unknown authority): ISO_OK when there is none. */
enum iso_err iso_publisher_trouble(struct iso_publisher *publisher,
                                   struct iso_why *why);

/* ---- reading ---- */

enum iso_event {
    ISO_RECORD,
    ISO_AT_END, /* all that was there when it was asked has been read; `offset` is next
                 */
    ISO_HOLE, /* the offset asked for is not in the log (any more); the partition stands
                 still until assigned again; `offset` is the one asked for */
    ISO_TROUBLE, /* partition or cluster: `err` and `text`; the reader goes on by itself
                  */
};

struct iso_record {
    enum iso_event event;
    uint32_t id; /* as given to assign; UINT32_MAX for trouble of the cluster */
    int64_t offset;
    int64_t append_ms;
    bool append_by_broker; /* false: the topic carries the client's own time */
    bool has_key, has_value;
    struct iso_bytes key, value;
    int header_count;        /* headers with the reader's one name */
    struct iso_bytes header; /* the last of them */
    enum iso_err err;
    const char *text;
};

struct iso_reader_options {
    int64_t memory_max; /* bytes that may be fetched ahead; 0: 64 MiB */
    const char *client_id;
    const char *header;
    const char *group; /* where commit writes; no reader reads it. NULL: nowhere */
};

enum iso_err iso_reader_open(struct iso_bus *bus,
                             const struct iso_reader_options *options,
                             struct iso_reader **reader, struct iso_why *why);
void iso_reader_close(struct iso_reader *reader); /* NULL is fine */

/* Reads partition from `offset` on, under the caller's number `id`. Assigning again
 * moves it: what was fetched from the old position is never returned after. ISO_EXISTS
 * when another id reads that partition. */
enum iso_err iso_reader_assign(struct iso_reader *reader, uint32_t id,
                               const char *topic, int partition, int64_t offset,
                               struct iso_why *why);
enum iso_err iso_reader_unassign(struct iso_reader *reader, uint32_t id,
                                 struct iso_why *why);

/* Up to `max` records, waiting up to timeout_ms for the first. The records belong to
 * the reader until the next fetch. *count may be 0. Records of one partition come in
 * order. */
enum iso_err iso_reader_fetch(struct iso_reader *reader, size_t max, int timeout_ms,
                              const struct iso_record **records, size_t *count,
                              struct iso_why *why);

/* Writes positions under the group, for other people's tools; returns at once; failures
 * are forgotten. */
void iso_reader_commit(struct iso_reader *reader, const uint32_t *ids,
                       const int64_t *next_offsets, size_t count);

/* ---- both ---- */

/* From where a partition is read, and who is given its records. */
struct iso_walk {
    const char *topic;
    int partition;
    int64_t from;
    int timeout_ms; /* without progress */
    enum iso_err (*each)(void *user, const struct iso_record *record,
                         struct iso_why *why);
    void *user;
};

/* Calls `each` for every record of the partition from `from` to the end that it has
 * now, then returns; *next (may be NULL) is where to go on, after a failure too. What
 * `each` returns other than ISO_OK ends it. The header looked for is "iso".
 * ISO_UNAVAILABLE past timeout_ms without progress; ISO_NOT_FOUND when the partition
 * does not exist, or `from` is not in the log (any more). */
enum iso_err iso_bus_read(struct iso_bus *bus, const struct iso_walk *walk,
                          int64_t *next, struct iso_why *why);

/* Sends one record and waits for its fate, which *delivery (may be NULL) tells whenever
 * the record was taken. ISO_UNAVAILABLE: at the deadline it had never been on the
 * network, and is not sent; ISO_UNKNOWN: it may be in the log. Opens a publisher for
 * it: not for the many. */
enum iso_err iso_bus_publish(struct iso_bus *bus, const struct iso_message *message,
                             const char *header, int timeout_ms,
                             struct iso_delivery *delivery, struct iso_why *why);

#endif
