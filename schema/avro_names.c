/* Names in a schema: their form is the specification's (section "Names"), their length
 * and sum are bounded (avro_parser.h). A name that is kept stands in the schema's
 * `names` with a NUL behind it, so one with a NUL inside is no name. */
#include <ctype.h>
#include <jansson.h>

#include "schema/avro_parser.h"

const char *iso_avro_json_text(const struct json_t *json)
{
    const char *text = json_string_value(json);
    return text != NULL && strlen(text) == json_string_length(json) ? text : NULL;
}

const char *iso_avro_member_text(const struct json_t *object, const char *member)
{
    return iso_avro_json_text(json_object_get(object, member));
}

/* How many characters from the first on are a name; 0: none is. */
static size_t name_length(const char *name)
{
    size_t i = 0;
    for (; name[i] != '\0'; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c >= 0x80 || !(isalpha(c) || c == '_' || (i > 0 && isdigit(c))))
            break;
    }
    return i;
}

bool iso_avro_name_valid(const char *name)
{
    size_t length = name_length(name);
    return length > 0 && name[length] == '\0';
}

bool iso_avro_name_full_valid(const char *name)
{
    for (;;) {
        size_t length = name_length(name);
        if (length == 0 || (name[length] != '.' && name[length] != '\0'))
            return false;
        if (name[length] == '\0')
            return true;
        name += length + 1;
    }
}

struct iso_bytes iso_avro_name_space(struct iso_bytes name)
{
    const uint8_t *dot = name.size > 0 ? memrchr(name.data, '.', name.size) : NULL;
    return iso_bytes(name.data, dot != NULL ? (size_t)(dot - name.data) : 0);
}

enum iso_err iso_avro_name_resolve(struct iso_avro_parser *parser, const char *name,
                                   struct iso_bytes space, struct iso_buf *full)
{
    iso_buf_clear(full);
    bool within = strchr(name, '.') == NULL && space.size > 0;
    if (strlen(name) + (within ? space.size + 1 : 0) > ISO_AVRO_NAME_MAX)
        return iso_avro_parse_fail(
            parser, "a name with its namespace is longer than 512 bytes:", name);
    if (within) {
        iso_buf_add_bytes(full, space);
        iso_buf_add_u8(full, '.');
    }
    iso_buf_add_bytes(full, iso_bytes_text(name));
    return ISO_OK;
}

enum iso_err iso_avro_name_add(struct iso_avro_parser *parser, const char *name,
                               uint32_t *at)
{
    struct iso_buf *names = &parser->schema->names;
    size_t size = strlen(name) + 1;
    if (names->size + size > ISO_AVRO_NAMES_MAX)
        return iso_avro_parse_fail(
            parser, "all names with their namespaces take more than 4 MiB at", name);
    *at = (uint32_t)names->size;
    iso_buf_add(names, name, size);
    return ISO_OK;
}
