/* Reads with the token of a session (consumer/replica.h). */
#include "replica_ground.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "consumer/filter.h"
#include "schema/context.h"
#include "schema/token.h"

static struct iso_token token;
static struct iso_buf session;

static void setup(void)
{
    replica_init(def_encoded(def_bare(1, 1)));
}
static void teardown(void)
{
    replica_release();
    iso_token_release(&token);
    iso_buf_release(&session);
}

static struct iso_token_item place(uint16_t log, int64_t next_offset)
{
    struct iso_token_item item = {.log = {"packages", log, BIRTH},
                                  .value = (uint64_t)next_offset};
    return item;
}

static struct iso_token_item pending(unsigned region, unsigned node, uint64_t seq,
                                     int64_t after_ms)
{
    struct iso_token_item item = place(LOG, 1);
    item.node = iso_node(region, node);
    item.seq = seq;
    item.value = hlc_at(after_ms, (unsigned)seq);
    return item;
}

/* The session's token is what stands in `token`, and this. */
static void carry(struct iso_token_item item)
{
    ck_ok(iso_token_add(&token, &item, &why));
    iso_buf_clear(&session);
    iso_token_encode(&token, &session);
}

static enum iso_err get_as(const char *key, enum iso_stale stale, int timeout_ms)
{
    struct iso_read_options options = {
        .token = iso_buf_bytes(&session), .stale = stale, .timeout_ms = timeout_ms};
    return iso_replica_get_fresh(replica, "packages", iso_bytes_text(key), &options,
                                 &found, &why);
}

/* What the read handed back, decoded. */
static const struct iso_token_item *given(size_t count)
{
    ck_ok(iso_token_decode(iso_buf_bytes(&found.token), &token, &why));
    ck_assert_uint_eq(token.count, count);
    return token.items;
}

static void put(const char *key, const char *value, int64_t after_ms)
{
    write_begin(US, after_ms, key, value);
    write_end();
}

static bool shows(const char *value)
{
    return iso_bytes_equal(iso_buf_bytes(&found.value), iso_bytes_text(value));
}

/* ---- what a read gives ---- */

START_TEST(a_read_gives_its_frontier_and_the_largest_hlc_that_it_showed)
{
    ck_err(get("bash"), ISO_NOT_FOUND);
    const struct iso_token_item *item = given(1);
    ck_assert_str_eq(item->log.collection, "packages");
    ck_assert_uint_eq(item->log.number, LOG);
    ck_assert_uint_eq(item->log.birth, BIRTH);
    ck_assert_uint_eq(item->partition, 0);
    ck_assert_uint_eq(item->seq, 0);
    ck_assert_uint_eq(item->value, (uint64_t)ground.next);
    ck_assert_uint_eq(token.hlc, 0);
    put("bash", "5.2", 10);
    put("bash", NULL, 20);
    ck_err(get("bash"), ISO_NOT_FOUND);
    ck_assert_uint_eq(given(1)->value, 3);
    ck_assert_uint_eq(token.hlc, found.version.hlc);
}
END_TEST

START_TEST(a_session_reads_on_with_what_its_last_read_gave)
{
    put("bash", "5.2", 10);
    ck_ok(get("bash"));
    struct iso_read_options options = {.token = iso_buf_bytes(&found.token)};
    ck_ok(iso_replica_get_fresh(replica, "packages", iso_bytes_text("bash"), &options,
                                &found, &why));
    ck_assert(!found.stale);
    ck_assert_uint_eq(given(1)->value, 2);
}
END_TEST

/* ---- a store that is behind ---- */

START_TEST(a_store_behind_a_place_says_how_many_records_of_which_log_are_missing)
{
    put("bash", "5.2", 10);
    carry(place(LOG, ground.next + 3));
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    ck_assert_ptr_nonnull(strstr(why.text, "region eu is behind"));
    ck_assert_ptr_nonnull(strstr(why.text, "3 records of log 7 (packages)"));
    ck_assert_uint_eq(found.missing, 3);
    ck_assert(found.stale);
    ck_assert_uint_eq(found.value.size, 0);
    ck_assert_uint_eq(found.context.size, 0);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.token), iso_buf_bytes(&session)));
}
END_TEST

START_TEST(a_value_that_is_taken_all_the_same_is_marked_and_weakens_no_token)
{
    put("bash", "5.2", 10);
    carry(place(LOG, ground.next + 3));
    carry(pending(US, 5, 1, 20));
    ck_ok(get_as("bash", ISO_STALE_MARK, 0));
    ck_assert(found.stale && shows("5.2"));
    ck_assert_uint_eq(found.missing, 4);
    ck_assert_uint_gt(found.context.size, 0);
    ck_assert_uint_eq(given(2)->value, (uint64_t)ground.next + 3);
    ck_assert_uint_eq(token.items[1].seq, 1);
    put("bash", "5.3", 20);
    iso_buf_clear(&session);
    ck_ok(get_as("bash", ISO_STALE_MARK, 0));
    ck_assert(!found.stale && found.missing == 0);
}
END_TEST

START_TEST(a_log_that_the_store_has_not_heard_of_is_missing_whole)
{
    carry(place(OTHER, 12));
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    ck_assert_ptr_nonnull(strstr(why.text, "12 records of log 8:"));
    carry(place(THIRD, INT64_MAX));
    carry(place(LOG, ground.next + 1));
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    ck_assert_ptr_nonnull(
        strstr(why.text, "1 record of log 7 (packages), 12 of log 8"));
    ck_assert_uint_eq(found.missing, (uint64_t)INT64_MAX + 13);
}
END_TEST

START_TEST(of_many_logs_some_are_named_and_the_rest_is_counted)
{
    for (uint16_t log = 20; log < 30; log++)
        carry(place(log, 2));
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    ck_assert_ptr_nonnull(strstr(why.text, "2 of log 23 and some of 6 more:"));
    ck_assert_uint_eq(found.missing, 20);
}
END_TEST

/* ---- writes without an offset ---- */

START_TEST(a_write_is_met_when_it_was_applied_wherever_it_came_to_stand)
{
    carry(pending(US, 0xa0 + US, 2, 30));
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    ck_assert_uint_eq(found.missing, 1);
    ground_put(&ground, US, 1, 20, "bash", "5.1"); /* the one before it */
    ground_commit(&ground);
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    ground_put(&ground, US, 2, 30, "bash", "5.2");
    ground_commit(&ground);
    ck_ok(get_as("bash", ISO_STALE_FAIL, 0));
    ck_assert(shows("5.2"));
    ground.made.record.offset = ground.next; /* and once more */
    ground_expect(&ground, ISO_DUPLICATE);
    ground_commit(&ground);
    ck_ok(get_as("bash", ISO_STALE_FAIL, 0));
    const struct iso_token_item *item = given(1); /* the frontier stands for it */
    ck_assert_uint_eq(item->seq, 0);
    ck_assert_uint_eq(item->value, (uint64_t)ground.next);
}
END_TEST

START_TEST(a_write_that_cannot_arrive_any_more_is_met)
{
    carry(pending(US, 0xa0 + US, 1, 30));
    put("zsh", "5.9", 20);
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    ground_put(&ground, EU, 1, 5 * BEFORE_MAX_MS, "zsh", "6");
    ground_put(&ground, EU, 2, 5 * BEFORE_MAX_MS + 1, "zsh", "7");
    ground_commit(&ground);
    ck_assert_int_gt(ground_log(&ground, LOG)->bound_ms, NOW_MS + 30);
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_NOT_FOUND);
    ck_assert(!found.stale);
}
END_TEST

/* ---- a closed log ---- */

/* As the store will hold a definition that closes LOG, and lets OTHER, which eu writes,
 * succeed it or not. */
static void close_log(int64_t end, bool succeeded)
{
    struct iso_definition *closing = def_bare(2, 1);
    struct iso_buf key = {0};
    def_log(closing, OTHER, "packages-2", 1u << (EU - 1), BIRTH + 1);
    closing->logs[0].ends = iso_alloc(sizeof *closing->logs[0].ends);
    closing->logs[0].ends[0] = end;
    if (succeeded) {
        closing->logs[1].succeeds = iso_alloc(sizeof *closing->logs[1].succeeds);
        closing->logs[1].succeeds[0] = LOG;
        closing->logs[1].succeeds_count = 1;
    }
    def_encoded(closing);
    iso_rows_key_definition(&key, "packages", 2);
    ground_begin(&ground);
    iso_txn_put(ground.txn, ISO_META, iso_buf_bytes(&key),
                iso_buf_bytes(&closing->bytes));
    ground_commit(&ground);
    iso_definition_free(closing);
    iso_buf_release(&key);
}

START_TEST(a_closed_log_need_be_applied_to_its_end_only)
{
    put("bash", "5.2", 10);
    carry(place(LOG, ground.next + 9));
    carry(pending(US, 5, 1, 20));
    close_log(ground.next + 2, false);
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    ck_assert_uint_eq(found.missing, 3); /* two of the log, and the write */
    put("bash", "5.3", 20);
    put("bash", "5.4", 30);
    ck_ok(get_as("bash", ISO_STALE_FAIL, 0));
    ck_assert(shows("5.4"));
}
END_TEST

/* As the slice will hold that a node wrote in OTHER, up to an hlc. */
static void wrote_in_other(uint64_t node, uint64_t hlc)
{
    struct iso_filter filter = {0};
    struct iso_buf key = {0}, row = {0};
    uint64_t gaps = 0;
    iso_filter_take(&filter, 1, hlc, 0, &gaps);
    iso_filter_encode(&filter, &row);
    iso_rows_key_filter(&key, COLLECTION, 0, OTHER, node);
    ground_begin(&ground);
    iso_txn_put(ground.txn, ISO_FILTER, iso_buf_bytes(&key), iso_buf_bytes(&row));
    ground_commit(&ground);
    iso_buf_release(&key);
    iso_buf_release(&row);
}

START_TEST(a_pending_write_that_a_closed_log_lacks_is_awaited_in_its_successor)
{
    struct iso_token_item item = pending(EU, 5, 1, 20);
    put("bash", "5.2", 10);
    close_log(ground.next + 1, true);
    carry(item);
    put("bash", "5.3", 20);
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    ck_assert_uint_eq(found.missing, 1);
    wrote_in_other(item.node, item.value - 1);
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    wrote_in_other(item.node, item.value);
    ck_ok(get_as("bash", ISO_STALE_FAIL, 0));
    ck_assert(shows("5.3"));
}
END_TEST

START_TEST(a_pending_write_of_a_region_that_goes_on_nowhere_is_over_with_its_log)
{
    put("bash", "5.2", 10);
    close_log(ground.next + 1, true);
    carry(pending(US, 5, 1, 20)); /* us does not write to OTHER */
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_STALE);
    put("bash", "5.3", 20);
    ck_ok(get_as("bash", ISO_STALE_FAIL, 0));
}
END_TEST

/* ---- what a token may not be, and what asks nothing ---- */

START_TEST(a_token_of_another_installation_is_refused)
{
    struct iso_token_item item = place(LOG, 1);
    item.log.birth++;
    carry(item);
    ck_err(get_as("bash", ISO_STALE_MARK, 0), ISO_BAD_DATA);
    ck_assert_ptr_nonnull(strstr(why.text, "another installation"));
}
END_TEST

START_TEST(other_collections_and_slices_ask_nothing_and_are_passed_on)
{
    struct iso_token_item carts = place(LOG, 1000), slice = place(LOG, 1000);
    snprintf(carts.log.collection, sizeof carts.log.collection, "carts");
    slice.partition = 1;
    put("bash", "5.2", 10);
    carry(carts);
    carry(slice);
    ck_ok(get_as("bash", ISO_STALE_FAIL, 0));
    ck_assert(!found.stale);
    ck_assert_str_eq(given(3)->log.collection, "carts");
    ck_assert_uint_eq(token.items[0].value, 1000);
    ck_assert_uint_eq(token.items[2].value, 1000);
}
END_TEST

START_TEST(what_is_no_token_is_refused)
{
    iso_buf_add(&session, "nonsense", 8);
    ck_err(get_as("bash", ISO_STALE_MARK, 0), ISO_BAD_DATA);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.token), iso_buf_bytes(&session)));
}
END_TEST

START_TEST(a_read_that_cannot_begin_hands_the_token_back)
{
    put("bash", "5.2", 10);
    ck_ok(get("bash"));
    for (int n = 0; n < 2; n++) { /* no such collection; no such key */
        struct iso_read_options options = {.token = iso_buf_bytes(&found.token)};
        ck_err(iso_replica_get_fresh(replica, n == 0 ? "carts" : "packages",
                                     iso_bytes_text(n == 0 ? "bash" : ""), &options,
                                     &found, &why),
               n == 0 ? ISO_NO_DEFINITION : ISO_TOO_LARGE);
        ck_assert_uint_eq(given(1)->value, 2);
    }
    carry(place(LOG, 2));
    struct iso_read_options options = {.token = iso_buf_bytes(&session)};
    ck_err(iso_replica_get_fresh(replica, "carts", iso_bytes_text("bash"), &options,
                                 &found, &why),
           ISO_NO_DEFINITION);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.token), iso_buf_bytes(&session)));
}
END_TEST

START_TEST(a_token_that_cannot_grow_is_an_error_and_handed_back)
{
    struct iso_token_item item = place(LOG, 1);
    put("bash", "5.2", 10);
    snprintf(item.log.collection, sizeof item.log.collection, "carts");
    for (unsigned n = 0; n < ISO_TOKEN_ITEMS_MAX; n++) {
        item.log.number = (uint16_t)(1 + n / 4096);
        item.partition = n % 4096;
        ck_ok(iso_token_add(&token, &item, &why));
    }
    iso_token_encode(&token, &session);
    ck_err(get_as("bash", ISO_STALE_FAIL, 0), ISO_TOO_LARGE);
    given(ISO_TOKEN_ITEMS_MAX);
}
END_TEST

START_TEST(a_damaged_slice_says_so_and_shows_nothing)
{
    struct iso_buf key = {0};
    put("bash", "5.2", 10);
    iso_rows_key_slice(&key, COLLECTION, 0);
    ground_begin(&ground);
    iso_txn_put(ground.txn, ISO_META, iso_buf_bytes(&key), iso_bytes_text("broken"));
    ck_ok(iso_txn_commit(ground.txn, &why));
    ground.txn = NULL;
    ck_err(get("bash"), ISO_DAMAGED);
    ck_assert_uint_eq(found.value.size, 0);
    iso_buf_release(&key);
}
END_TEST

/* ---- waiting ---- */

static atomic_bool waiting;

static void *wait_for_it(void *arg)
{
    enum iso_err *err = arg;
    atomic_store(&waiting, true);
    *err = get_as("bash", ISO_STALE_WAIT, 20000);
    return NULL;
}

START_TEST(a_read_that_waits_shows_the_value_when_it_is_there)
{
    pthread_t reader;
    enum iso_err err = ISO_TIMEOUT;
    write_begin(US, 10, "bash", "5.2");
    carry(place(LOG, ground.next + 1));
    atomic_store(&waiting, false);
    ck_assert_int_eq(pthread_create(&reader, NULL, wait_for_it, &err), 0);
    while (!atomic_load(&waiting))
        sched_yield();
    write_end();
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
    ck_ok(err);
    ck_assert(!found.stale && shows("5.2"));
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline)
{
    const struct iso_clock *clock = &iso_clock_machine;
    carry(place(LOG, ground.next + 1));
    int64_t begin_ms = iso_steady_ms(clock);
    ck_err(get_as("bash", ISO_STALE_WAIT, 120), ISO_STALE);
    ck_assert_int_ge(iso_steady_ms(clock) - begin_ms, 120);
    ck_assert_ptr_nonnull(strstr(why.text, "the wait is over"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("replica token");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_read_gives_its_frontier_and_the_largest_hlc_that_it_showed);
    tcase_add_test(tests, a_session_reads_on_with_what_its_last_read_gave);
    tcase_add_test(
        tests, a_store_behind_a_place_says_how_many_records_of_which_log_are_missing);
    tcase_add_test(tests,
                   a_value_that_is_taken_all_the_same_is_marked_and_weakens_no_token);
    tcase_add_test(tests, a_log_that_the_store_has_not_heard_of_is_missing_whole);
    tcase_add_test(tests, of_many_logs_some_are_named_and_the_rest_is_counted);
    tcase_add_test(tests, a_write_is_met_when_it_was_applied_wherever_it_came_to_stand);
    tcase_add_test(tests, a_write_that_cannot_arrive_any_more_is_met);
    tcase_add_test(tests, a_closed_log_need_be_applied_to_its_end_only);
    tcase_add_test(tests,
                   a_pending_write_that_a_closed_log_lacks_is_awaited_in_its_successor);
    tcase_add_test(
        tests, a_pending_write_of_a_region_that_goes_on_nowhere_is_over_with_its_log);
    tcase_add_test(tests, a_token_of_another_installation_is_refused);
    tcase_add_test(tests, other_collections_and_slices_ask_nothing_and_are_passed_on);
    tcase_add_test(tests, what_is_no_token_is_refused);
    tcase_add_test(tests, a_read_that_cannot_begin_hands_the_token_back);
    tcase_add_test(tests, a_token_that_cannot_grow_is_an_error_and_handed_back);
    tcase_add_test(tests, a_damaged_slice_says_so_and_shows_nothing);
    tcase_add_test(tests, a_read_that_waits_shows_the_value_when_it_is_there);
    tcase_add_test(tests, a_wait_ends_at_its_deadline);
    tcase_set_timeout(tests, 60);
    Suite *suite = suite_create("replica token");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
