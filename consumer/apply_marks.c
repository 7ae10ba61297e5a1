/* A row of META a mark: i64 offset, running hash (16), u64 check (XXH3-64 of both),
 * under the number of its block, so that the one that is too old is found by counting.
 * Blocks in which no record was shown (transactions that were given up) have none.
 *
 * A row that fails its check is ISO_DAMAGED to who compares; applying never reads one.
 */
#include "consumer/apply_marks.h"

#include "consumer/apply_state.h"
#include "consumer/rows.h"

enum { MARK_SIZE = 8 + ISO_DIGEST_SIZE + 8, CHECK_SEED = 2 };

struct iso_digest iso_apply_record_hash(struct iso_digest h,
                                        const struct iso_record *record,
                                        struct iso_buf *scratch)
{
    const struct iso_prefix_record hashed = {
        .offset = record->offset,
        .append_ms = record->append_ms,
        .key = record->has_key ? &record->key : NULL,
        .value = record->has_value ? &record->value : NULL,
        .header = record->header_count > 0 ? &record->header : NULL};
    return iso_prefix_hash(h, &hashed, scratch);
}

static void mark_key(struct iso_apply *apply, uint16_t log, int64_t block)
{
    iso_rows_key_mark(&apply->key, apply->number, apply->partition, log, block);
}

/* Of the blocks that fell out since the former record, which may be many, no more can
 * have a row than are kept. */
static void marks_drop(struct iso_apply *apply, uint16_t log, int64_t former,
                       int64_t block)
{
    int64_t first = former - ISO_MARKS_MAX + 1;
    int64_t behind = block - ISO_MARKS_MAX;
    if (first < 0)
        first = 0;
    if (behind > former)
        behind = former;
    for (int64_t gone = first; gone <= behind; gone++) {
        mark_key(apply, log, gone);
        iso_txn_delete(apply->txn, ISO_META, iso_buf_bytes(&apply->key));
    }
}

void iso_apply_mark(struct iso_apply *apply, struct iso_slice_log *log, int64_t former)
{
    int64_t block = log->record_offset / ISO_MARK_BLOCK;
    if (former >= 0 && former / ISO_MARK_BLOCK == block)
        return;
    log->mark_offset = log->record_offset;
    log->mark = log->prefix;
    uint8_t row[MARK_SIZE];
    iso_put_u64(row, (uint64_t)log->mark_offset);
    iso_digest_put(row + 8, log->mark);
    iso_put_u64(row + MARK_SIZE - 8,
                iso_hash64(iso_bytes(row, MARK_SIZE - 8), CHECK_SEED));
    mark_key(apply, log->log, block);
    iso_txn_put(apply->txn, ISO_META, iso_buf_bytes(&apply->key),
                iso_bytes(row, MARK_SIZE));
    if (former >= 0)
        marks_drop(apply, log->log, former / ISO_MARK_BLOCK, block);
}

static enum iso_err mark_take(struct iso_bytes row, int64_t offset,
                              struct iso_digest *prefix, struct iso_why *why)
{
    if (row.size != MARK_SIZE ||
        iso_get_u64(row.data + MARK_SIZE - 8) !=
            iso_hash64(iso_bytes(row.data, MARK_SIZE - 8), CHECK_SEED))
        return iso_fail(why, ISO_DAMAGED,
                        "the row of a log's running hash fails its check: move the "
                        "store away and let the region read its logs anew");
    if (iso_get_u64(row.data) != (uint64_t)offset)
        return ISO_NOT_FOUND;
    *prefix = iso_digest_get(row.data + 8);
    return ISO_OK;
}

enum iso_err iso_apply_prefix_at(struct iso_apply *apply, uint16_t log, int64_t offset,
                                 struct iso_digest *prefix, struct iso_why *why)
{
    const struct iso_slice_log *is = iso_slice_log(&apply->slice, log);
    if (is == NULL || offset < 0 || offset > is->record_offset)
        return ISO_NOT_FOUND;
    if (offset == is->record_offset || offset == is->mark_offset) {
        *prefix = offset == is->record_offset ? is->prefix : is->mark;
        return ISO_OK;
    }
    struct iso_snapshot *snapshot;
    struct iso_bytes row;
    enum iso_err err = iso_snapshot_open(apply->store, &snapshot, why);
    if (err != ISO_OK)
        return err;
    mark_key(apply, log, offset / ISO_MARK_BLOCK);
    err = iso_snapshot_get(snapshot, ISO_META, iso_buf_bytes(&apply->key), &row, why);
    if (err == ISO_OK)
        err = mark_take(row, offset, prefix, why);
    iso_snapshot_close(snapshot);
    return err;
}
