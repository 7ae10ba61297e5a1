/* world.h - one region and one collection on a real Kafka, as `isostasy region add` and
 * `isostasy collection create` make them. What fails ends the process.
 */
#ifndef ISO_TESTS_WORLD_H
#define ISO_TESTS_WORLD_H

#include "base/clock.h"
#include "bench.h"
#include "bus/bus.h"
#include "producer/producer.h"
#include "schema/control.h"
#include "store/store.h"

enum { WORLD_PARTITIONS = 8 };
#define WORLD_REGION "eu"

struct world {
    struct iso_settings *settings;
    struct iso_bus *bus;
    struct iso_control *control;
    struct iso_chance chance;
    unsigned region;
};

void world_init(struct world *world, const struct bench *bench);
void world_release(struct world *world);

/* A collection of WORLD_PARTITIONS partitions in a log of its own name. */
void world_collection(struct world *world, const char *name);

/* A topic with the settings of a log, for who publishes without us. */
void world_topic(struct world *world, const char *name);

/* Where the partitions of a topic end. */
void world_ends(struct world *world, const char *topic, int64_t ends[WORLD_PARTITIONS]);

/* Publishes records first … first + count − 1 through the producer library, until all
 * are durable; says the seconds from the first call to the last acknowledgement. */
double world_publish(struct world *world, const char *collection, uint64_t first,
                     uint64_t count, uint64_t salt);

/* A shard of the region on a store, with what a daemon of the default settings gives
 * it. Stepped until it has applied everything below `ends` and committed. */
struct world_applied {
    double seconds;              /* from the first record to the last commit */
    double committing;           /* of these: in steps that committed */
    double cpu_loop, cpu_client; /* seconds of the loop's thread, of the others */
    uint64_t records, commits;
};
void world_apply(struct world *world, struct iso_store *store, const char *collection,
                 const int64_t ends[WORLD_PARTITIONS], struct world_applied *applied);

#endif
