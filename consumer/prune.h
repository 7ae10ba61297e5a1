/* prune.h - the bounds of the conflict ledger: what is too old, or more than fits, is
 * dropped, oldest first.
 *
 * The bounds are a region's own (daemon.conflicts.max, daemon.conflicts.age), so they
 * must not change what regions compare: a row that is dropped loses its bytes and stays
 * as a stub (iso_apply_ledger_drop). Rows are bounded by bytes, not by number.
 *
 * A pass goes over the whole ledger of a store, a few rows a step, and measures how
 * many bytes are how old; what it finds too much the next pass drops. Between passes it
 * rests ten minutes, or a sixteenth of a shorter age. It remembers nothing on disk:
 * after a restart a pass begins anew, and finds what was dropped before as stubs.
 */
#ifndef ISO_CONSUMER_PRUNE_H
#define ISO_CONSUMER_PRUNE_H

#include "store/store.h"

/* Ages are told apart to a sixteenth of themselves. */
enum { ISO_PRUNE_CLASSES = 16 * 46 };
enum { ISO_PRUNE_STEP_MS = 100, ISO_PRUNE_REST_MS = 600000 };
enum { ISO_PRUNE_STEP_ROWS = 256, ISO_PRUNE_STEP_BYTES = 2 << 20 };

struct iso_prune_bounds {
    int64_t bytes_max; /* of the values that lost, in one store; 0: no bound */
    int64_t age_ms;    /* 0: no bound */
};

struct iso_prune {
    struct iso_prune_bounds bounds;
    struct iso_buf at;  /* the pass goes on behind this key; empty: it begins */
    int64_t step_at_ms; /* steady clock: nothing is done before */
    int64_t now_ms;     /* Unix, when the pass began: ages are told from here */
    /* By the pass before: what was written before `old_ms` goes, and of what was
     * written before `until_ms` as much as `quota` says. */
    int64_t old_ms, until_ms, quota;
    int64_t classes[ISO_PRUNE_CLASSES]; /* bytes that stay, by age */
};

/* Zero with bounds is ready; the first step begins a pass. */
void iso_prune_release(struct iso_prune *prune);

/* The two clocks of a step. */
struct iso_prune_time {
    int64_t steady_ms, now_ms;
};

/* Whether a step is due. */
bool iso_prune_due(const struct iso_prune *prune, int64_t steady_ms);

/* A bounded piece of a pass over what the store has committed. `drop` is called for
 * each row that is to go, with its key in the store: it says in *bytes how many went
 * (0: the row is none any more, or cannot be touched now). What it fails with ends the
 * step and is returned; the pass goes on with that row. Also fails as the store does.
 */
enum iso_err iso_prune_step(struct iso_prune *prune, struct iso_store *store,
                            struct iso_prune_time time,
                            enum iso_err (*drop)(void *user, struct iso_bytes key,
                                                 size_t *bytes, struct iso_why *why),
                            void *user, struct iso_why *why);

#endif
