/* Every read first asks whether enough bytes are left, and a failure empties the cursor
 * (at = end), so a decoder that forgets to look at `failed` can only read zeros, and a
 * loop over blocks ends at once. Nothing here allocates but the writers' buffer. */
#include "schema/avro.h"

#include <string.h>

struct iso_avro_cursor iso_avro_read(struct iso_bytes bytes)
{
    /* Not `data + size` of a NULL: that is undefined even for size 0. */
    const uint8_t *end = bytes.size > 0 ? bytes.data + bytes.size : bytes.data;
    return (struct iso_avro_cursor){.at = bytes.data, .end = end};
}

static size_t cursor_left(const struct iso_avro_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

void iso_avro_fail(struct iso_avro_cursor *cursor)
{
    cursor->failed = true;
    cursor->end = cursor->at; /* `at` stays where it went wrong: for the sentence */
}

int64_t iso_avro_long(struct iso_avro_cursor *cursor)
{
    const uint8_t *start = cursor->at;
    uint64_t zigzag = 0;
    size_t left = cursor_left(cursor);
    for (size_t i = 0; i < left && i < ISO_AVRO_LONG_MAX; i++) {
        uint8_t byte = start[i];
        /* Of the tenth byte only one bit fits into 64. */
        if (i == ISO_AVRO_LONG_MAX - 1 && byte > 1)
            break;
        zigzag |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            cursor->at = start + i + 1;
            return (int64_t)(zigzag >> 1 ^ (0 - (zigzag & 1)));
        }
    }
    iso_avro_fail(cursor);
    return 0;
}

int32_t iso_avro_int(struct iso_avro_cursor *cursor)
{
    struct iso_avro_cursor before = *cursor;
    int64_t value = iso_avro_long(cursor);
    if (value >= INT32_MIN && value <= INT32_MAX)
        return (int32_t)value;
    *cursor = before;
    iso_avro_fail(cursor);
    return 0;
}

bool iso_avro_boolean(struct iso_avro_cursor *cursor)
{
    if (cursor_left(cursor) > 0 && cursor->at[0] <= 1)
        return *cursor->at++ == 1;
    iso_avro_fail(cursor);
    return false;
}

struct iso_bytes iso_avro_bytes(struct iso_avro_cursor *cursor)
{
    struct iso_avro_cursor before = *cursor;
    int64_t size = iso_avro_long(cursor);
    if (size < 0 || (uint64_t)size > cursor_left(cursor)) {
        *cursor = before;
        iso_avro_fail(cursor);
    }
    if (cursor->failed)
        return (struct iso_bytes){0};
    struct iso_bytes bytes = {.data = cursor->at, .size = (size_t)size};
    cursor->at += bytes.size;
    return bytes;
}

const uint8_t *iso_avro_fixed(struct iso_avro_cursor *cursor, size_t size)
{
    if (cursor->failed || size > cursor_left(cursor)) {
        iso_avro_fail(cursor);
        return NULL;
    }
    const uint8_t *data = cursor->at;
    if (size > 0)
        cursor->at += size;
    return data;
}

int iso_avro_branch(struct iso_avro_cursor *cursor, int count)
{
    struct iso_avro_cursor before = *cursor;
    int64_t branch = iso_avro_long(cursor);
    if (branch >= 0 && branch < count)
        return (int)branch;
    *cursor = before;
    iso_avro_fail(cursor);
    return 0;
}

size_t iso_avro_block(struct iso_avro_cursor *cursor, size_t items_left)
{
    const uint8_t *end;
    return iso_avro_block_sized(cursor, items_left, &end);
}

size_t iso_avro_block_sized(struct iso_avro_cursor *cursor, size_t items_left,
                            const uint8_t **end)
{
    struct iso_avro_cursor before = *cursor;
    int64_t count = iso_avro_long(cursor);
    /* Negated without a sign: INT64_MIN has no positive counterpart. */
    uint64_t items = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    int64_t size = count < 0 ? iso_avro_long(cursor) : 0;
    if (items > items_left || size < 0 || (uint64_t)size > cursor_left(cursor)) {
        *cursor = before;
        iso_avro_fail(cursor);
    }
    if (cursor->failed)
        items = 0;
    *end = items > 0 && count < 0 ? cursor->at + size : NULL;
    return (size_t)items;
}

bool iso_avro_done(const struct iso_avro_cursor *cursor)
{
    return !cursor->failed && cursor->at == cursor->end;
}

void iso_avro_add_long(struct iso_buf *buf, int64_t value)
{
    iso_buf_reserve(buf, ISO_AVRO_LONG_MAX);
    uint8_t *end = iso_avro_put_long(buf->data + buf->size, value);
    buf->size = (size_t)(end - buf->data);
}

void iso_avro_add_bytes(struct iso_buf *buf, struct iso_bytes bytes)
{
    iso_avro_add_long(buf, (int64_t)bytes.size);
    iso_buf_add_bytes(buf, bytes);
}

void iso_avro_add_text(struct iso_buf *buf, const char *text)
{
    iso_avro_add_bytes(buf, iso_bytes_text(text));
}
