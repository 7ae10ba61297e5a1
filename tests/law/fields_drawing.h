/* fields_drawing.h - a write of fields that is being drawn: for fields_draw.c,
 * fields_forge.c and fields_says.c, which draws nothing but says what it wants.
 */
#ifndef ISO_TESTS_LAW_FIELDS_DRAWING_H
#define ISO_TESTS_LAW_FIELDS_DRAWING_H

#include "tests/law/fields_model.h"

enum { LAW_OPS_MAX = 128 };

struct law_drawing {
    struct law_random *random;
    struct iso_coming *write;
    const struct shape_profile *profile;
    const struct shape_path *paths;
    size_t path_count;
    size_t schema;
    bool has_context;
    struct law_op ops[LAW_OPS_MAX];
    size_t op_count;
    bool is_forged;
    struct iso_seen seen;
    struct iso_patch asked, filled;
    struct iso_buf datum, bytes;
};
extern _Thread_local struct law_drawing law_drawing; /* keeps its buffers warm */

void law_drawing_begin(struct law_random *random, struct iso_coming *write,
                       const struct iso_buf *context);
void law_drawing_schema(size_t schema);
/* In the arena of the case. */
void *law_drawing_copy(const void *data, size_t size);
struct law_op *law_drawing_op(enum law_act act, size_t path);
struct iso_step *law_drawing_step(struct iso_patch *patch, size_t path,
                                  enum iso_step_operation operation);
/* A reset takes away what was read, and what the session has added since. */
void law_drawing_remove(size_t path);
/* False: this session cannot, since it has counted after it read. */
bool law_drawing_delete(void);
enum iso_step_operation law_operation_of(enum iso_rule rule, bool removes);

/* Some of what the drawn write claims to have been shown is replaced, in the patch and
 * in the model alike. */
void law_drawing_forge(void);

#endif
