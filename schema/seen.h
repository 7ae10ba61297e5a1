/* seen.h - what a reader was shown of a record of fields: the context of a `fields`
 * collection (schema/context.h, format 2).
 *
 * Part by part: its path, the versions that made it what was shown, a hash of the value
 * (so that a PUT can be told from what was read, field by field, without carrying the
 * values along), and of a counter the sums, and what this session has added since. From
 * it the library makes of a PUT the PATCH between what was read and what is written,
 * tells each step what it replaces, and lets a DELETE name all that it takes away.
 */
#ifndef ISO_SCHEMA_SEEN_H
#define ISO_SCHEMA_SEEN_H

#include "schema/patch.h"

struct iso_held;

enum { ISO_SEEN_PARTS_MAX = 65536 };

struct iso_seen_part {
    struct iso_bytes path; /* encoded (schema/path.h); empty field: the record's mark */
    enum iso_rule rule;
    uint64_t hash; /* lww, max, min: XXH3-64 of fingerprint and datum */
    bool shown;    /* it was there */
    struct iso_names names;
    const struct iso_sum *sums; /* counter: as they were read */
    size_t sum_count;
    int64_t value; /* counter: as it was shown, … */
    int64_t added; /* … and what this session has added since … */
    bool counted;  /* … if it has, be it 0 in sum */
    bool gone;     /* while iso_seen_advance is at work */
};

/* The bytes, behind the format byte 02: u64 largest hlc; Avro's long count, of each
 * part
 *
 *   bytes path, long rule, boolean shown, and
 *   lww, max, min   u64 hash when it was shown
 *   all but counter long count, versions
 *   counter         long count, sums (log, region, next, sum as longs), long value,
 * long added, boolean counted
 */
/* Owns everything; zero is the context of a writer who was shown nothing. */
struct iso_seen {
    uint64_t hlc;                /* the largest in the entry, hidden remains included */
    struct iso_seen_part *parts; /* by path, ascending */
    size_t count, room;
    struct iso_buf bytes; /* what paths and names borrow from */
    struct iso_sum *sums;
    size_t sum_count, sum_room;
};
void iso_seen_release(struct iso_seen *seen);
void iso_seen_clear(struct iso_seen *seen);

/* Adds a part behind those that are there, by ascending path; bytes are copied. */
void iso_seen_add(struct iso_seen *seen, const struct iso_seen_part *part);

/* By which a context knows a datum again; of one that stands aside it is made from its
 * hash. */
uint64_t iso_seen_hash(const uint8_t *fingerprint, struct iso_bytes datum);
uint64_t iso_seen_hash_held(const struct iso_held *held);

void iso_seen_encode(const struct iso_seen *seen, struct iso_buf *out); /* appends */
/* Into any; ISO_BAD_DATA: it is no context of fields. */
enum iso_err iso_seen_decode(struct iso_bytes bytes, struct iso_seen *seen,
                             struct iso_why *why);

/* All `out` patches borrow from `seen` (until it is advanced), from the argument and
 * from the patch's own buffers. A larger context than a header or a patch can carry is
 * ISO_TOO_LARGE: write blind. */

/* The steps of `patch`, each with what the session was shown of its part. A reset takes
 * with it an increment of minus what the session has added. */
enum iso_err iso_seen_fill(const struct iso_seen *seen, const struct iso_patch *patch,
                           struct iso_patch *out, struct iso_why *why);

/* A whole record as the patch from what was read; sets the mark. `datum` is of the
 * fields' schema and passed iso_fields_check_put. What other schemas have of the record
 * is left alone. */
enum iso_err iso_seen_put(const struct iso_seen *seen, const struct iso_fields *fields,
                          struct iso_bytes datum, struct iso_patch *out,
                          struct iso_why *why);

/* All that a DELETE takes away: UNSET (lww, counter), REMOVE and DISABLE steps; max and
 * min end by its version. The fingerprint is zeros. ISO_STALE: the session has counted
 * on a counter since it read, and a DELETE takes away only what was read. */
enum iso_err iso_seen_delete(const struct iso_seen *seen, struct iso_patch *out,
                             struct iso_why *why);

/* After the write: its version names the parts that it touched. `patch`: as it was
 * sent, of `fields`, and is used no more; NULL: it was a DELETE. */
void iso_seen_advance(struct iso_seen *seen, const struct iso_fields *fields,
                      const struct iso_patch *patch, struct iso_version version);

/* A blind PUT leaves counters alone, and cannot say otherwise: ISO_BAD_DATA when one is
 * not zero; names the remedy. Asked by who writes; who applies passes counters over. */
enum iso_err iso_fields_check_blind(const struct iso_fields *fields,
                                    struct iso_bytes datum, struct iso_why *why);

#endif
