/* Records of fields through apply: what each write costs, and that a region's ledger
 * has the rows of every field. */
#include "apply_fields_kit.h"

#include <unistd.h>

static struct slice_ground ground;
static struct iso_schemas *schemas;
static char directory[64];

static void open_on(struct iso_definition *definition, bool lmdb)
{
    ground_init(&ground, EU, definition);
    schemas = iso_schemas_new(definition);
    if (lmdb) {
        struct iso_store_options options = {.not_durable = true};
        char path[80];
        snprintf(directory, sizeof directory, "/tmp/isostasy-apply-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/0", directory);
        iso_apply_close(ground.apply);
        iso_store_close(ground.store);
        ck_ok(iso_store_lmdb_open(path, &options, &ground.store, &ground.why));
        ground_open(&ground, EU);
    }
    ground_define(&ground);
    ground_commit(&ground);
}

static void close_all(bool lmdb)
{
    ground_release(&ground);
    iso_schemas_free(schemas);
    if (!lmdb)
        return;
    static const char *const files[] = {"/0/data.mdb", "/0/lock.mdb", "/0/iso.lock",
                                        "/0", ""};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, "%s%s", directory, files[i]);
        if (unlink(path) != 0)
            rmdir(path);
    }
}

/* ---- what a write costs ---- */

/* Applies what stands in ground.made; what our allocator was called for meanwhile. With
 * LMDB the whole batch counts, with memory what the store keeps does not. */
static uint64_t cost(bool lmdb)
{
    uint64_t before = iso_mem_count();
    ground_begin(&ground);
    ground_expect(&ground, ISO_APPLIED);
    uint64_t after = iso_mem_count();
    ground_commit(&ground);
    return (lmdb ? iso_mem_count() : after) - before;
}

enum { WARM_UP = 300, MEASURED = 600 };

/* `make` puts the n-th write into ground.made. */
static uint64_t cost_of_many(bool lmdb, void (*make)(uint64_t n))
{
    uint64_t allocated = 0;
    for (uint64_t n = 1; n <= MEASURED; n++) {
        make(n);
        ground.made.record.offset = ground.next;
        uint64_t calls = cost(lmdb);
        if (n > WARM_UP)
            allocated += calls;
    }
    return allocated;
}

static void whole_value(uint64_t n)
{
    char key[16];
    snprintf(key, sizeof key, "key-%u", (unsigned)(n % 7));
    made_write(&ground.made, (struct draft){0, EU, 1, n, (int64_t)n, key,
                                            n % 11 == 0 ? NULL : "some value"});
}

/* Two regions that never saw each other: losers enter and leave. */
static void whole_conflict(uint64_t n)
{
    char key[16];
    unsigned region = n % 2 == 0 ? EU : US;
    snprintf(key, sizeof key, "key-%u", (unsigned)(n / 2 % 7));
    made_write(&ground.made, (struct draft){0, region, region, (n + 1) / 2, (int64_t)n,
                                            key, "some value"});
}

START_TEST(a_whole_value_is_applied_without_an_allocation)
{
    open_on(def_encoded(def_bare(1, 1)), _i == 1);
    ck_assert_uint_eq(cost_of_many(_i == 1, whole_value), 0);
    close_all(_i == 1);
}
END_TEST

START_TEST(a_conflict_is_applied_without_an_allocation)
{
    open_on(def_encoded(def_bare(1, 1)), _i == 1);
    ck_assert_uint_eq(cost_of_many(_i == 1, whole_conflict), 0);
    ck_assert_uint_gt(iso_apply_slice(ground.apply)->ledger_rows, 0);
    close_all(_i == 1);
}
END_TEST

/* What the store has under a key, but for the key and the value. */
static size_t beside(const char *key, size_t value_size)
{
    struct iso_buf row_key = {0};
    struct iso_bytes row;
    iso_rows_key_entry(&row_key, COLLECTION, 0, iso_bytes_text(key));
    ground_begin(&ground);
    ck_ok(
        iso_txn_get(ground.txn, ISO_ENTRY, iso_buf_bytes(&row_key), &row, &ground.why));
    size_t size = row_key.size + row.size - strlen(key) - value_size;
    iso_buf_release(&row_key);
    return size;
}

START_TEST(a_whole_value_stores_at_most_64_bytes_beside_key_and_value)
{
    struct iso_definition *definition = def_bare(1, 1);
    definition->limits.value_max = ISO_VALUE_MAX;
    open_on(def_encoded(definition), _i == 1);
    static const char *const keys[] = {"k", "a key of some size"};
    for (size_t i = 0; i < 2; i++) {
        ground_put(&ground, EU, i + 1, 10 + (int64_t)i, keys[i], "a value");
        ck_assert_uint_le(beside(keys[i], strlen("a value")), 64);
    }
    struct iso_buf value = {0};
    iso_buf_reserve(&value, ISO_VALUE_MAX);
    memset(value.data, 'v', value.size = ISO_VALUE_MAX);
    made_write(&ground.made,
               (struct draft){ground.next, EU, 0xa0 + EU, 3, 70000, "k", ""});
    iso_buf_clear(&ground.made.value);
    iso_buf_add_bytes(&ground.made.value, iso_buf_bytes(&value));
    ground.made.write.has_expiry = true; /* and the largest of everything else */
    ground.made.write.expiry_ms = NOW_MS + (int64_t)366 * 86400000;
    made_seal(&ground.made);
    ground_expect(&ground, ISO_APPLIED);
    ck_assert_uint_le(beside("k", ISO_VALUE_MAX), 64);
    iso_buf_release(&value);
    close_all(_i == 1);
}
END_TEST

static struct iso_edit *edit;

static void small_patch(uint64_t n)
{
    char key[16];
    snprintf(key, sizeof key, "key-%u", (unsigned)(n % 7));
    made_write(&ground.made, (struct draft){0, n % 2 == 0 ? EU : US, n % 2, (n + 1) / 2,
                                            (int64_t)n, key, ""});
    ground.made.write.operation = ISO_PATCH;
    kit_patch(iso_edit_patch(edit), &ground.made.value);
    made_seal(&ground.made);
}

START_TEST(a_patch_of_a_small_record_is_applied_without_an_allocation)
{
    open_on(def_encoded(def_fields()), _i == 1);
    edit = kit_edit(schemas);
    kit_step(edit, ISO_STEP_SET, "name", NULL, "\"Ada\"");
    kit_step(edit, ISO_STEP_ADD, "tags", NULL, "\"new\"");
    kit_step(edit, ISO_STEP_INCREMENT, "visits", NULL, "1");
    kit_step(edit, ISO_STEP_INCREMENT, "cart", "tea", "2");
    kit_step(edit, ISO_STEP_RAISE, "last", NULL, "7");
    ck_assert_uint_eq(cost_of_many(_i == 1, small_patch), 0);
    iso_edit_free(edit);
    close_all(_i == 1);
}
END_TEST

/* ---- the ledger of fields ---- */

static void put_name(unsigned region, uint64_t seq, int64_t after_ms,
                     const char *operation, const char *json)
{
    made_write(&ground.made, (struct draft){ground.next, region, region, seq, after_ms,
                                            "key", *operation == 'd' ? NULL : ""});
    if (*operation == 'p')
        kit_record(schemas, json, &ground.made.value);
    made_seal(&ground.made);
    ground_expect(&ground, ISO_APPLIED);
}

START_TEST(a_blind_delete_takes_the_losers_of_every_field_of_its_region_away)
{
    open_on(def_encoded(def_fields()), false);
    put_name(EU, 1, 10, "put",
             "{\"name\":\"Ada\",\"visits\":0,\"cart\":{},\"tags\":[],\"vip\":false,"
             "\"last\":0,\"first\":0,\"notes\":{\"a\":\"x\",\"b\":\"y\"},"
             "\"groups\":{},\"flags\":{},\"tops\":{}}");
    put_name(US, 1, 20, "put",
             "{\"name\":\"Bob\",\"visits\":0,\"cart\":{},\"tags\":[],\"vip\":false,"
             "\"last\":0,\"first\":0,\"notes\":{\"a\":\"p\",\"b\":\"q\"},"
             "\"groups\":{},\"flags\":{},\"tops\":{}}");
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->ledger_rows, 3); /* eu's */
    put_name(EU, 2, 30, "delete", NULL);
    const struct iso_slice *slice = iso_apply_slice(ground.apply);
    ck_assert_uint_eq(slice->ledger_rows, 3); /* us's: eu never saw them */
    put_name(US, 2, 40, "delete", NULL);
    ck_assert_uint_eq(slice->ledger_rows, 0);
    ck_assert(iso_digest_equal(slice->ledger, (struct iso_digest){0}));
    close_all(false);
}
END_TEST

/* ---- more than a row holds ---- */

/* An entry of so many values that the next one does not fit, as a store may hold it. */
static void entry_fill(struct iso_buf *row)
{
    enum { SIZE = 4000, MANY = (ISO_STORE_VALUE_MAX - 100) / (SIZE + 29) };
    static const uint8_t mark[2], bytes[SIZE];
    struct iso_parts parts = {.format = ISO_PARTS_SIBLINGS};
    struct iso_buf scratch = {0};
    struct iso_tally tally;
    struct iso_bytes key = iso_bytes_text("key");
    struct iso_part *part =
        iso_parts_add(&parts, iso_bytes(mark, sizeof mark), ISO_RULE_SET);
    part->value_count = MANY;
    part->values = iso_arena_take(&parts.arena, MANY * sizeof *part->values);
    for (uint64_t n = 0; n < MANY; n++)
        part->values[n] = (struct iso_held){
            .version = {n + 1, 1}, .log = 1, .value = iso_bytes(bytes, SIZE)};
    iso_parts_encode(&parts, key, &scratch, row, &tally);
    iso_parts_release(&parts);
    iso_buf_release(&scratch);
}

START_TEST(a_key_that_outgrows_its_row_parks_the_slice_and_changes_nothing)
{
    struct iso_definition *definition = def_bare(1, 1);
    struct iso_buf before = {0}, after = {0}, row = {0}, key = {0};
    snprintf(definition->resolver, sizeof definition->resolver, "siblings");
    definition->limits.value_max = ISO_VALUE_MAX;
    open_on(def_encoded(definition), false);
    entry_fill(&row);
    iso_rows_key_entry(&key, COLLECTION, 0, iso_bytes_text("key"));
    ground_begin(&ground);
    iso_txn_put(ground.txn, ISO_ENTRY, iso_buf_bytes(&key), iso_buf_bytes(&row));
    iso_slice_encode(iso_apply_slice(ground.apply), &before);
    enum iso_err err = ISO_OK;
    for (uint64_t seq = 1; err == ISO_OK && seq < 4; seq++) {
        made_write(&ground.made,
                   (struct draft){ground.next, EU, 1, seq, (int64_t)seq, "key", ""});
        ground.made.write.blind = false; /* each saw nothing: all stay */
        iso_buf_reserve(&ground.made.value, ISO_VALUE_ASIDE);
        memset(ground.made.value.data, 'x', ISO_VALUE_ASIDE);
        ground.made.value.size = ISO_VALUE_ASIDE;
        made_seal(&ground.made);
        iso_buf_clear(&before);
        iso_slice_encode(iso_apply_slice(ground.apply), &before);
        err = ground_apply(&ground, LOG, false);
        ground.next++;
    }
    ck_assert_int_eq(err, ISO_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "upgrade"));
    iso_slice_encode(iso_apply_slice(ground.apply), &after);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&before), iso_buf_bytes(&after)));
    struct iso_buf *buffers[] = {&before, &after, &row, &key};
    for (size_t n = 0; n < 4; n++)
        iso_buf_release(buffers[n]);
    close_all(false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply_fields");
    TCase *tests = tcase_create("apply_fields");
    tcase_set_timeout(tests, 240); /* the last copies gigabytes */
    tcase_add_loop_test(tests, a_whole_value_is_applied_without_an_allocation, 0, 2);
    tcase_add_loop_test(tests, a_conflict_is_applied_without_an_allocation, 0, 2);
    tcase_add_loop_test(
        tests, a_whole_value_stores_at_most_64_bytes_beside_key_and_value, 0, 2);
    tcase_add_loop_test(
        tests, a_patch_of_a_small_record_is_applied_without_an_allocation, 0, 2);
    tcase_add_test(tests,
                   a_blind_delete_takes_the_losers_of_every_field_of_its_region_away);
    tcase_add_test(tests,
                   a_key_that_outgrows_its_row_parks_the_slice_and_changes_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
