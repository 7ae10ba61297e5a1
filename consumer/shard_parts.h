/* shard_parts.h - what a shard is made of; only consumer/shard*.c includes this.
 *
 *   shard.c         open, step, stop, close: what happens in which order
 *   shard_slices.c  which collections and slices there are; the control topic
 *   shard_feeds.c   which logs of which slices are read, from where, up to where
 *   shard_read.c    readers: fetching, what every event means
 *   shard_batch.c   the transaction: begin, commit, abort
 *   shard_prune.c   the bounds of the ledger
 *   shard_sweep.c   forgetting
 *   shard_tell.c    what others are told: reports, dead letters, positions
 *   shard_beat.c    heartbeats
 *   shard_health.c  latency, clock and store, as reports tell of them
 *   shard_proof.c   the newest record, read again wherever a feed begins
 *   shard_watch.c   a second reader: a record from time to time, others' reports
 *   shard_diverged.c  what it means when a log is not what was read
 *   shard_others.c  what other regions have read of the same logs
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
    struct iso_definition *definition; /* a copy of the first */
    struct shard_beat *beats;          /* of every open log that our region writes */
    struct shard_log *logs;
};

/* A record that was read, by which a log is known again. */
struct shard_witness {
    int64_t offset; /* −1: none */
    int64_t append_ms;
    struct iso_digest hash;
};

/* Whether a log is what it was, as its feed knows it. */
struct shard_proof {
    bool wanted; /* the newest record is read before anything else is applied */
    int64_t
        short_at_ms;  /* when the log first ended before it, steady; 0: it does not */
    bool asked_again; /* … and was asked again, long after that */
    int64_t short_of; /* to be asked whether it ends before that; −1: not */
    int64_t gone;     /* retention took the record at this offset; −1 */
    int64_t doubted_at_ms;
    int64_t doubt_at_ms; /* to be proven again then; INT64_MAX: no need */
    /* By the second reader: an older record, since the newest changes all the time. */
    struct shard_witness witness;
    int64_t probe_at_ms;
    int64_t probe_short_at_ms; /* as short_at_ms */
};

/* The running hash of a log up to and with the record at an offset. */
struct shard_point {
    int64_t offset; /* −1: none */
    struct iso_digest prefix;
};

/* What another region last said of one log of a slice. */
struct shard_other {
    uint8_t region;
    char name[ISO_REGION_NAME_MAX + 1];
    uint8_t store[16];
    int64_t record; /* offset of its newest record */
    int64_t equal;  /* up to here both have read the same; −1: not known */
    struct shard_point ahead[2]; /* of us: the nearest that it told, and the newest */
    struct iso_diverged said;    /* it found out itself; log 0: it did not */
};

/* A log of a slice, as it is read. Its index in shard->feeds is the reader's id. */
struct shard_feed {
    size_t slice;
    struct shard_log *log;
    bool assigned;
    bool ended;          /* all that its log had was read; nothing came since */
    bool held;           /* at a DEFINE that waits for the control topic */
    bool unsaved;        /* something of it was applied and is not committed */
    bool asked;          /* the control topic was read to its end since */
    int64_t control_end; /* where that end is; −1: not known yet */
    int64_t end;         /* of a log that is closed; INT64_MAX: it is open */
    bool over;           /* closed, and applied to its end: it is not read any more */
    int64_t beat_at_ms;  /* when our region was last heard in it, if it writes there */
    int64_t beat_offset; /* its newest record there */
    struct shard_proof proof;
    struct shard_other *others; /* at most one a region */
    size_t other_count;
    int64_t ahead; /* the next offset at which one of them is looked at; INT64_MAX */
};

struct shard_slice {
    struct shard_collection *collection;
    uint32_t partition;
    struct iso_apply *apply; /* NULL: it was stopped, or parked, when it was opened */
    enum iso_slice_state state;
    struct iso_why why;
    size_t logs;   /* that have a feed, or are over and need none */
    bool unstored; /* it waits for a commit to succeed again */
    bool changed;  /* in the open transaction */
    bool news;     /* something to report */
    int64_t reported_at_ms;
    struct iso_diverged diverged; /* its own finding, as it reports it; log 0: none */
    bool diverged_unsaved;        /* which the store does not have yet */
    bool by_others;               /* stopped for what others have read or found */
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

/* The second reader of a cluster. */
struct shard_watch {
    struct iso_reader *reader; /* NULL: not open yet */
    bool listens;              /* reads the reports */
    int64_t ask_at_ms;         /* else: when to ask where they end */
    bool probes;
    size_t feed;                /* whose log it asks … */
    struct shard_witness newer; /* … the feed's newest record when it was asked … */
    int64_t until_ms;           /* … for as long */
    size_t turn;                /* which feed is looked at next */
};

struct shard_cluster {
    char *name;
    struct iso_bus *bus;
    struct iso_reader *reader;
    int64_t ends_at_ms; /* when to ask it for ends again */
    bool heard;         /* a log of it has answered since it was last in trouble */
    struct shard_watch watch;
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
    bool control_grew;         /* since the slices were told */
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
    int64_t watch_at_ms;       /* when to look at the second readers again */
    struct iso_report report;  /* scratch: another region's */
    struct iso_buf key, value; /* scratch */
    struct iso_shard_stats stats;
};

enum { SHARD_CONTROL_ID = INT32_MAX, SHARD_STATUS_ID = INT32_MAX - 1 };
/* A leader that is new may not show yet what its predecessor showed, so that a log
 * seems to end before our newest record: it is read again after this time, and then
 * asked for its end, which it does not say before it is sure. */
enum { SHARD_SHORT_MS = 2000 };
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

/* shard_feeds.c */
/* Feeds for every log that the slices name, assigned at their frontiers: a log that
 * succeeds others when those are at their ends, one that is closed up to its end. */
enum iso_err iso_shard_feeds_assign(struct iso_shard *shard, struct iso_why *why);
void iso_shard_feeds_drop(struct iso_shard *shard, const struct shard_slice *slice);
/* Where the feed goes on: the frontier of its log in its slice; −1 while the slice does
 * not know the log, since the DEFINE that opened it was given up with its batch. */
int64_t iso_shard_feed_frontier(const struct iso_shard *shard,
                                const struct shard_feed *feed);
void iso_shard_feed_drop(struct iso_shard *shard, size_t id);
/* Has it applied more of a log than its end, as what was announced by now says? */
bool iso_shard_slice_is_beyond(const struct shard_slice *slice);
/* A slice says why it waits. */
void iso_shard_slice_waits(struct shard_slice *slice, const struct iso_why *why);
/* Whether everything that the logs had when they were last asked has been read. */
bool iso_shard_at_ends(const struct iso_shard *shard);

/* shard_read.c */
struct shard_cluster *iso_shard_cluster_open(struct iso_shard *shard, const char *name,
                                             struct iso_why *why);
enum iso_err iso_shard_read_control(struct iso_shard *shard, struct iso_why *why);
/* Fetches and applies; *count says how many records there were. */
enum iso_err iso_shard_read(struct iso_shard *shard, int wait_ms, size_t *count,
                            struct iso_why *why);
/* Tries the DEFINEs that wait for the control topic. */
void iso_shard_release_held(struct iso_shard *shard);

/* shard_proof.c */
/* Where to begin to read the feed: at the newest record, when there is one, which must
 * then come back before anything is applied; else at the frontier. */
int64_t iso_shard_proof_begin(struct iso_shard *shard, struct shard_feed *feed);
/* Whether the event was about that, and is done with. */
bool iso_shard_proof_event(struct iso_shard *shard, size_t id,
                           const struct iso_record *record);
/* Transport failed: the feeds that it was about (UINT32_MAX: all of the cluster) are
 * proven again. Before the records that came with it. */
void iso_shard_doubt(struct iso_shard *shard, const struct shard_cluster *cluster,
                     const struct iso_record *trouble);
/* Proves again what is due. */
void iso_shard_proof_step(struct iso_shard *shard);
void iso_shard_witness(const struct iso_slice_log *log, struct shard_witness *witness);
bool iso_shard_witness_is(struct iso_shard *shard, const struct shard_witness *witness,
                          const struct iso_record *record);
/* How often a log is asked for its witness. */
int64_t iso_shard_verify_ms(const struct iso_shard *shard);
/* NULL while the slice does not know the log. */
const struct iso_slice_log *iso_shard_feed_log(const struct iso_shard *shard,
                                               const struct shard_feed *feed);
/* shard_diverged.c */
/* How it is known that a slice has read another log than there is. */
enum shard_evidence {
    SHARD_ITS_LOG, /* holds something else at an offset that was read */
    SHARD_OTHERS,  /* have read something else, as their reports show */
    SHARD_HEARSAY, /* another region says that it has found it */
};
/* Stops the feed's slice. `how` says who found what. */
void iso_shard_diverged(struct iso_shard *shard, const struct shard_feed *feed,
                        const struct iso_diverged *what, enum shard_evidence evidence,
                        const char *how);
/* Into the open transaction; whether there is anything for one. */
void iso_shard_diverged_save(struct iso_shard *shard);
bool iso_shard_diverged_waits(const struct iso_shard *shard);
/* Stops a slice that was opened when its store says so. ISO_DAMAGED; or as the store
 * fails. */
enum iso_err iso_shard_diverged_load(struct iso_shard *shard, struct shard_slice *slice,
                                     struct iso_why *why);

/* shard_watch.c */
/* After a record was applied. */
void iso_shard_witness_first(struct iso_shard *shard, struct shard_feed *feed);
void iso_shard_watch(struct iso_shard *shard);

/* shard_others.c */
/* A record of the status topic. */
void iso_shard_others_hear(struct iso_shard *shard, const struct iso_record *record);
/* The feed's newest record has come to feed->ahead. */
void iso_shard_others_reached(struct iso_shard *shard, struct shard_feed *feed);

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

/* shard_beat.c */
/* Heartbeats where our region was not heard for a while. */
void iso_shard_beats(struct iso_shard *shard);
void iso_shard_beats_poll(const struct shard_collection *collection);
void iso_shard_beats_close(struct shard_collection *collection);

/* shard_tell.c */
void iso_shard_tell(struct iso_shard *shard, bool closing);
void iso_shard_tell_poll(struct iso_shard *shard, int timeout_ms);
void iso_shard_tell_close(struct iso_shard *shard);
void iso_shard_letter_free(struct shard_letter *letter);

#endif
