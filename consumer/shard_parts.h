/* shard_parts.h - what a shard is made of; only consumer/shard*.c includes this.
 *
 *   shard.c         open, step, stop, close: what happens in which order
 *   shard_slices.c  which collections and slices there are; the control topic
 *   shard_read.c    readers: assigning, fetching, what every event means
 *   shard_batch.c   the transaction: begin, commit, abort
 *   shard_prune.c   the bounds of the ledger
 *   shard_sweep.c   forgetting
 *   shard_tell.c    what others are told: reports, dead letters, heartbeats, positions
 *   shard_health.c  latency, clock and store, as reports tell of them
 */
#ifndef ISO_CONSUMER_SHARD_PARTS_H
#define ISO_CONSUMER_SHARD_PARTS_H

#include "consumer/apply.h"
#include "consumer/prune.h"
#include "consumer/shard.h"
#include "producer/producer.h"

/* A log of a collection, as the cluster that has it shows it. */
struct shard_log {
    uint16_t number;
    struct shard_cluster *cluster;
    char *topic;
    bool checked;        /* its topic's settings were found right */
    int64_t check_at_ms; /* else: when to look again */
    struct iso_why why;  /* and what was wrong */
    struct shard_log *next;
};

struct shard_collection {
    char name[ISO_COLLECTION_NAME_MAX + 1];
    uint16_t number;                   /* the store's */
    struct iso_definition *definition; /* a copy: for heartbeats and checks */
    struct iso_producer *producer; /* for heartbeats; NULL: not open, or no writer */
    uint16_t own_log;              /* that our region writes; 0: none */
    struct shard_log *logs;
};

/* A log of a slice, as it is read. Its index in shard->feeds is the reader's id. */
struct shard_feed {
    size_t slice;
    struct shard_log *log;
    bool assigned;
    bool ended;          /* all that its log had was read; nothing came since */
    bool held;           /* at a DEFINE that waits for the control topic */
    bool asked;          /* the control topic was read to its end since */
    int64_t control_end; /* where that end is; −1: not known yet */
};

struct shard_slice {
    struct shard_collection *collection;
    uint32_t partition;
    struct iso_apply *apply; /* NULL: it was stopped, or parked, when it was opened */
    enum iso_slice_state state;
    struct iso_why why;
    size_t logs;   /* that have a feed */
    bool unstored; /* it waits for a commit to succeed again */
    bool changed;  /* in the open transaction */
    bool news;     /* something to report */
    int64_t reported_at_ms;
    int64_t beat_at_ms;  /* when our region was last heard in its own log */
    int64_t beat_offset; /* its newest record there */
    /* Of this process: latencies by source, the newest loser. */
    struct iso_health health;
};

/* A write that waits for its commit, so that its latency is known. */
struct shard_applied {
    size_t slice;
    uint32_t region;
    int64_t ms; /* its append time; once it is committed, how long ago that was, by our
                   clock */
};

/* What is alike in the health of all slices. */
struct shard_health {
    int64_t started_ms;
    struct shard_applied *applied;
    size_t applied_count, applied_room;
    size_t committed_count; /* of them: these wait until the clock is known */
    /* Our clock minus the brokers', by the answer that was back soonest lately. */
    bool has_clock;
    int64_t clock_ms, clock_error_ms;
    int64_t clock_at_ms; /* steady */
    bool has_store;
    uint64_t store_used, store_free;
    int64_t store_ask_at_ms; /* steady */
};

struct shard_cluster {
    char *name;
    struct iso_bus *bus;
    struct iso_reader *reader;
    struct shard_cluster *next;
};

/* A record of ours that is on its way out; owns its bytes. */
struct shard_letter {
    struct iso_buf key, value;
    struct iso_buf
        row; /* of the outbox, to be deleted when it is there; empty: a report */
    int64_t sent_ms, sent_steady_ms;
    struct shard_letter *next;
};

struct iso_shard {
    struct iso_shard_options options;
    unsigned region; /* 0 until known */
    struct iso_control *control;
    struct iso_parsed parsed; /* for all slices */
    char *control_topic, *status_topic, *dead_letter_topic, *group;
    bool control_assigned;
    int64_t
        control_seen_end; /* the control topic was read up to here at least once; −1 */

    int64_t control_ask_at_ms; /* when to ask for its end again */
    struct shard_cluster *clusters;
    struct shard_collection **collections;
    size_t collection_count;
    bool stored_opened; /* what the store held is open */
    struct shard_slice *slices;
    size_t slice_count;
    struct shard_feed *feeds;
    size_t feed_count;

    struct iso_txn *txn; /* NULL: none open */
    int64_t txn_began_ms, txn_touched_ms;
    bool reload;         /* an abort could not load the slices again yet */
    int64_t retry_at_ms; /* after the store failed: not to begin before */

    struct iso_publisher *publisher; /* to our own cluster; reports and dead letters */
    size_t letters_out;              /* dead letters on their way */
    size_t reports_out;
    struct shard_letter *letters_done; /* whose outbox rows can go */
    bool outbox_filled;
    int64_t letters_retry_at_ms; /* after Kafka refused one: not to send before */
    int64_t commit_at_ms;
    struct iso_prune prune;
    struct shard_health health;
    size_t sweep_slice;        /* whose turn it is */
    int64_t sweep_at_ms;       /* while records come: not before */
    struct iso_buf key, value; /* scratch */
    struct iso_shard_stats stats;
};

enum { SHARD_CONTROL_ID = INT32_MAX };
enum { SHARD_FETCH_MAX = 8192, SHARD_LETTERS_MAX = 256, SHARD_RETRY_MS = 500 };

static inline int64_t shard_now(const struct iso_shard *shard)
{
    return iso_steady_ms(shard->options.clock);
}

/* Is it read, or will it be by itself? (Not parked, stopped or closed.) */
static inline bool shard_slice_runs(const struct shard_slice *slice)
{
    return slice->state == ISO_SLICE_APPLYING || slice->state == ISO_SLICE_WAITING;
}

/* shard_slices.c */
enum iso_err iso_shard_store_claim(struct iso_shard *shard, struct iso_why *why);
/* Opens what the control topic and the store name and what is not open yet; in a while,
 * when the store fails. */
enum iso_err iso_shard_slices_find(struct iso_shard *shard, struct iso_why *why);
void iso_shard_slice_stop(struct iso_shard *shard, struct shard_slice *slice,
                          enum iso_slice_state state, const struct iso_why *why);
void iso_shard_collection_free(struct shard_collection *collection);

/* shard_read.c */
struct shard_cluster *iso_shard_cluster_open(struct iso_shard *shard, const char *name,
                                             struct iso_why *why);
enum iso_err iso_shard_read_control(struct iso_shard *shard, struct iso_why *why);
/* Feeds for every log that the slices name, assigned at their frontiers. */
enum iso_err iso_shard_feeds_assign(struct iso_shard *shard, struct iso_why *why);
void iso_shard_feeds_drop(struct iso_shard *shard, const struct shard_slice *slice);
/* Where the feed goes on: the frontier of its log in its slice; −1 while the slice does
 * not know the log, since the DEFINE that opened it was given up with its batch. */
int64_t iso_shard_feed_frontier(const struct iso_shard *shard,
                                const struct shard_feed *feed);
/* Fetches and applies; *count says how many records there were. */
enum iso_err iso_shard_read(struct iso_shard *shard, int wait_ms, size_t *count,
                            struct iso_why *why);
/* Whether everything that the logs had when they were last asked has been read. */
bool iso_shard_at_ends(const struct iso_shard *shard);
/* Tries the DEFINEs that wait for the control topic. */
void iso_shard_release_held(struct iso_shard *shard);

/* shard_batch.c */
enum iso_err iso_shard_batch_begin(struct iso_shard *shard, struct iso_why *why);
/* How long the open transaction may still wait for records before it commits. */
int iso_shard_batch_patience(const struct iso_shard *shard);
bool iso_shard_batch_is_large(const struct iso_shard *shard);
/* Commits when it is time. */
enum iso_err iso_shard_batch_step(struct iso_shard *shard, size_t count,
                                  struct iso_why *why);
enum iso_err iso_shard_batch_commit(struct iso_shard *shard, struct iso_why *why);
enum iso_err iso_shard_batch_abort(struct iso_shard *shard, struct iso_why *why);

/* shard_prune.c */
/* A piece of a pass over the ledger, when one is due. */
enum iso_err iso_shard_prune(struct iso_shard *shard, struct iso_why *why);

/* shard_health.c */
void iso_shard_health_open(struct iso_shard *shard);
void iso_shard_health_close(struct iso_shard *shard);
/* A record of the slice was applied; a write is remembered until its commit … */
void iso_shard_health_note(struct iso_shard *shard, size_t slice,
                           const struct iso_record *record);
/* … which says how long it was under way, or forgets it. */
void iso_shard_health_commit(struct iso_shard *shard);
void iso_shard_health_abort(struct iso_shard *shard);
/* The brokers answered a letter. */
void iso_shard_health_answer(struct iso_shard *shard, const struct shard_letter *letter,
                             int64_t append_ms);
/* Asks the store, when it is time, and fills in what the slice's own health lacks. */
void iso_shard_health_fill(struct iso_shard *shard, struct shard_slice *slice);

/* shard_sweep.c */
/* A piece of a sweep, when one is due; `count`: of the records that were just read. */
enum iso_err iso_shard_sweep(struct iso_shard *shard, size_t count,
                             struct iso_why *why);

/* shard_tell.c */
void iso_shard_tell(struct iso_shard *shard, bool closing);
void iso_shard_tell_poll(struct iso_shard *shard, int timeout_ms);
void iso_shard_tell_close(struct iso_shard *shard);
void iso_shard_letter_free(struct shard_letter *letter);

#endif
