/* A number is digits and a unit from a table; every multiplication is checked, so a
 * value that does not fit is named and never wraps. */
#include "base/option.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first, since that is how numbers are written back. */
static const struct unit size_units[] = {
    {"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20},
    {"KiB", 1 << 10},          {"B", 1},         {NULL, 0},
};

static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};

/* Reads decimal digits; returns where they end, NULL when there are none or too many.
 */
static const char *digits_parse(const char *text, int64_t *number)
{
    int64_t sum = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, *at - '0', &sum))
            return NULL;
    *number = sum;
    return at == text ? NULL : at;
}

/* Digits and one of `units`; false when it is not that. Without a unit it is `bare`
 * ones, or when that is 0 only "0" can stand without. */
static bool unit_parse(const char *text, const struct unit *units, int64_t bare,
                       int64_t *number)
{
    int64_t count;
    const char *rest = digits_parse(text, &count);
    if (rest == NULL)
        return false;
    int64_t factor = *rest == '\0' && count == 0 ? 1 : 0;
    if (*rest == '\0' && bare != 0)
        factor = bare;
    for (const struct unit *unit = units; unit->name != NULL; unit++)
        if (strcmp(rest, unit->name) == 0)
            factor = unit->factor;
    return factor != 0 && !__builtin_mul_overflow(count, factor, number);
}

enum iso_err iso_size_parse(const char *text, int64_t *bytes, struct iso_why *why)
{
    if (unit_parse(text, size_units, 1, bytes))
        return ISO_OK;
    return iso_fail(why, ISO_SETTING,
                    "\"%.80s\" is not a size: write digits, then KiB, MiB, GiB, TiB or "
                    "nothing for bytes, as in 64MiB",
                    text);
}

enum iso_err iso_duration_parse(const char *text, int64_t *ms, struct iso_why *why)
{
    if (unit_parse(text, duration_units, 0, ms))
        return ISO_OK;
    return iso_fail(why, ISO_SETTING,
                    "\"%.80s\" is not a duration: write digits, then ms, s, m, h or d, "
                    "as in 250ms",
                    text);
}

static enum iso_err number_parse(const char *text, int64_t *number, struct iso_why *why)
{
    const char *rest = digits_parse(text, number);
    if (rest != NULL && *rest == '\0')
        return ISO_OK;
    return iso_fail(why, ISO_SETTING, "\"%.80s\" is not a number: write digits only",
                    text);
}

static enum iso_err flag_parse(const char *text, int64_t *number, struct iso_why *why)
{
    *number = strcmp(text, "true") == 0;
    if (*number == 1 || strcmp(text, "false") == 0)
        return ISO_OK;
    return iso_fail(why, ISO_SETTING, "\"%.80s\" is neither true nor false", text);
}

static enum iso_err choice_check(const char *choices, const char *value,
                                 struct iso_why *why)
{
    size_t size = strlen(value);
    for (const char *at = choices; size > 0 && at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == size && memcmp(at, value, size) == 0)
            return ISO_OK;
    }
    return iso_fail(why, ISO_SETTING, "\"%.80s\" is not one of %s", value, choices);
}

static enum iso_err value_check(const struct iso_option *option, const char *value,
                                int64_t *number, struct iso_why *why)
{
    switch (option->type) {
    case ISO_OPTION_NUMBER:
        return number_parse(value, number, why);
    case ISO_OPTION_FLAG:
        return flag_parse(value, number, why);
    case ISO_OPTION_SIZE:
        return iso_size_parse(value, number, why);
    case ISO_OPTION_DURATION:
        return iso_duration_parse(value, number, why);
    case ISO_OPTION_CHOICE:
        return choice_check(option->choices, value, why);
    case ISO_OPTION_TEXT:
        break;
    }
    /* What may be empty says so by its default, or is librdkafka's to judge. */
    bool may_be_empty =
        option->fallback != NULL || strcmp(option->key, ISO_OPTION_KAFKA_ALL) == 0;
    if (*value == '\0' && !may_be_empty)
        return iso_fail(why, ISO_SETTING,
                        "it has no value: give it one or leave it out");
    return ISO_OK;
}

static bool option_is_bounded(const struct iso_option *option)
{
    return option->type == ISO_OPTION_NUMBER || option->type == ISO_OPTION_SIZE ||
           option->type == ISO_OPTION_DURATION;
}

enum iso_err iso_option_check(const struct iso_option *option, const char *value,
                              int64_t *number, struct iso_why *why)
{
    *number = 0;
    enum iso_err err = value_check(option, value, number, why);
    if (err != ISO_OK && option->secret)
        return iso_fail(why, err, "its value, which is secret, is not a valid one");
    if (err != ISO_OK || !option_is_bounded(option))
        return err;
    bool low = *number < option->min;
    if (!low && *number <= option->max)
        return ISO_OK;
    char bound[32];
    iso_option_number_text(option->type, low ? option->min : option->max, bound,
                           sizeof bound);
    return iso_fail(why, ISO_SETTING, "%.80s is too %s: write %s or %s",
                    option->secret ? "its value" : value, low ? "small" : "large",
                    bound, low ? "more" : "less");
}

void iso_option_number_text(enum iso_option_type type, int64_t number, char *text,
                            size_t size)
{
    const struct unit *unit = NULL;
    if (type == ISO_OPTION_SIZE)
        unit = size_units;
    else if (type == ISO_OPTION_DURATION)
        unit = duration_units;
    if (unit == NULL || number == 0) {
        snprintf(text, size, "%" PRId64, number);
        return;
    }
    while (number % unit->factor != 0)
        unit++;
    snprintf(text, size, "%" PRId64 "%s", number / unit->factor, unit->name);
}

bool iso_option_section_named(const char *section)
{
    return strcmp(section, "cluster") == 0 || strcmp(section, "region") == 0 ||
           strcmp(section, "plugin") == 0;
}

const struct iso_option *iso_option_find(const char *section, const char *key)
{
    if (strncmp(key, ISO_OPTION_KAFKA, strlen(ISO_OPTION_KAFKA)) == 0)
        key = ISO_OPTION_KAFKA_ALL;
    for (const struct iso_option *at = iso_options; at->section != NULL; at++)
        if (strcmp(at->section, section) == 0 && strcmp(at->key, key) == 0)
            return at;
    return NULL;
}

#define NEAREST_MAX 64

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits that turn `a` into `b`: insert, delete, replace, swap two neighbours (optimal
 * string alignment). Three rows of the usual table are enough. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][NEAREST_MAX + 1];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    size_t i = 1;
    for (; a[i - 1] != '\0'; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *second = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1,
                           above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], second[j - 2] + 1);
        }
    }
    return rows[(i - 1) % 3][width];
}

void iso_nearest_try(struct iso_nearest *nearest, const char *candidate)
{
    size_t size = strlen(nearest->word);
    if (size > NEAREST_MAX || strlen(candidate) > NEAREST_MAX)
        return;
    size_t distance = edit_distance(nearest->word, candidate);
    size_t near_enough = 1 + size / 4;
    if (distance > near_enough ||
        (nearest->best != NULL && distance >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}
