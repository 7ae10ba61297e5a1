/* consumer.h - a region's daemon: applies what the logs say to the region's store.
 *
 * isostasyd is this call with a command line around it. A daemon is one shard or more:
 * a store, a loop and a set of slices each, every one on a thread of its own. Other
 * services read the store beside it through replica.h.
 */
#ifndef ISO_CONSUMER_CONSUMER_H
#define ISO_CONSUMER_CONSUMER_H

#include "base/settings.h"
#include "consumer/shard.h"

struct iso_daemon;

/* Opens the stores of region `region` and starts a thread a shard. Kafka need not be
 * there yet. ISO_SETTING, ISO_STORE_BUSY (two daemons on one store),
 * ISO_STORE_MISMATCH, ISO_DENIED, ISO_STORE_FULL. `settings` is borrowed while the
 * daemon is open. */
enum iso_err iso_daemon_open(const struct iso_settings *settings, const char *region,
                             struct iso_daemon **daemon, struct iso_why *why);

/* Waits until a shard failed for good or `stop` was asked, at most timeout_ms:
 * ISO_TIMEOUT while all go on. A failure is returned with its sentence. */
enum iso_err iso_daemon_wait(struct iso_daemon *daemon, int timeout_ms,
                             struct iso_why *why);

/* Asks every loop to commit, to report that it closed, and to end. Returns at once; may
 * be called by any thread, and twice. */
void iso_daemon_stop(struct iso_daemon *daemon);

/* How a shard does: as its own thread last said, at most half a second before it was
 * asked, unless its loop stands still. */
struct iso_daemon_shard {
    int64_t said_ms;    /* steady clock; 0: nothing yet */
    enum iso_err ready; /* ISO_OK: every slice was found and applies */
    struct iso_why why; /* else */
    struct iso_shard_stats stats;
    struct iso_health health;
};
unsigned iso_daemon_shards(const struct iso_daemon *daemon);
/* Into any: zero, or filled before; iso_health_release(&shard->health) when done. Any
 * thread. */
void iso_daemon_shard(struct iso_daemon *daemon, unsigned index,
                      struct iso_daemon_shard *shard);

/* Stops, joins the threads and closes everything. NULL is fine. */
void iso_daemon_close(struct iso_daemon *daemon);

#endif
