/* The world of a simulation: regions, their daemons and services, what happens to them.
 * A failing step names its seed; ISO_SIM_SEED repeats it. */
#include "world.h"

#include <check.h>
#include <stdio.h>

#include "base/mem.h"

enum { QUIET_TURNS = 20 };

#define OK(call)                                                               \
    do {                                                                       \
        enum iso_err err_ = (call);                                            \
        ck_assert_msg(err_ == ISO_OK, "%s: %s", iso_err_name(err_), why.text); \
    } while (0)

uint64_t world_dice(struct world *world, uint64_t sides)
{
    return iso_chance_draw(&world->chance) % sides;
}

/* ---- coming into being ---- */

static struct iso_bus *world_bus(void *user, const char *cluster, struct iso_why *why)
{
    struct world_region *region = user;
    (void)cluster;
    (void)why;
    return region->bus;
}

static void region_start(struct world_region *region)
{
    struct world *world = region->world;
    struct iso_shard_options options = {
        .region = region->name,
        .collections = "",
        .shards = 1,
        .prefix = "iso.",
        .store = region->store,
        .home = "home",
        .own = "home",
        .bus = world_bus,
        .user = region,
        .clock = &world->clock.clock,
        .chance = &world->chance,
        .tuning = {.fetch_bytes = 1 << 20,
                   .batch_bytes = 1 << 14,
                   .batch_time_max_ms = 50,
                   .heartbeat_ms = 1000,
                   .report_ms = 500,
                   .commit_ms = 5000},
    };
    struct iso_why why = {0};
    OK(iso_shard_open(&options, &region->shard, &why));
}

static void world_acknowledged(void *user, const struct iso_ack *ack)
{
    struct world *world = user;
    world->counts.durable += ack->state == ISO_DURABLE;
}

static void region_service(struct world_region *region)
{
    struct world *world = region->world;
    struct iso_why why = {0};
    region->ground = (struct iso_producer_ground){
        .bus = region->client_bus,
        .definition = world->definition,
        .region = region->number,
        .clock = &world->clock.clock,
        .chance = &world->chance,
        .queue_max = 1 << 20,
        .pending_max = 10000,
    };
    struct iso_producer_options options = {.region = region->name,
                                           .collection = "things",
                                           .acknowledged = world_acknowledged,
                                           .user = world};
    OK(iso_producer_open_on(&region->ground, &options, &region->producer, &why));
}

static void definition_fill(struct world *world, bool per_region)
{
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    size_t logs = per_region ? WORLD_REGIONS : 1;
    snprintf(definition->collection, sizeof definition->collection, "things");
    snprintf(definition->resolver, sizeof definition->resolver, "lww");
    definition->number = 1;
    memset(definition->id, 7, sizeof definition->id);
    definition->partitions = WORLD_PARTITIONS;
    definition->buckets = 8;
    definition->format = ISO_FORMAT_OPAQUE;
    definition->before_max_ms = 24 * 3600 * 1000;
    definition->after_max_ms = 60000;
    definition->limits = (struct iso_definition_limits){
        .key_max = 384, .value_max = 1000, .header_max = 4096, .read_max = 64};
    definition->region_count = WORLD_REGIONS;
    definition->regions = iso_alloc_zero(WORLD_REGIONS, sizeof *definition->regions);
    definition->log_count = logs;
    definition->logs = iso_alloc_zero(logs, sizeof *definition->logs);
    for (unsigned i = 0; i < WORLD_REGIONS; i++) {
        struct iso_definition_log *log = &definition->logs[per_region ? i : 0];
        struct iso_definition_region *row = &definition->regions[i];
        row->number = (uint8_t)world->regions[i].number;
        memcpy(row->name, world->regions[i].name, sizeof world->regions[i].name);
        log->writers |= (uint64_t)1 << (row->number - 1);
        if (log->topic != NULL)
            continue;
        struct iso_buf topic = {0};
        iso_buf_print(&topic, "things.%u", i);
        log->number = (uint16_t)(i + 1);
        log->cluster = iso_strdup("home");
        log->topic = iso_strdup(iso_buf_text(&topic));
        log->birth = iso_hlc_of_ms(world->clock.now_ms);
        iso_buf_release(&topic);
    }
    world->definition = definition;
}

static void world_define(struct world *world, bool per_region)
{
    struct iso_why why = {0};
    OK(iso_control_topics(world->admin, "iso.", true, 1, 1000, &why));
    for (int i = 0; i < WORLD_REGIONS; i++)
        OK(iso_control_add_region(
            &(struct iso_control_place){world->admin, "iso.", 1000},
            world->regions[i].name, 0, world->control, &world->regions[i].number,
            &why));
    definition_fill(world, per_region);
    OK(iso_definition_encode(world->definition, &why));
    for (size_t i = 0; i < world->definition->log_count; i++)
        OK(iso_log_create(
            world->admin, world->definition, &world->definition->logs[i],
            &(struct iso_topic_options){1, (int64_t)7 * 86400 * 1000, 1000}, &why));
    OK(iso_control_add_definition(
        &(struct iso_control_place){world->admin, "iso.", 1000}, world->definition,
        world->control, &why));
    for (size_t i = 0; i < world->definition->log_count; i++)
        OK(iso_log_define(world->admin, world->definition, &world->definition->logs[i],
                          &world->chance, 1000, &why));
}

void world_open(struct world *world, uint64_t seed, bool per_region)
{
    static const char *const names[WORLD_REGIONS] = {"eu", "us", "ap"};
    *world = (struct world){0};
    iso_clock_manual_init(&world->clock, 1700000000000);
    iso_chance_seeded_init(&world->chance, seed);
    world->cluster = iso_memory_cluster_new(&world->clock.clock);
    world->admin = iso_bus_memory_open(world->cluster);
    world->control = iso_control_new();
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct world_region *region = &world->regions[i];
        region->world = world;
        snprintf(region->name, sizeof region->name, "%s", names[i]);
        region->bus = iso_bus_memory_open(world->cluster);
        region->client_bus = iso_bus_memory_open(world->cluster);
        region->store = iso_store_memory_new();
    }
    world_define(world, per_region);
    for (int i = 0; i < WORLD_REGIONS; i++) {
        region_service(&world->regions[i]);
        region_start(&world->regions[i]);
    }
}

void world_close(struct world *world)
{
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct world_region *region = &world->regions[i];
        iso_shard_close(region->shard);
        iso_producer_close(region->producer);
        iso_store_close(region->store);
        iso_bus_close(region->bus);
        iso_bus_close(region->client_bus);
    }
    iso_bus_close(world->admin);
    iso_control_free(world->control);
    iso_definition_free(world->definition);
    iso_memory_cluster_free(world->cluster);
}

/* ---- events ---- */

/* A service reads the region's copy, when its daemon has opened it by then. */
static bool region_read(struct world_region *region, struct iso_bytes key,
                        struct iso_read *read)
{
    struct iso_replica *replica;
    struct iso_why why = {0};
    if (iso_replica_open_on(&region->store, 1, &region->world->clock.clock, &replica,
                            &why) != ISO_OK)
        return false;
    enum iso_err err = iso_replica_get(replica, "things", key, read, &why);
    iso_replica_close(replica);
    return err == ISO_OK || err == ISO_NOT_FOUND;
}

static void world_write(struct world *world, struct world_region *region)
{
    char key[16], value[32];
    struct iso_why why = {0};
    struct iso_read read = {0};
    struct iso_write_options options = {0};
    snprintf(key, sizeof key, "key-%u", (unsigned)world_dice(world, WORLD_KEYS));
    snprintf(value, sizeof value, "value-%u", (unsigned)world_dice(world, 1000));
    bool is_delete = world_dice(world, 5) == 0;
    if (world_dice(world, 2) == 0 && region_read(region, iso_bytes_text(key), &read)) {
        options.context = &read.context;
        world->counts.contexts++;
    }
    if (!is_delete && world_dice(world, 8) == 0) {
        options.has_expiry = true;
        options.expiry_ms = world->clock.now_ms + 3600 * 1000;
    }
    enum iso_err err =
        is_delete
            ? iso_producer_delete(region->producer, iso_bytes_text(key), &options, &why)
            : iso_producer_put(region->producer, iso_bytes_text(key),
                               iso_bytes_text(value), &options, &why);
    ck_assert_msg(err == ISO_OK || err == ISO_AGAIN, "%s", why.text);
    world->counts.writes += err == ISO_OK;
    world->counts.deletes += err == ISO_OK && is_delete;
    iso_read_release(&read);
}

static void region_cut(struct world_region *region, bool cut)
{
    region->cut = cut;
    region->world->counts.cuts += cut;
    iso_memory_cut(region->bus, cut);
    iso_memory_cut(region->client_bus, cut);
}

/* A daemon that has never read the control topic ends when that seems to be empty: the
 * operator forgot the region. So a delay waits until it has. */
static bool region_knows_itself(struct world_region *region)
{
    struct iso_shard_stats stats = {0};
    if (region->shard != NULL)
        iso_shard_stats(region->shard, &stats);
    return stats.slices > 0;
}

static void world_event(struct world *world)
{
    struct world_region *region = &world->regions[world_dice(world, WORLD_REGIONS)];
    switch (world_dice(world, 40)) {
    case 0: /* a crash: what was not committed is forgotten */
        world->counts.crashes += region->shard != NULL;
        iso_shard_close(region->shard);
        region->shard = NULL;
        break;
    case 1:
    case 2:
        if (region->shard == NULL)
            region_start(region);
        break;
    case 3:
        region_cut(region, !region->cut);
        break;
    case 4:
        iso_memory_lose_answers(region->client_bus, 2);
        world->counts.lost_answers += 2;
        break;
    case 5:
        iso_memory_duplicate(region->client_bus, 2);
        world->counts.duplicates += 2;
        break;
    case 6:
        if (region_knows_itself(region))
            iso_memory_delay(region->bus, (int64_t)world_dice(world, 300));
        break;
    default:
        world_write(world, region);
    }
}

static void world_turn(struct world *world)
{
    struct iso_why why = {0};
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct world_region *region = &world->regions[i];
        iso_producer_poll(region->producer, 0);
        if (region->shard != NULL)
            OK(iso_shard_step(region->shard, 0, &why));
    }
}

void world_step(struct world *world)
{
    world_event(world);
    iso_clock_manual_add(&world->clock, (int64_t)world_dice(world, 40));
    world_turn(world);
}

/* Has every shard applied every log to its end, and committed? */
static bool world_is_quiet(struct world *world)
{
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct iso_producer_stats producing;
        struct iso_shard_stats applying = {0};
        iso_producer_stats(world->regions[i].producer, &producing);
        iso_shard_stats(world->regions[i].shard, &applying);
        if (producing.waiting > 0 || applying.pending)
            return false;
        if (applying.slices_applying != WORLD_PARTITIONS)
            return false;
    }
    return true;
}

static void world_print(struct world *world)
{
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct iso_producer_stats producing;
        struct iso_shard_stats applying = {0};
        iso_producer_stats(world->regions[i].producer, &producing);
        iso_shard_stats(world->regions[i].shard, &applying);
        fprintf(stderr, "%s: %llu writes wait, %zu of %zu slices apply, %s\n",
                world->regions[i].name, (unsigned long long)producing.waiting,
                applying.slices_applying, applying.slices,
                applying.pending ? "a batch is open" : "no batch is open");
    }
}

bool world_settle(struct world *world)
{
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct world_region *region = &world->regions[i];
        region_cut(region, false);
        iso_memory_delay(region->bus, 0);
        if (region->shard == NULL)
            region_start(region);
    }
    for (int i = 0; i < 1000; i++) { /* what waits for a moment gets it */
        iso_clock_manual_add(&world->clock, 10);
        world_turn(world);
    }
    int quiet = 0;
    for (int i = 0; i < 10000 && quiet < QUIET_TURNS;
         i++) { /* no heartbeat comes due */
        world_turn(world);
        quiet = world_is_quiet(world) ? quiet + 1 : 0;
    }
    if (quiet < QUIET_TURNS)
        world_print(world);
    return quiet == QUIET_TURNS;
}

void world_export(struct world_region *region, bool losers, struct iso_buf *out)
{
    struct iso_why why = {0};
    struct iso_replica *replica;
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    OK(iso_replica_open_on(&region->store, 1, &region->world->clock.clock, &replica,
                           &why));
    OK(losers ? iso_replica_scan_losers(replica, "things", &scan, &why)
              : iso_replica_scan_open(replica, "things", &scan, &why));
    enum iso_err err;
    while ((err = iso_replica_scan_next(scan, &item, &why)) == ISO_OK) {
        char version[ISO_VERSION_DIGITS + 1];
        iso_version_text(item.version, version);
        iso_escape(out, item.key);
        iso_buf_print(out, " %s ", version);
        iso_escape(out, item.value);
        iso_buf_add_u8(out, '\n');
    }
    ck_assert_int_eq(err, ISO_END);
    iso_replica_scan_close(scan);
    iso_replica_close(replica);
}
