/* Where a server listens, and where it refuses to: addresses, sockets with a file, and
 * TLS with certificates that openssl makes for the test. */
#include <dirent.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "http_kit.h"

static char folder[64];

static void begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/iso-http-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void end(void)
{
    struct dirent *entry;
    kit_close();
    ck_assert_int_eq(chdir("/"), 0);
    int fd = -1;
    DIR *open = opendir(folder);
    while ((entry = readdir(open)) != NULL)
        if (entry->d_name[0] != '.' && (fd = dirfd(open)) >= 0)
            unlinkat(fd, entry->d_name, 0);
    closedir(open);
    rmdir(folder);
}

static enum iso_err try(struct iso_http_options options)
{
    options.routes = kit_routes;
    options.user = &published;
    memset(&why, 0, sizeof why);
    return iso_http_open(&options, &http, &why);
}

#define ck_refused(expected, part, ...)                                          \
    do {                                                                         \
        ck_assert_int_eq(try((struct iso_http_options){__VA_ARGS__}), expected); \
        ck_assert_ptr_null(http);                                                \
        ck_assert_msg(strstr(why.text, part) != NULL, "%s", why.text);           \
    } while (0)

START_TEST(what_is_no_address_is_refused_with_its_setting)
{
    static const char *const bad[] = {
        "localhost",
        "8470",
        ":8470",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "127.0.0.1:999999999999",
        "::1:8470",
        "[::1]",
        "[::1]8470",
        "[::1:8470",
        "[]:8470",
        "127.0.0.1:-1",
        "unix:",
        "no such host here:80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_refused(ISO_SETTING, "daemon.http.listen", .section = "daemon",
                   .listen = bad[i]);
    char longest[256] = "unix:/tmp/";
    memset(longest + strlen(longest), 'a', 120);
    ck_refused(ISO_SETTING, "monitor.http.listen", .listen = longest);
    ck_refused(ISO_SETTING, "http.listen", .listen = "203.0.113.1:8470",
               .open_to_all = true);
}
END_TEST

START_TEST(beyond_this_machine_only_with_a_token_or_leave)
{
    ck_refused(ISO_SETTING, "daemon.http.token", .listen = "0.0.0.0:0",
               .section = "daemon");
    ck_refused(ISO_SETTING, "monitor.http.open", .listen = "[::]:0");
    ck_refused(ISO_SETTING, "monitor.http.token", .listen = "0.0.0.0:0");
    kit_open_with(
        (struct iso_http_options){.listen = "0.0.0.0:0", .open_to_all = true});
    ck_assert_int_eq(get("/livez"), 200);
    kit_close();
    kit_open_with((struct iso_http_options){.listen = "127.8.9.1:0"});
}
END_TEST

START_TEST(a_token_that_no_header_can_carry_is_refused)
{
    static const char *const bad[] = {"", "\nsecond", "two words", "t\xc3\xbcr", " x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        FILE *file = fopen("token", "we");
        fputs(bad[i], file);
        fclose(file);
        ck_refused(ISO_SETTING, "token", .listen = "127.0.0.1:0",
                   .token_file = "token");
        ck_assert(bad[i][0] == '\0' || strstr(why.text, bad[i]) == NULL);
    }
    ck_refused(ISO_IO, "nowhere", .listen = "127.0.0.1:0", .token_file = "nowhere");
    ck_refused(ISO_IO, ".", .listen = "127.0.0.1:0", .token_file = ".");
}
END_TEST

START_TEST(an_address_that_is_taken_is_said_to_be)
{
    kit_open();
    struct iso_http *first = http;
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    ck_refused(ISO_EXISTS, "is taken", .listen = address);
    http = first;
    ck_assert_int_eq(get("/livez"), 200);
    kit_close();
    kit_open_with((struct iso_http_options){.listen = address}); /* at once again */
    ck_assert_int_eq(get("/livez"), 200);
}
END_TEST

static int dial_six(void)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

START_TEST(ipv6_is_spoken)
{
    if (access("/proc/net/if_inet6", R_OK) != 0)
        return;
    if (try((struct iso_http_options){.listen = "[::1]:0"}) != ISO_OK) {
        ck_assert_int_eq(why.err, ISO_SETTING); /* a machine without ::1 */
        return;
    }
    ck_assert(strncmp(iso_http_address(http), "http://[::1]:", 13) == 0);
    port = (int)strtol(strrchr(iso_http_address(http), ':') + 1, NULL, 10);
    int fd = dial_six();
    tell(fd, "GET /livez HTTP/1.1\r\nHost: [::1]:1\r\n\r\n");
    ck_assert_int_eq(hear_answer(fd), 200);
    tell(fd, "GET /livez HTTP/1.1\r\nHost: six.example\r\n\r\n");
    ck_assert_int_eq(hear_answer(fd), 403);
    close(fd);
}
END_TEST

/* ---- sockets with a file ---- */

static int dial_unix(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

static void ck_answers_at(const char *path)
{
    int fd = dial_unix(path);
    ck_assert_int_ge(fd, 0);
    tell(fd, "GET /livez HTTP/1.1\r\nHost: whatever\r\n\r\n");
    ck_assert_int_eq(hear_answer(fd), 200);
    close(fd);
}

START_TEST(a_socket_is_for_its_group_and_goes_with_its_server)
{
    struct stat is;
    kit_open_with((struct iso_http_options){.listen = "unix:here.sock"});
    ck_assert_str_eq(iso_http_address(http), "unix:here.sock");
    ck_assert_int_eq(stat("here.sock", &is), 0);
    ck_assert_int_eq(is.st_mode & 0777, 0660);
    ck_answers_at("here.sock");
    kit_close();
    ck_assert_int_eq(access("here.sock", F_OK), -1);
    ck_refused(ISO_SETTING, "cannot listen", .listen = "unix:no/such/folder.sock");
}
END_TEST

START_TEST(a_socket_whose_process_died_is_replaced)
{
    pid_t child = fork();
    if (child == 0) {
        kit_open_with((struct iso_http_options){.listen = "unix:here.sock"});
        _exit(0); /* without a word, as kill -9 */
    }
    int status;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(access("here.sock", F_OK), 0);
    ck_assert_int_eq(dial_unix("here.sock"), -1);
    kit_open_with((struct iso_http_options){.listen = "unix:here.sock"});
    ck_answers_at("here.sock");
}
END_TEST

START_TEST(a_socket_that_somebody_answers_at_is_left_to_them)
{
    kit_open_with((struct iso_http_options){.listen = "unix:here.sock"});
    struct iso_http *first = http;
    ck_refused(ISO_EXISTS, "is taken", .listen = "unix:here.sock");
    http = first;
    ck_answers_at("here.sock");
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_never_removed)
{
    FILE *file = fopen("here.sock", "we");
    fputs("precious", file);
    fclose(file);
    ck_refused(ISO_EXISTS, "no socket", .listen = "unix:here.sock");
    ck_assert_int_eq(access("here.sock", F_OK), 0);
    unlink("here.sock");
    kit_open_with((struct iso_http_options){.listen = "unix:here.sock"});
    unlink("here.sock"); /* somebody else's is there now, which is not removed */
    file = fopen("here.sock", "we");
    fclose(file);
    kit_close();
    ck_assert_int_eq(access("here.sock", F_OK), 0);
}
END_TEST

/* ---- TLS ---- */

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The exit status; what it printed is `heard`. */
static int run(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    hear_nothing();
    heard_size = fread(heard, 1, sizeof heard - 1, pipe);
    heard[heard_size] = '\0';
    return WEXITSTATUS(pclose(pipe));
}

static void make_certificate(const char *name)
{
    ck_assert_int_eq(run("openssl req -x509 -newkey ec -pkeyopt "
                         "ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout %s.key "
                         "-out %s.pem -subj /CN=localhost -addext "
                         "subjectAltName=DNS:localhost,IP:127.0.0.1 2>&1",
                         name, name),
                     0);
}

static int curl(const char *more, const char *path)
{
    return run("curl -sS -m 20 --noproxy '*' --cacert a.pem -w '%%{http_code}' %s "
               "https://127.0.0.1:%d%s 2>&1",
               more, port, path);
}

START_TEST(tls_is_spoken_with_a_certificate_and_its_key)
{
    make_certificate("a");
    kit_open_with((struct iso_http_options){.certificate = "a.pem", .key = "a.key"});
    ck_assert(strncmp(iso_http_address(http), "https://127.0.0.1:", 18) == 0);
    ck_assert_msg(curl("", "/livez") == 0, "%s", heard);
    ck_assert_str_eq(heard, "{\"live\":true}\n200");
    ck_assert_int_eq(curl("", "/big"), 0);
    ck_assert_uint_eq(heard_size, 1000003);
    ck_assert_int_eq(curl("", "/three"), 0);
    ck_heard("data: 1\n\ndata: 2\n\ndata: 3\n\n200");
    ck_assert_int_eq(curl("--tls-max 1.1", "/livez"), 35);
    ck_assert_int_eq(curl("--tls-max 1.2", "/livez"), 0);
}
END_TEST

START_TEST(a_stream_is_woken_behind_tls)
{
    make_certificate("a");
    kit_open_with((struct iso_http_options){
        .certificate = "a.pem", .key = "a.key", .timeout_ms = 1000});
    char command[512];
    snprintf(command, sizeof command,
             "curl -sSN -m 25 --noproxy '*' --cacert a.pem "
             "https://127.0.0.1:%d/events 2>&1",
             port);
    FILE *pipe = popen(command, "re");
    hear_nothing();
    while (strstr(heard, "id: 5\n") == NULL &&
           fgets(heard + heard_size, 256, pipe) != NULL) {
        heard_size += strlen(heard + heard_size);
        atomic_fetch_add(&published, 1);
        iso_http_wake(http);
    }
    ck_heard("id: 5\n");
    kit_close(); /* which ends it */
    while (fgets(heard, 256, pipe) != NULL)
        continue;
    pclose(pipe);
}
END_TEST

START_TEST(who_does_not_speak_tls_is_cut_off)
{
    make_certificate("a");
    kit_open_with((struct iso_http_options){
        .certificate = "a.pem", .key = "a.key", .timeout_ms = 300});
    ck_assert_int_eq(get("/livez"), 0);
    int fd = dial(); /* who says nothing never finishes its handshake */
    hear_nothing();
    while (hear_more(fd))
        continue;
    close(fd);
    ck_assert_int_eq(curl("", "/livez"), 0);
}
END_TEST

START_TEST(what_is_no_certificate_with_its_key_is_refused)
{
    make_certificate("a");
    make_certificate("b");
    ck_refused(ISO_SETTING, "a.pem", .listen = "127.0.0.1:0", .certificate = "a.pem",
               .key = "b.key");
    ck_refused(ISO_SETTING, "a.key", .listen = "127.0.0.1:0", .certificate = "a.key",
               .key = "a.key");
    ck_refused(ISO_SETTING, "daemon.http.key", .listen = "127.0.0.1:0",
               .certificate = "a.pem", .section = "daemon");
    ck_refused(ISO_SETTING, "http.certificate", .listen = "127.0.0.1:0",
               .key = "a.key");
    ck_refused(ISO_IO, "nowhere.pem", .listen = "127.0.0.1:0",
               .certificate = "nowhere.pem", .key = "a.key");
    kit_open_with((struct iso_http_options){.certificate = "b.pem", .key = "b.key"});
}
END_TEST

/* ---- renewal ---- */

/* What the next connection is shown: until it is, or for ten seconds. */
static bool await_shown(const char *authority)
{
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + 10000;
    do {
        if (run("curl -sS -m 5 --noproxy '*' --cacert %s https://127.0.0.1:%d/livez "
                "2>&1",
                authority, port) == 0)
            return true;
    } while (iso_steady_ms(&iso_clock_machine) < until_ms);
    return false;
}

static void replace(const char *name, const char *by)
{
    ck_assert_int_eq(run("cp %s.key new.key && mv new.key %s.key && cp %s.pem new.pem "
                         "&& mv new.pem %s.pem 2>&1",
                         by, name, by, name),
                     0);
}

START_TEST(a_renewed_certificate_is_shown_without_a_new_start)
{
    make_certificate("a");
    make_certificate("b");
    ck_assert_int_eq(run("cp a.pem old.pem"), 0);
    kit_open_with((struct iso_http_options){
        .certificate = "a.pem", .key = "a.key", .timeout_ms = 800});
    ck_assert(await_shown("old.pem"));
    ck_assert_int_ne(curl("--cacert b.pem", "/livez"), 0);
    replace("a", "b");
    ck_assert(await_shown("b.pem"));
    ck_assert_int_ne(curl("--cacert old.pem", "/livez"), 0);
}
END_TEST

START_TEST(a_broken_renewal_is_logged_and_the_old_certificate_stays)
{
    static char logged[1 << 16];
    int fd = memfd_create("log", 0);
    make_certificate("a");
    make_certificate("b");
    ck_assert_int_eq(run("cp a.pem old.pem; cp a.key old.key"), 0);
    iso_log_open(fd, ISO_LOG_TEXT, ISO_INFO);
    kit_open_with((struct iso_http_options){
        .certificate = "a.pem", .key = "a.key", .timeout_ms = 800});
    ck_assert_int_eq(run("cp b.pem a.pem"), 0); /* and not its key */
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + 10000;
    while (pread(fd, logged, sizeof logged - 1, 0) <= 0 ||
           strstr(logged, "http.certificate") == NULL)
        ck_assert_int_lt(iso_steady_ms(&iso_clock_machine), until_ms);
    ck_assert_ptr_nonnull(strstr(logged, "that was loaded before stays"));
    ck_assert(await_shown("old.pem"));
    ck_assert_int_eq(run("rm a.key"), 0);
    ck_assert(await_shown("old.pem"));
    replace("a", "b");
    ck_assert(await_shown("b.pem"));
    kit_close();
    iso_log_open(-1, ISO_LOG_TEXT, ISO_INFO);
    close(fd);
}
END_TEST

START_TEST(a_token_that_everybody_can_read_is_warned_of)
{
    static const struct {
        mode_t mode;
        bool warns;
    } rows[] = {{0600, false}, {0640, false}, {0644, true}, {0602, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char logged[4096] = "";
        int fd = memfd_create("log", 0);
        FILE *file = fopen("token", "we");
        fputs("s3cret-t0ken\n", file);
        fclose(file);
        ck_assert_int_eq(chmod("token", rows[i].mode), 0);
        iso_log_open(fd, ISO_LOG_TEXT, ISO_INFO);
        kit_close();
        kit_open_with((struct iso_http_options){.token_file = "token"});
        kit_close();
        iso_log_open(-1, ISO_LOG_TEXT, ISO_INFO);
        ck_assert_int_ge(pread(fd, logged, sizeof logged - 1, 0), 0);
        ck_assert_msg((strstr(logged, "chmod o= token") != NULL) == rows[i].warns,
                      "%03o: %s", (unsigned)rows[i].mode, logged);
        ck_assert_ptr_null(strstr(logged, "s3cret"));
        close(fd);
    }
}
END_TEST

START_TEST(settings_become_options)
{
    struct iso_settings *settings = iso_settings_new();
    struct iso_http_options options = {0};
    iso_http_settings(settings, "monitor", &options);
    ck_assert_str_eq(options.listen, "127.0.0.1:8470");
    ck_assert(options.token_file == NULL && !options.open_to_all);
    iso_http_settings(settings, "daemon", &options);
    ck_assert_ptr_null(options.listen);
    ck_assert_int_eq(iso_settings_set_pair(settings, "daemon.http.open=true", &why), 0);
    ck_assert_int_eq(iso_settings_set_pair(settings, "daemon.http.token=/t", &why), 0);
    iso_http_settings(settings, "daemon", &options);
    ck_assert(options.open_to_all);
    ck_assert_str_eq(options.token_file, "/t");
    ck_assert_str_eq(options.section, "daemon");
    iso_settings_free(settings);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_listen");
    TCase *tcase = tcase_create("http_listen");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, what_is_no_address_is_refused_with_its_setting);
    tcase_add_test(tcase, beyond_this_machine_only_with_a_token_or_leave);
    tcase_add_test(tcase, a_token_that_no_header_can_carry_is_refused);
    tcase_add_test(tcase, an_address_that_is_taken_is_said_to_be);
    tcase_add_test(tcase, ipv6_is_spoken);
    tcase_add_test(tcase, a_socket_is_for_its_group_and_goes_with_its_server);
    tcase_add_test(tcase, a_socket_whose_process_died_is_replaced);
    tcase_add_test(tcase, a_socket_that_somebody_answers_at_is_left_to_them);
    tcase_add_test(tcase, a_file_that_is_no_socket_is_never_removed);
    tcase_add_test(tcase, tls_is_spoken_with_a_certificate_and_its_key);
    tcase_add_test(tcase, a_stream_is_woken_behind_tls);
    tcase_add_test(tcase, who_does_not_speak_tls_is_cut_off);
    tcase_add_test(tcase, what_is_no_certificate_with_its_key_is_refused);
    tcase_add_test(tcase, a_renewed_certificate_is_shown_without_a_new_start);
    tcase_add_test(tcase, a_broken_renewal_is_logged_and_the_old_certificate_stays);
    tcase_add_test(tcase, a_token_that_everybody_can_read_is_warned_of);
    tcase_add_test(tcase, settings_become_options);
    suite_add_tcase(suite, tcase);
    return kit_run(suite);
}
