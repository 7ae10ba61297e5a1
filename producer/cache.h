/* cache.h - what an open found, kept for an open while Kafka is away; private to this
 * room.
 *
 * One file for a region and a collection, REGION@COLLECTION.definition: byte 01, the
 * region's number, the definition's bytes, and the XXH3-64 of all that. It is replaced
 * as a whole (written beside, synced, renamed), so that a crash leaves the old one.
 */
#ifndef ISO_PRODUCER_CACHE_H
#define ISO_PRODUCER_CACHE_H

#include "schema/definition.h"

/* Makes the folder when it is missing. ISO_IO, ISO_DENIED. */
enum iso_err iso_cache_write(const char *folder, const char *region,
                             const struct iso_definition *definition, unsigned number,
                             struct iso_why *why);

/* Whether exactly this was written before. */
bool iso_cache_holds(const char *folder, const char *region,
                     const struct iso_definition *definition, unsigned number);

/* Whether an earlier open found the region's log ready, by this definition or another:
 * a log stays what it was. */
bool iso_cache_knows_log(const char *folder, const char *region,
                         const struct iso_definition *definition, unsigned number);

/* ISO_NOT_FOUND; ISO_IO, ISO_DENIED; ISO_DAMAGED names the file. */
enum iso_err iso_cache_read(const char *folder, const char *region,
                            const char *collection, struct iso_definition **definition,
                            unsigned *number, struct iso_why *why);

#endif
