/* trend.h - what was when, of one pair: two rings, fine and coarse; private to this
 * room.
 *
 * A sample takes 32 bytes in a ring, and rings grow as they are filled: a pair whose
 * rings are full takes TREND_BYTES_MAX.
 */
#ifndef ISO_MONITOR_TREND_H
#define ISO_MONITOR_TREND_H

#include "monitor/watch.h"

enum { TREND_MINUTE_MS = 60000, TREND_APART_MS = 900 };

/* A sample, packed: milliseconds up to 49 days and some 7e16 records, beyond that the
 * most; TREND_UNKNOWN and its like where nothing is known. */
struct trend_sample {
    int64_t at_ms;
    uint64_t records : 56, state : 8;
    uint32_t lag_ms, staleness_ms, p50_ms, p99_ms;
};
enum {
    TREND_BYTES_MAX =
        (ISO_SAMPLES_FINE + ISO_SAMPLES_COARSE) * (int)sizeof(struct trend_sample)
};

struct trend_ring {
    struct trend_sample *samples;
    size_t room, count; /* count: ever added; the newest is at (count - 1) % most */
    size_t most;
};

/* Zero is empty. */
struct trend {
    struct trend_ring fine, coarse;
};
void iso_trend_release(struct trend *trend);

/* Looks that are less than a second apart make one fine sample, all of a minute one
 * coarse: of each number the worst. */
void iso_trend_add(struct trend *trend, const struct iso_sample *sample);

/* The newest up to `max`, the oldest first; says how many. */
size_t iso_trend_read(const struct trend *trend, enum iso_trend which,
                      struct iso_sample *samples, size_t max);

#endif
