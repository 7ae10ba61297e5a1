/* schema_command.h - what the commands `isostasy schema …` share: their arguments, and
 * the question whether a schema may follow; private to them.
 */
#ifndef ISO_CLI_SCHEMA_COMMAND_H
#define ISO_CLI_SCHEMA_COMMAND_H

#include "cli/schema.h"

struct cli_schema_arguments {
    struct cli_given given; /* the collection, and a file or the schema's name */
    bool has_mode, has_id, canonical, again;
    enum iso_compatibility mode; /* --compatibility */
    int32_t id;                  /* --id */
};

/* Which options a command takes besides --json. */
enum {
    CLI_SCHEMA_MODE = 1,
    CLI_SCHEMA_ID = 2, /* instead of a file or name */
    CLI_SCHEMA_CANONICAL = 4,
    CLI_SCHEMA_NAME = 8, /* the second argument may be left out */
    CLI_SCHEMA_AGAIN = 16,
};
void iso_cli_schema_parse(struct cli_schema_arguments *arguments, int options, int argc,
                          char **argv);

/* The schema that the arguments give: a file, or an id of the registry. */
enum iso_err iso_cli_schema_given(struct cli *cli,
                                  const struct cli_schema_arguments *arguments,
                                  struct cli_schema *schema);

/* May it follow those of the definition? ISO_INCOMPATIBLE says why not. */
enum iso_err iso_cli_schema_may_follow(struct cli *cli,
                                       const struct iso_definition *definition,
                                       enum iso_compatibility mode,
                                       const struct cli_schema *schema);

#endif
