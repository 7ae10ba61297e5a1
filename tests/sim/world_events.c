/* What happens in a world: writes, reads, cuts, crashes, lost answers, failing disks,
 * clocks that step, and other clients that write what they like. */
#include "world.h"

#include <check.h>
#include <stdio.h>

#include "base/mem.h"

enum { QUIET_TURNS = 20, SETTLE_MS = 10000 };

/* ---- other clients ---- */

void world_names_draw(struct world *world, struct iso_buf *names)
{
    size_t count =
        world_dice(world, 6) == 0 ? world_dice(world, 390) : world_dice(world, 5);
    for (size_t i = 0; i < count; i++) {
        struct iso_version version = {
            iso_hlc_of_ms(world->clock.now_ms - (int64_t)world_dice(world, 2000)) +
                world_dice(world, 3),
            iso_node(1 + (unsigned)world_dice(world, 3), world_dice(world, 4))};
        iso_buf_reserve(names, ISO_VERSION_SIZE);
        iso_version_put(names->data + names->size, version);
        names->size += ISO_VERSION_SIZE;
    }
}

static uint64_t hlc_draw(struct world *world)
{
    static const int64_t steps_ms[] = {
        0, -1, -1500, 59990, 60010, -86390000, -864100, INT64_C(1) << 46, -3600000};
    switch (world_dice(world, 12)) {
    case 0:
        return INT64_MAX;
    case 1:
        return 1;
    default:
        break;
    }
    int64_t ms = world->clock.now_ms +
                 steps_ms[world_dice(world, sizeof steps_ms / sizeof steps_ms[0])];
    return iso_hlc_of_ms(ms) + world_dice(world, 3);
}

/* A header that decodes; its node is one of a few that no service has. */
static void forge(struct world *world, const struct iso_definition_log *log,
                  uint32_t partition, struct iso_buf *header,
                  struct iso_message *message)
{
    static const uint64_t seqs[] = {1, 2, 3, 5, 9, 1000, INT64_MAX, INT64_MAX - 1};
    struct iso_buf names = {0}, seen = {0};
    struct iso_write write = {
        .operation = (enum iso_operation)world_dice(world, 5),
        .log = world_dice(world, 8) > 0 ? log->number : 7,
        .partition = world_dice(world, 8) > 0 ? partition : partition ^ 1,
        .version = {world_dice(world, 2) > 0
                        ? iso_hlc_of_ms(world->clock.now_ms) + world_dice(world, 3)
                        : hlc_draw(world),
                    iso_node(1 + (unsigned)world_dice(world, 4), world_dice(world, 4))},
        .seq = world_dice(world, 2) > 0 ? 1 + world_dice(world, 60)
                                        : seqs[world_dice(world, 8)],
        .blind = world_dice(world, 2) == 0,
        .has_expiry = world_dice(world, 5) == 0,
        .expiry_ms = (int64_t)world_dice(world, (uint64_t)1 << 46)};
    world_names_draw(world, &names);
    write.read = (struct iso_names){names.data, names.size / ISO_VERSION_SIZE};
    if (world->plan.fields && write.operation == ISO_DELETE &&
        world_dice(world, 2) == 0) {
        world_patch_any(world, true, &seen);
        write.seen = iso_buf_bytes(&seen);
    }
    iso_write_encode(&write, header);
    iso_buf_release(&names);
    iso_buf_release(&seen);
    bool silent = write.operation >= ISO_HEARTBEAT;
    message->has_key = silent == (world_dice(world, 8) == 0);
    message->has_value =
        (write.operation != ISO_DELETE && write.operation != ISO_HEARTBEAT) ==
        (world_dice(world, 8) > 0);
    message->has_header = true;
    if (world_dice(world, 10) == 0)
        header->data[world_dice(world, header->size)] ^= 1 << world_dice(world, 8);
    if (world_dice(world, 10) == 0)
        header->size = world_dice(world, header->size);
    message->header = iso_buf_bytes(header);
}

/* What a DEFINE of nobody's carries: the definition that counts, one that was never
 * announced, or bytes. */
static void define_draw(struct world *world, const struct iso_definition *definition,
                        struct iso_message *message, struct iso_buf *bytes)
{
    struct iso_definition *other;
    struct iso_why why = {0};
    iso_buf_add_bytes(bytes, iso_buf_bytes(&definition->bytes));
    switch (world_dice(world, 3)) {
    case 0:
        WORLD_OK(iso_definition_decode(iso_buf_bytes(bytes), &other, &why));
        other->number = 2;
        other->id[0] = 99;
        WORLD_OK(iso_definition_encode(other, &why));
        iso_buf_clear(bytes);
        iso_buf_add_bytes(bytes, iso_buf_bytes(&other->bytes));
        iso_definition_free(other);
        break;
    case 1:
        bytes->data[world_dice(world, bytes->size)] ^= 1 << world_dice(world, 8);
        break;
    default:
        break;
    }
    message->has_value = true;
    message->value = iso_buf_bytes(bytes);
}

static void world_attack(struct world *world)
{
    char key[16];
    struct iso_why why = {0};
    struct iso_buf header = {0}, bytes = {0}, value = {0};
    const struct iso_definition *definition =
        world->definitions[world->definitions[1] != NULL && world_dice(world, 2) == 0];
    const struct iso_definition_log *log =
        &definition->logs[world_dice(world, definition->log_count)];
    snprintf(key, sizeof key, "key-%u", (unsigned)world_dice(world, WORLD_KEYS));
    uint32_t partition = iso_partition_of(iso_bytes_text(key), WORLD_PARTITIONS);
    if (world_dice(world, 10) == 0)
        partition ^= 1;
    world_value_any(world, &value);
    struct iso_message message = {.topic = log->topic,
                                  .partition = (int)partition,
                                  .has_key = world_dice(world, 10) > 0,
                                  .has_value = world_dice(world, 4) > 0,
                                  .key = iso_bytes_text(key),
                                  .value = iso_buf_bytes(&value)};
    if (world_dice(world, 3) > 0)
        forge(world, log, partition, &header, &message);
    if (world_dice(world, 8) == 0)
        define_draw(world, definition, &message, &bytes);
    struct iso_bus *bus = world->admins[world_cluster_of(world, log->cluster)];
    WORLD_OK(iso_bus_publish(bus, &message, "iso", 1000, NULL, &why));
    world->counts.hostile++;
    iso_buf_release(&header);
    iso_buf_release(&bytes);
    iso_buf_release(&value);
}

/* ---- events ---- */

static void region_cut(struct world_region *region, int cluster, bool cut)
{
    region->cut[cluster] = cut;
    region->world->counts.cuts += cut;
    iso_memory_cut(region->buses[cluster], cut);
    iso_memory_cut(region->client_buses[cluster], cut);
}

/* A daemon that has never read the control topic ends when that seems to be empty: the
 * operator forgot the region. So a delay waits until it has. */
static bool region_knows_itself(struct world_region *region)
{
    for (unsigned i = 0; i < world_shards(region->world); i++) {
        struct iso_shard_stats stats = {0};
        if (region->shards[i] != NULL)
            iso_shard_stats(region->shards[i], &stats);
        if (stats.slices == 0)
            return false;
    }
    return true;
}

static void region_crash(struct world_region *region, unsigned shard)
{
    region->world->counts.crashes += region->shards[shard] != NULL;
    iso_shard_close(region->shards[shard]);
    region->shards[shard] = NULL;
}

static void region_fence(struct world_region *region, int cluster)
{
    region->world->counts.fences++;
    iso_memory_fence(world_dice(region->world, 2) == 0 ? region->buses[cluster]
                                                       : region->client_buses[cluster]);
}

static void clock_step(struct world_region *region)
{
    static const int64_t skews_ms[] = {0, 0, -30000, 30000, 70000, -90000, 100000};
    region->skew_ms = skews_ms[world_dice(region->world, 7)];
}

/* One of the faults that the plan allows. */
static void world_fault(struct world *world, struct world_region *region)
{
    const struct world_plan *plan = &world->plan;
    int cluster = plan->two_clusters && world_dice(world, 2) == 0;
    switch (world_dice(world, 6)) {
    case 0:
        if (plan->fences)
            region_fence(region, cluster);
        break;
    case 1:
        if (plan->hostile)
            world_attack(world);
        break;
    case 2:
        if (plan->skewed)
            clock_step(region);
        break;
    case 3:
        if (plan->full_disks)
            region->faulty[0].writes_fail = (int)world_dice(world, 5);
        break;
    case 4:
        if (plan->later && world->former == NULL && world_dice(world, 8) == 0)
            world_announce_later(world);
        break;
    default:
        if (plan->two_collections && world->definitions[1] == NULL &&
            world_dice(world, 8) == 0)
            world_announce(world, 1);
        break;
    }
}

static void world_event(struct world *world)
{
    struct world_region *region = &world->regions[world_dice(world, WORLD_REGIONS)];
    unsigned shard = (unsigned)world_dice(world, world_shards(world));
    int cluster = world->plan.two_clusters && world_dice(world, 2) == 0;
    switch (world_dice(world, 44)) {
    case 0: /* a crash: what was not committed is forgotten */
        region_crash(region, shard);
        break;
    case 1:
    case 2:
        if (region->shards[shard] == NULL)
            world_region_start(region, shard);
        break;
    case 3:
        region_cut(region, cluster, !region->cut[cluster]);
        break;
    case 4:
        iso_memory_lose_answers(region->client_buses[cluster], 2);
        world->counts.lost_answers += 2;
        break;
    case 5:
        iso_memory_duplicate(region->client_buses[cluster], 2);
        world->counts.duplicates += 2;
        break;
    case 6:
        if (region_knows_itself(region))
            iso_memory_delay(region->buses[cluster], (int64_t)world_dice(world, 300));
        break;
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
        world_fault(world, region);
        break;
    default:
        world_write(world, region);
    }
}

/* ---- turns ---- */

void world_turn(struct world *world)
{
    struct iso_why why = {0};
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct world_region *region = &world->regions[i];
        region->clock.now_ms = world->clock.now_ms + region->skew_ms;
        region->clock.steady_ms = world->clock.steady_ms;
        for (int c = 0; c < WORLD_COLLECTIONS; c++)
            if (region->producers[c] != NULL)
                iso_producer_poll(region->producers[c], 0);
        for (unsigned n = 0; n < world_shards(world); n++)
            if (region->shards[n] != NULL)
                WORLD_OK(iso_shard_step(region->shards[n], 0, &why));
    }
}

void world_step(struct world *world)
{
    world_event(world);
    iso_clock_manual_add(&world->clock, (int64_t)world_dice(world, 40));
    world_turn(world);
}

/* Has every shard applied every log to its end, and committed? */
static bool region_is_quiet(struct world_region *region)
{
    struct world *world = region->world;
    size_t applying = 0, wanted = 0;
    for (int c = 0; c < WORLD_COLLECTIONS; c++) {
        struct iso_producer_stats producing = {0};
        if (region->producers[c] == NULL)
            continue;
        iso_producer_stats(region->producers[c], &producing);
        if (producing.waiting > 0)
            return false;
        wanted += WORLD_PARTITIONS;
    }
    for (unsigned n = 0; n < world_shards(world); n++) {
        struct iso_shard_stats stats = {0};
        iso_shard_stats(region->shards[n], &stats);
        if (stats.pending)
            return false;
        applying += stats.slices_applying;
    }
    return applying == wanted;
}

static void region_print(struct world_region *region)
{
    for (int c = 0; c < WORLD_COLLECTIONS; c++) {
        struct iso_producer_stats producing = {0};
        if (region->producers[c] != NULL)
            iso_producer_stats(region->producers[c], &producing);
        fprintf(stderr, "%s: %llu writes wait\n", region->name,
                (unsigned long long)producing.waiting);
    }
    for (unsigned n = 0; n < world_shards(region->world); n++) {
        struct iso_shard_stats stats = {0};
        iso_shard_stats(region->shards[n], &stats);
        fprintf(stderr, "%s/%u: %zu of %zu slices apply, %s\n", region->name, n,
                stats.slices_applying, stats.slices,
                stats.pending ? "a batch is open" : "no batch is open");
    }
}

static void world_heal(struct world *world)
{
    if (world->plan.two_collections && world->definitions[1] == NULL)
        world_announce(world, 1);
    if (world->plan.later && world->former == NULL)
        world_announce_later(world);
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct world_region *region = &world->regions[i];
        region->skew_ms = 0;
        for (int c = 0; c < WORLD_CLUSTERS; c++) {
            region_cut(region, c, false);
            iso_memory_delay(region->buses[c], 0);
        }
        for (unsigned n = 0; n < world_shards(world); n++) {
            struct faulty *faulty = &region->faulty[n];
            world->counts.store_failures += faulty->failed;
            faulty->writes_fail = 0;
            faulty->writes = faulty->views = faulty->reads = 0;
            if (region->shards[n] == NULL)
                world_region_start(region, n);
        }
    }
}

bool world_settle(struct world *world)
{
    world_heal(world);
    int64_t until_ms = world->clock.now_ms + SETTLE_MS;
    until_ms += world->plan.skewed ? 120000 : 0; /* a clock that ran ahead is met */
    while (world->clock.now_ms < until_ms) {     /* what waits for a moment gets it */
        iso_clock_manual_add(&world->clock, world->plan.skewed ? 100 : 10);
        world_turn(world);
    }
    int quiet = 0;
    for (int i = 0; i < 10000 && quiet < QUIET_TURNS;
         i++) { /* no heartbeat comes due */
        bool all = true;
        world_turn(world);
        for (int n = 0; n < WORLD_REGIONS; n++)
            all = all && region_is_quiet(&world->regions[n]);
        quiet = all ? quiet + 1 : 0;
    }
    for (int n = 0; n < WORLD_REGIONS && quiet < QUIET_TURNS; n++)
        region_print(&world->regions[n]);
    return quiet == QUIET_TURNS;
}
