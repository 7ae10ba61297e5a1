/* backend.h - what a store must give; only the room itself includes this.
 *
 * txn.c keeps the pending change and hands it over whole, so a backend has no
 * transaction of its own to offer: it reads frozen views and writes one sorted list of
 * changes, atomically. That is all there is to adding a store.
 */
#ifndef ISO_STORE_BACKEND_H
#define ISO_STORE_BACKEND_H

#include "store/store.h"

struct iso_change {
    enum iso_space space;
    bool is_delete; /* of a key that may be absent */
    struct iso_bytes key;
    struct iso_bytes value;
};

struct iso_backend {
    const char *name;

    /* Frozen views. `view` is the backend's own. A view may be opened by any thread,
     * and is used by one. renew gives the same handle the newest state. What view_get
     * and scan_next answer is borrowed until the view rests, is renewed or closed. A
     * key that is not there is ISO_NOT_FOUND, the end of a scan ISO_END; both leave
     * `why` alone. */
    enum iso_err (*view_open)(void *self, void **view, struct iso_why *why);
    enum iso_err (*view_renew)(void *self, void *view, struct iso_why *why);
    void (*view_close)(void *self, void *view);
    enum iso_err (*view_get)(void *view, enum iso_space space, struct iso_bytes key,
                             struct iso_bytes *value, struct iso_why *why);
    /* Lets go of the frozen state until view_renew, so that old pages can be reused. */
    void (*view_rest)(void *view);

    /* Bytes of the pages that hold the rows of the view, where writing a row holds its
     * whole page in memory until the write is done; NULL: it does not. */
    size_t (*view_pages)(void *view);

    /* The rows from the first whose key is ≥ `from` (copied; empty: the first) on, in
     * order. A scan is closed before its view rests or is closed. */
    enum iso_err (*scan_open)(void *view, enum iso_space space, struct iso_bytes from,
                              void **scan, struct iso_why *why);
    enum iso_err (*scan_next)(void *scan, struct iso_bytes *key,
                              struct iso_bytes *value, struct iso_why *why);
    void (*scan_close)(void *scan);

    /* All of `changes` (sorted by space, then key, each key once) or none; durable when
     * it returns. Grows the store as needed; ISO_STORE_FULL when the disk or the bound
     * does not allow. After a failure of kind ISO_RETRY it is called again with the
     * same changes. Never called by two threads at once. */
    enum iso_err (*write)(void *self, const struct iso_change *changes, size_t count,
                          struct iso_why *why);

    /* Everything but `commits`, which the wrapper counts. Any thread, at any time. */
    enum iso_err (*stats)(void *self, struct iso_store_stats *stats,
                          struct iso_why *why);
    void (*close)(void *self);
};

/* Wraps a backend into a store; takes `self` over. `id` is copied. */
struct iso_store *iso_store_new(const struct iso_backend *backend, void *self,
                                const uint8_t id[16], bool read_only);

/* 16 random bytes. */
void iso_store_id_draw(uint8_t id[16]);

/* The `self` of a store that was made with `backend`; that it was is asserted. */
void *iso_store_self(struct iso_store *store, const struct iso_backend *backend);

/* The clock that a snapshot's age is told by, instead of the machine's (for tests). Set
 * before the first snapshot; it must outlive the store. */
struct iso_clock;
void iso_store_clock_set(struct iso_store *store, const struct iso_clock *clock);

#endif
