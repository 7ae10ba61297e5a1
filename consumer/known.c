/* A sorted array of a few, that only grows. What control holds is borrowed from it,
 * since it grows only; what only the store holds is decoded and owned. Loading fails
 * when the store does, when a row of it does not decode, or when the store was made for
 * another collection of the same name. */
#include "consumer/known.h"

#include "base/mem.h"
#include "consumer/rows.h"

static struct iso_known_item *item_find(const struct iso_known *known, uint32_t number)
{
    for (size_t i = known->count; i > 0; i--) {
        if (known->items[i - 1].definition->number == number)
            return &known->items[i - 1];
    }
    return NULL;
}

const struct iso_definition *iso_known_find(const struct iso_known *known,
                                            uint32_t number)
{
    const struct iso_known_item *item = item_find(known, number);
    return item != NULL ? item->definition : NULL;
}

const struct iso_schemas *iso_known_schemas(struct iso_known *known, uint32_t number)
{
    struct iso_known_item *item = item_find(known, number);
    iso_assert(item != NULL);
    if (item->schemas == NULL)
        item->schemas = iso_parsed_take(known->parsed, item->definition);
    return item->schemas;
}

static void schemas_give(struct iso_known *known, struct iso_known_item *item)
{
    iso_parsed_give(known->parsed, item->schemas);
    item->schemas = NULL;
}

void iso_known_give_schemas(struct iso_known *known, uint32_t number)
{
    struct iso_known_item *item = item_find(known, number);
    iso_assert(item != NULL);
    schemas_give(known, item);
}

void iso_known_release(struct iso_known *known)
{
    for (size_t i = 0; i < known->count; i++) {
        schemas_give(known, &known->items[i]);
        iso_definition_free(known->items[i].owned);
    }
    iso_free(known->items);
    known->items = NULL;
    known->count = known->room = 0;
}

static const struct iso_definition *in_control(const struct iso_known *known,
                                               uint32_t number)
{
    if (known->control == NULL || number == 0)
        return NULL;
    return iso_control_definition(known->control, known->collection, number);
}

const struct iso_definition *iso_known_announced(const struct iso_known *known,
                                                 uint32_t number)
{
    const struct iso_definition *definition = iso_known_find(known, number);
    return definition != NULL ? definition : in_control(known, number);
}

const struct iso_definition *iso_known_first(const struct iso_known *known)
{
    iso_assert(known->count > 0);
    return known->items[0].definition;
}

static void known_add(struct iso_known *known, struct iso_known_item item)
{
    if (known->count == known->room) {
        known->room = known->room == 0 ? 4 : known->room * 2;
        known->items = iso_realloc(known->items, known->room * sizeof known->items[0]);
    }
    size_t at = known->count++;
    for (; at > 0 && known->items[at - 1].definition->number > item.definition->number;
         at--)
        known->items[at] = known->items[at - 1];
    known->items[at] = item;
}

void iso_known_use(struct iso_known *known, const struct iso_definition *definition)
{
    if (iso_known_find(known, definition->number) == NULL)
        known_add(known, (struct iso_known_item){.definition = definition});
}

const struct iso_definition_log *iso_known_log(const struct iso_known *known,
                                               uint32_t most, uint16_t log)
{
    for (size_t i = known->count; i > 0; i--) {
        const struct iso_definition *definition = known->items[i - 1].definition;
        const struct iso_definition_log *where = iso_definition_log(definition, log);
        if (definition->number <= most && where != NULL)
            return where;
    }
    return NULL;
}

/* A row of the store; control, when it holds that number, must hold the same. */
static enum iso_err row_take(struct iso_known *known, struct iso_bytes row,
                             struct iso_why *why)
{
    struct iso_definition *owned;
    if (iso_definition_decode(row, &owned, why) != ISO_OK)
        return iso_fail(why, ISO_DAMAGED,
                        "a definition of %s that the store kept does not decode: move "
                        "the store away and let the region read its logs, or be "
                        "seeded, anew",
                        known->collection);
    const struct iso_definition *held = iso_known_announced(known, owned->number);
    if (held == NULL) {
        known_add(known, (struct iso_known_item){
                             .definition = owned, .owned = owned, .stored = true});
        return ISO_OK;
    }
    uint32_t number = owned->number;
    iso_definition_free(owned);
    if (!iso_bytes_equal(iso_buf_bytes(&held->bytes), row))
        return iso_fail(why, ISO_STORE_MISMATCH,
                        "the store was made for another definition %u of %s than the "
                        "one in the control topic: set another store directory, or "
                        "remove this one to build it anew from the log",
                        number, known->collection);
    iso_known_use(known, held);
    struct iso_known_item *item = item_find(known, number);
    iso_assert(item != NULL); /* it was just put there */
    item->stored = true;
    return ISO_OK;
}

static enum iso_err rows_load(struct iso_known *known, struct iso_cursor *cursor,
                              struct iso_why *why)
{
    struct iso_bytes key, row;
    enum iso_err err;
    while ((err = iso_cursor_next(cursor, &key, &row, why)) == ISO_OK) {
        err = row_take(known, row, why);
        if (err != ISO_OK)
            return err;
    }
    return err == ISO_END ? ISO_OK : err;
}

enum iso_err iso_known_load(struct iso_known *known, struct iso_snapshot *snapshot,
                            struct iso_why *why)
{
    for (size_t i = 0; i < known->count; i++)
        known->items[i].stored = false;
    struct iso_buf prefix = {0};
    struct iso_cursor *cursor;
    iso_rows_prefix_definition(&prefix, known->collection);
    enum iso_err err = iso_cursor_open(snapshot, ISO_META, iso_buf_bytes(&prefix),
                                       (struct iso_bytes){0}, &cursor, why);
    iso_buf_release(&prefix);
    if (err != ISO_OK)
        return err;
    err = rows_load(known, cursor, why);
    iso_cursor_close(cursor);
    if (err != ISO_OK)
        return err;
    const struct iso_definition *first = iso_known_announced(known, 1);
    if (first == NULL)
        return iso_fail(
            why, ISO_NO_DEFINITION,
            "there is no collection %s: create it with `isostasy collection "
            "create %s`, or see `isostasy collection list`",
            known->collection, known->collection);
    iso_known_use(known, first);
    return ISO_OK;
}

void iso_known_save(struct iso_known *known, struct iso_txn *txn,
                    struct iso_buf *scratch)
{
    for (size_t i = 0; i < known->count; i++) {
        struct iso_known_item *item = &known->items[i];
        if (item->stored)
            continue;
        iso_rows_key_definition(scratch, known->collection, item->definition->number);
        iso_txn_put(txn, ISO_META, iso_buf_bytes(scratch),
                    iso_buf_bytes(&item->definition->bytes));
        item->stored = true;
    }
}
