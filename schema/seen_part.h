/* seen_part.h - the parts of a context by path: for seen.c and seen_advance.c and
 * seen_patch.c, and no others.
 */
#ifndef ISO_SCHEMA_SEEN_PART_H
#define ISO_SCHEMA_SEEN_PART_H

#include "schema/seen.h"

/* False: where it would be inserted. */
bool iso_seen_find(const struct iso_seen *seen, const struct iso_path *path,
                   size_t *at);
/* A zero part behind the others, counted; the caller gives it its path. */
struct iso_seen_part *iso_seen_push(struct iso_seen *seen);

/* Room for `more` bytes, so that iso_seen_keep moves nothing. Says where all stood
 * before: the caller releases it, when nothing borrows from it any more. */
struct iso_buf iso_seen_reserve(struct iso_seen *seen, size_t more);
/* A copy in `bytes`, for which there is room. */
const uint8_t *iso_seen_keep(struct iso_seen *seen, const void *data, size_t size);

#endif
