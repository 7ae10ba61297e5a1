/* Who reads which partition from where.
 *
 *   reader ── topic ── slots, by partition ──┐
 *         └── assignments, sorted by id ─────┴─► assignment
 *
 * A topic's handle carries our topic as its opaque, so that a message finds its
 * assignment in two steps. Topics stay until the reader is closed; they are few.
 *
 * Stopping a partition (rd_kafka_consume_stop) bumps its version before it returns, so
 * that nothing fetched from the old position leaves the queue afterwards; that is why
 * partitions are started and stopped one by one and not by rd_kafka_assign, whose
 * removals are worked off later.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "bus/kafka_reader.h"

static struct kafka_topic *topic_get(struct kafka_reader *reader, const char *name)
{
    struct kafka_topic *topic = reader->topics;
    while (topic != NULL && strcmp(topic->name, name) != 0)
        topic = topic->next;
    if (topic != NULL)
        return topic;
    size_t size = strlen(name) + 1;
    topic = iso_alloc_zero(1, sizeof *topic + size);
    memcpy(topic->name, name, size);
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(reader->rk);
    rd_kafka_topic_conf_set_opaque(conf, topic);
    topic->rkt = rd_kafka_topic_new(reader->rk, name, conf);
    iso_assert(topic->rkt != NULL); /* the name was checked */
    topic->next = reader->topics;
    reader->topics = topic;
    return topic;
}

static struct kafka_assignment **topic_slot(struct kafka_topic *topic, int partition)
{
    if (partition >= topic->slot_count) {
        topic->slots = iso_realloc(topic->slots, (size_t)(partition + 1) *
                                                     sizeof(struct kafka_assignment *));
        while (topic->slot_count <= partition)
            topic->slots[topic->slot_count++] = NULL;
    }
    return &topic->slots[partition];
}

/* Where `id` stands, or would. */
static size_t assignment_index(const struct kafka_reader *reader, uint32_t id)
{
    size_t low = 0, high = reader->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reader->assignments[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct kafka_assignment *iso_kafka_assignment_find(const struct kafka_reader *reader,
                                                   uint32_t id)
{
    size_t at = assignment_index(reader, id);
    if (at < reader->count && reader->assignments[at]->id == id)
        return reader->assignments[at];
    return NULL;
}

static struct kafka_assignment *assignment_add(struct kafka_reader *reader, uint32_t id)
{
    size_t at = assignment_index(reader, id);
    reader->assignments = iso_realloc(
        reader->assignments, (reader->count + 1) * sizeof(struct kafka_assignment *));
    memmove(reader->assignments + at + 1, reader->assignments + at,
            (reader->count - at) * sizeof(struct kafka_assignment *));
    reader->assignments[at] = iso_alloc_zero(1, sizeof **reader->assignments);
    reader->assignments[at]->id = id;
    reader->assignments[at]->stands = true;
    reader->count++;
    return reader->assignments[at];
}

void iso_kafka_assignment_stop(struct kafka_reader *reader, struct kafka_assignment *at,
                               int64_t resume_ms)
{
    if (!at->stands)
        rd_kafka_consume_stop(at->topic->rkt, at->partition);
    reader->resuming += resume_ms != 0;
    reader->resuming -= at->resume_ms != 0;
    reader->troubled -= at->trouble != RD_KAFKA_RESP_ERR_NO_ERROR;
    at->stands = true;
    at->resume_ms = resume_ms;
    at->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void assignment_remove(struct kafka_reader *reader,
                              struct kafka_assignment *gone)
{
    size_t at = assignment_index(reader, gone->id);
    iso_kafka_assignment_stop(reader, gone, 0);
    *topic_slot(gone->topic, gone->partition) = NULL;
    reader->count--;
    memmove(reader->assignments + at, reader->assignments + at + 1,
            (reader->count - at) * sizeof(struct kafka_assignment *));
    iso_free(gone);
}

static enum iso_err assignment_start(const struct kafka_reader *reader,
                                     struct kafka_assignment *at, struct iso_why *why)
{
    if (rd_kafka_consume_start_queue(at->topic->rkt, at->partition, at->next,
                                     reader->queue) == -1) {
        rd_kafka_resp_err_t err = rd_kafka_last_error();
        return iso_fail(why, iso_kafka_err(err), "%s/%d cannot be read from %lld: %s",
                        at->topic->name, at->partition, (long long)at->next,
                        rd_kafka_err2str(err));
    }
    at->stands = false;
    return ISO_OK;
}

enum iso_err iso_kafka_assign(struct iso_reader *base, uint32_t id,
                              const struct iso_place *place, struct iso_why *why)
{
    struct kafka_reader *reader = kafka_reader_of(base);
    struct kafka_topic *topic = topic_get(reader, place->topic);
    struct kafka_assignment **slot = topic_slot(topic, place->partition);
    if (*slot != NULL && (*slot)->id != id)
        return iso_fail(why, ISO_EXISTS, "%s/%d is read as %u already", topic->name,
                        place->partition, (unsigned)(*slot)->id);
    struct kafka_assignment *at = iso_kafka_assignment_find(reader, id);
    if (at != NULL && at != *slot) { /* it read another partition */
        assignment_remove(reader, at);
        at = NULL;
    }
    if (at != NULL)
        iso_kafka_assignment_stop(reader, at, 0);
    else
        at = assignment_add(reader, id);
    at->topic = topic;
    at->partition = place->partition;
    at->next = place->offset;
    *slot = at;
    enum iso_err err = assignment_start(reader, at, why);
    if (err != ISO_OK)
        assignment_remove(reader, at);
    return err;
}

enum iso_err iso_kafka_unassign(struct iso_reader *base, uint32_t id,
                                struct iso_why *why)
{
    struct kafka_reader *reader = kafka_reader_of(base);
    struct kafka_assignment *at = iso_kafka_assignment_find(reader, id);
    if (at == NULL)
        return iso_fail(why, ISO_NOT_FOUND, "%u reads no partition", (unsigned)id);
    assignment_remove(reader, at);
    return ISO_OK;
}

void iso_kafka_assignments_resume(struct kafka_reader *reader)
{
    int64_t now_ms = iso_steady_ms(&iso_clock_machine);
    for (size_t i = 0; i < reader->count; i++) {
        struct kafka_assignment *at = reader->assignments[i];
        if (at->resume_ms == 0 || at->resume_ms > now_ms)
            continue;
        if (assignment_start(reader, at, NULL) == ISO_OK) {
            at->resume_ms = 0;
            reader->resuming--;
        }
    }
}

struct kafka_assignment *iso_kafka_assignment_of(const rd_kafka_message_t *message)
{
    const struct kafka_topic *topic = rd_kafka_topic_opaque(message->rkt);
    if (message->partition < 0 || message->partition >= topic->slot_count)
        return NULL;
    return topic->slots[message->partition];
}

void iso_kafka_assignments_release(struct kafka_reader *reader)
{
    while (reader->count > 0)
        assignment_remove(reader, reader->assignments[reader->count - 1]);
    iso_free(reader->assignments);
    while (reader->topics != NULL) {
        struct kafka_topic *topic = reader->topics;
        reader->topics = topic->next;
        rd_kafka_topic_destroy(topic->rkt);
        iso_free(topic->slots);
        iso_free(topic);
    }
}
