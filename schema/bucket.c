/* A row of fixed parts and a short list: thousands are read and written in a batch, so
 * it is no Avro, and decoding into a used bucket allocates nothing. The check at its
 * end finds what a disk changed; a row that fails it is damage and nothing of it is
 * used. */
#include "base/err.h"
#include "schema/slice.h"

enum {
    BUCKET_FORMAT = 1,
    BUCKET_FIXED_SIZE = 1 + 2 * ISO_DIGEST_SIZE + 4 * 8 + 2,
    BUCKET_ITEM_SIZE = 2 + 8,
    BUCKET_CHECK_SIZE = 8,
};

void iso_bucket_release(struct iso_bucket *bucket)
{
    iso_vector_release(&bucket->vector);
    *bucket = (struct iso_bucket){0};
}

void iso_bucket_encode(const struct iso_bucket *bucket, struct iso_buf *out)
{
    const struct iso_vector *vector = &bucket->vector;
    iso_assert(vector->count <= UINT16_MAX);
    size_t start = out->size;
    uint8_t fixed[BUCKET_FIXED_SIZE] = {BUCKET_FORMAT};
    iso_digest_put(fixed + 1, bucket->tally.live);
    iso_digest_put(fixed + 17, bucket->tally.mortal);
    iso_put_u64(fixed + 33, (uint64_t)bucket->tally.values);
    iso_put_u64(fixed + 41, (uint64_t)bucket->tally.tombstones);
    iso_put_u64(fixed + 49, (uint64_t)bucket->tally.expiring);
    iso_put_u64(fixed + 57, (uint64_t)bucket->swept_ms);
    iso_put_u16(fixed + 65, (uint16_t)vector->count);
    iso_buf_add(out, fixed, sizeof fixed);
    for (size_t i = 0; i < vector->count; i++) {
        iso_buf_add_u16(out, vector->items[i].log);
        iso_buf_add_u64(out, (uint64_t)vector->items[i].offset);
    }
    iso_buf_add_u64(out,
                    iso_hash64(iso_bytes(out->data + start, out->size - start), 0));
}

static bool bucket_parse(struct iso_bytes row, struct iso_bucket *bucket)
{
    if (row.size < BUCKET_FIXED_SIZE + BUCKET_CHECK_SIZE ||
        row.data[0] != BUCKET_FORMAT)
        return false;
    const uint8_t *at = row.data;
    size_t count = iso_get_u16(at + 65);
    size_t size = BUCKET_FIXED_SIZE + count * BUCKET_ITEM_SIZE;
    if (row.size != size + BUCKET_CHECK_SIZE ||
        iso_get_u64(at + size) != iso_hash64(iso_bytes(at, size), 0))
        return false;
    bucket->tally.live = iso_digest_get(at + 1);
    bucket->tally.mortal = iso_digest_get(at + 17);
    bucket->tally.values = (int64_t)iso_get_u64(at + 33);
    bucket->tally.tombstones = (int64_t)iso_get_u64(at + 41);
    bucket->tally.expiring = (int64_t)iso_get_u64(at + 49);
    bucket->swept_ms = (int64_t)iso_get_u64(at + 57);
    at += BUCKET_FIXED_SIZE;
    for (size_t i = 0; i < count; i++, at += BUCKET_ITEM_SIZE)
        iso_vector_move(&bucket->vector, iso_get_u16(at), (int64_t)iso_get_u64(at + 2));
    return bucket->vector.count == count; /* no log stands twice */
}

enum iso_err iso_bucket_decode(struct iso_bytes bytes, struct iso_bucket *bucket,
                               struct iso_why *why)
{
    struct iso_vector kept = bucket->vector;
    kept.count = 0;
    *bucket = (struct iso_bucket){.vector = kept};
    if (bucket_parse(bytes, bucket))
        return ISO_OK;
    kept = bucket->vector;
    kept.count = 0;
    *bucket = (struct iso_bucket){.vector = kept};
    return iso_fail(
        why, ISO_DAMAGED,
        "the stored bucket row of %zu bytes does not match its check: the disk "
        "or the store changed it; mend the bucket from a peer",
        bytes.size);
}
