/* Values that stand in rows of their own: now and then one is written, and each must be
 * there exactly as long as an entry names it. */
#include "schema/aside.h"
#include "world.h"

size_t world_large(struct world *world, char text[WORLD_LARGE])
{
    if (world->plan.resolver == NULL || world_dice(world, 8) > 0)
        return 0;
    memset(text, 'x', WORLD_LARGE);
    return WORLD_LARGE;
}

/* A value, and where it stands. */
static void sum_add(struct iso_digest *sum, struct iso_bytes key,
                    struct iso_digest hash)
{
    struct iso_digest both = iso_hash128(key);
    both.low ^= hash.low;
    both.high ^= hash.high;
    iso_digest_add(sum, both);
}

void world_large_named(struct world *world, struct iso_digest *sum,
                       struct iso_bytes key, const struct iso_parts *parts)
{
    struct iso_buf named = {0};
    for (size_t i = 0; i < parts->count; i++) {
        const struct iso_part *part = &parts->parts[i];
        for (size_t n = 0; n < part->value_count; n++) {
            if (!iso_held_is_aside(&part->values[n]))
                continue;
            iso_buf_clear(&named);
            iso_buf_add_bytes(&named, key);
            iso_buf_add_u64(&named, part->values[n].aside);
            sum_add(sum, iso_buf_bytes(&named), iso_held_hash(&part->values[n]));
            world->counts.large++;
        }
    }
    iso_buf_release(&named);
}

void world_large_stands(struct iso_digest *sum, struct iso_bytes key,
                        struct iso_bytes row)
{
    sum_add(sum, key, iso_hash128(row));
}
