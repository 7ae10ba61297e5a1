/* producer.h - the library that services link: publishes versioned writes.
 *
 *   struct iso_producer *producer;
 *   struct iso_producer_options options = {.region = "eu", .collection = "packages",
 *                                          .acknowledged = on_ack};
 *   iso_producer_open(settings, &options, &producer, &why);
 *   iso_producer_put(producer, key, value, NULL, &why);   // ISO_OK: queued
 *   iso_producer_poll(producer, 100);                     // runs on_ack: durable, …
 *   iso_producer_flush(producer, 10000, &why);
 *   iso_producer_close(producer);
 *
 * Every write has a version (hlc, node) that is larger than those its writer had read,
 * and a seq, so that however often it is sent it counts once. An acknowledgement has a
 * name:
 *
 *   queued   put or delete returned ISO_OK: accepted, not yet safe
 *   durable  in the log, acknowledged by all in-sync replicas, and the append time
 *            admits the write everywhere: it will be applied in every region
 *   refused  surely not applied anywhere; may be written anew
 *   unknown  an answer was lost, or came too late to tell: it may be applied
 *
 * What has no answer is sent again, as the same bytes, for as long as the producer is
 * open; a Kafka client that cannot go on is replaced, unseen. ISO_AGAIN is
 * back-pressure: poll, then call again.
 *
 * A log may be closed while producers are open, and another succeed it (isostasy log
 * replace). Nothing is asked of the caller: writes are ISO_AGAIN until the successor is
 * there, and go to it from then on. What was acknowledged stays. What was unanswered is
 * looked up in the closed log, which is final: a write that stands there is durable;
 * one that does not is sent to the successor, the same write under the same version,
 * before anything new of its slice. So a version names one write, and contexts and
 * tokens that name it stay right. Only a write that is older than the successor admits
 * is refused (ISO_REFUSED; surely not applied: write it anew), and where the closed log
 * cannot be read (not permitted, topic deleted) the answer is unknown. A log that is
 * closed and has no successor that the region writes: puts are ISO_REFUSED. The poll
 * that meets a closed log takes as long as it takes to look that up.
 *
 * Threads: any number may call everything here at the same time; `acknowledged` runs on
 * the thread that polls, flushes or closes. It may write; a poll in it finds
 * nothing, a flush is ISO_USAGE, and it may not close. A process that forks opens after
 * it.
 */
#ifndef ISO_PRODUCER_PRODUCER_H
#define ISO_PRODUCER_PRODUCER_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/settings.h"
#include "schema/version.h"

struct iso_producer;
struct iso_bus;
struct iso_control;
struct iso_definition;
struct iso_schemas;
struct iso_edit;

enum iso_acknowledgement { ISO_DURABLE, ISO_NOT_APPLIED, ISO_MAYBE_APPLIED };

struct iso_ack {
    enum iso_acknowledgement state;
    enum iso_err err; /* ISO_OK when durable; else why (ISO_CLOCK_SKEW, …) */
    const char *text; /* a sentence; borrowed during the call */
    void *opaque;     /* as given with the write */
    struct iso_version version;
    uint64_t seq; /* of version.node, in its log and partition */
    uint16_t log;
    uint32_t partition;
    int64_t offset;    /* −1 when not known */
    int64_t append_ms; /* −1 when not known */
    /* As the session's token has it since it was queued: log and seq, unless the log
     * was closed meanwhile and the write went to its successor. */
    uint16_t queued_log;
    uint64_t queued_seq;
};

struct iso_producer_options {
    const char *region; /* whose writes these are */
    const char *collection;
    void (*acknowledged)(void *user, const struct iso_ack *ack); /* may be NULL */
    void *user;
    const char *client_id; /* NULL: "isostasy-producer" */
};

/* Looks the region and the collection up (in `iso.control`, or while Kafka is away in
 * the cache that an earlier open left: setting producer.cache). ISO_NO_DEFINITION: no
 * such region or collection; ISO_UNAVAILABLE: Kafka is away and nothing is cached;
 * ISO_TOPIC_CONFIG: the log's topic is missing or was never defined; ISO_SETTING. */
enum iso_err iso_producer_open(const struct iso_settings *settings,
                               const struct iso_producer_options *options,
                               struct iso_producer **producer, struct iso_why *why);

/* How a producer whose log is closed learns what stands now. `ask` answers with the
 * newest definition that stands in every open log, and with the bus of the log that the
 * region writes by it (the present one, or NULL, when it writes none); both stay until
 * the producer is closed. It is called by who polls, again and again until the log is
 * closed by what it answers. */
struct iso_producer_renewal {
    enum iso_err (*ask)(void *user, const struct iso_definition **definition,
                        struct iso_bus **bus, struct iso_why *why);
    void *user;
    int timeout_ms; /* of each question to the closed log, without progress */
};

/* What open does after looking up, for who has all that already: the daemon, and a
 * simulation. Everything is borrowed while the producer is open. */
struct iso_producer_ground {
    struct iso_bus *bus; /* the cluster of the region's log */
    const struct iso_definition *definition;
    unsigned region;
    const struct iso_clock *clock;
    struct iso_chance *chance; /* drawn from during open only */
    int64_t queue_max;         /* bytes */
    int64_t pending_max;       /* writes without an answer */
    int linger_ms;
    /* ask NULL: none. What a closed log refuses is then refused as too large. */
    struct iso_producer_renewal renewal;
};
enum iso_err iso_producer_open_on(const struct iso_producer_ground *ground,
                                  const struct iso_producer_options *options,
                                  struct iso_producer **producer, struct iso_why *why);

/* Writes without an answer end as unknown. NULL is fine. */
void iso_producer_close(struct iso_producer *producer);

/* The schemas that its values may be written by: those of the collection's definition
 * that stood in every log when the producer was opened (schema/value.h). A service that
 * has a newer one registers it (isostasy schema register) and opens the producer anew.
 * Borrowed until close. */
const struct iso_schemas *iso_producer_schemas(const struct iso_producer *producer);

/* What a write may carry besides key and value; zero is a blind write. */
struct iso_write_options {
    /* What was read before: the context of an iso_read. The write then replaces what
     * its writer saw, and nothing else; the context is updated to name this write, so
     * that a session goes on with it. An empty one: the writer was shown nothing. NULL:
     * blind. */
    struct iso_buf *context;
    /* The session's token (schema/token.h); empty: it begins with this write. The write
     * is issued above all that the token has seen, and stands in it from then on, so
     * that a read with the token shows this write or says that it cannot. One call at a
     * time uses a token. NULL: none. */
    struct iso_buf *token;
    bool has_expiry;
    int64_t expiry_ms; /* Unix milliseconds: hidden from readers from then on */
    void *opaque;      /* handed back in the acknowledgement */
};

/* Queues one write. `options` may be NULL. Key and value are copied.
 *   ISO_AGAIN        back-pressure, or the clock must catch up: poll and call again
 *   ISO_TOO_LARGE    key not 1..limit bytes, value or context over the limit; the
 *                    token has no room for one more write
 *   ISO_BAD_DATA     context or token is none of ours; the value is not one of its
 *                    schema
 *   ISO_REFUSED      the collection's definition does not name the value's schema; its
 *                    log was closed, and the region writes no other
 *   ISO_STALE        delete: the session has counted on a counter since it read; read
 *                    the key again, then delete it with the new context
 *   ISO_CLOCK_SKEW   what was read is further in the future than this machine's
 *                    clock may be wrong by
 * What fails leaves context and token as they were. */
enum iso_err iso_producer_put(struct iso_producer *producer, struct iso_bytes key,
                              struct iso_bytes value,
                              const struct iso_write_options *options,
                              struct iso_why *why);
enum iso_err iso_producer_delete(struct iso_producer *producer, struct iso_bytes key,
                                 const struct iso_write_options *options,
                                 struct iso_why *why);

/* Tells the session's token how a write of this producer ended; `ack` is what
 * `acknowledged` was called with, or a copy of it. Durable: the place where it stands
 * in the log takes the place of the write, so a store need only be that far. Refused:
 * the write leaves the token, since no store will ever have it. Unknown: it stays, and
 * is met where it arrived, or where the log has come so far that it cannot arrive any
 * more. A token that does not have the write, because it is another's, learns it all
 * the same. ISO_USAGE: it is of a log that this producer has not heard of; else as
 * iso_token_decode, iso_token_add. */
enum iso_err iso_producer_acknowledge(const struct iso_producer *producer,
                                      const struct iso_ack *ack, struct iso_buf *token,
                                      struct iso_why *why);

/* Operations on the fields of a record, in a collection of resolver `fields`: made with
 * iso_edit_new (schema/edit.h) by this producer's schemas. With a context each
 * operation replaces what its writer was shown of its part; blind it replaces what this
 * region wrote there. As put; ISO_USAGE: the collection keeps values whole, or the
 * patch is empty. In such a collection a PUT with a context is sent as the patch
 * between what was read and what is written; a blind PUT sets fields, adds to sets, and
 * leaves counters alone (ISO_BAD_DATA when one is not zero). */
enum iso_err iso_producer_patch(struct iso_producer *producer, struct iso_bytes key,
                                const struct iso_edit *edit,
                                const struct iso_write_options *options,
                                struct iso_why *why);

/* A record without a key that lets T move in a quiet log; what daemons send. It is
 * counted as waiting until it is answered, and acknowledged to nobody. */
enum iso_err iso_producer_heartbeat(struct iso_producer *producer, uint32_t partition,
                                    struct iso_why *why);

/* Runs acknowledgements, waiting up to timeout_ms for the first; says how many. */
int iso_producer_poll(struct iso_producer *producer, int timeout_ms);

/* Polls until every write has its answer. ISO_TIMEOUT says how many have none yet. */
enum iso_err iso_producer_flush(struct iso_producer *producer, int timeout_ms,
                                struct iso_why *why);

struct iso_producer_stats {
    uint64_t queued, durable, not_applied, maybe_applied, resent;
    uint64_t waiting; /* without an answer now */
};
void iso_producer_stats(struct iso_producer *producer,
                        struct iso_producer_stats *stats);

/* The cluster's trouble as last heard; ISO_OK when there is none. */
enum iso_err iso_producer_trouble(struct iso_producer *producer, struct iso_why *why);

#endif
