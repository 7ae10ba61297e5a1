/* Reads of a region's copy by a reader's own schema: get, and both scans, also of
 * values whose schema came after the handle was opened. */
#include "apply_ground.h"

#include "consumer/replica.h"
#include "schema_kit.h"

#define READER                                                               \
    "{\"type\":\"record\",\"name\":\"P\",\"fields\":["                       \
    "{\"name\":\"x\",\"type\":\"int\"},{\"name\":\"t\",\"type\":\"string\"," \
    "\"default\":\"T\"}]}"
/* A later one: without s, with t. */
#define LATER                                          \
    "{\"type\":\"record\",\"name\":\"P\",\"fields\":[" \
    "{\"name\":\"t\",\"type\":\"string\"},{\"name\":\"x\",\"type\":\"int\"}]}"

static struct slice_ground ground;
static struct iso_definition *second;
static struct iso_replica *replica;
static struct iso_clock_manual now;
static struct iso_read found;
static struct iso_buf value;
static struct iso_why why;

static struct iso_definition *def_schemas(uint32_t number)
{
    struct iso_definition *definition = def_bare(number, 1);
    definition->format = ISO_FORMAT_AVRO;
    kit_schema(definition, KIT_POINT, 0);
    kit_schema(definition, "\"string\"", 0); /* which READER cannot take */
    return definition;
}

static void put_meta(void)
{
    struct iso_rows_store owner = {"eu", EU, 0, 1};
    struct iso_rows_collection row = {.number = COLLECTION};
    struct iso_buf key = {0}, bytes = {0};
    memcpy(row.id, ground.definition->id, sizeof row.id);
    ground_begin(&ground);
    iso_rows_key_store(&key);
    iso_rows_encode_store(&owner, &bytes);
    iso_txn_put(ground.txn, ISO_META, iso_buf_bytes(&key), iso_buf_bytes(&bytes));
    iso_rows_key_collection(&key, "packages");
    iso_rows_encode_collection(&row, &bytes);
    iso_txn_put(ground.txn, ISO_META, iso_buf_bytes(&key), iso_buf_bytes(&bytes));
    iso_buf_release(&key);
    iso_buf_release(&bytes);
}

static void setup(void)
{
    ground_init(&ground, EU, def_encoded(def_schemas(1)));
    second = def_schemas(2);
    kit_schema(second, LATER, 0);
    def_encoded(second);
    put_meta();
    ground_define(&ground);
    ground_commit(&ground);
    iso_clock_manual_init(&now, NOW_MS);
    ck_ok(iso_replica_open_on(&ground.store, 1, &now.clock, &replica, &why));
}

static void teardown(void)
{
    iso_replica_close(replica);
    iso_read_release(&found);
    iso_buf_release(&value);
    iso_definition_free(second);
    ground_release(&ground);
}

/* A blind write of a node of its own, so that seq is 1. */
static void put(unsigned region, int64_t after_ms, const char *key, size_t schema,
                const char *datum, size_t size)
{
    static unsigned nodes = 100;
    made_write(&ground.made,
               (struct draft){ground.next, region, ++nodes, 1, after_ms, key, "x"});
    iso_buf_clear(&ground.made.value);
    iso_buf_add_bytes(&ground.made.value,
                      kit_value(&value, second, schema, datum, size));
    made_seal(&ground.made);
    ground_expect(&ground, ISO_APPLIED);
    ground_commit(&ground);
}

static enum iso_err get(const char *key)
{
    return iso_replica_get(replica, "packages", iso_bytes_text(key), &found, &why);
}

static void expect(const struct iso_buf *is, const char *want, size_t size)
{
    ck_assert(iso_bytes_equal(iso_buf_bytes(is), iso_bytes(want, size)));
}

START_TEST(a_value_is_given_as_its_reader_sees_it)
{
    put(EU, 10, "a", 0, KIT_DATUM, 3);
    ck_ok(get("a"));
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.value), iso_buf_bytes(&value)));
    ck_ok(iso_replica_read_as(replica, "packages", READER, &why));
    for (int round = 0; round < 2; round++) {
        ck_ok(get("a"));
        expect(&found.value, "\x06\x02T", 3);
    }
    ck_err(get("b"), ISO_NOT_FOUND);
    ck_ok(iso_replica_read_as(replica, "packages", NULL, &why));
    ck_ok(get("a"));
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.value), iso_buf_bytes(&value)));
}
END_TEST

START_TEST(what_the_reader_cannot_take_is_said_with_its_version)
{
    put(EU, 10, "a", 1, "\x02q", 2);
    ck_ok(iso_replica_read_as(replica, "packages", READER, &why));
    ck_err(get("a"), ISO_INCOMPATIBLE);
    ck_assert_uint_eq(found.value.size, 0);
    ck_assert(iso_version_equal(found.version, ground.made.write.version));
    ck_assert_uint_gt(found.context.size, 0);
}
END_TEST

START_TEST(a_value_of_a_later_schema_is_looked_up)
{
    put(EU, 10, "a", 0, KIT_DATUM, 3);
    ck_ok(iso_replica_read_as(replica, "packages", READER, &why));
    ck_ok(get("a"));
    control_add(ground.control, second);
    made_define(&ground.made, ground.next, EU, 2, 20, second);
    ground_expect(&ground, ISO_APPLIED);
    put(EU, 30, "b", 2, "\x02q\x08", 3);
    ck_ok(get("b"));
    expect(&found.value, "\x08\x02q", 3);
    ck_ok(get("a"));
    expect(&found.value, "\x06\x02T", 3);
}
END_TEST

START_TEST(a_scan_gives_what_the_reader_sees_and_goes_on_behind_what_it_cannot)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    put(EU, 10, "a", 0, KIT_DATUM, 3);
    put(EU, 20, "b", 1, "\x02q", 2);
    put(EU, 30, "c", 0, "\x08\x02r", 3);
    ck_ok(iso_replica_read_as(replica, "packages", READER, &why));
    ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    ck_assert(iso_bytes_equal(item.value, iso_bytes("\x06\x02T", 3)));
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_INCOMPATIBLE);
    ck_assert(iso_bytes_equal(item.key, iso_bytes_text("b")));
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    ck_assert(iso_bytes_equal(item.key, iso_bytes_text("c")));
    ck_assert(iso_bytes_equal(item.value, iso_bytes("\x08\x02T", 3)));
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_END);
    iso_replica_scan_close(scan);
}
END_TEST

START_TEST(a_loser_is_given_as_the_reader_sees_it)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    put(EU, 10, "a", 0, KIT_DATUM, 3);
    put(US, 20, "a", 0, "\x08\x02r", 3); /* blind, of another region: a conflict */
    ck_ok(iso_replica_read_as(replica, "packages", READER, &why));
    ck_ok(iso_replica_scan_losers(replica, "packages", &scan, &why));
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    ck_assert(iso_bytes_equal(item.key, iso_bytes_text("a")));
    ck_assert(iso_bytes_equal(item.value, iso_bytes("\x06\x02T", 3)));
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_END);
    iso_replica_scan_close(scan);
}
END_TEST

START_TEST(a_schema_that_is_none_changes_nothing)
{
    put(EU, 10, "a", 0, KIT_DATUM, 3);
    ck_ok(iso_replica_read_as(replica, "packages", READER, &why));
    ck_err(iso_replica_read_as(replica, "packages", "{", &why), ISO_BAD_DATA);
    ck_err(iso_replica_read_as(replica, "nothing", READER, &why), ISO_NO_DEFINITION);
    ck_ok(get("a"));
    expect(&found.value, "\x06\x02T", 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_view");
    TCase *tests = tcase_create("replica_view");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_value_is_given_as_its_reader_sees_it);
    tcase_add_test(tests, what_the_reader_cannot_take_is_said_with_its_version);
    tcase_add_test(tests, a_value_of_a_later_schema_is_looked_up);
    tcase_add_test(tests,
                   a_scan_gives_what_the_reader_sees_and_goes_on_behind_what_it_cannot);
    tcase_add_test(tests, a_loser_is_given_as_the_reader_sees_it);
    tcase_add_test(tests, a_schema_that_is_none_changes_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
