/* A produce loop and a batch consume, each the shortest that does the work. The
 * settings are those of bus/kafka_publisher.c and bus/kafka_reader.c under the defaults
 * of the producer and of the daemon. */
#include "raw.h"

#include <librdkafka/rdkafka.h>

enum { POLL_EVERY = 512, FETCH_MAX = 500, FLUSH_MS = 30000, HEADER_MAX = 64 };

struct setting {
    const char *name, *value;
};

static rd_kafka_t *client_new(
    rd_kafka_type_t type, const char *servers, const struct setting *settings,
    void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque),
    void *opaque)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof text) !=
        RD_KAFKA_CONF_OK)
        bench_die("%s", text);
    for (; settings->name != NULL; settings++)
        if (rd_kafka_conf_set(conf, settings->name, settings->value, text,
                              sizeof text) != RD_KAFKA_CONF_OK)
            bench_die("%s", text);
    if (delivered != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, opaque);
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    if (rk == NULL)
        bench_die("%s", text);
    return rk;
}

/* ---- produce ---- */

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    uint64_t *count = opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_die("a record is not delivered: %s", rd_kafka_err2str(message->err));
    ++*count;
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, uint64_t n,
                    struct iso_bytes header, bool copy)
{
    uint8_t key[BENCH_KEY];
    bench_key(n, key);
    struct iso_bytes value = bench_value(n, 0);
    for (;;) {
        rd_kafka_resp_err_t err = rd_kafka_producev(
            rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
            RD_KAFKA_V_KEY(key, BENCH_KEY),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.size),
            RD_KAFKA_V_MSGFLAGS(copy ? RD_KAFKA_MSG_F_COPY : 0),
            RD_KAFKA_V_HEADER("iso", header.data, (ssize_t)header.size),
            RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            bench_die("produce: %s", rd_kafka_err2str(err));
        rd_kafka_poll(rk, 100);
    }
}

double raw_publish(const char *servers, const struct raw_produce *what)
{
    static const struct setting settings[] = {
        {"compression.codec", "lz4"},
        {"batch.num.messages", "10000"},
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"message.timeout.ms", "0"},
        {"linger.ms", "5"},
        {"queue.buffering.max.kbytes", "65536"},
        {"queue.buffering.max.messages", "262145"},
        {"message.max.bytes", "1114112"},
        {"socket.nagle.disable", "true"},
        {NULL, NULL}};
    uint64_t reports = 0;
    uint8_t bytes[HEADER_MAX] = {1};
    struct iso_bytes header = iso_bytes(bytes, what->header_size);
    rd_kafka_t *rk =
        client_new(RD_KAFKA_PRODUCER, servers, settings, delivered, &reports);
    rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
    char text[256];
    if (rd_kafka_topic_conf_set(conf, "partitioner", "murmur2_random", text,
                                sizeof text) != RD_KAFKA_CONF_OK)
        bench_die("%s", text);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, what->topic, conf);
    produce(rk, handle, 0, header, what->copy); /* connects */
    if (rd_kafka_flush(rk, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_die("Kafka does not take a record");
    double began = bench_now();
    for (uint64_t n = 1; n < what->count; n++) {
        iso_put_u64(bytes + 8, n); /* versions differ from record to record */
        produce(rk, handle, n, header, what->copy);
        if (n % POLL_EVERY == 0)
            rd_kafka_poll(rk, 0);
    }
    while (reports < what->count)
        rd_kafka_poll(rk, 100);
    double seconds = bench_now() - began;
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(rk);
    return seconds;
}

/* ---- consume ---- */

static uint64_t count_of(const struct raw_range *range)
{
    uint64_t count = 0;
    for (int p = 0; p < range->partitions; p++)
        count += (uint64_t)(range->ends[p] - range->begins[p]);
    return count;
}

static void order_note(struct raw_order *order, const rd_kafka_message_t *message)
{
    if (message->key_len == BENCH_KEY && order->count < order->room)
        memcpy(order->keys[order->count++], message->key, BENCH_KEY);
}

/* One message; true when it is a record of the range. */
static bool message_take(const rd_kafka_message_t *message,
                         const struct raw_range *range, struct raw_order *order)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return false;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_die("consume: %s", rd_kafka_message_errstr(message));
    if (message->offset >= range->ends[message->partition])
        return false;
    if (order != NULL)
        order_note(order, message);
    return true;
}

static uint64_t batch_take(rd_kafka_message_t **messages, ssize_t got,
                           const struct raw_range *range, struct raw_order *order)
{
    uint64_t count = 0;
    for (ssize_t i = 0; i < got; i++) {
        count += message_take(messages[i], range, order);
        rd_kafka_message_destroy(messages[i]);
    }
    return count;
}

double raw_consume(const char *servers, const struct raw_range *range,
                   struct raw_order *order)
{
    static const struct setting settings[] = {{"group.id", "bench"},
                                              {"enable.auto.commit", "false"},
                                              {"check.crcs", "true"},
                                              {"enable.auto.offset.store", "false"},
                                              {"fetch.wait.max.ms", "100"},
                                              {"fetch.message.max.bytes", "1114112"},
                                              {"fetch.max.bytes", "12582912"},
                                              {"receive.message.max.bytes", "25165824"},
                                              {"auto.offset.reset", "error"},
                                              {"queued.min.messages", "314573"},
                                              {"enable.partition.eof", "true"},
                                              {"queued.max.messages.kbytes", "98304"},
                                              {"isolation.level", "read_committed"},
                                              {"socket.nagle.disable", "true"},
                                              {NULL, NULL}};
    static rd_kafka_message_t *messages[FETCH_MAX];
    rd_kafka_t *rk = client_new(RD_KAFKA_CONSUMER, servers, settings, NULL, NULL);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, range->topic, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    for (int p = 0; p < range->partitions; p++)
        if (rd_kafka_consume_start_queue(handle, p, range->begins[p], queue) != 0)
            bench_die("consume: %s", rd_kafka_err2str(rd_kafka_last_error()));
    uint64_t wanted = count_of(range), count = 0;
    double began = bench_now();
    while (count < wanted) {
        if (count == 0)
            began = bench_now();
        ssize_t got = rd_kafka_consume_batch_queue(queue, 1, messages, FETCH_MAX);
        count += batch_take(messages, got, range, order);
    }
    double seconds = bench_now() - began;
    for (int p = 0; p < range->partitions; p++)
        rd_kafka_consume_stop(handle, p);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(rk);
    return seconds;
}
