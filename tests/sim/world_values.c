/* The values of a world: any bytes, or those of schemas, of which one does not parse,
 * one stands under another's fingerprint, and one comes with the later definition. What
 * services write is right; what others write may be anything near it. */
#include "world.h"

#include <check.h>
#include <stdio.h>

#include "base/mem.h"
#include "schema/value.h"

/* In the order of the definition. */
static const char *const schema_texts[] = {
    "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"text\",\"type\":"
    "\"string\"}]}",
    "{\"type\":\"record\",\"name\":\"V\"}",
    "\"bytes\"",
    "\"string\"",
};
enum { BROKEN = 1, LYING = 2, LATER = WORLD_SCHEMA_LATER, SCHEMAS = 4 };

static bool has_schemas(const struct world *world)
{
    return world->plan.avro || world->plan.fields;
}

static const char *text_of(const struct world *world, size_t n)
{
    bool whole = n == 0 || n == LATER;
    return world->plan.fields && whole ? world_fields_schema(n == LATER)
                                       : schema_texts[n];
}

void world_fingerprint(const struct world *world, size_t n,
                       uint8_t fingerprint[ISO_FINGERPRINT_SIZE])
{
    struct iso_avro *schema;
    struct iso_why why = {0};
    memset(fingerprint, 7, ISO_FINGERPRINT_SIZE);
    if (n == BROKEN)
        return;
    /* The one that lies has the name of the one that comes later, but for a byte. */
    const char *text = text_of(world, n == LYING ? LATER : n);
    WORLD_OK(iso_avro_parse(iso_bytes_text(text), &schema, &why));
    iso_avro_fingerprint(schema, fingerprint);
    iso_avro_free(schema);
    fingerprint[0] ^= n == LYING;
}

void world_schemas_add(const struct world *world, struct iso_definition *definition,
                       bool later)
{
    if (!has_schemas(world))
        return;
    definition->format = ISO_FORMAT_AVRO;
    definition->schemas =
        iso_realloc(definition->schemas, SCHEMAS * sizeof *definition->schemas);
    size_t end = later ? SCHEMAS : LATER;
    for (size_t n = definition->schema_count; n < end; n++) {
        definition->schemas[n] =
            (struct iso_definition_schema){.json = iso_strdup(text_of(world, n))};
        world_fingerprint(world, n, definition->schemas[n].fingerprint);
    }
    definition->schema_count = end;
}

/* One that the record of one text, and the text itself, have in common. */
static void datum_add(struct world *world, struct iso_buf *value)
{
    char text[WORLD_LARGE + 32];
    size_t filled = world_large(world, text);
    snprintf(text + filled, 32, "value-%u", (unsigned)world_dice(world, 1000));
    if (world->plan.avro)
        iso_avro_add_text(value, text);
    else
        iso_buf_add_bytes(value, iso_bytes_text(text));
}

void world_value(struct world *world, const struct iso_producer *producer,
                 struct iso_buf *value)
{
    const struct iso_schemas *schemas = iso_producer_schemas(producer);
    size_t n = 0;
    if (iso_schemas_count(schemas) > LATER && world_dice(world, 2) == 0)
        n = LATER;
    iso_value_begin(schemas, n, value);
    datum_add(world, value);
}

void world_value_any(struct world *world, struct iso_buf *value)
{
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    if (!has_schemas(world) || world_dice(world, 8) == 0) {
        iso_buf_add_bytes(value, iso_bytes_text("from elsewhere"));
        return;
    }
    if (world->plan.fields && world_dice(world, 2) == 0) {
        world_patch_any(world, false, value);
    } else if (world->plan.fields && world->plan.hostile && world_dice(world, 4) > 0) {
        world_record(world, world->regions[0].producers[0], false, value);
    } else {
        world_fingerprint(world, world_dice(world, SCHEMAS), fingerprint);
        iso_buf_add(value, "\xc3\x01", 2);
        iso_buf_add(value, fingerprint, sizeof fingerprint);
        datum_add(world, value);
    }
    if (world_dice(world, 6) == 0)
        iso_buf_add_u8(value, 0);
    if (world_dice(world, 6) == 0)
        value->size = world_dice(world, value->size);
    if (world_dice(world, 6) == 0 && value->size > 0)
        value->data[world_dice(world, value->size)] ^= 1 << world_dice(world, 8);
}
