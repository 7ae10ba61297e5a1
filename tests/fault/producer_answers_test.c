/* Answers that are lost, altered or never come, and clients that cannot go on: what is
 * acknowledged is true, one write at a time. */
#include "tests/fault/producer_bus.h"
#include "tests/unit/producer_ground.h"

static struct ground g;
static struct fault_bus bus;

static void setup(void)
{
    ground_init(&g, 1);
    iso_producer_close(g.producer);
    fault_bus_init(&bus, g.bus);
    g.ground.bus = &bus.bus;
    ground_producer_open(&g);
}
static void teardown(void)
{
    ground_release(&g);
}

/* ---- one write ---- */

START_TEST(a_lost_answer_is_asked_for_again_with_the_same_bytes)
{
    iso_memory_lose_answers(g.bus, 2);
    ck_ok(ground_put(&g, "k", "v"));
    ground_flush(&g);
    struct ground_log log;
    ground_log_read(&g, 0, &log);
    ck_assert_uint_eq(log.count, 3);
    ck_assert(ground_record_same(&log.records[0], &log.records[1]));
    ck_assert(ground_record_same(&log.records[0], &log.records[2]));
    ck_assert_uint_eq(g.ack_count, 1);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_DURABLE);
    ck_assert_int_eq(g.acks[0].ack.offset, 2);
    struct iso_producer_stats stats;
    iso_producer_stats(g.producer, &stats);
    ck_assert_uint_eq(stats.resent, 2);
    ground_log_release(&log);
}
END_TEST

START_TEST(a_refusal_counts_only_when_every_copy_was_refused)
{
    iso_clock_manual_add(&g.broker, -GROUND_AFTER_MAX_MS - 1000);
    iso_memory_lose_answers(g.bus, 1);
    ck_ok(ground_put(&g, "k", "v"));
    ground_flush(&g);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_MAYBE_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_CLOCK_SKEW);
    ck_ok(ground_put(&g, "k", "v"));
    ground_flush(&g);
    ck_assert_int_eq(g.acks[1].ack.state, ISO_NOT_APPLIED);
}
END_TEST

START_TEST(a_copy_that_is_admitted_makes_the_write_durable)
{
    iso_clock_manual_add(&g.broker, -GROUND_AFTER_MAX_MS - 1000);
    iso_memory_lose_answers(g.bus, 1);
    ck_ok(ground_put(&g, "k", "v"));
    iso_producer_poll(g.producer, 0); /* this copy is too early, and nobody knows */
    iso_clock_manual_add(&g.broker, GROUND_AFTER_MAX_MS + 1000);
    ground_flush(&g);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_DURABLE);
}
END_TEST

static void alter_refuse(struct iso_delivery *delivery)
{
    *delivery = (struct iso_delivery){.opaque = delivery->opaque,
                                      .fate = ISO_NOT_SENT,
                                      .err = ISO_DENIED,
                                      .offset = -1,
                                      .append_ms = -1};
}

START_TEST(what_kafka_does_not_take_is_refused_unless_a_copy_was_lost)
{
    bus.alter = alter_refuse;
    ck_ok(ground_put(&g, "k", "v"));
    ground_flush(&g);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_NOT_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_DENIED);
    bus.alter = NULL;
    iso_memory_lose_answers(g.bus, 1);
    ck_ok(ground_put(&g, "k", "v"));
    iso_producer_poll(g.producer, 0);
    bus.alter = alter_refuse;
    ground_flush(&g);
    ck_assert_int_eq(g.acks[1].ack.state, ISO_MAYBE_APPLIED);
    ck_assert_int_eq(g.acks[1].ack.err, ISO_DENIED);
}
END_TEST

static void alter_unsent(struct iso_delivery *delivery)
{
    *delivery = (struct iso_delivery){.opaque = delivery->opaque,
                                      .fate = ISO_MAYBE_SENT,
                                      .err = ISO_UNAVAILABLE,
                                      .offset = -1,
                                      .append_ms = -1};
}

START_TEST(a_copy_that_never_left_does_not_make_a_refusal_doubtful)
{
    bus.alter = alter_unsent;
    ck_ok(ground_put(&g, "k", "v"));
    iso_producer_poll(g.producer, 0);
    bus.alter = alter_refuse;
    ground_flush(&g);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_NOT_APPLIED);
}
END_TEST

static int timeless;
static void alter_timeless(struct iso_delivery *delivery)
{
    if (timeless-- > 0)
        delivery->append_ms = delivery->offset = -1;
}

START_TEST(a_success_without_an_append_time_is_sent_once_more_to_learn_it)
{
    bus.alter = alter_timeless;
    timeless = 1;
    ck_ok(ground_put(&g, "k", "v"));
    ground_flush(&g);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_DURABLE);
    ck_assert_int_eq(g.acks[0].ack.offset, 1);
    timeless = 2;
    ck_ok(ground_put(&g, "k", "v"));
    ground_flush(&g);
    ck_assert_int_eq(g.acks[1].ack.state, ISO_MAYBE_APPLIED);
    ck_assert_ptr_nonnull(strstr(g.acks[1].text, "LogAppendTime"));
}
END_TEST

START_TEST(a_record_that_the_topic_is_too_small_for_is_refused)
{
    teardown();
    ground_init_topic(&g, 1, "LogAppendTime", "500");
    ground_producer_open(&g);
    char big[800];
    memset(big, 'x', sizeof big);
    ck_ok(iso_producer_put(g.producer, iso_bytes_text("k"), iso_bytes(big, sizeof big),
                           NULL, &g.why));
    ground_flush(&g);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_NOT_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_TOO_LARGE);
}
END_TEST

/* ---- clients that cannot go on ---- */

START_TEST(a_fenced_send_uses_no_seq_and_the_next_poll_replaces_the_client)
{
    ck_ok(ground_put(&g, "k", "1"));
    atomic_store(&bus.fence, true);
    ck_err(ground_put(&g, "k", "2"), ISO_AGAIN);
    iso_producer_poll(g.producer, 0);
    ck_ok(ground_put(&g, "k", "2"));
    ground_flush(&g);
    struct ground_log log;
    ground_log_read(&g, 0, &log);
    ck_assert_uint_eq(log.count, 2);
    ck_assert_uint_eq(log.records[0].write.seq, 1);
    ck_assert_uint_eq(log.records[1].write.seq, 2);
    ck_assert_uint_eq(g.ack_count, 2);
    ground_log_release(&log);
}
END_TEST

START_TEST(what_a_lost_client_held_is_sent_again_in_order_before_anything_new)
{
    char key[16];
    iso_memory_cut(g.bus, true);
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "k%d", i);
        ck_ok(ground_put(&g, key, "v"));
    }
    atomic_store(&bus.fence, true);
    atomic_store(&bus.reopen_fails, 2);
    for (int i = 0; i < 4; i++) {
        iso_producer_poll(g.producer, 0);
        if (i < 2)
            ck_err(ground_put(&g, "late", "v"), ISO_AGAIN);
    }
    ck_ok(ground_put(&g, "late", "v"));
    iso_memory_cut(g.bus, false);
    ground_flush(&g);
    struct ground_log log;
    ground_log_read(&g, 0, &log);
    ck_assert_uint_eq(log.count, 51);
    for (size_t i = 0; i < log.count; i++)
        ck_assert_uint_eq(log.records[i].write.seq, i + 1);
    ck_assert_uint_eq(g.ack_count, 51);
    ground_log_release(&log);
}
END_TEST

/* The seqs in the log, in its order. */
static void ck_seqs(const uint64_t *seqs, size_t count)
{
    struct ground_log log;
    ground_log_read(&g, 0, &log);
    ck_assert_uint_eq(log.count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(log.records[i].write.seq, seqs[i]);
    ground_log_release(&log);
}

START_TEST(nothing_new_overtakes_what_must_be_sent_again)
{
    iso_memory_lose_answers(g.bus, 2);
    for (int i = 0; i < 2; i++)
        ck_ok(ground_put(&g, "k", "v"));
    atomic_store(&bus.refuse, 3); /* the queue is too full to send them again */
    iso_producer_poll(g.producer, 0);
    ck_err(ground_put(&g, "k", "v"), ISO_AGAIN);
    atomic_store(&bus.refuse, 0);
    ck_err(ground_put(&g, "k", "v"), ISO_AGAIN); /* until a poll has sent them */
    iso_producer_poll(g.producer, 0);
    ck_ok(ground_put(&g, "k", "v"));
    ground_flush(&g);
    ck_seqs((const uint64_t[]){1, 2, 1, 2, 3}, 5);
}
END_TEST

START_TEST(answers_that_come_out_of_order_are_sent_again_in_order)
{
    bus.reverse = true;
    iso_memory_lose_answers(g.bus, 3);
    for (int i = 0; i < 3; i++)
        ck_ok(ground_put(&g, "k", "v"));
    ground_flush(&g);
    ck_seqs((const uint64_t[]){1, 2, 3, 1, 2, 3}, 6);
    ck_assert_uint_eq(g.ack_count, 3);
}
END_TEST

START_TEST(closing_between_two_clients_answers_all_as_unknown)
{
    iso_memory_lose_answers(g.bus, 10);
    for (int i = 0; i < 10; i++)
        ck_ok(ground_put(&g, "k", "v"));
    iso_memory_cut(g.bus, false);
    atomic_store(&bus.reopen_fails, 1000);
    iso_producer_poll(g.producer, 0);
    atomic_store(&bus.fence, true);
    iso_producer_poll(g.producer, 0);
    iso_producer_poll(g.producer, 0);
    ck_err(iso_producer_trouble(g.producer, &g.why), ISO_FENCED);
    iso_producer_close(g.producer);
    g.producer = NULL;
    ck_assert_uint_eq(g.ack_count, 10);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(g.acks[i].ack.state, ISO_MAYBE_APPLIED);
        ck_assert_int_eq(g.acks[i].ack.err, ISO_UNKNOWN);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer answers");
    TCase *one = tcase_create("one slice");
    tcase_add_checked_fixture(one, setup, teardown);
    suite_add_tcase(suite, one);
    tcase_add_test(one, a_lost_answer_is_asked_for_again_with_the_same_bytes);
    tcase_add_test(one, a_refusal_counts_only_when_every_copy_was_refused);
    tcase_add_test(one, a_copy_that_is_admitted_makes_the_write_durable);
    tcase_add_test(one, what_kafka_does_not_take_is_refused_unless_a_copy_was_lost);
    tcase_add_test(one, a_copy_that_never_left_does_not_make_a_refusal_doubtful);
    tcase_add_test(one, a_success_without_an_append_time_is_sent_once_more_to_learn_it);
    tcase_add_test(one, a_record_that_the_topic_is_too_small_for_is_refused);
    tcase_add_test(one,
                   a_fenced_send_uses_no_seq_and_the_next_poll_replaces_the_client);
    tcase_add_test(one,
                   what_a_lost_client_held_is_sent_again_in_order_before_anything_new);
    tcase_add_test(one, nothing_new_overtakes_what_must_be_sent_again);
    tcase_add_test(one, answers_that_come_out_of_order_are_sent_again_in_order);
    tcase_add_test(one, closing_between_two_clients_answers_all_as_unknown);
    return ground_main(suite);
}
