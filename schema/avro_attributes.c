/* What stands in a schema and decides nothing about the bytes of a datum: by which
 * names else a type or field was known (aliases), which symbol stands for those that a
 * reader does not know (an enum's default), how a field is merged ("merge", ours).
 * Their form is checked here; what a merge rule may be is its reader's to know. The
 * other attributes (doc, order, logicalType) are not looked at. */
#include <jansson.h>

#include "base/mem.h"
#include "schema/avro_parser.h"

static void alias_add(struct iso_avro *schema, uint32_t name)
{
    if (schema->alias_count == schema->alias_room) {
        schema->alias_room = schema->alias_room == 0 ? 16 : schema->alias_room * 2;
        schema->aliases =
            iso_realloc(schema->aliases, schema->alias_room * sizeof *schema->aliases);
    }
    schema->aliases[schema->alias_count++] = name;
}

/* One alias of a type: full, in the namespace `space`; of a field: as it stands. */
static enum iso_err alias_parse(struct iso_avro_parser *parser, const json_t *json,
                                const struct iso_bytes *space, struct iso_buf *full)
{
    const char *alias = iso_avro_json_text(json);
    bool valid = alias != NULL && (space != NULL ? iso_avro_name_full_valid(alias)
                                                 : iso_avro_name_valid(alias));
    if (!valid)
        return iso_avro_parse_fail(
            parser, "not an alias:", alias != NULL ? alias : "(no text)");
    uint32_t at = 0;
    struct iso_bytes nowhere = {0};
    enum iso_err err =
        iso_avro_name_resolve(parser, alias, space != NULL ? *space : nowhere, full);
    if (err == ISO_OK)
        err = iso_avro_name_add(parser, iso_buf_text(full), &at);
    if (err == ISO_OK)
        alias_add(parser->schema, at);
    return err;
}

static enum iso_err aliases_parse(struct iso_avro_parser *parser, const json_t *object,
                                  const struct iso_bytes *space,
                                  struct iso_avro_run *run)
{
    const json_t *aliases = json_object_get(object, "aliases");
    if (aliases == NULL)
        return ISO_OK;
    if (!json_is_array(aliases))
        return iso_avro_parse_fail(parser, "what is no array of names is", "aliases");
    run->first = parser->schema->alias_count;
    enum iso_err err = ISO_OK;
    struct iso_buf full = {0};
    for (size_t i = 0; i < json_array_size(aliases) && err == ISO_OK; i++)
        err = alias_parse(parser, json_array_get(aliases, i), space, &full);
    iso_buf_release(&full);
    run->count = parser->schema->alias_count - run->first;
    return err;
}

static enum iso_err symbol_parse(struct iso_avro_parser *parser, const json_t *json,
                                 struct iso_avro_node *node)
{
    const struct iso_avro *schema = parser->schema;
    const char *symbol = iso_avro_json_text(json);
    for (uint32_t i = 0; symbol != NULL && i < node->count; i++) {
        uint32_t name = schema->edges[node->first + i].name;
        if (strcmp(symbol, iso_avro_name(schema, name)) == 0)
            node->symbol = i + 1;
    }
    if (node->symbol > 0)
        return ISO_OK;
    return iso_avro_parse_fail(parser, "the default is none of the enum's symbols:",
                               symbol != NULL ? symbol : "(no text)");
}

enum iso_err iso_avro_type_attributes(struct iso_avro_parser *parser,
                                      struct iso_avro_place place, uint32_t number)
{
    struct iso_avro_node *node = &parser->schema->nodes[number];
    enum iso_err err = aliases_parse(parser, place.json, &place.space, &node->aliases);
    const json_t *symbol = json_object_get(place.json, "default");
    if (err == ISO_OK && node->kind == ISO_AVRO_ENUM && symbol != NULL)
        err = symbol_parse(parser, symbol, node);
    return err;
}

enum iso_err iso_avro_field_attributes(struct iso_avro_parser *parser,
                                       const struct json_t *json,
                                       struct iso_avro_edge *edge)
{
    enum iso_err err = aliases_parse(parser, json, NULL, &edge->aliases);
    if (err != ISO_OK || json_object_get(json, "merge") == NULL)
        return err;
    const char *merge = iso_avro_member_text(json, "merge");
    if (merge == NULL)
        return iso_avro_parse_fail(parser, "what is no text is", "merge");
    return iso_avro_name_add(parser, merge, &edge->merge);
}
