/* The row of a loser: what is written is read back, and nothing else is. */
#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "schema/loser.h"

static struct iso_loser sample(void)
{
    return (struct iso_loser){
        .key = iso_bytes_text("user:1"),
        .field = iso_bytes_text(""),
        .version = {.hlc = 0x0102030405060708, .node = 7ull << 48},
        .rule = ISO_LOSER_LWW,
        .log = 513,
        .offset = 77,
        .value = iso_bytes_text("lost")};
}

static void encode(const struct iso_loser *loser, struct iso_buf *key,
                   struct iso_buf *row, struct iso_digest *digest)
{
    iso_buf_clear(key);
    iso_buf_clear(row);
    iso_loser_key(loser, key);
    iso_loser_encode(loser, iso_buf_bytes(key), row, digest);
}

START_TEST(a_row_is_laid_out_as_the_header_says)
{
    struct iso_loser loser = sample();
    struct iso_buf key = {0}, row = {0}, text = {0};
    struct iso_digest digest;
    encode(&loser, &key, &row, &digest);
    iso_hex_encode(&text, iso_buf_bytes(&key));
    ck_assert_str_eq(iso_buf_text(&text),
                     "0006757365723a31"                   /* key */
                     "00"                                 /* field */
                     "01020304050607080007000000000000"); /* version */
    iso_buf_clear(&text);
    iso_hex_encode(&text, iso_bytes(row.data, 12));
    ck_assert_str_eq(iso_buf_text(&text), "01010201000000000000004d");
    ck_assert_uint_eq(row.size, 20 + 4);
    ck_assert_mem_eq(row.data + 20, "lost", 4);
    iso_buf_release(&key);
    iso_buf_release(&row);
    iso_buf_release(&text);
}
END_TEST

START_TEST(what_was_encoded_is_decoded)
{
    struct iso_loser loser = sample(), back;
    struct iso_buf key = {0}, row = {0};
    struct iso_digest written, read;
    struct iso_why why;
    encode(&loser, &key, &row, &written);
    ck_assert_int_eq(
        iso_loser_decode(iso_buf_bytes(&key), iso_buf_bytes(&row), &back, &read, &why),
        ISO_OK);
    ck_assert(iso_digest_equal(written, read));
    ck_assert(iso_bytes_equal(back.key, loser.key));
    ck_assert(back.field.data != NULL && back.field.size == 0);
    ck_assert(iso_version_equal(back.version, loser.version));
    ck_assert(iso_bytes_equal(back.value, loser.value));
    ck_assert_uint_eq(back.log, 513);
    ck_assert_int_eq(back.offset, 77);
    ck_assert_int_eq(back.rule, ISO_LOSER_LWW);
    iso_buf_release(&key);
    iso_buf_release(&row);
}
END_TEST

START_TEST(every_changed_bit_is_damage)
{
    struct iso_loser loser = sample(), back;
    struct iso_buf key = {0}, row = {0};
    struct iso_digest digest;
    struct iso_why why;
    encode(&loser, &key, &row, &digest);
    for (size_t bit = 0; bit < 8 * (key.size + row.size); bit++) {
        uint8_t *at =
            bit / 8 < key.size ? key.data + bit / 8 : row.data + (bit / 8 - key.size);
        *at ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(iso_loser_decode(iso_buf_bytes(&key), iso_buf_bytes(&row),
                                          &back, &digest, &why),
                         ISO_DAMAGED);
        *at ^= (uint8_t)(1u << bit % 8);
    }
    iso_buf_release(&key);
    iso_buf_release(&row);
}
END_TEST

START_TEST(every_cut_is_damage)
{
    struct iso_loser loser = sample(), back;
    struct iso_buf key = {0}, row = {0};
    struct iso_digest digest;
    struct iso_why why;
    encode(&loser, &key, &row, &digest);
    for (size_t size = 0; size < key.size; size++)
        ck_assert_int_eq(iso_loser_decode(iso_bytes(key.data, size),
                                          iso_buf_bytes(&row), &back, &digest, &why),
                         ISO_DAMAGED);
    for (size_t size = 0; size < row.size; size++)
        ck_assert_int_eq(iso_loser_decode(iso_buf_bytes(&key),
                                          iso_bytes(row.data, size), &back, &digest,
                                          &why),
                         ISO_DAMAGED);
    iso_buf_release(&key);
    iso_buf_release(&row);
}
END_TEST

START_TEST(a_prefix_begins_the_rows_of_its_key_and_of_no_other)
{
    struct iso_loser loser = sample(), other = sample();
    struct iso_buf key = {0}, longer = {0}, prefix = {0}, of_field = {0};
    other.key = iso_bytes_text("user:11");
    iso_loser_key(&loser, &key);
    iso_loser_key(&other, &longer);
    iso_loser_prefix(loser.key, NULL, &prefix);
    iso_loser_prefix(loser.key, &loser.field, &of_field);
    ck_assert(iso_bytes_begins(iso_buf_bytes(&key), iso_buf_bytes(&prefix)));
    ck_assert(iso_bytes_begins(iso_buf_bytes(&key), iso_buf_bytes(&of_field)));
    ck_assert(!iso_bytes_begins(iso_buf_bytes(&longer), iso_buf_bytes(&prefix)));
    ck_assert_uint_eq(of_field.size, prefix.size + 1);
    iso_buf_release(&key);
    iso_buf_release(&longer);
    iso_buf_release(&prefix);
    iso_buf_release(&of_field);
}
END_TEST

START_TEST(a_mark_adds_nothing_to_the_digest)
{
    struct iso_loser mark = sample(), back;
    struct iso_buf key = {0}, row = {0};
    struct iso_digest digest, none = {0};
    struct iso_why why;
    mark.rule = ISO_LOSER_NAME;
    mark.log = 0;
    mark.value.size = 0;
    encode(&mark, &key, &row, &digest);
    ck_assert(iso_digest_equal(digest, none));
    ck_assert_int_eq(iso_loser_decode(iso_buf_bytes(&key), iso_buf_bytes(&row), &back,
                                      &digest, &why),
                     ISO_OK);
    ck_assert(iso_digest_equal(digest, none));
    ck_assert_int_eq(back.rule, ISO_LOSER_NAME);
    iso_buf_release(&key);
    iso_buf_release(&row);
}
END_TEST

START_TEST(the_digest_tells_rows_apart)
{
    struct iso_loser one = sample(), two = sample();
    struct iso_buf key = {0}, row = {0};
    struct iso_digest a, b;
    encode(&one, &key, &row, &a);
    two.value = iso_bytes_text("los7");
    encode(&two, &key, &row, &b);
    ck_assert(!iso_digest_equal(a, b));
    two = sample();
    two.offset++;
    encode(&two, &key, &row, &b);
    ck_assert(!iso_digest_equal(a, b));
    iso_buf_release(&key);
    iso_buf_release(&row);
}
END_TEST

/* The row of a loser as a bound leaves it. */
static struct iso_loser stub_of(struct iso_loser loser, struct iso_buf *key,
                                struct iso_buf *row, struct iso_digest *digest)
{
    struct iso_loser back;
    encode(&loser, key, row, digest);
    ck_assert_int_eq(
        iso_loser_decode(iso_buf_bytes(key), iso_buf_bytes(row), &back, digest, NULL),
        ISO_OK);
    ck_assert(!back.dropped);
    loser.dropped = true;
    loser.hash = back.hash;
    return loser;
}

START_TEST(a_stub_has_the_digest_of_the_row_and_none_of_its_bytes)
{
    struct iso_buf key = {0}, row = {0};
    struct iso_digest whole, dropped, read;
    struct iso_loser back, stub = stub_of(sample(), &key, &row, &whole);
    ck_assert_uint_ne(whole.low | whole.high, 0);
    encode(&stub, &key, &row, &dropped);
    ck_assert(iso_digest_equal(whole, dropped));
    ck_assert_ptr_null(memmem(row.data, row.size, "lost", 4));
    ck_assert_int_eq(
        iso_loser_decode(iso_buf_bytes(&key), iso_buf_bytes(&row), &back, &read, NULL),
        ISO_OK);
    ck_assert(iso_digest_equal(whole, read));
    ck_assert(back.dropped && back.value.size == 0);
    ck_assert(back.rule == ISO_LOSER_LWW && back.log == 513 && back.offset == 77);
    ck_assert(iso_version_equal(back.version, stub.version));
    for (size_t bit = 0; bit < 8 * row.size; bit++) {
        row.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(iso_loser_decode(iso_buf_bytes(&key), iso_buf_bytes(&row),
                                          &back, &read, NULL),
                         ISO_DAMAGED);
        row.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < row.size; size++)
        ck_assert_int_eq(iso_loser_decode(iso_buf_bytes(&key),
                                          iso_bytes(row.data, size), &back, &read,
                                          NULL),
                         ISO_DAMAGED);
    iso_buf_release(&key);
    iso_buf_release(&row);
}
END_TEST

START_TEST(a_whole_row_of_a_hash_is_no_stub)
{
    struct iso_buf key = {0}, row = {0};
    struct iso_digest digest;
    struct iso_loser back, loser = sample();
    loser.value = iso_bytes_text("sixteen bytes __");
    encode(&loser, &key, &row, &digest);
    ck_assert_int_eq(iso_loser_decode(iso_buf_bytes(&key), iso_buf_bytes(&row), &back,
                                      &digest, NULL),
                     ISO_OK);
    ck_assert(!back.dropped && back.value.size == 16);
    iso_buf_release(&key);
    iso_buf_release(&row);
}
END_TEST

START_TEST(a_stub_knows_its_part_when_the_key_says_it)
{
    struct iso_loser loser = sample();
    loser.rule = ISO_LOSER_FIELD;
    loser.field = iso_bytes("\x04name\0", 6);
    ck_assert(iso_bytes_equal(iso_loser_path(&loser), loser.field));
    loser.field = iso_bytes("\xff\x04name\0", 7); /* the hash of a long one */
    ck_assert_uint_eq(iso_loser_path(&loser).size, 0);
    loser.rule = ISO_LOSER_LWW;
    loser.field = iso_bytes_text("");
    ck_assert_uint_eq(iso_loser_path(&loser).size, 0);
}
END_TEST

START_TEST(decoding_allocates_nothing)
{
    struct iso_loser loser = sample(), back;
    struct iso_buf key = {0}, row = {0};
    struct iso_digest digest;
    encode(&loser, &key, &row, &digest);
    uint64_t before = iso_mem_count();
    ck_assert_int_eq(iso_loser_decode(iso_buf_bytes(&key), iso_buf_bytes(&row), &back,
                                      &digest, NULL),
                     ISO_OK);
    encode(&loser, &key, &row, &digest);
    ck_assert_uint_eq(iso_mem_count(), before);
    iso_buf_release(&key);
    iso_buf_release(&row);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loser");
    TCase *rows = tcase_create("rows");
    tcase_add_test(rows, a_row_is_laid_out_as_the_header_says);
    tcase_add_test(rows, what_was_encoded_is_decoded);
    tcase_add_test(rows, every_changed_bit_is_damage);
    tcase_add_test(rows, every_cut_is_damage);
    tcase_add_test(rows, a_prefix_begins_the_rows_of_its_key_and_of_no_other);
    tcase_add_test(rows, a_mark_adds_nothing_to_the_digest);
    tcase_add_test(rows, the_digest_tells_rows_apart);
    tcase_add_test(rows, a_stub_has_the_digest_of_the_row_and_none_of_its_bytes);
    tcase_add_test(rows, a_whole_row_of_a_hash_is_no_stub);
    tcase_add_test(rows, a_stub_knows_its_part_when_the_key_says_it);
    tcase_add_test(rows, decoding_allocates_nothing);
    suite_add_tcase(suite, rows);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
