/* assemble_kit.h - a collection of fields, and parts of its records made from JSON, for
 * the tests of what readers are given. Texts have ' for ". */
#ifndef ISO_TESTS_UNIT_ASSEMBLE_KIT_H
#define ISO_TESTS_UNIT_ASSEMBLE_KIT_H

#include <check.h>
#include <stdlib.h>

#include "base/arena.h"
#include "schema/assemble.h"
#include "schema/avro_resolve.h"
#include "schema_kit.h"
#include "schema_text.h"

#define MERGED(name, merge, type) \
    "{'name':'" name "','merge':'" merge "','type':" type "}"
#define MERGED_OR(name, merge, type, fallback) \
    "{'name':'" name "','merge':'" merge "','type':" type ",'default':" fallback "}"

static inline struct iso_buf kit_quoted(const char *text)
{
    struct iso_buf json = {0};
    iso_buf_add_bytes(&json, iso_bytes_text(text));
    for (size_t i = 0; i < json.size; i++)
        if (json.data[i] == '\'')
            json.data[i] = '"';
    return json;
}

/* Appends. */
static inline void kit_json(const struct iso_avro *schema, const char *text,
                            struct iso_buf *datum)
{
    struct iso_why why = {0};
    struct iso_buf json = kit_quoted(text);
    ck_assert_msg(iso_avro_from_json(schema, iso_buf_bytes(&json), datum, &why) ==
                      ISO_OK,
                  "%s: %s", text, why.text);
    iso_buf_release(&json);
}

static inline void kit_fields_schema(struct iso_definition *definition,
                                     const char *text)
{
    struct iso_buf json = kit_quoted(text);
    kit_schema(definition, iso_buf_text(&json), 0);
    iso_buf_release(&json);
}

enum { KIT_PARTS = 70000 };

/* Parts, by path. */
struct kit_parts {
    struct iso_shown_part *parts;
    size_t count;
    struct iso_arena arena;
};

static inline void kit_parts_release(struct kit_parts *kit)
{
    iso_free(kit->parts);
    iso_arena_release(&kit->arena);
    *kit = (struct kit_parts){0};
}

static inline struct iso_bytes kit_keep(struct kit_parts *kit, struct iso_bytes bytes)
{
    uint8_t *copy = iso_arena_take(&kit->arena, bytes.size + 1);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return iso_bytes(copy, bytes.size);
}

static inline int kit_part_order(const void *a, const void *b)
{
    const struct iso_shown_part *left = a, *right = b;
    struct iso_buf one = {0}, other = {0};
    iso_path_encode(&left->path, &one);
    iso_path_encode(&right->path, &other);
    int order = iso_bytes_compare(iso_buf_bytes(&one), iso_buf_bytes(&other));
    iso_buf_release(&one);
    iso_buf_release(&other);
    return order;
}

/* Copies all but the fingerprint; kit_parts_sort is to follow. */
static inline void kit_part_add(struct kit_parts *kit, struct iso_shown_part part)
{
    if (kit->parts == NULL)
        kit->parts = iso_alloc_zero(KIT_PARTS, sizeof *kit->parts);
    ck_assert_uint_lt(kit->count, KIT_PARTS);
    part.path.field = kit_keep(kit, part.path.field);
    part.path.member = kit_keep(kit, part.path.member);
    part.path.element = kit_keep(kit, part.path.element);
    part.datum = kit_keep(kit, part.datum);
    kit->parts[kit->count++] = part;
}

static inline void kit_parts_sort(struct kit_parts *kit)
{
    qsort(kit->parts, kit->count, sizeof *kit->parts, kit_part_order);
}

/* The parts of a record, as a resolver would show them; of a counter its number. A
 * flag that is false is no part. */
static inline void kit_parts_of(struct kit_parts *kit, const struct iso_fields *fields,
                                struct iso_bytes datum)
{
    struct iso_fields_walk walk = iso_fields_walk(fields, datum);
    struct iso_fields_part part;
    while (iso_fields_next(&walk, &part)) {
        struct iso_shown_part shown = {.path = part.path, .rule = part.field->rule};
        struct iso_avro_cursor cursor = iso_avro_read(part.datum);
        if (shown.rule == ISO_RULE_COUNTER) {
            shown.number = iso_avro_long(&cursor);
        } else if (shown.rule == ISO_RULE_LWW || shown.rule == ISO_RULE_MAX ||
                   shown.rule == ISO_RULE_MIN) {
            shown.fingerprint = iso_fields_fingerprint(fields);
            shown.datum = part.datum;
        }
        if (shown.rule != ISO_RULE_FLAG || iso_avro_boolean(&cursor))
            kit_part_add(kit, shown);
    }
    if (kit->count > 0)
        kit_parts_sort(kit);
}

/* ---- a collection, parts of a record of it, and a reader ---- */

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
    strcpy(definition.collection, "users");
    strcpy(definition.resolver, "fields");
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
