/* The .avsc files themselves stand in the program, put there by the assembler, so there
 * is no second copy to keep equal. The compiler's include path, which it hands on, has
 * the project's root. They are parsed at the first use of any; one that does not parse
 * is our own mistake, found by the first test that runs. */
#include <pthread.h>

#include "schema/avro.h"

#define AVSC_EMBED(name)                           \
    __asm__(".pushsection .rodata\n"               \
            "iso_avsc_" #name "_begin:\n"          \
            ".incbin \"schema/" #name ".avsc\"\n"  \
            "iso_avsc_" #name "_end:\n"            \
            ".popsection\n");                      \
    extern const uint8_t iso_avsc_##name##_begin[] \
        __attribute__((visibility("hidden")));     \
    extern const uint8_t iso_avsc_##name##_end[] __attribute__((visibility("hidden")))

AVSC_EMBED(write);
AVSC_EMBED(collection);
AVSC_EMBED(region);
AVSC_EMBED(report);
AVSC_EMBED(dead_letter);
AVSC_EMBED(patch);
AVSC_EMBED(health);

#define AVSC_ROW(name)                                 \
    {                                                  \
        iso_avsc_##name##_begin, iso_avsc_##name##_end \
    }

static const struct avsc_row {
    const uint8_t *begin, *end;
} avsc_rows[ISO_AVSC_COUNT] = {
    [ISO_AVSC_WRITE] = AVSC_ROW(write),
    [ISO_AVSC_COLLECTION] = AVSC_ROW(collection),
    [ISO_AVSC_REGION] = AVSC_ROW(region),
    [ISO_AVSC_REPORT] = AVSC_ROW(report),
    [ISO_AVSC_DEAD_LETTER] = AVSC_ROW(dead_letter),
    [ISO_AVSC_PATCH] = AVSC_ROW(patch),
    [ISO_AVSC_HEALTH] = AVSC_ROW(health),
};

static struct iso_avro *avsc_parsed[ISO_AVSC_COUNT];
static pthread_once_t avsc_once = PTHREAD_ONCE_INIT;

struct iso_bytes iso_avsc_json(enum iso_avsc avsc)
{
    iso_assert((unsigned)avsc < ISO_AVSC_COUNT);
    const struct avsc_row *row = &avsc_rows[avsc];
    return iso_bytes(row->begin, (size_t)(row->end - row->begin));
}

static void avsc_parse(void)
{
    for (unsigned i = 0; i < ISO_AVSC_COUNT; i++) {
        struct iso_bytes json = iso_avsc_json((enum iso_avsc)i);
        iso_assert(iso_avro_parse(json, &avsc_parsed[i], NULL) == ISO_OK);
    }
}

const struct iso_avro *iso_avsc(enum iso_avsc avsc)
{
    iso_assert((unsigned)avsc < ISO_AVSC_COUNT);
    pthread_once(&avsc_once, avsc_parse);
    return avsc_parsed[avsc];
}
