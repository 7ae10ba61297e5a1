/* Reads of a collection of resolver plugin:NAME, with its plug-in and without: the
 * example (examples/plugin/lines.c) over siblings that two regions wrote. */
#include "apply_ground.h"

#include <fcntl.h>

#include "consumer/plugin_state.h"
#include "consumer/replica.h"
#include "schema_kit.h"

static struct iso_store *store;
static struct iso_control *control;
static struct iso_definition *definition;
static struct iso_apply *slice;
static struct made made;
static struct iso_clock_manual now;
static struct iso_replica *replica;
static struct iso_plugin_child *child;
static struct iso_read found;
static struct iso_why why;
static int64_t next;

static void apply_made(void)
{
    struct iso_txn *txn;
    enum iso_outcome outcome;
    made_seal(&made);
    ck_ok(iso_txn_begin(store, &txn, &why));
    ck_ok(iso_apply_record(slice, txn,
                           &(struct iso_apply_input){LOG, &made.record, false},
                           &outcome, &why));
    ck_assert_msg(outcome == ISO_APPLIED, "%s", why.text);
    iso_apply_save(slice, txn);
    ck_ok(iso_txn_commit(txn, &why));
    next++;
}

static void write_one(unsigned region, int64_t after_ms, const char *key,
                      const char *value)
{
    static uint64_t nodes = 1000; /* a new one each time, so that seq is 1 */
    made_write(&made, (struct draft){next, region, (unsigned)++nodes, 1, after_ms, key,
                                     value});
    apply_made();
}

/* Its writer had read, and had been shown nothing. */
static void write_beside(int64_t after_ms, const char *key, const char *value)
{
    made_write(&made, (struct draft){next, US, (unsigned)(9000 + after_ms), 1, after_ms,
                                     key, value});
    made.write.blind = false;
    apply_made();
}

static void put_meta(struct iso_txn *txn)
{
    struct iso_rows_store owner = {"eu", EU, 0, 1};
    struct iso_rows_collection row = {.number = COLLECTION};
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

static void store_fill_by(const char *resolver, const char *schema)
{
    struct iso_txn *txn;
    store = iso_store_memory_new();
    definition = def_bare(1, 1);
    snprintf(definition->resolver, sizeof definition->resolver, "%s", resolver);
    if (schema != NULL) {
        definition->format = ISO_FORMAT_AVRO;
        kit_schema(definition, schema, 0);
    }
    definition = def_encoded(definition);
    control = iso_control_new();
    control_add(control, definition);
    ck_ok(iso_txn_begin(store, &txn, &why));
    put_meta(txn);
    ck_ok(iso_txn_commit(txn, &why));
    struct iso_apply_options options = {.collection = "packages",
                                        .number = COLLECTION,
                                        .partition = 0,
                                        .region = EU,
                                        .control = control};
    ck_ok(iso_apply_open(store, &options, &slice, &why));
    made_define(&made, 0, EU, 1, 0, definition);
    next = 0;
    apply_made();
    iso_clock_manual_init(&now, NOW_MS);
    ck_ok(iso_replica_open_on(&store, 1, &now.clock, &replica, &why));
}

static void store_fill(const char *resolver)
{
    store_fill_by(resolver, NULL);
}

static void teardown(void)
{
    iso_replica_close(replica);
    iso_plugin_close(child);
    child = NULL;
    iso_read_release(&found);
    iso_apply_close(slice);
    iso_store_close(store);
    iso_control_free(control);
    iso_definition_free(definition);
    made_release(&made);
}

static void plugin_load(const char *manner, uint64_t checks)
{
    char path[4096];
    snprintf(path, sizeof path, ISO_TEST_PLUGINS "%s.so", manner);
    struct iso_plugin_options options = {
        .path = path, .host = ISO_TEST_PLUGIN_HOST, .checks = checks};
    int file = open(path, O_PATH | O_CLOEXEC);
    enum iso_err err = iso_plugin_open_file(&options, file, &child, &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
}

static enum iso_err get(const char *key)
{
    return iso_replica_get(replica, "packages", iso_bytes_text(key), &found, &why);
}

static void value_is(struct iso_bytes value, const char *text)
{
    ck_assert_msg(iso_bytes_equal(value, iso_bytes_text(text)), "%.*s, not %s",
                  (int)value.size, (const char *)value.data, text);
}

static void both_write(void)
{
    write_one(EU, 10, "list", "tea\n");
    write_one(US, 20, "list", "milk\ntea\n");
    write_one(US, 10, "short", "salt\n");
}

/* ---- reads ---- */

START_TEST(a_read_is_the_plugins_answer_with_siblings_and_context_as_without)
{
    store_fill("plugin:lines");
    both_write();
    ck_ok(get("list")); /* without: the newest */
    value_is(iso_buf_bytes(&found.value), "milk\ntea\n");
    struct iso_buf context = {0};
    iso_buf_add_bytes(&context, iso_buf_bytes(&found.context));
    struct iso_version version = found.version;
    plugin_load("lines", 32);
    ck_ok(iso_replica_plugin(replica, "packages", child, &why));
    ck_ok(get("list"));
    value_is(iso_buf_bytes(&found.value), "tea\nmilk\n");
    ck_assert_uint_eq(found.sibling_count, 2);
    value_is(found.siblings[0].value, "milk\ntea\n");
    value_is(found.siblings[1].value, "tea\n");
    ck_assert(iso_version_equal(found.version, version));
    ck_assert(iso_bytes_equal(iso_buf_bytes(&context), iso_buf_bytes(&found.context)));
    ck_assert_int_eq(get("none"), ISO_NOT_FOUND);
    ck_ok(iso_replica_plugin(replica, "packages", NULL, &why));
    ck_ok(get("list"));
    value_is(iso_buf_bytes(&found.value), "milk\ntea\n");
    iso_buf_release(&context);
}
END_TEST

START_TEST(a_scan_shows_the_plugins_answers)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    store_fill("plugin:lines");
    both_write();
    plugin_load("lines", 32);
    ck_ok(iso_replica_plugin(replica, "packages", child, &why));
    ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    value_is(item.value, "tea\nmilk\n");
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    value_is(item.value, "salt\n");
    ck_assert_int_eq(iso_replica_scan_next(scan, &item, &why), ISO_END);
    iso_replica_scan_close(scan);
}
END_TEST

/* The plug-in has no answer to two siblings; a scan goes on behind them. */
START_TEST(a_plugin_that_fails_leaves_siblings_version_and_context)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    store_fill("plugin:refuses");
    write_one(EU, 10, "a", "one");
    write_one(US, 20, "a", "two");
    write_one(US, 30, "b", "alone");
    plugin_load("refuses", 32);
    ck_ok(iso_replica_plugin(replica, "packages", child, &why));
    ck_assert_int_eq(get("a"), ISO_BAD_DATA);
    ck_assert_msg(strstr(why.text, "42") != NULL, "%s", why.text);
    ck_assert_uint_eq(found.value.size, 0);
    ck_assert_uint_eq(found.sibling_count, 2);
    value_is(found.siblings[0].value, "two");
    ck_assert_uint_gt(found.context.size, 0);
    ck_assert_uint_ne(found.version.hlc, 0);
    ck_ok(get("b"));
    ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
    ck_assert_int_eq(iso_replica_scan_next(scan, &item, &why), ISO_BAD_DATA);
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    value_is(item.value, "alone");
    iso_replica_scan_close(scan);
}
END_TEST

/* Three siblings are too many for it, fewer are not. */
START_TEST(an_answer_that_is_no_value_of_the_schemas_reaches_no_reader)
{
    static const char text[] = "\xc3\x01\xc7\x03\x45\x63\x72\x48\x01\x8f\x04"
                               "ab";
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    store_fill_by("plugin:cuts", "\"string\"");
    write_one(EU, 10, "a", text);
    write_one(US, 20, "a", text);
    write_one(EU, 30, "b", text);
    plugin_load("cuts", 1);
    ck_ok(iso_replica_plugin(replica, "packages", child, &why));
    ck_ok(get("a"));
    value_is(iso_buf_bytes(&found.value), text);
    write_beside(40, "a", text);
    for (int by_schema = 0; by_schema < 2; by_schema++) {
        ck_ok(iso_replica_read_as(replica, "packages", by_schema ? "\"bytes\"" : NULL,
                                  &why));
        ck_assert_int_eq(get("a"), ISO_BAD_DATA);
        ck_assert_msg(strstr(why.text, "plug-in cuts: its answer of 12 bytes") != NULL,
                      "%s", why.text);
        ck_assert_uint_eq(found.value.size, 0);
        ck_assert_uint_eq(found.sibling_count, 3);
        value_is(found.siblings[0].value, by_schema ? "\x04"
                                                      "ab"
                                                    : text);
        ck_assert_uint_gt(found.context.size, 0);
    }
    ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
    ck_assert_int_eq(iso_replica_scan_next(scan, &item, &why), ISO_BAD_DATA);
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    value_is(item.value, "\x04"
                         "ab");
    iso_replica_scan_close(scan);
}
END_TEST

START_TEST(a_plugin_of_another_name_or_for_another_resolver_is_refused)
{
    store_fill("plugin:lines");
    plugin_load("good", 32);
    ck_assert_int_eq(iso_replica_plugin(replica, "packages", child, &why), ISO_USAGE);
    ck_assert_msg(strstr(why.text, "calls itself good") != NULL, "%s", why.text);
    ck_assert_int_eq(iso_replica_plugin(replica, "none", child, &why),
                     ISO_NO_DEFINITION);
}
END_TEST

START_TEST(other_resolvers_take_no_plugin)
{
    store_fill("siblings");
    plugin_load("good", 32);
    ck_assert_int_eq(iso_replica_plugin(replica, "packages", child, &why), ISO_USAGE);
    ck_assert_msg(strstr(why.text, "resolver siblings") != NULL, "%s", why.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_replica");
    TCase *tests = tcase_create("plugin_replica");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests,
                   a_read_is_the_plugins_answer_with_siblings_and_context_as_without);
    tcase_add_test(tests, a_scan_shows_the_plugins_answers);
    tcase_add_test(tests, a_plugin_that_fails_leaves_siblings_version_and_context);
    tcase_add_test(tests, an_answer_that_is_no_value_of_the_schemas_reaches_no_reader);
    tcase_add_test(tests, a_plugin_of_another_name_or_for_another_resolver_is_refused);
    tcase_add_test(tests, other_resolvers_take_no_plugin);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
