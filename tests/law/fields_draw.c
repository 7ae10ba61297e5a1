/* Writes of fields. What its writer was shown is a context of the library's, decoded;
 * the model then says what the write does, part by part, and asks the library for the
 * patch that says the same: iso_seen_put, iso_seen_fill, iso_seen_delete. The patch
 * travels as bytes before a resolver sees it, and is admitted.
 *
 * A forged write goes on from there: some of what it claims to have been shown is
 * replaced, in the patch and in the model alike. */
#include "tests/law/fields_model.h"

enum { OPS_MAX = 128, STEPS_PICKED_MAX = 3, FORGED_NAMES_MAX = 4 };

struct drawing {
    struct law_random *random;
    struct iso_coming *write;
    const struct shape_profile *profile;
    const struct shape_path *paths;
    size_t path_count;
    size_t schema;
    bool has_context;
    struct law_op ops[OPS_MAX];
    size_t op_count;
    bool is_forged;
    struct iso_seen seen;
    struct iso_patch asked, filled;
    struct iso_buf datum, bytes;
};
static _Thread_local struct drawing drawing; /* keeps its buffers warm */

static unsigned draw(unsigned below)
{
    return law_draw(drawing.random, below);
}

static bool percent(unsigned chance)
{
    return law_percent(drawing.random, chance);
}

static void *copy(const void *data, size_t size)
{
    void *kept = iso_arena_take(&drawing.random->law.arena, size);
    if (size > 0)
        memcpy(kept, data, size);
    return kept;
}

static struct iso_names names_copy(struct iso_names names)
{
    return (struct iso_names){copy(names.data, names.count * ISO_VERSION_SIZE),
                              names.count};
}

/* ---- what was shown ---- */

static const struct iso_seen_part *shown_at(size_t path)
{
    for (size_t i = 0; drawing.has_context && i < drawing.seen.count; i++)
        if (iso_bytes_equal(drawing.seen.parts[i].path, drawing.paths[path].encoded))
            return &drawing.seen.parts[i];
    return NULL;
}

static struct law_op *op_add(enum law_act act, size_t path)
{
    const struct iso_seen_part *shown = shown_at(path);
    struct law_op *op = &drawing.ops[drawing.op_count++];
    iso_assert(drawing.op_count <= OPS_MAX);
    *op = (struct law_op){.path = path, .act = act};
    if (shown != NULL && act != LAW_COUNT)
        op->names = names_copy(shown->names);
    if (shown != NULL && (act == LAW_REMOVE || act == LAW_SHOWN)) {
        op->sums = copy(shown->sums, shown->sum_count * sizeof *shown->sums);
        op->sum_count = shown->sum_count;
    }
    return op;
}

/* A reset takes away what was read, and what the session has added since. */
static void op_remove(size_t path)
{
    const struct iso_seen_part *shown = shown_at(path);
    op_add(LAW_REMOVE, path);
    if (shown != NULL && shown->added != 0)
        op_add(LAW_COUNT, path)->by = -shown->added;
}

/* ---- records ---- */

static void record_draw(struct shape_record *record)
{
    for (size_t i = 0; i < drawing.profile->path_count; i++) {
        size_t at = drawing.profile->paths[i];
        const struct shape_path *path = &drawing.paths[at];
        const struct iso_seen_part *shown = shown_at(at);
        bool may_lack = path->member >= 0 || path->element >= 0;
        bool has = !may_lack || percent(60);
        record->rank[at] = has ? 0 : -1;
        record->off[at] = path->rule == ISO_RULE_FLAG && percent(50);
        record->number[at] = shown != NULL ? shown->value : 0;
        if (has && path->rule != ISO_RULE_FLAG && path->rule != ISO_RULE_COUNTER &&
            path->rule != ISO_RULE_SET)
            record->rank[at] = (int)draw(SHAPE_VALUES);
        if (drawing.has_context && percent(50))
            record->number[at] += (int64_t)draw(5) - 2;
    }
}

/* What a record says of one path, to who was shown nothing of it. */
static void put_blindly(const struct shape_record *record, size_t at)
{
    const struct shape_path *path = &drawing.paths[at];
    if (record->rank[at] < 0 || path->rule == ISO_RULE_COUNTER ||
        (path->rule == ISO_RULE_FLAG && record->off[at]))
        return;
    op_add(LAW_SET, at)->rank = (size_t)record->rank[at];
}

static bool is_same(const struct shape_record *record, size_t at,
                    const struct iso_seen_part *shown)
{
    return shown->hash == iso_seen_hash(drawing.write->fingerprint,
                                        drawing.paths[at].values[record->rank[at]]);
}

/* A field that was not there, in a record that was, has its default: that is no change.
 * Every default is 0, or empty. */
static bool stays_default(const struct shape_record *record, size_t at)
{
    const struct shape_path *path = &drawing.paths[at];
    static const uint8_t zero[1];
    bool was_there = false;
    for (size_t i = 0; i < drawing.seen.count; i++)
        was_there |= drawing.seen.parts[i].shown;
    return was_there && path->member < 0 && path->values != NULL &&
           path->rule != ISO_RULE_SET &&
           iso_bytes_equal(path->values[record->rank[at]], (struct iso_bytes){zero, 1});
}

/* The difference from what was shown. */
static void put_with_context(const struct shape_record *record, size_t at)
{
    const struct shape_path *path = &drawing.paths[at];
    const struct iso_seen_part *shown = shown_at(at);
    bool was = shown != NULL && shown->shown, has = record->rank[at] >= 0;
    int64_t by = record->number[at] - (shown != NULL ? shown->value : 0);
    if (path->rule == ISO_RULE_COUNTER && has) {
        if (by != 0 || (path->member >= 0 && !was)) /* a member is there, be it 0 */
            op_add(LAW_COUNT, at)->by = by;
        return;
    }
    if (path->rule == ISO_RULE_FLAG)
        has = has && !record->off[at];
    bool changed = path->values != NULL && path->rule != ISO_RULE_SET && was && has &&
                   !is_same(record, at, shown);
    if (has && !was && stays_default(record, at))
        return;
    if (has && (!was || changed))
        op_add(LAW_SET, at)->rank = (size_t)record->rank[at];
    else if (!has && was && !(shown->counted && shown->value == 0))
        op_remove(at); /* on what it has counted on, a reset leaves 0 at best */
}

static void put_draw(void)
{
    struct shape_record record;
    struct iso_coming *write = drawing.write;
    enum iso_err err = ISO_OK;
    record_draw(&record);
    op_add(LAW_SET, 0);
    for (size_t i = 0; i < drawing.profile->path_count; i++) {
        if (drawing.has_context)
            put_with_context(&record, drawing.profile->paths[i]);
        else
            put_blindly(&record, drawing.profile->paths[i]);
    }
    iso_buf_clear(&drawing.datum);
    shape_record_encode(drawing.random->law.profile, drawing.schema, &record,
                        &drawing.datum);
    write->operation = ISO_PUT;
    if (drawing.has_context) {
        err = iso_seen_put(&drawing.seen, write->fields, iso_buf_bytes(&drawing.datum),
                           &drawing.filled, NULL);
        write->operation = ISO_PATCH;
    } else {
        write->datum =
            iso_bytes(copy(drawing.datum.data, drawing.datum.size), drawing.datum.size);
    }
    iso_assert(err == ISO_OK);
}

/* ---- patches ---- */

static enum iso_step_operation operation_of(enum iso_rule rule, bool removes)
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

static struct iso_step *step_add(struct iso_patch *patch, size_t at,
                                 enum iso_step_operation operation)
{
    const struct shape_path *path = &drawing.paths[at];
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
    const struct shape_path *path = &drawing.paths[at];
    struct iso_step *step =
        step_add(&drawing.asked, at, operation_of(path->rule, false));
    if (path->rule == ISO_RULE_COUNTER) {
        static const uint8_t numbers[] = {0, 1, 2, 3, 10}; /* 0, −1, 1, −2, 5 */
        size_t n = draw(sizeof numbers);
        step->value = iso_bytes(&numbers[n], 1);
        op_add(LAW_COUNT, at)->by = (int64_t)(numbers[n] >> 1) ^ -(numbers[n] & 1);
        return;
    }
    struct law_op *op = op_add(LAW_SET, at);
    if (path->values != NULL && path->rule != ISO_RULE_SET) {
        op->rank = draw(SHAPE_VALUES);
        step->value = path->values[op->rank];
    }
}

static void step_draw(size_t at)
{
    enum iso_rule rule = drawing.paths[at].rule;
    bool goes_on =
        rule != ISO_RULE_LWW && rule != ISO_RULE_SET && rule != ISO_RULE_FLAG;
    if (percent(65)) {
        step_draw_set(at);
        if ((rule == ISO_RULE_SET || rule == ISO_RULE_COUNTER) && percent(5))
            step_draw_set(at); /* twice in one write */
        return;
    }
    bool unsets = rule == ISO_RULE_FLAG && percent(30);
    step_add(&drawing.asked, at, unsets ? ISO_STEP_UNSET : operation_of(rule, true));
    op_remove(at);
    if (goes_on && percent(40))
        step_draw_set(at);
}

static void patch_draw(void)
{
    bool picked[SHAPE_PATHS_MAX] = {false};
    struct iso_coming *write = drawing.write;
    write->operation = ISO_PATCH;
    iso_patch_clear(&drawing.asked);
    memcpy(drawing.asked.fingerprint, write->fingerprint, ISO_FINGERPRINT_SIZE);
    for (size_t n = draw(STEPS_PICKED_MAX) + 1; n > 0; n--) {
        size_t at = drawing.profile->paths[draw((unsigned)drawing.profile->path_count)];
        if (!picked[at])
            step_draw(at);
        picked[at] = true;
    }
    static const struct iso_seen nothing;
    enum iso_err err = iso_seen_fill(drawing.has_context ? &drawing.seen : &nothing,
                                     &drawing.asked, &drawing.filled, NULL);
    iso_assert(err == ISO_OK);
}

/* ---- deletes ---- */

static bool delete_names(const struct iso_seen_part *shown,
                         const struct shape_path *path)
{
    return path->is_mark ||
           (shown->shown && path->rule != ISO_RULE_MAX && path->rule != ISO_RULE_MIN);
}

/* False: this session cannot, since it has counted after it read. */
static bool delete_draw(void)
{
    bool counted = false;
    for (size_t i = 0; drawing.has_context && i < drawing.seen.count; i++)
        counted |= drawing.seen.parts[i].counted;
    iso_patch_clear(&drawing.filled);
    if (drawing.has_context) {
        enum iso_err err = iso_seen_delete(&drawing.seen, &drawing.filled, NULL);
        iso_assert(err == (counted ? ISO_STALE : ISO_OK));
    }
    if (counted)
        return false;
    drawing.write->operation = ISO_DELETE;
    for (size_t i = 0; i < drawing.path_count; i++) {
        const struct iso_seen_part *shown = shown_at(i);
        if (shown != NULL && delete_names(shown, &drawing.paths[i]))
            op_add(LAW_SHOWN, i);
    }
    return true;
}

/* ---- forged contexts ---- */

static struct iso_names names_forge(void)
{
    uint8_t names[FORGED_NAMES_MAX * ISO_VERSION_SIZE];
    size_t count = draw(FORGED_NAMES_MAX + 1);
    for (size_t n = 0; n < count; n++)
        iso_version_put(names + n * ISO_VERSION_SIZE,
                        law_version_forge(drawing.random));
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
    return copy(sums, *count * sizeof *sums);
}

static size_t step_path(const struct iso_step *step)
{
    struct iso_path path = {
        .field = step->field, .has_member = step->has_member, .member = step->member};
    path.has_element =
        step->operation == ISO_STEP_ADD || step->operation == ISO_STEP_REMOVE;
    if (path.has_element)
        path.element = step->value;
    iso_buf_clear(&drawing.bytes);
    iso_path_encode(&path, &drawing.bytes);
    return shape_path_find(iso_buf_bytes(&drawing.bytes));
}

/* All that the write says of one path is replaced alike. */
static void path_forge(size_t at)
{
    struct iso_patch *patch = &drawing.filled;
    struct iso_names names = names_forge();
    size_t sum_count;
    const struct iso_sum *sums = sums_forge(&sum_count);
    bool is_counter = drawing.paths[at].rule == ISO_RULE_COUNTER;
    if (drawing.paths[at].is_mark)
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
    for (size_t i = 0; i < drawing.op_count; i++) {
        struct law_op *op = &drawing.ops[i];
        if (op->path != at || op->act == LAW_COUNT)
            continue;
        op->names = names;
        if (is_counter) {
            op->sums = sums;
            op->sum_count = sum_count;
        }
    }
}

static void patch_forge(void)
{
    bool named[SHAPE_PATHS_MAX] = {false};
    for (size_t i = 0; i < drawing.op_count; i++)
        named[drawing.ops[i].path] = true;
    for (size_t i = 0; i < drawing.profile->path_count; i++) {
        size_t at = drawing.profile->paths[i];
        const struct shape_path *path = &drawing.paths[at];
        bool is_extreme = path->rule == ISO_RULE_MAX || path->rule == ISO_RULE_MIN;
        if (drawing.write->operation == ISO_DELETE && !named[at] && !is_extreme &&
            percent(40)) { /* it was shown what it was not */
            step_add(&drawing.filled, at, operation_of(path->rule, true));
            op_add(LAW_SHOWN, at);
            path_forge(at);
        } else if (named[at] && percent(60)) {
            path_forge(at);
        }
    }
    if (drawing.write->operation == ISO_DELETE && !named[0])
        op_add(LAW_SHOWN, 0);
    if (named[0] || drawing.write->operation == ISO_DELETE)
        path_forge(0);
    drawing.is_forged = true;
}

/* ---- the write ---- */

static void expiry_draw(struct iso_coming *write)
{
    write->has_expiry = write->operation != ISO_DELETE && percent(20);
    for (size_t i = 0; i < drawing.op_count; i++) {
        enum iso_rule rule = drawing.paths[drawing.ops[i].path].rule;
        if (rule == ISO_RULE_COUNTER || rule == ISO_RULE_MAX || rule == ISO_RULE_MIN)
            write->has_expiry = false;
    }
    write->expiry_ms = write->has_expiry ? 98 + draw(14) : 0;
}

static void drawing_begin(struct law_random *random, struct iso_coming *write,
                          const struct iso_buf *context)
{
    drawing.random = random;
    drawing.write = write;
    drawing.profile = shape_profile(random->law.profile);
    drawing.path_count = shape_paths(&drawing.paths);
    drawing.schema = draw(SHAPE_SCHEMAS);
    drawing.has_context = context != NULL;
    drawing.op_count = 0;
    drawing.is_forged = false;
    write->schemas = drawing.profile->schemas;
    write->fields = iso_schemas_fields(write->schemas, drawing.schema);
    write->fingerprint = iso_schemas_fingerprint(write->schemas, drawing.schema);
    if (context == NULL)
        return;
    enum iso_err err = iso_seen_decode(iso_buf_bytes(context), &drawing.seen, NULL);
    iso_assert(err == ISO_OK);
}

void law_fields_draw(struct law_random *random, struct iso_coming *write,
                     const struct iso_buf *context)
{
    bool has_header = iso_node_region(write->version.node) <= ISO_REGION_MAX;
    drawing_begin(random, write, context);
    bool deletes = percent(15) && delete_draw();
    if (!deletes && (!has_header || percent(30)))
        put_draw();
    else if (!deletes)
        patch_draw();
    expiry_draw(write);
    if (random->options->forged && context != NULL && percent(50))
        patch_forge();
    else if (context != NULL && write->version.hlc <= drawing.seen.hlc)
        write->version.hlc = drawing.seen.hlc + 1;
    iso_buf_clear(&drawing.bytes);
    if (write->operation == ISO_PATCH || (deletes && context != NULL))
        iso_patch_encode(&drawing.filled, &drawing.bytes);
}

void law_fields_added(struct law_random *random, size_t n)
{
    struct law_case *law = &random->law;
    struct iso_coming *write = &law->writes[n];
    struct law_ops *ops = iso_arena_take(&law->arena, sizeof *ops);
    enum iso_err err = ISO_OK;
    *ops = (struct law_ops){
        .ops = copy(drawing.ops, drawing.op_count * sizeof *drawing.ops),
        .count = drawing.op_count,
        .schema = drawing.schema,
        .is_forged = drawing.is_forged};
    law->ops[n] = ops;
    if (drawing.bytes.size > 0) {
        struct iso_bytes bytes =
            iso_bytes(copy(drawing.bytes.data, drawing.bytes.size), drawing.bytes.size);
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
    iso_seen_advance(&drawing.seen, write->fields,
                     write->operation == ISO_DELETE ? NULL : write->patch,
                     write->version);
    iso_buf_clear(context);
    iso_seen_encode(&drawing.seen, context);
}
