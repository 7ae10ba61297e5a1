/* Input: what its holder does with it, the size of a context, the context, and what he
 * writes: a PATCH, or the datum of a record. Whatever the context says, no call breaks;
 * what it makes is a patch that decodes; and what the session knows after the write is
 * a context again. */
#include "schema/seen.h"
#include "tests/fuzz/fuzz.h"

enum { FILLS, PUTS, DELETES, DEEDS };

static void seen_round_trip(const struct iso_seen *seen)
{
    static struct iso_seen back;
    static struct iso_buf once, again;
    struct iso_why why = {0};
    iso_buf_clear(&once);
    iso_buf_clear(&again);
    iso_seen_encode(seen, &once);
    if (iso_seen_decode(iso_buf_bytes(&once), &back, &why) != ISO_OK)
        fuzz_broken("a context was encoded, but does not decode", &why);
    iso_seen_encode(&back, &again);
    iso_assert(iso_bytes_equal(iso_buf_bytes(&once), iso_buf_bytes(&again)));
}

/* False: there is nothing to be sent. */
static bool deed(unsigned which, const struct iso_seen *seen, struct iso_bytes bytes,
                 struct iso_patch *out)
{
    static struct iso_patch patch;
    const struct iso_fields *fields = iso_schemas_fields(fuzz_user(), 0);
    struct iso_why why = {0};
    enum iso_err err = ISO_OK;
    if (which == FILLS) {
        if (iso_patch_decode(bytes, &patch, NULL) != ISO_OK ||
            iso_patch_check(&patch, fields, NULL) != ISO_OK)
            return false;
        err = iso_seen_fill(seen, &patch, out, &why);
    } else if (which == PUTS) {
        if (iso_avro_check(iso_fields_schema(fields), bytes, NULL) != ISO_OK ||
            iso_fields_check_put(fields, bytes, false, NULL) != ISO_OK)
            return false;
        err = iso_seen_put(seen, fields, bytes, out, &why);
    } else {
        err = iso_seen_delete(seen, out, &why);
    }
    iso_assert(err == ISO_OK || why.text[0] != '\0');
    return err == ISO_OK;
}

static void sent(const struct iso_patch *patch)
{
    static struct iso_patch back;
    static struct iso_buf bytes;
    struct iso_why why = {0};
    iso_buf_clear(&bytes);
    iso_patch_encode(patch, &bytes);
    if (iso_patch_decode(iso_buf_bytes(&bytes), &back, &why) != ISO_OK)
        fuzz_broken("a patch was made that does not decode", &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct iso_seen seen;
    static struct iso_patch out;
    struct iso_bytes input = {data, size};
    const struct iso_fields *fields = iso_schemas_fields(fuzz_user(), 0);
    struct iso_why why = {0};
    unsigned which = fuzz_take(&input) % DEEDS;
    size_t first = (size_t)fuzz_take(&input) << 8;
    first |= fuzz_take(&input);
    if (first > input.size)
        first = input.size;
    if (iso_seen_decode(iso_bytes(input.data, first), &seen, &why) != ISO_OK) {
        iso_assert(why.text[0] != '\0');
        return 0;
    }
    seen_round_trip(&seen);
    if (!deed(which, &seen, iso_bytes(input.data + first, input.size - first), &out))
        return 0;
    sent(&out);
    bool is_taken = which != DELETES && iso_patch_check(&out, fields, NULL) == ISO_OK;
    if (which != DELETES && !is_taken)
        return 0; /* its producer says so, and sends nothing */
    struct iso_version version = {UINT64_C(1) << 32, UINT64_C(1) << 48};
    iso_seen_advance(&seen, fields, which == DELETES ? NULL : &out, version);
    seen_round_trip(&seen);
    return 0;
}
