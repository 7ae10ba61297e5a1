/* monitor.h - how far behind is every region, and do the regions hold the same?
 *
 * The monitor opens no store: it believes what travels, the daemons' reports on
 * `iso.status`, the dead letters, and where the logs begin and end. Three times are
 * never mixed, per source region and target region:
 *
 *   lag          age of the oldest write of the source that the target has not applied;
 *                0 when none waits. Heartbeats and definitions are no writes
 *   latency      how long writes had been under way when they were committed: a
 *                histogram of what was applied, as the target's daemon counted it
 *   staleness    since the newest record of the source that the target has applied was
 *                appended, heartbeats included
 *
 * Positions are read before ends, so what is said to wait may have been applied
 * meanwhile, and never the other way round. What is not known is said to be unknown; it
 * is never -1 or a false 0. Append times are the brokers' clocks; where a cluster's
 * clock and ours differ by more than a second, as its live records show, ages are put
 * right by it, and the difference is shown. A difference below 0 is 0.
 *
 * Three parts, each of which may be used without the next:
 *
 *   struct iso_lag      tables and what follows from one look at them; pure: it is fed
 *                       reports, ends and ages, and answers
 *   struct iso_monitor  feeds it from Kafka
 *   struct iso_watch    what follows from looking again and again: states that hold,
 *                       rates, trends, events (watch.h)
 *
 * Convergence is proven by vectors and digests (DESIGN.md, section 7): live, or up to
 * the ends that were read when the question was asked (iso_lag_verdict).
 */
#ifndef ISO_MONITOR_MONITOR_H
#define ISO_MONITOR_MONITOR_H

#include "base/clock.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "schema/control.h"
#include "schema/dead_letter.h"
#include "schema/report.h"

#define ISO_UNKNOWN_MS INT64_MIN /* a time that is not known */
#define ISO_UNKNOWN_COUNT UINT64_MAX

/* Before a region's name: the consumer group that its daemons commit under, for other
 * people's tools. */
#define ISO_MONITOR_GROUP "isostasy."

/* How a target is doing for a source. From one look: `stalled` and `catching_up` stand
 * for what does and does not move; a watch tells catching up from lagging by rates. */
enum iso_lag_state {
    ISO_LAG_UNKNOWN,     /* no report, or no ends */
    ISO_LAG_OK,          /* nothing waits, or it is younger than stale.after */
    ISO_LAG_CATCHING_UP, /* late, and what waits becomes less */
    ISO_LAG_LAGGING,     /* late, and it does not become less */
    /* late, the daemon is heard again, and nothing moved; or some of it has not for
     * stopped.after, and is named, while the rest gets on */
    ISO_LAG_STALLED,
    ISO_LAG_STOPPED, /* the daemon closed, or was not heard for stopped.after */
    ISO_LAG_PARKED, /* the daemon parked or stopped a slice: `why` says which and why */
    ISO_LAG_REWOUND,  /* its frontier is below where it was reported before */
    ISO_LAG_LOST,     /* the log begins behind its frontier: records are gone for it */
    ISO_LAG_DIVERGED, /* it holds other data at the same vector as another region */
};
enum { ISO_LAG_STATES = ISO_LAG_DIVERGED + 1 };
const char *iso_lag_state_name(enum iso_lag_state state);
/* Which of two is worse, as rows over several slices are summed: a larger number. */
int iso_lag_state_severity(enum iso_lag_state state);

/* One partition of a row, as one look saw it. */
struct iso_lag_slice {
    uint32_t partition;
    uint16_t log;            /* in which most waits */
    int64_t frontier, end;   /* there; -1: not known */
    uint64_t records_behind; /* over all logs of the source */
    int64_t lag_ms, staleness_ms;
    enum iso_lag_state state;
};
enum { ISO_LAG_WORST_MAX = 16 };

/* One source region → one target region, of one collection, over all its slices. A
 * number over several slices is that of the worst; if one slice is not known, neither
 * is it. */
struct iso_lag_row {
    char collection[ISO_COLLECTION_NAME_MAX + 1];
    char source[ISO_REGION_NAME_MAX + 1], target[ISO_REGION_NAME_MAX + 1];
    /* That wait. In a log that the source alone writes: all its records, heartbeats
     * included. In a shared log: its writes, as far as some region has counted them,
     * and what no region has read. */
    uint64_t records_behind;
    bool records_exact; /* false: at most so many: a shared log's unread part may be
                           of any region */
    int64_t lag_ms;     /* age of the oldest write that waits; 0: none waits */
    bool lag_exact; /* false: at most so old, if any waits: nobody looked at it yet */
    int64_t staleness_ms;
    int64_t newest_ms; /* the moment that staleness counts from */
    int64_t report_age_ms;
    int64_t report_ms; /* the moment that it counts from */
    /* Records of the source's logs (of a shared one: anybody's) that were refused, as
     * far as the target has read: each has a dead letter. */
    uint64_t refused;
    uint64_t applied; /* frontiers of the source's logs, summed: for rates */
    uint64_t written; /* their ends; ISO_UNKNOWN_COUNT */
    bool moves;       /* some slice that is late was reported to get on lately */
    uint64_t lost;    /* records that retention took before the target read them */
    /* Until retention takes the oldest record that waits; ISO_UNKNOWN_MS: nothing
     * waits, or the topic keeps records for ever. */
    int64_t deleted_in_ms;
    /* Of what the target's daemons told since they were started, and since the lag is
     * fed: what a daemon that was started anew, or its store, had counted before stays
     * in it, so that it never falls. */
    bool has_latency;
    struct iso_latency latency;
    /* No report is there of some slice, which is counted by what the target's group has
     * committed: at most what waits. Its state is `unknown`, or `stopped` when that has
     * not moved for three times stopped.after though something waits. */
    bool committed;
    enum iso_lag_state state;
    char why[256]; /* a sentence of the worst slice; empty: ok */
    struct iso_lag_slice worst[ISO_LAG_WORST_MAX]; /* slices, the worst first */
    size_t worst_count;
};

/* A region, as its own daemons last told of it, in one collection. */
struct iso_lag_region {
    char collection[ISO_COLLECTION_NAME_MAX + 1];
    char region[ISO_REGION_NAME_MAX + 1], cluster[64];
    size_t slices, heard; /* of the collection's; that were ever heard */
    int64_t report_ms;    /* the oldest of them; ISO_UNKNOWN_MS */
    int64_t started_ms;   /* the newest start of a daemon; ISO_UNKNOWN_MS */
    char software[32];
    int64_t values, tombstones, expiring;
    uint64_t ledger_rows, dropped_rows, dropped_bytes, refused, alarms, gaps;
    /* The floor: below it tombstones may be forgotten. Smallest over slices; and which
     * log holds it there, at which of its partitions. ISO_UNKNOWN_MS; 0. */
    int64_t floor_ms;
    uint16_t floor_log;
    uint32_t floor_partition;
    int64_t swept_ms; /* H, the smallest; ISO_UNKNOWN_MS: some slice never was */
    /* Nothing that waits to be forgotten is older, in the slices that know it; 0: there
     * nothing waits; ISO_UNKNOWN_MS: none knows it. */
    int64_t oldest_ms;
    bool has_clock; /* the daemon's clock minus that of its brokers */
    int64_t clock_ms, clock_error_ms;
    bool has_store;
    uint64_t store_used, store_free;
    bool
        has_loser; /* the newest that entered a ledger here, since the daemon started */
    struct iso_bytes loser_key; /* borrowed until the next report */
    struct iso_version loser_version;
    uint16_t loser_log;
    int64_t loser_offset, loser_at_ms;
};

enum iso_verdict_state {
    ISO_VERDICT_UNKNOWN,
    ISO_VERDICT_PENDING,    /* some region has not reached the ends asked for */
    ISO_VERDICT_CONSISTENT, /* not all there yet; whatever can be compared is equal */
    ISO_VERDICT_CONVERGED,
    ISO_VERDICT_DIVERGED, /* equal vectors, different digests: damage */
};
const char *iso_verdict_state_name(enum iso_verdict_state state);

/* A slice that is not equal. */
struct iso_verdict_slice {
    uint32_t partition;
    /* diverged; pending; unknown: pending, since something of it is missing */
    enum iso_verdict_state state;
    char why[160]; /* a sentence */
};
enum { ISO_VERDICT_SLICES_MAX = 64 };

struct iso_verdict {
    enum iso_verdict_state state;
    size_t regions, slices, equal, pending,
        diverged;  /* pending: not at the ends, or not comparable */
    bool asked;    /* up to the ends, by who asked then; else live */
    int64_t at_ms; /* of the cut: when the ends were read; live, the oldest report's */
    int64_t oldest_ms;                      /* age of the oldest report that was used */
    uint64_t values, ledger_rows;           /* per region, when converged */
    struct iso_digest live, mortal, ledger; /* sums over the slices, when converged */
    /* XXH3-128 of the ends asked for; live, of the vectors. Alike for the same cut; 0:
     * some end is not known, or vectors differ. */
    struct iso_digest cut;
    char names[ISO_REGION_MAX * (ISO_REGION_NAME_MAX + 1)]; /* "eu,us,ap" */
    uint64_t diverged_regions; /* bit n - 1: region n is in a pair that differs */
    char why[256];             /* a sentence; names the first slice that is not equal */
    /* Those that are not equal, `diverged` and `pending` of them in all: first those
     * that diverged, both by partition. */
    struct iso_verdict_slice unequal[ISO_VERDICT_SLICES_MAX];
    size_t unequal_count;
};

/* One line that a person can paste: what was claimed, of what, at which cut, by which
 * digests. Appends; of any verdict, each said as what it is. */
void iso_verdict_certificate(const char *collection, const struct iso_verdict *verdict,
                             struct iso_buf *out);

/* ---- the pure half ---- */

struct iso_lag;

struct iso_lag_options {
    int64_t stale_after_ms, stopped_after_ms;
};

struct iso_lag *iso_lag_new(const struct iso_lag_options *options);
void iso_lag_free(struct iso_lag *lag);

/* The newest definition of a collection; borrowed. */
void iso_lag_feed_definition(struct iso_lag *lag,
                             const struct iso_definition *definition);

/* A report; taken over (it is empty afterwards). `heard_ms` is when its daemon was
 * heard: the append time of the report, so that one from yesterday is not news to a
 * monitor that was started today. Only the store that was heard last counts for a
 * region and slice. What no definition that was fed names (a collection, region or
 * partition) is dropped. */
void iso_lag_feed_report(struct iso_lag *lag, struct iso_report *report,
                         int64_t heard_ms);

/* Where a region's consumer group stands in a partition of a log, as was asked: where
 * no report of the slice is there, rows rest on it. It never makes a verdict. */
struct iso_lag_committed {
    const char *collection;
    unsigned region;
    uint16_t log;
    uint32_t partition;
    int64_t next; /* -1: nothing is committed there */
    int64_t asked_ms;
};
void iso_lag_feed_committed(struct iso_lag *lag,
                            const struct iso_lag_committed *committed);

/* Where a partition of a log begins and ends, and when it was asked. */
struct iso_lag_end {
    const char *collection;
    uint16_t log;
    uint32_t partition;
    int64_t begin, end, asked_ms;
};
void iso_lag_feed_end(struct iso_lag *lag, const struct iso_lag_end *end);

/* What a look at the records from `offset` on found, where a region stands or another
 * look ended, which it then extends: the append times of the first and last record, and
 * the first write of every source region up to `upto` (not included). */
struct iso_lag_seen {
    const char *collection;
    uint16_t log;
    uint32_t partition;
    int64_t offset, upto;
    int64_t append_ms; /* of the first record, whatever it is; ISO_UNKNOWN_MS: none */
    int64_t upto_ms;   /* of the last; ISO_UNKNOWN_MS: none */
    struct iso_lag_first {
        uint32_t region; /* 0: records without our header */
        int64_t offset, append_ms;
    } firsts[ISO_REGION_MAX + 1]; /* each region once */
    size_t first_count;
};
void iso_lag_feed_seen(struct iso_lag *lag, const struct iso_lag_seen *seen);

/* How long the topic of a log keeps records (retention.ms; -1: for ever). */
void iso_lag_feed_retention(struct iso_lag *lag, const char *collection, uint16_t log,
                            int64_t retention_ms);

/* The clock of a cluster's brokers minus ours, as its live records show it. */
void iso_lag_feed_clock(struct iso_lag *lag, const char *cluster, int64_t clock_ms);

/* What the next iso_lag_feed_seen should be about: the n-th place (n = 0, 1, …)
 * where some region stands before an end, or where a look from there ended, and what
 * waits there is not known yet; what can be oldest comes first. The list is made when n
 * is 0, and is bounded. */
bool iso_lag_wanted(struct iso_lag *lag, size_t n, const char **collection,
                    uint16_t *log, uint32_t *partition, int64_t *offset);

/* Rows by collection (name), source and target (number); owned by `lag`, until the next
 * call. `collection` NULL: all. */
size_t iso_lag_rows(struct iso_lag *lag, const char *collection, int64_t now_ms,
                    const struct iso_lag_row **rows);

/* Regions by collection (name) and number, likewise. */
size_t iso_lag_regions(struct iso_lag *lag, const char *collection, int64_t now_ms,
                       const struct iso_lag_region **regions);

/* Do the regions of a collection hold the same?
 *
 * With `heard_from_ms` INT64_MIN, live: as the newest reports tell, whatever the ends
 * are, where every daemon is heard and no write is known to wait for longer than
 * stale.after. A quiet or evenly loaded system is steadily converged.
 *
 * With a moment, the answer to a question that was asked then: up to the ends as they
 * were last fed, by reports that were surely heard since, so that nobody is believed
 * whose store is gone meanwhile. The moment is of our clock; what the brokers' may be
 * ahead of it is allowed for, and where that is not known a report counts when the
 * status topic was seen without it since. */
void iso_lag_verdict(struct iso_lag *lag, const char *collection, int64_t now_ms,
                     int64_t heard_from_ms, struct iso_verdict *verdict);

/* Has every region reached the ends as they were fed, as it told since `heard_from_ms`
 * (INT64_MIN: ever)? (*waiting: records that still wait, of the region that is furthest
 * behind.) */
bool iso_lag_caught_up(struct iso_lag *lag, const char *collection,
                       int64_t heard_from_ms, uint64_t *waiting);

/* ---- the half that reads Kafka ---- */

struct iso_monitor;

/* ISO_SETTING; ISO_UNAVAILABLE when Kafka does not answer within timeout_ms;
 * ISO_NO_DEFINITION when the control topic is missing. */
enum iso_err iso_monitor_open(const struct iso_settings *settings, int timeout_ms,
                              struct iso_monitor **monitor, struct iso_why *why);
void iso_monitor_close(struct iso_monitor *monitor);

/* The same over other buses and another clock, for trials and simulations. */
struct iso_monitor_options {
    const char *prefix;          /* of the control topics, "iso." */
    const char *const *clusters; /* names, the home cluster first */
    size_t cluster_count;
    /* The bus of a cluster; NULL with a sentence. It stays its owner's, and must be
     * there until the monitor is closed. Options are borrowed until then, too. */
    struct iso_bus *(*bus)(void *user, const char *cluster, struct iso_why *why);
    void *user;
    const struct iso_clock *clock;
    struct iso_lag_options lag;
};
enum iso_err iso_monitor_open_on(const struct iso_monitor_options *options,
                                 int timeout_ms, struct iso_monitor **monitor,
                                 struct iso_why *why);

/* Reads what is new: control, reports, and, when `ends`, the ends of every log and the
 * append times wanted; without, only the ends that were never read. A cluster that is
 * away leaves its part unknown or old, and is not asked again for some seconds; ISO_OK
 * when at least the home cluster answered, else ISO_UNAVAILABLE. Takes timeout_ms at
 * the most.
 *
 * Costs, each time: a question for the ends per cluster, the reports that are new (one
 * a second from each slice that has news), and up to 64 short fetches for append times
 * where records wait; every five seconds what the groups of four regions have committed
 * of which no report is there. The first time reads all of iso.status that is there. */
enum iso_err iso_monitor_refresh(struct iso_monitor *monitor, bool ends, int timeout_ms,
                                 struct iso_why *why);

struct iso_lag *iso_monitor_lag(struct iso_monitor *monitor);

/* How the clusters do, the home cluster first. */
struct iso_monitor_cluster {
    const char *name;
    bool answers;
    int64_t heard_ms; /* when it last answered; ISO_UNKNOWN_MS: never */
    const char *why;  /* when it does not; borrowed until the next refresh */
    bool has_clock;
    int64_t clock_ms;       /* its brokers' clock minus ours, … */
    int64_t clock_error_ms; /* … give or take so much */
};
size_t iso_monitor_clusters(struct iso_monitor *monitor,
                            struct iso_monitor_cluster *clusters, size_t max);

/* The newest dead letters of all clusters, the newest first; and how many the topics
 * hold in all (*held). Borrowed until the next refresh. */
struct iso_monitor_letter {
    const char *cluster;
    const struct iso_dead_letter *letter;
    int64_t append_ms;
};
enum { ISO_MONITOR_LETTERS_MAX = 64 };
size_t iso_monitor_letters(struct iso_monitor *monitor,
                           struct iso_monitor_letter *letters, size_t max,
                           uint64_t *held);
const struct iso_control *iso_monitor_control(const struct iso_monitor *monitor);

#endif
