/* The session's token in what writes (producer/producer.h): on the memory bus. */
#include "schema/token.h"
#include "tests/unit/producer_ground.h"

static struct ground g;
static struct iso_buf session;
static struct iso_token token;

static void setup(void)
{
    ground_init(&g, GROUND_PARTITIONS);
}
static void teardown(void)
{
    ground_release(&g);
    iso_buf_release(&session);
    iso_token_release(&token);
}

static enum iso_err put(const char *key)
{
    struct iso_write_options options = {.token = &session};
    return iso_producer_put(g.producer, iso_bytes_text(key), iso_bytes_text("v"),
                            &options, &g.why);
}

static const struct iso_ack *answer(void)
{
    ck_assert_int_eq(iso_producer_poll(g.producer, 0), 1);
    return &g.acks[g.ack_count - 1].ack;
}

static void acknowledge(const struct iso_ack *ack)
{
    ck_ok(iso_producer_acknowledge(g.producer, ack, &session, &g.why));
}

/* What the session has, and that it is of this collection's log. */
static const struct iso_token_item *held(size_t count)
{
    ck_ok(iso_token_decode(iso_buf_bytes(&session), &token, &g.why));
    ck_assert_uint_eq(token.count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(token.items[i].log.collection, "packages");
        ck_assert_uint_eq(token.items[i].log.number, GROUND_LOG);
        ck_assert_uint_eq(token.items[i].log.birth, g.definition->logs[0].birth);
    }
    return token.items;
}

static void session_of(uint64_t hlc)
{
    struct iso_token made = {.hlc = hlc};
    iso_buf_clear(&session);
    iso_token_encode(&made, &session);
}

START_TEST(a_write_stands_in_the_token_until_it_has_an_offset)
{
    ck_ok(put("bash"));
    const struct iso_token_item *item = held(1);
    uint32_t partition = iso_partition_of(iso_bytes_text("bash"), GROUND_PARTITIONS);
    ck_assert_uint_eq(item->partition, partition);
    ck_assert_uint_eq(item->seq, 1);
    ck_assert_uint_eq(item->value, token.hlc);
    const struct iso_ack *ack = answer();
    ck_assert_uint_eq(ack->seq, 1);
    ck_assert_uint_eq(ack->version.node, item->node);
    ck_assert_uint_eq(ack->version.hlc, token.hlc);
    acknowledge(ack);
    item = held(1);
    ck_assert_uint_eq(item->seq, 0);
    ck_assert_uint_eq(item->partition, partition);
    ck_assert_uint_eq(item->value, (uint64_t)ack->offset + 1);
    acknowledge(ack); /* again changes nothing */
    held(1);
    iso_buf_clear(&session); /* a session that did not write it learns it */
    acknowledge(ack);
    ck_assert_uint_eq(held(1)->value, (uint64_t)ack->offset + 1);
    ck_assert_uint_eq(token.hlc, ack->version.hlc);
}
END_TEST

START_TEST(a_write_is_issued_above_all_that_its_token_has_seen)
{
    uint64_t seen = iso_hlc_of_ms(GROUND_NOW_MS + 20000) | 5;
    session_of(seen);
    ck_ok(put("bash"));
    ck_assert_uint_gt(held(1)->value, seen);
    ck_assert_uint_gt(token.hlc, seen);
}
END_TEST

START_TEST(a_token_from_too_far_ahead_is_a_wrong_clock_and_sends_nothing)
{
    session_of(iso_hlc_of_ms(GROUND_NOW_MS + GROUND_AFTER_MAX_MS + 1));
    struct iso_buf before = {0};
    iso_buf_add_bytes(&before, iso_buf_bytes(&session));
    ck_err(put("bash"), ISO_CLOCK_SKEW);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&before), iso_buf_bytes(&session)));
    ck_assert_int_eq(iso_producer_poll(g.producer, 0), 0);
    iso_buf_release(&before);
}
END_TEST

START_TEST(a_refused_write_leaves_the_token)
{
    g.broker.now_ms -= 2 * GROUND_AFTER_MAX_MS;
    ck_ok(put("bash"));
    const struct iso_ack *ack = answer();
    ck_assert_int_eq(ack->state, ISO_NOT_APPLIED);
    held(1);
    acknowledge(ack);
    held(0);
}
END_TEST

START_TEST(a_write_of_which_nothing_is_known_stays)
{
    g.broker.now_ms += 2 * GROUND_BEFORE_MAX_MS;
    ck_ok(put("bash"));
    const struct iso_ack *ack = answer();
    ck_assert_int_eq(ack->state, ISO_MAYBE_APPLIED);
    acknowledge(ack);
    ck_assert_uint_eq(held(1)->seq, 1);
    iso_buf_clear(&session);
    acknowledge(ack);
    ck_assert_uint_eq(held(1)->seq, 1);
}
END_TEST

START_TEST(what_is_no_token_is_refused_before_anything_is_sent)
{
    iso_buf_add(&session, "nonsense", 8);
    ck_err(put("bash"), ISO_BAD_DATA);
    ck_assert_uint_eq(session.size, 8);
    ck_assert_int_eq(iso_producer_poll(g.producer, 0), 0);
}
END_TEST

START_TEST(a_token_without_room_refuses_the_write_and_stays)
{
    struct iso_token_item item = {.log = {"carts", 1, 7}, .value = 1};
    for (unsigned n = 0; n < ISO_TOKEN_ITEMS_MAX; n++) {
        item.log.number = (uint16_t)(1 + n / 4096);
        item.partition = n % 4096;
        ck_ok(iso_token_add(&token, &item, &g.why));
    }
    iso_token_encode(&token, &session);
    ck_err(put("bash"), ISO_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(g.why.text, "no room"));
    ck_assert_int_eq(iso_producer_poll(g.producer, 0), 0);
    ck_ok(iso_token_decode(iso_buf_bytes(&session), &token, &g.why));
    ck_assert_uint_eq(token.count, ISO_TOKEN_ITEMS_MAX);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("producer token");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_write_stands_in_the_token_until_it_has_an_offset);
    tcase_add_test(tests, a_write_is_issued_above_all_that_its_token_has_seen);
    tcase_add_test(tests,
                   a_token_from_too_far_ahead_is_a_wrong_clock_and_sends_nothing);
    tcase_add_test(tests, a_refused_write_leaves_the_token);
    tcase_add_test(tests, a_write_of_which_nothing_is_known_stays);
    tcase_add_test(tests, what_is_no_token_is_refused_before_anything_is_sent);
    tcase_add_test(tests, a_token_without_room_refuses_the_write_and_stays);
    Suite *suite = suite_create("producer token");
    suite_add_tcase(suite, tests);
    return ground_main(suite);
}
