/* Records are read by readers of the oracle's own, which nothing cuts or delays, and
 * judged in the order of DESIGN.md: may its writer say that (section 5), was it sent
 * twice (section 4, step 3), then what it moves. Only what bytes mean is asked of the
 * product (schema/write.h, value.h, patch.h), which has tests of its own. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "schema/patch.h"
#include "schema/value.h"

/* A record on its way through the judgement. */
struct judgement {
    struct sim *sim;
    struct sim_log *log;
    unsigned index; /* of the log */
    uint32_t partition;
    const struct iso_record *record;
    const struct iso_definition *definition; /* in force; NULL: none yet */
    const struct iso_definition *announces;  /* of a DEFINE */
    struct iso_write write;
    bool has_header;
};

/* The state that comes before the first record. */
static const struct sim_state nothing = {
    .t_ms = INT64_MIN, .bound_ms = INT64_MIN, .last_effective = -1};

int sim_log_index(const struct sim *sim, uint16_t number)
{
    for (unsigned i = 0; i < sim->oracle.log_count; i++)
        if (sim->oracle.numbers[i] == number)
            return (int)i;
    return -1;
}

const struct sim_state *sim_state_at(const struct sim_log *log, int64_t frontier)
{
    iso_assert(frontier <= log->next);
    return frontier == 0 ? &nothing : &log->records[frontier - 1].after;
}

static const struct iso_definition *definition_of(const struct sim *sim,
                                                  uint32_t number)
{
    return number > 0 ? sim->definitions[number - 1] : NULL;
}

/* ---- may its writer say that? Each says why not, or NULL ---- */

static const char *refuse_value(const struct judgement *it)
{
    const struct iso_definition *definition = it->definition;
    const struct iso_schemas *schemas = it->sim->oracle.schemas[definition->number - 1];
    struct iso_why why;
    if (!it->record->has_value)
        return "a put without a value";
    if (it->record->value.size > definition->limits.value_max)
        return "too large";
    if (definition->format != ISO_FORMAT_OPAQUE &&
        iso_value_check(schemas, it->record->value, &why) != ISO_OK)
        return "not a value of a named schema";
    return NULL;
}

static const char *refuse_fields_put(const struct judgement *it)
{
    const struct iso_schemas *schemas =
        it->sim->oracle.schemas[it->definition->number - 1];
    struct iso_value value;
    struct iso_why why;
    if (!it->write.blind)
        return "a put that names, of fields";
    if (iso_value_read(schemas, it->record->value, &value, &why) != ISO_OK ||
        iso_fields_check_put(iso_schemas_fields(schemas, value.schema), value.datum,
                             it->write.has_expiry, &why) != ISO_OK)
        return "a put that fields do not take";
    return NULL;
}

static const char *refuse_patch(const struct judgement *it)
{
    const struct iso_schemas *schemas =
        it->sim->oracle.schemas[it->definition->number - 1];
    const struct iso_fields *fields;
    struct iso_patch patch = {0};
    struct iso_why why;
    const char *reason = NULL;
    size_t n;
    if (!it->record->has_value)
        return "a patch without a value";
    if (it->record->value.size > it->definition->limits.value_max)
        return "too large";
    if (it->sim->plan.resolver != SIM_FIELDS)
        return "a patch of whole values";
    if (iso_patch_decode(it->record->value, &patch, &why) != ISO_OK ||
        !iso_schemas_named(schemas, patch.fingerprint, &n) ||
        (fields = iso_schemas_fields(schemas, n)) == NULL ||
        iso_patch_check(&patch, fields, &why) != ISO_OK ||
        (it->write.has_expiry &&
         iso_patch_check_expiry(&patch, fields, &why) != ISO_OK))
        reason = "a patch that does not fit";
    iso_patch_release(&patch);
    return reason;
}

static const char *refuse_delete(const struct judgement *it)
{
    struct iso_patch patch = {0};
    struct iso_why why;
    if (it->record->has_value)
        return "a delete with a value";
    if (it->write.seen.size == 0)
        return NULL;
    if (it->write.blind || it->sim->plan.resolver != SIM_FIELDS)
        return "a delete that names parts";
    const struct iso_schemas *schemas =
        it->sim->oracle.schemas[it->definition->number - 1];
    bool well = iso_patch_decode(it->write.seen, &patch, &why) == ISO_OK &&
                iso_patch_check_seen(&patch, schemas, &why) == ISO_OK;
    iso_patch_release(&patch);
    return well ? NULL : "a delete that names what is not";
}

static const char *refuse_write(const struct judgement *it)
{
    const struct iso_record *record = it->record;
    const struct iso_definition *definition = it->definition;
    if (!record->has_key || record->key.size == 0 ||
        record->key.size > definition->limits.key_max)
        return "no key, or a long one";
    if (iso_partition_of(record->key, definition->partitions) != it->partition)
        return "in the wrong partition";
    if (it->write.operation == ISO_DELETE)
        return refuse_delete(it);
    if (it->write.operation == ISO_PATCH)
        return refuse_patch(it);
    const char *reason = refuse_value(it);
    if (reason == NULL && it->sim->plan.resolver == SIM_FIELDS)
        reason = refuse_fields_put(it);
    return reason;
}

/* What a DEFINE announces must be known; the first one is the log's birth. */
static const char *refuse_define(struct judgement *it)
{
    const struct iso_record *record = it->record;
    struct iso_definition *const *all = it->sim->definitions;
    for (unsigned i = 0; i < it->sim->definition_count; i++)
        if (iso_bytes_equal(record->value, iso_buf_bytes(&all[i]->bytes)))
            it->announces = all[i];
    if (it->announces == NULL)
        return "a definition that nobody announced";
    const struct iso_definition_log *named =
        iso_definition_log(it->announces, it->log->number);
    if (named == NULL)
        return "a definition without its log";
    if (iso_node_region(it->write.version.node) != iso_definition_owner(named))
        return "a DEFINE of who does not own the log";
    if (it->definition == NULL)
        return it->write.version.hlc != named->birth ? "not the log's birth" : NULL;
    if (it->announces->number <= it->definition->number)
        return NULL;
    for (size_t i = 0; i < it->announces->log_count; i++) {
        const struct iso_definition_log *log = &it->announces->logs[i];
        if (iso_definition_log(it->definition, log->number) == NULL &&
            log->succeeds_count == 0 && iso_hlc_ms(log->birth) < it->log->now.bound_ms)
            return "it opens a log below its own bound";
    }
    return NULL;
}

static const char *refuse_header(const struct judgement *it)
{
    const struct iso_write *write = &it->write;
    const struct iso_record *record = it->record;
    bool silent = write->operation == ISO_HEARTBEAT || write->operation == ISO_DEFINE;
    if (write->log != it->log->number || write->partition != it->partition)
        return "a header of another place";
    if (write->extension_unknown != 0)
        return "an extension that nothing named";
    if (silent &&
        (record->has_key || record->has_value != (write->operation == ISO_DEFINE)))
        return "not the form of its operation";
    if (it->definition == NULL)
        return write->operation == ISO_DEFINE ? NULL : "before the first DEFINE";
    const struct iso_definition_log *where =
        iso_definition_log(it->definition, it->log->number);
    unsigned region = iso_node_region(write->version.node);
    if ((where->writers >> (region - 1) & 1) == 0)
        return "a region that does not write here";
    if (record->header.size > it->definition->limits.header_max)
        return "a long header";
    if (!write->blind && write->read.count > it->definition->limits.read_max)
        return "it names too many";
    return silent ? NULL : refuse_write(it);
}

static const char *refuse_time(const struct judgement *it)
{
    int64_t ms = iso_hlc_ms(it->write.version.hlc);
    int64_t after_ms = it->definition != NULL ? it->definition->after_max_ms
                                              : it->announces->after_max_ms;
    if (it->definition != NULL &&
        (ms < it->log->now.bound_ms || it->write.version.hlc < it->log->birth))
        return "too late";
    return ms > it->record->append_ms + after_ms ? "too early" : NULL;
}

/* ---- was it sent twice, or by a node whose clock did not grow? ---- */

static struct sim_node *node_of(struct sim_log *log, uint64_t node)
{
    for (size_t i = 0; i < log->node_count; i++)
        if (log->nodes[i].node == node)
            return &log->nodes[i];
    if (log->node_count == log->node_room) {
        log->node_room = log->node_room * 2 + 8;
        log->nodes = iso_realloc(log->nodes, log->node_room * sizeof *log->nodes);
    }
    struct sim_node *added = &log->nodes[log->node_count++];
    *added = (struct sim_node){.node = node};
    return added;
}

/* The newest of a node forgotten, and what of the intervals touches. */
static void node_settle(struct sim_node *node)
{
    for (size_t i = 0; i + 1 < node->count;) {
        bool touches = node->intervals[i].last + 1 == node->intervals[i + 1].first;
        if (!touches && !(node->count > 16 && i == 0)) {
            i++;
            continue;
        }
        node->intervals[i].last = node->intervals[i + 1].last;
        node->intervals[i].last_hlc = node->intervals[i + 1].last_hlc;
        node->count--;
        memmove(&node->intervals[i + 1], &node->intervals[i + 2],
                (node->count - i - 1) * sizeof node->intervals[0]);
    }
}

/* Not newer than what its node wrote into a log that this one succeeded? */
static bool node_wrote_newer(const struct judgement *it)
{
    const struct iso_version *version = &it->write.version;
    for (unsigned i = 0; i < it->index; i++) {
        const struct sim_log *older = &it->sim->oracle.logs[i][it->partition];
        if (!sim_log_succeeds(it->sim, it->index, i))
            continue;
        for (size_t n = 0; n < older->node_count; n++) {
            const struct sim_node *node = &older->nodes[n];
            if (node->node == version->node && node->count > 0 &&
                node->intervals[node->count - 1].last_hlc >= version->hlc)
                return true;
        }
    }
    return false;
}

static enum sim_verdict node_take(struct sim_node *node, const struct iso_write *write,
                                  const struct judgement *it)
{
    uint64_t seq = write->seq, hlc = write->version.hlc;
    size_t at = 0;
    if (node->count > 0 &&
        iso_hlc_ms(node->intervals[node->count - 1].last_hlc) < it->log->now.bound_ms)
        node->count = 0;
    for (size_t i = 0; i < node->count; i++)
        if (seq >= node->intervals[i].first && seq <= node->intervals[i].last)
            return SIM_DUPLICATE;
    while (at < node->count && node->intervals[at].first < seq)
        at++;
    if ((at > 0 && node->intervals[at - 1].last_hlc >= hlc) ||
        (at < node->count && node->intervals[at].first_hlc <= hlc) ||
        node_wrote_newer(it))
        return SIM_REFUSED;
    memmove(&node->intervals[at + 1], &node->intervals[at],
            (node->count - at) * sizeof node->intervals[0]);
    node->count++;
    node->intervals[at].first = node->intervals[at].last = seq;
    node->intervals[at].first_hlc = node->intervals[at].last_hlc = hlc;
    /* A seventeenth that only joins two is none: touching ones first. */
    size_t most = node->count;
    for (size_t i = 0; i + 1 < node->count; i++)
        most -= node->intervals[i].last + 1 == node->intervals[i + 1].first;
    if (node->count > 16 && most <= 16) {
        size_t i = at > 0 && node->intervals[at - 1].last + 1 == seq ? at - 1 : at;
        node->intervals[i].last = node->intervals[i + 1].last;
        node->intervals[i].last_hlc = node->intervals[i + 1].last_hlc;
        node->count--;
        memmove(&node->intervals[i + 1], &node->intervals[i + 2],
                (node->count - i - 1) * sizeof node->intervals[0]);
    }
    node_settle(node);
    return SIM_WRITE;
}

/* ---- what it moves ---- */

static void time_moves(struct judgement *it)
{
    struct sim_state *now = &it->log->now;
    const struct iso_write *write = &it->write;
    int64_t attested_ms = iso_hlc_ms(write->version.hlc);
    if (write->version.hlc > now->top)
        now->top = write->version.hlc;
    if (it->record->append_ms < attested_ms)
        attested_ms = it->record->append_ms;
    if (it->has_header && attested_ms > now->t_ms)
        now->t_ms = attested_ms;
    if (now->t_ms - now->before_ms > now->bound_ms)
        now->bound_ms = now->t_ms - now->before_ms;
}

/* The log's birth: it goes on where those ended that it succeeds. */
static void log_begins(struct judgement *it)
{
    struct sim_state *now = &it->log->now;
    it->log->birth = it->write.version.hlc;
    now->bound_ms = iso_hlc_ms(it->log->birth);
    for (unsigned i = 0; i < it->index; i++) {
        const struct sim_state *older = &it->sim->oracle.logs[i][it->partition].now;
        if (!sim_log_succeeds(it->sim, it->index, i))
            continue;
        now->bound_ms =
            older->bound_ms > now->bound_ms ? older->bound_ms : now->bound_ms;
        now->top = older->top > now->top ? older->top : now->top;
    }
}

static void define_counts(struct judgement *it)
{
    struct sim_state *now = &it->log->now;
    if (now->definition == 0)
        log_begins(it);
    if (it->announces->number < now->definition)
        return;
    now->definition = it->announces->number;
    now->before_ms = it->announces->before_max_ms;
    now->after_ms = it->announces->after_max_ms;
}

static int key_of(const struct sim *sim, struct iso_bytes key)
{
    for (unsigned i = 0; i < sim->plan.keys; i++)
        if (iso_bytes_equal(key, iso_bytes_text(sim->keys[i])))
            return (int)i;
    return -1;
}

static void write_counts(struct judgement *it, struct sim_record *record)
{
    struct sim_state *now = &it->log->now;
    const struct iso_write *write = &it->write;
    now->effective++;
    now->last_effective = it->record->offset;
    if (record->key < 0)
        return;
    struct sim_effect effect = {.log = it->index,
                                .offset = it->record->offset,
                                .version = write->version,
                                .is_delete = write->operation == ISO_DELETE,
                                .blind = write->blind,
                                .has_expiry = write->has_expiry,
                                .expiry_ms = write->expiry_ms,
                                .value = it->record->value,
                                .names = write->read};
    sim_key_add(it->sim, record->key, &effect);
    if (it->sim->plan.resolver == SIM_FIELDS)
        sim_fields_take(it->sim, record->key, write,
                        it->sim->oracle.schemas[it->definition->number - 1]);
}

/* A record of another client: the time that the broker gave it, within bounds. */
static void plain(struct judgement *it)
{
    const struct sim_state *now = &it->log->now;
    uint64_t hlc = now->top + 1, append = iso_hlc_of_ms(it->record->append_ms),
             most = iso_hlc_of_ms(now->t_ms + now->after_ms);
    hlc = hlc > append ? hlc : append;
    it->write = (struct iso_write){
        .operation = it->record->has_value ? ISO_PUT : ISO_DELETE,
        .version = {hlc < most ? hlc : most,
                    iso_node(128u + it->log->number, (uint64_t)it->record->offset)},
        .blind = true};
}

static const char *judge(struct judgement *it, struct sim_record *record)
{
    struct iso_why why;
    it->has_header = it->record->header_count > 0;
    record->verdict = SIM_REFUSED;
    if (!it->has_header && it->definition == NULL)
        return "before the first DEFINE";
    if (!it->has_header)
        plain(it);
    else if (iso_write_decode(it->record->header, &it->sim->oracle.names, &it->write,
                              &why) != ISO_OK)
        return "a header that does not decode";
    record->version = it->write.version;
    const char *reason = it->has_header ? refuse_header(it) : refuse_write(it);
    if (reason == NULL && it->has_header && it->write.operation == ISO_DEFINE)
        reason = refuse_define(it);
    if (reason == NULL && it->has_header)
        reason = refuse_time(it);
    if (reason != NULL || !it->has_header) {
        record->verdict = reason != NULL ? SIM_REFUSED : SIM_WRITE;
        return reason;
    }
    record->verdict =
        node_take(node_of(it->log, it->write.version.node), &it->write, it);
    if (record->verdict == SIM_WRITE && it->write.operation == ISO_HEARTBEAT)
        record->verdict = SIM_BEAT;
    if (record->verdict == SIM_WRITE && it->write.operation == ISO_DEFINE)
        record->verdict = SIM_DEFINE;
    return record->verdict == SIM_REFUSED ? "its node's hlcs do not grow" : NULL;
}

static void prefix_moves(struct judgement *it, struct sim_record *to)
{
    struct sim_state *now = &it->log->now;
    const struct iso_record *record = it->record;
    const struct iso_prefix_record hashed = {
        .offset = record->offset,
        .append_ms = record->append_ms,
        .key = record->has_key ? &record->key : NULL,
        .value = record->has_value ? &record->value : NULL,
        .header = it->has_header ? &record->header : NULL};
    now->prefix = iso_prefix_hash(now->prefix, &hashed, &it->sim->oracle.hash);
    to->hash = iso_prefix_hash((struct iso_digest){0}, &hashed, &it->sim->oracle.hash);
}

static struct sim_record *record_add(struct sim_log *log)
{
    if ((size_t)log->next == log->room) {
        log->room = log->room * 2 + 64;
        log->records = iso_realloc(log->records, log->room * sizeof *log->records);
    }
    struct sim_record *record = &log->records[log->next++];
    *record = (struct sim_record){0};
    return record;
}

static void record_read(struct sim *sim, const struct iso_record *from)
{
    unsigned index = from->id / SIM_PARTITIONS_MAX;
    uint32_t partition = from->id % SIM_PARTITIONS_MAX;
    struct sim_log *log = &sim->oracle.logs[index][partition];
    if (from->event != ISO_RECORD || from->offset >= log->end)
        return;
    SIM_HOLDS(sim, from->offset == log->next, "the oracle lost its place");
    struct judgement it = {.sim = sim,
                           .log = log,
                           .index = index,
                           .partition = partition,
                           .record = from,
                           .definition = definition_of(sim, log->now.definition)};
    struct sim_record *record = record_add(log);
    record->append_ms = from->append_ms;
    record->key = from->has_key ? key_of(sim, from->key) : -1;
    record->why = judge(&it, record);
    log->now.refused += record->verdict == SIM_REFUSED;
    log->now.duplicates += record->verdict == SIM_DUPLICATE;
    if (record->verdict == SIM_WRITE)
        write_counts(&it, record);
    if (record->verdict == SIM_DEFINE)
        define_counts(&it);
    if (record->verdict >= SIM_WRITE)
        time_moves(&it);
    prefix_moves(&it, record);
    record->after = log->now;
}

void sim_oracle_read(struct sim *sim)
{
    struct iso_why why;
    for (unsigned c = 0; c < sim->plan.clusters; c++) {
        const struct iso_record *records;
        size_t count;
        do {
            SIM_OK(sim, iso_reader_fetch(sim->oracle.readers[c], 256, 0, &records,
                                         &count, &why));
            for (size_t i = 0; i < count; i++)
                record_read(sim, &records[i]);
        } while (count == 256);
    }
}
