/* Reads from a collection of fields: records put together from what was applied, by the
 * newest schema and by a reader's; scans, the parts that lost, contexts that go back.
 */
#include "replica_ground.h"

#define FIRST                                                                 \
    "{'type':'record','name':'User','fields':["                               \
    "{'name':'name','type':'string','default':'?'},"                          \
    "{'name':'tags','merge':'set','type':{'type':'array','items':'string'}}," \
    "{'name':'visits','merge':'counter','type':'long'},"                      \
    "{'name':'vip','merge':'flag','type':'boolean'},"                         \
    "{'name':'last','merge':'max','type':'long','default':0},"                \
    "{'name':'notes','merge':'map','type':{'type':'map','values':'string'}}," \
    "{'name':'cart','merge':'map:counter','type':{'type':'map','values':'long'}}]}"
/* A later one: without tags, with points and mail. */
#define SECOND                                                                     \
    "{'type':'record','name':'User','fields':["                                    \
    "{'name':'points','merge':'counter','type':'long'},"                           \
    "{'name':'visits','merge':'counter','type':'long'},"                           \
    "{'name':'mail','type':['null','string'],'default':null},"                     \
    "{'name':'vip','merge':'flag','type':'boolean'},"                              \
    "{'name':'last','merge':'max','type':'long','default':0},"                     \
    "{'name':'notes','merge':'map','type':{'type':'map','values':'string'}},"      \
    "{'name':'cart','merge':'map:counter','type':{'type':'map','values':'long'}}," \
    "{'name':'name','type':'string','default':'?'}]}"
#define READER                                                                      \
    "{'type':'record','name':'Seen','fields':["                                     \
    "{'name':'labels','aliases':['tags'],'type':{'type':'array','items':'bytes'}}," \
    "{'name':'visits','type':'double'},{'name':'new','type':'int'},"                \
    "{'name':'points','type':'long'},{'name':'name','type':'string'}]}"

#define ADA                                                               \
    "{'name':'Ada','tags':['a'],'visits':0,'vip':true,'last':7,'notes':{" \
    "'n':'x'},'cart':{}}"

static struct iso_definition *later;
static struct iso_schemas *schemas; /* of the later definition: both */

static struct iso_definition *def_fields(uint32_t number, const char *second)
{
    struct iso_definition *definition = def_bare(number, 1);
    definition->format = ISO_FORMAT_AVRO;
    snprintf(definition->resolver, sizeof definition->resolver, "fields");
    kit_fields_schema(definition, FIRST);
    if (second != NULL)
        kit_fields_schema(definition, second);
    return def_encoded(definition);
}

static void setup(void)
{
    replica_init(def_fields(1, NULL));
    later = def_fields(2, SECOND);
    schemas = iso_schemas_new(later);
}

static void teardown(void)
{
    iso_schemas_free(schemas);
    iso_definition_free(later);
    replica_release();
}

/* ---- writes ---- */

static void put(unsigned region, int64_t after_ms, const char *key, size_t schema,
                const char *json)
{
    struct iso_buf value = {0};
    write_begin(region, after_ms, key, "x");
    iso_value_begin(schemas, schema, &value);
    kit_json(iso_schemas_at(schemas, schema), json, &value);
    write_value(iso_buf_bytes(&value));
    write_end();
    iso_buf_release(&value);
}

/* A patch by what was read, or blind. */
static void patch_write(unsigned region, int64_t after_ms, const char *key,
                        const struct iso_patch *patch, bool blind)
{
    struct iso_buf value = {0};
    iso_patch_encode(patch, &value);
    write_begin(region, after_ms, key, "x");
    ground.made.write.operation = ISO_PATCH;
    ground.made.write.blind = blind;
    write_value(iso_buf_bytes(&value));
    write_end();
    iso_buf_release(&value);
}

struct operation {
    enum iso_step_operation operation;
    const char *field, *member, *json;
};

static void edit_add(struct iso_edit *edit, const struct operation *operation)
{
    enum iso_err err;
    struct iso_buf json = kit_quoted(operation->json != NULL ? operation->json : "");
    if (operation->operation == ISO_STEP_UNSET)
        err = iso_edit_unset(edit, operation->field, operation->member, &why);
    else if (operation->operation == ISO_STEP_DISABLE)
        err = iso_edit_enable(edit, operation->field, operation->member, false, &why);
    else
        err = iso_edit_json(edit, operation->operation, operation->field,
                            operation->member, iso_buf_bytes(&json), &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    iso_buf_release(&json);
}

/* By the context of the last read, when `reads`. */
static void patch(unsigned region, int64_t after_ms, const char *key, size_t schema,
                  const struct operation *operations, bool reads)
{
    struct iso_edit *edit;
    struct iso_seen seen = {0};
    struct iso_patch filled = {0};
    ck_ok(iso_edit_new(schemas, schema, &edit, &why));
    for (; operations->field != NULL; operations++)
        edit_add(edit, operations);
    const struct iso_patch *sent = iso_edit_patch(edit);
    if (reads) {
        ck_ok(iso_seen_decode(iso_buf_bytes(&found.context), &seen, &why));
        ck_ok(iso_seen_fill(&seen, sent, &filled, &why));
        sent = &filled;
    }
    patch_write(region, after_ms, key, sent, !reads);
    iso_patch_release(&filled);
    iso_seen_release(&seen);
    iso_edit_free(edit);
}

/* A whole record by the context of the last read. */
static void put_after(unsigned region, int64_t after_ms, const char *key, size_t schema,
                      const char *json)
{
    struct iso_seen seen = {0};
    struct iso_patch difference = {0};
    struct iso_buf datum = {0};
    kit_json(iso_schemas_at(schemas, schema), json, &datum);
    ck_ok(iso_seen_decode(iso_buf_bytes(&found.context), &seen, &why));
    ck_ok(iso_seen_put(&seen, iso_schemas_fields(schemas, schema),
                       iso_buf_bytes(&datum), &difference, &why));
    patch_write(region, after_ms, key, &difference, false);
    iso_patch_release(&difference);
    iso_seen_release(&seen);
    iso_buf_release(&datum);
}

/* ---- reads ---- */

static void expect_datum(struct iso_bytes is, const struct iso_avro *schema,
                         const char *json)
{
    struct iso_buf want = {0}, text = {0};
    kit_json(schema, json, &want);
    ck_assert_msg(iso_avro_to_json(schema, is, &text, &why) == ISO_OK, "%s", why.text);
    ck_assert_msg(iso_bytes_equal(is, iso_buf_bytes(&want)), "%s, not %s",
                  iso_buf_text(&text), json);
    iso_buf_release(&want);
    iso_buf_release(&text);
}

/* The value as it is without a reader's schema. */
static void expect_value(struct iso_bytes value, size_t schema, const char *json)
{
    struct iso_value opened;
    ck_assert_msg(iso_value_open(schemas, value, &opened, &why) == ISO_OK, "%s",
                  why.text);
    ck_assert_uint_eq(opened.schema, schema);
    expect_datum(opened.datum, iso_schemas_at(schemas, schema), json);
}

static void expect(const char *key, size_t schema, const char *json)
{
    enum iso_err err = get(key);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    expect_value(iso_buf_bytes(&found.value), schema, json);
}

static void expect_as(const char *key, const char *reader, const char *json)
{
    struct iso_avro *schema = schema_parse(reader);
    enum iso_err err = get(key);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    expect_datum(iso_buf_bytes(&found.value), schema, json);
    iso_avro_free(schema);
}

/* ---- records ---- */

START_TEST(a_record_is_read_as_it_was_put)
{
    ck_err(get("ada"), ISO_NOT_FOUND);
    put(EU, 10, "ada", 0, ADA);
    for (int round = 0; round < 2; round++)
        expect("ada", 0, ADA);
    ck_assert(iso_version_equal(found.version, ground.made.write.version));
    ck_err(get("bob"), ISO_NOT_FOUND);
}
END_TEST

START_TEST(patches_of_all_regions_come_together)
{
    static const struct operation phone[] = {{ISO_STEP_INCREMENT, "visits", NULL, "2"},
                                             {ISO_STEP_ADD, "tags", NULL, "'b'"},
                                             {ISO_STEP_INCREMENT, "cart", "tea", "3"},
                                             {ISO_STEP_RAISE, "last", NULL, "9"},
                                             {.field = NULL}};
    static const struct operation laptop[] = {{ISO_STEP_INCREMENT, "visits", NULL, "5"},
                                              {ISO_STEP_INCREMENT, "cart", "tea", "-1"},
                                              {ISO_STEP_INCREMENT, "cart", "oat", "1"},
                                              {ISO_STEP_SET, "notes", "m", "'y'"},
                                              {ISO_STEP_RAISE, "last", NULL, "8"},
                                              {.field = NULL}};
    put(EU, 10, "ada", 0, ADA);
    patch(EU, 20, "ada", 0, phone, false);
    patch(US, 20, "ada", 0, laptop, false);
    expect("ada", 0,
           "{'name':'Ada','tags':['a','b'],'visits':7,'vip':true,'last':9,"
           "'notes':{'m':'y','n':'x'},'cart':{'oat':1,'tea':2}}");
}
END_TEST

START_TEST(what_is_taken_away_is_not_shown)
{
    static const struct operation less[] = {
        {ISO_STEP_UNSET, "name", NULL, NULL},  {ISO_STEP_REMOVE, "tags", NULL, "'a'"},
        {ISO_STEP_DISABLE, "vip", NULL, NULL}, {ISO_STEP_UNSET, "last", NULL, NULL},
        {ISO_STEP_UNSET, "notes", "n", NULL},  {.field = NULL}};
    static const char nothing[] =
        "{'name':'?','tags':[],'visits':0,'vip':false,'last':0,'notes':{},'cart':{}}";
    put(EU, 10, "ada", 0, ADA);
    ck_ok(get("ada"));
    patch(US, 20, "ada", 0, less, true);
    expect("ada", 0, nothing); /* its mark is there */
    write_begin(EU, 30, "ada", NULL);
    write_end();
    ck_err(get("ada"), ISO_NOT_FOUND);
    ck_assert_uint_eq(found.value.size, 0);
    ck_assert_uint_gt(found.context.size, 0);
}
END_TEST

START_TEST(a_put_by_what_was_read_changes_what_differs)
{
    static const struct operation more[] = {{ISO_STEP_ADD, "tags", NULL, "'c'"},
                                            {ISO_STEP_INCREMENT, "visits", NULL, "1"},
                                            {ISO_STEP_SET, "name", NULL, "'Eve'"},
                                            {.field = NULL}};
    put(EU, 10, "ada", 0, ADA);
    ck_ok(get("ada"));
    patch(US, 20, "ada", 0, more, true); /* beside what follows */
    put_after(EU, 30, "ada", 0,
              "{'name':'Ada','tags':['b'],'visits':10,'vip':false,'last':7,"
              "'notes':{},'cart':{'tea':1}}");
    expect("ada", 0,
           "{'name':'Eve','tags':['b','c'],'visits':11,'vip':false,'last':7,"
           "'notes':{},'cart':{'tea':1}}");
}
END_TEST

START_TEST(an_expired_record_is_gone)
{
    struct iso_buf value = {0};
    iso_value_begin(schemas, 0, &value);
    write_begin(EU, 10, "ada", "x");
    ground.made.write.has_expiry = true;
    ground.made.write.expiry_ms = NOW_MS + 1000;
    /* A max cannot expire, so no whole record of this schema can. */
    static const struct operation set[] = {{ISO_STEP_SET, "name", NULL, "'Ada'"},
                                           {.field = NULL}};
    struct iso_edit *edit;
    ck_ok(iso_edit_new(schemas, 0, &edit, &why));
    edit_add(edit, set);
    iso_buf_clear(&value);
    iso_patch_encode(iso_edit_patch(edit), &value);
    ground.made.write.operation = ISO_PATCH;
    write_value(iso_buf_bytes(&value));
    write_end();
    ck_ok(get("ada"));
    iso_clock_manual_add(&now, 1000);
    ck_err(get("ada"), ISO_NOT_FOUND);
    iso_edit_free(edit);
    iso_buf_release(&value);
}
END_TEST

/* ---- readers ---- */

START_TEST(a_record_is_given_as_its_reader_sees_it)
{
    put(EU, 10, "ada", 0, ADA);
    reads_as(READER);
    for (int round = 0; round < 2; round++)
        expect_as("ada", READER,
                  "{'labels':['a'],'visits':0,'new':0,'points':0,'name':'Ada'}");
    ck_err(get("bob"), ISO_NOT_FOUND);
    ck_ok(iso_replica_read_as(replica, "packages", NULL, &why));
    expect("ada", 0, ADA);
}
END_TEST

START_TEST(what_the_reader_cannot_take_is_said_with_its_version)
{
    put(EU, 10, "ada", 0, ADA);
    reads_as("{'type':'record','name':'R','fields':[{'name':'name','type':'int'}]}");
    ck_err(get("ada"), ISO_INCOMPATIBLE);
    ck_assert_ptr_nonnull(strstr(why.text, "the field name"));
    ck_assert_uint_eq(found.value.size, 0);
    ck_assert(iso_version_equal(found.version, ground.made.write.version));
    ck_assert_uint_gt(found.context.size, 0);
    reads_as("'string'");
    ck_err(get("ada"), ISO_INCOMPATIBLE);
    ck_assert_ptr_nonnull(strstr(why.text, "no record"));
    ck_err(iso_replica_read_as(replica, "packages", "{", &why), ISO_BAD_DATA);
}
END_TEST

/* ---- later definitions ---- */

START_TEST(a_part_of_a_later_definition_is_looked_up)
{
    static const struct operation count[] = {
        {ISO_STEP_INCREMENT, "points", NULL, "4"},
        {ISO_STEP_INCREMENT, "visits", NULL, "3000000000"},
        {.field = NULL}};
    put(EU, 10, "ada", 0, ADA);
    expect("ada", 0, ADA);
    redefine(later, 2, 20);
    expect("ada", 0, ADA); /* nothing in it is of the later one */
    patch(US, 30, "ada", 1, count, false);
    expect("ada", 1,
           "{'points':4,'visits':3000000000,'mail':null,'vip':true,'last':7,"
           "'notes':{'n':'x'},'cart':{},'name':'Ada'}");
}
END_TEST

START_TEST(a_reader_too_meets_later_definitions)
{
    put(EU, 10, "ada", 0, ADA);
    reads_as(READER);
    ck_ok(get("ada"));
    redefine(later, 2, 20);
    put(EU, 30, "bob", 1,
        "{'points':0,'visits':0,'mail':{'string':'@'},'vip':false,'last':1,"
        "'notes':{},'cart':{},'name':'Bob'}");
    expect_as("bob", READER,
              "{'labels':[],'visits':0,'new':0,'points':0,'name':'Bob'}");
    expect_as("ada", READER,
              "{'labels':['a'],'visits':0,'new':0,'points':0,'name':'Ada'}");
}
END_TEST

START_TEST(a_field_that_only_the_reader_knew_gets_its_rule_from_a_later_definition)
{
    static const struct operation count[] = {{ISO_STEP_INCREMENT, "points", NULL, "4"},
                                             {.field = NULL}};
    put(EU, 10, "ada", 0, ADA);
    reads_as(READER);
    ck_ok(get("ada"));
    redefine(later, 2, 20);
    patch(EU, 30, "ada", 1, count, false);
    expect_as("ada", READER,
              "{'labels':['a'],'visits':0,'new':0,'points':4,'name':'Ada'}");
}
END_TEST

/* ---- scans ---- */

START_TEST(a_scan_gives_records_and_goes_on_behind_what_it_cannot)
{
    static const struct operation many[] = {
        {ISO_STEP_INCREMENT, "visits", NULL, "2000000000"}, {.field = NULL}};
    static const char *const narrow =
        "{'type':'record','name':'R','fields':[{'name':'visits','type':'int'}]}";
    struct iso_avro *schema = schema_parse(narrow);
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    reads_as(narrow);
    put(EU, 10, "a", 0, ADA);
    put(EU, 20, "b", 0, ADA);
    patch(EU, 30, "b", 0, many, false);
    patch(US, 30, "b", 0, many, false); /* together more than an int */
    put(EU, 40, "c", 0, ADA);
    ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    ck_assert(iso_bytes_equal(item.key, iso_bytes_text("a")));
    expect_datum(item.value, schema, "{'visits':0}");
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_INCOMPATIBLE);
    ck_assert_ptr_nonnull(strstr(why.text, "visits: 4000000000"));
    ck_assert(iso_bytes_equal(item.key, iso_bytes_text("b")));
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    ck_assert(iso_bytes_equal(item.key, iso_bytes_text("c")));
    expect_datum(item.value, schema, "{'visits':0}");
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_END);
    iso_replica_scan_close(scan);
    iso_avro_free(schema);
}
END_TEST

static void expect_loser(const struct iso_replica_item *item, const char *place,
                         const char *text)
{
    struct iso_path path;
    struct iso_buf is = {0}, datum = {0};
    ck_assert(iso_path_decode(item->path, &path));
    iso_path_text(&path, &is);
    ck_assert_str_eq(iso_buf_text(&is), place);
    iso_avro_add_text(&datum, text);
    ck_assert(iso_bytes_equal(item->value, iso_buf_bytes(&datum)));
    ck_assert_mem_eq(item->fingerprint, iso_schemas_fingerprint(schemas, 0),
                     ISO_FINGERPRINT_SIZE);
    ck_assert_uint_eq(item->log, LOG);
    iso_buf_release(&is);
    iso_buf_release(&datum);
}

START_TEST(a_part_that_lost_is_given_with_its_path)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    put(EU, 10, "ada", 0, ADA);
    struct iso_version lost = ground.made.write.version;
    put(US, 20, "ada", 0, /* blind, of another region */
        "{'name':'Eve','tags':['b'],'visits':0,'vip':true,'last':5,'notes':{"
        "'n':'y'},'cart':{}}");
    expect("ada", 0,
           "{'name':'Eve','tags':['a','b'],'visits':0,'vip':true,'last':7,"
           "'notes':{'n':'y'},'cart':{}}");
    for (int round = 0; round < 2; round++) {
        ck_ok(iso_replica_scan_losers(replica, "packages", &scan, &why));
        ck_ok(iso_replica_scan_next(scan, &item, &why));
        expect_loser(&item, "name", "Ada");
        ck_assert(iso_version_equal(item.version, lost));
        ck_ok(iso_replica_scan_next(scan, &item, &why));
        expect_loser(&item, "notes[\"n\"]", "x");
        ck_err(iso_replica_scan_next(scan, &item, &why), ISO_END);
        iso_replica_scan_close(scan);
        reads_as(READER); /* a part is given as it is, whoever reads */
    }
}
END_TEST

START_TEST(a_damaged_record_is_never_a_value)
{
    struct iso_buf key = {0}, row = {0};
    struct iso_bytes held;
    put(EU, 10, "ada", 0, ADA);
    iso_rows_key_entry(&key, COLLECTION, 0, iso_bytes_text("ada"));
    ground_begin(&ground);
    ck_ok(iso_txn_get(ground.txn, ISO_ENTRY, iso_buf_bytes(&key), &held, &why));
    iso_buf_add_bytes(&row, held);
    row.data[row.size / 2] ^= 1;
    iso_txn_put(ground.txn, ISO_ENTRY, iso_buf_bytes(&key), iso_buf_bytes(&row));
    ground_commit(&ground);
    ck_err(get("ada"), ISO_DAMAGED);
    iso_buf_release(&key);
    iso_buf_release(&row);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_fields");
    TCase *tests = tcase_create("replica_fields");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_record_is_read_as_it_was_put);
    tcase_add_test(tests, patches_of_all_regions_come_together);
    tcase_add_test(tests, what_is_taken_away_is_not_shown);
    tcase_add_test(tests, a_put_by_what_was_read_changes_what_differs);
    tcase_add_test(tests, an_expired_record_is_gone);
    tcase_add_test(tests, a_record_is_given_as_its_reader_sees_it);
    tcase_add_test(tests, what_the_reader_cannot_take_is_said_with_its_version);
    tcase_add_test(tests, a_part_of_a_later_definition_is_looked_up);
    tcase_add_test(tests, a_reader_too_meets_later_definitions);
    tcase_add_test(
        tests, a_field_that_only_the_reader_knew_gets_its_rule_from_a_later_definition);
    tcase_add_test(tests, a_scan_gives_records_and_goes_on_behind_what_it_cannot);
    tcase_add_test(tests, a_part_that_lost_is_given_with_its_path);
    tcase_add_test(tests, a_damaged_record_is_never_a_value);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
