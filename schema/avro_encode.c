/* One recursive pass over the JSON and the schema, as deep as ISO_AVRO_DEPTH_MAX levels
 * of records, arrays and maps. The way down is a list on the stack, so that nothing is
 * printed until something is wrong. What is searched in a row (symbols, branches) is
 * paid for in steps, so that a large enum and a long array do not multiply. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "schema/avro_encode.h"

enum { SEARCHED_A_STEP = 8 };

static enum iso_err limit_check(struct iso_avro_encoder *encoder, size_t steps)
{
    if (encoder->steps_left < steps)
        return iso_avro_encode_over(encoder, "it has too many parts: split it");
    encoder->steps_left -= steps;
    return encoder->out->size > encoder->out_max ? iso_avro_encode_long(encoder)
                                                 : ISO_OK;
}

enum iso_err iso_avro_encode_over(struct iso_avro_encoder *encoder, const char *problem)
{
    struct iso_buf place = {0};
    encoder->over = true;
    iso_avro_step_print(encoder->at, &place);
    iso_why_write(encoder->why, ISO_BAD_DATA, "%.200s: %s", iso_buf_text(&place),
                  problem);
    iso_buf_release(&place);
    return ISO_BAD_DATA;
}

enum iso_err iso_avro_encode_long(struct iso_avro_encoder *encoder)
{
    char problem[100];
    snprintf(problem, sizeof problem,
             "with it the datum is longer than %zu bytes: make it shorter, or split it",
             encoder->out_max);
    return iso_avro_encode_over(encoder, problem);
}

static enum iso_err encode_at(struct iso_avro_encoder *encoder,
                              struct iso_avro_step step, uint32_t node, json_t *json)
{
    step.up = encoder->at;
    encoder->at = &step;
    enum iso_err err = iso_avro_encode(encoder, node, json);
    encoder->at = step.up;
    return err;
}

/* ---- what has no parts ---- */

/* JSON has no such numbers; Java's encoder writes these words. */
static bool real_of(json_t *json, double *real)
{
    if (json_is_number(json)) {
        *real = json_number_value(json);
        return true;
    }
    const char *word = json_is_string(json) ? json_string_value(json) : "";
    if (strcmp(word, "NaN") == 0)
        *real = (double)NAN;
    else if (strcmp(word, "Infinity") == 0)
        *real = (double)INFINITY;
    else if (strcmp(word, "-Infinity") == 0)
        *real = -(double)INFINITY;
    else
        return false;
    return true;
}

static void little_add(struct iso_buf *out, uint64_t bits, size_t size)
{
    for (size_t i = 0; i < size; i++)
        iso_buf_add_u8(out, (uint8_t)(bits >> 8 * i));
}

static bool number_encode(enum iso_avro_kind kind, json_t *json, struct iso_buf *out)
{
    if (kind == ISO_AVRO_INT || kind == ISO_AVRO_LONG) {
        json_int_t value = json_integer_value(json);
        bool fits = kind == ISO_AVRO_LONG || (value >= INT32_MIN && value <= INT32_MAX);
        if (!json_is_integer(json) || !fits)
            return false;
        iso_avro_add_long(out, value);
        return true;
    }
    double real;
    if (!real_of(json, &real))
        return false;
    if (kind == ISO_AVRO_FLOAT) {
        float single = (float)real;
        if (isinf(single) && !isinf(real))
            return false;
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        little_add(out, bits, sizeof bits);
        return true;
    }
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    little_add(out, bits, sizeof bits);
    return true;
}

/* A character U+0000..U+00FF for each byte; the text is UTF-8. `fixed`: so many. */
static bool bytes_encode(json_t *json, const uint32_t *fixed, struct iso_buf *out)
{
    if (!json_is_string(json))
        return false;
    const uint8_t *text = (const uint8_t *)json_string_value(json);
    size_t size = json_string_length(json), count = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] > 0xc3)
            return false;
        count += (text[i] & 0xc0) != 0x80;
    }
    if (fixed == NULL)
        iso_avro_add_long(out, (int64_t)count);
    else if (count != *fixed)
        return false;
    iso_buf_reserve(out, count);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = text[i];
        if (byte >= 0x80)
            byte = (uint8_t)(byte << 6 | (text[++i] & 0x3f));
        out->data[out->size++] = byte;
    }
    return true;
}

static bool leaf_encode(const struct iso_avro_node *node, json_t *json,
                        struct iso_buf *out)
{
    switch ((int)node->kind) {
    case ISO_AVRO_NULL:
        return json_is_null(json);
    case ISO_AVRO_BOOLEAN:
        if (json_is_boolean(json))
            iso_buf_add_u8(out, json_is_true(json));
        return json_is_boolean(json);
    case ISO_AVRO_BYTES:
        return bytes_encode(json, NULL, out);
    case ISO_AVRO_FIXED:
        return bytes_encode(json, &node->count, out);
    case ISO_AVRO_STRING:
        if (json_is_string(json))
            iso_avro_add_bytes(
                out, iso_bytes(json_string_value(json), json_string_length(json)));
        return json_is_string(json);
    default:
        return number_encode(node->kind, json, out);
    }
}

static enum iso_err enum_encode(struct iso_avro_encoder *encoder, uint32_t number,
                                json_t *json)
{
    const struct iso_avro *schema = encoder->schema;
    const struct iso_avro_node *node = &schema->nodes[number];
    const char *symbol = json_is_string(json) ? json_string_value(json) : "";
    uint32_t i = 0;
    while (i < node->count &&
           strcmp(symbol, iso_avro_name(schema, schema->edges[node->first + i].name)) !=
               0)
        i++;
    if (i == node->count || strlen(symbol) != json_string_length(json))
        return iso_avro_misfit(encoder, number, json);
    iso_avro_add_long(encoder->out, i);
    return limit_check(encoder, i / SEARCHED_A_STEP);
}

/* ---- what has parts ---- */

static enum iso_err items_encode(struct iso_avro_encoder *encoder, uint32_t number,
                                 json_t *json)
{
    bool map = encoder->schema->nodes[number].kind == ISO_AVRO_MAP;
    if (map ? !json_is_object(json) : !json_is_array(json))
        return iso_avro_misfit(encoder, number, json);
    uint32_t below = encoder->schema->edges[encoder->schema->nodes[number].first].node;
    size_t count = map ? json_object_size(json) : json_array_size(json);
    if (count > encoder->items_left)
        return iso_avro_encode_over(encoder, "all arrays and maps together have more "
                                             "than 65536 items: split it");
    encoder->items_left -= count;
    if (count > 0)
        iso_avro_add_long(encoder->out, (int64_t)count);
    enum iso_err err = ISO_OK;
    void *next = map ? json_object_iter(json) : NULL;
    for (size_t i = 0; i < count && err == ISO_OK; i++) {
        struct iso_avro_step step = {.item = i, .key = map};
        json_t *item = map ? json_object_iter_value(next) : NULL;
        if (map) {
            step.name = json_object_iter_key(next);
            iso_avro_add_text(encoder->out, step.name);
            next = json_object_iter_next(json, next);
        } else {
            item = json_array_get(json, i);
        }
        err = encode_at(encoder, step, below, item);
    }
    iso_avro_add_long(encoder->out, 0);
    return err;
}

static enum iso_err missing_encode(struct iso_avro_encoder *encoder, uint32_t record,
                                   uint32_t edge)
{
    const struct iso_avro_edge *field = &encoder->schema->edges[edge];
    struct iso_avro_step step = {.up = encoder->at,
                                 .name = iso_avro_name(encoder->schema, field->name)};
    encoder->at = &step;
    enum iso_err err = encoder->need != NULL ? encoder->need(encoder, edge) : ISO_OK;
    if (err == ISO_OK && !field->has_fallback)
        err = iso_avro_misfit_missing(encoder, record, edge);
    if (err == ISO_OK) {
        iso_buf_add_bytes(encoder->out, iso_avro_fallback(encoder->schema, field));
        err = limit_check(encoder, 1);
    }
    encoder->at = step.up;
    return err;
}

static enum iso_err record_encode(struct iso_avro_encoder *encoder, uint32_t number,
                                  json_t *json)
{
    if (!json_is_object(json))
        return iso_avro_misfit(encoder, number, json);
    const struct iso_avro *schema = encoder->schema;
    const struct iso_avro_node *node = &schema->nodes[number];
    size_t found = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        uint32_t edge = node->first + i;
        struct iso_avro_step step = {
            .name = iso_avro_name(schema, schema->edges[edge].name)};
        json_t *value = json_object_get(json, step.name);
        enum iso_err err =
            value == NULL ? missing_encode(encoder, number, edge)
                          : encode_at(encoder, step, schema->edges[edge].node, value);
        if (err != ISO_OK)
            return err;
        found += value != NULL;
    }
    return found == json_object_size(json)
               ? ISO_OK
               : iso_avro_misfit_unknown(encoder, number, json);
}

/* ---- unions ---- */

static enum iso_err branch_encode(struct iso_avro_encoder *encoder, uint32_t number,
                                  uint32_t branch, json_t *json)
{
    const struct iso_avro *schema = encoder->schema;
    iso_avro_add_long(encoder->out, branch);
    return iso_avro_encode(
        encoder, schema->edges[schema->nodes[number].first + branch].node, json);
}

static enum iso_err plain_encode(struct iso_avro_encoder *encoder, uint32_t number,
                                 json_t *json)
{
    uint32_t count = encoder->schema->nodes[number].count;
    size_t size = encoder->out->size, items = encoder->items_left;
    bool trying = encoder->trying;
    for (uint32_t i = 0; i < count; i++) {
        encoder->trying = trying || count > 1;
        enum iso_err err = branch_encode(encoder, number, i, json);
        encoder->trying = trying;
        if (err == ISO_OK || encoder->over || count == 1)
            return err;
        encoder->out->size = size;
        encoder->items_left = items;
    }
    return iso_avro_misfit(encoder, number, json);
}

/* The branch of that name; the union's count when it has none. */
static uint32_t branch_find(const struct iso_avro *schema,
                            const struct iso_avro_node *node, const char *name)
{
    uint32_t i = 0;
    for (; i < node->count; i++) {
        uint32_t below = schema->edges[node->first + i].node;
        if (strcmp(name, iso_avro_branch_name(schema, below)) == 0)
            break;
    }
    return i;
}

static enum iso_err tagged_encode(struct iso_avro_encoder *encoder, uint32_t number,
                                  json_t *json)
{
    const struct iso_avro_node *node = &encoder->schema->nodes[number];
    void *only = json_object_size(json) == 1 ? json_object_iter(json) : NULL;
    if (only == NULL && !json_is_null(json))
        return iso_avro_misfit(encoder, number, json);
    const char *name = only != NULL ? json_object_iter_key(only) : "null";
    uint32_t branch = branch_find(encoder->schema, node, name);
    bool tagged_null = only != NULL && strcmp(name, "null") == 0;
    if (branch == node->count || tagged_null)
        return iso_avro_misfit(encoder, number, json);
    enum iso_err err = limit_check(encoder, branch / SEARCHED_A_STEP);
    if (err != ISO_OK)
        return err;
    return branch_encode(encoder, number, branch,
                         only != NULL ? json_object_iter_value(only) : json);
}

static enum iso_err parts_encode(struct iso_avro_encoder *encoder, uint32_t number,
                                 json_t *json)
{
    if (encoder->depth == ISO_AVRO_DEPTH_MAX)
        return iso_avro_encode_over(encoder,
                                    "it is nested more than 64 deep: make it flatter");
    encoder->depth++;
    enum iso_err err = encoder->schema->nodes[number].kind == ISO_AVRO_RECORD
                           ? record_encode(encoder, number, json)
                           : items_encode(encoder, number, json);
    encoder->depth--;
    return err;
}

enum iso_err iso_avro_encode(struct iso_avro_encoder *encoder, uint32_t number,
                             json_t *json)
{
    enum iso_err err = limit_check(encoder, 1);
    if (err != ISO_OK)
        return err;
    const struct iso_avro_node *node = &encoder->schema->nodes[number];
    switch ((int)node->kind) {
    case ISO_AVRO_ENUM:
        return enum_encode(encoder, number, json);
    case ISO_AVRO_UNION:
        return encoder->plain ? plain_encode(encoder, number, json)
                              : tagged_encode(encoder, number, json);
    case ISO_AVRO_ARRAY:
    case ISO_AVRO_MAP:
    case ISO_AVRO_RECORD:
        return parts_encode(encoder, number, json);
    default:
        return leaf_encode(node, json, encoder->out)
                   ? limit_check(encoder, 0)
                   : iso_avro_misfit(encoder, number, json);
    }
}
