/* A publisher is an idempotent librdkafka producer that retries for ever.
 *
 * A record's bytes are not copied (its key and header are, by librdkafka): they stay
 * the caller's until the delivery report. The report says whether the record is in the
 * log, surely is not, or may be; only an answer of the broker makes it sure. When the
 * producer goes *fatal* (an idempotent producer after certain lost answers) librdkafka
 * refuses all further work for good: send and poll then say ISO_FENCED, and close
 * reports what is left.
 *
 * Topic handles are kept for the publisher's life in a list that only grows at its
 * head, so that finding one needs no lock.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/kafka.h"

enum { CLOSE_MS = 30000, RECORD_MEMORY_MIN = 256 };

struct publisher_topic {
    struct publisher_topic *next;
    char *name;
    rd_kafka_topic_t *rkt;
};

struct kafka_publisher {
    struct kafka_trouble trouble; /* first: the callbacks' opaque */
    struct iso_publisher publisher;
    rd_kafka_t *rk;
    struct iso_publisher_options options;
    char *header;
    pthread_mutex_t topics_lock; /* who adds one */
    struct publisher_topic *_Atomic topics;
    atomic_size_t unanswered;
    int delivered; /* by the poll that runs */
    bool answered; /* since trouble was last cleared */
    bool closing;
};

static const struct iso_publisher_port publisher_port;

static struct kafka_publisher *publisher_of(struct iso_publisher *publisher)
{
    return (struct kafka_publisher *)((char *)publisher -
                                      offsetof(struct kafka_publisher, publisher));
}

static void delivery_fate(const struct kafka_publisher *publisher,
                          const rd_kafka_message_t *message,
                          struct iso_delivery *delivery)
{
    rd_kafka_msg_status_t status = rd_kafka_message_status(message);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
        status == RD_KAFKA_MSG_STATUS_PERSISTED) {
        rd_kafka_timestamp_type_t type;
        int64_t append_ms = rd_kafka_message_timestamp(message, &type);
        delivery->fate = ISO_SENT;
        delivery->err = ISO_OK;
        if (message->offset >= 0)
            delivery->offset = message->offset;
        if (type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME)
            delivery->append_ms = append_ms;
    } else if (status == RD_KAFKA_MSG_STATUS_NOT_PERSISTED && !publisher->closing) {
        delivery->fate = ISO_NOT_SENT;
        delivery->err = iso_kafka_err(message->err);
    } else {
        delivery->fate = ISO_MAYBE_SENT;
        delivery->err =
            status == RD_KAFKA_MSG_STATUS_NOT_PERSISTED ? ISO_UNAVAILABLE : ISO_UNKNOWN;
    }
}

static void publisher_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message,
                                void *opaque)
{
    (void)rk;
    struct kafka_publisher *publisher = opaque;
    struct iso_delivery delivery = {
        .opaque = message->_private, .offset = -1, .append_ms = -1};
    delivery_fate(publisher, message, &delivery);
    publisher->answered |= delivery.fate == ISO_SENT;
    publisher->delivered++;
    atomic_fetch_sub_explicit(&publisher->unanswered, 1, memory_order_relaxed);
    publisher->options.delivered(publisher->options.user, &delivery);
}

static void publisher_prepare(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_dr_msg_cb(conf, publisher_delivered);
}

static enum iso_err publisher_client(const struct kafka_bus *bus,
                                     struct kafka_publisher *publisher,
                                     struct iso_why *why)
{
    char linger[16], kbytes[24], messages[24], message_max[16];
    int64_t memory = publisher->options.memory_max;
    int64_t kib = memory / 1024 < INT32_MAX / 2 ? memory / 1024 : INT32_MAX / 2;
    int64_t count = memory / RECORD_MEMORY_MIN;
    snprintf(linger, sizeof linger, "%d", publisher->options.linger_ms);
    snprintf(kbytes, sizeof kbytes, "%lld", (long long)(kib > 0 ? kib : 1));
    snprintf(messages, sizeof messages, "%lld",
             (long long)(count > 10000000 ? 10000000 : count + 1));
    snprintf(message_max, sizeof message_max, "%d", ISO_MESSAGE_MAX);
    static const struct kafka_row defaults[] = {
        {"compression.codec", "lz4"},
        {"batch.num.messages", "10000"},
        {NULL, NULL},
    };
    const struct kafka_row promises[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"message.timeout.ms", "0"},
        {"linger.ms", linger},
        {"queue.buffering.max.kbytes", kbytes},
        {"queue.buffering.max.messages", messages},
        {"message.max.bytes", message_max},
        {NULL, NULL},
    };
    struct kafka_client client = {.type = RD_KAFKA_PRODUCER,
                                  .client_id = publisher->options.client_id,
                                  .defaults = defaults,
                                  .promises = promises,
                                  .prepare = publisher_prepare,
                                  .opaque = publisher};
    return iso_kafka_client_new(bus, &client, &publisher->rk, why);
}

static void publisher_release(struct kafka_publisher *publisher)
{
    struct publisher_topic *topic = atomic_load(&publisher->topics);
    while (topic != NULL) {
        struct publisher_topic *next = topic->next;
        rd_kafka_topic_destroy(topic->rkt);
        iso_free(topic->name);
        iso_free(topic);
        topic = next;
    }
    if (publisher->rk != NULL)
        rd_kafka_destroy(publisher->rk);
    pthread_mutex_destroy(&publisher->topics_lock);
    iso_kafka_trouble_release(&publisher->trouble);
    iso_free(publisher->header);
    iso_free(publisher);
}

enum iso_err iso_kafka_publisher_open(struct iso_bus *bus,
                                      const struct iso_publisher_options *options,
                                      struct iso_publisher **publisher,
                                      struct iso_why *why)
{
    struct kafka_publisher *opened = iso_alloc_zero(1, sizeof *opened);
    opened->publisher.port = &publisher_port;
    opened->options = *options;
    if (opened->options.memory_max == 0)
        opened->options.memory_max = KAFKA_MEMORY_DEFAULT;
    opened->header = iso_strdup(options->header);
    iso_kafka_trouble_init(&opened->trouble, kafka_bus_of(bus));
    iso_assert(pthread_mutex_init(&opened->topics_lock, NULL) == 0);
    enum iso_err err = publisher_client(kafka_bus_of(bus), opened, why);
    if (err != ISO_OK) {
        publisher_release(opened);
        return err;
    }
    *publisher = &opened->publisher;
    return ISO_OK;
}

/* ---- sending ---- */

static rd_kafka_topic_t *topic_find(struct kafka_publisher *publisher, const char *name)
{
    struct publisher_topic *topic =
        atomic_load_explicit(&publisher->topics, memory_order_acquire);
    for (; topic != NULL; topic = topic->next) {
        if (strcmp(topic->name, name) == 0)
            return topic->rkt;
    }
    return NULL;
}

static rd_kafka_topic_t *topic_add(struct kafka_publisher *publisher, const char *name)
{
    pthread_mutex_lock(&publisher->topics_lock);
    rd_kafka_topic_t *rkt = topic_find(publisher, name);
    if (rkt == NULL)
        rkt = rd_kafka_topic_new(publisher->rk, name, NULL);
    if (rkt != NULL && topic_find(publisher, name) == NULL) {
        struct publisher_topic *topic = iso_alloc(sizeof *topic);
        topic->name = iso_strdup(name);
        topic->rkt = rkt;
        topic->next = atomic_load_explicit(&publisher->topics, memory_order_relaxed);
        atomic_store_explicit(&publisher->topics, topic, memory_order_release);
    }
    pthread_mutex_unlock(&publisher->topics_lock);
    return rkt;
}

static enum iso_err fenced(const struct kafka_publisher *publisher, struct iso_why *why)
{
    char text[256];
    if (rd_kafka_fatal_error(publisher->rk, text, sizeof text) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return ISO_OK;
    return iso_fail(
        why, ISO_FENCED,
        "the idempotent producer cannot go on (%.250s): open another and send "
        "again what has no answer",
        text);
}

/* librdkafka tells null from empty by the pointer, iso_bytes may be empty with none. */
static void *pointer(bool there, struct iso_bytes bytes)
{
    const void *data = bytes.data != NULL ? bytes.data : (const uint8_t *)"";
    return there ? (void *)(uintptr_t)data : NULL;
}

static enum iso_err send_failed(const struct kafka_publisher *publisher,
                                const struct iso_message *message,
                                rd_kafka_resp_err_t err, struct iso_why *why)
{
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return iso_fail(why, ISO_AGAIN,
                        "the queue to Kafka is full: poll, then try again");
    if (err == RD_KAFKA_RESP_ERR__FATAL)
        return fenced(publisher, why);
    return iso_fail(why, iso_kafka_err(err), "%s/%d does not take the record: %s",
                    message->topic, message->partition, rd_kafka_err2str(err));
}

/* Made here with room for one: librdkafka makes room for eight, and what is allocated a
 * record, and freed by who polls, is most of what a record costs. */
static rd_kafka_headers_t *header_new(const struct kafka_publisher *publisher,
                                      struct iso_bytes header)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, publisher->header, -1, pointer(true, header),
                        (ssize_t)header.size);
    return headers;
}

static enum iso_err kafka_send(struct iso_publisher *base,
                               const struct iso_message *message, struct iso_why *why)
{
    struct kafka_publisher *publisher = publisher_of(base);
    rd_kafka_topic_t *rkt = topic_find(publisher, message->topic);
    if (rkt == NULL)
        rkt = topic_add(publisher, message->topic);
    if (rkt == NULL)
        return send_failed(publisher, message, rd_kafka_last_error(), why);

    rd_kafka_headers_t *headers = NULL;
    if (message->has_header)
        headers = header_new(publisher, message->header);
    rd_kafka_vu_t words[7] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = rkt},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {pointer(message->has_key, message->key), message->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {pointer(message->has_value, message->value), message->value.size}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0}, /* neither copied nor freed */
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = message->opaque},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    atomic_fetch_add_explicit(&publisher->unanswered, 1, memory_order_relaxed);
    rd_kafka_error_t *error =
        rd_kafka_produceva(publisher->rk, words, message->has_header ? 7 : 6);
    if (error == NULL)
        return ISO_OK;
    atomic_fetch_sub_explicit(&publisher->unanswered, 1, memory_order_relaxed);
    rd_kafka_resp_err_t err = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers != NULL)
        rd_kafka_headers_destroy(headers); /* not taken either */
    return send_failed(publisher, message, err, why);
}

static enum iso_err kafka_poll(struct iso_publisher *base, int timeout_ms,
                               int *delivered, struct iso_why *why)
{
    struct kafka_publisher *publisher = publisher_of(base);
    publisher->delivered = 0;
    publisher->answered = false;
    rd_kafka_poll(publisher->rk, timeout_ms);
    *delivered = publisher->delivered;
    if (publisher->answered)
        iso_kafka_trouble_clear(&publisher->trouble);
    return fenced(publisher, why);
}

static enum iso_err kafka_publisher_trouble(struct iso_publisher *base,
                                            struct iso_why *why)
{
    return iso_kafka_trouble_get(&publisher_of(base)->trouble, why);
}

/* Purging makes librdkafka report every record that it still has. */
static void kafka_publisher_close(struct iso_publisher *base)
{
    struct kafka_publisher *publisher = publisher_of(base);
    publisher->closing = true;
    rd_kafka_purge(publisher->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + CLOSE_MS;
    while (atomic_load(&publisher->unanswered) > 0 &&
           iso_steady_ms(&iso_clock_machine) < until_ms)
        rd_kafka_poll(publisher->rk, 10);
    if (atomic_load(&publisher->unanswered) > 0)
        iso_log(ISO_ERROR, "kafka.close", "unreported=%zu",
                atomic_load(&publisher->unanswered));
    publisher_release(publisher);
}

static const struct iso_publisher_port publisher_port = {
    .close = kafka_publisher_close,
    .send = kafka_send,
    .poll = kafka_poll,
    .trouble = kafka_publisher_trouble,
};
