/* What must be true at rest: every region has read every log to its end, or has stopped
 * by name where it had to; who was answered was told the truth; each refused record has
 * one dead letter; and the product's own monitor says that the regions have converged.
 */
#include "tests/sim/sim_look.h"
#include "tests/sim/sim_second.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "monitor/monitor.h"

/* ---- who stands where ---- */

/* (When DEFINEs were lost with a log, a region may never hear of another one.) */
static bool slice_is_at_ends(const struct sim_region *region, uint32_t partition)
{
    const struct sim *sim = region->sim;
    for (unsigned i = 0; i < sim->oracle.log_count; i++) {
        int64_t frontier = region->frontiers[partition][i];
        if (frontier < sim->oracle.logs[i][partition].next &&
            (frontier > 0 || !sim->changed[partition]))
            return false;
    }
    return true;
}

bool sim_region_is_level(const struct sim_region *region)
{
    const struct sim *sim = region->sim;
    for (uint32_t p = 0; p < sim->plan.partitions; p++)
        if (!sim->changed[p] && !sim->trimmed[p] && !region->strayed[p] &&
            !slice_is_at_ends(region, p))
            return false;
    return true;
}

/* Of each region and slice, what its daemon said last. */
struct reports {
    const struct sim *sim;
    enum iso_slice_state states[SIM_REGIONS_MAX][SIM_PARTITIONS_MAX];
    char why[SIM_REGIONS_MAX][SIM_PARTITIONS_MAX][256];
};

static enum iso_err reports_each(void *user, const struct iso_record *record,
                                 struct iso_why *why)
{
    struct reports *reports = user;
    struct iso_report report = {0};
    enum iso_err err = iso_report_decode(record->value, &report, why);
    if (err != ISO_OK)
        return err;
    for (unsigned r = 0; r < reports->sim->plan.regions; r++) {
        if (strcmp(reports->sim->regions[r].name, report.region) != 0 ||
            strcmp(report.collection, "cart") != 0)
            continue;
        uint32_t partition = report.slice.partition;
        reports->states[r][partition] = report.state;
        memcpy(reports->why[r][partition], report.why, sizeof report.why);
    }
    iso_report_release(&report);
    return ISO_OK;
}

static const struct reports *reports_read(const struct sim *sim)
{
    static struct reports reports;
    struct iso_why why = {0};
    reports = (struct reports){.sim = sim};
    for (unsigned c = 0; c < sim->plan.clusters; c++) {
        struct iso_walk walk = {.topic = "iso.status",
                                .timeout_ms = 1000,
                                .each = reports_each,
                                .user = &reports};
        iso_assert(iso_bus_read(sim->admins[c], &walk, NULL, &why) == ISO_OK);
    }
    return &reports;
}

static void region_print(const struct sim_region *region, const struct reports *reports)
{
    const struct sim *sim = region->sim;
    for (unsigned h = 0; h < SIM_HANDLES; h++) {
        struct iso_producer_stats stats = {0};
        if (region->handles[h].producer != NULL)
            iso_producer_stats(region->handles[h].producer, &stats);
        fprintf(stderr, "%s: %llu writes wait\n", region->name,
                (unsigned long long)stats.waiting);
    }
    for (unsigned n = 0; n < sim->plan.shards; n++) {
        struct iso_shard_stats stats = {0};
        if (region->shards[n] != NULL)
            iso_shard_stats(region->shards[n], &stats);
        fprintf(stderr, "%s/%u: %zu of %zu slices apply%s\n", region->name, n,
                stats.slices_applying, stats.slices,
                stats.pending ? ", a batch is open" : "");
    }
    for (uint32_t p = 0; p < sim->plan.partitions; p++)
        if (reports->why[region->index][p][0] != '\0')
            fprintf(stderr, "%s, slice %u: %s\n", region->name, p,
                    reports->why[region->index][p]);
    for (uint32_t p = 0; p < sim->plan.partitions; p++)
        for (unsigned i = 0; i < sim->oracle.log_count; i++)
            if (region->frontiers[p][i] < sim->oracle.logs[i][p].next)
                fprintf(stderr, "%s: %u/%u stands at %lld of %lld\n", region->name,
                        sim->oracle.numbers[i], p, (long long)region->frontiers[p][i],
                        (long long)sim->oracle.logs[i][p].next);
}

void sim_rest_print(const struct sim *sim)
{
    const struct reports *reports = reports_read(sim);
    for (unsigned r = 0; r < sim->plan.regions; r++)
        region_print(&sim->regions[r], reports);
}

/* ---- who had to stop ---- */

/* Has a log lost what the region was to read next, or has it another end than the
 * region has seen? Of a log that its store does not name, which it may have heard of,
 * it is to read all. */
static bool slice_has_hole(struct sim *sim, const struct sim_region *region,
                           uint32_t partition, bool heard)
{
    bool hole = false;
    for (unsigned i = 0; i < sim->oracle.log_count; i++) {
        const struct iso_definition_log *row =
            iso_definition_log(sim->definition, sim->oracle.numbers[i]);
        struct iso_position ends = {.topic = row->topic, .partition = (int)partition};
        struct iso_why why;
        SIM_OK(sim, iso_bus_ends(sim->admins[sim_cluster_of(sim, row->cluster)], &ends,
                                 1, 1000, &why));
        int64_t frontier = sim_frontier(region, partition, i);
        if (frontier < 0 &&
            (heard || iso_definition_log(sim->definitions[0], row->number) != NULL))
            frontier = 0;
        hole = hole || frontier > ends.end || (frontier >= 0 && frontier < ends.begin);
    }
    return hole;
}

/* Retention may have taken the record by which a region would find out, and nobody who
 * read what there is may be left to compare with. */
static bool nothing_shows_it(const struct sim *sim, const struct reports *reports,
                             uint32_t p)
{
    bool others = false;
    for (unsigned r = 0; r < sim->plan.regions; r++)
        others = others || (reports->states[r][p] != ISO_SLICE_STOPPED &&
                            !sim->regions[r].strayed[p]);
    return sim->trimmed[p] && sim->changed[p] && !others;
}

/* Who read what is gone has stopped by name. So may have, in a slice of which a log
 * lost its tail or was made anew, who read it without storing it, and who was told.
 * Nobody else has, and who goes on is at the ends. */
static void stop_check(struct sim *sim, const struct reports *reports, unsigned r,
                       uint32_t p)
{
    const struct sim_region *region = &sim->regions[r];
    bool stopped = reports->states[r][p] == ISO_SLICE_STOPPED;
    bool hole = slice_has_hole(sim, region, p, false);
    bool may =
        slice_has_hole(sim, region, p, true) || region->strayed[p] || sim->changed[p];
    sim->figures.stops += stopped;
    SIM_HOLDS(sim, !stopped || may, "%s stopped slice %u, whose logs are whole: %s",
              region->name, p, reports->why[r][p]);
    SIM_HOLDS(sim, stopped || !hole, "%s goes on in slice %u over a hole in its log",
              region->name, p);
    SIM_HOLDS(sim, stopped || !region->strayed[p] || nothing_shows_it(sim, reports, p),
              "%s goes on in slice %u in another history", region->name, p);
    SIM_HOLDS(sim, stopped || slice_is_at_ends(region, p),
              "%s goes on in slice %u, and is not at the ends", region->name, p);
}

static void stops_check(struct sim *sim)
{
    const struct reports *reports = reports_read(sim);
    for (unsigned r = 0; r < sim->plan.regions; r++)
        for (uint32_t p = 0; p < sim->plan.partitions; p++)
            stop_check(sim, reports, r, p);
}

/* What the floor has passed is forgotten, but for what it passed just now. */
static void sweep_check(struct sim_region *region, uint32_t partition)
{
    static struct sim_look look;
    struct sim *sim = region->sim;
    int64_t step_ms = sim->plan.before_max_ms / 24;
    if (region->strayed[partition] || sim->broken[partition] ||
        sim->trimmed[partition] || !sim_look_open(&look, region, partition))
        return;
    int64_t floor_ms = sim_floor_at(sim, partition, look.frontiers);
    int64_t birth_ms = iso_hlc_ms(sim->definitions[0]->logs[0].birth);
    SIM_LOOK_HOLDS(&look,
                   floor_ms <= birth_ms + 3 * step_ms ||
                       look.slice.swept_min_ms >= floor_ms - 3 * step_ms,
                   "it is swept to %lld, and its floor is %lld",
                   (long long)look.slice.swept_min_ms, (long long)floor_ms);
}

/* ---- dead letters ---- */

struct letters {
    char **ids;
    size_t count, room;
};

static enum iso_err letters_each(void *user, const struct iso_record *record,
                                 struct iso_why *why)
{
    struct letters *letters = user;
    (void)why;
    if (letters->count == letters->room) {
        letters->room = letters->room * 2 + 64;
        letters->ids = iso_realloc(letters->ids, letters->room * sizeof(char *));
    }
    struct iso_buf id = {0};
    iso_buf_add_bytes(&id, record->key);
    letters->ids[letters->count++] = iso_strdup(iso_buf_text(&id));
    iso_buf_release(&id);
    return ISO_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each refused record has one letter at least, and nothing else has any. */
static void letters_check(struct sim *sim)
{
    struct letters letters = {0};
    struct iso_why why = {0};
    uint64_t refused = sim_second_refused(sim), different = 0;
    for (uint32_t p = 0; p < sim->plan.partitions; p++)
        if (sim->broken[p] || sim->trimmed[p])
            return; /* who publishes them may have stopped */
    for (unsigned c = 0; c < sim->plan.clusters; c++) {
        struct iso_walk walk = {.topic = "iso.dead-letter",
                                .timeout_ms = 1000,
                                .each = letters_each,
                                .user = &letters};
        SIM_OK(sim, iso_bus_read(sim->admins[c], &walk, NULL, &why));
    }
    if (letters.count > 0)
        qsort(letters.ids, letters.count, sizeof(char *), by_text);
    for (size_t i = 0; i < letters.count; i++) {
        different += i == 0 || strcmp(letters.ids[i], letters.ids[i - 1]) != 0;
        if (i > 0)
            iso_free(letters.ids[i - 1]);
    }
    if (letters.count > 0)
        iso_free(letters.ids[letters.count - 1]);
    iso_free(letters.ids);
    for (unsigned i = 0; i < sim->oracle.log_count; i++)
        for (uint32_t p = 0; p < sim->plan.partitions; p++)
            refused += sim->oracle.logs[i][p].now.refused;
    SIM_HOLDS(sim, different == refused, "%llu dead letters for %llu refused records",
              (unsigned long long)different, (unsigned long long)refused);
}

/* What was published does not stay in the outbox. */
static void outbox_check(const struct sim_region *region)
{
    struct sim *sim = region->sim;
    for (unsigned n = 0; n < sim->plan.shards; n++)
        SIM_HOLDS(sim, region->disks[n].maps[ISO_OUTBOX].count == 0,
                  "the outbox of %s/%u holds %zu letters", region->name, n,
                  region->disks[n].maps[ISO_OUTBOX].count);
}

/* Heartbeats move the time of every open log, however quiet, which is all that the
 * floor waits for. (A daemon whose clock was far ahead waits until it is that time.) */
static void time_check(struct sim *sim)
{
    if (sim->plan.weights[SIM_FAULT_producer_clock_races] > 0 ||
        sim->plan.weights[SIM_FAULT_producer_clock_steps] > 0)
        return;
    for (unsigned i = 0; i < sim->oracle.log_count; i++)
        for (uint32_t p = 0; p < sim->plan.partitions; p++) {
            if (sim->oracle.logs[i][p].end < INT64_MAX)
                continue;
            int64_t age_ms = sim->truth.now_ms - sim->oracle.logs[i][p].now.t_ms;
            int64_t most_ms = 2 * (sim->plan.after_max_ms / 10 + 600) + 3000 +
                              2 * SIM_HEARTBEAT_TICKS * sim->plan.tick_ms;
            SIM_HOLDS(sim, sim->broken[p] || sim->trimmed[p] || age_ms <= most_ms,
                      "the time of log %u/%u stands %lld ms back",
                      sim->oracle.numbers[i], p, (long long)age_ms);
        }
}

/* ---- the monitor ---- */

static struct iso_bus *monitor_bus(void *user, const char *cluster, struct iso_why *why)
{
    struct sim *sim = user;
    (void)why;
    return sim->admins[sim_cluster_of(sim, cluster)];
}

/* The product's monitor, which has read all reports that there are by now: what comes
 * later was surely sent later. */
static struct iso_monitor *monitor_open(struct sim *sim)
{
    static const char *const clusters[] = {"home", "far", "moon"};
    struct iso_monitor_options options = {
        .prefix = "iso.",
        .clusters = clusters,
        .cluster_count = sim->plan.clusters,
        .bus = monitor_bus,
        .user = sim,
        .clock = &sim->truth.clock,
        .lag = {.stale_after_ms = 10000, .stopped_after_ms = 1000000}};
    struct iso_monitor *monitor;
    struct iso_why why = {0};
    SIM_OK(sim, iso_monitor_open_on(&options, 1000, &monitor, &why));
    SIM_OK(sim, iso_monitor_refresh(monitor, true, 1000, &why));
    return monitor;
}

/* The monitor takes a report of another store by its append time: where a broker's
 * clock was ahead, one that lost its store is not seen until that clock is there again.
 */
static bool stores_hide(const struct sim *sim)
{
    const uint64_t *faults = sim->figures.faults;
    return faults[SIM_FAULT_store_lost] > 0 &&
           faults[SIM_FAULT_broker_clock_races] + faults[SIM_FAULT_broker_clock_steps] >
               0;
}

static void verdict_check(struct sim *sim, struct iso_monitor *monitor,
                          int64_t asked_ms)
{
    struct iso_verdict verdict;
    struct iso_why why = {0};
    SIM_OK(sim, iso_monitor_refresh(monitor, true, 1000, &why));
    iso_lag_verdict(iso_monitor_lag(monitor), "cart", sim->truth.now_ms, asked_ms,
                    &verdict);
    bool whole = !stores_hide(sim);
    for (uint32_t p = 0; p < sim->plan.partitions; p++)
        whole = whole && !sim->broken[p] && !sim->trimmed[p];
    if (whole)
        SIM_HOLDS(sim, verdict.state == ISO_VERDICT_CONVERGED,
                  "the monitor says %s: %s", iso_verdict_state_name(verdict.state),
                  verdict.why);
    sim_trace(sim, "the monitor says %s", iso_verdict_state_name(verdict.state));
    if (!sim->plan.second || stores_hide(sim))
        return;
    iso_lag_verdict(iso_monitor_lag(monitor), "till", sim->truth.now_ms, asked_ms,
                    &verdict);
    SIM_HOLDS(sim, verdict.state == ISO_VERDICT_CONVERGED,
              "of the second collection the monitor says %s: %s",
              iso_verdict_state_name(verdict.state), verdict.why);
}

void sim_check_rest(struct sim *sim)
{
    struct iso_monitor *monitor = monitor_open(sim);
    int64_t asked_ms = sim->truth.now_ms;
    sim_time_passes(sim, 3000); /* more than clocks may differ unseen */
    for (unsigned r = 0; r < sim->plan.regions; r++)
        for (unsigned n = 0; n < sim->plan.shards; n++)
            sim_shard_stop(&sim->regions[r], n);
    stops_check(sim);
    time_check(sim);
    for (unsigned r = 0; r < sim->plan.regions; r++)
        outbox_check(&sim->regions[r]);
    for (unsigned r = 0; r < sim->plan.regions; r++)
        for (uint32_t p = 0; p < sim->plan.partitions; p++)
            sweep_check(&sim->regions[r], p);
    letters_check(sim);
    sim_answers_check(sim);
    verdict_check(sim, monitor, asked_ms);
    iso_monitor_close(monitor);
}
