/* names.h - versions as they travel and are remembered: 16 bytes each, in memcmp's
 * order, which is that of versions. Only the room itself includes this. */
#ifndef ISO_RESOLVER_NAMES_H
#define ISO_RESOLVER_NAMES_H

#include "schema/write.h"

static inline int iso_name_compare(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, ISO_VERSION_SIZE);
}

/* Puts `count` names in ascending order, in place, without allocating, in n log n steps
 * whatever order they came in. */
void iso_names_sort(uint8_t *names, size_t count);

/* Is `version` among `names`, which are ascending? */
bool iso_names_hold(struct iso_names names, struct iso_version version);

#endif
