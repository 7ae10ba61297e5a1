/* Thin layers over avro_binary.c, which fails closed: so does this. Text is checked to
 * be UTF-8 because Avro says that a string is, and other readers of our topics believe
 * it. */
#include "schema/bounded.h"

#include "base/mem.h"
#include "base/utf8.h"

enum { EXTENSIONS_MAX = 1024 };

void iso_bounded_fail(struct iso_avro_cursor *cursor)
{
    cursor->failed = true;
    cursor->end = cursor->at;
}

int64_t iso_bounded_long(struct iso_avro_cursor *cursor, int64_t min, int64_t max)
{
    int64_t value = iso_avro_long(cursor);
    if (!cursor->failed && value >= min && value <= max)
        return value;
    iso_bounded_fail(cursor);
    return min;
}

uint64_t iso_bounded_count(struct iso_avro_cursor *cursor)
{
    return (uint64_t)iso_bounded_long(cursor, 0, INT64_MAX);
}

struct iso_bytes iso_bounded_string(struct iso_avro_cursor *cursor, size_t size_max)
{
    struct iso_bytes text = iso_avro_bytes(cursor);
    if (!cursor->failed && text.size <= size_max && iso_utf8_valid(text))
        return text;
    iso_bounded_fail(cursor);
    return (struct iso_bytes){0};
}

/* A string that C can hold. */
static struct iso_bytes string_without_nul(struct iso_avro_cursor *cursor,
                                           size_t size_max)
{
    struct iso_bytes text = iso_bounded_string(cursor, size_max);
    if (text.size == 0 || memchr(text.data, '\0', text.size) == NULL)
        return text;
    iso_bounded_fail(cursor);
    return (struct iso_bytes){0};
}

static void text_copy(char *into, struct iso_bytes text)
{
    if (text.size > 0)
        memcpy(into, text.data, text.size);
    into[text.size] = '\0';
}

void iso_bounded_text(struct iso_avro_cursor *cursor, char *text, size_t room)
{
    text_copy(text, string_without_nul(cursor, room - 1));
}

char *iso_bounded_text_new(struct iso_avro_cursor *cursor, size_t size_max)
{
    struct iso_bytes text = string_without_nul(cursor, size_max);
    if (cursor->failed)
        return NULL;
    char *copy = iso_alloc(text.size + 1);
    text_copy(copy, text);
    return copy;
}

void iso_bounded_fixed(struct iso_avro_cursor *cursor, uint8_t *into, size_t size)
{
    const uint8_t *data = iso_avro_fixed(cursor, size);
    if (data != NULL)
        memcpy(into, data, size);
    else
        memset(into, 0, size);
}

uint64_t iso_bounded_word(struct iso_avro_cursor *cursor)
{
    const uint8_t *data = iso_avro_fixed(cursor, sizeof(uint64_t));
    return data != NULL ? iso_get_u64(data) : 0;
}

struct iso_digest iso_bounded_digest(struct iso_avro_cursor *cursor)
{
    const uint8_t *data = iso_avro_fixed(cursor, ISO_DIGEST_SIZE);
    return data != NULL ? iso_digest_get(data) : (struct iso_digest){0};
}

void iso_bounded_add_digest(struct iso_buf *buf, struct iso_digest digest)
{
    uint8_t bytes[ISO_DIGEST_SIZE];
    iso_digest_put(bytes, digest);
    iso_buf_add(buf, bytes, sizeof bytes);
}

void iso_bounded_add_text(struct iso_buf *buf, struct iso_bytes text)
{
    iso_avro_add_long(buf, (int64_t)text.size);
    for (size_t i = 0; i < text.size;) {
        size_t size = iso_utf8_character(text.data + i, text.size - i);
        if (size == 0)
            iso_buf_add_u8(buf, '?');
        else
            iso_buf_add(buf, text.data + i, size);
        i += size == 0 ? 1 : size;
    }
}

struct iso_list iso_list(size_t items_max)
{
    return (struct iso_list){.items_left = items_max};
}

bool iso_list_next(struct iso_avro_cursor *cursor, struct iso_list *list)
{
    if (list->in_block == 0) {
        if (list->block_end != NULL && list->block_end != cursor->at)
            iso_bounded_fail(cursor);
        list->in_block =
            iso_avro_block_sized(cursor, list->items_left, &list->block_end);
        list->items_left -= list->in_block;
    }
    if (cursor->failed || list->in_block == 0)
        return false;
    list->in_block--;
    return true;
}

struct iso_extensions iso_extensions(void)
{
    return (struct iso_extensions){.list = iso_list(EXTENSIONS_MAX)};
}

bool iso_extensions_next(struct iso_avro_cursor *cursor,
                         struct iso_extensions *extensions)
{
    bool more = iso_list_next(cursor, &extensions->list);
    if (more) {
        extensions->number = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
        extensions->bytes = iso_avro_bytes(cursor);
    }
    if (!cursor->failed)
        return more;
    extensions->unknown = 0;
    return false;
}

void iso_extensions_pass(struct iso_extensions *extensions)
{
    uint32_t number = extensions->number;
    if (number % 2 == 1 && (extensions->unknown == 0 || number < extensions->unknown))
        extensions->unknown = number;
}

uint32_t iso_bounded_extensions(struct iso_avro_cursor *cursor)
{
    struct iso_extensions extensions = iso_extensions();
    while (iso_extensions_next(cursor, &extensions))
        iso_extensions_pass(&extensions);
    return extensions.unknown;
}

void iso_bounded_add_no_extensions(struct iso_buf *buf)
{
    iso_avro_add_long(buf, 0);
}
