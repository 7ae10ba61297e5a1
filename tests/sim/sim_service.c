/* What services write and read: a service reads its region's copy, or goes on with the
 * context of its last write, or writes blind. Its session has a token, with which it
 * also reads in another region; whatever it is shown unmarked is not older than what it
 * has seen or written. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "consumer/replica.h"
#include "schema/patch.h"
#include "schema/token.h"
#include "tests/sim/sim_plugin.h"
#include "tests/sim/sim_second.h"
#include "tests/sim/sim_values.h"

/* ---- answers ---- */

/* Kept, and looked at when the producer has returned. */
static void acknowledged(void *user, const struct iso_ack *ack)
{
    struct sim_handle *handle = user;
    struct sim *sim = handle->sim;
    sim->figures.durable += ack->state == ISO_DURABLE;
    sim->figures.not_applied += ack->state == ISO_NOT_APPLIED;
    sim->figures.unknown += ack->state == ISO_MAYBE_APPLIED;
    if (sim->ack_count == sim->ack_room) {
        sim->ack_room = sim->ack_room * 2 + 64;
        sim->acks = iso_realloc(sim->acks, sim->ack_room * sizeof *sim->acks);
    }
    struct sim_ack *kept = &sim->acks[sim->ack_count++];
    *kept = (struct sim_ack){.session = (unsigned)(uintptr_t)ack->opaque,
                             .handle = (unsigned)(handle - handle->region->handles),
                             .region = handle->region,
                             .whole = *ack};
    kept->whole.text = "";
}

/* A broker's clock that is set back by more than before_max/24 takes back what its
 * answers were worth: no more is promised. So does one that is so far behind what the
 * one of a log was that this log succeeded. */
static bool clock_took_back(const struct sim *sim, const struct iso_ack *ack)
{
    unsigned index = (unsigned)sim_log_index(sim, ack->log);
    const struct sim_log *log = &sim->oracle.logs[index][ack->partition];
    const struct sim_state *before = sim_state_at(log, ack->offset);
    int64_t t_ms = before->t_ms;
    for (unsigned i = 0; i < index; i++) {
        const struct sim_state *older = &sim->oracle.logs[i][ack->partition].now;
        if (sim_log_succeeds(sim, index, i) && older->t_ms > t_ms)
            t_ms = older->t_ms;
    }
    return t_ms > log->records[ack->offset].append_ms + before->before_ms / 24;
}

/* A definition that lets writes be older does not take back the bound that a log has
 * reached by the one before: known, see docs/DESIGN.md, section 3. */
static bool before_max_grew(const struct sim *sim, const struct iso_ack *ack)
{
    const struct sim_log *log =
        &sim->oracle.logs[sim_log_index(sim, ack->log)][ack->partition];
    return sim->definition->before_max_ms > sim->plan.before_max_ms &&
           iso_hlc_ms(ack->version.hlc) <
               log->records[ack->offset].append_ms - sim->plan.before_max_ms;
}

static void ack_check(struct sim *sim, const struct sim_ack *kept)
{
    const struct iso_ack *ack = &kept->whole;
    int index = sim_log_index(sim, ack->log);
    if (ack->state == ISO_MAYBE_APPLIED || ack->offset < 0 ||
        sim->broken[ack->partition])
        return;
    SIM_HOLDS(sim, index >= 0, "an answer names log %u", ack->log);
    const struct sim_log *log = &sim->oracle.logs[index][ack->partition];
    SIM_HOLDS(sim, ack->offset < log->next, "%u/%u/%lld was answered and is in no log",
              ack->log, ack->partition, (long long)ack->offset);
    const struct sim_record *record = &log->records[ack->offset];
    bool counts = record->verdict == SIM_WRITE || record->verdict == SIM_DUPLICATE;
    SIM_HOLDS(sim, iso_version_equal(record->version, ack->version),
              "%u/%u/%lld is another write than was answered", ack->log, ack->partition,
              (long long)ack->offset);
    SIM_HOLDS(sim,
              counts == (ack->state == ISO_DURABLE) ||
                  (!counts && (clock_took_back(sim, ack) || before_max_grew(sim, ack))),
              "%u/%u/%lld was acknowledged as %s, and is refused by others: %s",
              ack->log, ack->partition, (long long)ack->offset,
              ack->state == ISO_DURABLE ? "durable" : "not applied",
              record->why != NULL ? record->why : "it is not");
}

/* The session's token learns where its write stands. */
static void ack_tell(struct sim *sim, const struct sim_ack *kept)
{
    struct sim_handle *handle = &kept->region->handles[kept->handle];
    struct iso_why why;
    if (kept->session == 0 || handle->producer == NULL)
        return;
    struct iso_buf *token = &kept->region->sessions[kept->session - 1].token;
    if (token->size > 0)
        SIM_OK(sim,
               iso_producer_acknowledge(handle->producer, &kept->whole, token, &why));
}

static void refusal_keep(struct sim *sim, const struct iso_ack *ack)
{
    if (ack->state != ISO_NOT_APPLIED)
        return;
    if (sim->refusal_count == sim->refusal_room) {
        sim->refusal_room = sim->refusal_room * 2 + 64;
        sim->refusals =
            iso_realloc(sim->refusals, sim->refusal_room * sizeof *sim->refusals);
    }
    sim->refusals[sim->refusal_count++] =
        (struct sim_refusal){ack->version, ack->partition};
}

void sim_answers_check(struct sim *sim)
{
    const struct sim_figures *figures = &sim->figures;
    uint64_t answers = figures->durable + figures->unknown + figures->not_applied;
    SIM_HOLDS(sim, answers == figures->writes, "%llu answers to %llu writes",
              (unsigned long long)answers, (unsigned long long)figures->writes);
    for (unsigned k = 0; k < sim->plan.keys; k++) {
        const struct sim_key *key = &sim->oracle.keys[k];
        for (size_t i = 0; i < sim->refusal_count; i++) {
            const struct sim_refusal *refusal = &sim->refusals[i];
            for (size_t e = 0; refusal->partition == sim->key_partition[k] &&
                               !sim->broken[refusal->partition] && e < key->count;
                 e++)
                SIM_HOLDS(sim,
                          !iso_version_equal(key->effects[e].version, refusal->version),
                          "a write of %s that was refused stands in log %u",
                          sim->keys[k], sim->oracle.numbers[key->effects[e].log]);
        }
    }
}

void sim_acks_check(struct sim *sim)
{
    if (sim->ack_count == 0)
        return;
    sim_oracle_read(sim);
    for (size_t i = 0; i < sim->ack_count; i++) {
        ack_check(sim, &sim->acks[i]);
        refusal_keep(sim, &sim->acks[i].whole);
        ack_tell(sim, &sim->acks[i]);
    }
    sim->ack_count = 0;
}

/* ---- handles ---- */

/* What stands in every log now, for a producer whose log was closed. While its cluster
 * is cut off, nobody can say. */
static enum iso_err definition_ask(void *user, const struct iso_definition **definition,
                                   struct iso_bus **bus, struct iso_why *why)
{
    struct sim_region *region = user;
    struct sim *sim = region->sim;
    const struct iso_definition_log *log =
        iso_definition_log_of(sim->written, region->number);
    if (region->cut[0] != 0)
        return iso_fail(why, ISO_UNAVAILABLE, "the home cluster is away: heal it");
    *definition = sim->written;
    *bus = log == NULL ? NULL : region->fronts[sim_cluster_of(sim, log->cluster)];
    return ISO_OK;
}

void sim_handle_open(struct sim_region *region, unsigned n)
{
    struct sim *sim = region->sim;
    struct sim_handle *handle = &region->handles[n];
    struct iso_why why = {0};
    const struct iso_definition_log *log =
        iso_definition_log_of(sim->written, region->number);
    struct iso_producer_ground ground = {
        .bus = region->fronts[sim_cluster_of(sim, log->cluster)],
        .definition = sim->written,
        .region = region->number,
        .clock = &region->service_clock.manual.clock,
        .chance = &region->chance,
        .queue_max = 1 << 20,
        .pending_max = 1000,
        .renewal = {.ask = definition_ask, .user = region, .timeout_ms = 1000},
    };
    struct iso_producer_options options = {.region = region->name,
                                           .collection = "cart",
                                           .acknowledged = acknowledged,
                                           .user = handle};
    SIM_OK(sim, iso_producer_open_on(&ground, &options, &handle->producer, &why));
}

void sim_handle_close(struct sim_region *region, unsigned n)
{
    iso_producer_close(region->handles[n].producer);
    region->handles[n].producer = NULL;
}

void sim_services_poll(struct sim *sim, struct sim_region *region)
{
    for (unsigned h = 0; h < SIM_HANDLES; h++)
        if (region->handles[h].producer != NULL)
            iso_producer_poll(region->handles[h].producer, 0);
    sim_second_poll(region);
    sim_acks_check(sim);
}

/* ---- reads ---- */

static int key_draw(struct sim *sim)
{
    unsigned keys = sim->plan.keys;
    if ((sim->plan.hot || sim->plan.plugin) && sim_percent(sim, 80))
        keys = keys < 4 ? keys : 4;
    return (int)sim_dice(sim, keys);
}

/* False: the region has nothing to read from. */
static bool region_read(struct sim_region *region, int key,
                        const struct iso_read_options *options, struct iso_read *read,
                        enum iso_err *err)
{
    struct sim *sim = region->sim;
    struct iso_replica *replica;
    struct iso_why why = {0};
    struct iso_bytes name = iso_bytes_text(sim->keys[key]);
    *err = iso_replica_open_on(region->stores, sim->plan.shards,
                               &region->service_clock.manual.clock, &replica, &why);
    if (*err != ISO_OK)
        return false;
    *err = options == NULL
               ? iso_replica_get(replica, "cart", name, read, &why)
               : iso_replica_get_fresh(replica, "cart", name, options, read, &why);
    iso_replica_close(replica);
    bool shown = *err == ISO_OK || *err == ISO_NOT_FOUND;
    SIM_HOLDS(sim,
              shown || *err == ISO_STALE || *err == ISO_NO_DEFINITION ||
                  iso_err_kind(*err) == ISO_RETRY,
              "%s cannot read %s: %s", region->name, sim->keys[key], why.text);
    return shown;
}

static uint64_t token_hlc(struct sim *sim, const struct iso_buf *bytes)
{
    struct iso_token token = {0};
    struct iso_why why;
    SIM_OK(sim, iso_token_decode(iso_buf_bytes(bytes), &token, &why));
    uint64_t hlc = token.hlc;
    iso_token_release(&token);
    return hlc;
}

/* Is there a write of that key and time in some log, and does it count? What never
 * arrived, or too late, need not be shown. */
static bool write_counts(const struct sim *sim, int index, uint64_t hlc,
                         unsigned region)
{
    const struct sim_key *key = &sim->oracle.keys[index];
    for (size_t i = 0; i < key->count; i++)
        if (key->effects[i].version.hlc == hlc &&
            iso_node_region(key->effects[i].version.node) == region)
            return !sim->broken[sim->key_partition[index]];
    return false;
}

void sim_read(struct sim *sim, struct sim_region *region)
{
    struct sim_region *home = &sim->regions[sim_dice(sim, sim->plan.regions)];
    struct sim_session *session = &home->sessions[sim_dice(sim, SIM_SESSIONS)];
    int key = key_draw(sim);
    struct iso_read read = {0};
    struct iso_read_options options = {.token = iso_buf_bytes(&session->token),
                                       .stale = ISO_STALE_MARK};
    enum iso_err err;
    if (region_read(region, key, &options, &read, &err)) {
        uint64_t *known = &session->known[key];
        sim->figures.reads++;
        sim->figures.stale_reads += read.stale;
        /* A value that nobody's context could show any more is gone by being swept. */
        SIM_HOLDS(sim,
                  read.stale || read.version.hlc >= *known ||
                      sim->plan.resolver != SIM_LWW || read.version.hlc == 0 ||
                      !write_counts(sim, key, *known, session->by[key]),
                  "%s shows %s at %016llx to a session that knows %016llx",
                  region->name, sim->keys[key], (unsigned long long)read.version.hlc,
                  (unsigned long long)*known);
        if (read.version.hlc > *known) {
            *known = read.version.hlc;
            session->by[key] = iso_node_region(read.version.node);
        }
        iso_buf_clear(&session->token);
        iso_buf_add_bytes(&session->token, iso_buf_bytes(&read.token));
        sim_trace(sim, "%s ? %s %s%s", region->name, sim->keys[key],
                  err == ISO_OK ? "shown" : "nothing", read.stale ? ", stale" : "");
        if (sim->plan.plugin)
            sim_plugin_read(region, key, &read);
    }
    iso_read_release(&read);
}

/* ---- writes ---- */

struct writing {
    struct sim *sim;
    struct sim_region *region;
    struct sim_session *session;
    struct iso_producer *producer;
    int key;
    struct iso_write_options options;
    struct iso_why why;
    const char *what;
};

/* Half of the writes have a context: of a read now, or of the session. */
static void context_draw(struct writing *writing)
{
    struct sim *sim = writing->sim;
    struct iso_buf *context = &writing->session->contexts[writing->key];
    struct iso_read read = {0};
    enum iso_err err;
    if (sim_percent(sim, 50))
        return;
    if (sim_percent(sim, 30)) {
        writing->options.context = context;
    } else if (region_read(writing->region, writing->key, NULL, &read, &err)) {
        iso_buf_clear(context);
        iso_buf_add_bytes(context, iso_buf_bytes(&read.context));
        writing->options.context = context;
    }
    iso_read_release(&read);
}

static enum iso_err write_put(struct writing *writing, struct iso_bytes key)
{
    struct sim *sim = writing->sim;
    struct iso_buf value = {0};
    writing->what = "put";
    sim_value(sim, iso_producer_schemas(writing->producer),
              writing->options.context == NULL, &value);
    enum iso_err err = iso_producer_put(writing->producer, key, iso_buf_bytes(&value),
                                        &writing->options, &writing->why);
    iso_buf_release(&value);
    return err;
}

static enum iso_err write_patch(struct writing *writing, struct iso_bytes key)
{
    struct iso_edit *edit =
        sim_edit(writing->sim, iso_producer_schemas(writing->producer));
    enum iso_err err = ISO_AGAIN; /* two steps may have left nothing */
    writing->what = "patch";
    if (iso_edit_patch(edit)->step_count > 0)
        err = iso_producer_patch(writing->producer, key, edit, &writing->options,
                                 &writing->why);
    iso_edit_free(edit);
    return err;
}

static enum iso_err write_some(struct writing *writing)
{
    struct sim *sim = writing->sim;
    struct iso_bytes key = iso_bytes_text(sim->keys[writing->key]);
    bool fields = sim->plan.resolver == SIM_FIELDS;
    if (sim_percent(sim, 20)) {
        writing->what = "delete";
        enum iso_err err = iso_producer_delete(writing->producer, key,
                                               &writing->options, &writing->why);
        /* A session that has counted reads again before it deletes. */
        return err == ISO_STALE && fields ? ISO_AGAIN : err;
    }
    if (fields && sim_percent(sim, 60))
        return write_patch(writing, key);
    if (!fields && sim_percent(sim, 12)) {
        writing->options.has_expiry = true;
        writing->options.expiry_ms =
            sim->truth.now_ms + (int64_t)sim_dice(sim, 2000) * sim->plan.tick_ms;
    }
    return write_put(writing, key);
}

static struct iso_producer *producer_draw(struct sim *sim, struct sim_region *region)
{
    struct sim_handle *second = &region->handles[1];
    return second->producer != NULL && sim_percent(sim, 40)
               ? second->producer
               : region->handles[0].producer;
}

void sim_write(struct sim *sim, struct sim_region *region)
{
    unsigned session = (unsigned)sim_dice(sim, SIM_SESSIONS);
    int key = key_draw(sim);
    struct writing writing = {.sim = sim,
                              .region = region,
                              .session = &region->sessions[session],
                              .producer = producer_draw(sim, region),
                              .key = key,
                              .options = {.opaque = (void *)(uintptr_t)(session + 1)}};
    context_draw(&writing);
    if (sim_percent(sim, 40))
        writing.options.token = &writing.session->token;
    enum iso_err err = write_some(&writing);
    SIM_HOLDS(sim,
              err == ISO_OK || err == ISO_AGAIN || err == ISO_TOO_LARGE ||
                  err == ISO_CLOCK_SKEW ||
                  (err == ISO_STALE && sim->plan.resolver == SIM_FIELDS),
              "%s cannot write: %s: %s", region->name, iso_err_name(err),
              writing.why.text);
    sim->figures.writes += err == ISO_OK;
    if (err == ISO_OK && writing.options.token != NULL) {
        writing.session->known[key] = token_hlc(sim, &writing.session->token);
        writing.session->by[key] = region->number;
    }
    sim_trace(sim, "%s > %s %s%s%s", region->name, writing.what, sim->keys[writing.key],
              writing.options.context != NULL ? " with context" : "",
              err == ISO_OK ? "" : ": not now");
}
