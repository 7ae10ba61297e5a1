/* The rules of fields one by one, as schedules that a person can follow. Each is played
 * in every interleaving that its logs allow, and held to the model; what a reader is
 * shown and what has lost is said in words beside it, so that the model is held to them
 * too. How to read them: fields_says.h. */
#include <check.h>
#include <stdlib.h>

#include "tests/law/fields_says.h"

/* ---- counters ---- */

START_TEST(increments_of_all_regions_add_up)
{
    law_say_begin();
    law_says(1, 110, "visits+2", BLIND);
    law_says(2, 111, "visits+5", BLIND);
    law_says(1, 112, "visits-1", SAW_NOTHING);
    law_comes_to("visits=6", "");
}
END_TEST

START_TEST(a_reset_takes_away_what_it_had_read_and_no_more)
{
    law_say_begin();
    law_says(1, 110, "visits+2", BLIND);
    law_says(2, 111, "visits+5", BLIND);
    law_says(3, 112, "visits!", "a");
    law_comes_to("visits=5", "");
}
END_TEST

START_TEST(an_increment_that_comes_after_its_reset_changes_nothing)
{
    law_say_begin();
    law_says(1, 110, "visits+4", BLIND);
    law_says(1, 111, "visits+5", BLIND);
    law_says(2, 112, "visits!", "ab");
    law_comes_to("-", "");
    law_says(1, 113, "visits+1", BLIND);
    law_comes_to("visits=1", "");
}
END_TEST

START_TEST(two_resets_at_once_take_away_once)
{
    law_say_begin();
    law_says(1, 110, "visits+4", BLIND);
    law_says(2, 111, "visits!", "a");
    law_says(3, 112, "visits!", "a");
    law_comes_to("-", "");
    law_says(1, 113, "visits+1", BLIND);
    law_comes_to("visits=1", "");
}
END_TEST

START_TEST(of_two_resets_the_one_that_had_read_further_counts)
{
    law_say_begin();
    law_says(1, 110, "visits+4", BLIND);
    law_says(2, 111, "visits!", "a");
    law_says(1, 112, "visits+3", BLIND);
    law_comes_to("visits=3", "");
    law_says(3, 113, "visits!", "ac");
    law_comes_to("-", "");
    law_says(1, 114, "visits+1", BLIND);
    law_comes_to("visits=1", "");
}
END_TEST

START_TEST(a_blind_reset_takes_what_its_region_had_counted_in_its_log)
{
    law_say_begin();
    law_says(1, 110, "visits+2", BLIND);
    law_says(2, 111, "visits+5", BLIND);
    law_says(1, 112, "visits!", BLIND);
    law_comes_to("visits=5", "");
}
END_TEST

START_TEST(a_blind_reset_reaches_into_the_log_that_its_log_succeeds)
{
    law_say_begin();
    law_say_succeeds(2, 1);
    law_says_in(1, 1, 110, "visits+2", BLIND);
    law_says_in(1, 2, 111, "visits+5", BLIND);
    law_says_in(2, 1, 112, "visits!", BLIND);
    law_comes_to("visits=5", "");
}
END_TEST

START_TEST(a_session_that_counts_and_resets_is_at_0_beside_what_others_count)
{
    law_say_begin();
    law_says(1, 110, "visits+9", BLIND);
    law_says(2, 111, "visits+3", "a");
    law_comes_to("visits=12", "");
    law_says(2, 112, "visits!", GOES_ON);
    law_comes_to("visits=0", "");
    law_says(3, 113, "visits+1", BLIND);
    law_comes_to("visits=1", "");
}
END_TEST

START_TEST(within_one_write_the_reset_comes_first)
{
    law_say_begin();
    law_says(1, 110, "visits+9", BLIND);
    law_says(2, 111, "visits! visits+2", "a");
    law_comes_to("visits=2", "");
}
END_TEST

START_TEST(a_delete_takes_the_counts_that_it_had_seen)
{
    law_say_begin();
    law_says(1, 110, "visits+2", BLIND);
    law_says(2, 111, "visits+5", BLIND);
    law_says(3, 112, "DELETE", "a");
    law_comes_to("visits=5", "");
    law_says(2, 113, "DELETE", BLIND);
    law_comes_to("-", "");
}
END_TEST

START_TEST(a_claim_of_the_future_harms_the_part_it_names_and_no_other)
{
    static const struct iso_sum future = {1, 1, 1000000000, 77};
    law_say_begin();
    law_says(1, 110, "visits+3", BLIND);
    law_say_claim(&future);
    law_says(2, 111, "visits!", SAW_NOTHING);
    law_says(1, 112, "visits+3", BLIND);
    law_comes_to("-", "");
    law_says(2, 113, "visits+4", BLIND);
    law_comes_to("visits=4", "");
}
END_TEST

/* ---- members of maps ---- */

START_TEST(a_member_that_is_removed_and_added_again_starts_anew)
{
    law_say_begin();
    law_says(1, 110, "cart.x+3", BLIND);
    law_says(2, 111, "cart.x!", "a");
    law_comes_to("-", "");
    law_says(2, 112, "cart.x+2", GOES_ON);
    law_comes_to("cart.x=2", "");
}
END_TEST

START_TEST(what_came_into_a_member_meanwhile_survives_its_removal)
{
    law_say_begin();
    law_says(1, 110, "cart.x+3", BLIND);
    law_says(2, 111, "cart.x!", "a");
    law_says(3, 111, "cart.x+2", "a");
    law_comes_to("cart.x=2", "");
}
END_TEST

START_TEST(a_removed_member_of_lww_is_a_tombstone_above_what_it_named)
{
    law_say_begin();
    law_says(1, 110, "attributes.x=a", BLIND);
    law_says(2, 111, "attributes.x=b", BLIND);
    law_says(3, 112, "attributes.x!", "b");
    law_comes_to("-", "attributes.x:a");
    law_says(1, 113, "attributes.x=b", BLIND);
    law_comes_to("attributes.x=b", "");
}
END_TEST

START_TEST(a_removed_member_of_max_starts_anew_below_what_it_was)
{
    law_say_begin();
    law_says(1, 110, "tops.x=2", BLIND);
    law_says(2, 112, "tops.x!", "a");
    law_says(3, 111, "tops.x=2", BLIND); /* older than the removal */
    law_comes_to("-", "");
    law_says(3, 113, "tops.x=-1", BLIND);
    law_comes_to("tops.x=-1", "");
}
END_TEST

START_TEST(a_removed_member_of_min_starts_anew_above_what_it_was)
{
    law_say_begin();
    law_says(1, 110, "lows.x=a", BLIND);
    law_says(2, 111, "lows.x!", "a");
    law_says(3, 112, "lows.x=ab", BLIND);
    law_comes_to("lows.x=ab", "");
}
END_TEST

START_TEST(an_element_of_a_member_is_added_and_removed_by_itself)
{
    law_say_begin();
    law_says(1, 110, "groups.x+1", BLIND);
    law_says(2, 111, "groups.x-1", "a");
    law_says(3, 112, "groups.x+300", "a");
    law_comes_to("groups.x+300", "");
}
END_TEST

/* ---- sets and flags ---- */

START_TEST(an_add_survives_a_remove_that_had_not_seen_it)
{
    law_say_begin();
    law_says(1, 110, "tags+a", BLIND);
    law_says(2, 112, "tags-a", "a");
    law_comes_to("-", "");
    law_says(3, 111, "tags+a", SAW_NOTHING);
    law_comes_to("tags+a", "");
}
END_TEST

START_TEST(an_add_stays_until_a_remove_has_seen_each_that_is_left_of_it)
{
    law_say_begin();
    law_says(1, 110, "tags+a", BLIND);
    law_says(2, 111, "tags+a", "a");
    law_says(3, 112, "tags+a", "a"); /* names what b has replaced already */
    law_comes_to("tags+a", "");
    law_says(1, 113, "tags-a", "ab");
    law_comes_to("tags+a", "");
    law_says(2, 114, "tags-a", "abc");
    law_comes_to("-", "");
}
END_TEST

START_TEST(a_blind_remove_takes_the_adds_of_its_own_region)
{
    law_say_begin();
    law_says(1, 110, "tags+a", BLIND);
    law_says(2, 111, "tags+a", BLIND);
    law_says(1, 112, "tags-a", BLIND);
    law_comes_to("tags+a", "");
    law_says(2, 113, "tags-a", BLIND);
    law_comes_to("-", "");
}
END_TEST

START_TEST(elements_do_not_meet)
{
    law_say_begin();
    law_says(1, 110, "tags+a tags+ab", BLIND);
    law_says(2, 111, "tags-a", "a");
    law_comes_to("tags+ab", "");
}
END_TEST

START_TEST(enabling_wins)
{
    law_say_begin();
    law_says(1, 110, "on", BLIND);
    law_says(2, 112, "on!", "a");
    law_comes_to("-", "");
    law_says(3, 111, "on", "a");
    law_comes_to("on", "");
    law_says(2, 113, "on!", "abc");
    law_comes_to("-", "");
}
END_TEST

/* ---- max and min ---- */

START_TEST(the_largest_and_the_smallest_stay)
{
    law_say_begin();
    law_says(1, 110, "best=2 least=ab", BLIND);
    law_says(2, 111, "best=-1 least=a", BLIND);
    law_comes_to("best=2 least=a", "");
}
END_TEST

START_TEST(after_a_delete_the_best_of_what_is_newer_counts)
{
    law_say_begin();
    law_says(1, 110, "best=2 least=a", BLIND);
    law_says(2, 112, "DELETE", "a");
    law_says(3, 111, "best=2 least=a", BLIND); /* older than the delete */
    law_comes_to("-", "");
    law_says(3, 113, "best=-1 least=ab", BLIND);
    law_comes_to("best=-1 least=ab", "");
    law_says(1, 114, "best=0", BLIND);
    law_comes_to("best=0 least=ab", "");
}
END_TEST

START_TEST(a_delete_that_read_nothing_ends_them_too)
{
    law_say_begin();
    law_says(1, 110, "best=2", BLIND);
    law_says(2, 111, "DELETE", SAW_NOTHING);
    law_comes_to("-", "");
}
END_TEST

START_TEST(an_unset_and_a_raise_in_one_write_begin_at_the_raise)
{
    law_say_begin();
    law_says(1, 110, "best=2", BLIND);
    law_says(2, 111, "best! best=0", "a");
    law_comes_to("best=0", "");
}
END_TEST

/* ---- lww, and the record ---- */

START_TEST(of_two_that_did_not_see_each_other_the_newer_stays_and_the_other_loses)
{
    law_say_begin();
    law_says(1, 110, "name=a", BLIND);
    law_says(2, 111, "name=b", BLIND);
    law_comes_to("name=b", "name:a");
    law_says(3, 112, "name=a", "ab"); /* a reader is shown b, and no loser */
    law_comes_to("name=a", "name:a");
    law_says(1, 113, "name=b", BLIND); /* replaces its own region's, and no other */
    law_comes_to("name=b", "name:c");
}
END_TEST

START_TEST(writes_of_different_fields_do_not_meet)
{
    law_say_begin();
    law_says(1, 110, "name=a", BLIND);
    law_says(2, 111, "size=1", SAW_NOTHING);
    law_comes_to("name=a size=1", "");
}
END_TEST

START_TEST(an_unset_that_had_not_seen_the_value_leaves_it_as_a_loser)
{
    law_say_begin();
    law_says(1, 110, "name=a", BLIND);
    law_says(2, 111, "name!", SAW_NOTHING);
    law_comes_to("-", "name:a");
}
END_TEST

START_TEST(a_delete_ends_lww_by_version_and_what_it_had_not_seen_is_lost)
{
    law_say_begin();
    law_says(1, 110, "tags+a visits+2", BLIND);
    law_says(1, 111, "name=a tags+ab", BLIND);
    law_says(2, 112, "DELETE", "a");
    law_comes_to("tags+ab", "name:b");
}
END_TEST

START_TEST(nothing_returns_after_a_delete_that_had_seen_it)
{
    law_say_begin();
    law_says(1, 110, "put name=a tags+a visits+2 on best=2 cart.x+1", BLIND);
    law_says(2, 111, "DELETE", "a");
    law_comes_to("-", "");
}
END_TEST

START_TEST(a_record_without_any_field_is_there_by_its_mark)
{
    law_say_begin();
    law_says(1, 110, "put", BLIND);
    law_comes_to("", "");
    law_says(2, 111, "DELETE", "a");
    law_comes_to("-", "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fields cases");
    TCase *fields = tcase_create("fields");
    tcase_add_test(fields, increments_of_all_regions_add_up);
    tcase_add_test(fields, a_reset_takes_away_what_it_had_read_and_no_more);
    tcase_add_test(fields, an_increment_that_comes_after_its_reset_changes_nothing);
    tcase_add_test(fields, two_resets_at_once_take_away_once);
    tcase_add_test(fields, of_two_resets_the_one_that_had_read_further_counts);
    tcase_add_test(fields, a_blind_reset_takes_what_its_region_had_counted_in_its_log);
    tcase_add_test(fields, a_blind_reset_reaches_into_the_log_that_its_log_succeeds);
    tcase_add_test(fields,
                   a_session_that_counts_and_resets_is_at_0_beside_what_others_count);
    tcase_add_test(fields, within_one_write_the_reset_comes_first);
    tcase_add_test(fields, a_delete_takes_the_counts_that_it_had_seen);
    tcase_add_test(fields, a_claim_of_the_future_harms_the_part_it_names_and_no_other);
    tcase_add_test(fields, a_member_that_is_removed_and_added_again_starts_anew);
    tcase_add_test(fields, what_came_into_a_member_meanwhile_survives_its_removal);
    tcase_add_test(fields, a_removed_member_of_lww_is_a_tombstone_above_what_it_named);
    tcase_add_test(fields, a_removed_member_of_max_starts_anew_below_what_it_was);
    tcase_add_test(fields, a_removed_member_of_min_starts_anew_above_what_it_was);
    tcase_add_test(fields, an_element_of_a_member_is_added_and_removed_by_itself);
    tcase_add_test(fields, an_add_survives_a_remove_that_had_not_seen_it);
    tcase_add_test(fields,
                   an_add_stays_until_a_remove_has_seen_each_that_is_left_of_it);
    tcase_add_test(fields, a_blind_remove_takes_the_adds_of_its_own_region);
    tcase_add_test(fields, elements_do_not_meet);
    tcase_add_test(fields, enabling_wins);
    tcase_add_test(fields, the_largest_and_the_smallest_stay);
    tcase_add_test(fields, after_a_delete_the_best_of_what_is_newer_counts);
    tcase_add_test(fields, a_delete_that_read_nothing_ends_them_too);
    tcase_add_test(fields, an_unset_and_a_raise_in_one_write_begin_at_the_raise);
    tcase_add_test(
        fields, of_two_that_did_not_see_each_other_the_newer_stays_and_the_other_loses);
    tcase_add_test(fields, writes_of_different_fields_do_not_meet);
    tcase_add_test(fields, an_unset_that_had_not_seen_the_value_leaves_it_as_a_loser);
    tcase_add_test(fields,
                   a_delete_ends_lww_by_version_and_what_it_had_not_seen_is_lost);
    tcase_add_test(fields, nothing_returns_after_a_delete_that_had_seen_it);
    tcase_add_test(fields, a_record_without_any_field_is_there_by_its_mark);
    suite_add_tcase(suite, fields);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
