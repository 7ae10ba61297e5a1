/* replica_ground.h - a slice over a store in memory, a reader beside it, and writes by
 * nodes of their own: for the tests of reads from collections whose values merge. */
#ifndef ISO_TESTS_UNIT_REPLICA_GROUND_H
#define ISO_TESTS_UNIT_REPLICA_GROUND_H

#include "apply_ground.h"
#include "assemble_kit.h"
#include "consumer/replica.h"

static struct slice_ground ground;
static struct iso_replica *replica;
static struct iso_clock_manual now;
static struct iso_read found;
static struct iso_why why;

static inline void put_meta(void)
{
    struct iso_rows_store owner = {"eu", EU, 0, 1};
    struct iso_rows_collection row = {.number = COLLECTION};
    struct iso_buf key = {0}, bytes = {0};
    memcpy(row.id, ground.definition->id, sizeof row.id);
    ground_begin(&ground);
    iso_rows_key_store(&key);
    iso_rows_encode_store(&owner, &bytes);
    iso_txn_put(ground.txn, ISO_META, iso_buf_bytes(&key), iso_buf_bytes(&bytes));
    iso_rows_key_collection(&key, "packages");
    iso_rows_encode_collection(&row, &bytes);
    iso_txn_put(ground.txn, ISO_META, iso_buf_bytes(&key), iso_buf_bytes(&bytes));
    iso_buf_release(&key);
    iso_buf_release(&bytes);
}

/* Takes the definition over, encoded. */
static inline void replica_init(struct iso_definition *definition)
{
    ground_init(&ground, EU, definition);
    put_meta();
    ground_define(&ground);
    ground_commit(&ground);
    iso_clock_manual_init(&now, NOW_MS);
    ck_ok(iso_replica_open_on(&ground.store, 1, &now.clock, &replica, &why));
}

static inline void replica_release(void)
{
    iso_replica_close(replica);
    replica = NULL;
    iso_read_release(&found);
    ground_release(&ground);
}

/* Another definition comes into force. */
static inline void redefine(const struct iso_definition *definition, uint64_t seq,
                            int64_t after_ms)
{
    control_add(ground.control, definition);
    made_define(&ground.made, ground.next, EU, seq, after_ms, definition);
    ground_expect(&ground, ISO_APPLIED);
    ground_commit(&ground);
}

/* Begins a write by a node that has not written yet; NULL value: a DELETE. */
static inline void write_begin(unsigned region, int64_t after_ms, const char *key,
                               const char *value)
{
    static unsigned nodes = 100;
    made_write(&ground.made,
               (struct draft){ground.next, region, ++nodes, 1, after_ms, key, value});
}

static inline void write_value(struct iso_bytes value)
{
    iso_buf_clear(&ground.made.value);
    iso_buf_add_bytes(&ground.made.value, value);
}

static inline void write_end(void)
{
    made_seal(&ground.made);
    ground_expect(&ground, ISO_APPLIED);
    ground_commit(&ground);
}

static inline enum iso_err get(const char *key)
{
    return iso_replica_get(replica, "packages", iso_bytes_text(key), &found, &why);
}

static inline void reads_as(const char *schema)
{
    struct iso_buf json = kit_quoted(schema);
    ck_ok(iso_replica_read_as(replica, "packages", iso_buf_text(&json), &why));
    iso_buf_release(&json);
}

#endif
