/* What a patch may say. A step by itself: its field is there, the rule has the
 * operation, the value is one datum of the part's type. All steps together: a part is
 * named once, since one write cannot set a thing to two values (they would have one
 * version); but a reset may come before what is counted or raised anew, increments add
 * up, and an element may be added or removed twice. To find that, the steps' numbers
 * are sorted by the part that they name, on the stack. */
#include <stdio.h>

#include "schema/avro_node.h"
#include "schema/patch.h"
#include "schema/sort.h"

static const char *const operation_names[ISO_STEP_OPERATIONS] = {
    [ISO_STEP_SET] = "SET",
    [ISO_STEP_UNSET] = "UNSET",
    [ISO_STEP_INCREMENT] = "INCREMENT",
    [ISO_STEP_ADD] = "ADD",
    [ISO_STEP_REMOVE] = "REMOVE",
    [ISO_STEP_ENABLE] = "ENABLE",
    [ISO_STEP_DISABLE] = "DISABLE",
    [ISO_STEP_RAISE] = "RAISE",
    [ISO_STEP_LOWER] = "LOWER",
};

#define DOES(operation) (1u << ISO_STEP_##operation)

static const struct {
    unsigned operations;
    const char *takes;
} rules[ISO_RULES] = {
    [ISO_RULE_LWW] = {DOES(SET) | DOES(UNSET), "SET and UNSET"},
    [ISO_RULE_SET] = {DOES(ADD) | DOES(REMOVE),
                      "ADD and REMOVE (to empty it, remove its elements)"},
    [ISO_RULE_FLAG] = {DOES(ENABLE) | DOES(DISABLE) | DOES(UNSET),
                       "ENABLE, DISABLE and UNSET"},
    [ISO_RULE_COUNTER] = {DOES(INCREMENT) | DOES(UNSET), "INCREMENT and UNSET"},
    [ISO_RULE_MAX] = {DOES(RAISE) | DOES(UNSET), "RAISE and UNSET"},
    [ISO_RULE_MIN] = {DOES(LOWER) | DOES(UNSET), "LOWER and UNSET"},
};

const char *iso_step_operation_name(enum iso_step_operation operation)
{
    return (unsigned)operation < ISO_STEP_OPERATIONS ? operation_names[operation]
                                                     : "unknown";
}

/* ---- one step ---- */

static bool is_of_element(const struct iso_step *step)
{
    return step->operation == ISO_STEP_ADD || step->operation == ISO_STEP_REMOVE;
}

enum iso_err iso_step_check_operation(const struct iso_step *step,
                                      const struct iso_field *field,
                                      struct iso_why *why)
{
    if ((rules[field->rule].operations >> step->operation & 1) == 0)
        return iso_fail(why, ISO_BAD_DATA,
                        "%s of the field %.100s: its rule %s%s takes %s",
                        iso_step_operation_name(step->operation), field->name,
                        field->is_map ? "map:" : "", iso_rule_name(field->rule),
                        rules[field->rule].takes);
    if (field->is_map != step->has_member)
        return iso_fail(why, ISO_BAD_DATA, "%s of the field %.100s: %s",
                        iso_step_operation_name(step->operation), field->name,
                        field->is_map
                            ? "it is a map, and no member is named: name one"
                            : "it is no map, and a member is named: name none");
    if (step->member.size > ISO_MEMBER_MAX)
        return iso_fail(why, ISO_BAD_DATA,
                        "%s of the field %.100s: the name of the member has %zu bytes, "
                        "more than %d: give it a shorter one",
                        iso_step_operation_name(step->operation), field->name,
                        step->member.size, (int)ISO_MEMBER_MAX);
    return ISO_OK;
}

static enum iso_err check_sums(const struct iso_step *step,
                               const struct iso_field *field, struct iso_why *why)
{
    if (step->sum_count > 0 &&
        (field->rule != ISO_RULE_COUNTER || step->operation != ISO_STEP_UNSET))
        return iso_fail(why, ISO_BAD_DATA,
                        "%s of the field %.100s has sums, which belong to the UNSET of "
                        "a counter: leave them out",
                        iso_step_operation_name(step->operation), field->name);
    for (size_t i = 1; i < step->sum_count; i++) {
        const struct iso_sum *before = &step->sums[i - 1], *sum = &step->sums[i];
        if (sum->log < before->log ||
            (sum->log == before->log && sum->region <= before->region))
            return iso_fail(why, ISO_BAD_DATA,
                            "UNSET of the field %.100s: its sums do not ascend by log "
                            "and region: write it with isostasy's producer",
                            field->name);
    }
    return ISO_OK;
}

static enum iso_err check_increment(const struct iso_step *step,
                                    const struct iso_field *field, struct iso_why *why)
{
    struct iso_avro_cursor cursor = iso_avro_read(step->value);
    iso_avro_long(&cursor);
    if (!iso_avro_done(&cursor))
        return iso_fail(why, ISO_BAD_DATA,
                        "INCREMENT of the field %.100s: its value is not one long",
                        field->name);
    return ISO_OK;
}

static enum iso_err check_value(const struct iso_step *step,
                                const struct iso_field *field,
                                const struct iso_avro *schema, uint64_t *steps_left,
                                struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    switch (step->operation) {
    case ISO_STEP_INCREMENT:
        return check_increment(step, field, why);
    case ISO_STEP_UNSET:
    case ISO_STEP_ENABLE:
    case ISO_STEP_DISABLE:
    case ISO_STEP_OPERATIONS:
        if (step->value.size > 0)
            err = iso_fail(why, ISO_BAD_DATA,
                           "%s of the field %.100s has a value: leave it out",
                           iso_step_operation_name(step->operation), field->name);
        return err;
    case ISO_STEP_SET:
    case ISO_STEP_ADD:
    case ISO_STEP_REMOVE:
    case ISO_STEP_RAISE:
    case ISO_STEP_LOWER:
        break;
    }
    err = iso_avro_node_walk(schema, field->part, step->value, steps_left, why);
    if (err != ISO_OK)
        iso_fail_at(why, err, "%s of the field %.100s",
                    iso_step_operation_name(step->operation), field->name);
    return err == ISO_OK && is_of_element(step)
               ? iso_field_check_element(field, step->value, why)
               : err;
}

static enum iso_err check_step(const struct iso_step *step,
                               const struct iso_fields *fields, uint64_t *steps_left,
                               struct iso_why *why)
{
    const struct iso_field *field = iso_fields_find(fields, step->field);
    if (field == NULL)
        return iso_fail(
            why, ISO_BAD_DATA,
            "%s of the field %.*s, which the schema does not have: name one "
            "of its fields, or write with a schema that has it",
            iso_step_operation_name(step->operation),
            (int)(step->field.size < 100 ? step->field.size : 100),
            (const char *)step->field.data);
    enum iso_err err = iso_step_check_operation(step, field, why);
    if (err == ISO_OK)
        err = check_value(step, field, iso_fields_schema(fields), steps_left, why);
    return err == ISO_OK ? check_sums(step, field, why) : err;
}

enum iso_err iso_step_check(const struct iso_step *step,
                            const struct iso_fields *fields, struct iso_why *why)
{
    uint64_t steps_left = iso_avro_steps_of(step->value.size);
    return check_step(step, fields, &steps_left, why);
}

/* ---- all steps ---- */

static int order_sized(struct iso_bytes a, struct iso_bytes b)
{
    return a.size != b.size ? (a.size < b.size ? -1 : 1) : iso_bytes_compare(a, b);
}

int iso_step_compare_part(const struct iso_step *a, const struct iso_step *b)
{
    int order = order_sized(a->field, b->field);
    if (order == 0)
        order = a->has_member - b->has_member;
    if (order == 0)
        order = order_sized(a->member, b->member);
    if (order == 0)
        order = is_of_element(a) - is_of_element(b);
    return order == 0 && is_of_element(a) ? order_sized(a->value, b->value) : order;
}

static int step_order(const void *context, const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    const struct iso_patch *patch = context;
    int order = iso_step_compare_part(&patch->steps[a], &patch->steps[b]);
    return order != 0 ? order : (a > b) - (a < b);
}

/* Of two steps that name one part, in their order. */
static bool go_together(enum iso_step_operation first, enum iso_step_operation second)
{
    bool again = second == ISO_STEP_INCREMENT || second == ISO_STEP_RAISE ||
                 second == ISO_STEP_LOWER;
    if (first == ISO_STEP_UNSET && again)
        return true;
    return first == second && (first == ISO_STEP_INCREMENT || first == ISO_STEP_ADD ||
                               first == ISO_STEP_REMOVE);
}

static enum iso_err check_together(const struct iso_patch *patch, struct iso_why *why)
{
    uint32_t numbers[ISO_PATCH_STEPS_MAX];
    if (patch->step_count > ISO_PATCH_STEPS_MAX)
        return iso_fail(why, ISO_TOO_LARGE,
                        "the patch has %zu steps, more than %d: split it",
                        patch->step_count, (int)ISO_PATCH_STEPS_MAX);
    for (uint32_t i = 0; i < patch->step_count; i++)
        numbers[i] = i;
    iso_sort(numbers, patch->step_count, sizeof numbers[0], step_order, patch);
    for (size_t i = 1; i < patch->step_count; i++) {
        const struct iso_step *first = &patch->steps[numbers[i - 1]];
        const struct iso_step *second = &patch->steps[numbers[i]];
        if (iso_step_compare_part(first, second) != 0 ||
            go_together(first->operation, second->operation))
            continue;
        return iso_fail(
            why, ISO_BAD_DATA,
            "steps %u (%s) and %u (%s) of the patch name one part of the "
            "field %.*s: one write says one thing of a part (a reset before "
            "what is counted anew, increments add up)",
            (unsigned)numbers[i - 1], operation_names[first->operation],
            (unsigned)numbers[i], operation_names[second->operation],
            (int)(first->field.size < 100 ? first->field.size : 100),
            (const char *)first->field.data);
    }
    return ISO_OK;
}

static enum iso_err at_step(enum iso_err err, size_t n, struct iso_why *why)
{
    if (err != ISO_OK)
        iso_fail_at(why, err, "step %zu of the patch", n);
    return err;
}

enum iso_err iso_patch_check(const struct iso_patch *patch,
                             const struct iso_fields *fields, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    size_t size = 0; /* no patch costs more than a datum of its size */
    for (size_t i = 0; i < patch->step_count; i++)
        size += patch->steps[i].value.size;
    uint64_t steps_left = iso_avro_steps_of(size);
    for (size_t i = 0; i < patch->step_count && err == ISO_OK; i++)
        err = at_step(check_step(&patch->steps[i], fields, &steps_left, why), i, why);
    return err == ISO_OK ? check_together(patch, why) : err;
}

/* ---- what a DELETE was shown ---- */

static enum iso_err check_seen(const struct iso_step *step,
                               const struct iso_schemas *schemas, struct iso_why *why)
{
    const struct iso_field *field = iso_schemas_field(schemas, step->field);
    if (field == NULL)
        return iso_fail(why, ISO_BAD_DATA,
                        "a delete was shown the field %.*s, which no schema of the "
                        "collection has: write it with isostasy's library",
                        (int)(step->field.size < 100 ? step->field.size : 100),
                        (const char *)step->field.data);
    if (step->operation != ISO_STEP_UNSET && step->operation != ISO_STEP_REMOVE &&
        step->operation != ISO_STEP_DISABLE)
        return iso_fail(why, ISO_BAD_DATA,
                        "%s of the field %.100s stands in what a delete was shown, "
                        "which takes away and adds nothing",
                        iso_step_operation_name(step->operation), field->name);
    enum iso_err err = iso_step_check_operation(step, field, why);
    if (err != ISO_OK)
        return err;
    size_t most = step->operation == ISO_STEP_REMOVE ? ISO_ELEMENT_MAX : 0;
    if (step->value.size > most)
        return iso_fail(why, ISO_BAD_DATA,
                        "%s of the field %.100s has a value of %zu bytes, more than "
                        "%zu: write it with isostasy's library",
                        iso_step_operation_name(step->operation), field->name,
                        step->value.size, most);
    return check_sums(step, field, why);
}

enum iso_err iso_patch_check_seen(const struct iso_patch *patch,
                                  const struct iso_schemas *schemas,
                                  struct iso_why *why)
{
    static const uint8_t none[ISO_FINGERPRINT_SIZE];
    if (memcmp(patch->fingerprint, none, sizeof none) != 0)
        return iso_fail(why, ISO_BAD_DATA,
                        "what a delete was shown names a schema: it names none, for "
                        "the entry can have parts of several");
    enum iso_err err = ISO_OK;
    for (size_t i = 0; i < patch->step_count && err == ISO_OK; i++)
        err = at_step(check_seen(&patch->steps[i], schemas, why), i, why);
    return err == ISO_OK ? check_together(patch, why) : err;
}

enum iso_err iso_patch_check_expiry(const struct iso_patch *patch,
                                    const struct iso_fields *fields,
                                    struct iso_why *why)
{
    for (size_t i = 0; i < patch->step_count; i++) {
        const struct iso_field *field = iso_fields_find(fields, patch->steps[i].field);
        if (field == NULL ||
            (field->rule != ISO_RULE_COUNTER && field->rule != ISO_RULE_MAX &&
             field->rule != ISO_RULE_MIN))
            continue;
        return iso_fail(why, ISO_BAD_DATA,
                        "a patch with an expiry touches the field %.100s, which is "
                        "merged by %s and cannot expire: patch it by itself, without "
                        "an expiry",
                        field->name, iso_rule_name(field->rule));
    }
    return ISO_OK;
}
