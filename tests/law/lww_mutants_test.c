/* The law test is shown mistakes: lww is compiled here once more, with each of its
 * planted mistakes to be switched on alone, and with so little room for names that
 * marks are common. Without a mistake it keeps the law; with any, the law must catch
 * it. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* name in ISO_PLANTED(…), and what it says of the rule */
#define PLANTED(X)                                                                     \
    X(ties_go_to_who_comes)        /* no tie-break by node */                          \
    X(names_are_not_remembered)    /* what comes late has no child */                  \
    X(larger_names_count)          /* a claim of the future kills */                   \
    X(the_dead_claim_nothing)      /* what is replaced replaces nothing */             \
    X(the_dead_are_losers)         /* a child that came first does not count */        \
    X(replaced_are_losers)         /* a child that comes does not count */             \
    X(beaten_are_forgotten)        /* only what was held can lose */                   \
    X(blind_takes_any_region)      /* blind replaces what it never knew */             \
    X(blind_takes_newer_losers)    /* … and what is newer */                         \
    X(blind_forgets_succession)    /* … but not what its log followed */             \
    X(deletes_are_losers)          /* a tombstone enters the ledger */                 \
    X(expiring_are_losers)         /* a value with expiry does */                      \
    X(losers_stay_counted)         /* the row does not know its ledger rows */         \
    X(marks_unread)                /* names beyond the row's room are not looked up */ \
    X(tombstones_go_early)         /* … than H says: what was deleted returns */     \
    X(names_go_early)              /* a write that was replaced can still come */      \
    X(marks_go_early)              /* … also when it stood in the ledger */          \
    X(marks_are_kept)              /* nothing says when they would go */               \
    X(marks_stay_counted)          /* the row counts what left */                      \
    X(expiry_alone_decides)        /* an older write is not beaten any more */         \
    X(rows_go_before_their_losers) /* who counts them then? */

#include "tests/law/planted.h"

#define NAMES_MAX 1
#define iso_resolver_lww planted_lww
#include "resolver/claim.c"
#include "resolver/lww.c"

#include "tests/law/lww_model.h"

enum { MUTANT_CASES = 20000, SOUND_CASES = 10000 };

static bool run(enum planted mistake, bool forged, uint64_t cases,
                struct law_report *report)
{
    struct law_options options = {.resolver = &planted_lww,
                                  .model = &law_lww_model,
                                  .seed = 1,
                                  .cases = cases,
                                  .forged = forged};
    *report = (struct law_report){0};
    planted = mistake;
    return law_random(&options, report);
}

START_TEST(without_a_mistake_and_with_little_room_the_law_holds)
{
    struct law_report report;
    bool holds = run(PLANTED_NOTHING, true, SOUND_CASES, &report);
    printf("little room: %" PRIu64 " cases, %" PRIu64 " marks\n", report.cases,
           report.marks);
    ck_assert_msg(holds, "%s", report.text);
    ck_assert_uint_gt(report.marks, 100);
}
END_TEST

START_TEST(every_planted_mistake_is_caught)
{
    struct law_report report;
    bool holds = run((enum planted)_i, true, MUTANT_CASES, &report);
    ck_assert_msg(!holds, "%s was not caught in %" PRIu64 " cases", planted_names[_i],
                  report.cases);
    char *end = strchr(report.text, '\n');
    printf("%s: caught in case %" PRIu64 ": %.*s\n", planted_names[_i], report.cases,
           (int)(end - report.text), report.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mutants");
    TCase *mutants = tcase_create("mutants");
    tcase_set_timeout(mutants, 120);
    setvbuf(stdout, NULL, _IOLBF, 0);
    tcase_add_test(mutants, without_a_mistake_and_with_little_room_the_law_holds);
    tcase_add_loop_test(mutants, every_planted_mistake_is_caught, PLANTED_NOTHING + 1,
                        PLANTED_END);
    suite_add_tcase(suite, mutants);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
