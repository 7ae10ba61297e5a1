/* row.h - a row of lag while it is summed over the slices; private to this room. */
#ifndef ISO_MONITOR_ROW_H
#define ISO_MONITOR_ROW_H

#include "monitor/look.h"

/* What decided the state of a slice: which sentence is said of it. */
enum row_rule {
    ROW_FINE,
    ROW_LATE,      /* a write waits for too long */
    ROW_STALE,     /* records wait, and none was applied for too long */
    ROW_WAITING,   /* the daemon says that it waits */
    ROW_NO_REPORT, /* nothing was heard */
    ROW_NO_END,    /* the end of a log is not known */
    ROW_NO_AGE,    /* since when something waits is not known */
    ROW_REWOUND,
    ROW_LOST,
    ROW_HALTED,    /* the daemon parked or stopped it */
    ROW_CLOSED,    /* the daemon was closed */
    ROW_SILENT,    /* the daemon is not heard */
    ROW_APART,     /* other data at the same vector */
    ROW_COMMITTED, /* no report is there, only what its group committed */
    ROW_UNMOVED,   /* … which has not moved, though something waits */
};

/* A state of a slice, and by what. */
struct row_said {
    enum iso_lag_state state;
    enum row_rule rule;
    uint32_t partition;
    size_t log;     /* its place in the definition, where the rule is of one */
    int64_t amount; /* milliseconds or records: of two that are alike, more is worse */
};
bool iso_row_worse(const struct row_said *a, const struct row_said *b);

/* One slice of a pair of regions, summed over the logs of the source. */
struct row_slice {
    struct row_said said;
    struct row_said stuck; /* ISO_LAG_STALLED: in a log that has not moved for long */
    uint64_t records, written, refused, lost, applied;
    bool exact, end_unknown, since_unknown, moves;
    int64_t since_ms; /* by our clock; INT64_MAX: nothing waits */
    bool since_exact;
    int64_t newest_ms;  /* by our clock; ISO_UNKNOWN_MS */
    int64_t deleted_ms; /* when retention takes the first that waits; INT64_MAX: never
                         */
    size_t log;         /* in which most waits */
    uint64_t log_records;
    int64_t frontier, end; /* there */
};

/* What makes one slice worse than another. */
struct row_rank {
    int severity;
    int64_t since_ms; /* INT64_MIN: not known */
    uint64_t records;
    int64_t newest_ms;
    uint32_t slot; /* where the slice stands in the row */
};

/* A pair of regions, summed over the slices. */
struct row_sum {
    unsigned source, target;
    struct row_said said;
    struct row_said stuck; /* the worst of those of the slices */
    uint64_t records, written, refused, lost, applied;
    bool exact, end_unknown, since_unknown, newest_unknown, report_unknown, moves;
    bool committed;
    int64_t since_ms, newest_ms, report_ms, deleted_ms;
    bool since_exact;
    /* The worst slices, which stand elsewhere: what is summed stays small. */
    struct iso_lag_slice *worst; /* ISO_LAG_WORST_MAX of the row … */
    struct row_rank *ranks;      /* … and by what they are ordered */
    struct row_rank least;       /* of the last, when there are so many */
    size_t worst_count;
};

/* `ranks`: room for ISO_LAG_WORST_MAX. */
void iso_row_sum_init(struct row_sum *sum, unsigned source, unsigned target,
                      struct iso_lag_row *row, struct row_rank *ranks);
/* Adds a slice; `report` NULL: nothing was heard of it. */
void iso_row_sum_add(struct row_sum *sum, const struct look *look,
                     const struct table_report *report, const struct row_slice *slice);
/* Fills the row, but for its names. */
void iso_row_sum_end(struct row_sum *sum, const struct look *look,
                     struct iso_lag_row *row);

/* The sentence of what was said. */
void iso_row_why(const struct row_sum *sum, const struct look *look,
                 const struct iso_lag_row *row, char *why, size_t room);

#endif
