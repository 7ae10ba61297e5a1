/* monitor_kit.h - what the tests of the monitor stand on: a collection of any shape,
 * and the reports that its daemons would make.
 */
#ifndef ISO_TESTS_UNIT_MONITOR_KIT_H
#define ISO_TESTS_UNIT_MONITOR_KIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "monitor/monitor.h"

#define KIT_NOW INT64_C(1700000000000)
enum { EU = 1, US = 2, AP = 3, KIT_STALE_MS = 5000, KIT_STOPPED_MS = 15000 };

struct kit_shape {
    unsigned regions;
    uint32_t partitions;
    bool shared; /* one log, number 1; else log n is region n's */
};

static inline const char *kit_region(unsigned number)
{
    static const char *names[] = {"", "eu", "us", "ap"};
    static char name[16];
    if (number <= AP)
        return names[number];
    snprintf(name, sizeof name, "r%u", number);
    return name;
}

static inline void kit_log_add(struct iso_definition *definition, uint64_t writers)
{
    size_t count = definition->log_count++;
    char topic[ISO_COLLECTION_NAME_MAX + 24];
    snprintf(topic, sizeof topic, "%s.%zu", definition->collection, count + 1);
    definition->logs =
        iso_realloc(definition->logs, (count + 1) * sizeof *definition->logs);
    definition->logs[count] =
        (struct iso_definition_log){.number = (uint16_t)(count + 1),
                                    .cluster = iso_strdup("home"),
                                    .topic = iso_strdup(topic),
                                    .writers = writers,
                                    .birth = UINT64_C(1) << 16};
}

static inline struct iso_definition *kit_definition(const char *collection,
                                                    struct kit_shape shape)
{
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    snprintf(definition->collection, sizeof definition->collection, "%s", collection);
    snprintf(definition->resolver, sizeof definition->resolver, "lww");
    definition->number = 1;
    memset(definition->id, 0x5a, sizeof definition->id);
    definition->partitions = shape.partitions;
    definition->buckets = ISO_BUCKETS_DEFAULT;
    definition->format = ISO_FORMAT_OPAQUE;
    definition->before_max_ms = 86400000;
    definition->after_max_ms = 60000;
    definition->limits = (struct iso_definition_limits){
        .key_max = 384, .value_max = 1000, .header_max = 1024, .read_max = 8};
    definition->regions = iso_alloc_zero(shape.regions, sizeof *definition->regions);
    definition->region_count = shape.regions;
    uint64_t all = 0;
    for (unsigned n = 1; n <= shape.regions; n++) {
        struct iso_definition_region *region = &definition->regions[n - 1];
        region->number = (uint8_t)n;
        snprintf(region->name, sizeof region->name, "%s", kit_region(n));
        all |= UINT64_C(1) << (n - 1);
        if (!shape.shared)
            kit_log_add(definition, UINT64_C(1) << (n - 1));
    }
    if (shape.shared)
        kit_log_add(definition, all);
    return definition;
}

/* ---- what a daemon says ---- */

static inline struct iso_report kit_report(const char *collection, unsigned region,
                                           uint32_t partition)
{
    struct iso_report report = {.region_number = (uint8_t)region,
                                .definition = 1,
                                .at_ms = KIT_NOW,
                                .state = ISO_SLICE_APPLYING};
    snprintf(report.region, sizeof report.region, "%s", kit_region(region));
    snprintf(report.collection, sizeof report.collection, "%s", collection);
    snprintf(report.software, sizeof report.software, "0.1.0");
    memset(report.store, (int)region, sizeof report.store);
    memset(report.slice.definition_id, 0x5a, sizeof report.slice.definition_id);
    report.slice.partition = partition;
    return report;
}

/* It has applied log up to `frontier`, the newest record of `append_ms`. */
static inline void kit_stand(struct iso_report *report, uint16_t number,
                             int64_t frontier, int64_t append_ms)
{
    struct iso_slice_log *log = iso_slice_log_add(&report->slice, number);
    log->frontier = frontier;
    log->append_ms = append_ms;
    log->record_offset = frontier - 1;
}

/* … and counted so many writes of a source there, the newest of `append_ms`. */
static inline void kit_source(struct iso_report *report, uint16_t number,
                              unsigned source, uint64_t writes, int64_t append_ms)
{
    struct iso_slice_source *at =
        iso_slice_source_add(iso_slice_log_add(&report->slice, number), source);
    at->writes = writes;
    at->append_ms = append_ms;
}

static inline int kit_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
