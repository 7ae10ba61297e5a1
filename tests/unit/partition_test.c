/* The partition of a key is the one that other people's clients choose (FACTS: measured
 * with the Java client and with librdkafka's murmur2_random). */
#include <check.h>
#include <stdlib.h>

#include "schema/write.h"

START_TEST(keys_go_where_a_java_client_puts_them)
{
    static const struct {
        const char *key;
        uint32_t partition;
    } rows[] = {{"a", 4}, {"user:1", 6}, {"user:2", 1}, {"ключ", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_uint_eq(iso_partition_of(iso_bytes_text(rows[i].key), 8),
                          rows[i].partition);
}
END_TEST

/* Of Kafka's own test, UtilsTest.testMurmur2: the hash itself, masked. */
START_TEST(the_hash_is_kafkas)
{
    static const struct {
        const char *key;
        int32_t hash;
    } rows[] = {{"21", -973932308},
                {"foobar", -790332482},
                {"a-little-bit-long-string", -985981536},
                {"a-little-bit-longer-string", -1486304829},
                {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                {"abc", 479470107}};
    const uint32_t most = 0x7fffffff;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_uint_eq(iso_partition_of(iso_bytes_text(rows[i].key), most),
                          ((uint32_t)rows[i].hash & 0x7fffffff) % most);
}
END_TEST

START_TEST(bytes_above_7f_are_not_signed)
{
    /* Computed with Java's algorithm written out by hand, in 32-bit arithmetic. */
    static const uint8_t key[] = {0xff, 0x80, 0xfe, 0x81, 0xd0, 0xba, 0xd1};
    uint32_t hash = 0x9747b28cu ^ 7u;
    uint32_t word = 0x81fe80ffu * 0x5bd1e995u;
    word = (word ^ word >> 24) * 0x5bd1e995u;
    hash = hash * 0x5bd1e995u ^ word;
    hash = (hash ^ 0xd1u << 16 ^ 0xbau << 8 ^ 0xd0u) * 0x5bd1e995u;
    hash = (hash ^ hash >> 13) * 0x5bd1e995u;
    hash ^= hash >> 15;
    ck_assert_uint_eq(iso_partition_of(iso_bytes(key, sizeof key), 4093),
                      (hash & 0x7fffffff) % 4093);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("partition");
    tcase_add_test(tests, keys_go_where_a_java_client_puts_them);
    tcase_add_test(tests, the_hash_is_kafkas);
    tcase_add_test(tests, bytes_above_7f_are_not_signed);
    Suite *suite = suite_create("partition");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
