/* Parts stand in the arena of the entry in hand: a change makes a new array of values
 * there and leaves the old one behind, so that what was decoded from the row is never
 * written to. */
#include "resolver/part_merge.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

enum { FIELD_PLAIN_MAX = 64, FIELD_IS_HASH = 0xff };

struct iso_bytes iso_part_mark(void)
{
    static const uint8_t mark[] = {0, 0};
    return iso_bytes(mark, sizeof mark);
}

struct iso_bytes iso_part_field(struct iso_merged *out, struct iso_bytes path)
{
    if (path.size <= FIELD_PLAIN_MAX)
        return path;
    uint8_t digest[ISO_DIGEST_SIZE];
    iso_digest_put(digest, iso_hash128(path));
    iso_buf_clear(&out->field);
    iso_buf_add_u8(&out->field, FIELD_IS_HASH);
    iso_buf_add(&out->field, digest, sizeof digest);
    return iso_buf_bytes(&out->field);
}

int iso_held_compare(const struct iso_held *a, const struct iso_held *b)
{
    int order = iso_version_compare(a->version, b->version);
    if (order != 0)
        return order;
    if ((a->kind == ISO_TOMBSTONE) != (b->kind == ISO_TOMBSTONE))
        return a->kind == ISO_TOMBSTONE ? 1 : -1;
    order = iso_held_compare_value(a, b);
    if (order == 0)
        order = memcmp(a->fingerprint, b->fingerprint, ISO_FINGERPRINT_SIZE);
    if (order != 0)
        return order;
    if (a->kind != b->kind)
        return a->kind == ISO_VALUE ? 1 : -1;
    return (a->expiry_ms > b->expiry_ms) - (a->expiry_ms < b->expiry_ms);
}

struct iso_held iso_part_fresh(const struct iso_part_merge *merge,
                               const struct iso_change *change)
{
    const struct iso_coming *coming = merge->merge->coming;
    struct iso_held fresh = {.kind = ISO_TOMBSTONE,
                             .version = coming->version,
                             .log = coming->log,
                             .offset = coming->offset};
    if (change->kind != ISO_CHANGE_SET)
        return fresh;
    fresh.kind = coming->has_expiry ? ISO_EXPIRING : ISO_VALUE;
    fresh.expiry_ms = coming->has_expiry ? coming->expiry_ms : 0;
    fresh.value = change->value;
    fresh.hashed = iso_held_is_aside(&fresh); /* once */
    if (fresh.hashed)
        fresh.hash = iso_hash128(fresh.value);
    /* Not of the mark, elements, flags and siblings; a datum may be empty. */
    if (change->field != NULL && iso_part_form(change->rule) != ISO_FORM_VALUES)
        memcpy(fresh.fingerprint, coming->fingerprint, ISO_FINGERPRINT_SIZE);
    return fresh;
}

void iso_part_claim(struct iso_part_merge *merge, const struct iso_part *part,
                    const struct iso_change *change, struct iso_claim *claim)
{
    *claim = (struct iso_claim){.merge = merge->merge,
                                .out = merge->out,
                                .why = merge->why,
                                .field = iso_part_field(merge->out, part->path),
                                .blind = change->blind,
                                .read = change->read,
                                .remembered = part->names,
                                .losers = &merge->out->parts.losers};
    iso_claim_begin(claim);
}

enum iso_err iso_part_settle(struct iso_part_merge *merge, struct iso_part *part,
                             struct iso_claim *claim)
{
    enum iso_err err = iso_claim_settle(claim, part->values, part->value_count);
    if (err != ISO_OK || claim->names.data == part->names.data) {
        part->names.count = claim->names.count;
        return err;
    }
    size_t size = claim->names.count * ISO_VERSION_SIZE;
    uint8_t *names = iso_arena_take(&merge->out->parts.arena, size);
    if (size > 0)
        memcpy(names, claim->names.data, size);
    part->names = (struct iso_names){names, claim->names.count};
    return ISO_OK;
}

void iso_part_values_set(struct iso_part_merge *merge, struct iso_part *part,
                         const struct iso_held *more,
                         bool (*keep)(const void *user, const struct iso_held *held),
                         const void *user)
{
    struct iso_held *values = iso_arena_take(&merge->out->parts.arena,
                                             (part->value_count + 1) * sizeof *values);
    size_t count = 0;
    for (size_t i = 0; i < part->value_count; i++) {
        const struct iso_held *held = &part->values[i];
        if (more != NULL && iso_version_compare(more->version, held->version) <= 0) {
            bool same = iso_version_equal(more->version, held->version);
            bool larger = !same || iso_held_compare(more, held) > 0;
            if (larger)
                values[count++] = *more;
            more = NULL;
            if (same && larger)
                continue;
        }
        if (keep == NULL || keep(user, held))
            values[count++] = *held;
    }
    if (more != NULL)
        values[count++] = *more;
    part->values = values;
    part->value_count = count;
}

enum iso_err iso_part_change(struct iso_part_merge *merge,
                             const struct iso_change *change)
{
    struct iso_part *part =
        iso_parts_add(&merge->out->parts, change->path, change->rule);
    /* An element that a write names twice: the second time it would not be dead any
     * more, since a name is forgotten when its write has come. */
    if (part->touched && iso_part_form(part->rule) == ISO_FORM_VALUES &&
        !ISO_PLANTED(what_is_named_twice_returns))
        return ISO_OK;
    part->touched = true;
    switch (iso_part_form(part->rule)) {
    case ISO_FORM_LWW:
        return iso_part_lww(merge, part, change);
    case ISO_FORM_VALUES:
        return iso_part_values(merge, part, change);
    case ISO_FORM_EXTREME:
        return iso_part_extreme(merge, part, change);
    case ISO_FORM_COUNTER:
        iso_part_counter(merge, part, change);
        break;
    }
    return ISO_OK;
}
