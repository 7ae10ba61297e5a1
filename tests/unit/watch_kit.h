/* watch_kit.h - a judge that is shown rows by hand: eu's records, as us has them.
 */
#ifndef ISO_TESTS_UNIT_WATCH_KIT_H
#define ISO_TESTS_UNIT_WATCH_KIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "monitor/judge.h"

#define KIT_NOW INT64_C(1700000000000)
enum { SECOND = 1000, HOUR = 3600 * SECOND };

static const struct hold_rule kit_rule = {
    .enter = 2, .leave = 3, .apart_least_ms = 500, .apart_most_ms = 60000};

/* What is shown to the judge, and what it last said. */
struct kit {
    struct judge judge;
    struct judge_sight sight;
    struct iso_lag_row row;
    struct iso_status_pair pair;
    int64_t now_ms;
};

/* Everything is applied: 10,000 records. */
static inline struct iso_lag_row kit_row(void)
{
    struct iso_lag_row row = {.state = ISO_LAG_OK,
                              .records_exact = true,
                              .lag_exact = true,
                              .applied = 10000,
                              .written = 10000,
                              .staleness_ms = 400,
                              .newest_ms = KIT_NOW - 400,
                              .report_age_ms = 300,
                              .report_ms = KIT_NOW - 300,
                              .deleted_in_ms = ISO_UNKNOWN_MS};
    snprintf(row.collection, sizeof row.collection, "packages");
    snprintf(row.source, sizeof row.source, "eu");
    snprintf(row.target, sizeof row.target, "us");
    return row;
}

static inline void kit_init(struct kit *kit)
{
    *kit = (struct kit){.row = kit_row(),
                        .now_ms = KIT_NOW,
                        .sight = {.away_heard_ms = ISO_UNKNOWN_MS,
                                  .retention_warning_ms = 6 * (int64_t)HOUR,
                                  .rule = &kit_rule}};
}

/* So much was applied and written by now; the oldest that waits is lag_ms old. */
static inline void kit_stand(struct kit *kit, uint64_t applied, uint64_t written,
                             int64_t lag_ms)
{
    kit->row.applied = applied;
    kit->row.written = written;
    kit->row.records_behind = written - applied;
    kit->row.lag_ms = lag_ms;
}

/* 12,400 records of eu wait for us, and the row looks like `state`. */
static inline void kit_late(struct kit *kit, enum iso_lag_state state, const char *why)
{
    kit->row.state = state;
    snprintf(kit->row.why, sizeof kit->row.why, "%s", why);
    kit_stand(kit, 10000, 22400, 31000);
}

/* Looks, `ms` after the last look. */
static inline const struct iso_status_pair *kit_look(struct kit *kit, int64_t ms)
{
    kit->now_ms += ms;
    kit->sight.now_ms = kit->now_ms;
    kit->pair.row = kit->row;
    iso_judge_take(&kit->judge, &kit->sight, &kit->pair);
    return &kit->pair;
}

/* Looks until what the row shows is held. */
static inline const struct iso_status_pair *kit_settle(struct kit *kit)
{
    for (int i = 0; i < 4; i++)
        kit_look(kit, SECOND);
    return &kit->pair;
}

static inline void ck_pair(const struct iso_status_pair *pair, enum iso_lag_state state,
                           const char *rule)
{
    ck_assert_msg(pair->state == state, "%s: %s", iso_lag_state_name(pair->state),
                  pair->why);
    ck_assert_str_eq(pair->rule, rule);
}

static inline int kit_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
