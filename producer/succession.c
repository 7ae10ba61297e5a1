/* Closing a log, and the definition that says so.
 *
 * What decides is read after the fence: nobody can append any more, so the ends are
 * final: all that the leaders took is counted once their replicas have it, and no
 * foreign transaction hides what stands behind it. Nothing here is announced; who
 * announces, and in which order, is the caller's (define.h). */
#include <poll.h>
#include <stdio.h>

#include "base/mem.h"
#include "producer/define.h"
#include "producer/topics.h"

enum {
    NEWEST_RECORDS = 64, /* looked at, from the end: transactions leave marks */
    PAUSE_MS = 100,
    SETTLE_MS = 50000, /* Kafka's replica.lag.time.max.ms, and half of it, and more */
};

/* ---- the fence ---- */

static void fence_each(void *user, const char *name, const char *value)
{
    bool *fenced = user;
    if (strcmp(name, ISO_FENCE_NAME) == 0)
        *fenced = strcmp(value, ISO_FENCE_VALUE) == 0;
}

enum iso_err iso_log_fenced(struct iso_bus *bus, const struct iso_definition_log *log,
                            int timeout_ms, bool *fenced, struct iso_why *why)
{
    *fenced = false;
    return iso_bus_topic_config(bus, log->topic, timeout_ms, fence_each, fenced, why);
}

enum iso_err iso_log_unfence(struct iso_bus *bus, const struct iso_definition_log *log,
                             int timeout_ms, struct iso_why *why)
{
    const struct iso_topic_config setting = {ISO_FENCE_NAME, ISO_FENCE_NONE};
    return iso_bus_topic_set(bus, log->topic, &setting, timeout_ms, why);
}

/* ---- the end ---- */

static void positions_set(const struct iso_definition *definition,
                          const struct iso_definition_log *log,
                          struct iso_position *positions)
{
    for (uint32_t p = 0; p < definition->partitions; p++)
        positions[p] = (struct iso_position){.topic = log->topic, .partition = (int)p};
}

/* ISO_AGAIN: some end that was read is below what was written before. */
static enum iso_err whole_check(const struct iso_position *positions,
                                const int64_t *written, uint32_t partitions,
                                struct iso_why *why)
{
    for (uint32_t p = 0; p < partitions; p++) {
        if (positions[p].end < written[p])
            return iso_fail(why, ISO_AGAIN,
                            "a transaction of another client is open in %s/%d, at "
                            "offset %lld, with %lld records behind: end it, stop who "
                            "writes so, and do the same again",
                            positions[p].topic, positions[p].partition,
                            (long long)positions[p].end,
                            (long long)(written[p] - positions[p].end));
    }
    return ISO_OK;
}

enum iso_err iso_log_whole(struct iso_bus *bus, const struct iso_definition *definition,
                           const struct iso_definition_log *log, int timeout_ms,
                           struct iso_why *why)
{
    uint32_t partitions = definition->partitions;
    int64_t until_ms = iso_steady_ms(&iso_clock_machine) + timeout_ms;
    int64_t *written = iso_alloc_zero(partitions, sizeof *written);
    struct iso_position *positions = iso_alloc_zero(partitions, sizeof *positions);
    positions_set(definition, log, positions);
    enum iso_err err = iso_bus_written(bus, positions, partitions, timeout_ms, why);
    for (uint32_t p = 0; p < partitions; p++)
        written[p] = positions[p].end;
    while (err == ISO_OK) {
        err = iso_bus_ends(bus, positions, partitions, timeout_ms, why);
        if (err == ISO_OK)
            err = whole_check(positions, written, partitions, why);
        if (err != ISO_AGAIN || iso_steady_ms(&iso_clock_machine) >= until_ms)
            break;
        poll(NULL, 0, PAUSE_MS);
        err = ISO_OK;
    }
    iso_free(positions);
    iso_free(written);
    return err;
}

/* Asks until all have stood for SETTLE_MS: an end counts what all replicas in sync
 * have; until then a replica that stands still may hide what the leader took before the
 * fence, and acknowledges when that one is no replica in sync any more. */
static enum iso_err ends_settle(struct iso_bus *bus, struct iso_position *positions,
                                uint32_t partitions, int timeout_ms, int64_t *ends,
                                struct iso_why *why)
{
    int brokers;
    enum iso_err err = iso_bus_brokers(bus, timeout_ms, &brokers, why);
    int64_t since_ms = iso_steady_ms(&iso_clock_machine);
    for (uint32_t p = 0; p < partitions; p++)
        ends[p] = -1;
    while (err == ISO_OK) {
        bool moved = false;
        err = iso_bus_ends(bus, positions, partitions, timeout_ms, why);
        for (uint32_t p = 0; err == ISO_OK && p < partitions; p++) {
            moved |= ends[p] != positions[p].end;
            ends[p] = positions[p].end;
        }
        int64_t now_ms = iso_steady_ms(&iso_clock_machine);
        since_ms = moved ? now_ms : since_ms;
        if (brokers == 1 || now_ms - since_ms >= SETTLE_MS)
            break;
        poll(NULL, 0, PAUSE_MS);
    }
    return err;
}

enum iso_err iso_log_end(struct iso_bus *bus, const struct iso_definition *definition,
                         const struct iso_definition_log *log, int timeout_ms,
                         int64_t *ends, struct iso_why *why)
{
    struct iso_position *positions =
        iso_alloc_zero(definition->partitions, sizeof *positions);
    positions_set(definition, log, positions);
    enum iso_err err =
        ends_settle(bus, positions, definition->partitions, timeout_ms, ends, why);
    if (err == ISO_OK)
        err = iso_bus_written(bus, positions, definition->partitions, timeout_ms, why);
    for (uint32_t p = 0; err == ISO_OK && p < definition->partitions; p++) {
        int64_t written = positions[p].end;
        positions[p].end = ends[p];
        err = whole_check(&positions[p], &written, 1, why);
    }
    iso_free(positions);
    return err;
}

static enum iso_err newest_each(void *user, const struct iso_record *record,
                                struct iso_why *why)
{
    (void)why;
    int64_t *append_ms = user;
    if (record->append_ms > *append_ms)
        *append_ms = record->append_ms;
    return ISO_OK;
}

static enum iso_err newest_of(struct iso_bus *bus, const struct iso_position *position,
                              int timeout_ms, int64_t *append_ms, struct iso_why *why)
{
    int64_t from = position->end - NEWEST_RECORDS;
    struct iso_walk walk = {.topic = position->topic,
                            .partition = position->partition,
                            .from = from > position->begin ? from : position->begin,
                            .timeout_ms = timeout_ms,
                            .each = newest_each,
                            .user = append_ms};
    return iso_bus_read(bus, &walk, NULL, why);
}

enum iso_err iso_log_newest(struct iso_bus *bus,
                            const struct iso_definition *definition,
                            const struct iso_definition_log *log, int timeout_ms,
                            int64_t *append_ms, struct iso_why *why)
{
    struct iso_position *positions =
        iso_alloc_zero(definition->partitions, sizeof *positions);
    positions_set(definition, log, positions);
    enum iso_err err =
        iso_bus_ends(bus, positions, definition->partitions, timeout_ms, why);
    *append_ms = -1;
    for (uint32_t p = 0; err == ISO_OK && *append_ms < 0 && p < definition->partitions;
         p++)
        if (positions[p].end > positions[p].begin)
            err = newest_of(bus, &positions[p], timeout_ms, append_ms, why);
    iso_free(positions);
    return err;
}

/* ---- the definition ---- */

uint16_t iso_log_successor(const struct iso_definition *now,
                           const struct iso_definition_log *log, struct iso_buf *topic)
{
    char suffix[16];
    uint16_t number = (uint16_t)(now->logs[now->log_count - 1].number + 1);
    size_t size = strlen(log->topic);
    size_t cut = (size_t)snprintf(suffix, sizeof suffix, ".%u", log->number);
    if (size > cut && strcmp(log->topic + size - cut, suffix) == 0)
        size -= cut;
    iso_buf_print(topic, "%.*s.%u", (int)size, log->topic, number);
    return number;
}

static uint64_t birth_of(const struct iso_definition *definition, int64_t now_ms)
{
    uint64_t birth = iso_hlc_of_ms(now_ms - definition->before_max_ms / 2);
    for (size_t i = 0; i < definition->log_count; i++)
        if (definition->logs[i].birth > birth)
            birth = definition->logs[i].birth;
    return birth;
}

static void log_add(struct iso_definition *next,
                    const struct iso_succession *succession)
{
    uint16_t number = (uint16_t)(next->logs[next->log_count - 1].number + 1);
    uint64_t birth = birth_of(next, succession->now_ms);
    next->logs = iso_realloc(next->logs, (next->log_count + 1) * sizeof *next->logs);
    const struct iso_definition_log *log = iso_definition_log(next, succession->log);
    struct iso_definition_log *added = &next->logs[next->log_count++];
    *added = (struct iso_definition_log){
        .number = number,
        .cluster = iso_strdup(succession->cluster ? succession->cluster : log->cluster),
        .topic = iso_strdup(succession->topic),
        .writers = log->writers,
        .birth = birth,
        .succeeds = iso_alloc(sizeof *added->succeeds),
        .succeeds_count = 1};
    added->succeeds[0] = succession->log;
}

static enum iso_err log_close(struct iso_definition *next,
                              const struct iso_succession *succession,
                              struct iso_why *why)
{
    for (size_t i = 0; i < next->log_count; i++) {
        struct iso_definition_log *log = &next->logs[i];
        if (log->number != succession->log)
            continue;
        if (log->ends != NULL)
            return iso_fail(why, ISO_EXISTS,
                            "log %u of collection %s is closed already", log->number,
                            next->collection);
        size_t size = next->partitions * sizeof log->ends[0];
        log->ends = iso_alloc(size);
        memcpy(log->ends, succession->ends, size);
        return ISO_OK;
    }
    return iso_fail(why, ISO_NOT_FOUND,
                    "collection %s has no log %u: see isostasy log list %s",
                    next->collection, succession->log, next->collection);
}

enum iso_err iso_definition_succeed(const struct iso_definition *now,
                                    const struct iso_succession *succession,
                                    struct iso_chance *chance,
                                    struct iso_definition **next, struct iso_why *why)
{
    struct iso_definition *made;
    enum iso_err err = iso_definition_decode(iso_buf_bytes(&now->bytes), &made, why);
    if (err != ISO_OK)
        return err;
    iso_put_u64(made->id, iso_chance_draw(chance));
    iso_put_u64(made->id + 8, iso_chance_draw(chance));
    made->number++;
    err = log_close(made, succession, why);
    if (err == ISO_OK && succession->topic != NULL)
        log_add(made, succession);
    if (err == ISO_OK)
        err = iso_definition_encode(made, why);
    if (err == ISO_OK)
        *next = made;
    else
        iso_definition_free(made);
    return err;
}
