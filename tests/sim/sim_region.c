/* A region: a machine with its daemon's shards, and a machine with its services. Each
 * has a clock, and buses of its own, so that one can be cut off without the other. */
#include "tests/sim/sim.h"

#include <stdio.h>

#include "base/mem.h"
#include "tests/sim/planted.h"

static struct iso_bus *region_bus(void *user, const char *cluster, struct iso_why *why)
{
    struct sim_region *region = user;
    (void)why;
    return region->buses[sim_cluster_of(region->sim, cluster)];
}

void sim_shard_start(struct sim_region *region, unsigned shard)
{
    struct sim *sim = region->sim;
    int64_t tick_ms = sim->plan.tick_ms;
    /* A batch ends with every record, or when there is nothing to read, or by time:
     * what it weighs is not the same in two runs, since its tables are keyed by chance.
     */
    struct iso_shard_options options = {
        .region = region->name,
        .collections = "",
        .shard = shard,
        .shards = sim->plan.shards,
        .prefix = "iso.",
        .store = region->stores[shard],
        .home = sim_cluster_name(0),
        .own = sim_cluster_name(region->cluster),
        .bus = region_bus,
        .user = region,
        .clock = &region->daemon_clock.manual.clock,
        .chance = &region->chance,
        .tuning = {.fetch_bytes = 1 << 20,
                   .batch_bytes = sim->plan.small_batches ? 1 : 1 << 30,
                   .batch_time_max_ms = 10 * tick_ms,
                   .heartbeat_ms = SIM_HEARTBEAT_TICKS * tick_ms,
                   .report_ms = 50 * tick_ms,
                   .verify_ms = 200 * tick_ms,
                   .commit_ms = 5000,
                   .conflicts_age_ms =
                       sim->plan.pruned ? 40 * tick_ms * region->index : 0,
                   .conflicts_bytes_max =
                       sim->plan.pruned && region->index == 0 ? 200 : 0,
                   .sweep = &region->pace},
    };
    struct iso_why why = {0};
    iso_mem_account(&region->memory);
    enum iso_err err = iso_shard_open(&options, &region->shards[shard], &why);
    iso_mem_account(NULL);
    if (err != ISO_OK)
        region->shards[shard] = NULL; /* its supervisor starts it again */
    if (err != ISO_OK && iso_err_kind(err) != ISO_RETRY)
        sim_fail(sim, "%s does not start: %s", region->name, why.text);
    sim_trace(sim, "%s/%u starts%s", region->name, shard,
              err == ISO_OK ? "" : " and finds its disk bad");
}

void sim_disk_open(struct sim_region *region, unsigned shard)
{
    iso_mem_account(&region->memory);
    region->stores[shard] = sim_store_open(&region->disks[shard]);
    iso_mem_account(NULL);
}

void sim_disk_close(struct sim_region *region, unsigned shard)
{
    iso_mem_account(&region->memory);
    iso_store_close(region->stores[shard]);
    iso_mem_account(NULL);
}

void sim_shard_crash(struct sim_region *region, unsigned shard)
{
    iso_mem_account(&region->memory);
    iso_shard_close(region->shards[shard]);
    iso_mem_account(NULL);
    region->shards[shard] = NULL;
    region->disks[shard].died = false;
}

void sim_shard_stop(struct sim_region *region, unsigned shard)
{
    struct iso_why why = {0};
    iso_mem_account(&region->memory);
    enum iso_err err = iso_shard_stop(region->shards[shard], 1000, &why);
    iso_mem_account(NULL);
    SIM_OK(region->sim, err);
    sim_check_shard(region, shard);
    sim_shard_crash(region, shard);
}

void sim_shard_step(struct sim_region *region, unsigned shard)
{
    struct sim *sim = region->sim;
    struct sim_store *disk = &region->disks[shard];
    struct iso_why why = {0};
    if (sim->truth.now_ms < region->away_until_ms)
        return;
    if (region->shards[shard] == NULL)
        sim_shard_start(region, shard);
    if (region->shards[shard] == NULL)
        return;
    uint64_t commits = disk->commits;
    sim_planted_now_ms = region->daemon_clock.manual.now_ms;
    iso_mem_account(&region->memory);
    enum iso_err err = iso_shard_step(region->shards[shard], 0, &why);
    iso_mem_account(NULL);
    SIM_HOLDS(sim, err == ISO_OK || iso_err_kind(err) == ISO_RETRY,
              "%s/%u cannot go on: %s: %s", region->name, shard, iso_err_name(err),
              why.text);
    if (disk->died) {
        sim_trace(sim, "%s/%u dies in a commit", region->name, shard);
        sim_shard_crash(region, shard);
    }
    if (disk->commits != commits)
        sim_check_shard(region, shard);
}

void sim_region_open(struct sim_region *region)
{
    static const char *const names[SIM_REGIONS_MAX] = {"eu", "us", "ap", "sa",
                                                       "af", "me", "oc"};
    struct sim *sim = region->sim;
    uint64_t seed = sim->plan.seed * 1000 + region->index * 10;
    snprintf(region->name, sizeof region->name, "%s", names[region->index]);
    region->cluster = region->index % sim->plan.clusters;
    region->pace = iso_sweep_usual;
    iso_chance_seeded_init(&region->chance, seed + 9);
    for (unsigned c = 0; c < sim->plan.clusters; c++) {
        region->buses[c] = iso_bus_memory_open(sim->clusters[c]);
        region->fronts[c] = iso_bus_memory_open(sim->clusters[c]);
    }
    for (unsigned n = 0; n < sim->plan.shards; n++) {
        sim_store_init(&region->disks[n], seed + n, sim->plan.lmdb);
        sim_disk_open(region, n);
    }
    for (unsigned h = 0; h < SIM_HANDLES; h++)
        region->handles[h] = (struct sim_handle){.sim = sim, .region = region};
}

void sim_region_close(struct sim_region *region)
{
    struct sim *sim = region->sim;
    for (unsigned n = 0; n < sim->plan.shards; n++) {
        sim_shard_crash(region, n);
        sim_disk_close(region, n);
        sim_store_release(&region->disks[n]);
    }
    SIM_HOLDS(sim, region->memory == 0, "%s ended and left %lld bytes", region->name,
              (long long)region->memory);
    for (unsigned h = 0; h < SIM_HANDLES; h++)
        sim_handle_close(region, h);
    iso_producer_close(region->second);
    for (unsigned c = 0; c < sim->plan.clusters; c++) {
        iso_bus_close(region->buses[c]);
        iso_bus_close(region->fronts[c]);
    }
    for (unsigned s = 0; s < SIM_SESSIONS; s++) {
        iso_buf_release(&region->sessions[s].token);
        for (unsigned k = 0; k < SIM_KEYS_MAX; k++)
            iso_buf_release(&region->sessions[s].contexts[k]);
    }
}
