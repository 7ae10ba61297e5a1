/* avro_resolve.h - data of one schema, read as another.
 *
 * The rules are those of the Avro specification 1.11, "Schema Resolution": fields are
 * found by name or by the reader's aliases; a field that only the reader has takes its
 * default; one that only the writer has is passed over; numbers widen, string and bytes
 * stand for each other; a symbol that the reader lacks becomes the enum's default.
 * Named types match by their name without namespace, or by an alias of the reader's;
 * fixed ones have the same size too. Of a reader's union the branch of the writer's own
 * type and full name is taken, so that who reads by the writer's schema reads what was
 * written; else one with the writer's name as an alias, else the first that matches.
 *
 * Schemas whose types meet in more pairs than two of a MiB have need for (2^18, or 2^22
 * names that are compared for them) are not resolved: every datum is ISO_TOO_LARGE.
 *
 * What cannot be read fails when a datum comes to it, not before: a writer's branch
 * that the reader lacks harms only the data that use it. Who wants to know beforehand
 * asks iso_avro_can_read.
 */
#ifndef ISO_SCHEMA_AVRO_RESOLVE_H
#define ISO_SCHEMA_AVRO_RESOLVE_H

#include "schema/avro.h"

enum { ISO_AVRO_READ_MAX = 16 << 20 }; /* bytes of a datum as the reader sees it */

struct iso_avro_resolution; /* immutable; any thread */

/* Both schemas are borrowed until the resolution is freed. */
struct iso_avro_resolution *iso_avro_resolution_new(const struct iso_avro *writer,
                                                    const struct iso_avro *reader);
void iso_avro_resolution_free(
    struct iso_avro_resolution *resolution); /* NULL is fine */

/* Checks the writer's datum (iso_avro_check), and appends it as a datum of the reader's
 * schema. ISO_BAD_DATA: it is none of the writer's; ISO_INCOMPATIBLE: the reader cannot
 * take it, with the field, the reason and the remedy; ISO_TOO_LARGE: defaults make it
 * longer than ISO_AVRO_READ_MAX, or no datum within the walk's limits any more. The
 * buffer is then as it was. */
enum iso_err iso_avro_read_as(const struct iso_avro_resolution *resolution,
                              struct iso_bytes datum, struct iso_buf *out,
                              struct iso_why *why);

/* Whether `reader` can read everything that `writer` can write. ISO_INCOMPATIBLE names
 * the field, the reason and the remedy; ISO_TOO_LARGE as above. Not asked: whether
 * bytes that are to be a string are UTF-8, which the specification lets stand. */
enum iso_err iso_avro_can_read(const struct iso_avro *reader,
                               const struct iso_avro *writer, struct iso_why *why);

/* Whether both schemas give every field that both have (of the record at their top, by
 * name) the same merge rule; one that names none has "lww"; and where it is another
 * than that, the same type too, but for int and long. ISO_INCOMPATIBLE names the field.
 * A rule decides what is stored, so it never changes, whatever readers can read. */
enum iso_err iso_avro_same_rules(const struct iso_avro *a, const struct iso_avro *b,
                                 struct iso_why *why);

#endif
