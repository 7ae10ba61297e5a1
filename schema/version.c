/* A clock that only ever goes up, tied to the machine's by two fences: a soft one, at
 * which a producer waits until its clock has caught up, and a hard one, beyond which no
 * wait is sensible, because a clock (ours or that of whoever was observed) is wrong.
 * Nothing is issued in either case, so a failure leaves the clock as it was. */
#include "schema/version.h"

#include <inttypes.h>

/* Between what is issued and what admission refuses lies this much: for the way to the
 * broker, and for the broker's clock. */
enum { HLC_SPARE_MS = 5000 };

/* The last millisecond that a write may say (write.c): in the year 6429. */
#define HLC_MS_MAX ((INT64_C(1) << 47) - 1)

int iso_version_compare(struct iso_version a, struct iso_version b)
{
    if (a.hlc != b.hlc)
        return a.hlc < b.hlc ? -1 : 1;
    return (a.node > b.node) - (a.node < b.node);
}

bool iso_version_equal(struct iso_version a, struct iso_version b)
{
    return a.hlc == b.hlc && a.node == b.node;
}

void iso_version_put(uint8_t *at, struct iso_version version)
{
    iso_put_u64(at, version.hlc);
    iso_put_u64(at + 8, version.node);
}

struct iso_version iso_version_get(const uint8_t *at)
{
    return (struct iso_version){.hlc = iso_get_u64(at), .node = iso_get_u64(at + 8)};
}

void iso_version_text(struct iso_version version, char text[ISO_VERSION_DIGITS + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[ISO_VERSION_SIZE];
    iso_version_put(bytes, version);
    for (size_t i = 0; i < sizeof bytes; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[ISO_VERSION_DIGITS] = '\0';
}

bool iso_version_parse(const char *text, struct iso_version *version)
{
    uint8_t bytes[ISO_VERSION_SIZE];
    if (!iso_hex_decode(iso_bytes_text(text), bytes, sizeof bytes))
        return false;
    *version = iso_version_get(bytes);
    return true;
}

void iso_hlc_init(struct iso_hlc *hlc)
{
    *hlc = (struct iso_hlc){.last = 0, .reserved = UINT64_MAX};
}

void iso_hlc_resume(struct iso_hlc *hlc, uint64_t reserved)
{
    *hlc = (struct iso_hlc){.last = reserved, .reserved = reserved};
}

/* A clock before 1970 or after the year 6429 counts as the nearest moment that can be
 * said; the fences deal with what follows. */
static int64_t clock_ms(int64_t now_ms)
{
    if (now_ms < 0)
        return 0;
    return now_ms < HLC_MS_MAX ? now_ms : HLC_MS_MAX;
}

uint64_t iso_hlc_reservation(const struct iso_hlc *hlc, int64_t now_ms,
                             int64_t ahead_ms)
{
    iso_assert(ahead_ms > 0 && ahead_ms <= HLC_MS_MAX);
    int64_t from_ms = clock_ms(now_ms);
    if (iso_hlc_ms(hlc->last) > from_ms)
        from_ms = iso_hlc_ms(hlc->last);
    /* The whole last millisecond, and never all bits set: that says that nothing is
     * kept. */
    return iso_hlc_of_ms(clock_ms(from_ms + ahead_ms)) | 0xfffe;
}

void iso_hlc_reserve(struct iso_hlc *hlc, uint64_t reserved)
{
    iso_assert(hlc->reserved != UINT64_MAX);
    if (reserved > hlc->reserved)
        hlc->reserved = reserved;
}

enum iso_err iso_hlc_issue(struct iso_hlc *hlc, int64_t now_ms, int64_t after_max_ms,
                           uint64_t *issued, int64_t *wait_ms, struct iso_why *why)
{
    now_ms = clock_ms(now_ms);
    *wait_ms = 0;
    int64_t ahead_ms = iso_hlc_ms(hlc->last) - now_ms;
    if (ahead_ms > after_max_ms + HLC_SPARE_MS || hlc->last >= INT64_MAX)
        return iso_fail(
            why, ISO_CLOCK_SKEW,
            "versions seen or issued here are %" PRId64
            " ms ahead of this machine's clock, more than after_max (%" PRId64
            " ms) allows: set this clock, or that of the writer",
            ahead_ms, after_max_ms);
    int64_t fence_ms = after_max_ms > HLC_SPARE_MS ? after_max_ms - HLC_SPARE_MS : 0;
    if (ahead_ms > fence_ms) {
        *wait_ms = ahead_ms - fence_ms;
        return iso_fail(why, ISO_AGAIN,
                        "versions seen or issued here are %" PRId64
                        " ms ahead of this machine's clock: wait %" PRId64 " ms",
                        ahead_ms, *wait_ms);
    }
    uint64_t next = hlc->last + 1;
    if (next < iso_hlc_of_ms(now_ms))
        next = iso_hlc_of_ms(now_ms);
    if (next > hlc->reserved)
        return iso_fail(why, ISO_AGAIN,
                        "all that was reserved on disk is issued: reserve more");
    hlc->last = next;
    *issued = next;
    return ISO_OK;
}

void iso_hlc_observe(struct iso_hlc *hlc, uint64_t seen)
{
    if (seen > hlc->last)
        hlc->last = seen;
}
