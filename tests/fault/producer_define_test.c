/* The making of a collection, cut off after every single call to the bus, then done
 * again: it goes on where it stopped, and nothing stands twice. */
#include "producer/define.h"

#include "tests/fault/producer_bus.h"
#include "tests/unit/producer_ground.h"

enum { TIMEOUT_MS = 20, CUTS_MAX = 500 };
#define WEEK_MS (INT64_C(7) * 24 * 3600 * 1000)

struct world {
    struct iso_clock_manual manual;
    struct iso_memory_cluster *cluster;
    struct iso_bus *inner, *other;
    struct fault_bus bus;
    struct iso_definition *definition;
    struct iso_chance chance;
    struct iso_why why;
};

static void world_init(struct world *world)
{
    *world = (struct world){0};
    iso_clock_manual_init(&world->manual, GROUND_NOW_MS);
    world->cluster = iso_memory_cluster_new(&world->manual.clock);
    world->inner = iso_bus_memory_open(world->cluster);
    world->other = iso_bus_memory_open(world->cluster);
    fault_bus_init(&world->bus, world->inner);
    world->definition = ground_definition(GROUND_PARTITIONS);
    iso_chance_seeded_init(&world->chance, 1);
}
static void world_release(struct world *world)
{
    iso_definition_free(world->definition);
    iso_bus_close(world->other);
    iso_bus_close(world->inner);
    iso_memory_cluster_free(world->cluster);
}

/* All that `isostasy region add` and `isostasy collection create` do. */
static enum iso_err world_create(struct world *world)
{
    struct iso_bus *bus = &world->bus.bus;
    struct iso_definition *definition = world->definition;
    struct iso_why *why = &world->why;
    struct iso_control *control = iso_control_new();
    unsigned given;
    enum iso_err err = iso_control_topics(bus, "iso.", true, 0, TIMEOUT_MS, why);
    if (err == ISO_OK)
        err =
            iso_control_add_region(&(struct iso_control_place){bus, "iso.", TIMEOUT_MS},
                                   "eu", GROUND_REGION, control, &given, why);
    if (err == ISO_OK)
        err = iso_control_add_definition(
            &(struct iso_control_place){bus, "iso.", TIMEOUT_MS}, definition, control,
            why);
    if (err == ISO_OK)
        err = iso_log_create(bus, definition, &definition->logs[0],
                             &(struct iso_topic_options){0, WEEK_MS, TIMEOUT_MS}, why);
    if (err == ISO_OK)
        err = iso_log_define(bus, definition, &definition->logs[0], &world->chance,
                             TIMEOUT_MS, why);
    iso_control_free(control);
    return err;
}

static int64_t world_end(struct world *world, const char *topic, int partition)
{
    struct iso_position position = {.topic = topic, .partition = partition};
    ck_ok(iso_bus_ends(world->other, &position, 1, 1000, &world->why));
    return position.end;
}

/* Everything stands once. */
static void world_check(struct world *world)
{
    ck_assert_int_eq(world_end(world, "iso.control", 0), 2);
    for (int p = 0; p < GROUND_PARTITIONS; p++)
        ck_assert_int_eq(world_end(world, "packages", p), 1);
}

/* All that `isostasy schema register` does besides asking. */
static enum iso_err world_follow(struct world *world, const struct iso_definition *next)
{
    struct iso_bus *bus = &world->bus.bus;
    const struct iso_control_place place = {bus, "iso.", TIMEOUT_MS};
    struct iso_control *control = iso_control_new();
    enum iso_err err = iso_control_add_definition(&place, next, control, &world->why);
    if (err == ISO_OK)
        err =
            iso_log_define_next(&(struct iso_define_ground){bus, &world->manual.clock,
                                                            &world->chance, TIMEOUT_MS},
                                next, &next->logs[0], &world->why);
    if (err == ISO_OK)
        err = iso_control_add_defined(&place, next, control, &world->why);
    iso_control_free(control);
    return err;
}

static struct iso_definition *world_next(struct world *world)
{
    struct iso_definition *next;
    ck_ok(iso_definition_decode(iso_buf_bytes(&world->definition->bytes), &next,
                                &world->why));
    next->number++;
    next->id[0]++;
    ck_ok(iso_definition_encode(next, &world->why));
    return next;
}

/* Where it is marked, the DEFINE stands in every partition. */
static void follow_check(struct world *world, bool done)
{
    const struct iso_control_place place = {world->other, "iso.", 1000};
    struct iso_control *control = iso_control_new();
    ck_ok(iso_control_read(&place, control, &world->why));
    bool marked = iso_control_definition_written(control, "packages")->number == 2;
    ck_assert(marked || !done);
    for (int p = 0; marked && p < GROUND_PARTITIONS; p++)
        ck_assert_int_ge(world_end(world, "packages", p), 2);
    if (done) /* region, two definitions, one mark */
        ck_assert_int_eq(world_end(world, "iso.control", 0), 4);
    iso_control_free(control);
}

START_TEST(a_definition_that_follows_is_marked_when_it_stands_everywhere_and_not_before)
{
    int cut = 0;
    enum iso_err err = ISO_UNAVAILABLE;
    for (; err != ISO_OK && cut < CUTS_MAX; cut++) {
        struct world world;
        world_init(&world);
        ck_ok(world_create(&world));
        struct iso_definition *next = world_next(&world);
        world.bus.send_polls = true;
        atomic_store(&world.bus.budget, cut);
        err = world_follow(&world, next);
        ck_assert_msg(err == ISO_OK || iso_err_kind(err) == ISO_RETRY, "cut %d: %s",
                      cut, world.why.text);
        atomic_store(&world.bus.budget, -1);
        iso_memory_cut(world.inner, false);
        follow_check(&world, err == ISO_OK);
        enum iso_err again = world_follow(&world, next);
        ck_assert_msg(again == ISO_OK, "cut %d: %s", cut, world.why.text);
        follow_check(&world, true);
        iso_definition_free(next);
        world_release(&world);
    }
    ck_assert_int_eq(err, ISO_OK); /* at last there was nothing left to cut */
    ck_assert_int_gt(cut, 10);
}
END_TEST

START_TEST(a_creation_that_is_cut_off_anywhere_goes_on_when_done_again)
{
    int cut = 0;
    enum iso_err err = ISO_UNAVAILABLE;
    for (; err != ISO_OK && cut < CUTS_MAX; cut++) {
        struct world world;
        world_init(&world);
        world.bus.send_polls = true; /* so that it can be cut between two partitions */
        atomic_store(&world.bus.budget, cut);
        err = world_create(&world);
        ck_assert_msg(err == ISO_OK || iso_err_kind(err) == ISO_RETRY, "cut %d: %s",
                      cut, world.why.text);
        atomic_store(&world.bus.budget, -1);
        iso_memory_cut(world.inner, false);
        enum iso_err again = world_create(&world);
        ck_assert_msg(again == ISO_OK, "cut %d: %s", cut, world.why.text);
        world_check(&world);
        world_release(&world);
    }
    ck_assert_int_eq(err, ISO_OK); /* at last there was nothing left to cut */
    ck_assert_int_gt(cut, 20);
}
END_TEST

START_TEST(a_creation_whose_answers_are_lost_finds_what_it_did)
{
    for (int lost = 1; lost <= 2 + GROUND_PARTITIONS; lost++) {
        struct world world;
        world_init(&world);
        iso_memory_lose_answers(world.inner, 1);
        enum iso_err err = ISO_UNKNOWN;
        for (int turn = 0; turn < lost && err != ISO_OK; turn++) {
            err = world_create(&world);
            ck_assert_msg(err == ISO_UNKNOWN || turn > 0, "%s", world.why.text);
            if (err != ISO_OK && turn + 1 < lost)
                iso_memory_lose_answers(world.inner, 1);
        }
        iso_memory_lose_answers(world.inner, 0);
        ck_ok(world_create(&world));
        world_check(&world);
        world_release(&world);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer define faults");
    TCase *tests = tcase_create("memory");
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_creation_that_is_cut_off_anywhere_goes_on_when_done_again);
    tcase_add_test(
        tests,
        a_definition_that_follows_is_marked_when_it_stands_everywhere_and_not_before);
    tcase_add_test(tests, a_creation_whose_answers_are_lost_finds_what_it_did);
    return ground_main(suite);
}
