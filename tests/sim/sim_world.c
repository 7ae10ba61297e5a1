/* The world comes into being as an operator makes one: regions are claimed, a
 * collection is announced, its logs are made and defined; then daemons and services
 * start. */
#include "tests/sim/sim.h"

#include <stdio.h>

#include "base/mem.h"
#include "producer/define.h"
#include "schema/value.h"
#include "tests/sim/sim_second.h"
#include "tests/sim/sim_values.h"

static const char *const cluster_names[SIM_CLUSTERS_MAX] = {"home", "far", "moon"};

int sim_cluster_of(const struct sim *sim, const char *name)
{
    (void)sim;
    for (int i = 0; i < SIM_CLUSTERS_MAX; i++)
        if (strcmp(name, cluster_names[i]) == 0)
            return i;
    return 0;
}

const char *sim_cluster_name(unsigned cluster)
{
    return cluster_names[cluster];
}

/* ---- time ---- */

static void clock_init(struct sim_clock *clock, int64_t now_ms)
{
    iso_clock_manual_init(&clock->manual, now_ms);
    clock->manner = SIM_CLOCK_RUNS;
}

static void clock_passes(struct sim_clock *clock, int64_t ms)
{
    static const int64_t speeds[] = {1, 0, 3};
    clock->manual.now_ms += ms * speeds[clock->manner];
    clock->manual.steady_ms += ms;
}

void sim_time_passes(struct sim *sim, int64_t ms)
{
    iso_clock_manual_add(&sim->truth, ms);
    for (unsigned i = 0; i < sim->plan.clusters; i++)
        clock_passes(&sim->broker_clocks[i], ms);
    for (unsigned i = 0; i < sim->plan.regions; i++) {
        clock_passes(&sim->regions[i].daemon_clock, ms);
        clock_passes(&sim->regions[i].service_clock, ms);
    }
}

/* ---- the collection ---- */

static struct iso_definition *definition_first(struct sim *sim)
{
    const struct sim_plan *plan = &sim->plan;
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    size_t logs = plan->per_region ? plan->regions : 1;
    snprintf(definition->collection, sizeof definition->collection, "cart");
    snprintf(definition->resolver, sizeof definition->resolver, "%s",
             sim_resolver_name(plan));
    definition->number = 1;
    memset(definition->id, 7, sizeof definition->id);
    definition->partitions = plan->partitions;
    definition->buckets = plan->buckets;
    definition->format = ISO_FORMAT_OPAQUE;
    sim_schemas_add(sim, definition, false);
    definition->before_max_ms = plan->before_max_ms;
    definition->after_max_ms = plan->after_max_ms;
    definition->limits = (struct iso_definition_limits){
        .key_max = 384, .value_max = 20000, .header_max = 8192, .read_max = 200};
    definition->region_count = plan->regions;
    definition->regions = iso_alloc_zero(plan->regions, sizeof *definition->regions);
    definition->log_count = logs;
    definition->logs = iso_alloc_zero(logs, sizeof *definition->logs);
    for (unsigned i = 0; i < plan->regions; i++) {
        struct iso_definition_log *log = &definition->logs[plan->per_region ? i : 0];
        struct iso_definition_region *row = &definition->regions[i];
        row->number = (uint8_t)sim->regions[i].number;
        memcpy(row->name, sim->regions[i].name, sizeof sim->regions[i].name);
        log->writers |= (uint64_t)1 << (row->number - 1);
        if (log->topic == NULL)
            sim_log_fill(sim, log, 10 * (i + 1),
                         cluster_names[plan->per_region ? sim->regions[i].cluster : 0]);
    }
    return definition;
}

static void collection_announce(struct sim *sim)
{
    struct iso_why why = {0};
    struct iso_definition *definition = definition_first(sim);
    SIM_OK(sim, iso_definition_encode(definition, &why));
    for (size_t i = 0; i < definition->log_count; i++)
        sim_log_create(sim, definition, &definition->logs[i]);
    sim_definition_announce(sim, definition);
    for (size_t i = 0; i < definition->log_count; i++) {
        sim_log_define(sim, &definition->logs[i]);
        sim_oracle_log(sim, definition->logs[i].number);
    }
    sim->written = definition;
}

/* ---- the whole ---- */

static void keys_name(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.keys; i++) {
        snprintf(sim->keys[i], sizeof sim->keys[i], "k%u", i);
        sim->key_partition[i] =
            iso_partition_of(iso_bytes_text(sim->keys[i]), sim->plan.partitions);
    }
}

void sim_open(struct sim *sim, const struct sim_plan *plan)
{
    struct iso_why why = {0};
    sim->plan = *plan;
    iso_clock_manual_init(&sim->truth, 1700000000000);
    iso_chance_seeded_init(&sim->dice, plan->seed * 2);
    iso_chance_seeded_init(&sim->chance, plan->seed ^ 0x5a5a5a5a5a);
    sim->control = iso_control_new();
    keys_name(sim);
    for (unsigned c = 0; c < plan->clusters; c++) {
        clock_init(&sim->broker_clocks[c], sim->truth.now_ms);
        sim->clusters[c] = iso_memory_cluster_new(&sim->broker_clocks[c].manual.clock);
        sim->admins[c] = iso_bus_memory_open(sim->clusters[c]);
        SIM_OK(sim, iso_control_topics(sim->admins[c], "iso.", c == 0, 1, 1000, &why));
    }
    for (unsigned i = 0; i < plan->regions; i++) {
        struct sim_region *region = &sim->regions[i];
        struct iso_control_place place = sim_control_place(sim);
        region->sim = sim;
        region->index = i;
        clock_init(&region->daemon_clock, sim->truth.now_ms);
        clock_init(&region->service_clock, sim->truth.now_ms);
        sim_region_open(region);
        SIM_OK(sim, iso_control_add_region(&place, region->name, 0, sim->control,
                                           &region->number, &why));
    }
    sim_oracle_open(sim);
    collection_announce(sim);
    sim_second_open(sim);
    sim_oracle_read(sim);
    for (unsigned i = 0; i < plan->regions; i++) {
        for (unsigned n = 0; n < plan->shards; n++)
            sim_shard_start(&sim->regions[i], n);
        sim_handle_open(&sim->regions[i], 0);
    }
}

void sim_close(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.regions; i++)
        sim_region_close(&sim->regions[i]);
    sim_oracle_close(sim);
    for (unsigned c = 0; c < sim->plan.clusters; c++) {
        iso_bus_close(sim->admins[c]);
        iso_memory_cluster_free(sim->clusters[c]);
    }
    iso_control_free(sim->control);
    sim_second_close(sim);
    for (unsigned i = 0; i < sim->definition_count; i++)
        iso_definition_free(sim->definitions[i]);
    iso_free(sim->acks);
    iso_free(sim->refusals);
    iso_buf_release(&sim->line);
    *sim = (struct sim){0};
}
