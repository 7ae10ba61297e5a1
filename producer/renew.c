/* From a log that was closed to the one that succeeds it.
 *
 *   refused: unsent, wait, or ─▶ what stands now?
 *     still open ─▶ it was no fence: sent again
 *     closed     ─▶ publisher closed: all unanswered is looked up
 *         there     ─▶ acknowledged
 *         not there ─▶ its header says the successor, and a seq there; sent
 *
 * A write that was not in the closed log is the same write in its successor: its
 * version stays, since contexts and tokens name it already, and it was never in a log.
 * It goes before anything new of its slice. Only its header is written anew. Where the
 * closed log has a later write of this handle (its fence was taken away in between) it
 * is refused: a successor admits of a node only what is above all that it has in the
 * closed log.
 *
 * Every step may fail, and is done again at a later poll from where it stopped: what
 * was looked up in a slice stays looked up, and nothing goes over before everything is.
 * Until then no slice has a publisher, so writers are told ISO_AGAIN. */
#include <stdlib.h>

#include "base/log.h"
#include "producer/handle.h"

enum {
    ASK_MS = 250,     /* between two questions what stands now */
    DENIED_MS = 2000, /* where it is not permitted to ask for the fence */
};

/* ---- closed, or only refusing? ---- */

struct limit {
    int64_t bytes; /* -1: not told */
};

static void limit_each(void *user, const char *name, const char *value)
{
    struct limit *limit = user;
    if (strcmp(name, "max.message.bytes") == 0)
        limit->bytes = strtoll(value, NULL, 10);
}

static void reopen(struct iso_producer *producer)
{
    atomic_store_explicit(&producer->shut, false, memory_order_relaxed);
}

static void heard_set(struct iso_producer *producer, const struct iso_why *why)
{
    pthread_mutex_lock(&producer->slices[0].lock);
    producer->heard = *why;
    pthread_mutex_unlock(&producer->slices[0].lock);
}

/* Trouble that goes on is logged once, and told who asks (iso_producer_trouble). */
static void heard(struct iso_producer *producer, const char *event,
                  const struct iso_why *why)
{
    if (producer->heard.err != why->err)
        iso_log_why(ISO_WARN, event, why);
    heard_set(producer, why);
}

/* By what stands now the log is open. One that is fenced is about to be closed; where
 * it is not permitted to look, writing tells, now and then. Else records were too large
 * for another reason, the fence was taken away, or the topic is gone: they are tried
 * again, and what is refused then is. */
static void open_still(struct iso_producer *producer)
{
    struct limit limit = {.bytes = -1};
    struct iso_why why;
    enum iso_err err = iso_bus_topic_config(producer->bus, producer->log->topic,
                                            producer->ground.renewal.timeout_ms,
                                            limit_each, &limit, &why);
    producer->gone = err == ISO_NOT_FOUND;
    if (err == ISO_OK && limit.bytes != 0)
        producer->message_max = limit.bytes;
    if (err != ISO_OK)
        heard(producer, "producer.fenced", &why);
    if (err != ISO_OK && iso_err_kind(err) == ISO_RETRY)
        return;
    if (err != ISO_OK && !producer->gone)
        producer->ask_at_ms += DENIED_MS - ASK_MS;
    if (err != ISO_OK || limit.bytes != 0)
        reopen(producer);
}

/* ---- over to another log ---- */

/* The slice's lock is held. */
static struct iso_pending *unsent_take(struct producer_slice *slice)
{
    struct iso_pending *chain = slice->unsent;
    slice->unsent = NULL;
    slice->unsent_last = NULL;
    return chain;
}

/* The same write, in another log. There is room: the header's place holds the longest
 * numbers that there are. */
static void header_move(struct iso_pending *pending)
{
    struct iso_buf old = {0}, scratch = {0};
    struct iso_write write;
    iso_buf_add_bytes(&old, pending->header);
    enum iso_err err = iso_write_decode(iso_buf_bytes(&old), &scratch, &write, NULL);
    iso_assert(err == ISO_OK);
    write.log = pending->log->number;
    write.seq = pending->seq;
    struct iso_buf header = {.data = pending->bytes,
                             .room = (size_t)(pending->key.data - pending->bytes)};
    iso_write_encode(&write, &header);
    iso_assert(header.data == pending->bytes);
    pending->header = iso_buf_bytes(&header);
    iso_buf_release(&old);
    iso_buf_release(&scratch);
}

static void pending_move(struct iso_pending *pending,
                         const struct iso_definition_log *log, uint64_t seq)
{
    pending->log = log;
    pending->seq = seq;
    pending->lost = false;
    pending->timeless = false;
    pending->absent = false;
    pending->closed = false;
    pending->refusals = 0;
    header_move(pending);
}

static bool pending_goes(const struct producer_slice *slice,
                         const struct iso_pending *pending,
                         const struct iso_definition_log *log)
{
    return log != NULL && pending->has_key && pending->delivery.fate == ISO_NOT_SENT &&
           pending->version.hlc >= log->birth && pending->version.hlc > slice->newest;
}

/* What goes over stays in the slice, in its order; says what does not: a chain. The
 * slice's lock is held. */
static struct iso_pending *slice_move(struct iso_producer *producer,
                                      struct producer_slice *slice,
                                      const struct iso_definition_log *log)
{
    struct iso_pending *stays = NULL, **stays_end = &stays, *next;
    struct iso_pending *chain = unsent_take(slice);
    struct iso_pending **end = &slice->unsent;
    slice->log = log;
    slice->seq = 0;
    for (; chain != NULL; chain = next) {
        next = chain->next;
        chain->next = NULL;
        if (pending_goes(slice, chain, log)) {
            pending_move(chain, log, ++slice->seq);
            *end = slice->unsent_last = chain;
            end = &chain->next;
        } else {
            atomic_fetch_sub_explicit(&producer->unsent, 1, memory_order_relaxed);
            *stays_end = chain;
            stays_end = &chain->next;
        }
    }
    return stays;
}

static void slices_move(struct iso_producer *producer,
                        const struct iso_definition_log *log)
{
    for (uint32_t i = 0; i < producer->ground.definition->partitions; i++) {
        struct producer_slice *slice = &producer->slices[i];
        pthread_mutex_lock(&slice->lock);
        struct iso_pending *stays = slice_move(producer, slice, log);
        pthread_mutex_unlock(&slice->lock);
        slice->looked_up = false;
        slice->newest = 0;
        iso_pending_finish_chain(producer, stays);
        slice->answered_seq = 0;
        slice->from = 0;
    }
}

/* False: some slice could not be asked now. */
static bool slices_look_up(struct iso_producer *producer,
                           const struct iso_definition_log *closed)
{
    for (uint32_t i = 0; i < producer->ground.definition->partitions; i++) {
        struct producer_slice *slice = &producer->slices[i];
        struct iso_why why;
        if (slice->unsent == NULL || slice->looked_up)
            continue;
        if (iso_slice_look_up(producer, i, closed->ends[i], &why) != ISO_OK) {
            heard(producer, "producer.lookup", &why);
            return false;
        }
        slice->looked_up = true;
    }
    return true;
}

/* Nobody writes from here on, and all that is unanswered stands in the slices. */
static void publisher_end(struct iso_producer *producer)
{
    if (producer->publisher == NULL)
        return;
    iso_producer_publisher_give(producer, NULL);
    iso_publisher_close(producer->publisher);
    producer->publisher = NULL;
}

static void log_set(struct iso_producer *producer, const struct iso_definition_log *log,
                    struct iso_bus *bus)
{
    producer->log = log;
    producer->bus = bus;
    producer->message_max = -1;
    producer->gone = false;
    heard_set(producer, &(struct iso_why){0});
    pthread_mutex_lock(&producer->hlc_lock);
    iso_hlc_observe(&producer->hlc, log->birth);
    pthread_mutex_unlock(&producer->hlc_lock);
    reopen(producer);
    bool opened = iso_producer_publisher_open(producer, NULL) == ISO_OK;
    if (opened)
        iso_producer_publisher_give(producer, producer->publisher);
    atomic_store_explicit(&producer->fenced, !opened, memory_order_relaxed);
    iso_log(ISO_INFO, "producer.renewed", "log=%u topic=%s", log->number, log->topic);
}

void iso_producer_renew(struct iso_producer *producer)
{
    const struct iso_producer_renewal *renewal = &producer->ground.renewal;
    int64_t now_ms = iso_steady_ms(producer->ground.clock);
    if (now_ms < producer->ask_at_ms)
        return;
    producer->ask_at_ms = now_ms + ASK_MS;
    const struct iso_definition *definition;
    struct iso_bus *bus = NULL;
    struct iso_why why;
    if (renewal->ask(renewal->user, &definition, &bus, &why) != ISO_OK) {
        heard(producer, "producer.renew", &why);
        return;
    }
    const struct iso_definition_log *was =
        iso_definition_log(definition, producer->log->number);
    if (was == NULL || was->ends == NULL) {
        open_still(producer);
        return;
    }
    atomic_store(&producer->newest, definition);
    publisher_end(producer);
    if (!slices_look_up(producer, was))
        return;
    const struct iso_definition_log *log =
        iso_definition_log_of(definition, producer->ground.region);
    slices_move(producer, log);
    if (log != NULL) /* else it is asked again: a later definition may have one */
        log_set(producer, log, bus);
}
