/* pending.h - writes that have no answer yet, and the pool that their memory comes
 * from; private to this room.
 *
 * A pending write is one block: what is remembered of it, then the bytes of header, key
 * and value that the bus borrows until it has delivered. Blocks go back to the pool by
 * size class (four a doubling, so at most a fifth is wasted), so a steady stream of
 * writes does not allocate. The pool is also the gate: it counts what has no answer,
 * and is where back-pressure begins.
 */
#ifndef ISO_PRODUCER_PENDING_H
#define ISO_PRODUCER_PENDING_H

#include <pthread.h>

#include "bus/bus.h"
#include "schema/definition.h"

struct iso_pending {
    struct iso_pending *next; /* in the one chain that holds it */
    size_t room;              /* bytes of the whole block */
    unsigned size_class;

    const struct iso_definition_log *log; /* that it was last handed over to */
    uint32_t partition;
    struct iso_version version;
    uint64_t seq;        /* in that log */
    uint16_t queued_log; /* the first that it was handed over to … */
    uint64_t queued_seq; /* … and its seq there */
    int64_t issued_ms;   /* the machine's clock when the version was issued */
    void *opaque;
    bool has_key, has_value; /* without a key: a heartbeat, which nobody is told of */
    struct iso_bytes key, value, header; /* in `bytes` */

    struct iso_delivery delivery; /* the answer to the newest copy */
    bool lost;     /* of an earlier copy it is not known whether it was admitted */
    bool timeless; /* an answer came without an append time */
    bool absent;   /* surely: its log's topic was not there */
    bool closed;   /* its log was closed, and looked at: `delivery` says what it has */
    uint8_t refusals; /* how often its log refused it as if it were fenced */
    uint8_t bytes[];
};

enum { ISO_POOL_CLASSES = 64 };

struct iso_pool {
    pthread_mutex_t lock;
    struct iso_pending *idle[ISO_POOL_CLASSES];
    int64_t idle_bytes;
    int64_t bytes, bytes_max;     /* in blocks that are taken */
    int64_t waiting, waiting_max; /* blocks that are taken */
};

void iso_pool_init(struct iso_pool *pool, int64_t bytes_max, int64_t waiting_max);
void iso_pool_release(struct iso_pool *pool); /* everything was given back */

/* A block with `size` bytes behind it, with nothing known of any copy.
 * ISO_AGAIN: too many, or too many bytes, have no answer yet. One write is always let
 * through, however small the pool. */
enum iso_err iso_pool_take(struct iso_pool *pool, size_t size,
                           struct iso_pending **pending, struct iso_why *why);

/* Takes back a chain of blocks, ended by NULL. */
void iso_pool_give(struct iso_pool *pool, struct iso_pending *chain);

int64_t iso_pool_waiting(struct iso_pool *pool);

#endif
