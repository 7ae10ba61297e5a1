/* The bounds of the ledger: what is too old or too much goes, oldest first, and nothing
 * that regions compare changes by it: count, digest, and which rows leave, with a bound
 * that strikes between any two records. */
#include "apply_ground.h"

#include "consumer/prune.h"

static struct slice_ground ground;
static struct iso_prune prune;
static int64_t steady_ms;
static int drops_fail; /* so many drops are not taken, the next ones are */

static void setup(void)
{
    ground_init(&ground, EU, def_encoded(def_bare(1, 1)));
    ground_define(&ground);
    prune = (struct iso_prune){0};
    steady_ms = 0;
    drops_fail = 0;
}

static void teardown(void)
{
    iso_prune_release(&prune);
    ground_release(&ground);
}

/* ---- the ledger ---- */

/* A value of `size` bytes that loses at once: us, who saw nothing, beats it. */
static void lose(struct slice_ground *at, uint64_t seq, int64_t after_ms,
                 const char *key, size_t size)
{
    struct iso_buf value = {0};
    for (size_t i = 0; i < size; i++)
        iso_buf_add_u8(&value, 'v');
    made_write(&at->made, (struct draft){at->next, EU, 1, seq, after_ms, key, ""});
    iso_buf_clear(&at->made.value);
    iso_buf_add_bytes(&at->made.value, iso_buf_bytes(&value));
    at->made.write.blind = false;
    made_seal(&at->made);
    ground_expect(at, ISO_APPLIED);
    made_write(&at->made, (struct draft){at->next, US, 2, seq, after_ms, key, "won"});
    at->made.write.blind = false;
    made_seal(&at->made);
    ground_expect(at, ISO_APPLIED);
    iso_buf_release(&value);
}

struct ledger {
    size_t whole, bytes, stubs;
    struct iso_digest digest;
    uint64_t oldest; /* hlc of a whole one */
};

static struct ledger ledger_of(struct slice_ground *at)
{
    struct ledger ledger = {.oldest = UINT64_MAX};
    struct iso_snapshot *snapshot;
    struct iso_cursor *cursor;
    struct iso_bytes key, row, all = {0};
    ck_ok(iso_snapshot_open(at->store, &snapshot, &at->why));
    ck_ok(iso_cursor_open(snapshot, ISO_LEDGER, all, all, &cursor, &at->why));
    while (iso_cursor_next(cursor, &key, &row, &at->why) == ISO_OK) {
        struct iso_loser loser;
        struct iso_digest digest;
        ck_ok(iso_loser_decode(
            iso_bytes(key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX), row,
            &loser, &digest, &at->why));
        iso_digest_add(&ledger.digest, digest);
        ledger.whole += !loser.dropped;
        ledger.stubs += loser.dropped;
        ledger.bytes += loser.value.size;
        if (!loser.dropped && loser.version.hlc < ledger.oldest)
            ledger.oldest = loser.version.hlc;
    }
    iso_cursor_close(cursor);
    iso_snapshot_close(snapshot);
    return ledger;
}

/* What the slice says is what stands there. */
static struct ledger check(struct slice_ground *at)
{
    const struct iso_slice *slice = iso_apply_slice(at->apply);
    struct ledger ledger = ledger_of(at);
    ck_assert_uint_eq(slice->ledger_rows, ledger.whole + ledger.stubs);
    ck_assert(iso_digest_equal(slice->ledger, ledger.digest));
    ck_assert_uint_ge(slice->dropped_rows, ledger.stubs);
    return ledger;
}

/* ---- passes ---- */

static enum iso_err drop(void *user, struct iso_bytes key, size_t *bytes,
                         struct iso_why *why)
{
    struct slice_ground *at = user;
    bool dropped;
    *bytes = 0;
    if (drops_fail > 0 && drops_fail-- > 0)
        return iso_fail(why, ISO_IO, "the test's store does not take it");
    ground_begin(at);
    return iso_apply_ledger_drop(at->apply, at->txn, key, &dropped, bytes, why);
}

static enum iso_err step(struct slice_ground *at, int64_t after_ms)
{
    steady_ms += ISO_PRUNE_STEP_MS;
    return iso_prune_step(&prune, at->store,
                          (struct iso_prune_time){steady_ms, NOW_MS + after_ms}, drop,
                          at, &at->why);
}

/* Passes until it rests; each step commits. Says how many steps it took. */
static int passes(struct slice_ground *at, int64_t after_ms)
{
    int steps = 0;
    do {
        ck_assert_int_lt(steps, 1000);
        ck_ok(step(at, after_ms));
        ground_commit(at);
        steps++;
    } while (prune.at.size > 0 || prune.until_ms != INT64_MIN);
    return steps;
}

START_TEST(without_bounds_nothing_is_ever_due)
{
    ck_assert(!iso_prune_due(&prune, INT64_MAX));
    prune.bounds.age_ms = 1;
    ck_assert(iso_prune_due(&prune, 0));
    prune.bounds = (struct iso_prune_bounds){.bytes_max = 1};
    ck_assert(iso_prune_due(&prune, 0));
}
END_TEST

START_TEST(what_is_older_than_the_age_goes_and_nothing_else)
{
    char key[16];
    for (uint64_t n = 1; n <= 40; n++) {
        snprintf(key, sizeof key, "key-%u", (unsigned)n);
        lose(&ground, n, (int64_t)n * 1000, key, n);
    }
    ground_commit(&ground);
    struct iso_digest digest = check(&ground).digest;
    prune.bounds.age_ms = 25000;
    passes(&ground, 45000); /* what was written before 20,000 */
    struct ledger ledger = check(&ground);
    ck_assert_uint_eq(ledger.stubs, 19);
    ck_assert_uint_eq(ledger.whole, 21);
    ck_assert_int_eq(iso_hlc_ms(ledger.oldest), NOW_MS + 20000);
    ck_assert(iso_digest_equal(digest, ledger.digest));
    const struct iso_slice *slice = iso_apply_slice(ground.apply);
    ck_assert_uint_eq(slice->dropped_rows, 19);
    ck_assert_uint_eq(slice->dropped_bytes, 19 * 20 / 2);
    passes(&ground, 45000); /* a second time there is nothing */
    ck_assert_uint_eq(slice->dropped_rows, 19);
}
END_TEST

START_TEST(what_is_too_much_goes_oldest_first_and_not_a_value_more)
{
    char key[16];
    size_t total = 0;
    for (uint64_t n = 1; n <= 60; n++) {
        /* keys do not stand in the order of their ages */
        snprintf(key, sizeof key, "key-%u", (unsigned)(n * 37 % 61));
        lose(&ground, n, (int64_t)n * 1000, key, 10);
        total += 10;
    }
    ground_commit(&ground);
    for (int64_t max = 590; max > 0; max -= 90) {
        prune.bounds.bytes_max = max;
        prune.step_at_ms = 0;
        passes(&ground, 61000);
        struct ledger ledger = check(&ground);
        ck_assert_uint_le(ledger.bytes, (size_t)max);
        ck_assert_uint_gt(ledger.bytes + 10, (size_t)max);
        /* In order but for a class: a sixteenth of the age. */
        int64_t age_ms = NOW_MS + 61000 - iso_hlc_ms(ledger.oldest);
        int64_t right_ms = max / 10 * 1000;
        ck_assert_int_le(age_ms, right_ms + right_ms / 8 + 1000);
    }
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->dropped_bytes,
                      total - check(&ground).bytes);
}
END_TEST

START_TEST(values_of_one_moment_are_not_all_dropped_for_one_too_many)
{
    char key[16];
    for (uint64_t n = 1; n <= 30; n++) {
        snprintf(key, sizeof key, "key-%u", (unsigned)n);
        lose(&ground, n, 1000, key, 100);
    }
    ground_commit(&ground);
    prune.bounds.bytes_max = 2950;
    passes(&ground, (int64_t)1 << 40);
    ck_assert_uint_eq(check(&ground).whole, 29);
    prune.bounds.bytes_max = 1;
    prune.step_at_ms = 0;
    passes(&ground, -5000); /* all of the future */
    ck_assert_uint_eq(check(&ground).whole, 0);
}
END_TEST

START_TEST(a_pass_takes_bounded_steps_and_goes_on_where_it_was)
{
    char key[16];
    for (uint64_t n = 1; n <= 600; n++) {
        snprintf(key, sizeof key, "key-%03u", (unsigned)n);
        lose(&ground, n, (int64_t)n, key, 5);
    }
    ground_commit(&ground);
    prune.bounds.age_ms = 1;
    ck_ok(step(&ground, 5000));
    ground_commit(&ground);
    ck_assert_uint_eq(check(&ground).stubs, ISO_PRUNE_STEP_ROWS);
    ck_ok(step(&ground, 5000));
    ground_commit(&ground);
    ck_assert_uint_eq(check(&ground).stubs, 2 * ISO_PRUNE_STEP_ROWS);
    ck_assert(iso_prune_due(&prune, steady_ms + ISO_PRUNE_STEP_MS));
    ck_ok(step(&ground, 5000));
    ground_commit(&ground);
    ck_assert_uint_eq(check(&ground).stubs, 600);
    ck_assert_uint_eq(prune.at.size, 0);
    ck_assert(iso_prune_due(&prune, steady_ms + ISO_PRUNE_STEP_MS));
    prune.bounds = (struct iso_prune_bounds){.bytes_max = 1};
    while (prune.step_at_ms <= steady_ms + ISO_PRUNE_STEP_MS)
        ck_ok(step(&ground, 5000)); /* there is nothing: it rests */
    ck_assert(!iso_prune_due(&prune, steady_ms + ISO_PRUNE_REST_MS - 1));
    ck_assert(iso_prune_due(&prune, steady_ms + ISO_PRUNE_REST_MS));
}
END_TEST

/* ---- faults ---- */

static void forty(void)
{
    char key[16];
    for (uint64_t n = 1; n <= 40; n++) {
        snprintf(key, sizeof key, "key-%02u", (unsigned)n);
        lose(&ground, n, (int64_t)n, key, 5);
    }
    ground_commit(&ground);
    prune.bounds.age_ms = 1;
}

START_TEST(a_drop_that_fails_is_tried_again_and_none_is_left_out)
{
    forty();
    for (int n = 0; n < 10; n++) {
        drops_fail = 1;
        ck_err(step(&ground, 5000), ISO_IO);
        ground_commit(&ground);
    }
    passes(&ground, 5000);
    ck_assert_uint_eq(check(&ground).stubs, 40);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->dropped_rows, 40);
}
END_TEST

START_TEST(an_abort_gives_back_rows_and_counts_and_the_next_pass_takes_them)
{
    forty();
    ck_ok(step(&ground, 5000));
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->dropped_rows, 40);
    ground_abort(&ground);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->dropped_rows, 0);
    ck_assert_uint_eq(check(&ground).whole, 40);
    passes(&ground, 5000);
    ck_assert_uint_eq(check(&ground).stubs, 40);
}
END_TEST

START_TEST(a_restart_in_the_middle_of_a_pass_counts_nothing_twice)
{
    char key[16];
    for (uint64_t n = 1; n <= 400; n++) {
        snprintf(key, sizeof key, "key-%03u", (unsigned)n);
        lose(&ground, n, (int64_t)n, key, 5);
    }
    ground_commit(&ground);
    prune.bounds.age_ms = 1;
    ck_ok(step(&ground, 5000));
    ground_commit(&ground);
    iso_apply_close(ground.apply); /* and the pass is forgotten */
    ground_open(&ground, EU);
    iso_prune_release(&prune);
    prune.bounds.age_ms = 1;
    ck_assert_uint_eq(check(&ground).stubs, ISO_PRUNE_STEP_ROWS);
    passes(&ground, 5000);
    ck_assert_uint_eq(check(&ground).stubs, 400);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->dropped_rows, 400);
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->dropped_bytes, 2000);
}
END_TEST

START_TEST(a_row_that_changed_since_it_was_read_is_met_as_it_is_now)
{
    ground_begin(&ground);
    lose(&ground, 1, 10, "key", 5);
    lose(&ground, 1001, 20, "other", 7);
    ground_commit(&ground);
    ground_begin(&ground); /* us's second write replaces nothing; eu's is here */
    made_write(&ground.made, (struct draft){ground.next, EU, 1, 1002, 30, "key", "x"});
    ground_expect(&ground, ISO_APPLIED); /* blind: eu's loser leaves */
    prune.bounds.age_ms = 1;
    ck_ok(step(&ground, 5000));
    ground_commit(&ground);
    struct ledger ledger = check(&ground);
    ck_assert_uint_eq(ledger.stubs, 1); /* other's; what left did not come back */
    ck_assert_uint_eq(ledger.whole, 1); /* us's, that the snapshot did not have */
    ck_assert_uint_eq(iso_apply_slice(ground.apply)->dropped_bytes, 7);
}
END_TEST

/* ---- what regions compare ---- */

static void draw(struct slice_ground *at, uint64_t n, uint64_t dice)
{
    char key[16], value[16];
    unsigned region = dice % 2 == 0 ? EU : US;
    snprintf(key, sizeof key, "key-%u", (unsigned)(dice / 2 % 4));
    snprintf(value, sizeof value, "value-%u", (unsigned)(dice % 1000));
    bool deletes = dice / 8 % 5 == 0;
    made_write(&at->made, (struct draft){at->next, region, region, n,
                                         (int64_t)n * 10 + (int64_t)(dice / 64 % 100),
                                         key, deletes ? NULL : value});
    at->made.write.version.hlc = hlc_at((int64_t)n * 10, (unsigned)(dice / 64 % 9));
    at->made.write.blind = dice / 1024 % 3 != 0;
    made_seal(&at->made);
    ground_expect(at, ISO_APPLIED);
}

/* The slice, but for what it says of its own region. */
static struct iso_buf compared(const struct slice_ground *at)
{
    struct iso_buf bytes = {0};
    struct iso_slice slice = *iso_apply_slice(at->apply);
    slice.dropped_rows = slice.dropped_bytes = 0;
    iso_slice_encode(&slice, &bytes);
    return bytes;
}

START_TEST(a_region_that_drops_between_any_two_records_stays_like_one_that_never_does)
{
    struct slice_ground whole;
    struct iso_chance chance, when;
    size_t dropped = 0, left = 0;
    ground_init(&whole, EU, def_encoded(def_bare(1, 1)));
    ground_define(&whole);
    iso_chance_seeded_init(&chance, (uint64_t)_i);
    iso_chance_seeded_init(&when, (uint64_t)_i + 1000);
    for (uint64_t n = 1; n <= 200; n++) {
        uint64_t dice = iso_chance_draw(&chance);
        draw(&whole, n, dice);
        draw(&ground, n, dice);
        if (iso_chance_draw(&when) % 4 != 0)
            continue;
        ground_commit(&whole);
        ground_commit(&ground);
        prune.bounds.age_ms = 1 + (int64_t)(iso_chance_draw(&when) % 300);
        prune.step_at_ms = 0;
        passes(&ground, (int64_t)n * 10);
        struct ledger ledger = check(&ground);
        left += dropped > ledger.stubs;
        dropped = ledger.stubs;
        struct iso_buf a = compared(&whole), b = compared(&ground);
        ck_assert_msg(iso_bytes_equal(iso_buf_bytes(&a), iso_buf_bytes(&b)),
                      "seed %d, record %d", _i, (int)n);
        iso_buf_release(&a);
        iso_buf_release(&b);
    }
    ck_assert_uint_gt(iso_apply_slice(ground.apply)->dropped_rows, 10);
    ck_assert_uint_gt(left, 0); /* stubs leave, too */
    ground_release(&whole);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prune");
    TCase *tests = tcase_create("prune");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, without_bounds_nothing_is_ever_due);
    tcase_add_test(tests, what_is_older_than_the_age_goes_and_nothing_else);
    tcase_add_test(tests, what_is_too_much_goes_oldest_first_and_not_a_value_more);
    tcase_add_test(tests, values_of_one_moment_are_not_all_dropped_for_one_too_many);
    tcase_add_test(tests, a_pass_takes_bounded_steps_and_goes_on_where_it_was);
    tcase_add_test(tests, a_drop_that_fails_is_tried_again_and_none_is_left_out);
    tcase_add_test(tests,
                   an_abort_gives_back_rows_and_counts_and_the_next_pass_takes_them);
    tcase_add_test(tests, a_restart_in_the_middle_of_a_pass_counts_nothing_twice);
    tcase_add_test(tests, a_row_that_changed_since_it_was_read_is_met_as_it_is_now);
    tcase_add_loop_test(
        tests,
        a_region_that_drops_between_any_two_records_stays_like_one_that_never_does, 1,
        9);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
