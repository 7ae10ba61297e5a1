/* Keys are numbers in big-endian order and text, appended; nothing here can fail but
 * decoding, when the store's bytes are not what was written. LMDB keeps no checksum of
 * its pages, so values end in their own.
 *
 *   store       u8 format 1, u8 region number, u16 shard, u16 shards, u8 length, region
 *               name, u64 check (XXH3-64 of what stands before it)
 *   collection  u16 number, 16 bytes id, u64 check
 *   diverged    u16 log, i64 equal, i64 differs, u64 check */
#include "consumer/rows.h"

#include "schema/digest.h"

enum { STORE_FORMAT = 1, STORE_FIXED = 7, CHECK_SIZE = 8, ID_SIZE = 16 };
enum { COLLECTION_SIZE = 2 + ID_SIZE + CHECK_SIZE };
enum { DIVERGED_SIZE = 2 + 8 + 8 + CHECK_SIZE };
enum { CHECK_SEED = 1 };

static void add_text(struct iso_buf *key, const char *text)
{
    iso_buf_add_bytes(key, iso_bytes_text(text));
}

void iso_rows_key_store(struct iso_buf *key)
{
    iso_buf_clear(key);
    add_text(key, "store");
}

void iso_rows_key_collection(struct iso_buf *key, const char *name)
{
    iso_buf_clear(key);
    add_text(key, "collection/");
    add_text(key, name);
}

void iso_rows_prefix_definition(struct iso_buf *key, const char *name)
{
    iso_buf_clear(key);
    add_text(key, "definition/");
    add_text(key, name);
    add_text(key, "/");
}

void iso_rows_key_definition(struct iso_buf *key, const char *name, uint32_t number)
{
    iso_rows_prefix_definition(key, name);
    iso_buf_add_u32(key, number);
}

void iso_rows_key_slice(struct iso_buf *key, uint16_t collection, uint32_t partition)
{
    iso_buf_clear(key);
    add_text(key, "slice/");
    iso_buf_add_u16(key, collection);
    iso_buf_add_u16(key, (uint16_t)partition);
}

void iso_rows_key_diverged(struct iso_buf *key, uint16_t collection, uint32_t partition)
{
    iso_buf_clear(key);
    add_text(key, "diverged/");
    iso_buf_add_u16(key, collection);
    iso_buf_add_u16(key, (uint16_t)partition);
}

void iso_rows_key_mark(struct iso_buf *key, uint16_t collection, uint32_t partition,
                       uint16_t log, int64_t block)
{
    iso_buf_clear(key);
    add_text(key, "mark/");
    iso_buf_add_u16(key, collection);
    iso_buf_add_u16(key, (uint16_t)partition);
    iso_buf_add_u16(key, log);
    iso_buf_add_u64(key, (uint64_t)block);
}

void iso_rows_prefix(struct iso_buf *key, uint16_t collection, uint32_t partition)
{
    uint8_t *at;
    iso_buf_clear(key);
    iso_buf_reserve(key, ISO_ROWS_PREFIX);
    at = key->data;
    iso_put_u16(at, collection);
    iso_put_u16(at + 2, (uint16_t)partition);
    key->size = ISO_ROWS_PREFIX;
}

void iso_rows_key_entry(struct iso_buf *key, uint16_t collection, uint32_t partition,
                        struct iso_bytes entry_key)
{
    iso_rows_prefix(key, collection, partition);
    iso_buf_add_bytes(key, entry_key);
}

void iso_rows_key_aside(struct iso_buf *key, uint16_t collection, uint32_t partition,
                        struct iso_bytes entry_key, uint64_t number)
{
    iso_rows_key_entry(key, collection, partition, entry_key);
    iso_buf_add_u64(key, number);
}

void iso_rows_key_filter(struct iso_buf *key, uint16_t collection, uint32_t partition,
                         uint16_t log, uint64_t node)
{
    iso_rows_prefix(key, collection, partition);
    iso_buf_add_u16(key, log);
    iso_buf_add_u64(key, node);
}

void iso_rows_key_bucket(struct iso_buf *key, uint16_t collection, uint32_t partition,
                         uint32_t bucket)
{
    iso_rows_prefix(key, collection, partition);
    iso_buf_add_u32(key, bucket);
}

void iso_rows_key_mortal(struct iso_buf *key, uint16_t collection, uint32_t partition,
                         uint32_t bucket, struct iso_bytes entry_key)
{
    iso_rows_key_bucket(key, collection, partition, bucket);
    iso_buf_add_bytes(key, entry_key);
}

void iso_rows_key_outbox(struct iso_buf *key, uint16_t collection, uint32_t partition,
                         uint16_t log, int64_t offset)
{
    iso_rows_prefix(key, collection, partition);
    iso_buf_add_u16(key, log);
    iso_buf_add_u64(key, (uint64_t)offset);
}

static void check_add(struct iso_buf *value)
{
    iso_buf_add_u64(value, iso_hash64(iso_buf_bytes(value), CHECK_SEED));
}

static bool check_holds(struct iso_bytes value)
{
    if (value.size < CHECK_SIZE)
        return false;
    size_t size = value.size - CHECK_SIZE;
    return iso_get_u64(value.data + size) ==
           iso_hash64(iso_bytes(value.data, size), CHECK_SEED);
}

void iso_rows_encode_store(const struct iso_rows_store *store, struct iso_buf *value)
{
    size_t length = strlen(store->region);
    iso_assert(length >= 1 && length <= ISO_REGION_NAME_MAX);
    iso_buf_clear(value);
    iso_buf_add_u8(value, STORE_FORMAT);
    iso_buf_add_u8(value, store->region_number);
    iso_buf_add_u16(value, store->shard);
    iso_buf_add_u16(value, store->shards);
    iso_buf_add_u8(value, (uint8_t)length);
    iso_buf_add(value, store->region, length);
    check_add(value);
}

enum iso_err iso_rows_decode_store(struct iso_bytes value, struct iso_rows_store *store,
                                   struct iso_why *why)
{
    *store = (struct iso_rows_store){0};
    bool good = check_holds(value) && value.size >= STORE_FIXED + CHECK_SIZE;
    if (good && value.data[0] != STORE_FORMAT)
        return iso_fail(why, ISO_STORE_MISMATCH,
                        "the store has format %u, this software reads %d: upgrade it",
                        value.data[0], STORE_FORMAT);
    size_t length = good ? value.data[6] : 0;
    good = good && length >= 1 && length <= ISO_REGION_NAME_MAX &&
           value.size == STORE_FIXED + length + CHECK_SIZE;
    if (!good)
        return iso_fail(
            why, ISO_DAMAGED,
            "the row that says whose store this is fails its check: move the "
            "store away and let the region read its logs, or be seeded, anew");
    store->region_number = value.data[1];
    store->shard = iso_get_u16(value.data + 2);
    store->shards = iso_get_u16(value.data + 4);
    memcpy(store->region, value.data + STORE_FIXED, length);
    return ISO_OK;
}

void iso_rows_encode_collection(const struct iso_rows_collection *row,
                                struct iso_buf *value)
{
    iso_buf_clear(value);
    iso_buf_add_u16(value, row->number);
    iso_buf_add(value, row->id, ID_SIZE);
    check_add(value);
}

enum iso_err iso_rows_decode_collection(struct iso_bytes value,
                                        struct iso_rows_collection *row,
                                        struct iso_why *why)
{
    *row = (struct iso_rows_collection){0};
    if (value.size != COLLECTION_SIZE || !check_holds(value))
        return iso_fail(
            why, ISO_DAMAGED,
            "the store's row of a collection fails its check: move the store "
            "away and let the region read its logs, or be seeded, anew");
    row->number = iso_get_u16(value.data);
    memcpy(row->id, value.data + 2, ID_SIZE);
    return ISO_OK;
}

void iso_rows_encode_diverged(const struct iso_diverged *diverged,
                              struct iso_buf *value)
{
    iso_buf_clear(value);
    iso_buf_add_u16(value, diverged->log);
    iso_buf_add_u64(value, (uint64_t)diverged->equal);
    iso_buf_add_u64(value, (uint64_t)diverged->differs);
    check_add(value);
}

enum iso_err iso_rows_decode_diverged(struct iso_bytes value,
                                      struct iso_diverged *diverged,
                                      struct iso_why *why)
{
    *diverged = (struct iso_diverged){0};
    if (!check_holds(value) || value.size != DIVERGED_SIZE)
        return iso_fail(why, ISO_DAMAGED,
                        "the row that says why a slice stays stopped fails its check: "
                        "move the store away and let the region read its logs anew");
    diverged->log = iso_get_u16(value.data);
    diverged->equal = (int64_t)iso_get_u64(value.data + 2);
    diverged->differs = (int64_t)iso_get_u64(value.data + 10);
    return ISO_OK;
}
