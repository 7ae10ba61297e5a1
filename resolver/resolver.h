/* resolver.h - what concurrent writes mean (DESIGN.md, section 4). Pure: no clock, no
 * store, no queue, no globals; the ledger is asked through a port that the caller
 * gives.
 *
 * A resolver merges one coming write into what a store holds for its key, and says what
 * readers are shown. The law that each must keep: any interleaving that keeps each
 * log's order, with any duplicates taken out before, gives the same entry and the same
 * ledger.
 *
 *   held row + coming write + ledger  ──merge──▶  row, ledger changes, was/is tallies
 *   row + now                         ──show───▶  value, version, context
 */
#ifndef ISO_RESOLVER_RESOLVER_H
#define ISO_RESOLVER_RESOLVER_H

#include "schema/aside.h"
#include "schema/assemble.h"
#include "schema/context.h"
#include "schema/loser.h"
#include "schema/seen.h"

/* A write that passed admission and the duplicate filter, at its place in its log. */
struct iso_coming {
    enum iso_operation operation; /* PUT, PATCH, DELETE */
    struct iso_bytes key, value;  /* borrowed */
    struct iso_version version;
    uint16_t log;
    int64_t offset;
    bool blind;
    struct iso_names read; /* when not blind */
    bool has_expiry;
    int64_t expiry_ms;
    const struct iso_schemas *schemas; /* of the definition in force; NULL: opaque */
    /* Of a collection whose values have fields; else NULL: what the schema of the value
     * or patch says of its fields, and the value's datum (PUT). */
    const struct iso_fields *fields;
    const uint8_t *fingerprint; /* ISO_FINGERPRINT_SIZE bytes */
    struct iso_bytes datum;
    const struct iso_patch *patch; /* of a PATCH; of a DELETE with a context */
};

/* The ledger rows of the key in hand, as the caller keeps them. A failure of a call
 * ends the merge with that failure; the caller then takes back what the merge has
 * changed.
 *
 * Rows of rule ISO_LOSER_NAME are marks, not losers: kept, found and removed like the
 * others, but without part in what is counted, summed or shown. A row of the entry
 * stays while the entry counts ledger rows, also when nothing else keeps it. */
struct iso_ledger {
    void *self;
    /* Adds a row; its version is in no row yet. */
    enum iso_err (*enter)(void *self, const struct iso_loser *loser,
                          struct iso_why *why);
    /* Removes the row of `version`; *left says whether there was one. */
    enum iso_err (*leave)(void *self, struct iso_bytes field,
                          struct iso_version version, bool *left, struct iso_why *why);
    /* Removes the rows below `version` whose writer was of its region, in `log` or one
     * that `log` succeeds; *left says how many. */
    enum iso_err (*leave_older)(void *self, struct iso_bytes field,
                                struct iso_version version, uint16_t log,
                                uint32_t *left, struct iso_why *why);
    /* Does `log` succeed `older`, directly or not? */
    bool (*succeeds)(void *self, uint16_t log, uint16_t older);
};

struct iso_merge {
    /* The stored row; size 0: none. It stays where it is while the ledger is changed,
     * and is not the `row` of the iso_merged. */
    struct iso_bytes held;
    const struct iso_coming *coming;
    const struct iso_ledger *ledger;
    int64_t swept_ms; /* H of the key's bucket: no name below it is remembered */
    /* The large values of the key, as they were before; what is looked up stays where
     * it is during the merge. NULL: there are none. */
    const struct iso_asides *asides;
};

/* A large value that a merge brings, or takes away (size 0); bytes borrowed from the
 * coming write. */
struct iso_aside {
    uint64_t number;
    struct iso_bytes value;
};

/* Zero before the first use, then reused: its buffers stay. */
struct iso_merged {
    bool changed; /* `row` is to be stored (size 0: the row is to be deleted) */
    struct iso_buf row;
    struct iso_tally was, is; /* the key's part of its bucket before and after */
    bool alarm;               /* the version is held with other content */
    struct iso_aside *asides; /* to be changed together with the row */
    size_t aside_count, aside_room;
    struct iso_buf scratch, names, path, field;
    struct iso_parts parts;
};
void iso_merged_release(struct iso_merged *merged);
/* No change, its buffers kept: how every merge begins. */
void iso_merged_clear(struct iso_merged *merged);

/* More siblings of one key than these, in number and in bytes, no reader is shown; one
 * is in any case. */
enum { ISO_SIBLINGS_SHOWN_MAX = 1000, ISO_SIBLINGS_BYTES_MAX = 32 << 20 };

/* What a reader is shown. Zero before the first use, then reused: its buffers stay. */
struct iso_shown {
    bool found;
    struct iso_version version; /* of the newest part; zero when there is none */
    struct iso_bytes value;     /* lww; siblings: the newest; borrowed from the row */
    bool has_expiry;
    int64_t expiry_ms;
    struct iso_buf context; /* for the write that follows from this read */
    /* siblings: the newest, newest first; borrowed until the next show. What stands
     * aside is not loaded (schema/aside.h). The context names those that are given. */
    struct iso_held *siblings;
    size_t sibling_count;
    size_t sibling_total; /* that are there */
    /* fields: what is there, by path, ascending; borrowed until the next show. A datum
     * that stands aside has no data yet: see iso_shown_part. */
    struct iso_shown_part *fields;
    size_t field_count, field_room;
    struct iso_parts parts;
    struct iso_seen seen;
    struct iso_buf scratch;
};
void iso_shown_release(struct iso_shown *shown);
/* Loads what stands aside of all that is shown, and borrows it. ISO_DAMAGED. */
enum iso_err iso_shown_load(struct iso_shown *shown, const struct iso_asides *asides,
                            struct iso_why *why);
/* Empty, its buffers kept: how every show begins. */
void iso_shown_clear(struct iso_shown *shown);

struct iso_resolver {
    const char *name;
    bool has_fields; /* values are records of a schema: format avro or confluent */

    /* Whether this is a write that the resolver takes: an operation it has, of fields
     * that are there, with or without expiry. Kind poison: refused, with the remedy.
     * Everything else about the write was judged before. Allocates nothing, but of a
     * PUT with a map of more than ISO_MEMBERS_FEW members four bytes for each, given
     * back before it returns; want of memory ends the process (base/mem.h), and so
     * refuses nothing that another region admits. */
    enum iso_err (*admit)(const struct iso_coming *coming, struct iso_why *why);

    /* ISO_DAMAGED: the held row is not what was stored; nothing has been changed.
     * Allocates only to grow the buffers of `merged`. */
    enum iso_err (*merge)(const struct iso_merge *merge, struct iso_merged *merged,
                          struct iso_why *why);

    /* A value that has expired at now_ms is hidden. */
    enum iso_err (*show)(struct iso_bytes key, struct iso_bytes row, int64_t now_ms,
                         struct iso_shown *shown, struct iso_why *why);
};

/* By its name in a definition ("plugin:NAME" keeps siblings: a plug-in only decides
 * what is shown); NULL: this software has none of that name. */
const struct iso_resolver *iso_resolver_find(const char *name);

/* n = 0, 1, … ; NULL at the end. */
const struct iso_resolver *iso_resolver_at(size_t n);

#endif
