/* part.h - what a store keeps for a key of a `fields` or `siblings` collection, and its
 * canonical bytes.
 *
 * An entry is a list of parts, by path. A part is kept in one of four forms:
 *
 *   lww      at most one value, and remembered names
 *   values   every value that no write replaced, and remembered names (of a set's
 *            element or a flag without bytes; of siblings whole values)
 *   extreme  the values that no later one dominates, the version of the last clear
 *   counter  per log and region {next, sum}, and the bases that resets had observed
 *
 * Beside them stand the newest DELETE, and how many ledger rows the key has. A row is
 * u8 format (2 fields, 3 siblings), u64 check (XXH3-64 of the key, then of the rest),
 * and Avro-style numbers and bytes: see part.c.
 *
 * Canonical bytes, big-endian. Live, one text an entry: format, u16 key size, key; then
 * of each part with live content u16 path size, path, u8 form, u32 count and
 *
 *   values of kind 0   version, fingerprint (8 bytes; of siblings zeros), u32 size,
 *                      value; of one of more than 4096 bytes its XXH3-128 instead
 *   sums, then bases   u16 log, u8 region, i64 next, i64 sum; the bases behind a u32
 *
 * Mortal, one text a thing: format, u16 key size, key, u16 path size, path, version,
 * then 1 (a removed value, a clear; the DELETE of the key, which has no path: size
 * 65535), or 2, i64 expiry, fingerprint and the value's XXH3-128. Positions, losers and
 * names stand in no digest.
 */
#ifndef ISO_SCHEMA_PART_H
#define ISO_SCHEMA_PART_H

#include "base/arena.h"
#include "schema/entry.h"
#include "schema/patch.h"
#include "schema/slice.h"

enum iso_parts_format { ISO_PARTS_FIELDS = 2, ISO_PARTS_SIBLINGS = 3 };
enum iso_part_form {
    ISO_FORM_LWW = 1,
    ISO_FORM_VALUES,
    ISO_FORM_EXTREME,
    ISO_FORM_COUNTER
};

/* A longer value stands in a row of its own (schema/aside.h), and by its hash in
 * digests: part of the format, so never another number. Only the law test is also built
 * with 0. */
#ifndef ISO_VALUE_ASIDE
#define ISO_VALUE_ASIDE 4096
#endif

struct iso_held { /* one value of a part; bytes borrowed */
    struct iso_version version;
    enum iso_entry_kind kind;
    int64_t expiry_ms;
    uint16_t log;
    int64_t offset;
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    struct iso_bytes value; /* data NULL: it stands aside, and is not loaded */
    bool hashed;            /* … */
    struct iso_digest hash; /* … of the value */
    uint64_t aside;         /* its number there; 0: none yet */
};

struct iso_part {
    struct iso_bytes path; /* encoded; borrowed */
    enum iso_rule rule;
    struct iso_held *values; /* by version, ascending */
    size_t value_count;
    struct iso_names names; /* ascending */
    bool has_clear;
    struct iso_version clear;
    struct iso_sum *sums, *bases; /* by log, then region */
    size_t sum_count, base_count;
    bool touched; /* by the merge in hand; stored nowhere */
};
enum iso_part_form iso_part_form(enum iso_rule rule);

/* A decoded entry; zero before the first use, then reused: its memory stays. What it
 * points to is the row's, or stands in its arena; who changes a part puts new arrays
 * there. */
struct iso_parts {
    enum iso_parts_format format;
    bool has_delete;
    struct iso_held deleted; /* the newest DELETE: version and position */
    uint32_t losers;
    struct iso_part *parts; /* by path, ascending; what was added is in schema/runs.h's
                               order until iso_parts_settle */
    size_t sorted, count, room;
    struct iso_arena arena;
};
void iso_parts_release(struct iso_parts *parts);

/* ISO_DAMAGED when the check fails. A row of size 0 is an entry without parts. */
enum iso_err iso_parts_decode(struct iso_bytes row, struct iso_bytes key,
                              enum iso_parts_format format, struct iso_parts *parts,
                              struct iso_why *why);

/* The row (cleared first; size 0 when there is nothing to keep), and the entry's part
 * of its bucket. Parts without content are left out. Settles. */
void iso_parts_encode(struct iso_parts *parts, struct iso_bytes key,
                      struct iso_buf *scratch, struct iso_buf *row,
                      struct iso_tally *tally);

/* The tally alone, of parts that are settled. */
void iso_parts_tally(const struct iso_parts *parts, struct iso_bytes key,
                     struct iso_buf *scratch, struct iso_tally *tally);

/* The part at a path, or where it would stand; false: it is not there. Settled. */
bool iso_parts_find(const struct iso_parts *parts, struct iso_bytes path, size_t *at);
/* Finds or adds; a pointer is good until the next one is added. The path is copied.
 * Thousands can be added to tens of thousands; settle before going through them. */
struct iso_part *iso_parts_add(struct iso_parts *parts, struct iso_bytes path,
                               enum iso_rule rule);
void iso_parts_settle(struct iso_parts *parts); /* by path, ascending */

/* Does the part hold anything but names? Counters: any sum or base. */
bool iso_part_holds(const struct iso_part *part);

#endif
