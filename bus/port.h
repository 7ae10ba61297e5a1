/* port.h - what a bus must be able to do; private to this room.
 *
 * bus.c is the only caller: it has checked names, sizes and offsets before a slot is
 * called, so a slot need not. What bus.h promises of a call is promised by its slot.
 * Every slot is there. An implementation embeds the three structs as first members.
 */
#ifndef ISO_BUS_PORT_H
#define ISO_BUS_PORT_H

#include "bus/bus.h"

/* A place in a topic: parameters that travel together. */
struct iso_place {
    const char *topic;
    int partition;
    int64_t offset;
};

struct iso_bus_port {
    /* Nothing happens while a caller waits: a question that has no answer now has none
     * at the deadline either. True of the memory bus, which a test turns by hand. */
    bool still;
    void (*close)(struct iso_bus *bus);
    enum iso_err (*brokers)(struct iso_bus *bus, int timeout_ms, int *brokers,
                            struct iso_why *why);
    enum iso_err (*partitions)(struct iso_bus *bus, const char *topic, int timeout_ms,
                               int *partitions, struct iso_why *why);
    enum iso_err (*topic_create)(struct iso_bus *bus, const struct iso_topic *spec,
                                 int timeout_ms, struct iso_why *why);
    enum iso_err (*topic_config)(struct iso_bus *bus, const char *topic, int timeout_ms,
                                 void (*each)(void *user, const char *name,
                                              const char *value),
                                 void *user, struct iso_why *why);
    enum iso_err (*topic_set)(struct iso_bus *bus, const char *topic,
                              const struct iso_topic_config *setting, int timeout_ms,
                              struct iso_why *why);
    enum iso_err (*ends)(struct iso_bus *bus, struct iso_position *positions,
                         size_t count, int timeout_ms, struct iso_why *why);
    enum iso_err (*committed)(struct iso_bus *bus, const char *group,
                              struct iso_committed *positions, size_t count,
                              int timeout_ms, struct iso_why *why);
    enum iso_err (*written)(struct iso_bus *bus, struct iso_position *positions,
                            size_t count, int timeout_ms, struct iso_why *why);
    enum iso_err (*publisher_open)(struct iso_bus *bus,
                                   const struct iso_publisher_options *options,
                                   struct iso_publisher **publisher,
                                   struct iso_why *why);
    enum iso_err (*reader_open)(struct iso_bus *bus,
                                const struct iso_reader_options *options,
                                struct iso_reader **reader, struct iso_why *why);
};

struct iso_publisher_port {
    void (*close)(struct iso_publisher *publisher);
    enum iso_err (*send)(struct iso_publisher *publisher,
                         const struct iso_message *message, struct iso_why *why);
    enum iso_err (*poll)(struct iso_publisher *publisher, int timeout_ms,
                         int *delivered, struct iso_why *why);
    enum iso_err (*trouble)(struct iso_publisher *publisher, struct iso_why *why);
};

struct iso_reader_port {
    void (*close)(struct iso_reader *reader);
    enum iso_err (*assign)(struct iso_reader *reader, uint32_t id,
                           const struct iso_place *place, struct iso_why *why);
    enum iso_err (*unassign)(struct iso_reader *reader, uint32_t id,
                             struct iso_why *why);
    enum iso_err (*fetch)(struct iso_reader *reader, size_t max, int timeout_ms,
                          const struct iso_record **records, size_t *count,
                          struct iso_why *why);
    void (*commit)(struct iso_reader *reader, const uint32_t *ids,
                   const int64_t *next_offsets, size_t count);
};

struct iso_bus {
    const struct iso_bus_port *port;
};
struct iso_publisher {
    const struct iso_publisher_port *port;
};
struct iso_reader {
    const struct iso_reader_port *port;
};

#endif
