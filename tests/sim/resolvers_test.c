/* Three regions converge with records of fields and with siblings: whole records,
 * patches and deletes, with the contexts of reads, of sessions, and without. */
#include "world_run.h"

#include "base/mem.h"

static const struct world_plan fields = {.resolver = "fields", .fields = true};
static const struct world_plan siblings = {.resolver = "siblings"};

static struct world_plan with_all(struct world_plan plan)
{
    plan.full_disks = plan.bad_disks = plan.hostile = true;
    plan.skewed = plan.fences = plan.pruned = true;
    return plan;
}

START_TEST(regions_hold_the_same_fields)
{
    struct world_counts sum = world_run_all(fields);
    ck_assert(world_one_seed() ||
              (sum.patches > 100 && sum.contexts > 100 && sum.large > 100));
}
END_TEST

START_TEST(regions_hold_the_same_fields_through_all_of_it)
{
    struct world_counts sum = world_run_all(with_all(fields));
    ck_assert(world_one_seed() || (sum.hostile > 100 && sum.dropped > 10));
}
END_TEST

START_TEST(regions_hold_the_same_siblings)
{
    struct world_counts sum = world_run_all(siblings);
    ck_assert(world_one_seed() || (sum.contexts > 100 && sum.large > 100));
}
END_TEST

START_TEST(regions_hold_the_same_siblings_through_all_of_it)
{
    struct world_plan plan = with_all(siblings);
    plan.resolver = "plugin:cart";
    world_run_all(plan);
}
END_TEST

START_TEST(regions_hold_the_same_whatever_their_bounds_drop)
{
    struct world_counts sum =
        world_run_all((struct world_plan){.pruned = true, .full_disks = true});
    ck_assert(world_one_seed() || sum.dropped > 10);
}
END_TEST

/* ---- counters ---- */

/* The sum of `visits` over all records of a region, by its newest schema: the third
 * number of a datum is not easily found, so a reader's schema asks for it alone. */
static int64_t visits_of(struct world_region *region)
{
    static const char reader[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"visits\","
        "\"type\":\"long\"}]}";
    struct world *world = region->world;
    struct iso_why why = {0};
    struct iso_replica *replica;
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    enum iso_err err;
    int64_t sum = 0;
    WORLD_OK(iso_replica_open_on(region->stores, world_shards(world),
                                 &world->clock.clock, &replica, &why));
    WORLD_OK(iso_replica_read_as(replica, "things", reader, &why));
    WORLD_OK(iso_replica_scan_open(replica, "things", &scan, &why));
    while ((err = iso_replica_scan_next(scan, &item, &why)) == ISO_OK) {
        struct iso_avro_cursor cursor = iso_avro_read(item.value);
        sum += iso_avro_long(&cursor);
        ck_assert(iso_avro_done(&cursor));
    }
    ck_assert_int_eq(err, ISO_END);
    iso_replica_scan_close(scan);
    iso_replica_close(replica);
    return sum;
}

START_TEST(every_increment_counts_once_in_every_region)
{
    struct world_plan plan = fields;
    struct world world;
    plan.counts_only = plan.full_disks = plan.bad_disks = plan.fences = true;
    plan.seed = (uint64_t)_i;
    plan.per_region = _i % 2 == 0;
    plan.two_shards = _i % 4 >= 2;
    world_open(&world, &plan);
    for (int n = 0; n < WORLD_STEPS; n++)
        world_step(&world);
    ck_assert(world_settle(&world));
    ck_assert_uint_eq(world.counts.durable, world.counts.writes);
    ck_assert_uint_gt(world.counts.writes, 100);
    for (int n = 0; n < WORLD_REGIONS; n++)
        ck_assert_msg(visits_of(&world.regions[n]) == world.visits, "seed %d: %s", _i,
                      world.regions[n].name);
    world_close(&world);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_world_of_fields)
{
    struct iso_buf first = {0}, second = {0};
    struct world_counts counts;
    struct world_plan plan = with_all(fields);
    plan.seed = 1001;
    world_run(&plan, &first, &counts);
    world_run(&plan, &second, &counts);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&first), iso_buf_bytes(&second)));
    ck_assert(first.size > 0);
    iso_buf_release(&first);
    iso_buf_release(&second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resolvers");
    TCase *tcase = tcase_create("world");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, regions_hold_the_same_fields);
    tcase_add_test(tcase, regions_hold_the_same_fields_through_all_of_it);
    tcase_add_test(tcase, regions_hold_the_same_siblings);
    tcase_add_test(tcase, regions_hold_the_same_siblings_through_all_of_it);
    tcase_add_test(tcase, regions_hold_the_same_whatever_their_bounds_drop);
    tcase_add_loop_test(tcase, every_increment_counts_once_in_every_region, 1, 9);
    tcase_add_test(tcase, the_same_seed_gives_the_same_world_of_fields);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
