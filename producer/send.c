/* From a record that may be written to the log's publisher.
 *
 * A block is taken from the pool and the bytes are copied into it, without a lock;
 * then, under the slice's lock, the version is issued, the header is written with the
 * next seq, and the record is handed over. Only a record that was handed over uses its
 * seq up, so a slice's seqs have no holes; an hlc that was issued for nothing is no
 * loss. */
#include <inttypes.h>

#include "producer/outgoing.h"

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
    struct iso_message message = {.topic = pending->log->topic,
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
    if (err == ISO_NOT_FOUND && producer->ground.renewal.ask != NULL &&
        !atomic_load_explicit(&producer->gone, memory_order_relaxed)) {
        atomic_store_explicit(&producer->shut, true, memory_order_relaxed);
        err = iso_fail(why, ISO_AGAIN,
                       "the log's topic %s is not there: it may be closed; poll, then "
                       "call again",
                       pending->log->topic);
    }
    return err;
}

/* The slice's lock is held. What waits to be sent again goes first, so that the log has
 * the seqs in order but for copies. */
static enum iso_err slice_ready(const struct iso_producer *producer,
                                const struct producer_slice *slice, struct iso_why *why)
{
    if (slice->log == NULL)
        return iso_fail(why, ISO_REFUSED,
                        "the log of collection %s that this region wrote was closed, "
                        "and it writes no other: see isostasy log list %s",
                        producer->ground.definition->collection,
                        producer->ground.definition->collection);
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

/* The slice's lock is held. The version stands in `out` too: after the hand-over the
 * block may be answered and given back at any moment. */
static enum iso_err hand_over(struct iso_producer *producer, struct outgoing *out,
                              struct iso_pending *pending, struct iso_why *why)
{
    struct producer_slice *slice = &producer->slices[out->write.partition];
    enum iso_err err = slice_ready(producer, slice, why);
    if (err == ISO_OK)
        err = version_issue(producer, out->seen, pending, why);
    if (err != ISO_OK)
        return err;
    pending->log = slice->log;
    pending->seq = slice->seq + 1;
    pending->queued_log = pending->log->number;
    pending->queued_seq = pending->seq;
    out->write.log = pending->log->number;
    out->write.version = pending->version;
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

enum iso_err iso_outgoing_send(struct iso_producer *producer, struct outgoing *out,
                               struct iso_why *why)
{
    size_t header_max = ISO_HEADER_BLIND_MAX +
                        out->write.read.count * ISO_VERSION_SIZE + out->write.seen.size;
    if (header_max > producer->ground.definition->limits.header_max &&
        header_max > ISO_HEADER_BLIND_MAX)
        return iso_fail(
            why, ISO_TOO_LARGE,
            "a header of up to %zu bytes, which name what was read, is over "
            "the limit of collection %s: write the key without a context",
            header_max, producer->ground.definition->collection);
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
    err = hand_over(producer, out, pending, why);
    pthread_mutex_unlock(&slice->lock);
    if (err != ISO_OK)
        iso_pool_give(&producer->pool, pending);
    return err;
}
