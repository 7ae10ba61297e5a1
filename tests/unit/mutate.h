/* mutate.h - what a disk, a network or an enemy makes of good bytes: every truncation,
 * every flip of one bit, then random damage of many bytes. Each is handed over in a
 * heap block of exactly its size, so that the address sanitizer sees a read behind its
 * end.
 */
#ifndef ISO_TESTS_UNIT_MUTATE_H
#define ISO_TESTS_UNIT_MUTATE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"

/* `arg` is the test's own. */
typedef void mutate_try(struct iso_bytes bad, void *arg);

static inline void mutate_hand_over(const uint8_t *data, size_t size, mutate_try *try,
                                    void *arg)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, data, size);
    try(iso_bytes(exact, size), arg);
    free(exact);
}

static inline void mutate_truncations(struct iso_bytes good, mutate_try *try, void *arg)
{
    for (size_t size = 0; size < good.size; size++)
        mutate_hand_over(good.data, size, try, arg);
}

static inline void mutate_flips(struct iso_bytes good, mutate_try *try, void *arg)
{
    uint8_t *copy = malloc(good.size);
    memcpy(copy, good.data, good.size);
    for (size_t bit = 0; bit < good.size * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        mutate_hand_over(copy, good.size, try, arg);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(copy);
}

/* `rounds` times: a few bytes changed, a run removed or repeated. */
static inline void mutate_random(struct iso_bytes good, uint64_t seed, int rounds,
                                 mutate_try *try, void *arg)
{
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, seed);
    uint8_t *copy = malloc(good.size * 2 + 1);
    for (int i = 0; i < rounds; i++) {
        size_t size = good.size;
        memcpy(copy, good.data, size);
        for (uint64_t n = iso_chance_draw(&chance) % 4 + 1; n > 0; n--)
            copy[iso_chance_draw(&chance) % size] = (uint8_t)iso_chance_draw(&chance);
        size_t from = iso_chance_draw(&chance) % size;
        size_t to = iso_chance_draw(&chance) % size;
        if (i % 2 == 0) { /* what was at `from` on stands at `to`: shorter or longer */
            memmove(copy + to, good.data + from, size - from);
            size = to + size - from;
        }
        mutate_hand_over(copy, size, try, arg);
    }
    free(copy);
}

static inline void mutate_all(struct iso_bytes good, uint64_t seed, mutate_try *try,
                              void *arg)
{
    mutate_truncations(good, try, arg);
    mutate_flips(good, try, arg);
    mutate_random(good, seed, 4000, try, arg);
}

#endif
