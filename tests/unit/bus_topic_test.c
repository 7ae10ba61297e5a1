/* What bus.h promises of topics, ends and sending, held to every bus. */
#include "tests/unit/bus_world.h"

START_TEST(every_record_gets_one_fate_with_its_offset_and_append_time)
{
    int64_t before_ms = iso_now_ms(&iso_clock_machine);
    publish_numbers(0, 0, 500);
    int64_t after_ms = iso_now_ms(&iso_clock_machine);
    ck_assert_int_eq(fates.count, 500);
    for (int i = 0; i < 500; i++) {
        ck_assert_int_eq(fates.all[i].fate, ISO_SENT);
        ck_assert_int_eq(fates.all[i].err, ISO_OK);
        ck_assert_int_eq(fates.all[i].offset, number_in(fates.all[i].opaque));
        ck_assert_int_ge(fates.all[i].append_ms, before_ms);
        ck_assert_int_le(fates.all[i].append_ms, after_ms);
    }
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

/* Commits id 7 at `first` until it is told so: a commit that fails is forgotten, and
 * the first ones do while the group's broker is looked for. */
static void await_committed(struct iso_reader *reader, const char *group, int64_t first)
{
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + WAIT_MS;
    struct iso_committed told = {topic, 1, -5};
    do {
        const struct iso_record *records;
        size_t count;
        iso_reader_commit(reader, (uint32_t[]){7, 9}, (int64_t[]){first, 0}, 2);
        ck_assert_int_eq(iso_reader_fetch(reader, 1, STEP_MS, &records, &count, &why),
                         ISO_OK);
        ck_assert_msg(iso_bus_committed(bus, group, &told, 1, WAIT_MS, &why) == ISO_OK,
                      "%s", why.text);
        ck_assert_msg(iso_steady_ms(&iso_clock_machine) < until_ms,
                      "%lld, not %lld was committed", (long long)told.next,
                      (long long)first);
    } while (told.next != first);
}

START_TEST(what_a_group_committed_is_told_to_whoever_asks)
{
    char group[80], other[96];
    struct iso_reader *reader = NULL;
    snprintf(group, sizeof group, "isostasy.%s", topic);
    snprintf(other, sizeof other, "%s.other", group);
    struct iso_reader_options options = {
        .client_id = "test", .header = "iso", .group = group};
    ck_assert_int_eq(iso_reader_open(bus, &options, &reader, &why), ISO_OK);
    publish_numbers(1, 0, 17);
    assign(reader, 7, 1, 0);
    assign(reader, 9, 2, 0);
    await_committed(reader, group, 11);
    struct iso_committed told[] = {
        {topic, 2, -5}, {topic, 3, -5}, {"is-not-there", 0, -5}};
    ck_assert_int_eq(iso_bus_committed(bus, group, told, 3, WAIT_MS, &why), ISO_OK);
    ck_assert_int_eq(told[0].next, 0);
    ck_assert_int_eq(told[1].next, -1); /* nobody committed it */
    ck_assert_int_eq(told[2].next, -1);
    await_committed(reader, group, 17);
    ck_assert_int_eq(iso_bus_committed(bus, other, told, 1, WAIT_MS, &why), ISO_OK);
    ck_assert_int_eq(told[0].next, -1);
    iso_reader_close(reader);
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
    ck_assert_msg(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, &why) ==
                      ISO_NOT_FOUND,
                  "%s", why.text);
    message.topic = "no topic";
    ck_assert_int_eq(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, &why),
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
    ck_assert_msg(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, &why) ==
                      ISO_NOT_FOUND,
                  "%s", why.text);
}
END_TEST

START_TEST(a_topic_is_made_once_and_reports_its_settings)
{
    int partitions = 0, brokers = 0;
    ck_assert_int_eq(iso_bus_topic_create(
                         bus, &(struct iso_topic){topic, 1, 1, NULL, 0}, WAIT_MS, &why),
                     ISO_EXISTS);
    ck_assert_int_eq(iso_bus_partitions(bus, topic, WAIT_MS, &partitions, &why),
                     ISO_OK);
    ck_assert_int_eq(partitions, 4);
    ck_assert_int_eq(iso_bus_brokers(bus, WAIT_MS, &brokers, &why), ISO_OK);
    ck_assert_int_ge(brokers, 1);
    char other[64];
    name_topic(other, sizeof other);
    ck_assert_int_eq(iso_bus_topic_create(
                         bus, &(struct iso_topic){other, 1, 9, NULL, 0}, WAIT_MS, &why),
                     ISO_SETTING);
    ck_assert_int_eq(iso_bus_topic_create(
                         bus, &(struct iso_topic){other, 0, 1, NULL, 0}, WAIT_MS, &why),
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

struct seen_config {
    char message_max[32], retention[32];
};

static void keep_config(void *user, const char *name, const char *value)
{
    struct seen_config *seen = user;
    if (strcmp(name, "max.message.bytes") == 0)
        snprintf(seen->message_max, sizeof seen->message_max, "%s", value);
    if (strcmp(name, "retention.ms") == 0)
        snprintf(seen->retention, sizeof seen->retention, "%s", value);
}

static struct seen_config config_seen(void)
{
    struct seen_config seen = {.message_max = "", .retention = ""};
    ck_assert_msg(iso_bus_topic_config(bus, topic, WAIT_MS, keep_config, &seen, &why) ==
                      ISO_OK,
                  "%s", why.text);
    return seen;
}

static void set(const char *name, const char *value)
{
    ck_assert_msg(iso_bus_topic_set(bus, topic, &(struct iso_topic_config){name, value},
                                    WAIT_MS, &why) == ISO_OK,
                  "%s", why.text);
}

START_TEST(one_setting_of_a_topic_changes_and_the_others_stay)
{
    set("retention.ms", "700000000");
    set("max.message.bytes", "2000000");
    struct seen_config seen = config_seen();
    ck_assert_str_eq(seen.message_max, "2000000");
    ck_assert_str_eq(seen.retention, "700000000");
    int found = 0;
    set("retention.ms", "604800000");
    set("max.message.bytes", "1114112");
    ck_assert_int_eq(
        iso_bus_topic_config(bus, topic, WAIT_MS, note_config, &found, &why), ISO_OK);
    ck_assert_int_eq(found, 5);
    char missing[64];
    name_topic(missing, sizeof missing);
    ck_assert_int_eq(iso_bus_topic_set(bus, missing,
                                       &(struct iso_topic_config){"retention.ms", "1"},
                                       WAIT_MS, &why),
                     ISO_NOT_FOUND);
}
END_TEST

START_TEST(a_topic_that_takes_no_bytes_refuses_every_record_and_keeps_those_it_has)
{
    publish_numbers(0, 0, 20);
    set("max.message.bytes", "0");
    publish_numbers(0, 20, 5);
    ck_assert_int_eq(fates.count, 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(fates.all[i].fate, ISO_NOT_SENT);
        ck_assert_int_eq(fates.all[i].err, ISO_TOO_LARGE);
    }
    struct iso_message message = message_of(1, "k", "v", NULL);
    ck_assert_msg(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, &why) ==
                      ISO_TOO_LARGE,
                  "%s", why.text);
    struct iso_position ends[] = {{topic, 0, -5, -5}, {topic, 1, -5, -5}};
    ck_assert_int_eq(iso_bus_ends(bus, ends, 2, WAIT_MS, &why), ISO_OK);
    ck_assert_int_eq(ends[0].end, 20);
    ck_assert_int_eq(ends[1].end, 0);
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
    ck_assert_int_eq(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, &why),
                     ISO_TOO_LARGE);
    iso_free(bytes);
}
END_TEST

START_TEST(what_the_topic_finds_too_large_is_surely_not_sent)
{
    char small[64];
    struct iso_topic_config config = {"max.message.bytes", "2000"};
    name_topic(small, sizeof small);
    ck_assert_int_eq(iso_bus_topic_create(bus,
                                          &(struct iso_topic){small, 1, 1, &config, 1},
                                          WAIT_MS, &why),
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

static void add(TCase *tests)
{
    tcase_add_test(tests, every_record_gets_one_fate_with_its_offset_and_append_time);
    tcase_add_test(tests, ends_say_the_first_record_and_the_next);
    tcase_add_test(tests, what_a_group_committed_is_told_to_whoever_asks);
    tcase_add_test(tests, a_topic_that_is_not_there_is_not_found);
    tcase_add_test(tests, a_partition_that_is_not_there_takes_no_record);
    tcase_add_test(tests, a_topic_is_made_once_and_reports_its_settings);
    tcase_add_test(tests, a_topics_settings_are_those_given_and_the_clusters_defaults);
    tcase_add_test(tests, one_setting_of_a_topic_changes_and_the_others_stay);
    tcase_add_test(
        tests, a_topic_that_takes_no_bytes_refuses_every_record_and_keeps_those_it_has);
    tcase_add_test(tests, a_record_at_the_limit_travels_and_one_above_it_is_refused);
    tcase_add_test(tests, what_the_topic_finds_too_large_is_surely_not_sent);
    tcase_add_test(tests, a_full_queue_says_again_and_takes_more_after_a_poll);
    tcase_add_test(tests, closing_a_publisher_answers_every_record);
}

int main(void)
{
    return run_contracts(add);
}
