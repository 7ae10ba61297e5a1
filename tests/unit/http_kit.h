/* http_kit.h - a server of the test's own, and clients that speak to it in bytes, so
 * that they can be as rude as they like. Each wait has a deadline.
 */
#ifndef ISO_TESTS_HTTP_KIT_H
#define ISO_TESTS_HTTP_KIT_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/log.h"

enum { HEARD_MAX = 4 << 20, DEADLINE_MS = 30000, PIECE_MAX = 1 << 16 };

#define LOCAL "Host: localhost\r\n"
#define ONCE LOCAL "Connection: close\r\n\r\n"

static struct iso_http *http;
static int port;
static struct iso_why why;
static char heard[HEARD_MAX]; /* what the last question was answered with */
static size_t heard_size;

/* What the stream gives: events 1..published. */
static atomic_ullong published;
static atomic_ullong stream_calls;
static atomic_ullong stream_bytes;

static inline int64_t now_ms(void)
{
    return iso_steady_ms(&iso_clock_machine);
}

/* ---- routes ---- */

static inline void route_live(void *user, const struct iso_http_request *request,
                              struct iso_http_answer *answer)
{
    ck_assert_ptr_eq(user, &published);
    ck_assert_ptr_nonnull(request->path);
    iso_buf_print(&answer->body, "{\"live\":true}\n");
}

static inline void route_echo(void *user, const struct iso_http_request *request,
                              struct iso_http_answer *answer)
{
    (void)user;
    const char *given = iso_http_query(request, "q");
    const char *agent = iso_http_header(request, "User-Agent");
    answer->type = "text/plain; charset=utf-8";
    iso_buf_print(&answer->body, "path=%s one=%s two=%s q=%s agent=%s\n", request->path,
                  request->parts[0] != NULL ? request->parts[0] : "-",
                  request->parts[1] != NULL ? request->parts[1] : "-",
                  given != NULL ? given : "-", agent != NULL ? agent : "-");
}

static inline void route_page(void *user, const struct iso_http_request *request,
                              struct iso_http_answer *answer)
{
    (void)user;
    (void)request;
    answer->type = "text/html; charset=utf-8";
    answer->still = iso_bytes_text("<p>a page");
    answer->etag = "v1";
    answer->cache = "no-cache";
}

static inline void route_big(void *user, const struct iso_http_request *request,
                             struct iso_http_answer *answer)
{
    (void)user;
    (void)request;
    for (int i = 0; i < 1000; i++)
        iso_buf_print(&answer->body, "%0999d\n", i);
}

static inline void route_huge(void *user, const struct iso_http_request *request,
                              struct iso_http_answer *answer)
{
    (void)user;
    (void)request;
    iso_buf_reserve(&answer->body, 40 << 20);
    memset(answer->body.data, 'x', 40 << 20);
    answer->body.size = 40 << 20;
}

static inline void route_problem(void *user, const struct iso_http_request *request,
                                 struct iso_http_answer *answer)
{
    (void)user;
    (void)request;
    iso_buf_print(&answer->body, "half an ans");
    iso_http_problem(answer, 404, "No such pair", "There is no pair \"%s\"\n: try %s",
                     "e\xffu", "/v1/status");
}

static inline bool stream_events(void *user, uint64_t *at, struct iso_buf *out)
{
    (void)user;
    atomic_fetch_add(&stream_calls, 1);
    unsigned long long last = atomic_load(&published);
    for (int n = 0; n < 64 && *at < last; n++) {
        unsigned long long id = ++*at;
        iso_buf_print(out, "id: %llu\ndata: %llu\n\n", id, id);
    }
    return true;
}

/* Whatever is asked, there is more. */
static inline bool stream_flood(void *user, uint64_t *at, struct iso_buf *out)
{
    (void)user;
    iso_buf_print(out, "id: %llu\ndata: %032768d\n\n", (unsigned long long)++*at, 0);
    atomic_fetch_add(&stream_bytes, out->size);
    return true;
}

static inline bool stream_three(void *user, uint64_t *at, struct iso_buf *out)
{
    (void)user;
    iso_buf_print(out, "data: %llu\n\n", (unsigned long long)++*at);
    return *at < 3;
}

static inline void begin_stream(const struct iso_http_request *request,
                                struct iso_http_answer *answer, iso_http_stream *stream)
{
    const char *last = iso_http_header(request, "Last-Event-ID");
    answer->stream = stream;
    answer->stream_at = last != NULL ? strtoull(last, NULL, 10) : 0;
}

static inline void route_events(void *user, const struct iso_http_request *request,
                                struct iso_http_answer *answer)
{
    (void)user;
    begin_stream(request, answer, stream_events);
}

static inline void route_flood(void *user, const struct iso_http_request *request,
                               struct iso_http_answer *answer)
{
    (void)user;
    begin_stream(request, answer, stream_flood);
}

static inline void route_three(void *user, const struct iso_http_request *request,
                               struct iso_http_answer *answer)
{
    (void)user;
    begin_stream(request, answer, stream_three);
}

static const struct iso_http_route kit_routes[] = {
    {"/", route_page},
    {"/livez", route_live},
    {"/readyz", route_live},
    {"/v1/echo", route_echo},
    {"/v1/echo/{name}", route_echo},
    {"/v1/pairs/{source}/{target}", route_echo},
    {"/v1/pairs/{source}/{target}/explain", route_echo},
    {"/big", route_big},
    {"/huge", route_huge},
    {"/problem", route_problem},
    {"/events", route_events},
    {"/flood", route_flood},
    {"/three", route_three},
    {0},
};

/* ---- the server ---- */

static inline void kit_open_with(struct iso_http_options options)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 8192 ? files.rlim_max : 8192;
    setrlimit(RLIMIT_NOFILE, &files);
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    options.routes = kit_routes;
    options.user = &published;
    if (options.listen == NULL)
        options.listen = "127.0.0.1:0";
    enum iso_err err = iso_http_open(&options, &http, &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    const char *colon = strrchr(iso_http_address(http), ':');
    port = colon != NULL ? (int)strtol(colon + 1, NULL, 10) : 0;
}

static inline void kit_open(void)
{
    kit_open_with((struct iso_http_options){0});
}

static inline void kit_close(void)
{
    iso_http_close(http);
    http = NULL;
}

/* ---- clients ---- */

static inline int dial(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_msg(connect(fd, (const struct sockaddr *)&at, sizeof at) == 0,
                  "connect: %s", strerror(errno));
    return fd;
}

/* False when the server does not take it any more. */
static inline bool tell_bytes(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

static inline bool tell(int fd, const char *text)
{
    return tell_bytes(fd, text, strlen(text));
}

/* Appends a piece to `heard`; false at the end of the connection. Fails the test when
 * nothing comes for too long. */
static inline bool hear_more(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ck_assert_msg(poll(&wait, 1, DEADLINE_MS) == 1, "nothing came; so far: %.2000s",
                  heard);
    size_t room = sizeof heard - 1 - heard_size;
    ck_assert_uint_gt(room, 0);
    ssize_t got = recv(fd, heard + heard_size, room, 0);
    if (got <= 0)
        return false;
    heard_size += (size_t)got;
    heard[heard_size] = '\0';
    return true;
}

static inline void hear_nothing(void)
{
    heard_size = 0;
    heard[0] = '\0';
}

static inline int status_of(const char *text)
{
    return strncmp(text, "HTTP/1.", 7) == 0 ? (int)strtol(text + 9, NULL, 10) : 0;
}

/* Reads until `mark` was heard `count` times. */
static inline bool hear_until(int fd, const char *mark, int count)
{
    for (;;) {
        int found = 0;
        for (const char *at = strstr(heard, mark); at != NULL && found < count;
             at = strstr(at + 1, mark))
            found++;
        if (found >= count)
            return true;
        if (!hear_more(fd))
            return false;
    }
}

/* Reads one answer with a Content-Length; says its status. */
static inline int hear_answer(int fd)
{
    hear_nothing();
    if (!hear_until(fd, "\r\n\r\n", 1))
        return 0;
    const char *length = strstr(heard, "Content-Length: ");
    const char *body = strstr(heard, "\r\n\r\n") + 4;
    ck_assert_ptr_nonnull(length);
    size_t size = (size_t)(body - heard) + strtoul(length + 16, NULL, 10);
    while (heard_size < size && hear_more(fd))
        continue;
    return status_of(heard);
}

/* Says `data`, hears until the connection is closed; the status, 0 when none came. */
static inline int once_bytes(const char *data, size_t size)
{
    int fd = dial();
    hear_nothing();
    tell_bytes(fd, data, size);
    while (hear_more(fd))
        continue;
    close(fd);
    return status_of(heard);
}

static inline int once(const char *text)
{
    return once_bytes(text, strlen(text));
}

static inline int get(const char *target)
{
    char text[PIECE_MAX];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" ONCE, target);
    return once(text);
}

static inline const char *body(void)
{
    const char *end = strstr(heard, "\r\n\r\n");
    ck_assert_ptr_nonnull(end);
    return end + 4;
}

#define ck_heard(part) ck_assert_msg(strstr(heard, part) != NULL, "%.4000s", heard)
#define ck_not_heard(part) ck_assert_msg(strstr(heard, part) == NULL, "%.4000s", heard)

/* Waits until the server has so many connections. */
static inline void wait_connections(unsigned count)
{
    struct iso_http_stats stats;
    int64_t end_ms = now_ms() + DEADLINE_MS;
    do {
        iso_http_stats(http, &stats);
        poll(NULL, 0, 2);
        ck_assert_msg(now_ms() < end_ms, "%u connections, not %u", stats.connections,
                      count);
    } while (stats.connections != count);
}

static inline int kit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
