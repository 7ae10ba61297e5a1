/* claim.h - what a coming write replaces in one part of an entry, and what is
 * remembered of it. Only the room itself includes this.
 *
 * A write with a context replaces what it names; a blind one what its region wrote
 * earlier in its log. Either way only what has a smaller version. Rows that it replaces
 * leave the ledger; a name of what has not come yet is remembered, and that write is
 * dead on arrival. A write that is dead or beaten claims all the same: what it replaces
 * does not depend on its luck, so every step commutes.
 *
 *   struct iso_claim claim = {…};
 *   iso_claim_begin(&claim);                     is it dead? what does it name?
 *   iso_claim_takes(&claim, held.version, …)     … of what is held
 *   iso_claim_settle(&claim, held, count);       rows leave, names are remembered
 *   iso_claim_lose(&claim, …)                    who stands nowhere enters the ledger
 */
#ifndef ISO_RESOLVER_CLAIM_H
#define ISO_RESOLVER_CLAIM_H

#include "resolver/resolver.h"

struct iso_claim {
    const struct iso_merge *merge;
    struct iso_merged *out; /* `scratch` and `names` are used until the next claim */
    struct iso_why *why;
    struct iso_bytes field;      /* as the ledger has it */
    bool blind;                  /* what the write says of this part … */
    struct iso_names read;       /* … when it is not blind */
    struct iso_names remembered; /* so far, ascending */
    uint32_t *losers;            /* ledger rows of the key: counted on */

    bool is_dead;           /* a child of what came is here already */
    struct iso_names named; /* `read`, ascending; in out->scratch */
    struct iso_names names; /* to be remembered from now on: `remembered`, or in
                               out->names */
};

void iso_claim_begin(struct iso_claim *claim);

/* Of parts without losers, whose ledger rows are marks alone: is the write dead by a
 * mark? Then claim->is_dead. */
enum iso_err iso_claim_meet_mark(struct iso_claim *claim);

/* Does what came replace this? */
bool iso_claim_takes(const struct iso_claim *claim, struct iso_version version,
                     uint16_t log);

/* `held`: the values of the part, by version, ascending. */
enum iso_err iso_claim_settle(struct iso_claim *claim, const struct iso_held *held,
                              size_t count);

/* What nobody who replaced it had seen. `coming`: it is the write itself, which a mark
 * may have replaced before it came. */
enum iso_err iso_claim_lose(struct iso_claim *claim, const struct iso_loser *loser,
                            bool coming);

/* Marks below H leave the ledger, and are counted no more. ISO_DAMAGED. */
enum iso_err iso_marks_forget(const struct iso_sweep *sweep, uint32_t *losers,
                              struct iso_why *why);
/* Without the names whose time is below H. */
struct iso_names iso_names_forget(struct iso_names names, int64_t swept_ms);

/* A blind DELETE: the rows of every field of its region, in its log, leave. */
enum iso_err iso_claim_leave_own(struct iso_claim *claim);

#endif
