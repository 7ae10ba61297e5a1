/* From a caller's bytes to the log's publisher.
 *
 * What can be refused is refused before anything is taken. Then a block is taken from
 * the pool and the bytes are copied into it, without a lock; then, under the slice's
 * lock, the version is issued, the header is written with the next seq, and the record
 * is handed over. Only a record that was handed over uses its seq up, so a slice's seqs
 * have no holes; an hlc that was issued for nothing is no loss. */
#include <inttypes.h>

#include "producer/handle.h"
#include "schema/context.h"

/* A record on its way in: what the public calls make of their arguments. */
struct outgoing {
    struct iso_write write; /* version and seq come last */
    bool has_key, has_value;
    struct iso_bytes key, value;
    uint64_t seen; /* the largest hlc that the writer has read; 0: none */
    void *opaque;
};

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

static enum iso_err value_check(const struct iso_producer *producer,
                                struct iso_bytes value, struct iso_why *why)
{
    uint32_t max = producer->ground.definition->limits.value_max;
    if (value.size > max)
        return iso_fail(
            why, ISO_TOO_LARGE,
            "a value of %zu bytes is over the limit of collection %s, %" PRIu32
            ": split it over several keys",
            value.size, producer->ground.definition->collection, max);
    return iso_value_check(producer->schemas, value, why);
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

static enum iso_err options_read(const struct iso_producer *producer,
                                 const struct iso_write_options *options,
                                 struct outgoing *out, struct iso_why *why)
{
    if (options == NULL)
        return ISO_OK;
    out->opaque = options->opaque;
    out->write.has_expiry = options->has_expiry;
    out->write.expiry_ms = options->has_expiry ? options->expiry_ms : 0;
    if (options->context == NULL)
        return ISO_OK;
    return context_read(producer, options->context, out, why);
}

/* ---- version ---- */

/* The slice's lock is held. */
static enum iso_err version_issue(struct iso_producer *producer, uint64_t seen,
                                  struct iso_pending *pending, struct iso_why *why)
{
    int64_t after_max_ms = producer->ground.definition->after_max_ms;
    int64_t wait_ms;
    enum iso_err err;
    pthread_mutex_lock(&producer->hlc_lock);
    int64_t now_ms = iso_now_ms(producer->ground.clock);
    if (iso_hlc_ms(seen) > now_ms + after_max_ms) {
        err =
            iso_fail(why, ISO_CLOCK_SKEW,
                     "what was read is %" PRId64 " ms ahead of this machine's clock, "
                     "more than after_max (%" PRId64 " ms) allows: set this machine's "
                     "clock, or that of the writer",
                     iso_hlc_ms(seen) - now_ms, after_max_ms);
    } else {
        iso_hlc_observe(&producer->hlc, seen);
        err = iso_hlc_issue(&producer->hlc, now_ms, after_max_ms, &pending->version.hlc,
                            &wait_ms, why);
    }
    pthread_mutex_unlock(&producer->hlc_lock);
    pending->version.node = producer->node;
    pending->issued_ms = now_ms;
    return err;
}

/* ---- hand-over ---- */

enum iso_err iso_pending_send(struct iso_producer *producer,
                              struct producer_slice *slice, struct iso_pending *pending,
                              struct iso_why *why)
{
    struct iso_message message = {.topic = producer->log->topic,
                                  .partition = (int)pending->partition,
                                  .has_key = pending->has_key,
                                  .has_value = pending->has_value,
                                  .has_header = true,
                                  .key = pending->key,
                                  .value = pending->value,
                                  .header = pending->header,
                                  .opaque = pending};
    enum iso_err err = iso_publisher_send(slice->publisher, &message, why);
    if (err == ISO_FENCED) {
        atomic_store_explicit(&producer->fenced, true, memory_order_relaxed);
        err = iso_fail(why, ISO_AGAIN,
                       "the Kafka client cannot go on and will be replaced: poll, then "
                       "call again");
    }
    return err;
}

/* The slice's lock is held. What waits to be sent again goes first, so that the log has
 * the seqs in order but for copies. */
static enum iso_err slice_ready(const struct producer_slice *slice, struct iso_why *why)
{
    if (slice->publisher == NULL)
        return iso_fail(why, ISO_AGAIN,
                        "the Kafka client is being replaced: poll, then call again");
    if (slice->unsent != NULL)
        return iso_fail(why, ISO_AGAIN,
                        "earlier writes are being sent again: poll, then call again");
    return ISO_OK;
}

/* Writes the header into the place that was kept for it. */
static void header_fill(struct iso_pending *pending, struct iso_write *write)
{
    write->version = pending->version;
    write->seq = pending->seq;
    struct iso_buf header = {.data = pending->bytes, .room = pending->header.size};
    iso_write_encode(write, &header);
    iso_assert(header.data == pending->bytes);
    pending->header = iso_buf_bytes(&header);
}

/* The slice's lock is held. *version is what was issued: after the hand-over the block
 * may be answered and given back at any moment. */
static enum iso_err hand_over(struct iso_producer *producer, struct outgoing *out,
                              struct iso_pending *pending, struct iso_version *version,
                              struct iso_why *why)
{
    struct producer_slice *slice = &producer->slices[out->write.partition];
    enum iso_err err = slice_ready(slice, why);
    if (err == ISO_OK)
        err = version_issue(producer, out->seen, pending, why);
    if (err != ISO_OK)
        return err;
    pending->seq = slice->seq + 1;
    out->write.version = *version = pending->version;
    out->write.seq = pending->seq;
    err = iso_write_check(&out->write, why);
    if (err != ISO_OK)
        return err;
    header_fill(pending, &out->write);
    err = iso_pending_send(producer, slice, pending, why);
    if (err == ISO_OK)
        slice->seq++;
    return err;
}

static struct iso_bytes copy(uint8_t *at, struct iso_bytes from)
{
    if (from.size > 0)
        memcpy(at, from.data, from.size);
    return iso_bytes(at, from.size);
}

static enum iso_err send(struct iso_producer *producer, struct outgoing *out,
                         struct iso_version *version, struct iso_why *why)
{
    size_t header_max = ISO_HEADER_BLIND_MAX + out->write.read.count * ISO_VERSION_SIZE;
    if (header_max > producer->ground.definition->limits.header_max &&
        out->write.read.count > 0)
        return iso_fail(
            why, ISO_TOO_LARGE,
            "a header that names %zu versions is over the limit of collection "
            "%s: write the key without a context",
            out->write.read.count, producer->ground.definition->collection);
    struct iso_pending *pending;
    enum iso_err err = iso_pool_take(
        &producer->pool, header_max + out->key.size + out->value.size, &pending, why);
    if (err != ISO_OK)
        return err;
    pending->partition = out->write.partition;
    pending->opaque = out->opaque;
    pending->has_key = out->has_key;
    pending->has_value = out->has_value;
    pending->header = iso_bytes(pending->bytes, header_max);
    pending->key = copy(pending->bytes + header_max, out->key);
    pending->value = copy(pending->bytes + header_max + out->key.size, out->value);

    struct producer_slice *slice = &producer->slices[out->write.partition];
    pthread_mutex_lock(&slice->lock);
    err = hand_over(producer, out, pending, version, why);
    pthread_mutex_unlock(&slice->lock);
    if (err != ISO_OK)
        iso_pool_give(&producer->pool, pending);
    return err;
}

/* ---- the public calls ---- */

static enum iso_err write_send(struct iso_producer *producer, struct outgoing *out,
                               const struct iso_write_options *options,
                               struct iso_why *why)
{
    enum iso_err err = iso_producer_check(producer, why);
    if (err == ISO_OK)
        err = key_check(producer, out->key, why);
    if (err == ISO_OK && out->has_value)
        err = value_check(producer, out->value, why);
    if (err == ISO_OK)
        err = options_read(producer, options, out, why);
    if (err != ISO_OK)
        return err;
    out->has_key = true;
    out->write.log = producer->log->number;
    out->write.partition =
        iso_partition_of(out->key, producer->ground.definition->partitions);
    struct iso_version version;
    err = send(producer, out, &version, why);
    if (err != ISO_OK)
        return err;
    atomic_fetch_add_explicit(&producer->counters.queued, 1, memory_order_relaxed);
    if (options != NULL && options->context != NULL) {
        uint8_t name[ISO_VERSION_SIZE];
        iso_version_put(name, version);
        struct iso_context context = {.hlc = version.hlc,
                                      .shown = {.data = name, .count = 1}};
        iso_buf_clear(options->context);
        iso_context_encode(&context, options->context);
    }
    return ISO_OK;
}

enum iso_err iso_producer_put(struct iso_producer *producer, struct iso_bytes key,
                              struct iso_bytes value,
                              const struct iso_write_options *options,
                              struct iso_why *why)
{
    struct outgoing out = {.write = {.operation = ISO_PUT, .blind = true},
                           .key = key,
                           .has_value = true,
                           .value = value};
    return write_send(producer, &out, options, why);
}

enum iso_err iso_producer_delete(struct iso_producer *producer, struct iso_bytes key,
                                 const struct iso_write_options *options,
                                 struct iso_why *why)
{
    struct outgoing out = {.write = {.operation = ISO_DELETE, .blind = true},
                           .key = key};
    return write_send(producer, &out, options, why);
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
    struct outgoing out = {.write = {.operation = ISO_HEARTBEAT,
                                     .blind = true,
                                     .log = producer->log->number,
                                     .partition = partition}};
    struct iso_version version;
    return send(producer, &out, &version, why);
}
