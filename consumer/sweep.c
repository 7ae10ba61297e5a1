/* Why it is safe to forget below H, clause by clause of DESIGN.md, section 6:
 *
 *   The floor. H is at most the smallest bound over the slice's open logs. A record
 *   that is not read yet stands in one of them, and is admitted only with an hlc that
 *   is not below its log's bound; bounds never fall. So nothing that comes is below H,
 *   whoever reads it and however late. A log that no region may have missed is open
 *   from the definition that names it on; a closed one counts until its end and a
 *   DEFINE that names the end are applied, so until what succeeds it counts. That one
 *   begins at the bound which the closed one had, or above; and no log is opened below
 *   the floor. A slice without an open log has no floor, and stands still.
 *
 *   A tombstone, a removal, a clear, a DELETE beats only what is older than itself.
 *   Below H all of that is here already, or is refused, so nobody is left to beat: a
 *   key cannot come back by a write that comes late, since that write is not admitted.
 *   What comes is newer, and beats it here as it does where nothing is held.
 *
 *   A remembered name waits for the write that it names, which would be dead on
 *   arrival. Below H that write arrived, or is refused. So for marks of the ledger.
 *
 *   A value with an expiry goes when version and expiry are below H. By version it has
 *   nobody to beat; by expiry no reader has been shown it for `before_max` by the clock
 *   of broker and writer both. Not sooner: while it is held, what is older loses.
 *
 *   What lives, what was lost and what a counter has summed is never touched: live
 *   digest, ledger and vector are the same before and after.
 *
 *   Regions agree. What a bucket holds that passes is a function of the prefixes read
 *   and of H: what was written, not below H, and not replaced. It does not matter
 *   whether H came before the last record or after it, as the record is not below H. So
 *   equal vectors and equal H mean equal mortal digests, at every commit, as entries, H
 *   and sums change in one transaction. A row that counts losers stays for them with
 *   what it says: how many they are is a function of the prefixes too.
 *
 *   A region that is away holds nobody back: it reads the log, whose bounds refuse what
 *   they refused elsewhere. A store that was restored from an older copy, too.
 *
 * H of a bucket never falls. Of an index row the time may be too early (a merge that
 * puts it off leaves it): then the entry is looked at in vain once, and its row set
 * right. It is never too late.
 *
 * Fails with ISO_DAMAGED, when an entry, a row of the ledger or of the index is not
 * what was written, and as the store does. */
#include "consumer/sweep.h"

#include "consumer/apply_state.h"
#include "consumer/rows.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif
#ifndef ISO_PLANTED_EARLY_MS /* what goes too early must be looked at too early */
#define ISO_PLANTED_EARLY_MS 0
#endif

enum { SWEEP_STEPS = 24, MORTAL_SIZE = 8 };

/* ---- the index ---- */

static void mortal_key(struct iso_apply *apply, struct iso_bytes entry_key,
                       uint32_t bucket)
{
    iso_rows_key_mortal(&apply->mortal_key, apply->number, apply->partition, bucket,
                        entry_key);
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static void mortal_put(struct iso_apply *apply, int64_t due_ms)
{
    uint8_t row[MORTAL_SIZE];
    if (!ISO_PLANTED(oldest_forgets_what_came))
        apply->pass.came_oldest_ms = earlier(apply->pass.came_oldest_ms, due_ms);
    iso_put_u64(row, (uint64_t)due_ms);
    iso_txn_put(apply->txn, ISO_MORTAL, iso_buf_bytes(&apply->mortal_key),
                iso_bytes(row, sizeof row));
}

/* Whoever writes what lives over what lives is through at the first line. */
void iso_apply_mortal_keep(struct iso_apply *apply, struct iso_bytes entry_key,
                           uint32_t bucket)
{
    int64_t was_ms = apply->merged.was_due_ms, is_ms = apply->merged.is_due_ms;
    if (is_ms == was_ms || (is_ms > was_ms && is_ms != ISO_NEVER_MS) ||
        ISO_PLANTED(index_rows_are_missing))
        return;
    mortal_key(apply, entry_key, bucket);
    if (is_ms == ISO_NEVER_MS)
        iso_txn_delete(apply->txn, ISO_MORTAL, iso_buf_bytes(&apply->mortal_key));
    else
        mortal_put(apply, is_ms);
}

/* ---- an entry ---- */

static enum iso_err index_is_wrong(struct iso_why *why)
{
    return iso_fail(why, ISO_DAMAGED,
                    "the index of what is to be forgotten names an entry that is not "
                    "there: the store is damaged, move it away and let the region read "
                    "its logs, or be seeded, anew");
}

static void swept_keep(struct iso_apply *apply, struct iso_bytes key,
                       struct iso_bucket *bucket)
{
    const struct iso_merged *merged = &apply->merged;
    if (merged->changed && merged->row.size > 0)
        iso_txn_put(apply->txn, ISO_ENTRY, key, iso_buf_bytes(&merged->row));
    else if (merged->changed)
        iso_txn_delete(apply->txn, ISO_ENTRY, key);
    iso_apply_asides_keep(apply);
    if (ISO_PLANTED(sweeps_leave_the_digest))
        return;
    iso_tally_subtract(&bucket->tally, &merged->was);
    iso_tally_add(&bucket->tally, &merged->is);
    iso_tally_subtract(&apply->slice.tally, &merged->was);
    iso_tally_add(&apply->slice.tally, &merged->is);
}

static enum iso_err entry_sweep(struct iso_apply *apply, struct iso_bytes entry_key,
                                uint32_t number, struct iso_bucket *bucket,
                                struct iso_why *why)
{
    struct iso_ledger ledger = iso_apply_ledger(apply);
    struct iso_bytes held;
    iso_rows_key_entry(&apply->key, apply->number, apply->partition, entry_key);
    struct iso_bytes key = iso_buf_bytes(&apply->key);
    enum iso_err err = iso_txn_get(apply->txn, ISO_ENTRY, key, &held, why);
    if (err != ISO_OK)
        return err == ISO_NOT_FOUND ? index_is_wrong(why) : err;
    iso_apply_ledger_begin(apply, entry_key);
    struct iso_sweep sweep = {entry_key, held, apply->pass.swept_ms, &ledger};
    err = apply->resolver->sweep(&sweep, &apply->merged, why);
    if (err != ISO_OK)
        return err;
    swept_keep(apply, key, bucket);
    mortal_key(apply, entry_key, number);
    if (apply->merged.is_due_ms == ISO_NEVER_MS)
        iso_txn_delete(apply->txn, ISO_MORTAL, iso_buf_bytes(&apply->mortal_key));
    else
        mortal_put(apply, apply->merged.is_due_ms);
    return ISO_OK;
}

/* ---- a bucket ---- */

struct gathering {
    struct iso_apply *apply;
    size_t rows;
};

/* The keys of entries that are due: a walk must not change what it walks over. */
static enum iso_err due_each(void *user, struct iso_bytes key, struct iso_bytes row,
                             struct iso_why *why)
{
    struct gathering *gathering = user;
    struct iso_apply *apply = gathering->apply;
    if (row.size != MORTAL_SIZE || key.size <= ISO_ROWS_MORTAL_PREFIX)
        return index_is_wrong(why);
    gathering->rows++;
    int64_t due_ms = (int64_t)iso_get_u64(row.data);
    if (due_ms >= apply->pass.swept_ms + ISO_PLANTED_EARLY_MS) {
        apply->pass.oldest_ms = earlier(apply->pass.oldest_ms, due_ms);
        return ISO_OK;
    }
    iso_buf_add_u16(&apply->mortal_keys, (uint16_t)(key.size - ISO_ROWS_MORTAL_PREFIX));
    iso_buf_add(&apply->mortal_keys, key.data + ISO_ROWS_MORTAL_PREFIX,
                key.size - ISO_ROWS_MORTAL_PREFIX);
    return ISO_OK;
}

static enum iso_err due_sweep(struct iso_apply *apply, uint32_t number,
                              struct iso_bucket *bucket, size_t *rows,
                              struct iso_why *why)
{
    struct gathering gathering = {apply, 0};
    const struct iso_buf *keys = &apply->mortal_keys;
    iso_buf_clear(&apply->mortal_keys);
    iso_rows_key_bucket(&apply->mortal_key, apply->number, apply->partition, number);
    enum iso_err err =
        iso_txn_scan(apply->txn, ISO_MORTAL, iso_buf_bytes(&apply->mortal_key),
                     due_each, &gathering, why);
    *rows += gathering.rows;
    for (size_t at = 0; err == ISO_OK && at < keys->size; ++*rows) {
        struct iso_bytes key =
            iso_bytes(keys->data + at + 2, iso_get_u16(keys->data + at));
        at += 2 + key.size;
        err = entry_sweep(apply, key, number, bucket, why);
    }
    return err;
}

static enum iso_err bucket_sweep(struct iso_apply *apply, uint32_t number, size_t *rows,
                                 struct iso_why *why)
{
    struct iso_sweep_pass *pass = &apply->pass;
    struct iso_bucket *bucket;
    enum iso_err err =
        iso_buckets_get(&apply->buckets, apply->txn, number, &bucket, why);
    ++*rows;
    if (err == ISO_OK && bucket->swept_ms < pass->swept_ms) {
        iso_buckets_touch(&apply->buckets, number);
        if (!ISO_PLANTED(steps_are_taken_without_sweeping))
            err = due_sweep(apply, number, bucket, rows, why);
        if (!ISO_PLANTED(sweeps_leave_no_step))
            bucket->swept_ms = pass->swept_ms;
    } else {
        pass->is_partial = true;
    }
    if (err == ISO_OK && bucket->swept_ms < pass->least_ms)
        pass->least_ms = bucket->swept_ms;
    return err;
}

/* ---- duplicate filters ---- */

/* In a log that is over a node writes no more, and what it wrote there is asked about
 * only by logs that succeed it, which are or will be open, so not bound below the
 * floor.
 */
static enum iso_err filter_sweep(struct iso_apply *apply, struct iso_bytes key,
                                 struct iso_why *why)
{
    if (key.size != ISO_ROWS_PREFIX + 2 + 8)
        return ISO_OK;
    size_t index = iso_apply_log_index(apply, iso_get_u16(key.data + ISO_ROWS_PREFIX));
    if (index == apply->slice.log_count)
        return ISO_OK;
    const struct iso_slice_log *log = &apply->slice.logs[index];
    struct iso_apply_filter_row old = {
        .log = log->log,
        .is_over = log->frontier >= apply->logs[index].end,
        .node = iso_get_u64(key.data + ISO_ROWS_PREFIX + 2),
        .bound_ms = log->bound_ms,
    };
    int64_t floor_ms = iso_apply_floor_ms(apply);
    if (old.is_over && floor_ms > old.bound_ms)
        old.bound_ms = floor_ms;
    return iso_apply_filters_drop(&apply->filters, apply->txn, &old, why);
}

/* Nodes that write no more, by what is committed. ISO_END: all were looked at. */
static enum iso_err filters_sweep(struct iso_apply *apply, size_t rows_max,
                                  size_t *rows, struct iso_why *why)
{
    struct iso_buf *at = &apply->pass.filter;
    struct iso_snapshot *snapshot;
    struct iso_cursor *cursor;
    struct iso_bytes key, row;
    enum iso_err err = iso_snapshot_open(apply->store, &snapshot, why);
    if (err != ISO_OK)
        return err;
    iso_rows_prefix(&apply->mortal_key, apply->number, apply->partition);
    iso_buf_add_u8(at, 0); /* the next key there can be */
    err = iso_cursor_open(snapshot, ISO_FILTER, iso_buf_bytes(&apply->mortal_key),
                          iso_buf_bytes(at), &cursor, why);
    at->size--;
    if (err == ISO_OK) {
        while (err == ISO_OK && *rows < rows_max) {
            err = iso_cursor_next(cursor, &key, &row, why);
            if (err != ISO_OK)
                break;
            iso_buf_clear(at);
            iso_buf_add_bytes(at, key);
            err = filter_sweep(apply, key, why);
            ++*rows;
        }
        iso_cursor_close(cursor);
    }
    iso_snapshot_close(snapshot);
    return err;
}

/* ---- a pass ---- */

/* The step that the floor has reached. Before the first log's birth nothing can have
 * been written: up to there a bucket is as it would be if it were swept. */
static int64_t step_of(const struct iso_apply *apply)
{
    const struct iso_slice *slice = &apply->slice;
    int64_t floor_ms = iso_apply_floor_ms(apply), birth_ms = INT64_MAX;
    int64_t step_ms = iso_known_first(&apply->known)->before_max_ms / SWEEP_STEPS;
    if (ISO_PLANTED(sweeps_go_above_the_floor))
        floor_ms += 12 * step_ms;
    for (size_t i = 0; i < slice->log_count; i++)
        if (iso_hlc_ms(slice->logs[i].birth) < birth_ms)
            birth_ms = iso_hlc_ms(slice->logs[i].birth);
    if (floor_ms <= birth_ms || floor_ms < 0)
        return 0;
    return step_ms > 0 ? floor_ms / step_ms * step_ms : floor_ms;
}

bool iso_sweep_due(const struct iso_apply *apply)
{
    return apply->pass.is_running || step_of(apply) > apply->slice.swept_min_ms;
}

static void pass_begin(struct iso_apply *apply)
{
    struct iso_sweep_pass *pass = &apply->pass;
    pass->is_running = true;
    pass->swept_ms = step_of(apply);
    pass->least_ms = INT64_MAX;
    pass->oldest_ms = pass->came_oldest_ms = ISO_NEVER_MS;
    pass->is_partial = pass->has_oldest = false;
    pass->next = 0;
    iso_rows_prefix(&pass->filter, apply->number, apply->partition);
    if (pass->swept_ms > apply->slice.swept_max_ms)
        apply->slice.swept_max_ms = pass->swept_ms;
}

enum iso_err iso_sweep_step(struct iso_apply *apply, struct iso_txn *txn,
                            size_t rows_max, size_t *rows, struct iso_why *why)
{
    struct iso_sweep_pass *pass = &apply->pass;
    enum iso_err err = ISO_OK;
    *rows = 0;
    if (!iso_sweep_due(apply))
        return ISO_OK;
    apply->txn = txn;
    apply->changed = true;
    if (!pass->is_running)
        pass_begin(apply);
    while (err == ISO_OK && pass->next < apply->buckets.count && *rows < rows_max)
        err = bucket_sweep(apply, pass->next++, rows, why);
    if (err != ISO_OK || pass->next < apply->buckets.count)
        return err;
    apply->slice.swept_min_ms = pass->least_ms;
    err = filters_sweep(apply, rows_max, rows, why);
    if (err != ISO_END)
        return err;
    pass->is_running = false;
    pass->has_oldest = !pass->is_partial;
    pass->left_oldest_ms = pass->oldest_ms;
    return ISO_OK;
}

bool iso_sweep_oldest(const struct iso_apply *apply, int64_t *oldest_ms)
{
    const struct iso_sweep_pass *pass = &apply->pass;
    *oldest_ms = earlier(pass->left_oldest_ms, pass->came_oldest_ms);
    return pass->has_oldest;
}
