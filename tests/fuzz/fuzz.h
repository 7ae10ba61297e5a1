/* fuzz.h - what a fuzz target is, and what its targets share.
 *
 * A target is one file with LLVMFuzzerTestOneInput: any bytes go in, and what must hold
 * of them is asserted. It is linked twice: with libFuzzer, which looks for bytes that
 * break it (`tests/run fuzz`), and with main.c, which shows it each file of its corpus
 * once (label fuzz of ctest). What an input is made of stands at the target's top.
 */
#ifndef ISO_TESTS_FUZZ_H
#define ISO_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/err.h"
#include "schema/avro.h"
#include "schema/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, with the sentence of `why`: what holds of every input did not. */
_Noreturn static inline void fuzz_broken(const char *what, const struct iso_why *why)
{
    fprintf(stderr, "%s: %s\n", what, why != NULL ? why->text : "");
    abort();
}

/* The first byte of the input, or 0, is taken off it. */
static inline uint8_t fuzz_take(struct iso_bytes *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

/* What stands before the first NUL; `input` is then what stands behind it. */
static inline struct iso_bytes fuzz_take_text(struct iso_bytes *input)
{
    const uint8_t *nul = input->size > 0 ? memchr(input->data, 0, input->size) : NULL;
    size_t size = nul != NULL ? (size_t)(nul - input->data) : input->size;
    struct iso_bytes text = {input->data, size};
    size_t taken = nul != NULL ? size + 1 : size;
    *input =
        iso_bytes(taken > 0 ? input->data + taken : input->data, input->size - taken);
    return text;
}

/* The schemas of schemas.txt, for targets whose input is a datum: the n-th modulo their
 * count. Parsed once. */
const struct iso_avro *fuzz_schema(unsigned n);

/* A collection of fields, whose one schema is user.avsc. Made once. */
const struct iso_schemas *fuzz_user(void);

#endif
