/* One array, as long as the definition says, since a busy slice touches them all; and
 * the list of those to put back. A vector keeps its memory over forget, so a bucket
 * allocates once a log. Only loading can fail. */
#include "consumer/bucket.h"

#include "base/mem.h"
#include "consumer/rows.h"

struct iso_buckets_item {
    struct iso_bucket bucket;
    bool loaded, dirty;
};

void iso_buckets_init(struct iso_buckets *buckets, uint16_t collection,
                      uint32_t partition, uint32_t count)
{
    *buckets = (struct iso_buckets){
        .collection = collection,
        .partition = partition,
        .count = count,
        .items = iso_alloc_zero(count, sizeof(struct iso_buckets_item)),
        .dirty = iso_alloc_zero(count, sizeof(uint32_t)),
    };
}

void iso_buckets_release(struct iso_buckets *buckets)
{
    for (uint32_t i = 0; i < buckets->count; i++)
        iso_bucket_release(&buckets->items[i].bucket);
    iso_free(buckets->items);
    iso_free(buckets->dirty);
    iso_buf_release(&buckets->key);
    iso_buf_release(&buckets->row);
    *buckets = (struct iso_buckets){0};
}

static enum iso_err load(struct iso_buckets *buckets, struct iso_txn *txn,
                         uint32_t number, struct iso_why *why)
{
    struct iso_buckets_item *item = &buckets->items[number];
    struct iso_bytes row;
    iso_rows_key_bucket(&buckets->key, buckets->collection, buckets->partition, number);
    enum iso_err err =
        iso_txn_get(txn, ISO_BUCKET, iso_buf_bytes(&buckets->key), &row, why);
    if (err == ISO_OK) {
        err = iso_bucket_decode(row, &item->bucket, why);
        if (err != ISO_OK)
            return iso_fail_at(why, err, "bucket %u", number);
    } else if (err == ISO_NOT_FOUND) {
        struct iso_vector vector = item->bucket.vector;
        vector.count = 0;
        item->bucket = (struct iso_bucket){.vector = vector};
    } else {
        return err;
    }
    item->loaded = true;
    return ISO_OK;
}

void iso_buckets_expect(const struct iso_buckets *buckets, uint32_t number)
{
    const char *item = (const char *)&buckets->items[number];
    for (size_t at = 0; at < sizeof(struct iso_buckets_item); at += 64)
        __builtin_prefetch(item + at);
}

enum iso_err iso_buckets_get(struct iso_buckets *buckets, struct iso_txn *txn,
                             uint32_t number, struct iso_bucket **bucket,
                             struct iso_why *why)
{
    iso_assert(number < buckets->count);
    struct iso_buckets_item *item = &buckets->items[number];
    if (!item->loaded) {
        enum iso_err err = load(buckets, txn, number, why);
        if (err != ISO_OK)
            return err;
    }
    *bucket = &item->bucket;
    return ISO_OK;
}

void iso_buckets_touch(struct iso_buckets *buckets, uint32_t number)
{
    struct iso_buckets_item *item = &buckets->items[number];
    iso_assert(item->loaded);
    if (item->dirty)
        return;
    item->dirty = true;
    buckets->dirty[buckets->dirty_count++] = number;
}

void iso_buckets_save(struct iso_buckets *buckets, struct iso_txn *txn)
{
    for (size_t i = 0; i < buckets->dirty_count; i++) {
        uint32_t number = buckets->dirty[i];
        struct iso_buckets_item *item = &buckets->items[number];
        iso_rows_key_bucket(&buckets->key, buckets->collection, buckets->partition,
                            number);
        iso_buf_clear(&buckets->row);
        iso_bucket_encode(&item->bucket, &buckets->row);
        iso_txn_put(txn, ISO_BUCKET, iso_buf_bytes(&buckets->key),
                    iso_buf_bytes(&buckets->row));
        item->dirty = false;
    }
    buckets->dirty_count = 0;
}

void iso_buckets_forget(struct iso_buckets *buckets)
{
    for (uint32_t i = 0; i < buckets->count; i++) {
        buckets->items[i].loaded = false;
        buckets->items[i].dirty = false;
    }
    buckets->dirty_count = 0;
}
