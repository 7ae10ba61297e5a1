/* The sentences of a JSON that is no datum: where, what stands there, what is wanted,
 * and of a union how it is written. All that is shown of a value is cut, and nothing is
 * written while another branch of a union may still take it. */
#include <jansson.h>
#include <stdlib.h>

#include "schema/avro_encode.h"

enum { SHOWN_MAX = 60 }; /* bytes of a value */

/* From the top down. */
void iso_avro_step_print(const struct iso_avro_step *at, struct iso_buf *text)
{
    const struct iso_avro_step *way[2 * ISO_AVRO_DEPTH_MAX];
    size_t count = 0;
    for (; at != NULL && count < 2 * ISO_AVRO_DEPTH_MAX; at = at->up)
        way[count++] = at;
    iso_buf_print(text, "%s", count > 0 ? "field " : "the top");
    for (size_t i = count; i > 0; i--) {
        const struct iso_avro_step *step = way[i - 1];
        if (step->key)
            iso_buf_print(text, "[\"%s\"]", step->name);
        else if (step->name == NULL)
            iso_buf_print(text, "[%zu]", step->item);
        else
            iso_buf_print(text, "%s%s", i < count ? "." : "", step->name);
    }
}

/* Stops jansson when there is more than is shown. */
static int value_take(const char *text, size_t size, void *shown)
{
    struct iso_buf *buf = shown;
    iso_buf_add(buf, text, size <= SHOWN_MAX ? size : SHOWN_MAX + 1);
    return buf->size > SHOWN_MAX ? -1 : 0;
}

/* The value as it stands in JSON; a long one is cut between characters. */
static void value_print(const json_t *json, struct iso_buf *text)
{
    struct iso_buf shown = {0};
    json_dump_callback(json, value_take, &shown, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t size = shown.size;
    if (shown.size > SHOWN_MAX)
        for (size = SHOWN_MAX; size > 0 && (shown.data[size] & 0xc0) == 0x80;)
            size--;
    iso_buf_add(text, shown.data, size);
    if (size < shown.size)
        iso_buf_print(text, "…");
    iso_buf_release(&shown);
}

static void stands_print(const json_t *json, struct iso_buf *text)
{
    static const char *const words[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a string",  [JSON_INTEGER] = "the integer",
        [JSON_REAL] = "the number",  [JSON_TRUE] = "the boolean",
        [JSON_FALSE] = "the boolean"};
    if (json_is_null(json)) {
        iso_buf_print(text, "null");
        return;
    }
    iso_buf_print(text, "%s", words[json_typeof(json)]);
    if (json_is_number(json) || json_is_boolean(json)) {
        iso_buf_print(text, " ");
        value_print(json, text);
    }
}

/* The names of a union's branches or an enum's symbols, as many as a sentence bears. */
static void names_print(const struct iso_avro *schema, const struct iso_avro_node *node,
                        struct iso_buf *text)
{
    size_t begun = text->size;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct iso_avro_edge *edge = &schema->edges[node->first + i];
        const char *name = node->kind == ISO_AVRO_ENUM
                               ? iso_avro_name(schema, edge->name)
                               : iso_avro_branch_name(schema, edge->node);
        if (text->size - begun > 2 * SHOWN_MAX) {
            iso_buf_print(text, ", …");
            return;
        }
        iso_buf_print(text, "%s%s", i > 0 ? ", " : "", name);
    }
    if (node->count == 0)
        iso_buf_print(text, "nothing, since it is empty");
}

/* ---- unions ---- */

static bool branch_takes(const struct iso_avro *schema, uint32_t number,
                         const json_t *json)
{
    switch ((int)schema->nodes[number].kind) {
    case ISO_AVRO_BOOLEAN:
        return json_is_boolean(json);
    case ISO_AVRO_INT:
    case ISO_AVRO_LONG:
        return json_is_integer(json);
    case ISO_AVRO_FLOAT:
    case ISO_AVRO_DOUBLE:
        return json_is_number(json);
    case ISO_AVRO_ARRAY:
        return json_is_array(json);
    case ISO_AVRO_MAP:
    case ISO_AVRO_RECORD:
        return json_is_object(json);
    case ISO_AVRO_NULL:
        return json_is_null(json);
    default:
        return json_is_string(json);
    }
}

/* The first branch that looks as if the value were meant for it, or NULL. */
static const char *branch_meant(const struct iso_avro *schema,
                                const struct iso_avro_node *node, const json_t *json)
{
    for (uint32_t i = 0; i < node->count; i++) {
        uint32_t below = schema->edges[node->first + i].node;
        if (below != ISO_AVRO_NULL && branch_takes(schema, below, json))
            return iso_avro_branch_name(schema, below);
    }
    return NULL;
}

static void union_print(const struct iso_avro_encoder *encoder,
                        const struct iso_avro_node *node, json_t *json,
                        struct iso_buf *text)
{
    const struct iso_avro *schema = encoder->schema;
    iso_buf_print(text, "a value of a union of ");
    names_print(schema, node, text);
    if (encoder->plain)
        return;
    void *only = json_object_size(json) == 1 ? json_object_iter(json) : NULL;
    if (only != NULL && strcmp(json_object_iter_key(only), "null") == 0) {
        iso_buf_print(text, ": null is written as it is");
        return;
    }
    const char *meant = branch_meant(schema, node, json);
    /* An object of one member names a branch, if a wrong one: wrapping it again would
     * be no help. */
    if (meant == NULL || only != NULL) {
        iso_buf_print(text, ", written null or {\"branch\": value}");
        return;
    }
    iso_buf_print(text, ": write {\"%.100s\": ", meant);
    value_print(json, text);
    iso_buf_print(text, "}");
}

/* ---- the sentences ---- */

static void wanted_print(const struct iso_avro_encoder *encoder, uint32_t number,
                         json_t *json, struct iso_buf *text)
{
    const struct iso_avro_node *node = &encoder->schema->nodes[number];
    if (node->kind == ISO_AVRO_UNION) {
        union_print(encoder, node, json, text);
        return;
    }
    const char *name = iso_avro_branch_name(encoder->schema, number);
    switch ((int)node->kind) {
    case ISO_AVRO_RECORD:
        iso_buf_print(text, "the record %s", name);
        break;
    case ISO_AVRO_ENUM:
        iso_buf_print(text, "a symbol of the enum %.80s: ", name);
        names_print(encoder->schema, node, text);
        break;
    case ISO_AVRO_FIXED:
        iso_buf_print(text, "the fixed %.80s: a string of %u characters U+0000..U+00FF",
                      name, node->count);
        break;
    case ISO_AVRO_BYTES:
        iso_buf_print(text, "bytes: a string of characters U+0000..U+00FF");
        break;
    default:
        iso_buf_print(text, "%s", name);
        if (node->kind == ISO_AVRO_INT && json_is_integer(json))
            iso_buf_print(text, ", -2147483648..2147483647");
        if (node->kind == ISO_AVRO_FLOAT && json_is_number(json))
            iso_buf_print(text, ", which does not reach so far");
    }
}

enum iso_err iso_avro_misfit(struct iso_avro_encoder *encoder, uint32_t number,
                             json_t *json)
{
    if (encoder->trying)
        return ISO_BAD_DATA;
    struct iso_buf place = {0}, stands = {0}, wanted = {0};
    iso_avro_step_print(encoder->at, &place);
    stands_print(json, &stands);
    enum iso_avro_kind kind = encoder->schema->nodes[number].kind;
    if (json_is_string(json) && kind == ISO_AVRO_ENUM) {
        iso_buf_clear(&stands);
        value_print(json, &stands);
    }
    wanted_print(encoder, number, json, &wanted);
    iso_why_write(encoder->why, ISO_BAD_DATA, "%.160s: %s stands there, wanted is %s",
                  iso_buf_text(&place), iso_buf_text(&stands), iso_buf_text(&wanted));
    iso_buf_release(&place);
    iso_buf_release(&stands);
    iso_buf_release(&wanted);
    return ISO_BAD_DATA;
}

enum iso_err iso_avro_misfit_missing(struct iso_avro_encoder *encoder, uint32_t record,
                                     uint32_t edge)
{
    if (encoder->trying)
        return ISO_BAD_DATA;
    const struct iso_avro *schema = encoder->schema;
    struct iso_buf place = {0}, wanted = {0};
    iso_avro_step_print(encoder->at, &place);
    wanted_print(encoder, schema->edges[edge].node, NULL, &wanted);
    iso_why_write(encoder->why, ISO_BAD_DATA,
                  "%.160s: it is left out, and the record %.80s gives it no default: "
                  "wanted is %s",
                  iso_buf_text(&place),
                  iso_avro_name(schema, schema->nodes[record].name),
                  iso_buf_text(&wanted));
    iso_buf_release(&place);
    iso_buf_release(&wanted);
    return ISO_BAD_DATA;
}

/* The first member that is no field; the fields are in a dictionary, since there may be
 * many of both. */
static const char *member_unknown(const struct iso_avro *schema,
                                  const struct iso_avro_node *node, json_t *json)
{
    json_t *fields = json_object();
    for (uint32_t i = 0; i < node->count; i++)
        json_object_set_new(fields,
                            iso_avro_name(schema, schema->edges[node->first + i].name),
                            json_true());
    void *next = json_object_iter(json);
    while (next != NULL && json_object_get(fields, json_object_iter_key(next)) != NULL)
        next = json_object_iter_next(json, next);
    json_decref(fields);
    return next != NULL ? json_object_iter_key(next) : "";
}

enum iso_err iso_avro_misfit_unknown(struct iso_avro_encoder *encoder, uint32_t record,
                                     json_t *json)
{
    if (encoder->trying)
        return ISO_BAD_DATA;
    const struct iso_avro *schema = encoder->schema;
    struct iso_avro_step step = {
        .up = encoder->at,
        .name = member_unknown(schema, &schema->nodes[record], json)};
    struct iso_buf place = {0};
    iso_avro_step_print(&step, &place);
    iso_why_write(
        encoder->why, ISO_BAD_DATA,
        "%.160s: the record %.160s has no such field: leave it out, or name a "
        "schema that has it",
        iso_buf_text(&place), iso_avro_name(schema, schema->nodes[record].name));
    iso_buf_release(&place);
    return ISO_BAD_DATA;
}
