/* program.h - what the three programs have in common: the options that lead to
 * settings, and the log. Part of target iso_program, which needs GLib; services do not
 * link it.
 *
 * A program hangs `iso_program_argp` under its own argp as a child, with a struct
 * iso_program as the child's input, and then reads its settings:
 *
 *   file (--config, $ISOSTASY_CONFIG, /etc/…) < environment < -X
 */
#ifndef ISO_BASE_PROGRAM_H
#define ISO_BASE_PROGRAM_H

#include <argp.h>
#include <signal.h>

#include "base/settings.h"

enum { ISO_PROGRAM_PAIRS_MAX = 64 };

/* Zero before parsing. */
struct iso_program {
    const char *config;
    const char *pairs[ISO_PROGRAM_PAIRS_MAX]; /* -X */
    size_t pair_count;
};

/* --config, -X; and --example and --settings, which print and end the process. */
extern const struct argp iso_program_argp;

/* Fills `settings` as said above. ISO_SETTING, ISO_IO. */
enum iso_err iso_program_settings(const struct iso_program *program,
                                  struct iso_settings *settings, struct iso_why *why);

/* Opens the log on standard error, in the form and at the level that are set. */
void iso_program_log(const struct iso_settings *settings);

/* Blocks SIGTERM and SIGINT in this thread and those it starts, for sigtimedwait on
 * `signals`; SIGHUP and SIGPIPE are ignored. A shell starts background programs with
 * SIGINT ignored: here both end the process again as soon as they are unblocked. */
void iso_program_signals(sigset_t *signals);

#endif
