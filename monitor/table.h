/* table.h - what the pure half of the monitor was fed; private to this room.
 *
 *   lag ── clusters, with their clocks
 *     └─── collections, by name
 *            ├── reports[region][partition]   what each daemon said last of a slice
 *            ├── commits[region][partition]   what its group committed, where no
 *            │                                report is there
 *            ├── latency[region][source]      what the daemons of a region counted
 *            └── logs, as in the definition
 *                  └── places[partition]      where it begins and ends, and what was
 *                                             seen of it
 *
 * What is asked of every pair of regions stands in arrays by the log's place in the
 * definition, so that a look at everything goes straight through memory: 50 regions,
 * each with a log of its own, and 1,000 partitions are 2.5 million stands, which is
 * 200 MB. Nothing is searched for but by who feeds.
 */
#ifndef ISO_MONITOR_TABLE_H
#define ISO_MONITOR_TABLE_H

#include "monitor/monitor.h"

/* What one store had applied of one region's records in one log of several writers. */
struct table_source {
    uint32_t region;
    int64_t append_ms; /* of the newest */
    uint64_t writes;
};

/* Where one region stands in one log, but for the frontier. */
struct table_stand {
    int64_t append_ms; /* of the newest record applied; ISO_UNKNOWN_MS: none was */
    /* In a log with one writer: the newest record of it, how many writes of it were
     * counted, and how many without our header. */
    int64_t newest_ms;
    uint64_t writes, strange;
    int64_t moved_ms; /* when a report last told of progress; ISO_UNKNOWN_MS: never */
    int64_t high;     /* the furthest that any store of the region stood here */
    uint64_t refused; /* records, since the log began */
    uint32_t source_first, source_count; /* in a log of several writers */
};

/* What proves that two slices are the same: all that a pair of regions is compared by.
 */
struct table_proof {
    struct iso_digest vector; /* hash of it */
    struct iso_digest live, mortal, ledger;
    uint64_t ledger_rows;
    int64_t swept_min_ms, swept_max_ms;
};

struct table_report {
    /* No daemon said it: it is what the region's group has committed. Only frontiers
     * (-1: not known), since_ms and heard_ms, when that was asked first and last, are
     * told. */
    bool committed;
    uint8_t store[16];
    enum iso_slice_state state;
    bool has_health;
    uint16_t cluster; /* on whose iso.status it stood; TABLE_NO_CLUSTER */
    int64_t heard_ms; /* by that cluster's clock */
    int64_t after_ms; /* it was surely made after this moment of ours; ISO_UNKNOWN_MS */
    int64_t since_ms; /* when we heard its store first */
    int64_t *frontiers; /* by log; -1: not begun */
    struct table_stand *stands;
    struct table_source *sources;
    size_t source_count, source_room;
    struct table_proof proof;
    /* Bit n - 1: it and region n held different things when they last were at one
     * vector. Counts only when both say so. */
    uint64_t apart;
    char *why; /* NULL: it says nothing */
    char software[32];
    int64_t values, tombstones, expiring;
    uint64_t alarms, gaps, dropped_rows, dropped_bytes, refused;
    int64_t floor_ms; /* ISO_UNKNOWN_MS: no open log was begun */
    uint16_t floor_log;
    struct iso_buf latency; /* what was last counted, packed (latency.c) */
    int64_t started_ms;
    int64_t started_max_ms; /* the newest start that was ever told */
    bool has_clock, has_store, has_loser, has_oldest;
    int64_t clock_ms, clock_error_ms;
    int64_t oldest_ms; /* of what waits to be forgotten; 0: nothing does */
    uint64_t store_used, store_free;
    struct iso_buf loser_key;
    struct iso_version loser_version;
    uint16_t loser_log;
    int64_t loser_offset, loser_at_ms;
};
enum { TABLE_NO_CLUSTER = UINT16_MAX };

/* A look at the records from an offset on. */
struct table_seen {
    int64_t offset, upto;
    int64_t append_ms, upto_ms; /* of the first and last record */
    struct iso_lag_first *firsts;
    size_t first_count;
};

/* Where a log ended at a moment of our clock: what stands from there on was appended
 * later. */
struct table_mark {
    int64_t end, asked_ms;
};
enum { TABLE_MARKS = 3 };

struct table_place {
    int64_t begin, end; /* -1: never heard */
    int64_t asked_ms;
    struct table_mark marks[TABLE_MARKS]; /* what was asked before, the newest first */
    struct table_seen *seen;
    size_t seen_count, seen_room;
};

struct table_log {
    uint16_t number;
    uint16_t cluster;           /* in lag->clusters */
    unsigned sole;              /* the region that alone writes it; 0: several do */
    int64_t retention_ms;       /* -1: for ever; ISO_UNKNOWN_MS */
    struct table_place *places; /* by partition */
};

/* What the consumer group of one region has committed. */
struct table_commits {
    struct table_report **reports; /* by partition; NULL: nothing, or there is better */
    int64_t since_ms;              /* when something was found first */
    int64_t moved_ms; /* when it was last seen to have moved; ISO_UNKNOWN_MS: never */
};

/* Histograms of what one region applied, by source. */
struct table_latency {
    struct iso_latency sources[ISO_REGION_MAX + 1];
};

struct table_collection {
    const struct iso_definition *definition; /* borrowed; the newest */
    uint32_t partitions;
    struct table_log *logs; /* one for each of the definition's, in its order */
    size_t log_count;
    struct table_report **reports[ISO_REGION_MAX + 1]; /* by region, by partition */
    struct table_latency *latency[ISO_REGION_MAX + 1]; /* NULL: none was told */
    struct table_commits *commits[ISO_REGION_MAX + 1]; /* NULL: nothing is committed */
};

struct table_cluster {
    char *name;
    int64_t clock_ms; /* its brokers' minus ours; 0: as good as ours, or not known */
    bool clock_known;
    int64_t ahead_ms; /* what it is surely not more than, where it is known */
};

/* Where something waits that nobody looked at: a row of what iso_lag_wanted answers. */
struct table_wanted {
    const struct table_collection *collection;
    uint16_t log;
    uint32_t partition;
    int64_t offset;
    int64_t append_ms; /* of the newest record before it: the oldest are asked first */
};

struct iso_lag {
    struct iso_lag_options options;
    struct table_collection **collections; /* by name */
    size_t collection_count;
    struct table_cluster *clusters;
    size_t cluster_count;
    struct iso_lag_row *rows;
    size_t row_count, row_room;
    struct iso_lag_region *regions;
    size_t region_count, region_room;
    struct table_wanted *wanted;
    size_t wanted_count, wanted_room;
    struct iso_buf scratch;
};

/* NULL when no definition of that name was fed. */
struct table_collection *iso_table_collection(const struct iso_lag *lag,
                                              const char *name);
/* The place of a log in the definition; -1: it has none of that number. */
int iso_table_log(const struct table_collection *collection, uint16_t number);
/* Finds or adds; TABLE_NO_CLUSTER when there are absurdly many. */
uint16_t iso_table_cluster(struct iso_lag *lag, const char *name);

/* iso_lag_feed_clock, with what is uncertain about it. */
void iso_table_feed_clock(struct iso_lag *lag, const char *cluster, int64_t clock_ms,
                          int64_t error_ms);

/* NULL when nothing was heard of it. */
static inline struct table_report *
iso_table_report(const struct table_collection *collection, unsigned region,
                 uint32_t partition)
{
    struct table_report **reports = collection->reports[region];
    return reports == NULL ? NULL : reports[partition];
}
/* Where a region stands, as its daemons said, else as its group has committed; NULL:
 * neither is there. For who counts what waits, and never for who compares. */
static inline struct table_report *
iso_table_known(const struct table_collection *collection, unsigned region,
                uint32_t partition)
{
    struct table_report *report = iso_table_report(collection, region, partition);
    const struct table_commits *commits = collection->commits[region];
    return report != NULL || commits == NULL ? report : commits->reports[partition];
}
/* One that tells nothing yet. */
struct table_report *iso_table_report_new(const struct table_collection *collection);
void iso_table_report_free(struct table_report *report);
/* A report is there, which is better; all of it. */
void iso_table_commits_drop(struct table_collection *collection, unsigned region,
                            uint32_t partition);
void iso_table_commits_free(struct table_collection *collection);

/* iso_lag_feed_report, of a report that stood on the status topic of a cluster (NULL:
 * its clock did not stamp it), which did not hold it yet at after_ms, by ours
 * (ISO_UNKNOWN_MS: that is not known). */
void iso_table_feed_report(struct iso_lag *lag, struct iso_report *report,
                           int64_t heard_ms, const char *cluster, int64_t after_ms);
/* The frontier in the index-th log; 0: not begun. */
static inline int64_t iso_table_frontier(const struct table_report *report,
                                         size_t index)
{
    return report->frontiers[index] < 0 ? 0 : report->frontiers[index];
}

/* Where the index-th log of the definition ends: as it was fed, or, of a closed log, as
 * the definition says; -1: not known. *asked_ms (may be NULL) is when that was so;
 * INT64_MAX for a closed log. */
int64_t iso_table_end(const struct table_collection *collection, size_t index,
                      uint32_t partition, int64_t *asked_ms);

/* Since when, by our clock, there can be a record at `offset`; ISO_UNKNOWN_MS. */
int64_t iso_table_mark_ms(const struct table_place *place, int64_t offset);

/* The look that covers `offset` and begins nearest to it; NULL: nobody looked there. */
const struct table_seen *iso_table_seen(const struct table_place *place,
                                        int64_t offset);
void iso_table_place_release(struct table_place *place);

/* Adds to a region's histograms what a report tells that it did not tell before. */
void iso_table_latency_feed(struct table_collection *collection, unsigned region,
                            struct table_report *kept, const struct iso_report *report,
                            bool same_process);

/* Compares the reports of a slice with each other, and remembers in them (`apart`) who
 * differs from whom. */
void iso_table_compare(const struct table_collection *collection, uint32_t partition);
static inline bool iso_table_apart(const struct table_report *a, unsigned a_number,
                                   const struct table_report *b, unsigned b_number)
{
    return (a->apart >> (b_number - 1) & 1) != 0 &&
           (b->apart >> (a_number - 1) & 1) != 0;
}
/* What differs at one vector; NULL: nothing, or it cannot be compared. */
const char *iso_table_difference(const struct table_proof *a,
                                 const struct table_proof *b);

/* ---- times, whatever a report says ---- */

/* Never ISO_UNKNOWN_MS; nothing wraps. */
static inline int64_t iso_table_less_ms(int64_t a_ms, int64_t b_ms)
{
    int64_t ms;
    if (__builtin_sub_overflow(a_ms, b_ms, &ms))
        return a_ms < 0 ? INT64_MIN + 1 : INT64_MAX;
    return ms == INT64_MIN ? INT64_MIN + 1 : ms;
}

/* How long ago; a clock ahead of ours makes it 0, never less. */
static inline int64_t iso_table_age_ms(int64_t now_ms, int64_t then_ms)
{
    return now_ms <= then_ms ? 0 : iso_table_less_ms(now_ms, then_ms);
}

/* A moment of a cluster's clock by ours; what is not known stays so. */
enum { TABLE_CLOCK_TOLERANCE_MS = 1000 };
static inline int64_t iso_table_moment(int64_t append_ms, int64_t clock_ms)
{
    return append_ms == ISO_UNKNOWN_MS ? append_ms
                                       : iso_table_less_ms(append_ms, clock_ms);
}
/* When a report was heard, by our clock. */
static inline int64_t iso_table_heard_ms(const struct iso_lag *lag,
                                         const struct table_report *report)
{
    int64_t clock_ms = report->cluster == TABLE_NO_CLUSTER
                           ? 0
                           : lag->clusters[report->cluster].clock_ms;
    return iso_table_less_ms(report->heard_ms, clock_ms);
}

#endif
