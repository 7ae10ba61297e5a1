/* How long what was applied had been under way: the histograms of all slices of a
 * region, summed by source.
 *
 * A report tells a slice's histograms since its daemon was started. What it tells more
 * than the report before is added to the sum; a daemon that was started anew begins at
 * nothing and adds all that it tells. So a sum never falls, whatever restarts, and
 * whoever scrapes it sees no false reset. Of two daemons that both claim a slice, each
 * adds what it told first, and then nothing while they alternate: too little rather
 * than twice. Numbers of a hostile report fill a sum up to the brim and no further.
 *
 * What a slice told last is kept packed, since 2.5 million histograms are kept: for
 * each source a byte, the sum, a bit for each bucket that is not 0, and their counts;
 * numbers in groups of 7 bits, the lowest first.
 */
#include "base/mem.h"
#include "monitor/table.h"

enum { LATENCY_BUCKETS = ISO_LATENCY_BOUNDS + 1, LATENCY_NUMBER_BYTES = 10 };

static void number_pack(struct iso_buf *buf, uint64_t number)
{
    uint8_t bytes[LATENCY_NUMBER_BYTES];
    size_t count = 0;
    while (number >= 0x80) {
        bytes[count++] = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    bytes[count++] = (uint8_t)number;
    iso_buf_add(buf, bytes, count);
}

static uint64_t number_unpack(const uint8_t **at)
{
    uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
}

static void latency_pack(struct iso_buf *buf, unsigned source,
                         const struct iso_latency *latency)
{
    uint16_t filled = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        if (latency->counts[i] != 0)
            filled = (uint16_t)(filled | 1u << i);
    }
    iso_buf_add_u8(buf, (uint8_t)source);
    number_pack(buf, latency->sum_ms);
    iso_buf_add_u16(buf, filled);
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        if (latency->counts[i] != 0)
            number_pack(buf, latency->counts[i]);
    }
}

static unsigned latency_unpack(const uint8_t **at, struct iso_latency *latency)
{
    unsigned source = *(*at)++;
    latency->sum_ms = number_unpack(at);
    uint16_t filled = iso_get_u16(*at);
    *at += 2;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        latency->counts[i] = (filled >> i & 1) != 0 ? number_unpack(at) : 0;
    return source;
}

/* sum += more, and no further than it goes. */
static void raise(uint64_t *sum, uint64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

/* sum += now - was, where that is something. */
static void latency_add(struct iso_latency *sum, const struct iso_latency *now,
                        const struct iso_latency *was)
{
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        if (now->counts[i] > was->counts[i])
            raise(&sum->counts[i], now->counts[i] - was->counts[i]);
    }
    if (now->sum_ms > was->sum_ms)
        raise(&sum->sum_ms, now->sum_ms - was->sum_ms);
}

void iso_table_latency_feed(struct table_collection *collection, unsigned region,
                            struct table_report *kept, const struct iso_report *report,
                            bool same_process)
{
    struct table_latency **sum = &collection->latency[region];
    if (!report->has_health) {
        iso_buf_clear(&kept->latency);
        return;
    }
    if (*sum == NULL)
        *sum = iso_alloc_zero(1, sizeof **sum);
    /* Both lists are in order of sources; of a list that is not, too much is added. */
    struct iso_buf packed = {0};
    bool anew = report->health.started_ms > kept->started_max_ms;
    const uint8_t *at = kept->latency.data;
    const uint8_t *end = at + (same_process ? kept->latency.size : 0);
    for (size_t i = 0; i < report->health.source_count; i++) {
        const struct iso_health_source *source = &report->health.sources[i];
        struct iso_latency was = {0};
        if (!same_process && !anew)
            was = source->latency;
        if (source->region > ISO_REGION_MAX)
            continue;
        while (at < end && *at < source->region) {
            struct iso_latency passed;
            latency_unpack(&at, &passed);
        }
        if (at < end && *at == source->region)
            latency_unpack(&at, &was);
        latency_add(&(*sum)->sources[source->region], &source->latency, &was);
        latency_pack(&packed, source->region, &source->latency);
    }
    iso_buf_release(&kept->latency);
    kept->latency = packed;
    if (anew)
        kept->started_max_ms = report->health.started_ms;
}
