/* Reads of a region's copy, in two shards that a daemon would have written, or in store
 * directories as services find them. */
#include "apply_ground.h"

#include <sys/wait.h>
#include <unistd.h>

#include "consumer/replica.h"
#include "schema/context.h"

enum { SHARDS = 2, PARTITIONS = 5, KEYS = 300 };

static struct iso_store *stores[SHARDS];
static struct iso_control *control;
static struct iso_definition *definition;
static struct iso_apply *slices[PARTITIONS];
static int64_t next[PARTITIONS];
static struct made made;
static struct iso_clock_manual now;
static struct iso_replica *replica;
static struct iso_read found;
static struct iso_why why;

/* Each shard numbers its collections itself. */
static uint16_t number_in(size_t shard)
{
    return (uint16_t)(COLLECTION + shard);
}

static void put_meta(struct iso_txn *txn, size_t shard)
{
    struct iso_rows_store owner = {"eu", EU, (uint16_t)shard, SHARDS};
    struct iso_rows_collection row = {.number = number_in(shard)};
    struct iso_buf key = {0}, value = {0};
    memcpy(row.id, definition->id, sizeof row.id);
    iso_rows_key_store(&key);
    iso_rows_encode_store(&owner, &value);
    iso_txn_put(txn, ISO_META, iso_buf_bytes(&key), iso_buf_bytes(&value));
    iso_rows_key_collection(&key, "packages");
    iso_rows_encode_collection(&row, &value);
    iso_txn_put(txn, ISO_META, iso_buf_bytes(&key), iso_buf_bytes(&value));
    iso_buf_release(&key);
    iso_buf_release(&value);
}

static void apply_made(uint32_t partition)
{
    struct iso_txn *txn;
    enum iso_outcome outcome;
    made.write.partition = partition;
    made_seal(&made);
    ck_ok(iso_txn_begin(stores[partition % SHARDS], &txn, &why));
    ck_ok(iso_apply_record(slices[partition], txn,
                           &(struct iso_apply_input){LOG, &made.record, false},
                           &outcome, &why));
    ck_assert_msg(outcome == ISO_APPLIED, "%s", why.text);
    iso_apply_save(slices[partition], txn);
    ck_ok(iso_txn_commit(txn, &why));
    next[partition]++;
}

static void write_one(unsigned region, int64_t after_ms, const char *key,
                      const char *value)
{
    static uint64_t nodes = 1000; /* a new one each time, so that seq is 1 */
    uint32_t partition = iso_partition_of(iso_bytes_text(key), PARTITIONS);
    made_write(&made, (struct draft){next[partition], region, (unsigned)++nodes, 1,
                                     after_ms, key, value});
    apply_made(partition);
}

static void slices_open(void)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        struct iso_apply_options options = {.collection = "packages",
                                            .number = number_in(p % SHARDS),
                                            .partition = p,
                                            .region = EU,
                                            .control = control};
        ck_ok(iso_apply_open(stores[p % SHARDS], &options, &slices[p], &why));
        made_define(&made, 0, EU, 1, 0, definition);
        next[p] = 0;
        apply_made(p);
    }
}

static void fill(void)
{
    struct iso_txn *txn;
    definition = def_encoded(def_bare(1, PARTITIONS));
    control = iso_control_new();
    control_add(control, definition);
    for (size_t n = 0; n < SHARDS; n++) {
        ck_ok(iso_txn_begin(stores[n], &txn, &why));
        put_meta(txn, n);
        ck_ok(iso_txn_commit(txn, &why));
    }
    slices_open();
}

static void setup(void)
{
    for (size_t n = 0; n < SHARDS; n++)
        stores[n] = iso_store_memory_new();
    fill();
    iso_clock_manual_init(&now, NOW_MS);
    ck_ok(iso_replica_open_on(stores, SHARDS, &now.clock, &replica, &why));
}

static void teardown(void)
{
    iso_replica_close(replica);
    iso_read_release(&found);
    for (size_t p = 0; p < PARTITIONS; p++)
        iso_apply_close(slices[p]);
    for (size_t n = 0; n < SHARDS; n++)
        iso_store_close(stores[n]);
    iso_control_free(control);
    iso_definition_free(definition);
    made_release(&made);
}

static enum iso_err get(const char *key)
{
    return iso_replica_get(replica, "packages", iso_bytes_text(key), &found, &why);
}

/* ---- get ---- */

START_TEST(a_value_is_read_with_version_and_context)
{
    struct iso_context context;
    write_one(US, 10, "bash", "5.2");
    ck_ok(get("bash"));
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.value), iso_bytes_text("5.2")));
    ck_assert(iso_version_equal(found.version, made.write.version));
    ck_assert(!found.has_expiry);
    ck_ok(iso_context_decode(iso_buf_bytes(&found.context), &context, &why));
    ck_assert_uint_eq(context.hlc, found.version.hlc);
    ck_assert_uint_eq(context.shown.count, 1);
    ck_assert(iso_version_equal(iso_names_at(context.shown, 0), found.version));
    ck_assert_str_eq(iso_replica_region(replica), "eu");
}
END_TEST

START_TEST(what_is_not_there_is_not_found_and_has_a_context_all_the_same)
{
    struct iso_context context;
    ck_err(get("bash"), ISO_NOT_FOUND);
    ck_ok(iso_context_decode(iso_buf_bytes(&found.context), &context, &why));
    ck_assert_uint_eq(context.shown.count, 0);
    write_one(US, 10, "bash", "5.2");
    write_one(US, 20, "bash", NULL);
    ck_err(get("bash"), ISO_NOT_FOUND);
    ck_assert_uint_eq(found.value.size, 0);
    ck_assert(iso_version_equal(found.version, made.write.version));
    ck_ok(iso_context_decode(iso_buf_bytes(&found.context), &context, &why));
    ck_assert_uint_eq(context.shown.count, 1);
    ck_assert_uint_eq(context.hlc, hlc_at(20, 1));
    ck_err(get(""), ISO_TOO_LARGE);
}
END_TEST

START_TEST(what_has_expired_is_hidden)
{
    uint32_t partition = iso_partition_of(iso_bytes_text("bash"), PARTITIONS);
    made_write(&made, (struct draft){next[partition], EU, 7, 1, 10, "bash", "5.2"});
    made.write.has_expiry = true;
    made.write.expiry_ms = NOW_MS + 100;
    apply_made(partition);
    ck_ok(get("bash"));
    ck_assert(found.has_expiry);
    ck_assert_int_eq(found.expiry_ms, NOW_MS + 100);
    iso_clock_manual_add(&now, 101);
    ck_err(get("bash"), ISO_NOT_FOUND);
}
END_TEST

START_TEST(an_unknown_collection_names_those_that_are_known)
{
    const struct iso_definition *held;
    ck_err(iso_replica_get(replica, "other", iso_bytes_text("k"), &found, &why),
           ISO_NO_DEFINITION);
    ck_assert_ptr_nonnull(strstr(why.text, "packages"));
    ck_err(iso_replica_definition(replica, "../x", &held, &why), ISO_NO_DEFINITION);
    ck_ok(iso_replica_definition(replica, "packages", &held, &why));
    ck_assert_uint_eq(held->number, 1);
}
END_TEST

START_TEST(the_newest_definition_is_given_as_the_daemon_goes_on)
{
    const struct iso_definition *first, *newest;
    struct iso_definition *second = def_bare(2, PARTITIONS);
    second->after_max_ms++;
    def_encoded(second);
    ck_ok(iso_replica_definition(replica, "packages", &first, &why));
    control_add(control, second);
    made_define(&made, next[1], EU, 2, 100, second);
    apply_made(1);
    ck_ok(iso_replica_definition(replica, "packages", &newest, &why));
    ck_assert_uint_eq(newest->number, 2);
    ck_assert_uint_eq(first->number, 1); /* still there */
    iso_definition_free(second);
}
END_TEST

/* ---- scans ---- */

START_TEST(a_scan_gives_every_live_entry_in_order_over_all_slices)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    char key[16], last[16] = "";
    for (int n = 0; n < KEYS; n++) {
        snprintf(key, sizeof key, "%d", n * 7919 % 10007);
        write_one(EU, n + 1, key, key);
        if (n % 10 == 3)
            write_one(EU, n + 2, key, NULL);
    }
    int count = 0;
    ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
    enum iso_err err;
    while ((err = iso_replica_scan_next(scan, &item, &why)) == ISO_OK) {
        snprintf(key, sizeof key, "%.*s", (int)item.key.size,
                 (const char *)item.key.data);
        ck_assert_str_gt(key, last);
        ck_assert(iso_bytes_equal(item.key, item.value));
        memcpy(last, key, sizeof last);
        count++;
    }
    ck_assert_int_eq(err, ISO_END);
    ck_assert_int_eq(count, KEYS - KEYS / 10);
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_END);
    iso_replica_scan_close(scan);
}
END_TEST

START_TEST(losers_come_by_key_then_version_whatever_the_keys_lengths)
{
    static const char *const keys[] = {"b", "a", "ab", "abc", "aa", "ba", "c"};
    static const char expected[] =
        "a1 a2 aa1 aa2 ab1 ab2 abc1 abc2 b1 b2 ba1 ba2 c1 c2 ";
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    struct iso_buf list = {0};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        for (int n = 1; n <= 3; n++) {
            char value[2] = {(char)('0' + n), '\0'};
            uint32_t partition = iso_partition_of(iso_bytes_text(keys[i]), PARTITIONS);
            made_write(&made, (struct draft){next[partition], EU, (unsigned)(9 * i) + n,
                                             1, 10 * n, keys[i], value});
            made.write.blind = false; /* saw nothing: what it beats lost */
            apply_made(partition);
        }
    }
    ck_ok(iso_replica_scan_losers(replica, "packages", &scan, &why));
    while (iso_replica_scan_next(scan, &item, &why) == ISO_OK)
        iso_buf_print(&list, "%.*s%.*s ", (int)item.key.size,
                      (const char *)item.key.data, (int)item.value.size,
                      (const char *)item.value.data);
    ck_assert_str_eq(iso_buf_text(&list), expected);
    iso_replica_scan_close(scan);
    iso_buf_release(&list);
}
END_TEST

START_TEST(a_scan_keeps_to_what_was_there_when_it_began)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    write_one(EU, 10, "a", "1");
    ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
    write_one(EU, 20, "a", "2");
    write_one(EU, 20, "b", "2");
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    ck_assert(iso_bytes_equal(item.value, iso_bytes_text("1")));
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_END);
    iso_replica_scan_close(scan);
}
END_TEST

/* ---- damage ---- */

START_TEST(a_damaged_entry_is_never_a_value)
{
    uint32_t partition = iso_partition_of(iso_bytes_text("bash"), PARTITIONS);
    struct iso_store *store = stores[partition % SHARDS];
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    struct iso_buf key = {0}, copy = {0};
    struct iso_txn *txn;
    struct iso_bytes row;
    write_one(EU, 10, "bash", "5.2");
    iso_rows_key_entry(&key, number_in(partition % SHARDS), partition,
                       iso_bytes_text("bash"));
    ck_ok(iso_txn_begin(store, &txn, &why));
    ck_ok(iso_txn_get(txn, ISO_ENTRY, iso_buf_bytes(&key), &row, &why));
    iso_buf_add_bytes(&copy, row);
    iso_txn_abort(txn);
    for (size_t at = 0; at < copy.size; at++) {
        copy.data[at] ^= 0x10;
        ck_ok(iso_txn_begin(store, &txn, &why));
        iso_txn_put(txn, ISO_ENTRY, iso_buf_bytes(&key), iso_buf_bytes(&copy));
        ck_ok(iso_txn_commit(txn, &why));
        ck_err(get("bash"), ISO_DAMAGED);
        ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
        ck_err(iso_replica_scan_next(scan, &item, &why), ISO_DAMAGED);
        iso_replica_scan_close(scan);
        copy.data[at] ^= 0x10;
    }
    iso_buf_release(&key);
    iso_buf_release(&copy);
}
END_TEST

/* ---- opening ---- */

START_TEST(stores_of_no_whole_region_are_refused)
{
    struct iso_replica *other;
    struct iso_store *swapped[SHARDS] = {stores[1], stores[0]};
    ck_err(iso_replica_open_on(stores, 1, &now.clock, &other, &why),
           ISO_STORE_MISMATCH);
    ck_err(iso_replica_open_on(swapped, SHARDS, &now.clock, &other, &why),
           ISO_STORE_MISMATCH);
    struct iso_store *fresh = iso_store_memory_new();
    ck_err(iso_replica_open_on(&fresh, 1, &now.clock, &other, &why), ISO_NOT_FOUND);
    iso_store_close(fresh);
    ck_err(iso_replica_open("/nonexistent/store", &other, &why), ISO_NOT_FOUND);
}
END_TEST

static void lmdb_open_all(const char *path)
{
    struct iso_store_options options = {.not_durable = true};
    char shard[64];
    for (size_t n = 0; n < SHARDS; n++) {
        snprintf(shard, sizeof shard, "%s/%zu", path, n);
        enum iso_err err = iso_store_lmdb_open(shard, &options, &stores[n], &why);
        ck_assert_msg(err == ISO_OK, "%s", why.text);
    }
}

/* Removes what a test made: each shard's files, then the directories. */
static void remove_all(const char *path)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

/* The daemon: writes 5.2, says so, waits for a word, writes 5.3, says so, ends. */
static void write_beside(const char *path, int say, int hear)
{
    char byte = 0;
    lmdb_open_all(path);
    fill();
    write_one(EU, 10, "bash", "5.2");
    ck_assert_int_eq(write(say, &byte, 1), 1);
    ck_assert_int_eq(read(hear, &byte, 1), 1);
    write_one(EU, 20, "bash", "5.3");
    ck_assert_int_eq(write(say, &byte, 1), 1);
    teardown();
    _exit(0);
}

static void read_beside(const char *path, int say, int hear)
{
    char byte = 0;
    ck_assert_int_eq(read(hear, &byte, 1), 1);
    enum iso_err err = iso_replica_open(path, &replica, &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    ck_ok(get("bash"));
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.value), iso_bytes_text("5.2")));
    ck_assert_int_eq(write(say, &byte, 1), 1);
    ck_assert_int_eq(read(hear, &byte, 1), 1);
    ck_ok(get("bash"));
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.value), iso_bytes_text("5.3")));
    ck_err(get("none"), ISO_NOT_FOUND);
    iso_replica_close(replica);
    iso_read_release(&found);
}

START_TEST(a_store_directory_is_read_beside_the_daemon_that_writes_it)
{
    char path[] = "/tmp/replica_test.XXXXXX";
    int to_daemon[2], to_reader[2], status;
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_err(iso_replica_open(path, &replica, &why), ISO_NOT_FOUND);
    ck_assert_int_eq(pipe(to_daemon), 0);
    ck_assert_int_eq(pipe(to_reader), 0);
    pid_t daemon = fork();
    ck_assert_int_ge(daemon, 0);
    if (daemon == 0) {
        close(to_daemon[1]);
        write_beside(path, to_reader[1], to_daemon[0]);
    }
    close(to_reader[1]); /* so that a daemon that fails ends the wait */
    read_beside(path, to_daemon[1], to_reader[0]);
    ck_assert_int_eq(waitpid(daemon, &status, 0), daemon);
    ck_assert_int_eq(status, 0);
    remove_all(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica");
    TCase *tests = tcase_create("replica");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_value_is_read_with_version_and_context);
    tcase_add_test(tests,
                   what_is_not_there_is_not_found_and_has_a_context_all_the_same);
    tcase_add_test(tests, what_has_expired_is_hidden);
    tcase_add_test(tests, an_unknown_collection_names_those_that_are_known);
    tcase_add_test(tests, the_newest_definition_is_given_as_the_daemon_goes_on);
    tcase_add_test(tests, a_scan_gives_every_live_entry_in_order_over_all_slices);
    tcase_add_test(tests, losers_come_by_key_then_version_whatever_the_keys_lengths);
    tcase_add_test(tests, a_scan_keeps_to_what_was_there_when_it_began);
    tcase_add_test(tests, a_damaged_entry_is_never_a_value);
    tcase_add_test(tests, stores_of_no_whole_region_are_refused);
    suite_add_tcase(suite, tests);
    TCase *disk = tcase_create("disk");
    tcase_add_test(disk, a_store_directory_is_read_beside_the_daemon_that_writes_it);
    suite_add_tcase(suite, disk);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
