/* Text, times, counts and states as HTML.
 *
 * Everything that was not written here goes through iso_page_add's %s, so there is one
 * place that makes it harmless, and no second way. Names may be anybody's: what a
 * daemon reports as its reason, and all of a dead letter. Nothing here can fail.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/utf8.h"
#include "monitor/page.h"

/* ---- what is written by others ---- */

/* Controls, and what turns the direction of writing: U+200E, U+200F, U+202A to U+202E,
 * U+2066 to U+2069. A line's end and a tab are white space like any other. */
static bool is_control(const unsigned char *at, size_t size)
{
    if (size == 1)
        return (at[0] < 0x20 && at[0] != '\n' && at[0] != '\t') || at[0] == 0x7f;
    if (size == 2)
        return at[0] == 0xc2 && at[1] < 0xa0;
    if (size != 3 || at[0] != 0xe2)
        return false;
    return (at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f)) ||
           (at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
           (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

static const char *entity(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static void add_text(struct iso_buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    while (at < end) {
        size_t size = iso_utf8_character(at, (size_t)(end - at));
        const char *instead = entity(*at);
        if (size == 0 || is_control(at, size)) {
            instead = "\xef\xbf\xbd"; /* U+FFFD */
            size = size == 0 ? 1 : size;
        }
        if (instead != NULL)
            iso_buf_add(out, instead, strlen(instead));
        else
            iso_buf_add(out, at, size);
        at += size;
    }
}

/* ---- the template ---- */

/* Writes one number, of the conversion that ends at `kind`; `longs`: how many l. */
static void add_number(struct iso_buf *out, char kind, unsigned longs, va_list *values)
{
    if (kind == 'd' && longs == 0)
        iso_buf_print(out, "%d", va_arg(*values, int));
    else if (kind == 'd' && longs == 1)
        iso_buf_print(out, "%ld", va_arg(*values, long));
    else if (kind == 'd')
        iso_buf_print(out, "%lld", va_arg(*values, long long));
    else if (longs == 0)
        iso_buf_print(out, "%u", va_arg(*values, unsigned));
    else if (longs == 1)
        iso_buf_print(out, "%lu", va_arg(*values, unsigned long));
    else
        iso_buf_print(out, "%llu", va_arg(*values, unsigned long long));
}

/* One conversion, whose text begins behind the percent sign; says where it ends. */
static const char *add_conversion(struct iso_buf *out, const char *at, va_list *values)
{
    unsigned longs = 0;
    while (at[longs] == 'l')
        longs++;
    switch (at[longs]) {
    case 's':
        add_text(out, va_arg(*values, const char *));
        return at + 1;
    case 'd':
    case 'u':
        add_number(out, at[longs], longs, values);
        return at + longs + 1;
    case 'z': /* %zu */
        iso_buf_print(out, "%zu", va_arg(*values, size_t));
        return at + 2;
    case '.': /* %.1f */
        iso_buf_print(out, "%.1f", va_arg(*values, double));
        return at + 3;
    default:
        iso_assert(at[0] == '%');
        iso_buf_add(out, "%", 1);
        return at + 1;
    }
}

void iso_page_add(struct iso_buf *out, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    const char *percent;
    while ((percent = strchr(format, '%')) != NULL) {
        iso_buf_add(out, format, (size_t)(percent - format));
        format = add_conversion(out, percent + 1, &values);
    }
    iso_buf_add(out, format, strlen(format));
    va_end(values);
}

/* ---- numbers ---- */

const char *iso_page_duration_text(int64_t ms, char text[ISO_PAGE_TEXT_MAX])
{
    static const struct unit {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    if (ms == ISO_UNKNOWN_MS) {
        snprintf(text, ISO_PAGE_TEXT_MAX, "unknown");
        return text;
    }
    if (ms == 0) {
        snprintf(text, ISO_PAGE_TEXT_MAX, "0 s");
        return text;
    }
    size_t n = 0;
    while (n < 3 && ms < units[n].ms)
        n++;
    if (ms < 1000)
        snprintf(text, ISO_PAGE_TEXT_MAX, "%" PRId64 " ms", ms);
    else if (n == 3 && ms < 10000 && ms % 1000 >= 100)
        snprintf(text, ISO_PAGE_TEXT_MAX, "%.1f s", (double)ms / 1000.0);
    else if (n == 3 || ms % units[n].ms / units[n + 1].ms == 0)
        snprintf(text, ISO_PAGE_TEXT_MAX, "%" PRId64 " %s", ms / units[n].ms,
                 units[n].name);
    else
        snprintf(text, ISO_PAGE_TEXT_MAX, "%" PRId64 " %s %" PRId64 " %s",
                 ms / units[n].ms, units[n].name, ms % units[n].ms / units[n + 1].ms,
                 units[n + 1].name);
    return text;
}

const char *iso_page_count_text(uint64_t count, char text[ISO_PAGE_TEXT_MAX])
{
    if (count == ISO_UNKNOWN_COUNT) {
        snprintf(text, ISO_PAGE_TEXT_MAX, "unknown");
        return text;
    }
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

/* Parts of a moment; false: it is none that a calendar has. */
static bool moment(int64_t ms, struct tm *parts)
{
    time_t seconds = (time_t)(ms / 1000);
    return ms >= 0 && ms < INT64_C(253402300800000) &&
           gmtime_r(&seconds, parts) != NULL;
}

const char *iso_page_time_text(int64_t ms, char text[ISO_PAGE_TEXT_MAX])
{
    struct tm parts;
    if (!moment(ms, &parts) ||
        strftime(text, ISO_PAGE_TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        snprintf(text, ISO_PAGE_TEXT_MAX, "unknown");
    return text;
}

void iso_page_duration(struct iso_buf *out, int64_t ms)
{
    char text[ISO_PAGE_TEXT_MAX];
    iso_page_add(out, ms == ISO_UNKNOWN_MS ? "<span class=\"none\">%s</span>" : "%s",
                 iso_page_duration_text(ms, text));
}

void iso_page_count(struct iso_buf *out, uint64_t count)
{
    char text[ISO_PAGE_TEXT_MAX];
    iso_page_add(out,
                 count == ISO_UNKNOWN_COUNT ? "<span class=\"none\">%s</span>" : "%s",
                 iso_page_count_text(count, text));
}

void iso_page_time(struct iso_buf *out, int64_t ms)
{
    char text[ISO_PAGE_TEXT_MAX], machine[ISO_PAGE_TEXT_MAX];
    struct tm parts;
    if (!moment(ms, &parts)) {
        iso_page_add(out, "<span class=\"none\">unknown</span>");
        return;
    }
    strftime(machine, sizeof machine, "%Y-%m-%dT%H:%M:%SZ", &parts);
    iso_page_add(out, "<time datetime=\"%s\">%s</time>", machine,
                 iso_page_time_text(ms, text));
}

void iso_page_age(const struct iso_page *page, int64_t then_ms)
{
    char text[ISO_PAGE_TEXT_MAX], moment_text[ISO_PAGE_TEXT_MAX];
    int64_t age_ms;
    if (then_ms == ISO_UNKNOWN_MS || page->at_ms == ISO_UNKNOWN_MS ||
        __builtin_sub_overflow(page->at_ms, then_ms, &age_ms)) {
        iso_page_add(page->out, "<span class=\"none\">unknown</span>");
        return;
    }
    age_ms = age_ms > 0 ? age_ms : 0;
    iso_page_add(page->out, "<span title=\"%s\">%s ago</span>",
                 iso_page_time_text(then_ms, moment_text),
                 iso_page_duration_text(age_ms, text));
}

static void add_parameter(struct iso_buf *out, const char *name, const char *value)
{
    iso_page_add(out, "%s=", name);
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || *at == '-' || *at == '_' ||
                     *at == '.';
        iso_buf_print(out, plain ? "%c" : "%%%02X", *at);
    }
}

void iso_page_query(struct iso_buf *out, const char *collection, const char *source,
                    const char *target)
{
    iso_page_add(out, "?");
    add_parameter(out, "collection", collection);
    if (source == NULL || target == NULL)
        return;
    iso_page_add(out, "&amp;");
    add_parameter(out, "source", source);
    iso_page_add(out, "&amp;");
    add_parameter(out, "target", target);
}

/* ---- tables ---- */

void iso_page_table(struct iso_buf *out, const char *name, const char *heads)
{
    iso_page_add(
        out,
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\">"
        "<table aria-label=\"%s\"><thead><tr>",
        name, name);
    while (*heads != '\0') {
        size_t size = strcspn(heads, "|");
        bool number = *heads == '#';
        iso_page_add(out,
                     number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
        iso_buf_add(out, heads + number, size - number);
        iso_page_add(out, "</th>");
        heads += size + (heads[size] == '|');
    }
    iso_page_add(out, "</tr></thead><tbody>");
}

void iso_page_table_end(struct iso_buf *out)
{
    iso_page_add(out, "</tbody></table></div>");
}
