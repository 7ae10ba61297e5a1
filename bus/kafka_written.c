/* What a log holds, transactions that are still open included. Who reads committed
 * records only is told the end of those, by the client's own setting; so this is asked
 * by a client of another setting, made for the question. */
#include "bus/kafka_question.h"

struct uncommitted {
    struct kafka_trouble trouble; /* first: the callbacks' opaque */
    rd_kafka_t *rk;
};

static enum iso_err uncommitted_open(struct uncommitted *client,
                                     const struct kafka_bus *bus, struct iso_why *why)
{
    static const struct kafka_row promises[] = {
        {"isolation.level", "read_uncommitted"},
        {"enable.auto.commit", "false"},
        {NULL, NULL},
    };
    const struct kafka_client shape = {
        .type = RD_KAFKA_CONSUMER, .promises = promises, .opaque = client};
    iso_kafka_trouble_init(&client->trouble, bus);
    return iso_kafka_client_new(bus, &shape, &client->rk, why);
}

/* Asks for the end of each partition of the list; the worst partition's error. */
static rd_kafka_resp_err_t written_ask(const struct question *question, rd_kafka_t *rk,
                                       rd_kafka_topic_partition_list_t *list,
                                       int *worst)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = RD_KAFKA_OFFSET_END;
        list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t err =
        rd_kafka_offsets_for_times(rk, list, question_left_ms(question));
    *worst = 0;
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        *worst = i;
        err = list->elems[i].err;
        if (iso_kafka_err(err) != ISO_UNAVAILABLE)
            break;
    }
    return err;
}

static enum iso_err written_list(const struct question *question, rd_kafka_t *rk,
                                 rd_kafka_topic_partition_list_t *list)
{
    char what[ISO_BUS_TOPIC_MAX + 32];
    int worst;
    rd_kafka_resp_err_t err;
    do
        err = written_ask(question, rk, list, &worst);
    while (question_again(question, err));
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ISO_OK;
    snprintf(what, sizeof what, "partition %s/%d", list->elems[worst].topic,
             list->elems[worst].partition);
    return question_failed(question, err, what, NULL);
}

enum iso_err iso_kafka_written(struct iso_bus *bus, struct iso_position *positions,
                               size_t count, int timeout_ms, struct iso_why *why)
{
    struct question question = question_new(bus, timeout_ms, why);
    struct uncommitted client = {.rk = NULL};
    enum iso_err err = uncommitted_open(&client, question.bus, why);
    if (err == ISO_OK) {
        rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new((int)count);
        for (size_t i = 0; i < count; i++)
            rd_kafka_topic_partition_list_add(list, positions[i].topic,
                                              positions[i].partition);
        err = written_list(&question, client.rk, list);
        for (size_t i = 0; err == ISO_OK && i < count; i++)
            positions[i].end = list->elems[i].offset;
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_destroy(client.rk);
    }
    iso_kafka_trouble_release(&client.trouble);
    return err;
}
