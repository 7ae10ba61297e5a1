/* patch.h - operations on the fields of a record: what a PATCH carries.
 *
 * A step names a field (and a member, of a map), an operation, its value as a datum of
 * the part's type, and what its writer was shown of that part. Which operations a field
 * takes follows from its rule: schema/edit.h, by which writers make patches. Steps
 * stand in the order in which they count: a reset before the increments of the same
 * write.
 */
#ifndef ISO_SCHEMA_PATCH_H
#define ISO_SCHEMA_PATCH_H

#include "schema/edit.h"
#include "schema/write.h"

enum {
    ISO_PATCH_STEPS_MAX = 4096,
    ISO_PATCH_SEEN_MAX = 16384,
    ISO_PATCH_SUMS_MAX = 4096
};

/* Of a counter in one log, by one region: how far, and how much. */
struct iso_sum {
    uint16_t log;
    uint8_t region;
    int64_t next; /* one above the offset of the last increment */
    int64_t sum;  /* modulo 2^64 */
};

struct iso_step { /* all borrowed */
    struct iso_bytes field;
    bool has_member;
    struct iso_bytes member;
    enum iso_step_operation operation;
    struct iso_bytes value;
    struct iso_names seen;
    const struct iso_sum *sums; /* by log, then region, ascending */
    size_t sum_count;
};

/* A decoded patch; zero before the first use, then reused: its arrays stay. */
struct iso_patch {
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    bool put;
    struct iso_names mark;
    struct iso_step *steps;
    size_t step_count, step_room;
    struct iso_sum *sums;
    size_t sum_count, sum_room;
    struct iso_buf names; /* when the versions do not stand in one block */
};
void iso_patch_release(struct iso_patch *patch);
void iso_patch_clear(struct iso_patch *patch); /* its arrays stay */
/* A zero step behind the others; a pointer is good until the next one is added. */
struct iso_step *iso_patch_step_add(struct iso_patch *patch);

/* Borrows from `bytes`. ISO_BAD_DATA: it does not decode, or is over a limit above. */
enum iso_err iso_patch_decode(struct iso_bytes bytes, struct iso_patch *patch,
                              struct iso_why *why);
void iso_patch_encode(const struct iso_patch *patch, struct iso_buf *out); /* appends */

/* Whether every step names a field of `fields`, an operation that its rule takes, and a
 * value of its type; and no two steps one part, but UNSET before INCREMENT, RAISE or
 * LOWER, several increments, and an element that is added or removed twice.
 * ISO_BAD_DATA names the step, the field and the remedy. Allocates nothing. */
enum iso_err iso_patch_check(const struct iso_patch *patch,
                             const struct iso_fields *fields, struct iso_why *why);

/* The same of what a DELETE was shown: its steps are UNSET, REMOVE and DISABLE, and
 * name fields of any of the collection's schemas, since an entry can have parts that
 * the newest no longer has. Elements are not held to their type. The fingerprint is
 * zeros. */
enum iso_err iso_patch_check_seen(const struct iso_patch *patch,
                                  const struct iso_schemas *schemas,
                                  struct iso_why *why);

/* Whether an expiry may go with it: ISO_BAD_DATA names the counter, max or min. */
enum iso_err iso_patch_check_expiry(const struct iso_patch *patch,
                                    const struct iso_fields *fields,
                                    struct iso_why *why);

/* ---- its pieces ---- */

const char *iso_step_operation_name(enum iso_step_operation operation); /* "SET", … */
/* One step by itself: what iso_patch_check asks of each. */
enum iso_err iso_step_check(const struct iso_step *step,
                            const struct iso_fields *fields, struct iso_why *why);
/* Whether the field's rule has the operation, of a member or not. */
enum iso_err iso_step_check_operation(const struct iso_step *step,
                                      const struct iso_field *field,
                                      struct iso_why *why);
/* Orders steps by the part that they name: <0, 0, >0. */
int iso_step_compare_part(const struct iso_step *a, const struct iso_step *b);
/* A sum as it travels: log, region, next, sum. */
void iso_sum_read(struct iso_avro_cursor *cursor, struct iso_sum *sum);
void iso_sum_add(struct iso_buf *out, const struct iso_sum *sum);

#endif
