/* loser.h - a row of the conflict ledger: a value that nobody who replaced it had seen.
 *
 * Key within its slice: u16 key length, key, u8 field length, field, version; value: u8
 * format 1, u8 rule, u16 log, u64 offset, u64 check, bytes that lost. All big-endian.
 * The ledger's digest is the sum over its rows of the XXH3-128 of: key, the first 12
 * bytes of the value, and the XXH3-128 (canonical form) of the bytes that lost. So two
 * regions at the same frontiers have the same. The check is the XXH3-64 of that text,
 * seed 1.
 *
 * A row whose bytes a region's bound has dropped is a stub: format 2, and in the place
 * of the bytes their XXH3-128. The text that is hashed is that of the whole row, so a
 * stub adds the same to the digest, and is found, counted and removed as before; only
 * the seed of its check is 2.
 */
#ifndef ISO_SCHEMA_LOSER_H
#define ISO_SCHEMA_LOSER_H

#include "schema/digest.h"
#include "schema/version.h"

/* ISO_LOSER_NAME is no loser: it is the mark of a write that was replaced before it
 * came, and stands here when its key remembers more names than a row should hold. It
 * has no position (log 0) and no value, adds nothing to the digest, is not counted
 * among the conflicts, is never shown, and goes when its time is below H. An entry's
 * count of ledger rows includes it. */
enum iso_loser_rule { ISO_LOSER_LWW = 1, ISO_LOSER_FIELD = 2, ISO_LOSER_NAME = 255 };

struct iso_loser { /* bytes borrowed */
    struct iso_bytes key, field;
    struct iso_version version;
    enum iso_loser_rule rule;
    uint16_t log;
    int64_t offset;
    struct iso_bytes value;
    bool dropped; /* by a bound: the value is empty, and this is what it hashed to */
    struct iso_digest hash; /* of the value; set by decode, asked for of a stub */
};

/* What a row of rule ISO_LOSER_FIELD holds as its value: the part's encoded path
 * (schema/path.h; Avro bytes, since its field may stand for it by a hash), the
 * fingerprint of its schema (8 bytes), and the datum that lost. Appends; decode says
 * false of what is none. */
void iso_loser_field_encode(struct iso_bytes path, const uint8_t *fingerprint,
                            struct iso_bytes datum, struct iso_buf *out);
bool iso_loser_field_decode(struct iso_bytes value, struct iso_bytes *path,
                            const uint8_t **fingerprint, struct iso_bytes *datum);

/* Of a stub: the encoded path of the part that it was of, as its field says it; empty,
 * when that is the hash of a long one, or the loser was a whole value. */
struct iso_bytes iso_loser_path(const struct iso_loser *loser);

/* Appends the key of a row; with the version left out, the prefix of all rows of the
 * key (field.data NULL) or of its field. */
void iso_loser_key(const struct iso_loser *loser, struct iso_buf *out);
void iso_loser_prefix(struct iso_bytes key, const struct iso_bytes *field,
                      struct iso_buf *out);

/* Appends the value of the row; says what it adds to the ledger's digest. `row_key` is
 * what iso_loser_key appended. */
void iso_loser_encode(const struct iso_loser *loser, struct iso_bytes row_key,
                      struct iso_buf *out, struct iso_digest *digest);

/* The rule that a row says it is of; its check is not asked. 0: it is none. */
unsigned iso_loser_rule(struct iso_bytes row);

/* ISO_DAMAGED when it is not what was written. */
enum iso_err iso_loser_decode(struct iso_bytes row_key, struct iso_bytes row,
                              struct iso_loser *loser, struct iso_digest *digest,
                              struct iso_why *why);

#endif
