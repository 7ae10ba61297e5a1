/* context.h - what a reader was shown, in bytes that only the library opens.
 *
 * A read returns one; a write may carry it, and then replaces what its writer saw and
 * nothing else. A record of fields has a context of its own, format 2: schema/seen.h.
 * The others: format byte 1, u64 largest hlc (hidden remains included), u16 count,
 * versions, CRC-free: it is as believed as its carrier. All big-endian.
 */
#ifndef ISO_SCHEMA_CONTEXT_H
#define ISO_SCHEMA_CONTEXT_H

#include "schema/write.h"

struct iso_context {
    uint64_t hlc;           /* a write with this context is issued above it */
    struct iso_names shown; /* borrowed */
};

void iso_context_encode(const struct iso_context *context, struct iso_buf *out);
/* ISO_BAD_DATA when it is none of ours. */
enum iso_err iso_context_decode(struct iso_bytes bytes, struct iso_context *context,
                                struct iso_why *why);

/* The largest hlc of a context of either format; 0 when it is none, or empty. */
uint64_t iso_context_hlc(struct iso_bytes bytes);

#endif
