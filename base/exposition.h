/* exposition.h - writes metrics as Prometheus reads them: its text format 0.0.4 or
 * OpenMetrics 1.0. Part of target iso_http. The families are written one after the
 * other; a sample is never NaN: what is not known is left out by who calls.
 *
 *   struct iso_exposition out = {.open = true};
 *   iso_exposition_family(&out, "isostasy_lag", ISO_GAUGE, "seconds", "Age of …");
 *   iso_exposition_sample(&out, 1.25, "collection", "cart", "source_region", "eu",
 *                         NULL);
 *   iso_exposition_end(&out);
 *
 * Names: without unit and suffix; the unit, and _total of a counter, are added as each
 * format wants it.
 */
#ifndef ISO_BASE_EXPOSITION_H
#define ISO_BASE_EXPOSITION_H

#include "base/bytes.h"

enum iso_metric { ISO_GAUGE, ISO_COUNTER, ISO_HISTOGRAM, ISO_STATES, ISO_INFO_METRIC };

#define ISO_EXPOSITION_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define ISO_EXPOSITION_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Zero, or with `open` for OpenMetrics; the buffer is the caller's to release. */
struct iso_exposition {
    bool open;
    struct iso_buf text;
    char name[96]; /* of the family at hand, with its unit */
    enum iso_metric metric;
    size_t series; /* written so far */
};

/* Does the client want OpenMetrics? (Accept header, may be NULL.) */
bool iso_exposition_wants_open(const char *accept);

void iso_exposition_family(struct iso_exposition *out, const char *name,
                           enum iso_metric metric, const char *unit, const char *help);
/* Pairs of label and value up to a NULL; values are escaped, bytes that are no UTF-8
 * replaced. Of a counter the value never falls; of states it is 0 or 1, and one label
 * is the family's name. */
void iso_exposition_sample(struct iso_exposition *out, double value, ...)
    __attribute__((sentinel));
/* A histogram: counts are of each bucket alone, one more than bounds. */
void iso_exposition_histogram(struct iso_exposition *out, const double *bounds,
                              const uint64_t *counts, size_t bound_count, double sum,
                              ...) __attribute__((sentinel));
void iso_exposition_end(struct iso_exposition *out);

#endif
