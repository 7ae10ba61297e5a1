/* A partition that has no leader for a moment: librdkafka's own mock cluster says so,
 * and then names one again. Whoever asked meanwhile has to hear of it. */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/bus.h"

enum { WAIT_MS = 20000, AWAY_MS = 300, TOPICS = 3 };

static const char *const topics[TOPICS] = {"one", "two", "three"};
static struct iso_why why;
static rd_kafka_t *host; /* the mock cluster lives in it */
static rd_kafka_mock_cluster_t *cluster;
static struct iso_settings *settings;
static struct iso_bus *bus;
static _Atomic bool led;

static void leader_set(int32_t broker)
{
    for (int i = 0; i < TOPICS; i++)
        ck_assert_int_eq(
            rd_kafka_mock_partition_set_leader(cluster, topics[i], 0, broker), 0);
    led = broker >= 0;
}

static void set_up(void)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text), 0);
    host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    ck_assert_ptr_nonnull(host);
    cluster = rd_kafka_mock_cluster_new(host, 1);
    for (int i = 0; i < TOPICS; i++)
        ck_assert_int_eq(rd_kafka_mock_topic_create(cluster, topics[i], 1, 1), 0);
    settings = iso_settings_new();
    ck_assert_int_eq(iso_settings_set(settings, "cluster.home.servers",
                                      rd_kafka_mock_cluster_bootstraps(cluster), "test",
                                      &why),
                     ISO_OK);
    ck_assert_int_eq(iso_bus_kafka_open(settings, "home", &bus, &why), ISO_OK);
}

static void tear_down(void)
{
    iso_bus_close(bus);
    iso_settings_free(settings);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
}

/* The leaders are back when somebody has asked in vain for AWAY_MS. */
static void *bring_back(void *user)
{
    (void)user;
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + AWAY_MS;
    int brokers;
    while (iso_steady_ms(&iso_clock_machine) < until_ms)
        (void)iso_bus_brokers(bus, 50, &brokers, NULL);
    leader_set(1);
    return NULL;
}

START_TEST(ends_are_told_soon_after_a_leader_is_back)
{
    leader_set(-1);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, bring_back, NULL), 0);
    struct iso_position positions[TOPICS] = {0};
    for (int i = 0; i < TOPICS; i++)
        positions[i].topic = topics[i];
    enum iso_err err = iso_bus_ends(bus, positions, TOPICS, WAIT_MS, &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    ck_assert_msg(led, "it was told while nobody led");
    pthread_join(thread, NULL);
    for (int i = 0; i < TOPICS; i++)
        ck_assert_int_eq(positions[i].end, 0);
}
END_TEST

START_TEST(without_a_leader_the_deadline_holds)
{
    leader_set(-1);
    struct iso_position position = {.topic = topics[0]};
    ck_assert_int_eq(iso_bus_ends(bus, &position, 1, AWAY_MS, &why), ISO_UNAVAILABLE);
    ck_assert_msg(strstr(why.text, "Leader not available") != NULL, "%s", why.text);
}
END_TEST

/* ---- who writes and reads meanwhile ---- */

static void answered(void *user, const struct iso_delivery *delivery)
{
    ck_assert_int_eq(delivery->fate, ISO_SENT);
    ++*(int *)user;
}

static void publish(struct iso_publisher *publisher, const int *answers)
{
    int before = *answers;
    struct iso_message message = {.topic = topics[0],
                                  .has_key = true,
                                  .key = {(const uint8_t *)"k", 1},
                                  .has_value = true,
                                  .value = {(const uint8_t *)"v", 1}};
    ck_assert_int_eq(iso_publisher_send(publisher, &message, &why), ISO_OK);
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + WAIT_MS;
    while (*answers == before) {
        ck_assert_msg(iso_steady_ms(&iso_clock_machine) < until_ms, "no answer");
        int delivered;
        ck_assert_int_eq(iso_publisher_poll(publisher, 50, &delivered, &why), ISO_OK);
        if (!led)
            leader_set(1); /* it was sent while nobody led */
    }
}

START_TEST(who_writes_and_reads_goes_on_when_a_leader_is_back)
{
    int answers = 0;
    struct iso_publisher *publisher;
    struct iso_publisher_options writes = {
        .header = "iso", .delivered = answered, .user = &answers};
    ck_assert_int_eq(iso_publisher_open(bus, &writes, &publisher, &why), ISO_OK);
    struct iso_reader *reader;
    struct iso_reader_options reads = {.header = "iso"};
    ck_assert_int_eq(iso_reader_open(bus, &reads, &reader, &why), ISO_OK);
    ck_assert_int_eq(iso_reader_assign(reader, 7, topics[0], 0, 0, &why), ISO_OK);
    publish(publisher, &answers);
    leader_set(-1);
    publish(publisher, &answers);
    int records = 0;
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + WAIT_MS;
    while (records < 2) {
        ck_assert_msg(iso_steady_ms(&iso_clock_machine) < until_ms, "%d records",
                      records);
        const struct iso_record *at;
        size_t count;
        ck_assert_int_eq(iso_reader_fetch(reader, 16, 50, &at, &count, &why), ISO_OK);
        for (size_t i = 0; i < count; i++)
            records += at[i].event == ISO_RECORD;
    }
    iso_reader_close(reader);
    iso_publisher_close(publisher);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kafka_leader");
    TCase *tests = tcase_create("leader");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, ends_are_told_soon_after_a_leader_is_back);
    tcase_add_test(tests, without_a_leader_the_deadline_holds);
    tcase_add_test(tests, who_writes_and_reads_goes_on_when_a_leader_is_back);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
