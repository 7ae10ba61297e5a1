/* The public calls that write. What can be refused is refused before anything is taken:
 * what the daemons would put aside never reaches the log. */
#include <inttypes.h>

#include "producer/outgoing.h"
#include "schema/context.h"

/* ---- what may be written ---- */

static enum iso_err key_check(const struct iso_producer *producer, struct iso_bytes key,
                              struct iso_why *why)
{
    uint32_t max = producer->ground.definition->limits.key_max;
    if (key.size == 0)
        return iso_fail(why, ISO_TOO_LARGE,
                        "a key has 1 to %" PRIu32 " bytes, this one has none", max);
    if (key.size > max)
        return iso_fail(
            why, ISO_TOO_LARGE,
            "a key of %zu bytes is over the limit of collection %s, %" PRIu32
            ": shorten it",
            key.size, producer->ground.definition->collection, max);
    return ISO_OK;
}

static enum iso_err size_check(const struct iso_producer *producer,
                               struct iso_bytes value, struct iso_why *why)
{
    uint32_t max = producer->ground.definition->limits.value_max;
    if (value.size > max)
        return iso_fail(
            why, ISO_TOO_LARGE,
            "a value of %zu bytes is over the limit of collection %s, %" PRIu32
            ": split it over several keys",
            value.size, producer->ground.definition->collection, max);
    return ISO_OK;
}

/* An empty context is that of a writer who was shown nothing. */
static enum iso_err context_read(const struct iso_producer *producer,
                                 const struct iso_buf *bytes, struct outgoing *out,
                                 struct iso_why *why)
{
    struct iso_context context = {0};
    if (bytes->size > 0) {
        enum iso_err err = iso_context_decode(iso_buf_bytes(bytes), &context, why);
        if (err != ISO_OK)
            return err;
    }
    uint32_t max = producer->ground.definition->limits.read_max;
    if (context.shown.count > max)
        return iso_fail(why, ISO_TOO_LARGE,
                        "the context names %zu versions, more than the %" PRIu32
                        " that collection %s allows: write the key without a context",
                        context.shown.count, max,
                        producer->ground.definition->collection);
    out->write.blind = false;
    out->write.read = context.shown;
    out->seen = context.hlc;
    for (size_t i = 0; i < context.shown.count; i++) {
        uint64_t hlc = iso_names_at(context.shown, i).hlc;
        if (hlc > out->seen)
            out->seen = hlc;
    }
    return ISO_OK;
}

/* ---- the way out ---- */

static enum iso_err token_send(struct iso_producer *producer, struct outgoing *out,
                               struct iso_buf *bytes, struct iso_why *why)
{
    struct iso_token token = {0};
    enum iso_err err = iso_outgoing_token_read(out, bytes, &token, why);
    if (err == ISO_OK)
        err = iso_outgoing_send(producer, out, why);
    if (err == ISO_OK)
        iso_outgoing_token_write(producer, out, &token, bytes);
    iso_token_release(&token);
    return err;
}

enum iso_err iso_outgoing_write(struct iso_producer *producer, struct outgoing *out,
                                const struct iso_write_options *options,
                                struct iso_why *why)
{
    enum iso_err err = iso_producer_check(producer, why);
    if (err == ISO_OK)
        err = key_check(producer, out->key, why);
    if (err == ISO_OK && out->has_value)
        err = size_check(producer, out->value, why);
    if (err != ISO_OK)
        return err;
    if (options != NULL) {
        out->opaque = options->opaque;
        out->write.has_expiry = options->has_expiry;
        out->write.expiry_ms = options->has_expiry ? options->expiry_ms : 0;
    }
    out->has_key = true;
    out->write.partition =
        iso_partition_of(out->key, producer->ground.definition->partitions);
    if (options != NULL && options->token != NULL)
        err = token_send(producer, out, options->token, why);
    else
        err = iso_outgoing_send(producer, out, why);
    if (err == ISO_OK)
        atomic_fetch_add_explicit(&producer->counters.queued, 1, memory_order_relaxed);
    return err;
}

/* A whole value, or a delete: the context names this write from now on. */
static enum iso_err whole_write(struct iso_producer *producer, struct outgoing *out,
                                const struct iso_write_options *options,
                                struct iso_why *why)
{
    struct iso_buf *context = options != NULL ? options->context : NULL;
    enum iso_err err = ISO_OK;
    if (context != NULL)
        err = context_read(producer, context, out, why);
    if (err == ISO_OK)
        err = iso_outgoing_write(producer, out, options, why);
    if (err != ISO_OK || context == NULL)
        return err;
    uint8_t name[ISO_VERSION_SIZE];
    iso_version_put(name, out->write.version);
    struct iso_context next = {.hlc = out->write.version.hlc,
                               .shown = {.data = name, .count = 1}};
    iso_buf_clear(context);
    iso_context_encode(&next, context);
    return ISO_OK;
}

/* ---- the public calls ---- */

enum iso_err iso_producer_put(struct iso_producer *producer, struct iso_bytes key,
                              struct iso_bytes value,
                              const struct iso_write_options *options,
                              struct iso_why *why)
{
    enum iso_err err = size_check(producer, value, why);
    if (err == ISO_OK)
        err = iso_value_check(producer->schemas, value, why);
    if (err != ISO_OK)
        return err;
    if (producer->has_fields)
        return iso_record_put(producer, key, value, options, why);
    struct outgoing out = {.write = {.operation = ISO_PUT, .blind = true},
                           .key = key,
                           .has_value = true,
                           .value = value};
    return whole_write(producer, &out, options, why);
}

enum iso_err iso_producer_delete(struct iso_producer *producer, struct iso_bytes key,
                                 const struct iso_write_options *options,
                                 struct iso_why *why)
{
    if (producer->has_fields)
        return iso_record_delete(producer, key, options, why);
    struct outgoing out = {.write = {.operation = ISO_DELETE, .blind = true},
                           .key = key};
    return whole_write(producer, &out, options, why);
}

enum iso_err iso_producer_heartbeat(struct iso_producer *producer, uint32_t partition,
                                    struct iso_why *why)
{
    enum iso_err err = iso_producer_check(producer, why);
    if (err != ISO_OK)
        return err;
    uint32_t partitions = producer->ground.definition->partitions;
    if (partition >= partitions)
        return iso_fail(why, ISO_USAGE,
                        "collection %s has %" PRIu32
                        " partitions: there is no %" PRIu32,
                        producer->ground.definition->collection, partitions, partition);
    struct outgoing out = {
        .write = {.operation = ISO_HEARTBEAT, .blind = true, .partition = partition}};
    return iso_outgoing_send(producer, &out, why);
}
