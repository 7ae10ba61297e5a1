/* What a shard tells of itself beside the state of its slices: how long what it applied
 * had been under way, how far its clock is from the brokers', how full its store is.
 *
 * Latency is counted from a write's append time, which is the brokers' clock, to the
 * commit that holds it, which is ours; so what our clock is ahead of the brokers' is
 * taken away again; what is committed before it is known waits for it. It is known
 * from the letters that we send: the append time of each lies between its sending and
 * its answer, and the one whose answer was back soonest says it best.
 *
 * It decides nothing: what is applied depends on none of it. Nothing here can fail.
 */
#include "consumer/shard_parts.h"

#include "base/mem.h"
#include "consumer/admit.h"
#include "consumer/sweep.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

enum {
    CLOCK_AGE_MAX_MS = 60000, /* a better answer than this old one will come */
    STORE_EVERY_MS = 10000,
    APPLIED_MAX = 1 << 20, /* of one batch; of more, latency is that of the first */
};

void iso_shard_health_open(struct iso_shard *shard)
{
    shard->health.started_ms = iso_now_ms(shard->options.clock);
    shard->health.store_ask_at_ms = shard_now(shard);
}

void iso_shard_health_close(struct iso_shard *shard)
{
    for (size_t i = 0; i < shard->slice_count; i++)
        iso_health_release(&shard->slices[i].health);
    if (!ISO_PLANTED(closing_leaves_memory))
        iso_free(shard->health.applied);
    shard->health.applied = NULL;
}

/* ---- latency, losers ---- */

void iso_shard_health_note(struct iso_shard *shard, size_t slice,
                           const struct iso_record *record)
{
    struct shard_health *health = &shard->health;
    struct shard_applied applied = {.slice = slice, .ms = iso_admit_append_ms(record)};
    if (!iso_apply_wrote(shard->slices[slice].apply, &applied.region) ||
        health->applied_count == APPLIED_MAX)
        return;
    if (health->applied_count == health->applied_room) {
        health->applied_room =
            health->applied_room == 0 ? 1024 : 2 * health->applied_room;
        health->applied = iso_realloc(health->applied,
                                      health->applied_room * sizeof *health->applied);
    }
    health->applied[health->applied_count++] = applied;
}

static void loser_take(struct shard_slice *slice, int64_t now_ms)
{
    const struct iso_loser *loser = iso_apply_newest_loser(slice->apply);
    struct iso_health *health = &slice->health;
    if (loser == NULL)
        return;
    health->has_loser = true;
    iso_buf_clear(&health->loser_key);
    iso_buf_add_bytes(&health->loser_key, loser->key);
    health->loser_version = loser->version;
    health->loser_log = loser->log;
    health->loser_offset = loser->offset;
    health->loser_at_ms = now_ms;
}

/* Those that are committed, put right by what our clock is ahead. */
static void latencies_count(struct iso_shard *shard)
{
    struct shard_health *health = &shard->health;
    for (size_t i = 0; i < health->committed_count; i++) {
        const struct shard_applied *applied = &health->applied[i];
        struct iso_health *of = &shard->slices[applied->slice].health;
        iso_latency_add(&iso_health_source_add(of, applied->region)->latency,
                        applied->ms - health->clock_ms);
    }
    health->applied_count = health->committed_count = 0;
}

void iso_shard_health_commit(struct iso_shard *shard)
{
    struct shard_health *health = &shard->health;
    int64_t now_ms = iso_now_ms(shard->options.clock);
    for (size_t i = health->committed_count; i < health->applied_count; i++)
        health->applied[i].ms = now_ms - health->applied[i].ms;
    health->committed_count = health->applied_count;
    if (health->has_clock || health->applied_count == APPLIED_MAX)
        latencies_count(shard);
    for (size_t i = 0; i < shard->slice_count; i++) {
        if (shard->slices[i].changed)
            loser_take(&shard->slices[i], now_ms);
    }
}

void iso_shard_health_abort(struct iso_shard *shard)
{
    shard->health.applied_count = shard->health.committed_count;
}

/* ---- the clock, the store ---- */

void iso_shard_health_answer(struct iso_shard *shard, const struct shard_letter *letter,
                             int64_t append_ms)
{
    struct shard_health *health = &shard->health;
    int64_t now_ms = shard_now(shard);
    int64_t error_ms = (now_ms - letter->sent_steady_ms + 1) / 2;
    if (append_ms < 0)
        return; /* the topic does not say */
    if (health->has_clock && error_ms > health->clock_error_ms &&
        now_ms - health->clock_at_ms < CLOCK_AGE_MAX_MS)
        return;
    health->has_clock = true;
    health->clock_ms = letter->sent_ms + error_ms - append_ms;
    health->clock_error_ms = error_ms;
    health->clock_at_ms = now_ms;
    if (shard->txn == NULL)
        latencies_count(shard); /* what was committed before it was known */
}

static void store_ask(struct iso_shard *shard)
{
    struct shard_health *health = &shard->health;
    struct iso_store_stats stats;
    struct iso_why why;
    health->store_ask_at_ms = shard_now(shard) + STORE_EVERY_MS;
    health->has_store = iso_store_stats(shard->options.store, &stats, &why) == ISO_OK;
    health->store_used = health->has_store ? stats.bytes_used : 0;
    health->store_free = health->has_store ? stats.bytes_free : 0;
}

/* What a slice's health has of the sweep. */
static void oldest_fill(const struct shard_slice *slice, struct iso_health *health)
{
    int64_t oldest_ms = 0;
    health->has_oldest =
        slice->apply != NULL && iso_sweep_oldest(slice->apply, &oldest_ms);
    health->oldest_ms = oldest_ms == ISO_NEVER_MS || oldest_ms < 0 ? 0 : oldest_ms;
}

void iso_shard_health_fill(struct iso_shard *shard, struct shard_slice *slice)
{
    const struct shard_health *known = &shard->health;
    struct iso_health *health = &slice->health;
    if (shard_now(shard) >= known->store_ask_at_ms)
        store_ask(shard);
    health->started_ms = known->started_ms;
    health->has_clock = known->has_clock;
    health->clock_ms = known->clock_ms;
    health->clock_error_ms = known->clock_error_ms;
    health->has_store = known->has_store;
    health->store_used = known->store_used;
    health->store_free = known->store_free;
    oldest_fill(slice, health);
}

void iso_shard_health(const struct iso_shard *shard, struct iso_health *sum)
{
    const struct shard_health *known = &shard->health;
    sum->started_ms = known->started_ms;
    sum->has_clock = known->has_clock;
    sum->clock_ms = known->clock_ms;
    sum->clock_error_ms = known->clock_error_ms;
    sum->has_store |= known->has_store;
    sum->store_used += known->store_used;
    sum->store_free = known->store_free; /* one disk: the same for all */
    for (size_t i = 0; i < shard->slice_count; i++) {
        const struct iso_health *of = &shard->slices[i].health;
        for (size_t s = 0; s < of->source_count; s++)
            iso_latency_merge(
                &iso_health_source_add(sum, of->sources[s].region)->latency,
                &of->sources[s].latency);
    }
}

enum iso_err iso_shard_ready(const struct iso_shard *shard, struct iso_why *why)
{
    if (!shard->stored_opened || shard->slice_count == 0)
        return iso_fail(why, ISO_AGAIN,
                        "no slice was found yet: is Kafka there, and has a collection "
                        "been created?");
    for (size_t i = 0; i < shard->slice_count; i++) {
        const struct shard_slice *slice = &shard->slices[i];
        if (slice->state != ISO_SLICE_APPLYING)
            return iso_fail(why, ISO_AGAIN, "collection %s, partition %u: %s%s%.300s",
                            slice->collection->name, (unsigned)slice->partition,
                            iso_slice_state_name(slice->state),
                            slice->why.text[0] ? ": " : "", slice->why.text);
    }
    return ISO_OK;
}
