/* The only file that speaks to LMDB. A space is a named database; a commit is one write
 * transaction, durable when it returns: data pages are synced before the meta page that
 * makes them count, which is written through. No MDB_WRITEMAP: with it a full disk is a
 * SIGBUS.
 *
 * What the store is stands in the unnamed database: format and id, written together
 * with the databases when it is made. So one that was not made to its end is empty.
 *
 * LMDB reads through a mapping, whose size bounds the file. A process whose address
 * space is limited gets a smaller one than it asked for.
 *
 * A reading holds a slot in lock.mdb, which therefore must be writable, also for who
 * only reads. (Without slots, MDB_NOLOCK, a writer reuses pages under a reader: never.
 * On a read-only file system LMDB does without them, as nobody writes there.)
 *
 * Every call of LMDB may fail; its answer is turned into ours in one place. There are
 * no checks over pages: damage is found by those who check their rows.
 */
#include <errno.h>
#include <lmdb.h>

#include "base/mem.h"
#include "store/environment.h"

enum { LMDB_FORMAT = 1, LMDB_MODE = 0640, LMDB_READERS = 1024, LMDB_ID = 16 };

enum { LMDB_AHEAD = 6, LMDB_PREFETCH = 512 }; /* changes, bytes of each */

static const size_t lmdb_map_least = (size_t)64 << 20;

static const char *const lmdb_names[ISO_SPACES] = {
    [ISO_META] = "meta",     [ISO_ENTRY] = "entry",   [ISO_FILTER] = "filter",
    [ISO_BUCKET] = "bucket", [ISO_LEDGER] = "ledger", [ISO_OUTBOX] = "outbox",
    [ISO_ASIDE] = "aside",
};

struct iso_environment {
    struct iso_environment_options options;
    MDB_env *env;
    MDB_dbi spaces[ISO_SPACES];
    _Atomic bool is_spent;
};

struct scan {
    struct iso_reading *reading;
    MDB_cursor *cursor;
    MDB_cursor_op op; /* what gives the next row */
    size_t from_size;
    uint8_t from[ISO_STORE_KEY_MAX];
};

struct iso_reading {
    struct iso_environment *env;
    MDB_txn *txn;
    struct scan scan; /* the first that is open at a time: mostly the only one */
    bool is_scanned;
};

/* ---- failures ---- */

#define LMDB_DENIED                                                                    \
    "this user must be able to write lock.mdb and to read data.mdb (and to write it, " \
    "if it is to change)"
#define LMDB_MISMATCH                                                        \
    "this is no store of isostasy, or one of another version; name another " \
    "directory, "                                                            \
    "or move data.mdb and lock.mdb away"
#define LMDB_DAMAGED "it is damaged; move it away and let the region be seeded anew"
#define LMDB_FULL "make room there; nothing is lost meanwhile, and it is tried again"

static const struct {
    int rc;
    enum iso_err err;
    const char *remedy;
} lmdb_failures[] = {
    {EACCES, ISO_DENIED, LMDB_DENIED},
    {EPERM, ISO_DENIED, LMDB_DENIED},
    {EROFS, ISO_DENIED, LMDB_DENIED},
    {ENOENT, ISO_NOT_FOUND,
     "start the daemon that makes it, or name another directory"},
    {MDB_INVALID, ISO_STORE_MISMATCH, LMDB_MISMATCH},
    {MDB_VERSION_MISMATCH, ISO_STORE_MISMATCH, LMDB_MISMATCH},
    {MDB_INCOMPATIBLE, ISO_STORE_MISMATCH, LMDB_MISMATCH},
    {MDB_CORRUPTED, ISO_DAMAGED, LMDB_DAMAGED},
    {MDB_PAGE_NOTFOUND, ISO_DAMAGED, LMDB_DAMAGED},
    {MDB_READERS_FULL, ISO_AGAIN, "close some snapshots"},
    {ENOSPC, ISO_STORE_FULL, LMDB_FULL},
    {EDQUOT, ISO_STORE_FULL, LMDB_FULL},
    {EFBIG, ISO_STORE_FULL, "raise the limit on file sizes (ulimit -f)"},
    {MDB_MAP_FULL, ISO_STORE_FULL,
     "raise its bound, or the process's limit on address space (ulimit -v)"},
};

static enum iso_err lmdb_fail(struct iso_environment *env, int rc, const char *what,
                              struct iso_why *why)
{
    if (rc == MDB_PANIC || rc == MDB_MAP_RESIZED)
        env->is_spent = true;
    enum iso_err err = ISO_IO;
    const char *remedy = "it is tried again";
    for (size_t i = 0; i < sizeof lmdb_failures / sizeof *lmdb_failures; i++) {
        if (lmdb_failures[i].rc == rc) {
            err = lmdb_failures[i].err;
            remedy = lmdb_failures[i].remedy;
        }
    }
    return iso_fail(why, err, "the store in %s %s: %s; %s", env->options.path, what,
                    mdb_strerror(rc), remedy);
}

/* ---- opening ---- */

static int env_open(struct iso_environment *env, size_t map)
{
    int rc = mdb_env_create(&env->env);
    if (rc != 0)
        return rc;
    unsigned flags = MDB_NOTLS;
    if (env->options.read_only)
        flags |= MDB_RDONLY;
    if (env->options.not_durable)
        flags |= MDB_NOSYNC;
    iso_assert(mdb_env_set_mapsize(env->env, map) == 0);
    iso_assert(mdb_env_set_maxdbs(env->env, ISO_SPACES) == 0);
    iso_assert(mdb_env_set_maxreaders(env->env, LMDB_READERS) == 0);
    rc = mdb_env_open(env->env, env->options.path, flags, LMDB_MODE);
    if (rc != 0) {
        mdb_env_close(env->env);
        env->env = NULL;
    }
    return rc;
}

static bool id_is_none(const uint8_t id[LMDB_ID])
{
    static const uint8_t none[LMDB_ID];
    return memcmp(id, none, LMDB_ID) == 0;
}

/* Writes the row that says what the store is, unless somebody else's rows are there. */
static int marker_make(struct iso_environment *env, MDB_txn *txn, MDB_dbi unnamed,
                       uint8_t id[LMDB_ID], MDB_val *key)
{
    MDB_stat stat;
    int rc = mdb_stat(txn, unnamed, &stat);
    if (rc != 0)
        return rc;
    if (stat.ms_entries > 0)
        return MDB_INVALID;
    if (!id_is_none(id))
        return MDB_INCOMPATIBLE; /* the one we had is gone */
    if (env->options.read_only)
        return ENOENT; /* it is being made */
    uint8_t bytes[4 + LMDB_ID];
    iso_store_id_draw(id);
    iso_put_u32(bytes, LMDB_FORMAT);
    memcpy(bytes + 4, id, LMDB_ID);
    MDB_val value = {sizeof bytes, bytes};
    return mdb_put(txn, unnamed, key, &value, 0);
}

static int marker_check(struct iso_environment *env, MDB_txn *txn, uint8_t id[LMDB_ID])
{
    char name[] = "isostasy";
    MDB_val key = {sizeof name - 1, name}, value;
    MDB_dbi unnamed;
    int rc = mdb_dbi_open(txn, NULL, 0, &unnamed);
    if (rc == 0)
        rc = mdb_get(txn, unnamed, &key, &value);
    if (rc == MDB_NOTFOUND)
        return marker_make(env, txn, unnamed, id, &key);
    if (rc != 0)
        return rc;
    const uint8_t *at = value.mv_data;
    if (value.mv_size != 4 + LMDB_ID || iso_get_u32(at) != LMDB_FORMAT)
        return MDB_VERSION_MISMATCH;
    if (!id_is_none(id) && memcmp(id, at + 4, LMDB_ID) != 0)
        return MDB_INCOMPATIBLE;
    memcpy(id, at + 4, LMDB_ID);
    return 0;
}

static int spaces_open(struct iso_environment *env, uint8_t id[LMDB_ID])
{
    MDB_txn *txn;
    unsigned reads = env->options.read_only ? MDB_RDONLY : 0;
    int rc = mdb_txn_begin(env->env, NULL, reads, &txn);
    if (rc != 0)
        return rc;
    rc = marker_check(env, txn, id);
    for (int space = 0; rc == 0 && space < ISO_SPACES; space++)
        rc = mdb_dbi_open(txn, lmdb_names[space], reads ? 0 : MDB_CREATE,
                          &env->spaces[space]);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc == MDB_NOTFOUND ? MDB_INVALID : rc;
}

enum iso_err iso_environment_open(const struct iso_environment_options *options,
                                  uint8_t id[16], struct iso_environment **env,
                                  struct iso_why *why)
{
    struct iso_environment *made = iso_alloc_zero(1, sizeof *made);
    made->options = *options;
    size_t map = (size_t)options->map;
    int rc = env_open(made, map);
    for (; rc == ENOMEM && map / 2 >= lmdb_map_least; rc = env_open(made, map))
        map /= 2;
    if (rc == 0)
        rc = spaces_open(made, id);
    if (rc == 0) {
        *env = made;
        return ISO_OK;
    }
    enum iso_err err = lmdb_fail(made, rc, "cannot be opened", why);
    iso_environment_close(made);
    return err;
}

void iso_environment_close(struct iso_environment *env)
{
    if (env == NULL)
        return;
    if (env->env != NULL)
        mdb_env_close(env->env);
    iso_free(env);
}

bool iso_environment_is_spent(const struct iso_environment *env)
{
    return env->is_spent;
}

uint64_t iso_environment_check_readers(struct iso_environment *env)
{
    int dead = 0;
    return mdb_reader_check(env->env, &dead) == 0 ? (uint64_t)dead : 0;
}

/* ---- readings ---- */

enum iso_err iso_reading_begin(struct iso_environment *env,
                               struct iso_reading **reading, struct iso_why *why)
{
    MDB_txn *txn = NULL;
    int rc = *reading != NULL ? mdb_txn_renew((*reading)->txn)
                              : mdb_txn_begin(env->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0)
        return lmdb_fail(env, rc, "cannot be read", why);
    if (*reading == NULL) {
        *reading = iso_alloc(sizeof **reading);
        **reading = (struct iso_reading){.env = env, .txn = txn};
    }
    return ISO_OK;
}

void iso_reading_rest(struct iso_reading *reading)
{
    mdb_txn_reset(reading->txn);
}

void iso_reading_end(struct iso_reading *reading)
{
    if (reading == NULL)
        return;
    mdb_txn_abort(reading->txn);
    iso_free(reading);
}

/* LMDB takes what it only reads as not const. */
static MDB_val val_of(struct iso_bytes bytes)
{
    return (MDB_val){bytes.size, (void *)(uintptr_t)bytes.data};
}

enum iso_err iso_reading_get(struct iso_reading *reading, enum iso_space space,
                             struct iso_bytes key, struct iso_bytes *value,
                             struct iso_why *why)
{
    MDB_val name = val_of(key), found;
    int rc = mdb_get(reading->txn, reading->env->spaces[space], &name, &found);
    if (rc == MDB_NOTFOUND)
        return ISO_NOT_FOUND;
    if (rc != 0)
        return lmdb_fail(reading->env, rc, "cannot give a row", why);
    *value = iso_bytes(found.mv_data, found.mv_size);
    return ISO_OK;
}

static uint64_t pages_of(const MDB_stat *stat)
{
    return stat->ms_branch_pages + stat->ms_leaf_pages + stat->ms_overflow_pages;
}

enum iso_err iso_reading_measure(struct iso_reading *reading,
                                 struct iso_store_stats *stats, struct iso_why *why)
{
    enum { LMDB_FREE_PAGES, LMDB_UNNAMED, LMDB_META_PAGES };
    MDB_stat free_pages, unnamed, stat;
    int rc = mdb_stat(reading->txn, LMDB_FREE_PAGES, &free_pages);
    if (rc == 0)
        rc = mdb_stat(reading->txn, LMDB_UNNAMED, &unnamed);
    if (rc != 0)
        return lmdb_fail(reading->env, rc, "cannot be measured", why);
    uint64_t pages = LMDB_META_PAGES + pages_of(&free_pages) + pages_of(&unnamed);
    for (int space = 0; space < ISO_SPACES; space++) {
        rc = mdb_stat(reading->txn, reading->env->spaces[space], &stat);
        if (rc != 0)
            return lmdb_fail(reading->env, rc, "cannot be measured", why);
        stats->rows[space] = stat.ms_entries;
        pages += pages_of(&stat);
    }
    stats->bytes_used = pages * unnamed.ms_psize;
    return ISO_OK;
}

/* ---- scans ---- */

static struct scan *scan_take(struct iso_reading *reading)
{
    struct scan *scan = reading->is_scanned ? iso_alloc(sizeof *scan) : &reading->scan;
    reading->is_scanned = true;
    scan->reading = reading;
    return scan;
}

static void scan_give(struct scan *scan)
{
    if (scan == &scan->reading->scan)
        scan->reading->is_scanned = false;
    else
        iso_free(scan);
}

enum iso_err iso_reading_scan_open(struct iso_reading *reading, enum iso_space space,
                                   struct iso_bytes from, void **at,
                                   struct iso_why *why)
{
    struct iso_environment *env = reading->env;
    struct scan *scan = scan_take(reading);
    int rc = mdb_cursor_open(reading->txn, env->spaces[space], &scan->cursor);
    if (rc != 0) {
        scan_give(scan);
        return lmdb_fail(env, rc, "cannot be walked", why);
    }
    scan->op = from.size > 0 ? MDB_SET_RANGE : MDB_FIRST;
    scan->from_size = from.size;
    if (from.size > 0)
        memcpy(scan->from, from.data, from.size);
    *at = scan;
    return ISO_OK;
}

enum iso_err iso_reading_scan_next(void *at, struct iso_bytes *key,
                                   struct iso_bytes *value, struct iso_why *why)
{
    struct scan *scan = at;
    MDB_val name = {scan->from_size, scan->from}, found;
    int rc = mdb_cursor_get(scan->cursor, &name, &found, scan->op);
    if (rc == MDB_NOTFOUND)
        return ISO_END;
    if (rc != 0)
        return lmdb_fail(scan->reading->env, rc, "cannot be walked", why);
    scan->op = MDB_NEXT;
    *key = iso_bytes(name.mv_data, name.mv_size);
    *value = iso_bytes(found.mv_data, found.mv_size);
    return ISO_OK;
}

void iso_reading_scan_close(void *at)
{
    struct scan *scan = at;
    mdb_cursor_close(scan->cursor);
    scan_give(scan);
}

/* ---- writing ---- */

/* A cursor finds the place of a key at once when it is near the former's: so sorted
 * changes go in faster than by mdb_put. */
static int change_put(MDB_cursor *cursor, const struct iso_change *change)
{
    MDB_val key = val_of(change->key), value = val_of(change->value);
    if (!change->is_delete)
        return mdb_cursor_put(cursor, &key, &value, 0);
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET);
    if (rc == MDB_NOTFOUND)
        return 0;
    return rc != 0 ? rc : mdb_cursor_del(cursor, 0);
}

/* Keys and values lie scattered in memory, in the order in which they came. */
static inline void change_prefetch(const struct iso_change *change)
{
    __builtin_prefetch(change->key.data);
    for (size_t at = 0; at < change->value.size && at < LMDB_PREFETCH; at += 64)
        __builtin_prefetch(change->value.data + at);
}

/* The changes of one space; says how many they are. */
static int space_put(struct iso_environment *env, MDB_txn *txn,
                     const struct iso_change *changes, size_t count, size_t *done)
{
    MDB_cursor *cursor;
    enum iso_space space = changes[0].space;
    int rc = mdb_cursor_open(txn, env->spaces[space], &cursor);
    if (rc != 0)
        return rc;
    size_t i = 0;
    for (; i < count && changes[i].space == space && rc == 0; i++) {
        if (i + LMDB_AHEAD < count)
            change_prefetch(&changes[i + LMDB_AHEAD]);
        rc = change_put(cursor, &changes[i]);
    }
    mdb_cursor_close(cursor);
    *done = i;
    return rc;
}

enum iso_err iso_environment_write(struct iso_environment *env,
                                   const struct iso_change *changes, size_t count,
                                   bool *map_is_full, struct iso_why *why)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(env->env, NULL, 0, &txn);
    for (size_t i = 0, done = 0; i < count && rc == 0; i += done)
        rc = space_put(env, txn, changes + i, count - i, &done);
    if (rc == 0)
        rc = mdb_txn_commit(txn);
    else if (txn != NULL)
        mdb_txn_abort(txn);
    *map_is_full = rc == MDB_MAP_FULL;
    return rc == 0 ? ISO_OK : lmdb_fail(env, rc, "cannot take a change", why);
}
