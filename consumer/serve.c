/* The daemon's answers, made of what its shards last said: nothing here waits for a
 * loop, a store or Kafka.
 *
 *   /livez    200 while every loop goes round; 503 names the one that stands still
 *   /readyz   200 while every slice applies; 503 with the first that does not, and why
 *   /metrics  counters, latency, clock, store
 *
 * Only opening can fail: an address that is taken, a file that cannot be read.
 */
#include "consumer/serve.h"

#include "base/clock.h"
#include "base/exposition.h"
#include "base/http.h"
#include "base/log.h"
#include "base/mem.h"
#include "schema/definition.h"

enum {
    LIVE_MS = 60000
}; /* a commit may take long; a loop that takes so long is stuck */

struct iso_daemon_server {
    struct iso_daemon *daemon;
    const char *region;
    struct iso_http *http;
};

/* ---- health ---- */

static void answer_line(struct iso_http_answer *answer, const char *line)
{
    answer->type = "text/plain; charset=utf-8";
    iso_buf_print(&answer->body, "%s\n", line);
}

static void livez(void *user, const struct iso_http_request *request,
                  struct iso_http_answer *answer)
{
    (void)request;
    const struct iso_daemon_server *server = user;
    int64_t now_ms = iso_steady_ms(&iso_clock_machine);
    struct iso_daemon_shard shard = {0};
    for (unsigned i = 0; i < iso_daemon_shards(server->daemon); i++) {
        iso_daemon_shard(server->daemon, i, &shard);
        if (shard.said_ms != 0 && now_ms - shard.said_ms > LIVE_MS) {
            iso_http_problem(answer, 503, "a loop stands still",
                             "shard %u has not gone round for %lld s: see the daemon's "
                             "log and its disk; start it anew if neither tells",
                             i, (long long)((now_ms - shard.said_ms) / 1000));
            break;
        }
    }
    iso_health_release(&shard.health);
    if (answer->status == 200)
        answer_line(answer, "ok");
}

static void readyz(void *user, const struct iso_http_request *request,
                   struct iso_http_answer *answer)
{
    (void)request;
    const struct iso_daemon_server *server = user;
    struct iso_daemon_shard shard = {0};
    for (unsigned i = 0; i < iso_daemon_shards(server->daemon); i++) {
        iso_daemon_shard(server->daemon, i, &shard);
        if (shard.said_ms == 0 || shard.ready != ISO_OK) {
            iso_http_problem(answer, 503, "not every slice applies", "shard %u: %s", i,
                             shard.said_ms == 0 ? "it has just started"
                                                : shard.why.text);
            break;
        }
    }
    iso_health_release(&shard.health);
    if (answer->status == 200)
        answer_line(answer, "ok");
}

/* ---- metrics ---- */

struct counter {
    const char *name, *help;
    size_t offset; /* of a uint64_t in struct iso_shard_stats */
};

static const struct counter counters[] = {
    {"isostasy_daemon_records", "Records read from the logs.",
     offsetof(struct iso_shard_stats, records)},
    {"isostasy_daemon_applied", "Records that had an effect.",
     offsetof(struct iso_shard_stats, applied)},
    {"isostasy_daemon_duplicates", "Records that had been sent before.",
     offsetof(struct iso_shard_stats, duplicates)},
    {"isostasy_daemon_refused", "Records that were refused: each has a dead letter.",
     offsetof(struct iso_shard_stats, set_aside)},
    {"isostasy_daemon_commits", "Transactions that were committed.",
     offsetof(struct iso_shard_stats, commits)},
    {"isostasy_daemon_aborts", "Transactions that were given up and read again.",
     offsetof(struct iso_shard_stats, aborts)},
};

struct scrape {
    struct iso_exposition out;
    const char *region;
    struct iso_daemon_shard *shards;
    unsigned count;
};

static const char *number(char text[16], unsigned value)
{
    snprintf(text, 16, "%u", value);
    return text;
}

static void scrape_counters(struct scrape *scrape)
{
    char label[16];
    for (size_t c = 0; c < sizeof counters / sizeof counters[0]; c++) {
        iso_exposition_family(&scrape->out, counters[c].name, ISO_COUNTER, "",
                              counters[c].help);
        for (unsigned i = 0; i < scrape->count; i++) {
            uint64_t value;
            memcpy(&value, (const char *)&scrape->shards[i].stats + counters[c].offset,
                   sizeof value);
            iso_exposition_sample(&scrape->out, (double)value, "region", scrape->region,
                                  "shard", number(label, i), (char *)NULL);
        }
    }
}

static void scrape_slices(struct scrape *scrape)
{
    char label[16];
    iso_exposition_family(&scrape->out, "isostasy_daemon_slices", ISO_GAUGE, "",
                          "Slices that the daemon has, by whether they apply.");
    for (unsigned i = 0; i < scrape->count; i++) {
        const struct iso_shard_stats *stats = &scrape->shards[i].stats;
        iso_exposition_sample(&scrape->out, (double)stats->slices_applying, "region",
                              scrape->region, "shard", number(label, i), "applying",
                              "true", (char *)NULL);
        iso_exposition_sample(&scrape->out,
                              (double)(stats->slices - stats->slices_applying),
                              "region", scrape->region, "shard", number(label, i),
                              "applying", "false", (char *)NULL);
    }
}

static void scrape_gauge(struct scrape *scrape, const char *name, const char *unit,
                         const char *help, bool known, double value)
{
    iso_exposition_family(&scrape->out, name, ISO_GAUGE, unit, help);
    if (known)
        iso_exposition_sample(&scrape->out, value, "region", scrape->region,
                              (char *)NULL);
}

static void scrape_latency(struct scrape *scrape, const struct iso_health *health)
{
    double bounds[ISO_LATENCY_BOUNDS];
    char label[16];
    for (size_t i = 0; i < ISO_LATENCY_BOUNDS; i++)
        bounds[i] = (double)iso_latency_bounds_ms[i] / 1000.0;
    iso_exposition_family(&scrape->out, "isostasy_daemon_replication_latency",
                          ISO_HISTOGRAM, "seconds",
                          "From the append of a write to the commit that holds it, by "
                          "the number of its source region (0: no isostasy header).");
    for (size_t i = 0; i < health->source_count; i++) {
        const struct iso_health_source *source = &health->sources[i];
        iso_exposition_histogram(
            &scrape->out, bounds, source->latency.counts, ISO_LATENCY_BOUNDS,
            (double)source->latency.sum_ms / 1000.0, "region", scrape->region, "source",
            number(label, source->region), (char *)NULL);
    }
}

static void scrape_health(struct scrape *scrape)
{
    struct iso_health sum = {0};
    for (unsigned i = 0; i < scrape->count; i++) {
        const struct iso_health *health = &scrape->shards[i].health;
        sum.started_ms = health->started_ms;
        sum.has_clock |= health->has_clock;
        sum.clock_ms = health->has_clock ? health->clock_ms : sum.clock_ms;
        sum.has_store |= health->has_store;
        sum.store_used += health->store_used;
        sum.store_free = health->store_free;
        for (size_t s = 0; s < health->source_count; s++)
            iso_latency_merge(
                &iso_health_source_add(&sum, health->sources[s].region)->latency,
                &health->sources[s].latency);
    }
    scrape_gauge(scrape, "isostasy_daemon_start_timestamp", "seconds",
                 "When the daemon started.", sum.started_ms != 0,
                 (double)sum.started_ms / 1000.0);
    scrape_gauge(scrape, "isostasy_daemon_clock_offset", "seconds",
                 "The daemon's clock minus that of its cluster's brokers.",
                 sum.has_clock, (double)sum.clock_ms / 1000.0);
    scrape_gauge(scrape, "isostasy_daemon_store_used", "bytes",
                 "Pages in use of the stores.", sum.has_store, (double)sum.store_used);
    scrape_gauge(scrape, "isostasy_daemon_store_free", "bytes",
                 "What the stores may still grow by.",
                 sum.has_store && sum.store_free < INT64_MAX, (double)sum.store_free);
    scrape_latency(scrape, &sum);
    iso_health_release(&sum);
}

static void metrics(void *user, const struct iso_http_request *request,
                    struct iso_http_answer *answer)
{
    const struct iso_daemon_server *server = user;
    struct scrape scrape = {
        .out.open = iso_exposition_wants_open(iso_http_header(request, "Accept")),
        .region = server->region,
        .count = iso_daemon_shards(server->daemon)};
    scrape.shards = iso_alloc_zero(scrape.count, sizeof *scrape.shards);
    for (unsigned i = 0; i < scrape.count; i++)
        iso_daemon_shard(server->daemon, i, &scrape.shards[i]);
    iso_exposition_family(&scrape.out, "isostasy_daemon_build", ISO_INFO_METRIC, "",
                          "The software.");
    iso_exposition_sample(&scrape.out, 1, "version", ISOSTASY_VERSION, "region",
                          scrape.region, (char *)NULL);
    scrape_counters(&scrape);
    scrape_slices(&scrape);
    scrape_health(&scrape);
    iso_exposition_end(&scrape.out);
    for (unsigned i = 0; i < scrape.count; i++)
        iso_health_release(&scrape.shards[i].health);
    iso_free(scrape.shards);
    answer->type = scrape.out.open ? ISO_EXPOSITION_OPEN : ISO_EXPOSITION_TEXT;
    answer->body = scrape.out.text;
}

static void root(void *user, const struct iso_http_request *request,
                 struct iso_http_answer *answer)
{
    (void)user;
    (void)request;
    answer_line(answer,
                "isostasyd: /livez /readyz /metrics; the page is the monitor's");
}

/* ---- the server ---- */

static const struct iso_http_route daemon_routes[] = {
    {"/", root}, {"/livez", livez}, {"/readyz", readyz}, {"/metrics", metrics}, {0}};

enum iso_err iso_daemon_serve(const struct iso_settings *settings, const char *region,
                              struct iso_daemon *daemon,
                              struct iso_daemon_server **opened, struct iso_why *why)
{
    const char *listen = iso_settings_text(settings, "daemon", NULL, "http.listen");
    *opened = NULL;
    if (listen == NULL || listen[0] == '\0')
        return ISO_OK;
    struct iso_daemon_server *server = iso_alloc_zero(1, sizeof *server);
    *server = (struct iso_daemon_server){.daemon = daemon, .region = region};
    struct iso_http_options options = {.routes = daemon_routes, .user = server};
    iso_http_settings(settings, "daemon", &options);
    enum iso_err err = iso_http_open(&options, &server->http, why);
    if (err != ISO_OK) {
        iso_free(server);
        return err;
    }
    iso_log(ISO_INFO, "daemon.http", "address=%s", iso_http_address(server->http));
    *opened = server;
    return ISO_OK;
}

void iso_daemon_serve_end(struct iso_daemon_server *server)
{
    if (server == NULL)
        return;
    iso_http_close(server->http);
    iso_free(server);
}
