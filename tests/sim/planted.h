/* planted.h - included before every file of the simulator's own build of the product:
 * there ISO_PLANTED(mistake), which is 0 in everything that ships, is true of the one
 * mistake that is switched on (sim --planted NAME).
 */
#ifndef ISO_TESTS_SIM_PLANTED_H
#define ISO_TESTS_SIM_PLANTED_H

extern const char *sim_planted; /* its name; NULL: none */

#define ISO_PLANTED(mistake) \
    (sim_planted != 0 && __builtin_strcmp(sim_planted, #mistake) == 0)

#endif
