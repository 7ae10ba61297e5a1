/* A reader is a librdkafka consumer without a group: each partition is started at the
 * offset its owner named, and all of them feed one queue.
 *
 * What leaves the queue is of a partition's present position (kafka_assignment.c); a
 * batch that was taken off it before is ours to filter: partitions that *stand* return
 * nothing.
 *
 * librdkafka tells of a damaged batch (CRC, compression) and then goes on behind it. We
 * do not: the partition is stopped, and read again from the same offset after a moment.
 * An offset that is out of range (auto.offset.reset=error) makes the partition stand
 * until its owner assigns it again.
 *
 * Records point into librdkafka's messages, which live until the next fetch.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bus/kafka_commit.h"
#include "bus/kafka_reader.h"

enum {
    RESUME_MS = 1000, /* until a damaged batch is read again */
    QUEUED_MESSAGE_SIZE =
        400, /* what a short fetched record takes in memory, measured */
    QUEUED_MESSAGES_MAX = 1000000,
    BATCH_MAX =
        500, /* more at a time fall out of the processor's cache: half as fast */
    FETCH_BYTES_MAX = 50 * 1024 * 1024,
};

static const struct iso_reader_port reader_port;

/* ---- open, close ---- */

/* Most of the memory is for records of the usual short kind, by count; large ones are
 * bounded by bytes. The rest is for what one fetch overshoots by, unpacked. Measured
 * with records of 176 bytes, 64 to 512 MiB: never a twentieth above it. */
static enum iso_err reader_client(const struct kafka_bus *bus,
                                  const struct iso_reader_options *options,
                                  struct kafka_reader *reader, struct iso_why *why)
{
    int64_t memory = options->memory_max ? options->memory_max : KAFKA_MEMORY_DEFAULT;
    int64_t count = memory / 8 * 5 / QUEUED_MESSAGE_SIZE;
    int64_t kib = memory / 2 / 1024;
    int64_t fetch = memory / 16;
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

static void kafka_reader_close(struct iso_reader *base)
{
    struct kafka_reader *reader = kafka_reader_of(base);
    iso_kafka_committer_close(reader->committer);
    reader_let_go(reader);
    iso_kafka_assignments_release(reader);
    if (reader->queue != NULL)
        rd_kafka_queue_destroy(reader->queue);
    if (reader->rk != NULL)
        rd_kafka_destroy(reader->rk);
    iso_kafka_trouble_release(&reader->trouble);
    iso_free(reader->messages);
    iso_free(reader->records);
    iso_free(reader->header);
    iso_free(reader);
}

/* librdkafka hands some troubles of one partition (a topic that is not there, or not
 * for this user) to the error callback, where only the text "TOPIC [PARTITION]: …" says
 * whose they are. Called by fetch, so on the reader's own thread. */
static bool reader_trouble_take(struct kafka_trouble *trouble, rd_kafka_resp_err_t err,
                                const char *reason)
{
    struct kafka_reader *reader = (struct kafka_reader *)trouble; /* its first member */
    char place[ISO_BUS_TOPIC_MAX + 32];
    for (size_t i = 0; iso_kafka_err(err) != ISO_UNAVAILABLE && i < reader->count;
         i++) {
        struct kafka_assignment *at = reader->assignments[i];
        int length =
            snprintf(place, sizeof place, "%s [%d]:", at->topic->name, at->partition);
        if (strncmp(reason, place, (size_t)length) != 0)
            continue;
        reader->troubled += at->trouble == RD_KAFKA_RESP_ERR_NO_ERROR;
        at->trouble = err;
        return true;
    }
    return false;
}

enum iso_err iso_kafka_reader_open(struct iso_bus *bus,
                                   const struct iso_reader_options *options,
                                   struct iso_reader **reader, struct iso_why *why)
{
    struct kafka_reader *opened = iso_alloc_zero(1, sizeof *opened);
    opened->reader.port = &reader_port;
    opened->header = iso_strdup(options->header);
    if (options->group != NULL)
        opened->committer = iso_kafka_committer_new(kafka_bus_of(bus),
                                                    options->client_id, options->group);
    iso_kafka_trouble_init(&opened->trouble, kafka_bus_of(bus));
    opened->trouble.take = reader_trouble_take;
    enum iso_err err = reader_client(kafka_bus_of(bus), options, opened, why);
    if (err != ISO_OK) {
        kafka_reader_close(&opened->reader);
        return err;
    }
    opened->queue = rd_kafka_queue_new(opened->rk);
    /* Errors of the client arrive in the queue that records do. */
    rd_kafka_queue_t *client = rd_kafka_queue_get_main(opened->rk);
    rd_kafka_queue_forward(client, opened->queue);
    rd_kafka_queue_destroy(client);
    *reader = &opened->reader;
    return ISO_OK;
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

static void record_read(const struct kafka_reader *reader, struct kafka_assignment *at,
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

static void record_error(struct kafka_reader *reader, struct kafka_assignment *at,
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
        iso_kafka_assignment_stop(reader, at, 0);
        return;
    }
    record->event = ISO_TROUBLE;
    record->err = iso_kafka_err(message->err);
    record->text = rd_kafka_message_errstr(message);
    if (record->err == ISO_DAMAGED || record->err == ISO_UNSUPPORTED) {
        iso_kafka_assignment_stop(reader, at,
                                  iso_steady_ms(&iso_clock_machine) + RESUME_MS);
    }
}

/* One message to one record; false when nobody is to see it. */
static bool record_take(struct kafka_reader *reader, const rd_kafka_message_t *message,
                        struct iso_record *record)
{
    *record = (struct iso_record){.offset = message->offset, .append_ms = -1};
    if (message->rkt == NULL) { /* about no topic */
        record->event = ISO_TROUBLE;
        record->id = UINT32_MAX;
        record->err = iso_kafka_err(message->err);
        record->text = rd_kafka_message_errstr(message);
        return true;
    }
    struct kafka_assignment *at = iso_kafka_assignment_of(message);
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

/* What the error callback heard, behind what was fetched. */
static size_t reader_troubles(struct kafka_reader *reader, size_t max, size_t taken)
{
    for (size_t i = 0; reader->troubled > 0 && i < reader->count && taken < max; i++) {
        struct kafka_assignment *at = reader->assignments[i];
        if (at->trouble == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        reader->records[taken++] =
            (struct iso_record){.event = ISO_TROUBLE,
                                .id = at->id,
                                .offset = at->next,
                                .append_ms = -1,
                                .err = iso_kafka_err(at->trouble),
                                .text = rd_kafka_err2str(at->trouble)};
        at->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
        reader->troubled--;
    }
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
    return taken;
}

static enum iso_err kafka_fetch(struct iso_reader *base, size_t max, int timeout_ms,
                                const struct iso_record **records, size_t *count,
                                struct iso_why *why)
{
    (void)why;
    struct kafka_reader *reader = kafka_reader_of(base);
    reader_let_go(reader);
    if (max > BATCH_MAX)
        max = BATCH_MAX;
    if (reader->room < max) {
        reader->room = max;
        reader->messages =
            iso_realloc(reader->messages, max * sizeof(rd_kafka_message_t *));
        reader->records = iso_realloc(reader->records, max * sizeof *reader->records);
    }
    if (reader->resuming > 0)
        iso_kafka_assignments_resume(reader);
    if (reader->committer != NULL)
        iso_kafka_committer_serve(reader->committer);
    reader_batch(reader, max, timeout_ms);
    size_t taken = 0;
    for (size_t i = 0; i < reader->message_count; i++)
        taken += record_take(reader, reader->messages[i], &reader->records[taken]);
    taken = reader_troubles(reader, max, taken);
    *records = reader->records;
    *count = taken;
    return ISO_OK;
}

static void kafka_commit(struct iso_reader *base, const uint32_t *ids,
                         const int64_t *next_offsets, size_t count)
{
    struct kafka_reader *reader = kafka_reader_of(base);
    if (reader->committer == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct kafka_assignment *at = iso_kafka_assignment_find(reader, ids[i]);
        if (at != NULL)
            iso_kafka_committer_put(reader->committer, at->topic->name, at->partition,
                                    next_offsets[i]);
    }
    iso_kafka_committer_send(reader->committer);
}

static const struct iso_reader_port reader_port = {
    .close = kafka_reader_close,
    .assign = iso_kafka_assign,
    .unassign = iso_kafka_unassign,
    .fetch = kafka_fetch,
    .commit = kafka_commit,
};
