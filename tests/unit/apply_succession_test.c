/* A log is closed, and another goes on with it: what is read when, what counts from
 * when on, and what a slice that is beyond an end does. */
#include "succession_ground.h"

#include "consumer/sweep.h"

static struct slice_ground ground;
static struct chain chain;
static struct iso_definition *second, *third;

static void open_chain(bool other)
{
    chain = (struct chain){.other = other,
                           .end = 4,
                           .third_end = 2,
                           .third_after_ms = 1000,
                           .fourth_after_ms = 2000};
    ground_init(&ground, EU, chain_definition(&chain, 1));
    second = chain_definition(&chain, 2);
    third = chain_definition(&chain, 3);
    ground_define(&ground);
    if (!other)
        return;
    made_define_in(&ground.made, OTHER, AP, (struct draft){.seq = 1}, BIRTH,
                   ground.definition);
    ck_ok(ground_apply(&ground, OTHER, false));
}

static void setup(void)
{
    open_chain(false);
}

static void setup_beside(void)
{
    open_chain(true);
}

static void teardown(void)
{
    iso_definition_free(second);
    iso_definition_free(third);
    ground_release(&ground);
}

static void announce(const struct iso_definition *definition)
{
    control_add(ground.control, definition);
    iso_apply_announced(ground.apply);
}

static void expect_in(uint16_t log, enum iso_outcome outcome)
{
    enum iso_err err = ground_apply(&ground, log, false);
    ck_assert_msg(err == ISO_OK, "%s", ground.why.text);
    ck_assert_msg(ground.outcome == outcome, "outcome %d, not %d: %s", ground.outcome,
                  outcome, ground.why.text);
}

/* A blind PUT of a region's one node. */
static void put_in(uint16_t log, struct draft draft, enum iso_outcome outcome)
{
    if (draft.node == 0)
        draft.node = 0xa0 + draft.region;
    made_write(&ground.made, draft);
    made_in(&ground.made, log);
    expect_in(log, outcome);
}

/* LOG to its end, 4: three writes of eu, the last at 400. */
static void fill(void)
{
    for (int64_t n = 1; n <= 3; n++)
        put_in(LOG, (struct draft){n, EU, 0, (uint64_t)n, 100 * n + 100, "key", "old"},
               ISO_APPLIED);
}

static void define_third(void)
{
    made_define_in(&ground.made, THIRD, EU, (struct draft){.seq = 1, .after_ms = 1000},
                   hlc_at(1000, 1), second);
    expect_in(THIRD, ISO_APPLIED);
}

static struct iso_buf slice_bytes(void)
{
    struct iso_buf bytes = {0};
    iso_slice_encode(iso_apply_slice(ground.apply), &bytes);
    return bytes;
}

static void expect_bytes(struct iso_buf before)
{
    struct iso_buf after = slice_bytes();
    ck_assert(iso_bytes_equal(iso_buf_bytes(&before), iso_buf_bytes(&after)));
    iso_buf_release(&before);
    iso_buf_release(&after);
}

/* ---- what is read ---- */

START_TEST(what_succeeds_a_log_is_read_when_that_is_at_its_end)
{
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_UNKNOWN);
    ck_assert_int_eq(iso_apply_log_end(ground.apply, LOG), INT64_MAX);
    announce(second);
    ck_assert_str_eq(iso_apply_log(ground.apply, 1)->topic, "packages-3");
    ck_assert_ptr_null(iso_apply_log(ground.apply, 2));
    ck_assert_int_eq(iso_apply_log_end(ground.apply, LOG), 4);
    ck_assert_int_eq(iso_apply_stand(ground.apply, LOG), ISO_LOG_READ);
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_WAITS);
    fill();
    ck_assert_int_eq(iso_apply_stand(ground.apply, LOG), ISO_LOG_OVER);
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_READ);
    define_third();
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_READ);
    ck_assert_ptr_null(iso_apply_log(ground.apply, 2));
    ck_assert_ptr_eq(iso_apply_newest(ground.apply),
                     iso_apply_definition(ground.apply));
}
END_TEST

START_TEST(a_chain_of_successors_is_read_one_after_the_other)
{
    announce(second);
    announce(third);
    ck_assert_str_eq(iso_apply_log(ground.apply, 2)->topic, "packages-4");
    fill();
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_READ);
    ck_assert_int_eq(iso_apply_stand(ground.apply, FOURTH), ISO_LOG_WAITS);
    define_third();
    ck_assert_int_eq(iso_apply_stand(ground.apply, FOURTH), ISO_LOG_WAITS);
    put_in(THIRD, (struct draft){1, EU, 0, 1, 1500, "key", "third"}, ISO_APPLIED);
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_OVER);
    ck_assert_int_eq(iso_apply_stand(ground.apply, FOURTH), ISO_LOG_READ);
    /* what the first in the line holds is replaced and judged by as well */
    made_define_in(&ground.made, FOURTH, EU, (struct draft){.seq = 1, .after_ms = 2000},
                   hlc_at(2000, 1), third);
    expect_in(FOURTH, ISO_APPLIED);
    put_in(FOURTH, (struct draft){1, EU, 0, 1, 1400, "key", "back"}, ISO_SET_ASIDE);
    put_in(FOURTH, (struct draft){2, EU, 0, 1, 2100, "key", "fourth"}, ISO_APPLIED);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->ledger_rows, 0);
}
END_TEST

START_TEST(a_log_that_is_read_out_of_turn_is_the_caller_s_mistake)
{
    announce(second);
    struct iso_buf before = slice_bytes();
    made_define_in(&ground.made, THIRD, EU, (struct draft){.seq = 1, .after_ms = 1000},
                   hlc_at(1000, 1), second);
    ck_err(ground_apply(&ground, THIRD, false), ISO_USAGE);
    expect_bytes(before);
    ck_err(ground_apply(&ground, FOURTH, false), ISO_USAGE);
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_WAITS);
}
END_TEST

START_TEST(nothing_at_the_end_of_a_closed_log_or_behind_it_is_applied)
{
    announce(second);
    fill();
    define_third();
    struct iso_buf before = slice_bytes();
    put_in(LOG, (struct draft){4, EU, 0, 4, 600, "key", "late"}, ISO_SKIPPED);
    put_in(LOG, (struct draft){9, US, 0, 1, 600, "key", "late"}, ISO_SKIPPED);
    ck_ok(iso_apply_end(ground.apply, LOG, 10, &ground.why));
    expect_bytes(before);
}
END_TEST

START_TEST(a_closed_log_that_ends_in_markers_comes_to_its_end)
{
    announce(second);
    made_define_in(&ground.made, OTHER, AP,
                   (struct draft){1, AP, 0, 2, 1000, NULL, NULL}, 0, second);
    expect_in(OTHER, ISO_APPLIED);
    put_in(LOG, (struct draft){2, EU, 0, 1, 200, "key", "old"}, ISO_APPLIED);
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_WAITS);
    put_in(LOG, (struct draft){7, EU, 0, 2, 300, "key", "late"}, ISO_SKIPPED);
    ck_assert_int_eq(ground_log(&ground, LOG)->frontier, 4);
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_READ);
}
END_TEST

/* ---- what it begins with ---- */

START_TEST(a_successor_begins_at_the_bound_and_top_of_what_it_succeeds)
{
    announce(second);
    fill();
    ground.next = 4;
    struct iso_slice_log old = *ground_log(&ground, LOG);
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), old.bound_ms);
    define_third();
    const struct iso_slice_log *log = ground_log(&ground, THIRD);
    ck_assert_int_eq(log->bound_ms, NOW_MS + 1000); /* its birth is above the bound */
    ck_assert_uint_eq(log->top, hlc_at(1000, 1));
    ck_assert_int_eq(log->t_ms, NOW_MS + 1000);
    ck_assert_int_eq(log->frontier, 1);
    /* LOG holds the floor no more */
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), NOW_MS + 1000);
}
END_TEST

START_TEST(a_birth_below_the_bound_and_a_top_ahead_are_put_right)
{
    announce(second);
    /* T goes on until the bound is above the birth of THIRD; the top is ahead of it */
    int64_t late_ms = BEFORE_MAX_MS + 3000;
    put_in(LOG, (struct draft){1, EU, 0, 1, late_ms, "key", "old"}, ISO_APPLIED);
    made_write(&ground.made,
               (struct draft){2, US, 1, 1, late_ms + AFTER_MAX_MS, "key", "ahead"});
    ground.made.record.append_ms = NOW_MS + late_ms;
    made_seal(&ground.made);
    expect_in(LOG, ISO_APPLIED);
    put_in(LOG, (struct draft){3, EU, 0, 2, late_ms, "key", "old"}, ISO_APPLIED);
    struct iso_slice_log old = *ground_log(&ground, LOG);
    ck_assert_int_eq(old.bound_ms, NOW_MS + 3000);
    define_third();
    const struct iso_slice_log *log = ground_log(&ground, THIRD);
    ck_assert_int_eq(log->bound_ms, old.bound_ms);
    ck_assert_uint_eq(log->top, old.top);
    ck_assert_uint_eq(log->birth, hlc_at(1000, 1));
}
END_TEST

START_TEST(a_define_that_comes_late_names_a_successor_all_the_same)
{
    announce(second);
    int64_t late_ms = BEFORE_MAX_MS + 3000, floor_ms;
    put_in(OTHER, (struct draft){1, AP, 0, 2, late_ms, "key", "other"}, ISO_APPLIED);
    ck_assert_int_eq(ground_log(&ground, OTHER)->bound_ms, NOW_MS + 3000);
    floor_ms = iso_apply_floor_ms(ground.apply);
    made_define_in(&ground.made, OTHER, AP,
                   (struct draft){2, AP, 0, 3, late_ms + 1, NULL, NULL}, 0, second);
    expect_in(OTHER, ISO_APPLIED);
    ck_assert_uint_eq(ground_log(&ground, OTHER)->definition, second->number);
    /* born below the bound of OTHER, and not below the floor, which LOG still holds */
    ck_assert_int_lt(ground_log(&ground, THIRD)->bound_ms, NOW_MS + 3000);
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), floor_ms);
}
END_TEST

START_TEST(what_stands_before_the_first_define_is_refused_and_kept_in_the_store)
{
    announce(second);
    fill();
    made_plain(&ground.made, 0, 900, "key", "nothing counts");
    expect_in(THIRD, ISO_SET_ASIDE);
    ck_assert_int_eq(ground_log(&ground, THIRD)->frontier, 1);
    ck_assert_uint_eq(ground_log(&ground, THIRD)->definition, 0);
    ck_assert_int_eq(ground_log(&ground, THIRD)->bound_ms, NOW_MS + 1000);
    struct iso_buf before = slice_bytes();
    ground_commit(&ground);
    iso_apply_close(ground.apply);
    struct iso_control *control = ground.control;
    ground.control = iso_control_new(); /* the home cluster is away */
    ground_open(&ground, EU);
    expect_bytes(before);
    ck_assert_str_eq(iso_apply_log(ground.apply, 1)->topic, "packages-3");
    iso_apply_close(ground.apply);
    iso_control_free(ground.control);
    ground.control = control;
    ground_open(&ground, EU);
    made_define_in(&ground.made, THIRD, EU,
                   (struct draft){.offset = 1, .seq = 1, .after_ms = 1000},
                   hlc_at(1000, 1), second);
    expect_in(THIRD, ISO_APPLIED);
}
END_TEST

START_TEST(a_first_record_that_has_to_wait_leaves_the_slice_as_it_was)
{
    announce(second);
    fill();
    struct iso_buf before = slice_bytes();
    size_t size = iso_txn_size(ground.txn);
    made_define_in(&ground.made, THIRD, EU, (struct draft){.seq = 1, .after_ms = 1000},
                   hlc_at(1000, 1), third); /* not announced */
    ck_err(ground_apply(&ground, THIRD, false), ISO_CONTROL_WAIT);
    expect_bytes(before);
    ck_assert_uint_eq(iso_txn_size(ground.txn), size);
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_READ);
    define_third();
}
END_TEST

START_TEST(markers_at_the_begin_of_a_successor_are_passed_over)
{
    announce(second);
    fill();
    ck_ok(iso_apply_end(ground.apply, THIRD, 0, &ground.why));
    ck_assert_int_eq(iso_apply_slice(ground.apply)->log_count, 1);
    ck_ok(iso_apply_end(ground.apply, THIRD, 2, &ground.why));
    ck_assert_int_eq(ground_log(&ground, THIRD)->frontier, 2);
}
END_TEST

/* ---- nodes and blind writes ---- */

START_TEST(a_node_goes_on_above_what_it_wrote_before)
{
    announce(second);
    /* eu's node is ahead of its broker: its last hlc there is above THIRD's birth */
    put_in(LOG, (struct draft){1, EU, 0, 1, 200, "key", "old"}, ISO_APPLIED);
    put_in(LOG, (struct draft){2, US, 0, 1, 300, "key", "old"}, ISO_APPLIED);
    made_write(&ground.made, (struct draft){3, EU, 0xa0 + EU, 2, 3000, "key", "ahead"});
    ground.made.record.append_ms = NOW_MS + 400;
    made_seal(&ground.made);
    expect_in(LOG, ISO_APPLIED);
    define_third();
    uint64_t refused = ground_log(&ground, THIRD)->refused;
    put_in(THIRD, (struct draft){1, EU, 0, 1, 2000, "a", "behind"}, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "log 7, which this one succeeds"));
    put_in(THIRD, (struct draft){2, EU, 0, 2, 3000, "a", "the same"}, ISO_SET_ASIDE);
    ck_assert_uint_eq(ground_log(&ground, THIRD)->refused, refused + 2);
    put_in(THIRD, (struct draft){3, US, 0, 1, 2000, "a", "another's"}, ISO_APPLIED);
    put_in(THIRD, (struct draft){4, EU, 0, 3, 3001, "a", "above"}, ISO_APPLIED);
    put_in(THIRD, (struct draft){5, EU, 0, 3, 2500, "a", "twice"}, ISO_DUPLICATE);
    put_in(THIRD, (struct draft){6, EU, 0, 2, 2999, "a", "a gap"}, ISO_SET_ASIDE);
    /* and all that comes back from the store */
    ground_commit(&ground);
    ground_abort(&ground);
    put_in(THIRD, (struct draft){7, EU, 0, 1, 2000, "a", "behind"}, ISO_SET_ASIDE);
    put_in(THIRD, (struct draft){8, EU, 0, 4, 3002, "a", "above"}, ISO_APPLIED);
}
END_TEST

START_TEST(a_blind_write_replaces_what_its_region_wrote_in_what_its_log_succeeds)
{
    announce(second);
    fill();
    put_in(OTHER, (struct draft){1, AP, 0, 1, 300, "key", "ap"}, ISO_APPLIED);
    uint64_t rows = iso_apply_slice(ground.apply)->ledger_rows;
    ck_assert_uint_eq(rows, 1); /* eu has not seen it, or ap has not seen eu's */
    define_third();
    put_in(THIRD, (struct draft){1, EU, 0, 1, 1500, "key", "new"}, ISO_APPLIED);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->ledger_rows, 1); /* ap's */
    put_in(THIRD, (struct draft){2, US, 0, 1, 1600, "key", "us"}, ISO_APPLIED);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->ledger_rows, 2); /* and eu's */
}
END_TEST

/* ---- beyond the end ---- */

START_TEST(a_slice_that_is_beyond_an_end_stops_by_name)
{
    fill();
    put_in(LOG, (struct draft){4, EU, 0, 4, 600, "key", "behind the end"}, ISO_APPLIED);
    announce(second);
    ck_assert_int_eq(iso_apply_stand(ground.apply, LOG), ISO_LOG_BEYOND);
    ck_err(iso_apply_beyond(ground.apply, LOG, &ground.why), ISO_LOG_DIVERGED);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "closed at offset 4"));
    ck_assert_ptr_nonnull(strstr(ground.why.text, "up to 5"));
    struct iso_buf before = slice_bytes();
    size_t size = iso_txn_size(ground.txn);
    made_define_in(&ground.made, OTHER, AP,
                   (struct draft){1, AP, 0, 2, 1000, NULL, NULL}, 0, second);
    ck_err(ground_apply(&ground, OTHER, false), ISO_LOG_DIVERGED);
    expect_bytes(before);
    ck_assert_uint_eq(iso_txn_size(ground.txn), size);
}
END_TEST

/* Definition 2 closes LOG and says no more; 3 lets THIRD succeed it. */
static void close_then_succeed(void)
{
    iso_definition_free(second);
    iso_definition_free(third);
    second = def_bare(2, 1);
    def_log(second, OTHER, "packages-ap", 1u << (AP - 1), BIRTH);
    def_end(second, LOG, chain.end);
    def_encoded(second);
    third = def_bare(3, 1);
    def_log(third, OTHER, "packages-ap", 1u << (AP - 1), BIRTH);
    def_end(third, LOG, chain.end);
    def_successor(third, THIRD, "packages-3", hlc_at(1000, 1), LOG);
    def_encoded(third);
}

START_TEST(what_was_announced_too_long_ago_opens_no_log_below_the_floor)
{
    close_then_succeed();
    announce(second);
    fill();
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), NOW_MS);
    made_define_in(&ground.made, OTHER, AP,
                   (struct draft){1, AP, 0, 2, 1000, NULL, NULL}, 0, second);
    expect_in(OTHER, ISO_APPLIED);
    put_in(OTHER, (struct draft){2, AP, 0, 1, BEFORE_MAX_MS + 1500, "key", "ap"},
           ISO_APPLIED);
    /* LOG holds the floor no more, OTHER is above what THIRD was born at */
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), NOW_MS + 1500);
    announce(third);
    ck_assert_int_eq(iso_apply_stand(ground.apply, THIRD), ISO_LOG_READ);
    struct iso_buf before = slice_bytes();
    made_define_in(&ground.made, THIRD, EU, (struct draft){.seq = 1, .after_ms = 1000},
                   hlc_at(1000, 1), third);
    ck_err(ground_apply(&ground, THIRD, false), ISO_LOG_DIVERGED);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "500 ms below this slice's floor"));
    expect_bytes(before);
}
END_TEST

/* ---- forgetting ---- */

static size_t filter_rows(void)
{
    struct iso_snapshot *snapshot;
    struct iso_cursor *cursor;
    struct iso_bytes key, row, none = {0};
    size_t count = 0;
    ck_ok(iso_snapshot_open(ground.store, &snapshot, &ground.why));
    ck_ok(iso_cursor_open(snapshot, ISO_FILTER, none, none, &cursor, &ground.why));
    while (iso_cursor_next(cursor, &key, &row, &ground.why) == ISO_OK)
        count++;
    iso_cursor_close(cursor);
    iso_snapshot_close(snapshot);
    return count;
}

START_TEST(filters_of_a_closed_log_go_with_the_floor)
{
    announce(second);
    put_in(LOG, (struct draft){1, EU, 0, 1, 200, "key", "old"}, ISO_APPLIED);
    put_in(LOG, (struct draft){2, EU, 0, 7, 300, "key", "a gap"}, ISO_APPLIED);
    put_in(LOG, (struct draft){3, US, 0, 1, 400, "key", "old"}, ISO_APPLIED);
    define_third();
    ground_commit(&ground);
    ck_assert_uint_eq(filter_rows(), 4); /* with those of the DEFINEs */
    put_in(THIRD, (struct draft){1, EU, 0, 1, 3 * BEFORE_MAX_MS, "key", "new"},
           ISO_APPLIED);
    ground_commit(&ground);
    ground_abort(&ground); /* no filter is in hand */
    ck_assert(iso_sweep_due(ground.apply));
    size_t rows;
    for (int i = 0; i < 100 && iso_sweep_due(ground.apply); i++) {
        ground_begin(&ground);
        ck_ok(iso_sweep_step(ground.apply, ground.txn, 100, &rows, &ground.why));
        ground_commit(&ground);
    }
    ck_assert_uint_eq(filter_rows(), 1); /* eu's in THIRD */
    /* what they said is said by the bound now */
    put_in(THIRD, (struct draft){2, US, 0, 1, 400, "key", "back"}, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "older than the bound"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply_succession");
    TCase *tests = tcase_create("apply_succession");
    TCase *beside = tcase_create("beside_another_log");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_checked_fixture(beside, setup_beside, teardown);
    tcase_add_test(tests, what_succeeds_a_log_is_read_when_that_is_at_its_end);
    tcase_add_test(tests, a_chain_of_successors_is_read_one_after_the_other);
    tcase_add_test(tests, a_log_that_is_read_out_of_turn_is_the_caller_s_mistake);
    tcase_add_test(tests, nothing_at_the_end_of_a_closed_log_or_behind_it_is_applied);
    tcase_add_test(beside, a_define_that_comes_late_names_a_successor_all_the_same);
    tcase_add_test(beside, a_closed_log_that_ends_in_markers_comes_to_its_end);
    tcase_add_test(tests, a_successor_begins_at_the_bound_and_top_of_what_it_succeeds);
    tcase_add_test(tests, a_birth_below_the_bound_and_a_top_ahead_are_put_right);
    tcase_add_test(
        tests, what_stands_before_the_first_define_is_refused_and_kept_in_the_store);
    tcase_add_test(tests, a_first_record_that_has_to_wait_leaves_the_slice_as_it_was);
    tcase_add_test(tests, markers_at_the_begin_of_a_successor_are_passed_over);
    tcase_add_test(tests, a_node_goes_on_above_what_it_wrote_before);
    tcase_add_test(
        beside, a_blind_write_replaces_what_its_region_wrote_in_what_its_log_succeeds);
    tcase_add_test(beside, a_slice_that_is_beyond_an_end_stops_by_name);
    tcase_add_test(beside,
                   what_was_announced_too_long_ago_opens_no_log_below_the_floor);
    tcase_add_test(tests, filters_of_a_closed_log_go_with_the_floor);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, beside);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
