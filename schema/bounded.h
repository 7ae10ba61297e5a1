/* bounded.h - reading the records of our own schemas: numbers within ranges, lists
 * within lengths, text that is text, and the extensions of a newer version.
 *
 * All of it goes through an iso_avro_cursor (avro.h) and fails as that does: what was
 * read is zero, everything after it too, and the decoder asks once, at its end. So a
 * decoder refuses whatever the walk of iso_avro_check refuses.
 */
#ifndef ISO_SCHEMA_BOUNDED_H
#define ISO_SCHEMA_BOUNDED_H

#include "schema/avro.h"
#include "schema/digest.h"

/* Makes the cursor fail: what was read breaks a rule that Avro does not know. */
void iso_bounded_fail(struct iso_avro_cursor *cursor);

/* A long or int with min ≤ value ≤ max; `min` after a failure. */
int64_t iso_bounded_long(struct iso_avro_cursor *cursor, int64_t min, int64_t max);
uint64_t
iso_bounded_count(struct iso_avro_cursor *cursor); /* a long that is not negative */

/* Text of fewer than `room` bytes, without NUL, into `text`, terminated. */
void iso_bounded_text(struct iso_avro_cursor *cursor, char *text, size_t room);
/* The same, owned by the caller (iso_free); NULL after a failure. */
char *iso_bounded_text_new(struct iso_avro_cursor *cursor, size_t size_max);
/* Text that stays where it is. */
struct iso_bytes iso_bounded_string(struct iso_avro_cursor *cursor, size_t size_max);

/* Fixed parts: bytes, a big-endian word, a digest. */
void iso_bounded_fixed(struct iso_avro_cursor *cursor, uint8_t *into, size_t size);
uint64_t iso_bounded_word(struct iso_avro_cursor *cursor);
struct iso_digest iso_bounded_digest(struct iso_avro_cursor *cursor);
void iso_bounded_add_digest(struct iso_buf *buf, struct iso_digest digest);

/* Text as Avro wants it: what is not UTF-8 (a sentence that was cut) becomes `?`. */
void iso_bounded_add_text(struct iso_buf *buf, struct iso_bytes text);

/* The items of an array, in however many blocks:
 *     struct iso_list list = iso_list(64);
 *     while (iso_list_next(cursor, &list)) … read one item …
 * More than `items_max`, or a block of another size than it says, fails. */
struct iso_list {
    size_t in_block, items_left;
    const uint8_t *block_end; /* NULL: the block does not say */
};
struct iso_list iso_list(size_t items_max);
bool iso_list_next(struct iso_avro_cursor *cursor, struct iso_list *list);

/* An array of extensions, for a record that knows some of them:
 *     struct iso_extensions extensions = iso_extensions();
 *     while (iso_extensions_next(cursor, &extensions))
 *         … take extensions.number and .bytes, or iso_extensions_pass(&extensions) …
 * What was passed over and has an odd number may not be ignored: the smallest of these
 * stands in `unknown` at the end; 0: there is none, or the cursor failed. */
struct iso_extensions {
    struct iso_list list;
    uint32_t number;
    struct iso_bytes bytes; /* borrowed */
    uint32_t unknown;
};
struct iso_extensions iso_extensions(void);
bool iso_extensions_next(struct iso_avro_cursor *cursor,
                         struct iso_extensions *extensions);
void iso_extensions_pass(struct iso_extensions *extensions);

/* The same for a record that knows none: says `unknown`. */
uint32_t iso_bounded_extensions(struct iso_avro_cursor *cursor);
void iso_bounded_add_no_extensions(struct iso_buf *buf);

#endif
