/* isostasy lag|wait: how far behind every region is, and whether they hold the same. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "monitor/monitor.h"

enum { LAG_WATCH_MS = 1000, WAIT_STEP_MS = 200, WAIT_DEFAULT_MS = 60000 };

struct lag_arguments {
    struct cli_given given; /* collection, or none: all */
    bool watch, converged, caught_up;
    int64_t timeout_ms, count;
};

static const struct argp_option lag_options[] = {
    {"watch", 'w', NULL, 0, "Again every second, until interrupted", 0},
    {"count", 'n', "N", 0, "With --watch: that many times", 0},
    {0},
};

static const struct argp_option wait_options[] = {
    {"converged", 'C', NULL, 0,
     "Until all regions provably hold the same, up to the ends of the logs as they are "
     "now "
     "(default)",
     0},
    {"caught-up", 'U', NULL, 0, "Until every region has applied up to those ends", 0},
    {"timeout", 't', "TIME", 0, "Give up after that (default 60s): exit status 1", 0},
    {0},
};

static error_t lag_option(int key, char *value, struct argp_state *state)
{
    struct lag_arguments *arguments = state->input;
    struct iso_why why;
    switch (key) {
    case 'w':
        arguments->watch = true;
        return 0;
    case 'n':
        arguments->count = strtol(value, NULL, 10);
        return 0;
    case 'C':
        arguments->converged = true;
        return 0;
    case 'U':
        arguments->caught_up = true;
        return 0;
    case 't':
        if (iso_duration_parse(value, &arguments->timeout_ms, &why) != ISO_OK)
            argp_error(state, "%s", why.text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int64_t wall_ms(void)
{
    return iso_now_ms(&iso_clock_machine);
}

/* ---- the table ---- */

static const char *ms_text(int64_t ms, char text[24])
{
    if (ms == ISO_UNKNOWN_MS)
        return "unknown";
    if (ms < 1000)
        snprintf(text, 24, "%lldms", (long long)ms);
    else if (ms < 120000)
        snprintf(text, 24, "%.1fs", (double)ms / 1000.0);
    else
        snprintf(text, 24, "%lldm", (long long)(ms / 60000));
    return text;
}

static json_t *ms_json(int64_t ms)
{
    return ms == ISO_UNKNOWN_MS ? json_null() : json_integer(ms);
}

static void row_print(const struct iso_lag_row *row)
{
    char behind[24], stale[24], age[24], records[24];
    if (row->records_behind == ISO_UNKNOWN_COUNT)
        snprintf(records, sizeof records, "unknown");
    else
        snprintf(records, sizeof records, "%s%llu", row->records_exact ? "" : "<=",
                 (unsigned long long)row->records_behind);
    printf("%-16s %-8s %-8s %10s %9s %9s %9s  %s%s%s\n", row->collection, row->source,
           row->target, records, ms_text(row->behind_ms, behind),
           ms_text(row->staleness_ms, stale), ms_text(row->report_age_ms, age),
           iso_lag_state_name(row->state), row->why[0] ? ": " : "", row->why);
    if (row->refused > 0)
        printf("%-16s %-8s %-8s %10llu refused: see `isostasy dead-letter list`\n",
               row->collection, row->source, row->target,
               (unsigned long long)row->refused);
}

static void row_print_json(const struct iso_lag_row *row)
{
    json_t *behind = row->records_behind == ISO_UNKNOWN_COUNT
                         ? json_null()
                         : json_integer((json_int_t)row->records_behind);
    iso_cli_print_json(
        json_pack("{s:s, s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:I, s:s, s:s}",
                  "collection", row->collection, "source", row->source, "target",
                  row->target, "records_behind", behind, "records_exact",
                  (int)row->records_exact, "behind_ms", ms_json(row->behind_ms),
                  "staleness_ms", ms_json(row->staleness_ms), "report_age_ms",
                  ms_json(row->report_age_ms), "refused", (json_int_t)row->refused,
                  "state", iso_lag_state_name(row->state), "why", row->why));
}

static void verdict_print(const char *collection, const struct iso_verdict *verdict)
{
    char live[ISO_DIGEST_DIGITS + 1];
    iso_digest_text(verdict->live, live);
    printf("%s: %s", collection, iso_verdict_state_name(verdict->state));
    if (verdict->state == ISO_VERDICT_CONVERGED)
        printf(", %llu values, %llu ledger rows, digest %s",
               (unsigned long long)verdict->values,
               (unsigned long long)verdict->ledger_rows, live);
    printf(" (%zu of %zu slices equal)%s%s\n", verdict->equal, verdict->slices,
           verdict->why[0] ? ": " : "", verdict->why);
}

static void verdict_print_json(const char *collection,
                               const struct iso_verdict *verdict)
{
    char live[ISO_DIGEST_DIGITS + 1], ledger[ISO_DIGEST_DIGITS + 1];
    iso_digest_text(verdict->live, live);
    iso_digest_text(verdict->ledger, ledger);
    iso_cli_print_json(json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s}", "collection",
        collection, "verdict", iso_verdict_state_name(verdict->state), "slices",
        (json_int_t)verdict->slices, "equal", (json_int_t)verdict->equal, "pending",
        (json_int_t)verdict->pending, "diverged", (json_int_t)verdict->diverged,
        "at_ms", (json_int_t)verdict->at_ms, "values", (json_int_t)verdict->values,
        "ledger_rows", (json_int_t)verdict->ledger_rows, "live", live, "ledger", ledger,
        "why", verdict->why));
}

/* One collection, or each; NULL after the last. */
static const char *collection_at(struct iso_monitor *monitor, const char *one, size_t n)
{
    if (one != NULL)
        return n == 0 ? one : NULL;
    return iso_control_collection(iso_monitor_control(monitor), n);
}

static enum iso_err monitor_open(struct cli *cli, const char *collection,
                                 struct iso_monitor **monitor)
{
    enum iso_err err =
        iso_monitor_open(cli->settings, CLI_TIMEOUT_MS, monitor, &cli->why);
    if (err != ISO_OK)
        return err;
    const struct iso_control *control = iso_monitor_control(*monitor);
    if (collection != NULL && iso_control_definition(control, collection, 0) == NULL) {
        err = iso_fail(&cli->why, ISO_NO_DEFINITION,
                       "there is no collection %s: see `isostasy collection list`",
                       collection);
        iso_monitor_close(*monitor);
    }
    return err;
}

static void lag_print(struct iso_monitor *monitor,
                      const struct lag_arguments *arguments)
{
    const struct iso_lag_row *rows;
    struct iso_lag *lag = iso_monitor_lag(monitor);
    size_t count = iso_lag_rows(lag, arguments->given.places[0], wall_ms(), &rows);
    if (!arguments->given.json)
        printf("%-16s %-8s %-8s %10s %9s %9s %9s  %s\n", "COLLECTION", "SOURCE",
               "TARGET", "RECORDS", "BEHIND", "STALE", "REPORT", "STATE");
    for (size_t i = 0; i < count; i++) {
        if (arguments->given.json)
            row_print_json(&rows[i]);
        else
            row_print(&rows[i]);
    }
    const char *name;
    for (size_t i = 0;
         (name = collection_at(monitor, arguments->given.places[0], i)) != NULL; i++) {
        struct iso_verdict verdict;
        iso_lag_verdict(lag, name, wall_ms(), &verdict);
        if (arguments->given.json)
            verdict_print_json(name, &verdict);
        else
            verdict_print(name, &verdict);
    }
    fflush(stdout);
}

/* Between two looks. An interrupt ends the program where it stands: nothing is held. */
static void lag_pause(int64_t until_ms)
{
    int64_t left_ms = until_ms - iso_steady_ms(&iso_clock_machine);
    if (left_ms > 0)
        poll(NULL, 0, (int)left_ms);
}

enum iso_err iso_cli_lag(struct cli *cli, int argc, char **argv)
{
    struct lag_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON,
                                      .most = 1,
                                      .options = lag_options,
                                      .parser = lag_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct iso_monitor *monitor;
    enum iso_err err = monitor_open(cli, arguments.given.places[0], &monitor);
    if (err != ISO_OK)
        return err;
    bool clear = arguments.watch && !arguments.given.json && isatty(STDOUT_FILENO);
    for (int64_t n = 1; err == ISO_OK; n++) {
        int64_t next_ms = iso_steady_ms(&iso_clock_machine) + LAG_WATCH_MS;
        err = iso_monitor_refresh(monitor, true, CLI_TIMEOUT_MS, &cli->why);
        if (arguments.watch && err == ISO_UNAVAILABLE) {
            printf("%s\n", cli->why.text); /* said, and tried again */
            err = ISO_OK;
        }
        if (err == ISO_OK && clear)
            fputs("\033[H\033[2J", stdout);
        if (err == ISO_OK)
            lag_print(monitor, &arguments);
        if (!arguments.watch || n == arguments.count)
            break;
        lag_pause(next_ms);
    }
    iso_monitor_close(monitor);
    return err;
}

/* ---- wait ---- */

/* Is it so, for every collection asked about? Says the last verdict that is not. */
static bool wait_done(struct iso_monitor *monitor,
                      const struct lag_arguments *arguments,
                      struct iso_verdict *verdict)
{
    struct iso_lag *lag = iso_monitor_lag(monitor);
    const char *name;
    for (size_t i = 0;
         (name = collection_at(monitor, arguments->given.places[0], i)) != NULL; i++) {
        uint64_t waiting = 0;
        iso_lag_verdict(lag, name, wall_ms(), verdict);
        bool done = arguments->caught_up ? iso_lag_caught_up(lag, name, &waiting)
                                         : verdict->state == ISO_VERDICT_CONVERGED;
        if (!done)
            return false;
    }
    return true;
}

static void wait_print(struct iso_monitor *monitor,
                       const struct lag_arguments *arguments)
{
    const char *name;
    for (size_t i = 0;
         (name = collection_at(monitor, arguments->given.places[0], i)) != NULL; i++) {
        struct iso_verdict verdict;
        iso_lag_verdict(iso_monitor_lag(monitor), name, wall_ms(), &verdict);
        if (arguments->given.json)
            verdict_print_json(name, &verdict);
        else
            verdict_print(name, &verdict);
    }
}

static enum iso_err wait_loop(struct cli *cli, struct iso_monitor *monitor,
                              const struct lag_arguments *arguments)
{
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + arguments->timeout_ms;
    struct iso_verdict verdict = {0};
    bool ends = true; /* read once: what is written after the question does not count */
    for (;;) {
        enum iso_err err =
            iso_monitor_refresh(monitor, ends, CLI_TIMEOUT_MS, &cli->why);
        int64_t now_ms = iso_steady_ms(&iso_clock_machine);
        if (err != ISO_OK && err != ISO_UNAVAILABLE)
            return err;
        if (err == ISO_OK) {
            ends = false;
            if (wait_done(monitor, arguments, &verdict))
                return ISO_OK;
        }
        if (now_ms >= until_ms)
            return iso_fail(&cli->why, ISO_TIMEOUT,
                            "not %s after %.0f s: %s%s%s; see `isostasy lag`",
                            arguments->caught_up ? "caught up" : "converged",
                            (double)arguments->timeout_ms / 1000.0,
                            iso_verdict_state_name(verdict.state),
                            verdict.why[0] ? ", " : "", verdict.why);
        lag_pause(now_ms + WAIT_STEP_MS);
    }
}

enum iso_err iso_cli_wait(struct cli *cli, int argc, char **argv)
{
    struct lag_arguments arguments = {.timeout_ms = WAIT_DEFAULT_MS};
    const struct cli_syntax syntax = {.takes = CLI_JSON,
                                      .most = 1,
                                      .options = wait_options,
                                      .parser = lag_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    if (arguments.caught_up && arguments.converged)
        return iso_fail(&cli->why, ISO_USAGE, "--converged or --caught-up, not both");
    struct iso_monitor *monitor;
    enum iso_err err = monitor_open(cli, arguments.given.places[0], &monitor);
    if (err != ISO_OK)
        return err;
    err = wait_loop(cli, monitor, &arguments);
    if (err == ISO_OK)
        wait_print(monitor, &arguments);
    iso_monitor_close(monitor);
    return err;
}
