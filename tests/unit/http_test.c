/* Requests over real sockets: every form in which one may come, and those in which it
 * may not; who may ask; and what is never said. */
#include <jansson.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "http_kit.h"

#define TOKEN "s3cret-T0ken.of~tests"
/* any:TOKEN, :TOKEN, TOKEN:any, any:TOKENs, as a browser sends them */
#define BASIC "YW55OnMzY3JldC1UMGtlbi5vZn50ZXN0cw=="
#define BASIC_NOBODY "OnMzY3JldC1UMGtlbi5vZn50ZXN0cw=="
#define BASIC_USER_IS_TOKEN "czNjcmV0LVQwa2VuLm9mfnRlc3RzOmFueQ=="
#define BASIC_LONGER "YW55OnMzY3JldC1UMGtlbi5vZn50ZXN0c3M="

static char token_file[] = "/tmp/iso-http-token-XXXXXX";

/* The answer is a problem, in words, of this status. */
static void ck_problem(int status)
{
    json_error_t error;
    ck_assert_msg(status_of(heard) == status, "not %d: %.2000s", status, heard);
    ck_heard("Content-Type: application/problem+json\r\n");
    json_t *problem = json_loads(body(), 0, &error);
    ck_assert_msg(problem != NULL, "%s: %s", error.text, body());
    ck_assert_int_eq(json_integer_value(json_object_get(problem, "status")), status);
    ck_assert_str_eq(json_string_value(json_object_get(problem, "type")),
                     "about:blank");
    ck_assert_uint_gt(json_string_length(json_object_get(problem, "title")), 5);
    ck_assert_uint_gt(json_string_length(json_object_get(problem, "detail")), 20);
    json_decref(problem);
}

START_TEST(every_route_is_answered_and_nothing_else)
{
    ck_assert_int_eq(get("/livez"), 200);
    ck_assert_str_eq(body(), "{\"live\":true}\n");
    ck_heard("Content-Type: application/json; charset=utf-8\r\n");
    ck_heard("Cache-Control: no-store\r\n");
    ck_heard("X-Content-Type-Options: nosniff\r\n");
    ck_heard("Referrer-Policy: no-referrer\r\n");
    ck_heard("Date: ");
    ck_not_heard("Content-Security-Policy");
    ck_assert_int_eq(get("/v1/echo?q=a%20b+c"), 200);
    ck_assert_str_eq(body(), "path=/v1/echo one=- two=- q=a b c agent=-\n");
    ck_assert_int_eq(get("/v1/pairs/e%C3%BC/us/explain?x"), 200);
    ck_assert_str_eq(body(),
                     "path=/v1/pairs/eü/us/explain one=eü two=us q=- agent=-\n");
    ck_assert_int_eq(get("http://127.0.0.1/v1/echo/n"), 200);
    ck_heard("one=n");
    get("/v1");
    ck_problem(404);
    get("/livez/");
    ck_problem(404);
    get("//livez");
    ck_problem(404);
    get("/v1/pairs//us");
    ck_problem(404);
    get("/livee");
    ck_problem(404);
    ck_heard("did you mean /livez?");
}
END_TEST

START_TEST(a_bad_target_is_told_what_is_wrong_with_it)
{
    static const char *const bad[] = {
        "/%",         "/%zz", "/..",       "/a/../livez", "/%2e%2e/etc",
        "/a%2Fb",     "/%00", "/livez%00", "/%ff",        "/livez?q=%",
        "/livez?%00", "*",    "/livez#a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        get(bad[i]);
        ck_problem(400);
    }
    char longest[ISO_HTTP_PATH_MAX + 64] = "/v1/echo/";
    memset(longest + strlen(longest), 'a', ISO_HTTP_PATH_MAX - strlen(longest));
    ck_assert_int_eq(get(longest), 200);
    longest[ISO_HTTP_PATH_MAX] = 'a';
    get(longest);
    ck_problem(414);
    ck_assert_int_eq(get("/livez"), 200);
}
END_TEST

START_TEST(a_nul_in_the_head_opens_nothing)
{
    static const char path[] = "GET /livez\0/../../x HTTP/1.1\r\n" ONCE;
    static const char header[] = "GET /v1/echo HTTP/1.1\r\nUser-Agent: a\0b\r\n" ONCE;
    int status = once_bytes(path, sizeof path - 1);
    ck_assert_msg(status == 200 || status == 400 || status == 0, "%s", heard);
    status = once_bytes(header, sizeof header - 1);
    ck_assert_msg(status == 200 || status == 400 || status == 0, "%s", heard);
    ck_assert_int_eq(get("/livez"), 200);
}
END_TEST

START_TEST(head_is_get_without_the_body)
{
    ck_assert_int_eq(once("HEAD /livez HTTP/1.1\r\n" ONCE), 200);
    ck_heard("Content-Length: 14\r\n");
    ck_assert_str_eq(body(), "");
    ck_assert_int_eq(once("HEAD /nothing HTTP/1.1\r\n" ONCE), 404);
    ck_assert_str_eq(body(), "");
    ck_assert_int_eq(once("HEAD /events HTTP/1.1\r\n" ONCE), 200);
    ck_heard("text/event-stream");
    ck_assert_str_eq(body(), "");
}
END_TEST

START_TEST(methods_that_would_change_something_are_not_done)
{
    static const char *const methods[] = {
        "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "BREW"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s /livez HTTP/1.1\r\n" ONCE, methods[i]);
        once(text);
        ck_problem(405);
        ck_heard("Allow: GET, HEAD\r\n");
    }
}
END_TEST

START_TEST(a_body_is_refused_before_it_is_read)
{
    once("GET /livez HTTP/1.1\r\nContent-Length: 3\r\n" ONCE "abc");
    ck_problem(413);
    once("GET /livez HTTP/1.1\r\nContent-Length: 999999999999\r\n" ONCE);
    ck_problem(413);
    once("GET /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" ONCE
         "3\r\nabc\r\n0\r\n\r\n");
    ck_problem(413);
    once("GET /livez HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n" ONCE);
    ck_problem(413);
    ck_not_heard("100 Continue");
    once("POST /livez HTTP/1.1\r\nContent-Length: 3\r\n" ONCE "abc");
    ck_problem(405);
    ck_assert_int_eq(once("GET /livez HTTP/1.1\r\nContent-Length: 0\r\n" ONCE), 200);
    once("GET /livez HTTP/1.1\r\nContent-Length: x\r\n" ONCE);
    ck_assert_int_ne(status_of(heard), 200);
}
END_TEST

START_TEST(old_and_pipelined_requests_are_answered_in_order)
{
    ck_assert_int_eq(once("GET /livez HTTP/1.0\r\n\r\n"), 200);
    ck_assert_str_eq(body(), "{\"live\":true}\n");
    ck_assert_int_eq(once("GET /three HTTP/1.0\r\n\r\n"), 200);
    ck_not_heard("chunked");
    ck_assert_str_eq(body(), ":\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n");
    once("GET /v1/echo/a HTTP/1.1\r\n" LOCAL "\r\nHEAD /livez HTTP/1.1\r\n" LOCAL
         "\r\nGET /v1/echo/b HTTP/1.1\r\n" ONCE);
    const char *first = strstr(heard, "one=a");
    const char *second = strstr(heard, "one=b");
    ck_assert(first != NULL && second != NULL && first < second);
    int fd = dial();
    for (int n = 0; n < 50; n++) {
        tell(fd, "GET /v1/echo/a HTTP/1.1\r\n" LOCAL "\r\n");
        ck_assert_int_eq(hear_answer(fd), 200);
    }
    close(fd);
}
END_TEST

START_TEST(what_is_no_http_is_closed)
{
    static const char *const noise[] = {"\r\n\r\n\r\n",
                                        "hello\r\n\r\n",
                                        "GET\r\n\r\n",
                                        "GET /livez\r\n\r\n",
                                        "GET /livez HTTP/9.9\r\n\r\n",
                                        "GET  /livez HTTP/1.1\r\n" ONCE,
                                        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                                        "GET /livez HTTP/1.1\r\n"
                                        "no colon\r\n" ONCE};
    kit_close();
    kit_open_with((struct iso_http_options){.timeout_ms = 300});
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++) {
        int fd = dial();
        hear_nothing();
        tell(fd, noise[i]);
        shutdown(fd, SHUT_WR); /* blank lines alone: it waits for its time to be up */
        while (hear_more(fd))
            continue;
        close(fd);
    }
    once("GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n"); /* no Host */
    ck_assert_int_eq(status_of(heard), 400);
    ck_assert_int_eq(get("/livez"), 200);
}
END_TEST

START_TEST(a_page_has_its_policy_and_is_not_sent_twice)
{
    ck_assert_int_eq(get("/"), 200);
    ck_heard(
        "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action "
        "'none'; frame-ancestors 'none'\r\n");
    ck_heard("ETag: \"v1\"\r\n");
    ck_heard("Cache-Control: no-cache\r\n");
    ck_assert_str_eq(body(), "<p>a page");
    ck_assert_int_eq(once("GET / HTTP/1.1\r\nIf-None-Match: W/\"v1\"\r\n" ONCE), 304);
    ck_heard("ETag: \"v1\"\r\n");
    ck_assert_str_eq(body(), "");
    ck_assert_int_eq(once("GET / HTTP/1.1\r\nIf-None-Match: \"v0\"\r\n" ONCE), 200);
}
END_TEST

START_TEST(a_handlers_problem_is_text_whatever_it_names)
{
    get("/problem");
    ck_problem(404);
    ck_not_heard("half an ans");
    ck_heard("There is no pair \\\"e?u\\\"\\n: try /v1/status");
}
END_TEST

START_TEST(a_large_answer_arrives_whole)
{
    ck_assert_int_eq(get("/big"), 200);
    ck_assert_uint_eq(strlen(body()), 1000000);
    ck_assert_str_eq(body() + 999990, "000000999\n");
}
END_TEST

START_TEST(a_head_that_is_too_large_is_refused)
{
    static char text[PIECE_MAX];
    snprintf(text, sizeof text, "GET /livez HTTP/1.1\r\nX: %020000d\r\n" ONCE, 0);
    once(text);
    ck_problem(431);
    snprintf(text, sizeof text, "GET /livez HTTP/1.1\r\nX: %015000d\r\n" ONCE, 0);
    ck_assert_int_eq(once(text), 200);
    size_t size = (size_t)snprintf(text, sizeof text, "GET /livez HTTP/1.1\r\n");
    while (size < 40000)
        size += (size_t)snprintf(text + size, sizeof text - size, "a%zu:b\r\n", size);
    snprintf(text + size, sizeof text - size, ONCE);
    once(text);
    ck_assert_int_eq(status_of(heard), 431);
}
END_TEST

START_TEST(a_foreign_name_leads_no_browser_here)
{
    once("GET /livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    ck_problem(403);
    ck_heard("evil.example");
    once("GET http://evil.example/livez HTTP/1.1\r\n" ONCE);
    ck_problem(403);
    once("GET /livez HTTP/1.1\r\nHost: 127.0.0.1.evil\r\nConnection: close\r\n\r\n");
    ck_problem(403);
    ck_assert_int_eq(once("GET /livez HTTP/1.1\r\nHost: 127.0.0.1:8470\r\nConnection: "
                          "close\r\n\r\n"),
                     200);
}
END_TEST

START_TEST(who_says_so_is_asked_for_by_any_name)
{
    kit_close();
    kit_open_with((struct iso_http_options){.open_to_all = true});
    ck_assert_int_eq(
        once("GET /livez HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"),
        200);
}
END_TEST

static void open_with_token(void)
{
    kit_close();
    int fd = mkstemp(token_file);
    ck_assert_int_ge(fd, 0);
    ck_assert(write(fd, TOKEN "\r\nsecond line\n", strlen(TOKEN) + 14) > 0);
    close(fd);
    kit_open_with((struct iso_http_options){.token_file = token_file});
    unlink(token_file);
}

static int ask_with(const char *authorization)
{
    char text[8192];
    snprintf(text, sizeof text, "GET /v1/echo HTTP/1.1\r\n%s%s" ONCE, authorization,
             *authorization != '\0' ? "\r\n" : "");
    return once(text);
}

START_TEST(only_the_right_token_opens)
{
    char longer[4200] = "Authorization: Bearer " TOKEN;
    open_with_token();
    ck_assert_int_eq(ask_with("Authorization: Bearer " TOKEN), 200);
    ck_assert_int_eq(ask_with("authorization: bearer  " TOKEN), 200);
    ck_assert_int_eq(ask_with("Authorization: Basic " BASIC), 200);
    ck_assert_int_eq(ask_with("Authorization: Basic " BASIC_NOBODY), 200);
    static const char *const wrong[] = {
        "",
        "Authorization: ",
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: Bearer s3cret-T0ken.of~test",
        "Authorization: Bearer " TOKEN "s",
        "Authorization: Bearer S3cret-T0ken.of~tests",
        "Authorization: Bearer second line",
        "Authorization: Basic " TOKEN,
        "Authorization: " TOKEN,
        "X-Authorization: Bearer " TOKEN,
        "Authorization: Basic",
        "Authorization: Basic Zm9v",     /* foo */
        "Authorization: Basic Zm9vOg==", /* foo: */
        "Authorization: Basic *",
        "Authorization: Basic " BASIC_USER_IS_TOKEN,
        "Authorization: Basic " BASIC_LONGER,
        "Authorization: Bearer " BASIC,
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ask_with(wrong[i]);
        ck_problem(401);
        ck_heard("WWW-Authenticate: Bearer");
        ck_heard("WWW-Authenticate: Basic");
    }
    memset(longer + strlen(longer), 'x', 4000);
    ask_with(longer);
    ck_problem(401);
    struct iso_http_stats stats;
    iso_http_stats(http, &stats);
    ck_assert_uint_eq(stats.unauthorized, sizeof wrong / sizeof wrong[0] + 1);
    ck_assert_uint_eq(stats.requests, stats.unauthorized + 4);
    get("/nothing"); /* who may not ask is not told what is there */
    ck_problem(401);
    ck_assert_int_eq(get("/livez"), 200);
    ck_assert_int_eq(get("/readyz"), 200);
    ck_assert_int_eq(once("GET /livez HTTP/1.1\r\nHost: any.example\r\nConnection: "
                          "close\r\n\r\n"),
                     200);
}
END_TEST

START_TEST(the_token_is_never_logged_or_answered)
{
    static char logged[1 << 16];
    int fd = memfd_create("log", 0);
    iso_log_open(fd, ISO_LOG_TEXT, ISO_DEBUG);
    open_with_token();
    iso_log(ISO_INFO, "test.begins", "a=1");
    ask_with("Authorization: Bearer " TOKEN);
    ck_not_heard(TOKEN);
    ask_with("Authorization: Bearer " TOKEN "x");
    ck_not_heard(TOKEN);
    ask_with("Authorization: Basic " TOKEN);
    ck_not_heard(TOKEN);
    ask_with("Authorization: Basic " BASIC);
    ask_with("Authorization: Basic " BASIC_LONGER);
    ck_not_heard(TOKEN);
    ask_with("Authorization: Bearer " TOKEN "\r\nno colon");
    ask_with("Authorization: Bearer " TOKEN "\r\nContent-Length: x");
    ask_with("Authorization: Bearer " TOKEN "\r\nTransfer-Encoding: x");
    once("GET /livez HTTP/8.1\r\nAuthorization: Bearer " TOKEN "\r\n" ONCE);
    kit_close();
    iso_log_open(-1, ISO_LOG_TEXT, ISO_DEBUG);
    ssize_t size = pread(fd, logged, sizeof logged - 1, 0);
    ck_assert_int_gt(size, 0);
    ck_assert_ptr_nonnull(strstr(logged, "test.begins"));
    ck_assert_ptr_null(strstr(logged, TOKEN));
    close(fd);
    kit_open();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *tcase = tcase_create("http");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, kit_open, kit_close);
    tcase_add_test(tcase, every_route_is_answered_and_nothing_else);
    tcase_add_test(tcase, a_bad_target_is_told_what_is_wrong_with_it);
    tcase_add_test(tcase, a_nul_in_the_head_opens_nothing);
    tcase_add_test(tcase, head_is_get_without_the_body);
    tcase_add_test(tcase, methods_that_would_change_something_are_not_done);
    tcase_add_test(tcase, a_body_is_refused_before_it_is_read);
    tcase_add_test(tcase, old_and_pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, what_is_no_http_is_closed);
    tcase_add_test(tcase, a_page_has_its_policy_and_is_not_sent_twice);
    tcase_add_test(tcase, a_handlers_problem_is_text_whatever_it_names);
    tcase_add_test(tcase, a_large_answer_arrives_whole);
    tcase_add_test(tcase, a_head_that_is_too_large_is_refused);
    tcase_add_test(tcase, a_foreign_name_leads_no_browser_here);
    tcase_add_test(tcase, who_says_so_is_asked_for_by_any_name);
    tcase_add_test(tcase, only_the_right_token_opens);
    tcase_add_test(tcase, the_token_is_never_logged_or_answered);
    suite_add_tcase(suite, tcase);
    return kit_run(suite);
}
