/* The steps of `isostasy collection create`, the producer as a service uses it, and the
 * shard as a daemon's thread steps it. */
#include "world.h"

#include <stdio.h>

#include "base/mem.h"
#include "consumer/shard_parts.h"
#include "producer/define.h"

enum { TIMEOUT_MS = 30000, POLL_EVERY = 512, STEP_MS = 1 };
#define RETENTION_MS (INT64_C(7) * 24 * 3600 * 1000)
#define PREFIX "iso."

/* ---- coming into being ---- */

void world_init(struct world *world, const struct bench *bench)
{
    struct iso_why why = {0};
    if (bench->servers == NULL || bench->folder == NULL)
        bench_die("--servers and --folder are missing: tests/bench/run gives them");
    world->settings = iso_settings_new();
    world->control = iso_control_new();
    iso_chance_machine_init(&world->chance);
    bench_must(iso_settings_set(world->settings, "cluster.home.servers", bench->servers,
                                "--servers", &why),
               "settings", &why);
    bench_must(iso_bus_kafka_open(world->settings, "home", &world->bus, &why), "bus",
               &why);
    bench_must(iso_control_topics(world->bus, PREFIX, true, 1, TIMEOUT_MS, &why),
               "control topics", &why);
    bench_must(iso_control_add_region(
                   &(struct iso_control_place){world->bus, PREFIX, TIMEOUT_MS},
                   WORLD_REGION, 0, world->control, &world->region, &why),
               "region", &why);
}

void world_release(struct world *world)
{
    iso_bus_close(world->bus);
    iso_control_free(world->control);
    iso_settings_free(world->settings);
}

static struct iso_definition *definition_new(struct world *world, const char *name)
{
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    snprintf(definition->collection, sizeof definition->collection, "%s", name);
    snprintf(definition->resolver, sizeof definition->resolver, "lww");
    iso_put_u64(definition->id, iso_chance_draw(&world->chance));
    definition->number = 1;
    definition->partitions = WORLD_PARTITIONS;
    definition->buckets = ISO_BUCKETS_DEFAULT;
    definition->format = ISO_FORMAT_OPAQUE;
    definition->before_max_ms = 24 * 3600 * 1000;
    definition->after_max_ms = 60000;
    definition->limits = (struct iso_definition_limits){.key_max = ISO_KEY_MAX,
                                                        .value_max = ISO_VALUE_MAX,
                                                        .header_max = ISO_HEADER_MAX,
                                                        .read_max = 1024};
    definition->region_count = 1;
    definition->regions = iso_alloc_zero(1, sizeof *definition->regions);
    definition->regions[0].number = (uint8_t)world->region;
    snprintf(definition->regions[0].name, sizeof definition->regions[0].name, "%s",
             WORLD_REGION);
    definition->log_count = 1;
    definition->logs = iso_alloc_zero(1, sizeof *definition->logs);
    definition->logs[0] = (struct iso_definition_log){
        .number = 1,
        .cluster = iso_strdup("home"),
        .topic = iso_strdup(name),
        .writers = UINT64_C(1) << (world->region - 1),
        .birth = iso_hlc_of_ms(iso_now_ms(&iso_clock_machine))};
    return definition;
}

void world_collection(struct world *world, const char *name)
{
    struct iso_why why = {0};
    struct iso_definition *definition = definition_new(world, name);
    bench_must(iso_definition_encode(definition, &why), "definition", &why);
    bench_must(iso_log_create(world->bus, definition, &definition->logs[0],
                              &(struct iso_topic_options){1, RETENTION_MS, TIMEOUT_MS},
                              &why),
               "log", &why);
    bench_must(iso_control_add_definition(
                   &(struct iso_control_place){world->bus, PREFIX, TIMEOUT_MS},
                   definition, world->control, &why),
               "definition", &why);
    bench_must(iso_log_define(world->bus, definition, &definition->logs[0],
                              &world->chance, TIMEOUT_MS, &why),
               "DEFINE", &why);
    iso_definition_free(definition);
}

void world_topic(struct world *world, const char *name)
{
    static const struct iso_topic_config config[] = {
        {"cleanup.policy", "delete"},
        {"message.timestamp.type", "LogAppendTime"},
        {"max.message.bytes", "1114112"}};
    struct iso_why why = {0};
    bench_must(
        iso_bus_topic_create(world->bus,
                             &(struct iso_topic){name, WORLD_PARTITIONS, 1, config, 3},
                             TIMEOUT_MS, &why),
        name, &why);
}

void world_ends(struct world *world, const char *topic, int64_t ends[WORLD_PARTITIONS])
{
    struct iso_why why = {0};
    struct iso_position at[WORLD_PARTITIONS];
    for (int p = 0; p < WORLD_PARTITIONS; p++)
        at[p] = (struct iso_position){.topic = topic, .partition = p};
    bench_must(iso_bus_ends(world->bus, at, WORLD_PARTITIONS, TIMEOUT_MS, &why), topic,
               &why);
    for (int p = 0; p < WORLD_PARTITIONS; p++)
        ends[p] = at[p].end;
}

/* ---- publishing ---- */

static void acknowledged(void *user, const struct iso_ack *ack)
{
    uint64_t *durable = user;
    if (ack->state != ISO_DURABLE)
        bench_die("a write is not durable: %s", ack->text);
    ++*durable;
}

static void put(struct iso_producer *producer, uint64_t n, uint64_t salt)
{
    uint8_t key[BENCH_KEY];
    struct iso_why why = {0};
    enum iso_err err;
    bench_key(n, key);
    while ((err = iso_producer_put(producer, iso_bytes(key, BENCH_KEY),
                                   bench_value(n, salt), NULL, &why)) == ISO_AGAIN)
        iso_producer_poll(producer, 100);
    bench_must(err, "put", &why);
}

double world_publish(struct world *world, const char *collection, uint64_t first,
                     uint64_t count, uint64_t salt)
{
    uint64_t durable = 0;
    struct iso_why why = {0};
    struct iso_producer *producer;
    struct iso_producer_options options = {.region = WORLD_REGION,
                                           .collection = collection,
                                           .acknowledged = acknowledged,
                                           .user = &durable};
    bench_must(iso_producer_open(world->settings, &options, &producer, &why),
               "producer", &why);
    put(producer, first, salt); /* connects */
    bench_must(iso_producer_flush(producer, TIMEOUT_MS, &why), "flush", &why);
    double began = bench_now();
    for (uint64_t n = 1; n < count; n++) {
        put(producer, first + n, salt);
        if (n % POLL_EVERY == 0)
            iso_producer_poll(producer, 0);
    }
    bench_must(iso_producer_flush(producer, TIMEOUT_MS, &why), "flush", &why);
    double seconds = bench_now() - began;
    iso_producer_close(producer);
    if (durable != count)
        bench_die("%llu of %llu writes were acknowledged", (unsigned long long)durable,
                  (unsigned long long)count);
    return seconds;
}

/* ---- applying ---- */

static struct iso_bus *world_bus(void *user, const char *cluster, struct iso_why *why)
{
    (void)cluster;
    (void)why;
    return ((struct world *)user)->bus;
}

static int64_t daemon_number(const struct world *world, const char *key)
{
    return iso_settings_number(world->settings, "daemon", NULL, key);
}

static struct iso_shard *shard_open(struct world *world, struct iso_store *store,
                                    const char *collection)
{
    struct iso_why why = {0};
    int64_t memory = daemon_number(world, "memory.max");
    struct iso_shard_options options = {
        .region = WORLD_REGION,
        .collections = collection,
        .shards = 1,
        .prefix = PREFIX,
        .store = store,
        .home = "home",
        .own = "home",
        .bus = world_bus,
        .user = world,
        .clock = &iso_clock_machine,
        .chance = &world->chance,
        .tuning = {.fetch_bytes = memory / 4,
                   .batch_bytes = memory * 3 / 8,
                   .batch_linger_ms = daemon_number(world, "batch.linger"),
                   .batch_time_max_ms = daemon_number(world, "batch.time.max"),
                   .heartbeat_ms = daemon_number(world, "heartbeat.interval"),
                   .report_ms = daemon_number(world, "report.interval"),
                   .commit_ms = daemon_number(world, "commit.interval"),
                   .linger_ms = 5},
    };
    struct iso_shard *shard;
    bench_must(iso_shard_open(&options, &shard, &why), "shard", &why);
    return shard;
}

static bool shard_has_all(const struct iso_shard *shard,
                          const int64_t ends[WORLD_PARTITIONS])
{
    if (shard->slice_count != WORLD_PARTITIONS || shard->txn != NULL)
        return false;
    for (size_t i = 0; i < shard->slice_count; i++) {
        const struct iso_slice *slice = iso_apply_slice(shard->slices[i].apply);
        if (shard->slices[i].state == ISO_SLICE_STOPPED)
            bench_die("slice %zu stopped: %s", i, shard->slices[i].why.text);
        if (slice->log_count == 0 || slice->logs[0].frontier < ends[slice->partition])
            return false;
    }
    return true;
}

void world_apply(struct world *world, struct iso_store *store, const char *collection,
                 const int64_t ends[WORLD_PARTITIONS], struct world_applied *applied)
{
    struct iso_why why = {0};
    struct iso_shard *shard = shard_open(world, store, collection);
    double began = bench_now(), loop = bench_cpu_thread(), all = bench_cpu_process();
    double committing = 0;
    uint64_t commits = 0;
    while (!shard_has_all(shard, ends)) {
        if (shard->stats.records == 0) {
            began = bench_now();
            loop = bench_cpu_thread();
            all = bench_cpu_process();
            commits = shard->stats.commits;
        }
        double step = bench_now();
        uint64_t before = shard->stats.commits;
        bench_must(iso_shard_step(shard, STEP_MS, &why), "step", &why);
        if (shard->stats.commits > before && shard->stats.records > 0)
            committing += bench_now() - step;
    }
    loop = bench_cpu_thread() - loop;
    *applied = (struct world_applied){.seconds = bench_now() - began,
                                      .committing = committing,
                                      .cpu_loop = loop,
                                      .cpu_client = bench_cpu_process() - all - loop,
                                      .records = shard->stats.records,
                                      .commits = shard->stats.commits - commits};
    bench_must(iso_shard_stop(shard, TIMEOUT_MS, &why), "stop", &why);
    iso_shard_close(shard);
}
