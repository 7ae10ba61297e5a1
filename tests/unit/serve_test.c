/* What the monitor answers, asked over a real connection: every route, before the first
 * look and after; every bad parameter; the list and the stream of events; and many who
 * ask while it is looked. */
#include <pthread.h>

#include "http_kit.h"
#include "monitor/serve.h"
#include "openapi.h"
#include "watch_world.h"

enum { SCRAPERS = 4, LOOKS = 60 };

static struct world world;
static struct iso_settings *settings;
static struct iso_serve *server;
static struct iso_serve_options options;
static struct iso_clock_manual hand;

static void set(const char *name, const char *value)
{
    enum iso_err err = iso_settings_set(settings, name, value, "test", &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
}

static void setup(void)
{
    openapi_load();
    world_init(&world);
    settings = iso_settings_new();
    set("monitor.http.listen", "127.0.0.1:0");
    iso_clock_manual_init(&hand, KIT_NOW);
    options = (struct iso_serve_options){
        .settings = settings, .watch = world.watch, .clock = &hand.clock};
    ck_assert_msg(iso_serve_open(&options, &server, &why) == ISO_OK, "%s", why.text);
    port = (int)strtol(strrchr(iso_serve_address(server), ':') + 1, NULL, 10);
}

static void teardown(void)
{
    iso_serve_close(server);
    iso_settings_free(settings);
    world_release(&world);
    json_decref(openapi);
}

static void look(int seconds)
{
    for (int i = 0; i < seconds; i++) {
        world_run(&world, 1);
        iso_serve_looked(server, true, 12);
    }
}

static json_t *answered(void)
{
    json_error_t error;
    json_t *value = json_loads(body(), JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(value != NULL, "%s: %.2000s", error.text, heard);
    return value;
}

static void ck_problem(const char *target, int status, const char *says)
{
    ck_assert_msg(get(target) == status, "%s: %.2000s", target, heard);
    ck_heard("application/problem+json");
    json_t *problem = answered();
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    ck_assert_int_eq(json_integer_value(json_object_get(problem, "status")), status);
    ck_assert(json_string_length(json_object_get(problem, "title")) > 0);
    ck_assert_msg(detail != NULL && strstr(detail, says) != NULL, "%s: %.2000s", target,
                  heard);
    json_decref(problem);
}

/* ---- routes ---- */

START_TEST(openapi_json_has_exactly_the_routes)
{
    const json_t *paths = json_object_get(openapi, "paths");
    size_t count = 0;
    for (; iso_serve_routes[count].path != NULL; count++) {
        const json_t *path = json_object_get(paths, iso_serve_routes[count].path);
        ck_assert_msg(path != NULL, "%s", iso_serve_routes[count].path);
        ck_assert_uint_eq(json_object_size(path), 1);
        ck_assert(json_object_get(path, "get") != NULL);
    }
    ck_assert_uint_eq(json_object_size(paths), count);
}
END_TEST

static void ck_served(const char *target, const char *schema)
{
    ck_assert_msg(get(target) == 200, "%s: %.2000s", target, heard);
    ck_heard("application/json");
    ck_openapi(schema, answered());
}

START_TEST(every_answer_is_as_openapi_json_says)
{
    world.regions[2].applied[1] = 40;
    look(5);
    ck_served("/v1/status", "Status");
    ck_served("/v1/pairs", "Pairs");
    ck_served("/v1/pairs?collection=packages&state=ok", "Pairs");
    ck_served("/v1/pairs/eu/us", "PairDetail");
    ck_served("/v1/pairs/eu/us?collection=packages", "PairDetail");
    ck_served("/v1/pairs/eu/us/explain", "PairExplanation");
    ck_served("/v1/pairs/eu/us/history", "History");
    ck_served("/v1/pairs/eu/us/history?trend=coarse", "History");
    ck_served("/v1/convergence", "Convergence");
    ck_served("/v1/convergence?collection=packages", "Verdict");
    ck_served("/v1/conflicts", "Conflicts");
    ck_served("/v1/dead-letters", "DeadLetters");
    ck_served("/v1/events", "Events");
    ck_assert_int_eq(get("/v1/pairs/eu/us/history"), 200);
    json_t *history = answered();
    ck_assert_uint_eq(json_array_size(json_object_get(history, "samples")), 5);
    json_decref(history);
}
END_TEST

START_TEST(what_is_no_json_has_its_type)
{
    look(1);
    ck_assert_int_eq(get("/metrics"), 200);
    ck_heard("text/plain; version=0.0.4");
    ck_heard("\nisostasy_monitor_looks_total 1\n");
    ck_heard("\nisostasy_lag_seconds{collection=\"packages\",");
    ck_assert_int_eq(once("GET /metrics HTTP/1.1\r\nAccept: "
                          "application/openmetrics-text\r\n" ONCE),
                     200);
    ck_heard("application/openmetrics-text; version=1.0.0");
    ck_heard("\n# EOF\n");
    ck_assert_int_eq(get("/"), 200);
    ck_heard("text/html");
    ck_heard("Content-Security-Policy: default-src 'none'; script-src 'self'");
    ck_assert_int_eq(get("/assets/page.css"), 200);
    ck_heard("text/css");
    ck_assert_int_eq(get("/openapi.json"), 200);
    json_t *value = answered();
    ck_assert(json_equal(value, openapi));
    json_decref(value);
    ck_assert_int_eq(get("/v3/kafka"), 200);
    ck_heard("\"error\":false");
}
END_TEST

START_TEST(a_file_that_is_known_is_not_sent_again)
{
    char ask[256];
    ck_assert_int_eq(get("/openapi.json"), 200);
    const char *etag = strstr(heard, "ETag: ");
    ck_assert_ptr_nonnull(etag);
    snprintf(ask, sizeof ask,
             "GET /openapi.json HTTP/1.1\r\nIf-None-Match: %.*s\r\n" ONCE,
             (int)strcspn(etag + 6, "\r"), etag + 6);
    ck_assert_int_eq(once(ask), 304);
}
END_TEST

/* ---- before the first look, and after the last ---- */

START_TEST(before_the_first_look_it_says_why_there_is_nothing)
{
    static const char *const targets[] = {"/v1/status",
                                          "/v1/pairs",
                                          "/v1/pairs/eu/us",
                                          "/v1/convergence",
                                          "/v1/conflicts",
                                          "/v1/dead-letters",
                                          "/v3/kafka",
                                          "/readyz",
                                          "/v1/pairs/eu/us/explain",
                                          "/v1/pairs/a/b/history"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        ck_problem(targets[i], 503, "the first look is under way");
    struct iso_why away = {.err = ISO_UNAVAILABLE, .text = "Kafka is away: start it"};
    iso_serve_waits(server, &away);
    ck_problem("/readyz", 503, "Kafka is away: start it");
    ck_problem("/v1/status", 503, "Kafka is away: start it");
    ck_assert_int_eq(get("/livez"), 200);
    ck_assert_int_eq(get("/metrics"), 200);
    ck_assert_int_eq(get("/"), 200);
    ck_assert_int_eq(get("/v1/events"), 200);
}
END_TEST

START_TEST(it_is_ready_while_looks_are_young)
{
    look(1);
    ck_assert_int_eq(get("/readyz"), 200);
    iso_clock_manual_add(&hand, 13000);
    ck_assert_int_eq(get("/readyz"), 200);
    iso_clock_manual_add(&hand, 1);
    ck_problem("/readyz", 503, "the last look was 13001 ms ago");
    ck_heard("see the monitor's log");
    struct iso_why away = {.err = ISO_NO_DEFINITION, .text = "iso.control is gone"};
    iso_serve_waits(server, &away);
    ck_problem("/readyz", 503, "iso.control is gone");
    ck_assert_int_eq(get("/livez"), 200);
    ck_served("/v1/status", "Status"); /* as of then: it says when */
    look(1);
    ck_assert_int_eq(get("/readyz"), 200);
}
END_TEST

/* ---- bad input ---- */

START_TEST(every_bad_parameter_is_told_what_there_is)
{
    look(1);
    ck_problem("/v1/pairs?collection=cart", 404, "there is packages");
    ck_problem("/v1/pairs?collection=", 404, "there is packages");
    ck_problem("/v1/pairs?state=slow", 400, "catching_up");
    ck_problem("/v1/pairs/eu/xx", 404, "eu, us, ap");
    ck_problem("/v1/pairs/eu/eu", 404, "eu, us, ap");
    ck_problem("/v1/pairs/%22%3c/us", 404, "eu, us, ap");
    ck_problem("/v1/pairs/eu/us?collection=cart", 404, "there is packages");
    ck_problem("/v1/pairs/eu/xx/explain", 404, "eu, us, ap");
    ck_problem("/v1/pairs/eu/us/explain?collection=cart", 404, "there is packages");
    ck_problem("/v1/pairs/xx/us/history", 404, "eu, us, ap");
    ck_problem("/v1/pairs/eu/us/history?trend=long", 400, "fine");
    ck_problem("/v1/pairs/eu/us/history?collection=x", 404, "there is packages");
    ck_problem("/v1/convergence?collection=cart", 404, "there is packages");
    ck_problem("/v1/events?after=new", 400, "is no number");
    ck_problem("/v1/events?after=", 400, "is no number");
    ck_problem("/v1/events?after=-1", 400, "is no number");
    ck_problem("/v1/events?after=99999999999999999999999", 400, "is no number");
    ck_problem("/assets/none.js", 404, "page.css");
    ck_problem("/v1/none", 404, "/v1/none");
    ck_assert_int_eq(once("GET /v1/events HTTP/1.1\r\nLast-Event-ID: x\r\n" ONCE), 400);
    ck_assert_int_eq(get("/v3/kafka/none/consumer"), 404);
    ck_heard("{\"error\":true,\"message\":\"cluster not found\"");
    ck_assert_int_eq(get("/?collection=none&source=a&target=%ff"), 400);
    ck_assert_int_eq(get("/?collection=none&source=a&target=b"), 200);
}
END_TEST

START_TEST(nothing_but_get_and_head_is_answered)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
    look(1);
    for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
        for (size_t i = 0; iso_serve_routes[i].path != NULL; i++) {
            char ask[256];
            snprintf(ask, sizeof ask, "%s %s HTTP/1.1\r\n" ONCE, methods[m],
                     iso_serve_routes[i].path);
            int status = once(ask);
            ck_assert_msg(status == 405 || status == 400, "%s: %d", ask, status);
        }
    }
}
END_TEST

/* A token is no secret to the error that speaks of it, and two paths need none. */
START_TEST(with_a_token_only_health_is_open)
{
    char path[] = "/tmp/isostasy-serve-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, "s3cret-token-of-it\n", 19), 19);
    close(fd);
    iso_serve_close(server);
    set("monitor.http.token", path);
    ck_assert_msg(iso_serve_open(&options, &server, &why) == ISO_OK, "%s", why.text);
    port = (int)strtol(strrchr(iso_serve_address(server), ':') + 1, NULL, 10);
    look(1);
    for (size_t i = 0; iso_serve_routes[i].path != NULL; i++) {
        const char *target = iso_serve_routes[i].path;
        int status = get(target);
        bool open = strcmp(target, "/livez") == 0 || strcmp(target, "/readyz") == 0;
        if (strchr(target, '{') == NULL)
            ck_assert_msg(status == (open ? 200 : 401), "%s: %d", target, status);
        ck_not_heard("s3cret");
    }
    ck_assert_int_eq(once("GET /v1/status HTTP/1.1\r\nAuthorization: Bearer "
                          "s3cret-token-of-it\r\n" ONCE),
                     200);
    unlink(path);
}
END_TEST

START_TEST(without_an_address_it_does_not_open)
{
    struct iso_serve *none = NULL;
    set("monitor.http.listen", "");
    ck_assert_int_eq(iso_serve_open(&options, &none, &why), ISO_SETTING);
    ck_assert_ptr_nonnull(strstr(why.text, "--print"));
    ck_assert_ptr_null(none);
}
END_TEST

/* ---- events ---- */

static void cut_eu_from_us(void)
{
    world.written[1] += 100;
    world.regions[3].applied[1] += 100;
    look(20);
}

START_TEST(events_are_listed_from_where_one_left_off)
{
    look(3);
    cut_eu_from_us();
    ck_assert_int_eq(get("/v1/events"), 200);
    json_t *all = answered();
    const json_t *events = json_object_get(all, "events");
    size_t count = json_array_size(events);
    ck_assert_uint_gt(count, 0);
    char target[64];
    snprintf(target, sizeof target, "/v1/events?after=%lld",
             (long long)json_integer_value(
                 json_object_get(json_array_get(events, 0), "id")));
    ck_assert_int_eq(get(target), 200);
    json_t *rest = answered();
    ck_assert_uint_eq(json_array_size(json_object_get(rest, "events")), count - 1);
    ck_assert(json_equal(json_object_get(all, "next"), json_object_get(rest, "next")));
    json_decref(rest);
    ck_assert_int_eq(get("/v1/events?after=999999"), 200); /* of a life before */
    rest = answered();
    ck_assert_uint_eq(json_array_size(json_object_get(rest, "events")), count);
    json_decref(rest);
    json_decref(all);
}
END_TEST

static int stream_open(const char *last)
{
    char ask[256];
    snprintf(
        ask, sizeof ask,
        "GET /v1/events HTTP/1.1\r\n" LOCAL "Accept: text/event-stream\r\n%s%s\r\n\r\n",
        last != NULL ? "Last-Event-ID: " : "X-Nothing: ", last != NULL ? last : "0");
    int fd = dial();
    hear_nothing();
    ck_assert(tell(fd, ask));
    ck_assert(hear_until(fd, "\r\n\r\n", 1));
    ck_assert_int_eq(status_of(heard), 200);
    ck_heard("text/event-stream");
    ck_assert(hear_until(fd, "retry: ", 1));
    return fd;
}

START_TEST(a_stream_tells_what_happens_from_then_on)
{
    look(3);
    int fd = stream_open(NULL);
    cut_eu_from_us();
    ck_assert(hear_until(fd, "\nevent: state\ndata: {", 1));
    ck_heard("\"source_region\":\"eu\",\"target_region\":\"us\"");
    const char *data = strstr(heard, "data: ") + 6, *end = strchr(data, '\n');
    ck_openapi("Event", json_loadb(data, (size_t)(end - data), 0, NULL));
    ck_assert(hear_until(fd, "\n:\n", 1)); /* now and then a sign of life */
    close(fd);
}
END_TEST

START_TEST(a_stream_goes_on_after_the_last_event_that_was_had)
{
    look(3);
    cut_eu_from_us();
    int fd = stream_open("0");
    ck_assert(hear_until(fd, "\nid: 1\n", 1) || strstr(heard, "id: 1\n") != NULL);
    close(fd);
    fd = stream_open("1");
    ck_assert(hear_until(fd, "id: 2\n", 1));
    ck_not_heard("id: 1\n");
    close(fd);
}
END_TEST

/* ---- threads ---- */

static atomic_bool looked_enough;

static void *scrape(void *arg)
{
    const char *ask = arg;
    char answer[1 << 16];
    long answers = 0;
    while (!atomic_load(&looked_enough)) {
        int fd = dial();
        ssize_t got = 0;
        if (tell(fd, ask))
            got = recv(fd, answer, sizeof answer, 0);
        if (got > 12 && memcmp(answer + 9, "200", 3) == 0)
            answers++;
        while (got > 0)
            got = recv(fd, answer, sizeof answer, 0);
        close(fd);
    }
    return (void *)answers;
}

START_TEST(many_may_ask_while_it_is_looked)
{
    static char *const asks[SCRAPERS] = {
        "GET /metrics HTTP/1.1\r\n" ONCE, "GET /v1/status HTTP/1.1\r\n" ONCE,
        "GET /v1/pairs/eu/us/history HTTP/1.1\r\n" ONCE, "GET / HTTP/1.1\r\n" ONCE};
    pthread_t threads[SCRAPERS];
    look(1);
    atomic_store(&looked_enough, false);
    for (size_t i = 0; i < SCRAPERS; i++)
        pthread_create(&threads[i], NULL, scrape, asks[i]);
    for (int i = 0; i < LOOKS; i++) {
        world.written[1] += 3;
        look(1);
        poll(NULL, 0, 5); /* so that some ask between two looks */
    }
    atomic_store(&looked_enough, true);
    for (size_t i = 0; i < SCRAPERS; i++) {
        void *answers;
        pthread_join(threads[i], &answers);
        ck_assert_msg((long)answers > 0, "%s", asks[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve");
    TCase *cases = tcase_create("serve");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, openapi_json_has_exactly_the_routes);
    tcase_add_test(cases, every_answer_is_as_openapi_json_says);
    tcase_add_test(cases, what_is_no_json_has_its_type);
    tcase_add_test(cases, a_file_that_is_known_is_not_sent_again);
    tcase_add_test(cases, before_the_first_look_it_says_why_there_is_nothing);
    tcase_add_test(cases, it_is_ready_while_looks_are_young);
    tcase_add_test(cases, every_bad_parameter_is_told_what_there_is);
    tcase_add_test(cases, nothing_but_get_and_head_is_answered);
    tcase_add_test(cases, with_a_token_only_health_is_open);
    tcase_add_test(cases, without_an_address_it_does_not_open);
    tcase_add_test(cases, events_are_listed_from_where_one_left_off);
    tcase_add_test(cases, a_stream_tells_what_happens_from_then_on);
    tcase_add_test(cases, a_stream_goes_on_after_the_last_event_that_was_had);
    tcase_add_test(cases, many_may_ask_while_it_is_looked);
    suite_add_tcase(suite, cases);
    return kit_run(suite);
}
