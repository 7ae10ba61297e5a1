/* Sorted, durable upserts: one database, a cursor, one write transaction a batch. The
 * environment is opened as the store opens its own, but that nothing else stands in it.
 */
#include "raw.h"

#include <lmdb.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "schema/write.h"

enum { PREFIX = 4, ROW_KEY = PREFIX + BENCH_KEY, PARTITIONS = 8 };
static const size_t map_size = (size_t)64 << 30;

struct row {
    uint8_t key[ROW_KEY];
};

static int row_compare(const void *a, const void *b)
{
    return memcmp(a, b, ROW_KEY);
}

static struct row *rows_new(const struct raw_order *order, uint64_t commits)
{
    uint64_t count = order->count;
    struct row *rows = iso_alloc(count * sizeof *rows);
    for (uint64_t n = 0; n < count; n++) {
        uint8_t *key = rows[n].key;
        memcpy(key + PREFIX, order->keys[n], BENCH_KEY);
        iso_put_u16(key, 1);
        iso_put_u16(key + 2, (uint16_t)iso_partition_of(
                                 iso_bytes(key + PREFIX, BENCH_KEY), PARTITIONS));
    }
    for (uint64_t i = 0; i < commits; i++) {
        uint64_t from = count * i / commits, to = count * (i + 1) / commits;
        qsort(rows + from, to - from, sizeof *rows, row_compare);
    }
    return rows;
}

static void must(int rc, const char *what)
{
    if (rc != 0)
        bench_die("lmdb: %s: %s", what, mdb_strerror(rc));
}

static void batch_put(MDB_env *env, MDB_dbi dbi, const struct row *rows, uint64_t count,
                      struct iso_bytes value)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    must(mdb_cursor_open(txn, dbi, &cursor), "cursor");
    for (uint64_t i = 0; i < count; i++) {
        MDB_val name = {ROW_KEY, (void *)(uintptr_t)rows[i].key};
        MDB_val data = {value.size, (void *)(uintptr_t)value.data};
        must(mdb_cursor_put(cursor, &name, &data, 0), "put");
    }
    mdb_cursor_close(cursor);
    must(mdb_txn_commit(txn), "commit");
}

double raw_upsert(const char *folder, const struct raw_order *order, size_t value_size,
                  uint64_t commits)
{
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn;
    uint64_t count = order->count;
    uint8_t *value = iso_alloc_zero(1, value_size);
    struct row *rows = rows_new(order, commits);
    must(mdb_env_create(&env), "create");
    must(mdb_env_set_mapsize(env, map_size), "map");
    must(mdb_env_set_maxdbs(env, 1), "databases");
    must(mdb_env_open(env, folder, MDB_NOTLS, 0640), folder);
    must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    must(mdb_dbi_open(txn, "entry", MDB_CREATE, &dbi), "database");
    must(mdb_txn_commit(txn), "commit");
    sync();
    double began = bench_now();
    for (uint64_t i = 0; i < commits; i++) {
        uint64_t from = count * i / commits, to = count * (i + 1) / commits;
        batch_put(env, dbi, rows + from, to - from, iso_bytes(value, value_size));
    }
    double seconds = bench_now() - began;
    mdb_env_close(env);
    iso_free(rows);
    iso_free(value);
    return seconds;
}
