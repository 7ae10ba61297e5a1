/* Bytes: comparing, growing, and the three encodings, there and back, for random bytes
 * and for text that no encoder of ours would write. */
#include "base/bytes.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static struct iso_chance chance;

static void begin(void)
{
    const char *given = getenv("ISO_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20240229;
    printf("bytes: ISO_SEED=%" PRIu64 "\n", seed);
    iso_chance_seeded_init(&chance, seed);
}

static struct iso_bytes random_bytes(uint8_t *room, size_t most)
{
    size_t size = iso_chance_draw(&chance) % (most + 1);
    for (size_t i = 0; i < size; i++)
        room[i] = (uint8_t)iso_chance_draw(&chance);
    return iso_bytes(room, size);
}

START_TEST(bytes_compare_as_memcmp_and_the_shorter_first)
{
    ck_assert_int_lt(iso_bytes_compare(iso_bytes_text("a"), iso_bytes_text("b")), 0);
    ck_assert_int_lt(iso_bytes_compare(iso_bytes_text("a"), iso_bytes_text("ab")), 0);
    ck_assert_int_gt(iso_bytes_compare(iso_bytes("\xff", 1), iso_bytes("\x01", 1)), 0);
    ck_assert_int_eq(iso_bytes_compare(iso_bytes(NULL, 0), iso_bytes("", 0)), 0);
    ck_assert_int_lt(iso_bytes_compare(iso_bytes(NULL, 0), iso_bytes("\0", 1)), 0);
    ck_assert(iso_bytes_equal(iso_bytes(NULL, 0), iso_bytes("x", 0)));
    ck_assert(!iso_bytes_equal(iso_bytes_text("ab"), iso_bytes_text("ac")));
    ck_assert(iso_bytes_begins(iso_bytes_text("abc"), iso_bytes_text("ab")));
    ck_assert(iso_bytes_begins(iso_bytes_text("abc"), iso_bytes(NULL, 0)));
    ck_assert(!iso_bytes_begins(iso_bytes_text("ab"), iso_bytes_text("abc")));
}
END_TEST

START_TEST(a_buffer_grows_and_keeps_what_it_holds)
{
    struct iso_buf buf = {0};
    for (int i = 0; i < 10000; i++)
        iso_buf_add_u8(&buf, (uint8_t)i);
    ck_assert_uint_eq(buf.size, 10000);
    ck_assert_uint_lt(buf.room, 40000);
    for (int i = 0; i < 10000; i++)
        ck_assert_uint_eq(buf.data[i], (uint8_t)i);
    size_t room = buf.room;
    iso_buf_clear(&buf);
    ck_assert_uint_eq(buf.size, 0);
    ck_assert_uint_eq(buf.room, room);
    iso_buf_release(&buf);
    iso_buf_release(&buf);
    ck_assert_ptr_null(buf.data);
}
END_TEST

START_TEST(numbers_are_big_endian)
{
    struct iso_buf buf = {0};
    iso_buf_add_u16(&buf, 0x0102);
    iso_buf_add_u32(&buf, 0x03040506);
    iso_buf_add_u64(&buf, UINT64_C(0x0708090a0b0c0d0e));
    for (size_t i = 0; i < 14; i++)
        ck_assert_uint_eq(buf.data[i], i + 1);
    ck_assert_uint_eq(iso_get_u16(buf.data), 0x0102);
    ck_assert_uint_eq(iso_get_u32(buf.data + 2), 0x03040506);
    ck_assert_uint_eq(iso_get_u64(buf.data + 6), UINT64_C(0x0708090a0b0c0d0e));
    uint8_t high[2] = {0xff, 0xfe};
    ck_assert_uint_eq(iso_get_u16(high), 0xfffe);
    iso_buf_release(&buf);
}
END_TEST

START_TEST(printed_text_is_terminated_and_the_nul_is_not_counted)
{
    struct iso_buf buf = {0};
    ck_assert_str_eq(iso_buf_text(&buf), "");
    iso_buf_print(&buf, "%d", 12);
    iso_buf_print(&buf, "%*s", 200, "x");
    ck_assert_uint_eq(buf.size, 202);
    ck_assert_uint_eq(strlen(iso_buf_text(&buf)), 202);
    ck_assert_uint_eq(buf.size, 202);
    iso_buf_release(&buf);
}
END_TEST

START_TEST(hexadecimal_digits_go_there_and_back)
{
    struct iso_buf text = {0};
    iso_hex_encode(&text, iso_bytes("\x00\xab\x7f", 3));
    ck_assert_str_eq(iso_buf_text(&text), "00ab7f");
    for (int i = 0; i < 500; i++) {
        uint8_t room[64], back[64];
        struct iso_bytes bytes = random_bytes(room, sizeof room);
        iso_buf_clear(&text);
        iso_hex_encode(&text, bytes);
        ck_assert(iso_hex_decode(iso_buf_bytes(&text), back, bytes.size));
        ck_assert(iso_bytes_equal(bytes, iso_bytes(back, bytes.size)));
    }
    iso_buf_release(&text);
}
END_TEST

START_TEST(hexadecimal_of_another_length_or_alphabet_is_refused)
{
    uint8_t out[4];
    ck_assert(iso_hex_decode(iso_bytes_text("AbcD"), out, 2));
    ck_assert_uint_eq(out[0], 0xab);
    ck_assert(!iso_hex_decode(iso_bytes_text("abc"), out, 2));
    ck_assert(!iso_hex_decode(iso_bytes_text("abcde"), out, 2));
    ck_assert(!iso_hex_decode(iso_bytes_text("abcg"), out, 2));
    ck_assert(!iso_hex_decode(iso_bytes_text("ab d"), out, 2));
    ck_assert(!iso_hex_decode(iso_bytes_text(""), out, SIZE_MAX / 2 + 1));
}
END_TEST

START_TEST(escaped_bytes_are_printable_and_come_back)
{
    struct iso_buf text = {0};
    iso_escape(&text, iso_bytes("a\t\\\x7f ~\xff", 7));
    ck_assert_str_eq(iso_buf_text(&text), "a\\x09\\x5c\\x7f ~\\xff");
    struct iso_buf back = {0};
    for (int i = 0; i < 500; i++) {
        uint8_t room[64];
        struct iso_bytes bytes = random_bytes(room, sizeof room);
        iso_buf_clear(&text);
        iso_buf_clear(&back);
        iso_escape(&text, bytes);
        for (size_t j = 0; j < text.size; j++)
            ck_assert(text.data[j] >= 0x20 && text.data[j] <= 0x7e);
        ck_assert(iso_unescape(&back, iso_buf_bytes(&text)));
        ck_assert(iso_bytes_equal(bytes, iso_buf_bytes(&back)));
    }
    iso_buf_release(&text);
    iso_buf_release(&back);
}
END_TEST

START_TEST(text_that_escape_never_writes_is_refused_and_leaves_the_buffer)
{
    static const char *const bad[] = {"\\",    "\\x",   "\\x0",   "\\x0g",
                                      "\\x5C", "\\x41", "\\n",    "a\tb",
                                      "\x80",  "\\X09", "ok\\x9", "\\\\x09"};
    struct iso_buf buf = {0};
    iso_buf_print(&buf, "kept");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!iso_unescape(&buf, iso_bytes_text(bad[i])), "%s", bad[i]);
        ck_assert_str_eq(iso_buf_text(&buf), "kept");
    }
    iso_buf_release(&buf);
}
END_TEST

START_TEST(base64_is_that_of_rfc_4648_without_padding)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg"},
                                           {"fo", "Zm8"},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg"},
                                           {"fooba", "Zm9vYmE"},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xfb\xff", "-_8"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct iso_buf text = {0}, back = {0};
        iso_base64_encode(&text, iso_bytes_text(pairs[i][0]));
        ck_assert_str_eq(iso_buf_text(&text), pairs[i][1]);
        ck_assert(iso_base64_decode(&back, iso_bytes_text(pairs[i][1])));
        ck_assert_str_eq(iso_buf_text(&back), pairs[i][0]);
        iso_buf_release(&text);
        iso_buf_release(&back);
    }
}
END_TEST

START_TEST(base64_comes_back_and_each_byte_string_has_one_text)
{
    struct iso_buf text = {0}, back = {0}, again = {0};
    for (int i = 0; i < 500; i++) {
        uint8_t room[64];
        struct iso_bytes bytes = random_bytes(room, sizeof room);
        iso_buf_clear(&text);
        iso_buf_clear(&back);
        iso_base64_encode(&text, bytes);
        ck_assert(iso_base64_decode(&back, iso_buf_bytes(&text)));
        ck_assert(iso_bytes_equal(bytes, iso_buf_bytes(&back)));
        if (text.size == 0)
            continue;
        text.data[text.size - 1] ^= 1; /* another text: refused, or other bytes */
        iso_buf_clear(&again);
        if (iso_base64_decode(&again, iso_buf_bytes(&text)))
            ck_assert(!iso_bytes_equal(bytes, iso_buf_bytes(&again)));
    }
    iso_buf_release(&text);
    iso_buf_release(&back);
    iso_buf_release(&again);
}
END_TEST

START_TEST(base64_that_is_padded_or_foreign_is_refused_and_leaves_the_buffer)
{
    static const char *const bad[] = {"Z",    "Zg==", "Zh",    "Zm9",  "Zm9v\n",
                                      "Zm+v", "Zm/v", "Z m9v", "Zm9vZ"};
    struct iso_buf buf = {0};
    iso_buf_print(&buf, "kept");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!iso_base64_decode(&buf, iso_bytes_text(bad[i])), "%s", bad[i]);
        ck_assert_str_eq(iso_buf_text(&buf), "kept");
    }
    iso_buf_release(&buf);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bytes");
    TCase *tcase = tcase_create("bytes");
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, bytes_compare_as_memcmp_and_the_shorter_first);
    tcase_add_test(tcase, a_buffer_grows_and_keeps_what_it_holds);
    tcase_add_test(tcase, numbers_are_big_endian);
    tcase_add_test(tcase, printed_text_is_terminated_and_the_nul_is_not_counted);
    tcase_add_test(tcase, hexadecimal_digits_go_there_and_back);
    tcase_add_test(tcase, hexadecimal_of_another_length_or_alphabet_is_refused);
    tcase_add_test(tcase, escaped_bytes_are_printable_and_come_back);
    tcase_add_test(tcase,
                   text_that_escape_never_writes_is_refused_and_leaves_the_buffer);
    tcase_add_test(tcase, base64_is_that_of_rfc_4648_without_padding);
    tcase_add_test(tcase, base64_comes_back_and_each_byte_string_has_one_text);
    tcase_add_test(tcase,
                   base64_that_is_padded_or_foreign_is_refused_and_leaves_the_buffer);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
