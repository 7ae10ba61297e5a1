/* One thread looks while others take statuses, trends and events, as those of an HTTP
 * server do: each sees whole looks, in order. Run it under -fsanitize=thread too. */
#include <pthread.h>
#include <stdatomic.h>

#include "watch_world.h"

enum { LOOKS = 10000, READERS = 4, EVENTS_MAX = 32 };

static struct world world;
static atomic_bool over;
static atomic_int wrong;

struct reader {
    pthread_t thread;
    uint64_t look, event;
    size_t reads;
};

static void expect(bool right)
{
    if (!right)
        atomic_fetch_add(&wrong, 1);
}

/* All that a status shows is of one look. */
static void read_status(struct reader *reader)
{
    const struct iso_status *status = iso_watch_status(world.watch);
    if (status == NULL)
        return;
    struct iso_status_sum sum;
    iso_status_sum(status, &sum);
    expect(status->look >= reader->look);
    expect(status->at_ms == KIT_NOW + (int64_t)status->look * SECOND);
    expect(sum.pairs == 6 && sum.why[0] != '\0');
    const struct iso_status_collection *at = &status->collections[0];
    for (size_t i = 0; i < at->pair_count; i++) {
        expect(at->pairs[i].row.written == (uint64_t)at->logs[i / 2].ends[0]);
        expect(at->pairs[i].why[0] != '\0' && at->pairs[i].since_ms <= status->at_ms);
    }
    expect(strlen(at->certificate) > 0);
    reader->look = status->look;
    iso_status_release(world.watch, status);
}

static void read_trend(enum iso_trend which)
{
    struct iso_sample samples[ISO_SAMPLES_COARSE];
    size_t count =
        iso_watch_samples(world.watch, &(struct iso_watch_pair){"packages", "eu", "us"},
                          which, samples, ISO_SAMPLES_COARSE);
    for (size_t i = 1; i < count; i++)
        expect(samples[i].at_ms > samples[i - 1].at_ms);
}

static void read_events(struct reader *reader)
{
    struct iso_watch_event events[EVENTS_MAX];
    size_t count = iso_watch_events(world.watch, reader->event, events, EVENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        expect(events[i].id > reader->event && events[i].is[0] != '\0');
        reader->event = events[i].id;
    }
}

static void *reader_run(void *user)
{
    struct reader *reader = user;
    while (!atomic_load(&over)) {
        read_status(reader);
        read_trend(ISO_TREND_FINE);
        read_trend(ISO_TREND_COARSE);
        read_events(reader);
        reader->reads++;
    }
    read_status(reader);
    read_events(reader);
    return NULL;
}

/* Regions fall behind, stop, are started anew and catch up, again and again. */
static void look(int i)
{
    for (int r = 1; r <= REGIONS; r++)
        world.written[r] += r;
    int lazy = i / 40 % (REGIONS + 1);
    world_apply(&world, lazy);
    for (int r = 1; r <= REGIONS; r++)
        world.regions[r].closed = r == lazy && i % 2000 < 1000;
    if (i % 100 == 0)
        world.regions[1 + i / 100 % REGIONS].started_ms = world.now_ms;
    world_run(&world, 1);
}

START_TEST(who_looks_and_who_reads_do_not_disturb_each_other)
{
    struct reader readers[READERS] = {0};
    world_init(&world);
    for (int i = 0; i < READERS; i++)
        ck_assert_int_eq(
            pthread_create(&readers[i].thread, NULL, reader_run, &readers[i]), 0);
    for (int i = 0; i < LOOKS; i++)
        look(i);
    atomic_store(&over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    ck_assert_int_eq(atomic_load(&wrong), 0);
    for (int i = 0; i < READERS; i++) {
        ck_assert_uint_eq(readers[i].look, LOOKS);
        ck_assert_uint_gt(readers[i].reads, 0);
        ck_assert_uint_gt(readers[i].event, 100);
    }
    world_release(&world);
}
END_TEST

/* The last one that holds a status gives it back, also after the watch went on. */
START_TEST(a_status_outlives_the_looks_that_follow)
{
    const struct iso_status *held[50];
    world_init(&world);
    for (int i = 0; i < 50; i++) {
        world_run(&world, 1);
        held[i] = iso_watch_status(world.watch);
    }
    for (int i = 0; i < 50; i++) {
        ck_assert_uint_eq(held[i]->look, (uint64_t)i + 1);
        iso_status_release(world.watch, held[i]);
    }
    world_release(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch_threads");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, who_looks_and_who_reads_do_not_disturb_each_other);
    tcase_add_test(tests, a_status_outlives_the_looks_that_follow);
    suite_add_tcase(suite, tests);
    return kit_main(suite);
}
