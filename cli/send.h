/* send.h - one write of a command: the wait until it is durable, and what is printed of
 * it.
 */
#ifndef ISO_CLI_SEND_H
#define ISO_CLI_SEND_H

#include "cli/cli.h"
#include "producer/producer.h"

/* Opens a producer for the region and the collection (the first argument) of `given`,
 * lets `queue` hand it the one write, waits for the answer and prints it: position and
 * version; as JSON also the context, if there is one (it names the write by then).
 * ISO_UNKNOWN: no answer came. */
enum iso_err iso_cli_send(struct cli *cli, const struct cli_given *given,
                          enum iso_err (*queue)(void *self,
                                                struct iso_producer *producer),
                          void *self, const struct iso_buf *context);

/* --context TEXT: appends its bytes. ISO_USAGE. */
enum iso_err iso_cli_context(struct cli *cli, const char *text,
                             struct iso_buf *context);

/* --ttl TIME: an expiry that much from now; 0: none. */
void iso_cli_expiry(int64_t ttl_ms, struct iso_write_options *options);

#endif
