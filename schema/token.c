/* A token is a sorted array of named numbers; every operation is a walk over one or two
 * of them. In bytes the items of a log stand behind its name.
 *
 * Whoever held a token may have changed it, so decoding bounds everything: counts by
 * the bytes that are there, numbers by what they can be, names by their order, which
 * also makes the form unique. It fails with one sentence, since nobody can do anything
 * about the particulars. Merging fails when there are too many names. */
#include "schema/token.h"

#include "base/mem.h"

enum {
    TOKEN_VERSION = 1,
    TOKEN_HEAD_SIZE = 1 + 8 + 2,
    TOKEN_CHECK_SIZE = 4,
    TOKEN_PENDING = 0x8000, /* beside the partition */
};

void iso_token_release(struct iso_token *token)
{
    iso_free(token->items);
    *token = (struct iso_token){0};
}

void iso_token_clear(struct iso_token *token)
{
    token->hlc = 0;
    token->count = 0;
}

/* ---- order ---- */

static int number_order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int log_order(const struct iso_token_log *a, const struct iso_token_log *b)
{
    int order = strcmp(a->collection, b->collection);
    if (order == 0)
        order = number_order(a->number, b->number);
    return order != 0 ? order : number_order(a->birth, b->birth);
}

/* By name: the value is not part of it. */
static int item_order(const struct iso_token_item *a, const struct iso_token_item *b)
{
    int order = log_order(&a->log, &b->log);
    if (order == 0)
        order = number_order(a->partition, b->partition);
    if (order == 0)
        order = number_order(a->node, b->node);
    return order != 0 ? order : number_order(a->seq, b->seq);
}

/* ---- growing ---- */

static void reserve(struct iso_token *token, size_t room)
{
    if (room <= token->room)
        return;
    token->room = room < 2 * token->room ? 2 * token->room : room;
    token->items = iso_realloc(token->items, token->room * sizeof *token->items);
}

/* Behind the last, whose name is smaller. */
static void append(struct iso_token *token, const struct iso_token_item *item)
{
    reserve(token, token->count + 1);
    token->items[token->count++] = *item;
}

static enum iso_err no_room(struct iso_why *why)
{
    return iso_fail(why, ISO_TOO_LARGE,
                    "the session's token has no room for more than %d places and "
                    "writes: begin a new session, with the token of one read or write",
                    ISO_TOKEN_ITEMS_MAX);
}

/* Where the item stands, or would. */
static size_t find(const struct iso_token *token, const struct iso_token_item *item,
                   bool *found)
{
    size_t low = 0, high = token->count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = item_order(&token->items[middle], item);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *found ? high : low;
}

enum iso_err iso_token_add(struct iso_token *token, const struct iso_token_item *item,
                           struct iso_why *why)
{
    bool found;
    size_t at = find(token, item, &found);
    if (found) {
        if (token->items[at].value < item->value)
            token->items[at].value = item->value;
        return ISO_OK;
    }
    if (token->count >= ISO_TOKEN_ITEMS_MAX)
        return no_room(why);
    reserve(token, token->count + 1);
    struct iso_token_item *place = token->items + at;
    memmove(place + 1, place, (token->count - at) * sizeof *place);
    *place = *item;
    token->count++;
    return ISO_OK;
}

void iso_token_remove(struct iso_token *token, const struct iso_token_item *item)
{
    bool found;
    size_t at = find(token, item, &found);
    if (!found)
        return;
    struct iso_token_item *place = token->items + at;
    token->count--;
    memmove(place, place + 1, (token->count - at) * sizeof *place);
}

enum iso_err iso_token_merge(struct iso_token *token, const struct iso_token *other,
                             struct iso_why *why)
{
    struct iso_token merged = {.hlc = token->hlc};
    iso_token_observe(&merged, other->hlc);
    reserve(&merged, token->count + other->count);
    for (size_t i = 0, j = 0; i < token->count || j < other->count;) {
        int order = i == token->count ? 1
                    : j == other->count
                        ? -1
                        : item_order(&token->items[i], &other->items[j]);
        bool other_counts =
            order > 0 || (order == 0 && other->items[j].value > token->items[i].value);
        append(&merged, other_counts ? &other->items[j] : &token->items[i]);
        i += order <= 0;
        j += order >= 0;
    }
    if (merged.count > ISO_TOKEN_ITEMS_MAX) {
        iso_token_release(&merged);
        return no_room(why);
    }
    iso_free(token->items);
    *token = merged;
    return ISO_OK;
}

/* ---- bytes ---- */

/* CRC32C (Castagnoli; RFC 3720, appendix B.4), half a byte at a time. */
static uint32_t crc32c(struct iso_bytes bytes)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* How many items from `at` on are of its log. */
static size_t log_items(const struct iso_token *token, size_t at)
{
    size_t end = at;
    while (end < token->count &&
           log_order(&token->items[end].log, &token->items[at].log) == 0)
        end++;
    return end - at;
}

static void item_encode(const struct iso_token_item *item, struct iso_buf *out)
{
    bool pending = item->seq > 0;
    iso_buf_add_u16(out, (uint16_t)(item->partition | (pending ? TOKEN_PENDING : 0)));
    if (pending) {
        iso_buf_add_u64(out, item->node);
        iso_buf_add_u64(out, item->seq);
    }
    iso_buf_add_u64(out, item->value);
}

void iso_token_encode(const struct iso_token *token, struct iso_buf *out)
{
    size_t begin = out->size, logs = 0;
    for (size_t at = 0; at < token->count; at += log_items(token, at))
        logs++;
    iso_buf_add_u8(out, TOKEN_VERSION);
    iso_buf_add_u64(out, token->hlc);
    iso_buf_add_u16(out, (uint16_t)logs);
    for (size_t at = 0; at < token->count;) {
        const struct iso_token_log *log = &token->items[at].log;
        size_t count = log_items(token, at), length = strlen(log->collection);
        iso_buf_add_u8(out, (uint8_t)length);
        iso_buf_add(out, log->collection, length);
        iso_buf_add_u16(out, log->number);
        iso_buf_add_u64(out, log->birth);
        iso_buf_add_u16(out, (uint16_t)count);
        for (size_t end = at + count; at < end; at++)
            item_encode(&token->items[at], out);
    }
    iso_buf_add_u32(out, crc32c(iso_bytes(out->data + begin, out->size - begin)));
}

/* What is left to read; everything after a failure is zero. */
struct reading {
    struct iso_bytes rest;
    bool bad;
};

static const uint8_t *take(struct reading *reading, size_t size)
{
    static const uint8_t zeros[8];
    reading->bad = reading->bad || reading->rest.size < size;
    if (reading->bad)
        return zeros;
    const uint8_t *at = reading->rest.data;
    reading->rest = iso_bytes(at + size, reading->rest.size - size);
    return at;
}

static void log_decode(struct reading *reading, struct iso_token_log *log)
{
    size_t length = *take(reading, 1);
    reading->bad =
        reading->bad || length > ISO_COLLECTION_NAME_MAX || reading->rest.size < length;
    *log = (struct iso_token_log){0};
    if (reading->bad)
        return;
    memcpy(log->collection, take(reading, length), length);
    log->number = iso_get_u16(take(reading, 2));
    log->birth = iso_get_u64(take(reading, 8));
    reading->bad = reading->bad || strlen(log->collection) != length ||
                   !iso_collection_name_valid(log->collection) || log->number == 0 ||
                   log->number > ISO_LOG_MAX || log->birth == 0;
}

static void item_decode(struct reading *reading, struct iso_token_item *item)
{
    uint16_t partition = iso_get_u16(take(reading, 2));
    bool pending = (partition & TOKEN_PENDING) != 0;
    item->partition = partition & (TOKEN_PENDING - 1);
    item->node = pending ? iso_get_u64(take(reading, 8)) : 0;
    item->seq = pending ? iso_get_u64(take(reading, 8)) : 0;
    item->value = iso_get_u64(take(reading, 8));
    reading->bad = reading->bad || item->partition >= ISO_PARTITIONS_MAX ||
                   item->value == 0 || (pending && item->seq == 0) ||
                   (!pending && item->value > INT64_MAX);
}

static void items_decode(struct reading *reading, struct iso_token *token)
{
    struct iso_token_item item = {0};
    log_decode(reading, &item.log);
    size_t count = iso_get_u16(take(reading, 2));
    reading->bad = reading->bad || count == 0 ||
                   (token->count > 0 &&
                    log_order(&token->items[token->count - 1].log, &item.log) >= 0);
    for (size_t i = 0; i < count && !reading->bad; i++) {
        item_decode(reading, &item);
        reading->bad = reading->bad || token->count >= ISO_TOKEN_ITEMS_MAX ||
                       (token->count > 0 &&
                        item_order(&token->items[token->count - 1], &item) >= 0);
        if (!reading->bad)
            append(token, &item);
    }
}

static enum iso_err no_token(struct iso_why *why)
{
    return iso_fail(why, ISO_BAD_DATA,
                    "the token is none that this library made, or was changed or cut "
                    "on its way: pass on what a read or write gave, unchanged");
}

enum iso_err iso_token_decode(struct iso_bytes bytes, struct iso_token *token,
                              struct iso_why *why)
{
    iso_token_clear(token);
    if (bytes.size == 0)
        return ISO_OK;
    if (bytes.size < TOKEN_HEAD_SIZE + TOKEN_CHECK_SIZE ||
        bytes.size > ISO_TOKEN_SIZE_MAX)
        return no_token(why);
    size_t size = bytes.size - TOKEN_CHECK_SIZE;
    struct iso_bytes checked = iso_bytes(bytes.data, size);
    if (iso_get_u32(bytes.data + size) != crc32c(checked))
        return no_token(why);
    if (bytes.data[0] != TOKEN_VERSION)
        return iso_fail(why, ISO_UNSUPPORTED,
                        "the token is of version %u, which this software does not "
                        "know: update it, or begin a new session",
                        bytes.data[0]);
    struct reading reading = {.rest = iso_bytes(bytes.data + 1, size - 1)};
    token->hlc = iso_get_u64(take(&reading, 8));
    size_t logs = iso_get_u16(take(&reading, 2));
    for (size_t i = 0; i < logs && !reading.bad; i++)
        items_decode(&reading, token);
    if (!reading.bad && reading.rest.size == 0)
        return ISO_OK;
    iso_token_clear(token);
    return no_token(why);
}

/* ---- for who carries them ---- */

enum iso_err iso_token_join(struct iso_buf *token, struct iso_bytes other,
                            struct iso_why *why)
{
    struct iso_token one = {0}, two = {0};
    enum iso_err err = iso_token_decode(iso_buf_bytes(token), &one, why);
    if (err == ISO_OK)
        err = iso_token_decode(other, &two, why);
    if (err == ISO_OK)
        err = iso_token_merge(&one, &two, why);
    if (err == ISO_OK) {
        iso_buf_clear(token);
        iso_token_encode(&one, token);
    }
    iso_token_release(&one);
    iso_token_release(&two);
    return err;
}

enum iso_err iso_token_parse(struct iso_bytes text, struct iso_buf *token,
                             struct iso_why *why)
{
    struct iso_token decoded = {0};
    size_t begin = token->size;
    if (text.size > (size_t)ISO_TOKEN_SIZE_MAX * 2 || !iso_base64_decode(token, text))
        return no_token(why);
    struct iso_bytes bytes = iso_bytes(token->data + begin, token->size - begin);
    enum iso_err err = iso_token_decode(bytes, &decoded, why);
    iso_token_release(&decoded);
    if (err != ISO_OK)
        token->size = begin;
    return err;
}
