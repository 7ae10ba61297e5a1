/* Answers that are lost, altered or never come, and clients that cannot go on: what is
 * acknowledged is true, and nothing is lost. The random run has an oracle over the log,
 * which is shown planted faults first. */
#include <pthread.h>

#include "tests/fault/producer_bus.h"
#include "tests/unit/producer_ground.h"

static struct ground g;
static struct fault_bus bus;

static void setup_partitions(uint32_t partitions)
{
    ground_init(&g, partitions);
    iso_producer_close(g.producer);
    fault_bus_init(&bus, g.bus);
    g.ground.bus = &bus.bus;
    ground_producer_open(&g);
}
static void setup(void)
{
    setup_partitions(1);
}
static void teardown(void)
{
    ground_release(&g);
}

static void poll_until_quiet(void)
{
    enum iso_err err = iso_producer_flush(g.producer, 5000, &g.why);
    ck_assert_msg(err == ISO_OK, "%s", g.why.text);
}

static bool record_same(const struct ground_record *a, const struct ground_record *b)
{
    return a->has_key == b->has_key && a->has_value == b->has_value &&
           iso_bytes_equal(iso_buf_bytes(&a->key), iso_buf_bytes(&b->key)) &&
           iso_bytes_equal(iso_buf_bytes(&a->value), iso_buf_bytes(&b->value)) &&
           iso_bytes_equal(iso_buf_bytes(&a->header), iso_buf_bytes(&b->header));
}

/* ---- one write ---- */

START_TEST(a_lost_answer_is_asked_for_again_with_the_same_bytes)
{
    iso_memory_lose_answers(g.bus, 2);
    ck_ok(ground_put(&g, "k", "v"));
    poll_until_quiet();
    struct ground_log log;
    ground_log_read(&g, 0, &log);
    ck_assert_uint_eq(log.count, 3);
    ck_assert(record_same(&log.records[0], &log.records[1]));
    ck_assert(record_same(&log.records[0], &log.records[2]));
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
    poll_until_quiet();
    ck_assert_int_eq(g.acks[0].ack.state, ISO_MAYBE_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_CLOCK_SKEW);
    ck_ok(ground_put(&g, "k", "v"));
    poll_until_quiet();
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
    poll_until_quiet();
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
    poll_until_quiet();
    ck_assert_int_eq(g.acks[0].ack.state, ISO_NOT_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_DENIED);
    bus.alter = NULL;
    iso_memory_lose_answers(g.bus, 1);
    ck_ok(ground_put(&g, "k", "v"));
    iso_producer_poll(g.producer, 0);
    bus.alter = alter_refuse;
    poll_until_quiet();
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
    poll_until_quiet();
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
    poll_until_quiet();
    ck_assert_int_eq(g.acks[0].ack.state, ISO_DURABLE);
    ck_assert_int_eq(g.acks[0].ack.offset, 1);
    timeless = 2;
    ck_ok(ground_put(&g, "k", "v"));
    poll_until_quiet();
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
    poll_until_quiet();
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
    poll_until_quiet();
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
    poll_until_quiet();
    struct ground_log log;
    ground_log_read(&g, 0, &log);
    ck_assert_uint_eq(log.count, 51);
    for (size_t i = 0; i < log.count; i++)
        ck_assert_uint_eq(log.records[i].write.seq, i + 1);
    ck_assert_uint_eq(g.ack_count, 51);
    ground_log_release(&log);
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

/* ---- the oracle ---- */

enum { FOUND_MAX = 4096 };

/* What the logs must be, given what was acknowledged: per slice every seq from 1 on,
 * hlcs ascending with them, all copies of one seq the same bytes; every durable write
 * there with its version, once acknowledged. NULL when all is well, else what is wrong.
 */
static const char *logs_judge(struct ground_log *logs, uint32_t partitions,
                              const struct ground_ack *acks, size_t ack_count)
{
    size_t durable = 0, found = 0;
    for (uint32_t p = 0; p < partitions; p++) {
        const struct ground_record *by_seq[FOUND_MAX] = {0};
        uint64_t top = 0;
        for (size_t i = 0; i < logs[p].count; i++) {
            const struct ground_record *record = &logs[p].records[i];
            uint64_t seq = record->write.seq;
            if (seq == 0 || seq >= FOUND_MAX)
                return "a seq out of range";
            if (by_seq[seq] == NULL)
                by_seq[seq] = record;
            else if (!record_same(by_seq[seq], record))
                return "two copies of one seq differ";
            top = seq > top ? seq : top;
        }
        for (uint64_t seq = 1; seq <= top; seq++) {
            if (by_seq[seq] == NULL)
                return "a seq is missing";
            if (seq > 1 &&
                by_seq[seq]->write.version.hlc <= by_seq[seq - 1]->write.version.hlc)
                return "an hlc does not grow with its seq";
        }
        for (size_t a = 0; a < ack_count; a++) {
            bool mine = acks[a].ack.partition == p && acks[a].ack.state == ISO_DURABLE;
            durable += mine;
            for (uint64_t seq = 1; mine && seq <= top; seq++)
                found +=
                    iso_version_equal(by_seq[seq]->write.version, acks[a].ack.version);
        }
    }
    return durable == found ? NULL : "a durable write is not in the log";
}

static void logs_read(struct ground_log *logs, uint32_t partitions)
{
    for (uint32_t p = 0; p < partitions; p++)
        ground_log_read(&g, (int)p, &logs[p]);
}
static void logs_release(struct ground_log *logs, uint32_t partitions)
{
    for (uint32_t p = 0; p < partitions; p++)
        ground_log_release(&logs[p]);
}

START_TEST(the_oracle_sees_planted_faults)
{
    iso_memory_lose_answers(g.bus, 1);
    for (int i = 0; i < 5; i++)
        ck_ok(ground_put(&g, "k", "v"));
    poll_until_quiet();
    struct ground_log log;
    logs_read(&log, 1);
    ck_assert_ptr_null(logs_judge(&log, 1, g.acks, g.ack_count));

    struct ground_record *record = &log.records[2];
    struct ground_record kept = *record;
    *record = log.records[1]; /* seq 3 is lost, seq 2 stands twice */
    ck_assert_str_eq(logs_judge(&log, 1, g.acks, g.ack_count), "a seq is missing");
    *record = kept;
    record->write.version.hlc = 1;
    ck_assert_str_eq(logs_judge(&log, 1, g.acks, g.ack_count),
                     "an hlc does not grow with its seq");
    *record = kept;
    log.count = 4; /* seqs 1 to 4: the end is lost, which only acknowledgements tell */
    ck_assert_str_eq(logs_judge(&log, 1, g.acks, g.ack_count),
                     "a durable write is not in the log");
    log.count = 6;
    log.records[5].value.data[0] ^= 1; /* the copy of seq 1 */
    ck_assert_str_eq(logs_judge(&log, 1, g.acks, g.ack_count),
                     "two copies of one seq differ");
    logs_release(&log, 1);
}
END_TEST

/* ---- the random run ---- */

enum { SEEDS = 40, STEPS = 400, RANDOM_PARTITIONS = 3 };

static int below(struct iso_chance *chance, int n)
{
    return (int)(iso_chance_draw(chance) % (uint64_t)n);
}

static size_t answers[STEPS];

static void random_write(struct iso_chance *chance, int step, struct iso_buf *context,
                         size_t *queued)
{
    char key[16];
    snprintf(key, sizeof key, "k%d", below(chance, 20));
    struct iso_write_options options = {.opaque = &answers[step]};
    if (below(chance, 3) == 0)
        options.context = context;
    enum iso_err err =
        below(chance, 5) == 0
            ? iso_producer_delete(g.producer, iso_bytes_text(key), &options, &g.why)
            : iso_producer_put(g.producer, iso_bytes_text(key),
                               iso_bytes(&step, sizeof step), &options, &g.why);
    ck_assert_msg(err == ISO_OK || err == ISO_AGAIN, "%s", g.why.text);
    answers[step] = err == ISO_OK ? 0 : 1;
    *queued += err == ISO_OK;
}

static void random_fault(struct iso_chance *chance)
{
    switch (below(chance, 6)) {
    case 0:
        iso_memory_lose_answers(g.bus, below(chance, 5));
        break;
    case 1:
        iso_memory_duplicate(g.bus, below(chance, 5));
        break;
    case 2:
        atomic_store(&bus.fence, true);
        break;
    case 3:
        iso_memory_cut(g.bus, below(chance, 2) == 0);
        break;
    case 4:
        timeless = below(chance, 4);
        break;
    default:
        iso_clock_manual_add(&g.clock, below(chance, 4000) - 1500);
        g.broker.now_ms = g.clock.now_ms + below(chance, 20000) - 10000;
        break;
    }
}

static void random_run(uint64_t seed)
{
    struct iso_chance chance;
    struct iso_buf context = {0};
    size_t queued = 0;
    iso_chance_seeded_init(&chance, seed);
    setup_partitions(RANDOM_PARTITIONS);
    bus.alter = alter_timeless;
    timeless = 0;
    for (int step = 0; step < STEPS; step++) {
        answers[step] = 1;
        if (below(&chance, 10) < 7)
            random_write(&chance, step, &context, &queued);
        else if (below(&chance, 10) < 7)
            iso_producer_poll(g.producer, 0);
        else
            random_fault(&chance);
    }
    iso_memory_cut(g.bus, false);
    poll_until_quiet();
    ck_assert_uint_eq(g.ack_count, queued);
    for (size_t i = 0; i < g.ack_count; i++)
        ++*(size_t *)g.acks[i].ack.opaque;
    for (int step = 0; step < STEPS; step++)
        ck_assert_msg(answers[step] == 1, "seed %llu: write %d has %zu answers",
                      (unsigned long long)seed, step, answers[step]);
    struct ground_log logs[RANDOM_PARTITIONS];
    logs_read(logs, RANDOM_PARTITIONS);
    const char *wrong = logs_judge(logs, RANDOM_PARTITIONS, g.acks, g.ack_count);
    ck_assert_msg(wrong == NULL, "seed %llu: %s", (unsigned long long)seed, wrong);
    logs_release(logs, RANDOM_PARTITIONS);
    iso_buf_release(&context);
    teardown();
}

START_TEST(whatever_fails_on_the_way_nothing_is_lost_and_every_write_has_one_answer)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        random_run(seed);
}
END_TEST

/* ---- threads, while clients are lost ---- */

enum { WRITERS = 8, WRITES_EACH = 400 };
static atomic_int writing;
static unsigned char counted[WRITERS][WRITES_EACH];

static void count_answer(void *user, const struct iso_ack *ack)
{
    ground_acknowledged(user, ack);
    ++*(unsigned char *)ack->opaque;
}

static void *writer_run(void *user)
{
    unsigned char *places = user;
    for (int i = 0; i < WRITES_EACH; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i % 50);
        struct iso_write_options options = {.opaque = &places[i]};
        while (iso_producer_put(g.producer, iso_bytes_text(key), iso_bytes_text("v"),
                                &options, NULL) == ISO_AGAIN)
            iso_producer_poll(g.producer, 1);
    }
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

START_TEST(threads_that_write_while_clients_are_lost_lose_nothing)
{
    setup_partitions(RANDOM_PARTITIONS);
    iso_producer_close(g.producer);
    struct iso_producer_options options = {.acknowledged = count_answer, .user = &g};
    ck_ok(iso_producer_open_on(&g.ground, &options, &g.producer, &g.why));
    atomic_store(&bus.fence_every, 97);
    atomic_store(&writing, WRITERS);
    memset(counted, 0, sizeof counted);
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, writer_run, counted[i]), 0);
    while (atomic_load(&writing) > 0)
        iso_producer_poll(g.producer, 1);
    for (int i = 0; i < WRITERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    atomic_store(&bus.fence_every, 0);
    poll_until_quiet();
    for (int w = 0; w < WRITERS; w++)
        for (int i = 0; i < WRITES_EACH; i++)
            ck_assert_int_eq(counted[w][i], 1);
    struct ground_log logs[RANDOM_PARTITIONS];
    logs_read(logs, RANDOM_PARTITIONS);
    const char *wrong = logs_judge(logs, RANDOM_PARTITIONS, g.acks, g.ack_count);
    ck_assert_msg(wrong == NULL, "%s", wrong);
    logs_release(logs, RANDOM_PARTITIONS);
    teardown();
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
    tcase_add_test(one, closing_between_two_clients_answers_all_as_unknown);
    tcase_add_test(one, the_oracle_sees_planted_faults);
    TCase *runs = tcase_create("runs");
    tcase_set_timeout(runs, 120);
    suite_add_tcase(suite, runs);
    tcase_add_test(
        runs, whatever_fails_on_the_way_nothing_is_lost_and_every_write_has_one_answer);
    tcase_add_test(runs, threads_that_write_while_clients_are_lost_lose_nothing);
    return ground_main(suite);
}
