/* The last looks that counted are kept, the newest first, and the rule is asked of them
 * as it is written down: nothing is carried over but what is held. Nothing here can
 * fail.
 */
#include "monitor/hold.h"

#include <string.h>

#include "base/err.h"

static bool counts(const struct hold *hold, const struct hold_rule *rule, int64_t at_ms)
{
    if (hold->look_count == 0)
        return true;
    int64_t last_ms = hold->looks[0].at_ms;
    return at_ms < last_ms || at_ms - last_ms >= rule->apart_least_ms;
}

static void remember(struct hold *hold, const struct hold_rule *rule,
                     struct hold_look look)
{
    if (hold->look_count > 0) {
        int64_t last_ms = hold->looks[0].at_ms;
        if (look.at_ms < last_ms || look.at_ms - last_ms > rule->apart_most_ms)
            hold->look_count = 0;
    }
    memmove(hold->looks + 1, hold->looks, (HOLD_LOOKS_MAX - 1) * sizeof *hold->looks);
    hold->looks[0] = look;
    if (hold->look_count < HOLD_LOOKS_MAX)
        hold->look_count++;
}

/* Did each of the last `looks` see it worse? *mildest is what the best of them saw. */
static bool all_worse(const struct hold *hold, size_t looks, int *mildest)
{
    if (hold->look_count < looks)
        return false;
    *mildest = hold->looks[0].level;
    for (size_t i = 0; i < looks; i++) {
        if (hold->looks[i].level <= hold->level)
            return false;
        if (hold->looks[i].level < *mildest)
            *mildest = hold->looks[i].level;
    }
    return true;
}

static bool all_better(const struct hold *hold, size_t looks, int *worst)
{
    if (hold->look_count < looks)
        return false;
    *worst = hold->looks[0].level;
    for (size_t i = 0; i < looks; i++) {
        if (hold->looks[i].level >= hold->level)
            return false;
        if (hold->looks[i].level > *worst)
            *worst = hold->looks[i].level;
    }
    return true;
}

static bool enter(struct hold *hold, int level, size_t looks)
{
    hold->level = level;
    hold->since_ms = hold->looks[looks - 1].at_ms;
    return true;
}

bool iso_hold_take(struct hold *hold, const struct hold_rule *rule, int level,
                   int64_t at_ms)
{
    iso_assert(rule->enter <= HOLD_LOOKS_MAX && rule->leave <= HOLD_LOOKS_MAX &&
               rule->patience <= HOLD_LOOKS_MAX);
    if (hold->since_ms > at_ms)
        hold->since_ms = at_ms; /* the clock was set back */
    if (!counts(hold, rule, at_ms))
        return false;
    remember(hold, rule, (struct hold_look){.at_ms = at_ms, .level = level});
    if (!hold->begun) {
        hold->begun = true;
        return enter(hold, level, 1);
    }
    int next;
    if (all_worse(hold, rule->enter, &next) &&
        (rule->patience == 0 || next >= rule->grave))
        return enter(hold, next, rule->enter);
    if (rule->patience > 0 && all_worse(hold, rule->patience, &next))
        return enter(hold, next, rule->patience);
    return all_better(hold, rule->leave, &next) && enter(hold, next, rule->leave);
}
