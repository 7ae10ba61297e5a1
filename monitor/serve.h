/* serve.h - what the monitor answers over HTTP: JSON under /v1, /metrics, Burrow's
 * shapes under /v3/kafka, health, and the page. monitor/openapi.json describes all of
 * it, and is answered too; a test holds it to the routes.
 *
 * Everything is made of the newest status, trends and events of a watch; no request
 * waits for Kafka, or for who looks. GET changes nothing. A parameter that names
 * nothing is answered with a problem (RFC 9457) that says what there is.
 *
 * Readiness: not before the first look, and not when the newest is older than three
 * intervals and ten seconds. A cluster that is away does not make it unready: its
 * answer then says so, which is what a monitor is for.
 */
#ifndef ISO_MONITOR_SERVE_H
#define ISO_MONITOR_SERVE_H

#include "base/http.h"
#include "monitor/view.h"

struct iso_serve;

struct iso_serve_options {
    const struct iso_settings *settings; /* monitor.http.*, monitor.metrics.*, … */
    struct iso_watch *watch;
    const struct iso_clock *clock;
};

/* As iso_http_open; ISO_SETTING when monitor.http.listen is empty. Options are borrowed
 * until it is closed. */
enum iso_err iso_serve_open(const struct iso_serve_options *options,
                            struct iso_serve **serve, struct iso_why *why);
void iso_serve_close(struct iso_serve *serve); /* NULL is fine */

/* "http://127.0.0.1:8470/"; borrowed. */
const char *iso_serve_address(const struct iso_serve *serve);

/* Called by who looks. No look could be taken, and why: what /readyz says. */
void iso_serve_waits(struct iso_serve *serve, const struct iso_why *why);
/* A look was taken (iso_watch_look); `answered`: the home cluster did. */
void iso_serve_looked(struct iso_serve *serve, bool answered, int64_t took_ms);

/* The table, up to a row without a path. */
extern const struct iso_http_route iso_serve_routes[];

#endif
