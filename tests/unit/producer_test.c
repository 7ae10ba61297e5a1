/* The producer on the memory bus, one thread: what stands in the log, what is
 * acknowledged, and what is refused before it gets there. */
#include "tests/unit/producer_ground.h"

#include <sys/wait.h>
#include <unistd.h>

static struct ground g;

static void setup(void)
{
    ground_init(&g, GROUND_PARTITIONS);
}
static void teardown(void)
{
    ground_release(&g);
}

static int partition_of(const char *key)
{
    return (int)iso_partition_of(iso_bytes_text(key), GROUND_PARTITIONS);
}

/* ---- what stands in the log ---- */

START_TEST(a_put_stands_in_its_log_with_its_version_and_is_durable)
{
    int opaque;
    struct iso_write_options options = {
        .opaque = &opaque, .has_expiry = true, .expiry_ms = GROUND_NOW_MS + 5};
    ck_ok(iso_producer_put(g.producer, iso_bytes_text("bash"), iso_bytes_text("5.2"),
                           &options, &g.why));
    ck_assert_uint_eq(g.ack_count, 0);
    ck_assert_int_eq(iso_producer_poll(g.producer, 0), 1);
    struct ground_log log;
    ground_log_read(&g, partition_of("bash"), &log);
    ck_assert_uint_eq(log.count, 1);
    struct ground_record *record = &log.records[0];
    ck_assert(iso_bytes_equal(iso_buf_bytes(&record->key), iso_bytes_text("bash")));
    ck_assert(iso_bytes_equal(iso_buf_bytes(&record->value), iso_bytes_text("5.2")));
    ck_assert_int_eq(record->write.operation, ISO_PUT);
    ck_assert_uint_eq(record->write.log, GROUND_LOG);
    ck_assert_uint_eq(record->write.partition, (unsigned)partition_of("bash"));
    ck_assert_uint_eq(record->write.seq, 1);
    ck_assert_uint_eq(iso_node_region(record->write.version.node), GROUND_REGION);
    ck_assert_int_eq(iso_hlc_ms(record->write.version.hlc), GROUND_NOW_MS);
    ck_assert(record->write.blind);
    ck_assert(record->write.has_expiry);
    ck_assert_int_eq(record->write.expiry_ms, GROUND_NOW_MS + 5);

    const struct iso_ack *ack = &g.acks[0].ack;
    ck_assert_int_eq(ack->state, ISO_DURABLE);
    ck_assert_int_eq(ack->err, ISO_OK);
    ck_assert_ptr_eq(ack->opaque, &opaque);
    ck_assert(iso_version_equal(ack->version, record->write.version));
    ck_assert_uint_eq(ack->log, GROUND_LOG);
    ck_assert_uint_eq(ack->partition, record->write.partition);
    ck_assert_int_eq(ack->offset, 0);
    ck_assert_int_eq(ack->append_ms, GROUND_NOW_MS);
    ground_log_release(&log);
}
END_TEST

START_TEST(a_delete_has_no_value_and_an_empty_value_is_one)
{
    ck_ok(ground_put(&g, "k", ""));
    ck_ok(iso_producer_delete(g.producer, iso_bytes_text("k"), NULL, &g.why));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    struct ground_log log;
    ground_log_read(&g, partition_of("k"), &log);
    ck_assert_uint_eq(log.count, 2);
    ck_assert(log.records[0].has_value);
    ck_assert_uint_eq(log.records[0].value.size, 0);
    ck_assert(!log.records[1].has_value);
    ck_assert_int_eq(log.records[1].write.operation, ISO_DELETE);
    ground_log_release(&log);
}
END_TEST

START_TEST(a_heartbeat_names_its_partition_and_is_acknowledged_to_nobody)
{
    ck_ok(iso_producer_heartbeat(g.producer, 2, &g.why));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    ck_assert_uint_eq(g.ack_count, 0);
    struct ground_log log;
    ground_log_read(&g, 2, &log);
    ck_assert_uint_eq(log.count, 1);
    ck_assert(!log.records[0].has_key && !log.records[0].has_value);
    ck_assert_int_eq(log.records[0].write.operation, ISO_HEARTBEAT);
    ck_assert_uint_eq(log.records[0].write.seq, 1);
    ground_log_release(&log);
    ck_err(iso_producer_heartbeat(g.producer, GROUND_PARTITIONS, &g.why), ISO_USAGE);
}
END_TEST

START_TEST(seqs_are_dense_in_each_slice_and_versions_grow_over_all)
{
    uint64_t last = 0;
    char key[16];
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        ck_ok(ground_put(&g, key, "v"));
    }
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    ck_assert_uint_eq(g.ack_count, 200);
    for (size_t i = 0; i < g.ack_count; i++) {
        ck_assert_uint_gt(g.acks[i].ack.version.hlc, last);
        last = g.acks[i].ack.version.hlc;
    }
    for (int p = 0; p < GROUND_PARTITIONS; p++) {
        struct ground_log log;
        ground_log_read(&g, p, &log);
        ck_assert_uint_gt(log.count, 0);
        for (size_t i = 0; i < log.count; i++)
            ck_assert_uint_eq(log.records[i].write.seq, i + 1);
        ground_log_release(&log);
    }
}
END_TEST

START_TEST(two_handles_of_one_region_have_two_nodes)
{
    struct iso_producer *first = g.producer;
    ck_ok(ground_put(&g, "k", "1"));
    ck_ok(iso_producer_flush(first, 1000, &g.why));
    ground_producer_open(&g);
    ck_ok(ground_put(&g, "k", "2"));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    ck_assert_uint_ne(g.acks[0].ack.version.node, g.acks[1].ack.version.node);
    iso_producer_close(first);
}
END_TEST

/* ---- limits and back-pressure ---- */

START_TEST(what_is_over_a_limit_is_refused_and_named)
{
    char big[2000];
    memset(big, 'x', sizeof big);
    struct iso_bytes key = iso_bytes_text("k");
    ck_err(iso_producer_put(g.producer, iso_bytes(big, 385), key, NULL, &g.why),
           ISO_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(g.why.text, "385"));
    ck_err(iso_producer_put(g.producer, iso_bytes("", 0), key, NULL, &g.why),
           ISO_TOO_LARGE);
    ck_err(iso_producer_delete(g.producer, iso_bytes("", 0), NULL, &g.why),
           ISO_TOO_LARGE);
    ck_err(iso_producer_put(g.producer, key, iso_bytes(big, 1001), NULL, &g.why),
           ISO_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(g.why.text, "packages"));
    ck_ok(iso_producer_put(g.producer, iso_bytes(big, 384), iso_bytes(big, 1000), NULL,
                           &g.why));
    struct iso_write_options expired = {.has_expiry = true, .expiry_ms = -1};
    ck_err(iso_producer_put(g.producer, key, key, &expired, &g.why), ISO_BAD_DATA);
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    ck_assert_uint_eq(g.ack_count, 1);
}
END_TEST

START_TEST(a_full_producer_says_again_until_it_is_polled)
{
    iso_producer_close(g.producer);
    g.ground.pending_max = 3;
    ground_producer_open(&g);
    for (int i = 0; i < 3; i++)
        ck_ok(ground_put(&g, "k", "v"));
    ck_err(ground_put(&g, "k", "v"), ISO_AGAIN);
    ck_assert_int_eq(iso_producer_poll(g.producer, 0), 3);
    ck_ok(ground_put(&g, "k", "v"));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    struct ground_log log;
    ground_log_read(&g, partition_of("k"), &log);
    ck_assert_uint_eq(log.count, 4);
    ck_assert_uint_eq(log.records[3].write.seq, 4); /* what was refused used none up */
    ground_log_release(&log);
}
END_TEST

START_TEST(the_bytes_that_wait_are_bounded_but_one_write_always_fits)
{
    iso_producer_close(g.producer);
    g.ground.queue_max = 4096;
    ground_producer_open(&g);
    char big[1000];
    memset(big, 'x', sizeof big);
    int queued = 0;
    while (iso_producer_put(g.producer, iso_bytes_text("k"), iso_bytes(big, sizeof big),
                            NULL, &g.why) == ISO_OK)
        queued++;
    ck_assert_int_eq(g.why.err, ISO_AGAIN);
    ck_assert_int_ge(queued, 2);
    ck_assert_int_le(queued, 4);
    iso_producer_close(g.producer);
    ck_assert_uint_eq(g.ack_count, (size_t)queued);
    g.ground.queue_max = 1200; /* less than a block, enough for the bus */
    ground_producer_open(&g);
    ck_ok(iso_producer_put(g.producer, iso_bytes_text("k"), iso_bytes(big, sizeof big),
                           NULL, &g.why));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
}
END_TEST

START_TEST(a_steady_stream_of_puts_does_not_allocate)
{
    uint64_t before = 0;
    for (int round = 0; round < 3; round++) {
        if (round == 2)
            before = iso_mem_count();
        for (int i = 0; i < 100; i++)
            ck_ok(ground_put(&g, "some key", "a value of some length"));
        if (round == 2)
            ck_assert_uint_eq(iso_mem_count(), before);
        ck_assert_int_eq(iso_producer_poll(g.producer, 0), 100);
    }
}
END_TEST

/* ---- the handle ---- */

START_TEST(closing_answers_every_write_as_unknown)
{
    iso_memory_cut(g.bus, true);
    for (int i = 0; i < 5; i++)
        ck_ok(ground_put(&g, "k", "v"));
    ck_assert_int_eq(iso_producer_poll(g.producer, 0), 0);
    iso_producer_close(g.producer);
    g.producer = NULL;
    ck_assert_uint_eq(g.ack_count, 5);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(g.acks[i].ack.state, ISO_MAYBE_APPLIED);
        ck_assert_int_eq(g.acks[i].ack.err, ISO_UNAVAILABLE);
        ck_assert_int_eq(g.acks[i].ack.offset, -1);
    }
}
END_TEST

START_TEST(a_flush_that_runs_out_of_time_says_how_many_have_no_answer)
{
    iso_memory_cut(g.bus, true);
    ck_ok(ground_put(&g, "k", "v"));
    ck_ok(ground_put(&g, "k", "v"));
    ck_err(iso_producer_flush(g.producer, 0, &g.why), ISO_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(g.why.text, "2 writes"));
    ck_err(iso_producer_trouble(g.producer, &g.why), ISO_UNAVAILABLE);
    iso_memory_cut(g.bus, false);
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    ck_ok(iso_producer_trouble(g.producer, &g.why));
    ck_assert_uint_eq(g.ack_count, 2);
}
END_TEST

static struct iso_producer *inside;
static int inside_polls;

static void polls_and_puts(void *user, const struct iso_ack *ack)
{
    ground_acknowledged(user, ack);
    inside_polls += iso_producer_poll(inside, 100);
    ck_err(iso_producer_flush(inside, 1000, NULL), ISO_USAGE);
    if (ack->opaque == NULL)
        return;
    ck_ok(iso_producer_put(inside, iso_bytes_text("next"), iso_bytes_text("v"), NULL,
                           NULL));
}

START_TEST(an_acknowledgement_may_write_again_and_its_poll_finds_nothing)
{
    iso_producer_close(g.producer);
    struct iso_producer_options options = {.acknowledged = polls_and_puts, .user = &g};
    ck_ok(iso_producer_open_on(&g.ground, &options, &g.producer, &g.why));
    inside = g.producer;
    struct iso_write_options first = {.opaque = &g};
    ck_ok(iso_producer_put(g.producer, iso_bytes_text("k"), iso_bytes_text("v"), &first,
                           &g.why));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    ck_assert_uint_eq(g.ack_count, 2);
    ck_assert_int_eq(inside_polls, 0);
}
END_TEST

START_TEST(a_handle_is_closed_in_a_child_process)
{
    ck_ok(ground_put(&g, "k", "v"));
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct iso_why why;
        bool closed = ground_put(&g, "k", "v") == ISO_CLOSED &&
                      iso_producer_heartbeat(g.producer, 0, &why) == ISO_CLOSED &&
                      iso_producer_flush(g.producer, 0, &why) == ISO_CLOSED &&
                      iso_producer_poll(g.producer, 0) == 0;
        iso_producer_close(g.producer);
        _exit(closed ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_ok(ground_put(&g, "k", "v"));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    ck_assert_uint_eq(g.ack_count, 2);
}
END_TEST

START_TEST(a_region_that_writes_no_log_cannot_open)
{
    struct iso_producer *producer = NULL;
    struct iso_producer_ground ground = g.ground;
    struct iso_producer_options options = {0};
    ground.region = 9;
    ck_err(iso_producer_open_on(&ground, &options, &producer, &g.why),
           ISO_NO_DEFINITION);
    ck_assert_ptr_null(producer);
    iso_producer_close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer");
    TCase *tests = tcase_create("one thread");
    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_put_stands_in_its_log_with_its_version_and_is_durable);
    tcase_add_test(tests, a_delete_has_no_value_and_an_empty_value_is_one);
    tcase_add_test(tests,
                   a_heartbeat_names_its_partition_and_is_acknowledged_to_nobody);
    tcase_add_test(tests, seqs_are_dense_in_each_slice_and_versions_grow_over_all);
    tcase_add_test(tests, two_handles_of_one_region_have_two_nodes);
    tcase_add_test(tests, what_is_over_a_limit_is_refused_and_named);
    tcase_add_test(tests, a_full_producer_says_again_until_it_is_polled);
    tcase_add_test(tests, the_bytes_that_wait_are_bounded_but_one_write_always_fits);
    tcase_add_test(tests, a_steady_stream_of_puts_does_not_allocate);
    tcase_add_test(tests, closing_answers_every_write_as_unknown);
    tcase_add_test(tests, a_flush_that_runs_out_of_time_says_how_many_have_no_answer);
    tcase_add_test(tests,
                   an_acknowledgement_may_write_again_and_its_poll_finds_nothing);
    tcase_add_test(tests, a_handle_is_closed_in_a_child_process);
    tcase_add_test(tests, a_region_that_writes_no_log_cannot_open);
    return ground_main(suite);
}
