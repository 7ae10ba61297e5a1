/* Random work on every store, beside a model too dumb to be wrong: a sorted array that
 * is searched from its beginning. ISO_SEED repeats a run. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "store/map.h"
#include "store/order.h"
#include "store/overlay.h"
#include "tests/unit/store_kit.h"

enum { MODEL_KEYS = 400, MODEL_STEPS = 100000, MODEL_VALUE = 160 };

struct model_row {
    char key[24];
    size_t size;
    uint8_t value[MODEL_VALUE];
};

struct model {
    struct model_row rows[ISO_SPACES][MODEL_KEYS];
    int count[ISO_SPACES];
};

static struct iso_chance chance;
static uint64_t seed;

static unsigned dice(unsigned sides)
{
    return (unsigned)(iso_chance_draw(&chance) % sides);
}

static void seed_take(void)
{
    const char *given = getenv("ISO_SEED");
    iso_chance_machine_init(&chance);
    seed = given ? strtoull(given, NULL, 10) : iso_chance_draw(&chance) >> 1;
    iso_chance_seeded_init(&chance, seed);
    printf("ISO_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
}

/* Keys that are prefixes of one another, with zeros and high bytes. */
static struct iso_bytes key_draw(char key[24])
{
    static const char letters[] = {0, 'a', 'b', (char)0xff};
    size_t size = 1 + dice(4);
    for (size_t i = 0; i < size; i++)
        key[i] = letters[dice(4)];
    return iso_bytes(key, size);
}

static struct iso_bytes row_key(const struct model_row *row)
{
    return iso_bytes(row->key, (size_t)row->key[23]);
}

static int model_find(const struct model *model, int space, struct iso_bytes key)
{
    int at = 0;
    while (at < model->count[space] &&
           iso_bytes_compare(row_key(&model->rows[space][at]), key) < 0)
        at++;
    return at;
}

static bool model_has(const struct model *model, int space, int at,
                      struct iso_bytes key)
{
    return at < model->count[space] &&
           iso_bytes_equal(row_key(&model->rows[space][at]), key);
}

static void model_put(struct model *model, int space, struct iso_bytes key,
                      struct iso_bytes value)
{
    int at = model_find(model, space, key);
    struct model_row *row = &model->rows[space][at];
    if (!model_has(model, space, at, key)) {
        ck_assert_int_lt(model->count[space], MODEL_KEYS);
        memmove(row + 1, row, (size_t)(model->count[space] - at) * sizeof *row);
        model->count[space]++;
        memcpy(row->key, key.data, key.size);
        row->key[23] = (char)key.size;
    }
    memcpy(row->value, value.data, value.size);
    row->size = value.size;
}

static void model_delete(struct model *model, int space, struct iso_bytes key)
{
    int at = model_find(model, space, key);
    if (!model_has(model, space, at, key))
        return;
    struct model_row *row = &model->rows[space][at];
    model->count[space]--;
    memmove(row, row + 1, (size_t)(model->count[space] - at) * sizeof *row);
}

/* ---- comparing ---- */

static bool snapshot_equals(struct iso_snapshot *snapshot, const struct model *model)
{
    struct iso_bytes none = {0}, key, value;
    for (int space = 0; space < ISO_SPACES; space++) {
        struct iso_cursor *cursor;
        kit_ok(iso_cursor_open(snapshot, space, none, none, &cursor, &kit_why));
        bool equal = true;
        int at = 0;
        while (equal && iso_cursor_next(cursor, &key, &value, &kit_why) == ISO_OK) {
            const struct model_row *row = &model->rows[space][at];
            equal = at < model->count[space] && iso_bytes_equal(key, row_key(row)) &&
                    iso_bytes_equal(value, iso_bytes(row->value, row->size));
            at++;
        }
        iso_cursor_close(cursor);
        if (!equal || at != model->count[space])
            return false;
    }
    return true;
}

static void get_check(struct iso_txn *txn, const struct model *model, int space)
{
    char bytes[24];
    struct iso_bytes value, key = key_draw(bytes);
    int at = model_find(model, space, key);
    enum iso_err err = iso_txn_get(txn, space, key, &value, &kit_why);
    ck_assert_int_eq(err, model_has(model, space, at, key) ? ISO_OK : ISO_NOT_FOUND);
    const struct model_row *row = &model->rows[space][at];
    ck_assert(err != ISO_OK ||
              iso_bytes_equal(value, iso_bytes(row->value, row->size)));
}

struct scan_check {
    const struct model *model;
    int space, at;
};

static enum iso_err scan_check_row(void *user, struct iso_bytes key,
                                   struct iso_bytes value, struct iso_why *why)
{
    (void)why;
    struct scan_check *check = user;
    const struct model_row *row = &check->model->rows[check->space][check->at++];
    ck_assert(iso_bytes_equal(key, row_key(row)));
    ck_assert(iso_bytes_equal(value, iso_bytes(row->value, row->size)));
    return ISO_OK;
}

static void scan_check(struct iso_txn *txn, const struct model *model)
{
    static const enum iso_space spaces[] = {ISO_META, ISO_LEDGER, ISO_OUTBOX,
                                            ISO_MORTAL};
    char bytes[24];
    struct iso_bytes prefix = key_draw(bytes);
    struct scan_check check = {.model = model, .space = spaces[dice(3)]};
    check.at = model_find(model, check.space, prefix);
    int end = check.at;
    while (end < model->count[check.space] &&
           iso_bytes_begins(row_key(&model->rows[check.space][end]), prefix))
        end++;
    kit_ok(iso_txn_scan(txn, check.space, prefix, scan_check_row, &check, &kit_why));
    ck_assert_int_eq(check.at, end);
}

/* ---- the run ---- */

struct run {
    struct iso_store *store;
    struct iso_txn *txn;
    struct iso_snapshot *snapshot; /* an old one */
    struct model committed, pending, seen;
};

static void change_draw(struct run *run, int space)
{
    char bytes[24];
    uint8_t value[MODEL_VALUE];
    struct iso_bytes key = key_draw(bytes);
    if (dice(3) == 0) {
        iso_txn_delete(run->txn, space, key);
        model_delete(&run->pending, space, key);
        return;
    }
    size_t size = dice(10) == 0 ? dice(MODEL_VALUE) : dice(20);
    memset(value, (int)dice(256), sizeof value);
    iso_txn_put(run->txn, space, key, iso_bytes(value, size));
    model_put(&run->pending, space, key, iso_bytes(value, size));
}

static void txn_finish(struct run *run)
{
    if (dice(4) == 0) {
        iso_txn_abort(run->txn);
        run->pending = run->committed;
    } else {
        kit_commit(run->txn);
        run->committed = run->pending;
    }
    ck_assert(snapshot_equals(run->snapshot, &run->seen));
    if (dice(3) == 0) {
        iso_snapshot_close(run->snapshot);
        run->snapshot = kit_snapshot(run->store);
        run->seen = run->committed;
    }
    run->txn = kit_begin(run->store);
}

static void run_steps(struct run *run, int steps)
{
    run->snapshot = kit_snapshot(run->store);
    run->txn = kit_begin(run->store);
    for (int step = 0; step < steps; step++) {
        unsigned what = dice(1000);
        if (what < 700)
            change_draw(run, (int)dice(ISO_SPACES));
        else if (what < 960)
            get_check(run->txn, &run->pending, (int)dice(ISO_SPACES));
        else if (what < 985)
            scan_check(run->txn, &run->pending);
        else
            txn_finish(run);
    }
    iso_txn_abort(run->txn);
    iso_snapshot_close(run->snapshot);
}

START_TEST(a_store_does_what_a_sorted_array_does)
{
    seed_take();
    struct run *run = calloc(1, sizeof *run);
    run->store = kit_stores[_i].open();
    run_steps(run, MODEL_STEPS);
    struct iso_snapshot *snapshot = kit_snapshot(run->store);
    ck_assert(snapshot_equals(snapshot, &run->committed));
    /* The comparison can fail: */
    model_put(&run->committed, ISO_META, iso_bytes_text("a"),
              iso_bytes_text("planted"));
    ck_assert(!snapshot_equals(snapshot, &run->committed));
    iso_snapshot_close(snapshot);
    iso_store_close(run->store);
    free(run);
    kit_clean();
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 3, THREAD_ROUNDS = 300, THREAD_ROWS = 12 };

struct watcher {
    struct iso_store *store;
    atomic_bool *done;
    pthread_t thread;
    int looks;
    bool saw_half;
};

/* Opens snapshots until the writer is done; in each, all rows must bear one number. */
static void *watch(void *user)
{
    struct watcher *watcher = user;
    while (!*watcher->done || watcher->looks == 0) {
        struct iso_snapshot *snapshot;
        struct iso_why why;
        if (iso_snapshot_open(watcher->store, &snapshot, &why) != ISO_OK)
            continue;
        uint8_t first = 0;
        for (uint8_t row = 0; row < THREAD_ROWS; row++) {
            struct iso_bytes value = {0};
            enum iso_err err = iso_snapshot_get(snapshot, row % ISO_SPACES,
                                                iso_bytes(&row, 1), &value, &why);
            uint8_t here = err == ISO_OK ? value.data[0] : 0;
            watcher->saw_half |= row > 0 && here != first;
            first = here;
        }
        iso_snapshot_close(snapshot);
        watcher->looks++;
    }
    return NULL;
}

START_TEST(readers_in_other_threads_see_whole_commits)
{
    struct iso_store *store = kit_stores[_i].open();
    atomic_bool done = false;
    struct watcher watchers[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        watchers[i] = (struct watcher){.store = store, .done = &done};
        pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]);
    }
    for (int round = 1; round <= THREAD_ROUNDS; round++) {
        uint8_t number = (uint8_t)round;
        struct iso_txn *txn = kit_begin(store);
        for (uint8_t row = 0; row < THREAD_ROWS; row++)
            iso_txn_put(txn, row % ISO_SPACES, iso_bytes(&row, 1),
                        iso_bytes(&number, 1));
        kit_commit(txn);
    }
    done = true;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(watchers[i].thread, NULL);
        ck_assert(!watchers[i].saw_half);
    }
    iso_store_close(store);
    kit_clean();
}
END_TEST

/* ---- parts that deserve their own ---- */

START_TEST(changes_are_handed_over_sorted_whatever_the_keys_are)
{
    seed_take();
    struct iso_overlay *overlay = iso_overlay_new();
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 5000; i++) {
            uint8_t key[ISO_STORE_KEY_MAX] = {0};
            size_t same = round == 3 ? 470 : dice(3) * 7; /* a long common beginning */
            size_t size = same + 1 + dice(10);
            for (size_t at = same; at < size; at++)
                key[at] = (uint8_t)(dice(2) ? dice(256) : 0);
            iso_overlay_put(overlay, dice(ISO_SPACES), iso_bytes(key, size),
                            iso_bytes(key, size));
        }
        size_t count;
        const struct iso_change *changes = iso_overlay_changes(overlay, &count);
        ck_assert_uint_gt(count, 1000);
        for (size_t i = 1; i < count; i++) {
            ck_assert_int_le(changes[i - 1].space, changes[i].space);
            ck_assert(changes[i - 1].space < changes[i].space ||
                      iso_bytes_compare(changes[i - 1].key, changes[i].key) < 0);
            ck_assert(iso_bytes_equal(changes[i].key, changes[i].value));
        }
        iso_overlay_clear(overlay);
    }
    iso_overlay_free(overlay);
}
END_TEST

/* Transactions of one size, with values that grow and shrink. */
static void warm_round(struct iso_store *store, int keys)
{
    uint8_t value[300] = {0};
    struct iso_txn *txn = kit_begin(store);
    for (int i = 0; i < keys; i++) {
        uint8_t key[12] = {0};
        iso_put_u32(key, (uint32_t)i);
        struct iso_bytes name = iso_bytes(key, sizeof key), found;
        iso_txn_get(txn, i % ISO_SPACES, name, &found, &kit_why);
        iso_txn_put(txn, i % ISO_SPACES, name, iso_bytes(value, (size_t)(i % 200)));
        iso_txn_put(txn, i % ISO_SPACES, name, iso_bytes(value, (size_t)(i % 300)));
    }
    kit_commit(txn);
}

START_TEST(a_warm_transaction_allocates_nothing)
{
    struct iso_store *store = kit_lmdb();
    for (int round = 0; round < 3; round++)
        warm_round(store, 20000);
    uint64_t before = iso_mem_count();
    for (int round = 0; round < 5; round++)
        warm_round(store, 20000);
    ck_assert_uint_eq(iso_mem_count(), before);
    iso_store_close(store);
    kit_clean();
}
END_TEST

START_TEST(an_overlay_gives_back_what_it_no_longer_needs)
{
    struct iso_overlay *overlay = iso_overlay_new();
    uint8_t value[1000] = {0};
    for (uint32_t i = 0; i < 50000; i++)
        iso_overlay_put(overlay, ISO_ENTRY, iso_bytes(&i, sizeof i),
                        iso_bytes(value, sizeof value));
    ck_assert_uint_gt(iso_overlay_size(overlay), 50u << 20);
    for (int round = 0; round < 200; round++) {
        iso_overlay_clear(overlay);
        iso_overlay_put(overlay, ISO_ENTRY, iso_bytes_text("a"), iso_bytes_text("b"));
    }
    ck_assert_uint_lt(iso_overlay_size(overlay), 4096);
    ck_assert_ptr_nonnull(iso_overlay_find(overlay, ISO_ENTRY, iso_bytes_text("a")));
    iso_overlay_free(overlay);
}
END_TEST

START_TEST(a_copy_of_a_map_is_untouched_by_what_happens_to_the_original)
{
    struct iso_map map = {0};
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i * 7919 % 1000);
        iso_map_put(&map, iso_bytes_text(key), iso_bytes_text("old"));
    }
    struct iso_map copy = iso_map_copy(&map);
    for (int i = 0; i < 1000; i += 2) {
        snprintf(key, sizeof key, "%d", i);
        iso_map_delete(&map, iso_bytes_text(key));
        snprintf(key, sizeof key, "%d", i + 1);
        iso_map_put(&map, iso_bytes_text(key), iso_bytes_text("new"));
    }
    struct iso_bytes at = {0}, value;
    size_t seen = 0;
    for (; iso_map_seek(&copy, at, seen > 0, &at, &value); seen++)
        ck_assert(iso_bytes_equal(value, iso_bytes_text("old")));
    ck_assert_uint_eq(seen, 1000);
    ck_assert_uint_eq(map.count, 500);
    ck_assert(!iso_map_get(&map, iso_bytes_text("2"), &value));
    iso_map_release(&map);
    iso_map_release(&copy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store model");
    TCase *model = tcase_create("model");
    tcase_set_timeout(model, 240);
    suite_add_tcase(suite, model);
    tcase_add_loop_test(model, a_store_does_what_a_sorted_array_does, 0, KIT_STORES);
    tcase_add_loop_test(model, readers_in_other_threads_see_whole_commits, 0,
                        KIT_STORES);
    tcase_add_test(model, changes_are_handed_over_sorted_whatever_the_keys_are);
    tcase_add_test(model, a_warm_transaction_allocates_nothing);
    tcase_add_test(model, an_overlay_gives_back_what_it_no_longer_needs);
    tcase_add_test(model, a_copy_of_a_map_is_untouched_by_what_happens_to_the_original);
    return kit_run(suite);
}
