/* outgoing.h - a record on its way in: what the public calls make of their arguments;
 * private to this room.
 *
 *   write.c ── whole values ──▶ checks, context ──┐
 *                                                 ├─▶ send.c: pool, version, seq,
 * hand-over record.c ── fields ──▶ patch, context ────────┘
 */
#ifndef ISO_PRODUCER_OUTGOING_H
#define ISO_PRODUCER_OUTGOING_H

#include "producer/handle.h"

struct outgoing {
    struct iso_write write; /* version and seq come last */
    bool has_key, has_value;
    struct iso_bytes key, value;
    uint64_t seen; /* the largest hlc that the writer has read; 0: none */
    void *opaque;
};

/* Hands the record over; after ISO_OK out->write.version is what was issued. */
enum iso_err iso_outgoing_send(struct iso_producer *producer, struct outgoing *out,
                               struct iso_why *why);

/* Checks the key and the size of the value, takes what `options` say beside the
 * context, finds the partition, sends, and counts. */
enum iso_err iso_outgoing_write(struct iso_producer *producer, struct outgoing *out,
                                const struct iso_write_options *options,
                                struct iso_why *why);

/* record.c: the same writes in a collection of fields. `value` is framed. */
enum iso_err iso_record_put(struct iso_producer *producer, struct iso_bytes key,
                            struct iso_bytes value,
                            const struct iso_write_options *options,
                            struct iso_why *why);
enum iso_err iso_record_delete(struct iso_producer *producer, struct iso_bytes key,
                               const struct iso_write_options *options,
                               struct iso_why *why);

#endif
