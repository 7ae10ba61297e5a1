/* isostasy schema list|show|check: the schemas of a collection, and whether another may
 * follow them. (schema register: schema_register.c.) */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/schema_command.h"

/* ---- the command line ---- */

static const struct argp_option mode_option[] = {
    {"compatibility", 'm', "MODE", 0,
     "BACKWARD, FORWARD, FULL (each also with _TRANSITIVE) or NONE; else the "
     "collection's",
     0},
    {0},
};
static const struct argp_option id_option[] = {
    {"id", 'i', "N", 0, "The schema of that id in the registry", 0},
    {0},
};
static const struct argp_option canonical_option[] = {
    {"canonical", 'c', NULL, 0, "In Avro's Parsing Canonical Form", 0},
    {0},
};

static const struct argp_option again_option[] = {
    {"again", 'a', NULL, 0, "Write the definition into every log once more", 0},
    {0},
};

static int32_t id_of(struct argp_state *state, const char *value)
{
    char *end;
    long id = strtol(value, &end, 10);
    if (*value == '\0' || *end != '\0' || id < 0 || id > INT32_MAX)
        argp_error(state, "--id takes a number of the registry, not '%s'", value);
    return (int32_t)id;
}

static error_t schema_option(int key, char *value, struct argp_state *state)
{
    struct cli_schema_arguments *arguments = state->input;
    switch (key) {
    case 'm':
        arguments->mode = iso_cli_compatibility(state, value);
        arguments->has_mode = true;
        return 0;
    case 'i':
        arguments->id = id_of(state, value);
        arguments->has_id = true;
        return 0;
    case 'c':
        arguments->canonical = true;
        return 0;
    case 'a':
        arguments->again = true;
        return 0;
    case ARGP_KEY_SUCCESS:
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void iso_cli_schema_parse(struct cli_schema_arguments *arguments, int options, int argc,
                          char **argv)
{
    struct argp_option rows[5] = {0};
    size_t count = 0;
    if ((options & CLI_SCHEMA_MODE) != 0)
        rows[count++] = mode_option[0];
    if ((options & CLI_SCHEMA_ID) != 0)
        rows[count++] = id_option[0];
    if ((options & CLI_SCHEMA_CANONICAL) != 0)
        rows[count++] = canonical_option[0];
    if ((options & CLI_SCHEMA_AGAIN) != 0)
        rows[count] = again_option[0];
    bool optional = (options & (CLI_SCHEMA_ID | CLI_SCHEMA_NAME)) != 0;
    const struct cli_syntax syntax = {.takes = CLI_JSON,
                                      .least = optional ? 1 : 2,
                                      .most = 2,
                                      .options = rows,
                                      .parser = schema_option,
                                      .input = arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments->given);
}

enum iso_err iso_cli_schema_given(struct cli *cli,
                                  const struct cli_schema_arguments *arguments,
                                  struct cli_schema *schema)
{
    const char *path = arguments->given.places[1];
    if ((path != NULL) == arguments->has_id)
        return iso_fail(&cli->why, ISO_USAGE,
                        "say which schema: a FILE (\"-\": standard input), or --id N "
                        "for one of the registry%s",
                        path ? ", and not both" : "");
    return path ? iso_cli_schema_read(cli, path, schema)
                : iso_cli_schema_fetch(cli, arguments->id, schema);
}

/* ---- check ---- */

enum iso_err iso_cli_schema_may_follow(struct cli *cli,
                                       const struct iso_definition *definition,
                                       enum iso_compatibility mode,
                                       const struct cli_schema *schema)
{
    struct iso_schemas *schemas = iso_schemas_new(definition);
    size_t all = iso_schemas_count(schemas), count = 0;
    const struct iso_avro **known = iso_alloc_zero(all + 1, sizeof *known);
    enum iso_err err = ISO_OK;
    for (size_t i = 0; err == ISO_OK && i < all; i++) {
        known[count] = iso_schemas_at(schemas, i);
        count += known[count] != NULL;
        if (count <= i && mode != ISO_COMPATIBLE_NONE)
            err = iso_fail(&cli->why, ISO_INCOMPATIBLE,
                           "schema %zu of %s cannot be used, so nothing can be "
                           "compared with it: give --compatibility NONE",
                           i + 1, definition->collection);
    }
    if (err == ISO_OK && iso_definition_has_fields(definition) &&
        iso_cli_schema_rules(cli, schema) != ISO_OK)
        err = cli->why.err = ISO_INCOMPATIBLE; /* with these rules, in any mode */
    if (err == ISO_OK)
        err = iso_compatibility_check(mode, schema->avro, known, count, &cli->why);
    iso_free(known);
    iso_schemas_free(schemas);
    return err;
}

/* `err`: ISO_OK or ISO_INCOMPATIBLE; `n` counts when it is there already. */
static void verdict_print(struct cli *cli, const struct cli_schema_arguments *arguments,
                          const char *mode, const char *remark, enum iso_err err)
{
    const char *collection = arguments->given.places[0];
    if (arguments->given.json) {
        json_t *object = json_pack("{s:s, s:b, s:s}", "collection", collection,
                                   "compatible", err == ISO_OK, "compatibility", mode);
        if (err != ISO_OK)
            json_object_set_new(object, "reason", json_string(cli->why.text));
        iso_cli_print_json(object);
        cli->why.text[0] = '\0';
    } else if (err == ISO_OK) {
        printf("it may follow the schemas of %s (%s)%s\n", collection, mode, remark);
    }
}

static enum iso_err check_run(struct cli *cli,
                              const struct cli_schema_arguments *arguments,
                              const struct cli_schema *schema)
{
    const struct iso_definition *definition;
    enum iso_err err = iso_cli_definition(cli, arguments->given.places[0], &definition);
    if (err != ISO_OK)
        return err;
    if (definition->format == ISO_FORMAT_OPAQUE)
        return iso_fail(&cli->why, ISO_USAGE,
                        "the values of %s are opaque bytes: there is no schema to "
                        "compare with",
                        definition->collection);
    enum iso_compatibility mode =
        arguments->has_mode ? arguments->mode : definition->compatibility;
    const char *remark = "";
    size_t n;
    switch (iso_cli_schema_find(definition, schema, &n)) {
    case CLI_SCHEMA_OTHER_TEXT:
        iso_cli_schema_other_text(cli, definition, n, schema);
        err = cli->why.err = ISO_INCOMPATIBLE; /* it is an answer here */
        break;
    case CLI_SCHEMA_THERE:
        remark = ": it is one of them";
        break;
    case CLI_SCHEMA_NEW:
        err = iso_cli_schema_may_follow(cli, definition, mode, schema);
        break;
    }
    if (err == ISO_OK || err == ISO_INCOMPATIBLE)
        verdict_print(cli, arguments, iso_compatibility_name(mode), remark, err);
    return err;
}

enum iso_err iso_cli_schema_check(struct cli *cli, int argc, char **argv)
{
    struct cli_schema_arguments arguments = {0};
    iso_cli_schema_parse(&arguments, CLI_SCHEMA_MODE | CLI_SCHEMA_ID, argc, argv);
    struct cli_schema schema = {0};
    enum iso_err err = iso_cli_schema_given(cli, &arguments, &schema);
    if (err == ISO_OK)
        err = check_run(cli, &arguments, &schema);
    iso_cli_schema_release(&schema);
    return err;
}

/* ---- list and show ---- */

/* The first definition that has schema n: they never leave, and keep their order. */
static uint32_t since(struct cli *cli, const struct iso_definition *newest, size_t n)
{
    for (uint32_t number = 1; number < newest->number; number++) {
        const struct iso_definition *row =
            iso_control_definition(cli->control, newest->collection, number);
        if (row != NULL && row->schema_count > n)
            return number;
    }
    return newest->number;
}

/* Whether writers may use schema n: whether it stands in every open log. */
static bool in_force(struct cli *cli, const struct iso_definition *newest, size_t n)
{
    const struct iso_definition *written =
        iso_control_definition_written(cli->control, newest->collection);
    return written != NULL && written->schema_count > n;
}

static json_t *row_json(struct cli *cli, const struct iso_definition *newest, size_t n)
{
    const struct iso_definition_schema *row = &newest->schemas[n];
    struct iso_buf digits = {0}, title = {0};
    iso_hex_encode(&digits, iso_bytes(row->fingerprint, sizeof row->fingerprint));
    iso_cli_schema_title(row->json, &title);
    json_t *object = json_pack(
        "{s:I, s:s, s:s, s:i, s:b}", "schema", (json_int_t)n + 1, "fingerprint",
        iso_buf_text(&digits), "name", iso_buf_text(&title), "since",
        (int)since(cli, newest, n), "in_force", in_force(cli, newest, n));
    if (row->has_registry_id)
        json_object_set_new(object, "registry_id", json_integer(row->registry_id));
    iso_buf_release(&digits);
    iso_buf_release(&title);
    return object;
}

static void row_print(struct cli *cli, const struct iso_definition *newest, size_t n)
{
    const struct iso_definition_schema *row = &newest->schemas[n];
    struct iso_buf digits = {0}, title = {0};
    iso_hex_encode(&digits, iso_bytes(row->fingerprint, sizeof row->fingerprint));
    iso_cli_schema_title(row->json, &title);
    printf("%3zu  %s  ", n + 1, iso_buf_text(&digits));
    if (row->has_registry_id)
        printf("id %-6d  ", (int)row->registry_id);
    printf("since definition %-3u  %s%s\n", since(cli, newest, n), iso_buf_text(&title),
           in_force(cli, newest, n)
               ? ""
               : " (not in every log yet: register it again to go on)");
    iso_buf_release(&digits);
    iso_buf_release(&title);
}

enum iso_err iso_cli_schema_list(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON, .least = 1, .most = 1};
    iso_cli_parse(&syntax, argc, argv, &given);
    const struct iso_definition *newest;
    enum iso_err err = iso_cli_definition(cli, given.places[0], &newest);
    if (err != ISO_OK)
        return err;
    for (size_t n = 0; n < newest->schema_count; n++) {
        if (given.json)
            iso_cli_print_json(row_json(cli, newest, n));
        else
            row_print(cli, newest, n);
    }
    return ISO_OK;
}

static enum iso_err id_named(struct cli *cli, const struct iso_definition *newest,
                             int32_t id, size_t *n)
{
    for (*n = 0; *n < newest->schema_count; ++*n)
        if (newest->schemas[*n].has_registry_id &&
            newest->schemas[*n].registry_id == id)
            return ISO_OK;
    return iso_fail(&cli->why, ISO_NOT_FOUND,
                    "collection %s has no schema with the registry id %d: see "
                    "`isostasy schema list %s`",
                    newest->collection, (int)id, newest->collection);
}

static enum iso_err show_print(struct cli *cli,
                               const struct cli_schema_arguments *arguments,
                               const struct iso_definition *newest, size_t n)
{
    struct iso_bytes json = iso_bytes_text(newest->schemas[n].json);
    struct iso_buf text = {0};
    enum iso_err err = ISO_OK;
    if (arguments->canonical) {
        struct iso_avro *avro;
        err = iso_avro_parse(json, &avro, &cli->why);
        if (err != ISO_OK)
            return err;
        iso_avro_canonical(avro, &text);
        iso_avro_free(avro);
    } else {
        iso_buf_add_bytes(&text, json);
    }
    if (arguments->given.json) {
        json_t *object = row_json(cli, newest, n);
        json_object_set_new(
            object, arguments->canonical ? "canonical" : "json",
            json_loads(iso_buf_text(&text), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
        iso_cli_print_json(object);
    } else {
        printf("%s\n", iso_buf_text(&text));
    }
    iso_buf_release(&text);
    return err;
}

enum iso_err iso_cli_schema_show(struct cli *cli, int argc, char **argv)
{
    struct cli_schema_arguments arguments = {0};
    iso_cli_schema_parse(
        &arguments, CLI_SCHEMA_ID | CLI_SCHEMA_CANONICAL | CLI_SCHEMA_NAME, argc, argv);
    const struct iso_definition *newest;
    enum iso_err err = iso_cli_definition(cli, arguments.given.places[0], &newest);
    if (err != ISO_OK)
        return err;
    const char *name = arguments.given.places[1];
    if (name != NULL && arguments.has_id)
        return iso_fail(&cli->why, ISO_USAGE, "name one schema, by '%s' or by --id %d",
                        name, (int)arguments.id);
    size_t n;
    err = arguments.has_id ? id_named(cli, newest, arguments.id, &n)
                           : iso_cli_schema_named(cli, newest, name, &n);
    return err == ISO_OK ? show_print(cli, &arguments, newest, n) : err;
}
