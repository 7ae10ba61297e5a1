/* The world of a simulation comes into being, runs its daemons, and ends. A failing
 * step names its seed; ISO_SIM_SEED repeats it. */
#include "world.h"

#include <check.h>
#include <stdio.h>

#include "base/mem.h"

static const char *const cluster_names[WORLD_CLUSTERS] = {"home", "far"};
static const char *const collection_names[WORLD_COLLECTIONS] = {"things", "others"};

uint64_t world_dice(struct world *world, uint64_t sides)
{
    return iso_chance_draw(&world->chance) % sides;
}

unsigned world_shards(const struct world *world)
{
    return world->plan.two_shards ? 2 : 1;
}

int world_cluster_of(const struct world *world, const char *name)
{
    (void)world;
    return strcmp(name, cluster_names[1]) == 0;
}

/* The cluster of a region: the third may have one to itself. */
static int own_cluster(const struct world *world, int region)
{
    return world->plan.two_clusters && region == WORLD_REGIONS - 1;
}

/* ---- daemons and services ---- */

static struct iso_bus *world_bus(void *user, const char *cluster, struct iso_why *why)
{
    struct world_region *region = user;
    (void)why;
    int index = world_cluster_of(region->world, cluster);
    return region->fronts[index] ? region->fronts[index] : region->buses[index];
}

void world_region_start(struct world_region *region, unsigned shard)
{
    struct world *world = region->world;
    int index = (int)(region - world->regions);
    /* Every record a batch, or time alone ends it: what a batch weighs is not the same
     * in two runs, since the store's tables are keyed by chance. */
    int64_t batch_bytes = world->plan.seed % 5 == 0 ? 1 : 1 << 30;
    struct iso_shard_options options = {
        .region = region->name,
        .collections = "",
        .shard = shard,
        .shards = world_shards(world),
        .prefix = "iso.",
        .store = region->stores[shard],
        .home = cluster_names[0],
        .own = cluster_names[own_cluster(world, index)],
        .bus = world_bus,
        .user = region,
        .clock =
            region->daemon_clock != NULL ? region->daemon_clock : &world->clock.clock,
        .chance = &world->chance,
        .tuning = {.fetch_bytes = 1 << 20,
                   .batch_bytes = batch_bytes,
                   .batch_time_max_ms = 50,
                   .heartbeat_ms = 1000,
                   .verify_ms =
                       world->plan.verify_ms > 0 ? world->plan.verify_ms : 2000,
                   .report_ms = 500,
                   .commit_ms = 5000,
                   .conflicts_age_ms = world->plan.pruned ? 700 * index : 0,
                   .conflicts_bytes_max = world->plan.pruned && index == 0 ? 100 : 0},
    };
    struct iso_why why = {0};
    enum iso_err err = iso_shard_open(&options, &region->shards[shard], &why);
    if (err != ISO_OK && iso_err_kind(err) == ISO_RETRY && world->plan.bad_disks) {
        region->shards[shard] = NULL; /* its supervisor starts it again */
        return;
    }
    WORLD_OK(err);
}

static void ack_keep(struct world *world, int collection, const struct iso_ack *ack)
{
    world->counts.durable += ack->state == ISO_DURABLE;
    world->counts.refused += ack->state == ISO_NOT_APPLIED;
    if (ack->offset < 0 || ack->state == ISO_MAYBE_APPLIED)
        return;
    if (world->ack_count == world->ack_room) {
        world->ack_room = world->ack_room * 2 + 64;
        world->acks = iso_realloc(world->acks, world->ack_room * sizeof *world->acks);
    }
    world->acks[world->ack_count++] = (struct world_ack){
        collection, ack->log, ack->partition, ack->offset, ack->state == ISO_DURABLE};
}

static void acknowledged_first(void *user, const struct iso_ack *ack)
{
    ack_keep(user, 0, ack);
}

static void acknowledged_second(void *user, const struct iso_ack *ack)
{
    ack_keep(user, 1, ack);
}

static void region_service(struct world_region *region, int collection)
{
    struct world *world = region->world;
    struct iso_why why = {0};
    const struct iso_definition *definition = world->definitions[collection];
    const struct iso_definition_log *log =
        iso_definition_log_of(definition, region->number);
    struct iso_producer_ground ground = {
        .bus = region->client_buses[world_cluster_of(world, log->cluster)],
        .definition = definition,
        .region = region->number,
        .clock = &region->clock.clock,
        .chance = &world->chance,
        .queue_max = 1 << 20,
        .pending_max = 10000,
    };
    struct iso_producer_options options = {
        .region = region->name,
        .collection = collection_names[collection],
        .acknowledged = collection == 0 ? acknowledged_first : acknowledged_second,
        .user = world};
    WORLD_OK(
        iso_producer_open_on(&ground, &options, &region->producers[collection], &why));
}

/* ---- collections ---- */

static void log_fill(struct world *world, struct iso_definition_log *log,
                     int collection, int region)
{
    struct iso_buf topic = {0};
    iso_buf_print(&topic, "%s.%d", collection_names[collection], region);
    log->number = (uint16_t)(10 * (region + 1));
    log->cluster = iso_strdup(
        cluster_names[world->plan.per_region ? own_cluster(world, region) : 0]);
    log->topic = iso_strdup(iso_buf_text(&topic));
    log->birth = iso_hlc_of_ms(world->clock.now_ms);
    iso_buf_release(&topic);
}

static struct iso_definition *definition_new(struct world *world, int collection)
{
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    bool per_region = world->plan.per_region;
    size_t logs = per_region ? WORLD_REGIONS : 1;
    snprintf(definition->collection, sizeof definition->collection, "%s",
             collection_names[collection]);
    snprintf(definition->resolver, sizeof definition->resolver, "%s",
             world->plan.resolver != NULL ? world->plan.resolver : "lww");
    definition->number = 1;
    memset(definition->id, 7 + collection, sizeof definition->id);
    definition->partitions = WORLD_PARTITIONS;
    definition->buckets = WORLD_BUCKETS;
    definition->format = ISO_FORMAT_OPAQUE;
    world_schemas_add(world, definition, false);
    definition->before_max_ms = world->plan.forgets ? 2400 : 24 * 3600 * 1000;
    definition->after_max_ms = 60000;
    definition->limits = (struct iso_definition_limits){
        .key_max = 384, .value_max = 1000, .header_max = 8192, .read_max = 400};
    if (world->plan.resolver != NULL)
        definition->limits.value_max = 40000;
    definition->region_count = WORLD_REGIONS;
    definition->regions = iso_alloc_zero(WORLD_REGIONS, sizeof *definition->regions);
    definition->log_count = logs;
    definition->logs = iso_alloc_zero(logs, sizeof *definition->logs);
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct iso_definition_log *log = &definition->logs[per_region ? i : 0];
        struct iso_definition_region *row = &definition->regions[i];
        row->number = (uint8_t)world->regions[i].number;
        memcpy(row->name, world->regions[i].name, sizeof world->regions[i].name);
        log->writers |= (uint64_t)1 << (row->number - 1);
        if (log->topic == NULL)
            log_fill(world, log, collection, i);
    }
    return definition;
}

void world_announce(struct world *world, int collection)
{
    struct iso_why why = {0};
    struct iso_definition *definition = definition_new(world, collection);
    WORLD_OK(iso_definition_encode(definition, &why));
    for (size_t i = 0; i < definition->log_count; i++)
        WORLD_OK(iso_log_create(
            world->admins[world_cluster_of(world, definition->logs[i].cluster)],
            definition, &definition->logs[i],
            &(struct iso_topic_options){1, (int64_t)7 * 86400 * 1000, 1000}, &why));
    WORLD_OK(iso_control_add_definition(
        &(struct iso_control_place){world->admins[0], "iso.", 1000}, definition,
        world->control, &why));
    for (size_t i = 0; i < definition->log_count; i++)
        WORLD_OK(iso_log_define(
            world->admins[world_cluster_of(world, definition->logs[i].cluster)],
            definition, &definition->logs[i], &world->chance, 1000, &why));
    world->definitions[collection] = definition;
    for (int i = 0; i < WORLD_REGIONS; i++)
        region_service(&world->regions[i], collection);
}

/* A DEFINE of a definition that is not the log's first, in each of its partitions. */
static void log_define_later(struct world *world,
                             const struct iso_definition *definition,
                             const struct iso_definition_log *log)
{
    struct iso_bus *bus = world->admins[world_cluster_of(world, log->cluster)];
    struct iso_why why = {0};
    for (uint32_t p = 0; p < WORLD_PARTITIONS; p++) {
        struct iso_buf header = {0};
        struct iso_write write = {.operation = ISO_DEFINE,
                                  .log = log->number,
                                  .partition = p,
                                  .version = {iso_hlc_of_ms(world->clock.now_ms),
                                              iso_node(iso_definition_owner(log), 77)},
                                  .seq = 1,
                                  .blind = true};
        iso_write_encode(&write, &header);
        struct iso_message message = {.topic = log->topic,
                                      .partition = (int)p,
                                      .has_value = true,
                                      .has_header = true,
                                      .value = iso_buf_bytes(&definition->bytes),
                                      .header = iso_buf_bytes(&header)};
        WORLD_OK(iso_bus_publish(bus, &message, "iso", 1000, NULL, &why));
        iso_buf_release(&header);
    }
}

/* Between the numbers of the logs that are there: nothing may depend on their order. */
static struct iso_definition *definition_later(struct world *world)
{
    struct iso_why why = {0};
    struct iso_definition *later;
    WORLD_OK(iso_definition_decode(iso_buf_bytes(&world->definitions[0]->bytes), &later,
                                   &why));
    later->number = 2;
    later->id[1] = 2;
    later->logs =
        iso_realloc(later->logs, (later->log_count + 1) * sizeof *later->logs);
    struct iso_definition_log *log = &later->logs[later->log_count++];
    *log = (struct iso_definition_log){0};
    log_fill(world, log, 0, 0);
    iso_free(log->topic);
    log->topic = iso_strdup("things.later");
    log->number = 15;
    log->writers = (uint64_t)1 << (world->regions[0].number - 1);
    world_schemas_add(world, later, true);
    WORLD_OK(iso_definition_encode(later, &why));
    return later;
}

void world_announce_later(struct world *world)
{
    struct iso_why why = {0};
    struct iso_definition *later = definition_later(world);
    const struct iso_definition_log *opened = iso_definition_log(later, 15);
    struct iso_bus *bus = world->admins[world_cluster_of(world, opened->cluster)];
    WORLD_OK(iso_log_create(
        bus, later, opened,
        &(struct iso_topic_options){1, (int64_t)7 * 86400 * 1000, 1000}, &why));
    WORLD_OK(iso_control_add_definition(
        &(struct iso_control_place){world->admins[0], "iso.", 1000}, later,
        world->control, &why));
    /* Kafka shows the end of a topic as it is: who asks after a DEFINE was written sees
     * what was announced before it. A delayed reader of the memory bus sees less. */
    iso_clock_manual_add(&world->clock, 400);
    for (size_t i = 0; i < later->log_count; i++)
        if (&later->logs[i] != opened)
            log_define_later(world, later, &later->logs[i]);
    WORLD_OK(iso_log_define(bus, later, opened, &world->chance, 1000, &why));
    world->former = world->definitions[0];
    world->definitions[0] = later;
    struct world_region *first = &world->regions[0];
    struct iso_producer *before = first->producers[0];
    iso_producer_close(before);
    region_service(first, 0);
}

/* ---- opening and closing ---- */

static void region_open(struct world *world, int index)
{
    static const char *const names[WORLD_REGIONS] = {"eu", "us", "ap"};
    struct world_region *region = &world->regions[index];
    region->world = world;
    region->clock = world->clock;
    snprintf(region->name, sizeof region->name, "%s", names[index]);
    for (int i = 0; i < WORLD_CLUSTERS; i++) {
        region->buses[i] = iso_bus_memory_open(world->clusters[i]);
        region->client_buses[i] = iso_bus_memory_open(world->clusters[i]);
    }
    for (unsigned i = 0; i < world_shards(world); i++) {
        struct faulty *faulty = &region->faulty[i];
        iso_chance_seeded_init(&faulty->chance, world_dice(world, UINT32_MAX));
        faulty->writes = world->plan.full_disks ? 30 : 0;
        faulty->views = faulty->reads = world->plan.bad_disks ? 2 : 0;
        if (world->plan.full_disks)
            faulty->writes_fail = (int)world_dice(world, 4);
        region->stores[i] = faulty_store_new(faulty);
    }
}

void world_open(struct world *world, const struct world_plan *plan)
{
    struct iso_why why = {0};
    *world = (struct world){.plan = *plan};
    iso_clock_manual_init(&world->clock, 1700000000000);
    iso_chance_seeded_init(&world->chance, plan->seed);
    world->control = iso_control_new();
    for (int i = 0; i < WORLD_CLUSTERS; i++) {
        world->clusters[i] = iso_memory_cluster_new(&world->clock.clock);
        world->admins[i] = iso_bus_memory_open(world->clusters[i]);
        WORLD_OK(iso_control_topics(world->admins[i], "iso.", i == 0, 1, 1000, &why));
    }
    for (int i = 0; i < WORLD_REGIONS; i++) {
        region_open(world, i);
        WORLD_OK(iso_control_add_region(
            &(struct iso_control_place){world->admins[0], "iso.", 1000},
            world->regions[i].name, 0, world->control, &world->regions[i].number,
            &why));
    }
    world_announce(world, 0);
    for (int i = 0; i < WORLD_REGIONS; i++)
        for (unsigned n = 0; n < world_shards(world); n++)
            world_region_start(&world->regions[i], n);
}

static void region_close(struct world_region *region)
{
    for (int i = 0; i < WORLD_SHARDS; i++) {
        iso_shard_close(region->shards[i]);
        iso_store_close(region->stores[i]);
    }
    for (int i = 0; i < WORLD_COLLECTIONS; i++) {
        iso_producer_close(region->producers[i]);
        for (int n = 0; n < WORLD_KEYS; n++)
            iso_buf_release(&region->sessions[i][n]);
    }
    for (int i = 0; i < WORLD_CLUSTERS; i++) {
        iso_bus_close(region->buses[i]);
        iso_bus_close(region->client_buses[i]);
    }
}

void world_close(struct world *world)
{
    for (int i = 0; i < WORLD_REGIONS; i++)
        region_close(&world->regions[i]);
    for (int i = 0; i < WORLD_CLUSTERS; i++) {
        iso_bus_close(world->admins[i]);
        iso_memory_cluster_free(world->clusters[i]);
    }
    iso_control_free(world->control);
    for (int i = 0; i < WORLD_COLLECTIONS; i++)
        iso_definition_free(world->definitions[i]);
    iso_definition_free(world->former);
    iso_free(world->acks);
}
