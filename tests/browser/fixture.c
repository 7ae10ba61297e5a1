/* A monitor without a Kafka: the real watch, server and page over a lag that is fed by
 * hand, for tests/browser/page.py. A command a line on standard input, an answer a line
 * on standard output ("ok …" or "no …"); the first line says where the page is. It ends
 * with its standard input. An argument names a file with a token that it then wants.
 *
 *   tick N    N seconds go by: every region writes, applies what reaches it, reports;
 *             the watch looks each second
 *   begin     the collection `packages` is there: eu, us and ap, a log each
 *   cut       what eu writes does not reach us any more;  heal: it does again
 *   diverge   ap reports another digest of partition 1;   mend: the same again
 *   crowd     a collection of 50 regions besides
 *   hostile   a collection besides, in which all that is text is an attack
 *   deaf      the server is closed
 *
 * Time is turned by `tick` alone, so what is seen depends on nothing but the commands.
 */
#include <stdio.h>

#include "base/settings.h"
#include "monitor/serve.h"
#include "tests/unit/monitor_kit.h"

enum {
    PARTITIONS = 2,
    RATE = 5, /* writes a second, in each partition of each log */
    RECORDS_MAX = 1 << 16,
    CROWD = 50,
    HOSTILE = 2,
};

static struct iso_clock_manual clock_now;
static struct iso_lag *lag;
static struct iso_watch *watch;
static struct iso_serve_options serve_options; /* borrowed until it is closed */
static struct iso_serve *serve;
static struct iso_definition *packages, *crowd, *hostile;
static bool cut, diverged;

/* Logs of `packages`, n being region n's: when each record was appended, alike in every
 * partition; and how far a region has read each. */
static int64_t appended[AP + 1][RECORDS_MAX];
static int64_t ends[AP + 1];
static int64_t stands[AP + 1][AP + 1];

/* ---- packages ---- */

static int64_t now(void)
{
    return clock_now.now_ms;
}

static void world_second(void)
{
    for (unsigned log = EU; log <= AP; log++) {
        for (int n = 0; n < RATE && ends[log] < RECORDS_MAX; n++)
            appended[log][ends[log]++] = now() - 900 + n * 150;
    }
    for (unsigned region = EU; region <= AP; region++) {
        for (unsigned log = EU; log <= AP; log++) {
            if (!(cut && region == US && log == EU))
                stands[region][log] = ends[log];
        }
    }
}

static void health(struct iso_report *report)
{
    report->has_health = true;
    report->health = (struct iso_health){.started_ms = KIT_NOW - 60000,
                                         .has_clock = true,
                                         .clock_ms = report->region_number * 3,
                                         .clock_error_ms = 2,
                                         .has_store = true,
                                         .store_used = UINT64_C(48) << 20,
                                         .store_free = UINT64_C(464) << 20};
    for (unsigned source = EU; source <= AP; source++) {
        struct iso_health_source *at = iso_health_source_add(&report->health, source);
        for (int64_t n = 0; n < stands[report->region_number][source]; n++)
            iso_latency_add(&at->latency, 40 + n * 37 % 210);
    }
}

static void region_reports(unsigned region, uint32_t partition)
{
    struct iso_report report = kit_report("packages", region, partition);
    uint64_t sum = 0;
    report.at_ms = now();
    for (unsigned log = EU; log <= AP; log++) {
        int64_t stand = stands[region][log];
        int64_t append_ms = stand == 0 ? KIT_NOW : appended[log][stand - 1];
        kit_stand(&report, (uint16_t)log, stand, append_ms);
        kit_source(&report, (uint16_t)log, log, (uint64_t)stand, append_ms);
        iso_vector_move(&report.slice.vector, (uint16_t)log, stand - 1);
        iso_slice_log(&report.slice, (uint16_t)log)->bound_ms = now() - 86400000;
        sum += (uint64_t)stand * log;
    }
    bool other = diverged && region == AP && partition == 1;
    report.slice.tally = (struct iso_tally){.live = {sum + 1 + other, partition + 1},
                                            .mortal = {sum, partition},
                                            .values = 1200 + partition,
                                            .tombstones = 31};
    report.slice.ledger = (struct iso_digest){7, partition};
    report.slice.ledger_rows = 2;
    health(&report);
    iso_lag_feed_report(lag, &report, now() - 200);
}

/* What the lag asks for of the logs: every record is a write of the log's own region.
 */
static void logs_seen(void)
{
    const char *collection;
    uint16_t log;
    uint32_t partition;
    int64_t offset;
    for (size_t n = 0; iso_lag_wanted(lag, n, &collection, &log, &partition, &offset);
         n++) {
        if (strcmp(collection, "packages") != 0 || offset >= ends[log])
            continue;
        struct iso_lag_seen seen = {.collection = "packages",
                                    .log = log,
                                    .partition = partition,
                                    .offset = offset,
                                    .upto = ends[log],
                                    .append_ms = appended[log][offset],
                                    .upto_ms = appended[log][ends[log] - 1],
                                    .first_count = 1};
        seen.firsts[0] = (struct iso_lag_first){
            .region = log, .offset = offset, .append_ms = appended[log][offset]};
        iso_lag_feed_seen(lag, &seen);
    }
}

static void packages_second(void)
{
    world_second();
    for (unsigned n = EU; n <= AP; n++) {
        for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
            region_reports(n, partition);
            iso_lag_feed_end(lag, &(struct iso_lag_end){.collection = "packages",
                                                        .log = (uint16_t)n,
                                                        .partition = partition,
                                                        .end = ends[n],
                                                        .asked_ms = now()});
        }
        iso_lag_feed_retention(lag, "packages", (uint16_t)n, 7 * INT64_C(86400000));
    }
    logs_seen();
}

/* ---- the others ---- */

/* Every region has applied one record of every log; the odd ones report no more. */
static void crowd_second(void)
{
    for (unsigned region = 1; region <= CROWD; region++) {
        struct iso_report report = kit_report("crowd", region, 0);
        for (uint16_t log = 1; log <= CROWD; log++) {
            kit_stand(&report, log, 1, now() - 500);
            kit_source(&report, log, log, 1, now() - 500);
            iso_vector_move(&report.slice.vector, log, 0);
        }
        iso_lag_feed_report(lag, &report,
                            region % 7 == 0 ? now() - 600000 : now() - 300);
        iso_lag_feed_end(lag, &(struct iso_lag_end){.collection = "crowd",
                                                    .log = (uint16_t)region,
                                                    .end = 1,
                                                    .asked_ms = now()});
    }
}

static void hostile_second(void)
{
    for (unsigned region = 1; region <= HOSTILE; region++) {
        struct iso_report report = kit_report(hostile->collection, region, 0);
        report.state = ISO_SLICE_STOPPED;
        snprintf(report.region, sizeof report.region, "%s",
                 hostile->regions[region - 1].name);
        snprintf(report.why, sizeof report.why,
                 "</bdi><script>alert(1)</script>'\"><img src=x onerror=alert(2)> "
                 "\xe2\x80\xae"
                 "desrever \xff\xfe \x1b[31m");
        snprintf(report.software, sizeof report.software, "<style>*{color:red}");
        for (uint16_t log = 1; log <= HOSTILE; log++)
            kit_stand(&report, log, 1, now());
        report.has_health = true;
        report.health.has_loser = true;
        iso_buf_print(&report.health.loser_key, "<script>alert(3)</script>&amp;");
        iso_lag_feed_report(lag, &report, now());
    }
}

static void hostile_begin(void)
{
    static const char *const names[HOSTILE] = {"\"><img src=x onerror=alert(4)>",
                                               "' onfocus=alert(5) autofocus '"};
    hostile = kit_definition("\"><script>alert(6)</script>",
                             (struct kit_shape){.regions = HOSTILE, .partitions = 1});
    for (size_t n = 0; n < HOSTILE; n++)
        snprintf(hostile->regions[n].name, sizeof hostile->regions[n].name, "%s",
                 names[n]);
    iso_lag_feed_definition(lag, hostile);
}

/* ---- commands ---- */

static void ticks(long count)
{
    for (long n = 0; n < count; n++) {
        iso_clock_manual_add(&clock_now, 1000);
        if (packages != NULL)
            packages_second();
        if (crowd != NULL)
            crowd_second();
        if (hostile != NULL)
            hostile_second();
        iso_watch_look_at(watch, lag, now());
        iso_serve_looked(serve, true, 3);
    }
}

static void define(struct iso_definition **definition, const char *name,
                   struct kit_shape shape)
{
    *definition = kit_definition(name, shape);
    iso_lag_feed_definition(lag, *definition);
}

/* false: there is no such command. */
static bool command(const char *line)
{
    long count;
    if (sscanf(line, "tick %ld", &count) == 1)
        ticks(count);
    else if (strcmp(line, "begin") == 0)
        define(&packages, "packages",
               (struct kit_shape){.regions = AP, .partitions = PARTITIONS});
    else if (strcmp(line, "crowd") == 0)
        define(&crowd, "crowd", (struct kit_shape){.regions = CROWD, .partitions = 1});
    else if (strcmp(line, "hostile") == 0)
        hostile_begin();
    else if (strcmp(line, "cut") == 0 || strcmp(line, "heal") == 0)
        cut = line[0] == 'c';
    else if (strcmp(line, "diverge") == 0 || strcmp(line, "mend") == 0)
        diverged = line[0] == 'd';
    else
        return false;
    return true;
}

static void answer(const char *line)
{
    if (strcmp(line, "deaf") == 0) {
        iso_serve_close(serve);
        serve = NULL;
    } else if (serve == NULL || !command(line)) {
        printf("no command '%s'\n", line);
        fflush(stdout);
        return;
    }
    const struct iso_status *status = iso_watch_status(watch);
    printf("ok %llu\n", (unsigned long long)(status == NULL ? 0 : status->look));
    fflush(stdout);
    if (status != NULL)
        iso_status_release(watch, status);
}

static enum iso_err open_all(struct iso_settings *settings, const char *token,
                             struct iso_why *why)
{
    iso_clock_manual_init(&clock_now, KIT_NOW);
    lag = iso_lag_new(&(struct iso_lag_options){.stale_after_ms = KIT_STALE_MS,
                                                .stopped_after_ms = KIT_STOPPED_MS});
    watch = iso_watch_new(&(struct iso_watch_options){.interval_ms = 1000,
                                                      .retention_warning_ms = 21600000},
                          now());
    enum iso_err err = iso_settings_set(settings, "monitor.http.listen", "127.0.0.1:0",
                                        "fixture", why);
    if (err == ISO_OK && token != NULL)
        err = iso_settings_set(settings, "monitor.http.token", token, "fixture", why);
    if (err != ISO_OK)
        return err;
    serve_options = (struct iso_serve_options){
        .settings = settings, .watch = watch, .clock = &clock_now.clock};
    return iso_serve_open(&serve_options, &serve, why);
}

int main(int argc, char **argv)
{
    struct iso_settings *settings = iso_settings_new();
    struct iso_why why = {0};
    char line[256];
    if (open_all(settings, argc > 1 ? argv[1] : NULL, &why) != ISO_OK) {
        fprintf(stderr, "fixture: %s\n", why.text);
        return 1;
    }
    printf("%s\n", iso_serve_address(serve));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        answer(line);
    }
    iso_serve_close(serve);
    iso_watch_free(watch);
    iso_lag_free(lag);
    iso_definition_free(packages);
    iso_definition_free(crowd);
    iso_definition_free(hostile);
    iso_settings_free(settings);
    return 0;
}
