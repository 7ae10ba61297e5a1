/* Forgetting in an entry of parts: what is below H goes out of each part, and large
 * values of what went go with it. Nothing is made, so the row only gets smaller.
 *
 * A part that holds nothing any more is left out of the row; so is the row, when it
 * counts no ledger rows. Counters stay, also where sum and base are equal: an increment
 * counts on from its sum, and a reset that comes late is measured by its base.
 *
 * Fails with ISO_DAMAGED (the held row, or its count of ledger rows, is not what was
 * stored) and with what the ledger's port fails with. */
#include "resolver/part_merge.h"
#include "resolver/table.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

static bool held_is_over(const struct iso_held *held, int64_t swept_ms)
{
    if (held->kind == ISO_TOMBSTONE)
        return iso_hlc_ms(held->version.hlc) <
               swept_ms + (ISO_PLANTED(removals_go_early) ? 400 : 0);
    if (ISO_PLANTED(expiry_alone_decides))
        return held->kind == ISO_EXPIRING && held->expiry_ms < swept_ms;
    return held->kind == ISO_EXPIRING &&
           iso_expiry_due_ms(held->version, held->expiry_ms) < swept_ms;
}

static void part_sweep(struct iso_part *part, int64_t swept_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < part->value_count; i++)
        if (!held_is_over(&part->values[i], swept_ms))
            part->values[kept++] = part->values[i];
    part->value_count = kept;
    part->names = iso_names_forget(part->names, swept_ms);
    if (part->has_clear && iso_hlc_ms(part->clear.hlc) <
                               swept_ms + (ISO_PLANTED(clears_go_early) ? 400 : 0))
        part->has_clear = false;
    if (ISO_PLANTED(spent_counters_go) && part->sum_count == part->base_count &&
        (part->sum_count == 0 ||
         memcmp(part->sums, part->bases, part->sum_count * sizeof *part->sums) == 0))
        part->sum_count = part->base_count = 0;
}

enum iso_err iso_parts_sweep(const struct iso_sweep *sweep,
                             enum iso_parts_format format, struct iso_merged *merged,
                             struct iso_why *why)
{
    struct iso_part_merge asides = {.out = merged, .why = why};
    struct iso_parts *parts = &merged->parts;
    iso_merged_clear(merged);
    enum iso_err err = iso_parts_decode(sweep->held, sweep->key, format, parts, why);
    if (err != ISO_OK)
        return err;
    iso_parts_tally(parts, sweep->key, &merged->scratch, &merged->was);
    merged->was_due_ms = iso_parts_due_ms(parts);
    iso_part_asides_begin(&asides);
    err = iso_marks_forget(sweep, &parts->losers, why);
    if (err != ISO_OK)
        return err;
    if (parts->has_delete &&
        iso_hlc_ms(parts->deleted.version.hlc) <
            sweep->swept_ms + (ISO_PLANTED(deletes_go_early) ? 400 : 0))
        parts->has_delete = false;
    for (size_t i = 0; i < parts->count; i++)
        part_sweep(&parts->parts[i], sweep->swept_ms);
    iso_part_asides_end(&asides);
    iso_parts_encode(parts, sweep->key, &merged->scratch, &merged->row, &merged->is);
    merged->is_due_ms = iso_parts_due_ms(parts);
    merged->changed = !iso_bytes_equal(sweep->held, iso_buf_bytes(&merged->row));
    return ISO_OK;
}
