/* watch.h - what follows from looking again and again: states that hold, rates, trends,
 * events; and the status that everybody is shown.
 *
 * One thread looks, at fixed times, and hands each look over: iso_watch_look. What it
 * makes of it is a `struct iso_status`, which never changes afterwards. Any number of
 * threads take the newest one, without waiting for who looks, or for Kafka.
 *
 * A pair of regions is in one state. The first look at it counts at once. A worse one
 * is entered when ISO_WATCH_ENTER looks one after the other saw worse than what is held
 * (the mildest that these saw), a better one when ISO_WATCH_LEAVE looks saw better (the
 * worst that these saw): what swings to and fro stays where it was. Looks count by
 * time: two that are less than half an interval apart are one, and after a minute
 * without any (a machine that slept), or ten intervals, those before do not count any
 * more. `since` is when it was first seen; `rule` is the name of what decided (they
 * stand in judge.h), `why` a sentence that needs nothing beside it.
 *
 * While the cluster of a region's reports does not answer the monitor, its daemons are
 * not judged: what was known is shown with its age, `unknown` when nothing was, and a
 * good state becomes `unknown` after ten seconds that nobody could confirm it.
 *
 * What leaves the definitions leaves the status and the trends with the next look; a
 * region that merely stopped stays.
 *
 * Memory, for 50 regions with a log each and 1,000 partitions (2,450 pairs): 24 KB are
 * remembered of a pair, most of it trends that fill up in the course of six hours, 59
 * MB in all; a status takes 6 MB, 2.2 KB a pair and 8 bytes a partition of a log, and
 * there are as many as are held, and one more while it is made. Events take half a
 * megabyte.
 */
#ifndef ISO_MONITOR_WATCH_H
#define ISO_MONITOR_WATCH_H

#include "monitor/monitor.h"

enum { ISO_WATCH_ENTER = 2, ISO_WATCH_LEAVE = 3, ISO_WATCH_WHY_MAX = 320 };

struct iso_watch;

struct iso_watch_options {
    int64_t interval_ms;          /* from look to look */
    int64_t retention_warning_ms; /* warn when so little is left */
};

struct iso_watch *iso_watch_new(const struct iso_watch_options *options,
                                int64_t now_ms);
void iso_watch_free(struct iso_watch *watch);

/* ---- the status ---- */

struct iso_status_pair {
    struct iso_lag_row
        row; /* as measured in this look; row.state: what it looks like */
    enum iso_lag_state state; /* what holds */
    int64_t since_ms;
    const char *rule; /* "stopped.silent", "late.shrinks", …; static */
    char why[ISO_WATCH_WHY_MAX];
    int64_t eta_ms; /* catching up: until nothing waits; ISO_UNKNOWN_MS */
    double applied_rate, written_rate; /* records a second, over the last minute; < 0:
                                          not known yet */
    /* Of writes applied in the last five minutes: quantiles; ISO_UNKNOWN_MS: none was.
     */
    int64_t latency_p50_ms, latency_p99_ms;
    bool retention_warning;
    char warning[256]; /* beside the state: retention, clocks; empty: none */
};

/* One log of a collection, and where it ended when that was last asked. */
struct iso_status_log {
    uint16_t number;
    char topic[250], cluster[64];
    bool closed;
    int64_t *ends; /* by partition; -1: not known */
};

struct iso_status_collection {
    char name[ISO_COLLECTION_NAME_MAX + 1];
    char resolver[ISO_COLLECTION_NAME_MAX + 1];
    uint32_t partitions;
    int64_t before_max_ms;       /* as the newest definition has it */
    struct iso_status_log *logs; /* as the definition has them */
    size_t log_count;
    struct iso_status_pair *pairs; /* by source and target, as rows are */
    size_t pair_count;
    struct iso_lag_region *regions; /* loser_key is the status' own */
    size_t region_count;
    uint8_t **keys; /* private: what the loser_keys of the regions stand on */
    struct iso_verdict verdict;
    int64_t verdict_since_ms;
    char *certificate;
};

struct iso_status_cluster {
    char name[64];
    bool answers, has_clock;
    int64_t heard_ms;                 /* ISO_UNKNOWN_MS: never */
    int64_t clock_ms, clock_error_ms; /* its brokers' clock minus ours, give or take */
    char why[256];
};

struct iso_status_letter {
    char cluster[64];
    struct iso_dead_letter letter; /* borrows from `bytes` */
    struct iso_buf bytes;          /* the letter again, without value and header */
    int64_t append_ms;
};

struct iso_status {
    uint64_t look; /* 1, 2, … */
    int64_t at_ms, started_ms, interval_ms;
    struct iso_status_cluster *clusters; /* the home cluster first */
    size_t cluster_count;
    struct iso_status_collection *collections; /* by name */
    size_t collection_count;
    struct iso_status_letter *letters; /* the newest first */
    size_t letter_count;
    uint64_t letters_held;
    unsigned holders; /* private */
};

/* The worst state, and the worst verdict, of all that there is; `why` of it. */
struct iso_status_sum {
    enum iso_lag_state state;
    enum iso_verdict_state verdict;
    const char *why;
    size_t pairs, pairs_ok;
};
void iso_status_sum(const struct iso_status *status, struct iso_status_sum *sum);
const struct iso_status_collection *
iso_status_collection(const struct iso_status *status, const char *name);
/* The pair in the collection; collection NULL: in the first that has it. */
const struct iso_status_pair *iso_status_pair(const struct iso_status *status,
                                              const char *collection,
                                              const char *source, const char *target);

/* ---- looking ---- */

/* Takes in what a monitor knows now, right after a refresh, whatever that returned.
 * Only one thread looks. */
void iso_watch_look(struct iso_watch *watch, struct iso_monitor *monitor,
                    int64_t now_ms);
/* The same of a lag that was fed by hand: without clusters and letters. */
void iso_watch_look_at(struct iso_watch *watch, struct iso_lag *lag, int64_t now_ms);

/* The newest status, held until it is released; NULL before the first look. */
const struct iso_status *iso_watch_status(struct iso_watch *watch);
void iso_status_release(struct iso_watch *watch, const struct iso_status *status);

/* ---- trends ---- */

/* What was when; ISO_UNKNOWN_MS and ISO_UNKNOWN_COUNT as in a row. */
struct iso_sample {
    int64_t at_ms, lag_ms, staleness_ms, latency_p50_ms, latency_p99_ms;
    uint64_t records_behind;
    enum iso_lag_state state;
};
/* The last looks, no two of them within a second: five minutes, when it is looked every
 * second; and the worst of each minute of six hours, at its beginning. What is known is
 * worse than what is not. */
enum { ISO_SAMPLES_FINE = 300, ISO_SAMPLES_COARSE = 360 };
enum iso_trend { ISO_TREND_FINE, ISO_TREND_COARSE };
/* Whose; collection NULL: of the first that has the pair. */
struct iso_watch_pair {
    const char *collection, *source, *target;
};
/* The oldest first; up to `max` of the newest; says how many. */
size_t iso_watch_samples(struct iso_watch *watch, const struct iso_watch_pair *pair,
                         enum iso_trend trend, struct iso_sample *samples, size_t max);

/* ---- events ---- */

enum iso_watch_kind {
    ISO_WATCH_STATE, /* a pair entered another state; or is not well at first */
    /* A collection's verdict changed: at once when it is unknown or diverged; that
     * regions are apart, only when they are for ten looks. */
    ISO_WATCH_VERDICT,
    /* A daemon started anew (`is`: "restarted"; of all collections), or another store
     * took over ("replaced"). */
    ISO_WATCH_DAEMON,
    /* `is`: "retention" (of a pair) or "clock" (of a region, or, without one, of a
     * cluster); empty, and `was` said, when it is over. */
    ISO_WATCH_WARNING,
    ISO_WATCH_CLUSTER, /* a cluster went "away", or "answers" again */
};
const char *iso_watch_kind_name(enum iso_watch_kind kind);

struct iso_watch_event {
    uint64_t id; /* 1, 2, …, in the life of this monitor */
    int64_t at_ms;
    enum iso_watch_kind kind;
    char collection[ISO_COLLECTION_NAME_MAX + 1]; /* empty: of no one */
    char source[ISO_REGION_NAME_MAX + 1], target[ISO_REGION_NAME_MAX + 1];
    char was[24], is[24]; /* states, verdicts; see the kinds */
    char why[ISO_WATCH_WHY_MAX];
};
enum { ISO_WATCH_EVENTS_MAX = 1024 };
/* Those after `after` that are still remembered, the oldest first; says how many. */
size_t iso_watch_events(struct iso_watch *watch, uint64_t after,
                        struct iso_watch_event *events, size_t max);

#endif
