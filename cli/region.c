/* isostasy region add|list: names and numbers, claimed in the control topic. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "producer/define.h"

static error_t add_option(int key, char *value, struct argp_state *state)
{
    unsigned *number = state->input;
    char *end;
    if (key != 'n')
        return ARGP_ERR_UNKNOWN;
    *number = (unsigned)strtoul(value, &end, 10);
    if (*end != '\0' || *number < 1 || *number > ISO_REGION_MAX)
        argp_error(state, "--number takes 1 to %d", ISO_REGION_MAX);
    return 0;
}

static const struct argp_option add_options[] = {
    {"number", 'n', "N", 0, "Its number, 1 to 64 (else the lowest that is free)", 0},
    {0},
};

enum iso_err iso_cli_region_add(struct cli *cli, int argc, char **argv)
{
    unsigned wanted = 0;
    struct cli_given given = {0};
    const struct cli_syntax syntax = {.least = 1,
                                      .most = 1,
                                      .options = add_options,
                                      .parser = add_option,
                                      .input = &wanted};
    iso_cli_parse(&syntax, argc, argv, &given);
    const char *name = given.places[0];
    if (!iso_region_name_valid(name))
        return iso_fail(&cli->why, ISO_USAGE,
                        "a region's name is 1 to %d of a-z, 0-9 and -, not '%s'",
                        ISO_REGION_NAME_MAX, name);
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
        err = iso_control_add_region(&place, name, wanted, cli->control, &number,
                                     &cli->why);
    if (err == ISO_OK)
        printf("region %s has number %u\n", name, number);
    return err;
}

enum iso_err iso_cli_region_list(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    iso_cli_parse(&(struct cli_syntax){.takes = CLI_JSON}, argc, argv, &given);
    enum iso_err err = iso_cli_control(cli);
    if (err != ISO_OK)
        return err;
    for (unsigned number = 1; number <= ISO_REGION_MAX; number++) {
        const char *name = iso_control_region_name(cli->control, number);
        if (name == NULL)
            continue;
        if (given.json)
            iso_cli_print_json(
                json_pack("{s:i, s:s}", "number", (int)number, "name", name));
        else
            printf("%2u  %s\n", number, name);
    }
    return ISO_OK;
}
