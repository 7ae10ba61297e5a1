/* The clock of a cluster's brokers minus ours, from records that were read live.
 *
 * A record that was not there when we asked at `from`, and was read `now`, was appended
 * between the two. So its append time minus the brokers' clock's difference is between
 * them, which bounds the difference from both sides. All records of the last minutes
 * together allow a span that is mostly much narrower than the time between two looks;
 * its middle is the estimate, half its width the error, and the latter is shown. One
 * broker's clock is as good as another's here: where they differ, or a clock was set,
 * bounds contradict each other, and it begins anew.
 */
#include "monitor/cluster.h"

enum { SPAN_MS = 120000 };

static void span_turn(struct cluster_clock *clock, int64_t steady_ms)
{
    if (clock->now.any && steady_ms - clock->now.begun_ms < SPAN_MS)
        return;
    clock->before = clock->now;
    clock->now = (struct cluster_span){
        .begun_ms = steady_ms, .low_ms = INT64_MIN, .high_ms = INT64_MAX};
}

/* What both spans allow; false: they contradict each other, or there is none. */
static bool clock_bounds(const struct cluster_clock *clock, int64_t *low_ms,
                         int64_t *high_ms)
{
    *low_ms = clock->now.low_ms;
    *high_ms = clock->now.high_ms;
    if (clock->before.any && clock->before.low_ms > *low_ms)
        *low_ms = clock->before.low_ms;
    if (clock->before.any && clock->before.high_ms < *high_ms)
        *high_ms = clock->before.high_ms;
    return clock->now.any && *low_ms <= *high_ms;
}

void iso_cluster_clock_feed(struct iso_cluster *cluster, int64_t append_ms,
                            int64_t from_ms)
{
    struct cluster_clock *clock = &cluster->skew;
    int64_t steady_ms = iso_steady_ms(cluster->clock);
    int64_t low_ms, high_ms, now_low_ms, now_high_ms;
    if (__builtin_sub_overflow(append_ms, iso_now_ms(cluster->clock), &low_ms) ||
        __builtin_sub_overflow(append_ms, from_ms, &high_ms) || low_ms > high_ms)
        return; /* our own clock was set back meanwhile */
    span_turn(clock, steady_ms);
    clock->now.any = true;
    if (low_ms > clock->now.low_ms)
        clock->now.low_ms = low_ms;
    if (high_ms < clock->now.high_ms)
        clock->now.high_ms = high_ms;
    if (clock_bounds(clock, &now_low_ms, &now_high_ms))
        return;
    *clock = (struct cluster_clock){
        .now = {
            .any = true, .begun_ms = steady_ms, .low_ms = low_ms, .high_ms = high_ms}};
}

bool iso_cluster_clock(const struct iso_cluster *cluster, int64_t *clock_ms,
                       int64_t *error_ms)
{
    int64_t low_ms, high_ms;
    if (!clock_bounds(&cluster->skew, &low_ms, &high_ms))
        return false;
    *error_ms = (high_ms - low_ms + 1) / 2;
    *clock_ms = low_ms + (high_ms - low_ms) / 2;
    return true;
}
