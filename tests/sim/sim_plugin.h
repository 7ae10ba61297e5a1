/* sim_plugin.h - reads through a plug-in: the product's loader and child process, and a
 * plug-in that cannot take some values (tests/plugin/trips.c). One child serves all
 * readers of this process, and is started anew when it fell.
 */
#ifndef ISO_TESTS_SIM_SIM_PLUGIN_H
#define ISO_TESTS_SIM_SIM_PLUGIN_H

#include "consumer/replica.h"

struct sim_region;

/* A service writes a value that the plug-in cannot take. */
void sim_plugin_trip(struct sim_region *region);

/* `read` is what the region shows of a key without a plug-in, just now: with one, it
 * must show the same siblings, and an answer, or fail by the error that is due. */
void sim_plugin_read(struct sim_region *region, int key, const struct iso_read *read);

#endif
