/* The ledger's bounds are kept by the shard's own loop: a step of a pass reads what is
 * committed, and what is to go goes in the transaction that is open, or in one of its
 * own, so a row and the slice's count of it change together or not at all.
 *
 * How it can fail: only by waiting. A store that does not answer is asked again; an
 * abort gives the dropped rows back, and the next pass finds them. */
#include "consumer/shard_parts.h"

#include "base/log.h"
#include "consumer/rows.h"

static struct shard_slice *slice_of(struct iso_shard *shard, struct iso_bytes key)
{
    struct iso_buf *prefix = &shard->key;
    for (size_t i = 0; i < shard->slice_count; i++) {
        struct shard_slice *slice = &shard->slices[i];
        iso_rows_prefix(prefix, slice->collection->number, slice->partition);
        if (iso_bytes_begins(key, iso_buf_bytes(prefix)))
            return slice;
    }
    return NULL;
}

/* A slice that is stopped or parked keeps what it has. */
static enum iso_err row_drop(void *user, struct iso_bytes key, size_t *bytes,
                             struct iso_why *why)
{
    struct iso_shard *shard = user;
    struct shard_slice *slice = slice_of(shard, key);
    bool dropped;
    *bytes = 0;
    if (slice == NULL || slice->apply == NULL || !shard_slice_runs(slice))
        return ISO_OK;
    if (shard->txn == NULL) {
        enum iso_err err = iso_shard_batch_begin(shard, why);
        if (err != ISO_OK)
            return err;
    }
    enum iso_err err =
        iso_apply_ledger_drop(slice->apply, shard->txn, key, &dropped, bytes, why);
    if (err == ISO_DAMAGED)
        return ISO_OK; /* the record that meets it stops the slice */
    slice->changed = slice->changed || dropped;
    return err;
}

enum iso_err iso_shard_prune(struct iso_shard *shard, struct iso_why *why)
{
    const struct iso_clock *clock = shard->options.clock;
    struct iso_prune_time time = {iso_steady_ms(clock), iso_now_ms(clock)};
    if (!iso_prune_due(&shard->prune, time.steady_ms) || shard->reload ||
        time.steady_ms < shard->retry_at_ms)
        return ISO_OK;
    enum iso_err err =
        iso_prune_step(&shard->prune, shard->options.store, time, row_drop, shard, why);
    if (err == ISO_OK || iso_err_kind(err) != ISO_RETRY)
        return err;
    iso_log_why(ISO_WARN, "conflicts.prune", why);
    shard->prune.step_at_ms = time.steady_ms + SHARD_RETRY_MS;
    return ISO_OK;
}
