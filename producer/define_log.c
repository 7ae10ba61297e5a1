/* The DEFINEs of a log: the one that stands first in every partition, and those of
 * later definitions.
 *
 * The first is written where a partition is empty; one that begins with it already is
 * left alone, and one that begins with anything else is no log. A later one is written
 * behind what stands there, whether it stands there already or not: a partition may
 * hold it anywhere, and twice has no effect. Two who write one DEFINE at the same
 * moment write it with two nodes; the second has no effect either.
 *
 * A DEFINE that the daemons would refuse for its time is known by the append time that
 * comes with its answer: ISO_CLOCK_SKEW, or ISO_TOPIC_CONFIG when none comes, as from a
 * topic that carries its clients' time. One without an answer may be in the log: do the
 * same again.
 *
 * And one that should be refused: a log that is fenced is tried with the DEFINE that it
 * has, partition by partition, until each leader has refused it. */
#include <inttypes.h>

#include "base/mem.h"
#include "producer/define.h"
#include "producer/topics.h"

enum { POLL_MS = 100 };

/* One DEFINE on its way into one partition. */
struct define_record {
    uint64_t hlc;
    bool refused;                         /* by a fence, as it should be */
    uint8_t header[ISO_HEADER_BLIND_MAX]; /* kept until it is answered */
};

struct log_define {
    struct iso_bus *bus;
    const struct iso_definition *definition;
    const struct iso_definition_log *log;
    const struct iso_clock *clock; /* of a later DEFINE; NULL: it is the first */
    uint64_t node;
    int timeout_ms;
    struct define_record *records;  /* by partition */
    struct iso_position *positions; /* by partition */
    int reading;                    /* the partition whose first record is looked at */
    uint32_t waiting;               /* records without an answer */
    int64_t until_ms;               /* steady; each answer moves it on */
    struct iso_delivery bad;        /* the first that was not written, or is refused */
    uint64_t bad_hlc;
    bool failed;
    bool fencing; /* it should be refused */
};

/* ---- what stands there ---- */

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

/* The first: sets *wanted, or sees to it that the partition begins with this DEFINE. */
static enum iso_err first_wanted(struct log_define *define, uint32_t partition,
                                 bool *wanted, struct iso_why *why)
{
    define->reading = (int)partition;
    const struct iso_position *position = &define->positions[partition];
    *wanted = position->end == 0;
    if (*wanted)
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
        *wanted = true;
    return err == ISO_END ? ISO_OK : err;
}

/* A later one: in an empty partition it would stand first, and be refused. */
static enum iso_err next_wanted(const struct log_define *define, uint32_t partition,
                                struct iso_why *why)
{
    if (define->positions[partition].end > 0)
        return ISO_OK;
    return iso_fail(why, ISO_TOPIC_CONFIG,
                    "%s/%" PRIu32 " has no DEFINE yet, so definition %" PRIu32
                    " cannot follow: finish what opens the log (`isostasy collection "
                    "create %s` as it was made, or `isostasy log replace`), then do "
                    "this again",
                    define->log->topic, partition, define->definition->number,
                    define->definition->collection);
}

/* ---- one record ---- */

/* What daemons would refuse it for. A producer keeps before_max/24 in hand, and so does
 * this. */
static bool define_refused(const struct log_define *define, uint64_t hlc,
                           int64_t append_ms)
{
    int64_t ahead_ms = iso_hlc_ms(hlc) - append_ms;
    int64_t before_max_ms = define->definition->before_max_ms;
    if (ahead_ms > define->definition->after_max_ms)
        return true;
    return define->clock != NULL && -ahead_ms > before_max_ms - before_max_ms / 24;
}

static void define_delivered(void *user, const struct iso_delivery *delivery)
{
    struct log_define *define = user;
    struct define_record *record = delivery->opaque;
    define->waiting--;
    if (define->fencing) {
        record->refused =
            delivery->fate == ISO_NOT_SENT && delivery->err == ISO_TOO_LARGE;
        return;
    }
    define->until_ms = iso_steady_ms(&iso_clock_machine) + define->timeout_ms;
    if (delivery->fate == ISO_SENT && delivery->append_ms >= 0 &&
        !define_refused(define, record->hlc, delivery->append_ms))
        return;
    if (!define->failed) {
        define->bad = *delivery;
        define->bad_hlc = record->hlc;
    }
    define->failed = true;
}

/* Not before the log's birth, on which another machine's clock may have decided. */
static uint64_t define_hlc(const struct log_define *define)
{
    uint64_t birth = define->log->birth;
    if (define->clock == NULL)
        return birth;
    uint64_t now = iso_hlc_of_ms(iso_now_ms(define->clock));
    return now > birth ? now : birth + 1;
}

static struct iso_message define_message(struct log_define *define, uint32_t partition)
{
    struct define_record *record = &define->records[partition];
    record->hlc = define_hlc(define);
    struct iso_write write = {.operation = ISO_DEFINE,
                              .log = define->log->number,
                              .partition = partition,
                              .version = {.hlc = record->hlc, .node = define->node},
                              .seq = 1,
                              .blind = true};
    struct iso_buf header = {.data = record->header, .room = sizeof record->header};
    iso_write_encode(&write, &header);
    return (struct iso_message){.topic = define->log->topic,
                                .partition = (int)partition,
                                .has_value = true,
                                .has_header = true,
                                .value = iso_buf_bytes(&define->definition->bytes),
                                .header = iso_buf_bytes(&header),
                                .opaque = record};
}

static enum iso_err define_failed(const struct log_define *define, struct iso_why *why)
{
    const struct iso_delivery *bad = &define->bad;
    const struct iso_definition_log *log = define->log;
    int64_t ahead_ms = iso_hlc_ms(define->bad_hlc) - bad->append_ms;
    if (bad->fate != ISO_SENT)
        return iso_fail(why, bad->err,
                        "log %u in topic %s is not defined in every partition: %s; do "
                        "the same again to go on",
                        log->number, log->topic, iso_err_words(bad->err));
    if (bad->append_ms < 0)
        return iso_fail(
            why, ISO_TOPIC_CONFIG,
            "the broker does not say when the DEFINE of log %u was appended "
            "to topic %s, so daemons may refuse it: set "
            "message.timestamp.type=LogAppendTime on the topic, then do the "
            "same again",
            log->number, log->topic);
    if (define->clock == NULL)
        return iso_fail(why, ISO_CLOCK_SKEW,
                        "the birth of log %u is %" PRId64
                        " ms ahead of the broker's clock, so its DEFINE is refused: "
                        "set this machine's clock, and create the collection anew "
                        "under another topic",
                        log->number, ahead_ms);
    return iso_fail(why, ISO_CLOCK_SKEW,
                    "this machine's clock is %" PRId64
                    " ms %s the broker's of topic %s, more than the collection admits, "
                    "so the DEFINE is refused: set the clock that is wrong, and do the "
                    "same again",
                    ahead_ms < 0 ? -ahead_ms : ahead_ms,
                    ahead_ms < 0 ? "behind" : "ahead of", log->topic);
}

/* ---- all of them ---- */

/* Sends one record, waiting while the queue is full. */
static enum iso_err define_send(struct log_define *define,
                                struct iso_publisher *publisher, uint32_t partition,
                                struct iso_why *why)
{
    struct iso_message message = define_message(define, partition);
    for (;;) {
        int delivered;
        enum iso_err err = iso_publisher_send(publisher, &message, why);
        if (err == ISO_OK)
            define->waiting++;
        if (err != ISO_AGAIN || iso_steady_ms(&iso_clock_machine) >= define->until_ms)
            return err;
        err = iso_publisher_poll(publisher, POLL_MS, &delivered, why);
        if (err != ISO_OK)
            return err;
    }
}

static enum iso_err define_publish(struct log_define *define,
                                   struct iso_publisher *publisher, struct iso_why *why)
{
    define->until_ms = iso_steady_ms(&iso_clock_machine) + define->timeout_ms;
    enum iso_err err = ISO_OK;
    for (uint32_t p = 0; err == ISO_OK && p < define->definition->partitions; p++) {
        bool wanted = true;
        err = define->clock == NULL ? first_wanted(define, p, &wanted, why)
                                    : next_wanted(define, p, why);
        if (err == ISO_OK && wanted)
            err = define_send(define, publisher, p, why);
    }
    while (err == ISO_OK && define->waiting > 0 && !define->failed &&
           iso_steady_ms(&iso_clock_machine) < define->until_ms) {
        int delivered;
        err = iso_publisher_poll(publisher, POLL_MS, &delivered, why);
    }
    return err;
}

static enum iso_err fence_refused(const struct log_define *define, struct iso_why *why)
{
    for (uint32_t p = 0; p < define->definition->partitions; p++) {
        if (!define->records[p].refused)
            return iso_fail(why, ISO_UNAVAILABLE,
                            "%s/%" PRIu32 " still takes records although the topic is "
                            "fenced (max.message.bytes=0), or does not answer: do the "
                            "same again",
                            define->log->topic, p);
    }
    return ISO_OK;
}

/* Turn by turn, of the partitions that have not refused one yet. A leader that has not
 * heard of the setting takes its record, which has no effect. */
static enum iso_err define_refuse(struct log_define *define,
                                  struct iso_publisher *publisher, struct iso_why *why)
{
    define->until_ms = iso_steady_ms(&iso_clock_machine) + define->timeout_ms;
    enum iso_err err;
    do {
        err = ISO_OK;
        for (uint32_t p = 0; err == ISO_OK && p < define->definition->partitions; p++)
            if (!define->records[p].refused)
                err = define_send(define, publisher, p, why);
        int delivered = 1;
        while (err == ISO_OK && define->waiting > 0 &&
               iso_steady_ms(&iso_clock_machine) < define->until_ms)
            err = iso_publisher_poll(publisher, POLL_MS, &delivered, why);
        if (err != ISO_OK)
            return err;
        err = fence_refused(define, why);
    } while (err != ISO_OK && define->waiting == 0 &&
             iso_steady_ms(&iso_clock_machine) < define->until_ms);
    return err;
}

static enum iso_err define_run(struct log_define *define, struct iso_why *why)
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
    err = define->fencing ? define_refuse(define, publisher, why)
                          : define_publish(define, publisher, why);
    iso_publisher_close(publisher); /* what has no answer gets one */
    return err == ISO_OK && define->failed ? define_failed(define, why) : err;
}

static enum iso_err define_log(struct log_define *define, struct iso_chance *chance,
                               struct iso_why *why)
{
    size_t partitions = define->definition->partitions;
    define->node = iso_node(iso_definition_owner(define->log), iso_chance_draw(chance));
    define->records = iso_alloc_zero(partitions, sizeof *define->records);
    define->positions = iso_alloc_zero(partitions, sizeof *define->positions);
    enum iso_err err = define_run(define, why);
    iso_free(define->records);
    iso_free(define->positions);
    return err;
}

enum iso_err iso_log_define(struct iso_bus *bus,
                            const struct iso_definition *definition,
                            const struct iso_definition_log *log,
                            struct iso_chance *chance, int timeout_ms,
                            struct iso_why *why)
{
    struct log_define define = {
        .bus = bus, .definition = definition, .log = log, .timeout_ms = timeout_ms};
    return define_log(&define, chance, why);
}

enum iso_err iso_log_define_next(const struct iso_define_ground *ground,
                                 const struct iso_definition *definition,
                                 const struct iso_definition_log *log,
                                 struct iso_why *why)
{
    struct log_define define = {.bus = ground->bus,
                                .definition = definition,
                                .log = log,
                                .clock = ground->clock,
                                .timeout_ms = ground->timeout_ms};
    return define_log(&define, ground->chance, why);
}

enum iso_err iso_log_fence(const struct iso_define_ground *ground,
                           const struct iso_definition *definition,
                           const struct iso_definition_log *log, struct iso_why *why)
{
    struct log_define define = {.bus = ground->bus,
                                .definition = definition,
                                .log = log,
                                .clock = ground->clock,
                                .timeout_ms = ground->timeout_ms,
                                .fencing = true};
    const struct iso_topic_config fence = {ISO_FENCE_NAME, ISO_FENCE_VALUE};
    enum iso_err err =
        iso_bus_topic_set(ground->bus, log->topic, &fence, ground->timeout_ms, why);
    return err == ISO_OK ? define_log(&define, ground->chance, why) : err;
}
