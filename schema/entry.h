/* entry.h - what a store keeps for a key of an `lww` collection, and its canonical
 * bytes.
 *
 * Stored row, big-endian, at most 64 bytes beside key and value (names aside):
 *
 *   0  u8   format: 1
 *   1  u8   kind: 0 value, 1 tombstone, 2 value with expiry; +8 when names are
 * remembered 2  u16  log      where the write stood; with its offset, its position 4
 * u32  losers   ledger rows of this key: so that a write of a key without any need not
 *                    ask the ledger
 *   8  u64  hlc
 *  16  u64  node
 *  24  u64  offset
 *  32  u64  check    of everything else in the row, and of the key: XXH3-64 of 40 …
 * value, seeded by that of 0..31, seeded by low ^ high of the canonical hash 40  i64
 * expiry   kind 2 only …   u32 n, n × 16 bytes: remembered names, ascending; only with
 * the +8 …        value
 *
 * Canonical bytes (hashed; the same for every store): 01, u16 key length, key, version,
 * kind, then u32 length and value (0), nothing (1), or expiry and the value's XXH3-128
 * (2). Position, losers and names are in no digest: names can be left from a write that
 * has come and gone, by another way in another region.
 */
#ifndef ISO_SCHEMA_ENTRY_H
#define ISO_SCHEMA_ENTRY_H

#include "schema/digest.h"
#include "schema/write.h"

enum iso_entry_kind { ISO_VALUE, ISO_TOMBSTONE, ISO_EXPIRING };

struct iso_entry {
    enum iso_entry_kind kind;
    struct iso_version version;
    uint16_t log;
    int64_t offset;
    uint32_t losers;
    int64_t expiry_ms;      /* kind ISO_EXPIRING */
    struct iso_names names; /* borrowed */
    struct iso_bytes value; /* borrowed; empty for a tombstone */
};

/* Decodes and checks a stored row; says the XXH3-128 of its canonical bytes.
 * ISO_DAMAGED when the check fails: what was read is then not to be used. `scratch` is
 * reused. */
enum iso_err iso_entry_decode(struct iso_bytes row, struct iso_bytes key,
                              struct iso_buf *scratch, struct iso_entry *entry,
                              struct iso_digest *canonical, struct iso_why *why);

/* Writes the stored row into `row` (cleared first); says the digest as above. `entry`
 * may not borrow from `row`. */
void iso_entry_encode(const struct iso_entry *entry, struct iso_bytes key,
                      struct iso_buf *scratch, struct iso_buf *row,
                      struct iso_digest *canonical);

/* Something of the entry may be forgotten at an H above this; ISO_NEVER_MS: nothing
 * ever, and only then. Rows of the ledger may be marks, which go at any H. */
#define ISO_NEVER_MS INT64_MAX
int64_t iso_entry_due_ms(const struct iso_entry *entry);

/* A value with an expiry goes when both are below H. */
static inline int64_t iso_expiry_due_ms(struct iso_version version, int64_t expiry_ms)
{
    int64_t written_ms = iso_hlc_ms(version.hlc);
    int64_t due_ms = expiry_ms > written_ms ? expiry_ms : written_ms;
    return due_ms < ISO_NEVER_MS ? due_ms : ISO_NEVER_MS - 1;
}

/* Appends the canonical bytes. */
void iso_entry_canonical(const struct iso_entry *entry, struct iso_bytes key,
                         struct iso_buf *out);

#endif
