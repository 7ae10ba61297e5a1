/* A part that keeps every value that no write replaced: an element of a set by its
 * adds, a flag by who enabled it, all values of siblings. A removal replaces what it
 * names and leaves nothing behind but names, so an add that it had not seen stays, and
 * what it had seen is dead whenever it comes. */
#include "resolver/part_merge.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

static bool is_not_taken(const void *user, const struct iso_held *held)
{
    return !iso_claim_takes(user, held->version, held->log);
}

enum iso_err iso_part_values(struct iso_part_merge *merge, struct iso_part *part,
                             const struct iso_change *change)
{
    struct iso_claim claim;
    struct iso_held fresh = iso_part_fresh(merge, change);
    iso_part_claim(merge, part, change, &claim);
    enum iso_err err = iso_claim_meet_mark(&claim);
    if (err != ISO_OK)
        return err;
    bool enters = change->kind == ISO_CHANGE_SET &&
                  (!claim.is_dead || ISO_PLANTED(removed_adds_return));
    struct iso_part before = *part;
    iso_part_values_set(merge, part, enters ? &fresh : NULL, is_not_taken, &claim);
    struct iso_part settled = before; /* names are judged by what was held */
    err = iso_part_settle(merge, &settled, &claim);
    part->names = settled.names;
    return err;
}
