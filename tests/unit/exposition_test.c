/* Metrics in both formats, held to the text that they must be, and to what Prometheus'
 * own tools make of it. */
#include "base/exposition.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct iso_exposition out;

static void begin_as(bool open)
{
    iso_buf_release(&out.text);
    out = (struct iso_exposition){.open = open};
}

static void begin(void)
{
    begin_as(false);
}

static void end(void)
{
    iso_buf_release(&out.text);
}

static const char *text(void)
{
    return iso_buf_text(&out.text);
}

/* Every kind there is. */
static void write_all(void)
{
    static const double bounds[] = {0.005, 0.1, 1, 10, 1000000};
    static const uint64_t counts[] = {1, 0, 3, 0, 2, 1};
    iso_exposition_family(&out, "iso_lag", ISO_GAUGE, "seconds", "How old it is.");
    iso_exposition_sample(&out, 1.25, "source_region", "eu", "target_region", "us",
                          NULL);
    iso_exposition_sample(&out, 0, "source_region", "us", "target_region", "eu", NULL);
    iso_exposition_family(&out, "iso_records_applied", ISO_COUNTER, NULL,
                          "Records that were applied.");
    iso_exposition_sample(&out, 12345678901, "region", "eu", NULL);
    iso_exposition_family(&out, "iso_sent", ISO_COUNTER, "bytes", "Bytes sent.");
    iso_exposition_sample(&out, 3, NULL);
    iso_exposition_family(&out, "iso_latency", ISO_HISTOGRAM, "seconds", "How long.");
    iso_exposition_histogram(&out, bounds, counts, 5, 2000012.5, "region", "eu", NULL);
    iso_exposition_family(&out, "iso_state", ISO_STATES, "", "What holds.");
    iso_exposition_sample(&out, 1, "region", "eu", "iso_state", "ok", NULL);
    iso_exposition_sample(&out, 0, "region", "eu", "iso_state", "lagging", NULL);
    iso_exposition_family(&out, "iso_build", ISO_INFO_METRIC, NULL, "What runs.");
    iso_exposition_sample(&out, 1, "version", "0.1.0", NULL);
    iso_exposition_end(&out);
}

START_TEST(the_text_format_is_written_as_prometheus_reads_it)
{
    static const char wanted[] =
        "# HELP iso_lag_seconds How old it is.\n"
        "# TYPE iso_lag_seconds gauge\n"
        "iso_lag_seconds{source_region=\"eu\",target_region=\"us\"} 1.25\n"
        "iso_lag_seconds{source_region=\"us\",target_region=\"eu\"} 0\n"
        "# HELP iso_records_applied_total Records that were applied.\n"
        "# TYPE iso_records_applied_total counter\n"
        "iso_records_applied_total{region=\"eu\"} 12345678901\n"
        "# HELP iso_sent_bytes_total Bytes sent.\n"
        "# TYPE iso_sent_bytes_total counter\n"
        "iso_sent_bytes_total 3\n"
        "# HELP iso_latency_seconds How long.\n"
        "# TYPE iso_latency_seconds histogram\n"
        "iso_latency_seconds_bucket{region=\"eu\",le=\"0.005\"} 1\n"
        "iso_latency_seconds_bucket{region=\"eu\",le=\"0.1\"} 1\n"
        "iso_latency_seconds_bucket{region=\"eu\",le=\"1.0\"} 4\n"
        "iso_latency_seconds_bucket{region=\"eu\",le=\"10.0\"} 4\n"
        "iso_latency_seconds_bucket{region=\"eu\",le=\"1e+06\"} 6\n"
        "iso_latency_seconds_bucket{region=\"eu\",le=\"+Inf\"} 7\n"
        "iso_latency_seconds_count{region=\"eu\"} 7\n"
        "iso_latency_seconds_sum{region=\"eu\"} 2000012.5\n"
        "# HELP iso_state What holds.\n"
        "# TYPE iso_state gauge\n"
        "iso_state{region=\"eu\",iso_state=\"ok\"} 1\n"
        "iso_state{region=\"eu\",iso_state=\"lagging\"} 0\n"
        "# HELP iso_build_info What runs.\n"
        "# TYPE iso_build_info gauge\n"
        "iso_build_info{version=\"0.1.0\"} 1\n";
    write_all();
    ck_assert_msg(strcmp(text(), wanted) == 0, "%.4000s", text());
    ck_assert_uint_eq(out.series, 15);
}
END_TEST

START_TEST(openmetrics_has_types_units_and_an_end)
{
    begin_as(true);
    write_all();
    static const char *const lines[] = {
        "# TYPE iso_lag_seconds gauge\n# UNIT iso_lag_seconds "
        "seconds\niso_lag_seconds{",
        "# HELP iso_records_applied Records that were applied.\n"
        "# TYPE iso_records_applied counter\n"
        "iso_records_applied_total{region=\"eu\"} 12345678901\n",
        "# TYPE iso_sent_bytes counter\n# UNIT iso_sent_bytes bytes\n"
        "iso_sent_bytes_total 3\n",
        "# TYPE iso_state stateset\niso_state{region=\"eu\",iso_state=\"ok\"} 1\n",
        "# TYPE iso_build info\niso_build_info{version=\"0.1.0\"} 1\n# EOF\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        ck_assert_msg(strstr(text(), lines[i]) != NULL, "%s not in\n%s", lines[i],
                      text());
    ck_assert_str_eq(strstr(text(), "# EOF"), "# EOF\n");
}
END_TEST

START_TEST(what_is_not_known_is_left_out)
{
    static const uint64_t none[] = {0};
    iso_exposition_family(&out, "iso_x", ISO_GAUGE, NULL, "X.");
    iso_exposition_sample(&out, NAN, NULL);
    iso_exposition_sample(&out, -NAN, "a", "b", NULL);
    iso_exposition_family(&out, "iso_y", ISO_COUNTER, NULL, "Y.");
    iso_exposition_sample(&out, -1, NULL);
    iso_exposition_family(&out, "iso_z", ISO_HISTOGRAM, NULL, "Z.");
    iso_exposition_histogram(&out, NULL, none, 0, NAN, NULL);
    ck_assert_ptr_null(strstr(text(), "an\n"));
    ck_assert_ptr_null(strstr(text(), "NaN"));
    ck_assert_ptr_null(strstr(text(), "-1"));
    ck_assert_ptr_null(strstr(text(), "_sum"));
    ck_assert_ptr_nonnull(
        strstr(text(), "iso_z_bucket{le=\"+Inf\"} 0\niso_z_count 0\n"));
}
END_TEST

/* The value of the one sample. */
static const char *value_of(double value)
{
    begin_as(true);
    iso_exposition_family(&out, "x", ISO_GAUGE, NULL, "X");
    iso_exposition_sample(&out, value, NULL);
    text(); /* ends it */
    char *at = strstr((char *)out.text.data, "\nx ");
    ck_assert_ptr_nonnull(at);
    at[strlen(at) - 1] = '\0';
    return at + 3;
}

START_TEST(numbers_are_the_shortest_that_read_back)
{
    static const double values[] = {
        0.1,     1.0 / 3, 1e-9,    5e-324,   DBL_MAX,
        123.456, 1e15,    -0.0625, 1e300,    0.30000000000000004,
        1e22,    65536.5, 2e-5,    999999.5, 1234567.25};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        ck_assert_msg(strtod(value_of(values[i]), NULL) == values[i], "%.17g: %s",
                      values[i], value_of(values[i]));
    ck_assert_str_eq(value_of(0.1), "0.1");
    ck_assert_str_eq(value_of(-0.0), "0");
    ck_assert_str_eq(value_of(1e6), "1000000");
    ck_assert_str_eq(value_of(9007199254740991), "9007199254740991");
    ck_assert_str_eq(value_of(1785000000.125), "1785000000.125");
    ck_assert_str_eq(value_of(0.00002), "2e-05");
    ck_assert_str_eq(value_of(INFINITY), "+Inf");
    ck_assert_str_eq(value_of(-INFINITY), "-Inf");
}
END_TEST

START_TEST(bounds_are_canonical)
{
    static const double bounds[] = {1e-10, 1e-05,  0.0001, 0.001, 0.25, 1,
                                    1.7,   100000, 1e6,    2.5e7, 1e10};
    static const uint64_t counts[12];
    static const char *const wanted[] = {"1e-10", "1e-05",   "0.0001", "0.001",
                                         "0.25",  "1.0",     "1.7",    "100000.0",
                                         "1e+06", "2.5e+07", "1e+10"};
    iso_exposition_family(&out, "x", ISO_HISTOGRAM, NULL, "X");
    iso_exposition_histogram(&out, bounds, counts, 11, 0, NULL);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "x_bucket{le=\"%s\"} 0\n", wanted[i]);
        ck_assert_msg(strstr(text(), line) != NULL, "%s not in\n%s", line, text());
    }
}
END_TEST

START_TEST(no_value_of_a_label_breaks_its_line)
{
    for (int open = 0; open < 2; open++) {
        begin_as(open);
        iso_exposition_family(&out, "x", ISO_GAUGE, NULL, "Says \"a\\b\"\nand\xff.");
        iso_exposition_sample(&out, 1, "l", "\\ \" \n ü \xff \xc3", NULL);
        ck_assert_ptr_nonnull(
            strstr(text(), "x{l=\"\\\\ \\\" \\n ü \xef\xbf\xbd \xef\xbf\xbd\"} 1\n"));
        ck_assert_ptr_nonnull(
            strstr(text(), open ? "# HELP x Says \\\"a\\\\b\\\"\\nand\xef\xbf\xbd.\n"
                                : "# HELP x Says \"a\\\\b\"\\nand\xef\xbf\xbd.\n"));
    }
}
END_TEST

START_TEST(the_client_says_which_format_it_reads)
{
    static const char prometheus[] =
        "application/openmetrics-text;version=1.0.0,application/"
        "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/"
        "*;q=0.1";
    ck_assert(iso_exposition_wants_open(prometheus));
    ck_assert(iso_exposition_wants_open("Application/OpenMetrics-Text"));
    ck_assert(!iso_exposition_wants_open(NULL));
    ck_assert(!iso_exposition_wants_open(""));
    ck_assert(!iso_exposition_wants_open("*/*"));
    ck_assert(!iso_exposition_wants_open("text/html, text/plain"));
    ck_assert(!iso_exposition_wants_open("application/openmetrics-text; q=0"));
    ck_assert(!iso_exposition_wants_open("application/openmetrics-texts"));
    ck_assert(!iso_exposition_wants_open(
        "text/plain, application/openmetrics-text; version=1.0.0; q=0.2"));
    ck_assert(!iso_exposition_wants_open(";;;q=,,;"));
}
END_TEST

/* Feeds the text to `command`; true when that has no objection, or is not here. */
static bool passes(const char *command)
{
    char line[512];
    snprintf(line, sizeof line, "command -v %.*s >/dev/null || exit 77; %s 1>&2",
             (int)strcspn(command, " "), command, command);
    FILE *pipe = popen(line, "w");
    ck_assert_ptr_nonnull(pipe);
    fwrite(out.text.data, 1, out.text.size, pipe);
    int status = WEXITSTATUS(pclose(pipe));
    return status == 0 || status == 77;
}

START_TEST(promtool_has_no_objection)
{
    write_all();
    ck_assert_msg(passes("promtool check metrics"), "%s", text());
    iso_buf_print(&out.text, "iso_lag_seconds{source_region=\"eu} 1\n");
    if (access("/usr/bin/promtool", X_OK) == 0) /* a planted fault is seen */
        ck_assert(!passes("promtool check metrics"));
}
END_TEST

START_TEST(a_strict_reader_of_openmetrics_has_no_objection)
{
    static const char reader[] =
        "python3 -c 'import sys\n"
        "try: from prometheus_client.openmetrics.parser import "
        "text_string_to_metric_families as read\n"
        "except ImportError: sys.exit(77)\n"
        "list(read(sys.stdin.read()))' 2>/dev/null";
    begin_as(true);
    write_all();
    ck_assert_msg(passes(reader), "%s", text());
    out.text.size -= strlen("# EOF\n");
    FILE *pipe = popen("python3 -c 'import prometheus_client' 2>/dev/null", "r");
    if (pclose(pipe) == 0) /* a planted fault is seen */
        ck_assert(!passes(reader));
}
END_TEST

START_TEST(a_name_that_the_format_would_add_to_is_our_mistake)
{
    iso_exposition_family(&out, "iso_records_total", ISO_COUNTER, NULL, "X");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exposition");
    TCase *tcase = tcase_create("exposition");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, the_text_format_is_written_as_prometheus_reads_it);
    tcase_add_test(tcase, openmetrics_has_types_units_and_an_end);
    tcase_add_test(tcase, what_is_not_known_is_left_out);
    tcase_add_test(tcase, numbers_are_the_shortest_that_read_back);
    tcase_add_test(tcase, bounds_are_canonical);
    tcase_add_test(tcase, no_value_of_a_label_breaks_its_line);
    tcase_add_test(tcase, the_client_says_which_format_it_reads);
    tcase_add_test(tcase, promtool_has_no_objection);
    tcase_add_test(tcase, a_strict_reader_of_openmetrics_has_no_objection);
    tcase_add_test_raise_signal(tcase,
                                a_name_that_the_format_would_add_to_is_our_mistake, 6);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
