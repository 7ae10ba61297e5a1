/* assemble_taker.h - who takes which part of a record, and as what: made once for a
 * reader's schema. Only assemble*.c includes this.
 */
#ifndef ISO_SCHEMA_ASSEMBLE_TAKER_H
#define ISO_SCHEMA_ASSEMBLE_TAKER_H

#include "schema/assemble.h"
#include "schema/avro_action.h"

/* How a type of the reader's holds the parts of a field. */
struct iso_shape {
    uint32_t node; /* of one part; ISO_NONE: it is not of the field's shape */
    uint32_t map_branch,
        set_branch; /* of the union around it; ISO_NONE: there is none */
};

/* A name under which a field of the reader's takes parts; each name stands once. */
struct iso_taker {
    struct iso_bytes name;
    uint32_t field;               /* of the reader's record, from 0 on */
    uint32_t rank;                /* 0: its name; else its alias, from 1 on */
    const struct iso_field *rule; /* what the collection says; NULL: it has none such */
    struct iso_shape shape;
    /* Of counter, set and flag: the actions for what parts hold without a schema. Whole
     * numbers: as an int, as a long; else both the same. */
    uint32_t actions[2];
};

struct iso_takers {
    const struct iso_avro *reader;
    struct iso_taker *takers; /* by name, as paths are ordered */
    size_t count;
    struct iso_avro_resolution *resolution; /* of the reader with itself: `actions` */
};

void iso_takers_init(struct iso_takers *takers, const struct iso_schemas *schemas,
                     const struct iso_avro *reader);
void iso_takers_release(struct iso_takers *takers);
/* NULL: the reader has no such field. */
const struct iso_taker *iso_takers_find(const struct iso_takers *takers,
                                        struct iso_bytes name);

/* ---- sentences: assemble_refusal.c ---- */

/* The definition does not name what wrote the part. */
enum iso_err iso_assemble_unnamed(const struct iso_shown_part *part,
                                  struct iso_why *why);
/* Of the reader's field `name`. */
enum iso_err iso_assemble_damaged(const char *name, const struct iso_field *rule,
                                  struct iso_why *why);
enum iso_err iso_assemble_misshapen(const char *name, const struct iso_field *rule,
                                    struct iso_why *why);
enum iso_err iso_assemble_out_of_range(const char *name, const struct iso_path *path,
                                       int64_t number, struct iso_why *why);
enum iso_err iso_assemble_too_large(const char *name, struct iso_why *why);

/* Do parts of this rule keep data of their writer's schema? */
bool iso_rule_is_written(enum iso_rule rule);

#endif
