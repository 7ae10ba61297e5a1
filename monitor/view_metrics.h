/* view_metrics.h - /metrics being written; private to this room.
 *
 *   view_metrics.c      how fine; what a region tells of itself
 *   metrics_pairs.c     what is of a source and a target
 *   metrics_rest.c      what is of a collection, a cluster, or ours
 */
#ifndef ISO_MONITOR_VIEW_METRICS_H
#define ISO_MONITOR_VIEW_METRICS_H

#include "base/exposition.h"
#include "monitor/view.h"

enum { METRICS_LABELS = 4 };

struct metrics {
    const struct iso_status *status;
    struct iso_exposition out;
    enum iso_granularity granularity; /* not AUTO */
    bool slim;     /* neither histograms nor states that do not hold */
    bool counting; /* nothing is written */
    size_t series;
};

/* Up to four; a name that is NULL ends them. */
struct metrics_labels {
    const char *names[METRICS_LABELS], *values[METRICS_LABELS];
};

void iso_metrics_family(struct metrics *at, const char *name, enum iso_metric metric,
                        const char *unit, const char *help);
void iso_metrics_sample(struct metrics *at, double value,
                        const struct metrics_labels *labels);
/* One sample a state, 1 for the one that holds; `labels` has room for one more. */
void iso_metrics_states(struct metrics *at, struct metrics_labels *labels,
                        const char *(*name)(int state), int states, int holds);

/* False when it is not known. */
bool iso_metrics_ms(int64_t ms, double *value);
bool iso_metrics_count(uint64_t count, double *value);

/* A family of one sample without labels. */
struct metrics_single {
    const char *name, *unit, *help;
    enum iso_metric metric;
    double value;
};
void iso_metrics_single(struct metrics *at, const struct metrics_single *single);

void iso_metrics_pairs(struct metrics *at);
void iso_metrics_collections(struct metrics *at);
void iso_metrics_clusters(struct metrics *at);
void iso_metrics_self(struct metrics *at, const struct iso_view_self *self);

#endif
