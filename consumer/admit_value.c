/* A value says by its first bytes which schema wrote it; the definition in force holds
 * that schema, or the value is refused. It is parsed at its first use and kept by
 * fingerprint, which names its text, so that a later definition finds it again. A
 * schema that does not parse refuses its values, alike everywhere, and is not tried
 * again. */
#include "consumer/admit.h"

#include "base/mem.h"

enum { FINGERPRINT_SIZE = 8 };
enum { AVRO_FRAME = 2 + FINGERPRINT_SIZE, CONFLUENT_FRAME = 1 + 4 };

struct iso_schemas_item {
    uint8_t fingerprint[FINGERPRINT_SIZE];
    struct iso_avro *schema; /* NULL: it does not parse, and why */
    struct iso_why why;
};

void iso_schemas_release(struct iso_schemas *schemas)
{
    for (size_t i = 0; i < schemas->count; i++)
        iso_avro_free(schemas->items[i].schema);
    iso_free(schemas->items);
    *schemas = (struct iso_schemas){0};
}

static const struct iso_schemas_item *
schemas_find(struct iso_schemas *schemas, const struct iso_definition_schema *schema)
{
    for (size_t i = 0; i < schemas->count; i++) {
        if (memcmp(schemas->items[i].fingerprint, schema->fingerprint,
                   FINGERPRINT_SIZE) == 0)
            return &schemas->items[i];
    }
    schemas->items =
        iso_realloc(schemas->items, (schemas->count + 1) * sizeof schemas->items[0]);
    struct iso_schemas_item *item = &schemas->items[schemas->count++];
    *item = (struct iso_schemas_item){0};
    memcpy(item->fingerprint, schema->fingerprint, FINGERPRINT_SIZE);
    if (iso_avro_parse(iso_bytes_text(schema->json), &item->schema, &item->why) !=
        ISO_OK)
        item->schema = NULL;
    return item;
}

static enum iso_err check_datum(const struct iso_admit *admit,
                                const struct iso_definition_schema *schema,
                                struct iso_bytes datum, struct iso_why *why)
{
    const struct iso_schemas_item *item = schemas_find(admit->schemas, schema);
    if (item->schema == NULL)
        return iso_fail(why, ISO_REFUSED,
                        "the value's schema, as definition %u has it, does not parse "
                        "(%.200s): announce a definition with a schema that does",
                        admit->definition->number, item->why.text);
    if (iso_avro_check(item->schema, datum, why) == ISO_OK)
        return ISO_OK;
    return iso_fail_at(why,
                       "the value is not what its schema says; encode it with that "
                       "schema");
}

static enum iso_err check_avro(const struct iso_admit *admit, struct iso_bytes value,
                               struct iso_why *why)
{
    const struct iso_definition *definition = admit->definition;
    if (value.size < AVRO_FRAME || value.data[0] != 0xc3 || value.data[1] != 0x01)
        return iso_fail(
            why, ISO_BAD_DATA,
            "the value does not begin with C3 01 and a fingerprint: write it "
            "in Avro's single-object encoding");
    for (size_t i = 0; i < definition->schema_count; i++) {
        const struct iso_definition_schema *schema = &definition->schemas[i];
        if (memcmp(schema->fingerprint, value.data + 2, FINGERPRINT_SIZE) == 0)
            return check_datum(
                admit, schema,
                iso_bytes(value.data + AVRO_FRAME, value.size - AVRO_FRAME), why);
    }
    char text[2 * FINGERPRINT_SIZE + 1];
    for (size_t i = 0; i < FINGERPRINT_SIZE; i++) {
        text[2 * i] = "0123456789abcdef"[value.data[2 + i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[value.data[2 + i] & 15];
    }
    text[2 * FINGERPRINT_SIZE] = '\0';
    return iso_fail(
        why, ISO_REFUSED,
        "the value's schema has fingerprint %s, which definition %u does not "
        "name: announce the schema before it is used",
        text, definition->number);
}

static enum iso_err check_confluent(const struct iso_admit *admit,
                                    struct iso_bytes value, struct iso_why *why)
{
    const struct iso_definition *definition = admit->definition;
    if (value.size < CONFLUENT_FRAME || value.data[0] != 0)
        return iso_fail(
            why, ISO_BAD_DATA,
            "the value does not begin with 00 and a schema id: write it with "
            "a serializer of the schema registry");
    uint32_t id = iso_get_u32(value.data + 1);
    for (size_t i = 0; i < definition->schema_count; i++) {
        const struct iso_definition_schema *schema = &definition->schemas[i];
        if (schema->has_registry_id && (uint32_t)schema->registry_id == id)
            return check_datum(
                admit, schema,
                iso_bytes(value.data + CONFLUENT_FRAME, value.size - CONFLUENT_FRAME),
                why);
    }
    return iso_fail(
        why, ISO_REFUSED,
        "the value's schema has registry id %u, which definition %u does not "
        "name: announce the schema before it is used",
        id, definition->number);
}

enum iso_err iso_admit_value(const struct iso_admit *admit, struct iso_bytes value,
                             struct iso_why *why)
{
    switch (admit->definition->format) {
    case ISO_FORMAT_AVRO:
        return check_avro(admit, value, why);
    case ISO_FORMAT_CONFLUENT:
        return check_confluent(admit, value, why);
    case ISO_FORMAT_OPAQUE:
        break;
    }
    return ISO_OK;
}
