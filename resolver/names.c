/* Names come from outside, thousands at a time, in an order that somebody chose: hence
 * iso_sort. Those of our own library come ascending and cost one look. */
#include "resolver/names.h"

#include "schema/sort.h"

static int name_order(const void *context, const void *a, const void *b)
{
    (void)context;
    return iso_name_compare(a, b);
}

void iso_names_sort(uint8_t *names, size_t count)
{
    iso_sort(names, count, ISO_VERSION_SIZE, name_order, NULL);
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
