/* Entries (schema/entry.h): their bytes, and that no damage of them goes unseen. */
#include "tests/unit/mutate.h"
#include "tests/unit/vectors.h"

#include "schema/entry.h"

static struct iso_buf scratch, row, again;

static void check_same(const struct iso_entry *a, const struct iso_entry *b)
{
    ck_assert_int_eq(a->kind, b->kind);
    ck_assert(iso_version_equal(a->version, b->version));
    ck_assert_uint_eq(a->log, b->log);
    ck_assert_int_eq(a->offset, b->offset);
    ck_assert_uint_eq(a->losers, b->losers);
    ck_assert_int_eq(a->expiry_ms, b->expiry_ms);
    ck_assert(iso_bytes_equal(iso_bytes(a->names.data, a->names.count * 16),
                              iso_bytes(b->names.data, b->names.count * 16)));
    ck_assert(iso_bytes_equal(a->value, b->value));
}

START_TEST(rows_canonical_bytes_and_digests_are_those_of_the_vectors)
{
    struct vectors vectors = vectors_open("entry.txt");
    struct iso_buf key = {0}, value = {0}, names = {0}, expected = {0};
    while (vectors_next(&vectors, 13)) {
        vectors_bytes(&vectors, 0, &key);
        vectors_bytes(&vectors, 5, &value);
        vectors_bytes(&vectors, 9, &names);
        struct iso_entry entry = {
            .version = {vectors_number(&vectors, 1), vectors_number(&vectors, 2)},
            .kind = (enum iso_entry_kind)vectors_number(&vectors, 3),
            .expiry_ms = (int64_t)vectors_number(&vectors, 4),
            .value = iso_buf_bytes(&value),
            .log = (uint16_t)vectors_number(&vectors, 6),
            .offset = (int64_t)vectors_number(&vectors, 7),
            .losers = (uint32_t)vectors_number(&vectors, 8),
            .names = {names.data, names.size / ISO_VERSION_SIZE},
        };
        struct iso_digest digest, decoded_digest;
        char text[ISO_DIGEST_DIGITS + 1];
        iso_buf_clear(&again);
        iso_entry_canonical(&entry, iso_buf_bytes(&key), &again);
        vectors_bytes(&vectors, 10, &expected);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&again), iso_buf_bytes(&expected)));
        iso_entry_encode(&entry, iso_buf_bytes(&key), &scratch, &row, &digest);
        iso_digest_text(digest, text);
        ck_assert_str_eq(text, vectors.fields[11]);
        vectors_bytes(&vectors, 12, &expected);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&row), iso_buf_bytes(&expected)));
        struct iso_entry decoded;
        ck_assert_int_eq(iso_entry_decode(iso_buf_bytes(&row), iso_buf_bytes(&key),
                                          &scratch, &decoded, &decoded_digest, NULL),
                         ISO_OK);
        check_same(&entry, &decoded);
        ck_assert(iso_digest_equal(digest, decoded_digest));
    }
    iso_buf_release(&key);
    iso_buf_release(&value);
    iso_buf_release(&names);
    iso_buf_release(&expected);
}
END_TEST

static const uint8_t two_names[2 * ISO_VERSION_SIZE] = {1, 2, 3, [16] = 1, 2, 4};

/* One of each shape: kinds, with and without names, with and without value. */
static struct iso_entry sample(int n)
{
    struct iso_entry entry = {
        .kind = (enum iso_entry_kind)(n % 3),
        .version = {0x018bcfe568000001u, iso_node(2, 77)},
        .log = 3,
        .offset = 123456789,
        .losers = (uint32_t)n,
        .names = {n >= 6 ? two_names : NULL, n >= 6 ? 2 : 0},
    };
    if (entry.kind == ISO_EXPIRING)
        entry.expiry_ms = 1800000000000;
    if (entry.kind != ISO_TOMBSTONE && n % 6 >= 3)
        entry.value = iso_bytes_text("eighteen bytes long");
    return entry;
}
enum { SAMPLES = 12 };

struct damage {
    struct iso_bytes good, key;
};

static void is_damaged(struct iso_bytes bad, void *arg)
{
    struct damage *damage = arg;
    struct iso_entry entry;
    struct iso_digest digest;
    struct iso_why why;
    enum iso_err expected = iso_bytes_equal(bad, damage->good) ? ISO_OK : ISO_DAMAGED;
    ck_assert_int_eq(
        iso_entry_decode(bad, damage->key, &scratch, &entry, &digest, &why), expected);
    if (expected == ISO_DAMAGED) {
        ck_assert_uint_eq(entry.value.size + entry.names.count + digest.low, 0);
        ck_assert_ptr_nonnull(strstr(why.text, "mend"));
    }
}

START_TEST(every_truncation_and_flip_and_random_damage_is_found)
{
    for (int n = 0; n < SAMPLES; n++) {
        struct iso_entry entry = sample(n);
        struct iso_digest digest;
        struct iso_buf kept = {0};
        struct iso_bytes key = iso_bytes_text("user:1");
        iso_entry_encode(&entry, key, &scratch, &row, &digest);
        iso_buf_add_bytes(&kept, iso_buf_bytes(&row));
        struct damage damage = {iso_buf_bytes(&kept), key};
        mutate_all(damage.good, (uint64_t)n, is_damaged, &damage);
        iso_buf_add_u8(&kept, 0); /* one byte more */
        is_damaged(iso_buf_bytes(&kept), &damage);
        iso_buf_release(&kept);
    }
}
END_TEST

START_TEST(a_row_under_another_key_is_damage)
{
    struct iso_entry entry = sample(0), decoded;
    struct iso_digest digest;
    struct iso_bytes other = iso_bytes_text("user:2");
    iso_entry_encode(&entry, iso_bytes_text("user:1"), &scratch, &row, &digest);
    ck_assert_int_eq(
        iso_entry_decode(iso_buf_bytes(&row), other, &scratch, &decoded, &digest, NULL),
        ISO_DAMAGED);
    struct iso_buf huge = {0};
    iso_buf_reserve(&huge, 70000);
    memset(huge.data, 'k', 70000);
    ck_assert_int_eq(iso_entry_decode(iso_buf_bytes(&row), iso_bytes(huge.data, 70000),
                                      &scratch, &decoded, &digest, NULL),
                     ISO_DAMAGED);
    iso_buf_release(&huge);
}
END_TEST

START_TEST(position_losers_and_names_stand_in_no_digest_and_all_else_does)
{
    struct iso_bytes key = iso_bytes_text("k");
    struct iso_entry entry = sample(5), other = entry;
    struct iso_digest digest, moved;
    iso_entry_encode(&entry, key, &scratch, &row, &digest);
    other.log = 9;
    other.offset = 1;
    other.losers = 8;
    other.names = (struct iso_names){two_names, 2};
    iso_entry_encode(&other, key, &scratch, &row, &moved);
    ck_assert(iso_digest_equal(digest, moved));
    for (int n = 0; n < 4; n++) {
        other = entry;
        other.version.hlc += n == 0;
        other.version.node += n == 1;
        other.expiry_ms += n == 2;
        if (n == 3)
            other.value.size--;
        iso_entry_encode(&other, key, &scratch, &row, &moved);
        ck_assert_msg(!iso_digest_equal(digest, moved), "%d", n);
    }
}
END_TEST

START_TEST(nothing_is_allocated_after_warm_up)
{
    struct iso_bytes key = iso_bytes_text("user:1");
    struct iso_entry entry, decoded;
    struct iso_digest digest;
    uint64_t before = 0;
    for (int n = 0; n < SAMPLES * 2; n++) {
        if (n == SAMPLES)
            before = iso_mem_count();
        entry = sample(n % SAMPLES);
        iso_entry_encode(&entry, key, &scratch, &row, &digest);
        iso_entry_decode(iso_buf_bytes(&row), key, &scratch, &decoded, &digest, NULL);
    }
    ck_assert_uint_eq(iso_mem_count(), before);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("entry");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, rows_canonical_bytes_and_digests_are_those_of_the_vectors);
    tcase_add_test(tests, every_truncation_and_flip_and_random_damage_is_found);
    tcase_add_test(tests, a_row_under_another_key_is_damage);
    tcase_add_test(tests,
                   position_losers_and_names_stand_in_no_digest_and_all_else_does);
    tcase_add_test(tests, nothing_is_allocated_after_warm_up);
    Suite *suite = suite_create("entry");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    iso_buf_release(&scratch);
    iso_buf_release(&row);
    iso_buf_release(&again);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
