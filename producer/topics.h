/* topics.h - what the settings of a topic must be, made and checked by one table;
 * private to this room.
 */
#ifndef ISO_PRODUCER_TOPICS_H
#define ISO_PRODUCER_TOPICS_H

#include "bus/bus.h"

/* The setting of a topic that takes no record any more, from whoever (define.h). */
#define ISO_FENCE_NAME "max.message.bytes"
#define ISO_FENCE_VALUE "0"
#define ISO_FENCE_NONE "1114112" /* ISO_MESSAGE_MAX: what a log that is open needs */

enum iso_topic_rule {
    ISO_TOPIC_IS,       /* exactly the value */
    ISO_TOPIC_AT_LEAST, /* a number, or -1 for no limit */
    ISO_TOPIC_FENCED,   /* as ISO_TOPIC_AT_LEAST, or 0: a log that is closed */
    ISO_TOPIC_CHOSEN,   /* only set when the topic is made; an operator may change it */
};

struct iso_topic_setting {
    const char *name, *value;
    enum iso_topic_rule rule;
};

enum { ISO_TOPIC_SETTINGS_MAX = 8 };

struct iso_topic_plan {
    const char *topic;
    int partitions;
    size_t count;
    struct iso_topic_setting settings[ISO_TOPIC_SETTINGS_MAX];
};

/* Adds one setting; `value` is borrowed for the plan's life. */
void iso_topic_plan_add(struct iso_topic_plan *plan, const char *name,
                        const char *value, enum iso_topic_rule rule);

/* Makes the topic, or checks the one that is there. replication 0: 3 on clusters of
 * three or more brokers, else 1. min.insync.replicas is 2 from three brokers on, and is
 * not in the plan. */
enum iso_err iso_topic_make(struct iso_bus *bus, const struct iso_topic_plan *plan,
                            int replication, int timeout_ms, struct iso_why *why);

/* ISO_TOPIC_CONFIG names every setting that is wrong, and the command that mends them;
 * ISO_NOT_FOUND. */
enum iso_err iso_topic_check(struct iso_bus *bus, const struct iso_topic_plan *plan,
                             int timeout_ms, struct iso_why *why);

#endif
