/* utf8.h - which bytes are text (RFC 3629): no surrogates, nothing longer than it need
 * be, nothing above U+10FFFF.
 */
#ifndef ISO_BASE_UTF8_H
#define ISO_BASE_UTF8_H

#include "base/bytes.h"

/* How many of the `size` > 0 bytes, from the first on, are one character; 0: none is.
 */
size_t iso_utf8_character(const uint8_t *at, size_t size);

bool iso_utf8_valid(struct iso_bytes text);

#endif
