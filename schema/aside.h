/* aside.h - large values of an entry's parts, which stand in rows of their own.
 *
 * A value of more than ISO_VALUE_ASIDE bytes is not in the row of its entry: that keeps
 * its size, its XXH3-128 and a number, and the value stands beside the entry under that
 * number. So merging costs by the number of parts and not by their bytes, and what a
 * key holds is bounded by neither memory nor the size of a row. The entry's check
 * covers the hash, so a value that is found is the one that was written.
 *
 *     entry   … version, position, −size, hash, number ─┐
 *     value   key ‖ number ─────────────────────────────┴▶ the bytes
 *
 * Numbers, 1 and up, are the store's own: those of an entry differ, and no digest has
 * them. A held value is *loaded* when its bytes are at hand; until then value.data is
 * NULL.
 */
#ifndef ISO_SCHEMA_ASIDE_H
#define ISO_SCHEMA_ASIDE_H

#include "schema/part.h"

/* Where the values of one key are looked up. */
struct iso_asides {
    void *self;
    /* ISO_NOT_FOUND, or the bytes, borrowed for as long as `self` says. */
    enum iso_err (*get)(void *self, uint64_t number, struct iso_bytes *value,
                        struct iso_why *why);
};

static inline bool iso_held_is_aside(const struct iso_held *held)
{
    return held->value.size > ISO_VALUE_ASIDE;
}
static inline bool iso_held_is_loaded(const struct iso_held *held)
{
    return held->value.data != NULL || held->value.size == 0;
}

/* The XXH3-128 of the value, loaded or not. */
struct iso_digest iso_held_hash(const struct iso_held *held);

/* Loads the value, unless it is. ISO_DAMAGED: it is not there, or not what was written;
 * then nothing is changed. `asides` NULL has none. */
enum iso_err iso_held_load(struct iso_held *held, const struct iso_asides *asides,
                           struct iso_why *why);

/* The order of values of one version: small ones by their bytes, before large ones, by
 * their hash. */
int iso_held_compare_value(const struct iso_held *a, const struct iso_held *b);

#endif
