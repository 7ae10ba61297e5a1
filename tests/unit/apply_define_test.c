/* A DEFINE counts when the control topic announced it, waits while that is not known,
 * is refused when it never did, and parks the slice when it is beyond this software. */
#include "apply_ground.h"

static struct slice_ground ground;
static struct iso_definition *second; /* opens log OTHER, which ap writes */

static void setup(void)
{
    ground_init(&ground, EU, def_encoded(def_bare(1, 1)));
    second = def_bare(2, 1);
    second->before_max_ms = 2 * BEFORE_MAX_MS;
    def_log(second, OTHER, "packages-ap", 1u << (AP - 1), hlc_at(50, 1));
    def_encoded(second);
    ground_define(&ground);
}

static void teardown(void)
{
    iso_definition_free(second);
    ground_release(&ground);
}

/* Definition 2, changed before it is encoded by `change`, announced or not. */
static void replace_second(void (*change)(struct iso_definition *definition),
                           bool announced)
{
    change(second);
    def_encoded(second);
    if (announced)
        control_add(ground.control, second);
}

static struct iso_buf slice_bytes(void)
{
    struct iso_buf bytes = {0};
    iso_slice_encode(iso_apply_slice(ground.apply), &bytes);
    return bytes;
}

static void expect_untouched(struct iso_buf before, size_t txn_size)
{
    struct iso_buf after = slice_bytes();
    ck_assert(iso_bytes_equal(iso_buf_bytes(&before), iso_buf_bytes(&after)));
    ck_assert_uint_eq(iso_txn_size(ground.txn), txn_size);
    iso_buf_release(&before);
    iso_buf_release(&after);
}

START_TEST(an_announced_definition_comes_into_force_and_opens_its_logs)
{
    control_add(ground.control, second);
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ground_expect(&ground, ISO_APPLIED);
    ck_assert_uint_eq(ground_log(&ground, LOG)->definition, 2);
    ck_assert_uint_eq(iso_apply_definition(ground.apply)->number, 2);
    const struct iso_slice_log *other = ground_log(&ground, OTHER);
    ck_assert_uint_eq(other->definition, 0);
    ck_assert_uint_eq(other->birth, hlc_at(50, 1));
    ck_assert_int_eq(other->bound_ms, NOW_MS + 50);
    ck_assert_str_eq(iso_apply_log(ground.apply, 1)->topic, "packages-ap");
    /* the new before_max is in force: the bound waits until T passed it by twice */
    ground_put(&ground, EU, 1, BEFORE_MAX_MS + 50, "key", "value");
    ck_assert_int_eq(ground_log(&ground, LOG)->bound_ms, NOW_MS);
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), NOW_MS);
    /* and comes back from the store */
    ground_commit(&ground);
    ground_abort(&ground);
    ck_assert_uint_eq(iso_apply_definition(ground.apply)->number, 2);
    ck_assert_str_eq(iso_apply_log(ground.apply, 1)->topic, "packages-ap");
}
END_TEST

START_TEST(an_opened_log_holds_the_floor_until_its_own_define)
{
    control_add(ground.control, second);
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ground_expect(&ground, ISO_APPLIED);
    ground_put(&ground, EU, 1, 5 * BEFORE_MAX_MS, "key", "value");
    ck_assert_int_eq(ground_log(&ground, LOG)->bound_ms, NOW_MS + 3 * BEFORE_MAX_MS);
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), NOW_MS + 50);
    made_define(&ground.made, 0, AP, 1, 60, second);
    ground.made.write.log = OTHER;
    ground.made.write.version.hlc = hlc_at(50, 1);
    made_seal(&ground.made);
    ck_ok(ground_apply(&ground, OTHER, false));
    ck_assert_int_eq(ground.outcome, ISO_APPLIED);
    ck_assert_int_eq(ground_log(&ground, OTHER)->t_ms, NOW_MS + 50);
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), NOW_MS + 50);
}
END_TEST

START_TEST(an_unannounced_definition_waits_and_changes_nothing_until_control_was_read)
{
    struct iso_buf before = slice_bytes();
    size_t size = iso_txn_size(ground.txn);
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ck_err(ground_apply(&ground, LOG, false), ISO_CONTROL_WAIT);
    ck_err(ground_apply(&ground, LOG, false), ISO_CONTROL_WAIT);
    expect_untouched(before, size);
    control_add(ground.control, second);
    ground_expect(&ground, ISO_APPLIED);
}
END_TEST

START_TEST(a_definition_that_was_never_announced_is_refused)
{
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ck_ok(ground_apply(&ground, LOG, true));
    ck_assert_int_eq(ground.outcome, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "never announced"));
    ck_assert_uint_eq(ground_log(&ground, LOG)->definition, 1);
}
END_TEST

static void change_after_max(struct iso_definition *definition)
{
    definition->after_max_ms++;
}

START_TEST(another_definition_of_an_announced_number_is_refused)
{
    control_add(ground.control, second);
    replace_second(change_after_max, false);
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ground_expect(&ground, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "first counts"));
}
END_TEST

static void change_partitions(struct iso_definition *definition)
{
    definition->partitions = 2;
}
static void change_buckets(struct iso_definition *definition)
{
    definition->buckets = 2 * BUCKETS;
}
static void change_resolver(struct iso_definition *definition)
{
    memcpy(definition->resolver, "siblings", sizeof "siblings");
}
static void change_unknown_resolver(struct iso_definition *definition)
{
    memcpy(definition->resolver, "tomorrow", sizeof "tomorrow");
}
static void change_name(struct iso_definition *definition)
{
    memcpy(definition->collection, "packets", sizeof "packets");
}
static void change_number(struct iso_definition *definition)
{
    definition->logs[0].number = THIRD;
}
static void change_birth(struct iso_definition *definition)
{
    definition->logs[1].birth = iso_hlc_of_ms(NOW_MS - 1);
}

START_TEST(what_never_changes_is_refused_without_a_look_at_control)
{
    static const struct {
        void (*change)(struct iso_definition *definition);
        const char *words;
    } rows[] = {
        {change_partitions, "number of partitions"},
        {change_buckets, "number of buckets"},
        {change_resolver, "resolver"},
        {change_name, "name"},
        {change_number, "does not name it"},
        {change_birth, "a later birth"},
    };
    replace_second(rows[_i].change, false);
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ground_expect(&ground, ISO_SET_ASIDE);
    ck_assert_msg(strstr(ground.why.text, rows[_i].words) != NULL, "%s",
                  ground.why.text);
}
END_TEST

START_TEST(only_the_owner_announces_and_what_comes_late_takes_nothing_back)
{
    control_add(ground.control, second);
    made_define(&ground.made, ground.next, US, 2, 100, second);
    ground_expect(&ground, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "only the region that owns"));
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ground_expect(&ground, ISO_APPLIED);
    made_define(&ground.made, ground.next, EU, 3, 101, ground.definition);
    ground_expect(&ground, ISO_APPLIED); /* an earlier one has no effect */
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->logs[0].definition, 2);
    made_define(&ground.made, ground.next, EU, 4, 102, second);
    ground_expect(&ground, ISO_APPLIED); /* the same again does no harm */
}
END_TEST

START_TEST(bytes_that_are_no_definition_are_refused)
{
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ground.made.record.value.size--;
    ground_expect(&ground, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "does not carry a definition"));
}
END_TEST

/* ---- beyond this software ---- */

/* Definition 2 with an extension that only a later isostasy knows. */
static void second_of_tomorrow(bool announced)
{
    struct iso_buf *bytes = &second->bytes;
    bytes->size--; /* the end of its extensions, of which it has none */
    iso_avro_add_long(bytes, 1);
    iso_avro_add_long(bytes, 3);
    iso_avro_add_text(bytes, "xy");
    iso_avro_add_long(bytes, 0);
    if (announced)
        control_add(ground.control, second);
}

START_TEST(an_announced_definition_beyond_this_software_parks_the_slice_unchanged)
{
    second_of_tomorrow(true);
    struct iso_buf before = slice_bytes();
    size_t size = iso_txn_size(ground.txn);
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ck_err(ground_apply(&ground, LOG, false), ISO_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "upgrade"));
    ck_assert_ptr_nonnull(strstr(ground.why.text, ISOSTASY_VERSION));
    expect_untouched(before, size);
}
END_TEST

START_TEST(an_unannounced_definition_beyond_this_software_parks_nothing)
{
    second_of_tomorrow(false);
    made_define(&ground.made, ground.next, EU, 2, 100, second);
    ck_err(ground_apply(&ground, LOG, false), ISO_CONTROL_WAIT);
    ck_ok(ground_apply(&ground, LOG, true));
    ck_assert_int_eq(ground.outcome, ISO_SET_ASIDE);
}
END_TEST

/* ---- opening ---- */

static enum iso_err open_another(struct iso_store *store, struct iso_control *control)
{
    struct iso_apply_options options = {.collection = "packages",
                                        .number = COLLECTION,
                                        .region = EU,
                                        .control = control};
    struct iso_apply *apply;
    enum iso_err err = iso_apply_open(store, &options, &apply, &ground.why);
    if (err == ISO_OK)
        iso_apply_close(apply);
    return err;
}

START_TEST(a_store_keeps_what_it_used_and_opens_without_control)
{
    struct iso_control *empty = iso_control_new();
    ground_commit(&ground);
    ck_ok(open_another(ground.store, empty));
    ck_ok(open_another(ground.store, NULL));
    struct iso_store *fresh = iso_store_memory_new();
    ck_err(open_another(fresh, empty), ISO_NO_DEFINITION);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "isostasy collection create"));
    iso_store_close(fresh);
    iso_control_free(empty);
}
END_TEST

START_TEST(a_store_of_another_definition_of_that_name_is_refused)
{
    struct iso_control *control = iso_control_new();
    struct iso_definition *definition = def_bare(1, 1);
    definition->id[0] ^= 1;
    def_encoded(definition);
    control_add(control, definition);
    ground_commit(&ground);
    ck_err(open_another(ground.store, control), ISO_STORE_MISMATCH);
    iso_definition_free(definition);
    iso_control_free(control);
}
END_TEST

START_TEST(a_collection_beyond_this_software_does_not_open)
{
    struct iso_control *control = iso_control_new();
    struct iso_definition *definition = def_bare(1, 1);
    struct iso_store *store = iso_store_memory_new();
    change_unknown_resolver(definition);
    def_encoded(definition);
    control_add(control, definition);
    ck_err(open_another(store, control), ISO_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "tomorrow"));
    iso_store_close(store);
    iso_definition_free(definition);
    iso_control_free(control);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply_define");
    TCase *tests = tcase_create("apply_define");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, an_announced_definition_comes_into_force_and_opens_its_logs);
    tcase_add_test(tests, an_opened_log_holds_the_floor_until_its_own_define);
    tcase_add_test(
        tests,
        an_unannounced_definition_waits_and_changes_nothing_until_control_was_read);
    tcase_add_test(tests, a_definition_that_was_never_announced_is_refused);
    tcase_add_test(tests, another_definition_of_an_announced_number_is_refused);
    tcase_add_loop_test(tests, what_never_changes_is_refused_without_a_look_at_control,
                        0, 6);
    tcase_add_test(tests,
                   only_the_owner_announces_and_what_comes_late_takes_nothing_back);
    tcase_add_test(tests, bytes_that_are_no_definition_are_refused);
    tcase_add_test(
        tests, an_announced_definition_beyond_this_software_parks_the_slice_unchanged);
    tcase_add_test(tests, an_unannounced_definition_beyond_this_software_parks_nothing);
    tcase_add_test(tests, a_store_keeps_what_it_used_and_opens_without_control);
    tcase_add_test(tests, a_store_of_another_definition_of_that_name_is_refused);
    tcase_add_test(tests, a_collection_beyond_this_software_does_not_open);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
