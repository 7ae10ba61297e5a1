/* Chance by seed is splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014): one word of state, good enough for dice, never for secrets. */
#include "base/clock.h"

#include <stddef.h>
#include <sys/random.h>
#include <time.h>

#include "base/err.h"

static int64_t clock_read_ms(clockid_t id)
{
    struct timespec at;
    iso_assert(clock_gettime(id, &at) == 0);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static int64_t machine_now_ms(const struct iso_clock *clock)
{
    (void)clock;
    return clock_read_ms(CLOCK_REALTIME);
}

static int64_t machine_steady_ms(const struct iso_clock *clock)
{
    (void)clock;
    return clock_read_ms(CLOCK_MONOTONIC);
}

const struct iso_clock iso_clock_machine = {
    .now_ms = machine_now_ms,
    .steady_ms = machine_steady_ms,
};

static const struct iso_clock_manual *manual_of(const struct iso_clock *clock)
{
    return (const struct iso_clock_manual *)(const void *)clock; /* its first member */
}

static int64_t manual_now_ms(const struct iso_clock *clock)
{
    return manual_of(clock)->now_ms;
}

static int64_t manual_steady_ms(const struct iso_clock *clock)
{
    return manual_of(clock)->steady_ms;
}

void iso_clock_manual_init(struct iso_clock_manual *manual, int64_t now_ms)
{
    manual->clock.now_ms = manual_now_ms;
    manual->clock.steady_ms = manual_steady_ms;
    manual->now_ms = now_ms;
    manual->steady_ms = 0;
}

void iso_clock_manual_add(struct iso_clock_manual *manual, int64_t ms)
{
    manual->now_ms += ms;
    manual->steady_ms += ms;
}

static uint64_t machine_draw(struct iso_chance *chance)
{
    (void)chance;
    uint64_t bits = 0;
    iso_assert(getrandom(&bits, sizeof bits, 0) == (ssize_t)sizeof bits);
    return bits;
}

static uint64_t seeded_draw(struct iso_chance *chance)
{
    uint64_t z = chance->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void iso_chance_machine_init(struct iso_chance *chance)
{
    *chance = (struct iso_chance){.draw = machine_draw};
}

void iso_chance_seeded_init(struct iso_chance *chance, uint64_t seed)
{
    *chance = (struct iso_chance){.draw = seeded_draw, .state = seed};
}
