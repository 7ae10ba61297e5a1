/* A patch that is being made. Each call first builds its step and has it checked as a
 * reader would, so that no patch leaves here which others refuse; then it is put in
 * among the others: what a later step makes void is taken out, so that the patch says
 * one thing of each part. What steps point to stands in an arena, where nothing moves.
 */
#include "base/arena.h"
#include "base/mem.h"
#include "schema/avro_node.h"
#include "schema/patch.h"

enum { EDIT_CHUNK = 4096 };

struct iso_edit {
    const struct iso_fields *fields;
    struct iso_patch patch;
    struct iso_arena arena; /* members and values */
    struct iso_buf datum;   /* what JSON became */
};

/* An operation that somebody asks for. */
struct asked {
    const char *field, *member;
    enum iso_step_operation operation;
    struct iso_bytes value;
};

enum iso_err iso_edit_new(const struct iso_schemas *schemas, size_t n,
                          struct iso_edit **edit, struct iso_why *why)
{
    if (n >= iso_schemas_count(schemas))
        return iso_fail(why, ISO_USAGE,
                        "the collection has %zu schemas, number %zu is none of them: "
                        "they count from 0",
                        iso_schemas_count(schemas), n);
    const struct iso_fields *fields = iso_schemas_fields(schemas, n);
    if (fields == NULL)
        return iso_fail(why, ISO_USAGE,
                        "schema %zu has no fields to operate on: the collection does "
                        "not keep fields (resolver fields), or the schema cannot be "
                        "used: put whole values",
                        n);
    struct iso_edit *made = iso_alloc_zero(1, sizeof *made);
    made->fields = fields;
    made->arena.chunk = EDIT_CHUNK;
    iso_edit_clear(made);
    *edit = made;
    return ISO_OK;
}

void iso_edit_free(struct iso_edit *edit)
{
    if (edit == NULL)
        return;
    iso_patch_release(&edit->patch);
    iso_arena_release(&edit->arena);
    iso_buf_release(&edit->datum);
    iso_free(edit);
}

void iso_edit_clear(struct iso_edit *edit)
{
    iso_patch_clear(&edit->patch);
    iso_arena_clear(&edit->arena);
    memcpy(edit->patch.fingerprint, iso_fields_fingerprint(edit->fields),
           ISO_FINGERPRINT_SIZE);
}

const struct iso_patch *iso_edit_patch(const struct iso_edit *edit)
{
    return &edit->patch;
}

/* ---- one step among the others ---- */

static struct iso_bytes keep(struct iso_edit *edit, struct iso_bytes bytes)
{
    if (bytes.size == 0)
        return (struct iso_bytes){0};
    uint8_t *copy = iso_arena_take(&edit->arena, bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    return iso_bytes(copy, bytes.size);
}

static int64_t long_of(struct iso_bytes value)
{
    struct iso_avro_cursor cursor = iso_avro_read(value);
    return iso_avro_long(&cursor);
}

/* `coming` counts with `before`, which names the same part: the sum of the two, in
 * `room`, or the further one. */
static enum iso_err unite(const struct iso_edit *edit, const struct iso_step *before,
                          struct iso_step *coming, uint8_t room[ISO_AVRO_LONG_MAX],
                          struct iso_why *why)
{
    const struct iso_field *field = iso_fields_find(edit->fields, coming->field);
    int64_t sum;
    if (coming->operation != ISO_STEP_INCREMENT) {
        int order =
            iso_field_compare(edit->fields, field, before->value, coming->value);
        if (coming->operation == ISO_STEP_RAISE ? order > 0 : order < 0)
            coming->value = before->value;
        return ISO_OK;
    }
    if (__builtin_add_overflow(long_of(before->value), long_of(coming->value), &sum))
        return iso_fail(why, ISO_BAD_DATA,
                        "the increments of the field %.100s add up to more than a long "
                        "can hold: send this patch, then make another",
                        field->name);
    coming->value = iso_bytes(room, (size_t)(iso_avro_put_long(room, sum) - room));
    return iso_step_check(coming, edit->fields, why);
}

static void step_remove(struct iso_patch *patch, size_t at)
{
    patch->step_count--;
    memmove(&patch->steps[at], &patch->steps[at + 1],
            (patch->step_count - at) * sizeof *patch->steps);
}

/* Takes out what `coming` makes void; of what it goes on from, makes one step. */
static enum iso_err step_meet(struct iso_edit *edit, struct iso_step *coming,
                              uint8_t room[ISO_AVRO_LONG_MAX], struct iso_why *why)
{
    struct iso_patch *patch = &edit->patch;
    bool moves = coming->operation == ISO_STEP_INCREMENT ||
                 coming->operation == ISO_STEP_RAISE ||
                 coming->operation == ISO_STEP_LOWER;
    for (size_t i = patch->step_count; i-- > 0;) {
        struct iso_step *before = &patch->steps[i];
        if (iso_step_compare_part(before, coming) != 0 ||
            (moves && before->operation == ISO_STEP_UNSET))
            continue;
        enum iso_err err = ISO_OK;
        if (moves)
            err = unite(edit, before, coming, room, why);
        if (err != ISO_OK)
            return err;
        step_remove(patch, i);
    }
    return ISO_OK;
}

static enum iso_err edit_do(struct iso_edit *edit, const struct asked *asked,
                            struct iso_why *why)
{
    uint8_t room[ISO_AVRO_LONG_MAX];
    struct iso_step step = {.field = iso_bytes_text(asked->field),
                            .has_member = asked->member != NULL,
                            .operation = asked->operation,
                            .value = asked->value};
    if (step.has_member)
        step.member = iso_bytes_text(asked->member);
    enum iso_err err = iso_step_check(&step, edit->fields, why);
    if (err != ISO_OK)
        return err;
    if (edit->patch.step_count == ISO_PATCH_STEPS_MAX)
        return iso_fail(why, ISO_TOO_LARGE,
                        "a patch has at most %d operations: send this one, then make "
                        "another",
                        (int)ISO_PATCH_STEPS_MAX);
    err = step_meet(edit, &step, room, why);
    if (err != ISO_OK)
        return err;
    step.field = iso_bytes_text(iso_fields_find(edit->fields, step.field)->name);
    step.member = keep(edit, step.member);
    step.value = keep(edit, step.value);
    *iso_patch_step_add(&edit->patch) = step;
    return ISO_OK;
}

/* ---- the operations ---- */

enum iso_err iso_edit_set(struct iso_edit *edit, const char *field, const char *member,
                          struct iso_bytes datum, struct iso_why *why)
{
    return edit_do(edit, &(struct asked){field, member, ISO_STEP_SET, datum}, why);
}

enum iso_err iso_edit_unset(struct iso_edit *edit, const char *field,
                            const char *member, struct iso_why *why)
{
    return edit_do(edit, &(struct asked){field, member, ISO_STEP_UNSET, {0}}, why);
}

enum iso_err iso_edit_increment(struct iso_edit *edit, const char *field,
                                const char *member, int64_t by, struct iso_why *why)
{
    uint8_t value[ISO_AVRO_LONG_MAX];
    size_t size = (size_t)(iso_avro_put_long(value, by) - value);
    struct asked asked = {field, member, ISO_STEP_INCREMENT, iso_bytes(value, size)};
    return edit_do(edit, &asked, why);
}

enum iso_err iso_edit_add(struct iso_edit *edit, const char *field, const char *member,
                          struct iso_bytes datum, struct iso_why *why)
{
    return edit_do(edit, &(struct asked){field, member, ISO_STEP_ADD, datum}, why);
}

enum iso_err iso_edit_remove(struct iso_edit *edit, const char *field,
                             const char *member, struct iso_bytes datum,
                             struct iso_why *why)
{
    return edit_do(edit, &(struct asked){field, member, ISO_STEP_REMOVE, datum}, why);
}

enum iso_err iso_edit_enable(struct iso_edit *edit, const char *field,
                             const char *member, bool enabled, struct iso_why *why)
{
    struct asked asked = {
        field, member, enabled ? ISO_STEP_ENABLE : ISO_STEP_DISABLE, {0}};
    return edit_do(edit, &asked, why);
}

enum iso_err iso_edit_move(struct iso_edit *edit, const char *field, const char *member,
                           struct iso_bytes datum, struct iso_why *why)
{
    const struct iso_field *found =
        iso_fields_find(edit->fields, iso_bytes_text(field));
    bool lowers = found != NULL && found->rule == ISO_RULE_MIN;
    struct asked asked = {field, member, lowers ? ISO_STEP_LOWER : ISO_STEP_RAISE,
                          datum};
    return edit_do(edit, &asked, why);
}

static bool takes_value(enum iso_step_operation operation)
{
    switch (operation) {
    case ISO_STEP_SET:
    case ISO_STEP_INCREMENT:
    case ISO_STEP_ADD:
    case ISO_STEP_REMOVE:
    case ISO_STEP_RAISE:
    case ISO_STEP_LOWER:
        return true;
    case ISO_STEP_UNSET:
    case ISO_STEP_ENABLE:
    case ISO_STEP_DISABLE:
    case ISO_STEP_OPERATIONS:
        break;
    }
    return false;
}

enum iso_err iso_edit_json(struct iso_edit *edit, enum iso_step_operation operation,
                           const char *field, const char *member, struct iso_bytes json,
                           struct iso_why *why)
{
    const struct iso_field *found =
        iso_fields_find(edit->fields, iso_bytes_text(field));
    if (!takes_value(operation))
        return iso_fail(why, ISO_USAGE, "%s of the field %.100s takes no value",
                        iso_step_operation_name(operation), field);
    iso_buf_clear(&edit->datum);
    enum iso_err err = ISO_OK;
    if (found != NULL) { /* else edit_do says it */
        struct iso_step step = {.has_member = member != NULL, .operation = operation};
        err = iso_step_check_operation(&step, found, why);
        if (err != ISO_OK)
            return err;
        uint32_t type =
            operation == ISO_STEP_INCREMENT ? (uint32_t)ISO_AVRO_LONG : found->part;
        err = iso_avro_node_from_json(iso_fields_schema(edit->fields), type, json,
                                      &edit->datum, why);
    }
    if (err != ISO_OK) {
        iso_fail_at(why, err, "%s of the field %.100s",
                    iso_step_operation_name(operation), field);
        return err;
    }
    struct asked asked = {field, member, operation, iso_buf_bytes(&edit->datum)};
    return edit_do(edit, &asked, why);
}
