/* What an operator announces can park what it is about, and nothing else. */
#include <check.h>
#include <stdio.h>

#include "world.h"

#include "schema/report.h"

static struct world_plan plan = {.seed = 1};

static void definition_of_tomorrow(struct world *world)
{
    struct iso_why why = {0};
    struct iso_definition *definition;
    ck_assert_int_eq(iso_definition_decode(iso_buf_bytes(&world->definitions[0]->bytes),
                                           &definition, &why),
                     ISO_OK);
    snprintf(definition->collection, sizeof definition->collection, "tomorrow");
    snprintf(definition->resolver, sizeof definition->resolver, "tomorrow");
    definition->id[0] = 55;
    ck_assert_int_eq(iso_definition_encode(definition, &why), ISO_OK);
    struct iso_control_place place = {world->admins[0], "iso.", 1000};
    ck_assert_int_eq(
        iso_control_add_definition(&place, definition, world->control, &why), ISO_OK);
    iso_definition_free(definition);
}

/* How many slices of a collection each state was reported of, by their newest reports
 * of one region. */
struct states {
    const char *collection;
    enum iso_slice_state newest[WORLD_PARTITIONS];
    bool told[WORLD_PARTITIONS];
};

static enum iso_err states_each(void *user, const struct iso_record *record,
                                struct iso_why *why)
{
    struct states *states = user;
    struct iso_report report = {0};
    ck_assert_int_eq(iso_report_decode(record->value, &report, why), ISO_OK);
    if (strcmp(report.region, "eu") == 0 &&
        strcmp(report.collection, states->collection) == 0) {
        states->newest[report.slice.partition] = report.state;
        states->told[report.slice.partition] = true;
    }
    iso_report_release(&report);
    return ISO_OK;
}

static void states_are(struct world *world, const char *collection,
                       enum iso_slice_state state)
{
    struct states states = {.collection = collection};
    struct iso_why why = {0};
    struct iso_walk walk = {.topic = "iso.status",
                            .timeout_ms = 1000,
                            .each = states_each,
                            .user = &states};
    ck_assert_int_eq(iso_bus_read(world->admins[0], &walk, NULL, &why), ISO_OK);
    for (int p = 0; p < WORLD_PARTITIONS; p++)
        ck_assert(states.told[p] && states.newest[p] == state);
}

static void steps(struct world *world, int count)
{
    struct iso_why why = {0};
    for (int i = 0; i < count; i++) {
        iso_clock_manual_add(&world->clock, 100);
        ck_assert_msg(iso_shard_step(world->regions[0].shards[0], 0, &why) == ISO_OK,
                      "%s", why.text);
    }
}

START_TEST(a_collection_that_this_software_is_too_old_for_parks_its_slices_alone)
{
    struct world world;
    struct iso_shard_stats stats;
    world_open(&world, &plan);
    ck_assert(world_settle(&world));
    definition_of_tomorrow(&world);
    steps(&world, 50);
    iso_shard_stats(world.regions[0].shards[0], &stats);
    ck_assert_uint_eq(stats.slices, 2 * WORLD_PARTITIONS);
    ck_assert_uint_eq(stats.slices_applying, WORLD_PARTITIONS);
    states_are(&world, "things", ISO_SLICE_APPLYING);
    states_are(&world, "tomorrow", ISO_SLICE_PARKED);
    iso_shard_close(world.regions[0].shards[0]);
    world_region_start(&world.regions[0], 0); /* and so it is after a start */
    world.regions[0].faulty[0].writes_fail = 1;
    steps(&world, 50);
    states_are(&world, "things", ISO_SLICE_APPLYING);
    states_are(&world, "tomorrow", ISO_SLICE_PARKED);
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parked");
    TCase *tcase = tcase_create("parked");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(
        tcase, a_collection_that_this_software_is_too_old_for_parks_its_slices_alone);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
