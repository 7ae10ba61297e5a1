/* What must be true of a world at rest. Every sum that a store keeps is made anew here
 * from its rows, by code that shares nothing with apply but the encodings. */
#include "world.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "consumer/rows.h"
#include "schema/dead_letter.h"
#include "schema/entry.h"
#include "schema/loser.h"
#include "schema/part.h"
#include "schema/slice.h"

static const char *const collection_names[WORLD_COLLECTIONS] = {"things", "others"};

#define HOLDS(what, ...)                          \
    do {                                          \
        if (!(what))                              \
            look_fails(look, #what, __VA_ARGS__); \
    } while (0)

/* A slice in a store, and what its rows add up to. */
struct look {
    struct world *world;
    struct world_region *region;
    struct iso_snapshot *snapshot;
    uint16_t number;
    uint32_t partition;
    struct iso_slice slice;
    struct iso_tally tallies[WORLD_BUCKETS];
    uint64_t losers; /* rows that entries count */
    uint64_t ledger_rows, marks, stubs;
    struct iso_digest ledger;
    struct iso_digest named, asides; /* large values: what entries name, and what is */
};

static void look_fails(const struct look *look, const char *what, const char *format,
                       ...) __attribute__((format(printf, 3, 4)));
static void look_fails(const struct look *look, const char *what, const char *format,
                       ...)
{
    char text[256];
    va_list list;
    look->world->faults++;
    if (look->world->counts_faults)
        return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    ck_abort_msg("seed %llu: region %s, slice %u/%u: %s (%s)",
                 (unsigned long long)look->world->plan.seed, look->region->name,
                 look->number, look->partition, text, what);
}

static void tally_entry(struct iso_tally *tally, const struct iso_entry *entry,
                        struct iso_digest canonical)
{
    iso_digest_add(entry->kind == ISO_VALUE ? &tally->live : &tally->mortal, canonical);
    tally->values += entry->kind == ISO_VALUE;
    tally->tombstones += entry->kind == ISO_TOMBSTONE;
    tally->expiring += entry->kind == ISO_EXPIRING;
}

static bool tally_equal(const struct iso_tally *a, const struct iso_tally *b)
{
    return iso_digest_equal(a->live, b->live) &&
           iso_digest_equal(a->mortal, b->mortal) && a->values == b->values &&
           a->tombstones == b->tombstones && a->expiring == b->expiring;
}

/* The rows of the slice in a space, one by one. */
static void each_row(struct look *look, enum iso_space space,
                     void (*each)(struct look *look, struct iso_bytes key,
                                  struct iso_bytes row))
{
    struct world *world = look->world;
    struct iso_why why = {0};
    struct iso_buf prefix = {0};
    struct iso_cursor *cursor;
    struct iso_bytes key, row, none = {0};
    iso_rows_prefix(&prefix, look->number, look->partition);
    WORLD_OK(iso_cursor_open(look->snapshot, space, iso_buf_bytes(&prefix), none,
                             &cursor, &why));
    while (iso_cursor_next(cursor, &key, &row, &why) == ISO_OK)
        each(look, iso_bytes(key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX),
             row);
    iso_cursor_close(cursor);
    iso_buf_release(&prefix);
}

/* How many rows the ledger has for a key. */
static uint64_t ledger_rows_of(struct look *look, struct iso_bytes key)
{
    struct iso_why why = {0};
    struct iso_buf prefix = {0};
    struct iso_cursor *cursor;
    struct iso_bytes row_key, row, none = {0};
    uint64_t count = 0;
    struct world *world = look->world;
    iso_rows_prefix(&prefix, look->number, look->partition);
    iso_loser_prefix(key, NULL, &prefix);
    WORLD_OK(iso_cursor_open(look->snapshot, ISO_LEDGER, iso_buf_bytes(&prefix), none,
                             &cursor, &why));
    while (iso_cursor_next(cursor, &row_key, &row, &why) == ISO_OK)
        count++;
    iso_cursor_close(cursor);
    iso_buf_release(&prefix);
    return count;
}

static void look_names(const struct look *look, struct iso_names names)
{
    for (size_t i = 1; i < names.count; i++)
        HOLDS(iso_version_compare(iso_names_at(names, i - 1), iso_names_at(names, i)) <
                  0,
              "names are out of order");
}

/* A whole value. Says how many ledger rows it counts. */
static uint64_t look_whole(struct look *look, struct iso_bytes key,
                           struct iso_bytes row)
{
    struct world *world = look->world;
    struct iso_buf scratch = {0};
    struct iso_entry entry;
    struct iso_digest canonical;
    struct iso_why why = {0};
    WORLD_OK(iso_entry_decode(row, key, &scratch, &entry, &canonical, &why));
    look_names(look, entry.names);
    tally_entry(&look->tallies[iso_bucket_of(key, WORLD_BUCKETS)], &entry, canonical);
    iso_buf_release(&scratch);
    return entry.losers;
}

static void look_aside(struct look *look, struct iso_bytes key, struct iso_bytes row)
{
    world_large_stands(&look->asides, key, row);
}

static uint64_t look_parts(struct look *look, struct iso_bytes key,
                           struct iso_bytes row)
{
    struct world *world = look->world;
    struct iso_buf scratch = {0};
    struct iso_parts parts = {0};
    struct iso_tally tally;
    struct iso_why why = {0};
    WORLD_OK(iso_parts_decode(
        row, key, world->plan.fields ? ISO_PARTS_FIELDS : ISO_PARTS_SIBLINGS, &parts,
        &why));
    for (size_t i = 0; i < parts.count; i++)
        look_names(look, parts.parts[i].names);
    world_large_named(world, &look->named, key, &parts);
    iso_parts_tally(&parts, key, &scratch, &tally);
    iso_tally_add(&look->tallies[iso_bucket_of(key, WORLD_BUCKETS)], &tally);
    uint64_t losers = parts.losers;
    iso_parts_release(&parts);
    iso_buf_release(&scratch);
    return losers;
}

static void look_entry(struct look *look, struct iso_bytes key, struct iso_bytes row)
{
    uint64_t losers = look->world->plan.resolver == NULL ? look_whole(look, key, row)
                                                         : look_parts(look, key, row);
    HOLDS(losers == ledger_rows_of(look, key), "an entry counts %u rows in the ledger",
          (unsigned)losers);
    look->losers += losers;
}

static void look_loser(struct look *look, struct iso_bytes key, struct iso_bytes row)
{
    struct world *world = look->world;
    struct iso_loser loser;
    struct iso_digest digest;
    struct iso_why why = {0};
    WORLD_OK(iso_loser_decode(key, row, &loser, &digest, &why));
    if (loser.rule == ISO_LOSER_NAME) {
        look->marks++;
        return;
    }
    look->ledger_rows++;
    look->stubs += loser.dropped;
    iso_digest_add(&look->ledger, digest);
}

static void check_buckets(struct look *look)
{
    struct world *world = look->world;
    struct iso_why why = {0};
    struct iso_buf key = {0};
    struct iso_tally sum = {0};
    struct iso_vector vector = {0};
    for (uint32_t n = 0; n < WORLD_BUCKETS; n++) {
        struct iso_bucket bucket = {0};
        struct iso_bytes row;
        iso_rows_key_bucket(&key, look->number, look->partition, n);
        enum iso_err err = iso_snapshot_get(look->snapshot, ISO_BUCKET,
                                            iso_buf_bytes(&key), &row, &why);
        if (err == ISO_OK)
            WORLD_OK(iso_bucket_decode(row, &bucket, &why));
        HOLDS(tally_equal(&bucket.tally, &look->tallies[n]),
              "bucket %u is not the sum of its entries", n);
        iso_tally_add(&sum, &bucket.tally);
        for (size_t i = 0; i < bucket.vector.count; i++)
            iso_vector_move(&vector, bucket.vector.items[i].log,
                            bucket.vector.items[i].offset);
        iso_bucket_release(&bucket);
    }
    HOLDS(tally_equal(&sum, &look->slice.tally), "it is not the sum of its buckets");
    HOLDS(iso_vector_equal(&vector, &look->slice.vector),
          "its vector is not that of its buckets");
    iso_vector_release(&vector);
    iso_buf_release(&key);
}

static void look_open(struct look *look, uint16_t number)
{
    struct world *world = look->world;
    struct iso_why why = {0};
    struct iso_buf key = {0};
    struct iso_bytes row;
    look->number = number;
    iso_rows_key_slice(&key, number, look->partition);
    WORLD_OK(
        iso_snapshot_get(look->snapshot, ISO_META, iso_buf_bytes(&key), &row, &why));
    WORLD_OK(iso_slice_decode(row, &look->slice, &why));
    each_row(look, ISO_ENTRY, look_entry);
    each_row(look, ISO_LEDGER, look_loser);
    each_row(look, ISO_ASIDE, look_aside);
    HOLDS(iso_digest_equal(look->named, look->asides),
          "its large values are not those that its entries name");
    check_buckets(look);
    HOLDS(look->ledger_rows == look->slice.ledger_rows &&
              iso_digest_equal(look->ledger, look->slice.ledger),
          "it counts %llu losers of %llu", (unsigned long long)look->slice.ledger_rows,
          (unsigned long long)look->ledger_rows);
    HOLDS(look->stubs <= look->slice.dropped_rows, "it has more stubs than it dropped");
    world->counts.dropped += look->slice.dropped_rows;
    HOLDS(look->losers == look->ledger_rows + look->marks,
          "a row of the ledger has no entry");
    iso_buf_release(&key);
}

/* The number that the store gave the collection. */
static uint16_t number_of(struct look *look, int collection)
{
    struct world *world = look->world;
    struct iso_rows_collection row;
    struct iso_bytes value;
    struct iso_why why = {0};
    struct iso_buf key = {0};
    iso_rows_key_collection(&key, collection_names[collection]);
    WORLD_OK(
        iso_snapshot_get(look->snapshot, ISO_META, iso_buf_bytes(&key), &value, &why));
    WORLD_OK(iso_rows_decode_collection(value, &row, &why));
    ck_assert_int_eq(row.id[0], 7 + collection);
    iso_buf_release(&key);
    return row.number;
}

static void check_alike(struct look *look, const struct iso_slice *first)
{
    const struct iso_slice *slice = &look->slice;
    static const char other[] = "it is not that of the first region";
    HOLDS(iso_vector_equal(&first->vector, &slice->vector), "%s", other);
    HOLDS(tally_equal(&first->tally, &slice->tally), "%s", other);
    HOLDS(iso_digest_equal(first->ledger, slice->ledger) &&
              first->ledger_rows == slice->ledger_rows,
          "%llu losers are not the %llu of the first region",
          (unsigned long long)slice->ledger_rows,
          (unsigned long long)first->ledger_rows);
    HOLDS(first->effective == slice->effective && first->alarms == slice->alarms &&
              first->gaps == slice->gaps && first->log_count == slice->log_count,
          "%s", other);
    for (size_t i = 0; i < slice->log_count; i++) {
        const struct iso_slice_log *a = &first->logs[i], *b = &slice->logs[i];
        HOLDS(a->frontier == b->frontier, "log %u: %lld is not %lld", b->log,
              (long long)b->frontier, (long long)a->frontier);
        HOLDS(iso_digest_equal(a->prefix, b->prefix), "log %u: other records", b->log);
        HOLDS(a->t_ms == b->t_ms && a->bound_ms == b->bound_ms && a->top == b->top,
              "log %u: other times", b->log);
        HOLDS(a->refused == b->refused && a->duplicates == b->duplicates,
              "log %u: others refused", b->log);
    }
}

/* Heartbeats move the time of every log, however quiet: all that the floor waits for.
 * (A log that its only writer left for a later one is not heard any more.) */
static void check_time(struct look *look)
{
    const struct world *world = look->world;
    for (size_t i = 0; i < look->slice.log_count; i++) {
        int64_t age_ms = world->clock.now_ms - look->slice.logs[i].t_ms;
        HOLDS(world->plan.skewed || world->plan.later || age_ms <= 2500,
              "the time of log %u stands %lld ms back", look->slice.logs[i].log,
              (long long)age_ms);
    }
}

/* All copies of a slice. Says how many records were refused in it. */
static uint64_t check_slice(struct world *world, int collection, uint32_t partition)
{
    struct iso_slice first = {0};
    uint64_t refused = 0;
    for (int i = 0; i < WORLD_REGIONS; i++) {
        struct look look = {
            .world = world, .region = &world->regions[i], .partition = partition};
        struct iso_why why = {0};
        WORLD_OK(iso_snapshot_open(look.region->stores[partition % world_shards(world)],
                                   &look.snapshot, &why));
        look_open(&look, number_of(&look, collection));
        iso_snapshot_close(look.snapshot);
        check_time(&look);
        if (i == 0) {
            first = look.slice;
            continue;
        }
        check_alike(&look, &first);
        iso_slice_release(&look.slice);
    }
    for (size_t i = 0; i < first.log_count; i++)
        refused += first.logs[i].refused;
    iso_slice_release(&first);
    return refused;
}

/* ---- exports ---- */

void world_export(struct world_region *region, int collection, bool losers,
                  struct iso_buf *out)
{
    struct world *world = region->world;
    struct iso_why why = {0};
    struct iso_replica *replica;
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    const char *name = collection_names[collection];
    WORLD_OK(iso_replica_open_on(region->stores, world_shards(world),
                                 &world->clock.clock, &replica, &why));
    WORLD_OK(losers ? iso_replica_scan_losers(replica, name, &scan, &why)
                    : iso_replica_scan_open(replica, name, &scan, &why));
    enum iso_err err;
    while ((err = iso_replica_scan_next(scan, &item, &why)) == ISO_OK) {
        char version[ISO_VERSION_DIGITS + 1];
        iso_version_text(item.version, version);
        iso_escape(out, item.key);
        iso_buf_print(out, " %s ", version);
        iso_escape(out, item.value);
        iso_escape(out, item.path);
        iso_buf_add_u8(out, '\n');
    }
    ck_assert_int_eq(err, ISO_END);
    iso_replica_scan_close(scan);
    iso_replica_close(replica);
}

static void check_exports(struct world *world, int collection, bool losers,
                          struct iso_buf *outcome)
{
    struct iso_buf first = {0};
    world_export(&world->regions[0], collection, losers, &first);
    for (int i = 1; i < WORLD_REGIONS; i++) {
        struct iso_buf other = {0};
        world_export(&world->regions[i], collection, losers, &other);
        ck_assert_msg(iso_bytes_equal(iso_buf_bytes(&first), iso_buf_bytes(&other)),
                      "seed %llu: %s of %s differ:\n%s\n---\n%s",
                      (unsigned long long)world->plan.seed,
                      losers ? "losers" : "entries", world->regions[i].name,
                      iso_buf_text(&first), iso_buf_text(&other));
        iso_buf_release(&other);
    }
    iso_buf_add_bytes(outcome, iso_buf_bytes(&first));
    iso_buf_release(&first);
}

/* ---- dead letters ---- */

struct letters {
    struct iso_buf ids; /* " TOPIC/PARTITION/OFFSET " each, once */
    uint64_t count;
};

static bool letters_have(struct letters *letters, const char *id)
{
    struct iso_buf wanted = {0};
    iso_buf_print(&wanted, " %s ", id);
    bool have = letters->ids.size > 0 &&
                strstr(iso_buf_text(&letters->ids), iso_buf_text(&wanted)) != NULL;
    iso_buf_release(&wanted);
    return have;
}

static enum iso_err letters_each(void *user, const struct iso_record *record,
                                 struct iso_why *why)
{
    struct letters *letters = user;
    char id[ISO_TOPIC_NAME_MAX + 64];
    (void)why;
    snprintf(id, sizeof id, "%.*s", (int)record->key.size,
             (const char *)record->key.data);
    if (letters_have(letters, id))
        return ISO_OK;
    iso_buf_print(&letters->ids, " %s ", id);
    letters->count++;
    return ISO_OK;
}

static void check_letters(struct world *world, uint64_t refused)
{
    struct letters letters = {0};
    struct iso_why why = {0};
    for (int i = 0; i < WORLD_CLUSTERS; i++) {
        struct iso_walk walk = {.topic = "iso.dead-letter",
                                .timeout_ms = 1000,
                                .each = letters_each,
                                .user = &letters};
        WORLD_OK(iso_bus_read(world->admins[i], &walk, NULL, &why));
    }
    ck_assert_msg(letters.count == refused, "seed %llu: %llu letters for %llu refused",
                  (unsigned long long)world->plan.seed,
                  (unsigned long long)letters.count, (unsigned long long)refused);
    for (size_t i = 0; i < world->ack_count; i++) {
        const struct world_ack *ack = &world->acks[i];
        char id[ISO_TOPIC_NAME_MAX + 64];
        snprintf(
            id, sizeof id, "%s/%u/%lld",
            iso_definition_log(world->definitions[ack->collection], ack->log)->topic,
            ack->partition, (long long)ack->offset);
        ck_assert_msg(letters_have(&letters, id) == !ack->durable,
                      "seed %llu: %s was acknowledged as %s",
                      (unsigned long long)world->plan.seed, id,
                      ack->durable ? "durable" : "refused");
    }
    iso_buf_release(&letters.ids);
}

static void check_outbox(struct world *world)
{
    for (int i = 0; i < WORLD_REGIONS; i++) {
        for (unsigned n = 0; n < world_shards(world); n++) {
            struct iso_store_stats stats = {0};
            struct iso_why why = {0};
            WORLD_OK(iso_store_stats(world->regions[i].stores[n], &stats, &why));
            ck_assert_msg(stats.rows[ISO_OUTBOX] == 0,
                          "seed %llu: the outbox of %s holds %llu letters",
                          (unsigned long long)world->plan.seed, world->regions[i].name,
                          (unsigned long long)stats.rows[ISO_OUTBOX]);
        }
    }
}

uint64_t world_faults(struct world *world)
{
    world->counts_faults = true;
    world->faults = 0;
    for (int c = 0; c < WORLD_COLLECTIONS && world->definitions[c] != NULL; c++)
        for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
            check_slice(world, c, p);
    world->counts_faults = false;
    return world->faults;
}

void world_check(struct world *world, struct iso_buf *outcome)
{
    uint64_t refused = 0;
    for (int c = 0; c < WORLD_COLLECTIONS && world->definitions[c] != NULL; c++) {
        for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
            refused += check_slice(world, c, p);
        check_exports(world, c, false, outcome);
        if (!world->plan.pruned)
            check_exports(world, c, true, outcome);
    }
    check_letters(world, refused);
    check_outbox(world);
}
