/* txn.h - the one pending change of a store. Room-private.
 *
 * store.h has the calls; here is what store.c needs to keep one.
 */
#ifndef ISO_STORE_TXN_H
#define ISO_STORE_TXN_H

#include "store/backend.h"

/* `commits` is counted up at every commit that wrote something; it may be read by other
 * threads. */
struct iso_txn *iso_txn_new(const struct iso_backend *backend, void *self,
                            _Atomic uint64_t *commits);
void iso_txn_free(struct iso_txn *txn); /* must have ended; NULL is fine */

/* Begins it anew. That it has not ended is our own mistake. */
enum iso_err iso_txn_start(struct iso_txn *txn, struct iso_why *why);

/* What is asserted of every key, everywhere. */
static inline void iso_key_check(enum iso_space space, struct iso_bytes key)
{
    iso_assert(space >= 0 && space < ISO_SPACES);
    iso_assert(key.size >= 1 && key.size <= ISO_STORE_KEY_MAX);
}

#endif
