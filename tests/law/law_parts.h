/* law_parts.h - what models have in common whose entries are parts (schema/part.h). */
#ifndef ISO_TESTS_LAW_LAW_PARTS_H
#define ISO_TESTS_LAW_LAW_PARTS_H

#include "tests/law/law.h"

/* Of a row of either format. */
struct iso_tally law_parts_row_tally(struct iso_bytes key, struct iso_bytes row,
                                     uint32_t *rows);

/* One more value of an expected part, at its place by version. */
void law_part_hold(struct law_expected *expected, struct iso_part *part,
                   const struct iso_held *held);

/* The tally of what is expected, by its parts. */
void law_parts_tally(struct law_expected *expected, struct iso_bytes key);

void law_parts_print(const struct law_expected *expected, struct iso_bytes key,
                     struct iso_bytes row, struct iso_buf *text);

/* Does H forget it? */
bool law_held_is_swept(const struct iso_held *held, int64_t swept_ms);

#endif
