/* What the answer to a write means, in a word and a sentence. All regions see the same
 * append time, so what it admits is durable; what is refused for its time names the
 * clock that is wrong. */
#include <inttypes.h>

#include "producer/handle.h"

static void ack_set(struct iso_ack *ack, enum iso_acknowledgement state,
                    enum iso_err err)
{
    ack->state = state;
    ack->err = err;
}

/* Names the clock that is wrong: this machine's when it differs from the broker's, else
 * that of whoever wrote what was read. */
static void answer_early(const struct iso_producer *producer,
                         const struct iso_pending *pending, struct iso_ack *ack,
                         struct iso_why *why)
{
    int64_t append_ms = pending->delivery.append_ms;
    int64_t after_max_ms = producer->ground.definition->after_max_ms;
    int64_t ahead_ms = iso_hlc_ms(pending->version.hlc) - append_ms;
    int64_t differ_ms = pending->issued_ms - append_ms;
    ack_set(ack, pending->lost ? ISO_MAYBE_APPLIED : ISO_NOT_APPLIED, ISO_CLOCK_SKEW);
    if (differ_ms > after_max_ms / 2)
        iso_fail(
            why, ISO_CLOCK_SKEW,
            "refused: this machine's clock is %" PRId64 " ms ahead of the broker's "
            "(%s/%" PRIu32 "), and the write %" PRId64
            " ms, more than after_max (%" PRId64
            " ms): set the clock of this machine, or the broker's",
            differ_ms, pending->log->topic, pending->partition, ahead_ms, after_max_ms);
    else
        iso_fail(why, ISO_CLOCK_SKEW,
                 "refused: the write is %" PRId64
                 " ms ahead of the broker's clock (%s/%" PRIu32
                 "), more than after_max (%" PRId64
                 " ms), because what was read or written "
                 "before it was: set the clock of the machine that wrote that",
                 ahead_ms, pending->log->topic, pending->partition, after_max_ms);
}

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

static void answer_late(const struct iso_producer *producer,
                        const struct iso_pending *pending, struct iso_ack *ack,
                        struct iso_why *why)
{
    ack_set(ack, ISO_MAYBE_APPLIED, ISO_UNKNOWN);
    iso_fail(why, ISO_UNKNOWN,
             "the write reached the log %" PRId64 " ms after it was issued, close to "
             "before_max (%" PRId64
             " ms) or over it: read the key to learn whether it counts",
             pending->delivery.append_ms - iso_hlc_ms(pending->version.hlc),
             producer->ground.definition->before_max_ms);
}

static void answer_sent(const struct iso_producer *producer,
                        const struct iso_pending *pending, struct iso_ack *ack,
                        struct iso_why *why)
{
    const struct iso_definition *definition = producer->ground.definition;
    int64_t hlc_ms = iso_hlc_ms(pending->version.hlc);
    int64_t append_ms = pending->delivery.append_ms;
    int64_t spare_ms = definition->before_max_ms / 24;
    if (append_ms < 0) {
        ack_set(ack, ISO_MAYBE_APPLIED, ISO_UNKNOWN);
        iso_fail(why, ISO_UNKNOWN,
                 "the write is in the log, but the broker does not say when it was "
                 "appended: topic %s must have message.timestamp.type=LogAppendTime",
                 pending->log->topic);
    } else if (hlc_ms > append_ms + definition->after_max_ms &&
               !ISO_PLANTED(early_is_durable)) {
        answer_early(producer, pending, ack, why);
    } else if (hlc_ms < append_ms - definition->before_max_ms + spare_ms &&
               !ISO_PLANTED(late_is_durable)) {
        answer_late(producer, pending, ack, why);
    } else {
        ack_set(ack, ISO_DURABLE, ISO_OK);
        why->text[0] = '\0';
    }
}

/* Of a log that was closed before it, as far as is known, had the write. */
static void answer_closed(const struct iso_pending *pending, struct iso_ack *ack,
                          struct iso_why *why)
{
    bool surely = pending->delivery.fate == ISO_NOT_SENT;
    ack_set(ack, surely ? ISO_NOT_APPLIED : ISO_MAYBE_APPLIED,
            surely ? ISO_REFUSED : ISO_UNKNOWN);
    if (surely)
        iso_fail(
            why, ISO_REFUSED,
            "log %u (topic %s) was closed before it had the write, and no log that "
            "succeeds it admits one that old from this region: write it anew",
            pending->log->number, pending->log->topic);
    else
        iso_fail(why, ISO_UNKNOWN,
                 "log %u (topic %s) was closed, and cannot be read to learn whether it "
                 "has the write (not permitted, or gone): read the key before it is "
                 "written anew",
                 pending->log->number, pending->log->topic);
}

static void answer_missing(const struct iso_pending *pending, struct iso_ack *ack,
                           struct iso_why *why)
{
    if (pending->closed) {
        answer_closed(pending, ack, why);
        return;
    }
    if (pending->delivery.fate == ISO_NOT_SENT) {
        enum iso_err err = pending->delivery.err;
        ack_set(ack, pending->lost ? ISO_MAYBE_APPLIED : ISO_NOT_APPLIED, err);
        iso_fail(why, err, "Kafka did not take the write: %s%s", iso_err_words(err),
                 pending->lost ? "; whether it took an earlier copy is not known" : "");
        return;
    }
    ack_set(ack, ISO_MAYBE_APPLIED, pending->lost ? ISO_UNKNOWN : ISO_UNAVAILABLE);
    iso_fail(
        why, ack->err,
        pending->lost
            ? "the producer was closed before Kafka answered: read the key to learn "
              "whether the write counts"
            : "the producer was closed before the write reached Kafka: flush first");
}

void iso_pending_acknowledge(struct iso_producer *producer,
                             const struct iso_pending *pending)
{
    struct iso_why why;
    struct iso_ack ack = {.text = why.text,
                          .opaque = pending->opaque,
                          .version = pending->version,
                          .seq = pending->seq,
                          .log = pending->log->number,
                          .partition = pending->partition,
                          .offset = -1,
                          .append_ms = -1,
                          .queued_log = pending->queued_log,
                          .queued_seq = pending->queued_seq};
    if (pending->delivery.fate == ISO_SENT) {
        ack.offset = pending->delivery.offset;
        ack.append_ms = pending->delivery.append_ms;
        answer_sent(producer, pending, &ack, &why);
    } else {
        answer_missing(pending, &ack, &why);
    }
    atomic_uint_fast64_t *const counters[] = {
        [ISO_DURABLE] = &producer->counters.durable,
        [ISO_NOT_APPLIED] = &producer->counters.not_applied,
        [ISO_MAYBE_APPLIED] = &producer->counters.maybe_applied,
    };
    atomic_fetch_add_explicit(counters[ack.state], 1, memory_order_relaxed);
    if (producer->acknowledged != NULL)
        producer->acknowledged(producer->user, &ack);
}
