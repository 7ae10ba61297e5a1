/* handle.h - what a producer is made of; private to this room.
 *
 *   put ──▶ pool ──▶ slice (seq, hand-over) ──▶ publisher ──▶ answered ──▶ acknowledged
 *                      ▲                                          │
 *                      └────────── unsent: sent again ◀───────────┘
 *
 * Locks, in the order in which they may be taken, never two of a kind at once:
 *
 *   poll    who polls, flushes or closes: the publisher's answers, its replacement
 *   slice   a slice's seq and its hand-over to the publisher: the log has seqs in order
 *   hlc     the one clock of the handle; inside a slice, so hlc grows with seq there
 *   pool    memory and back-pressure
 *
 * The publisher is replaced by taking it away from each slice in turn: a slice without
 * one answers ISO_AGAIN, and once all were visited nobody can be using the old one.
 */
#ifndef ISO_PRODUCER_HANDLE_H
#define ISO_PRODUCER_HANDLE_H

#include <stdatomic.h>

#include "producer/pending.h"
#include "producer/producer.h"
#include "schema/value.h"

struct producer_slice {
    pthread_mutex_t lock;
    struct iso_publisher *publisher;      /* NULL while it is being replaced */
    const struct iso_definition_log *log; /* NULL: closed, and there is no other */
    uint64_t seq;                    /* of the newest record that was handed over */
    struct iso_pending *unsent;      /* to be sent again, by seq, ascending … */
    struct iso_pending *unsent_last; /* … the last of them */

    /* Under the poll lock: where a record without an answer can stand in the log at the
     * earliest. All up to answered_seq are answered; what comes behind them stands at
     * `from` or later. */
    uint64_t answered_seq;
    int64_t from;
    bool looked_up;  /* in the log that was closed … */
    uint64_t newest; /* … where the newest hlc of this handle that was met is */
};

struct producer_counters {
    atomic_uint_fast64_t queued, durable, not_applied, maybe_applied, resent;
};

struct iso_producer {
    struct iso_producer_ground ground;
    void (*acknowledged)(void *user, const struct iso_ack *ack);
    void *user;
    char *client_id;
    bool has_fields;             /* resolver fields: writes are taken apart */
    struct iso_schemas *schemas; /* the definition's: its values are held to */
    uint64_t node;
    unsigned forks; /* of this process when it was opened */

    /* The newest that was heard of; it names every log that there was. What is written
     * is held to the one that the handle was opened with (ground.definition), which
     * admits less or as much. */
    const struct iso_definition *_Atomic newest;
    atomic_bool shut; /* the log refuses what is written: perhaps it is closed */

    struct producer_slice *slices; /* by partition */
    pthread_mutex_t hlc_lock;
    struct iso_hlc hlc;
    struct iso_pool pool;
    struct producer_counters counters;
    atomic_bool fenced; /* the publisher cannot go on: the next poll replaces it */
    atomic_uint_fast64_t unsent; /* pending writes in the slices' unsent chains */

    pthread_mutex_t poll_lock; /* over all below */
    bool closing;
    struct iso_publisher *publisher;
    struct iso_bus *bus;                  /* of `log` */
    const struct iso_definition_log *log; /* that the handle writes, or wrote last */
    int64_t
        message_max;  /* bytes that the log's topic takes, once asked; -1: not asked */
    atomic_bool gone; /* … whose topic is not there, though the log is open */
    struct iso_why heard; /* what keeps it from its successor; under slice 0's lock */
    int64_t ask_at_ms;    /* steady: when what stands now is asked again */
    struct iso_pending *done; /* acknowledged, to be given back to the pool */
    int done_count;
    int acked; /* acknowledgements of this poll */

    struct producer_home
        *home; /* what iso_producer_open opened; NULL: all is borrowed */
};

/* What iso_producer_open looked up and opened; freed after the producer. */
void iso_producer_home_free(struct producer_home *home);

/* ISO_CLOSED in a process that was forked off after the handle was opened. */
enum iso_err iso_producer_check(const struct iso_producer *producer,
                                struct iso_why *why);

/* Opens a publisher for the handle. The poll lock is held, or nobody knows the handle.
 */
enum iso_err iso_producer_publisher_open(struct iso_producer *producer,
                                         struct iso_why *why);

/* Gives `publisher` (or none, NULL) to every slice. The poll lock is held. */
void iso_producer_publisher_give(struct iso_producer *producer,
                                 struct iso_publisher *publisher);

/* Hands one pending write over as it stands. The slice's lock is held; after ISO_OK the
 * write belongs to the publisher until it is delivered. */
enum iso_err iso_pending_send(struct iso_producer *producer,
                              struct producer_slice *slice, struct iso_pending *pending,
                              struct iso_why *why);

/* The publisher's callback: answers one write, or has it sent again. `user` is the
 * producer, whose poll lock is held. */
void iso_producer_delivered(void *user, const struct iso_delivery *delivery);

/* acknowledge.c: tells the caller what the answer in `delivery` means, and counts it.
 */
void iso_pending_acknowledge(struct iso_producer *producer,
                             const struct iso_pending *pending);

/* answer.c: a write, or a chain of them, has its answer in `delivery`. The poll lock is
 * held, and no slice's. */
void iso_pending_finish(struct iso_producer *producer, struct iso_pending *pending);
void iso_pending_finish_chain(struct iso_producer *producer, struct iso_pending *chain);

/* renew.c: the log may be closed. Asks, looks up, goes over to the log that succeeds
 * it, as far as it gets now; `shut` is set until it is done. The poll lock is held. */
void iso_producer_renew(struct iso_producer *producer);

/* lookup.c: says in `delivery` of each write of the slice's unsent chain what the
 * closed log has of it: ISO_SENT, it stands there; ISO_NOT_SENT, surely not;
 * ISO_MAYBE_SENT, it cannot be read. Below `end`. What may pass (ISO_UNAVAILABLE) is a
 * failure. */
enum iso_err iso_slice_look_up(struct iso_producer *producer, uint32_t partition,
                               int64_t end, struct iso_why *why);

/* Closes the publisher; answers everything that has no answer as unknown. */
void iso_producer_answer_all(struct iso_producer *producer);

#endif
