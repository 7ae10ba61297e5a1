/* A direct-mapped cache with write-back: whatever it holds and the transaction does not
 * is put before the transaction commits (save) or when its slot is needed. Loading can
 * fail; the slot is empty then. */
#include "consumer/apply_filters.h"

#include "consumer/rows.h"

static struct iso_apply_filter *slot_of(struct iso_apply_filters *filters, uint16_t log,
                                        uint64_t node)
{
    uint64_t mixed = (node ^ log) * UINT64_C(0x9e3779b97f4a7c15);
    return &filters->slots[mixed >> 60];
}
_Static_assert(ISO_APPLY_FILTERS == 1 << (64 - 60),
               "a slot is named by the highest bits");

static void put_back(struct iso_apply_filters *filters, struct iso_txn *txn,
                     struct iso_apply_filter *slot)
{
    if (!slot->used || !slot->dirty)
        return;
    iso_rows_key_filter(&filters->key, filters->collection, filters->partition,
                        slot->log, slot->node);
    iso_filter_encode(&slot->filter, &filters->row);
    iso_txn_put(txn, ISO_FILTER, iso_buf_bytes(&filters->key),
                iso_buf_bytes(&filters->row));
    slot->dirty = false;
}

static enum iso_err load(struct iso_apply_filters *filters, struct iso_txn *txn,
                         struct iso_apply_filter *slot, struct iso_why *why)
{
    struct iso_bytes row;
    slot->filter.count = 0;
    iso_rows_key_filter(&filters->key, filters->collection, filters->partition,
                        slot->log, slot->node);
    enum iso_err err =
        iso_txn_get(txn, ISO_FILTER, iso_buf_bytes(&filters->key), &row, why);
    if (err == ISO_NOT_FOUND)
        return ISO_OK;
    return err == ISO_OK ? iso_filter_decode(row, &slot->filter, why) : err;
}

enum iso_err iso_apply_filters_get(struct iso_apply_filters *filters,
                                   struct iso_txn *txn, uint16_t log, uint64_t node,
                                   struct iso_apply_filter **filter,
                                   struct iso_why *why)
{
    struct iso_apply_filter *slot = slot_of(filters, log, node);
    if (!slot->used || slot->log != log || slot->node != node) {
        put_back(filters, txn, slot);
        slot->log = log;
        slot->node = node;
        enum iso_err err = load(filters, txn, slot, why);
        slot->used = err == ISO_OK;
        if (err != ISO_OK)
            return err;
    }
    *filter = slot;
    return ISO_OK;
}

/* A node that is in hand is left alone: it wrote lately. One with open gaps too: they
 * are counted when it writes again, and what is counted depends on the log alone. */
enum iso_err iso_apply_filters_drop(struct iso_apply_filters *filters,
                                    struct iso_txn *txn,
                                    const struct iso_apply_filter_row *old,
                                    struct iso_why *why)
{
    const struct iso_apply_filter *slot = slot_of(filters, old->log, old->node);
    struct iso_filter filter = {0};
    struct iso_bytes row;
    if (slot->used && slot->log == old->log && slot->node == old->node)
        return ISO_OK;
    iso_rows_key_filter(&filters->key, filters->collection, filters->partition,
                        old->log, old->node);
    struct iso_bytes key = iso_buf_bytes(&filters->key);
    enum iso_err err = iso_txn_get(txn, ISO_FILTER, key, &row, why);
    if (err == ISO_NOT_FOUND)
        return ISO_OK;
    if (err == ISO_OK)
        err = iso_filter_decode(row, &filter, why);
    if (err != ISO_OK || (filter.count != 1 && !old->is_over) ||
        iso_hlc_ms(iso_filter_newest(&filter)) >= old->bound_ms)
        return err;
    iso_txn_delete(txn, ISO_FILTER, key);
    return ISO_OK;
}

void iso_apply_filters_save(struct iso_apply_filters *filters, struct iso_txn *txn)
{
    for (size_t i = 0; i < ISO_APPLY_FILTERS; i++)
        put_back(filters, txn, &filters->slots[i]);
}

void iso_apply_filters_forget(struct iso_apply_filters *filters)
{
    for (size_t i = 0; i < ISO_APPLY_FILTERS; i++)
        filters->slots[i].used = filters->slots[i].dirty = false;
}

void iso_apply_filters_release(struct iso_apply_filters *filters)
{
    iso_buf_release(&filters->key);
    iso_buf_release(&filters->row);
    iso_apply_filters_forget(filters);
}
