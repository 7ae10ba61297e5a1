/* Intervals stand in order of seq, and, since a node's hlc grows with its seq, in order
 * of hlc: the neighbours of a seq say whether its hlc can be true. A writer that sends
 * in order finds its place at the first comparison, from the end. Nothing here fails
 * but decoding a row that the store did not keep well. */
#include "consumer/filter.h"

#include "schema/digest.h"
#include "schema/version.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

enum {
    ROW_FORMAT = 1,
    ROW_FIXED = 2,
    ROW_INTERVAL = 32,
    CHECK_SIZE = 8,
    CHECK_SEED = 2
};

uint64_t iso_filter_newest(const struct iso_filter *filter)
{
    return filter->count > 0 ? filter->intervals[filter->count - 1].last_hlc : 0;
}

/* Puts an interval of one seq at `at`. */
static void insert(struct iso_filter *filter, size_t at, uint64_t seq, uint64_t hlc)
{
    struct iso_filter_interval *place = filter->intervals + at;
    memmove(place + 1, place, (filter->count - at) * sizeof *place);
    *place = (struct iso_filter_interval){seq, seq, hlc, hlc};
    filter->count++;
}

/* Makes intervals `at` and `at` + 1 one. */
static void join(struct iso_filter *filter, size_t at)
{
    struct iso_filter_interval *left = filter->intervals + at;
    left->last = left[1].last;
    left->last_hlc = left[1].last_hlc;
    filter->count--;
    memmove(left + 1, left + 2, (filter->count - at - 1) * sizeof *left);
}

static void forget_below(struct iso_filter *filter, int64_t bound_ms, uint64_t *gaps)
{
    if (filter->count == 0 || iso_hlc_ms(iso_filter_newest(filter)) >= bound_ms)
        return;
    *gaps += filter->count - 1;
    filter->count = 0;
}

enum iso_filter_answer iso_filter_take(struct iso_filter *filter, uint64_t seq,
                                       uint64_t hlc, int64_t bound_ms, uint64_t *gaps)
{
    forget_below(filter,
                 ISO_PLANTED(nodes_are_forgotten_early) ? bound_ms + 3000 : bound_ms,
                 gaps);
    if (ISO_PLANTED(what_is_not_newer_is_a_duplicate) && filter->count > 0 &&
        hlc <= iso_filter_newest(filter))
        return ISO_FILTER_DUPLICATE;
    struct iso_filter_interval *intervals = filter->intervals;
    size_t at = filter->count; /* the first interval behind seq */
    while (at > 0 && intervals[at - 1].first > seq)
        at--;
    struct iso_filter_interval *left = at > 0 ? intervals + at - 1 : NULL;
    struct iso_filter_interval *right = at < filter->count ? intervals + at : NULL;
    if (left != NULL && seq <= left->last)
        return ISO_FILTER_DUPLICATE;
    if (ISO_PLANTED(nodes_may_go_back))
        left = right = NULL;
    if ((left != NULL && left->last_hlc >= hlc) ||
        (right != NULL && right->first_hlc <= hlc))
        return ISO_FILTER_DISORDER;
    bool touches_left = left != NULL && left->last + 1 == seq;
    bool touches_right = right != NULL && seq + 1 == right->first;
    if (touches_left) {
        left->last = seq;
        left->last_hlc = hlc;
        if (touches_right)
            join(filter, at - 1);
        return ISO_FILTER_NEW;
    }
    if (touches_right) {
        right->first = seq;
        right->first_hlc = hlc;
        return ISO_FILTER_NEW;
    }
    insert(filter, at, seq, hlc);
    if (filter->count > ISO_FILTER_INTERVALS) {
        join(filter, 0);
        *gaps += 1;
    }
    return ISO_FILTER_NEW;
}

void iso_filter_encode(const struct iso_filter *filter, struct iso_buf *row)
{
    iso_assert(filter->count <= ISO_FILTER_INTERVALS);
    iso_buf_clear(row);
    iso_buf_reserve(row, ROW_FIXED + filter->count * ROW_INTERVAL + CHECK_SIZE);
    uint8_t *at = row->data;
    *at++ = ROW_FORMAT;
    *at++ = (uint8_t)filter->count;
    for (size_t i = 0; i < filter->count; i++, at += ROW_INTERVAL) {
        iso_put_u64(at, filter->intervals[i].first);
        iso_put_u64(at + 8, filter->intervals[i].last);
        iso_put_u64(at + 16, filter->intervals[i].first_hlc);
        iso_put_u64(at + 24, filter->intervals[i].last_hlc);
    }
    row->size = (size_t)(at - row->data);
    iso_buf_add_u64(row, iso_hash64(iso_buf_bytes(row), CHECK_SEED));
}

enum iso_err iso_filter_decode(struct iso_bytes row, struct iso_filter *filter,
                               struct iso_why *why)
{
    filter->count = 0;
    size_t count = row.size > ROW_FIXED ? row.data[1] : ISO_FILTER_INTERVALS + 1;
    size_t size = ROW_FIXED + count * ROW_INTERVAL;
    if (count > ISO_FILTER_INTERVALS || row.size != size + CHECK_SIZE ||
        row.data[0] != ROW_FORMAT ||
        iso_get_u64(row.data + size) !=
            iso_hash64(iso_bytes(row.data, size), CHECK_SEED))
        return iso_fail(why, ISO_DAMAGED,
                        "a row of the duplicate filter fails its check: seed the slice "
                        "from another region, or let it read its logs anew");
    const uint8_t *at = row.data + ROW_FIXED;
    for (size_t i = 0; i < count; i++, at += ROW_INTERVAL)
        filter->intervals[i] = (struct iso_filter_interval){
            .first = iso_get_u64(at),
            .last = iso_get_u64(at + 8),
            .first_hlc = iso_get_u64(at + 16),
            .last_hlc = iso_get_u64(at + 24),
        };
    filter->count = count;
    return ISO_OK;
}
