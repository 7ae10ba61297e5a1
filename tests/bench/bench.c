/* Figures are kept by name, since there are few; values of records come from a ring
 * that is made once, so that making them costs nothing while something is measured.
 * What cannot be measured ends the process. */
#include "bench.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

enum { RING = 1 << 16 };

static uint8_t ring[RING][BENCH_VALUE];

/* ---- records ---- */

static uint64_t mix(uint64_t n) /* one to one: the finaliser of splitmix64 */
{
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

static void digits(uint64_t number, uint8_t *at, int count)
{
    for (int i = 0; i < count; i++)
        at[i] = (uint8_t) "0123456789abcdef"[number >> (60 - 4 * i) & 15];
}

void bench_key(uint64_t n, uint8_t key[BENCH_KEY])
{
    digits(mix(n + 1), key, BENCH_KEY);
}

static void ring_fill(void)
{
    static const char form[BENCH_VALUE + 1] =
        "{\"order\":\"0000000000000000\",\"customer\":\"0000000000000000\",\"note\":"
        "\"0000000000000000\",\"state\":\"paid\"} ";
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, 1);
    for (size_t i = 0; i < RING; i++) {
        memcpy(ring[i], form, BENCH_VALUE);
        digits(iso_chance_draw(&chance), ring[i] + 10, 16);
        digits(iso_chance_draw(&chance), ring[i] + 40, 16);
        digits(iso_chance_draw(&chance), ring[i] + 66, 16);
    }
}

struct iso_bytes bench_value(uint64_t n, uint64_t salt)
{
    return iso_bytes(ring[(n + salt * 7919) % RING], BENCH_VALUE);
}

/* ---- clocks and ends ---- */

static double clock_read(clockid_t id)
{
    struct timespec at;
    iso_assert(clock_gettime(id, &at) == 0);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

double bench_now(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

double bench_cpu_thread(void)
{
    return clock_read(CLOCK_THREAD_CPUTIME_ID);
}

double bench_cpu_process(void)
{
    return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    exit(1);
}

void bench_must(enum iso_err err, const char *what, const struct iso_why *why)
{
    if (err != ISO_OK)
        bench_die("%s: %s: %s", what, iso_err_name(err), why != NULL ? why->text : "");
}

/* ---- arguments ---- */

static uint64_t number_of(const char *name, const char *text, uint64_t most)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (*end != '\0' || number == 0 || number > most)
        bench_die("--%s is a number from 1 to %" PRIu64 ", not '%s'", name, most, text);
    return number;
}

void bench_init(struct bench *bench, const char *name, int argc, char **argv)
{
    static const struct option options[] = {{"servers", required_argument, NULL, 's'},
                                            {"folder", required_argument, NULL, 'f'},
                                            {"records", required_argument, NULL, 'n'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    *bench = (struct bench){.name = name, .records = 1000000, .rounds = 5};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            bench->servers = optarg;
        else if (option == 'f')
            bench->folder = optarg;
        else if (option == 'n')
            bench->records = number_of("records", optarg, 100000000);
        else if (option == 'r')
            bench->rounds = (int)number_of("rounds", optarg, BENCH_ROUNDS_MAX);
        else if (option == 'j')
            bench->json = true;
        else
            exit(64);
    }
    ring_fill();
}

/* ---- figures ---- */

static struct bench_figure *figure_find(const struct bench *bench, const char *name)
{
    for (int i = 0; i < bench->figure_count; i++)
        if (strcmp(bench->figures[i].name, name) == 0)
            return (struct bench_figure *)(uintptr_t)&bench->figures[i];
    return NULL;
}

void bench_add(struct bench *bench, const char *name, const char *unit, double value)
{
    struct bench_figure *figure = figure_find(bench, name);
    if (figure == NULL) {
        iso_assert(bench->figure_count < BENCH_FIGURES_MAX);
        figure = &bench->figures[bench->figure_count++];
        *figure = (struct bench_figure){.name = name, .unit = unit};
    }
    iso_assert(figure->count < BENCH_ROUNDS_MAX);
    figure->values[figure->count++] = value;
}

double bench_last(const struct bench *bench, const char *name)
{
    const struct bench_figure *figure = figure_find(bench, name);
    iso_assert(figure != NULL);
    return figure->values[figure->count - 1];
}

void bench_add_ratio(struct bench *bench, const char *name, const char *ours,
                     const char *raw)
{
    bench_add(bench, name, "", bench_last(bench, ours) / bench_last(bench, raw));
}

static int value_compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Ratios first. */
static void figures_print(const struct bench *bench, bool ratios,
                          void (*print)(const struct bench_figure *figure,
                                        const double *sorted))
{
    for (int i = 0; i < bench->figure_count; i++) {
        const struct bench_figure *figure = &bench->figures[i];
        double sorted[BENCH_ROUNDS_MAX];
        memcpy(sorted, figure->values, sizeof sorted);
        qsort(sorted, (size_t)figure->count, sizeof sorted[0], value_compare);
        if ((figure->unit[0] == '\0') == ratios)
            print(figure, sorted);
    }
}

static double median(const double *sorted, int count)
{
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static void print_row(const struct bench_figure *figure, const double *sorted)
{
    double middle = median(sorted, figure->count);
    int decimals = figure->unit[0] == '\0' || middle < 10 ? 2 : middle < 100 ? 1 : 0;
    printf("  %-44s %9.*f %9.*f %9.*f  %s\n", figure->name, decimals, middle, decimals,
           sorted[0], decimals, sorted[figure->count - 1],
           figure->unit[0] != '\0' ? figure->unit : "ratio");
}

static void print_json(const struct bench_figure *figure, const double *sorted)
{
    printf(", {\"name\": \"%s\", \"unit\": \"%s\", \"median\": %.4g, \"min\": %.4g, "
           "\"max\": %.4g}",
           figure->name, figure->unit[0] != '\0' ? figure->unit : "ratio",
           median(sorted, figure->count), sorted[0], sorted[figure->count - 1]);
}

void bench_print(const struct bench *bench)
{
    if (bench->json) {
        printf("[{\"bench\": \"%s\", \"records\": %" PRIu64 ", \"rounds\": %d}",
               bench->name, bench->records, bench->rounds);
        figures_print(bench, true, print_json);
        figures_print(bench, false, print_json);
        printf("]\n");
    } else {
        printf("%s: %" PRIu64 " records a round, %d rounds\n  %-44s %9s %9s %9s\n",
               bench->name, bench->records, bench->rounds, "", "median", "min", "max");
        figures_print(bench, true, print_row);
        figures_print(bench, false, print_row);
        printf("\n");
    }
    fflush(stdout);
}
