/* The simulator as a program: seeds one after the other, or one with its trace.
 *
 *   sim --seeds A-B [--operations N]
 *   sim --seed N [--trace] [--operations N]
 *   sim --shrink N [--operations N]
 *
 * --planted NAME switches a mistake on, in the build that has any (sim_fast).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/sim/planted.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_shrink.h"

struct wanted {
    uint64_t first, last;
    unsigned operations;
    bool trace, shrink, quiet;
};

static const struct option options[] = {
    {"seeds", required_argument, NULL, 'a'},
    {"seed", required_argument, NULL, 's'},
    {"shrink", required_argument, NULL, 'k'},
    {"operations", required_argument, NULL, 'o'},
    {"trace", no_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},
    {"planted", required_argument, NULL, 'p'},
    {0},
};

static bool wanted_parse(int argc, char **argv, struct wanted *wanted)
{
    int letter;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        char *end = NULL;
        switch (letter) {
        case 'a':
            wanted->first = strtoull(optarg, &end, 10);
            wanted->last = *end == '-' ? strtoull(end + 1, &end, 10) : wanted->first;
            break;
        case 's':
        case 'k':
            wanted->first = wanted->last = strtoull(optarg, &end, 10);
            wanted->shrink = letter == 'k';
            break;
        case 'o':
            wanted->operations = (unsigned)strtoul(optarg, &end, 10);
            break;
        case 'p':
            sim_planted = optarg;
            break;
        case 't':
            wanted->trace = true;
            break;
        case 'q':
            wanted->quiet = true;
            break;
        default:
            return false;
        }
        if (end != NULL && *end != '\0')
            return false;
    }
    return optind == argc && wanted->operations > 0 && wanted->first <= wanted->last;
}

static void figures_add(struct sim_figures *sum, const struct sim_figures *figures)
{
    const uint64_t *from = (const uint64_t *)figures;
    uint64_t *to = (uint64_t *)sum;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

static void figures_print(const struct sim_figures *sum, double seconds)
{
    printf("%llu operations, %llu writes, %llu deliveries (%llu refused, %llu twice), "
           "%llu reads (%llu stale), %llu answers durable, %llu unknown, %llu not "
           "applied, %llu keys checked, %llu scans, %llu rows in ledgers, %llu slices "
           "stopped, %llu answers of a plug-in (%llu errors)\n",
           (unsigned long long)sum->operations, (unsigned long long)sum->writes,
           (unsigned long long)sum->deliveries, (unsigned long long)sum->refused,
           (unsigned long long)sum->duplicates, (unsigned long long)sum->reads,
           (unsigned long long)sum->stale_reads, (unsigned long long)sum->durable,
           (unsigned long long)sum->unknown, (unsigned long long)sum->not_applied,
           (unsigned long long)sum->checked_keys, (unsigned long long)sum->scans,
           (unsigned long long)sum->losers, (unsigned long long)sum->stops,
           (unsigned long long)sum->plugin_reads,
           (unsigned long long)sum->plugin_errors);
    for (int i = 0; i < SIM_FAULTS; i++)
        printf("%-24s%llu\n", sim_fault_name((enum sim_fault)i),
               (unsigned long long)sum->faults[i]);
    printf("%-24s%llu\n", "plugin_error_is_read",
           (unsigned long long)sum->plugin_errors);
    printf("%.1f s, %.0f operations a second\n", seconds,
           (double)sum->operations / seconds);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void seed_run(const struct wanted *wanted, uint64_t seed,
                     struct sim_figures *sum)
{
    static struct sim sim;
    struct sim_plan plan;
    sim_plan_draw(&plan, seed, wanted->operations);
    sim.traces = wanted->trace;
    if (wanted->trace) {
        struct iso_buf text = {0};
        sim_plan_print(&plan, &text);
        puts(iso_buf_text(&text));
        iso_buf_release(&text);
    }
    sim_run(&sim, &plan);
    if (!wanted->quiet)
        printf("seed %llu: trace %016llx\n", (unsigned long long)seed,
               (unsigned long long)sim.trace_hash);
    figures_add(sum, &sim.figures);
    sim_close(&sim);
}

int main(int argc, char **argv)
{
    struct wanted wanted = {.first = 1, .operations = SIM_OPERATIONS};
    struct sim_figures sum = {0};
    if (!wanted_parse(argc, argv, &wanted) || wanted.last == 0) {
        fprintf(stderr, "usage: sim --seeds A-B | --seed N [--trace] | --shrink N "
                        "[--operations N] [--quiet]\n");
        return 64;
    }
    if (wanted.shrink)
        return sim_shrink(wanted.first, wanted.operations);
    double began_s = now_s();
    for (uint64_t seed = wanted.first; seed <= wanted.last; seed++)
        seed_run(&wanted, seed, &sum);
    figures_print(&sum, now_s() - began_s);
    return 0;
}
