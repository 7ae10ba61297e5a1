/* apply_ground.h - what the tests of admission, apply and replica stand on: a
 * collection of three regions, records as writers make them, and a slice over a store
 * in memory.
 */
#ifndef ISO_TESTS_UNIT_APPLY_GROUND_H
#define ISO_TESTS_UNIT_APPLY_GROUND_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "consumer/apply.h"
#include "consumer/rows.h"

#define NOW_MS INT64_C(1700000000000)
#define BEFORE_MAX_MS INT64_C(100000)
#define AFTER_MAX_MS INT64_C(5000)
#define BIRTH (iso_hlc_of_ms(NOW_MS) | 3)
enum { EU = 1, US = 2, AP = 3, LOG = 7, OTHER = 8, THIRD = 9 };
enum { COLLECTION = 5, BUCKETS = 16 };

#define ck_ok(call)                                                             \
    do {                                                                        \
        enum iso_err ck_err = (call);                                           \
        ck_assert_msg(ck_err == ISO_OK, "%s: %s", #call, iso_err_name(ck_err)); \
    } while (0)
#define ck_err(call, expected)                                       \
    do {                                                             \
        enum iso_err ck_got = (call);                                \
        ck_assert_msg(ck_got == (expected), "%s: %s, not %s", #call, \
                      iso_err_name(ck_got), iso_err_name(expected)); \
    } while (0)

/* ---- definitions ---- */

static inline void def_log(struct iso_definition *definition, uint16_t number,
                           const char *topic, uint64_t writers, uint64_t birth)
{
    size_t room = (definition->log_count + 1) * sizeof definition->logs[0];
    definition->logs = iso_realloc(definition->logs, room);
    definition->logs[definition->log_count++] =
        (struct iso_definition_log){.number = number,
                                    .cluster = iso_strdup("home"),
                                    .topic = iso_strdup(topic),
                                    .writers = writers,
                                    .birth = birth};
}

/* Regions eu, us, ap; log LOG, written by eu and us (eu owns it). Not yet encoded. */
static inline struct iso_definition *def_bare(uint32_t number, uint32_t partitions)
{
    static const struct iso_definition_region regions[] = {
        {EU, "eu"}, {US, "us"}, {AP, "ap"}};
    struct iso_definition *definition = iso_alloc_zero(1, sizeof *definition);
    snprintf(definition->collection, sizeof definition->collection, "packages");
    snprintf(definition->resolver, sizeof definition->resolver, "lww");
    definition->number = number;
    memset(definition->id, (int)(0x50 + number), sizeof definition->id);
    definition->partitions = partitions;
    definition->buckets = BUCKETS;
    definition->format = ISO_FORMAT_OPAQUE;
    definition->before_max_ms = BEFORE_MAX_MS;
    definition->after_max_ms = AFTER_MAX_MS;
    definition->limits = (struct iso_definition_limits){64, 1000, 400, 4};
    definition->regions = iso_alloc(sizeof regions);
    memcpy(definition->regions, regions, sizeof regions);
    definition->region_count = 3;
    def_log(definition, LOG, "packages", 1u << (EU - 1) | 1u << (US - 1), BIRTH);
    return definition;
}

static inline struct iso_definition *def_encoded(struct iso_definition *definition)
{
    struct iso_why why = {0};
    ck_assert_msg(iso_definition_encode(definition, &why) == ISO_OK, "%s", why.text);
    return definition;
}

static inline void control_add(struct iso_control *control,
                               const struct iso_definition *definition)
{
    struct iso_buf key = {0};
    uint64_t ignored = iso_control_ignored(control);
    iso_control_claim_definition(definition, &key);
    iso_control_feed(control, iso_control_next(control), iso_buf_bytes(&key),
                     iso_buf_bytes(&definition->bytes));
    ck_assert_msg(iso_control_ignored(control) == ignored, "%s",
                  iso_control_why(control));
    iso_buf_release(&key);
}

/* ---- records ---- */

/* A record and all that it borrows; reused, freed by made_release. */
struct made {
    struct iso_write write;
    struct iso_buf key, value, header, names;
    struct iso_record record;
    bool broken; /* its header was cut: no reader learns what `write` says */
};

static inline uint64_t hlc_at(int64_t after_birth_ms, unsigned counter)
{
    return iso_hlc_of_ms(NOW_MS + after_birth_ms) | counter;
}

static inline void made_release(struct made *made)
{
    iso_buf_release(&made->key);
    iso_buf_release(&made->value);
    iso_buf_release(&made->header);
    iso_buf_release(&made->names);
    *made = (struct made){0};
}

static inline void made_text(struct iso_buf *buf, const char *text)
{
    iso_buf_clear(buf);
    iso_buf_add_bytes(buf, iso_bytes_text(text));
}

/* Writes the header anew, after `write` or another part was changed, and points the
 * record at what it borrows. */
static inline const struct iso_record *made_seal(struct made *made)
{
    iso_buf_clear(&made->header);
    iso_write_encode(&made->write, &made->header);
    made->record.key = iso_buf_bytes(&made->key);
    made->record.value = iso_buf_bytes(&made->value);
    made->record.header = iso_buf_bytes(&made->header);
    return &made->record;
}

/* A write of `region`'s node `node`, its `seq`th, `after_ms` after the birth, appended
 * then. NULL value: a delete; NULL key: a heartbeat. */
struct draft {
    int64_t offset;
    unsigned region, node;
    uint64_t seq;
    int64_t after_ms;
    const char *key, *value;
};

static inline const struct iso_record *made_write(struct made *made, struct draft draft)
{
    enum iso_operation operation = draft.value != NULL ? ISO_PUT : ISO_DELETE;
    made->write = (struct iso_write){
        .operation = draft.key != NULL ? operation : ISO_HEARTBEAT,
        .log = LOG,
        .version = {hlc_at(draft.after_ms, (unsigned)(draft.seq & 0xffff)),
                    iso_node(draft.region, draft.node)},
        .seq = draft.seq,
        .blind = true};
    made_text(&made->key, draft.key != NULL ? draft.key : "");
    made_text(&made->value, draft.value != NULL ? draft.value : "");
    made->record = (struct iso_record){.event = ISO_RECORD,
                                       .offset = draft.offset,
                                       .append_ms = NOW_MS + draft.after_ms,
                                       .append_by_broker = true,
                                       .has_key = draft.key != NULL,
                                       .has_value = draft.value && draft.key,
                                       .header_count = 1};
    return made_seal(made);
}

static inline const struct iso_record *made_define(struct made *made, int64_t offset,
                                                   unsigned region, uint64_t seq,
                                                   int64_t after_ms,
                                                   const struct iso_definition *of)
{
    made_write(made, (struct draft){offset, region, 0xdef, seq, after_ms, NULL, NULL});
    made->write.operation = ISO_DEFINE;
    if (seq == 1)
        made->write.version.hlc = BIRTH;
    iso_buf_clear(&made->value);
    iso_buf_add_bytes(&made->value, iso_buf_bytes(&of->bytes));
    made->record.has_value = true;
    return made_seal(made);
}

static inline const struct iso_record *made_plain(struct made *made, int64_t offset,
                                                  int64_t append_after_ms,
                                                  const char *key, const char *value)
{
    made_write(made, (struct draft){offset, EU, 1, 1, append_after_ms, key, value});
    made->record.header_count = 0;
    made->record.header = (struct iso_bytes){0};
    return &made->record;
}

/* ---- a slice ---- */

struct slice_ground {
    struct iso_store *store;
    struct iso_control *control;
    struct iso_definition *definition;
    struct iso_apply *apply;
    struct iso_txn *txn;
    struct made made;
    int64_t next; /* offset in LOG */
    enum iso_outcome outcome;
    struct iso_why why;
};

static inline void ground_open(struct slice_ground *ground, unsigned region)
{
    struct iso_apply_options options = {.collection = "packages",
                                        .number = COLLECTION,
                                        .partition = 0,
                                        .region = region,
                                        .control = ground->control};
    enum iso_err err =
        iso_apply_open(ground->store, &options, &ground->apply, &ground->why);
    ck_assert_msg(err == ISO_OK, "%s", ground->why.text);
}

/* Takes `definition` over, encoded. */
static inline void ground_init(struct slice_ground *ground, unsigned region,
                               struct iso_definition *definition)
{
    *ground = (struct slice_ground){.store = iso_store_memory_new(),
                                    .control = iso_control_new(),
                                    .definition = definition};
    control_add(ground->control, definition);
    ground_open(ground, region);
}

static inline void ground_release(struct slice_ground *ground)
{
    if (ground->txn != NULL)
        iso_txn_abort(ground->txn);
    iso_apply_close(ground->apply);
    iso_store_close(ground->store);
    iso_control_free(ground->control);
    iso_definition_free(ground->definition);
    made_release(&ground->made);
}

static inline void ground_begin(struct slice_ground *ground)
{
    if (ground->txn == NULL)
        ck_ok(iso_txn_begin(ground->store, &ground->txn, &ground->why));
}

static inline void ground_commit(struct slice_ground *ground)
{
    ground_begin(ground);
    iso_apply_save(ground->apply, ground->txn);
    ck_ok(iso_txn_commit(ground->txn, &ground->why));
    ground->txn = NULL;
}

static inline void ground_abort(struct slice_ground *ground)
{
    if (ground->txn != NULL)
        iso_txn_abort(ground->txn);
    ground->txn = NULL;
    ck_ok(iso_apply_load(ground->apply, &ground->why));
}

/* Applies what stands in ground->made to `log`. */
static inline enum iso_err ground_apply(struct slice_ground *ground, uint16_t log,
                                        bool control_read)
{
    ground_begin(ground);
    return iso_apply_record(
        ground->apply, ground->txn,
        &(struct iso_apply_input){log, &ground->made.record, control_read},
        &ground->outcome, &ground->why);
}

/* Applies it and expects that outcome. */
static inline void ground_expect(struct slice_ground *ground, enum iso_outcome outcome)
{
    enum iso_err err = ground_apply(ground, LOG, false);
    ck_assert_msg(err == ISO_OK, "%s", ground->why.text);
    ck_assert_msg(ground->outcome == outcome, "outcome %d, not %d: %s", ground->outcome,
                  outcome, ground->why.text);
    ground->next = ground->made.record.offset + 1;
}

/* The first DEFINE of LOG. */
static inline void ground_define(struct slice_ground *ground)
{
    made_define(&ground->made, ground->next, EU, 1, 0, ground->definition);
    ground_expect(ground, ISO_APPLIED);
}

static inline void ground_put(struct slice_ground *ground, unsigned region,
                              uint64_t seq, int64_t after_ms, const char *key,
                              const char *value)
{
    made_write(&ground->made, (struct draft){ground->next, region, 0xa0 + region, seq,
                                             after_ms, key, value});
    ground_expect(ground, ISO_APPLIED);
}

static inline const struct iso_slice_log *ground_log(const struct slice_ground *ground,
                                                     uint16_t number)
{
    const struct iso_slice *slice = iso_apply_slice(ground->apply);
    for (size_t i = 0; i < slice->log_count; i++)
        if (slice->logs[i].log == number)
            return &slice->logs[i];
    ck_abort_msg("no log %u", number);
}

#endif
