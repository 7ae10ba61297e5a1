/* The contract of store.h, held by every store in the table of store_kit.h.
 *
 * The checks of atomicity and abort are functions, so that stores with a planted fault
 * can be put before them: a check that cannot fail proves nothing.
 */
#include "base/clock.h"
#include "store/backend.h"
#include "tests/unit/store_kit.h"

static struct iso_store *store;

static void open_store(int i)
{
    store = kit_stores[i].open();
}

static void close_store(void)
{
    iso_store_close(store);
    store = NULL;
    kit_clean();
}

START_TEST(what_is_committed_is_read)
{
    open_store(_i);
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "a"), "-");
    kit_store_put(store, ISO_ENTRY, "a", "one");
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "a"), "one");
    kit_store_put(store, ISO_ENTRY, "a", "");
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "a"), "");
    struct iso_txn *txn = kit_begin(store);
    kit_delete(txn, ISO_ENTRY, "a");
    kit_delete(txn, ISO_ENTRY, "never was");
    kit_commit(txn);
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "a"), "-");
    close_store();
}
END_TEST

START_TEST(spaces_are_apart)
{
    open_store(_i);
    struct iso_txn *txn = kit_begin(store);
    for (int space = 0; space < ISO_SPACES; space++) {
        char value[2] = {(char)('0' + space), 0};
        kit_put(txn, space, "key", value);
    }
    kit_commit(txn);
    txn = kit_begin(store);
    kit_delete(txn, ISO_FILTER, "key");
    kit_commit(txn);
    struct iso_store_stats stats;
    kit_ok(iso_store_stats(store, &stats, &kit_why));
    for (int space = 0; space < ISO_SPACES; space++) {
        char value[2] = {(char)(space == ISO_FILTER ? '-' : '0' + space), 0};
        ck_assert_str_eq(kit_store_get(store, space, "key"), value);
        ck_assert_uint_eq(stats.rows[space], space != ISO_FILTER);
    }
    ck_assert_uint_eq(stats.commits, 2);
    ck_assert_uint_gt(stats.bytes_used, 0);
    close_store();
}
END_TEST

START_TEST(a_transaction_sees_its_own_changes_and_nobody_else_does)
{
    open_store(_i);
    kit_store_put(store, ISO_ENTRY, "old", "1");
    struct iso_txn *txn = kit_begin(store);
    kit_put(txn, ISO_ENTRY, "new", "2");
    kit_delete(txn, ISO_ENTRY, "old");
    ck_assert_str_eq(kit_txn_get(txn, ISO_ENTRY, "new"), "2");
    ck_assert_str_eq(kit_txn_get(txn, ISO_ENTRY, "old"), "-");
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "new"), "-");
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "old"), "1");
    kit_put(txn, ISO_ENTRY, "old", "a longer value than there was room for");
    kit_put(txn, ISO_ENTRY, "new", "3");
    ck_assert_str_eq(kit_txn_get(txn, ISO_ENTRY, "new"), "3");
    kit_commit(txn);
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "new"), "3");
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "old"),
                     "a longer value than there was room for");
    close_store();
}
END_TEST

START_TEST(a_value_that_was_read_can_be_put_back)
{
    open_store(_i);
    struct iso_txn *txn = kit_begin(store);
    kit_put(txn, ISO_ENTRY, "a", "abcdefgh");
    struct iso_bytes value;
    kit_ok(iso_txn_get(txn, ISO_ENTRY, iso_bytes_text("a"), &value, &kit_why));
    iso_txn_put(txn, ISO_ENTRY, iso_bytes_text("a"), iso_bytes(value.data + 2, 4));
    ck_assert_str_eq(kit_txn_get(txn, ISO_ENTRY, "a"), "cdef");
    kit_commit(txn);
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "a"), "cdef");
    close_store();
}
END_TEST

/* ---- all or nothing ---- */

enum { ATOMIC_ROWS = 20, ATOMIC_ROUNDS = 5 };

/* True when every commit was seen whole: all rows bear the number of one round. */
static bool commits_are_whole(struct iso_store *tried)
{
    for (int round = 0; round < ATOMIC_ROUNDS; round++) {
        char key[16], value[16];
        snprintf(value, sizeof value, "%d", round);
        struct iso_txn *txn = kit_begin(tried);
        for (int row = 0; row < ATOMIC_ROWS; row++) {
            snprintf(key, sizeof key, "row %d", row);
            kit_put(txn, row % ISO_SPACES, key, value);
        }
        kit_commit(txn);
        for (int row = 0; row < ATOMIC_ROWS; row++) {
            snprintf(key, sizeof key, "row %d", row);
            if (strcmp(kit_store_get(tried, row % ISO_SPACES, key), value) != 0)
                return false;
        }
    }
    return true;
}

/* True when nothing of an aborted transaction is seen, neither at once nor after the
 * next commit. */
static bool aborts_undo(struct iso_store *tried)
{
    kit_store_put(tried, ISO_META, "kept", "before");
    struct iso_txn *txn = kit_begin(tried);
    kit_put(txn, ISO_META, "kept", "aborted");
    kit_put(txn, ISO_META, "made", "aborted");
    iso_txn_abort(txn);
    txn = kit_begin(tried);
    bool clean = strcmp(kit_txn_get(txn, ISO_META, "kept"), "before") == 0 &&
                 strcmp(kit_txn_get(txn, ISO_META, "made"), "-") == 0 &&
                 strcmp(kit_scan(txn, ISO_META, ""), "kept=before") == 0;
    kit_put(txn, ISO_META, "other", "1");
    kit_commit(txn);
    return clean && strcmp(kit_store_get(tried, ISO_META, "kept"), "before") == 0 &&
           strcmp(kit_store_get(tried, ISO_META, "made"), "-") == 0;
}

START_TEST(a_commit_is_seen_whole)
{
    open_store(_i);
    ck_assert(commits_are_whole(store));
    close_store();
}
END_TEST

START_TEST(an_abort_undoes_everything)
{
    open_store(_i);
    ck_assert(aborts_undo(store));
    close_store();
}
END_TEST

START_TEST(a_commit_of_nothing_is_fine)
{
    open_store(_i);
    kit_commit(kit_begin(store));
    iso_txn_abort(kit_begin(store));
    ck_assert(commits_are_whole(store));
    close_store();
}
END_TEST

/* ---- snapshots ---- */

START_TEST(a_snapshot_stays_as_it_was)
{
    open_store(_i);
    struct iso_snapshot *snapshots[50];
    char value[16];
    for (int i = 0; i < 50; i++) {
        snprintf(value, sizeof value, "%d", i);
        kit_store_put(store, ISO_ENTRY, "a", value);
        kit_store_put(store, ISO_LEDGER, value, "x");
        snapshots[i] = kit_snapshot(store);
    }
    struct iso_txn *txn = kit_begin(store);
    kit_delete(txn, ISO_ENTRY, "a");
    kit_commit(txn);
    for (int i = 0; i < 50; i++) {
        snprintf(value, sizeof value, "%d", i);
        ck_assert_str_eq(kit_snapshot_get(snapshots[i], ISO_ENTRY, "a"), value);
        ck_assert_str_eq(kit_snapshot_get(snapshots[i], ISO_LEDGER, value), "x");
        snprintf(value, sizeof value, "%d", i + 1);
        ck_assert_str_eq(kit_snapshot_get(snapshots[i], ISO_LEDGER, value), "-");
        iso_snapshot_close(snapshots[i]);
    }
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "a"), "-");
    close_store();
}
END_TEST

START_TEST(a_snapshot_that_is_held_too_long_is_stale)
{
    open_store(_i);
    kit_store_put(store, ISO_ENTRY, "a", "1");
    struct iso_clock_manual clock;
    iso_clock_manual_init(&clock, 0);
    iso_store_clock_set(store, &clock.clock);
    struct iso_snapshot *snapshot = kit_snapshot(store);
    struct iso_cursor *cursor;
    struct iso_bytes none = {0}, key, value;
    kit_ok(iso_cursor_open(snapshot, ISO_ENTRY, none, none, &cursor, &kit_why));
    iso_clock_manual_add(&clock, ISO_SNAPSHOT_AGE_MAX_MS);
    ck_assert_str_eq(kit_snapshot_get(snapshot, ISO_ENTRY, "a"), "1");
    iso_clock_manual_add(&clock, 1);
    ck_assert_int_eq(
        iso_snapshot_get(snapshot, ISO_ENTRY, iso_bytes_text("a"), &value, &kit_why),
        ISO_STALE);
    ck_assert_int_eq(iso_cursor_next(cursor, &key, &value, &kit_why), ISO_STALE);
    iso_cursor_close(cursor);
    iso_snapshot_close(snapshot);
    close_store();
}
END_TEST

/* ---- order ---- */

START_TEST(a_walk_is_in_order_and_keeps_to_its_prefix)
{
    open_store(_i);
    static const char *const keys[] = {"b", "aa", "ab", "a", "abc", "c", "ac", "\xff"};
    struct iso_txn *txn = kit_begin(store);
    for (int i = 0; i < 8; i++)
        kit_put(txn, ISO_ENTRY, keys[i], "1");
    kit_commit(txn);
    struct iso_snapshot *snapshot = kit_snapshot(store);
    ck_assert_str_eq(kit_walk(snapshot, ISO_ENTRY, "", ""),
                     "a=1 aa=1 ab=1 abc=1 ac=1 b=1 c=1 \xff=1");
    ck_assert_str_eq(kit_walk(snapshot, ISO_ENTRY, "a", ""),
                     "a=1 aa=1 ab=1 abc=1 ac=1");
    ck_assert_str_eq(kit_walk(snapshot, ISO_ENTRY, "ab", ""), "ab=1 abc=1");
    ck_assert_str_eq(kit_walk(snapshot, ISO_ENTRY, "a", "abb"), "abc=1 ac=1");
    ck_assert_str_eq(kit_walk(snapshot, ISO_ENTRY, "b", "a"), "b=1");
    ck_assert_str_eq(kit_walk(snapshot, ISO_ENTRY, "a", "b"), "");
    ck_assert_str_eq(kit_walk(snapshot, ISO_ENTRY, "", "c"), "c=1 \xff=1");
    ck_assert_str_eq(kit_walk(snapshot, ISO_ENTRY, "\xff", ""), "\xff=1");
    ck_assert_str_eq(kit_walk(snapshot, ISO_ENTRY, "d", ""), "");
    ck_assert_str_eq(kit_walk(snapshot, ISO_META, "", ""), "");
    iso_snapshot_close(snapshot);
    close_store();
}
END_TEST

START_TEST(a_scan_merges_what_is_stored_and_what_is_pending)
{
    open_store(_i);
    static const enum iso_space spaces[] = {ISO_META, ISO_LEDGER, ISO_OUTBOX,
                                            ISO_MORTAL};
    for (int i = 0; i < 3; i++) {
        struct iso_txn *txn = kit_begin(store);
        kit_put(txn, spaces[i], "k1", "old");
        kit_put(txn, spaces[i], "k3", "old");
        kit_put(txn, spaces[i], "k5", "old");
        kit_put(txn, spaces[i], "z", "old");
        kit_commit(txn);
        txn = kit_begin(store);
        ck_assert_str_eq(kit_scan(txn, spaces[i], "k"), "k1=old k3=old k5=old");
        kit_put(txn, spaces[i], "k4", "new");
        kit_put(txn, spaces[i], "k0", "new");
        kit_put(txn, spaces[i], "k3", "new");
        kit_delete(txn, spaces[i], "k5");
        kit_delete(txn, spaces[i], "k9");
        kit_put(txn, spaces[i], "y", "new");
        ck_assert_str_eq(kit_scan(txn, spaces[i], "k"), "k0=new k1=old k3=new k4=new");
        kit_delete(txn, spaces[i], "k0");
        kit_put(txn, spaces[i], "k6", "new");
        ck_assert_str_eq(kit_scan(txn, spaces[i], ""),
                         "k1=old k3=new k4=new k6=new y=new z=old");
        ck_assert_str_eq(kit_scan(txn, spaces[i], "q"), "");
        kit_commit(txn);
    }
    close_store();
}
END_TEST

static enum iso_err stop_at_second(void *user, struct iso_bytes key,
                                   struct iso_bytes value, struct iso_why *why)
{
    (void)key;
    (void)value;
    return ++*(int *)user == 2 ? iso_fail(why, ISO_REFUSED, "enough") : ISO_OK;
}

START_TEST(a_scan_ends_with_what_its_caller_says)
{
    open_store(_i);
    kit_store_put(store, ISO_META, "1", "");
    struct iso_txn *txn = kit_begin(store);
    kit_put(txn, ISO_META, "2", "");
    kit_put(txn, ISO_META, "3", "");
    int seen = 0;
    ck_assert_int_eq(iso_txn_scan(txn, ISO_META, iso_bytes_text(""), stop_at_second,
                                  &seen, &kit_why),
                     ISO_REFUSED);
    ck_assert_int_eq(seen, 2);
    iso_txn_abort(txn);
    close_store();
}
END_TEST

/* ---- limits ---- */

START_TEST(the_longest_key_and_the_largest_value_are_kept)
{
    open_store(_i);
    uint8_t *large = malloc(ISO_STORE_VALUE_MAX), key[ISO_STORE_KEY_MAX];
    memset(key, 0xff, sizeof key);
    for (size_t i = 0; i < ISO_STORE_VALUE_MAX; i++)
        large[i] = (uint8_t)(i * 31 >> 3);
    for (int round = 0; round < 2; round++) {
        struct iso_txn *txn = kit_begin(store);
        iso_txn_put(txn, ISO_ENTRY, iso_bytes(key, sizeof key),
                    iso_bytes(large, ISO_STORE_VALUE_MAX));
        iso_txn_put(txn, ISO_ENTRY, iso_bytes("\0", 1), iso_bytes(NULL, 0));
        ck_assert_uint_gt(iso_txn_size(txn), ISO_STORE_VALUE_MAX);
        kit_commit(txn);
    }
    struct iso_snapshot *snapshot = kit_snapshot(store);
    struct iso_bytes value;
    kit_ok(iso_snapshot_get(snapshot, ISO_ENTRY, iso_bytes(key, sizeof key), &value,
                            &kit_why));
    ck_assert(iso_bytes_equal(value, iso_bytes(large, ISO_STORE_VALUE_MAX)));
    kit_ok(iso_snapshot_get(snapshot, ISO_ENTRY, iso_bytes("\0", 1), &value, &kit_why));
    ck_assert_uint_eq(value.size, 0);
    iso_snapshot_close(snapshot);
    free(large);
    close_store();
}
END_TEST

START_TEST(a_second_transaction_at_a_time_is_our_own_mistake)
{
    open_store(_i);
    kit_begin(store);
    struct iso_txn *second;
    freopen("/dev/null", "w", stderr);
    iso_txn_begin(store, &second, &kit_why);
}
END_TEST

START_TEST(an_empty_key_is_our_own_mistake)
{
    open_store(_i);
    struct iso_txn *txn = kit_begin(store);
    freopen("/dev/null", "w", stderr);
    iso_txn_put(txn, ISO_META, iso_bytes_text(""), iso_bytes_text("x"));
}
END_TEST

START_TEST(two_stores_have_two_ids)
{
    open_store(_i);
    struct iso_store *other = iso_store_memory_new();
    ck_assert_uint_eq(iso_store_id(store).size, 16);
    ck_assert(!iso_bytes_equal(iso_store_id(store), iso_store_id(other)));
    iso_store_close(other);
    close_store();
}
END_TEST

/* ---- planted faults ---- */

/* A store in front of a memory store, which forgets half of what it is to write. */
static enum iso_err half_view_open(void *self, void **view, struct iso_why *why)
{
    return iso_snapshot_open(self, (struct iso_snapshot **)view, why);
}

static void half_view_close(void *self, void *view)
{
    (void)self;
    iso_snapshot_close(view);
}

static enum iso_err half_view_get(void *view, enum iso_space space,
                                  struct iso_bytes key, struct iso_bytes *value,
                                  struct iso_why *why)
{
    return iso_snapshot_get(view, space, key, value, why);
}

static enum iso_err half_view_renew(void *self, void *view, struct iso_why *why)
{
    (void)self;
    (void)view;
    (void)why;
    return ISO_OK; /* it shows nothing new: the check does not read in transactions */
}

static void half_view_rest(void *view)
{
    (void)view;
}

static enum iso_err half_write(void *self, const struct iso_change *changes,
                               size_t count, struct iso_why *why)
{
    struct iso_txn *txn = kit_begin(self);
    for (size_t i = 0; i < count / 2; i++)
        iso_txn_put(txn, changes[i].space, changes[i].key, changes[i].value);
    return iso_txn_commit(txn, why);
}

static void half_close(void *self)
{
    iso_store_close(self);
}

static const struct iso_backend half_backend = {
    .name = "half",
    .view_open = half_view_open,
    .view_renew = half_view_renew,
    .view_close = half_view_close,
    .view_get = half_view_get,
    .view_rest = half_view_rest,
    .write = half_write,
    .close = half_close,
};

START_TEST(the_check_of_commits_catches_a_store_that_writes_half)
{
    static const uint8_t id[16] = {1};
    store = iso_store_new(&half_backend, iso_store_memory_new(), id, false);
    ck_assert(!commits_are_whole(store));
    close_store();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *contract = tcase_create("contract");
    tcase_set_timeout(contract, 60);
    suite_add_tcase(suite, contract);
    tcase_add_loop_test(contract, what_is_committed_is_read, 0, KIT_STORES);
    tcase_add_loop_test(contract, spaces_are_apart, 0, KIT_STORES);
    tcase_add_loop_test(contract,
                        a_transaction_sees_its_own_changes_and_nobody_else_does, 0,
                        KIT_STORES);
    tcase_add_loop_test(contract, a_value_that_was_read_can_be_put_back, 0, KIT_STORES);
    tcase_add_loop_test(contract, a_commit_is_seen_whole, 0, KIT_STORES);
    tcase_add_loop_test(contract, an_abort_undoes_everything, 0, KIT_STORES);
    tcase_add_loop_test(contract, a_commit_of_nothing_is_fine, 0, KIT_STORES);
    tcase_add_loop_test(contract, a_snapshot_stays_as_it_was, 0, KIT_STORES);
    tcase_add_loop_test(contract, a_snapshot_that_is_held_too_long_is_stale, 0,
                        KIT_STORES);
    tcase_add_loop_test(contract, a_walk_is_in_order_and_keeps_to_its_prefix, 0,
                        KIT_STORES);
    tcase_add_loop_test(contract, a_scan_merges_what_is_stored_and_what_is_pending, 0,
                        KIT_STORES);
    tcase_add_loop_test(contract, a_scan_ends_with_what_its_caller_says, 0, KIT_STORES);
    tcase_add_loop_test(contract, the_longest_key_and_the_largest_value_are_kept, 0,
                        KIT_STORES);
    tcase_add_loop_test(contract, two_stores_have_two_ids, 0, KIT_STORES);
    tcase_add_loop_test_raise_signal(
        contract, a_second_transaction_at_a_time_is_our_own_mistake, 6, 0, 1);
    tcase_add_loop_test_raise_signal(contract, an_empty_key_is_our_own_mistake, 6, 0,
                                     1);
    tcase_add_test(contract, the_check_of_commits_catches_a_store_that_writes_half);
    return kit_run(suite);
}
