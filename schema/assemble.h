/* assemble.h - one record from its parts, as a reader's schema has it.
 *
 * Parts keep what was written, each by its writer's schema. A reader's field takes the
 * part of its name, or of one of its aliases; a datum of another schema is resolved
 * (schema/avro_resolve.h); what is not there is the field's default, or nothing: 0, an
 * empty set, false, an empty map.
 */
#ifndef ISO_SCHEMA_ASSEMBLE_H
#define ISO_SCHEMA_ASSEMBLE_H

#include "schema/part.h"
#include "schema/value.h"

/* One part as readers see it. */
struct iso_shown_part {
    struct iso_path path; /* borrowed */
    enum iso_rule rule;
    const uint8_t *fingerprint; /* lww, max, min: whose schema wrote the datum … */
    struct iso_bytes datum;     /* … of the part's type */
    int64_t number;             /* counter */
};

struct iso_assembler;

/* For a collection's schemas (borrowed until free) and the reader's: one of theirs, or
 * another. Resolutions are made when they are needed, and kept. One thread at a time.
 */
enum iso_err iso_assembler_new(const struct iso_schemas *schemas,
                               const struct iso_avro *reader,
                               struct iso_assembler **assembler, struct iso_why *why);
void iso_assembler_free(struct iso_assembler *assembler); /* NULL is fine */

/* Appends a datum of the reader's schema. Parts by path, ascending; a part of a field
 * that the reader lacks is passed over. ISO_REFUSED: the definition does not name a
 * part's schema; ISO_INCOMPATIBLE, ISO_TOO_LARGE as iso_avro_read_as. */
enum iso_err iso_assemble(struct iso_assembler *assembler,
                          const struct iso_shown_part *parts, size_t count,
                          struct iso_buf *datum, struct iso_why *why);

#endif
