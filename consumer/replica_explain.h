/* replica_explain.h - all that a region holds of one key, decoded, from one snapshot:
 * for people who ask why a value is what it is (`isostasy explain`, `isostasy
 * conflicts`). Programs of this tree use it; it is not installed.
 */
#ifndef ISO_CONSUMER_REPLICA_EXPLAIN_H
#define ISO_CONSUMER_REPLICA_EXPLAIN_H

#include "consumer/replica.h"
#include "resolver/resolver.h"

/* Ledger records that are kept at most; all are counted. */
enum { ISO_EXPLAINED_LOSERS_MAX = 256, ISO_EXPLAINED_BYTES_MAX = 16 << 20 };

/* Zero before the first use, then reused; release frees. */
struct iso_explained {
    const struct iso_resolver *resolver;
    const struct iso_definition *definition; /* the newest; borrowed as by
                                                iso_replica_definition */
    uint32_t partition, bucket;
    int64_t swept_ms; /* H of the bucket */
    int64_t now_ms;   /* when it was asked */
    bool found;       /* readers are shown a value */
    bool has_entry;   /* something is stored under the key, if only remains */
    bool is_whole;    /* resolver lww: `entry`; else `parts` */
    struct iso_entry entry;
    struct iso_parts parts; /* large values without bytes behind ISO_EXPLAINED_BYTES_MAX
                               of them (schema/aside.h) */
    struct iso_replica_item *losers; /* by field, then version; `value` is what lost */
    size_t loser_count, loser_room;
    size_t loser_total; /* more than loser_count: the bounds above were met */
    size_t mark_total;  /* ledger rows that only remember a name */
    struct iso_buf row, rows, scratch; /* what the above borrows from */
};
void iso_explained_release(struct iso_explained *explained);

/* ISO_OK also when nothing is there. ISO_NO_DEFINITION, ISO_DAMAGED, ISO_TOO_LARGE as
 * iso_replica_get. */
enum iso_err iso_replica_explain(struct iso_replica *replica, const char *collection,
                                 struct iso_bytes key, struct iso_explained *explained,
                                 struct iso_why *why);

/* What stands at a place now (an encoded path; whole values: empty): the value that
 * readers are shown, its removal, or the DELETE of the key; false: nothing. */
bool iso_explained_stands(const struct iso_explained *explained, struct iso_bytes path,
                          struct iso_held *held);

#endif
