/* isostasy put|delete: one write, and the wait until it is durable.
 *
 * What is put is JSON, in Avro's JSON encoding of the collection's newest schema; an
 * opaque value, or any with --raw, is its own bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/schema.h"
#include "producer/producer.h"

enum { WRITE_TIMEOUT_MS = 30000 };

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

/* The acknowledgement, and its sentence, which lives only during the call. */
struct write_answer {
    struct iso_ack ack;
    char text[512];
};

static void write_acknowledged(void *user, const struct iso_ack *ack)
{
    struct write_answer *answer = user;
    answer->ack = *ack;
    snprintf(answer->text, sizeof answer->text, "%s", ack->text ? ack->text : "");
}

static void ack_print(const struct iso_ack *ack, bool json, struct iso_bytes context)
{
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(ack->version, version);
    if (!json) {
        printf("durable %s in log %u, partition %u, offset %lld\n", version, ack->log,
               ack->partition, (long long)ack->offset);
        return;
    }
    json_t *object =
        json_pack("{s:s, s:i, s:i, s:I, s:I}", "version", version, "log", (int)ack->log,
                  "partition", (int)ack->partition, "offset", (json_int_t)ack->offset,
                  "appended_ms", (json_int_t)ack->append_ms);
    if (context.size > 0) {
        struct iso_buf base64 = {0};
        iso_base64_encode(&base64, context);
        json_object_set_new(object, "context", json_string(iso_buf_text(&base64)));
        iso_buf_release(&base64);
    }
    iso_cli_print_json(object);
}

static enum iso_err answer_result(struct cli *cli, const struct write_answer *answer)
{
    switch (answer->ack.state) {
    case ISO_DURABLE:
        return ISO_OK;
    case ISO_NOT_APPLIED:
        return iso_fail(&cli->why, answer->ack.err, "the write was refused: %s",
                        answer->text);
    case ISO_MAYBE_APPLIED:
        return iso_fail(&cli->why, ISO_UNKNOWN,
                        "it is not known whether the write was applied: %s",
                        answer->text);
    }
    return ISO_OK;
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

/* `given` NULL: a delete. */
static enum iso_err write_queue(struct cli *cli,
                                const struct write_arguments *arguments,
                                struct iso_producer *producer,
                                const struct iso_buf *given, struct iso_buf *context)
{
    struct iso_bytes key = iso_bytes_text(arguments->given.places[1]);
    struct iso_write_options options = {.context = arguments->context ? context : NULL};
    if (given == NULL)
        return iso_producer_delete(producer, key, &options, &cli->why);
    if (arguments->ttl_ms > 0) {
        options.has_expiry = true;
        options.expiry_ms = iso_now_ms(&iso_clock_machine) + arguments->ttl_ms;
    }
    struct iso_buf value = {0};
    enum iso_err err = value_make(cli, arguments, producer, given, &value);
    if (err == ISO_OK)
        err =
            iso_producer_put(producer, key, iso_buf_bytes(&value), &options, &cli->why);
    iso_buf_release(&value);
    return err;
}

static enum iso_err write_send(struct cli *cli, const struct write_arguments *arguments,
                               const struct iso_buf *given, struct iso_buf *context)
{
    const char *region;
    enum iso_err err = iso_cli_region(cli, arguments->given.region, &region);
    if (err != ISO_OK)
        return err;
    struct write_answer answer = {.ack.state = ISO_MAYBE_APPLIED,
                                  .text = "no answer came"};
    struct iso_producer_options options = {.region = region,
                                           .collection = arguments->given.places[0],
                                           .acknowledged = write_acknowledged,
                                           .user = &answer,
                                           .client_id = "isostasy"};
    struct iso_producer *producer;
    err = iso_producer_open(cli->settings, &options, &producer, &cli->why);
    if (err != ISO_OK)
        return err;
    err = write_queue(cli, arguments, producer, given, context);
    if (err == ISO_OK)
        err = iso_producer_flush(producer, WRITE_TIMEOUT_MS, &cli->why);
    iso_producer_close(producer);
    if (err == ISO_OK)
        err = answer_result(cli, &answer);
    if (err == ISO_OK)
        ack_print(&answer.ack, arguments->given.json, iso_buf_bytes(context));
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
    struct iso_buf value = {0}, context = {0};
    enum iso_err err = ISO_OK;
    if (put)
        err = value_read(cli, arguments.given.places[2], &value);
    if (err == ISO_OK && arguments.context != NULL &&
        !iso_base64_decode(&context, iso_bytes_text(arguments.context)))
        err = iso_fail(&cli->why, ISO_USAGE,
                       "--context takes what `isostasy get --json` printed as context");
    if (err == ISO_OK)
        err = write_send(cli, &arguments, put ? &value : NULL, &context);
    iso_buf_release(&value);
    iso_buf_release(&context);
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
