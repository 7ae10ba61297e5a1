/* order.h - sorts many rows by key, fast. Room-private.
 *
 * A commit hands its rows over in the order of the tree that they go into; with
 * hundreds of thousands of rows that lie scattered in memory, a sort that compares
 * whole keys spends its time on cache misses.
 */
#ifndef ISO_STORE_ORDER_H
#define ISO_STORE_ORDER_H

#include "store/store.h"

struct iso_row;

struct iso_order {
    uint64_t window; /* eight bytes of the key, as a number; for order.c */
    struct iso_row *row;
};

/* Sorts `items` by their rows' keys (iso_bytes_compare), all of which are different.
 * `spare` has room for `count` more and holds nothing afterwards. */
void iso_order_rows(struct iso_order *items, struct iso_order *spare, size_t count);

#endif
