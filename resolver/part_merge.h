/* part_merge.h - what one write does to one part of an entry (schema/part.h). Only the
 * room itself includes this.
 *
 * Each form of part has its merge; all of them commute with those of other writes, so
 * the entry is a function of the set of writes and of each log's own order.
 */
#ifndef ISO_RESOLVER_PART_MERGE_H
#define ISO_RESOLVER_PART_MERGE_H

#include "resolver/claim.h"

/* How a change treats what is held. */
enum iso_change_kind {
    ISO_CHANGE_SET,    /* SET, ADD, ENABLE, RAISE, LOWER; INCREMENT: `by` */
    ISO_CHANGE_REMOVE, /* UNSET, REMOVE, DISABLE: of this part alone */
    ISO_CHANGE_WIPE,   /* a DELETE of the whole entry comes by */
};

struct iso_change {
    enum iso_change_kind kind;
    struct iso_bytes path; /* encoded */
    enum iso_rule rule;
    const struct iso_field *field; /* of the coming write's schema; NULL: not needed */
    struct iso_bytes value;        /* a datum; siblings: the value */
    int64_t by;
    bool blind; /* what the write says of this part: … */
    struct iso_names read;
    const struct iso_sum *sums;
    size_t sum_count;
};

struct iso_part_merge {
    const struct iso_merge *merge;
    struct iso_merged *out; /* its parts are the entry in hand */
    struct iso_why *why;
    /* Numbers of the large values that were held before, in the entry's order. */
    uint64_t *was, aside_last;
    size_t was_count, was_at;
};

/* Before the first change; after the last one: out->asides is what must be kept and
 * dropped beside the row. Settles the parts. */
void iso_part_asides_begin(struct iso_part_merge *merge);
void iso_part_asides_end(struct iso_part_merge *merge);
/* The bytes of a value, which may stand aside. ISO_DAMAGED. */
enum iso_err iso_part_load(struct iso_part_merge *merge, struct iso_held *held);

/* Applies the change to the part at its path, which is made when it is missing. */
enum iso_err iso_part_change(struct iso_part_merge *merge,
                             const struct iso_change *change);

/* Each form's own; iso_part_change chooses. */
enum iso_err iso_part_lww(struct iso_part_merge *merge, struct iso_part *part,
                          const struct iso_change *change);
enum iso_err iso_part_values(struct iso_part_merge *merge, struct iso_part *part,
                             const struct iso_change *change);
enum iso_err iso_part_extreme(struct iso_part_merge *merge, struct iso_part *part,
                              const struct iso_change *change);
void iso_part_counter(struct iso_part_merge *merge, struct iso_part *part,
                      const struct iso_change *change);

/* The value that comes, as a part would hold it. */
struct iso_held iso_part_fresh(const struct iso_part_merge *merge,
                               const struct iso_change *change);
/* A claim on the part, begun. */
void iso_part_claim(struct iso_part_merge *merge, const struct iso_part *part,
                    const struct iso_change *change, struct iso_claim *claim);
/* Ends it: rows leave, the names stand in the part from now on. */
enum iso_err iso_part_settle(struct iso_part_merge *merge, struct iso_part *part,
                             struct iso_claim *claim);

/* `values` of the part from now on, with `more` (NULL: nothing) at its version's place;
 * those of them that `keep` says false of are left out. */
void iso_part_values_set(struct iso_part_merge *merge, struct iso_part *part,
                         const struct iso_held *more,
                         bool (*keep)(const void *user, const struct iso_held *held),
                         const void *user);

/* Which of two contents of one version stays: the delete, the larger value
 * (iso_held_compare_value), no expiry, the later expiry. Also orders by version. */
int iso_held_compare(const struct iso_held *a, const struct iso_held *b);

/* The part of a field as the ledger names it: its encoded path, or FF and the XXH3-128
 * of a long one. Into out->field; borrowed. */
struct iso_bytes iso_part_field(struct iso_merged *out, struct iso_bytes path);

/* The path of the record's mark, and of all siblings. */
struct iso_bytes iso_part_mark(void);

/* Shown at now_ms? */
static inline bool iso_held_visible(const struct iso_held *held, int64_t now_ms)
{
    return held->kind == ISO_VALUE ||
           (held->kind == ISO_EXPIRING && held->expiry_ms > now_ms);
}

#endif
