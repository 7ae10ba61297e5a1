/* An overlay of changes in front of a view. The view rests whenever the transaction has
 * ended, and while the backend writes, so that it never holds old pages back; it is
 * renewed when it is first read again. Since nobody else writes, a view that is renewed
 * in the middle of a transaction (after a commit that failed) shows what it showed
 * before.
 *
 *     get     overlay, then view             put, delete     overlay
 *     scan    both, merged; the overlay wins
 *     commit  view rests -> backend writes the sorted overlay -> overlay is cleared
 *
 * A commit can fail in two ways. Of kind ISO_RETRY: nothing was written (or, when a
 * disk failed at the last moment, perhaps everything: writing it again gives the same
 * store), and the overlay stands. Of any other kind: the transaction is gone.
 */
#include "store/txn.h"

#include "base/mem.h"
#include "store/overlay.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

enum { TXN_PAGE = 4096 };

struct iso_txn {
    const struct iso_backend *backend;
    void *self;
    void *view;    /* opened once */
    bool is_awake; /* the view shows something */
    bool is_open;
    size_t pages; /* bytes that can become changed pages, see iso_backend */
    struct iso_overlay *overlay;
    _Atomic uint64_t *commits;
};

struct iso_txn *iso_txn_new(const struct iso_backend *backend, void *self,
                            _Atomic uint64_t *commits)
{
    struct iso_txn *txn = iso_alloc_zero(1, sizeof *txn);
    txn->backend = backend;
    txn->self = self;
    txn->commits = commits;
    txn->overlay = iso_overlay_new();
    return txn;
}

void iso_txn_free(struct iso_txn *txn)
{
    if (txn == NULL)
        return;
    iso_assert(!txn->is_open);
    if (txn->view != NULL)
        txn->backend->view_close(txn->self, txn->view);
    iso_overlay_free(txn->overlay);
    iso_free(txn);
}

/* ---- the view ---- */

static enum iso_err txn_wake_up(struct iso_txn *txn, struct iso_why *why)
{
    enum iso_err err = txn->view == NULL
                           ? txn->backend->view_open(txn->self, &txn->view, why)
                           : txn->backend->view_renew(txn->self, txn->view, why);
    txn->is_awake = err == ISO_OK;
    return err;
}

static inline enum iso_err txn_wake(struct iso_txn *txn, struct iso_why *why)
{
    return txn->is_awake ? ISO_OK : txn_wake_up(txn, why);
}

static void txn_rest(struct iso_txn *txn)
{
    if (txn->is_awake)
        txn->backend->view_rest(txn->view);
    txn->is_awake = false;
}

static void txn_end(struct iso_txn *txn)
{
    txn_rest(txn);
    iso_overlay_clear(txn->overlay);
    txn->is_open = false;
}

/* ---- its calls ---- */

enum iso_err iso_txn_start(struct iso_txn *txn, struct iso_why *why)
{
    iso_assert(!txn->is_open);
    enum iso_err err = txn_wake(txn, why);
    txn->is_open = err == ISO_OK;
    if (txn->is_open && txn->backend->view_pages != NULL)
        txn->pages = txn->backend->view_pages(txn->view);
    return err;
}

enum iso_err iso_txn_get(struct iso_txn *txn, enum iso_space space,
                         struct iso_bytes key, struct iso_bytes *value,
                         struct iso_why *why)
{
    iso_assert(txn->is_open);
    iso_key_check(space, key);
    const struct iso_row *row = iso_overlay_find(txn->overlay, space, key);
    if (row != NULL) {
        if (row->is_delete)
            return ISO_NOT_FOUND;
        *value = iso_row_value(row);
        return ISO_OK;
    }
    enum iso_err err = txn_wake(txn, why);
    if (err != ISO_OK)
        return err;
    return txn->backend->view_get(txn->view, space, key, value, why);
}

void iso_txn_expect(const struct iso_txn *txn, enum iso_space space,
                    struct iso_bytes key)
{
    iso_overlay_expect(txn->overlay, space, key);
}

void iso_txn_put(struct iso_txn *txn, enum iso_space space, struct iso_bytes key,
                 struct iso_bytes value)
{
    iso_assert(txn->is_open);
    iso_key_check(space, key);
    iso_assert(value.size <= ISO_STORE_VALUE_MAX);
    iso_overlay_put(txn->overlay, space, key, value);
}

void iso_txn_delete(struct iso_txn *txn, enum iso_space space, struct iso_bytes key)
{
    iso_assert(txn->is_open);
    iso_key_check(space, key);
    iso_overlay_delete(txn->overlay, space, key);
}

size_t iso_txn_size(const struct iso_txn *txn)
{
    size_t size = iso_overlay_size(txn->overlay);
    if (txn->backend->view_pages == NULL)
        return size;
    /* In the worst case every row lies in another page; new rows fill new pages. */
    size_t touched = iso_overlay_count(txn->overlay) * TXN_PAGE;
    return 2 * size + (touched < txn->pages ? touched : txn->pages);
}

void iso_txn_abort(struct iso_txn *txn)
{
    iso_assert(txn->is_open);
    txn_end(txn);
}

static enum iso_err changes_write(struct iso_txn *txn, const struct iso_change *changes,
                                  size_t count, struct iso_why *why)
{
    size_t first = 0; /* in a commit of their own; in what ships: none */
    while (ISO_PLANTED(frontiers_go_before_data) && first < count &&
           changes[first].space == ISO_META)
        first++;
    if (first > 0 && first < count) {
        enum iso_err err = txn->backend->write(txn->self, changes, first, why);
        if (err != ISO_OK)
            return err;
        changes += first;
        count -= first;
    }
    return txn->backend->write(txn->self, changes, count, why);
}

enum iso_err iso_txn_commit(struct iso_txn *txn, struct iso_why *why)
{
    iso_assert(txn->is_open);
    size_t count;
    const struct iso_change *changes = iso_overlay_changes(txn->overlay, &count);
    if (count == 0) {
        txn_end(txn);
        return ISO_OK;
    }
    txn_rest(txn);
    enum iso_err err = changes_write(txn, changes, count, why);
    if (err != ISO_OK && iso_err_kind(err) == ISO_RETRY)
        return err;
    if (err == ISO_OK)
        ++*txn->commits;
    txn_end(txn);
    return err;
}

/* ---- the merged scan ---- */

/* Two ordered walks, of which `key` and `row` are where they stand. */
struct merge {
    const struct iso_backend *backend;
    struct iso_bytes prefix;
    void *scan;
    bool has_key; /* false: the scan is over */
    struct iso_bytes key, value;
    const struct iso_row *row; /* NULL: the overlay is over */
};

static enum iso_err merge_scan_next(struct merge *merge, struct iso_why *why)
{
    enum iso_err err =
        merge->backend->scan_next(merge->scan, &merge->key, &merge->value, why);
    merge->has_key = err == ISO_OK && iso_bytes_begins(merge->key, merge->prefix);
    return err == ISO_END ? ISO_OK : err;
}

static const struct iso_row *merge_row(const struct merge *merge,
                                       const struct iso_row *row)
{
    return row != NULL && iso_bytes_begins(iso_row_key(row), merge->prefix) ? row
                                                                            : NULL;
}

/* The next row in order, deleted ones left out; ISO_END after the last. */
static enum iso_err merge_next(struct merge *merge, struct iso_bytes *key,
                               struct iso_bytes *value, struct iso_why *why)
{
    while (merge->has_key || merge->row != NULL) {
        const struct iso_row *row = merge->row;
        int order = !merge->has_key ? 1
                    : row == NULL   ? -1
                                    : iso_bytes_compare(merge->key, iso_row_key(row));
        *key = order < 0 ? merge->key : iso_row_key(row);
        *value = order < 0 ? merge->value : iso_row_value(row);
        enum iso_err err = order <= 0 ? merge_scan_next(merge, why) : ISO_OK;
        if (err != ISO_OK)
            return err;
        if (order < 0)
            return ISO_OK;
        merge->row = merge_row(merge, iso_overlay_next(row));
        if (!row->is_delete)
            return ISO_OK;
    }
    return ISO_END;
}

static enum iso_err merge_walk(struct merge *merge,
                               enum iso_err (*each)(void *user, struct iso_bytes key,
                                                    struct iso_bytes value,
                                                    struct iso_why *why),
                               void *user, struct iso_why *why)
{
    enum iso_err err = merge_scan_next(merge, why);
    while (err == ISO_OK) {
        struct iso_bytes key, value;
        err = merge_next(merge, &key, &value, why);
        if (err == ISO_END)
            return ISO_OK;
        if (err == ISO_OK)
            err = each(user, key, value, why);
    }
    return err;
}

enum iso_err
iso_txn_scan(struct iso_txn *txn, enum iso_space space, struct iso_bytes prefix,
             enum iso_err (*each)(void *user, struct iso_bytes key,
                                  struct iso_bytes value, struct iso_why *why),
             void *user, struct iso_why *why)
{
    iso_assert(txn->is_open && prefix.size <= ISO_STORE_KEY_MAX);
    struct merge merge = {.backend = txn->backend, .prefix = prefix};
    merge.row = merge_row(&merge, iso_overlay_first(txn->overlay, space, prefix));
    enum iso_err err = txn_wake(txn, why);
    if (err == ISO_OK)
        err = txn->backend->scan_open(txn->view, space, prefix, &merge.scan, why);
    if (err != ISO_OK)
        return err;
    err = merge_walk(&merge, each, user, why);
    txn->backend->scan_close(merge.scan);
    return err;
}
