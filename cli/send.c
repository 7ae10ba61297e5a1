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

static void ack_print(const struct cli_sending *sending, const struct iso_ack *ack)
{
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(ack->version, version);
    if (!sending->given->json) {
        printf("durable %s in log %u, partition %u, offset %lld\n", version, ack->log,
               ack->partition, (long long)ack->offset);
        return;
    }
    json_t *object =
        json_pack("{s:s, s:i, s:i, s:I, s:I}", "version", version, "log", (int)ack->log,
                  "partition", (int)ack->partition, "offset", (json_int_t)ack->offset,
                  "appended_ms", (json_int_t)ack->append_ms);
    if (sending->context.size > 0)
        iso_cli_session_set(object, "context", &sending->context);
    iso_cli_session_set(object, "token", &sending->token);
    iso_cli_print_json(object);
}

enum iso_err iso_cli_sending_init(struct cli *cli, const struct cli_given *given,
                                  const struct cli_session *session,
                                  struct cli_sending *sending)
{
    *sending = (struct cli_sending){.cli = cli, .given = given};
    sending->options.token = &sending->token;
    if (session->context != NULL)
        sending->options.context = &sending->context;
    iso_cli_session_expiry(session, &sending->options);
    enum iso_err err = iso_cli_session_context(cli, session, &sending->context);
    return err == ISO_OK ? iso_cli_session_token(cli, session, &sending->token) : err;
}

void iso_cli_sending_release(struct cli_sending *sending)
{
    iso_buf_release(&sending->context);
    iso_buf_release(&sending->token);
}

/* The token then says where the write stands. */
static enum iso_err answer_take(struct cli_sending *sending,
                                const struct iso_producer *producer,
                                const struct answer *answer)
{
    enum iso_err err = answer_result(sending->cli, answer);
    if (err == ISO_OK)
        err = iso_producer_acknowledge(producer, &answer->ack, &sending->token,
                                       &sending->cli->why);
    return err;
}

enum iso_err iso_cli_send(struct cli_sending *sending,
                          enum iso_err (*queue)(void *self,
                                                struct iso_producer *producer),
                          void *self)
{
    struct cli *cli = sending->cli;
    const char *region;
    enum iso_err err = iso_cli_region(cli, sending->given->region, &region);
    if (err != ISO_OK)
        return err;
    struct answer answer = {.ack.state = ISO_MAYBE_APPLIED, .text = "no answer came"};
    struct iso_producer_options options = {.region = region,
                                           .collection = sending->given->places[0],
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
    if (err == ISO_OK)
        err = answer_take(sending, producer, &answer);
    iso_producer_close(producer);
    if (err == ISO_OK)
        ack_print(sending, &answer.ack);
    return err;
}
