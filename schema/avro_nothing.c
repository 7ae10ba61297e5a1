/* What stands where nobody wrote and no default was given. A type may have no such
 * datum (a record that has itself) or a very large one (a record that has two of a
 * record that has two …), so depth, steps and bytes are bounded; a byte of a fixed is a
 * step too. */
#include "schema/avro_node.h"

struct nothing {
    const struct iso_avro *schema;
    size_t *steps_left;
    struct iso_buf *datum;
};

static bool nothing_add(struct nothing *nothing, uint32_t node, unsigned depth);

static bool steps_take(struct nothing *nothing, size_t steps)
{
    if (steps > *nothing->steps_left)
        return false;
    *nothing->steps_left -= steps;
    return true;
}

static void zeros_add(struct nothing *nothing, size_t count)
{
    struct iso_buf *datum = nothing->datum;
    if (count == 0)
        return;
    iso_buf_reserve(datum, count);
    memset(datum->data + datum->size, 0, count);
    datum->size += count;
}

static bool record_add(struct nothing *nothing, const struct iso_avro_node *record,
                       unsigned depth)
{
    const struct iso_avro *schema = nothing->schema;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct iso_avro_edge *field = &schema->edges[record->first + i];
        if (!field->has_fallback) {
            if (!nothing_add(nothing, field->node, depth))
                return false;
            continue;
        }
        if (!steps_take(nothing, 1 + field->fallback.count))
            return false;
        iso_buf_add_bytes(nothing->datum, iso_avro_fallback(schema, field));
    }
    return true;
}

/* Null, wherever it stands; else the first branch. */
static bool union_add(struct nothing *nothing, const struct iso_avro_node *node,
                      unsigned depth)
{
    const struct iso_avro_edge *branches = &nothing->schema->edges[node->first];
    uint32_t chosen = 0;
    if (node->count == 0 || !steps_take(nothing, node->count))
        return false;
    for (uint32_t i = 0; i < node->count; i++)
        if (nothing->schema->nodes[branches[i].node].kind == ISO_AVRO_NULL)
            chosen = i;
    iso_avro_add_long(nothing->datum, chosen);
    return nothing_add(nothing, branches[chosen].node, depth);
}

/* Bytes of zeros that say nothing: a number, length, symbol or count of one byte. */
static size_t zeros_of(const struct iso_avro_node *node)
{
    switch ((unsigned)node->kind) {
    case ISO_AVRO_NULL:
        return 0;
    case ISO_AVRO_FLOAT:
        return sizeof(float);
    case ISO_AVRO_DOUBLE:
        return sizeof(double);
    case ISO_AVRO_FIXED:
        return node->count;
    default:
        return 1;
    }
}

static bool nothing_add(struct nothing *nothing, uint32_t number, unsigned depth)
{
    const struct iso_avro_node *node = &nothing->schema->nodes[number];
    if (node->kind == ISO_AVRO_UNION)
        return union_add(nothing, node, depth);
    if (node->kind == ISO_AVRO_RECORD)
        return depth < ISO_AVRO_DEPTH_MAX && steps_take(nothing, 1) &&
               record_add(nothing, node, depth + 1);
    if (!steps_take(nothing, 1 + zeros_of(node)))
        return false;
    zeros_add(nothing, zeros_of(node));
    return true;
}

bool iso_avro_nothing(const struct iso_avro *schema, uint32_t node, size_t *steps_left,
                      struct iso_buf *datum)
{
    struct nothing nothing = {schema, steps_left, datum};
    size_t before = datum->size;
    if (nothing_add(&nothing, node, 0))
        return true;
    datum->size = before;
    return false;
}
