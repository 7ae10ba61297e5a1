/* apply_filters.h - the duplicate filters in hand: those of the nodes that wrote last.
 *
 * A few nodes write nearly everything, so their rows are kept decoded between records
 * and batches; another node's takes the place of one that fell on the same slot, which
 * goes back into the transaction. Only apply*.c includes this.
 */
#ifndef ISO_CONSUMER_APPLY_FILTERS_H
#define ISO_CONSUMER_APPLY_FILTERS_H

#include "consumer/filter.h"
#include "store/store.h"

enum { ISO_APPLY_FILTERS = 16 };

struct iso_apply_filter {
    bool used, dirty;
    uint16_t log;
    uint64_t node;
    struct iso_filter filter;
};

struct iso_apply_filters {
    uint16_t collection;
    uint32_t partition;
    struct iso_apply_filter slots[ISO_APPLY_FILTERS];
    struct iso_buf key, row; /* scratch */
};

/* The filter of a node in a log: who changes it sets `dirty`. Borrowed until the next
 * call. ISO_DAMAGED, and the store's failures. */
enum iso_err iso_apply_filters_get(struct iso_apply_filters *filters,
                                   struct iso_txn *txn, uint16_t log, uint64_t node,
                                   struct iso_apply_filter **filter,
                                   struct iso_why *why);
/* A node's row in a log that may be deleted: filter.h forgets it in any case when the
 * node writes again below `bound_ms`. */
struct iso_apply_filter_row {
    uint16_t log;
    bool is_over; /* nothing is written to the log any more: nobody counts its gaps */
    uint64_t node;
    int64_t bound_ms; /* the newest hlc must be below it */
};
/* Deletes it; a row with open gaps stays until the log is over. */
enum iso_err iso_apply_filters_drop(struct iso_apply_filters *filters,
                                    struct iso_txn *txn,
                                    const struct iso_apply_filter_row *old,
                                    struct iso_why *why);
void iso_apply_filters_save(struct iso_apply_filters *filters, struct iso_txn *txn);
void iso_apply_filters_forget(struct iso_apply_filters *filters);
void iso_apply_filters_release(struct iso_apply_filters *filters);

#endif
