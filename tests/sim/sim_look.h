/* sim_look.h - a slice in a region's store, as a checker looks at it: past the daemon,
 * at the rows themselves.
 */
#ifndef ISO_TESTS_SIM_SIM_LOOK_H
#define ISO_TESTS_SIM_SIM_LOOK_H

#include "consumer/rows.h"
#include "schema/aside.h"
#include "schema/loser.h"
#include "schema/part.h"
#include "tests/sim/sim.h"

enum { SIM_COLLECTION = 1 }; /* the store's number of the only one */

/* Zero before the first use; its arrays stay. */
struct sim_look {
    struct sim_region *region;
    const struct iso_map *maps; /* of the disk that has the slice */
    uint32_t partition;
    struct iso_slice slice;
    int64_t frontiers[SIM_LOGS_MAX]; /* by log index */
    struct iso_bucket bucket;
    struct iso_parts parts;
    struct iso_buf key, scratch;
    int64_t swept_ms; /* H of the key that is looked at */
    uint64_t marks;   /* and its names in the ledger */
};
void sim_look_release(struct sim_look *look);

/* False: the store has no such slice yet. */
bool sim_look_open(struct sim_look *look, struct sim_region *region,
                   uint32_t partition);
/* The bucket's row; an empty bucket when there is none. */
const struct iso_bucket *sim_look_bucket(struct sim_look *look, uint32_t bucket);

/* Holds what the store has of a key to what its writes come to. */
void sim_look_key(struct sim_look *look, int key);

/* The same, of a record of fields. */
void sim_look_fields(struct sim_look *look, const struct sim_key *key, const char *name,
                     const struct sim_prefix *prefix);
/* The rows of a key in the ledger, one by one: is it a loser? Says how many there are,
 * marks aside, which it counts. */
uint64_t sim_look_rows(struct sim_look *look, const char *name,
                       bool (*is_loser)(void *user, const struct iso_loser *loser),
                       void *user);
bool sim_held_is(const struct iso_held *held, struct iso_bytes value);
struct iso_bytes sim_look_row(struct sim_look *look, const char *name);

/* Where and what: for messages. */
#define SIM_LOOK_HOLDS(look, condition, format, ...)                   \
    SIM_HOLDS((look)->region->sim, condition, "%s, slice %u: " format, \
              (look)->region->name, (look)->partition __VA_OPT__(, ) __VA_ARGS__)

bool sim_tally_equal(const struct iso_tally *a, const struct iso_tally *b);

#endif
