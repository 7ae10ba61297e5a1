/* How a shard works: a list of collections and their slices, found from the control
 * topic and the store; a feed for every log of every slice, read at the frontier that
 * the store holds; one transaction that grows while there is more to read and commits
 * when there is not. The store is the only authority for positions, so a shard that is
 * closed without a word goes on where its last commit stood.
 *
 * How it can fail: open fails when the store is somebody else's. A step fails only for
 * what no waiting heals; everything else is a state of a slice, told in its report.
 */
#include "consumer/shard_parts.h"

#include "base/log.h"
#include "base/mem.h"

static char *shard_print(const char *prefix, const char *name)
{
    struct iso_buf text = {0};
    iso_buf_print(&text, "%s%s", prefix, name);
    char *copy = iso_strdup(iso_buf_text(&text));
    iso_buf_release(&text);
    return copy;
}

enum iso_err iso_shard_open(const struct iso_shard_options *options,
                            struct iso_shard **opened, struct iso_why *why)
{
    struct iso_shard *shard = iso_alloc_zero(1, sizeof *shard);
    shard->options = *options;
    shard->control = iso_control_new();
    shard->control_seen_end = -1;
    shard->control_topic = shard_print(options->prefix, "control");
    shard->status_topic = shard_print(options->prefix, "status");
    shard->dead_letter_topic = shard_print(options->prefix, "dead-letter");
    shard->group = shard_print("isostasy.", options->region);
    shard->prune.bounds = (struct iso_prune_bounds){options->tuning.conflicts_bytes_max,
                                                    options->tuning.conflicts_age_ms};
    iso_shard_health_open(shard);
    shard->outbox_filled = true; /* what a predecessor could not send any more */
    enum iso_err err = iso_shard_store_claim(shard, why);
    if (err != ISO_OK) {
        iso_shard_close(shard);
        return err;
    }
    *opened = shard;
    return ISO_OK;
}

/* What must be there before records are read: which slices, and a reader for each. */
static enum iso_err shard_prepare(struct iso_shard *shard, struct iso_why *why)
{
    if (shard->reload) {
        enum iso_err err = iso_shard_batch_abort(shard, why);
        if (err != ISO_OK)
            return err;
    }
    enum iso_err err = iso_shard_read_control(shard, why);
    if (err == ISO_OK && shard->txn == NULL)
        err = iso_shard_slices_find(shard, why);
    if (err == ISO_OK && shard_now(shard) >= shard->retry_at_ms)
        err = iso_shard_feeds_assign(shard, why);
    return err;
}

enum iso_err iso_shard_step(struct iso_shard *shard, int wait_ms, struct iso_why *why)
{
    enum iso_err err = shard_prepare(shard, why);
    if (err != ISO_OK)
        return err;
    int patience_ms = shard->txn == NULL ? wait_ms : iso_shard_batch_patience(shard);
    size_t count = 0;
    err = iso_shard_read(shard, patience_ms < wait_ms ? patience_ms : wait_ms, &count,
                         why);
    if (err == ISO_OK)
        err = iso_shard_prune(shard, why);
    if (err == ISO_OK)
        err = iso_shard_sweep(shard, count, why);
    if (err == ISO_OK)
        err = iso_shard_batch_step(shard, count, why);
    if (err != ISO_OK)
        return err;
    iso_shard_release_held(shard);
    iso_shard_tell(shard, false);
    iso_shard_tell_poll(shard, 0);
    iso_shard_watch(shard);
    return ISO_OK;
}

enum iso_err iso_shard_stop(struct iso_shard *shard, int timeout_ms,
                            struct iso_why *why)
{
    int64_t deadline_ms = shard_now(shard) + timeout_ms;
    enum iso_err err = ISO_OK;
    if (shard->txn != NULL)
        err = iso_shard_batch_commit(shard, why);
    for (size_t i = 0; i < shard->slice_count; i++) {
        struct shard_slice *slice = &shard->slices[i];
        if (shard_slice_runs(slice))
            slice->state = ISO_SLICE_CLOSED;
        slice->news = true;
    }
    iso_shard_tell(shard, true);
    while (shard->reports_out + shard->letters_out > 0) {
        int64_t left_ms = deadline_ms - shard_now(shard);
        if (left_ms <= 0)
            return iso_fail(why, ISO_TIMEOUT,
                            "%zu reports and %zu dead letters were not taken by Kafka "
                            "before the shard closed; its successor sends them again",
                            shard->reports_out, shard->letters_out);
        iso_shard_tell_poll(shard, left_ms < 100 ? (int)left_ms : 100);
    }
    if (err == ISO_OK && shard->letters_done != NULL) {
        err = iso_shard_batch_begin(shard, why);
        if (err == ISO_OK)
            err = iso_shard_batch_commit(shard, why);
    }
    return err;
}

void iso_shard_collection_free(struct shard_collection *collection)
{
    while (collection->logs != NULL) {
        struct shard_log *log = collection->logs;
        collection->logs = log->next;
        iso_free(log->topic);
        iso_free(log);
    }
    iso_shard_beats_close(collection);
    iso_definition_free(collection->definition);
    iso_free(collection);
}

void iso_shard_close(struct iso_shard *shard)
{
    if (shard == NULL)
        return;
    if (shard->txn != NULL)
        iso_txn_abort(shard->txn);
    iso_shard_tell_close(shard);
    iso_shard_health_close(shard);
    for (size_t i = 0; i < shard->slice_count; i++)
        iso_apply_close(shard->slices[i].apply);
    for (size_t i = 0; i < shard->collection_count; i++)
        iso_shard_collection_free(shard->collections[i]);
    while (shard->clusters != NULL) {
        struct shard_cluster *cluster = shard->clusters;
        shard->clusters = cluster->next;
        iso_reader_close(cluster->watch.reader);
        iso_reader_close(cluster->reader);
        iso_free(cluster->name);
        iso_free(cluster);
    }
    iso_free(shard->collections);
    iso_free(shard->slices);
    for (size_t id = 0; id < shard->feed_count; id++)
        iso_free(shard->feeds[id].others);
    iso_free(shard->feeds);
    iso_report_release(&shard->report);
    iso_control_free(shard->control);
    iso_free(shard->control_topic);
    iso_free(shard->status_topic);
    iso_free(shard->dead_letter_topic);
    iso_free(shard->group);
    iso_prune_release(&shard->prune);
    iso_buf_release(&shard->key);
    iso_buf_release(&shard->value);
    iso_free(shard);
}

void iso_shard_stats(const struct iso_shard *shard, struct iso_shard_stats *stats)
{
    *stats = shard->stats;
    stats->slices = shard->slice_count;
    stats->pending = shard->txn != NULL;
    for (size_t i = 0; i < shard->slice_count; i++)
        stats->slices_applying += shard->slices[i].state == ISO_SLICE_APPLYING;
}
