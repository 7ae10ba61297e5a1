/* bench.h - what every bench shares: arguments, clocks, the records that are written,
 * figures of several rounds, and how they are printed.
 *
 * A bench measures in rounds, in turn: ours, the raw limit, ours, the raw limit, … so
 * that what slows the machine for a moment slows both. What is printed is the median,
 * the least and the most over the rounds; a ratio is taken within each round.
 *
 * A bench that cannot measure ends the process with a sentence: it is no service.
 */
#ifndef ISO_TESTS_BENCH_H
#define ISO_TESTS_BENCH_H

#include "base/bytes.h"
#include "base/err.h"

enum { BENCH_KEY = 16, BENCH_VALUE = 100, BENCH_ROUNDS_MAX = 64 };
enum { BENCH_FIGURES_MAX = 40 };

struct bench {
    const char *name;    /* of the program: "publish" */
    const char *servers; /* HOST:PORT of a Kafka of its own */
    const char *folder;  /* that may be filled; it is emptied by who made it */
    uint64_t records;    /* a round */
    int rounds;
    bool json;
    struct bench_figure {
        const char *name, *unit;
        double values[BENCH_ROUNDS_MAX];
        int count;
    } figures[BENCH_FIGURES_MAX];
    int figure_count;
};

/* --servers, --folder, --records, --rounds, --json. */
void bench_init(struct bench *bench, const char *name, int argc, char **argv);

/* Adds one round's value to the figure of that name; both texts are kept, not copied.
 */
void bench_add(struct bench *bench, const char *name, const char *unit, double value);

/* Adds `ours / raw` of the round that was last added to both. */
void bench_add_ratio(struct bench *bench, const char *name, const char *ours,
                     const char *raw);

/* The value that was last added. */
double bench_last(const struct bench *bench, const char *name);

/* A table, or one line of JSON, on stdout. */
void bench_print(const struct bench *bench);

/* Seconds: since some moment; this thread's and this process's on a processor. */
double bench_now(void);
double bench_cpu_thread(void);
double bench_cpu_process(void);

_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the process unless `err` is ISO_OK. */
void bench_must(enum iso_err err, const char *what, const struct iso_why *why);

/* Record `n`: its key is the n-th of a sequence without repetition and without order;
 * its value is JSON, of which half is random digits. `salt` makes other values of the
 * same keys. The value is borrowed, for ever. */
void bench_key(uint64_t n, uint8_t key[BENCH_KEY]);
struct iso_bytes bench_value(uint64_t n, uint64_t salt);

#endif
