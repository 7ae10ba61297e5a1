/* isostasyd - the daemon of one region: reads the settings, opens the daemon, waits for
 * a signal. SIGTERM and SIGINT stop it cleanly, a second one at once; SIGHUP is
 * ignored. It needs no privilege but to write its store directory.
 */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/program.h"
#include "bus/bus.h"
#include "consumer/consumer.h"
#include "consumer/serve.h"

enum { OPTION_CHECK = 256 };

struct arguments {
    struct iso_program program;
    const char *region;
    bool check;
};

static const struct argp_option main_options[] = {
    {"region", 'r', "NAME", 0,
     "The region to serve (else the only one in the settings)", 0},
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
    case 'r':
        arguments->region = value;
        return 0;
    case OPTION_CHECK:
        arguments->check = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->region != NULL)
            argp_error(state, "one region a daemon; '%s' is one too many", value);
        arguments->region = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void main_version(FILE *out, struct argp_state *state)
{
    (void)state;
    fprintf(out, "isostasyd %s, wire format 1, store format 1, %s\n", ISOSTASY_VERSION,
            iso_bus_library());
}

static enum iso_err main_region(const struct iso_settings *settings,
                                const char **region, struct iso_why *why)
{
    if (*region != NULL)
        return ISO_OK;
    *region = iso_settings_name(settings, "region", 0);
    if (*region == NULL || iso_settings_name(settings, "region", 1) != NULL)
        return iso_fail(
            why, ISO_USAGE,
            "the settings name %s region: say which one to serve with --region "
            "NAME",
            *region == NULL ? "no" : "more than one");
    return ISO_OK;
}

/* Until a signal or a failure; a second signal ends the process where it stands. */
static enum iso_err main_serve(struct iso_daemon *daemon, const sigset_t *signals,
                               struct iso_why *why)
{
    enum iso_err err = ISO_TIMEOUT;
    const struct timespec now = {0};
    int signal_number = -1;
    while (err == ISO_TIMEOUT && signal_number < 0) {
        err = iso_daemon_wait(daemon, 200, why);
        signal_number = sigtimedwait(signals, NULL, &now);
    }
    if (signal_number < 0)
        return err;
    iso_log(ISO_INFO, "daemon.stop", "signal=%d", signal_number);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    iso_daemon_stop(daemon);
    return ISO_OK;
}

static enum iso_err main_run(const struct arguments *arguments,
                             struct iso_settings *settings, struct iso_why *why)
{
    const char *region = arguments->region;
    enum iso_err err = iso_program_settings(&arguments->program, settings, why);
    if (err == ISO_OK)
        err = main_region(settings, &region, why);
    if (err != ISO_OK || arguments->check)
        return err;
    iso_program_log(settings);
    sigset_t signals;
    iso_program_signals(&signals); /* the shards' threads inherit it */
    struct iso_daemon *daemon;
    err = iso_daemon_open(settings, region, &daemon, why);
    if (err != ISO_OK)
        return err;
    iso_log(ISO_INFO, "daemon.start", "region=%s version=%s", region, ISOSTASY_VERSION);
    struct iso_daemon_server *server;
    err = iso_daemon_serve(settings, region, daemon, &server, why);
    if (err == ISO_OK)
        err = main_serve(daemon, &signals, why);
    iso_daemon_serve_end(server);
    iso_daemon_close(daemon);
    iso_log(ISO_INFO, "daemon.end", "region=%s", region);
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
        .args_doc = "[REGION]",
        .doc =
            "Applies what the logs say to the store of one region.\v"
            "SIGTERM and SIGINT stop it cleanly, a second one at once. Exit status: 0, "
            "or one of sysexits(3) with a sentence on standard error.",
    };
    argp_program_version_hook = main_version;
    argp_err_exit_status = EX_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct iso_settings *settings = iso_settings_new();
    struct iso_why why = {0};
    enum iso_err err = main_run(&arguments, settings, &why);
    if (err != ISO_OK)
        fprintf(stderr, "isostasyd: %s\n", why.text);
    iso_settings_free(settings);
    return iso_err_exit(err);
}
