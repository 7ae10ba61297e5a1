/* The simulator is shown mistakes, one at a time, in a build of the product that has
 * them as a switch: each must be found. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { SEEDS = 500 };

/* name in ISO_PLANTED(…) */
static const char *const mistakes[] = {
    "a_held_feed_goes_on",
    "an_abort_does_not_undo",
    "beaten_are_forgotten",
    "blind_takes_any_region",
    "blind_takes_newer_losers",
    "bounds_fall",
    "clears_go_early",
    "clears_spare_what_is_here",
    "closing_leaves_memory",
    "commits_leave_memory",
    "deletes_are_losers",
    "deletes_go_early",
    "deletes_kill_nothing_later",
    "deletes_leave_rows_behind",
    "deletes_see_nothing",
    "deletes_spare_what_was_not_shown",
    "digests_forget_tombstones",
    "early_is_durable",
    "expiring_are_losers",
    "expiry_alone_decides",
    "frontiers_go_before_data",
    "index_rows_are_missing",
    "large_values_are_not_kept",
    "large_values_stay_behind",
    "larger_names_count",
    "late_is_durable",
    "losers_stay_counted",
    "marks_are_kept",
    "marks_stay_counted",
    "marks_unread",
    "names_are_not_remembered",
    "no_header_no_limit",
    "no_header_no_order",
    "nodes_are_forgotten_early",
    "nodes_may_go_back",
    "only_the_best_is_kept",
    "puts_leave_no_mark",
    "removals_go_early",
    "removed_adds_return",
    "replaced_are_losers",
    "rows_go_before_their_losers",
    "spent_counters_go",
    "steps_are_taken_without_sweeping",
    "sweeps_go_above_the_floor",
    "sweeps_leave_no_step",
    "sweeps_leave_the_digest",
    "the_broker_alone_says_the_time",
    "the_dead_are_losers",
    "the_dead_claim_nothing",
    "the_last_clear_counts",
    "the_last_reset_counts",
    "the_local_clock_admits",
    "the_writer_alone_says_the_time",
    "ties_go_to_who_comes",
    "tombstones_go_early",
    "what_is_deleted_is_not_lost",
    "what_is_held_is_dropped",
    "what_is_not_newer_is_a_duplicate",
    "what_is_pending_is_met",
    "what_is_refused_moves_the_vector",
    "what_is_sent_twice_counts_twice",
    /* of logs that are closed, and of histories that are other ones */
    "blind_forgets_succession",
    "closed_logs_are_read_on",
    "closed_logs_hold_the_floor",
    "closing_counts_when_announced",
    "nodes_go_back_in_successors",
    "resets_forget_succession",
    "successors_begin_at_the_highest_bound",
    "successors_begin_at_their_birth",
    "successors_do_not_wait",
    "the_closed_log_is_not_asked",
    "the_newest_is_not_read_again",
};
enum { MISTAKES = sizeof mistakes / sizeof mistakes[0] };

/* The exit status, and the last line that was said. */
static int planted_run(const char *mistake, char line[256])
{
    char command[512];
    snprintf(command, sizeof command, "%s --seeds 1-%d --quiet --planted %s 2>&1",
             ISO_SIM_FAST, SEEDS, mistake);
    FILE *out = popen(command, "r");
    ck_assert_ptr_nonnull(out);
    while (fgets(line, 256, out) != NULL)
        continue;
    int status = pclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(a_planted_mistake_is_found)
{
    char line[256] = "";
    ck_assert_msg(planted_run(mistakes[_i], line) == 1, "%s: %s", mistakes[_i], line);
    printf("%s: %s", mistakes[_i], line);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("planted");
    TCase *tcase = tcase_create("planted");
    tcase_set_timeout(tcase, 0);
    tcase_add_loop_test(tcase, a_planted_mistake_is_found, 0, MISTAKES);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
