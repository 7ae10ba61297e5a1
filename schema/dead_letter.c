/* What was refused may be anything, so it is carried as bytes, cut where it would not
 * fit into a message, and never interpreted here. Only decoding can fail. */
#include "schema/dead_letter.h"

#include "schema/bounded.h"
#include "schema/definition.h"

enum { ERROR_MAX = 64, REASON_MAX = 4096 };

void iso_dead_letter_key(const struct iso_dead_letter *letter, struct iso_buf *key)
{
    iso_buf_add_bytes(key, letter->topic);
    iso_buf_print(key, "/%u/%lld", letter->partition, (long long)letter->offset);
}

static struct iso_bytes cut_to(struct iso_bytes text, size_t size_max)
{
    return iso_bytes(text.data, text.size < size_max ? text.size : size_max);
}

/* A part of the record: null or bytes, and whether it was longer. */
static void part_encode(struct iso_buf *out, bool has, struct iso_bytes part,
                        bool was_cut, size_t size_max)
{
    iso_avro_add_long(out, has);
    if (has)
        iso_avro_add_bytes(out, cut_to(part, size_max));
    iso_buf_add_u8(out, has && (was_cut || part.size > size_max));
}

void iso_dead_letter_encode(const struct iso_dead_letter *letter, struct iso_buf *value)
{
    iso_bounded_add_text(value, cut_to(letter->collection, ISO_COLLECTION_NAME_MAX));
    iso_bounded_add_text(value, cut_to(letter->topic, ISO_TOPIC_NAME_MAX));
    iso_avro_add_long(value, letter->partition);
    iso_avro_add_long(value, letter->offset);
    iso_avro_add_long(value, letter->append_ms);
    iso_bounded_add_text(value, cut_to(letter->error, ERROR_MAX));
    iso_bounded_add_text(value, cut_to(letter->reason, REASON_MAX));
    part_encode(value, letter->has_key, letter->key, letter->key_cut,
                ISO_DEAD_LETTER_PART_MAX);
    part_encode(value, letter->has_value, letter->value, letter->value_cut,
                ISO_DEAD_LETTER_VALUE_MAX);
    part_encode(value, letter->has_header, letter->header, letter->header_cut,
                ISO_DEAD_LETTER_PART_MAX);
    iso_bounded_add_no_extensions(value);
}

static void part_read(struct iso_avro_cursor *cursor, bool *has, struct iso_bytes *part,
                      bool *was_cut, size_t size_max)
{
    *has = iso_avro_branch(cursor, 2) == 1;
    if (*has)
        *part = iso_avro_bytes(cursor);
    *was_cut = iso_avro_boolean(cursor);
    if (part->size > size_max || (*was_cut && !*has))
        iso_bounded_fail(cursor);
}

static bool letter_read(struct iso_avro_cursor *cursor, struct iso_dead_letter *letter)
{
    letter->collection = iso_bounded_string(cursor, ISO_COLLECTION_NAME_MAX);
    letter->topic = iso_bounded_string(cursor, ISO_TOPIC_NAME_MAX);
    letter->partition = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
    letter->offset = iso_bounded_long(cursor, 0, INT64_MAX);
    letter->append_ms = iso_avro_long(cursor);
    letter->error = iso_bounded_string(cursor, ERROR_MAX);
    letter->reason = iso_bounded_string(cursor, REASON_MAX);
    part_read(cursor, &letter->has_key, &letter->key, &letter->key_cut,
              ISO_DEAD_LETTER_PART_MAX);
    part_read(cursor, &letter->has_value, &letter->value, &letter->value_cut,
              ISO_DEAD_LETTER_VALUE_MAX);
    part_read(cursor, &letter->has_header, &letter->header, &letter->header_cut,
              ISO_DEAD_LETTER_PART_MAX);
    bool known = iso_bounded_extensions(cursor) == 0;
    return known && iso_avro_done(cursor);
}

enum iso_err iso_dead_letter_decode(struct iso_bytes value,
                                    struct iso_dead_letter *letter, struct iso_why *why)
{
    struct iso_avro_cursor cursor = iso_avro_read(value);
    *letter = (struct iso_dead_letter){0};
    if (letter_read(&cursor, letter))
        return ISO_OK;
    *letter = (struct iso_dead_letter){0};
    return iso_fail(why, ISO_BAD_DATA,
                    "a dead letter of %zu bytes does not decode at its byte %zu: it is "
                    "damaged, or of a newer version of this software",
                    value.size, value.size == 0 ? 0 : (size_t)(cursor.at - value.data));
}
