/* A view is a copy of the maps; a write changes them at once and whole. Reads of the
 * checker go to the maps, behind the door where faults are drawn. */
#include "tests/sim/sim_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/backend.h"

struct view;

struct scan {
    const struct iso_map *map;
    struct iso_cursor *cursor; /* of LMDB, instead */
    bool is_started;
    struct iso_buf at;
};

struct view {
    struct sim_store *store;
    struct iso_map maps[ISO_SPACES];
    struct iso_snapshot *snapshot; /* of LMDB, instead */
};

static bool fails(struct sim_store *store, unsigned rate)
{
    bool failed = rate > 0 && iso_chance_draw(&store->chance) % 1000 < rate;
    store->failed += failed;
    return failed;
}

static void maps_release(struct iso_map maps[ISO_SPACES])
{
    for (int space = 0; space < ISO_SPACES; space++)
        iso_map_release(&maps[space]);
}

static void maps_copy(struct iso_map to[ISO_SPACES],
                      const struct iso_map from[ISO_SPACES])
{
    maps_release(to);
    for (int space = 0; space < ISO_SPACES; space++)
        to[space] = iso_map_copy(&from[space]);
}

/* ---- views ---- */

static void view_rest(void *at)
{
    struct view *view = at;
    maps_release(view->maps);
    iso_snapshot_close(view->snapshot);
    view->snapshot = NULL;
}

static enum iso_err view_renew(void *self, void *at, struct iso_why *why)
{
    struct sim_store *store = self;
    struct view *view = at;
    view_rest(view);
    if (fails(store, store->views))
        return iso_fail(why, ISO_IO, "the simulated store gives no view");
    if (store->lmdb != NULL)
        return iso_snapshot_open(store->lmdb, &view->snapshot, why);
    maps_copy(view->maps, store->maps);
    return ISO_OK;
}

static enum iso_err view_open(void *self, void **at, struct iso_why *why)
{
    struct view *view = iso_alloc_zero(1, sizeof *view);
    view->store = self;
    enum iso_err err = view_renew(self, view, why);
    if (err != ISO_OK)
        iso_free(view);
    else
        *at = view;
    return err;
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
    struct view *view = at;
    if (fails(view->store, view->store->reads))
        return iso_fail(why, ISO_IO, "the simulated store does not read");
    if (view->snapshot != NULL)
        return iso_snapshot_get(view->snapshot, space, key, value, why);
    return iso_map_get(&view->maps[space], key, value) ? ISO_OK : ISO_NOT_FOUND;
}

static enum iso_err scan_open(void *at, enum iso_space space, struct iso_bytes from,
                              void **opened, struct iso_why *why)
{
    struct view *view = at;
    if (fails(view->store, view->store->reads))
        return iso_fail(why, ISO_IO, "the simulated store does not scan");
    struct scan *scan = iso_alloc_zero(1, sizeof *scan);
    scan->map = &view->maps[space];
    iso_buf_add_bytes(&scan->at, from);
    *opened = scan;
    struct iso_bytes all = {0};
    return view->snapshot == NULL
               ? ISO_OK
               : iso_cursor_open(view->snapshot, space, all, from, &scan->cursor, why);
}

static enum iso_err scan_next(void *at, struct iso_bytes *key, struct iso_bytes *value,
                              struct iso_why *why)
{
    struct scan *scan = at;
    if (scan->cursor != NULL)
        return iso_cursor_next(scan->cursor, key, value, why);
    if (!iso_map_seek(scan->map, iso_buf_bytes(&scan->at), scan->is_started, key,
                      value))
        return ISO_END;
    scan->is_started = true;
    iso_buf_clear(&scan->at);
    iso_buf_add_bytes(&scan->at, *key);
    return ISO_OK;
}

static void scan_close(void *at)
{
    struct scan *scan = at;
    iso_cursor_close(scan->cursor);
    iso_buf_release(&scan->at);
    iso_free(scan);
}

/* ---- LMDB ---- */

static void must(enum iso_err err, const struct iso_why *why)
{
    if (err == ISO_OK)
        return;
    fprintf(stderr, "the store of a simulation: %s\n", why->text);
    _Exit(2);
}

static void lmdb_write(struct sim_store *store, const struct iso_change *changes,
                       size_t count)
{
    struct iso_txn *txn;
    struct iso_why why;
    must(iso_txn_begin(store->lmdb, &txn, &why), &why);
    for (size_t i = 0; i < count; i++) {
        const struct iso_change *change = &changes[i];
        if (change->is_delete)
            iso_txn_delete(txn, change->space, change->key);
        else
            iso_txn_put(txn, change->space, change->key, change->value);
    }
    must(iso_txn_commit(txn, &why), &why);
}

/* Nothing of it stays, however the process ends: its files lose their names as soon as
 * they are open. */
static void lmdb_hide(const char *path)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "iso.lock"};
    char name[128];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s/%s", path, files[i]);
        unlink(name);
    }
    rmdir(path);
}

static void lmdb_close(struct sim_store *store)
{
    iso_store_close(store->lmdb);
    store->lmdb = NULL;
}

/* A new one, with all that the maps hold. */
static void lmdb_fill(struct sim_store *store)
{
    struct iso_store_options options = {.not_durable = true};
    struct iso_txn *txn;
    struct iso_why why;
    const char *folder = getenv("TMPDIR");
    char path[64];
    snprintf(path, sizeof path, "%.40s/iso-sim-XXXXXX",
             folder != NULL ? folder : "/tmp");
    iso_assert(mkdtemp(path) != NULL);
    must(iso_store_lmdb_open(path, &options, &store->lmdb, &why), &why);
    lmdb_hide(path);
    must(iso_txn_begin(store->lmdb, &txn, &why), &why);
    for (int space = 0; space < ISO_SPACES; space++) {
        struct iso_bytes key = {0}, value;
        bool found = iso_map_seek(&store->maps[space], key, false, &key, &value);
        while (found) {
            iso_txn_put(txn, (enum iso_space)space, key, value);
            found = iso_map_seek(&store->maps[space], key, true, &key, &value);
        }
    }
    must(iso_txn_commit(txn, &why), &why);
}

/* ---- writing ---- */

static void changes_write(struct sim_store *store, const struct iso_change *changes,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct iso_change *change = &changes[i];
        struct iso_map *map = &store->maps[change->space];
        if (change->is_delete)
            iso_map_delete(map, change->key);
        else
            iso_map_put(map, change->key, change->value);
    }
    store->commits++;
}

static enum iso_err store_write(void *self, const struct iso_change *changes,
                                size_t count, struct iso_why *why)
{
    struct sim_store *store = self;
    enum sim_store_commit how = store->next;
    if (store->full > 0 || fails(store, store->writes)) {
        store->failed += store->full > 0;
        store->full -= store->full > 0;
        return iso_fail(why, ISO_STORE_FULL, "the simulated disk is full");
    }
    store->next = SIM_COMMIT_WELL;
    if (how != SIM_COMMIT_DIES_BEFORE && store->lmdb != NULL)
        lmdb_write(store, changes, count);
    if (how != SIM_COMMIT_DIES_BEFORE)
        changes_write(store, changes, count);
    if (how == SIM_COMMIT_WELL)
        return ISO_OK;
    store->died = how != SIM_COMMIT_TORN;
    return iso_fail(why, ISO_IO, "the simulated disk fails in a commit");
}

static enum iso_err store_stats(void *self, struct iso_store_stats *stats,
                                struct iso_why *why)
{
    struct sim_store *store = self;
    (void)why;
    *stats = (struct iso_store_stats){0};
    for (int space = 0; space < ISO_SPACES; space++) {
        stats->rows[space] = store->maps[space].count;
        stats->bytes_used += store->maps[space].bytes;
    }
    stats->bytes_on_disk = stats->bytes_used;
    return ISO_OK;
}

static void store_close(void *self)
{
    (void)self; /* the machine's disk stays */
}

/* ---- what a disk holds is not its daemon's memory ---- */

#define OUTSIDE(call)                              \
    do {                                           \
        int64_t *account_ = iso_mem_account(NULL); \
        call;                                      \
        iso_mem_account(account_);                 \
    } while (0)

static enum iso_err door_renew(void *self, void *view, struct iso_why *why)
{
    enum iso_err err;
    OUTSIDE(err = view_renew(self, view, why));
    return err;
}

static enum iso_err door_open(void *self, void **view, struct iso_why *why)
{
    enum iso_err err;
    OUTSIDE(err = view_open(self, view, why));
    return err;
}

static void door_close(void *self, void *view)
{
    OUTSIDE(view_close(self, view));
}

static void door_rest(void *view)
{
    OUTSIDE(view_rest(view));
}

static enum iso_err door_scan(void *view, enum iso_space space, struct iso_bytes from,
                              void **scan, struct iso_why *why)
{
    enum iso_err err;
    OUTSIDE(err = scan_open(view, space, from, scan, why));
    return err;
}

static enum iso_err door_next(void *scan, struct iso_bytes *key,
                              struct iso_bytes *value, struct iso_why *why)
{
    enum iso_err err;
    OUTSIDE(err = scan_next(scan, key, value, why));
    return err;
}

static void door_scanned(void *scan)
{
    OUTSIDE(scan_close(scan));
}

static enum iso_err door_write(void *self, const struct iso_change *changes,
                               size_t count, struct iso_why *why)
{
    enum iso_err err;
    OUTSIDE(err = store_write(self, changes, count, why));
    return err;
}

static const struct iso_backend sim_backend = {
    .name = "simulated",
    .view_open = door_open,
    .view_renew = door_renew,
    .view_close = door_close,
    .view_get = view_get,
    .view_rest = door_rest,
    .scan_open = door_scan,
    .scan_next = door_next,
    .scan_close = door_scanned,
    .write = door_write,
    .stats = store_stats,
    .close = store_close,
};

/* ---- the disk ---- */

void sim_store_init(struct sim_store *store, uint64_t seed, bool lmdb)
{
    *store = (struct sim_store){0};
    iso_chance_seeded_init(&store->chance, seed);
    for (int i = 0; i < 16; i += 8)
        iso_put_u64(store->id + i, iso_chance_draw(&store->chance));
    if (lmdb)
        lmdb_fill(store);
}

struct iso_store *sim_store_open(struct sim_store *store)
{
    return iso_store_new(&sim_backend, store, store->id, false);
}

void sim_store_release(struct sim_store *store)
{
    if (store->lmdb != NULL)
        lmdb_close(store);
    maps_release(store->maps);
    for (int n = 0; n < SIM_STORE_COPIES; n++)
        maps_release(store->copies[n]);
}

void sim_store_copy(struct sim_store *store, unsigned n)
{
    maps_copy(store->copies[n], store->maps);
    store->copied[n] = true;
}

bool sim_store_restore(struct sim_store *store, unsigned n)
{
    if (!store->copied[n])
        return false;
    maps_copy(store->maps, store->copies[n]);
    if (store->lmdb != NULL) {
        lmdb_close(store);
        lmdb_fill(store);
    }
    return true;
}

void sim_store_lose(struct sim_store *store, uint64_t seed)
{
    bool lmdb = store->lmdb != NULL;
    sim_store_release(store);
    sim_store_init(store, seed, lmdb);
}
