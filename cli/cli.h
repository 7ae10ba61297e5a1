/* cli.h - what the commands of `isostasy` share: the settings, the buses, and how a
 * command is declared. A command is one row of the table in main.c and one function.
 */
#ifndef ISO_CLI_CLI_H
#define ISO_CLI_CLI_H

#include <argp.h>
#include <jansson.h>

#include "base/settings.h"
#include "bus/bus.h"
#include "schema/control.h"

enum { CLI_CLUSTERS_MAX = 64, CLI_TIMEOUT_MS = 10000 };

struct cli {
    struct iso_settings *settings;
    struct iso_bus
        *buses[CLI_CLUSTERS_MAX]; /* by place in the settings; opened when used */
    struct iso_control *control;
    struct iso_why why;
    bool has_exit_status; /* a command that has its own, as `check` */
    int exit_status;
};

struct cli_command {
    const char *name; /* "region add": one word or two */
    const char *arguments;
    const char *words; /* one sentence */
    enum iso_err (*run)(struct cli *cli, int argc, char **argv);
};

/* What a command is given: its arguments in order, and the options that many take. */
enum { CLI_PLACES = 3 };
struct cli_given {
    const char *places[CLI_PLACES];
    const char **more;  /* room for those behind, when a command takes them */
    const char *region; /* --region */
    bool json;          /* --json */
};

enum cli_takes { CLI_REGION = 1, CLI_JSON = 2 };

struct cli_syntax {
    int takes;       /* CLI_REGION | CLI_JSON */
    int least, most; /* arguments */
    const struct argp_option
        *options; /* the command's own, and their parser; or NULL */
    argp_parser_t parser;
    void *input;
    const struct argp *shared; /* what it has in common with some others; or NULL */
    void *shared_input;
};

/* Parses the options and arguments of the command that runs. Ends the process on --help
 * and on wrong usage (EX_USAGE). */
void iso_cli_parse(const struct cli_syntax *syntax, int argc, char **argv,
                   struct cli_given *given);
extern const struct cli_command *iso_cli_command_now; /* the one that runs */

/* The bus of a cluster; NULL name: home. */
enum iso_err iso_cli_bus(struct cli *cli, const char *cluster, struct iso_bus **bus);
const char *iso_cli_prefix(const struct cli *cli);

/* Where the control topic is. */
struct iso_control_place;
enum iso_err iso_cli_place(struct cli *cli, struct iso_control_place *place);

/* Reads the control topic to its end; cli->control then holds it. */
enum iso_err iso_cli_control(struct cli *cli);

/* The newest definition of a collection; the sentence of a failure names those there
 * are. */
enum iso_err iso_cli_definition(struct cli *cli, const char *collection,
                                const struct iso_definition **definition);

/* `named`, or the only region of the settings. */
enum iso_err iso_cli_region(struct cli *cli, const char *named, const char **region);

/* Opens the region's store on this machine. ISO_SETTING: it has none here;
 * ISO_NO_DEFINITION: nothing is in it. */
struct iso_replica;
enum iso_err iso_cli_replica(struct cli *cli, const char *named,
                             struct iso_replica **replica);

/* Opens the plug-in that a collection's resolver names, when it names one and the
 * settings have it, and reads of `replica` are shown by it; else *plugin is NULL, and
 * what is missing is said on standard error. Close it behind the replica. */
struct iso_plugin_child;
enum iso_err iso_cli_plugin(struct cli *cli, struct iso_replica *replica,
                            const char *collection, struct iso_plugin_child **plugin);

/* Appends a file, or standard input ("-"), of at most `max` bytes. ISO_IO;
 * ISO_TOO_LARGE.
 */
enum iso_err iso_cli_read(struct cli *cli, const char *path, size_t max,
                          struct iso_buf *bytes);

/* Prints one JSON value on one line and lets go of it. */
void iso_cli_print_json(json_t *value);
/* Text when the bytes are UTF-8, else an object {"base64": …}. */
json_t *iso_cli_json_bytes(struct iso_bytes bytes);

/* The commands, by file. */
enum iso_err iso_cli_region_add(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_region_list(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_collection_create(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_collection_list(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_collection_show(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_log_list(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_log_replace(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_schema_register(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_schema_list(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_schema_show(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_schema_check(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_put(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_delete(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_patch(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_get(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_export(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_load(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_lag(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_wait(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_top(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_status(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_check(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_events(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_doctor(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_conflicts_list(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_conflicts_show(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_conflicts_restore(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_resolver_check(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_explain(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_dead_letter_list(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_dead_letter_show(struct cli *cli, int argc, char **argv);
enum iso_err iso_cli_dead_letter_replay(struct cli *cli, int argc, char **argv);

#endif
