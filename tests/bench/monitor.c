/* bench-monitor: what a look of the monitor costs at 50 regions and 1,000 partitions,
 * and a scrape of what came of it. No Kafka: reports and ends are made up, so that what
 * is measured is the monitor's own work on what travels.
 *
 * Two shapes: a log for each region, where every daemon reports on 50 logs a slice, and
 * one log shared by all. In each round the logs grow, every region reports every slice
 * anew, some a few records behind the end, then there is one look, as there is one a
 * second. Reports are made one at a time, outside of what is measured; the raw limit is
 * to read their bytes once, by XXH3-128. Times are this thread's on a processor:
 * nothing here waits for anybody.
 *
 * `--records N` is the number of reports in a round, at most 50,000: it makes fewer
 * partitions. */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench.h"
#include "monitor/monitor.h"
#include "monitor/view.h"
#include "monitor/watch.h"

enum {
    REGIONS = 50,
    PARTITIONS_MAX = 1000,
    GROWTH = 10,
    BEHIND_MAX = 4,
    SECOND = 1000
};
#define NOW INT64_C(1700000000000)

enum figure {
    FIGURE_DECODE,
    FIGURE_FEED,
    FIGURE_HASH,
    FIGURE_ENDS,
    FIGURE_WANTED,
    FIGURE_ROWS,
    FIGURE_REGIONS,
    FIGURE_VERDICT,
    FIGURE_WATCH,
    FIGURE_LOOK,
    FIGURE_LOOK_RATIO,
    FIGURE_TAKE,
    FIGURE_SCRAPE_PAIRS,
    FIGURE_SCRAPE,
    FIGURE_COPY,
    FIGURE_SCRAPE_SIZE,
    FIGURE_MEMORY,
    FIGURES
};

struct shape {
    bool shared;
    const char *names[FIGURES];
};

#define SHAPE(shape)                                                          \
    {                                                                         \
        [FIGURE_DECODE] = shape ": reports, decode, each",                    \
        [FIGURE_FEED] = shape ": reports, take in, each",                     \
        [FIGURE_HASH] = shape ": reports' bytes, hash (raw)",                 \
        [FIGURE_ENDS] = shape ": ends, take in, all",                         \
        [FIGURE_WANTED] = shape ": which records to look at",                 \
        [FIGURE_ROWS] = shape ": rows", [FIGURE_REGIONS] = shape ": regions", \
        [FIGURE_VERDICT] = shape ": verdict",                                 \
        [FIGURE_WATCH] = shape ": a look at one partition",                   \
        [FIGURE_LOOK] = shape ": a look, all of it",                          \
        [FIGURE_LOOK_RATIO] = shape ": a look / hash of the reports",         \
        [FIGURE_TAKE] = shape ": take the status and give it back",           \
        [FIGURE_SCRAPE_PAIRS] = shape ": scrape, 2,450 pairs",                \
        [FIGURE_SCRAPE] = shape ": scrape, as set by default",                \
        [FIGURE_COPY] = shape ": scrape by default, copied (raw)",            \
        [FIGURE_SCRAPE_SIZE] = shape ": scrape by default, size",             \
        [FIGURE_MEMORY] = shape ": memory",                                   \
    }

static struct shape shapes[] = {
    {.shared = false, .names = SHAPE("own logs")},
    {.shared = true, .names = SHAPE("shared log")},
};

struct monitor {
    struct bench *bench;
    const struct shape *shape;
    struct iso_definition definition;
    struct iso_definition_region regions[REGIONS];
    struct iso_definition_log logs[REGIONS];
    struct iso_lag *lag;
    struct iso_watch *watch;
    /* The same pairs with one partition, of which measuring costs nothing: what is left
     * of a look is the watch's own. */
    struct iso_definition small_definition;
    struct iso_lag *small;
    struct iso_watch *small_watch;
    int64_t now_ms, end;
    struct iso_report report, decoded;
    struct iso_buf bytes, text;
    double decode_s, feed_s, hash_s;
    uint64_t sum; /* what the compiler may not leave out */
};

/* ---- the collection ---- */

static void define(struct monitor *monitor)
{
    static char cluster[] = "home", topic[] = "packages";
    struct iso_definition *definition = &monitor->definition;
    uint64_t reports = monitor->bench->records;
    uint64_t partitions = reports / REGIONS;
    *definition = (struct iso_definition){
        .collection = "packages",
        .resolver = "lww",
        .number = 1,
        .partitions = partitions > PARTITIONS_MAX ? PARTITIONS_MAX
                      : partitions == 0           ? 1
                                                  : (uint32_t)partitions,
        .buckets = ISO_BUCKETS_DEFAULT,
        .regions = monitor->regions,
        .region_count = REGIONS,
        .logs = monitor->logs,
        .log_count = monitor->shape->shared ? 1 : REGIONS};
    for (int i = 0; i < REGIONS; i++) {
        struct iso_definition_region *region = &monitor->regions[i];
        region->number = (uint8_t)(i + 1);
        snprintf(region->name, sizeof region->name, "region-%d", i + 1);
        monitor->logs[i] = (struct iso_definition_log){.number = (uint16_t)(i + 1),
                                                       .cluster = cluster,
                                                       .topic = topic,
                                                       .writers = UINT64_C(1) << i};
    }
    if (monitor->shape->shared)
        monitor->logs[0].writers = (UINT64_C(1) << REGIONS) - 1;
}

/* ---- what travels ---- */

/* How many records of a log a region is behind in this slice: most are not. */
static int64_t behind(unsigned region, size_t log, uint32_t partition)
{
    uint64_t drawn = (region * 40503 + log * 977 + partition * 2654435761u) >> 3;
    return drawn % 16 == 0 ? (int64_t)(drawn / 16 % BEHIND_MAX) + 1 : 0;
}

static void report_log(struct monitor *monitor, unsigned region, uint32_t partition,
                       size_t log)
{
    struct iso_slice *slice = &monitor->report.slice;
    uint16_t number = monitor->logs[log].number;
    int64_t frontier = monitor->end - behind(region, log, partition);
    struct iso_slice_log *at = iso_slice_log_add(slice, number);
    at->frontier = frontier;
    at->append_ms = at->record_append_ms = monitor->now_ms - 300;
    at->record_offset = frontier - 1;
    at->t_ms = monitor->now_ms - 300;
    at->bound_ms = monitor->now_ms - 86400000;
    unsigned first = monitor->shape->shared ? 1 : number;
    unsigned last = monitor->shape->shared ? REGIONS : number;
    for (unsigned source = first; source <= last; source++) {
        struct iso_slice_source *from =
            iso_slice_source_add(iso_slice_log_add(slice, number), source);
        from->writes = (uint64_t)frontier / (last - first + 1);
        from->append_ms = monitor->now_ms - 300;
    }
    iso_vector_move(&slice->vector, number, frontier - 1);
}

static void report_make(struct monitor *monitor, unsigned region, uint32_t partition)
{
    struct iso_report *report = &monitor->report;
    iso_report_release(report);
    *report = (struct iso_report){.region_number = (uint8_t)region,
                                  .definition = 1,
                                  .at_ms = monitor->now_ms,
                                  .state = ISO_SLICE_APPLYING,
                                  .has_health = true};
    snprintf(report->region, sizeof report->region, "region-%u", region);
    snprintf(report->collection, sizeof report->collection, "packages");
    snprintf(report->software, sizeof report->software, "0.1.0");
    memset(report->store, (int)region, sizeof report->store);
    report->slice.partition = partition;
    for (size_t log = 0; log < monitor->definition.log_count; log++)
        report_log(monitor, region, partition, log);
    report->slice.tally.values = monitor->end;
    report->slice.tally.live.low = (uint64_t)monitor->end;
    report->health.started_ms = NOW - 86400000;
    for (unsigned source = 1; source <= REGIONS; source++)
        iso_health_source_add(&report->health, source)->latency.counts[4] =
            (uint64_t)monitor->end;
    iso_buf_clear(&monitor->bytes);
    iso_report_encode(report, &monitor->bytes);
}

static void report_take(struct monitor *monitor)
{
    struct iso_why why;
    struct iso_bytes bytes = iso_buf_bytes(&monitor->bytes);
    double began = bench_cpu_thread();
    monitor->sum += iso_hash128(bytes).low;
    double hashed = bench_cpu_thread();
    bench_must(iso_report_decode(bytes, &monitor->decoded, &why), "report", &why);
    double decoded = bench_cpu_thread();
    iso_lag_feed_report(monitor->lag, &monitor->decoded, monitor->now_ms);
    monitor->feed_s += bench_cpu_thread() - decoded;
    if (monitor->report.slice.partition == 0) {
        bench_must(iso_report_decode(bytes, &monitor->decoded, &why), "report", &why);
        iso_lag_feed_report(monitor->small, &monitor->decoded, monitor->now_ms);
    }
    monitor->decode_s += decoded - hashed;
    monitor->hash_s += hashed - began;
}

static void ends_take(struct monitor *monitor)
{
    for (size_t log = 0; log < monitor->definition.log_count; log++) {
        for (uint32_t p = 0; p < monitor->definition.partitions; p++) {
            struct iso_lag_end end = {.collection = "packages",
                                      .log = monitor->logs[log].number,
                                      .partition = p,
                                      .end = monitor->end,
                                      .asked_ms = monitor->now_ms};
            iso_lag_feed_end(monitor->lag, &end);
        }
    }
}

static void small_ends_take(struct monitor *monitor)
{
    for (size_t log = 0; log < monitor->definition.log_count; log++) {
        struct iso_lag_end end = {.collection = "packages",
                                  .log = monitor->logs[log].number,
                                  .end = monitor->end,
                                  .asked_ms = monitor->now_ms};
        iso_lag_feed_end(monitor->small, &end);
    }
}

/* ---- figures ---- */

static void add(struct monitor *monitor, enum figure figure, const char *unit,
                double value)
{
    bench_add(monitor->bench, monitor->shape->names[figure], unit, value);
}

static void add_ms(struct monitor *monitor, enum figure figure, double began)
{
    add(monitor, figure, "ms", (bench_cpu_thread() - began) * 1000);
}

static void round_reports(struct monitor *monitor)
{
    monitor->now_ms += SECOND;
    monitor->end += GROWTH;
    monitor->decode_s = monitor->feed_s = monitor->hash_s = 0;
    uint32_t partitions = monitor->definition.partitions;
    for (uint32_t p = 0; p < partitions; p++) {
        for (unsigned region = 1; region <= REGIONS; region++) {
            report_make(monitor, region, p);
            report_take(monitor);
        }
    }
    double reports = (double)partitions * REGIONS;
    add(monitor, FIGURE_DECODE, "us", monitor->decode_s * 1e6 / reports);
    add(monitor, FIGURE_FEED, "us", monitor->feed_s * 1e6 / reports);
    add(monitor, FIGURE_HASH, "ms", monitor->hash_s * 1000);
    double began = bench_cpu_thread();
    ends_take(monitor);
    add_ms(monitor, FIGURE_ENDS, began);
    small_ends_take(monitor);
}

/* The parts of a look, each by itself, then a look. */
static void round_look(struct monitor *monitor)
{
    const struct iso_lag_row *rows;
    const struct iso_lag_region *regions;
    const char *collection;
    struct iso_lag *lag = monitor->lag;
    struct iso_verdict verdict;
    uint16_t log;
    uint32_t partition;
    int64_t offset;
    double began = bench_cpu_thread();
    monitor->sum += iso_lag_wanted(lag, 0, &collection, &log, &partition, &offset);
    add_ms(monitor, FIGURE_WANTED, began);
    began = bench_cpu_thread();
    monitor->sum += iso_lag_rows(lag, NULL, monitor->now_ms, &rows);
    add_ms(monitor, FIGURE_ROWS, began);
    began = bench_cpu_thread();
    monitor->sum += iso_lag_regions(lag, NULL, monitor->now_ms, &regions);
    add_ms(monitor, FIGURE_REGIONS, began);
    began = bench_cpu_thread();
    iso_lag_verdict(lag, "packages", monitor->now_ms, INT64_MIN, &verdict);
    add_ms(monitor, FIGURE_VERDICT, began);
    began = bench_cpu_thread();
    iso_watch_look_at(monitor->watch, lag, monitor->now_ms);
    add_ms(monitor, FIGURE_LOOK, began);
    began = bench_cpu_thread();
    iso_watch_look_at(monitor->small_watch, monitor->small, monitor->now_ms);
    add_ms(monitor, FIGURE_WATCH, began);
    bench_add_ratio(monitor->bench, monitor->shape->names[FIGURE_LOOK_RATIO],
                    monitor->shape->names[FIGURE_LOOK],
                    monitor->shape->names[FIGURE_HASH]);
}

static void scrape(struct monitor *monitor, const struct iso_status *status,
                   enum iso_granularity granularity, enum figure figure)
{
    struct iso_metrics_options options = {.granularity = granularity,
                                          .series_max = 500};
    iso_buf_clear(&monitor->text);
    double began = bench_cpu_thread();
    iso_view_metrics(status, &options, &monitor->text);
    add_ms(monitor, figure, began);
}

static void round_scrape(struct monitor *monitor)
{
    double began = bench_cpu_thread();
    const struct iso_status *status = NULL;
    for (int i = 0; i < 1000; i++) {
        status = iso_watch_status(monitor->watch);
        iso_status_release(monitor->watch, status);
    }
    add(monitor, FIGURE_TAKE, "us", (bench_cpu_thread() - began) * 1e6 / 1000);
    status = iso_watch_status(monitor->watch);
    scrape(monitor, status, ISO_BY_PAIR, FIGURE_SCRAPE_PAIRS);
    scrape(monitor, status, ISO_BY_AUTO, FIGURE_SCRAPE);
    iso_status_release(monitor->watch, status);
    void *copy = iso_alloc(monitor->text.size + 1);
    began = bench_cpu_thread();
    memcpy(copy, monitor->text.data, monitor->text.size);
    add(monitor, FIGURE_COPY, "us", (bench_cpu_thread() - began) * 1e6);
    monitor->sum += *(const uint8_t *)copy;
    iso_free(copy);
    add(monitor, FIGURE_SCRAPE_SIZE, "KB", (double)monitor->text.size / 1e3);
}

/* What the process holds in memory beside what it held before. */
static double resident_mb(void)
{
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &ignored, &pages) != 2)
        bench_die("/proc/self/statm cannot be read");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* ---- rounds ---- */

static void shape_run(struct bench *bench, const struct shape *shape)
{
    struct iso_lag_options lag = {.stale_after_ms = 5 * SECOND,
                                  .stopped_after_ms = 10 * SECOND};
    struct iso_watch_options watch = {.interval_ms = SECOND,
                                      .retention_warning_ms = 6 * 3600 * SECOND};
    struct monitor monitor = {
        .bench = bench, .shape = shape, .now_ms = NOW, .end = 1000000};
    malloc_trim(0);
    double before_mb = resident_mb();
    define(&monitor);
    monitor.lag = iso_lag_new(&lag);
    monitor.watch = iso_watch_new(&watch, NOW);
    monitor.small_definition = monitor.definition;
    monitor.small_definition.partitions = 1;
    monitor.small = iso_lag_new(&lag);
    monitor.small_watch = iso_watch_new(&watch, NOW);
    iso_lag_feed_definition(monitor.lag, &monitor.definition);
    iso_lag_feed_definition(monitor.small, &monitor.small_definition);
    for (int round = 0; round < bench->rounds; round++) {
        round_reports(&monitor);
        round_look(&monitor);
        round_scrape(&monitor);
        add(&monitor, FIGURE_MEMORY, "MB", resident_mb() - before_mb);
    }
    iso_watch_free(monitor.watch);
    iso_lag_free(monitor.lag);
    iso_watch_free(monitor.small_watch);
    iso_lag_free(monitor.small);
    iso_report_release(&monitor.report);
    iso_report_release(&monitor.decoded);
    iso_buf_release(&monitor.bytes);
    iso_buf_release(&monitor.text);
    if (monitor.sum == 0)
        bench_die("nothing was measured");
}

int main(int argc, char **argv)
{
    struct bench bench;
    bench_init(&bench, "monitor", argc, argv);
    if (bench.records > REGIONS * PARTITIONS_MAX)
        bench.records = REGIONS * PARTITIONS_MAX;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        shape_run(&bench, &shapes[i]);
    bench_print(&bench);
    return 0;
}
