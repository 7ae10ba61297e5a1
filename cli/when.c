/* A moment is taken apart field by field, from left to right; what is left out is 0. */
#include "cli/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/settings.h"

void iso_cli_when_text(int64_t ms, struct iso_buf *text)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (ms < 0 || gmtime_r(&seconds, &parts) == NULL) {
        iso_buf_print(text, "%lldms", (long long)ms);
        return;
    }
    iso_buf_print(text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                  parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                  parts.tm_sec, (int)(ms % 1000));
}

/* `digits` digits in low..high behind `mark`; false: something else stands there. */
static bool number_take(const char **at, const char *mark, int digits, int low,
                        int high, int *number)
{
    if (*mark != '\0' && (**at == '\0' || strchr(mark, **at) == NULL))
        return false;
    const char *from = *at + (*mark != '\0');
    *number = 0;
    for (int i = 0; i < digits; i++) {
        if (from[i] < '0' || from[i] > '9')
            return false;
        *number = *number * 10 + (from[i] - '0');
    }
    *at = from + digits;
    return *number >= low && *number <= high;
}

static bool fraction_take(const char **at, int *ms)
{
    int scale = 100;
    if (**at != '.')
        return true;
    for (++*at; **at >= '0' && **at <= '9'; ++*at, scale /= 10)
        *ms += (**at - '0') * scale;
    return true;
}

static bool moment_take(const char *at, int64_t *ms)
{
    struct tm parts = {.tm_mday = 1};
    int milliseconds = 0;
    if (!number_take(&at, "", 4, 1970, 9999, &parts.tm_year) ||
        !number_take(&at, "-", 2, 1, 12, &parts.tm_mon) ||
        !number_take(&at, "-", 2, 1, 31, &parts.tm_mday))
        return false;
    int day = parts.tm_mday;
    if (*at != '\0' && *at != 'Z' &&
        (!number_take(&at, "T ", 2, 0, 23, &parts.tm_hour) ||
         !number_take(&at, ":", 2, 0, 59, &parts.tm_min)))
        return false;
    if (*at == ':' && (!number_take(&at, ":", 2, 0, 60, &parts.tm_sec) ||
                       !fraction_take(&at, &milliseconds)))
        return false;
    if (*at == 'Z')
        at++;
    parts.tm_year -= 1900;
    parts.tm_mon--;
    *ms = (int64_t)timegm(&parts) * 1000 + milliseconds;
    return *at == '\0' && parts.tm_mday == day; /* timegm moves on a 30 February */
}

enum iso_err iso_cli_when_parse(const char *text, int64_t now_ms, int64_t *ms,
                                struct iso_why *why)
{
    int64_t ago;
    struct iso_why unheard;
    if (moment_take(text, ms))
        return ISO_OK;
    if (iso_duration_parse(text, &ago, &unheard) != ISO_OK)
        return iso_fail(why, ISO_USAGE,
                        "'%.60s' is no moment: write 2026-01-15, 2026-01-15T12:00:00Z, "
                        "or how long ago, as 2h",
                        text);
    *ms = ago < now_ms ? now_ms - ago : 0;
    return ISO_OK;
}
