/* producer_ground.h - what the tests of the producer stand on: a memory cluster with a
 * clock that is turned by hand, a collection of a few slices, a log that a second bus
 * reads back, and a record of every acknowledgement.
 */
#ifndef ISO_TESTS_PRODUCER_GROUND_H
#define ISO_TESTS_PRODUCER_GROUND_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "bus/memory.h"
#include "producer/producer.h"
#include "schema/context.h"
#include "schema/definition.h"

#define GROUND_NOW_MS INT64_C(1700000000000)
#define GROUND_BEFORE_MAX_MS INT64_C(86400000)
#define GROUND_AFTER_MAX_MS INT64_C(60000)
enum { GROUND_LOG = 7, GROUND_REGION = 3, GROUND_PARTITIONS = 4 };

#define ck_ok(call)                                                             \
    do {                                                                        \
        enum iso_err ck_err = (call);                                           \
        ck_assert_msg(ck_err == ISO_OK, "%s: %s", #call, iso_err_name(ck_err)); \
    } while (0)
#define ck_err(call, expected)                                       \
    do {                                                             \
        enum iso_err ck_got = (call);                                \
        ck_assert_msg(ck_got == (expected), "%s: %s, not %s", #call, \
                      iso_err_name(ck_got), iso_err_name(expected)); \
    } while (0)

struct ground_ack {
    struct iso_ack ack;
    char text[512];
};

struct ground {
    struct iso_clock_manual clock;  /* the producer's */
    struct iso_clock_manual broker; /* the cluster's */
    struct iso_memory_cluster *cluster;
    struct iso_bus *bus, *other; /* the producer's; one that nobody cuts */
    struct iso_definition *definition;
    struct iso_chance chance;
    struct iso_producer_ground ground;
    struct iso_producer *producer;
    struct ground_ack *acks;
    size_t ack_count, ack_room;
    struct iso_why why;
};

static inline struct iso_definition *ground_definition(uint32_t partitions)
{
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    memcpy(definition->collection, "packages", sizeof "packages");
    memcpy(definition->resolver, "lww", sizeof "lww");
    definition->number = 1;
    memset(definition->id, 0x5a, sizeof definition->id);
    definition->partitions = partitions;
    definition->buckets = ISO_BUCKETS_DEFAULT;
    definition->format = ISO_FORMAT_OPAQUE;
    definition->before_max_ms = GROUND_BEFORE_MAX_MS;
    definition->after_max_ms = GROUND_AFTER_MAX_MS;
    definition->limits = (struct iso_definition_limits){
        .key_max = 384, .value_max = 1000, .header_max = 1024, .read_max = 8};
    definition->regions = iso_alloc_zero(1, sizeof *definition->regions);
    definition->region_count = 1;
    definition->regions[0].number = GROUND_REGION;
    memcpy(definition->regions[0].name, "eu", sizeof "eu");
    definition->logs = iso_alloc_zero(1, sizeof *definition->logs);
    definition->log_count = 1;
    definition->logs[0].number = GROUND_LOG;
    definition->logs[0].cluster = iso_strdup("home");
    definition->logs[0].topic = iso_strdup("packages");
    definition->logs[0].writers = UINT64_C(1) << (GROUND_REGION - 1);
    definition->logs[0].birth = iso_hlc_of_ms(GROUND_NOW_MS - 1000);
    struct iso_why why;
    ck_assert_msg(iso_definition_encode(definition, &why) == ISO_OK, "%s", why.text);
    return definition;
}

static inline void ground_acknowledged(void *user, const struct iso_ack *ack)
{
    struct ground *ground = user;
    if (ground->ack_count == ground->ack_room) {
        ground->ack_room = ground->ack_room * 2 + 64;
        ground->acks = realloc(ground->acks, ground->ack_room * sizeof ground->acks[0]);
    }
    struct ground_ack *kept = &ground->acks[ground->ack_count++];
    kept->ack = *ack;
    snprintf(kept->text, sizeof kept->text, "%s", ack->text);
}

static inline void ground_producer_open(struct ground *ground)
{
    struct iso_producer_options options = {
        .region = "eu", .acknowledged = ground_acknowledged, .user = ground};
    ck_ok(iso_producer_open_on(&ground->ground, &options, &ground->producer,
                               &ground->why));
}

/* `timestamp`: the topic's message.timestamp.type; `message_max`: its
 * max.message.bytes. */
static inline void ground_init_topic(struct ground *ground, uint32_t partitions,
                                     const char *timestamp, const char *message_max)
{
    *ground = (struct ground){0};
    iso_clock_manual_init(&ground->clock, GROUND_NOW_MS);
    iso_clock_manual_init(&ground->broker, GROUND_NOW_MS);
    ground->cluster = iso_memory_cluster_new(&ground->broker.clock);
    ground->bus = iso_bus_memory_open(ground->cluster);
    ground->other = iso_bus_memory_open(ground->cluster);
    ground->definition = ground_definition(partitions);
    iso_chance_seeded_init(&ground->chance, 42);
    struct iso_topic_config config[] = {{"message.timestamp.type", timestamp},
                                        {"max.message.bytes", message_max}};
    ck_ok(iso_bus_topic_create(
        ground->other, &(struct iso_topic){"packages", (int)partitions, 1, config, 2},
        1000, &ground->why));
    ground->ground = (struct iso_producer_ground){.bus = ground->bus,
                                                  .definition = ground->definition,
                                                  .region = GROUND_REGION,
                                                  .clock = &ground->clock.clock,
                                                  .chance = &ground->chance,
                                                  .queue_max = 16 << 20,
                                                  .pending_max = 100000};
}

static inline void ground_init(struct ground *ground, uint32_t partitions)
{
    ground_init_topic(ground, partitions, "LogAppendTime", "1114112");
    ground_producer_open(ground);
}

static inline void ground_release(struct ground *ground)
{
    iso_producer_close(ground->producer);
    iso_definition_free(ground->definition);
    iso_bus_close(ground->other);
    iso_bus_close(ground->bus);
    iso_memory_cluster_free(ground->cluster);
    free(ground->acks);
}

static inline enum iso_err ground_put(struct ground *ground, const char *key,
                                      const char *value)
{
    return iso_producer_put(ground->producer, iso_bytes_text(key),
                            iso_bytes_text(value), NULL, &ground->why);
}

/* ---- the log, as any reader sees it ---- */

struct ground_record {
    struct iso_write write;
    struct iso_buf key, value, header;
    bool has_key, has_value;
    int64_t offset, append_ms;
};

struct ground_log {
    struct ground_record *records;
    size_t count;
};

static inline enum iso_err ground_log_each(void *user, const struct iso_record *record,
                                           struct iso_why *why)
{
    struct ground_log *log = user;
    log->records = realloc(log->records, (log->count + 1) * sizeof log->records[0]);
    struct ground_record *kept = &log->records[log->count++];
    *kept = (struct ground_record){.has_key = record->has_key,
                                   .has_value = record->has_value,
                                   .offset = record->offset,
                                   .append_ms = record->append_ms};
    iso_buf_add_bytes(&kept->key, record->key);
    iso_buf_add_bytes(&kept->value, record->value);
    iso_buf_add_bytes(&kept->header, record->header);
    struct iso_buf scratch = {0};
    enum iso_err err =
        iso_write_decode(iso_buf_bytes(&kept->header), &scratch, &kept->write, why);
    iso_buf_release(&scratch);
    return err;
}

static inline void ground_log_read(struct ground *ground, int partition,
                                   struct ground_log *log)
{
    *log = (struct ground_log){0};
    enum iso_err err = iso_bus_read(ground->other,
                                    &(struct iso_walk){.topic = "packages",
                                                       .partition = partition,
                                                       .timeout_ms = 1000,
                                                       .each = ground_log_each,
                                                       .user = log},
                                    NULL, &ground->why);
    ck_assert_msg(err == ISO_OK, "%s", ground->why.text);
}

static inline void ground_log_release(struct ground_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        iso_buf_release(&log->records[i].key);
        iso_buf_release(&log->records[i].value);
        iso_buf_release(&log->records[i].header);
    }
    free(log->records);
    *log = (struct ground_log){0};
}

static inline bool ground_record_same(const struct ground_record *a,
                                      const struct ground_record *b)
{
    return a->has_key == b->has_key && a->has_value == b->has_value &&
           iso_bytes_equal(iso_buf_bytes(&a->key), iso_buf_bytes(&b->key)) &&
           iso_bytes_equal(iso_buf_bytes(&a->value), iso_buf_bytes(&b->value)) &&
           iso_bytes_equal(iso_buf_bytes(&a->header), iso_buf_bytes(&b->header));
}

static inline void ground_flush(struct ground *ground)
{
    enum iso_err err = iso_producer_flush(ground->producer, 5000, &ground->why);
    ck_assert_msg(err == ISO_OK, "%s", ground->why.text);
}

static inline int ground_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
