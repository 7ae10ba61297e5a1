/* isostasy status|check|events: how everything is, for people, for a monitoring system
 * that runs plug-ins, and as it happens. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/watching.h"
#include "monitor/view.h"

enum { CHECK_WARNING_MS = 30000, CHECK_CRITICAL_MS = 300000, FLOOR_SPARE_MS = 15000 };

struct status_arguments {
    struct cli_given given; /* collection, or none: all */
    int64_t warning_ms, critical_ms;
    int64_t count; /* of events; 0: without end */
};

/* ---- status ---- */

static void time_text(int64_t ms, char text[32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (ms == ISO_UNKNOWN_MS || gmtime_r(&seconds, &tm) == NULL ||
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(text, 32, "unknown");
}

static void bytes_text(uint64_t bytes, char text[CLI_MS_TEXT])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(text, CLI_MS_TEXT, "%.*f%s", unit == 0 || value >= 100 ? 0 : 1, value,
             units[unit]);
}

static int64_t age_ms(const struct iso_status *status, int64_t ms)
{
    int64_t age_ms;
    if (ms == ISO_UNKNOWN_MS || __builtin_sub_overflow(status->at_ms, ms, &age_ms))
        return ISO_UNKNOWN_MS;
    return age_ms > 0 ? age_ms : 0;
}

/* Does a log that stands still keep the region from forgetting? Ordinarily the floor is
 * before_max old, and what heartbeats take. */
static bool floor_is_held(const struct iso_status *status,
                          const struct iso_lag_region *region, int64_t before_max_ms)
{
    int64_t floor_ms = age_ms(status, region->floor_ms);
    return region->tombstones > 0 && floor_ms != ISO_UNKNOWN_MS &&
           region->floor_log != 0 &&
           floor_ms > before_max_ms + before_max_ms / 24 + FLOOR_SPARE_MS;
}

static void region_print(const struct iso_status *status,
                         const struct iso_status_collection *collection,
                         const struct iso_lag_region *region)
{
    char heard[CLI_MS_TEXT], floor[CLI_MS_TEXT], used[CLI_MS_TEXT] = "-";
    char oldest[CLI_MS_TEXT] = "-"; /* nothing waits */
    if (region->has_store)
        bytes_text(region->store_used, used);
    if (region->oldest_ms != 0)
        iso_cli_ms_text(age_ms(status, region->oldest_ms), oldest);
    printf("  %-10s %9s %9zu/%-4zu %10lld %10lld %9s %10llu %9s %9s\n", region->region,
           iso_cli_ms_text(age_ms(status, region->report_ms), heard), region->heard,
           region->slices, (long long)region->values, (long long)region->tombstones,
           oldest, (unsigned long long)region->ledger_rows,
           iso_cli_ms_text(age_ms(status, region->floor_ms), floor), used);
    if (region->has_clock && llabs(region->clock_ms) > region->clock_error_ms + 1000)
        printf("  %-10s its clock is %.1f s %s that of its brokers: set it right "
               "(ntp)\n",
               "", (double)llabs(region->clock_ms) / 1000.0,
               region->clock_ms > 0 ? "ahead of" : "behind");
    if (floor_is_held(status, region, collection->before_max_ms))
        printf("  %-10s log %u (partition %u) stands still and holds the floor back: "
               "what is deleted is not forgotten\n",
               "", (unsigned)region->floor_log, (unsigned)region->floor_partition);
}

static void pairs_print(const struct iso_status_collection *collection)
{
    size_t well = 0;
    for (size_t i = 0; i < collection->pair_count; i++) {
        const struct iso_status_pair *pair = &collection->pairs[i];
        well += pair->state == ISO_LAG_OK;
        if (pair->state != ISO_LAG_OK)
            printf("  %s -> %s: %s%s%s\n", pair->row.source, pair->row.target,
                   iso_lag_state_name(pair->state), pair->why[0] ? ": " : "",
                   pair->why);
        if (pair->warning[0] != '\0')
            printf("  %s -> %s: warning: %s\n", pair->row.source, pair->row.target,
                   pair->warning);
    }
    printf("  %zu of %zu pairs of regions are well\n", well, collection->pair_count);
}

/* The sentence of the verdict names the first of them. */
static void slices_print(const struct iso_verdict *verdict)
{
    size_t all = verdict->diverged + verdict->pending;
    for (size_t i = 0; all > 1 && i < verdict->unequal_count; i++) {
        const struct iso_verdict_slice *slice = &verdict->unequal[i];
        printf("  partition %u: %s: %s\n", (unsigned)slice->partition,
               iso_verdict_state_name(slice->state), slice->why);
    }
    if (all > verdict->unequal_count)
        printf("  and %zu more partitions are not equal\n",
               all - verdict->unequal_count);
}

static void collection_print(const struct iso_status *status,
                             const struct iso_status_collection *collection)
{
    const struct iso_verdict *verdict = &collection->verdict;
    char cut[32];
    time_text(verdict->at_ms, cut);
    printf("%s: %s, as of %s%s%s\n", collection->name,
           iso_verdict_state_name(verdict->state), cut, verdict->why[0] ? ": " : "",
           verdict->why);
    printf("  %-10s %9s %14s %10s %10s %9s %10s %9s %9s\n", "REGION", "HEARD", "SLICES",
           "VALUES", "TOMBSTONES", "OLDEST", "CONFLICTS", "FLOOR", "STORE");
    for (size_t i = 0; i < collection->region_count; i++)
        region_print(status, collection, &collection->regions[i]);
    pairs_print(collection);
    slices_print(verdict);
    if (verdict->state == ISO_VERDICT_CONVERGED && collection->certificate != NULL)
        printf("  %s\n", collection->certificate);
}

static void clusters_print(const struct iso_status *status)
{
    for (size_t i = 0; i < status->cluster_count; i++) {
        const struct iso_status_cluster *cluster = &status->clusters[i];
        if (!cluster->answers)
            printf("cluster %s does not answer: %s\n", cluster->name, cluster->why);
        if (cluster->has_clock && llabs(cluster->clock_ms) > 1000)
            printf("cluster %s: its clock is %.1f s %s this machine's\n", cluster->name,
                   (double)llabs(cluster->clock_ms) / 1000.0,
                   cluster->clock_ms > 0 ? "ahead of" : "behind");
    }
    if (status->letters_held > 0)
        printf("%llu records were refused: see `isostasy dead-letter list`\n",
               (unsigned long long)status->letters_held);
}

static void status_print(const struct cli_watching *watching,
                         const struct iso_status *status)
{
    clusters_print(status);
    if (status->collection_count == 0)
        printf("there is no collection yet: make one with `isostasy collection create "
               "NAME`\n");
    for (size_t i = 0; i < status->collection_count; i++) {
        if (iso_cli_watching_wants(watching, status->collections[i].name))
            collection_print(status, &status->collections[i]);
    }
}

/* One look. Kafka away is an answer, too: what is known, and a failure. */
static enum iso_err status_look(struct cli *cli, struct status_arguments *arguments,
                                struct cli_watching *watching,
                                const struct iso_status **status)
{
    enum iso_err err = iso_cli_watching_open(cli, arguments->given.places[0],
                                             CLI_TIMEOUT_MS, watching);
    *status = NULL;
    if (err == ISO_OK)
        err = iso_cli_watching_look(cli, watching, status);
    return err;
}

static void status_end(struct cli_watching *watching, const struct iso_status *status)
{
    if (status != NULL)
        iso_status_release(watching->watch, status);
    iso_cli_watching_close(watching);
}

enum iso_err iso_cli_status(struct cli *cli, int argc, char **argv)
{
    struct status_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON, .most = 1};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct cli_watching watching;
    const struct iso_status *status;
    enum iso_err err = status_look(cli, &arguments, &watching, &status);
    if (status != NULL && arguments.given.json)
        iso_cli_print_json(iso_view_status(status));
    else if (status != NULL)
        status_print(&watching, status);
    status_end(&watching, status);
    return err;
}

/* ---- check: one line, exit status 0 to 3 ---- */

enum check_level { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

static const char *const check_names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

static const struct argp_option check_options[] = {
    {"warning", 'w', "TIME", 0,
     "Warn when the lag of a pair is over that (default 30s)", 0},
    {"critical", 'c', "TIME", 0, "Critical when it is over that (default 5m)", 0},
    {0},
};

static error_t check_option(int key, char *value, struct argp_state *state)
{
    struct status_arguments *arguments = state->input;
    struct iso_why why;
    int64_t *ms = key == 'w' ? &arguments->warning_ms : &arguments->critical_ms;
    if (key != 'w' && key != 'c')
        return ARGP_ERR_UNKNOWN;
    if (iso_duration_parse(value, ms, &why) != ISO_OK)
        argp_error(state, "%s", why.text);
    return 0;
}

/* CRITICAL outranks UNKNOWN, as Nagios has it. */
static int check_rank(enum check_level level)
{
    static const int ranks[] = {0, 1, 3, 2};
    return ranks[level];
}

static enum check_level state_level(enum iso_lag_state state)
{
    switch (state) {
    case ISO_LAG_OK:
        return CHECK_OK;
    case ISO_LAG_CATCHING_UP:
    case ISO_LAG_LAGGING:
        return CHECK_WARNING;
    case ISO_LAG_STALLED:
    case ISO_LAG_STOPPED:
    case ISO_LAG_PARKED:
    case ISO_LAG_REWOUND:
    case ISO_LAG_LOST:
    case ISO_LAG_DIVERGED:
        return CHECK_CRITICAL;
    case ISO_LAG_UNKNOWN:
        return CHECK_UNKNOWN;
    }
    return CHECK_UNKNOWN;
}

/* What is said first: the worst that was found, the first of its kind. */
struct check {
    const struct status_arguments *arguments;
    enum check_level level;
    char what[1024];
    struct iso_buf figures;
};

/* A bar would begin the figures, a line's end the long output: what a daemon reports
 * makes neither. */
static void check_find(struct check *check, enum check_level level, const char *subject,
                       const char *what)
{
    if (check_rank(level) <= check_rank(check->level))
        return;
    check->level = level;
    snprintf(check->what, sizeof check->what, "%s: %s", subject, what);
    for (char *at = check->what; (at = strpbrk(at, "|\n")) != NULL; at++)
        *at = ' ';
}

/* 'label'=value;warn;crit;min, as plug-ins write it: U where it is not known. */
static void check_figure(struct check *check, const struct iso_lag_row *row)
{
    const struct status_arguments *arguments = check->arguments;
    iso_buf_print(&check->figures, " '%s %s->%s lag'=", row->collection, row->source,
                  row->target);
    if (row->lag_ms == ISO_UNKNOWN_MS)
        iso_buf_print(&check->figures, "U");
    else
        iso_buf_print(&check->figures, "%.3fs;%.3f;%.3f;0", (double)row->lag_ms / 1e3,
                      (double)arguments->warning_ms / 1e3,
                      (double)arguments->critical_ms / 1e3);
}

static void check_pair(struct check *check, const struct iso_status_pair *pair)
{
    const struct iso_lag_row *row = &pair->row;
    char subject[192], lag[CLI_MS_TEXT], words[64];
    snprintf(subject, sizeof subject, "%s, %s -> %s", row->collection, row->source,
             row->target);
    check_find(check, state_level(pair->state), subject,
               pair->why[0] ? pair->why : iso_lag_state_name(pair->state));
    snprintf(words, sizeof words, "lag %s", iso_cli_ms_text(row->lag_ms, lag));
    if (row->lag_ms != ISO_UNKNOWN_MS && row->lag_ms > check->arguments->critical_ms)
        check_find(check, CHECK_CRITICAL, subject, words);
    else if (row->lag_ms != ISO_UNKNOWN_MS &&
             row->lag_ms > check->arguments->warning_ms)
        check_find(check, CHECK_WARNING, subject, words);
    if (pair->warning[0] != '\0')
        check_find(check, CHECK_WARNING, subject, pair->warning);
    check_figure(check, row);
}

static void check_collection(struct check *check,
                             const struct iso_status_collection *collection)
{
    const struct iso_verdict *verdict = &collection->verdict;
    if (verdict->state == ISO_VERDICT_DIVERGED)
        check_find(check, CHECK_CRITICAL, collection->name, verdict->why);
    for (size_t i = 0; i < collection->pair_count; i++)
        check_pair(check, &collection->pairs[i]);
}

static void check_status(struct check *check, const struct cli_watching *watching,
                         const struct iso_status *status)
{
    size_t pairs = 0;
    for (size_t i = 0; i < status->cluster_count; i++) {
        if (!status->clusters[i].answers)
            check_find(check, CHECK_UNKNOWN, status->clusters[i].name,
                       status->clusters[i].why);
    }
    for (size_t i = 0; i < status->collection_count; i++) {
        if (!iso_cli_watching_wants(watching, status->collections[i].name))
            continue;
        check_collection(check, &status->collections[i]);
        pairs += status->collections[i].pair_count;
    }
    if (pairs == 0)
        check_find(check, CHECK_UNKNOWN, "isostasy", "there is nothing to watch yet");
    if (check->level == CHECK_OK)
        snprintf(check->what, sizeof check->what, "%zu pairs of regions are well",
                 pairs);
}

enum iso_err iso_cli_check(struct cli *cli, int argc, char **argv)
{
    struct status_arguments arguments = {.warning_ms = CHECK_WARNING_MS,
                                         .critical_ms = CHECK_CRITICAL_MS};
    const struct cli_syntax syntax = {.most = 1,
                                      .options = check_options,
                                      .parser = check_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct cli_watching watching;
    const struct iso_status *status;
    struct check check = {.arguments = &arguments};
    enum iso_err err = status_look(cli, &arguments, &watching, &status);
    if (status != NULL)
        check_status(&check, &watching, status);
    if (err != ISO_OK)
        check_find(&check, CHECK_UNKNOWN, "isostasy", cli->why.text);
    printf("ISOSTASY %s - %s%s%s\n", check_names[check.level], check.what,
           check.figures.size > 0 ? " |" : "", iso_buf_text(&check.figures));
    iso_buf_release(&check.figures);
    status_end(&watching, status);
    cli->exit_status = check.level;
    cli->has_exit_status = true;
    return ISO_OK;
}

/* ---- events ---- */

static const struct argp_option events_options[] = {
    {"count", 'n', "N", 0, "End after so many, instead of when interrupted", 0},
    {0},
};

static error_t events_option(int key, char *value, struct argp_state *state)
{
    struct status_arguments *arguments = state->input;
    char *end;
    if (key != 'n')
        return ARGP_ERR_UNKNOWN;
    arguments->count = strtoll(value, &end, 10);
    if (*value == '\0' || *end != '\0' || arguments->count < 1)
        argp_error(state, "--count takes a whole number from 1 on, not '%s'", value);
    return 0;
}

static void event_print(const struct iso_watch_event *event)
{
    char at[32];
    time_text(event->at_ms, at);
    printf("%s %s", at, iso_watch_kind_name(event->kind));
    if (event->collection[0] != '\0')
        printf(" %s", event->collection);
    if (event->source[0] != '\0' && event->target[0] != '\0')
        printf(" %s -> %s", event->source, event->target);
    else if (event->target[0] != '\0')
        printf(" %s", event->target);
    if (event->was[0] != '\0' || event->is[0] != '\0')
        printf(": %s -> %s", event->was[0] ? event->was : "none", event->is);
    printf("%s%s\n", event->why[0] ? ": " : "", event->why);
}

/* Prints those that are new; says how many, *after moves. */
static int64_t events_print(struct cli_watching *watching, bool json, uint64_t *after)
{
    struct iso_watch_event events[16];
    int64_t printed = 0;
    size_t count;
    do {
        count = iso_watch_events(watching->watch, *after, events,
                                 sizeof events / sizeof events[0]);
        for (size_t i = 0; i < count; i++) {
            *after = events[i].id;
            if (events[i].collection[0] != '\0' &&
                !iso_cli_watching_wants(watching, events[i].collection))
                continue;
            if (json)
                iso_cli_print_json(iso_view_event(&events[i]));
            else
                event_print(&events[i]);
            printed++;
        }
    } while (count > 0);
    return printed;
}

static enum iso_err events_loop(struct cli *cli, struct cli_watching *watching,
                                const struct status_arguments *arguments)
{
    uint64_t after = 0;
    int64_t printed = 0;
    for (;;) {
        int64_t next_ms = iso_steady_ms(&iso_clock_machine) + CLI_LOOK_MS;
        const struct iso_status *status;
        enum iso_err err = iso_cli_watching_look(cli, watching, &status);
        iso_status_release(watching->watch, status);
        if (err != ISO_OK && err != ISO_UNAVAILABLE)
            return err;
        printed += events_print(watching, arguments->given.json, &after);
        if (fflush(stdout) != 0)
            return iso_fail(&cli->why, ISO_IO, "standard output cannot be written");
        if (arguments->count > 0 && printed >= arguments->count)
            return ISO_OK;
        iso_cli_pause(next_ms);
    }
}

enum iso_err iso_cli_events(struct cli *cli, int argc, char **argv)
{
    struct status_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON,
                                      .most = 1,
                                      .options = events_options,
                                      .parser = events_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct cli_watching watching;
    enum iso_err err = iso_cli_watching_open(cli, arguments.given.places[0],
                                             CLI_TIMEOUT_MS, &watching);
    if (err == ISO_OK)
        err = events_loop(cli, &watching, &arguments);
    iso_cli_watching_close(&watching);
    return err;
}
