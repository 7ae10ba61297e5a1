/* An operator announces definitions: the first one as the world comes into being, and a
 * later one in the middle, with another before_max, a schema and a log more. What
 * stands in the logs is written as the product's own tools write it. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "producer/define.h"
#include "schema/value.h"
#include "tests/sim/sim_values.h"

static const struct iso_topic_options topic_options = {1, (int64_t)7 * 86400 * 1000,
                                                       1000};

struct iso_control_place sim_control_place(const struct sim *sim)
{
    return (struct iso_control_place){sim->admins[0], "iso.", 1000};
}

struct iso_bus *sim_log_bus(const struct sim *sim, const struct iso_definition_log *log)
{
    return sim->admins[sim_cluster_of(sim, log->cluster)];
}

void sim_log_fill(const struct sim *sim, struct iso_definition_log *log,
                  unsigned number, const char *cluster)
{
    struct iso_buf topic = {0};
    iso_buf_print(&topic, "cart.%u", number);
    log->number = (uint16_t)number;
    log->cluster = iso_strdup(cluster);
    log->topic = iso_strdup(iso_buf_text(&topic));
    log->birth = iso_hlc_of_ms(sim->truth.now_ms);
    iso_buf_release(&topic);
}

void sim_log_create(struct sim *sim, const struct iso_definition *definition,
                    const struct iso_definition_log *log)
{
    struct iso_why why = {0};
    SIM_OK(sim, iso_log_create(sim_log_bus(sim, log), definition, log, &topic_options,
                               &why));
}

void sim_definition_announce(struct sim *sim, struct iso_definition *definition)
{
    struct iso_why why = {0};
    struct iso_control_place place = sim_control_place(sim);
    SIM_OK(sim, iso_control_add_definition(&place, definition, sim->control, &why));
    sim->oracle.schemas[sim->definition_count] = iso_schemas_new(definition);
    sim->definitions[sim->definition_count++] = definition;
    sim->definition = definition;
}

/* Broker and operator agree about the time: else nothing of it counts. */
void sim_log_define(struct sim *sim, const struct iso_definition_log *log)
{
    struct iso_why why = {0};
    struct iso_define_ground ground = {.bus = sim_log_bus(sim, log),
                                       .clock = &sim->truth.clock,
                                       .chance = &sim->chance,
                                       .timeout_ms = 1000};
    unsigned before = sim->definition_count > 1 ? sim->definition_count - 2 : 0;
    bool is_new = sim->definition_count == 1 ||
                  iso_definition_log(sim->definitions[before], log->number) == NULL;
    for (unsigned c = 0; c < sim->plan.clusters; c++)
        sim->broker_clocks[c].manual.now_ms = sim->truth.now_ms;
    if (is_new)
        SIM_OK(sim, iso_log_define(ground.bus, sim->definition, log, &sim->chance, 1000,
                                   &why));
    else
        SIM_OK(sim, iso_log_define_next(&ground, sim->definition, log, &why));
}

bool sim_define_is_timely(struct sim *sim, int64_t birth_ms)
{
    sim_oracle_read(sim);
    for (unsigned i = 0; i < sim->oracle.log_count; i++)
        for (uint32_t p = 0; p < sim->plan.partitions; p++) {
            const struct sim_log *log = &sim->oracle.logs[i][p];
            bool closes = sim_log_is_closing(sim, log->number); /* it gets none */
            if (!closes && log->end == INT64_MAX && log->next > 0 &&
                (log->now.definition == 0 || log->now.bound_ms > birth_ms))
                return false;
        }
    return birth_ms <= sim->truth.now_ms;
}

bool sim_definition_counts(struct sim *sim)
{
    sim_oracle_read(sim);
    for (unsigned i = 0; i < sim->oracle.log_count; i++)
        for (uint32_t p = 0; p < sim->plan.partitions; p++) {
            const struct sim_log *log = &sim->oracle.logs[i][p];
            if (log->end == INT64_MAX && log->now.definition != sim->definition->number)
                return false;
        }
    return true;
}

static struct iso_definition *definition_later(struct sim *sim)
{
    struct iso_why why = {0};
    struct iso_definition *later;
    unsigned owner = (unsigned)sim_dice(sim, sim->plan.regions);
    SIM_OK(sim,
           iso_definition_decode(iso_buf_bytes(&sim->definition->bytes), &later, &why));
    later->number++;
    later->id[1] ^= (uint8_t)later->number; /* surely another than the one before */
    later->logs =
        iso_realloc(later->logs, (later->log_count + 1) * sizeof *later->logs);
    struct iso_definition_log *log = &later->logs[later->log_count++];
    *log = (struct iso_definition_log){0};
    sim_log_fill(sim, log, 15 + 10 * owner,
                 sim_cluster_name(sim->regions[owner].cluster));
    log->writers = (uint64_t)1 << (sim->regions[owner].number - 1);
    /* It never shrinks: a producer that has the former one open would promise too much.
     */
    later->before_max_ms *= 1 + (int64_t)sim_dice(sim, 2);
    sim_schemas_add(sim, later, true);
    SIM_OK(sim, iso_definition_encode(later, &why));
    return later;
}

bool sim_define_later(struct sim *sim)
{
    const struct iso_definition *now = sim->definition;
    if (sim->opened || sim->closing.stage != SIM_CLOSING_NONE ||
        !sim_define_is_timely(sim, sim->truth.now_ms) || !sim_definition_counts(sim))
        return false;
    struct iso_definition *later = definition_later(sim);
    const struct iso_definition_log *opened = NULL;
    for (size_t i = 0; i < later->log_count; i++)
        if (iso_definition_log(now, later->logs[i].number) == NULL)
            opened = &later->logs[i];
    sim->opened = true;
    sim_log_create(sim, later, opened);
    sim_definition_announce(sim, later);
    for (size_t i = 0; i < later->log_count; i++)
        if (later->logs[i].ends == NULL && &later->logs[i] != opened)
            sim_log_define(sim, &later->logs[i]);
    sim_log_define(sim, opened);
    sim_definition_stands(sim);
    sim_oracle_log(sim, opened->number);
    sim_trace(sim, "definition %u opens log %u", later->number, opened->number);
    return true;
}

void sim_definition_stands(struct sim *sim)
{
    struct iso_why why = {0};
    struct iso_control_place place = sim_control_place(sim);
    SIM_OK(sim, iso_control_add_defined(&place, sim->definition, sim->control, &why));
    sim->written = sim->definition;
}
