/* The shard's own loop sweeps, a bounded piece a step, in the transaction that is open
 * or in one of its own: many buckets, of one slice after the other, so that none
 * waits for another. While records come a piece is small and seldom, so apply goes on;
 * when it is quiet one follows another. Which slice is due says the floor, not a clock:
 * the clock here only spreads the work.
 *
 * How it can fail: a store that does not answer is asked again, the batch is given up
 * and read anew; an entry that is damaged stops its slice. Nothing is half swept, since
 * either means an abort. */
#include "consumer/shard_parts.h"

#include "base/log.h"
#include "consumer/sweep.h"

const struct iso_sweep_pace iso_sweep_usual = {50, 256, 8192};

/* A slice that is stopped or parked keeps what it has. */
static bool is_due(const struct shard_slice *slice)
{
    return slice->apply != NULL && shard_slice_runs(slice) &&
           iso_sweep_due(slice->apply);
}

static enum iso_err slice_failed(struct iso_shard *shard, struct shard_slice *slice,
                                 enum iso_err err, struct iso_why *why)
{
    struct iso_why damage = *why;
    if (err != ISO_DAMAGED && iso_err_kind(err) != ISO_RETRY)
        return err;
    iso_log_why(ISO_WARN, "sweep.slice", why);
    err = iso_shard_batch_abort(shard, why);
    if (err == ISO_OK && damage.err == ISO_DAMAGED)
        iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, &damage);
    return err;
}

static enum iso_err slice_sweep(struct iso_shard *shard, struct shard_slice *slice,
                                size_t rows_max, size_t *rows, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    *rows = 0;
    if (shard->txn == NULL)
        err = iso_shard_batch_begin(shard, why);
    if (err != ISO_OK)
        return iso_err_kind(err) == ISO_RETRY ? ISO_OK : err;
    err = iso_sweep_step(slice->apply, shard->txn, rows_max, rows, why);
    if (err != ISO_OK)
        return slice_failed(shard, slice, err, why);
    slice->changed = true;
    return ISO_OK;
}

enum iso_err iso_shard_sweep(struct iso_shard *shard, size_t count, struct iso_why *why)
{
    const struct iso_sweep_pace *set = shard->options.tuning.sweep;
    const struct iso_sweep_pace *pace = set != NULL ? set : &iso_sweep_usual;
    size_t left = count > 0 ? pace->busy_rows : pace->quiet_rows;
    int64_t now_ms = shard_now(shard);
    enum iso_err err = ISO_OK;
    if (shard->reload || now_ms < shard->retry_at_ms ||
        (count > 0 && now_ms < shard->sweep_at_ms) || iso_shard_batch_is_large(shard))
        return ISO_OK;
    for (size_t tried = 0; err == ISO_OK && left > 0 && tried < shard->slice_count;
         tried++) {
        struct shard_slice *slice =
            &shard->slices[shard->sweep_slice++ % shard->slice_count];
        size_t rows = 0;
        if (!is_due(slice) || shard->reload || now_ms < shard->retry_at_ms)
            continue;
        shard->sweep_at_ms = now_ms + pace->busy_ms;
        err = slice_sweep(shard, slice, left, &rows, why);
        left = rows < left ? left - rows : 0;
    }
    return err;
}
