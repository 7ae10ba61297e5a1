/* monitor.h - how far behind is every region, and do the regions hold the same?
 *
 * The monitor opens no store: it believes what travels, the daemons' reports on
 * `iso.status` and the ends of the logs. Three times are never mixed:
 *
 *   behind       records and milliseconds: how many wait, and the age of the oldest
 *   staleness    how long ago the newest record of the source region that the target
 *                has applied was appended (heartbeats included)
 *   report age   how long ago the target's daemon was last heard
 *
 * What is not known is said to be unknown; it is never a false 0. Append times are the
 * brokers' clocks, `now` is the caller's: a difference below 0 is shown as 0.
 *
 * `struct iso_lag` is the pure half: it is fed reports, ends and ages, and answers;
 * tests feed it by hand. `struct iso_monitor` is the half that reads Kafka.
 *
 * Convergence is proven, up to the ends that were read when the question was asked:
 * every region's frontier has reached them, and all vectors and digests of a slice are
 * equal (DESIGN.md, section 7).
 */
#ifndef ISO_MONITOR_MONITOR_H
#define ISO_MONITOR_MONITOR_H

#include "base/clock.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "schema/control.h"
#include "schema/report.h"

#define ISO_UNKNOWN_MS INT64_MIN /* a time that is not known */
#define ISO_UNKNOWN_COUNT UINT64_MAX

enum iso_lag_state {
    ISO_LAG_UNKNOWN,     /* no report, or no ends */
    ISO_LAG_OK,          /* nothing waits, or it is younger than stale.after */
    ISO_LAG_CATCHING_UP, /* as lagging, but some slice that is behind moves */
    ISO_LAG_LAGGING,     /* behind for longer than stale.after, and nothing moves */
    ISO_LAG_STOPPED,     /* the daemon closed, or was not heard for stopped.after */
    ISO_LAG_PARKED, /* the daemon parked or stopped a slice: `why` says which and why */
};
const char *iso_lag_state_name(enum iso_lag_state state);

/* One source region → one target region, of one collection, over all its slices. */
struct iso_lag_row {
    char collection[ISO_COLLECTION_NAME_MAX + 1];
    char source[ISO_REGION_NAME_MAX + 1], target[ISO_REGION_NAME_MAX + 1];
    /* That wait. In a log that the source alone writes: all its records, heartbeats
     * included. In a shared log: its writes, as far as some region has counted them,
     * and what no region has read. */
    uint64_t records_behind;
    bool records_exact; /* false: at most so many: a shared log's unread part may be
                           of any region */
    /* Age of the oldest that waits; 0: none waits. Where nobody looked at that record,
     * the age of the one before it: more than the truth, by a quiet time of the log. */
    int64_t behind_ms;
    int64_t staleness_ms;  /* of the slice where it is largest */
    int64_t report_age_ms; /* of the slice where it is largest */
    /* Records of the source's logs (of a shared one: anybody's) that were refused, as
     * far as the target has read: each has a dead letter. */
    uint64_t refused;
    enum iso_lag_state state;
    char why[256];
};

enum iso_verdict_state {
    ISO_VERDICT_UNKNOWN,
    ISO_VERDICT_PENDING,    /* some region has not reached the ends asked for */
    ISO_VERDICT_CONSISTENT, /* not all there yet; whatever can be compared is equal */
    ISO_VERDICT_CONVERGED,
    ISO_VERDICT_DIVERGED, /* equal vectors, different digests: damage */
};
const char *iso_verdict_state_name(enum iso_verdict_state state);

struct iso_verdict {
    enum iso_verdict_state state;
    size_t slices, equal, pending,
        diverged;                   /* pending: not at the ends, or not comparable */
    int64_t at_ms;                  /* when the ends were read: the cut */
    int64_t oldest_ms;              /* age of the oldest report that was used */
    uint64_t values, ledger_rows;   /* per region, when converged */
    struct iso_digest live, ledger; /* sums over the slices, when converged */
    char why[256]; /* a sentence; names the first slice that is not equal */
};

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

/* The end of a partition of a log, and when it was asked. */
void iso_lag_feed_end(struct iso_lag *lag, const char *collection, uint16_t log,
                      uint32_t partition, int64_t end, int64_t asked_ms);

/* The append time of the record at `offset`, the first that a region has not applied.
 */
void iso_lag_feed_waiting(struct iso_lag *lag, const char *collection, uint16_t log,
                          uint32_t partition, int64_t offset, int64_t append_ms);

/* What the next iso_lag_feed_waiting should be about: the n-th place (n = 0, 1, …)
 * where some region stands before an end, and the append time there is not known yet;
 * what can be oldest comes first. The list is made when n is 0, and is bounded. */
bool iso_lag_wanted(struct iso_lag *lag, size_t n, const char **collection,
                    uint16_t *log, uint32_t *partition, int64_t *offset);

/* Rows by collection (name), source and target (number); owned by `lag`, until the next
 * call. `collection` NULL: all. */
size_t iso_lag_rows(struct iso_lag *lag, const char *collection, int64_t now_ms,
                    const struct iso_lag_row **rows);

/* Are the regions of a collection converged, up to the ends as they were last fed? */
void iso_lag_verdict(struct iso_lag *lag, const char *collection, int64_t now_ms,
                     struct iso_verdict *verdict);

/* Has every region reached the ends as they were fed? (*waiting: records that still
 * wait, of the region that is furthest behind.) */
bool iso_lag_caught_up(struct iso_lag *lag, const char *collection, uint64_t *waiting);

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
 * where records wait. The first time reads all of iso.status that is there. */
enum iso_err iso_monitor_refresh(struct iso_monitor *monitor, bool ends, int timeout_ms,
                                 struct iso_why *why);

struct iso_lag *iso_monitor_lag(struct iso_monitor *monitor);
const struct iso_control *iso_monitor_control(const struct iso_monitor *monitor);

#endif
