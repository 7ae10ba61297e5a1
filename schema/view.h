/* view.h - values for who reads them: as they were written, or as one schema sees them.
 *
 * Nothing that is stored is written anew; a view resolves when it is asked. One thread
 * at a time.
 */
#ifndef ISO_SCHEMA_VIEW_H
#define ISO_SCHEMA_VIEW_H

#include "schema/value.h"

struct iso_view;

/* `reader` is the JSON of the schema to read by, any that the collection's schemas can
 * be resolved to; NULL: each value by the schema that wrote it. Both are borrowed
 * during the call only. ISO_BAD_DATA: the reader's schema does not parse; ISO_USAGE: a
 * reader's schema for opaque values. */
enum iso_err iso_view_new(const struct iso_definition *definition, const char *reader,
                          struct iso_view **view, struct iso_why *why);
void iso_view_free(struct iso_view *view); /* NULL is fine */

/* The value's datum, without its frame, by the reader's schema: appends. Errors of
 * iso_value_open (ISO_REFUSED: a later definition may name the schema: make a view of
 * that) and iso_avro_read_as. An opaque value is itself. */
enum iso_err iso_view_datum(struct iso_view *view, struct iso_bytes value,
                            struct iso_buf *datum, struct iso_why *why);

/* The same in Avro's JSON encoding; an opaque value as a JSON string, each byte that is
 * not part of UTF-8 as U+FFFD. */
enum iso_err iso_view_json(struct iso_view *view, struct iso_bytes value,
                           struct iso_buf *json, struct iso_why *why);

#endif
