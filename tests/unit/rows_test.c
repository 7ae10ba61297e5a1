/* Where things stand: the keys, byte by byte, and two values with their checks. */
#include "apply_ground.h"

static void expect_key(const struct iso_buf *key, const char *hex)
{
    struct iso_buf text = {0};
    iso_hex_encode(&text, iso_buf_bytes(key));
    ck_assert_str_eq(iso_buf_text(&text), hex);
    iso_buf_release(&text);
}

START_TEST(keys_are_as_the_header_says)
{
    struct iso_buf key = {0};
    iso_rows_key_slice(&key, 0x0102, 0x0304);
    expect_key(&key, "736c6963652f01020304"); /* slice/ */
    iso_rows_key_collection(&key, "a");
    expect_key(&key, "636f6c6c656374696f6e2f61"); /* collection/a */
    iso_rows_key_definition(&key, "a", 258);
    expect_key(&key, "646566696e6974696f6e2f612f00000102"); /* definition/a/ */
    iso_rows_key_store(&key);
    expect_key(&key, "73746f7265");
    iso_rows_key_entry(&key, 1, 2, iso_bytes_text("k"));
    expect_key(&key, "000100026b");
    iso_rows_key_filter(&key, 1, 2, 3, 0x0405060708090a0b);
    expect_key(&key, "0001000200030405060708090a0b");
    iso_rows_key_bucket(&key, 1, 2, 0x03040506);
    expect_key(&key, "0001000203040506");
    iso_rows_key_outbox(&key, 1, 2, 3, 4);
    expect_key(&key, "0001000200030000000000000004");
    iso_buf_release(&key);
}
END_TEST

START_TEST(a_stores_owner_is_read_back_and_damage_is_seen)
{
    struct iso_rows_store owner = {"eu-north-1", 7, 2, 5}, back;
    struct iso_buf value = {0};
    struct iso_why why;
    iso_rows_encode_store(&owner, &value);
    ck_ok(iso_rows_decode_store(iso_buf_bytes(&value), &back, &why));
    ck_assert_str_eq(back.region, "eu-north-1");
    ck_assert_uint_eq(back.region_number, 7);
    ck_assert_uint_eq(back.shard, 2);
    ck_assert_uint_eq(back.shards, 5);
    for (size_t bit = 0; bit < value.size * 8; bit++) {
        value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_err(iso_rows_decode_store(iso_buf_bytes(&value), &back, &why), ISO_DAMAGED);
        value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < value.size; size++)
        ck_err(iso_rows_decode_store(iso_bytes(value.data, size), &back, &why),
               ISO_DAMAGED);
    iso_buf_release(&value);
}
END_TEST

START_TEST(a_collections_row_is_read_back_and_damage_is_seen)
{
    struct iso_rows_collection row = {.number = 513, .id = "fifteen letters"}, back;
    struct iso_buf value = {0};
    struct iso_why why;
    iso_rows_encode_collection(&row, &value);
    ck_ok(iso_rows_decode_collection(iso_buf_bytes(&value), &back, &why));
    ck_assert_uint_eq(back.number, 513);
    ck_assert_mem_eq(back.id, row.id, sizeof row.id);
    for (size_t bit = 0; bit < value.size * 8; bit++) {
        value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_err(iso_rows_decode_collection(iso_buf_bytes(&value), &back, &why),
               ISO_DAMAGED);
        value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    iso_buf_release(&value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rows");
    TCase *tests = tcase_create("rows");
    tcase_add_test(tests, keys_are_as_the_header_says);
    tcase_add_test(tests, a_stores_owner_is_read_back_and_damage_is_seen);
    tcase_add_test(tests, a_collections_row_is_read_back_and_damage_is_seen);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
