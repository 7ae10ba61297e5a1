/* Reads from a collection of siblings: all that no write replaced, newest first; what
 * their context replaces; a reader's schema; scans and what lost. */
#include "replica_ground.h"

#define POINT                                                          \
    "{'type':'record','name':'P','fields':[{'name':'x','type':'int'}," \
    "{'name':'s','type':'string'}]}"
#define READER                                                          \
    "{'type':'record','name':'P','fields':[{'name':'x','type':'long'}," \
    "{'name':'t','type':'string','default':'T'}]}"

static struct iso_definition *def_siblings(enum iso_format format)
{
    struct iso_definition *definition = def_bare(1, 1);
    definition->format = format;
    snprintf(definition->resolver, sizeof definition->resolver, "siblings");
    if (format != ISO_FORMAT_OPAQUE) {
        kit_fields_schema(definition, POINT);
        kit_fields_schema(definition, "'string'");
    }
    return def_encoded(definition);
}

static void setup(void)
{
    replica_init(def_siblings(ISO_FORMAT_OPAQUE));
}

static void setup_avro(void)
{
    replica_init(def_siblings(ISO_FORMAT_AVRO));
}

/* ---- writes ---- */

static void write_blind(unsigned region, int64_t after_ms, const char *value)
{
    write_begin(region, after_ms, "key", value);
    write_end();
}

/* Names what the last read had shown. */
static void write_after(unsigned region, int64_t after_ms, const char *value)
{
    struct iso_context context;
    ck_ok(iso_context_decode(iso_buf_bytes(&found.context), &context, &why));
    write_begin(region, after_ms, "key", value);
    ground.made.write.blind = false;
    ground.made.write.read = context.shown;
    write_end();
}

static void write_datum(unsigned region, int64_t after_ms, const char *key,
                        size_t schema, struct iso_bytes datum)
{
    struct iso_buf value = {0};
    write_begin(region, after_ms, key, "x");
    write_value(kit_value(&value, ground.definition, schema, datum.data, datum.size));
    write_end();
    iso_buf_release(&value);
}

/* ---- reads ---- */

/* "c b a": the siblings as they are given. */
static void expect_texts(const char *texts)
{
    struct iso_buf is = {0};
    for (size_t n = 0; n < found.sibling_count; n++)
        iso_buf_print(&is, "%s%.*s", n > 0 ? " " : "",
                      (int)found.siblings[n].value.size,
                      (const char *)found.siblings[n].value.data);
    ck_assert_str_eq(iso_buf_text(&is), texts);
    for (size_t n = 0; n < found.sibling_count; n++)
        ck_assert(n == 0 || iso_version_compare(found.siblings[n].version,
                                                found.siblings[n - 1].version) < 0);
    if (found.sibling_count > 0) {
        ck_assert(
            iso_bytes_equal(iso_buf_bytes(&found.value), found.siblings[0].value));
        ck_assert(iso_version_equal(found.version, found.siblings[0].version));
    }
    iso_buf_release(&is);
}

static void expect(const char *texts)
{
    enum iso_err err = get("key");
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    expect_texts(texts);
}

START_TEST(a_read_gives_all_that_no_write_replaced_newest_first)
{
    write_blind(EU, 10, "a");
    expect("a");
    write_blind(US, 20, "b");
    expect("b a");
    write_blind(EU, 15, ""); /* blind: after its own region's */
    expect("b ");
    ck_err(get("other"), ISO_NOT_FOUND);
    ck_assert_uint_eq(found.sibling_count, 0);
    expect("b ");
}
END_TEST

START_TEST(a_write_by_what_was_read_replaces_all_of_it)
{
    write_blind(EU, 10, "a");
    write_blind(US, 20, "b");
    expect("b a");
    write_blind(EU, 25, "c"); /* not seen by what follows */
    write_after(US, 30, "d");
    expect("d c");
    write_after(EU, 40, NULL);
    ck_err(get("key"), ISO_NOT_FOUND);
    ck_assert_uint_eq(found.sibling_count, 0);
    ck_assert_uint_eq(found.value.size, 0);
}
END_TEST

START_TEST(a_sibling_that_expired_is_not_given)
{
    write_blind(EU, 10, "a");
    write_begin(US, 20, "key", "b");
    ground.made.write.has_expiry = true;
    ground.made.write.expiry_ms = NOW_MS + 500;
    write_end();
    expect("b a");
    ck_assert(found.has_expiry && found.siblings[0].has_expiry);
    ck_assert_int_eq(found.siblings[0].expiry_ms, NOW_MS + 500);
    ck_assert(!found.siblings[1].has_expiry);
    iso_clock_manual_add(&now, 500);
    ck_ok(get("key"));
    ck_assert_uint_eq(found.sibling_count, 1);
    ck_assert(!found.has_expiry);
    ck_assert(iso_bytes_equal(found.siblings[0].value, iso_bytes_text("a")));
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.value), iso_bytes_text("a")));
}
END_TEST

START_TEST(a_scan_gives_the_newest_and_nothing_has_lost)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    write_blind(EU, 10, "a");
    write_blind(US, 20, "b");
    ck_ok(iso_replica_scan_open(replica, "packages", &scan, &why));
    ck_ok(iso_replica_scan_next(scan, &item, &why));
    ck_assert(iso_bytes_equal(item.key, iso_bytes_text("key")));
    ck_assert(iso_bytes_equal(item.value, iso_bytes_text("b")));
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_END);
    iso_replica_scan_close(scan);
    ck_ok(iso_replica_scan_losers(replica, "packages", &scan, &why));
    ck_err(iso_replica_scan_next(scan, &item, &why), ISO_END);
    iso_replica_scan_close(scan);
}
END_TEST

START_TEST(each_sibling_is_given_as_its_reader_sees_it)
{
    write_datum(EU, 10, "key", 0, iso_bytes("\x06\x02q", 3));
    write_datum(US, 20, "key", 0, iso_bytes("\x08\x02r", 3));
    ck_ok(get("key"));
    ck_assert_uint_eq(found.siblings[0].value.size, 10 + 3);
    reads_as(READER);
    for (int round = 0; round < 2; round++)
        expect("\x08\x02T \x06\x02T");
}
END_TEST

START_TEST(one_sibling_that_the_reader_cannot_take_fails_the_read)
{
    write_datum(EU, 10, "key", 1, iso_bytes("\x02q", 2));
    write_datum(US, 20, "key", 0, iso_bytes("\x08\x02r", 3));
    reads_as(READER);
    ck_err(get("key"), ISO_INCOMPATIBLE);
    ck_assert_ptr_nonnull(strstr(why.text, "reader"));
    ck_assert_uint_gt(found.context.size, 0);
    ck_assert(iso_version_equal(found.version, ground.made.write.version));
    ck_ok(iso_replica_read_as(replica, "packages", NULL, &why));
    ck_ok(get("key"));
    ck_assert_uint_eq(found.sibling_count, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_siblings");
    TCase *tests = tcase_create("opaque");
    tcase_add_checked_fixture(tests, setup, replica_release);
    tcase_add_test(tests, a_read_gives_all_that_no_write_replaced_newest_first);
    tcase_add_test(tests, a_write_by_what_was_read_replaces_all_of_it);
    tcase_add_test(tests, a_sibling_that_expired_is_not_given);
    tcase_add_test(tests, a_scan_gives_the_newest_and_nothing_has_lost);
    suite_add_tcase(suite, tests);
    tests = tcase_create("avro");
    tcase_add_checked_fixture(tests, setup_avro, replica_release);
    tcase_add_test(tests, each_sibling_is_given_as_its_reader_sees_it);
    tcase_add_test(tests, one_sibling_that_the_reader_cannot_take_fails_the_read);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
