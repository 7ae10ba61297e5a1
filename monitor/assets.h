/* assets.h - files that stand in the program: the page's, and openapi.json.
 *
 * Every file of monitor/page/, what cmake/page.cmake builds besides, and
 * monitor/openapi.json are put there by cmake/assets.cmake; so a program that is copied
 * to another machine brings them along, and nothing is read from disk. A file is known
 * by its name without folder.
 */
#ifndef ISO_MONITOR_ASSETS_H
#define ISO_MONITOR_ASSETS_H

#include "base/bytes.h"

struct iso_asset {
    const char *name; /* "page.css" */
    struct iso_bytes bytes;
    const char *type; /* "text/css; charset=utf-8" */
    const char *etag; /* "\"1f0a…\"": of the bytes, with its quotes */
};

/* NULL when there is none of that name. Static. */
const struct iso_asset *iso_asset(const char *name);
/* n = 0, 1, …, by name; NULL at the end. */
const struct iso_asset *iso_asset_at(size_t n);

#endif
