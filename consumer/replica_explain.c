/* One snapshot of the key's shard gives entry, bucket and ledger. Rows are copied out,
 * so that nothing of the store is borrowed; of a ledger without end only the first
 * records are, and all are counted.
 *
 * How it can fail: as a read, and by a ledger or bucket row that fails its check. */
#include "consumer/replica_explain.h"

#include "base/mem.h"
#include "consumer/replica_state.h"

void iso_explained_release(struct iso_explained *explained)
{
    iso_parts_release(&explained->parts);
    iso_buf_release(&explained->row);
    iso_buf_release(&explained->rows);
    iso_buf_release(&explained->scratch);
    iso_free(explained->losers);
    *explained = (struct iso_explained){0};
}

static void explained_clear(struct iso_explained *explained)
{
    struct iso_explained kept = *explained;
    iso_buf_clear(&kept.row);
    iso_buf_clear(&kept.rows);
    *explained = (struct iso_explained){.parts = kept.parts,
                                        .losers = kept.losers,
                                        .loser_room = kept.loser_room,
                                        .row = kept.row,
                                        .rows = kept.rows,
                                        .scratch = kept.scratch};
}

/* Where one question stands. */
struct asking {
    struct iso_replica *replica;
    struct iso_snapshot *snapshot;
    struct iso_bytes key;
    uint16_t number; /* of the collection in the shard; 0: nothing there */
    struct iso_explained *out;
    struct iso_why *why;
};

/* ---- the entry ---- */

/* A large value, copied into the entry's arena while there is room for it. */
static enum iso_err value_take(struct asking *asking,
                               const struct iso_replica_look *look,
                               struct iso_held *held, size_t *room)
{
    struct iso_held loaded = *held;
    if (iso_held_is_loaded(held) || held->value.size > *room)
        return ISO_OK;
    enum iso_err err =
        iso_replica_load_held(asking->replica, look, &loaded, asking->why);
    if (err != ISO_OK)
        return err;
    *room -= held->value.size;
    uint8_t *copy = iso_arena_take(&asking->out->parts.arena, held->value.size);
    memcpy(copy, loaded.value.data, held->value.size);
    held->value.data = copy;
    return ISO_OK;
}

static enum iso_err parts_take(struct asking *asking, struct iso_bytes row)
{
    struct iso_explained *out = asking->out;
    struct iso_replica_look look = {.key = asking->key,
                                    .partition = out->partition,
                                    .number = asking->number,
                                    .snapshot = asking->snapshot};
    size_t room = ISO_EXPLAINED_BYTES_MAX;
    enum iso_err err = iso_parts_decode(row, asking->key,
                                        out->resolver->has_fields ? ISO_PARTS_FIELDS
                                                                  : ISO_PARTS_SIBLINGS,
                                        &out->parts, asking->why);
    for (size_t i = 0; i < out->parts.count; i++) {
        struct iso_part *part = &out->parts.parts[i];
        for (size_t n = part->value_count; err == ISO_OK && n-- > 0;)
            err = value_take(asking, &look, &part->values[n], &room);
    }
    return err;
}

static enum iso_err entry_take(struct asking *asking)
{
    struct iso_explained *out = asking->out;
    struct iso_bytes row;
    struct iso_buf *key = &asking->replica->key;
    iso_rows_key_entry(key, asking->number, out->partition, asking->key);
    enum iso_err err = iso_snapshot_get(asking->snapshot, ISO_ENTRY, iso_buf_bytes(key),
                                        &row, asking->why);
    if (err == ISO_OK)
        iso_buf_add_bytes(&out->row, row);
    else if (err != ISO_NOT_FOUND)
        return err;
    row = iso_buf_bytes(&out->row);
    out->has_entry = row.size > 0;
    struct iso_shown *shown = &asking->replica->shown;
    err = out->resolver->show(asking->key, row, out->now_ms, shown, asking->why);
    out->found = err == ISO_OK && shown->found;
    if (err != ISO_OK)
        return err;
    if (!out->is_whole)
        return parts_take(asking, row);
    struct iso_digest canonical;
    if (!out->has_entry)
        return ISO_OK;
    return iso_entry_decode(row, asking->key, &out->scratch, &out->entry, &canonical,
                            asking->why);
}

static enum iso_err bucket_take(struct asking *asking)
{
    struct iso_bucket bucket = {0};
    struct iso_bytes row;
    struct iso_buf *key = &asking->replica->key;
    iso_rows_key_bucket(key, asking->number, asking->out->partition,
                        asking->out->bucket);
    enum iso_err err = iso_snapshot_get(asking->snapshot, ISO_BUCKET,
                                        iso_buf_bytes(key), &row, asking->why);
    if (err == ISO_OK)
        err = iso_bucket_decode(row, &bucket, asking->why);
    if (err == ISO_OK)
        asking->out->swept_ms = bucket.swept_ms;
    iso_bucket_release(&bucket);
    return err == ISO_NOT_FOUND ? ISO_OK : err;
}

/* ---- the ledger ---- */

/* Copies a record; its bytes are borrowed from `rows` in the end, which moves until
 * then. */
static enum iso_err loser_take(struct asking *asking, const struct iso_loser *loser)
{
    struct iso_explained *out = asking->out;
    struct iso_replica_item item = {.version = loser->version,
                                    .log = loser->log,
                                    .offset = loser->offset,
                                    .value = loser->value,
                                    .dropped = loser->dropped};
    if (loser->rule == ISO_LOSER_NAME) {
        out->mark_total++;
        return ISO_OK;
    }
    if (loser->dropped)
        item.path = iso_loser_path(loser);
    else if (loser->rule == ISO_LOSER_FIELD &&
             !iso_loser_field_decode(loser->value, &item.path, &item.fingerprint,
                                     &item.value))
        return iso_fail(asking->why, ISO_DAMAGED,
                        "a ledger row does not say which field it is of: repair this "
                        "region from another");
    out->loser_total++;
    if (out->loser_count == ISO_EXPLAINED_LOSERS_MAX ||
        out->rows.size + loser->value.size > ISO_EXPLAINED_BYTES_MAX)
        return ISO_OK;
    if (out->loser_count == out->loser_room) {
        out->loser_room = out->loser_room * 2 + 8;
        out->losers = iso_realloc(out->losers, out->loser_room * sizeof *out->losers);
    }
    out->losers[out->loser_count++] = item;
    iso_buf_add_bytes(&out->rows, item.path);
    if (item.fingerprint != NULL)
        iso_buf_add(&out->rows, item.fingerprint, ISO_FINGERPRINT_SIZE);
    iso_buf_add_bytes(&out->rows, item.value);
    return ISO_OK;
}

static void losers_point(struct asking *asking)
{
    struct iso_explained *out = asking->out;
    const uint8_t *at = out->rows.data;
    for (size_t i = 0; i < out->loser_count; i++) {
        struct iso_replica_item *item = &out->losers[i];
        item->key = asking->key;
        item->path.data = at;
        at += item->path.size;
        if (item->fingerprint != NULL) {
            item->fingerprint = at;
            at += ISO_FINGERPRINT_SIZE;
        }
        item->value.data = at;
        at += item->value.size;
    }
}

static enum iso_err losers_take(struct asking *asking)
{
    struct iso_buf *prefix = &asking->replica->key;
    struct iso_cursor *cursor;
    struct iso_bytes key, row;
    struct iso_loser loser;
    struct iso_digest digest;
    iso_rows_prefix(prefix, asking->number, asking->out->partition);
    iso_loser_prefix(asking->key, NULL, prefix);
    enum iso_err err =
        iso_cursor_open(asking->snapshot, ISO_LEDGER, iso_buf_bytes(prefix),
                        (struct iso_bytes){0}, &cursor, asking->why);
    if (err != ISO_OK)
        return err;
    while ((err = iso_cursor_next(cursor, &key, &row, asking->why)) == ISO_OK) {
        key = iso_bytes(key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX);
        err = iso_loser_decode(key, row, &loser, &digest, asking->why);
        if (err == ISO_OK)
            err = loser_take(asking, &loser);
        if (err != ISO_OK)
            break;
    }
    iso_cursor_close(cursor);
    losers_point(asking);
    return err == ISO_END ? ISO_OK : err;
}

/* ---- the question ---- */

static enum iso_err snapshot_take(struct asking *asking,
                                  struct iso_replica_collection *collection)
{
    struct iso_replica *replica = asking->replica;
    size_t shard = asking->out->partition % replica->shards;
    enum iso_err err =
        iso_snapshot_open(replica->stores[shard], &asking->snapshot, asking->why);
    if (err != ISO_OK)
        return err;
    err = iso_replica_number(replica, collection, shard, asking->snapshot,
                             &asking->number, asking->why);
    if (err == ISO_OK)
        err = entry_take(asking);
    if (err == ISO_OK)
        err = bucket_take(asking);
    if (err == ISO_OK)
        err = losers_take(asking);
    iso_snapshot_close(asking->snapshot);
    return err;
}

enum iso_err iso_replica_explain(struct iso_replica *replica, const char *name,
                                 struct iso_bytes key, struct iso_explained *explained,
                                 struct iso_why *why)
{
    struct iso_replica_collection *collection;
    struct asking asking = {
        .replica = replica, .key = key, .out = explained, .why = why};
    explained_clear(explained);
    enum iso_err err = iso_replica_collection(replica, name, &collection, why);
    if (err == ISO_OK)
        err = iso_replica_definition(replica, name, &explained->definition, why);
    if (err != ISO_OK)
        return err;
    if (key.size == 0 || key.size > ISO_KEY_MAX)
        return iso_fail(why, ISO_TOO_LARGE, "the key has %zu bytes: keys have 1 to %d",
                        key.size, ISO_KEY_MAX);
    explained->resolver = collection->resolver;
    explained->is_whole = strcmp(collection->resolver->name, "lww") == 0;
    explained->partition = iso_partition_of(key, collection->partitions);
    explained->bucket = iso_bucket_of(key, explained->definition->buckets);
    explained->now_ms = iso_now_ms(replica->clock);
    return snapshot_take(&asking, collection);
}

bool iso_explained_stands(const struct iso_explained *explained, struct iso_bytes path,
                          struct iso_held *held)
{
    const struct iso_parts *parts = &explained->parts;
    const struct iso_entry *entry = &explained->entry;
    size_t at;
    if (explained->is_whole) {
        *held = (struct iso_held){.version = entry->version,
                                  .kind = entry->kind,
                                  .expiry_ms = entry->expiry_ms,
                                  .log = entry->log,
                                  .offset = entry->offset,
                                  .value = entry->value};
        return explained->has_entry;
    }
    if (iso_parts_find(parts, path, &at) && parts->parts[at].value_count > 0) {
        *held = parts->parts[at].values[0];
        return true;
    }
    *held = parts->deleted;
    return parts->has_delete;
}
