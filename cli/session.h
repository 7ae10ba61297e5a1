/* session.h - what a session carries on the command line, from one command to the next:
 * the context of what was read (for one key), the token (for all of them), and what a
 * read does when its region is behind the token.
 */
#ifndef ISO_CLI_SESSION_H
#define ISO_CLI_SESSION_H

#include "cli/cli.h"
#include "consumer/replica.h"
#include "producer/producer.h"

/* What the options below say; zero: none was given. */
struct cli_session {
    const char *context, *token, *schema;
    int64_t ttl_ms, wait_ms;
    bool has_wait, marks;
};

/* For cli_syntax.shared; their input is a struct cli_session. */
extern const struct argp iso_cli_read_argp;  /* --token, --wait, --stale */
extern const struct argp iso_cli_write_argp; /* --context, --token */
extern const struct argp iso_cli_value_argp; /* these, --schema, --ttl */

/* Each appends the bytes of what was given; nothing when nothing was. ISO_USAGE: it is
 * no context; ISO_BAD_DATA, ISO_UNSUPPORTED: it is no token. */
enum iso_err iso_cli_session_context(struct cli *cli, const struct cli_session *session,
                                     struct iso_buf *context);
enum iso_err iso_cli_session_token(struct cli *cli, const struct cli_session *session,
                                   struct iso_buf *token);

/* --ttl: an expiry that much from now. */
void iso_cli_session_expiry(const struct cli_session *session,
                            struct iso_write_options *options);

/* Reads a key with the session's token: as iso_replica_get_fresh, by --wait and
 * --stale. */
enum iso_err iso_cli_session_get(struct cli *cli, struct iso_replica *replica,
                                 const struct cli_given *given,
                                 const struct cli_session *session,
                                 struct iso_read *read);

/* Sets a member of an object to bytes in base64url. */
void iso_cli_session_set(json_t *object, const char *name, const struct iso_buf *bytes);

#endif
