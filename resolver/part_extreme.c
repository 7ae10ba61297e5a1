/* A part of rule max or min. It keeps the values that are not older than the newest
 * clear or DELETE, and that no newer value is as good as: so by ascending version they
 * get worse, and the first is what readers see. Keeping the others matters: when a
 * clear comes late, the best that is left must be there. */
#include "resolver/part_merge.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

static bool is_not_older(const void *user, const struct iso_held *held)
{
    const struct iso_version *version = user;
    return iso_version_compare(held->version, *version) >= 0;
}

/* From the newest down, only what is better than all newer ones stays. */
static enum iso_err dominate(struct iso_part_merge *merge, struct iso_part *part,
                             const struct iso_field *field)
{
    const struct iso_fields *fields = merge->merge->coming->fields;
    size_t kept = part->value_count;
    for (size_t i = part->value_count; i-- > 0;) {
        enum iso_err err = iso_part_load(merge, &part->values[i]);
        if (err != ISO_OK)
            return err;
        if (kept < part->value_count) {
            int order = iso_field_compare(fields, field, part->values[i].value,
                                          part->values[kept].value);
            if (part->rule == ISO_RULE_MIN)
                order = -order;
            if (order <= 0)
                continue;
        }
        part->values[--kept] = part->values[i];
    }
    part->values += kept;
    part->value_count -= kept;
    if (ISO_PLANTED(only_the_best_is_kept) && part->value_count > 1)
        part->value_count = 1;
    return ISO_OK;
}

enum iso_err iso_part_extreme(struct iso_part_merge *merge, struct iso_part *part,
                              const struct iso_change *change)
{
    const struct iso_parts *parts = &merge->out->parts;
    struct iso_version version = merge->merge->coming->version;
    struct iso_version cleared =
        part->has_clear ? part->clear : (struct iso_version){0};
    if (change->kind == ISO_CHANGE_WIPE && part->has_clear &&
        iso_version_compare(part->clear, version) < 0)
        part->has_clear = false;
    if (change->kind != ISO_CHANGE_SET && !ISO_PLANTED(clears_spare_what_is_here))
        iso_part_values_set(merge, part, NULL, is_not_older, &version);
    if (change->kind == ISO_CHANGE_WIPE)
        return ISO_OK;
    if (parts->has_delete && !ISO_PLANTED(deletes_kill_nothing_later) &&
        iso_version_compare(parts->deleted.version, cleared) > 0)
        cleared = parts->deleted.version;
    if (change->kind == ISO_CHANGE_REMOVE) {
        if (iso_version_compare(version, cleared) <= 0 &&
            !ISO_PLANTED(the_last_clear_counts))
            return ISO_OK;
        part->has_clear = true;
        part->clear = version;
    } else if (iso_version_compare(version, cleared) >= 0) {
        struct iso_held fresh = iso_part_fresh(merge, change);
        iso_part_values_set(merge, part, &fresh, NULL, NULL);
        return dominate(merge, part, change->field);
    }
    return ISO_OK;
}
