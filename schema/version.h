/* version.h - when and by whom: name and rank of a write (DESIGN.md, section 3).
 *
 * hlc: Unix milliseconds << 16 | counter. node: region number << 48 | 48 random bits.
 * Versions are ordered by hlc, then node; big-endian bytes have the same order. Region
 * numbers are 1..64; a record without our header has node (128 + log) << 48 | offset.
 */
#ifndef ISO_SCHEMA_VERSION_H
#define ISO_SCHEMA_VERSION_H

#include "base/bytes.h"
#include "base/err.h"

enum { ISO_VERSION_SIZE = 16, ISO_VERSION_DIGITS = 32 };
enum { ISO_REGION_MAX = 64, ISO_REGION_NAME_MAX = 32 };

struct iso_version {
    uint64_t hlc;
    uint64_t node;
};

static inline int64_t iso_hlc_ms(uint64_t hlc)
{
    return (int64_t)(hlc >> 16);
}
static inline uint64_t iso_hlc_of_ms(int64_t ms) /* ms ≥ 0 */
{
    return (uint64_t)ms << 16;
}
static inline uint64_t iso_node(unsigned region, uint64_t bits)
{
    return (uint64_t)region << 48 | (bits & 0xffffffffffffu);
}
/* 1..64 a region; 128 + log a record without header. */
static inline unsigned iso_node_region(uint64_t node)
{
    return (unsigned)(node >> 48);
}

int iso_version_compare(struct iso_version a, struct iso_version b); /* <0, 0, >0 */
bool iso_version_equal(struct iso_version a, struct iso_version b);
void iso_version_put(uint8_t *at, struct iso_version version); /* 16 bytes */
struct iso_version iso_version_get(const uint8_t *at);
void iso_version_text(struct iso_version version, char text[ISO_VERSION_DIGITS + 1]);
bool iso_version_parse(const char *text, struct iso_version *version);

/* A hybrid logical clock: issues the hlcs of one handle, each larger than all before,
 * and never far ahead of the machine's clock. No clock is read here: now is an
 * argument. (Kulkarni, Demirbas et al.: Logical Physical Clocks, 2014.) */
struct iso_hlc {
    uint64_t last;     /* the newest issued or observed */
    uint64_t reserved; /* nothing above is issued; UINT64_MAX: no state is kept */
};

void iso_hlc_init(struct iso_hlc *hlc);

/* A handle that keeps state: nothing ≤ `reserved`, which was read from disk, is issued
 * again; 0 at its first start. Nothing is issued before iso_hlc_reserve. */
void iso_hlc_resume(struct iso_hlc *hlc, uint64_t reserved);

/* The bound to write to disk (and sync) before more is issued, `ahead_ms` above now;
 * after it is there, iso_hlc_reserve makes it count. */
uint64_t iso_hlc_reservation(const struct iso_hlc *hlc, int64_t now_ms,
                             int64_t ahead_ms);
void iso_hlc_reserve(struct iso_hlc *hlc, uint64_t reserved);

/* last = max(last + 1, now << 16). ISO_AGAIN: `last` is ahead of the clock by more than
 * after_max − 5 s (at all, when after_max is shorter); *wait_ms says how long to wait;
 * or the reservation is used up (*wait_ms is 0). ISO_CLOCK_SKEW: by more than after_max
 * + 5 s. */
enum iso_err iso_hlc_issue(struct iso_hlc *hlc, int64_t now_ms, int64_t after_max_ms,
                           uint64_t *issued, int64_t *wait_ms, struct iso_why *why);

/* A version that was read: what is issued from now on is larger. */
void iso_hlc_observe(struct iso_hlc *hlc, uint64_t seen);

#endif
