/* Passing over what the walk has taken: no read can fail, and the recursion is as deep
 * as the datum is nested, at most ISO_AVRO_DEPTH_MAX. A block that says its size is
 * passed over at once, since the walk has found its end there. */
#include "schema/avro_node.h"

static void skip_items(struct iso_avro_cursor *cursor, const struct iso_avro *schema,
                       const struct iso_avro_node *node)
{
    const uint8_t *end;
    size_t left;
    while ((left = iso_avro_block_sized(cursor, ISO_AVRO_ITEMS_MAX, &end)) > 0) {
        if (end != NULL) {
            cursor->at = end;
            continue;
        }
        for (; left > 0; left--) {
            if (node->kind == ISO_AVRO_MAP)
                iso_avro_bytes(cursor);
            iso_avro_skip(cursor, schema, schema->edges[node->first].node);
        }
    }
}

void iso_avro_skip(struct iso_avro_cursor *cursor, const struct iso_avro *schema,
                   uint32_t number)
{
    const struct iso_avro_node *node = &schema->nodes[number];
    switch (node->kind) {
    case ISO_AVRO_NULL:
        return;
    case ISO_AVRO_BOOLEAN:
        iso_avro_fixed(cursor, 1);
        return;
    case ISO_AVRO_INT:
    case ISO_AVRO_LONG:
    case ISO_AVRO_ENUM:
        iso_avro_long(cursor);
        return;
    case ISO_AVRO_FLOAT:
        iso_avro_fixed(cursor, sizeof(float));
        return;
    case ISO_AVRO_DOUBLE:
        iso_avro_fixed(cursor, sizeof(double));
        return;
    case ISO_AVRO_BYTES:
    case ISO_AVRO_STRING:
        iso_avro_bytes(cursor);
        return;
    case ISO_AVRO_FIXED:
        iso_avro_fixed(cursor, node->count);
        return;
    case ISO_AVRO_ARRAY:
    case ISO_AVRO_MAP:
        skip_items(cursor, schema, node);
        return;
    case ISO_AVRO_UNION:
        number = (uint32_t)iso_avro_branch(cursor, (int)node->count);
        iso_avro_skip(cursor, schema, schema->edges[node->first + number].node);
        return;
    case ISO_AVRO_RECORD:
        for (uint32_t i = 0; i < node->count; i++)
            iso_avro_skip(cursor, schema, schema->edges[node->first + i].node);
    }
}
