/* What a session carries, parsed in one place for all commands that read or write. */
#include "cli/session.h"

#include <limits.h>

#include "schema/token.h"

#define TOKEN_OPTION(words)                  \
    {                                        \
        "token", 'k', "TOKEN", 0, (words), 0 \
    }

static const struct argp_option read_options[] = {
    TOKEN_OPTION("Show at least what the session that printed it has seen and written, "
                 "or fail"),
    {"wait", 'w', "TIME", 0, "Wait so long for the region to come up to the token", 0},
    {"stale", 'S', NULL, 0, "Show what is there all the same, and say that it is stale",
     0},
    {0},
};

static const struct argp_option write_options[] = {
    {"context", 'x', "TEXT", 0,
     "What was read before, from `get --json`: replaces that and nothing else", 0},
    TOKEN_OPTION("Write behind all that the session that printed it has seen"),
    {0},
};

static const struct argp_option value_options[] = {
    {"schema", 's', "N", 0, "The number of the schema to write by (else the newest)",
     0},
    {"ttl", 't', "TIME", 0, "Readers hide what is written after that time", 0},
    {0},
};

static void duration(struct argp_state *state, const char *text, int64_t *ms)
{
    struct iso_why why;
    if (iso_duration_parse(text, ms, &why) != ISO_OK)
        argp_error(state, "%s", why.text);
}

static void read_options_check(struct argp_state *state,
                               const struct cli_session *session)
{
    if (session->has_wait && session->marks)
        argp_error(state, "--wait and --stale exclude each other");
    if ((session->has_wait || session->marks) && session->token == NULL)
        argp_error(state, "without a --token nothing is stale: leave --wait and "
                          "--stale out");
}

static error_t session_option(int key, char *value, struct argp_state *state)
{
    struct cli_session *session = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        if (state->child_inputs != NULL)
            state->child_inputs[0] = session;
        return 0;
    case 'x':
        session->context = value;
        return 0;
    case 'k':
        session->token = value;
        return 0;
    case 's':
        session->schema = value;
        return 0;
    case 't':
        duration(state, value, &session->ttl_ms);
        return 0;
    case 'w':
        session->has_wait = true;
        duration(state, value, &session->wait_ms);
        return 0;
    case 'S':
        session->marks = true;
        return 0;
    case ARGP_KEY_END:
        read_options_check(state, session);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp iso_cli_read_argp = {.options = read_options,
                                       .parser = session_option};
const struct argp iso_cli_write_argp = {.options = write_options,
                                        .parser = session_option};
static const struct argp_child value_children[] = {{&iso_cli_write_argp, 0, NULL, 0},
                                                   {0}};
const struct argp iso_cli_value_argp = {
    .options = value_options, .parser = session_option, .children = value_children};

/* ---- what they say ---- */

enum iso_err iso_cli_session_context(struct cli *cli, const struct cli_session *session,
                                     struct iso_buf *context)
{
    if (session->context == NULL ||
        iso_base64_decode(context, iso_bytes_text(session->context)))
        return ISO_OK;
    return iso_fail(&cli->why, ISO_USAGE,
                    "--context takes what `isostasy get --json` printed as context");
}

enum iso_err iso_cli_session_token(struct cli *cli, const struct cli_session *session,
                                   struct iso_buf *token)
{
    if (session->token == NULL)
        return ISO_OK;
    enum iso_err err =
        iso_token_parse(iso_bytes_text(session->token), token, &cli->why);
    return err == ISO_OK ? err : iso_fail_at(&cli->why, err, "--token");
}

void iso_cli_session_expiry(const struct cli_session *session,
                            struct iso_write_options *options)
{
    options->has_expiry = session->ttl_ms > 0;
    if (options->has_expiry &&
        __builtin_add_overflow(iso_now_ms(&iso_clock_machine), session->ttl_ms,
                               &options->expiry_ms))
        options->expiry_ms = INT64_MAX;
}

/* Names the options that are the remedy. */
static enum iso_err stale(struct cli *cli)
{
    struct iso_why why = cli->why;
    return iso_fail(&cli->why, ISO_STALE, "%s (--wait TIME, --stale)", why.text);
}

enum iso_err iso_cli_session_get(struct cli *cli, struct iso_replica *replica,
                                 const struct cli_given *given,
                                 const struct cli_session *session,
                                 struct iso_read *read)
{
    struct iso_buf token = {0};
    enum iso_err err = iso_cli_session_token(cli, session, &token);
    struct iso_read_options options = {
        .token = iso_buf_bytes(&token),
        .stale = session->has_wait ? ISO_STALE_WAIT
                 : session->marks  ? ISO_STALE_MARK
                                   : ISO_STALE_FAIL,
        .timeout_ms = session->wait_ms < INT_MAX ? (int)session->wait_ms : INT_MAX,
    };
    if (err == ISO_OK)
        err = iso_replica_get_fresh(replica, given->places[0],
                                    iso_bytes_text(given->places[1]), &options, read,
                                    &cli->why);
    iso_buf_release(&token);
    return err == ISO_STALE && !session->has_wait ? stale(cli) : err;
}

void iso_cli_session_set(json_t *object, const char *name, const struct iso_buf *bytes)
{
    struct iso_buf text = {0};
    iso_base64_encode(&text, iso_buf_bytes(bytes));
    json_object_set_new(object, name, json_string(iso_buf_text(&text)));
    iso_buf_release(&text);
}
