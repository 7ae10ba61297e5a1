/* shard.h - one store, one loop, a set of slices: the unit that a daemon runs and that
 * a simulation steps.
 *
 * A step does a bounded amount of work and returns:
 *
 *   readers ─▶ records ─▶ apply ─▶ one transaction ─▶ commit ─▶ outbox, reports,
 * positions grows while behind, ends when quiet
 *
 * Everything outside is handed over: buses, store, clock, chance. The same step runs
 * over Kafka and LMDB on a thread of the daemon, and over the memory bus and memory
 * stores, several regions in one process, from a seed.
 *
 * What fails and heals by itself (Kafka away, disk full) makes a step wait, not fail.
 * What concerns one slice (a definition too new, a damaged entry, a log that is not
 * what it was) stops that slice by name; the others go on.
 */
#ifndef ISO_CONSUMER_SHARD_H
#define ISO_CONSUMER_SHARD_H

#include "base/clock.h"
#include "bus/bus.h"
#include "schema/health.h"
#include "store/store.h"

struct iso_shard;

/* When a shard sweeps, and how much at a time. What it forgets does not depend on it
 * (consumer/sweep.h). */
struct iso_sweep_pace {
    int64_t busy_ms;              /* between two pieces, while records come */
    size_t busy_rows, quiet_rows; /* that a piece looks at; 0: there is none */
};
extern const struct iso_sweep_pace iso_sweep_usual;

struct iso_shard_tuning {
    int64_t fetch_bytes;       /* fetched ahead, by all readers together */
    int64_t batch_bytes;       /* a transaction commits at this size at the latest */
    int64_t batch_linger_ms;   /* how long a quiet batch waits for company */
    int64_t batch_time_max_ms; /* how long applied records wait for their commit */
    int64_t heartbeat_ms;
    int64_t report_ms;
    int64_t verify_ms; /* how often a log is asked for a record that was read; 0: a
                          minute */
    int64_t commit_ms; /* positions written for other people's tools */
    int linger_ms;     /* of its own producers */
    int64_t conflicts_bytes_max; /* of its ledger, see consumer/prune.h; 0: no bound */
    int64_t conflicts_age_ms;    /* 0: no bound */
    const struct iso_sweep_pace *sweep; /* looked at in each step; NULL: usual */
};

struct iso_shard_options {
    const char *region;
    const char *collections; /* comma-separated; empty: all there are */
    unsigned shard, shards;  /* partition p is ours when p % shards == shard */
    const char *prefix;      /* of the control topics, "iso." */
    struct iso_store *store;
    const char *home; /* the name of the cluster that holds iso.control */
    const char *own;  /* the name of the region's own cluster */
    /* The bus of a cluster by its name; NULL with a sentence when no such cluster is
     * set. Opened once each, owned by the callee, there until the shard is closed. */
    struct iso_bus *(*bus)(void *user, const char *cluster, struct iso_why *why);
    void *user;
    const struct iso_clock *clock;
    struct iso_chance *chance;
    struct iso_shard_tuning tuning;
};

/* ISO_STORE_MISMATCH: the store is another region's, or of another number of shards.
 * Nothing of Kafka is waited for. Options and what they point at are borrowed. */
enum iso_err iso_shard_open(const struct iso_shard_options *options,
                            struct iso_shard **shard, struct iso_why *why);

/* One bounded piece of work, waiting up to wait_ms when there is nothing to do. Only a
 * failure that no waiting heals is returned. */
enum iso_err iso_shard_step(struct iso_shard *shard, int wait_ms, struct iso_why *why);

/* Commits what is applied and reports every slice as closed; waits up to timeout_ms. */
enum iso_err iso_shard_stop(struct iso_shard *shard, int timeout_ms,
                            struct iso_why *why);

/* Without stop: as a crash, what is not committed is forgotten. NULL is fine. */
void iso_shard_close(struct iso_shard *shard);

struct iso_shard_stats {
    uint64_t records, applied, duplicates, set_aside, commits, aborts;
    size_t slices, slices_applying;
    bool pending; /* a transaction is open */
};
void iso_shard_stats(const struct iso_shard *shard, struct iso_shard_stats *stats);

/* Whether all is well: every slice found, and applying; else *why names the first that
 * is not (ISO_AGAIN: nothing was found yet). */
enum iso_err iso_shard_ready(const struct iso_shard *shard, struct iso_why *why);

/* What its reports say of health, summed over the slices; appends to what is in *sum
 * (zero: to nothing). Without a loser. */
void iso_shard_health(const struct iso_shard *shard, struct iso_health *sum);

#endif
