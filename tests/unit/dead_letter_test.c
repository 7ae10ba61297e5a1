/* Dead letters (schema/dead_letter.h). */
#include <check.h>

#include "schema/avro.h"
#include "schema/dead_letter.h"
#include "tests/unit/mutate.h"

static struct iso_dead_letter sample(void)
{
    return (struct iso_dead_letter){
        .collection = iso_bytes_text("packages"),
        .topic = iso_bytes_text("packages-eu"),
        .partition = 5,
        .offset = 1234567890123,
        .append_ms = 1700000000000,
        .error = iso_bytes_text("ISO_REFUSED"),
        .reason =
            iso_bytes_text("the key is 385 bytes: use at most 384 – and not more"),
        .has_key = true,
        .has_value = true,
        .has_header = true,
        .key = iso_bytes_text("key"),
        .value = iso_bytes("\0\xff value", 8),
        .header = iso_bytes_text("\x01header"),
    };
}

static void check_same(const struct iso_dead_letter *a, const struct iso_dead_letter *b)
{
    ck_assert(iso_bytes_equal(a->collection, b->collection));
    ck_assert(iso_bytes_equal(a->topic, b->topic));
    ck_assert_uint_eq(a->partition, b->partition);
    ck_assert_int_eq(a->offset, b->offset);
    ck_assert_int_eq(a->append_ms, b->append_ms);
    ck_assert(iso_bytes_equal(a->error, b->error));
    ck_assert(iso_bytes_equal(a->reason, b->reason));
    ck_assert(a->has_key == b->has_key && iso_bytes_equal(a->key, b->key));
    ck_assert(a->has_value == b->has_value && iso_bytes_equal(a->value, b->value));
    ck_assert(a->has_header == b->has_header && iso_bytes_equal(a->header, b->header));
    ck_assert(a->key_cut == b->key_cut && a->value_cut == b->value_cut &&
              a->header_cut == b->header_cut);
}

START_TEST(a_letter_is_what_was_put_in_and_the_walk_accepts_it)
{
    for (int n = 0; n < 8; n++) {
        struct iso_dead_letter letter = sample(), read;
        struct iso_buf out = {0}, key = {0};
        struct iso_why why = {0};
        if (!(letter.has_key = n & 1))
            letter.key.size = 0;
        if (!(letter.has_value = n & 2))
            letter.value.size = 0;
        if (!(letter.has_header = n & 4))
            letter.header.size = 0;
        letter.value_cut = n == 7;
        iso_dead_letter_encode(&letter, &out);
        ck_assert_msg(iso_avro_check(iso_avsc(ISO_AVSC_DEAD_LETTER),
                                     iso_buf_bytes(&out), &why) == ISO_OK,
                      "%s", why.text);
        ck_assert_int_eq(iso_dead_letter_decode(iso_buf_bytes(&out), &read, NULL),
                         ISO_OK);
        check_same(&letter, &read);
        iso_dead_letter_key(&letter, &key);
        ck_assert_str_eq(iso_buf_text(&key), "packages-eu/5/1234567890123");
        iso_buf_release(&out);
        iso_buf_release(&key);
    }
}
END_TEST

START_TEST(an_empty_value_is_not_an_absent_one)
{
    struct iso_dead_letter letter = sample(), read;
    struct iso_buf out = {0};
    letter.value = iso_bytes(NULL, 0);
    iso_dead_letter_encode(&letter, &out);
    ck_assert_int_eq(iso_dead_letter_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
    ck_assert(read.has_value && read.value.size == 0);
    iso_buf_release(&out);
}
END_TEST

START_TEST(whatever_was_refused_the_letter_fits_into_a_message)
{
    enum { HUGE_SIZE = 2 << 20, MESSAGE_MAX = 1114112 };
    char *huge = malloc(HUGE_SIZE);
    memset(huge, 0xc3, HUGE_SIZE); /* and is no text */
    struct iso_bytes anything = iso_bytes(huge, HUGE_SIZE);
    struct iso_dead_letter letter = sample(), read;
    struct iso_buf out = {0};
    letter.key = letter.value = letter.header = letter.reason = letter.error = anything;
    letter.topic = letter.collection = anything;
    iso_dead_letter_encode(&letter, &out);
    ck_assert_uint_lt(out.size, MESSAGE_MAX - 1024);
    ck_assert_int_eq(iso_dead_letter_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
    ck_assert(read.key_cut && read.value_cut && read.header_cut);
    ck_assert_uint_eq(read.value.size, ISO_DEAD_LETTER_VALUE_MAX);
    ck_assert_uint_eq(read.reason.data[0], '?');
    iso_buf_release(&out);
    free(huge);
}
END_TEST

static void the_walk_agrees(struct iso_bytes bad, void *arg)
{
    size_t *taken = arg;
    struct iso_dead_letter read;
    struct iso_why why;
    if (iso_dead_letter_decode(bad, &read, &why) != ISO_OK) {
        ck_assert_int_eq(why.err, ISO_BAD_DATA);
        return;
    }
    ++*taken;
    ck_assert_int_eq(iso_avro_check(iso_avsc(ISO_AVSC_DEAD_LETTER), bad, NULL), ISO_OK);
}

START_TEST(what_the_walk_refuses_decode_refuses)
{
    struct iso_dead_letter letter = sample();
    struct iso_buf out = {0};
    size_t taken = 0;
    iso_dead_letter_encode(&letter, &out);
    mutate_all(iso_buf_bytes(&out), 23, the_walk_agrees, &taken);
    ck_assert_uint_gt(taken, 100);
    iso_buf_release(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("dead_letter");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_letter_is_what_was_put_in_and_the_walk_accepts_it);
    tcase_add_test(tests, an_empty_value_is_not_an_absent_one);
    tcase_add_test(tests, whatever_was_refused_the_letter_fits_into_a_message);
    tcase_add_test(tests, what_the_walk_refuses_decode_refuses);
    Suite *suite = suite_create("dead_letter");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
