/* A cluster that does not answer costs its callers their patience, so how often it is
 * asked decides whether the slices that need nothing of it go on. */
#include <check.h>

#include "world.h"

#include "bus/port.h"

/* A bus that counts questions, in front of one of the memory cluster. */
struct front {
    struct iso_bus bus;
    struct iso_bus *behind;
    int asked;
};

static struct front *front_of(struct iso_bus *bus)
{
    return (struct front *)bus; /* its first member */
}

static enum iso_err front_ends(struct iso_bus *bus, struct iso_position *positions,
                               size_t count, int timeout_ms, struct iso_why *why)
{
    front_of(bus)->asked++;
    return iso_bus_ends(front_of(bus)->behind, positions, count, timeout_ms, why);
}

static enum iso_err front_partitions(struct iso_bus *bus, const char *topic,
                                     int timeout_ms, int *partitions,
                                     struct iso_why *why)
{
    front_of(bus)->asked++;
    return iso_bus_partitions(front_of(bus)->behind, topic, timeout_ms, partitions,
                              why);
}

static enum iso_err front_config(struct iso_bus *bus, const char *topic, int timeout_ms,
                                 void (*each)(void *user, const char *name,
                                              const char *value),
                                 void *user, struct iso_why *why)
{
    front_of(bus)->asked++;
    return iso_bus_topic_config(front_of(bus)->behind, topic, timeout_ms, each, user,
                                why);
}

static enum iso_err front_brokers(struct iso_bus *bus, int timeout_ms, int *brokers,
                                  struct iso_why *why)
{
    front_of(bus)->asked++;
    return iso_bus_brokers(front_of(bus)->behind, timeout_ms, brokers, why);
}

static enum iso_err front_publisher(struct iso_bus *bus,
                                    const struct iso_publisher_options *options,
                                    struct iso_publisher **publisher,
                                    struct iso_why *why)
{
    return iso_publisher_open(front_of(bus)->behind, options, publisher, why);
}

static enum iso_err front_reader(struct iso_bus *bus,
                                 const struct iso_reader_options *options,
                                 struct iso_reader **reader, struct iso_why *why)
{
    return iso_reader_open(front_of(bus)->behind, options, reader, why);
}

static const struct iso_bus_port front_port = {
    .still = true,
    .brokers = front_brokers,
    .partitions = front_partitions,
    .topic_config = front_config,
    .ends = front_ends,
    .publisher_open = front_publisher,
    .reader_open = front_reader,
};

/* The daemon of region 0 starts anew with a front in the place of a cluster's bus,
 * which is cut off. */
static void start_behind(struct world *world, struct front *front, int cluster)
{
    struct world_region *region = &world->regions[0];
    *front = (struct front){{&front_port}, region->buses[cluster], 0};
    iso_shard_close(region->shards[0]);
    region->fronts[cluster] = &front->bus;
    iso_memory_cut(region->buses[cluster], true);
    world_region_start(region, 0);
}

/* The most questions of one step, over ten seconds; *sum of all. */
static int steps(struct world *world, struct front *front, int *sum)
{
    int most = 0;
    struct iso_why why = {0};
    *sum = 0;
    for (int i = 0; i < 100; i++) {
        front->asked = 0;
        iso_clock_manual_add(&world->clock, 100);
        ck_assert_int_eq(iso_shard_step(world->regions[0].shards[0], 0, &why), ISO_OK);
        most = front->asked > most ? front->asked : most;
        *sum += front->asked;
    }
    return most;
}

static const struct world_plan plan = {
    .seed = 1, .per_region = true, .two_clusters = true, .two_collections = true};

START_TEST(a_home_that_is_away_is_asked_once_for_all_who_wait_for_it)
{
    struct world world;
    struct front front;
    int sum;
    world_open(&world, &plan);
    ck_assert(world_settle(&world));
    start_behind(&world, &front, 0);
    world_announce_later(&world); /* its DEFINEs stand in the other cluster's log */
    int most = steps(&world, &front, &sum);
    /* One about its logs, one about the control topic. */
    ck_assert_msg(most <= 2 && sum <= 6, "%d in one step, %d in all", most, sum);
    iso_memory_cut(world.regions[0].buses[0], false);
    ck_assert(world_settle(&world));
    world_close(&world);
}
END_TEST

START_TEST(a_cluster_that_is_away_is_asked_about_one_log_at_a_time)
{
    struct world world;
    struct front front;
    int sum;
    world_open(&world, &plan);
    ck_assert(world_settle(&world));
    start_behind(&world, &front, 1);
    int most = steps(&world, &front, &sum);
    ck_assert_msg(most == 1 && sum <= 3, "%d in one step, %d in all", most, sum);
    iso_memory_cut(world.regions[0].buses[1], false);
    ck_assert(world_settle(&world));
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("away");
    TCase *tcase = tcase_create("a cluster away");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_home_that_is_away_is_asked_once_for_all_who_wait_for_it);
    tcase_add_test(tcase, a_cluster_that_is_away_is_asked_about_one_log_at_a_time);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
