/* Key files, good and bad, who wins over whom, and the example file, which must give
 * every default when it is read back. Files stand in memory. */
#include "base/keyfile.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* A settings file in memory; the path is good while `*fd` is open. */
static const char *file_with(const char *content, int *fd)
{
    static char path[64];
    *fd = memfd_create("settings", 0);
    ck_assert_int_ge(*fd, 0);
    ck_assert_int_eq(write(*fd, content, strlen(content)), (ssize_t)strlen(content));
    snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
    return path;
}

static enum iso_err read_content(const char *content)
{
    int fd;
    const char *path = file_with(content, &fd);
    enum iso_err err = iso_keyfile_read(settings, path, &why);
    close(fd);
    return err;
}

START_TEST(a_file_has_sections_comments_and_raw_values)
{
    assert_ok(read_content("# words\n\n[cluster home]\nservers = a:1, b:2 \n"
                           "kafka.sasl.password = p\\s;#=\"w\"\n"
                           "[region eu]\n  store=/var/lib/iso stasy\n"
                           "[daemon]\nshards=2\n[daemon]\nshards=3\n"));
    ck_assert_str_eq(iso_settings_text(settings, "cluster", "home", "servers"),
                     "a:1, b:2");
    ck_assert_str_eq(
        iso_settings_text(settings, "cluster", "home", "kafka.sasl.password"),
        "p\\s;#=\"w\"");
    ck_assert_str_eq(iso_settings_text(settings, "region", "eu", "store"),
                     "/var/lib/iso stasy");
    ck_assert_int_eq(number("daemon", "shards"), 3);
    assert_ok(read_content(""));
}
END_TEST

START_TEST(a_wrong_value_in_a_file_is_told_with_its_line)
{
    assert_refused(read_content("# one\n[region eu]\nstore = /s\n\n[daemon]\n"
                                "  shards = 2\n  shards = 99 \n"),
                   ":7: daemon.shards: 99 is too large");
    assert_refused(read_content("[daemon]\nreport.interval=5\n[log]\nlevel=info\n"),
                   ":2: daemon.report.interval: \"5\" is not a duration");
    assert_refused(read_content("[region EU]\nstore=/s\n"), ":2: ");
    assert_refused(read_content("[deamon]\nshards=1\n"), "did you mean \"daemon\"?");
}
END_TEST

START_TEST(a_file_with_bad_syntax_is_refused)
{
    static const char *const bad[] = {"shards = 1\n",     "[daemon\nshards = 1\n",
                                      "[daemon]\nshards", "[daemon]\n= 1\n",
                                      "[]\nshards = 1\n", "\x01\x02",
                                      "{\"daemon\": 1}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(read_content(bad[i]), "/proc/self/fd/");
}
END_TEST

START_TEST(only_a_file_that_was_named_must_exist)
{
    ck_assert_int_eq(iso_keyfile_read(settings, "/nowhere/x.conf", &why), ISO_IO);
    ck_assert_ptr_nonnull(strstr(why.text, "/nowhere/x.conf"));
    setenv("ISOSTASY_CONFIG", "/nowhere/y.conf", 1);
    ck_assert_int_eq(iso_keyfile_read(settings, NULL, &why), ISO_IO);
    ck_assert_ptr_nonnull(strstr(why.text, "/nowhere/y.conf"));
    ck_assert_int_eq(iso_keyfile_read(settings, "/proc/self", &why), ISO_IO);
    int fd;
    setenv("ISOSTASY_CONFIG", file_with("[daemon]\nshards=5\n", &fd), 1);
    assert_ok(iso_keyfile_read(settings, NULL, &why));
    ck_assert_int_eq(number("daemon", "shards"), 5);
    close(fd);
    unsetenv("ISOSTASY_CONFIG");
    if (access("/etc/isostasy/isostasy.conf", F_OK) != 0)
        assert_ok(iso_keyfile_read(settings, NULL, &why));
}
END_TEST

START_TEST(a_value_behind_a_mistyped_name_in_a_file_is_not_told)
{
    assert_refused(read_content("[cluster home]\nkafak.sasl.password = hunter2\n"),
                   "kafak");
    ck_assert_ptr_null(strstr(why.text, "hunter2"));
}
END_TEST

START_TEST(the_command_line_wins_over_environment_and_file)
{
    setenv("ISOSTASY_DAEMON_SHARDS", "3", 1);
    setenv("ISOSTASY_DAEMON_MEMORY_MAX", "1GiB", 1);
    setenv("ISOSTASY_CONFIG", "/not/a/setting", 1);
    assert_ok(read_content("[daemon]\nshards = 2\nmemory.max = 256MiB\n"
                           "report.interval = 2s\n"));
    assert_ok(iso_settings_set_environment(settings, &why));
    assert_ok(iso_settings_set_pair(settings, "daemon.shards=4", &why));
    ck_assert_int_eq(number("daemon", "shards"), 4);
    ck_assert_int_eq(number("daemon", "memory.max"), 1 << 30);
    ck_assert_int_eq(number("daemon", "report.interval"), 2000);
}
END_TEST

/* The example, with its settings made live: "#key = value" loses its sign when the
 * table has a default for it; words, which have a blank behind the sign, stay. */
static void uncomment(char *content)
{
    for (char *line = content; line != NULL && *line != '\0';) {
        char *next = strchr(line, '\n');
        char *equals = strstr(line, " =");
        bool is_setting = line[0] == '#' && line[1] != ' ' && equals != NULL;
        bool has_value =
            is_setting && (equals[2] == ' ' || strncmp(line, "#coll", 5) == 0);
        if (has_value)
            line[0] = ' ';
        line = next != NULL ? next + 1 : NULL;
    }
}

START_TEST(the_example_file_read_back_gives_every_default)
{
    char *content = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&content, &size);
    iso_settings_print_example(out);
    fclose(out);
    assert_ok(read_content(content)); /* as it is: it sets nothing */
    ck_assert_ptr_null(iso_settings_name(settings, "cluster", 0));
    uncomment(content);
    assert_ok(read_content(content));
    free(content);
    struct iso_settings *fresh = iso_settings_new();
    for (const struct iso_option *at = iso_options; at->section != NULL; at++) {
        const char *name = strcmp(at->section, "cluster") == 0  ? "home"
                           : strcmp(at->section, "region") == 0 ? "eu"
                           : strcmp(at->section, "plugin") == 0 ? "cart"
                                                                : NULL;
        const char *got = iso_settings_text(settings, at->section, name, at->key);
        const char *want = iso_settings_text(fresh, at->section, name, at->key);
        ck_assert_pstr_eq(got, want);
        if (at->type != ISO_OPTION_TEXT && at->type != ISO_OPTION_CHOICE)
            ck_assert_int_eq(iso_settings_number(settings, at->section, name, at->key),
                             iso_settings_number(fresh, at->section, name, at->key));
    }
    ck_assert(iso_settings_has(settings, "cluster", "home"));
    ck_assert(iso_settings_has(settings, "region", "eu"));
    iso_settings_free(fresh);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keyfile");
    TCase *tcase = tcase_create("keyfile");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, a_file_has_sections_comments_and_raw_values);
    tcase_add_test(tcase, a_wrong_value_in_a_file_is_told_with_its_line);
    tcase_add_test(tcase, a_file_with_bad_syntax_is_refused);
    tcase_add_test(tcase, only_a_file_that_was_named_must_exist);
    tcase_add_test(tcase, a_value_behind_a_mistyped_name_in_a_file_is_not_told);
    tcase_add_test(tcase, the_command_line_wins_over_environment_and_file);
    tcase_add_test(tcase, the_example_file_read_back_gives_every_default);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
