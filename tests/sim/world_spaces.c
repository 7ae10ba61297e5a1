/* Single spaces of the stores, as the checks look them up: the index of what will be
 * forgotten (consumer/sweep.h), and the outbox. */
#include "world.h"

#include <check.h>

#include "consumer/rows.h"

int64_t world_index_says(struct iso_snapshot *snapshot, uint16_t number,
                         uint32_t partition, struct iso_bytes key)
{
    struct iso_buf index = {0};
    struct iso_bytes row;
    uint32_t bucket = iso_bucket_of(key, WORLD_BUCKETS);
    iso_rows_key_mortal(&index, number, partition, bucket, key);
    enum iso_err err =
        iso_snapshot_get(snapshot, ISO_MORTAL, iso_buf_bytes(&index), &row, NULL);
    iso_buf_release(&index);
    return err == ISO_OK && row.size == 8 ? (int64_t)iso_get_u64(row.data) : INT64_MAX;
}

void world_check_outbox(struct world *world)
{
    for (int i = 0; i < WORLD_REGIONS; i++) {
        for (unsigned n = 0; n < world_shards(world); n++) {
            struct iso_store_stats stats = {0};
            struct iso_why why = {0};
            WORLD_OK(iso_store_stats(world->regions[i].stores[n], &stats, &why));
            ck_assert_msg(stats.rows[ISO_OUTBOX] == 0,
                          "seed %llu: the outbox of %s holds %llu letters",
                          (unsigned long long)world->plan.seed, world->regions[i].name,
                          (unsigned long long)stats.rows[ISO_OUTBOX]);
        }
    }
}
