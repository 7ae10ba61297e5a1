/* memory.h - a cluster in this process, under a test's control.
 *
 * The cluster keeps the logs; every process under test opens its own bus on it, so that
 * one of them can be cut off. Append time is the cluster's clock. Nothing happens by
 * itself: a publisher's records enter the log, and a reader's appear, when polled.
 * Everything is single-threaded but the cluster and its buses may be shared by threads
 * when no control below is in use.
 */
#ifndef ISO_BUS_MEMORY_H
#define ISO_BUS_MEMORY_H

#include "base/clock.h"
#include "bus/bus.h"

struct iso_memory_cluster;

/* `clock` stamps appends; borrowed. */
struct iso_memory_cluster *iso_memory_cluster_new(const struct iso_clock *clock);
void iso_memory_cluster_free(struct iso_memory_cluster *cluster); /* after its buses */

struct iso_bus *iso_bus_memory_open(struct iso_memory_cluster *cluster);

/* While cut, everything this bus asks is ISO_UNAVAILABLE, readers get nothing, and what
 * is sent waits; healed, it goes on. */
void iso_memory_cut(struct iso_bus *bus, bool cut);

/* The same of one way: while nothing comes IN, readers get nothing, and what is sent
 * enters the log, but is answered when it is healed; while nothing goes OUT, readers go
 * on, and what is sent waits. A question needs both ways. 0: healed. */
enum iso_memory_way { ISO_MEMORY_IN = 1, ISO_MEMORY_OUT = 2 };
void iso_memory_cut_ways(struct iso_bus *bus, unsigned ways);

/* Readers of this bus see a record only when it is older than `ms` by the cluster's
 * steady clock. An end is told when all was
 * seen, and who asks for it is told the true one. */
void iso_memory_delay(struct iso_bus *bus, int64_t ms);

/* The next `n` deliveries of this bus's publishers: the record enters the log, the
 * answer is lost (ISO_MAYBE_SENT). */
void iso_memory_lose_answers(struct iso_bus *bus, int n);

/* The next `n` records sent enter the log twice. */
void iso_memory_duplicate(struct iso_bus *bus, int n);

/* The next send or poll of this bus's publishers is ISO_FENCED. */
void iso_memory_fence(struct iso_bus *bus);

/* Drops the records of a partition below `begin`, as retention does; or from `end` on,
 * as an unclean election does: of it readers hear only that a broker went away. */
void iso_memory_trim(struct iso_memory_cluster *cluster, const char *topic,
                     int partition, int64_t begin);
void iso_memory_truncate(struct iso_memory_cluster *cluster, const char *topic,
                         int partition, int64_t end);

/* Deletes the topic and makes it anew under its name: with the same settings, and
 * nothing in it. Readers get no sign of it. */
void iso_memory_recreate(struct iso_memory_cluster *cluster, const char *topic);

#endif
