/* http_target.h - what a request asks for: the target of its first line, taken apart.
 * Base's own; knows no library, so any bytes can be tried on it.
 *
 * There is one way to write a path, and what could be read in two ways is refused: `.`
 * and `..`, a `/` or a control character that is percent-encoded, an escape that is
 * none, bytes that are no UTF-8. Two slashes hold an empty name, which no route has.
 */
#ifndef ISO_BASE_HTTP_TARGET_H
#define ISO_BASE_HTTP_TARGET_H

#include "base/http.h"

enum { ISO_HTTP_NAMES_MAX = 32 };

struct iso_http_target {
    char authority[256]; /* of "http://AUTHORITY/…"; empty: there was none */
    char path[ISO_HTTP_PATH_MAX + 1]; /* decoded, without the query */
    /* Its names, one after the other; "/" has one, which is empty. */
    char names[ISO_HTTP_PATH_MAX + 1];
    const char *name[ISO_HTTP_NAMES_MAX];
    size_t name_count;
    char query[ISO_HTTP_PATH_MAX + 1];
    const char *parameter[ISO_HTTP_NAMES_MAX], *value[ISO_HTTP_NAMES_MAX];
    size_t parameter_count;
};

/* NULL; or what is wrong with `raw`, in words that follow "The target of the request ".
 * At most ISO_HTTP_PATH_MAX bytes. */
const char *iso_http_target_parse(const char *raw, struct iso_http_target *target);

/* Does the path fit `route`? Then `parts` are those of its {…}. */
bool iso_http_target_fits(const struct iso_http_target *target, const char *route,
                          const char *parts[ISO_HTTP_PARTS_MAX]);

/* The first value of the name in the query; NULL: it was not given. */
const char *iso_http_target_query(const struct iso_http_target *target,
                                  const char *name);

/* Is `host` (a Host header: name or address, maybe with a port) this machine and no
 * other? Then no other site's name can have led a browser here. */
bool iso_http_host_local(const char *host);

/* Does `etag` stand in an If-None-Match header? */
bool iso_http_etag_listed(const char *list, const char *etag);

#endif
