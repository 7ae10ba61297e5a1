/* schema_kit.h - definitions with schemas, and values that name them, for tests. */
#ifndef ISO_TESTS_UNIT_SCHEMA_KIT_H
#define ISO_TESTS_UNIT_SCHEMA_KIT_H

#include <check.h>

#include "base/mem.h"
#include "schema/value.h"

#define KIT_POINT                                                   \
    "{\"type\":\"record\",\"name\":\"P\",\"fields\":["              \
    "{\"name\":\"x\",\"type\":\"int\"},{\"name\":\"s\",\"type\":\"" \
    "string\"}]}"

/* Adds a schema under a fingerprint of the caller's. */
static inline void kit_schema_named(struct iso_definition *definition, const char *json,
                                    const uint8_t fingerprint[ISO_FINGERPRINT_SIZE],
                                    int32_t registry_id)
{
    size_t count = definition->schema_count++;
    definition->schemas = iso_realloc(
        definition->schemas, definition->schema_count * sizeof definition->schemas[0]);
    definition->schemas[count] =
        (struct iso_definition_schema){.json = iso_strdup(json),
                                       .has_registry_id = registry_id != 0,
                                       .registry_id = registry_id};
    memcpy(definition->schemas[count].fingerprint, fingerprint, ISO_FINGERPRINT_SIZE);
}

static inline void kit_fingerprint(const char *json,
                                   uint8_t fingerprint[ISO_FINGERPRINT_SIZE])
{
    struct iso_avro *schema;
    struct iso_why why = {0};
    ck_assert_msg(iso_avro_parse(iso_bytes_text(json), &schema, &why) == ISO_OK,
                  "%s: %s", json, why.text);
    iso_avro_fingerprint(schema, fingerprint);
    iso_avro_free(schema);
}

/* Adds a schema under its own fingerprint. */
static inline void kit_schema(struct iso_definition *definition, const char *json,
                              int32_t registry_id)
{
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    kit_fingerprint(json, fingerprint);
    kit_schema_named(definition, json, fingerprint, registry_id);
}

/* The value of schema `n`, whether it can be used or not; the caller's buffer is
 * cleared first. */
static inline struct iso_bytes kit_value(struct iso_buf *value,
                                         const struct iso_definition *definition,
                                         size_t n, const void *datum, size_t size)
{
    struct iso_schemas *schemas = iso_schemas_new(definition);
    iso_buf_clear(value);
    iso_value_begin(schemas, n, value);
    iso_buf_add(value, datum, size);
    iso_schemas_free(schemas);
    return iso_buf_bytes(value);
}

/* An int and a string of one byte, of KIT_POINT. */
#define KIT_DATUM "\x06\x02q"

#endif
