/* fields_shape.h - the records of the law test of fields: which fields there are, the
 * paths in them, and the few values that each takes.
 *
 * A profile is a choice of these fields; each has two schemas, which name them in
 * different orders, one field with a wider type: so parts of both meet in an entry.
 */
#ifndef ISO_TESTS_LAW_FIELDS_SHAPE_H
#define ISO_TESTS_LAW_FIELDS_SHAPE_H

#include "schema/part.h"
#include "schema/value.h"

enum { SHAPE_VALUES = 3, SHAPE_PATHS_MAX = 32, SHAPE_SCHEMAS = 2 };

struct shape_path { /* the mark is the first */
    struct iso_path path;
    struct iso_bytes encoded;
    enum iso_rule rule;
    size_t field;        /* number of it */
    int member, element; /* number of it; −1: it has none */
    bool is_mark;
    const struct iso_bytes *values; /* by rank: they ascend in max's order */
};

/* All paths, as their bytes ascend. */
size_t shape_paths(const struct shape_path **paths);
/* The number of the path; the bytes are one. */
size_t shape_path_find(struct iso_bytes encoded);

struct shape_profile {
    const char *name;
    const struct iso_schemas *schemas;
    size_t paths[SHAPE_PATHS_MAX]; /* of its fields, without the mark */
    size_t path_count;
};

/* Those of one rule come first, the last has every field. */
size_t shape_profiles(void);
extern const size_t shape_rules; /* how many of one rule there are */
const struct shape_profile *shape_profile(size_t n);

/* A record, path by path. */
struct shape_record {
    int rank[SHAPE_PATHS_MAX];       /* −1: it is not there; flags, elements: 0 */
    bool off[SHAPE_PATHS_MAX];       /* a flag that is there and says false */
    int64_t number[SHAPE_PATHS_MAX]; /* of a counter */
};
void shape_record_encode(size_t profile, size_t schema,
                         const struct shape_record *record, struct iso_buf *datum);

#endif
