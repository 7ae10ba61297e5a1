/* The backend's views are snapshots of a memory store, its scans cursors, its writes
 * transactions: so what is held back here is all that can differ. */
#include "faulty.h"

#include "base/mem.h"
#include "store/backend.h"

struct faulty_self {
    struct faulty *faulty;
    struct iso_store *inner;
};

struct faulty_view {
    struct faulty_self *self;
    struct iso_snapshot *snapshot; /* NULL: it rests */
};

static bool fails(struct faulty *faulty, unsigned rate)
{
    bool failed = rate > 0 && iso_chance_draw(&faulty->chance) % 1000 < rate;
    faulty->failed += failed;
    return failed;
}

static enum iso_err view_renew(void *at, void *view, struct iso_why *why)
{
    struct faulty_self *self = at;
    struct faulty_view *renewed = view;
    iso_snapshot_close(renewed->snapshot);
    renewed->snapshot = NULL;
    if (fails(self->faulty, self->faulty->views))
        return iso_fail(why, ISO_IO, "the test's store gives no view");
    return iso_snapshot_open(self->inner, &renewed->snapshot, why);
}

static enum iso_err view_open(void *self, void **view, struct iso_why *why)
{
    struct faulty_view *opened = iso_alloc_zero(1, sizeof *opened);
    opened->self = self;
    enum iso_err err = view_renew(self, opened, why);
    if (err != ISO_OK)
        iso_free(opened);
    else
        *view = opened;
    return err;
}

static void view_rest(void *view)
{
    struct faulty_view *rests = view;
    iso_snapshot_close(rests->snapshot);
    rests->snapshot = NULL;
}

static void view_close(void *self, void *view)
{
    (void)self;
    view_rest(view);
    iso_free(view);
}

static enum iso_err view_get(void *at, enum iso_space space, struct iso_bytes key,
                             struct iso_bytes *value, struct iso_why *why)
{
    struct faulty_view *view = at;
    if (fails(view->self->faulty, view->self->faulty->reads))
        return iso_fail(why, ISO_IO, "the test's store does not read");
    return iso_snapshot_get(view->snapshot, space, key, value, why);
}

static enum iso_err scan_open(void *at, enum iso_space space, struct iso_bytes from,
                              void **scan, struct iso_why *why)
{
    struct faulty_view *view = at;
    struct iso_bytes all = {0};
    if (fails(view->self->faulty, view->self->faulty->reads))
        return iso_fail(why, ISO_IO, "the test's store does not scan");
    struct iso_cursor *cursor;
    enum iso_err err = iso_cursor_open(view->snapshot, space, all, from, &cursor, why);
    *scan = cursor;
    return err;
}

static enum iso_err scan_next(void *scan, struct iso_bytes *key,
                              struct iso_bytes *value, struct iso_why *why)
{
    return iso_cursor_next(scan, key, value, why);
}

static void scan_close(void *scan)
{
    iso_cursor_close(scan);
}

static enum iso_err changes_write(struct faulty_self *self,
                                  const struct iso_change *changes, size_t count,
                                  struct iso_why *why)
{
    struct iso_txn *txn;
    enum iso_err err = iso_txn_begin(self->inner, &txn, why);
    for (size_t i = 0; err == ISO_OK && i < count; i++) {
        const struct iso_change *change = &changes[i];
        if (change->is_delete)
            iso_txn_delete(txn, change->space, change->key);
        else
            iso_txn_put(txn, change->space, change->key, change->value);
    }
    return err == ISO_OK ? iso_txn_commit(txn, why) : err;
}

static enum iso_err faulty_write(void *at, const struct iso_change *changes,
                                 size_t count, struct iso_why *why)
{
    struct faulty_self *self = at;
    struct faulty *faulty = self->faulty;
    if (faulty->writes_fail > 0 || fails(faulty, faulty->writes)) {
        faulty->failed += faulty->writes_fail > 0;
        faulty->writes_fail -= faulty->writes_fail > 0;
        if (iso_chance_draw(&faulty->chance) % 4 > 0)
            return iso_fail(why, ISO_STORE_FULL, "the test's store is full");
        enum iso_err err = changes_write(self, changes, count, why);
        return err == ISO_OK ? iso_fail(why, ISO_IO, "the test's store fails at last")
                             : err;
    }
    return changes_write(self, changes, count, why);
}

static enum iso_err faulty_stats(void *self, struct iso_store_stats *stats,
                                 struct iso_why *why)
{
    return iso_store_stats(((struct faulty_self *)self)->inner, stats, why);
}

static void faulty_close(void *at)
{
    struct faulty_self *self = at;
    iso_store_close(self->inner);
    iso_free(self);
}

static const struct iso_backend faulty_backend = {
    .name = "faulty",
    .view_open = view_open,
    .view_renew = view_renew,
    .view_close = view_close,
    .view_get = view_get,
    .view_rest = view_rest,
    .scan_open = scan_open,
    .scan_next = scan_next,
    .scan_close = scan_close,
    .write = faulty_write,
    .stats = faulty_stats,
    .close = faulty_close,
};

struct iso_store *faulty_store_new(struct faulty *faulty)
{
    struct faulty_self *self = iso_alloc_zero(1, sizeof *self);
    self->faulty = faulty;
    self->inner = iso_store_memory_new();
    return iso_store_new(&faulty_backend, self, iso_store_id(self->inner).data, false);
}
