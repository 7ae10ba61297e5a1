/* Which rows of large values a merge brings and which it takes away. What is held and
 * has no number yet came with the write: it gets one above all that were there. What
 * had a number before and is not held behind the merge is gone. A merge never changes
 * the order of what it keeps, so both lists are compared in one pass. */
#include "base/mem.h"
#include "resolver/part_merge.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

/* Calls `each` for every large value. */
static void asides_each(struct iso_part_merge *merge,
                        void (*each)(struct iso_part_merge *merge,
                                     struct iso_held *held))
{
    struct iso_parts *parts = &merge->out->parts;
    for (size_t i = 0; i < parts->count; i++)
        for (size_t n = 0; n < parts->parts[i].value_count; n++)
            if (iso_held_is_aside(&parts->parts[i].values[n]))
                each(merge, &parts->parts[i].values[n]);
}

static void was_count(struct iso_part_merge *merge, struct iso_held *held)
{
    (void)held;
    merge->was_count++;
}

static void was_add(struct iso_part_merge *merge, struct iso_held *held)
{
    merge->was[merge->was_count++] = held->aside;
    if (held->aside > merge->aside_last)
        merge->aside_last = held->aside;
}

void iso_part_asides_begin(struct iso_part_merge *merge)
{
    merge->was_count = 0;
    asides_each(merge, was_count);
    if (merge->was_count == 0)
        return;
    merge->was =
        iso_arena_take(&merge->out->parts.arena, merge->was_count * sizeof *merge->was);
    merge->was_count = 0;
    asides_each(merge, was_add);
}

static void change_add(struct iso_merged *merged, uint64_t number,
                       struct iso_bytes value)
{
    if (merged->aside_count == merged->aside_room) {
        merged->aside_room = merged->aside_room * 2 + 8;
        merged->asides =
            iso_realloc(merged->asides, merged->aside_room * sizeof *merged->asides);
    }
    merged->asides[merged->aside_count++] = (struct iso_aside){number, value};
}

static void gone_until(struct iso_part_merge *merge, uint64_t number)
{
    const struct iso_bytes nothing = {0};
    while (merge->was_at < merge->was_count && merge->was[merge->was_at] != number) {
        if (!ISO_PLANTED(large_values_stay_behind))
            change_add(merge->out, merge->was[merge->was_at], nothing);
        merge->was_at++;
    }
}

static void aside_settle(struct iso_part_merge *merge, struct iso_held *held)
{
    if (held->aside == 0) {
        held->aside = ++merge->aside_last;
        if (!ISO_PLANTED(large_values_are_not_kept))
            change_add(merge->out, held->aside, held->value);
        return;
    }
    gone_until(merge, held->aside);
    if (!ISO_PLANTED(what_is_held_is_dropped))
        merge->was_at++;
}

void iso_part_asides_end(struct iso_part_merge *merge)
{
    iso_parts_settle(&merge->out->parts);
    merge->was_at = 0;
    asides_each(merge, aside_settle);
    gone_until(merge, 0); /* which none has */
}

enum iso_err iso_part_load(struct iso_part_merge *merge, struct iso_held *held)
{
    return iso_held_load(held, merge->merge->asides, merge->why);
}
