/* sim_plan.h - what kind of world a seed makes: everything that is drawn before the
 * first operation.
 */
#ifndef ISO_TESTS_SIM_SIM_PLAN_H
#define ISO_TESTS_SIM_SIM_PLAN_H

#include <stdbool.h>

#include "base/bytes.h"
#include "tests/sim/sim_faults.h"

enum {
    SIM_REGIONS_MAX = 7,
    SIM_CLUSTERS_MAX = 3,
    SIM_SHARDS_MAX = 2,
    SIM_PARTITIONS_MAX = 4,
    SIM_KEYS_MAX = 96,
    SIM_CLOSINGS_MAX = 8, /* each makes a definition more, and a log at most */
    SIM_DEFINITIONS_MAX = 2 + SIM_CLOSINGS_MAX,
    SIM_LOGS_MAX = SIM_REGIONS_MAX + 1 + SIM_CLOSINGS_MAX, /* one is opened besides */
    SIM_OPERATIONS = 5000,
};

enum sim_resolver { SIM_LWW, SIM_SIBLINGS, SIM_FIELDS };

struct sim_plan {
    uint64_t seed;
    unsigned operations;
    unsigned regions, clusters, shards, partitions, buckets, keys;
    bool per_region; /* each region writes a log of its own */
    bool avro;
    bool small_batches; /* each record is a commit of its own */
    bool lmdb;          /* stores are on disk */
    bool pruned;        /* ledgers have bounds, in each region another */
    bool plugin;        /* readers are shown siblings through a plug-in */
    bool second;        /* another collection is in the same stores */
    bool hot;           /* most writes go to a few keys */
    enum sim_resolver resolver;
    int64_t before_max_ms, after_max_ms;
    int64_t tick_ms;        /* between two operations, at most twice that */
    unsigned writes, reads; /* of 100 operations */
    unsigned trouble;       /* of 1000 operations, how many are faults */
    unsigned weights[SIM_FAULTS];
};

/* The plan of a seed; the same for ever, at any optimisation. */
void sim_plan_draw(struct sim_plan *plan, uint64_t seed, unsigned operations);

/* One line. */
void sim_plan_print(const struct sim_plan *plan, struct iso_buf *text);

/* As in a definition. */
const char *sim_resolver_name(const struct sim_plan *plan);

#endif
