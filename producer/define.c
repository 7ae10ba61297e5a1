/* How a collection comes into being: its topics. (The DEFINEs in them: define_log.c.)
 *
 * A step looks at what is there before it does anything, so it can be done again after
 * any interruption, and by two at the same time: a topic that exists is checked. */
#include "producer/define.h"

#include <inttypes.h>
#include <stdio.h>

#include "producer/topics.h"

#define RETENTION_MIN_MS (INT64_C(7) * 24 * 3600 * 1000)
#define MESSAGE_MAX ISO_FENCE_NONE
#define HOUR_MS "3600000"
#define WEEK_MS "604800000"
#define MONTH_MS "2592000000"

/* ---- control topics ---- */

/* One partition each: few records, and who reads one reads all of it. `iso.status` is
 * compacted soon, because a monitor reads it from its beginning. */
static void control_plan(enum iso_control_topic which, struct iso_topic_plan *plan)
{
    bool compacted = which == ISO_TOPIC_STATUS;
    plan->partitions = 1;
    iso_topic_plan_add(plan, "cleanup.policy", compacted ? "compact" : "delete",
                       ISO_TOPIC_IS);
    iso_topic_plan_add(plan, "message.timestamp.type", "LogAppendTime", ISO_TOPIC_IS);
    iso_topic_plan_add(plan, "max.message.bytes", MESSAGE_MAX, ISO_TOPIC_AT_LEAST);
    switch (which) {
    case ISO_TOPIC_CONTROL:
        iso_topic_plan_add(plan, "retention.ms", "-1", ISO_TOPIC_IS);
        iso_topic_plan_add(plan, "retention.bytes", "-1", ISO_TOPIC_IS);
        break;
    case ISO_TOPIC_STATUS:
        iso_topic_plan_add(plan, "segment.ms", HOUR_MS, ISO_TOPIC_CHOSEN);
        iso_topic_plan_add(plan, "segment.bytes", "16777216", ISO_TOPIC_CHOSEN);
        iso_topic_plan_add(plan, "min.cleanable.dirty.ratio", "0.1", ISO_TOPIC_CHOSEN);
        break;
    case ISO_TOPIC_EXCHANGE:
        iso_topic_plan_add(plan, "retention.ms", HOUR_MS, ISO_TOPIC_CHOSEN);
        iso_topic_plan_add(plan, "segment.bytes", "67108864", ISO_TOPIC_CHOSEN);
        break;
    case ISO_TOPIC_DEAD_LETTER:
        iso_topic_plan_add(plan, "retention.ms", MONTH_MS, ISO_TOPIC_CHOSEN);
        break;
    }
}

const char *iso_control_topic_name(enum iso_control_topic which)
{
    static const char *const names[] = {[ISO_TOPIC_CONTROL] = "control",
                                        [ISO_TOPIC_STATUS] = "status",
                                        [ISO_TOPIC_EXCHANGE] = "exchange",
                                        [ISO_TOPIC_DEAD_LETTER] = "dead-letter"};
    return names[which];
}

enum iso_err iso_control_topics(struct iso_bus *bus, const char *prefix, bool home,
                                int replication, int timeout_ms, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (int which = home ? ISO_TOPIC_CONTROL : ISO_TOPIC_STATUS;
         err == ISO_OK && which <= ISO_TOPIC_DEAD_LETTER; which++) {
        struct iso_buf topic = {0};
        iso_buf_print(&topic, "%s%s", prefix,
                      iso_control_topic_name((enum iso_control_topic)which));
        struct iso_topic_plan plan = {.topic = iso_buf_text(&topic)};
        control_plan((enum iso_control_topic)which, &plan);
        err = iso_topic_make(bus, &plan, replication, timeout_ms, why);
        iso_buf_release(&topic);
    }
    return err;
}

enum iso_err iso_control_topic_check(struct iso_bus *bus, const char *prefix,
                                     enum iso_control_topic which, int timeout_ms,
                                     struct iso_why *why)
{
    struct iso_buf topic = {0};
    iso_buf_print(&topic, "%s%s", prefix, iso_control_topic_name(which));
    struct iso_topic_plan plan = {.topic = iso_buf_text(&topic)};
    control_plan(which, &plan);
    enum iso_err err = iso_topic_check(bus, &plan, timeout_ms, why);
    iso_buf_release(&topic);
    return err;
}

/* ---- the topic of a log ---- */

/* A log loses nothing younger than its retention: bytes are no reason to. */
static void log_plan(const struct iso_definition *definition,
                     const struct iso_definition_log *log, const char *retention_ms,
                     struct iso_topic_plan *plan)
{
    *plan = (struct iso_topic_plan){.topic = log->topic,
                                    .partitions = (int)definition->partitions};
    iso_topic_plan_add(plan, "cleanup.policy", "delete", ISO_TOPIC_IS);
    iso_topic_plan_add(plan, "message.timestamp.type", "LogAppendTime", ISO_TOPIC_IS);
    iso_topic_plan_add(plan, "retention.ms", retention_ms, ISO_TOPIC_AT_LEAST);
    iso_topic_plan_add(plan, "retention.bytes", "-1", ISO_TOPIC_IS);
    iso_topic_plan_add(plan, ISO_FENCE_NAME, MESSAGE_MAX, ISO_TOPIC_FENCED);
}

enum iso_err iso_log_create(struct iso_bus *bus,
                            const struct iso_definition *definition,
                            const struct iso_definition_log *log,
                            const struct iso_topic_options *options,
                            struct iso_why *why)
{
    if (options->retention_ms < RETENTION_MIN_MS && options->retention_ms != -1)
        return iso_fail(why, ISO_SETTING,
                        "a log cannot keep its records for %" PRId64
                        " ms: at least 7 days, "
                        "so that a region that was away finds what it missed",
                        options->retention_ms);
    int partitions;
    enum iso_err err =
        iso_bus_partitions(bus, log->topic, options->timeout_ms, &partitions, why);
    if (err == ISO_OK)
        return iso_log_check(bus, definition, log, options->timeout_ms, why);
    if (err != ISO_NOT_FOUND)
        return err;
    char retention[32];
    snprintf(retention, sizeof retention, "%" PRId64, options->retention_ms);
    struct iso_topic_plan plan;
    log_plan(definition, log, retention, &plan);
    return iso_topic_make(bus, &plan, options->replication, options->timeout_ms, why);
}

enum iso_err iso_log_check(struct iso_bus *bus, const struct iso_definition *definition,
                           const struct iso_definition_log *log, int timeout_ms,
                           struct iso_why *why)
{
    struct iso_topic_plan plan;
    log_plan(definition, log, WEEK_MS, &plan);
    return iso_topic_check(bus, &plan, timeout_ms, why);
}
