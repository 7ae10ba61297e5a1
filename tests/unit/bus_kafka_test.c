/* What is Kafka's own: settings, clusters that are away, and, when ISO_TEST_KAFKA names
 * a server (host:port), what only a real log can do. kcat writes what our publisher
 * never would. */
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/bus.h"

enum { WAIT_MS = 30000, STEP_MS = 50 };

static struct iso_why why;
static struct iso_settings *settings;
static const char *kafka_servers;
static char dead[32]; /* an address that nobody listens at */
static int dead_socket;

/* A port that is bound but not listened to refuses every connection, and nobody else
 * can take it meanwhile. */
static void set_up(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    dead_socket = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(dead_socket, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(getsockname(dead_socket, (struct sockaddr *)&at, &size), 0);
    snprintf(dead, sizeof dead, "127.0.0.1:%d", ntohs(at.sin_port));
    settings = iso_settings_new();
}

static void tear_down(void)
{
    iso_settings_free(settings);
    close(dead_socket);
}

static void set(const char *name, const char *value)
{
    ck_assert_msg(iso_settings_set(settings, name, value, "test", &why) == ISO_OK, "%s",
                  why.text);
}

static struct iso_bus *open_bus(const char *servers)
{
    struct iso_bus *bus;
    set("cluster.home.servers", servers);
    ck_assert_msg(iso_bus_kafka_open(settings, "home", &bus, &why) == ISO_OK, "%s",
                  why.text);
    return bus;
}

static void refused(const char *must_say)
{
    struct iso_bus *bus = NULL;
    ck_assert_int_eq(iso_bus_kafka_open(settings, "home", &bus, &why), ISO_SETTING);
    ck_assert_msg(strstr(why.text, must_say) != NULL, "%s", why.text);
}

START_TEST(a_cluster_without_servers_is_refused)
{
    refused("[cluster home] servers");
    set("cluster.home.kafka.client.rack", "r");
    refused("[cluster home] servers");
}
END_TEST

START_TEST(a_setting_that_librdkafka_does_not_take_is_named)
{
    set("cluster.home.servers", dead);
    set("cluster.home.kafka.socket.timeout.ms", "soon");
    refused("kafka.socket.timeout.ms");
    set("cluster.home.kafka.socket.timeout.ms", "1000");
    set("cluster.home.kafka.no.such.thing", "1");
    refused("kafka.no.such.thing");
}
END_TEST

START_TEST(sasl_without_a_mechanism_is_refused)
{
    set("cluster.home.servers", dead);
    set("cluster.home.kafka.security.protocol", "SASL_SSL");
    refused("sasl.mechanism");
}
END_TEST

START_TEST(an_authority_that_cannot_be_read_is_refused)
{
    set("cluster.home.servers", dead);
    set("cluster.home.kafka.security.protocol", "SSL");
    set("cluster.home.kafka.ssl.ca.location", "/nowhere/ca.pem");
    refused("cluster home");
}
END_TEST

static void check_away(enum iso_err err, int64_t from_ms)
{
    ck_assert_int_eq(err, ISO_UNAVAILABLE);
    ck_assert_msg(strstr(why.text, dead) && strstr(why.text, "check"), "%s", why.text);
    ck_assert_int_lt(iso_steady_ms(&iso_clock_machine) - from_ms, 5000);
}

START_TEST(each_question_to_a_cluster_that_is_away_ends_in_time_and_names_it)
{
    struct iso_bus *bus = open_bus(dead);
    struct iso_position ends = {.topic = "t"};
    int64_t from_ms = iso_steady_ms(&iso_clock_machine);
    int n;
    check_away(iso_bus_brokers(bus, 500, &n, &why), from_ms);
    from_ms = iso_steady_ms(&iso_clock_machine);
    check_away(iso_bus_partitions(bus, "t", 500, &n, &why), from_ms);
    from_ms = iso_steady_ms(&iso_clock_machine);
    check_away(
        iso_bus_topic_create(bus, &(struct iso_topic){"t", 1, 1, NULL, 0}, 500, &why),
        from_ms);
    from_ms = iso_steady_ms(&iso_clock_machine);
    check_away(iso_bus_topic_config(bus, "t", 500, NULL, NULL, &why), from_ms);
    from_ms = iso_steady_ms(&iso_clock_machine);
    check_away(iso_bus_ends(bus, &ends, 1, 500, &why), from_ms);
    struct iso_message message = {.topic = "t"};
    from_ms = iso_steady_ms(&iso_clock_machine);
    check_away(iso_bus_publish(bus, &message, "iso", 500, NULL, &why), from_ms);
    iso_bus_close(bus);
}
END_TEST

static void ignore(void *user, const struct iso_delivery *delivery)
{
    ++*(int *)user;
    ck_assert_int_eq(delivery->fate, ISO_MAYBE_SENT);
    ck_assert_int_eq(delivery->err, ISO_UNAVAILABLE);
}

START_TEST(a_publisher_and_a_reader_of_a_cluster_that_is_away_say_so)
{
    struct iso_bus *bus = open_bus(dead);
    int answered = 0, delivered;
    struct iso_publisher_options sending = {
        .header = "iso", .delivered = ignore, .user = &answered};
    struct iso_reader_options reading = {.header = "iso"};
    struct iso_publisher *publisher;
    struct iso_reader *reader;
    ck_assert_int_eq(iso_publisher_open(bus, &sending, &publisher, &why), ISO_OK);
    ck_assert_int_eq(iso_reader_open(bus, &reading, &reader, &why), ISO_OK);
    ck_assert_int_eq(iso_reader_assign(reader, 0, "t", 0, 0, &why), ISO_OK);
    struct iso_message message = {.topic = "t"};
    ck_assert_int_eq(iso_publisher_send(publisher, &message, &why), ISO_OK);
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + WAIT_MS;
    while (iso_publisher_trouble(publisher, &why) == ISO_OK) {
        ck_assert_int_eq(iso_publisher_poll(publisher, STEP_MS, &delivered, &why),
                         ISO_OK);
        ck_assert_int_lt(iso_steady_ms(&iso_clock_machine), until_ms);
    }
    ck_assert_ptr_nonnull(strstr(why.text, dead));
    const struct iso_record *records;
    size_t count = 0;
    while (count == 0) {
        ck_assert_int_eq(iso_reader_fetch(reader, 9, STEP_MS, &records, &count, &why),
                         ISO_OK);
        ck_assert_int_lt(iso_steady_ms(&iso_clock_machine), until_ms);
    }
    ck_assert_int_eq(records[0].event, ISO_TROUBLE);
    ck_assert_uint_eq(records[0].id, UINT32_MAX);
    ck_assert_int_eq(records[0].err, ISO_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(records[0].text, dead));
    iso_reader_close(reader);
    iso_publisher_close(publisher);
    ck_assert_int_eq(answered, 1);
    iso_bus_close(bus);
}
END_TEST

/* Closing may wait until librdkafka looks at its clock, once a second. */
static void check_commits_closed(const char *servers)
{
    struct iso_bus *bus = open_bus(servers);
    struct iso_reader_options options = {.header = "iso", .group = "g"};
    for (int fetches = 1; fetches <= 16; fetches *= 16) {
        struct iso_reader *reader;
        ck_assert_int_eq(iso_reader_open(bus, &options, &reader, &why), ISO_OK);
        ck_assert_int_eq(iso_reader_assign(reader, 0, "t", 0, 0, &why), ISO_OK);
        for (int i = 0; i < fetches; i++) {
            const struct iso_record *records;
            size_t count;
            int64_t from_ms = iso_steady_ms(&iso_clock_machine);
            iso_reader_commit(reader, (uint32_t[]){0}, (int64_t[]){i}, 1);
            ck_assert_int_lt(iso_steady_ms(&iso_clock_machine) - from_ms, 500);
            ck_assert_int_eq(
                iso_reader_fetch(reader, 9, STEP_MS, &records, &count, &why), ISO_OK);
        }
        int64_t from_ms = iso_steady_ms(&iso_clock_machine);
        iso_reader_close(reader);
        ck_assert_int_lt(iso_steady_ms(&iso_clock_machine) - from_ms, 2000);
    }
    iso_bus_close(bus);
}

START_TEST(a_commit_that_nobody_answers_delays_neither_reading_nor_closing)
{
    check_commits_closed(dead);
    ck_assert_int_eq(listen(dead_socket, 64), 0); /* connects, and says nothing */
    check_commits_closed(dead);
}
END_TEST

/* ---- a real Kafka ---- */

static struct iso_reader *read_topic(struct iso_bus *bus, const char *topic,
                                     const char *group)
{
    struct iso_reader *reader;
    struct iso_reader_options options = {.header = "iso", .group = group};
    ck_assert_int_eq(iso_reader_open(bus, &options, &reader, &why), ISO_OK);
    ck_assert_int_eq(iso_reader_assign(reader, 0, topic, 0, 0, &why), ISO_OK);
    return reader;
}

static const struct iso_record *next_event(struct iso_reader *reader)
{
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + WAIT_MS;
    const struct iso_record *records;
    size_t count = 0;
    while (count == 0 || records->id == UINT32_MAX) {
        ck_assert_int_eq(iso_reader_fetch(reader, 1, STEP_MS, &records, &count, &why),
                         ISO_OK);
        ck_assert_msg(iso_steady_ms(&iso_clock_machine) < until_ms, "nothing came");
    }
    return records;
}

static void make_topic(struct iso_bus *bus, char *topic, size_t size,
                       const struct iso_topic_config *config, size_t count)
{
    snprintf(topic, size, "kafka-%d-%lld", (int)getpid(),
             (long long)iso_now_ms(&iso_clock_machine));
    ck_assert_msg(iso_bus_topic_create(bus,
                                       &(struct iso_topic){topic, 1, 1, config, count},
                                       WAIT_MS, &why) == ISO_OK,
                  "%s", why.text);
}

START_TEST(every_header_of_the_name_is_counted_and_the_last_is_shown)
{
    struct iso_bus *bus = open_bus(kafka_servers);
    char topic[64], command[512];
    make_topic(bus, topic, sizeof topic, NULL, 0);
    snprintf(command, sizeof command,
             "printf 'v\\n' | kcat -P -b %s -t %s -p 0 -H iso=one -H x=y -H iso=two",
             kafka_servers, topic);
    ck_assert_int_eq(system(command), 0);
    struct iso_reader *reader = read_topic(bus, topic, NULL);
    const struct iso_record *record = next_event(reader);
    ck_assert_int_eq(record->event, ISO_RECORD);
    ck_assert_int_eq(record->header_count, 2);
    ck_assert(iso_bytes_equal(record->header, iso_bytes_text("two")));
    ck_assert(!record->has_key);
    iso_reader_close(reader);
    iso_bus_close(bus);
}
END_TEST

START_TEST(an_offset_that_retention_passed_is_a_hole)
{
    struct iso_bus *bus = open_bus(kafka_servers);
    char topic[64];
    struct iso_topic_config config[] = {{"segment.bytes", "200"},
                                        {"retention.bytes", "1"},
                                        {"file.delete.delay.ms", "0"}};
    make_topic(bus, topic, sizeof topic, config, 3);
    struct iso_message message = {
        .topic = topic, .has_value = true, .value = iso_bytes_text("0123456789")};
    struct iso_position ends = {.topic = topic};
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + WAIT_MS;
    do {
        ck_assert_int_eq(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, &why),
                         ISO_OK);
        ck_assert_int_eq(iso_bus_ends(bus, &ends, 1, WAIT_MS, &why), ISO_OK);
        ck_assert_int_lt(iso_steady_ms(&iso_clock_machine), until_ms);
    } while (ends.begin == 0);
    struct iso_reader *reader = read_topic(bus, topic, NULL);
    const struct iso_record *record = next_event(reader);
    ck_assert_int_eq(record->event, ISO_HOLE);
    ck_assert_int_eq(record->offset, 0);
    iso_reader_close(reader);
    iso_bus_close(bus);
}
END_TEST

/* Where a member of the group that is named like its topic would begin, or -1. */
static int committed(const char *topic)
{
    char command[512], text[16] = "", *end = text;
    snprintf(command, sizeof command,
             "timeout 10 kcat -b %s -X auto.offset.reset=earliest -G %s -c 1 -q "
             "-f '%%o\\n' %s 2>/dev/null",
             kafka_servers, topic, topic);
    FILE *out = popen(command, "r");
    ck_assert_ptr_nonnull(out);
    long offset = fgets(text, sizeof text, out) != NULL ? strtol(text, &end, 10) : -1;
    pclose(out);
    return end != text && *end == '\n' ? (int)offset : -1;
}

START_TEST(a_commit_is_for_other_peoples_tools)
{
    struct iso_bus *bus = open_bus(kafka_servers);
    char topic[64];
    make_topic(bus, topic, sizeof topic, NULL, 0);
    struct iso_message message = {.topic = topic};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(iso_bus_publish(bus, &message, "iso", WAIT_MS, NULL, &why),
                         ISO_OK);
    struct iso_reader *reader = read_topic(bus, topic, topic);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(next_event(reader)->offset, i);
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + WAIT_MS;
    do { /* it returns at once, and may fail while the group has no coordinator yet */
        iso_reader_commit(reader, (uint32_t[]){0}, (int64_t[]){2}, 1);
        ck_assert_int_lt(iso_steady_ms(&iso_clock_machine), until_ms);
    } while (committed(topic) != 2);
    /* One is under way, the last waits for its answer, and is not lost by closing. */
    for (int64_t offset = 2; offset >= 0; offset--)
        iso_reader_commit(reader, (uint32_t[]){0}, &offset, 1);
    iso_reader_commit(reader, (uint32_t[]){0}, (int64_t[]){1}, 1);
    iso_reader_close(reader);
    ck_assert_int_eq(committed(topic), 1);
    reader = read_topic(bus, topic, topic); /* never read back */
    ck_assert_int_eq(next_event(reader)->offset, 0);
    iso_reader_close(reader);
    iso_bus_close(bus);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bus: kafka's own");
    TCase *tests = tcase_create("kafka");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_cluster_without_servers_is_refused);
    tcase_add_test(tests, a_setting_that_librdkafka_does_not_take_is_named);
    tcase_add_test(tests, sasl_without_a_mechanism_is_refused);
    tcase_add_test(tests, an_authority_that_cannot_be_read_is_refused);
    tcase_add_test(tests,
                   each_question_to_a_cluster_that_is_away_ends_in_time_and_names_it);
    tcase_add_test(tests, a_publisher_and_a_reader_of_a_cluster_that_is_away_say_so);
    tcase_add_test(tests,
                   a_commit_that_nobody_answers_delays_neither_reading_nor_closing);
    kafka_servers = getenv("ISO_TEST_KAFKA");
    if (kafka_servers != NULL) {
        tcase_add_test(tests,
                       every_header_of_the_name_is_counted_and_the_last_is_shown);
        tcase_add_test(tests, an_offset_that_retention_passed_is_a_hole);
        tcase_add_test(tests, a_commit_is_for_other_peoples_tools);
    } else {
        puts("with a real Kafka: not run, ISO_TEST_KAFKA names no servers");
    }
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
