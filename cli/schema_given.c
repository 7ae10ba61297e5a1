/* Schemas as an operator gives them: read, parsed, and found among those of a
 * collection.
 *
 * The text is kept as it was written, because aliases, documentation and attributes of
 * other tools matter to readers; only the white space between its words goes. Two texts
 * are the same schema when they are equal as JSON. */
#include "cli/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/registry.h"
#include "schema/avro_resolve.h"

enum { SCHEMA_TEXT_MAX = 1 << 20 };

/* ---- reading ---- */

/* White space outside strings; `json` was parsed. */
static void json_minify(struct iso_bytes json, struct iso_buf *out)
{
    bool text = false, escaped = false;
    for (size_t i = 0; i < json.size; i++) {
        uint8_t c = json.data[i];
        if (!text && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
            continue;
        iso_buf_add_u8(out, c);
        if (c == '"' && !escaped)
            text = !text;
        escaped = text && c == '\\' && !escaped;
    }
}

static enum iso_err schema_take(struct cli *cli, const struct iso_buf *text,
                                const char *where, struct cli_schema *schema)
{
    enum iso_err err = iso_avro_parse(iso_buf_bytes(text), &schema->avro, &cli->why);
    if (err != ISO_OK) {
        schema->avro = NULL;
        return iso_fail_at(&cli->why, err, "%s", where);
    }
    json_minify(iso_buf_bytes(text), &schema->json);
    iso_avro_fingerprint(schema->avro, schema->fingerprint);
    return ISO_OK;
}

enum iso_err iso_cli_schema_read(struct cli *cli, const char *path,
                                 struct cli_schema *schema)
{
    *schema = (struct cli_schema){0};
    struct iso_buf text = {0};
    enum iso_err err = iso_cli_read(cli, path, SCHEMA_TEXT_MAX, &text);
    if (err == ISO_OK)
        err = schema_take(cli, &text, strcmp(path, "-") == 0 ? "standard input" : path,
                          schema);
    iso_buf_release(&text);
    return err;
}

enum iso_err iso_cli_schema_fetch(struct cli *cli, int32_t id,
                                  struct cli_schema *schema)
{
    *schema = (struct cli_schema){.has_registry_id = true, .registry_id = id};
    struct iso_registry *registry;
    enum iso_err err = iso_registry_open(cli->settings, &registry, &cli->why);
    if (err != ISO_OK)
        return err;
    struct iso_buf text = {0};
    char where[64];
    snprintf(where, sizeof where, "schema %d of the registry", (int)id);
    err = iso_registry_schema(registry, id, &text, &cli->why);
    if (err == ISO_OK)
        err = schema_take(cli, &text, where, schema);
    iso_buf_release(&text);
    iso_registry_close(registry);
    return err;
}

void iso_cli_schema_release(struct cli_schema *schema)
{
    iso_avro_free(schema->avro);
    schema->avro = NULL;
    iso_buf_release(&schema->json);
}

enum iso_err iso_cli_schema_rules(struct cli *cli, const struct cli_schema *schema)
{
    struct iso_fields *fields = NULL;
    enum iso_err err = iso_fields_new(schema->avro, &fields, &cli->why);
    iso_fields_free(fields);
    return err;
}

/* ---- what it is called ---- */

void iso_cli_schema_title(const char *json, struct iso_buf *title)
{
    json_t *root = json_loads(json, JSON_DECODE_ANY, NULL);
    const json_t *name = json_object_get(root, "name");
    const json_t *space = json_object_get(root, "namespace");
    const json_t *type = json_is_object(root) ? json_object_get(root, "type") : root;
    if (json_is_string(name) && json_is_string(space) &&
        strchr(json_string_value(name), '.') == NULL && json_string_length(space) > 0)
        iso_buf_print(title, "%s.", json_string_value(space));
    if (json_is_string(name))
        iso_buf_print(title, "%s", json_string_value(name));
    else
        iso_buf_print(title, "%s",
                      json_is_string(type) ? json_string_value(type) : "union");
    json_decref(root);
}

/* ---- among those of a collection ---- */

static bool json_same(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return true;
    json_t *one = json_loads(a, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    json_t *other = json_loads(b, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool same = one != NULL && json_equal(one, other);
    json_decref(one);
    json_decref(other);
    return same;
}

enum cli_schema_there iso_cli_schema_find(const struct iso_definition *definition,
                                          const struct cli_schema *schema, size_t *n)
{
    enum cli_schema_there there = CLI_SCHEMA_NEW;
    struct iso_buf json = {0};
    iso_buf_add_bytes(&json, iso_buf_bytes(&schema->json));
    const char *text = iso_buf_text(&json);
    bool by_id = definition->format == ISO_FORMAT_CONFLUENT;
    for (size_t i = 0; there != CLI_SCHEMA_THERE && i < definition->schema_count; i++) {
        const struct iso_definition_schema *row = &definition->schemas[i];
        bool alike =
            memcmp(row->fingerprint, schema->fingerprint, ISO_FINGERPRINT_SIZE) == 0;
        if (by_id && schema->has_registry_id)
            alike = row->has_registry_id && row->registry_id == schema->registry_id;
        if (!alike)
            continue;
        bool same = json_same(row->json, text);
        if (!same && by_id) /* another text has another id, and can stand beside */
            continue;
        *n = i;
        there = same ? CLI_SCHEMA_THERE : CLI_SCHEMA_OTHER_TEXT;
    }
    iso_buf_release(&json);
    return there;
}

/* The fingerprint leaves merge rules out as well: another one has its own sentence. */
static enum iso_err rules_check(struct cli *cli,
                                const struct iso_definition *definition, size_t n,
                                const struct cli_schema *schema)
{
    struct iso_avro *there;
    struct iso_why why = {0};
    enum iso_err err =
        iso_avro_parse(iso_bytes_text(definition->schemas[n].json), &there, &why);
    if (err != ISO_OK)
        return ISO_OK; /* it has none */
    err = iso_avro_same_rules(schema->avro, there, &cli->why);
    iso_avro_free(there);
    return err == ISO_OK ? ISO_OK
                         : iso_fail_at(&cli->why, err,
                                       "schema %zu of %s has the same fingerprint",
                                       n + 1, definition->collection);
}

enum iso_err iso_cli_schema_other_text(struct cli *cli,
                                       const struct iso_definition *definition,
                                       size_t n, const struct cli_schema *schema)
{
    enum iso_err ruled = rules_check(cli, definition, n, schema);
    if (ruled != ISO_OK)
        return ruled;
    struct iso_buf digits = {0};
    iso_hex_encode(&digits,
                   iso_bytes(definition->schemas[n].fingerprint, ISO_FINGERPRINT_SIZE));
    enum iso_err err = iso_fail(
        &cli->why, ISO_EXISTS,
        "schema %zu of %s has the same fingerprint (%s) and another default, alias, "
        "merge rule or doc: a value names its schema by the fingerprint, which leaves "
        "these out, so both cannot stand in one collection (and a field never gets "
        "another rule). Read with that file instead (isostasy get --schema FILE), or "
        "change what the schema stores, as with one more field",
        n + 1, definition->collection, iso_buf_text(&digits));
    iso_buf_release(&digits);
    return err;
}

static enum iso_err named_missing(struct cli *cli,
                                  const struct iso_definition *definition,
                                  const char *name)
{
    return iso_fail(&cli->why, ISO_NOT_FOUND,
                    "collection %s has no schema %s: it has 1 to %zu, see `isostasy "
                    "schema list %s`",
                    definition->collection, name, definition->schema_count,
                    definition->collection);
}

enum iso_err iso_cli_schema_named(struct cli *cli,
                                  const struct iso_definition *definition,
                                  const char *name, size_t *n)
{
    if (definition->schema_count == 0)
        return iso_fail(&cli->why, ISO_USAGE,
                        "collection %s has no schemas: its values are opaque bytes, "
                        "and no schema is asked for or named",
                        definition->collection);
    *n = definition->schema_count - 1;
    if (name == NULL)
        return ISO_OK;
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    if (iso_hex_decode(iso_bytes_text(name), fingerprint, sizeof fingerprint)) {
        for (*n = 0; *n < definition->schema_count; ++*n)
            if (memcmp(definition->schemas[*n].fingerprint, fingerprint,
                       sizeof fingerprint) == 0)
                return ISO_OK;
        return named_missing(cli, definition, name);
    }
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    if (name[0] < '0' || name[0] > '9' || *end != '\0')
        return iso_fail(&cli->why, ISO_USAGE,
                        "'%s' names no schema: give its number (1, 2 …) or its "
                        "fingerprint (16 hexadecimal digits), as in `isostasy schema "
                        "list %s`",
                        name, definition->collection);
    if (number < 1 || number > definition->schema_count)
        return named_missing(cli, definition, name);
    *n = number - 1;
    return ISO_OK;
}

void iso_cli_schema_add(struct iso_definition *definition,
                        const struct cli_schema *schema)
{
    size_t count = definition->schema_count;
    definition->schemas =
        iso_realloc(definition->schemas, (count + 1) * sizeof *definition->schemas);
    struct iso_definition_schema *row = &definition->schemas[count];
    *row = (struct iso_definition_schema){.has_registry_id = schema->has_registry_id,
                                          .registry_id = schema->registry_id};
    memcpy(row->fingerprint, schema->fingerprint, sizeof row->fingerprint);
    struct iso_buf json = {0};
    iso_buf_add_bytes(&json, iso_buf_bytes(&schema->json));
    row->json = iso_strdup(iso_buf_text(&json));
    iso_buf_release(&json);
    definition->schema_count++;
}

enum iso_compatibility iso_cli_compatibility(struct argp_state *state,
                                             const char *value)
{
    enum iso_compatibility mode = ISO_COMPATIBLE_BACKWARD;
    if (!iso_compatibility_parse(value, &mode))
        argp_error(state,
                   "--compatibility is BACKWARD, FORWARD, FULL (each also with "
                   "_TRANSITIVE) or NONE, not '%s'",
                   value);
    return mode;
}

/* ---- ids ---- */

static enum iso_err subject_enter(struct cli *cli, struct iso_registry *registry,
                                  const char *topic, const struct cli_schema *schema,
                                  int32_t *id)
{
    struct iso_buf subject = {0};
    iso_buf_print(&subject, "%s-value", topic); /* TopicNameStrategy */
    enum iso_err err = iso_registry_register(
        registry, iso_buf_text(&subject), iso_buf_bytes(&schema->json), id, &cli->why);
    iso_buf_release(&subject);
    return err;
}

static enum iso_err subjects_enter(struct cli *cli, struct iso_registry *registry,
                                   const struct iso_definition *definition,
                                   struct cli_schema *schema)
{
    for (size_t i = 0; i < definition->log_count; i++) {
        const struct iso_definition_log *log = &definition->logs[i];
        int32_t id;
        if (log->ends != NULL)
            continue;
        enum iso_err err = subject_enter(cli, registry, log->topic, schema, &id);
        if (err != ISO_OK)
            return err;
        if (schema->has_registry_id && schema->registry_id != id)
            return iso_fail(&cli->why, ISO_REFUSED,
                            "the registry gives the schema id %d under the subject "
                            "%s-value and id %d under another log's, and a value "
                            "carries one: name the one to use with --id",
                            (int)id, log->topic, (int)schema->registry_id);
        schema->has_registry_id = true;
        schema->registry_id = id;
    }
    return ISO_OK;
}

/* A registry that was emptied, or another one, gives ids that are in use. */
static enum iso_err id_check(struct cli *cli, const struct iso_definition *definition,
                             const struct cli_schema *schema)
{
    for (size_t i = 0; i < definition->schema_count; i++) {
        const struct iso_definition_schema *row = &definition->schemas[i];
        if (row->has_registry_id && row->registry_id == schema->registry_id)
            return iso_fail(&cli->why, ISO_REFUSED,
                            "the registry has the id %d for this schema, and schema "
                            "%zu of %s has that id: it is not the registry that gave "
                            "the earlier ids, set schema.registry.url to that one",
                            (int)schema->registry_id, i + 1, definition->collection);
    }
    return ISO_OK;
}

enum iso_err iso_cli_schema_enter(struct cli *cli,
                                  const struct iso_definition *definition,
                                  struct cli_schema *schema)
{
    if (schema->has_registry_id)
        return id_check(cli, definition, schema);
    struct iso_registry *registry;
    enum iso_err err = iso_registry_open(cli->settings, &registry, &cli->why);
    if (err != ISO_OK)
        return err;
    err = subjects_enter(cli, registry, definition, schema);
    iso_registry_close(registry);
    return err == ISO_OK ? id_check(cli, definition, schema) : err;
}
