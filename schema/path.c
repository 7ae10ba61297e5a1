/* Sizes come before bytes, so that no path is the beginning of another and a store's
 * order puts the parts of one field side by side. */
#include "schema/path.h"

enum { SHAPE_MEMBER = 1, SHAPE_ELEMENT = 2 };

void iso_path_encode(const struct iso_path *path, struct iso_buf *out)
{
    iso_assert(path->field.size <= ISO_FIELD_NAME_MAX &&
               path->member.size <= ISO_MEMBER_MAX &&
               path->element.size <= ISO_ELEMENT_MAX);
    iso_buf_add_u8(out, (uint8_t)path->field.size);
    iso_buf_add_bytes(out, path->field);
    iso_buf_add_u8(out, (uint8_t)((path->has_member ? SHAPE_MEMBER : 0) |
                                  (path->has_element ? SHAPE_ELEMENT : 0)));
    if (path->has_member) {
        iso_buf_add_u16(out, (uint16_t)path->member.size);
        iso_buf_add_bytes(out, path->member);
    }
    if (path->has_element) {
        iso_buf_add_u16(out, (uint16_t)path->element.size);
        iso_buf_add_bytes(out, path->element);
    }
}

/* Takes `size` bytes from the front of `rest`. */
static bool path_take(struct iso_bytes *rest, size_t size, struct iso_bytes *taken)
{
    if (rest->size < size)
        return false;
    *taken = iso_bytes(rest->data, size);
    *rest = iso_bytes(rest->data + size, rest->size - size);
    return true;
}

static bool path_take_sized(struct iso_bytes *rest, struct iso_bytes *taken)
{
    struct iso_bytes size;
    return path_take(rest, 2, &size) && path_take(rest, iso_get_u16(size.data), taken);
}

bool iso_path_decode(struct iso_bytes bytes, struct iso_path *path)
{
    struct iso_bytes rest = bytes, size, shape;
    *path = (struct iso_path){0};
    if (!path_take(&rest, 1, &size) || !path_take(&rest, size.data[0], &path->field) ||
        !path_take(&rest, 1, &shape) || shape.data[0] > (SHAPE_MEMBER | SHAPE_ELEMENT))
        return false;
    path->has_member = (shape.data[0] & SHAPE_MEMBER) != 0;
    path->has_element = (shape.data[0] & SHAPE_ELEMENT) != 0;
    if (path->has_member && !path_take_sized(&rest, &path->member))
        return false;
    if (path->has_element && !path_take_sized(&rest, &path->element))
        return false;
    return rest.size == 0;
}

void iso_path_text(const struct iso_path *path, struct iso_buf *out)
{
    iso_buf_add_bytes(out, path->field);
    if (path->has_member) {
        iso_buf_print(out, "[\"");
        iso_escape(out, path->member);
        iso_buf_print(out, "\"]");
    }
    if (path->has_element) {
        iso_buf_print(out, "{");
        iso_escape(out, path->element);
        iso_buf_print(out, "}");
    }
}
