/* A slice whose log is not what it has read of it stops, and stays so: what it reads
 * next would be of another history, and may look well. The slice says so in its
 * reports, and keeps it in its store, from the next commit on.
 *
 * Who stops because of what others have read may yet be the one who is right, so that
 * is not kept; but its log goes on being asked (shard_watch.c), and when that is
 * another one it is.
 */
#include "consumer/shard_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "consumer/rows.h"

static void slice_stop(struct iso_shard *shard, struct shard_slice *slice,
                       const char *topic, const char *how)
{
    const struct iso_diverged *what = &slice->diverged;
    struct iso_why why;
    char alike[48] = "";
    if (what->equal >= 0)
        snprintf(alike, sizeof alike, " (alike up to %" PRId64 ")", what->equal);
    iso_fail(&why, ISO_LOG_DIVERGED,
             "%s: from offset %" PRId64 " on at the latest%s, log %u is not what was "
             "read of it; stop its writers, keep this store, and see `isostasy lag`: "
             "topic %s was made anew or lost its tail",
             how, what->differs, alike, what->log, topic);
    iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, &why);
}

void iso_shard_diverged(struct iso_shard *shard, const struct shard_feed *feed,
                        const struct iso_diverged *what, enum shard_evidence evidence,
                        const char *how)
{
    struct shard_slice *slice = &shard->slices[feed->slice];
    slice->diverged = *what;
    slice->by_others = evidence != SHARD_ITS_LOG;
    slice->diverged_unsaved = evidence == SHARD_ITS_LOG;
    slice_stop(shard, slice, feed->log->topic, how);
    if (evidence == SHARD_HEARSAY) /* is not told again */
        slice->diverged.log = 0;
}

void iso_shard_diverged_save(struct iso_shard *shard)
{
    for (size_t i = 0; i < shard->slice_count; i++) {
        struct shard_slice *slice = &shard->slices[i];
        if (!slice->diverged_unsaved)
            continue;
        iso_rows_key_diverged(&shard->key, slice->collection->number, slice->partition);
        iso_rows_encode_diverged(&slice->diverged, &shard->value);
        iso_txn_put(shard->txn, ISO_META, iso_buf_bytes(&shard->key),
                    iso_buf_bytes(&shard->value));
    }
}

bool iso_shard_diverged_waits(const struct iso_shard *shard)
{
    for (size_t i = 0; i < shard->slice_count; i++) {
        if (shard->slices[i].diverged_unsaved)
            return true;
    }
    return false;
}

enum iso_err iso_shard_diverged_load(struct iso_shard *shard, struct shard_slice *slice,
                                     struct iso_why *why)
{
    struct iso_snapshot *snapshot;
    struct iso_bytes row;
    enum iso_err err = iso_snapshot_open(shard->options.store, &snapshot, why);
    if (err != ISO_OK)
        return err;
    iso_rows_key_diverged(&shard->key, slice->collection->number, slice->partition);
    err = iso_snapshot_get(snapshot, ISO_META, iso_buf_bytes(&shard->key), &row, why);
    if (err == ISO_OK)
        err = iso_rows_decode_diverged(row, &slice->diverged, why);
    iso_snapshot_close(snapshot);
    if (err == ISO_NOT_FOUND)
        return ISO_OK;
    if (err != ISO_OK)
        return err;
    const struct iso_definition *definition = iso_apply_newest(slice->apply);
    const struct iso_definition_log *log =
        iso_definition_log(definition, slice->diverged.log);
    slice_stop(shard, slice, log != NULL ? log->topic : "of an older definition",
               "it was found before, and the store is still the same");
    return ISO_OK;
}
