/* Random failures on the way from the caller to the log and back, from seeds, and
 * clients that are lost under many threads: nothing is lost, and every write has one
 * answer. The oracle over the log is shown planted faults first. */
#include <pthread.h>

#include "tests/fault/producer_bus.h"
#include "tests/unit/producer_ground.h"

static struct ground g;
static struct fault_bus bus;

static void setup(uint32_t partitions)
{
    ground_init(&g, partitions);
    iso_producer_close(g.producer);
    fault_bus_init(&bus, g.bus);
    g.ground.bus = &bus.bus;
    ground_producer_open(&g);
}
static void teardown(void)
{
    ground_release(&g);
}

static int timeless; /* deliveries that are to lose their append time */
static void alter_timeless(struct iso_delivery *delivery)
{
    if (timeless-- > 0)
        delivery->append_ms = delivery->offset = -1;
}

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
            else if (!ground_record_same(by_seq[seq], record))
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
    setup(1);
    iso_memory_lose_answers(g.bus, 1);
    for (int i = 0; i < 5; i++)
        ck_ok(ground_put(&g, "k", "v"));
    ground_flush(&g);
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
    teardown();
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
    switch (below(chance, 7)) {
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
        atomic_store(&bus.refuse, below(chance, 6));
        break;
    case 5:
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
    setup(RANDOM_PARTITIONS);
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
    ground_flush(&g);
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

enum { WRITERS = 8, WRITES_EACH = 400, FENCE_EVERY = 97 };
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
    setup(RANDOM_PARTITIONS);
    iso_producer_close(g.producer);
    /* Fewer than a client lives to send, or it could never finish sending them again.
     */
    g.ground.pending_max = FENCE_EVERY / 2;
    struct iso_producer_options options = {.acknowledged = count_answer, .user = &g};
    ck_ok(iso_producer_open_on(&g.ground, &options, &g.producer, &g.why));
    atomic_store(&bus.fence_every, FENCE_EVERY);
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
    ground_flush(&g);
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
    Suite *suite = suite_create("producer random");
    TCase *runs = tcase_create("runs");
    tcase_set_timeout(runs, 120);
    suite_add_tcase(suite, runs);
    tcase_add_test(runs, the_oracle_sees_planted_faults);
    tcase_add_test(
        runs, whatever_fails_on_the_way_nothing_is_lost_and_every_write_has_one_answer);
    tcase_add_test(runs, threads_that_write_while_clients_are_lost_lose_nothing);
    return ground_main(suite);
}
