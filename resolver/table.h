/* table.h - every resolver of this room, by name; only the room itself includes this.
 */
#ifndef ISO_RESOLVER_TABLE_H
#define ISO_RESOLVER_TABLE_H

#include "resolver/resolver.h"

extern const struct iso_resolver iso_resolver_lww;

#endif
