/* home.h - looking a region and a collection up, and what an opened producer owns of
 * it; private to this room.
 */
#ifndef ISO_PRODUCER_HOME_H
#define ISO_PRODUCER_HOME_H

#include "bus/bus.h"
#include "schema/definition.h"

/* What is asked, and where. */
struct iso_lookup {
    struct iso_bus *home;
    const char *prefix; /* of the control topics */
    const char *region, *collection;
    const char *cache; /* folder; NULL: nothing is kept */
    int timeout_ms;
};

/* What was found; the caller frees the definition. */
struct iso_found {
    unsigned region;
    struct iso_definition *definition;
    bool cached; /* Kafka is away: this is what an earlier open had found */
};

/* ISO_NO_DEFINITION: no such region or collection, or the collection does not have the
 * region; ISO_UNAVAILABLE: Kafka is away, and nothing is cached; ISO_DAMAGED: what is
 * cached is not what was written. */
enum iso_err iso_lookup(const struct iso_lookup *lookup, struct iso_found *found,
                        struct iso_why *why);

/* Is the log's topic there, with its partitions, and does each begin with a DEFINE?
 * ISO_TOPIC_CONFIG; ISO_UNAVAILABLE. */
enum iso_err iso_log_ready(struct iso_bus *bus, const struct iso_definition *definition,
                           const struct iso_definition_log *log, int timeout_ms,
                           struct iso_why *why);

#endif
