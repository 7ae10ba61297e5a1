/* status.h - making a status, and giving it back; private to this room.
 *
 * A status owns all that it shows: nothing in it is borrowed from a lag or a monitor,
 * since it is read while they go on.
 */
#ifndef ISO_MONITOR_STATUS_H
#define ISO_MONITOR_STATUS_H

#include "monitor/table.h"
#include "monitor/watch.h"

/* Parts of a dead letter are kept up to so much: the whole is on the topic. */
enum { STATUS_LETTER_KEY_MAX = 512, STATUS_LETTER_REASON_MAX = 1024 };
enum { STATUS_CLUSTERS_MAX = 64 };

struct iso_status *iso_status_new(const struct iso_watch_options *options);
void iso_status_free(struct iso_status *status); /* NULL is fine */

/* Clusters and dead letters. */
void iso_status_take_monitor(struct iso_status *status, struct iso_monitor *monitor);
/* One more collection; its logs are copied, pairs and regions are made room for. */
struct iso_status_collection *
iso_status_add_collection(struct iso_status *status,
                          const struct table_collection *collection, size_t pair_count,
                          size_t region_count);
void iso_status_take_regions(struct iso_status_collection *collection,
                             const struct iso_lag_region *regions);
void iso_status_take_verdict(struct iso_status_collection *collection,
                             const struct iso_verdict *verdict);

/* NULL when no cluster of that name is known, as is when `name` is empty. */
const struct iso_status_cluster *iso_status_cluster(const struct iso_status *status,
                                                    const char *name);

#endif
