/* assemble.h - one record from its parts, as a reader's schema has it.
 *
 * Parts keep what was written, each by its writer's schema. A reader's field takes the
 * parts of its name, or else of the first of its aliases that has any and that no other
 * field of the reader's is called (of several with one alias, the first has it). How it
 * merges is what the collection's schemas say; the reader's need not say it.
 *
 *   lww, max, min   the datum, resolved (schema/avro_resolve.h)
 *   counter         the number, as an int would be resolved, or a long that is none
 *   flag            true
 *   set             an array of the elements, resolved, by path
 *   map             of each member that
 *
 * What is not there: of lww, max and min the field's default; without one null when the
 * type takes it, else 0, "", false, the first symbol or branch, zeros, and a record of
 * its defaults and of such. Of the others always 0, an empty set, false, an empty map,
 * whatever the default says: what was removed must not come back by it. The name of the
 * reader's record is not looked at.
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
    struct iso_held *held;      /* whose value that is; NULL: nobody's */
    int64_t number;             /* counter */
};

struct iso_assembler;

/* For a collection's schemas (borrowed until free) and the reader's: one of theirs, or
 * another; borrowed too. Resolutions are made when they are needed, and kept. One
 * thread at a time. ISO_INCOMPATIBLE: the reader's top is no record. */
enum iso_err iso_assembler_new(const struct iso_schemas *schemas,
                               const struct iso_avro *reader,
                               struct iso_assembler **assembler, struct iso_why *why);
void iso_assembler_free(struct iso_assembler *assembler); /* NULL is fine */

/* Appends a datum of the reader's schema, which iso_avro_check takes. Parts by path,
 * ascending, without the mark; those of a field that the reader lacks are passed over.
 * ISO_REFUSED: the definition does not name a part's schema or field, a later one may;
 * ISO_DAMAGED: a part is not of its field's rule; ISO_BAD_DATA: its datum is none of
 * its schema; ISO_INCOMPATIBLE: the reader cannot take one, with the field, the reason
 * and the remedy; ISO_TOO_LARGE: longer than ISO_AVRO_READ_MAX, or over a limit of
 * iso_avro_check. The buffer is then as it was. */
enum iso_err iso_assemble(struct iso_assembler *assembler,
                          const struct iso_shown_part *parts, size_t count,
                          struct iso_buf *datum, struct iso_why *why);

#endif
