/* raw.h - the same work without isostasy: what librdkafka and LMDB alone reach with the
 * same bytes and the same settings. What fails ends the process.
 */
#ifndef ISO_TESTS_RAW_H
#define ISO_TESTS_RAW_H

#include "bench.h"

/* Produces records of the bench's keys and values and a header of `header_size` bytes,
 * as world_publish does; says the seconds from the first record to the last delivery
 * report. With `copy` librdkafka copies the value, so that its buffer is the caller's
 * again at once, as it is with the producer library; without, it must stay. */
struct raw_produce {
    const char *topic;
    uint64_t count;
    size_t header_size;
    bool copy;
};
double raw_publish(const char *servers, const struct raw_produce *what);

/* A part of a topic: partitions 0 … partitions − 1, each from `begins` to `ends`. */
struct raw_range {
    const char *topic;
    int partitions;
    const int64_t *begins, *ends;
};

/* The keys of the bench's records in the order in which Kafka gave them. */
struct raw_order {
    uint8_t (*keys)[BENCH_KEY];
    uint64_t count, room;
};

/* Reads by rd_kafka_consume_batch_queue and looks at nothing; says the seconds from the
 * first record to the last. With `order` (else NULL) it notes the keys as they come,
 * and is then no measure. */
double raw_consume(const char *servers, const struct raw_range *range,
                   struct raw_order *order);

/* Puts a row a key of `order` into an LMDB environment in `folder`: the key behind the
 * prefix that the daemon gives it, a value of `value_size` bytes; in so many durable
 * commits, each sorted. What is timed is LMDB alone: rows are made and sorted before.
 */
double raw_upsert(const char *folder, const struct raw_order *order, size_t value_size,
                  uint64_t commits);

#endif
