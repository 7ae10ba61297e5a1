/* apply_fields_kit.h - writes of records with fields, for the tests of admission and
 * apply: a collection of resolver fields, patches and records from JSON.
 */
#ifndef ISO_TESTS_UNIT_APPLY_FIELDS_KIT_H
#define ISO_TESTS_UNIT_APPLY_FIELDS_KIT_H

#include "apply_ground.h"
#include "fields_kit.h"
#include "schema/patch.h"
#include "schema/value.h"
#include "schema_kit.h"

/* Resolver fields, format avro, schema KIT_USER, and room for large writes. */
static inline struct iso_definition *def_fields(void)
{
    struct iso_definition *definition = def_bare(1, 1);
    snprintf(definition->resolver, sizeof definition->resolver, "fields");
    definition->format = ISO_FORMAT_AVRO;
    definition->limits = (struct iso_definition_limits){64, ISO_VALUE_MAX, 60000, 100};
    kit_schema(definition, KIT_USER, 0);
    return definition;
}

/* A patch that is being made, by the collection's first schema. */
static inline struct iso_edit *kit_edit(const struct iso_schemas *schemas)
{
    struct iso_edit *edit;
    struct iso_why why = {0};
    ck_assert_msg(iso_edit_new(schemas, 0, &edit, &why) == ISO_OK, "%s", why.text);
    return edit;
}

/* Adds a step whose value is JSON. */
static inline void kit_step(struct iso_edit *edit, enum iso_step_operation operation,
                            const char *field, const char *member, const char *json)
{
    struct iso_why why = {0};
    ck_assert_msg(iso_edit_json(edit, operation, field, member, iso_bytes_text(json),
                                &why) == ISO_OK,
                  "%s", why.text);
}

/* The bytes of a patch; the buffer is cleared first. */
static inline void kit_patch(const struct iso_patch *patch, struct iso_buf *value)
{
    iso_buf_clear(value);
    iso_patch_encode(patch, value);
}

/* A framed record from JSON. */
static inline void kit_record(const struct iso_schemas *schemas, const char *json,
                              struct iso_buf *value)
{
    struct iso_why why = {0};
    iso_buf_clear(value);
    iso_value_begin(schemas, 0, value);
    ck_assert_msg(iso_avro_from_json(iso_schemas_at(schemas, 0), iso_bytes_text(json),
                                     value, &why) == ISO_OK,
                  "%s: %s", json, why.text);
}

/* A record with this inside, the rest empty. */
#define KIT_REST                                                      \
    ",\"tags\":[],\"vip\":false,\"last\":0,\"first\":0,\"notes\":{}," \
    "\"groups\":{},\"flags\":{},\"tops\":{}}"
#define KIT_NAMED(name) "{\"name\":\"" name "\",\"visits\":0,\"cart\":{}" KIT_REST

#endif
