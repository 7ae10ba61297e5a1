/* The law test is shown mistakes: fields and siblings are compiled here once more, with
 * each of their planted mistakes to be switched on alone, and with so little room for
 * names that marks are common. Without a mistake they keep the law; with any, the law
 * must catch it. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* name in ISO_PLANTED(…), and what it says of the rule */
#define PLANTED(X)                                                                   \
    X(names_are_not_remembered)         /* what comes late has no child */           \
    X(larger_names_count)               /* a claim of the future kills */            \
    X(the_dead_claim_nothing)           /* what is replaced replaces nothing */      \
    X(the_dead_are_losers)              /* a child that came first does not count */ \
    X(replaced_are_losers)              /* a child that comes does not count */      \
    X(blind_takes_any_region)           /* blind replaces what it never knew */      \
    X(blind_takes_newer_losers)         /* and what is newer */                      \
    X(blind_forgets_succession)         /* but not what its log followed */          \
    X(losers_stay_counted)              /* the row does not know its ledger rows */  \
    X(marks_unread)                     /* names beyond the row's room are lost */   \
    X(removed_adds_return)              /* an add enters that a remove had seen */   \
    X(what_is_named_twice_returns)      /* … the second time it is said */         \
    X(only_the_best_is_kept)            /* max knows nothing when a clear comes */   \
    X(clears_spare_what_is_here)        /* a clear works on what comes */            \
    X(the_last_clear_counts)            /* by arrival */                             \
    X(the_last_reset_counts)            /* by arrival, not the furthest */           \
    X(resets_forget_succession)         /* blind: not what its log followed */       \
    X(deletes_kill_nothing_later)       /* what is older returns */                  \
    X(deletes_spare_what_was_not_shown) /* by version too little goes */             \
    X(deletes_see_nothing)              /* by name nothing goes */                   \
    X(deletes_leave_rows_behind)        /* ledger rows of parts that are gone */     \
    X(what_is_deleted_is_not_lost)      /* no row for what a DELETE beats */         \
    X(puts_leave_no_mark)               /* an empty record is not there */           \
    X(removals_go_early)                /* … than H says */                        \
    X(clears_go_early)                                                               \
    X(deletes_go_early)                                                              \
    X(names_go_early)       /* a write that was replaced can still come */           \
    X(marks_go_early)       /* … also when it stood in the ledger */               \
    X(marks_are_kept)       /* an entry of marks alone never goes */                 \
    X(marks_stay_counted)   /* the row counts what left */                           \
    X(expiry_alone_decides) /* what is older is not beaten any more */               \
    X(spent_counters_go)    /* a sum that a reset made nothing counts anew */

#include "tests/law/planted.h"

#define NAMES_MAX 1
#define iso_resolver_fields planted_fields
#define iso_resolver_siblings planted_siblings
#include "resolver/claim.c"
#include "resolver/part_counter.c"
#include "resolver/part_extreme.c"
#include "resolver/part_lww.c"
#include "resolver/part_merge.c"
#include "resolver/part_sweep.c"
#include "resolver/part_values.c"
#include "resolver/siblings.c"

#include "resolver/fields.c"

#include "tests/law/fields_model.h"
#include "tests/law/siblings_model.h"

enum { MUTANT_CASES = 40000, SOUND_CASES = 5000 };

static bool run_fields(enum planted mistake, uint64_t cases, struct law_report *report)
{
    struct law_options options = {.resolver = &planted_fields,
                                  .model = &law_fields_model,
                                  .seed = 1,
                                  .cases = cases,
                                  .profiles = (unsigned)shape_profiles(),
                                  .forged = true};
    *report = (struct law_report){0};
    planted = mistake;
    return law_random(&options, report);
}

START_TEST(without_a_mistake_and_with_little_room_fields_keep_the_law)
{
    struct law_report report;
    bool holds = run_fields(PLANTED_NOTHING, SOUND_CASES, &report);
    printf("fields, little room: %" PRIu64 " cases, %" PRIu64 " marks\n", report.cases,
           report.marks);
    ck_assert_msg(holds, "%s", report.text);
    ck_assert_uint_gt(report.marks, 100);
}
END_TEST

START_TEST(without_a_mistake_and_with_little_room_siblings_keep_the_law)
{
    struct law_options options = {.resolver = &planted_siblings,
                                  .model = &law_siblings_model,
                                  .seed = 1,
                                  .cases = SOUND_CASES,
                                  .forged = true};
    struct law_report report = {0};
    planted = PLANTED_NOTHING;
    bool holds = law_random(&options, &report);
    printf("siblings, little room: %" PRIu64 " cases, %" PRIu64 " marks\n",
           report.cases, report.marks);
    ck_assert_msg(holds, "%s", report.text);
    ck_assert_uint_gt(report.marks, 100);
}
END_TEST

START_TEST(every_planted_mistake_is_caught)
{
    struct law_report report;
    bool holds = run_fields((enum planted)_i, MUTANT_CASES, &report);
    ck_assert_msg(!holds, "%s was not caught in %" PRIu64 " cases", planted_names[_i],
                  report.cases);
    char *end = strchr(report.text, '\n');
    printf("%s: caught in case %" PRIu64 ": %.*s\n", planted_names[_i], report.cases,
           (int)(end - report.text), report.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mutants of fields");
    TCase *mutants = tcase_create("mutants");
    tcase_set_timeout(mutants, 120);
    setvbuf(stdout, NULL, _IOLBF, 0);
    tcase_add_test(mutants, without_a_mistake_and_with_little_room_fields_keep_the_law);
    tcase_add_test(mutants,
                   without_a_mistake_and_with_little_room_siblings_keep_the_law);
    tcase_add_loop_test(mutants, every_planted_mistake_is_caught, PLANTED_NOTHING + 1,
                        PLANTED_END);
    suite_add_tcase(suite, mutants);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
