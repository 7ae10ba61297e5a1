/* sim_values.h - the values of a simulated collection: any bytes, a record of one text,
 * or a record with a field of every rule.
 */
#ifndef ISO_TESTS_SIM_SIM_VALUES_H
#define ISO_TESTS_SIM_SIM_VALUES_H

#include "base/bytes.h"
#include "producer/producer.h"
#include "schema/definition.h"
#include "schema/edit.h"

struct sim;

/* Puts the schemas into a definition, when its values have any; a later one has one
 * more. */
void sim_schemas_add(const struct sim *sim, struct iso_definition *definition,
                     bool later);

/* Appends a value as a service writes it; of a blind one, counters are left alone. */
void sim_value(struct sim *sim, const struct iso_schemas *schemas, bool blind,
               struct iso_buf *value);

/* Some operations on fields; to be freed. */
struct iso_edit *sim_edit(struct sim *sim, const struct iso_schemas *schemas);

/* A patch that a liar makes: right in form, or nearly, with versions and sums that
 * nobody ever wrote; `of_delete`: what its DELETE was shown. */
void sim_patch_forge(struct sim *sim, struct iso_names names, bool of_delete,
                     struct iso_buf *out);

#endif
