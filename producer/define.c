/* How a collection comes into being: its topics, and the DEFINE that stands first.
 *
 * A step looks at what is there before it does anything, so it can be done again after
 * any interruption, and by two at the same time: a topic that exists is checked, a
 * partition that begins with the right DEFINE is left alone. Two who define one empty
 * partition at the same moment write the DEFINE twice, with two nodes; the second has
 * no effect. */
#include "producer/define.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "producer/topics.h"

#define RETENTION_MIN_MS (INT64_C(7) * 24 * 3600 * 1000)
#define MESSAGE_MAX "1114112"
#define HOUR_MS "3600000"
#define WEEK_MS "604800000"
#define MONTH_MS "2592000000"

enum { POLL_MS = 100 };

/* ---- control topics ---- */

enum control_topic { CONTROL, STATUS, EXCHANGE, DEAD_LETTER };

/* One partition each: few records, and who reads one reads all of it. `iso.status` is
 * compacted soon, because a monitor reads it from its beginning. */
static void control_plan(enum control_topic which, struct iso_topic_plan *plan)
{
    bool compacted = which == STATUS;
    plan->partitions = 1;
    iso_topic_plan_add(plan, "cleanup.policy", compacted ? "compact" : "delete",
                       ISO_TOPIC_IS);
    iso_topic_plan_add(plan, "message.timestamp.type", "LogAppendTime", ISO_TOPIC_IS);
    iso_topic_plan_add(plan, "max.message.bytes", MESSAGE_MAX, ISO_TOPIC_AT_LEAST);
    switch (which) {
    case CONTROL:
        iso_topic_plan_add(plan, "retention.ms", "-1", ISO_TOPIC_IS);
        iso_topic_plan_add(plan, "retention.bytes", "-1", ISO_TOPIC_IS);
        break;
    case STATUS:
        iso_topic_plan_add(plan, "segment.ms", HOUR_MS, ISO_TOPIC_CHOSEN);
        iso_topic_plan_add(plan, "segment.bytes", "16777216", ISO_TOPIC_CHOSEN);
        iso_topic_plan_add(plan, "min.cleanable.dirty.ratio", "0.1", ISO_TOPIC_CHOSEN);
        break;
    case EXCHANGE:
        iso_topic_plan_add(plan, "retention.ms", HOUR_MS, ISO_TOPIC_CHOSEN);
        iso_topic_plan_add(plan, "segment.bytes", "67108864", ISO_TOPIC_CHOSEN);
        break;
    case DEAD_LETTER:
        iso_topic_plan_add(plan, "retention.ms", MONTH_MS, ISO_TOPIC_CHOSEN);
        break;
    }
}

enum iso_err iso_control_topics(struct iso_bus *bus, const char *prefix, bool home,
                                int replication, int timeout_ms, struct iso_why *why)
{
    static const char *const names[] = {[CONTROL] = "control",
                                        [STATUS] = "status",
                                        [EXCHANGE] = "exchange",
                                        [DEAD_LETTER] = "dead-letter"};
    enum iso_err err = ISO_OK;
    for (int which = home ? CONTROL : STATUS; err == ISO_OK && which <= DEAD_LETTER;
         which++) {
        struct iso_buf topic = {0};
        iso_buf_print(&topic, "%s%s", prefix, names[which]);
        struct iso_topic_plan plan = {.topic = iso_buf_text(&topic)};
        control_plan((enum control_topic)which, &plan);
        err = iso_topic_make(bus, &plan, replication, timeout_ms, why);
        iso_buf_release(&topic);
    }
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
    iso_topic_plan_add(plan, "max.message.bytes", MESSAGE_MAX, ISO_TOPIC_AT_LEAST);
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

/* ---- the first DEFINE ---- */

struct log_define {
    struct iso_bus *bus;
    const struct iso_definition *definition;
    const struct iso_definition_log *log;
    uint64_t node;
    int timeout_ms;
    uint8_t *headers; /* ISO_HEADER_BLIND_MAX for each partition */
    struct iso_position *positions;
    int reading;             /* the partition whose first record is looked at */
    uint32_t waiting;        /* records without an answer */
    struct iso_delivery bad; /* the first that was not written, or too early */
    bool failed;
};

static enum iso_err first_is_other(const struct log_define *define, const char *what,
                                   struct iso_why *why)
{
    return iso_fail(
        why, ISO_TOPIC_CONFIG,
        "%s/%d begins with %s, not with definition %" PRIu32
        " of collection %s: a log begins in a topic of its own; choose another "
        "topic, or delete this one if it holds nothing",
        define->log->topic, define->reading, what, define->definition->number,
        define->definition->collection);
}

/* The first record of a partition that is not empty. ISO_END ends the reading. */
static enum iso_err first_check(void *user, const struct iso_record *record,
                                struct iso_why *why)
{
    const struct log_define *define = user;
    struct iso_write write;
    struct iso_buf scratch = {0};
    enum iso_err err = ISO_BAD_DATA;
    if (record->header_count == 1)
        err = iso_write_decode(record->header, &scratch, &write, NULL);
    iso_buf_release(&scratch);
    if (err != ISO_OK)
        return first_is_other(define, "a record of another program", why);
    if (write.operation != ISO_DEFINE || write.log != define->log->number)
        return first_is_other(define, "a write of another log", why);
    if (!record->has_value ||
        !iso_bytes_equal(record->value, iso_buf_bytes(&define->definition->bytes)))
        return first_is_other(define, "another definition", why);
    return ISO_END;
}

/* Sets *empty, or sees to it that the partition begins with this DEFINE. */
static enum iso_err partition_empty(struct log_define *define, uint32_t partition,
                                    bool *empty, struct iso_why *why)
{
    define->reading = (int)partition;
    const struct iso_position *position = &define->positions[partition];
    *empty = position->end == 0;
    if (*empty)
        return ISO_OK;
    if (position->begin > 0)
        return first_is_other(define, "records that are gone (retention)", why);
    struct iso_walk walk = {.topic = define->log->topic,
                            .partition = (int)partition,
                            .timeout_ms = define->timeout_ms,
                            .each = first_check,
                            .user = define};
    enum iso_err err = iso_bus_read(define->bus, &walk, NULL, why);
    if (err == ISO_OK) /* transaction markers alone */
        *empty = true;
    return err == ISO_END ? ISO_OK : err;
}

static void define_delivered(void *user, const struct iso_delivery *delivery)
{
    struct log_define *define = user;
    define->waiting--;
    int64_t birth_ms = iso_hlc_ms(define->log->birth);
    bool early = delivery->append_ms >= 0 &&
                 birth_ms > delivery->append_ms + define->definition->after_max_ms;
    if (delivery->fate == ISO_SENT && !early)
        return;
    if (!define->failed)
        define->bad = *delivery;
    define->failed = true;
}

static struct iso_message define_message(const struct log_define *define,
                                         uint32_t partition)
{
    struct iso_write write = {
        .operation = ISO_DEFINE,
        .log = define->log->number,
        .partition = partition,
        .version = {.hlc = define->log->birth, .node = define->node},
        .seq = 1,
        .blind = true};
    struct iso_buf header = {.data = define->headers +
                                     (size_t)partition * ISO_HEADER_BLIND_MAX,
                             .room = ISO_HEADER_BLIND_MAX};
    iso_write_encode(&write, &header);
    return (struct iso_message){.topic = define->log->topic,
                                .partition = (int)partition,
                                .has_value = true,
                                .has_header = true,
                                .value = iso_buf_bytes(&define->definition->bytes),
                                .header = iso_buf_bytes(&header)};
}

static enum iso_err define_failed(const struct log_define *define, struct iso_why *why)
{
    const struct iso_delivery *bad = &define->bad;
    if (bad->fate == ISO_SENT)
        return iso_fail(
            why, ISO_CLOCK_SKEW,
            "the birth of log %u is %" PRId64 " ms ahead of the broker's clock, "
            "so its DEFINE is refused: set this machine's clock, and create the "
            "collection anew under another topic",
            define->log->number, iso_hlc_ms(define->log->birth) - bad->append_ms);
    return iso_fail(
        why, bad->err,
        "log %u in topic %s is not defined in every partition: %s; do the same "
        "again to go on",
        define->log->number, define->log->topic, iso_err_words(bad->err));
}

/* Sends one record, waiting while the queue is full. */
static enum iso_err define_send(struct log_define *define,
                                struct iso_publisher *publisher, uint32_t partition,
                                int64_t until_ms, struct iso_why *why)
{
    struct iso_message message = define_message(define, partition);
    for (;;) {
        int delivered;
        enum iso_err err = iso_publisher_send(publisher, &message, why);
        if (err == ISO_OK)
            define->waiting++;
        if (err != ISO_AGAIN || iso_steady_ms(&iso_clock_machine) >= until_ms)
            return err;
        err = iso_publisher_poll(publisher, POLL_MS, &delivered, why);
        if (err != ISO_OK)
            return err;
    }
}

static enum iso_err define_publish(struct log_define *define,
                                   struct iso_publisher *publisher, struct iso_why *why)
{
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + define->timeout_ms;
    enum iso_err err = ISO_OK;
    for (uint32_t p = 0; err == ISO_OK && p < define->definition->partitions; p++) {
        bool empty;
        err = partition_empty(define, p, &empty, why);
        if (err == ISO_OK && empty)
            err = define_send(define, publisher, p, until_ms, why);
    }
    while (err == ISO_OK && define->waiting > 0 && !define->failed &&
           iso_steady_ms(&iso_clock_machine) < until_ms) {
        int delivered;
        err = iso_publisher_poll(publisher, POLL_MS, &delivered, why);
    }
    return err;
}

static enum iso_err log_define_run(struct log_define *define, struct iso_why *why)
{
    uint32_t partitions = define->definition->partitions;
    for (uint32_t p = 0; p < partitions; p++)
        define->positions[p] =
            (struct iso_position){.topic = define->log->topic, .partition = (int)p};
    enum iso_err err = iso_bus_ends(define->bus, define->positions, partitions,
                                    define->timeout_ms, why);
    if (err != ISO_OK)
        return err;
    struct iso_publisher_options options = {.client_id = "isostasy-define",
                                            .header = ISO_HEADER_NAME,
                                            .delivered = define_delivered,
                                            .user = define};
    struct iso_publisher *publisher;
    err = iso_publisher_open(define->bus, &options, &publisher, why);
    if (err != ISO_OK)
        return err;
    err = define_publish(define, publisher, why);
    iso_publisher_close(publisher); /* what has no answer gets one */
    return err == ISO_OK && define->failed ? define_failed(define, why) : err;
}

enum iso_err iso_log_define(struct iso_bus *bus,
                            const struct iso_definition *definition,
                            const struct iso_definition_log *log,
                            struct iso_chance *chance, int timeout_ms,
                            struct iso_why *why)
{
    size_t partitions = definition->partitions;
    struct log_define define = {
        .bus = bus,
        .definition = definition,
        .log = log,
        .node = iso_node(iso_definition_owner(log), iso_chance_draw(chance)),
        .timeout_ms = timeout_ms,
        .headers = iso_alloc_zero(partitions, ISO_HEADER_BLIND_MAX),
        .positions = iso_alloc_zero(partitions, sizeof(struct iso_position))};
    enum iso_err err = log_define_run(&define, why);
    iso_free(define.headers);
    iso_free(define.positions);
    return err;
}
