/* What a session knows after a write of its own: the write's version is the name of
 * what it set, what it removed is gone, and its counters have moved. The patch may
 * borrow from the very context that changes, so what stood there is kept until the end.
 */
#include <stddef.h>

#include "base/mem.h"
#include "schema/runs.h"
#include "schema/seen_part.h"

_Static_assert(offsetof(struct iso_seen_part, path) == 0, "runs begin with their path");

struct advance {
    struct iso_seen *seen;
    struct iso_runs
        runs; /* its parts meanwhile; those that are gone leave at the end */
    const struct iso_patch *patch;
    uint8_t version[ISO_VERSION_SIZE];
};

static struct iso_path step_path(const struct iso_step *step)
{
    struct iso_path path = {
        .field = step->field, .has_member = step->has_member, .member = step->member};
    path.has_element =
        step->operation == ISO_STEP_ADD || step->operation == ISO_STEP_REMOVE;
    if (path.has_element)
        path.element = step->value;
    return path;
}

static size_t path_size(const struct iso_path *path)
{
    return 2 + path->field.size + (path->has_member ? 2 + path->member.size : 0) +
           (path->has_element ? 2 + path->element.size : 0);
}

/* A copy of the path behind all bytes, for which there is room. */
static struct iso_bytes path_keep(struct iso_buf *bytes, const struct iso_path *path)
{
    size_t before = bytes->size;
    iso_assert(bytes->room - before >= path_size(path));
    iso_path_encode(path, bytes);
    return iso_bytes(bytes->data + before, bytes->size - before);
}

/* NULL: there is none, or none any more. */
static struct iso_seen_part *part_find(struct advance *advance,
                                       const struct iso_path *path)
{
    size_t at;
    struct iso_seen *seen = advance->seen;
    struct iso_bytes kept = path_keep(&seen->bytes, path);
    bool found = iso_runs_find(&advance->runs, kept, &at) && !seen->parts[at].gone;
    seen->bytes.size -= kept.size;
    return found ? &seen->parts[at] : NULL;
}

/* The part at the path; made when it is missing. */
static struct iso_seen_part *part_at(struct advance *advance,
                                     const struct iso_path *path, enum iso_rule rule)
{
    size_t at;
    struct iso_seen *seen = advance->seen;
    struct iso_runs *runs = &advance->runs;
    struct iso_seen_part made = {.path = path_keep(&seen->bytes, path), .rule = rule};
    if (iso_runs_find(runs, made.path, &at)) {
        seen->bytes.size -= made.path.size;
        made.path = seen->parts[at].path;
        if (seen->parts[at].gone)
            seen->parts[at] = made;
        return &seen->parts[at];
    }
    if (iso_runs_room(runs) > seen->room) {
        seen->room = 2 * iso_runs_room(runs);
        seen->parts = iso_realloc(seen->parts, seen->room * sizeof *seen->parts);
        runs->things = seen->parts;
    }
    seen->parts[runs->count] = made;
    return &seen->parts[iso_runs_add(runs, at)];
}

static void part_remove(struct advance *advance, const struct iso_path *path)
{
    struct iso_seen_part *part = part_find(advance, path);
    if (part != NULL)
        part->gone = true;
}

/* The write is all that a next one replaces here. */
static void part_name(struct advance *advance, struct iso_seen_part *part, bool shown)
{
    part->names.data =
        iso_seen_keep(advance->seen, advance->version, sizeof advance->version);
    part->names.count = 1;
    part->shown = shown;
}

static void advance_set(struct advance *advance, const struct iso_step *step,
                        const struct iso_path *path, enum iso_rule rule)
{
    struct iso_seen_part *part = part_at(advance, path, rule);
    if (rule == ISO_RULE_MAX || rule == ISO_RULE_MIN)
        part->shown = true; /* they end by version, not by name */
    else
        part_name(advance, part, true);
    if (rule != ISO_RULE_SET && rule != ISO_RULE_FLAG)
        part->hash = iso_seen_hash(advance->patch->fingerprint, step->value);
}

static void advance_count(struct advance *advance, const struct iso_step *step,
                          const struct iso_path *path)
{
    struct iso_seen_part *part = part_at(advance, path, ISO_RULE_COUNTER);
    struct iso_avro_cursor cursor = iso_avro_read(step->value);
    uint64_t by = (uint64_t)iso_avro_long(&cursor);
    part->added = (int64_t)((uint64_t)part->added + by);
    part->value = (int64_t)((uint64_t)part->value + by);
    part->counted = part->shown = true;
}

/* Of a counter the reset takes away what was read; what the session has added since
 * stays, until the increment that comes behind. */
static void advance_unset(struct advance *advance, const struct iso_path *path,
                          enum iso_rule rule)
{
    struct iso_seen_part *part;
    if (rule == ISO_RULE_LWW) {
        part_name(advance, part_at(advance, path, rule), false);
    } else if (rule != ISO_RULE_COUNTER) {
        part_remove(advance, path);
    } else if ((part = part_find(advance, path)) != NULL) {
        part->value = part->added;
        part->shown = false;
    }
}

static void advance_step(struct advance *advance, const struct iso_step *step,
                         enum iso_rule rule)
{
    struct iso_path path = step_path(step);
    switch (step->operation) {
    case ISO_STEP_SET:
    case ISO_STEP_ADD:
    case ISO_STEP_ENABLE:
    case ISO_STEP_RAISE:
    case ISO_STEP_LOWER:
        advance_set(advance, step, &path, rule);
        return;
    case ISO_STEP_INCREMENT:
        advance_count(advance, step, &path);
        return;
    case ISO_STEP_UNSET:
        advance_unset(advance, &path, rule);
        return;
    case ISO_STEP_REMOVE:
    case ISO_STEP_DISABLE:
    case ISO_STEP_OPERATIONS:
        part_remove(advance, &path);
    }
}

static void advance_begin(struct advance *advance)
{
    const struct iso_seen *seen = advance->seen;
    advance->runs = (struct iso_runs){.things = seen->parts,
                                      .size = sizeof *seen->parts,
                                      .sorted = seen->count,
                                      .count = seen->count};
}

static void advance_end(struct advance *advance)
{
    struct iso_seen *seen = advance->seen;
    iso_runs_settle(&advance->runs);
    seen->count = 0;
    for (size_t i = 0; i < advance->runs.count; i++)
        if (!seen->parts[i].gone)
            seen->parts[seen->count++] = seen->parts[i];
}

static size_t room_needed(const struct iso_patch *patch)
{
    static const struct iso_path mark;
    size_t room = path_size(&mark) + ISO_VERSION_SIZE;
    for (size_t i = 0; i < patch->step_count; i++) {
        struct iso_path path = step_path(&patch->steps[i]);
        room += path_size(&path) + ISO_VERSION_SIZE;
    }
    return room;
}

void iso_seen_advance(struct iso_seen *seen, const struct iso_fields *fields,
                      const struct iso_patch *patch, struct iso_version version)
{
    uint64_t hlc = version.hlc > seen->hlc ? version.hlc : seen->hlc;
    if (patch == NULL) {
        iso_seen_clear(seen);
        seen->hlc = hlc;
        return;
    }
    static const struct iso_path mark;
    struct advance advance = {.seen = seen, .patch = patch};
    struct iso_buf before = iso_seen_reserve(seen, room_needed(patch));
    advance_begin(&advance);
    iso_version_put(advance.version, version);
    seen->hlc = hlc;
    if (patch->put)
        part_name(&advance, part_at(&advance, &mark, ISO_RULE_LWW), true);
    for (size_t i = 0; i < patch->step_count; i++) {
        const struct iso_field *field = iso_fields_find(fields, patch->steps[i].field);
        iso_assert(field != NULL);
        advance_step(&advance, &patch->steps[i], field->rule);
    }
    advance_end(&advance);
    iso_buf_release(&before);
}
