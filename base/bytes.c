/* Growth doubles and is checked, so a size can never wrap. The decoders build into the
 * caller's buffer and take back what they added when the text turns out to be wrong. */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"

/* Anything larger is our own mistake: all that comes from outside has a smaller limit.
 */
#define BUF_MAX (SIZE_MAX / 4)
#define BUF_FIRST 64

bool iso_bytes_equal(struct iso_bytes a, struct iso_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int iso_bytes_compare(struct iso_bytes a, struct iso_bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

bool iso_bytes_begins(struct iso_bytes bytes, struct iso_bytes prefix)
{
    return bytes.size >= prefix.size &&
           iso_bytes_equal(iso_bytes(bytes.data, prefix.size), prefix);
}

void iso_buf_release(struct iso_buf *buf)
{
    iso_free(buf->data);
    *buf = (struct iso_buf){0};
}

void iso_buf_clear(struct iso_buf *buf)
{
    buf->size = 0;
}

void iso_buf_reserve(struct iso_buf *buf, size_t more)
{
    iso_assert(more <= BUF_MAX && buf->size <= BUF_MAX);
    size_t want = buf->size + more;
    if (want <= buf->room)
        return;
    size_t room = buf->room < BUF_FIRST ? BUF_FIRST : buf->room * 2;
    if (room < want)
        room = want;
    buf->data = iso_realloc(buf->data, room);
    buf->room = room;
}

void iso_buf_add(struct iso_buf *buf, const void *data, size_t size)
{
    if (size == 0)
        return;
    iso_buf_reserve(buf, size);
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
}

void iso_buf_add_bytes(struct iso_buf *buf, struct iso_bytes bytes)
{
    iso_buf_add(buf, bytes.data, bytes.size);
}

void iso_buf_add_u8(struct iso_buf *buf, uint8_t value)
{
    iso_buf_add(buf, &value, 1);
}

void iso_buf_add_u16(struct iso_buf *buf, uint16_t value)
{
    uint8_t bytes[2];
    iso_put_u16(bytes, value);
    iso_buf_add(buf, bytes, sizeof bytes);
}

void iso_buf_add_u32(struct iso_buf *buf, uint32_t value)
{
    uint8_t bytes[4];
    iso_put_u32(bytes, value);
    iso_buf_add(buf, bytes, sizeof bytes);
}

void iso_buf_add_u64(struct iso_buf *buf, uint64_t value)
{
    uint8_t bytes[8];
    iso_put_u64(bytes, value);
    iso_buf_add(buf, bytes, sizeof bytes);
}

void iso_buf_print(struct iso_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    iso_assert(length >= 0);
    size_t size = (size_t)length;
    iso_buf_reserve(buf, size + 1);
    vsnprintf((char *)buf->data + buf->size, size + 1, format, again);
    va_end(again);
    buf->size += size;
}

const char *iso_buf_text(struct iso_buf *buf)
{
    iso_buf_reserve(buf, 1);
    buf->data[buf->size] = '\0';
    return (const char *)buf->data;
}

static const char hex_digits[] = "0123456789abcdef";

/* 0..15, or -1. Upper case counts only when `upper`. */
static int hex_value(uint8_t digit, bool upper)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (upper && digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

void iso_hex_encode(struct iso_buf *buf, struct iso_bytes bytes)
{
    iso_buf_reserve(buf, bytes.size * 2);
    for (size_t i = 0; i < bytes.size; i++) {
        buf->data[buf->size++] = (uint8_t)hex_digits[bytes.data[i] >> 4];
        buf->data[buf->size++] = (uint8_t)hex_digits[bytes.data[i] & 15];
    }
}

bool iso_hex_decode(struct iso_bytes text, uint8_t *data, size_t size)
{
    if (size > BUF_MAX || text.size != size * 2)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text.data[2 * i], true);
        int low = hex_value(text.data[2 * i + 1], true);
        if (high < 0 || low < 0)
            return false;
        data[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool escape_is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte <= 0x7e && byte != '\\';
}

void iso_escape(struct iso_buf *buf, struct iso_bytes bytes)
{
    iso_buf_reserve(buf, bytes.size);
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        if (escape_is_plain(byte)) {
            iso_buf_add_u8(buf, byte);
            continue;
        }
        char coded[4] = {'\\', 'x', hex_digits[byte >> 4], hex_digits[byte & 15]};
        iso_buf_add(buf, coded, sizeof coded);
    }
}

/* The byte that the escape at `at` stands for, or -1 when iso_escape writes no such. */
static int escape_value(const uint8_t *at, size_t rest)
{
    if (rest < 4 || at[0] != '\\' || at[1] != 'x')
        return -1;
    int high = hex_value(at[2], false);
    int low = hex_value(at[3], false);
    if (high < 0 || low < 0 || escape_is_plain((uint8_t)(high << 4 | low)))
        return -1;
    return high << 4 | low;
}

bool iso_unescape(struct iso_buf *buf, struct iso_bytes text)
{
    size_t before = buf->size;
    iso_buf_reserve(buf, text.size);
    for (size_t i = 0; i < text.size;) {
        if (escape_is_plain(text.data[i])) {
            iso_buf_add_u8(buf, text.data[i++]);
            continue;
        }
        int value = escape_value(text.data + i, text.size - i);
        if (value < 0) {
            buf->size = before;
            return false;
        }
        iso_buf_add_u8(buf, (uint8_t)value);
        i += 4;
    }
    return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int base64_value(uint8_t digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    if (digit == '-')
        return 62;
    return digit == '_' ? 63 : -1;
}

void iso_base64_encode(struct iso_buf *buf, struct iso_bytes bytes)
{
    iso_buf_reserve(buf, bytes.size / 3 * 4 + 3);
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        held = held << 8 | bytes.data[i];
        for (bits += 8; bits >= 6; bits -= 6)
            iso_buf_add_u8(buf, (uint8_t)base64_digits[held >> (bits - 6) & 63]);
    }
    if (bits > 0)
        iso_buf_add_u8(buf, (uint8_t)base64_digits[held << (6 - bits) & 63]);
}

bool iso_base64_decode(struct iso_buf *buf, struct iso_bytes text)
{
    size_t before = buf->size;
    iso_buf_reserve(buf, text.size);
    uint32_t held = 0;
    unsigned bits = 0;
    bool good = text.size % 4 != 1;
    for (size_t i = 0; good && i < text.size; i++) {
        int value = base64_value(text.data[i]);
        good = value >= 0;
        held = held << 6 | (uint32_t)(value & 63);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            iso_buf_add_u8(buf, (uint8_t)(held >> bits));
        }
    }
    /* The bits that fill the last digit are zero: so every byte string has one text. */
    good = good && (held & ((1u << bits) - 1)) == 0;
    if (!good)
        buf->size = before;
    return good;
}
