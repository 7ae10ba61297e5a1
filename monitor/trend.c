/* Rings that double until they hold the most, and then go round. The newest sample is
 * made worse until its second, or its minute, is over. Nothing here can fail.
 */
#include "monitor/trend.h"

#include "base/err.h"
#include "base/mem.h"

#define UNKNOWN_MS UINT32_MAX
#define UNKNOWN_RECORDS ((UINT64_C(1) << 56) - 1)
enum { ROOM_FIRST = 16 };

void iso_trend_release(struct trend *trend)
{
    iso_free(trend->fine.samples);
    iso_free(trend->coarse.samples);
    *trend = (struct trend){0};
}

/* ---- packing ---- */

static uint32_t pack_ms(int64_t ms)
{
    if (ms == ISO_UNKNOWN_MS)
        return UNKNOWN_MS;
    return ms < 0 ? 0 : ms >= UNKNOWN_MS ? UNKNOWN_MS - 1 : (uint32_t)ms;
}

static int64_t unpack_ms(uint32_t ms)
{
    return ms == UNKNOWN_MS ? ISO_UNKNOWN_MS : ms;
}

static struct trend_sample pack(const struct iso_sample *sample)
{
    uint64_t records = sample->records_behind;
    if (records == ISO_UNKNOWN_COUNT)
        records = UNKNOWN_RECORDS;
    else if (records >= UNKNOWN_RECORDS)
        records = UNKNOWN_RECORDS - 1;
    return (struct trend_sample){.at_ms = sample->at_ms,
                                 .records = records & UNKNOWN_RECORDS,
                                 .state = (uint8_t)sample->state,
                                 .lag_ms = pack_ms(sample->lag_ms),
                                 .staleness_ms = pack_ms(sample->staleness_ms),
                                 .p50_ms = pack_ms(sample->latency_p50_ms),
                                 .p99_ms = pack_ms(sample->latency_p99_ms)};
}

static struct iso_sample unpack(const struct trend_sample *sample)
{
    uint64_t records = sample->records;
    return (struct iso_sample){
        .at_ms = sample->at_ms,
        .lag_ms = unpack_ms(sample->lag_ms),
        .staleness_ms = unpack_ms(sample->staleness_ms),
        .latency_p50_ms = unpack_ms(sample->p50_ms),
        .latency_p99_ms = unpack_ms(sample->p99_ms),
        .records_behind = records == UNKNOWN_RECORDS ? ISO_UNKNOWN_COUNT : records,
        .state = (enum iso_lag_state)sample->state,
    };
}

/* ---- worst ---- */

/* What is known is worse than what is not: a minute is as bad as was seen. */
static uint32_t worse_ms(uint32_t a, uint32_t b)
{
    if (a == UNKNOWN_MS || b == UNKNOWN_MS)
        return a == UNKNOWN_MS ? b : a;
    return a > b ? a : b;
}

static void worsen(struct trend_sample *held, const struct trend_sample *seen)
{
    if (held->records == UNKNOWN_RECORDS ||
        (seen->records != UNKNOWN_RECORDS && seen->records > held->records))
        held->records = seen->records;
    if (iso_lag_state_severity((enum iso_lag_state)seen->state) >
        iso_lag_state_severity((enum iso_lag_state)held->state))
        held->state = seen->state;
    held->lag_ms = worse_ms(held->lag_ms, seen->lag_ms);
    held->staleness_ms = worse_ms(held->staleness_ms, seen->staleness_ms);
    held->p50_ms = worse_ms(held->p50_ms, seen->p50_ms);
    held->p99_ms = worse_ms(held->p99_ms, seen->p99_ms);
}

/* ---- rings ---- */

static struct trend_sample *ring_newest(const struct trend_ring *ring)
{
    return ring->count == 0 ? NULL : &ring->samples[(ring->count - 1) % ring->most];
}

static void ring_add(struct trend_ring *ring, const struct trend_sample *sample)
{
    if (ring->count == ring->room && ring->room < ring->most) {
        ring->room = ring->room == 0 ? ROOM_FIRST : ring->room * 2;
        if (ring->room > ring->most)
            ring->room = ring->most;
        ring->samples = iso_realloc(ring->samples, ring->room * sizeof *ring->samples);
    }
    iso_assert(ring->samples != NULL);
    ring->samples[ring->count++ % ring->most] = *sample;
}

/* The clock may have been set back: then it is another second, and another minute. */
static bool same_second(const struct trend_sample *held, int64_t at_ms)
{
    return held != NULL && at_ms >= held->at_ms && at_ms - held->at_ms < TREND_APART_MS;
}

static int64_t minute_of(int64_t at_ms)
{
    return at_ms / TREND_MINUTE_MS * TREND_MINUTE_MS;
}

void iso_trend_add(struct trend *trend, const struct iso_sample *sample)
{
    struct trend_sample packed = pack(sample);
    trend->fine.most = ISO_SAMPLES_FINE;
    trend->coarse.most = ISO_SAMPLES_COARSE;
    struct trend_sample *held = ring_newest(&trend->fine);
    if (same_second(held, packed.at_ms))
        worsen(held, &packed);
    else
        ring_add(&trend->fine, &packed);
    packed.at_ms = minute_of(packed.at_ms);
    held = ring_newest(&trend->coarse);
    if (held != NULL && held->at_ms == packed.at_ms)
        worsen(held, &packed);
    else
        ring_add(&trend->coarse, &packed);
}

size_t iso_trend_read(const struct trend *trend, enum iso_trend which,
                      struct iso_sample *samples, size_t max)
{
    const struct trend_ring *ring =
        which == ISO_TREND_FINE ? &trend->fine : &trend->coarse;
    size_t there = ring->count < ring->most ? ring->count : ring->most;
    size_t count = there < max ? there : max;
    for (size_t i = 0; i < count; i++)
        samples[i] = unpack(&ring->samples[(ring->count - count + i) % ring->most]);
    return count;
}
