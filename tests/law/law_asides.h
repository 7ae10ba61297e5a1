/* law_asides.h - the large values of a region's entry (schema/aside.h), which stand in
 * rows of their own: kept as the merge says, and at every check exactly those that the
 * entry names. Built with a small ISO_VALUE_ASIDE, all values of a case are large.
 */
#ifndef ISO_TESTS_LAW_LAW_ASIDES_H
#define ISO_TESTS_LAW_LAW_ASIDES_H

#include "tests/law/law.h"

struct iso_asides law_asides_port(struct law_region *region);

/* What the last merge brings and takes away. */
void law_asides_keep(struct law_region *region);
/* Forgets what the entry, which was swept, has no more. */
void law_asides_sweep(struct law_region *region);
/* Says in region->broken when a value of the entry is not there, or one that is none
 * of it. */
void law_asides_check(struct law_region *region);
void law_asides_release(struct law_region *region);

#endif
