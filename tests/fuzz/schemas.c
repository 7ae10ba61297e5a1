/* schemas.txt has one schema a line, which together have everything in them: every
 * kind, recursion with an end and without, values that take no bytes, and versions of
 * one record that a datum can be read across. Inputs of the corpus name them by their
 * place, so a new one goes to the end. */
#include "tests/fuzz/fuzz.h"

enum { SCHEMAS_MAX = 64 };

static struct iso_avro *schemas[SCHEMAS_MAX];

static unsigned schemas_read(void)
{
    unsigned count = 0;
    char *line = NULL;
    size_t room = 0;
    struct iso_why why = {.text = "the file cannot be read"};
    FILE *file = fopen(ISO_SOURCE_DIR "/tests/fuzz/schemas.txt", "r");
    if (file == NULL)
        fuzz_broken("schemas.txt", &why);
    while (count < SCHEMAS_MAX && getline(&line, &room, file) > 0)
        if (iso_avro_parse(iso_bytes_text(line), &schemas[count++], &why) != ISO_OK)
            fuzz_broken(line, &why);
    free(line);
    fclose(file);
    return count;
}

const struct iso_avro *fuzz_schema(unsigned n)
{
    static unsigned count;
    if (count == 0)
        count = schemas_read();
    return schemas[n % count];
}
