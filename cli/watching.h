/* watching.h - what the commands that watch have in common: a monitor over the
 * settings' clusters, a watch over that, and how numbers and states are printed.
 */
#ifndef ISO_CLI_WATCHING_H
#define ISO_CLI_WATCHING_H

#include "cli/cli.h"
#include "monitor/watch.h"

enum { CLI_LOOK_MS = 1000 };

struct cli_watching {
    struct iso_monitor *monitor;
    struct iso_watch *watch;
    const char *collection; /* the one asked about; NULL: all */
};

/* Waits for Kafka at most timeout_ms. ISO_NO_DEFINITION: there is no such collection.
 * Close after a failure, too. */
enum iso_err iso_cli_watching_open(struct cli *cli, const char *collection,
                                   int timeout_ms, struct cli_watching *watching);
void iso_cli_watching_close(struct cli_watching *watching);

/* Refreshes and looks; *status is held until it is released. Kafka away:
 * ISO_UNAVAILABLE with the status of what is known all the same. */
enum iso_err iso_cli_watching_look(struct cli *cli, struct cli_watching *watching,
                                   const struct iso_status **status);

/* Between two looks. An interrupt ends the program where it stands: nothing is held. */
void iso_cli_pause(int64_t until_ms);

/* Is the collection one that was asked about? */
bool iso_cli_watching_wants(const struct cli_watching *watching, const char *name);

/* "12ms", "3.4s", "7m", "unknown". */
enum { CLI_MS_TEXT = 24 };
const char *iso_cli_ms_text(int64_t ms, char text[CLI_MS_TEXT]);
/* "17", "<=17", "unknown". */
const char *iso_cli_records_text(const struct iso_lag_row *row, char text[CLI_MS_TEXT]);

#endif
