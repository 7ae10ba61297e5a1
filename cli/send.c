/* A write is queued, and then only its answer counts: durable, refused, or unknown when
 * none came in time. */
#include "cli/send.h"

#include <stdio.h>

enum { WRITE_TIMEOUT_MS = 30000 };

/* The acknowledgement, and its sentence, which lives only during the call. */
struct answer {
    struct iso_ack ack;
    char text[512];
};

static void acknowledged(void *user, const struct iso_ack *ack)
{
    struct answer *answer = user;
    answer->ack = *ack;
    snprintf(answer->text, sizeof answer->text, "%s", ack->text ? ack->text : "");
}

static enum iso_err answer_result(struct cli *cli, const struct answer *answer)
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

static void ack_print(const struct iso_ack *ack, bool json,
                      const struct iso_buf *context)
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
    if (context != NULL && context->size > 0) {
        struct iso_buf base64 = {0};
        iso_base64_encode(&base64, iso_buf_bytes(context));
        json_object_set_new(object, "context", json_string(iso_buf_text(&base64)));
        iso_buf_release(&base64);
    }
    iso_cli_print_json(object);
}

enum iso_err iso_cli_send(struct cli *cli, const struct cli_given *given,
                          enum iso_err (*queue)(void *self,
                                                struct iso_producer *producer),
                          void *self, const struct iso_buf *context)
{
    const char *region;
    enum iso_err err = iso_cli_region(cli, given->region, &region);
    if (err != ISO_OK)
        return err;
    struct answer answer = {.ack.state = ISO_MAYBE_APPLIED, .text = "no answer came"};
    struct iso_producer_options options = {.region = region,
                                           .collection = given->places[0],
                                           .acknowledged = acknowledged,
                                           .user = &answer,
                                           .client_id = "isostasy"};
    struct iso_producer *producer;
    err = iso_producer_open(cli->settings, &options, &producer, &cli->why);
    if (err != ISO_OK)
        return err;
    err = queue(self, producer);
    if (err == ISO_OK)
        err = iso_producer_flush(producer, WRITE_TIMEOUT_MS, &cli->why);
    iso_producer_close(producer);
    if (err == ISO_OK)
        err = answer_result(cli, &answer);
    if (err == ISO_OK)
        ack_print(&answer.ack, given->json, context);
    return err;
}

enum iso_err iso_cli_context(struct cli *cli, const char *text, struct iso_buf *context)
{
    if (iso_base64_decode(context, iso_bytes_text(text)))
        return ISO_OK;
    return iso_fail(&cli->why, ISO_USAGE,
                    "--context takes what `isostasy get --json` printed as context");
}

void iso_cli_expiry(int64_t ttl_ms, struct iso_write_options *options)
{
    options->has_expiry = ttl_ms > 0;
    if (options->has_expiry)
        options->expiry_ms = iso_now_ms(&iso_clock_machine) + ttl_ms;
}
