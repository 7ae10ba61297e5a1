/* kafka_question.h - how a question is asked; private to bus/kafka*.c.
 *
 * Each is asked again until it is answered or its deadline passes: a leader that is
 * being elected, a controller that moves or a connection that breaks are no answer. At
 * the deadline the failure says what the client last heard of the cluster (a wrong
 * password, an unknown authority), else that nothing was heard.
 */
#ifndef ISO_BUS_KAFKA_QUESTION_H
#define ISO_BUS_KAFKA_QUESTION_H

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

static inline struct question question_new(struct iso_bus *bus, int timeout_ms,
                                           struct iso_why *why)
{
    return (struct question){.bus = kafka_bus_of(bus),
                             .timeout_ms = timeout_ms,
                             .until_ms = iso_steady_ms(&iso_clock_machine) + timeout_ms,
                             .why = why};
}

/* How long the next attempt may take: at least a moment, so that asking with 0 asks. */
static inline int question_left_ms(const struct question *question)
{
    int64_t left_ms = question->until_ms - iso_steady_ms(&iso_clock_machine);
    if (left_ms > ASK_MS)
        return ASK_MS;
    return left_ms > 1 ? (int)left_ms : 1;
}

/* True when `err` may pass and there is time to ask again. Serves the error callback.
 */
static inline bool question_again(const struct question *question,
                                  rd_kafka_resp_err_t err)
{
    if (iso_kafka_err(err) != ISO_UNAVAILABLE)
        return false;
    int left_ms = question_left_ms(question);
    rd_kafka_poll(question->bus->admin, left_ms < RETRY_MS ? left_ms : RETRY_MS);
    return iso_steady_ms(&iso_clock_machine) < question->until_ms;
}

static inline enum iso_err question_failed(const struct question *question,
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

static inline const char *topic_words(char *text, size_t size, const char *topic)
{
    snprintf(text, size, "topic %s", topic);
    return text;
}

/* ---- admin requests ---- */

/* Sends one admin request by `ask` and waits for its answer; `*event` is the caller's
 * to destroy, NULL when none came. */
static inline rd_kafka_resp_err_t
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

static inline void ask_config(rd_kafka_t *rk, const void *request,
                              rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue)
{
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, request);
    rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
    rd_kafka_ConfigResource_destroy(resource);
}

static inline rd_kafka_resp_err_t
config_result(const rd_kafka_event_t *event, const rd_kafka_ConfigResource_t **resource)
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
static inline rd_kafka_resp_err_t settings_ask(const struct question *question,
                                               const char *topic,
                                               rd_kafka_event_t **event,
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

#endif
