/* serve_v1.h - a server of the monitor's views; private to this room.
 *
 *   serve.c       open and close, health, metrics, page, files; the routes
 *   serve_v1.c    JSON under /v1
 *   serve_events.c  events, as a list and as a stream
 */
#ifndef ISO_MONITOR_SERVE_V1_H
#define ISO_MONITOR_SERVE_V1_H

#include <pthread.h>

#include "monitor/serve.h"

/* What is the same for everybody is rendered once a look, by who asks first. */
struct serve_copy {
    pthread_mutex_t mutex;
    uint64_t look; /* of the text; 0: there is none */
    struct iso_buf text;
};
enum serve_text { SERVE_METRICS, SERVE_METRICS_OPEN, SERVE_STATUS, SERVE_TEXTS };

struct iso_serve {
    const struct iso_serve_options *options;
    struct iso_http *http;
    int64_t interval_ms;
    struct iso_metrics_options metrics;
    struct serve_copy copies[SERVE_TEXTS];
    pthread_mutex_t mutex; /* of what follows */
    struct iso_view_self self;
    int64_t looked_ms; /* steady; ISO_UNKNOWN_MS */
    char why[sizeof((struct iso_why *)NULL)->text];
};

/* The newest status, to be released; NULL: the answer says that there is none yet. */
const struct iso_status *iso_serve_status(struct iso_serve *serve,
                                          struct iso_http_answer *answer);
void iso_serve_release(struct iso_serve *serve, const struct iso_status *status);

/* Into the answer: the copy, which `render` makes when there is none of that look. */
void iso_serve_copy(struct iso_serve *serve, enum serve_text which,
                    const struct iso_status *status,
                    void (*render)(struct iso_serve *serve, enum serve_text which,
                                   const struct iso_status *status,
                                   struct iso_buf *out),
                    struct iso_http_answer *answer);

typedef void iso_serve_handle(void *user, const struct iso_http_request *request,
                              struct iso_http_answer *answer);
iso_serve_handle iso_serve_v1_status, iso_serve_v1_pairs, iso_serve_v1_pair,
    iso_serve_v1_explain, iso_serve_v1_history, iso_serve_v1_convergence,
    iso_serve_v1_conflicts, iso_serve_v1_dead_letters, iso_serve_v1_events;

#endif
