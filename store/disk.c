/* The store on disk: an environment (lmdb.c) in a directory that is ours (place.c).
 *
 * How large the map is. Growing it means unmapping it, which no view may live through.
 * So it is made as large as the file system from the start (address space costs
 * nothing), or as large as size_max, a bound that is thereby kept exactly.
 *
 * Opening anew. Three things need another environment: a meta page that could not be
 * written (LMDB refuses everything afterwards), another process that wrote beyond our
 * map, and a bound that was raised. It is replaced when nothing is in use, by whoever
 * comes first; until then newcomers are told to come again (ISO_IO), and since views
 * are bounded in age it comes to that. What was to be written is still in the caller's
 * hands.
 *
 * Slots of readers that died are cleared before every write: they keep pages from
 * reuse.
 */
#include <pthread.h>

#include "base/mem.h"
#include "store/environment.h"
#include "store/place.h"

static const char disk_data[] = "data.mdb", disk_lock[] = "lock.mdb"; /* LMDB's names */
static const int64_t disk_map_min = (int64_t)1 << 30, disk_map_max = (int64_t)1 << 40;

struct disk {
    struct iso_place *place;
    bool read_only, not_durable;
    _Atomic int64_t size_max;
    uint8_t id[16];

    pthread_mutex_t lock; /* over all below; not held while what is in use works */
    struct iso_environment *env; /* NULL: it could not be opened again yet */
    int64_t map_wanted;
    bool must_reopen;
    unsigned in_use; /* views that are awake, and the writer */
    struct view *views;
    uint64_t grown, readers_cleared;
};

struct view {
    struct disk *disk;
    struct iso_reading
        *reading; /* kept while the view rests; NULL: of no environment */
    bool is_awake;
    struct view *next;
};

/* ---- the environment: all of this under the lock ---- */

static int64_t disk_file_size(const struct disk *disk)
{
    return iso_place_file_size(disk->place, disk_data);
}

static int64_t disk_map_wanted(const struct disk *disk)
{
    if (disk->size_max > 0)
        return disk->size_max;
    int64_t room = iso_place_room(disk->place);
    room = room < disk_map_min   ? disk_map_min
           : room > disk_map_max ? disk_map_max
                                 : room;
    int64_t file = disk_file_size(disk);
    return file > room / 2 ? 2 * file : room;
}

static enum iso_err disk_env_open(struct disk *disk, struct iso_why *why)
{
    disk->map_wanted = disk_map_wanted(disk);
    struct iso_environment_options options = {
        .path = disk->place->path,
        .read_only = disk->read_only,
        .not_durable = disk->not_durable,
        .map = disk->map_wanted,
    };
    enum iso_err err = iso_environment_open(&options, disk->id, &disk->env, why);
    if (err == ISO_OK && !disk->read_only)
        iso_place_share(disk->place, disk_data, disk_lock);
    return err;
}

static void disk_env_close(struct disk *disk)
{
    for (struct view *view = disk->views; view != NULL; view = view->next) {
        iso_reading_end(view->reading);
        view->reading = NULL;
    }
    iso_environment_close(disk->env);
    disk->env = NULL;
}

/* An environment that can be used. */
static enum iso_err disk_env_ready(struct disk *disk, struct iso_why *why)
{
    iso_assert(iso_place_is_ours(disk->place)); /* a store does not cross fork */
    if (disk->env != NULL && !disk->must_reopen && !iso_environment_is_spent(disk->env))
        return ISO_OK;
    if (disk->in_use > 0)
        return iso_fail(
            why, ISO_IO,
            "the store in %s must be opened anew, and waits for %u snapshots "
            "to be closed; it is tried again",
            disk->place->path, disk->in_use);
    disk_env_close(disk);
    enum iso_err err = disk_env_open(disk, why);
    disk->must_reopen = err != ISO_OK;
    return err;
}

/* ---- views ---- */

static enum iso_err view_wake(struct view *view, struct iso_why *why)
{
    struct disk *disk = view->disk;
    enum iso_err err = disk_env_ready(disk, why);
    if (err == ISO_OK)
        err = iso_reading_begin(disk->env, &view->reading, why);
    if (err == ISO_IO && iso_environment_is_spent(disk->env)) {
        err = disk_env_ready(disk, why);
        if (err == ISO_OK)
            err = iso_reading_begin(disk->env, &view->reading, why);
    }
    view->is_awake = err == ISO_OK;
    disk->in_use += view->is_awake;
    return err;
}

/* In a child of the process that opened the store, the slots are its parent's. */
static void view_sleep(struct view *view)
{
    if (!view->is_awake || !iso_place_is_ours(view->disk->place))
        return;
    iso_reading_rest(view->reading);
    view->is_awake = false;
    view->disk->in_use--;
}

static void view_rest(void *self)
{
    struct view *view = self;
    pthread_mutex_lock(&view->disk->lock);
    view_sleep(view);
    pthread_mutex_unlock(&view->disk->lock);
}

static enum iso_err view_renew(void *self, void *at, struct iso_why *why)
{
    struct disk *disk = self;
    pthread_mutex_lock(&disk->lock);
    view_sleep(at);
    enum iso_err err = view_wake(at, why);
    pthread_mutex_unlock(&disk->lock);
    return err;
}

static void view_close(void *self, void *at)
{
    struct disk *disk = self;
    struct view *view = at;
    pthread_mutex_lock(&disk->lock);
    view_sleep(view);
    if (iso_place_is_ours(disk->place))
        iso_reading_end(view->reading);
    struct view **link = &disk->views;
    while (*link != view)
        link = &(*link)->next;
    *link = view->next;
    pthread_mutex_unlock(&disk->lock);
    iso_free(view);
}

static enum iso_err view_open(void *self, void **at, struct iso_why *why)
{
    struct disk *disk = self;
    struct view *view = iso_alloc_zero(1, sizeof *view);
    view->disk = disk;
    pthread_mutex_lock(&disk->lock);
    view->next = disk->views;
    disk->views = view;
    enum iso_err err = view_wake(view, why);
    pthread_mutex_unlock(&disk->lock);
    if (err == ISO_OK)
        *at = view;
    else
        view_close(disk, view);
    return err;
}

static enum iso_err view_get(void *self, enum iso_space space, struct iso_bytes key,
                             struct iso_bytes *value, struct iso_why *why)
{
    struct view *view = self;
    return iso_reading_get(view->reading, space, key, value, why);
}

static enum iso_err scan_open(void *self, enum iso_space space, struct iso_bytes from,
                              void **scan, struct iso_why *why)
{
    struct view *view = self;
    return iso_reading_scan_open(view->reading, space, from, scan, why);
}

static size_t view_pages(void *self)
{
    struct view *view = self;
    struct iso_store_stats stats;
    struct iso_why why;
    return iso_reading_measure(view->reading, &stats, &why) == ISO_OK
               ? (size_t)stats.bytes_used
               : SIZE_MAX;
}

/* ---- writing ---- */

static enum iso_err write_begin(struct disk *disk, struct iso_why *why)
{
    pthread_mutex_lock(&disk->lock);
    enum iso_err err = disk_env_ready(disk, why);
    if (err == ISO_OK) {
        disk->readers_cleared += iso_environment_check_readers(disk->env);
        disk->in_use++;
    }
    pthread_mutex_unlock(&disk->lock);
    return err;
}

/* True when it failed, but will do with a new environment. */
static bool write_end(struct disk *disk, bool map_is_full)
{
    pthread_mutex_lock(&disk->lock);
    disk->in_use--;
    bool can_grow = map_is_full && disk_map_wanted(disk) > disk->map_wanted;
    disk->grown += can_grow;
    disk->must_reopen |= can_grow;
    bool again = can_grow || iso_environment_is_spent(disk->env);
    pthread_mutex_unlock(&disk->lock);
    return again;
}

/* Says better than LMDB can why there is no room. */
static enum iso_err write_explain(const struct disk *disk, enum iso_err err,
                                  const struct iso_change *changes, size_t count,
                                  struct iso_why *why)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += (int64_t)(changes[i].key.size + changes[i].value.size);
    if (err != ISO_IO || !iso_place_is_full(disk->place, disk_file_size(disk), bytes))
        return err;
    return iso_fail(
        why, ISO_STORE_FULL,
        "the store in %s cannot take a change: its disk is full, or a file "
        "may not be larger (ulimit -f); make room; nothing is lost meanwhile, "
        "and it is tried again",
        disk->place->path);
}

static enum iso_err disk_write(void *self, const struct iso_change *changes,
                               size_t count, struct iso_why *why)
{
    struct disk *disk = self;
    for (;;) {
        enum iso_err err = write_begin(disk, why);
        if (err != ISO_OK)
            return err;
        bool map_is_full;
        err = iso_environment_write(disk->env, changes, count, &map_is_full, why);
        bool again = write_end(disk, map_is_full);
        if (err == ISO_OK)
            return ISO_OK;
        if (map_is_full && !again && disk->size_max > 0)
            return iso_fail(
                why, ISO_STORE_FULL,
                "the store in %s has reached its bound of %lld bytes: raise "
                "daemon.store.size.max; nothing is lost meanwhile",
                disk->place->path, (long long)disk->size_max);
        if (!again)
            return write_explain(disk, err, changes, count, why);
    }
}

/* ---- the store ---- */

/* Pages of the file that are not in use are free, too. */
static uint64_t disk_free(const struct disk *disk, const struct iso_store_stats *stats)
{
    uint64_t room = (uint64_t)iso_place_free(disk->place);
    if (stats->bytes_on_disk > stats->bytes_used)
        room += stats->bytes_on_disk - stats->bytes_used;
    int64_t size_max = disk->size_max;
    if (size_max == 0)
        return room;
    uint64_t bound = (uint64_t)size_max > stats->bytes_used
                         ? (uint64_t)size_max - stats->bytes_used
                         : 0;
    return bound < room ? bound : room;
}

static enum iso_err disk_stats(void *self, struct iso_store_stats *stats,
                               struct iso_why *why)
{
    struct disk *disk = self;
    void *at = NULL;
    enum iso_err err = view_open(disk, &at, why);
    if (err != ISO_OK)
        return err;
    struct view *view = at;
    err = iso_reading_measure(view->reading, stats, why);
    view_close(disk, view);
    stats->bytes_on_disk = (uint64_t)disk_file_size(disk);
    stats->bytes_free = disk_free(disk, stats);
    pthread_mutex_lock(&disk->lock);
    stats->grown = disk->grown;
    stats->readers_cleared = disk->readers_cleared;
    pthread_mutex_unlock(&disk->lock);
    return err;
}

static void disk_close(void *self)
{
    struct disk *disk = self;
    if (disk->place != NULL && iso_place_is_ours(disk->place))
        disk_env_close(disk);
    iso_place_leave(disk->place);
    pthread_mutex_destroy(&disk->lock);
    iso_free(disk);
}

static const struct iso_backend disk_backend = {
    .name = "lmdb",
    .view_open = view_open,
    .view_renew = view_renew,
    .view_close = view_close,
    .view_get = view_get,
    .view_rest = view_rest,
    .view_pages = view_pages,
    .scan_open = scan_open,
    .scan_next = iso_reading_scan_next,
    .scan_close = iso_reading_scan_close,
    .write = disk_write,
    .stats = disk_stats,
    .close = disk_close,
};

enum iso_err iso_store_lmdb_open(const char *path,
                                 const struct iso_store_options *options,
                                 struct iso_store **store, struct iso_why *why)
{
    *store = NULL;
    struct disk *disk = iso_alloc_zero(1, sizeof *disk);
    disk->read_only = options->read_only;
    disk->not_durable = options->not_durable;
    disk->size_max = options->size_max;
    iso_assert(pthread_mutex_init(&disk->lock, NULL) == 0);
    enum iso_err err = iso_place_take(path, disk->read_only, &disk->place, why);
    if (err == ISO_OK)
        err = disk_env_open(disk, why);
    if (err == ISO_OK && !disk->read_only)
        err = iso_place_sync(disk->place, why);
    if (err == ISO_OK)
        *store = iso_store_new(&disk_backend, disk, disk->id, disk->read_only);
    else
        disk_close(disk);
    return err;
}

void iso_store_lmdb_size_max_set(struct iso_store *store, int64_t bytes)
{
    struct disk *disk = iso_store_self(store, &disk_backend);
    disk->size_max = bytes;
}
