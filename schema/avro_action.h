/* avro_action.h - what is to be done with a writer's datum, so that a reader can take
 * it: for the files that compile, run and explain a resolution, and no others.
 *
 * There is one action for each pair of a writer's and a reader's type that can meet, in
 * one array; the pairs that were asked for come first, so that of the tops is action 0.
 * Actions name each other by number, so a recursive schema is a graph. What an action
 * has below it (fields, branches, symbols) are its steps, side by side in another
 * array.
 *
 *   writer {a: int, b: {x}, c: string}      0 FIELDS  READ 1, SKIP, FALLBACK, READ 2
 *   reader {a: long, d = 7, c: string}      1 COPY    2 COPY
 */
#ifndef ISO_SCHEMA_AVRO_ACTION_H
#define ISO_SCHEMA_AVRO_ACTION_H

#include "schema/avro_node.h"
#include "schema/avro_resolve.h"
#include "schema/path.h"

enum iso_avro_action_kind {
    ISO_ACTION_COPY,   /* the writer's bytes say the same to the reader */
    ISO_ACTION_TEXT,   /* bytes as a string: when they are UTF-8 */
    ISO_ACTION_FLOAT,  /* an int or long as a float */
    ISO_ACTION_DOUBLE, /* an int or long as a double */
    ISO_ACTION_WIDEN,  /* a float as a double */
    ISO_ACTION_SYMBOL, /* a SYMBOL for each of the writer's */
    ISO_ACTION_ITEMS,  /* one READ */
    ISO_ACTION_FIELDS, /* READ, SKIP and FALLBACK, in the order of both … */
    ISO_ACTION_TURN, /* … READ and SKIP in the writer's, then `turned` in the reader's
                      */
    ISO_ACTION_WROTE, /* the writer's union: a READ for each branch */
    ISO_ACTION_CHOSE, /* the reader's union: `branch`, then the one READ */
    ISO_ACTION_REFUSE,
};

enum iso_avro_refusal {
    ISO_REFUSAL_TYPE,
    ISO_REFUSAL_NAME,
    ISO_REFUSAL_SIZE,   /* of a fixed */
    ISO_REFUSAL_BRANCH, /* the reader's union has none for it */
    ISO_REFUSAL_FIELD,  /* only the reader has it, without a default */
    ISO_REFUSAL_SYMBOL, /* only the writer has it, the reader no default */
    ISO_REFUSAL_TEXT,   /* bytes that are to be a string are not UTF-8 */
    ISO_REFUSAL_BOUNDS, /* the schemas have too many pairs of types */
};

enum iso_avro_step_kind {
    ISO_STEP_READ,     /* `number`: action; of a field: `more`: the reader's edge */
    ISO_STEP_SKIP,     /* `number`: the writer's node */
    ISO_STEP_FALLBACK, /* `number`, `more`: first byte and bytes in the reader's */
    ISO_STEP_PIECE,    /* `number`: the n-th READ of the same action */
    ISO_STEP_SYMBOL,   /* `number`: the reader's, or ISO_NONE */
};

enum { ISO_NONE = UINT32_MAX };

struct iso_avro_step {
    enum iso_avro_step_kind kind;
    uint32_t number, more;
};

struct iso_avro_action {
    enum iso_avro_action_kind kind;
    enum iso_avro_refusal refusal;
    uint32_t writer, reader; /* nodes */
    uint32_t first, count;   /* steps */
    uint32_t turned;         /* steps behind them */
    uint32_t branch;
    uint32_t field;  /* that is missing: the reader's edge */
    uint32_t parent; /* the action that asked for this one first; the top: itself … */
    uint32_t way;    /* … through this field of the reader (edge), or ISO_NONE */
};

struct iso_avro_resolution {
    const struct iso_avro *writer, *reader;
    struct iso_avro_action *actions;
    struct iso_avro_step *steps;
    uint32_t action_count, action_room;
    uint32_t step_count, step_room;
    bool nests; /* a fallback has records, arrays or maps in it: the answer may be
                 * nested deeper, and have more items, than what was written */
};

/* ---- data of types below the top ---- */

/* Types that meet, and what is to be done with a datum. */
struct iso_avro_pair {
    uint32_t writer, reader; /* nodes */
    uint32_t action;         /* the answer: for iso_avro_read_part */
};

/* As iso_avro_resolution_new, of several pairs at once: what they have in common is
 * compiled once, and the bounds are for all of them together. */
struct iso_avro_resolution *iso_avro_pairs_new(const struct iso_avro *writer,
                                               const struct iso_avro *reader,
                                               struct iso_avro_pair *pairs,
                                               size_t count);

/* A datum that becomes part of a longer one. */
struct iso_avro_part {
    const struct iso_avro_resolution *resolution;
    uint32_t action;
    struct iso_bytes datum;
    const char *field;           /* its place, for sentences: the reader's field … */
    const struct iso_path *path; /* … and which member or element of it */
    size_t base; /* where the longer one begins in `out`, for ISO_AVRO_READ_MAX */
};

/* As iso_avro_read_as, but what comes of the whole is the caller's to check. */
enum iso_err iso_avro_read_part(const struct iso_avro_part *part, struct iso_buf *out,
                                struct iso_why *why);

/* ---- names: avro_match.c ---- */

/* Edges by number, those of each record and enum in the order of their names. To be
 * freed. */
uint32_t *iso_avro_by_name(const struct iso_avro *schema);
/* Which field or symbol of the node, from 0 on, is called so; or ISO_NONE. */
uint32_t iso_avro_find(const struct iso_avro *schema, const uint32_t *by_name,
                       uint32_t node, const char *name);

/* How well the reader's type goes with the writer's, neither a union. What is below
 * them is not looked at. */
enum iso_avro_match {
    ISO_MATCH_NOT,
    ISO_MATCH_READS, /* promotion, or the same name in another namespace */
    ISO_MATCH_ALIAS,
    ISO_MATCH_OWN, /* the same type and full name */
};
enum iso_avro_match iso_avro_match(const struct iso_avro *writer, uint32_t write,
                                   const struct iso_avro *reader, uint32_t read);

/* ---- sentences: avro_refusal.c ---- */

/* Where a datum or schema stands: "a.b[3].c", written from its end; cut at its front.
 */
struct iso_avro_trail {
    char text[200];
};
/* Empty; of a field that is missing, its name. */
void iso_avro_trail_begin(struct iso_avro_trail *trail,
                          const struct iso_avro_resolution *resolution,
                          const struct iso_avro_action *action);
void iso_avro_trail_field(struct iso_avro_trail *trail, const char *name);
void iso_avro_trail_item(struct iso_avro_trail *trail, const char *bracket);

/* Says why `action` cannot be done; `symbol` is the writer's, of ISO_REFUSAL_SYMBOL. */
enum iso_err iso_avro_refuse(const struct iso_avro_resolution *resolution,
                             const struct iso_avro_action *action,
                             enum iso_avro_refusal refusal, uint32_t symbol,
                             const struct iso_avro_trail *trail, struct iso_why *why);

#endif
