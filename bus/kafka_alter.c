/* Setting one setting of a topic.
 *
 * AlterConfigs says all that is set for the topic itself: what it leaves out returns to
 * the cluster's default (the incremental call came with librdkafka 2.2). So what is set
 * is asked first, and sent along; what somebody else sets between the two is lost. It
 * is done when it shows, since who is asked may not have heard of it yet. */
#include "bus/kafka_question.h"

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
