/* Metrics of collections, of clusters, and of the monitor itself. */
#include "monitor/view_metrics.h"

/* ---- collections ---- */

static const char *verdict_name(int state)
{
    return iso_verdict_state_name((enum iso_verdict_state)state);
}

static void write_verdict(struct metrics *at,
                          const struct iso_status_collection *collection)
{
    struct metrics_labels labels = {.names = {"collection", NULL},
                                    .values = {collection->name, NULL}};
    iso_metrics_states(at, &labels, verdict_name, ISO_VERDICT_DIVERGED + 1,
                       (int)collection->verdict.state);
}

static void write_cut(struct metrics *at,
                      const struct iso_status_collection *collection)
{
    struct metrics_labels labels = {.names = {"collection", NULL},
                                    .values = {collection->name, NULL}};
    double value;
    if (iso_metrics_ms(collection->verdict.at_ms, &value))
        iso_metrics_sample(at, value, &labels);
}

static void write_oldest(struct metrics *at,
                         const struct iso_status_collection *collection)
{
    struct metrics_labels labels = {.names = {"collection", NULL},
                                    .values = {collection->name, NULL}};
    int64_t age_ms = collection->verdict.oldest_ms, at_ms;
    double value;
    if (age_ms != ISO_UNKNOWN_MS &&
        !__builtin_sub_overflow(at->status->at_ms, age_ms, &at_ms) &&
        iso_metrics_ms(at_ms, &value))
        iso_metrics_sample(at, value, &labels);
}

static void write_slices(struct metrics *at,
                         const struct iso_status_collection *collection)
{
    const struct iso_verdict *verdict = &collection->verdict;
    const struct {
        const char *state;
        size_t slices;
    } parts[] = {{"equal", verdict->equal},
                 {"pending", verdict->pending},
                 {"diverged", verdict->diverged}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct metrics_labels labels = {
            .names = {"collection", "state", NULL},
            .values = {collection->name, parts[i].state, NULL}};
        iso_metrics_sample(at, (double)parts[i].slices, &labels);
    }
}

static void write_before_max(struct metrics *at,
                             const struct iso_status_collection *collection)
{
    struct metrics_labels labels = {.names = {"collection", NULL},
                                    .values = {collection->name, NULL}};
    double value;
    if (iso_metrics_ms(collection->before_max_ms, &value))
        iso_metrics_sample(at, value, &labels);
}

void iso_metrics_collections(struct metrics *at)
{
    static const struct {
        const char *name, *unit, *help;
        void (*write)(struct metrics *at,
                      const struct iso_status_collection *collection);
    } families[] = {
        {"isostasy_verdict", NULL,
         "Do all regions hold the same? 1 for the verdict, 0 for the others.",
         write_verdict},
        {"isostasy_convergence_cut_timestamp", "seconds",
         "Up to when the verdict is: its oldest report.", write_cut},
        {"isostasy_convergence_oldest_report_timestamp", "seconds",
         "The oldest report that the verdict rests on.", write_oldest},
        {"isostasy_convergence_slices", NULL,
         "Slices that are equal in all regions, cannot be compared yet, or differ.",
         write_slices},
        {"isostasy_before_max", "seconds",
         "How old a write may be that still comes; the floor is ordinarily so old.",
         write_before_max},
    };
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        iso_metrics_family(at, families[f].name, ISO_GAUGE, families[f].unit,
                           families[f].help);
        for (size_t i = 0; i < at->status->collection_count; i++)
            families[f].write(at, &at->status->collections[i]);
    }
}

/* ---- clusters ---- */

static bool cluster_up(const struct iso_status_cluster *cluster, double *value)
{
    *value = cluster->answers;
    return true;
}

static bool cluster_heard(const struct iso_status_cluster *cluster, double *value)
{
    return iso_metrics_ms(cluster->heard_ms, value);
}

static bool cluster_clock(const struct iso_status_cluster *cluster, double *value)
{
    return cluster->has_clock && iso_metrics_ms(cluster->clock_ms, value);
}

void iso_metrics_clusters(struct metrics *at)
{
    static const struct {
        const char *name, *unit, *help;
        bool (*value)(const struct iso_status_cluster *cluster, double *value);
    } families[] = {
        {"isostasy_cluster_up", NULL, "1: it answers the monitor.", cluster_up},
        {"isostasy_cluster_heard_timestamp", "seconds", "When it last answered.",
         cluster_heard},
        {"isostasy_cluster_clock_offset", "seconds",
         "Its brokers' clock minus the monitor's.", cluster_clock},
    };
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        iso_metrics_family(at, families[f].name, ISO_GAUGE, families[f].unit,
                           families[f].help);
        for (size_t i = 0; i < at->status->cluster_count; i++) {
            struct metrics_labels labels = {
                .names = {"cluster", NULL},
                .values = {at->status->clusters[i].name, NULL}};
            double value;
            if (families[f].value(&at->status->clusters[i], &value))
                iso_metrics_sample(at, value, &labels);
        }
    }
    if (at->status->letters_held != ISO_UNKNOWN_COUNT)
        iso_metrics_single(at, &(struct metrics_single){
                                   "isostasy_dead_letters", NULL,
                                   "Dead letters that the topics of all clusters hold.",
                                   ISO_GAUGE, (double)at->status->letters_held});
}

/* ---- the monitor ---- */

static void write_times(struct metrics *at)
{
    double started, looked;
    if (iso_metrics_ms(at->status->started_ms, &started))
        iso_metrics_single(at, &(struct metrics_single){
                                   "isostasy_monitor_start_timestamp", "seconds",
                                   "When the monitor started.", ISO_GAUGE, started});
    if (iso_metrics_ms(at->status->at_ms, &looked))
        iso_metrics_single(
            at, &(struct metrics_single){"isostasy_monitor_look_timestamp", "seconds",
                                         "When it last looked: all else is as of then.",
                                         ISO_GAUGE, looked});
}

void iso_metrics_self(struct metrics *at, const struct iso_view_self *self)
{
    static const struct metrics_labels version = {.names = {"version", NULL},
                                                  .values = {ISOSTASY_VERSION, NULL}};
    iso_metrics_family(at, "isostasy_build", ISO_INFO_METRIC, NULL,
                       "The version of the monitor.");
    iso_metrics_sample(at, 1, &version);
    if (at->status != NULL)
        write_times(at);
    if (self == NULL)
        return;
    const struct metrics_single singles[] = {
        {"isostasy_monitor_looks", NULL, "Looks.", ISO_COUNTER, (double)self->looks},
        {"isostasy_monitor_failed_looks", NULL,
         "Looks in which the home cluster did not answer.", ISO_COUNTER,
         (double)self->failed},
        {"isostasy_monitor_look", "seconds", "Time that all looks took.", ISO_COUNTER,
         self->look_seconds},
        {"isostasy_monitor_http_requests", NULL, "Requests.", ISO_COUNTER,
         (double)self->requests},
        {"isostasy_monitor_http_refused_connections", NULL,
         "Connections beyond the most that are taken.", ISO_COUNTER,
         (double)self->refused_connections},
        {"isostasy_monitor_http_unauthorized", NULL,
         "Requests without the right token.", ISO_COUNTER, (double)self->unauthorized},
        {"isostasy_monitor_http_connections", NULL, "Connections that are open.",
         ISO_GAUGE, (double)self->connections},
    };
    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++)
        iso_metrics_single(at, &singles[i]);
    double last;
    if (iso_metrics_ms(self->last_ms, &last))
        iso_metrics_single(at, &(struct metrics_single){
                                   "isostasy_monitor_look_duration", "seconds",
                                   "Time that the newest took.", ISO_GAUGE, last});
}
