/* What is said of a pair: what is so and since when, the numbers that show it, and what
 * to do. A sentence is read where nothing else stands beside it (a pager, a terminal),
 * so it names both regions. Nothing here can fail; what does not fit is cut, between
 * characters.
 */
#include "monitor/judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/* ---- pieces ---- */

void iso_judge_print(struct judge_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *end = text->text + text->size;
    size_t room = text->room - text->size;
    int wanted = vsnprintf(end, room, format, args);
    va_end(args);
    iso_assert(wanted >= 0 && room > 0);
    if ((size_t)wanted < room) {
        text->size += (size_t)wanted;
        return;
    }
    /* vsnprintf put its NUL over what may be the rest of a character. */
    size_t kept = room - 1;
    while (kept > 0 && ((unsigned char)end[kept - 1] & 0xc0) == 0x80)
        kept--;
    if (kept > 0 && ((unsigned char)end[kept - 1] & 0x80) != 0)
        kept--;
    end[kept] = '\0';
    text->size += kept;
    text->room = text->size + 1; /* nothing more after a cut */
}

void iso_judge_count(struct judge_text *text, uint64_t count)
{
    char digits[24], grouped[32];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            grouped[at++] = ',';
        grouped[at++] = digits[i];
    }
    grouped[at] = '\0';
    iso_judge_print(text, "%s", grouped);
}

/* "3 h 10 min", "3 h" */
static void two_units(struct judge_text *text, int64_t ms, int64_t large,
                      const char *name)
{
    static const struct {
        int64_t ms;
        const char *name;
    } smaller[] = {{HOUR, "h"}, {MINUTE, "min"}, {SECOND, "s"}};
    size_t at = 0;
    while (smaller[at].ms >= large)
        at++;
    int64_t rest = ms % large / smaller[at].ms;
    iso_judge_print(text, "%" PRId64 " %s", ms / large, name);
    if (rest > 0)
        iso_judge_print(text, " %" PRId64 " %s", rest, smaller[at].name);
}

void iso_judge_duration(struct judge_text *text, int64_t ms)
{
    ms = ms < 0 ? 0 : ms;
    if (ms < 10 * SECOND)
        iso_judge_print(text, "%.1f s", (double)ms / SECOND);
    else if (ms < 2 * MINUTE)
        iso_judge_print(text, "%" PRId64 " s", ms / SECOND);
    else if (ms < 2 * HOUR)
        two_units(text, ms, MINUTE, "min");
    else if (ms < 2 * (int64_t)DAY)
        two_units(text, ms, HOUR, "h");
    else
        two_units(text, ms, DAY, "d");
}

static void rate(struct judge_text *text, double rate_per_s)
{
    if (rate_per_s < 10)
        iso_judge_print(text, "%.1f", rate_per_s);
    else
        iso_judge_count(text, (uint64_t)(rate_per_s + 0.5));
    iso_judge_print(text, "/s");
}

/* "12,400 records of eu wait for us, the oldest for 31 s" */
static void waits(struct judge_text *text, const struct iso_lag_row *row)
{
    if (row->records_behind == 0) {
        iso_judge_print(text, "nothing of %s waits for %s", row->source, row->target);
        return;
    }
    if (row->records_behind == ISO_UNKNOWN_COUNT) {
        iso_judge_print(text, "how much of %s waits for %s is not known", row->source,
                        row->target);
        return;
    }
    if (!row->records_exact)
        iso_judge_print(text, "up to ");
    iso_judge_count(text, row->records_behind);
    iso_judge_print(text, " record%s of %s wait%s for %s",
                    row->records_behind == 1 ? "" : "s", row->source,
                    row->records_behind == 1 ? "s" : "", row->target);
    if (row->lag_ms == ISO_UNKNOWN_MS)
        return;
    iso_judge_print(text, ", the oldest for %s", row->lag_exact ? "" : "up to ");
    iso_judge_duration(text, row->lag_ms);
}

static void rates(struct judge_text *text, const struct iso_status_pair *pair)
{
    if (pair->applied_rate < 0)
        return;
    iso_judge_print(text, "; ");
    rate(text, pair->applied_rate);
    iso_judge_print(text, " applied");
    if (pair->written_rate < 0)
        return;
    iso_judge_print(text, ", ");
    rate(text, pair->written_rate);
    iso_judge_print(text, " written");
}

static void since(struct judge_text *text, int64_t since_ms, int64_t now_ms)
{
    iso_judge_print(text, " for ");
    iso_judge_duration(text, now_ms - since_ms);
}

/* ---- states ---- */

static void ok(struct judge_text *text, const struct iso_lag_row *row)
{
    waits(text, row);
    if (row->records_behind == 0 && row->staleness_ms != ISO_UNKNOWN_MS) {
        iso_judge_print(text, "; the newest it has is ");
        iso_judge_duration(text, row->staleness_ms);
        iso_judge_print(text, " old");
    }
}

static void catching_up(struct judge_text *text, const struct iso_status_pair *pair)
{
    waits(text, &pair->row);
    rates(text, pair);
    if (pair->eta_ms == ISO_UNKNOWN_MS) {
        iso_judge_print(text, "; it gets on, how fast is known after some seconds");
        return;
    }
    iso_judge_print(text, ": done in about ");
    iso_judge_duration(text, pair->eta_ms);
}

static void lagging(struct judge_text *text, const struct iso_status_pair *pair,
                    int64_t now_ms, bool row_why)
{
    const struct iso_lag_row *row = &pair->row;
    if (row_why && row->state == ISO_LAG_LAGGING && row->why[0] != '\0') {
        iso_judge_print(text, "%s is late", row->target);
        since(text, pair->since_ms, now_ms);
        iso_judge_print(text, ": %s; ", row->why);
        waits(text, row);
        return;
    }
    waits(text, row);
    rates(text, pair);
    iso_judge_print(text, ": it has not caught up");
    since(text, pair->since_ms, now_ms);
    iso_judge_print(text,
                    "; give the daemon of %s more processor time or memory "
                    "(daemon.memory.max), or write less",
                    row->target);
}

static void stalled(struct judge_text *text, const struct iso_status_pair *pair,
                    int64_t now_ms, bool row_why)
{
    const struct iso_lag_row *row = &pair->row;
    iso_judge_print(text, "%s has applied nothing of %s%s", row->target, row->source,
                    row->moves ? " in some partition" : "");
    since(text, pair->since_ms, now_ms);
    if (row_why && row->why[0] != '\0')
        iso_judge_print(text, ": %s", row->why);
    else
        iso_judge_print(text, ", though its daemon is heard");
    if (row->records_behind != 0) {
        iso_judge_print(text, text->text[text->size - 1] == '?' ? " " : "; ");
        waits(text, row);
    }
    iso_judge_print(text, ": see its log");
}

static void stopped(struct judge_text *text, const struct iso_status_pair *pair,
                    int64_t now_ms, bool row_why)
{
    const struct iso_lag_row *row = &pair->row;
    if (strcmp(pair->rule, "stopped.committed") == 0) {
        waits(text, row);
        iso_judge_print(text, " (by committed offsets); %s",
                        row_why ? row->why : "its daemon is not heard");
        return;
    }
    bool closed = strcmp(pair->rule, "stopped.closed") == 0;
    iso_judge_print(text, "the daemon of %s was %s", row->target,
                    closed ? "stopped" : "last heard");
    if (row->report_ms != ISO_UNKNOWN_MS) {
        iso_judge_print(text, " ");
        iso_judge_duration(text, now_ms - row->report_ms);
        iso_judge_print(text, " ago");
    }
    iso_judge_print(text, "; ");
    waits(text, row);
    iso_judge_print(text, closed ? ": start isostasyd there"
                                 : ": see whether isostasyd runs there and reaches "
                                   "its cluster");
}

/* What only the row knows, and what to do about it. */
static void told(struct judge_text *text, const struct iso_status_pair *pair,
                 int64_t now_ms, bool row_why)
{
    static const struct {
        const char *what, *remedy;
    } words[ISO_LAG_STATES] = {
        [ISO_LAG_PARKED] = {"does not apply all", "a person is asked: see its log"},
        [ISO_LAG_REWOUND] = {"stands below where it stood",
                             "it goes on by itself while the logs reach back so far"},
        [ISO_LAG_LOST] = {"lost records to retention", "let the topics keep more"},
        [ISO_LAG_DIVERGED] = {"holds other data than another region at the same point",
                              "do not read there until it is mended"},
    };
    const char *what = words[pair->state].what, *remedy = words[pair->state].remedy;
    iso_judge_print(text, "%s %s", pair->row.target, what);
    since(text, pair->since_ms, now_ms);
    if (row_why && pair->row.why[0] != '\0')
        iso_judge_print(text, ": %s", pair->row.why);
    iso_judge_print(text, "; %s", remedy);
}

static void unknown(struct judge_text *text, const struct iso_status_pair *pair,
                    bool row_why)
{
    if (row_why && strcmp(pair->rule, "unknown.committed") == 0) {
        waits(text, &pair->row);
        iso_judge_print(text, " (by committed offsets); %s", pair->row.why);
        return;
    }
    iso_judge_print(text, "how %s does for %s is not known", pair->row.target,
                    pair->row.source);
    if (row_why && pair->row.why[0] != '\0')
        iso_judge_print(text, ": %s", pair->row.why);
    else
        iso_judge_print(text, " for sure yet: wait for some looks");
}

void iso_judge_sentence(struct iso_status_pair *pair, int64_t now_ms, bool row_why)
{
    struct judge_text text = {.text = pair->why, .room = sizeof pair->why};
    switch (pair->state) {
    case ISO_LAG_UNKNOWN:
        unknown(&text, pair, row_why);
        return;
    case ISO_LAG_OK:
        ok(&text, &pair->row);
        return;
    case ISO_LAG_CATCHING_UP:
        catching_up(&text, pair);
        return;
    case ISO_LAG_LAGGING:
        lagging(&text, pair, now_ms, row_why);
        return;
    case ISO_LAG_STALLED:
        stalled(&text, pair, now_ms, row_why);
        return;
    case ISO_LAG_STOPPED:
        stopped(&text, pair, now_ms, row_why);
        return;
    case ISO_LAG_PARKED:
    case ISO_LAG_REWOUND:
    case ISO_LAG_LOST:
    case ISO_LAG_DIVERGED:
        told(&text, pair, now_ms, row_why);
        return;
    }
}

/* ---- warnings ---- */

void iso_judge_clock(struct judge_text *text, const char *whose, int64_t ms,
                     const char *than)
{
    iso_judge_print(text, "the clock of %s is ", whose);
    uint64_t seconds = (ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms) / SECOND;
    iso_judge_count(text, seconds);
    iso_judge_print(text, " s %s %s", ms < 0 ? "behind" : "ahead of", than);
}

void iso_judge_retention(struct judge_text *text, const struct iso_lag_row *row)
{
    iso_judge_print(text, "retention deletes what waits of %s for %s ", row->source,
                    row->target);
    if (row->deleted_in_ms == ISO_UNKNOWN_MS || row->deleted_in_ms <= 0) {
        iso_judge_print(text, "at any moment");
    } else {
        iso_judge_print(text, "in ");
        iso_judge_duration(text, row->deleted_in_ms);
    }
    iso_judge_print(text, ": let %s catch up, or raise retention.ms of the topic",
                    row->target);
}
