/* definition_sample.h - a definition that breaks no rule, for tests to build upon. */
#ifndef ISO_TESTS_UNIT_DEFINITION_SAMPLE_H
#define ISO_TESTS_UNIT_DEFINITION_SAMPLE_H

#include <check.h>
#include <stdio.h>

#include "base/mem.h"
#include "schema/definition.h"

enum { SAMPLE_PARTITIONS = 4 };

/* Into a field that is an array. */
#define put_text(field, text) snprintf(field, sizeof(field), "%s", text)

static inline struct iso_definition_log sample_log(uint16_t number, const char *topic,
                                                   uint64_t writers)
{
    return (struct iso_definition_log){.number = number,
                                       .cluster = iso_strdup("home"),
                                       .topic = iso_strdup(topic),
                                       .writers = writers,
                                       .birth = 1700000000000u << 16};
}

static inline int64_t *sample_ends(void)
{
    int64_t *ends = iso_alloc(SAMPLE_PARTITIONS * sizeof *ends);
    for (int i = 0; i < SAMPLE_PARTITIONS; i++)
        ends[i] = i * 1000;
    return ends;
}

/* Regions ap 1, eu 2, us 64; log 1 of all, closed; log 2 of eu and us, succeeds 1; log
 * 3 of ap; two schemas. Not yet encoded. */
static inline struct iso_definition *sample_definition(const char *collection,
                                                       uint32_t number)
{
    static const struct iso_definition_region regions[] = {
        {2, "eu"}, {64, "us"}, {1, "ap"}};
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    snprintf(definition->collection, sizeof definition->collection, "%s", collection);
    definition->number = number;
    memset(definition->id, (int)(number % 255 + 1), sizeof definition->id);
    definition->partitions = SAMPLE_PARTITIONS;
    definition->buckets = ISO_BUCKETS_DEFAULT;
    put_text(definition->resolver, "lww");
    definition->format = ISO_FORMAT_AVRO;
    definition->before_max_ms = 24 * 3600 * 1000;
    definition->after_max_ms = 60 * 1000;
    definition->limits = (struct iso_definition_limits){
        ISO_KEY_MAX, ISO_VALUE_MAX, ISO_HEADER_MAX, ISO_DEFINITION_READ_MAX};
    definition->regions = iso_alloc(sizeof regions);
    memcpy(definition->regions, regions, sizeof regions);
    definition->region_count = 3;
    definition->logs = iso_alloc(3 * sizeof definition->logs[0]);
    definition->logs[0] = sample_log(3, "packages-ap", 1);
    definition->logs[1] = sample_log(2, "packages", 2 | UINT64_C(1) << 63);
    definition->logs[1].succeeds = iso_alloc(sizeof(uint16_t));
    definition->logs[1].succeeds[0] = 1;
    definition->logs[1].succeeds_count = 1;
    definition->logs[2] = sample_log(1, "packages", 3 | UINT64_C(1) << 63);
    definition->logs[2].ends = sample_ends();
    definition->log_count = 3;
    definition->schemas = iso_alloc_zero(2, sizeof definition->schemas[0]);
    for (uint8_t i = 0; i < 2; i++)
        definition->schemas[i] = (struct iso_definition_schema){
            {i}, iso_strdup(i ? "\"string\"" : "\"long\""), i == 1, i == 1 ? -7 : 0};
    definition->schema_count = 2;
    return definition;
}

static inline struct iso_definition *sample_encoded(const char *collection,
                                                    uint32_t number)
{
    struct iso_definition *definition = sample_definition(collection, number);
    struct iso_why why = {0};
    ck_assert_msg(iso_definition_encode(definition, &why) == ISO_OK, "%s", why.text);
    return definition;
}

#endif
