/* planted.h - included before every file of the simulator's own build of the product:
 * there ISO_PLANTED(mistake), which is 0 in everything that ships, is true of the one
 * mistake that is switched on (sim --planted NAME).
 */
#ifndef ISO_TESTS_SIM_PLANTED_H
#define ISO_TESTS_SIM_PLANTED_H

#include <stdint.h>

extern const char *sim_planted;    /* its name; NULL: none */
extern int64_t sim_planted_now_ms; /* by the clock of the daemon that takes a step */
#define ISO_PLANTED_NOW_MS sim_planted_now_ms
int64_t sim_planted_early_ms(void); /* of a mistake named …_go_early */
#define ISO_PLANTED_EARLY_MS sim_planted_early_ms()

/* While one is switched on, a row holds but a few names, so that marks are common. */
#define NAMES_MAX (sim_planted != 0 ? 8u : 256u)

#define ISO_PLANTED(mistake) \
    (sim_planted != 0 && __builtin_strcmp(sim_planted, #mistake) == 0)

#endif
