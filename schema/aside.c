/* Hashes and loading of large values. Fails only with ISO_DAMAGED, or as the
 * port does. */
#include "schema/aside.h"

struct iso_digest iso_held_hash(const struct iso_held *held)
{
    return held->hashed ? held->hash : iso_hash128(held->value);
}

enum iso_err iso_held_load(struct iso_held *held, const struct iso_asides *asides,
                           struct iso_why *why)
{
    struct iso_bytes value = {0};
    if (iso_held_is_loaded(held))
        return ISO_OK;
    enum iso_err err = asides != NULL
                           ? asides->get(asides->self, held->aside, &value, why)
                           : ISO_NOT_FOUND;
    if (err != ISO_OK && err != ISO_NOT_FOUND)
        return err;
    if (err == ISO_NOT_FOUND || value.size != held->value.size ||
        !iso_digest_equal(iso_hash128(value), held->hash))
        return iso_fail(why, ISO_DAMAGED,
                        "the value of %zu bytes that the entry of a key names is %s: "
                        "the disk or the store changed it; it is not served, repair "
                        "this region from another",
                        held->value.size,
                        err == ISO_NOT_FOUND ? "not there" : "not what was written");
    held->value = value;
    return ISO_OK;
}

int iso_held_compare_value(const struct iso_held *a, const struct iso_held *b)
{
    if (!iso_held_is_aside(a) && !iso_held_is_aside(b))
        return iso_bytes_compare(a->value, b->value);
    if (iso_held_is_aside(a) != iso_held_is_aside(b))
        return iso_held_is_aside(a) ? 1 : -1;
    uint8_t one[ISO_DIGEST_SIZE], other[ISO_DIGEST_SIZE];
    iso_digest_put(one, iso_held_hash(a));
    iso_digest_put(other, iso_held_hash(b));
    return memcmp(one, other, sizeof one);
}
