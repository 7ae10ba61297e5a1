/* consumer.h - a region's daemon: applies what the logs say to the region's store.
 *
 * isostasyd is this call with a command line around it. A daemon is one shard or more:
 * a store, a loop and a set of slices each, every one on a thread of its own. Other
 * services read the store beside it through replica.h.
 */
#ifndef ISO_CONSUMER_CONSUMER_H
#define ISO_CONSUMER_CONSUMER_H

#include "base/settings.h"

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

/* Stops, joins the threads and closes everything. NULL is fine. */
void iso_daemon_close(struct iso_daemon *daemon);

#endif
