/* Questions to a cluster. Each is asked again until it is answered or its deadline
 * passes: a leader that is being elected, a controller that moves or a connection that
 * breaks are no answer. At the deadline the failure says what the client last heard of
 * the cluster (a wrong password, an unknown authority), else that nothing was heard.
 */
#include <stdio.h>

#include "base/clock.h"
#include "bus/kafka.h"

enum { RETRY_MS = 50, ASK_MS = 5000 };

struct question {
    struct kafka_bus *bus;
    int timeout_ms;
    int64_t until_ms;
    struct iso_why *why;
};

static struct question question_new(struct iso_bus *bus, int timeout_ms,
                                    struct iso_why *why)
{
    return (struct question){.bus = kafka_bus_of(bus),
                             .timeout_ms = timeout_ms,
                             .until_ms = iso_steady_ms(&iso_clock_machine) + timeout_ms,
                             .why = why};
}

/* How long the next attempt may take: at least a moment, so that asking with 0 asks. */
static int question_left_ms(const struct question *question)
{
    int64_t left_ms = question->until_ms - iso_steady_ms(&iso_clock_machine);
    if (left_ms > ASK_MS)
        return ASK_MS;
    return left_ms > 1 ? (int)left_ms : 1;
}

/* True when `err` may pass and there is time to ask again. Serves the error callback.
 */
static bool question_again(const struct question *question, rd_kafka_resp_err_t err)
{
    if (iso_kafka_err(err) != ISO_UNAVAILABLE)
        return false;
    int left_ms = question_left_ms(question);
    rd_kafka_poll(question->bus->admin, left_ms < RETRY_MS ? left_ms : RETRY_MS);
    return iso_steady_ms(&iso_clock_machine) < question->until_ms;
}

static enum iso_err question_failed(const struct question *question,
                                    rd_kafka_resp_err_t err, const char *what,
                                    const char *reason)
{
    const struct kafka_bus *bus = question->bus;
    enum iso_err failure = iso_kafka_err(err);
    if (reason == NULL)
        reason = rd_kafka_err2str(err);
    if (failure == ISO_NOT_FOUND)
        return iso_fail(question->why, failure,
                        "%s does not exist in cluster %s: create it", what, bus->name);
    if (failure == ISO_DENIED)
        return iso_fail(question->why, failure,
                        "%s: cluster %s does not permit it (%s): grant it to this user",
                        what, bus->name, reason);
    if (failure != ISO_UNAVAILABLE)
        return iso_fail(question->why, failure, "%s, in cluster %s: %.300s", what,
                        bus->name, reason);
    if (iso_kafka_trouble_get(&question->bus->trouble, question->why) != ISO_OK)
        return failure;
    return iso_fail(
        question->why, failure,
        "Kafka (cluster %s, servers %.120s) did not answer within %d ms: %s: "
        "check that it runs and that servers is right",
        bus->name, bus->servers, question->timeout_ms, reason);
}

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

static const char *topic_words(char *text, size_t size, const char *topic)
{
    snprintf(text, size, "topic %s", topic);
    return text;
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

/* Sends one admin request by `ask` and waits for its answer; `*event` is the caller's
 * to destroy, NULL when none came. */
static rd_kafka_resp_err_t
admin_ask(const struct question *question, rd_kafka_admin_op_t operation,
          void (*ask)(rd_kafka_t *rk, const void *request,
                      rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue),
          const void *request, rd_kafka_event_t **event)
{
    rd_kafka_t *rk = question->bus->admin;
    char text[128];
    int left_ms = question_left_ms(question);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, operation);
    rd_kafka_AdminOptions_set_request_timeout(options, left_ms, text, sizeof text);
    if (operation == RD_KAFKA_ADMIN_OP_CREATETOPICS)
        rd_kafka_AdminOptions_set_operation_timeout(options, left_ms, text,
                                                    sizeof text);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    ask(rk, request, options, queue);
    *event = rd_kafka_queue_poll(queue, left_ms + RETRY_MS);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return *event != NULL ? rd_kafka_event_error(*event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
}

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

static void ask_config(rd_kafka_t *rk, const void *request,
                       rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue)
{
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, request);
    rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
    rd_kafka_ConfigResource_destroy(resource);
}

static rd_kafka_resp_err_t config_result(const rd_kafka_event_t *event,
                                         const rd_kafka_ConfigResource_t **resource)
{
    size_t count;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result((rd_kafka_event_t *)(uintptr_t)event),
            &count);
    iso_assert(count == 1);
    *resource = resources[0];
    return rd_kafka_ConfigResource_error(resources[0]);
}

/* The topic's settings; the caller destroys `*event`, which holds them, also after a
 * failure. */
static rd_kafka_resp_err_t settings_ask(const struct question *question,
                                        const char *topic, rd_kafka_event_t **event,
                                        const rd_kafka_ConfigEntry_t ***entries,
                                        size_t *count)
{
    const rd_kafka_ConfigResource_t *resource = NULL;
    rd_kafka_resp_err_t err;
    *event = NULL;
    do {
        if (*event != NULL)
            rd_kafka_event_destroy(*event);
        err = admin_ask(question, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, ask_config, topic,
                        event);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            err = config_result(*event, &resource);
    } while (question_again(question, err));
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        *entries = rd_kafka_ConfigResource_configs(resource, count);
    return err;
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

/* ---- one setting ----
 *
 * AlterConfigs says all that is set for the topic itself: what it leaves out returns to
 * the cluster's default. So what is set is asked first, and sent along. */

static void ask_alter(rd_kafka_t *rk, const void *request,
                      rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue)
{
    rd_kafka_ConfigResource_t *resource = *(rd_kafka_ConfigResource_t *const *)request;
    rd_kafka_AlterConfigs(rk, &resource, 1, options, queue);
}

/* What the topic will have; *shows: it has the setting already. */
static rd_kafka_resp_err_t alter_plan(const struct question *question,
                                      const char *topic,
                                      const struct iso_topic_config *setting,
                                      rd_kafka_ConfigResource_t *plan, bool *shows)
{
    const rd_kafka_ConfigEntry_t **entries = NULL;
    rd_kafka_event_t *event;
    size_t count = 0;
    rd_kafka_resp_err_t err = settings_ask(question, topic, &event, &entries, &count);
    *shows = false;
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(name, setting->name) == 0)
            *shows = value != NULL && strcmp(value, setting->value) == 0;
        else if (rd_kafka_ConfigEntry_source(entries[i]) ==
                 RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
            rd_kafka_ConfigResource_set_config(plan, name, value ? value : "");
    }
    rd_kafka_ConfigResource_set_config(plan, setting->name, setting->value);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    return err;
}

/* One attempt; on failure `text` holds the cluster's words. */
static rd_kafka_resp_err_t alter_ask(const struct question *question,
                                     rd_kafka_ConfigResource_t *plan, char *text,
                                     size_t size)
{
    rd_kafka_event_t *event;
    rd_kafka_resp_err_t err =
        admin_ask(question, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, ask_alter, &plan, &event);
    snprintf(text, size, "%s", rd_kafka_err2str(err));
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count;
        const rd_kafka_ConfigResource_t **results =
            rd_kafka_AlterConfigs_result_resources(
                rd_kafka_event_AlterConfigs_result(event), &count);
        iso_assert(count == 1);
        err = rd_kafka_ConfigResource_error(results[0]);
        const char *words = rd_kafka_ConfigResource_error_string(results[0]);
        snprintf(text, size, "%s", words != NULL ? words : rd_kafka_err2str(err));
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    return err;
}

enum iso_err iso_kafka_topic_set(struct iso_bus *bus, const char *topic,
                                 const struct iso_topic_config *setting, int timeout_ms,
                                 struct iso_why *why)
{
    char text[256] = "", what[ISO_BUS_TOPIC_MAX + 16];
    struct question question = question_new(bus, timeout_ms, why);
    rd_kafka_resp_err_t err;
    bool shows = false, again;
    do { /* until what was asked for shows: who is asked may not have heard of it yet */
        rd_kafka_ConfigResource_t *plan =
            rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
        text[0] = '\0';
        err = alter_plan(&question, topic, setting, plan, &shows);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && !shows) {
            err = alter_ask(&question, plan, text, sizeof text);
            if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                err = RD_KAFKA_RESP_ERR__TIMED_OUT;
                text[0] = '\0';
            }
        }
        rd_kafka_ConfigResource_destroy(plan);
        again = question_again(&question, err);
    } while (again);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ISO_OK;
    return question_failed(&question, err, topic_words(what, sizeof what, topic),
                           text[0] != '\0' ? text : NULL);
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

enum iso_err iso_kafka_ends(struct iso_bus *bus, struct iso_position *positions,
                            size_t count, int timeout_ms, struct iso_why *why)
{
    struct question question = question_new(bus, timeout_ms, why);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, positions[i].topic,
                                          positions[i].partition);
    rd_kafka_resp_err_t err;
    int worst;
    do {
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
