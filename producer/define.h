/* define.h - how a collection comes into being: topics, the definition, and the DEFINE
 * that stands first in every partition of every log; and how it gets a later one.
 *
 * Every step can be done again: a `create` or `schema register` that was interrupted
 * goes on where it stopped.
 */
#ifndef ISO_PRODUCER_DEFINE_H
#define ISO_PRODUCER_DEFINE_H

#include "base/clock.h"
#include "bus/bus.h"
#include "schema/control.h"

/* Where the control topic is, and how long each step there may take. */
struct iso_control_place {
    struct iso_bus *home;
    const char *prefix; /* "iso." */
    int timeout_ms;
};

/* Reads what is new in the control topic; ISO_NOT_FOUND when the topic is not there. */
enum iso_err iso_control_read(const struct iso_control_place *place,
                              struct iso_control *control, struct iso_why *why);

/* Makes the control topics of a cluster when they are missing (`iso.control` in the
 * home cluster only), and checks their settings. replication 0: 3 on clusters of three
 * or more brokers, else 1. */
enum iso_err iso_control_topics(struct iso_bus *bus, const char *prefix, bool home,
                                int replication, int timeout_ms, struct iso_why *why);

enum iso_control_topic {
    ISO_TOPIC_CONTROL, /* in the home cluster only */
    ISO_TOPIC_STATUS,
    ISO_TOPIC_EXCHANGE,
    ISO_TOPIC_DEAD_LETTER,
};
/* "control", "status", … : what stands behind the prefix. */
const char *iso_control_topic_name(enum iso_control_topic which);
/* Is it there, with the settings that it must have? ISO_NOT_FOUND; ISO_TOPIC_CONFIG. */
enum iso_err iso_control_topic_check(struct iso_bus *bus, const char *prefix,
                                     enum iso_control_topic which, int timeout_ms,
                                     struct iso_why *why);

/* Claims a region's name and number (0: the lowest free one), reads back. ISO_EXISTS:
 * the name has another number, or the number another name. Claiming the same again is
 * ISO_OK. */
enum iso_err iso_control_add_region(const struct iso_control_place *place,
                                    const char *name, unsigned number,
                                    struct iso_control *control, unsigned *given,
                                    struct iso_why *why);

/* Announces a definition and reads back. ISO_EXISTS: that number is taken by other
 * bytes. */
enum iso_err iso_control_add_definition(const struct iso_control_place *place,
                                        const struct iso_definition *definition,
                                        struct iso_control *control,
                                        struct iso_why *why);

struct iso_topic_options {
    int replication;      /* 0: 3 on clusters of three or more brokers, else 1 */
    int64_t retention_ms; /* 7 days or more, or -1: for ever */
    int timeout_ms;
};

/* Makes a log's topic when it is missing, with the settings of DESIGN.md, section 2. */
enum iso_err iso_log_create(struct iso_bus *bus,
                            const struct iso_definition *definition,
                            const struct iso_definition_log *log,
                            const struct iso_topic_options *options,
                            struct iso_why *why);

/* Are the topic's settings what a log needs? ISO_TOPIC_CONFIG names each that is not,
 * and the command that mends it. */
enum iso_err iso_log_check(struct iso_bus *bus, const struct iso_definition *definition,
                           const struct iso_definition_log *log, int timeout_ms,
                           struct iso_why *why);

/* Says in the control topic that the definition stands in every open log; done before:
 * ISO_OK. Nobody who applies asks for it: it tells writers what they may use. */
enum iso_err iso_control_add_defined(const struct iso_control_place *place,
                                     const struct iso_definition *definition,
                                     struct iso_control *control, struct iso_why *why);

/* Publishes the log's first DEFINE into every partition that is still empty. */
enum iso_err iso_log_define(struct iso_bus *bus,
                            const struct iso_definition *definition,
                            const struct iso_definition_log *log,
                            struct iso_chance *chance, int timeout_ms,
                            struct iso_why *why);

/* What a later DEFINE is written with. */
struct iso_define_ground {
    struct iso_bus *bus; /* the log's cluster */
    const struct iso_clock *clock;
    struct iso_chance *chance;
    int timeout_ms; /* without an answer */
};

/* Publishes the DEFINE of a later definition into every partition of the log, behind
 * what stands there, in the name of the region that owns it. Again is harmless.
 * ISO_CLOCK_SKEW: the broker's clock and this machine's are further apart than the
 * definition admits; ISO_TOPIC_CONFIG: a partition has no first DEFINE yet, or the
 * topic carries another time than the broker's. */
enum iso_err iso_log_define_next(const struct iso_define_ground *ground,
                                 const struct iso_definition *definition,
                                 const struct iso_definition_log *log,
                                 struct iso_why *why);

/* ---- closing a log, and the one that succeeds it (DESIGN.md, section 2) ----
 *
 *   iso_log_create                the successor's topic, while nothing is closed yet
 *   iso_log_fence                 nobody writes to the log any more
 *   iso_log_end                   where it ends, for good
 *   iso_definition_succeed        the next definition: those ends, and the successor
 *   iso_control_add_definition    announced
 *   iso_log_define                its first DEFINE, in the successor
 *   iso_log_define_next           its DEFINE in the other open logs
 *   iso_control_add_defined       writers use it from now on
 *
 * iso_log_replace does all of that. */

/* Sees to it that every partition of the log refuses whatever is sent to it, from
 * whatever client (max.message.bytes=0), and tries that. Again is harmless. What it
 * tries with is the DEFINE of `definition`, which stands there already and has no
 * effect. ISO_UNAVAILABLE: some partition still takes records; ISO_DENIED. */
enum iso_err iso_log_fence(const struct iso_define_ground *ground,
                           const struct iso_definition *definition,
                           const struct iso_definition_log *log, struct iso_why *why);

/* Whether its topic says so. ISO_NOT_FOUND, ISO_DENIED. */
enum iso_err iso_log_fenced(struct iso_bus *bus, const struct iso_definition_log *log,
                            int timeout_ms, bool *fenced, struct iso_why *why);

/* Takes the fence away again, of a log that is not announced as closed. */
enum iso_err iso_log_unfence(struct iso_bus *bus, const struct iso_definition_log *log,
                             int timeout_ms, struct iso_why *why);

/* Waits until what the log held when it was asked can be read: until no transaction of
 * another client that has a record in it is open. What stands behind such a record
 * would not be part of a log that is closed now; and one that is fenced takes no end of
 * a transaction any more. ISO_AGAIN: some is open still. */
enum iso_err iso_log_whole(struct iso_bus *bus, const struct iso_definition *definition,
                           const struct iso_definition_log *log, int timeout_ms,
                           struct iso_why *why);

/* Where a log that is fenced ends: one offset for each partition, into `ends`. In a
 * cluster of several brokers it takes a minute: what a leader took before the fence
 * counts when every replica in sync has it, and who is in sync is known only then.
 * ISO_AGAIN, as iso_log_whole. */
enum iso_err iso_log_end(struct iso_bus *bus, const struct iso_definition *definition,
                         const struct iso_definition_log *log, int timeout_ms,
                         int64_t *ends, struct iso_why *why);

/* The append time of the newest record of the log's first partition that has one: about
 * when the log was last written. -1: it is empty. */
enum iso_err iso_log_newest(struct iso_bus *bus,
                            const struct iso_definition *definition,
                            const struct iso_definition_log *log, int timeout_ms,
                            int64_t *append_ms, struct iso_why *why);

/* What becomes of a log. */
struct iso_succession {
    uint16_t log;
    const int64_t *ends; /* as iso_log_end says */
    /* What the brokers' clocks say, and no less than the newest append time of any log
     * that is open. */
    int64_t now_ms;
    const char *cluster, *topic; /* of its successor; topic NULL: it has none */
};

/* The number and, appended to `topic`, the name that a successor gets by itself:
 * "packages.2", for log 2. */
uint16_t iso_log_successor(const struct iso_definition *now,
                           const struct iso_definition_log *log, struct iso_buf *topic);

/* Makes the definition that comes after `now`: the log ends, and its successor, which
 * its writers write, begins. Its birth is as early as is safe (half of before_max
 * before append_ms, and not before the log's own), so that what writers could not bring
 * in time to the log that was closed is admitted by its successor. ISO_NOT_FOUND: `now`
 * names no such log; ISO_EXISTS: it is closed already; else as iso_definition_encode.
 */
enum iso_err iso_definition_succeed(const struct iso_definition *now,
                                    const struct iso_succession *succession,
                                    struct iso_chance *chance,
                                    struct iso_definition **next, struct iso_why *why);

/* Closes a log and has another one succeed it, all of it. Interrupted anywhere and
 * called again with the same, it goes on where it stopped; of a log that was replaced
 * before it sees to it that every step was finished. */
struct iso_log_replacing {
    struct iso_control_place place;
    struct iso_control *control; /* is read to its end */
    const char *collection;
    uint16_t log;
    const char *cluster, *topic; /* of the successor; NULL: as the log's; as
                                    iso_log_successor says */
    const struct iso_clock *clock;
    struct iso_chance *chance;
    /* The bus of a cluster, and what a topic is made with there. */
    enum iso_err (*ask)(void *user, const char *cluster, struct iso_bus **bus,
                        struct iso_topic_options *options, struct iso_why *why);
    /* A step is done: a sentence for the operator. */
    void (*told)(void *user, const char *sentence);
    void *user;
    const struct iso_definition *definition; /* answer: the one that says so … */
    const struct iso_definition_log
        *successor; /* … and the log, borrowed from control */
};
/* ISO_NOT_FOUND: no such log; ISO_EXISTS: it was closed without a successor, or others
 * announced definitions all the time; ISO_TOPIC_CONFIG: the successor's topic holds
 * records; else what a step says. Nothing is closed before the successor's topic is
 * there, and DEFINEs can be written. */
enum iso_err iso_log_replace(struct iso_log_replacing *replacing, struct iso_why *why);

#endif
