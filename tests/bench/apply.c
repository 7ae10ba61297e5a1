/* bench-apply: a shard as the daemon steps it, beside its two raw limits: a bare batch
 * consume of the same topic, and a bare LMDB upsert of the same rows in as many
 * durable, sorted commits. The slower of the two is the limit.
 *
 * First into fresh stores, then, after every key has been written once more, into those
 * same stores: so the second half overwrites. The time is from the first record to the
 * last commit. That everything was applied is checked by counting rows. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "raw.h"
#include "world.h"

enum { ROW_FIXED = 40, PATH_ROOM = 512 };
#define TOPIC "apply"

/* The figures of one half; whole names, since they are kept. */
struct half {
    const char *ratio, *ours, *consume, *upsert, *limit;
    const char *commit, *loop, *client, *batch;
};
static const struct half halves[] = {
    {"apply, fresh store: isostasy / limit", "fresh: isostasy",
     "fresh: librdkafka consume alone", "fresh: LMDB upsert alone",
     "fresh: the slower of the two", "fresh: time in commits",
     "fresh: CPU of the shard's loop", "fresh: CPU of librdkafka's threads",
     "fresh: records a commit"},
    {"apply, overwriting: isostasy / limit", "overwriting: isostasy",
     "overwriting: librdkafka consume alone", "overwriting: LMDB upsert alone",
     "overwriting: the slower of the two", "overwriting: time in commits",
     "overwriting: CPU of the shard's loop", "overwriting: CPU of librdkafka's threads",
     "overwriting: records a commit"},
};

static const char *folder(const struct bench *bench, const char *name, int round,
                          char path[PATH_ROOM])
{
    snprintf(path, PATH_ROOM, "%s/%s-%d", bench->folder, name, round);
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        bench_die("%s cannot be made", path);
    return path;
}

static void apply(const struct bench *bench, struct world *world, int round,
                  const int64_t *ends, struct world_applied *applied)
{
    char path[PATH_ROOM];
    struct iso_why why = {0};
    struct iso_store *store;
    struct iso_store_options options = {0};
    struct iso_store_stats stats;
    bench_must(iso_store_lmdb_open(folder(bench, "store", round, path), &options,
                                   &store, &why),
               "store", &why);
    sync();
    world_apply(world, store, TOPIC, ends, applied);
    bench_must(iso_store_stats(store, &stats, &why), "store", &why);
    if (stats.rows[ISO_ENTRY] != bench->records)
        bench_die("the store holds %llu entries",
                  (unsigned long long)stats.rows[ISO_ENTRY]);
    iso_store_close(store);
}

static void measure(struct bench *bench, struct world *world, const struct half *half,
                    int round, const struct raw_range *range,
                    const struct raw_order *order)
{
    char path[PATH_ROOM];
    struct world_applied applied;
    apply(bench, world, round, range->ends, &applied);
    double consume = raw_consume(bench->servers, range, NULL);
    double upsert = raw_upsert(folder(bench, "raw", round, path), order,
                               ROW_FIXED + BENCH_VALUE, applied.commits);
    double records = (double)applied.records, thousands = (double)bench->records / 1e3;
    bench_add(bench, half->ours, "k/s", records / 1e3 / applied.seconds);
    bench_add(bench, half->consume, "k/s", thousands / consume);
    bench_add(bench, half->upsert, "k/s", thousands / upsert);
    bench_add(bench, half->limit, "k/s",
              thousands / (consume > upsert ? consume : upsert));
    bench_add_ratio(bench, half->ratio, half->ours, half->limit);
    bench_add(bench, half->commit, "%", applied.committing / applied.seconds * 100);
    bench_add(bench, half->loop, "us/record", applied.cpu_loop * 1e6 / records);
    bench_add(bench, half->client, "us/record", applied.cpu_client * 1e6 / records);
    bench_add(bench, half->batch, "records", records / (double)applied.commits);
}

int main(int argc, char **argv)
{
    struct bench bench;
    struct world world;
    int64_t begins[WORLD_PARTITIONS] = {0}, ends[WORLD_PARTITIONS];
    const struct raw_range range = {TOPIC, WORLD_PARTITIONS, begins, ends};
    bench_init(&bench, "apply", argc, argv);
    struct raw_order order = {.room = bench.records};
    order.keys = iso_alloc(bench.records * sizeof *order.keys);
    world_init(&world, &bench);
    world_collection(&world, TOPIC);
    for (unsigned i = 0; i < sizeof halves / sizeof *halves; i++) {
        world_publish(&world, TOPIC, 0, bench.records, i);
        world_ends(&world, TOPIC, ends);
        order.count = 0;
        raw_consume(bench.servers, &range, &order);
        if (order.count != bench.records)
            bench_die("the log holds other records");
        for (int round = 0; round < bench.rounds; round++)
            measure(&bench, &world, &halves[i], round, &range, &order);
        memcpy(begins, ends, sizeof begins);
    }
    iso_free(order.keys);
    world_release(&world);
    bench_print(&bench);
    return 0;
}
