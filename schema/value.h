/* value.h - which schema wrote a value, and whether the value is what it says.
 *
 *   avro        C3 01, the schema's fingerprint (8 bytes), one datum
 *   confluent   00, the schema's registry id (4 bytes, big-endian), one datum
 *   opaque      any bytes
 *
 * The schemas of a definition are parsed once, into a `struct iso_schemas` that does
 * not change any more: any thread may use it. Producers ask the same question before a
 * value is sent as daemons do before it is applied, by the same call.
 */
#ifndef ISO_SCHEMA_VALUE_H
#define ISO_SCHEMA_VALUE_H

#include "schema/avro.h"
#include "schema/definition.h"
#include "schema/rule.h"

struct iso_schemas;

/* Parses them all; nothing of the definition is kept. A schema that does not parse, or
 * is not what its fingerprint says, refuses its values, and says why each time. */
struct iso_schemas *iso_schemas_new(const struct iso_definition *definition);
void iso_schemas_free(struct iso_schemas *schemas); /* NULL is fine */

size_t iso_schemas_count(const struct iso_schemas *schemas);
enum iso_format iso_schemas_format(const struct iso_schemas *schemas);
/* Schema n from 0 on, in the definition's order; NULL: it cannot be used. Borrowed. */
const struct iso_avro *iso_schemas_at(const struct iso_schemas *schemas, size_t n);
/* What it says of its fields, in a collection whose resolver is `fields`; else NULL. */
const struct iso_fields *iso_schemas_fields(const struct iso_schemas *schemas,
                                            size_t n);
/* What the newest of them that has a field of that name says of it; NULL: none has. All
 * that have it give it one rule. */
const struct iso_field *iso_schemas_field(const struct iso_schemas *schemas,
                                          struct iso_bytes name);
/* Which one has this fingerprint; false: none does, or it cannot be used. */
bool iso_schemas_named(const struct iso_schemas *schemas,
                       const uint8_t fingerprint[ISO_FINGERPRINT_SIZE], size_t *n);
/* Its fingerprint. */
const uint8_t *iso_schemas_fingerprint(const struct iso_schemas *schemas, size_t n);
/* Which one has the canonical form of `schema`; ISO_NOT_FOUND. */
enum iso_err iso_schemas_find(const struct iso_schemas *schemas,
                              const struct iso_avro *schema, size_t *n,
                              struct iso_why *why);

/* A value, looked into. */
struct iso_value {
    size_t schema;          /* its place in the definition */
    struct iso_bytes datum; /* borrowed from the value, not checked yet */
};

/* Which schema wrote it. ISO_BAD_DATA: no such frame; ISO_REFUSED: the definition names
 * no such schema, or one that cannot be used. Not for opaque values. */
enum iso_err iso_value_open(const struct iso_schemas *schemas, struct iso_bytes value,
                            struct iso_value *opened, struct iso_why *why);

/* Opens it and holds its datum to the schema: as open, and ISO_BAD_DATA for a datum
 * that is not one. Not for opaque values. Allocates nothing. */
enum iso_err iso_value_read(const struct iso_schemas *schemas, struct iso_bytes value,
                            struct iso_value *opened, struct iso_why *why);

/* The whole question: ISO_OK, or as open, and ISO_BAD_DATA for a datum that is not one
 * of its schema. An opaque value is always well. Allocates nothing. */
enum iso_err iso_value_check(const struct iso_schemas *schemas, struct iso_bytes value,
                             struct iso_why *why);

/* Begins a value of schema n: appends what stands before its datum. */
void iso_value_begin(const struct iso_schemas *schemas, size_t n,
                     struct iso_buf *value);

#endif
