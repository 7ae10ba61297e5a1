/* What memory.h promises: everything that goes wrong in a simulation, one thing at a
 * time. */
#include <check.h>
#include <stdlib.h>

#include "bus/memory.h"

static struct iso_clock_manual now;
static struct iso_memory_cluster *cluster;
static struct iso_bus *here, *there; /* two processes */
static struct iso_publisher *publisher;
static struct iso_reader *reader; /* of `there`, at 0 */
static struct iso_why why;
static struct iso_delivery fates[64];
static int fate_count;
static bool answer_sends; /* the next delivery sends `z` */

static enum iso_err send(const char *value)
{
    struct iso_message message = {
        .topic = "t", .has_value = true, .value = iso_bytes_text(value)};
    return iso_publisher_send(publisher, &message, &why);
}

static void remember(void *user, const struct iso_delivery *delivery)
{
    (void)user;
    fates[fate_count++] = *delivery;
    if (answer_sends)
        ck_assert_int_eq(send("z"), ISO_OK);
    answer_sends = false;
}

static struct iso_publisher *open_publisher(void)
{
    struct iso_publisher *opened;
    struct iso_publisher_options options = {.header = "iso", .delivered = remember};
    ck_assert_int_eq(iso_publisher_open(here, &options, &opened, &why), ISO_OK);
    return opened;
}

static void set_up(void)
{
    fate_count = 0;
    iso_clock_manual_init(&now, 1000000);
    cluster = iso_memory_cluster_new(&now.clock);
    here = iso_bus_memory_open(cluster);
    there = iso_bus_memory_open(cluster);
    struct iso_topic_config config = {"message.timestamp.type", "LogAppendTime"};
    ck_assert_int_eq(
        iso_bus_topic_create(here, &(struct iso_topic){"t", 1, 1, &config, 1}, 0, &why),
        ISO_OK);
    publisher = open_publisher();
    struct iso_reader_options options = {.header = "iso"};
    ck_assert_int_eq(iso_reader_open(there, &options, &reader, &why), ISO_OK);
    ck_assert_int_eq(iso_reader_assign(reader, 0, "t", 0, 0, &why), ISO_OK);
}

static void tear_down(void)
{
    iso_publisher_close(publisher);
    iso_reader_close(reader);
    iso_bus_close(there);
    iso_bus_close(here);
    iso_memory_cluster_free(cluster);
}

static int poll(void)
{
    int delivered = -1;
    ck_assert_int_eq(iso_publisher_poll(publisher, 0, &delivered, &why), ISO_OK);
    return delivered;
}

static void put(const char *value)
{
    ck_assert_int_eq(send(value), ISO_OK);
    ck_assert_int_eq(poll(), 1);
}

static void put_letters(const char *letters)
{
    static char texts[32][2];
    for (int i = 0; letters[i] != '\0'; i++) {
        texts[i][0] = letters[i];
        put(texts[i]);
    }
}

/* Everything the reader has to say now, a letter an event: a record's value, `.` for
 * the end, `?` for a hole, `!` for trouble. */
static const char *heard(void)
{
    static char text[64];
    const struct iso_record *records;
    size_t count;
    ck_assert_int_eq(iso_reader_fetch(reader, 60, 0, &records, &count, &why), ISO_OK);
    for (size_t i = 0; i < count; i++)
        text[i] = records[i].event == ISO_RECORD   ? (char)records[i].value.data[0]
                  : records[i].event == ISO_AT_END ? '.'
                  : records[i].event == ISO_HOLE   ? '?'
                                                   : '!';
    text[count] = '\0';
    return text;
}

START_TEST(what_is_sent_is_in_no_log_until_polled)
{
    ck_assert_int_eq(send("a"), ISO_OK);
    ck_assert_str_eq(heard(), ".");
    ck_assert_int_eq(fate_count, 0);
    ck_assert_int_eq(poll(), 1);
    ck_assert_str_eq(heard(), "a.");
}
END_TEST

START_TEST(append_time_is_the_clusters_clock_even_when_it_steps_back)
{
    put("a");
    now.now_ms -= 60000;
    put("b");
    ck_assert_int_eq(fates[0].append_ms, 1000000);
    ck_assert_int_eq(fates[1].append_ms, 940000);
}
END_TEST

START_TEST(a_bus_that_is_cut_hears_nothing_and_goes_on_when_healed)
{
    int n;
    iso_memory_cut(here, true);
    iso_memory_cut(there, true);
    ck_assert_int_eq(iso_bus_brokers(here, 10, &n, &why), ISO_UNAVAILABLE);
    struct iso_position ends = {.topic = "t"};
    ck_assert_int_eq(iso_bus_ends(here, &ends, 1, 10, &why), ISO_UNAVAILABLE);
    ck_assert_int_eq(iso_publisher_trouble(publisher, &why), ISO_UNAVAILABLE);
    ck_assert_int_eq(send("a"), ISO_OK);
    ck_assert_int_eq(poll(), 0);
    iso_memory_cut(here, false);
    ck_assert_int_eq(iso_publisher_trouble(publisher, &why), ISO_OK);
    ck_assert_int_eq(poll(), 1);
    ck_assert_int_eq(fates[0].fate, ISO_SENT);
    ck_assert_str_eq(heard(), "");
    iso_memory_cut(there, false);
    ck_assert_str_eq(heard(), "a.");
}
END_TEST

START_TEST(one_record_over_a_cut_is_unavailable_and_never_sent)
{
    struct iso_message message = {.topic = "t"};
    iso_memory_cut(here, true);
    ck_assert_int_eq(iso_bus_publish(here, &message, "iso", 60000, NULL, &why),
                     ISO_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "t/0"));
    iso_memory_cut(here, false);
    ck_assert_str_eq(heard(), ".");
}
END_TEST

START_TEST(a_record_is_seen_when_it_is_older_than_the_delay)
{
    struct iso_position ends = {.topic = "t"};
    iso_memory_delay(there, 100);
    put("a");
    iso_clock_manual_add(&now, 50);
    put("b");
    ck_assert_str_eq(heard(), "");
    iso_clock_manual_add(&now, 51);
    ck_assert_str_eq(heard(), "a");
    ck_assert_int_eq(iso_bus_ends(there, &ends, 1, 0, &why), ISO_OK);
    ck_assert_int_eq(ends.end, 2);
    iso_clock_manual_add(&now, 50);
    ck_assert_str_eq(heard(), "b.");
}
END_TEST

START_TEST(a_lost_answer_leaves_the_record_in_the_log)
{
    iso_memory_lose_answers(here, 1);
    put("a");
    put("b");
    ck_assert_int_eq(fates[0].fate, ISO_MAYBE_SENT);
    ck_assert_int_eq(fates[0].err, ISO_UNKNOWN);
    ck_assert_int_eq(fates[0].offset, -1);
    ck_assert_int_eq(fates[1].fate, ISO_SENT);
    ck_assert_int_eq(fates[1].offset, 1);
    ck_assert_str_eq(heard(), "ab.");
}
END_TEST

START_TEST(a_duplicate_is_in_the_log_twice_and_answered_once)
{
    iso_memory_duplicate(here, 1);
    put_letters("ab");
    ck_assert_int_eq(fate_count, 2);
    ck_assert_int_eq(fates[0].offset, 0);
    ck_assert_int_eq(fates[1].offset, 2);
    ck_assert_str_eq(heard(), "aab.");
}
END_TEST

START_TEST(a_fenced_publisher_stays_fenced_and_another_goes_on)
{
    int delivered;
    ck_assert_int_eq(send("a"), ISO_OK);
    iso_memory_fence(here);
    ck_assert_int_eq(iso_publisher_poll(publisher, 0, &delivered, &why), ISO_FENCED);
    ck_assert_int_eq(send("b"), ISO_FENCED);
    ck_assert_int_eq(iso_publisher_poll(publisher, 0, &delivered, &why), ISO_FENCED);
    iso_publisher_close(publisher);
    ck_assert_int_eq(fate_count, 1);
    ck_assert_int_eq(fates[0].fate, ISO_MAYBE_SENT);
    publisher = open_publisher();
    put("c");
    ck_assert_str_eq(heard(), "c.");
}
END_TEST

START_TEST(retention_makes_a_hole_for_who_is_behind)
{
    struct iso_position ends = {.topic = "t"};
    put_letters("abcdef");
    iso_memory_trim(cluster, "t", 0, 4);
    ck_assert_str_eq(heard(), "?");
    ck_assert_str_eq(heard(), "");
    ck_assert_int_eq(iso_bus_ends(there, &ends, 1, 0, &why), ISO_OK);
    ck_assert_int_eq(ends.begin, 4);
    ck_assert_int_eq(ends.end, 6);
    ck_assert_int_eq(iso_reader_assign(reader, 0, "t", 0, ends.begin, &why), ISO_OK);
    ck_assert_str_eq(heard(), "ef.");
    iso_memory_trim(cluster, "t", 0, 100);
    put("g");
    ck_assert_int_eq(fates[6].offset, 6);
    ck_assert_str_eq(heard(), "g.");
}
END_TEST

START_TEST(records_live_until_the_next_fetch_though_the_log_is_trimmed)
{
    const struct iso_record *records;
    size_t count;
    put_letters("ab");
    ck_assert_int_eq(iso_reader_fetch(reader, 10, 0, &records, &count, &why), ISO_OK);
    iso_memory_trim(cluster, "t", 0, 2);
    ck_assert_int_eq(records[1].value.data[0], 'b');
}
END_TEST

START_TEST(a_lost_tail_is_another_history)
{
    put_letters("abcd");
    ck_assert_str_eq(heard(), "abcd.");
    iso_memory_truncate(cluster, "t", 0, 2);
    ck_assert_str_eq(heard(), "!?"); /* the log is shorter than the position */
    put_letters("xyz");
    ck_assert_int_eq(iso_reader_assign(reader, 0, "t", 0, 2, &why), ISO_OK);
    ck_assert_str_eq(heard(), "xyz.");
}
END_TEST

START_TEST(of_a_lost_tail_that_grew_again_only_the_lost_broker_is_heard)
{
    put_letters("abcd");
    ck_assert_str_eq(heard(), "abcd.");
    iso_memory_truncate(cluster, "t", 0, 2);
    put_letters("xyz");
    ck_assert_str_eq(heard(), "!z."); /* as Kafka does: only our own check finds it */
}
END_TEST

START_TEST(what_delivered_sends_waits_for_the_next_poll)
{
    answer_sends = true;
    ck_assert_int_eq(send("a"), ISO_OK);
    ck_assert_int_eq(poll(), 1);
    ck_assert_str_eq(heard(), "a.");
    ck_assert_int_eq(poll(), 1);
    ck_assert_int_eq(poll(), 0);
    ck_assert_str_eq(heard(), "z.");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bus: memory");
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_sent_is_in_no_log_until_polled);
    tcase_add_test(tests, append_time_is_the_clusters_clock_even_when_it_steps_back);
    tcase_add_test(tests, a_bus_that_is_cut_hears_nothing_and_goes_on_when_healed);
    tcase_add_test(tests, one_record_over_a_cut_is_unavailable_and_never_sent);
    tcase_add_test(tests, a_record_is_seen_when_it_is_older_than_the_delay);
    tcase_add_test(tests, a_lost_answer_leaves_the_record_in_the_log);
    tcase_add_test(tests, a_duplicate_is_in_the_log_twice_and_answered_once);
    tcase_add_test(tests, a_fenced_publisher_stays_fenced_and_another_goes_on);
    tcase_add_test(tests, retention_makes_a_hole_for_who_is_behind);
    tcase_add_test(tests, records_live_until_the_next_fetch_though_the_log_is_trimmed);
    tcase_add_test(tests, a_lost_tail_is_another_history);
    tcase_add_test(tests, of_a_lost_tail_that_grew_again_only_the_lost_broker_is_heard);
    tcase_add_test(tests, what_delivered_sends_waits_for_the_next_poll);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
