/* sim_shrink.h - a failing seed made short: which of its operations are enough.
 */
#ifndef ISO_TESTS_SIM_SIM_SHRINK_H
#define ISO_TESTS_SIM_SIM_SHRINK_H

#include <stdint.h>

/* Runs the seed with ever fewer operations for as long as it fails, then prints how
 * many are left, and the trace of them. 0; 1 when the seed does not fail. */
int sim_shrink(uint64_t seed, unsigned operations);

#endif
