/* Settings: every type and bound, names that are almost right, who wins over whom, what
 * of librdkafka's is refused, key files good and bad, and that no value of a setting
 * that was refused is told. Files stand in memory. */
#include "base/settings.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/option.h"

static struct iso_settings *settings;
static struct iso_why why;

static void begin(void)
{
    for (char **at = environ; *at != NULL;) {
        char name[200];
        size_t size = strcspn(*at, "=");
        if (strncmp(*at, "ISOSTASY_", 9) != 0 || size >= sizeof name) {
            at++;
            continue;
        }
        memcpy(name, *at, size);
        name[size] = '\0';
        unsetenv(name);
    }
    settings = iso_settings_new();
    why = (struct iso_why){0};
}

static void end(void)
{
    iso_settings_free(settings);
}

static enum iso_err set(const char *pair)
{
    return iso_settings_set_pair(settings, pair, &why);
}

static void assert_ok(enum iso_err err)
{
    ck_assert_msg(err == ISO_OK, "%s", why.text);
}

/* Refused, with a sentence that holds `part`. */
static void assert_refused(enum iso_err err, const char *part)
{
    ck_assert_int_eq(err, ISO_SETTING);
    ck_assert_int_eq(why.err, ISO_SETTING);
    ck_assert_msg(strstr(why.text, part) != NULL, "\"%s\" lacks \"%s\"", why.text,
                  part);
}

static int64_t number(const char *section, const char *key)
{
    return iso_settings_number(settings, section, NULL, key);
}

static const char *text(const char *section, const char *key)
{
    return iso_settings_text(settings, section, NULL, key);
}

START_TEST(every_default_is_a_value_its_own_row_accepts)
{
    for (const struct iso_option *at = iso_options; at->section != NULL; at++) {
        bool named = iso_option_section_named(at->section);
        ck_assert_ptr_nonnull(at->words);
        if (at->fallback == NULL)
            continue;
        char name[200];
        snprintf(name, sizeof name, "%s%s.%s", at->section, named ? ".n" : "", at->key);
        assert_ok(iso_settings_set(settings, name, at->fallback, "default", &why));
    }
}
END_TEST

START_TEST(without_being_set_each_setting_has_its_default)
{
    ck_assert_int_eq(number("daemon", "shards"), 1);
    ck_assert_int_eq(number("daemon", "memory.max"), 512 * 1024 * 1024);
    ck_assert_int_eq(number("daemon", "batch.linger"), 0);
    ck_assert_int_eq(number("daemon", "batch.time.max"), 1000);
    ck_assert_int_eq(number("topics", "retention"), INT64_C(7) * 86400000);
    ck_assert_int_eq(number("daemon", "store.size.max"), 0);
    ck_assert_str_eq(text("daemon", "store.type"), "lmdb");
    ck_assert_str_eq(text("topics", "prefix"), "iso.");
    ck_assert_ptr_null(text("producer", "cache"));
    ck_assert_ptr_null(iso_settings_text(settings, "cluster", "home", "servers"));
    ck_assert_str_eq(iso_settings_text(settings, "region", "eu", "collections"), "");
    ck_assert_int_eq(iso_settings_number(settings, "cluster", "x", "replication"), 0);
    ck_assert_int_eq(iso_settings_number(settings, "plugin", "cart", "timeout"), 1000);
}
END_TEST

START_TEST(sizes_are_bytes)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"0", 0},
                {"1000", 1000},
                {"7B", 7},
                {"960KiB", 960 * 1024},
                {"64MiB", 64 << 20},
                {"3GiB", INT64_C(3) << 30},
                {"2TiB", INT64_C(2) << 40},
                {"9223372036854775807", INT64_MAX}};
    static const char *const bad[] = {
        "",          "MiB", "-1", "1.5MiB", "64 MiB", "64mib",
        "64MB",      "64M", " 1", "0x10",   "1 ",     "9223372036854775808",
        "8388608TiB"};
    int64_t bytes;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(iso_size_parse(good[i].text, &bytes, &why));
        ck_assert_int_eq(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(iso_size_parse(bad[i], &bytes, &why), "is not a size");
}
END_TEST

START_TEST(durations_are_milliseconds_and_want_a_unit)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"0", 0},        {"0ms", 0},        {"250ms", 250},   {"5s", 5000},
                {"10m", 600000}, {"24h", 86400000}, {"7d", 604800000}};
    static const char *const bad[] = {
        "",     "5",  "5 s",  "s",     "-5s",
        "1.5s", "5S", "5sec", "1m30s", "99999999999999999d"};
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(iso_duration_parse(good[i].text, &ms, &why));
        ck_assert_int_eq(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(iso_duration_parse(bad[i], &ms, &why), "is not a duration");
}
END_TEST

START_TEST(bounds_hold_at_both_ends_and_are_named)
{
    assert_ok(set("daemon.shards=1"));
    assert_ok(set("daemon.shards=64"));
    ck_assert_int_eq(number("daemon", "shards"), 64);
    assert_refused(set("daemon.shards=0"), "0 is too small: write 1 or more");
    assert_refused(set("daemon.shards=65"), "65 is too large: write 64 or less");
    assert_refused(set("daemon.memory.max=127MiB"), "write 128MiB or more");
    assert_refused(set("topics.retention=6d"), "write 7d or more");
    assert_refused(set("daemon.batch.time.max=1ms"), "write 10ms or more");
    ck_assert_int_eq(number("daemon", "shards"), 64); /* the last good one stays */
    assert_refused(set("daemon.shards=many"), "\"many\" is not a number");
    assert_refused(set("daemon.shards=4x"), "is not a number");
    assert_refused(set("daemon.shards="), "is not a number");
}
END_TEST

START_TEST(choices_are_the_rows_and_no_others)
{
    assert_ok(set("daemon.store.type=memory"));
    ck_assert_str_eq(text("daemon", "store.type"), "memory");
    assert_refused(set("daemon.store.type=lmbd"), "\"lmbd\" is not one of lmdb|memory");
    assert_refused(set("daemon.store.type="), "is not one of");
    assert_refused(set("daemon.store.type=lmdb|memory"), "is not one of");
    assert_refused(set("log.level=warning"), "debug|info|warn|error");
}
END_TEST

START_TEST(a_name_that_is_almost_right_is_answered_with_the_right_one)
{
    assert_refused(set("deamon.shards=1"), "did you mean \"daemon\"?");
    assert_refused(set("daemon.memroy.max=1GiB"), "did you mean \"memory.max\"?");
    assert_refused(set("cluster.home.server=x"), "did you mean \"servers\"?");
    assert_refused(set("region.eu.stores=x"), "did you mean \"store\"?");
    assert_refused(set("daemon.qqqqqqqqqqqq=1"), "has no setting \"qqqqqqqqqqqq\"");
    ck_assert_ptr_null(strstr(why.text, "did you mean"));
    assert_refused(set("cluster.home.ssl.ca.location=x"), "begin with \"kafka.\"");
    assert_refused(set("shards=1"), "is not a setting");
    assert_refused(set("daemon.shards"), "write section.key=value");
    assert_refused(set("=1"), "is not a setting");
    assert_refused(set(".x=1"), "is not a setting");
    assert_refused(set("daemon.=1"), "has no setting's name");
}
END_TEST

START_TEST(names_of_sections_are_short_and_plain)
{
    assert_ok(set("region.eu-1.store=/s"));
    assert_ok(set("region.abcdefghijklmnopqrstuvwxyz012345.store=/s"));
    assert_refused(set("region.abcdefghijklmnopqrstuvwxyz0123456.store=/s"), "1 to 32");
    assert_refused(set("region.EU.store=/s"), "a-z, 0-9 and -");
    assert_refused(set("region..store=/s"), "a-z, 0-9 and -");
    assert_refused(set("region.store=/s"), "a-z, 0-9 and -");
    assert_refused(set("region.eu.store="), "it has no value");
}
END_TEST

START_TEST(named_sections_keep_the_order_in_which_they_came)
{
    assert_ok(set("cluster.west.servers=a:1"));
    assert_ok(set("region.eu.store=/s"));
    assert_ok(set("cluster.east.servers=b:1"));
    assert_ok(set("cluster.west.replication=3"));
    assert_ok(set("cluster.west.servers=c:1"));
    ck_assert_str_eq(iso_settings_name(settings, "cluster", 0), "west");
    ck_assert_str_eq(iso_settings_name(settings, "cluster", 1), "east");
    ck_assert_ptr_null(iso_settings_name(settings, "cluster", 2));
    ck_assert_str_eq(iso_settings_name(settings, "region", 0), "eu");
    ck_assert_str_eq(iso_settings_text(settings, "cluster", "west", "servers"), "c:1");
    ck_assert(iso_settings_has(settings, "region", "eu"));
    ck_assert(!iso_settings_has(settings, "region", "west"));
}
END_TEST

START_TEST(a_variable_that_is_no_setting_is_refused)
{
    setenv("ISOSTASY_DAEMON_SHARD", "3", 1);
    assert_refused(iso_settings_set_environment(settings, &why),
                   "did you mean ISOSTASY_DAEMON_SHARDS?");
    unsetenv("ISOSTASY_DAEMON_SHARD");
    setenv("ISOSTASY_REGION_EU_STORE", "/s", 1);
    assert_refused(iso_settings_set_environment(settings, &why), "with -X");
    unsetenv("ISOSTASY_REGION_EU_STORE");
    setenv("ISOSTASY_CONFIGURATION", "/s", 1);
    assert_refused(iso_settings_set_environment(settings, &why), "is no setting");
    unsetenv("ISOSTASY_CONFIGURATION");
    setenv("ISOSTASY_DAEMON_SHARDS", "many", 1);
    assert_refused(iso_settings_set_environment(settings, &why),
                   "the variable ISOSTASY_DAEMON_SHARDS: daemon.shards: \"many\"");
}
END_TEST

static enum iso_err collect(void *user, const char *name, const char *value,
                            struct iso_why *reason)
{
    char *list = user;
    if (strcmp(name, "stop.here") == 0)
        return iso_fail(reason, ISO_SETTING, "stopped");
    snprintf(list + strlen(list), 200 - strlen(list), "%s=%s;", name, value);
    return ISO_OK;
}

START_TEST(settings_of_librdkafka_pass_through_by_cluster)
{
    char list[200] = "";
    assert_ok(set("cluster.home.kafka.security.protocol=SSL"));
    assert_ok(set("cluster.away.kafka.client.id=b"));
    assert_ok(set("cluster.home.kafka.ssl.cipher.suites="));
    assert_ok(set("cluster.home.kafka.security.protocol=SASL_SSL"));
    assert_ok(iso_settings_kafka(settings, "home", collect, list, &why));
    ck_assert_str_eq(list, "security.protocol=SASL_SSL;ssl.cipher.suites=;");
    assert_ok(iso_settings_kafka(settings, "none", collect, list, &why));
    assert_ok(set("cluster.home.kafka.stop.here=1"));
    assert_refused(iso_settings_kafka(settings, "home", collect, list, &why),
                   "stopped");
    assert_refused(set("daemon.kafka.client.id=x"), "has no setting");
    assert_refused(set("cluster.home.kafka.=x"), "write kafka.NAME");
    assert_refused(set("cluster.home.kafka.*=x"), "write kafka.NAME");
}
END_TEST

START_TEST(what_would_break_a_promise_is_refused_with_the_reason)
{
    static const char *const denied[] = {"plugin.library.paths",
                                         "ssl.engine.location",
                                         "sasl.kerberos.kinit.cmd",
                                         "enable.auto.commit",
                                         "enable.auto.offset.store",
                                         "auto.offset.reset",
                                         "isolation.level",
                                         "group.id",
                                         "bootstrap.servers",
                                         "metadata.broker.list",
                                         "enable.idempotence",
                                         "acks",
                                         "request.required.acks",
                                         "partitioner",
                                         "enable.partition.eof",
                                         "check.crcs",
                                         "group.instance.id",
                                         "transactional.id",
                                         "message.timeout.ms",
                                         "delivery.timeout.ms",
                                         "retries",
                                         "queued.min.messages",
                                         "linger.ms",
                                         "message.max.bytes",
                                         "topic.acks",
                                         "topic.auto.offset.reset",
                                         "topic.partitioner",
                                         "topic.blacklist",
                                         "test.mock.num.brokers"};
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        char pair[200];
        snprintf(pair, sizeof pair, "cluster.home.kafka.%s=hunter2", denied[i]);
        assert_refused(set(pair), "may not be set: ");
        ck_assert_ptr_nonnull(strstr(why.text, denied[i]));
        ck_assert_ptr_null(strstr(why.text, "hunter2"));
    }
    assert_ok(set("cluster.home.kafka.topic.metadata.refresh.interval.ms=1000"));
    ck_assert(!iso_settings_has(settings, "region", "home"));
}
END_TEST

START_TEST(a_value_behind_a_mistyped_name_is_not_told)
{
    assert_refused(set("cluster.home.kafak.sasl.password=hunter2"), "kafak");
    ck_assert_ptr_null(strstr(why.text, "hunter2"));
    assert_refused(set("clutser.home.kafka.sasl.password=hunter2"), "clutser");
    ck_assert_ptr_null(strstr(why.text, "hunter2"));
    setenv("ISOSTASY_SASL_PASSWORD", "hunter2", 1);
    assert_refused(iso_settings_set_environment(settings, &why), "SASL_PASSWORD");
    ck_assert_ptr_null(strstr(why.text, "hunter2"));
}
END_TEST

START_TEST(help_names_every_setting)
{
    char *content = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&content, &size);
    iso_settings_print_help(out);
    fclose(out);
    ck_assert_ptr_nonnull(strstr(content, "  daemon.shards=number 1..64, default 1\n"));
    ck_assert_ptr_nonnull(strstr(content, "  region.NAME.store=text\n"));
    ck_assert_ptr_nonnull(
        strstr(content, "  log.level=debug|info|warn|error, default"));
    free(content);
}
END_TEST

START_TEST(a_copy_has_what_was_set_and_its_order_and_is_its_own)
{
    ck_assert_int_eq(
        iso_settings_set(settings, "cluster.b.servers", "b:1", "here", NULL), ISO_OK);
    ck_assert_int_eq(
        iso_settings_set(settings, "cluster.a.servers", "a:1", "here", NULL), ISO_OK);
    ck_assert_int_eq(iso_settings_set(settings, "producer.timeout", "7s", "here", NULL),
                     ISO_OK);
    struct iso_settings *copy = iso_settings_copy(settings);
    ck_assert_int_eq(
        iso_settings_set(settings, "cluster.b.servers", "c:1", "here", NULL), ISO_OK);
    ck_assert_str_eq(iso_settings_name(copy, "cluster", 0), "b");
    ck_assert_str_eq(iso_settings_name(copy, "cluster", 1), "a");
    ck_assert_str_eq(iso_settings_text(copy, "cluster", "b", "servers"), "b:1");
    ck_assert_int_eq(iso_settings_number(copy, "producer", NULL, "timeout"), 7000);
    iso_settings_free(copy);
}
END_TEST

START_TEST(asking_for_what_the_table_lacks_ends_the_process)
{
    iso_settings_text(settings, "daemon", NULL, "shard");
}
END_TEST

START_TEST(asking_for_text_as_a_number_ends_the_process)
{
    iso_settings_number(settings, "topics", NULL, "prefix");
}
END_TEST

static TCase *settings_tests(void)
{
    TCase *tcase = tcase_create("settings");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, every_default_is_a_value_its_own_row_accepts);
    tcase_add_test(tcase, without_being_set_each_setting_has_its_default);
    tcase_add_test(tcase, sizes_are_bytes);
    tcase_add_test(tcase, durations_are_milliseconds_and_want_a_unit);
    tcase_add_test(tcase, bounds_hold_at_both_ends_and_are_named);
    tcase_add_test(tcase, choices_are_the_rows_and_no_others);
    tcase_add_test(tcase, a_name_that_is_almost_right_is_answered_with_the_right_one);
    tcase_add_test(tcase, names_of_sections_are_short_and_plain);
    tcase_add_test(tcase, named_sections_keep_the_order_in_which_they_came);
    tcase_add_test(tcase, a_variable_that_is_no_setting_is_refused);
    tcase_add_test(tcase, settings_of_librdkafka_pass_through_by_cluster);
    tcase_add_test(tcase, what_would_break_a_promise_is_refused_with_the_reason);
    tcase_add_test(tcase, a_value_behind_a_mistyped_name_is_not_told);
    tcase_add_test(tcase, help_names_every_setting);
    tcase_add_test(tcase, a_copy_has_what_was_set_and_its_order_and_is_its_own);
    tcase_add_test_raise_signal(tcase, asking_for_what_the_table_lacks_ends_the_process,
                                6);
    tcase_add_test_raise_signal(tcase, asking_for_text_as_a_number_ends_the_process, 6);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("settings");
    suite_add_tcase(suite, settings_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
