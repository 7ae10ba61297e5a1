/* Digests (schema/digest.h), against vectors made by another program. */
#include "tests/unit/vectors.h"

#include "base/clock.h"
#include "schema/digest.h"

START_TEST(hashes_are_those_of_the_vectors)
{
    struct vectors vectors = vectors_open("hash.txt");
    struct iso_buf data = {0};
    int lines = 0;
    for (; vectors_next(&vectors, 4); lines++) {
        char text[ISO_DIGEST_DIGITS + 1], word[17];
        vectors_bytes(&vectors, 0, &data);
        uint64_t hash = iso_hash64(iso_buf_bytes(&data), vectors_number(&vectors, 1));
        snprintf(word, sizeof word, "%016llx", (unsigned long long)hash);
        ck_assert_str_eq(word, vectors.fields[2]);
        iso_digest_text(iso_hash128(iso_buf_bytes(&data)), text);
        ck_assert_str_eq(text, vectors.fields[3]);
    }
    ck_assert_int_gt(lines, 10);
    iso_buf_release(&data);
}
END_TEST

START_TEST(a_key_is_in_the_bucket_of_the_vectors)
{
    struct vectors vectors = vectors_open("bucket.txt");
    struct iso_buf key = {0};
    while (vectors_next(&vectors, 3)) {
        vectors_bytes(&vectors, 0, &key);
        uint32_t buckets = (uint32_t)vectors_number(&vectors, 1);
        ck_assert_uint_eq(iso_bucket_of(iso_buf_bytes(&key), buckets),
                          vectors_number(&vectors, 2));
    }
    iso_buf_release(&key);
}
END_TEST

/* The part that the vector names, or NULL. */
static const struct iso_bytes *part(const struct vectors *vectors, int field,
                                    struct iso_buf *buf, struct iso_bytes *bytes)
{
    bool present = vectors_bytes(vectors, field, buf);
    *bytes = iso_buf_bytes(buf);
    return present ? bytes : NULL;
}

START_TEST(the_running_hash_of_a_prefix_is_that_of_the_vectors)
{
    struct vectors vectors = vectors_open("prefix.txt");
    struct iso_buf bufs[3] = {{0}}, scratch = {0};
    struct iso_digest h = {0};
    int lines = 0;
    for (; vectors_next(&vectors, 7); lines++) {
        struct iso_bytes bytes[3];
        const struct iso_bytes *parts[3];
        char text[ISO_DIGEST_DIGITS + 1];
        for (int i = 0; i < 3; i++)
            parts[i] = part(&vectors, 3 + i, &bufs[i], &bytes[i]);
        iso_digest_text(h, text);
        ck_assert_str_eq(text, vectors.fields[0]);
        struct iso_prefix_record record = {
            .offset = (int64_t)vectors_number(&vectors, 1),
            .append_ms = (int64_t)vectors_number(&vectors, 2),
            .key = parts[0],
            .value = parts[1],
            .header = parts[2]};
        h = iso_prefix_hash(h, &record, &scratch);
        iso_digest_text(h, text);
        ck_assert_str_eq(text, vectors.fields[6]);
    }
    ck_assert_int_gt(lines, 10);
    for (int i = 0; i < 3; i++)
        iso_buf_release(&bufs[i]);
    iso_buf_release(&scratch);
}
END_TEST

START_TEST(the_running_hash_tells_absent_from_empty_and_one_part_from_another)
{
    struct iso_buf scratch = {0};
    struct iso_bytes empty = {0}, a = iso_bytes_text("a"), ab = iso_bytes_text("ab"),
                     b = iso_bytes_text("b");
    struct iso_digest zero = {0};
    const struct iso_prefix_record records[] = {
        {0, 0, NULL, NULL, NULL},   {0, 0, &empty, NULL, NULL},
        {0, 0, NULL, &empty, NULL}, {0, 0, NULL, NULL, &empty},
        {0, 0, &ab, &empty, NULL},  {0, 0, &a, &b, NULL},
        {0, 0, &empty, &ab, NULL},  {1, 0, NULL, NULL, NULL},
        {0, 1, NULL, NULL, NULL},
    };
    struct iso_digest of[sizeof records / sizeof records[0]];
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        of[i] = iso_prefix_hash(zero, &records[i], &scratch);
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(!iso_digest_equal(of[i], of[j]), "%zu and %zu", i, j);
    iso_buf_release(&scratch);
}
END_TEST

START_TEST(a_sum_does_not_depend_on_order_and_what_is_subtracted_is_gone)
{
    enum { PARTS = 64 };
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, 3);
    struct iso_digest parts[PARTS], up = {0}, down = {0};
    for (int i = 0; i < PARTS; i++)
        parts[i] =
            (struct iso_digest){iso_chance_draw(&chance), iso_chance_draw(&chance)};
    for (int i = 0; i < PARTS; i++) {
        iso_digest_add(&up, parts[i]);
        iso_digest_add(&down, parts[PARTS - 1 - i]);
    }
    ck_assert(iso_digest_equal(up, down));
    for (int i = 0; i < PARTS; i++) {
        struct iso_digest before = up;
        iso_digest_subtract(&up, parts[(i * 7) % PARTS]);
        ck_assert(!iso_digest_equal(up, before));
    }
    ck_assert(iso_digest_equal(up, (struct iso_digest){0}));
    /* A hash that is added twice is not gone, as it would be with exclusive or. */
    iso_digest_add(&up, parts[0]);
    iso_digest_add(&up, parts[0]);
    ck_assert(!iso_digest_equal(up, (struct iso_digest){0}));
}
END_TEST

START_TEST(a_digest_is_16_bytes_and_back_and_its_text_is_their_digits)
{
    struct iso_digest digest = {.low = 0x0102030405060708u,
                                .high = 0x1112131415161718u};
    uint8_t bytes[ISO_DIGEST_SIZE];
    char text[ISO_DIGEST_DIGITS + 1];
    iso_digest_put(bytes, digest);
    ck_assert_uint_eq(bytes[0], 0x11);
    ck_assert_uint_eq(bytes[15], 0x08);
    ck_assert(iso_digest_equal(iso_digest_get(bytes), digest));
    iso_digest_text(digest, text);
    ck_assert_str_eq(text, "11121314151617180102030405060708");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("digest");
    tcase_add_test(tests, hashes_are_those_of_the_vectors);
    tcase_add_test(tests, a_key_is_in_the_bucket_of_the_vectors);
    tcase_add_test(tests, the_running_hash_of_a_prefix_is_that_of_the_vectors);
    tcase_add_test(tests,
                   the_running_hash_tells_absent_from_empty_and_one_part_from_another);
    tcase_add_test(tests,
                   a_sum_does_not_depend_on_order_and_what_is_subtracted_is_gone);
    tcase_add_test(tests, a_digest_is_16_bytes_and_back_and_its_text_is_their_digits);
    Suite *suite = suite_create("digest");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
