/* store_kit.h - what the tests of stores share: a table of stores, each in a place of
 * its own, and short words for puts, gets and scans of text. */
#ifndef ISO_TESTS_STORE_KIT_H
#define ISO_TESTS_STORE_KIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store.h"

static char kit_path[64]; /* of the store directory of this test */
static struct iso_why kit_why;

static inline const char *kit_place(void)
{
    if (kit_path[0] == '\0') {
        snprintf(kit_path, sizeof kit_path, "/tmp/iso-store-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(kit_path));
    }
    return kit_path;
}

static inline void kit_clean(void)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "iso.lock"};
    char file[128];
    for (size_t i = 0; kit_path[0] != '\0' && i < 3; i++) {
        snprintf(file, sizeof file, "%s/%s", kit_path, files[i]);
        unlink(file);
    }
    if (kit_path[0] != '\0')
        rmdir(kit_path);
    kit_path[0] = '\0';
}

#define kit_ok(call) ck_assert_msg((call) == ISO_OK, "%s: %s", #call, kit_why.text)

static inline struct iso_store *kit_lmdb_with(struct iso_store_options options)
{
    struct iso_store *store;
    kit_ok(iso_store_lmdb_open(kit_place(), &options, &store, &kit_why));
    return store;
}

/* Most tests are about what is seen, not about power cuts. */
static inline struct iso_store *kit_lmdb(void)
{
    return kit_lmdb_with((struct iso_store_options){.not_durable = true});
}

static const struct {
    const char *name;
    struct iso_store *(*open)(void);
} kit_stores[] = {
    {"memory", iso_store_memory_new},
    {"lmdb", kit_lmdb},
};
enum { KIT_STORES = sizeof kit_stores / sizeof *kit_stores };

/* ---- words ---- */

static inline struct iso_txn *kit_begin(struct iso_store *store)
{
    struct iso_txn *txn;
    kit_ok(iso_txn_begin(store, &txn, &kit_why));
    return txn;
}

static inline void kit_commit(struct iso_txn *txn)
{
    kit_ok(iso_txn_commit(txn, &kit_why));
}

static inline void kit_put(struct iso_txn *txn, enum iso_space space, const char *key,
                           const char *value)
{
    iso_txn_put(txn, space, iso_bytes_text(key), iso_bytes_text(value));
}

static inline void kit_delete(struct iso_txn *txn, enum iso_space space,
                              const char *key)
{
    iso_txn_delete(txn, space, iso_bytes_text(key));
}

static inline void kit_store_put(struct iso_store *store, enum iso_space space,
                                 const char *key, const char *value)
{
    struct iso_txn *txn = kit_begin(store);
    kit_put(txn, space, key, value);
    kit_commit(txn);
}

/* The value as text, "-" when there is none; borrowed until the fourth call from now.
 */
static inline const char *kit_text(enum iso_err err, struct iso_bytes value)
{
    static char texts[4][256];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    ck_assert_msg(err == ISO_OK || err == ISO_NOT_FOUND, "%s", kit_why.text);
    snprintf(text, sizeof texts[0], "%.*s", err == ISO_OK ? (int)value.size : 1,
             err == ISO_OK ? (const char *)value.data : "-");
    return text;
}

static inline const char *kit_txn_get(struct iso_txn *txn, enum iso_space space,
                                      const char *key)
{
    struct iso_bytes value = {0};
    enum iso_err err = iso_txn_get(txn, space, iso_bytes_text(key), &value, &kit_why);
    return kit_text(err, value);
}

static inline struct iso_snapshot *kit_snapshot(struct iso_store *store)
{
    struct iso_snapshot *snapshot;
    kit_ok(iso_snapshot_open(store, &snapshot, &kit_why));
    return snapshot;
}

static inline const char *kit_snapshot_get(struct iso_snapshot *snapshot,
                                           enum iso_space space, const char *key)
{
    struct iso_bytes value = {0};
    enum iso_err err =
        iso_snapshot_get(snapshot, space, iso_bytes_text(key), &value, &kit_why);
    return kit_text(err, value);
}

static inline const char *kit_store_get(struct iso_store *store, enum iso_space space,
                                        const char *key)
{
    struct iso_snapshot *snapshot = kit_snapshot(store);
    const char *text = kit_snapshot_get(snapshot, space, key);
    iso_snapshot_close(snapshot);
    return text;
}

/* "key=value key=value" of a walk over a snapshot; `from` and `prefix` as the cursor's.
 */
static inline const char *kit_walk(struct iso_snapshot *snapshot, enum iso_space space,
                                   const char *prefix, const char *from)
{
    static char text[4096];
    size_t at = 0;
    text[0] = '\0';
    struct iso_cursor *cursor;
    kit_ok(iso_cursor_open(snapshot, space, iso_bytes_text(prefix),
                           iso_bytes_text(from), &cursor, &kit_why));
    struct iso_bytes key, value;
    while (iso_cursor_next(cursor, &key, &value, &kit_why) == ISO_OK)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s=%.*s",
                               at ? " " : "", (int)key.size, (const char *)key.data,
                               (int)value.size, (const char *)value.data);
    ck_assert_int_eq(iso_cursor_next(cursor, &key, &value, &kit_why), ISO_END);
    iso_cursor_close(cursor);
    return text;
}

static inline enum iso_err kit_scan_row(void *user, struct iso_bytes key,
                                        struct iso_bytes value, struct iso_why *why)
{
    (void)why;
    struct iso_buf *text = user;
    iso_buf_print(text, "%s%.*s=%.*s", text->size ? " " : "", (int)key.size,
                  (const char *)key.data, (int)value.size, (const char *)value.data);
    return ISO_OK;
}

/* The same of a scan within a transaction. */
static inline const char *kit_scan(struct iso_txn *txn, enum iso_space space,
                                   const char *prefix)
{
    static char text[4096];
    struct iso_buf rows = {0};
    kit_ok(iso_txn_scan(txn, space, iso_bytes_text(prefix), kit_scan_row, &rows,
                        &kit_why));
    snprintf(text, sizeof text, "%s", iso_buf_text(&rows));
    iso_buf_release(&rows);
    return text;
}

static inline int kit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
