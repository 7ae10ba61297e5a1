/* What the stores of a replica hold of a collection. Its first definition says what
 * never changes (partitions, resolver), so it is looked up once; the newest is looked
 * up each time somebody asks for it, because the daemon goes on. A shard numbers its
 * collections itself. */
#include "consumer/replica_state.h"

#include "base/mem.h"
#include "consumer/admit.h"

#include <stdio.h>

/* ---- definitions ---- */

/* The bytes of the last row under the prefix in replica->key: numbers ascend. */
static enum iso_err newest_row(struct iso_replica *replica,
                               struct iso_snapshot *snapshot, struct iso_bytes *newest,
                               struct iso_why *why)
{
    struct iso_cursor *cursor;
    struct iso_bytes key, row;
    enum iso_err err = iso_cursor_open(snapshot, ISO_META, iso_buf_bytes(&replica->key),
                                       (struct iso_bytes){0}, &cursor, why);
    if (err != ISO_OK)
        return err;
    *newest = (struct iso_bytes){0};
    while ((err = iso_cursor_next(cursor, &key, &row, why)) == ISO_OK)
        *newest = row;
    iso_cursor_close(cursor);
    return err == ISO_END ? ISO_OK : err;
}

static struct iso_definition *newest_of(const struct iso_replica_collection *collection)
{
    size_t count = collection->definition_count;
    return count > 0 ? collection->definitions[count - 1] : NULL;
}

static enum iso_err definition_take(struct iso_replica_collection *collection,
                                    struct iso_bytes row, struct iso_why *why)
{
    struct iso_definition *definition, *newest = newest_of(collection);
    if (newest != NULL && iso_bytes_equal(iso_buf_bytes(&newest->bytes), row))
        return ISO_OK;
    if (iso_definition_decode(row, &definition, why) != ISO_OK)
        return iso_fail(
            why, ISO_DAMAGED,
            "a definition of %s in the store does not decode: the daemon of "
            "this region must build its store anew",
            collection->name);
    if (newest != NULL && newest->number >= definition->number) {
        iso_definition_free(definition); /* another shard is behind */
        return ISO_OK;
    }
    size_t room = (collection->definition_count + 1) * sizeof(struct iso_definition *);
    collection->definitions = iso_realloc(collection->definitions, room);
    collection->definitions[collection->definition_count++] = definition;
    return ISO_OK;
}

static enum iso_err definitions_find(struct iso_replica *replica,
                                     struct iso_replica_collection *collection,
                                     struct iso_why *why)
{
    for (size_t n = 0; n < replica->shards; n++) {
        struct iso_snapshot *snapshot;
        struct iso_bytes row;
        enum iso_err err = iso_snapshot_open(replica->stores[n], &snapshot, why);
        if (err != ISO_OK)
            return err;
        iso_rows_prefix_definition(&replica->key, collection->name);
        err = newest_row(replica, snapshot, &row, why);
        if (err == ISO_OK && row.size > 0)
            err = definition_take(collection, row, why);
        iso_snapshot_close(snapshot);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

/* ---- collections ---- */

/* "a, b" of what the first shard holds. */
static void names_list(struct iso_replica *replica, struct iso_buf *list)
{
    struct iso_snapshot *snapshot;
    struct iso_cursor *cursor;
    struct iso_bytes prefix = iso_bytes_text("collection/"), key, row;
    if (iso_snapshot_open(replica->stores[0], &snapshot, NULL) != ISO_OK)
        return;
    if (iso_cursor_open(snapshot, ISO_META, prefix, (struct iso_bytes){0}, &cursor,
                        NULL) == ISO_OK) {
        while (iso_cursor_next(cursor, &key, &row, NULL) == ISO_OK)
            iso_buf_print(list, "%s%.*s", list->size > 0 ? ", " : "",
                          (int)(key.size - prefix.size),
                          (const char *)key.data + prefix.size);
        iso_cursor_close(cursor);
    }
    iso_snapshot_close(snapshot);
}

static enum iso_err no_definition(struct iso_replica *replica, const char *name,
                                  struct iso_why *why)
{
    struct iso_buf list = {0};
    names_list(replica, &list);
    enum iso_err err = iso_fail(
        why, ISO_NO_DEFINITION,
        "region %s holds no collection %.64s yet; it holds: %.300s",
        replica->owner.region, name, list.size > 0 ? iso_buf_text(&list) : "none");
    iso_buf_release(&list);
    return err;
}

static enum iso_err collection_fill(struct iso_replica *replica,
                                    struct iso_replica_collection *collection,
                                    struct iso_why *why)
{
    enum iso_err err = definitions_find(replica, collection, why);
    const struct iso_definition *newest = newest_of(collection);
    if (err == ISO_OK && newest == NULL)
        return no_definition(replica, collection->name, why);
    if (err != ISO_OK)
        return err;
    collection->partitions = newest->partitions;
    collection->resolver = iso_resolver_find(newest->resolver);
    return collection->resolver != NULL ? ISO_OK : iso_admit_supported(newest, why);
}

enum iso_err iso_replica_collection(struct iso_replica *replica, const char *name,
                                    struct iso_replica_collection **found,
                                    struct iso_why *why)
{
    struct iso_replica_collection *collection = replica->collections;
    while (collection != NULL && strcmp(collection->name, name) != 0)
        collection = collection->next;
    if (collection == NULL) {
        if (!iso_collection_name_valid(name))
            return no_definition(replica, name, why);
        collection = iso_alloc_zero(1, sizeof *collection);
        snprintf(collection->name, sizeof collection->name, "%s", name);
        collection->numbers =
            iso_alloc_zero(replica->shards, sizeof collection->numbers[0]);
        collection->next = replica->collections;
        replica->collections = collection;
    }
    *found = collection;
    return collection->resolver != NULL ? ISO_OK
                                        : collection_fill(replica, collection, why);
}

enum iso_err iso_replica_number(struct iso_replica *replica,
                                struct iso_replica_collection *collection, size_t shard,
                                struct iso_snapshot *snapshot, uint16_t *number,
                                struct iso_why *why)
{
    *number = collection->numbers[shard];
    if (*number != 0)
        return ISO_OK;
    struct iso_bytes value;
    struct iso_rows_collection row;
    iso_rows_key_collection(&replica->key, collection->name);
    enum iso_err err =
        iso_snapshot_get(snapshot, ISO_META, iso_buf_bytes(&replica->key), &value, why);
    if (err == ISO_NOT_FOUND)
        return ISO_OK;
    if (err == ISO_OK)
        err = iso_rows_decode_collection(value, &row, why);
    if (err == ISO_OK)
        *number = collection->numbers[shard] = row.number;
    return err;
}

enum iso_err iso_replica_definition(struct iso_replica *replica, const char *name,
                                    const struct iso_definition **definition,
                                    struct iso_why *why)
{
    struct iso_replica_collection *collection;
    enum iso_err err = iso_replica_collection(replica, name, &collection, why);
    if (err == ISO_OK)
        err = definitions_find(replica, collection, why);
    if (err == ISO_OK)
        *definition = newest_of(collection);
    return err;
}
