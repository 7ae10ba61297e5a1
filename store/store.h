/* store.h - a transactional, ordered map of bytes in named spaces.
 *
 * This is the port behind which a local store lives. It knows no version and no write:
 * the order of bytes (memcmp) is the only order it has. Two stores here, `memory` and
 * `lmdb`; a store is one file and one table line (store/README.md tells how to add
 * one).
 *
 * There is one writer and any number of readers:
 *
 *   snapshot   a frozen view: what was committed when it was opened. Any thread opens
 * and uses its own. Bounded in age: one that is held longer than
 *              ISO_SNAPSHOT_AGE_MAX_MS may answer ISO_STALE; open a new one.
 *   transaction  the one pending change. Puts and deletes are kept in memory, in front
 * of a snapshot, each key once however often it is put; `commit` hands them over sorted
 * by key, and they become durable together or not at all; `abort` forgets them. So a
 * store grows and retries on its own when it must: the whole change is still in hand.
 *
 * ISO_NOT_FOUND and ISO_END are answers: they leave `why` as it was. ISO_IO is worth
 * another try, always.
 *
 * Keys are 1..ISO_STORE_KEY_MAX bytes, values 0..64 MiB. A store directory belongs to
 * one process at a time for writing (ISO_STORE_BUSY names the other), readers may be
 * other processes.
 *
 * Threads: a transaction and its calls belong to one thread at a time; snapshots each
 * to the thread that opened it; everything else from any thread.
 */
#ifndef ISO_STORE_STORE_H
#define ISO_STORE_STORE_H

#include "base/bytes.h"
#include "base/err.h"

enum iso_space {
    ISO_META,   /* what a store is, definitions, the state of slices */
    ISO_ENTRY,  /* a row a key */
    ISO_FILTER, /* a row a log and node: the duplicate filter */
    ISO_BUCKET, /* a row a bucket: vector and digests */
    ISO_LEDGER, /* a row a loser */
    ISO_OUTBOX, /* what must still be published */
    ISO_ASIDE,  /* a row a large value of an entry */
    ISO_SPACES
};

enum { ISO_STORE_KEY_MAX = 480, ISO_STORE_VALUE_MAX = 64 << 20 };
enum { ISO_SNAPSHOT_AGE_MAX_MS = 60000 };

struct iso_store;
struct iso_snapshot;
struct iso_txn;
struct iso_cursor;

struct iso_store_options {
    bool read_only;   /* no transaction, no lock; the store must exist */
    bool not_durable; /* a commit need not reach the disk (tests, benches) */
    int64_t
        size_max; /* bytes on disk at which a commit is ISO_STORE_FULL; 0: no bound */
};

/* A store in memory, gone when closed. Never fails. */
struct iso_store *iso_store_memory_new(void);

/* A store in directory `path`, which is made (mode 0750) when it does not exist; its
 * parent must. A process has one handle for a store, whatever it does with it, and a
 * handle does not cross fork (but may be closed there). Readers of other users need to
 * read data.mdb and to write lock.mdb, which the owner's group may; a read-only file
 * system will do. ISO_DENIED: not permitted. ISO_STORE_BUSY: another process writes it,
 * or this one has it open. ISO_STORE_MISMATCH: no isostasy store, or one of another
 * format. ISO_NOT_FOUND: read_only, and not there. ISO_SETTING: on a network file
 * system, or no directory. */
enum iso_err iso_store_lmdb_open(const char *path,
                                 const struct iso_store_options *options,
                                 struct iso_store **store, struct iso_why *why);

/* Raises size_max of an lmdb store that is open (0: no bound); the next commit counts
 * with it. A bound that is lower than the former counts when the store is next opened.
 */
void iso_store_lmdb_size_max_set(struct iso_store *store, int64_t bytes);

/* All snapshots and the transaction must have ended. NULL is fine. */
void iso_store_close(struct iso_store *store);

/* The 16 random bytes that were drawn when the store was made. */
struct iso_bytes iso_store_id(const struct iso_store *store);

struct iso_store_stats {
    uint64_t bytes_used;    /* of the file, pages in use */
    uint64_t bytes_on_disk; /* the file's size */
    uint64_t bytes_free;    /* that it may still take; UINT64_MAX: no bound is known */
    uint64_t rows[ISO_SPACES];
    uint64_t commits, grown, readers_cleared;
};
enum iso_err iso_store_stats(struct iso_store *store, struct iso_store_stats *stats,
                             struct iso_why *why);

/* ---- snapshots ---- */

enum iso_err iso_snapshot_open(struct iso_store *store, struct iso_snapshot **snapshot,
                               struct iso_why *why);
void iso_snapshot_close(struct iso_snapshot *snapshot); /* NULL is fine */

/* ISO_NOT_FOUND, or the value, borrowed until the snapshot is closed. */
enum iso_err iso_snapshot_get(struct iso_snapshot *snapshot, enum iso_space space,
                              struct iso_bytes key, struct iso_bytes *value,
                              struct iso_why *why);

/* A cursor over the keys that begin with `prefix` (empty: all), in order, from the
 * first that is ≥ `from` (empty: the first). Both are copied. */
enum iso_err iso_cursor_open(struct iso_snapshot *snapshot, enum iso_space space,
                             struct iso_bytes prefix, struct iso_bytes from,
                             struct iso_cursor **cursor, struct iso_why *why);
/* ISO_END after the last. Key and value are borrowed until the snapshot is closed. */
enum iso_err iso_cursor_next(struct iso_cursor *cursor, struct iso_bytes *key,
                             struct iso_bytes *value, struct iso_why *why);
void iso_cursor_close(
    struct iso_cursor *cursor); /* before its snapshot; NULL is fine */

/* ---- the transaction ---- */

/* One at a time: a second one is our own mistake. The handle is kept and reused: after
 * warm-up, begin, get, put and commit do not allocate from mem.h (but for what a memory
 * store keeps). */
enum iso_err iso_txn_begin(struct iso_store *store, struct iso_txn **txn,
                           struct iso_why *why);

/* Sees this transaction's own changes. Borrowed until the next put or delete of that
 * key, or the end of the transaction. */
enum iso_err iso_txn_get(struct iso_txn *txn, enum iso_space space,
                         struct iso_bytes key, struct iso_bytes *value,
                         struct iso_why *why);

/* Says that a key will be asked for soon, so that memory fetches its place meanwhile.
 */
void iso_txn_expect(const struct iso_txn *txn, enum iso_space space,
                    struct iso_bytes key);

/* Key and value are copied. */
void iso_txn_put(struct iso_txn *txn, enum iso_space space, struct iso_bytes key,
                 struct iso_bytes value);
void iso_txn_delete(struct iso_txn *txn, enum iso_space space, struct iso_bytes key);

/* Calls `each` for every row whose key begins with `prefix`, in order, this
 * transaction's own changes included. Only in ISO_META, ISO_LEDGER and ISO_OUTBOX.
 * `each` must not change the transaction; what it returns other than ISO_OK ends the
 * walk and is returned. */
enum iso_err
iso_txn_scan(struct iso_txn *txn, enum iso_space space, struct iso_bytes prefix,
             enum iso_err (*each)(void *user, struct iso_bytes key,
                                  struct iso_bytes value, struct iso_why *why),
             void *user, struct iso_why *why);

/* Bytes of memory that this transaction takes until it is committed, the pages that the
 * store will hold changed at once included: the caller's measure of when to commit. */
size_t iso_txn_size(const struct iso_txn *txn);

/* Ends the transaction either way, but for a kind ISO_RETRY (disk full, size_max): then
 * it stands as it was, and commit may be called again, or abort. */
enum iso_err iso_txn_commit(struct iso_txn *txn, struct iso_why *why);
void iso_txn_abort(struct iso_txn *txn);

#endif
