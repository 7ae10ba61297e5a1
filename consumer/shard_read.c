/* How records come in: one reader a cluster, and what every event of it means. A feed
 * is held at a DEFINE that the control topic must confirm.
 *
 * How it can fail: a hole in the log (retention, a new topic under the old name) stops
 * the slice by name. A cluster that is away is silence: the reader goes on by itself.
 */
#include "consumer/shard_parts.h"

#include "base/log.h"
#include "base/mem.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

enum { CONTROL_AGAIN_MS = 5000, CONTROL_TIMEOUT_MS = 1500 };

struct shard_cluster *iso_shard_cluster_open(struct iso_shard *shard, const char *name,
                                             struct iso_why *why)
{
    for (struct shard_cluster *it = shard->clusters; it != NULL; it = it->next) {
        if (strcmp(it->name, name) == 0)
            return it;
    }
    struct iso_bus *bus = shard->options.bus(shard->options.user, name, why);
    if (bus == NULL)
        return NULL;
    struct iso_reader_options options = {
        .memory_max = shard->options.tuning.fetch_bytes,
        .client_id = "isostasyd",
        .header = ISO_HEADER_NAME,
        .group = shard->group,
    };
    struct iso_reader *reader;
    if (iso_reader_open(bus, &options, &reader, why) != ISO_OK)
        return NULL;
    struct shard_cluster *cluster = iso_alloc_zero(1, sizeof *cluster);
    *cluster = (struct shard_cluster){.name = iso_strdup(name),
                                      .bus = bus,
                                      .reader = reader,
                                      .next = shard->clusters};
    shard->clusters = cluster;
    return cluster;
}

enum iso_err iso_shard_read_control(struct iso_shard *shard, struct iso_why *why)
{
    if (shard->control_assigned)
        return ISO_OK;
    struct shard_cluster *home =
        iso_shard_cluster_open(shard, shard->options.home, why);
    if (home == NULL)
        return why->err;
    shard->control_assigned = true;
    return iso_reader_assign(home->reader, SHARD_CONTROL_ID, shard->control_topic, 0,
                             iso_control_next(shard->control), why);
}

static void control_record(struct iso_shard *shard, const struct iso_record *record)
{
    if (record->event == ISO_RECORD) {
        iso_control_feed(shard->control, record->offset, record->key, record->value);
        shard->control_grew = true;
    } else if (record->event == ISO_AT_END)
        shard->control_seen_end = record->offset;
    else if (record->event == ISO_HOLE)
        iso_log(ISO_ERROR, "control.hole",
                "topic=%s offset=%lld why=\"it was made anew or lost records: what is "
                "announced from now on is not read; restore it, then start the daemon "
                "again\"",
                shard->control_topic, (long long)record->offset);
    else
        iso_log(ISO_WARN, "control.trouble", "err=%s why=\"%s\"",
                iso_err_name(record->err), record->text ? record->text : "");
}

/* ---- a DEFINE that the control topic must confirm ---- */

static void feed_hold(struct iso_shard *shard, size_t id, const struct iso_why *why)
{
    struct shard_feed *feed = &shard->feeds[id];
    iso_shard_feed_drop(shard, id);
    feed->held = true;
    feed->asked = false;
    feed->control_end = -1;
    iso_shard_slice_waits(&shard->slices[feed->slice], why);
}

/* Where does the control topic end? One answer is for all who wait: each met its DEFINE
 * before. While there is none, slices that do not wait go on in between. */
static void control_ask(struct iso_shard *shard)
{
    struct iso_why why = {0};
    struct shard_cluster *home =
        iso_shard_cluster_open(shard, shard->options.home, &why);
    struct iso_position position = {.topic = shard->control_topic};
    if (home == NULL ||
        iso_bus_ends(home->bus, &position, 1, CONTROL_TIMEOUT_MS, &why) != ISO_OK) {
        shard->control_ask_at_ms = shard_now(shard) + CONTROL_AGAIN_MS;
        iso_log_why(ISO_WARN, "control.wait", &why);
        return;
    }
    for (size_t id = 0; id < shard->feed_count; id++) {
        struct shard_feed *feed = &shard->feeds[id];
        if (feed->held && feed->control_end < 0)
            feed->control_end = position.end;
    }
}

void iso_shard_release_held(struct iso_shard *shard)
{
    int64_t read = iso_control_next(shard->control);
    if (shard->control_seen_end > read)
        read = shard->control_seen_end;
    for (size_t id = 0; id < shard->feed_count; id++) {
        struct shard_feed *feed = &shard->feeds[id];
        if (!feed->held)
            continue;
        if (feed->control_end < 0 && shard_now(shard) >= shard->control_ask_at_ms)
            control_ask(shard);
        if (feed->control_end < 0 || read < feed->control_end)
            continue;
        feed->held = false;
        feed->asked = true;
    }
}

/* ---- events ---- */

static void slice_hole(struct iso_shard *shard, const struct shard_feed *feed,
                       const struct iso_record *record)
{
    struct iso_why why;
    iso_fail(
        &why, ISO_LOG_DIVERGED,
        "offset %lld of topic %s is not in the log: retention has passed this region, "
        "or "
        "the topic was made anew: remove the region's store to build it from what the "
        "log still holds, or copy the store of another region; or the log lost its "
        "tail: "
        "then keep this store, only it may hold what is missing",
        (long long)record->offset, feed->log->topic);
    iso_shard_slice_stop(shard, &shard->slices[feed->slice], ISO_SLICE_STOPPED, &why);
}

static void count_outcome(struct iso_shard *shard, enum iso_outcome outcome)
{
    shard->stats.records++;
    shard->stats.applied += outcome == ISO_APPLIED;
    shard->stats.duplicates += outcome == ISO_DUPLICATE;
    if (outcome == ISO_SET_ASIDE) {
        shard->stats.set_aside++;
        shard->outbox_filled = true;
    }
}

static enum iso_err feed_record(struct iso_shard *shard, size_t id,
                                const struct iso_record *record, struct iso_why *why)
{
    struct shard_feed *feed = &shard->feeds[id];
    struct shard_slice *slice = &shard->slices[feed->slice];
    if (shard->txn == NULL) {
        enum iso_err err = iso_shard_batch_begin(shard, why);
        if (err != ISO_OK)
            return err;
    }
    enum iso_outcome outcome;
    struct iso_apply_input input = {
        .log = feed->log->number, .record = record, .control_read = feed->asked};
    enum iso_err err =
        iso_apply_record(slice->apply, shard->txn, &input, &outcome, why);
    switch ((int)err) {
    case ISO_OK:
        slice->changed = feed->unsaved = true;
        feed->asked = false;
        count_outcome(shard, outcome);
        if (outcome == ISO_APPLIED)
            iso_shard_health_note(shard, feed->slice, record);
        if (record->offset >= feed->ahead)
            iso_shard_others_reached(shard, feed);
        if (feed->proof.witness.offset < 0)
            iso_shard_witness_first(shard, feed);
        return ISO_OK;
    case ISO_CONTROL_WAIT:
        feed_hold(shard, id, why);
        return ISO_OK;
    case ISO_UNSUPPORTED:
        iso_shard_slice_stop(shard, slice, ISO_SLICE_PARKED, why);
        return ISO_OK;
    case ISO_LOG_DIVERGED:
        if (slice->changed && iso_shard_slice_is_beyond(slice))
            return iso_shard_batch_abort(shard, why); /* it is read again to the end */
        iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, why);
        return ISO_OK;
    case ISO_DAMAGED:
        iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, why);
        return ISO_OK;
    default:
        return err;
    }
}

/* All that was there up to `offset` was read. */
static void feed_end(struct iso_shard *shard, struct shard_feed *feed, int64_t offset)
{
    struct shard_slice *slice = &shard->slices[feed->slice];
    struct iso_why why;
    feed->ended = true;
    if (iso_shard_feed_frontier(shard, feed) == offset)
        return;
    if (iso_apply_end(slice->apply, feed->log->number, offset, &why) != ISO_OK)
        iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, &why);
    slice->news = true;
}

static enum iso_err feed_event(struct iso_shard *shard, const struct iso_record *record,
                               struct iso_why *why)
{
    if (record->id == SHARD_CONTROL_ID) {
        control_record(shard, record);
        return ISO_OK;
    }
    if (record->id >= shard->feed_count) {
        iso_log(ISO_WARN, "bus.trouble", "err=%s why=\"%s\"", iso_err_name(record->err),
                record->text ? record->text : "");
        return ISO_OK;
    }
    struct shard_feed *feed = &shard->feeds[record->id];
    struct shard_slice *slice = &shard->slices[feed->slice];
    /* Stopped, or held, by a record before this one. */
    if (!feed->assigned && !ISO_PLANTED(a_held_feed_goes_on))
        return ISO_OK;
    if (iso_shard_proof_event(shard, record->id, record))
        return ISO_OK;
    switch (record->event) {
    case ISO_RECORD:
        if (record->offset >= feed->end && !ISO_PLANTED(closed_logs_are_read_on)) {
            feed_end(shard, feed, feed->end);
            return ISO_OK;
        }
        feed->ended = false;
        return feed_record(shard, record->id, record, why);
    case ISO_AT_END:
        feed_end(shard, feed, record->offset < feed->end ? record->offset : feed->end);
        return ISO_OK;
    case ISO_HOLE:
        if (feed->unsaved) /* what the store never held was not read: from there again
                            */
            return iso_shard_batch_abort(shard, why);
        slice_hole(shard, feed, record);
        return ISO_OK;
    case ISO_TROUBLE:
        iso_log(ISO_WARN, "feed.trouble", "topic=%s partition=%u err=%s why=\"%s\"",
                feed->log->topic, slice->partition, iso_err_name(record->err),
                record->text ? record->text : "");
        return ISO_OK;
    }
    return ISO_OK;
}

/* What a failing store means: give the batch up and read it again in a while. */
static enum iso_err read_failed(struct iso_shard *shard, enum iso_err err,
                                struct iso_why *why)
{
    if (iso_err_kind(err) != ISO_RETRY)
        return err;
    iso_log_why(ISO_WARN, "store.retry", why);
    shard->control_assigned = false; /* what was fetched behind the failure is lost */
    return iso_shard_batch_abort(shard, why);
}

/* Troubles first: what came with them may be of another leader. */
static void cluster_hear(struct iso_shard *shard, struct shard_cluster *cluster,
                         const struct iso_record *records, size_t count)
{
    if (count > 0 && records[0].event != ISO_TROUBLE)
        cluster->heard = true;
    for (size_t i = 0; i < count; i++) {
        if (records[i].event == ISO_TROUBLE)
            iso_shard_doubt(shard, cluster, &records[i]);
    }
}

enum iso_err iso_shard_read(struct iso_shard *shard, int wait_ms, size_t *count,
                            struct iso_why *why)
{
    *count = 0;
    int clusters = 0;
    for (struct shard_cluster *it = shard->clusters; it != NULL; it = it->next)
        clusters++;
    for (struct shard_cluster *it = shard->clusters; it != NULL; it = it->next) {
        const struct iso_record *records;
        size_t got;
        int patience_ms = *count > 0 ? 0 : wait_ms / clusters;
        enum iso_err err = iso_reader_fetch(it->reader, SHARD_FETCH_MAX, patience_ms,
                                            &records, &got, why);
        if (err == ISO_OK)
            cluster_hear(shard, it, records, got);
        for (size_t i = 0; err == ISO_OK && i < got; i++) {
            *count += records[i].event == ISO_RECORD;
            err = feed_event(shard, &records[i], why);
            if (err == ISO_OK && iso_shard_batch_is_large(shard))
                err = iso_shard_batch_commit(shard, why);
        }
        if (err != ISO_OK)
            return read_failed(shard, err, why);
    }
    return ISO_OK;
}
