/* The ledger's rows stand in their space of the transaction, and their number and
 * digest in the slice; both change here and nowhere else. A row is decoded before it
 * leaves, since its digest has to be taken out: one that fails its check is
 * ISO_DAMAGED, and the record that met it stops the slice. */
#include "consumer/apply_state.h"
#include "consumer/rows.h"

static void key_of(struct iso_apply *apply, const struct iso_loser *loser)
{
    iso_rows_prefix(&apply->ledger_key, apply->number, apply->partition);
    iso_loser_key(loser, &apply->ledger_key);
}

enum { UNDO_SIZES = 8 };
#define UNDO_NOTHING UINT32_MAX

/* `row` NULL: the key is new. */
static void undo_add(struct iso_apply *apply, struct iso_bytes key,
                     const struct iso_bytes *row)
{
    struct iso_buf *undo = &apply->ledger_undo;
    iso_buf_add_bytes(undo, key);
    if (row != NULL)
        iso_buf_add_bytes(undo, *row);
    iso_buf_add_u32(undo, (uint32_t)key.size);
    iso_buf_add_u32(undo, row != NULL ? (uint32_t)row->size : UNDO_NOTHING);
}

void iso_apply_ledger_begin(struct iso_apply *apply, struct iso_bytes entry_key)
{
    apply->ledger_entry_key = entry_key;
    apply->ledger_rows_before = apply->slice.ledger_rows;
    apply->ledger_before = apply->slice.ledger;
    iso_buf_clear(&apply->ledger_undo);
}

void iso_apply_ledger_undo(struct iso_apply *apply)
{
    struct iso_buf *undo = &apply->ledger_undo;
    apply->slice.ledger_rows = apply->ledger_rows_before;
    apply->slice.ledger = apply->ledger_before;
    while (undo->size > 0) {
        const uint8_t *sizes = undo->data + undo->size - UNDO_SIZES;
        uint32_t key_size = iso_get_u32(sizes), row_size = iso_get_u32(sizes + 4);
        bool nothing = row_size == UNDO_NOTHING;
        undo->size -= UNDO_SIZES + (nothing ? 0 : row_size) + key_size;
        struct iso_bytes key = {undo->data + undo->size, key_size};
        if (nothing)
            iso_txn_delete(apply->txn, ISO_LEDGER, key);
        else
            iso_txn_put(apply->txn, ISO_LEDGER, key,
                        iso_bytes(key.data + key_size, row_size));
    }
}

/* The part of a store's key that is the loser's own. */
static struct iso_bytes own_part(struct iso_bytes key)
{
    return iso_bytes(key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX);
}

/* For those who ask what is new: it decides nothing. */
static void loser_note(struct iso_apply *apply, const struct iso_loser *loser)
{
    iso_buf_clear(&apply->loser_key);
    iso_buf_add_bytes(&apply->loser_key, loser->key);
    apply->loser = (struct iso_loser){.key = iso_buf_bytes(&apply->loser_key),
                                      .version = loser->version,
                                      .log = loser->log,
                                      .offset = loser->offset};
    apply->loser_fresh = true;
}

static enum iso_err ledger_enter(void *self, const struct iso_loser *loser,
                                 struct iso_why *why)
{
    (void)why;
    struct iso_apply *apply = self;
    struct iso_digest digest;
    key_of(apply, loser);
    iso_buf_clear(&apply->ledger_row);
    iso_loser_encode(loser, own_part(iso_buf_bytes(&apply->ledger_key)),
                     &apply->ledger_row, &digest);
    struct iso_bytes row_key = iso_buf_bytes(&apply->ledger_key);
    undo_add(apply, row_key, NULL);
    iso_txn_put(apply->txn, ISO_LEDGER, row_key, iso_buf_bytes(&apply->ledger_row));
    if (loser->rule == ISO_LOSER_NAME)
        return ISO_OK; /* a mark: in no sum */
    iso_digest_add(&apply->slice.ledger, digest);
    apply->slice.ledger_rows++;
    loser_note(apply, loser);
    return ISO_OK;
}

/* Removes the row of a key in the store, if there is one. */
static enum iso_err row_leave(struct iso_apply *apply, struct iso_bytes key, bool *left,
                              struct iso_why *why)
{
    struct iso_bytes row;
    struct iso_loser loser;
    struct iso_digest digest;
    *left = false;
    enum iso_err err = iso_txn_get(apply->txn, ISO_LEDGER, key, &row, why);
    if (err == ISO_NOT_FOUND)
        return ISO_OK;
    if (err == ISO_OK)
        err = iso_loser_decode(own_part(key), row, &loser, &digest, why);
    if (err != ISO_OK)
        return err;
    undo_add(apply, key, &row);
    iso_txn_delete(apply->txn, ISO_LEDGER, key);
    *left = true;
    if (loser.rule == ISO_LOSER_NAME)
        return ISO_OK;
    iso_digest_subtract(&apply->slice.ledger, digest);
    apply->slice.ledger_rows--;
    return ISO_OK;
}

static enum iso_err ledger_leave(void *self, struct iso_bytes field,
                                 struct iso_version version, bool *left,
                                 struct iso_why *why)
{
    struct iso_apply *apply = self;
    struct iso_loser loser = {
        .key = apply->ledger_entry_key, .field = field, .version = version};
    key_of(apply, &loser);
    return row_leave(apply, iso_buf_bytes(&apply->ledger_key), left, why);
}

/* Which rows leave_older takes: their keys are gathered first, because a walk must not
 * change what it walks over. They may be of several fields. */
struct older {
    struct iso_apply *apply;
    struct iso_version below;
    uint16_t log;
};

/* Asked only of a log in which a definition is in force: of the coming write's. */
static bool ledger_succeeds(void *self, uint16_t log, uint16_t older)
{
    struct iso_apply *apply = self;
    size_t index = iso_apply_log_index(apply, log);
    iso_assert(index < apply->slice.log_count);
    const struct iso_apply_log *is = &apply->logs[index];
    const uint16_t *before = apply->before + is->before;
    size_t n = is->before_count; /* mostly the newest of them is asked for */
    while (n > 0 && before[n - 1] > older)
        n--;
    return n > 0 && before[n - 1] == older;
}

static enum iso_err older_each(void *user, struct iso_bytes key, struct iso_bytes row,
                               struct iso_why *why)
{
    struct older *older = user;
    struct iso_loser loser;
    struct iso_digest digest;
    enum iso_err err = iso_loser_decode(own_part(key), row, &loser, &digest, why);
    if (err != ISO_OK)
        return err;
    bool same_region =
        iso_node_region(loser.version.node) == iso_node_region(older->below.node);
    bool same_log =
        loser.log == older->log || ledger_succeeds(older->apply, older->log, loser.log);
    if (!same_region || !same_log ||
        iso_version_compare(loser.version, older->below) >= 0)
        return ISO_OK;
    struct iso_buf *keys = &older->apply->ledger_keys;
    iso_buf_add_u16(keys, (uint16_t)key.size);
    iso_buf_add_bytes(keys, key);
    return ISO_OK;
}

static enum iso_err gathered_leave(struct iso_apply *apply, uint32_t *left,
                                   struct iso_why *why)
{
    const struct iso_buf *keys = &apply->ledger_keys;
    enum iso_err err = ISO_OK;
    for (size_t at = 0; err == ISO_OK && at < keys->size;) {
        bool was_there;
        struct iso_bytes key =
            iso_bytes(keys->data + at + 2, iso_get_u16(keys->data + at));
        at += 2 + key.size;
        err = row_leave(apply, key, &was_there, why);
        *left += was_there;
    }
    return err;
}

static enum iso_err ledger_leave_older(void *self, struct iso_bytes field,
                                       struct iso_version version, uint16_t log,
                                       uint32_t *left, struct iso_why *why)
{
    struct iso_apply *apply = self;
    struct older older = {apply, version, log};
    *left = 0;
    iso_buf_clear(&apply->ledger_keys);
    iso_rows_prefix(&apply->ledger_key, apply->number, apply->partition);
    iso_loser_prefix(apply->ledger_entry_key, &field, &apply->ledger_key);
    enum iso_err err =
        iso_txn_scan(apply->txn, ISO_LEDGER, iso_buf_bytes(&apply->ledger_key),
                     older_each, &older, why);
    return err == ISO_OK ? gathered_leave(apply, left, why) : err;
}

/* Marks below H, of every field of the key. What they are is seen by their rule, which
 * the check of a row that leaves then confirms. */
struct marks {
    struct iso_apply *apply;
    int64_t swept_ms;
};

static enum iso_err mark_each(void *user, struct iso_bytes key, struct iso_bytes row,
                              struct iso_why *why)
{
    (void)why;
    struct marks *marks = user;
    struct iso_buf *keys = &marks->apply->ledger_keys;
    struct iso_version version =
        iso_version_get(key.data + key.size - ISO_VERSION_SIZE);
    if (iso_loser_rule(row) != ISO_LOSER_NAME ||
        iso_hlc_ms(version.hlc) >= marks->swept_ms)
        return ISO_OK;
    iso_buf_add_u16(keys, (uint16_t)key.size);
    iso_buf_add_bytes(keys, key);
    return ISO_OK;
}

static enum iso_err ledger_forget(void *self, int64_t swept_ms, uint32_t *left,
                                  struct iso_why *why)
{
    struct iso_apply *apply = self;
    struct marks marks = {apply, swept_ms};
    iso_buf_clear(&apply->ledger_keys);
    *left = 0;
    iso_rows_prefix(&apply->ledger_key, apply->number, apply->partition);
    iso_loser_prefix(apply->ledger_entry_key, NULL, &apply->ledger_key);
    enum iso_err err =
        iso_txn_scan(apply->txn, ISO_LEDGER, iso_buf_bytes(&apply->ledger_key),
                     mark_each, &marks, why);
    return err == ISO_OK ? gathered_leave(apply, left, why) : err;
}

enum iso_err iso_apply_ledger_drop(struct iso_apply *apply, struct iso_txn *txn,
                                   struct iso_bytes key, bool *dropped, size_t *bytes,
                                   struct iso_why *why)
{
    struct iso_bytes row;
    struct iso_loser loser = {0};
    struct iso_digest digest;
    *dropped = false;
    *bytes = 0;
    enum iso_err err = iso_txn_get(txn, ISO_LEDGER, key, &row, why);
    if (err == ISO_NOT_FOUND)
        return ISO_OK;
    if (err == ISO_OK)
        err = iso_loser_decode(own_part(key), row, &loser, &digest, why);
    if (err != ISO_OK || loser.dropped || loser.rule == ISO_LOSER_NAME)
        return err;
    *dropped = true;
    *bytes = loser.value.size;
    loser.dropped = true;
    iso_buf_clear(&apply->ledger_row);
    iso_loser_encode(&loser, own_part(key), &apply->ledger_row, &digest);
    iso_txn_put(txn, ISO_LEDGER, key, iso_buf_bytes(&apply->ledger_row));
    apply->slice.dropped_rows++;
    apply->slice.dropped_bytes += *bytes;
    apply->changed = true;
    return ISO_OK;
}

struct iso_ledger iso_apply_ledger(struct iso_apply *apply)
{
    return (struct iso_ledger){
        .self = apply,
        .enter = ledger_enter,
        .leave = ledger_leave,
        .leave_older = ledger_leave_older,
        .forget = ledger_forget,
        .succeeds = ledger_succeeds,
    };
}
