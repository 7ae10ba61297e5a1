/* The port's checks and its two composed calls, once for every bus.
 *
 * Each public call checks what any bus would have to check (names, sizes, offsets: our
 * own mistakes are asserted, what a user may have chosen is answered) and goes through
 * the table of functions that the handle begins with.
 *
 * iso_bus_read asks for the end first and reads up to it, so that a log which grows
 * while it is read does not keep the caller for ever. iso_bus_publish opens a publisher
 * for one record; when the deadline passes, closing it says whether the record ever
 * left.
 */
#include "bus/bus.h"

#include "base/clock.h"
#include "bus/port.h"

/* Batch and record framing that the broker counts as well. */
enum { MESSAGE_FRAME_MAX = 1024 };
enum { READ_BATCH_MAX = 1000, POLL_MS = 100 };

static enum iso_err topic_check(const char *topic, struct iso_why *why)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    size_t length = strlen(topic);
    if (length == 0 || length > ISO_BUS_TOPIC_MAX || strspn(topic, allowed) != length ||
        strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0)
        return iso_fail(
            why, ISO_USAGE,
            "'%.80s' cannot be a topic's name: 1 to %d letters, digits, '.', "
            "'_' and '-'",
            topic, ISO_BUS_TOPIC_MAX);
    return ISO_OK;
}

void iso_bus_close(struct iso_bus *bus)
{
    if (bus != NULL)
        bus->port->close(bus);
}

enum iso_err iso_bus_brokers(struct iso_bus *bus, int timeout_ms, int *brokers,
                             struct iso_why *why)
{
    return bus->port->brokers(bus, timeout_ms, brokers, why);
}

enum iso_err iso_bus_partitions(struct iso_bus *bus, const char *topic, int timeout_ms,
                                int *partitions, struct iso_why *why)
{
    enum iso_err err = topic_check(topic, why);
    if (err != ISO_OK)
        return err;
    return bus->port->partitions(bus, topic, timeout_ms, partitions, why);
}

enum iso_err iso_bus_topic_create(struct iso_bus *bus, const struct iso_topic *topic,
                                  int timeout_ms, struct iso_why *why)
{
    enum iso_err err = topic_check(topic->name, why);
    if (err != ISO_OK)
        return err;
    if (topic->partitions < 1 || topic->replication < 1)
        return iso_fail(
            why, ISO_USAGE,
            "topic %s cannot have %d partitions and %d replicas: at least one "
            "of each",
            topic->name, topic->partitions, topic->replication);
    return bus->port->topic_create(bus, topic, timeout_ms, why);
}

enum iso_err
iso_bus_topic_config(struct iso_bus *bus, const char *topic, int timeout_ms,
                     void (*each)(void *user, const char *name, const char *value),
                     void *user, struct iso_why *why)
{
    enum iso_err err = topic_check(topic, why);
    if (err != ISO_OK)
        return err;
    return bus->port->topic_config(bus, topic, timeout_ms, each, user, why);
}

enum iso_err iso_bus_topic_set(struct iso_bus *bus, const char *topic,
                               const struct iso_topic_config *setting, int timeout_ms,
                               struct iso_why *why)
{
    enum iso_err err = topic_check(topic, why);
    if (err != ISO_OK)
        return err;
    return bus->port->topic_set(bus, topic, setting, timeout_ms, why);
}

static enum iso_err positions_check(const struct iso_position *positions, size_t count,
                                    struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (size_t i = 0; err == ISO_OK && i < count; i++)
        err = topic_check(positions[i].topic, why);
    return err;
}

enum iso_err iso_bus_ends(struct iso_bus *bus, struct iso_position *positions,
                          size_t count, int timeout_ms, struct iso_why *why)
{
    enum iso_err err = positions_check(positions, count, why);
    if (err != ISO_OK || count == 0)
        return err;
    return bus->port->ends(bus, positions, count, timeout_ms, why);
}

enum iso_err iso_bus_written(struct iso_bus *bus, struct iso_position *positions,
                             size_t count, int timeout_ms, struct iso_why *why)
{
    enum iso_err err = positions_check(positions, count, why);
    if (err != ISO_OK || count == 0)
        return err;
    return bus->port->written(bus, positions, count, timeout_ms, why);
}

enum iso_err iso_bus_committed(struct iso_bus *bus, const char *group,
                               struct iso_committed *positions, size_t count,
                               int timeout_ms, struct iso_why *why)
{
    iso_assert(group != NULL && group[0] != '\0');
    for (size_t i = 0; i < count; i++) {
        enum iso_err err = topic_check(positions[i].topic, why);
        if (err != ISO_OK)
            return err;
        positions[i].next = -1;
    }
    return count == 0
               ? ISO_OK
               : bus->port->committed(bus, group, positions, count, timeout_ms, why);
}

enum iso_err iso_publisher_open(struct iso_bus *bus,
                                const struct iso_publisher_options *options,
                                struct iso_publisher **publisher, struct iso_why *why)
{
    iso_assert(options->header != NULL && options->delivered != NULL);
    iso_assert(options->memory_max >= 0 && options->linger_ms >= 0);
    return bus->port->publisher_open(bus, options, publisher, why);
}

void iso_publisher_close(struct iso_publisher *publisher)
{
    if (publisher != NULL)
        publisher->port->close(publisher);
}

enum iso_err iso_publisher_send(struct iso_publisher *publisher,
                                const struct iso_message *message, struct iso_why *why)
{
    iso_assert(message->partition >= 0);
    size_t size = message->key.size + message->value.size + message->header.size;
    if (size > ISO_MESSAGE_MAX - MESSAGE_FRAME_MAX)
        return iso_fail(
            why, ISO_TOO_LARGE,
            "a record of %zu bytes (key %zu, value %zu, header %zu) is over "
            "the %d that Kafka topics of isostasy hold: split the value",
            size, message->key.size, message->value.size, message->header.size,
            ISO_MESSAGE_MAX - MESSAGE_FRAME_MAX);
    return publisher->port->send(publisher, message, why);
}

enum iso_err iso_publisher_poll(struct iso_publisher *publisher, int timeout_ms,
                                int *delivered, struct iso_why *why)
{
    return publisher->port->poll(publisher, timeout_ms, delivered, why);
}

enum iso_err iso_publisher_trouble(struct iso_publisher *publisher, struct iso_why *why)
{
    return publisher->port->trouble(publisher, why);
}

enum iso_err iso_reader_open(struct iso_bus *bus,
                             const struct iso_reader_options *options,
                             struct iso_reader **reader, struct iso_why *why)
{
    iso_assert(options->header != NULL && options->memory_max >= 0);
    return bus->port->reader_open(bus, options, reader, why);
}

void iso_reader_close(struct iso_reader *reader)
{
    if (reader != NULL)
        reader->port->close(reader);
}

enum iso_err iso_reader_assign(struct iso_reader *reader, uint32_t id,
                               const char *topic, int partition, int64_t offset,
                               struct iso_why *why)
{
    iso_assert(partition >= 0 && offset >= 0 && id != UINT32_MAX);
    enum iso_err err = topic_check(topic, why);
    if (err != ISO_OK)
        return err;
    struct iso_place place = {.topic = topic, .partition = partition, .offset = offset};
    return reader->port->assign(reader, id, &place, why);
}

enum iso_err iso_reader_unassign(struct iso_reader *reader, uint32_t id,
                                 struct iso_why *why)
{
    return reader->port->unassign(reader, id, why);
}

enum iso_err iso_reader_fetch(struct iso_reader *reader, size_t max, int timeout_ms,
                              const struct iso_record **records, size_t *count,
                              struct iso_why *why)
{
    iso_assert(max > 0);
    return reader->port->fetch(reader, max, timeout_ms, records, count, why);
}

void iso_reader_commit(struct iso_reader *reader, const uint32_t *ids,
                       const int64_t *next_offsets, size_t count)
{
    reader->port->commit(reader, ids, next_offsets, count);
}

/* ---- both: reading to the end ---- */

struct bus_read {
    const struct iso_walk *walk;
    struct iso_reader *reader;
    int64_t next, end;
    struct iso_why *why;
};

/* One event. What happened to the partition ends the reading; what happened to the
 * cluster is remembered in `why`, for when the deadline passes. */
static enum iso_err bus_read_event(struct bus_read *read,
                                   const struct iso_record *record)
{
    switch (record->event) {
    case ISO_RECORD:
        if (record->offset >= read->end) {
            read->next = read->end;
            return ISO_OK;
        }
        read->next = record->offset + 1;
        return read->walk->each(read->walk->user, record, read->why);
    case ISO_AT_END:
        if (record->offset > read->next)
            read->next = record->offset;
        return ISO_OK;
    case ISO_HOLE:
        return iso_fail(read->why, ISO_NOT_FOUND,
                        "offset %lld of %s/%d is not in the log (any more): retention "
                        "passed it, or the topic was made anew",
                        (long long)record->offset, read->walk->topic,
                        read->walk->partition);
    case ISO_TROUBLE:
        iso_fail(read->why, record->err, "%s", record->text);
        return iso_err_kind(record->err) == ISO_RETRY ? ISO_OK : record->err;
    }
    return ISO_OK;
}

static enum iso_err bus_read_loop(struct iso_bus *bus, struct bus_read *read)
{
    int64_t progress_ms = iso_steady_ms(&iso_clock_machine);
    while (read->next < read->end) {
        const struct iso_record *records;
        size_t count = 0;
        enum iso_err err = iso_reader_fetch(read->reader, READ_BATCH_MAX, POLL_MS,
                                            &records, &count, read->why);
        int64_t before = read->next;
        for (size_t i = 0; err == ISO_OK && i < count && read->next < read->end; i++)
            err = bus_read_event(read, &records[i]);
        if (err != ISO_OK)
            return err;
        int64_t now_ms = iso_steady_ms(&iso_clock_machine);
        if (read->next != before)
            progress_ms = now_ms;
        else if (bus->port->still || now_ms - progress_ms >= read->walk->timeout_ms)
            return ISO_UNAVAILABLE;
    }
    return ISO_OK;
}

enum iso_err iso_bus_read(struct iso_bus *bus, const struct iso_walk *walk,
                          int64_t *next, struct iso_why *why)
{
    if (next != NULL)
        *next = walk->from;
    struct iso_position ends = {.topic = walk->topic, .partition = walk->partition};
    enum iso_err err = iso_bus_ends(bus, &ends, 1, walk->timeout_ms, why);
    if (err != ISO_OK)
        return err;
    if (walk->from < ends.begin || walk->from > ends.end)
        return iso_fail(why, ISO_NOT_FOUND,
                        "offset %lld of %s/%d is not in the log (any more): it holds "
                        "%lld up to %lld",
                        (long long)walk->from, walk->topic, walk->partition,
                        (long long)ends.begin, (long long)ends.end);
    if (walk->from == ends.end)
        return ISO_OK;
    struct iso_reader_options options = {.client_id = "isostasy-read", .header = "iso"};
    struct iso_why trouble = {.text = "nothing was heard of it"};
    struct bus_read read = {
        .walk = walk, .next = walk->from, .end = ends.end, .why = &trouble};
    err = iso_reader_open(bus, &options, &read.reader, why);
    if (err != ISO_OK)
        return err;
    err = iso_reader_assign(read.reader, 0, walk->topic, walk->partition, walk->from,
                            &trouble);
    if (err == ISO_OK)
        err = bus_read_loop(bus, &read);
    iso_reader_close(read.reader);
    if (next != NULL)
        *next = read.next;
    if (err == ISO_UNAVAILABLE && trouble.err != ISO_UNAVAILABLE)
        iso_fail(why, err,
                 "%s/%d could not be read past offset %lld within %d ms: %.300s",
                 walk->topic, walk->partition, (long long)read.next, walk->timeout_ms,
                 trouble.text);
    else if (err != ISO_OK && why != NULL)
        *why = trouble;
    return err;
}

/* ---- both: one record ---- */

struct bus_publish {
    bool done;
    struct iso_delivery delivery;
};

static void bus_publish_delivered(void *user, const struct iso_delivery *delivery)
{
    struct bus_publish *publish = user;
    publish->done = true;
    publish->delivery = *delivery;
}

static enum iso_err bus_publish_loop(struct iso_bus *bus,
                                     struct iso_publisher *publisher,
                                     const struct iso_message *message, int timeout_ms,
                                     const struct bus_publish *publish,
                                     struct iso_why *why)
{
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + timeout_ms;
    enum iso_err err = iso_publisher_send(publisher, message, why);
    while (err == ISO_OK && !publish->done) {
        int delivered;
        int64_t left_ms = until_ms - iso_steady_ms(&iso_clock_machine);
        if (left_ms < 0)
            break;
        err = iso_publisher_poll(publisher, left_ms < POLL_MS ? (int)left_ms : POLL_MS,
                                 &delivered, why);
        if (bus->port->still && delivered == 0)
            break;
    }
    return err;
}

enum iso_err iso_bus_publish(struct iso_bus *bus, const struct iso_message *message,
                             const char *header, int timeout_ms,
                             struct iso_delivery *delivery, struct iso_why *why)
{
    struct bus_publish publish = {.delivery = {.err = ISO_UNAVAILABLE}};
    struct iso_publisher_options options = {.client_id = "isostasy-publish",
                                            .header = header,
                                            .delivered = bus_publish_delivered,
                                            .user = &publish};
    enum iso_err err = topic_check(message->topic, why);
    struct iso_publisher *publisher = NULL;
    if (err == ISO_OK)
        err = iso_publisher_open(bus, &options, &publisher, why);
    if (err != ISO_OK)
        return err;
    struct iso_why trouble = {.text = "no answer came"};
    err = bus_publish_loop(bus, publisher, message, timeout_ms, &publish, &trouble);
    if (err == ISO_OK && !publish.done)
        iso_publisher_trouble(publisher, &trouble);
    iso_publisher_close(publisher); /* an unanswered record is answered here */

    if (err != ISO_OK && !publish.done) {
        if (why != NULL)
            *why = trouble;
        return err;
    }
    if (delivery != NULL)
        *delivery = publish.delivery;
    if (publish.delivery.fate == ISO_SENT)
        return ISO_OK;
    return iso_fail(why, publish.delivery.err,
                    "a record for %s/%d was not acknowledged: %s"
                    "%s%.300s",
                    message->topic, message->partition,
                    iso_err_words(publish.delivery.err), trouble.text[0] ? ": " : "",
                    publish.delivery.fate == ISO_NOT_SENT ? "" : trouble.text);
}
