/* isostasy wait: until every region caught up, or until all provably hold the same; up
 * to the ends of the logs as they were when the question was asked.
 *
 * Only what daemons said after the question is believed: the last report of a daemon
 * whose store was removed since proves nothing. A daemon reports at least every two
 * seconds, so that is what an answer may take. */
#include <stdio.h>

#include "cli/watching.h"
#include "monitor/view.h"

enum { WAIT_STEP_MS = 200, WAIT_LEAST_MS = 1000, WAIT_DEFAULT_MS = 60000 };

struct wait_arguments {
    struct cli_given given; /* collection, or none: all */
    bool converged, caught_up;
    int64_t timeout_ms;
};

static const struct argp_option wait_options[] = {
    {"converged", 'C', NULL, 0,
     "Until all regions provably hold the same, up to the ends of the logs as they are "
     "now (default)",
     0},
    {"caught-up", 'U', NULL, 0, "Until every region has applied up to those ends", 0},
    {"timeout", 't', "TIME", 0, "Give up after that (default 60s): exit status 1", 0},
    {0},
};

static error_t wait_option(int key, char *value, struct argp_state *state)
{
    struct wait_arguments *arguments = state->input;
    struct iso_why why;
    switch (key) {
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

struct waiting {
    const struct wait_arguments *arguments;
    struct cli_watching watching;
    int64_t asked_ms; /* when the ends were read */
    int64_t began_ms; /* steady */
    struct iso_verdict verdict;
};

/* How long one question to Kafka may take: no longer than is left, but an answer. */
static int wait_step_ms(int64_t left_ms)
{
    if (left_ms < WAIT_LEAST_MS)
        return WAIT_LEAST_MS;
    return left_ms < CLI_TIMEOUT_MS ? (int)left_ms : CLI_TIMEOUT_MS;
}

/* One collection, or each; NULL after the last. */
static const char *collection_at(const struct waiting *waiting, size_t n)
{
    const char *one = waiting->watching.collection;
    if (one != NULL)
        return n == 0 ? one : NULL;
    return iso_control_collection(iso_monitor_control(waiting->watching.monitor), n);
}

static void verdict_ask(struct waiting *waiting, const char *name)
{
    iso_lag_verdict(iso_monitor_lag(waiting->watching.monitor), name,
                    iso_now_ms(&iso_clock_machine), waiting->asked_ms,
                    &waiting->verdict);
}

/* Is it so, for every collection asked about? The last verdict that is not stays. Of
 * nothing nothing is known. */
static bool wait_done(struct waiting *waiting)
{
    struct iso_lag *lag = iso_monitor_lag(waiting->watching.monitor);
    const char *name;
    if (collection_at(waiting, 0) == NULL) {
        snprintf(waiting->verdict.why, sizeof waiting->verdict.why,
                 "there is no collection yet");
        return false;
    }
    for (size_t i = 0; (name = collection_at(waiting, i)) != NULL; i++) {
        uint64_t records = 0;
        verdict_ask(waiting, name);
        bool done = waiting->arguments->caught_up
                        ? iso_lag_caught_up(lag, name, waiting->asked_ms, &records)
                        : waiting->verdict.state == ISO_VERDICT_CONVERGED;
        if (!done)
            return false;
    }
    return true;
}

static void certificates_print(struct waiting *waiting)
{
    const char *name;
    for (size_t i = 0; (name = collection_at(waiting, i)) != NULL; i++) {
        struct iso_status_collection shown = {0};
        struct iso_buf certificate = {0};
        verdict_ask(waiting, name);
        iso_verdict_certificate(name, &waiting->verdict, &certificate);
        snprintf(shown.name, sizeof shown.name, "%s", name);
        shown.verdict = waiting->verdict;
        shown.verdict_since_ms = waiting->asked_ms;
        shown.certificate = (char *)certificate.data;
        if (waiting->arguments->given.json)
            iso_cli_print_json(iso_view_verdict(&shown));
        else
            printf("%s: %s%s%s\n%s\n", name,
                   iso_verdict_state_name(waiting->verdict.state),
                   waiting->verdict.why[0] ? ": " : "", waiting->verdict.why,
                   iso_buf_text(&certificate));
        iso_buf_release(&certificate);
    }
}

static enum iso_err wait_loop(struct cli *cli, struct waiting *waiting)
{
    int64_t until_ms = waiting->began_ms + waiting->arguments->timeout_ms;
    bool ends = true; /* read once: what is written after the question does not count */
    for (;;) {
        int64_t asked_ms = iso_now_ms(&iso_clock_machine);
        int64_t left_ms = until_ms - iso_steady_ms(&iso_clock_machine);
        enum iso_err err = iso_monitor_refresh(waiting->watching.monitor, ends,
                                               wait_step_ms(left_ms), &cli->why);
        int64_t now_ms = iso_steady_ms(&iso_clock_machine);
        if (err != ISO_OK && err != ISO_UNAVAILABLE)
            return err;
        if (err == ISO_OK) {
            if (ends)
                waiting->asked_ms = asked_ms;
            ends = false;
            if (wait_done(waiting))
                return ISO_OK;
        }
        if (now_ms >= until_ms)
            return iso_fail(&cli->why, ISO_TIMEOUT,
                            "not %s after %.0f s: %s%s%s; see `isostasy lag`",
                            waiting->arguments->caught_up ? "caught up" : "converged",
                            (double)waiting->arguments->timeout_ms / 1000.0,
                            iso_verdict_state_name(waiting->verdict.state),
                            waiting->verdict.why[0] ? ", " : "", waiting->verdict.why);
        iso_cli_pause(now_ms + WAIT_STEP_MS);
    }
}

enum iso_err iso_cli_wait(struct cli *cli, int argc, char **argv)
{
    struct wait_arguments arguments = {.timeout_ms = WAIT_DEFAULT_MS};
    const struct cli_syntax syntax = {.takes = CLI_JSON,
                                      .most = 1,
                                      .options = wait_options,
                                      .parser = wait_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    if (arguments.caught_up && arguments.converged)
        return iso_fail(&cli->why, ISO_USAGE, "--converged or --caught-up, not both");
    struct waiting waiting = {.arguments = &arguments,
                              .began_ms = iso_steady_ms(&iso_clock_machine)};
    enum iso_err err =
        iso_cli_watching_open(cli, arguments.given.places[0],
                              wait_step_ms(arguments.timeout_ms), &waiting.watching);
    if (err == ISO_OK)
        err = wait_loop(cli, &waiting);
    if (err == ISO_OK)
        certificates_print(&waiting);
    iso_cli_watching_close(&waiting.watching);
    return err;
}
