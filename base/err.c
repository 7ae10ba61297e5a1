/* One table makes names, words and kinds; a code that is not in it is our own mistake,
 * but is answered all the same, since it may have come from an older or newer peer's
 * report. */
#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct err_row {
    const char *name;
    const char *words;
    enum iso_kind kind;
};

static struct err_row err_row(enum iso_err err)
{
    switch (err) {
#define ISO_ERR_CASE(name, number, kind, words) \
    case ISO_##name:                            \
        return (struct err_row){"ISO_" #name, words, ISO_##kind};
        ISO_ERRORS(ISO_ERR_CASE)
#undef ISO_ERR_CASE
    }
    return (struct err_row){"ISO_NUMBER_UNKNOWN", "a failure that has no name here",
                            ISO_FATAL};
}

const char *iso_err_name(enum iso_err err)
{
    return err_row(err).name;
}

const char *iso_err_words(enum iso_err err)
{
    return err_row(err).words;
}

enum iso_kind iso_err_kind(enum iso_err err)
{
    return err_row(err).kind;
}

void iso_why_write(struct iso_why *why, enum iso_err err, const char *format, ...)
{
    if (why == NULL)
        return;
    va_list args;
    va_start(args, format);
    why->err = err;
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
}

void iso_why_place(struct iso_why *why, const char *format, ...)
{
    char was[sizeof why->text];
    if (why == NULL)
        return;
    memcpy(was, why->text, sizeof was);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    if (length > 0 && (size_t)length < sizeof why->text) {
        size_t at = (size_t)length;
        snprintf(why->text + at, sizeof why->text - at, ": %.480s", was);
    }
}

int iso_err_exit(enum iso_err err)
{
    switch ((int)err) {
    case ISO_OK:
        return EX_OK;
    case ISO_NOT_FOUND:
    case ISO_INCOMPATIBLE:
    case ISO_TIMEOUT:
        return 1;
    case ISO_USAGE:
        return EX_USAGE;
    case ISO_SETTING:
    case ISO_TOPIC_CONFIG:
        return EX_CONFIG;
    case ISO_BAD_DATA:
    case ISO_REFUSED:
    case ISO_TOO_LARGE:
    case ISO_DAMAGED:
    case ISO_PARTITION:
        return EX_DATAERR;
    case ISO_NO_DEFINITION:
    case ISO_STORE_MISMATCH:
        return EX_NOINPUT;
    case ISO_UNAVAILABLE:
    case ISO_CONTROL_WAIT:
        return EX_UNAVAILABLE;
    case ISO_IO:
    case ISO_STORE_FULL:
        return EX_IOERR;
    case ISO_DENIED:
        return EX_NOPERM;
    case ISO_MEMORY:
        return EX_OSERR;
    case ISO_AGAIN:
    case ISO_UNKNOWN:
    case ISO_STORE_BUSY:
    case ISO_STALE:
        return EX_TEMPFAIL;
    case ISO_EXISTS:
        return EX_CANTCREAT;
    default:
        return EX_SOFTWARE;
    }
}

_Noreturn void iso_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "isostasy: %s:%d: broken promise: %s\n", file, line, condition);
    abort();
}
