/* Large values of the key in hand, over the transaction: looked up for the resolver,
 * kept and dropped behind it. Nothing changes before the merge has succeeded, so there
 * is nothing to take back; fails as the store does. */
#include "consumer/apply_state.h"
#include "consumer/rows.h"

static enum iso_err aside_get(void *self, uint64_t number, struct iso_bytes *value,
                              struct iso_why *why)
{
    struct iso_apply *apply = self;
    iso_rows_key_aside(&apply->aside_key, apply->number, apply->partition,
                       apply->ledger_entry_key, number);
    return iso_txn_get(apply->txn, ISO_ASIDE, iso_buf_bytes(&apply->aside_key), value,
                       why);
}

struct iso_asides iso_apply_asides(struct iso_apply *apply)
{
    return (struct iso_asides){.self = apply, .get = aside_get};
}

void iso_apply_asides_keep(struct iso_apply *apply)
{
    const struct iso_merged *merged = &apply->merged;
    for (size_t n = 0; n < merged->aside_count; n++) {
        const struct iso_aside *aside = &merged->asides[n];
        iso_rows_key_aside(&apply->aside_key, apply->number, apply->partition,
                           apply->ledger_entry_key, aside->number);
        struct iso_bytes key = iso_buf_bytes(&apply->aside_key);
        if (aside->value.size > 0)
            iso_txn_put(apply->txn, ISO_ASIDE, key, aside->value);
        else
            iso_txn_delete(apply->txn, ISO_ASIDE, key);
    }
}
