/* A producer holds a value to its schema before anything is taken for it: what it
 * queues is admitted, and what it refuses leaves no trace. */
#include "tests/unit/producer_ground.h"
#include "tests/unit/schema_kit.h"

static struct ground g;
static struct iso_buf value;

static void setup_format(enum iso_format format)
{
    static const uint8_t broken[ISO_FINGERPRINT_SIZE] = {1};
    ground_init_topic(&g, 1, "LogAppendTime", "1114112");
    g.definition->format = format;
    if (format != ISO_FORMAT_OPAQUE) {
        kit_schema(g.definition, KIT_POINT, 10);
        kit_schema_named(g.definition, "no JSON", broken, 11);
    }
    ck_ok(iso_definition_encode(g.definition, &g.why));
    ground_producer_open(&g);
}

static void teardown(void)
{
    iso_buf_release(&value);
    ground_release(&g);
}

static enum iso_err put(struct iso_bytes bytes)
{
    return iso_producer_put(g.producer, iso_bytes_text("key"), bytes, NULL, &g.why);
}

static enum iso_err put_datum(size_t schema, const char *datum, size_t size)
{
    return put(kit_value(&value, g.definition, schema, datum, size));
}

START_TEST(a_value_of_its_schema_is_sent_as_it_is)
{
    setup_format((enum iso_format)_i);
    ck_ok(put_datum(0, KIT_DATUM, 3));
    ck_ok(iso_producer_delete(g.producer, iso_bytes_text("key"), NULL, &g.why));
    ck_ok(iso_producer_heartbeat(g.producer, 0, &g.why));
    ground_flush(&g);
    struct ground_log log;
    ground_log_read(&g, 0, &log);
    ck_assert_uint_eq(log.count, 3);
    ck_assert(
        iso_bytes_equal(iso_buf_bytes(&log.records[0].value), iso_buf_bytes(&value)));
    ck_assert(!log.records[1].has_value);
    ground_log_release(&log);
    teardown();
}
END_TEST

START_TEST(a_value_that_would_be_refused_is_refused_here_and_leaves_no_trace)
{
    setup_format((enum iso_format)_i);
    bool confluent = _i == ISO_FORMAT_CONFLUENT;
    ck_err(put_datum(0, KIT_DATUM "x", 4), ISO_BAD_DATA);
    ck_assert_ptr_nonnull(strstr(g.why.text, "not what its schema says"));
    ck_err(put_datum(0, "", 0), ISO_BAD_DATA);
    ck_err(put_datum(1, "", 0), ISO_REFUSED);
    ck_assert_ptr_nonnull(strstr(g.why.text, "cannot be used"));
    ck_err(put(confluent ? iso_bytes("\0\0\0\0\x0c\x02", 6)
                         : iso_bytes("\xc3\x01\1\2\3\4\5\6\7\x08\x02", 11)),
           ISO_REFUSED);
    ck_assert_ptr_nonnull(strstr(g.why.text, "isostasy schema register packages"));
    ck_err(put(iso_bytes_text("plain")), ISO_BAD_DATA);
    ck_err(put(iso_bytes_text("")), ISO_BAD_DATA);
    struct iso_producer_stats stats;
    iso_producer_stats(g.producer, &stats);
    ck_assert_uint_eq(stats.queued, 0);
    ck_assert_uint_eq(stats.waiting, 0);
    ck_ok(put_datum(0, KIT_DATUM, 3));
    ground_flush(&g);
    struct ground_log log;
    ground_log_read(&g, 0, &log);
    ck_assert_uint_eq(log.count, 1);
    ck_assert_uint_eq(log.records[0].write.seq, 1);
    ground_log_release(&log);
    teardown();
}
END_TEST

START_TEST(its_schemas_begin_the_values_that_it_takes)
{
    struct iso_avro *asked;
    size_t n;
    setup_format(ISO_FORMAT_AVRO);
    const struct iso_schemas *schemas = iso_producer_schemas(g.producer);
    ck_assert_uint_eq(iso_schemas_count(schemas), 2);
    ck_ok(iso_avro_parse(iso_bytes_text(KIT_POINT), &asked, &g.why));
    ck_ok(iso_schemas_find(schemas, asked, &n, &g.why));
    iso_value_begin(schemas, n, &value);
    iso_buf_add(&value, KIT_DATUM, 3);
    ck_ok(put(iso_buf_bytes(&value)));
    ground_flush(&g);
    iso_avro_free(asked);
    teardown();
}
END_TEST

START_TEST(an_opaque_value_is_anything)
{
    setup_format(ISO_FORMAT_OPAQUE);
    ck_ok(put(iso_bytes_text("plain")));
    ck_ok(put(iso_bytes_text("")));
    ground_flush(&g);
    teardown();
}
END_TEST

START_TEST(holding_values_to_their_schema_does_not_allocate)
{
    uint64_t before = 0;
    setup_format(ISO_FORMAT_AVRO);
    kit_value(&value, g.definition, 0, KIT_DATUM, 3);
    for (int round = 0; round < 3; round++) {
        before = iso_mem_count();
        for (int i = 0; i < 100; i++)
            ck_ok(put(iso_buf_bytes(&value)));
        uint64_t after = iso_mem_count();
        ck_assert(round < 2 || before == after);
        ck_assert_int_eq(iso_producer_poll(g.producer, 0), 100);
    }
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer_value");
    TCase *tests = tcase_create("producer_value");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, a_value_of_its_schema_is_sent_as_it_is, ISO_FORMAT_AVRO,
                        ISO_FORMAT_CONFLUENT + 1);
    tcase_add_loop_test(
        tests, a_value_that_would_be_refused_is_refused_here_and_leaves_no_trace,
        ISO_FORMAT_AVRO, ISO_FORMAT_CONFLUENT + 1);
    tcase_add_test(tests, its_schemas_begin_the_values_that_it_takes);
    tcase_add_test(tests, an_opaque_value_is_anything);
    tcase_add_test(tests, holding_values_to_their_schema_does_not_allocate);
    return ground_main(suite);
}
