/* user.avsc has a field of every rule, alone and in a map. */
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

static struct iso_schemas *user_new(const char *json)
{
    struct iso_avro *schema = NULL;
    struct iso_fields *fields = NULL;
    struct iso_why why = {0};
    if (iso_avro_parse(iso_bytes_text(json), &schema, &why) != ISO_OK ||
        iso_fields_new(schema, &fields, &why) != ISO_OK)
        fuzz_broken("user.avsc", &why);
    struct iso_definition_schema named = {.json = iso_strdup(json)};
    struct iso_definition definition = {.format = ISO_FORMAT_AVRO,
                                        .resolver = "fields",
                                        .schemas = &named,
                                        .schema_count = 1};
    iso_avro_fingerprint(schema, named.fingerprint);
    struct iso_schemas *schemas = iso_schemas_new(&definition);
    iso_free(named.json);
    iso_fields_free(fields);
    iso_avro_free(schema);
    return schemas;
}

const struct iso_schemas *fuzz_user(void)
{
    static struct iso_schemas *schemas;
    char json[4096];
    if (schemas != NULL)
        return schemas;
    FILE *file = fopen(ISO_SOURCE_DIR "/tests/fuzz/user.avsc", "r");
    struct iso_why why = {.text = "the file cannot be read"};
    if (file == NULL)
        fuzz_broken("user.avsc", &why);
    json[fread(json, 1, sizeof json - 1, file)] = '\0';
    fclose(file);
    schemas = user_new(json);
    return schemas;
}
