/* Chunks stand in an array, those in use first; the last of these is the current one. A
 * piece that does not fit into its rest begins the next chunk that is large enough
 * (moved forward to its place) or a new one. What is left of a chunk is not used again
 * before the clear: at most a quarter of a chunk is lost so, since larger pieces get a
 * chunk of their own and the current one stays.
 */
#include "base/arena.h"

#include "base/mem.h"

enum { ARENA_LARGE_PART = 4, ARENA_KEEP_TIMES = 4 };

static size_t arena_chunk(const struct iso_arena *arena)
{
    return arena->chunk > 0 ? arena->chunk : ISO_ARENA_CHUNK;
}

void iso_arena_release(struct iso_arena *arena)
{
    for (size_t i = 0; i < arena->count; i++)
        iso_free(arena->chunks[i].data);
    iso_free(arena->chunks);
    *arena = (struct iso_arena){.chunk = arena->chunk};
}

static void arena_swap(struct iso_arena *arena, size_t a, size_t b)
{
    struct iso_arena_chunk chunk = arena->chunks[a];
    arena->chunks[a] = arena->chunks[b];
    arena->chunks[b] = chunk;
}

/* Puts a chunk of at least `size` bytes behind those in use. */
static struct iso_arena_chunk *arena_next(struct iso_arena *arena, size_t size)
{
    size_t fits = arena->used;
    while (fits < arena->count && arena->chunks[fits].size < size)
        fits++;
    if (fits == arena->count) {
        if (arena->count == arena->room) {
            arena->room = arena->room ? arena->room * 2 : 16;
            arena->chunks =
                iso_realloc(arena->chunks, arena->room * sizeof *arena->chunks);
        }
        size_t chunk = size > arena_chunk(arena) ? size : arena_chunk(arena);
        arena->chunks[arena->count++] =
            (struct iso_arena_chunk){.data = iso_alloc(chunk), .size = chunk};
    }
    arena_swap(arena, arena->used, fits);
    return &arena->chunks[arena->used++];
}

void *iso_arena_take_chunk(struct iso_arena *arena, size_t size)
{
    struct iso_arena_chunk *chunk = arena_next(arena, size);
    if (size <= arena_chunk(arena) / ARENA_LARGE_PART || arena->at == arena->end) {
        arena->at = chunk->data + size;
        arena->end = chunk->data + chunk->size;
    }
    return chunk->data;
}

void iso_arena_clear(struct iso_arena *arena)
{
    arena->recent = iso_recent(arena->recent, arena->total);
    size_t kept = 0;
    for (size_t i = 0; i < arena->count; i++)
        kept += arena->chunks[i].size;
    size_t keep = arena->recent * ARENA_KEEP_TIMES + arena_chunk(arena);
    while (arena->count > 0 && kept > keep) {
        struct iso_arena_chunk *last = &arena->chunks[--arena->count];
        kept -= last->size;
        iso_free(last->data);
    }
    arena->used = 0;
    arena->total = 0;
    arena->at = arena->end = NULL;
}
