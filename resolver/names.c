/* Names come from outside, thousands at a time, in an order that somebody chose: hence
 * a heap, which has no bad order and needs no room (qsort may allocate). Those of our
 * own library come ascending and cost one look. */
#include "resolver/names.h"

static uint8_t *name_at(uint8_t *names, size_t n)
{
    return names + n * ISO_VERSION_SIZE;
}

/* Below `at` every parent is at least as large as its children; now `at` too. */
static void name_sink(uint8_t *names, size_t at, size_t count)
{
    uint8_t sinking[ISO_VERSION_SIZE];
    size_t child;
    memcpy(sinking, name_at(names, at), ISO_VERSION_SIZE);
    for (; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count &&
            iso_name_compare(name_at(names, child), name_at(names, child + 1)) < 0)
            child++;
        if (iso_name_compare(sinking, name_at(names, child)) >= 0)
            break;
        memcpy(name_at(names, at), name_at(names, child), ISO_VERSION_SIZE);
    }
    memcpy(name_at(names, at), sinking, ISO_VERSION_SIZE);
}

void iso_names_sort(uint8_t *names, size_t count)
{
    size_t n = 1;
    while (n < count && iso_name_compare(name_at(names, n - 1), name_at(names, n)) <= 0)
        n++;
    if (n >= count)
        return;
    for (size_t at = count / 2; at-- > 0;)
        name_sink(names, at, count);
    for (size_t end = count - 1; end > 0; end--) {
        uint8_t last[ISO_VERSION_SIZE];
        memcpy(last, name_at(names, end), ISO_VERSION_SIZE);
        memcpy(name_at(names, end), names, ISO_VERSION_SIZE);
        memcpy(names, last, ISO_VERSION_SIZE);
        name_sink(names, 0, end);
    }
}

bool iso_names_hold(struct iso_names names, struct iso_version version)
{
    size_t low = 0, high = names.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = iso_version_compare(iso_names_at(names, middle), version);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
