/* A view is a copy of the maps; a write changes them at once and whole. Reads of the
 * checker go to the maps, behind the door where faults are drawn. */
#include "tests/sim/sim_store.h"

#include "base/mem.h"
#include "store/backend.h"

struct view;

struct scan {
    const struct iso_map *map;
    bool is_started;
    struct iso_buf at;
};

struct view {
    struct sim_store *store;
    struct iso_map maps[ISO_SPACES];
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
}

static enum iso_err view_renew(void *self, void *at, struct iso_why *why)
{
    struct sim_store *store = self;
    struct view *view = at;
    view_rest(view);
    if (fails(store, store->views))
        return iso_fail(why, ISO_IO, "the simulated store gives no view");
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
    return ISO_OK;
}

static enum iso_err scan_next(void *at, struct iso_bytes *key, struct iso_bytes *value,
                              struct iso_why *why)
{
    struct scan *scan = at;
    (void)why;
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
    iso_buf_release(&scan->at);
    iso_free(scan);
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

static const struct iso_backend sim_backend = {
    .name = "simulated",
    .view_open = view_open,
    .view_renew = view_renew,
    .view_close = view_close,
    .view_get = view_get,
    .view_rest = view_rest,
    .scan_open = scan_open,
    .scan_next = scan_next,
    .scan_close = scan_close,
    .write = store_write,
    .stats = store_stats,
    .close = store_close,
};

/* ---- the disk ---- */

void sim_store_init(struct sim_store *store, uint64_t seed)
{
    *store = (struct sim_store){0};
    iso_chance_seeded_init(&store->chance, seed);
    for (int i = 0; i < 16; i += 8)
        iso_put_u64(store->id + i, iso_chance_draw(&store->chance));
}

struct iso_store *sim_store_open(struct sim_store *store)
{
    return iso_store_new(&sim_backend, store, store->id, false);
}

void sim_store_release(struct sim_store *store)
{
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
    return true;
}

void sim_store_lose(struct sim_store *store, uint64_t seed)
{
    sim_store_release(store);
    sim_store_init(store, seed);
}
