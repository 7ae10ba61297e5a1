/* Input: the numbers of the writer's and the reader's schema, a datum. What is read is
 * a datum of the reader's; who can read everything can read this, but for bytes that
 * are to be a string and are not UTF-8 (avro_resolve.h). */
#include "schema/avro_resolve.h"
#include "tests/fuzz/fuzz.h"

/* What the writer's datum became, or why it did not. */
static void answer_hold(enum iso_err err, struct iso_bytes read,
                        const struct iso_avro *writer, const struct iso_avro *reader,
                        const struct iso_why *said)
{
    struct iso_why why = {0};
    if (err == ISO_OK && iso_avro_check(reader, read, &why) != ISO_OK)
        fuzz_broken("what was read is none of the reader's", &why);
    if (err == ISO_INCOMPATIBLE && iso_avro_can_read(reader, writer, &why) == ISO_OK &&
        strstr(said->text, "not UTF-8") == NULL)
        fuzz_broken("who can read everything cannot read this", said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iso_bytes datum = {data, size};
    const struct iso_avro *writer = fuzz_schema(fuzz_take(&datum));
    const struct iso_avro *reader = fuzz_schema(fuzz_take(&datum));
    struct iso_avro_resolution *resolution = iso_avro_resolution_new(writer, reader);
    struct iso_buf read = {0};
    struct iso_why why = {0};
    enum iso_err err = iso_avro_read_as(resolution, datum, &read, &why);
    iso_assert(err == ISO_OK || (read.size == 0 && why.text[0] != '\0'));
    iso_assert((err == ISO_BAD_DATA) ==
               (iso_avro_check(writer, datum, NULL) != ISO_OK));
    answer_hold(err, iso_buf_bytes(&read), writer, reader, &why);
    iso_buf_release(&read);
    iso_avro_resolution_free(resolution);
    return 0;
}
