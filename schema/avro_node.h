/* avro_node.h - the inside of a parsed schema: for this room's files that work on
 * schemas, and no others.
 *
 * A schema is an array of nodes. What a node has below it (the fields of a record, the
 * branches of a union, the one item of an array or map, the symbols of an enum) stands
 * in one array of edges, side by side; all names stand in one text. So a schema is four
 * allocations, a reference is a number, recursion is a number that was there before,
 * and the walk follows numbers that the parser made.
 */
#ifndef ISO_SCHEMA_AVRO_NODE_H
#define ISO_SCHEMA_AVRO_NODE_H

#include "schema/avro.h"

/* The primitives come first: node n of every schema is the primitive n. */
enum iso_avro_kind {
    ISO_AVRO_NULL,
    ISO_AVRO_BOOLEAN,
    ISO_AVRO_INT,
    ISO_AVRO_LONG,
    ISO_AVRO_FLOAT,
    ISO_AVRO_DOUBLE,
    ISO_AVRO_BYTES,
    ISO_AVRO_STRING,
    ISO_AVRO_PRIMITIVES,
    ISO_AVRO_ARRAY = ISO_AVRO_PRIMITIVES,
    ISO_AVRO_MAP,
    ISO_AVRO_UNION,
    ISO_AVRO_RECORD, /* from here on they have a name */
    ISO_AVRO_ENUM,
    ISO_AVRO_FIXED,
};

/* A run of items in one of the schema's arrays. */
struct iso_avro_run {
    uint32_t first, count;
};

struct iso_avro_node {
    enum iso_avro_kind kind;
    uint32_t first;              /* edge */
    uint32_t count;              /* edges; fixed: bytes */
    uint32_t name;               /* where the full name stands in `names` */
    struct iso_avro_run aliases; /* of a named type: full names */
    uint32_t symbol; /* of an enum: its default, from 1 on; 0: it has none */
};

struct iso_avro_edge {
    uint32_t node; /* not of an enum */
    uint32_t name; /* of a field or symbol */
    /* Of a field only: */
    bool has_fallback;            /* a default … */
    struct iso_avro_run fallback; /* … and its datum: bytes in `fallbacks` */
    struct iso_avro_run aliases;  /* names */
    uint32_t merge;               /* the rule that "merge" names; 0: it names none */
};

struct iso_avro_outside; /* avro-c's form of the schema: avro.c, made at the first use
                          */

struct iso_avro {
    struct iso_avro_node *nodes;
    struct iso_avro_edge *edges;
    uint32_t node_count, node_room;
    uint32_t edge_count, edge_room;
    uint32_t root;
    struct iso_buf names; /* each ends with NUL; at 0 stands the empty one */
    uint32_t *aliases;    /* where each stands in `names` */
    uint32_t alias_count, alias_room;
    struct iso_buf fallbacks; /* defaults as data, one behind the other */
    struct iso_avro_outside *outside;
};

static inline const char *iso_avro_name(const struct iso_avro *schema, uint32_t name)
{
    return (const char *)schema->names.data + name;
}

static inline struct iso_bytes iso_avro_fallback(const struct iso_avro *schema,
                                                 const struct iso_avro_edge *field)
{
    return iso_bytes(schema->fallbacks.data + field->fallback.first,
                     field->fallback.count);
}

/* What a union calls the branch: "int", "array", "isostasy.Write". */
const char *iso_avro_branch_name(const struct iso_avro *schema, uint32_t node);

/* Behind a datum of the node's type, which was checked. */
void iso_avro_skip(struct iso_avro_cursor *cursor, const struct iso_avro *schema,
                   uint32_t node);
/* As iso_avro_check, iso_avro_from_json and iso_avro_to_json, of one of the schema's
 * types. */
enum iso_err iso_avro_node_check(const struct iso_avro *schema, uint32_t node,
                                 struct iso_bytes datum, struct iso_why *why);
/* The same for who checks many data that somebody sent together: they take at most
 * *steps_left steps (iso_avro_steps_of their size) together. */
enum iso_err iso_avro_node_walk(const struct iso_avro *schema, uint32_t node,
                                struct iso_bytes datum, uint64_t *steps_left,
                                struct iso_why *why);
uint64_t iso_avro_steps_of(size_t size);
enum iso_err iso_avro_node_from_json(const struct iso_avro *schema, uint32_t node,
                                     struct iso_bytes json, struct iso_buf *datum,
                                     struct iso_why *why);

enum iso_err iso_avro_node_to_json(const struct iso_avro *schema, uint32_t node,
                                   struct iso_bytes datum, struct iso_buf *json,
                                   struct iso_why *why);

/* Appends the datum of a type that says nothing: null where the type takes it, else 0,
 * false, what is empty, the first symbol or branch, zeros, a record of its defaults and
 * of such. It takes steps of *steps_left; false: they do not suffice, or the datum has
 * no end within the walk's limits; nothing is appended then. */
bool iso_avro_nothing(const struct iso_avro *schema, uint32_t node, size_t *steps_left,
                      struct iso_buf *datum);

/* NULL is fine for free. */
struct iso_avro_outside *iso_avro_outside_new(void);
void iso_avro_outside_free(struct iso_avro_outside *outside);

#endif
