/* Positions are written by a consumer client of its own, which has a group and no
 * subscription: it commits as tools do that set a group's offsets by hand.
 *
 * Not by the admin call AlterConsumerGroupOffsets: librdkafka (2.0.2 and later) ends
 * the process on an assertion when the connection to a group's coordinator breaks under
 * any admin call that is directed there. And not by the reader's client, whose close
 * may never depend on a group.
 *
 * At most one request is under way, so a broker that is away costs one request and one
 * list; what is put meanwhile replaces what waits. A failure is forgotten.
 *
 * Closing: librdkafka keeps a client until its coordinator is found or a session's
 * length has passed (45 s unless set), and until a request that is under way is
 * answered or times out (30 s). We are in no session, so both are set short, and the
 * group is not left: measured 1.0 s at most, with Kafka away, stopped by a signal,
 * killed or never there. A cluster that needs longer than these for every answer gets
 * no positions. The last ones are waited for only while the coordinator has been
 * answering.
 */
#include "bus/kafka_commit.h"

#include "base/clock.h"
#include "base/mem.h"

enum { CLOSE_MS = 500 };

struct kafka_committer {
    struct kafka_trouble trouble; /* first: the callbacks' opaque; nobody asks for it */
    const struct kafka_bus *bus;
    char *client_id;
    char *group;
    rd_kafka_t *rk;            /* NULL until the first send */
    rd_kafka_queue_t *answers; /* and all else that the client has to say */
    rd_kafka_topic_partition_list_t *waiting;
    bool underway; /* a request has no answer yet */
    bool answered; /* the last request that ended was answered well */
};

struct kafka_committer *iso_kafka_committer_new(const struct kafka_bus *bus,
                                                const char *client_id,
                                                const char *group)
{
    struct kafka_committer *committer = iso_alloc_zero(1, sizeof *committer);
    iso_kafka_trouble_init(&committer->trouble, bus);
    committer->bus = bus;
    committer->client_id = client_id != NULL ? iso_strdup(client_id) : NULL;
    committer->group = iso_strdup(group);
    committer->waiting = rd_kafka_topic_partition_list_new(16);
    return committer;
}

static void answers_join(struct kafka_committer *committer, rd_kafka_queue_t *source)
{
    rd_kafka_queue_forward(source, committer->answers);
    rd_kafka_queue_destroy(source);
}

static bool committer_open(struct kafka_committer *committer)
{
    if (committer->rk != NULL)
        return true;
    const struct kafka_row promises[] = {
        {"group.id", committer->group},        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"}, {"allow.auto.create.topics", "false"},
        {"socket.timeout.ms", "1000"},         {"session.timeout.ms", "200"},
        {"heartbeat.interval.ms", "100"},      {NULL, NULL},
    };
    const struct kafka_client client = {.type = RD_KAFKA_CONSUMER,
                                        .client_id = committer->client_id,
                                        .promises = promises,
                                        .opaque = committer};
    if (iso_kafka_client_new(committer->bus, &client, &committer->rk, NULL) != ISO_OK)
        return false;
    committer->answers = rd_kafka_queue_new(committer->rk);
    answers_join(committer, rd_kafka_queue_get_main(committer->rk));
    answers_join(committer, rd_kafka_queue_get_consumer(committer->rk));
    return true;
}

/* Takes all that the client has to say, waiting up to timeout_ms for the first. */
static void answers_take(struct kafka_committer *committer, int timeout_ms)
{
    rd_kafka_event_t *event;
    if (committer->rk == NULL)
        return;
    while ((event = rd_kafka_queue_poll(committer->answers, timeout_ms)) != NULL) {
        timeout_ms = 0;
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT) {
            committer->underway = false;
            committer->answered =
                rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR;
        }
        rd_kafka_event_destroy(event);
    }
}

static void waiting_clear(struct kafka_committer *committer)
{
    rd_kafka_topic_partition_list_destroy(committer->waiting);
    committer->waiting = rd_kafka_topic_partition_list_new(16);
}

void iso_kafka_committer_put(struct kafka_committer *committer, const char *topic,
                             int partition, int64_t next_offset)
{
    rd_kafka_topic_partition_t *at =
        rd_kafka_topic_partition_list_find(committer->waiting, topic, partition);
    if (at == NULL)
        at = rd_kafka_topic_partition_list_add(committer->waiting, topic, partition);
    at->offset = next_offset;
}

void iso_kafka_committer_send(struct kafka_committer *committer)
{
    answers_take(committer, 0);
    if (committer->underway || committer->waiting->cnt == 0 ||
        !committer_open(committer))
        return;
    committer->underway =
        rd_kafka_commit_queue(committer->rk, committer->waiting, committer->answers,
                              NULL, NULL) == RD_KAFKA_RESP_ERR_NO_ERROR;
    waiting_clear(committer);
}

void iso_kafka_committer_serve(struct kafka_committer *committer)
{
    if (committer->waiting->cnt > 0)
        iso_kafka_committer_send(committer);
}

void iso_kafka_committer_close(struct kafka_committer *committer)
{
    if (committer == NULL)
        return;
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + CLOSE_MS, left_ms;
    while (committer->answered &&
           (committer->underway || committer->waiting->cnt > 0) &&
           (left_ms = until_ms - iso_steady_ms(&iso_clock_machine)) > 0) {
        iso_kafka_committer_send(committer);
        if (committer->underway)
            answers_take(committer, (int)left_ms);
    }
    if (committer->rk != NULL) {
        rd_kafka_queue_destroy(committer->answers);
        rd_kafka_destroy_flags(committer->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    rd_kafka_topic_partition_list_destroy(committer->waiting);
    iso_kafka_trouble_release(&committer->trouble);
    iso_free(committer->client_id);
    iso_free(committer->group);
    iso_free(committer);
}
