/* serve.h - what a daemon shows of itself over HTTP: /livez, /readyz, /metrics. Part of
 * the program, not of the library: services that link the reader need no server.
 */
#ifndef ISO_CONSUMER_SERVE_H
#define ISO_CONSUMER_SERVE_H

#include "consumer/consumer.h"

struct iso_daemon_server;

/* Listens where daemon.http.listen says; where that is empty *server is NULL. Daemon
 * and settings are borrowed. As iso_http_open fails. */
enum iso_err iso_daemon_serve(const struct iso_settings *settings, const char *region,
                              struct iso_daemon *daemon,
                              struct iso_daemon_server **server, struct iso_why *why);
void iso_daemon_serve_end(struct iso_daemon_server *server); /* NULL is fine */

#endif
