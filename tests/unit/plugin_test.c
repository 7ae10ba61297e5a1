/* The loader of resolver plug-ins (consumer/plugin.h), with good ones and each kind of
 * bad one (tests/plugin/manners.c), in real child processes. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "consumer/plugin_state.h"
#include "schema/part.h"
#include "schema_kit.h"

static struct iso_plugin_child *child;
static struct iso_plugin_report report;
static struct iso_buf answer;
static struct iso_why why;

static void teardown(void)
{
    iso_plugin_close(child);
    child = NULL;
    iso_plugin_report_release(&report);
    iso_buf_release(&answer);
}

/* By its open file: where the tests were built, others may write above it. */
static enum iso_err plugin_open(const char *manner, const char *name, uint64_t checks)
{
    char path[4096];
    snprintf(path, sizeof path, ISO_TEST_PLUGINS "%s.so", manner);
    struct iso_plugin_options options = {.name = name,
                                         .path = path,
                                         .host = ISO_TEST_PLUGIN_HOST,
                                         .timeout_ms =
                                             strcmp(manner, "hangs") == 0 ? 500 : 5000,
                                         .checks = checks,
                                         .seed = 5,
                                         .report = &report};
    int file = open(path, O_PATH | O_CLOEXEC);
    ck_assert_msg(file >= 0, "%s: %s", path, strerror(errno));
    return iso_plugin_open_file(&options, file, &child, &why);
}

/* Without a failing check: cases of one and two siblings are not failed on. */
static void plugin_open_unchecked(const char *manner)
{
    char path[4096];
    snprintf(path, sizeof path, ISO_TEST_PLUGINS "%s.so", manner);
    child = iso_alloc_zero(1, sizeof *child);
    child->file = open(path, O_PATH | O_CLOEXEC);
    child->path = iso_strdup(path);
    child->host = iso_strdup(ISO_TEST_PLUGIN_HOST);
    child->timeout_ms = 1000;
    child->memory_max = 128 << 20;
}

#define ck_err(call, expected)                                                         \
    do {                                                                               \
        enum iso_err ck_got = (call);                                                  \
        ck_assert_msg(ck_got == (expected), "%s: %s: %s", #call, iso_err_name(ck_got), \
                      ck_got ? why.text : "ok");                                       \
    } while (0)
#define ck_says(words) ck_assert_msg(strstr(why.text, (words)) != NULL, "%s", why.text)

/* `count` siblings "a", "ab", …, the newest first and longest. */
static enum iso_err ask(size_t count)
{
    static const char text[] = "abcdefgh";
    struct iso_held siblings[sizeof text] = {0};
    for (size_t n = 0; n < count; n++) {
        siblings[n].version = (struct iso_version){100 - n, 1};
        siblings[n].value = iso_bytes(text, count - n);
    }
    return iso_plugin_ask(child, siblings, count, &answer, &why);
}

static void answer_is(const char *text)
{
    ck_assert_msg(iso_bytes_equal(iso_buf_bytes(&answer), iso_bytes_text(text)), "%s",
                  iso_buf_text(&answer));
}

/* ---- good ones ---- */

START_TEST(a_good_one_is_taken_and_answers)
{
    ck_err(plugin_open("good", "good", 200), ISO_OK);
    ck_assert_str_eq(report.name, "good");
    ck_assert_str_eq(report.words, "a plug-in for tests");
    ck_assert_uint_eq(report.cases, 200);
    ck_assert_uint_eq(report.answers, 600);
    ck_assert_uint_eq(report.count, 0);
    ck_assert_str_eq(iso_plugin_name(child), "good");
    for (size_t count = 1; count < 6; count++) {
        ck_err(ask(count), ISO_OK);
        ck_assert_uint_eq(answer.size, count);
    }
}
END_TEST

START_TEST(the_example_shows_every_line_once)
{
    static const char *const lists[] = {"milk\ntea\n", "bread\ntea", "tea\nmilk"};
    struct iso_held siblings[3] = {0};
    ck_err(plugin_open("lines", "lines", 500), ISO_OK);
    for (size_t n = 0; n < 3; n++) {
        siblings[n].version = (struct iso_version){3 - n, 1};
        siblings[n].value = iso_bytes_text(lists[n]);
    }
    ck_err(iso_plugin_ask(child, siblings, 3, &answer, &why), ISO_OK);
    answer_is("tea\nmilk\nbread\n");
}
END_TEST

/* ---- values of a schema ---- */

static enum iso_err plugin_open_by(const char *manner, const char *schema)
{
    char path[4096];
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    kit_schema(definition, schema, 0);
    snprintf(path, sizeof path, ISO_TEST_PLUGINS "%s.so", manner);
    struct iso_plugin_options options = {.path = path,
                                         .host = ISO_TEST_PLUGIN_HOST,
                                         .checks = 100,
                                         .report = &report,
                                         .definition = definition};
    int file = open(path, O_PATH | O_CLOEXEC);
    ck_assert_msg(file >= 0, "%s: %s", path, strerror(errno));
    enum iso_err err = iso_plugin_open_file(&options, file, &child, &why);
    iso_definition_free(definition);
    return err;
}

START_TEST(what_answers_with_values_of_the_schema_is_taken)
{
    ck_err(plugin_open_by("framed", "\"string\""), ISO_OK);
    ck_err(ask(2), ISO_OK); /* any bytes again */
    answer_is("ab");
}
END_TEST

START_TEST(what_generates_no_values_of_the_schema_is_refused)
{
    ck_err(plugin_open_by("framed", "\"bytes\""), ISO_REFUSED);
    ck_says("generate: plug-in framed");
    ck_assert_uint_eq(report.count, 1);
    ck_err(plugin_open_by("good", "\"string\""), ISO_REFUSED);
}
END_TEST

START_TEST(what_answers_with_no_value_of_it_is_refused_with_the_smallest_example)
{
    ck_err(plugin_open_by("cuts", "\"string\""), ISO_REFUSED);
    ck_says("merge: plug-in cuts: its answer of 11 bytes is no value");
    ck_assert_uint_eq(report.count, 3);
}
END_TEST

/* ---- what it may use ---- */

START_TEST(memory_and_sorting_are_there)
{
    ck_err(plugin_open("sorts", NULL, 32), ISO_OK);
    ck_err(ask(3), ISO_OK);
    answer_is("abc");
}
END_TEST

START_TEST(siblings_come_by_version_and_no_answer_is_an_answer_with_its_number)
{
    ck_err(plugin_open("refuses", NULL, 100), ISO_OK);
    ck_err(ask(4), ISO_OK);
    answer_is("abcd");
    ck_err(ask(2), ISO_BAD_DATA);
    ck_says("42");
    ck_assert_uint_eq(answer.size, 0);
    ck_err(ask(3), ISO_OK);
}
END_TEST

START_TEST(large_siblings_pass_and_too_large_ones_do_not)
{
    size_t size = ISO_PLUGIN_BYTES_MAX / 2;
    uint8_t *much = iso_alloc_zero(1, size + 1);
    struct iso_held siblings[2] = {{.value = {much, size}}, {.value = {much, size}}};
    ck_err(plugin_open("good", NULL, 10), ISO_OK);
    child->timeout_ms = 20000;
    ck_err(iso_plugin_ask(child, siblings, 2, &answer, &why), ISO_OK);
    ck_assert_uint_eq(answer.size, size);
    siblings[0].value.size++;
    ck_err(iso_plugin_ask(child, siblings, 2, &answer, &why), ISO_TOO_LARGE);
    ck_says("too much for a plug-in");
    ck_err(ask(1), ISO_OK);
    iso_free(much);
}
END_TEST

START_TEST(a_child_that_died_between_two_questions_is_replaced)
{
    ck_err(plugin_open("good", NULL, 10), ISO_OK);
    ck_err(ask(2), ISO_OK);
    siginfo_t how;
    ck_assert_int_eq(pidfd_send_signal(child->process, SIGKILL, NULL, 0), 0);
    ck_assert_int_eq(waitid(P_PIDFD, (id_t)child->process, &how, WEXITED | WNOWAIT), 0);
    ck_err(ask(3), ISO_OK);
    answer_is("abc");
    child->spent_ms = INT32_MAX; /* and one that has answered for long */
    ck_err(ask(2), ISO_OK);
    ck_assert_int_lt(child->spent_ms, 60000);
}
END_TEST

/* As in services that ignore SIGCHLD. */
START_TEST(a_service_that_does_not_wait_for_children_is_answered_too)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    ck_assert_int_eq(sigaction(SIGCHLD, &ignored, NULL), 0);
    plugin_open_unchecked("crashes");
    ck_err(ask(2), ISO_OK);
    ck_err(ask(3), ISO_AGAIN);
    ck_says("how is not known");
    ck_err(ask(1), ISO_OK);
}
END_TEST

/* ---- the checks ---- */

struct bad {
    const char *manner;
    const char *says;
    size_t count; /* of the counter-example; 0: none is small enough to say */
};

static const struct bad bad_ones[] = {
    {"crashes", "crashed on signal 11", 3},
    {"aborts", "crashed on signal 6", 3},
    {"exits", "ended its process, with status 7", 3},
    {"hangs", "no answer within", 3},
    {"grows", "longer than", 3},
    {"counts", "another answer to the same siblings when it is asked again", 3},
    {"addresses", "another answer to the same siblings in another process", 3},
    {"clocks", "signal 11", 3},
    {"draws", "killed by signal 31", 3},
    {"opens", "killed by signal 31", 3},
    {"connects", "killed by signal 31", 3},
    {"forks", "killed by signal 31", 3},
    {"shouts", "no reply", 3},
    {"writes", "crashed on signal 11", 3},
    {"anew", "another value of the same seed", 1},
    {"fails", "generate: the plug-in has no answer, and says 5", 1},
};

START_TEST(a_bad_one_is_refused_with_the_smallest_counter_example)
{
    const struct bad *bad = &bad_ones[_i];
    ck_err(plugin_open(bad->manner, bad->manner, 200), ISO_REFUSED);
    ck_assert_ptr_null(child);
    ck_says("breaks the rules of plug-ins");
    ck_says(bad->says);
    ck_says(bad->manner);
    ck_assert_uint_eq(report.count, bad->count);
    uint64_t seed = bad->count == 1 ? 6 : 0;
    for (size_t n = 0; n < report.count; n++) {
        ck_assert_uint_eq(report.siblings[n].seed, seed);
        ck_assert_uint_eq(report.siblings[n].version.hlc, n + 1);
    }
    if (seed == 0)
        ck_assert(iso_bytes_equal(iso_buf_bytes(&report.siblings[0].value),
                                  iso_bytes_text("a")));
    if (strstr(bad->says, "same siblings") != NULL) {
        ck_assert_uint_eq(report.given, 2);
        ck_assert(!iso_bytes_equal(iso_buf_bytes(&report.shown[0]),
                                   iso_buf_bytes(&report.shown[1])));
    }
}
END_TEST

/* What it does wrong when nobody checked it: the one question fails. */
static const struct {
    const char *manner;
    enum iso_err err;
} wrong_ones[] = {
    {"crashes", ISO_AGAIN}, {"aborts", ISO_AGAIN},    {"exits", ISO_AGAIN},
    {"hangs", ISO_TIMEOUT}, {"grows", ISO_TOO_LARGE}, {"opens", ISO_AGAIN},
    {"shouts", ISO_AGAIN},
};

START_TEST(a_question_that_fails_leaves_the_next_one_unharmed)
{
    plugin_open_unchecked(wrong_ones[_i].manner);
    for (int n = 0; n < 2; n++) {
        ck_err(ask(3), wrong_ones[_i].err);
        ck_assert_uint_eq(answer.size, 0);
        ck_says("plug-in");
        ck_err(ask(2), ISO_OK);
        answer_is("ab");
    }
}
END_TEST

/* ---- what is no plug-in of ours ---- */

START_TEST(another_abi_name_or_file_is_said)
{
    ck_err(plugin_open("old", NULL, 10), ISO_UNSUPPORTED);
    ck_says("ABI 77");
    ck_err(plugin_open("good", "better", 10), ISO_BAD_DATA);
    ck_says("calls itself good and not better");
    ck_err(plugin_open("none", NULL, 10), ISO_BAD_DATA);
    ck_says("iso_plugin_describe");
    struct iso_plugin_options options = {.path = "text", .host = ISO_TEST_PLUGIN_HOST};
    int file = open(ISO_SOURCE_DIR "/CMakeLists.txt", O_PATH);
    ck_err(iso_plugin_open_file(&options, file, &child, &why), ISO_BAD_DATA);
    ck_says("it is no plug-in");
    ck_assert_ptr_null(child);
}
END_TEST

START_TEST(loading_runs_behind_the_fence)
{
    ck_err(plugin_open("loads", NULL, 10), ISO_AGAIN);
    ck_says("signal 31");
}
END_TEST

START_TEST(memory_is_limited)
{
    ck_err(plugin_open("hungry", NULL, 10), ISO_OK);
    ck_err(ask(1), ISO_BAD_DATA);
    ck_says("says 12");
}
END_TEST

START_TEST(a_host_that_is_not_there_is_said)
{
    struct iso_plugin_options options = {.path = "x", .host = "/nowhere/host"};
    int file = open(ISO_TEST_PLUGINS "good.so", O_PATH);
    ck_err(iso_plugin_open_file(&options, file, &child, &why), ISO_IO);
    ck_says("/nowhere/host");
}
END_TEST

START_TEST(the_host_is_found_from_where_this_code_is)
{
    struct iso_buf path = {0}; /* tests stand one folder below it: not beside */
    enum iso_err err = iso_plugin_host_find(&path, &why);
    ck_assert(err == ISO_OK || err == ISO_NOT_FOUND);
    if (err == ISO_NOT_FOUND)
        ck_says("isostasy-plugin-host");
    iso_buf_release(&path);
}
END_TEST

static void *thread_asks(void *unused)
{
    (void)unused;
    struct iso_plugin_child *mine;
    struct iso_why own;
    struct iso_held sibling = {.value = iso_bytes_text("abc")};
    struct iso_buf got = {0};
    struct iso_plugin_options options = {
        .path = "x", .host = ISO_TEST_PLUGIN_HOST, .checks = 64};
    int file = open(ISO_TEST_PLUGINS "good.so", O_PATH | O_CLOEXEC);
    bool good = iso_plugin_open_file(&options, file, &mine, &own) == ISO_OK &&
                iso_plugin_ask(mine, &sibling, 1, &got, &own) == ISO_OK &&
                got.size == 3;
    if (good)
        iso_plugin_close(mine);
    iso_buf_release(&got);
    return good ? &report : NULL; /* any pointer says that it was */
}

START_TEST(threads_have_plugins_of_their_own)
{
    pthread_t threads[4];
    for (size_t n = 0; n < 4; n++)
        ck_assert_int_eq(pthread_create(&threads[n], NULL, thread_asks, NULL), 0);
    for (size_t n = 0; n < 4; n++) {
        void *good;
        ck_assert_int_eq(pthread_join(threads[n], &good), 0);
        ck_assert_ptr_nonnull(good);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin");
    TCase *good = tcase_create("good");
    tcase_set_timeout(good, 60);
    tcase_add_checked_fixture(good, NULL, teardown);
    tcase_add_test(good, a_good_one_is_taken_and_answers);
    tcase_add_test(good, the_example_shows_every_line_once);
    tcase_add_test(good, what_answers_with_values_of_the_schema_is_taken);
    tcase_add_test(good, what_generates_no_values_of_the_schema_is_refused);
    tcase_add_test(
        good, what_answers_with_no_value_of_it_is_refused_with_the_smallest_example);
    tcase_add_test(good, memory_and_sorting_are_there);
    tcase_add_test(good,
                   siblings_come_by_version_and_no_answer_is_an_answer_with_its_number);
    tcase_add_test(good, large_siblings_pass_and_too_large_ones_do_not);
    tcase_add_test(good, a_child_that_died_between_two_questions_is_replaced);
    tcase_add_test(good, a_service_that_does_not_wait_for_children_is_answered_too);
    tcase_add_test(good, threads_have_plugins_of_their_own);
    suite_add_tcase(suite, good);
    TCase *bad = tcase_create("bad");
    tcase_set_timeout(bad, 120);
    tcase_add_checked_fixture(bad, NULL, teardown);
    tcase_add_loop_test(bad, a_bad_one_is_refused_with_the_smallest_counter_example, 0,
                        sizeof bad_ones / sizeof bad_ones[0]);
    tcase_add_loop_test(bad, a_question_that_fails_leaves_the_next_one_unharmed, 0,
                        sizeof wrong_ones / sizeof wrong_ones[0]);
    tcase_add_test(bad, another_abi_name_or_file_is_said);
    tcase_add_test(bad, loading_runs_behind_the_fence);
    tcase_add_test(bad, memory_is_limited);
    tcase_add_test(bad, a_host_that_is_not_there_is_said);
    tcase_add_test(bad, the_host_is_found_from_where_this_code_is);
    suite_add_tcase(suite, bad);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
