/* What was refused is kept where an operator finds it, once: the region that owns the
 * log puts it into its outbox, and publishes it after the commit. It cannot fail; too
 * long a value is cut. */
#include "consumer/apply_state.h"
#include "consumer/rows.h"
#include "schema/dead_letter.h"

void iso_apply_letter(struct iso_apply *apply, size_t index,
                      const struct iso_record *record, enum iso_err err,
                      const struct iso_why *why)
{
    const struct iso_definition_log *where = apply->logs[index].where;
    if (iso_definition_owner(where) != apply->region)
        return;
    struct iso_dead_letter letter = {
        .collection = iso_bytes_text(apply->known.collection),
        .topic = iso_bytes_text(where->topic),
        .partition = apply->partition,
        .offset = record->offset,
        .append_ms = record->append_ms,
        .error = iso_bytes_text(iso_err_name(err)),
        .reason = iso_bytes_text(why->text),
        .has_key = record->has_key,
        .key = record->key,
        .has_value = record->has_value,
        .value = record->value,
        .has_header = record->header_count > 0,
        .header = record->header,
    };
    iso_rows_key_outbox(&apply->key, apply->number, apply->partition, where->number,
                        record->offset);
    iso_buf_clear(&apply->row);
    iso_dead_letter_encode(&letter, &apply->row);
    iso_txn_put(apply->txn, ISO_OUTBOX, iso_buf_bytes(&apply->key),
                iso_buf_bytes(&apply->row));
}
