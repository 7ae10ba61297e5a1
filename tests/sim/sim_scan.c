/* Whole slices: every sum that a store keeps is made anew from its rows, every key is
 * held to the oracle, and regions are held to each other, bucket by bucket. */
#include "tests/sim/sim_look.h"
#include "tests/sim/sim_second.h"

#include "base/mem.h"

enum { BUCKETS_MAX = 32 };

static struct sim_look look;

/* What the rows of a slice add up to, and its buckets as they are stored. */
struct sums {
    struct iso_tally tallies[BUCKETS_MAX];
    struct iso_bucket buckets[BUCKETS_MAX];
    uint64_t ledger_rows;
    struct iso_digest ledger;
    uint64_t large, asides; /* values that are held aside, and rows of such */
};

static void entry_add(struct sums *sums, struct iso_bytes key, struct iso_bytes row)
{
    struct sim *sim = look.region->sim;
    struct iso_tally *tally = &sums->tallies[iso_bucket_of(key, sim->plan.buckets)];
    struct iso_entry entry;
    struct iso_digest canonical;
    struct iso_tally part = {0};
    struct iso_why why;
    if (sim->plan.resolver == SIM_LWW) {
        SIM_OK(sim,
               iso_entry_decode(row, key, &look.scratch, &entry, &canonical, &why));
        iso_digest_add(entry.kind == ISO_VALUE ? &part.live : &part.mortal, canonical);
        part.values = entry.kind == ISO_VALUE;
        part.tombstones = entry.kind == ISO_TOMBSTONE;
        part.expiring = entry.kind == ISO_EXPIRING;
    } else {
        SIM_OK(sim,
               iso_parts_decode(row, key,
                                sim->plan.resolver == SIM_FIELDS ? ISO_PARTS_FIELDS
                                                                 : ISO_PARTS_SIBLINGS,
                                &look.parts, &why));
        iso_parts_tally(&look.parts, key, &look.scratch, &part);
        for (size_t i = 0; i < look.parts.count; i++)
            for (size_t n = 0; n < look.parts.parts[i].value_count; n++)
                sums->large += iso_held_is_aside(&look.parts.parts[i].values[n]);
    }
    iso_tally_add(tally, &part);
}

static void loser_add(struct sums *sums, struct iso_bytes key, struct iso_bytes row)
{
    struct iso_loser loser;
    struct iso_digest digest;
    struct iso_why why;
    SIM_OK(look.region->sim, iso_loser_decode(key, row, &loser, &digest, &why));
    if (loser.rule == ISO_LOSER_NAME)
        return;
    sums->ledger_rows++;
    iso_digest_add(&sums->ledger, digest);
}

static void aside_add(struct sums *sums, struct iso_bytes key, struct iso_bytes row)
{
    (void)key;
    (void)row;
    sums->asides++;
}

static void each_row(struct sums *sums, enum iso_space space,
                     void (*add)(struct sums *, struct iso_bytes, struct iso_bytes))
{
    struct iso_bytes key, row;
    iso_rows_prefix(&look.key, SIM_COLLECTION, look.partition);
    bool found =
        iso_map_seek(&look.maps[space], iso_buf_bytes(&look.key), false, &key, &row);
    while (found && iso_bytes_begins(key, iso_buf_bytes(&look.key))) {
        add(sums, iso_bytes(key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX),
            row);
        found = iso_map_seek(&look.maps[space], key, true, &key, &row);
    }
}

static void buckets_check(struct sums *sums)
{
    const struct sim *sim = look.region->sim;
    struct iso_tally sum = {0};
    struct iso_vector vector = {0};
    int64_t floor_ms = sim_floor_at(sim, look.partition, look.frontiers);
    for (uint32_t n = 0; n < sim->plan.buckets; n++) {
        const struct iso_bucket *bucket = sim_look_bucket(&look, n);
        SIM_LOOK_HOLDS(&look, bucket->swept_ms <= floor_ms || bucket->swept_ms == 0,
                       "bucket %u is swept to %lld, and the floor is %lld", n,
                       (long long)bucket->swept_ms, (long long)floor_ms);
        SIM_LOOK_HOLDS(&look, sim_tally_equal(&bucket->tally, &sums->tallies[n]),
                       "bucket %u is not the sum of its entries", n);
        iso_tally_add(&sum, &bucket->tally);
        for (size_t i = 0; i < bucket->vector.count; i++)
            iso_vector_move(&vector, bucket->vector.items[i].log,
                            bucket->vector.items[i].offset);
        sums->buckets[n] = look.bucket; /* taken over */
        look.bucket = (struct iso_bucket){0};
    }
    SIM_LOOK_HOLDS(&look, sim_tally_equal(&sum, &look.slice.tally),
                   "its digest is not the sum of its buckets");
    SIM_LOOK_HOLDS(&look, iso_vector_equal(&vector, &look.slice.vector),
                   "its vector is not that of its buckets");
    iso_vector_release(&vector);
}

/* False: there is nothing to compare. */
static bool slice_scan(struct sim_region *region, uint32_t partition, struct sums *sums)
{
    struct sim *sim = region->sim;
    if (region->strayed[partition] || !sim_look_open(&look, region, partition))
        return false;
    each_row(sums, ISO_ENTRY, entry_add);
    each_row(sums, ISO_LEDGER, loser_add);
    each_row(sums, ISO_ASIDE, aside_add);
    SIM_LOOK_HOLDS(&look, sums->large == sums->asides,
                   "%llu rows for %llu values that stand aside",
                   (unsigned long long)sums->asides, (unsigned long long)sums->large);
    buckets_check(sums);
    SIM_LOOK_HOLDS(&look,
                   sums->ledger_rows == look.slice.ledger_rows &&
                       iso_digest_equal(sums->ledger, look.slice.ledger),
                   "it counts %llu losers of %llu",
                   (unsigned long long)look.slice.ledger_rows,
                   (unsigned long long)sums->ledger_rows);
    for (unsigned key = 0; key < sim->plan.keys; key++)
        if (sim->key_partition[key] == partition)
            sim_look_key(&look, (int)key);
    sim_trace(sim, "%s = slice %u %016llx %016llx", region->name, partition,
              (unsigned long long)look.slice.tally.live.low,
              (unsigned long long)look.slice.ledger.low);
    return true;
}

/* Equal vectors mean equal digests. */
static void regions_compare(struct sim *sim, uint32_t partition, const struct sums *a,
                            const struct sums *b)
{
    for (uint32_t n = 0; n < sim->plan.buckets; n++) {
        const struct iso_bucket *x = &a->buckets[n], *y = &b->buckets[n];
        if (!iso_vector_equal(&x->vector, &y->vector))
            continue;
        SIM_HOLDS(sim,
                  iso_digest_equal(x->tally.live, y->tally.live) &&
                      (x->swept_ms != y->swept_ms ||
                       iso_digest_equal(x->tally.mortal, y->tally.mortal)),
                  "slice %u: bucket %u differs between regions that have read the same",
                  partition, n);
    }
}

static void partition_scan(struct sim *sim, uint32_t partition)
{
    static struct sums sums[SIM_REGIONS_MAX];
    bool there[SIM_REGIONS_MAX];
    memset(sums, 0, sizeof sums);
    for (unsigned r = 0; r < sim->plan.regions; r++) {
        there[r] = slice_scan(&sim->regions[r], partition, &sums[r]);
        for (unsigned i = 0; there[r] && i < r; i++)
            if (there[i])
                regions_compare(sim, partition, &sums[i], &sums[r]);
    }
    for (unsigned r = 0; r < sim->plan.regions; r++)
        for (uint32_t n = 0; n < BUCKETS_MAX; n++)
            iso_bucket_release(&sums[r].buckets[n]);
}

/* Older states of the disks, from which one can be restored. */
static void disks_copy(struct sim *sim)
{
    for (unsigned r = 0; r < sim->plan.regions; r++)
        for (unsigned n = 0; n < sim->plan.shards; n++)
            sim_store_copy(&sim->regions[r].disks[n],
                           (unsigned)sim->figures.scans % SIM_STORE_COPIES);
}

/* What a daemon holds in memory depends on what it serves and not on how much came: a
 * batch's tables, what two readers of each cluster hand out at a time (shard_watch.c
 * has the second), and for each slice its buckets, filters and the largest rows. */
static void memory_check(struct sim_region *region)
{
    enum { SHARD_MOST = 1408 << 10, READER_MOST = 896 << 10, SLICE_MOST = 64 << 10 };
    struct sim *sim = region->sim;
    int64_t shard_most =
        SHARD_MOST + 2 * (int64_t)sim->plan.clusters * (int64_t)READER_MOST;
    int64_t most = (int64_t)sim->plan.shards * shard_most +
                   (int64_t)(sim->plan.partitions + 2 * sim->plan.second) * SLICE_MOST;
    SIM_HOLDS(sim, region->memory <= most, "%s holds %lld bytes, more than %lld",
              region->name, (long long)region->memory, (long long)most);
}

void sim_scan(struct sim *sim)
{
    for (unsigned r = 0; r < sim->plan.regions; r++)
        memory_check(&sim->regions[r]);
    disks_copy(sim);
    sim_oracle_read(sim);
    sim->figures.scans++;
    for (uint32_t p = 0; p < sim->plan.partitions; p++)
        partition_scan(sim, p);
    sim_second_scan(sim);
}
