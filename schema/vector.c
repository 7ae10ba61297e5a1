/* A sorted array: a vector has as many items as its collection has logs that were ever
 * written, which is few, and the one that moves is nearly always there. */
#include "base/mem.h"
#include "schema/slice.h"

/* The first item whose log is not below `log`. */
static size_t vector_place(const struct iso_vector *vector, uint16_t log)
{
    size_t low = 0, high = vector->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (vector->items[middle].log < log)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void iso_vector_move(struct iso_vector *vector, uint16_t log, int64_t offset)
{
    size_t place = vector_place(vector, log);
    if (place < vector->count && vector->items[place].log == log) {
        if (vector->items[place].offset < offset)
            vector->items[place].offset = offset;
        return;
    }
    if (vector->count >= vector->room) {
        vector->room = vector->count < 2 ? 4 : vector->count * 2;
        vector->items =
            iso_realloc(vector->items, vector->room * sizeof vector->items[0]);
    }
    struct iso_vector_item *item = &vector->items[place];
    memmove(item + 1, item, (vector->count - place) * sizeof *item);
    *item = (struct iso_vector_item){.log = log, .offset = offset};
    vector->count++;
}

bool iso_vector_equal(const struct iso_vector *a, const struct iso_vector *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].log != b->items[i].log ||
            a->items[i].offset != b->items[i].offset)
            return false;
    return true;
}

void iso_vector_release(struct iso_vector *vector)
{
    iso_free(vector->items);
    *vector = (struct iso_vector){0};
}
