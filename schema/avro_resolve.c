/* A list of pairs of types that can meet, worked off from its front: what a pair needs
 * below it is looked up or put at the end. So no pair is compiled twice, recursion ends
 * by itself, the stack does not grow with the schemas, and those nearest to the top
 * come first. Two counts bound it whatever the schemas say: pairs, and the names that
 * are compared for them; a resolution over either refuses every datum. */
#include "base/mem.h"
#include "schema/avro_action.h"

/* A schema of a MiB, and one like it, have some 50,000 pairs and 100,000 names. */
enum { PAIRS_MAX = 1 << 18, COMPARED_MAX = 1 << 22 };

struct compiler {
    struct iso_avro_resolution *resolution;
    const struct iso_avro *writer, *reader;
    uint32_t *writer_names, *reader_names;
    uint32_t *table; /* action + 1 by hash of its pair; 0: free. At most half full */
    uint32_t table_mask;
    uint32_t *from; /* for each of a reader's fields, the writer's, or ISO_NONE … */
    uint32_t *to;   /* … and the other way round */
    uint32_t fields_room;
    uint32_t at; /* the action that is being compiled */
    size_t compared_left;
    bool over;
};

/* ---- arrays that grow ---- */

static void charge(struct compiler *compiler, size_t compared)
{
    if (compared > compiler->compared_left) {
        compiler->over = true;
        compared = compiler->compared_left;
    }
    compiler->compared_left -= compared;
}

static struct iso_avro_action *action_now(struct compiler *compiler)
{
    return &compiler->resolution->actions[compiler->at];
}

static uint32_t pair_hash(uint32_t writer, uint32_t reader)
{
    uint64_t pair = (uint64_t)writer << 32 | reader;
    return (uint32_t)(pair * 0x9e3779b97f4a7c15u >> 32);
}

static void table_enter(struct compiler *compiler, uint32_t number)
{
    const struct iso_avro_action *action = &compiler->resolution->actions[number];
    uint32_t at = pair_hash(action->writer, action->reader);
    while (compiler->table[at & compiler->table_mask] != 0)
        at++;
    compiler->table[at & compiler->table_mask] = number + 1;
}

static void actions_grow(struct compiler *compiler)
{
    struct iso_avro_resolution *resolution = compiler->resolution;
    resolution->action_room =
        resolution->action_room == 0 ? 32 : resolution->action_room * 2;
    resolution->actions = iso_realloc(
        resolution->actions, resolution->action_room * sizeof *resolution->actions);
    iso_free(compiler->table);
    compiler->table_mask = resolution->action_room * 2 - 1;
    compiler->table = iso_alloc_zero(compiler->table_mask + 1, sizeof *compiler->table);
    for (uint32_t i = 0; i < resolution->action_count; i++)
        table_enter(compiler, i);
}

/* The action of a pair, which the action at work reaches through a field of the
 * reader's (edge), or ISO_NONE. */
static uint32_t pair_action(struct compiler *compiler, uint32_t writer, uint32_t reader,
                            uint32_t way)
{
    struct iso_avro_resolution *resolution = compiler->resolution;
    if (resolution->action_count == resolution->action_room)
        actions_grow(compiler);
    iso_assert(compiler->table != NULL);
    for (uint32_t at = pair_hash(writer, reader);; at++) {
        uint32_t number = compiler->table[at & compiler->table_mask];
        if (number == 0)
            break;
        const struct iso_avro_action *known = &resolution->actions[number - 1];
        if (known->writer == writer && known->reader == reader)
            return number - 1;
    }
    if (resolution->action_count == PAIRS_MAX) {
        compiler->over = true;
        return 0;
    }
    uint32_t number = resolution->action_count++;
    resolution->actions[number] = (struct iso_avro_action){
        .writer = writer, .reader = reader, .parent = compiler->at, .way = way};
    table_enter(compiler, number);
    return number;
}

/* One more step of the action at work. */
static void step_add(struct compiler *compiler, enum iso_avro_step_kind kind,
                     uint32_t number, uint32_t more)
{
    struct iso_avro_resolution *resolution = compiler->resolution;
    if (resolution->step_count == resolution->step_room) {
        resolution->step_room =
            resolution->step_room == 0 ? 64 : resolution->step_room * 2;
        resolution->steps = iso_realloc(
            resolution->steps, resolution->step_room * sizeof *resolution->steps);
    }
    resolution->steps[resolution->step_count++] =
        (struct iso_avro_step){.kind = kind, .number = number, .more = more};
}

static void refuse(struct compiler *compiler, enum iso_avro_refusal refusal)
{
    action_now(compiler)->kind = ISO_ACTION_REFUSE;
    action_now(compiler)->refusal = refusal;
}

/* ---- unions ---- */

static uint32_t below(const struct iso_avro *schema, uint32_t node, uint32_t n)
{
    return schema->edges[schema->nodes[node].first + n].node;
}

static void compile_wrote(struct compiler *compiler, uint32_t write, uint32_t read)
{
    uint32_t count = compiler->writer->nodes[write].count;
    charge(compiler, count);
    for (uint32_t i = 0; i < count && !compiler->over; i++) {
        uint32_t branch = below(compiler->writer, write, i);
        uint32_t action = pair_action(compiler, branch, read, ISO_NONE);
        step_add(compiler, ISO_STEP_READ, action, ISO_NONE);
    }
    action_now(compiler)->kind = ISO_ACTION_WROTE;
}

static void compile_chose(struct compiler *compiler, uint32_t write, uint32_t read)
{
    const struct iso_avro *reader = compiler->reader;
    uint32_t count = reader->nodes[read].count, best = 0;
    enum iso_avro_match match = ISO_MATCH_NOT;
    for (uint32_t i = 0; i < count && match != ISO_MATCH_OWN; i++) {
        uint32_t branch = below(reader, read, i);
        charge(compiler, 1 + reader->nodes[branch].aliases.count);
        if (compiler->over)
            return;
        enum iso_avro_match this =
            iso_avro_match(compiler->writer, write, reader, branch);
        if (this > match) {
            match = this;
            best = i;
        }
    }
    if (match == ISO_MATCH_NOT) {
        refuse(compiler, ISO_REFUSAL_BRANCH);
        return;
    }
    uint32_t action = pair_action(compiler, write, below(reader, read, best), ISO_NONE);
    step_add(compiler, ISO_STEP_READ, action, ISO_NONE);
    action_now(compiler)->kind = ISO_ACTION_CHOSE;
    action_now(compiler)->branch = best;
}

/* ---- records ---- */

static void fields_reserve(struct compiler *compiler, uint32_t count)
{
    if (count <= compiler->fields_room)
        return;
    compiler->fields_room = count * 2;
    compiler->from =
        iso_realloc(compiler->from, compiler->fields_room * sizeof *compiler->from);
    compiler->to =
        iso_realloc(compiler->to, compiler->fields_room * sizeof *compiler->to);
}

/* By name first, so that an alias takes only what nobody else is called. */
static void fields_match(struct compiler *compiler, uint32_t write, uint32_t read)
{
    const struct iso_avro *writer = compiler->writer, *reader = compiler->reader;
    const struct iso_avro_node *wrote = &writer->nodes[write];
    const struct iso_avro_node *want = &reader->nodes[read];
    fields_reserve(compiler, wrote->count > want->count ? wrote->count : want->count);
    for (uint32_t i = 0; i < wrote->count; i++)
        compiler->to[i] = ISO_NONE;
    for (uint32_t i = 0; i < want->count; i++) {
        const char *name = iso_avro_name(reader, reader->edges[want->first + i].name);
        uint32_t found = iso_avro_find(writer, compiler->writer_names, write, name);
        compiler->from[i] = found;
        if (found != ISO_NONE)
            compiler->to[found] = i;
    }
    for (uint32_t i = 0; i < want->count; i++) {
        struct iso_avro_run aliases = reader->edges[want->first + i].aliases;
        for (uint32_t n = 0; n < aliases.count && compiler->from[i] == ISO_NONE; n++) {
            const char *alias =
                iso_avro_name(reader, reader->aliases[aliases.first + n]);
            uint32_t found =
                iso_avro_find(writer, compiler->writer_names, write, alias);
            if (found == ISO_NONE || compiler->to[found] != ISO_NONE)
                continue;
            compiler->from[i] = found;
            compiler->to[found] = i;
        }
    }
}

static void read_add(struct compiler *compiler, uint32_t write, uint32_t read,
                     uint32_t wrote, uint32_t want)
{
    uint32_t field = compiler->reader->nodes[read].first + want;
    uint32_t action = pair_action(compiler, below(compiler->writer, write, wrote),
                                  below(compiler->reader, read, want), field);
    step_add(compiler, ISO_STEP_READ, action, field);
}

/* A default of no bytes needs no step: so each that there is makes the answer longer,
 * and the answer's limit is theirs. */
static void fallback_add(struct compiler *compiler, uint32_t read, uint32_t want)
{
    const struct iso_avro *reader = compiler->reader;
    const struct iso_avro_edge *field =
        &reader->edges[reader->nodes[read].first + want];
    enum iso_avro_kind kind = reader->nodes[field->node].kind;
    if (kind >= ISO_AVRO_ARRAY && kind <= ISO_AVRO_RECORD)
        compiler->resolution->nests = true;
    if (field->fallback.count > 0)
        step_add(compiler, ISO_STEP_FALLBACK, field->fallback.first,
                 field->fallback.count);
}

static void skip_add(struct compiler *compiler, uint32_t write, uint32_t wrote)
{
    step_add(compiler, ISO_STEP_SKIP, below(compiler->writer, write, wrote), 0);
}

/* What both have comes in the same order. */
static void fields_in_order(struct compiler *compiler, uint32_t write, uint32_t read)
{
    uint32_t wrote = 0;
    for (uint32_t i = 0; i < compiler->reader->nodes[read].count; i++) {
        if (compiler->from[i] == ISO_NONE) {
            fallback_add(compiler, read, i);
            continue;
        }
        for (; wrote < compiler->from[i]; wrote++)
            skip_add(compiler, write, wrote);
        read_add(compiler, write, read, wrote++, i);
    }
    for (; wrote < compiler->writer->nodes[write].count; wrote++)
        skip_add(compiler, write, wrote);
    action_now(compiler)->kind = ISO_ACTION_FIELDS;
    action_now(compiler)->count =
        compiler->resolution->step_count - action_now(compiler)->first;
}

static void fields_turned(struct compiler *compiler, uint32_t write, uint32_t read)
{
    uint32_t pieces = 0;
    for (uint32_t i = 0; i < compiler->writer->nodes[write].count; i++) {
        uint32_t want = compiler->to[i];
        if (want == ISO_NONE) {
            skip_add(compiler, write, i);
            continue;
        }
        read_add(compiler, write, read, i, want);
        compiler->from[want] = pieces++;
    }
    struct iso_avro_resolution *resolution = compiler->resolution;
    uint32_t middle = resolution->step_count;
    for (uint32_t i = 0; i < compiler->reader->nodes[read].count; i++) {
        if (compiler->from[i] == ISO_NONE)
            fallback_add(compiler, read, i);
        else
            step_add(compiler, ISO_STEP_PIECE, compiler->from[i], 0);
    }
    action_now(compiler)->kind = ISO_ACTION_TURN;
    action_now(compiler)->count = middle - action_now(compiler)->first;
    action_now(compiler)->turned = resolution->step_count - middle;
}

static void compile_record(struct compiler *compiler, uint32_t write, uint32_t read)
{
    const struct iso_avro_node *want = &compiler->reader->nodes[read];
    charge(compiler, compiler->writer->nodes[write].count);
    for (uint32_t i = 0; i < want->count; i++)
        charge(compiler, 1 + compiler->reader->edges[want->first + i].aliases.count);
    if (compiler->over)
        return;
    fields_match(compiler, write, read);
    bool in_order = true;
    uint32_t last = 0;
    for (uint32_t i = 0; i < want->count; i++) {
        if (compiler->from[i] != ISO_NONE) {
            in_order = in_order && compiler->from[i] >= last;
            last = compiler->from[i];
        } else if (!compiler->reader->edges[want->first + i].has_fallback) {
            refuse(compiler, ISO_REFUSAL_FIELD);
            action_now(compiler)->field = want->first + i;
            return;
        }
    }
    if (in_order)
        fields_in_order(compiler, write, read);
    else
        fields_turned(compiler, write, read);
}

/* ---- the other types ---- */

static void compile_enum(struct compiler *compiler, uint32_t write, uint32_t read)
{
    const struct iso_avro *writer = compiler->writer, *reader = compiler->reader;
    const struct iso_avro_node *wrote = &writer->nodes[write];
    uint32_t fallback = reader->nodes[read].symbol;
    bool same = true;
    charge(compiler, wrote->count);
    for (uint32_t i = 0; i < wrote->count && !compiler->over; i++) {
        const char *name = iso_avro_name(writer, writer->edges[wrote->first + i].name);
        uint32_t symbol = iso_avro_find(reader, compiler->reader_names, read, name);
        if (symbol == ISO_NONE && fallback != 0)
            symbol = fallback - 1;
        same = same && symbol == i;
        step_add(compiler, ISO_STEP_SYMBOL, symbol, 0);
    }
    action_now(compiler)->kind = same ? ISO_ACTION_COPY : ISO_ACTION_SYMBOL;
}

static void compile_items(struct compiler *compiler, uint32_t write, uint32_t read)
{
    uint32_t action = pair_action(compiler, below(compiler->writer, write, 0),
                                  below(compiler->reader, read, 0), ISO_NONE);
    step_add(compiler, ISO_STEP_READ, action, ISO_NONE);
    action_now(compiler)->kind = ISO_ACTION_ITEMS;
}

/* Ints are written as longs are, and strings as bytes. */
static enum iso_avro_action_kind primitive_action(enum iso_avro_kind from,
                                                  enum iso_avro_kind to)
{
    if (from == to)
        return ISO_ACTION_COPY;
    if (to == ISO_AVRO_FLOAT)
        return ISO_ACTION_FLOAT;
    if (to == ISO_AVRO_DOUBLE)
        return from == ISO_AVRO_FLOAT ? ISO_ACTION_WIDEN : ISO_ACTION_DOUBLE;
    return to == ISO_AVRO_STRING ? ISO_ACTION_TEXT : ISO_ACTION_COPY;
}

static enum iso_avro_refusal refusal_of(const struct iso_avro_node *wrote,
                                        const struct iso_avro_node *want)
{
    if (wrote->kind != want->kind)
        return ISO_REFUSAL_TYPE;
    bool sizes = wrote->kind == ISO_AVRO_FIXED && wrote->count != want->count;
    return sizes ? ISO_REFUSAL_SIZE : ISO_REFUSAL_NAME;
}

/* Neither is a union. */
static void compile_types(struct compiler *compiler, uint32_t write, uint32_t read)
{
    const struct iso_avro_node *wrote = &compiler->writer->nodes[write];
    const struct iso_avro_node *want = &compiler->reader->nodes[read];
    charge(compiler, 1 + want->aliases.count);
    if (iso_avro_match(compiler->writer, write, compiler->reader, read) ==
        ISO_MATCH_NOT)
        refuse(compiler, refusal_of(wrote, want));
    else if (want->kind == ISO_AVRO_RECORD)
        compile_record(compiler, write, read);
    else if (want->kind == ISO_AVRO_ENUM)
        compile_enum(compiler, write, read);
    else if (want->kind == ISO_AVRO_ARRAY || want->kind == ISO_AVRO_MAP)
        compile_items(compiler, write, read);
    else
        action_now(compiler)->kind = primitive_action(wrote->kind, want->kind);
}

static void compile(struct compiler *compiler)
{
    struct iso_avro_action *action = action_now(compiler);
    struct iso_avro_resolution *resolution = compiler->resolution;
    uint32_t write = action->writer, read = action->reader;
    action->first = resolution->step_count;
    if (compiler->writer->nodes[write].kind == ISO_AVRO_UNION)
        compile_wrote(compiler, write, read);
    else if (compiler->reader->nodes[read].kind == ISO_AVRO_UNION)
        compile_chose(compiler, write, read);
    else
        compile_types(compiler, write, read);
    action = action_now(compiler); /* it may have moved */
    if (action->kind != ISO_ACTION_FIELDS && action->kind != ISO_ACTION_TURN)
        action->count = resolution->step_count - action->first;
}

/* ---- what need not be taken apart ---- */

static bool step_copies(const struct iso_avro_resolution *resolution, uint32_t number,
                        uint32_t n)
{
    const struct iso_avro_action *action = &resolution->actions[number];
    const struct iso_avro_step *step = &resolution->steps[action->first + n];
    /* One that stands before this is of a recursion, or not asked about yet. */
    if (step->kind != ISO_STEP_READ || step->number <= number)
        return false;
    const struct iso_avro_action *next = &resolution->actions[step->number];
    if (action->kind != ISO_ACTION_WROTE)
        return next->kind == ISO_ACTION_COPY;
    if (next->kind != ISO_ACTION_CHOSE || next->branch != n)
        return false;
    uint32_t inside = resolution->steps[next->first].number;
    return inside > number && resolution->actions[inside].kind == ISO_ACTION_COPY;
}

/* From the last to the first: an action comes after those that it was the first to ask
 * for. */
static void copies_find(struct iso_avro_resolution *resolution)
{
    for (uint32_t number = resolution->action_count; number-- > 0;) {
        struct iso_avro_action *action = &resolution->actions[number];
        bool copies = action->kind == ISO_ACTION_ITEMS ||
                      action->kind == ISO_ACTION_FIELDS ||
                      action->kind == ISO_ACTION_WROTE;
        for (uint32_t n = 0; n < action->count && copies; n++)
            copies = step_copies(resolution, number, n);
        if (copies)
            action->kind = ISO_ACTION_COPY;
    }
}

struct iso_avro_resolution *iso_avro_resolution_new(const struct iso_avro *writer,
                                                    const struct iso_avro *reader)
{
    struct iso_avro_pair top = {.writer = writer->root, .reader = reader->root};
    return iso_avro_pairs_new(writer, reader, &top, 1);
}

struct iso_avro_resolution *iso_avro_pairs_new(const struct iso_avro *writer,
                                               const struct iso_avro *reader,
                                               struct iso_avro_pair *pairs,
                                               size_t count)
{
    struct iso_avro_resolution *resolution = iso_alloc_zero(1, sizeof *resolution);
    resolution->writer = writer;
    resolution->reader = reader;
    struct compiler compiler = {.resolution = resolution,
                                .writer = writer,
                                .reader = reader,
                                .writer_names = iso_avro_by_name(writer),
                                .reader_names = iso_avro_by_name(reader),
                                .compared_left = COMPARED_MAX};
    for (size_t i = 0; i < count; i++)
        pairs[i].action =
            pair_action(&compiler, pairs[i].writer, pairs[i].reader, ISO_NONE);
    for (; compiler.at < resolution->action_count && !compiler.over; compiler.at++)
        compile(&compiler);
    if (compiler.over) {
        resolution->action_count = 1;
        compiler.at = 0;
        refuse(&compiler, ISO_REFUSAL_BOUNDS);
        for (size_t i = 0; i < count; i++)
            pairs[i].action = 0;
    }
    copies_find(resolution);
    iso_free(compiler.writer_names);
    iso_free(compiler.reader_names);
    iso_free(compiler.table);
    iso_free(compiler.from);
    iso_free(compiler.to);
    return resolution;
}

void iso_avro_resolution_free(struct iso_avro_resolution *resolution)
{
    if (resolution == NULL)
        return;
    iso_free(resolution->actions);
    iso_free(resolution->steps);
    iso_free(resolution);
}
