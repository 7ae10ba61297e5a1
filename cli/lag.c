/* isostasy lag|top: how far behind every region is, once or again and again; top puts
 * the worst first and says at which rate things move. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/watching.h"
#include "monitor/view.h"

struct lag_arguments {
    struct cli_given given; /* collection, or none: all */
    bool watch, explain;
    int64_t count;
};

static const struct argp_option lag_options[] = {
    {"watch", 'w', NULL, 0, "Again every second, until interrupted", 0},
    {"explain", 'e', NULL, 0,
     "Tell for each pair what was measured, which rule decided, and where it is worst",
     0},
    {"count", 'n', "N", 0, "With --watch: that many times", 0},
    {0},
};

static const struct argp_option top_options[] = {
    {"count", 'n', "N", 0, "That many looks, instead of until interrupted", 0},
    {0},
};

static error_t lag_option(int key, char *value, struct argp_state *state)
{
    struct lag_arguments *arguments = state->input;
    char *end;
    switch (key) {
    case 'w':
        arguments->watch = true;
        return 0;
    case 'e':
        arguments->explain = true;
        return 0;
    case 'n':
        arguments->count = strtoll(value, &end, 10);
        if (*value == '\0' || *end != '\0' || arguments->count < 1)
            argp_error(state, "--count takes a whole number from 1 on, not '%s'",
                       value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- lag: a table ---- */

/* Of the last minutes, as a watch counts it; a first look has only what was counted
 * since the daemon started. */
static int64_t latency_ms(const struct iso_status_pair *pair)
{
    if (pair->latency_p99_ms != ISO_UNKNOWN_MS || !pair->row.has_latency)
        return pair->latency_p99_ms;
    int64_t ms = iso_latency_quantile_ms(&pair->row.latency, 0.99);
    return ms < 0 ? ISO_UNKNOWN_MS : ms;
}

static void pair_print(const struct iso_status_pair *pair)
{
    char lag[CLI_MS_TEXT], stale[CLI_MS_TEXT], latency[CLI_MS_TEXT];
    char records[CLI_MS_TEXT];
    const struct iso_lag_row *row = &pair->row;
    printf("%-16s %-8s %-8s %9s %9s %9s %9s  %s%s%s\n", row->collection, row->source,
           row->target, iso_cli_ms_text(row->lag_ms, lag),
           iso_cli_records_text(row, records),
           iso_cli_ms_text(row->staleness_ms, stale),
           row->has_latency ? iso_cli_ms_text(latency_ms(pair), latency) : "-",
           iso_lag_state_name(pair->state), pair->why[0] ? ": " : "", pair->why);
    if (pair->warning[0] != '\0')
        printf("%-16s %-8s %-8s warning: %s\n", row->collection, row->source,
               row->target, pair->warning);
    if (row->refused > 0)
        printf("%-16s %-8s %-8s %llu refused: see `isostasy dead-letter list`\n",
               row->collection, row->source, row->target,
               (unsigned long long)row->refused);
}

/* An offset or a count; what is not known is no number. */
static const char *number_text(bool known, uint64_t number, char text[CLI_MS_TEXT])
{
    if (!known)
        return "unknown";
    snprintf(text, CLI_MS_TEXT, "%llu", (unsigned long long)number);
    return text;
}

static void slice_explain(const struct iso_lag_slice *slice)
{
    char lag[CLI_MS_TEXT], stale[CLI_MS_TEXT];
    char frontier[CLI_MS_TEXT], end[CLI_MS_TEXT], records[CLI_MS_TEXT];
    printf("    %9u %5u %12s %12s %9s %9s %9s  %s\n", (unsigned)slice->partition,
           (unsigned)slice->log,
           number_text(slice->frontier >= 0, (uint64_t)slice->frontier, frontier),
           number_text(slice->end >= 0, (uint64_t)slice->end, end),
           number_text(slice->records_behind != ISO_UNKNOWN_COUNT,
                       slice->records_behind, records),
           iso_cli_ms_text(slice->lag_ms, lag),
           iso_cli_ms_text(slice->staleness_ms, stale),
           iso_lag_state_name(slice->state));
}

static void pair_explain(const struct iso_status_pair *pair)
{
    const struct iso_lag_row *row = &pair->row;
    printf("    rule %s", pair->rule);
    if (pair->applied_rate >= 0 && pair->written_rate >= 0)
        printf("; %.1f records/s applied, %.1f/s written", pair->applied_rate,
               pair->written_rate);
    printf("\n");
    if (row->worst_count > 0)
        printf("    %9s %5s %12s %12s %9s %9s %9s  %s\n", "PARTITION", "LOG",
               "FRONTIER", "END", "RECORDS", "LAG", "STALE", "STATE");
    for (size_t i = 0; i < row->worst_count; i++)
        slice_explain(&row->worst[i]);
}

static void verdict_print(const struct iso_status_collection *collection)
{
    const struct iso_verdict *verdict = &collection->verdict;
    char live[ISO_DIGEST_DIGITS + 1];
    iso_digest_text(verdict->live, live);
    printf("%s: %s", collection->name, iso_verdict_state_name(verdict->state));
    if (verdict->state == ISO_VERDICT_CONVERGED)
        printf(", %llu values, %llu ledger rows, digest %s",
               (unsigned long long)verdict->values,
               (unsigned long long)verdict->ledger_rows, live);
    printf(" (%zu of %zu slices equal)%s%s\n", verdict->equal, verdict->slices,
           verdict->why[0] ? ": " : "", verdict->why);
}

static void collection_print_json(const struct iso_status *status,
                                  const struct iso_status_collection *collection,
                                  bool explain)
{
    for (size_t i = 0; i < collection->pair_count; i++)
        iso_cli_print_json(explain ? iso_view_explain(status, &collection->pairs[i])
                                   : iso_view_pair(&collection->pairs[i]));
    iso_cli_print_json(iso_view_verdict(collection));
}

static void lag_print(const struct cli_watching *watching,
                      const struct lag_arguments *arguments,
                      const struct iso_status *status)
{
    if (!arguments->given.json)
        printf("%-16s %-8s %-8s %9s %9s %9s %9s  %s\n", "COLLECTION", "SOURCE",
               "TARGET", "LAG", "RECORDS", "STALE", "P99", "STATE");
    for (size_t c = 0; c < status->collection_count; c++) {
        const struct iso_status_collection *collection = &status->collections[c];
        if (!iso_cli_watching_wants(watching, collection->name))
            continue;
        if (arguments->given.json) {
            collection_print_json(status, collection, arguments->explain);
            continue;
        }
        for (size_t i = 0; i < collection->pair_count; i++) {
            pair_print(&collection->pairs[i]);
            if (arguments->explain)
                pair_explain(&collection->pairs[i]);
        }
        verdict_print(collection);
    }
}

/* ---- top: the worst first ---- */

static int pair_order(const void *a, const void *b)
{
    const struct iso_status_pair *const *left = a, *const *right = b;
    int worse = iso_lag_state_severity((*right)->state) -
                iso_lag_state_severity((*left)->state);
    if (worse != 0)
        return worse;
    return ((*right)->row.lag_ms > (*left)->row.lag_ms) -
           ((*right)->row.lag_ms < (*left)->row.lag_ms);
}

static void rate_print(double rate)
{
    if (rate < 0)
        printf(" %9s", "-");
    else
        printf(" %9.1f", rate);
}

/* Lines and columns of the terminal; as good as endless when it is none. */
static void screen_size(int *lines, int *columns)
{
    struct winsize size;
    *lines = *columns = INT32_MAX;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
        *lines = size.ws_row;
        *columns = size.ws_col;
    }
}

static void top_pair_print(const struct iso_status_pair *pair, int columns)
{
    enum { FIXED = 89 };
    char lag[CLI_MS_TEXT], eta[CLI_MS_TEXT], records[CLI_MS_TEXT];
    const struct iso_lag_row *row = &pair->row;
    printf("%-16.16s %-8.8s %-8.8s %9s %9s", row->collection, row->source, row->target,
           iso_cli_ms_text(row->lag_ms, lag), iso_cli_records_text(row, records));
    rate_print(pair->applied_rate);
    rate_print(pair->written_rate);
    printf(" %9s  %s",
           pair->eta_ms == ISO_UNKNOWN_MS ? "-" : iso_cli_ms_text(pair->eta_ms, eta),
           iso_lag_state_name(pair->state));
    int room = columns - FIXED - (int)strlen(iso_lag_state_name(pair->state)) - 2;
    if (pair->why[0] != '\0' && room > 0)
        printf(": %.*s", room, pair->why);
    printf("\n");
}

static void top_print(const struct cli_watching *watching,
                      const struct lag_arguments *arguments,
                      const struct iso_status *status)
{
    size_t count = 0, all = 0;
    int lines, columns;
    (void)arguments;
    screen_size(&lines, &columns);
    for (size_t c = 0; c < status->collection_count; c++)
        all += status->collections[c].pair_count;
    const struct iso_status_pair **pairs = iso_alloc((all + 1) * sizeof *pairs);
    for (size_t c = 0; c < status->collection_count; c++) {
        const struct iso_status_collection *collection = &status->collections[c];
        if (!iso_cli_watching_wants(watching, collection->name))
            continue;
        verdict_print(collection);
        lines--;
        for (size_t i = 0; i < collection->pair_count; i++)
            pairs[count++] = &collection->pairs[i];
    }
    qsort(pairs, count, sizeof *pairs, pair_order);
    printf("%-16s %-8s %-8s %9s %9s %9s %9s %9s  %s\n", "COLLECTION", "SOURCE",
           "TARGET", "LAG", "RECORDS", "APPLIED/S", "WRITTEN/S", "DONE IN", "STATE");
    for (size_t i = 0; i < count && (int)i < lines - 2; i++)
        top_pair_print(pairs[i], columns);
    iso_free(pairs);
}

/* ---- both ---- */

typedef void lag_printer(const struct cli_watching *watching,
                         const struct lag_arguments *arguments,
                         const struct iso_status *status);

static enum iso_err lag_loop(struct cli *cli, const struct lag_arguments *arguments,
                             struct cli_watching *watching, lag_printer *print)
{
    bool clear = arguments->watch && !arguments->given.json && isatty(STDOUT_FILENO);
    for (int64_t n = 1;; n++) {
        int64_t next_ms = iso_steady_ms(&iso_clock_machine) + CLI_LOOK_MS;
        const struct iso_status *status;
        enum iso_err err = iso_cli_watching_look(cli, watching, &status);
        bool away = arguments->watch && err == ISO_UNAVAILABLE;
        if (err == ISO_OK || away) {
            if (clear)
                fputs("\033[H\033[2J", stdout);
            if (away)
                fprintf(stderr, "isostasy: %s\n", cli->why.text); /* and again */
            print(watching, arguments, status);
            err = ISO_OK;
        }
        iso_status_release(watching->watch, status);
        if (err == ISO_OK && fflush(stdout) != 0)
            err = iso_fail(&cli->why, ISO_IO, "standard output cannot be written");
        if (err != ISO_OK || !arguments->watch || n == arguments->count)
            return err;
        iso_cli_pause(next_ms);
    }
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
    struct cli_watching watching;
    enum iso_err err = iso_cli_watching_open(cli, arguments.given.places[0],
                                             CLI_TIMEOUT_MS, &watching);
    if (err == ISO_OK)
        err = lag_loop(cli, &arguments, &watching, lag_print);
    iso_cli_watching_close(&watching);
    return err;
}

enum iso_err iso_cli_top(struct cli *cli, int argc, char **argv)
{
    struct lag_arguments arguments = {.watch = true};
    const struct cli_syntax syntax = {
        .most = 1, .options = top_options, .parser = lag_option, .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct cli_watching watching;
    enum iso_err err = iso_cli_watching_open(cli, arguments.given.places[0],
                                             CLI_TIMEOUT_MS, &watching);
    if (err == ISO_OK)
        err = lag_loop(cli, &arguments, &watching, top_print);
    iso_cli_watching_close(&watching);
    return err;
}
