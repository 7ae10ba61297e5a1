/* The second collection has one partition and a log in each region's cluster. */
#include "tests/sim/sim_second.h"

#include <stdio.h>

#include "base/mem.h"
#include "consumer/rows.h"
#include "producer/define.h"

enum { KEYS = 8 };

static const struct iso_topic_options topic_options = {1, (int64_t)7 * 86400 * 1000,
                                                       1000};

static int64_t answered;

static void acknowledged(void *user, const struct iso_ack *ack)
{
    (void)user;
    answered += ack->state == ISO_DURABLE;
}

/* ---- coming into being ---- */

static void log_fill(const struct sim *sim, struct iso_definition *definition,
                     unsigned region)
{
    static const char *const clusters[] = {"home", "far", "moon"};
    struct iso_definition_log *log = &definition->logs[region];
    struct iso_definition_region *row = &definition->regions[region];
    char topic[16];
    snprintf(topic, sizeof topic, "till.%u", region + 1);
    row->number = (uint8_t)sim->regions[region].number;
    memcpy(row->name, sim->regions[region].name, sizeof sim->regions[region].name);
    *log = (struct iso_definition_log){
        .number = (uint16_t)(region + 1),
        .writers = (uint64_t)1 << (row->number - 1),
        .cluster = iso_strdup(clusters[sim->regions[region].cluster]),
        .topic = iso_strdup(topic),
        .birth = iso_hlc_of_ms(sim->truth.now_ms)};
}

static struct iso_definition *definition_make(struct sim *sim)
{
    const struct sim_plan *plan = &sim->plan;
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    struct iso_why why;
    snprintf(definition->collection, sizeof definition->collection, "till");
    snprintf(definition->resolver, sizeof definition->resolver, "%s",
             plan->resolver == SIM_LWW ? "siblings" : "lww");
    definition->number = 1;
    memset(definition->id, 8, sizeof definition->id);
    definition->partitions = 1;
    definition->buckets = 4;
    definition->format = ISO_FORMAT_OPAQUE;
    definition->before_max_ms = 2 * plan->before_max_ms;
    definition->after_max_ms = plan->after_max_ms;
    definition->limits = sim->definition->limits;
    definition->region_count = definition->log_count = plan->regions;
    definition->regions = iso_alloc_zero(plan->regions, sizeof *definition->regions);
    definition->logs = iso_alloc_zero(plan->regions, sizeof *definition->logs);
    for (unsigned r = 0; r < plan->regions; r++)
        log_fill(sim, definition, r);
    SIM_OK(sim, iso_definition_encode(definition, &why));
    return definition;
}

static void producer_open(struct sim *sim, struct sim_region *region)
{
    struct iso_why why = {0};
    struct iso_producer_ground ground = {.bus = region->fronts[region->cluster],
                                         .definition = sim->second,
                                         .region = region->number,
                                         .clock = &region->service_clock.manual.clock,
                                         .chance = &region->chance,
                                         .queue_max = 1 << 20,
                                         .pending_max = 1000};
    struct iso_producer_options options = {
        .region = region->name, .collection = "till", .acknowledged = acknowledged};
    SIM_OK(sim, iso_producer_open_on(&ground, &options, &region->second, &why));
}

void sim_second_open(struct sim *sim)
{
    struct iso_why why = {0};
    struct iso_control_place place = {sim->admins[0], "iso.", 1000};
    if (!sim->plan.second)
        return;
    sim->second = definition_make(sim);
    for (unsigned r = 0; r < sim->plan.regions; r++)
        SIM_OK(sim, iso_log_create(sim->admins[sim->regions[r].cluster], sim->second,
                                   &sim->second->logs[r], &topic_options, &why));
    SIM_OK(sim, iso_control_add_definition(&place, sim->second, sim->control, &why));
    for (unsigned r = 0; r < sim->plan.regions; r++) {
        SIM_OK(sim, iso_log_define(sim->admins[sim->regions[r].cluster], sim->second,
                                   &sim->second->logs[r], &sim->chance, 1000, &why));
        producer_open(sim, &sim->regions[r]);
    }
}

void sim_second_close(struct sim *sim)
{
    iso_definition_free(sim->second);
}

/* ---- services ---- */

void sim_second_write(struct sim *sim, struct sim_region *region)
{
    struct iso_write_options options = {0};
    struct iso_why why = {0};
    char key[8], value[12];
    snprintf(key, sizeof key, "t%u", (unsigned)sim_dice(sim, KEYS));
    snprintf(value, sizeof value, "v%u", (unsigned)sim_dice(sim, 1000));
    struct iso_bytes name = iso_bytes_text(key);
    bool is_delete = sim_percent(sim, 25);
    enum iso_err err = is_delete
                           ? iso_producer_delete(region->second, name, &options, &why)
                           : iso_producer_put(region->second, name,
                                              iso_bytes_text(value), &options, &why);
    SIM_HOLDS(sim, err == ISO_OK || err == ISO_AGAIN || err == ISO_CLOCK_SKEW,
              "%s cannot write to the second collection: %s: %s", region->name,
              iso_err_name(err), why.text);
    sim_trace(sim, "%s > %s %s in till", region->name, is_delete ? "delete" : "put",
              key);
}

void sim_second_poll(const struct sim_region *region)
{
    if (region->second != NULL)
        iso_producer_poll(region->second, 0);
}

/* ---- slices ---- */

/* Of the region's store; false: there is none yet. */
static bool slice_find(const struct sim_region *region, struct iso_slice *slice)
{
    struct sim *sim = region->sim;
    const struct iso_map *meta = &region->disks[0].maps[ISO_META];
    struct iso_rows_collection collection;
    struct iso_buf key = {0};
    struct iso_bytes row;
    struct iso_why why;
    iso_rows_key_collection(&key, "till");
    bool found = iso_map_get(meta, iso_buf_bytes(&key), &row);
    if (found) {
        SIM_OK(sim, iso_rows_decode_collection(row, &collection, &why));
        iso_rows_key_slice(&key, collection.number, 0);
        found = iso_map_get(meta, iso_buf_bytes(&key), &row);
    }
    if (found)
        SIM_OK(sim, iso_slice_decode(row, slice, &why));
    iso_buf_release(&key);
    return found;
}

static void slices_compare(struct sim *sim, const struct iso_slice *a,
                           const struct iso_slice *b)
{
    bool same_h = a->swept_min_ms == a->swept_max_ms &&
                  b->swept_min_ms == a->swept_min_ms &&
                  b->swept_max_ms == a->swept_max_ms;
    SIM_HOLDS(sim,
              iso_digest_equal(a->tally.live, b->tally.live) &&
                  iso_digest_equal(a->ledger, b->ledger) &&
                  (!same_h || iso_digest_equal(a->tally.mortal, b->tally.mortal)),
              "the second collection differs between regions that have read the same");
}

void sim_second_scan(struct sim *sim)
{
    static struct iso_slice slices[SIM_REGIONS_MAX];
    bool there[SIM_REGIONS_MAX];
    for (unsigned r = 0; sim->plan.second && r < sim->plan.regions; r++) {
        there[r] = slice_find(&sim->regions[r], &slices[r]);
        for (unsigned i = 0; there[r] && i < r; i++)
            if (there[i] && iso_vector_equal(&slices[i].vector, &slices[r].vector))
                slices_compare(sim, &slices[i], &slices[r]);
    }
    for (unsigned r = 0; r < SIM_REGIONS_MAX; r++) {
        iso_slice_release(&slices[r]);
        slices[r] = (struct iso_slice){0};
    }
}

bool sim_second_is_level(const struct sim_region *region)
{
    struct sim *sim = region->sim;
    struct iso_slice slice = {0};
    struct iso_producer_stats stats = {0};
    struct iso_why why;
    if (!sim->plan.second)
        return true;
    iso_producer_stats(region->second, &stats);
    bool level = stats.waiting == 0 && slice_find(region, &slice);
    for (unsigned r = 0; level && r < sim->plan.regions; r++) {
        struct iso_position end = {.topic = sim->second->logs[r].topic};
        SIM_OK(sim,
               iso_bus_ends(sim->admins[sim->regions[r].cluster], &end, 1, 1000, &why));
        const struct iso_slice_log *log =
            iso_slice_log(&slice, sim->second->logs[r].number);
        level = log != NULL && log->frontier >= end.end;
    }
    iso_slice_release(&slice);
    return level;
}

uint64_t sim_second_refused(const struct sim *sim)
{
    struct iso_slice slice = {0};
    uint64_t refused = 0;
    if (sim->plan.second && slice_find(&sim->regions[0], &slice))
        for (size_t i = 0; i < slice.log_count; i++)
            refused += slice.logs[i].refused;
    iso_slice_release(&slice);
    return refused;
}
