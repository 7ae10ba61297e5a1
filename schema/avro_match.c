/* Names that find each other. A record may have tens of thousands of fields and meet
 * many others, so fields and symbols are sorted by name once for each schema, and found
 * by halving. */
#include <stdlib.h>

#include "base/mem.h"
#include "schema/avro_action.h"
#include "schema/rule.h"

static int name_compare(const void *a, const void *b, void *schema)
{
    const struct iso_avro *owner = schema;
    uint32_t left = owner->edges[*(const uint32_t *)a].name;
    uint32_t right = owner->edges[*(const uint32_t *)b].name;
    return strcmp(iso_avro_name(owner, left), iso_avro_name(owner, right));
}

uint32_t *iso_avro_by_name(const struct iso_avro *schema)
{
    uint32_t *by_name = iso_alloc_zero(schema->edge_count + 1, sizeof *by_name);
    for (uint32_t i = 0; i < schema->edge_count; i++)
        by_name[i] = i;
    struct iso_avro owner = *schema; /* qsort_r takes nothing constant */
    for (uint32_t i = 0; i < schema->node_count; i++) {
        const struct iso_avro_node *node = &schema->nodes[i];
        if (node->kind == ISO_AVRO_RECORD || node->kind == ISO_AVRO_ENUM)
            qsort_r(by_name + node->first, node->count, sizeof *by_name, name_compare,
                    &owner);
    }
    return by_name;
}

uint32_t iso_avro_find(const struct iso_avro *schema, const uint32_t *by_name,
                       uint32_t node, const char *name)
{
    uint32_t first = schema->nodes[node].first;
    uint32_t low = first, high = first + schema->nodes[node].count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t edge = by_name[middle];
        int order = strcmp(iso_avro_name(schema, schema->edges[edge].name), name);
        if (order == 0)
            return edge - first;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return ISO_NONE;
}

/* ---- types ---- */

static bool promotes(enum iso_avro_kind from, enum iso_avro_kind to)
{
    switch ((int)from) {
    case ISO_AVRO_INT:
        return to == ISO_AVRO_LONG || to == ISO_AVRO_FLOAT || to == ISO_AVRO_DOUBLE;
    case ISO_AVRO_LONG:
        return to == ISO_AVRO_FLOAT || to == ISO_AVRO_DOUBLE;
    case ISO_AVRO_FLOAT:
        return to == ISO_AVRO_DOUBLE;
    case ISO_AVRO_STRING:
        return to == ISO_AVRO_BYTES;
    case ISO_AVRO_BYTES:
        return to == ISO_AVRO_STRING;
    default:
        return false;
    }
}

static const char *without_space(const char *full)
{
    const char *dot = strrchr(full, '.');
    return dot != NULL ? dot + 1 : full;
}

static enum iso_avro_match names_match(const struct iso_avro *writer,
                                       const struct iso_avro_node *wrote,
                                       const struct iso_avro *reader,
                                       const struct iso_avro_node *want)
{
    const char *from = iso_avro_name(writer, wrote->name);
    const char *to = iso_avro_name(reader, want->name);
    if (strcmp(from, to) == 0)
        return ISO_MATCH_OWN;
    for (uint32_t i = 0; i < want->aliases.count; i++) {
        uint32_t alias = reader->aliases[want->aliases.first + i];
        if (strcmp(from, iso_avro_name(reader, alias)) == 0)
            return ISO_MATCH_ALIAS;
    }
    return strcmp(without_space(from), without_space(to)) == 0 ? ISO_MATCH_READS
                                                               : ISO_MATCH_NOT;
}

enum iso_avro_match iso_avro_match(const struct iso_avro *writer, uint32_t write,
                                   const struct iso_avro *reader, uint32_t read)
{
    const struct iso_avro_node *wrote = &writer->nodes[write];
    const struct iso_avro_node *want = &reader->nodes[read];
    if (wrote->kind != want->kind)
        return promotes(wrote->kind, want->kind) ? ISO_MATCH_READS : ISO_MATCH_NOT;
    if (wrote->kind < ISO_AVRO_RECORD)
        return ISO_MATCH_OWN;
    if (wrote->kind == ISO_AVRO_FIXED && wrote->count != want->count)
        return ISO_MATCH_NOT;
    return names_match(writer, wrote, reader, want);
}

/* ---- merge rules ---- */

/* A field that names none has "lww". */
static const char *rule_of(const struct iso_avro *schema,
                           const struct iso_avro_edge *field)
{
    return field->merge != 0 ? iso_avro_name(schema, field->merge) : "lww";
}

/* What a schema says of one field of the record at its top. */
struct merged {
    const struct iso_avro *schema;
    const struct iso_avro_edge *field;
    const char *text;
    enum iso_rule rule;
    bool is_rule, is_map;
};

static struct merged merged_of(const struct iso_avro *schema,
                               const struct iso_avro_edge *field)
{
    struct merged merged = {
        .schema = schema, .field = field, .text = rule_of(schema, field)};
    merged.is_rule = iso_rule_parse(merged.text, &merged.rule, &merged.is_map);
    return merged;
}

static bool is_same_rule(const struct merged *a, const struct merged *b)
{
    if (!a->is_rule || !b->is_rule)
        return strcmp(a->text, b->text) == 0;
    return a->rule == b->rule && a->is_map == b->is_map;
}

/* Of what these rules take: an int and a long are written alike, nothing else is. */
static bool is_same_type(const struct iso_avro *a, uint32_t left,
                         const struct iso_avro *b, uint32_t right)
{
    const struct iso_avro_node *one = &a->nodes[left], *other = &b->nodes[right];
    while (one->kind == other->kind &&
           (one->kind == ISO_AVRO_ARRAY || one->kind == ISO_AVRO_MAP)) {
        one = &a->nodes[a->edges[one->first].node];
        other = &b->nodes[b->edges[other->first].node];
    }
    bool whole = one->kind == ISO_AVRO_INT || one->kind == ISO_AVRO_LONG;
    return one->kind == other->kind ||
           (whole && (other->kind == ISO_AVRO_INT || other->kind == ISO_AVRO_LONG));
}

static enum iso_err merged_alike(const struct merged *a, const struct merged *b,
                                 struct iso_why *why)
{
    const char *name = iso_avro_name(a->schema, a->field->name);
    if (!is_same_rule(a, b))
        return iso_fail(why, ISO_INCOMPATIBLE,
                        "the field %.100s is merged by %.60s in one schema and by "
                        "%.60s in the other: a field never gets another rule: give "
                        "the new field another name, or make a new collection",
                        name, a->text, b->text);
    if (a->is_rule && a->rule != ISO_RULE_LWW &&
        !is_same_type(a->schema, a->field->node, b->schema, b->field->node))
        return iso_fail(why, ISO_INCOMPATIBLE,
                        "the field %.100s, merged by %.60s, has another type in one "
                        "schema than in the other: what is stored of it would not go "
                        "together (only int and long do): add a field with the new "
                        "type and another name",
                        name, a->text);
    return ISO_OK;
}

enum iso_err iso_avro_same_rules(const struct iso_avro *a, const struct iso_avro *b,
                                 struct iso_why *why)
{
    const struct iso_avro_node *record = &a->nodes[a->root];
    if (record->kind != ISO_AVRO_RECORD || b->nodes[b->root].kind != ISO_AVRO_RECORD)
        return ISO_OK;
    uint32_t *by_name = iso_avro_by_name(b);
    enum iso_err err = ISO_OK;
    for (uint32_t i = 0; i < record->count && err == ISO_OK; i++) {
        const struct iso_avro_edge *field = &a->edges[record->first + i];
        const char *name = iso_avro_name(a, field->name);
        uint32_t other = iso_avro_find(b, by_name, b->root, name);
        if (other == ISO_NONE)
            continue;
        struct merged ours = merged_of(a, field);
        struct merged its = merged_of(b, &b->edges[b->nodes[b->root].first + other]);
        err = merged_alike(&ours, &its, why);
    }
    iso_free(by_name);
    return err;
}
