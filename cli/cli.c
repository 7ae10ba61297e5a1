/* What the commands share. Nothing here touches Kafka before a command asks for it. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumer/replica.h"
#include "producer/define.h"
#include "schema/avro_text.h"

const struct cli_command *iso_cli_command_now;

/* ---- the command line ---- */

struct cli_parse {
    const struct cli_syntax *syntax;
    struct cli_given *given;
    int count;
};

static const struct argp_option region_options[] = {
    {"region", 'r', "NAME", 0, "Of which region (else the only one in the settings)",
     0},
    {0},
};

static const struct argp_option json_options[] = {
    {"json", 'j', NULL, 0, "As JSON, one object a line", 0},
    {0},
};

static error_t common_option(int key, char *value, struct argp_state *state)
{
    struct cli_given *given = state->input;
    switch (key) {
    case 'r':
        given->region = value;
        return 0;
    case 'j':
        given->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp region_argp = {.options = region_options,
                                        .parser = common_option};
static const struct argp json_argp = {.options = json_options, .parser = common_option};

static error_t place_option(int key, char *value, struct argp_state *state)
{
    struct cli_parse *parse = state->input;
    const struct cli_syntax *syntax = parse->syntax;
    int child = 0;
    switch (key) {
    case ARGP_KEY_INIT:
        if (syntax->options != NULL)
            state->child_inputs[child++] = syntax->input;
        if (syntax->shared != NULL)
            state->child_inputs[child++] = syntax->shared_input;
        if ((syntax->takes & CLI_REGION) != 0)
            state->child_inputs[child++] = parse->given;
        if ((syntax->takes & CLI_JSON) != 0)
            state->child_inputs[child++] = parse->given;
        return 0;
    case ARGP_KEY_ARG:
        if (parse->count == syntax->most)
            argp_error(state, "'%s' is one too many", value);
        if (parse->count < CLI_PLACES)
            parse->given->places[parse->count] = value;
        else
            parse->given->more[parse->count - CLI_PLACES] = value;
        parse->count++;
        return 0;
    case ARGP_KEY_END:
        if (parse->count < syntax->least)
            argp_error(state, "too little is said: it takes %s",
                       iso_cli_command_now->arguments);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void iso_cli_parse(const struct cli_syntax *syntax, int argc, char **argv,
                   struct cli_given *given)
{
    const struct argp own = {.options = syntax->options, .parser = syntax->parser};
    struct argp_child children[5] = {0};
    int child = 0;
    if (syntax->options != NULL)
        children[child++].argp = &own;
    if (syntax->shared != NULL)
        children[child++].argp = syntax->shared;
    if ((syntax->takes & CLI_REGION) != 0)
        children[child++].argp = &region_argp;
    if ((syntax->takes & CLI_JSON) != 0)
        children[child++].argp = &json_argp;
    const struct argp argp = {
        .children = children,
        .parser = place_option,
        .args_doc = iso_cli_command_now->arguments,
        .doc = iso_cli_command_now->words,
    };
    struct cli_parse parse = {.syntax = syntax, .given = given};
    argp_parse(&argp, argc, argv, 0, NULL, &parse);
}

/* ---- what commands look up ---- */

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

enum iso_err iso_cli_place(struct cli *cli, struct iso_control_place *place)
{
    *place = (struct iso_control_place){.prefix = iso_cli_prefix(cli),
                                        .timeout_ms = CLI_TIMEOUT_MS};
    return iso_cli_bus(cli, NULL, &place->home);
}

enum iso_err iso_cli_control(struct cli *cli)
{
    struct iso_control_place place;
    enum iso_err err = iso_cli_place(cli, &place);
    if (err != ISO_OK)
        return err;
    if (cli->control == NULL)
        cli->control = iso_control_new();
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

enum iso_err iso_cli_replica(struct cli *cli, const char *named,
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

enum iso_err iso_cli_read(struct cli *cli, const char *path, size_t max,
                          struct iso_buf *bytes)
{
    bool piped = strcmp(path, "-") == 0;
    FILE *in = piped ? stdin : fopen(path, "re");
    if (in == NULL)
        return iso_fail(&cli->why, ISO_IO, "%s: %s", path, strerror(errno));
    char chunk[65536];
    size_t size;
    enum iso_err err = ISO_OK;
    while (err == ISO_OK && (size = fread(chunk, 1, sizeof chunk, in)) > 0) {
        iso_buf_add(bytes, chunk, size);
        if (bytes->size > max)
            err = iso_fail(&cli->why, ISO_TOO_LARGE,
                           "%s is over the limit of %zu bytes: give less",
                           piped ? "standard input" : path, max);
    }
    if (err == ISO_OK && ferror(in))
        err = iso_fail(&cli->why, ISO_IO, "%s: %s", piped ? "standard input" : path,
                       strerror(errno));
    if (!piped)
        fclose(in);
    return err;
}

void iso_cli_print_json(json_t *value)
{
    struct iso_buf text = {0};
    iso_avro_text(value, &text); /* jansson's own writes 0.1 with 17 digits */
    iso_buf_add_u8(&text, '\n');
    fwrite(text.data, 1, text.size, stdout);
    iso_buf_release(&text);
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
