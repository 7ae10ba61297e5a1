/* when.h - moments, as people write and read them: UTC, in the form of RFC 3339. */
#ifndef ISO_CLI_WHEN_H
#define ISO_CLI_WHEN_H

#include "base/bytes.h"
#include "base/err.h"

/* "2026-01-15T12:00:00.250Z"; appends. */
void iso_cli_when_text(int64_t ms, struct iso_buf *text);

/* "2026-01-15", "2026-01-15T12:00", with seconds, with a fraction of them, each with or
 * without Z; or a time ago: "2h". ISO_USAGE. */
enum iso_err iso_cli_when_parse(const char *text, int64_t now_ms, int64_t *ms,
                                struct iso_why *why);

#endif
