/* A view holds the schemas of one definition and, for a reader's own schema, what turns
 * each of them into it; that is made at the first value which asks for it, since most
 * of a collection's values are of its newest schemas.
 *
 * How it can fail: the value is none, its schema is not named (a later definition may
 * name it), or the reader's schema cannot take it. Nothing is appended then. */
#include "schema/view.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "schema/avro_resolve.h"

struct iso_view {
    struct iso_schemas *schemas;
    struct iso_avro *reader;                  /* NULL: each value by its own schema */
    struct iso_avro_resolution **resolutions; /* by place in the definition */
    struct iso_buf scratch;
};

enum iso_err iso_view_new(const struct iso_definition *definition, const char *reader,
                          struct iso_view **view, struct iso_why *why)
{
    struct iso_avro *parsed = NULL;
    if (reader != NULL && definition->format == ISO_FORMAT_OPAQUE)
        return iso_fail(why, ISO_USAGE,
                        "the values of %s are opaque, no schema reads them: ask "
                        "without one",
                        definition->collection);
    if (reader != NULL) {
        enum iso_err err = iso_avro_parse(iso_bytes_text(reader), &parsed, why);
        if (err != ISO_OK)
            return err;
    }
    struct iso_view *made = iso_alloc_zero(1, sizeof *made);
    made->schemas = iso_schemas_new(definition);
    made->reader = parsed;
    if (definition->schema_count > 0)
        made->resolutions =
            iso_alloc_zero(definition->schema_count, sizeof made->resolutions[0]);
    *view = made;
    return ISO_OK;
}

void iso_view_free(struct iso_view *view)
{
    if (view == NULL)
        return;
    for (size_t n = 0; n < iso_schemas_count(view->schemas); n++)
        iso_avro_resolution_free(view->resolutions[n]);
    iso_free(view->resolutions);
    iso_schemas_free(view->schemas);
    iso_avro_free(view->reader);
    iso_buf_release(&view->scratch);
    iso_free(view);
}

static enum iso_err datum_resolve(struct iso_view *view, const struct iso_value *value,
                                  struct iso_buf *datum, struct iso_why *why)
{
    struct iso_avro_resolution **resolution = &view->resolutions[value->schema];
    if (*resolution == NULL)
        *resolution = iso_avro_resolution_new(
            iso_schemas_at(view->schemas, value->schema), view->reader);
    return iso_avro_read_as(*resolution, value->datum, datum, why);
}

enum iso_err iso_view_datum(struct iso_view *view, struct iso_bytes value,
                            struct iso_buf *datum, struct iso_why *why)
{
    struct iso_value opened;
    if (iso_schemas_format(view->schemas) == ISO_FORMAT_OPAQUE) {
        iso_buf_add_bytes(datum, value);
        return ISO_OK;
    }
    enum iso_err err = iso_value_open(view->schemas, value, &opened, why);
    if (err != ISO_OK)
        return err;
    if (view->reader != NULL)
        return datum_resolve(view, &opened, datum, why);
    err =
        iso_avro_check(iso_schemas_at(view->schemas, opened.schema), opened.datum, why);
    if (err == ISO_OK)
        iso_buf_add_bytes(datum, opened.datum);
    return err;
}

/* ---- JSON ---- */

static void character_json(struct iso_bytes character, struct iso_buf *json)
{
    uint8_t first = character.data[0];
    if (first == '"' || first == '\\')
        iso_buf_add_u8(json, '\\');
    if (first < 0x20)
        iso_buf_print(json, "\\u%04x", first);
    else
        iso_buf_add_bytes(json, character);
}

static void opaque_json(struct iso_bytes value, struct iso_buf *json)
{
    iso_buf_add_u8(json, '"');
    for (size_t i = 0; i < value.size;) {
        size_t size = iso_utf8_character(value.data + i, value.size - i);
        if (size == 0)
            iso_buf_print(json, "\xef\xbf\xbd"); /* U+FFFD */
        else
            character_json(iso_bytes(value.data + i, size), json);
        i += size == 0 ? 1 : size;
    }
    iso_buf_add_u8(json, '"');
}

enum iso_err iso_view_json(struct iso_view *view, struct iso_bytes value,
                           struct iso_buf *json, struct iso_why *why)
{
    struct iso_value opened;
    if (iso_schemas_format(view->schemas) == ISO_FORMAT_OPAQUE) {
        opaque_json(value, json);
        return ISO_OK;
    }
    enum iso_err err = iso_value_open(view->schemas, value, &opened, why);
    if (err == ISO_OK && view->reader == NULL)
        return iso_avro_to_json(iso_schemas_at(view->schemas, opened.schema),
                                opened.datum, json, why);
    iso_buf_clear(&view->scratch);
    if (err == ISO_OK)
        err = datum_resolve(view, &opened, &view->scratch, why);
    if (err == ISO_OK)
        err = iso_avro_to_json(view->reader, iso_buf_bytes(&view->scratch), json, why);
    return err;
}
