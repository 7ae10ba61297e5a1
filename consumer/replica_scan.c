/* A scan merges sorted streams by a binary heap: one cursor for each slice, since a
 * slice's rows stand together in order of key. The ledger's keys begin with the key's
 * length, so there each length that a slice holds is a stream of its own: within one,
 * rows are in order of key and version.
 *
 * One snapshot of each shard is held until the scan is closed; the store bounds its age
 * (ISO_STALE: begin again). A damaged row ends the scan with ISO_DAMAGED. */
#include "consumer/replica_state.h"

#include "base/mem.h"

enum { LENGTH_SIZE = 2 };

struct stream {
    struct iso_cursor *cursor;
    struct iso_bytes key;     /* of the entry: what streams are merged by */
    struct iso_bytes own_key; /* the row's, without the slice */
    struct iso_bytes row;
};

struct iso_replica_scan {
    struct iso_replica *replica;
    struct iso_replica_collection *collection;
    const struct iso_resolver *resolver;
    struct iso_snapshot **snapshots; /* by shard */
    enum iso_space space;
    size_t shared;       /* bytes of a row's key before the part that is compared */
    struct stream *heap; /* the smallest first */
    size_t count, room;
    bool started; /* the first of the heap was given out */
    struct iso_shown shown;
    struct iso_buf value;
};

/* ---- the heap ---- */

static bool stream_less(const struct iso_replica_scan *scan, size_t a, size_t b)
{
    return iso_bytes_compare(scan->heap[a].key, scan->heap[b].key) < 0;
}

static void heap_swap(struct iso_replica_scan *scan, size_t a, size_t b)
{
    struct stream was = scan->heap[a];
    scan->heap[a] = scan->heap[b];
    scan->heap[b] = was;
}

static void heap_sink(struct iso_replica_scan *scan, size_t at)
{
    for (;;) {
        size_t least = at, left = 2 * at + 1, right = left + 1;
        if (left < scan->count && stream_less(scan, left, least))
            least = left;
        if (right < scan->count && stream_less(scan, right, least))
            least = right;
        if (least == at)
            return;
        heap_swap(scan, at, least);
        at = least;
    }
}

/* ---- streams ---- */

/* The entry's key in a row's key; empty when that is none of ours. */
static struct iso_bytes entry_key(enum iso_space space, struct iso_bytes own_key)
{
    if (space != ISO_LEDGER)
        return own_key;
    size_t length = own_key.size < LENGTH_SIZE ? 0 : iso_get_u16(own_key.data);
    bool fits = length <= own_key.size - LENGTH_SIZE && length > 0;
    return iso_bytes(own_key.data + LENGTH_SIZE, fits ? length : 0);
}

/* ISO_END: it is through. */
static enum iso_err stream_next(struct iso_replica_scan *scan, struct stream *stream,
                                struct iso_why *why)
{
    struct iso_bytes key;
    enum iso_err err = iso_cursor_next(stream->cursor, &key, &stream->row, why);
    if (err != ISO_OK)
        return err;
    stream->own_key = iso_bytes(key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX);
    stream->key = entry_key(scan->space, stream->own_key);
    if (stream->key.size == 0)
        return iso_fail(why, ISO_DAMAGED,
                        "the store holds a row with a key that nobody wrote: repair "
                        "this region from another");
    return ISO_OK;
}

/* Adds the rows under `prefix`, when there are any. */
static enum iso_err stream_add(struct iso_replica_scan *scan, size_t shard,
                               struct iso_bytes prefix, struct iso_why *why)
{
    struct stream stream = {0};
    enum iso_err err = iso_cursor_open(scan->snapshots[shard], scan->space, prefix,
                                       (struct iso_bytes){0}, &stream.cursor, why);
    if (err != ISO_OK)
        return err;
    err = stream_next(scan, &stream, why);
    if (err != ISO_OK) {
        iso_cursor_close(stream.cursor);
        return err == ISO_END ? ISO_OK : err;
    }
    if (scan->count == scan->room) {
        scan->room = scan->room == 0 ? 16 : scan->room * 2;
        scan->heap = iso_realloc(scan->heap, scan->room * sizeof scan->heap[0]);
    }
    scan->heap[scan->count++] = stream;
    return ISO_OK;
}

/* Which length of key comes next in a slice's ledger, from replica->key on; ISO_END. */
static enum iso_err length_next(struct iso_replica_scan *scan, size_t shard,
                                uint16_t *length, struct iso_why *why)
{
    struct iso_bytes from = iso_buf_bytes(&scan->replica->key);
    struct iso_bytes slice = iso_bytes(from.data, ISO_ROWS_PREFIX), key, row;
    struct iso_cursor *cursor;
    enum iso_err err =
        iso_cursor_open(scan->snapshots[shard], ISO_LEDGER, slice, from, &cursor, why);
    if (err != ISO_OK)
        return err;
    err = iso_cursor_next(cursor, &key, &row, why);
    if (err == ISO_OK && key.size < ISO_ROWS_PREFIX + LENGTH_SIZE)
        err = ISO_END;
    if (err == ISO_OK)
        *length = iso_get_u16(key.data + ISO_ROWS_PREFIX);
    iso_cursor_close(cursor);
    return err;
}

static enum iso_err slice_add_losers(struct iso_replica_scan *scan, size_t shard,
                                     uint16_t number, uint32_t partition,
                                     struct iso_why *why)
{
    struct iso_buf *key = &scan->replica->key;
    enum iso_err err = ISO_OK;
    uint16_t length = 0;
    for (uint32_t from = 0; err == ISO_OK && from <= ISO_KEY_MAX; from = length + 1u) {
        iso_rows_prefix(key, number, partition);
        iso_buf_add_u16(key, (uint16_t)from);
        err = length_next(scan, shard, &length, why);
        if (err != ISO_OK)
            break;
        iso_rows_prefix(key, number, partition);
        iso_buf_add_u16(key, length);
        err = stream_add(scan, shard, iso_buf_bytes(key), why);
    }
    return err == ISO_END ? ISO_OK : err;
}

static enum iso_err slice_add(struct iso_replica_scan *scan,
                              struct iso_replica_collection *collection,
                              uint32_t partition, struct iso_why *why)
{
    struct iso_replica *replica = scan->replica;
    iso_assert(replica->shards > 0); /* open sees to it */
    size_t shard = partition % replica->shards;
    uint16_t number;
    enum iso_err err = iso_replica_number(replica, collection, shard,
                                          scan->snapshots[shard], &number, why);
    if (err != ISO_OK || number == 0)
        return err;
    if (scan->space == ISO_LEDGER)
        return slice_add_losers(scan, shard, number, partition, why);
    iso_rows_prefix(&replica->key, number, partition);
    return stream_add(scan, shard, iso_buf_bytes(&replica->key), why);
}

/* The ledger of one key: its rows stand together. */
static enum iso_err key_add_losers(struct iso_replica_scan *scan,
                                   struct iso_bytes entry_key, struct iso_why *why)
{
    struct iso_replica *replica = scan->replica;
    uint32_t partition = iso_partition_of(entry_key, scan->collection->partitions);
    size_t shard = partition % replica->shards;
    uint16_t number = 0;
    enum iso_err err =
        iso_snapshot_open(replica->stores[shard], &scan->snapshots[shard], why);
    if (err == ISO_OK)
        err = iso_replica_number(replica, scan->collection, shard,
                                 scan->snapshots[shard], &number, why);
    if (err != ISO_OK || number == 0)
        return err;
    iso_rows_prefix(&replica->key, number, partition);
    iso_loser_prefix(entry_key, NULL, &replica->key);
    return stream_add(scan, shard, iso_buf_bytes(&replica->key), why);
}

/* ---- the scan ---- */

static enum iso_err scan_fill(struct iso_replica_scan *scan, struct iso_why *why)
{
    struct iso_replica *replica = scan->replica;
    struct iso_replica_collection *collection = scan->collection;
    for (size_t n = 0; n < replica->shards; n++) {
        enum iso_err err =
            iso_snapshot_open(replica->stores[n], &scan->snapshots[n], why);
        if (err != ISO_OK)
            return err;
    }
    for (uint32_t p = 0; p < collection->partitions; p++) {
        enum iso_err err = slice_add(scan, collection, p, why);
        if (err != ISO_OK)
            return err;
    }
    for (size_t at = scan->count; at > 0; at--)
        heap_sink(scan, at - 1);
    return ISO_OK;
}

/* `key` NULL: of all keys. */
static enum iso_err scan_open(struct iso_replica *replica, const char *name,
                              enum iso_space space, const struct iso_bytes *key,
                              struct iso_replica_scan **opened, struct iso_why *why)
{
    struct iso_replica_collection *collection;
    enum iso_err err = iso_replica_collection(replica, name, &collection, why);
    if (err != ISO_OK)
        return err;
    struct iso_replica_scan *scan = iso_alloc_zero(1, sizeof *scan);
    scan->replica = replica;
    scan->collection = collection;
    scan->resolver = collection->resolver;
    scan->space = space;
    scan->snapshots = iso_alloc_zero(replica->shards, sizeof scan->snapshots[0]);
    err = key == NULL ? scan_fill(scan, why) : key_add_losers(scan, *key, why);
    if (err != ISO_OK) {
        iso_replica_scan_close(scan);
        return err;
    }
    *opened = scan;
    return ISO_OK;
}

enum iso_err iso_replica_scan_open(struct iso_replica *replica, const char *collection,
                                   struct iso_replica_scan **scan, struct iso_why *why)
{
    return scan_open(replica, collection, ISO_ENTRY, NULL, scan, why);
}

enum iso_err iso_replica_scan_losers(struct iso_replica *replica,
                                     const char *collection,
                                     struct iso_replica_scan **scan,
                                     struct iso_why *why)
{
    return scan_open(replica, collection, ISO_LEDGER, NULL, scan, why);
}

enum iso_err iso_replica_scan_losers_of(struct iso_replica *replica,
                                        const char *collection, struct iso_bytes key,
                                        struct iso_replica_scan **scan,
                                        struct iso_why *why)
{
    if (key.size == 0 || key.size > ISO_KEY_MAX)
        return iso_fail(why, ISO_TOO_LARGE, "the key has %zu bytes: keys have 1 to %d",
                        key.size, ISO_KEY_MAX);
    return scan_open(replica, collection, ISO_LEDGER, &key, scan, why);
}

void iso_replica_scan_close(struct iso_replica_scan *scan)
{
    if (scan == NULL)
        return;
    for (size_t i = 0; i < scan->count; i++)
        iso_cursor_close(scan->heap[i].cursor);
    for (size_t n = 0; n < scan->replica->shards; n++)
        iso_snapshot_close(scan->snapshots[n]);
    iso_free(scan->heap);
    iso_free(scan->snapshots);
    iso_shown_release(&scan->shown);
    iso_buf_release(&scan->value);
    iso_free(scan);
}

/* The stream that was given out last goes on; the smallest is first again. */
static enum iso_err scan_advance(struct iso_replica_scan *scan, struct iso_why *why)
{
    if (scan->started && scan->count > 0) {
        enum iso_err err = stream_next(scan, &scan->heap[0], why);
        if (err == ISO_END) {
            iso_cursor_close(scan->heap[0].cursor);
            scan->heap[0] = scan->heap[--scan->count];
        } else if (err != ISO_OK) {
            return err;
        }
        heap_sink(scan, 0);
    }
    scan->started = true;
    return scan->count > 0 ? ISO_OK : ISO_END;
}

static enum iso_err load_entry(struct iso_replica_scan *scan,
                               const struct stream *stream, struct iso_why *why)
{
    struct iso_replica_look look = {.collection = scan->collection, .key = stream->key};
    look.partition = iso_partition_of(stream->key, scan->collection->partitions);
    look.shard = look.partition % scan->replica->shards;
    look.snapshot = scan->snapshots[look.shard];
    look.number = scan->collection->numbers[look.shard]; /* it has rows */
    return iso_replica_load(scan->replica, &look, &scan->shown, why);
}

static enum iso_err show_entry(struct iso_replica_scan *scan,
                               struct iso_replica_item *item, bool *shown_any,
                               struct iso_why *why)
{
    const struct stream *stream = &scan->heap[0];
    struct iso_shown *shown = &scan->shown;
    enum iso_err err = scan->resolver->show(
        stream->key, stream->row, iso_now_ms(scan->replica->clock), shown, why);
    *shown_any = err == ISO_OK && shown->found;
    if (!*shown_any)
        return err;
    err = load_entry(scan, stream, why);
    if (err != ISO_OK)
        return err;
    iso_buf_clear(&scan->value);
    err = iso_replica_value(scan->replica, scan->collection, shown, &scan->value, why);
    *item = (struct iso_replica_item){.key = stream->key,
                                      .value = iso_buf_bytes(&scan->value),
                                      .version = shown->version};
    return err;
}

/* What a whole value that lost is by the reader's schema. */
static enum iso_err show_loser_view(struct iso_replica_scan *scan,
                                    struct iso_replica_item *item, struct iso_why *why)
{
    if (scan->collection->view == NULL || scan->resolver->has_fields)
        return ISO_OK;
    iso_buf_clear(&scan->value);
    enum iso_err err = iso_replica_view(scan->replica, scan->collection, item->value,
                                        &scan->value, why);
    item->value = iso_buf_bytes(&scan->value);
    return err;
}

static enum iso_err show_loser(struct iso_replica_scan *scan,
                               struct iso_replica_item *item, bool *shown_any,
                               struct iso_why *why)
{
    const struct stream *stream = &scan->heap[0];
    struct iso_loser loser;
    struct iso_digest digest;
    enum iso_err err =
        iso_loser_decode(stream->own_key, stream->row, &loser, &digest, why);
    *shown_any = err == ISO_OK && loser.rule != ISO_LOSER_NAME;
    if (!*shown_any)
        return err;
    *item = (struct iso_replica_item){.key = loser.key,
                                      .value = loser.value,
                                      .version = loser.version,
                                      .log = loser.log,
                                      .offset = loser.offset,
                                      .dropped = loser.dropped};
    if (loser.dropped) {
        item->path = iso_loser_path(&loser);
        return ISO_OK;
    }
    if (loser.rule == ISO_LOSER_FIELD &&
        !iso_loser_field_decode(loser.value, &item->path, &item->fingerprint,
                                &item->value))
        return iso_fail(why, ISO_DAMAGED,
                        "a ledger row does not say which field it is of: repair this "
                        "region from another");
    return show_loser_view(scan, item, why);
}

enum iso_err iso_replica_scan_next(struct iso_replica_scan *scan,
                                   struct iso_replica_item *item, struct iso_why *why)
{
    for (bool shown = false; !shown;) {
        enum iso_err err = scan_advance(scan, why);
        if (err == ISO_OK && scan->space == ISO_ENTRY)
            err = show_entry(scan, item, &shown, why);
        else if (err == ISO_OK)
            err = show_loser(scan, item, &shown, why);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}
