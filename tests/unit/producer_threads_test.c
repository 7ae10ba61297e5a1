/* Many threads on one handle: what each slice of the log then holds is what one thread
 * would have written, and every write has one acknowledgement. Run it under
 * -fsanitize=thread too. */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/producer_ground.h"

enum { WRITERS = 8, WRITES_EACH = 1500 };

static struct ground g;
static unsigned char answered[WRITERS][WRITES_EACH];
static atomic_int writing;

static void setup(void)
{
    memset(answered, 0, sizeof answered);
    ground_init(&g, GROUND_PARTITIONS);
}
static void teardown(void)
{
    ground_release(&g);
}

/* opaque: the place in `answered`. Runs on one thread at a time. */
static void count_answer(void *user, const struct iso_ack *ack)
{
    (void)user;
    ck_assert_int_eq(ack->state, ISO_DURABLE);
    ++*(unsigned char *)ack->opaque;
}

static void producer_reopen(void)
{
    iso_producer_close(g.producer);
    struct iso_producer_options options = {.acknowledged = count_answer};
    ck_ok(iso_producer_open_on(&g.ground, &options, &g.producer, &g.why));
}

struct writer {
    pthread_t thread;
    int index;
    bool failed;
};

/* Blind puts, deletes and a session of its own, in turn. */
static enum iso_err writer_write(struct writer *writer, int i, struct iso_buf *context)
{
    char key[32];
    snprintf(key, sizeof key, "key-%d", i % 100);
    struct iso_write_options options = {.opaque = &answered[writer->index][i]};
    if (i % 3 == 0)
        options.context = context;
    if (i % 10 == 9)
        return iso_producer_delete(g.producer, iso_bytes_text(key), &options, NULL);
    return iso_producer_put(g.producer, iso_bytes_text(key), iso_bytes(&i, sizeof i),
                            &options, NULL);
}

static void *writer_run(void *user)
{
    struct writer *writer = user;
    struct iso_buf context = {0};
    for (int i = 0; i < WRITES_EACH && !writer->failed; i++) {
        enum iso_err err;
        while ((err = writer_write(writer, i, &context)) == ISO_AGAIN)
            iso_producer_poll(g.producer, 1);
        writer->failed = err != ISO_OK;
        if (i % 200 == 0) {
            iso_producer_heartbeat(g.producer, (uint32_t)i % GROUND_PARTITIONS, NULL);
            struct iso_producer_stats stats;
            iso_producer_stats(g.producer, &stats);
            iso_producer_trouble(g.producer, NULL);
        }
    }
    iso_buf_release(&context);
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

static void writers_run(void)
{
    struct writer writers[WRITERS];
    atomic_store(&writing, WRITERS);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.index = i};
        ck_assert_int_eq(
            pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]), 0);
    }
    while (atomic_load(&writing) > 0)
        iso_producer_poll(g.producer, 1);
    for (int i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_join(writers[i].thread, NULL), 0);
        ck_assert(!writers[i].failed);
    }
    enum iso_err err = iso_producer_flush(g.producer, 20000, &g.why);
    ck_assert_msg(err == ISO_OK, "%s", g.why.text);
}

static int compare_hlcs(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Seqs 1..n in order, hlcs ascending in every slice, no hlc twice over all; says how
 * many writes there are. */
static size_t log_check(void)
{
    uint64_t *hlcs = NULL;
    size_t count = 0, writes = 0;
    for (int p = 0; p < GROUND_PARTITIONS; p++) {
        struct ground_log log;
        ground_log_read(&g, p, &log);
        hlcs = realloc(hlcs, (count + log.count) * sizeof *hlcs);
        for (size_t i = 0; i < log.count; i++) {
            const struct iso_write *write = &log.records[i].write;
            ck_assert_uint_eq(write->seq, i + 1);
            ck_assert(i == 0 || write->version.hlc > hlcs[count - 1]);
            hlcs[count++] = write->version.hlc;
            writes += write->operation != ISO_HEARTBEAT;
        }
        ground_log_release(&log);
    }
    qsort(hlcs, count, sizeof *hlcs, compare_hlcs);
    for (size_t i = 1; i < count; i++)
        ck_assert_uint_ne(hlcs[i - 1], hlcs[i]);
    free(hlcs);
    return writes;
}

static void answers_check(void)
{
    for (int w = 0; w < WRITERS; w++)
        for (int i = 0; i < WRITES_EACH; i++)
            ck_assert_msg(answered[w][i] == 1, "write %d of %d: %d answers", i, w,
                          answered[w][i]);
}

START_TEST(many_threads_write_as_one_in_every_slice)
{
    producer_reopen();
    writers_run();
    ck_assert_uint_eq(log_check(), WRITERS * WRITES_EACH);
    answers_check();
}
END_TEST

START_TEST(many_threads_that_are_pushed_back_lose_nothing)
{
    g.ground.pending_max = 20;
    producer_reopen();
    writers_run();
    ck_assert_uint_eq(log_check(), WRITERS * WRITES_EACH);
    answers_check();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer threads");
    TCase *tests = tcase_create("memory");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, many_threads_write_as_one_in_every_slice);
    tcase_add_test(tests, many_threads_that_are_pushed_back_lose_nothing);
    return ground_main(suite);
}
