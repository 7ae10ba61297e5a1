/* faulty.h - a store that fails when a test wants it to: a memory store behind a
 * backend that is asked for leave first.
 *
 * A write that fails of kind ISO_RETRY leaves nothing, or, as a disk that fails at the
 * last moment, everything. A view or a read that fails leaves the store as it was.
 */
#ifndef ISO_TESTS_SIM_FAULTY_H
#define ISO_TESTS_SIM_FAULTY_H

#include "base/clock.h"
#include "store/store.h"

struct faulty {
    struct iso_chance chance;
    unsigned writes, views, reads; /* of 1000, how many fail */
    int writes_fail;               /* the next so many writes fail: ISO_STORE_FULL */
    uint64_t failed;
};

/* The store; `faulty` is borrowed and may be changed at any time. */
struct iso_store *faulty_store_new(struct faulty *faulty);

#endif
