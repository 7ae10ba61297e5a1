/* isostasy get|export: reads of a region's store, beside its running daemon.
 *
 * An export line: key, tab, version in 32 hexadecimal digits, tab, value; bytewise by
 * key. The value is its JSON or, opaque or --raw, its bytes; in keys and such values
 * bytes outside 20–7E and `\` are \xHH. So two regions' exports can be compared byte
 * for byte.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/schema.h"
#include "consumer/replica.h"

struct read_arguments {
    struct cli_given given; /* collection, key */
    const char *schema;
    bool conflicts, raw;
};

#define READ_OPTIONS                                                            \
    {"schema",                                                                  \
     's',                                                                       \
     "N|FILE",                                                                  \
     0,                                                                         \
     "Values as this schema sees them: a number, a "                            \
     "fingerprint, or a reader's schema in a file (else as they were written)", \
     0},                                                                        \
    {                                                                           \
        "raw", 'R', NULL, 0, "The bytes that are stored, schema and all", 0     \
    }

static const struct argp_option get_options[] = {READ_OPTIONS, {0}};

static const struct argp_option export_options[] = {
    {"conflicts", 'C', NULL, 0, "The conflict ledger instead of the live entries", 0},
    READ_OPTIONS,
    {0},
};

static error_t read_option(int key, char *value, struct argp_state *state)
{
    struct read_arguments *arguments = state->input;
    switch (key) {
    case 'C':
        arguments->conflicts = true;
        return 0;
    case 's':
        arguments->schema = value;
        return 0;
    case 'R':
        arguments->raw = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum iso_err replica_open(struct cli *cli, const char *named,
                                 struct iso_replica **replica)
{
    const char *region;
    enum iso_err err = iso_cli_region(cli, named, &region);
    if (err != ISO_OK)
        return err;
    const char *path = iso_settings_text(cli->settings, "region", region, "store");
    if (path == NULL)
        return iso_fail(
            &cli->why, ISO_SETTING,
            "region %s has no store on this machine: set `store = DIRECTORY` "
            "in section [region %s]",
            region, region);
    err = iso_replica_open(path, replica, &cli->why);
    if (err ==
        ISO_NOT_FOUND) /* of a store: a script must not take it for a missing key */
        err = cli->why.err = ISO_NO_DEFINITION;
    return err;
}

/* By the newest definition of the store, so that it names the schemas of everything
 * that was read from it before. */
static enum iso_err view_open(struct cli *cli, struct iso_replica *replica,
                              const struct read_arguments *arguments,
                              struct cli_view **view)
{
    const struct iso_definition *definition;
    enum iso_err err = iso_replica_definition(replica, arguments->given.places[0],
                                              &definition, &cli->why);
    if (err != ISO_OK)
        return err;
    return iso_cli_view_new(cli, definition, arguments->schema, arguments->raw, view);
}

/* ---- get ---- */

static enum iso_err read_print_json(struct cli *cli, struct cli_view *view,
                                    struct iso_bytes key, const struct iso_read *read,
                                    bool found)
{
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(read->version, version);
    struct iso_buf context = {0};
    iso_base64_encode(&context, iso_buf_bytes(&read->context));
    json_t *object = json_object();
    json_object_set_new(object, "key", iso_cli_json_bytes(key));
    json_object_set_new(object, "found", json_boolean(found));
    enum iso_err err = ISO_OK;
    if (found) {
        err = iso_cli_view_set(cli, view, iso_buf_bytes(&read->value), object);
        json_object_set_new(object, "version", json_string(version));
    }
    if (found && read->has_expiry)
        json_object_set_new(object, "expiry_ms", json_integer(read->expiry_ms));
    json_object_set_new(object, "context", json_string(iso_buf_text(&context)));
    iso_buf_release(&context);
    if (err == ISO_OK)
        iso_cli_print_json(object);
    else
        json_decref(object);
    return err;
}

/* With --raw nothing stands behind the bytes, so that `put --raw` takes them again. */
static enum iso_err read_print(struct cli *cli, struct cli_view *view, bool raw,
                               const struct iso_read *read)
{
    struct iso_buf text = {0};
    enum iso_err err = iso_cli_view_text(cli, view, iso_buf_bytes(&read->value), &text);
    if (err == ISO_OK && !raw)
        iso_buf_add_u8(&text, '\n');
    if (err == ISO_OK)
        fwrite(text.data, 1, text.size, stdout);
    iso_buf_release(&text);
    return err;
}

static enum iso_err get_print(struct cli *cli, struct iso_replica *replica,
                              const struct read_arguments *arguments,
                              const struct iso_read *read, bool found)
{
    struct cli_view *view;
    enum iso_err err = view_open(cli, replica, arguments, &view);
    if (err != ISO_OK)
        return err;
    struct iso_bytes key = iso_bytes_text(arguments->given.places[1]);
    if (arguments->given.json)
        err = read_print_json(cli, view, key, read, found);
    else if (found)
        err = read_print(cli, view, arguments->raw, read);
    iso_cli_view_free(view);
    return err;
}

enum iso_err iso_cli_get(struct cli *cli, int argc, char **argv)
{
    struct read_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 2,
                                      .most = 2,
                                      .options = get_options,
                                      .parser = read_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct iso_replica *replica = NULL;
    enum iso_err err = replica_open(cli, arguments.given.region, &replica);
    if (err != ISO_OK)
        return err;
    struct iso_read read = {0};
    const char *collection = arguments.given.places[0],
               *key = arguments.given.places[1];
    enum iso_err found =
        iso_replica_get(replica, collection, iso_bytes_text(key), &read, &cli->why);
    err = found;
    if (found == ISO_OK || found == ISO_NOT_FOUND)
        err = get_print(cli, replica, &arguments, &read, found == ISO_OK);
    if (err == ISO_OK && found == ISO_NOT_FOUND) {
        err = iso_fail(&cli->why, found, "key %s is not in %s of region %s", key,
                       collection, iso_replica_region(replica));
        if (arguments.given.json) /* the answer was printed */
            cli->why.text[0] = '\0';
    }
    iso_read_release(&read);
    iso_replica_close(replica);
    return err;
}

/* ---- export ---- */

struct export
{
    struct cli *cli;
    struct cli_view *view;
    bool json;
    struct iso_buf line, text;
};

static enum iso_err item_print_json(struct export *export,
                                    const struct iso_replica_item *item)
{
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(item->version, version);
    json_t *object = json_pack("{s:o, s:s}", "key", iso_cli_json_bytes(item->key),
                               "version", version);
    enum iso_err err = iso_cli_view_set(export->cli, export->view, item->value, object);
    if (err == ISO_OK)
        iso_cli_print_json(object);
    else
        json_decref(object);
    return err;
}

/* JSON is one line by itself, and stands as it is. */
static enum iso_err item_print(struct export *export,
                               const struct iso_replica_item *item)
{
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(item->version, version);
    struct iso_buf *line = &export->line, *text = &export->text;
    iso_buf_clear(line);
    iso_buf_clear(text);
    enum iso_err err = iso_cli_view_text(export->cli, export->view, item->value, text);
    if (err != ISO_OK)
        return err;
    iso_escape(line, item->key);
    iso_buf_print(line, "\t%s\t", version);
    if (iso_cli_view_is_json(export->view))
        iso_buf_add_bytes(line, iso_buf_bytes(text));
    else
        iso_escape(line, iso_buf_bytes(text));
    iso_buf_add_u8(line, '\n');
    fwrite(line->data, 1, line->size, stdout);
    return ISO_OK;
}

static enum iso_err items_print(struct export *export, struct iso_replica_scan *scan)
{
    struct cli *cli = export->cli;
    struct iso_replica_item item;
    enum iso_err err;
    while ((err = iso_replica_scan_next(scan, &item, &cli->why)) == ISO_OK) {
        err = export->json ? item_print_json(export, &item) : item_print(export, &item);
        if (err == ISO_OK)
            continue;
        iso_buf_clear(&export->line);
        iso_escape(&export->line, item.key);
        return iso_fail_at(&cli->why, err, "key %.100s", iso_buf_text(&export->line));
    }
    return err == ISO_END ? ISO_OK : err;
}

static enum iso_err export_print(struct cli *cli, struct iso_replica *replica,
                                 const struct read_arguments *arguments)
{
    struct iso_replica_scan *scan;
    const char *collection = arguments->given.places[0];
    enum iso_err err =
        arguments->conflicts
            ? iso_replica_scan_losers(replica, collection, &scan, &cli->why)
            : iso_replica_scan_open(replica, collection, &scan, &cli->why);
    if (err != ISO_OK)
        return err;
    struct export export = {.cli = cli, .json = arguments->given.json};
    err = view_open(cli, replica, arguments, &export.view);
    if (err == ISO_OK)
        err = items_print(&export, scan);
    iso_cli_view_free(export.view);
    iso_buf_release(&export.line);
    iso_buf_release(&export.text);
    iso_replica_scan_close(scan);
    return err;
}

enum iso_err iso_cli_export(struct cli *cli, int argc, char **argv)
{
    struct read_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 1,
                                      .most = 1,
                                      .options = export_options,
                                      .parser = read_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct iso_replica *replica = NULL;
    enum iso_err err = replica_open(cli, arguments.given.region, &replica);
    if (err != ISO_OK)
        return err;
    err = export_print(cli, replica, &arguments);
    iso_replica_close(replica);
    return err;
}
