/* A seed runs in two phases. In the first each operation is one thing that somebody
 * does: a service writes, reads or polls, a daemon takes a step, something goes wrong.
 * In the second everything is healed, and all must come to rest. */
#include "tests/sim/sim_second.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SETTLE_ROUNDS = 4000, QUIET_ROUNDS = 3 };

/* ---- trace and failure ---- */

void sim_trace(struct sim *sim, const char *format, ...)
{
    char text[512];
    va_list list;
    int size = snprintf(text, sizeof text, "[%5u] ", sim->operation);
    va_start(list, format);
    size += vsnprintf(text + size, sizeof text - (size_t)size, format, list);
    va_end(list);
    if (size >= (int)sizeof text)
        size = (int)sizeof text - 1;
    sim->trace_hash = iso_hash64(iso_bytes(text, (size_t)size), sim->trace_hash);
    if (sim->traces)
        puts(text);
    if (sim->told != NULL)
        iso_buf_print(sim->told, "%s\n", text);
}

_Noreturn void sim_fail(struct sim *sim, const char *format, ...)
{
    struct iso_buf plan = {0};
    va_list list;
    fflush(stdout);
    sim_plan_print(&sim->plan, &plan);
    fprintf(stderr, "%s\nseed %llu, operation %u: ", iso_buf_text(&plan),
            (unsigned long long)sim->plan.seed, sim->operation);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\n");
    _Exit(sim->shrinks ? 2 + (int)(iso_hash64(iso_bytes_text(format), 0) % 200) : 1);
}

/* ---- operations ---- */

static void fault_draw(struct sim *sim)
{
    unsigned sum = 0;
    for (int i = 0; i < SIM_FAULTS; i++)
        sum += sim->plan.weights[i];
    if (sum == 0)
        return;
    uint64_t at = sim_dice(sim, sum);
    int fault = 0;
    while (at >= sim->plan.weights[fault])
        at -= sim->plan.weights[fault++];
    sim_fault_do(sim, (enum sim_fault)fault);
}

static void operate(struct sim *sim)
{
    const struct sim_plan *plan = &sim->plan;
    struct sim_region *region = &sim->regions[sim_dice(sim, plan->regions)];
    unsigned shard = (unsigned)sim_dice(sim, plan->shards);
    if (sim_dice(sim, 1000) < plan->trouble) {
        fault_draw(sim);
        return;
    }
    uint64_t what = sim_dice(sim, 100);
    if (plan->second && what < plan->writes && sim_percent(sim, 30)) {
        sim_second_write(sim, region);
    } else if (what < plan->writes) {
        sim_write(sim, region);
        if (sim_percent(sim, 70))
            sim_services_poll(sim, region);
    } else if (what < plan->writes + plan->reads) {
        sim_read(sim, region);
    } else if (what < plan->writes + plan->reads + 10) {
        sim_services_poll(sim, region);
    } else {
        sim_shard_step(region, shard);
    }
}

static void operation_run(struct sim *sim, unsigned n)
{
    sim->operation = n;
    iso_chance_seeded_init(&sim->dice, sim->plan.seed * 1000003 + n);
    sim_time_passes(sim, (int64_t)sim_dice(sim, (uint64_t)(2 * sim->plan.tick_ms)));
    if (sim->closing.stage != SIM_CLOSING_NONE && sim_percent(sim, 5))
        sim_close_go_on(sim);
    if (sim->left_out == NULL || !sim->left_out[n])
        operate(sim);
    sim->figures.operations++;
    if (n % SIM_SCAN_EVERY == SIM_SCAN_EVERY - 1)
        sim_scan(sim);
}

/* ---- everything healed ---- */

static void clock_heal(const struct sim *sim, struct sim_clock *clock)
{
    clock->manner = SIM_CLOCK_RUNS;
    clock->manual.now_ms = sim->truth.now_ms;
}

static void region_heal(struct sim_region *region)
{
    struct sim *sim = region->sim;
    clock_heal(sim, &region->daemon_clock);
    clock_heal(sim, &region->service_clock);
    region->away_until_ms = 0;
    region->pace = iso_sweep_usual;
    for (unsigned c = 0; c < sim->plan.clusters; c++) {
        region->cut[c] = 0;
        struct iso_bus *buses[] = {region->buses[c], region->fronts[c]};
        for (int i = 0; i < 2; i++) {
            iso_memory_cut_ways(buses[i], 0);
            iso_memory_lose_answers(buses[i], 0);
            iso_memory_duplicate(buses[i], 0);
            iso_memory_delay(buses[i], 0);
        }
    }
    for (unsigned n = 0; n < sim->plan.shards; n++) {
        struct sim_store *disk = &region->disks[n];
        disk->views = disk->reads = disk->writes = 0;
        disk->full = 0;
        disk->next = SIM_COMMIT_WELL;
    }
}

static void heal(struct sim *sim)
{
    sim->healing = true;
    sim_trace(sim, "everything is healed");
    for (unsigned c = 0; c < sim->plan.clusters; c++)
        clock_heal(sim, &sim->broker_clocks[c]);
    for (unsigned i = 0; i < sim->plan.regions; i++)
        region_heal(&sim->regions[i]);
}

/* A step of everybody. */
static void round_run(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.regions; i++) {
        struct sim_region *region = &sim->regions[i];
        sim_services_poll(sim, region);
        for (unsigned n = 0; n < sim->plan.shards; n++)
            sim_shard_step(region, n);
    }
}

static bool region_rests(struct sim_region *region)
{
    const struct sim *sim = region->sim;
    for (unsigned h = 0; h < SIM_HANDLES; h++) {
        struct iso_producer_stats stats = {0};
        if (region->handles[h].producer != NULL)
            iso_producer_stats(region->handles[h].producer, &stats);
        if (stats.waiting > 0)
            return false;
    }
    for (unsigned n = 0; n < sim->plan.shards; n++) {
        struct iso_shard_stats stats = {0};
        if (region->shards[n] == NULL)
            return false;
        iso_shard_stats(region->shards[n], &stats);
        if (stats.pending)
            return false;
    }
    return sim_second_is_level(region) && sim_region_is_level(region) &&
           sim_region_has_swept(region);
}

static void settle(struct sim *sim)
{
    heal(sim);
    while (sim->closing.stage != SIM_CLOSING_NONE)
        sim_close_go_on(sim);
    /* What waits for a moment gets it: a clock that ran ahead, a check that is due. */
    for (int i = 0; i < 60; i++) {
        sim_time_passes(sim, sim->plan.after_max_ms / 10 + 600);
        round_run(sim);
    }
    int quiet = 0;
    for (int i = 0; quiet < QUIET_ROUNDS; i++) {
        bool rests = true;
        round_run(sim);
        for (unsigned r = 0; r < sim->plan.regions; r++)
            rests = rests && region_rests(&sim->regions[r]);
        quiet = rests ? quiet + 1 : 0;
        if (i < SETTLE_ROUNDS)
            continue;
        sim_rest_print(sim);
        sim_fail(sim, "it does not come to rest");
    }
}

void sim_run(struct sim *sim, const struct sim_plan *plan)
{
    sim_open(sim, plan);
    for (unsigned n = 0; n < plan->operations; n++)
        operation_run(sim, n);
    sim->operation = plan->operations;
    iso_chance_seeded_init(&sim->dice, plan->seed);
    settle(sim);
    sim_scan(sim);
    sim_check_rest(sim);
}
