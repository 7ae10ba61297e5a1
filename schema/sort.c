/* Heapsort: no memory, no bad case. A heap stands in the array, the largest first; the
 * largest goes to the end, and what stood there sinks. */
#include "schema/sort.h"

struct heap {
    uint32_t *numbers;
    size_t count;
    int (*compare)(const void *context, uint32_t a, uint32_t b);
    const void *context;
};

static void heap_sink(const struct heap *heap, size_t at)
{
    uint32_t sinking = heap->numbers[at];
    for (size_t below = 2 * at + 1; below < heap->count; below = 2 * at + 1) {
        if (below + 1 < heap->count &&
            heap->compare(heap->context, heap->numbers[below],
                          heap->numbers[below + 1]) < 0)
            below++;
        if (heap->compare(heap->context, sinking, heap->numbers[below]) >= 0)
            break;
        heap->numbers[at] = heap->numbers[below];
        at = below;
    }
    heap->numbers[at] = sinking;
}

void iso_sort(uint32_t *numbers, size_t count,
              int (*compare)(const void *context, uint32_t a, uint32_t b),
              const void *context)
{
    struct heap heap = {numbers, count, compare, context};
    for (size_t at = count / 2; at-- > 0;)
        heap_sink(&heap, at);
    while (heap.count > 1) {
        uint32_t largest = numbers[0];
        numbers[0] = numbers[--heap.count];
        numbers[heap.count] = largest;
        heap_sink(&heap, 0);
    }
}
