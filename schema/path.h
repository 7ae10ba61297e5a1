/* path.h - where a part of an entry stands: a field, a member of a map, an element of a
 * set.
 *
 * In bytes: u8 field size, field, u8 shape (1: a member, 2: an element, 3: both), then
 * u16 size and bytes of each, big-endian. The path without a field is the record's
 * mark: it says that somebody PUT the record. memcmp orders paths; the parts of a field
 * stand side by side, and those of a member too.
 */
#ifndef ISO_SCHEMA_PATH_H
#define ISO_SCHEMA_PATH_H

#include "base/bytes.h"
#include "base/err.h"

/* Together less than 65535 bytes: a path's size is a u16 in the canonical bytes. */
enum {
    ISO_FIELD_NAME_MAX = 255,
    ISO_MEMBER_MAX = 16 << 10,
    ISO_ELEMENT_MAX = 32 << 10
};

struct iso_path { /* all borrowed */
    struct iso_bytes field;
    bool has_member, has_element;
    struct iso_bytes member;  /* the map's key */
    struct iso_bytes element; /* its datum */
};

void iso_path_encode(const struct iso_path *path, struct iso_buf *out); /* appends */
/* False: it is none. */
bool iso_path_decode(struct iso_bytes bytes, struct iso_path *path);
/* For people: `cart["sku"]`, `tags{x}`; appends. */
void iso_path_text(const struct iso_path *path, struct iso_buf *out);

#endif
