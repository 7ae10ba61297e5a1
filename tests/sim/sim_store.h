/* sim_store.h - a region's store in the simulator: maps whose copies cost nothing, so
 * that an older state can be kept and put back, behind a door at which a commit can
 * fail, die, or be full. In some worlds an LMDB store holds the same, and is what the
 * daemon reads.
 *
 * The machine that dies in a commit is not here: the store says so (`died`), and who
 * steps the daemon ends it.
 */
#ifndef ISO_TESTS_SIM_SIM_STORE_H
#define ISO_TESTS_SIM_SIM_STORE_H

#include "base/clock.h"
#include "store/map.h"
#include "store/store.h"

enum { SIM_STORE_COPIES = 3 };

enum sim_store_commit {
    SIM_COMMIT_WELL,
    SIM_COMMIT_DIES_BEFORE, /* nothing is there when the machine is up again */
    SIM_COMMIT_DIES_AFTER,  /* everything is, and nobody was told */
    SIM_COMMIT_TORN,        /* the disk failed at last: it says no, and kept all */
};

struct sim_store {
    struct iso_map maps[ISO_SPACES];
    struct iso_map copies[SIM_STORE_COPIES][ISO_SPACES]; /* older states */
    bool copied[SIM_STORE_COPIES];
    uint8_t id[16];
    struct iso_chance chance;
    unsigned writes, views, reads; /* of 1000, how many fail */
    int full;                      /* so many commits find the disk full */
    enum sim_store_commit next;    /* what the next commit does */
    bool died;
    uint64_t failed, commits;
    struct iso_store *lmdb; /* NULL: none */
};

/* `store` is borrowed, outlives the handle, and is looked into at any time. */
void sim_store_init(struct sim_store *store, uint64_t seed, bool lmdb);
struct iso_store *sim_store_open(struct sim_store *store);
void sim_store_release(struct sim_store *store);

/* Keeps the state of now as one of the older ones; puts an older one back (false: there
 * is none); loses everything. The handle is closed. */
void sim_store_copy(struct sim_store *store, unsigned n);
bool sim_store_restore(struct sim_store *store, unsigned n);
void sim_store_lose(struct sim_store *store, uint64_t seed);

#endif
