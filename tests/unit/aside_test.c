/* Large values of records and siblings, which stand in rows of their own: what is kept
 * of them, read, lost and dropped, and that none is left without its entry. */
#include "replica_ground.h"
#include "resolver/resolver.h"
#include "schema/aside.h"

#define LARGE_RECORD                                            \
    "{'type':'record','name':'R','fields':["                    \
    "{'name':'name','type':'string','default':''},"             \
    "{'name':'top','merge':'max','type':'bytes','default':''}," \
    "{'name':'notes','merge':'map','type':{'type':'map','values':'string'}}]}"

enum { LARGE = 100000 };

static struct iso_schemas *schemas;

static struct iso_definition *def_of(const char *resolver, const char *schema)
{
    struct iso_definition *definition = def_bare(1, 1);
    snprintf(definition->resolver, sizeof definition->resolver, "%s", resolver);
    definition->limits =
        (struct iso_definition_limits){64, ISO_VALUE_MAX, ISO_HEADER_MAX, 4000};
    if (schema != NULL) {
        definition->format = ISO_FORMAT_AVRO;
        kit_fields_schema(definition, schema);
    }
    return def_encoded(definition);
}

static void setup_siblings(void)
{
    replica_init(def_of("siblings", NULL));
}

static void setup_fields(void)
{
    replica_init(def_of("fields", LARGE_RECORD));
    schemas = iso_schemas_new(ground.definition);
}

static void teardown(void)
{
    iso_schemas_free(schemas);
    schemas = NULL;
    replica_release();
}

/* ---- what the store holds ---- */

struct held_rows {
    size_t entries, asides, named; /* rows, and values that entries name */
    size_t entry_size;             /* of the largest */
    enum iso_parts_format format;
    struct iso_snapshot *snapshot;
};

static void entry_count(struct held_rows *held, struct iso_bytes key,
                        struct iso_bytes row)
{
    struct iso_parts parts = {0};
    struct iso_buf name = {0};
    struct iso_bytes value;
    ck_ok(iso_parts_decode(row, key, held->format, &parts, &why));
    for (size_t i = 0; i < parts.count; i++)
        for (size_t n = 0; n < parts.parts[i].value_count; n++) {
            const struct iso_held *one = &parts.parts[i].values[n];
            if (!iso_held_is_aside(one))
                continue;
            iso_rows_key_aside(&name, COLLECTION, 0, key, one->aside);
            ck_ok(iso_snapshot_get(held->snapshot, ISO_ASIDE, iso_buf_bytes(&name),
                                   &value, &why));
            ck_assert(iso_digest_equal(iso_hash128(value), one->hash));
            held->named++;
        }
    held->entries++;
    if (row.size > held->entry_size)
        held->entry_size = row.size;
    iso_parts_release(&parts);
    iso_buf_release(&name);
}

/* Every large value that an entry names is there, and no other. */
static struct held_rows rows_check(void)
{
    struct iso_bytes none = {0}, key, row;
    struct iso_cursor *cursor;
    struct held_rows held = {.format = schemas != NULL ? ISO_PARTS_FIELDS
                                                       : ISO_PARTS_SIBLINGS};
    ck_ok(iso_snapshot_open(ground.store, &held.snapshot, &why));
    ck_ok(iso_cursor_open(held.snapshot, ISO_ENTRY, none, none, &cursor, &why));
    while (iso_cursor_next(cursor, &key, &row, &why) == ISO_OK)
        entry_count(&held,
                    iso_bytes(key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX),
                    row);
    iso_cursor_close(cursor);
    ck_ok(iso_cursor_open(held.snapshot, ISO_ASIDE, none, none, &cursor, &why));
    while (iso_cursor_next(cursor, &key, &row, &why) == ISO_OK)
        held.asides++;
    iso_cursor_close(cursor);
    iso_snapshot_close(held.snapshot);
    ck_assert_uint_eq(held.asides, held.named);
    return held;
}

/* ---- siblings ---- */

static void large_put(struct iso_buf *value, uint8_t byte, size_t size)
{
    iso_buf_clear(value);
    iso_buf_reserve(value, size);
    memset(value->data, byte, size);
    value->size = size;
}

/* Its writer had been shown nothing: all stay. */
static void write_beside(int64_t after_ms, uint8_t byte, size_t size)
{
    write_begin(EU, after_ms, "key", "");
    ground.made.write.blind = false;
    large_put(&ground.made.value, byte, size);
    write_end();
}

/* Replaces what the last read gave. */
static void write_after(int64_t after_ms, const char *value)
{
    struct iso_context context;
    ck_ok(iso_context_decode(iso_buf_bytes(&found.context), &context, &why));
    write_begin(EU, after_ms, "key", value);
    ground.made.write.blind = false;
    ground.made.write.read = context.shown;
    write_end();
}

START_TEST(a_hundred_large_siblings_of_one_key_stop_nobody_and_are_read_in_portions)
{
    enum { MANY = 100, PORTION = (32 << 20) / ISO_VALUE_MAX };
    for (int n = 1; n <= MANY; n++)
        write_beside(n, (uint8_t)n, ISO_VALUE_MAX);
    struct held_rows held = rows_check();
    ck_assert_uint_eq(held.asides, MANY);
    ck_assert_uint_lt(held.entry_size, MANY * 100);
    size_t left = MANY;
    for (int64_t at_ms = MANY + 1; left > 1; at_ms++) {
        ck_ok(get("key"));
        size_t given = found.sibling_count;
        ck_assert_uint_eq(found.sibling_total, left);
        ck_assert(given == left || (given >= PORTION && given <= PORTION + 1));
        for (size_t n = 0; n < given; n++)
            ck_assert(found.siblings[n].value.size == ISO_VALUE_MAX ||
                      (n == 0 && found.siblings[n].value.size == 3));
        write_after(at_ms, "one");
        left -= given - 1;
        ck_assert_uint_eq(rows_check().asides, left - 1);
    }
    ck_ok(get("key"));
    write_after(10 * MANY, NULL);
    ck_assert_uint_eq(rows_check().asides, 0);
}
END_TEST

START_TEST(
    a_key_with_thousands_of_siblings_gives_the_newest_and_says_how_many_there_are)
{
    enum { MANY = 2500 };
    for (int n = 0; n < MANY; n++)
        write_beside(n + 1, 'a', 1 + (size_t)n % 3);
    ck_ok(get("key"));
    ck_assert_uint_eq(found.sibling_count, ISO_SIBLINGS_SHOWN_MAX);
    ck_assert_uint_eq(found.sibling_total, MANY);
    write_after(MANY + 1, "all of these");
    ck_ok(get("key"));
    ck_assert_uint_eq(found.sibling_total, MANY - ISO_SIBLINGS_SHOWN_MAX + 1);
    ck_assert_uint_eq(found.siblings[0].value.size, strlen("all of these"));
}
END_TEST

/* At the border on either side, and one that replaces the other. */
START_TEST(a_value_stands_aside_when_it_is_larger_than_the_border)
{
    write_beside(1, 'a', ISO_VALUE_ASIDE);
    ck_assert_uint_eq(rows_check().asides, 0);
    write_beside(2, 'b', ISO_VALUE_ASIDE + 1);
    struct held_rows held = rows_check();
    ck_assert(held.asides == 1 && held.entry_size < ISO_VALUE_ASIDE + 300);
    ck_ok(get("key"));
    ck_assert_uint_eq(found.siblings[0].value.size, ISO_VALUE_ASIDE + 1);
    ck_assert_uint_eq(found.siblings[1].value.size, ISO_VALUE_ASIDE);
    write_after(3, "small");
    ck_assert_uint_eq(rows_check().asides, 0);
}
END_TEST

START_TEST(what_was_not_committed_leaves_nothing)
{
    write_beside(1, 'a', LARGE);
    write_begin(US, 2, "key", "");
    large_put(&ground.made.value, 'b', LARGE);
    made_seal(&ground.made);
    ground_expect(&ground, ISO_APPLIED);
    ground_abort(&ground);
    ck_assert_uint_eq(rows_check().asides, 1);
}
END_TEST

/* ---- damage ---- */

/* What each row of the space is put to. */
static void rows_change(enum iso_space space, struct iso_bytes value)
{
    struct iso_snapshot *snapshot;
    struct iso_cursor *cursor;
    struct iso_bytes none = {0}, key, row;
    ck_ok(iso_snapshot_open(ground.store, &snapshot, &why));
    ck_ok(iso_cursor_open(snapshot, space, none, none, &cursor, &why));
    ground_begin(&ground);
    while (iso_cursor_next(cursor, &key, &row, &why) == ISO_OK)
        if (value.size > 0)
            iso_txn_put(ground.txn, space, key, value);
        else
            iso_txn_delete(ground.txn, space, key);
    iso_cursor_close(cursor);
    iso_snapshot_close(snapshot);
    ground_commit(&ground);
}

START_TEST(a_large_value_that_is_damaged_or_gone_is_never_served)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    struct iso_buf other = {0};
    write_beside(1, 'a', LARGE);
    large_put(&other, 'b', LARGE);
    for (int round = 0; round < 3; round++) {
        other.size = round == 0 ? LARGE : round == 1 ? LARGE - 1 : 0;
        rows_change(ISO_ASIDE, iso_buf_bytes(&other));
        ck_err(get("key"), ISO_DAMAGED);
        ck_assert(strstr(why.text, "value of 100000 bytes") != NULL);
        ck_assert_uint_eq(found.value.size, 0);
        ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
        ck_err(iso_replica_scan_next(scan, &item, &why), ISO_DAMAGED);
        iso_replica_scan_close(scan);
    }
    iso_buf_release(&other);
}
END_TEST

/* ---- records ---- */

static void put_record(unsigned region, int64_t after_ms, char name, char top,
                       char note)
{
    const char each[] = {name, top, note};
    struct iso_buf value = {0};
    iso_value_begin(schemas, 0, &value);
    for (size_t n = 0; n < 3; n++) {
        if (n == 2) {
            iso_avro_add_long(&value, 1); /* a block of one member */
            iso_avro_add_text(&value, "m");
        }
        iso_avro_add_long(&value, LARGE);
        iso_buf_reserve(&value, LARGE);
        memset(value.data + value.size, each[n], LARGE);
        value.size += LARGE;
    }
    iso_avro_add_long(&value, 0);
    write_begin(region, after_ms, "key", "");
    write_value(iso_buf_bytes(&value));
    write_end();
    iso_buf_release(&value);
}

/* Of the record as it is read: the first byte of each large field. */
static void expect_record(const char *bytes)
{
    struct iso_avro_cursor cursor;
    ck_ok(get("key"));
    struct iso_bytes value = iso_buf_bytes(&found.value);
    cursor = iso_avro_read(iso_bytes(value.data + 10, value.size - 10));
    struct iso_bytes name = iso_avro_bytes(&cursor), top = iso_avro_bytes(&cursor);
    ck_assert(name.size == LARGE && top.size == LARGE);
    ck_assert_int_eq(name.data[0], bytes[0]);
    ck_assert_int_eq(top.data[LARGE - 1], bytes[1]);
    ck_assert_int_eq(iso_avro_long(&cursor), 1);
    iso_avro_bytes(&cursor);
    ck_assert_int_eq(iso_avro_bytes(&cursor).data[7], bytes[2]);
}

/* The largest and the newest may be of different writes; what lost has its bytes. */
START_TEST(large_fields_are_merged_lost_and_deleted_like_small_ones)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    put_record(EU, 10, 'a', 'x', 'k');
    ck_assert_uint_eq(rows_check().asides, 3);
    expect_record("axk");
    put_record(US, 20, 'b', 'w', 'l');
    ck_assert_uint_eq(rows_check().asides, 4); /* both tops: a clear may come between */
    expect_record("bxl");
    put_record(US, 30, 'c', 'y', 'm');
    ck_assert_uint_eq(rows_check().asides, 3);
    expect_record("cym");
    ck_ok(iso_replica_scan_losers(replica, "packages", &scan, &why));
    for (int n = 0; n < 2; n++) {
        ck_ok(iso_replica_scan_next(scan, &item, &why));
        ck_assert_uint_gt(item.value.size, LARGE);
        ck_assert(item.value.data[9] == 'a' || item.value.data[9] == 'k');
    }
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_END);
    iso_replica_scan_close(scan);
    write_begin(EU, 40, "key", NULL);
    write_end();
    struct held_rows held = rows_check();
    ck_assert(held.asides == 0 && held.entries == 1);
    ck_err(get("key"), ISO_NOT_FOUND);
}
END_TEST

START_TEST(a_merge_that_needs_a_value_which_is_gone_stops_and_changes_nothing)
{
    struct iso_buf before = {0}, after = {0};
    put_record(EU, 10, 'a', 'x', 'k');
    rows_change(ISO_ASIDE, (struct iso_bytes){0});
    iso_slice_encode(iso_apply_slice(ground.apply), &before);
    write_begin(US, 20, "key", NULL); /* the name and the note would be lost */
    made_seal(&ground.made);
    ck_err(ground_apply(&ground, LOG, false), ISO_DAMAGED);
    ck_assert(strstr(ground.why.text, "not there") != NULL);
    iso_slice_encode(iso_apply_slice(ground.apply), &after);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&before), iso_buf_bytes(&after)));
    iso_buf_release(&before);
    iso_buf_release(&after);
}
END_TEST

/* ---- what a value is, by itself ---- */

START_TEST(values_of_one_version_are_ordered_alike_whether_they_are_loaded_or_not)
{
    struct iso_buf bytes[3] = {0};
    struct iso_held held[8] = {{.value = iso_bytes_text("a")},
                               {.value = iso_bytes_text("b")}};
    for (int n = 0; n < 3; n++) {
        large_put(&bytes[n], (uint8_t)(9 - n), LARGE);
        held[2 + 2 * n].value = iso_buf_bytes(&bytes[n]);
        held[3 + 2 * n] = (struct iso_held){.value.size = LARGE,
                                            .hashed = true,
                                            .hash = iso_hash128(held[2 + 2 * n].value)};
    }
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < 8; b++) {
            int order = iso_held_compare_value(&held[a], &held[b]);
            ck_assert_int_eq(order > 0, iso_held_compare_value(&held[b], &held[a]) < 0);
            ck_assert_int_eq(order == 0,
                             a == b || (a >= 2 && b >= 2 && a / 2 == b / 2));
            if (a < 2)
                ck_assert(b < 2 || order < 0); /* small before large */
        }
    for (int n = 0; n < 3; n++)
        ck_assert_uint_eq(iso_seen_hash_held(&held[2 + 2 * n]),
                          iso_seen_hash_held(&held[3 + 2 * n]));
    for (int n = 0; n < 3; n++)
        iso_buf_release(&bytes[n]);
}
END_TEST

/* Two writes of one version: one of them stays, in whatever order they come, and the
 * row of the other goes or was never there. */
START_TEST(
    of_two_large_values_of_one_version_the_same_one_stays_and_no_row_of_the_other)
{
    const struct iso_resolver *resolver = iso_resolver_find("siblings");
    struct iso_buf values[2] = {0}, row = {0};
    struct iso_digest stays[2];
    struct iso_merged merged = {0};
    size_t rows[2][2];
    large_put(&values[0], 1, LARGE);
    large_put(&values[1], 2, LARGE);
    for (int order = 0; order < 2; order++) {
        iso_buf_clear(&row);
        for (int n = 0; n < 2; n++) {
            struct iso_ledger ledger = {0}; /* siblings ask it nothing here */
            struct iso_coming coming = {.operation = ISO_PUT,
                                        .key = iso_bytes_text("key"),
                                        .value = iso_buf_bytes(&values[order ^ n]),
                                        .version = {5, 5},
                                        .log = (uint16_t)(1 + n)};
            struct iso_merge merge = {
                .held = iso_buf_bytes(&row), .coming = &coming, .ledger = &ledger};
            ck_ok(resolver->merge(&merge, &merged, &why));
            rows[order][n] = merged.aside_count;
            iso_buf_clear(&row);
            iso_buf_add_bytes(&row, iso_buf_bytes(&merged.row));
        }
        stays[order] = merged.is.live;
    }
    ck_assert(iso_digest_equal(stays[0], stays[1]));
    ck_assert(rows[0][0] == 1 && rows[1][0] == 1);
    ck_assert_uint_eq(rows[0][1] + rows[1][1], 2); /* one comes and one goes, or none */
    ck_assert(rows[0][1] == 0 || rows[1][1] == 0);
    iso_merged_release(&merged);
    iso_buf_release(&row);
    iso_buf_release(&values[0]);
    iso_buf_release(&values[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("aside");
    TCase *siblings = tcase_create("siblings");
    tcase_set_timeout(siblings, 120);
    tcase_add_checked_fixture(siblings, setup_siblings, teardown);
    tcase_add_test(
        siblings,
        a_hundred_large_siblings_of_one_key_stop_nobody_and_are_read_in_portions);
    tcase_add_test(
        siblings,
        a_key_with_thousands_of_siblings_gives_the_newest_and_says_how_many_there_are);
    tcase_add_test(siblings, a_value_stands_aside_when_it_is_larger_than_the_border);
    tcase_add_test(siblings, what_was_not_committed_leaves_nothing);
    tcase_add_test(siblings, a_large_value_that_is_damaged_or_gone_is_never_served);
    suite_add_tcase(suite, siblings);
    TCase *fields = tcase_create("fields");
    tcase_add_checked_fixture(fields, setup_fields, teardown);
    tcase_add_test(fields, large_fields_are_merged_lost_and_deleted_like_small_ones);
    tcase_add_test(fields,
                   a_merge_that_needs_a_value_which_is_gone_stops_and_changes_nothing);
    tcase_add_test(
        fields, values_of_one_version_are_ordered_alike_whether_they_are_loaded_or_not);
    tcase_add_test(
        fields,
        of_two_large_values_of_one_version_the_same_one_stays_and_no_row_of_the_other);
    suite_add_tcase(suite, fields);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
