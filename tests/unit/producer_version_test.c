/* Versions and the clocks they rest on: what was read, this machine's clock, and the
 * broker's, on the memory bus with clocks that are turned by hand. */
#include "tests/unit/producer_ground.h"

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

/* ---- contexts ---- */

static void context_of(struct iso_buf *context, uint64_t hlc, const uint64_t *names,
                       size_t count)
{
    uint8_t bytes[64 * ISO_VERSION_SIZE];
    for (size_t i = 0; i < count; i++)
        iso_version_put(bytes + i * ISO_VERSION_SIZE,
                        (struct iso_version){.hlc = names[i], .node = iso_node(1, 9)});
    struct iso_context made = {.hlc = hlc, .shown = {.data = bytes, .count = count}};
    iso_buf_clear(context);
    iso_context_encode(&made, context);
}

START_TEST(a_write_names_what_was_read_is_above_it_and_becomes_the_context)
{
    struct iso_buf context = {0};
    uint64_t shown[2] = {iso_hlc_of_ms(GROUND_NOW_MS - 5),
                         iso_hlc_of_ms(GROUND_NOW_MS)};
    uint64_t hidden = iso_hlc_of_ms(GROUND_NOW_MS + 40000) + 3;
    context_of(&context, hidden, shown, 2);
    struct iso_write_options options = {.context = &context};
    for (int i = 0; i < 2; i++)
        ck_ok(iso_producer_put(g.producer, iso_bytes_text("k"), iso_bytes_text("v"),
                               &options, &g.why));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    struct ground_log log;
    ground_log_read(&g, partition_of("k"), &log);
    struct iso_write first = log.records[0].write;
    ck_assert(!first.blind);
    ck_assert_uint_eq(first.read.count, 2);
    ck_assert_uint_eq(iso_names_at(first.read, 0).hlc, shown[0]);
    ck_assert_uint_eq(iso_names_at(first.read, 1).hlc, shown[1]);
    ck_assert_uint_gt(first.version.hlc, hidden);
    struct iso_write second = log.records[1].write;
    ck_assert_uint_eq(second.read.count, 1);
    ck_assert(iso_version_equal(iso_names_at(second.read, 0), first.version));
    struct iso_context left;
    ck_ok(iso_context_decode(iso_buf_bytes(&context), &left, &g.why));
    ck_assert_uint_eq(left.hlc, second.version.hlc);
    ck_assert_uint_eq(left.shown.count, 1);
    ck_assert(iso_version_equal(iso_names_at(left.shown, 0), second.version));
    ground_log_release(&log);
    iso_buf_release(&context);
}
END_TEST

START_TEST(an_empty_context_is_that_of_a_writer_who_was_shown_nothing)
{
    struct iso_buf context = {0};
    struct iso_write_options options = {.context = &context};
    ck_ok(iso_producer_delete(g.producer, iso_bytes_text("k"), &options, &g.why));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    struct ground_log log;
    ground_log_read(&g, partition_of("k"), &log);
    ck_assert(!log.records[0].write.blind);
    ck_assert_uint_eq(log.records[0].write.read.count, 0);
    ck_assert_uint_gt(context.size, 0);
    ground_log_release(&log);
    iso_buf_release(&context);
}
END_TEST

START_TEST(a_context_that_cannot_be_believed_is_refused_and_left_alone)
{
    struct iso_buf context = {0};
    struct iso_write_options options = {.context = &context};
    struct iso_bytes key = iso_bytes_text("k");
    iso_buf_add(&context, "rubbish", 7);
    ck_err(iso_producer_put(g.producer, key, key, &options, &g.why), ISO_BAD_DATA);

    uint64_t names[9];
    for (size_t i = 0; i < 9; i++)
        names[i] = iso_hlc_of_ms(GROUND_NOW_MS) + i;
    context_of(&context, names[8], names, 9); /* read_max is 8 */
    ck_err(iso_producer_put(g.producer, key, key, &options, &g.why), ISO_TOO_LARGE);

    uint64_t future = iso_hlc_of_ms(GROUND_NOW_MS + GROUND_AFTER_MAX_MS + 1);
    context_of(&context, 0, &future, 1); /* hidden in a name */
    ck_err(iso_producer_put(g.producer, key, key, &options, &g.why), ISO_CLOCK_SKEW);
    ck_assert_ptr_nonnull(strstr(g.why.text, "ahead of this machine's clock"));
    struct iso_buf same = {0};
    context_of(&same, 0, &future, 1);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&same), iso_buf_bytes(&context)));

    ck_ok(iso_producer_put(g.producer, key, key, NULL,
                           &g.why)); /* nothing was observed */
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    ck_assert_int_eq(iso_hlc_ms(g.acks[0].ack.version.hlc), GROUND_NOW_MS);
    iso_buf_release(&same);
    iso_buf_release(&context);
}
END_TEST

/* ---- clocks ---- */

START_TEST(a_clock_that_is_set_back_is_waited_for_and_far_back_is_skew)
{
    ck_ok(ground_put(&g, "k", "1"));
    iso_clock_manual_add(&g.clock, -GROUND_AFTER_MAX_MS + 5000);
    ck_ok(ground_put(&g, "k", "2"));
    iso_clock_manual_add(&g.clock, -1);
    ck_err(ground_put(&g, "k", "3"), ISO_AGAIN);
    iso_clock_manual_add(&g.clock, -10000);
    ck_err(ground_put(&g, "k", "3"), ISO_CLOCK_SKEW);
    iso_clock_manual_add(&g.clock, 20000);
    ck_ok(ground_put(&g, "k", "3"));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    struct ground_log log;
    ground_log_read(&g, partition_of("k"), &log);
    ck_assert_uint_eq(log.count, 3);
    for (size_t i = 1; i < 3; i++) {
        ck_assert_uint_eq(log.records[i].write.seq, i + 1);
        ck_assert_uint_gt(log.records[i].write.version.hlc,
                          log.records[i - 1].write.version.hlc);
    }
    ground_log_release(&log);
}
END_TEST

START_TEST(a_clock_behind_the_birth_of_the_log_starts_at_it)
{
    iso_producer_close(g.producer);
    iso_clock_manual_add(&g.clock, -30000);
    ground_producer_open(&g);
    ck_ok(ground_put(&g, "k", "v"));
    ck_ok(iso_producer_flush(g.producer, 1000, &g.why));
    ck_assert_uint_gt(g.acks[0].ack.version.hlc, g.definition->logs[0].birth);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_DURABLE);
}
END_TEST

static void put_appended_after(int64_t ms)
{
    g.broker.now_ms = g.clock.now_ms + ms;
    ck_ok(ground_put(&g, "k", "v"));
    ck_assert_int_eq(iso_producer_poll(g.producer, 0), 1);
}

START_TEST(an_append_time_that_refuses_the_write_is_no_success)
{
    put_appended_after(-GROUND_AFTER_MAX_MS);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_DURABLE);
    iso_clock_manual_add(&g.clock, 1); /* so that no counter is in the way */
    put_appended_after(-GROUND_AFTER_MAX_MS - 1);
    ck_assert_int_eq(g.acks[1].ack.state, ISO_NOT_APPLIED);
    ck_assert_int_eq(g.acks[1].ack.err, ISO_CLOCK_SKEW);
    ck_assert_ptr_nonnull(
        strstr(g.acks[1].text, "this machine's clock is 60001 ms ahead"));
    int64_t late = GROUND_BEFORE_MAX_MS - GROUND_BEFORE_MAX_MS / 24;
    iso_clock_manual_add(&g.clock, 1);
    put_appended_after(late);
    ck_assert_int_eq(g.acks[2].ack.state, ISO_DURABLE);
    iso_clock_manual_add(&g.clock, 1);
    put_appended_after(late + 1);
    ck_assert_int_eq(g.acks[3].ack.state, ISO_MAYBE_APPLIED);
    ck_assert_int_eq(g.acks[3].ack.err, ISO_UNKNOWN);
    struct iso_producer_stats stats;
    iso_producer_stats(g.producer, &stats);
    ck_assert_uint_eq(stats.queued, 4);
    ck_assert_uint_eq(stats.durable, 2);
    ck_assert_uint_eq(stats.not_applied, 1);
    ck_assert_uint_eq(stats.maybe_applied, 1);
    ck_assert_uint_eq(stats.waiting, 0);
}
END_TEST

START_TEST(a_write_that_what_was_read_drove_ahead_blames_that_writers_clock)
{
    struct iso_buf context = {0};
    uint64_t ahead = iso_hlc_of_ms(GROUND_NOW_MS + 50000);
    context_of(&context, ahead, &ahead, 1);
    struct iso_write_options options = {.context = &context};
    iso_clock_manual_add(&g.broker, -20000);
    ck_ok(iso_producer_put(g.producer, iso_bytes_text("k"), iso_bytes_text("v"),
                           &options, &g.why));
    ck_assert_int_eq(iso_producer_poll(g.producer, 0), 1);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_NOT_APPLIED);
    ck_assert_ptr_nonnull(strstr(g.acks[0].text, "the machine that wrote that"));
    iso_buf_release(&context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer versions");
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests,
                   a_write_names_what_was_read_is_above_it_and_becomes_the_context);
    tcase_add_test(tests, an_empty_context_is_that_of_a_writer_who_was_shown_nothing);
    tcase_add_test(tests, a_context_that_cannot_be_believed_is_refused_and_left_alone);
    tcase_add_test(tests, a_clock_that_is_set_back_is_waited_for_and_far_back_is_skew);
    tcase_add_test(tests, a_clock_behind_the_birth_of_the_log_starts_at_it);
    tcase_add_test(tests, an_append_time_that_refuses_the_write_is_no_success);
    tcase_add_test(tests,
                   a_write_that_what_was_read_drove_ahead_blames_that_writers_clock);
    return ground_main(suite);
}
