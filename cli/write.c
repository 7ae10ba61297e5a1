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
    const char *context, *schema;
    bool raw;
    int64_t ttl_ms;
};

static const struct argp_option put_options[] = {
    {"schema", 's', "N", 0, "The number of the schema to write by (else the newest)",
     0},
    {"raw", 'R', NULL, 0, "VALUE is the bytes to store, schema and all", 0},
    {"context", 'x', "TEXT", 0,
     "What was read before, from `get --json`: replaces that and nothing else", 0},
    {"ttl", 't', "TIME", 0, "Readers hide the value after that time", 0},
    {0},
};

static const struct argp_option delete_options[] = {
    {"context", 'x', "TEXT", 0,
     "What was read before, from `get --json`: replaces that and nothing else", 0},
    {0},
};

static error_t write_option(int key, char *value, struct argp_state *state)
{
    struct write_arguments *arguments = state->input;
    struct iso_why why;
    switch (key) {
    case 'x':
        arguments->context = value;
        return 0;
    case 's':
        arguments->schema = value;
        return 0;
    case 'R':
        arguments->raw = true;
        return 0;
    case 't':
        if (iso_duration_parse(value, &arguments->ttl_ms, &why) != ISO_OK)
            argp_error(state, "%s", why.text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
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
    return iso_cli_value_encode(cli, iso_producer_schemas(producer), arguments->schema,
                                iso_buf_bytes(given), value);
}

/* One write of a whole value, or a delete. */
struct writing {
    struct cli *cli;
    const struct write_arguments *arguments;
    bool put;
    struct iso_buf value, context; /* as they were given */
};

static enum iso_err write_queue(void *self, struct iso_producer *producer)
{
    struct writing *writing = self;
    struct cli *cli = writing->cli;
    const struct write_arguments *arguments = writing->arguments;
    struct iso_bytes key = iso_bytes_text(arguments->given.places[1]);
    struct iso_write_options options = {0};
    if (arguments->context != NULL)
        options.context = &writing->context;
    if (!writing->put)
        return iso_producer_delete(producer, key, &options, &cli->why);
    iso_cli_expiry(arguments->ttl_ms, &options);
    struct iso_buf value = {0};
    enum iso_err err = value_make(cli, arguments, producer, &writing->value, &value);
    if (err == ISO_OK)
        err =
            iso_producer_put(producer, key, iso_buf_bytes(&value), &options, &cli->why);
    iso_buf_release(&value);
    return err;
}

static enum iso_err write_run(struct cli *cli, int argc, char **argv, bool put)
{
    struct write_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 2,
                                      .most = put ? 3 : 2,
                                      .options = put ? put_options : delete_options,
                                      .parser = write_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct writing writing = {.cli = cli, .arguments = &arguments, .put = put};
    enum iso_err err = ISO_OK;
    if (put)
        err = value_read(cli, arguments.given.places[2], &writing.value);
    if (err == ISO_OK && arguments.context != NULL)
        err = iso_cli_context(cli, arguments.context, &writing.context);
    if (err == ISO_OK)
        err = iso_cli_send(cli, &arguments.given, write_queue, &writing,
                           &writing.context);
    iso_buf_release(&writing.value);
    iso_buf_release(&writing.context);
    return err;
}

enum iso_err iso_cli_put(struct cli *cli, int argc, char **argv)
{
    return write_run(cli, argc, argv, true);
}

enum iso_err iso_cli_delete(struct cli *cli, int argc, char **argv)
{
    return write_run(cli, argc, argv, false);
}
