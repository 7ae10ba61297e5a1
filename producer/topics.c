/* A plan says what a topic's settings must be; making sets them, checking compares.
 *
 * How many replicas a topic has is no setting, and cannot be asked here; what can be is
 * min.insync.replicas, which a topic with too few replicas cannot satisfy: writes would
 * fail at once rather than be lost later. */
#include "producer/topics.h"

#include <stdlib.h>

#define INSYNC "min.insync.replicas"

enum { BROKERS_SAFE = 3, REPLICATION_SAFE = 3 };

void iso_topic_plan_add(struct iso_topic_plan *plan, const char *name,
                        const char *value, enum iso_topic_rule rule)
{
    iso_assert(plan->count < ISO_TOPIC_SETTINGS_MAX);
    plan->settings[plan->count++] =
        (struct iso_topic_setting){.name = name, .value = value, .rule = rule};
}

/* The plan as this cluster needs it: one broker can have no second replica in sync. */
static struct iso_topic_plan plan_for(const struct iso_topic_plan *plan, int brokers)
{
    struct iso_topic_plan whole = *plan;
    if (brokers >= BROKERS_SAFE)
        iso_topic_plan_add(&whole, INSYNC, "2", ISO_TOPIC_AT_LEAST);
    return whole;
}

/* ---- check ---- */

struct topic_check {
    const struct iso_topic_plan *plan;
    struct iso_buf wrong; /* "cleanup.policy is compact, must be delete; …" */
    struct iso_buf mend;  /* "cleanup.policy=delete,…" */
};

static bool setting_right(const struct iso_topic_setting *setting, const char *value)
{
    if (setting->rule == ISO_TOPIC_CHOSEN)
        return true;
    if (setting->rule == ISO_TOPIC_IS)
        return strcmp(setting->value, value) == 0;
    char *end;
    long long number = strtoll(value, &end, 10);
    return end != value && *end == '\0' &&
           (number == -1 || (number == 0 && setting->rule == ISO_TOPIC_FENCED) ||
            number >= strtoll(setting->value, NULL, 10));
}

static void topic_check_each(void *user, const char *name, const char *value)
{
    struct topic_check *check = user;
    for (size_t i = 0; i < check->plan->count; i++) {
        const struct iso_topic_setting *setting = &check->plan->settings[i];
        if (strcmp(setting->name, name) != 0 || setting_right(setting, value))
            continue;
        iso_buf_print(&check->wrong, "%s%s is %.40s", check->wrong.size ? ", " : "",
                      name, value);
        iso_buf_print(&check->mend, "%s%s=%s", check->mend.size ? "," : "", name,
                      setting->value);
    }
}

enum iso_err iso_topic_check(struct iso_bus *bus, const struct iso_topic_plan *plan,
                             int timeout_ms, struct iso_why *why)
{
    int brokers;
    enum iso_err err = iso_bus_brokers(bus, timeout_ms, &brokers, why);
    if (err != ISO_OK)
        return err;
    struct iso_topic_plan whole = plan_for(plan, brokers);
    struct topic_check check = {.plan = &whole};
    int partitions;
    err = iso_bus_partitions(bus, plan->topic, timeout_ms, &partitions, why);
    if (err == ISO_OK && partitions != plan->partitions)
        err = iso_fail(
            why, ISO_TOPIC_CONFIG,
            "topic %s has %d partitions and must have %d, which cannot be "
            "changed: delete the topic if it holds nothing, or use another name",
            plan->topic, partitions, plan->partitions);
    if (err == ISO_OK)
        err = iso_bus_topic_config(bus, plan->topic, timeout_ms, topic_check_each,
                                   &check, why);
    if (err == ISO_OK && check.wrong.size > 0)
        err = iso_fail(why, ISO_TOPIC_CONFIG,
                       "topic %s: %s; mend it: kafka-configs.sh --bootstrap-server … "
                       "--alter --topic %s --add-config %s",
                       plan->topic, iso_buf_text(&check.wrong), plan->topic,
                       iso_buf_text(&check.mend));
    iso_buf_release(&check.wrong);
    iso_buf_release(&check.mend);
    return err;
}

/* ---- make ---- */

enum iso_err iso_topic_make(struct iso_bus *bus, const struct iso_topic_plan *plan,
                            int replication, int timeout_ms, struct iso_why *why)
{
    int partitions, brokers;
    enum iso_err err =
        iso_bus_partitions(bus, plan->topic, timeout_ms, &partitions, why);
    if (err == ISO_OK)
        return iso_topic_check(bus, plan, timeout_ms, why);
    if (err == ISO_NOT_FOUND)
        err = iso_bus_brokers(bus, timeout_ms, &brokers, why);
    if (err != ISO_OK)
        return err;
    if (replication == 0)
        replication = brokers >= BROKERS_SAFE ? REPLICATION_SAFE : 1;
    if (brokers >= BROKERS_SAFE && replication < REPLICATION_SAFE)
        return iso_fail(
            why, ISO_SETTING,
            "topic %s cannot have %d replicas on a cluster of %d brokers, or an "
            "acknowledged write could be lost: set the cluster's replication to "
            "%d or more, or leave it out",
            plan->topic, replication, brokers, REPLICATION_SAFE);
    struct iso_topic_plan whole = plan_for(plan, brokers);
    struct iso_topic_config config[ISO_TOPIC_SETTINGS_MAX];
    for (size_t i = 0; i < whole.count; i++)
        config[i] = (struct iso_topic_config){.name = whole.settings[i].name,
                                              .value = whole.settings[i].value};
    struct iso_topic topic = {.name = plan->topic,
                              .partitions = plan->partitions,
                              .replication = replication,
                              .config = config,
                              .count = whole.count};
    err = iso_bus_topic_create(bus, &topic, timeout_ms, why);
    if (err == ISO_EXISTS) /* somebody else was faster */
        return iso_topic_check(bus, plan, timeout_ms, why);
    return err;
}
