/* A counter: per log and region how far its increments go and what they sum to, and for
 * each the base: the furthest that a reset had observed. It counts by position, not by
 * version: an increment is in a reset's past when its offset is, whatever clocks say.
 * So two resets at once take away what either had seen, once; and an increment that
 * comes after its reset was observed changes nothing that is shown until it passes the
 * base. */
#include "resolver/part_merge.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

static int place_compare(const struct iso_sum *a, const struct iso_sum *b)
{
    if (a->log != b->log)
        return a->log < b->log ? -1 : 1;
    return (a->region > b->region) - (a->region < b->region);
}

static bool is_further(const struct iso_sum *a, const struct iso_sum *b)
{
    return a->next != b->next ? a->next > b->next : a->sum > b->sum;
}

/* The sum at `place`; added as zero in a new array when it is missing. */
static struct iso_sum *sum_at(struct iso_arena *arena, struct iso_sum **sums,
                              size_t *count, const struct iso_sum *place)
{
    size_t at = 0;
    while (at < *count && place_compare(&(*sums)[at], place) < 0)
        at++;
    bool found = at < *count && place_compare(&(*sums)[at], place) == 0;
    struct iso_sum *copy = iso_arena_take(arena, (*count + 1) * sizeof *copy);
    if (at > 0)
        memcpy(copy, *sums, at * sizeof *copy);
    copy[at] = (struct iso_sum){.log = place->log, .region = place->region};
    if (found)
        copy[at] = (*sums)[at];
    size_t rest = *count - at - found;
    if (rest > 0)
        memcpy(copy + at + 1, *sums + at + found, rest * sizeof *copy);
    *sums = copy;
    *count += !found;
    return &copy[at];
}

static void observe(struct iso_part_merge *merge, struct iso_part *part,
                    const struct iso_sum *seen)
{
    struct iso_arena *arena = &merge->out->parts.arena;
    struct iso_sum *base = sum_at(arena, &part->bases, &part->base_count, seen);
    if (is_further(seen, base) || ISO_PLANTED(the_last_reset_counts))
        *base = *seen;
}

/* Blind: what its own region has counted in its own log before it. */
static void reset(struct iso_part_merge *merge, struct iso_part *part,
                  const struct iso_change *change)
{
    const struct iso_coming *coming = merge->merge->coming;
    const struct iso_ledger *ledger = merge->merge->ledger;
    for (size_t i = 0; !change->blind && i < change->sum_count; i++)
        observe(merge, part, &change->sums[i]);
    for (size_t i = 0; change->blind && i < part->sum_count; i++) {
        const struct iso_sum *sum = &part->sums[i];
        if ((sum->region == iso_node_region(coming->version.node) ||
             ISO_PLANTED(blind_takes_any_region)) &&
            (sum->log == coming->log ||
             (ledger->succeeds(ledger->self, coming->log, sum->log) &&
              !ISO_PLANTED(resets_forget_succession))))
            observe(merge, part, sum);
    }
}

void iso_part_counter(struct iso_part_merge *merge, struct iso_part *part,
                      const struct iso_change *change)
{
    const struct iso_coming *coming = merge->merge->coming;
    if (change->kind != ISO_CHANGE_SET) {
        reset(merge, part, change);
        return;
    }
    struct iso_sum place = {.log = coming->log,
                            .region = (uint8_t)iso_node_region(coming->version.node)};
    struct iso_sum *sum =
        sum_at(&merge->out->parts.arena, &part->sums, &part->sum_count, &place);
    sum->next = coming->offset + 1;
    sum->sum = (int64_t)((uint64_t)sum->sum + (uint64_t)change->by);
}
