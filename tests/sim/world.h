/* world.h - three regions in one process: the product's own producer, shard, apply and
 * resolver on the memory bus and memory stores, with one clock and one dice.
 *
 * A seed decides everything: who writes what, who reads when, which daemon crashes,
 * which network is cut. The same seed gives the same world, byte for byte.
 */
#ifndef ISO_TESTS_SIM_WORLD_H
#define ISO_TESTS_SIM_WORLD_H

#include "bus/memory.h"
#include "consumer/replica.h"
#include "consumer/shard.h"
#include "producer/define.h"
#include "producer/producer.h"

enum { WORLD_REGIONS = 3, WORLD_KEYS = 24, WORLD_PARTITIONS = 2 };

struct world_region {
    struct world *world;
    char name[8];
    unsigned number;
    struct iso_bus *bus;        /* of its daemon */
    struct iso_bus *client_bus; /* of its services */
    struct iso_store *store;
    struct iso_shard *shard; /* NULL while it is down */
    struct iso_producer *producer;
    struct iso_producer_ground ground;
    bool cut;
};

struct world_counts {
    uint64_t writes, durable, lost_answers, duplicates, crashes, cuts, contexts,
        deletes;
};

struct world {
    struct iso_clock_manual clock;
    struct iso_chance chance;
    struct iso_memory_cluster *cluster;
    struct iso_bus *admin;
    struct iso_control *control;
    struct iso_definition *definition;
    struct world_region regions[WORLD_REGIONS];
    struct world_counts counts;
};

void world_open(struct world *world, uint64_t seed, bool per_region);
void world_close(struct world *world);

/* One random event, then a step of everybody who is up. */
void world_step(struct world *world);

/* Heals everything and steps until nobody has anything to do; false: that took too
 * long. */
bool world_settle(struct world *world);

/* What a region holds, as text: live entries, or the ledger; appended. */
void world_export(struct world_region *region, bool losers, struct iso_buf *out);

uint64_t world_dice(struct world *world, uint64_t sides);

#endif
