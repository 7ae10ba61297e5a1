/* One log replaced by another, step by step.
 *
 *   still open in the newest definition:
 *     the successor's topic ─▶ a DEFINE in the log: clocks and rights are in order
 *     ─▶ fence ─▶ ends ─▶ the next definition is announced
 *   closed in it:
 *     its first DEFINE in the successor ─▶ the newest one's in every open log
 *     ─▶ the mark
 *
 * What is announced says how far it went, and each step can be done again, so nothing
 * else is remembered. Of two who do it at the same time one announces first; the other
 * finds the log closed and finishes the same succession. Between fence and mark writers
 * wait, so what can fail for a reason of its own comes before the fence. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "producer/define.h"

enum { REPLACE_TURNS = 16 };

__attribute__((format(printf, 2, 3))) static void
told(const struct iso_log_replacing *replacing, const char *format, ...)
{
    char sentence[512];
    va_list arguments;
    if (replacing->told == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    replacing->told(replacing->user, sentence);
}

/* A log's cluster, and how to write DEFINEs there. */
static enum iso_err ground_ask(const struct iso_log_replacing *replacing,
                               const struct iso_definition_log *log,
                               struct iso_define_ground *ground,
                               struct iso_topic_options *options, struct iso_why *why)
{
    *ground = (struct iso_define_ground){.clock = replacing->clock,
                                         .chance = replacing->chance};
    enum iso_err err =
        replacing->ask(replacing->user, log->cluster, &ground->bus, options, why);
    ground->timeout_ms = options->timeout_ms;
    return err;
}

/* ---- the log is open ---- */

/* Before anything is closed: a topic that is there holds nothing, so it is ours. */
static enum iso_err topic_empty(const struct iso_define_ground *ground,
                                const struct iso_definition *now,
                                const struct iso_definition_log *log,
                                struct iso_why *why)
{
    int64_t append_ms;
    enum iso_err err =
        iso_log_newest(ground->bus, now, log, ground->timeout_ms, &append_ms, why);
    if (err != ISO_OK || append_ms < 0)
        return err;
    return iso_fail(
        why, ISO_TOPIC_CONFIG,
        "topic %s in cluster %s holds records already, and a log begins in a "
        "topic of its own: choose another name (--topic), or delete it if "
        "nobody needs it",
        log->topic, log->cluster);
}

static enum iso_err topic_make(const struct iso_log_replacing *replacing,
                               const struct iso_definition *now,
                               const struct iso_definition_log *next,
                               struct iso_why *why)
{
    struct iso_define_ground ground;
    struct iso_topic_options options;
    enum iso_err err = ground_ask(replacing, next, &ground, &options, why);
    if (err == ISO_OK)
        err = iso_log_create(ground.bus, now, next, &options, why);
    if (err == ISO_OK)
        err = topic_empty(&ground, now, next, why);
    if (err == ISO_OK)
        told(replacing, "topic %s is there in cluster %s", next->topic, next->cluster);
    return err;
}

/* A log that is fenced already takes no DEFINE: it had one before it was. */
static enum iso_err log_fence(const struct iso_log_replacing *replacing,
                              const struct iso_definition *now,
                              const struct iso_definition_log *log, struct iso_why *why)
{
    struct iso_define_ground ground;
    struct iso_topic_options options;
    bool fenced = false;
    enum iso_err err = ground_ask(replacing, log, &ground, &options, why);
    if (err == ISO_OK)
        err = iso_log_fenced(ground.bus, log, ground.timeout_ms, &fenced, why);
    if (err == ISO_OK && !fenced)
        err = iso_log_define_next(&ground, now, log, why);
    if (err == ISO_OK && !fenced)
        err = iso_log_whole(ground.bus, now, log, ground.timeout_ms, why);
    if (err == ISO_OK)
        err = iso_log_fence(&ground, now, log, why);
    if (err == ISO_OK)
        told(replacing, "topic %s in cluster %s is fenced: nobody can write to it",
             log->topic, log->cluster);
    return err;
}

/* No bound of any slice is above what the newest record of each open log says. */
static enum iso_err now_ask(const struct iso_log_replacing *replacing,
                            const struct iso_definition *now, int64_t *now_ms,
                            struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    *now_ms = iso_now_ms(replacing->clock);
    for (size_t i = 0; err == ISO_OK && i < now->log_count; i++) {
        struct iso_define_ground ground;
        struct iso_topic_options options;
        int64_t append_ms;
        if (now->logs[i].ends != NULL)
            continue;
        err = ground_ask(replacing, &now->logs[i], &ground, &options, why);
        if (err == ISO_OK)
            err = iso_log_newest(ground.bus, now, &now->logs[i], ground.timeout_ms,
                                 &append_ms, why);
        if (err == ISO_OK && append_ms > *now_ms)
            *now_ms = append_ms;
    }
    return err;
}

/* A transaction that came before the fence would never end behind it: open again,
 * unless somebody else announced its ends meanwhile. */
static void log_reopen(const struct iso_log_replacing *replacing,
                       const struct iso_definition_log *log,
                       const struct iso_define_ground *ground)
{
    if (iso_control_read(&replacing->place, replacing->control, NULL) != ISO_OK)
        return;
    const struct iso_definition *newest =
        iso_control_definition(replacing->control, replacing->collection, 0);
    if (iso_definition_log(newest, log->number)->ends == NULL &&
        iso_log_unfence(ground->bus, log, ground->timeout_ms, NULL) == ISO_OK)
        told(replacing, "topic %s in cluster %s takes records again", log->topic,
             log->cluster);
}

/* The ends count only when the fence stood while they were read. */
static enum iso_err ends_ask(const struct iso_log_replacing *replacing,
                             const struct iso_definition *now,
                             const struct iso_definition_log *log, int64_t *ends,
                             struct iso_why *why)
{
    struct iso_define_ground ground;
    struct iso_topic_options options;
    bool fenced = true;
    enum iso_err err = ground_ask(replacing, log, &ground, &options, why);
    if (err == ISO_OK)
        err = iso_log_end(ground.bus, now, log, ground.timeout_ms, ends, why);
    if (err == ISO_AGAIN)
        log_reopen(replacing, log, &ground);
    if (err == ISO_OK)
        err = iso_log_fenced(ground.bus, log, ground.timeout_ms, &fenced, why);
    if (err == ISO_OK && !fenced)
        err = iso_fail(why, ISO_AGAIN,
                       "somebody else took the fence of topic %s away meanwhile: see "
                       "who, and do the same again",
                       log->topic);
    return err;
}

static uint64_t records_of(const struct iso_definition *definition, const int64_t *ends)
{
    uint64_t records = 0;
    for (uint32_t p = 0; p < definition->partitions; p++)
        records += (uint64_t)ends[p];
    return records;
}

/* Before the fence: whether every cluster that is asked behind it answers, and there is
 * room for one more log. */
static enum iso_err announce_try(const struct iso_log_replacing *replacing,
                                 const struct iso_definition *now,
                                 struct iso_succession *succession, struct iso_why *why)
{
    struct iso_definition *next;
    enum iso_err err = now_ask(replacing, now, &succession->now_ms, why);
    if (err == ISO_OK)
        err = iso_definition_succeed(now, succession, replacing->chance, &next, why);
    if (err == ISO_OK)
        iso_definition_free(next);
    return err;
}

/* ISO_EXISTS: another definition came first. */
static enum iso_err announce(const struct iso_log_replacing *replacing,
                             const struct iso_definition *now,
                             struct iso_succession *succession, struct iso_why *why)
{
    struct iso_definition *next;
    enum iso_err err = now_ask(replacing, now, &succession->now_ms, why);
    if (err == ISO_OK)
        err = iso_definition_succeed(now, succession, replacing->chance, &next, why);
    if (err != ISO_OK)
        return err;
    err = iso_control_add_definition(&replacing->place, next, replacing->control, why);
    if (err == ISO_OK)
        told(replacing,
             "definition %" PRIu32 " is announced: log %u ends after %" PRIu64
             " records, log %u succeeds it",
             next->number, succession->log, records_of(next, succession->ends),
             next->logs[next->log_count - 1].number);
    iso_definition_free(next);
    return err;
}

static enum iso_err log_close(const struct iso_log_replacing *replacing,
                              const struct iso_definition *now,
                              const struct iso_definition_log *log,
                              const struct iso_definition_log *next,
                              struct iso_why *why)
{
    int64_t *ends = iso_alloc_zero(now->partitions, sizeof ends[0]);
    struct iso_succession succession = {.log = log->number,
                                        .ends = ends,
                                        .cluster = next->cluster,
                                        .topic = next->topic};
    enum iso_err err = topic_make(replacing, now, next, why);
    if (err == ISO_OK)
        err = announce_try(replacing, now, &succession, why);
    if (err == ISO_OK)
        err = log_fence(replacing, now, log, why);
    if (err == ISO_OK)
        err = ends_ask(replacing, now, log, ends, why);
    if (err == ISO_OK)
        err = announce(replacing, now, &succession, why);
    iso_free(ends);
    return err;
}

/* ---- the log is closed ---- */

static const struct iso_definition_log *
successor_of(const struct iso_definition *definition, uint16_t log)
{
    for (size_t i = 0; i < definition->log_count; i++) {
        const struct iso_definition_log *at = &definition->logs[i];
        for (size_t n = 0; n < at->succeeds_count; n++)
            if (at->succeeds[n] == log)
                return at;
    }
    return NULL;
}

/* The definition that opened it, whose DEFINE is its first. */
static const struct iso_definition *opened_by(const struct iso_log_replacing *replacing,
                                              const struct iso_definition *now,
                                              uint16_t log)
{
    const struct iso_definition *definition = now;
    while (definition->number > 1) {
        const struct iso_definition *before = iso_control_definition(
            replacing->control, now->collection, definition->number - 1);
        if (before == NULL || iso_definition_log(before, log) == NULL)
            break;
        definition = before;
    }
    return definition;
}

static enum iso_err log_begin(const struct iso_log_replacing *replacing,
                              const struct iso_definition *opened,
                              const struct iso_definition_log *log, struct iso_why *why)
{
    struct iso_define_ground ground;
    struct iso_topic_options options;
    enum iso_err err = ground_ask(replacing, log, &ground, &options, why);
    if (err == ISO_OK)
        err = iso_log_create(ground.bus, opened, log, &options, why);
    if (err == ISO_OK)
        err = iso_log_define(ground.bus, opened, log, replacing->chance,
                             ground.timeout_ms, why);
    if (err == ISO_OK)
        told(replacing, "log %u begins in topic %s of cluster %s", log->number,
             log->topic, log->cluster);
    return err;
}

/* In every open log but the one that begins with it. */
static enum iso_err spread(const struct iso_log_replacing *replacing,
                           const struct iso_definition *now, uint16_t begun,
                           struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (size_t i = 0; err == ISO_OK && i < now->log_count; i++) {
        const struct iso_definition_log *log = &now->logs[i];
        struct iso_define_ground ground;
        struct iso_topic_options options;
        if (log->ends != NULL || log->number == begun)
            continue;
        err = ground_ask(replacing, log, &ground, &options, why);
        if (err == ISO_OK)
            err = iso_log_define_next(&ground, now, log, why);
        if (err == ISO_OK)
            told(replacing, "definition %" PRIu32 " stands in log %u (topic %s)",
                 now->number, log->number, log->topic);
    }
    return err;
}

static enum iso_err log_succeed(struct iso_log_replacing *replacing,
                                const struct iso_definition *now, struct iso_why *why)
{
    const struct iso_definition_log *log = successor_of(now, replacing->log);
    if (log == NULL)
        return iso_fail(
            why, ISO_EXISTS,
            "log %u of collection %s was closed before, and no log succeeds "
            "it",
            replacing->log, now->collection);
    replacing->definition = now;
    replacing->successor = log;
    const struct iso_definition *written =
        iso_control_definition_written(replacing->control, now->collection);
    if (written != NULL && written->number >= now->number)
        return ISO_OK;
    const struct iso_definition *opened = opened_by(replacing, now, log->number);
    enum iso_err err = log_begin(replacing, opened, log, why);
    if (err == ISO_OK)
        err = spread(replacing, now, opened == now ? log->number : 0, why);
    if (err == ISO_OK)
        err = iso_control_add_defined(&replacing->place, now, replacing->control, why);
    if (err == ISO_OK)
        told(replacing,
             "definition %" PRIu32 " stands in every open log: writers go on",
             now->number);
    return err;
}

/* ---- both ---- */

static enum iso_err not_there(const struct iso_log_replacing *replacing,
                              const struct iso_definition *now, struct iso_why *why)
{
    if (now == NULL)
        return iso_fail(why, ISO_NO_DEFINITION,
                        "there is no collection %.64s: see isostasy collection list",
                        replacing->collection);
    return iso_fail(why, ISO_NOT_FOUND,
                    "collection %s has no log %u: see isostasy log list %s",
                    now->collection, replacing->log, now->collection);
}

/* *again: look at what is announced now. */
static enum iso_err turn(struct iso_log_replacing *replacing, bool *again,
                         struct iso_why *why)
{
    *again = false;
    enum iso_err err = iso_control_read(&replacing->place, replacing->control, why);
    if (err != ISO_OK)
        return err;
    const struct iso_definition *now =
        iso_control_definition(replacing->control, replacing->collection, 0);
    const struct iso_definition_log *log =
        now != NULL ? iso_definition_log(now, replacing->log) : NULL;
    if (log == NULL)
        return not_there(replacing, now, why);
    if (log->ends != NULL)
        return log_succeed(replacing, now, why);
    struct iso_buf topic = {0};
    struct iso_definition_log next = {
        .number = iso_log_successor(now, log, &topic),
        .cluster =
            (char *)(uintptr_t)(replacing->cluster ? replacing->cluster : log->cluster),
        .topic = (char *)(uintptr_t)(replacing->topic ? replacing->topic
                                                      : iso_buf_text(&topic))};
    err = log_close(replacing, now, log, &next, why);
    iso_buf_release(&topic);
    *again = err == ISO_OK || err == ISO_EXISTS;
    return err == ISO_EXISTS ? ISO_OK : err;
}

enum iso_err iso_log_replace(struct iso_log_replacing *replacing, struct iso_why *why)
{
    bool again = true;
    enum iso_err err = ISO_OK;
    for (int n = 0; err == ISO_OK && again; n++) {
        if (n == REPLACE_TURNS)
            return iso_fail(why, ISO_EXISTS,
                            "others announced a definition of %s %d times in the "
                            "meantime: do the same again",
                            replacing->collection, n);
        err = turn(replacing, &again, why);
    }
    return err;
}
