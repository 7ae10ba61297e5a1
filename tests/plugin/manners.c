/* Plug-ins for tests, good ones and each kind of bad one: this file is compiled once
 * for each MANNER, which is its name; CMakeLists.txt lists them. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "resolver/plugin.h"

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)
#define JOIN_OF(a, b) a##b
#define JOIN(a, b) JOIN_OF(a, b)

#define VALUES const struct iso_plugin_value *values, size_t count
#define ANSWER struct iso_plugin_answer *answer

static int calls; /* what no plug-in should have */

static int longest(VALUES, ANSWER)
{
    const struct iso_plugin_value *best = &values[0];
    for (size_t n = 1; n < count; n++)
        if (values[n].size >= best->size)
            best = &values[n];
    answer->add(answer->self, best->data, best->size);
    return 0;
}

/* ---- good ones ---- */

static int merge_good(VALUES, ANSWER)
{
    return longest(values, count, answer);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Memory and what the C library needs for sorting are there. */
static int merge_sorts(VALUES, ANSWER)
{
    enum { MANY = 100000 };
    int *numbers = malloc(MANY * sizeof *numbers);
    for (int n = 0; n < MANY; n++)
        numbers[n] = n ^ 0x5555;
    qsort(numbers, MANY, sizeof *numbers, compare);
    bool sorted = numbers[0] <= numbers[MANY - 1];
    free(numbers);
    return sorted ? longest(values, count, answer) : 1;
}

/* Numbers are answers too, and versions are seen. */
static int merge_refuses(VALUES, ANSWER)
{
    for (size_t n = 1; n < count; n++)
        if (values[n - 1].hlc > values[n].hlc)
            return 99;
    return count == 2 ? 42 : longest(values, count, answer);
}

static int merge_hungry(VALUES, ANSWER)
{
    size_t size = (size_t)1 << 30;
    void *much =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return much == MAP_FAILED ? 12 : longest(values, count, answer);
}

/* ---- bad ones: each with three siblings or more, good with fewer ---- */

static int merge_crashes(VALUES, ANSWER)
{
    volatile int *nowhere = NULL;
    return count < 3 ? longest(values, count, answer) : *nowhere;
}

static int merge_aborts(VALUES, ANSWER)
{
    if (count >= 3)
        abort();
    return longest(values, count, answer);
}

static int merge_exits(VALUES, ANSWER)
{
    if (count >= 3)
        exit(7);
    return longest(values, count, answer);
}

static int merge_hangs(VALUES, ANSWER)
{
    for (volatile bool forever = true; count >= 3 && forever;)
        ;
    return longest(values, count, answer);
}

static int merge_grows(VALUES, ANSWER)
{
    for (int n = 0; count >= 3 && n < 1 << 20; n++)
        longest(values, count, answer);
    return longest(values, count, answer);
}

static int merge_counts(VALUES, ANSWER)
{
    calls++;
    if (count >= 3)
        answer->add(answer->self, &calls, sizeof calls);
    return longest(values, count, answer);
}

static int merge_addresses(VALUES, ANSWER)
{
    const void *where = &calls;
    if (count >= 3)
        answer->add(answer->self, &where, sizeof where);
    return longest(values, count, answer);
}

static int merge_clocks(VALUES, ANSWER)
{
    time_t now = count >= 3 ? time(NULL) : 0;
    answer->add(answer->self, &now, sizeof now);
    return longest(values, count, answer);
}

static int merge_draws(VALUES, ANSWER)
{
    int drawn = 0;
    if (count >= 3)
        getrandom(&drawn, sizeof drawn, 0);
    answer->add(answer->self, &drawn, sizeof drawn);
    return longest(values, count, answer);
}

static int merge_opens(VALUES, ANSWER)
{
    if (count >= 3)
        close(open("/dev/null", O_RDONLY));
    return longest(values, count, answer);
}

static int merge_connects(VALUES, ANSWER)
{
    if (count >= 3)
        close(socket(AF_INET, SOCK_STREAM, 0));
    return longest(values, count, answer);
}

static int merge_forks(VALUES, ANSWER)
{
    if (count >= 3 && syscall(SYS_clone, 17 /* SIGCHLD */, 0, 0, 0, 0) == 0)
        return 1;
    return longest(values, count, answer);
}

static int merge_shouts(VALUES, ANSWER)
{
    static const char noise[64] = "not a reply";
    for (int fd = 3; count >= 3 && fd < 8; fd++)
        if (write(fd, noise, sizeof noise) < 0)
            break;
    return longest(values, count, answer);
}

static int merge_writes(VALUES, ANSWER)
{
    if (count >= 3)
        ((uint8_t *)(uintptr_t)values[0].data)[0] ^= 1;
    return longest(values, count, answer);
}

/* What is left is no datum. */
static int merge_cuts(VALUES, ANSWER)
{
    const struct iso_plugin_value *last = &values[count - 1];
    answer->add(answer->self, last->data, last->size - (count >= 3));
    return 0;
}

static int merge_framed(VALUES, ANSWER)
{
    return longest(values, count, answer);
}

/* ---- values ---- */

/* The single-object encoding of "a", "ab", … of the schema "string". */
static int generate_framed(uint64_t seed, ANSWER)
{
    static const uint8_t frame[] = {0xc3, 0x01, 0xc7, 0x03, 0x45,
                                    0x63, 0x72, 0x48, 0x01, 0x8f};
    uint8_t length = (uint8_t)(2 * (1 + seed % 26));
    answer->add(answer->self, frame, sizeof frame);
    answer->add(answer->self, &length, 1);
    answer->add(answer->self, "abcdefghijklmnopqrstuvwxyz", length / 2);
    return 0;
}

/* "", "a", "ab", … by the seed; never empty for those that write into it. */
static int generate_text(uint64_t seed, ANSWER)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    answer->add(answer->self, text, 1 + seed % 26);
    return 0;
}

/* Of a seed above five, never the same value twice. */
static int generate_anew(uint64_t seed, ANSWER)
{
    calls++;
    if (seed > 5)
        answer->add(answer->self, &calls, sizeof calls);
    return generate_text(seed, answer);
}

/* Whatever the seed, in one process alike. */
static int generate_fails(uint64_t seed, ANSWER)
{
    return seed > 5 ? 5 : generate_text(seed, answer);
}

static int merge_anew(VALUES, ANSWER)
{
    return longest(values, count, answer);
}
static int merge_fails(VALUES, ANSWER)
{
    return longest(values, count, answer);
}

/* ---- what it is ---- */

#ifdef MANNER_WRITES_FILES /* when it is loaded, before anybody asked it */
__attribute__((constructor)) static void write_file(void)
{
    close(open("/dev/null", O_WRONLY));
}
#endif

#ifndef MANNER_ABI
#define MANNER_ABI ISO_PLUGIN_ABI
#endif
#ifndef MANNER_GENERATE
#define MANNER_GENERATE text
#endif
#ifndef MANNER_DESCRIBE
#define MANNER_DESCRIBE iso_plugin_describe
#endif

const struct iso_plugin *MANNER_DESCRIBE(void);
const struct iso_plugin *MANNER_DESCRIBE(void)
{
    static const struct iso_plugin plugin = {
        .abi = MANNER_ABI,
        .name = TEXT(MANNER),
        .words = "a plug-in for tests",
        .merge = JOIN(merge_, MANNER),
        .generate = JOIN(generate_, MANNER_GENERATE),
    };
    return &plugin;
}
