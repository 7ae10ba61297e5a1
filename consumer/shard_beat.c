/* Heartbeats: once in a while a record without content into each slice of every open
 * log that our region writes and has not been heard in meanwhile, so that T goes on
 * there, and with it bound and floor (DESIGN.md, section 6). A log has them from its
 * first DEFINE in the slice on, until a definition closes it.
 *
 * They are written by a producer for each such log, opened by a copy of the definition
 * in which that log is the only one that we write.
 *
 * How it can fail: Kafka away, a full queue or a clock that must catch up: it is the
 * next time's turn. A log that takes nothing any more and is not known to be closed yet
 * refuses them, which nobody misses. */
#include "consumer/shard_parts.h"

#include "base/log.h"
#include "base/mem.h"

struct shard_beat {
    uint16_t log;
    struct iso_definition *definition;
    struct iso_producer *producer; /* NULL: not open */
    struct shard_beat *next;
};

static void beat_free(struct shard_beat *beat)
{
    iso_producer_close(beat->producer);
    iso_definition_free(beat->definition);
    iso_free(beat);
}

void iso_shard_beats_close(struct shard_collection *collection)
{
    while (collection->beats != NULL) {
        struct shard_beat *beat = collection->beats;
        collection->beats = beat->next;
        beat_free(beat);
    }
}

void iso_shard_beats_poll(const struct shard_collection *collection)
{
    for (struct shard_beat *beat = collection->beats; beat != NULL; beat = beat->next) {
        if (beat->producer != NULL)
            iso_producer_poll(beat->producer, 0);
    }
}

/* A log that was closed: what is under way in it is of no use any more. */
static void beat_end(struct shard_collection *collection, uint16_t log)
{
    for (struct shard_beat **at = &collection->beats; *at != NULL; at = &(*at)->next) {
        struct shard_beat *beat = *at;
        if (beat->log != log)
            continue;
        *at = beat->next;
        beat_free(beat);
        return;
    }
}

static bool writes(const struct iso_definition_log *log, unsigned region)
{
    return (log->writers >> (region - 1) & 1) != 0;
}

static struct shard_beat *beat_new(const struct iso_shard *shard,
                                   struct shard_collection *collection, uint16_t log,
                                   const struct iso_definition *definition)
{
    struct shard_beat *beat = iso_alloc_zero(1, sizeof *beat);
    enum iso_err err = iso_definition_decode(iso_buf_bytes(&definition->bytes),
                                             &beat->definition, NULL);
    iso_assert(err == ISO_OK); /* it was decoded from the same bytes */
    for (size_t i = 0; i < beat->definition->log_count; i++) {
        struct iso_definition_log *other = &beat->definition->logs[i];
        if (other->number != log)
            other->writers &= ~(UINT64_C(1) << (shard->region - 1));
    }
    beat->log = log;
    beat->next = collection->beats;
    collection->beats = beat;
    return beat;
}

/* The beat of a log, with its producer open; NULL: not now. */
static struct shard_beat *beat_ready(struct iso_shard *shard,
                                     const struct shard_feed *feed)
{
    struct shard_slice *slice = &shard->slices[feed->slice];
    struct shard_collection *collection = slice->collection;
    struct shard_beat *beat = collection->beats;
    while (beat != NULL && beat->log != feed->log->number)
        beat = beat->next;
    if (beat == NULL)
        beat = beat_new(shard, collection, feed->log->number,
                        iso_apply_definition(slice->apply));
    if (beat->producer != NULL)
        return beat;
    struct iso_producer_ground ground = {
        .bus = feed->log->cluster->bus,
        .definition = beat->definition,
        .region = shard->region,
        .clock = shard->options.clock,
        .chance = shard->options.chance,
        .queue_max = 4 << 20,
        .pending_max = 2 * ISO_PARTITIONS_MAX,
        .linger_ms = shard->options.tuning.linger_ms,
    };
    struct iso_producer_options options = {.region = shard->options.region,
                                           .collection = collection->name,
                                           .client_id = "isostasyd-heartbeat"};
    struct iso_why why = {0};
    if (iso_producer_open_on(&ground, &options, &beat->producer, &why) == ISO_OK)
        return beat;
    beat->producer = NULL;
    iso_log_why(ISO_WARN, "heartbeat.open", &why);
    return NULL;
}

/* The feed's log, when it is open, ours, and known to the slice by a DEFINE in it. */
static const struct iso_slice_log *own_log(const struct iso_shard *shard,
                                           const struct shard_feed *feed)
{
    const struct shard_slice *slice = &shard->slices[feed->slice];
    const struct iso_definition_log *named =
        iso_definition_log(iso_apply_definition(slice->apply), feed->log->number);
    if (named == NULL || !writes(named, shard->region))
        return NULL;
    const struct iso_slice *state = iso_apply_slice(slice->apply);
    for (size_t i = 0; i < state->log_count; i++) {
        if (state->logs[i].log == feed->log->number)
            return state->logs[i].definition != 0 ? &state->logs[i] : NULL;
    }
    return NULL;
}

/* The newest record of our region in the log, as far as it was applied; −1: none. */
static int64_t own_newest(const struct iso_shard *shard,
                          const struct iso_slice_log *log)
{
    for (size_t s = 0; s < log->source_count; s++) {
        if (log->sources[s].region == shard->region)
            return log->sources[s].offset;
    }
    return -1;
}

static void feed_beat(struct iso_shard *shard, struct shard_feed *feed)
{
    const struct shard_slice *slice = &shard->slices[feed->slice];
    const struct iso_slice_log *log = own_log(shard, feed);
    int64_t now_ms = shard_now(shard);
    struct iso_producer_stats stats;
    struct iso_why why;
    if (log == NULL)
        return;
    int64_t newest = own_newest(shard, log);
    if (newest != feed->beat_offset) {
        feed->beat_offset = newest;
        feed->beat_at_ms = now_ms;
    }
    if (now_ms - feed->beat_at_ms < shard->options.tuning.heartbeat_ms)
        return;
    const struct shard_beat *beat = beat_ready(shard, feed);
    if (beat == NULL)
        return;
    iso_producer_stats(beat->producer, &stats);
    if (stats.waiting >= beat->definition->partitions)
        return;
    if (iso_producer_heartbeat(beat->producer, slice->partition, &why) == ISO_OK)
        feed->beat_at_ms = now_ms;
}

void iso_shard_beats(struct iso_shard *shard)
{
    for (size_t id = 0; id < shard->feed_count; id++) {
        struct shard_feed *feed = &shard->feeds[id];
        struct shard_slice *slice = &shard->slices[feed->slice];
        if (!shard_slice_runs(slice))
            continue;
        if (feed->end < INT64_MAX)
            beat_end(slice->collection, feed->log->number);
        else
            feed_beat(shard, feed);
    }
}
