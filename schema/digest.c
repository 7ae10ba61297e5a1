/* XXH3 from libxxhash, which is spoken to here and nowhere else. Nothing can fail. The
 * functions are inlined from the header where it allows: a call through the shared
 * library costs as much as hashing a short key. */
#include "schema/digest.h"

#include <stdio.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"

enum { PREFIX_FIXED_SIZE = ISO_DIGEST_SIZE + 8 + 8 };

struct iso_digest iso_hash128(struct iso_bytes bytes)
{
    XXH128_hash_t hash = XXH3_128bits(bytes.data, bytes.size);
    return (struct iso_digest){.low = hash.low64, .high = hash.high64};
}

uint64_t iso_hash64(struct iso_bytes bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.size, seed);
}

void iso_digest_put(uint8_t *at, struct iso_digest digest)
{
    iso_put_u64(at, digest.high);
    iso_put_u64(at + 8, digest.low);
}

struct iso_digest iso_digest_get(const uint8_t *at)
{
    return (struct iso_digest){.high = iso_get_u64(at), .low = iso_get_u64(at + 8)};
}

void iso_digest_text(struct iso_digest digest, char text[ISO_DIGEST_DIGITS + 1])
{
    snprintf(text, ISO_DIGEST_DIGITS + 1, "%016llx%016llx",
             (unsigned long long)digest.high, (unsigned long long)digest.low);
}

uint32_t iso_bucket_of(struct iso_bytes key, uint32_t buckets)
{
    iso_assert(buckets > 0);
    return (uint32_t)(iso_hash64(key, 0) % buckets);
}

/* A part of a record: absent and empty are not the same. */
static void prefix_add(struct iso_buf *scratch, const struct iso_bytes *part)
{
    if (part == NULL) {
        iso_buf_add_u32(scratch, UINT32_MAX);
        return;
    }
    iso_assert(part->size < UINT32_MAX);
    iso_buf_add_u32(scratch, (uint32_t)part->size);
    iso_buf_add_bytes(scratch, *part);
}

struct iso_digest iso_prefix_hash(struct iso_digest h,
                                  const struct iso_prefix_record *record,
                                  struct iso_buf *scratch)
{
    uint8_t fixed[PREFIX_FIXED_SIZE];
    iso_digest_put(fixed, h);
    iso_put_u64(fixed + ISO_DIGEST_SIZE, (uint64_t)record->offset);
    iso_put_u64(fixed + ISO_DIGEST_SIZE + 8, (uint64_t)record->append_ms);
    iso_buf_clear(scratch);
    iso_buf_add(scratch, fixed, sizeof fixed);
    prefix_add(scratch, record->key);
    prefix_add(scratch, record->value);
    prefix_add(scratch, record->header);
    return iso_hash128(iso_buf_bytes(scratch));
}
