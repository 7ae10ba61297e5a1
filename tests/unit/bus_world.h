/* bus_world.h - a bus for the contract tests: in memory, or a real Kafka.
 *
 * A program that includes it defines add_contract and calls run_contracts, which runs
 * the suite over every bus there is: the memory bus always, and Kafka when
 * ISO_TEST_KAFKA names its servers (host:port). Each test has topics of its own.
 */
#ifndef ISO_TESTS_BUS_WORLD_H
#define ISO_TESTS_BUS_WORLD_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bus/memory.h"

enum { WAIT_MS = 20000, STEP_MS = 50, RECORDS_MAX = 4096 };

static const char *kafka_servers; /* NULL: the memory bus */
static struct iso_memory_cluster *cluster;
static struct iso_bus *bus;
static struct iso_why why;
static char topic[64];

/* What the publisher under test reported. */
static struct {
    int count;
    struct iso_delivery last, all[RECORDS_MAX];
} fates;

static inline void remember(void *user, const struct iso_delivery *delivery)
{
    ck_assert_ptr_eq(user, &fates);
    ck_assert_int_lt(fates.count, RECORDS_MAX);
    fates.all[fates.count++] = fates.last = *delivery;
}

static inline void name_topic(char *name, size_t size)
{
    static int n;
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    snprintf(name, size, "test-%d-%d-%08x", (int)getpid(), n++,
             (unsigned)iso_chance_draw(&chance));
}

static inline void make_topic(char *name, size_t size, int partitions,
                              const char *timestamps)
{
    struct iso_topic_config config[] = {{"message.timestamp.type", timestamps},
                                        {"max.message.bytes", "1114112"}};
    name_topic(name, size);
    ck_assert_msg(
        iso_bus_topic_create(bus, &(struct iso_topic){name, partitions, 1, config, 2},
                             WAIT_MS, &why) == ISO_OK,
        "%s", why.text);
}

static inline void open_bus(void)
{
    memset(&fates, 0, sizeof fates);
    if (kafka_servers == NULL) {
        cluster = iso_memory_cluster_new(&iso_clock_machine);
        bus = iso_bus_memory_open(cluster);
    } else {
        struct iso_settings *settings = iso_settings_new();
        ck_assert_int_eq(iso_settings_set(settings, "cluster.home.servers",
                                          kafka_servers, "test", &why),
                         ISO_OK);
        ck_assert_msg(iso_bus_kafka_open(settings, "home", &bus, &why) == ISO_OK, "%s",
                      why.text);
        iso_settings_free(settings);
    }
    make_topic(topic, sizeof topic, 4, "LogAppendTime");
}

static inline void close_bus(void)
{
    iso_bus_close(bus);
    iso_memory_cluster_free(cluster);
}

static inline struct iso_publisher *open_publisher(const char *header,
                                                   int64_t memory_max)
{
    struct iso_publisher *publisher = NULL;
    struct iso_publisher_options options = {.memory_max = memory_max,
                                            .client_id = "test",
                                            .header = header,
                                            .delivered = remember,
                                            .user = &fates};
    ck_assert_int_eq(iso_publisher_open(bus, &options, &publisher, &why), ISO_OK);
    return publisher;
}

static inline struct iso_reader *open_reader(const char *header)
{
    struct iso_reader *reader = NULL;
    struct iso_reader_options options = {.client_id = "test", .header = header};
    ck_assert_int_eq(iso_reader_open(bus, &options, &reader, &why), ISO_OK);
    return reader;
}

static inline void assign(struct iso_reader *reader, uint32_t id, int partition,
                          int64_t offset)
{
    ck_assert_msg(iso_reader_assign(reader, id, topic, partition, offset, &why) ==
                      ISO_OK,
                  "%s", why.text);
}

static inline void await_fates(struct iso_publisher *publisher, int count)
{
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + WAIT_MS;
    while (fates.count < count) {
        int delivered;
        ck_assert_msg(iso_publisher_poll(publisher, STEP_MS, &delivered, &why) ==
                          ISO_OK,
                      "%s", why.text);
        ck_assert_msg(iso_steady_ms(&iso_clock_machine) < until_ms,
                      "%d of %d records were answered", fates.count, count);
    }
}

static inline struct iso_message message_of(int partition, const char *key,
                                            const char *value, const char *header)
{
    struct iso_message message = {.topic = topic,
                                  .partition = partition,
                                  .has_key = key != NULL,
                                  .has_value = value != NULL,
                                  .has_header = header != NULL};
    if (key != NULL)
        message.key = iso_bytes_text(key);
    if (value != NULL)
        message.value = iso_bytes_text(value);
    if (header != NULL)
        message.header = iso_bytes_text(header);
    return message;
}

static inline void publish(struct iso_message message)
{
    ck_assert_msg(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, &why) == ISO_OK,
                  "%s", why.text);
}

/* `count` records whose values are their numbers, from `first` on. */
static inline void publish_numbers(int partition, int first, int count)
{
    static char texts[RECORDS_MAX][12];
    struct iso_publisher *publisher = open_publisher("iso", 0);
    fates.count = 0;
    for (int i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "%d", first + i);
        struct iso_message message = message_of(partition, "k", texts[i], "h");
        message.opaque = texts[i];
        ck_assert_int_eq(iso_publisher_send(publisher, &message, &why), ISO_OK);
    }
    await_fates(publisher, count);
    iso_publisher_close(publisher);
}

static inline int number_in(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);
    ck_assert_msg(end != text && *end == '\0', "'%s' is no number", text);
    return (int)number;
}

static inline int number_of(const struct iso_record *record)
{
    char text[12] = "";
    ck_assert_uint_lt(record->value.size, sizeof text);
    memcpy(text, record->value.data, record->value.size);
    return number_in(text);
}

/* The next event that is no trouble of the cluster's; it lives until the next call. */
static inline const struct iso_record *next_event(struct iso_reader *reader)
{
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + WAIT_MS;
    for (;;) {
        const struct iso_record *records;
        size_t count;
        ck_assert_int_eq(iso_reader_fetch(reader, 1, STEP_MS, &records, &count, &why),
                         ISO_OK);
        ck_assert_uint_le(count, 1);
        if (count == 1 && !(records->event == ISO_TROUBLE && records->id == UINT32_MAX))
            return records;
        ck_assert_msg(iso_steady_ms(&iso_clock_machine) < until_ms, "nothing came");
    }
}

/* One runner a bus: which bus a test is about is a variable of the process. */
static inline int run_contract(const char *name, void (*add)(TCase *tests))
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_bus, close_bus);
    add(tests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

static inline int run_contracts(void (*add)(TCase *tests))
{
    int failed = run_contract("bus: memory", add);
    kafka_servers = getenv("ISO_TEST_KAFKA");
    if (kafka_servers != NULL)
        failed += run_contract("bus: kafka", add);
    else
        puts("bus: kafka: not run, ISO_TEST_KAFKA names no servers");
    return failed == 0 ? 0 : 1;
}

#endif
