/* log.h - one line per event, to a sink that main sets.
 *
 * Libraries never print: until a sink is set, events go nowhere. An event has a stable
 * id (`apply.batch`) and key=value pairs; values of keys and secrets are never logged.
 * Repeats of one event within a second are counted, not repeated: the next line that
 * gets through carries `repeated=n`.
 *
 * Any thread may log. Only main sets the sink, before other threads start.
 */
#ifndef ISO_BASE_LOG_H
#define ISO_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

struct iso_clock;

enum iso_level { ISO_DEBUG, ISO_INFO, ISO_WARN, ISO_ERROR };

enum iso_log_form { ISO_LOG_TEXT, ISO_LOG_LOGFMT, ISO_LOG_JSON };

/* Writes lines to file descriptor `fd`, at `level` and above; -1: to nobody. */
void iso_log_open(int fd, enum iso_log_form form, enum iso_level level);

/* For tests: the clock that lines are stamped and repeats are counted by; NULL is the
 * machine's. Only main calls it, before other threads start. */
void iso_log_clock_set(const struct iso_clock *clock);

/* `pairs` is a format that prints "key=value key=value"; a value with spaces is quoted
 * by the caller with \"…\". At most 2,047 bytes, the rest is cut. */
void iso_log(enum iso_level level, const char *event, const char *pairs, ...)
    __attribute__((format(printf, 3, 4)));

/* Logs a failure: event, err=NAME, why="sentence". */
void iso_log_why(enum iso_level level, const char *event, const struct iso_why *why);

/* "debug", "info", "warn", "error" → level; false when it is none of them. */
bool iso_level_parse(const char *text, enum iso_level *level);

#endif
