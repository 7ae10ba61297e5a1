/* conflicts.h - what the commands `isostasy conflicts …` share: the region's store, and
 * what stands under the key in hand; private to them.
 */
#ifndef ISO_CLI_CONFLICTS_H
#define ISO_CLI_CONFLICTS_H

#include "cli/held.h"
#include "consumer/replica_explain.h"

struct cli_conflicts {
    struct cli *cli;
    const char *collection;
    struct iso_replica *replica;
    struct cli_held held;
    struct iso_explained explained; /* of the key that was looked up last */
    struct iso_buf key;
};

/* Of the collection that is the first argument. Close after either. */
enum iso_err iso_cli_conflicts_open(struct cli *cli, const struct cli_given *given,
                                    struct cli_conflicts *conflicts);
void iso_cli_conflicts_close(struct cli_conflicts *conflicts);

/* conflicts->explained is then of that key. */
enum iso_err iso_cli_conflicts_look(struct cli_conflicts *conflicts,
                                    struct iso_bytes key);

/* ISO_USAGE: it is no version. */
enum iso_err iso_cli_conflicts_version(struct cli *cli, const char *text,
                                       struct iso_version *version);
/* ISO_NOT_FOUND, with the sentence. */
enum iso_err iso_cli_conflicts_none(struct cli *cli, const struct cli_given *given);

#endif
