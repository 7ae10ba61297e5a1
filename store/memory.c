/* A map per space; a view is a copy of them all, which costs nothing (map.h). One lock
 * orders what changes and copies; reading a view needs none.
 *
 * A write cannot fail but for memory, which ends the process, so it is atomic by
 * holding the lock. Gone when closed.
 */
#include <pthread.h>

#include "base/mem.h"
#include "store/backend.h"
#include "store/map.h"

struct memory {
    pthread_mutex_t lock;
    struct iso_map maps[ISO_SPACES];
};

struct view;

struct scan {
    struct view *view;
    const struct iso_map *map;
    struct iso_bytes at; /* the row that was given last; at first, where to start */
    bool is_started;
    uint8_t from[ISO_STORE_KEY_MAX];
};

struct view {
    struct memory *memory;
    struct iso_map maps[ISO_SPACES];
    struct scan scan; /* the first that is open at a time: mostly the only one */
    bool is_scanned;
};

/* ---- views ---- */

static void view_rest(void *self)
{
    struct view *view = self;
    pthread_mutex_lock(&view->memory->lock);
    for (int space = 0; space < ISO_SPACES; space++)
        iso_map_release(&view->maps[space]);
    pthread_mutex_unlock(&view->memory->lock);
}

static enum iso_err view_renew(void *self, void *at, struct iso_why *why)
{
    (void)why;
    struct memory *memory = self;
    struct view *view = at;
    pthread_mutex_lock(&memory->lock);
    for (int space = 0; space < ISO_SPACES; space++) {
        iso_map_release(&view->maps[space]);
        view->maps[space] = iso_map_copy(&memory->maps[space]);
    }
    pthread_mutex_unlock(&memory->lock);
    return ISO_OK;
}

static enum iso_err view_open(void *self, void **at, struct iso_why *why)
{
    struct view *view = iso_alloc_zero(1, sizeof *view);
    view->memory = self;
    *at = view;
    return view_renew(self, view, why);
}

static void view_close(void *self, void *view)
{
    (void)self;
    view_rest(view);
    iso_free(view);
}

static enum iso_err view_get(void *self, enum iso_space space, struct iso_bytes key,
                             struct iso_bytes *value, struct iso_why *why)
{
    (void)why;
    struct view *view = self;
    return iso_map_get(&view->maps[space], key, value) ? ISO_OK : ISO_NOT_FOUND;
}

/* ---- scans ---- */

static enum iso_err scan_open(void *self, enum iso_space space, struct iso_bytes from,
                              void **at, struct iso_why *why)
{
    (void)why;
    struct view *view = self;
    struct scan *scan = view->is_scanned ? iso_alloc(sizeof *scan) : &view->scan;
    view->is_scanned = true;
    scan->view = view;
    scan->map = &view->maps[space];
    scan->is_started = false;
    if (from.size > 0)
        memcpy(scan->from, from.data, from.size);
    scan->at = iso_bytes(scan->from, from.size);
    *at = scan;
    return ISO_OK;
}

static enum iso_err scan_next(void *self, struct iso_bytes *key,
                              struct iso_bytes *value, struct iso_why *why)
{
    (void)why;
    struct scan *scan = self;
    if (!iso_map_seek(scan->map, scan->at, scan->is_started, key, value))
        return ISO_END;
    scan->is_started = true;
    scan->at = *key;
    return ISO_OK;
}

static void scan_close(void *self)
{
    struct scan *scan = self;
    if (scan == &scan->view->scan)
        scan->view->is_scanned = false;
    else
        iso_free(scan);
}

/* ---- the store ---- */

static enum iso_err memory_write(void *self, const struct iso_change *changes,
                                 size_t count, struct iso_why *why)
{
    (void)why;
    struct memory *memory = self;
    pthread_mutex_lock(&memory->lock);
    for (size_t i = 0; i < count; i++) {
        struct iso_map *map = &memory->maps[changes[i].space];
        if (changes[i].is_delete)
            iso_map_delete(map, changes[i].key);
        else
            iso_map_put(map, changes[i].key, changes[i].value);
    }
    pthread_mutex_unlock(&memory->lock);
    return ISO_OK;
}

static enum iso_err memory_stats(void *self, struct iso_store_stats *stats,
                                 struct iso_why *why)
{
    (void)why;
    struct memory *memory = self;
    pthread_mutex_lock(&memory->lock);
    for (int space = 0; space < ISO_SPACES; space++) {
        stats->rows[space] = memory->maps[space].count;
        stats->bytes_used += memory->maps[space].bytes;
    }
    pthread_mutex_unlock(&memory->lock);
    stats->bytes_free = UINT64_MAX;
    return ISO_OK;
}

static void memory_close(void *self)
{
    struct memory *memory = self;
    for (int space = 0; space < ISO_SPACES; space++)
        iso_map_release(&memory->maps[space]);
    pthread_mutex_destroy(&memory->lock);
    iso_free(memory);
}

static const struct iso_backend memory_backend = {
    .name = "memory",
    .view_open = view_open,
    .view_renew = view_renew,
    .view_close = view_close,
    .view_get = view_get,
    .view_rest = view_rest,
    .scan_open = scan_open,
    .scan_next = scan_next,
    .scan_close = scan_close,
    .write = memory_write,
    .stats = memory_stats,
    .close = memory_close,
};

struct iso_store *iso_store_memory_new(void)
{
    struct memory *memory = iso_alloc_zero(1, sizeof *memory);
    iso_assert(pthread_mutex_init(&memory->lock, NULL) == 0);
    uint8_t id[16];
    iso_store_id_draw(id);
    return iso_store_new(&memory_backend, memory, id, false);
}
