/* clock.h - time and chance as arguments.
 *
 * Nothing in the heart reads a clock or draws a number: who needs either is handed one
 * of these. A program hands over the machine's; a test hands over one that it turns by
 * hand.
 */
#ifndef ISO_BASE_CLOCK_H
#define ISO_BASE_CLOCK_H

#include <stdint.h>

struct iso_clock {
    /* Unix milliseconds: may step, forwards and backwards. */
    int64_t (*now_ms)(const struct iso_clock *clock);
    /* Milliseconds since some moment: never steps. For deadlines and rates. */
    int64_t (*steady_ms)(const struct iso_clock *clock);
};

/* The machine's clocks (CLOCK_REALTIME, CLOCK_MONOTONIC). */
extern const struct iso_clock iso_clock_machine;

/* A clock that stands until it is turned. Embed it; `&manual.clock` is the clock. */
struct iso_clock_manual {
    struct iso_clock clock;
    int64_t now_ms;
    int64_t steady_ms;
};
void iso_clock_manual_init(struct iso_clock_manual *manual, int64_t now_ms);
void iso_clock_manual_add(struct iso_clock_manual *manual, int64_t ms); /* both */

static inline int64_t iso_now_ms(const struct iso_clock *clock)
{
    return clock->now_ms(clock);
}
static inline int64_t iso_steady_ms(const struct iso_clock *clock)
{
    return clock->steady_ms(clock);
}

/* A source of 64 random bits. */
struct iso_chance {
    uint64_t (*draw)(struct iso_chance *chance);
    uint64_t state;
};
void iso_chance_machine_init(struct iso_chance *chance); /* getrandom(2) */
void iso_chance_seeded_init(struct iso_chance *chance, uint64_t seed); /* splitmix64 */

static inline uint64_t iso_chance_draw(struct iso_chance *chance)
{
    return chance->draw(chance);
}

#endif
