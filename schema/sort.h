/* sort.h - sorts numbers of things: positions in an array, places in bytes. For who
 * must not allocate, and who is given things that somebody chose to make sorting slow.
 */
#ifndef ISO_SCHEMA_SORT_H
#define ISO_SCHEMA_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Ascending by `compare` (<0, 0, >0), in place, by at most 2 n log n comparisons. What
 * compares as equal stands in any order. */
void iso_sort(uint32_t *numbers, size_t count,
              int (*compare)(const void *context, uint32_t a, uint32_t b),
              const void *context);

#endif
