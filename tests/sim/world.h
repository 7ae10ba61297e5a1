/* world.h - three regions in one process: the product's own producer, shard, apply and
 * resolver on the memory bus and memory stores, with one dice.
 *
 * A seed decides everything: who writes what, who reads when, which daemon crashes,
 * which network is cut, which commit fails. The same seed gives the same world, byte
 * for byte.
 *
 *   world.c         coming into being, daemons, the end
 *   world_events.c  what happens
 *   world_writes.c  what services write
 *   world_values.c  the values: any bytes, or data of schemas
 *   world_fields.c  … or records of fields, and patches of them
 *   world_check.c   what must be true at rest
 */
#ifndef ISO_TESTS_SIM_WORLD_H
#define ISO_TESTS_SIM_WORLD_H

#include "bus/memory.h"
#include "consumer/replica.h"
#include "consumer/shard.h"
#include "faulty.h"
#include "producer/define.h"
#include "producer/producer.h"
#include "schema/definition.h"
#include "schema/part.h"

enum {
    WORLD_REGIONS = 3,
    WORLD_KEYS = 24,
    WORLD_PARTITIONS = 2,
    WORLD_CLUSTERS = 2,
    WORLD_COLLECTIONS = 2,
    WORLD_SHARDS = 2,
    WORLD_BUCKETS = 8,
    WORLD_SCHEMA_LATER = 3, /* the place of the one that the later definition adds */
};

/* What kind of world; zero, but for the seed: one cluster, one shard, one collection.
 */
struct world_plan {
    uint64_t seed;
    bool per_region;   /* each region writes a log of its own */
    bool two_clusters; /* the third region has a cluster to itself */
    bool two_shards;
    bool two_collections; /* the second is announced in the middle */
    bool later;           /* a second definition opens a log in the middle */
    bool avro;            /* values are of schemas; the later definition has one more */
    bool fences;          /* Kafka clients that cannot go on */
    bool hostile;         /* other clients: without header, malformed, forged */
    bool skewed;          /* services' clocks step */
    bool full_disks;      /* commits fail, also the first */
    bool bad_disks;       /* and views and reads */
    bool pruned;          /* the ledgers have bounds, in each region others */
    const char *resolver; /* NULL: lww */
    bool fields;          /* it is fields: values are records, avro or not */
    bool counts_only;     /* of these, increments and nothing else */
    int64_t verify_ms;    /* how often logs are looked at again; 0: every 2 s */
    bool forgets; /* before_max is short: all that passes is swept all the time */
};

struct world_region {
    struct world *world;
    char name[8];
    unsigned number;
    struct iso_bus *buses[WORLD_CLUSTERS];        /* of its daemon */
    struct iso_bus *fronts[WORLD_CLUSTERS];       /* what it is given instead; NULL */
    struct iso_bus *client_buses[WORLD_CLUSTERS]; /* of its services */
    struct faulty faulty[WORLD_SHARDS];
    struct iso_store *stores[WORLD_SHARDS];
    struct iso_shard *shards[WORLD_SHARDS]; /* NULL while it is down */
    struct iso_producer *producers[WORLD_COLLECTIONS];
    struct iso_clock_manual clock;        /* of its services */
    const struct iso_clock *daemon_clock; /* NULL: the world's, as the brokers' */
    int64_t skew_ms;
    bool cut[WORLD_CLUSTERS];
    struct iso_buf sessions[WORLD_COLLECTIONS][WORLD_KEYS]; /* contexts */
};

struct world_counts {
    uint64_t writes, durable, refused, lost_answers, duplicates, crashes, cuts,
        contexts, deletes, hostile, store_failures, fences, patches, too_large, dropped,
        large, swept;
};

/* A write that was acknowledged, where the log has it. */
struct world_ack {
    int collection;
    uint16_t log;
    uint32_t partition;
    int64_t offset;
    bool durable;
};

struct world {
    struct world_plan plan;
    struct iso_clock_manual clock;
    struct iso_chance chance;
    struct iso_memory_cluster *clusters[WORLD_CLUSTERS];
    struct iso_bus *admins[WORLD_CLUSTERS];
    struct iso_control *control;
    struct iso_definition *definitions[WORLD_COLLECTIONS]; /* NULL: not announced yet */
    struct iso_definition *former; /* of the first collection, before a later one */
    struct world_region regions[WORLD_REGIONS];
    struct world_counts counts;
    struct world_ack *acks;
    size_t ack_count, ack_room;
    int64_t visits; /* of all increments that were queued of the field of that name */
    bool counts_faults; /* what a slice's check finds is counted, not fatal */
    uint64_t faults;
};

void world_open(struct world *world, const struct world_plan *plan);
void world_close(struct world *world);
void world_announce(struct world *world, int collection);
/* A second definition of the first collection, with a log more that the first region
 * writes from now on. */
void world_announce_later(struct world *world);
void world_region_start(struct world_region *region, unsigned shard);
unsigned world_shards(const struct world *world);
int world_cluster_of(const struct world *world, const char *name);

/* Puts the schemas of a world into a definition, when its values have any. */
void world_schemas_add(const struct world *world, struct iso_definition *definition,
                       bool later);
/* Appends a value as a service writes it, and as anybody may. */
/* Now and then the bytes of a value that stands aside (schema/aside.h): how many, or
 * 0. Only where a resolver is named. */
enum { WORLD_LARGE = 5000 };
size_t world_large(struct world *world, char text[WORLD_LARGE]);
/* When the index says that something of the key is due; INT64_MAX: it says nothing. */
int64_t world_index_says(struct iso_snapshot *snapshot, uint16_t number,
                         uint32_t partition, struct iso_bytes key);
/* No dead letter waits in an outbox. */
void world_check_outbox(struct world *world);
/* Sums over the large values that an entry names, and over those that stand in the
 * store (`key`: the row's without the slice): equal when they are the same. */
void world_large_named(struct world *world, struct iso_digest *sum,
                       struct iso_bytes key, const struct iso_parts *parts);
void world_large_stands(struct iso_digest *sum, struct iso_bytes key,
                        struct iso_bytes row);
void world_value(struct world *world, const struct iso_producer *producer,
                 struct iso_buf *value);
void world_value_any(struct world *world, struct iso_buf *value);
/* Of the schema at that place of a definition; at some it is not what it should be. */
void world_fingerprint(const struct world *world, size_t n,
                       uint8_t fingerprint[ISO_FINGERPRINT_SIZE]);

/* Records of fields: the schema, a whole record as a service writes it, a patch (to be
 * freed; *visits says by how much it moves that counter), and one that a liar makes;
 * of_delete: what its DELETE was shown. */
const char *world_fields_schema(bool later);
void world_record(struct world *world, const struct iso_producer *producer, bool blind,
                  struct iso_buf *value);
struct iso_edit *world_patch(struct world *world, const struct iso_producer *producer,
                             int64_t *visits);
void world_patch_any(struct world *world, bool of_delete, struct iso_buf *out);
/* Versions that a liar says it has read. */
void world_names_draw(struct world *world, struct iso_buf *names);

/* One write of a service of that region. */
void world_write(struct world *world, struct world_region *region);

/* A step of everybody who is up. */
void world_turn(struct world *world);
/* One random event, then that. */
void world_step(struct world *world);

/* Heals everything and steps until nobody has anything to do; false: that took too
 * long. */
bool world_settle(struct world *world);

/* What a region holds of a collection, as text: live entries, or the ledger; appended.
 */
void world_export(struct world_region *region, int collection, bool losers,
                  struct iso_buf *out);

/* Everything that must be true of a world at rest: all regions hold the same, every sum
 * is that of the rows stored, what was acknowledged is in no dead letter, what was
 * refused is in one. Appends the outcome. */
void world_check(struct world *world, struct iso_buf *outcome);

/* How much of that is not true of the slices: the checker's own check. */
uint64_t world_faults(struct world *world);

uint64_t world_dice(struct world *world, uint64_t sides);

#define WORLD_OK(call)                                                          \
    do {                                                                        \
        enum iso_err err_ = (call);                                             \
        ck_assert_msg(err_ == ISO_OK, "seed %llu: %s: %s",                      \
                      (unsigned long long)world->plan.seed, iso_err_name(err_), \
                      why.text);                                                \
    } while (0)

#endif
