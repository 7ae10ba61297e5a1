/* isostasy - the program for people and scripts: a table of commands over the
 * libraries.
 *
 * Options before the command are the program's (settings); those after it are the
 * command's. Exit status: 0; of `check` 0 to 3; 1 for `get` of a missing key, `wait` at
 * its deadline, `schema check` of a schema that may not follow, `resolver check` of a
 * plug-in that breaks the rules, and what `conflicts` or `dead-letter` does not find;
 * else one of sysexits(3), with a sentence on standard error that names the remedy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/program.h"
#include "cli/cli.h"

static const struct cli_command cli_commands[] = {
    {"region add", "NAME", "Give a region its name and number", iso_cli_region_add},
    {"region list", "", "List the regions", iso_cli_region_list},
    {"collection create", "NAME", "Announce a collection and make its logs",
     iso_cli_collection_create},
    {"collection list", "", "List the collections", iso_cli_collection_list},
    {"collection show", "NAME", "Show a collection's definition",
     iso_cli_collection_show},
    {"log list", "COLLECTION", "List the logs of a collection", iso_cli_log_list},
    {"log replace", "COLLECTION LOG", "Close a log and let another succeed it",
     iso_cli_log_replace},
    {"schema register", "COLLECTION FILE", "Add a schema to a collection",
     iso_cli_schema_register},
    {"schema list", "COLLECTION", "List its schemas", iso_cli_schema_list},
    {"schema show", "COLLECTION [N]", "Print a schema, the newest or number N",
     iso_cli_schema_show},
    {"schema check", "COLLECTION FILE", "Ask whether a schema may be added",
     iso_cli_schema_check},
    {"resolver check", "FILE", "Try whether a plug-in keeps the rules",
     iso_cli_resolver_check},
    {"put", "COLLECTION KEY [VALUE]", "Write a value, wait until it is durable",
     iso_cli_put},
    {"patch", "COLLECTION KEY OPERATION...", "Change fields of a record",
     iso_cli_patch},
    {"get", "COLLECTION KEY", "Read a value from a region's store", iso_cli_get},
    {"delete", "COLLECTION KEY", "Delete a key, wait until that is durable",
     iso_cli_delete},
    {"load", "COLLECTION [FILE]", "Write JSON lines, with progress", iso_cli_load},
    {"export", "COLLECTION", "Print a region's entries, or its conflicts",
     iso_cli_export},
    {"explain", "COLLECTION KEY", "Tell why a key is what it is", iso_cli_explain},
    {"conflicts list", "COLLECTION", "List the values that lost unseen",
     iso_cli_conflicts_list},
    {"conflicts show", "COLLECTION KEY [VERSION]", "Show those of a key whole",
     iso_cli_conflicts_show},
    {"conflicts restore", "COLLECTION KEY VERSION", "Write a value that lost anew",
     iso_cli_conflicts_restore},
    {"status", "[COLLECTION]", "Show how everything is", iso_cli_status},
    {"lag", "[COLLECTION]", "Show how far behind every region is", iso_cli_lag},
    {"top", "[COLLECTION]", "Watch lag and rates, the worst first", iso_cli_top},
    {"events", "[COLLECTION]", "Tell what changes, as it does", iso_cli_events},
    {"check", "[COLLECTION]", "Judge, as a plug-in of Nagios", iso_cli_check},
    {"wait", "[COLLECTION]", "Wait until regions caught up or converged", iso_cli_wait},
    {"doctor", "", "Look for what is wrong, with its remedy", iso_cli_doctor},
    {"dead-letter list", "", "List the records that were refused",
     iso_cli_dead_letter_list},
    {"dead-letter show", "ID", "Show one of them whole", iso_cli_dead_letter_show},
    {"dead-letter replay", "ID", "Write one of them anew", iso_cli_dead_letter_replay},
    {0},
};

struct main_arguments {
    struct iso_program program;
    int at; /* where the command stands in argv; 0: none */
};

static error_t main_option(int key, char *value, struct argp_state *state)
{
    struct main_arguments *arguments = state->input;
    (void)value;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->program;
        return 0;
    case ARGP_KEY_ARG:
        arguments->at = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which command?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The list of commands, as the end of --help. */
static char *main_help(int key, const char *text, void *input)
{
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    char *help = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&help, &size);
    if (out == NULL)
        return NULL;
    fputs("Commands (each has its own --help):\n", out);
    for (const struct cli_command *row = cli_commands; row->name != NULL; row++)
        fprintf(out, "  %s %-*s %s\n", row->name, (int)(30 - strlen(row->name)),
                row->arguments, row->words);
    fclose(out);
    return help; /* argp frees it */
}

static void main_version(FILE *out, struct argp_state *state)
{
    (void)state;
    fprintf(out, "isostasy %s, wire format 1, store format 1, %s\n", ISOSTASY_VERSION,
            iso_bus_library());
}

/* The command at argv[0], or argv[0] and argv[1]; *used says how many words. */
static const struct cli_command *command_find(int argc, char **argv, int *used)
{
    for (const struct cli_command *row = cli_commands; row->name != NULL; row++) {
        size_t first = strcspn(row->name, " ");
        bool two = row->name[first] == ' ';
        if (strlen(argv[0]) != first || memcmp(argv[0], row->name, first) != 0)
            continue;
        if (two && (argc < 2 || strcmp(argv[1], row->name + first + 1) != 0))
            continue;
        *used = two ? 2 : 1;
        return row;
    }
    return NULL;
}

static void cli_release(struct cli *cli)
{
    for (size_t i = 0; i < CLI_CLUSTERS_MAX; i++)
        iso_bus_close(cli->buses[i]);
    iso_control_free(cli->control);
    iso_settings_free(cli->settings);
}

/* argp names the program by argv[0] in its messages: "isostasy region add". */
static enum iso_err command_run(struct cli *cli, const struct cli_command *command,
                                int argc, char **argv)
{
    struct iso_buf name = {0};
    iso_buf_print(&name, "isostasy %s", command->name);
    argv[0] = (char *)name.data;
    iso_cli_command_now = command;
    enum iso_err err = command->run(cli, argc, argv);
    if (fflush(stdout) != 0 && err == ISO_OK)
        err = iso_fail(&cli->why, ISO_IO, "standard output: %s", strerror(errno));
    iso_buf_release(&name);
    return err;
}

int main(int argc, char **argv)
{
    struct main_arguments arguments = {0};
    const struct argp_child children[] = {{&iso_program_argp, 0, NULL, 0}, {0}};
    const struct argp argp = {
        .children = children,
        .parser = main_option,
        .args_doc = "COMMAND [ARGUMENT…]",
        .doc = "Writes, reads and watches data that is replicated between regions.\v",
        .help_filter = main_help,
    };
    argp_program_version_hook = main_version;
    argp_err_exit_status = EX_USAGE;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments);
    int used = 0;
    char **rest = argv + arguments.at;
    int rest_count = argc - arguments.at;
    const struct cli_command *command = command_find(rest_count, rest, &used);
    if (command == NULL) {
        fprintf(stderr, "isostasy: there is no command '%s%s%s': see isostasy --help\n",
                rest[0], rest_count > 1 ? " " : "", rest_count > 1 ? rest[1] : "");
        return EX_USAGE;
    }
    struct cli cli = {.settings = iso_settings_new()};
    enum iso_err err = iso_program_settings(&arguments.program, cli.settings, &cli.why);
    if (err == ISO_OK)
        err = command_run(&cli, command, rest_count - used + 1, rest + used - 1);
    if (err != ISO_OK && cli.why.text[0] != '\0')
        fprintf(stderr, "isostasy: %s\n", cli.why.text);
    int status =
        err == ISO_OK && cli.has_exit_status ? cli.exit_status : iso_err_exit(err);
    cli_release(&cli);
    return status;
}
