/* known.h - the definitions of a collection that a slice may use: those that its store
 * kept and those that the control topic holds.
 *
 * A store keeps what it used, so it goes on without the control topic. Nothing gets
 * into it that the control topic did not confirm.
 */
#ifndef ISO_CONSUMER_KNOWN_H
#define ISO_CONSUMER_KNOWN_H

#include "consumer/parsed.h"
#include "schema/control.h"
#include "store/store.h"

struct iso_known_item {
    const struct iso_definition *definition;
    struct iso_definition *owned; /* NULL: borrowed from control */
    bool stored;
    const struct iso_schemas *schemas; /* taken from `parsed`; NULL: not now */
};

/* Zero, but for control, parsed and collection, before the first load. */
struct iso_known {
    const struct iso_control *control; /* borrowed; may be NULL */
    struct iso_parsed *parsed;         /* borrowed; asked by iso_known_schemas only */
    char collection[ISO_COLLECTION_NAME_MAX + 1];
    struct iso_known_item *items; /* used here, by number, ascending */
    size_t count, room;
};

/* Takes in all that the store kept, and the first definition (that of number 1); what
 * was known before stays, since it was confirmed. ISO_NO_DEFINITION: it is neither in
 * the store nor in control. ISO_STORE_MISMATCH: both have one, and they differ. */
enum iso_err iso_known_load(struct iso_known *known, struct iso_snapshot *snapshot,
                            struct iso_why *why);
void iso_known_release(struct iso_known *known);

/* The collection's first definition; there after a load. */
const struct iso_definition *iso_known_first(const struct iso_known *known);

/* One that is used here; NULL when there is none of that number. */
const struct iso_definition *iso_known_find(const struct iso_known *known,
                                            uint32_t number);

/* As find, and what control holds beside it. */
const struct iso_definition *iso_known_announced(const struct iso_known *known,
                                                 uint32_t number);

/* Makes a definition that iso_known_announced gave one of those used here. */
void iso_known_use(struct iso_known *known, const struct iso_definition *definition);

/* The schemas of a definition that is used here; they stay at hand, for a call a
 * record, until they are given up or the definitions are released. */
const struct iso_schemas *iso_known_schemas(struct iso_known *known, uint32_t number);
void iso_known_give_schemas(struct iso_known *known, uint32_t number);

/* The newest up to `most` that names the log; NULL: none does. */
const struct iso_definition_log *iso_known_log(const struct iso_known *known,
                                               uint32_t most, uint16_t log);

/* Puts what is used and not stored yet. `scratch` is reused. After an abort it may not
 * be stored after all: load again. */
void iso_known_save(struct iso_known *known, struct iso_txn *txn,
                    struct iso_buf *scratch);

#endif
