/* isostasy load: writes JSON lines, as fast as Kafka takes them, with progress.
 *
 *   {"key": "bash", "value": {"version": "5.2", …}}     a put
 *   {"key": "bash", "delete": true}                     a delete
 *
 * The value is in Avro's JSON encoding of the collection's newest schema; in a
 * collection of opaque values a string is its own bytes, anything else its compact
 * JSON.
 *
 * A line that is none of these ends the load with its number; what stood before it is
 * durable by then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/schema.h"
#include "producer/producer.h"
#include "schema/avro_text.h"

enum { LOAD_PROGRESS_MS = 1000, LOAD_STUCK_MS = 60000, LOAD_POLL_EVERY = 512 };

struct load_arguments {
    struct cli_given given; /* collection, file */
    const char *schema;
    bool quiet;
};

struct load {
    struct cli *cli;
    struct iso_producer *producer;
    const struct iso_schemas *schemas; /* the producer's */
    const char *schema;                /* the one to write by; NULL: the newest */
    struct iso_buf value, json;
    bool quiet;
    uint64_t lines, durable, refused, unknown;
    int64_t began_ms, said_ms;
    struct iso_why why; /* of the first write that was not durable */
};

static const struct argp_option load_options[] = {
    {"schema", 's', "N", 0, "The number of the schema to write by (else the newest)",
     0},
    {"quiet", 'q', NULL, 0, "No progress", 0},
    {0},
};

static error_t load_option(int key, char *value, struct argp_state *state)
{
    struct load_arguments *arguments = state->input;
    switch (key) {
    case 's':
        arguments->schema = value;
        return 0;
    case 'q':
        arguments->quiet = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int64_t load_now(void)
{
    return iso_steady_ms(&iso_clock_machine);
}

static void load_acknowledged(void *user, const struct iso_ack *ack)
{
    struct load *load = user;
    load->durable += ack->state == ISO_DURABLE;
    load->refused += ack->state == ISO_NOT_APPLIED;
    load->unknown += ack->state == ISO_MAYBE_APPLIED;
    if (ack->state != ISO_DURABLE && load->why.err == ISO_OK)
        iso_fail(&load->why, ack->err != ISO_OK ? ack->err : ISO_UNKNOWN, "%s",
                 ack->text ? ack->text : "no answer came");
}

static double load_seconds(const struct load *load)
{
    return (double)(load_now() - load->began_ms) / 1000.0;
}

static void load_progress(struct load *load)
{
    if (load->quiet || load_now() - load->said_ms < LOAD_PROGRESS_MS)
        return;
    load->said_ms = load_now();
    fprintf(stderr, "%s%llu lines, %llu durable, %.0f/s%s", isatty(2) ? "\r" : "",
            (unsigned long long)load->lines, (unsigned long long)load->durable,
            (double)load->durable / load_seconds(load), isatty(2) ? "   " : "\n");
}

/* Waits out back-pressure: as long as something moves, or Kafka may come back. */
static enum iso_err load_write(struct load *load, struct iso_bytes key,
                               const struct iso_bytes *value)
{
    int64_t stuck_ms = load_now();
    for (;;) {
        enum iso_err err =
            value ? iso_producer_put(load->producer, key, *value, NULL, &load->cli->why)
                  : iso_producer_delete(load->producer, key, NULL, &load->cli->why);
        if (err != ISO_AGAIN)
            return err;
        if (iso_producer_poll(load->producer, 100) > 0)
            stuck_ms = load_now();
        else if (load_now() - stuck_ms > LOAD_STUCK_MS)
            return iso_fail(
                &load->cli->why, ISO_UNAVAILABLE,
                "Kafka has taken nothing for %d s: see `isostasy lag` and the "
                "cluster's servers, then load again from line %llu",
                LOAD_STUCK_MS / 1000, (unsigned long long)load->durable + 1);
        load_progress(load);
    }
}

static enum iso_err line_bad(struct load *load, const char *reason)
{
    return iso_fail(
        &load->cli->why, ISO_BAD_DATA,
        "line %llu: %s; a line is {\"key\": …, \"value\": …} or {\"key\": …, "
        "\"delete\": true}",
        (unsigned long long)load->lines, reason);
}

/* A value by its schema; opaque: a string is its own bytes. */
static enum iso_err load_value(struct load *load, json_t *value)
{
    iso_buf_clear(&load->value);
    if (iso_schemas_format(load->schemas) == ISO_FORMAT_OPAQUE &&
        json_is_string(value)) {
        iso_buf_add(&load->value, json_string_value(value), json_string_length(value));
        return ISO_OK;
    }
    iso_buf_clear(&load->json);
    iso_avro_text(value, &load->json);
    return iso_cli_value_encode(load->cli, load->schemas, load->schema,
                                iso_buf_bytes(&load->json), &load->value);
}

static enum iso_err load_put(struct load *load, struct iso_bytes key, json_t *value)
{
    enum iso_err err = load_value(load, value);
    struct iso_bytes bytes = iso_buf_bytes(&load->value);
    return err == ISO_OK ? load_write(load, key, &bytes) : err;
}

static enum iso_err load_object(struct load *load, const json_t *object)
{
    const json_t *key = json_object_get(object, "key");
    json_t *value = json_object_get(object, "value");
    bool is_delete = json_is_true(json_object_get(object, "delete"));
    if (!json_is_string(key))
        return line_bad(load, "it has no \"key\" that is a string");
    if (is_delete == (value != NULL))
        return line_bad(load, "it has neither or both of \"value\" and \"delete\"");
    struct iso_bytes name = iso_bytes(json_string_value(key), json_string_length(key));
    load->cli->why = (struct iso_why){0};
    enum iso_err err =
        is_delete ? load_write(load, name, NULL) : load_put(load, name, value);
    if (err != ISO_OK && iso_err_kind(err) == ISO_POISON)
        iso_fail_at(&load->cli->why, err, "line %llu, key %.100s",
                    (unsigned long long)load->lines, json_string_value(key));
    return err;
}

static enum iso_err load_line(struct load *load, const char *line, size_t size)
{
    json_error_t error;
    json_t *object =
        json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (object == NULL)
        return line_bad(load, error.text);
    enum iso_err err = load_object(load, object);
    json_decref(object);
    return err;
}

static enum iso_err load_lines(struct load *load, FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    enum iso_err err = ISO_OK;
    while (err == ISO_OK && (size = getline(&line, &room, in)) >= 0) {
        load->lines++;
        err = load_line(load, line, (size_t)size);
        if (load->lines % LOAD_POLL_EVERY == 0)
            iso_producer_poll(load->producer, 0);
        load_progress(load);
    }
    free(line); /* getline's */
    return err;
}

/* Until every write has its answer; as long as answers come. */
static enum iso_err load_flush(struct load *load)
{
    enum iso_err err;
    uint64_t answered;
    do {
        answered = load->durable + load->refused + load->unknown;
        err = iso_producer_flush(load->producer, LOAD_STUCK_MS, &load->cli->why);
    } while (err == ISO_TIMEOUT &&
             load->durable + load->refused + load->unknown > answered);
    return err;
}

static void load_print(const struct load *load, bool json)
{
    double seconds = load_seconds(load);
    if (json) {
        iso_cli_print_json(json_pack(
            "{s:I, s:I, s:I, s:f, s:f}", "durable", (json_int_t)load->durable,
            "refused", (json_int_t)load->refused, "unknown", (json_int_t)load->unknown,
            "seconds", seconds, "writes_per_second", (double)load->durable / seconds));
        return;
    }
    fprintf(stderr, "%s", !load->quiet && isatty(2) ? "\r" : "");
    printf("%llu writes durable in %.2f s (%.0f/s), %llu refused, %llu unknown\n",
           (unsigned long long)load->durable, seconds, (double)load->durable / seconds,
           (unsigned long long)load->refused, (unsigned long long)load->unknown);
}

static enum iso_err load_file(struct load *load, const char *path)
{
    if (path == NULL || strcmp(path, "-") == 0)
        return load_lines(load, stdin);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return iso_fail(&load->cli->why, ISO_IO, "%s: %s", path, strerror(errno));
    enum iso_err err = load_lines(load, in);
    fclose(in);
    return err;
}

enum iso_err iso_cli_load(struct cli *cli, int argc, char **argv)
{
    struct load_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 1,
                                      .most = 2,
                                      .options = load_options,
                                      .parser = load_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    const char *region;
    enum iso_err err = iso_cli_region(cli, arguments.given.region, &region);
    if (err != ISO_OK)
        return err;
    struct load load = {
        .cli = cli, .schema = arguments.schema, .quiet = arguments.quiet};
    struct iso_producer_options options = {.region = region,
                                           .collection = arguments.given.places[0],
                                           .acknowledged = load_acknowledged,
                                           .user = &load,
                                           .client_id = "isostasy-load"};
    err = iso_producer_open(cli->settings, &options, &load.producer, &cli->why);
    if (err != ISO_OK)
        return err;
    load.schemas = iso_producer_schemas(load.producer);
    load.began_ms = load.said_ms = load_now();
    err = load_file(&load, arguments.given.places[1]);
    struct iso_why first = cli->why;
    enum iso_err flushed = load_flush(&load);
    iso_producer_close(load.producer);
    iso_buf_release(&load.value);
    iso_buf_release(&load.json);
    load_print(&load, arguments.given.json);
    if (err != ISO_OK) {
        cli->why = first;
        return err;
    }
    if (flushed == ISO_OK && load.why.err != ISO_OK) {
        cli->why = load.why;
        return load.why.err;
    }
    return flushed;
}
