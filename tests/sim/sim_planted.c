/* Which mistake is switched on, in the build that has any. */
#include <stddef.h>

#include "tests/sim/planted.h"

const char *sim_planted = NULL;
int64_t sim_planted_now_ms = 0;
