/* A radix sort, eight bytes of key at a time. The window at some depth is fetched once
 * a row and then stands beside its pointer; rows are sorted by it without being
 * touched. What has equal windows is a run, and is sorted alike by the next eight
 * bytes. A short run is sorted by comparing.
 *
 *     depth 0        depth 8
 *     user:100|...   00000017      A window beyond the key's end is filled with zeros,
 * so user:100|...   00000042      keys that differ in trailing zeros only have equal
 *     user:101|...                 windows at every depth; comparing tells them apart.
 *
 * The work is at most rows × (key size / 8), whatever the keys are: nobody can choose
 * keys that make it slow.
 */
#include "store/order.h"

#include "store/overlay.h"

enum { ORDER_SHORT = 24, ORDER_BYTES = 8, ORDER_VALUES = 256 };

static uint64_t window_at(const struct iso_row *row, size_t depth)
{
    if (row->key_size >= depth + ORDER_BYTES)
        return iso_get_u64(row->key + depth);
    uint8_t bytes[ORDER_BYTES] = {0};
    if (row->key_size > depth)
        memcpy(bytes, row->key + depth, row->key_size - depth);
    return iso_get_u64(bytes);
}

static bool comes_before(const struct iso_order *a, const struct iso_order *b)
{
    if (a->window != b->window)
        return a->window < b->window;
    return iso_bytes_compare(iso_row_key(a->row), iso_row_key(b->row)) < 0;
}

static void sort_short(struct iso_order *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct iso_order item = items[i];
        size_t at = i;
        for (; at > 0 && comes_before(&item, &items[at - 1]); at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

static inline unsigned digit(uint64_t window, unsigned byte)
{
    return (unsigned)(window >> (8 * byte)) & 0xff;
}

/* One stable pass by one byte of the windows. `counts` says how often each value is. */
static void sort_pass(const struct iso_order *from, struct iso_order *to, size_t count,
                      unsigned byte, const uint32_t *counts)
{
    uint32_t starts[ORDER_VALUES];
    uint32_t start = 0;
    for (unsigned value = 0; value < ORDER_VALUES; value++) {
        starts[value] = start;
        start += counts[value];
    }
    for (size_t i = 0; i < count; i++)
        to[starts[digit(from[i].window, byte)]++] = from[i];
}

/* By window alone. Kept out of its recursive caller, whose frame would hold the counts.
 */
__attribute__((noinline)) static void
sort_windows(struct iso_order *items, struct iso_order *spare, size_t count)
{
    uint32_t counts[ORDER_BYTES][ORDER_VALUES] = {0};
    for (size_t i = 0; i < count; i++) {
        for (unsigned byte = 0; byte < ORDER_BYTES; byte++)
            counts[byte][digit(items[i].window, byte)]++;
    }
    struct iso_order *from = items, *to = spare;
    for (unsigned byte = 0; byte < ORDER_BYTES; byte++) {
        if (counts[byte][digit(items[0].window, byte)] == count)
            continue; /* alike in all */
        sort_pass(from, to, count, byte, counts[byte]);
        struct iso_order *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
}

static void sort_from(struct iso_order *items, struct iso_order *spare, size_t count,
                      size_t depth)
{
    for (size_t i = 0; i < count; i++)
        items[i].window = window_at(items[i].row, depth);
    if (count <= ORDER_SHORT || depth >= ISO_STORE_KEY_MAX) {
        sort_short(items, count);
        return;
    }
    sort_windows(items, spare, count);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && items[end].window == items[i].window; end++)
            ;
        if (end - i > 1)
            sort_from(items + i, spare, end - i, depth + ORDER_BYTES);
    }
}

void iso_order_rows(struct iso_order *items, struct iso_order *spare, size_t count)
{
    iso_assert(count < UINT32_MAX);
    sort_from(items, spare, count, 0);
}
