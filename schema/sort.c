/* Heapsort: no memory, no bad case. A heap stands in the array, the largest first; the
 * largest goes to the end, and what stood there sinks. */
#include "schema/sort.h"

#include <string.h>

#include "base/err.h"

struct heap {
    uint8_t *things;
    size_t count, size;
    int (*compare)(const void *context, const void *a, const void *b);
    const void *context;
};

static uint8_t *thing_at(const struct heap *heap, size_t n)
{
    return heap->things + n * heap->size;
}

static int compare_at(const struct heap *heap, size_t a, size_t b)
{
    return heap->compare(heap->context, thing_at(heap, a), thing_at(heap, b));
}

/* Puts what sinks at `at`, or below the larger things there. */
static void heap_sink(const struct heap *heap, size_t at, const uint8_t *sinking)
{
    for (size_t below = 2 * at + 1; below < heap->count; below = 2 * at + 1) {
        if (below + 1 < heap->count && compare_at(heap, below, below + 1) < 0)
            below++;
        if (heap->compare(heap->context, sinking, thing_at(heap, below)) >= 0)
            break;
        memcpy(thing_at(heap, at), thing_at(heap, below), heap->size);
        at = below;
    }
    memcpy(thing_at(heap, at), sinking, heap->size);
}

void iso_sort(void *things, size_t count, size_t size,
              int (*compare)(const void *context, const void *a, const void *b),
              const void *context)
{
    struct heap heap = {things, count, size, compare, context};
    uint8_t sinking[ISO_SORT_SIZE_MAX];
    size_t ascend = 1;
    iso_assert(size <= sizeof sinking);
    while (ascend < count && compare_at(&heap, ascend - 1, ascend) <= 0)
        ascend++;
    if (ascend >= count)
        return;
    for (size_t at = count / 2; at-- > 0;) {
        memcpy(sinking, thing_at(&heap, at), size);
        heap_sink(&heap, at, sinking);
    }
    while (heap.count > 1) {
        memcpy(sinking, thing_at(&heap, --heap.count), size);
        memcpy(thing_at(&heap, heap.count), things, size);
        heap_sink(&heap, 0, sinking);
    }
}
