/* Names are sorted as the fields in paths are, each with the one field that takes it:
 * the field of that name, else the first with such an alias. So a record's parts find
 * their fields by halves, however many there are of both.
 *
 * What a counter, a flag or an element holds is a primitive, which every schema has as
 * the same node: so it is read by a resolution of the reader's schema with itself. */
#include "schema/assemble_taker.h"

#include <stdlib.h>

#include "base/mem.h"

/* ---- names ---- */

/* As in an encoded path. */
static int name_compare(struct iso_bytes a, struct iso_bytes b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return iso_bytes_compare(a, b);
}

static int taker_order(const void *a, const void *b)
{
    const struct iso_taker *left = a, *right = b;
    int order = name_compare(left->name, right->name);
    if (order != 0)
        return order;
    if ((left->rank == 0) != (right->rank == 0))
        return left->rank == 0 ? -1 : 1;
    if (left->field != right->field)
        return left->field < right->field ? -1 : 1;
    return (left->rank > right->rank) - (left->rank < right->rank);
}

static void name_add(struct iso_takers *takers, uint32_t text, uint32_t field,
                     uint32_t rank)
{
    takers->takers[takers->count++] =
        (struct iso_taker){.name = iso_bytes_text(iso_avro_name(takers->reader, text)),
                           .field = field,
                           .rank = rank};
}

static void names_collect(struct iso_takers *takers)
{
    const struct iso_avro *reader = takers->reader;
    const struct iso_avro_node *record = &reader->nodes[reader->root];
    const struct iso_avro_edge *fields = &reader->edges[record->first];
    size_t room = record->count;
    for (uint32_t i = 0; i < record->count; i++)
        room += fields[i].aliases.count;
    takers->takers = iso_alloc_zero(room + 1, sizeof *takers->takers);
    for (uint32_t i = 0; i < record->count; i++) {
        name_add(takers, fields[i].name, i, 0);
        for (uint32_t n = 0; n < fields[i].aliases.count; n++)
            name_add(takers, reader->aliases[fields[i].aliases.first + n], i, n + 1);
    }
    qsort(takers->takers, takers->count, sizeof *takers->takers, taker_order);
    size_t kept = 0;
    for (size_t i = 0; i < takers->count; i++)
        if (i == 0 ||
            !iso_bytes_equal(takers->takers[i].name, takers->takers[kept - 1].name))
            takers->takers[kept++] = takers->takers[i];
    takers->count = kept;
}

const struct iso_taker *iso_takers_find(const struct iso_takers *takers,
                                        struct iso_bytes name)
{
    size_t low = 0, high = takers->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = name_compare(takers->takers[middle].name, name);
        if (order == 0)
            return &takers->takers[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- shapes ---- */

/* The items' type of an array or map, be it a branch of a union; ISO_NONE: it is none.
 */
static uint32_t inside(const struct iso_avro *reader, uint32_t number,
                       enum iso_avro_kind kind, uint32_t *branch)
{
    const struct iso_avro_node *node = &reader->nodes[number];
    *branch = ISO_NONE;
    if (node->kind == kind)
        return reader->edges[node->first].node;
    if (node->kind != ISO_AVRO_UNION)
        return ISO_NONE;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct iso_avro_node *below =
            &reader->nodes[reader->edges[node->first + i].node];
        if (below->kind != kind)
            continue;
        *branch = i;
        return reader->edges[below->first].node;
    }
    return ISO_NONE;
}

static struct iso_shape shape_of(const struct iso_avro *reader, uint32_t node,
                                 const struct iso_field *rule)
{
    struct iso_shape shape = {node, ISO_NONE, ISO_NONE};
    if (rule->is_map)
        shape.node = inside(reader, shape.node, ISO_AVRO_MAP, &shape.map_branch);
    if (rule->rule == ISO_RULE_SET && shape.node != ISO_NONE)
        shape.node = inside(reader, shape.node, ISO_AVRO_ARRAY, &shape.set_branch);
    return shape;
}

/* ---- what parts hold without a schema ---- */

bool iso_rule_is_written(enum iso_rule rule)
{
    return rule == ISO_RULE_LWW || rule == ISO_RULE_MAX || rule == ISO_RULE_MIN;
}

static void pairs_fill(const struct iso_taker *taker, struct iso_avro_pair pairs[2])
{
    const struct iso_field *rule = taker->rule;
    for (unsigned i = 0; i < 2; i++)
        pairs[i] = (struct iso_avro_pair){ISO_AVRO_NULL, ISO_AVRO_NULL, 0};
    if (rule == NULL || taker->shape.node == ISO_NONE ||
        iso_rule_is_written(rule->rule))
        return;
    iso_assert(rule->part < ISO_AVRO_PRIMITIVES);
    bool is_whole = rule->part == ISO_AVRO_INT || rule->part == ISO_AVRO_LONG;
    pairs[0].writer = is_whole ? ISO_AVRO_INT : rule->part;
    pairs[1].writer = is_whole ? ISO_AVRO_LONG : rule->part;
    pairs[0].reader = pairs[1].reader = taker->shape.node;
}

static void actions_make(struct iso_takers *takers)
{
    struct iso_avro_pair(*pairs)[2] =
        iso_alloc_zero(takers->count + 1, 2 * sizeof(struct iso_avro_pair));
    for (size_t i = 0; i < takers->count; i++)
        pairs_fill(&takers->takers[i], pairs[i]);
    takers->resolution =
        iso_avro_pairs_new(takers->reader, takers->reader, pairs[0], 2 * takers->count);
    for (size_t i = 0; i < takers->count; i++)
        for (unsigned n = 0; n < 2; n++)
            takers->takers[i].actions[n] = pairs[i][n].action;
    iso_free(pairs);
}

void iso_takers_init(struct iso_takers *takers, const struct iso_schemas *schemas,
                     const struct iso_avro *reader)
{
    const struct iso_avro_node *record = &reader->nodes[reader->root];
    *takers = (struct iso_takers){.reader = reader};
    names_collect(takers);
    for (size_t i = 0; i < takers->count; i++) {
        struct iso_taker *taker = &takers->takers[i];
        uint32_t node = reader->edges[record->first + taker->field].node;
        taker->rule = iso_schemas_field(schemas, taker->name);
        if (taker->rule != NULL)
            taker->shape = shape_of(reader, node, taker->rule);
    }
    actions_make(takers);
}

void iso_takers_release(struct iso_takers *takers)
{
    iso_avro_resolution_free(takers->resolution);
    iso_free(takers->takers);
    *takers = (struct iso_takers){0};
}
