/* law.h - holds a resolver to the law: any interleaving that keeps each log's order
 * gives the same entry and the same ledger.
 *
 * A case is a handful of writes of one key in up to three logs. Regions apply them in
 * different interleavings, and forget when they like; then each must hold what a model
 * says, which knows the writes as a set and no order but that of each log. A resolver
 * that is consistently wrong fails the model; one that depends on arrival fails it in
 * one region or another.
 *
 * What is asked of a region in the end: tally (so the canonical bytes), what readers
 * are shown before and after expiry, and the ledger, row for row. What is asked at
 * every merge: `was` and `is` are the tallies of the two rows, `changed` says whether
 * they differ, no version enters the ledger twice, and the row counts its ledger rows.
 *
 * The model is written per resolver; see lww_model.c. Files of this folder that are not
 * tests are included by the tests, which are one program each.
 */
#ifndef ISO_TESTS_LAW_LAW_H
#define ISO_TESTS_LAW_LAW_H

#include "base/clock.h"
#include "resolver/resolver.h"

enum {
    LAW_WRITES_MAX = 12,
    LAW_LOGS_MAX = 3,
    LAW_REGIONS = 3,
    LAW_NAMES_MAX = 6,
    LAW_ROWS_MAX = LAW_WRITES_MAX * (LAW_NAMES_MAX + 1),
    LAW_VALUE_MAX = 4
};

struct law_case { /* writes in the order in which they were appended, over all logs */
    size_t count;
    struct iso_coming writes[LAW_WRITES_MAX];
    uint8_t names[LAW_WRITES_MAX][LAW_NAMES_MAX * ISO_VERSION_SIZE];
    bool succeeds[LAW_LOGS_MAX + 1][LAW_LOGS_MAX + 1]; /* [log][older] */
    int64_t swept_ms; /* H of every region in the end */
};

/* Adds a write in `log` with the next offset of it; its names are copied. */
struct iso_coming *law_case_add(struct law_case *law, const struct iso_coming *write);

/* Is write b later in a's log, or in a log that succeeds it? */
bool law_before(const struct law_case *law, const struct iso_coming *a,
                const struct iso_coming *b);

/* Is `version` among the names that `write` read? */
bool law_read(const struct iso_coming *write, struct iso_version version);

struct law_expected {
    struct iso_tally tally;
    const struct iso_coming *held; /* NULL: nothing is held */
    bool lost[LAW_WRITES_MAX];     /* by number of the write */
};

/* The dumb model of a resolver: from the set of writes, by the words of DESIGN.md. */
struct law_model {
    /* Does c replace w? */
    bool (*child)(const struct law_case *law, const struct iso_coming *w,
                  const struct iso_coming *c);
    void (*expect)(const struct law_case *law, struct law_expected *expected);
    /* Of a stored row: its tally, and how many ledger rows it counts. */
    struct iso_tally (*tally)(struct iso_bytes key, struct iso_bytes row,
                              uint32_t *rows);
    /* Forgets what is below H; `marks` rows of the key were swept from the ledger. */
    void (*sweep)(struct iso_bytes key, int64_t swept_ms, uint32_t marks,
                  struct iso_buf *row);
};

struct law_row {
    struct iso_version version;
    enum iso_loser_rule rule;
    uint16_t log;
    int64_t offset;
    uint8_t value[LAW_VALUE_MAX];
    size_t size;
};

/* A region: a row, a ledger, and how far it has read. */
struct law_region {
    const struct law_case *law;
    const struct iso_resolver *resolver;
    const struct law_model *model;
    struct iso_merged merged;
    struct iso_buf row;
    struct iso_tally tally; /* of the row, by the model */
    struct law_row rows[LAW_ROWS_MAX];
    size_t row_count;
    bool applied[LAW_WRITES_MAX];
    int64_t swept_ms;
    const char *broken; /* which promise, or NULL */
};

struct law_options {
    const struct iso_resolver *resolver;
    const struct law_model *model;
    uint64_t seed, cases;
    bool forged; /* contexts claim what was never shown, nor written */
};

struct law_report { /* what was exercised; how the law was broken, if it was */
    uint64_t cases, merges, conflicts, losers, dead, marks, swept, replaced;
    char text[2048];
};

/* Begins a region at nothing; its buffers stay. */
void law_region_reset(struct law_region *region, const struct law_options *options,
                      const struct law_case *law);
void law_region_release(struct law_region *region);

/* The number of the next write of `log`, or LAW_WRITES_MAX: there is none, or a log
 * that it succeeds is not at its end. */
size_t law_region_next(const struct law_region *region, uint16_t log);
void law_region_apply(struct law_region *region, size_t write,
                      struct law_report *report);
void law_region_sweep(struct law_region *region, int64_t swept_ms);

/* Does the region, at the end of all logs, hold what the model says? If not, or when it
 * broke a promise on the way, says so in the report. */
bool law_region_holds(struct law_region *region, struct law_report *report);

/* Random cases; every interleaving of one case. False: the law was broken. */
bool law_random(const struct law_options *options, struct law_report *report);
bool law_every_order(const struct law_options *options, const struct law_case *law,
                     struct law_report *report);

#endif
