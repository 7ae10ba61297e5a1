/* Input: the number of a schema, a datum's JSON. What is taken becomes a datum that the
 * walk takes, whose JSON is read into the same datum; what is refused leaves the buffer
 * alone. */
#include "tests/fuzz/fuzz.h"

static void round_trip(const struct iso_avro *schema, struct iso_bytes datum)
{
    struct iso_buf json = {0}, back = {0};
    struct iso_why why = {0};
    if (iso_avro_check(schema, datum, &why) != ISO_OK)
        fuzz_broken("the walk refuses what was made of JSON", &why);
    if (iso_avro_to_json(schema, datum, &json, &why) != ISO_OK)
        fuzz_broken("it has no JSON", &why);
    if (iso_avro_from_json(schema, iso_buf_bytes(&json), &back, &why) != ISO_OK)
        fuzz_broken(iso_buf_text(&json), &why);
    iso_assert(iso_bytes_equal(datum, iso_buf_bytes(&back)));
    iso_buf_release(&json);
    iso_buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iso_bytes json = {data, size};
    const struct iso_avro *schema = fuzz_schema(fuzz_take(&json));
    struct iso_buf datum = {0};
    struct iso_why why = {0};
    iso_buf_add_u8(&datum, 7); /* was there before */
    enum iso_err err = iso_avro_from_json(schema, json, &datum, &why);
    iso_assert(datum.size >= 1 && datum.data[0] == 7);
    if (err == ISO_OK)
        round_trip(schema, iso_bytes(datum.data + 1, datum.size - 1));
    else
        iso_assert(datum.size == 1 && why.text[0] != '\0');
    iso_buf_release(&datum);
    return 0;
}
