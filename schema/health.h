/* health.h - what a daemon tells of itself with a report, beside the state of the
 * slice: how long what it applied had been under way, how far its clock is from the
 * brokers', how full its store is. Extension 2 of report.avsc: an older monitor passes
 * over it, an older daemon leaves it out.
 *
 * Nothing here is state of the slice: it is of one process, of its clock, and begins
 * anew with each start. Nothing that is applied depends on it.
 *
 * The extension's bytes are Avro, of the record
 *
 *   long started, long clock, long clock_error, long store_used, long store_free,
 *   long oldest, array of {long region, long sum, array of {long bucket, long count}}
 * latencies, array of {bytes key, fixed(16) version, long log, long offset, long at}
 * losers
 *
 * where a clock, store or oldest that is not known is -1 in clock_error, store_used or
 * oldest, an array
 * of latencies holds no bucket that is 0, and losers are none or one.
 */
#ifndef ISO_SCHEMA_HEALTH_H
#define ISO_SCHEMA_HEALTH_H

#include "schema/version.h"

#include "base/bytes.h"
#include "base/err.h"

/* Upper bounds, inclusive, in milliseconds; one bucket more holds what is beyond. */
enum { ISO_LATENCY_BOUNDS = 15 };
extern const int64_t iso_latency_bounds_ms[ISO_LATENCY_BOUNDS];

/* From the append time of a write to the commit that holds it. */
struct iso_latency {
    uint64_t counts[ISO_LATENCY_BOUNDS + 1]; /* each write in one bucket */
    uint64_t sum_ms;
};
void iso_latency_add(struct iso_latency *latency, int64_t ms); /* below 0: 0 */
void iso_latency_merge(struct iso_latency *sum, const struct iso_latency *part);
uint64_t iso_latency_count(const struct iso_latency *latency);
/* The bound of the bucket in which the p-th part (0 < p <= 1) of all lies, put straight
 * between its bounds; -1: there are none; beyond the last bound: that bound. */
int64_t iso_latency_quantile_ms(const struct iso_latency *latency, double p);

struct iso_health_source {
    uint32_t region; /* 0: records without our header */
    struct iso_latency latency;
};

enum { ISO_HEALTH_SOURCES_MAX = 65 };

/* Zero is empty; owns its sources and the loser's key. */
struct iso_health {
    int64_t started_ms; /* the daemon's clock; another number is another process */
    bool has_clock;
    int64_t clock_ms;       /* the daemon's clock minus its brokers', … */
    int64_t clock_error_ms; /* … give or take so much */
    bool has_store;
    uint64_t store_used, store_free; /* bytes; free: that it may still grow by */
    /* Of the slice: nothing that waits to be forgotten is older; 0: nothing waits.
     * Known when this process has swept the slice once. */
    bool has_oldest;
    int64_t oldest_ms;
    struct iso_health_source *sources; /* of this slice, since the start; by region */
    size_t source_count, source_room;
    /* The newest that this process saw entering the slice's conflict ledger. */
    bool has_loser;
    struct iso_buf loser_key;
    struct iso_version loser_version;
    uint16_t loser_log;
    int64_t loser_offset, loser_at_ms;
};
void iso_health_release(struct iso_health *health);
/* Finds or adds, in order; good until the next is added. */
struct iso_health_source *iso_health_source_add(struct iso_health *health,
                                                uint32_t region);
void iso_health_encode(const struct iso_health *health, struct iso_buf *out);
/* Into any; ISO_BAD_DATA, and it is empty then. */
enum iso_err iso_health_decode(struct iso_bytes bytes, struct iso_health *health,
                               struct iso_why *why);

#endif
