/* lag_kit.h - a lag that is fed by hand: one collection, `packages`, and what is asked
 * of its rows.
 */
#ifndef ISO_TESTS_UNIT_LAG_KIT_H
#define ISO_TESTS_UNIT_LAG_KIT_H

#include "monitor_kit.h"

static __attribute__((unused)) struct iso_lag *lag;
static __attribute__((unused)) struct iso_definition *definition;

static inline void begin(struct kit_shape shape)
{
    struct iso_lag_options options = {.stale_after_ms = KIT_STALE_MS,
                                      .stopped_after_ms = KIT_STOPPED_MS};
    lag = iso_lag_new(&options);
    definition = kit_definition("packages", shape);
    iso_lag_feed_definition(lag, definition);
}

static inline void finish(void)
{
    iso_lag_free(lag);
    iso_definition_free(definition);
    lag = NULL;
    definition = NULL;
}

static inline void feed_end_at(uint16_t log, uint32_t partition, int64_t end,
                               int64_t asked_ms)
{
    iso_lag_feed_end(lag, &(struct iso_lag_end){.collection = "packages",
                                                .log = log,
                                                .partition = partition,
                                                .end = end,
                                                .asked_ms = asked_ms});
}

static inline void feed_end(uint16_t log, uint32_t partition, int64_t end)
{
    feed_end_at(log, partition, end, KIT_NOW);
}

/* Somebody looked at the record at `offset`, and it is a write of a region. */
static inline void saw_write(uint16_t log, uint32_t partition, int64_t offset,
                             unsigned region, int64_t append_ms)
{
    struct iso_lag_seen seen = {.collection = "packages",
                                .log = log,
                                .partition = partition,
                                .offset = offset,
                                .upto = offset + 1,
                                .append_ms = append_ms,
                                .upto_ms = append_ms,
                                .firsts = {{region, offset, append_ms}},
                                .first_count = 1};
    iso_lag_feed_seen(lag, &seen);
}

/* The same of the log that is the region's own. */
static inline void saw(uint16_t log, uint32_t partition, int64_t offset,
                       int64_t append_ms)
{
    saw_write(log, partition, offset, log, append_ms);
}

/* Somebody looked from `offset` up to `upto`, and found no write. */
static inline void saw_none(uint16_t log, uint32_t partition, int64_t offset,
                            int64_t upto, int64_t append_ms)
{
    struct iso_lag_seen seen = {.collection = "packages",
                                .log = log,
                                .partition = partition,
                                .offset = offset,
                                .upto = upto,
                                .append_ms = append_ms,
                                .upto_ms = append_ms};
    iso_lag_feed_seen(lag, &seen);
}

/* A region that has applied `frontier` records of each of its three logs, all the
 * owners' writes, the newest a second ago. */
static inline struct iso_report level(unsigned region, uint32_t partition,
                                      int64_t frontier)
{
    struct iso_report report = kit_report("packages", region, partition);
    for (uint16_t log = 1; log <= 3; log++) {
        kit_stand(&report, log, frontier, KIT_NOW - 1000);
        kit_source(&report, log, log, (uint64_t)frontier, KIT_NOW - 1000);
    }
    return report;
}

/* Three regions, a log each, one partition, everything applied: 10 records a log, whose
 * ends were asked a second ago. */
static inline void begin_level(void)
{
    begin((struct kit_shape){.regions = 3, .partitions = 1});
    for (unsigned n = EU; n <= AP; n++) {
        struct iso_report report = level(n, 0, 10);
        iso_lag_feed_report(lag, &report, KIT_NOW - 500);
        feed_end_at((uint16_t)n, 0, 10, KIT_NOW - 1000);
    }
}

static inline const struct iso_lag_row *row_at(unsigned source, unsigned target,
                                               int64_t now_ms)
{
    const struct iso_lag_row *rows;
    size_t count = iso_lag_rows(lag, "packages", now_ms, &rows);
    char from[16], to[16];
    snprintf(from, sizeof from, "%s", kit_region(source));
    snprintf(to, sizeof to, "%s", kit_region(target));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].source, from) == 0 && strcmp(rows[i].target, to) == 0)
            return &rows[i];
    }
    ck_abort_msg("no row %s -> %s", from, to);
    return NULL;
}

static inline const struct iso_lag_row *row(unsigned source, unsigned target)
{
    return row_at(source, target, KIT_NOW);
}

static inline void ck_state(const struct iso_lag_row *at, enum iso_lag_state state,
                            const char *why)
{
    ck_assert_msg(at->state == state, "%s: %s", iso_lag_state_name(at->state), at->why);
    if (why == NULL)
        ck_assert_str_eq(at->why, "");
    else
        ck_assert_msg(strstr(at->why, why) != NULL, "'%s' lacks '%s'", at->why, why);
}

static inline void ck_unknown_behind(const struct iso_lag_row *at, const char *why)
{
    ck_assert(at->records_behind == ISO_UNKNOWN_COUNT);
    ck_assert_int_eq(at->lag_ms, ISO_UNKNOWN_MS);
    ck_state(at, ISO_LAG_UNKNOWN, why);
}

#endif
