/* isostasy get|export: reads of a region's store, beside its running daemon.
 *
 * An export line: key, tab, version in 32 hexadecimal digits, tab, value; bytewise by
 * key. The value is its JSON or, opaque or --raw, its bytes; in keys and such values
 * bytes outside 20–7E and `\` are \xHH. So two regions' exports can be compared byte
 * for byte.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/held.h"
#include "cli/session.h"
#include "consumer/plugin.h"

enum { SIBLINGS_MANY = 64 }; /* a key with more is told */

struct read_arguments {
    struct cli_given given; /* collection, key */
    struct cli_session session;
    const char *schema;
    bool conflicts, siblings, raw;
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

static const struct argp_option get_options[] = {
    {"siblings", 'a', NULL, 0,
     "All values that no write replaced, newest first: version, tab, value", 0},
    READ_OPTIONS,
    {0},
};

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
    case 'a':
        arguments->siblings = true;
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

/* By the newest definition of the store, so that it names the schemas of everything
 * that was read from it before. Records that are put together by a reader's schema are
 * read by it: so their view is opened before. */
static enum iso_err view_open(struct cli *cli, struct iso_replica *replica,
                              const struct read_arguments *arguments,
                              struct cli_view **view)
{
    const char *collection = arguments->given.places[0];
    const struct iso_definition *definition;
    if (*view != NULL)
        return ISO_OK;
    enum iso_err err =
        iso_replica_definition(replica, collection, &definition, &cli->why);
    if (err == ISO_OK)
        err =
            iso_cli_view_new(cli, definition, arguments->schema, arguments->raw, view);
    if (err == ISO_OK && iso_cli_view_reader(*view) != NULL)
        err = iso_replica_read_as(replica, collection, iso_cli_view_reader(*view),
                                  &cli->why);
    return err;
}

static enum iso_err view_open_before(struct cli *cli, struct iso_replica *replica,
                                     const struct read_arguments *arguments,
                                     struct cli_view **view)
{
    const struct iso_definition *definition;
    *view = NULL;
    enum iso_err err = iso_replica_definition(replica, arguments->given.places[0],
                                              &definition, &cli->why);
    if (err != ISO_OK)
        return err;
    bool keeps_siblings = strcmp(definition->resolver, "siblings") == 0 ||
                          strncmp(definition->resolver, "plugin:", 7) == 0;
    if (arguments->siblings && !keeps_siblings)
        return iso_fail(&cli->why, ISO_USAGE,
                        "collection %s keeps no siblings (its resolver is %s): leave "
                        "--siblings out",
                        definition->collection, definition->resolver);
    if (arguments->schema == NULL || !iso_definition_has_fields(definition))
        return ISO_OK;
    return view_open(cli, replica, arguments, view);
}

/* ---- get ---- */

static enum iso_err siblings_set(struct cli *cli, struct cli_view *view,
                                 const struct iso_read *read, json_t *object)
{
    json_t *array = json_array();
    json_object_set_new(object, "siblings", array);
    json_object_set_new(object, "siblings_total",
                        json_integer((json_int_t)read->sibling_total));
    for (size_t i = 0; i < read->sibling_count; i++) {
        const struct iso_sibling *sibling = &read->siblings[i];
        char version[ISO_VERSION_DIGITS + 1];
        iso_version_text(sibling->version, version);
        json_t *item = json_object();
        json_array_append_new(array, item);
        enum iso_err err = iso_cli_view_set(cli, view, sibling->value, item);
        if (err != ISO_OK)
            return err;
        json_object_set_new(item, "version", json_string(version));
        if (sibling->has_expiry)
            json_object_set_new(item, "expiry_ms", json_integer(sibling->expiry_ms));
    }
    return ISO_OK;
}

static enum iso_err read_print_json(struct cli *cli, struct cli_view *view,
                                    struct iso_bytes key, const struct iso_read *read,
                                    bool found)
{
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(read->version, version);
    json_t *object = json_object();
    json_object_set_new(object, "key", iso_cli_json_bytes(key));
    json_object_set_new(object, "found", json_boolean(found));
    enum iso_err err = ISO_OK;
    if (found) {
        err = iso_cli_view_set(cli, view, iso_buf_bytes(&read->value), object);
        json_object_set_new(object, "version", json_string(version));
    }
    if (err == ISO_OK && found && read->sibling_count > 0)
        err = siblings_set(cli, view, read, object);
    if (found && read->has_expiry)
        json_object_set_new(object, "expiry_ms", json_integer(read->expiry_ms));
    iso_cli_session_set(object, "context", &read->context);
    iso_cli_session_set(object, "token", &read->token);
    if (read->stale) {
        uint64_t missing = read->missing < INT64_MAX ? read->missing : INT64_MAX;
        json_object_set_new(object, "stale", json_true());
        json_object_set_new(object, "missing", json_integer((json_int_t)missing));
    }
    if (err == ISO_OK)
        iso_cli_print_json(object);
    else
        json_decref(object);
    return err;
}

/* What is printed behind a tab: JSON is one line by itself, and stands as it is. */
static enum iso_err line_value(struct cli *cli, struct cli_view *view,
                               struct iso_bytes value, struct iso_buf *line)
{
    struct iso_buf text = {0};
    enum iso_err err = iso_cli_view_text(cli, view, value, &text);
    if (err == ISO_OK && iso_cli_view_is_json(view))
        iso_buf_add_bytes(line, iso_buf_bytes(&text));
    else if (err == ISO_OK)
        iso_escape(line, iso_buf_bytes(&text));
    iso_buf_release(&text);
    return err;
}

static enum iso_err siblings_print(struct cli *cli, struct cli_view *view,
                                   const struct iso_read *read)
{
    struct iso_buf line = {0};
    enum iso_err err = ISO_OK;
    for (size_t i = 0; err == ISO_OK && i < read->sibling_count; i++) {
        char version[ISO_VERSION_DIGITS + 1];
        iso_version_text(read->siblings[i].version, version);
        iso_buf_clear(&line);
        err = line_value(cli, view, read->siblings[i].value, &line);
        if (err == ISO_OK)
            printf("%s\t%s\n", version, iso_buf_text(&line));
    }
    iso_buf_release(&line);
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

static enum iso_err get_print(struct cli *cli, struct cli_view *view,
                              const struct read_arguments *arguments,
                              const struct iso_read *read, bool found)
{
    struct iso_bytes key = iso_bytes_text(arguments->given.places[1]);
    if (read->sibling_total > SIBLINGS_MANY)
        fprintf(stderr,
                "isostasy: key %s has %zu siblings, the newest %zu are given: settle "
                "them by a put with their context (get --json prints it)\n",
                arguments->given.places[1], read->sibling_total, read->sibling_count);
    if (read->stale)
        fprintf(stderr, "isostasy: stale: records missing here: at most %" PRIu64 "\n",
                read->missing);
    if (arguments->given.json)
        return read_print_json(cli, view, key, read, found);
    if (found && arguments->siblings)
        return siblings_print(cli, view, read);
    return found ? read_print(cli, view, arguments->raw, read) : ISO_OK;
}

static enum iso_err get_run(struct cli *cli, struct iso_replica *replica,
                            const struct read_arguments *arguments)
{
    const char *collection = arguments->given.places[0],
               *key = arguments->given.places[1];
    struct iso_read read = {0};
    struct cli_view *view;
    enum iso_err found = ISO_OK;
    enum iso_err err = view_open_before(cli, replica, arguments, &view);
    if (err == ISO_OK)
        err = found = iso_cli_session_get(cli, replica, &arguments->given,
                                          &arguments->session, &read);
    if (err == ISO_OK || err == ISO_NOT_FOUND)
        err = view_open(cli, replica, arguments, &view);
    if (err == ISO_OK)
        err = get_print(cli, view, arguments, &read, found == ISO_OK);
    if (err == ISO_OK && found == ISO_NOT_FOUND) {
        err = iso_fail(&cli->why, found, "key %s is not in %s of region %s", key,
                       collection, iso_replica_region(replica));
        if (arguments->given.json) /* the answer was printed */
            cli->why.text[0] = '\0';
    }
    iso_cli_view_free(view);
    iso_read_release(&read);
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
                                      .input = &arguments,
                                      .shared = &iso_cli_read_argp,
                                      .shared_input = &arguments.session};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct iso_replica *replica = NULL;
    enum iso_err err = iso_cli_replica(cli, arguments.given.region, &replica);
    if (err != ISO_OK)
        return err;
    struct iso_plugin_child *plugin = NULL;
    if (!arguments.siblings)
        err = iso_cli_plugin(cli, replica, arguments.given.places[0], &plugin);
    if (err == ISO_OK)
        err = get_run(cli, replica, &arguments);
    iso_replica_close(replica);
    iso_plugin_close(plugin);
    return err;
}

/* ---- export ---- */

struct export
{
    struct cli *cli;
    struct cli_view *view;
    struct cli_held held; /* of losers; zero until one is met */
    bool json;
    struct iso_buf line;
};

/* Of a collection of fields the ledger has parts; of a record whose bytes were dropped,
 * *value is NULL. */
static enum iso_err loser_value(struct export *export,
                                const struct iso_replica_item *item, json_t **value,
                                struct iso_buf *place)
{
    struct iso_path path;
    enum iso_err err = ISO_OK;
    *value = NULL;
    if (export->held.cli == NULL)
        err = iso_cli_held_init(export->cli, iso_cli_view_definition(export->view),
                                &export->held);
    if (err != ISO_OK)
        return err;
    iso_cli_held_place(&export->held, item->path, place);
    if (item->dropped)
        return ISO_OK;
    if (!iso_path_decode(item->path, &path))
        return iso_fail(&export->cli->why, ISO_DAMAGED,
                        "a ledger row does not say which field it is of: repair this "
                        "region from another");
    *value = iso_cli_held_part(&export->held, &path, item->fingerprint, item->value);
    return ISO_OK;
}

static void loser_print_json(const struct iso_replica_item *item, const char *version,
                             struct iso_buf *place, json_t *value)
{
    json_t *object = json_object();
    json_object_set_new(object, "key", iso_cli_json_bytes(item->key));
    if (place->size > 0)
        json_object_set_new(object, "field", json_string(iso_buf_text(place)));
    json_object_set_new(object, "version", json_string(version));
    json_object_set_new(object, value != NULL ? "value" : "dropped",
                        value != NULL ? json_incref(value) : json_true());
    iso_cli_print_json(object);
}

/* A part that lost, or the record of a value that was dropped. */
static enum iso_err loser_print(struct export *export,
                                const struct iso_replica_item *item,
                                const char *version)
{
    struct iso_buf place = {0}, *line = &export->line;
    json_t *value;
    enum iso_err err = loser_value(export, item, &value, &place);
    if (err == ISO_OK && export->json) {
        loser_print_json(item, version, &place, value);
    } else if (err == ISO_OK) {
        iso_escape(line, item->key);
        iso_buf_print(line, "\t%s\t", version);
        if (place.size > 0)
            iso_buf_print(line, "%s\t", iso_buf_text(&place));
        if (value != NULL)
            iso_cli_json_text(value, line);
        printf("%s%s\n", iso_buf_text(line), value == NULL ? "(dropped)" : "");
    }
    json_decref(value);
    iso_buf_release(&place);
    return err;
}

static enum iso_err item_print_json(struct export *export,
                                    const struct iso_replica_item *item,
                                    const char *version)
{
    json_t *object = json_pack("{s:o, s:s}", "key", iso_cli_json_bytes(item->key),
                               "version", version);
    enum iso_err err = iso_cli_view_set(export->cli, export->view, item->value, object);
    if (err == ISO_OK)
        iso_cli_print_json(object);
    else
        json_decref(object);
    return err;
}

static enum iso_err item_print(struct export *export,
                               const struct iso_replica_item *item)
{
    char version[ISO_VERSION_DIGITS + 1];
    struct iso_buf *line = &export->line;
    iso_version_text(item->version, version);
    iso_buf_clear(line);
    if (item->path.size > 0 || item->dropped)
        return loser_print(export, item, version);
    if (export->json)
        return item_print_json(export, item, version);
    iso_escape(line, item->key);
    iso_buf_print(line, "\t%s\t", version);
    enum iso_err err = line_value(export->cli, export->view, item->value, line);
    iso_buf_add_u8(line, '\n');
    if (err == ISO_OK)
        fwrite(line->data, 1, line->size, stdout);
    return err;
}

static enum iso_err items_print(struct export *export, struct iso_replica_scan *scan)
{
    struct cli *cli = export->cli;
    struct iso_replica_item item;
    enum iso_err err;
    while ((err = iso_replica_scan_next(scan, &item, &cli->why)) == ISO_OK) {
        err = item_print(export, &item);
        if (err == ISO_OK)
            continue;
        iso_buf_clear(&export->line);
        iso_escape(&export->line, item.key);
        return iso_fail_at(&cli->why, err, "key %.100s", iso_buf_text(&export->line));
    }
    return err == ISO_END ? ISO_OK : err;
}

static enum iso_err export_scan(struct export *export, struct iso_replica *replica,
                                const struct read_arguments *arguments)
{
    struct iso_replica_scan *scan;
    struct cli *cli = export->cli;
    const char *collection = arguments->given.places[0];
    enum iso_err err =
        arguments->conflicts
            ? iso_replica_scan_losers(replica, collection, &scan, &cli->why)
            : iso_replica_scan_open(replica, collection, &scan, &cli->why);
    if (err != ISO_OK)
        return err;
    err = view_open(cli, replica, arguments, &export->view);
    if (err == ISO_OK)
        err = items_print(export, scan);
    iso_replica_scan_close(scan);
    return err;
}

static enum iso_err export_print(struct cli *cli, struct iso_replica *replica,
                                 const struct read_arguments *arguments)
{
    struct export export = {.cli = cli, .json = arguments->given.json};
    enum iso_err err = view_open_before(cli, replica, arguments, &export.view);
    if (err == ISO_OK)
        err = export_scan(&export, replica, arguments);
    iso_cli_held_release(&export.held);
    iso_cli_view_free(export.view);
    iso_buf_release(&export.line);
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
    enum iso_err err = iso_cli_replica(cli, arguments.given.region, &replica);
    if (err != ISO_OK)
        return err;
    struct iso_plugin_child *plugin = NULL;
    if (!arguments.conflicts)
        err = iso_cli_plugin(cli, replica, arguments.given.places[0], &plugin);
    if (err == ISO_OK)
        err = export_print(cli, replica, &arguments);
    iso_replica_close(replica);
    iso_plugin_close(plugin);
    return err;
}
