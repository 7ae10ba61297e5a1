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
#include "schema/token.h"

struct outgoing {
    struct iso_write write; /* log, version and seq come last */
    bool has_key, has_value;
    struct iso_bytes key, value;
    uint64_t seen; /* the largest hlc that the writer has read; 0: none */
    void *opaque;
};

/* Hands the record over; after ISO_OK out->write has the log, the version and the seq
 * that were issued. */
enum iso_err iso_outgoing_send(struct iso_producer *producer, struct outgoing *out,
                               struct iso_why *why);

/* Checks the key and the size of the value, takes what `options` say beside the
 * context, finds the partition, sends, counts, and puts the write into the token. */
enum iso_err iso_outgoing_write(struct iso_producer *producer, struct outgoing *out,
                                const struct iso_write_options *options,
                                struct iso_why *why);

/* token.c: decodes the session's token, whose hlc the write is issued above, and sees
 * that there is room for it. Release the token after either. */
enum iso_err iso_outgoing_token_read(struct outgoing *out, const struct iso_buf *bytes,
                                     struct iso_token *token, struct iso_why *why);
/* The write, which was sent, stands in it from now on. */
void iso_outgoing_token_write(const struct iso_producer *producer,
                              const struct outgoing *out, struct iso_token *token,
                              struct iso_buf *bytes);

/* record.c: the same writes in a collection of fields. `value` is framed. */
enum iso_err iso_record_put(struct iso_producer *producer, struct iso_bytes key,
                            struct iso_bytes value,
                            const struct iso_write_options *options,
                            struct iso_why *why);
enum iso_err iso_record_delete(struct iso_producer *producer, struct iso_bytes key,
                               const struct iso_write_options *options,
                               struct iso_why *why);

#endif
