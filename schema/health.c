/* Latencies are counted in fixed buckets, so that those of slices, regions and daemons
 * can be added up; a quantile is put straight between the bounds of its bucket.
 *
 * Only decoding can fail. Anybody may have written to the status topic, so it goes
 * through bounded.h and holds the arrays to the order that the encoder gives them. */
#include "schema/health.h"

#include "base/mem.h"
#include "schema/bounded.h"
#include "schema/write.h"

enum { BUCKETS = ISO_LATENCY_BOUNDS + 1 };

/* No clock is off by more; so who reckons with it need not fear to overflow. */
#define CLOCK_MAX_MS (INT64_C(1) << 53)

const int64_t iso_latency_bounds_ms[ISO_LATENCY_BOUNDS] = {
    5,    10,   25,    50,    100,   250,    500,    1000,
    2500, 5000, 10000, 30000, 60000, 300000, 3600000};

/* ---- latencies ---- */

static uint64_t add_up(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) || sum > INT64_MAX ? INT64_MAX : sum;
}

void iso_latency_add(struct iso_latency *latency, int64_t ms)
{
    size_t bucket = 0;
    while (bucket < ISO_LATENCY_BOUNDS && ms > iso_latency_bounds_ms[bucket])
        bucket++;
    latency->counts[bucket] = add_up(latency->counts[bucket], 1);
    latency->sum_ms = add_up(latency->sum_ms, ms < 0 ? 0 : (uint64_t)ms);
}

void iso_latency_merge(struct iso_latency *sum, const struct iso_latency *part)
{
    for (size_t i = 0; i < BUCKETS; i++)
        sum->counts[i] = add_up(sum->counts[i], part->counts[i]);
    sum->sum_ms = add_up(sum->sum_ms, part->sum_ms);
}

uint64_t iso_latency_count(const struct iso_latency *latency)
{
    uint64_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        count = add_up(count, latency->counts[i]);
    return count;
}

int64_t iso_latency_quantile_ms(const struct iso_latency *latency, double p)
{
    double wanted = p * (double)iso_latency_count(latency), below = 0;
    if (wanted <= 0)
        return -1;
    for (size_t i = 0; i < ISO_LATENCY_BOUNDS; i++) {
        double here = (double)latency->counts[i];
        double low = i == 0 ? 0 : (double)iso_latency_bounds_ms[i - 1];
        double high = (double)iso_latency_bounds_ms[i];
        if (below + here >= wanted)
            return (int64_t)(low + (high - low) * (wanted - below) / here);
        below += here;
    }
    return iso_latency_bounds_ms[ISO_LATENCY_BOUNDS - 1];
}

/* ---- health ---- */

static void health_clear(struct iso_health *health)
{
    struct iso_health empty = {.sources = health->sources,
                               .source_room = health->source_room,
                               .loser_key = health->loser_key};
    iso_buf_clear(&empty.loser_key);
    *health = empty;
}

void iso_health_release(struct iso_health *health)
{
    iso_free(health->sources);
    iso_buf_release(&health->loser_key);
    *health = (struct iso_health){0};
}

struct iso_health_source *iso_health_source_add(struct iso_health *health,
                                                uint32_t region)
{
    size_t place = health->source_count;
    while (place > 0 && health->sources[place - 1].region >= region)
        place--;
    if (place < health->source_count && health->sources[place].region == region)
        return &health->sources[place];
    if (health->source_count == health->source_room) {
        health->source_room = health->source_room == 0 ? 4 : health->source_room * 2;
        health->sources =
            iso_realloc(health->sources, health->source_room * sizeof *health->sources);
    }
    memmove(health->sources + place + 1, health->sources + place,
            (health->source_count - place) * sizeof *health->sources);
    health->source_count++;
    health->sources[place] = (struct iso_health_source){.region = region};
    return &health->sources[place];
}

/* ---- encoding ---- */

static int64_t bounded(uint64_t count)
{
    return count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

static void latency_encode(const struct iso_health_source *source, struct iso_buf *out)
{
    int64_t filled = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        filled += source->latency.counts[i] != 0;
    iso_avro_add_long(out, source->region);
    iso_avro_add_long(out, bounded(source->latency.sum_ms));
    if (filled > 0)
        iso_avro_add_long(out, filled);
    for (size_t i = 0; i < BUCKETS; i++) {
        if (source->latency.counts[i] == 0)
            continue;
        iso_avro_add_long(out, (int64_t)i);
        iso_avro_add_long(out, bounded(source->latency.counts[i]));
    }
    iso_avro_add_long(out, 0);
}

static void loser_encode(const struct iso_health *health, struct iso_buf *out)
{
    iso_avro_add_long(out, 1);
    iso_avro_add_bytes(out, iso_buf_bytes(&health->loser_key));
    iso_buf_add_u64(out, health->loser_version.hlc);
    iso_buf_add_u64(out, health->loser_version.node);
    iso_avro_add_long(out, health->loser_log);
    iso_avro_add_long(out, health->loser_offset);
    iso_avro_add_long(out, health->loser_at_ms);
}

void iso_health_encode(const struct iso_health *health, struct iso_buf *out)
{
    iso_avro_add_long(out, health->started_ms);
    iso_avro_add_long(out, health->has_clock ? health->clock_ms : 0);
    iso_avro_add_long(out, health->has_clock ? health->clock_error_ms : -1);
    iso_avro_add_long(out, health->has_store ? bounded(health->store_used) : -1);
    iso_avro_add_long(out, health->has_store ? bounded(health->store_free) : 0);
    iso_avro_add_long(out, health->has_oldest ? health->oldest_ms : -1);
    if (health->source_count > 0)
        iso_avro_add_long(out, (int64_t)health->source_count);
    for (size_t i = 0; i < health->source_count; i++)
        latency_encode(&health->sources[i], out);
    iso_avro_add_long(out, 0);
    if (health->has_loser)
        loser_encode(health, out);
    iso_avro_add_long(out, 0);
}

/* ---- decoding ---- */

static void latency_decode(struct iso_avro_cursor *cursor, struct iso_health *health)
{
    uint32_t region = (uint32_t)iso_bounded_long(cursor, 0, ISO_HEALTH_SOURCES_MAX - 1);
    if (health->source_count > 0 &&
        region <= health->sources[health->source_count - 1].region)
        iso_bounded_fail(cursor);
    if (cursor->failed)
        return;
    struct iso_latency *latency = &iso_health_source_add(health, region)->latency;
    latency->sum_ms = iso_bounded_count(cursor);
    struct iso_list counts = iso_list(BUCKETS);
    int64_t next = 0;
    while (iso_list_next(cursor, &counts)) {
        int64_t bucket = iso_bounded_long(cursor, next, BUCKETS - 1);
        uint64_t count = (uint64_t)iso_bounded_long(cursor, 1, INT64_MAX);
        if (cursor->failed)
            return;
        latency->counts[bucket] = count;
        next = bucket + 1;
    }
}

static void loser_decode(struct iso_avro_cursor *cursor, struct iso_health *health)
{
    struct iso_bytes key = iso_avro_bytes(cursor);
    if (key.size > ISO_KEY_MAX)
        iso_bounded_fail(cursor);
    if (cursor->failed)
        return;
    health->has_loser = true;
    iso_buf_clear(&health->loser_key);
    iso_buf_add_bytes(&health->loser_key, key);
    health->loser_version.hlc = iso_bounded_word(cursor);
    health->loser_version.node = iso_bounded_word(cursor);
    health->loser_log = (uint16_t)iso_bounded_long(cursor, 0, UINT16_MAX);
    health->loser_offset = iso_bounded_long(cursor, 0, INT64_MAX);
    health->loser_at_ms = iso_avro_long(cursor);
}

static void health_read(struct iso_avro_cursor *cursor, struct iso_health *health)
{
    health->started_ms = iso_avro_long(cursor);
    health->clock_ms = iso_bounded_long(cursor, -CLOCK_MAX_MS, CLOCK_MAX_MS);
    health->clock_error_ms = iso_bounded_long(cursor, -1, CLOCK_MAX_MS);
    health->has_clock = health->clock_error_ms >= 0;
    int64_t used = iso_bounded_long(cursor, -1, INT64_MAX);
    health->has_store = used >= 0;
    health->store_used = used < 0 ? 0 : (uint64_t)used;
    health->store_free = iso_bounded_count(cursor);
    int64_t oldest_ms = iso_bounded_long(cursor, -1, INT64_MAX);
    health->has_oldest = oldest_ms >= 0;
    health->oldest_ms = health->has_oldest ? oldest_ms : 0;
    struct iso_list sources = iso_list(ISO_HEALTH_SOURCES_MAX);
    while (iso_list_next(cursor, &sources))
        latency_decode(cursor, health);
    struct iso_list losers = iso_list(1);
    while (iso_list_next(cursor, &losers))
        loser_decode(cursor, health);
}

enum iso_err iso_health_decode(struct iso_bytes bytes, struct iso_health *health,
                               struct iso_why *why)
{
    struct iso_avro_cursor cursor = iso_avro_read(bytes);
    health_clear(health);
    health_read(&cursor, health);
    if (iso_avro_done(&cursor))
        return ISO_OK;
    health_clear(health);
    return iso_fail(why, ISO_BAD_DATA,
                    "a daemon's health of %zu bytes does not decode: it is damaged, or "
                    "its daemon is of a newer version; upgrade the monitor first",
                    bytes.size);
}
