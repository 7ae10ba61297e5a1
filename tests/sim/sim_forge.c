/* What others write into the logs: other Kafka clients, and liars. A liar's nodes are
 * none of a service's, and are of one log each and those that succeed it, so that a
 * version stays the name of one write: two logs that know nothing of each other cannot
 * tell. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "schema/value.h"
#include "tests/sim/sim_values.h"

struct forgery {
    struct sim *sim;
    const struct iso_definition_log *log;
    const char *key;
    struct iso_write write;
    struct iso_buf header, value, names, seen;
    struct iso_message message;
};

/* The first of the logs that it goes on with. */
static uint64_t ancestor_of(const struct forgery *it)
{
    const struct sim_oracle *oracle = &it->sim->oracle;
    int index = sim_log_index(it->sim, it->log->number);
    unsigned first = index < 0 ? 0 : (unsigned)index;
    while (index >= 0 && oracle->succeeds[first] != 0)
        first = (unsigned)__builtin_ctz(oracle->succeeds[first]);
    return oracle->numbers[first];
}

static uint64_t node_draw(struct forgery *it, unsigned region)
{
    return iso_node(region, ancestor_of(it) << 8 | sim_dice(it->sim, 3));
}

/* A region that may write here. */
static unsigned region_draw(struct forgery *it)
{
    unsigned region;
    do {
        region = 1 + (unsigned)sim_dice(it->sim, it->sim->plan.regions);
    } while ((it->log->writers >> (region - 1) & 1) == 0);
    return region;
}

/* Of fields, each part says by itself what was read of it. */
static void patch_forge(struct forgery *it)
{
    struct iso_names names = it->write.read;
    bool is_delete = it->write.operation == ISO_DELETE;
    struct iso_buf *patch = is_delete ? &it->seen : &it->value;
    iso_buf_clear(patch);
    sim_patch_forge(it->sim, names, is_delete, patch);
    it->write.read = (struct iso_names){0};
    if (is_delete)
        it->write.seen = iso_buf_bytes(patch);
    else
        it->write.operation = ISO_PATCH;
}

/* Versions near those that there are, or of none. */
static void names_draw(struct forgery *it)
{
    struct sim *sim = it->sim;
    const struct sim_key *key = &sim->oracle.keys[0];
    for (unsigned i = 0; i < sim->plan.keys; i++)
        if (sim->keys[i] == it->key)
            key = &sim->oracle.keys[i];
    size_t most = sim_percent(sim, 5) ? 190 : 6; /* a row remembers but some */
    for (size_t n = sim_dice(sim, most); n > 0; n--) {
        struct iso_version version = {
            iso_hlc_of_ms(sim->truth.now_ms - (int64_t)sim_dice(sim, 2000)) +
                sim_dice(sim, 3),
            iso_node(1 + (unsigned)sim_dice(sim, sim->plan.regions), sim_dice(sim, 4))};
        if (key->count > 0 && sim_percent(sim, 70))
            version = key->effects[sim_dice(sim, key->count)].version;
        iso_buf_reserve(&it->names, ISO_VERSION_SIZE);
        iso_version_put(it->names.data + it->names.size, version);
        it->names.size += ISO_VERSION_SIZE;
    }
    it->write.blind = false;
    it->write.read =
        (struct iso_names){it->names.data, it->names.size / ISO_VERSION_SIZE};
}

/* A closed log seldom: it must refuse. One that is not defined yet never: then it would
 * be no log, and its operator takes another topic. */
static const struct iso_definition_log *log_draw(struct sim *sim)
{
    for (;;) {
        const struct iso_definition_log *log =
            &sim->definition->logs[sim_dice(sim, sim->definition->log_count)];
        bool defined = sim->closing.stage != SIM_CLOSING_ANNOUNCED ||
                       iso_definition_log(sim->written, log->number) != NULL;
        if (defined && (!sim_log_is_fenced(sim, log->number) || sim_percent(sim, 10)))
            return log;
    }
}

static void begin(struct forgery *it)
{
    struct sim *sim = it->sim;
    unsigned key = (unsigned)sim_dice(sim, sim->plan.keys);
    bool is_delete = sim_percent(sim, 25);
    it->log = log_draw(sim);
    it->key = sim->keys[key];
    if (!is_delete)
        sim_value(sim, sim->oracle.schemas[sim->definition->number - 1], true,
                  &it->value);
    it->write = (struct iso_write){
        .operation = is_delete ? ISO_DELETE : ISO_PUT,
        .log = it->log->number,
        .partition = sim->key_partition[key],
        .version = {iso_hlc_of_ms(sim->truth.now_ms) + sim_dice(sim, 3),
                    node_draw(it, region_draw(it))},
        .seq = 1 + sim_dice(sim, 60),
        .blind = sim_percent(sim, 60)};
    it->message = (struct iso_message){.topic = it->log->topic,
                                       .partition = (int)sim->key_partition[key],
                                       .has_key = true,
                                       .has_value = !is_delete,
                                       .has_header = true,
                                       .key = iso_bytes_text(it->key)};
}

/* One byte or bit that is not as it should be, somewhere. */
static void garble(struct forgery *it)
{
    struct sim *sim = it->sim;
    struct iso_buf *which = sim_percent(sim, 50) ? &it->header : &it->value;
    if (which->size == 0)
        which = &it->header;
    switch (sim_dice(sim, 5)) {
    case 0:
        which->data[sim_dice(sim, which->size)] ^= (uint8_t)(1 << sim_dice(sim, 8));
        break;
    case 1:
        which->size = sim_dice(sim, which->size);
        break;
    case 2:
        iso_buf_add_u8(which, 0);
        break;
    case 3:
        it->message.has_key = false;
        break;
    default:
        it->message.has_value = !it->message.has_value;
        it->message.partition = (it->message.partition + 1) % (int)sim->plan.partitions;
        break;
    }
}

/* The definition in force, one that nobody announced, or bytes. */
static void define(struct forgery *it)
{
    struct sim *sim = it->sim;
    struct iso_definition *other;
    struct iso_why why;
    it->write.operation = ISO_DEFINE;
    it->write.blind = true;
    it->write.read = (struct iso_names){0};
    it->message.has_key = false;
    it->message.has_value = true;
    iso_buf_clear(&it->value);
    iso_buf_add_bytes(&it->value, iso_buf_bytes(&sim->definition->bytes));
    if (sim_percent(sim, 40)) {
        SIM_OK(sim, iso_definition_decode(iso_buf_bytes(&it->value), &other, &why));
        other->number++;
        other->id[0] = 99;
        SIM_OK(sim, iso_definition_encode(other, &why));
        iso_buf_clear(&it->value);
        iso_buf_add_bytes(&it->value, iso_buf_bytes(&other->bytes));
        iso_definition_free(other);
    } else if (sim_percent(sim, 50)) {
        it->value.data[sim_dice(sim, it->value.size)] ^= 1;
    }
}

/* A node that goes on where a log was closed, and not above what it wrote there. */
static bool goes_back(struct forgery *it)
{
    struct sim *sim = it->sim;
    uint32_t before = sim->oracle.succeeds[sim_log_index(sim, it->log->number)];
    if (before == 0 || sim_percent(sim, 50))
        return false;
    const struct sim_log *log =
        &sim->oracle.logs[31 - __builtin_clz(before)][it->write.partition];
    if (log->node_count == 0)
        return false;
    const struct sim_node *node = &log->nodes[sim_dice(sim, log->node_count)];
    if (node->count == 0)
        return false;
    int64_t back_ms = (int64_t)sim_dice(sim, 3) * sim->plan.tick_ms;
    it->write.version.node = node->node;
    it->write.version.hlc =
        node->intervals[node->count - 1].last_hlc - iso_hlc_of_ms(back_ms);
    return true;
}

static void forge_kind(struct forgery *it, enum sim_fault fault)
{
    struct sim *sim = it->sim;
    const struct sim_plan *plan = &sim->plan;
    switch ((int)fault) {
    case SIM_FAULT_far_future_write:
        it->write.version.hlc =
            iso_hlc_of_ms(sim->truth.now_ms +
                          (int64_t)sim_dice(sim, (uint64_t)plan->after_max_ms * 2));
        break;
    case SIM_FAULT_far_past_write:
        it->write.version.hlc =
            iso_hlc_of_ms(sim->truth.now_ms -
                          (int64_t)sim_dice(sim, (uint64_t)plan->before_max_ms * 2));
        break;
    case SIM_FAULT_forged_region:
        it->write.version.node =
            node_draw(it, 1 + (unsigned)sim_dice(sim, plan->regions + 1));
        break;
    case SIM_FAULT_forged_names:
        names_draw(it);
        if (plan->resolver == SIM_FIELDS)
            patch_forge(it);
        break;
    case SIM_FAULT_forged_definition:
        define(it);
        break;
    case SIM_FAULT_forged_disorder: /* one node, few seqs, any time nearby */
        it->write.seq = 1 + sim_dice(sim, 40);
        if (goes_back(it))
            break;
        it->write.version.node = node_draw(it, region_draw(it)) | 7;
        it->write.version.hlc = iso_hlc_of_ms(
            sim->truth.now_ms - (int64_t)sim_dice(sim, 40) * plan->tick_ms);
        break;
    default:
        break;
    }
}

void sim_forge(struct sim *sim, enum sim_fault fault)
{
    struct forgery it = {.sim = sim};
    struct iso_why why;
    begin(&it);
    forge_kind(&it, fault);
    if (fault == SIM_FAULT_record_without_header)
        it.message.has_header = false;
    else
        iso_write_encode(&it.write, &it.header);
    if (fault == SIM_FAULT_malformed_record)
        garble(&it);
    it.message.value = iso_buf_bytes(&it.value);
    it.message.header = iso_buf_bytes(&it.header);
    enum iso_err err = iso_bus_publish(sim_log_bus(sim, it.log), &it.message,
                                       ISO_HEADER_NAME, 1000, NULL, &why);
    bool fenced = sim_log_is_fenced(sim, it.log->number);
    SIM_HOLDS(sim, (err == ISO_OK) != fenced, "log %u, which is%s fenced: %s",
              it.log->number, fenced ? "" : " not", iso_err_name(err));
    iso_buf_release(&it.header);
    iso_buf_release(&it.value);
    iso_buf_release(&it.names);
    iso_buf_release(&it.seen);
}
