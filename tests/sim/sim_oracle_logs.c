/* Which logs the oracle reads, from where, and what it forgets when one was cut. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "schema/value.h"

static void log_assign(struct sim *sim, unsigned index, uint32_t partition)
{
    struct iso_why why;
    const struct iso_definition_log *log =
        iso_definition_log(sim->definition, sim->oracle.numbers[index]);
    SIM_OK(sim,
           iso_reader_assign(sim->oracle.readers[sim_cluster_of(sim, log->cluster)],
                             index * SIM_PARTITIONS_MAX + partition, log->topic,
                             (int)partition, 0, &why));
}

static void log_leave(struct sim *sim, unsigned index, uint32_t partition)
{
    struct iso_why why;
    const struct iso_definition_log *log =
        iso_definition_log(sim->definition, sim->oracle.numbers[index]);
    SIM_OK(sim,
           iso_reader_unassign(sim->oracle.readers[sim_cluster_of(sim, log->cluster)],
                               index * SIM_PARTITIONS_MAX + partition, &why));
}

void sim_oracle_open(struct sim *sim)
{
    struct iso_why why;
    struct iso_reader_options options = {.header = ISO_HEADER_NAME};
    for (unsigned c = 0; c < sim->plan.clusters; c++)
        SIM_OK(sim, iso_reader_open(sim->admins[c], &options, &sim->oracle.readers[c],
                                    &why));
}

void sim_oracle_log(struct sim *sim, uint16_t number)
{
    struct sim_oracle *oracle = &sim->oracle;
    unsigned index = oracle->log_count++;
    const struct iso_definition_log *row = iso_definition_log(sim->definition, number);
    oracle->numbers[index] = number;
    oracle->succeeds[index] = 0;
    for (size_t i = 0; i < row->succeeds_count; i++) {
        int before = sim_log_index(sim, row->succeeds[i]);
        oracle->succeeds[index] |= oracle->succeeds[before] | 1u << before;
    }
    for (uint32_t p = 0; p < sim->plan.partitions; p++) {
        struct sim_log *log = &oracle->logs[index][p];
        *log = (struct sim_log){.exists = true, .number = number, .end = INT64_MAX};
        log->now = *sim_state_at(log, 0);
        log_assign(sim, index, p);
    }
}

static void key_clear(struct sim_key *key)
{
    for (size_t i = 0; i < key->count; i++)
        iso_free(key->effects[i].bytes);
    for (size_t i = 0; i < key->part_count; i++)
        iso_free(key->parts[i].ops);
    key->count = key->part_count = 0;
    iso_arena_clear(&key->arena);
}

void sim_oracle_again(struct sim *sim, uint32_t partition)
{
    struct sim_oracle *oracle = &sim->oracle;
    for (unsigned i = 0; i < sim->plan.keys; i++)
        if (sim->key_partition[i] == partition)
            key_clear(&oracle->keys[i]);
    for (unsigned i = 0; i < oracle->log_count; i++) {
        struct sim_log *log = &oracle->logs[i][partition];
        log->next = 0;
        log->node_count = 0;
        log->birth = 0;
        log->now = *sim_state_at(log, 0);
        log_leave(sim, i, partition);
    }
    /* In the order in which they were opened: none before those that it succeeds. */
    for (unsigned i = 0; i < oracle->log_count; i++) {
        log_assign(sim, i, partition);
        sim_oracle_read(sim);
    }
}

bool sim_log_succeeds(const struct sim *sim, unsigned log, unsigned older)
{
    return (sim->oracle.succeeds[log] >> older & 1) != 0;
}

uint32_t sim_log_closed_by(const struct sim *sim, unsigned log)
{
    for (unsigned i = 0; i < sim->definition_count; i++) {
        const struct iso_definition_log *row =
            iso_definition_log(sim->definitions[i], sim->oracle.numbers[log]);
        if (row != NULL && row->ends != NULL)
            return i + 1;
    }
    return 0;
}

uint32_t sim_definition_at(const struct sim *sim, uint32_t partition,
                           const int64_t frontiers[SIM_LOGS_MAX])
{
    uint32_t newest = 1;
    for (unsigned i = 0; i < sim->oracle.log_count; i++) {
        const struct sim_state *state =
            sim_state_at(&sim->oracle.logs[i][partition], frontiers[i]);
        if (state->definition > newest)
            newest = state->definition;
    }
    return newest;
}

/* It will begin with the bounds of what it succeeds, or at its birth. */
static int64_t bound_unbegun(const struct sim *sim, uint32_t partition, int index,
                             const int64_t frontiers[SIM_LOGS_MAX])
{
    const struct iso_definition_log *row =
        iso_definition_log(sim->definition, sim->oracle.numbers[index]);
    int64_t bound_ms = iso_hlc_ms(row->birth);
    for (unsigned i = 0; i < sim->oracle.log_count; i++) {
        if ((sim->oracle.succeeds[index] >> i & 1) == 0)
            continue;
        const struct sim_state *state =
            sim_state_at(&sim->oracle.logs[i][partition], frontiers[i]);
        if (state->definition > 0 && state->bound_ms > bound_ms)
            bound_ms = state->bound_ms;
    }
    return bound_ms;
}

int64_t sim_floor_at(const struct sim *sim, uint32_t partition,
                     const int64_t frontiers[SIM_LOGS_MAX])
{
    const struct iso_definition *known =
        sim->definitions[sim_definition_at(sim, partition, frontiers) - 1];
    int64_t floor_ms = INT64_MAX;
    for (size_t i = 0; i < known->log_count; i++) {
        const struct iso_definition_log *row = &known->logs[i];
        int index = sim_log_index(sim, row->number);
        const struct sim_log *log = &sim->oracle.logs[index][partition];
        const struct sim_state *state = sim_state_at(log, frontiers[index]);
        int64_t bound_ms = state->definition > 0
                               ? state->bound_ms
                               : bound_unbegun(sim, partition, index, frontiers);
        bool is_closed = row->ends != NULL && frontiers[index] >= row->ends[partition];
        if (!is_closed && bound_ms < floor_ms)
            floor_ms = bound_ms;
    }
    return floor_ms < INT64_MAX ? floor_ms : INT64_MIN;
}

void sim_oracle_close(struct sim *sim)
{
    struct sim_oracle *oracle = &sim->oracle;
    for (unsigned c = 0; c < sim->plan.clusters; c++)
        iso_reader_close(oracle->readers[c]);
    for (unsigned i = 0; i < SIM_KEYS_MAX; i++) {
        key_clear(&oracle->keys[i]);
        iso_free(oracle->keys[i].effects);
        iso_free(oracle->keys[i].parts);
        iso_arena_release(&oracle->keys[i].arena);
    }
    for (unsigned i = 0; i < SIM_LOGS_MAX; i++) {
        for (unsigned p = 0; p < SIM_PARTITIONS_MAX; p++) {
            iso_free(oracle->logs[i][p].records);
            iso_free(oracle->logs[i][p].nodes);
        }
    }
    for (int i = 0; i < SIM_DEFINITIONS_MAX; i++)
        iso_schemas_free(oracle->schemas[i]);
    iso_buf_release(&oracle->names);
    iso_buf_release(&oracle->hash);
}
