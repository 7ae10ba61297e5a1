/* judge.h - what is held of one pair of regions: its state, the rule that decided, a
 * sentence that stands on its own, and warnings; private to this room.
 *
 * Pure: it is shown a row and the time, and remembers. The rules, by name:
 *
 *   ok.level            nothing waits
 *   ok.young            what waits is younger than stale.after
 *   late.shrinks        catching up: more is applied than written
 *   late.moves          catching up, but how fast is not known yet
 *   late.grows          lagging: not more is applied than written, or it would take
 *                       longer than JUDGE_ETA_MAX_MS
 *   late.waits          lagging: its daemon waits for something, or was not heard
 *                       of late
 *   late.stands         stalled
 *   stopped.closed      its daemon said goodbye
 *   stopped.silent      its daemon is not heard
 *   stopped.committed   no report of it is there, and the offsets that its group
 *                       committed do not move though something waits
 *   parked.slice        its daemon parked or stopped a slice
 *   rewound.frontier    it stands below where it stood
 *   lost.retention      retention was faster
 *   diverged.digest     other data at an equal vector
 *   unknown.report      no report was ever heard
 *   unknown.committed   nor is one now, but its group has committed offsets, by which
 *                       what waits is counted
 *   unknown.measure     something else that is needed is not known
 *   unknown.blind       the monitor itself does not hear the cluster of its daemon
 */
#ifndef ISO_MONITOR_JUDGE_H
#define ISO_MONITOR_JUDGE_H

#include "monitor/hold.h"
#include "monitor/pace.h"
#include "monitor/watch.h"

/* What would take longer does not catch up. */
#define JUDGE_ETA_MAX_MS INT64_C(86400000)
/* For so long a good state is believed that nobody can confirm. */
enum { JUDGE_BELIEF_MS = 10000 };
/* A clock that is further off is told of. */
enum { JUDGE_CLOCK_MS = 1000 };

/* What is told besides one row. */
struct judge_sight {
    int64_t now_ms;
    const char *away; /* the cluster of the target's reports, when it does not answer */
    int64_t away_heard_ms; /* when it last did; ISO_UNKNOWN_MS: never */
    bool closed;           /* the target's daemon said goodbye */
    const char *clocks[2]; /* sentences on clocks of the two regions; NULL: right */
    int64_t retention_warning_ms;
    const struct hold_rule *rule; /* of states and of warnings */
};

/* Zero is: nothing was seen yet. */
struct judge {
    struct hold state, retention;
    struct pace pace;
    struct spell spell;
    enum iso_lag_state said; /* of the state that these speak of */
    const char *name;
    char why[ISO_WATCH_WHY_MAX];
    int64_t said_ms; /* when that was seen; 0: never */
    bool blind;      /* `unknown` is held since the monitor heard nothing */
};

/* Judges pair->row, and fills in all the rest of *pair. */
void iso_judge_take(struct judge *judge, const struct judge_sight *sight,
                    struct iso_status_pair *pair);

/* ---- judge_words.c: what is said; into `why`, cut where it must be ---- */

struct judge_text {
    char *text;
    size_t room, size;
};
void iso_judge_print(struct judge_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "12,400"; "17 s", "5 min 20 s", "3 h 10 min", "2 d 4 h" */
void iso_judge_count(struct judge_text *text, uint64_t count);
void iso_judge_duration(struct judge_text *text, int64_t ms);

/* The sentence of a pair that is in pair->state by pair->rule. `row_why`: pair->row.why
 * speaks of this state. */
void iso_judge_sentence(struct iso_status_pair *pair, int64_t now_ms, bool row_why);
/* On a clock that is `ms` ahead: of whom, and of whose. */
void iso_judge_clock(struct judge_text *text, const char *whose, int64_t ms,
                     const char *than);
/* On records that retention deletes before they are applied. */
void iso_judge_retention(struct judge_text *text, const struct iso_lag_row *row);

#endif
