/* isostasy-monitor - how far behind is every region, and do the regions hold the same?
 * Reads the settings, answers HTTP (serve.h), and looks every monitor.interval; with
 * --print, a line for each pair and each verdict goes to standard output instead.
 *
 * This thread alone speaks to Kafka and looks; the HTTP server's threads read what the
 * watch holds. Kafka away is an event on standard error and a reason in /readyz, not an
 * end: what is known goes on being shown, and ages; at the start it is tried again and
 * again, and so is a control topic that is not there yet. SIGTERM and SIGINT end it
 * cleanly between two looks.
 */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/program.h"
#include "base/utf8.h"
#include "monitor/serve.h"

enum {
    OPTION_CHECK = 256,
    OPTION_ONCE,
    OPEN_TIMEOUT_MS = 10000,
    REOPEN_TIMEOUT_MS = 3000, /* HTTP says meanwhile why, and it is tried again */
    REFRESH_TIMEOUT_MS = 5000,
    RETRY_MS = 1000, /* the least, between two tries to open */
};

struct arguments {
    struct iso_program program;
    const char *collection;
    bool check, print, once, json;
};

static const struct argp_option main_options[] = {
    {"print", 'p', NULL, 0, "Write lines to standard output instead of answering HTTP",
     0},
    {"json", 'j', NULL, 0, "As --print, but one JSON object a line instead of logfmt",
     0},
    {"once", OPTION_ONCE, NULL, 0, "As --print, but write one round and exit", 0},
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
    case 'p':
        arguments->print = true;
        return 0;
    case 'j':
        arguments->print = arguments->json = true;
        return 0;
    case OPTION_ONCE:
        arguments->print = arguments->once = true;
        return 0;
    case OPTION_CHECK:
        arguments->check = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->collection != NULL)
            argp_error(state, "one collection; '%s' is one too many", value);
        arguments->collection = value;
        return 0;
    case ARGP_KEY_END:
        if (arguments->collection != NULL && !arguments->print)
            argp_error(state, "a collection is for --print; HTTP shows all of them");
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

/* Quoted alike in both forms. Of a report's sentence, which anybody may have written,
 * neither control characters nor bytes that are no UTF-8 reach the terminal. */
static void line_text(struct line *line, const char *key, const char *text)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + strlen(text);
    line_key(line, key);
    putchar('"');
    while (at < end) {
        size_t size = iso_utf8_character(at, (size_t)(end - at));
        if (size == 0)
            printf("\\ufffd");
        else if (*at < 0x20 || *at == 0x7f)
            printf("\\u%04x", *at);
        else if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else
            fwrite(at, 1, size, stdout);
        at += size > 0 ? size : 1;
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

static void pair_write(const struct iso_status *status,
                       const struct iso_status_pair *pair, bool json)
{
    struct line line = {.json = json};
    line_ms(&line, "at_ms", status->at_ms);
    line_text(&line, "event", "lag");
    line_text(&line, "collection", pair->row.collection);
    line_text(&line, "source", pair->row.source);
    line_text(&line, "target", pair->row.target);
    line_text(&line, "state", iso_lag_state_name(pair->state));
    line_ms(&line, "since_ms", pair->since_ms);
    line_text(&line, "rule", pair->rule);
    line_count(&line, "records_behind", pair->row.records_behind);
    line_flag(&line, "records_exact", pair->row.records_exact);
    line_ms(&line, "lag_ms", pair->row.lag_ms);
    line_ms(&line, "staleness_ms", pair->row.staleness_ms);
    line_ms(&line, "latency_p50_ms", pair->latency_p50_ms);
    line_ms(&line, "latency_p99_ms", pair->latency_p99_ms);
    line_ms(&line, "eta_ms", pair->eta_ms);
    line_ms(&line, "report_age_ms", pair->row.report_age_ms);
    line_count(&line, "refused", pair->row.refused);
    line_count(&line, "lost", pair->row.lost);
    line_text(&line, "why", pair->why);
    line_text(&line, "warning", pair->warning);
    line_end(&line);
}

static void verdict_write(const struct iso_status_collection *collection, bool json)
{
    const struct iso_verdict *verdict = &collection->verdict;
    struct line line = {.json = json};
    line_ms(&line, "at_ms", verdict->at_ms);
    line_text(&line, "event", "verdict");
    line_text(&line, "collection", collection->name);
    line_text(&line, "verdict", iso_verdict_state_name(verdict->state));
    line_ms(&line, "since_ms", collection->verdict_since_ms);
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

/* ---- looks ---- */

struct run {
    const struct arguments *arguments;
    const struct iso_settings *settings;
    const sigset_t *signals;
    struct iso_watch *watch;
    struct iso_serve *serve;                         /* NULL: lines are printed */
    struct iso_monitor *monitor;                     /* NULL: not open */
    char said[sizeof((struct iso_why *)NULL)->text]; /* what was last logged */
};

static enum iso_err lines_write(const struct run *run, struct iso_why *why)
{
    const struct iso_status *status = iso_watch_status(run->watch);
    const char *only = run->arguments->collection;
    for (size_t i = 0; status != NULL && i < status->collection_count; i++) {
        const struct iso_status_collection *collection = &status->collections[i];
        if (only != NULL && strcmp(only, collection->name) != 0)
            continue;
        for (size_t k = 0; k < collection->pair_count; k++)
            pair_write(status, &collection->pairs[k], run->arguments->json);
        verdict_write(collection, run->arguments->json);
    }
    if (status != NULL)
        iso_status_release(run->watch, status);
    if (fflush(stdout) != 0)
        return iso_fail(why, ISO_IO, "standard output cannot be written any more");
    return ISO_OK;
}

/* A failure is logged when it begins and when it becomes another one. */
static void run_say(struct run *run, const char *event, const struct iso_why *why)
{
    if (strcmp(run->said, why->text) == 0)
        return;
    snprintf(run->said, sizeof run->said, "%s", why->text);
    iso_log_why(ISO_WARN, event, why);
}

/* What no waiting heals ends the program. Nothing defined yet may be healed by who
 * defines it, unless somebody asked for lines now. */
static bool may_heal(const struct run *run, enum iso_err err)
{
    if (run->serve == NULL)
        return run->monitor != NULL && !run->arguments->once &&
               iso_err_kind(err) == ISO_RETRY;
    return iso_err_kind(err) == ISO_RETRY || err == ISO_NO_DEFINITION;
}

static enum iso_err run_open(struct run *run, struct iso_why *why)
{
    int timeout_ms = run->serve != NULL ? REOPEN_TIMEOUT_MS : OPEN_TIMEOUT_MS;
    enum iso_err err = iso_monitor_open(run->settings, timeout_ms, &run->monitor, why);
    if (err != ISO_OK) {
        if (!may_heal(run, err))
            return err;
        run_say(run, "monitor.open", why);
        iso_serve_waits(run->serve, why);
        return ISO_OK;
    }
    run->said[0] = '\0';
    const char *only = run->arguments->collection;
    const struct iso_control *control = iso_monitor_control(run->monitor);
    if (only != NULL && iso_control_definition(control, only, 0) == NULL)
        return iso_fail(why, ISO_NO_DEFINITION,
                        "there is no collection %s: see `isostasy collection list`",
                        only);
    return ISO_OK;
}

/* What is known is looked at also when Kafka did not answer: that is what it shows. */
static enum iso_err run_look(struct run *run, struct iso_why *why)
{
    int64_t began_ms = iso_steady_ms(&iso_clock_machine);
    enum iso_err err = iso_monitor_refresh(run->monitor, true, REFRESH_TIMEOUT_MS, why);
    if (err != ISO_OK && !may_heal(run, err))
        return err;
    if (err != ISO_OK)
        run_say(run, "monitor.refresh", why);
    else
        run->said[0] = '\0';
    iso_watch_look(run->watch, run->monitor, iso_now_ms(&iso_clock_machine));
    if (err == ISO_NO_DEFINITION) { /* the control topic was made anew */
        iso_monitor_close(run->monitor);
        run->monitor = NULL;
    }
    if (run->serve == NULL)
        return lines_write(run, why);
    iso_serve_looked(run->serve, err == ISO_OK,
                     iso_steady_ms(&iso_clock_machine) - began_ms);
    return ISO_OK;
}

/* Waits until then, or for a signal: its number, else 0. */
static int run_wait(const struct run *run, int64_t until_ms)
{
    int64_t left_ms = until_ms - iso_steady_ms(&iso_clock_machine);
    left_ms = left_ms < 0 ? 0 : left_ms;
    struct timespec left = {.tv_sec = left_ms / 1000,
                            .tv_nsec = left_ms % 1000 * 1000000};
    int number = sigtimedwait(run->signals, NULL, &left);
    return number < 0 ? 0 : number;
}

/* Until a signal, a failure that no waiting heals, or nobody reads what is written. */
static enum iso_err run_looks(struct run *run, struct iso_why *why)
{
    int64_t interval_ms =
        iso_settings_number(run->settings, "monitor", NULL, "interval");
    for (;;) {
        int64_t began_ms = iso_steady_ms(&iso_clock_machine), wait_ms = interval_ms;
        enum iso_err err = ISO_OK;
        if (run->monitor == NULL)
            err = run_open(run, why);
        if (err == ISO_OK && run->monitor != NULL)
            err = run_look(run, why);
        if (err != ISO_OK || run->arguments->once)
            return err;
        if (run->monitor == NULL && wait_ms < RETRY_MS)
            wait_ms = RETRY_MS;
        int number = run_wait(run, began_ms + wait_ms);
        if (number != 0) {
            iso_log(ISO_INFO, "monitor.stop", "signal=%d", number);
            return ISO_OK;
        }
    }
}

/* ---- start ---- */

static enum iso_err run_serve(struct run *run, struct iso_why *why)
{
    struct iso_serve_options options = {
        .settings = run->settings, .watch = run->watch, .clock = &iso_clock_machine};
    if (!run->arguments->print) {
        enum iso_err err = iso_serve_open(&options, &run->serve, why);
        if (err != ISO_OK)
            return err;
        iso_log(ISO_INFO, "monitor.serve", "address=%s", iso_serve_address(run->serve));
    }
    enum iso_err err = run_looks(run, why);
    iso_serve_close(run->serve);
    return err;
}

static enum iso_err main_run(const struct arguments *arguments,
                             struct iso_settings *settings, struct iso_why *why)
{
    enum iso_err err = iso_program_settings(&arguments->program, settings, why);
    if (err != ISO_OK || arguments->check)
        return err;
    iso_program_log(settings);
    sigset_t signals;
    iso_program_signals(&signals); /* all threads that are started inherit it */
    const struct iso_watch_options options = {
        .interval_ms = iso_settings_number(settings, "monitor", NULL, "interval"),
        .retention_warning_ms =
            iso_settings_number(settings, "monitor", NULL, "retention.warning")};
    struct run run = {.arguments = arguments,
                      .settings = settings,
                      .signals = &signals,
                      .watch = iso_watch_new(&options, iso_now_ms(&iso_clock_machine))};
    err = run_serve(&run, why);
    iso_monitor_close(run.monitor);
    iso_watch_free(run.watch);
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
        .doc =
            "Shows over HTTP how far every region is behind every other, and whether "
            "they provably hold the same.\v"
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
