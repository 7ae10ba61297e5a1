/* Which logs of which slices are read: a feed for every log that the definitions name.
 * A feed is assigned at the newest record that the store knows (shard_proof.c), or at
 * the frontier, once the topic's settings were found right; it is dropped when its
 * slice stops. A log that is closed is read to its end, and what succeeds it only then;
 * that it is closed, and by what it is succeeded, says the newest definition that the
 * slice has met or the control topic holds.
 *
 * How it can fail: a slice that has applied more of a closed log than its end stops by
 * name; a topic with wrong settings, or a cluster that is away, makes its slices wait.
 */
#include "consumer/shard_parts.h"

#include "base/log.h"
#include "base/mem.h"
#include "producer/define.h"

enum { CHECK_TIMEOUT_MS = 1500, CHECK_AGAIN_MS = 5000 };

static struct shard_log *log_open(struct iso_shard *shard,
                                  struct shard_collection *collection,
                                  const struct iso_definition_log *definition,
                                  struct iso_why *why)
{
    for (struct shard_log *it = collection->logs; it != NULL; it = it->next) {
        if (it->number == definition->number)
            return it;
    }
    struct shard_cluster *cluster =
        iso_shard_cluster_open(shard, definition->cluster, why);
    if (cluster == NULL)
        return NULL;
    struct shard_log *log = iso_alloc_zero(1, sizeof *log);
    *log = (struct shard_log){.number = definition->number,
                              .cluster = cluster,
                              .topic = iso_strdup(definition->topic),
                              .next = collection->logs};
    collection->logs = log;
    return log;
}

/* A cluster that does not answer has kept all slices waiting for as long as it was
 * asked: its other logs are not asked about now. */
static void cluster_is_away(struct iso_shard *shard, const struct shard_log *asked)
{
    for (size_t i = 0; i < shard->collection_count; i++) {
        struct shard_log *log = shard->collections[i]->logs;
        for (; log != NULL; log = log->next) {
            if (log == asked || log->cluster != asked->cluster || log->checked)
                continue;
            log->check_at_ms = asked->check_at_ms;
            log->why = asked->why;
        }
    }
}

/* Are the topic's settings right? Asked once; again after a while when they are not, or
 * when the cluster does not answer. */
static bool log_is_checked(struct iso_shard *shard, struct shard_slice *slice,
                           struct shard_log *log)
{
    if (log->checked)
        return true;
    if (shard_now(shard) < log->check_at_ms)
        return false;
    const struct iso_definition *definition = iso_apply_newest(slice->apply);
    const struct iso_definition_log *row = iso_definition_log(definition, log->number);
    if (row == NULL || row->ends != NULL) /* nobody writes to it any more */
        return log->checked = true;
    enum iso_err err =
        iso_log_check(log->cluster->bus, definition, row, CHECK_TIMEOUT_MS, &log->why);
    log->checked = err == ISO_OK;
    log->check_at_ms = shard_now(shard) + CHECK_AGAIN_MS;
    if (err != ISO_OK)
        iso_log_why(iso_err_kind(err) == ISO_RETRY ? ISO_WARN : ISO_ERROR, "log.check",
                    &log->why);
    if (iso_err_kind(err) == ISO_RETRY)
        cluster_is_away(shard, log);
    return log->checked;
}

void iso_shard_slice_waits(struct shard_slice *slice, const struct iso_why *why)
{
    if (slice->state == ISO_SLICE_WAITING && slice->why.err == why->err)
        return;
    slice->state = ISO_SLICE_WAITING;
    slice->why = *why;
    slice->news = true;
}

int64_t iso_shard_feed_frontier(const struct iso_shard *shard,
                                const struct shard_feed *feed)
{
    const struct iso_slice *state = iso_apply_slice(shard->slices[feed->slice].apply);
    for (size_t i = 0; i < state->log_count; i++) {
        if (state->logs[i].log == feed->log->number)
            return state->logs[i].frontier;
    }
    return -1;
}

/* One of the slice's logs needs nobody to wait for any more; another may wait on. */
static void slice_goes_on(struct shard_slice *slice)
{
    if (slice->state != ISO_SLICE_WAITING || slice->unstored)
        return;
    slice->state = ISO_SLICE_APPLYING;
    slice->why = (struct iso_why){0};
    slice->news = true;
}

bool iso_shard_slice_is_beyond(const struct shard_slice *slice)
{
    const struct iso_definition_log *row;
    iso_apply_announced(slice->apply);
    for (size_t n = 0; (row = iso_apply_log(slice->apply, n)) != NULL; n++) {
        if (iso_apply_stand(slice->apply, row->number) == ISO_LOG_BEYOND)
            return true;
    }
    return false;
}

/* What is not committed yet is read again, up to the end; else a person decides. */
static void slice_is_beyond(struct iso_shard *shard, struct shard_slice *slice,
                            uint16_t log)
{
    struct iso_why why;
    iso_apply_beyond(slice->apply, log, &why);
    if (shard->txn != NULL && slice->changed)
        iso_shard_batch_abort(shard, &why);
    else
        iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, &why);
}

/* Is the log to be read, from where its slice stands? */
static bool feed_is_wanted(struct iso_shard *shard, struct shard_feed *feed)
{
    struct shard_slice *slice = &shard->slices[feed->slice];
    uint16_t log = feed->log->number;
    enum iso_log_stand stand = iso_apply_stand(slice->apply, log);
    feed->end = iso_apply_log_end(slice->apply, log);
    feed->over = stand == ISO_LOG_OVER;
    if (feed->over && !feed->assigned)
        slice_goes_on(slice);
    if (stand == ISO_LOG_BEYOND)
        slice_is_beyond(shard, slice, log);
    return stand == ISO_LOG_READ;
}

static enum iso_err feed_assign(struct iso_shard *shard, size_t id, struct iso_why *why)
{
    struct shard_feed *feed = &shard->feeds[id];
    struct shard_slice *slice = &shard->slices[feed->slice];
    if (feed->assigned || feed->over || !feed_is_wanted(shard, feed) || feed->held)
        return ISO_OK;
    if (!log_is_checked(shard, slice, feed->log)) {
        iso_shard_slice_waits(slice, &feed->log->why);
        return ISO_OK;
    }
    enum iso_err err = iso_reader_assign(feed->log->cluster->reader, (uint32_t)id,
                                         feed->log->topic, (int)slice->partition,
                                         iso_shard_proof_begin(shard, feed), why);
    if (err != ISO_OK)
        return err;
    feed->assigned = true;
    feed->ended = false;
    slice_goes_on(slice);
    return ISO_OK;
}

static bool feed_exists(const struct iso_shard *shard, size_t slice, uint16_t log)
{
    for (size_t id = 0; id < shard->feed_count; id++) {
        if (shard->feeds[id].slice == slice && shard->feeds[id].log->number == log)
            return true;
    }
    return false;
}

static void feed_add(struct iso_shard *shard, size_t slice, struct shard_log *log)
{
    size_t room = (shard->feed_count + 1) * sizeof *shard->feeds;
    shard->feeds = iso_realloc(shard->feeds, room);
    shard->feeds[shard->feed_count++] =
        (struct shard_feed){.slice = slice,
                            .log = log,
                            .control_end = -1,
                            .end = INT64_MAX,
                            .beat_at_ms = shard_now(shard),
                            .ahead = INT64_MAX,
                            .proof = {.gone = -1,
                                      .short_of = -1,
                                      .witness = {.offset = -1},
                                      .doubt_at_ms = INT64_MAX}};
}

/* A feed for every log that the slice's definitions name by now: a later one may stand
 * before those that are there. A log that is over needs none: its cluster may be gone.
 * After an abort there may be feeds of logs that nothing names yet; they wait. */
static void slice_feeds(struct iso_shard *shard, size_t index)
{
    struct shard_slice *slice = &shard->slices[index];
    const struct iso_definition_log *row;
    bool had_some = slice->logs > 0;
    size_t n = 0;
    if (iso_apply_log(slice->apply, slice->logs) == NULL)
        return; /* nothing new: asked in every step */
    for (; (row = iso_apply_log(slice->apply, n)) != NULL; n++) {
        if ((had_some && feed_exists(shard, index, row->number)) ||
            iso_apply_stand(slice->apply, row->number) == ISO_LOG_OVER)
            continue;
        struct iso_why why = {0};
        struct shard_log *log = log_open(shard, slice->collection, row, &why);
        if (log == NULL) {
            iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, &why);
            return;
        }
        feed_add(shard, index, log);
    }
    slice->logs = n;
}

void iso_shard_feed_drop(struct iso_shard *shard, size_t id)
{
    struct shard_feed *feed = &shard->feeds[id];
    struct iso_why why;
    if (feed->assigned &&
        iso_reader_unassign(feed->log->cluster->reader, (uint32_t)id, &why) != ISO_OK)
        iso_log_why(ISO_WARN, "feed.unassign", &why);
    feed->assigned = false;
}

/* A definition that was announced may close logs that are read. */
static void control_tell(struct iso_shard *shard)
{
    for (size_t i = 0; i < shard->slice_count; i++) {
        if (shard->slices[i].apply != NULL)
            iso_apply_announced(shard->slices[i].apply);
    }
    for (size_t id = 0; id < shard->feed_count; id++) {
        struct shard_feed *feed = &shard->feeds[id];
        if (shard_slice_runs(&shard->slices[feed->slice]) && !shard->reload)
            feed_is_wanted(shard, feed);
    }
    shard->control_grew = shard->reload;
}

/* All that counts of a closed log was read: when that is committed, the reader lets go
 * of it, and other people's tools see it at its end for ever. */
static void feed_finish(struct iso_shard *shard, size_t id)
{
    struct shard_feed *feed = &shard->feeds[id];
    uint32_t reader_id = (uint32_t)id;
    if (!feed->assigned || shard->txn != NULL ||
        iso_shard_feed_frontier(shard, feed) < feed->end)
        return;
    iso_reader_commit(feed->log->cluster->reader, &reader_id, &feed->end, 1);
    iso_shard_feed_drop(shard, id);
    feed->over = true;
    shard->slices[feed->slice].news = true;
    iso_log(ISO_INFO, "log.over", "collection=%s log=%u partition=%u end=%lld",
            shard->slices[feed->slice].collection->name, feed->log->number,
            shard->slices[feed->slice].partition, (long long)feed->end);
}

enum iso_err iso_shard_feeds_assign(struct iso_shard *shard, struct iso_why *why)
{
    if (shard->control_grew)
        control_tell(shard);
    for (size_t i = 0; i < shard->slice_count; i++) {
        if (shard_slice_runs(&shard->slices[i]))
            slice_feeds(shard, i);
    }
    for (size_t id = 0; id < shard->feed_count && !shard->reload; id++) {
        if (!shard_slice_runs(&shard->slices[shard->feeds[id].slice]))
            continue;
        if (shard->feeds[id].end < INT64_MAX)
            feed_finish(shard, id);
        enum iso_err err = feed_assign(shard, id, why);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

void iso_shard_feeds_drop(struct iso_shard *shard, const struct shard_slice *slice)
{
    for (size_t id = 0; id < shard->feed_count; id++) {
        if (slice != NULL && &shard->slices[shard->feeds[id].slice] != slice)
            continue;
        iso_shard_feed_drop(shard, id);
        shard->feeds[id].over = false; /* its slice may go back */
    }
}

bool iso_shard_at_ends(const struct iso_shard *shard)
{
    for (size_t id = 0; id < shard->feed_count; id++) {
        if (shard->feeds[id].assigned && !shard->feeds[id].ended)
            return false;
    }
    return true;
}
