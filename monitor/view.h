/* view.h - the status, as others want to read it. Each view appends bytes made of a
 * status and nothing else (trends and events besides), so a request never waits for
 * Kafka, and two views of one status never disagree.
 *
 *   view_json.c, view_status.c, view_explain.c
 *                    /v1: objects, with null for what is not known
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

/* What the monitor measures of itself. */
struct iso_view_self {
    uint64_t looks, failed; /* failed: the home cluster did not answer */
    double look_seconds;    /* that all of them took */
    int64_t last_ms;        /* that the newest took; ISO_UNKNOWN_MS: there was none */
    uint64_t requests, refused_connections, unauthorized;
    unsigned connections;
};

/* How fine: one series a target region (the worst source), a pair, or a pair's worst
 * partitions besides. AUTO: by pair while that makes at most series_max, else by region
 * while that does, else by region without histograms and the states that do not hold.
 */
enum iso_granularity { ISO_BY_REGION, ISO_BY_PAIR, ISO_BY_PARTITION, ISO_BY_AUTO };
struct iso_metrics_options {
    bool open; /* OpenMetrics */
    enum iso_granularity granularity;
    size_t series_max;
    const struct iso_view_self *self; /* NULL: left out */
};
/* The families are named in isostasy-monitor(8). `status` NULL: no look yet. */
void iso_view_metrics(const struct iso_status *status,
                      const struct iso_metrics_options *options, struct iso_buf *out);
/* As settings name them: "auto", "region", "pair", "partition". */
enum iso_granularity iso_granularity_parse(const char *name);

/* Burrow's answer to a path below /v3, as in "/kafka/home/consumer"; false: it has none
 * (what Burrow says with its 404 is appended all the same). A group is a region's,
 * "isostasy.REGION", as its daemon commits positions under; every cluster has it in
 * which a log is that it reads. */
bool iso_view_burrow(const struct iso_status *status, const char *path,
                     struct iso_buf *out);

struct iso_view_page {
    const struct iso_status *status; /* NULL: no look yet */
    struct iso_watch *watch;         /* trends and events */
    const char *collection;          /* NULL: the first */
    const char *source, *target;     /* to look at closely; NULL: the worst pair */
    const char *prefix;              /* of paths, "/" */
    bool charts;                     /* the scripts for charts were built in */
};
void iso_view_page(const struct iso_view_page *page, struct iso_buf *out);

#endif
