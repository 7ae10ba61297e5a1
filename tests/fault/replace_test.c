/* The replacing of a log, cut off after every single call to the bus, then done again:
 * it goes on where it stopped, and ends in the same. */
#include "producer/define.h"

#include "tests/fault/producer_bus.h"
#include "tests/unit/producer_ground.h"

enum { TIMEOUT_MS = 20, CUTS_MAX = 1000, NEXT = GROUND_LOG + 2 };
#define WEEK_MS (INT64_C(7) * 24 * 3600 * 1000)
#define NEXT_TOPIC "packages.9"

/* Two logs, so that the definition must go into one that stays open. */
struct world {
    struct iso_clock_manual manual;
    struct iso_memory_cluster *cluster;
    struct iso_bus *inner, *other;
    struct fault_bus bus;
    struct iso_definition *definition;
    struct iso_control *control;
    struct iso_chance chance;
    struct iso_log_replacing replacing;
    int told;
    struct iso_why why;
};

static struct iso_definition *two_logs(void)
{
    struct iso_definition *definition = ground_definition(GROUND_PARTITIONS);
    definition->regions =
        iso_realloc(definition->regions, 2 * sizeof *definition->regions);
    definition->regions[1] = (struct iso_definition_region){.number = 4, .name = "us"};
    definition->region_count = 2;
    definition->logs = iso_realloc(definition->logs, 2 * sizeof *definition->logs);
    definition->logs[1] =
        (struct iso_definition_log){.number = GROUND_LOG + 1,
                                    .cluster = iso_strdup("home"),
                                    .topic = iso_strdup("packages.us"),
                                    .writers = UINT64_C(1) << 3,
                                    .birth = definition->logs[0].birth};
    definition->log_count = 2;
    ck_ok(iso_definition_encode(definition, NULL));
    return definition;
}

static enum iso_err ask(void *user, const char *cluster, struct iso_bus **bus,
                        struct iso_topic_options *options, struct iso_why *why)
{
    struct world *world = user;
    (void)why;
    ck_assert_str_eq(cluster, "home");
    *bus = &world->bus.bus;
    *options = (struct iso_topic_options){0, WEEK_MS, TIMEOUT_MS};
    return ISO_OK;
}
static void told(void *user, const char *sentence)
{
    struct world *world = user;
    ck_assert_uint_gt(strlen(sentence), 0);
    world->told++;
}

static void world_init(struct world *world)
{
    *world = (struct world){0};
    iso_clock_manual_init(&world->manual, GROUND_NOW_MS);
    world->cluster = iso_memory_cluster_new(&world->manual.clock);
    world->inner = iso_bus_memory_open(world->cluster);
    world->other = iso_bus_memory_open(world->cluster);
    fault_bus_init(&world->bus, world->inner);
    world->definition = two_logs();
    world->control = iso_control_new();
    iso_chance_seeded_init(&world->chance, 1);
    world->replacing =
        (struct iso_log_replacing){.place = {&world->bus.bus, "iso.", TIMEOUT_MS},
                                   .control = world->control,
                                   .collection = "packages",
                                   .log = GROUND_LOG,
                                   .clock = &world->manual.clock,
                                   .chance = &world->chance,
                                   .ask = ask,
                                   .told = told,
                                   .user = world};
    struct iso_control_place place = {world->other, "iso.", TIMEOUT_MS};
    ck_ok(iso_control_topics(world->other, "iso.", true, 0, TIMEOUT_MS, &world->why));
    ck_ok(iso_control_add_definition(&place, world->definition, world->control,
                                     &world->why));
    for (int i = 0; i < 2; i++) {
        const struct iso_definition_log *log = &world->definition->logs[i];
        ck_ok(iso_log_create(world->other, world->definition, log,
                             &(struct iso_topic_options){0, WEEK_MS, TIMEOUT_MS},
                             &world->why));
        ck_ok(iso_log_define(world->other, world->definition, log, &world->chance,
                             TIMEOUT_MS, &world->why));
    }
}
static void world_release(struct world *world)
{
    iso_control_free(world->control);
    iso_definition_free(world->definition);
    iso_bus_close(world->other);
    iso_bus_close(world->inner);
    iso_memory_cluster_free(world->cluster);
}

/* Every record of a partition is a DEFINE; says of which definitions, one digit each.
 */
struct defines {
    char numbers[64];
    size_t count;
};
static enum iso_err define_each(void *user, const struct iso_record *record,
                                struct iso_why *why)
{
    struct defines *defines = user;
    struct iso_definition *definition;
    ck_ok(iso_definition_decode(record->value, &definition, why));
    ck_assert_uint_lt(defines->count, sizeof defines->numbers - 1);
    defines->numbers[defines->count++] = (char)('0' + definition->number);
    iso_definition_free(definition);
    return ISO_OK;
}
static struct defines defines_of(struct world *world, const char *topic, int partition)
{
    struct defines defines = {.count = 0};
    ck_ok(iso_bus_read(world->other,
                       &(struct iso_walk){.topic = topic,
                                          .partition = partition,
                                          .timeout_ms = TIMEOUT_MS,
                                          .each = define_each,
                                          .user = &defines},
                       NULL, &world->why));
    return defines;
}

/* The log takes nothing, and ends where it is; its successor begins with the definition
 * that says so, once; the other log has it too; writers may use it. */
static void world_check(struct world *world)
{
    struct iso_control *control = iso_control_new();
    struct iso_control_place place = {world->other, "iso.", TIMEOUT_MS};
    ck_ok(iso_control_read(&place, control, &world->why));
    const struct iso_definition *now =
        iso_control_definition_written(control, "packages");
    ck_assert_uint_eq(now->number, 2);
    ck_assert_ptr_null(iso_control_definition(control, "packages", 3));
    const struct iso_definition_log *log = iso_definition_log(now, GROUND_LOG);
    const struct iso_definition_log *successor = iso_definition_log(now, NEXT);
    ck_assert_ptr_nonnull(log->ends);
    ck_assert_ptr_nonnull(successor);
    ck_assert_str_eq(successor->topic, NEXT_TOPIC);
    ck_assert_uint_eq(successor->writers, log->writers);
    ck_assert_uint_eq(successor->succeeds_count, 1);
    ck_assert_uint_eq(successor->succeeds[0], GROUND_LOG);
    ck_assert_uint_ge(successor->birth, log->birth);
    bool fenced = false;
    ck_ok(iso_log_fenced(world->other, log, TIMEOUT_MS, &fenced, &world->why));
    ck_assert(fenced);
    for (int p = 0; p < GROUND_PARTITIONS; p++) {
        struct defines was = defines_of(world, "packages", p);
        ck_assert_int_eq(log->ends[p], (int64_t)was.count);
        ck_assert_uint_eq(strspn(was.numbers, "1"), was.count);
        ck_assert_str_eq(defines_of(world, NEXT_TOPIC, p).numbers, "2");
        struct defines us = defines_of(world, "packages.us", p);
        ck_assert_int_eq(us.numbers[0], '1');
        ck_assert_uint_ge(strspn(us.numbers + 1, "2"), 1);
        ck_assert_uint_eq(strspn(us.numbers + 1, "2"), us.count - 1);
    }
    iso_control_free(control);
}

START_TEST(a_log_is_replaced_in_steps_that_are_told)
{
    struct world world;
    world_init(&world);
    ck_ok(iso_log_replace(&world.replacing, &world.why));
    ck_assert_int_eq(world.told, 6);
    ck_assert_uint_eq(world.replacing.definition->number, 2);
    ck_assert_uint_eq(world.replacing.successor->number, NEXT);
    world_check(&world);
    world.told = 0;
    ck_ok(iso_log_replace(&world.replacing, &world.why));
    ck_assert_int_eq(world.told, 0);
    world_check(&world);
    world_release(&world);
}
END_TEST

START_TEST(a_replacing_that_is_cut_off_anywhere_is_finished_by_the_same)
{
    int cuts = 0;
    enum iso_err err = ISO_UNAVAILABLE;
    for (; err != ISO_OK && cuts < CUTS_MAX; cuts++) {
        struct world world;
        world_init(&world);
        atomic_store(&world.bus.budget, cuts);
        err = iso_log_replace(&world.replacing, &world.why);
        atomic_store(&world.bus.budget, -1);
        iso_memory_cut(world.inner, false);
        if (err != ISO_OK)
            ck_assert_msg(iso_log_replace(&world.replacing, &world.why) == ISO_OK,
                          "cut after %d calls: %s", cuts, world.why.text);
        world_check(&world);
        world_release(&world);
    }
    ck_assert_int_eq(err, ISO_OK);
    ck_assert_int_gt(cuts, 30);
}
END_TEST

START_TEST(what_is_in_the_way_is_named_before_anything_is_closed)
{
    struct world world;
    world_init(&world);
    bool fenced = true;
    world.replacing.topic = "packages.us";
    ck_err(iso_log_replace(&world.replacing, &world.why), ISO_TOPIC_CONFIG);
    ck_assert_msg(strstr(world.why.text, "--topic") != NULL, "%s", world.why.text);
    world.replacing.log = 99;
    ck_err(iso_log_replace(&world.replacing, &world.why), ISO_NOT_FOUND);
    world.replacing.collection = "nothing";
    ck_err(iso_log_replace(&world.replacing, &world.why), ISO_NO_DEFINITION);
    ck_ok(iso_log_fenced(world.other, &world.definition->logs[0], TIMEOUT_MS, &fenced,
                         &world.why));
    ck_assert(!fenced);
    world_release(&world);
}
END_TEST

START_TEST(a_successor_is_replaced_in_its_turn)
{
    struct world world;
    world_init(&world);
    ck_ok(iso_log_replace(&world.replacing, &world.why));
    world.replacing.log = NEXT;
    ck_ok(iso_log_replace(&world.replacing, &world.why));
    ck_assert_uint_eq(world.replacing.successor->number, NEXT + 1);
    ck_assert_str_eq(world.replacing.successor->topic, "packages.10");
    ck_assert_uint_eq(world.replacing.definition->number, 3);
    for (int p = 0; p < GROUND_PARTITIONS; p++)
        ck_assert_str_eq(defines_of(&world, "packages.10", p).numbers, "3");
    world_release(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer: replacing a log");
    TCase *tests = tcase_create("replace");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_log_is_replaced_in_steps_that_are_told);
    tcase_add_test(tests, a_replacing_that_is_cut_off_anywhere_is_finished_by_the_same);
    tcase_add_test(tests, what_is_in_the_way_is_named_before_anything_is_closed);
    tcase_add_test(tests, a_successor_is_replaced_in_its_turn);
    suite_add_tcase(suite, tests);
    return ground_main(suite);
}
