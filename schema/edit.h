/* edit.h - operations on the fields of a record, for writers: a patch that is being
 * made.
 *
 *   struct iso_edit *edit;
 *   iso_edit_new(iso_producer_schemas(producer), n, &edit, &why);
 *   iso_edit_increment(edit, "items", "tea", 2, &why);
 *   iso_producer_patch(producer, key, edit, &options, &why);
 *
 * Which operations a field takes follows from its rule (schema/rule.h):
 *
 *   lww      SET, UNSET                 flag  ENABLE, DISABLE, UNSET (disables)
 *   counter  INCREMENT, UNSET (resets)  max   RAISE, UNSET (clears)
 *   set      ADD, REMOVE                min   LOWER, UNSET (clears)
 *
 * In a map the member takes them, and UNSET removes the member (of a map of sets: see
 * REMOVE). A later call counts after an earlier one: what it makes void is left out.
 * One thread at a time.
 */
#ifndef ISO_SCHEMA_EDIT_H
#define ISO_SCHEMA_EDIT_H

#include "schema/rule.h"
#include "schema/value.h"

enum iso_step_operation { /* as it travels */
                          ISO_STEP_SET,
                          ISO_STEP_UNSET,
                          ISO_STEP_INCREMENT,
                          ISO_STEP_ADD,
                          ISO_STEP_REMOVE,
                          ISO_STEP_ENABLE,
                          ISO_STEP_DISABLE,
                          ISO_STEP_RAISE,
                          ISO_STEP_LOWER,
                          ISO_STEP_OPERATIONS
};

struct iso_edit; /* owns what it is given */
struct iso_patch;

/* By schema n of the collection. ISO_USAGE: the collection has no such schema, or it
 * has no fields to operate on. The schemas are borrowed until free. */
enum iso_err iso_edit_new(const struct iso_schemas *schemas, size_t n,
                          struct iso_edit **edit, struct iso_why *why);
void iso_edit_free(struct iso_edit *edit); /* NULL is fine */
void iso_edit_clear(struct iso_edit *edit);

/* One operation; `member` NULL: the field itself. Each checks field, rule and type at
 * once (ISO_BAD_DATA names the field and what it takes). Values are data of the part's
 * type … */
enum iso_err iso_edit_set(struct iso_edit *edit, const char *field, const char *member,
                          struct iso_bytes datum, struct iso_why *why);
enum iso_err iso_edit_unset(struct iso_edit *edit, const char *field,
                            const char *member, struct iso_why *why);
enum iso_err iso_edit_increment(struct iso_edit *edit, const char *field,
                                const char *member, int64_t by, struct iso_why *why);
enum iso_err iso_edit_add(struct iso_edit *edit, const char *field, const char *member,
                          struct iso_bytes datum, struct iso_why *why);
enum iso_err iso_edit_remove(struct iso_edit *edit, const char *field,
                             const char *member, struct iso_bytes datum,
                             struct iso_why *why);
enum iso_err iso_edit_enable(struct iso_edit *edit, const char *field,
                             const char *member, bool enabled, struct iso_why *why);
/* max: raise; min: lower. */
enum iso_err iso_edit_move(struct iso_edit *edit, const char *field, const char *member,
                           struct iso_bytes datum, struct iso_why *why);
/* … or JSON by that type (iso_avro_from_json), for any operation that takes a value. */
enum iso_err iso_edit_json(struct iso_edit *edit, enum iso_step_operation operation,
                           const char *field, const char *member, struct iso_bytes json,
                           struct iso_why *why);

/* The patch as it stands, without what its writer was shown; borrowed until the next
 * call. */
const struct iso_patch *iso_edit_patch(const struct iso_edit *edit);

#endif
