/* assemble_ground.h - a collection of fields, parts of a record of it, and a reader:
 * what the tests of iso_assemble stand on. */
#ifndef ISO_TESTS_UNIT_ASSEMBLE_GROUND_H
#define ISO_TESTS_UNIT_ASSEMBLE_GROUND_H

#include "assemble_kit.h"

static struct iso_definition definition;
static struct iso_schemas *schemas;
static struct kit_parts parts;
static struct iso_assembler *assembler;
static struct iso_avro *reader;
static struct iso_buf got;
static struct iso_why why;

static inline void collection(const char *first, const char *second)
{
    definition = (struct iso_definition){.format = ISO_FORMAT_AVRO, .number = 1};
    snprintf(definition.collection, sizeof definition.collection, "users");
    snprintf(definition.resolver, sizeof definition.resolver, "fields");
    kit_fields_schema(&definition, first);
    if (second != NULL)
        kit_fields_schema(&definition, second);
    schemas = iso_schemas_new(&definition);
    for (size_t n = 0; n < iso_schemas_count(schemas); n++)
        ck_assert_ptr_nonnull(iso_schemas_fields(schemas, n));
}

static inline void assembler_drop(void)
{
    iso_assembler_free(assembler);
    iso_avro_free(reader);
    assembler = NULL;
    reader = NULL;
}

static inline void collection_drop(void)
{
    assembler_drop();
    iso_schemas_free(schemas);
    for (size_t n = 0; n < definition.schema_count; n++)
        iso_free(definition.schemas[n].json);
    iso_free(definition.schemas);
    definition = (struct iso_definition){0};
    kit_parts_release(&parts);
}

static inline void teardown(void)
{
    collection_drop();
    iso_buf_release(&got);
}

/* Another collection than setup's. */
static inline void instead(const char *first, const char *second)
{
    collection_drop();
    collection(first, second);
}

static inline void put(size_t schema, const char *json)
{
    struct iso_buf datum = {0};
    kit_json(iso_schemas_at(schemas, schema), json, &datum);
    kit_parts_of(&parts, iso_schemas_fields(schemas, schema), iso_buf_bytes(&datum));
    iso_buf_release(&datum);
}

static inline void read_by(const char *schema)
{
    assembler_drop();
    reader = schema_parse(schema);
    enum iso_err err = iso_assembler_new(schemas, reader, &assembler, &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
}

static inline enum iso_err assemble(void)
{
    iso_buf_clear(&got);
    iso_buf_add_u8(&got, 0x55); /* it appends */
    enum iso_err err = iso_assemble(assembler, parts.parts, parts.count, &got, &why);
    if (err != ISO_OK)
        ck_assert_uint_eq(got.size, 1);
    ck_assert_uint_eq(got.data[0], 0x55);
    return err;
}

static inline void expect(const char *json)
{
    struct iso_buf want = {0};
    iso_buf_add_u8(&want, 0x55);
    kit_json(reader, json, &want);
    enum iso_err err = assemble();
    ck_assert_msg(err == ISO_OK, "%s: %s", json, why.text);
    struct iso_buf is = {0};
    ck_assert_int_eq(
        iso_avro_to_json(reader, iso_bytes(got.data + 1, got.size - 1), &is, &why),
        ISO_OK);
    ck_assert_msg(iso_bytes_equal(iso_buf_bytes(&got), iso_buf_bytes(&want)),
                  "%s, not %s", iso_buf_text(&is), json);
    iso_buf_release(&is);
    iso_buf_release(&want);
}

static inline void refuse(enum iso_err err, const char *words)
{
    enum iso_err is = assemble();
    ck_assert_msg(is == err, "%s, not %s", iso_err_name(is), iso_err_name(err));
    ck_assert_msg(strstr(why.text, words) != NULL, "%s lacks: %s", why.text, words);
}

#endif
