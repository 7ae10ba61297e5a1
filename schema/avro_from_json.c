/* JSON as people and other programs write it, into a datum. jansson reads all of it,
 * so the JSON is bounded too; the encoder goes through it (avro_encode.c), and the walk
 * through what came out: whatever the encoder thinks, nothing leaves here that others
 * would refuse. */
#include <jansson.h>

#include "schema/avro_encode.h"
#include "schema/write.h"

enum { DATUM_JSON_MAX = 16 << 20 };

static enum iso_err tree_encode(struct iso_avro_encoder *encoder, uint32_t node,
                                json_t *tree)
{
    enum iso_err err = iso_avro_encode(encoder, node, tree);
    if (err == ISO_OK && encoder->out->size > ISO_VALUE_MAX)
        err = iso_avro_encode_long(encoder);
    return err;
}

enum iso_err iso_avro_node_from_json(const struct iso_avro *schema, uint32_t node,
                                     struct iso_bytes json, struct iso_buf *datum,
                                     struct iso_why *why)
{
    if (json.size > DATUM_JSON_MAX)
        return iso_fail(why, ISO_BAD_DATA,
                        "the JSON of a value has %zu bytes, more than %d: split it",
                        json.size, (int)DATUM_JSON_MAX);
    if (json.size == 0)
        return iso_fail(why, ISO_BAD_DATA,
                        "the JSON of a value is empty: write null, or the value");
    json_error_t where;
    json_t *tree =
        json_loadb((const char *)json.data, json.size,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    if (tree == NULL)
        return iso_fail(why, ISO_BAD_DATA,
                        "the value is no JSON: line %d, column %d: %s", where.line,
                        where.column, where.text);
    /* Apart, for the encoder's limit is of this value alone. */
    struct iso_buf made = {0};
    struct iso_avro_encoder encoder = {.schema = schema,
                                       .out = &made,
                                       .out_max = ISO_VALUE_MAX,
                                       .steps_left = iso_avro_steps(json.size),
                                       .items_left = ISO_AVRO_ITEMS_MAX,
                                       .why = why};
    enum iso_err err = tree_encode(&encoder, node, tree);
    json_decref(tree);
    if (err == ISO_OK)
        err = iso_avro_node_check(schema, node, iso_buf_bytes(&made), why);
    if (err == ISO_OK)
        iso_buf_add_bytes(datum, iso_buf_bytes(&made));
    iso_buf_release(&made);
    return err;
}

enum iso_err iso_avro_from_json(const struct iso_avro *schema, struct iso_bytes json,
                                struct iso_buf *datum, struct iso_why *why)
{
    return iso_avro_node_from_json(schema, schema->root, json, datum, why);
}
