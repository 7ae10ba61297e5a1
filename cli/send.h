/* send.h - one write of a command: the wait until it is durable, and what is printed of
 * it.
 */
#ifndef ISO_CLI_SEND_H
#define ISO_CLI_SEND_H

#include "cli/session.h"

/* One write on its way. */
struct cli_sending {
    struct cli *cli;
    const struct cli_given *given; /* collection first */
    struct iso_buf context, token; /* the session's: as given, then with this write */
    struct iso_write_options options; /* for the producer; they point to these two */
};

/* By the options of `session`; without --context the write is blind until the command
 * sets options.context. Stays where it is. As iso_cli_session_context, _token. Release
 * after either. */
enum iso_err iso_cli_sending_init(struct cli *cli, const struct cli_given *given,
                                  const struct cli_session *session,
                                  struct cli_sending *sending);
void iso_cli_sending_release(struct cli_sending *sending); /* twice is fine */

/* Opens a producer for the region and the collection, lets `queue` hand it the one
 * write, waits for the answer and prints it: position and version; as JSON also the
 * token and, if there is one, the context, which name the write by then. ISO_UNKNOWN:
 * no answer came. */
enum iso_err iso_cli_send(struct cli_sending *sending,
                          enum iso_err (*queue)(void *self,
                                                struct iso_producer *producer),
                          void *self);

#endif
