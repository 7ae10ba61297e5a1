/* filter.h - the duplicate filter: which seqs of a node were admitted in a log and
 * slice.
 *
 * At most 16 intervals with the hlc of both ends; a 17th closes the lowest gap,
 * counted. A node's hlc grows with its seq, so a version names one write. A node whose
 * newest hlc is below the bound is forgotten, judged at its next record; when its row
 * is deleted does not matter. (DESIGN.md, section 4, step 3.)
 */
#ifndef ISO_CONSUMER_FILTER_H
#define ISO_CONSUMER_FILTER_H

#include "base/bytes.h"
#include "base/err.h"

enum { ISO_FILTER_INTERVALS = 16 };

struct iso_filter_interval {
    uint64_t first, last;         /* seqs, both inside */
    uint64_t first_hlc, last_hlc; /* hlcs of those two */
};

struct iso_filter {
    size_t count; /* ascending, never touching */
    struct iso_filter_interval intervals[ISO_FILTER_INTERVALS + 1];
};

enum iso_filter_answer {
    ISO_FILTER_NEW,       /* taken in */
    ISO_FILTER_DUPLICATE, /* that seq is inside: no effect */
    ISO_FILTER_DISORDER,  /* its hlc is not between those of its neighbours: refuse */
};

/* Takes {seq, hlc} in. *gaps grows by the gaps (not the seqs in them, which a liar
 * could choose) that will never be filled any more: one that was closed, or those of a
 * forgotten row (when the newest hlc's time is below bound_ms the row is cleared
 * first). A refused or duplicate record changes nothing but that clearing. */
enum iso_filter_answer iso_filter_take(struct iso_filter *filter, uint64_t seq,
                                       uint64_t hlc, int64_t bound_ms, uint64_t *gaps);

/* The newest hlc admitted; 0 when there is none. */
uint64_t iso_filter_newest(const struct iso_filter *filter);

/* A row of the store: u8 format 1, u8 count, count × 4 × u64, u64 check. The row is
 * cleared first. Decoding: ISO_DAMAGED when it is not what was written. */
void iso_filter_encode(const struct iso_filter *filter, struct iso_buf *row);
enum iso_err iso_filter_decode(struct iso_bytes row, struct iso_filter *filter,
                               struct iso_why *why);

#endif
