/* monitor_bus_kit.h - a monitor over two clusters in memory: eu is at home and us is
 * far, and each has its log there.
 */
#ifndef ISO_TESTS_UNIT_MONITOR_BUS_KIT_H
#define ISO_TESTS_UNIT_MONITOR_BUS_KIT_H

#include "bus/memory.h"
#include "monitor_kit.h"

enum { TIMEOUT_MS = 300, AWAY_MS = 3000 };

struct side {
    const char *name;
    struct iso_memory_cluster *cluster;
    struct iso_bus *bus, *other; /* the monitor's; one that is never cut */
};

/* eu is at home and us is far; each has its log there: home `packages.1`, far
 * `packages.2`, two partitions. */
static struct side sides[2];
static struct iso_clock_manual now;
static struct iso_definition *definition;
static struct iso_monitor *monitor;
static struct iso_why why;
static const char *const names[] = {"home", "far"};

static struct iso_bus *bus_of(void *user, const char *name, struct iso_why *reason)
{
    (void)user;
    (void)reason;
    return strcmp(name, "home") == 0 ? sides[0].bus : sides[1].bus;
}

static struct iso_monitor_options options = {
    .prefix = "iso.",
    .clusters = names,
    .cluster_count = 2,
    .bus = bus_of,
    .clock = &now.clock,
    .lag = {.stale_after_ms = KIT_STALE_MS, .stopped_after_ms = KIT_STOPPED_MS}};

#define ck_ok(call) ck_assert_msg((call) == ISO_OK, "%s", why.text)

static __attribute__((unused)) void topic(int side, const char *name, int partitions)
{
    struct iso_topic_config config[] = {{"message.timestamp.type", "LogAppendTime"}};
    ck_ok(iso_bus_topic_create(sides[side].other,
                               &(struct iso_topic){name, partitions, 1, config, 1},
                               TIMEOUT_MS, &why));
}

static __attribute__((unused)) void publish(int side, const char *name, int partition,
                                            struct iso_buf *key, struct iso_buf *value)
{
    struct iso_message message = {.topic = name,
                                  .partition = partition,
                                  .has_key = true,
                                  .has_value = true,
                                  .key = iso_buf_bytes(key),
                                  .value = iso_buf_bytes(value)};
    ck_ok(iso_bus_publish(sides[side].other, &message, "iso", TIMEOUT_MS, NULL, &why));
    iso_buf_release(key);
    iso_buf_release(value);
}

static __attribute__((unused)) void define(struct iso_definition *defined)
{
    struct iso_buf key = {0}, value = {0};
    ck_ok(iso_definition_encode(defined, &why));
    iso_control_claim_definition(defined, &key);
    iso_buf_add_bytes(&value, iso_buf_bytes(&defined->bytes));
    publish(0, "iso.control", 0, &key, &value);
}

static __attribute__((unused)) void append(int side, int partition, int count)
{
    for (int i = 0; i < count; i++) {
        struct iso_buf key = {0}, value = {0};
        iso_buf_print(&key, "key");
        publish(side, side == 0 ? "packages.1" : "packages.2", partition, &key, &value);
    }
}

static __attribute__((unused)) void report_send(int side, struct iso_report *report)
{
    struct iso_buf key = {0}, value = {0};
    iso_report_key(report, &key);
    iso_report_encode(report, &value);
    iso_report_release(report);
    publish(side, "iso.status", 0, &key, &value);
}

/* Both slices of a region: `eu` and `us` records of the two logs are applied. */
static __attribute__((unused)) void report(unsigned region, int64_t eu, int64_t us)
{
    for (uint32_t p = 0; p < 2; p++) {
        struct iso_report made = kit_report("packages", region, p);
        kit_stand(&made, 1, eu, now.now_ms);
        kit_source(&made, 1, EU, (uint64_t)eu, now.now_ms);
        kit_stand(&made, 2, us, now.now_ms);
        kit_source(&made, 2, US, (uint64_t)us, now.now_ms);
        report_send(region == EU ? 0 : 1, &made);
    }
}

static __attribute__((unused)) void setup(void)
{
    iso_clock_manual_init(&now, KIT_NOW);
    for (int i = 0; i < 2; i++) {
        sides[i].name = names[i];
        sides[i].cluster = iso_memory_cluster_new(&now.clock);
        sides[i].bus = iso_bus_memory_open(sides[i].cluster);
        sides[i].other = iso_bus_memory_open(sides[i].cluster);
    }
    topic(0, "iso.control", 1);
    definition =
        kit_definition("packages", (struct kit_shape){.regions = 2, .partitions = 2});
    iso_free(definition->logs[1].cluster);
    definition->logs[1].cluster = iso_strdup("far");
    define(definition);
}

static __attribute__((unused)) void topics(void)
{
    for (int i = 0; i < 2; i++) {
        topic(i, "iso.status", 1);
        topic(i, i == 0 ? "packages.1" : "packages.2", 2);
    }
}

/* The brokers' clocks are ours, which no record has shown yet. */
static __attribute__((unused)) void clocks(void)
{
    for (int i = 0; i < 2; i++)
        iso_lag_feed_clock(iso_monitor_lag(monitor), names[i], 0);
}

/* Everything is there, 3 records in each partition of each log, applied by both. */
static __attribute__((unused)) void setup_level(void)
{
    topics();
    for (int i = 0; i < 4; i++)
        append(i / 2, i % 2, 3);
    report(EU, 3, 3);
    report(US, 3, 3);
    ck_ok(iso_monitor_open_on(&options, TIMEOUT_MS, &monitor, &why));
    clocks();
    ck_ok(iso_monitor_refresh(monitor, true, TIMEOUT_MS, &why));
}

static __attribute__((unused)) void teardown(void)
{
    iso_monitor_close(monitor);
    monitor = NULL;
    iso_definition_free(definition);
    for (int i = 0; i < 2; i++) {
        iso_bus_close(sides[i].bus);
        iso_bus_close(sides[i].other);
        iso_memory_cluster_free(sides[i].cluster);
    }
}

/* A record of a log, of an operation of its region; ISO_PUT with a value. */
static __attribute__((unused)) void
append_write(int side, int partition, enum iso_operation operation, uint64_t seq)
{
    unsigned region = side == 0 ? EU : US;
    struct iso_write write = {
        .operation = operation,
        .log = (uint16_t)region,
        .partition = (uint32_t)partition,
        .version = {iso_hlc_of_ms(now.now_ms) + seq, iso_node(region, 7)},
        .seq = seq,
        .blind = true};
    struct iso_buf header = {0};
    iso_write_encode(&write, &header);
    struct iso_message message = {.topic = side == 0 ? "packages.1" : "packages.2",
                                  .partition = partition,
                                  .has_key = operation != ISO_HEARTBEAT,
                                  .has_value = operation == ISO_PUT,
                                  .has_header = true,
                                  .key = iso_bytes_text("key"),
                                  .value = iso_bytes_text("value"),
                                  .header = iso_buf_bytes(&header)};
    ck_ok(iso_bus_publish(sides[side].other, &message, "iso", TIMEOUT_MS, NULL, &why));
    iso_buf_release(&header);
}

/* Rows: 0 is eu → us, 1 is us → eu. */
static __attribute__((unused)) const struct iso_lag_row *row(size_t index)
{
    const struct iso_lag_row *rows;
    size_t count =
        iso_lag_rows(iso_monitor_lag(monitor), "packages", now.now_ms, &rows);
    ck_assert_uint_eq(count, 2);
    return &rows[index];
}

static __attribute__((unused)) enum iso_verdict_state verdict(void)
{
    struct iso_verdict got;
    iso_lag_verdict(iso_monitor_lag(monitor), "packages", now.now_ms, 0, &got);
    return got.state;
}

#endif
