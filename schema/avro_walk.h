/* avro_walk.h - what the walk of iso_avro_check costs: for who has to know that nothing
 * makes it expensive.
 */
#ifndef ISO_SCHEMA_AVRO_WALK_H
#define ISO_SCHEMA_AVRO_WALK_H

#include "schema/avro.h"

/* A step is a value (a union and its branch are one) or the count before a block. An
 * ordinary datum takes one to three of them a byte; what has values that take no bytes
 * can take more. A datum of `size` bytes that would take more than
 * ISO_AVRO_STEPS_FREE + ISO_AVRO_STEPS_A_BYTE × size is refused. */
enum { ISO_AVRO_STEPS_FREE = 1 << 17, ISO_AVRO_STEPS_A_BYTE = 8 };

/* As iso_avro_check, whose body it is; also says how many steps it took, whether the
 * datum is taken or not. */
enum iso_err iso_avro_walk(const struct iso_avro *schema, struct iso_bytes datum,
                           uint64_t *steps, struct iso_why *why);

#endif
