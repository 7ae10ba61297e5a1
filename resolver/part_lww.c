/* A part of rule lww: at most one value. It is lww.c's rule with two differences: a
 * DELETE of the entry takes the value away and leaves no tombstone here, since it
 * stands in the entry; and what is older than that DELETE is beaten by it. */
#include "resolver/part_merge.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

/* Nobody who replaced it had seen it. The mark of a PUT, a removal and a value that
 * expires hold nothing to lose. */
static enum iso_err lose(struct iso_part_merge *merge, const struct iso_part *part,
                         struct iso_claim *claim, const struct iso_held *held,
                         bool coming)
{
    struct iso_held lost = *held;
    if (held->kind != ISO_VALUE || iso_bytes_equal(part->path, iso_part_mark()))
        return ISO_OK;
    enum iso_err err = iso_part_load(merge, &lost);
    if (err != ISO_OK)
        return err;
    struct iso_buf *text = &merge->out->row; /* free until the row is written */
    iso_buf_clear(text);
    iso_loser_field_encode(part->path, lost.fingerprint, lost.value, text);
    struct iso_loser loser = {.key = merge->merge->coming->key,
                              .field = claim->field,
                              .version = held->version,
                              .rule = ISO_LOSER_FIELD,
                              .log = held->log,
                              .offset = held->offset,
                              .value = iso_buf_bytes(text)};
    return iso_claim_lose(claim, &loser, coming);
}

static bool is_deleted(const struct iso_part_merge *merge)
{
    const struct iso_parts *parts = &merge->out->parts;
    return parts->has_delete &&
           iso_version_compare(parts->deleted.version, merge->merge->coming->version) >
               0 &&
           !ISO_PLANTED(deletes_kill_nothing_later);
}

/* A DELETE comes by. */
static enum iso_err wipe(struct iso_part_merge *merge, struct iso_part *part,
                         struct iso_claim *claim, bool takes)
{
    if (part->value_count == 0 ||
        iso_version_compare(part->values[0].version, merge->merge->coming->version) > 0)
        return ISO_OK;
    enum iso_err err = ISO_OK;
    if (!takes && !ISO_PLANTED(what_is_deleted_is_not_lost))
        err = lose(merge, part, claim, &part->values[0], false);
    part->value_count = 0;
    return err;
}

static enum iso_err settle(struct iso_part_merge *merge, struct iso_part *part,
                           struct iso_claim *claim, const struct iso_held *fresh,
                           bool takes)
{
    int order = part->value_count > 0 ? iso_held_compare(&part->values[0], fresh) : -1;
    if (order == 0)
        return ISO_OK;
    if (part->value_count > 0 &&
        iso_version_equal(part->values[0].version, fresh->version))
        merge->out->alarm = true;
    if (order > 0 || is_deleted(merge))
        return claim->is_dead && !ISO_PLANTED(the_dead_are_losers)
                   ? ISO_OK
                   : lose(merge, part, claim, fresh, true);
    if (part->value_count > 0 && (!takes || ISO_PLANTED(replaced_are_losers))) {
        enum iso_err err = lose(merge, part, claim, &part->values[0], false);
        if (err != ISO_OK)
            return err;
    }
    part->value_count = 0;
    iso_part_values_set(merge, part, fresh, NULL, NULL);
    return ISO_OK;
}

enum iso_err iso_part_lww(struct iso_part_merge *merge, struct iso_part *part,
                          const struct iso_change *change)
{
    struct iso_claim claim;
    struct iso_held fresh = iso_part_fresh(merge, change);
    iso_part_claim(merge, part, change, &claim);
    bool takes = part->value_count > 0 &&
                 iso_claim_takes(&claim, part->values[0].version, part->values[0].log);
    enum iso_err err = iso_part_settle(merge, part, &claim);
    if (err != ISO_OK)
        return err;
    if (change->kind == ISO_CHANGE_WIPE)
        return wipe(merge, part, &claim, takes);
    return settle(merge, part, &claim, &fresh, takes);
}
