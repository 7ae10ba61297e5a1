/* What the commands share. Nothing here touches Kafka before a command asks for it. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

#include "producer/define.h"

const struct cli_command *iso_cli_command_now;

void iso_cli_parse(const struct cli_command *command, const struct argp_option *options,
                   argp_parser_t parser, int argc, char **argv, void *input)
{
    const struct argp argp = {
        .options = options,
        .parser = parser,
        .args_doc = command->arguments,
        .doc = command->words,
    };
    argp_parse(&argp, argc, argv, 0, NULL, input);
}

bool iso_cli_take(const char **places, size_t count, const char *argument)
{
    for (size_t i = 0; i < count; i++) {
        if (places[i] == NULL) {
            places[i] = argument;
            return true;
        }
    }
    return false;
}

const char *iso_cli_prefix(const struct cli *cli)
{
    return iso_settings_text(cli->settings, "topics", NULL, "prefix");
}

enum iso_err iso_cli_bus(struct cli *cli, const char *cluster, struct iso_bus **bus)
{
    for (int n = 0; n < CLI_CLUSTERS_MAX; n++) {
        const char *name = iso_settings_name(cli->settings, "cluster", n);
        if (name == NULL)
            break;
        if (cluster != NULL && strcmp(cluster, name) != 0)
            continue;
        enum iso_err err = ISO_OK;
        if (cli->buses[n] == NULL)
            err = iso_bus_kafka_open(cli->settings, name, &cli->buses[n], &cli->why);
        *bus = cli->buses[n];
        return err;
    }
    if (cluster != NULL)
        return iso_fail(&cli->why, ISO_SETTING,
                        "cluster %s is not in the settings: write `[cluster %s]` and "
                        "`servers = HOST:PORT`",
                        cluster, cluster);
    return iso_fail(
        &cli->why, ISO_SETTING,
        "no cluster is set: write `[cluster home]` and `servers = HOST:PORT` "
        "into the settings file (--config, $ISOSTASY_CONFIG), or give -X "
        "cluster.home.servers=HOST:PORT");
}

enum iso_err iso_cli_control(struct cli *cli)
{
    struct iso_bus *home = NULL;
    enum iso_err err = iso_cli_bus(cli, NULL, &home);
    if (err != ISO_OK)
        return err;
    if (cli->control == NULL)
        cli->control = iso_control_new();
    struct iso_control_place place = {
        .home = home, .prefix = iso_cli_prefix(cli), .timeout_ms = CLI_TIMEOUT_MS};
    err = iso_control_read(&place, cli->control, &cli->why);
    if (err == ISO_NOT_FOUND)
        return iso_fail(&cli->why, ISO_NO_DEFINITION,
                        "nothing is defined in this cluster yet (there is no topic "
                        "%scontrol): begin with `isostasy region add NAME`",
                        iso_cli_prefix(cli));
    return err;
}

enum iso_err iso_cli_definition(struct cli *cli, const char *collection,
                                const struct iso_definition **definition)
{
    enum iso_err err = iso_cli_control(cli);
    if (err != ISO_OK)
        return err;
    *definition = iso_control_definition(cli->control, collection, 0);
    if (*definition != NULL)
        return ISO_OK;
    struct iso_buf names = {0};
    const char *name;
    for (size_t i = 0; (name = iso_control_collection(cli->control, i)) != NULL; i++)
        iso_buf_print(&names, "%s%s", i == 0 ? "" : ", ", name);
    err = iso_fail(&cli->why, ISO_NO_DEFINITION,
                   "there is no collection %s (there is: %s); make it with `isostasy "
                   "collection create %s`",
                   collection, names.size ? iso_buf_text(&names) : "none", collection);
    iso_buf_release(&names);
    return err;
}

enum iso_err iso_cli_region(struct cli *cli, const char *named, const char **region)
{
    if (named != NULL && !iso_settings_has(cli->settings, "region", named))
        return iso_fail(&cli->why, ISO_SETTING,
                        "region %s is not in the settings: write `[region %s]`, or see "
                        "`isostasy region list` for the regions there are",
                        named, named);
    *region = named ? named : iso_settings_name(cli->settings, "region", 0);
    if (*region == NULL ||
        (named == NULL && iso_settings_name(cli->settings, "region", 1) != NULL))
        return iso_fail(&cli->why, ISO_USAGE,
                        "the settings name %s region: say which one with --region NAME",
                        *region == NULL ? "no" : "more than one");
    return ISO_OK;
}

void iso_cli_print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(value);
}

json_t *iso_cli_json_bytes(struct iso_bytes bytes)
{
    json_t *text = json_stringn((const char *)bytes.data, bytes.size);
    if (text != NULL || bytes.size == 0)
        return text ? text : json_string("");
    struct iso_buf base64 = {0};
    iso_base64_encode(&base64, bytes);
    json_t *object = json_pack("{s:s%}", "base64", base64.data, base64.size);
    iso_buf_release(&base64);
    return object;
}
