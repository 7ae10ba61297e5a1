/* A read opens a snapshot of the key's shard that is as new as its session asks, finds
 * the entry, lets the resolver check it and say what is shown, copies that out, and
 * closes the snapshot: so nothing is borrowed and no old page of the store is held.
 *
 * How it can fail: no store there, or one that is not a whole region's; a collection
 * that no store of it has used yet; an entry that fails its check. What the store
 * itself fails with passes through. */
#include "consumer/replica_state.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

/* ---- opening ---- */

static enum iso_err shard_owner(struct iso_replica *replica, size_t shard,
                                struct iso_rows_store *owner, struct iso_why *why)
{
    struct iso_snapshot *snapshot;
    struct iso_bytes value;
    enum iso_err err = iso_snapshot_open(replica->stores[shard], &snapshot, why);
    if (err != ISO_OK)
        return err;
    iso_rows_key_store(&replica->key);
    err =
        iso_snapshot_get(snapshot, ISO_META, iso_buf_bytes(&replica->key), &value, why);
    if (err == ISO_NOT_FOUND)
        err = iso_fail(why, ISO_NOT_FOUND,
                       "the store holds no region yet: start its daemon, isostasyd");
    else if (err == ISO_OK)
        err = iso_rows_decode_store(value, owner, why);
    iso_snapshot_close(snapshot);
    return err;
}

/* Is every store the shard that its place says, of one region? */
static enum iso_err shards_check(struct iso_replica *replica, struct iso_why *why)
{
    for (size_t n = 0; n < replica->shards; n++) {
        struct iso_rows_store owner;
        enum iso_err err = shard_owner(replica, n, &owner, why);
        if (err != ISO_OK)
            return err;
        if (n == 0)
            replica->owner = owner;
        if (owner.shard != n || owner.shards != replica->shards ||
            strcmp(owner.region, replica->owner.region) != 0)
            return iso_fail(why, ISO_STORE_MISMATCH,
                            "store %zu of %zu is shard %u of %u of region %s: point at "
                            "one region's store directory, as its daemon made it",
                            n, replica->shards, owner.shard, owner.shards,
                            owner.region);
    }
    return ISO_OK;
}

enum iso_err iso_replica_open_on(struct iso_store **stores, size_t count,
                                 const struct iso_clock *clock,
                                 struct iso_replica **opened, struct iso_why *why)
{
    iso_assert(count > 0);
    struct iso_replica *replica = iso_alloc_zero(1, sizeof *replica);
    replica->shards = count;
    replica->clock = clock;
    replica->stores = iso_alloc_zero(count, sizeof replica->stores[0]);
    memcpy(replica->stores, stores, count * sizeof replica->stores[0]);
    enum iso_err err = shards_check(replica, why);
    if (err != ISO_OK) {
        iso_replica_close(replica);
        return err;
    }
    *opened = replica;
    return ISO_OK;
}

/* How many shards stand in the directory: DIR/0, DIR/1, … */
static enum iso_err shards_count(const char *path, size_t *count, struct iso_why *why)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return iso_fail(why, errno == EACCES ? ISO_DENIED : ISO_NOT_FOUND,
                        "store directory %s cannot be read: %s; name the directory of "
                        "`[region NAME] store`, after its daemon has started",
                        path, strerror(errno));
    *count = 0;
    for (const struct dirent *item; (item = readdir(directory)) != NULL;) {
        char *end;
        unsigned long number = strtoul(item->d_name, &end, 10);
        if (item->d_name[0] >= '0' && item->d_name[0] <= '9' && *end == '\0' &&
            number < ISO_PARTITIONS_MAX && number >= *count)
            *count = number + 1;
    }
    closedir(directory);
    if (*count == 0)
        return iso_fail(why, ISO_NOT_FOUND,
                        "there is no store in %s: name the directory of `[region NAME] "
                        "store`, after its daemon has started",
                        path);
    return ISO_OK;
}

enum iso_err iso_replica_open(const char *path, struct iso_replica **opened,
                              struct iso_why *why)
{
    size_t count = 0, open = 0;
    enum iso_err err = shards_count(path, &count, why);
    if (err != ISO_OK)
        return err;
    struct iso_store **stores = iso_alloc_zero(count, sizeof *stores);
    struct iso_store_options options = {.read_only = true};
    struct iso_buf shard = {0};
    for (; err == ISO_OK && open < count; open += err == ISO_OK) {
        iso_buf_clear(&shard);
        iso_buf_print(&shard, "%s/%zu", path, open);
        err = iso_store_lmdb_open(iso_buf_text(&shard), &options, &stores[open], why);
    }
    if (err == ISO_OK)
        err = iso_replica_open_on(stores, count, &iso_clock_machine, opened, why);
    if (err == ISO_OK)
        (*opened)->owns_stores = true;
    for (size_t n = 0; err != ISO_OK && n < open; n++)
        iso_store_close(stores[n]);
    iso_buf_release(&shard);
    iso_free(stores);
    return err;
}

static void collection_free(struct iso_replica_collection *collection)
{
    for (size_t i = 0; i < collection->definition_count; i++)
        iso_definition_free(collection->definitions[i]);
    iso_replica_view_release(collection);
    iso_replica_records_release(collection);
    iso_free(collection->definitions);
    iso_free(collection->numbers);
    iso_free(collection);
}

void iso_replica_close(struct iso_replica *replica)
{
    if (replica == NULL)
        return;
    while (replica->collections != NULL) {
        struct iso_replica_collection *collection = replica->collections;
        replica->collections = collection->next;
        collection_free(collection);
    }
    for (size_t n = 0; replica->owns_stores && n < replica->shards; n++)
        iso_store_close(replica->stores[n]);
    iso_free(replica->stores);
    iso_buf_release(&replica->key);
    iso_shown_release(&replica->shown);
    iso_slice_release(&replica->slice);
    iso_token_release(&replica->token);
    iso_free(replica);
}

const char *iso_replica_region(const struct iso_replica *replica)
{
    return replica->owner.region;
}

/* ---- reading ---- */

void iso_read_release(struct iso_read *read)
{
    iso_buf_release(&read->value);
    iso_buf_release(&read->context);
    iso_buf_release(&read->token);
    iso_buf_release(&read->sibling_bytes);
    iso_free(read->siblings);
    *read = (struct iso_read){0};
}

/* The stored row of a key, in the snapshot of its shard; empty: none. */
static enum iso_err row_get(struct iso_replica *replica, struct iso_snapshot *snapshot,
                            struct iso_bytes *row, struct iso_why *why)
{
    enum iso_err err =
        iso_snapshot_get(snapshot, ISO_ENTRY, iso_buf_bytes(&replica->key), row, why);
    if (err == ISO_NOT_FOUND)
        *row = (struct iso_bytes){0};
    return err == ISO_NOT_FOUND ? ISO_OK : err;
}

/* All of them, each as the newest is given; bytes first, since they move while they
 * grow. */
static enum iso_err siblings_take(struct iso_replica *replica,
                                  struct iso_replica_collection *collection,
                                  struct iso_read *read, struct iso_why *why)
{
    const struct iso_shown *shown = &replica->shown;
    struct iso_buf *bytes = &read->sibling_bytes;
    read->siblings = iso_realloc(read->siblings,
                                 (shown->sibling_count + 1) * sizeof *read->siblings);
    for (size_t n = 0; n < shown->sibling_count; n++) {
        const struct iso_held *held = &shown->siblings[n];
        struct iso_shown one = {.value = held->value};
        size_t begin = bytes->size;
        enum iso_err err = iso_replica_value(replica, collection, &one, bytes, why);
        if (err != ISO_OK)
            return err;
        read->siblings[n] = (struct iso_sibling){
            .value.size = bytes->size - begin,
            .version = held->version,
            .has_expiry = held->kind == ISO_EXPIRING,
            .expiry_ms = held->expiry_ms,
        };
    }
    size_t at = 0;
    for (size_t n = 0; n < shown->sibling_count; n++) {
        read->siblings[n].value.data = bytes->data + at;
        at += read->siblings[n].value.size;
    }
    read->sibling_count = shown->sibling_count;
    read->sibling_total = shown->sibling_total;
    return ISO_OK;
}

static void read_clear(struct iso_read *read)
{
    iso_buf_clear(&read->value);
    iso_buf_clear(&read->context);
    iso_buf_clear(&read->token);
    iso_buf_clear(&read->sibling_bytes);
    read->sibling_count = read->sibling_total = 0;
    read->version = (struct iso_version){0};
    read->has_expiry = read->stale = false;
    read->expiry_ms = 0;
    read->missing = 0;
}

/* The value last: one that its reader's schema cannot take has a version all the same.
 */
static enum iso_err read_take(struct iso_replica *replica,
                              struct iso_replica_collection *collection,
                              struct iso_read *read, struct iso_why *why)
{
    const struct iso_shown *shown = &replica->shown;
    iso_buf_add_bytes(&read->context, iso_buf_bytes(&shown->context));
    iso_token_encode(&replica->token, &read->token);
    read->version = shown->version;
    read->has_expiry = shown->found && shown->has_expiry;
    read->expiry_ms = read->has_expiry ? shown->expiry_ms : 0;
    if (!shown->found)
        return ISO_OK;
    enum iso_err err = iso_replica_value(replica, collection, shown, &read->value, why);
    if (shown->sibling_count == 0)
        return err;
    /* Those of a value that a plug-in failed on are given all the same. */
    struct iso_why other = {0};
    enum iso_err taken = siblings_take(replica, collection, read, &other);
    if (err == ISO_OK && taken != ISO_OK && why != NULL)
        *why = other;
    return err != ISO_OK ? err : taken;
}

static enum iso_err look_up(struct iso_replica *replica,
                            const struct iso_replica_look *look, struct iso_read *read,
                            struct iso_why *why)
{
    struct iso_bytes row;
    struct iso_shown *shown = &replica->shown;
    iso_rows_key_entry(&replica->key, look->number, look->partition, look->key);
    enum iso_err err = row_get(replica, look->snapshot, &row, why);
    if (err == ISO_OK)
        err = look->collection->resolver->show(look->key, row,
                                               iso_now_ms(replica->clock), shown, why);
    if (err == ISO_OK)
        err = iso_replica_load(replica, look, shown, why);
    if (err == ISO_OK)
        err = iso_replica_token_grow(replica, look, !read->stale,
                                     iso_buf_bytes(&shown->context), why);
    return err == ISO_OK ? read_take(replica, look->collection, read, why) : err;
}

/* As it was: a read that fails must not begin the session anew. It may be the read's
 * own, whose bytes are there still. */
static void token_return(struct iso_read *read, struct iso_bytes token)
{
    if (token.size > 0 && token.data == read->token.data)
        read->token.size = token.size;
    else
        iso_buf_add_bytes(&read->token, token);
}

enum iso_err iso_replica_get_fresh(struct iso_replica *replica, const char *name,
                                   struct iso_bytes key,
                                   const struct iso_read_options *options,
                                   struct iso_read *read, struct iso_why *why)
{
    struct iso_replica_look look = {.key = key};
    read_clear(read);
    enum iso_err err = iso_replica_collection(replica, name, &look.collection, why);
    if (err == ISO_OK)
        err = iso_token_decode(options->token, &replica->token, why);
    if (err == ISO_OK && (key.size == 0 || key.size > ISO_KEY_MAX))
        err = iso_fail(why, ISO_TOO_LARGE, "the key has %zu bytes: keys have 1 to %d",
                       key.size, ISO_KEY_MAX);
    if (err != ISO_OK) {
        token_return(read, options->token);
        return err;
    }
    look.partition = iso_partition_of(key, look.collection->partitions);
    look.shard = look.partition % replica->shards;
    err = iso_replica_look_open(replica, &look, options, read, why);
    if (err == ISO_OK) {
        err = look_up(replica, &look, read, why);
        iso_snapshot_close(look.snapshot);
    }
    if (read->token.size == 0) /* a read that failed: the session's is handed back */
        iso_token_encode(&replica->token, &read->token);
    if (err == ISO_OK && !replica->shown.found)
        return iso_fail(why, ISO_NOT_FOUND, "collection %s has no value under that key",
                        name);
    return err;
}

enum iso_err iso_replica_get(struct iso_replica *replica, const char *name,
                             struct iso_bytes key, struct iso_read *read,
                             struct iso_why *why)
{
    const struct iso_read_options begins = {0};
    return iso_replica_get_fresh(replica, name, key, &begins, read, why);
}
