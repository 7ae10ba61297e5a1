/* control.h - what the control topic says: regions, and the definitions of collections.
 *
 * A fold over the records of `iso.control`; who reads the topic feeds it. Keys are
 * `region/NAME`, `definition/COLLECTION/N` and `defined/COLLECTION/N` (no value: since
 * then the definition stands in every open log, so writers may use what it names). Of
 * two claims to a name or number the first counts; what does not decode, or says
 * another name or number than its key, counts for nothing (and is counted). Definitions
 * of a collection count in the order 1, 2, 3 …, each only if it may follow the one
 * before (iso_definition_follows); one that came too early is not remembered.
 *
 * Memory is bounded: what is over a limit below is ignored and counted, alike
 * everywhere.
 */
#ifndef ISO_SCHEMA_CONTROL_H
#define ISO_SCHEMA_CONTROL_H

#include "schema/definition.h"

enum {
    ISO_CONTROL_COLLECTIONS_MAX = 4096,
    ISO_CONTROL_BYTES_MAX = 128 << 20, /* of all definitions together */
};

struct iso_control;

struct iso_control *iso_control_new(void);
void iso_control_free(struct iso_control *control); /* NULL is fine */

/* One record, in the order of offsets; one below iso_control_next is skipped. */
void iso_control_feed(struct iso_control *control, int64_t offset, struct iso_bytes key,
                      struct iso_bytes value);

/* Why the newest ignored record was: a sentence for the operator; "" when none was. */
const char *iso_control_why(const struct iso_control *control);

/* The offset to go on reading at; 0 at first. */
int64_t iso_control_next(const struct iso_control *control);
/* Records that counted for nothing: unknown keys, later claims, what was refused. */
uint64_t iso_control_ignored(const struct iso_control *control);

/* 0 when there is no such region. */
unsigned iso_control_region(const struct iso_control *control, const char *name);
/* NULL when nobody has that number. */
const char *iso_control_region_name(const struct iso_control *control, unsigned number);

/* Number 0: the newest. NULL when there is none. Borrowed until the control is freed.
 */
const struct iso_definition *iso_control_definition(const struct iso_control *control,
                                                    const char *collection,
                                                    uint32_t number);
/* The newest that stands in every open log, so that what is written by it is admitted:
 * definition 1, or a later one that was marked as defined. NULL when there is none. */
const struct iso_definition *
iso_control_definition_written(const struct iso_control *control,
                               const char *collection);
/* The names of the collections in the order they came; NULL at the end. */
const char *iso_control_collection(const struct iso_control *control, size_t n);

/* The record that claims: appends key and value. */
void iso_control_claim_region(const char *name, unsigned number, struct iso_buf *key,
                              struct iso_buf *value);
void iso_control_claim_definition(const struct iso_definition *definition,
                                  struct iso_buf *key); /* its value: its bytes */
void iso_control_mark_defined(const struct iso_definition *definition,
                              struct iso_buf *key); /* its value: empty */

#endif
