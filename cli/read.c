/* isostasy get|export: reads of a region's store, beside its running daemon.
 *
 * An export line: key, tab, version in 32 hexadecimal digits, tab, value; bytes outside
 * 20–7E and `\` as \xHH; bytewise by key. So two regions' exports can be compared byte
 * for byte.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "consumer/replica.h"

struct read_arguments {
    struct cli_given given; /* collection, key */
    bool conflicts;
};

static const struct argp_option export_options[] = {
    {"conflicts", 'C', NULL, 0, "The conflict ledger instead of the live entries", 0},
    {0},
};

static error_t export_option(int key, char *value, struct argp_state *state)
{
    struct read_arguments *arguments = state->input;
    (void)value;
    if (key != 'C')
        return ARGP_ERR_UNKNOWN;
    arguments->conflicts = true;
    return 0;
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

static void read_print_json(struct iso_bytes key, const struct iso_read *read,
                            bool found)
{
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(read->version, version);
    struct iso_buf context = {0};
    iso_base64_encode(&context, iso_buf_bytes(&read->context));
    json_t *object = json_object();
    json_object_set_new(object, "key", iso_cli_json_bytes(key));
    json_object_set_new(object, "found", json_boolean(found));
    if (found) {
        json_object_set_new(object, "value",
                            iso_cli_json_bytes(iso_buf_bytes(&read->value)));
        json_object_set_new(object, "version", json_string(version));
    }
    if (found && read->has_expiry)
        json_object_set_new(object, "expiry_ms", json_integer(read->expiry_ms));
    json_object_set_new(object, "context", json_string(iso_buf_text(&context)));
    iso_cli_print_json(object);
    iso_buf_release(&context);
}

enum iso_err iso_cli_get(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    const struct cli_syntax syntax = {
        .takes = CLI_REGION | CLI_JSON, .least = 2, .most = 2};
    iso_cli_parse(&syntax, argc, argv, &given);
    struct iso_replica *replica = NULL;
    enum iso_err err = replica_open(cli, given.region, &replica);
    if (err != ISO_OK)
        return err;
    struct iso_read read = {0};
    struct iso_bytes key = iso_bytes_text(given.places[1]);
    err = iso_replica_get(replica, given.places[0], key, &read, &cli->why);
    if (err == ISO_NOT_FOUND)
        iso_fail(&cli->why, err, "key %s is not in %s of region %s", given.places[1],
                 given.places[0], iso_replica_region(replica));
    if (given.json && (err == ISO_OK || err == ISO_NOT_FOUND)) {
        read_print_json(key, &read, err == ISO_OK);
        cli->why.text[0] = '\0';
    } else if (err == ISO_OK) {
        fwrite(read.value.data, 1, read.value.size, stdout);
        putchar('\n');
    }
    iso_read_release(&read);
    iso_replica_close(replica);
    return err;
}

static void item_print(const struct iso_replica_item *item, bool json,
                       struct iso_buf *line)
{
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(item->version, version);
    if (json) {
        iso_cli_print_json(json_pack("{s:o, s:s, s:o}", "key",
                                     iso_cli_json_bytes(item->key), "version", version,
                                     "value", iso_cli_json_bytes(item->value)));
        return;
    }
    iso_buf_clear(line);
    iso_escape(line, item->key);
    iso_buf_print(line, "\t%s\t", version);
    iso_escape(line, item->value);
    iso_buf_add_u8(line, '\n');
    fwrite(line->data, 1, line->size, stdout);
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
    struct iso_buf line = {0};
    struct iso_replica_item item;
    while ((err = iso_replica_scan_next(scan, &item, &cli->why)) == ISO_OK)
        item_print(&item, arguments->given.json, &line);
    iso_buf_release(&line);
    iso_replica_scan_close(scan);
    return err == ISO_END ? ISO_OK : err;
}

enum iso_err iso_cli_export(struct cli *cli, int argc, char **argv)
{
    struct read_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 1,
                                      .most = 1,
                                      .options = export_options,
                                      .parser = export_option,
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
