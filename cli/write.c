/* isostasy put|delete: one write, and the wait until it is durable.
 *
 * What is put is JSON, in Avro's JSON encoding of the collection's newest schema; an
 * opaque value, or any with --raw, is its own bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/schema.h"
#include "cli/send.h"

struct write_arguments {
    struct cli_given given; /* collection, key, value */
    struct cli_session session;
    bool raw;
};

static const struct argp_option put_options[] = {
    {"raw", 'R', NULL, 0, "VALUE is the bytes to store, schema and all", 0},
    {0},
};

static error_t put_option(int key, char *value, struct argp_state *state)
{
    struct write_arguments *arguments = state->input;
    (void)value;
    if (key != 'R')
        return ARGP_ERR_UNKNOWN;
    arguments->raw = true;
    return 0;
}

/* From standard input, when it is not given or is "-". */
static enum iso_err value_read(struct cli *cli, const char *text, struct iso_buf *value)
{
    if (text == NULL || strcmp(text, "-") == 0)
        return iso_cli_read(cli, "-", CLI_JSON_MAX, value);
    iso_buf_add(value, text, strlen(text));
    return ISO_OK;
}

/* `given` as the producer's schemas have it. */
static enum iso_err value_make(struct cli *cli, const struct write_arguments *arguments,
                               struct iso_producer *producer,
                               const struct iso_buf *given, struct iso_buf *value)
{
    if (arguments->raw) {
        iso_buf_add_bytes(value, iso_buf_bytes(given));
        return ISO_OK;
    }
    return iso_cli_value_encode(cli, iso_producer_schemas(producer),
                                arguments->session.schema, iso_buf_bytes(given), value);
}

/* One write of a whole value, or a delete. */
struct writing {
    const struct write_arguments *arguments;
    bool put;
    struct iso_buf value; /* as it was given */
    struct cli_sending sending;
};

static enum iso_err write_queue(void *self, struct iso_producer *producer)
{
    struct writing *writing = self;
    const struct write_arguments *arguments = writing->arguments;
    const struct iso_write_options *options = &writing->sending.options;
    struct cli *cli = writing->sending.cli;
    struct iso_bytes key = iso_bytes_text(arguments->given.places[1]);
    if (!writing->put)
        return iso_producer_delete(producer, key, options, &cli->why);
    struct iso_buf value = {0};
    enum iso_err err = value_make(cli, arguments, producer, &writing->value, &value);
    if (err == ISO_OK)
        err =
            iso_producer_put(producer, key, iso_buf_bytes(&value), options, &cli->why);
    iso_buf_release(&value);
    return err;
}

static enum iso_err write_run(struct cli *cli, const struct write_arguments *arguments,
                              bool put)
{
    struct writing writing = {.arguments = arguments, .put = put};
    enum iso_err err = iso_cli_sending_init(cli, &arguments->given, &arguments->session,
                                            &writing.sending);
    if (err == ISO_OK && put)
        err = value_read(cli, arguments->given.places[2], &writing.value);
    if (err == ISO_OK)
        err = iso_cli_send(&writing.sending, write_queue, &writing);
    iso_buf_release(&writing.value);
    iso_cli_sending_release(&writing.sending);
    return err;
}

enum iso_err iso_cli_put(struct cli *cli, int argc, char **argv)
{
    struct write_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 2,
                                      .most = 3,
                                      .options = put_options,
                                      .parser = put_option,
                                      .input = &arguments,
                                      .shared = &iso_cli_value_argp,
                                      .shared_input = &arguments.session};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    return write_run(cli, &arguments, true);
}

enum iso_err iso_cli_delete(struct cli *cli, int argc, char **argv)
{
    struct write_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 2,
                                      .most = 2,
                                      .shared = &iso_cli_write_argp,
                                      .shared_input = &arguments.session};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    return write_run(cli, &arguments, false);
}
