/* Writes of fields. What its writer was shown is a context of the library's, decoded;
 * the model then says what the write does, part by part, and asks the library for the
 * patch that says the same: iso_seen_put, iso_seen_fill, iso_seen_delete. The patch
 * travels as bytes before a resolver sees it, and is admitted. */
#include "tests/law/fields_drawing.h"

enum { STEPS_PICKED_MAX = 3 };

_Thread_local struct law_drawing law_drawing;

static unsigned draw(unsigned below)
{
    return law_draw(law_drawing.random, below);
}

static bool percent(unsigned chance)
{
    return law_percent(law_drawing.random, chance);
}

void *law_drawing_copy(const void *data, size_t size)
{
    void *kept = iso_arena_take(&law_drawing.random->law.arena, size);
    if (size > 0)
        memcpy(kept, data, size);
    return kept;
}

static struct iso_names names_copy(struct iso_names names)
{
    return (struct iso_names){
        law_drawing_copy(names.data, names.count * ISO_VERSION_SIZE), names.count};
}

/* ---- what was shown ---- */

static const struct iso_seen_part *shown_at(size_t path)
{
    for (size_t i = 0; law_drawing.has_context && i < law_drawing.seen.count; i++)
        if (iso_bytes_equal(law_drawing.seen.parts[i].path,
                            law_drawing.paths[path].encoded))
            return &law_drawing.seen.parts[i];
    return NULL;
}

struct law_op *law_drawing_op(enum law_act act, size_t path)
{
    const struct iso_seen_part *shown = shown_at(path);
    struct law_op *op = &law_drawing.ops[law_drawing.op_count++];
    iso_assert(law_drawing.op_count <= LAW_OPS_MAX);
    *op = (struct law_op){.path = path, .act = act};
    if (shown != NULL && act != LAW_COUNT)
        op->names = names_copy(shown->names);
    if (shown != NULL && (act == LAW_REMOVE || act == LAW_SHOWN)) {
        op->sums =
            law_drawing_copy(shown->sums, shown->sum_count * sizeof *shown->sums);
        op->sum_count = shown->sum_count;
    }
    return op;
}

void law_drawing_remove(size_t path)
{
    const struct iso_seen_part *shown = shown_at(path);
    law_drawing_op(LAW_REMOVE, path);
    if (shown != NULL && shown->added != 0)
        law_drawing_op(LAW_COUNT, path)->by = -shown->added;
}

/* ---- records ---- */

static void record_draw(struct shape_record *record)
{
    for (size_t i = 0; i < law_drawing.profile->path_count; i++) {
        size_t at = law_drawing.profile->paths[i];
        const struct shape_path *path = &law_drawing.paths[at];
        const struct iso_seen_part *shown = shown_at(at);
        bool may_lack = path->member >= 0 || path->element >= 0;
        bool has = !may_lack || percent(60);
        record->rank[at] = has ? 0 : -1;
        record->off[at] = path->rule == ISO_RULE_FLAG && percent(50);
        record->number[at] = shown != NULL ? shown->value : 0;
        if (has && path->rule != ISO_RULE_FLAG && path->rule != ISO_RULE_COUNTER &&
            path->rule != ISO_RULE_SET)
            record->rank[at] = (int)draw(SHAPE_VALUES);
        if (law_drawing.has_context && percent(50))
            record->number[at] += (int64_t)draw(5) - 2;
    }
}

/* What a record says of one path, to who was shown nothing of it. */
static void put_blindly(const struct shape_record *record, size_t at)
{
    const struct shape_path *path = &law_drawing.paths[at];
    if (record->rank[at] < 0 || path->rule == ISO_RULE_COUNTER ||
        (path->rule == ISO_RULE_FLAG && record->off[at]))
        return;
    law_drawing_op(LAW_SET, at)->rank = (size_t)record->rank[at];
}

static bool is_same(const struct shape_record *record, size_t at,
                    const struct iso_seen_part *shown)
{
    return shown->hash == iso_seen_hash(law_drawing.write->fingerprint,
                                        law_drawing.paths[at].values[record->rank[at]]);
}

/* A field that was not there, in a record that was, has its default: that is no change.
 * Every default is 0, or empty. */
static bool stays_default(const struct shape_record *record, size_t at)
{
    const struct shape_path *path = &law_drawing.paths[at];
    static const uint8_t zero[1];
    bool was_there = false;
    for (size_t i = 0; i < law_drawing.seen.count; i++)
        was_there |= law_drawing.seen.parts[i].shown;
    return was_there && path->member < 0 && path->values != NULL &&
           path->rule != ISO_RULE_SET &&
           iso_bytes_equal(path->values[record->rank[at]], (struct iso_bytes){zero, 1});
}

/* The difference from what was shown. */
static void put_with_context(const struct shape_record *record, size_t at)
{
    const struct shape_path *path = &law_drawing.paths[at];
    const struct iso_seen_part *shown = shown_at(at);
    bool was = shown != NULL && shown->shown, has = record->rank[at] >= 0;
    int64_t by = record->number[at] - (shown != NULL ? shown->value : 0);
    if (path->rule == ISO_RULE_COUNTER && has) {
        if (by != 0 || (path->member >= 0 && !was)) /* a member is there, be it 0 */
            law_drawing_op(LAW_COUNT, at)->by = by;
        return;
    }
    if (path->rule == ISO_RULE_FLAG)
        has = has && !record->off[at];
    bool changed = path->values != NULL && path->rule != ISO_RULE_SET && was && has &&
                   !is_same(record, at, shown);
    if (has && !was && stays_default(record, at))
        return;
    if (has && (!was || changed))
        law_drawing_op(LAW_SET, at)->rank = (size_t)record->rank[at];
    else if (!has && was && !(shown->counted && shown->value == 0))
        law_drawing_remove(
            at); /* on what it has counted on, a reset leaves 0 at best */
}

static void put_draw(void)
{
    struct shape_record record;
    struct iso_coming *write = law_drawing.write;
    enum iso_err err = ISO_OK;
    record_draw(&record);
    law_drawing_op(LAW_SET, 0);
    for (size_t i = 0; i < law_drawing.profile->path_count; i++) {
        if (law_drawing.has_context)
            put_with_context(&record, law_drawing.profile->paths[i]);
        else
            put_blindly(&record, law_drawing.profile->paths[i]);
    }
    iso_buf_clear(&law_drawing.datum);
    shape_record_encode(law_drawing.random->law.profile, law_drawing.schema, &record,
                        &law_drawing.datum);
    write->operation = ISO_PUT;
    if (law_drawing.has_context) {
        err =
            iso_seen_put(&law_drawing.seen, write->fields,
                         iso_buf_bytes(&law_drawing.datum), &law_drawing.filled, NULL);
        write->operation = ISO_PATCH;
    } else {
        write->datum =
            iso_bytes(law_drawing_copy(law_drawing.datum.data, law_drawing.datum.size),
                      law_drawing.datum.size);
    }
    iso_assert(err == ISO_OK);
}

/* ---- patches ---- */

enum iso_step_operation law_operation_of(enum iso_rule rule, bool removes)
{
    static const enum iso_step_operation operations[ISO_RULES][2] = {
        [ISO_RULE_LWW] = {ISO_STEP_SET, ISO_STEP_UNSET},
        [ISO_RULE_SET] = {ISO_STEP_ADD, ISO_STEP_REMOVE},
        [ISO_RULE_FLAG] = {ISO_STEP_ENABLE, ISO_STEP_DISABLE},
        [ISO_RULE_COUNTER] = {ISO_STEP_INCREMENT, ISO_STEP_UNSET},
        [ISO_RULE_MAX] = {ISO_STEP_RAISE, ISO_STEP_UNSET},
        [ISO_RULE_MIN] = {ISO_STEP_LOWER, ISO_STEP_UNSET}};
    return operations[rule][removes];
}

struct iso_step *law_drawing_step(struct iso_patch *patch, size_t at,
                                  enum iso_step_operation operation)
{
    const struct shape_path *path = &law_drawing.paths[at];
    struct iso_step *step = iso_patch_step_add(patch);
    step->field = path->path.field;
    step->has_member = path->path.has_member;
    step->member = path->path.member;
    step->operation = operation;
    if (path->path.has_element)
        step->value = path->path.element;
    return step;
}

static void step_draw_set(size_t at)
{
    const struct shape_path *path = &law_drawing.paths[at];
    struct iso_step *step =
        law_drawing_step(&law_drawing.asked, at, law_operation_of(path->rule, false));
    if (path->rule == ISO_RULE_COUNTER) {
        static const uint8_t numbers[] = {0, 1, 2, 3, 10}; /* 0, −1, 1, −2, 5 */
        size_t n = draw(sizeof numbers);
        step->value = iso_bytes(&numbers[n], 1);
        law_drawing_op(LAW_COUNT, at)->by =
            (int64_t)(numbers[n] >> 1) ^ -(numbers[n] & 1);
        return;
    }
    struct law_op *op = law_drawing_op(LAW_SET, at);
    if (path->values != NULL && path->rule != ISO_RULE_SET) {
        op->rank = draw(SHAPE_VALUES);
        step->value = path->values[op->rank];
    }
}

static void step_draw(size_t at)
{
    enum iso_rule rule = law_drawing.paths[at].rule;
    bool goes_on =
        rule != ISO_RULE_LWW && rule != ISO_RULE_SET && rule != ISO_RULE_FLAG;
    if (percent(65)) {
        step_draw_set(at);
        if ((rule == ISO_RULE_SET || rule == ISO_RULE_COUNTER) && percent(5))
            step_draw_set(at); /* twice in one write */
        return;
    }
    bool unsets = rule == ISO_RULE_FLAG && percent(30);
    law_drawing_step(&law_drawing.asked, at,
                     unsets ? ISO_STEP_UNSET : law_operation_of(rule, true));
    law_drawing_remove(at);
    if (goes_on && percent(40))
        step_draw_set(at);
}

static void patch_draw(void)
{
    bool picked[SHAPE_PATHS_MAX] = {false};
    struct iso_coming *write = law_drawing.write;
    write->operation = ISO_PATCH;
    iso_patch_clear(&law_drawing.asked);
    memcpy(law_drawing.asked.fingerprint, write->fingerprint, ISO_FINGERPRINT_SIZE);
    for (size_t n = draw(STEPS_PICKED_MAX) + 1; n > 0; n--) {
        size_t at =
            law_drawing.profile->paths[draw((unsigned)law_drawing.profile->path_count)];
        if (!picked[at])
            step_draw(at);
        picked[at] = true;
    }
    static const struct iso_seen nothing;
    enum iso_err err =
        iso_seen_fill(law_drawing.has_context ? &law_drawing.seen : &nothing,
                      &law_drawing.asked, &law_drawing.filled, NULL);
    iso_assert(err == ISO_OK);
}

/* ---- deletes ---- */

static bool delete_names(const struct iso_seen_part *shown,
                         const struct shape_path *path)
{
    return path->is_mark ||
           (shown->shown && path->rule != ISO_RULE_MAX && path->rule != ISO_RULE_MIN);
}

bool law_drawing_delete(void)
{
    bool counted = false;
    for (size_t i = 0; law_drawing.has_context && i < law_drawing.seen.count; i++)
        counted |= law_drawing.seen.parts[i].counted;
    iso_patch_clear(&law_drawing.filled);
    if (law_drawing.has_context) {
        enum iso_err err =
            iso_seen_delete(&law_drawing.seen, &law_drawing.filled, NULL);
        iso_assert(err == (counted ? ISO_STALE : ISO_OK));
    }
    if (counted)
        return false;
    law_drawing.write->operation = ISO_DELETE;
    for (size_t i = 0; i < law_drawing.path_count; i++) {
        const struct iso_seen_part *shown = shown_at(i);
        if (shown != NULL && delete_names(shown, &law_drawing.paths[i]))
            law_drawing_op(LAW_SHOWN, i);
    }
    return true;
}

/* ---- the write ---- */

static void expiry_draw(struct iso_coming *write)
{
    write->has_expiry = write->operation != ISO_DELETE && percent(20);
    for (size_t i = 0; i < law_drawing.op_count; i++) {
        enum iso_rule rule = law_drawing.paths[law_drawing.ops[i].path].rule;
        if (rule == ISO_RULE_COUNTER || rule == ISO_RULE_MAX || rule == ISO_RULE_MIN)
            write->has_expiry = false;
    }
    write->expiry_ms = write->has_expiry ? 98 + draw(14) : 0;
}

void law_drawing_schema(size_t schema)
{
    struct iso_coming *write = law_drawing.write;
    law_drawing.schema = schema;
    write->fields = iso_schemas_fields(write->schemas, schema);
    write->fingerprint = iso_schemas_fingerprint(write->schemas, schema);
}

void law_drawing_begin(struct law_random *random, struct iso_coming *write,
                       const struct iso_buf *context)
{
    law_drawing.random = random;
    law_drawing.write = write;
    law_drawing.profile = shape_profile(random->law.profile);
    law_drawing.path_count = shape_paths(&law_drawing.paths);
    law_drawing.has_context = context != NULL;
    law_drawing.op_count = 0;
    law_drawing.is_forged = false;
    write->schemas = law_drawing.profile->schemas;
    law_drawing_schema(draw(SHAPE_SCHEMAS));
    if (context == NULL)
        return;
    enum iso_err err = iso_seen_decode(iso_buf_bytes(context), &law_drawing.seen, NULL);
    iso_assert(err == ISO_OK);
}

void law_fields_draw(struct law_random *random, struct iso_coming *write,
                     const struct iso_buf *context)
{
    bool has_header = iso_node_region(write->version.node) <= ISO_REGION_MAX;
    law_drawing_begin(random, write, context);
    bool deletes = percent(15) && law_drawing_delete();
    if (!deletes && (!has_header || percent(30)))
        put_draw();
    else if (!deletes)
        patch_draw();
    expiry_draw(write);
    if (random->options->forged && context != NULL && percent(50))
        law_drawing_forge();
    else if (context != NULL && write->version.hlc <= law_drawing.seen.hlc)
        write->version.hlc = law_drawing.seen.hlc + 1;
    iso_buf_clear(&law_drawing.bytes);
    if (write->operation == ISO_PATCH || (deletes && context != NULL))
        iso_patch_encode(&law_drawing.filled, &law_drawing.bytes);
}

void law_fields_added(struct law_random *random, size_t n)
{
    struct law_case *law = &random->law;
    struct iso_coming *write = &law->writes[n];
    struct law_ops *ops = iso_arena_take(&law->arena, sizeof *ops);
    enum iso_err err = ISO_OK;
    *ops = (struct law_ops){
        .ops = law_drawing_copy(law_drawing.ops,
                                law_drawing.op_count * sizeof *law_drawing.ops),
        .count = law_drawing.op_count,
        .schema = law_drawing.schema,
        .is_forged = law_drawing.is_forged};
    law->ops[n] = ops;
    if (law_drawing.bytes.size > 0) {
        struct iso_bytes bytes =
            iso_bytes(law_drawing_copy(law_drawing.bytes.data, law_drawing.bytes.size),
                      law_drawing.bytes.size);
        err = iso_patch_decode(bytes, &law->patches[n], NULL);
        write->patch = &law->patches[n];
    }
    if (err == ISO_OK)
        err = random->options->resolver->admit(write, NULL);
    iso_assert(err == ISO_OK);
}

void law_fields_advance(struct law_random *random, size_t n, struct iso_buf *context)
{
    const struct iso_coming *write = &random->law.writes[n];
    iso_seen_advance(&law_drawing.seen, write->fields,
                     write->operation == ISO_DELETE ? NULL : write->patch,
                     write->version);
    iso_buf_clear(context);
    iso_seen_encode(&law_drawing.seen, context);
}
