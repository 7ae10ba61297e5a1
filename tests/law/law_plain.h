/* law_plain.h - what the models of lww and siblings have in common: whole values, and
 * contexts that are names.
 */
#ifndef ISO_TESTS_LAW_LAW_PLAIN_H
#define ISO_TESTS_LAW_LAW_PLAIN_H

#include "tests/law/law.h"

void law_plain_draw(struct law_random *random, struct iso_coming *write,
                    const struct iso_buf *context);
void law_plain_added(struct law_random *random, size_t write);
void law_plain_advance(struct law_random *random, size_t write,
                       struct iso_buf *context);
bool law_plain_child(const struct law_case *law, const struct iso_coming *w,
                     const struct iso_coming *c);
bool law_plain_has_child(const struct law_case *law, const struct iso_coming *w);
void law_plain_print(const struct law_case *law, size_t write, struct iso_buf *text);

#endif
