/* runs.h - an array of things by path that is cheap to add to.
 *
 * A thing begins with its path (struct iso_bytes). The first `sorted` things ascend by
 * path; behind them stands what was added since, in runs that ascend each by itself and
 * are as long as the digits of their number are worth. 13 things are
 *
 *   │ sorted …                     │ 8 things │ 4 │ 1 │
 *
 * Whoever has added all that he will settles: then everything ascends. Adding n things
 * to m so costs about n log² n comparisons and n log n + m moves, whatever their order.
 */
#ifndef ISO_SCHEMA_RUNS_H
#define ISO_SCHEMA_RUNS_H

#include "base/bytes.h"

struct iso_runs {
    void *things; /* with room for iso_runs_room() of them */
    size_t size;  /* of a thing */
    size_t sorted, count;
};

/* How many things the array must have room for when one more is added: merging needs
 * some of it. */
static inline size_t iso_runs_room(const struct iso_runs *runs)
{
    return 2 * (runs->count + 1) - runs->sorted;
}

/* Where the thing of that path stands, until the next is added; false: there is none,
 * and `at` is for iso_runs_add. When all are settled, it would stand there. */
bool iso_runs_find(const struct iso_runs *runs, struct iso_bytes path, size_t *at);
/* A thing was put behind the others, not yet counted, of a path that iso_runs_find did
 * not find: counts it, and says where it stands now. Others may move. */
size_t iso_runs_add(struct iso_runs *runs, size_t at);
void iso_runs_settle(struct iso_runs *runs); /* sorted == count */

#endif
