/* Looking writes up in a log that was closed: its partition is read from where the
 * first of them can stand to its end, and each record of this handle's node is held to
 * them by seq. The log is final, so what is not found there is not in it, unless
 * retention took a part of what was to be read. */
#include "base/log.h"
#include "producer/handle.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

struct lookup {
    uint64_t node;
    int64_t end;
    struct iso_pending *chain; /* by seq, ascending */
    struct iso_pending *at;    /* where the last one was found, or `chain` */
    uint64_t newest;           /* the largest hlc of the node */
    struct iso_buf scratch;
};

/* Of several copies the first counts; where that is not admitted a later one may be. */
static void lookup_found(struct iso_pending *pending, const struct iso_record *record)
{
    if (pending->delivery.fate == ISO_SENT) {
        pending->lost = true;
        return;
    }
    pending->delivery = (struct iso_delivery){
        .fate = ISO_SENT,
        .offset = record->offset,
        .append_ms = record->append_by_broker ? record->append_ms : -1};
    pending->lost = false;
}

static enum iso_err lookup_record(void *user, const struct iso_record *record,
                                  struct iso_why *why)
{
    (void)why;
    struct lookup *lookup = user;
    struct iso_write write;
    if (record->offset >= lookup->end || record->header_count != 1 ||
        iso_write_decode(record->header, &lookup->scratch, &write, NULL) != ISO_OK ||
        write.version.node != lookup->node)
        return ISO_OK;
    if (write.version.hlc > lookup->newest)
        lookup->newest = write.version.hlc;
    struct iso_pending *at = lookup->at->seq <= write.seq ? lookup->at : lookup->chain;
    while (at != NULL && at->seq < write.seq)
        at = at->next;
    if (at != NULL && at->seq == write.seq && at->version.hlc == write.version.hlc) {
        lookup_found(at, record);
        lookup->at = at;
    }
    return ISO_OK;
}

/* Before anything is read: surely not there. */
static void chain_begin(struct iso_pending *chain)
{
    for (struct iso_pending *at = chain; at != NULL; at = at->next) {
        at->closed = true;
        at->delivery = (struct iso_delivery){
            .fate = ISO_NOT_SENT, .err = ISO_REFUSED, .offset = -1, .append_ms = -1};
    }
}

/* What was not found may have stood in what could not be read. */
static void chain_unread(struct iso_pending *chain)
{
    for (struct iso_pending *at = chain; at != NULL; at = at->next) {
        if (at->delivery.fate != ISO_NOT_SENT || at->absent)
            continue;
        at->delivery.fate = ISO_MAYBE_SENT;
        at->delivery.err = ISO_UNKNOWN;
    }
}

static enum iso_err lookup_read(const struct iso_producer *producer,
                                struct lookup *lookup, struct iso_position *position,
                                int64_t from, struct iso_why *why)
{
    int timeout_ms = producer->ground.renewal.timeout_ms;
    enum iso_err err = iso_bus_ends(producer->bus, position, 1, timeout_ms, why);
    if (err != ISO_OK)
        return err;
    struct iso_walk walk = {.topic = position->topic,
                            .partition = position->partition,
                            .from = from > position->begin ? from : position->begin,
                            .timeout_ms = timeout_ms,
                            .each = lookup_record,
                            .user = lookup};
    if (walk.from >= lookup->end || ISO_PLANTED(the_closed_log_is_not_asked))
        return ISO_OK;
    return iso_bus_read(producer->bus, &walk, NULL, why);
}

enum iso_err iso_slice_look_up(struct iso_producer *producer, uint32_t partition,
                               int64_t end, struct iso_why *why)
{
    struct producer_slice *slice = &producer->slices[partition];
    struct lookup lookup = {.node = producer->node,
                            .end = end,
                            .chain = slice->unsent,
                            .at = slice->unsent};
    struct iso_position position = {.topic = producer->log->topic,
                                    .partition = (int)partition};
    chain_begin(lookup.chain);
    enum iso_err err = lookup_read(producer, &lookup, &position, slice->from, why);
    iso_buf_release(&lookup.scratch);
    slice->newest = lookup.newest;
    if (err != ISO_OK && iso_err_kind(err) == ISO_RETRY)
        return err;
    if (err != ISO_OK)
        iso_log_why(ISO_WARN, "producer.lookup", why);
    if (err != ISO_OK || position.begin > slice->from)
        chain_unread(lookup.chain);
    return ISO_OK;
}
