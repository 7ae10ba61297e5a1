/* One lock guards the sink. A line is built in fixed memory under it, so logging works
 * when memory has run out, and leaves in one write(2), so lines of several threads do
 * not mix. A line that is too long is cut; a sink that cannot be written to loses the
 * line, since there is nobody left to tell.
 *
 * Bytes that would break a line (control characters, broken UTF-8) are written as \xHH
 * in every form: what came from outside cannot forge a line.
 *
 *   text     2026-01-31T12:00:00.000Z info  apply.batch records=12
 *   logfmt   time=2026-01-31T12:00:00.000Z level=info event=apply.batch records=12
 *   json     {"time":"2026-…Z","level":"info","event":"apply.batch","records":12}
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define PAIRS_MAX 2048
#define LINE_MAX_BYTES (6 * PAIRS_MAX + 512) /* JSON makes at most 6 bytes of one */
#define REPEAT_ROWS 64
#define REPEAT_MS 1000
#define EVENT_MAX 48

/* An event that was written within the last second, and how often it was held back. */
struct log_repeat {
    char event[EVENT_MAX];
    enum iso_level level;
    int64_t since_ms;
    uint64_t held;
};

struct log_line {
    size_t size;
    char text[LINE_MAX_BYTES];
};

static struct {
    pthread_mutex_t lock;
    int fd; /* -1: nobody listens */
    enum iso_log_form form;
    enum iso_level level;
    const struct iso_clock *clock;
    struct log_repeat repeats[REPEAT_ROWS];
    struct log_line line;
} sink = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .fd = -1,
    .clock = &iso_clock_machine,
};

static const char *const level_names[] = {
    [ISO_DEBUG] = "debug",
    [ISO_INFO] = "info",
    [ISO_WARN] = "warn",
    [ISO_ERROR] = "error",
};
#define LEVEL_COUNT (sizeof level_names / sizeof level_names[0])

static void line_add(struct log_line *line, const char *text, size_t size)
{
    if (size > sizeof line->text - line->size)
        return;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void line_add_text(struct log_line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

/* Text that may hold anything. In JSON, quotes and backslashes are escaped as well. */
static void line_add_safe(struct log_line *line, const char *text, size_t size,
                          bool json)
{
    for (size_t i = 0; i < size;) {
        const uint8_t *at = (const uint8_t *)text + i;
        size_t length = iso_utf8_character(at, size - i);
        if (length == 0 || at[0] < 0x20 || at[0] == 0x7f) {
            char coded[8];
            snprintf(coded, sizeof coded, json ? "\\\\x%02x" : "\\x%02x", at[0]);
            line_add_text(line, coded);
            i++;
            continue;
        }
        if (json && (at[0] == '"' || at[0] == '\\'))
            line_add(line, "\\", 1);
        line_add(line, text + i, length);
        i += length;
    }
}

static bool json_is_bare(const char *text, size_t size)
{
    if ((size == 4 && memcmp(text, "true", 4) == 0) ||
        (size == 5 && memcmp(text, "false", 5) == 0))
        return true;
    size_t at = size > 0 && text[0] == '-' ? 1 : 0;
    size_t digits = size - at;
    /* At most 15 digits, which every JSON reader holds exactly; no leading zero. */
    if (digits == 0 || digits > 15 || (digits > 1 && text[at] == '0'))
        return false;
    for (; at < size; at++)
        if (text[at] < '0' || text[at] > '9')
            return false;
    return true;
}

/* The end of the quoted value whose first byte is `text`: the quote before a blank or
 * the end, so that a stray quote inside does not end it. */
static const char *quoted_end(const char *text)
{
    for (; *text != '\0'; text++) {
        if (text[0] == '\\' && (text[1] == '"' || text[1] == '\\'))
            text++;
        else if (text[0] == '"' && (text[1] == ' ' || text[1] == '\0'))
            return text;
    }
    return text;
}

static void json_add_quoted(struct log_line *line, const char *text, size_t size)
{
    line_add(line, "\"", 1);
    for (size_t i = 0; i < size;) {
        if (text[i] == '\\' && i + 1 < size &&
            (text[i + 1] == '"' || text[i + 1] == '\\'))
            i++; /* the caller's own escape: line_add_safe makes it anew */
        size_t run = 1;
        while (i + run < size && text[i + run] != '\\')
            run++;
        line_add_safe(line, text + i, run, true);
        i += run;
    }
    line_add(line, "\"", 1);
}

/* One key=value at `pairs`; returns where the next begins. */
static const char *json_add_pair(struct log_line *line, const char *pairs)
{
    size_t key = strcspn(pairs, "= ");
    line_add(line, ",\"", 2);
    line_add_safe(line, pairs, key, true);
    line_add(line, "\":", 2);
    const char *value = pairs + key;
    if (*value != '=') {
        line_add_text(line, "true");
        return value;
    }
    value++;
    if (*value == '"') {
        const char *end = quoted_end(value + 1);
        json_add_quoted(line, value + 1, (size_t)(end - value - 1));
        return *end == '"' ? end + 1 : end;
    }
    size_t size = strcspn(value, " ");
    if (json_is_bare(value, size))
        line_add(line, value, size);
    else
        json_add_quoted(line, value, size);
    return value + size;
}

static void line_add_pairs(struct log_line *line, const char *pairs)
{
    if (sink.form != ISO_LOG_JSON) {
        if (*pairs != '\0')
            line_add(line, " ", 1);
        line_add_safe(line, pairs, strlen(pairs), false);
        return;
    }
    for (pairs += strspn(pairs, " "); *pairs != '\0'; pairs += strspn(pairs, " "))
        pairs = json_add_pair(line, pairs);
}

static void line_begin(struct log_line *line, enum iso_level level, const char *event)
{
    int64_t now = iso_now_ms(sink.clock);
    time_t seconds = (time_t)(now / 1000);
    struct tm when;
    gmtime_r(&seconds, &when);
    char time[40];
    size_t size = strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &when);
    snprintf(time + size, sizeof time - size, ".%03dZ", (int)(now % 1000));

    const char *name = level_names[level];
    int most = EVENT_MAX - 1;
    char head[160];
    if (sink.form == ISO_LOG_JSON)
        snprintf(head, sizeof head,
                 "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%.*s\"", time, name,
                 most, event);
    else if (sink.form == ISO_LOG_LOGFMT)
        snprintf(head, sizeof head, "time=%s level=%s event=%.*s", time, name, most,
                 event);
    else
        snprintf(head, sizeof head, "%s %-5s %.*s", time, name, most, event);
    line->size = 0;
    line_add_text(line, head);
}

static void line_end(struct log_line *line, uint64_t repeated)
{
    char tail[48];
    if (repeated > 0) {
        bool json = sink.form == ISO_LOG_JSON;
        snprintf(tail, sizeof tail, json ? ",\"repeated\":%llu" : " repeated=%llu",
                 (unsigned long long)repeated);
        line_add_text(line, tail);
    }
    line_add_text(line, sink.form == ISO_LOG_JSON ? "}\n" : "\n");
}

static void line_write(const struct log_line *line)
{
    for (size_t done = 0; done < line->size;) {
        ssize_t wrote = write(sink.fd, line->text + done, line->size - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return;
        done += (size_t)wrote;
    }
}

static void sink_write(enum iso_level level, const char *event, const char *pairs,
                       uint64_t repeated)
{
    line_begin(&sink.line, level, event);
    line_add_pairs(&sink.line, pairs);
    line_end(&sink.line, repeated);
    line_write(&sink.line);
}

/* The row of `event`, made when there is none. The one that is thrown out for it is the
 * oldest; what it had held back is told first. */
static struct log_repeat *repeat_find(const char *event, enum iso_level level)
{
    struct log_repeat *oldest = &sink.repeats[0];
    for (size_t i = 0; i < REPEAT_ROWS; i++) {
        struct log_repeat *row = &sink.repeats[i];
        if (strncmp(row->event, event, sizeof row->event - 1) == 0)
            return row;
        if (row->since_ms < oldest->since_ms)
            oldest = row;
    }
    if (oldest->held > 0)
        sink_write(oldest->level, oldest->event, "", oldest->held);
    *oldest = (struct log_repeat){.level = level, .since_ms = INT64_MIN / 2};
    snprintf(oldest->event, sizeof oldest->event, "%s", event);
    return oldest;
}

static void sink_take(enum iso_level level, const char *event, const char *pairs)
{
    int64_t now = iso_steady_ms(sink.clock);
    struct log_repeat *row = repeat_find(event, level);
    if (now - row->since_ms < REPEAT_MS) {
        row->held++;
        return;
    }
    uint64_t held = row->held;
    row->held = 0;
    row->since_ms = now;
    row->level = level;
    sink_write(level, event, pairs, held);
}

void iso_log_open(int fd, enum iso_log_form form, enum iso_level level)
{
    pthread_mutex_lock(&sink.lock);
    sink.fd = fd;
    sink.form = form;
    sink.level = level;
    for (size_t i = 0; i < REPEAT_ROWS; i++)
        sink.repeats[i] = (struct log_repeat){.since_ms = INT64_MIN / 2};
    pthread_mutex_unlock(&sink.lock);
}

void iso_log_clock_set(const struct iso_clock *clock)
{
    sink.clock = clock != NULL ? clock : &iso_clock_machine;
}

void iso_log(enum iso_level level, const char *event, const char *pairs, ...)
{
    if (sink.fd < 0 || level < sink.level)
        return;
    char text[PAIRS_MAX];
    va_list args;
    va_start(args, pairs);
    vsnprintf(text, sizeof text, pairs, args);
    va_end(args);
    pthread_mutex_lock(&sink.lock);
    sink_take(level, event, text);
    pthread_mutex_unlock(&sink.lock);
}

void iso_log_why(enum iso_level level, const char *event, const struct iso_why *why)
{
    char sentence[2 * sizeof why->text];
    size_t size = 0;
    for (const char *at = why->text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            sentence[size++] = '\\';
        sentence[size++] = *at;
    }
    sentence[size] = '\0';
    iso_log(level, event, "err=%s why=\"%s\"", iso_err_name(why->err), sentence);
}

bool iso_level_parse(const char *text, enum iso_level *level)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum iso_level)i;
            return true;
        }
    }
    return false;
}
