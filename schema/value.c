/* What stands before a datum names its schema by a number: the fingerprint, or the
 * registry's id. The schemas are kept in the definition's order, and beside it sorted
 * by that number, so that a value finds its own by halves; nothing is written after
 * they were made, so a check needs no lock and no memory.
 *
 * A schema that cannot be used fails nobody but its own values: it is kept without its
 * parsed form, with the reason. A fingerprint is believed only when the text that
 * stands with it has it; else two definitions, or two programs, could read one value by
 * two schemas. */
#include "schema/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { AVRO_FRAME = 2 + ISO_FINGERPRINT_SIZE, CONFLUENT_FRAME = 1 + 4 };
enum { AVRO_FIRST = 0xc3, AVRO_SECOND = 0x01, CONFLUENT_FIRST = 0x00 };
enum { FINGERPRINT_DIGITS = 2 * ISO_FINGERPRINT_SIZE };

struct schemas_item {
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    uint32_t registry_id;
    struct iso_avro *schema;   /* NULL: it cannot be used … */
    struct iso_fields *fields; /* of a collection of fields */
    char *problem;             /* … and why */
};

struct schemas_name {
    uint64_t name; /* as it stands in a value */
    size_t n;
};

struct iso_schemas {
    enum iso_format format;
    char collection[ISO_COLLECTION_NAME_MAX + 1]; /* of the definition: for sentences */
    uint32_t definition;
    struct schemas_item *items;
    struct schemas_name *names; /* sorted */
    size_t count;
};

/* ---- making ---- */

static void fingerprint_text(const uint8_t fingerprint[ISO_FINGERPRINT_SIZE],
                             char text[FINGERPRINT_DIGITS + 1])
{
    for (size_t i = 0; i < ISO_FINGERPRINT_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", fingerprint[i]);
}

/* Parses the text, and holds it to the fingerprint that stands with it. */
static void item_fill(struct schemas_item *item,
                      const struct iso_definition_schema *schema, bool has_fields)
{
    struct iso_why why = {0};
    uint8_t is[ISO_FINGERPRINT_SIZE];
    memcpy(item->fingerprint, schema->fingerprint, sizeof item->fingerprint);
    item->registry_id = (uint32_t)schema->registry_id;
    enum iso_err err =
        iso_avro_parse(iso_bytes_text(schema->json), &item->schema, &why);
    if (err == ISO_OK) {
        iso_avro_fingerprint(item->schema, is);
        if (memcmp(is, schema->fingerprint, sizeof is) != 0) {
            char text[FINGERPRINT_DIGITS + 1];
            fingerprint_text(is, text);
            err =
                iso_fail(&why, ISO_BAD_DATA, "the fingerprint of its text is %s", text);
        } else if (has_fields) {
            err = iso_fields_new(item->schema, &item->fields, &why);
        }
        if (err == ISO_OK)
            return;
        iso_avro_free(item->schema);
    }
    item->schema = NULL;
    item->problem = iso_strdup(why.text);
}

static int name_order(const void *a, const void *b)
{
    const struct schemas_name *left = a, *right = b;
    return (left->name > right->name) - (left->name < right->name);
}

static uint64_t name_of(enum iso_format format, const struct schemas_item *item)
{
    return format == ISO_FORMAT_CONFLUENT ? item->registry_id
                                          : iso_get_u64(item->fingerprint);
}

struct iso_schemas *iso_schemas_new(const struct iso_definition *definition)
{
    struct iso_schemas *schemas = iso_alloc_zero(1, sizeof *schemas);
    schemas->format = definition->format;
    schemas->definition = definition->number;
    memcpy(schemas->collection, definition->collection, sizeof schemas->collection);
    if (definition->schema_count == 0)
        return schemas;
    schemas->count = definition->schema_count;
    schemas->items = iso_alloc_zero(schemas->count, sizeof schemas->items[0]);
    schemas->names = iso_alloc_zero(schemas->count, sizeof schemas->names[0]);
    for (size_t n = 0; n < schemas->count; n++) {
        item_fill(&schemas->items[n], &definition->schemas[n],
                  iso_definition_has_fields(definition));
        schemas->names[n] =
            (struct schemas_name){name_of(schemas->format, &schemas->items[n]), n};
    }
    qsort(schemas->names, schemas->count, sizeof schemas->names[0], name_order);
    return schemas;
}

void iso_schemas_free(struct iso_schemas *schemas)
{
    if (schemas == NULL)
        return;
    for (size_t n = 0; n < schemas->count; n++) {
        iso_fields_free(schemas->items[n].fields);
        iso_avro_free(schemas->items[n].schema);
        iso_free(schemas->items[n].problem);
    }
    iso_free(schemas->items);
    iso_free(schemas->names);
    iso_free(schemas);
}

/* ---- asking ---- */

size_t iso_schemas_count(const struct iso_schemas *schemas)
{
    return schemas->count;
}

enum iso_format iso_schemas_format(const struct iso_schemas *schemas)
{
    return schemas->format;
}

const struct iso_avro *iso_schemas_at(const struct iso_schemas *schemas, size_t n)
{
    iso_assert(n < schemas->count);
    return schemas->items[n].schema;
}

const struct iso_fields *iso_schemas_fields(const struct iso_schemas *schemas, size_t n)
{
    iso_assert(n < schemas->count);
    return schemas->items[n].fields;
}

const struct iso_field *iso_schemas_field(const struct iso_schemas *schemas,
                                          struct iso_bytes name)
{
    for (size_t n = schemas->count; n-- > 0;) {
        const struct iso_fields *fields = schemas->items[n].fields;
        const struct iso_field *field =
            fields != NULL ? iso_fields_find(fields, name) : NULL;
        if (field != NULL)
            return field;
    }
    return NULL;
}

bool iso_schemas_named(const struct iso_schemas *schemas,
                       const uint8_t fingerprint[ISO_FINGERPRINT_SIZE], size_t *n)
{
    for (size_t i = 0; i < schemas->count; i++) {
        if (memcmp(schemas->items[i].fingerprint, fingerprint, ISO_FINGERPRINT_SIZE) !=
                0 ||
            schemas->items[i].schema == NULL)
            continue;
        *n = i;
        return true;
    }
    return false;
}

const uint8_t *iso_schemas_fingerprint(const struct iso_schemas *schemas, size_t n)
{
    iso_assert(n < schemas->count);
    return schemas->items[n].fingerprint;
}

static bool canonical_same(const struct iso_avro *schema, struct iso_bytes canonical)
{
    struct iso_buf text = {0};
    iso_avro_canonical(schema, &text);
    bool same = iso_bytes_equal(iso_buf_bytes(&text), canonical);
    iso_buf_release(&text);
    return same;
}

enum iso_err iso_schemas_find(const struct iso_schemas *schemas,
                              const struct iso_avro *schema, size_t *n,
                              struct iso_why *why)
{
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    struct iso_buf canonical = {0};
    size_t at = schemas->count;
    iso_avro_fingerprint(schema, fingerprint);
    iso_avro_canonical(schema, &canonical);
    for (; at > 0; at--) {
        const struct schemas_item *item = &schemas->items[at - 1];
        if (memcmp(item->fingerprint, fingerprint, sizeof fingerprint) == 0 &&
            item->schema != NULL &&
            canonical_same(item->schema, iso_buf_bytes(&canonical)))
            break;
    }
    iso_buf_release(&canonical);
    if (at > 0) {
        *n = at - 1;
        return ISO_OK;
    }
    char text[FINGERPRINT_DIGITS + 1];
    fingerprint_text(fingerprint, text);
    return iso_fail(why, ISO_NOT_FOUND,
                    "the schema of fingerprint %s is none of definition %" PRIu32
                    " of %s: register it, `isostasy schema register %s FILE`",
                    text, schemas->definition, schemas->collection,
                    schemas->collection);
}

/* The place in the definition; false: it names none so. */
static bool name_find(const struct iso_schemas *schemas, uint64_t name, size_t *n)
{
    size_t low = 0, high = schemas->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (schemas->names[middle].name < name)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == schemas->count || schemas->names[low].name != name)
        return false;
    *n = schemas->names[low].n;
    return true;
}

/* ---- values ---- */

/* How a value names its schema, for sentences. */
static void value_names(const struct iso_schemas *schemas, struct iso_bytes value,
                        char *text, size_t room)
{
    if (schemas->format == ISO_FORMAT_CONFLUENT) {
        snprintf(text, room, "registry id %" PRIu32, iso_get_u32(value.data + 1));
        return;
    }
    char digits[FINGERPRINT_DIGITS + 1];
    fingerprint_text(value.data + 2, digits);
    snprintf(text, room, "fingerprint %s", digits);
}

static enum iso_err value_unnamed(const struct iso_schemas *schemas,
                                  struct iso_bytes value, struct iso_why *why)
{
    char text[64], how[32] = "FILE";
    value_names(schemas, value, text, sizeof text);
    if (schemas->format == ISO_FORMAT_CONFLUENT)
        snprintf(how, sizeof how, "--id %" PRIu32, iso_get_u32(value.data + 1));
    return iso_fail(why, ISO_REFUSED,
                    "the value's schema has %s, which definition %" PRIu32
                    " of %s does not name: `isostasy schema register %s %s`, then "
                    "`isostasy dead-letter replay` (if it is registered: with --again)",
                    text, schemas->definition, schemas->collection, schemas->collection,
                    how);
}

static enum iso_err value_unusable(const struct iso_schemas *schemas,
                                   struct iso_bytes value, const char *problem,
                                   struct iso_why *why)
{
    char text[64];
    value_names(schemas, value, text, sizeof text);
    return iso_fail(why, ISO_REFUSED,
                    "the value's schema, of %s, cannot be used as definition %" PRIu32
                    " of %s has it (%.160s): write with another one, `isostasy schema "
                    "register %s %s`",
                    text, schemas->definition, schemas->collection, problem,
                    schemas->collection,
                    schemas->format == ISO_FORMAT_CONFLUENT ? "--id N" : "FILE");
}

static enum iso_err frame_missing(const struct iso_schemas *schemas,
                                  struct iso_why *why)
{
    if (schemas->format == ISO_FORMAT_CONFLUENT)
        return iso_fail(why, ISO_BAD_DATA,
                        "the value does not begin with 00 and a schema id, as those of "
                        "%s do: write it with a serializer of the schema registry",
                        schemas->collection);
    return iso_fail(why, ISO_BAD_DATA,
                    "the value does not begin with C3 01 and a fingerprint, as those "
                    "of %s do: write it in Avro's single-object encoding",
                    schemas->collection);
}

enum iso_err iso_value_open(const struct iso_schemas *schemas, struct iso_bytes value,
                            struct iso_value *opened, struct iso_why *why)
{
    bool confluent = schemas->format == ISO_FORMAT_CONFLUENT;
    iso_assert(schemas->format != ISO_FORMAT_OPAQUE);
    size_t frame = confluent ? CONFLUENT_FRAME : AVRO_FRAME;
    if (value.size < frame ||
        value.data[0] != (confluent ? CONFLUENT_FIRST : AVRO_FIRST) ||
        (!confluent && value.data[1] != AVRO_SECOND))
        return frame_missing(schemas, why);
    uint64_t name =
        confluent ? iso_get_u32(value.data + 1) : iso_get_u64(value.data + 2);
    if (!name_find(schemas, name, &opened->schema))
        return value_unnamed(schemas, value, why);
    const struct schemas_item *item = &schemas->items[opened->schema];
    if (item->schema == NULL)
        return value_unusable(schemas, value, item->problem, why);
    opened->datum = iso_bytes(value.data + frame, value.size - frame);
    return ISO_OK;
}

enum iso_err iso_value_read(const struct iso_schemas *schemas, struct iso_bytes value,
                            struct iso_value *opened, struct iso_why *why)
{
    enum iso_err err = iso_value_open(schemas, value, opened, why);
    if (err != ISO_OK)
        return err;
    err = iso_avro_check(schemas->items[opened->schema].schema, opened->datum, why);
    if (err != ISO_OK)
        return iso_fail_at(why, err, "the value is not what its schema says");
    return ISO_OK;
}

enum iso_err iso_value_check(const struct iso_schemas *schemas, struct iso_bytes value,
                             struct iso_why *why)
{
    struct iso_value opened;
    return schemas->format == ISO_FORMAT_OPAQUE
               ? ISO_OK
               : iso_value_read(schemas, value, &opened, why);
}

void iso_value_begin(const struct iso_schemas *schemas, size_t n, struct iso_buf *value)
{
    if (schemas->format == ISO_FORMAT_OPAQUE)
        return;
    iso_assert(n < schemas->count);
    const struct schemas_item *item = &schemas->items[n];
    if (schemas->format == ISO_FORMAT_CONFLUENT) {
        iso_buf_add_u8(value, CONFLUENT_FIRST);
        iso_buf_add_u32(value, item->registry_id);
        return;
    }
    iso_buf_add_u8(value, AVRO_FIRST);
    iso_buf_add_u8(value, AVRO_SECOND);
    iso_buf_add(value, item->fingerprint, sizeof item->fingerprint);
}
