/* Which logs a slice has, and how they stand to each other (DESIGN.md, section 2).
 *
 * What counts is what applied DEFINEs say: a row in slice.logs for every log that one
 * of them names, its end and what it succeeds in apply->logs beside it. What the
 * control topic says beyond that decides only what is read next, never what a record
 * means: a log that is closed is read to its end, then what succeeds it from its
 * beginning, whose first record is the DEFINE that says so to the slice. So the rows
 * are a function of the frontiers. (A log of which something was read before its first
 * DEFINE has a frontier, and so a row.)
 *
 * Fails when the store lacks a definition that it used, and, met in the wrong order,
 * with what apply.h says of ISO_LOG_DIVERGED. */
#include "consumer/apply_state.h"

#include <inttypes.h>

#include "base/mem.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

/* Where in slice.logs, which ascend, the log stands or would. */
static size_t place_of(const struct iso_slice *slice, uint16_t log)
{
    size_t low = 0, high = slice->log_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice->logs[middle].log < log)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct iso_slice_log *row_of(const struct iso_apply *apply, uint16_t log)
{
    const struct iso_slice *slice = &apply->slice;
    size_t place = place_of(slice, log);
    return place < slice->log_count && slice->logs[place].log == log
               ? &slice->logs[place]
               : NULL;
}

size_t iso_apply_log_index(struct iso_apply *apply, uint16_t log)
{
    const struct iso_slice *slice = &apply->slice;
    if (apply->log_last < slice->log_count && slice->logs[apply->log_last].log == log)
        return apply->log_last;
    const struct iso_slice_log *row = row_of(apply, log);
    if (row == NULL)
        return slice->log_count;
    return apply->log_last = (size_t)(row - slice->logs);
}

static int64_t end_of(const struct iso_apply *apply,
                      const struct iso_definition_log *named)
{
    return named != NULL && named->ends != NULL ? named->ends[apply->partition]
                                                : INT64_MAX;
}

/* ---- succession ---- */

/* What a log succeeds has a lower number and stands before it, so one pass down finds
 * all. */
void iso_apply_before(const struct iso_definition *definition, uint16_t log,
                      bool marks[ISO_DEFINITION_LOGS_MAX])
{
    memset(marks, 0, definition->log_count * sizeof marks[0]);
    for (size_t i = definition->log_count; i-- > 0;) {
        const struct iso_definition_log *later = &definition->logs[i];
        if (later->number != log && !marks[i])
            continue;
        for (size_t n = 0; n < later->succeeds_count; n++)
            marks[iso_definition_log(definition, later->succeeds[n]) -
                  definition->logs] = true;
    }
}

static void before_add(struct iso_apply *apply, uint16_t log)
{
    if (apply->before_count == apply->before_room) {
        apply->before_room = apply->before_room == 0 ? 16 : 2 * apply->before_room;
        apply->before =
            iso_realloc(apply->before, apply->before_room * sizeof apply->before[0]);
    }
    apply->before[apply->before_count++] = log;
}

/* Of a log in which a definition is in force: what it succeeds is at its end, so how
 * far that went is known for ever. */
static void before_find(struct iso_apply *apply, struct iso_apply_log *is)
{
    bool marks[ISO_DEFINITION_LOGS_MAX];
    is->before = apply->before_count;
    is->before_count = 0;
    is->before_top = 0;
    if (is->definition == NULL || is->where->succeeds_count == 0)
        return;
    iso_apply_before(is->definition, is->where->number, marks);
    for (size_t i = 0; i < is->definition->log_count; i++) {
        if (!marks[i])
            continue;
        uint16_t number = is->definition->logs[i].number;
        const struct iso_slice_log *row = row_of(apply, number);
        before_add(apply, number);
        is->before_count++;
        if (row != NULL && row->top > is->before_top)
            is->before_top = row->top;
    }
}

/* ---- what definitions say ---- */

/* A definition that is in force nowhere in the slice judges nothing: its schemas go. */
static void schemas_give(struct iso_apply *apply)
{
    const struct iso_slice *slice = &apply->slice;
    for (size_t n = 0; n < apply->known.count; n++) {
        uint32_t number = apply->known.items[n].definition->number;
        size_t i = 0;
        while (i < slice->log_count && slice->logs[i].definition != number)
            i++;
        if (i == slice->log_count)
            iso_known_give_schemas(&apply->known, number);
    }
}

static enum iso_err log_refresh(struct iso_apply *apply, size_t index, uint32_t newest,
                                struct iso_why *why)
{
    const struct iso_slice_log *log = &apply->slice.logs[index];
    struct iso_apply_log *is = &apply->logs[index];
    const struct iso_definition_log *named =
        iso_known_log(&apply->known, newest, log->log);
    is->definition = iso_known_find(&apply->known, log->definition);
    is->end = end_of(apply, named);
    is->where =
        is->definition != NULL ? iso_definition_log(is->definition, log->log) : named;
    if (is->where == NULL && log->definition == 0) /* met before its first DEFINE */
        is->where = iso_known_log(&apply->known, UINT32_MAX, log->log);
    if (is->where == NULL || (is->definition == NULL && log->definition != 0))
        return iso_fail(why, ISO_DAMAGED,
                        "the store lacks definition %u of %s, which log %u uses: move "
                        "it away and let the region read its logs, or be seeded, anew",
                        log->definition, apply->known.collection, log->log);
    is->schemas = is->definition != NULL
                      ? iso_known_schemas(&apply->known, log->definition)
                      : NULL;
    before_find(apply, is);
    return ISO_OK;
}

enum iso_err iso_apply_logs_refresh(struct iso_apply *apply, struct iso_why *why)
{
    size_t count = apply->slice.log_count;
    if (count > apply->log_room) {
        apply->logs = iso_realloc(apply->logs, count * sizeof apply->logs[0]);
        apply->log_room = count;
    }
    uint32_t newest = iso_apply_definition(apply)->number;
    apply->before_count = 0;
    for (size_t i = 0; i < count; i++) {
        enum iso_err err = log_refresh(apply, i, newest, why);
        if (err != ISO_OK)
            return err;
    }
    schemas_give(apply);
    iso_apply_announced(apply);
    return ISO_OK;
}

void iso_apply_logs_add(struct iso_apply *apply,
                        const struct iso_definition *definition)
{
    for (size_t i = 0; i < definition->log_count; i++) {
        const struct iso_definition_log *named = &definition->logs[i];
        if (row_of(apply, named->number) != NULL)
            continue;
        struct iso_slice_log *log = iso_slice_log_add(&apply->slice, named->number);
        log->birth = named->birth;
        log->top = named->birth;
        log->bound_ms = iso_hlc_ms(named->birth);
    }
}

/* ---- what is announced, and was not met yet ---- */

const struct iso_definition *iso_apply_newest(const struct iso_apply *apply)
{
    return apply->announced != NULL ? apply->announced : iso_apply_definition(apply);
}

void iso_apply_announced(struct iso_apply *apply)
{
    const struct iso_known *known = &apply->known;
    const struct iso_definition *newest =
        known->control != NULL
            ? iso_control_definition(known->control, known->collection, 0)
            : NULL;
    apply->announced = NULL;
    apply->coming_count = 0;
    if (newest == NULL || newest->number <= iso_apply_definition(apply)->number)
        return;
    apply->announced = newest;
    apply->coming =
        iso_realloc(apply->coming, newest->log_count * sizeof apply->coming[0]);
    for (size_t i = 0; i < newest->log_count; i++) {
        const struct iso_definition_log *named = &newest->logs[i];
        if (named->succeeds_count > 0 && row_of(apply, named->number) == NULL)
            apply->coming[apply->coming_count++] = i;
    }
}

const struct iso_definition_log *iso_apply_log(const struct iso_apply *apply, size_t n)
{
    size_t known = apply->slice.log_count;
    if (n < known)
        return apply->logs[n].where;
    return n - known < apply->coming_count
               ? &apply->announced->logs[apply->coming[n - known]]
               : NULL;
}

int64_t iso_apply_log_end(const struct iso_apply *apply, uint16_t log)
{
    return end_of(apply, iso_definition_log(iso_apply_newest(apply), log));
}

/* Is all that the log succeeds at its end, and not beyond? */
static bool before_is_over(const struct iso_apply *apply,
                           const struct iso_definition *definition, uint16_t log)
{
    bool marks[ISO_DEFINITION_LOGS_MAX];
    iso_apply_before(definition, log, marks);
    for (size_t i = 0; i < definition->log_count; i++) {
        if (!marks[i])
            continue;
        const struct iso_slice_log *row = row_of(apply, definition->logs[i].number);
        int64_t frontier = row != NULL ? row->frontier : 0;
        if (frontier != end_of(apply, &definition->logs[i]) &&
            !ISO_PLANTED(successors_do_not_wait))
            return false;
    }
    return true;
}

enum iso_log_stand iso_apply_stand(const struct iso_apply *apply, uint16_t log)
{
    const struct iso_definition *newest = iso_apply_newest(apply);
    const struct iso_definition_log *named = iso_definition_log(newest, log);
    const struct iso_slice_log *row = row_of(apply, log);
    int64_t frontier = row != NULL ? row->frontier : 0;
    int64_t end = end_of(apply, named);
    bool is_coming = named != NULL && named->succeeds_count > 0;
    if (row == NULL && !is_coming)
        return ISO_LOG_UNKNOWN;
    if (frontier > end)
        return ISO_LOG_BEYOND;
    if (frontier == end)
        return ISO_LOG_OVER;
    return !is_coming || before_is_over(apply, newest, log) ? ISO_LOG_READ
                                                            : ISO_LOG_WAITS;
}

static enum iso_err beyond(const struct iso_apply *apply, uint16_t log,
                           int64_t frontier, int64_t end, struct iso_why *why)
{
    return iso_fail(
        why, ISO_LOG_DIVERGED,
        "log %u of %s was closed at offset %" PRId64 " of partition %u, and this "
        "region has applied it up to %" PRId64 ": what stands behind the end is "
        "applied nowhere else; keep this store, find those writes with `isostasy "
        "read`, then remove the region's store to build it from the logs",
        log, apply->known.collection, end, apply->partition, frontier);
}

enum iso_err iso_apply_beyond(const struct iso_apply *apply, uint16_t log,
                              struct iso_why *why)
{
    const struct iso_slice_log *row = row_of(apply, log);
    return beyond(apply, log, row != NULL ? row->frontier : 0,
                  iso_apply_log_end(apply, log), why);
}

/* ---- a log that only the control topic names ---- */

/* What the log's bound will be, once what it succeeds is at its end. */
static int64_t bound_of(const struct iso_apply *apply,
                        const struct iso_definition *definition,
                        const struct iso_definition_log *named)
{
    bool marks[ISO_DEFINITION_LOGS_MAX];
    int64_t bound_ms = iso_hlc_ms(named->birth);
    iso_apply_before(definition, named->number, marks);
    for (size_t i = 0; i < definition->log_count; i++) {
        if (!marks[i] && !ISO_PLANTED(successors_begin_at_the_highest_bound))
            continue;
        const struct iso_slice_log *row = row_of(apply, definition->logs[i].number);
        if (row != NULL && row->bound_ms > bound_ms &&
            !ISO_PLANTED(successors_begin_at_their_birth))
            bound_ms = row->bound_ms;
    }
    return bound_ms;
}

/* What is forgotten below the floor, a log that opens below it could bring back. */
static enum iso_err check_floor(const struct iso_apply *apply,
                                const struct iso_definition *definition,
                                const struct iso_definition_log *named,
                                struct iso_why *why)
{
    int64_t below_ms = iso_apply_floor_ms(apply) - bound_of(apply, definition, named);
    if (iso_apply_floor_ms(apply) == INT64_MIN || below_ms <= 0)
        return ISO_OK;
    return iso_fail(why, ISO_LOG_DIVERGED,
                    "definition %u of %s opens log %u with a birth %" PRId64
                    " ms below this slice's floor: it was announced longer ago than "
                    "before_max, and its DEFINEs came too late; close the log, open "
                    "another one in its place, and build this region's store anew",
                    definition->number, apply->known.collection, named->number,
                    below_ms);
}

enum iso_err iso_apply_log_meet(struct iso_apply *apply, uint16_t log,
                                struct iso_why *why)
{
    const struct iso_definition *announced = apply->announced;
    const struct iso_definition_log *named =
        announced != NULL ? iso_definition_log(announced, log) : NULL;
    if (named == NULL || named->succeeds_count == 0)
        return iso_fail(why, ISO_USAGE, "log %u of %s is read, and nothing names it",
                        log, apply->known.collection);
    enum iso_err err = check_floor(apply, announced, named, why);
    if (err != ISO_OK)
        return err;
    struct iso_slice_log *row = iso_slice_log_add(&apply->slice, log);
    row->birth = row->top = named->birth;
    row->bound_ms = iso_hlc_ms(named->birth);
    iso_known_use(&apply->known, announced);
    return iso_apply_logs_refresh(apply, why);
}

/* The array of a row's sources is kept behind the count, as iso_slice_log_add finds
 * it. */
void iso_apply_log_forget(struct iso_apply *apply, uint16_t log)
{
    struct iso_slice *slice = &apply->slice;
    size_t index = iso_apply_log_index(apply, log);
    iso_assert(index < slice->log_count);
    struct iso_slice_log gone = slice->logs[index];
    memmove(slice->logs + index, slice->logs + index + 1,
            (slice->log_count - index - 1) * sizeof gone);
    slice->logs[--slice->log_count] = gone;
    iso_assert(iso_apply_logs_refresh(apply, NULL) == ISO_OK); /* as it was before */
}

/* ---- a DEFINE ---- */

enum iso_err iso_apply_define_check(struct iso_apply *apply, uint16_t log,
                                    const struct iso_definition *definition,
                                    struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (size_t i = 0; err == ISO_OK && i < definition->log_count; i++) {
        const struct iso_definition_log *named = &definition->logs[i];
        const struct iso_slice_log *row = row_of(apply, named->number);
        int64_t end = end_of(apply, named);
        if (row != NULL && row->frontier > end)
            err = beyond(apply, named->number, row->frontier, end, why);
        else if (row == NULL && end > 0)
            err = check_floor(apply, definition, named, why);
    }
    if (err != ISO_OK || before_is_over(apply, definition, log))
        return err;
    return iso_fail(why, ISO_USAGE,
                    "log %u of %s is read before the logs that it succeeds are at "
                    "their ends",
                    log, apply->known.collection);
}

/* A log's first DEFINE: it goes on where what it succeeds has ended. */
static void log_begin(struct iso_apply *apply, struct iso_slice_log *row,
                      const struct iso_definition *definition, uint64_t hlc)
{
    bool marks[ISO_DEFINITION_LOGS_MAX];
    const struct iso_definition_log *named = iso_definition_log(definition, row->log);
    row->birth = row->top = hlc;
    row->bound_ms = bound_of(apply, definition, named);
    iso_apply_before(definition, row->log, marks);
    for (size_t i = 0; i < definition->log_count; i++) {
        const struct iso_slice_log *before =
            marks[i] ? row_of(apply, definition->logs[i].number) : NULL;
        if (before != NULL && before->top > row->top)
            row->top = before->top;
    }
}

enum iso_err iso_apply_define(struct iso_apply *apply, uint16_t log,
                              const struct iso_definition *definition, uint64_t hlc,
                              struct iso_why *why)
{
    iso_known_use(&apply->known, definition);
    iso_apply_logs_add(apply, definition);
    struct iso_slice_log *row = iso_slice_log(&apply->slice, log);
    iso_assert(row != NULL);
    if (row->definition == 0)
        log_begin(apply, row, definition, hlc);
    row->definition = definition->number;
    return iso_apply_logs_refresh(apply, why);
}

/* ---- the floor ---- */

/* A log that succeeds others, and was not begun here, will begin with their bounds: its
 * birth may be below them, as a clock has told it that was behind. */
static int64_t bound_at(const struct iso_apply *apply, size_t index)
{
    const struct iso_slice_log *log = &apply->slice.logs[index];
    const struct iso_apply_log *is = &apply->logs[index];
    if (is->definition != NULL || is->where->succeeds_count == 0)
        return log->bound_ms;
    for (size_t n = 0; n < apply->known.count; n++) {
        const struct iso_definition *definition = apply->known.items[n].definition;
        if (iso_definition_log(definition, log->log) == is->where)
            return bound_of(apply, definition, is->where);
    }
    return log->bound_ms;
}

int64_t iso_apply_floor_ms(const struct iso_apply *apply)
{
    int64_t floor_ms = INT64_MAX;
    for (size_t i = 0; i < apply->slice.log_count; i++) {
        const struct iso_slice_log *log = &apply->slice.logs[i];
        int64_t end = apply->logs[i].end;
        if (ISO_PLANTED(closing_counts_when_announced))
            end = iso_apply_log_end(apply, log->log);
        if (ISO_PLANTED(closed_logs_hold_the_floor))
            end = INT64_MAX;
        if (log->frontier < end && bound_at(apply, i) < floor_ms)
            floor_ms = bound_at(apply, i);
    }
    return floor_ms < INT64_MAX ? floor_ms : INT64_MIN;
}
