/* A verdict lists the partitions that are not equal: those that diverged first, and no
 * more than fit; all of them are counted.
 */
#include "lag_kit.h"

enum { MANY = ISO_VERDICT_SLICES_MAX + 40 };

static struct iso_verdict verdict;

/* us is at another vector, or at the same with other data; or was never heard. */
enum us { SAME, ELSEWHERE, OTHER, SILENT };

static void feed(uint32_t partition, enum us us)
{
    for (unsigned n = EU; n <= US; n++) {
        struct iso_report report = kit_report("packages", n, partition);
        for (uint16_t log = EU; log <= US; log++) {
            kit_stand(&report, log, 10, KIT_NOW);
            iso_vector_move(&report.slice.vector, log,
                            n == US && us == ELSEWHERE ? 9 : 8);
        }
        report.slice.tally.live =
            (struct iso_digest){n == US && us == OTHER ? 2 : 1, partition};
        if (n == US && us == SILENT)
            iso_report_release(&report);
        else
            iso_lag_feed_report(lag, &report, KIT_NOW);
        feed_end((uint16_t)n, partition, 10);
    }
}

static void judge(void)
{
    iso_lag_verdict(lag, "packages", KIT_NOW, INT64_MIN, &verdict);
    finish();
}

static void ck_slice(size_t at, uint32_t partition, enum iso_verdict_state state,
                     const char *why)
{
    ck_assert_uint_lt(at, verdict.unequal_count);
    const struct iso_verdict_slice *slice = &verdict.unequal[at];
    ck_assert_uint_eq(slice->partition, partition);
    ck_assert_int_eq(slice->state, state);
    ck_assert_msg(strstr(slice->why, why) != NULL, "'%s' lacks '%s'", slice->why, why);
}

START_TEST(equal_partitions_are_not_listed)
{
    begin((struct kit_shape){.regions = 2, .partitions = 3});
    for (uint32_t p = 0; p < 3; p++)
        feed(p, SAME);
    judge();
    ck_assert_int_eq(verdict.state, ISO_VERDICT_CONVERGED);
    ck_assert_uint_eq(verdict.unequal_count, 0);
}
END_TEST

START_TEST(every_partition_that_is_not_equal_is_listed_with_its_reason)
{
    static const enum us us[] = {ELSEWHERE, SAME, OTHER, SILENT, OTHER, ELSEWHERE};
    begin((struct kit_shape){.regions = 2, .partitions = 6});
    for (uint32_t p = 0; p < 6; p++)
        feed(p, us[p]);
    judge();
    ck_assert_int_eq(verdict.state, ISO_VERDICT_DIVERGED);
    ck_assert_uint_eq(verdict.diverged, 2);
    ck_assert_uint_eq(verdict.pending, 3);
    ck_assert_uint_eq(verdict.unequal_count, 5);
    ck_slice(0, 2, ISO_VERDICT_DIVERGED, "hold different live values");
    ck_slice(1, 4, ISO_VERDICT_DIVERGED, "hold different live values");
    ck_slice(2, 0, ISO_VERDICT_PENDING, "have not applied the same writes yet");
    ck_slice(3, 3, ISO_VERDICT_UNKNOWN, "nothing was heard of us");
    ck_slice(4, 5, ISO_VERDICT_PENDING, "have not applied the same writes yet");
    ck_assert_msg(strstr(verdict.why, "partition 2: ") == verdict.why, "%s",
                  verdict.why);
}
END_TEST

START_TEST(of_many_those_that_diverged_are_listed_first)
{
    begin((struct kit_shape){.regions = 2, .partitions = MANY});
    for (uint32_t p = 0; p < MANY; p++)
        feed(p, p == 3 || p >= MANY - 2 ? OTHER : ELSEWHERE);
    judge();
    ck_assert_uint_eq(verdict.diverged, 3);
    ck_assert_uint_eq(verdict.pending, MANY - 3);
    ck_assert_uint_eq(verdict.unequal_count, ISO_VERDICT_SLICES_MAX);
    ck_slice(0, 3, ISO_VERDICT_DIVERGED, "live");
    ck_slice(1, MANY - 2, ISO_VERDICT_DIVERGED, "live");
    ck_slice(2, MANY - 1, ISO_VERDICT_DIVERGED, "live");
    ck_slice(3, 0, ISO_VERDICT_PENDING, "writes");
    ck_slice(6, 4, ISO_VERDICT_PENDING, "writes");
    ck_slice(ISO_VERDICT_SLICES_MAX - 1, ISO_VERDICT_SLICES_MAX - 3,
             ISO_VERDICT_PENDING, "writes");
}
END_TEST

START_TEST(where_all_diverged_the_first_are_listed)
{
    begin((struct kit_shape){.regions = 2, .partitions = MANY});
    for (uint32_t p = 0; p < MANY; p++)
        feed(p, OTHER);
    judge();
    ck_assert_uint_eq(verdict.diverged, MANY);
    ck_assert_uint_eq(verdict.unequal_count, ISO_VERDICT_SLICES_MAX);
    for (uint32_t p = 0; p < ISO_VERDICT_SLICES_MAX; p++)
        ck_slice(p, p, ISO_VERDICT_DIVERGED, "live");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict_list");
    TCase *cases = tcase_create("verdict_list");
    tcase_add_test(cases, equal_partitions_are_not_listed);
    tcase_add_test(cases, every_partition_that_is_not_equal_is_listed_with_its_reason);
    tcase_add_test(cases, of_many_those_that_diverged_are_listed_first);
    tcase_add_test(cases, where_all_diverged_the_first_are_listed);
    suite_add_tcase(suite, cases);
    return kit_main(suite);
}
