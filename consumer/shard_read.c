/* How records come in: one reader a cluster, one feed a log of a slice. A feed is
 * assigned at the frontier that the store holds, once the topic's settings were found
 * right; it is dropped when its slice stops, and held at a DEFINE that the control
 * topic must confirm.
 *
 * How it can fail: a hole in the log (retention, a new topic under the old name) stops
 * the slice by name. A cluster that is away is silence: the reader goes on by itself.
 */
#include "consumer/shard_parts.h"

#include "base/log.h"
#include "base/mem.h"
#include "producer/define.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

enum { CHECK_TIMEOUT_MS = 1500, CHECK_AGAIN_MS = 5000, CONTROL_TIMEOUT_MS = 1500 };

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
    if (record->event == ISO_RECORD)
        iso_control_feed(shard->control, record->offset, record->key, record->value);
    else if (record->event == ISO_AT_END)
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

/* ---- feeds ---- */

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
    const struct iso_definition *definition = iso_apply_definition(slice->apply);
    const struct iso_definition_log *row = iso_definition_log(definition, log->number);
    if (row == NULL) /* only an older definition names it */
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

static void slice_waits(struct shard_slice *slice, const struct iso_why *why)
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

static enum iso_err feed_assign(struct iso_shard *shard, size_t id, struct iso_why *why)
{
    struct shard_feed *feed = &shard->feeds[id];
    struct shard_slice *slice = &shard->slices[feed->slice];
    if (feed->assigned || feed->held)
        return ISO_OK;
    int64_t frontier = iso_shard_feed_frontier(shard, feed);
    if (frontier < 0)
        return ISO_OK;
    if (!log_is_checked(shard, slice, feed->log)) {
        slice_waits(slice, &feed->log->why);
        return ISO_OK;
    }
    enum iso_err err =
        iso_reader_assign(feed->log->cluster->reader, (uint32_t)id, feed->log->topic,
                          (int)slice->partition, frontier, why);
    if (err != ISO_OK)
        return err;
    feed->assigned = true;
    feed->ended = false;
    if (slice->state == ISO_SLICE_WAITING && !slice->unstored) {
        slice->state = ISO_SLICE_APPLYING;
        slice->why = (struct iso_why){0};
        slice->news = true;
    }
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

/* A feed for every log that the slice's definitions name by now: a later one may stand
 * before those that are there. After an abort there may be feeds of logs that nothing
 * names yet; they wait. */
static void slice_feeds(struct iso_shard *shard, size_t index)
{
    struct shard_slice *slice = &shard->slices[index];
    const struct iso_definition_log *row;
    bool had_some = slice->logs > 0;
    if (iso_apply_log(slice->apply, slice->logs) == NULL)
        return; /* nothing new: asked in every step */
    for (size_t n = 0; (row = iso_apply_log(slice->apply, n)) != NULL; n++) {
        if (had_some && feed_exists(shard, index, row->number))
            continue;
        struct iso_why why = {0};
        struct shard_log *log = log_open(shard, slice->collection, row, &why);
        if (log == NULL) {
            iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, &why);
            return;
        }
        size_t room = (shard->feed_count + 1) * sizeof *shard->feeds;
        shard->feeds = iso_realloc(shard->feeds, room);
        shard->feeds[shard->feed_count++] =
            (struct shard_feed){.slice = index, .log = log, .control_end = -1};
        slice->logs++;
    }
}

enum iso_err iso_shard_feeds_assign(struct iso_shard *shard, struct iso_why *why)
{
    for (size_t i = 0; i < shard->slice_count; i++) {
        if (shard_slice_runs(&shard->slices[i]))
            slice_feeds(shard, i);
    }
    for (size_t id = 0; id < shard->feed_count; id++) {
        if (!shard_slice_runs(&shard->slices[shard->feeds[id].slice]))
            continue;
        enum iso_err err = feed_assign(shard, id, why);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

static void feed_drop(struct shard_feed *feed, size_t id)
{
    struct iso_why why;
    if (feed->assigned &&
        iso_reader_unassign(feed->log->cluster->reader, (uint32_t)id, &why) != ISO_OK)
        iso_log_why(ISO_WARN, "feed.unassign", &why);
    feed->assigned = false;
}

void iso_shard_feeds_drop(struct iso_shard *shard, const struct shard_slice *slice)
{
    for (size_t id = 0; id < shard->feed_count; id++) {
        if (slice == NULL || &shard->slices[shard->feeds[id].slice] == slice)
            feed_drop(&shard->feeds[id], id);
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

/* ---- a DEFINE that the control topic must confirm ---- */

static void feed_hold(struct iso_shard *shard, size_t id, const struct iso_why *why)
{
    struct shard_feed *feed = &shard->feeds[id];
    feed_drop(feed, id);
    feed->held = true;
    feed->asked = false;
    feed->control_end = -1;
    slice_waits(&shard->slices[feed->slice], why);
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
        shard->control_ask_at_ms = shard_now(shard) + CHECK_AGAIN_MS;
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

static void slice_hole(struct iso_shard *shard, struct shard_feed *feed,
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
        slice->changed = true;
        feed->asked = false;
        count_outcome(shard, outcome);
        if (outcome == ISO_APPLIED)
            iso_shard_health_note(shard, feed->slice, record);
        return ISO_OK;
    case ISO_CONTROL_WAIT:
        feed_hold(shard, id, why);
        return ISO_OK;
    case ISO_UNSUPPORTED:
        iso_shard_slice_stop(shard, slice, ISO_SLICE_PARKED, why);
        return ISO_OK;
    case ISO_DAMAGED:
        iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, why);
        return ISO_OK;
    default:
        return err;
    }
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
    switch (record->event) {
    case ISO_RECORD:
        feed->ended = false;
        return feed_record(shard, record->id, record, why);
    case ISO_AT_END:
        feed->ended = true;
        if (iso_shard_feed_frontier(shard, feed) == record->offset)
            return ISO_OK;
        if (iso_apply_end(slice->apply, feed->log->number, record->offset, why) !=
            ISO_OK)
            iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, why);
        slice->news = true;
        return ISO_OK;
    case ISO_HOLE:
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
