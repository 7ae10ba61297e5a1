/* apply.h - the heart of a region: one record of one log, applied to one slice.
 *
 * Seven steps in one store transaction (DESIGN.md, section 4): skip what is below the
 * frontier, admit or refuse, filter duplicates, merge by the resolver with ledger,
 * bucket vector and digest, T and bound, frontier and running hash. No I/O but through
 * the transaction, no clock, no chance: what comes out is a function of the log's
 * prefixes.
 *
 * The slice's state and its buckets are kept in memory between batches and saved into
 * the transaction before it commits; after an abort they are loaded again.
 *
 *   open ─▶ record, record, … ─▶ save ─▶ (commit) ─▶ record …
 *                                  └─▶ (abort) ─▶ load ─▶ record …
 */
#ifndef ISO_CONSUMER_APPLY_H
#define ISO_CONSUMER_APPLY_H

#include "bus/bus.h"
#include "consumer/parsed.h"
#include "resolver/resolver.h"
#include "schema/control.h"
#include "schema/loser.h"
#include "schema/report.h"
#include "store/store.h"

struct iso_apply;

struct iso_apply_options {
    const char *collection;
    uint16_t number; /* the store's number for the collection, see rows.h */
    uint32_t partition;
    unsigned region; /* our own: says whose dead letters are ours to publish */
    const struct iso_control *control; /* borrowed; grows while we run */
    struct iso_parsed *parsed; /* borrowed: shared with other slices; NULL: its own */
};

/* Loads the slice from the store, or begins it anew by the collection's first
 * definition (which `control` or the store must hold: ISO_NO_DEFINITION).
 * ISO_STORE_MISMATCH: the store was made for another definition of that name.
 * ISO_UNSUPPORTED. */
enum iso_err iso_apply_open(struct iso_store *store,
                            const struct iso_apply_options *options,
                            struct iso_apply **apply, struct iso_why *why);
void iso_apply_close(struct iso_apply *apply); /* NULL is fine */

/* Back to what the store holds: after an abort. */
enum iso_err iso_apply_load(struct iso_apply *apply, struct iso_why *why);

enum iso_outcome {
    ISO_APPLIED,   /* a write, heartbeat or definition that counts */
    ISO_SKIPPED,   /* below the frontier */
    ISO_DUPLICATE, /* sent twice */
    ISO_SET_ASIDE, /* refused; its dead letter stands in the outbox when it is ours */
};

struct iso_apply_input {
    uint16_t log;
    const struct iso_record *record; /* event ISO_RECORD */
    bool control_read; /* the control topic was read to its end after it was met */
};

/* Applies one record of a log.
 *
 *   ISO_OK            done, *outcome says how; the frontier is behind it
 *   ISO_CONTROL_WAIT  a DEFINE that `control` does not hold: read it to its end, then
 *                     call again with control_read
 *   ISO_UNSUPPORTED   a definition that this software is too old for, or a key that
 *                     holds more than ISO_STORE_VALUE_MAX beside its large values: park
 *                     the slice
 *   ISO_DAMAGED       what is stored for the record fails its check: stop the slice
 *   ISO_LOG_DIVERGED  a DEFINE that ends a log before what was applied of it, or opens
 *                     one below the floor: stop the slice
 *   ISO_USAGE         a log that succeeds one which is not at its end (iso_apply_stand)
 *   others            the store's failures: abort, load, retry
 *
 * After the first five failures slice and transaction are as they were before the
 * call: what came before can be saved and committed. A record at the end of a closed
 * log, or behind it, is skipped.
 */
enum iso_err iso_apply_record(struct iso_apply *apply, struct iso_txn *txn,
                              const struct iso_apply_input *input,
                              enum iso_outcome *outcome, struct iso_why *why);

/* All that was there up to `offset` has been read (ISO_AT_END): the frontier moves over
 * transaction markers, and in a log that is closed not beyond its end.
 * ISO_LOG_DIVERGED: the log ends before the frontier. */
enum iso_err iso_apply_end(struct iso_apply *apply, uint16_t log, int64_t offset,
                           struct iso_why *why);

/* Was the record that came last, with outcome ISO_APPLIED, a write (no heartbeat, no
 * definition)? *region is its source; 0: it had no header. */
bool iso_apply_wrote(const struct iso_apply *apply, uint32_t *region);

/* The newest that entered the ledger since the slice was loaded or last asked about;
 * NULL: none. Of the loser only key, version, log and offset are there, borrowed until
 * the next record. */
const struct iso_loser *iso_apply_newest_loser(struct iso_apply *apply);

/* Drops the bytes of one row of the ledger, whose key in the store this is: the row
 * stays as a stub (schema/loser.h), so that counts, digest and merges go on as before.
 * *bytes says how many went, *dropped whether any row did: there is none any more, it
 * is a stub already, or remembers a name. ISO_DAMAGED, or as the store fails; nothing
 * is changed then. */
enum iso_err iso_apply_ledger_drop(struct iso_apply *apply, struct iso_txn *txn,
                                   struct iso_bytes key, bool *dropped, size_t *bytes,
                                   struct iso_why *why);

/* Writes slice state and changed buckets into the transaction. */
void iso_apply_save(struct iso_apply *apply, struct iso_txn *txn);

/* Borrowed; what reports say. */
const struct iso_slice *iso_apply_slice(const struct iso_apply *apply);

/* The logs of the slice, as the definitions met so far name them, and behind them those
 * that succeed one of a collection and stand in the control topic alone: n = 0, 1, …;
 * NULL at the end. More may come after a DEFINE, or iso_apply_announced. */
const struct iso_definition_log *iso_apply_log(const struct iso_apply *apply, size_t n);

/* Looks into the control topic for a later definition than those met: it says which
 * logs are closed, and what succeeds them. No part of the state: what counts stands in
 * a DEFINE. Done by open and load; called when control has grown. */
void iso_apply_announced(struct iso_apply *apply);

/* What is to be done with a log, as the newest definition met or announced says. */
enum iso_log_stand {
    ISO_LOG_UNKNOWN, /* it is none of iso_apply_log's */
    ISO_LOG_READ,    /* from its frontier on, up to its end */
    ISO_LOG_WAITS,   /* what it succeeds, directly or not, is not at its end yet */
    ISO_LOG_OVER,    /* it is closed, and applied to its end */
    ISO_LOG_BEYOND,  /* closed, and more of it was applied: stop the slice */
};
enum iso_log_stand iso_apply_stand(const struct iso_apply *apply, uint16_t log);
/* Where it ends in the slice's partition; INT64_MAX: it is open. */
int64_t iso_apply_log_end(const struct iso_apply *apply, uint16_t log);
/* The sentence of ISO_LOG_BEYOND: ISO_LOG_DIVERGED. */
enum iso_err iso_apply_beyond(const struct iso_apply *apply, uint16_t log,
                              struct iso_why *why);

/* The newest definition that counts in some log of the slice (or the first, before
 * any). */
const struct iso_definition *iso_apply_definition(const struct iso_apply *apply);
/* That, or a later one that iso_apply_announced found. */
const struct iso_definition *iso_apply_newest(const struct iso_apply *apply);

/* The slice's floor: the smallest bound over its open logs. INT64_MIN: none is open. A
 * log is open until its end is applied, and a DEFINE that names the end. */
int64_t iso_apply_floor_ms(const struct iso_apply *apply);

#endif
