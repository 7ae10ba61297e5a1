/* Which mistake is switched on, in the build that has any. */
#include <stddef.h>
#include <string.h>

#include "tests/sim/planted.h"

const char *sim_planted = NULL;
int64_t sim_planted_now_ms = 0;

int64_t sim_planted_early_ms(void)
{
    return sim_planted != NULL && strstr(sim_planted, "_go_early") != NULL ? 400 : 0;
}
