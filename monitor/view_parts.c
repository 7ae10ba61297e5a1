/* Members of JSON objects. jansson refuses text that is no UTF-8, and a report's
 * sentences may have been written by anybody: such text is escaped, as keys are.
 * jansson fails besides only without memory, which ends the process anyway.
 */
#include "monitor/view_parts.h"

void iso_view_put(json_t *object, const char *name, json_t *value)
{
    iso_assert(json_object_set_new_nocheck(object, name, value) == 0);
}

void iso_view_put_ms(json_t *object, const char *name, int64_t ms)
{
    iso_view_put(object, name, ms == ISO_UNKNOWN_MS ? json_null() : json_integer(ms));
}

void iso_view_put_count(json_t *object, const char *name, uint64_t count)
{
    int64_t shown = count > INT64_MAX ? INT64_MAX : (int64_t)count;
    iso_view_put(object, name,
                 count == ISO_UNKNOWN_COUNT ? json_null() : json_integer(shown));
}

void iso_view_put_flag(json_t *object, const char *name, bool flag)
{
    iso_view_put(object, name, json_boolean(flag));
}

void iso_view_put_bytes(json_t *object, const char *name, struct iso_bytes bytes)
{
    struct iso_buf escaped = {0};
    iso_escape(&escaped, bytes);
    iso_view_put(object, name, json_string_nocheck(iso_buf_text(&escaped)));
    iso_buf_release(&escaped);
}

void iso_view_put_text(json_t *object, const char *name, const char *text)
{
    json_t *value;
    if (text == NULL || text[0] == '\0')
        iso_view_put(object, name, json_null());
    else if ((value = json_string(text)) != NULL)
        iso_view_put(object, name, value);
    else
        iso_view_put_bytes(object, name, iso_bytes_text(text));
}

static int write_some(const char *data, size_t size, void *out)
{
    iso_buf_add(out, data, size);
    return 0;
}

void iso_view_write(json_t *value, struct iso_buf *out)
{
    iso_assert(json_dump_callback(value, write_some, out, JSON_COMPACT) == 0);
    json_decref(value);
    iso_buf_add_u8(out, '\n');
}
