/* fields_says.h - schedules of writes of fields, said in words.
 *
 *   visits+2  cart.x-1   counts          name=a  best=2    sets, raises, lowers
 *   tags+a    tags-a     adds, removes   name!   visits!   unsets, resets, disables
 *   on                   enables         put               leaves the record's mark
 *   DELETE               of the whole record
 *
 * A write does several of these, with spaces between them. Its fields are those of
 * fields_shape.c, and of their members x. What its writer was shown are earlier writes:
 * a is the first, b the second. Failures end the test.
 */
#ifndef ISO_TESTS_LAW_FIELDS_SAYS_H
#define ISO_TESTS_LAW_FIELDS_SAYS_H

#include "tests/law/law.h"

#define BLIND NULL     /* it does not say what it was shown */
#define SAW_NOTHING "" /* it was shown no record */
#define GOES_ON ">"    /* as the write before it, in the same session */

void law_say_begin(void);
/* `region` writes, at a time, into its own log, which has its number; or into another.
 */
void law_says(unsigned region, int64_t ms, const char *what, const char *saw);
void law_says_in(uint16_t log, unsigned region, int64_t ms, const char *what,
                 const char *saw);
/* The next write, a reset, claims to have read this. Kept until then. */
void law_say_claim(const struct iso_sum *sum);
void law_say_succeeds(uint16_t log, uint16_t older);

/* In every interleaving of the writes so far the model is right, a reader is shown
 * `held` ("-": no record), and the ledger has `lost`: fields, and which write set them
 * ("name:a"). */
void law_comes_to(const char *held, const char *lost);

#endif
