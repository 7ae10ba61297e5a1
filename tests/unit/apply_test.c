/* What one record does to a slice, step by step, and what it must leave alone. */
#include "apply_ground.h"

#include "schema/dead_letter.h"

static struct slice_ground ground;

static void setup(void)
{
    ground_init(&ground, EU, def_encoded(def_bare(1, 1)));
}

static void teardown(void)
{
    ground_release(&ground);
}

static struct iso_buf slice_bytes(const struct iso_apply *apply)
{
    struct iso_buf bytes = {0};
    iso_slice_encode(iso_apply_slice(apply), &bytes);
    return bytes;
}

static void expect_same(struct iso_buf before, struct iso_buf after)
{
    ck_assert(iso_bytes_equal(iso_buf_bytes(&before), iso_buf_bytes(&after)));
    iso_buf_release(&before);
    iso_buf_release(&after);
}

/* Rows of a space that the transaction, or else the store, holds. */
static size_t rows_of(enum iso_space space)
{
    struct iso_store_stats stats;
    ck_ok(iso_store_stats(ground.store, &stats, &ground.why));
    return stats.rows[space];
}

static struct iso_entry entry_of(const char *key, struct iso_buf *row)
{
    struct iso_buf name = {0}, scratch = {0};
    struct iso_bytes held;
    struct iso_entry entry;
    struct iso_digest digest;
    ground_begin(&ground);
    iso_rows_key_entry(&name, COLLECTION, 0, iso_bytes_text(key));
    ck_ok(iso_txn_get(ground.txn, ISO_ENTRY, iso_buf_bytes(&name), &held, &ground.why));
    iso_buf_clear(row);
    iso_buf_add_bytes(row, held);
    ck_ok(iso_entry_decode(iso_buf_bytes(row), iso_bytes_text(key), &scratch, &entry,
                           &digest, &ground.why));
    iso_buf_release(&name);
    iso_buf_release(&scratch);
    return entry;
}

static void expect_value(const char *key, const char *value)
{
    struct iso_buf row = {0};
    struct iso_entry entry = entry_of(key, &row);
    ck_assert(iso_bytes_equal(entry.value, iso_bytes_text(value)));
    iso_buf_release(&row);
}

/* ---- before and with the first DEFINE ---- */

START_TEST(before_the_first_define_everything_is_refused)
{
    made_write(&ground.made, (struct draft){ground.next, EU, 1, 1, 5, "key", "value"});
    ground_expect(&ground, ISO_SET_ASIDE);
    made_plain(&ground.made, ground.next, 5, "key", "value");
    ground_expect(&ground, ISO_SET_ASIDE);
    const struct iso_slice_log *log = ground_log(&ground, LOG);
    ck_assert_uint_eq(log->refused, 2);
    ck_assert_int_eq(log->frontier, 2);
    ck_assert_int_eq(log->t_ms, INT64_MIN);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->effective, 0);
}
END_TEST

START_TEST(the_first_define_gives_a_log_its_birth)
{
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), NOW_MS);
    made_define(&ground.made, 0, EU, 1, -40, ground.definition);
    ground_expect(&ground, ISO_APPLIED);
    const struct iso_slice_log *log = ground_log(&ground, LOG);
    ck_assert_uint_eq(log->definition, 1);
    ck_assert_int_eq(log->t_ms, NOW_MS - 40); /* the append time, which came before */
    ck_assert_int_eq(log->bound_ms, NOW_MS);
    ck_assert_uint_eq(log->birth, BIRTH);
    ck_assert_uint_eq(log->top, BIRTH);
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), NOW_MS);
    ck_assert_str_eq(iso_apply_log(ground.apply, 0)->topic, "packages");
    ck_assert_ptr_null(iso_apply_log(ground.apply, 1));
    made_define(&ground.made, 1, EU, 1, -40, ground.definition);
    ground_expect(&ground, ISO_DUPLICATE);
}
END_TEST

START_TEST(a_first_define_is_its_owners_and_bears_the_birth_that_it_announces)
{
    made_define(&ground.made, ground.next, US, 1, 0, ground.definition);
    ground_expect(&ground, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "owns"));
    made_define(&ground.made, ground.next, EU, 1, 0, ground.definition);
    ground.made.write.version.hlc = BIRTH + 1;
    made_seal(&ground.made);
    ground_expect(&ground, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "birth"));
    made_define(&ground.made, ground.next, EU, 1, -AFTER_MAX_MS - 1, ground.definition);
    ground_expect(&ground, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "clock"));
    made_define(&ground.made, ground.next, EU, 1, -AFTER_MAX_MS, ground.definition);
    ground_expect(&ground, ISO_APPLIED);
}
END_TEST

/* ---- the steps ---- */

START_TEST(a_record_below_the_frontier_is_skipped_without_effect)
{
    ground_define(&ground);
    ground_put(&ground, EU, 1, 10, "key", "value");
    struct iso_buf before = slice_bytes(ground.apply);
    made_write(&ground.made, (struct draft){1, EU, 9, 9, 20, "key", "other"});
    ck_ok(ground_apply(&ground, LOG, false));
    ck_assert_int_eq(ground.outcome, ISO_SKIPPED);
    expect_same(before, slice_bytes(ground.apply));
    expect_value("key", "value");
}
END_TEST

START_TEST(a_write_moves_entry_bucket_slice_source_and_time)
{
    ground_define(&ground);
    ground_put(&ground, US, 1, 10, "key", "value");
    ground.made.record.append_ms += 3;
    expect_value("key", "value");
    const struct iso_slice *slice = iso_apply_slice(ground.apply);
    const struct iso_slice_log *log = ground_log(&ground, LOG);
    ck_assert_uint_eq(slice->effective, 1);
    ck_assert_int_eq(slice->tally.values, 1);
    ck_assert_uint_eq(slice->vector.count, 1);
    ck_assert_uint_eq(slice->vector.items[0].log, LOG);
    ck_assert_int_eq(slice->vector.items[0].offset, 1);
    ck_assert_int_eq(log->frontier, 2);
    ck_assert_int_eq(log->t_ms, NOW_MS + 10);
    ck_assert_uint_eq(log->top, hlc_at(10, 1));
    ck_assert_int_eq(log->record_offset, 1);
    ck_assert_int_eq(log->mark_offset, 0);
    ck_assert_uint_eq(log->source_count, 2); /* eu defined, us wrote */
    ck_assert_uint_eq(log->sources[0].writes, 0);
    ck_assert_uint_eq(log->sources[1].region, US);
    ck_assert_uint_eq(log->sources[1].writes, 1);
    ck_assert_int_eq(log->sources[1].offset, 1);
}
END_TEST

START_TEST(a_duplicate_moves_the_frontier_and_nothing_else)
{
    ground_define(&ground);
    ground_put(&ground, EU, 1, 10, "key", "value");
    struct iso_digest live = iso_apply_slice(ground.apply)->tally.live;
    made_write(&ground.made,
               (struct draft){ground.next, EU, 0xa0 + EU, 1, 50, "key", "later"});
    ground_expect(&ground, ISO_DUPLICATE);
    const struct iso_slice *slice = iso_apply_slice(ground.apply);
    const struct iso_slice_log *log = ground_log(&ground, LOG);
    ck_assert(iso_digest_equal(live, slice->tally.live));
    ck_assert_uint_eq(slice->effective, 1);
    ck_assert_int_eq(slice->vector.items[0].offset, 1);
    ck_assert_uint_eq(log->duplicates, 1);
    ck_assert_int_eq(log->frontier, 3);
    ck_assert_int_eq(log->t_ms, NOW_MS + 10);
}
END_TEST

START_TEST(an_hlc_out_of_its_seqs_order_is_refused)
{
    ground_define(&ground);
    ground_put(&ground, EU, 5, 50, "key", "5");
    ground_put(&ground, EU, 9, 90, "key", "9");
    made_write(&ground.made,
               (struct draft){ground.next, EU, 0xa0 + EU, 7, 95, "key", "7"});
    ground_expect(&ground, ISO_SET_ASIDE);
    ck_assert_ptr_nonnull(strstr(ground.why.text, "after fork"));
    ground_put(&ground, EU, 7, 70, "key", "7");
    ck_assert_uint_eq(ground_log(&ground, LOG)->refused, 1);
    expect_value("key", "9");
}
END_TEST

START_TEST(t_is_what_broker_and_writer_both_attest_and_the_bound_follows)
{
    ground_define(&ground);
    made_write(&ground.made, (struct draft){ground.next, EU, 1, 1, 300000, "a", "x"});
    ground.made.record.append_ms = NOW_MS + 400000; /* the broker's runs ahead */
    ground_expect(&ground, ISO_APPLIED);
    const struct iso_slice_log *log = ground_log(&ground, LOG);
    ck_assert_int_eq(log->t_ms, NOW_MS + 300000);
    ck_assert_int_eq(log->bound_ms, NOW_MS + 300000 - BEFORE_MAX_MS);
    made_write(&ground.made, (struct draft){ground.next, EU, 1, 2, 304000, "a", "y"});
    ground.made.record.append_ms = NOW_MS + 299000; /* the writer's does */
    ground_expect(&ground, ISO_APPLIED);
    ck_assert_int_eq(log->t_ms, NOW_MS + 300000);
    ck_assert_uint_eq(log->top, hlc_at(304000, 2));
    ck_assert_int_eq(log->append_ms, NOW_MS + 400000);
    made_plain(&ground.made, ground.next, 900000, "b", "z");
    ground_expect(&ground, ISO_APPLIED); /* attests nothing */
    ck_assert_int_eq(log->t_ms, NOW_MS + 300000);
    ck_assert_uint_eq(log->top, hlc_at(300000 + AFTER_MAX_MS, 0));
    ck_assert_int_eq(iso_apply_floor_ms(ground.apply), log->bound_ms);
}
END_TEST

START_TEST(a_heartbeat_moves_time_and_no_write)
{
    ground_define(&ground);
    made_write(&ground.made, (struct draft){ground.next, US, 1, 1, 200000, NULL, NULL});
    ground_expect(&ground, ISO_APPLIED);
    const struct iso_slice_log *log = ground_log(&ground, LOG);
    ck_assert_int_eq(log->t_ms, NOW_MS + 200000);
    ck_assert_int_eq(log->bound_ms, NOW_MS + 200000 - BEFORE_MAX_MS);
    ck_assert_uint_eq(log->sources[1].writes, 0);
    ck_assert_uint_eq(log->sources[1].hlc, hlc_at(200000, 1));
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->effective, 0);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->vector.count, 0);
}
END_TEST

START_TEST(a_plain_clients_records_are_writes_of_their_own_source)
{
    ground_define(&ground);
    made_plain(&ground.made, ground.next, 10, "key", "one");
    ground_expect(&ground, ISO_APPLIED);
    made_plain(&ground.made, ground.next, -9000, "key", "two");
    ground_expect(&ground, ISO_APPLIED);
    expect_value("key", "two");
    made_plain(&ground.made, ground.next, 20, "key", NULL);
    ground_expect(&ground, ISO_APPLIED);
    const struct iso_slice *slice = iso_apply_slice(ground.apply);
    const struct iso_slice_log *log = ground_log(&ground, LOG);
    ck_assert_uint_eq(slice->effective, 3);
    ck_assert_int_eq(slice->tally.values, 0);
    ck_assert_int_eq(slice->tally.tombstones, 1);
    ck_assert_uint_eq(log->sources[0].region, 0);
    ck_assert_uint_eq(log->sources[0].writes, 3);
    ck_assert_uint_eq(slice->ledger_rows, 0); /* each replaced its own */
}
END_TEST

START_TEST(a_loser_stands_in_the_ledger_until_its_child_comes)
{
    ground_define(&ground);
    ground_put(&ground, EU, 1, 10, "key", "eu");
    ground_put(&ground, US, 1, 20, "key", "us");
    const struct iso_slice *slice = iso_apply_slice(ground.apply);
    ck_assert_uint_eq(slice->ledger_rows, 1);
    ck_assert(slice->ledger.low != 0);
    ground_put(&ground, EU, 2, 30, "key", "eu again"); /* blind: replaces eu's first */
    ck_assert_uint_eq(slice->ledger_rows, 1);          /* us's now */
    uint8_t names[ISO_VERSION_SIZE];
    iso_version_put(names,
                    (struct iso_version){hlc_at(20, 1), iso_node(US, 0xa0 + US)});
    made_write(&ground.made,
               (struct draft){ground.next, EU, 0xa0 + EU, 3, 40, "key", "settled"});
    ground.made.write.blind = false;
    ground.made.write.read = (struct iso_names){names, 1};
    made_seal(&ground.made);
    ground_expect(&ground, ISO_APPLIED);
    ck_assert_uint_eq(slice->ledger_rows, 1); /* us's left, eu's second came */
    ground_put(&ground, EU, 4, 50, "key", "blind");
    ck_assert_uint_eq(slice->ledger_rows, 0);
    ck_assert(iso_digest_equal(slice->ledger, (struct iso_digest){0}));
}
END_TEST

/* ---- dead letters ---- */

START_TEST(a_refused_record_becomes_a_dead_letter_of_the_logs_owner_only)
{
    struct slice_ground other;
    ground_init(&other, US, def_encoded(def_bare(1, 1)));
    ground_define(&ground);
    ground_define(&other);
    made_write(&ground.made, (struct draft){ground.next, AP, 1, 1, 10, "key", "value"});
    ground_expect(&ground, ISO_SET_ASIDE);
    made_write(&other.made, (struct draft){other.next, AP, 1, 1, 10, "key", "value"});
    ground_expect(&other, ISO_SET_ASIDE);
    ground_commit(&ground);
    ground_commit(&other);
    ck_assert_uint_eq(rows_of(ISO_OUTBOX), 1);
    struct iso_store_stats stats;
    ck_ok(iso_store_stats(other.store, &stats, &other.why));
    ck_assert_uint_eq(stats.rows[ISO_OUTBOX], 0);
    expect_same(slice_bytes(ground.apply), slice_bytes(other.apply));
    ground_release(&other);
}
END_TEST

START_TEST(a_dead_letter_says_what_where_and_why)
{
    ground_define(&ground);
    made_write(&ground.made, (struct draft){ground.next, AP, 1, 1, 10, "key", "value"});
    ground_expect(&ground, ISO_SET_ASIDE);
    struct iso_buf key = {0};
    struct iso_bytes row;
    struct iso_dead_letter letter;
    iso_rows_key_outbox(&key, COLLECTION, 0, LOG, 1);
    ck_ok(iso_txn_get(ground.txn, ISO_OUTBOX, iso_buf_bytes(&key), &row, &ground.why));
    ck_ok(iso_dead_letter_decode(row, &letter, &ground.why));
    ck_assert(iso_bytes_equal(letter.topic, iso_bytes_text("packages")));
    ck_assert(iso_bytes_equal(letter.error, iso_bytes_text("ISO_REFUSED")));
    ck_assert(iso_bytes_equal(letter.key, iso_bytes_text("key")));
    ck_assert(iso_bytes_equal(letter.value, iso_bytes_text("value")));
    ck_assert(letter.has_header && !letter.value_cut);
    ck_assert_int_eq(letter.offset, 1);
    ck_assert_int_eq(letter.append_ms, NOW_MS + 10);
    ck_assert(letter.reason.size > 0);
    iso_buf_release(&key);
}
END_TEST

/* ---- save, abort, load ---- */

START_TEST(a_committed_slice_is_loaded_as_it_was)
{
    ground_define(&ground);
    ground_put(&ground, EU, 1, 10, "key", "eu");
    ground_put(&ground, US, 1, 20, "key", "us");
    ground_commit(&ground);
    struct iso_buf before = slice_bytes(ground.apply);
    iso_apply_close(ground.apply);
    ground_open(&ground, EU);
    expect_same(before, slice_bytes(ground.apply));
    made_write(&ground.made,
               (struct draft){ground.next, EU, 0xa0 + EU, 1, 10, "key", "eu"});
    ground_expect(&ground, ISO_DUPLICATE); /* the filter came back */
    ground_put(&ground, EU, 2, 30, "key", "eu again");
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->effective, 3);
}
END_TEST

START_TEST(an_abort_leaves_nothing_and_the_same_records_give_the_same_again)
{
    ground_define(&ground);
    ground_put(&ground, EU, 1, 10, "key", "eu");
    ground_commit(&ground);
    struct iso_buf before = slice_bytes(ground.apply);
    int64_t from = ground.next;
    struct iso_buf after[2] = {0};
    for (int round = 0; round < 2; round++) {
        ground.next = from;
        ground_put(&ground, US, 1, 20, "key", "us");
        ground_put(&ground, US, 2, 30, "other", "us");
        made_write(&ground.made,
                   (struct draft){ground.next, US, 0xa0 + US, 2, 30, "other", "us"});
        ground_expect(&ground, ISO_DUPLICATE);
        after[round] = slice_bytes(ground.apply);
        if (round == 0) {
            ground_abort(&ground);
            expect_same(before, slice_bytes(ground.apply));
        }
    }
    expect_same(after[0], after[1]);
}
END_TEST

/* Changes a byte of a stored row, as a disk might. */
static void damage(enum iso_space space, const struct iso_buf *key)
{
    struct iso_bytes row;
    struct iso_buf copy = {0};
    ground_begin(&ground);
    ck_ok(iso_txn_get(ground.txn, space, iso_buf_bytes(key), &row, &ground.why));
    iso_buf_add_bytes(&copy, row);
    copy.data[copy.size - 1] ^= 1;
    iso_txn_put(ground.txn, space, iso_buf_bytes(key), iso_buf_bytes(&copy));
    iso_buf_release(&copy);
}

START_TEST(a_record_that_meets_damage_leaves_the_slice_as_it_was)
{
    struct iso_buf key = {0};
    struct iso_loser loser = {
        .key = iso_bytes_text("key"),
        .field = iso_bytes_text(""),
        .version = {hlc_at(10, 1), iso_node(EU, 0xa0 + EU)},
    };
    ground_define(&ground);
    ground_put(&ground, EU, 1, 10, "key", "eu");
    ground_put(&ground, US, 1, 20, "key", "us"); /* eu's lost */
    if (_i == 0) {
        iso_rows_key_entry(&key, COLLECTION, 0, iso_bytes_text("key"));
        damage(ISO_ENTRY, &key);
    } else {
        iso_rows_prefix(&key, COLLECTION, 0);
        iso_loser_key(&loser, &key);
        damage(ISO_LEDGER, &key);
    }
    struct iso_buf before = slice_bytes(ground.apply);
    made_write(&ground.made,
               (struct draft){ground.next, EU, 0xa0 + EU, 2, 30, "key", "x"});
    ck_err(ground_apply(&ground, LOG, false), ISO_DAMAGED);
    ck_err(ground_apply(&ground, LOG, false), ISO_DAMAGED); /* and is no duplicate */
    expect_same(before, slice_bytes(ground.apply));
    ground_put(&ground, EU, 2, 30, "other", "x");
    iso_buf_release(&key);
}
END_TEST

START_TEST(a_merge_that_fails_half_way_gives_the_ledger_back)
{
    uint8_t names[2 * ISO_VERSION_SIZE];
    struct iso_buf key = {0};
    struct iso_loser loser = {.key = iso_bytes_text("key"),
                              .field = iso_bytes_text("")};
    ground_define(&ground);
    ground_put(&ground, EU, 1, 10, "key", "eu");
    ground_put(&ground, US, 1, 20, "key", "us");
    made_write(&ground.made, (struct draft){ground.next, EU, 0xb0, 1, 30, "key", "y"});
    ground.made.write.blind = false;
    made_seal(&ground.made);
    ground_expect(&ground, ISO_APPLIED); /* saw nothing: us's lost, too */
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->ledger_rows, 2);
    iso_version_put(names,
                    (struct iso_version){hlc_at(10, 1), iso_node(EU, 0xa0 + EU)});
    loser.version = (struct iso_version){hlc_at(20, 1), iso_node(US, 0xa0 + US)};
    iso_version_put(names + ISO_VERSION_SIZE, loser.version);
    iso_rows_prefix(&key, COLLECTION, 0);
    iso_loser_key(&loser, &key);
    damage(ISO_LEDGER, &key); /* the second that leaves */
    struct iso_buf before = slice_bytes(ground.apply);
    made_write(&ground.made, (struct draft){ground.next, EU, 0xb0, 2, 40, "key", "z"});
    ground.made.write.blind = false;
    ground.made.write.read = (struct iso_names){names, 2};
    made_seal(&ground.made);
    ck_err(ground_apply(&ground, LOG, false), ISO_DAMAGED);
    expect_same(before, slice_bytes(ground.apply));
    ground_commit(&ground);
    ck_assert_uint_eq(rows_of(ISO_LEDGER), 2);
    iso_buf_release(&key);
}
END_TEST

START_TEST(the_end_of_a_log_moves_the_frontier_forwards_only)
{
    ground_define(&ground);
    ck_ok(iso_apply_end(ground.apply, LOG, 9, &ground.why));
    ck_assert_int_eq(ground_log(&ground, LOG)->frontier, 9);
    ck_ok(iso_apply_end(ground.apply, LOG, 9, &ground.why));
    ck_err(iso_apply_end(ground.apply, LOG, 8, &ground.why), ISO_LOG_DIVERGED);
    ck_assert_int_eq(ground_log(&ground, LOG)->frontier, 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply");
    TCase *tests = tcase_create("apply");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, before_the_first_define_everything_is_refused);
    tcase_add_test(tests, the_first_define_gives_a_log_its_birth);
    tcase_add_test(tests,
                   a_first_define_is_its_owners_and_bears_the_birth_that_it_announces);
    tcase_add_test(tests, a_record_below_the_frontier_is_skipped_without_effect);
    tcase_add_test(tests, a_write_moves_entry_bucket_slice_source_and_time);
    tcase_add_test(tests, a_duplicate_moves_the_frontier_and_nothing_else);
    tcase_add_test(tests, an_hlc_out_of_its_seqs_order_is_refused);
    tcase_add_test(tests,
                   t_is_what_broker_and_writer_both_attest_and_the_bound_follows);
    tcase_add_test(tests, a_heartbeat_moves_time_and_no_write);
    tcase_add_test(tests, a_plain_clients_records_are_writes_of_their_own_source);
    tcase_add_test(tests, a_loser_stands_in_the_ledger_until_its_child_comes);
    tcase_add_test(tests,
                   a_refused_record_becomes_a_dead_letter_of_the_logs_owner_only);
    tcase_add_test(tests, a_dead_letter_says_what_where_and_why);
    tcase_add_test(tests, a_committed_slice_is_loaded_as_it_was);
    tcase_add_test(tests,
                   an_abort_leaves_nothing_and_the_same_records_give_the_same_again);
    tcase_add_loop_test(tests, a_record_that_meets_damage_leaves_the_slice_as_it_was, 0,
                        2);
    tcase_add_test(tests, a_merge_that_fails_half_way_gives_the_ledger_back);
    tcase_add_test(tests, the_end_of_a_log_moves_the_frontier_forwards_only);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
