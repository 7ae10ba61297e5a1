/* A write of fields, taken apart into what it does to each part, by the words of
 * DESIGN.md, section 4: and of each part, which writes replace which. A blind PUT sets
 * the lww fields of its schema, adds its set elements, enables and raises, and leaves
 * the rest alone; a DELETE touches every part, and says of some what it was shown. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "schema/path.h"

struct taking {
    const struct sim *sim;
    struct sim_key *key;
    size_t effect;
    bool blind;
    const struct iso_fields *fields; /* of its schema; NULL: a DELETE */
    const struct iso_schemas *schemas;
};

static struct iso_bytes copy(struct sim_key *key, const void *data, size_t size)
{
    if (size == 0)
        return (struct iso_bytes){0};
    void *at = iso_arena_take(&key->arena, size);
    memcpy(at, data, size);
    return iso_bytes(at, size);
}

static struct sim_part *part_of(struct taking *taking, const struct iso_path *path,
                                const struct iso_field *field)
{
    struct sim_key *key = taking->key;
    struct iso_buf encoded = {0};
    iso_path_encode(path, &encoded);
    size_t at = 0;
    while (at < key->part_count &&
           !iso_bytes_equal(key->parts[at].path, iso_buf_bytes(&encoded)))
        at++;
    if (at == key->part_room) {
        key->part_room = key->part_room * 2 + 16;
        key->parts = iso_realloc(key->parts, key->part_room * sizeof *key->parts);
    }
    if (at == key->part_count)
        key->parts[key->part_count++] =
            (struct sim_part){.path = copy(key, encoded.data, encoded.size),
                              .rule = field != NULL ? field->rule : ISO_RULE_LWW,
                              .field = field,
                              .fields = taking->fields};
    iso_buf_release(&encoded);
    if (key->parts[at].fields == NULL && taking->fields != NULL) {
        key->parts[at].fields = taking->fields;
        key->parts[at].field = field;
    }
    return &key->parts[at];
}

/* Does the write of c, by what it says of the part, replace w? */
static bool replaces(const struct taking *taking, const struct sim_op *c,
                     const struct sim_effect *w)
{
    const struct sim_effect *by = &taking->key->effects[c->effect];
    if (iso_version_compare(by->version, w->version) <= 0)
        return false;
    if (c->blind)
        return sim_effect_is_blind_over(taking->sim, by, w);
    for (size_t i = 0; i < c->names.count; i++)
        if (iso_version_equal(iso_names_at(c->names, i), w->version))
            return true;
    return false;
}

static void child_note(struct sim_op *of, const struct sim_effect *child)
{
    if (child->offset < of->children[child->log])
        of->children[child->log] = child->offset;
}

/* A blind DELETE says the same of every part. */
static bool wipes(const struct taking *taking, size_t effect,
                  const struct sim_effect *w)
{
    const struct sim_op all = {.effect = effect, .blind = true};
    const struct sim_effect *by = &taking->key->effects[effect];
    return by->is_delete && by->blind && replaces(taking, &all, w);
}

static struct sim_op *op_add(struct taking *taking, struct sim_part *part,
                             const struct sim_op *op)
{
    struct sim_key *key = taking->key;
    if (part->count == part->room) {
        part->room = part->room * 2 + 8;
        part->ops = iso_realloc(part->ops, part->room * sizeof *part->ops);
    }
    struct sim_op *added = &part->ops[part->count];
    *added = *op;
    added->effect = taking->effect;
    added->names.data =
        copy(key, op->names.data, op->names.count * ISO_VERSION_SIZE).data;
    added->sums =
        (const void *)copy(key, op->sums, op->sum_count * sizeof *op->sums).data;
    added->value = copy(key, op->value.data, op->value.size);
    for (unsigned i = 0; i < SIM_LOGS_MAX; i++)
        added->children[i] = INT64_MAX;
    const struct sim_effect *by = &key->effects[added->effect];
    for (size_t i = 0; i < part->count; i++) {
        struct sim_op *other = &part->ops[i];
        if (replaces(taking, added, &key->effects[other->effect]))
            child_note(other, by);
        if (replaces(taking, other, by))
            child_note(added, &key->effects[other->effect]);
    }
    for (size_t i = 0; i < key->count; i++)
        if (wipes(taking, i, by))
            child_note(added, &key->effects[i]);
    part->count++;
    return added;
}

static void mark_add(struct taking *taking, enum sim_act act, struct iso_names names)
{
    static const struct iso_path mark;
    struct sim_op op = {.act = act, .blind = taking->blind, .names = names};
    op_add(taking, part_of(taking, &mark, NULL), &op);
}

/* ---- PUT ---- */

static void put_take(struct taking *taking, struct iso_bytes datum)
{
    struct iso_fields_walk walk = iso_fields_walk(taking->fields, datum);
    struct iso_fields_part part;
    mark_add(taking, SIM_ACT_SET, (struct iso_names){0});
    while (iso_fields_next(&walk, &part)) {
        enum iso_rule rule = part.field->rule;
        bool flag = rule == ISO_RULE_FLAG;
        struct sim_op op = {.act = SIM_ACT_SET, .blind = true};
        if (rule == ISO_RULE_COUNTER || (flag && part.datum.data[0] == 0))
            continue;
        if (!flag && rule != ISO_RULE_SET)
            op.value = part.datum;
        op_add(taking, part_of(taking, &part.path, part.field), &op);
    }
}

/* ---- PATCH, and what a DELETE was shown ---- */

static void step_take(struct taking *taking, const struct iso_step *step, bool shown)
{
    const struct iso_field *field =
        taking->fields != NULL ? iso_fields_find(taking->fields, step->field)
                               : iso_schemas_field(taking->schemas, step->field);
    bool element =
        step->operation == ISO_STEP_ADD || step->operation == ISO_STEP_REMOVE;
    struct iso_path path = {.field = step->field,
                            .has_member = step->has_member,
                            .member = step->member,
                            .has_element = element};
    struct sim_op op = {.act = SIM_ACT_SET,
                        .blind = taking->blind,
                        .names = step->seen,
                        .sums = step->sums,
                        .sum_count = step->sum_count};
    if (element)
        path.element = step->value;
    else
        op.value = step->value;
    if (step->operation == ISO_STEP_UNSET || step->operation == ISO_STEP_REMOVE ||
        step->operation == ISO_STEP_DISABLE)
        op.act = SIM_ACT_REMOVE;
    if (step->operation == ISO_STEP_INCREMENT) {
        struct iso_avro_cursor cursor = iso_avro_read(step->value);
        op.by = iso_avro_long(&cursor);
        op.act = SIM_ACT_COUNT;
    }
    if (shown)
        op.act = SIM_ACT_SHOWN;
    op_add(taking, part_of(taking, &path, field), &op);
}

static void patch_take(struct taking *taking, struct iso_bytes bytes, bool shown)
{
    struct iso_patch patch = {0};
    struct iso_why why;
    size_t n;
    iso_assert(iso_patch_decode(bytes, &patch, &why) == ISO_OK);
    if (!shown) {
        iso_assert(iso_schemas_named(taking->schemas, patch.fingerprint, &n));
        taking->fields = iso_schemas_fields(taking->schemas, n);
    }
    if (patch.put || shown)
        mark_add(taking, shown ? SIM_ACT_SHOWN : SIM_ACT_SET, patch.mark);
    for (size_t i = 0; i < patch.step_count; i++)
        step_take(taking, &patch.steps[i], shown);
    iso_patch_release(&patch);
}

/* A blind DELETE replaces, in every part that there is by now. */
static void delete_take(struct taking *taking)
{
    struct sim_key *key = taking->key;
    for (size_t p = 0; p < key->part_count; p++)
        for (size_t i = 0; i < key->parts[p].count; i++) {
            struct sim_op *op = &key->parts[p].ops[i];
            if (wipes(taking, taking->effect, &key->effects[op->effect]))
                child_note(op, &key->effects[taking->effect]);
        }
}

void sim_fields_take(struct sim *sim, int index, const struct iso_write *write,
                     const struct iso_schemas *schemas)
{
    struct sim_key *key = &sim->oracle.keys[index];
    struct taking taking = {.sim = sim,
                            .key = key,
                            .effect = key->count - 1,
                            .blind = write->blind,
                            .schemas = schemas};
    const struct sim_effect *effect = &key->effects[taking.effect];
    struct iso_value value;
    struct iso_why why;
    switch ((int)write->operation) {
    case ISO_PUT:
        SIM_OK(sim, iso_value_read(schemas, effect->value, &value, &why));
        taking.fields = iso_schemas_fields(schemas, value.schema);
        put_take(&taking, value.datum);
        return;
    case ISO_PATCH:
        patch_take(&taking, effect->value, false);
        return;
    default:
        if (!write->blind && write->seen.size > 0)
            patch_take(&taking, write->seen, true);
        delete_take(&taking);
        return;
    }
}
