/* avro.h - Avro's binary encoding: bounded reading, writing, and the gate.
 *
 * avro-c is unsafe on hostile bytes (a five-byte datum can cost gigabytes), so nothing
 * reaches it unchecked: iso_avro_check (the walk) goes through a datum against its
 * schema without allocating, within limits of depth, items and lengths, and refuses
 * what is not exactly one datum. avro.c is the only file that speaks to avro-c.
 *
 * Format: the Apache Avro specification 1.11, "Binary Encoding".
 */
#ifndef ISO_SCHEMA_AVRO_H
#define ISO_SCHEMA_AVRO_H

#include "base/bytes.h"
#include "base/err.h"

enum { ISO_AVRO_DEPTH_MAX = 64, ISO_AVRO_ITEMS_MAX = 65536 };

/* Reading: a place in borrowed bytes. Once a read fails, `failed` stays set and
 * every further read answers zero or empty, so a decoder checks once, at its end. */
struct iso_avro_cursor {
    const uint8_t *at, *end;
    bool failed;
};

struct iso_avro_cursor iso_avro_read(struct iso_bytes bytes);
int64_t iso_avro_long(struct iso_avro_cursor *cursor); /* zigzag, at most 10 bytes */
int32_t iso_avro_int(struct iso_avro_cursor *cursor);
bool iso_avro_boolean(struct iso_avro_cursor *cursor);           /* 00 or 01 */
struct iso_bytes iso_avro_bytes(struct iso_avro_cursor *cursor); /* also string */
/* NULL when so many are not left. */
const uint8_t *iso_avro_fixed(struct iso_avro_cursor *cursor, size_t size);
/* The branch of a union or the position of an enum, 0 ≤ n < count. */
int iso_avro_branch(struct iso_avro_cursor *cursor, int count);
/* Items in the next block of an array or map: 0 ends it. A negative count's size is
 * checked against what is left. More than `items_left` fails. */
size_t iso_avro_block(struct iso_avro_cursor *cursor, size_t items_left);
/* The same; *end is where a block that says its size must end, else NULL. */
size_t iso_avro_block_sized(struct iso_avro_cursor *cursor, size_t items_left,
                            const uint8_t **end);
/* A decoder found a value that it cannot take: as if the read had failed. */
void iso_avro_fail(struct iso_avro_cursor *cursor);
/* True when nothing failed and nothing is left. */
bool iso_avro_done(const struct iso_avro_cursor *cursor);

/* Writing. */
enum { ISO_AVRO_LONG_MAX = 10 }; /* bytes */
/* Writes where the caller has made room for ISO_AVRO_LONG_MAX; says where it ended. */
static inline uint8_t *iso_avro_put_long(uint8_t *at, int64_t value)
{
    uint64_t zigzag = (uint64_t)value << 1 ^ (0 - (uint64_t)(value < 0));
    for (; zigzag > 0x7f; zigzag >>= 7)
        *at++ = (uint8_t)(zigzag | 0x80);
    *at++ = (uint8_t)zigzag;
    return at;
}
void iso_avro_add_long(struct iso_buf *buf, int64_t value); /* also int, enum, branch */
void iso_avro_add_bytes(struct iso_buf *buf, struct iso_bytes bytes);
void iso_avro_add_text(struct iso_buf *buf, const char *text);

struct iso_avro; /* a parsed schema; immutable, any thread */

/* Parses schema JSON of at most 1 MiB. Defaults are checked against their types (a
 * union's against its branches, the first that takes it) and aliases for their form.
 * ISO_BAD_DATA names the place and the reason. */
enum iso_err iso_avro_parse(struct iso_bytes json, struct iso_avro **schema,
                            struct iso_why *why);
void iso_avro_free(struct iso_avro *schema);

/* From now on jansson, which reads the JSON, takes its memory from base/mem.h: want of
 * it ends the process, as it does everywhere else. Else a schema could be one that
 * "does not parse" for want of memory, and its values be refused in one region alone;
 * so who judges records calls this before the first schema and the first thread. It is
 * jansson's for the whole process: not for a library in somebody's service. */
void iso_avro_memory_ours(void);

/* Exactly one datum of `schema`: no more, no less. Texts and keys of maps are UTF-8; a
 * block that says its size has it. At most ISO_AVRO_DEPTH_MAX records, arrays and maps
 * are in each other, at most ISO_AVRO_ITEMS_MAX items in all arrays and maps together.
 * It takes at most 2^17 steps and 8 for each byte (avro_walk.h; ordinary data take one
 * to three a byte): what asks for more, by values that take no bytes, is refused.
 * Allocates nothing. ISO_BAD_DATA names the offset and the field. */
enum iso_err iso_avro_check(const struct iso_avro *schema, struct iso_bytes datum,
                            struct iso_why *why);

/* The datum in Avro's JSON encoding, after the check: appends. Numbers are as short as
 * they can be and come back; of a key that a map has twice the last value stands. For
 * people, not for a hot path: avro-c decodes it, under one lock. */
enum iso_err iso_avro_to_json(const struct iso_avro *schema, struct iso_bytes datum,
                              struct iso_buf *json, struct iso_why *why);

/* And back: appends one datum. A union's value is null or {"branch": value}, the branch
 * named by its type, a named type by its full name; bytes and fixed are strings with
 * one character U+0000..U+00FF for each byte; NaN, Infinity and -Infinity are strings.
 * A field that is left out takes its default when it has one. At most 16 MiB of JSON,
 * the walk's limits and ISO_VALUE_MAX bytes. A map's key has no NUL: jansson does not
 * read such. ISO_BAD_DATA names the field, what stands there and what is wanted; the
 * buffer is then as it was. (Specification: "JSON Encoding".) */
enum iso_err iso_avro_from_json(const struct iso_avro *schema, struct iso_bytes json,
                                struct iso_buf *datum, struct iso_why *why);

/* The schema's Parsing Canonical Form: appends (specification: "Parsing Canonical Form
 * for Schemas"). */
void iso_avro_canonical(const struct iso_avro *schema, struct iso_buf *text);

/* CRC-64-AVRO of the canonical form, little-endian as it travels in single-object
 * encoding: what names a schema. */
enum { ISO_FINGERPRINT_SIZE = 8 };
void iso_avro_fingerprint(const struct iso_avro *schema,
                          uint8_t fingerprint[ISO_FINGERPRINT_SIZE]);
uint64_t iso_avro_crc64(struct iso_bytes bytes);

/* Our own schemas, as they stand in the .avsc files: parsed once, kept for ever; any
 * thread. */
enum iso_avsc {
    ISO_AVSC_WRITE,
    ISO_AVSC_COLLECTION,
    ISO_AVSC_REGION,
    ISO_AVSC_REPORT,
    ISO_AVSC_DEAD_LETTER,
    ISO_AVSC_PATCH,
    ISO_AVSC_HEALTH,
    ISO_AVSC_COUNT
};
struct iso_bytes iso_avsc_json(enum iso_avsc avsc);
const struct iso_avro *iso_avsc(enum iso_avsc avsc);

#endif
