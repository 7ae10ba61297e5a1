/* producer_bus.h - a bus that fails on demand, around a memory bus; safe for threads.
 *
 *   budget   after so many calls everything is cut off (-1: never)
 *   fence    the next send or poll is ISO_FENCED (any thread may set it); fence_every:
 * so is every n-th send alter    sees every delivery first, and may change it reopen
 * how many publishers may still fail to open
 */
#ifndef ISO_TESTS_PRODUCER_BUS_H
#define ISO_TESTS_PRODUCER_BUS_H

#include <stdatomic.h>

#include "base/mem.h"
#include "bus/memory.h"
#include "bus/port.h"

struct fault_bus {
    struct iso_bus bus;
    struct iso_bus *inner;
    atomic_int budget;
    atomic_bool fence;
    atomic_int fence_every, sends;
    atomic_int reopen_fails, refuse;
    bool reverse;
    void (*alter)(struct iso_delivery *delivery);
    bool send_polls; /* what is sent is in the log at once */
};

enum { FAULT_HELD_MAX = 64 };

struct fault_publisher {
    struct iso_publisher publisher;
    struct fault_bus *bus;
    struct iso_publisher *inner;
    struct iso_publisher_options options;
    atomic_bool fenced;
    struct iso_delivery held[FAULT_HELD_MAX]; /* while it reverses */
    int held_count;
};

static inline void fault_spend(struct fault_bus *bus)
{
    if (atomic_load(&bus->budget) < 0)
        return;
    if (atomic_fetch_sub(&bus->budget, 1) == 0) {
        iso_memory_cut(bus->inner, true);
        atomic_store(&bus->budget, -1);
    }
}
static inline struct fault_bus *fault_of(struct iso_bus *bus)
{
    fault_spend((struct fault_bus *)bus);
    return (struct fault_bus *)bus;
}

/* ---- publisher ---- */

static inline bool fault_fenced(struct fault_publisher *publisher)
{
    if (atomic_exchange(&publisher->bus->fence, false))
        atomic_store(&publisher->fenced, true);
    return atomic_load(&publisher->fenced);
}

static inline enum iso_err fault_send(struct iso_publisher *base,
                                      const struct iso_message *message,
                                      struct iso_why *why)
{
    struct fault_publisher *publisher = (struct fault_publisher *)base;
    fault_spend(publisher->bus);
    int every = atomic_load(&publisher->bus->fence_every);
    if (every > 0 && atomic_fetch_add(&publisher->bus->sends, 1) % every == every - 1)
        atomic_store(&publisher->fenced, true);
    if (fault_fenced(publisher))
        return iso_fail(why, ISO_FENCED, "fenced");
    if (atomic_load(&publisher->bus->refuse) > 0) {
        atomic_fetch_sub(&publisher->bus->refuse, 1);
        return iso_fail(why, ISO_AGAIN, "full");
    }
    enum iso_err err = iso_publisher_send(publisher->inner, message, why);
    int delivered;
    if (err == ISO_OK && publisher->bus->send_polls)
        err = iso_publisher_poll(publisher->inner, 0, &delivered, why);
    return err;
}

static inline enum iso_err fault_poll(struct iso_publisher *base, int timeout_ms,
                                      int *delivered, struct iso_why *why)
{
    struct fault_publisher *publisher = (struct fault_publisher *)base;
    fault_spend(publisher->bus);
    *delivered = 0;
    if (fault_fenced(publisher))
        return iso_fail(why, ISO_FENCED, "fenced");
    enum iso_err err = iso_publisher_poll(publisher->inner, timeout_ms, delivered, why);
    while (publisher->held_count > 0)
        publisher->options.delivered(publisher->options.user,
                                     &publisher->held[--publisher->held_count]);
    return err;
}

static inline enum iso_err fault_trouble(struct iso_publisher *base,
                                         struct iso_why *why)
{
    return iso_publisher_trouble(((struct fault_publisher *)base)->inner, why);
}

static inline void fault_publisher_close(struct iso_publisher *base)
{
    iso_publisher_close(((struct fault_publisher *)base)->inner);
    iso_free(base);
}

static const struct iso_publisher_port fault_publisher_port = {
    .close = fault_publisher_close,
    .send = fault_send,
    .poll = fault_poll,
    .trouble = fault_trouble,
};

static inline void fault_delivered(void *user, const struct iso_delivery *delivery)
{
    struct fault_publisher *publisher = user;
    struct iso_delivery altered = *delivery;
    if (publisher->bus->alter != NULL)
        publisher->bus->alter(&altered);
    if (publisher->bus->reverse) {
        iso_assert(publisher->held_count < FAULT_HELD_MAX);
        publisher->held[publisher->held_count++] = altered;
        return;
    }
    publisher->options.delivered(publisher->options.user, &altered);
}

/* ---- bus ---- */

static inline enum iso_err
fault_publisher_open(struct iso_bus *base, const struct iso_publisher_options *options,
                     struct iso_publisher **publisher, struct iso_why *why)
{
    struct fault_bus *bus = fault_of(base);
    if (atomic_load(&bus->reopen_fails) > 0) {
        atomic_fetch_sub(&bus->reopen_fails, 1);
        return iso_fail(why, ISO_SETTING, "no publisher can be opened now");
    }
    struct fault_publisher *opened = iso_alloc_zero(1, sizeof *opened);
    opened->publisher.port = &fault_publisher_port;
    opened->bus = bus;
    opened->options = *options;
    struct iso_publisher_options inner = *options;
    inner.delivered = fault_delivered;
    inner.user = opened;
    *publisher = &opened->publisher;
    return iso_publisher_open(bus->inner, &inner, &opened->inner, why);
}

static inline enum iso_err fault_reader_open(struct iso_bus *base,
                                             const struct iso_reader_options *options,
                                             struct iso_reader **reader,
                                             struct iso_why *why)
{
    return iso_reader_open(fault_of(base)->inner, options, reader, why);
}
static inline enum iso_err fault_brokers(struct iso_bus *base, int timeout_ms,
                                         int *brokers, struct iso_why *why)
{
    return iso_bus_brokers(fault_of(base)->inner, timeout_ms, brokers, why);
}
static inline enum iso_err fault_partitions(struct iso_bus *base, const char *topic,
                                            int timeout_ms, int *partitions,
                                            struct iso_why *why)
{
    return iso_bus_partitions(fault_of(base)->inner, topic, timeout_ms, partitions,
                              why);
}
static inline enum iso_err fault_topic_create(struct iso_bus *base,
                                              const struct iso_topic *topic,
                                              int timeout_ms, struct iso_why *why)
{
    return iso_bus_topic_create(fault_of(base)->inner, topic, timeout_ms, why);
}
static inline enum iso_err
fault_topic_config(struct iso_bus *base, const char *topic, int timeout_ms,
                   void (*each)(void *user, const char *name, const char *value),
                   void *user, struct iso_why *why)
{
    return iso_bus_topic_config(fault_of(base)->inner, topic, timeout_ms, each, user,
                                why);
}
static inline enum iso_err fault_topic_set(struct iso_bus *base, const char *topic,
                                           const struct iso_topic_config *setting,
                                           int timeout_ms, struct iso_why *why)
{
    return iso_bus_topic_set(fault_of(base)->inner, topic, setting, timeout_ms, why);
}
static inline enum iso_err fault_ends(struct iso_bus *base,
                                      struct iso_position *positions, size_t count,
                                      int timeout_ms, struct iso_why *why)
{
    return iso_bus_ends(fault_of(base)->inner, positions, count, timeout_ms, why);
}
static inline enum iso_err fault_written(struct iso_bus *base,
                                         struct iso_position *positions, size_t count,
                                         int timeout_ms, struct iso_why *why)
{
    return iso_bus_written(fault_of(base)->inner, positions, count, timeout_ms, why);
}
static inline void fault_close(struct iso_bus *base)
{
    (void)base; /* the inner bus is its owner's */
}

static const struct iso_bus_port fault_bus_port = {
    .still = true,
    .close = fault_close,
    .brokers = fault_brokers,
    .partitions = fault_partitions,
    .topic_create = fault_topic_create,
    .topic_config = fault_topic_config,
    .topic_set = fault_topic_set,
    .ends = fault_ends,
    .written = fault_written,
    .publisher_open = fault_publisher_open,
    .reader_open = fault_reader_open,
};

static inline void fault_bus_init(struct fault_bus *bus, struct iso_bus *inner)
{
    *bus = (struct fault_bus){.bus = {.port = &fault_bus_port}, .inner = inner};
    atomic_store(&bus->budget, -1);
}

#endif
