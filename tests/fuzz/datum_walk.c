/* Input: the number of a schema, a datum. What the walk takes can be shown as JSON,
 * which reads back into a datum with the same JSON; and the walk costs what it may. */
#include "schema/avro_walk.h"
#include "tests/fuzz/fuzz.h"

static void json_of(const struct iso_avro *schema, struct iso_bytes datum,
                    struct iso_buf *json)
{
    struct iso_why why = {0};
    if (iso_avro_to_json(schema, datum, json, &why) != ISO_OK)
        fuzz_broken("the walk takes it, but it has no JSON", &why);
}

/* False: jansson, which reads the JSON, has no U+0000 in the keys of objects; and an
 * array that is written anew stands in one block, in fewer bytes, which may hold fewer
 * parts that take none. */
static bool datum_of(const struct iso_avro *schema, struct iso_buf *json,
                     struct iso_buf *datum)
{
    struct iso_why why = {0};
    if (iso_avro_from_json(schema, iso_buf_bytes(json), datum, &why) == ISO_OK)
        return true;
    if (strstr(why.text, "NUL byte in object key") == NULL &&
        strstr(why.text, "too many parts that take no bytes") == NULL)
        fuzz_broken(iso_buf_text(json), &why);
    return false;
}

static void round_trip(const struct iso_avro *schema, struct iso_bytes datum)
{
    struct iso_buf json = {0}, back = {0}, again = {0};
    struct iso_why why = {0};
    json_of(schema, datum, &json);
    if (datum_of(schema, &json, &back)) {
        if (iso_avro_check(schema, iso_buf_bytes(&back), &why) != ISO_OK)
            fuzz_broken(iso_buf_text(&json), &why);
        json_of(schema, iso_buf_bytes(&back), &again);
        iso_assert(iso_bytes_equal(iso_buf_bytes(&json), iso_buf_bytes(&again)));
    }
    iso_buf_release(&json);
    iso_buf_release(&back);
    iso_buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iso_bytes datum = {data, size};
    const struct iso_avro *schema = fuzz_schema(fuzz_take(&datum));
    uint64_t steps = 0;
    struct iso_why why = {0};
    enum iso_err err = iso_avro_walk(schema, datum, &steps, &why);
    iso_assert(steps <= ISO_AVRO_STEPS_FREE + ISO_AVRO_STEPS_A_BYTE * datum.size);
    if (err == ISO_OK)
        round_trip(schema, datum);
    else
        iso_assert(err == ISO_BAD_DATA && why.text[0] != '\0');
    return 0;
}
