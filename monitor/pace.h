/* pace.h - how fast a pair of regions gets on, and how long its writes were under way,
 * over the last minutes: by time, however often somebody looked; private to this room.
 */
#ifndef ISO_MONITOR_PACE_H
#define ISO_MONITOR_PACE_H

#include "monitor/watch.h"

enum {
    PACE_WINDOW_MS = 60000,
    PACE_APART_MS = 5000, /* of two points */
    PACE_POINTS = PACE_WINDOW_MS / PACE_APART_MS + 1,
    PACE_LEAST_MS = 3000, /* less is no measure of a rate */
    SPELL_WINDOW_MS = 300000,
    SPELL_APART_MS = 30000,
    SPELL_MARKS = SPELL_WINDOW_MS / SPELL_APART_MS + 1,
};

/* Records applied and written, the oldest first. Zero is empty. */
struct pace {
    struct pace_point {
        int64_t at_ms;
        uint64_t applied, written;
    } points[PACE_POINTS];
    size_t count;
    bool moved; /* as the row looked the last time */
};

/* Takes in a row. It begins anew where what was before is no guide to what comes: the
 * pair begins or ceases to move, its frontiers fall, the clock is set back. */
void iso_pace_take(struct pace *pace, const struct iso_lag_row *row, int64_t now_ms);

/* Records a second since the oldest point; below 0: not known. */
struct pace_rates {
    double applied, written;
};
struct pace_rates iso_pace_rates(const struct pace *pace, const struct iso_lag_row *row,
                                 int64_t now_ms);

/* Histograms of latency as they stood, the oldest first. Zero is empty. */
struct spell {
    struct spell_mark {
        int64_t at_ms;
        struct iso_latency latency;
    } marks[SPELL_MARKS];
    size_t count;
};

/* Takes in what was counted. A row's never falls; should it all the same, or the clock
 * be set back, it begins anew. */
void iso_spell_take(struct spell *spell, const struct iso_latency *latency,
                    int64_t now_ms);
/* What was counted since the oldest mark: false when that is nothing. */
bool iso_spell_latency(const struct spell *spell, const struct iso_latency *latency,
                       struct iso_latency *since);

#endif
