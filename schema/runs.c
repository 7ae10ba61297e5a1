/* As a number is counted up in binary: a run of one thing is added, and as long as two
 * runs are of one length they become one. Two runs are merged from behind: what is in
 * the second stands aside meanwhile, in the room behind all things, and each of its
 * things, the largest first, is put where it belongs below the one before. So few
 * things come into many by few comparisons, and many are moved at a time. */
#include "schema/runs.h"

enum { RUNS_FEW = 64 };

static uint8_t *thing_at(const struct iso_runs *runs, size_t n)
{
    return (uint8_t *)runs->things + n * runs->size;
}

static struct iso_bytes path_at(const struct iso_runs *runs, size_t n)
{
    const struct iso_bytes *path = (const void *)thing_at(runs, n);
    return *path;
}

/* The first from `low` to `high` that is not below the path; true: it is that path's.
 */
static bool find_between(const struct iso_runs *runs, size_t low, size_t high,
                         struct iso_bytes path, size_t *at)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = iso_bytes_compare(path_at(runs, middle), path);
        if (order == 0) {
            *at = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return false;
}

/* The longest run of so many added things, which comes first. */
static size_t longest(size_t added)
{
    size_t length = 1;
    while (length <= added / 2)
        length *= 2;
    return length;
}

bool iso_runs_find(const struct iso_runs *runs, struct iso_bytes path, size_t *at)
{
    size_t within;
    if (find_between(runs, 0, runs->sorted, path, at))
        return true;
    for (size_t from = runs->sorted; from < runs->count;) {
        size_t length = longest(runs->count - from);
        if (find_between(runs, from, from + length, path, &within)) {
            *at = within;
            return true;
        }
        from += length;
    }
    return false;
}

/* Two runs, the second up to the end of all, become one. */
static void merge(const struct iso_runs *runs, size_t from, size_t middle)
{
    size_t left = middle, aside = runs->count - middle;
    if (from == middle || aside == 0 ||
        iso_bytes_compare(path_at(runs, middle - 1), path_at(runs, middle)) < 0)
        return;
    memcpy(thing_at(runs, runs->count), thing_at(runs, middle), aside * runs->size);
    while (aside-- > 0) {
        size_t at;
        find_between(runs, from, left, path_at(runs, runs->count + aside), &at);
        memmove(thing_at(runs, at + aside + 1), thing_at(runs, at),
                (left - at) * runs->size);
        memcpy(thing_at(runs, at + aside), thing_at(runs, runs->count + aside),
               runs->size);
        left = at;
    }
}

/* Moving a few costs less than looking at runs. */
static size_t insert(struct iso_runs *runs, size_t at)
{
    if (at < runs->count) {
        memcpy(thing_at(runs, runs->count + 1), thing_at(runs, runs->count),
               runs->size);
        memmove(thing_at(runs, at + 1), thing_at(runs, at),
                (runs->count - at) * runs->size);
        memcpy(thing_at(runs, at), thing_at(runs, runs->count + 1), runs->size);
    }
    runs->sorted = ++runs->count;
    return at;
}

size_t iso_runs_add(struct iso_runs *runs, size_t at)
{
    if (runs->count < RUNS_FEW)
        return insert(runs, at);
    struct iso_bytes path = path_at(runs, runs->count);
    size_t length = 1, added = ++runs->count - runs->sorted;
    for (; (added & length) == 0; length *= 2)
        merge(runs, runs->count - 2 * length, runs->count - length);
    find_between(runs, runs->count - length, runs->count, path, &at);
    return at;
}

void iso_runs_settle(struct iso_runs *runs)
{
    size_t added = runs->count - runs->sorted, behind = 0;
    for (size_t length = 1; length <= added; length *= 2) {
        if ((added & length) == 0)
            continue;
        merge(runs, runs->count - behind - length, runs->count - behind);
        behind += length;
    }
    merge(runs, 0, runs->sorted);
    runs->sorted = runs->count;
}
