/* hold.h - a level that is seen again and again, and what is held of it: hysteresis;
 * private to this room.
 *
 * A level is a number; larger is worse. What is held becomes worse when it was seen to
 * be worse in `enter` looks one after the other, and is then the mildest that these
 * saw; it becomes better when it was seen to be better in `leave` looks one after the
 * other, and is then the worst that these saw. So what swings to and fro is held where
 * it was, and no single look decides; but the first one does.
 *
 * Looks count by time: one that comes sooner than `apart_least_ms` after the last that
 * counted does not count, and after more than `apart_most_ms`, or when the clock was
 * set back, those before are no longer "one after the other" with it.
 */
#ifndef ISO_MONITOR_HOLD_H
#define ISO_MONITOR_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HOLD_LOOKS_MAX = 10 };

struct hold_rule {
    size_t enter, leave; /* looks, HOLD_LOOKS_MAX at the most */
    /* A held level below `grave` is entered only after so many; 0: as all others. */
    size_t patience;
    int grave;
    int64_t apart_least_ms, apart_most_ms;
};

struct hold_look {
    int64_t at_ms;
    int level;
};

/* Zero is: nothing was seen yet. */
struct hold {
    bool begun;
    int level;
    int64_t since_ms;                       /* the first of the looks that made it so */
    struct hold_look looks[HOLD_LOOKS_MAX]; /* that counted, the newest first */
    size_t look_count;
};

/* True when another level is held from now on. */
bool iso_hold_take(struct hold *hold, const struct hold_rule *rule, int level,
                   int64_t at_ms);

#endif
