/* dead_letter.h - a record that was refused, with the reason and the remedy, as it
 * stands on `iso.dead-letter`: dead_letter.avsc. Key: TOPIC/PARTITION/OFFSET, so twice
 * is once.
 */
#ifndef ISO_SCHEMA_DEAD_LETTER_H
#define ISO_SCHEMA_DEAD_LETTER_H

#include "schema/write.h"

/* What is carried of value, and of key and header each: so that a letter always fits
 * into a message, whatever was refused. */
enum { ISO_DEAD_LETTER_VALUE_MAX = 900 << 10, ISO_DEAD_LETTER_PART_MAX = 64 << 10 };

struct iso_dead_letter { /* everything borrowed */
    struct iso_bytes collection, topic;
    uint32_t partition;
    int64_t offset, append_ms;
    struct iso_bytes error;  /* "ISO_REFUSED" */
    struct iso_bytes reason; /* a sentence with the remedy */
    bool has_key, has_value, has_header;
    struct iso_bytes key, value, header;
    bool key_cut, value_cut, header_cut; /* it was longer than what stands here */
};

void iso_dead_letter_key(const struct iso_dead_letter *letter, struct iso_buf *key);
/* Appends. Cuts what is too long, and says so in the letter. */
void iso_dead_letter_encode(const struct iso_dead_letter *letter,
                            struct iso_buf *value);
/* Into fields borrowed from `value`. ISO_BAD_DATA. */
enum iso_err iso_dead_letter_decode(struct iso_bytes value,
                                    struct iso_dead_letter *letter,
                                    struct iso_why *why);

#endif
