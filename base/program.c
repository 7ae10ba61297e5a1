/* Nothing here decides anything: it hands the command line on to the settings, and the
 * settings to the log. */
#include "base/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/keyfile.h"
#include "base/log.h"

enum { OPTION_EXAMPLE = 1024, OPTION_SETTINGS };

static const struct argp_option program_options[] = {
    {"config", 'c', "FILE", 0,
     "Settings file (else $ISOSTASY_CONFIG, else /etc/isostasy/isostasy.conf)", 0},
    {NULL, 'X', "SECTION.KEY=VALUE", 0,
     "Overrides one setting; may be given many times", 0},
    {"example", OPTION_EXAMPLE, NULL, 0, "Print a commented settings file and exit", 0},
    {"settings", OPTION_SETTINGS, NULL, 0, "List every setting and exit", 0},
    {0},
};

static error_t program_option(int key, char *value, struct argp_state *state)
{
    struct iso_program *program = state->input;
    switch (key) {
    case 'c':
        program->config = value;
        return 0;
    case 'X':
        if (program->pair_count == ISO_PROGRAM_PAIRS_MAX)
            argp_error(state, "more than %d -X", ISO_PROGRAM_PAIRS_MAX);
        program->pairs[program->pair_count++] = value;
        return 0;
    case OPTION_EXAMPLE:
        iso_settings_print_example(stdout);
        exit(EX_OK);
    case OPTION_SETTINGS:
        iso_settings_print_help(stdout);
        exit(EX_OK);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp iso_program_argp = {
    .options = program_options,
    .parser = program_option,
};

enum iso_err iso_program_settings(const struct iso_program *program,
                                  struct iso_settings *settings, struct iso_why *why)
{
    enum iso_err err = iso_keyfile_read(settings, program->config, why);
    if (err == ISO_OK)
        err = iso_settings_set_environment(settings, why);
    for (size_t i = 0; err == ISO_OK && i < program->pair_count; i++)
        err = iso_settings_set_pair(settings, program->pairs[i], why);
    return err;
}

void iso_program_log(const struct iso_settings *settings)
{
    const char *form = iso_settings_text(settings, "log", NULL, "form");
    enum iso_log_form as = ISO_LOG_LOGFMT;
    if (strcmp(form, "json") == 0)
        as = ISO_LOG_JSON;
    else if (strcmp(form, "text") == 0 ||
             (strcmp(form, "auto") == 0 && isatty(STDERR_FILENO)))
        as = ISO_LOG_TEXT;
    enum iso_level level = ISO_INFO;
    iso_level_parse(iso_settings_text(settings, "log", NULL, "level"), &level);
    iso_log_open(STDERR_FILENO, as, level);
}

void iso_program_signals(sigset_t *signals)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &plain, NULL);
    sigaction(SIGINT, &plain, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
}
