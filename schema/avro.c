/* The one file that speaks to avro-c, for people's eyes only: nothing on a hot path
 * comes here. avro-c gets its schema from our nodes and not from the JSON, so the bytes
 * that the walk has taken are read with the very schema that the walk used; two parsers
 * could differ over a name. It decodes; the JSON is ours to write, because avro-c's own
 * cuts a text at its first NUL, knows no NaN, and names the branches of a union without
 * their namespace.
 *
 * Where avro-c is no help, it is given another type of the same bytes. What takes no
 * bytes (a fixed of size 0, a record without fields) and what has no data (an empty
 * union or enum) is a null to it. A map is an array of records of a key and a value:
 * its own map ends keys at a NUL, and mixes the values of a key that comes twice; here
 * the last one counts.
 *
 * avro-c's last error is one text for the whole process, so one lock stands before
 * every call. */
#include <avro.h>
#include <jansson.h>
#include <pthread.h>

#include "base/mem.h"
#include "schema/avro_node.h"
#include "schema/avro_text.h"

struct iso_avro_outside {
    avro_schema_t schema; /* both NULL until the first use */
    avro_value_iface_t *form;
};

static pthread_mutex_t avro_lock = PTHREAD_MUTEX_INITIALIZER;

static void outside_release(struct iso_avro_outside *outside)
{
    if (outside->form != NULL)
        avro_value_iface_decref(outside->form);
    if (outside->schema != NULL)
        avro_schema_decref(outside->schema);
}

struct iso_avro_outside *iso_avro_outside_new(void)
{
    return iso_alloc_zero(1, sizeof(struct iso_avro_outside));
}

void iso_avro_outside_free(struct iso_avro_outside *outside)
{
    if (outside == NULL)
        return;
    pthread_mutex_lock(&avro_lock);
    outside_release(outside);
    pthread_mutex_unlock(&avro_lock);
    iso_free(outside);
}

/* ---- our nodes as avro-c's schema; each call gives a reference away, NULL: it failed
 * ---- */

struct builder {
    const struct iso_avro *schema;
    avro_schema_t *built; /* by node; borrowed from their owners */
};

static avro_schema_t build(struct builder *builder, uint32_t number);

static avro_schema_t build_primitive(enum iso_avro_kind kind)
{
    switch ((int)kind) {
    case ISO_AVRO_NULL:
        return avro_schema_null();
    case ISO_AVRO_BOOLEAN:
        return avro_schema_boolean();
    case ISO_AVRO_INT:
        return avro_schema_int();
    case ISO_AVRO_LONG:
        return avro_schema_long();
    case ISO_AVRO_FLOAT:
        return avro_schema_float();
    case ISO_AVRO_DOUBLE:
        return avro_schema_double();
    case ISO_AVRO_BYTES:
        return avro_schema_bytes();
    default:
        return avro_schema_string();
    }
}

/* A record or enum without its parts, or a fixed. */
static avro_schema_t build_named(const struct iso_avro *schema,
                                 const struct iso_avro_node *node)
{
    char *full = iso_strdup(iso_avro_name(schema, node->name));
    char *dot = strrchr(full, '.');
    const char *name = dot != NULL ? dot + 1 : full;
    const char *space = dot != NULL ? full : NULL;
    if (dot != NULL)
        *dot = '\0';
    avro_schema_t named;
    if (node->kind == ISO_AVRO_RECORD)
        named = avro_schema_record(name, space);
    else if (node->kind == ISO_AVRO_ENUM)
        named = avro_schema_enum_ns(name, space);
    else
        named = avro_schema_fixed_ns(name, space, node->count);
    iso_free(full);
    return named;
}

static int append_part(struct builder *builder, avro_schema_t whole,
                       enum iso_avro_kind kind, const struct iso_avro_edge *edge)
{
    const char *name = iso_avro_name(builder->schema, edge->name);
    if (kind == ISO_AVRO_ENUM)
        return avro_schema_enum_symbol_append(whole, name);
    avro_schema_t part = build(builder, edge->node);
    if (part == NULL)
        return -1;
    int failed = kind == ISO_AVRO_UNION
                     ? avro_schema_union_append(whole, part)
                     : avro_schema_record_field_append(whole, name, part);
    avro_schema_decref(part);
    return failed;
}

/* "An entry is a key and a value": the bytes of a map's item. */
static avro_schema_t build_entry(avro_schema_t value)
{
    avro_schema_t entry = avro_schema_record("Entry", NULL);
    avro_schema_t key = avro_schema_string();
    int failed = avro_schema_record_field_append(entry, "key", key) ||
                 avro_schema_record_field_append(entry, "value", value);
    avro_schema_decref(key);
    if (!failed)
        return entry;
    avro_schema_decref(entry);
    return NULL;
}

static avro_schema_t build_container(struct builder *builder,
                                     const struct iso_avro_node *node)
{
    avro_schema_t item = build(builder, builder->schema->edges[node->first].node);
    if (item != NULL && node->kind == ISO_AVRO_MAP) {
        avro_schema_t value = item;
        item = build_entry(value);
        avro_schema_decref(value);
    }
    if (item == NULL)
        return NULL;
    avro_schema_t whole = avro_schema_array(item);
    avro_schema_decref(item);
    return whole;
}

/* As deep as the JSON was nested. A name that is met again becomes avro-c's link. */
static avro_schema_t build(struct builder *builder, uint32_t number)
{
    const struct iso_avro *schema = builder->schema;
    const struct iso_avro_node *node = &schema->nodes[number];
    if (node->kind < ISO_AVRO_PRIMITIVES)
        return build_primitive(node->kind);
    if (node->count == 0)
        return avro_schema_null();
    if (node->kind < ISO_AVRO_UNION)
        return build_container(builder, node);
    if (builder->built[number] != NULL)
        return avro_schema_link(builder->built[number]);
    avro_schema_t whole =
        node->kind == ISO_AVRO_UNION ? avro_schema_union() : build_named(schema, node);
    if (whole == NULL || node->kind == ISO_AVRO_FIXED) {
        builder->built[number] = whole;
        return whole;
    }
    builder->built[number] = whole;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct iso_avro_edge *edge = &schema->edges[node->first + i];
        if (append_part(builder, whole, node->kind, edge) != 0) {
            avro_schema_decref(whole);
            return NULL;
        }
    }
    return whole;
}

static enum iso_err avro_fail(struct iso_why *why)
{
    return iso_fail(why, ISO_BAD_DATA,
                    "avro-c cannot show data of this Avro schema: %.300s",
                    avro_strerror());
}

/* Of one node of the schema, and what is below it. */
static enum iso_err outside_make(const struct iso_avro *schema, uint32_t node,
                                 struct iso_avro_outside *outside, struct iso_why *why)
{
    struct builder builder = {.schema = schema};
    builder.built = iso_alloc_zero(schema->node_count, sizeof *builder.built);
    outside->schema = build(&builder, node);
    iso_free(builder.built);
    if (outside->schema == NULL)
        return avro_fail(why);
    outside->form = avro_generic_class_from_schema(outside->schema);
    if (outside->form != NULL)
        return ISO_OK;
    avro_schema_decref(outside->schema);
    outside->schema = NULL;
    return avro_fail(why);
}

/* ---- avro-c's value as JSON; a new reference, NULL: it failed ---- */

static json_t *value_json(const struct iso_avro *schema, uint32_t number,
                          avro_value_t *value);

static json_t *number_json(enum iso_avro_kind kind, const avro_value_t *value)
{
    int truth = 0;
    int32_t small = 0;
    int64_t large = 0;
    float single = 0;
    double real = 0;
    switch ((int)kind) {
    case ISO_AVRO_BOOLEAN:
        return avro_value_get_boolean(value, &truth) ? NULL : json_boolean(truth);
    case ISO_AVRO_INT:
        return avro_value_get_int(value, &small) ? NULL : json_integer(small);
    case ISO_AVRO_LONG:
        return avro_value_get_long(value, &large) ? NULL : json_integer(large);
    case ISO_AVRO_FLOAT:
        return avro_value_get_float(value, &single) ? NULL
                                                    : iso_avro_text_float(single);
    case ISO_AVRO_DOUBLE:
        return avro_value_get_double(value, &real) ? NULL : iso_avro_text_double(real);
    default:
        return json_null();
    }
}

/* Each byte as the character of that number, as the specification says. */
static json_t *bytes_json(enum iso_avro_kind kind, const avro_value_t *value)
{
    const void *data = NULL;
    size_t size = 0;
    if (kind == ISO_AVRO_FIXED ? avro_value_get_fixed(value, &data, &size)
                               : avro_value_get_bytes(value, &data, &size))
        return NULL;
    struct iso_buf text = {0};
    iso_buf_reserve(&text, size * 2 + 1);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = ((const uint8_t *)data)[i];
        if (byte >= 0x80) {
            iso_buf_add_u8(&text, (uint8_t)(0xc0 | byte >> 6));
            byte = 0x80 | (byte & 0x3f);
        }
        iso_buf_add_u8(&text, byte);
    }
    json_t *json = json_stringn_nocheck((const char *)text.data, text.size);
    iso_buf_release(&text);
    return json;
}

static json_t *string_json(const avro_value_t *value)
{
    const char *text = NULL;
    size_t size = 0; /* counts the NUL that avro-c puts behind */
    if (avro_value_get_string(value, &text, &size) != 0 || size == 0)
        return NULL;
    return json_stringn_nocheck(text, size - 1);
}

static json_t *enum_json(const struct iso_avro *schema,
                         const struct iso_avro_node *node, const avro_value_t *value)
{
    int symbol = 0;
    if (avro_value_get_enum(value, &symbol) != 0 || (uint32_t)symbol >= node->count)
        return NULL;
    uint32_t edge = node->first + (uint32_t)symbol;
    return json_string(iso_avro_name(schema, schema->edges[edge].name));
}

static json_t *union_json(const struct iso_avro *schema,
                          const struct iso_avro_node *node, avro_value_t *value)
{
    int number = 0;
    avro_value_t inside;
    if (avro_value_get_discriminant(value, &number) != 0 ||
        (uint32_t)number >= node->count ||
        avro_value_get_current_branch(value, &inside) != 0)
        return NULL;
    uint32_t below = schema->edges[node->first + (uint32_t)number].node;
    json_t *json = value_json(schema, below, &inside);
    if (below == ISO_AVRO_NULL || json == NULL)
        return json;
    json_t *named = json_object();
    if (json_object_set_new(named, iso_avro_branch_name(schema, below), json)) {
        json_decref(named);
        return NULL;
    }
    return named;
}

/* One more item or field; NULL: avro-c failed, and jansson does with it. */
static int array_add(json_t *whole, const struct iso_avro *schema, uint32_t below,
                     avro_value_t *item)
{
    return json_array_append_new(whole, value_json(schema, below, item));
}

static int record_add(json_t *whole, const struct iso_avro *schema,
                      const struct iso_avro_edge *edge, avro_value_t *field)
{
    return json_object_set_new_nocheck(whole, iso_avro_name(schema, edge->name),
                                       value_json(schema, edge->node, field));
}

static int map_add(json_t *whole, const struct iso_avro *schema, uint32_t below,
                   avro_value_t *entry)
{
    avro_value_t key, value;
    const char *text = NULL;
    size_t size = 0;
    if (avro_value_get_by_index(entry, 0, &key, NULL) != 0 ||
        avro_value_get_by_index(entry, 1, &value, NULL) != 0 ||
        avro_value_get_string(&key, &text, &size) != 0 || size == 0)
        return -1;
    return json_object_setn_new_nocheck(whole, text, size - 1,
                                        value_json(schema, below, &value));
}

/* Arrays, maps and records: what avro-c counts and gives by position. */
static json_t *parts_json(const struct iso_avro *schema,
                          const struct iso_avro_node *node, avro_value_t *value)
{
    size_t count = 0;
    if (avro_value_get_size(value, &count) != 0)
        return NULL;
    json_t *whole = node->kind == ISO_AVRO_ARRAY ? json_array() : json_object();
    const struct iso_avro_edge *edge = &schema->edges[node->first];
    for (size_t i = 0; i < count; i++) {
        avro_value_t part;
        int failed = avro_value_get_by_index(value, i, &part, NULL);
        if (failed == 0 && node->kind == ISO_AVRO_ARRAY)
            failed = array_add(whole, schema, edge->node, &part);
        else if (failed == 0 && node->kind == ISO_AVRO_MAP)
            failed = map_add(whole, schema, edge->node, &part);
        else if (failed == 0)
            failed = record_add(whole, schema, &edge[i], &part);
        if (failed != 0) {
            json_decref(whole);
            return NULL;
        }
    }
    return whole;
}

static json_t *value_json(const struct iso_avro *schema, uint32_t number,
                          avro_value_t *value)
{
    const struct iso_avro_node *node = &schema->nodes[number];
    if (node->count == 0 && node->kind == ISO_AVRO_FIXED)
        return json_string("");
    if (node->count == 0 && node->kind == ISO_AVRO_RECORD)
        return json_object();
    switch ((int)node->kind) {
    case ISO_AVRO_STRING:
        return string_json(value);
    case ISO_AVRO_BYTES:
    case ISO_AVRO_FIXED:
        return bytes_json(node->kind, value);
    case ISO_AVRO_ENUM:
        return enum_json(schema, node, value);
    case ISO_AVRO_UNION:
        return union_json(schema, node, value);
    case ISO_AVRO_ARRAY:
    case ISO_AVRO_MAP:
    case ISO_AVRO_RECORD:
        return parts_json(schema, node, value);
    default:
        return number_json(node->kind, value);
    }
}

/* Under the lock, by the form of that node, of a datum that the walk took. */
static enum iso_err datum_json(const struct iso_avro *schema, uint32_t node,
                               avro_value_iface_t *form, struct iso_bytes datum,
                               struct iso_buf *json, struct iso_why *why)
{
    avro_value_t value;
    if (avro_generic_value_new(form, &value) != 0)
        return avro_fail(why);
    avro_reader_t reader =
        avro_reader_memory((const char *)datum.data, (int64_t)datum.size);
    json_t *tree = NULL;
    if (reader != NULL && avro_value_read(reader, &value) == 0)
        tree = value_json(schema, node, &value);
    if (reader != NULL)
        avro_reader_free(reader);
    avro_value_decref(&value);
    if (tree == NULL)
        return avro_fail(why);
    iso_avro_text(tree, json);
    json_decref(tree);
    return ISO_OK;
}

enum iso_err iso_avro_to_json(const struct iso_avro *schema, struct iso_bytes datum,
                              struct iso_buf *json, struct iso_why *why)
{
    enum iso_err err = iso_avro_check(schema, datum, why);
    if (err != ISO_OK)
        return err;
    pthread_mutex_lock(&avro_lock);
    struct iso_avro_outside *outside = schema->outside;
    if (outside->form == NULL)
        err = outside_make(schema, schema->root, outside, why);
    if (err == ISO_OK)
        err = datum_json(schema, schema->root, outside->form, datum, json, why);
    pthread_mutex_unlock(&avro_lock);
    return err;
}

enum iso_err iso_avro_node_to_json(const struct iso_avro *schema, uint32_t node,
                                   struct iso_bytes datum, struct iso_buf *json,
                                   struct iso_why *why)
{
    enum iso_err err = iso_avro_node_check(schema, node, datum, why);
    if (err != ISO_OK)
        return err;
    struct iso_avro_outside outside = {0}; /* seldom asked for, so not kept */
    pthread_mutex_lock(&avro_lock);
    err = outside_make(schema, node, &outside, why);
    if (err == ISO_OK)
        err = datum_json(schema, node, outside.form, datum, json, why);
    outside_release(&outside);
    pthread_mutex_unlock(&avro_lock);
    return err;
}
