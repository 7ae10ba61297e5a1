/* The rules of lww one by one, as schedules that a person can follow. Each is played in
 * every interleaving that its logs allow; what is held and what has lost is said in
 * words beside it, so that the model is held to them too. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/law/lww_model.h"

static struct law_case law;

static void begin(void)
{
    law_case_clear(&law);
}

static struct iso_version version_of(unsigned region, int64_t ms)
{
    return (struct iso_version){iso_hlc_of_ms(ms), iso_node(region, 1)};
}

enum { BLIND = -1 };

/* A write whose value is `value` (NULL: a DELETE), by a writer of `region`, which read
 * `count` writes, given by their numbers. */
static size_t write_in(uint16_t log, unsigned region, int64_t ms, const char *value,
                       int count, ...)
{
    uint8_t names[LAW_NAMES_MAX * ISO_VERSION_SIZE];
    struct iso_coming write = {.operation = value != NULL ? ISO_PUT : ISO_DELETE,
                               .value = iso_bytes_text(value != NULL ? value : ""),
                               .version = version_of(region, ms),
                               .log = log,
                               .blind = count == BLIND,
                               .read = {names, 0}};
    va_list read;
    va_start(read, count);
    for (int n = 0; n < count; n++)
        iso_version_put(names + write.read.count++ * ISO_VERSION_SIZE,
                        law.writes[va_arg(read, size_t)].version);
    va_end(read);
    law_case_add(&law, &write);
    return law.count - 1;
}

/* In every interleaving `held` is held (NULL: a tombstone), and the values in `lost`,
 * each one letter, are the losers. */
static void ck_outcome(const char *held, const char *lost)
{
    struct law_options options = {.resolver = iso_resolver_find("lww"),
                                  .model = &law_lww_model};
    struct law_report report = {0};
    static struct law_expected expected;
    char text[LAW_WRITES_MAX + 1] = "";
    ck_assert_msg(law_every_order(&options, &law, &report), "%s", report.text);
    ck_assert_msg(law_every_order_swept(&options, &law, &report), "%s", report.text);
    law_lww_model.expect(&law, &expected);
    ck_assert_ptr_nonnull(expected.held);
    if (held == NULL)
        ck_assert_int_eq(expected.held->operation, ISO_DELETE);
    else
        ck_assert_mem_eq(expected.held->value.data, held, strlen(held) + 1);
    for (size_t n = 0; n < expected.row_count; n++)
        text[n] = (char)expected.rows[n].value[0];
    ck_assert_str_eq(text, lost);
}

START_TEST(of_two_blind_writes_of_two_regions_the_smaller_version_is_a_loser)
{
    begin();
    write_in(1, 1, 110, "a", BLIND);
    write_in(2, 2, 111, "b", BLIND);
    ck_outcome("b", "a");
}
END_TEST

START_TEST(at_the_same_moment_the_node_decides)
{
    begin();
    write_in(1, 2, 110, "a", BLIND);
    write_in(2, 1, 110, "b", BLIND);
    ck_outcome("a", "b");
}
END_TEST

START_TEST(a_write_that_saw_the_other_leaves_no_loser)
{
    begin();
    size_t a = write_in(1, 1, 110, "a", BLIND);
    write_in(2, 2, 111, "b", 1, a);
    ck_outcome("b", "");
}
END_TEST

START_TEST(a_blind_write_replaces_what_its_own_region_wrote_before_it)
{
    begin();
    write_in(1, 1, 110, "a", BLIND);
    write_in(1, 2, 111, "b", BLIND);
    write_in(1, 1, 112, "c", BLIND);
    ck_outcome("c", "b");
}
END_TEST

START_TEST(a_write_that_read_nothing_replaces_nothing)
{
    begin();
    write_in(1, 1, 110, "a", BLIND);
    write_in(1, 1, 111, "b", 0);
    ck_outcome("b", "a");
}
END_TEST

START_TEST(a_delete_that_saw_the_value_leaves_no_loser)
{
    begin();
    size_t a = write_in(1, 1, 110, "a", BLIND);
    write_in(2, 2, 111, NULL, 1, a);
    ck_outcome(NULL, "");
}
END_TEST

START_TEST(a_delete_that_did_not_see_the_value_leaves_it_as_a_loser)
{
    begin();
    write_in(1, 1, 110, "a", BLIND);
    write_in(2, 2, 111, NULL, 0);
    ck_outcome(NULL, "a");
}
END_TEST

START_TEST(a_delete_and_a_value_with_expiry_hold_nothing_to_lose)
{
    begin();
    write_in(1, 1, 110, NULL, BLIND);
    size_t b = write_in(2, 2, 111, "b", BLIND);
    law.writes[b].has_expiry = true;
    law.writes[b].expiry_ms = 500;
    write_in(3, 3, 112, "c", BLIND);
    ck_outcome("c", "");
}
END_TEST

START_TEST(what_is_dead_on_arrival_still_replaces_what_it_had_read)
{
    begin();
    size_t a = write_in(1, 1, 110, "a", BLIND);
    size_t b = write_in(2, 2, 111, "b", 1, a);
    write_in(3, 3, 112, "c", 1, b);
    ck_outcome("c", "");
}
END_TEST

START_TEST(what_is_beaten_still_replaces_what_it_had_read)
{
    begin();
    size_t a = write_in(1, 1, 110, "a", BLIND);
    write_in(2, 2, 111, "b", 1, a);
    write_in(3, 3, 112, "c", BLIND);
    ck_outcome("c", "b");
}
END_TEST

START_TEST(restoring_a_loser_names_it_and_takes_it_out_of_the_ledger)
{
    begin();
    size_t a = write_in(1, 1, 110, "a", BLIND);
    size_t b = write_in(2, 2, 111, "b", BLIND);
    write_in(3, 3, 112, "a", 2, a, b);
    ck_outcome("a", "");
}
END_TEST

START_TEST(a_blind_write_takes_its_own_region_s_losers_and_no_other)
{
    begin();
    write_in(1, 1, 110, "a", BLIND);
    write_in(2, 2, 111, "b", BLIND);
    write_in(3, 3, 113, "c", BLIND);
    write_in(1, 1, 112, "d", BLIND); /* beaten, and the child of a all the same */
    ck_outcome("c", "bd");
}
END_TEST

START_TEST(an_older_write_that_comes_later_in_the_log_is_a_loser_until_the_next)
{
    begin();
    write_in(1, 1, 112, "b", BLIND);
    write_in(1, 1, 110, "a", BLIND);
    ck_outcome("b", "a");
    write_in(1, 1, 113, "c", BLIND);
    ck_outcome("c", "");
}
END_TEST

START_TEST(a_claim_of_the_future_has_no_effect)
{
    begin();
    size_t a = write_in(1, 1, 112, "a", BLIND);
    write_in(2, 2, 111, "b", 1, a);
    write_in(3, 3, 113, "c", 0);
    ck_outcome("c", "ab");
}
END_TEST

START_TEST(a_log_that_succeeds_another_goes_on_replacing_blindly)
{
    begin();
    law.succeeds[2][1] = true;
    write_in(1, 1, 110, "a", BLIND);
    write_in(2, 1, 112, "b", BLIND);
    ck_outcome("b", "");
    write_in(3, 2, 113, "c", BLIND);
    ck_outcome("c", "b");
}
END_TEST

START_TEST(a_region_s_blind_write_in_another_log_replaces_nothing)
{
    begin();
    write_in(1, 1, 110, "a", BLIND);
    write_in(2, 1, 111, "b", BLIND);
    ck_outcome("b", "a");
}
END_TEST

START_TEST(records_without_a_header_replace_each_other_within_their_log)
{
    begin();
    for (uint16_t n = 0; n < 4; n++) {
        static const char *const values[] = {"a", "b", "c", "d"};
        uint16_t log = n < 2 ? 1 : 2;
        size_t at = write_in(log, 128u + log, 110 + n, values[n], BLIND);
        law.writes[at].version.node =
            iso_node(128u + log, (uint64_t)law.writes[at].offset);
    }
    ck_outcome("d", "b");
}
END_TEST

/* Two children name one write. Where it comes before the second of them its name is
 * left, with nobody to wait for; where it comes last none is. */
START_TEST(a_name_that_is_left_in_one_region_only_is_in_no_digest)
{
    struct law_options options = {.resolver = iso_resolver_find("lww"),
                                  .model = &law_lww_model};
    static const size_t orders[2][3] = {{0, 1, 2}, {1, 0, 2}};
    static struct law_region regions[2];
    static struct law_expected expected;
    struct law_report report = {0};
    begin();
    size_t a = write_in(1, 1, 110, "a", BLIND);
    write_in(2, 2, 111, "b", 1, a);
    write_in(3, 3, 112, "c", 1, a);
    ck_outcome("c", "b");
    law_lww_model.expect(&law, &expected);
    for (size_t n = 0; n < 2; n++) {
        law_region_reset(&regions[n], &options, &law);
        for (size_t i = 0; i < 3; i++)
            law_region_deliver(&regions[n], orders[n][i], &report);
        ck_assert(law_region_holds(&regions[n], &expected, &report));
    }
    ck_assert(law_tally_equal(&regions[0].tally, &regions[1].tally));
    ck_assert_uint_eq(regions[0].row.size, regions[1].row.size);
    law_region_reset(&regions[0], &options, &law);
    static const size_t late[3] = {1, 2, 0};
    for (size_t i = 0; i < 3; i++)
        law_region_deliver(&regions[0], late[i], &report);
    ck_assert(law_region_holds(&regions[0], &expected, &report));
    ck_assert(law_tally_equal(&regions[0].tally, &regions[1].tally));
    ck_assert_uint_lt(regions[0].row.size, regions[1].row.size);
    law_region_release(&regions[0]);
    law_region_release(&regions[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lww cases");
    TCase *lww = tcase_create("lww");
    tcase_add_test(lww,
                   of_two_blind_writes_of_two_regions_the_smaller_version_is_a_loser);
    tcase_add_test(lww, at_the_same_moment_the_node_decides);
    tcase_add_test(lww, a_write_that_saw_the_other_leaves_no_loser);
    tcase_add_test(lww, a_blind_write_replaces_what_its_own_region_wrote_before_it);
    tcase_add_test(lww, a_write_that_read_nothing_replaces_nothing);
    tcase_add_test(lww, a_delete_that_saw_the_value_leaves_no_loser);
    tcase_add_test(lww, a_delete_that_did_not_see_the_value_leaves_it_as_a_loser);
    tcase_add_test(lww, a_delete_and_a_value_with_expiry_hold_nothing_to_lose);
    tcase_add_test(lww, what_is_dead_on_arrival_still_replaces_what_it_had_read);
    tcase_add_test(lww, what_is_beaten_still_replaces_what_it_had_read);
    tcase_add_test(lww, restoring_a_loser_names_it_and_takes_it_out_of_the_ledger);
    tcase_add_test(lww, a_blind_write_takes_its_own_region_s_losers_and_no_other);
    tcase_add_test(
        lww, an_older_write_that_comes_later_in_the_log_is_a_loser_until_the_next);
    tcase_add_test(lww, a_claim_of_the_future_has_no_effect);
    tcase_add_test(lww, a_log_that_succeeds_another_goes_on_replacing_blindly);
    tcase_add_test(lww, a_region_s_blind_write_in_another_log_replaces_nothing);
    tcase_add_test(lww, records_without_a_header_replace_each_other_within_their_log);
    tcase_add_test(lww, a_name_that_is_left_in_one_region_only_is_in_no_digest);
    suite_add_tcase(suite, lww);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
