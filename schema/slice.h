/* slice.h - the state of one slice in one store: where it stands in every log, and what
 * it can prove. It is stored in the apply transaction, and travels in reports, in one
 * encoding (record Slice of report.avsc), with a check of its own.
 *
 * Slices, vectors and buckets are owned, empty when zero, and keep their arrays when
 * they are decoded into again: a loop that decodes rows of one shape does not allocate.
 */
#ifndef ISO_SCHEMA_SLICE_H
#define ISO_SCHEMA_SLICE_H

#include "schema/avro.h"
#include "schema/digest.h"
#include "schema/version.h"

/* What a log's prefix held of one source region; region 0: records without our header.
 */
struct iso_slice_source {
    uint32_t region;
    uint64_t hlc;      /* the newest, heartbeats included */
    int64_t offset;    /* of that record */
    int64_t append_ms; /* of that record */
    uint64_t writes;   /* admitted, no duplicates, heartbeats and definitions aside */
};

struct iso_slice_log {
    uint16_t log;
    uint32_t definition; /* number of the last DEFINE that counts here; 0: none yet */
    int64_t frontier;    /* next offset to apply */
    int64_t t_ms;        /* T; INT64_MIN before the first DEFINE */
    int64_t bound_ms;
    uint64_t birth;
    uint64_t top;             /* largest hlc admitted */
    int64_t append_ms;        /* the newest append time, refused records included */
    struct iso_digest prefix; /* running hash of everything below the frontier */
    int64_t record_offset; /* the newest record: offset (−1: none), append time, hash */
    int64_t record_append_ms;
    struct iso_digest record_hash; /* iso_prefix_hash from zero */
    int64_t mark_offset; /* the first record of the newest block of 4,096 offsets … */
    struct iso_digest mark; /* … and the running hash up to and with it */
    uint64_t refused, duplicates;
    struct iso_slice_source *sources; /* by region, ascending */
    size_t source_count, source_room;
};

/* Of a bucket, and summed of a slice. */
struct iso_tally {
    struct iso_digest live, mortal;
    int64_t values, tombstones, expiring; /* signed: a difference is a tally too */
};
static inline void iso_tally_add(struct iso_tally *sum, const struct iso_tally *part)
{
    iso_digest_add(&sum->live, part->live);
    iso_digest_add(&sum->mortal, part->mortal);
    sum->values += part->values;
    sum->tombstones += part->tombstones;
    sum->expiring += part->expiring;
}
static inline void iso_tally_subtract(struct iso_tally *sum,
                                      const struct iso_tally *part)
{
    iso_digest_subtract(&sum->live, part->live);
    iso_digest_subtract(&sum->mortal, part->mortal);
    sum->values -= part->values;
    sum->tombstones -= part->tombstones;
    sum->expiring -= part->expiring;
}

/* Per log the offset of the last write that moved a bucket or the slice; −1: none.
 * Ordered by log. */
struct iso_vector_item {
    uint16_t log;
    int64_t offset;
};
struct iso_vector {
    struct iso_vector_item *items;
    size_t count, room;
};

/* Closed logs stay in a slice. Sources: region 0 and 64 regions. */
enum { ISO_SLICE_LOGS_MAX = 1024, ISO_SLICE_SOURCES_MAX = 65 };

struct iso_slice {
    uint32_t partition;
    uint8_t definition_id[16];  /* of the collection's first definition */
    struct iso_slice_log *logs; /* by number, ascending */
    size_t log_count, log_room; /* a log beyond the count keeps its array of sources */
    struct iso_vector vector;
    struct iso_tally tally;
    int64_t swept_min_ms, swept_max_ms; /* H over the buckets; 0: never swept */
    uint64_t ledger_rows;
    struct iso_digest ledger; /* sum of XXH3-128 of every row, key and value */
    uint64_t effective; /* writes that passed admission and the duplicate filter */
    uint64_t alarms;    /* two writes of one version with different content */
    uint64_t gaps;      /* intervals of the duplicate filter that were forgotten open */
    /* Of this region alone: what its bounds on the ledger have dropped, ever. The rows
     * stand in the ledger all the same, as stubs. */
    uint64_t dropped_rows, dropped_bytes;
};

void iso_slice_release(struct iso_slice *slice);
struct iso_slice_log *iso_slice_log(struct iso_slice *slice,
                                    uint16_t number); /* or NULL */
/* Finds or adds (zeroed, t_ms INT64_MIN, record_offset and mark_offset −1), in order. A
 * pointer to a log or source is good until the next one is added. */
struct iso_slice_log *iso_slice_log_add(struct iso_slice *slice, uint16_t number);
struct iso_slice_source *iso_slice_source_add(struct iso_slice_log *log,
                                              uint32_t region);

/* vector[log] = max(vector[log], offset). At most 65,535 logs. */
void iso_vector_move(struct iso_vector *vector, uint16_t log, int64_t offset);
bool iso_vector_equal(const struct iso_vector *a, const struct iso_vector *b);
void iso_vector_release(struct iso_vector *vector);

/* Appends. Counts above INT64_MAX are our own mistake. */
void iso_slice_encode(const struct iso_slice *slice, struct iso_buf *out);
/* Into any slice: zero, released, or used before. ISO_BAD_DATA: it is no slice;
 * ISO_DAMAGED: it is one whose bytes changed. The slice is empty then. */
enum iso_err iso_slice_decode(struct iso_bytes bytes, struct iso_slice *slice,
                              struct iso_why *why);
/* The same inside a larger record: reads from the cursor, goes on behind the slice. */
enum iso_err iso_slice_read(struct iso_avro_cursor *cursor, struct iso_slice *slice,
                            struct iso_why *why);

/* A bucket's row: its own encoding, since thousands are written in a batch. */
struct iso_bucket {
    struct iso_vector vector;
    struct iso_tally tally;
    int64_t swept_ms; /* H */
};
void iso_bucket_release(struct iso_bucket *bucket);
/* Appends. Big-endian: u8 format 1, live and mortal (16 each), i64 values, tombstones,
 * expiring, H, u16 n, n × (u16 log, i64 offset), u64 check: XXH3-64 of all before it.
 */
void iso_bucket_encode(const struct iso_bucket *bucket, struct iso_buf *out);
/* Into any bucket: zero, released, or used before. ISO_DAMAGED: it is not what was
 * written; the bucket is empty then. */
enum iso_err iso_bucket_decode(struct iso_bytes bytes, struct iso_bucket *bucket,
                               struct iso_why *why);

#endif
