/* view_parts.h - what the JSON views are made of; private to this room. Each puts one
 * member into an object; what is not known is null.
 */
#ifndef ISO_MONITOR_VIEW_PARTS_H
#define ISO_MONITOR_VIEW_PARTS_H

#include <jansson.h>

#include "monitor/watch.h"

/* Takes `value` over. */
void iso_view_put(json_t *object, const char *name, json_t *value);
/* A moment or a duration; ISO_UNKNOWN_MS: null. */
void iso_view_put_ms(json_t *object, const char *name, int64_t ms);
void iso_view_put_count(json_t *object, const char *name, uint64_t count);
void iso_view_put_flag(json_t *object, const char *name, bool flag);
/* NULL and the empty text: null. Whoever wrote it, it is valid UTF-8 afterwards. */
void iso_view_put_text(json_t *object, const char *name, const char *text);
/* Keys and the like: in the export form of iso_escape. */
void iso_view_put_bytes(json_t *object, const char *name, struct iso_bytes bytes);

/* Appends `value` as one line of JSON, and lets it go. */
void iso_view_write(json_t *value, struct iso_buf *out);

/* The numbers that state, rule and reason of a pair rest on. */
json_t *iso_view_evidence(const struct iso_status_pair *pair);
/* The partitions of a pair, the worst first. */
json_t *iso_view_worst(const struct iso_lag_row *row);
/* A pair as lists have it: without its partitions. */
json_t *iso_view_pair_short(const struct iso_status_pair *pair);
json_t *iso_view_region(const struct iso_lag_region *region);

#endif
