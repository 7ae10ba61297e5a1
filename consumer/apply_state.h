/* apply_state.h - what an iso_apply is made of; only apply*.c and sweep.c
 * include this.
 *
 *   apply.c          open, load, save, close, and what others may ask
 *   apply_logs.c     which logs there are, which are closed, which succeed which
 *   apply_record.c   the seven steps of a record
 *   apply_ledger.c   the ledger that the resolver is given, over the transaction
 *   apply_aside.c    large values, which stand beside their entry
 *   apply_letter.c   the dead letter of a refused record
 *   apply_filters.c  the duplicate filters in hand
 *   sweep.c          forgetting
 */
#ifndef ISO_CONSUMER_APPLY_STATE_H
#define ISO_CONSUMER_APPLY_STATE_H

#include "consumer/admit.h"
#include "consumer/apply.h"
#include "consumer/apply_filters.h"
#include "consumer/bucket.h"
#include "consumer/known.h"

/* Beside slice.logs[n]: what definitions say of that log. */
struct iso_apply_log {
    const struct iso_definition *definition; /* in force in it; NULL: none yet */
    const struct iso_definition_log *where;  /* what it, or else the newest met, says */
    const struct iso_schemas *schemas;       /* of the definition in force */
    int64_t end; /* as the newest definition met says; INT64_MAX: it is open */
    /* What it succeeds, directly or not, ascending: in apply->before. */
    size_t before, before_count;
    uint64_t before_top; /* the largest hlc that those hold; 0: none */
};

/* A pass of the sweep over the slice; forgotten at a load, and begun anew. */
struct iso_sweep_pass {
    bool is_running;
    int64_t swept_ms;      /* H that every bucket is brought to */
    int64_t least_ms;      /* H over the buckets that are behind it */
    int64_t oldest_ms;     /* of what waits in the buckets behind us */
    bool is_partial;       /* some had come to the step already */
    uint32_t next;         /* bucket */
    struct iso_buf filter; /* row of the duplicate filter that was looked at last */
    /* As the last whole pass left it, and what came since; ISO_NEVER_MS: nothing. */
    bool has_oldest;
    int64_t left_oldest_ms, came_oldest_ms;
};

struct iso_apply {
    struct iso_store *store;
    uint16_t number;
    uint32_t partition;
    unsigned region;
    const struct iso_resolver *resolver;
    struct iso_known known;
    struct iso_slice slice;
    bool changed; /* since it was loaded or saved */
    struct iso_apply_log *logs;
    size_t log_room;
    size_t log_last; /* index of the log that the last record was of */
    uint16_t *before;
    size_t before_count, before_room;
    const struct iso_definition *announced; /* later than all met; NULL: none */
    size_t *coming; /* in its logs: what succeeds others and was not met */
    size_t coming_count;
    struct iso_buckets buckets;
    struct iso_apply_filters filters;
    struct iso_parsed parsed; /* while nothing is shared */
    struct iso_admitted admitted;
    struct iso_merged merged;
    struct iso_txn *txn;               /* of the record in hand */
    struct iso_bytes ledger_entry_key; /* its key */
    struct iso_buf key, row, hash;     /* scratch */
    struct iso_buf aside_key, mortal_key, mortal_keys;
    struct iso_sweep_pass pass;
    struct iso_buf ledger_key, ledger_row, ledger_keys, ledger_undo;
    uint64_t ledger_rows_before;
    bool wrote; /* the last record, if it was applied */
    uint32_t wrote_region;
    bool loser_fresh;
    struct iso_loser loser; /* the newest that entered; key in loser_key */
    struct iso_buf loser_key;
    struct iso_digest ledger_before;
};

/* Index in slice.logs; the count: it is not there. */
size_t iso_apply_log_index(struct iso_apply *apply, uint16_t log);

/* A log that only the control topic names is met: the slice knows it from now on, or
 * from the commit of its first record on. forget takes that back. */
enum iso_err iso_apply_log_meet(struct iso_apply *apply, uint16_t log,
                                struct iso_why *why);
void iso_apply_log_forget(struct iso_apply *apply, uint16_t log);

/* Sets marks[n] of every log of the definition that `log` succeeds, directly or not. */
void iso_apply_before(const struct iso_definition *definition, uint16_t log,
                      bool marks[ISO_DEFINITION_LOGS_MAX]);

/* May the log's first DEFINE, of `definition`, or a later one be applied here? Are its
 * ends not behind us, is nothing opened below the floor, is what the log succeeds at
 * its end? As iso_apply_record. */
enum iso_err iso_apply_define_check(struct iso_apply *apply, uint16_t log,
                                    const struct iso_definition *definition,
                                    struct iso_why *why);
/* The definition is in force in the log. */
enum iso_err iso_apply_define(struct iso_apply *apply, uint16_t log,
                              const struct iso_definition *definition, uint64_t hlc,
                              struct iso_why *why);

/* After slice.logs, or a definition in force, changed. ISO_DAMAGED: the store lacks a
 * definition that it used. */
enum iso_err iso_apply_logs_refresh(struct iso_apply *apply, struct iso_why *why);

/* Takes in the logs that a definition names: from here on they hold the floor. */
void iso_apply_logs_add(struct iso_apply *apply,
                        const struct iso_definition *definition);

/* The port for the resolver. begin says whose rows, undo takes back what changed since.
 */
void iso_apply_ledger_begin(struct iso_apply *apply, struct iso_bytes entry_key);
void iso_apply_ledger_undo(struct iso_apply *apply);
struct iso_ledger iso_apply_ledger(struct iso_apply *apply);

/* The large values of the key that the ledger has begun with; what the merge says of
 * them, done. */
struct iso_asides iso_apply_asides(struct iso_apply *apply);
void iso_apply_asides_keep(struct iso_apply *apply);

/* The index of what will be forgotten, after the entry became what `merged` says. */
void iso_apply_mortal_keep(struct iso_apply *apply, struct iso_bytes entry_key,
                           uint32_t bucket);

/* Puts the dead letter of a refused record into the outbox, when it is ours to publish.
 */
void iso_apply_letter(struct iso_apply *apply, size_t index,
                      const struct iso_record *record, enum iso_err err,
                      const struct iso_why *why);

#endif
