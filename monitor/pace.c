/* Points some seconds apart are kept of the last minutes; what is asked is always the
 * way from the oldest of them to now. When looks come more rarely than the window is
 * long, the last one before it stays: two points make a rate. Nothing here can fail.
 */
#include "monitor/pace.h"

#include "base/err.h"

/* ---- rates ---- */

/* Can it be expected to go on as it did? Of what is not known nothing new follows. */
static bool row_moves(const struct iso_lag_row *row, bool moved)
{
    switch (row->state) {
    case ISO_LAG_UNKNOWN:
        return moved;
    case ISO_LAG_OK:
    case ISO_LAG_CATCHING_UP:
    case ISO_LAG_LAGGING:
    case ISO_LAG_LOST:
    case ISO_LAG_DIVERGED:
        return true;
    case ISO_LAG_STALLED:
    case ISO_LAG_STOPPED:
    case ISO_LAG_PARKED:
    case ISO_LAG_REWOUND:
        return false;
    }
    return false;
}

void iso_pace_take(struct pace *pace, const struct iso_lag_row *row, int64_t now_ms)
{
    bool moves = row_moves(row, pace->moved);
    if (pace->count > 0) {
        const struct pace_point *last = &pace->points[pace->count - 1];
        if (moves != pace->moved || row->applied < last->applied ||
            now_ms < last->at_ms)
            pace->count = 0;
        else if (now_ms - last->at_ms < PACE_APART_MS)
            return;
    }
    pace->moved = moves;
    size_t old = 0; /* all but the last of those that are outside of the window */
    while (old + 1 < pace->count &&
           now_ms - pace->points[old + 1].at_ms >= PACE_WINDOW_MS)
        old++;
    iso_assert(pace->count - old < PACE_POINTS); /* they are PACE_APART_MS apart */
    memmove(pace->points, pace->points + old,
            (pace->count - old) * sizeof *pace->points);
    pace->count -= old;
    pace->points[pace->count++] = (struct pace_point){
        .at_ms = now_ms, .applied = row->applied, .written = row->written};
}

struct pace_rates iso_pace_rates(const struct pace *pace, const struct iso_lag_row *row,
                                 int64_t now_ms)
{
    struct pace_rates rates = {.applied = -1, .written = -1};
    size_t at = 0;
    while (at + 1 < pace->count && now_ms - pace->points[at].at_ms > PACE_WINDOW_MS)
        at++;
    /* A window that holds nothing but this look reaches back to the one before it. */
    if (at > 0 && now_ms - pace->points[at].at_ms < PACE_LEAST_MS)
        at--;
    const struct pace_point *from = &pace->points[at];
    if (pace->count == 0 || now_ms - from->at_ms < PACE_LEAST_MS ||
        row->applied < from->applied)
        return rates;
    double seconds = (double)(now_ms - from->at_ms) / 1000;
    rates.applied = (double)(row->applied - from->applied) / seconds;
    if (row->written != ISO_UNKNOWN_COUNT && from->written != ISO_UNKNOWN_COUNT &&
        row->written >= from->written)
        rates.written = (double)(row->written - from->written) / seconds;
    return rates;
}

/* ---- latency ---- */

static bool fell(const struct iso_latency *was, const struct iso_latency *is)
{
    for (size_t i = 0; i <= ISO_LATENCY_BOUNDS; i++) {
        if (is->counts[i] < was->counts[i])
            return true;
    }
    return is->sum_ms < was->sum_ms;
}

void iso_spell_take(struct spell *spell, const struct iso_latency *latency,
                    int64_t now_ms)
{
    if (spell->count > 0) {
        const struct spell_mark *last = &spell->marks[spell->count - 1];
        if (fell(&last->latency, latency) || now_ms < last->at_ms)
            spell->count = 0;
        else if (now_ms - last->at_ms < SPELL_APART_MS)
            return;
    }
    size_t old = 0;
    while (old + 1 < spell->count &&
           now_ms - spell->marks[old + 1].at_ms >= SPELL_WINDOW_MS)
        old++;
    iso_assert(spell->count - old < SPELL_MARKS);
    memmove(spell->marks, spell->marks + old,
            (spell->count - old) * sizeof *spell->marks);
    spell->count -= old;
    spell->marks[spell->count++] =
        (struct spell_mark){.at_ms = now_ms, .latency = *latency};
}

bool iso_spell_latency(const struct spell *spell, const struct iso_latency *latency,
                       struct iso_latency *since)
{
    if (spell->count == 0)
        return false;
    const struct iso_latency *from = &spell->marks[0].latency;
    uint64_t count = 0;
    for (size_t i = 0; i <= ISO_LATENCY_BOUNDS; i++) {
        since->counts[i] = latency->counts[i] - from->counts[i];
        count += since->counts[i];
    }
    since->sum_ms = latency->sum_ms - from->sum_ms;
    return count > 0;
}
