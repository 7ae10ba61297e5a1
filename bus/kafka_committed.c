/* What a group has committed is asked by a consumer client of that group, which
 * subscribes to nothing and so joins nothing.
 *
 * Not by the admin call ListConsumerGroupOffsets: librdkafka (2.0.2 and later) ends the
 * process on an assertion when the connection to a group's coordinator breaks under any
 * admin call that is directed there (kafka_commit.c has the same trouble).
 *
 * The client is made for the question and ends with it: nobody asks often. Its end
 * waits for a coordinator that is being looked for, a session's length at the most, and
 * for a request that is under way; both are set short.
 *
 * How it can fail: the group's broker does not answer in time (ISO_UNAVAILABLE; the
 * client is gone a second later at the most); this user may not see the group, or one
 * of the topics (ISO_DENIED).
 */
#include "base/clock.h"
#include "bus/kafka.h"

enum { AT_ONCE = 1000, RETRY_MS = 50 };

struct asking {
    struct kafka_trouble trouble; /* first: the callbacks' opaque */
    const char *group;
    rd_kafka_t *rk;
    int64_t until_ms;
};

static int left_ms(const struct asking *asking)
{
    int64_t left = asking->until_ms - iso_steady_ms(&iso_clock_machine);
    return left > 1 ? (int)left : 1;
}

static enum iso_err asking_open(struct asking *asking, const struct kafka_bus *bus,
                                struct iso_why *why)
{
    const struct kafka_row promises[] = {
        {"group.id", asking->group},           {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"}, {"allow.auto.create.topics", "false"},
        {"socket.timeout.ms", "1000"},         {"session.timeout.ms", "200"},
        {"heartbeat.interval.ms", "100"},      {NULL, NULL},
    };
    const struct kafka_client client = {
        .type = RD_KAFKA_CONSUMER, .promises = promises, .opaque = asking};
    return iso_kafka_client_new(bus, &client, &asking->rk, why);
}

/* The gravest of a list that was answered; a partition that is not there has nothing
 * committed. */
static rd_kafka_resp_err_t list_err(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_resp_err_t err = list->elems[i].err;
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR && iso_kafka_err(err) != ISO_NOT_FOUND)
            return err;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Asks until it is answered or the time is over. */
static rd_kafka_resp_err_t list_ask(const struct asking *asking,
                                    rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t err;
    do {
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
        err = rd_kafka_committed(asking->rk, list, left_ms(asking));
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            err = list_err(list);
        if (iso_kafka_err(err) != ISO_UNAVAILABLE)
            break;
        int wait_ms = left_ms(asking);
        rd_kafka_poll(asking->rk, wait_ms < RETRY_MS ? wait_ms : RETRY_MS);
    } while (iso_steady_ms(&iso_clock_machine) < asking->until_ms);
    return err;
}

static rd_kafka_resp_err_t some_ask(const struct asking *asking,
                                    struct iso_committed *positions, size_t count)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, positions[i].topic,
                                          positions[i].partition);
    rd_kafka_resp_err_t err = list_ask(asking, list);
    for (size_t i = 0; err == RD_KAFKA_RESP_ERR_NO_ERROR && i < count; i++) {
        int64_t offset = list->elems[i].offset;
        positions[i].next = offset < 0 ? -1 : offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

static enum iso_err asking_failed(struct asking *asking, const struct kafka_bus *bus,
                                  rd_kafka_resp_err_t err, struct iso_why *why)
{
    enum iso_err failure = iso_kafka_err(err);
    if (failure == ISO_DENIED)
        return iso_fail(why, failure,
                        "what group %.80s has committed: cluster %s does not permit it "
                        "(%s): grant Describe of the group and its topics to this user",
                        asking->group, bus->name, rd_kafka_err2str(err));
    if (failure == ISO_UNAVAILABLE &&
        iso_kafka_trouble_get(&asking->trouble, why) != ISO_OK)
        return failure;
    return iso_fail(why, failure,
                    "what group %.80s has committed could not be asked of cluster %s "
                    "(servers %.120s): %s: see whether its brokers are up",
                    asking->group, bus->name, bus->servers, rd_kafka_err2str(err));
}

enum iso_err iso_kafka_committed(struct iso_bus *base, const char *group,
                                 struct iso_committed *positions, size_t count,
                                 int timeout_ms, struct iso_why *why)
{
    const struct kafka_bus *bus = kafka_bus_of(base);
    struct asking asking = {.group = group,
                            .until_ms = iso_steady_ms(&iso_clock_machine) + timeout_ms};
    iso_kafka_trouble_init(&asking.trouble, bus);
    enum iso_err err = asking_open(&asking, bus, why);
    rd_kafka_resp_err_t failed = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0;
         err == ISO_OK && failed == RD_KAFKA_RESP_ERR_NO_ERROR && i < count;
         i += AT_ONCE)
        failed =
            some_ask(&asking, positions + i, count - i < AT_ONCE ? count - i : AT_ONCE);
    if (failed != RD_KAFKA_RESP_ERR_NO_ERROR)
        err = asking_failed(&asking, bus, failed, why);
    if (asking.rk != NULL)
        rd_kafka_destroy_flags(asking.rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    iso_kafka_trouble_release(&asking.trouble);
    return err;
}
