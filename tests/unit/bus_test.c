/* The contract of bus.h, held to every bus: the memory bus always, and a real Kafka
 * when ISO_TEST_KAFKA names its servers (host:port). Each test has topics of its own.
 */
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

static void remember(void *user, const struct iso_delivery *delivery)
{
    ck_assert_ptr_eq(user, &fates);
    ck_assert_int_lt(fates.count, RECORDS_MAX);
    fates.all[fates.count++] = fates.last = *delivery;
}

static void name_topic(char *name, size_t size)
{
    static int n;
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    snprintf(name, size, "test-%d-%d-%08x", (int)getpid(), n++,
             (unsigned)iso_chance_draw(&chance));
}

static void make_topic(char *name, size_t size, int partitions, const char *timestamps)
{
    struct iso_topic_config config[] = {{"message.timestamp.type", timestamps},
                                        {"max.message.bytes", "1114112"}};
    name_topic(name, size);
    ck_assert_msg(iso_bus_topic_create(bus, name, partitions, 1, config, 2, WAIT_MS,
                                       &why) == ISO_OK,
                  "%s", why.text);
}

static void open_bus(void)
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

static void close_bus(void)
{
    iso_bus_close(bus);
    iso_memory_cluster_free(cluster);
}

static struct iso_publisher *open_publisher(const char *header, int64_t memory_max)
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

static struct iso_reader *open_reader(const char *header)
{
    struct iso_reader *reader = NULL;
    struct iso_reader_options options = {.client_id = "test", .header = header};
    ck_assert_int_eq(iso_reader_open(bus, &options, &reader, &why), ISO_OK);
    return reader;
}

static void assign(struct iso_reader *reader, uint32_t id, int partition,
                   int64_t offset)
{
    ck_assert_msg(iso_reader_assign(reader, id, topic, partition, offset, &why) ==
                      ISO_OK,
                  "%s", why.text);
}

static void await_fates(struct iso_publisher *publisher, int count)
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

static struct iso_message message_of(int partition, const char *key, const char *value,
                                     const char *header)
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

static void publish(struct iso_message message)
{
    ck_assert_msg(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, NULL, &why) ==
                      ISO_OK,
                  "%s", why.text);
}

/* `count` records whose values are their numbers, from `first` on. */
static void publish_numbers(int partition, int first, int count)
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

static int number_of(const struct iso_record *record)
{
    char text[12] = "";
    ck_assert_uint_lt(record->value.size, sizeof text);
    memcpy(text, record->value.data, record->value.size);
    return atoi(text);
}

/* The next event that is no trouble of the cluster's; it lives until the next call. */
static const struct iso_record *next_event(struct iso_reader *reader)
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

START_TEST(records_come_back_in_order_with_their_offsets_and_bytes)
{
    publish_numbers(2, 0, 1000);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 77, 2, 0);
    for (int i = 0; i < 1000; i++) {
        const struct iso_record *record = next_event(reader);
        ck_assert_int_eq(record->event, ISO_RECORD);
        ck_assert_uint_eq(record->id, 77);
        ck_assert_int_eq(record->offset, i);
        ck_assert_int_eq(number_of(record), i);
        ck_assert(iso_bytes_equal(record->key, iso_bytes_text("k")));
        ck_assert_int_eq(record->header_count, 1);
        ck_assert(iso_bytes_equal(record->header, iso_bytes_text("h")));
    }
    const struct iso_record *end = next_event(reader);
    ck_assert_int_eq(end->event, ISO_AT_END);
    ck_assert_int_eq(end->offset, 1000);
    iso_reader_close(reader);
}
END_TEST

START_TEST(every_record_gets_one_fate_with_its_offset_and_append_time)
{
    int64_t before_ms = iso_now_ms(&iso_clock_machine);
    publish_numbers(0, 0, 500);
    int64_t after_ms = iso_now_ms(&iso_clock_machine);
    ck_assert_int_eq(fates.count, 500);
    for (int i = 0; i < 500; i++) {
        ck_assert_int_eq(fates.all[i].fate, ISO_SENT);
        ck_assert_int_eq(fates.all[i].err, ISO_OK);
        ck_assert_int_eq(fates.all[i].offset, atoi(fates.all[i].opaque));
        ck_assert_int_ge(fates.all[i].append_ms, before_ms);
        ck_assert_int_le(fates.all[i].append_ms, after_ms);
    }
}
END_TEST

START_TEST(the_append_time_is_the_brokers_only_where_the_topic_says_so)
{
    int64_t offset = -1, append_ms = -1;
    struct iso_message message = message_of(0, "k", "v", NULL);
    ck_assert_int_eq(
        iso_bus_publish(bus, &message, "iso", WAIT_MS, &offset, &append_ms, &why),
        ISO_OK);
    ck_assert_int_eq(offset, 0);
    ck_assert_int_gt(append_ms, 0);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 0, 0, 0);
    const struct iso_record *record = next_event(reader);
    ck_assert(record->append_by_broker);
    ck_assert_int_eq(record->append_ms, append_ms);

    char other[64];
    make_topic(other, sizeof other, 1, "CreateTime");
    message.topic = other;
    ck_assert_int_eq(
        iso_bus_publish(bus, &message, "iso", WAIT_MS, &offset, &append_ms, &why),
        ISO_OK);
    ck_assert_int_eq(append_ms, -1);
    ck_assert_int_eq(iso_reader_assign(reader, 0, other, 0, 0, &why), ISO_OK);
    record = next_event(reader);
    ck_assert_int_eq(record->event, ISO_RECORD);
    ck_assert(!record->append_by_broker);
    iso_reader_close(reader);
}
END_TEST

START_TEST(null_and_empty_are_told_apart)
{
    publish(message_of(1, NULL, "v", NULL));
    publish(message_of(1, "", "v", ""));
    publish(message_of(1, "k", NULL, NULL));
    publish(message_of(1, "k", "", "h"));
    struct iso_message bare = message_of(1, NULL, NULL, NULL);
    bare.has_key = bare.has_value = bare.has_header =
        true; /* empty, without a pointer */
    publish(bare);
    static const struct {
        bool key, value;
        int headers;
    } expected[] = {{0, 1, 0}, {1, 1, 1}, {1, 0, 0}, {1, 1, 1}, {1, 1, 1}};
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 0, 1, 0);
    for (int i = 0; i < 5; i++) {
        const struct iso_record *record = next_event(reader);
        ck_assert_int_eq(record->event, ISO_RECORD);
        ck_assert_int_eq(record->has_key, expected[i].key);
        ck_assert_int_eq(record->has_value, expected[i].value);
        ck_assert_int_eq(record->header_count, expected[i].headers);
    }
    iso_reader_close(reader);
}
END_TEST

START_TEST(a_header_of_another_name_is_not_the_readers)
{
    publish(message_of(0, "k", "v", "h"));
    struct iso_reader *reader = open_reader("other");
    assign(reader, 0, 0, 0);
    const struct iso_record *record = next_event(reader);
    ck_assert_int_eq(record->event, ISO_RECORD);
    ck_assert_int_eq(record->header_count, 0);
    ck_assert_uint_eq(record->header.size, 0);
    iso_reader_close(reader);
}
END_TEST

START_TEST(reading_begins_where_it_is_told_and_the_end_is_said_once)
{
    publish_numbers(3, 0, 10);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 5, 3, 7);
    for (int i = 7; i < 10; i++)
        ck_assert_int_eq(number_of(next_event(reader)), i);
    ck_assert_int_eq(next_event(reader)->event, ISO_AT_END);
    publish_numbers(3, 10, 1);
    ck_assert_int_eq(number_of(next_event(reader)), 10); /* not the end again */
    const struct iso_record *end = next_event(reader);
    ck_assert_int_eq(end->event, ISO_AT_END);
    ck_assert_int_eq(end->offset, 11);
    iso_reader_close(reader);
}
END_TEST

START_TEST(a_partition_that_is_empty_is_at_its_end)
{
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 5, 3, 0);
    const struct iso_record *end = next_event(reader);
    ck_assert_int_eq(end->event, ISO_AT_END);
    ck_assert_int_eq(end->offset, 0);
    iso_reader_close(reader);
}
END_TEST

START_TEST(an_offset_that_is_not_in_the_log_is_a_hole_and_stands_until_assigned)
{
    publish_numbers(0, 0, 5);
    publish_numbers(1, 0, 1);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 9, 0, 100);
    const struct iso_record *hole = next_event(reader);
    ck_assert_int_eq(hole->event, ISO_HOLE);
    ck_assert_uint_eq(hole->id, 9);
    ck_assert_int_eq(hole->offset, 100);
    publish_numbers(0, 5, 5);
    assign(reader, 10, 1, 0); /* its events are all that come now */
    ck_assert_uint_eq(next_event(reader)->id, 10);
    ck_assert_uint_eq(next_event(reader)->id, 10);
    assign(reader, 9, 0, 3);
    ck_assert_int_eq(number_of(next_event(reader)), 3);
    iso_reader_close(reader);
}
END_TEST

/* Moves a reader that has fetched ahead to and fro: the first record after a move is
 * the one that was asked for, and they go on from there. */
START_TEST(after_a_move_nothing_of_the_old_position_comes)
{
    publish_numbers(0, 0, 2000);
    publish_numbers(1, 0, 2000);
    struct iso_reader *reader = open_reader("iso");
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, (uint64_t)_i);
    for (int move = 0; move < 60; move++) {
        int from = (int)(iso_chance_draw(&chance) % 1900);
        int partition = (int)(iso_chance_draw(&chance) % 2);
        uint32_t id = (uint32_t)partition;
        if (iso_chance_draw(&chance) % 4 == 0)
            iso_reader_unassign(reader, id, &why);
        assign(reader, id, partition, from);
        int until = from + (int)(iso_chance_draw(&chance) % 50);
        while (from < until) {
            const struct iso_record *record = next_event(reader);
            if (record->id != id)
                continue;
            ck_assert_int_eq(record->event, ISO_RECORD);
            ck_assert_msg(number_of(record) == from, "seed %d, move %d: %d for %d", _i,
                          move, number_of(record), from);
            from++;
        }
    }
    iso_reader_close(reader);
}
END_TEST

START_TEST(what_is_unassigned_is_not_returned)
{
    publish_numbers(0, 0, 100);
    publish_numbers(1, 0, 100);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 0, 0, 0);
    assign(reader, 1, 1, 0);
    next_event(reader);
    ck_assert_int_eq(iso_reader_unassign(reader, 0, &why), ISO_OK);
    for (int seen = 0; seen < 50; seen++)
        ck_assert_uint_eq(next_event(reader)->id, 1);
    ck_assert_int_eq(iso_reader_unassign(reader, 0, &why), ISO_NOT_FOUND);
    iso_reader_close(reader);
}
END_TEST

START_TEST(one_partition_has_one_reader_and_an_id_can_move)
{
    publish_numbers(0, 0, 3);
    publish_numbers(1, 100, 3);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 4, 0, 0);
    ck_assert_int_eq(iso_reader_assign(reader, 5, topic, 0, 0, &why), ISO_EXISTS);
    assign(reader, 4, 1, 1); /* lets partition 0 go */
    ck_assert_int_eq(number_of(next_event(reader)), 101);
    assign(reader, 5, 0, 2);
    int seen = 0;
    while (seen < 2) {
        const struct iso_record *record = next_event(reader);
        if (record->event != ISO_RECORD)
            continue;
        ck_assert_int_eq(number_of(record), record->id == 4 ? 102 : 2);
        seen++;
    }
    iso_reader_close(reader);
}
END_TEST

START_TEST(no_partition_starves)
{
    for (int i = 0; i < 4; i++)
        publish_numbers(i, 0, 300);
    struct iso_reader *reader = open_reader("iso");
    for (int i = 0; i < 4; i++)
        assign(reader, (uint32_t)i, i, 0);
    int next[4] = {0}, at_end = 0;
    while (at_end < 4) {
        const struct iso_record *record = next_event(reader);
        if (record->event == ISO_AT_END)
            at_end++;
        else
            ck_assert_int_eq(number_of(record), next[record->id]++);
    }
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(next[i], 300);
    iso_reader_close(reader);
}
END_TEST

START_TEST(ends_say_the_first_record_and_the_next)
{
    publish_numbers(1, 0, 17);
    struct iso_position ends[] = {{topic, 0, -5, -5}, {topic, 1, -5, -5}};
    ck_assert_msg(iso_bus_ends(bus, ends, 2, WAIT_MS, &why) == ISO_OK, "%s", why.text);
    ck_assert_int_eq(ends[0].begin, 0);
    ck_assert_int_eq(ends[0].end, 0);
    ck_assert_int_eq(ends[1].begin, 0);
    ck_assert_int_eq(ends[1].end, 17);
    struct iso_position beyond = {topic, 4, 0, 0};
    ck_assert_int_eq(iso_bus_ends(bus, &beyond, 1, WAIT_MS, &why), ISO_NOT_FOUND);
    ck_assert_msg(strstr(why.text, topic) != NULL, "%s", why.text);
}
END_TEST

START_TEST(a_topic_that_is_not_there_is_not_found)
{
    char missing[64];
    int partitions = 0;
    name_topic(missing, sizeof missing);
    ck_assert_int_eq(iso_bus_partitions(bus, missing, WAIT_MS, &partitions, &why),
                     ISO_NOT_FOUND);
    ck_assert_msg(strstr(why.text, missing) && strstr(why.text, "create"), "%s",
                  why.text);
    struct iso_position ends = {missing, 0, 0, 0};
    ck_assert_int_eq(iso_bus_ends(bus, &ends, 1, WAIT_MS, &why), ISO_NOT_FOUND);
    struct iso_message message = message_of(0, "k", "v", NULL);
    message.topic = missing;
    ck_assert_msg(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, NULL, &why) ==
                      ISO_NOT_FOUND,
                  "%s", why.text);
    message.topic = "no topic";
    ck_assert_int_eq(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, NULL, &why),
                     ISO_USAGE);
    struct iso_reader *reader = open_reader("iso");
    ck_assert_int_eq(iso_reader_assign(reader, 3, missing, 0, 0, &why), ISO_OK);
    const struct iso_record *trouble = next_event(reader);
    ck_assert_int_eq(trouble->event, ISO_TROUBLE);
    ck_assert_int_eq(trouble->err, ISO_NOT_FOUND);
    ck_assert_uint_eq(trouble->id, 3);
    ck_assert_uint_gt(strlen(trouble->text), 0);
    iso_reader_close(reader);
}
END_TEST

START_TEST(a_partition_that_is_not_there_takes_no_record)
{
    struct iso_message message = message_of(4, "k", "v", NULL);
    ck_assert_msg(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, NULL, &why) ==
                      ISO_NOT_FOUND,
                  "%s", why.text);
}
END_TEST

START_TEST(a_topic_is_made_once_and_reports_its_settings)
{
    int partitions = 0, brokers = 0;
    ck_assert_int_eq(iso_bus_topic_create(bus, topic, 1, 1, NULL, 0, WAIT_MS, &why),
                     ISO_EXISTS);
    ck_assert_int_eq(iso_bus_partitions(bus, topic, WAIT_MS, &partitions, &why),
                     ISO_OK);
    ck_assert_int_eq(partitions, 4);
    ck_assert_int_eq(iso_bus_brokers(bus, WAIT_MS, &brokers, &why), ISO_OK);
    ck_assert_int_ge(brokers, 1);
    char other[64];
    name_topic(other, sizeof other);
    ck_assert_int_eq(iso_bus_topic_create(bus, other, 1, 9, NULL, 0, WAIT_MS, &why),
                     ISO_SETTING);
    ck_assert_int_eq(iso_bus_topic_create(bus, other, 0, 1, NULL, 0, WAIT_MS, &why),
                     ISO_USAGE);
}
END_TEST

static void note_config(void *user, const char *name, const char *value)
{
    static const struct iso_topic_config expected[] = {
        {"cleanup.policy", "delete"},  {"message.timestamp.type", "LogAppendTime"},
        {"retention.ms", "604800000"}, {"max.message.bytes", "1114112"},
        {"min.insync.replicas", "1"},
    };
    int *found = user;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (strcmp(name, expected[i].name) == 0) {
            ck_assert_str_eq(value, expected[i].value);
            ++*found;
        }
    }
}

START_TEST(a_topics_settings_are_those_given_and_the_clusters_defaults)
{
    int found = 0;
    ck_assert_msg(
        iso_bus_topic_config(bus, topic, WAIT_MS, note_config, &found, &why) == ISO_OK,
        "%s", why.text);
    ck_assert_int_eq(found, 5);
    char missing[64];
    name_topic(missing, sizeof missing);
    ck_assert_int_eq(
        iso_bus_topic_config(bus, missing, WAIT_MS, note_config, &found, &why),
        ISO_NOT_FOUND);
}
END_TEST

/* With what does not compress away. */
static void fill(uint8_t *bytes, size_t size)
{
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)iso_chance_draw(&chance);
}

START_TEST(a_record_at_the_limit_travels_and_one_above_it_is_refused)
{
    size_t size = ISO_MESSAGE_MAX - 1024;
    uint8_t *bytes = iso_alloc(size + 1);
    fill(bytes, size);
    struct iso_message message = message_of(0, NULL, NULL, NULL);
    message.has_value = true;
    message.value = iso_bytes(bytes, size);
    publish(message);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 0, 0, 0);
    const struct iso_record *record = next_event(reader);
    ck_assert_int_eq(record->event, ISO_RECORD);
    ck_assert(iso_bytes_equal(record->value, message.value));
    iso_reader_close(reader);
    message.value.size++;
    ck_assert_int_eq(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, NULL, &why),
                     ISO_TOO_LARGE);
    iso_free(bytes);
}
END_TEST

START_TEST(what_the_topic_finds_too_large_is_surely_not_sent)
{
    char small[64];
    struct iso_topic_config config = {"max.message.bytes", "2000"};
    name_topic(small, sizeof small);
    ck_assert_int_eq(iso_bus_topic_create(bus, small, 1, 1, &config, 1, WAIT_MS, &why),
                     ISO_OK);
    uint8_t bytes[4000];
    fill(bytes, sizeof bytes);
    struct iso_publisher *publisher = open_publisher("iso", 0);
    struct iso_message message = message_of(0, NULL, NULL, NULL);
    message.topic = small;
    message.has_value = true;
    message.value = iso_bytes(bytes, sizeof bytes);
    ck_assert_int_eq(iso_publisher_send(publisher, &message, &why), ISO_OK);
    await_fates(publisher, 1);
    ck_assert_int_eq(fates.last.fate, ISO_NOT_SENT);
    ck_assert_int_eq(fates.last.err, ISO_TOO_LARGE);
    iso_publisher_close(publisher);
}
END_TEST

START_TEST(a_full_queue_says_again_and_takes_more_after_a_poll)
{
    static char value[1024];
    struct iso_publisher *publisher = open_publisher("iso", 64 * 1024);
    struct iso_message message = message_of(0, NULL, NULL, NULL);
    message.has_value = true;
    message.value = iso_bytes(value, sizeof value);
    int sent = 0;
    enum iso_err err;
    while ((err = iso_publisher_send(publisher, &message, &why)) == ISO_OK)
        ck_assert_int_lt(sent++, 200);
    ck_assert_int_eq(err, ISO_AGAIN);
    ck_assert_int_gt(sent, 20);
    await_fates(publisher, sent);
    ck_assert_int_eq(iso_publisher_send(publisher, &message, &why), ISO_OK);
    await_fates(publisher, sent + 1);
    iso_publisher_close(publisher);
}
END_TEST

START_TEST(closing_a_publisher_answers_every_record)
{
    struct iso_publisher *publisher = open_publisher("iso", 0);
    for (int i = 0; i < 300; i++) {
        struct iso_message message = message_of(i % 4, "k", "v", NULL);
        ck_assert_int_eq(iso_publisher_send(publisher, &message, &why), ISO_OK);
    }
    iso_publisher_close(publisher);
    ck_assert_int_eq(fates.count, 300);
    for (int i = 0; i < 300; i++)
        ck_assert_int_ne(fates.all[i].fate, ISO_NOT_SENT);
    iso_publisher_close(NULL);
    iso_reader_close(NULL);
    iso_bus_close(NULL);
}
END_TEST

static enum iso_err each_number(void *user, const struct iso_record *record,
                                struct iso_why *out)
{
    int *next = user;
    if (number_of(record) == 13)
        return iso_fail(out, ISO_REFUSED, "thirteen");
    ck_assert_int_eq(number_of(record), (*next)++);
    return ISO_OK;
}

START_TEST(reading_to_the_end_sees_every_record_and_says_where_to_go_on)
{
    int number = 3;
    int64_t next = -1;
    publish_numbers(2, 0, 10);
    ck_assert_msg(iso_bus_read(bus, topic, 2, 3, WAIT_MS, each_number, &number, &next,
                               &why) == ISO_OK,
                  "%s", why.text);
    ck_assert_int_eq(number, 10);
    ck_assert_int_eq(next, 10);
    ck_assert_int_eq(
        iso_bus_read(bus, topic, 2, 10, WAIT_MS, each_number, &number, NULL, &why),
        ISO_OK);
    publish_numbers(2, 10, 10);
    ck_assert_int_eq(
        iso_bus_read(bus, topic, 2, 10, WAIT_MS, each_number, &number, &next, &why),
        ISO_REFUSED);
    ck_assert_str_eq(why.text, "thirteen");
    ck_assert_int_eq(next, 14);
    ck_assert_int_eq(
        iso_bus_read(bus, topic, 2, 21, WAIT_MS, each_number, &number, NULL, &why),
        ISO_NOT_FOUND);
    ck_assert_int_eq(
        iso_bus_read(bus, topic, 9, 0, WAIT_MS, each_number, &number, NULL, &why),
        ISO_NOT_FOUND);
}
END_TEST

static void add_contract(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_bus, close_bus);
    tcase_add_test(tests, records_come_back_in_order_with_their_offsets_and_bytes);
    tcase_add_test(tests, every_record_gets_one_fate_with_its_offset_and_append_time);
    tcase_add_test(tests, the_append_time_is_the_brokers_only_where_the_topic_says_so);
    tcase_add_test(tests, null_and_empty_are_told_apart);
    tcase_add_test(tests, a_header_of_another_name_is_not_the_readers);
    tcase_add_test(tests, reading_begins_where_it_is_told_and_the_end_is_said_once);
    tcase_add_test(tests, a_partition_that_is_empty_is_at_its_end);
    tcase_add_test(
        tests, an_offset_that_is_not_in_the_log_is_a_hole_and_stands_until_assigned);
    tcase_add_loop_test(tests, after_a_move_nothing_of_the_old_position_comes, 1, 4);
    tcase_add_test(tests, what_is_unassigned_is_not_returned);
    tcase_add_test(tests, one_partition_has_one_reader_and_an_id_can_move);
    tcase_add_test(tests, no_partition_starves);
    tcase_add_test(tests, ends_say_the_first_record_and_the_next);
    tcase_add_test(tests, a_topic_that_is_not_there_is_not_found);
    tcase_add_test(tests, a_partition_that_is_not_there_takes_no_record);
    tcase_add_test(tests, a_topic_is_made_once_and_reports_its_settings);
    tcase_add_test(tests, a_topics_settings_are_those_given_and_the_clusters_defaults);
    tcase_add_test(tests, a_record_at_the_limit_travels_and_one_above_it_is_refused);
    tcase_add_test(tests, what_the_topic_finds_too_large_is_surely_not_sent);
    tcase_add_test(tests, a_full_queue_says_again_and_takes_more_after_a_poll);
    tcase_add_test(tests, closing_a_publisher_answers_every_record);
    tcase_add_test(tests, reading_to_the_end_sees_every_record_and_says_where_to_go_on);
    suite_add_tcase(suite, tests);
}

/* One runner a bus: which bus a test is about is a variable of the process. */
static int run_contract(const char *name)
{
    Suite *suite = suite_create(name);
    add_contract(suite, name);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

int main(void)
{
    int failed = run_contract("bus: memory");
    kafka_servers = getenv("ISO_TEST_KAFKA");
    if (kafka_servers != NULL)
        failed += run_contract("bus: kafka");
    else
        puts("bus: kafka: not run, ISO_TEST_KAFKA names no servers");
    return failed == 0 ? 0 : 1;
}
