/* sort.h - sorts small things: names, positions in an array, places in bytes. For who
 * must not allocate (qsort may), and who is given things that somebody chose to make
 * sorting slow.
 */
#ifndef ISO_SCHEMA_SORT_H
#define ISO_SCHEMA_SORT_H

#include <stddef.h>
#include <stdint.h>

enum { ISO_SORT_SIZE_MAX = 16 };

/* `count` things of `size` bytes each (at most ISO_SORT_SIZE_MAX), ascending by
 * `compare` (<0, 0, >0), in place, by at most 2 n log n comparisons; n, when they
 * ascend already. What compares as equal stands in any order. */
void iso_sort(void *things, size_t count, size_t size,
              int (*compare)(const void *context, const void *a, const void *b),
              const void *context);

#endif
