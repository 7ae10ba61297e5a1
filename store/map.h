/* map.h - an ordered map of bytes whose copies cost nothing. Room-private.
 *
 * A copy shares everything with the original; a change afterwards copies only the path
 * to what it changes, and nothing at all while there is no other copy. So a frozen view
 * of a memory store is a copy.
 *
 * Zero is an empty map. Reading a map is safe while others change *their* copies; calls
 * that take a map that is not const, and iso_map_copy, must not run at the same time on
 * maps that stem from one another.
 */
#ifndef ISO_STORE_MAP_H
#define ISO_STORE_MAP_H

#include "base/bytes.h"

struct iso_map_node;

struct iso_map {
    struct iso_map_node *root;
    size_t count;
    size_t bytes;  /* of all keys and values */
    uint64_t dice; /* where the nodes' priorities come from */
};

void iso_map_release(struct iso_map *map);
struct iso_map iso_map_copy(const struct iso_map *map);

void iso_map_put(struct iso_map *map, struct iso_bytes key, struct iso_bytes value);
void iso_map_delete(struct iso_map *map, struct iso_bytes key);

/* False when the key is not there. Borrowed until this map is changed or released. */
bool iso_map_get(const struct iso_map *map, struct iso_bytes key,
                 struct iso_bytes *value);

/* The first row whose key is ≥ `from`, or > `from` when `is_after`; false: none is.
 * `key` and `from` may be the same. */
bool iso_map_seek(const struct iso_map *map, struct iso_bytes from, bool is_after,
                  struct iso_bytes *key, struct iso_bytes *value);

#endif
