/* What goes wrong, kind by kind. Each function does one fault now, or says that it is
 * not possible here. What lasts (a cut, a stuck clock) is ended by a later fault of the
 * same kind, or when the world is healed. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "tests/sim/sim_plugin.h"

static const char *const names[SIM_FAULTS] = {
#define SIM_FAULT_NAME(name, weight, load) [SIM_FAULT_##name] = #name,
    SIM_FAULT_KINDS(SIM_FAULT_NAME)
#undef SIM_FAULT_NAME
};
static const unsigned weights[SIM_FAULTS] = {
#define SIM_FAULT_WEIGHT(name, weight, load) [SIM_FAULT_##name] = (weight),
    SIM_FAULT_KINDS(SIM_FAULT_WEIGHT)
#undef SIM_FAULT_WEIGHT
};

static const bool heavy[SIM_FAULTS] = {
#define HEAVY true
#define LIGHT false
#define SIM_FAULT_HEAVY(name, weight, load) [SIM_FAULT_##name] = (load),
    SIM_FAULT_KINDS(SIM_FAULT_HEAVY)
#undef SIM_FAULT_HEAVY
};

const char *sim_fault_name(enum sim_fault fault)
{
    return names[fault];
}

unsigned sim_fault_weight(enum sim_fault fault)
{
    return weights[fault];
}

bool sim_fault_is_heavy(enum sim_fault fault)
{
    return heavy[fault];
}

/* Where it happens. */
struct place {
    struct sim *sim;
    struct sim_region *region;
    unsigned shard, cluster;
};

static int64_t ticks(const struct place *at, uint64_t most)
{
    return (int64_t)sim_dice(at->sim, most) * at->sim->plan.tick_ms;
}

/* ---- networks ---- */

static bool duplicate_delivery(struct place *at)
{
    iso_memory_duplicate(at->region->fronts[at->cluster], 2);
    return true;
}

static bool answers_lost(struct place *at)
{
    iso_memory_lose_answers(at->region->fronts[at->cluster], 2);
    return true;
}

static bool client_fenced(struct place *at)
{
    iso_memory_fence(sim_percent(at->sim, 50) ? at->region->buses[at->cluster]
                                              : at->region->fronts[at->cluster]);
    return true;
}

static bool delay(struct place *at)
{
    iso_memory_delay(at->region->buses[at->cluster], ticks(at, 100));
    return true;
}

static void cut(struct place *at, unsigned ways)
{
    unsigned *now = &at->region->cut[at->cluster];
    *now = *now == ways ? 0 : ways;
    iso_memory_cut_ways(at->region->buses[at->cluster], *now);
    iso_memory_cut_ways(at->region->fronts[at->cluster], *now);
}

static bool cut_both_ways(struct place *at)
{
    cut(at, ISO_MEMORY_IN | ISO_MEMORY_OUT);
    return true;
}

static bool cut_one_way(struct place *at)
{
    cut(at, sim_percent(at->sim, 50) ? ISO_MEMORY_IN : ISO_MEMORY_OUT);
    return true;
}

static bool slow_region(struct place *at)
{
    at->region->away_until_ms = at->sim->truth.now_ms + ticks(at, 400);
    return true;
}

/* ---- daemons and disks ---- */

/* With applied records that no commit has: they are forgotten. */
static bool crash_before_commit(struct place *at)
{
    if (at->region->shards[at->shard] == NULL)
        return false;
    struct iso_shard_stats stats = {0};
    iso_shard_stats(at->region->shards[at->shard], &stats);
    if (stats.pending || sim_percent(at->sim, 50))
        sim_shard_crash(at->region, at->shard);
    else
        at->region->disks[at->shard].next = SIM_COMMIT_DIES_BEFORE;
    return true;
}

static bool crash_after_commit(struct place *at)
{
    at->region->disks[at->shard].next = SIM_COMMIT_DIES_AFTER;
    return true;
}

static bool torn_commit(struct place *at)
{
    at->region->disks[at->shard].next = SIM_COMMIT_TORN;
    return true;
}

static bool store_full(struct place *at)
{
    at->region->disks[at->shard].full = 1 + (int)sim_dice(at->sim, 4);
    return true;
}

static bool bad_disk(struct place *at)
{
    struct sim_store *disk = &at->region->disks[at->shard];
    bool bad = disk->views == 0;
    disk->views = disk->reads = bad ? 3 : 0;
    disk->writes = bad ? 30 : 0;
    return true;
}

static void shard_looked_at_anew(struct place *at)
{
    struct sim *sim = at->sim;
    for (uint32_t p = at->shard; p < sim->plan.partitions; p += sim->plan.shards) {
        memset(at->region->frontiers[p], 0, sizeof at->region->frontiers[p]);
        at->region->strayed[p] = false;
    }
    sim_check_shard(at->region, at->shard);
}

static bool store_lost(struct place *at)
{
    struct sim_store *disk = &at->region->disks[at->shard];
    sim_shard_crash(at->region, at->shard);
    sim_disk_close(at->region, at->shard);
    sim_store_lose(disk, iso_chance_draw(&at->sim->dice));
    sim_disk_open(at->region, at->shard);
    shard_looked_at_anew(at);
    return true;
}

/* An older copy (sim_scan keeps them). */
static bool store_restored(struct place *at)
{
    struct sim_store *disk = &at->region->disks[at->shard];
    unsigned n = (unsigned)sim_dice(at->sim, SIM_STORE_COPIES);
    if (!disk->copied[n])
        return false;
    sim_shard_crash(at->region, at->shard);
    sim_disk_close(at->region, at->shard);
    sim_store_restore(disk, n);
    sim_disk_open(at->region, at->shard);
    shard_looked_at_anew(at);
    return true;
}

/* A region that does not sweep as it usually does, does so again. */
static bool sweeps_change(struct place *at, struct iso_sweep_pace pace)
{
    bool usual = memcmp(&at->region->pace, &iso_sweep_usual, sizeof pace) == 0;
    at->region->pace = usual ? pace : iso_sweep_usual;
    return usual;
}

static bool sweep_early(struct place *at)
{
    size_t rows = sim_percent(at->sim, 50) ? SIZE_MAX : 1 + sim_dice(at->sim, 4);
    return sweeps_change(at, (struct iso_sweep_pace){0, rows, rows});
}

static bool sweep_late(struct place *at)
{
    return sweeps_change(at, (struct iso_sweep_pace){0, 0, 0});
}

/* ---- services ---- */

static bool producer_crash(struct place *at)
{
    unsigned handle = (unsigned)sim_dice(at->sim, SIM_HANDLES);
    sim_handle_close(at->region, handle);
    sim_handle_open(at->region, handle);
    sim_acks_check(at->sim);
    return true;
}

static bool second_handle(struct place *at)
{
    bool open = at->region->handles[1].producer != NULL;
    if (open)
        sim_handle_close(at->region, 1);
    else
        sim_handle_open(at->region, 1);
    sim_acks_check(at->sim);
    return !open;
}

static bool clock_set_back_restart(struct place *at)
{
    at->region->service_clock.manual.now_ms -= 1 + ticks(at, 500);
    return producer_crash(at);
}

static bool plugin_error(struct place *at)
{
    if (at->sim->plan.plugin)
        sim_plugin_trip(at->region);
    return at->sim->plan.plugin;
}

/* ---- clocks ---- */

static void clock_step(struct place *at, struct sim_clock *clock)
{
    const struct sim_plan *plan = &at->sim->plan;
    int64_t most_ms =
        sim_percent(at->sim, 30) ? 3 * plan->after_max_ms : plan->after_max_ms / 2;
    int64_t step_ms = (int64_t)sim_dice(at->sim, (uint64_t)(2 * most_ms)) - most_ms;
    clock->manual.now_ms = at->sim->truth.now_ms + step_ms;
}

static struct sim_clock *producer_clock(struct place *at)
{
    return sim_percent(at->sim, 70) ? &at->region->service_clock
                                    : &at->region->daemon_clock;
}

static bool producer_clock_steps(struct place *at)
{
    clock_step(at, producer_clock(at));
    return true;
}

static bool clock_manner(struct sim_clock *clock, int manner, int64_t now_ms)
{
    bool begins = (int)clock->manner == SIM_CLOCK_RUNS;
    clock->manner = begins ? manner : SIM_CLOCK_RUNS;
    if (!begins)
        clock->manual.now_ms = now_ms;
    return begins;
}

static bool producer_clock_stuck(struct place *at)
{
    return clock_manner(producer_clock(at), SIM_CLOCK_STUCK, at->sim->truth.now_ms);
}

static bool producer_clock_races(struct place *at)
{
    return clock_manner(producer_clock(at), SIM_CLOCK_RACES, at->sim->truth.now_ms);
}

static bool broker_clock_steps(struct place *at)
{
    clock_step(at, &at->sim->broker_clocks[at->cluster]);
    return true;
}

static bool broker_clock_stuck(struct place *at)
{
    return clock_manner(&at->sim->broker_clocks[at->cluster], SIM_CLOCK_STUCK,
                        at->sim->truth.now_ms);
}

static bool broker_clock_races(struct place *at)
{
    return clock_manner(&at->sim->broker_clocks[at->cluster], SIM_CLOCK_RACES,
                        at->sim->truth.now_ms);
}

/* ---- logs ---- */

static bool definition_changes(struct place *at)
{
    return sim_define_later(at->sim);
}

static bool log_succeeded(struct place *at)
{
    return sim_close_begin(at->sim, false);
}

/* An open one that loses something: not in the middle of a closing, whose ends are read
 * by then. */
static struct sim_log *log_draw(struct place *at, uint32_t *partition, unsigned *index)
{
    struct sim *sim = at->sim;
    if (sim->closing.stage != SIM_CLOSING_NONE)
        return NULL;
    sim_oracle_read(sim);
    do {
        *index = (unsigned)sim_dice(sim, sim->oracle.log_count);
    } while (sim_log_is_fenced(sim, sim->oracle.numbers[*index]));
    *partition = (uint32_t)sim_dice(sim, sim->plan.partitions);
    return &sim->oracle.logs[*index][*partition];
}

static const struct iso_definition_log *row_of(const struct sim *sim, unsigned index)
{
    return iso_definition_log(sim->definition, sim->oracle.numbers[index]);
}

/* What breaks logs stops slices for good: only in the last part of a run, and most of
 * it is over. */
static bool breaks_may_begin(const struct sim *sim)
{
    return sim->operation >= sim->plan.operations * 3 / 5;
}

static bool log_closed_behind(struct place *at)
{
    /* A little before the others: who lost something is not closed any more. */
    return at->sim->operation >= at->sim->plan.operations * 2 / 5 &&
           sim_close_begin(at->sim, true);
}

/* Retention passes a region, which is away for so long. */
static bool region_away(struct place *at)
{
    uint32_t partition;
    unsigned index;
    struct sim *sim = at->sim;
    const struct sim_log *log =
        breaks_may_begin(sim) ? log_draw(at, &partition, &index) : NULL;
    if (log == NULL || log->next < 10)
        return false;
    const struct iso_definition_log *row = row_of(sim, index);
    iso_memory_trim(sim->clusters[sim_cluster_of(sim, row->cluster)], row->topic,
                    (int)partition, log->next - 5);
    at->region->away_until_ms = sim->truth.now_ms + ticks(at, 200);
    sim->trimmed[partition] = true;
    sim->lost |= 1u << index;
    return true;
}

void sim_slice_changes(struct sim *sim, uint32_t partition)
{
    sim->broken[partition] = true;
    sim_oracle_again(sim, partition);
    for (unsigned r = 0; r < sim->plan.regions; r++) {
        struct sim_region *region = &sim->regions[r];
        memset(region->frontiers[partition], 0, sizeof region->frontiers[partition]);
        sim_check_shard(region, partition % sim->plan.shards);
    }
}

static void log_breaks(struct sim *sim, unsigned index, uint32_t partition)
{
    sim->lost |= 1u << index;
    sim->changed[partition] = true;
    sim_slice_changes(sim, partition);
}

static bool log_truncated(struct place *at)
{
    uint32_t partition;
    unsigned index;
    struct sim *sim = at->sim;
    const struct sim_log *log =
        breaks_may_begin(sim) ? log_draw(at, &partition, &index) : NULL;
    if (log == NULL || log->next < 10 || sim->trimmed[partition])
        return false;
    const struct iso_definition_log *row = row_of(sim, index);
    iso_memory_truncate(sim->clusters[sim_cluster_of(sim, row->cluster)], row->topic,
                        (int)partition, log->next - 1 - (int64_t)sim_dice(sim, 6));
    log_breaks(sim, index, partition);
    return true;
}

static bool topic_recreated(struct place *at)
{
    uint32_t partition;
    unsigned index;
    struct sim *sim = at->sim;
    if (!breaks_may_begin(sim) || log_draw(at, &partition, &index) == NULL)
        return false;
    const struct iso_definition_log *row = row_of(sim, index);
    for (uint32_t p = 0; p < sim->plan.partitions; p++)
        if (sim->trimmed[p])
            return false;
    iso_memory_recreate(sim->clusters[sim_cluster_of(sim, row->cluster)], row->topic);
    for (uint32_t p = 0; p < sim->plan.partitions; p++)
        log_breaks(sim, index, p);
    return true;
}

/* ---- what others write ---- */

#define FORGERY(kind)                         \
    static bool kind(struct place *at)        \
    {                                         \
        sim_forge(at->sim, SIM_FAULT_##kind); \
        return true;                          \
    }
FORGERY(record_without_header)
FORGERY(far_future_write)
FORGERY(far_past_write)
FORGERY(malformed_record)
FORGERY(forged_region)
FORGERY(forged_names)
FORGERY(forged_definition)
FORGERY(forged_disorder)

static bool (*const faults[SIM_FAULTS])(struct place *) = {
#define SIM_FAULT_DOES(name, weight, load) [SIM_FAULT_##name] = name,
    SIM_FAULT_KINDS(SIM_FAULT_DOES)
#undef SIM_FAULT_DOES
};

bool sim_fault_do(struct sim *sim, enum sim_fault fault)
{
    struct place at = {.sim = sim,
                       .region = &sim->regions[sim_dice(sim, sim->plan.regions)],
                       .shard = (unsigned)sim_dice(sim, sim->plan.shards),
                       .cluster = (unsigned)sim_dice(sim, sim->plan.clusters)};
    if (!faults[fault](&at))
        return false;
    sim->figures.faults[fault]++;
    sim_trace(sim, "%s ! %s", at.region->name, names[fault]);
    return true;
}
