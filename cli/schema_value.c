/* Values as JSON, by the schemas of their collection.
 *
 * Writing: Avro's JSON encoding into a framed value, by one schema. Reading: through a
 * view, which resolves to a reader's schema when one is given. Opaque values have no
 * schema: they are their own bytes both ways. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/schema.h"
#include "schema/view.h"

/* ---- writing ---- */

enum iso_err iso_cli_schema_writable(struct cli *cli, const struct iso_schemas *schemas,
                                     const char *name, size_t *n)
{
    size_t count = iso_schemas_count(schemas);
    char *end;
    if (count == 0)
        return iso_fail(&cli->why, ISO_USAGE,
                        "the collection has no schema to write by: add one with "
                        "`isostasy schema register`");
    if (name == NULL) {
        *n = count - 1;
    } else {
        unsigned long number = strtoul(name, &end, 10);
        if (name[0] < '0' || name[0] > '9' || *end != '\0')
            return iso_fail(&cli->why, ISO_USAGE,
                            "--schema takes the number of a schema to write by, not "
                            "'%s': see `isostasy schema list`",
                            name);
        *n = number - 1;
    }
    if (*n >= count)
        return iso_fail(&cli->why, ISO_USAGE,
                        "there is no schema %s to write by yet, only 1 to %zu: see "
                        "`isostasy schema list`",
                        name, count);
    if (iso_schemas_at(schemas, *n) == NULL)
        return iso_fail(&cli->why, ISO_BAD_DATA,
                        "schema %zu cannot be used, it is not what its fingerprint "
                        "says: write by another (--schema N)",
                        *n + 1);
    return ISO_OK;
}

enum iso_err iso_cli_value_encode(struct cli *cli, const struct iso_schemas *schemas,
                                  const char *name, struct iso_bytes json,
                                  struct iso_buf *value)
{
    if (iso_schemas_format(schemas) == ISO_FORMAT_OPAQUE) {
        if (name != NULL)
            return iso_fail(&cli->why, ISO_USAGE,
                            "the collection's values are opaque: leave --schema out");
        iso_buf_add_bytes(value, json);
        return ISO_OK;
    }
    size_t n;
    enum iso_err err = iso_cli_schema_writable(cli, schemas, name, &n);
    if (err != ISO_OK)
        return err;
    iso_value_begin(schemas, n, value);
    err = iso_avro_from_json(iso_schemas_at(schemas, n), json, value, &cli->why);
    if (err == ISO_OK)
        return ISO_OK;
    return iso_fail_at(&cli->why, err, "the value, by schema %zu", n + 1);
}

/* ---- reading ---- */

struct cli_view {
    const struct iso_definition *definition; /* borrowed */
    struct iso_schemas *schemas;             /* to tell who wrote; NULL: opaque */
    struct iso_view *view;                   /* NULL: bytes as they are stored */
    struct iso_avro *reader;                 /* of records: values are its data */
    struct iso_buf json;                     /* the reader's schema */
    struct iso_buf text;
};

/* The reader's schema: a number, a fingerprint, or else a file. */
static enum iso_err reader_find(struct cli *cli,
                                const struct iso_definition *definition,
                                const char *name, struct iso_buf *json)
{
    size_t n;
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    bool number = name[strspn(name, "0123456789")] == '\0';
    if (number ||
        (access(name, F_OK) != 0 &&
         iso_hex_decode(iso_bytes_text(name), fingerprint, sizeof fingerprint))) {
        enum iso_err err = iso_cli_schema_named(cli, definition, name, &n);
        if (err == ISO_OK)
            iso_buf_print(json, "%s", definition->schemas[n].json);
        else if (err == ISO_NOT_FOUND) /* a script must not take it for the key */
            err = cli->why.err = ISO_USAGE;
        return err;
    }
    struct cli_schema schema;
    enum iso_err err = iso_cli_schema_read(cli, name, &schema);
    iso_buf_add_bytes(json, iso_buf_bytes(&schema.json));
    iso_cli_schema_release(&schema);
    return err;
}

enum iso_err iso_cli_view_new(struct cli *cli, const struct iso_definition *definition,
                              const char *schema, bool raw, struct cli_view **view)
{
    *view = NULL;
    bool opaque = definition->format == ISO_FORMAT_OPAQUE;
    if (opaque && schema != NULL)
        return iso_fail(&cli->why, ISO_USAGE,
                        "the values of %s are opaque: leave --schema out",
                        definition->collection);
    if (raw && schema != NULL)
        return iso_fail(&cli->why, ISO_USAGE,
                        "--raw prints the bytes that are stored, and --schema what a "
                        "reader makes of them: leave one of them out");
    struct cli_view *made = iso_alloc_zero(1, sizeof *made);
    struct iso_buf *json = &made->json;
    enum iso_err err = ISO_OK;
    made->definition = definition;
    if (!opaque)
        made->schemas = iso_schemas_new(definition);
    if (schema != NULL)
        err = reader_find(cli, definition, schema, json);
    if (err == ISO_OK && schema != NULL && iso_definition_has_fields(definition))
        err = iso_avro_parse(iso_buf_bytes(json), &made->reader, &cli->why);
    if (err == ISO_OK && !opaque && !raw)
        err = iso_view_new(definition, schema ? iso_buf_text(json) : NULL, &made->view,
                           &cli->why);
    if (err != ISO_OK) {
        iso_cli_view_free(made);
        return err;
    }
    *view = made;
    return ISO_OK;
}

void iso_cli_view_free(struct cli_view *view)
{
    if (view == NULL)
        return;
    iso_schemas_free(view->schemas);
    iso_view_free(view->view);
    iso_avro_free(view->reader);
    iso_buf_release(&view->json);
    iso_buf_release(&view->text);
    iso_free(view);
}

bool iso_cli_view_is_json(const struct cli_view *view)
{
    return view->view != NULL;
}

const struct iso_definition *iso_cli_view_definition(const struct cli_view *view)
{
    return view->definition;
}

const char *iso_cli_view_reader(struct cli_view *view)
{
    return view->reader != NULL ? iso_buf_text(&view->json) : NULL;
}

enum iso_err iso_cli_view_text(struct cli *cli, struct cli_view *view,
                               struct iso_bytes value, struct iso_buf *text)
{
    if (view->reader != NULL)
        return iso_avro_to_json(view->reader, value, text, &cli->why);
    if (view->view != NULL)
        return iso_view_json(view->view, value, text, &cli->why);
    iso_buf_add_bytes(text, value);
    return ISO_OK;
}

/* NULL when it cannot stand in other JSON: a key of a map with a NUL. */
static enum iso_err view_nested(struct cli *cli, struct cli_view *view,
                                struct iso_bytes value, json_t **nested)
{
    iso_buf_clear(&view->text);
    enum iso_err err = iso_cli_view_text(cli, view, value, &view->text);
    if (err != ISO_OK)
        return err;
    *nested = json_loadb((const char *)view->text.data, view->text.size,
                         JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    return ISO_OK;
}

enum iso_err iso_cli_view_set(struct cli *cli, struct cli_view *view,
                              struct iso_bytes value, json_t *object)
{
    json_t *shown;
    if (view->view == NULL) {
        shown = iso_cli_json_bytes(value);
    } else {
        enum iso_err err = view_nested(cli, view, value, &shown);
        if (err != ISO_OK)
            return err;
    }
    if (shown != NULL)
        json_object_set_new(object, "value", shown);
    else
        json_object_set_new(object, "value_text",
                            iso_cli_json_bytes(iso_buf_bytes(&view->text)));
    struct iso_value opened;
    struct iso_why unseen;
    if (view->schemas == NULL || view->reader != NULL ||
        iso_value_open(view->schemas, value, &opened, &unseen) != ISO_OK)
        return ISO_OK;
    struct iso_buf digits = {0};
    iso_hex_encode(&digits,
                   iso_bytes(view->definition->schemas[opened.schema].fingerprint,
                             ISO_FINGERPRINT_SIZE));
    json_object_set_new(object, "schema", json_string(iso_buf_text(&digits)));
    iso_buf_release(&digits);
    return ISO_OK;
}
