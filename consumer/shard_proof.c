/* Before anything is applied of a log, the newest record that was applied of it is read
 * again: where a feed is assigned (at start, after an abort, after a DEFINE that
 * waited), and when transport has failed since, which is how a reader learns that a
 * partition has another leader.
 *
 *   the same record    the log is what it was, up to there: go on behind it
 *   another one        it is not: the slice stops by name
 *   none, log ended    a leader that is new may not show it yet: asked again
 *   hole               retention took it, or the log is shorter: the frontier says
 *                      which, where the feed is assigned then; nothing is proven
 *
 * What was fetched with the news of a failure is not applied: troubles are looked at
 * before records.
 */
#include "consumer/shard_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "consumer/apply_marks.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

enum { VERIFY_MS = 60000, DOUBT_EVERY_MS = 1000, ENDS_TIMEOUT_MS = 1000 };
enum { ENDS_AGAIN_MS = 10000, ENDS_MAX = 256 };

int64_t iso_shard_verify_ms(const struct iso_shard *shard)
{
    int64_t set_ms = shard->options.tuning.verify_ms;
    return set_ms > 0 ? set_ms : VERIFY_MS;
}

const struct iso_slice_log *iso_shard_feed_log(const struct iso_shard *shard,
                                               const struct shard_feed *feed)
{
    const struct iso_slice *state = iso_apply_slice(shard->slices[feed->slice].apply);
    for (size_t i = 0; i < state->log_count; i++) {
        if (state->logs[i].log == feed->log->number)
            return &state->logs[i];
    }
    return NULL;
}

void iso_shard_witness(const struct iso_slice_log *log, struct shard_witness *witness)
{
    iso_assert(log != NULL);
    *witness = (struct shard_witness){.offset = log->record_offset,
                                      .append_ms = log->record_append_ms,
                                      .hash = log->record_hash};
}

bool iso_shard_witness_is(struct iso_shard *shard, const struct shard_witness *witness,
                          const struct iso_record *record)
{
    struct iso_digest zero = {0};
    return witness->offset == record->offset &&
           witness->append_ms == record->append_ms &&
           iso_digest_equal(witness->hash,
                            iso_apply_record_hash(zero, record, &shard->value));
}

/* ---- where a feed begins ---- */

int64_t iso_shard_proof_begin(struct iso_shard *shard, struct shard_feed *feed)
{
    const struct iso_slice_log *log = iso_shard_feed_log(shard, feed);
    struct shard_proof *proof = &feed->proof;
    proof->doubt_at_ms = INT64_MAX;
    proof->wanted = false;
    if (log == NULL)
        return 0; /* its first record makes it known */
    proof->wanted = log->record_offset >= 0 && log->record_offset != proof->gone &&
                    !ISO_PLANTED(the_newest_is_not_read_again);
    return proof->wanted ? log->record_offset : log->frontier;
}

static void proof_holds(struct iso_shard *shard, struct shard_feed *feed)
{
    struct shard_proof *proof = &feed->proof;
    proof->wanted = proof->asked_again = false;
    proof->short_at_ms = 0;
    proof->short_of = -1;
    proof->probe_at_ms = shard_now(shard) + iso_shard_verify_ms(shard);
    iso_shard_witness(iso_shard_feed_log(shard, feed), &proof->witness);
}

static void proof_fails(struct iso_shard *shard, const struct shard_feed *feed,
                        int64_t offset, const char *what)
{
    char how[96];
    snprintf(how, sizeof how, "the record at offset %" PRId64 " %s", offset, what);
    iso_shard_diverged(shard, feed,
                       &(struct iso_diverged){feed->log->number, -1, offset},
                       SHARD_ITS_LOG, how);
}

static void proof_record(struct iso_shard *shard, struct shard_feed *feed,
                         const struct iso_record *record)
{
    struct shard_witness newest;
    iso_shard_witness(iso_shard_feed_log(shard, feed), &newest);
    if (iso_shard_witness_is(shard, &newest, record))
        proof_holds(shard, feed);
    else
        proof_fails(shard, feed, newest.offset,
                    record->offset == newest.offset ? "is another one now"
                                                    : "is not in it any more");
}

/* Of a log that is proven, so the slice knows it. */
static int64_t newest_offset(const struct iso_shard *shard,
                             const struct shard_feed *feed)
{
    const struct iso_slice_log *log = iso_shard_feed_log(shard, feed);
    iso_assert(log != NULL);
    return log->record_offset;
}

/* The second time that the log seems to end before it: it is asked. */
static void proof_short(struct iso_shard *shard, struct shard_feed *feed)
{
    struct shard_proof *proof = &feed->proof;
    int64_t now_ms = shard_now(shard);
    if (proof->short_at_ms == 0)
        proof->short_at_ms = now_ms;
    if (now_ms - proof->short_at_ms >= SHARD_SHORT_MS)
        proof->short_of = newest_offset(shard, feed);
}

bool iso_shard_proof_event(struct iso_shard *shard, size_t id,
                           const struct iso_record *record)
{
    struct shard_feed *feed = &shard->feeds[id];
    if (!feed->proof.wanted)
        return false;
    switch (record->event) {
    case ISO_RECORD:
        proof_record(shard, feed, record);
        return true;
    case ISO_AT_END:
        proof_short(shard, feed);
        return true;
    case ISO_HOLE:
        feed->proof.gone = newest_offset(shard, feed);
        iso_log(ISO_INFO, "log.unproven",
                "topic=%s partition=%u offset=%" PRId64
                " why=\"the newest record that was applied is not there any more: "
                "when its retention is over, that is as it should be\"",
                feed->log->topic, shard->slices[feed->slice].partition,
                feed->proof.gone);
        iso_shard_feed_drop(shard, id);
        return true;
    case ISO_TROUBLE:
        return false;
    }
    return false;
}

/* ---- again ---- */

/* Not more often than every second: a broker that is down is told of again and again,
 * and each time costs what was fetched ahead. */
static void feed_doubt(struct iso_shard *shard, size_t id)
{
    struct shard_feed *feed = &shard->feeds[id];
    struct shard_proof *proof = &feed->proof;
    int64_t now_ms = shard_now(shard);
    if (!feed->assigned || proof->wanted)
        return;
    if (proof->doubted_at_ms != 0 && now_ms - proof->doubted_at_ms < DOUBT_EVERY_MS) {
        proof->doubt_at_ms = proof->doubted_at_ms + DOUBT_EVERY_MS;
        return;
    }
    proof->doubted_at_ms = now_ms;
    iso_shard_feed_drop(shard, id);
}

void iso_shard_doubt(struct iso_shard *shard, const struct shard_cluster *cluster,
                     const struct iso_record *trouble)
{
    /* A batch that its checksum refuses is read again from where it is. */
    if (trouble->err == ISO_DAMAGED || trouble->err == ISO_UNSUPPORTED)
        return;
    for (size_t id = 0; id < shard->feed_count; id++) {
        if (shard->feeds[id].log->cluster == cluster &&
            (trouble->id == id || trouble->id == UINT32_MAX))
            feed_doubt(shard, id);
    }
}

/* ---- logs that seem to end too early ---- */

/* Those of the cluster that are to be asked, as many as fit. */
static size_t short_gather(struct iso_shard *shard, const struct shard_cluster *cluster,
                           size_t ids[ENDS_MAX], struct iso_position places[ENDS_MAX])
{
    size_t count = 0;
    for (size_t id = 0; id < shard->feed_count && count < ENDS_MAX; id++) {
        struct shard_feed *feed = &shard->feeds[id];
        const struct shard_slice *slice = &shard->slices[feed->slice];
        if (feed->log->cluster != cluster || feed->proof.short_of < 0)
            continue;
        if (!feed->assigned && !slice->by_others) {
            feed->proof.short_of = -1;
            continue;
        }
        ids[count] = id;
        places[count++] = (struct iso_position){.topic = feed->log->topic,
                                                .partition = (int)slice->partition};
    }
    return count;
}

static void short_judge(struct iso_shard *shard, struct shard_feed *feed, int64_t end)
{
    struct shard_proof *proof = &feed->proof;
    int64_t offset = proof->short_of;
    proof->short_of = -1;
    proof->short_at_ms = proof->probe_short_at_ms = 0; /* and once more */
    proof->asked_again = false;
    if (end <= offset)
        proof_fails(shard, feed, offset, "is behind its end now");
}

/* One question for all of a cluster, since a leader that is not sure yet lets everybody
 * wait; and not again at once when it has. */
static bool short_ask(struct iso_shard *shard, struct shard_cluster *cluster)
{
    size_t ids[ENDS_MAX];
    struct iso_position places[ENDS_MAX];
    struct iso_why why = {0};
    if (shard_now(shard) < cluster->ends_at_ms)
        return false;
    size_t count = short_gather(shard, cluster, ids, places);
    if (count == 0)
        return false;
    enum iso_err err = iso_bus_ends(cluster->bus, places, count, ENDS_TIMEOUT_MS, &why);
    if (err != ISO_OK) {
        iso_log_why(ISO_WARN, "log.short", &why);
        cluster->ends_at_ms = shard_now(shard) + ENDS_AGAIN_MS;
        shard->feeds[ids[0]].proof.short_of = -1; /* if it was to blame: the others */
        return true;
    }
    for (size_t i = 0; i < count; i++)
        short_judge(shard, &shard->feeds[ids[i]], places[i].end);
    return true;
}

void iso_shard_proof_step(struct iso_shard *shard)
{
    int64_t now_ms = shard_now(shard);
    for (size_t id = 0; id < shard->feed_count; id++) {
        struct shard_feed *feed = &shard->feeds[id];
        struct shard_proof *proof = &feed->proof;
        if (!feed->assigned)
            continue;
        bool again = proof->wanted && proof->short_at_ms != 0 && !proof->asked_again &&
                     now_ms - proof->short_at_ms >= SHARD_SHORT_MS;
        proof->asked_again |= again;
        if (again)
            iso_shard_feed_drop(shard, id);
        else if (now_ms >= proof->doubt_at_ms)
            feed_doubt(shard, id);
    }
    for (struct shard_cluster *it = shard->clusters; it != NULL; it = it->next) {
        if (short_ask(shard, it))
            break; /* one question a step */
    }
}
