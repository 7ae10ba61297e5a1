/* Forgetting in one slice, step by step: what is due when, what an abort gives back,
 * and what is damage. */
#include "apply_world.h"

#include "consumer/sweep.h"

static void beat(struct slice_ground *ground, uint64_t seq, int64_t after_ms)
{
    ground_put(ground, EU, seq, after_ms, NULL, NULL);
}

static void sweep_all(struct slice_ground *ground)
{
    size_t rows;
    ground_begin(ground);
    while (iso_sweep_due(ground->apply))
        ck_ok(iso_sweep_step(ground->apply, ground->txn, 100, &rows, &ground->why));
    ground_commit(ground);
}

START_TEST(a_tombstone_goes_when_the_floor_has_passed_it_and_its_key_stays_away)
{
    struct slice_ground ground;
    const struct iso_slice *slice;
    ground_init(&ground, EU, def_encoded(def_bare(1, 1)));
    slice = iso_apply_slice(ground.apply);
    ground_define(&ground);
    ground_put(&ground, EU, 1, 10, "key", "value");
    ground_put(&ground, EU, 2, 20, "key", NULL);
    sweep_all(&ground);
    ck_assert_int_eq(slice->tally.tombstones, 1);
    ck_assert_int_eq(slice->swept_max_ms, 0);
    beat(&ground, 3, BEFORE_MAX_MS + 10);
    sweep_all(&ground);
    ck_assert_int_eq(slice->tally.tombstones, 1); /* the step is not reached */
    beat(&ground, 4, BEFORE_MAX_MS + BEFORE_MAX_MS / 24 + 30);
    ck_assert(iso_sweep_due(ground.apply));
    sweep_all(&ground);
    ck_assert(!iso_sweep_due(ground.apply));
    ck_assert_int_eq(slice->tally.tombstones, 0);
    ck_assert(iso_digest_equal(slice->tally.mortal, (struct iso_digest){0}));
    ck_assert_int_eq(slice->swept_min_ms, slice->swept_max_ms);
    ck_assert_int_gt(slice->swept_min_ms, NOW_MS + 20);
    /* Older than the tombstone was, and late: refused, here as everywhere. */
    made_write(&ground.made, (struct draft){ground.next, US, 1, 1, 15, "key", "old"});
    ground_expect(&ground, ISO_SET_ASIDE);
    ck_assert_int_eq(slice->tally.values, 0);
    ground_release(&ground);
}
END_TEST

START_TEST(an_abort_gives_back_what_a_sweep_took)
{
    struct slice_ground ground;
    size_t rows;
    ground_init(&ground, EU, def_encoded(def_bare(1, 1)));
    ground_define(&ground);
    ground_put(&ground, EU, 1, 20, "key", NULL);
    beat(&ground, 2, 2 * BEFORE_MAX_MS);
    ground_commit(&ground);
    ground_begin(&ground);
    ck_ok(iso_sweep_step(ground.apply, ground.txn, 100, &rows, &ground.why));
    ck_assert_int_eq(iso_apply_slice(ground.apply)->tally.tombstones, 0);
    ground_abort(&ground);
    ck_assert_int_eq(iso_apply_slice(ground.apply)->tally.tombstones, 1);
    ck_assert_int_eq(iso_apply_slice(ground.apply)->swept_max_ms, 0);
    ck_assert(iso_sweep_due(ground.apply));
    sweep_all(&ground);
    ck_assert_int_eq(iso_apply_slice(ground.apply)->tally.tombstones, 0);
    ground_release(&ground);
}
END_TEST

START_TEST(a_log_that_stands_still_holds_the_sweep_back)
{
    struct slice_ground ground;
    struct iso_definition *two = two_logs();
    ground_init(&ground, EU, two);
    ground_define(&ground);
    ground_put(&ground, EU, 1, 20, "key", NULL);
    beat(&ground, 2, 2 * BEFORE_MAX_MS);
    ck_assert(!iso_sweep_due(ground.apply));
    made_define(&ground.made, 0, AP, 1, 0, ground.definition);
    ground.made.write.log = OTHER;
    made_seal(&ground.made);
    ck_ok(ground_apply(&ground, OTHER, false));
    made_write(&ground.made,
               (struct draft){1, AP, 1, 1, 2 * BEFORE_MAX_MS, NULL, NULL});
    ground.made.write.log = OTHER;
    made_seal(&ground.made);
    ck_ok(ground_apply(&ground, OTHER, false));
    ck_assert(iso_sweep_due(ground.apply));
    sweep_all(&ground);
    ck_assert_int_eq(iso_apply_slice(ground.apply)->tally.tombstones, 0);
    ground_release(&ground);
}
END_TEST

static uint64_t rows_of(struct iso_store *store, enum iso_space space)
{
    struct iso_store_stats stats;
    ck_ok(iso_store_stats(store, &stats, NULL));
    return stats.rows[space];
}

START_TEST(nodes_that_write_no_more_leave_the_filter)
{
    struct slice_ground ground;
    ground_init(&ground, EU, def_encoded(def_bare(1, 1)));
    ground_define(&ground);
    for (unsigned node = 1; node <= 100; node++) {
        made_write(&ground.made, (struct draft){ground.next, US, node, node % 10 + 1,
                                                node, "key", "value"});
        ground_expect(&ground, ISO_APPLIED);
    }
    ground_commit(&ground);
    uint64_t before = rows_of(ground.store, ISO_FILTER);
    ck_assert_uint_ge(before, 100);
    beat(&ground, 1, 2 * BEFORE_MAX_MS);
    ground_commit(&ground);
    sweep_all(&ground);
    ck_assert_uint_lt(rows_of(ground.store, ISO_FILTER), 20); /* some are in hand */
    ground_release(&ground);
}
END_TEST

START_TEST(an_index_that_names_nothing_is_damage)
{
    struct slice_ground ground;
    struct iso_buf key = {0};
    size_t rows;
    ground_init(&ground, EU, def_encoded(def_bare(1, 1)));
    ground_define(&ground);
    ground_put(&ground, EU, 1, 20, "key", NULL);
    beat(&ground, 2, 2 * BEFORE_MAX_MS);
    iso_rows_key_entry(&key, COLLECTION, 0, iso_bytes_text("key"));
    iso_txn_delete(ground.txn, ISO_ENTRY, iso_buf_bytes(&key));
    ck_err(iso_sweep_step(ground.apply, ground.txn, 100, &rows, &ground.why),
           ISO_DAMAGED);
    iso_buf_release(&key);
    ground_release(&ground);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply_sweep_steps");
    TCase *tests = tcase_create("apply_sweep_steps");
    tcase_set_timeout(tests, 120);
    tcase_add_test(
        tests, a_tombstone_goes_when_the_floor_has_passed_it_and_its_key_stays_away);
    tcase_add_test(tests, an_abort_gives_back_what_a_sweep_took);
    tcase_add_test(tests, a_log_that_stands_still_holds_the_sweep_back);
    tcase_add_test(tests, nodes_that_write_no_more_leave_the_filter);
    tcase_add_test(tests, an_index_that_names_nothing_is_damage);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
