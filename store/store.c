/* The wrapper around a backend: it holds callers to the contract (limits, prefixes,
 * ages), so that a backend need not. It adds nothing of its own that could fail but the
 * bound on a snapshot's age.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "store/txn.h"

struct iso_store {
    const struct iso_backend *backend;
    void *self;
    uint8_t id[16];
    bool read_only;
    const struct iso_clock *clock;
    struct iso_txn *txn;
    _Atomic uint64_t commits;
    _Atomic uint64_t snapshots; /* that are open */
};

struct iso_snapshot {
    struct iso_store *store;
    void *view;
    int64_t opened_ms; /* steady */
};

struct iso_cursor {
    struct iso_snapshot *snapshot;
    void *scan;
    bool is_over;
    size_t prefix_size;
    uint8_t prefix[ISO_STORE_KEY_MAX];
};

struct iso_store *iso_store_new(const struct iso_backend *backend, void *self,
                                const uint8_t id[16], bool read_only)
{
    struct iso_store *store = iso_alloc_zero(1, sizeof *store);
    store->backend = backend;
    store->self = self;
    store->read_only = read_only;
    store->clock = &iso_clock_machine;
    memcpy(store->id, id, sizeof store->id);
    if (!read_only)
        store->txn = iso_txn_new(backend, self, &store->commits);
    return store;
}

void iso_store_close(struct iso_store *store)
{
    if (store == NULL)
        return;
    iso_assert(store->snapshots == 0);
    iso_txn_free(store->txn);
    store->backend->close(store->self);
    iso_free(store);
}

void iso_store_id_draw(uint8_t id[16])
{
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    iso_put_u64(id, iso_chance_draw(&chance));
    iso_put_u64(id + 8, iso_chance_draw(&chance));
}

void *iso_store_self(struct iso_store *store, const struct iso_backend *backend)
{
    iso_assert(store->backend == backend);
    return store->self;
}

void iso_store_clock_set(struct iso_store *store, const struct iso_clock *clock)
{
    store->clock = clock;
}

struct iso_bytes iso_store_id(const struct iso_store *store)
{
    return iso_bytes(store->id, sizeof store->id);
}

enum iso_err iso_store_stats(struct iso_store *store, struct iso_store_stats *stats,
                             struct iso_why *why)
{
    *stats = (struct iso_store_stats){0};
    enum iso_err err = store->backend->stats(store->self, stats, why);
    stats->commits = store->commits;
    return err;
}

enum iso_err iso_txn_begin(struct iso_store *store, struct iso_txn **txn,
                           struct iso_why *why)
{
    *txn = NULL;
    if (store->read_only)
        return iso_fail(why, ISO_USAGE,
                        "the store was opened for reading only; open it for writing to "
                        "change it");
    enum iso_err err = iso_txn_start(store->txn, why);
    if (err == ISO_OK)
        *txn = store->txn;
    return err;
}

/* ---- snapshots ---- */

enum iso_err iso_snapshot_open(struct iso_store *store, struct iso_snapshot **snapshot,
                               struct iso_why *why)
{
    *snapshot = NULL;
    void *view = NULL;
    enum iso_err err = store->backend->view_open(store->self, &view, why);
    if (err != ISO_OK)
        return err;
    struct iso_snapshot *made = iso_alloc(sizeof *made);
    *made = (struct iso_snapshot){
        .store = store, .view = view, .opened_ms = iso_steady_ms(store->clock)};
    store->snapshots++;
    *snapshot = made;
    return ISO_OK;
}

void iso_snapshot_close(struct iso_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    struct iso_store *store = snapshot->store;
    store->backend->view_close(store->self, snapshot->view);
    store->snapshots--;
    iso_free(snapshot);
}

/* A frozen view keeps every page alive that was in use when it was taken: a forgotten
 * one makes the store grow without end. So whoever holds one for long is told to let
 * go. */
static enum iso_err snapshot_check_age(const struct iso_snapshot *snapshot,
                                       struct iso_why *why)
{
    int64_t age_ms = iso_steady_ms(snapshot->store->clock) - snapshot->opened_ms;
    if (age_ms <= ISO_SNAPSHOT_AGE_MAX_MS)
        return ISO_OK;
    return iso_fail(
        why, ISO_STALE,
        "a snapshot is %lld ms old, which keeps the store from reusing room; "
        "close it and open a new one",
        (long long)age_ms);
}

enum iso_err iso_snapshot_get(struct iso_snapshot *snapshot, enum iso_space space,
                              struct iso_bytes key, struct iso_bytes *value,
                              struct iso_why *why)
{
    iso_key_check(space, key);
    enum iso_err err = snapshot_check_age(snapshot, why);
    if (err != ISO_OK)
        return err;
    return snapshot->store->backend->view_get(snapshot->view, space, key, value, why);
}

enum iso_err iso_cursor_open(struct iso_snapshot *snapshot, enum iso_space space,
                             struct iso_bytes prefix, struct iso_bytes from,
                             struct iso_cursor **cursor, struct iso_why *why)
{
    iso_assert(space >= 0 && space < ISO_SPACES);
    iso_assert(prefix.size <= ISO_STORE_KEY_MAX && from.size <= ISO_STORE_KEY_MAX);
    *cursor = NULL;
    struct iso_bytes start = iso_bytes_compare(prefix, from) > 0 ? prefix : from;
    void *scan = NULL;
    enum iso_err err =
        snapshot->store->backend->scan_open(snapshot->view, space, start, &scan, why);
    if (err != ISO_OK)
        return err;
    struct iso_cursor *made = iso_alloc(sizeof *made);
    made->snapshot = snapshot;
    made->scan = scan;
    made->is_over = false;
    made->prefix_size = prefix.size;
    if (prefix.size > 0)
        memcpy(made->prefix, prefix.data, prefix.size);
    *cursor = made;
    return ISO_OK;
}

enum iso_err iso_cursor_next(struct iso_cursor *cursor, struct iso_bytes *key,
                             struct iso_bytes *value, struct iso_why *why)
{
    if (cursor->is_over)
        return ISO_END;
    enum iso_err err = snapshot_check_age(cursor->snapshot, why);
    if (err != ISO_OK)
        return err;
    err = cursor->snapshot->store->backend->scan_next(cursor->scan, key, value, why);
    if (err == ISO_OK &&
        !iso_bytes_begins(*key, iso_bytes(cursor->prefix, cursor->prefix_size)))
        err = ISO_END;
    cursor->is_over = err == ISO_END;
    return err;
}

void iso_cursor_close(struct iso_cursor *cursor)
{
    if (cursor == NULL)
        return;
    cursor->snapshot->store->backend->scan_close(cursor->scan);
    iso_free(cursor);
}
