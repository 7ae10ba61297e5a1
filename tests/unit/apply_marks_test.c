/* What a slice keeps of a log's past (consumer/apply_marks.h). */
#include "apply_ground.h"

#include "consumer/apply_marks.h"

static struct slice_ground ground;

static void setup(void)
{
    ground_init(&ground, EU, def_encoded(def_bare(1, 1)));
    ground_define(&ground);
}

static void teardown(void)
{
    ground_release(&ground);
}

/* A write at an offset: what stands before it may be transaction markers. */
static struct iso_digest put_at(int64_t offset)
{
    static uint64_t seq;
    ground.next = offset;
    seq++;
    made_write(&ground.made, (struct draft){offset, US, 0xa2, seq, 10, "k", "v"});
    ground_expect(&ground, ISO_APPLIED);
    return ground_log(&ground, LOG)->prefix;
}

static bool kept(int64_t offset, struct iso_digest *prefix)
{
    struct iso_why why = {0};
    enum iso_err err = iso_apply_prefix_at(ground.apply, LOG, offset, prefix, &why);
    ck_assert_msg(err == ISO_OK || err == ISO_NOT_FOUND, "%s", why.text);
    return err == ISO_OK;
}

static size_t rows(void)
{
    struct iso_snapshot *snapshot;
    struct iso_cursor *cursor;
    struct iso_bytes key, value, prefix = iso_bytes_text("mark/");
    struct iso_why why = {0};
    size_t count = 0;
    ck_ok(iso_snapshot_open(ground.store, &snapshot, &why));
    ck_ok(iso_cursor_open(snapshot, ISO_META, prefix, prefix, &cursor, &why));
    while (iso_cursor_next(cursor, &key, &value, &why) == ISO_OK)
        count++;
    iso_cursor_close(cursor);
    iso_snapshot_close(snapshot);
    return count;
}

START_TEST(the_running_hash_is_kept_at_the_first_record_of_every_block)
{
    struct iso_digest first = put_at(ISO_MARK_BLOCK - 1);
    struct iso_digest second = put_at(ISO_MARK_BLOCK);
    put_at(ISO_MARK_BLOCK + 1);
    struct iso_digest third = put_at(3 * ISO_MARK_BLOCK + 17); /* markers before it */
    struct iso_digest newest = put_at(3 * ISO_MARK_BLOCK + 18), is;
    ground_commit(&ground);
    ck_assert(kept(0, &is)); /* of the DEFINE */
    ck_assert(!kept(ISO_MARK_BLOCK - 1, &is));
    ck_assert(kept(ISO_MARK_BLOCK, &is) && iso_digest_equal(is, second));
    ck_assert(!kept(ISO_MARK_BLOCK + 1, &is));
    ck_assert(!kept(2 * ISO_MARK_BLOCK, &is));
    ck_assert(!kept(3 * ISO_MARK_BLOCK, &is));
    ck_assert(kept(3 * ISO_MARK_BLOCK + 17, &is) && iso_digest_equal(is, third));
    ck_assert(kept(3 * ISO_MARK_BLOCK + 18, &is) && iso_digest_equal(is, newest));
    ck_assert(!kept(3 * ISO_MARK_BLOCK + 19, &is));
    ck_assert(!iso_digest_equal(first, second));
    ck_assert_int_eq(ground_log(&ground, LOG)->mark_offset, 3 * ISO_MARK_BLOCK + 17);
}
END_TEST

START_TEST(marks_are_bounded_however_far_a_log_jumps)
{
    struct iso_digest is;
    int64_t block = 1;
    for (; block <= ISO_MARKS_MAX + 50; block++)
        put_at(block * ISO_MARK_BLOCK);
    ground_commit(&ground);
    ck_assert_uint_eq(rows(), ISO_MARKS_MAX);
    ck_assert(!kept(50 * ISO_MARK_BLOCK, &is));
    ck_assert(kept(51 * ISO_MARK_BLOCK, &is));
    block += 100;
    put_at(block * ISO_MARK_BLOCK);
    ground_commit(&ground);
    ck_assert_uint_le(rows(), ISO_MARKS_MAX);
    block += 1000000;
    put_at(block * ISO_MARK_BLOCK + 5);
    ground_commit(&ground);
    ck_assert_uint_eq(rows(), 1);
    ck_assert(kept(block * ISO_MARK_BLOCK + 5, &is));
}
END_TEST

START_TEST(a_mark_of_a_batch_that_was_given_up_is_not_there)
{
    struct iso_digest is;
    ground_commit(&ground);
    put_at(ISO_MARK_BLOCK);
    ground_abort(&ground);
    ck_assert(!kept(ISO_MARK_BLOCK, &is));
    ck_assert_uint_eq(rows(), 1);
}
END_TEST

START_TEST(what_is_refused_and_what_is_sent_twice_count_in_the_hash_as_well)
{
    struct iso_digest before = put_at(1), after;
    made_write(&ground.made, (struct draft){2, AP, 0xa3, 1, 10, "k", "v"});
    ground_expect(&ground, ISO_SET_ASIDE); /* the log is not ap's */
    after = ground_log(&ground, LOG)->prefix;
    ck_assert(!iso_digest_equal(before, after));
    before = after;
    made_write(&ground.made, (struct draft){3, US, 0xa2, 1, 10, "k", "v"});
    ck_ok(ground_apply(&ground, LOG, false));
    ck_assert(!iso_digest_equal(before, ground_log(&ground, LOG)->prefix));
}
END_TEST

START_TEST(a_mark_that_the_disk_changed_is_damaged)
{
    struct iso_digest is;
    struct iso_buf key = {0};
    uint8_t row[32] = {0};
    put_at(ISO_MARK_BLOCK);
    put_at(2 * ISO_MARK_BLOCK);
    iso_rows_key_mark(&key, COLLECTION, 0, LOG, 1);
    iso_txn_put(ground.txn, ISO_META, iso_buf_bytes(&key), iso_bytes(row, sizeof row));
    ground_commit(&ground);
    ck_err(iso_apply_prefix_at(ground.apply, LOG, ISO_MARK_BLOCK, &is, &ground.why),
           ISO_DAMAGED);
    iso_buf_release(&key);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply: marks");
    TCase *tests = tcase_create("marks");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_running_hash_is_kept_at_the_first_record_of_every_block);
    tcase_add_test(tests, marks_are_bounded_however_far_a_log_jumps);
    tcase_add_test(tests, a_mark_of_a_batch_that_was_given_up_is_not_there);
    tcase_add_test(tests,
                   what_is_refused_and_what_is_sent_twice_count_in_the_hash_as_well);
    tcase_add_test(tests, a_mark_that_the_disk_changed_is_damaged);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
