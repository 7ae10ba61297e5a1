/* Claims in the control topic, on the memory bus: the first counts, and everybody
 * learns it. */
#include "producer/define.h"

#include <pthread.h>

#include "tests/unit/producer_ground.h"

static struct iso_clock_manual manual;
static struct iso_memory_cluster *cluster;
static struct iso_bus *bus;
static struct iso_control *control;
static struct iso_why why;
static unsigned given;

enum { TIMEOUT_MS = 1000, ADDERS = 8, REGIONS_EACH = 8 };

static void setup(void)
{
    iso_clock_manual_init(&manual, GROUND_NOW_MS);
    cluster = iso_memory_cluster_new(&manual.clock);
    bus = iso_bus_memory_open(cluster);
    control = iso_control_new();
    ck_ok(iso_control_topics(bus, "iso.", true, 0, TIMEOUT_MS, &why));
}
static void teardown(void)
{
    iso_control_free(control);
    iso_bus_close(bus);
    iso_memory_cluster_free(cluster);
}

static enum iso_err add(const char *name, unsigned number)
{
    given = 0;
    return iso_control_add_region(&(struct iso_control_place){bus, "iso.", TIMEOUT_MS},
                                  name, number, control, &given, &why);
}

static int64_t records(void)
{
    struct iso_position position = {.topic = "iso.control"};
    ck_ok(iso_bus_ends(bus, &position, 1, TIMEOUT_MS, &why));
    return position.end;
}

START_TEST(a_cluster_without_a_control_topic_says_so)
{
    ck_err(iso_control_read(&(struct iso_control_place){bus, "other.", TIMEOUT_MS},
                            control, &why),
           ISO_NOT_FOUND);
}
END_TEST

START_TEST(a_region_gets_the_lowest_free_number_or_the_one_it_asks_for)
{
    ck_ok(add("us", 2));
    ck_assert_uint_eq(given, 2);
    ck_ok(add("eu", 0));
    ck_assert_uint_eq(given, 1);
    ck_ok(add("ap", 0));
    ck_assert_uint_eq(given, 3);
    ck_assert_str_eq(iso_control_region_name(control, 3), "ap");
}
END_TEST

START_TEST(the_same_claim_again_is_no_new_record)
{
    ck_ok(add("eu", 5));
    ck_ok(add("eu", 5));
    ck_ok(add("eu", 0));
    ck_assert_uint_eq(given, 5);
    ck_assert_int_eq(records(), 1);
}
END_TEST

START_TEST(a_name_keeps_its_number_and_a_number_its_name)
{
    ck_ok(add("eu", 5));
    ck_err(add("eu", 6), ISO_EXISTS);
    ck_assert_ptr_nonnull(strstr(why.text, "has the number 5"));
    ck_err(add("us", 5), ISO_EXISTS);
    ck_assert_ptr_nonnull(strstr(why.text, "region eu's"));
    ck_err(add("EU", 0), ISO_USAGE);
    ck_err(add("us", 65), ISO_USAGE);
    ck_assert_int_eq(records(), 1);
}
END_TEST

START_TEST(the_sixty_fifth_region_has_no_number)
{
    char name[16];
    for (int i = 1; i <= ISO_REGION_MAX; i++) {
        snprintf(name, sizeof name, "r%d", i);
        ck_ok(add(name, 0));
        ck_assert_uint_eq(given, (unsigned)i);
    }
    ck_err(add("one-more", 0), ISO_EXISTS);
}
END_TEST

/* Adders on threads, each with a bus and a view of its own. */
struct adder {
    pthread_t thread;
    int index;
    unsigned number; /* asked for by all; 0: any */
    int won, lost;
    unsigned numbers[REGIONS_EACH];
};

static void *adder_run(void *user)
{
    struct adder *adder = user;
    struct iso_bus *own = iso_bus_memory_open(cluster);
    struct iso_control *view = iso_control_new();
    for (int i = 0; i < REGIONS_EACH; i++) {
        char name[32];
        snprintf(name, sizeof name, "r-%d-%d", adder->index, i);
        unsigned number = 0;
        enum iso_err err =
            iso_control_add_region(&(struct iso_control_place){own, "iso.", TIMEOUT_MS},
                                   name, adder->number, view, &number, NULL);
        if (err == ISO_OK)
            adder->numbers[adder->won++] = number;
        else if (err == ISO_EXISTS)
            adder->lost++;
    }
    iso_control_free(view);
    iso_bus_close(own);
    return NULL;
}

static void adders_run(struct adder *adders, unsigned number)
{
    for (int i = 0; i < ADDERS; i++) {
        adders[i] = (struct adder){.index = i, .number = number};
        ck_assert_int_eq(pthread_create(&adders[i].thread, NULL, adder_run, &adders[i]),
                         0);
    }
    for (int i = 0; i < ADDERS; i++)
        ck_assert_int_eq(pthread_join(adders[i].thread, NULL), 0);
}

START_TEST(adders_that_race_for_any_number_all_get_one_of_their_own)
{
    struct adder adders[ADDERS];
    bool taken[ISO_REGION_MAX + 1] = {0};
    adders_run(adders, 0);
    ck_ok(iso_control_read(&(struct iso_control_place){bus, "iso.", TIMEOUT_MS},
                           control, &why));
    for (int i = 0; i < ADDERS; i++) {
        ck_assert_int_eq(adders[i].won, REGIONS_EACH);
        for (int r = 0; r < REGIONS_EACH; r++) {
            unsigned number = adders[i].numbers[r];
            char name[32];
            snprintf(name, sizeof name, "r-%d-%d", i, r);
            ck_assert(!taken[number]);
            taken[number] = true;
            ck_assert_str_eq(iso_control_region_name(control, number), name);
        }
    }
}
END_TEST

START_TEST(of_adders_that_race_for_one_number_the_first_wins)
{
    struct adder adders[ADDERS];
    int won = 0, lost = 0;
    adders_run(adders, 9);
    for (int i = 0; i < ADDERS; i++) {
        won += adders[i].won;
        lost += adders[i].lost;
    }
    ck_assert_int_eq(won, 1);
    ck_assert_int_eq(lost, ADDERS * REGIONS_EACH - 1);
}
END_TEST

START_TEST(a_definition_is_announced_once_and_never_changed)
{
    struct iso_definition *definition = ground_definition(GROUND_PARTITIONS);
    for (int i = 0; i < 2; i++)
        ck_ok(iso_control_add_definition(
            &(struct iso_control_place){bus, "iso.", TIMEOUT_MS}, definition, control,
            &why));
    ck_assert_int_eq(records(), 1);
    const struct iso_definition *held = iso_control_definition(control, "packages", 0);
    ck_assert_ptr_nonnull(held);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&held->bytes),
                              iso_buf_bytes(&definition->bytes)));
    iso_definition_free(definition);
    struct iso_definition *other = ground_definition(GROUND_PARTITIONS + 1);
    ck_err(
        iso_control_add_definition(&(struct iso_control_place){bus, "iso.", TIMEOUT_MS},
                                   other, control, &why),
        ISO_EXISTS);
    iso_definition_free(other);
}
END_TEST

START_TEST(a_definition_that_does_not_count_is_reported_with_its_reason)
{
    struct iso_definition *definition = ground_definition(GROUND_PARTITIONS);
    definition->number = 2; /* there is no 1 */
    ck_ok(iso_definition_encode(definition, &why));
    ck_err(
        iso_control_add_definition(&(struct iso_control_place){bus, "iso.", TIMEOUT_MS},
                                   definition, control, &why),
        ISO_BAD_DATA);
    ck_assert_ptr_nonnull(strstr(why.text, "does not count"));
    iso_definition_free(definition);
}
END_TEST

START_TEST(what_somebody_else_wrote_into_the_topic_harms_nobody)
{
    struct iso_message message = {
        .topic = "iso.control", .has_value = true, .value = iso_bytes_text("rubbish")};
    ck_ok(iso_bus_publish(bus, &message, "iso", TIMEOUT_MS, NULL, &why));
    ck_ok(add("eu", 0));
    ck_assert_uint_eq(given, 1);
    ck_assert_uint_eq(iso_control_ignored(control), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control_read");
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_cluster_without_a_control_topic_says_so);
    tcase_add_test(tests, a_region_gets_the_lowest_free_number_or_the_one_it_asks_for);
    tcase_add_test(tests, the_same_claim_again_is_no_new_record);
    tcase_add_test(tests, a_name_keeps_its_number_and_a_number_its_name);
    tcase_add_test(tests, the_sixty_fifth_region_has_no_number);
    tcase_add_test(tests, adders_that_race_for_any_number_all_get_one_of_their_own);
    tcase_add_test(tests, of_adders_that_race_for_one_number_the_first_wins);
    tcase_add_test(tests, a_definition_is_announced_once_and_never_changed);
    tcase_add_test(tests, a_definition_that_does_not_count_is_reported_with_its_reason);
    tcase_add_test(tests, what_somebody_else_wrote_into_the_topic_harms_nobody);
    return ground_main(suite);
}
