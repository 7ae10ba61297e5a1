/* watch_world.h - a watch over a lag that is fed by hand: collections of three regions
 * with a log each and one partition, whose daemons report every second.
 */
#ifndef ISO_TESTS_UNIT_WATCH_WORLD_H
#define ISO_TESTS_UNIT_WATCH_WORLD_H

#include "monitor/watch.h"
#include "monitor_kit.h"

enum { SECOND = 1000, REGIONS = 3 };

/* What a region is like. */
struct world_region {
    int64_t applied[REGIONS + 1]; /* of each region's log */
    bool silent, closed;
    uint8_t store;
    int64_t started_ms, clock_ms;
    uint64_t digest; /* of what it holds */
};

struct world {
    struct iso_lag *lag;
    struct iso_watch *watch;
    struct iso_definition *definition;
    int64_t now_ms;
    int64_t written[REGIONS + 1], was_written[REGIONS + 1];
    int64_t written_ms[REGIONS + 1]; /* when the newest of each log was */
    int64_t retention_ms;
    struct world_region regions[REGIONS + 1];
};

static inline void world_init(struct world *world)
{
    struct iso_lag_options lag = {.stale_after_ms = KIT_STALE_MS,
                                  .stopped_after_ms = KIT_STOPPED_MS};
    struct iso_watch_options options = {.interval_ms = SECOND,
                                        .retention_warning_ms = 6 * 3600 * SECOND};
    *world = (struct world){.lag = iso_lag_new(&lag),
                            .watch = iso_watch_new(&options, KIT_NOW),
                            .now_ms = KIT_NOW,
                            .retention_ms = -1};
    world->definition = kit_definition(
        "packages", (struct kit_shape){.regions = REGIONS, .partitions = 1});
    iso_lag_feed_definition(world->lag, world->definition);
    for (int r = 1; r <= REGIONS; r++) {
        world->written[r] = world->was_written[r] = 100;
        world->regions[r] = (struct world_region){.store = (uint8_t)r,
                                                  .started_ms = KIT_NOW - 60 * SECOND};
        for (int log = 1; log <= REGIONS; log++)
            world->regions[r].applied[log] = 100;
    }
}

static inline void world_release(struct world *world)
{
    iso_watch_free(world->watch);
    iso_lag_free(world->lag);
    iso_definition_free(world->definition);
}

static inline void world_report(struct world *world, unsigned number)
{
    const struct world_region *region = &world->regions[number];
    struct iso_report report = kit_report("packages", number, 0);
    memset(report.store, region->store, sizeof report.store);
    report.at_ms = world->now_ms;
    report.state = region->closed ? ISO_SLICE_CLOSED : ISO_SLICE_APPLYING;
    for (unsigned log = 1; log <= REGIONS; log++) {
        int64_t applied = region->applied[log];
        kit_stand(&report, (uint16_t)log, applied, world->now_ms - 300);
        kit_source(&report, (uint16_t)log, log, (uint64_t)applied, world->now_ms - 300);
        iso_vector_move(&report.slice.vector, (uint16_t)log, applied - 1);
    }
    report.slice.tally.live.low = region->digest;
    report.has_health = true;
    report.health.started_ms = region->started_ms;
    report.health.has_clock = true;
    report.health.clock_ms = region->clock_ms;
    iso_lag_feed_report(world->lag, &report, world->now_ms);
}

/* The ends of a log, and what is seen of it from where each region stands. */
static inline void world_log(struct world *world, unsigned number)
{
    int64_t written = world->written[number];
    if (written != world->was_written[number])
        world->written_ms[number] = world->now_ms;
    world->was_written[number] = written;
    iso_lag_feed_retention(world->lag, "packages", (uint16_t)number,
                           world->retention_ms);
    iso_lag_feed_end(world->lag, &(struct iso_lag_end){.collection = "packages",
                                                       .log = (uint16_t)number,
                                                       .end = written,
                                                       .asked_ms = world->now_ms});
    for (unsigned r = 1; r <= REGIONS; r++) {
        struct iso_lag_seen seen = {.collection = "packages",
                                    .log = (uint16_t)number,
                                    .offset = world->regions[r].applied[number],
                                    .upto = written,
                                    .append_ms = world->written_ms[number],
                                    .upto_ms = world->written_ms[number],
                                    .first_count = 1};
        seen.firsts[0] = (struct iso_lag_first){
            .region = number, .offset = seen.offset, .append_ms = seen.append_ms};
        if (seen.offset < written)
            iso_lag_feed_seen(world->lag, &seen);
    }
}

/* So many seconds: in each the daemons report, the ends are read, and it is looked. */
static inline void world_run(struct world *world, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        world->now_ms += SECOND;
        for (unsigned r = 1; r <= REGIONS; r++) {
            if (!world->regions[r].silent)
                world_report(world, r);
            world_log(world, r);
        }
        iso_watch_look_at(world->watch, world->lag, world->now_ms);
    }
}

/* Regions but `but` (0: none) apply all that is written. */
static inline void world_apply(struct world *world, int but)
{
    for (int r = 1; r <= REGIONS; r++) {
        for (int log = 1; r != but && log <= REGIONS; log++)
            world->regions[r].applied[log] = world->written[log];
    }
}

#endif
