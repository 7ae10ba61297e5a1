/* Which slices a shard has: every partition that is its own, of every collection that
 * is announced in the control topic or that the store already holds. What the store
 * holds is opened at once, so that a region whose home cluster is away still applies
 * what the other clusters bring.
 */
#include "consumer/rows.h"
#include "consumer/shard_parts.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"

/* One row from the store as it is committed, copied to shard->value. */
static enum iso_err store_get(struct iso_shard *shard, struct iso_why *why)
{
    struct iso_snapshot *snapshot;
    enum iso_err err = iso_snapshot_open(shard->options.store, &snapshot, why);
    if (err != ISO_OK)
        return err;
    struct iso_bytes value;
    err = iso_snapshot_get(snapshot, ISO_META, iso_buf_bytes(&shard->key), &value, why);
    iso_buf_clear(&shard->value);
    if (err == ISO_OK)
        iso_buf_add_bytes(&shard->value, value);
    iso_snapshot_close(snapshot);
    return err;
}

enum iso_err iso_shard_store_claim(struct iso_shard *shard, struct iso_why *why)
{
    const struct iso_shard_options *options = &shard->options;
    iso_rows_key_store(&shard->key);
    enum iso_err err = store_get(shard, why);
    if (err == ISO_NOT_FOUND)
        return ISO_OK; /* new: claimed when the region's number is known */
    struct iso_rows_store owner;
    if (err == ISO_OK)
        err = iso_rows_decode_store(iso_buf_bytes(&shard->value), &owner, why);
    if (err != ISO_OK)
        return err;
    if (strcmp(owner.region, options->region) != 0)
        return iso_fail(
            why, ISO_STORE_MISMATCH,
            "the store belongs to region %s, not to %s: set another directory "
            "for this region, or remove that one to build it anew from the log",
            owner.region, options->region);
    if (owner.shard != options->shard || owner.shards != options->shards)
        return iso_fail(
            why, ISO_STORE_MISMATCH,
            "the store is shard %u of %u, not %u of %u: set daemon.shards back "
            "to %u, or remove the region's store to build it anew from the log",
            owner.shard, owner.shards, options->shard, options->shards, owner.shards);
    shard->region = owner.region_number;
    return ISO_OK;
}

/* What a store is told once has a transaction of its own, which succeeds or leaves
 * nothing: rows written later must find it. shard->key and shard->value are the row. */
static enum iso_err meta_write(struct iso_shard *shard,
                               const struct iso_definition *definition,
                               struct iso_why *why)
{
    struct iso_txn *txn;
    enum iso_err err = iso_txn_begin(shard->options.store, &txn, why);
    if (err != ISO_OK)
        return err;
    iso_txn_put(txn, ISO_META, iso_buf_bytes(&shard->key),
                iso_buf_bytes(&shard->value));
    if (definition != NULL) {
        iso_rows_key_definition(&shard->key, definition->collection,
                                definition->number);
        iso_txn_put(txn, ISO_META, iso_buf_bytes(&shard->key),
                    iso_buf_bytes(&definition->bytes));
    }
    err = iso_txn_commit(txn, why);
    if (err != ISO_OK && iso_err_kind(err) == ISO_RETRY)
        iso_txn_abort(txn);
    return err;
}

static enum iso_err claim_write(struct iso_shard *shard, unsigned region,
                                struct iso_why *why)
{
    struct iso_rows_store owner = {
        .region_number = (uint8_t)region,
        .shard = (uint16_t)shard->options.shard,
        .shards = (uint16_t)shard->options.shards,
    };
    snprintf(owner.region, sizeof owner.region, "%s", shard->options.region);
    iso_rows_key_store(&shard->key);
    iso_buf_clear(&shard->value);
    iso_rows_encode_store(&owner, &shard->value);
    return meta_write(shard, NULL, why);
}

/* The collection's first definition, from the control topic, else from the store. */
static enum iso_err first_definition(struct iso_shard *shard, const char *name,
                                     struct iso_definition **definition,
                                     struct iso_why *why)
{
    const struct iso_definition *known =
        iso_control_definition(shard->control, name, 1);
    if (known != NULL)
        return iso_definition_decode(iso_buf_bytes(&known->bytes), definition, why);
    iso_rows_key_definition(&shard->key, name, 1);
    enum iso_err err = store_get(shard, why);
    if (err != ISO_OK)
        return err;
    return iso_definition_decode(iso_buf_bytes(&shard->value), definition, why);
}

static struct shard_collection *collection_find(const struct iso_shard *shard,
                                                const char *name)
{
    for (size_t i = 0; i < shard->collection_count; i++) {
        if (strcmp(shard->collections[i]->name, name) == 0)
            return shard->collections[i];
    }
    return NULL;
}

static enum iso_err store_mismatch(const char *name, struct iso_why *why)
{
    return iso_fail(
        why, ISO_STORE_MISMATCH,
        "the store holds another collection of the name %s: it was made for a "
        "definition that is not the one in the control topic; set another "
        "store directory, or remove this one to build it anew",
        name);
}

/* What the store held was opened before the control topic was read: is it what that
 * says? */
static enum iso_err collection_confirm(const struct iso_shard *shard,
                                       const struct shard_collection *collection,
                                       struct iso_why *why)
{
    const struct iso_definition *announced =
        iso_control_definition(shard->control, collection->name, 1);
    if (announced == NULL ||
        memcmp(announced->id, collection->definition->id, sizeof announced->id) == 0)
        return ISO_OK;
    return store_mismatch(collection->name, why);
}

/* A new row for the collection, and with it the definition that it begins with: so that
 * the store can open what it names while the home cluster is away. */
static enum iso_err collection_write(struct iso_shard *shard,
                                     const struct iso_definition *definition,
                                     const struct iso_rows_collection *row,
                                     struct iso_why *why)
{
    iso_rows_key_collection(&shard->key, definition->collection);
    iso_buf_clear(&shard->value);
    iso_rows_encode_collection(row, &shard->value);
    return meta_write(shard, definition, why);
}

/* The store's number for the collection: the one it has, or the next. */
static enum iso_err collection_number(struct iso_shard *shard,
                                      const struct iso_definition *definition,
                                      uint16_t *number, struct iso_why *why)
{
    struct iso_rows_collection row;
    iso_rows_key_collection(&shard->key, definition->collection);
    enum iso_err err = store_get(shard, why);
    if (err == ISO_OK)
        err = iso_rows_decode_collection(iso_buf_bytes(&shard->value), &row, why);
    if (err == ISO_OK && memcmp(row.id, definition->id, sizeof row.id) != 0)
        return store_mismatch(definition->collection, why);
    if (err == ISO_OK)
        *number = row.number;
    if (err != ISO_NOT_FOUND)
        return err;
    row.number = *number = (uint16_t)(shard->collection_count + 1);
    memcpy(row.id, definition->id, sizeof row.id);
    return collection_write(shard, definition, &row, why);
}

/* What concerns this slice alone does not end the others. */
static enum iso_err slice_open(struct iso_shard *shard, struct shard_slice *slice,
                               struct iso_why *why)
{
    const struct shard_collection *collection = slice->collection;
    struct iso_apply_options options = {.collection = collection->name,
                                        .number = collection->number,
                                        .partition = slice->partition,
                                        .region = shard->region,
                                        .control = shard->control,
                                        .parsed = &shard->parsed};
    enum iso_err err =
        iso_apply_open(shard->options.store, &options, &slice->apply, why);
    if (err == ISO_OK)
        err = iso_shard_diverged_load(shard, slice, why);
    if (err != ISO_OK) {
        iso_apply_close(slice->apply);
        slice->apply = NULL;
    }
    switch ((int)err) {
    case ISO_OK:
        return ISO_OK;
    case ISO_UNSUPPORTED:
        iso_shard_slice_stop(shard, slice, ISO_SLICE_PARKED, why);
        return ISO_OK;
    case ISO_DAMAGED:
        iso_shard_slice_stop(shard, slice, ISO_SLICE_STOPPED, why);
        return ISO_OK;
    default:
        return iso_fail_at(why, err, "collection %s, partition %u", collection->name,
                           slice->partition);
    }
}

static enum iso_err slices_open(struct iso_shard *shard,
                                struct shard_collection *collection,
                                struct iso_why *why)
{
    uint32_t partitions = collection->definition->partitions;
    size_t most = shard->slice_count + partitions / shard->options.shards + 1;
    shard->slices = iso_realloc(shard->slices, most * sizeof *shard->slices);
    for (uint32_t p = shard->options.shard; p < partitions;
         p += shard->options.shards) {
        struct shard_slice *slice = &shard->slices[shard->slice_count];
        *slice = (struct shard_slice){
            .collection = collection, .partition = p, .news = true};
        enum iso_err err = slice_open(shard, slice, why);
        if (err != ISO_OK)
            return err;
        shard->slice_count++;
    }
    return ISO_OK;
}

/* All or nothing, so that what failed can be tried again. */
static enum iso_err collection_open(struct iso_shard *shard, const char *name,
                                    struct iso_why *why)
{
    size_t slices = shard->slice_count;
    struct shard_collection *collection = iso_alloc_zero(1, sizeof *collection);
    snprintf(collection->name, sizeof collection->name, "%s", name);
    size_t room = (shard->collection_count + 1) * sizeof(struct shard_collection *);
    shard->collections = iso_realloc(shard->collections, room);
    enum iso_err err = first_definition(shard, name, &collection->definition, why);
    if (err == ISO_OK)
        err =
            collection_number(shard, collection->definition, &collection->number, why);
    if (err == ISO_OK)
        err = slices_open(shard, collection, why);
    if (err != ISO_OK) {
        while (shard->slice_count > slices)
            iso_apply_close(shard->slices[--shard->slice_count].apply);
        iso_shard_collection_free(collection);
        return err;
    }
    shard->collections[shard->collection_count++] = collection;
    iso_log(ISO_INFO, "collection.open", "collection=%s partitions=%u resolver=%s",
            name, collection->definition->partitions, collection->definition->resolver);
    return ISO_OK;
}

static bool collection_wanted(const struct iso_shard *shard, const char *name)
{
    const char *list = shard->options.collections;
    if (list == NULL || *list == '\0')
        return true;
    size_t length = strlen(name);
    while (*list != '\0') {
        size_t item = strcspn(list, ",");
        if (item == length && memcmp(list, name, length) == 0)
            return true;
        list += item + (list[item] == ',');
    }
    return false;
}

/* The names of the store's collections, each ended by NUL. */
static enum iso_err stored_collections(struct iso_shard *shard, struct iso_buf *names,
                                       struct iso_why *why)
{
    struct iso_snapshot *snapshot;
    enum iso_err err = iso_snapshot_open(shard->options.store, &snapshot, why);
    if (err != ISO_OK)
        return err;
    struct iso_cursor *cursor;
    struct iso_bytes prefix = iso_bytes_text("collection/"), key, value;
    err = iso_cursor_open(snapshot, ISO_META, prefix, prefix, &cursor, why);
    while (err == ISO_OK) {
        err = iso_cursor_next(cursor, &key, &value, why);
        if (err != ISO_OK)
            break;
        iso_buf_add(names, key.data + prefix.size, key.size - prefix.size);
        iso_buf_add_u8(names, 0);
    }
    iso_cursor_close(cursor);
    iso_snapshot_close(snapshot);
    return err == ISO_END ? ISO_OK : err;
}

static enum iso_err open_stored(struct iso_shard *shard, struct iso_why *why)
{
    struct iso_buf names = {0};
    enum iso_err err = stored_collections(shard, &names, why);
    for (size_t at = 0; err == ISO_OK && at < names.size;) {
        const char *name = (const char *)names.data + at;
        at += strlen(name) + 1;
        if (collection_find(shard, name) == NULL)
            err = collection_open(shard, name, why);
    }
    iso_buf_release(&names);
    return err;
}

/* A collection that an operator named must be there, else a slip of the pen is silence.
 */
static enum iso_err listed_exist(const struct iso_shard *shard, struct iso_why *why)
{
    const char *list = shard->options.collections;
    while (list != NULL && *list != '\0') {
        size_t item = strcspn(list, ",");
        char name[ISO_COLLECTION_NAME_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)item, list);
        if (item > 0 && iso_control_definition(shard->control, name, 0) == NULL)
            return iso_fail(
                why, ISO_NO_DEFINITION,
                "region.%s.collections names %s, which does not exist: make it "
                "with `isostasy collection create %s`, or take it off the list",
                shard->options.region, name, name);
        list += item + (list[item] == ',');
    }
    return ISO_OK;
}

static enum iso_err open_announced(struct iso_shard *shard, struct iso_why *why)
{
    const char *name;
    for (size_t i = 0; (name = iso_control_collection(shard->control, i)) != NULL;
         i++) {
        struct shard_collection *open = collection_find(shard, name);
        enum iso_err err = ISO_OK;
        if (open != NULL)
            err = collection_confirm(shard, open, why);
        else if (collection_wanted(shard, name))
            err = collection_open(shard, name, why);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

/* The region's number, once the control topic was read to its end. */
static enum iso_err region_find(struct iso_shard *shard, struct iso_why *why)
{
    if (shard->control_seen_end < 0)
        return ISO_OK;
    unsigned region = iso_control_region(shard->control, shard->options.region);
    if (region == 0)
        return iso_fail(
            why, ISO_NO_DEFINITION,
            "there is no region %s: add it with `isostasy region add %s`, or "
            "see `isostasy region list`",
            shard->options.region, shard->options.region);
    enum iso_err err = claim_write(shard, region, why);
    if (err == ISO_OK)
        shard->region = region;
    return err;
}

static enum iso_err slices_find(struct iso_shard *shard, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    if (shard->region == 0)
        err = region_find(shard, why);
    if (err != ISO_OK || shard->region == 0)
        return err;
    if (!shard->stored_opened) {
        err = open_stored(shard, why);
        shard->stored_opened = err == ISO_OK;
    }
    if (err == ISO_OK && shard->control_seen_end >= 0)
        err = listed_exist(shard, why);
    if (err == ISO_OK)
        err = open_announced(shard, why);
    return err;
}

enum iso_err iso_shard_slices_find(struct iso_shard *shard, struct iso_why *why)
{
    if (shard_now(shard) < shard->retry_at_ms)
        return ISO_OK;
    enum iso_err err = slices_find(shard, why);
    if (err == ISO_OK || iso_err_kind(err) != ISO_RETRY)
        return err;
    iso_log_why(ISO_WARN, "store.retry", why);
    shard->retry_at_ms = shard_now(shard) + SHARD_RETRY_MS;
    return ISO_OK;
}

void iso_shard_slice_stop(struct iso_shard *shard, struct shard_slice *slice,
                          enum iso_slice_state state, const struct iso_why *why)
{
    slice->state = state;
    slice->why = *why;
    slice->news = true;
    iso_shard_feeds_drop(shard, slice);
    iso_log(ISO_ERROR, "slice.stopped",
            "collection=%s partition=%u state=%s err=%s why=\"%s\"",
            slice->collection->name, slice->partition, iso_slice_state_name(state),
            iso_err_name(why->err), why->text);
}
