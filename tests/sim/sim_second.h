/* sim_second.h - in some worlds a second collection, "till": its own definition, logs
 * and resolver, in the same stores, by the same daemons. Its logs are left in peace, so
 * it must converge whatever happens to the first, and the first must not notice it. No
 * oracle reads it: regions are held to each other, to their rows' sums by the monitor,
 * and each acknowledged write to its log.
 */
#ifndef ISO_TESTS_SIM_SIM_SECOND_H
#define ISO_TESTS_SIM_SIM_SECOND_H

#include "tests/sim/sim.h"

/* Announces it; a world without one does nothing here and below. */
void sim_second_open(struct sim *sim);
void sim_second_close(struct sim *sim);
/* A service of the region writes, or hears answers. */
void sim_second_write(struct sim *sim, struct sim_region *region);
void sim_second_poll(const struct sim_region *region);
/* Regions that have read the same hold the same. */
void sim_second_scan(struct sim *sim);
/* Has it read its logs to their ends, and been answered? */
bool sim_second_is_level(const struct sim_region *region);
/* At rest: how many of its records were refused. */
uint64_t sim_second_refused(const struct sim *sim);

#endif
