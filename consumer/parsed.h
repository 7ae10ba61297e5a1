/* parsed.h - the schemas of the definitions that are in force, parsed once for all
 * slices that share this.
 *
 * A definition is known by its bytes, so what a value is judged by does not depend on
 * who was here before. One thread.
 */
#ifndef ISO_CONSUMER_PARSED_H
#define ISO_CONSUMER_PARSED_H

#include "schema/value.h"

struct iso_parsed { /* zero is empty */
    struct iso_parsed_item *first;
};

/* The schemas of a definition (which has its bytes); good until they are given back. */
const struct iso_schemas *iso_parsed_take(struct iso_parsed *parsed,
                                          const struct iso_definition *definition);
/* Gives them back, as often as they were taken. NULL is fine. */
void iso_parsed_give(struct iso_parsed *parsed, const struct iso_schemas *schemas);

#endif
