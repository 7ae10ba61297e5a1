/* A reader is a librdkafka consumer without a group: each partition is started at the
 * offset its owner named, and all of them feed one queue.
 *
 * Stopping a partition (rd_kafka_consume_stop) bumps its version before it returns, so
 * that nothing fetched from the old position leaves the queue afterwards; that is why
 * partitions are started and stopped one by one and not by rd_kafka_assign, whose
 * removals are worked off later. A batch that was taken off the queue before is ours to
 * filter: partitions that *stand* return nothing.
 *
 * librdkafka tells of a damaged batch (CRC, compression) and then goes on behind it. We
 * do not: the partition is stopped, and read again from the same offset after a moment.
 * An offset that is out of range (auto.offset.reset=error) makes the partition stand
 * until its owner assigns it again.
 *
 * Records point into librdkafka's messages, which live until the next fetch.
 */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/kafka.h"

enum {
    RESUME_MS = 1000, /* until a damaged batch is read again */
    QUEUED_MESSAGE_SIZE =
        400, /* what a short fetched record takes in memory, measured */
    QUEUED_MESSAGES_MAX = 1000000,
    FETCH_BYTES_MAX = 50 * 1024 * 1024,
};

struct reader_assignment {
    uint32_t id;
    struct reader_topic *topic;
    int partition;
    int64_t next;
    bool stands;       /* stopped: behind a hole, or until resume_ms */
    int64_t resume_ms; /* steady; 0: only by assign */
};

struct reader_topic {
    struct reader_topic *next;
    rd_kafka_topic_t *rkt; /* its opaque is this struct */
    struct reader_assignment **slots;
    int slot_count;
    char name[];
};

struct kafka_reader {
    struct kafka_trouble trouble; /* first: the callbacks' opaque */
    struct iso_reader reader;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    char *header;
    bool commits;
    struct reader_topic *topics;
    struct reader_assignment **assignments; /* by id */
    size_t count;
    size_t resuming;               /* how many have a resume_ms */
    rd_kafka_message_t **messages; /* what `records` points into */
    size_t message_count;
    struct iso_record *records;
    size_t room;
    struct iso_why trouble_text; /* of the last fetch */
};

static const struct iso_reader_port reader_port;

static struct kafka_reader *reader_of(struct iso_reader *reader)
{
    return (struct kafka_reader *)((char *)reader -
                                   offsetof(struct kafka_reader, reader));
}

/* ---- open, close ---- */

/* Three quarters of the memory are records of the usual short kind, by count; large
 * ones are bounded by bytes. What one fetch may overshoot by is bounded too. */
static enum iso_err reader_client(const struct kafka_bus *bus,
                                  const struct iso_reader_options *options,
                                  struct kafka_reader *reader, struct iso_why *why)
{
    int64_t memory = options->memory_max ? options->memory_max : KAFKA_MEMORY_DEFAULT;
    int64_t count = memory / 4 * 3 / QUEUED_MESSAGE_SIZE;
    int64_t kib = memory / 2 / 1024;
    int64_t fetch = memory / 8;
    if (fetch < 2 * ISO_MESSAGE_MAX)
        fetch = 2 * ISO_MESSAGE_MAX;
    char messages[24], kbytes[24], fetch_max[24], receive_max[24];
    snprintf(
        messages, sizeof messages, "%lld",
        (long long)(count > QUEUED_MESSAGES_MAX ? QUEUED_MESSAGES_MAX : count + 1));
    snprintf(kbytes, sizeof kbytes, "%lld",
             (long long)(kib < 1024      ? 1024
                         : kib > 2097151 ? 2097151
                                         : kib));
    fetch = fetch > FETCH_BYTES_MAX ? FETCH_BYTES_MAX : fetch;
    snprintf(fetch_max, sizeof fetch_max, "%lld", (long long)fetch);
    snprintf(receive_max, sizeof receive_max, "%lld", (long long)fetch * 2);
    const struct kafka_row defaults[] = {
        {"fetch.wait.max.ms", "100"},
        {"fetch.error.backoff.ms", "50"},
        {"fetch.message.max.bytes", "1114112"},
        {"fetch.max.bytes", fetch_max},
        {"receive.message.max.bytes", receive_max},
        {NULL, NULL},
    };
    const struct kafka_row promises[] = {
        {"group.id", options->group ? options->group : "isostasy-reader"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"check.crcs", "true"},
        {"isolation.level", "read_committed"},
        {"allow.auto.create.topics", "false"},
        {"queued.min.messages", messages},
        {"queued.max.messages.kbytes", kbytes},
        {NULL, NULL},
    };
    struct kafka_client client = {.type = RD_KAFKA_CONSUMER,
                                  .client_id = options->client_id,
                                  .defaults = defaults,
                                  .promises = promises,
                                  .opaque = reader};
    return iso_kafka_client_new(bus, &client, &reader->rk, why);
}

static void reader_let_go(struct kafka_reader *reader)
{
    for (size_t i = 0; i < reader->message_count; i++)
        rd_kafka_message_destroy(reader->messages[i]);
    reader->message_count = 0;
}

static void assignment_stop(struct kafka_reader *reader, struct reader_assignment *at)
{
    if (!at->stands)
        rd_kafka_consume_stop(at->topic->rkt, at->partition);
    if (at->resume_ms != 0)
        reader->resuming--;
    at->stands = true;
    at->resume_ms = 0;
}

static void kafka_reader_close(struct iso_reader *base)
{
    struct kafka_reader *reader = reader_of(base);
    reader_let_go(reader);
    for (size_t i = 0; i < reader->count; i++) {
        assignment_stop(reader, reader->assignments[i]);
        iso_free(reader->assignments[i]);
    }
    while (reader->topics != NULL) {
        struct reader_topic *topic = reader->topics;
        reader->topics = topic->next;
        rd_kafka_topic_destroy(topic->rkt);
        iso_free(topic->slots);
        iso_free(topic);
    }
    if (reader->queue != NULL)
        rd_kafka_queue_destroy(reader->queue);
    if (reader->rk != NULL)
        rd_kafka_destroy_flags(reader->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    iso_kafka_trouble_release(&reader->trouble);
    iso_free(reader->assignments);
    iso_free(reader->messages);
    iso_free(reader->records);
    iso_free(reader->header);
    iso_free(reader);
}

enum iso_err iso_kafka_reader_open(struct iso_bus *bus,
                                   const struct iso_reader_options *options,
                                   struct iso_reader **reader, struct iso_why *why)
{
    struct kafka_reader *opened = iso_alloc_zero(1, sizeof *opened);
    opened->reader.port = &reader_port;
    opened->header = iso_strdup(options->header);
    opened->commits = options->group != NULL;
    iso_kafka_trouble_init(&opened->trouble, kafka_bus_of(bus));
    enum iso_err err = reader_client(kafka_bus_of(bus), options, opened, why);
    if (err != ISO_OK) {
        kafka_reader_close(&opened->reader);
        return err;
    }
    /* Errors of the client arrive in the queue that records do. */
    rd_kafka_poll_set_consumer(opened->rk);
    opened->queue = rd_kafka_queue_get_consumer(opened->rk);
    *reader = &opened->reader;
    return ISO_OK;
}

/* ---- assignment ---- */

static struct reader_topic *topic_get(struct kafka_reader *reader, const char *name)
{
    struct reader_topic *topic = reader->topics;
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

static struct reader_assignment **topic_slot(struct reader_topic *topic, int partition)
{
    if (partition >= topic->slot_count) {
        topic->slots =
            iso_realloc(topic->slots, (size_t)(partition + 1) * sizeof(*topic->slots));
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

static struct reader_assignment *assignment_find(const struct kafka_reader *reader,
                                                 uint32_t id)
{
    size_t at = assignment_index(reader, id);
    if (at < reader->count && reader->assignments[at]->id == id)
        return reader->assignments[at];
    return NULL;
}

static struct reader_assignment *assignment_add(struct kafka_reader *reader,
                                                uint32_t id)
{
    size_t at = assignment_index(reader, id);
    reader->assignments = iso_realloc(
        reader->assignments, (reader->count + 1) * sizeof(*reader->assignments));
    memmove(reader->assignments + at + 1, reader->assignments + at,
            (reader->count - at) * sizeof(*reader->assignments));
    reader->assignments[at] = iso_alloc_zero(1, sizeof **reader->assignments);
    reader->assignments[at]->id = id;
    reader->assignments[at]->stands = true;
    reader->count++;
    return reader->assignments[at];
}

static void assignment_remove(struct kafka_reader *reader,
                              struct reader_assignment *gone)
{
    size_t at = assignment_index(reader, gone->id);
    assignment_stop(reader, gone);
    *topic_slot(gone->topic, gone->partition) = NULL;
    reader->count--;
    memmove(reader->assignments + at, reader->assignments + at + 1,
            (reader->count - at) * sizeof(*reader->assignments));
    iso_free(gone);
}

static enum iso_err assignment_start(const struct kafka_reader *reader,
                                     struct reader_assignment *at, struct iso_why *why)
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

static enum iso_err kafka_assign(struct iso_reader *base, uint32_t id,
                                 const struct iso_place *place, struct iso_why *why)
{
    struct kafka_reader *reader = reader_of(base);
    struct reader_topic *topic = topic_get(reader, place->topic);
    struct reader_assignment **slot = topic_slot(topic, place->partition);
    if (*slot != NULL && (*slot)->id != id)
        return iso_fail(why, ISO_EXISTS, "%s/%d is read as %u already", topic->name,
                        place->partition, (unsigned)(*slot)->id);
    struct reader_assignment *at = assignment_find(reader, id);
    if (at != NULL && at != *slot) { /* it read another partition */
        assignment_remove(reader, at);
        at = NULL;
    }
    if (at != NULL)
        assignment_stop(reader, at);
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

static enum iso_err kafka_unassign(struct iso_reader *base, uint32_t id,
                                   struct iso_why *why)
{
    struct kafka_reader *reader = reader_of(base);
    struct reader_assignment *at = assignment_find(reader, id);
    if (at == NULL)
        return iso_fail(why, ISO_NOT_FOUND, "%u reads no partition", (unsigned)id);
    assignment_remove(reader, at);
    return ISO_OK;
}

/* Starts again what stood for a moment. */
static void reader_resume(struct kafka_reader *reader)
{
    int64_t now_ms = iso_steady_ms(&iso_clock_machine);
    for (size_t i = 0; i < reader->count; i++) {
        struct reader_assignment *at = reader->assignments[i];
        if (at->resume_ms == 0 || at->resume_ms > now_ms)
            continue;
        if (assignment_start(reader, at, NULL) == ISO_OK) {
            at->resume_ms = 0;
            reader->resuming--;
        }
    }
}

/* ---- fetching ---- */

/* librdkafka parses all headers of a record when the first is asked for. */
static void record_header(const struct kafka_reader *reader,
                          const rd_kafka_message_t *message, struct iso_record *record)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    const void *data;
    size_t size;
    size_t at = 0;
    while (rd_kafka_header_get(headers, at, reader->header, &data, &size) ==
           RD_KAFKA_RESP_ERR_NO_ERROR) {
        record->header = iso_bytes(data, size);
        at++;
    }
    record->header_count = (int)at;
}

static void record_read(const struct kafka_reader *reader, struct reader_assignment *at,
                        const rd_kafka_message_t *message, struct iso_record *record)
{
    rd_kafka_timestamp_type_t type;
    record->event = ISO_RECORD;
    record->append_ms = rd_kafka_message_timestamp(message, &type);
    record->append_by_broker = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
    record->has_key = message->key != NULL;
    record->has_value = message->payload != NULL;
    record->key = iso_bytes(message->key, message->key_len);
    record->value = iso_bytes(message->payload, message->len);
    record_header(reader, message, record);
    at->next = message->offset + 1;
}

static void record_error(struct kafka_reader *reader, struct reader_assignment *at,
                         const rd_kafka_message_t *message, struct iso_record *record)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        record->event = ISO_AT_END;
        return;
    }
    record->offset = at->next;
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        record->event = ISO_HOLE;
        assignment_stop(reader, at);
        return;
    }
    record->event = ISO_TROUBLE;
    record->err = iso_kafka_err(message->err);
    record->text = rd_kafka_message_errstr(message);
    if (record->err == ISO_DAMAGED || record->err == ISO_UNSUPPORTED) {
        assignment_stop(reader, at);
        at->resume_ms = iso_steady_ms(&iso_clock_machine) + RESUME_MS;
        reader->resuming++;
    }
}

/* One message to one record; false when nobody is to see it. */
static bool record_take(struct kafka_reader *reader, const rd_kafka_message_t *message,
                        struct iso_record *record)
{
    *record = (struct iso_record){.offset = message->offset, .append_ms = -1};
    if (message->rkt == NULL) { /* the group's coordinator, say */
        record->event = ISO_TROUBLE;
        record->id = UINT32_MAX;
        record->err = iso_kafka_err(message->err);
        record->text = rd_kafka_message_errstr(message);
        return reader->commits;
    }
    struct reader_topic *topic = rd_kafka_topic_opaque(message->rkt);
    struct reader_assignment *at = NULL;
    if (message->partition >= 0 && message->partition < topic->slot_count)
        at = topic->slots[message->partition];
    if (at == NULL || at->stands)
        return false;
    record->id = at->id;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        record_read(reader, at, message, record);
    else
        record_error(reader, at, message, record);
    return true;
}

/* librdkafka's batch call waits for the whole batch: wait for one, then take the rest.
 */
static void reader_batch(struct kafka_reader *reader, size_t max, int timeout_ms)
{
    ssize_t got = rd_kafka_consume_batch_queue(reader->queue, 0, reader->messages, max);
    if (got == 0 && timeout_ms > 0) {
        got = rd_kafka_consume_batch_queue(reader->queue, timeout_ms, reader->messages,
                                           1);
        if (got == 1 && max > 1) {
            ssize_t more = rd_kafka_consume_batch_queue(reader->queue, 0,
                                                        reader->messages + 1, max - 1);
            got += more > 0 ? more : 0;
        }
    }
    reader->message_count = got > 0 ? (size_t)got : 0;
}

static enum iso_err kafka_fetch(struct iso_reader *base, size_t max, int timeout_ms,
                                const struct iso_record **records, size_t *count,
                                struct iso_why *why)
{
    (void)why;
    struct kafka_reader *reader = reader_of(base);
    reader_let_go(reader);
    if (reader->room < max) {
        reader->room = max;
        reader->messages =
            iso_realloc(reader->messages, max * sizeof(*reader->messages));
        reader->records = iso_realloc(reader->records, max * sizeof *reader->records);
    }
    if (reader->resuming > 0)
        reader_resume(reader);
    reader_batch(reader, max, timeout_ms);
    size_t taken = 0;
    for (size_t i = 0; i < reader->message_count; i++)
        taken += record_take(reader, reader->messages[i], &reader->records[taken]);
    if (taken < max &&
        iso_kafka_trouble_get(&reader->trouble, &reader->trouble_text) != ISO_OK) {
        iso_kafka_trouble_clear(&reader->trouble);
        reader->records[taken++] =
            (struct iso_record){.event = ISO_TROUBLE,
                                .id = UINT32_MAX,
                                .offset = -1,
                                .append_ms = -1,
                                .err = reader->trouble_text.err,
                                .text = reader->trouble_text.text};
    }
    *records = reader->records;
    *count = taken;
    return ISO_OK;
}

static void kafka_commit(struct iso_reader *base, const uint32_t *ids,
                         const int64_t *next_offsets, size_t count)
{
    struct kafka_reader *reader = reader_of(base);
    if (!reader->commits || count == 0)
        return;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        const struct reader_assignment *at = assignment_find(reader, ids[i]);
        if (at != NULL)
            rd_kafka_topic_partition_list_add(list, at->topic->name, at->partition)
                ->offset = next_offsets[i];
    }
    if (list->cnt > 0)
        rd_kafka_commit(reader->rk, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

static const struct iso_reader_port reader_port = {
    .close = kafka_reader_close,
    .assign = kafka_assign,
    .unassign = kafka_unassign,
    .fetch = kafka_fetch,
    .commit = kafka_commit,
};
