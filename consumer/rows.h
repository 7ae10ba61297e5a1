/* rows.h - where things stand in a store: the keys of every space, in one place.
 *
 *   META    "store"                 → struct iso_rows_store, see rows.c
 *           "collection/NAME"       → u16 the store's number, 16 bytes id, u64 check
 *           "definition/NAME/" u32  → bytes of the definition
 *           "slice/" u16 u16        → iso_slice_encode
 *           "diverged/" u16 u16     → why the slice stays stopped
 *           "mark/" u16 u16 u16 log u64 block
 *                                   → a mark, see apply_marks.c
 *   ENTRY   u16 collection, u16 partition, key            → row of the resolver
 *   ASIDE   u16 collection, u16 partition, key, u64 number → a large value of the
 *                                                         entry's (schema/aside.h)
 *   FILTER  u16 collection, u16 partition, u16 log, u64 node
 *   BUCKET  u16 collection, u16 partition, u32 bucket
 *   MORTAL  u16 collection, u16 partition, u32 bucket, key → i64 due, see sweep.h
 *   LEDGER  u16 collection, u16 partition, iso_loser_key  → iso_loser_encode
 *   OUTBOX  u16 collection, u16 partition, u16 log, u64 offset
 *                                                         → iso_dead_letter_encode
 *
 * All numbers big-endian, so the rows of a slice stand together, in order of key.
 */
#ifndef ISO_CONSUMER_ROWS_H
#define ISO_CONSUMER_ROWS_H

#include "schema/definition.h"
#include "schema/report.h"
#include "schema/version.h"
#include "store/store.h"

/* Whose store this is; written once, when it is made. */
struct iso_rows_store {
    char region[ISO_REGION_NAME_MAX + 1];
    uint8_t region_number;
    uint16_t shard, shards;
};

struct iso_rows_collection {
    uint16_t number; /* the store's own, 1 … */
    uint8_t id[16];  /* of its first definition */
};

/* Each clears `key` and writes one key. */
void iso_rows_key_store(struct iso_buf *key);
void iso_rows_key_collection(struct iso_buf *key, const char *name);
void iso_rows_key_definition(struct iso_buf *key, const char *name, uint32_t number);
void iso_rows_key_slice(struct iso_buf *key, uint16_t collection, uint32_t partition);
void iso_rows_key_diverged(struct iso_buf *key, uint16_t collection,
                           uint32_t partition);
void iso_rows_key_mark(struct iso_buf *key, uint16_t collection, uint32_t partition,
                       uint16_t log, int64_t block);
/* The prefix of all definitions of a collection; the number follows. */
void iso_rows_prefix_definition(struct iso_buf *key, const char *name);
/* The prefix of a slice's rows in ENTRY, ASIDE, FILTER, BUCKET, MORTAL, LEDGER,
 * OUTBOX. */
void iso_rows_prefix(struct iso_buf *key, uint16_t collection, uint32_t partition);
void iso_rows_key_entry(struct iso_buf *key, uint16_t collection, uint32_t partition,
                        struct iso_bytes entry_key);
void iso_rows_key_aside(struct iso_buf *key, uint16_t collection, uint32_t partition,
                        struct iso_bytes entry_key, uint64_t number);
void iso_rows_key_filter(struct iso_buf *key, uint16_t collection, uint32_t partition,
                         uint16_t log, uint64_t node);
void iso_rows_key_bucket(struct iso_buf *key, uint16_t collection, uint32_t partition,
                         uint32_t bucket);
/* Without the key: the prefix of a bucket's rows, which is iso_rows_key_bucket's. */
void iso_rows_key_mortal(struct iso_buf *key, uint16_t collection, uint32_t partition,
                         uint32_t bucket, struct iso_bytes entry_key);
enum { ISO_ROWS_MORTAL_PREFIX = 8 };
void iso_rows_key_outbox(struct iso_buf *key, uint16_t collection, uint32_t partition,
                         uint16_t log, int64_t offset);

/* Bytes before the key in ENTRY, before the loser in LEDGER. */
enum { ISO_ROWS_PREFIX = 4 };

/* Values are cleared, then written. Decoding: ISO_DAMAGED, when the check fails;
 * ISO_STORE_MISMATCH, for a store of a later format. */
void iso_rows_encode_store(const struct iso_rows_store *store, struct iso_buf *value);
enum iso_err iso_rows_decode_store(struct iso_bytes value, struct iso_rows_store *store,
                                   struct iso_why *why);
void iso_rows_encode_collection(const struct iso_rows_collection *row,
                                struct iso_buf *value);
void iso_rows_encode_diverged(const struct iso_diverged *diverged,
                              struct iso_buf *value);
enum iso_err iso_rows_decode_diverged(struct iso_bytes value,
                                      struct iso_diverged *diverged,
                                      struct iso_why *why);
enum iso_err iso_rows_decode_collection(struct iso_bytes value,
                                        struct iso_rows_collection *row,
                                        struct iso_why *why);

#endif
