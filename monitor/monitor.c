/* The half of the monitor that reads Kafka: the control topic of the home cluster, then
 * the reports of every cluster, and only then where the logs end, so that what is said
 * to wait did wait when its region was last heard; then looks at what waits, in all
 * clusters at once.
 *
 * Time is shared out: each question may take its part of what is left, so that a
 * cluster that is away cannot use it all up. It is then left alone for a while
 * (cluster.c).
 *
 * How it can fail: the home cluster does not answer (ISO_UNAVAILABLE; the others were
 * read all the same), or its control topic is missing or was made anew
 * (ISO_NO_DEFINITION).
 */
#include "monitor/monitor.h"

#include "base/mem.h"
#include "monitor/cluster.h"
#include "monitor/table.h"

enum { LOOKS_MS = 500, LOOKS_WAIT_MS = 20, RETENTION_MS = 500, COMMITS_MS = 1000 };

/* The buses of a monitor that opened them itself. */
struct monitor_bus {
    const char *name; /* of the settings */
    struct iso_bus *bus;
};

struct iso_monitor {
    const struct iso_monitor_options *options;
    struct iso_control *control;
    struct iso_lag *lag;
    struct iso_cluster *clusters; /* the home cluster first */
    size_t cluster_count;
    char *control_topic, *status_topic, *letter_topic;
    struct monitor_kafka *kafka; /* NULL when somebody else's buses are used */
};

struct monitor_kafka {
    struct iso_monitor_options options;
    struct monitor_bus *buses;
    size_t bus_count;
    const char **names;
};

static int64_t until(int timeout_ms)
{
    return iso_steady_ms(&iso_clock_machine) + timeout_ms;
}

/* ---- control ---- */

static enum iso_err control_take(void *user, const struct iso_record *record,
                                 struct iso_why *why)
{
    (void)why;
    iso_control_feed(user, record->offset,
                     record->has_key ? record->key : iso_bytes(NULL, 0),
                     record->has_value ? record->value : iso_bytes(NULL, 0));
    return ISO_OK;
}

static void monitor_definitions(struct iso_monitor *monitor)
{
    const char *name;
    for (size_t i = 0; (name = iso_control_collection(monitor->control, i)) != NULL;
         i++)
        iso_lag_feed_definition(monitor->lag,
                                iso_control_definition(monitor->control, name, 0));
}

static enum iso_err monitor_control(struct iso_monitor *monitor, int timeout_ms,
                                    struct iso_why *why)
{
    struct iso_walk walk = {.topic = monitor->control_topic,
                            .from = iso_control_next(monitor->control),
                            .timeout_ms = timeout_ms,
                            .each = control_take,
                            .user = monitor->control};
    enum iso_err err = iso_bus_read(monitor->clusters[0].bus, &walk, NULL, why);
    monitor_definitions(monitor);
    if (err != ISO_NOT_FOUND)
        return err;
    if (iso_control_next(monitor->control) > 0)
        return iso_fail(
            why, ISO_NO_DEFINITION,
            "%s of cluster %s is gone or was made anew: what was read of it "
            "does not count any more; start again",
            monitor->control_topic, monitor->clusters[0].name);
    return iso_fail(why, ISO_NO_DEFINITION,
                    "%s is not on cluster %s yet: create the first region and "
                    "collection with isostasy",
                    monitor->control_topic, monitor->clusters[0].name);
}

/* ---- open, close ---- */

static char *topic_name(const char *prefix, const char *name)
{
    struct iso_buf buf = {0};
    iso_buf_print(&buf, "%s%s", prefix, name);
    char *made = iso_strdup(iso_buf_text(&buf));
    iso_buf_release(&buf);
    return made;
}

static enum iso_err monitor_clusters(struct iso_monitor *monitor, struct iso_why *why)
{
    const struct iso_monitor_options *options = monitor->options;
    if (options->cluster_count == 0)
        return iso_fail(why, ISO_SETTING,
                        "no cluster is set: write `[cluster home]` and `servers = "
                        "HOST:PORT` into the settings file, or give -X "
                        "cluster.home.servers=HOST:PORT");
    monitor->clusters =
        iso_alloc_zero(options->cluster_count, sizeof *monitor->clusters);
    for (size_t i = 0; i < options->cluster_count; i++) {
        struct iso_bus *bus = options->bus(options->user, options->clusters[i], why);
        if (bus == NULL)
            return why->err;
        monitor->clusters[monitor->cluster_count++] =
            (struct iso_cluster){.name = options->clusters[i],
                                 .bus = bus,
                                 .lag = monitor->lag,
                                 .control = monitor->control,
                                 .clock = options->clock,
                                 .status_topic = monitor->status_topic,
                                 .letter_topic = monitor->letter_topic,
                                 .heard_ms = ISO_UNKNOWN_MS,
                                 .retention_ms = -1};
    }
    return ISO_OK;
}

enum iso_err iso_monitor_open_on(const struct iso_monitor_options *options,
                                 int timeout_ms, struct iso_monitor **monitor,
                                 struct iso_why *why)
{
    struct iso_monitor *opened = iso_alloc_zero(1, sizeof *opened);
    *opened = (struct iso_monitor){
        .options = options,
        .control = iso_control_new(),
        .lag = iso_lag_new(&options->lag),
        .control_topic = topic_name(options->prefix, "control"),
        .status_topic = topic_name(options->prefix, "status"),
        .letter_topic = topic_name(options->prefix, "dead-letter"),
    };
    struct iso_why ours = {0};
    enum iso_err err = monitor_clusters(opened, &ours);
    if (err == ISO_OK)
        err = monitor_control(opened, timeout_ms, &ours);
    if (err != ISO_OK) {
        iso_monitor_close(opened);
        if (why != NULL)
            *why = ours;
        return err;
    }
    *monitor = opened;
    return ISO_OK;
}

static void kafka_free(struct monitor_kafka *kafka)
{
    if (kafka == NULL)
        return;
    for (size_t i = 0; i < kafka->bus_count; i++)
        iso_bus_close(kafka->buses[i].bus);
    iso_free(kafka->buses);
    iso_free(kafka->names);
    iso_free(kafka);
}

static struct iso_bus *kafka_bus(void *user, const char *cluster, struct iso_why *why)
{
    (void)why;
    const struct monitor_kafka *kafka = user;
    for (size_t i = 0; i < kafka->bus_count; i++) {
        if (strcmp(kafka->buses[i].name, cluster) == 0)
            return kafka->buses[i].bus;
    }
    return NULL;
}

static enum iso_err kafka_open(const struct iso_settings *settings,
                               struct monitor_kafka *kafka, struct iso_why *why)
{
    int count = 0;
    while (iso_settings_name(settings, "cluster", count) != NULL)
        count++;
    kafka->buses = iso_alloc_zero((size_t)count + 1, sizeof *kafka->buses);
    kafka->names = iso_alloc_zero((size_t)count + 1, sizeof *kafka->names);
    for (int i = 0; i < count; i++) {
        const char *name = iso_settings_name(settings, "cluster", i);
        struct monitor_bus *bus = &kafka->buses[kafka->bus_count];
        enum iso_err err = iso_bus_kafka_open(settings, name, &bus->bus, why);
        if (err != ISO_OK)
            return err;
        bus->name = kafka->names[kafka->bus_count++] = name;
    }
    kafka->options = (struct iso_monitor_options){
        .prefix = iso_settings_text(settings, "topics", NULL, "prefix"),
        .clusters = kafka->names,
        .cluster_count = kafka->bus_count,
        .bus = kafka_bus,
        .user = kafka,
        .clock = &iso_clock_machine,
        .lag = {.stale_after_ms =
                    iso_settings_number(settings, "monitor", NULL, "stale.after"),
                .stopped_after_ms =
                    iso_settings_number(settings, "monitor", NULL, "stopped.after")}};
    return ISO_OK;
}

enum iso_err iso_monitor_open(const struct iso_settings *settings, int timeout_ms,
                              struct iso_monitor **monitor, struct iso_why *why)
{
    struct monitor_kafka *kafka = iso_alloc_zero(1, sizeof *kafka);
    enum iso_err err = kafka_open(settings, kafka, why);
    if (err == ISO_OK)
        err = iso_monitor_open_on(&kafka->options, timeout_ms, monitor, why);
    if (err != ISO_OK)
        kafka_free(kafka);
    else
        (*monitor)->kafka = kafka;
    return err;
}

void iso_monitor_close(struct iso_monitor *monitor)
{
    if (monitor == NULL)
        return;
    for (size_t i = 0; i < monitor->cluster_count; i++)
        iso_cluster_release(&monitor->clusters[i]);
    iso_free(monitor->clusters);
    iso_lag_free(monitor->lag);
    iso_control_free(monitor->control);
    iso_free(monitor->control_topic);
    iso_free(monitor->status_topic);
    iso_free(monitor->letter_topic);
    kafka_free(monitor->kafka);
    iso_free(monitor);
}

struct iso_lag *iso_monitor_lag(struct iso_monitor *monitor)
{
    return monitor->lag;
}

const struct iso_control *iso_monitor_control(const struct iso_monitor *monitor)
{
    return monitor->control;
}

/* ---- refresh ---- */

static struct iso_cluster *cluster_named(const struct iso_monitor *monitor,
                                         const char *name)
{
    for (size_t i = 0; i < monitor->cluster_count; i++) {
        if (strcmp(monitor->clusters[i].name, name) == 0)
            return &monitor->clusters[i];
    }
    return NULL;
}

static void looks_begin(struct iso_monitor *monitor)
{
    struct cluster_look look = {0};
    size_t begun = 0;
    for (size_t n = 0; begun < CLUSTER_LOOKS_MAX &&
                       iso_lag_wanted(monitor->lag, n, &look.collection, &look.log,
                                      &look.partition, &look.offset);
         n++) {
        const struct iso_definition_log *log = iso_definition_log(
            iso_control_definition(monitor->control, look.collection, 0), look.log);
        struct iso_cluster *cluster = cluster_named(monitor, log->cluster);
        look.writers = log->writers;
        begun += cluster != NULL && iso_cluster_look(cluster, log->topic, &look);
    }
}

/* All clusters fetch at the same time; we look at one after the other. */
static void monitor_looks(struct iso_monitor *monitor, int64_t until_ms)
{
    looks_begin(monitor);
    size_t waiting = 1;
    while (waiting > 0 && iso_cluster_left_ms(until_ms) > 0) {
        waiting = 0;
        for (size_t i = 0; i < monitor->cluster_count; i++)
            waiting += iso_cluster_look_poll(&monitor->clusters[i], LOOKS_WAIT_MS);
    }
    for (size_t i = 0; i < monitor->cluster_count; i++)
        iso_cluster_look_end(&monitor->clusters[i]);
}

/* The next question's part of the time that is left for `questions`. */
static int share(int64_t until_ms, size_t questions)
{
    return iso_cluster_left_ms(until_ms) / (int)questions;
}

static enum iso_err home_refresh(struct iso_monitor *monitor, int64_t until_ms,
                                 struct iso_why *why)
{
    struct iso_cluster *home = &monitor->clusters[0];
    if (iso_cluster_left(home)) {
        *why = home->why;
        return why->err;
    }
    enum iso_err err =
        monitor_control(monitor, share(until_ms, monitor->cluster_count + 1), why);
    if (err != ISO_OK)
        iso_cluster_leave(home, why);
    return err;
}

/* Asks every cluster the same; what the home cluster says is what counts. */
static enum iso_err clusters_ask(struct iso_monitor *monitor, bool reports, bool ends,
                                 int64_t until_ms, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (size_t i = 0; i < monitor->cluster_count; i++) {
        struct iso_why ours = {0};
        struct iso_cluster *cluster = &monitor->clusters[i];
        int64_t part_ms = until(share(until_ms, monitor->cluster_count - i));
        enum iso_err here = reports ? iso_cluster_reports(cluster, part_ms, &ours)
                                    : iso_cluster_ends(cluster, ends, part_ms, &ours);
        if (i > 0 || here == ISO_OK)
            continue;
        err = here;
        *why = ours;
    }
    return err;
}

/* Before the ends, as all positions. Each cluster is asked every few seconds, and only
 * where a region is not heard. */
static void commits_ask(struct iso_monitor *monitor, int64_t until_ms)
{
    int left_ms = iso_cluster_left_ms(until_ms) / 2;
    int64_t most_ms = until(left_ms < COMMITS_MS ? left_ms : COMMITS_MS);
    for (size_t i = 0; i < monitor->cluster_count; i++)
        iso_cluster_commits(&monitor->clusters[i], most_ms);
}

static void clocks_feed(struct iso_monitor *monitor)
{
    for (size_t i = 0; i < monitor->cluster_count; i++) {
        int64_t clock_ms, error_ms;
        if (iso_cluster_clock(&monitor->clusters[i], &clock_ms, &error_ms))
            iso_table_feed_clock(monitor->lag, monitor->clusters[i].name, clock_ms,
                                 error_ms);
    }
}

/* What may take its time, and is not asked by who waits for the ends. */
static void monitor_more(struct iso_monitor *monitor, int64_t until_ms)
{
    int left_ms = iso_cluster_left_ms(until_ms);
    monitor_looks(monitor, until(left_ms < LOOKS_MS ? left_ms : LOOKS_MS));
    left_ms = iso_cluster_left_ms(until_ms);
    int64_t retention_ms = until(left_ms < RETENTION_MS ? left_ms : RETENTION_MS);
    for (size_t i = 0; i < monitor->cluster_count; i++)
        iso_cluster_retention(&monitor->clusters[i], retention_ms);
}

enum iso_err iso_monitor_refresh(struct iso_monitor *monitor, bool ends, int timeout_ms,
                                 struct iso_why *why)
{
    int64_t until_ms = until(timeout_ms);
    struct iso_why ours = {0}, reports = {0}, asked = {0};
    enum iso_err err = home_refresh(monitor, until_ms, &ours);
    int64_t most_ms = until(iso_cluster_left_ms(until_ms) / 4 * 3);
    enum iso_err reports_err = clusters_ask(monitor, true, ends, most_ms, &reports);
    if (ends)
        commits_ask(monitor, until_ms);
    enum iso_err ends_err = clusters_ask(monitor, false, ends, until_ms, &asked);
    clocks_feed(monitor);
    if (ends)
        monitor_more(monitor, until_ms);
    if (err == ISO_OK && reports_err != ISO_OK) {
        err = reports_err;
        ours = reports;
    }
    if (err == ISO_OK && ends_err != ISO_OK) {
        err = ends_err;
        ours = asked;
    }
    if (err != ISO_OK && why != NULL)
        *why = ours;
    return err;
}

/* ---- what else is known ---- */

size_t iso_monitor_clusters(struct iso_monitor *monitor,
                            struct iso_monitor_cluster *clusters, size_t max)
{
    size_t count = monitor->cluster_count < max ? monitor->cluster_count : max;
    for (size_t i = 0; i < count; i++) {
        const struct iso_cluster *cluster = &monitor->clusters[i];
        struct iso_monitor_cluster *told = &clusters[i];
        *told = (struct iso_monitor_cluster){
            .name = cluster->name,
            .answers = !cluster->away && cluster->heard_ms != ISO_UNKNOWN_MS,
            .heard_ms = cluster->heard_ms,
            .why = cluster->away ? cluster->why.text : ""};
        told->has_clock =
            iso_cluster_clock(cluster, &told->clock_ms, &told->clock_error_ms);
    }
    return monitor->cluster_count;
}

size_t iso_monitor_letters(struct iso_monitor *monitor,
                           struct iso_monitor_letter *letters, size_t max,
                           uint64_t *held)
{
    size_t count = 0;
    *held = 0;
    for (size_t i = 0; i < monitor->cluster_count; i++) {
        const struct iso_cluster *cluster = &monitor->clusters[i];
        for (size_t p = 0; p < cluster->letter_partitions; p++)
            *held += (uint64_t)(cluster->letters[p].end - cluster->letters[p].begin);
        for (size_t n = 0; n < cluster->kept_count; n++) {
            const struct cluster_letter *kept = &cluster->kept[n];
            size_t at = count;
            while (at > 0 && letters[at - 1].append_ms < kept->append_ms)
                at--;
            if (at >= max)
                continue;
            count += count < max;
            memmove(letters + at + 1, letters + at, (count - at - 1) * sizeof *letters);
            letters[at] = (struct iso_monitor_letter){.cluster = cluster->name,
                                                      .letter = &kept->letter,
                                                      .append_ms = kept->append_ms};
        }
    }
    return count;
}
