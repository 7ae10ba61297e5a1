/* plugin_fence.h - what a plug-in host takes from itself before it runs another's code.
 *
 * Only plugin_host.c calls this. Each call is NULL, or the name of what failed, with
 * errno: then the host must not go on.
 */
#ifndef ISO_CONSUMER_PLUGIN_FENCE_H
#define ISO_CONSUMER_PLUGIN_FENCE_H

#include <stdint.h>

/* Before the plug-in is loaded, since loading runs its constructors: limits of memory
 * and time, no dumps, death with the parent; of the kernel's calls only those by which
 * a program is mapped, memory is asked for and files are read. */
const char *iso_plugin_fence_load(uint64_t memory_max, uint64_t cpu_seconds);

/* Before the first question: no file but the socket `keep`, no clock, and only the
 * calls for memory and for an end. Nothing can be taken back. */
const char *iso_plugin_fence_ask(int keep);

#endif
