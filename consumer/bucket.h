/* bucket.h - the buckets of a slice in memory: their vectors and digests between
 * batches.
 *
 * A bucket is loaded from the transaction at its first use, kept, and put back by save
 * when it was touched. After an abort all are forgotten, and loaded again when needed.
 */
#ifndef ISO_CONSUMER_BUCKET_H
#define ISO_CONSUMER_BUCKET_H

#include "schema/slice.h"
#include "store/store.h"

struct iso_buckets_item;

struct iso_buckets {
    uint16_t collection; /* the store's number for it */
    uint32_t partition, count;
    struct iso_buckets_item *items;
    uint32_t *dirty;
    size_t dirty_count;
    struct iso_buf key, row; /* scratch */
};

void iso_buckets_init(struct iso_buckets *buckets, uint16_t collection,
                      uint32_t partition, uint32_t count);
void iso_buckets_release(struct iso_buckets *buckets);

/* Bucket `number`, borrowed until release; not to be changed before touch. ISO_DAMAGED:
 * its row fails its check. Others: the store's failures. */
enum iso_err iso_buckets_get(struct iso_buckets *buckets, struct iso_txn *txn,
                             uint32_t number, struct iso_bucket **bucket,
                             struct iso_why *why);

/* A bucket that will be asked for soon. */
void iso_buckets_expect(const struct iso_buckets *buckets, uint32_t number);

/* It is about to change: save will put it. */
void iso_buckets_touch(struct iso_buckets *buckets, uint32_t number);

void iso_buckets_save(struct iso_buckets *buckets, struct iso_txn *txn);
void iso_buckets_forget(struct iso_buckets *buckets);

#endif
