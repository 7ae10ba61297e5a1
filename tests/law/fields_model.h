/* fields_model.h - the dumb model of fields, for the law test.
 *
 * What the model knows of a write is a list of operations on paths, each with what its
 * writer was shown there. Patches, records and contexts are made from it, or it from
 * them, by other code than the library's.
 */
#ifndef ISO_TESTS_LAW_FIELDS_MODEL_H
#define ISO_TESTS_LAW_FIELDS_MODEL_H

#include "tests/law/fields_shape.h"
#include "tests/law/law.h"

enum law_act {
    LAW_SET,    /* a value, an element, a flag; max, min: one more */
    LAW_REMOVE, /* the part; a counter: reset */
    LAW_COUNT,  /* `by` */
    LAW_SHOWN   /* of a DELETE: this is what its writer was shown */
};

struct law_op {
    size_t path; /* its number */
    enum law_act act;
    size_t rank; /* of the value */
    int64_t by;
    struct iso_names names;
    const struct iso_sum *sums;
    size_t sum_count;
};

struct law_ops { /* a DELETE has those that it was shown; the rest it takes blindly */
    struct law_op *ops;
    size_t count;
    size_t schema; /* that its values are of */
    bool is_forged;
};

extern const struct law_model law_fields_model;

/* fields_draw.c */
void law_fields_draw(struct law_random *random, struct iso_coming *write,
                     const struct iso_buf *context);
void law_fields_added(struct law_random *random, size_t write);
void law_fields_advance(struct law_random *random, size_t write,
                        struct iso_buf *context);
/* fields_forge.c */
void law_fields_restore(struct law_random *random, struct iso_coming *write,
                        const struct law_row *row, const struct iso_buf *context);
/* fields_oracle.c */
void law_fields_expect(const struct law_case *law, struct law_expected *expected);

#endif
