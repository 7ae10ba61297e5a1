/* sweep.h - forgetting in one slice (DESIGN.md, section 6).
 *
 * A bucket is swept whole to a step H: every entry of it lets go what is below H, and
 * the bucket stores H, in one transaction. H is a whole step of 1/24 of the first
 * definition's `before_max`, at most the slice's floor, so it depends on what was read
 * of the logs and on no clock; when a region sweeps is its own affair.
 *
 *   due ─▶ step, step, … (each some buckets; commits as the caller likes) ─▶ not due
 *
 * What can be forgotten is found by an index, a row of ISO_MORTAL for each entry that
 * holds any of it; apply keeps it.
 */
#ifndef ISO_CONSUMER_SWEEP_H
#define ISO_CONSUMER_SWEEP_H

#include "consumer/apply.h"

/* Is there a bucket that has not come to the step that the floor has reached? */
bool iso_sweep_due(const struct iso_apply *apply);

/* Nothing in the slice that waits to be forgotten is older; ISO_NEVER_MS: nothing
 * waits. False: not known, since no pass was made since the slice was loaded. */
bool iso_sweep_oldest(const struct iso_apply *apply, int64_t *oldest_ms);

/* Sweeps bucket after bucket until `rows_max` rows were looked at, or the pass is over;
 * *rows says how many: at most what one bucket has more, and 0 when nothing is due.
 * After a failure (ISO_DAMAGED; the store's) the transaction must be aborted, and the
 * slice loaded. */
enum iso_err iso_sweep_step(struct iso_apply *apply, struct iso_txn *txn,
                            size_t rows_max, size_t *rows, struct iso_why *why);

#endif
