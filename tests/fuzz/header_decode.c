/* Input: a header. What decodes is within the rules that a writer is held to, and
 * encodes into a header that decodes to the same write; a header that we wrote stays as
 * it is. */
#include "schema/write.h"
#include "tests/fuzz/fuzz.h"

static bool alike(const struct iso_write *a, const struct iso_write *b)
{
    return a->operation == b->operation && a->log == b->log &&
           a->partition == b->partition &&
           iso_version_compare(a->version, b->version) == 0 && a->seq == b->seq &&
           a->blind == b->blind && a->has_expiry == b->has_expiry &&
           a->expiry_ms == b->expiry_ms &&
           iso_bytes_equal(iso_bytes(a->read.data, a->read.count * ISO_VERSION_SIZE),
                           iso_bytes(b->read.data, b->read.count * ISO_VERSION_SIZE));
}

static void round_trip(const struct iso_write *write)
{
    struct iso_buf header = {0}, again = {0}, scratch = {0};
    struct iso_write back;
    struct iso_why why = {0};
    if (iso_write_check(write, &why) != ISO_OK)
        fuzz_broken("decoded, but no writer may say so", &why);
    iso_write_encode(write, &header);
    if (iso_write_decode(iso_buf_bytes(&header), &scratch, &back, &why) != ISO_OK)
        fuzz_broken("encoded, but does not decode", &why);
    iso_assert(alike(write, &back));
    iso_write_encode(&back, &again);
    iso_assert(iso_bytes_equal(iso_buf_bytes(&header), iso_buf_bytes(&again)));
    iso_buf_release(&header);
    iso_buf_release(&again);
    iso_buf_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iso_buf scratch = {0};
    struct iso_write write;
    struct iso_why why = {0};
    if (iso_write_decode(iso_bytes(data, size), &scratch, &write, &why) == ISO_OK)
        round_trip(&write);
    else
        iso_assert(why.text[0] != '\0');
    iso_buf_release(&scratch);
    return 0;
}
