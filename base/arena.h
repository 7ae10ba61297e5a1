/* arena.h - memory that is taken in pieces and given back all at once.
 *
 * What a transaction, or a decoded entry, keeps lives here. Clearing keeps the memory
 * for the next one, so that a loop over things of about one size allocates nothing;
 * what far exceeds the needs of the recent ones goes back to the allocator.
 *
 * Embed it; zero is empty. `chunk` may be set before the first use. One thread at a
 * time.
 */
#ifndef ISO_BASE_ARENA_H
#define ISO_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum { ISO_ARENA_CHUNK = 1 << 20 };

struct iso_arena_chunk {
    uint8_t *data;
    size_t size;
};

struct iso_arena {
    uint8_t *at, *end;              /* what is left of the current chunk */
    struct iso_arena_chunk *chunks; /* the first `used` of them hold something */
    size_t used, count, room;
    size_t chunk;  /* bytes that are got at once; 0: ISO_ARENA_CHUNK */
    size_t total;  /* bytes taken since it was cleared */
    size_t recent; /* the most that lately was taken between two clears */
};

void iso_arena_release(struct iso_arena *arena);
void iso_arena_clear(struct iso_arena *arena);

void *iso_arena_take_chunk(struct iso_arena *arena, size_t size);

/* `size` bytes, aligned to 8, not cleared, until the arena is cleared. */
static inline void *iso_arena_take(struct iso_arena *arena, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    arena->total += size;
    if (arena->at == NULL || (size_t)(arena->end - arena->at) < size)
        return iso_arena_take_chunk(arena, size);
    void *data = arena->at;
    arena->at += size;
    return data;
}

/* What lately was needed, given what was needed now: rises at once, falls slowly. */
static inline size_t iso_recent(size_t recent, size_t now)
{
    size_t fallen = recent - recent / 16;
    return now > fallen ? now : fallen;
}

#endif
