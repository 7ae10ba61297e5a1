/* The certificate: one line that a person can paste, of stable `key=value` words. What
 * is not converged says so before anything else.
 */
#include <time.h>

#include "monitor/monitor.h"

static void digest_print(struct iso_buf *out, const char *name,
                         struct iso_digest digest)
{
    char text[ISO_DIGEST_DIGITS + 1];
    iso_digest_text(digest, text);
    iso_buf_print(out, " %s=%s", name, text);
}

static void time_print(struct iso_buf *out, const char *name, int64_t ms)
{
    time_t second = (time_t)(ms / 1000);
    struct tm parts;
    char text[64];
    if (ms < 0 || gmtime_r(&second, &parts) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        iso_buf_print(out, " %s=unknown", name);
    else
        iso_buf_print(out, " %s=%s.%03dZ", name, text, (int)(ms % 1000));
}

void iso_verdict_certificate(const char *collection, const struct iso_verdict *verdict,
                             struct iso_buf *out)
{
    bool converged = verdict->state == ISO_VERDICT_CONVERGED;
    if (!converged)
        iso_buf_print(out, "NOT CONVERGED, ");
    iso_buf_print(out, "isostasy certificate v1: collection=%s verdict=%s", collection,
                  iso_verdict_state_name(verdict->state));
    time_print(out, "cut", verdict->at_ms);
    iso_buf_print(out, " cut_of=%s", verdict->asked ? "ends" : "vectors");
    if (verdict->cut.low != 0 || verdict->cut.high != 0)
        digest_print(out, "cut_digest", verdict->cut);
    else
        iso_buf_print(out, " cut_digest=unknown");
    iso_buf_print(out, " regions=%s slices=%zu equal=%zu", verdict->names,
                  verdict->slices, verdict->equal);
    if (converged) {
        iso_buf_print(out, " values=%llu ledger_rows=%llu",
                      (unsigned long long)verdict->values,
                      (unsigned long long)verdict->ledger_rows);
        digest_print(out, "live", verdict->live);
        digest_print(out, "mortal", verdict->mortal);
        digest_print(out, "ledger", verdict->ledger);
    } else {
        iso_buf_print(out, " pending=%zu diverged=%zu", verdict->pending,
                      verdict->diverged);
    }
    iso_buf_print(out, " oldest_report_ms=%lld", (long long)verdict->oldest_ms);
}
