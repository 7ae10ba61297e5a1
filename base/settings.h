/* settings.h - what an operator may choose: one table feeds parsing, `--help`, the
 * example file, and the checks.
 *
 * A setting lives in a section: `[daemon] memory.max = 512MiB`; some sections are named
 * and may stand many times: `[cluster home] servers = …`, `[region eu] store = …`. The
 * same setting is written `daemon.memory.max=512MiB`, `region.eu.store=…` on the
 * command line (-X), and ISOSTASY_DAEMON_MEMORY_MAX in the environment (unnamed
 * sections only). Later wins: file, environment, command line. The table is the only
 * place where a setting, its unit, bounds, default and words are written.
 *
 * In a cluster section `kafka.NAME = value` passes NAME through to librdkafka, but for
 * a deny-list (what isostasy's promises rest on, and what loads code).
 *
 * Errors are ISO_SETTING with the place (file:line, -X, variable), the reason, and for
 * an unknown name the nearest known one ("did you mean …?").
 */
#ifndef ISO_BASE_SETTINGS_H
#define ISO_BASE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum iso_option_type {
    ISO_OPTION_TEXT,
    ISO_OPTION_NUMBER,
    ISO_OPTION_FLAG,     /* true, false */
    ISO_OPTION_SIZE,     /* bytes: 64MiB, 960KiB, 1000 */
    ISO_OPTION_DURATION, /* milliseconds: 250ms, 5s, 10m, 24h, 7d */
    ISO_OPTION_CHOICE,   /* one of `choices`, separated by | */
};

struct iso_option {
    const char *section; /* "daemon"; "cluster", "region" and "plugin" are named */
    const char *key;     /* "memory.max" */
    enum iso_option_type type;
    const char *fallback; /* as it would be written; NULL: no default, may be absent */
    int64_t min, max;     /* for numbers, sizes and durations */
    const char *choices;
    const char *words; /* one sentence: what it does, for --help and the example */
    bool secret;       /* never printed or logged */
};

/* The table of everything, ended by a row whose section is NULL. */
extern const struct iso_option iso_options[];

struct iso_settings;

struct iso_settings *iso_settings_new(void);
struct iso_settings *iso_settings_copy(const struct iso_settings *settings);
void iso_settings_free(struct iso_settings *settings);

/* Sets `name` ("daemon.memory.max", "region.eu.store",
 * "cluster.home.kafka.ssl.ca.location") to `value`, both copied and checked. `place`
 * says where it stood, for the error. */
enum iso_err iso_settings_set(struct iso_settings *settings, const char *name,
                              const char *value, const char *place,
                              struct iso_why *why);

/* "name=value", as given to -X. */
enum iso_err iso_settings_set_pair(struct iso_settings *settings, const char *pair,
                                   struct iso_why *why);

/* Every ISOSTASY_SECTION_KEY variable there is; $ISOSTASY_CONFIG is not one. */
enum iso_err iso_settings_set_environment(struct iso_settings *settings,
                                          struct iso_why *why);

/* The value of a setting, or its default; NULL when it has neither. `name` is the named
 * section's name, NULL for others. Borrowed until the setting is set again. Asking for
 * what the table does not hold is our own mistake. */
const char *iso_settings_text(const struct iso_settings *settings, const char *section,
                              const char *name, const char *key);
/* The same as a number, in bytes, milliseconds, or 0 and 1; has a default by table. */
int64_t iso_settings_number(const struct iso_settings *settings, const char *section,
                            const char *name, const char *key);

/* The names of a named section in the order they were first set: n = 0, 1, …; NULL at
 * the end. The first cluster is the home cluster. */
const char *iso_settings_name(const struct iso_settings *settings, const char *section,
                              int n);
bool iso_settings_has(const struct iso_settings *settings, const char *section,
                      const char *name);

/* Calls `each` for every kafka.* pass-through of a cluster. */
enum iso_err
iso_settings_kafka(const struct iso_settings *settings, const char *cluster,
                   enum iso_err (*each)(void *user, const char *name, const char *value,
                                        struct iso_why *why),
                   void *user, struct iso_why *why);

/* Writes the commented example file, and the list for --help-settings. */
void iso_settings_print_example(FILE *out);
void iso_settings_print_help(FILE *out);

/* "64MiB" → bytes, "5s" → milliseconds: for command-line options too. */
enum iso_err iso_size_parse(const char *text, int64_t *bytes, struct iso_why *why);
enum iso_err iso_duration_parse(const char *text, int64_t *ms, struct iso_why *why);

#endif
