/* Worlds from seeds. ISO_SIM_SEED repeats one, ISO_SIM_FROM and ISO_SIM_SEEDS choose
 * which and how many. */
#include "world_run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { SEEDS = 16 };

static uint64_t number_given(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

bool world_one_seed(void)
{
    return getenv("ISO_SIM_SEED") != NULL;
}

static int seed_count(void)
{
    return world_one_seed() ? 1 : (int)number_given("ISO_SIM_SEEDS", SEEDS);
}

void world_run(const struct world_plan *plan, struct iso_buf *outcome,
               struct world_counts *counts)
{
    struct world world;
    world_open(&world, plan);
    for (int i = 0; i < WORLD_STEPS; i++)
        world_step(&world);
    ck_assert_msg(world_settle(&world), "seed %llu: the regions do not come to rest",
                  (unsigned long long)plan->seed);
    world_check(&world, outcome);
    uint64_t answered = world.counts.durable + world.counts.refused;
    ck_assert_msg(
        plan->skewed || plan->later ? answered <= world.counts.writes
                                    : world.counts.durable == world.counts.writes,
        "seed %llu: %llu of %llu writes became durable", (unsigned long long)plan->seed,
        (unsigned long long)world.counts.durable,
        (unsigned long long)world.counts.writes);
    *counts = world.counts;
    world_close(&world);
}

static void counts_add(struct world_counts *sum, const struct world_counts *counts)
{
    const uint64_t *from = (const uint64_t *)counts;
    uint64_t *to = (uint64_t *)sum;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

struct world_counts world_run_all(struct world_plan faults)
{
    struct world_counts sum = {0}, counts;
    uint64_t seed = number_given("ISO_SIM_SEED", number_given("ISO_SIM_FROM", 1));
    for (int i = 0; i < seed_count(); i++, seed++) {
        struct iso_buf outcome = {0};
        struct world_plan plan = faults;
        plan.seed = seed;
        plan.per_region = seed % 2 == 0;
        plan.two_clusters = seed / 2 % 2 == 1;
        plan.two_shards = seed / 4 % 2 == 1;
        plan.two_collections = seed / 8 % 2 == 1;
        plan.later = seed % 3 == 0;
        plan.avro = seed % 5 % 2 == 0;
        world_run(&plan, &outcome, &counts);
        counts_add(&sum, &counts);
        iso_buf_release(&outcome);
    }
    printf("%d seeds: %llu writes (%llu with a context), %llu crashes, %llu cuts, %llu "
           "duplicates, %llu lost answers, %llu by others, %llu refused, %llu failures "
           "of stores, %llu clients fenced, %llu patches, %llu dropped, %llu large\n",
           seed_count(), (unsigned long long)sum.writes,
           (unsigned long long)sum.contexts, (unsigned long long)sum.crashes,
           (unsigned long long)sum.cuts, (unsigned long long)sum.duplicates,
           (unsigned long long)sum.lost_answers, (unsigned long long)sum.hostile,
           (unsigned long long)sum.refused, (unsigned long long)sum.store_failures,
           (unsigned long long)sum.fences, (unsigned long long)sum.patches,
           (unsigned long long)sum.dropped, (unsigned long long)sum.large);
    return sum;
}
