/* law.h - holds a resolver to the law: any interleaving that keeps each log's order,
 * with any duplicates, gives the same entry and the same ledger.
 *
 * A case is a handful of writes of one key in up to three logs. Regions apply them in
 * different interleavings, and forget when they like; then each must hold what a model
 * says, which knows the writes as a set and no order but that of each log. A resolver
 * that is consistently wrong fails the model; one that depends on arrival fails it in
 * one region or another.
 *
 * What is asked of a region in the end: tally (so the canonical bytes), what readers
 * are shown before and after expiry, and the ledger, row for row; and that the row
 * counts its ledger rows. What is asked at every merge: `was` is the tally of the row
 * before, `is` that of the row after, `changed` says whether they differ, and no
 * version enters the ledger twice.
 *
 * A model says what a resolver's writes look like and what they come to: lww_model.c,
 * siblings_model.c, fields_model.c. Random cases: law_random.c; every interleaving of
 * one: law_orders.c.
 */
#ifndef ISO_TESTS_LAW_LAW_H
#define ISO_TESTS_LAW_LAW_H

#include "base/arena.h"
#include "base/clock.h"
#include "consumer/filter.h"
#include "resolver/resolver.h"

enum {
    LAW_WRITES_MAX = 12,
    LAW_LOGS_MAX = 3,
    LAW_REGIONS = 3,
    LAW_CONTEXTS = 3,
    LAW_NAMES_MAX = 24,
    LAW_ROWS_MAX = 2048,
    LAW_LOSERS_MAX = LAW_WRITES_MAX * 16,
    LAW_FIELD_MAX = 64,
    LAW_ASIDES_MAX = LAW_WRITES_MAX * 16,
    LAW_VALUE_MAX = 160
};

struct law_ops; /* what one write does, as a model has it */

struct law_case { /* writes in the order in which they were appended, over all logs */
    size_t count;
    struct iso_coming writes[LAW_WRITES_MAX];
    const struct law_ops *ops[LAW_WRITES_MAX];         /* fields only */
    struct iso_patch patches[LAW_WRITES_MAX];          /* their arrays stay */
    bool succeeds[LAW_LOGS_MAX + 1][LAW_LOGS_MAX + 1]; /* [log][older] */
    int64_t swept_ms;       /* H of every region in the end */
    unsigned profile;       /* of the values: the model's own number */
    struct iso_arena arena; /* what writes and ops borrow from */
};
/* Empty; its buffers stay. Zero before the first use. */
void law_case_clear(struct law_case *law);
void law_case_release(struct law_case *law);

/* Adds a write in its log, `write->offset` offsets behind the last one; its names are
 * copied. */
struct iso_coming *law_case_add(struct law_case *law, const struct iso_coming *write);

/* Is write b later in a's log, or in a log that succeeds it? */
bool law_before(const struct law_case *law, const struct iso_coming *a,
                const struct iso_coming *b);

/* Is `version` among the names? */
bool law_names_hold(struct iso_names names, struct iso_version version);
void law_names_print(struct iso_names names, struct iso_buf *text);

struct law_row { /* of the ledger */
    uint8_t field[LAW_FIELD_MAX];
    size_t field_size;
    struct iso_version version;
    enum iso_loser_rule rule;
    uint16_t log;
    int64_t offset;
    uint8_t value[LAW_VALUE_MAX];
    size_t size;
};
void law_row_fill(struct law_row *row, const struct iso_loser *loser);

/* What every region must hold in the end. Zero before the first use. */
struct law_expected {
    struct iso_tally tally;
    const struct iso_coming *held; /* lww; NULL: nothing is held */
    struct iso_parts parts;        /* the others */
    struct law_row rows[LAW_LOSERS_MAX];
    size_t row_count;
    const char *broken; /* a promise about the writes themselves, or NULL */
};
void law_expected_clear(struct law_expected *expected);
void law_expected_release(struct law_expected *expected);
struct law_row *law_expect_row(struct law_expected *expected,
                               const struct iso_loser *loser);

struct law_random; /* a random case that is being written: see below */

/* A resolver's writes, and the dumb model of what they come to: from the set of writes,
 * by the words of DESIGN.md. */
struct law_model {
    /* Draws what a write of version and log is. `context`: what its writer was shown,
     * NULL: it is blind. With a real context its hlc is raised above what was shown. */
    void (*draw)(struct law_random *random, struct iso_coming *write,
                 const struct iso_buf *context);
    /* The write was added: what it does (fields), … */
    void (*added)(struct law_random *random, size_t write);
    /* … and the context of its session from now on. */
    void (*advance)(struct law_random *random, size_t write, struct iso_buf *context);

    /* A write that restores a loser: its value, and its name beside what is held. NULL:
     * nothing is ever lost. */
    void (*restore)(struct law_random *random, struct iso_coming *write,
                    const struct law_row *row, const struct iso_buf *context);

    void (*expect)(const struct law_case *law, struct law_expected *expected);
    bool (*shows)(const struct law_expected *expected, const struct iso_shown *shown,
                  int64_t now_ms);
    /* Of a stored row: its tally, and how many ledger rows it counts. */
    struct iso_tally (*tally)(struct iso_bytes key, struct iso_bytes row,
                              uint32_t *rows);
    /* Forgets what is below H; `marks` rows of the key were swept from the ledger. */
    void (*sweep)(struct iso_bytes key, int64_t swept_ms, uint32_t marks,
                  struct iso_buf *row);
    /* Does c replace w? For figures only; NULL: it is not told. */
    bool (*child)(const struct law_case *law, const struct iso_coming *w,
                  const struct iso_coming *c);
    void (*print)(const struct law_case *law, size_t write, struct iso_buf *text);
    /* What is expected, and what the row holds; NULL: it is not told. */
    void (*print_outcome)(const struct law_expected *expected, struct iso_bytes key,
                          struct iso_bytes row, struct iso_buf *text);
};

/* A region: a row, a ledger, and how far it has read. */
struct law_region {
    const struct law_case *law;
    const struct iso_resolver *resolver;
    const struct law_model *model;
    struct iso_merged merged;
    struct iso_shown shown;
    struct iso_buf row;
    struct iso_tally tally; /* of the row, by the model */
    bool applied[LAW_WRITES_MAX];
    int64_t swept_ms;
    const char *broken; /* which promise, or NULL */
    size_t filter_count;
    struct law_filter {
        uint16_t log;
        uint64_t node;
        struct iso_filter filter;
    } filters[LAW_WRITES_MAX];
    size_t row_count;
    struct law_row rows[LAW_ROWS_MAX];
    size_t aside_count; /* law_asides.h */
    struct law_aside {
        uint64_t number;
        struct iso_buf value; /* stays */
    } asides[LAW_ASIDES_MAX];
};

struct law_options {
    const struct iso_resolver *resolver;
    const struct law_model *model;
    uint64_t seed, cases;
    size_t writes_max;  /* of a case; 0: as many as are usual */
    uint64_t schedules; /* above 0: every interleaving of each case, until so many */
    unsigned first_profile, profiles; /* each case has one of them */
    bool forged; /* contexts claim what was never shown, nor written */
};

struct law_report { /* what was exercised; how the law was broken, if it was */
    uint64_t cases, merges, conflicts, losers, dead, marks, swept, schedules,
        duplicates, restored;
    char text[4096];
};

/* Begins a region at nothing; its buffers stay. */
void law_region_reset(struct law_region *region, const struct law_options *options,
                      const struct law_case *law);
void law_region_release(struct law_region *region);

/* The number of the next write of `log`, or LAW_WRITES_MAX: there is none, or a log
 * that it succeeds is not at its end. */
size_t law_region_next(const struct law_region *region, uint16_t log);
/* A copy of a write comes: applied unless the duplicate filter knows it. */
void law_region_deliver(struct law_region *region, size_t write,
                        struct law_report *report);
void law_region_sweep(struct law_region *region, int64_t swept_ms);

bool law_tally_equal(const struct iso_tally *a, const struct iso_tally *b);

/* Does the region, at the end of all logs, hold what is expected? If not, or when it
 * broke a promise on the way, says so in the report. */
bool law_region_holds(struct law_region *region, const struct law_expected *expected,
                      struct law_report *report);

/* Random cases; every interleaving of one case, each write at least twice. False: the
 * law was broken. */
bool law_random(const struct law_options *options, struct law_report *report);
bool law_every_order(const struct law_options *options, const struct law_case *law,
                     struct law_report *report);

/* ---- for models: how a case is drawn ---- */

enum { LAW_FIRST_MS = 100, LAW_SPREAD_MS = 6 };

struct law_random {
    const struct law_options *options;
    struct law_report *report;
    struct iso_chance chance;
    struct law_case law;
    unsigned shape; /* which logs there are, and which follow which */
    bool is_closed; /* log 1 is closed, what succeeds it has begun */
    bool sweeps;
    struct law_region regions[LAW_REGIONS];
    struct iso_buf contexts[LAW_REGIONS][LAW_CONTEXTS];
    struct law_expected expected;
};

unsigned law_draw(struct law_random *random, unsigned below);
bool law_percent(struct law_random *random, unsigned chance);
/* A version that a writer of the region might have. */
struct iso_version law_version_draw(struct law_random *random, unsigned region);
/* One that somebody may claim to have read: of any write, or of none. */
struct iso_version law_version_forge(struct law_random *random);

#endif
