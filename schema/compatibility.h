/* compatibility.h - which schema may follow the schemas of a collection.
 *
 * The modes are those of Confluent's schema registry. BACKWARD: who has the new schema
 * reads data of the last; FORWARD: who has the last reads data of the new one; FULL:
 * both; _TRANSITIVE: of every earlier schema, not only of the last; NONE: anything. In
 * every mode a field keeps its merge rule.
 */
#ifndef ISO_SCHEMA_COMPATIBILITY_H
#define ISO_SCHEMA_COMPATIBILITY_H

#include "schema/avro.h"

enum iso_compatibility { /* as it travels in a definition */
                         ISO_COMPATIBLE_BACKWARD,
                         ISO_COMPATIBLE_BACKWARD_TRANSITIVE,
                         ISO_COMPATIBLE_FORWARD,
                         ISO_COMPATIBLE_FORWARD_TRANSITIVE,
                         ISO_COMPATIBLE_FULL,
                         ISO_COMPATIBLE_FULL_TRANSITIVE,
                         ISO_COMPATIBLE_NONE,
                         ISO_COMPATIBILITIES
};

/* "BACKWARD_TRANSITIVE"; parse takes any case, and says false of no mode. */
const char *iso_compatibility_name(enum iso_compatibility mode);
bool iso_compatibility_parse(const char *text, enum iso_compatibility *mode);

/* Whether `coming` may follow `known` (oldest first; none: yes). ISO_INCOMPATIBLE names
 * the mode, the number of the schema that it breaks with (from 1 on), the field, the
 * reason and the remedy. */
enum iso_err iso_compatibility_check(enum iso_compatibility mode,
                                     const struct iso_avro *coming,
                                     const struct iso_avro *const *known, size_t count,
                                     struct iso_why *why);

#endif
