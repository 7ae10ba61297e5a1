/* The session's token in what writes: a write stands in it as pending from the moment
 * in which it is handed over, and as a place of the log once it was answered. Room for
 * it is looked for before anything is sent, so adding it afterwards cannot fail. */
#include "producer/outgoing.h"

#include <stdio.h>

/* A write in a log that the producer writes, or wrote before it was closed. */
static struct iso_token_item item_of(const struct iso_producer *producer, uint16_t log,
                                     uint32_t partition, struct iso_version version,
                                     uint64_t seq)
{
    const struct iso_definition_log *row =
        iso_definition_log(atomic_load(&producer->newest), log);
    iso_assert(row != NULL);
    struct iso_token_item item = {
        .partition = partition, .node = version.node, .seq = seq, .value = version.hlc};
    snprintf(item.log.collection, sizeof item.log.collection, "%s",
             producer->ground.definition->collection);
    item.log.number = log;
    item.log.birth = row->birth;
    return item;
}

enum iso_err iso_outgoing_token_read(struct outgoing *out, const struct iso_buf *bytes,
                                     struct iso_token *token, struct iso_why *why)
{
    enum iso_err err = iso_token_decode(iso_buf_bytes(bytes), token, why);
    if (err != ISO_OK)
        return err;
    if (token->count >= ISO_TOKEN_ITEMS_MAX)
        return iso_fail(why, ISO_TOO_LARGE,
                        "the session's token has %zu places and writes, and no room "
                        "for this one: acknowledge those that were answered, or begin "
                        "a new session",
                        token->count);
    out->seen = out->seen > token->hlc ? out->seen : token->hlc;
    return ISO_OK;
}

void iso_outgoing_token_write(const struct iso_producer *producer,
                              const struct outgoing *out, struct iso_token *token,
                              struct iso_buf *bytes)
{
    const struct iso_write *write = &out->write;
    struct iso_token_item item =
        item_of(producer, write->log, write->partition, write->version, write->seq);
    iso_token_observe(token, item.value);
    enum iso_err err = iso_token_add(token, &item, NULL);
    iso_assert(err == ISO_OK);
    iso_buf_clear(bytes);
    iso_token_encode(token, bytes);
}

/* What the token gains and loses by the answer. A write that went to another log than
 * it was queued for is surely not in that one. */
static enum iso_err answer_take(const struct iso_producer *producer,
                                const struct iso_ack *ack, struct iso_token *token,
                                struct iso_why *why)
{
    const struct iso_definition *newest = atomic_load(&producer->newest);
    if (iso_definition_log(newest, ack->log) == NULL ||
        iso_definition_log(newest, ack->queued_log) == NULL)
        return iso_fail(why, ISO_USAGE,
                        "the acknowledgement is of log %u, which this producer has not "
                        "heard of: give it to the one that wrote",
                        ack->log);
    struct iso_token_item queued = item_of(producer, ack->queued_log, ack->partition,
                                           ack->version, ack->queued_seq);
    if (ack->state != ISO_NOT_APPLIED && ack->log == ack->queued_log &&
        (ack->state == ISO_MAYBE_APPLIED || ack->offset < 0)) {
        iso_token_observe(token, ack->version.hlc);
        return iso_token_add(token, &queued, why);
    }
    iso_token_remove(token, &queued);
    if (ack->state == ISO_NOT_APPLIED)
        return ISO_OK;
    iso_token_observe(token, ack->version.hlc);
    struct iso_token_item item =
        item_of(producer, ack->log, ack->partition, ack->version, ack->seq);
    if (ack->state == ISO_DURABLE && ack->offset >= 0) {
        item.node = item.seq = 0;
        item.value = (uint64_t)ack->offset + 1;
    }
    return iso_token_add(token, &item, why);
}

enum iso_err iso_producer_acknowledge(const struct iso_producer *producer,
                                      const struct iso_ack *ack, struct iso_buf *token,
                                      struct iso_why *why)
{
    struct iso_token decoded = {0};
    enum iso_err err = iso_token_decode(iso_buf_bytes(token), &decoded, why);
    if (err == ISO_OK)
        err = answer_take(producer, ack, &decoded, why);
    if (err == ISO_OK) {
        iso_buf_clear(token);
        iso_token_encode(&decoded, token);
    }
    iso_token_release(&decoded);
    return err;
}
