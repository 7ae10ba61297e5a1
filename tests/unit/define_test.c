/* How a collection comes into being, on the memory bus: topics, their settings, and the
 * first DEFINE. */
#include "producer/define.h"

#include "bus/port.h"
#include "tests/unit/producer_ground.h"

static struct iso_clock_manual manual;
static struct iso_memory_cluster *cluster;
static struct iso_bus *bus;
static struct iso_definition *definition;
static const struct iso_definition_log *the_log;
static struct iso_chance chance;
static struct iso_why why;

enum { TIMEOUT_MS = 1000 };
#define WEEK_MS (INT64_C(7) * 24 * 3600 * 1000)

static void setup(void)
{
    iso_clock_manual_init(&manual, GROUND_NOW_MS);
    cluster = iso_memory_cluster_new(&manual.clock);
    bus = iso_bus_memory_open(cluster);
    definition = ground_definition(GROUND_PARTITIONS);
    the_log = &definition->logs[0];
    iso_chance_seeded_init(&chance, 7);
}
static void teardown(void)
{
    iso_definition_free(definition);
    iso_bus_close(bus);
    iso_memory_cluster_free(cluster);
}

static enum iso_err create(void)
{
    return iso_log_create(bus, definition, the_log,
                          &(struct iso_topic_options){0, WEEK_MS, TIMEOUT_MS}, &why);
}
static enum iso_err define(void)
{
    return iso_log_define(bus, definition, the_log, &chance, TIMEOUT_MS, &why);
}

struct config {
    char text[2000];
};
static void config_each(void *user, const char *name, const char *value)
{
    struct config *config = user;
    size_t size = strlen(config->text);
    snprintf(config->text + size, sizeof config->text - size, "%s=%s\n", name, value);
}
static void ck_config(const char *topic, const char *line)
{
    struct config config = {"\n"};
    char want[200];
    ck_ok(iso_bus_topic_config(bus, topic, TIMEOUT_MS, config_each, &config, &why));
    snprintf(want, sizeof want, "\n%s\n", line);
    ck_assert_msg(strstr(config.text, want) != NULL, "%s: no %s in %s", topic, line,
                  config.text);
}

/* ---- topics ---- */

START_TEST(the_control_topics_have_the_settings_of_the_design)
{
    for (int i = 0; i < 2; i++) /* again is as good as once */
        ck_ok(iso_control_topics(bus, "iso.", true, 0, TIMEOUT_MS, &why));
    ck_config("iso.control", "cleanup.policy=delete");
    ck_config("iso.control", "retention.ms=-1");
    ck_config("iso.status", "cleanup.policy=compact");
    ck_config("iso.exchange", "retention.ms=3600000");
    ck_config("iso.dead-letter", "cleanup.policy=delete");
    static const char *const topics[] = {"iso.control", "iso.status", "iso.exchange",
                                         "iso.dead-letter"};
    for (size_t i = 0; i < 4; i++) {
        int partitions;
        ck_ok(iso_bus_partitions(bus, topics[i], TIMEOUT_MS, &partitions, &why));
        ck_assert_int_eq(partitions, 1);
        ck_config(topics[i], "max.message.bytes=1114112");
        ck_config(topics[i], "message.timestamp.type=LogAppendTime");
    }
}
END_TEST

START_TEST(a_cluster_that_is_not_home_has_no_control_topic)
{
    int partitions;
    ck_ok(iso_control_topics(bus, "my.", false, 0, TIMEOUT_MS, &why));
    ck_err(iso_bus_partitions(bus, "my.control", TIMEOUT_MS, &partitions, &why),
           ISO_NOT_FOUND);
    ck_ok(iso_bus_partitions(bus, "my.status", TIMEOUT_MS, &partitions, &why));
}
END_TEST

START_TEST(a_control_topic_that_forgets_is_refused)
{
    struct iso_topic_config config[] = {{"message.timestamp.type", "LogAppendTime"},
                                        {"max.message.bytes", "2000000"}};
    ck_ok(iso_bus_topic_create(bus, &(struct iso_topic){"iso.control", 1, 1, config, 2},
                               TIMEOUT_MS, &why));
    ck_err(iso_control_topics(bus, "iso.", true, 0, TIMEOUT_MS, &why),
           ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "--add-config retention.ms=-1"));
}
END_TEST

START_TEST(a_log_is_made_once_and_found_again)
{
    ck_ok(create());
    ck_ok(create());
    ck_ok(iso_log_check(bus, definition, the_log, TIMEOUT_MS, &why));
    ck_config("packages", "cleanup.policy=delete");
    ck_config("packages", "retention.ms=604800000");
    ck_config("packages", "max.message.bytes=1114112");
    ck_config("packages", "message.timestamp.type=LogAppendTime");
}
END_TEST

START_TEST(a_log_may_keep_its_records_longer_but_not_for_less_than_a_week)
{
    ck_err(iso_log_create(bus, definition, the_log,
                          &(struct iso_topic_options){0, WEEK_MS - 1, TIMEOUT_MS},
                          &why),
           ISO_SETTING);
    ck_ok(iso_log_create(bus, definition, the_log,
                         &(struct iso_topic_options){0, -1, TIMEOUT_MS}, &why));
    ck_config("packages", "retention.ms=-1");
    ck_ok(create());
}
END_TEST

START_TEST(a_check_names_every_wrong_setting_and_the_command_that_mends_it)
{
    struct iso_topic_config config[] = {{"cleanup.policy", "compact,delete"},
                                        {"retention.ms", "3600000"},
                                        {"retention.bytes", "1000000"}};
    ck_ok(iso_bus_topic_create(
        bus, &(struct iso_topic){"packages", GROUND_PARTITIONS, 1, config, 3},
        TIMEOUT_MS, &why));
    ck_err(iso_log_check(bus, definition, the_log, TIMEOUT_MS, &why), ISO_TOPIC_CONFIG);
    static const char *const wanted[] = {
        "cleanup.policy is compact,delete", "message.timestamp.type is CreateTime",
        "retention.ms is 3600000",          "retention.bytes is 1000000",
        "max.message.bytes is 1048588",     "kafka-configs.sh",
        "--alter --topic packages",         "cleanup.policy=delete,",
        "retention.ms=604800000",           "max.message.bytes=1114112"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        ck_assert_msg(strstr(why.text, wanted[i]) != NULL, "no '%s' in: %s", wanted[i],
                      why.text);
    ck_err(create(), ISO_TOPIC_CONFIG);
}
END_TEST

START_TEST(a_topic_with_other_partitions_is_refused)
{
    ck_ok(iso_bus_topic_create(bus, &(struct iso_topic){"packages", 3, 1, NULL, 0},
                               TIMEOUT_MS, &why));
    ck_err(create(), ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "3 partitions and must have 4"));
}
END_TEST

START_TEST(a_check_of_a_topic_that_is_not_there_says_so)
{
    ck_err(iso_log_check(bus, definition, the_log, TIMEOUT_MS, &why), ISO_NOT_FOUND);
}
END_TEST

/* A memory bus that says it has three brokers. */
static struct iso_bus_port three_port;
static enum iso_err three_brokers(struct iso_bus *any, int timeout_ms, int *brokers,
                                  struct iso_why *to)
{
    (void)any;
    (void)timeout_ms;
    (void)to;
    *brokers = 3;
    return ISO_OK;
}

START_TEST(three_brokers_ask_for_two_replicas_in_sync)
{
    ck_ok(create()); /* as one broker makes it */
    three_port = *bus->port;
    three_port.brokers = three_brokers;
    bus->port = &three_port;
    ck_err(iso_log_check(bus, definition, the_log, TIMEOUT_MS, &why), ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "min.insync.replicas=2"));
    memcpy(definition->logs[0].topic, "package2", sizeof "package2");
    ck_err(iso_log_create(bus, definition, the_log,
                          &(struct iso_topic_options){1, WEEK_MS, TIMEOUT_MS}, &why),
           ISO_SETTING);
    ck_assert_ptr_nonnull(strstr(why.text, "3 or more"));
    /* The memory cluster refuses more replicas than brokers: three were asked for. */
    ck_err(create(), ISO_SETTING);
    ck_assert_ptr_nonnull(strstr(why.text, "3 replicas"));
}
END_TEST

/* ---- the first DEFINE ---- */

static void read_partition(int partition, struct ground_log *log)
{
    struct ground ground = {.other = bus};
    ground_log_read(&ground, partition, log);
}

START_TEST(every_partition_begins_with_the_define)
{
    ck_ok(create());
    for (int i = 0; i < 2; i++) /* again changes nothing */
        ck_ok(define());
    for (int p = 0; p < GROUND_PARTITIONS; p++) {
        struct ground_log log;
        read_partition(p, &log);
        ck_assert_uint_eq(log.count, 1);
        struct iso_write *write = &log.records[0].write;
        ck_assert_int_eq(write->operation, ISO_DEFINE);
        ck_assert_uint_eq(write->log, GROUND_LOG);
        ck_assert_uint_eq(write->partition, (unsigned)p);
        ck_assert_uint_eq(write->seq, 1);
        ck_assert_uint_eq(write->version.hlc, the_log->birth);
        ck_assert_uint_eq(iso_node_region(write->version.node), GROUND_REGION);
        ck_assert(write->blind);
        ck_assert(!log.records[0].has_key);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&log.records[0].value),
                                  iso_buf_bytes(&definition->bytes)));
        ground_log_release(&log);
    }
}
END_TEST

static void publish(int partition, struct iso_write *write, const char *value)
{
    struct iso_buf header = {0};
    if (write != NULL)
        iso_write_encode(write, &header);
    struct iso_message message = {.topic = "packages",
                                  .partition = partition,
                                  .has_value = true,
                                  .value = iso_bytes_text(value),
                                  .has_header = write != NULL,
                                  .header = iso_buf_bytes(&header)};
    ck_ok(iso_bus_publish(bus, &message, "iso", TIMEOUT_MS, NULL, &why));
    iso_buf_release(&header);
}

START_TEST(a_partition_that_begins_with_something_else_is_no_log)
{
    ck_ok(create());
    publish(2, NULL, "from another program");
    ck_err(define(), ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "packages/2"));
    ck_assert_ptr_nonnull(strstr(why.text, "another program"));
}
END_TEST

START_TEST(a_partition_that_begins_with_another_definition_is_no_log)
{
    ck_ok(create());
    struct iso_write write = {
        .operation = ISO_DEFINE,
        .log = GROUND_LOG,
        .version = {.hlc = the_log->birth, .node = iso_node(3, 1)},
        .seq = 1,
        .blind = true};
    publish(0, &write, "another definition");
    ck_err(define(), ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "another definition"));
}
END_TEST

START_TEST(a_partition_whose_beginning_is_gone_is_no_log)
{
    ck_ok(create());
    ck_ok(define());
    iso_memory_trim(cluster, "packages", 1, 1);
    ck_err(define(), ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "retention"));
}
END_TEST

START_TEST(a_birth_that_the_broker_finds_too_early_is_reported)
{
    ck_ok(create());
    manual.now_ms -= GROUND_AFTER_MAX_MS + 5000;
    ck_err(define(), ISO_CLOCK_SKEW);
    ck_assert_ptr_nonnull(strstr(why.text, "64000 ms ahead"));
}
END_TEST

START_TEST(a_log_without_its_topic_is_not_defined)
{
    ck_err(define(), ISO_NOT_FOUND);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("define");
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, the_control_topics_have_the_settings_of_the_design);
    tcase_add_test(tests, a_cluster_that_is_not_home_has_no_control_topic);
    tcase_add_test(tests, a_control_topic_that_forgets_is_refused);
    tcase_add_test(tests, a_log_is_made_once_and_found_again);
    tcase_add_test(tests,
                   a_log_may_keep_its_records_longer_but_not_for_less_than_a_week);
    tcase_add_test(tests,
                   a_check_names_every_wrong_setting_and_the_command_that_mends_it);
    tcase_add_test(tests, a_topic_with_other_partitions_is_refused);
    tcase_add_test(tests, a_check_of_a_topic_that_is_not_there_says_so);
    tcase_add_test(tests, three_brokers_ask_for_two_replicas_in_sync);
    tcase_add_test(tests, every_partition_begins_with_the_define);
    tcase_add_test(tests, a_partition_that_begins_with_something_else_is_no_log);
    tcase_add_test(tests, a_partition_that_begins_with_another_definition_is_no_log);
    tcase_add_test(tests, a_partition_whose_beginning_is_gone_is_no_log);
    tcase_add_test(tests, a_birth_that_the_broker_finds_too_early_is_reported);
    tcase_add_test(tests, a_log_without_its_topic_is_not_defined);
    return ground_main(suite);
}
