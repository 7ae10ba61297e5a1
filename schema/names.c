/* Nothing is allocated for a count that the sender says: versions are borrowed, or were
 * there to be gathered. */
#include "schema/names.h"

/* The bytes of the next block; *count 0 ends the array. `most` × 16 does not wrap. */
static const uint8_t *block_read(struct iso_avro_cursor *cursor, size_t most,
                                 size_t *count)
{
    const uint8_t *end;
    *count = iso_avro_block_sized(cursor, most, &end);
    const uint8_t *data = iso_avro_fixed(cursor, *count * ISO_VERSION_SIZE);
    if (end != NULL && cursor->at != end)
        iso_avro_fail(cursor);
    if (cursor->failed)
        *count = 0;
    return data;
}

struct iso_names iso_names_read(struct iso_avro_cursor *cursor, size_t most,
                                struct iso_buf *gathered)
{
    struct iso_names names = {0};
    size_t count;
    iso_assert(most <= SIZE_MAX / ISO_VERSION_SIZE);
    names.data = block_read(cursor, most, &names.count);
    if (names.count == 0)
        return (struct iso_names){0};
    const uint8_t *more = block_read(cursor, most - names.count, &count);
    if (count == 0)
        return names;
    iso_buf_add(gathered, names.data, names.count * ISO_VERSION_SIZE);
    for (names.data = NULL; count > 0;
         more = block_read(cursor, most - names.count, &count)) {
        iso_buf_add(gathered, more, count * ISO_VERSION_SIZE);
        names.count += count;
    }
    return names;
}

void iso_names_settle(struct iso_names *names, const struct iso_buf *gathered,
                      size_t *at)
{
    if (names->data != NULL || names->count == 0)
        return;
    names->data = gathered->data + *at;
    *at += names->count * ISO_VERSION_SIZE;
}

void iso_names_add(struct iso_buf *out, struct iso_names names)
{
    if (names.count > 0) {
        iso_avro_add_long(out, (int64_t)names.count);
        iso_buf_add(out, names.data, names.count * ISO_VERSION_SIZE);
    }
    iso_avro_add_long(out, 0);
}
