/* Murmur2 (Austin Appleby, public domain) in the variant of Kafka's Java client: 32
 * bits, little-endian words, seed 9747b28c. What a plain Java producer writes must land
 * where ours would, so this is a wire format: it never changes. */
#include "base/err.h"
#include "schema/write.h"

#define MURMUR_SEED 0x9747b28cu
#define MURMUR_FACTOR 0x5bd1e995u
#define MURMUR_SHIFT 24

static uint32_t murmur2(struct iso_bytes key)
{
    const uint8_t *at = key.data;
    size_t left = key.size;
    uint32_t hash = MURMUR_SEED ^ (uint32_t)key.size;
    for (; left >= 4; at += 4, left -= 4) {
        uint32_t word = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                        (uint32_t)at[3] << 24;
        word *= MURMUR_FACTOR;
        word ^= word >> MURMUR_SHIFT;
        word *= MURMUR_FACTOR;
        hash = hash * MURMUR_FACTOR ^ word;
    }
    for (size_t i = 0; i < left; i++)
        hash ^= (uint32_t)at[i] << (8 * i);
    if (left > 0)
        hash *= MURMUR_FACTOR;
    hash ^= hash >> 13;
    hash *= MURMUR_FACTOR;
    return hash ^ hash >> 15;
}

uint32_t iso_partition_of(struct iso_bytes key, uint32_t partitions)
{
    iso_assert(partitions > 0);
    return (murmur2(key) & 0x7fffffff) % partitions;
}
