/* apply_marks.h - what a slice keeps of each log's past, so that it can tell whether
 * that is still the log's past, and another region's (DESIGN.md, section 9).
 *
 * A mark is the running hash up to and with the first record of a block of 4,096
 * offsets. The newest stands in the slice's state; the newest 1,024 are rows of their
 * own, written in the apply transaction. So they are a function of the log's prefix, as
 * everything in a slice is, and cost a row in 4,096 records.
 */
#ifndef ISO_CONSUMER_APPLY_MARKS_H
#define ISO_CONSUMER_APPLY_MARKS_H

#include "consumer/apply.h"

enum { ISO_MARK_BLOCK = 4096, ISO_MARKS_MAX = 1024 };

/* The running hash that begins at `h`, over one record more; from zero: its own hash,
 * as slices keep it of their newest. */
struct iso_digest iso_apply_record_hash(struct iso_digest h,
                                        const struct iso_record *record,
                                        struct iso_buf *scratch);

/* The newest record of the log changed from the one at `former` (−1: there was none):
 * keeps a mark when it is the first of its block, and drops those that are too many.
 * Inside iso_apply_record. */
void iso_apply_mark(struct iso_apply *apply, struct iso_slice_log *log, int64_t former);

/* The running hash of a log up to and with the record at `offset`, when it is kept: of
 * the newest record, and of marks, as far as they are committed. ISO_NOT_FOUND;
 * ISO_DAMAGED; or as the store fails. */
enum iso_err iso_apply_prefix_at(struct iso_apply *apply, uint16_t log, int64_t offset,
                                 struct iso_digest *prefix, struct iso_why *why);

#endif
