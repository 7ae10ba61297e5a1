/* Log lines in their three forms, read back from memory; the clock is turned by hand.
 * JSON is held to jansson: whatever is logged, each line is one object. */
#include "base/log.h"

#include <check.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

static int fd;
static struct iso_clock_manual manual;
static char text[262144];

static void begin(void)
{
    iso_clock_manual_init(&manual, INT64_C(1706745600123)); /* 2024-02-01 00:00 */
    iso_log_clock_set(&manual.clock);
    fd = memfd_create("log", 0);
    ck_assert_int_ge(fd, 0);
}

static void end(void)
{
    iso_log_open(-1, ISO_LOG_TEXT, ISO_DEBUG);
    iso_log_clock_set(NULL);
    close(fd);
}

/* All that was written so far. */
static const char *written(void)
{
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    ck_assert_int_ge(size, 0);
    text[size] = '\0';
    return text;
}

START_TEST(without_a_sink_events_go_nowhere)
{
    iso_log(ISO_ERROR, "some.event", "a=1");
    ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(each_form_has_its_line)
{
    iso_log_open(fd, ISO_LOG_TEXT, ISO_INFO);
    iso_log(ISO_INFO, "apply.batch", "records=%d why=\"a b\"", 12);
    iso_log(ISO_WARN, "bare", "%s", "");
    iso_log_open(fd, ISO_LOG_LOGFMT, ISO_INFO);
    iso_log(ISO_WARN, "apply.batch", "records=%d", 12);
    iso_log_open(fd, ISO_LOG_JSON, ISO_INFO);
    iso_log(ISO_ERROR, "apply.batch", "records=%d name=n why=\"a \\\"b\\\"\" up=true",
            12);
    ck_assert_str_eq(
        written(),
        "2024-02-01T00:00:00.123Z info  apply.batch records=12 why=\"a b\"\n"
        "2024-02-01T00:00:00.123Z warn  bare\n"
        "time=2024-02-01T00:00:00.123Z level=warn event=apply.batch records=12\n"
        "{\"time\":\"2024-02-01T00:00:00.123Z\",\"level\":\"error\","
        "\"event\":\"apply.batch\",\"records\":12,\"name\":\"n\","
        "\"why\":\"a \\\"b\\\"\",\"up\":true}\n");
}
END_TEST

START_TEST(what_is_below_the_level_is_not_written)
{
    iso_log_open(fd, ISO_LOG_TEXT, ISO_WARN);
    iso_log(ISO_DEBUG, "one", "a=1");
    iso_log(ISO_INFO, "two", "a=1");
    iso_log(ISO_WARN, "three", "a=1");
    ck_assert_str_eq(written(), "2024-02-01T00:00:00.123Z warn  three a=1\n");
}
END_TEST

START_TEST(repeats_within_a_second_are_counted_and_told_by_the_next)
{
    iso_log_open(fd, ISO_LOG_LOGFMT, ISO_INFO);
    for (int i = 0; i < 5; i++)
        iso_log(ISO_INFO, "often", "n=%d", i);
    iso_log(ISO_INFO, "other", "n=9");
    iso_clock_manual_add(&manual, 999);
    iso_log(ISO_INFO, "often", "n=5");
    iso_clock_manual_add(&manual, 1);
    iso_log(ISO_INFO, "often", "n=6");
    iso_clock_manual_add(&manual, 1000);
    iso_log(ISO_INFO, "often", "n=7");
    ck_assert_str_eq(written(),
                     "time=2024-02-01T00:00:00.123Z level=info event=often n=0\n"
                     "time=2024-02-01T00:00:00.123Z level=info event=other n=9\n"
                     "time=2024-02-01T00:00:01.123Z level=info event=often n=6 "
                     "repeated=5\n"
                     "time=2024-02-01T00:00:02.123Z level=info event=often n=7\n");
}
END_TEST

START_TEST(an_event_that_is_crowded_out_tells_its_count)
{
    iso_log_open(fd, ISO_LOG_LOGFMT, ISO_INFO);
    iso_log(ISO_INFO, "first", "a=1");
    iso_log(ISO_INFO, "first", "a=2");
    for (int i = 0; i < 70; i++) {
        char event[20];
        snprintf(event, sizeof event, "event.%d", i);
        iso_clock_manual_add(&manual, 1);
        iso_log(ISO_INFO, event, "a=1");
    }
    ck_assert_ptr_nonnull(strstr(written(), "event=first repeated=1\n"));
}
END_TEST

START_TEST(a_failure_is_logged_with_name_and_sentence)
{
    struct iso_why why;
    iso_fail(&why, ISO_IO, "cannot read \"x\\y\": try again");
    iso_log_open(fd, ISO_LOG_JSON, ISO_INFO);
    iso_log_why(ISO_ERROR, "store.open", &why);
    json_t *line = json_loads(written(), 0, NULL);
    ck_assert_ptr_nonnull(line);
    ck_assert_str_eq(json_string_value(json_object_get(line, "err")), "ISO_IO");
    ck_assert_str_eq(json_string_value(json_object_get(line, "why")), why.text);
    json_decref(line);
}
END_TEST

START_TEST(nothing_that_is_logged_can_break_its_line)
{
    static const char *const nasty[] = {"plain",
                                        "two\nlines",
                                        "tab\there",
                                        "\x01\x1f\x7f",
                                        "quote\" end",
                                        "\\",
                                        "\\\"",
                                        "=",
                                        "==",
                                        " = ",
                                        "\"",
                                        "\"\"",
                                        "a=\"open",
                                        "caf\xc3\xa9",
                                        "\xc3",
                                        "\xff\xfe",
                                        "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80",
                                        "\xe0\x80\x80",
                                        "x\\",
                                        "1e5",
                                        "007",
                                        "-",
                                        "99999999999999999999",
                                        "} {\"a\":1",
                                        ",",
                                        "a b c"};
    for (size_t i = 0; i < sizeof nasty / sizeof nasty[0]; i++) {
        for (int quoted = 0; quoted < 2; quoted++) {
            ck_assert_int_eq(ftruncate(fd, 0), 0);
            lseek(fd, 0, SEEK_SET);
            iso_log_open(fd, ISO_LOG_JSON, ISO_INFO);
            iso_log(ISO_INFO, "event", quoted ? "a=1 k=\"%s\" b=2" : "a=1 k=%s b=2",
                    nasty[i]);
            json_error_t error;
            json_t *line = json_loads(written(), 0, &error);
            ck_assert_msg(line != NULL, "%s: %s", text, error.text);
            json_decref(line);
            iso_log_open(fd, ISO_LOG_LOGFMT, ISO_INFO);
            iso_log(ISO_INFO, "event", "k=%s", nasty[i]);
            const char *newline = strchr(written(), '\n');
            newline = strchr(newline + 1, '\n');
            ck_assert_ptr_nonnull(newline);
            ck_assert_str_eq(newline, "\n");
        }
    }
}
END_TEST

START_TEST(a_line_that_is_too_long_is_cut_and_still_one_object)
{
    static char huge[10000];
    memset(huge, '\x01', sizeof huge - 1);
    iso_log_open(fd, ISO_LOG_JSON, ISO_INFO);
    iso_log(ISO_INFO, "event", "k=\"%s\"", huge);
    memset(huge, '=', sizeof huge - 1);
    iso_log(ISO_INFO, "event2", "%s", huge);
    for (size_t i = 0; i + 2 < sizeof huge; i += 2)
        memcpy(huge + i, "= ", 2);
    iso_log(ISO_INFO, "event3", "%s", huge);
    char *save = NULL;
    int lines = 0;
    written();
    for (char *at = strtok_r(text, "\n", &save); at; at = strtok_r(NULL, "\n", &save)) {
        json_error_t error;
        json_t *line = json_loads(at, 0, &error);
        ck_assert_msg(line != NULL, "%.100s: %s", at, error.text);
        json_decref(line);
        lines++;
    }
    ck_assert_int_eq(lines, 3);
}
END_TEST

static void *log_many(void *user)
{
    (void)user;
    for (int i = 0; i < 1000; i++)
        iso_log(ISO_INFO, "shared", "n=%d", i);
    return NULL;
}

START_TEST(threads_lose_no_event_and_mix_no_line)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    iso_log_open(fd, ISO_LOG_LOGFMT, ISO_INFO);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, log_many, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    iso_clock_manual_add(&manual, 1000);
    iso_log(ISO_INFO, "shared", "n=last");
    ck_assert_str_eq(written(),
                     "time=2024-02-01T00:00:00.123Z level=info event=shared n=0\n"
                     "time=2024-02-01T00:00:01.123Z level=info event=shared n=last "
                     "repeated=3999\n");
}
END_TEST

START_TEST(levels_are_read_by_name)
{
    enum iso_level level;
    ck_assert(iso_level_parse("debug", &level) && level == ISO_DEBUG);
    ck_assert(iso_level_parse("error", &level) && level == ISO_ERROR);
    ck_assert(!iso_level_parse("Error", &level));
    ck_assert(!iso_level_parse("", &level));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, without_a_sink_events_go_nowhere);
    tcase_add_test(tcase, each_form_has_its_line);
    tcase_add_test(tcase, what_is_below_the_level_is_not_written);
    tcase_add_test(tcase, repeats_within_a_second_are_counted_and_told_by_the_next);
    tcase_add_test(tcase, an_event_that_is_crowded_out_tells_its_count);
    tcase_add_test(tcase, a_failure_is_logged_with_name_and_sentence);
    tcase_add_test(tcase, nothing_that_is_logged_can_break_its_line);
    tcase_add_test(tcase, a_line_that_is_too_long_is_cut_and_still_one_object);
    tcase_add_test(tcase, threads_lose_no_event_and_mix_no_line);
    tcase_add_test(tcase, levels_are_read_by_name);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
