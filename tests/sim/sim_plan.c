/* A plan is drawn from its seed by a dice of its own, so that what a world does later
 * does not depend on how many numbers its plan took. */
#include "tests/sim/sim_plan.h"

#include "base/clock.h"

static uint64_t draw(struct iso_chance *dice, uint64_t sides)
{
    return iso_chance_draw(dice) % sides;
}

const char *sim_resolver_name(const struct sim_plan *plan)
{
    static const char *const names[] = {"lww", "siblings", "fields"};
    return plan->plugin ? "plugin:trips" : names[plan->resolver];
}

/* Most worlds have most of the light faults and one or two of the heavy ones, so that
 * what a light one breaks is not hidden by slices that were stopped. */
static void faults_draw(struct sim_plan *plan, struct iso_chance *dice)
{
    static const unsigned troubles[] = {5, 20, 40, 80};
    plan->trouble = troubles[draw(dice, 4)];
    bool heavy = draw(dice, 2) == 0;
    for (int fault = 0; fault < SIM_FAULTS; fault++) {
        unsigned weight = sim_fault_weight((enum sim_fault)fault);
        bool wanted = draw(dice, 3) > 0;
        if (sim_fault_is_heavy((enum sim_fault)fault))
            wanted = wanted && heavy;
        plan->weights[fault] = wanted ? weight : 0;
    }
}

static void shape_draw(struct sim_plan *plan, struct iso_chance *dice)
{
    static const unsigned buckets[] = {1, 4, 8, 32};
    static const unsigned keys[] = {4, 16, 40, SIM_KEYS_MAX};
    plan->regions = 2 + (unsigned)draw(dice, 10) % 6;
    if (plan->regions > 4 && draw(dice, 2) == 0)
        plan->regions = 3;
    plan->clusters = 1 + (unsigned)draw(dice, SIM_CLUSTERS_MAX);
    if (plan->clusters > plan->regions)
        plan->clusters = plan->regions;
    plan->shards = 1 + (draw(dice, 4) == 0);
    plan->partitions = 1 + (unsigned)draw(dice, SIM_PARTITIONS_MAX);
    plan->buckets = buckets[draw(dice, 4)];
    plan->keys = keys[draw(dice, 4)];
    plan->per_region = draw(dice, 3) > 0;
    plan->hot = draw(dice, 2) == 0;
    plan->avro = draw(dice, 3) == 0;
    plan->small_batches = draw(dice, 3) == 0;
    plan->resolver = (enum sim_resolver)(draw(dice, 5) % 3);
    if (plan->resolver == SIM_FIELDS)
        plan->avro = true;
}

void sim_plan_draw(struct sim_plan *plan, uint64_t seed, unsigned operations)
{
    static const int64_t befores_ms[] = {10000, 30000, 120000, 86400000};
    static const int64_t afters_ms[] = {2000, 8000, 60000};
    static const int64_t ticks_ms[] = {2, 10, 40};
    struct iso_chance dice;
    iso_chance_seeded_init(&dice, seed * 2 + 1);
    *plan = (struct sim_plan){.seed = seed, .operations = operations};
    shape_draw(plan, &dice);
    plan->before_max_ms = befores_ms[draw(&dice, 4)];
    plan->after_max_ms = afters_ms[draw(&dice, 3)];
    plan->tick_ms = ticks_ms[draw(&dice, 3)];
    plan->writes = 15 + (unsigned)draw(&dice, 30);
    plan->reads = (unsigned)draw(&dice, 15);
    faults_draw(plan, &dice);
    plan->lmdb = draw(&dice, 25) == 0;
    plan->pruned = draw(&dice, 4) == 0;
    plan->second = draw(&dice, 4) == 0;
    plan->plugin = plan->resolver == SIM_SIBLINGS && !plan->avro && draw(&dice, 2) == 0;
}

void sim_plan_print(const struct sim_plan *plan, struct iso_buf *text)
{
    iso_buf_print(
        text,
        "seed %llu: %u regions, %u clusters, %s, %u shards, %u partitions, "
        "%u buckets, %u keys%s, %s %s, before %llds, after %llds, tick %lldms, "
        "%u%% writes, %u%% reads, trouble %u/1000%s%s%s%s",
        (unsigned long long)plan->seed, plan->regions, plan->clusters,
        plan->per_region ? "a log each" : "one log", plan->shards, plan->partitions,
        plan->buckets, plan->keys, plan->hot ? " (hot)" : "", sim_resolver_name(plan),
        plan->avro ? "avro" : "opaque", (long long)plan->before_max_ms / 1000,
        (long long)plan->after_max_ms / 1000, (long long)plan->tick_ms, plan->writes,
        plan->reads, plan->trouble, plan->small_batches ? ", small batches" : "",
        plan->lmdb ? ", LMDB" : "", plan->pruned ? ", pruned" : "",
        plan->second ? ", a second collection" : "");
}
