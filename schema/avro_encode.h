/* avro_encode.h - JSON into a datum: what iso_avro_from_json and the defaults of a
 * schema share; for this room's files that do one of both, and no others.
 *
 * A value costs at most the steps, items, levels and bytes that the encoder is given,
 * whatever JSON and schema say. What it wrote may still be refused by the walk, which
 * has the last word: its limits hold over defaults too, which are copied here unseen.
 */
#ifndef ISO_SCHEMA_AVRO_ENCODE_H
#define ISO_SCHEMA_AVRO_ENCODE_H

#include "schema/avro_node.h"

struct json_t; /* jansson's */

/* The way from the top down to a value, from its end. */
struct iso_avro_step {
    const struct iso_avro_step *up;
    const char *name; /* of a field or key; NULL: an item */
    size_t item;
    bool key;
};

struct iso_avro_encoder {
    const struct iso_avro *schema;
    struct iso_buf *out; /* appended to; the caller takes a failure's part away */
    size_t out_max;      /* of its size */
    size_t steps_left, items_left;
    unsigned depth;
    /* Unions as defaults have them: the value itself, of the first branch that takes
     * it. Else as JSON has them: null or {"branch": value}. */
    bool plain;
    bool trying; /* a branch, of which others are left: no sentence is needed */
    bool over;   /* a limit was met, or what no other branch would heal */
    const struct iso_avro_step *at;
    /* Unless NULL: called before the default of the field is used, may give it one. */
    enum iso_err (*need)(struct iso_avro_encoder *encoder, uint32_t edge);
    void *context; /* of `need` */
    struct iso_why *why;
};

/* How many steps a JSON of `size` bytes may take. */
static inline size_t iso_avro_steps(size_t size)
{
    return ((size_t)1 << 20) + 16 * size;
}

/* ISO_BAD_DATA: `why` begins with the place in the value, "field a.b: …". */
enum iso_err iso_avro_encode(struct iso_avro_encoder *encoder, uint32_t node,
                             struct json_t *json);

/* A limit was met. */
enum iso_err iso_avro_encode_over(struct iso_avro_encoder *encoder,
                                  const char *problem);
/* That of bytes. */
enum iso_err iso_avro_encode_long(struct iso_avro_encoder *encoder);

/* ---- avro_misfit.c: the sentences ---- */

/* What stands there is not of the node's type, or is none of its values. */
enum iso_err iso_avro_misfit(struct iso_avro_encoder *encoder, uint32_t node,
                             struct json_t *json);
/* The record's field is not there and has no default. */
enum iso_err iso_avro_misfit_missing(struct iso_avro_encoder *encoder, uint32_t record,
                                     uint32_t edge);
/* A member of the object is no field of the record. */
enum iso_err iso_avro_misfit_unknown(struct iso_avro_encoder *encoder, uint32_t record,
                                     struct json_t *json);
/* "field a.b", "the top". */
void iso_avro_step_print(const struct iso_avro_step *at, struct iso_buf *text);

#endif
