/* jansson reads the JSON; one recursive pass, as deep as SCHEMA_DEPTH_MAX, turns it
 * into nodes. A named type gets its node before its fields are read, so that they can
 * refer to it. A dictionary (also jansson's) holds the full names; another, per record,
 * enum or union, finds what stands there twice, so that no schema costs more than its
 * length. Defaults are put aside until all nodes are there (avro_fallback.c).
 *
 * What the specification forbids is refused, with the place. Unions without branches
 * and enums without symbols are types as others: they only have no datum. */
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "schema/avro_parser.h"

enum { SCHEMA_JSON_MAX = 1 << 20, SCHEMA_DEPTH_MAX = 64 };
enum { FIXED_MAX = 1 << 20 };

static const char *const kind_names[ISO_AVRO_UNION] = {
    [ISO_AVRO_NULL] = "null",   [ISO_AVRO_BOOLEAN] = "boolean",
    [ISO_AVRO_INT] = "int",     [ISO_AVRO_LONG] = "long",
    [ISO_AVRO_FLOAT] = "float", [ISO_AVRO_DOUBLE] = "double",
    [ISO_AVRO_BYTES] = "bytes", [ISO_AVRO_STRING] = "string",
    [ISO_AVRO_ARRAY] = "array", [ISO_AVRO_MAP] = "map",
};

static enum iso_err type_parse(struct iso_avro_parser *parser,
                               struct iso_avro_place place, uint32_t *node);

enum iso_err iso_avro_parse_fail(struct iso_avro_parser *parser, const char *problem,
                                 const char *what)
{
    return iso_fail(
        parser->why, ISO_BAD_DATA, "the Avro schema is wrong at %.160s: %s %.120s",
        parser->path.size > 0 ? iso_buf_text(&parser->path) : "its top", problem, what);
}

size_t iso_avro_path_down(struct iso_avro_parser *parser, const char *name)
{
    size_t before = parser->path.size;
    iso_buf_print(&parser->path, "%s%s", before > 0 ? "." : "", name);
    return before;
}

void iso_avro_path_up(struct iso_avro_parser *parser, size_t before)
{
    parser->path.size = before;
}

/* The JSON's limit bounds all counts far below what 32 bits can say. */
static uint32_t node_add(struct iso_avro *schema, enum iso_avro_kind kind)
{
    if (schema->node_count == schema->node_room) {
        schema->node_room = schema->node_room == 0 ? 32 : schema->node_room * 2;
        schema->nodes =
            iso_realloc(schema->nodes, schema->node_room * sizeof *schema->nodes);
    }
    schema->nodes[schema->node_count] = (struct iso_avro_node){.kind = kind};
    return schema->node_count++;
}

/* Room for all edges of a node at once: they stand side by side, whatever lies below.
 */
static void edges_add(struct iso_avro *schema, uint32_t node, size_t count)
{
    schema->nodes[node].first = schema->edge_count;
    schema->nodes[node].count = (uint32_t)count;
    uint32_t want = schema->edge_count + (uint32_t)count;
    if (want > schema->edge_room) {
        schema->edge_room = want > 2 * schema->edge_room ? want : 2 * schema->edge_room;
        schema->edges =
            iso_realloc(schema->edges, schema->edge_room * sizeof *schema->edges);
    }
    for (; schema->edge_count < want; schema->edge_count++)
        schema->edges[schema->edge_count] = (struct iso_avro_edge){0};
}

static struct iso_avro_edge *edge_at(struct iso_avro *schema, uint32_t node, size_t n)
{
    return &schema->edges[schema->nodes[node].first + n];
}

static enum iso_avro_kind primitive_of(const char *name)
{
    for (unsigned i = 0; i < ISO_AVRO_PRIMITIVES; i++)
        if (strcmp(name, kind_names[i]) == 0)
            return (enum iso_avro_kind)i;
    return ISO_AVRO_PRIMITIVES;
}

/* True the first time that `set` is shown `name`. */
static bool set_add(json_t *set, const char *name)
{
    if (json_object_get(set, name) != NULL)
        return false;
    iso_assert(json_object_set_new(set, name, json_true()) == 0);
    return true;
}

static enum iso_err reference_parse(struct iso_avro_parser *parser, const char *name,
                                    struct iso_bytes space, uint32_t *node)
{
    enum iso_avro_kind primitive = primitive_of(name);
    if (primitive < ISO_AVRO_PRIMITIVES) {
        *node = primitive;
        return ISO_OK;
    }
    struct iso_buf full = {0};
    enum iso_err err = iso_avro_name_resolve(parser, name, space, &full);
    json_t *found = json_object_get(parser->named, iso_buf_text(&full));
    iso_buf_release(&full);
    if (err == ISO_OK && found == NULL)
        err = iso_avro_parse_fail(parser, "no type has been defined that is called",
                                  name);
    if (err == ISO_OK)
        *node = (uint32_t)json_integer_value(found);
    return err;
}

static enum iso_err union_parse(struct iso_avro_parser *parser,
                                struct iso_avro_place place, json_t *seen,
                                uint32_t node)
{
    struct iso_avro *schema = parser->schema;
    size_t count = json_array_size(place.json);
    edges_add(schema, node, count);
    for (size_t i = 0; i < count; i++) {
        struct iso_avro_place branch = {json_array_get(place.json, i), place.space};
        uint32_t below = 0;
        enum iso_err err = type_parse(parser, branch, &below);
        if (err != ISO_OK)
            return err;
        edge_at(schema, node, i)->node = below;
        if (schema->nodes[below].kind == ISO_AVRO_UNION)
            return iso_avro_parse_fail(parser, "a union stands in a union", "");
        const char *name = iso_avro_branch_name(schema, below);
        if (!set_add(seen, name))
            return iso_avro_parse_fail(parser, "a union has two branches of type",
                                       name);
    }
    return ISO_OK;
}

static enum iso_err container_parse(struct iso_avro_parser *parser,
                                    struct iso_avro_place place,
                                    enum iso_avro_kind kind, uint32_t *node)
{
    const char *attribute = kind == ISO_AVRO_ARRAY ? "items" : "values";
    struct iso_avro_place item = {json_object_get(place.json, attribute), place.space};
    if (item.json == NULL)
        return iso_avro_parse_fail(parser, "what is missing is", attribute);
    *node = node_add(parser->schema, kind);
    edges_add(parser->schema, *node, 1);
    uint32_t below = 0;
    enum iso_err err = type_parse(parser, item, &below);
    if (err == ISO_OK)
        edge_at(parser->schema, *node, 0)->node = below;
    return err;
}

static enum iso_err field_parse(struct iso_avro_parser *parser,
                                struct iso_avro_place place, json_t *seen,
                                struct iso_avro_edge *edge)
{
    const char *name = iso_avro_member_text(place.json, "name");
    if (name == NULL || !iso_avro_name_valid(name))
        return iso_avro_parse_fail(parser,
                                   "not the name of a field:", name ? name : "(none)");
    if (!set_add(seen, name))
        return iso_avro_parse_fail(parser, "two fields are called", name);
    struct iso_avro_place type = {json_object_get(place.json, "type"), place.space};
    if (type.json == NULL)
        return iso_avro_parse_fail(parser, "no type is given for the field", name);
    enum iso_err err = iso_avro_name_add(parser, name, &edge->name);
    size_t before = iso_avro_path_down(parser, name);
    if (err == ISO_OK)
        err = iso_avro_field_attributes(parser, place.json, edge);
    if (err == ISO_OK)
        err = type_parse(parser, type, &edge->node);
    iso_avro_path_up(parser, before);
    return err;
}

static enum iso_err record_parse(struct iso_avro_parser *parser,
                                 struct iso_avro_place place, json_t *seen,
                                 uint32_t node)
{
    json_t *fields = json_object_get(place.json, "fields");
    if (!json_is_array(fields))
        return iso_avro_parse_fail(parser, "a record needs an array of", "fields");
    size_t count = json_array_size(fields);
    edges_add(parser->schema, node, count);
    for (size_t i = 0; i < count; i++) {
        struct iso_avro_place field = {json_array_get(fields, i), place.space};
        struct iso_avro_edge edge = {0};
        enum iso_err err = field_parse(parser, field, seen, &edge);
        if (err != ISO_OK)
            return err;
        *edge_at(parser->schema, node, i) = edge;
        json_t *fallback = json_object_get(field.json, "default");
        if (fallback != NULL)
            iso_avro_fallback_pending(parser, node,
                                      parser->schema->nodes[node].first + (uint32_t)i,
                                      fallback);
    }
    return ISO_OK;
}

static enum iso_err enum_parse(struct iso_avro_parser *parser,
                               struct iso_avro_place place, json_t *seen, uint32_t node)
{
    json_t *symbols = json_object_get(place.json, "symbols");
    size_t count = json_array_size(symbols);
    if (!json_is_array(symbols))
        return iso_avro_parse_fail(parser, "an enum needs an array of", "symbols");
    edges_add(parser->schema, node, count);
    for (size_t i = 0; i < count; i++) {
        const char *symbol = iso_avro_json_text(json_array_get(symbols, i));
        if (symbol == NULL || !iso_avro_name_valid(symbol))
            return iso_avro_parse_fail(parser,
                                       "not a symbol:", symbol ? symbol : "(no text)");
        if (!set_add(seen, symbol))
            return iso_avro_parse_fail(parser, "two symbols are called", symbol);
        uint32_t at = 0;
        enum iso_err err = iso_avro_name_add(parser, symbol, &at);
        if (err != ISO_OK)
            return err;
        edge_at(parser->schema, node, i)->name = at;
    }
    return ISO_OK;
}

static enum iso_err fixed_parse(struct iso_avro_parser *parser,
                                struct iso_avro_place place, uint32_t node)
{
    json_t *size = json_object_get(place.json, "size");
    json_int_t bytes = json_integer_value(size);
    if (!json_is_integer(size) || bytes < 0 || bytes > FIXED_MAX)
        return iso_avro_parse_fail(parser, "a fixed needs a size of 0..1048576",
                                   "bytes");
    parser->schema->nodes[node].count = (uint32_t)bytes;
    return ISO_OK;
}

/* The namespace that a definition gives, else the one that it stands in. */
static enum iso_err space_parse(struct iso_avro_parser *parser,
                                struct iso_avro_place place, const char *name,
                                struct iso_bytes *space)
{
    *space = place.space;
    const json_t *given = json_object_get(place.json, "namespace");
    if (given == NULL || json_is_null(given))
        return ISO_OK;
    const char *text = iso_avro_json_text(given);
    if (text == NULL)
        return iso_avro_parse_fail(parser, "the namespace is no text of", name);
    if (text[0] != '\0' && !iso_avro_name_full_valid(text))
        return iso_avro_parse_fail(parser, "not a namespace: that of", name);
    *space = iso_bytes_text(text);
    return ISO_OK;
}

/* Makes the node of a named type and enters its full name. */
static enum iso_err node_enter(struct iso_avro_parser *parser, const char *full,
                               enum iso_avro_kind kind, uint32_t *node)
{
    if (json_object_get(parser->named, full) != NULL)
        return iso_avro_parse_fail(parser, "two types are called", full);
    uint32_t name = 0;
    enum iso_err err = iso_avro_name_add(parser, full, &name);
    if (err != ISO_OK)
        return err;
    *node = node_add(parser->schema, kind);
    parser->schema->nodes[*node].name = name;
    iso_assert(json_object_set_new(parser->named, full, json_integer(*node)) == 0);
    return ISO_OK;
}

/* Into `full`: the name of the type that is defined. */
static enum iso_err named_add(struct iso_avro_parser *parser,
                              struct iso_avro_place place, enum iso_avro_kind kind,
                              struct iso_buf *full, uint32_t *node)
{
    const char *name = iso_avro_member_text(place.json, "name");
    if (name == NULL || !iso_avro_name_full_valid(name))
        return iso_avro_parse_fail(parser,
                                   "not the name of a type:", name ? name : "(none)");
    const char *dot = strrchr(name, '.');
    if (primitive_of(dot != NULL ? dot + 1 : name) < ISO_AVRO_PRIMITIVES)
        return iso_avro_parse_fail(parser, "a type is called like the primitive", name);
    struct iso_bytes space = {0};
    enum iso_err err = space_parse(parser, place, name, &space);
    if (err == ISO_OK)
        err = iso_avro_name_resolve(parser, name, space, full);
    if (err == ISO_OK)
        err = node_enter(parser, iso_buf_text(full), kind, node);
    return err;
}

static enum iso_err parts_parse(struct iso_avro_parser *parser,
                                struct iso_avro_place inside, enum iso_avro_kind kind,
                                uint32_t node)
{
    json_t *seen = json_object();
    enum iso_err err;
    if (kind == ISO_AVRO_RECORD)
        err = record_parse(parser, inside, seen, node);
    else if (kind == ISO_AVRO_ENUM)
        err = enum_parse(parser, inside, seen, node);
    else
        err = fixed_parse(parser, inside, node);
    json_decref(seen);
    return err;
}

static enum iso_err named_parse(struct iso_avro_parser *parser,
                                struct iso_avro_place place, enum iso_avro_kind kind,
                                uint32_t *node)
{
    struct iso_buf full = {0};
    enum iso_err err = named_add(parser, place, kind, &full, node);
    if (err == ISO_OK) {
        struct iso_avro_place inside = {place.json,
                                        iso_avro_name_space(iso_buf_bytes(&full))};
        size_t before = iso_avro_path_down(parser, iso_buf_text(&full));
        err = parts_parse(parser, inside, kind, *node);
        if (err == ISO_OK)
            err = iso_avro_type_attributes(parser, inside, *node);
        iso_avro_path_up(parser, before);
    }
    iso_buf_release(&full);
    return err;
}

static enum iso_err object_parse(struct iso_avro_parser *parser,
                                 struct iso_avro_place place, uint32_t *node)
{
    json_t *inner = json_object_get(place.json, "type");
    if (json_is_object(inner) || json_is_array(inner))
        return type_parse(parser, (struct iso_avro_place){inner, place.space}, node);
    const char *type = iso_avro_json_text(inner);
    if (type == NULL)
        return iso_avro_parse_fail(parser, "the type is no name; what is missing is",
                                   "type");
    if (strcmp(type, "array") == 0)
        return container_parse(parser, place, ISO_AVRO_ARRAY, node);
    if (strcmp(type, "map") == 0)
        return container_parse(parser, place, ISO_AVRO_MAP, node);
    if (strcmp(type, "record") == 0 || strcmp(type, "error") == 0)
        return named_parse(parser, place, ISO_AVRO_RECORD, node);
    if (strcmp(type, "enum") == 0)
        return named_parse(parser, place, ISO_AVRO_ENUM, node);
    if (strcmp(type, "fixed") == 0)
        return named_parse(parser, place, ISO_AVRO_FIXED, node);
    return reference_parse(parser, type, place.space, node);
}

static enum iso_err type_parse(struct iso_avro_parser *parser,
                               struct iso_avro_place place, uint32_t *node)
{
    if (parser->depth >= SCHEMA_DEPTH_MAX)
        return iso_avro_parse_fail(parser, "types are nested more than 64 deep", "");
    parser->depth++;
    enum iso_err err;
    if (iso_avro_json_text(place.json) != NULL) {
        err =
            reference_parse(parser, iso_avro_json_text(place.json), place.space, node);
    } else if (json_is_object(place.json)) {
        err = object_parse(parser, place, node);
    } else if (json_is_array(place.json)) {
        json_t *seen = json_object();
        *node = node_add(parser->schema, ISO_AVRO_UNION);
        err = union_parse(parser, place, seen, *node);
        json_decref(seen);
    } else {
        err =
            iso_avro_parse_fail(parser, "a type is a name, an object or an array", "");
    }
    parser->depth--;
    return err;
}

const char *iso_avro_branch_name(const struct iso_avro *schema, uint32_t node)
{
    enum iso_avro_kind kind = schema->nodes[node].kind;
    iso_assert(kind != ISO_AVRO_UNION);
    return kind < ISO_AVRO_UNION ? kind_names[kind]
                                 : iso_avro_name(schema, schema->nodes[node].name);
}

static enum iso_err root_parse(struct iso_avro_parser *parser, json_t *root)
{
    iso_buf_add_u8(&parser->schema->names, 0);
    for (unsigned i = 0; i < ISO_AVRO_PRIMITIVES; i++)
        node_add(parser->schema, (enum iso_avro_kind)i);
    struct iso_avro_place top = {.json = root};
    enum iso_err err = type_parse(parser, top, &parser->schema->root);
    if (err == ISO_OK)
        err = iso_avro_fallbacks(parser);
    return err;
}

enum iso_err iso_avro_parse(struct iso_bytes json, struct iso_avro **schema,
                            struct iso_why *why)
{
    struct iso_why unasked;
    if (why == NULL)
        why = &unasked;
    if (json.size > SCHEMA_JSON_MAX)
        return iso_fail(why, ISO_BAD_DATA,
                        "the Avro schema has %zu bytes of JSON, more than %d: leave "
                        "documentation out, or split it",
                        json.size, (int)SCHEMA_JSON_MAX);
    json_error_t where;
    json_t *root =
        json_loadb((const char *)json.data, json.size,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    if (root == NULL)
        return iso_fail(why, ISO_BAD_DATA,
                        "the Avro schema is no JSON: line %d, column %d: %s",
                        where.line, where.column, where.text);
    struct iso_avro_parser parser = {.schema = iso_alloc_zero(1, sizeof *parser.schema),
                                     .named = json_object(),
                                     .json_size = json.size,
                                     .why = why};
    enum iso_err err = root_parse(&parser, root);
    json_decref(parser.named);
    json_decref(root);
    iso_buf_release(&parser.path);
    iso_free(parser.pending);
    if (err != ISO_OK) {
        iso_avro_free(parser.schema);
        return err;
    }
    parser.schema->outside = iso_avro_outside_new();
    *schema = parser.schema;
    return ISO_OK;
}

void iso_avro_memory_ours(void)
{
    json_set_alloc_funcs(iso_alloc, iso_free);
}

void iso_avro_free(struct iso_avro *schema)
{
    if (schema == NULL)
        return;
    iso_avro_outside_free(schema->outside);
    iso_free(schema->nodes);
    iso_free(schema->edges);
    iso_free(schema->aliases);
    iso_buf_release(&schema->names);
    iso_buf_release(&schema->fallbacks);
    iso_free(schema);
}
