/* table.h - every resolver of this room, by name; only the room itself includes this.
 */
#ifndef ISO_RESOLVER_TABLE_H
#define ISO_RESOLVER_TABLE_H

#include "resolver/resolver.h"

extern const struct iso_resolver iso_resolver_lww;
extern const struct iso_resolver iso_resolver_fields;
extern const struct iso_resolver iso_resolver_siblings;

/* part_sweep.c */
enum iso_err iso_parts_sweep(const struct iso_sweep *sweep,
                             enum iso_parts_format format, struct iso_merged *merged,
                             struct iso_why *why);

/* fields_show.c */
enum iso_err iso_fields_show(struct iso_bytes key, struct iso_bytes row, int64_t now_ms,
                             struct iso_shown *shown, struct iso_why *why);

#endif
