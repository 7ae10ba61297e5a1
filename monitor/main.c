/* isostasy-monitor - how far behind is every region, and do the regions hold the same?
 * Reads the settings, opens the monitor, and every monitor.interval writes a line for
 * each row of lag and each collection's verdict to standard output, as logfmt or JSON.
 *
 * Kafka away is an event on standard error, not an end: what is known goes on being
 * written, and ages. SIGTERM and SIGINT end it cleanly between two rounds.
 */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/program.h"
#include "monitor/monitor.h"

enum {
    OPTION_CHECK = 256,
    OPTION_ONCE,
    OPEN_TIMEOUT_MS = 10000,
    REFRESH_TIMEOUT_MS = 5000,
};

struct arguments {
    struct iso_program program;
    const char *collection;
    bool check, once, json;
};

static const struct argp_option main_options[] = {
    {"json", 'j', NULL, 0, "One JSON object a line, instead of logfmt", 0},
    {"once", OPTION_ONCE, NULL, 0, "Write one round and exit", 0},
    {"check", OPTION_CHECK, NULL, 0, "Check the settings and exit", 0},
    {0},
};

static error_t main_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->program;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case OPTION_ONCE:
        arguments->once = true;
        return 0;
    case OPTION_CHECK:
        arguments->check = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->collection != NULL)
            argp_error(state, "one collection; '%s' is one too many", value);
        arguments->collection = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void main_version(FILE *out, struct argp_state *state)
{
    (void)state;
    fprintf(out, "isostasy-monitor %s, wire format 1, %s\n", ISOSTASY_VERSION,
            iso_bus_library());
}

/* ---- lines ---- */

/* A line being written: logfmt pairs, or the members of one JSON object. */
struct line {
    bool json;
    bool begun;
};

static void line_key(struct line *line, const char *key)
{
    if (line->json)
        printf("%s\"%s\":", line->begun ? "," : "{", key);
    else
        printf("%s%s=", line->begun ? " " : "", key);
    line->begun = true;
}

/* Quoted alike in both forms; control characters (of a report's sentence, which anybody
 * may have written) do not reach the terminal. */
static void line_text(struct line *line, const char *key, const char *text)
{
    line_key(line, key);
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f)
            printf("\\u%04x", *at);
        else if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else
            putchar(*at);
    }
    putchar('"');
}

static void line_flag(struct line *line, const char *key, bool flag)
{
    line_key(line, key);
    printf("%s", flag ? "true" : "false");
}

static void line_count(struct line *line, const char *key, uint64_t count)
{
    line_key(line, key);
    if (count != ISO_UNKNOWN_COUNT)
        printf("%llu", (unsigned long long)count);
    else
        printf("%s", line->json ? "null" : "unknown");
}

static void line_ms(struct line *line, const char *key, int64_t ms)
{
    line_count(line, key, ms == ISO_UNKNOWN_MS ? ISO_UNKNOWN_COUNT : (uint64_t)ms);
}

static void line_digest(struct line *line, const char *key, struct iso_digest digest)
{
    char text[ISO_DIGEST_DIGITS + 1];
    iso_digest_text(digest, text);
    line_text(line, key, text);
}

static void line_end(const struct line *line)
{
    puts(line->json ? "}" : "");
}

static void row_write(const struct iso_lag_row *row, int64_t now_ms, bool json)
{
    struct line line = {.json = json};
    line_ms(&line, "at_ms", now_ms);
    line_text(&line, "event", "lag");
    line_text(&line, "collection", row->collection);
    line_text(&line, "source", row->source);
    line_text(&line, "target", row->target);
    line_text(&line, "state", iso_lag_state_name(row->state));
    line_count(&line, "records_behind", row->records_behind);
    line_flag(&line, "records_exact", row->records_exact);
    line_ms(&line, "behind_ms", row->behind_ms);
    line_ms(&line, "staleness_ms", row->staleness_ms);
    line_ms(&line, "report_age_ms", row->report_age_ms);
    line_count(&line, "refused", row->refused);
    line_text(&line, "why", row->why);
    line_end(&line);
}

static void verdict_write(const char *collection, const struct iso_verdict *verdict,
                          bool json)
{
    struct line line = {.json = json};
    line_ms(&line, "at_ms", verdict->at_ms);
    line_text(&line, "event", "verdict");
    line_text(&line, "collection", collection);
    line_text(&line, "verdict", iso_verdict_state_name(verdict->state));
    line_count(&line, "slices", verdict->slices);
    line_count(&line, "equal", verdict->equal);
    line_count(&line, "pending", verdict->pending);
    line_count(&line, "diverged", verdict->diverged);
    line_ms(&line, "oldest_ms", verdict->oldest_ms);
    if (verdict->state == ISO_VERDICT_CONVERGED) {
        line_count(&line, "values", verdict->values);
        line_count(&line, "ledger_rows", verdict->ledger_rows);
        line_digest(&line, "live", verdict->live);
        line_digest(&line, "ledger", verdict->ledger);
    }
    line_text(&line, "why", verdict->why);
    line_end(&line);
}

static void round_write(struct iso_monitor *monitor, const struct arguments *arguments)
{
    int64_t now_ms = iso_now_ms(&iso_clock_machine);
    struct iso_lag *lag = iso_monitor_lag(monitor);
    const struct iso_lag_row *rows;
    size_t count = iso_lag_rows(lag, arguments->collection, now_ms, &rows);
    for (size_t i = 0; i < count; i++)
        row_write(&rows[i], now_ms, arguments->json);
    const char *name;
    const struct iso_control *control = iso_monitor_control(monitor);
    for (size_t i = 0; (name = iso_control_collection(control, i)) != NULL; i++) {
        struct iso_verdict verdict;
        if (arguments->collection != NULL && strcmp(arguments->collection, name) != 0)
            continue;
        iso_lag_verdict(lag, name, now_ms, &verdict);
        verdict_write(name, &verdict, arguments->json);
    }
}

/* ---- rounds ---- */

/* Waits for the next round, or for a signal: its number, else 0. */
static int round_wait(const sigset_t *signals, int64_t until_ms)
{
    int64_t left_ms = until_ms - iso_steady_ms(&iso_clock_machine);
    left_ms = left_ms < 0 ? 0 : left_ms;
    struct timespec left = {.tv_sec = left_ms / 1000,
                            .tv_nsec = left_ms % 1000 * 1000000};
    int number = sigtimedwait(signals, NULL, &left);
    return number < 0 ? 0 : number;
}

/* Until a signal, a failure that no waiting heals, or nobody reads what is written. */
static enum iso_err main_rounds(struct iso_monitor *monitor,
                                const struct arguments *arguments, int64_t interval_ms,
                                const sigset_t *signals, struct iso_why *why)
{
    for (;;) {
        int64_t next_ms = iso_steady_ms(&iso_clock_machine) + interval_ms;
        enum iso_err err = iso_monitor_refresh(monitor, true, REFRESH_TIMEOUT_MS, why);
        if (err != ISO_OK && (arguments->once || iso_err_kind(err) != ISO_RETRY))
            return err;
        if (err != ISO_OK)
            iso_log_why(ISO_WARN, "monitor.refresh", why);
        round_write(monitor, arguments);
        if (fflush(stdout) != 0)
            return iso_fail(why, ISO_IO, "standard output cannot be written any more");
        if (arguments->once)
            return ISO_OK;
        int number = round_wait(signals, next_ms);
        if (number != 0) {
            iso_log(ISO_INFO, "monitor.stop", "signal=%d", number);
            return ISO_OK;
        }
    }
}

/* ---- start ---- */

static enum iso_err main_run(const struct arguments *arguments,
                             struct iso_settings *settings, struct iso_why *why)
{
    enum iso_err err = iso_program_settings(&arguments->program, settings, why);
    if (err != ISO_OK || arguments->check)
        return err;
    iso_program_log(settings);
    sigset_t signals;
    iso_program_signals(&signals); /* librdkafka's threads inherit it */
    struct iso_monitor *monitor;
    err = iso_monitor_open(settings, OPEN_TIMEOUT_MS, &monitor, why);
    if (err != ISO_OK)
        return err;
    const char *collection = arguments->collection;
    const struct iso_control *control = iso_monitor_control(monitor);
    if (collection != NULL && iso_control_definition(control, collection, 0) == NULL)
        err = iso_fail(why, ISO_NO_DEFINITION,
                       "there is no collection %s: see `isostasy collection list`",
                       collection);
    else
        err = main_rounds(monitor, arguments,
                          iso_settings_number(settings, "monitor", NULL, "interval"),
                          &signals, why);
    iso_monitor_close(monitor);
    return err;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    const struct argp_child children[] = {{&iso_program_argp, 0, NULL, 0}, {0}};
    const struct argp argp = {
        .children = children,
        .options = main_options,
        .parser = main_option,
        .args_doc = "[COLLECTION]",
        .doc = "Writes how far every region is behind every other, and whether they "
               "provably hold the same.\v"
               "SIGTERM and SIGINT end it cleanly. Exit status: 0, or one of "
               "sysexits(3) with a sentence on standard error.",
    };
    argp_program_version_hook = main_version;
    argp_err_exit_status = EX_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct iso_settings *settings = iso_settings_new();
    struct iso_why why = {0};
    enum iso_err err = main_run(&arguments, settings, &why);
    if (err != ISO_OK)
        fprintf(stderr, "isostasy-monitor: %s\n", why.text);
    iso_settings_free(settings);
    return iso_err_exit(err);
}
