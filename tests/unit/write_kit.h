/* write_kit.h - decoding of a header in memory of just its size, so that a sanitizer
 * sees each byte that is read beyond it.
 */
#ifndef ISO_TESTS_UNIT_WRITE_KIT_H
#define ISO_TESTS_UNIT_WRITE_KIT_H

#include <check.h>
#include <stdlib.h>

#include "schema/write.h"

/* A header of its own, exact in size; freed by the caller. */
static inline struct iso_bytes exact(struct iso_bytes bytes)
{
    uint8_t *copy = malloc(bytes.size);
    ck_assert(copy != NULL || bytes.size == 0);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return iso_bytes(copy, bytes.size);
}

static inline enum iso_err decode(struct iso_bytes header, struct iso_buf *scratch,
                                  struct iso_write *write)
{
    struct iso_bytes copy = exact(header);
    struct iso_why why = {0};
    enum iso_err err = iso_write_decode(copy, scratch, write, &why);
    ck_assert(err == ISO_OK || (why.err == err && why.text[0] != '\0'));
    if (err == ISO_OK && write->read.count > 0 && write->read.data >= copy.data &&
        write->read.data < copy.data + copy.size)
        write->read.data = header.data + (write->read.data - copy.data);
    if (err == ISO_OK && write->seen.size > 0)
        write->seen.data = header.data + (write->seen.data - copy.data);
    free((void *)copy.data);
    return err;
}

#endif
