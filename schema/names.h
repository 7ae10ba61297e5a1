/* names.h - arrays of versions (struct iso_names) in Avro: for the decoders and
 * encoders of this room.
 */
#ifndef ISO_SCHEMA_NAMES_H
#define ISO_SCHEMA_NAMES_H

#include "schema/avro.h"
#include "schema/write.h"

/* An array of at most `most` versions. They are borrowed where they stand when they are
 * in one block, as ours always are; else they are gathered at the end of `gathered`,
 * which may move with each call: then `data` is NULL until iso_names_settle. */
struct iso_names iso_names_read(struct iso_avro_cursor *cursor, size_t most,
                                struct iso_buf *gathered);

/* After the last call that gathers: *at is where the next gathered names begin, 0 at
 * first; to be called for all names in the order in which they were read. */
void iso_names_settle(struct iso_names *names, const struct iso_buf *gathered,
                      size_t *at);

/* Appends the array, in one block. */
void iso_names_add(struct iso_buf *out, struct iso_names names);

#endif
