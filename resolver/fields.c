/* fields: one part for each field, member and element, each by its own rule.
 *
 * A write is taken apart into changes, one for each part that it touches, and every
 * form of part has its merge (part_merge.h). A PUT is blind here: it sets the fields of
 * rule lww, adds the elements of its sets, enables, raises and lowers, removes nothing
 * and leaves counters alone; a PUT of who had read before travels as a PATCH, which
 * names part by part what it replaces. A PUT leaves a mark of its own, so that a record
 * without any field is there.
 *
 * A DELETE goes through all parts that are here or that its writer was shown. It stays
 * in the entry by its version: what is older and comes later is beaten by it.
 *
 * The row is decoded, changed and written anew: a write costs the size of its entry. */
#include "resolver/part_merge.h"
#include "resolver/table.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

struct fields {
    struct iso_part_merge part;
    const struct iso_coming *coming;
    struct iso_parts *parts;
};

static enum iso_err change_at(struct fields *fields, const struct iso_path *path,
                              struct iso_change *change)
{
    struct iso_buf *encoded = &fields->part.out->path;
    iso_buf_clear(encoded);
    iso_path_encode(path, encoded);
    change->path = iso_buf_bytes(encoded);
    return iso_part_change(&fields->part, change);
}

static enum iso_err mark(struct fields *fields, struct iso_names read)
{
    struct iso_change change = {.kind = ISO_CHANGE_SET,
                                .path = iso_part_mark(),
                                .rule = ISO_RULE_LWW,
                                .blind = fields->coming->blind,
                                .read = read};
    return iso_part_change(&fields->part, &change);
}

/* ---- PUT ---- */

/* A flag that is false removes nothing; a counter is left alone. */
static bool put_touches(const struct iso_fields_part *part)
{
    switch (part->field->rule) {
    case ISO_RULE_FLAG:
        return part->datum.size == 1 && part->datum.data[0] != 0;
    case ISO_RULE_COUNTER:
    case ISO_RULES:
        return false;
    case ISO_RULE_LWW:
    case ISO_RULE_SET:
    case ISO_RULE_MAX:
    case ISO_RULE_MIN:
        break;
    }
    return true;
}

/* Elements and flags say all by their path. */
static struct iso_bytes value_of(enum iso_rule rule, struct iso_bytes datum)
{
    static const struct iso_bytes nothing;
    return iso_part_form(rule) == ISO_FORM_VALUES ? nothing : datum;
}

static enum iso_err put(struct fields *fields)
{
    const struct iso_coming *coming = fields->coming;
    struct iso_fields_walk walk = iso_fields_walk(coming->fields, coming->datum);
    struct iso_fields_part part;
    enum iso_err err = mark(fields, (struct iso_names){0});
    while (err == ISO_OK && iso_fields_next(&walk, &part)) {
        if (!put_touches(&part))
            continue;
        struct iso_change change = {.kind = ISO_CHANGE_SET,
                                    .rule = part.field->rule,
                                    .field = part.field,
                                    .value = value_of(part.field->rule, part.datum),
                                    .blind = true};
        err = change_at(fields, &part.path, &change);
    }
    return err;
}

/* ---- PATCH ---- */

static enum iso_change_kind kind_of(enum iso_step_operation operation)
{
    switch (operation) {
    case ISO_STEP_UNSET:
    case ISO_STEP_REMOVE:
    case ISO_STEP_DISABLE:
        return ISO_CHANGE_REMOVE;
    case ISO_STEP_SET:
    case ISO_STEP_INCREMENT:
    case ISO_STEP_ADD:
    case ISO_STEP_ENABLE:
    case ISO_STEP_RAISE:
    case ISO_STEP_LOWER:
    case ISO_STEP_OPERATIONS:
        break;
    }
    return ISO_CHANGE_SET;
}

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

/* A DELETE names fields of any of the collection's schemas. */
static struct iso_change step_change(const struct fields *fields,
                                     const struct iso_step *step)
{
    const struct iso_coming *coming = fields->coming;
    const struct iso_field *field =
        coming->operation == ISO_DELETE
            ? iso_schemas_field(coming->schemas, step->field)
            : iso_fields_find(coming->fields, step->field);
    struct iso_change change = {.kind = kind_of(step->operation),
                                .rule = field->rule,
                                .field = field,
                                .value = value_of(field->rule, step->value),
                                .blind = coming->blind,
                                .read = step->seen,
                                .sums = step->sums,
                                .sum_count = step->sum_count};
    if (step->operation == ISO_STEP_INCREMENT) {
        struct iso_avro_cursor cursor = iso_avro_read(step->value);
        change.by = iso_avro_long(&cursor);
    }
    return change;
}

static enum iso_err patch(struct fields *fields)
{
    const struct iso_patch *patch = fields->coming->patch;
    enum iso_err err = patch->put && !ISO_PLANTED(puts_leave_no_mark)
                           ? mark(fields, patch->mark)
                           : ISO_OK;
    for (size_t i = 0; err == ISO_OK && i < patch->step_count; i++) {
        const struct iso_step *step = &patch->steps[i];
        struct iso_path path = step_path(step);
        struct iso_change change = step_change(fields, step);
        err = change_at(fields, &path, &change);
    }
    return err;
}

/* ---- DELETE ---- */

/* What its writer was shown, part by part; also of parts that have not come yet. */
static enum iso_err wipe_seen(struct fields *fields)
{
    const struct iso_patch *patch = fields->coming->patch;
    struct iso_change marked = {.kind = ISO_CHANGE_WIPE,
                                .path = iso_part_mark(),
                                .rule = ISO_RULE_LWW,
                                .read = patch->mark};
    enum iso_err err = iso_part_change(&fields->part, &marked);
    for (size_t i = 0; err == ISO_OK && i < patch->step_count; i++) {
        const struct iso_step *step = &patch->steps[i];
        struct iso_path path = step_path(step);
        struct iso_change change = step_change(fields, step);
        change.kind = ISO_CHANGE_WIPE;
        change.blind = false;
        err = change_at(fields, &path, &change);
    }
    return err;
}

static enum iso_err wipe_rest(struct fields *fields)
{
    enum iso_err err = ISO_OK;
    iso_parts_settle(fields->parts); /* from here on nothing is added */
    for (size_t i = 0; err == ISO_OK && i < fields->parts->count; i++) {
        const struct iso_part *part = &fields->parts->parts[i];
        struct iso_change change = {.kind = ISO_CHANGE_WIPE,
                                    .path = part->path,
                                    .rule = part->rule,
                                    .blind = fields->coming->blind};
        if (!part->touched && !ISO_PLANTED(deletes_spare_what_was_not_shown))
            err = iso_part_change(&fields->part, &change);
    }
    return err;
}

static enum iso_err erase(struct fields *fields)
{
    const struct iso_coming *coming = fields->coming;
    struct iso_parts *parts = fields->parts;
    enum iso_err err = ISO_OK;
    if (!coming->blind && coming->patch != NULL && !ISO_PLANTED(deletes_see_nothing))
        err = wipe_seen(fields);
    if (err == ISO_OK)
        err = wipe_rest(fields);
    if (err == ISO_OK && coming->blind && !ISO_PLANTED(deletes_leave_rows_behind)) {
        /* Rows of fields whose part is gone from the entry leave too. */
        struct iso_claim claim = {.merge = fields->part.merge,
                                  .out = fields->part.out,
                                  .why = fields->part.why,
                                  .losers = &parts->losers};
        err = iso_claim_leave_own(&claim);
    }
    if (err != ISO_OK ||
        (parts->has_delete &&
         iso_version_compare(parts->deleted.version, coming->version) >= 0))
        return err;
    parts->has_delete = true;
    parts->deleted = (struct iso_held){.kind = ISO_TOMBSTONE,
                                       .version = coming->version,
                                       .log = coming->log,
                                       .offset = coming->offset};
    return ISO_OK;
}

/* ---- the merge ---- */

static enum iso_err apply(struct fields *fields)
{
    enum iso_operation operation = fields->coming->operation;
    if (operation == ISO_PUT)
        return put(fields);
    if (operation == ISO_PATCH)
        return patch(fields);
    iso_assert(operation == ISO_DELETE); /* nothing else is merged into an entry */
    return erase(fields);
}

static enum iso_err fields_merge(const struct iso_merge *merge,
                                 struct iso_merged *merged, struct iso_why *why)
{
    struct fields fields = {.part = {.merge = merge, .out = merged, .why = why},
                            .coming = merge->coming,
                            .parts = &merged->parts};
    iso_merged_clear(merged);
    enum iso_err err = iso_parts_decode(merge->held, merge->coming->key,
                                        ISO_PARTS_FIELDS, &merged->parts, why);
    if (err != ISO_OK)
        return err;
    iso_parts_tally(&merged->parts, merge->coming->key, &merged->scratch, &merged->was);
    iso_part_asides_begin(&fields.part);
    err = apply(&fields);
    if (err != ISO_OK)
        return err;
    iso_part_asides_end(&fields.part);
    iso_parts_encode(&merged->parts, merge->coming->key, &merged->scratch, &merged->row,
                     &merged->is);
    merged->changed = !iso_bytes_equal(merge->held, iso_buf_bytes(&merged->row));
    return ISO_OK;
}

static enum iso_err fields_admit(const struct iso_coming *coming, struct iso_why *why)
{
    if (coming->operation == ISO_PUT && !coming->blind)
        return iso_fail(why, ISO_REFUSED,
                        "a PUT that names what it read, in a collection of fields, "
                        "where each field is written by itself: write with isostasy's "
                        "library, which sends the difference as a PATCH, or put "
                        "without a context");
    if (coming->operation == ISO_PUT)
        return iso_fields_check_put(coming->fields, coming->datum, coming->has_expiry,
                                    why);
    if (coming->patch == NULL)
        return ISO_OK;
    if (coming->operation == ISO_DELETE)
        return iso_patch_check_seen(coming->patch, coming->schemas, why);
    enum iso_err err = iso_patch_check(coming->patch, coming->fields, why);
    if (err == ISO_OK && coming->has_expiry)
        err = iso_patch_check_expiry(coming->patch, coming->fields, why);
    return err;
}

const struct iso_resolver iso_resolver_fields = {
    .name = "fields",
    .has_fields = true,
    .admit = fields_admit,
    .merge = fields_merge,
    .show = iso_fields_show,
};
