/* A publisher into memory logs: what is sent waits in a ring; a poll moves all of it
 * into the logs and reports each fate. So a test decides when records become visible,
 * and a record that was sent while the bus is cut, or never polled, is in no log.
 *
 * Fates are reported without the lock, because `delivered` may send again at once; what
 * it sends waits for the next poll.
 */
#include "base/mem.h"
#include "bus/memory_log.h"

enum { MEMORY_MAX_DEFAULT = 64 * 1024 * 1024, RECORD_OVERHEAD = 64 };

struct memory_publisher {
    struct iso_publisher publisher;
    struct memory_bus *bus;
    struct iso_publisher_options options;
    char *header;
    struct iso_message *waiting; /* a ring; room is a power of two */
    size_t first, count, room;
    int64_t memory;
    struct iso_delivery *answers; /* on their way, while nothing comes in */
    size_t answer_count, answer_room;
    bool fenced;
};

static const struct iso_publisher_port publisher_port;

static struct memory_publisher *publisher_of(struct iso_publisher *publisher)
{
    return (struct memory_publisher *)publisher; /* its first member */
}

enum iso_err iso_memory_publisher_open(struct iso_bus *bus,
                                       const struct iso_publisher_options *options,
                                       struct iso_publisher **publisher,
                                       struct iso_why *why)
{
    (void)why;
    struct memory_publisher *opened = iso_alloc_zero(1, sizeof *opened);
    opened->publisher.port = &publisher_port;
    opened->bus = memory_bus_of(bus);
    opened->options = *options;
    if (opened->options.memory_max == 0)
        opened->options.memory_max = MEMORY_MAX_DEFAULT;
    opened->header = iso_strdup(options->header);
    pthread_mutex_lock(&opened->bus->cluster->lock);
    opened->bus->users++;
    pthread_mutex_unlock(&opened->bus->cluster->lock);
    *publisher = &opened->publisher;
    return ISO_OK;
}

static int64_t message_memory(const struct iso_message *message)
{
    return (int64_t)(message->key.size + message->value.size + message->header.size) +
           RECORD_OVERHEAD;
}

/* The lock is held. */
static enum iso_err publisher_fenced(struct memory_publisher *publisher,
                                     struct iso_why *why)
{
    if (publisher->bus->fence) {
        publisher->bus->fence = false;
        publisher->fenced = true;
    }
    if (publisher->fenced)
        return iso_fail(why, ISO_FENCED,
                        "this publisher was fenced and cannot go on: open another and "
                        "send again what has no answer");
    return ISO_OK;
}

/* The lock is held. */
static void waiting_add(struct memory_publisher *publisher,
                        const struct iso_message *message)
{
    if (publisher->count == publisher->room) {
        size_t room = publisher->room ? publisher->room * 2 : 64;
        struct iso_message *ring = iso_alloc(room * sizeof *ring);
        for (size_t i = 0; i < publisher->count; i++)
            ring[i] =
                publisher->waiting[(publisher->first + i) & (publisher->room - 1)];
        iso_free(publisher->waiting);
        publisher->waiting = ring;
        publisher->first = 0;
        publisher->room = room;
    }
    size_t at = (publisher->first + publisher->count++) & (publisher->room - 1);
    publisher->waiting[at] = *message;
    publisher->memory += message_memory(message);
}

/* The lock is held. */
static struct iso_message waiting_take(struct memory_publisher *publisher)
{
    struct iso_message message = publisher->waiting[publisher->first];
    publisher->first = (publisher->first + 1) & (publisher->room - 1);
    publisher->count--;
    publisher->memory -= message_memory(&message);
    return message;
}

static enum iso_err memory_send(struct iso_publisher *base,
                                const struct iso_message *message, struct iso_why *why)
{
    struct memory_publisher *publisher = publisher_of(base);
    pthread_mutex_lock(&publisher->bus->cluster->lock);
    enum iso_err err = publisher_fenced(publisher, why);
    if (err == ISO_OK &&
        publisher->memory + message_memory(message) > publisher->options.memory_max)
        err = iso_fail(why, ISO_AGAIN,
                       "%zu records wait to be sent: poll, then try again",
                       publisher->count);
    if (err == ISO_OK)
        waiting_add(publisher, message);
    pthread_mutex_unlock(&publisher->bus->cluster->lock);
    return err;
}

/* Appends one record as the bus's controls say; its fate. The lock is held. */
static struct iso_delivery publisher_append(struct memory_publisher *publisher,
                                            const struct iso_message *message)
{
    struct memory_bus *bus = publisher->bus;
    struct iso_delivery delivery = {
        .opaque = message->opaque, .offset = -1, .append_ms = -1};
    struct memory_topic *topic = iso_memory_topic(bus->cluster, message->topic);
    if (topic == NULL || message->partition >= topic->partition_count) {
        delivery.fate = ISO_NOT_SENT;
        delivery.err = ISO_NOT_FOUND;
        return delivery;
    }
    if (message_memory(message) > topic->message_max) {
        delivery.fate = ISO_NOT_SENT;
        delivery.err = ISO_TOO_LARGE;
        return delivery;
    }
    int64_t offset = iso_memory_append(bus->cluster, topic, message, publisher->header);
    if (bus->duplicate > 0) {
        bus->duplicate--;
        iso_memory_append(bus->cluster, topic, message, publisher->header);
    }
    if (bus->lose_answers > 0) {
        bus->lose_answers--;
        delivery.fate = ISO_MAYBE_SENT;
        delivery.err = ISO_UNKNOWN;
        return delivery;
    }
    delivery.fate = ISO_SENT;
    delivery.offset = offset;
    if (topic->append_by_broker)
        delivery.append_ms = iso_now_ms(bus->cluster->clock);
    return delivery;
}

/* The lock is held. */
static void answer_keep(struct memory_publisher *publisher,
                        const struct iso_delivery *delivery)
{
    if (publisher->answer_count == publisher->answer_room) {
        publisher->answer_room = publisher->answer_room * 2 + 16;
        publisher->answers = iso_realloc(
            publisher->answers, publisher->answer_room * sizeof *publisher->answers);
    }
    publisher->answers[publisher->answer_count++] = *delivery;
}

/* Tells what has waited; a fate of its own for who closes. The lock is held. */
static int answers_tell(struct memory_publisher *publisher, bool closing)
{
    pthread_mutex_t *lock = &publisher->bus->cluster->lock;
    struct iso_delivery *answers = publisher->answers;
    size_t count = publisher->answer_count;
    publisher->answers = NULL;
    publisher->answer_count = publisher->answer_room = 0;
    pthread_mutex_unlock(lock);
    for (size_t i = 0; i < count; i++) {
        if (closing) {
            answers[i].fate = ISO_MAYBE_SENT;
            answers[i].err = ISO_UNKNOWN;
            answers[i].offset = answers[i].append_ms = -1;
        }
        publisher->options.delivered(publisher->options.user, &answers[i]);
    }
    iso_free(answers);
    pthread_mutex_lock(lock);
    return (int)count;
}

static enum iso_err memory_poll(struct iso_publisher *base, int timeout_ms,
                                int *delivered, struct iso_why *why)
{
    (void)timeout_ms;
    struct memory_publisher *publisher = publisher_of(base);
    pthread_mutex_t *lock = &publisher->bus->cluster->lock;
    *delivered = 0;
    pthread_mutex_lock(lock);
    enum iso_err err = publisher_fenced(publisher, why);
    size_t waiting = publisher->count;
    unsigned cut = publisher->bus->cut;
    if (err == ISO_OK && publisher->answer_count > 0 && (cut & ISO_MEMORY_IN) == 0)
        *delivered += answers_tell(publisher, false);
    while (err == ISO_OK && waiting-- > 0 && (cut & ISO_MEMORY_OUT) == 0) {
        struct iso_message message = waiting_take(publisher);
        struct iso_delivery delivery = publisher_append(publisher, &message);
        if ((cut & ISO_MEMORY_IN) != 0) {
            answer_keep(publisher, &delivery);
            continue;
        }
        pthread_mutex_unlock(lock);
        ++*delivered;
        publisher->options.delivered(publisher->options.user, &delivery);
        pthread_mutex_lock(lock);
    }
    pthread_mutex_unlock(lock);
    return err;
}

static enum iso_err memory_trouble(struct iso_publisher *base, struct iso_why *why)
{
    if (publisher_of(base)->bus->cut != 0)
        return iso_fail(why, ISO_UNAVAILABLE, "the memory cluster is cut off: heal it");
    return ISO_OK;
}

static void memory_publisher_close(struct iso_publisher *base)
{
    struct memory_publisher *publisher = publisher_of(base);
    pthread_mutex_t *lock = &publisher->bus->cluster->lock;
    pthread_mutex_lock(lock);
    answers_tell(publisher, true);
    while (publisher->count > 0) {
        struct iso_message message = waiting_take(publisher);
        struct iso_delivery delivery = {.opaque = message.opaque,
                                        .fate = ISO_MAYBE_SENT,
                                        .err = ISO_UNAVAILABLE,
                                        .offset = -1,
                                        .append_ms = -1};
        pthread_mutex_unlock(lock);
        publisher->options.delivered(publisher->options.user, &delivery);
        pthread_mutex_lock(lock);
    }
    publisher->bus->users--;
    pthread_mutex_unlock(lock);
    iso_free(publisher->waiting);
    iso_free(publisher->header);
    iso_free(publisher);
}

static const struct iso_publisher_port publisher_port = {
    .close = memory_publisher_close,
    .send = memory_send,
    .poll = memory_poll,
    .trouble = memory_trouble,
};
