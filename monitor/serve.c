/* The server: routes, health, metrics, page and files. Handlers run on the HTTP
 * server's threads. What they share with who looks is the watch, which has its own
 * lock, and a few numbers under the mutex here; what is rendered once a look stands
 * under a lock of its own, so a large status being rendered holds up nobody who asks
 * for something else.
 */
#include "monitor/serve.h"

#include <stdio.h>

#include "base/exposition.h"
#include "base/mem.h"
#include "monitor/assets.h"
#include "monitor/serve_v1.h"
#include "monitor/view_parts.h"

enum { READY_INTERVALS = 3, READY_MORE_MS = 10000 };

/* All that the page needs comes from here, and nothing may be put around it. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* ---- status ---- */

static void answer_waits(struct iso_serve *serve, struct iso_http_answer *answer)
{
    char why[sizeof serve->why];
    pthread_mutex_lock(&serve->mutex);
    memcpy(why, serve->why, sizeof why);
    pthread_mutex_unlock(&serve->mutex);
    iso_http_problem(answer, 503, "Nothing was measured yet", "%s",
                     why[0] != '\0' ? why : "the first look is under way: try again");
}

const struct iso_status *iso_serve_status(struct iso_serve *serve,
                                          struct iso_http_answer *answer)
{
    const struct iso_status *status = iso_watch_status(serve->options->watch);
    if (status == NULL)
        answer_waits(serve, answer);
    return status;
}

void iso_serve_release(struct iso_serve *serve, const struct iso_status *status)
{
    iso_status_release(serve->options->watch, status);
}

void iso_serve_copy(struct iso_serve *serve, enum serve_text which,
                    const struct iso_status *status,
                    void (*render)(struct iso_serve *serve, enum serve_text which,
                                   const struct iso_status *status,
                                   struct iso_buf *out),
                    struct iso_http_answer *answer)
{
    struct serve_copy *copy = &serve->copies[which];
    pthread_mutex_lock(&copy->mutex);
    if (copy->look != status->look) {
        iso_buf_clear(&copy->text);
        render(serve, which, status, &copy->text);
        copy->look = status->look;
    }
    iso_buf_add_bytes(&answer->body, iso_buf_bytes(&copy->text));
    pthread_mutex_unlock(&copy->mutex);
}

/* ---- health ---- */

static void handle_livez(void *user, const struct iso_http_request *request,
                         struct iso_http_answer *answer)
{
    (void)user;
    (void)request;
    iso_buf_print(&answer->body, "{\"alive\":true}\n");
}

static void handle_readyz(void *user, const struct iso_http_request *request,
                          struct iso_http_answer *answer)
{
    (void)request;
    struct iso_serve *serve = user;
    char why[sizeof serve->why];
    pthread_mutex_lock(&serve->mutex);
    int64_t looked_ms = serve->looked_ms;
    memcpy(why, serve->why, sizeof why);
    pthread_mutex_unlock(&serve->mutex);
    if (looked_ms == ISO_UNKNOWN_MS) {
        answer_waits(serve, answer);
        return;
    }
    int64_t age_ms = iso_steady_ms(serve->options->clock) - looked_ms;
    if (age_ms > READY_INTERVALS * serve->interval_ms + READY_MORE_MS)
        iso_http_problem(answer, 503, "What was measured is old",
                         "the last look was %lld ms ago, and there should be one every "
                         "%lld ms: %s",
                         (long long)age_ms, (long long)serve->interval_ms,
                         why[0] != '\0' ? why
                                        : "see the monitor's log for what holds it up");
    else
        iso_buf_print(&answer->body, "{\"ready\":true,\"look_age_ms\":%lld}\n",
                      (long long)(age_ms < 0 ? 0 : age_ms));
}

/* ---- metrics ---- */

static void metrics_render(struct iso_serve *serve, enum serve_text which,
                           const struct iso_status *status, struct iso_buf *out)
{
    struct iso_view_self self;
    struct iso_http_stats stats;
    pthread_mutex_lock(&serve->mutex); /* so that opening it is over */
    struct iso_http *http = serve->http;
    self = serve->self;
    pthread_mutex_unlock(&serve->mutex);
    iso_http_stats(http, &stats);
    self.requests = stats.requests;
    self.refused_connections = stats.refused_connections;
    self.unauthorized = stats.unauthorized;
    self.connections = stats.connections;
    struct iso_metrics_options options = serve->metrics;
    options.open = which == SERVE_METRICS_OPEN;
    options.self = &self;
    iso_view_metrics(status, &options, out);
}

/* Answers before the first look, too: a scrape that fails would hide why. */
static void handle_metrics(void *user, const struct iso_http_request *request,
                           struct iso_http_answer *answer)
{
    struct iso_serve *serve = user;
    bool open = iso_exposition_wants_open(iso_http_header(request, "Accept"));
    enum serve_text which = open ? SERVE_METRICS_OPEN : SERVE_METRICS;
    answer->type = open ? ISO_EXPOSITION_OPEN : ISO_EXPOSITION_TEXT;
    const struct iso_status *status = iso_watch_status(serve->options->watch);
    if (status == NULL) {
        metrics_render(serve, which, NULL, &answer->body);
        return;
    }
    iso_serve_copy(serve, which, status, metrics_render, answer);
    iso_serve_release(serve, status);
}

/* ---- Burrow ---- */

static void handle_burrow(void *user, const struct iso_http_request *request,
                          struct iso_http_answer *answer)
{
    struct iso_serve *serve = user;
    const struct iso_status *status = iso_serve_status(serve, answer);
    if (status == NULL)
        return;
    if (!iso_view_burrow(status, request->path + strlen("/v3"), &answer->body))
        answer->status = 404;
    iso_serve_release(serve, status);
}

/* ---- page and files ---- */

static void handle_page(void *user, const struct iso_http_request *request,
                        struct iso_http_answer *answer)
{
    struct iso_serve *serve = user;
    const struct iso_asset *charts = iso_asset("uplot.js");
    struct iso_view_page page = {
        .status = iso_watch_status(serve->options->watch),
        .watch = serve->options->watch,
        .collection = iso_http_query(request, "collection"),
        .source = iso_http_query(request, "source"),
        .target = iso_http_query(request, "target"),
        .prefix = "./", /* also behind a proxy that puts it elsewhere */
        .charts = charts != NULL && charts->bytes.size > 0};
    answer->type = "text/html; charset=utf-8";
    iso_view_page(&page, &answer->body);
    if (page.status != NULL)
        iso_serve_release(serve, page.status);
}

static void answer_asset(const char *name, struct iso_http_answer *answer)
{
    const struct iso_asset *asset = iso_asset(name);
    if (asset == NULL) {
        struct iso_buf names = {0};
        for (size_t n = 0; (asset = iso_asset_at(n)) != NULL; n++)
            iso_buf_print(&names, "%s%s", n > 0 ? ", " : "", asset->name);
        iso_http_problem(answer, 404, "No such file", "there are %s",
                         iso_buf_text(&names));
        iso_buf_release(&names);
        return;
    }
    answer->still = asset->bytes;
    answer->type = asset->type;
    answer->etag = asset->etag;
    answer->cache = "no-cache"; /* kept, but asked about: the next version differs */
}

static void handle_asset(void *user, const struct iso_http_request *request,
                         struct iso_http_answer *answer)
{
    (void)user;
    answer_asset(request->parts[0], answer);
}

static void handle_openapi(void *user, const struct iso_http_request *request,
                           struct iso_http_answer *answer)
{
    (void)user;
    (void)request;
    answer_asset("openapi.json", answer);
}

/* ---- open, close ---- */

static void serve_init(const struct iso_serve_options *options, struct iso_serve *serve)
{
    const struct iso_settings *settings = options->settings;
    serve->options = options;
    serve->looked_ms = ISO_UNKNOWN_MS;
    serve->self.last_ms = ISO_UNKNOWN_MS;
    serve->interval_ms = iso_settings_number(settings, "monitor", NULL, "interval");
    serve->metrics = (struct iso_metrics_options){
        .granularity = iso_granularity_parse(
            iso_settings_text(settings, "monitor", NULL, "metrics.granularity")),
        .series_max = (size_t)iso_settings_number(settings, "monitor", NULL,
                                                  "metrics.series.max")};
    pthread_mutex_init(&serve->mutex, NULL);
    for (size_t i = 0; i < SERVE_TEXTS; i++)
        pthread_mutex_init(&serve->copies[i].mutex, NULL);
}

enum iso_err iso_serve_open(const struct iso_serve_options *options,
                            struct iso_serve **serve, struct iso_why *why)
{
    struct iso_http_options http = {0};
    iso_http_settings(options->settings, "monitor", &http);
    if (http.listen == NULL)
        return iso_fail(
            why, ISO_SETTING,
            "monitor.http.listen is empty, so the monitor would show nothing "
            "to anybody: set it, or give --print");
    struct iso_serve *opened = iso_alloc_zero(1, sizeof *opened);
    serve_init(options, opened);
    http.routes = iso_serve_routes;
    http.policy = page_policy;
    http.user = opened;
    pthread_mutex_lock(&opened->mutex);
    enum iso_err err = iso_http_open(&http, &opened->http, why);
    pthread_mutex_unlock(&opened->mutex);
    if (err != ISO_OK)
        iso_serve_close(opened);
    else
        *serve = opened;
    return err;
}

void iso_serve_close(struct iso_serve *serve)
{
    if (serve == NULL)
        return;
    iso_http_close(serve->http);
    for (size_t i = 0; i < SERVE_TEXTS; i++) {
        iso_buf_release(&serve->copies[i].text);
        pthread_mutex_destroy(&serve->copies[i].mutex);
    }
    pthread_mutex_destroy(&serve->mutex);
    iso_free(serve);
}

const char *iso_serve_address(const struct iso_serve *serve)
{
    return iso_http_address(serve->http);
}

void iso_serve_waits(struct iso_serve *serve, const struct iso_why *why)
{
    pthread_mutex_lock(&serve->mutex);
    snprintf(serve->why, sizeof serve->why, "%s", why->text);
    pthread_mutex_unlock(&serve->mutex);
}

void iso_serve_looked(struct iso_serve *serve, bool answered, int64_t took_ms)
{
    pthread_mutex_lock(&serve->mutex);
    serve->looked_ms = iso_steady_ms(serve->options->clock);
    serve->why[0] = '\0';
    serve->self.looks++;
    serve->self.failed += !answered;
    serve->self.look_seconds += (double)took_ms / 1000;
    serve->self.last_ms = took_ms;
    pthread_mutex_unlock(&serve->mutex);
    iso_http_wake(serve->http);
}

/* ---- routes; monitor/openapi.json has the same ---- */

const struct iso_http_route iso_serve_routes[] = {
    {"/", handle_page},
    {"/assets/{name}", handle_asset},
    {"/livez", handle_livez},
    {"/readyz", handle_readyz},
    {"/metrics", handle_metrics},
    {"/openapi.json", handle_openapi},
    {"/v1/status", iso_serve_v1_status},
    {"/v1/pairs", iso_serve_v1_pairs},
    {"/v1/pairs/{source}/{target}", iso_serve_v1_pair},
    {"/v1/pairs/{source}/{target}/explain", iso_serve_v1_explain},
    {"/v1/pairs/{source}/{target}/history", iso_serve_v1_history},
    {"/v1/convergence", iso_serve_v1_convergence},
    {"/v1/conflicts", iso_serve_v1_conflicts},
    {"/v1/dead-letters", iso_serve_v1_dead_letters},
    {"/v1/events", iso_serve_v1_events},
    {"/v3/kafka", handle_burrow},
    {"/v3/kafka/{cluster}", handle_burrow},
    {"/v3/kafka/{cluster}/consumer", handle_burrow},
    {"/v3/kafka/{cluster}/consumer/{group}", handle_burrow},
    {"/v3/kafka/{cluster}/consumer/{group}/status", handle_burrow},
    {"/v3/kafka/{cluster}/consumer/{group}/lag", handle_burrow},
    {"/v3/kafka/{cluster}/topic", handle_burrow},
    {"/v3/kafka/{cluster}/topic/{topic}", handle_burrow},
    {"/v3/kafka/{cluster}/topic/{topic}/consumers", handle_burrow},
    {0},
};
