/* From the publisher's answers to acknowledgements.
 *
 * An answer that does not count sends the write back to its slice, to be sent again as
 * the same bytes, in order of seq; any other is acknowledged at once, while its memory
 * is in the processor's cache, with no lock held that a caller's own calls would need.
 * A publisher that is fenced answers everything it held when it is closed, so nothing
 * else need be remembered of what is on its way.
 *
 * What decides is the append time: all regions see the same one. A write of which
 * several copies were sent is durable when any of them was admitted, since the others
 * are then duplicates, and refused only when each was. An answer without an append time
 * (Kafka had this batch already) says that the record is in the log but not whether it
 * was admitted, so it is sent once more to learn that. */
#include <inttypes.h>
#include <poll.h>
#include <time.h>

#include "producer/handle.h"

enum { FLUSH_POLL_MS = 100, PAUSE_MS = 100, DONE_MAX = 128, REFUSALS_MAX = 20 };

/* The producer that this thread polls: so a call from inside `acknowledged` is known.
 */
static _Thread_local const struct iso_producer *polled;

/* ---- what an answer means ---- */

/* A log that is fenced refuses whatever it is given as too large (define.h). A copy
 * that it took before it was fenced, and whose answer was lost, is then refused like
 * any other, so nothing is known until the log is looked at (renew.c): but of a record
 * that is larger than the topic was found to take. Later its topic may be gone. */
static bool answer_shuts(struct iso_producer *producer, struct iso_pending *pending)
{
    enum iso_err err = pending->delivery.err;
    int64_t size =
        (int64_t)(pending->key.size + pending->value.size + pending->header.size);
    if ((err != ISO_TOO_LARGE && err != ISO_NOT_FOUND) || !pending->has_key ||
        producer->ground.renewal.ask == NULL)
        return false;
    if (err == ISO_NOT_FOUND && producer->gone)
        return false;
    if (err == ISO_TOO_LARGE && producer->message_max >= 0 &&
        size > producer->message_max)
        return false;
    pending->absent = err == ISO_NOT_FOUND && !pending->lost;
    pending->lost |= producer->closing || pending->refusals >= REFUSALS_MAX;
    if (pending->refusals >= REFUSALS_MAX)
        return false;
    pending->refusals++;
    atomic_store_explicit(&producer->shut, true, memory_order_relaxed);
    return true;
}

/* Sent again? Notes what is known of the copy that was answered. */
static bool answer_resends(struct iso_producer *producer, struct iso_pending *pending)
{
    const struct iso_delivery *delivery = &pending->delivery;
    switch (delivery->fate) {
    case ISO_SENT:
        if (delivery->append_ms >= 0 || pending->timeless)
            return false;
        pending->timeless = true;
        pending->lost = true;
        break;
    case ISO_MAYBE_SENT:
        if (delivery->err != ISO_UNAVAILABLE)
            pending->lost = true;
        break;
    case ISO_NOT_SENT:
        if (!answer_shuts(producer, pending))
            return false;
        break;
    }
    return !producer->closing;
}

/* ---- the chains ---- */

/* Into its slice's chain, in order of seq. Answers come in order but for rare moments,
 * so the place is nearly always the end. */
static void unsent_add(struct iso_producer *producer, struct iso_pending *pending)
{
    struct producer_slice *slice = &producer->slices[pending->partition];
    pthread_mutex_lock(&slice->lock);
    if (slice->unsent == NULL || slice->unsent_last->seq < pending->seq) {
        pending->next = NULL;
        *(slice->unsent ? &slice->unsent_last->next : &slice->unsent) = pending;
        slice->unsent_last = pending;
    } else {
        struct iso_pending **at = &slice->unsent;
        while ((*at)->seq < pending->seq)
            at = &(*at)->next;
        pending->next = *at;
        *at = pending;
    }
    pthread_mutex_unlock(&slice->lock);
    atomic_fetch_add_explicit(&producer->unsent, 1, memory_order_relaxed);
}

/* Gives back what was acknowledged: often, so that it is used again while it is warm.
 */
static void done_give(struct iso_producer *producer)
{
    struct iso_pending *done = producer->done;
    producer->done = NULL;
    producer->done_count = 0;
    if (done != NULL)
        iso_pool_give(&producer->pool, done);
}

/* Answers come in order, so what has none stands behind what was answered last: behind
 * its only copy, since the next may stand before a second one. */
static void answered_note(struct producer_slice *slice,
                          const struct iso_pending *pending)
{
    if (pending->seq != slice->answered_seq + 1)
        return;
    slice->answered_seq = pending->seq;
    if (pending->delivery.fate == ISO_SENT && !pending->lost &&
        pending->delivery.offset >= slice->from)
        slice->from = pending->delivery.offset + 1;
}

void iso_pending_finish(struct iso_producer *producer, struct iso_pending *pending)
{
    answered_note(&producer->slices[pending->partition], pending);
    if (pending->has_key) {
        iso_pending_acknowledge(producer, pending);
        producer->acked++;
    }
    pending->next = producer->done;
    producer->done = pending;
    if (++producer->done_count >= DONE_MAX)
        done_give(producer);
}

/* The answer to the newest copy of a write. The poll lock is held, and no slice's. */
static void answer(struct iso_producer *producer, struct iso_pending *pending)
{
    if (answer_resends(producer, pending))
        unsent_add(producer, pending);
    else
        iso_pending_finish(producer, pending);
}

void iso_producer_delivered(void *user, const struct iso_delivery *delivery)
{
    struct iso_pending *pending = delivery->opaque;
    pending->delivery = *delivery;
    answer(user, pending);
}

/* ---- sending again ---- */

static bool shut(const struct iso_producer *producer)
{
    return atomic_load_explicit(&producer->shut, memory_order_relaxed);
}

/* Says which writes no queue will ever take: a chain. The slice's lock is held. */
static struct iso_pending *slice_resend(struct iso_producer *producer,
                                        struct producer_slice *slice)
{
    struct iso_pending *refused = NULL, **refused_end = &refused;
    while (slice->unsent != NULL && slice->publisher != NULL) {
        struct iso_pending *pending = slice->unsent;
        struct iso_pending *next = pending->next;
        enum iso_err err = iso_pending_send(producer, slice, pending, NULL);
        if (err == ISO_AGAIN)
            break;
        slice->unsent = next;
        atomic_fetch_sub_explicit(&producer->unsent, 1, memory_order_relaxed);
        if (err == ISO_OK) {
            atomic_fetch_add_explicit(&producer->counters.resent, 1,
                                      memory_order_relaxed);
            continue;
        }
        pending->delivery = (struct iso_delivery){
            .fate = ISO_NOT_SENT, .err = err, .offset = -1, .append_ms = -1};
        *refused_end = pending;
        refused_end = &pending->next;
    }
    *refused_end = NULL;
    return refused;
}

static void answer_chain(struct iso_producer *producer, struct iso_pending *chain)
{
    struct iso_pending *next;
    for (; chain != NULL; chain = next) {
        next = chain->next;
        answer(producer, chain);
    }
}

void iso_pending_finish_chain(struct iso_producer *producer, struct iso_pending *chain)
{
    struct iso_pending *next;
    for (; chain != NULL; chain = next) {
        next = chain->next;
        iso_pending_finish(producer, chain);
    }
}

/* Not while the log refuses everything. */
static void resend(struct iso_producer *producer)
{
    if (shut(producer))
        return;
    uint32_t partitions = producer->ground.definition->partitions;
    for (uint32_t i = 0; i < partitions; i++) {
        if (atomic_load_explicit(&producer->unsent, memory_order_relaxed) == 0)
            return;
        struct producer_slice *slice = &producer->slices[i];
        pthread_mutex_lock(&slice->lock);
        struct iso_pending *refused = slice_resend(producer, slice);
        pthread_mutex_unlock(&slice->lock);
        answer_chain(producer, refused);
    }
}

/* Closes a publisher that cannot go on, which answers what it held, and opens another.
 * No new write enters a slice before what it has to send again. */
static void publisher_replace(struct iso_producer *producer)
{
    if (producer->publisher != NULL) {
        iso_producer_publisher_give(producer, NULL);
        iso_publisher_close(producer->publisher);
        producer->publisher = NULL;
    }
    atomic_store_explicit(&producer->fenced, false, memory_order_relaxed);
    if (iso_producer_publisher_open(producer, NULL) == ISO_OK)
        iso_producer_publisher_give(producer, producer->publisher);
    else
        atomic_store_explicit(&producer->fenced, true, memory_order_relaxed);
}

void iso_producer_answer_all(struct iso_producer *producer)
{
    const struct iso_producer *outer = polled;
    polled = producer;
    producer->closing = true;
    iso_producer_publisher_give(producer, NULL);
    iso_publisher_close(producer->publisher);
    producer->publisher = NULL;
    for (uint32_t i = 0; i < producer->ground.definition->partitions; i++) {
        struct producer_slice *slice = &producer->slices[i];
        pthread_mutex_lock(&slice->lock);
        struct iso_pending *unsent = slice->unsent;
        slice->unsent = NULL;
        pthread_mutex_unlock(&slice->lock);
        for (struct iso_pending *at = unsent; at != NULL; at = at->next) {
            at->lost |= at->refusals > 0 && !at->absent; /* nobody looked */
            at->closed = false;
            at->delivery =
                (struct iso_delivery){.fate = ISO_MAYBE_SENT, .err = ISO_UNAVAILABLE};
        }
        answer_chain(producer, unsent);
    }
    done_give(producer);
    polled = outer;
}

/* ---- poll and flush ---- */

static bool fenced(const struct iso_producer *producer)
{
    return atomic_load_explicit(&producer->fenced, memory_order_relaxed);
}

/* The poll lock is held. */
static int poll_once(struct iso_producer *producer, int timeout_ms)
{
    producer->acked = 0;
    if (shut(producer))
        iso_producer_renew(producer);
    if (fenced(producer) && !shut(producer))
        publisher_replace(producer);
    resend(producer);
    if (producer->publisher != NULL) {
        int delivered;
        enum iso_err err =
            iso_publisher_poll(producer->publisher,
                               producer->acked > 0 ? 0 : timeout_ms, &delivered, NULL);
        if (err == ISO_FENCED)
            atomic_store_explicit(&producer->fenced, true, memory_order_relaxed);
        resend(producer);
    } else if (producer->acked == 0 && timeout_ms > 0) {
        poll(NULL, 0, timeout_ms < PAUSE_MS ? timeout_ms : PAUSE_MS);
    }
    done_give(producer);
    return producer->acked;
}

/* False when the time is up while another thread polls, or when this one does already.
 */
static bool poll_enter(struct iso_producer *producer, int timeout_ms)
{
    if (polled == producer)
        return false;
    if (timeout_ms <= 0)
        return pthread_mutex_trylock(&producer->poll_lock) == 0;
    /* By the clock that may step: a wait that it makes longer ends with the other poll.
     */
    int64_t until_ms = iso_now_ms(&iso_clock_machine) + timeout_ms;
    struct timespec until = {.tv_sec = until_ms / 1000,
                             .tv_nsec = until_ms % 1000 * 1000000};
    return pthread_mutex_timedlock(&producer->poll_lock, &until) == 0;
}

int iso_producer_poll(struct iso_producer *producer, int timeout_ms)
{
    if (iso_producer_check(producer, NULL) != ISO_OK ||
        !poll_enter(producer, timeout_ms))
        return 0;
    const struct iso_producer *outer = polled; /* which acknowledges right now */
    polled = producer;
    int count = poll_once(producer, timeout_ms);
    polled = outer;
    pthread_mutex_unlock(&producer->poll_lock);
    return count;
}

enum iso_err iso_producer_flush(struct iso_producer *producer, int timeout_ms,
                                struct iso_why *why)
{
    enum iso_err err = iso_producer_check(producer, why);
    if (err != ISO_OK)
        return err;
    if (polled == producer)
        return iso_fail(
            why, ISO_USAGE,
            "an acknowledgement cannot wait for others: flush after the poll");
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + timeout_ms;
    int64_t waiting;
    while ((waiting = iso_pool_waiting(&producer->pool)) > 0) {
        int64_t left_ms = until_ms - iso_steady_ms(&iso_clock_machine);
        if (left_ms < 0)
            return iso_fail(why, ISO_TIMEOUT,
                            "%" PRId64
                            " writes have no answer yet after %d ms: they are "
                            "sent again for as long as the producer is open",
                            waiting, timeout_ms);
        iso_producer_poll(producer,
                          left_ms < FLUSH_POLL_MS ? (int)left_ms : FLUSH_POLL_MS);
    }
    return ISO_OK;
}
