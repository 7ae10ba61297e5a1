/* The table of models, and the law as test programs run it. */
#include "tests/law/law_run.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/law/fields_model.h"
#include "tests/law/lww_model.h"
#include "tests/law/siblings_model.h"

enum { SCHEDULE_WRITES_MAX = 6 };

static const struct {
    const char *resolver;
    const struct law_model *model;
} law_table[] = {
    {"lww", &law_lww_model},
    {"fields", &law_fields_model},
    {"siblings", &law_siblings_model},
};

const struct law_model *law_model_find(const char *resolver)
{
    for (size_t n = 0; n < sizeof law_table / sizeof law_table[0]; n++)
        if (strcmp(law_table[n].resolver, resolver) == 0)
            return law_table[n].model;
    return NULL;
}

struct law_options law_options_of(const struct iso_resolver *resolver)
{
    struct law_options options = {.resolver = resolver,
                                  .model = law_model_find(resolver->name),
                                  .seed = law_number_from("ISO_LAW_SEED", 1)};
    ck_assert_msg(options.model != NULL, "%s has no model", resolver->name);
    if (resolver->has_fields) {
        options.first_profile = (unsigned)shape_rules;
        options.profiles = (unsigned)(shape_profiles() - shape_rules);
    }
    return options;
}

uint64_t law_number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void report_print(const char *what, const struct law_options *options,
                         const struct law_report *report)
{
    printf("law %s, %s contexts: seed %" PRIu64 ", %" PRIu64 " cases, %" PRIu64
           " schedules, %" PRIu64 " merges, %" PRIu64 " copies, %" PRIu64
           " with conflicts, %" PRIu64 " losers, %" PRIu64 " restored, %" PRIu64
           " sweeps, %" PRIu64 " marks",
           what, options->forged ? "forged" : "real", options->seed, report->cases,
           report->schedules, report->merges, report->duplicates, report->conflicts,
           report->losers, report->restored, report->swept, report->marks);
    if (options->model->child != NULL)
        printf(", %" PRIu64 " dead on arrival", report->dead);
    printf("\n");
}

static void run(const char *what, struct law_options *options,
                struct law_report *report)
{
    *report = (struct law_report){0};
    bool holds = law_random(options, report);
    report_print(what, options, report);
    ck_assert_msg(holds, "%s", report->text);
}

void law_run_random(const char *what, const struct law_options *options, bool forged,
                    uint64_t otherwise, struct law_report *report)
{
    struct law_options run_options = *options;
    uint64_t cases = law_number_from("ISO_LAW_CASES", otherwise);
    run_options.cases = forged ? cases / 4 : cases - cases / 4;
    run_options.forged = forged;
    run(what, &run_options, report);
}

void law_run_schedules(const char *what, const struct law_options *options, bool forged,
                       uint64_t otherwise, struct law_report *report)
{
    struct law_options run_options = *options;
    uint64_t schedules = law_number_from("ISO_LAW_SCHEDULES", otherwise);
    run_options.schedules = forged ? schedules / 4 : schedules - schedules / 4;
    run_options.cases = run_options.schedules;
    run_options.writes_max = SCHEDULE_WRITES_MAX;
    run_options.forged = forged;
    run(what, &run_options, report);
}
