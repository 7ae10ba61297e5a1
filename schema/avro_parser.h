/* avro_parser.h - what the files that turn a schema's JSON into nodes share; for them
 * and no others.
 *
 *   avro_schema.c      types: records, enums, unions … and iso_avro_parse itself
 *   avro_names.c       names: their form, their namespaces, where they are kept
 *   avro_attributes.c  what decides nothing about a datum's bytes: aliases, "merge"
 *   avro_fallback.c    defaults, as data, when all nodes are there
 */
#ifndef ISO_SCHEMA_AVRO_PARSER_H
#define ISO_SCHEMA_AVRO_PARSER_H

#include "schema/avro_node.h"

struct json_t; /* jansson's */

/* A full name is at most so long, and all names together: else a namespace of many
 * bytes, repeated for each type in it, would cost far more than the schema's length. */
enum { ISO_AVRO_NAME_MAX = 512, ISO_AVRO_NAMES_MAX = 4 << 20 };
/* All defaults of a schema together, in bytes. */
enum { ISO_AVRO_FALLBACKS_MAX = 1 << 20 };

/* A field that has a default: read when all types are known. */
struct iso_avro_pending {
    uint32_t edge, record; /* the field, and the node that it is in */
    struct json_t *json;
};

struct iso_avro_parser {
    struct iso_avro *schema;
    struct json_t *named; /* full name -> node */
    struct iso_buf path;  /* of the place that is being read: for sentences */
    unsigned depth;
    struct iso_avro_pending *pending; /* by edge, ascending in a record */
    size_t pending_count, pending_room;
    size_t json_size;
    struct iso_why *why;
};

/* A type in JSON, and the namespace that names without a dot are in. */
struct iso_avro_place {
    struct json_t *json;
    struct iso_bytes space;
};

/* "the Avro schema is wrong at PATH: PROBLEM WHAT" */
enum iso_err iso_avro_parse_fail(struct iso_avro_parser *parser, const char *problem,
                                 const char *what);
/* One step down into a field, named type or part; iso_avro_path_up takes it back. */
size_t iso_avro_path_down(struct iso_avro_parser *parser, const char *name);
void iso_avro_path_up(struct iso_avro_parser *parser, size_t before);

/* ---- avro_names.c ---- */

/* The text of a member; NULL when there is none, or it has a NUL in it. */
const char *iso_avro_member_text(const struct json_t *object, const char *member);
const char *iso_avro_json_text(const struct json_t *json);
/* [A-Za-z_][A-Za-z0-9_]* */
bool iso_avro_name_valid(const char *name);
/* Such names with dots between them. */
bool iso_avro_name_full_valid(const char *name);
/* What stands before the last dot; empty when there is none. */
struct iso_bytes iso_avro_name_space(struct iso_bytes name);
/* Into `full` (cleared): a name with a dot is full already. Too long: fails. */
enum iso_err iso_avro_name_resolve(struct iso_avro_parser *parser, const char *name,
                                   struct iso_bytes space, struct iso_buf *full);
/* Into the schema's names; fails when they are full. */
enum iso_err iso_avro_name_add(struct iso_avro_parser *parser, const char *name,
                               uint32_t *at);

/* ---- avro_attributes.c ---- */

/* Of a named type, whose full name and namespace are known. */
enum iso_err iso_avro_type_attributes(struct iso_avro_parser *parser,
                                      struct iso_avro_place place, uint32_t node);
/* Of a field but its default, which is put aside: see below. */
enum iso_err iso_avro_field_attributes(struct iso_avro_parser *parser,
                                       const struct json_t *json,
                                       struct iso_avro_edge *edge);

/* ---- avro_fallback.c ---- */

/* Remembers that the field has a default, which lives as long as the parser. */
void iso_avro_fallback_pending(struct iso_avro_parser *parser, uint32_t record,
                               uint32_t edge, struct json_t *json);
/* Turns what was remembered into data. */
enum iso_err iso_avro_fallbacks(struct iso_avro_parser *parser);

#endif
