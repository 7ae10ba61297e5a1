/* The iso header (schema/write.h): what is encoded is decoded, what is out of range is
 * refused on both sides. */
#include "base/mem.h"
#include "schema/avro.h"
#include "tests/unit/write_kit.h"

static const struct iso_write sample = {
    .operation = ISO_PATCH,
    .log = ISO_LOG_MAX,
    .partition = ISO_PARTITIONS_MAX - 1,
    .version = {.hlc = INT64_MAX, .node = (uint64_t)64 << 48 | 0xffffffffffff},
    .seq = INT64_MAX,
    .blind = true,
    .has_expiry = true,
    .expiry_ms = (INT64_C(1) << 47) - 1,
};

static void same(const struct iso_write *a, const struct iso_write *b)
{
    ck_assert_int_eq(a->operation, b->operation);
    ck_assert_uint_eq(a->log, b->log);
    ck_assert_uint_eq(a->partition, b->partition);
    ck_assert(iso_version_equal(a->version, b->version));
    ck_assert_uint_eq(a->seq, b->seq);
    ck_assert(a->blind == b->blind && a->has_expiry == b->has_expiry);
    ck_assert_int_eq(a->expiry_ms, b->expiry_ms);
    ck_assert_uint_eq(a->read.count, b->read.count);
    size_t size = a->read.count * ISO_VERSION_SIZE;
    ck_assert(size == 0 || memcmp(a->read.data, b->read.data, size) == 0);
    ck_assert(iso_bytes_equal(a->seen, b->seen));
}

static void round_trip(const struct iso_write *write)
{
    struct iso_buf header = {0}, scratch = {0};
    struct iso_write back;
    ck_assert_int_eq(iso_write_check(write, NULL), ISO_OK);
    iso_write_encode(write, &header);
    ck_assert_uint_le(header.size - write->read.count * ISO_VERSION_SIZE -
                          write->seen.size,
                      ISO_HEADER_BLIND_MAX);
    ck_assert_uint_le(header.size, ISO_HEADER_MAX);
    ck_assert_int_eq(decode(iso_buf_bytes(&header), &scratch, &back), ISO_OK);
    same(write, &back);
    ck_assert_uint_eq(scratch.size, 0); /* one block: borrowed where it stands */
    iso_buf_release(&header);
    iso_buf_release(&scratch);
}

START_TEST(what_is_encoded_is_decoded)
{
    round_trip(&sample);
    uint8_t names[ISO_READ_MAX * ISO_VERSION_SIZE];
    memset(names, 0x5a, sizeof names);
    static const size_t counts[] = {0, 1, 63, 64, ISO_READ_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct iso_write write = sample;
        write.blind = false;
        write.read = (struct iso_names){names, counts[i]};
        write.has_expiry = false;
        write.expiry_ms = 0;
        round_trip(&write);
    }
    struct iso_write delete = sample;
    delete.operation = ISO_DELETE;
    delete.blind = false;
    delete.seen = iso_bytes(names, ISO_WRITE_SEEN_MAX);
    round_trip(&delete);
    delete.read = (struct iso_names){names, 4000};
    delete.seen = iso_bytes(names, ISO_WRITE_SEEN_MAX - 4000 * ISO_VERSION_SIZE);
    round_trip(&delete);
    struct iso_write least = {.operation = ISO_PUT,
                              .log = 1,
                              .version = {.hlc = 1, .node = iso_node(1, 0)},
                              .seq = 1,
                              .blind = true};
    round_trip(&least);
}
END_TEST

START_TEST(what_no_consumer_would_take_is_told_to_its_writer)
{
    struct iso_write rows[10];
    for (size_t i = 0; i < 10; i++)
        rows[i] = sample;
    rows[0].log = 0;
    rows[1].log = ISO_LOG_MAX + 1;
    rows[2].partition = ISO_PARTITIONS_MAX;
    rows[3].version.hlc = 0;
    rows[4].version.hlc = (uint64_t)INT64_MAX + 1;
    rows[5].version.node = iso_node(0, 1);
    rows[6].version.node = iso_node(65, 1);
    rows[7].seq = 0;
    rows[8].expiry_ms = -1;
    rows[9].seen = iso_bytes_text("a patch has none");
    for (size_t i = 0; i < 10; i++) {
        struct iso_buf header = {0}, scratch = {0};
        struct iso_write back;
        ck_assert_int_eq(iso_write_check(&rows[i], NULL), ISO_BAD_DATA);
        iso_write_encode(&rows[i], &header);
        ck_assert_int_eq(decode(iso_buf_bytes(&header), &scratch, &back), ISO_BAD_DATA);
        iso_buf_release(&header);
    }
    struct iso_write many = sample;
    many.blind = false;
    many.read.count = ISO_READ_MAX + 1;
    ck_assert_int_eq(iso_write_check(&many, NULL), ISO_TOO_LARGE);
    many.operation = ISO_DELETE;
    many.read.count = 4000;
    many.seen.size = ISO_WRITE_SEEN_MAX - 4000 * ISO_VERSION_SIZE + 1;
    ck_assert_int_eq(iso_write_check(&many, NULL), ISO_TOO_LARGE);
}
END_TEST

START_TEST(no_truncation_decodes_and_no_flipped_bit_reads_outside)
{
    uint8_t names[3 * ISO_VERSION_SIZE] = {1, 2, 3};
    struct iso_write write = sample;
    write.blind = false;
    write.read = (struct iso_names){names, 3};
    struct iso_buf header = {0}, scratch = {0};
    struct iso_write back;
    iso_write_encode(&write, &header);
    for (size_t size = 0; size < header.size; size++)
        ck_assert_int_eq(decode(iso_bytes(header.data, size), &scratch, &back),
                         ISO_BAD_DATA);
    for (size_t bit = 0; bit < 8 * header.size; bit++) {
        header.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        decode(iso_buf_bytes(&header), &scratch, &back);
        header.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    iso_buf_add_u8(&header, 0);
    ck_assert_int_eq(decode(iso_buf_bytes(&header), &scratch, &back), ISO_BAD_DATA);
    iso_buf_reserve(&header, ISO_HEADER_MAX);
    memset(header.data + header.size, 0, ISO_HEADER_MAX + 1 - header.size);
    header.size = ISO_HEADER_MAX + 1;
    ck_assert_int_eq(decode(iso_buf_bytes(&header), &scratch, &back), ISO_BAD_DATA);
    iso_buf_release(&header);
    iso_buf_release(&scratch);
}
END_TEST

START_TEST(neither_encoding_nor_decoding_allocates_once_warm)
{
    struct iso_buf header = {0}, scratch = {0};
    iso_write_encode(&sample, &header);
    uint64_t before = iso_mem_count();
    struct iso_write back;
    for (int i = 0; i < 100; i++) {
        iso_buf_clear(&header);
        iso_write_encode(&sample, &header);
        ck_assert_int_eq(
            iso_write_decode(iso_buf_bytes(&header), &scratch, &back, NULL), ISO_OK);
    }
    ck_assert_uint_eq(iso_mem_count(), before);
    iso_buf_release(&header);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("write");
    tcase_add_test(tests, what_is_encoded_is_decoded);
    tcase_add_test(tests, what_no_consumer_would_take_is_told_to_its_writer);
    tcase_add_test(tests, no_truncation_decodes_and_no_flipped_bit_reads_outside);
    tcase_add_test(tests, neither_encoding_nor_decoding_allocates_once_warm);
    Suite *suite = suite_create("write");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
