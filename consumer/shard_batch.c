/* How the transaction lives: it begins with the first record, grows while there is more
 * to read, and commits as soon as it is quiet, when it is large, or when it is old.
 *
 * What quiet means depends on how long it has grown: with nothing to read it waits as
 * long again, but not long, unless every log was read to its end. So a single write
 * commits at once, and a region that is behind does not commit small batches whenever
 * the network is slower than the loop for a moment: the larger a batch, the less each
 * of its rows costs, since rows that stand on one page are written with one page.
 *
 * A commit that fails in a way that heals is given up: slices go back to what the store
 * holds, and what was applied is read from the log again. The log is the write-ahead
 * log.
 */
#include "consumer/shard_parts.h"

#include "base/log.h"
#include "base/mem.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

/* Longer than a fetch is late on a busy machine; the last batch of a region that
 * catches up may wait for nothing so long. */
enum { BATCH_PATIENCE_MS = 50 };

enum iso_err iso_shard_batch_begin(struct iso_shard *shard, struct iso_why *why)
{
    enum iso_err err = iso_txn_begin(shard->options.store, &shard->txn, why);
    if (err != ISO_OK) {
        shard->txn = NULL;
        return err;
    }
    shard->txn_began_ms = shard->txn_touched_ms = shard_now(shard);
    return ISO_OK;
}

/* Dead letters that Kafka has taken leave the outbox in the next transaction. */
static void letters_forget(struct iso_shard *shard)
{
    while (shard->letters_done != NULL) {
        struct shard_letter *letter = shard->letters_done;
        shard->letters_done = letter->next;
        iso_txn_delete(shard->txn, ISO_OUTBOX, iso_buf_bytes(&letter->row));
        iso_shard_letter_free(letter);
    }
}

static void feeds_saved(struct iso_shard *shard)
{
    for (size_t i = 0; i < shard->feed_count; i++)
        shard->feeds[i].unsaved = false;
}

static void slices_committed(struct iso_shard *shard)
{
    for (size_t i = 0; i < shard->slice_count; i++) {
        struct shard_slice *slice = &shard->slices[i];
        slice->news |= slice->changed || slice->unstored;
        slice->changed = slice->diverged_unsaved = false;
        if (slice->unstored && slice->state == ISO_SLICE_WAITING)
            slice->state = ISO_SLICE_APPLYING;
        slice->unstored = false;
    }
    feeds_saved(shard);
}

enum iso_err iso_shard_batch_commit(struct iso_shard *shard, struct iso_why *why)
{
    letters_forget(shard);
    for (size_t i = 0; i < shard->slice_count; i++) {
        if (shard->slices[i].changed)
            iso_apply_save(shard->slices[i].apply, shard->txn);
    }
    iso_shard_diverged_save(shard);
    size_t size = iso_txn_size(shard->txn);
    enum iso_err err = iso_txn_commit(shard->txn, why);
    if (err == ISO_OK) {
        shard->txn = NULL;
        shard->stats.commits++;
        if (ISO_PLANTED(commits_leave_memory))
            shard->stats.records += iso_alloc(4096) == NULL;
        iso_shard_health_commit(shard);
        slices_committed(shard);
        iso_log(ISO_DEBUG, "apply.commit", "bytes=%zu ms=%lld", size,
                (long long)(shard_now(shard) - shard->txn_began_ms));
        return ISO_OK;
    }
    if (iso_err_kind(err) != ISO_RETRY) {
        shard->txn = NULL; /* it ended all the same */
        return err;
    }
    iso_log_why(ISO_WARN, "apply.commit", why);
    for (size_t i = 0; i < shard->slice_count; i++) {
        struct shard_slice *slice = &shard->slices[i];
        if (slice->state == ISO_SLICE_APPLYING) {
            slice->state = ISO_SLICE_WAITING;
            slice->why = *why;
            slice->unstored = true;
        }
    }
    return iso_shard_batch_abort(shard, why);
}

enum iso_err iso_shard_batch_abort(struct iso_shard *shard, struct iso_why *why)
{
    if (shard->txn != NULL)
        iso_txn_abort(shard->txn);
    shard->txn = NULL;
    shard->stats.aborts++;
    iso_shard_health_abort(shard);
    shard->reload = false;
    shard->outbox_filled = true;
    shard->retry_at_ms = shard_now(shard) + SHARD_RETRY_MS;
    iso_shard_feeds_drop(shard, NULL);
    feeds_saved(shard);
    for (size_t i = 0; i < shard->slice_count; i++) {
        struct shard_slice *slice = &shard->slices[i];
        if (slice->apply == NULL)
            continue;
        slice->changed = false;
        slice->news = true;
        if (ISO_PLANTED(an_abort_does_not_undo))
            continue;
        enum iso_err err = iso_apply_load(slice->apply, why);
        if (err != ISO_OK && iso_err_kind(err) == ISO_RETRY) {
            shard->reload = true;
            continue;
        }
        if (err != ISO_OK)
            iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, why);
    }
    return ISO_OK;
}

int iso_shard_batch_patience(const struct iso_shard *shard)
{
    const struct iso_shard_tuning *tuning = &shard->options.tuning;
    int64_t grown_ms = shard->txn_touched_ms - shard->txn_began_ms;
    int64_t wait_ms = tuning->batch_linger_ms;
    if (grown_ms > BATCH_PATIENCE_MS)
        grown_ms = BATCH_PATIENCE_MS;
    if (grown_ms > wait_ms && !iso_shard_at_ends(shard))
        wait_ms = grown_ms;
    int64_t now_ms = shard_now(shard);
    int64_t until_ms = shard->txn_touched_ms + wait_ms;
    int64_t old_ms = shard->txn_began_ms + tuning->batch_time_max_ms;
    int64_t left_ms = (until_ms < old_ms ? until_ms : old_ms) - now_ms;
    return left_ms > 0 ? (int)left_ms : 0;
}

/* Asked after every record, since one can be a megabyte. */
bool iso_shard_batch_is_large(const struct iso_shard *shard)
{
    return shard->txn != NULL &&
           iso_txn_size(shard->txn) >= (size_t)shard->options.tuning.batch_bytes;
}

enum iso_err iso_shard_batch_step(struct iso_shard *shard, size_t count,
                                  struct iso_why *why)
{
    const struct iso_shard_tuning *tuning = &shard->options.tuning;
    int64_t now_ms = shard_now(shard);
    if (count > 0)
        shard->txn_touched_ms = now_ms;
    if (shard->txn == NULL &&
        (shard->letters_done != NULL || iso_shard_diverged_waits(shard))) {
        enum iso_err err = iso_shard_batch_begin(shard, why);
        if (err != ISO_OK)
            return iso_err_kind(err) == ISO_RETRY ? ISO_OK : err;
    }
    if (shard->txn == NULL)
        return ISO_OK;
    bool quiet = count == 0 && iso_shard_batch_patience(shard) == 0;
    bool old = now_ms - shard->txn_began_ms >= tuning->batch_time_max_ms;
    return quiet || old || iso_shard_batch_is_large(shard)
               ? iso_shard_batch_commit(shard, why)
               : ISO_OK;
}
