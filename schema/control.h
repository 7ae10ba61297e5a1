/* control.h - what the control topic says: regions, and the definitions of collections.
 *
 * A fold over the records of `iso.control`; who reads the topic feeds it. Keys are
 * `region/NAME` and `definition/COLLECTION/N`. Of two claims to a name or number the first
 * counts; what does not decode counts for nothing (and is counted).
 */
#ifndef ISO_SCHEMA_CONTROL_H
#define ISO_SCHEMA_CONTROL_H

#include "schema/definition.h"

struct iso_control;

struct iso_control *iso_control_new(void);
void iso_control_free(struct iso_control *control);

/* One record, in the order of offsets; one below iso_control_next is skipped. */
void iso_control_feed(struct iso_control *control, int64_t offset, struct iso_bytes key,
                      struct iso_bytes value);

/* The offset to go on reading at; 0 at first. */
int64_t iso_control_next(const struct iso_control *control);
uint64_t iso_control_ignored(const struct iso_control *control);

/* 0 when there is no such region. */
unsigned iso_control_region(const struct iso_control *control, const char *name);
/* NULL when nobody has that number. */
const char *iso_control_region_name(const struct iso_control *control, unsigned number);

/* Number 0: the newest. NULL when there is none. Borrowed until the control is freed. */
const struct iso_definition *iso_control_definition(const struct iso_control *control,
                                                    const char *collection,
                                                    uint32_t number);
/* The names of the collections in the order they came; NULL at the end. */
const char *iso_control_collection(const struct iso_control *control, size_t n);

/* The record that claims: appends key and value. */
void iso_control_claim_region(const char *name, unsigned number, struct iso_buf *key,
                              struct iso_buf *value);
void iso_control_claim_definition(const struct iso_definition *definition,
                                  struct iso_buf *key); /* its value: its bytes */

#endif
