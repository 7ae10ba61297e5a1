/* world_run.h - worlds from their beginning to their end, one seed after the other. */
#ifndef ISO_TESTS_SIM_WORLD_RUN_H
#define ISO_TESTS_SIM_WORLD_RUN_H

#include <check.h>

#include "world.h"

enum { WORLD_STEPS = 400 };

/* Runs a world to its end; what it came to, as bytes. */
void world_run(const struct world_plan *plan, struct iso_buf *outcome,
               struct world_counts *counts);

/* Runs worlds of one plan after the other: what may happen is the caller's; where logs,
 * clusters, shards and collections are comes from the seed. */
struct world_counts world_run_all(struct world_plan faults);

/* Whether one seed was asked for: then sums say nothing. */
bool world_one_seed(void);

#endif
