/* Which files are taken as plug-ins (consumer/plugin_path.c): below a folder of the
 * test's own that stands for /. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consumer/plugin_state.h"

static struct iso_why why;

#define ck_err(call, expected)                                                         \
    do {                                                                               \
        enum iso_err ck_got = (call);                                                  \
        ck_assert_msg(ck_got == (expected), "%s: %s: %s", #call, iso_err_name(ck_got), \
                      ck_got ? why.text : "ok");                                       \
    } while (0)
#define ck_says(words) ck_assert_msg(strstr(why.text, (words)) != NULL, "%s", why.text)

static char folder[64];
static int root;

static void setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/plugin_path_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    root = open(folder, O_PATH | O_DIRECTORY);
    ck_assert_int_eq(mkdirat(root, "lib", 0755), 0);
    ck_assert_int_eq(mkdirat(root, "lib/deep", 0755), 0);
    int file = openat(root, "lib/deep/a.so", O_CREAT | O_WRONLY, 0644);
    ck_assert_int_eq(fchmod(file, 0644), 0);
    close(file);
    ck_assert_int_eq(symlinkat("deep", root, "lib/link"), 0);
    ck_assert_int_eq(symlinkat("a.so", root, "lib/deep/b.so"), 0);
}

static void teardown(void)
{
    unlinkat(root, "lib/deep/b.so", 0);
    unlinkat(root, "lib/deep/a.so", 0);
    unlinkat(root, "lib/link", 0);
    unlinkat(root, "lib/deep", AT_REMOVEDIR);
    unlinkat(root, "lib", AT_REMOVEDIR);
    close(root);
    rmdir(folder);
}

static enum iso_err path_open(const char *path, uid_t user)
{
    int file = -1;
    enum iso_err err = iso_plugin_path_open(root, path, user, &file, &why);
    if (err == ISO_OK)
        close(file);
    return err;
}

START_TEST(a_file_that_nobody_else_may_change_is_taken)
{
    ck_err(path_open("/lib/deep/a.so", getuid()), ISO_OK);
    ck_err(path_open("//lib//deep/a.so", getuid()), ISO_OK);
}
END_TEST

START_TEST(a_file_or_folder_that_others_may_write_is_denied)
{
    static const struct {
        const char *what;
        mode_t mode, good;
    } modes[] = {{"lib/deep/a.so", 0664, 0644}, {"lib/deep/a.so", 0646, 0644},
                 {"lib/deep", 0775, 0755},      {"lib", 0757, 0755},
                 {"lib", 01777, 0755},          {".", 01777, 0755}};
    for (size_t n = 0; n < sizeof modes / sizeof modes[0]; n++) {
        ck_assert_int_eq(fchmodat(root, modes[n].what, modes[n].mode, 0), 0);
        ck_err(path_open("/lib/deep/a.so", getuid()), ISO_DENIED);
        ck_says("may be changed by others");
        ck_assert_int_eq(fchmodat(root, modes[n].what, modes[n].good, 0), 0);
        ck_err(path_open("/lib/deep/a.so", getuid()), ISO_OK);
    }
}
END_TEST

START_TEST(what_belongs_to_another_user_is_denied)
{
    if (getuid() != 0) { /* the folder is ours, and we are somebody else */
        ck_err(path_open("/lib/deep/a.so", getuid() + 1), ISO_DENIED);
        ck_says("belongs to user");
        return;
    }
    ck_err(path_open("/lib/deep/a.so", 12345), ISO_OK); /* root's are everybody's */
    ck_assert_int_eq(fchownat(root, "lib/deep", 12345, 0, 0), 0);
    ck_err(path_open("/lib/deep/a.so", 0), ISO_DENIED);
    ck_says("/lib/deep belongs to user 12345");
    ck_err(path_open("/lib/deep/a.so", 12345), ISO_OK);
}
END_TEST

START_TEST(links_relative_paths_and_what_is_no_file_are_denied)
{
    ck_err(path_open("/lib/link/a.so", getuid()), ISO_DENIED);
    ck_says("symbolic link");
    ck_err(path_open("/lib/deep/b.so", getuid()), ISO_DENIED);
    ck_says("/lib/deep/b.so is a symbolic link");
    ck_err(path_open("/lib/deep", getuid()), ISO_DENIED);
    ck_err(path_open("/lib/deep/a.so/x", getuid()), ISO_DENIED);
    ck_err(path_open("/lib/deep/none.so", getuid()), ISO_NOT_FOUND);
    ck_err(path_open("/lib/../lib/deep/a.so", getuid()), ISO_USAGE);
    ck_err(path_open("lib/deep/a.so", getuid()), ISO_USAGE);
    ck_err(path_open("/lib/deep/", getuid()), ISO_USAGE);
    ck_err(path_open("", getuid()), ISO_USAGE);
    struct iso_plugin_child *child;
    struct iso_plugin_options options = {.path = "./a.so"};
    ck_err(iso_plugin_open(&options, &child, &why), ISO_USAGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_path");
    TCase *tests = tcase_create("plugin_path");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_file_that_nobody_else_may_change_is_taken);
    tcase_add_test(tests, a_file_or_folder_that_others_may_write_is_denied);
    tcase_add_test(tests, what_belongs_to_another_user_is_denied);
    tcase_add_test(tests, links_relative_paths_and_what_is_no_file_are_denied);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
