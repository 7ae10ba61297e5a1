/* What the parser kept of each field ("merge", default) is read once, here, into a
 * table by position and an index by name; from then on nothing allocates and nothing
 * fails. A schema is refused as a whole: a collection has the rules that its schemas
 * say, or it does not use them. */
#include "schema/rule.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "schema/avro_node.h"

struct iso_fields {
    const struct iso_avro *schema;
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    struct iso_field *fields; /* in the schema's order */
    struct iso_field **by_name;
    size_t count;
};

/* ---- rules by name ---- */

#define KIND(kind) (1u << ISO_AVRO_##kind)
#define KINDS_TEXT (KIND(STRING) | KIND(BYTES))
#define KINDS_WHOLE (KIND(INT) | KIND(LONG))
#define KINDS_REAL (KIND(FLOAT) | KIND(DOUBLE))

static const struct {
    const char *name, *takes;
    unsigned kinds; /* of the part, or of a set's element; 0: any */
    bool needs_default;
} rules[ISO_RULES] = {
    [ISO_RULE_LWW] = {"lww", "any type", 0, true},
    [ISO_RULE_SET] = {"set", "an array of string, bytes, int or long",
                      KINDS_TEXT | KINDS_WHOLE, false},
    [ISO_RULE_FLAG] = {"flag", "a boolean", KIND(BOOLEAN), false},
    [ISO_RULE_COUNTER] = {"counter", "a \"long\" (a sum of ints outgrows an int)",
                          KIND(LONG), false},
    [ISO_RULE_MAX] = {"max", "an int, long, float, double, string or bytes",
                      KINDS_WHOLE | KINDS_REAL | KINDS_TEXT, true},
    [ISO_RULE_MIN] = {"min", "an int, long, float, double, string or bytes",
                      KINDS_WHOLE | KINDS_REAL | KINDS_TEXT, true},
};

const char *iso_rule_name(enum iso_rule rule)
{
    return (unsigned)rule < ISO_RULES ? rules[rule].name : "unknown";
}

bool iso_rule_parse(const char *text, enum iso_rule *rule, bool *is_map)
{
    static const char map[] = "map:";
    *rule = ISO_RULE_LWW;
    *is_map = strcmp(text, "map") == 0;
    if (*is_map)
        return true;
    *is_map = strncmp(text, map, sizeof map - 1) == 0;
    if (*is_map)
        text += sizeof map - 1;
    for (unsigned i = 0; i < ISO_RULES; i++) {
        if (strcmp(text, rules[i].name) == 0) {
            *rule = (enum iso_rule)i;
            return true;
        }
    }
    return false;
}

/* ---- making ---- */

static enum iso_err field_fail(const struct iso_field *field, const char *problem,
                               const char *remedy, struct iso_why *why)
{
    return iso_fail(why, ISO_BAD_DATA,
                    "the field %.100s of the schema, merged by %s%s: "
                    "%s: %s",
                    field->name, field->is_map ? "map:" : "",
                    iso_rule_name(field->rule), problem, remedy);
}

/* Finds the part's type below the field's; false: the rule does not take it. */
static bool part_find(const struct iso_avro *schema, struct iso_field *field)
{
    const struct iso_avro_node *node = &schema->nodes[field->type];
    field->part = field->type;
    if (field->is_map) {
        if (node->kind != ISO_AVRO_MAP)
            return false;
        field->part = schema->edges[node->first].node;
        node = &schema->nodes[field->part];
    }
    if (field->rule == ISO_RULE_SET) {
        if (node->kind != ISO_AVRO_ARRAY)
            return false;
        field->part = schema->edges[node->first].node;
        node = &schema->nodes[field->part];
    }
    unsigned kinds = rules[field->rule].kinds;
    return kinds == 0 || (kinds >> node->kind & 1) != 0;
}

static enum iso_err field_make(const struct iso_avro *schema,
                               const struct iso_avro_edge *edge,
                               struct iso_field *field, struct iso_why *why)
{
    const char *merge = edge->merge != 0 ? iso_avro_name(schema, edge->merge) : "lww";
    field->name = iso_avro_name(schema, edge->name);
    field->type = edge->node;
    if (strlen(field->name) > ISO_FIELD_NAME_MAX)
        return iso_fail(why, ISO_BAD_DATA,
                        "a field's name in the schema has more than %d bytes "
                        "(%.100s…): give it a shorter one",
                        (int)ISO_FIELD_NAME_MAX, field->name);
    if (!iso_rule_parse(merge, &field->rule, &field->is_map))
        return iso_fail(why, ISO_BAD_DATA,
                        "the field %.100s of the schema has the merge rule \"%.60s\", "
                        "which there is not: take lww, set, flag, counter, max, min, "
                        "map or map: and one of these",
                        field->name, merge);
    if (!part_find(schema, field)) {
        char problem[100];
        snprintf(problem, sizeof problem, "the rule takes %s%s",
                 field->is_map ? "a map of: " : "", rules[field->rule].takes);
        return field_fail(field, problem, "declare it so, or give it another rule",
                          why);
    }
    if (rules[field->rule].needs_default && !field->is_map && !edge->has_fallback)
        return field_fail(field, "it has no default, and a record can lack it",
                          "add a \"default\"", why);
    return ISO_OK;
}

static int name_order(const void *a, const void *b)
{
    const struct iso_field *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

enum iso_err iso_fields_new(const struct iso_avro *schema, struct iso_fields **fields,
                            struct iso_why *why)
{
    const struct iso_avro_node *record = &schema->nodes[schema->root];
    if (record->kind != ISO_AVRO_RECORD)
        return iso_fail(why, ISO_BAD_DATA,
                        "the schema is no record at its top, so it has no fields to "
                        "merge: put its type into a record, or take the resolver lww");
    struct iso_fields *made = iso_alloc_zero(1, sizeof *made);
    made->schema = schema;
    made->count = record->count;
    made->fields = iso_alloc_zero(made->count + 1, sizeof *made->fields);
    made->by_name = iso_alloc_zero(made->count + 1, sizeof(struct iso_field *));
    iso_avro_fingerprint(schema, made->fingerprint);
    enum iso_err err = ISO_OK;
    for (uint32_t i = 0; i < record->count && err == ISO_OK; i++) {
        made->by_name[i] = &made->fields[i];
        err = field_make(schema, &schema->edges[record->first + i], &made->fields[i],
                         why);
    }
    if (err != ISO_OK) {
        iso_fields_free(made);
        return err;
    }
    qsort(made->by_name, made->count, sizeof(struct iso_field *), name_order);
    *fields = made;
    return ISO_OK;
}

void iso_fields_free(struct iso_fields *fields)
{
    if (fields == NULL)
        return;
    iso_free(fields->fields);
    iso_free(fields->by_name);
    iso_free(fields);
}

/* ---- asking ---- */

const struct iso_avro *iso_fields_schema(const struct iso_fields *fields)
{
    return fields->schema;
}

const uint8_t *iso_fields_fingerprint(const struct iso_fields *fields)
{
    return fields->fingerprint;
}

const struct iso_field *iso_fields_at(const struct iso_fields *fields, size_t n)
{
    return n < fields->count ? &fields->fields[n] : NULL;
}

bool iso_field_default(const struct iso_fields *fields, const struct iso_field *field,
                       struct iso_bytes *datum)
{
    const struct iso_avro *schema = fields->schema;
    const struct iso_avro_node *record = &schema->nodes[schema->root];
    const struct iso_avro_edge *edge =
        &schema->edges[record->first + (uint32_t)(field - fields->fields)];
    *datum = iso_avro_fallback(schema, edge);
    return edge->has_fallback;
}

const struct iso_field *iso_fields_find(const struct iso_fields *fields,
                                        struct iso_bytes name)
{
    size_t low = 0, high = fields->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct iso_field *field = fields->by_name[middle];
        int order = iso_bytes_compare(iso_bytes_text(field->name), name);
        if (order == 0)
            return field;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- comparing ---- */

static int order_of(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static uint64_t little_get(struct iso_bytes datum)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < datum.size; i++)
        bits |= (uint64_t)datum.data[i] << 8 * i;
    return bits;
}

/* IEEE 754's total order, but that NaNs stand above all whatever their sign: of the
 * bits of a number below 0 the larger is the smaller. `infinity`: its bits. */
static int real_compare(uint64_t a, uint64_t b, uint64_t infinity, uint64_t sign)
{
    bool a_is_nan = (a & ~sign) > infinity, b_is_nan = (b & ~sign) > infinity;
    if (a_is_nan || b_is_nan)
        return a_is_nan && b_is_nan ? order_of(a, b) : a_is_nan - b_is_nan;
    uint64_t a_place = (a & sign) != 0 ? ~a : a | sign;
    uint64_t b_place = (b & sign) != 0 ? ~b : b | sign;
    return order_of(a_place & (sign | (sign - 1)), b_place & (sign | (sign - 1)));
}

int iso_field_compare(const struct iso_fields *fields, const struct iso_field *field,
                      struct iso_bytes a, struct iso_bytes b)
{
    struct iso_avro_cursor at_a = iso_avro_read(a), at_b = iso_avro_read(b);
    int64_t number_a, number_b;
    switch ((unsigned)fields->schema->nodes[field->part].kind) {
    case ISO_AVRO_INT:
    case ISO_AVRO_LONG:
        number_a = iso_avro_long(&at_a);
        number_b = iso_avro_long(&at_b);
        return (number_a > number_b) - (number_a < number_b);
    case ISO_AVRO_FLOAT:
        return real_compare(little_get(a), little_get(b), 0x7f800000,
                            UINT64_C(1) << 31);
    case ISO_AVRO_DOUBLE:
        return real_compare(little_get(a), little_get(b), UINT64_C(0x7ff) << 52,
                            UINT64_C(1) << 63);
    default:
        return iso_bytes_compare(iso_avro_bytes(&at_a), iso_avro_bytes(&at_b));
    }
}

enum iso_err iso_field_json(const struct iso_fields *fields,
                            const struct iso_field *field, struct iso_bytes datum,
                            struct iso_buf *json, struct iso_why *why)
{
    return iso_avro_node_to_json(fields->schema, field->part, datum, json, why);
}
