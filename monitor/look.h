/* look.h - one look at a collection, slice by slice; private to this room.
 *
 * For each slice, first what holds for every pair of regions is found: where each log
 * begins and ends, and its peak, which is how far the most advanced region has read and
 * how many writes of each source it counted there. Counts are a function of the prefix
 * that was read, so between a region that has counted as many writes as the peak and
 * the peak itself there is none that waits.
 */
#ifndef ISO_MONITOR_LOOK_H
#define ISO_MONITOR_LOOK_H

#include "monitor/table.h"

/* One log, in the slice that is looked at. */
struct look_log {
    const struct table_place *place;
    uint64_t writers;
    unsigned sole;
    uint16_t number;
    bool end_known; /* and not too old */
    int64_t begin, end;
    int64_t clock_ms;
    int64_t retention_ms;
    /* The peak. */
    int64_t frontier, append_ms;
    uint64_t writes, strange; /* as in a stand */
    uint64_t *of;             /* by region, where several write; NULL: one does */
};

struct look {
    struct iso_lag *lag;
    struct table_collection *collection;
    struct look_log *logs;
    uint64_t *counts; /* what logs[].of point to, and one row more */
    int64_t now_ms;
    uint32_t partition;
};

void iso_look_init(struct look *look, struct iso_lag *lag,
                   struct table_collection *collection, int64_t now_ms);
void iso_look_release(struct look *look);
/* Turns to a slice. */
void iso_look_at(struct look *look, uint32_t partition);

/* How many writes a region has counted in a log of several writers, by source: into
 * counts[ISO_REGION_MAX + 1]; and when the newest of each was appended (may be NULL).
 */
void iso_look_counts(const struct table_report *report, const struct table_stand *stand,
                     uint64_t *counts, int64_t *newest_ms);

/* What waits of one source for one region in one log. */
struct look_wait {
    uint64_t records; /* as in a row */
    bool exact;
    /* When the oldest write that waits was appended, by the brokers' clock: INT64_MAX:
     * none waits; ISO_UNKNOWN_MS: it is not known. Not exact: not before then. */
    int64_t since_ms;
    bool since_exact;
    int64_t want; /* where a look would tell more; -1: nowhere */
};

/* What the target has counted of a source: of_source its writes, strange those without
 * our header; the peak's likewise. */
struct look_counted {
    bool nothing; /* nobody counted: all that stands behind the frontier may wait */
    uint64_t of_source, strange, peak_of_source, peak_strange;
};
void iso_look_wait(const struct look_log *log, const struct table_stand *stand,
                   int64_t frontier, unsigned source,
                   const struct look_counted *counted, struct look_wait *wait);

/* When the first record at a frontier, of whatever kind, was appended; not before then
 * where nobody looked at it. */
int64_t iso_look_first_ms(const struct look_log *log, const struct table_stand *stand,
                          int64_t frontier);

#endif
