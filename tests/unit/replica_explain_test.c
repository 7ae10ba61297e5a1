/* All that is held of a key (consumer/replica_explain.h), and the ledger of one key
 * (iso_replica_scan_losers_of), over a store whose rows are written here. */
#include "apply_ground.h"

#include "consumer/replica_explain.h"
#include "schema_kit.h"

static struct iso_store *store;
static struct iso_definition *definition;
static struct iso_clock_manual now;
static struct iso_replica *replica;
static struct iso_explained held;
static struct iso_why why;
static const uint8_t schema[ISO_FINGERPRINT_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};

static void row_put(enum iso_space space, const struct iso_buf *key,
                    const struct iso_buf *value)
{
    struct iso_txn *txn;
    ck_ok(iso_txn_begin(store, &txn, &why));
    iso_txn_put(txn, space, iso_buf_bytes(key), iso_buf_bytes(value));
    ck_ok(iso_txn_commit(txn, &why));
}

static void meta_put(void)
{
    struct iso_rows_store owner = {"eu", EU, 0, 1};
    struct iso_rows_collection row = {.number = COLLECTION};
    struct iso_buf key = {0}, value = {0};
    iso_rows_key_store(&key);
    iso_rows_encode_store(&owner, &value);
    row_put(ISO_META, &key, &value);
    iso_rows_key_collection(&key, "packages");
    iso_rows_encode_collection(&row, &value);
    row_put(ISO_META, &key, &value);
    iso_rows_key_definition(&key, "packages", 1);
    row_put(ISO_META, &key, &definition->bytes);
    iso_buf_release(&key);
    iso_buf_release(&value);
}

static void begin(const char *resolver)
{
    store = iso_store_memory_new();
    definition = def_bare(1, 1);
    snprintf(definition->resolver, sizeof definition->resolver, "%s", resolver);
    if (strcmp(resolver, "fields") == 0) {
        definition->format = ISO_FORMAT_AVRO;
        kit_schema(definition, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}", 0);
    }
    def_encoded(definition);
    meta_put();
    iso_clock_manual_init(&now, NOW_MS);
    ck_ok(iso_replica_open_on(&store, 1, &now.clock, &replica, &why));
}

static void end(void)
{
    iso_explained_release(&held);
    iso_replica_close(replica);
    iso_definition_free(definition);
    iso_store_close(store);
}

static struct iso_version version_at(int64_t ms, unsigned region)
{
    return (struct iso_version){iso_hlc_of_ms(NOW_MS + ms), iso_node(region, 9)};
}

static void entry_put(const char *key, const struct iso_buf *row)
{
    struct iso_buf at = {0};
    iso_rows_key_entry(&at, COLLECTION, 0, iso_bytes_text(key));
    row_put(ISO_ENTRY, &at, row);
    iso_buf_release(&at);
}

static void loser_put(const struct iso_loser *loser)
{
    struct iso_buf at = {0}, row = {0};
    struct iso_digest digest;
    iso_rows_prefix(&at, COLLECTION, 0);
    iso_loser_key(loser, &at);
    iso_loser_encode(loser,
                     iso_bytes(at.data + ISO_ROWS_PREFIX, at.size - ISO_ROWS_PREFIX),
                     &row, &digest);
    row_put(ISO_LEDGER, &at, &row);
    iso_buf_release(&at);
    iso_buf_release(&row);
}

static void whole_loser_put(const char *key, int64_t ms, const char *value)
{
    struct iso_loser loser = {.key = iso_bytes_text(key),
                              .field = iso_bytes("", 0),
                              .version = version_at(ms, US),
                              .rule = ISO_LOSER_LWW,
                              .log = LOG,
                              .offset = ms,
                              .value = iso_bytes_text(value)};
    loser_put(&loser);
}

static void whole_put(const char *key, int64_t ms, const char *value)
{
    struct iso_buf scratch = {0}, row = {0};
    struct iso_digest digest;
    uint8_t name[ISO_VERSION_SIZE];
    iso_version_put(name, version_at(1, US));
    struct iso_entry entry = {.kind = value != NULL ? ISO_VALUE : ISO_TOMBSTONE,
                              .version = version_at(ms, EU),
                              .log = LOG,
                              .offset = ms,
                              .names = {name, 1}};
    if (value != NULL)
        entry.value = iso_bytes_text(value);
    iso_entry_encode(&entry, iso_bytes_text(key), &scratch, &row, &digest);
    entry_put(key, &row);
    iso_buf_release(&scratch);
    iso_buf_release(&row);
}

static enum iso_err explain(const char *key)
{
    why = (struct iso_why){0};
    return iso_replica_explain(replica, "packages", iso_bytes_text(key), &held, &why);
}

static bool is_text(struct iso_bytes bytes, const char *text)
{
    return iso_bytes_equal(bytes, iso_bytes_text(text));
}

/* ---- whole values ---- */

START_TEST(of_a_whole_value_entry_names_bucket_and_ledger_are_told)
{
    struct iso_bucket bucket = {.swept_ms = NOW_MS - 5};
    struct iso_buf at = {0}, row = {0};
    struct iso_held stands;
    begin("lww");
    whole_put("k", 30, "value");
    whole_loser_put("k", 10, "first");
    whole_loser_put("k", 20, "second");
    whole_loser_put("kk", 10, "of another key");
    iso_rows_key_bucket(&at, COLLECTION, 0,
                        iso_bucket_of(iso_bytes_text("k"), BUCKETS));
    iso_bucket_encode(&bucket, &row);
    row_put(ISO_BUCKET, &at, &row);
    ck_ok(explain("k"));
    ck_assert(held.is_whole && held.has_entry && held.found);
    ck_assert(is_text(held.entry.value, "value"));
    ck_assert_uint_eq(held.entry.names.count, 1);
    ck_assert_uint_eq(held.bucket, iso_bucket_of(iso_bytes_text("k"), BUCKETS));
    ck_assert_int_eq(held.swept_ms, NOW_MS - 5);
    ck_assert_int_eq(held.due_ms, ISO_NEVER_MS); /* its losers keep it */
    ck_assert_uint_eq(held.floor_log, 0);
    ck_assert_int_eq(held.now_ms, NOW_MS);
    ck_assert_uint_eq(held.loser_count, 2);
    ck_assert_uint_eq(held.loser_total, 2);
    ck_assert(is_text(held.losers[0].value, "first"));
    ck_assert(is_text(held.losers[1].value, "second"));
    ck_assert_int_eq(held.losers[1].offset, 20);
    ck_assert(is_text(held.losers[1].key, "k"));
    ck_assert(iso_explained_stands(&held, (struct iso_bytes){0}, &stands));
    ck_assert(iso_version_equal(stands.version, version_at(30, EU)));
    ck_assert(is_text(stands.value, "value"));
    iso_bucket_release(&bucket);
    iso_buf_release(&at);
    iso_buf_release(&row);
    end();
}
END_TEST

START_TEST(when_a_tombstone_goes_and_which_log_holds_it_is_told)
{
    struct iso_buf at = {0}, row = {0};
    struct iso_slice slice = {0};
    begin("lww");
    whole_put("k", 30, NULL);
    iso_slice_log_add(&slice, LOG)->bound_ms = NOW_MS + 20;
    iso_slice_log_add(&slice, LOG + 1)->bound_ms = NOW_MS + 10;
    iso_rows_key_slice(&at, COLLECTION, 0);
    iso_slice_encode(&slice, &row);
    row_put(ISO_META, &at, &row);
    ck_ok(explain("k"));
    ck_assert_int_eq(held.due_ms, NOW_MS + 30);
    ck_assert_int_eq(held.floor_ms, NOW_MS + 10);
    ck_assert_uint_eq(held.floor_log, LOG + 1);
    whole_put("k", 30, "value");
    ck_ok(explain("k"));
    ck_assert_int_eq(held.due_ms, NOW_MS + 1); /* its name */
    iso_slice_release(&slice);
    iso_buf_release(&at);
    iso_buf_release(&row);
    end();
}
END_TEST

START_TEST(what_is_not_there_is_told_as_nothing)
{
    struct iso_held stands;
    begin("lww");
    whole_put("k", 30, NULL);
    ck_ok(explain("k"));
    ck_assert(held.has_entry && !held.found);
    ck_assert(iso_explained_stands(&held, (struct iso_bytes){0}, &stands));
    ck_assert_int_eq(stands.kind, ISO_TOMBSTONE);
    ck_ok(explain("none")); /* of what was asked before nothing is left */
    ck_assert(!held.has_entry && !held.found);
    ck_assert_uint_eq(held.loser_count, 0);
    ck_assert(!iso_explained_stands(&held, (struct iso_bytes){0}, &stands));
    ck_err(explain(""), ISO_TOO_LARGE);
    ck_err(iso_replica_explain(replica, "other", iso_bytes_text("k"), &held, &why),
           ISO_NO_DEFINITION);
    end();
}
END_TEST

START_TEST(of_many_losers_the_first_are_kept_and_all_are_counted)
{
    begin("lww");
    for (int n = 1; n <= ISO_EXPLAINED_LOSERS_MAX + 10; n++)
        whole_loser_put("k", n, "x");
    ck_ok(explain("k"));
    ck_assert_uint_eq(held.loser_count, ISO_EXPLAINED_LOSERS_MAX);
    ck_assert_uint_eq(held.loser_total, ISO_EXPLAINED_LOSERS_MAX + 10);
    ck_assert_int_eq(held.losers[ISO_EXPLAINED_LOSERS_MAX - 1].offset,
                     ISO_EXPLAINED_LOSERS_MAX);
    end();
}
END_TEST

START_TEST(a_ledger_row_that_fails_its_check_is_damage)
{
    struct iso_loser loser = {.key = iso_bytes_text("k"),
                              .field = iso_bytes("", 0),
                              .version = version_at(1, US)};
    struct iso_buf at = {0}, row = {0};
    begin("lww");
    iso_rows_prefix(&at, COLLECTION, 0);
    iso_loser_key(&loser, &at);
    iso_buf_print(&row, "no loser");
    row_put(ISO_LEDGER, &at, &row);
    ck_err(explain("k"), ISO_DAMAGED);
    iso_buf_clear(&row);
    iso_buf_print(&row, "no entry");
    entry_put("j", &row);
    ck_err(explain("j"), ISO_DAMAGED);
    iso_buf_release(&at);
    iso_buf_release(&row);
    end();
}
END_TEST

/* ---- parts ---- */

static struct iso_bytes path_of(struct iso_buf *buf, const char *field)
{
    struct iso_path path = {.field = iso_bytes_text(field)};
    iso_buf_clear(buf);
    iso_path_encode(&path, buf);
    return iso_buf_bytes(buf);
}

static void field_loser_put(const char *key, const char *field, int64_t ms,
                            enum iso_loser_rule rule)
{
    struct iso_buf path = {0}, value = {0};
    struct iso_loser loser = {.key = iso_bytes_text(key),
                              .field = path_of(&path, field),
                              .version = version_at(ms, US),
                              .rule = rule,
                              .log = LOG,
                              .offset = ms};
    if (rule == ISO_LOSER_FIELD)
        iso_loser_field_encode(loser.field, schema, iso_bytes_text("\x02x"), &value);
    else
        loser.log = 0, loser.offset = 0;
    loser.value = iso_buf_bytes(&value);
    loser_put(&loser);
    iso_buf_release(&path);
    iso_buf_release(&value);
}

static void record_put(const char *key)
{
    struct iso_parts parts = {.format = ISO_PARTS_FIELDS, .has_delete = true};
    struct iso_held value = {.version = version_at(30, EU), .log = LOG, .offset = 30};
    struct iso_sum sum = {LOG, EU, 31, 7};
    struct iso_buf path = {0}, scratch = {0}, row = {0};
    struct iso_tally tally;
    parts.deleted = (struct iso_held){
        .version = version_at(25, US), .kind = ISO_TOMBSTONE, .log = LOG, .offset = 25};
    memcpy(value.fingerprint, schema, sizeof schema);
    value.value = iso_bytes_text("\x04hi");
    parts.losers = 3;
    struct iso_part *part = iso_parts_add(&parts, path_of(&path, "name"), ISO_RULE_LWW);
    part->values = &value;
    part->value_count = 1;
    part = iso_parts_add(&parts, path_of(&path, "visits"), ISO_RULE_COUNTER);
    part->sums = &sum;
    part->sum_count = 1;
    iso_parts_encode(&parts, iso_bytes_text(key), &scratch, &row, &tally);
    entry_put(key, &row);
    iso_parts_release(&parts);
    iso_buf_release(&path);
    iso_buf_release(&scratch);
    iso_buf_release(&row);
}

START_TEST(of_a_record_its_parts_are_told_and_which_part_lost)
{
    struct iso_buf path = {0};
    struct iso_held stands;
    begin("fields");
    record_put("k");
    field_loser_put("k", "name", 20, ISO_LOSER_FIELD);
    field_loser_put("k", "note", 10, ISO_LOSER_FIELD);
    field_loser_put("k", "note", 11, ISO_LOSER_NAME);
    ck_ok(explain("k"));
    ck_assert(!held.is_whole && held.has_entry && held.found);
    ck_assert_uint_eq(held.parts.count, 2);
    ck_assert_int_eq(held.parts.parts[1].sums[0].sum, 7);
    ck_assert_uint_eq(held.loser_total, 2);
    ck_assert_uint_eq(held.mark_total, 1);
    ck_assert(iso_bytes_equal(held.losers[0].path, path_of(&path, "name")));
    ck_assert(iso_bytes_equal(held.losers[1].path, path_of(&path, "note")));
    ck_assert(memcmp(held.losers[1].fingerprint, schema, sizeof schema) == 0);
    ck_assert(is_text(held.losers[1].value, "\x02x"));
    ck_assert(iso_explained_stands(&held, path_of(&path, "name"), &stands));
    ck_assert(is_text(stands.value, "\x04hi"));
    ck_assert(iso_explained_stands(&held, path_of(&path, "note"), &stands));
    ck_assert_int_eq(stands.kind, ISO_TOMBSTONE);
    ck_assert(iso_version_equal(stands.version, version_at(25, US)));
    iso_buf_release(&path);
    end();
}
END_TEST

/* ---- the ledger of one key ---- */

static void losers_are(const char *key, const char *values)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    struct iso_buf all = {0};
    enum iso_err err;
    ck_ok(iso_replica_scan_losers_of(replica, "packages", iso_bytes_text(key), &scan,
                                     &why));
    while ((err = iso_replica_scan_next(scan, &item, &why)) == ISO_OK)
        iso_buf_print(&all, "%.*s ", (int)item.value.size,
                      (const char *)item.value.data);
    ck_err(err, ISO_END);
    ck_assert_str_eq(iso_buf_text(&all), values);
    iso_replica_scan_close(scan);
    iso_buf_release(&all);
}

START_TEST(the_ledger_of_one_key_is_that_key_s_alone)
{
    struct iso_replica_scan *scan;
    begin("lww");
    whole_loser_put("k", 20, "b");
    whole_loser_put("k", 10, "a");
    whole_loser_put("kk", 10, "c");
    whole_loser_put("l", 10, "d");
    losers_are("k", "a b ");
    losers_are("kk", "c ");
    losers_are("none", "");
    ck_err(iso_replica_scan_losers_of(replica, "packages", (struct iso_bytes){0}, &scan,
                                      &why),
           ISO_TOO_LARGE);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_explain");
    TCase *tests = tcase_create("explain");
    tcase_add_test(tests, of_a_whole_value_entry_names_bucket_and_ledger_are_told);
    tcase_add_test(tests, what_is_not_there_is_told_as_nothing);
    tcase_add_test(tests, when_a_tombstone_goes_and_which_log_holds_it_is_told);
    tcase_add_test(tests, of_many_losers_the_first_are_kept_and_all_are_counted);
    tcase_add_test(tests, a_ledger_row_that_fails_its_check_is_damage);
    tcase_add_test(tests, of_a_record_its_parts_are_told_and_which_part_lost);
    tcase_add_test(tests, the_ledger_of_one_key_is_that_key_s_alone);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
