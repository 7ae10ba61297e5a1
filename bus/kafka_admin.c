/* What is asked of a cluster: brokers, partitions, topics and their settings, ends. How
 * a question is asked, and fails: kafka_question.h. */
#include "bus/kafka_question.h"

/* ---- metadata ---- */

/* Metadata of one topic, or of the brokers when it is NULL; the caller destroys it. */
static rd_kafka_resp_err_t metadata_ask(const struct question *question,
                                        rd_kafka_topic_t *rkt,
                                        const struct rd_kafka_metadata **metadata)
{
    rd_kafka_resp_err_t err;
    do {
        *metadata = NULL;
        err = rd_kafka_metadata(question->bus->admin, 0, rkt, metadata,
                                question_left_ms(question));
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && rkt != NULL) {
            err = (*metadata)->topic_cnt == 1 ? (*metadata)->topics[0].err
                                              : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                rd_kafka_metadata_destroy(*metadata);
                *metadata = NULL;
            }
        }
    } while (question_again(question, err));
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        iso_kafka_trouble_clear(&question->bus->trouble);
    return err;
}

enum iso_err iso_kafka_brokers(struct iso_bus *bus, int timeout_ms, int *brokers,
                               struct iso_why *why)
{
    struct question question = question_new(bus, timeout_ms, why);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = metadata_ask(&question, NULL, &metadata);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return question_failed(&question, err, "the list of brokers", NULL);
    *brokers = metadata->broker_cnt;
    rd_kafka_metadata_destroy(metadata);
    return ISO_OK;
}

/* How many partitions the topic has, and how many of them have a leader. */
static rd_kafka_resp_err_t leaders_ask(const struct question *question,
                                       const char *topic, int *partitions, int *leaders)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(question->bus->admin, topic, NULL);
    if (rkt == NULL)
        return rd_kafka_last_error();
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = metadata_ask(question, rkt, &metadata);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const struct rd_kafka_metadata_topic *at = &metadata->topics[0];
        *partitions = at->partition_cnt;
        *leaders = 0;
        for (int i = 0; i < at->partition_cnt; i++)
            *leaders += at->partitions[i].leader >= 0;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(rkt);
    return err;
}

enum iso_err iso_kafka_partitions(struct iso_bus *bus, const char *topic,
                                  int timeout_ms, int *partitions, struct iso_why *why)
{
    char what[ISO_BUS_TOPIC_MAX + 16];
    int leaders;
    struct question question = question_new(bus, timeout_ms, why);
    rd_kafka_resp_err_t err = leaders_ask(&question, topic, partitions, &leaders);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return question_failed(&question, err, topic_words(what, sizeof what, topic),
                               NULL);
    return ISO_OK;
}

/* ---- admin requests ---- */

static void ask_create(rd_kafka_t *rk, const void *request,
                       rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue)
{
    rd_kafka_NewTopic_t *topic = *(rd_kafka_NewTopic_t *const *)request;
    rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
}

static rd_kafka_NewTopic_t *new_topic(const struct iso_topic *spec, char *text,
                                      size_t size)
{
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(spec->name, spec->partitions,
                                                       spec->replication, text, size);
    for (size_t i = 0; topic != NULL && i < spec->count; i++)
        rd_kafka_NewTopic_set_config(topic, spec->config[i].name,
                                     spec->config[i].value);
    return topic;
}

/* One attempt; on failure `text` holds the cluster's words. */
static rd_kafka_resp_err_t create_ask(const struct question *question,
                                      rd_kafka_NewTopic_t *topic, char *text,
                                      size_t size)
{
    rd_kafka_event_t *event;
    rd_kafka_resp_err_t err =
        admin_ask(question, RD_KAFKA_ADMIN_OP_CREATETOPICS, ask_create, &topic, &event);
    snprintf(text, size, "%s", rd_kafka_err2str(err));
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count;
        const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(event), &count);
        iso_assert(count == 1);
        err = rd_kafka_topic_result_error(results[0]);
        const char *words = rd_kafka_topic_result_error_string(results[0]);
        snprintf(text, size, "%s", words != NULL ? words : rd_kafka_err2str(err));
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    return err;
}

static enum iso_err leaders_await(const struct question *question,
                                  const struct iso_topic *spec)
{
    char what[ISO_BUS_TOPIC_MAX + 16];
    rd_kafka_resp_err_t err;
    int partitions = 0, leaders = 0;
    do {
        err = leaders_ask(question, spec->name, &partitions, &leaders);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && leaders >= spec->partitions)
            return ISO_OK;
        /* The broker that is asked may not have heard of the topic yet. */
    } while (question_again(question, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE));
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR ||
        err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    return question_failed(question, err, topic_words(what, sizeof what, spec->name),
                           NULL);
}

enum iso_err iso_kafka_topic_create(struct iso_bus *bus, const struct iso_topic *spec,
                                    int timeout_ms, struct iso_why *why)
{
    char text[256], what[ISO_BUS_TOPIC_MAX + 16];
    struct question question = question_new(bus, timeout_ms, why);
    topic_words(what, sizeof what, spec->name);
    rd_kafka_NewTopic_t *topic = new_topic(spec, text, sizeof text);
    if (topic == NULL)
        return iso_fail(why, ISO_SETTING, "%s cannot be made: %s", what, text);
    rd_kafka_resp_err_t err;
    bool asked_again = false; /* what an earlier attempt made exists, and is ours */
    for (;;) {
        err = create_ask(&question, topic, text, sizeof text);
        if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS && asked_again)
            err = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (!question_again(&question, err))
            break;
        asked_again = true;
    }
    rd_kafka_NewTopic_destroy(topic);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return leaders_await(&question, spec);
    if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return iso_fail(why, ISO_EXISTS, "%s exists already", what);
    return question_failed(&question, err, what, text);
}

enum iso_err
iso_kafka_topic_config(struct iso_bus *bus, const char *topic, int timeout_ms,
                       void (*each)(void *user, const char *name, const char *value),
                       void *user, struct iso_why *why)
{
    char what[ISO_BUS_TOPIC_MAX + 16];
    struct question question = question_new(bus, timeout_ms, why);
    const rd_kafka_ConfigEntry_t **entries = NULL;
    rd_kafka_event_t *event;
    size_t count = 0;
    rd_kafka_resp_err_t err = settings_ask(&question, topic, &event, &entries, &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        each(user, rd_kafka_ConfigEntry_name(entries[i]), value ? value : "");
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return question_failed(&question, err, topic_words(what, sizeof what, topic),
                               NULL);
    return ISO_OK;
}

/* ---- ends ---- */

/* Sets every offset of the list to `which` (RD_KAFKA_OFFSET_BEGINNING, _END) and has
 * them answered in one request a broker; with read_committed the end is the last stable
 * one. The worst partition's error. */
static rd_kafka_resp_err_t offsets_ask(const struct question *question,
                                       rd_kafka_topic_partition_list_t *list,
                                       int64_t which, int *worst)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = which;
        list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(question->bus->admin, list,
                                                         question_left_ms(question));
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

/* librdkafka answers from the metadata that it has: once it heard that a partition has
 * no leader it says so until its next refresh, minutes later. Asking for the topic's
 * metadata is what makes it look. */
static void leaders_refresh(const struct question *question,
                            const rd_kafka_topic_partition_list_t *list)
{
    const char *last = "";
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        if (at->err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
            strcmp(at->topic, last) == 0)
            continue;
        last = at->topic;
        int partitions, leaders;
        (void)leaders_ask(question, last, &partitions, &leaders);
    }
}

enum iso_err iso_kafka_ends(struct iso_bus *bus, struct iso_position *positions,
                            size_t count, int timeout_ms, struct iso_why *why)
{
    struct question question = question_new(bus, timeout_ms, why);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, positions[i].topic,
                                          positions[i].partition);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    int worst = 0;
    do {
        if (err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
            leaders_refresh(&question, list);
        err = offsets_ask(&question, list, RD_KAFKA_OFFSET_BEGINNING, &worst);
        for (size_t i = 0; i < count; i++)
            positions[i].begin = list->elems[i].offset;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            err = offsets_ask(&question, list, RD_KAFKA_OFFSET_END, &worst);
        for (size_t i = 0; i < count; i++)
            positions[i].end = list->elems[i].offset;
    } while (question_again(&question, err));
    char what[ISO_BUS_TOPIC_MAX + 32];
    snprintf(what, sizeof what, "partition %s/%d", list->elems[worst].topic,
             list->elems[worst].partition);
    rd_kafka_topic_partition_list_destroy(list);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return question_failed(&question, err, what, NULL);
    iso_kafka_trouble_clear(&question.bus->trouble);
    return ISO_OK;
}
