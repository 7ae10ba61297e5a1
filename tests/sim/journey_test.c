/* The examples of the README, from a service's call to what every region shows: a cart
 * that two devices edit in two regions during a cut, a profile, a last-seen, a session
 * that goes on with its own context. */
#include "world_run.h"

#include "base/mem.h"
#include "schema/patch.h"
#include "schema/value.h"

enum { EU, US, AP };

static struct world world;
static struct iso_read found;
static struct iso_why why;

#define JOURNEY_OK(call) ck_assert_msg((call) == ISO_OK, "%s: %s", #call, why.text)

static void setup(void)
{
    struct world_plan plan = {
        .seed = 2, .per_region = true, .resolver = "fields", .fields = true};
    world_open(&world, &plan);
    ck_assert(world_settle(&world));
}

static void teardown(void)
{
    iso_read_release(&found);
    world_close(&world);
}

/* A second passes. */
static void pass(void)
{
    for (int n = 0; n < 20; n++) {
        iso_clock_manual_add(&world.clock, 50);
        world_turn(&world);
    }
}

static void cut(int region, bool is_cut)
{
    iso_memory_cut(world.regions[region].buses[0], is_cut);
    iso_memory_cut(world.regions[region].client_buses[0], is_cut);
}

/* ---- reads ---- */

/* A field of the record as JSON: what a reader who asks for nothing else is shown. */
#define READER(field, type)                                              \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"" field \
    "\",\"type\":" type "}]}"
#define CART READER("cart", "{\"type\":\"map\",\"values\":\"long\"}")
#define NAME READER("name", "\"string\"")
#define TAGS READER("tags", "{\"type\":\"array\",\"items\":\"string\"}")
#define VISITS READER("visits", "\"long\"")
#define LAST READER("last", "\"long\"")

static enum iso_err read_as(int region, const char *reader)
{
    struct iso_replica *replica;
    JOURNEY_OK(iso_replica_open_on(world.regions[region].stores, 1, &world.clock.clock,
                                   &replica, &why));
    JOURNEY_OK(iso_replica_read_as(replica, "things", reader, &why));
    enum iso_err err =
        iso_replica_get(replica, "things", iso_bytes_text("key"), &found, &why);
    iso_replica_close(replica);
    return err;
}

static void shows(int region, const char *reader, const char *json)
{
    struct iso_avro *schema;
    struct iso_buf text = {0};
    enum iso_err err = read_as(region, reader);
    ck_assert_msg(err == ISO_OK, "%s: %s", world.regions[region].name,
                  err == ISO_NOT_FOUND ? "there is nothing" : why.text);
    JOURNEY_OK(iso_avro_parse(iso_bytes_text(reader), &schema, &why));
    JOURNEY_OK(iso_avro_to_json(schema, iso_buf_bytes(&found.value), &text, &why));
    ck_assert_msg(strstr(iso_buf_text(&text), json) != NULL, "%s shows %s, not %s",
                  world.regions[region].name, iso_buf_text(&text), json);
    iso_buf_release(&text);
    iso_avro_free(schema);
}

static void all_show(const char *reader, const char *json)
{
    for (int region = EU; region <= AP; region++)
        shows(region, reader, json);
}

/* The context of a read in a region; empty before the key is there. */
static struct iso_buf context_of(int region)
{
    struct iso_buf context = {0};
    read_as(region, NAME);
    iso_buf_add_bytes(&context, iso_buf_bytes(&found.context));
    return context;
}

/* ---- writes ---- */

struct act {
    enum iso_step_operation operation;
    const char *field, *member, *json; /* json NULL: none */
};

static enum iso_err act_add(struct iso_edit *edit, const struct act *act)
{
    if (act->json != NULL)
        return iso_edit_json(edit, act->operation, act->field, act->member,
                             iso_bytes_text(act->json), &why);
    return act->operation == ISO_STEP_UNSET
               ? iso_edit_unset(edit, act->field, act->member, &why)
               : iso_edit_enable(edit, act->field, act->member,
                                 act->operation == ISO_STEP_ENABLE, &why);
}

/* context NULL: blind. */
static void patch(int region, struct iso_buf *context, const struct act *acts,
                  size_t count)
{
    struct iso_producer *producer = world.regions[region].producers[0];
    struct iso_write_options options = {.context = context};
    struct iso_edit *edit;
    JOURNEY_OK(iso_edit_new(iso_producer_schemas(producer), 0, &edit, &why));
    for (size_t n = 0; n < count; n++)
        JOURNEY_OK(act_add(edit, &acts[n]));
    JOURNEY_OK(
        iso_producer_patch(producer, iso_bytes_text("key"), edit, &options, &why));
    iso_edit_free(edit);
}
#define PATCH(region, context, ...)                           \
    patch(region, context, (const struct act[]){__VA_ARGS__}, \
          sizeof((const struct act[]){__VA_ARGS__}) / sizeof(struct act))

/* A whole record; `rest` closes it. */
static void put(int region, struct iso_buf *context, const char *json)
{
    struct iso_producer *producer = world.regions[region].producers[0];
    const struct iso_schemas *schemas = iso_producer_schemas(producer);
    struct iso_write_options options = {.context = context};
    struct iso_buf value = {0};
    iso_value_begin(schemas, 0, &value);
    JOURNEY_OK(iso_avro_from_json(iso_schemas_at(schemas, 0), iso_bytes_text(json),
                                  &value, &why));
    JOURNEY_OK(iso_producer_put(producer, iso_bytes_text("key"), iso_buf_bytes(&value),
                                &options, &why));
    iso_buf_release(&value);
}
#define RECORD(name, tags, visits)                                  \
    "{\"name\":\"" name "\",\"tags\":[" tags "],\"visits\":" visits \
    ",\"vip\":false,\"last\":0,\"low\":0,\"notes\":{},\"cart\":{},\"groups\":{}}"

static uint64_t ledger_rows(int region)
{
    struct iso_replica *replica;
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    uint64_t count = 0;
    JOURNEY_OK(iso_replica_open_on(world.regions[region].stores, 1, &world.clock.clock,
                                   &replica, &why));
    JOURNEY_OK(iso_replica_scan_losers(replica, "things", &scan, &why));
    while (iso_replica_scan_next(scan, &item, &why) == ISO_OK)
        count++;
    iso_replica_scan_close(scan);
    iso_replica_close(replica);
    return count;
}

static void check(void)
{
    struct iso_buf outcome = {0};
    ck_assert(world_settle(&world));
    world_check(&world, &outcome);
    iso_buf_release(&outcome);
}

/* ---- the cart ---- */

START_TEST(a_cart_edited_on_two_devices_during_a_cut_keeps_every_edit)
{
    PATCH(EU, NULL, {ISO_STEP_INCREMENT, "cart", "tea", "2"},
          {ISO_STEP_INCREMENT, "cart", "milk", "1"});
    pass();
    all_show(CART, "{\"tea\":2,\"milk\":1}");
    struct iso_buf phone = context_of(EU), laptop = context_of(US);
    cut(US, true);
    PATCH(EU, &phone, {ISO_STEP_INCREMENT, "cart", "tea", "1"});
    PATCH(EU, &phone, {ISO_STEP_INCREMENT, "cart", "milk", "3"});
    PATCH(US, &laptop, {ISO_STEP_INCREMENT, "cart", "tea", "-2"},
          {ISO_STEP_UNSET, "cart", "milk", NULL});
    pass();
    shows(EU, CART, "{\"tea\":3,\"milk\":4}");
    cut(US, false);
    pass();
    pass();
    /* The laptop took away the one it saw; the phone's three were added meanwhile. */
    all_show(CART, "{\"tea\":1,\"milk\":3}");
    ck_assert_uint_eq(ledger_rows(AP), 0);
    check();
    iso_buf_release(&phone);
    iso_buf_release(&laptop);
}
END_TEST

START_TEST(a_member_that_was_removed_and_added_again_starts_anew)
{
    put(EU, NULL, RECORD("mine", "", "0"));
    PATCH(EU, NULL, {ISO_STEP_INCREMENT, "cart", "tea", "5"});
    pass();
    struct iso_buf session = context_of(US);
    PATCH(US, &session, {ISO_STEP_UNSET, "cart", "tea", NULL});
    pass();
    all_show(CART, "\"cart\":{}");
    PATCH(US, &session, {ISO_STEP_INCREMENT, "cart", "tea", "1"});
    pass();
    all_show(CART, "{\"tea\":1}");
    check();
    iso_buf_release(&session);
}
END_TEST

/* What a session adds has no position before it is read again: the reset takes it back
 * by its opposite, so that the number is right and the member is there. */
START_TEST(a_session_that_counted_and_then_removed_takes_back_what_it_knows)
{
    put(EU, NULL, RECORD("mine", "", "0"));
    PATCH(EU, NULL, {ISO_STEP_INCREMENT, "cart", "tea", "5"});
    pass();
    struct iso_buf session = context_of(US);
    PATCH(US, &session, {ISO_STEP_INCREMENT, "cart", "tea", "4"});
    PATCH(EU, NULL, {ISO_STEP_INCREMENT, "cart", "tea", "10"}); /* nobody saw it */
    PATCH(US, &session, {ISO_STEP_UNSET, "cart", "tea", NULL});
    pass();
    all_show(CART, "{\"tea\":10}");
    iso_buf_release(&session);
    session = context_of(US);
    PATCH(US, &session, {ISO_STEP_UNSET, "cart", "tea", NULL});
    pass();
    all_show(CART, "\"cart\":{}");
    check();
    iso_buf_release(&session);
}
END_TEST

/* ---- the profile ---- */

START_TEST(a_profile_whose_picture_changed_elsewhere_keeps_it)
{
    put(EU, NULL, RECORD("old.png", "\"a\"", "0"));
    pass();
    struct iso_buf web = context_of(EU), app = context_of(US);
    cut(US, true);
    put(EU, &web, RECORD("new.png", "\"a\",\"b\"", "1"));
    put(US, &app, RECORD("old.png", "\"c\"", "2")); /* it still shows the old one */
    cut(US, false);
    pass();
    pass();
    all_show(NAME, "new.png");
    all_show(TAGS, "[\"b\",\"c\"]");
    all_show(VISITS, "3");
    ck_assert_uint_eq(ledger_rows(AP), 0);
    check();
    iso_buf_release(&web);
    iso_buf_release(&app);
}
END_TEST

START_TEST(two_pictures_at_once_leave_one_in_the_ledger_until_somebody_saw_both)
{
    put(EU, NULL, RECORD("old.png", "", "0"));
    pass();
    struct iso_buf web = context_of(EU), app = context_of(US);
    cut(US, true);
    put(EU, &web, RECORD("eu.png", "", "0"));
    pass();
    put(US, &app, RECORD("us.png", "", "0"));
    cut(US, false);
    pass();
    pass();
    all_show(NAME, "us.png"); /* the later one */
    for (int region = EU; region <= AP; region++)
        ck_assert_uint_eq(ledger_rows(region), 1);
    iso_buf_release(&web);
    iso_buf_release(&app);
    check();
}
END_TEST

/* ---- last seen ---- */

START_TEST(the_last_time_seen_is_the_largest_and_clearing_ends_what_was_seen)
{
    cut(US, true);
    PATCH(EU, NULL, {ISO_STEP_RAISE, "last", NULL, "500"});
    PATCH(US, NULL, {ISO_STEP_RAISE, "last", NULL, "900"});
    pass();
    PATCH(EU, NULL, {ISO_STEP_RAISE, "last", NULL, "700"});
    cut(US, false);
    pass();
    pass();
    all_show(LAST, "900");
    struct iso_buf session = context_of(AP);
    PATCH(AP, &session, {ISO_STEP_UNSET, "last", NULL, NULL},
          {ISO_STEP_RAISE, "last", NULL, "10"});
    pass();
    all_show(LAST, "10");
    check();
    iso_buf_release(&session);
}
END_TEST

/* ---- sessions, counters ---- */

START_TEST(a_session_goes_on_with_its_own_context_and_its_delete_leaves_nothing)
{
    struct iso_buf session = {0}; /* shown nothing */
    put(EU, &session, RECORD("one", "\"a\"", "1"));
    PATCH(EU, &session, {ISO_STEP_REMOVE, "tags", NULL, "\"a\""},
          {ISO_STEP_ADD, "tags", NULL, "\"b\""});
    put(EU, &session, RECORD("two", "\"c\"", "5"));
    pass();
    all_show(NAME, "two");
    all_show(TAGS, "[\"c\"]");
    all_show(VISITS, "5");
    struct iso_producer *producer = world.regions[EU].producers[0];
    struct iso_write_options options = {.context = &session};
    /* It has counted since it read: it reads again before it deletes. */
    ck_assert_int_eq(
        iso_producer_delete(producer, iso_bytes_text("key"), &options, &why),
        ISO_STALE);
    iso_buf_release(&session);
    session = context_of(EU);
    JOURNEY_OK(iso_producer_delete(producer, iso_bytes_text("key"), &options, &why));
    pass();
    for (int region = EU; region <= AP; region++)
        ck_assert_int_eq(read_as(region, NAME), ISO_NOT_FOUND);
    ck_assert_uint_eq(ledger_rows(AP), 0);
    check();
    iso_buf_release(&session);
}
END_TEST

START_TEST(counters_are_exact_when_records_come_twice_and_logs_are_read_from_zero)
{
    for (int n = 0; n < 60; n++) {
        int region = n % 3;
        iso_memory_duplicate(world.regions[region].client_buses[0], n % 4);
        iso_memory_lose_answers(world.regions[region].client_buses[0], n % 2);
        PATCH(region, NULL, {ISO_STEP_INCREMENT, "visits", NULL, "1"},
              {ISO_STEP_INCREMENT, "cart", "tea", "2"});
        if (n % 5 == 0)
            pass();
    }
    ck_assert(world_settle(&world));
    all_show(VISITS, "60");
    all_show(CART, "{\"tea\":120}");
    struct world_region *us = &world.regions[US];
    iso_shard_close(us->shards[0]);
    iso_store_close(us->stores[0]);
    us->stores[0] = faulty_store_new(&us->faulty[0]); /* an empty disk */
    world_region_start(us, 0);
    check();
    all_show(VISITS, "60");
    all_show(CART, "{\"tea\":120}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journey");
    TCase *tcase = tcase_create("journey");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_cart_edited_on_two_devices_during_a_cut_keeps_every_edit);
    tcase_add_test(tcase, a_member_that_was_removed_and_added_again_starts_anew);
    tcase_add_test(tcase,
                   a_session_that_counted_and_then_removed_takes_back_what_it_knows);
    tcase_add_test(tcase, a_profile_whose_picture_changed_elsewhere_keeps_it);
    tcase_add_test(
        tcase, two_pictures_at_once_leave_one_in_the_ledger_until_somebody_saw_both);
    tcase_add_test(tcase,
                   the_last_time_seen_is_the_largest_and_clearing_ends_what_was_seen);
    tcase_add_test(
        tcase, a_session_goes_on_with_its_own_context_and_its_delete_leaves_nothing);
    tcase_add_test(
        tcase, counters_are_exact_when_records_come_twice_and_logs_are_read_from_zero);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
