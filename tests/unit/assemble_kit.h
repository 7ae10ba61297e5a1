/* assemble_kit.h - schemas, and parts of its records made from JSON, for
 * the tests of what readers are given. Texts have ' for ". */
#ifndef ISO_TESTS_UNIT_ASSEMBLE_KIT_H
#define ISO_TESTS_UNIT_ASSEMBLE_KIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "schema/assemble.h"
#include "schema_kit.h"
#include "schema_text.h"

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

/* Parts, by path. */
struct kit_parts {
    struct iso_shown_part *parts;
    size_t count, room;
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
    if (kit->count == kit->room) {
        kit->room = kit->room == 0 ? 16 : kit->room * 2;
        kit->parts = iso_realloc(kit->parts, kit->room * sizeof *kit->parts);
    }
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

#endif
