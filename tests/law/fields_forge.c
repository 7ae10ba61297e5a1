/* Writes of fields that nobody drew so far: forged ones, whose claims of what was shown
 * are partly replaced; and those that restore a loser from the ledger, which name it
 * beside what is held. */
#include "tests/law/fields_drawing.h"

enum { FORGED_NAMES_MAX = 4 };

static unsigned draw(unsigned below)
{
    return law_draw(law_drawing.random, below);
}

static bool percent(unsigned chance)
{
    return law_percent(law_drawing.random, chance);
}

static struct iso_names names_copy(struct iso_names names)
{
    return (struct iso_names){
        law_drawing_copy(names.data, names.count * ISO_VERSION_SIZE), names.count};
}

/* ---- forged contexts ---- */

static struct iso_names names_forge(void)
{
    uint8_t names[FORGED_NAMES_MAX * ISO_VERSION_SIZE];
    size_t count = draw(FORGED_NAMES_MAX + 1);
    for (size_t n = 0; n < count; n++)
        iso_version_put(names + n * ISO_VERSION_SIZE,
                        law_version_forge(law_drawing.random));
    return names_copy((struct iso_names){names, count});
}

/* Also sums of the future, and some that are not the sum so far. */
static const struct iso_sum *sums_forge(size_t *count)
{
    struct iso_sum sums[LAW_LOGS_MAX * LAW_REGIONS];
    *count = 0;
    for (uint16_t log = 1; log <= LAW_LOGS_MAX; log++)
        for (uint8_t region = 1; region <= LAW_REGIONS; region++)
            if (percent(30))
                sums[(*count)++] = (struct iso_sum){
                    .log = log,
                    .region = region,
                    .next = percent(10) ? INT64_C(1000000000) : 1 + draw(16),
                    .sum = (int64_t)draw(9) - 4};
    return law_drawing_copy(sums, *count * sizeof *sums);
}

static size_t step_path(const struct iso_step *step)
{
    struct iso_path path = {
        .field = step->field, .has_member = step->has_member, .member = step->member};
    path.has_element =
        step->operation == ISO_STEP_ADD || step->operation == ISO_STEP_REMOVE;
    if (path.has_element)
        path.element = step->value;
    iso_buf_clear(&law_drawing.bytes);
    iso_path_encode(&path, &law_drawing.bytes);
    return shape_path_find(iso_buf_bytes(&law_drawing.bytes));
}

/* All that the write says of one path is replaced alike. */
static void path_forge(size_t at)
{
    struct iso_patch *patch = &law_drawing.filled;
    struct iso_names names = names_forge();
    size_t sum_count;
    const struct iso_sum *sums = sums_forge(&sum_count);
    bool is_counter = law_drawing.paths[at].rule == ISO_RULE_COUNTER;
    if (law_drawing.paths[at].is_mark)
        patch->mark = names;
    for (size_t i = 0; i < patch->step_count; i++) {
        struct iso_step *step = &patch->steps[i];
        if (step_path(step) != at)
            continue;
        step->seen = names;
        if (is_counter && step->operation == ISO_STEP_UNSET) {
            step->sums = sums;
            step->sum_count = sum_count;
        }
    }
    for (size_t i = 0; i < law_drawing.op_count; i++) {
        struct law_op *op = &law_drawing.ops[i];
        if (op->path != at || op->act == LAW_COUNT)
            continue;
        op->names = names;
        if (is_counter) {
            op->sums = sums;
            op->sum_count = sum_count;
        }
    }
}

void law_drawing_forge(void)
{
    bool named[SHAPE_PATHS_MAX] = {false};
    for (size_t i = 0; i < law_drawing.op_count; i++)
        named[law_drawing.ops[i].path] = true;
    for (size_t i = 0; i < law_drawing.profile->path_count; i++) {
        size_t at = law_drawing.profile->paths[i];
        const struct shape_path *path = &law_drawing.paths[at];
        bool is_extreme = path->rule == ISO_RULE_MAX || path->rule == ISO_RULE_MIN;
        if (law_drawing.write->operation == ISO_DELETE && !named[at] && !is_extreme &&
            percent(40)) { /* it was shown what it was not */
            law_drawing_step(&law_drawing.filled, at,
                             law_operation_of(path->rule, true));
            law_drawing_op(LAW_SHOWN, at);
            path_forge(at);
        } else if (named[at] && percent(60)) {
            path_forge(at);
        }
    }
    if (law_drawing.write->operation == ISO_DELETE && !named[0])
        law_drawing_op(LAW_SHOWN, 0);
    if (named[0] || law_drawing.write->operation == ISO_DELETE)
        path_forge(0);
    law_drawing.is_forged = true;
}

/* ---- restoring ---- */

void law_fields_restore(struct law_random *random, struct iso_coming *write,
                        const struct law_row *row, const struct iso_buf *context)
{
    struct iso_bytes path, datum;
    const uint8_t *fingerprint;
    size_t schema, at;
    law_drawing_begin(random, write, context);
    bool found = iso_loser_field_decode(iso_bytes(row->value, row->size), &path,
                                        &fingerprint, &datum) &&
                 iso_schemas_named(write->schemas, fingerprint, &schema);
    iso_assert(found);
    law_drawing_schema(schema);
    at = shape_path_find(path);
    struct law_op *op = law_drawing_op(LAW_SET, at);
    while (!iso_bytes_equal(law_drawing.paths[at].values[op->rank], datum))
        iso_assert(++op->rank < SHAPE_VALUES);
    uint8_t *names =
        iso_arena_take(&random->law.arena, (op->names.count + 1) * ISO_VERSION_SIZE);
    if (op->names.count > 0)
        memcpy(names, op->names.data, op->names.count * ISO_VERSION_SIZE);
    iso_version_put(names + op->names.count * ISO_VERSION_SIZE, row->version);
    op->names = (struct iso_names){names, op->names.count + 1};
    iso_patch_clear(&law_drawing.filled);
    memcpy(law_drawing.filled.fingerprint, write->fingerprint, ISO_FINGERPRINT_SIZE);
    struct iso_step *step = law_drawing_step(&law_drawing.filled, at, ISO_STEP_SET);
    step->value = law_drawing.paths[at].values[op->rank];
    step->seen = op->names;
    write->operation = ISO_PATCH;
    iso_buf_clear(&law_drawing.bytes);
    iso_patch_encode(&law_drawing.filled, &law_drawing.bytes);
}
