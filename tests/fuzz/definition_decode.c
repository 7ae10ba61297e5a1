/* Input: the bytes of a definition. What decodes, and has no extension of a newer
 * version, encodes into bytes that decode to themselves. */
#include "schema/definition.h"
#include "tests/fuzz/fuzz.h"

static void round_trip(struct iso_definition *definition)
{
    struct iso_definition *same = NULL;
    struct iso_buf bytes = {0};
    struct iso_why why = {0};
    if (iso_definition_encode(definition, &why) != ISO_OK)
        fuzz_broken("decoded, but does not encode", &why);
    iso_buf_add_bytes(&bytes, iso_buf_bytes(&definition->bytes));
    if (iso_definition_decode(iso_buf_bytes(&bytes), &same, &why) != ISO_OK)
        fuzz_broken("encoded, but does not decode", &why);
    if (iso_definition_encode(same, &why) != ISO_OK)
        fuzz_broken("does not encode twice", &why);
    iso_assert(iso_bytes_equal(iso_buf_bytes(&bytes), iso_buf_bytes(&same->bytes)));
    iso_buf_release(&bytes);
    iso_definition_free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iso_definition *definition = NULL;
    struct iso_why why = {0};
    if (iso_definition_decode(iso_bytes(data, size), &definition, &why) != ISO_OK)
        iso_assert(definition == NULL && why.text[0] != '\0');
    else if (definition->extension_unknown == 0)
        round_trip(definition);
    iso_definition_free(definition);
    return 0;
}
