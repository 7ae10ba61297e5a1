/* Input: the JSON of a schema, NUL, a datum. A schema that parses has a canonical form
 * that parses, is its own canonical form, has the same fingerprint, and takes the same
 * data. Not so when only some types have a namespace: the specification writes a type
 * without one by its bare name, which inside another type's namespace reads as one of
 * that. */
#include "schema/avro_node.h"
#include "tests/fuzz/fuzz.h"

static bool namespaces_differ(const struct iso_avro *schema)
{
    bool with = false, without = false;
    for (uint32_t i = 0; i < schema->node_count; i++) {
        const struct iso_avro_node *node = &schema->nodes[i];
        if (node->kind < ISO_AVRO_RECORD)
            continue;
        bool has_dot = strchr(iso_avro_name(schema, node->name), '.') != NULL;
        with |= has_dot;
        without |= !has_dot;
    }
    return with && without;
}

static void canonical_hold(const struct iso_avro *schema, struct iso_bytes datum)
{
    struct iso_buf text = {0}, again = {0};
    uint8_t fingerprints[2][ISO_FINGERPRINT_SIZE];
    struct iso_avro *same = NULL;
    struct iso_why why = {0};
    iso_avro_canonical(schema, &text);
    if (namespaces_differ(schema)) {
        iso_buf_release(&text);
        return;
    }
    if (iso_avro_parse(iso_buf_bytes(&text), &same, &why) != ISO_OK)
        fuzz_broken(iso_buf_text(&text), &why);
    iso_avro_canonical(same, &again);
    iso_assert(iso_bytes_equal(iso_buf_bytes(&text), iso_buf_bytes(&again)));
    iso_avro_fingerprint(schema, fingerprints[0]);
    iso_avro_fingerprint(same, fingerprints[1]);
    iso_assert(memcmp(fingerprints[0], fingerprints[1], ISO_FINGERPRINT_SIZE) == 0);
    iso_assert(iso_avro_check(schema, datum, &why) ==
               iso_avro_check(same, datum, &why));
    iso_avro_free(same);
    iso_buf_release(&text);
    iso_buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iso_bytes input = {data, size};
    struct iso_bytes json = fuzz_take_text(&input);
    struct iso_avro *schema = NULL;
    struct iso_why why = {0};
    if (iso_avro_parse(json, &schema, &why) == ISO_OK)
        canonical_hold(schema, input);
    else
        iso_assert(schema == NULL && why.text[0] != '\0');
    iso_avro_free(schema);
    return 0;
}
