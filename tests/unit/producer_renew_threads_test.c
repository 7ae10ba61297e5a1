/* Many threads on one handle while its log is closed and another succeeds it: every
 * write is durable, once, under one version. Run it under -fsanitize=thread too. */
#include <pthread.h>
#include <stdatomic.h>

#include "producer/define.h"
#include "tests/unit/producer_ground.h"

enum { WRITERS = 8, WRITES_EACH = 1500, TIMEOUT_MS = 1000 };
#define NEXT_TOPIC "packages.8"

static struct ground g;
static const struct iso_definition *_Atomic now; /* what stands now */
static unsigned char answered[WRITERS][WRITES_EACH];
static atomic_int writing, durable;
static atomic_bool begun; /* the closing: half of the writes wait for it */

/* The time of day stands as the broker's does; what never steps goes on. */
static int64_t day_ms(const struct iso_clock *clock)
{
    (void)clock;
    return GROUND_NOW_MS;
}
static int64_t steady_ms(const struct iso_clock *clock)
{
    (void)clock;
    return iso_steady_ms(&iso_clock_machine);
}
static const struct iso_clock clock_of_test = {day_ms, steady_ms};

static enum iso_err ask(void *user, const struct iso_definition **definition,
                        struct iso_bus **bus, struct iso_why *why)
{
    (void)user;
    (void)why;
    *definition = atomic_load(&now);
    *bus = g.bus;
    return ISO_OK;
}

static void count_answer(void *user, const struct iso_ack *ack)
{
    (void)user;
    ck_assert_msg(ack->state == ISO_DURABLE, "%s", ack->text);
    ++*(unsigned char *)ack->opaque;
    atomic_fetch_add(&durable, 1);
}

static void setup(void)
{
    ground_init_topic(&g, GROUND_PARTITIONS, "LogAppendTime", "1114112");
    atomic_store(&now, g.definition);
    g.ground.clock = &clock_of_test;
    g.ground.renewal = (struct iso_producer_renewal){ask, NULL, TIMEOUT_MS};
    struct iso_producer_options options = {.acknowledged = count_answer};
    ck_ok(iso_producer_open_on(&g.ground, &options, &g.producer, &g.why));
}
static void teardown(void)
{
    ground_release(&g);
}

struct writer {
    pthread_t thread;
    int index;
    bool failed;
};

static void *writer_run(void *user)
{
    struct writer *writer = user;
    struct iso_buf context = {0}, token = {0};
    for (int i = 0; i < WRITES_EACH && !writer->failed; i++) {
        char key[32];
        snprintf(key, sizeof key, "key-%d", i % 100);
        while (i == WRITES_EACH / 2 && !atomic_load(&begun))
            iso_producer_poll(g.producer, 1);
        struct iso_write_options options = {.opaque = &answered[writer->index][i]};
        if (i % 3 == 0)
            options.context = &context;
        if (i % 50 == 0)
            options.token = &token;
        enum iso_err err;
        while ((err = iso_producer_put(g.producer, iso_bytes_text(key),
                                       iso_bytes_text("v"), &options, NULL)) ==
               ISO_AGAIN)
            iso_producer_poll(g.producer, 1);
        writer->failed = err != ISO_OK;
        if (i % 200 == 0)
            iso_producer_trouble(g.producer, NULL);
    }
    iso_buf_release(&context);
    iso_buf_release(&token);
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

/* What an operator does, while others write. */
static struct iso_definition *log_close(void)
{
    int64_t ends[GROUND_PARTITIONS];
    const struct iso_definition_log *log = &g.definition->logs[0];
    struct iso_define_ground ground = {g.other, &clock_of_test, &g.chance, TIMEOUT_MS};
    struct iso_succession succession = {
        .log = GROUND_LOG, .ends = ends, .now_ms = GROUND_NOW_MS, .topic = NEXT_TOPIC};
    struct iso_topic_config config[] = {{"message.timestamp.type", "LogAppendTime"},
                                        {"max.message.bytes", "1114112"}};
    struct iso_definition *next;
    ck_ok(iso_bus_topic_create(
        g.other, &(struct iso_topic){NEXT_TOPIC, GROUND_PARTITIONS, 1, config, 2},
        TIMEOUT_MS, &g.why));
    ck_ok(iso_log_fence(&ground, g.definition, log, &g.why));
    ck_ok(iso_log_end(g.other, g.definition, log, TIMEOUT_MS, ends, &g.why));
    ck_ok(iso_definition_succeed(g.definition, &succession, &g.chance, &next, &g.why));
    atomic_store(&now, next);
    return next;
}

struct seen {
    uint64_t hlcs[WRITERS * WRITES_EACH];
    size_t count;
};

static enum iso_err seen_each(void *user, const struct iso_record *record,
                              struct iso_why *why)
{
    struct seen *seen = user;
    struct iso_write write;
    struct iso_buf scratch = {0};
    ck_ok(iso_write_decode(record->header, &scratch, &write, why));
    iso_buf_release(&scratch);
    if (write.operation == ISO_DEFINE)
        return ISO_OK;
    ck_assert_uint_lt(seen->count, WRITERS * WRITES_EACH);
    seen->hlcs[seen->count++] = write.version.hlc;
    return ISO_OK;
}

static int compare_hlcs(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

START_TEST(
    threads_that_write_while_a_log_is_closed_lose_nothing_and_write_nothing_twice)
{
    static struct seen seen;
    struct writer writers[WRITERS];
    atomic_store(&writing, WRITERS);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.index = i};
        ck_assert_int_eq(
            pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]), 0);
    }
    while (atomic_load(&durable) < WRITERS * WRITES_EACH / 3)
        iso_producer_poll(g.producer, 1);
    atomic_store(&begun, true);
    struct iso_definition *next = log_close();
    while (atomic_load(&writing) > 0)
        iso_producer_poll(g.producer, 1);
    for (int i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_join(writers[i].thread, NULL), 0);
        ck_assert(!writers[i].failed);
    }
    enum iso_err err = iso_producer_flush(g.producer, 20000, &g.why);
    ck_assert_msg(err == ISO_OK, "%s", g.why.text);
    for (int w = 0; w < WRITERS; w++)
        for (int i = 0; i < WRITES_EACH; i++)
            ck_assert_int_eq(answered[w][i], 1);
    size_t before = 0;
    const char *topics[] = {"packages", NEXT_TOPIC};
    for (int t = 0; t < 2; t++) {
        before = seen.count;
        for (int p = 0; p < GROUND_PARTITIONS; p++)
            ck_ok(iso_bus_read(g.other,
                               &(struct iso_walk){.topic = topics[t],
                                                  .partition = p,
                                                  .timeout_ms = TIMEOUT_MS,
                                                  .each = seen_each,
                                                  .user = &seen},
                               NULL, &g.why));
        ck_assert_uint_gt(seen.count, before);
    }
    ck_assert_uint_eq(seen.count, WRITERS * WRITES_EACH);
    qsort(seen.hlcs, seen.count, sizeof seen.hlcs[0], compare_hlcs);
    for (size_t i = 1; i < seen.count; i++)
        ck_assert_uint_lt(seen.hlcs[i - 1], seen.hlcs[i]);
    iso_producer_close(g.producer);
    g.producer = NULL;
    iso_definition_free(next);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer: a log that is closed under threads");
    TCase *tests = tcase_create("threads");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(
        tests,
        threads_that_write_while_a_log_is_closed_lose_nothing_and_write_nothing_twice);
    suite_add_tcase(suite, tests);
    return ground_main(suite);
}
