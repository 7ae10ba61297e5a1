/* table.h - what the pure half of the monitor was fed; private to this room.
 *
 *   lag ── collections, by name
 *            ├── reports[region][partition]   what each daemon said last of a slice
 *            └── logs, as in the definition
 *                  └── places[partition]      the end, and the append times asked for
 *
 * A report is kept as the few numbers that lag and verdict need: with 50 regions, each
 * with a log of its own, and 200 partitions that is some 50 MB, where the reports
 * themselves would take 200.
 */
#ifndef ISO_MONITOR_TABLE_H
#define ISO_MONITOR_TABLE_H

#include "monitor/monitor.h"

/* What one store had applied of one region's records in one log. */
struct table_source {
    uint32_t region;
    int64_t append_ms; /* of the newest */
    uint64_t writes;
};

/* Where one store stands in one log. */
struct table_stand {
    uint16_t log;
    int64_t frontier;
    int64_t append_ms; /* of the newest record applied; ISO_UNKNOWN_MS: none was */
    uint64_t refused;  /* records, since the log began */
    int64_t moved_ms;  /* when a report last told of progress; ISO_UNKNOWN_MS: never */
    size_t source_first, source_count; /* in the report's sources */
};

struct table_report {
    uint8_t store[16];
    enum iso_slice_state state;
    char *why;
    int64_t heard_ms;
    struct table_stand *stands; /* by log */
    size_t stand_count;
    struct table_source *sources;
    size_t source_count;
    struct iso_vector vector;
    struct iso_tally tally;
    int64_t swept_min_ms, swept_max_ms;
    uint64_t ledger_rows;
    struct iso_digest ledger;
};

/* The append time of the first record at or behind an offset where a region stands. */
struct table_age {
    int64_t offset, append_ms;
};

struct table_place {
    int64_t end; /* -1: never heard */
    int64_t asked_ms;
    struct table_age *ages;
    size_t age_count, age_room;
};

struct table_log {
    uint16_t number;
    struct table_place *places; /* by partition */
};

struct table_collection {
    const struct iso_definition *definition; /* borrowed; the newest */
    uint32_t partitions;
    struct table_log *logs; /* one for each of the definition's, in its order */
    size_t log_count;
    struct table_report **reports[ISO_REGION_MAX + 1]; /* by region, by partition */
};

/* Where an append time is not known: a row of what iso_lag_wanted answers. */
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
    struct iso_lag_row *rows;
    size_t row_count, row_room;
    struct table_wanted *wanted;
    size_t wanted_count, wanted_room;
};

/* NULL when no definition of that name was fed. */
struct table_collection *iso_table_collection(const struct iso_lag *lag,
                                              const char *name);

/* NULL when nothing was heard of it. */
const struct table_report *iso_table_report(const struct table_collection *collection,
                                            unsigned region, uint32_t partition);

/* NULL when the store has not begun with that log: its frontier there is 0. */
const struct table_stand *iso_table_stand(const struct table_report *report,
                                          uint16_t log);
int64_t iso_table_frontier(const struct table_report *report, uint16_t log);

/* NULL when nothing of that region was applied. */
const struct table_source *iso_table_source(const struct table_report *report,
                                            const struct table_stand *stand,
                                            unsigned region);

/* Where the index-th log of the definition ends: as it was fed, or, of a closed log, as
 * the definition says; -1: not known. *asked_ms (may be NULL) is when that was so;
 * INT64_MAX for a closed log. */
int64_t iso_table_end(const struct table_collection *collection, size_t index,
                      uint32_t partition, int64_t *asked_ms);

/* ISO_UNKNOWN_MS when it was not fed. */
int64_t iso_table_append_ms(const struct table_collection *collection, size_t index,
                            uint32_t partition, int64_t offset);

/* How long ago; a clock ahead of ours makes it 0, never less. Whatever a report says.
 */
static inline int64_t iso_table_age_ms(int64_t now_ms, int64_t then_ms)
{
    int64_t age_ms;
    if (now_ms <= then_ms)
        return 0;
    return __builtin_sub_overflow(now_ms, then_ms, &age_ms) ? INT64_MAX : age_ms;
}

#endif
