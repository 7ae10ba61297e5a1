/* isostasy region add|list: names and numbers, claimed in the control topic. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "producer/define.h"

struct region_arguments {
    const char *name;
    unsigned number;
    bool json;
};

static error_t add_option(int key, char *value, struct argp_state *state)
{
    struct region_arguments *arguments = state->input;
    char *end;
    switch (key) {
    case 'n':
        arguments->number = (unsigned)strtoul(value, &end, 10);
        if (*end != '\0' || arguments->number < 1 || arguments->number > ISO_REGION_MAX)
            argp_error(state, "--number takes 1 to %d", ISO_REGION_MAX);
        return 0;
    case ARGP_KEY_ARG:
        if (!iso_cli_take(&arguments->name, 1, value))
            argp_error(state, "one name; '%s' is one too many", value);
        return 0;
    case ARGP_KEY_END:
        if (arguments->name == NULL)
            argp_error(state, "which name?");
        if (!iso_region_name_valid(arguments->name))
            argp_error(state, "a region's name is 1 to %d of a-z, 0-9 and -",
                       ISO_REGION_NAME_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option add_options[] = {
    {"number", 'n', "N", 0, "Its number, 1 to 64 (else the lowest that is free)", 0},
    {0},
};

enum iso_err iso_cli_region_add(struct cli *cli, int argc, char **argv)
{
    struct region_arguments arguments = {0};
    iso_cli_parse(iso_cli_command_now, add_options, add_option, argc, argv, &arguments);
    struct iso_bus *home = NULL;
    enum iso_err err = iso_cli_bus(cli, NULL, &home);
    if (err != ISO_OK)
        return err;
    const char *cluster = iso_settings_name(cli->settings, "cluster", 0);
    int replication =
        (int)iso_settings_number(cli->settings, "cluster", cluster, "replication");
    err = iso_control_topics(home, iso_cli_prefix(cli), true, replication,
                             CLI_TIMEOUT_MS, &cli->why);
    if (err == ISO_OK)
        err = iso_cli_control(cli);
    unsigned number = 0;
    struct iso_control_place place = {
        .home = home, .prefix = iso_cli_prefix(cli), .timeout_ms = CLI_TIMEOUT_MS};
    if (err == ISO_OK)
        err = iso_control_add_region(&place, arguments.name, arguments.number,
                                     cli->control, &number, &cli->why);
    if (err == ISO_OK)
        printf("region %s has number %u\n", arguments.name, number);
    return err;
}

static error_t list_option(int key, char *value, struct argp_state *state)
{
    (void)value;
    struct region_arguments *arguments = state->input;
    if (key != 'j')
        return ARGP_ERR_UNKNOWN;
    arguments->json = true;
    return 0;
}

static const struct argp_option list_options[] = {
    {"json", 'j', NULL, 0, "One JSON object a line", 0},
    {0},
};

enum iso_err iso_cli_region_list(struct cli *cli, int argc, char **argv)
{
    struct region_arguments arguments = {0};
    iso_cli_parse(iso_cli_command_now, list_options, list_option, argc, argv,
                  &arguments);
    enum iso_err err = iso_cli_control(cli);
    if (err != ISO_OK)
        return err;
    for (unsigned number = 1; number <= ISO_REGION_MAX; number++) {
        const char *name = iso_control_region_name(cli->control, number);
        if (name == NULL)
            continue;
        if (arguments.json)
            iso_cli_print_json(
                json_pack("{s:i, s:s}", "number", (int)number, "name", name));
        else
            printf("%2u  %s\n", number, name);
    }
    return ISO_OK;
}
