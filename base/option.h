/* option.h - one setting by itself: its value in text checked against its row.
 *
 * Base's own: settings.c keeps what was set, options.c holds the rows and prints them,
 * option.c is what both need to know about a single row. Others include settings.h.
 */
#ifndef ISO_BASE_OPTION_H
#define ISO_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"

/* The key of the row that stands for all settings passed through to librdkafka. */
#define ISO_OPTION_KAFKA "kafka."
#define ISO_OPTION_KAFKA_ALL "kafka.*"

/* True for sections that stand many times, each with a name. */
bool iso_option_section_named(const char *section);

/* The row, or NULL. A key that begins with "kafka." finds the cluster's row for all. */
const struct iso_option *iso_option_find(const char *section, const char *key);

/* Why librdkafka's setting `name` may not be set, with what to do instead; NULL when it
 * may be. */
const char *iso_option_kafka_denied(const char *name);

/* Checks `value` by type, bounds and choices. `number` gets it in bytes, milliseconds,
 * or 0 and 1; 0 for text and choices. The sentence has no place and name yet. */
enum iso_err iso_option_check(const struct iso_option *option, const char *value,
                              int64_t *number, struct iso_why *why);

/* Writes `number` as an operator would: "64MiB", "7d", "12". */
void iso_option_number_text(enum iso_option_type type, int64_t number, char *text,
                            size_t size);

/* Keeps the candidate that is nearest to `word` by edit distance. Begin with {.word =
 * …}; `best` stays NULL when none is near enough to be what was meant. */
struct iso_nearest {
    const char *word;
    const char *best;
    size_t distance;
};
void iso_nearest_try(struct iso_nearest *nearest, const char *candidate);

#endif
