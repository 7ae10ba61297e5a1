/* digest.h - what proves that two regions hold the same (DESIGN.md, sections 7 and 9).
 *
 * XXH3 by libxxhash, spoken to by this file only. A digest is a sum modulo 2^64 in two
 * lanes of XXH3-128 values, so that a part is added and subtracted without the others.
 */
#ifndef ISO_SCHEMA_DIGEST_H
#define ISO_SCHEMA_DIGEST_H

#include "base/bytes.h"

struct iso_digest {
    uint64_t low, high;
};
enum { ISO_DIGEST_SIZE = 16, ISO_DIGEST_DIGITS = 32 };

struct iso_digest iso_hash128(struct iso_bytes bytes);
uint64_t iso_hash64(struct iso_bytes bytes, uint64_t seed);

static inline void iso_digest_add(struct iso_digest *sum, struct iso_digest part)
{
    sum->low += part.low;
    sum->high += part.high;
}
static inline void iso_digest_subtract(struct iso_digest *sum, struct iso_digest part)
{
    sum->low -= part.low;
    sum->high -= part.high;
}
static inline bool iso_digest_equal(struct iso_digest a, struct iso_digest b)
{
    return a.low == b.low && a.high == b.high;
}
/* 16 bytes: high, low, big-endian (XXH128's canonical form). */
void iso_digest_put(uint8_t *at, struct iso_digest digest);
struct iso_digest iso_digest_get(const uint8_t *at);
void iso_digest_text(struct iso_digest digest, char text[ISO_DIGEST_DIGITS + 1]);

/* XXH3-64 of the key, modulo `buckets`. */
uint32_t iso_bucket_of(struct iso_bytes key, uint32_t buckets);

/* What of a record its log's prefix is hashed over. NULL: the record has none. */
struct iso_prefix_record {
    int64_t offset, append_ms;
    const struct iso_bytes *key, *value, *header;
};

/* The running hash of a log's prefix: XXH3-128 of h, offset, append time, and length
 * and bytes of key, value and header (u32 each; FFFFFFFF: absent). `scratch` is reused.
 */
struct iso_digest iso_prefix_hash(struct iso_digest h,
                                  const struct iso_prefix_record *record,
                                  struct iso_buf *scratch);

#endif
