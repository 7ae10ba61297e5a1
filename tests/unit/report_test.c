/* Reports (schema/report.h). */
#include <check.h>

#include "base/mem.h"
#include "schema/report.h"
#include "tests/unit/mutate.h"

static struct iso_report sample(void)
{
    struct iso_report report = {
        .region = "eu",
        .region_number = 3,
        .store = {0xde, 0xad, [15] = 0x0f},
        .collection = "packages",
        .definition = 2,
        .at_ms = 1700000000000,
        .state = ISO_SLICE_STOPPED,
        .why = "the log at offset 5 is not the one that was read before – seed it",
        .software = "0.1.0",
        .slice = {.partition = 7, .effective = 12},
        .diverged = {.log = 1, .equal = -1, .differs = 5},
    };
    struct iso_slice_log *log = iso_slice_log_add(&report.slice, 1);
    log->frontier = 4097;
    iso_slice_source_add(log, 3)->hlc = 77;
    iso_vector_move(&report.slice.vector, 1, 4096);
    return report;
}

START_TEST(a_report_is_what_was_put_in_and_the_walk_accepts_it)
{
    struct iso_report report = sample(), read = {0};
    struct iso_buf out = {0};
    struct iso_why why = {0};
    for (int state = ISO_SLICE_APPLYING; state <= ISO_SLICE_CLOSED; state++) {
        report.state = (enum iso_slice_state)state;
        iso_buf_clear(&out);
        iso_report_encode(&report, &out);
        ck_assert_msg(iso_avro_check(iso_avsc(ISO_AVSC_REPORT), iso_buf_bytes(&out),
                                     &why) == ISO_OK,
                      "%s", why.text);
        ck_assert_int_eq(iso_report_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
        ck_assert_str_eq(read.region, report.region);
        ck_assert_uint_eq(read.region_number, report.region_number);
        ck_assert_int_eq(memcmp(read.store, report.store, sizeof read.store), 0);
        ck_assert_str_eq(read.collection, report.collection);
        ck_assert_uint_eq(read.definition, report.definition);
        ck_assert_int_eq(read.at_ms, report.at_ms);
        ck_assert_int_eq(read.state, state);
        ck_assert_str_eq(read.why, report.why);
        ck_assert_str_eq(read.software, report.software);
        ck_assert_uint_eq(read.slice.partition, 7);
        ck_assert_uint_eq(read.diverged.log, 1);
        ck_assert_int_eq(read.diverged.equal, -1);
        ck_assert_int_eq(read.diverged.differs, 5);
        ck_assert_int_eq(iso_slice_log(&read.slice, 1)->frontier, 4097);
        ck_assert_uint_eq(read.slice.logs[0].sources[0].hlc, 77);
        ck_assert(iso_vector_equal(&read.slice.vector, &report.slice.vector));
    }
    uint64_t before = iso_mem_count();
    iso_report_decode(iso_buf_bytes(&out), &read, NULL);
    ck_assert_uint_eq(iso_mem_count(), before);
    iso_report_release(&read);
    iso_report_release(&report);
    iso_report_release(&report);
    iso_buf_release(&out);
}
END_TEST

START_TEST(its_key_names_region_store_collection_and_partition)
{
    struct iso_report report = sample();
    struct iso_buf key = {0};
    iso_report_key(&report, &key);
    ck_assert_str_eq(iso_buf_text(&key),
                     "eu/dead000000000000000000000000000f/packages/7");
    ck_assert_str_eq(iso_slice_state_name(ISO_SLICE_PARKED), "parked");
    iso_report_release(&report);
    iso_buf_release(&key);
}
END_TEST

START_TEST(a_sentence_that_was_cut_within_a_character_still_travels)
{
    struct iso_report report = sample(), read = {0};
    struct iso_buf out = {0};
    snprintf(report.why, sizeof report.why, "seed it \xe2\x80");
    iso_report_encode(&report, &out);
    ck_assert_int_eq(iso_report_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
    ck_assert_str_eq(read.why, "seed it ??");
    iso_report_release(&read);
    iso_report_release(&report);
    iso_buf_release(&out);
}
END_TEST

static void the_walk_agrees(struct iso_bytes bad, void *arg)
{
    size_t *taken = arg;
    struct iso_report read = {0};
    struct iso_why why;
    if (iso_report_decode(bad, &read, &why) != ISO_OK) {
        ck_assert(why.err == ISO_BAD_DATA || why.err == ISO_DAMAGED);
        ck_assert_uint_eq(read.slice.log_room + read.slice.vector.room, 0);
        return;
    }
    ++*taken;
    ck_assert_int_eq(iso_avro_check(iso_avsc(ISO_AVSC_REPORT), bad, NULL), ISO_OK);
    ck_assert(iso_region_name_valid(read.region));
    iso_report_release(&read);
}

START_TEST(what_the_walk_refuses_decode_refuses)
{
    struct iso_report report = sample();
    struct iso_buf out = {0};
    size_t taken = 0;
    iso_report_encode(&report, &out);
    mutate_all(iso_buf_bytes(&out), 29, the_walk_agrees, &taken);
    ck_assert_uint_gt(taken, 100);
    iso_report_release(&report);
    iso_buf_release(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("report");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_report_is_what_was_put_in_and_the_walk_accepts_it);
    tcase_add_test(tests, its_key_names_region_store_collection_and_partition);
    tcase_add_test(tests, a_sentence_that_was_cut_within_a_character_still_travels);
    tcase_add_test(tests, what_the_walk_refuses_decode_refuses);
    Suite *suite = suite_create("report");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
