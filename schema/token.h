/* token.h - what a client carries between requests, so that no later read of its
 * session goes back in time (DESIGN.md, section 8).
 *
 * A token holds an hlc and named numbers, and of each name the larger number counts:
 *
 *   a place      (log, partition) → next: all below that offset is in the session's
 * past a pending    (log, partition, node, seq) → hlc: a write of the session that has
 * no offset yet
 *
 * So merging takes the larger number of every name: the order of merges, and merging
 * twice, make no difference. A log is named by its collection, its number there and its
 * birth (schema/definition.h), which tells a log from one of another installation that
 * goes by the same name and number.
 *
 * A token only grows. It has room for ISO_TOKEN_ITEMS_MAX names; what would go past
 * that is ISO_TOO_LARGE and never a weaker token: begin a new session then, with the
 * token of a read or write that is to count from now on.
 *
 * It is as believed as its carrier: the CRC finds accidents, not lies. A lie makes
 * reads of its own session wait, and nothing else.
 *
 * Bytes, big-endian, in the one form that encode writes (names ascending):
 *
 *   u8 version 1, u64 hlc, u16 logs, of each log
 *       u8 length, collection, u16 number, u64 birth, u16 items, of each item
 *           u16 partition, u64 next                                 a place
 *           u16 0x8000 | partition, u64 node, u64 seq, u64 hlc      a pending
 *   u32 CRC32C of all before
 *
 * In text they are base64url without padding (RFC 4648, section 5). No bytes at all
 * are the token of a session that has just begun.
 */
#ifndef ISO_SCHEMA_TOKEN_H
#define ISO_SCHEMA_TOKEN_H

#include "schema/definition.h"

enum { ISO_TOKEN_ITEMS_MAX = 8192, ISO_TOKEN_SIZE_MAX = 1 << 20 };

struct iso_token_log {
    char collection[ISO_COLLECTION_NAME_MAX + 1];
    uint16_t number;
    uint64_t birth;
};

struct iso_token_item {
    struct iso_token_log log;
    uint32_t partition;
    uint64_t node, seq; /* of a pending; a place has 0, 0 */
    uint64_t value;     /* a place: next, an offset above 0; a pending: its hlc */
};

/* Owned, empty when zero; reused by decode and clear, freed by release. */
struct iso_token {
    uint64_t hlc;                 /* the largest that the session has read or written */
    struct iso_token_item *items; /* by name, ascending */
    size_t count, room;
};
void iso_token_release(struct iso_token *token); /* twice is fine */
void iso_token_clear(struct iso_token *token);

/* Into any token. ISO_BAD_DATA: it is none that this library made, or one that was
 * changed; it is empty then. ISO_UNSUPPORTED: a later version's. */
enum iso_err iso_token_decode(struct iso_bytes bytes, struct iso_token *token,
                              struct iso_why *why);
/* Appends. */
void iso_token_encode(const struct iso_token *token, struct iso_buf *out);

/* Adds one, or lets the larger value count. ISO_TOO_LARGE: there is no room; the token
 * stays as it was. */
enum iso_err iso_token_add(struct iso_token *token, const struct iso_token_item *item,
                           struct iso_why *why);
/* Takes the item of that name out, if it is there. */
void iso_token_remove(struct iso_token *token, const struct iso_token_item *item);

static inline void iso_token_observe(struct iso_token *token, uint64_t hlc)
{
    token->hlc = hlc > token->hlc ? hlc : token->hlc;
}

/* The maximum of both, into `token`. ISO_TOO_LARGE as add. */
enum iso_err iso_token_merge(struct iso_token *token, const struct iso_token *other,
                             struct iso_why *why);

/* The same of encoded tokens, for who carries them: `token` becomes the maximum of
 * both. After a failure, which is decode's or merge's, it is as it was. */
enum iso_err iso_token_join(struct iso_buf *token, struct iso_bytes other,
                            struct iso_why *why);

/* Appends the bytes of a token in text, after decoding it. ISO_BAD_DATA: it is no
 * base64url, has padding, or is not the text that would be written; or as decode. Text
 * is written by iso_base64_encode. */
enum iso_err iso_token_parse(struct iso_bytes text, struct iso_buf *token,
                             struct iso_why *why);

#endif
