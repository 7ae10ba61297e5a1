/* law_run.h - runs the law for a test program, and prints what was exercised. How many
 * cases and which: ISO_LAW_CASES, ISO_LAW_SCHEDULES, ISO_LAW_SEED; a failure prints the
 * seed that repeats it.
 */
#ifndef ISO_TESTS_LAW_LAW_RUN_H
#define ISO_TESTS_LAW_LAW_RUN_H

#include "tests/law/law.h"

/* Every resolver with its model: a new resolver adds its line in law_run.c. NULL: it
 * has none. */
const struct law_model *law_model_find(const char *resolver);

/* For the n-th resolver of the table; of fields: of all mixed profiles. */
struct law_options law_options_of(const struct iso_resolver *resolver);

uint64_t law_number_from(const char *variable, uint64_t otherwise);

/* As many random cases as were asked for, three quarters with real contexts, a quarter
 * with forged ones. `otherwise`: when nobody asks. The test fails when the law is
 * broken. */
void law_run_random(const char *what, const struct law_options *options, bool forged,
                    uint64_t otherwise, struct law_report *report);
/* Every interleaving of random cases of up to 6 writes. */
void law_run_schedules(const char *what, const struct law_options *options, bool forged,
                       uint64_t otherwise, struct law_report *report);

#endif
