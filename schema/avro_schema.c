/* jansson reads the JSON; one recursive pass, as deep as SCHEMA_DEPTH_MAX, turns it
 * into nodes. A named type gets its node before its fields are read, so that they can
 * refer to it. A dictionary (also jansson's) holds the full names; another, per record,
 * enum or union, finds what stands there twice, so that no schema costs more than its
 * length.
 *
 * What the specification forbids is refused, with the place. Attributes that decide
 * nothing about the binary form (doc, aliases, default, order, logicalType, merge) are
 * not looked at: who needs them reads the JSON. */
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "schema/avro_node.h"

enum { SCHEMA_JSON_MAX = 1 << 20, SCHEMA_DEPTH_MAX = 64 };
enum { FIXED_MAX = 1 << 20 };

static const char *const kind_names[ISO_AVRO_UNION] = {
    [ISO_AVRO_NULL] = "null",   [ISO_AVRO_BOOLEAN] = "boolean",
    [ISO_AVRO_INT] = "int",     [ISO_AVRO_LONG] = "long",
    [ISO_AVRO_FLOAT] = "float", [ISO_AVRO_DOUBLE] = "double",
    [ISO_AVRO_BYTES] = "bytes", [ISO_AVRO_STRING] = "string",
    [ISO_AVRO_ARRAY] = "array", [ISO_AVRO_MAP] = "map",
};

struct parser {
    struct iso_avro *schema;
    json_t *named;       /* full name -> node */
    struct iso_buf path; /* of the place that is being read: for sentences */
    unsigned depth;
    struct iso_why *why;
};

/* A type in JSON, and the namespace that names without a dot are in. */
struct place {
    json_t *json;
    struct iso_bytes space;
};

static enum iso_err type_parse(struct parser *parser, struct place place,
                               uint32_t *node);

static enum iso_err parse_fail(struct parser *parser, const char *problem,
                               const char *what)
{
    return iso_fail(
        parser->why, ISO_BAD_DATA, "the Avro schema is wrong at %.160s: %s %.120s",
        parser->path.size > 0 ? iso_buf_text(&parser->path) : "its top", problem, what);
}

/* One step down into a field, named type or part; path_up takes it back. */
static size_t path_down(struct parser *parser, const char *name)
{
    size_t before = parser->path.size;
    iso_buf_print(&parser->path, "%s%s", before > 0 ? "." : "", name);
    return before;
}

static void path_up(struct parser *parser, size_t before)
{
    parser->path.size = before;
}

static uint32_t name_add(struct iso_avro *schema, struct iso_bytes name)
{
    uint32_t at = (uint32_t)schema->names.size;
    iso_buf_add_bytes(&schema->names, name);
    iso_buf_add_u8(&schema->names, 0);
    return at;
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

/* [A-Za-z_][A-Za-z0-9_]* */
static bool name_valid(struct iso_bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (c >= 0x80 || !(isalpha(c) || c == '_' || (i > 0 && isdigit(c))))
            return false;
    }
    return name.size > 0;
}

/* Names with dots between them. */
static bool name_full_valid(struct iso_bytes name)
{
    for (;;) {
        const uint8_t *dot = name.size > 0 ? memchr(name.data, '.', name.size) : NULL;
        if (dot == NULL)
            return name_valid(name);
        size_t size = (size_t)(dot - name.data);
        if (!name_valid(iso_bytes(name.data, size)))
            return false;
        name = iso_bytes(dot + 1, name.size - size - 1);
    }
}

/* What stands before the last dot; empty when there is none. */
static struct iso_bytes name_space(struct iso_bytes name)
{
    const uint8_t *dot = name.size > 0 ? memrchr(name.data, '.', name.size) : NULL;
    return iso_bytes(name.data, dot != NULL ? (size_t)(dot - name.data) : 0);
}

/* Into `full` (cleared): a name with a dot is full already. */
static void name_resolve(const char *name, struct iso_bytes space, struct iso_buf *full)
{
    iso_buf_clear(full);
    if (strchr(name, '.') == NULL && space.size > 0) {
        iso_buf_add_bytes(full, space);
        iso_buf_add_u8(full, '.');
    }
    iso_buf_add_bytes(full, iso_bytes_text(name));
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

static enum iso_err reference_parse(struct parser *parser, const char *name,
                                    struct iso_bytes space, uint32_t *node)
{
    enum iso_avro_kind primitive = primitive_of(name);
    if (primitive < ISO_AVRO_PRIMITIVES) {
        *node = primitive;
        return ISO_OK;
    }
    struct iso_buf full = {0};
    name_resolve(name, space, &full);
    json_t *found = json_object_get(parser->named, iso_buf_text(&full));
    iso_buf_release(&full);
    if (found == NULL)
        return parse_fail(parser, "no type has been defined that is called", name);
    *node = (uint32_t)json_integer_value(found);
    return ISO_OK;
}

static enum iso_err union_parse(struct parser *parser, struct place place, json_t *seen,
                                uint32_t node)
{
    struct iso_avro *schema = parser->schema;
    size_t count = json_array_size(place.json);
    if (count == 0)
        return parse_fail(parser, "a union needs a branch", "");
    edges_add(schema, node, count);
    for (size_t i = 0; i < count; i++) {
        struct place branch = {json_array_get(place.json, i), place.space};
        uint32_t below = 0;
        enum iso_err err = type_parse(parser, branch, &below);
        if (err != ISO_OK)
            return err;
        edge_at(schema, node, i)->node = below;
        if (schema->nodes[below].kind == ISO_AVRO_UNION)
            return parse_fail(parser, "a union stands in a union", "");
        const char *name = iso_avro_branch_name(schema, below);
        if (!set_add(seen, name))
            return parse_fail(parser, "a union has two branches of type", name);
    }
    return ISO_OK;
}

static enum iso_err container_parse(struct parser *parser, struct place place,
                                    enum iso_avro_kind kind, uint32_t *node)
{
    const char *attribute = kind == ISO_AVRO_ARRAY ? "items" : "values";
    struct place item = {json_object_get(place.json, attribute), place.space};
    if (item.json == NULL)
        return parse_fail(parser, "what is missing is", attribute);
    *node = node_add(parser->schema, kind);
    edges_add(parser->schema, *node, 1);
    uint32_t below = 0;
    enum iso_err err = type_parse(parser, item, &below);
    if (err == ISO_OK)
        edge_at(parser->schema, *node, 0)->node = below;
    return err;
}

static enum iso_err field_parse(struct parser *parser, struct place place, json_t *seen,
                                struct iso_avro_edge *edge)
{
    const char *name = json_string_value(json_object_get(place.json, "name"));
    if (name == NULL || !name_valid(iso_bytes_text(name)))
        return parse_fail(parser, "not the name of a field:", name ? name : "(none)");
    if (!set_add(seen, name))
        return parse_fail(parser, "two fields are called", name);
    struct place type = {json_object_get(place.json, "type"), place.space};
    if (type.json == NULL)
        return parse_fail(parser, "no type is given for the field", name);
    edge->name = name_add(parser->schema, iso_bytes_text(name));
    size_t before = path_down(parser, name);
    enum iso_err err = type_parse(parser, type, &edge->node);
    path_up(parser, before);
    return err;
}

static enum iso_err record_parse(struct parser *parser, struct place place,
                                 json_t *seen, uint32_t node)
{
    json_t *fields = json_object_get(place.json, "fields");
    if (!json_is_array(fields))
        return parse_fail(parser, "a record needs an array of", "fields");
    size_t count = json_array_size(fields);
    edges_add(parser->schema, node, count);
    for (size_t i = 0; i < count; i++) {
        struct place field = {json_array_get(fields, i), place.space};
        struct iso_avro_edge edge = {0};
        enum iso_err err = field_parse(parser, field, seen, &edge);
        if (err != ISO_OK)
            return err;
        *edge_at(parser->schema, node, i) = edge;
    }
    return ISO_OK;
}

static enum iso_err enum_parse(struct parser *parser, struct place place, json_t *seen,
                               uint32_t node)
{
    json_t *symbols = json_object_get(place.json, "symbols");
    size_t count = json_array_size(symbols);
    if (count == 0)
        return parse_fail(parser, "an enum needs an array of", "symbols");
    edges_add(parser->schema, node, count);
    for (size_t i = 0; i < count; i++) {
        const char *symbol = json_string_value(json_array_get(symbols, i));
        if (symbol == NULL || !name_valid(iso_bytes_text(symbol)))
            return parse_fail(parser, "not a symbol:", symbol ? symbol : "(no text)");
        if (!set_add(seen, symbol))
            return parse_fail(parser, "two symbols are called", symbol);
        edge_at(parser->schema, node, i)->name =
            name_add(parser->schema, iso_bytes_text(symbol));
    }
    return ISO_OK;
}

static enum iso_err fixed_parse(struct parser *parser, struct place place,
                                uint32_t node)
{
    json_t *size = json_object_get(place.json, "size");
    json_int_t bytes = json_integer_value(size);
    if (!json_is_integer(size) || bytes < 0 || bytes > FIXED_MAX)
        return parse_fail(parser, "a fixed needs a size of 0..1048576", "bytes");
    parser->schema->nodes[node].count = (uint32_t)bytes;
    return ISO_OK;
}

/* Makes the node of a named type and enters its full name. */
static enum iso_err named_add(struct parser *parser, struct place place,
                              enum iso_avro_kind kind, uint32_t *node)
{
    const char *name = json_string_value(json_object_get(place.json, "name"));
    if (name == NULL || !name_full_valid(iso_bytes_text(name)))
        return parse_fail(parser, "not the name of a type:", name ? name : "(none)");
    json_t *attribute = json_object_get(place.json, "namespace");
    struct iso_bytes space = place.space;
    if (json_is_string(attribute))
        space = iso_bytes_text(json_string_value(attribute));
    else if (attribute != NULL && !json_is_null(attribute))
        return parse_fail(parser, "the namespace is no text of", name);
    if (space.size > 0 && !name_full_valid(space))
        return parse_fail(parser, "not a namespace: that of", name);
    const char *dot = strrchr(name, '.');
    if (primitive_of(dot != NULL ? dot + 1 : name) < ISO_AVRO_PRIMITIVES)
        return parse_fail(parser, "a type is called like the primitive", name);
    struct iso_buf full = {0};
    name_resolve(name, space, &full);
    enum iso_err err = ISO_OK;
    if (json_object_get(parser->named, iso_buf_text(&full)) != NULL) {
        err = parse_fail(parser, "two types are called", iso_buf_text(&full));
    } else {
        *node = node_add(parser->schema, kind);
        parser->schema->nodes[*node].name =
            name_add(parser->schema, iso_buf_bytes(&full));
        iso_assert(json_object_set_new(parser->named, iso_buf_text(&full),
                                       json_integer(*node)) == 0);
    }
    iso_buf_release(&full);
    return err;
}

static enum iso_err named_parse(struct parser *parser, struct place place,
                                enum iso_avro_kind kind, uint32_t *node)
{
    enum iso_err err = named_add(parser, place, kind, node);
    if (err != ISO_OK)
        return err;
    /* A copy: the names move when they grow. */
    char *full =
        iso_strdup(iso_avro_name(parser->schema, parser->schema->nodes[*node].name));
    struct place inside = {place.json, name_space(iso_bytes_text(full))};
    json_t *seen = json_object();
    size_t before = path_down(parser, full);
    if (kind == ISO_AVRO_RECORD)
        err = record_parse(parser, inside, seen, *node);
    else if (kind == ISO_AVRO_ENUM)
        err = enum_parse(parser, inside, seen, *node);
    else
        err = fixed_parse(parser, inside, *node);
    path_up(parser, before);
    json_decref(seen);
    iso_free(full);
    return err;
}

static enum iso_err object_parse(struct parser *parser, struct place place,
                                 uint32_t *node)
{
    const char *type = json_string_value(json_object_get(place.json, "type"));
    if (type == NULL)
        return parse_fail(parser, "the type is no name; what is missing is", "type");
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

static enum iso_err type_parse(struct parser *parser, struct place place,
                               uint32_t *node)
{
    if (parser->depth >= SCHEMA_DEPTH_MAX)
        return parse_fail(parser, "types are nested more than 64 deep", "");
    parser->depth++;
    enum iso_err err;
    if (json_is_string(place.json)) {
        err = reference_parse(parser, json_string_value(place.json), place.space, node);
    } else if (json_is_object(place.json)) {
        err = object_parse(parser, place, node);
    } else if (json_is_array(place.json)) {
        json_t *seen = json_object();
        *node = node_add(parser->schema, ISO_AVRO_UNION);
        err = union_parse(parser, place, seen, *node);
        json_decref(seen);
    } else {
        err = parse_fail(parser, "a type is a name, an object or an array", "");
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

enum iso_err iso_avro_parse(struct iso_bytes json, struct iso_avro **schema,
                            struct iso_why *why)
{
    if (json.size > SCHEMA_JSON_MAX)
        return iso_fail(why, ISO_BAD_DATA,
                        "the Avro schema has %zu bytes of JSON, more than %d: leave "
                        "documentation out, or split it",
                        json.size, (int)SCHEMA_JSON_MAX);
    json_error_t where;
    json_t *root = json_loadb((const char *)json.data, json.size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (root == NULL)
        return iso_fail(why, ISO_BAD_DATA,
                        "the Avro schema is no JSON: line %d, column %d: %s",
                        where.line, where.column, where.text);
    struct parser parser = {.schema = iso_alloc_zero(1, sizeof *parser.schema),
                            .named = json_object(),
                            .why = why};
    iso_buf_add_u8(&parser.schema->names, 0);
    for (unsigned i = 0; i < ISO_AVRO_PRIMITIVES; i++)
        node_add(parser.schema, (enum iso_avro_kind)i);
    enum iso_err err =
        type_parse(&parser, (struct place){.json = root}, &parser.schema->root);
    json_decref(parser.named);
    json_decref(root);
    iso_buf_release(&parser.path);
    if (err != ISO_OK) {
        iso_avro_free(parser.schema);
        return err;
    }
    parser.schema->outside = iso_avro_outside_new();
    *schema = parser.schema;
    return ISO_OK;
}

void iso_avro_free(struct iso_avro *schema)
{
    if (schema == NULL)
        return;
    iso_avro_outside_free(schema->outside);
    iso_free(schema->nodes);
    iso_free(schema->edges);
    iso_buf_release(&schema->names);
    iso_free(schema);
}
