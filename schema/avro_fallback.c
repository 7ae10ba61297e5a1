/* The defaults of a schema's fields as data, after all types are known: a default may
 * be of a record whose own fields have defaults, which may stand behind it. So a
 * default that needs another has that made first; one that needs itself has no end and
 * is refused.
 *
 * A few letters of JSON can ask for very many bytes (a record that has two of a record
 * that has two …): so steps and bytes are bounded for all defaults of a schema
 * together, and one that was made is paid for again wherever it is copied. The walk has
 * the last word over each. */
#include <jansson.h>

#include "base/mem.h"
#include "schema/avro_encode.h"
#include "schema/avro_parser.h"

enum stage { LEFT, BEGUN, MADE };

struct fallback {
    enum stage stage;
    size_t steps; /* what it took */
};

struct maker {
    struct iso_avro_parser *parser;
    struct iso_avro_encoder encoder;
    uint32_t *pending_of;       /* by edge: 1 + the number of its default; 0: none */
    struct fallback *fallbacks; /* by number */
};

void iso_avro_fallback_pending(struct iso_avro_parser *parser, uint32_t record,
                               uint32_t edge, struct json_t *json)
{
    if (parser->pending_count == parser->pending_room) {
        parser->pending_room =
            parser->pending_room == 0 ? 16 : parser->pending_room * 2;
        parser->pending = iso_realloc(parser->pending,
                                      parser->pending_room * sizeof *parser->pending);
    }
    parser->pending[parser->pending_count++] =
        (struct iso_avro_pending){.edge = edge, .record = record, .json = json};
}

/* The walk needs nothing of a schema but its nodes and where to begin. */
static enum iso_err datum_check(const struct iso_avro *schema, uint32_t node,
                                struct iso_bytes datum, struct iso_why *why)
{
    struct iso_avro part = *schema;
    part.root = node;
    return iso_avro_check(&part, datum, why);
}

/* The datum, at the end of all. */
static enum iso_err fallback_keep(struct maker *maker, uint32_t edge,
                                  struct iso_bytes datum)
{
    struct iso_avro *schema = maker->parser->schema;
    struct iso_avro_edge *field = &schema->edges[edge];
    enum iso_err err = datum_check(schema, field->node, datum, maker->encoder.why);
    if (err == ISO_OK && schema->fallbacks.size + datum.size > ISO_AVRO_FALLBACKS_MAX)
        err = iso_avro_encode_over(&maker->encoder,
                                   "all defaults together are longer than 1 MiB: make "
                                   "them shorter");
    if (err != ISO_OK)
        return err;
    field->has_fallback = true;
    field->fallback.first = (uint32_t)schema->fallbacks.size;
    field->fallback.count = (uint32_t)datum.size;
    iso_buf_add_bytes(&schema->fallbacks, datum);
    return ISO_OK;
}

/* The encoder turns to another field and back; its depth and steps go on. */
static enum iso_err fallback_make(struct maker *maker, uint32_t number)
{
    const struct iso_avro_pending *pending = &maker->parser->pending[number];
    struct iso_avro_encoder *encoder = &maker->encoder, before = *encoder;
    struct iso_buf datum = {0};
    maker->fallbacks[number].stage = BEGUN;
    encoder->out = &datum;
    encoder->items_left = ISO_AVRO_ITEMS_MAX;
    uint32_t node = maker->parser->schema->edges[pending->edge].node;
    enum iso_err err = iso_avro_encode(encoder, node, pending->json);
    if (err == ISO_OK)
        err = fallback_keep(maker, pending->edge, iso_buf_bytes(&datum));
    iso_buf_release(&datum);
    encoder->out = before.out;
    encoder->items_left = before.items_left;
    maker->fallbacks[number].stage = err == ISO_OK ? MADE : LEFT;
    maker->fallbacks[number].steps = before.steps_left - encoder->steps_left;
    return err;
}

/* Another default, of a record, leaves the field out. */
static enum iso_err fallback_need(struct iso_avro_encoder *encoder, uint32_t edge)
{
    struct maker *maker = encoder->context;
    uint32_t number = maker->pending_of[edge];
    if (number == 0)
        return ISO_OK;
    struct fallback *fallback = &maker->fallbacks[--number];
    if (fallback->stage == BEGUN)
        return iso_avro_encode_over(encoder,
                                    "the default contains itself without "
                                    "end: let it end in a null or an empty array");
    if (fallback->stage == LEFT)
        return fallback_make(maker, number);
    if (fallback->steps > encoder->steps_left)
        return iso_avro_encode_over(encoder, "it has too many parts: split it");
    encoder->steps_left -= fallback->steps;
    return ISO_OK;
}

static enum iso_err fallbacks_make(struct maker *maker)
{
    struct iso_avro_parser *parser = maker->parser;
    const struct iso_avro *schema = parser->schema;
    for (uint32_t i = 0; i < parser->pending_count; i++) {
        if (maker->fallbacks[i].stage == MADE)
            continue;
        enum iso_err err = fallback_make(maker, i);
        const struct iso_avro_pending *pending = &parser->pending[i];
        if (err != ISO_OK)
            return iso_fail_at(
                parser->why, err,
                "the Avro schema is wrong at %.160s.%.80s: its default",
                iso_avro_name(schema, schema->nodes[pending->record].name),
                iso_avro_name(schema, schema->edges[pending->edge].name));
    }
    return ISO_OK;
}

enum iso_err iso_avro_fallbacks(struct iso_avro_parser *parser)
{
    if (parser->pending_count == 0)
        return ISO_OK;
    struct iso_avro *schema = parser->schema;
    struct maker maker = {
        .parser = parser,
        .encoder = {.schema = schema,
                    .out_max = ISO_AVRO_FALLBACKS_MAX,
                    .steps_left = iso_avro_steps(parser->json_size),
                    .plain = true,
                    .need = fallback_need,
                    .why = parser->why},
        .pending_of = iso_alloc_zero(schema->edge_count, sizeof *maker.pending_of),
        .fallbacks = iso_alloc_zero(parser->pending_count, sizeof *maker.fallbacks)};
    maker.encoder.context = &maker;
    for (uint32_t i = 0; i < parser->pending_count; i++)
        maker.pending_of[parser->pending[i].edge] = i + 1;
    enum iso_err err = fallbacks_make(&maker);
    iso_free(maker.pending_of);
    iso_free(maker.fallbacks);
    return err;
}
