/* How the daemon works: it opens the stores DIR/0, DIR/1, … of its region, one shard on
 * each, and gives every shard a thread that steps it until somebody asks it to stop.
 * The buses of the clusters are shared and opened when first asked for.
 *
 * How it can fail: opening tells at once what no waiting heals (settings, a store that
 * is not ours). A shard that fails later ends the daemon, with its sentence.
 */
#include "consumer/consumer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "consumer/shard.h"
#include "schema/avro.h"

enum { DAEMON_STEP_MS = 100, DAEMON_SAY_MS = 500 };

struct daemon_bus {
    char *name;
    struct iso_bus *bus;
    struct daemon_bus *next;
};

struct daemon_shard {
    struct iso_daemon *daemon;
    struct iso_store *store;
    struct iso_shard *shard;
    struct iso_chance chance;
    pthread_t thread;
    bool started;
    struct iso_daemon_shard said; /* under the daemon's lock */
    int64_t said_ms;              /* when; the thread's own */
};

struct iso_daemon {
    const struct iso_settings *settings;
    const char *region;
    struct daemon_shard *shards;
    unsigned shard_count;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t changed;
    struct daemon_bus *buses;
    bool failed;
    struct iso_why why;
    atomic_bool stop;
};

static int64_t daemon_number(const struct iso_daemon *daemon, const char *key)
{
    return iso_settings_number(daemon->settings, "daemon", NULL, key);
}

static struct iso_bus *daemon_bus_open(struct iso_daemon *daemon, const char *cluster,
                                       struct iso_why *why)
{
    for (struct daemon_bus *it = daemon->buses; it != NULL; it = it->next) {
        if (strcmp(it->name, cluster) == 0)
            return it->bus;
    }
    struct iso_bus *bus;
    if (iso_bus_kafka_open(daemon->settings, cluster, &bus, why) != ISO_OK)
        return NULL;
    struct daemon_bus *row = iso_alloc_zero(1, sizeof *row);
    *row = (struct daemon_bus){
        .name = iso_strdup(cluster), .bus = bus, .next = daemon->buses};
    daemon->buses = row;
    return bus;
}

static struct iso_bus *daemon_bus(void *user, const char *cluster, struct iso_why *why)
{
    struct iso_daemon *daemon = user;
    pthread_mutex_lock(&daemon->lock);
    struct iso_bus *bus = daemon_bus_open(daemon, cluster, why);
    pthread_mutex_unlock(&daemon->lock);
    return bus;
}

/* A quarter of the memory is for fetched records, which the Kafka client can overshoot
 * when they compress well; three eighths for the pending batch with the pages it
 * changes; the rest is for slices, buckets and libraries. */
static struct iso_shard_tuning daemon_tuning(const struct iso_daemon *daemon)
{
    int64_t share = daemon_number(daemon, "memory.max") / daemon->shard_count;
    int clusters = 0;
    while (iso_settings_name(daemon->settings, "cluster", clusters) != NULL)
        clusters++;
    return (struct iso_shard_tuning){
        .fetch_bytes = share / 4 / (clusters > 0 ? clusters : 1),
        .batch_bytes = share * 3 / 8,
        .batch_linger_ms = daemon_number(daemon, "batch.linger"),
        .batch_time_max_ms = daemon_number(daemon, "batch.time.max"),
        .heartbeat_ms = daemon_number(daemon, "heartbeat.interval"),
        .report_ms = daemon_number(daemon, "report.interval"),
        .verify_ms = daemon_number(daemon, "verify.interval"),
        .commit_ms = daemon_number(daemon, "commit.interval"),
        .linger_ms = 5,
        .conflicts_bytes_max = daemon_number(daemon, "conflicts.max"),
        .conflicts_age_ms = daemon_number(daemon, "conflicts.age"),
    };
}

static enum iso_err store_open(struct iso_daemon *daemon, unsigned index,
                               struct iso_store **store, struct iso_why *why)
{
    if (strcmp(iso_settings_text(daemon->settings, "daemon", NULL, "store.type"),
               "memory") == 0) {
        *store = iso_store_memory_new();
        return ISO_OK;
    }
    const char *path =
        iso_settings_text(daemon->settings, "region", daemon->region, "store");
    if (path == NULL)
        return iso_fail(why, ISO_SETTING,
                        "region %s has no store: set `store = DIRECTORY` in section "
                        "[region %s]",
                        daemon->region, daemon->region);
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return iso_fail(
            why, errno == EACCES || errno == EROFS ? ISO_DENIED : ISO_IO,
            "the store directory %s cannot be made (%s): make it and let this "
            "user write it, or set another in [region %s] store",
            path, strerror(errno), daemon->region);
    struct iso_store_options options = {.size_max =
                                            daemon_number(daemon, "store.size.max")};
    struct iso_buf shard_path = {0};
    iso_buf_print(&shard_path, "%s/%u", path, index);
    enum iso_err err =
        iso_store_lmdb_open(iso_buf_text(&shard_path), &options, store, why);
    iso_buf_release(&shard_path);
    return err;
}

static enum iso_err shard_open(struct iso_daemon *daemon, unsigned index,
                               struct iso_why *why)
{
    struct daemon_shard *shard = &daemon->shards[index];
    const struct iso_settings *settings = daemon->settings;
    const char *home = iso_settings_name(settings, "cluster", 0);
    const char *own = iso_settings_text(settings, "region", daemon->region, "cluster");
    shard->daemon = daemon;
    iso_chance_machine_init(&shard->chance);
    enum iso_err err = store_open(daemon, index, &shard->store, why);
    if (err != ISO_OK)
        return err;
    struct iso_shard_options options = {
        .region = daemon->region,
        .collections =
            iso_settings_text(settings, "region", daemon->region, "collections"),
        .shard = index,
        .shards = daemon->shard_count,
        .prefix = iso_settings_text(settings, "topics", NULL, "prefix"),
        .store = shard->store,
        .home = home,
        .own = own ? own : home,
        .bus = daemon_bus,
        .user = daemon,
        .clock = &iso_clock_machine,
        .chance = &shard->chance,
        .tuning = daemon_tuning(daemon),
    };
    return iso_shard_open(&options, &shard->shard, why);
}

/* ---- a shard's thread ---- */

static void daemon_fail(struct iso_daemon *daemon, const struct iso_why *why)
{
    pthread_mutex_lock(&daemon->lock);
    if (!daemon->failed)
        daemon->why = *why;
    daemon->failed = true;
    pthread_cond_broadcast(&daemon->changed);
    pthread_mutex_unlock(&daemon->lock);
}

/* Leaves word of how it does, for who asks from another thread. */
static void shard_say(struct daemon_shard *shard)
{
    int64_t now_ms = iso_steady_ms(&iso_clock_machine);
    if (shard->said_ms != 0 && now_ms - shard->said_ms < DAEMON_SAY_MS)
        return;
    struct iso_daemon_shard said = {.said_ms = now_ms};
    said.ready = iso_shard_ready(shard->shard, &said.why);
    iso_shard_stats(shard->shard, &said.stats);
    iso_shard_health(shard->shard, &said.health);
    shard->said_ms = now_ms;
    pthread_mutex_lock(&shard->daemon->lock);
    struct iso_health old = shard->said.health;
    shard->said = said;
    pthread_mutex_unlock(&shard->daemon->lock);
    iso_health_release(&old);
}

static void *shard_run(void *user)
{
    struct daemon_shard *shard = user;
    struct iso_daemon *daemon = shard->daemon;
    struct iso_why why = {0};
    enum iso_err err = ISO_OK;
    while (err == ISO_OK && !atomic_load(&daemon->stop)) {
        err = iso_shard_step(shard->shard, DAEMON_STEP_MS, &why);
        shard_say(shard);
    }
    if (err != ISO_OK) {
        daemon_fail(daemon, &why);
        return NULL;
    }
    int timeout_ms = (int)daemon_number(daemon, "shutdown.timeout");
    if (iso_shard_stop(shard->shard, timeout_ms, &why) != ISO_OK)
        iso_log_why(ISO_WARN, "shard.stop", &why);
    return NULL;
}

static enum iso_err shards_start(struct iso_daemon *daemon, struct iso_why *why)
{
    for (unsigned i = 0; i < daemon->shard_count; i++) {
        enum iso_err err = shard_open(daemon, i, why);
        if (err != ISO_OK)
            return err;
    }
    for (unsigned i = 0; i < daemon->shard_count; i++) {
        struct daemon_shard *shard = &daemon->shards[i];
        if (pthread_create(&shard->thread, NULL, shard_run, shard) != 0)
            return iso_fail(why, ISO_MEMORY, "no thread could be made for shard %u", i);
        shard->started = true;
    }
    return ISO_OK;
}

static enum iso_err daemon_check(const struct iso_settings *settings,
                                 const char *region, struct iso_why *why)
{
    if (iso_settings_name(settings, "cluster", 0) == NULL)
        return iso_fail(why, ISO_SETTING,
                        "no cluster is set: write `[cluster home]` and `servers = "
                        "HOST:PORT` into the settings file, or give -X "
                        "cluster.home.servers=HOST:PORT");
    if (!iso_settings_has(settings, "region", region))
        return iso_fail(
            why, ISO_SETTING,
            "region %s is not in the settings: write `[region %s]` and `store "
            "= DIRECTORY`, or give -X region.%s.store=DIRECTORY",
            region, region, region);
    return ISO_OK;
}

enum iso_err iso_daemon_open(const struct iso_settings *settings, const char *region,
                             struct iso_daemon **opened, struct iso_why *why)
{
    enum iso_err err = daemon_check(settings, region, why);
    if (err != ISO_OK)
        return err;
    iso_avro_memory_ours(); /* this process judges */
    struct iso_daemon *daemon = iso_alloc_zero(1, sizeof *daemon);
    daemon->settings = settings;
    daemon->region = region;
    pthread_mutex_init(&daemon->lock, NULL);
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&daemon->changed, &steady);
    pthread_condattr_destroy(&steady);
    daemon->shard_count = (unsigned)daemon_number(daemon, "shards");
    daemon->shards = iso_alloc_zero(daemon->shard_count, sizeof *daemon->shards);
    err = shards_start(daemon, why);
    if (err != ISO_OK) {
        iso_daemon_close(daemon);
        return err;
    }
    *opened = daemon;
    return ISO_OK;
}

enum iso_err iso_daemon_wait(struct iso_daemon *daemon, int timeout_ms,
                             struct iso_why *why)
{
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + timeout_ms;
    struct timespec until = {.tv_sec = until_ms / 1000,
                             .tv_nsec = until_ms % 1000 * 1000000};
    enum iso_err err = ISO_OK;
    pthread_mutex_lock(&daemon->lock);
    int waited = 0;
    while (!daemon->failed && !atomic_load(&daemon->stop) && waited == 0)
        waited = pthread_cond_timedwait(&daemon->changed, &daemon->lock, &until);
    if (daemon->failed) {
        err = daemon->why.err;
        *why = daemon->why;
    } else if (!atomic_load(&daemon->stop)) {
        err = ISO_TIMEOUT;
    }
    pthread_mutex_unlock(&daemon->lock);
    return err;
}

void iso_daemon_stop(struct iso_daemon *daemon)
{
    atomic_store(&daemon->stop, true);
    pthread_mutex_lock(&daemon->lock);
    pthread_cond_broadcast(&daemon->changed);
    pthread_mutex_unlock(&daemon->lock);
}

unsigned iso_daemon_shards(const struct iso_daemon *daemon)
{
    return daemon->shard_count;
}

static void health_copy(struct iso_health *to, const struct iso_health *from)
{
    struct iso_health_source *sources = to->sources;
    size_t room = to->source_room;
    if (room < from->source_count) {
        sources = iso_realloc(sources, from->source_count * sizeof *sources);
        room = from->source_count;
    }
    if (from->source_count > 0)
        memcpy(sources, from->sources, from->source_count * sizeof *sources);
    iso_buf_release(&to->loser_key);
    *to = *from;
    to->loser_key = (struct iso_buf){0};
    to->has_loser = false;
    to->sources = sources;
    to->source_room = room;
}

void iso_daemon_shard(struct iso_daemon *daemon, unsigned index,
                      struct iso_daemon_shard *shard)
{
    struct iso_health health = shard->health;
    pthread_mutex_lock(&daemon->lock);
    *shard = daemon->shards[index].said;
    health_copy(&health, &shard->health);
    pthread_mutex_unlock(&daemon->lock);
    shard->health = health;
}

static void buses_close(struct iso_daemon *daemon)
{
    while (daemon->buses != NULL) {
        struct daemon_bus *row = daemon->buses;
        daemon->buses = row->next;
        iso_bus_close(row->bus);
        iso_free(row->name);
        iso_free(row);
    }
}

void iso_daemon_close(struct iso_daemon *daemon)
{
    if (daemon == NULL)
        return;
    iso_daemon_stop(daemon);
    for (unsigned i = 0; i < daemon->shard_count; i++) {
        struct daemon_shard *shard = &daemon->shards[i];
        if (shard->started)
            pthread_join(shard->thread, NULL);
        iso_shard_close(shard->shard);
        iso_store_close(shard->store);
        iso_health_release(&shard->said.health);
    }
    buses_close(daemon);
    pthread_cond_destroy(&daemon->changed);
    pthread_mutex_destroy(&daemon->lock);
    iso_free(daemon->shards);
    iso_free(daemon);
}
