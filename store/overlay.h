/* overlay.h - the rows that a transaction has put or deleted and not committed yet.
 *
 * Each key stands here once, however often it is put. Found by hash in one or two
 * memory accesses; handed over sorted. The spaces that iso_txn_scan may walk (meta,
 * ledger, outbox, mortal) are also kept in order; in the others order would only cost.
 *
 * Clearing keeps the memory for the next transaction (see arena.h). Room-private; one
 * thread at a time.
 */
#ifndef ISO_STORE_OVERLAY_H
#define ISO_STORE_OVERLAY_H

#include "store/backend.h"

struct iso_row {
    uint64_t hash;
    uint8_t *value;
    struct iso_row *
        *next; /* the row's tower in the ordered list of its space, or NULL */
    uint32_t value_size, value_room;
    uint16_t key_size;
    uint8_t space;
    bool is_delete;
    uint8_t key[];
};

static inline struct iso_bytes iso_row_key(const struct iso_row *row)
{
    return iso_bytes(row->key, row->key_size);
}

static inline struct iso_bytes iso_row_value(const struct iso_row *row)
{
    return iso_bytes(row->value, row->value_size);
}

struct iso_overlay;

struct iso_overlay *iso_overlay_new(void);
void iso_overlay_free(struct iso_overlay *overlay); /* NULL is fine */

/* A key that will be asked for soon. */
void iso_overlay_expect(const struct iso_overlay *overlay, enum iso_space space,
                        struct iso_bytes key);

/* The row of a key, which may be a deleted one; NULL: untouched. */
const struct iso_row *iso_overlay_find(const struct iso_overlay *overlay,
                                       enum iso_space space, struct iso_bytes key);

/* Both are copied; `value` may be the one that stands there. */
void iso_overlay_put(struct iso_overlay *overlay, enum iso_space space,
                     struct iso_bytes key, struct iso_bytes value);
void iso_overlay_delete(struct iso_overlay *overlay, enum iso_space space,
                        struct iso_bytes key);

/* The first row of an ordered space whose key is ≥ `key`; the one behind a row. */
bool iso_overlay_is_ordered(enum iso_space space);
const struct iso_row *iso_overlay_first(const struct iso_overlay *overlay,
                                        enum iso_space space, struct iso_bytes key);
static inline const struct iso_row *iso_overlay_next(const struct iso_row *row)
{
    return row->next[0];
}

/* All rows by space and key, borrowed until the overlay is changed. */
const struct iso_change *iso_overlay_changes(struct iso_overlay *overlay,
                                             size_t *count);

/* Bytes in use; rows. */
size_t iso_overlay_size(const struct iso_overlay *overlay);
size_t iso_overlay_count(const struct iso_overlay *overlay);

void iso_overlay_clear(struct iso_overlay *overlay);

#endif
