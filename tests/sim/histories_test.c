/* A log that is not what was read of it (DESIGN.md, section 9), on the memory bus,
 * which gives no more sign of it than Kafka does: every region that passed the place
 * stops its slices by name, with the offset; what is of another collection goes on.
 *
 * The check is shown daemons that do not look, and some that do not hear what others
 * report: then it holds of none. */
#include <check.h>
#include <stdio.h>

#include "world.h"

#include "bus/port.h"
#include "schema/report.h"

enum { SLICES = WORLD_REGIONS * WORLD_PARTITIONS, NEVER_MS = 1000000000 };
static const char topic[] = "things.0";

static void turns(struct world *world, int64_t ms)
{
    for (int64_t gone = 0; gone < ms; gone += 50) {
        iso_clock_manual_add(&world->clock, 50);
        world_turn(world);
    }
}

static void writes(struct world *world, int count)
{
    for (int i = 0; i < count; i++) {
        world_write(world, &world->regions[world_dice(world, WORLD_REGIONS)]);
        world_turn(world);
    }
}

/* ---- what the log holds ---- */

/* Records of some client, as many as that, of which none was there before. */
static void others_write(struct world *world, uint32_t partition, int count)
{
    static int number;
    struct iso_why why = {0};
    for (int i = 0; i < count; i++) {
        char value[24];
        snprintf(value, sizeof value, "other %d", number++);
        struct iso_message message = {.topic = topic,
                                      .partition = (int)partition,
                                      .has_key = true,
                                      .has_value = true,
                                      .key = iso_bytes_text("k"),
                                      .value = iso_bytes_text(value)};
        WORLD_OK(iso_bus_publish(world->admins[0], &message, "iso", 1000, NULL, &why));
    }
}

static int64_t end_of(struct world *world, uint32_t partition)
{
    struct iso_why why = {0};
    struct iso_position position = {.topic = topic, .partition = (int)partition};
    WORLD_OK(iso_bus_ends(world->admins[0], &position, 1, 1000, &why));
    return position.end;
}

/* Deleted and made again, and filled beyond where it was, before anybody looks. */
static void made_anew(struct world *world)
{
    int64_t ends[WORLD_PARTITIONS];
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
        ends[p] = end_of(world, p);
    iso_memory_recreate(world->clusters[0], topic);
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
        others_write(world, p, (int)ends[p] + 7);
}

/* The last `lost` records go, `written` others come, before anybody looks. */
static void tail_replaced(struct world *world, int64_t lost, int written)
{
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++) {
        iso_memory_truncate(world->clusters[0], topic, (int)p, end_of(world, p) - lost);
        others_write(world, p, written);
    }
}

/* ---- what the daemons say ---- */

struct said {
    const struct world *world;
    const char *collection;
    struct iso_report newest[WORLD_REGIONS][WORLD_PARTITIONS];
};

static enum iso_err said_each(void *user, const struct iso_record *record,
                              struct iso_why *why)
{
    struct said *said = user;
    struct iso_report report = {0};
    ck_assert_int_eq(iso_report_decode(record->value, &report, why), ISO_OK);
    for (int r = 0; r < WORLD_REGIONS; r++) {
        if (strcmp(report.region, said->world->regions[r].name) != 0 ||
            strcmp(report.collection, said->collection) != 0)
            continue;
        struct iso_report *newest = &said->newest[r][report.slice.partition];
        iso_report_release(newest);
        *newest = report;
        return ISO_OK;
    }
    iso_report_release(&report);
    return ISO_OK;
}

/* How many slices say that they stopped because their log differs from some offset on
 * that is not behind `least`; others apply. */
static int stopped(struct world *world, const char *collection, int64_t least)
{
    struct iso_why why = {0};
    struct said said = {.world = world, .collection = collection};
    struct iso_walk walk = {
        .topic = "iso.status", .timeout_ms = 1000, .each = said_each, .user = &said};
    int count = 0;
    WORLD_OK(iso_bus_read(world->admins[0], &walk, NULL, &why));
    for (int i = 0; i < SLICES; i++) {
        struct iso_report *report =
            &said.newest[i / WORLD_PARTITIONS][i % WORLD_PARTITIONS];
        if (report->state == ISO_SLICE_STOPPED) {
            count++;
            ck_assert_msg(strstr(report->why, "is not what was read of it") != NULL,
                          "%s", report->why);
            if (report->diverged.log != 0)
                ck_assert_int_ge(report->diverged.differs, least);
        } else {
            ck_assert_int_eq(report->state, ISO_SLICE_APPLYING);
        }
        iso_report_release(report);
    }
    return count;
}

static void cut(struct world *world, int region, bool is_cut)
{
    iso_memory_cut(world->regions[region].buses[0], is_cut);
}

static void open_with(struct world *world, int64_t verify_ms)
{
    struct world_plan plan = {
        .seed = 5, .two_collections = true, .verify_ms = verify_ms};
    world_open(world, &plan);
    world_announce(world, 1);
    writes(world, 60);
    turns(world, 3000);
    ck_assert_int_eq(stopped(world, "things", 0), 0);
}

/* ---- a topic that was made anew ---- */

START_TEST(a_topic_that_was_made_anew_under_all_of_them_stops_every_region)
{
    struct world world;
    open_with(&world, 0);
    made_anew(&world);
    turns(&world, 6000);
    ck_assert_int_eq(stopped(&world, "things", 0), SLICES);
    writes(&world, 40);
    turns(&world, 3000);
    ck_assert_int_eq(stopped(&world, "others", 0), 0);
    world_close(&world);
}
END_TEST

static void daemons_stop(struct world *world)
{
    for (int r = 0; r < WORLD_REGIONS; r++) {
        iso_shard_close(world->regions[r].shards[0]);
        world->regions[r].shards[0] = NULL;
    }
}

static void daemons_start(struct world *world)
{
    for (int r = 0; r < WORLD_REGIONS; r++)
        world_region_start(&world->regions[r], 0);
}

/* The newest record that they have read is of the new log by then: it would be found
 * there. */
START_TEST(who_has_stopped_stays_so_however_often_it_is_started)
{
    struct world world;
    struct iso_shard_stats stats;
    open_with(&world, 0);
    made_anew(&world);
    turns(&world, 12000);
    ck_assert_int_eq(stopped(&world, "things", 0), SLICES);
    daemons_stop(&world);
    daemons_start(&world);
    turns(&world, 3000);
    ck_assert_int_eq(stopped(&world, "things", 0), SLICES);
    for (int r = 0; r < WORLD_REGIONS; r++) {
        iso_shard_stats(world.regions[r].shards[0], &stats);
        ck_assert_uint_eq(stats.set_aside, 0); /* of what is there, all would be */
    }
    world_close(&world);
}
END_TEST

START_TEST(one_that_was_made_anew_while_daemons_were_down_is_found_before_it_is_read)
{
    struct world world;
    struct iso_shard_stats after;
    open_with(&world, NEVER_MS);
    daemons_stop(&world);
    made_anew(&world);
    daemons_start(&world);
    turns(&world, 3000);
    ck_assert_int_eq(stopped(&world, "things", 0), SLICES);
    for (int r = 0; r < WORLD_REGIONS; r++) {
        iso_shard_stats(world.regions[r].shards[0], &after);
        ck_assert_uint_eq(after.set_aside, 0); /* of what is there, all would be */
    }
    world_close(&world);
}
END_TEST

START_TEST(daemons_that_do_not_look_again_go_on_in_a_topic_that_was_made_anew)
{
    struct world world;
    open_with(&world, NEVER_MS);
    made_anew(&world);
    turns(&world, 6000);
    ck_assert_int_eq(stopped(&world, "things", 0), 0);
    world_close(&world);
}
END_TEST

/* ---- a tail that was lost ---- */

START_TEST(a_tail_that_was_replaced_stops_who_had_read_it_at_once)
{
    struct world world;
    open_with(&world, NEVER_MS);
    int64_t end =
        end_of(&world, 0) < end_of(&world, 1) ? end_of(&world, 0) : end_of(&world, 1);
    tail_replaced(&world, 3, 5);
    world_turn(&world);
    turns(&world, 3000);
    ck_assert_int_eq(stopped(&world, "things", end - 3), SLICES);
    world_close(&world);
}
END_TEST

START_TEST(who_reads_the_new_tail_stops_because_another_region_has_read_the_old_one)
{
    struct world world;
    open_with(&world, NEVER_MS);
    cut(&world, 2, true);
    writes(&world, 40);
    turns(&world, 1000);
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
        others_write(&world, p, 3);
    turns(&world, 1000);
    tail_replaced(&world, 2, 5);
    turns(&world, 3000);
    ck_assert_int_eq(stopped(&world, "things", 0), SLICES - WORLD_PARTITIONS);
    cut(&world, 2, false);
    turns(&world, 6000);
    ck_assert_int_eq(stopped(&world, "things", 0), SLICES);
    world_close(&world);
}
END_TEST

/* ---- two histories ---- */

/* One region reads more of a log than the others before it is made anew; nobody looks
 * at the log again. */
static void read_apart(struct world *world)
{
    cut(world, 0, true);
    cut(world, 1, true);
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
        others_write(world, p, 9);
    turns(world, 2000);
    made_anew(world);
    cut(world, 0, false);
    cut(world, 1, false);
}

START_TEST(regions_that_read_other_histories_of_one_log_all_stop)
{
    struct world world;
    open_with(&world, NEVER_MS);
    read_apart(&world);
    turns(&world, 6000);
    ck_assert_int_eq(stopped(&world, "things", 0), SLICES);
    ck_assert_int_eq(stopped(&world, "others", 0), 0);
    world_close(&world);
}
END_TEST

/* ---- who does not hear what others report ---- */

/* A bus that knows no end of the status topic, in front of one of the memory cluster.
 */
struct deaf {
    struct iso_bus bus;
    struct iso_bus *behind;
};

static struct iso_bus *behind(struct iso_bus *bus)
{
    return ((struct deaf *)bus)->behind; /* its first member */
}

static enum iso_err deaf_ends(struct iso_bus *bus, struct iso_position *positions,
                              size_t count, int timeout_ms, struct iso_why *why)
{
    if (strcmp(positions[0].topic, "iso.status") == 0)
        return iso_fail(why, ISO_UNAVAILABLE, "it is deaf");
    return iso_bus_ends(behind(bus), positions, count, timeout_ms, why);
}

static enum iso_err deaf_partitions(struct iso_bus *bus, const char *name,
                                    int timeout_ms, int *partitions,
                                    struct iso_why *why)
{
    return iso_bus_partitions(behind(bus), name, timeout_ms, partitions, why);
}

static enum iso_err deaf_config(struct iso_bus *bus, const char *name, int timeout_ms,
                                void (*each)(void *user, const char *setting,
                                             const char *value),
                                void *user, struct iso_why *why)
{
    return iso_bus_topic_config(behind(bus), name, timeout_ms, each, user, why);
}

static enum iso_err deaf_brokers(struct iso_bus *bus, int timeout_ms, int *brokers,
                                 struct iso_why *why)
{
    return iso_bus_brokers(behind(bus), timeout_ms, brokers, why);
}

static enum iso_err deaf_publisher(struct iso_bus *bus,
                                   const struct iso_publisher_options *options,
                                   struct iso_publisher **publisher,
                                   struct iso_why *why)
{
    return iso_publisher_open(behind(bus), options, publisher, why);
}

static enum iso_err deaf_reader(struct iso_bus *bus,
                                const struct iso_reader_options *options,
                                struct iso_reader **reader, struct iso_why *why)
{
    return iso_reader_open(behind(bus), options, reader, why);
}

static const struct iso_bus_port deaf_port = {
    .still = true,
    .brokers = deaf_brokers,
    .partitions = deaf_partitions,
    .topic_config = deaf_config,
    .ends = deaf_ends,
    .publisher_open = deaf_publisher,
    .reader_open = deaf_reader,
};

START_TEST(regions_that_do_not_hear_of_each_other_go_on_in_two_histories)
{
    struct world world;
    struct deaf deaf[WORLD_REGIONS];
    open_with(&world, NEVER_MS);
    daemons_stop(&world);
    for (int r = 0; r < WORLD_REGIONS; r++) {
        deaf[r] = (struct deaf){{&deaf_port}, world.regions[r].buses[0]};
        world.regions[r].fronts[0] = &deaf[r].bus;
    }
    daemons_start(&world);
    turns(&world, 2000);
    read_apart(&world);
    turns(&world, 6000);
    ck_assert_int_eq(stopped(&world, "things", 0), 0);
    world_close(&world);
}
END_TEST

/* The marks alone would do, if what is newest never met. */
START_TEST(they_stop_at_a_mark_when_one_is_far_ahead_of_the_other)
{
    struct world world;
    open_with(&world, NEVER_MS);
    read_apart(&world);
    cut(&world, 2, true);
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
        others_write(&world, p, 4200);
    turns(&world, 6000); /* two regions have read one history … */
    ck_assert_int_eq(stopped(&world, "things", 0), 0);
    cut(&world, 2, false); /* … and the third comes to its mark */
    turns(&world, 6000);
    ck_assert_int_eq(stopped(&world, "things", 0), SLICES);
    world_close(&world);
}
END_TEST

/* ---- nothing of it may stop what is well ---- */

START_TEST(retention_that_took_the_newest_record_of_a_log_stops_nobody)
{
    struct world world;
    open_with(&world, 0);
    daemons_stop(&world);
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
        iso_memory_trim(world.clusters[0], topic, (int)p, end_of(&world, p));
    daemons_start(&world);
    turns(&world, 10000);
    writes(&world, 40);
    turns(&world, 10000);
    ck_assert_int_eq(stopped(&world, "things", 0), 0);
    world_close(&world);
}
END_TEST

START_TEST(a_region_with_a_new_store_reads_what_the_others_have_read)
{
    struct world world;
    open_with(&world, 0);
    writes(&world, 100);
    turns(&world, 3000);
    struct world_region *region = &world.regions[1];
    iso_shard_close(region->shards[0]);
    iso_store_close(region->stores[0]);
    region->stores[0] = iso_store_memory_new();
    world_region_start(region, 0);
    turns(&world, 10000);
    ck_assert_int_eq(stopped(&world, "things", 0), 0);
    ck_assert(world_settle(&world));
    struct iso_buf outcome = {0};
    world_check(&world, &outcome);
    iso_buf_release(&outcome);
    world_close(&world);
}
END_TEST

START_TEST(brokers_that_come_and_go_stop_nobody)
{
    struct world world;
    open_with(&world, 0);
    for (int i = 0; i < 50; i++) {
        writes(&world, 3);
        /* No record is lost: a leader went, and another had all of it. */
        for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
            iso_memory_truncate(world.clusters[0], topic, (int)p, end_of(&world, p));
        turns(&world, 300);
    }
    ck_assert_int_eq(stopped(&world, "things", 0), 0);
    ck_assert(world_settle(&world));
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histories");
    TCase *tcase = tcase_create("histories");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase,
                   a_topic_that_was_made_anew_under_all_of_them_stops_every_region);
    tcase_add_test(tcase, who_has_stopped_stays_so_however_often_it_is_started);
    tcase_add_test(
        tcase,
        one_that_was_made_anew_while_daemons_were_down_is_found_before_it_is_read);
    tcase_add_test(tcase,
                   daemons_that_do_not_look_again_go_on_in_a_topic_that_was_made_anew);
    tcase_add_test(tcase, a_tail_that_was_replaced_stops_who_had_read_it_at_once);
    tcase_add_test(
        tcase,
        who_reads_the_new_tail_stops_because_another_region_has_read_the_old_one);
    tcase_add_test(tcase, regions_that_read_other_histories_of_one_log_all_stop);
    tcase_add_test(tcase,
                   regions_that_do_not_hear_of_each_other_go_on_in_two_histories);
    tcase_add_test(tcase, they_stop_at_a_mark_when_one_is_far_ahead_of_the_other);
    tcase_add_test(tcase, retention_that_took_the_newest_record_of_a_log_stops_nobody);
    tcase_add_test(tcase, a_region_with_a_new_store_reads_what_the_others_have_read);
    tcase_add_test(tcase, brokers_that_come_and_go_stop_nobody);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
