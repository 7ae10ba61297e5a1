/* view.h - the status, as others want to read it. Each view appends bytes made of a
 * status and nothing else (trends and events besides), so a request never waits for
 * Kafka, and two views of one status never disagree.
 *
 *   view_json.c      /v1: objects, with null for what is not known
 *   view_metrics.c   /metrics: Prometheus' text and OpenMetrics
 *   view_burrow.c    /v3/kafka: as Burrow says it, for collectors that know Burrow
 *   view_page.c      /: HTML with tables and sparklines, for people; charts on top
 */
#ifndef ISO_MONITOR_VIEW_H
#define ISO_MONITOR_VIEW_H

#include <jansson.h>

#include "monitor/watch.h"

/* ---- JSON; the caller's reference ---- */

json_t *iso_view_status(const struct iso_status *status);
json_t *iso_view_pair(const struct iso_status_pair *pair);
json_t *iso_view_explain(const struct iso_status *status,
                         const struct iso_status_pair *pair);
json_t *iso_view_trend(const struct iso_sample *samples, size_t count);
json_t *iso_view_convergence(const struct iso_status *status);
json_t *iso_view_verdict(const struct iso_status_collection *collection);
json_t *iso_view_conflicts(const struct iso_status *status);
json_t *iso_view_dead_letters(const struct iso_status *status);
json_t *iso_view_event(const struct iso_watch_event *event);

/* ---- text ---- */

enum iso_granularity { ISO_BY_REGION, ISO_BY_PAIR, ISO_BY_PARTITION, ISO_BY_AUTO };
struct iso_metrics_options {
    bool open; /* OpenMetrics */
    /* How fine: one series a target region (the worst source), a pair, or a pair's
     * worst partitions besides. AUTO: by pair while that makes at most series_max. */
    enum iso_granularity granularity;
    size_t series_max;
};
void iso_view_metrics(const struct iso_status *status,
                      const struct iso_metrics_options *options, struct iso_buf *out);

/* Burrow's answer to PATH below /v3; false: it has none (404, as Burrow words it, is
 * appended all the same). A group is a region's, "PREFIX-REGION"; see iso_group_name.
 */
bool iso_view_burrow(const struct iso_status *status, const char *path,
                     struct iso_buf *out);

struct iso_view_page {
    const struct iso_status *status; /* NULL: no look yet */
    struct iso_watch *watch;         /* trends and events */
    const char *collection;          /* NULL: the first */
    const char *prefix;              /* of paths, "/" */
    bool charts;                     /* the scripts for charts were built in */
};
void iso_view_page(const struct iso_view_page *page, struct iso_buf *out);

#endif
