/* A second reader of each cluster, so that the feeds need not stop for it. It reads
 * what other regions report (shard_others.c), from the end of the topic on: who is
 * alive says all of it again within seconds. And it reads one old record of each log
 * from time to time, the newest of the last time: since a reader gets no sign of a
 * topic that was made anew under it, only that shows that what was read since is of the
 * same log.
 *
 * How it can fail: it says nothing while its cluster is away, and begins to listen when
 * a log of the cluster has answered. What it reads can stop a slice by name, no more.
 */
#include "consumer/shard_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "consumer/apply_marks.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

enum { EVERY_MS = 100, AGAIN_MS = 5000, ENDS_TIMEOUT_MS = 1000, PROBE_MS = 10000 };
enum { WATCH_MAX = 512, WATCH_MEMORY = 4 << 20 };

/* ---- the reports of others ---- */

static bool watch_opens(struct iso_shard *shard, struct shard_cluster *cluster)
{
    struct shard_watch *watch = &cluster->watch;
    struct iso_reader_options options = {.memory_max = WATCH_MEMORY,
                                         .client_id = "isostasyd-watch",
                                         .header = ISO_HEADER_NAME};
    struct iso_why why = {0};
    if (watch->reader != NULL)
        return true;
    if (iso_reader_open(cluster->bus, &options, &watch->reader, &why) == ISO_OK)
        return true;
    watch->reader = NULL;
    watch->ask_at_ms = shard_now(shard) + AGAIN_MS;
    iso_log_why(ISO_WARN, "watch.open", &why);
    return false;
}

static void watch_listen(struct iso_shard *shard, struct shard_cluster *cluster)
{
    struct shard_watch *watch = &cluster->watch;
    struct iso_position position = {.topic = shard->status_topic};
    struct iso_why why = {0};
    if (watch->listens || shard_now(shard) < watch->ask_at_ms)
        return;
    enum iso_err err = iso_bus_ends(cluster->bus, &position, 1, ENDS_TIMEOUT_MS, &why);
    if (err == ISO_OK)
        err = iso_reader_assign(watch->reader, SHARD_STATUS_ID, shard->status_topic, 0,
                                position.end, &why);
    watch->listens = err == ISO_OK;
    if (err == ISO_OK)
        return;
    cluster->heard = false;
    watch->ask_at_ms = shard_now(shard) + AGAIN_MS;
    iso_log_why(err == ISO_DENIED ? ISO_WARN : ISO_DEBUG, "watch.listen", &why);
}

/* ---- an old record of each log ---- */

static void probe_ends(struct shard_watch *watch, struct shard_feed *feed,
                       int64_t again_at_ms)
{
    struct iso_why why;
    if (iso_reader_unassign(watch->reader, (uint32_t)watch->feed, &why) != ISO_OK)
        iso_log_why(ISO_WARN, "watch.unassign", &why);
    watch->probes = false;
    feed->proof.probe_at_ms = again_at_ms;
}

/* A log that is read, or would be if others had not read another one. */
static bool feed_is_asked(const struct iso_shard *shard, const struct shard_feed *feed)
{
    return feed->assigned ||
           (shard->slices[feed->slice].by_others && !feed->over && !feed->held);
}

/* The first record of a log is its witness until there is a better one. */
void iso_shard_witness_first(struct iso_shard *shard, struct shard_feed *feed)
{
    struct shard_proof *proof = &feed->proof;
    const struct iso_slice_log *log = iso_shard_feed_log(shard, feed);
    if (proof->witness.offset >= 0 || log == NULL || log->record_offset < 0)
        return;
    iso_shard_witness(log, &proof->witness);
    proof->probe_at_ms = shard_now(shard) + iso_shard_verify_ms(shard);
}

static bool probe_is_due(struct iso_shard *shard, struct shard_feed *feed)
{
    struct shard_proof *proof = &feed->proof;
    int64_t now_ms = shard_now(shard);
    if (!feed_is_asked(shard, feed) || (feed->assigned && proof->wanted))
        return false;
    if (iso_shard_feed_log(shard, feed) == NULL) /* announced; nothing was read yet */
        return false;
    iso_shard_witness_first(shard, feed);
    return proof->witness.offset >= 0 && now_ms >= proof->probe_at_ms;
}

static void probe_begins(struct iso_shard *shard, struct shard_cluster *cluster)
{
    struct shard_watch *watch = &cluster->watch;
    struct iso_why why = {0};
    for (size_t n = 0; n < shard->feed_count && !watch->probes; n++) {
        size_t id = (watch->turn + n) % shard->feed_count;
        struct shard_feed *feed = &shard->feeds[id];
        if (feed->log->cluster != cluster || !probe_is_due(shard, feed))
            continue;
        watch->turn = id + 1;
        watch->feed = id;
        watch->until_ms = shard_now(shard) + PROBE_MS;
        iso_shard_witness(iso_shard_feed_log(shard, feed), &watch->newer);
        if (iso_reader_assign(watch->reader, (uint32_t)id, feed->log->topic,
                              (int)shard->slices[feed->slice].partition,
                              feed->proof.witness.offset, &why) == ISO_OK) {
            watch->probes = true;
            return;
        }
        feed->proof.probe_at_ms = shard_now(shard) + AGAIN_MS;
        iso_log_why(ISO_WARN, "watch.assign", &why);
    }
}

static void probe_fails(struct iso_shard *shard, const struct shard_feed *feed,
                        const char *what)
{
    char how[96];
    int64_t offset = feed->proof.witness.offset;
    if (ISO_PLANTED(the_newest_is_not_read_again))
        return;
    snprintf(how, sizeof how, "the record at offset %" PRId64 " %s", offset, what);
    iso_shard_diverged(shard, feed,
                       &(struct iso_diverged){feed->log->number, -1, offset},
                       SHARD_ITS_LOG, how);
}

/* The log ends before the witness: see SHARD_SHORT_MS. */
static void probe_short(struct iso_shard *shard, struct shard_watch *watch,
                        struct shard_feed *feed)
{
    struct shard_proof *proof = &feed->proof;
    int64_t now_ms = shard_now(shard);
    probe_ends(watch, feed, now_ms + SHARD_SHORT_MS);
    if (proof->probe_short_at_ms == 0)
        proof->probe_short_at_ms = now_ms;
    else if (now_ms - proof->probe_short_at_ms >= SHARD_SHORT_MS)
        proof->short_of = proof->witness.offset;
}

static void probe_event(struct iso_shard *shard, struct shard_watch *watch,
                        const struct iso_record *record)
{
    struct shard_feed *feed = &shard->feeds[watch->feed];
    struct shard_proof *proof = &feed->proof;
    int64_t now_ms = shard_now(shard);
    if (record->event == ISO_AT_END) {
        probe_short(shard, watch, feed);
        return;
    }
    if (record->event == ISO_TROUBLE) {
        probe_ends(watch, feed, now_ms + AGAIN_MS);
        return;
    }
    probe_ends(watch, feed, now_ms + iso_shard_verify_ms(shard));
    if (record->event == ISO_RECORD &&
        !iso_shard_witness_is(shard, &proof->witness, record)) {
        probe_fails(shard, feed,
                    record->offset == proof->witness.offset ? "is another one now"
                                                            : "is not in it any more");
        return;
    }
    /* Retention took it (a log that ended before it would stop the feed), or it is
     * there: then what had been read when it was asked for is of the same log. */
    proof->probe_short_at_ms = 0;
    proof->short_of = -1;
    proof->witness = watch->newer;
}

/* ---- both ---- */

static void watch_event(struct iso_shard *shard, struct shard_watch *watch,
                        const struct iso_record *record)
{
    if (record->id == SHARD_STATUS_ID) {
        if (record->event == ISO_RECORD)
            iso_shard_others_hear(shard, record);
        else if (record->event == ISO_HOLE) /* made anew: listen from its end on */
            watch->listens = false;
        else if (record->event == ISO_TROUBLE)
            iso_log(
                ISO_WARN, "watch.trouble",
                "topic=%s err=%s why=\"what other regions report is not heard: %s\"",
                shard->status_topic, iso_err_name(record->err),
                record->text ? record->text : "");
        return;
    }
    if (watch->probes && record->id == watch->feed &&
        feed_is_asked(shard, &shard->feeds[watch->feed]))
        probe_event(shard, watch, record);
}

static size_t watch_serve(struct iso_shard *shard, struct shard_cluster *cluster)
{
    struct shard_watch *watch = &cluster->watch;
    const struct iso_record *records;
    struct iso_why why = {0};
    size_t count = 0;
    if (watch->probes && (shard_now(shard) >= watch->until_ms ||
                          !feed_is_asked(shard, &shard->feeds[watch->feed])))
        probe_ends(watch, &shard->feeds[watch->feed], shard_now(shard) + AGAIN_MS);
    if (!watch->probes)
        probe_begins(shard, cluster);
    if (iso_reader_fetch(watch->reader, WATCH_MAX, 0, &records, &count, &why) !=
        ISO_OK) {
        iso_log_why(ISO_WARN, "watch.fetch", &why);
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        watch_event(shard, watch, &records[i]);
    return count;
}

void iso_shard_watch(struct iso_shard *shard)
{
    int64_t now_ms = shard_now(shard);
    bool due = now_ms >= shard->watch_at_ms;
    size_t most = 0;
    for (struct shard_cluster *it = shard->clusters; it != NULL; it = it->next) {
        if ((!due && !it->watch.probes) ||
            (it->watch.reader == NULL && (!it->heard || now_ms < it->watch.ask_at_ms)))
            continue;
        if (!watch_opens(shard, it))
            continue;
        if (it->heard)
            watch_listen(shard, it);
        size_t count = watch_serve(shard, it);
        most = count > most ? count : most;
    }
    if (due && most < WATCH_MAX)
        shard->watch_at_ms = now_ms + EVERY_MS;
    if (due)
        iso_shard_proof_step(shard);
}
