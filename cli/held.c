/* What a store holds was admitted by its schema, so nothing here should fail; where it
 * does, the bytes are shown, since who asks wants to see what is there. */
#include "cli/held.h"

#include <stdlib.h>

#include "cli/when.h"

enum { JSON_ANY = JSON_DECODE_ANY | JSON_ALLOW_NUL };

enum iso_err iso_cli_held_init(struct cli *cli, const struct iso_definition *definition,
                               struct cli_held *held)
{
    *held = (struct cli_held){.cli = cli, .definition = definition};
    enum iso_err err = iso_cli_view_new(cli, definition, NULL, false, &held->view);
    if (err == ISO_OK)
        held->schemas = iso_schemas_new(definition);
    return err;
}

void iso_cli_held_release(struct cli_held *held)
{
    iso_cli_view_free(held->view);
    iso_schemas_free(held->schemas);
    *held = (struct cli_held){0};
}

/* ---- values ---- */

static json_t *base64_json(struct iso_bytes bytes)
{
    struct iso_buf base64 = {0};
    iso_base64_encode(&base64, bytes);
    json_t *object = json_pack("{s:s}", "base64", iso_buf_text(&base64));
    iso_buf_release(&base64);
    return object;
}

/* It stands aside, and was too much to be loaded. */
static json_t *unloaded_json(struct iso_bytes value)
{
    return json_pack("{s:I}", "bytes", (json_int_t)value.size);
}

json_t *iso_cli_held_whole(const struct cli_held *held, struct iso_bytes value)
{
    if (value.data == NULL && value.size > 0)
        return unloaded_json(value);
    json_t *object = json_object();
    struct iso_why before = held->cli->why;
    bool sound = iso_cli_view_set(held->cli, held->view, value, object) == ISO_OK;
    held->cli->why = before; /* it was only tried */
    json_t *shown = sound ? json_incref(json_object_get(object, "value")) : NULL;
    json_decref(object);
    return shown != NULL ? shown : base64_json(value);
}

static const struct iso_fields *fields_of(const struct cli_held *held,
                                          const struct iso_path *path,
                                          const uint8_t *fingerprint)
{
    size_t n;
    if (fingerprint != NULL)
        return iso_schemas_named(held->schemas, fingerprint, &n)
                   ? iso_schemas_fields(held->schemas, n)
                   : NULL;
    for (n = iso_schemas_count(held->schemas); n-- > 0;) {
        const struct iso_fields *fields = iso_schemas_fields(held->schemas, n);
        if (fields != NULL && iso_fields_find(fields, path->field) != NULL)
            return fields;
    }
    return NULL;
}

json_t *iso_cli_held_part(const struct cli_held *held, const struct iso_path *path,
                          const uint8_t *fingerprint, struct iso_bytes datum)
{
    if (datum.data == NULL && datum.size > 0)
        return unloaded_json(datum);
    const struct iso_fields *fields = fields_of(held, path, fingerprint);
    const struct iso_field *field =
        fields != NULL ? iso_fields_find(fields, path->field) : NULL;
    struct iso_buf text = {0};
    json_t *json = NULL;
    if (field != NULL && iso_field_json(fields, field, datum, &text, NULL) == ISO_OK)
        json = json_loadb((const char *)text.data, text.size, JSON_ANY, NULL);
    iso_buf_release(&text);
    return json != NULL ? json : base64_json(datum);
}

void iso_cli_held_place(const struct cli_held *held, struct iso_bytes path,
                        struct iso_buf *text)
{
    struct iso_path place;
    if (path.size == 0 || !iso_path_decode(path, &place))
        return;
    iso_buf_add_bytes(text, place.field);
    if (place.has_member) {
        json_t *member = iso_cli_json_bytes(place.member);
        iso_buf_add_u8(text, '[');
        iso_cli_json_text(member, text);
        iso_buf_add_u8(text, ']');
        json_decref(member);
    }
    if (place.has_element) {
        json_t *element = iso_cli_held_part(held, &place, NULL, place.element);
        iso_buf_add_u8(text, '{');
        iso_cli_json_text(element, text);
        iso_buf_add_u8(text, '}');
        json_decref(element);
    }
}

/* ---- who ---- */

static const char *region_name(const struct cli_held *held, struct iso_version version)
{
    const struct iso_definition_region *region =
        iso_definition_region(held->definition, iso_node_region(version.node));
    return region != NULL ? region->name : NULL;
}

void iso_cli_held_writer(const struct cli_held *held, struct iso_version version,
                         json_t *object)
{
    char digits[ISO_VERSION_DIGITS + 1];
    const char *region = region_name(held, version);
    struct iso_buf when = {0};
    iso_version_text(version, digits);
    iso_cli_when_text(iso_hlc_ms(version.hlc), &when);
    json_object_set_new(object, "version", json_string(digits));
    json_object_set_new(object, "region",
                        region != NULL ? json_string(region) : json_null());
    json_object_set_new(object, "time", json_string(iso_buf_text(&when)));
    iso_buf_release(&when);
}

void iso_cli_held_position(uint16_t log, int64_t offset, json_t *object)
{
    json_object_set_new(object, "log", json_integer(log));
    json_object_set_new(object, "offset", json_integer(offset));
}

void iso_cli_held_region(const struct cli_held *held, struct iso_version version,
                         struct iso_buf *text)
{
    const char *region = region_name(held, version);
    unsigned number = iso_node_region(version.node);
    if (region != NULL)
        iso_buf_print(text, "%s", region);
    else if (number > 128)
        iso_buf_print(text, "a Kafka client without our header");
    else
        iso_buf_print(text, "region %u", number);
}

void iso_cli_held_author(const struct cli_held *held, struct iso_version version,
                         struct iso_buf *text)
{
    iso_cli_when_text(iso_hlc_ms(version.hlc), text);
    iso_buf_print(text, " by ");
    iso_cli_held_region(held, version, text);
}

void iso_cli_json_text(const json_t *value, struct iso_buf *text)
{
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    iso_buf_print(text, "%s", dumped != NULL ? dumped : "");
    free(dumped); /* jansson's */
}
