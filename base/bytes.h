/* bytes.h - borrowed bytes, owned buffers, and the few encodings everyone shares.
 *
 * `struct iso_bytes` is borrowed: whoever made it keeps the memory, and says how long
 * it lives. `struct iso_buf` is owned by whoever holds the struct. So the type says who
 * frees. Both are empty when zero; release may be called twice.
 */
#ifndef ISO_BASE_BYTES_H
#define ISO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct iso_bytes {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;
};

struct iso_buf {
    uint8_t *data;
    size_t size; /* bytes in use */
    size_t room; /* bytes allocated */
};

static inline struct iso_bytes iso_bytes(const void *data, size_t size)
{
    return (struct iso_bytes){.data = data, .size = size};
}

static inline struct iso_bytes iso_bytes_text(const char *text)
{
    return (struct iso_bytes){.data = (const uint8_t *)text, .size = strlen(text)};
}

static inline struct iso_bytes iso_buf_bytes(const struct iso_buf *buf)
{
    return (struct iso_bytes){.data = buf->data, .size = buf->size};
}

bool iso_bytes_equal(struct iso_bytes a, struct iso_bytes b);

/* As memcmp, the shorter of two with a common prefix first: <0, 0, >0. */
int iso_bytes_compare(struct iso_bytes a, struct iso_bytes b);

/* True when `bytes` begins with `prefix`. */
bool iso_bytes_begins(struct iso_bytes bytes, struct iso_bytes prefix);

/* Owned buffers. What grows a buffer never fails to the caller: out of memory ends in
 * iso_mem's handler (see mem.h). Capacity doubles, so n appends cost O(n). */
void iso_buf_release(struct iso_buf *buf);
void iso_buf_clear(struct iso_buf *buf); /* size = 0, room stays */
void iso_buf_reserve(struct iso_buf *buf, size_t more);
void iso_buf_add(struct iso_buf *buf, const void *data, size_t size);
void iso_buf_add_bytes(struct iso_buf *buf, struct iso_bytes bytes);
/* Numbers are big-endian. */
void iso_buf_add_u8(struct iso_buf *buf, uint8_t value);
void iso_buf_add_u16(struct iso_buf *buf, uint16_t value);
void iso_buf_add_u32(struct iso_buf *buf, uint32_t value);
void iso_buf_add_u64(struct iso_buf *buf, uint64_t value);
void iso_buf_print(struct iso_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The buffer as a C string: a NUL stands behind the last byte and is not counted. */
const char *iso_buf_text(struct iso_buf *buf);

/* Big-endian numbers in memory. */
static inline void iso_put_u16(uint8_t *at, uint16_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}
static inline void iso_put_u32(uint8_t *at, uint32_t v)
{
    iso_put_u16(at, (uint16_t)(v >> 16));
    iso_put_u16(at + 2, (uint16_t)v);
}
static inline void iso_put_u64(uint8_t *at, uint64_t v)
{
    iso_put_u32(at, (uint32_t)(v >> 32));
    iso_put_u32(at + 4, (uint32_t)v);
}
static inline uint16_t iso_get_u16(const uint8_t *at)
{
    return (uint16_t)((uint16_t)(at[0] << 8) | at[1]);
}
static inline uint32_t iso_get_u32(const uint8_t *at)
{
    return (uint32_t)iso_get_u16(at) << 16 | iso_get_u16(at + 2);
}
static inline uint64_t iso_get_u64(const uint8_t *at)
{
    return (uint64_t)iso_get_u32(at) << 32 | iso_get_u32(at + 4);
}

/* Lower-case hexadecimal digits, two a byte, appended to `buf`. */
void iso_hex_encode(struct iso_buf *buf, struct iso_bytes bytes);

/* Exactly 2 × size hexadecimal digits into `data`; false when `text` is not that. */
bool iso_hex_decode(struct iso_bytes text, uint8_t *data, size_t size);

/* The export form: bytes 20..7E but `\` as they are, others as \xHH (lower case). */
void iso_escape(struct iso_buf *buf, struct iso_bytes bytes);

/* Undoes iso_escape; false when `text` is not its output. */
bool iso_unescape(struct iso_buf *buf, struct iso_bytes text);

/* base64url without padding (RFC 4648, section 5). */
void iso_base64_encode(struct iso_buf *buf, struct iso_bytes bytes);
bool iso_base64_decode(struct iso_buf *buf, struct iso_bytes text);

#endif
