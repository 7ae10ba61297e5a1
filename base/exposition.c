/* Two formats that differ in little: OpenMetrics has types, units and an end that the
 * text format knows nothing of, and names a counter's family without _total.
 *
 *                      text 0.0.4               OpenMetrics 1.0
 *   counter            # TYPE x_total counter   # TYPE x counter, sample x_total
 *   states             # TYPE x gauge           # TYPE x stateset
 *   info               # TYPE x_info gauge      # TYPE x info, sample x_info
 *   unit               part of the name         # UNIT x seconds, and part of the name
 *
 * Numbers are the shortest that read back as the same. A bound (`le`) is part of a
 * series' name, so it is written as OpenMetrics wants it (1.0, 1e+06) in both: a
 * series keeps its name when the format changes.
 */
#include "base/exposition.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/err.h"
#include "base/utf8.h"

enum {
    NUMBER_MAX = 40,
    DIGITS_MAX = 17,
    /* Exponents of numbers that are written without one: from, and below. */
    FIXED_MIN = -4,
    FIXED_BOUND = 6, /* as OpenMetrics, section "Canonical Numbers", has it */
    FIXED_VALUE = 16,
};

static const char *const type_names[][2] = {
    [ISO_GAUGE] = {"gauge", "gauge"},
    [ISO_COUNTER] = {"counter", "counter"},
    [ISO_HISTOGRAM] = {"histogram", "histogram"},
    [ISO_STATES] = {"gauge", "stateset"},
    [ISO_INFO_METRIC] = {"gauge", "info"},
};

/* What the formats themselves put behind a name. */
static const char *const suffixes[] = {
    "_total", "_created", "_count", "_sum", "_bucket", "_info", "_gcount", "_gsum",
};

/* ---- numbers and text ---- */

/* The fewest digits that read back as `value`. */
static int shortest(double value)
{
    char text[NUMBER_MAX];
    for (int digits = 1; digits < DIGITS_MAX; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            return digits;
    }
    return DIGITS_MAX;
}

static void print_number(double value, int fixed, char text[NUMBER_MAX])
{
    if (isinf(value)) {
        snprintf(text, NUMBER_MAX, "%sInf", value > 0 ? "+" : "-");
        return;
    }
    int digits = shortest(value);
    snprintf(text, NUMBER_MAX, "%.*e", digits - 1, value);
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent < FIXED_MIN || exponent >= fixed)
        return;
    int behind = digits - 1 - exponent;
    snprintf(text, NUMBER_MAX, "%.*f", behind < 1 ? 1 : behind, value);
}

/* Whole numbers are written whole: they are counts and moments. */
static void add_value(struct iso_buf *buf, double value)
{
    char text[NUMBER_MAX];
    if (fabs(value) < 9007199254740992.0 && value == floor(value))
        snprintf(text, sizeof text, "%.0f", value == 0 ? 0.0 : value);
    else
        print_number(value, FIXED_VALUE, text);
    iso_buf_add(buf, text, strlen(text));
}

static void add_text(struct iso_buf *buf, const char *text)
{
    iso_buf_add(buf, text, strlen(text));
}

static void add_escaped(struct iso_buf *buf, const char *text, bool quotes)
{
    static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */
    size_t size = strlen(text);
    for (size_t i = 0; i < size;) {
        size_t length = iso_utf8_character((const uint8_t *)text + i, size - i);
        if (text[i] == '\n')
            add_text(buf, "\\n");
        else if (text[i] == '\\' || (quotes && text[i] == '"'))
            iso_buf_print(buf, "\\%c", text[i]);
        else if (length == 0)
            add_text(buf, unknown);
        else
            iso_buf_add(buf, text + i, length);
        i += length > 0 ? length : 1;
    }
}

static bool is_name(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return size > 0 && name[size] == '\0' && (name[0] < '0' || name[0] > '9');
}

/* ---- families ---- */

static const char *family_suffix(const struct iso_exposition *out)
{
    if (out->open)
        return "";
    return out->metric == ISO_COUNTER       ? "_total"
           : out->metric == ISO_INFO_METRIC ? "_info"
                                            : "";
}

static void check_name(const char *name, enum iso_metric metric, const char *unit)
{
    iso_assert(is_name(name));
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        size_t size = strlen(name);
        size_t end = strlen(suffixes[i]);
        iso_assert(size < end || strcmp(name + size - end, suffixes[i]) != 0);
    }
    if (*unit != '\0')
        iso_assert(is_name(unit) && metric != ISO_STATES && metric != ISO_INFO_METRIC);
}

void iso_exposition_family(struct iso_exposition *out, const char *name,
                           enum iso_metric metric, const char *unit, const char *help)
{
    if (unit == NULL)
        unit = "";
    check_name(name, metric, unit);
    int size = snprintf(out->name, sizeof out->name, "%s%s%s", name,
                        *unit != '\0' ? "_" : "", unit);
    iso_assert(size > 0 && (size_t)size < sizeof out->name);
    out->metric = metric;
    const char *suffix = family_suffix(out);
    iso_buf_print(&out->text, "# HELP %s%s ", out->name, suffix);
    add_escaped(&out->text, help, out->open);
    iso_buf_print(&out->text, "\n# TYPE %s%s %s\n", out->name, suffix,
                  type_names[metric][out->open]);
    if (out->open && *unit != '\0')
        iso_buf_print(&out->text, "# UNIT %s %s\n", out->name, unit);
}

/* ---- samples ---- */

/* `a="b",c="d"`: pairs up to a NULL. */
static void add_labels(struct iso_buf *text, va_list labels)
{
    const char *between = "";
    for (const char *label = va_arg(labels, const char *); label != NULL;
         label = va_arg(labels, const char *)) {
        const char *value = va_arg(labels, const char *);
        iso_assert(is_name(label) && strcmp(label, "le") != 0 && value != NULL);
        add_text(text, between);
        add_text(text, label);
        add_text(text, "=\"");
        add_escaped(text, value, true);
        add_text(text, "\"");
        between = ",";
    }
}

static const char *sample_suffix(enum iso_metric metric)
{
    return metric == ISO_COUNTER ? "_total" : metric == ISO_INFO_METRIC ? "_info" : "";
}

void iso_exposition_sample(struct iso_exposition *out, double value, ...)
{
    iso_assert(out->name[0] != '\0' && out->metric != ISO_HISTOGRAM);
    if (isnan(value) || (out->metric == ISO_COUNTER && value < 0))
        return;
    if (out->metric == ISO_STATES)
        iso_assert(value == 0 || value == 1);
    if (out->metric == ISO_INFO_METRIC)
        iso_assert(value == 1);
    va_list labels;
    va_start(labels, value);
    iso_buf_print(&out->text, "%s%s{", out->name, sample_suffix(out->metric));
    size_t begin = out->text.size;
    add_labels(&out->text, labels);
    va_end(labels);
    if (out->text.size == begin)
        out->text.size--; /* no labels, no brackets */
    else
        add_text(&out->text, "}");
    add_text(&out->text, " ");
    add_value(&out->text, value);
    add_text(&out->text, "\n");
    out->series++;
}

/* One line of a histogram; `le` is NULL for what is of all buckets. */
static void add_part(struct iso_exposition *out, const char *suffix, const char *labels,
                     const char *le, double value)
{
    struct iso_buf *text = &out->text;
    iso_buf_print(text, "%s%s", out->name, suffix);
    if (le != NULL)
        iso_buf_print(text, "{%s%sle=\"%s\"}", labels, *labels != '\0' ? "," : "", le);
    else if (*labels != '\0')
        iso_buf_print(text, "{%s}", labels);
    add_text(text, " ");
    add_value(text, value);
    add_text(text, "\n");
    out->series++;
}

void iso_exposition_histogram(struct iso_exposition *out, const double *bounds,
                              const uint64_t *counts, size_t bound_count, double sum,
                              ...)
{
    char le[NUMBER_MAX];
    uint64_t count = 0;
    struct iso_buf pairs = {0};
    va_list labels;
    iso_assert(out->name[0] != '\0' && out->metric == ISO_HISTOGRAM);
    va_start(labels, sum);
    add_labels(&pairs, labels);
    va_end(labels);
    const char *text = iso_buf_text(&pairs);
    for (size_t i = 0; i <= bound_count; i++) {
        iso_assert(i == 0 || i == bound_count || bounds[i] > bounds[i - 1]);
        print_number(i < bound_count ? bounds[i] : INFINITY, FIXED_BOUND, le);
        count += counts[i];
        add_part(out, "_bucket", text, le, (double)count);
    }
    add_part(out, "_count", text, NULL, (double)count);
    if (!isnan(sum))
        add_part(out, "_sum", text, NULL, sum);
    iso_buf_release(&pairs);
}

void iso_exposition_end(struct iso_exposition *out)
{
    if (out->open)
        add_text(&out->text, "# EOF\n");
}

/* ---- which of the two ---- */

/* The weight (q) of one range of an Accept header, at..end. */
static double weight(const char *at, const char *end)
{
    for (const char *semicolon = memchr(at, ';', (size_t)(end - at)); semicolon != NULL;
         semicolon = memchr(semicolon + 1, ';', (size_t)(end - semicolon - 1))) {
        const char *name = semicolon + 1;
        name += strspn(name, " \t");
        if (strncasecmp(name, "q=", 2) == 0)
            return strtod(name + 2, NULL);
    }
    return 1;
}

bool iso_exposition_wants_open(const char *accept)
{
    static const char open_type[] = "application/openmetrics-text";
    static const char text_type[] = "text/plain";
    double open = 0;
    double text = 0;
    if (accept == NULL)
        return false;
    for (const char *at = accept; *at != '\0';) {
        at += strspn(at, ", \t");
        const char *end = at + strcspn(at, ",");
        size_t size = strcspn(at, ",; \t");
        double q = weight(at, end);
        if (size == strlen(open_type) && strncasecmp(at, open_type, size) == 0)
            open = fmax(open, q);
        if (size == strlen(text_type) && strncasecmp(at, text_type, size) == 0)
            text = fmax(text, q);
        at = end;
    }
    return open > 0 && open >= text;
}
